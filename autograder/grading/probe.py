"""The "round-trip" probe: a complete snapshot goes into a real, throw-away registry and is pulled back.

What a registry refuses, or gives back differently, is no image, however well its files look. One ``registry:2`` a
worker process, started by testcontainers; a namespace a submission; its storage is memory that goes away with it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from autograder.evidence.layout import LayoutSource, blob_name
from autograder.evidence.model import Repository
from autograder.oci import manifests
from autograder.oci.client import PIECE, Missing, Refused, RegistryClient, Unreachable
from autograder.oci.manifests import ImageIndex
from autograder.services.ports import LOOPBACK
from autograder.services.throwaway import ProbeFault, ThrowAwayRegistry

VERSION = 1  # raise it when the same snapshots would give other results
STORAGE = 640 << 20  # bytes of memory a registry may fill; nothing is reserved
RENEW_AFTER = 256 << 20  # bytes pushed after which the next submission gets a new registry
MAX_TAGS = 1000
MAX_PUSHED = 64 << 20  # bytes of manifests, once for each tag; a registry works on each
READY_SECONDS = 300.0


class RoundTripRegistry:
    """A registry that answers on plain HTTP, renewed by its owner when it is full.

    Raises:
        ProbeFault: it cannot be started, or does not answer.
    """

    def __init__(self) -> None:
        self.pushed = 0
        self._registry = ThrowAwayRegistry(storage=STORAGE)
        self.client = RegistryClient(f"{LOOPBACK}:{self._registry.port}")
        try:
            if not self._registry.listens():
                raise ProbeFault(f"the throw-away registry ended: {self._registry.log()[-300:]}")
            self._await()
        except ProbeFault:
            self.stop()
            raise

    def _await(self) -> None:
        until = time.monotonic() + READY_SECONDS
        while True:
            try:
                if self.client.ping() == 200:
                    return
                seen = "another status"
            except Unreachable as error:
                seen = error.found
            if time.monotonic() > until:
                raise ProbeFault(f"no answer at {self.client.address} within {READY_SECONDS:.0f} s ({seen})")
            time.sleep(0.05)

    def stop(self) -> None:
        """Remove it."""
        self._registry.stop()


class Probe:
    """Round trips against a registry that is started at the first need, renewed when full or broken."""

    def __init__(self, start: Callable[[], RoundTripRegistry] = RoundTripRegistry) -> None:
        self._start = start
        self._registry: RoundTripRegistry | None = None

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
                    trip = RoundTrip(registry.client, f"{namespace}/{name}", repository, source)
                    found[name] = trip.run()
                    registry.pushed += trip.bytes
                return found
            except (ProbeFault, Unreachable) as error:
                self.close()
                if attempt == 2:
                    raise ProbeFault(error.found if isinstance(error, Unreachable) else str(error)) from None
        raise AssertionError("unreachable")

    def _ready(self) -> RoundTripRegistry:
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

    def __init__(self, client: RegistryClient, name: str, repository: Repository, source: LayoutSource) -> None:
        self._client, self._name = client, name
        self._repository, self._source = repository, source
        self._pulled: dict[str, bool] = {}  # blobs: many tags share them, once is enough
        self._whole: dict[str, bool] = {}  # manifests, with all that they name, likewise
        self.bytes = 0

    def run(self) -> dict[str, Any]:
        """The result, see :meth:`Probe.run`.

        Raises:
            ProbeFault: the registry answers with a server error.
            Unreachable: it does not answer.
        """
        repository = self._repository
        if len(repository.tags) > MAX_TAGS:
            return {"tags": {}, "digests": {}, "error": f"more than {MAX_TAGS} tags"}
        sizes = {digest: len(manifest.raw) for digest, manifest in repository.manifests.items()}
        if sum(sizes.values()) + sum(sizes.get(digest, 0) for digest in repository.tags.values()) > MAX_PUSHED:
            most = f"more than {MAX_PUSHED >> 20} MiB of manifests, counted once for each tag"
            return {"tags": {}, "digests": {}, "error": most}
        error = self._push()
        tags = {tag: {"digest": d, "pulled": self._pull(tag, d)} for tag, d in sorted(repository.tags.items())}
        digests = {digest: self._pull(digest, digest) for digest in sorted(repository.manifests)}
        return {"tags": tags, "digests": digests, "error": error}

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
        self.bytes += size
        try:
            with self._source.open(blob_name(digest)) as file:
                self._client.push_blob(self._name, digest, iter(lambda: file.read(PIECE), b""), size)
        except Refused as refused:
            return _refusal(digest, _no_fault(refused))
        return None

    def _push_manifest(self, digest: str, reference: str) -> str | None:
        manifest = self._repository.manifests[digest]
        try:
            self._client.push_manifest(self._name, reference, manifest.media_type, manifest.raw)
        except Refused as refused:
            if refused.status >= 500 and self._client.ping() >= 500:  # registry:2 answers some malformed ones so, too
                raise _fault(refused) from None
            return _refusal(reference, refused)
        return None

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
        try:
            if self._client.manifest(self._name, reference).digest != digest:
                return False
            if digest not in self._whole:
                self._whole[digest] = False
                self._whole[digest] = self._has_all(digest)
            return self._whole[digest]
        except Missing:
            return False
        except Refused as refused:
            _no_fault(refused)
            return False

    def _has_all(self, digest: str) -> bool:
        parsed = self._repository.parsed(digest)
        if parsed is None:
            return False
        if isinstance(parsed, ImageIndex):
            return all(self._client.head(self._name, child) for child in {part.digest for part in parsed.manifests})
        return all(self._pull_blob(part.digest) for part in parsed.references)

    def _pull_blob(self, digest: str) -> bool:
        if digest not in self._pulled:
            self._pulled[digest] = False
            self._pulled[digest] = manifests.digest_of_pieces(self._client.blob(self._name, digest)) == digest
        return self._pulled[digest]


def _no_fault(refused: Refused) -> Refused:
    """What the registry refused, unless the fault is its own. Raises :class:`ProbeFault`."""
    if refused.status >= 500:
        raise _fault(refused) from None
    return refused


def _fault(refused: Refused) -> ProbeFault:
    return ProbeFault(f"the throw-away registry answered {refused.found}"[:300])


def _refusal(what: str, refused: Refused) -> str:
    """The registry's own words: https://github.com/opencontainers/distribution-spec/blob/main/spec.md#error-codes."""
    code, message = refused.error.get("code"), refused.error.get("message")
    said = f"{code}: {message}" if code and message else f"HTTP {refused.status}"
    return f"the registry refused {what}: {said}"[:300]


def complete(repository: Repository) -> bool:
    """Whether a snapshot holds everything, verified, so that it can be loaded into a registry."""
    return repository.layers == "all" and not repository.problems
