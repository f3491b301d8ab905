"""What a learning platform says of a submission: in the name of the file, and in its list of submissions.

Names, as the platforms' bulk downloads write them:

- Canvas: ``lovelaceada_LATE_1234_567890_NN-slug-ada-2.zip``: the sortable name in lower case without anything but
  letters, digits and underscores, LATE where it was late, the numbers of user and attachment, the student's file name.
  Source: https://github.com/instructure/canvas-lms/blob/master/lib/content_zipper.rb
- Moodle: ``Ada Lovelace_1234_assignsubmission_file_/NN-slug-ada.zip``, or the same without the folder: full
  name and number of the participant. Source: https://docs.moodle.org/405/en/Assignment_activity

Lists (``course grade --received FILE``):

- Moodle's grading worksheet (CSV; columns Identifier, Full name, Email address, Last modified (submission));
- Canvas's submissions as its API gives them (JSON; ``include[]=submission_history`` has earlier attempts too).
  Source: https://canvas.instructure.com/doc/api/submissions.html
- a list of one's own (CSV; columns received_at, and file or student and lab, perhaps attempt).
"""

from __future__ import annotations

import contextlib
import json
import re
import unicodedata
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from pathlib import Path, PurePosixPath
from typing import Any

from autograder.domain import instants
from autograder.errors import CourseError
from autograder.grading import tables
from autograder.grading.people import Course
from autograder.labs import manifest

CANVAS = re.compile(r"(?P<name>\w+?)(?P<late>_LATE)?_(?P<user>\d+)_(?P<attachment>\d+)_(?P<file>.+)\Z")
MOODLE = re.compile(r"(?P<name>.+?)_(?P<user>\d+)_assignsubmission_(?:file|onlinetext)(?:_(?P<file>.*))?\Z")
AGAIN = re.compile(r"(?:-(?P<attempt>[1-9]\d?)| ?\((?P<copy>[1-9]\d?)\))\Z")  # Canvas's, and a browser's
PARTICIPANT = re.compile(r"(\d+)\s*\Z")
LAB_NUMBER = re.compile(r"lab[\s_-]*([0-9]{1,2})(?![0-9])")
# As Moodle writes times in English: "Friday, 20 November 2026, 11:59 PM".
# Source: langconfig.php of Moodle's English, strftimedatetimeaccurate and strftimedaydatetime.
MOODLE_TIMES = ("%A, %d %B %Y, %I:%M %p", "%A, %d %B %Y, %I:%M:%S %p", "%A, %d %B %Y, %H:%M", "%d %B %Y, %I:%M %p")
MAX_LIST = 50 << 20  # bytes
_COLUMNS = ("file", "student", "lab", "received_at", "attempt")  # of a list of one's own
IN_ZIP = ": "  # between the name of a zip and that of a file in it, in what the table calls it
NOBODY = "-"  # in a list of one's own, as the student of a file that is no submission


@dataclass(frozen=True)
class Name:
    """What a file's name says, as a platform wrote it.

    Attributes:
        submitter: the person's name, as the platform wrote it; empty where no platform did.
        user: the platform's number of the person or participant.
        attachment: Canvas's number of the file.
        attempt: number of the attempt; None where the name holds none.
        late: True where the platform says that it was late; None where it says nothing.
    """

    submitter: str = ""
    user: str = ""
    attachment: str = ""
    attempt: int | None = None
    late: bool | None = None


MAX_NAME = 400  # characters of one name


def read_name(parts: Sequence[str], own: str = "") -> Name:
    """What the names of a submission say.

    The outermost name that a platform wrote counts: what is inside of it, a student has named.

    Args:
        parts: the names of folders and files that lead to it, the outermost first, those of a zip around it among them.
        own: what the kit calls the file, without its ending: an id may end as an attempt does.
    """
    parts = [part[:MAX_NAME] for part in parts]  # no file system has longer names; the patterns take its square
    for part in parts:
        if found := CANVAS.match(part):
            late = True if found["late"] else None  # without it Canvas may have no due date, or another one
            return Name(found["name"], found["user"], found["attachment"], _attempt_in(found["file"], own), late)
        if found := MOODLE.match(part):
            return Name(found["name"], found["user"], attempt=_attempt_in(parts[-1], own))
    return Name(attempt=_attempt_in(parts[-1], own) if parts else None)


