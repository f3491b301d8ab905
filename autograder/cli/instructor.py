"""Commands for instructors: roster, grade, regrade, export, formgrader."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click

from autograder import paths
from autograder.domain import instants
from autograder.errors import CourseError, EnvironmentProblem, Exit

if TYPE_CHECKING:
    from autograder.grading.exports import Entry
    from autograder.grading.people import Course
    from autograder.grading.regrade import Preview
    from autograder.grading.report import Row
    from autograder.grading.verdict_file import VerdictFile

FORMATS = ["csv", "json", "canvas", "moodle"]
MAX_NAMED = 30  # students in one line


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--course", "course_id", help="The course's id, when it is made now. Drawn when not given.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def roster(file: Path, course_id: str | None, as_json: bool) -> None:
    """Register the students of FILE and write what each is handed out.

    FILE is CSV with the columns id, name, email (the last two may be missing). The first time, the course is made
    with a secret key: class/course.toml. Keep a copy of it and give it to nobody. Each student gets one file,
    class/handout-parameters/ID/student.toml, to be put into work/. Repeat the command when the roster changes.
    """
    from autograder.grading import people

    done = people.register(people.parse_roster(file.read_bytes(), file.name), course_id)
    assert done.course.roster is not None
    if as_json:
        result = {
            "course": done.course.id,
            "created": done.created,
            "students": list(done.course.roster),
            "added": list(done.added),
            "removed": list(done.removed),
            "handout": str(done.handout),
        }
        click.echo(json.dumps(result, indent=1))
        return
    if done.created:
        key = paths.classroom() / people.COURSE_FILE
        click.echo(f"Made the course {done.course.id}. Its secret key is in {key}: keep a copy, give it to nobody.")
    click.echo(
        f"{len(done.course.roster)} students on the roster ({len(done.added)} new, {len(done.removed)} taken off)."
    )
    click.echo(f"Hand out to each student their own file: {done.handout / 'ID' / 'student.toml'}")


@click.command()
@click.argument("submissions", nargs=-1, type=click.Path(path_type=Path))
@click.option("--jobs", type=click.IntRange(1), help="How many at once; by default one more than there are processors.")
@click.option("--scheduler", metavar="ADDRESS", help="Grade on the Dask cluster with this scheduler (tcp://host:8786).")
@click.option("--force", is_flag=True, help="Grade again what is graded and unchanged.")
@click.option(
    "--received",
    "received",
    multiple=True,
    metavar="LIST",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The platform's list of submissions, which says when each was received; may be repeated.",
)
@click.option("--received-at", metavar="TIME", help="When all of these were received (2026-11-20T23:59+01:00).")
@click.option(
    "--unsigned",
    "unsigned",
    multiple=True,
    metavar="FILE",
    help="Let in this zip, or folder of zips, although it is not signed: a path, or the name that the table prints "
    "('outer.zip: inner.zip'); may be repeated. It is remembered, and the row says so.",
)
@click.option(
    "--take-back",
    "take_back",
    multiple=True,
    metavar="FILE",
    help="Let in no longer what --unsigned let in, named as there; may be repeated. Points that rest on it are put "
    "aside into class/taken-back/. It needs no SUBMISSIONS.",
)
@click.option("--zone", metavar="ZONE", help="Of times in LIST that are written without one (Europe/Berlin).")
@click.option("--json", "as_json", is_flag=True, help="Print the rows as JSON.")
@click.option("--passing", is_flag=True, hidden=True)  # for `demo`: the class is removed at once, so nothing names it
def grade(
    submissions: tuple[Path, ...],
    jobs: int | None,
    scheduler: str | None,
    force: bool,
    received: tuple[Path, ...],
    received_at: str | None,
    unsigned: tuple[str, ...],
    take_back: tuple[str, ...],
    zone: str | None,
    as_json: bool,
    passing: bool,
) -> None:
    """Grade SUBMISSIONS: zips, folders of zips, zips of zips.

    Writes verdicts, the gradebook, autograded notebooks and feedback into class/. What is graded already and has not
    changed is left alone, so after an interruption the same command goes on where it stopped. Whatever lies there and
    is no submission is named, and what to do about it. Nothing in a submission is run on this machine but code tasks,
    in a sandbox.

    Of several submissions of one student for one lab the one that was received last counts. When it was received is
    known from LIST (Moodle's grading worksheet, Canvas's submissions as JSON, or CSV of your own with the columns
    received_at, and file or student and lab), from the name that the platform gave the file, from --received-at, or
    else from when this command saw it first; class/received.jsonl keeps it. The students' clocks decide nothing.
    Deadlines stand in class/deadlines.csv.

    Each submission is signed with what its student was handed out; one that is not signed, or by somebody else, is
    refused. Earlier kits signed nothing: what they wrote counts where it was let in before, or where you name it with
    --unsigned, since you know whose it is. It never replaces a signed one, and --take-back takes it back.

    Ends with 0 when everything is graded, 1 when something was refused, could not be graded, or needs review (the table
    says why): nobody knows whether it was late, it is somebody else's work, its evidence looks written by hand, its
    files were changed after `submit`, or points by hand were given for earlier work. A written task that waits for its
    points is no reason for 1.
    """
    from autograder.grading import batch, lms, people
    from autograder.services import installation

    if not submissions and not take_back:
        raise click.UsageError("Missing argument 'SUBMISSIONS...'.")
    course = people.load()
    at, of_list = _moment(received_at), _zone(zone)
    lists = lms.Lists(entry for file in received for entry in lms.read_list(file, of_list))
    work = batch.Batch(
        course,
        jobs or batch.default_jobs(),
        scheduler,
        force,
        say=_note,
        lists=lists,
        at=at,
        known=received,
        unsigned=unsigned,
        take_back=take_back,
    )
    if course.is_public and not as_json:
        told = (
            "There is no roster: submissions of self-learners are graded with the public key, which is no secret. "
            "For a class run `python3 course.py roster FILE` first."
        )
        click.echo(paths.as_typed_here(told))
    with _progress(as_json) as progress:
        rows = work.run(list(submissions), lambda plan: progress.begin("grading", plan.size), progress.row)
        with installation.locked("grade", wait=1.0):
            rows = _into_gradebook(course, rows, progress)
    _show(rows, as_json, feedback=not passing)
    sys.exit(int(Exit.NO if any(row.is_open for row in rows) else Exit.OK))


@click.command()
@click.argument("labs", nargs=-1)
@click.option("--student", "students", multiple=True, metavar="ID", help="Only this student; may be repeated.")
@click.option("--dry-run", is_flag=True, help="Say what would change, and write nothing.")
@click.option("--jobs", type=click.IntRange(1), help="How many at once; by default as many as there are processors.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: the rows; with --dry-run what would change.")
def regrade(labs: tuple[str, ...], students: tuple[str, ...], dry_run: bool, jobs: int | None, as_json: bool) -> None:
    """Judge stored evidence again, after a check or its points were corrected; LABS: all when none is given.

    No submission is needed. Of the grader's probes those are run again that need nothing else and that changed. Points
    and comments given by hand stay. Every point that changes is printed with its reason, and kept as a line of
    class/changes.jsonl.

    Ends with 0 when everything could be judged and nothing needs review, as with `grade`, else 1. With --dry-run: 0
    when nothing would change, 1 when something would, cannot be judged, or rests on an older result of a probe.
    """
    from autograder.grading import people, regrade
    from autograder.grading.journal import Change
    from autograder.grading.strictjson import printable
    from autograder.services import installation

    course = people.load()
    slugs = [course.labs.find(lab).slug for lab in labs]
    processes = jobs or regrade.default_jobs()
    changes: list[Change] = []
    with installation.locked("grade", wait=1.0), _progress(as_json) as progress:
        found = regrade.candidates(slugs, students, course)
        if not found:
            raise CourseError(
                expected="graded submissions with stored evidence",
                found="no graded submission" + (f" of {', '.join([*slugs, *students])}" if slugs or students else ""),
                next_step="Run: python3 course.py grade FOLDER",
            )
        progress.begin("judging", len(found))
        if dry_run:
            preview = regrade.preview(found, course, processes, progress.step)
        else:
            rows = regrade.run(found, course, progress.row, processes, changes.extend)
            rows = _into_gradebook(course, _as_graded(rows, found, course), progress)
    if dry_run:
        _show_preview(preview, as_json)
        sys.exit(int(Exit.OK if preview.is_empty else Exit.NO))
    if as_json:
        click.echo(json.dumps(regrade.rows_as_json(rows, changes), indent=1, ensure_ascii=False))
    else:
        for line in (*regrade.told(changes), *regrade.totals(changes)):
            click.echo(printable(line))
        _show(rows, as_json)
    sys.exit(int(Exit.NO if any(row.is_open for row in rows) else Exit.OK))


def _show_preview(preview: Preview, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(preview.as_json(), indent=1, ensure_ascii=False))
        return
    from autograder.grading.strictjson import printable

    for line in preview.lines():
        click.echo(printable(line))
    _note(f"{preview.judged} judged, nothing written." + (" Nothing would change." if preview.is_empty else ""))


@click.command()
@click.option("--format", "form", type=click.Choice(FORMATS), default="csv", show_default=True)
@click.option("--lab", metavar="LAB", help="The lab, for canvas and moodle.")
@click.option(
    "--canvas-export",
    "canvas_export",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="What Canvas's own export of the gradebook gave; the scores are filled into it.",
)
@click.option("--column", metavar="HEADING", help="Heading of the lab's column in FILE, where it cannot be guessed.")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write to this file.")
def export(form: str, lab: str | None, canvas_export: Path | None, column: str | None, output: Path | None) -> None:
    """The gradebook as a file, with the points that were given by hand.

    csv and json: what was refused and belongs to nobody, then one entry a student and lab, and the student's total,
    with the columns student, name, email, lab, score, max_score, status, ungraded (ids of what a person has to look
    at), claimed (points that rest on what only the student's machine saw), received_at, known, days_late, penalty,
    remark, written_at, graded_at, on_student_machine (points that rest on evidence of the student's own machine).

    canvas and moodle: a file for their grade import, with one lab and with those students whose score is final. For
    Canvas the scores are filled into its own export (--canvas-export), so that they land in the assignment that is
    there; which column that is stands on stderr. A row that may be about two people is left alone, and so are two rows
    about one. What has no score is left out, since an empty cell would clear the grade.

    A status is graded, needs review (a person has to look), refused, missing or not graded (a fault of the grader).

    The gradebook is brought up to date first. Ends with 1 when somebody's final score could not be placed in Canvas's
    file, else with 0.
    """
    from autograder.grading import exports, people, platforms

    course = people.load()
    is_platform = form in ("canvas", "moodle")
    if is_platform and lab is None:
        raise CourseError(
            expected=f"a lab, for a file for {form}",
            found="no --lab was given",
            next_step=f"Name one, for example --format {form} --lab 04.",
        )
    if (lab or canvas_export or column) and not is_platform:
        raise CourseError(
            expected="--lab, --canvas-export and --column with --format canvas or moodle",
            found=f"--format {form}",
            next_step="Leave them out, or choose another format.",
        )
    _up_to_date(course)
    read = exports.read(course)
    made, outdated = read.entries, read.outdated
    left_out: tuple[str, ...] = ()
    if lab is None:
        text = exports.as_csv(made) if form == "csv" else exports.as_json(made)
    elif form == "moodle":
        exported = platforms.moodle(made, course.labs.find(lab))
        text = exported.text
        for remark in exported.remarks:
            click.echo(remark, err=True)
    else:
        text, left_out = _for_canvas(made, course, lab, canvas_export, column)
    if output is None:
        click.echo(text, nl=False)
    else:
        output.write_text(text, encoding="utf-8", newline="\n")
        click.echo(f"Wrote {output}.", err=True)
    slug = course.labs.find(lab).slug if lab else None
    _open_work([entry for entry in made if slug in (None, entry.lab) or entry.lab == exports.UNKNOWN])
    if outdated:
        click.echo(f"{len(outdated)} of these were graded before a lab's checks or points changed.", err=True)
        click.echo("Next: python3 course.py regrade, then export again.", err=True)
    sys.exit(int(Exit.NO if left_out else Exit.OK))


def _up_to_date(course: Course) -> None:
    """Have in the gradebook what a killed run left out of it. Where that cannot be, no export holds those points."""
    from autograder.grading import gradebook, store
    from autograder.services import installation

    if not any(document.evidence for document in store.every()):
        return
    try:
        with installation.locked("grade", wait=1.0):
            gradebook.sync(course)
    except EnvironmentProblem as problem:
        click.echo(f"The gradebook was not brought up to date: {problem.found}.", err=True)


def _for_canvas(
    made: list[Entry], course: Course, lab: str, canvas_export: Path | None, column: str | None
) -> tuple[str, tuple[str, ...]]:
    """The file for Canvas, and who is not in it although the score is final."""
    from autograder.grading import platforms

    if canvas_export is None:
        raise CourseError(
            expected="Canvas's own export of the gradebook, to fill the scores in",
            found="no --canvas-export was given",
            next_step="In Canvas open Grades, choose Export, and name that file with --canvas-export.",
        )
    done = platforms.canvas(made, course.labs.find(lab), canvas_export, column)
    click.echo(f"Filled in: the column {done.column!r}.", err=True)
    for remark in done.remarks:
        click.echo(remark, err=True)
    unclear = [student for student in done.left_out if student in done.unclear]
    missing = [student for student in done.left_out if student not in done.unclear]
    if unclear:
        told = f"Several rows or several students may be meant (see above), so not in this file: {', '.join(unclear)}."
        click.echo(f"{told} Enter their points by hand.", err=True)
    if missing:
        click.echo(f"Not found in {canvas_export.name}, so not in this file: {', '.join(missing)}", err=True)
    return done.text, done.left_out


def _open_work(made: list[Entry]) -> None:
    """Say on stderr what is in no final score."""
    from autograder.grading import exports, states
    from autograder.grading.strictjson import printable

    unknown = [entry for entry in made if not entry.student or entry.max_score == 0]
    if unknown:
        click.echo(f"Refused, and nobody knows whose it is ({len(unknown)}):", err=True)
        for entry in unknown:
            click.echo(printable(f"  {entry.remark}"), err=True)
    final = (states.GRADED, states.MISSING)
    known = [entry for entry in made if entry.lab != exports.TOTAL and entry not in unknown]
    waiting = [entry for entry in known if entry.status not in final]
    if waiting:
        click.echo(f"Not final, and so not in the files for platforms ({len(waiting)}):", err=True)
        for entry in waiting:
            open_ = "" if entry.status == states.REFUSED else ", ".join(entry.ungraded)
            why = ": ".join(filter(None, (open_, entry.remark)))
            click.echo(
                printable(f"  {entry.student} {entry.lab}: {entry.status}" + (f": {why}" if why else "")), err=True
            )
    told = [entry for entry in known if entry.status in final and entry.remark]
    if told:
        click.echo(f"Final, and to be known ({len(told)}):", err=True)
        for entry in told:
            click.echo(printable(f"  {entry.student} {entry.lab}: {entry.remark}"), err=True)
    missing: dict[str, list[str]] = {}
    for entry in known:
        if entry.status == states.MISSING:
            missing.setdefault(entry.lab, []).append(entry.student)
    if missing:
        click.echo("Nothing came:", err=True)
        for lab, students in missing.items():
            more = f" and {len(students) - MAX_NAMED} more" if len(students) > MAX_NAMED else ""
            click.echo(f"  {lab} ({len(students)}): {', '.join(students[:MAX_NAMED])}{more}", err=True)


def _moment(text: str | None) -> datetime | None:

    if text is None:
        return None
    found = instants.read(text)
    if found is None or found.tzinfo is None:
        raise CourseError(
            expected="for --received-at a time with its zone",
            found=repr(text),
            next_step="Write it like 2026-11-20T23:59+01:00.",
        )
    return found


def _zone(name: str | None) -> tzinfo | None:
    if name is None:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise CourseError(
            expected="for --zone a name of the time zone database", found=repr(name), next_step="Write Europe/Berlin."
        ) from None


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), help="TCP port on this machine; a free one when not given.")
def formgrader(port: int | None) -> None:
    """Open nbgrader's formgrader on the class: grade written tasks, comment, look at everybody's cells.

    Runs until Ctrl-C. It only answers this machine, and only with the token in the address.
    """
    from autograder.grading import exports, gradebook, people
    from autograder.grading import formgrader as server
    from autograder.services import installation

    course = people.load()
    with installation.locked("grade", wait=1.0):
        gradebook.sync(course)
    outdated = exports.outdated(course)
    if outdated:
        _note(f"{len(outdated)} submissions were judged before a lab's checks or points changed; they show no points.")
        _note(paths.as_typed_here("Next: python3 course.py regrade"))
    previous = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        sys.exit(server.serve(port, lambda url: click.echo(f"Formgrader: {url}\nStop it with Ctrl-C.")))
    finally:
        signal.signal(signal.SIGTERM, previous)


def _note(line: str) -> None:
    click.echo(line, err=True)


def _as_graded(rows: list[Row], documents: list[VerdictFile], course: Course) -> list[Row]:
    """Rows of what was judged again, with what `grade` says of the receipt of the same submissions."""
    from autograder.grading import lateness, receipts
    from autograder.grading.completed import completed_again

    ledger, deadlines = receipts.load(), lateness.load(course)
    by_zip = {(document.student, document.submission_sha256): document for document in documents}
    return [completed_again(row, by_zip.get((row.student, row.sha256)), ledger, deadlines) for row in rows]


def _into_gradebook(course: Course, rows: list[Row], progress: _Progress) -> list[Row]:
    """Fill the gradebook; the rows with what it says of points by hand."""
    from autograder.grading import exports, gradebook

    progress.begin("gradebook and feedback", gradebook.stale_count())
    gradebook.sync(course, progress.step)
    return exports.reviewed(rows, course)


def _show(rows: list[Row], as_json: bool, *, feedback: bool = True) -> None:
    from rich.console import Console

    from autograder.grading import report

    if as_json:
        click.echo(json.dumps(report.as_json(rows), indent=1, ensure_ascii=False))
        return
    report.show(Console(highlight=False), rows)
    if feedback:
        click.echo(f"Feedback for students: {paths.classroom() / 'feedback'}")


class _Progress:
    """A bar on a terminal, plain lines elsewhere, on stderr; nothing at all when quiet."""

    def __init__(self, bar: Any, quiet: bool) -> None:
        self._bar, self._quiet = bar, quiet
        self._task: Any = None
        self._done = self._total = 0

    def begin(self, what: str, total: int) -> None:
        self._done, self._total = 0, total
        if self._bar is not None and total:
            self._task = self._bar.add_task(what, total=total)

    def step(self) -> None:
        self._done += 1
        if self._bar is not None and self._task is not None:
            self._bar.advance(self._task)

    def row(self, row: Row) -> None:
        from autograder.grading import report

        self.step()
        if self._bar is None and not self._quiet:
            label = report.status(row)[0]
            said = f"{row.student or row.source} {row.lab} {label} {report.score(row)}"
            _note(f"[{self._done}/{max(self._done, self._total)}] {' '.join(said.split())}")


@contextmanager
def _progress(quiet: bool, stream: Callable[[], bool] = lambda: sys.stderr.isatty()) -> Iterator[_Progress]:
    if quiet or not stream():
        yield _Progress(None, quiet)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        yield _Progress(bar, quiet)
