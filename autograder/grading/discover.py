"""Find submissions: zips, folders of zips at any depth, and zips that hold zips, as learning platforms export them.

Nothing that somebody may have handed in is passed over in silence: whatever is no zip is found too, with what to do
about it. Only what systems leave behind (``.DS_Store``, ``Thumbs.db`` and the like) is no submission.
"""

from __future__ import annotations

import stat
import zipfile
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from autograder.errors import CourseError
from autograder.evidence.submission_zip import HEADER_FILE
from autograder.grading import lms
from autograder.grading.archive import DAMAGE, LITTER, MAX_ZIP, RATIO_FROM, check_directory, damage_is_refused
from autograder.grading.problems import FOR_INSTRUCTOR, Refused
from autograder.grading.progress import Progress
from autograder.grading.strictjson import said, some
from autograder.grading.walls import Calls, Open, Over

MAX_INNER = 5000  # files in one zip of submissions
MAX_EACH = 100  # of them in one student's folder
MAX_BULK = 16 << 30  # bytes of a platform's download
MAX_DEPTH = 40  # folders
MAX_ENDED = 50  # zips in one zip that cost too much to look into
MAX_PLACE = 2_000  # characters of a name in a zip, with its folders
MAX_NAME = 300  # characters of a name, in the report
MAX_RATIO = 20  # unpacked : packed; zips hardly shrink when they are zipped again
AGAIN = f"{FOR_INSTRUCTOR} ask the student for the zip that `python3 course.py submit` writes."
ARCHIVES = (".rar", ".7z", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".zst")
UNPACKED = (
    f"It is an unpacked submission (some browsers unpack what they download). {FOR_INSTRUCTOR} zip what is in this "
    f"folder, with {HEADER_FILE} at the top, or take the zip as it was handed in."
)
LINK = f"It is a link to another place, which is not followed. {FOR_INSTRUCTOR} put the file itself there."
NO_FILE = f"It is no file that can be read, but a pipe, a socket or a device. {FOR_INSTRUCTOR} remove it."
LEFT_BEHIND = {".DS_Store", ".directory", ".git", ".ipynb_checkpoints", ".localized", ".Spotlight-V100", ".Trashes"}
NESTED = (
    "It is a zip in a zip that holds zips itself ({zips}): a zip in a zip in a zip is not looked into. Unpack it, put "
    "what is in it into the folder, then grade again."
)


@dataclass(frozen=True)
class Found:
    """Something that was handed in: what the report calls it, and where it is.

    Attributes:
        name: printable; of what lies in a zip, the zip's name, a colon, and the name inside.
        file: to grade; None where there is no file to speak of.
        problem: why it is no zip to grade; empty where it is one.
        header: the submission.json of an unpacked submission.
        parts: the names of folders and files that lead to it, the outermost first; those of a zip around it come first.
        place: the file or folder on disk in which it lies, absolute.
        owner: of what lies in a zip, what tells one person's files in it from another's; empty where nothing does.
    """

    name: str
    file: Path | None
    problem: str = ""
    header: Path | None = None
    parts: tuple[str, ...] = ()
    place: Path | None = None
    owner: str = ""


def find(given: list[Path], scratch: Path, known: Collection[Path] = (), walls: Calls | None = None) -> list[Found]:
    """All that was handed in below the given files and folders, in a stable order, each file once.

    Args:
        given: zips and folders.
        scratch: an empty folder, where the zips inside zips are put under names of our own.
        known: files that are no submissions, such as the platform's list.
        walls: in which zips are looked into; this process where nothing is given.

    Raises:
        CourseError: a path does not exist, or there is nothing at all.
    """
    files: dict[Path, tuple[tuple[str, ...], str]] = {}
    passed_over = {file.resolve() for file in known}
    for path in given:
        if not path.exists():
            raise CourseError(
                expected="zips, or folders with zips in them",
                found=f"{path} does not exist",
                next_step="Check the path.",
            )
        for file, parts, problem in _below(path):
            place = file.absolute() if file.is_symlink() else file.resolve()  # a link hides nobody's file
            if place not in passed_over:
                files.setdefault(place, (parts, problem))
    if not files:
        raise CourseError(
            expected="submissions, NN-slug-STUDENT.zip",
            found=f"nothing in {', '.join(map(str, given))}",
            next_step="Put the students' zips there, or name them.",
        )
    found: list[Found] = []
    for number, (file, (parts, problem)) in enumerate(files.items()):
        name = said("/".join(parts), MAX_NAME)
        if problem:
            header = file / HEADER_FILE if problem == UNPACKED else None
            readable = problem not in (LINK, NO_FILE) and file.is_file()
            found.append(Found(name, file if readable else None, problem, header, parts, file))
        else:
            folder = scratch / f"{number:05d}"
            inside = _looked_into(file, name, parts, folder, walls or Open()) or [Found(name, file, parts=parts)]
            found += (replace(one, place=file) for one in inside)
    return found


