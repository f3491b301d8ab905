"""OCI image layouts: verify every digest and size of a snapshot and turn it into a Repository.

The layout is read through a small interface, so the same code reads a folder and a dictionary in a test.
Source of the format: https://github.com/opencontainers/image-spec/blob/main/image-layout.md
"""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from autograder.domain.bases import Bases, of_base
from autograder.evidence.model import LayerPolicy, Manifest, Problem, Repository
from autograder.oci import manifests
from autograder.oci.manifests import Descriptor, ImageIndex, ImageManifest

REF_NAME = "org.opencontainers.image.ref.name"
LAYOUT_FILE = b'{"imageLayoutVersion":"1.0.0"}'

MAX_INDEX = 16 << 20  # bytes of index.json: room for 10,000 tags with a description each
MAX_CONTENT = 256 << 10  # bytes of a blob whose content is kept in Evidence
MAX_LAYERS = 100_000_000  # bytes of all layers of one repository that travel with a submission
MAX_MANIFESTS = 20_000
MAX_PROBLEMS = 500  # a hostile layout can name one fault a million times

# What a registry accepts as a tag. A tag of another form could pass for a digest wherever either may stand.
# https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-manifests
TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}\Z")


class LayoutSource(Protocol):
    """Read access to the files of one layout, by their names inside it ("blobs/sha256/…")."""

    def size(self, name: str) -> int | None:
        """Size in bytes; None when there is no such file."""

    def open(self, name: str) -> BinaryIO:
        """The file, opened for reading."""


class FolderSource:
    """A layout in a folder. Links are treated as absent, so nothing outside the folder is ever read."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def size(self, name: str) -> int | None:
        file = self._folder / name
        if any(part.is_symlink() for part in (file, *file.parents) if part.is_relative_to(self._folder)):
            return None
        return file.stat().st_size if file.is_file() else None

    def open(self, name: str) -> BinaryIO:
        return (self._folder / name).open("rb")


class MemorySource:
    """A layout in a dictionary, file name -> bytes."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._files = files

    def size(self, name: str) -> int | None:
        return len(self._files[name]) if name in self._files else None

    def open(self, name: str) -> BinaryIO:
        return io.BytesIO(self._files[name])


def blob_name(digest: str) -> str:
    """The file that holds a blob."""
    return "blobs/" + digest.replace(":", "/", 1)


def index_document(tags: Mapping[str, str], known: Mapping[str, Manifest]) -> bytes:
    """The bytes of ``index.json`` for tags and untagged manifests.

    Args:
        tags: tag -> digest.
        known: digest -> manifest, for everything to be listed; those no tag points at are listed without a name.
    """
    entries = [(digest, tag) for tag, digest in sorted(tags.items()) if digest in known]
    tagged = {digest for digest, _ in entries}
    children = {c.digest for m in known.values() for c in _children(m)}
    entries += [(digest, "") for digest in sorted(known) if digest not in tagged and digest not in children]
    listed: list[dict[str, Any]] = []
    for digest, tag in entries:
        entry: dict[str, Any] = {
            "mediaType": known[digest].media_type,
            "digest": digest,
            "size": len(known[digest].raw),
        }
        if tag:
            entry["annotations"] = {REF_NAME: tag}
        listed.append(entry)
    return json.dumps({"schemaVersion": 2, "mediaType": manifests.OCI_INDEX, "manifests": listed}, indent=1).encode()


def _children(manifest: Manifest) -> tuple[Descriptor, ...]:
    try:
        found = manifests.parse(manifest.raw, manifest.media_type)
    except manifests.ManifestError:
        return ()
    return found.manifests if isinstance(found, ImageIndex) else ()


def travelling(
    image: ImageManifest, layers: LayerPolicy, contents: Mapping[str, str], bases: Bases
) -> tuple[tuple[Descriptor, ...], tuple[str, ...]]:
    """Which layers of an image travel with a submission, its config apart, which always does.

    Args:
        image: the manifest.
        layers: which layers travel.
        contents: digest -> base64 of what is at hand; of the image's config, which says what its layers unpack to.
        bases: the known bases.

    Returns:
        the layers that travel, from the base up, and the digests of those that a known base has and that stay behind.
    """
    if layers == "none":
        return (), ()
    lowest: tuple[str, ...] = ()
    if layers == "above-base":
        config = manifests.json_object(base64.b64decode(contents.get(image.config.digest, "")))
        lowest = of_base(image, config, bases)
    return tuple(layer for layer in image.layers if layer.digest not in lowest), lowest


