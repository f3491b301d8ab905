"""Open a submission's zip safely: nothing is ever extracted under a name that the zip chose.

A zip that tries to leave its folder, to overwrite, to explode or to hide is refused as a whole, with the reason.
Source of the format's fields: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT (4.4.4 flags, 4.4.5
methods); of names that Windows reserves: https://learn.microsoft.com/windows/win32/fileio/naming-a-file.
"""

from __future__ import annotations

import contextlib
import lzma
import re
import stat
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, BinaryIO

from autograder.grading.problems import Refused
from autograder.grading.strictjson import said

MAX_ZIP = 256 << 20  # bytes of the zip itself
MAX_TOTAL = 256 << 20  # bytes of everything in it, unpacked
MAX_FILES = 30_000  # a snapshot of many small manifests has one file each
MAX_DIRECTORY = 8 << 20  # bytes of a zip's directory: 30,000 files with names of 200 characters
END_RECORD = 22 + 20 + (1 << 16)  # bytes from the end in which its end must lie, with the longest comment
MAX_NAME = 400  # characters: evidence/SERVICE/REPOSITORY (255 at most) /blobs/sha256/64 digits
MAX_RATIO = 200  # unpacked : packed, over the whole zip; Markdown and JSON reach about 20
RATIO_FROM = 32 << 20  # bytes unpacked below which the ratio does not matter

RESERVED = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?\Z", re.IGNORECASE)
# What reading a damaged entry raises, whatever it is packed with.
DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    OSError,
    ValueError,
    NotImplementedError,
    RuntimeError,
)
LITTER = re.compile(r"(__MACOSX/.*|(.*/)?(\.DS_Store|Thumbs\.db|desktop\.ini))\Z")


def check_directory(source: Path | BinaryIO) -> None:
    """Look at the size of a zip's directory before anything reads it: each entry costs time and memory.

    Source of the records: sections 4.3.12 to 4.3.16 of https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT

    Raises:
        Refused: it is longer, or has more entries, than is read. What is no zip is left to whoever opens it.
    """
    if isinstance(source, Path):
        try:
            with source.open("rb") as file:
                check_directory(file)
        except OSError:
            return
        return
    end = source.seek(0, 2)
    start = source.seek(max(0, end - END_RECORD))
    tail = source.read(END_RECORD)
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) < at + 22:
        return
    size, ends = struct.unpack("<L", tail[at + 12 : at + 16])[0], start + at
    if tail[max(0, at - 20) : at].startswith(b"PK\x06\x07"):  # ZIP64: a further record has the size
        place = struct.unpack("<Q", tail[at - 12 : at - 4])[0]
        for ends in (start + at - 20 - 56, min(place, end)):
            source.seek(max(0, ends))
            record = source.read(56)
            if record.startswith(b"PK\x06\x06") and len(record) == 56:
                size = struct.unpack("<Q", record[40:48])[0]
                break
    if size > MAX_DIRECTORY:
        raise Refused(f"The directory of the zip has {size >> 20} MiB; at most {MAX_DIRECTORY >> 20} MiB are read.")
    source.seek(max(0, ends - size))
    entries = source.read(size).count(b"PK\x01\x02")
    if entries > MAX_FILES:
        raise Refused(f"The zip holds {entries} files; at most {MAX_FILES} are read.")


class Archive:
    """A zip that passed every check below. ``names`` are the files in it, without a folder around everything.

    Use as a context manager; the zip stays open meanwhile.

    Raises:
        Refused: it is no zip that is safe to read.
    """

    def __init__(self, source: Path | BinaryIO) -> None:
        check_directory(source)
        try:
            self.zip = zipfile.ZipFile(source)
        except (zipfile.BadZipFile, zipfile.LargeZipFile, EOFError, ValueError, NotImplementedError, OverflowError):
            raise Refused("It is not a zip file, or only a part of one (an interrupted upload?).") from None
        except OSError as error:
            raise Refused(f"It cannot be read: {said(error.strerror or error)}.") from None
        try:
            size = self._size()
            if size > MAX_ZIP:
                raise Refused(f"The zip has {size >> 20} MiB; at most {MAX_ZIP >> 20} MiB are read.")
            self._files = self._checked(size)
        except BaseException:
            self.zip.close()
            raise

    def _size(self) -> int:
        file = self.zip.fp
        assert file is not None
        file.seek(0, 2)
        return file.tell()

    def __enter__(self) -> Archive:
        return self

    def __exit__(self, *_: object) -> None:
        self.zip.close()

    def _checked(self, size: int) -> dict[str, zipfile.ZipInfo]:
        entries = self.zip.infolist()
        if len(entries) > MAX_FILES:
            raise Refused(f"The zip holds {len(entries)} files; at most {MAX_FILES} are read.")
        total = sum(entry.file_size for entry in entries)
        if total > MAX_TOTAL:
            raise Refused(f"Unpacked it would have {total >> 20} MiB; at most {MAX_TOTAL >> 20} MiB are read.")
        if total > RATIO_FROM and total > MAX_RATIO * max(size, 1):
            raise Refused(f"It unpacks to {total // max(size, 1)} times its size, as a zip bomb does.")
        found: dict[str, zipfile.ZipInfo] = {}
        for entry in entries:
            # zipfile cuts a name at a NUL and turns "\" into "/" on Windows: the name as stored is what is judged
            if LITTER.match(entry.orig_filename):
                continue
            _check_entry(entry)
            if not entry.is_dir():
                if entry.filename in found:
                    raise Refused(f"Two files in the zip have the same name: {said(entry.filename)}.")
                found[entry.filename] = entry
        _check_collisions(list(found))
        return _without_folder(found)

    @property
    def names(self) -> list[str]:
        """The names of all files."""
        return list(self._files)

    def size(self, name: str) -> int | None:
        """Size in bytes of a file; None when there is none of that name. (A LayoutSource.)"""
        entry = self._files.get(name)
        return None if entry is None else entry.file_size

    def open(self, name: str) -> IO[bytes]:
        """A file, opened for reading; the end of a damaged one raises zipfile.BadZipFile."""
        return self.zip.open(self._files[name])

    def read(self, name: str, limit: int) -> bytes | None:
        """A file's bytes; None when there is none.

        Raises:
            Refused: longer than ``limit`` bytes, or damaged.
        """
        entry = self._files.get(name)
        if entry is None:
            return None
        if entry.file_size > limit:
            raise Refused(f"{said(name)} has {entry.file_size} bytes; at most {limit} are read.")
        with damage_is_refused(name), self.open(name) as file:
            return file.read(limit + 1)[: limit + 1]

    def leave_out(self, names: Iterable[str]) -> None:
        """Treat files as if they were not there."""
        for name in names:
            self._files.pop(name, None)

    def folder(self, prefix: str) -> Folder:
        """The files below a folder, as a LayoutSource."""
        return Folder(self, prefix)