def _attempt_in(file: str, own: str) -> int | None:
    stem = PurePosixPath(file).stem
    again = AGAIN.search(stem.rpartition(own)[2] if own else stem)
    return int(again["attempt"] or again["copy"]) + 1 if again else None


def plain(name: str) -> str:
    """A name as it can be compared: letters and digits in lower case, without accents."""
    parts = unicodedata.normalize("NFKD", name.casefold())
    return "".join(c for c in parts if c.isalnum())


class People:
    """Who on the roster is meant by a name: of a platform, or of a file."""

    def __init__(self, course: Course) -> None:
        self._roster = sorted(course.roster or {}, key=len, reverse=True)
        self._ids: dict[str, set[str]] = {}
        for id, person in (course.roster or {}).items():
            first, _, last = person.name.rpartition(" ")
            names = {id, person.name, f"{last}{first}", person.email.partition("@")[0]}
            if "," in person.name:
                surname, _, given = person.name.partition(",")
                names.add(f"{given}{surname}")
            for name in {plain(name) for name in names} - {""}:
                self._ids.setdefault(name, set()).add(id)

    def find(self, name: str) -> str:
        """The id of the one student who is called so; empty where nobody or several are."""
        found = self._ids.get(plain(name), set())
        return next(iter(found)) if len(found) == 1 else ""

    def in_file(self, file: str, slugs: Iterable[str]) -> tuple[str, str]:
        """Student and lab of a file that is called as the kit calls it, NN-slug-ID; empty where it is not."""
        stem = PurePosixPath(file).stem.casefold()
        for slug in slugs:
            _, found, rest = stem.rpartition(f"{slug}-")
            for id in self._roster if found else ():
                if rest == id or (rest.startswith(id) and AGAIN.fullmatch(rest[len(id) :])):
                    return id, slug
        return "", ""


def lab_of(parts: Sequence[str], slugs: Iterable[str]) -> str:
    """The lab that a file or its folders are named after; empty where the names do not say, or name several."""
    known = list(slugs)
    for part in reversed(parts):
        lowered = part.casefold()
        found = [slug for slug in known if slug in lowered]
        if len(found) == 1:
            return found[0]
    for part in reversed(parts):
        numbers = {f"{int(number):02d}-" for number in LAB_NUMBER.findall(part.casefold())}
        found = [slug for slug in known if slug[:3] in numbers]
        if len(found) == 1:
            return found[0]
    return ""


@dataclass(frozen=True)
class Entry:
    """A line of a list: what is known of one submission. What is empty was not given.

    Attributes:
        received_at: with its zone; None where a line only says whose a file is.
        by_platform: whether the platform wrote the list, not the instructor.
    """

    received_at: datetime | None
    by_platform: bool
    file: str = ""
    student: str = ""
    lab: str = ""
    user: str = ""
    attachment: str = ""
    attempt: int | None = None
    late: bool | None = None

    def __str__(self) -> str:
        who = self.file or " ".join(filter(None, (self.student, self.lab)))
        return f"{who} at {instants.said(self.received_at)}" if self.received_at else who

    def fits(self, name: str, parts: Sequence[str]) -> bool:
        """Whether it is about a file, by :func:`is_named`."""
        return is_named(self.file, name, parts)


def is_named(text: str, name: str, parts: Sequence[str]) -> bool:
    """Whether a text names a file of what was handed in: as the table prints it, or by the last of its names.

    Args:
        text: what somebody wrote.
        name: what the table calls the file.
        parts: the names of folders and files that lead to it.
    """
    own = PurePosixPath(text).parts
    return bool(own) and (text == name or tuple(parts[-len(own) :]) == own)


def outer(name: str) -> str:
    """What the table calls the zip in which a file lies; empty where it lies in none."""
    head, colon, _ = name.partition(IN_ZIP)
    return head if colon and head.lower().endswith((".zip", "\N{HORIZONTAL ELLIPSIS}")) else ""