def verify(
    source: LayoutSource,
    *,
    service: str,
    name: str,
    layers: LayerPolicy,
    bases: Bases = (),
    left_out: Collection[str] = (),
) -> Repository:
    """Read a layout, checking the SHA-256 of everything it refers to, and every size that a manifest or index states.

    Args:
        source: where the layout is.
        service: name of the service it is a snapshot of.
        name: name of the repository.
        layers: which layers must be there.
        bases: the known bases; the layers of the one that an image stands on need not be there with "above-base".
        left_out: digests of layers that whoever wrote the layout took for a base's. One that is absent is listed in
            ``base_layers`` and is no problem here: whoever needs it finds out whether its base is known.

    Returns:
        The snapshot. It never raises for bad content: what is wrong is listed in ``problems``, what could not be
        verified is left out.
    """
    return _Verifier(source, layers, bases, frozenset(left_out)).run(service, name)


class _Verifier:
    def __init__(self, source: LayoutSource, layers: LayerPolicy, bases: Bases, left_out: frozenset[str]) -> None:
        self.source, self.layers, self.bases, self.left_out = source, layers, bases, left_out
        self.base: set[str] = set()  # layers that need not be there
        self.problems: dict[tuple[str, str], Problem] = {}  # (kind, subject) -> the first fault of that kind
        self.manifests: dict[str, Manifest] = {}
        self.blobs: dict[str, int] = {}
        self.contents: dict[str, str] = {}
        self.layer_bytes = 0
        self.seen: set[str] = set()  # manifests
        self.refused: set[str] = set()  # blobs
        self.types: dict[str, Any] = {}  # digest -> the media type that whatever points at it gives

    def problem(self, kind: Any, subject: str, detail: str) -> None:
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.setdefault((kind, subject), Problem(kind=kind, subject=subject, detail=detail))

    def run(self, service: str, name: str) -> Repository:
        tags: dict[str, str] = {}
        for entry in self._entries():
            digest, tag = entry
            if tag is not None and tags.get(tag, digest) != digest:
                self.problem("malformed", tag, "the tag is listed twice, with different digests")
                continue
            self._manifest(digest)
            if tag is not None:
                if digest in self.manifests:
                    tags[tag] = digest
                else:
                    self.problem("dangling-tag", tag, f"points at {digest}, which is missing or not valid")
        return Repository(
            service=service,
            name=name,
            layers=self.layers,
            tags=tags,
            manifests=self.manifests,
            blobs=self.blobs,
            contents=self.contents,
            base_layers=tuple(sorted(self.base)),
            problems=tuple(self.problems.values()),
        )

    def _entries(self) -> list[tuple[str, str | None]]:
        content = self._read("index.json", MAX_INDEX)
        if content is None:
            return []
        try:
            listed = json.loads(content)["manifests"]
            if not isinstance(listed, list):
                raise TypeError("manifests is not a list")
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            self.problem("malformed", "index.json", f"not an OCI index: {error}")
            return []
        entries: list[tuple[str, str | None]] = []
        for entry in listed[:MAX_MANIFESTS]:
            digest = entry.get("digest") if isinstance(entry, dict) else None
            annotations = entry.get("annotations") if isinstance(entry, dict) else None
            tag = annotations.get(REF_NAME) if isinstance(annotations, dict) else None
            if not isinstance(digest, str) or not manifests.is_digest(digest) or not isinstance(tag, (str, type(None))):
                self.problem("malformed", "index.json", "an entry without a valid digest")
                continue
            if tag is not None and not TAG.match(tag):
                self.problem("malformed", tag[:128], "no registry accepts a tag of that form")
                continue
            self.types.setdefault(digest, entry.get("mediaType"))
            entries.append((digest, tag))
        if len(listed) > MAX_MANIFESTS:
            self.problem("too-large", "index.json", f"more than {MAX_MANIFESTS} entries")
        return entries

    def _read(self, name: str, limit: int) -> bytes | None:
        size = self.source.size(name)
        if size is None:
            self.problem("missing-blob", name, "not in the snapshot")
            return None
        if size > limit:
            self.problem("too-large", name, f"{size} bytes, more than {limit}")
            return None
        with self.source.open(name) as file:
            content = file.read(limit + 1)
        if len(content) > limit:
            self.problem("too-large", name, f"more than {limit} bytes")
            return None
        return content

    def _manifest(self, root: str) -> None:
        waiting = [root]
        while waiting:  # a loop, not recursion: an index may nest, and a hostile one deeply
            digest = waiting.pop()
            if digest in self.seen:
                continue
            self.seen.add(digest)
            if len(self.seen) > MAX_MANIFESTS:
                self.problem("too-large", digest, f"more than {MAX_MANIFESTS} manifests")
                return
            name = blob_name(digest)
            if self.source.size(name) is None:
                self.problem("missing-manifest", digest, "not in the snapshot")
                continue
            content = self._read(name, manifests.MAX_MANIFEST)
            if content is None:
                continue
            if manifests.digest_of(content) != digest:
                self.problem("tampered", digest, f"its bytes have the digest {manifests.digest_of(content)}")
                continue
            media_type = self.types.get(digest)
            try:
                found = manifests.parse(content, media_type if isinstance(media_type, str) else None)
                text = content.decode("utf-8")
            except (manifests.ManifestError, UnicodeDecodeError) as error:
                self.problem("malformed", digest, str(error))
                continue
            self.manifests[digest] = Manifest(media_type=found.media_type, text=text)
            if isinstance(found, ImageIndex):
                for child in found.manifests:
                    self.types.setdefault(child.digest, child.media_type)
                    size = self.source.size(blob_name(child.digest))
                    if size is not None and size != child.size:
                        self.problem("wrong-size", child.digest, f"{size} bytes; the index says {child.size}")
                    if child.digest not in self.seen:
                        waiting.append(child.digest)
                continue
            self._blob(found.config, required="missing-blob", keep=True)
            travel, base = travelling(found, self.layers, self.contents, self.bases)
            self.base.update(base)
            for layer in travel:
                if layer.digest in self.left_out and self.source.size(blob_name(layer.digest)) is None:
                    self.base.add(layer.digest)
                else:
                    self._blob(layer, required="missing-layer", keep=False)

    def _blob(self, descriptor: Descriptor, *, required: str, keep: bool) -> None:
        digest = descriptor.digest
        if digest in self.blobs:
            if self.blobs[digest] != descriptor.size:
                self.problem("wrong-size", digest, f"{self.blobs[digest]} bytes; a manifest says {descriptor.size}")
            return
        if digest in self.refused:
            return  # already reported
        name = blob_name(digest)
        size = self.source.size(name)
        if size is None:
            self.refused.add(digest)
            self.problem(required, digest, "not in the snapshot")
            return
        if size != descriptor.size:
            self.refused.add(digest)
            self.problem("wrong-size", digest, f"{size} bytes; the manifest says {descriptor.size}")
            return
        if self.layer_bytes + size > MAX_LAYERS:  # what is left out takes no room, so that a smaller blob may still fit
            self.refused.add(digest)
            self.problem("too-large", digest, f"the snapshot holds more than {MAX_LAYERS} bytes of blobs")
            return
        self.layer_bytes += size
        kept = bytearray()

        def pieces(file: BinaryIO) -> Iterator[bytes]:
            while piece := file.read(1 << 20):
                if size <= MAX_CONTENT:
                    kept.extend(piece)
                yield piece

        with self.source.open(name) as file:
            actual = manifests.digest_of_pieces(pieces(file))
        if actual != digest:
            self.refused.add(digest)
            self.problem("tampered", digest, f"its bytes have the digest {actual}")
            return
        self.blobs[digest] = size
        if size <= MAX_CONTENT and (keep or self.layers != "none"):
            self.contents[digest] = base64.b64encode(bytes(kept)).decode()
