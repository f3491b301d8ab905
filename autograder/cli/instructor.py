"""Commands for instructors: roster, grade, regrade, export, formgrader."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from autograder import paths
from autograder.errors import CourseError, Exit

if TYPE_CHECKING:
    from autograder.grading.people import Course
    from autograder.grading.report import Row

FORMATS = ["csv", "json", "canvas", "moodle"]


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
@click.argument("submissions", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--jobs", type=click.IntRange(1), help="Worker processes; by default one more than there are processors.")
@click.option("--scheduler", metavar="ADDRESS", help="Grade on the Dask cluster with this scheduler (tcp://host:8786).")
@click.option("--force", is_flag=True, help="Grade again what is graded and unchanged.")
@click.option("--json", "as_json", is_flag=True, help="Print the rows as JSON.")
@click.option("--passing", is_flag=True, hidden=True)  # for `demo`: the class is removed at once, so nothing names it
def grade(
    submissions: tuple[Path, ...], jobs: int | None, scheduler: str | None, force: bool, as_json: bool, passing: bool
) -> None:
    """Grade SUBMISSIONS: zips, folders of zips, zips of zips.

    Writes verdicts, the gradebook, autograded notebooks and feedback into class/. What is graded already and has not
    changed is left alone, so after an interruption the same command goes on where it stopped. Of several submissions
    of one student the one with the newest time of writing counts. Nothing in a submission is run on this machine but
    code tasks, in a sandbox.

    Ends with 0 when everything is graded, 1 when something was refused or could not be graded (the table says why).
    """
    from autograder.grading import batch, people
    from autograder.services import installation

    course = people.load()
    work = batch.Batch(course, jobs or batch.default_jobs(), scheduler, force, say=_note)
    if course.is_public and not as_json:
        told = (
            "There is no roster: submissions of self-learners are graded with the public key, which is no secret. "
            "For a class run `python3 course.py roster FILE` first."
        )
        click.echo(paths.as_typed_here(told))
    with _progress(as_json) as progress:
        rows = work.run(list(submissions), lambda plan: progress.begin("grading", plan.size), progress.row)
        with installation.locked("grade", wait=1.0):
            _into_gradebook(course, progress)
    _show(rows, as_json, feedback=not passing)
    sys.exit(int(Exit.NO if any(row.is_open for row in rows) else Exit.OK))


@click.command()
@click.argument("labs", nargs=-1)
@click.option("--student", "students", multiple=True, metavar="ID", help="Only this student; may be repeated.")
@click.option("--json", "as_json", is_flag=True, help="Print the rows as JSON.")
def regrade(labs: tuple[str, ...], students: tuple[str, ...], as_json: bool) -> None:
    """Judge stored evidence again, after a check or its points were corrected; LABS: all when none is given.

    Nothing is run again and no submission is needed. Points and comments given by hand stay.
    """
    from autograder.grading import people, regrade
    from autograder.services import installation

    course = people.load()
    slugs = [course.labs.find(lab).slug for lab in labs]
    with installation.locked("grade", wait=1.0), _progress(as_json) as progress:
        found = regrade.candidates(slugs, students, course)
        if not found:
            raise CourseError(
                expected="graded submissions with stored evidence",
                found="none" + (f" of {', '.join([*slugs, *students])}" if slugs or students else ""),
                next_step="Run: python3 course.py grade FOLDER",
            )
        progress.begin("judging", len(found))
        rows = regrade.run(found, course, progress.row)
        _into_gradebook(course, progress)
    _show(rows, as_json)
    sys.exit(int(Exit.NO if any(row.is_open for row in rows) else Exit.OK))


@click.command()
@click.option("--format", "form", type=click.Choice(FORMATS), default="csv", show_default=True)
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write to this file.")
def export(form: str, output: Path | None) -> None:
    """The gradebook as a file, with the points that were given by hand.

    csv and json: one entry a student and lab, and the student's total, with the columns student, name, email, lab,
    score, max_score, status (graded, open, refused, missing), ungraded (ids of what is not graded yet), claimed
    (points that rest on what only the student's machine saw), written_at, graded_at.
    canvas and moodle: files for their grade import; what is not fully graded is left empty.
    """
    from autograder.grading import exports, people

    course = people.load()
    made, outdated = exports.entries(course), exports.outdated(course)
    text = exports.FORMATS[form](made)
    if output is None:
        click.echo(text, nl=False)
    else:
        output.write_text(text, encoding="utf-8", newline="\n")
        click.echo(f"Wrote {output}.", err=True)
    waiting = [entry for entry in made if entry.lab != exports.TOTAL and entry.status in ("open", "refused")]
    if waiting:
        click.echo(f"Not graded yet, and so not in the points ({len(waiting)}):", err=True)
        for entry in waiting:
            click.echo(f"  {entry.student} {entry.lab}: {', '.join(entry.ungraded) or entry.status}", err=True)
    if outdated:
        click.echo(f"{len(outdated)} of these were graded before a lab's checks or points changed.", err=True)
        click.echo("Next: python3 course.py regrade, then export again.", err=True)


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), help="TCP port on this machine; a free one when not given.")
def formgrader(port: int | None) -> None:
    """Open nbgrader's formgrader on the class: grade written tasks, comment, look at everybody's cells.

    Runs until Ctrl-C. It only answers this machine, and only with the token in the address.
    """
    from autograder.grading import formgrader as server
    from autograder.grading import gradebook, people

    gradebook.sync(people.load())
    previous = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        sys.exit(server.serve(port, lambda url: click.echo(f"Formgrader: {url}\nStop it with Ctrl-C.")))
    finally:
        signal.signal(signal.SIGTERM, previous)


def _note(line: str) -> None:
    click.echo(line, err=True)


def _into_gradebook(course: Course, progress: _Progress) -> None:
    from autograder.grading import gradebook

    progress.begin("gradebook and feedback", gradebook.stale_count())
    gradebook.sync(course, progress.step)


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
            label = report.STATUS[row.status][0]
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