def _below(path: Path) -> Iterator[tuple[Path, tuple[str, ...], str]]:
    """Files and unpacked submissions with the names that lead to them, each with its problem; a zip has none."""
    if not path.is_dir():
        yield path, (path.name,), _problem(path, given=True)
        return
    waiting: list[tuple[Path, tuple[str, ...]]] = [(path, ())]
    while waiting:
        folder, parts = waiting.pop()
        shown = parts or (path.name or "submissions",)
        try:
            if (folder / HEADER_FILE).is_file():
                yield folder, shown, UNPACKED
                continue
            entries = sorted(folder.iterdir(), reverse=True)
        except OSError as error:
            yield folder, shown, f"The folder cannot be read ({said(error.strerror or error)}). Make it readable."
            continue
        if len(parts) >= MAX_DEPTH:
            yield folder, shown, f"It lies more than {MAX_DEPTH} folders deep. Put it further up."
            continue
        for file in entries:
            if _is_litter(file.name) or (file.name == "__MACOSX"):
                continue
            if file.is_dir() and not file.is_symlink():
                waiting.append((file, (*parts, file.name)))
        for file in reversed(entries):
            if not _is_litter(file.name) and (file.is_symlink() or not file.is_dir()):
                yield file, (*parts, file.name), _problem(file)


def _problem(file: Path, *, given: bool = False) -> str:
    """What is wrong with something that is no folder; empty for a zip. Only regular files are ever opened."""
    try:
        status = file.stat() if given else file.lstat()
    except OSError as error:
        return f"It cannot be read ({said(error.strerror or error)}). Make it readable."
    if stat.S_ISLNK(status.st_mode):
        return LINK
    if not stat.S_ISREG(status.st_mode):
        return NO_FILE
    if file.suffix.lower() == ".zip" or (given and zipfile.is_zipfile(file)):
        if status.st_size > MAX_BULK:
            return f"The zip has {status.st_size >> 20} MiB; at most {MAX_BULK >> 20} MiB are read. Unpack it first."
        return ""
    return problem_of(file.name)


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


def _looked_into(file: Path, name: str, parts: tuple[str, ...], folder: Path, walls: Calls) -> list[Found]:
    """What is inside a zip, looked for inside the walls; what costs too much is a row of its own."""
    over: dict[str, str] = {}
    ended: set[str] = set()
    while True:
        try:
            return walls.call(_listed, over, {}, file, name, parts, folder)
        except OSError as error:
            return [Found(name, file, f"It cannot be looked into: {error.strerror or error}.", parts=parts)]
        except Over as excess:
            if excess.is_of_the_machine and excess.step not in ended:
                ended.add(excess.step)  # once more
            elif excess.step == "find" or excess.step in over or len(over) >= MAX_ENDED:
                return [Found(name, file, f"{excess} {AGAIN}", parts=parts)]
            else:
                over[excess.step] = str(excess)


def _listed(progress: Progress, file: Path, name: str, parts: tuple[str, ...], folder: Path) -> list[Found]:
    progress.step("find")
    return list(_inside(progress, file, name, parts, folder))


