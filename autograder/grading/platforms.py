"""Files for the grade import of Canvas and Moodle: one lab each, and only students whose score is final.

Both importers take an empty cell for "no grade" and clear what is there, so nobody without a score is in these files.

No cell is a formula for a spreadsheet. What a platform does not find people by is escaped: in Moodle's file the name,
in Canvas's all but the number in *ID*, by which Canvas looks first, and which is digits. Moodle finds people by the
address or the id: an id is no formula by the roster's rule, and an address that is one is left out and named.
Sources: ``no_change_to_value?``, ``process_student`` and ``parse_assignments`` in
https://github.com/instructure/canvas-lms/blob/master/lib/gradebook_importer.rb;
``update_grade_item`` in https://github.com/moodle/moodle/blob/main/grade/import/csv/classes/load_data.php
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from autograder.errors import CourseError
from autograder.grading import states, tables
from autograder.grading.exports import Entry, as_text
from autograder.grading.lms import plain
from autograder.grading.spreadsheet import cell, is_formula
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
        left_out: ids of those with a final score whom the platform's file does not name, or not clearly.
        remarks: what the instructor should know, one sentence each.
        column: heading of the column that is filled in; empty where the platform asks for it.
        unclear: ids of those left out whom the platform's file names, but not clearly; a remark says how.
    """

    text: str
    students: tuple[str, ...]
    left_out: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    column: str = ""
    unclear: frozenset[str] = frozenset()


def final(made: Sequence[Entry], lab: Lab) -> list[Entry]:
    """The entries of a lab whose score is final."""
    return [entry for entry in made if entry.lab == lab.slug and entry.student and entry.status == states.GRADED]


def moodle(made: Sequence[Entry], lab: Lab) -> Exported:
    """A file for Moodle's grade import (CSV): one row a student, with the lab's column.

    In Moodle, map from "Email address" to the e-mail address, or from "ID number" to the id number, and the lab's
    column to its grade item. Source: https://docs.moodle.org/405/en/Grade_import
    """
    scores = final(made, lab)
    rows = [
        [cell(e.student), "" if is_formula(e.email) else e.email, cell(e.name), cell(e.score)] for e in scores
    ]  # an escaped address would be nobody's
    text = as_text([["ID number", "Email address", "Full name", lab.slug], *rows])
    left_out = [
        f"{e.student}: the e-mail address is left out, since a spreadsheet takes it for a formula. Map from ID number."
        for e in scores
        if is_formula(e.email)
    ]
    return Exported(text, tuple(e.student for e in scores), remarks=(*left_out, *_other_maxima(scores, lab)))


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

    Its headings carry the numbers of the assignments, so no new assignment is made by the import. Whom a row is about
    is looked for among everybody in the class, by SIS Login ID and SIS User ID, or the name where Canvas has neither.
    Where two people fit a row, or two rows a person, none of them is filled in. Cells of the export stay as
    Canvas wrote them, but for those that would be a formula.

    Args:
        made: the entries of the whole class, whatever their states.
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
    everybody = [entry for entry in made if entry.lab == lab.slug and entry.student]
    found: dict[str, list[str]] = {}
    rows_of: dict[str, list[str]] = {}  # which of the export's rows may be whose
    unclear: set[str] = set()
    canvas_id = [name.strip() for name in head].index("ID")
    for row in rows[1:]:
        if row is possible or len(row) <= at:
            continue
        fit = _students(dict(zip((name.strip() for name in head), row, strict=False)), everybody)
        if len(fit) > 1 and fit & scores.keys():
            remarks.append(f"The row {row[0].strip()!r} may be {' or '.join(sorted(fit))}; it is not filled in.")
            unclear |= fit & scores.keys()
        elif len(fit) == 1:
            (id,) = fit
            rows_of.setdefault(id, []).append(f"{row[0].strip()!r} (ID {row[canvas_id].strip()})")
            if id in scores:
                found[id] = [*(cell(row[number]) for number in who), cell(scores[id].score)]
    for id in [id for id in found if len(rows_of[id]) > 1]:
        several = " and ".join(rows_of[id])
        remarks.append(f"{len(rows_of[id])} rows in {file.name} may be {id}: {several}; none of them is filled in.")
        unclear.add(id)
        del found[id]
    kept = [[cell(head[number]) for number in (*who, at)]]  # an assignment is found by the number in its heading
    if possible is not None:
        kept.append([cell(possible[number]) for number in (*who, at)])
    text = as_text([*kept, *found.values()])
    left_out = tuple(sorted(scores.keys() - found.keys()))
    return Exported(text, tuple(sorted(found)), left_out, tuple(remarks), head[at].strip(), frozenset(unclear))


def _read(file: Path) -> list[list[str]]:
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _wrong(file, "it is not UTF-8 text", "Take it as Canvas wrote it.") from None
    except OSError as error:
        raise _wrong(file, str(error), "Check the path.") from None
    try:  # Canvas takes cells with their blanks, and no tab between them
        rows = [row for _, row in tables.rows(text, ",;", strip=False)]
    except tables.BadTable as problem:
        raise _wrong(file, str(problem), "Take it as Canvas wrote it.") from None
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
        # Whole words: neither "Syllabus quiz 4" nor "Usernames" is a lab. An underscore separates, other than in \b.
        begins, ends = r"(?<![^\W_])", r"(?![^\W_])"
        signs = (
            rf"{begins}{re.escape(lab.slug)}{ends}",
            rf"{begins}{re.escape(lab.title)}\s*\Z",
            rf"{begins}lab[\s_#:.-]*0?{int(lab.slug[:2])}(?!\.?\d){ends}",
        )
        found = []
        for sign in signs:
            fits = re.compile(sign, re.IGNORECASE)
            found = found or [n for n in assignments if (title := titles[n]) and fits.search(title["title"])]
    if len(found) != 1:
        listed = ", ".join(repr(head[number].strip()) for number in assignments[:20]) or "none"
        raise _wrong(
            file,
            f"{'no column' if not found else f'{len(found)} columns'} for {lab.slug}; the assignments are {listed}",
            "Name the heading with --column, as it stands in the file.",
        )
    return found[0]


def _students(row: dict[str, str], everybody: Sequence[Entry]) -> set[str]:
    """The ids of those whom a row may be about, by the surest sign that there is.

    What follows the ``@`` of a login counts: only for somebody without an e-mail address on the roster an id is enough.
    """
    logins = [row.get(name, "").strip().casefold() for name in ("SIS Login ID", "SIS User ID")]
    logins = [login for login in logins if login]
    if logins:
        by_login = {e.student for e in everybody if e.student in logins or e.email.casefold() in logins}
        local = [login.partition("@")[0] for login in logins if "@" in login]
        return by_login or {e.student for e in everybody if e.student in local and not e.email}
    last, comma, first = row.get("Student", "").partition(",")
    called = plain(f"{first}{last}" if comma else last)
    return {e.student for e in everybody if called and e.name and plain(e.name) == called}


def _number(text: str) -> float | None:
    try:
        return float(text.strip().replace(",", "."))
    except ValueError:
        return None


def _wrong(file: Path, found: str, next_step: str) -> CourseError:
    return CourseError(expected=f"an export of Canvas's gradebook in {file.name}", found=found, next_step=next_step)
