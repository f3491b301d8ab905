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

import csv
import io
import json
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from pathlib import Path, PurePosixPath
from typing import Any

from autograder.errors import CourseError
from autograder.grading.people import Course
from autograder.labs import manifest

CANVAS = re.compile(r"(?P<name>\w+?)(?P<late>_LATE)?_(?P<user>\d+)_(?P<attachment>\d+)_(?P<file>.+)\Z")
MOODLE = re.compile(r"(?P<name>.+?)_(?P<user>\d+)_assignsubmission_file(?:_(?P<file>.*))?\Z")
AGAIN = re.compile(r"(?:-(?P<attempt>[1-9]\d?)| ?\((?P<copy>[1-9]\d?)\))\Z")  # Canvas's, and a browser's
PARTICIPANT = re.compile(r"(\d+)\s*\Z")
LAB_NUMBER = re.compile(r"lab[\s_-]*([0-9]{1,2})(?![0-9])")
# As Moodle writes times in English: "Friday, 20 November 2026, 11:59 PM".
# Source: langconfig.php of Moodle's English, strftimedatetimeaccurate and strftimedaydatetime.
MOODLE_TIMES = ("%A, %d %B %Y, %I:%M %p", "%A, %d %B %Y, %I:%M:%S %p", "%A, %d %B %Y, %H:%M", "%d %B %Y, %I:%M %p")
MAX_LIST = 50 << 20  # bytes
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


def read_name(label: str, own: str = "") -> Name:
    """What the name of a submission says.

    Args:
        label: as the report calls the file, with folders, and the zips around it before a colon.
        own: what the kit calls the file, without its ending: an id may end as an attempt does.
    """
    files = [PurePosixPath(part.replace("\\", "/")) for part in reversed(label.split(": "))]  # the innermost first
    again = AGAIN.search(files[0].stem.rpartition(own)[2] if own else files[0].stem)
    attempt = int(again["attempt"] or again["copy"]) + 1 if again else None
    for path in files:
        for part in (path.name, path.parent.name):
            if found := MOODLE.match(part):
                return Name(found["name"], found["user"], attempt=attempt)
        if found := CANVAS.match(path.name):
            late = True if found["late"] else None  # without it Canvas may have no due date, or another one
            return Name(found["name"], found["user"], found["attachment"], attempt, late)
    return Name(attempt=attempt)


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

    def in_file(self, label: str, slugs: Iterable[str]) -> tuple[str, str]:
        """Student and lab of a file that is called as the kit calls it, NN-slug-ID; empty where it is not."""
        stem = PurePosixPath(label.rpartition(": ")[2].replace("\\", "/")).stem.casefold()
        for slug in slugs:
            _, found, rest = stem.rpartition(f"{slug}-")
            for id in self._roster if found else ():
                if rest == id or (rest.startswith(id) and AGAIN.fullmatch(rest[len(id) :])):
                    return id, slug
        return "", ""


def lab_of(label: str, slugs: Iterable[str]) -> str:
    """The lab that a file or its folders are named after; empty where the names do not say, or name several."""
    known = list(slugs)
    parts = [part for part in re.split(r"[/\\:]", label) if part.strip()]
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
        received_at: with its zone.
        by_platform: whether the platform wrote the list, not the instructor.
    """

    received_at: datetime
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
        return f"{who} at {self.received_at.isoformat(timespec='minutes')}"


class Lists:
    """The lists that were given, to be asked for a submission."""

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self.entries = list(dict.fromkeys(entries))
        self._used: set[Entry] = set()

    def unused(self) -> list[Entry]:
        """Lines of lists of one's own that fit nothing that was handed in: slips, or work that is not here."""
        return [entry for entry in self.entries if not entry.by_platform and entry not in self._used]

    def find(self, label: str, name: Name, student: str, lab: str) -> list[Entry]:
        """The entries about one submission, by the surest sign that there is: attachment, file, participant, student.

        Args:
            label: as the report calls the file.
            name: what :func:`read_name` found in it.
            student: id of the student whose work it is; empty where nobody knows.
            lab: slug; likewise.
        """
        own = PurePosixPath(label.rpartition(": ")[2].replace("\\", "/"))
        fits = [entry for entry in self.entries if not (entry.lab and lab and entry.lab != lab)]
        signs: tuple[Callable[[Entry], bool], ...] = (
            lambda e: bool(e.attachment) and e.attachment == name.attachment,
            lambda e: bool(e.file) and PurePosixPath(e.file).parts == own.parts[-len(PurePosixPath(e.file).parts) :],
            lambda e: bool(e.user) and not e.attachment and e.user == name.user,
            lambda e: bool(e.student) and not e.file and e.student == student and bool(e.lab),
        )
        for sign in signs:
            found = [entry for entry in fits if sign(entry)]
            if found:
                self._used.update(found)
                return found
        return []


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
    except ValueError as error:
        raise _wrong(file, f"it is not valid JSON: {error}", "Save Canvas's answer as it is.") from None
    for number, submission in enumerate(found if isinstance(found, list) else [found], start=1):
        if not isinstance(submission, dict) or "user_id" not in submission:
            raise _wrong(file, f"entry {number} has no user_id", "Give the submissions as Canvas's API lists them.")
        history = submission.get("submission_history") or [submission]
        for attempt in history if isinstance(history, list) else [submission]:
            if isinstance(attempt, dict) and attempt.get("submitted_at"):
                yield from _attempt(file, number, attempt, str(submission["user_id"]))