def _inside(progress: Progress, file: Path, name: str, parts: tuple[str, ...], folder: Path) -> Iterator[Found]:
    """What is inside a zip that is no submission itself; nothing when it is one, or is no zip."""
    try:
        check_directory(file)
        outer = zipfile.ZipFile(file)
    except Refused as reason:
        yield Found(name, file, f"{reason} {AGAIN}", parts=parts)
        return
    except (*DAMAGE, OverflowError):
        return  # intake says what is wrong with it
    with outer:
        entries = [e for e in outer.infolist() if not e.is_dir() and not _is_litter(e.filename)]
        inner = {e.filename for e in entries if e.filename.lower().endswith(".zip")}
        tops = {e.filename.rpartition("/")[0] for e in entries if e.filename.rpartition("/")[2] == HEADER_FILE}
        if _is_submission(entries, tops) or not (inner or tops):
            return
        if len(entries) > MAX_INNER:
            yield Found(name, None, f"It holds {len(entries)} files; at most {MAX_INNER} are read.", parts=parts)
            return

        def found(place: str, problem: str, target: Path | None = None) -> Found:
            within = place[:MAX_PLACE].split("/")[:MAX_DEPTH]
            called = f"{name}{lms.IN_ZIP}{said(place, 200)}"
            return Found(called, target, problem, parts=(*parts, *within), owner=whose(place.removeprefix(around)))

        around = _folder_around([entry.filename for entry in entries])
        for top in sorted(tops):
            yield found(top, UNPACKED)
        owners = {entry.filename: whose(entry.filename.removeprefix(around)) for entry in entries}
        counts = Counter(owners[entry.filename] for entry in entries)
        for owner in (one for one, many in counts.items() if one and many > MAX_EACH):
            yield found(around + owner, f"It holds {counts[owner]} files; at most {MAX_EACH} are read. {AGAIN}")
        for number, entry in enumerate(entries):
            if any(not top or entry.filename.startswith(f"{top}/") for top in tops):
                continue
            if (owner := owners[entry.filename]) and counts[owner] > MAX_EACH:
                continue
            if entry.filename not in inner:
                yield found(entry.filename, problem_of(entry.filename))
                continue
            folder.mkdir(exist_ok=True)
            target = folder / f"{number:05d}.zip"
            step = f"find {number}"
            if step in progress.over:
                target.unlink(missing_ok=True)
                yield found(entry.filename, f"{progress.over[step]} {AGAIN}")
                continue
            progress.step(step, said(entry.filename, 200))
            try:
                if not (target.is_file() and target.stat().st_size == entry.file_size):  # by a try before this one
                    _take_out(outer, entry, target)
            except Refused as reason:
                target.unlink(missing_ok=True)
                yield found(entry.filename, str(reason))
            else:
                zips = _zips_only(target)
                yield found(entry.filename, NESTED.format(zips=some(zips)) if zips else "", target)


def whose(name: str) -> str:
    """What tells one student's files in a platform's zip from another's: the folder, or Canvas's name of the person."""
    folder, _, _ = name.rpartition("/")
    return folder.partition("/")[0] or lms.read_name((name,)).submitter


def _folder_around(names: Collection[str]) -> str:
    """The folders, with a slash, in which all of a zip lies: somebody zipped a folder. They tell nobody's files apart.

    Empty where there are none. One that is a person's, as a platform writes that, is none of them.
    """
    around = ""
    for _ in range(MAX_DEPTH):
        tops = {name[len(around) :].partition("/")[0] if "/" in name[len(around) :] else "" for name in names}
        top = tops.pop() if len(tops) == 1 else ""
        if not top or lms.read_name((top,)).submitter:
            break
        around += f"{top}/"
    return around


def _is_submission(entries: list[zipfile.ZipInfo], tops: Collection[str]) -> bool:
    """Whether the files are one submission, perhaps with one folder around everything."""
    if len(tops) != 1:
        return False
    (top,) = tops
    return not top or ("/" not in top and all(entry.filename.startswith(f"{top}/") for entry in entries))


def _zips_only(file: Path) -> list[str]:
    """The zips in a zip that is none of a submission; none where it is one, or holds no zips."""
    try:
        check_directory(file)
        with zipfile.ZipFile(file) as archive:
            names = archive.namelist()
    except (*DAMAGE, OverflowError, Refused):
        return []  # intake says what is wrong with it
    if any(name.rpartition("/")[2] == HEADER_FILE for name in names):
        return []
    return [name for name in names if name.lower().endswith(".zip") and not _is_litter(name)]


def _is_litter(name: str) -> bool:
    """Whether a system left it; what else begins with a dot may be somebody's work."""
    parts = name.split("/")
    return LITTER.match(name) is not None or any(part in LEFT_BEHIND or part.startswith("._") for part in parts)


def _take_out(outer: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path) -> None:
    if entry.flag_bits & 0x1:
        raise Refused("The zip around it is encrypted.")
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise Refused(f"It is packed in an unusual way (method {entry.compress_type}).")
    if entry.file_size > RATIO_FROM and entry.file_size > MAX_RATIO * max(entry.compress_size, 1):
        times = entry.file_size // max(entry.compress_size, 1)
        raise Refused(f"It unpacks to {times} times its size, as a zip bomb does.")
    if entry.file_size > MAX_ZIP:
        raise Refused(f"The zip has {entry.file_size >> 20} MiB; at most {MAX_ZIP >> 20} MiB are read.")
    with damage_is_refused("The zip"), outer.open(entry) as source, target.open("wb") as out:
        left = MAX_ZIP
        while left > 0 and (chunk := source.read(min(1 << 20, left))):
            out.write(chunk)
            left -= len(chunk)
