"""Snapshots of a registry's repositories: as Evidence, and as OCI layouts on disk."""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from autograder.domain.bases import Bases
from autograder.errors import EnvironmentProblem
from autograder.evidence import layout
from autograder.evidence.model import LayerPolicy, Manifest, Problem, Repository
from autograder.oci import manifests
from autograder.oci.client import Missing, RegistryClient
from autograder.oci.manifests import Descriptor, ImageIndex

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
            manifest = _manifest(client, name, tag)
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

    def note(descriptor: Descriptor, kind: str) -> None:
        nonlocal total
        if descriptor.digest in blobs or descriptor.digest in heavy:
            return
        if total + descriptor.size > layout.MAX_LAYERS:
            heavy.add(descriptor.digest)
            detail = f"{descriptor.digest} has {descriptor.size:,} bytes, and does not fit in a submission"
            problems.append(Problem(kind="too-large", subject=name, detail=detail))
            return
        _note_blob(client, name, descriptor, kind, blobs, contents, problems)
        total += blobs.get(descriptor.digest, 0)

    while waiting:
        digest = waiting.pop()
        if digest in visited:
            continue
        visited.add(digest)
        if digest not in found:
            try:
                manifest = _manifest(client, name, digest)
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
        note(parsed.config, "missing-blob")
        travelling, base = layout.travelling(parsed, layers, contents, bases)
        base_layers.update(base)
        for layer in travelling:
            note(layer, "missing-layer")
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


def _manifest(client: RegistryClient, name: str, reference: str) -> Manifest:
    """Raises :class:`Missing`, and UnicodeDecodeError when it is no text."""
    served = client.manifest(name, reference)
    return Manifest(media_type=served.media_type, text=served.content.decode("utf-8"))


def _note_blob(
    client: RegistryClient,
    name: str,
    descriptor: Descriptor,
    missing: str,
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
                problems.append(Problem.model_validate({"kind": missing, "subject": digest, "detail": "not there"}))
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
        problems.append(Problem.model_validate({"kind": missing, "subject": digest, "detail": "not in the registry"}))
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
        found = manifests.digest_of(b"")  # of a blob that is gone
        with file.open("wb") as target, contextlib.suppress(Missing):
            found = manifests.digest_of_pieces(_written(client.blob(repository.name, digest), target))
        if found != digest:
            raise EnvironmentProblem(
                expected=f"the bytes of {digest}",
                found=found,
                next_step="Push the image again; the registry's copy is damaged.",
            )


def _written(pieces: Iterable[bytes], target: BinaryIO) -> Iterator[bytes]:
    """The pieces, each once it is in the file."""
    for piece in pieces:
        target.write(piece)
        yield piece