def _attempt(file: Path, number: int, attempt: Mapping[str, Any], user: str) -> Iterator[Entry]:
    try:
        at = datetime.fromisoformat(str(attempt["submitted_at"]))
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise _wrong(
            file, f"entry {number}: submitted_at {attempt['submitted_at']!r}", "Save Canvas's answer as it is."
        )
    many = attempt.get("attempt")
    known: dict[str, Any] = {
        "attempt": many if isinstance(many, int) else None,
        "late": attempt["late"] if isinstance(attempt.get("late"), bool) else None,
    }
    attached = [a for a in attempt.get("attachments") or [] if isinstance(a, dict) and "id" in a]
    for one in attached:
        yield Entry(at, by_platform=True, user=user, attachment=str(one["id"]), **known)
    if not attached:
        yield Entry(at, by_platform=True, user=user, **known)


def _csv(file: Path, text: str, zone: tzinfo | None) -> Iterator[Entry]:
    first = next((line for line in text.splitlines() if line.strip()), "")
    rows = csv.reader(io.StringIO(text), delimiter=max(",;\t", key=first.count))
    columns: dict[str, int] | None = None
    for number, cells in enumerate(rows, start=1):
        if not any(cell.strip() for cell in cells):
            continue
        if columns is None:
            columns = {cell.strip().casefold(): at for at, cell in enumerate(cells)}
            is_moodle = {"identifier", "last modified (submission)"} <= columns.keys()
            if not is_moodle and ("received_at" not in columns or not ({"file", "student"} & columns.keys())):
                raise _wrong(
                    file,
                    f"the columns {', '.join(columns)}",
                    "Give Moodle's grading worksheet (in English), Canvas's submissions as JSON, or a list of your "
                    "own: received_at, and file or student and lab.",
                )
            continue
        row = {name: cells[at].strip() if at < len(cells) else "" for name, at in columns.items()}
        entry = _moodle(file, number, row, zone) if is_moodle else _own(file, number, row, zone)
        if entry is not None:
            yield entry


def _moodle(file: Path, number: int, row: Mapping[str, str], zone: tzinfo | None) -> Entry | None:
    """A line of a grading worksheet; None for a participant who handed nothing in."""
    found, text = PARTICIPANT.search(row["identifier"]), row["last modified (submission)"]
    if found is None or text in ("", "-"):
        return None
    return Entry(_time(file, number, text, zone), by_platform=True, user=found[1])


def _own(file: Path, number: int, row: Mapping[str, str], zone: tzinfo | None) -> Entry:
    attempt, lab, name = row.get("attempt", ""), row.get("lab", ""), row.get("file", "")
    if attempt and not attempt.isdecimal():
        raise _wrong(file, f"line {number}: the attempt {attempt!r}", "Give a number, or nothing.")
    if lab and lab not in manifest.slugs():
        raise _wrong(file, f"line {number}: the lab {lab!r}", f"Give one of {', '.join(manifest.slugs())}.")
    if not name and not (row.get("student") and lab):
        raise _wrong(file, f"line {number}: no file, and not both student and lab", "Say which submission it is.")
    return Entry(
        _time(file, number, row["received_at"], zone),
        by_platform=False,
        file=name.replace("\\", "/"),
        student=row.get("student", ""),
        lab=lab,
        attempt=int(attempt) if attempt else None,
    )


def _time(file: Path, number: int, text: str, zone: tzinfo | None) -> datetime:
    found = None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        for form in MOODLE_TIMES:
            try:
                found = datetime.strptime(text, form)  # its zone follows
                break
            except ValueError:
                continue
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
