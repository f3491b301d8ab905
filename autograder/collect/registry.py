"""Read a registry over ``/v2/``: snapshots of repositories as Evidence, and as OCI layouts on disk.

Source of the protocol: https://github.com/opencontainers/distribution-spec/blob/main/spec.md
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from urllib.parse import urljoin

import requests

from autograder.domain.bases import Bases, of_base
from autograder.errors import EnvironmentProblem
from autograder.evidence import layout
from autograder.evidence.model import LayerPolicy, Manifest, Problem, Repository
from autograder.oci import manifests
from autograder.oci.manifests import Descriptor, ImageIndex, ImageManifest
from autograder.services import http

TIMEOUT = (10.0, 120.0)  # seconds to connect, seconds without a byte; a port that is closed says so at once
PAGE = 1000


class Missing(Exception):
    """The registry answered 404."""


class RegistryClient:
    """A client of one registry: it reads, and deletes what a reset removes.

    Args:
        address: ``localhost:5001``, without scheme.
        auth: user name and password for Basic authentication, or None.
        root: where the API is; elsewhere only in the clouds' emulators.
        bearer: a token that every request carries, or "".
        scheme: http or https.
    """

    def __init__(
        self,
        address: str,
        auth: tuple[str, str] | None = None,
        *,
        root: str = "/v2/",
        bearer: str = "",
        scheme: str = "http",
    ) -> None:
        self.address = address
        self._base = f"{scheme}://{address}{root}"
        self._session = requests.Session()
        self._session.trust_env = False  # a proxy of the machine must not see (or break) loopback traffic
        self._session.auth = auth
        if bearer:
            self._session.headers["Authorization"] = f"Bearer {bearer}"

    def _request(self, method: str, path: str, **options: object) -> requests.Response:
        try:
            response = self._session.request(method, urljoin(self._base, path), timeout=TIMEOUT, **options)  # type: ignore[arg-type]
        except requests.RequestException as error:
            raise EnvironmentProblem(
                expected=f"a registry that answers at {self.address}",
                found=f"no answer: {http.in_words(error)}",
                next_step="Run `python3 course.py start`, then try again.",
            ) from None
        if response.status_code < 400:
            return response
        with response:  # a streamed one holds its connection until it is closed
            if response.status_code == 404:
                raise Missing(path)
            raise EnvironmentProblem(
                expected=f"{self.address} answers {method} /v2/{path}",
                found=f"HTTP {response.status_code}: {response.text[:200]}",
                next_step="Run `python3 course.py doctor`.",
            )

    def _no_registry(self, found: str) -> EnvironmentProblem:
        return EnvironmentProblem(
            expected=f"a registry that answers at {self.address}",
            found=found,
            next_step="Run `python3 course.py doctor`.",
        )

    def _pages(self, path: str, key: str) -> list[str]:
        found: list[str] = []
        next_path: str | None = f"{path}?n={PAGE}"
        while next_path:
            response = self._request("GET", next_path)
            try:
                found += response.json().get(key) or []
            except (ValueError, AttributeError, TypeError):
                raise self._no_registry(f"an answer to /v2/{path} that is no list of names") from None
            link = re.match(r'<([^>]+)>;\s*rel="?next"?', response.headers.get("Link", ""))
            next_path = link[1].removeprefix("/v2/") if link else None
        return found

    def catalog(self) -> list[str]:
        """Names of all repositories."""
        return self._pages("_catalog", "repositories")

    def tags(self, name: str) -> list[str]:
        """All tags of a repository; empty when it does not exist (or holds no tag)."""
        try:
            return self._pages(f"{name}/tags/list", "tags")
        except Missing:
            return []

    def head(self, name: str, reference: str) -> str | None:
        """The digest a tag points at, without fetching the manifest; None when it is not there."""
        try:
            response = self._request("HEAD", f"{name}/manifests/{reference}", headers={"Accept": manifests.ACCEPT})
        except Missing:
            return None
        return response.headers.get("Docker-Content-Digest")

    def manifest(self, name: str, reference: str) -> Manifest:
        """The exact manifest that a tag or digest points at.

        Raises:
            Missing: it is not there.
        """
        response = self._request("GET", f"{name}/manifests/{reference}", headers={"Accept": manifests.ACCEPT})
        kind = response.headers.get("Content-Type", "").partition(";")[0].strip()
        return Manifest(media_type=kind, text=response.content.decode("utf-8"))

    def delete(self, name: str, digest: str) -> None:
        """Delete a manifest; every tag that points at it goes with it.

        Raises:
            Missing: it is not there.
        """
        self._request("DELETE", f"{name}/manifests/{digest}")

    def blob_size(self, name: str, digest: str) -> int | None:
        """Size in bytes of a blob; None when the repository has none of that digest."""
        try:
            response = self._request("HEAD", f"{name}/blobs/{digest}", allow_redirects=True)
        except Missing:
            return None
        return int(response.headers.get("Content-Length", 0))

    def blob(self, name: str, digest: str) -> Iterator[bytes]:
        """The bytes of a blob, in pieces.

        Raises:
            Missing: it is not there.
        """
        response = self._request("GET", f"{name}/blobs/{digest}", stream=True)
        with response:  # also where the caller stops in the middle
            try:
                yield from response.iter_content(1 << 20)
            except requests.RequestException as error:
                raise self._no_registry(f"the transfer of {digest} did not end: {http.in_words(error)}") from None


_contents: dict[str, str] = {}  # digest -> base64; content never changes, so a notebook reads each config once


def snapshot(
    client: RegistryClient,
    service: str,
    name: str,
    *,
    layers: LayerPolicy = "none",
    bases: Bases = (),
    also: Iterable[str] = (),
) -> Repository | None:
    """What a repository holds now.

    Args:
        client: the registry.
        service: the name that Evidence gives it.
        name: the repository.
        layers: which layers must be there.
        bases: the known bases; the layers of the one that an image stands on need not be there with "above-base".
        also: digests of untagged manifests to include, where they exist and are manifests.

    Returns:
        The snapshot, or None when the repository has neither a tag nor one of ``also``.
    """
    tags: dict[str, str] = {}
    found: dict[str, Manifest] = {}
    problems: list[Problem] = []
    for tag in client.tags(name):
        try:
            manifest = client.manifest(name, tag)
        except Missing:
            problems.append(Problem(kind="dangling-tag", subject=tag, detail="points at a manifest that is gone"))
            continue
        except UnicodeDecodeError:
            problems.append(Problem(kind="malformed", subject=tag, detail="points at a manifest that is not UTF-8"))
            continue
        digest = manifests.digest_of(manifest.raw)
        tags[tag], found[digest] = digest, manifest
    waiting = [*found, *also]
    blobs: dict[str, int] = {}
    contents: dict[str, str] = {}
    visited: set[str] = set()
    heavy: set[str] = set()
    base_layers: set[str] = set()
    total = 0  # bytes, with the limit that a submission has, so that checks say now what grading will say
    while waiting:
        digest = waiting.pop()
        if digest in visited:
            continue
        visited.add(digest)
        if digest not in found:
            try:
                manifest = client.manifest(name, digest)
            except EnvironmentProblem:
                # Asked for a config or a layer as a manifest, registry:2 answers 500. Students record such digests.
                if digest not in also or client.blob_size(name, digest) is None:
                    raise
                continue
            except Missing:
                if digest not in also:
                    problems.append(Problem(kind="missing-manifest", subject=digest, detail="not in the registry"))
                continue
            except UnicodeDecodeError:
                problems.append(Problem(kind="malformed", subject=digest, detail="is not UTF-8"))
                continue
            found[digest] = manifest
        try:
            parsed = manifests.parse(found[digest].raw, found[digest].media_type or None)
        except manifests.ManifestError as error:
            problems.append(Problem(kind="malformed", subject=digest, detail=str(error)))
            continue
        if isinstance(parsed, ImageIndex):
            waiting += [child.digest for child in parsed.manifests]
            continue
        for descriptor in _travelling(parsed, layers, bases, contents, base_layers):
            if descriptor.digest in blobs or descriptor.digest in heavy:
                continue
            if total + descriptor.size > layout.MAX_LAYERS:
                heavy.add(descriptor.digest)
                detail = f"{descriptor.digest} has {descriptor.size:,} bytes, and does not fit in a submission"
                problems.append(Problem(kind="too-large", subject=name, detail=detail))
                continue
            _note_blob(client, name, descriptor, descriptor is parsed.config, blobs, contents, problems)
            total += blobs.get(descriptor.digest, 0)
    if not tags and not found and not problems:
        return None
    return Repository(
        service=service,
        name=name,
        layers=layers,
        tags=tags,
        manifests=found,
        blobs=blobs,
        contents=contents,
        base_layers=tuple(sorted(base_layers)),
        problems=tuple(problems),
    )


def _travelling(
    image: ImageManifest, layers: LayerPolicy, bases: Bases, contents: Mapping[str, str], base_layers: set[str]
) -> Iterator[Descriptor]:
    """The config, then the layers that travel; which are the base's shows when the config is among ``contents``."""
    yield image.config
    if layers == "none":
        return
    lowest: tuple[str, ...] = ()
    if layers == "above-base":
        config = manifests.json_object(base64.b64decode(contents.get(image.config.digest, "")))
        lowest = of_base(image, config, bases)
        base_layers.update(lowest)
    yield from (layer for layer in image.layers if layer.digest not in lowest)