class Folder:
    """The part of an archive below a folder."""

    def __init__(self, archive: Archive, prefix: str) -> None:
        self._archive, self._prefix = archive, prefix.rstrip("/") + "/"

    def size(self, name: str) -> int | None:
        """Size in bytes of a file; None when there is none."""
        return self._archive.size(self._prefix + name)

    def open(self, name: str) -> BinaryIO:
        """A file, opened for reading."""
        return self._archive.open(self._prefix + name)  # type: ignore[return-value]


@contextlib.contextmanager
def damage_is_refused(what: str) -> Iterator[None]:
    """Turn what reading a damaged zip entry raises into a plain sentence."""
    try:
        yield
    except DAMAGE:
        raise Refused(f"{said(what)} in the zip is damaged.") from None


def _check_entry(entry: zipfile.ZipInfo) -> None:
    name = entry.orig_filename
    shown = said(name)
    if entry.flag_bits & 0x1 or entry.flag_bits & 0x2000:  # encrypted; encrypted central directory
        raise Refused(f"The zip is encrypted ({shown}).")
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise Refused(f"{shown} is packed in an unusual way (method {entry.compress_type}).")
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind and kind not in (stat.S_IFREG, stat.S_IFDIR):
        raise Refused(f"{shown} is a link or a device, not a file.")
    if len(name) > MAX_NAME:
        raise Refused(f"A file in the zip has a name of {len(name)} characters.")
    if not name.isprintable():
        raise Refused(f"A file name in the zip holds control or invisible characters: {shown}.")
    if "\\" in name or ":" in name:
        raise Refused(f"A file name in the zip holds a backslash or a colon: {shown}.")
    if name.startswith("/"):
        raise Refused(f"A file in the zip has an absolute path: {shown}.")
    for part in name.removesuffix("/").split("/"):
        if part == "..":
            raise Refused(f"A file name in the zip leaves its folder: {shown}.")
        if part in ("", "."):
            raise Refused(f"A file name in the zip has an empty part: {shown}.")
        if part != part.strip() or part.endswith("."):
            raise Refused(f"A file name in the zip begins or ends with a blank or a dot: {shown}.")
        if RESERVED.match(part):
            raise Refused(f"Windows reserves the name {said(part)}: {shown}.")
        if any(c in part for c in '<>"|?*'):
            raise Refused(f"A file name in the zip holds characters that file systems forbid: {shown}.")


def _check_collisions(names: list[str]) -> None:
    """Names that some file system takes for one, and a file that is a folder elsewhere in the zip."""
    seen: dict[str, str] = {}
    for name in names:
        key = unicodedata.normalize("NFC", name).casefold()
        if key in seen:
            raise Refused(f"Two files in the zip differ in case or accents only: {said(seen[key])} and {said(name)}.")
        seen[key] = name
    for key, name in seen.items():
        parts = key.split("/")
        for n in range(1, len(parts)):
            if "/".join(parts[:n]) in seen:
                raise Refused(f"{said('/'.join(name.split('/')[:n]))} is a file and a folder at once.")


def _without_folder(found: dict[str, zipfile.ZipInfo]) -> dict[str, zipfile.ZipInfo]:
    """Drop the one folder around everything that appears when somebody unpacks a submission and packs it again."""
    if "submission.json" in found or not found:
        return found
    first = next(iter(found)).partition("/")[0] + "/"
    if first + "submission.json" in found and all(name.startswith(first) for name in found):
        return {name.removeprefix(first): entry for name, entry in found.items()}
    return found