def parts_of(name: str) -> tuple[str, ...]:
    """The names that lead to a file, as far as what the table calls it still tells them."""
    return tuple(name.replace(IN_ZIP, "/").split("/"))


class Lists:
    """The lists that were given, to be asked for a submission."""

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self.entries = list(dict.fromkeys(entries))
        self._used: set[Entry] = set()
        self._placed: dict[tuple[str, ...], list[Entry]] = {}
        self._around: dict[tuple[str, ...], list[Entry]] = {}
        self._strangers: frozenset[Entry] = frozenset()
        self._index(self.entries)

    def _index(self, entries: Sequence[Entry]) -> None:
        self._by_attachment = _indexed(entries, lambda e: e.attachment)
        self._by_user = _indexed(entries, lambda e: "" if e.attachment else e.user)
        self._by_student = _indexed(entries, lambda e: "" if e.file or not e.lab else f"{e.student} {e.lab}")
        self._by_file = _indexed(entries, lambda e: PurePosixPath(e.file).name)
        self._by_printed = _indexed(entries, lambda e: e.file)

    def leave_out_strangers(self, roster: Container[str]) -> None:
        """Use no line that names a student who is not on the roster: a slip of the pen, or of another class."""
        named = (entry for entry in self.entries if entry.student not in ("", NOBODY))
        self._strangers = frozenset(entry for entry in named if entry.student not in roster)
        self._index([entry for entry in self.entries if entry not in self._strangers])

    def is_stranger(self, entry: Entry) -> bool:
        """Whether a line names a student who is not on the roster."""
        return entry in self._strangers

    def place(self, files: Iterable[tuple[str, tuple[str, ...]]]) -> None:
        """Find the file of each line that names one, among all that was handed in, and the zips around them.

        A file that lies there comes before one of that name in somebody's zip; a line that fits several fits none.

        Args:
            files: what the table calls each, and the names that lead to it.
        """
        fits: dict[Entry, list[tuple[str, ...]]] = {}
        around: dict[Entry, set[tuple[str, ...]]] = {}
        for name, parts in files:
            for entry in self._about(name, parts):
                fits.setdefault(entry, []).append(parts)
            place = zip_around(parts)
            for entry in self._about(outer(name), place):
                around.setdefault(entry, set()).add(place)
        for entry, places in fits.items():
            least = min(map(_zips_around, places))
            outermost = [parts for parts in places if _zips_around(parts) == least]
            if len(outermost) == 1:
                self._placed.setdefault(outermost[0], []).append(entry)
        for entry, zips in around.items():
            if entry not in fits and len(zips) == 1:
                self._around.setdefault(zips.pop(), []).append(entry)

    def _about(self, name: str, parts: tuple[str, ...]) -> list[Entry]:
        near = [*self._by_printed.get(name, ()), *(self._by_file.get(parts[-1], ()) if parts else ())]
        return [entry for entry in dict.fromkeys(near) if entry.fits(name, parts)]

    def around(self, parts: tuple[str, ...]) -> list[Entry]:
        """The lines that say whose all is that a zip holds, for one of the files in it."""
        return [entry for entry in self._around.get(zip_around(parts), ()) if entry.student]

    def whose(self, parts: tuple[str, ...], lab: str) -> list[Entry]:
        """The lines that say whose a file is: those about itself, else those about the zip that it lies in.

        Args:
            parts: the names of folders and files that lead to it.
            lab: slug; empty where nobody knows.
        """
        near = [entry for entry in self._placed.get(parts, ()) if entry.student]
        return [entry for entry in near or self.around(parts) if not (entry.lab and lab and entry.lab != lab)]

    def unused(self) -> list[Entry]:
        """Lines of lists of one's own that gave no time and no student, and that no row tells of: slips."""
        return [entry for entry in self.entries if not entry.by_platform and entry not in self._used]

    def why_unused(self, entry: Entry) -> str:
        """Such a line, and why it was not used where it is known."""
        return f"{entry} ({entry.student} is not on the roster)" if self.is_stranger(entry) else str(entry)

    def use(self, *entries: Entry) -> None:
        """Note that lines have done their work: gave a time or a student, or are told of in a row."""
        self._used.update(entries)

    def find(self, parts: tuple[str, ...], name: Name, student: str, lab: str) -> list[Entry]:
        """The entries about one submission, by the surest sign that there is: attachment, file, participant, student.

        Args:
            parts: the names of folders and files that lead to it.
            name: what :func:`read_name` found in them.
            student: id of the student whose work it is; empty where nobody knows.
            lab: slug; likewise.
        """
        for found in (
            self._by_attachment.get(name.attachment, []),
            self._placed.get(parts, []),
            self._by_user.get(name.user, []),
            self._by_student.get(f"{student} {lab}", []),
        ):
            if fits := [entry for entry in found if not (entry.lab and lab and entry.lab != lab)]:
                return fits
        return []


