"""Find submissions: zips, folders of zips at any depth, and zips that hold zips, as learning platforms export them."""

from __future__ import annotations

import itertools
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from autograder.errors import CourseError
from autograder.grading.archive import MAX_ZIP, RATIO_FROM, damage_is_refused
from autograder.grading.problems import Refused
from autograder.grading.strictjson import said

MAX_INNER = 5000  # submissions in one zip of zips
MAX_RATIO = 20  # unpacked : packed; zips hardly shrink when they are zipped again


@dataclass(frozen=True)
class Found:
    """A zip to grade: what the report calls it, and where it is. ``problem`` says why it could not be taken out."""

    name: str
    file: Path | None
    problem: str = ""


def find(given: list[Path], scratch: Path) -> list[Found]:
    """All zips below the given files and folders, in a stable order, each file once.

    Args:
        given: zips and folders.
        scratch: an empty folder, where the zips inside zips are put under names of our own.

    Raises:
        CourseError: a path does not exist, or there is no zip at all.
    """
    files: dict[Path, str] = {}
    for path in given:
        if not path.exists():
            raise CourseError(
                expected="zips, or folders with zips in them",
                found=f"{path} does not exist",
                next_step="Check the path.",
            )
        for file in _zips(path):
            name = file.relative_to(path).as_posix() if path.is_dir() else path.name
            files.setdefault(file.resolve(), name)
    if not files:
        raise CourseError(
            expected="submissions, NN-slug-STUDENT.zip",
            found=f"no zip in {', '.join(map(str, given))}",
            next_step="Put the students' zips there, or name them.",
        )
    found: list[Found] = []
    numbers = itertools.count()
    for file, name in files.items():
        found += list(_inside(file, name, scratch, numbers)) or [Found(name, file)]
    return found


def _zips(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
        return
    for file in sorted(path.rglob("*")):
        hidden = any(part.startswith((".", "__MACOSX")) for part in file.relative_to(path).parts)
        if file.suffix.lower() == ".zip" and file.is_file() and not file.is_symlink() and not hidden:
            yield file


def _inside(file: Path, name: str, scratch: Path, numbers: Iterator[int]) -> Iterator[Found]:
    """The zips inside a zip that is no submission itself; nothing when it is one, or is no zip."""
    try:
        outer = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, EOFError):
        return  # intake says what is wrong with it
    with outer:
        inner = [e for e in outer.infolist() if e.filename.lower().endswith(".zip") and "__MACOSX/" not in e.filename]
        names = {e.filename.rpartition("/")[2] for e in outer.infolist()}
        if not inner or "submission.json" in names:
            return
        if len(inner) > MAX_INNER:
            yield Found(name, None, f"It holds {len(inner)} zips; at most {MAX_INNER} are read.")
            return
        packed, unpacked = file.stat().st_size, sum(entry.file_size for entry in inner)
        if unpacked > RATIO_FROM and unpacked > MAX_RATIO * packed:
            yield Found(name, None, f"It unpacks to {unpacked // packed} times its size, as a zip bomb does.")
            return
        for entry in inner:
            target = scratch / f"{next(numbers):05d}.zip"
            label = f"{name}: {said(entry.filename, 200)}"
            try:
                _take_out(outer, entry, target)
            except Refused as reason:
                target.unlink(missing_ok=True)
                yield Found(label, None, str(reason))
            else:
                yield Found(label, target)


def _take_out(outer: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path) -> None:
    if entry.flag_bits & 0x1:
        raise Refused("The zip around it is encrypted.")
    if entry.file_size > MAX_ZIP:
        raise Refused(f"The zip has {entry.file_size >> 20} MiB; at most {MAX_ZIP >> 20} MiB are read.")
    with damage_is_refused("The zip"), outer.open(entry) as source, target.open("wb") as out:
        left = MAX_ZIP
        while left > 0 and (chunk := source.read(min(1 << 20, left))):
            out.write(chunk)
            left -= len(chunk)