def _note_blob(
    client: RegistryClient,
    name: str,
    descriptor: Descriptor,
    is_config: bool,
    blobs: dict[str, int],
    contents: dict[str, str],
    problems: list[Problem],
) -> None:
    digest = descriptor.digest
    if descriptor.size <= layout.MAX_CONTENT:
        if digest not in _contents:
            try:
                content = b"".join(client.blob(name, digest))
            except Missing:
                kind = "missing-blob" if is_config else "missing-layer"
                problems.append(Problem.model_validate({"kind": kind, "subject": digest, "detail": "not there"}))
                return
            if manifests.digest_of(content) != digest:
                problems.append(Problem(kind="tampered", subject=digest, detail="its bytes have another digest"))
                return
            _contents[digest] = base64.b64encode(content).decode()
        held = len(base64.b64decode(_contents[digest]))
        if held != descriptor.size:
            problems.append(Problem(kind="wrong-size", subject=digest, detail=f"{held} bytes; not {descriptor.size}"))
            return
        contents[digest] = _contents[digest]
        blobs[digest] = descriptor.size
        return
    size = client.blob_size(name, digest)  # the registry checked the digest when the blob was pushed
    if size is None:
        kind = "missing-blob" if is_config else "missing-layer"
        problems.append(Problem.model_validate({"kind": kind, "subject": digest, "detail": "not in the registry"}))
    elif size != descriptor.size:
        problems.append(Problem(kind="wrong-size", subject=digest, detail=f"{size} bytes; not {descriptor.size}"))
    else:
        blobs[digest] = size


