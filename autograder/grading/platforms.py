"""Files for the grade import of Canvas and Moodle: one lab each, and only students whose score is final.

Both importers take an empty cell for "no grade" and clear what is there, so nobody without a score is in these files.
Sources: ``no_change_to_value?`` in https://github.com/instructure/canvas-lms/blob/master/lib/gradebook_importer.rb;
``update_grade_item`` in https://github.com/moodle/moodle/blob/main/grade/import/csv/classes/load_data.php
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from autograder.errors import CourseError
from autograder.grading import states
from autograder.grading.exports import Entry, as_text, cell
from autograder.grading.lms import plain
from autograder.labs.manifest import Lab

WHO = ("Student", "ID", "SIS User ID", "SIS Login ID", "Integration ID", "Root Account", "Section")
POSSIBLE = "Points Possible"
READ_ONLY = re.compile(r"read\s+only", re.IGNORECASE)
ASSIGNMENT = re.compile(r"(?P<title>.*\S)\s*\((?P<id>\d+)\)\Z", re.DOTALL)


@dataclass(frozen=True)
class Exported:
    """A file for a platform.

    Attributes:
        text: its content.
        students: ids of those who are in it.
        left_out: ids of those with a final score whom the platform's file does not name.
        remarks: what the instructor should know, one sentence each.
    """

    text: str
    students: tuple[str, ...]
    left_out: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


def final(made: Sequence[Entry], lab: Lab) -> list[Entry]:
    """The entries of a lab whose score is final."""
    return [entry for entry in made if entry.lab == lab.slug and entry.student and entry.status == states.GRADED]


def moodle(made: Sequence[Entry], lab: Lab) -> Exported:
    """A file for Moodle's grade import (CSV): one row a student, with the lab's column.

    In Moodle, map from "Email address" to the e-mail address, or from "ID number" to the id number, and the lab's
    column to its grade item. Source: https://docs.moodle.org/405/en/Grade_import
    """
    scores = final(made, lab)
    rows = [[cell(e.student), cell(e.email), cell(e.name), cell(e.score)] for e in scores]
    text = as_text([["ID number", "Email address", "Full name", lab.slug], *rows])
    return Exported(text, tuple(entry.student for entry in scores), remarks=tuple(_other_maxima(scores, lab)))


def _other_maxima(scores: Iterable[Entry], lab: Lab) -> Iterator[str]:
    """A platform has one maximum for all; whoever is judged by another version of the lab has another one here."""
    by_most: dict[float, list[str]] = {}
    for entry in scores:
        if entry.max_score != lab.total:
            by_most.setdefault(entry.max_score, []).append(entry.student)
    for most, who in sorted(by_most.items()):
        yield (
            f"{', '.join(sorted(who))}: by an earlier version of {lab.slug}, of {most:g} points and not {lab.total:g}. "
            "The score is out of these."
        )


def canvas(made: Sequence[Entry], lab: Lab, file: Path, column: str | None = None) -> Exported:
    """The instructor's own Canvas export with the scores of one lab filled in, and nothing else.

    Its headings carry the numbers of the assignments, so no new assignment is made by the import. A student is found by
    SIS Login ID or SIS User ID, else by the name, where only one has it.

    Args:
        made: the entries.
        lab: the lab.
        file: what Canvas's gradebook gave with *Export*.
        column: heading of the lab's column; found by the lab's slug, number or title where nothing is said.

    Raises:
        CourseError: the file is no such export, or no or several columns fit.
    """
    rows = _read(file)
    head = rows[0]
    at = _column(head, lab, column, file)
    who = [number for number, name in enumerate(head) if name.strip() in WHO]
    possible = next((row for row in rows[1:3] if row and POSSIBLE in row[0]), None)
    if possible is not None and READ_ONLY.search(possible[at]):
        raise _wrong(file, f"the column {head[at]!r} is read only", "Name the assignment's own column with --column.")
    remarks = []
    if possible is not None and _number(possible[at]) not in (None, lab.total):
        remarks.append(f"In Canvas {head[at]!r} has {possible[at].strip()} points, here {lab.slug} has {lab.total:g}.")
    scores = {entry.student: entry for entry in final(made, lab)}
    remarks += _other_maxima(scores.values(), lab)
    found: dict[str, list[str]] = {}
    for row in rows[1:]:
        if row is possible or len(row) <= at:
            continue
        id = _student(dict(zip((name.strip() for name in head), row, strict=False)), list(scores.values()))
        if id and id in found:
            remarks.append(f"{id} is in {file.name} twice; the first row is filled in.")
        elif id:
            found[id] = [*(row[number] for number in who), cell(scores[id].score)]
    kept = [[head[number] for number in who] + [head[at]]]
    if possible is not None:
        kept.append([possible[number] for number in who] + [possible[at]])
    text = as_text([*kept, *found.values()])
    return Exported(text, tuple(sorted(found)), tuple(sorted(scores.keys() - found.keys())), tuple(remarks))


def _read(file: Path) -> list[list[str]]:
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _wrong(file, "it is not UTF-8 text", "Take it as Canvas wrote it.") from None
    except OSError as error:
        raise _wrong(file, str(error), "Check the path.") from None
    first = next((line for line in text.splitlines() if line.strip()), "")
    rows = [row for row in csv.reader(io.StringIO(text), delimiter=max(",;", key=first.count)) if any(row)]
    head = [name.strip() for name in rows[0]] if rows else []
    if "Student" not in head[:1] or "ID" not in head or "Section" not in head:
        raise _wrong(
            file,
            "no line with the headings Student, ID and Section",
            "In Canvas open Grades, choose Export, and give the file as it is.",
        )
    return rows


def _column(head: Sequence[str], lab: Lab, wanted: str | None, file: Path) -> int:
    """Where the lab's column is."""
    begin = max(number for number, name in enumerate(head) if name.strip() in WHO) + 1
    titles = {number: ASSIGNMENT.match(name.strip()) for number, name in enumerate(head) if number >= begin}
    assignments = [number for number, title in titles.items() if title]
    if wanted is not None:
        found = [number for number, name in enumerate(head) if name.strip() == wanted.strip() and number >= begin]
    else:
        number = re.compile(rf"(?<!\d)0?{int(lab.slug[:2])}(?!\d)")
        signs: tuple[Callable[[str], bool], ...] = (
            lambda title: lab.slug in title.casefold(),
            lambda title: plain(title) == plain(lab.title) or plain(title).endswith(plain(lab.title)),
            lambda title: "lab" in title.casefold() and number.search(title) is not None,
        )
        found = []
        for sign in signs:
            found = found or [n for n in assignments if (title := titles[n]) and sign(title["title"])]
    if len(found) != 1:
        listed = ", ".join(repr(head[number].strip()) for number in assignments[:20]) or "none"
        raise _wrong(
            file,
            f"{'no column' if not found else f'{len(found)} columns'} for {lab.slug}; the assignments are {listed}",
            "Name the heading with --column, as it stands in the file.",
        )
    return found[0]


