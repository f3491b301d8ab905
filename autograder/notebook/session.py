"""The session of one notebook: which lab it is, and check, hint and answer for it."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from autograder import paths
from autograder.checks import api
from autograder.errors import CourseError, EnvironmentProblem
from autograder.labs import kernel, manifest, progress, students, tasks, workspace
from autograder.labs.live import Live, Wanted
from autograder.labs.manifest import Lab
from autograder.notebook import commands
from autograder.notebook.cards import Card, Cards, Me, total


def _shell() -> Any:
    """The IPython shell that runs this code; None outside one."""
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython is not None else None


def _executed() -> tuple[str, ...]:
    """The cells this kernel has run, oldest first and as they were typed; none outside IPython.

    ``In`` holds them after IPython turned ``!`` and ``%`` lines into calls, so it would never equal the saved cells.
    """
    here = _shell()
    return tuple(map(str, here.history_manager.input_hist_raw)) if here is not None else ()


def place() -> tuple[Lab, Path]:
    """The lab that this notebook belongs to and its folder.

    A kernel runs in the notebook's folder. Jupyter also names the notebook in JPY_SESSION_NAME, which helps when a
    cell has changed the working directory.
    """
    here = Path.cwd()
    named = os.environ.get("JPY_SESSION_NAME", "")
    for folder in (here, *here.parents, Path(named).parent if named else here):
        if folder.name in manifest.slugs():
            found = folder if folder.is_absolute() else paths.work() / folder.name
            return manifest.find(folder.name), found
    raise CourseError(
        expected="a notebook inside work/NN-slug/",
        found=f"one in {here.name}/",
        next_step="Open the notebook from the lab's folder, as `python3 course.py start` shows it.",
    )


_kept: dict[Path, Live] = {}


def _session(folder: Path) -> Live:
    """The session of a folder, with its connections kept.

    Who works here is read once per call: student.toml may have been replaced since the last one.
    """
    student = students.current()
    lab = workspace.worked_on(student.overlay.applied(manifest.find(folder.name)), folder, student)
    if folder not in _kept:
        _kept[folder] = Live(lab, student, folder)
    _kept[folder].student, _kept[folder].lab = student, lab
    return _kept[folder]


def live() -> Live:
    """The session of this notebook, with the cells run so far."""
    _, folder = place()
    session = _session(folder)
    session.executed = _executed()
    if session.executed:
        kernel.remember(folder, session.executed)
    return session


def check(name: str = "") -> Cards:
    """Judge one check (or all, with ``check("all")``) and show the result."""
    try:
        session = live()
        declared = session.lab.declared_checks()
        if name in session.lab.by_hand:
            raise CourseError(
                expected="the name of something that is checked at once",
                found=f"{name}, which a person reads and grades",
                next_step="Write your answer in its cell, save the notebook, and hand it in with the rest.",
            )
        if name != "all" and name not in declared:
            raise _unknown("check", name, session.lab)
        ids = list(declared) if name == "all" else [name]
        evidence = session.collect(Wanted.of(session.lab, declared, ids))
        verdicts = api.run(declared, evidence, session.lab.points, only=ids)
        progress.note(session.lab, session.student, verdicts)
        notes = [note for run in evidence.tasks.values() for note in run.notes]
        return Cards(
            [Card.of(verdict) for verdict in verdicts], notes, total(session.lab, verdicts) if name == "all" else ()
        )
    except (CourseError, OSError) as error:
        return _problem(error)


def hint(name: str = "") -> Cards:
    """Show the next hint of a check; the third stays."""
    try:
        lab, folder = place()
        student = students.current() if lab.newest > 1 else None
        if student is not None:
            lab = workspace.worked_on(lab, folder, student)
        if name not in lab.points:
            raise _unknown("hint", name, lab)
        number, text = progress.next_hint(lab, name, student)
        return Cards([Card.hint(number, text)])
    except (CourseError, OSError) as error:
        return _problem(error)


def answer(name: str, value: Any) -> Cards:
    """Record an answer and show what was recorded."""
    try:
        here = live()
        blank = _not_begun(here, name, value) if name in here.lab.answers else None
        if blank is not None:
            return Cards([blank])
        recorded = here.record(name, value)
        return Cards([Card.recorded(name, recorded.value)])
    except (CourseError, OSError) as error:
        return _problem(error)


def _not_begun(here: Live, name: str, value: Any) -> Card | None:
    """The card of an answer that nothing was written for; None when something was.

    ``...`` as a value comes from :mod:`autograder.notebook.first_cell`, for a name that has none.
    """
    running = here.executed[-1].strip() if here.executed else ""
    if tasks.CODE_STUB in running and running in _handed_out(here.lab):
        found = "This cell is as it was handed out, so nothing was recorded."
        return Card.not_begun(name, found, "Write your solution where “...” stands, then run the cell.")
    if value is ...:
        found = f"{name} has no value: {here.lab.answers[name].asked}. Nothing was recorded."
        return Card.not_begun(name, found, f"Have a line {name} = … before answer(…), then run the cell.")
    return None


def _handed_out(lab: Lab) -> set[str]:
    """The cells of a lab's notebook as it comes with the kit."""
    return {source.strip() for source, _ in tasks.sources(workspace.notebook(lab.slug, lab.folder))}


def _problem(error: CourseError | OSError) -> Cards:
    if isinstance(error, OSError):
        error = EnvironmentProblem(
            expected="files in your work/ folder that can be read and written",
            found=str(error),
            next_step="Close other programs that use them, make room on the disk, then try again.",
        )
    return Cards([Card.problem(error)])


def _unknown(call: str, name: str, lab: Lab) -> CourseError:
    whole = ', or check("all") for all of them' if call == "check" else ""
    return CourseError(
        expected="one of " + ", ".join(id for id in lab.points if call == "hint" or id not in lab.by_hand),
        found=f"{call}({name!r})" if name else f"{call}() without a name",
        next_step=f'Pass a name from the list, in quotes: {call}("{next(iter(lab.points))}"){whole}.',
    )


def _parameters() -> tuple[str, dict[str, Any]]:
    _, folder = place()
    session = _session(folder)
    return session.student.student, session.parameters()


me = Me(_parameters)
commands.install()
