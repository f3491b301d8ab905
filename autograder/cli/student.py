"""Commands for students: check, hint, status, submit, reset."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.table import Table

from autograder import paths
from autograder.checks import api
from autograder.cli import confirmed
from autograder.errors import CourseError, EnvironmentProblem, Exit
from autograder.labs import manifest, progress, students, workspace
from autograder.labs.manifest import Lab
from autograder.labs.overlay import Overlay
from autograder.notebook.cards import Card, Cards, earned, number, total

if TYPE_CHECKING:
    from autograder.labs.live import Live


def _class_labs() -> Overlay:
    """The labs as the student's class has them; in the class's own folder as its course.toml has them now."""
    if (paths.classroom() / "course.toml").is_file():
        from autograder.grading import people

        return people.load().labs
    return students.class_labs()


def _live(name: str) -> Live:
    lab = _class_labs().applied(manifest.find(name))
    folder, student = workspace.folder(lab), students.current()
    if not folder.is_dir():
        raise CourseError(
            expected=f"your folder work/{lab.slug}",
            found="it is not there",
            next_step="Run `python3 course.py start`; it copies the labs to work/.",
        )
    from autograder.labs.live import Live  # it knows every service, which hint, status and reset do not need

    return Live(workspace.worked_on(lab, folder, student), student, folder)


def _worked_on(lab: Lab) -> Lab:
    """A lab in the version that the student works on; the newest where that cannot be told."""
    try:
        return workspace.worked_on(lab, workspace.folder(lab), students.current())
    except CourseError:
        return lab


def _card(lab: Lab, verdict: api.Verdict) -> Card:
    """A verdict's card with what `course hint` wants to be given, which a notebook shows in the check's own cell."""
    return replace(Card.of(verdict), name=_full_name(lab, verdict.check))


def _full_name(lab: Lab, check: str) -> str:
    return f"{lab.slug.partition('-')[0]}.{check}"


@click.command()
@click.argument("lab")
@click.option("--json", "as_json", is_flag=True, help="Print the verdicts as JSON.")
def check(lab: str, as_json: bool) -> None:
    """Judge every check of LAB (its number is enough: 01) and print the verdicts.

    Exit status: 0 all pass, 1 some do not, 3 a service does not answer.
    """
    live = _live(lab)
    evidence = live.collect()
    verdicts = api.run(live.lab.declared_checks(), evidence, live.lab.points)
    progress.note(live.lab, live.student, verdicts)
    if as_json:
        click.echo(json.dumps([verdict.model_dump() for verdict in verdicts], indent=2, ensure_ascii=False))
    else:
        notes = [note for task in evidence.tasks.values() for note in task.notes]
        click.echo(repr(Cards([_card(live.lab, verdict) for verdict in verdicts], notes, total(live.lab, verdicts))))
    if any(verdict.status != "passed" for verdict in verdicts):
        sys.exit(int(Exit.NO))


@click.command()
@click.argument("check", metavar="LAB.CHECK")
def hint(check: str) -> None:
    """Print the next of the three hints of a check, for example: python3 course.py hint 01.both-tags"""
    name, dot, id = check.partition(".")
    if not dot:
        labs = [_worked_on(manifest.find(slug)) for slug in manifest.slugs()]
        meant = [_full_name(lab, check) for lab in labs if check in lab.points]
        raise CourseError(
            expected="LAB.CHECK: the lab's number, a dot and the check's name, as in 01.digest",
            found=check,
            next_step=" or ".join(f"Run: python3 course.py hint {full}" for full in meant)
            or "Run `python3 course.py check` with the lab's number: it shows each check's name in brackets.",
        )
    lab = _worked_on(manifest.find(name))
    if id not in lab.points:
        raise CourseError(
            expected=f"{name}.CHECK, with one of {', '.join(lab.points)}",
            found=check,
            next_step="Use a name from the list.",
        )
    which, text = progress.next_hint(lab, id)
    click.echo(Card.hint(which, text).text())


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def status(as_json: bool) -> None:
    """Points so far, over all labs: what you last saw pass. The grader judges again, with hidden cases."""
    if students.is_class_only():
        click.echo(
            paths.as_typed_here(
                "This folder holds a class, and nobody works on the labs here, so there are no points of your own. The "
                "class's points: python3 course.py export; a student's page: class/feedback/."
            ),
            err=as_json,
        )
        if not as_json:
            return
    labs = [_worked_on(lab) for lab in _class_labs().every()]
    seen = progress.read()
    if as_json:
        rows = [
            {
                "lab": lab.slug,
                "points": progress.points(lab),
                "of": lab.total,
                "checks": {check: seen.get(lab.slug, {}).get(check, "not checked") for check in lab.points},
            }
            for lab in labs
        ]
        click.echo(json.dumps(rows, indent=2))
        return
    table = Table(box=None, pad_edge=False)
    for heading, side in (("lab", "left"), ("points", "right"), ("of", "right"), ("not passed yet", "left")):
        table.add_column(heading, justify="right" if side == "right" else "left")
    for lab in labs:
        mine = seen.get(lab.slug, {})
        left = [
            f"{check} (by a person)" if check in lab.by_hand else check
            for check in lab.points
            if mine.get(check) != "passed"
        ]
        table.add_row(lab.slug, number(progress.points(lab)), number(lab.total), ", ".join(left) or "nothing")
    table.add_section()
    table.add_row("all", number(sum(map(progress.points, labs))), number(sum(lab.total for lab in labs)), "")
    Console().print(table)


@click.command()
@click.argument("lab")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=None,
    help="Folder for the zip (default: work/submissions).",
)
@click.option(
    "--without-services",
    is_flag=True,
    help="Write it also where services do not answer; what you pushed there is then not in it.",
)
def submit(lab: str, out: Path | None, without_services: bool) -> None:
    """Write the submission of LAB as a zip and say what is missing in it.

    The zip holds the notebook as it is on disk, your recorded answers, the lab's files, and the state of the
    services. It is written even when something is missing, so that you can hand in part of a lab. Where a service
    does not answer, nothing is written, since what you pushed would be lost: start the services, or say
    --without-services. The zip is read once by what will grade it, so that it is not refused for its size or form.
    """
    live = _live(lab)
    from autograder.grading import door
    from autograder.labs import submission

    def read_back(file: Path) -> list[str]:
        return door.read_back(file, live.lab, live.parameters())

    target = out or paths.work() / "submissions"
    try:
        written = submission.write(live, target, click.echo, read_back, without_services=without_services)
    except EnvironmentProblem as problem:
        if without_services:
            raise
        raise EnvironmentProblem(
            expected=problem.expected,
            found=problem.found,
            next_step=f"{problem.next_step.rstrip('.')}. To hand in notebook, answers and files without what you "
            f"pushed: python3 course.py submit {live.lab.slug} --without-services",
        ) from None
    progress.note(live.lab, live.student, written.verdicts)
    click.echo(f"Written: {written.file} ({submission.megabytes(written.size)})")
    click.echo(f"Checks on this machine: {earned(live.lab, written.verdicts)}")
    for verdict in written.verdicts:
        if verdict.status != "passed":
            click.echo(f"  {_card(live.lab, verdict).text().splitlines()[0]}")
    if written.missing:
        click.echo("Missing or out of date:")
        for sentence in written.missing:
            click.echo(f"  - {sentence}")


@click.command()
@click.argument("lab", required=False)
@click.option("--yes", is_flag=True, help="Do not ask.")
def reset(lab: str | None, yes: bool) -> None:
    """Bring LAB back to its beginning. What is in your folder is moved to work/copies/.

    What you pushed for the lab is removed from the local registry and the clouds' emulators. What your engine built
    stays there. A notebook that is open keeps what it shows: load it again (File, Reload Notebook from Disk).
    """
    labs: list[Lab] = [manifest.find(lab)] if lab else [manifest.find(slug) for slug in manifest.slugs()]
    names = ", ".join(found.slug for found in labs)
    question = f"Reset {names}? What you pushed is removed; your folder is kept in work/{workspace.COPIES}/."
    if not yes and not confirmed(question):
        sys.exit(int(Exit.NO))
    from autograder.labs import cloud_reset, pushed

    for sentence in cloud_reset.cleared(labs, students.ensure()):
        click.echo(sentence)
    for found in labs:
        kept = workspace.reset(found)
        progress.forget(found)
        click.echo(f"{found.slug}: back to its beginning" + (f"; your old files: {kept}" if kept else ""))
        try:
            emptied = pushed.remove(found, students.current().parameters_of(found))
        except EnvironmentProblem as problem:
            click.echo(f"{found.slug}: what you pushed is still in the registry ({problem.found})")
        else:
            click.echo("".join(f"{found.slug}: {name} is empty\n" for name in emptied), nl=False)