def _student(row: dict[str, str], scores: Sequence[Entry]) -> str:
    """The id of the student whom a row is about; empty where nobody with a score is."""
    by_id = {entry.student: entry for entry in scores}
    for name in ("SIS Login ID", "SIS User ID"):
        value = row.get(name, "").strip()
        for id in (value, value.casefold(), value.casefold().partition("@")[0]):
            if id in by_id:
                return id
        by_mail = [entry.student for entry in scores if entry.email and entry.email.casefold() == value.casefold()]
        if len(by_mail) == 1:
            return by_mail[0]
    if row.get("SIS Login ID", "").strip() or row.get("SIS User ID", "").strip():
        return ""  # Canvas knows who it is, and it is nobody of these
    last, comma, first = row.get("Student", "").partition(",")
    called = plain(f"{first}{last}" if comma else last)
    by_name = [entry.student for entry in scores if entry.name and plain(entry.name) == called]
    return by_name[0] if len(by_name) == 1 else ""


def _number(text: str) -> float | None:
    try:
        return float(text.strip().replace(",", "."))
    except ValueError:
        return None


def _wrong(file: Path, found: str, next_step: str) -> CourseError:
    return CourseError(expected=f"an export of Canvas's gradebook in {file.name}", found=found, next_step=next_step)