def _indexed(entries: Iterable[Entry], key: Callable[[Entry], str]) -> dict[str, list[Entry]]:
    found: dict[str, list[Entry]] = {}
    for entry in entries:
        if key(entry):
            found.setdefault(key(entry), []).append(entry)
    return found


def zip_around(parts: tuple[str, ...]) -> tuple[str, ...]:
    """The names that lead to the zip on disk in which a file lies; none where it lies in none."""
    return next((parts[:n] for n, part in enumerate(parts[:-1], start=1) if part.lower().endswith(".zip")), ())


def _zips_around(parts: Sequence[str]) -> int:
    return sum(part.lower().endswith(".zip") for part in parts[:-1])


def read_list(file: Path, zone: tzinfo | None) -> Iterator[Entry]:
    """The entries of a list.

    Args:
        file: a list, in one of the forms that the module's head names.
        zone: of the times that are written without one; None: such a time is an error.

    Raises:
        CourseError: it has none of these forms, or a time has no zone; names the line.
    """
    try:
        content = file.read_bytes()
        if len(content) > MAX_LIST:
            raise _wrong(file, f"{len(content) >> 20} MiB", f"Give a list of at most {MAX_LIST >> 20} MiB.")
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _wrong(file, "it is not UTF-8 text", "Save it in UTF-8.") from None
    except OSError as error:
        raise _wrong(file, str(error), "Check the path.") from None
    if text.lstrip()[:1] in ("[", "{"):
        yield from _canvas(file, text)
    else:
        yield from _csv(file, text, zone)


def _canvas(file: Path, text: str) -> Iterator[Entry]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _wrong(file, f"it is not valid JSON: {error}", "Save Canvas's answer as it is.") from None
    for number, submission in enumerate(found if isinstance(found, list) else [found], start=1):
        if not isinstance(submission, dict) or "user_id" not in submission:
            raise _wrong(file, f"entry {number} has no user_id", "Give the submissions as Canvas's API lists them.")
        history = submission.get("submission_history") or [submission]
        for attempt in history if isinstance(history, list) else [submission]:
            if isinstance(attempt, dict) and attempt.get("submitted_at"):
                yield from _attempt(file, number, attempt, str(submission["user_id"]))


def _attempt(file: Path, number: int, attempt: Mapping[str, Any], user: str) -> Iterator[Entry]:
    at = instants.read(str(attempt["submitted_at"]))
    if at is None or at.tzinfo is None:
        found = f"entry {number}: submitted_at {attempt['submitted_at']!r}"
        raise _wrong(file, found, "Save Canvas's answer as it is.")
    many = attempt.get("attempt")
    known: dict[str, Any] = {
        "attempt": many if isinstance(many, int) and not isinstance(many, bool) else None,
        "late": attempt["late"] if isinstance(attempt.get("late"), bool) else None,
    }
    listed = attempt.get("attachments")
    attached = [a for a in listed if isinstance(a, dict) and "id" in a] if isinstance(listed, list) else []
    for one in attached:
        yield Entry(at, by_platform=True, user=user, attachment=str(one["id"]), **known)
    if not attached:
        yield Entry(at, by_platform=True, user=user, **known)


