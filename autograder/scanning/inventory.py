"""What an image's own layers hold: unpacked, merged, and the Python packages in them, without believing any report.

Every layer is held against its two digests: the blob's (in the manifest) and the tar's (``diff_ids`` in the config).
The layers of a base that the kit knows are left out; those of any other base are judged with the rest.
Sources: https://github.com/opencontainers/image-spec/blob/main/layer.md (whiteouts), config.md (diff_ids), and
https://packaging.python.org/en/latest/specifications/recording-installed-packages/ (dist-info, METADATA, RECORD).
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import re
import tarfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.parser import HeaderParser
from typing import Any

from packaging.utils import canonicalize_name
from packaging.version import Version

from autograder.domain.bases import Bases, of_base
from autograder.evidence.layout import LayoutSource, blob_name
from autograder.oci.manifests import ImageManifest, digest_of

MAX_TAR = 256 << 20  # bytes of all layers above a known base, unpacked
MAX_ENTRIES = 50_000
MAX_DEPTH = 128  # layers: what an engine stacks, https://docs.docker.com/engine/storage/drivers/overlayfs-driver/
MAX_PATH = 4096  # bytes of a path, as in Linux; an engine unpacks none that is longer
MAX_STEPS = 20_000_000  # folders that are looked at in merging, 20 s or so; a large real image needs 5 million
MAX_NAME = 200  # characters of a package's name or version that are kept
MAX_METADATA = 64 << 20  # bytes of METADATA and RECORD files, each link to one counted
MAX_HEADERS = 200_000  # lines of headers in all METADATA files, half a second; 206 packages of this kit have 8,500
BLANK_LINE = re.compile(rb"\n\n|\r\n\r\n|\r\r")  # what ends the headers of a METADATA file
PIECE = 16 * 1024  # bytes of gzip data that are unpacked at a time
MAX_TEXT = 2 << 20  # bytes of a METADATA or RECORD that is read
ZSTD = b"\x28\xb5\x2f\xfd"
# Where a package manager installs for an interpreter: the system's, or a virtual environment's (it has a pyvenv.cfg).
SITE = re.compile(r"(?P<root>.+)/lib/python3(?:\.\d+)?/(?:site|dist)-packages/(?P<folder>[^/]+)\.dist-info/METADATA")
VENDORED = re.compile(r"(?P<root>.+?)/lib/python3(?:\.\d+)?/(?:site|dist)-packages/[^/]+/.+\.dist-info/METADATA$")
METADATA = re.compile(r"(?:^|/)(?:[^/]+\.dist-info/METADATA|[^/]+\.egg-info(?:/PKG-INFO)?)$")
SYSTEM_ROOTS = ("usr", "usr/local")
# Folders that the official Python images take away after an installation, to be small; what is there must be right.
# https://github.com/docker-library/python/blob/master/Dockerfile-linux.template
TESTS = re.compile(r"/(?:tests?|idle_test)/")
KEPT = re.compile(r"\.dist-info/(?:METADATA|RECORD)$|\.egg-info(?:/PKG-INFO)?$")


class ImageProblem(Exception):
    """The image cannot be rescanned as it was handed in; the message names the layer and is for the student."""


@dataclass(frozen=True)
class Layer:
    """A layer above the base: digest of the blob, digest of the tar, the tar."""

    digest: str
    diff_id: str
    tar: bytes


@dataclass(frozen=True)
class Entry:
    """A regular file in the merged image: SHA-256 (hex) of its content; the content of metadata files."""

    sha256: str
    content: bytes | None = None


@dataclass(frozen=True)
class Package:
    """An installed Python package.

    Attributes:
        name: normalised.
        version: as its metadata says.
        path: of its METADATA, without leading slash.
        intact: whether every file that its RECORD lists with a hash is there with that hash.
    """

    name: str
    version: str
    path: str
    intact: bool


@dataclass(frozen=True)
class Inventory:
    """What was found, and what looks as if it should mislead a scanner."""

    packages: tuple[Package, ...]
    files: dict[str, Entry] = field(repr=False)
    problems: tuple[str, ...] = ()


def layers(image: ImageManifest, config: Mapping[str, Any] | None, source: LayoutSource, bases: Bases) -> list[Layer]:
    """The layers above the base, each verified.

    Args:
        image: the manifest (itself verified against its digest).
        config: its config.
        source: the snapshot that holds the blobs.
        bases: from the kit, never from the submission (:func:`autograder.domain.bases.of_base`). A layer of a base
            that does not lie where it lies in that base is no base layer, and has to be there as any other.

    Raises:
        ImageProblem: a layer is missing, damaged, padded or not what the config says.
    """
    rootfs = (config or {}).get("rootfs")
    diff_ids = rootfs.get("diff_ids") if isinstance(rootfs, dict) else None
    if not isinstance(diff_ids, list) or len(diff_ids) != len(image.layers):
        count = len(diff_ids) if isinstance(diff_ids, list) else "no"
        raise ImageProblem(f"the manifest lists {len(image.layers)} layers, and the config {count} of them")
    if not all(isinstance(each, str) for each in diff_ids):
        raise ImageProblem("the config lists layers that are no digests")
    if len(diff_ids) > MAX_DEPTH:
        raise ImageProblem(f"the image has {len(diff_ids)} layers, and an engine stacks at most {MAX_DEPTH}")
    found: list[Layer] = []
    height = len(of_base(image, config, bases))
    for descriptor, diff_id in zip(image.layers[height:], diff_ids[height:], strict=True):
        name = blob_name(descriptor.digest)
        size = source.size(name)
        if size is None:
            raise ImageProblem(f"the layer {descriptor.digest} is missing from the submission")
        if size > MAX_TAR:
            raise ImageProblem(
                f"the layer {descriptor.digest} has {size >> 20} MiB, and at most {MAX_TAR >> 20} are scanned: "
                "the image stands on a large base that the course does not know"
            )
        if size != descriptor.size:
            raise ImageProblem(f"the layer {descriptor.digest} has {size} bytes; the manifest says {descriptor.size}")
        with source.open(name) as file:
            blob = file.read(size + 1)
        if digest_of(blob) != descriptor.digest:
            raise ImageProblem(f"the layer {descriptor.digest} was changed: its bytes have another digest")
        tar = unpack(blob, descriptor.digest, MAX_TAR - sum(len(layer.tar) for layer in found))
        if digest_of(tar) != diff_id:
            raise ImageProblem(f"the layer {descriptor.digest} unpacks to something else than the config says")
        found.append(Layer(descriptor.digest, diff_id, tar))
    return found


def unpack(blob: bytes, name: str, limit: int = MAX_TAR) -> bytes:
    """The tar inside a layer: gzip (of one or more members) or plain.

    Args:
        blob: the layer as it was pushed.
        name: how messages name it.
        limit: bytes that the tar may have.

    Raises:
        ImageProblem: damaged, too large, padded, or compressed in another way.
    """
    if blob.startswith(ZSTD):
        raise ImageProblem(f"the layer {name} is compressed with zstd; push it with gzip")
    if not blob.startswith(b"\x1f\x8b"):
        if len(blob) > limit:
            raise ImageProblem(f"with the layer {name} the image unpacks to more than {MAX_TAR >> 20} MiB")
        return blob
    out = bytearray()
    position = members = 0
    while position < len(blob):
        members += 1
        if members > MAX_ENTRIES:
            raise ImageProblem(f"the layer {name} has more than {MAX_ENTRIES} gzip members")
        engine = zlib.decompressobj(wbits=31)
        while not engine.eof:
            # Piece by piece: each member leaves a copy of what it did not use, and there may be very many.
            piece = blob[position : position + PIECE]
            if not piece:
                raise ImageProblem(f"the layer {name} ends in the middle of its gzip data")
            position += len(piece)
            try:
                out += engine.decompress(piece, limit + 1 - len(out))
            except zlib.error:
                what = "has bytes after its gzip data (padding)" if members > 1 else "has damaged gzip data"
                raise ImageProblem(f"the layer {name} {what}") from None
            if len(out) > limit:
                raise ImageProblem(f"with the layer {name} the image unpacks to more than {MAX_TAR >> 20} MiB")
        position -= len(engine.unused_data)
    return bytes(out)


def merge(found: list[Layer]) -> dict[str, Entry]:
    """The regular files that a container would see of these layers, whiteouts applied.

    Raises:
        ImageProblem: a tar is damaged, has too many entries, holds what no engine writes (a sparse file, a path
            without end), or hides data behind its end.
    """
    files: dict[str, Entry] = {}
    steps = 0
    for layer in found:
        change = _Change()
        try:
            # A name that is not UTF-8 is read as Go programs print it, Trivy among them.
            with tarfile.open(fileobj=io.BytesIO(layer.tar), mode="r:", errors="replace") as archive:
                for number, entry in enumerate(archive):
                    if number >= MAX_ENTRIES:
                        raise ImageProblem(f"the layer {layer.digest} has more than {MAX_ENTRIES} entries")
                    _note(archive, entry, files, change)
                end = archive.offset
        except (tarfile.TarError, EOFError, OSError, ValueError, OverflowError) as error:
            raise ImageProblem(f"the layer {layer.digest} is not a sound tar archive ({error})") from None
        if layer.tar[end:].strip(b"\0"):
            raise ImageProblem(f"the layer {layer.digest} has data after the end of its tar archive (padding)")
        steps += sum(path.count("/") + 1 for path in files)
        if steps > MAX_STEPS:
            raise ImageProblem("the image has too many files in too many layers to be scanned")
        files = {path: entry for path, entry in files.items() if change.keeps(path)} | change.files
    return files


@dataclass
class _Change:
    """What one layer does to those below it.

    Attributes:
        files: regular files that it brings.
        gone: paths that it takes away with everything below: whiteouts, and whatever it puts a non-folder at.
        emptied: folders whose content below is hidden (opaque whiteouts).
        folders: folders that it brings; a file of that name is gone.
    """

    files: dict[str, Entry] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    emptied: set[str] = field(default_factory=set)
    folders: set[str] = field(default_factory=set)

    def keeps(self, path: str) -> bool:
        """Whether a file of the layers below is still seen."""
        if path in self.gone or path in self.folders:
            return False
        while path:  # one step up a time, so that the cost is the path's depth, however many entries a layer has
            path = path.rpartition("/")[0]
            if path in self.gone or path in self.emptied:
                return False
        return True


def _note(archive: tarfile.TarFile, entry: tarfile.TarInfo, below: dict[str, Entry], change: _Change) -> None:
    if max(len(entry.name), len(entry.linkname)) > MAX_PATH:
        raise tarfile.ReadError(f"it holds a path of more than {MAX_PATH} bytes")
    if entry.issparse():  # a few bytes can claim a file of any size, and reading it would make them
        raise tarfile.ReadError("it holds a sparse file, which no engine writes")
    path = _path(entry.name)
    folder, _, name = path.rpartition("/")
    if name == ".wh..wh..opq":
        change.emptied.add(folder)
        return
    if name.startswith(".wh."):
        change.gone.add(_path(f"{folder}/{name.removeprefix('.wh.')}"))
        return
    if entry.isdir():
        change.folders.add(path)
        return
    change.gone.add(path)
    change.files.pop(path, None)
    if entry.islnk():
        target = _path(entry.linkname)
        linked = change.files.get(target) or below.get(target)
        if linked is not None:
            change.files[path] = linked
    elif entry.isreg():
        opened = archive.extractfile(entry)
        content = opened.read() if opened else b""
        if len(content) != entry.size:
            raise tarfile.ReadError("it ends too early")
        keep = KEPT.search(path) is not None or path.endswith("pyvenv.cfg")
        change.files[path] = Entry(hashlib.sha256(content).hexdigest(), content[:MAX_TEXT] if keep else None)


def _path(name: str) -> str:
    """A path as it ends up in the image: no leading slash, no dots; it never leaves the root."""
    parts: list[str] = []
    for part in name.split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)


def take(files: dict[str, Entry]) -> Inventory:
    """The installed packages among merged files, and what is wrong with their metadata.

    Raises:
        ImageProblem: there are far too many.
    """
    packages, problems, read, lines = [], [], 0, 0
    for path, entry in sorted(files.items()):
        if not METADATA.search(path):
            continue
        record = files.get(f"{path.removesuffix('METADATA')}RECORD")
        read += sum(1024 + len(one.content or b"") for one in (entry, record) if one is not None)
        if read > MAX_METADATA:
            raise ImageProblem(f"the image has more than {MAX_METADATA >> 20} MiB of package metadata")
        headers_end = BLANK_LINE.search(entry.content or b"")
        written = (entry.content or b"")[: headers_end.start() if headers_end else None]
        lines += 1 + written.count(b"\n") + written.count(b"\r")
        if lines > MAX_HEADERS:
            raise ImageProblem(f"the package metadata of the image have more than {MAX_HEADERS:,} lines of headers")
        place = SITE.fullmatch(path)
        root = place["root"] if place else ""
        vendored = VENDORED.match(path)
        if place is None and vendored and _is_root(vendored["root"], files):
            continue  # a copy inside of another package: it brings no package of its own
        if place is None or not _is_root(root, files):
            problems.append(f"/{path} is package metadata where no package manager puts any; it counts for nothing")
            continue
        headers = HeaderParser().parsestr((entry.content or b"").decode("utf-8", errors="replace"))
        name, version = (str(headers.get(key, "")).strip()[:MAX_NAME] for key in ("Name", "Version"))
        wanted = f"{canonicalize_name(name)}-{version}"
        folder_name, _, folder_version = place["folder"].rpartition("-")
        if not name or not version or f"{canonicalize_name(folder_name)}-{folder_version}" != wanted:
            problems.append(f"/{path} says {name or 'nothing'} {version}, which its folder does not")
        elif not _is_version(version):
            problems.append(f"/{path}: {name} has the version {version}, which is none that Python knows (PEP 440)")
        intact = _intact(path.removesuffix("METADATA"), files)
        if not intact:
            problems.append(f"/{path}: files of {name} {version} are not those that its RECORD lists")
        packages.append(Package(canonicalize_name(name), version, path, intact))
    return Inventory(tuple(packages), files, tuple(problems))


def _is_version(text: str) -> bool:
    """Whether it is a version by https://packaging.python.org/en/latest/specifications/version-specifiers/."""
    try:
        Version(text)
    except ValueError:
        return False
    return True


def _is_root(root: str, files: dict[str, Entry]) -> bool:
    return root in SYSTEM_ROOTS or f"{root}/pyvenv.cfg" in files


def _intact(folder: str, files: dict[str, Entry]) -> bool:
    record = files.get(f"{folder}RECORD")
    if record is None or record.content is None:
        return False
    site = folder.rstrip("/").rpartition("/")[0]
    hashed = 0
    try:
        rows = list(csv.reader(io.StringIO(record.content.decode("utf-8", errors="replace"))))
    except csv.Error:  # a field without end, for one
        return False
    for row in rows:
        if len(row) < 2 or not row[1].startswith("sha256="):
            continue  # compiled files and RECORD itself have no hash
        path = _path(f"{site}/{row[0]}")
        entry = files.get(path)
        try:
            wanted = base64.urlsafe_b64decode(row[1].removeprefix("sha256=") + "==").hex()
        except ValueError:
            return False
        if entry is None and TESTS.search(path.removeprefix(site)):  # where the package lies is no matter
            continue
        if entry is None or entry.sha256 != wanted:
            return False
        hashed += 1
    return hashed > 0