def export(client: RegistryClient, repository: Repository, folder: Path) -> None:
    """Write a snapshot as an OCI image layout, with the blobs that its layer policy lets travel.

    Args:
        client: where the blobs are.
        repository: the snapshot, just taken.
        folder: an empty or absent folder.

    Raises:
        EnvironmentProblem: a blob vanished meanwhile, or its bytes do not have its digest.
    """
    (folder / "blobs" / "sha256").mkdir(parents=True, exist_ok=True)
    (folder / "oci-layout").write_bytes(layout.LAYOUT_FILE)
    (folder / "index.json").write_bytes(layout.index_document(repository.tags, repository.manifests))
    for digest, manifest in repository.manifests.items():
        (folder / layout.blob_name(digest)).write_bytes(manifest.raw)
    for digest in repository.blobs:
        content = repository.content(digest)
        file = folder / layout.blob_name(digest)
        if content is not None:
            file.write_bytes(content)
            continue
        sha = hashlib.sha256()
        with file.open("wb") as target, contextlib.suppress(Missing):  # then the digest below is that of nothing
            for chunk in client.blob(repository.name, digest):
                sha.update(chunk)
                target.write(chunk)
        if "sha256:" + sha.hexdigest() != digest:
            raise EnvironmentProblem(
                expected=f"the bytes of {digest}",
                found=f"sha256:{sha.hexdigest()}",
                next_step="Push the image again; the registry's copy is damaged.",
            )
