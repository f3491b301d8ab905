"""The "round-trip" probe: a complete snapshot goes into a real, throw-away registry and is pulled back.

What a registry refuses, or gives back differently, is no image, however well its files look. One ``registry:2`` a
worker process, started by testcontainers; a namespace a submission; its storage is memory that goes away with it.
Source of the protocol: https://github.com/opencontainers/distribution-spec/blob/main/spec.md (Push, Pull).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urljoin

import requests

from autograder.domain import manifests
from autograder.domain.manifests import ImageIndex
from autograder.evidence.layout import LayoutSource, blob_name
from autograder.evidence.model import Repository
from autograder.grading import leftovers
from autograder.services import images

NAME = "round-trip"
PORT = 5000
STORAGE = 640 << 20  # bytes of memory a registry may fill; nothing is reserved
RENEW_AFTER = 256 << 20  # bytes pushed after which the next submission gets a new registry
MAX_TAGS = 1000
READY_SECONDS = 60.0
TIMEOUT = (5.0, 60.0)  # seconds to connect, seconds without a byte


class ProbeFault(Exception):
    """The throw-away registry failed, not the submission."""


class ThrowAwayRegistry:
    """A real ``registry:2`` on a free loopback port, gone with :meth:`stop` or the next sweep.

    Raises:
        ProbeFault: it cannot be started.
    """

    def __init__(self) -> None:
        from docker.errors import DockerException
        from testcontainers.core.config import ConnectionMode, testcontainers_config
        from testcontainers.core.container import DockerContainer

        # No Ryuk: its image is one more to have, and our labels do its work. Mapped ports, whatever the network.
        # Set here and not by TESTCONTAINERS_… variables, which are read once, at the first import by anybody.
        testcontainers_config.ryuk_disabled = True
        testcontainers_config.connection_mode_override = ConnectionMode.docker_host
        self.pushed = 0
        container = DockerContainer(images.REGISTRY)
        container.with_env("REGISTRY_LOG_LEVEL", "error").with_env("OTEL_TRACES_EXPORTER", "none")
        container.with_tmpfs_mount("/var/lib/registry", f"size={STORAGE}")
        container.with_kwargs(labels=leftovers.labels("probe"), log_config={"Type": "none"}, mem_limit=STORAGE * 2)
        container.ports[f"{PORT}/tcp"] = ("127.0.0.1", None)  # the library's own way publishes on every interface
        self._container = container
        try:
            container.start()
            self.url = f"http://127.0.0.1:{container.get_exposed_port(PORT)}/v2/"
            self._await()
        except (DockerException, requests.RequestException, OSError, TimeoutError) as error:
            self.stop()
            raise ProbeFault(f"the throw-away registry did not start: {error}") from None

    def _await(self) -> None:
        until = time.monotonic() + READY_SECONDS
        session = requests.Session()
        session.trust_env = False
        while True:
            try:
                if session.get(self.url, timeout=TIMEOUT).status_code == 200:
                    return
                seen = "another status"
            except requests.RequestException as error:
                seen = type(error).__name__
            if time.monotonic() > until:
                raise TimeoutError(f"no answer at {self.url} within {READY_SECONDS:.0f} s ({seen})")
            time.sleep(0.05)

    def stop(self) -> None:
        """Remove it; harmless when it is gone already."""
        from docker.errors import DockerException

        try:
            self._container.stop(force=True, delete_volume=True)
        except (DockerException, requests.RequestException, OSError):
            return  # its labels let the next sweep find it


class Probe:
    """Round trips against a registry that is started at the first need, renewed when full or broken."""

    def __init__(self, start: Callable[[], ThrowAwayRegistry] = ThrowAwayRegistry) -> None:
        self._start = start
        self._registry: ThrowAwayRegistry | None = None

    def run(self, namespace: str, repositories: Mapping[str, tuple[Repository, LayoutSource]]) -> dict[str, Any]:
        """Probe every repository.

        Args:
            namespace: a path component that no other submission has.
            repositories: "SERVICE/REPOSITORY" -> verified snapshot and where its files are.

        Returns:
            per repository ``{"tags": {TAG: {"digest", "pulled"}}, "digests": {DIGEST: bool}, "error": text or None}``.

        Raises:
            ProbeFault: the registry fails, also a new one.
        """
        for attempt in (1, 2):
            try:
                registry = self._ready()
                found = {}
                for name, (repository, source) in repositories.items():
                    trip = RoundTrip(registry.url, f"{namespace}/{name}", repository, source)
                    found[name] = trip.run()
                    registry.pushed += trip.bytes
                return found
            except (ProbeFault, requests.RequestException) as error:
                self.close()
                if attempt == 2:
                    raise ProbeFault(str(error)) from None
        raise AssertionError("unreachable")

    def _ready(self) -> ThrowAwayRegistry:
        if self._registry is not None and self._registry.pushed > RENEW_AFTER:
            self.close()
        if self._registry is None:
            self._registry = self._start()
        return self._registry

    def close(self) -> None:
        """Remove the registry."""
        registry, self._registry = self._registry, None
        if registry is not None:
            registry.stop()


class RoundTrip:
    """Push one snapshot and pull it back."""

    def __init__(self, base: str, name: str, repository: Repository, source: LayoutSource) -> None:
        self._ping, self._url = base, urljoin(base, f"{name}/")
        self._repository, self._source = repository, source
        self._session = requests.Session()
        self._session.trust_env = False
        self._pulled: dict[str, bool] = {}  # blobs: many tags share them, once is enough
        self.bytes = 0

    def run(self) -> dict[str, Any]:
        """The result, see :meth:`Probe.run`.

        Raises:
            ProbeFault: the registry answers with a server error.
            requests.RequestException: it does not answer.
        """
        repository = self._repository
        if len(repository.tags) > MAX_TAGS:
            return {"tags": {}, "digests": {}, "error": f"more than {MAX_TAGS} tags"}
        error = self._push()
        tags = {tag: {"digest": d, "pulled": self._pull(tag, d)} for tag, d in sorted(repository.tags.items())}
        digests = {digest: self._pull(digest, digest) for digest in sorted(repository.manifests)}
        return {"tags": tags, "digests": digests, "error": error}

    def _request(self, method: str, url: str, *, may_fail: bool = False, **options: Any) -> requests.Response:
        response = self._session.request(method, url, timeout=TIMEOUT, **options)
        if response.status_code >= 500 and not may_fail:
            raise ProbeFault(f"the throw-away registry answered {response.status_code} to {method}")
        return response

    def _push(self) -> str | None:
        """Blobs, then manifests with children first, then tags; the first refusal in words, or None."""
        for digest, size in self._repository.blobs.items():
            refusal = self._push_blob(digest, size)
            if refusal:
                return refusal
        for digest in self._children_first():
            refusal = self._push_manifest(digest, digest)
            if refusal:
                return refusal
        for tag, digest in sorted(self._repository.tags.items()):
            refusal = self._push_manifest(digest, tag)
            if refusal:
                return refusal
        return None

    def _push_blob(self, digest: str, size: int) -> str | None:
        begun = self._request("POST", urljoin(self._url, "blobs/uploads/"))
        if begun.status_code != 202:
            return _refusal("an upload", begun)
        with self._source.open(blob_name(digest)) as file:
            done = self._request(
                "PUT",
                urljoin(self._url, begun.headers["Location"]),
                params={"digest": digest},
                data=file if size else b"",
                headers={"Content-Type": "application/octet-stream", "Content-Length": str(size)},
            )
        self.bytes += size
        return None if done.status_code == 201 else _refusal(digest, done)

    def _push_manifest(self, digest: str, reference: str) -> str | None:
        manifest = self._repository.manifests[digest]
        done = self._request(
            "PUT",
            urljoin(self._url, f"manifests/{reference}"),
            data=manifest.raw,
            headers={"Content-Type": manifest.media_type},
            may_fail=True,
        )
        if done.status_code >= 500:  # registry:2 answers some malformed manifests so; a healthy one still pings
            self._request("GET", self._ping)
        return None if done.status_code == 201 else _refusal(reference, done)

    def _children_first(self) -> list[str]:
        order: list[str] = []
        waiting = [(digest, False) for digest in sorted(self._repository.manifests, reverse=True)]
        begun: set[str] = set()
        while waiting:
            digest, expanded = waiting.pop()
            if expanded:
                order.append(digest)
            elif digest not in begun and digest in self._repository.manifests:
                begun.add(digest)
                waiting.append((digest, True))
                parsed = self._repository.parsed(digest)
                if isinstance(parsed, ImageIndex):
                    waiting += [(child.digest, False) for child in parsed.manifests]
        return order

    def _pull(self, reference: str, digest: str) -> bool:
        """Whether the registry gives back exactly the manifest, and it still has everything the manifest names."""
        got = self._request("GET", urljoin(self._url, f"manifests/{reference}"), headers={"Accept": manifests.ACCEPT})
        if got.status_code != 200 or manifests.digest_of(got.content) != digest:
            return False
        parsed = self._repository.parsed(digest)
        if parsed is None:
            return False
        if isinstance(parsed, ImageIndex):
            return all(
                self._request("HEAD", urljoin(self._url, f"manifests/{c.digest}"), headers={"Accept": manifests.ACCEPT})
                .status_code == 200
                for c in parsed.manifests
            )  # fmt: skip
        return all(self._pull_blob(part.digest) for part in parsed.references)

    def _pull_blob(self, digest: str) -> bool:
        if digest in self._pulled:
            return self._pulled[digest]
        got = self._request("GET", urljoin(self._url, f"blobs/{digest}"))
        self._pulled[digest] = got.status_code == 200 and manifests.digest_of(got.content) == digest
        return self._pulled[digest]


def _refusal(what: str, response: requests.Response) -> str:
    """The registry's own words: https://github.com/opencontainers/distribution-spec/blob/main/spec.md#error-codes."""
    try:
        first = response.json()["errors"][0]
        said = f"{first['code']}: {first['message']}"
    except (ValueError, LookupError, TypeError):
        said = f"HTTP {response.status_code}"
    return f"the registry refused {what}: {said}"[:300]


def complete(repository: Repository) -> bool:
    """Whether a snapshot holds everything, verified, so that it can be loaded into a registry."""
    return repository.layers == "all" and not repository.problems