def _csv(file: Path, text: str, zone: tzinfo | None) -> Iterator[Entry]:
    columns: dict[str, int] | None = None
    headings: list[str] = []
    try:
        for number, cells in tables.rows(text):
            if columns is None:
                headings = [cell.casefold() for cell in cells]
                columns = {cell: at for at, cell in enumerate(headings)}
                is_moodle = {"identifier", "last modified (submission)"} <= columns.keys()
                twice = [one for one in _COLUMNS if headings.count(one) > 1 and not is_moodle]
                if twice:
                    found = f"several columns {', '.join(twice)}"
                    raise _wrong(file, found, "Leave one column of each name, so that it is clear which one counts.")
                if not is_moodle and not ("file" in columns or {"student", "lab", "received_at"} <= columns.keys()):
                    raise _wrong(
                        file,
                        f"the columns {', '.join(columns)}",
                        "Give Moodle's grading worksheet (in English), Canvas's submissions as JSON, or a list of your "
                        "own: received_at, and file or student and lab.",
                    )
                continue
            if (
                any(cells[len(headings) :]) and not is_moodle
            ):  # a comma without quotes would move all that follows by a column
                found = f"line {number}: {len(cells)} cells under {len(headings)} columns"
                raise _wrong(file, found, "Put what holds a comma or semicolon in quotes.")
            row = {name: cells[at] if at < len(cells) else "" for name, at in columns.items()}
            entry = _moodle(file, number, row, zone) if is_moodle else _own(file, number, row, zone)
            if entry is not None:
                yield entry
    except tables.BadTable as problem:
        raise _wrong(file, str(problem), "Save it as CSV.") from None


def _moodle(file: Path, number: int, row: Mapping[str, str], zone: tzinfo | None) -> Entry | None:
    """A line of a grading worksheet; None for a participant who handed nothing in."""
    found, text = PARTICIPANT.search(row["identifier"]), row["last modified (submission)"]
    if found is None or text in ("", "-"):
        return None
    return Entry(_time(file, number, text, zone), by_platform=True, user=found[1])


def _own(file: Path, number: int, row: Mapping[str, str], zone: tzinfo | None) -> Entry:
    attempt, lab, name, student = (row.get(column, "") for column in ("attempt", "lab", "file", "student"))
    if attempt and not re.fullmatch(r"[0-9]{1,9}", attempt):
        raise _wrong(
            file, f"line {number}: the attempt {attempt[:40]!r}", "Give a number of up to 9 digits, or nothing."
        )
    if lab:
        try:
            lab = manifest.find(lab).slug
        except CourseError as problem:
            raise _wrong(file, f"line {number}: the lab {lab!r}", f"Give {problem.expected}.") from None
    if not name and not (student and lab):
        raise _wrong(file, f"line {number}: no file, and not both student and lab", "Say which submission it is.")
    at = row.get("received_at", "")
    if not at and not (name and student):
        raise _wrong(file, f"line {number}: no received_at", "Say when it was received, or whose that file is.")
    return Entry(
        _time(file, number, at, zone) if at else None,
        by_platform=False,
        file=name.replace("\\", "/"),
        student=student,
        lab=lab,
        attempt=int(attempt) if attempt else None,
    )


def _time(file: Path, number: int, text: str, zone: tzinfo | None) -> datetime:
    found = instants.read(text)
    if found is None:
        for form in MOODLE_TIMES:
            with contextlib.suppress(ValueError):
                found = datetime.strptime(text, form)  # its zone follows
                break
        found = found if found is not None and instants.is_usable(found) else None
    if found is None:
        raise _wrong(file, f"line {number}: the time {text!r}", "Give ISO 8601, for example 2026-11-20T23:59+01:00.")
    if found.tzinfo is None:
        if zone is None:
            raise _wrong(
                file, f"line {number}: the time {text!r} has no zone", "Name the zone with --zone, e.g. Europe/Berlin."
            )
        found = found.replace(tzinfo=zone)
    return found


def _wrong(file: Path, found: str, next_step: str) -> CourseError:
    return CourseError(expected=f"a list of submissions in {file.name}", found=found, next_step=next_step)
