"""Find submissions: zips, folders of zips at any depth, and zips that hold zips, as learning platforms export them.

Nothing that somebody may have handed in is passed over in silence: whatever is no zip is found too, with what to do
about it. Only what systems leave behind (``.DS_Store``, ``Thumbs.db`` and the like) is no submission.
"""

from __future__ import annotations

import itertools
import zipfile
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from autograder.errors import CourseError
from autograder.evidence.submission_zip import HEADER_FILE
from autograder.grading.archive import LITTER, MAX_ZIP, RATIO_FROM, damage_is_refused
from autograder.grading.problems import Refused
from autograder.grading.strictjson import said

MAX_INNER = 5000  # files in one zip of submissions
MAX_RATIO = 20  # unpacked : packed; zips hardly shrink when they are zipped again
AGAIN = "Ask the student for the zip that `python3 course.py submit` writes."
ARCHIVES = (".rar", ".7z", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".zst")
UNPACKED = (
    f"It is an unpacked submission (some browsers unpack what they download). Zip what is in this folder, with "
    f"{HEADER_FILE} at the top, or take the zip as it was handed in."
)
NESTED = "It is a zip in a zip in a zip. Take it out of the inner one, then grade again."


@dataclass(frozen=True)
class Found:
    """Something that was handed in: what the report calls it, and where it is.

    ``problem`` says why it is no zip to grade; ``file`` is None where there is no file to speak of; ``header`` is the
    submission.json of an unpacked submission.
    """

    name: str
    file: Path | None
    problem: str = ""
    header: Path | None = None


def find(given: list[Path], scratch: Path, known: Collection[Path] = ()) -> list[Found]:
    """All that was handed in below the given files and folders, in a stable order, each file once.

    Args:
        given: zips and folders.
        scratch: an empty folder, where the zips inside zips are put under names of our own.
        known: files that are no submissions, such as the platform's list.

    Raises:
        CourseError: a path does not exist, or there is nothing at all.
    """
    files: dict[Path, tuple[str, str]] = {}
    passed_over = {file.resolve() for file in known}
    for path in given:
        if not path.exists():
            raise CourseError(
                expected="zips, or folders with zips in them",
                found=f"{path} does not exist",
                next_step="Check the path.",
            )
        for file, problem in _below(path):
            name = file.relative_to(path).as_posix() if path.is_dir() and file != path else file.name
            if file.resolve() not in passed_over:
                files.setdefault(file.resolve(), (name, problem))
    if not files:
        raise CourseError(
            expected="submissions, NN-slug-STUDENT.zip",
            found=f"nothing in {', '.join(map(str, given))}",
            next_step="Put the students' zips there, or name them.",
        )
    found: list[Found] = []
    numbers = itertools.count()
    for file, (name, problem) in files.items():
        if problem:
            header = file / HEADER_FILE if problem == UNPACKED else None
            found.append(Found(name, file if file.is_file() else None, problem, header))
        else:
            found += list(_inside(file, name, scratch, numbers)) or [Found(name, file)]
    return found


def _below(path: Path) -> Iterator[tuple[Path, str]]:
    """Files and unpacked submissions, each with its problem; a zip has none."""
    if path.is_file():
        yield path, "" if path.suffix.lower() == ".zip" or zipfile.is_zipfile(path) else problem_of(path.name)
        return
    if (path / HEADER_FILE).is_file():
        yield path, UNPACKED
        return
    for file in sorted(path.iterdir()):
        if file.name.startswith(".") or LITTER.match(f"{file.name}/" if file.is_dir() else file.name):
            continue
        if file.is_symlink():
            yield file, "It is a link to another place, which is not followed. Put the file itself there."
        elif file.is_dir():
            yield from _below(file)
        else:
            yield file, "" if file.suffix.lower() == ".zip" else problem_of(file.name)


def problem_of(name: str) -> str:
    """What is wrong with a file that is no zip, and what to do."""
    suffix = PurePosixPath(name.replace("\\", "/")).suffix.lower()
    if suffix == ".ipynb":
        return f"It is a notebook alone, and a verdict follows from what was pushed. {AGAIN}"
    if suffix in ARCHIVES:
        return f"It is an archive of another kind ({suffix}). {AGAIN}"
    if not suffix:
        return f"It is no zip. {AGAIN}"
    return f"It is a file of another kind ({said(suffix, 20)}). {AGAIN}"


def _inside(file: Path, name: str, scratch: Path, numbers: Iterator[int]) -> Iterator[Found]:
    """What is inside a zip that is no submission itself; nothing when it is one, or is no zip."""
    try:
        outer = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, EOFError):
        return  # intake says what is wrong with it
    with outer:
        entries = [e for e in outer.infolist() if not e.is_dir() and not _is_litter(e.filename)]
        inner = [e for e in entries if e.filename.lower().endswith(".zip")]
        tops = {e.filename.rpartition("/")[0] for e in entries if e.filename.rpartition("/")[2] == HEADER_FILE}
        if _is_submission(entries, tops) or not (inner or tops):
            return
        if len(entries) > MAX_INNER:
            yield Found(name, None, f"It holds {len(entries)} files; at most {MAX_INNER} are read.")
            return
        packed, unpacked = file.stat().st_size, sum(entry.file_size for entry in inner)
        if unpacked > RATIO_FROM and unpacked > MAX_RATIO * packed:
            yield Found(name, None, f"It unpacks to {unpacked // packed} times its size, as a zip bomb does.")
            return
        for top in sorted(tops):
            yield Found(f"{name}: {said(top, 200)}", None, UNPACKED)
        for entry in entries:
            if any(not top or entry.filename.startswith(f"{top}/") for top in tops):
                continue
            label = f"{name}: {said(entry.filename, 200)}"
            if entry not in inner:
                yield Found(label, None, problem_of(entry.filename))
                continue
            target = scratch / f"{next(numbers):05d}.zip"
            try:
                _take_out(outer, entry, target)
            except Refused as reason:
                target.unlink(missing_ok=True)
                yield Found(label, None, str(reason))
            else:
                yield Found(label, target, NESTED if _holds_zips_only(target) else "")


def _is_submission(entries: list[zipfile.ZipInfo], tops: Collection[str]) -> bool:
    """Whether the files are one submission, perhaps with one folder around everything."""
    if len(tops) != 1:
        return False
    (top,) = tops
    return not top or ("/" not in top and all(entry.filename.startswith(f"{top}/") for entry in entries))


def _holds_zips_only(file: Path) -> bool:
    """Whether a zip is none of a submission, and holds further zips."""
    try:
        with zipfile.ZipFile(file) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, EOFError):
        return False  # intake says what is wrong with it
    return not any(name.rpartition("/")[2] == HEADER_FILE for name in names) and any(
        name.lower().endswith(".zip") and not _is_litter(name) for name in names
    )


def _is_litter(name: str) -> bool:
    return LITTER.match(name) is not None or any(part.startswith(".") and part.strip(".") for part in name.split("/"))


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
