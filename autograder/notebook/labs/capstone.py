"""The capstone's recorded runs of the student's script, each in a fresh process: one with a shut gate, then two.

What was pushed while the gate was shut is read from the registries' journal; what they hold is looked at after the
other two.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from autograder.checks.capstone import checks as capstone
from autograder.errors import CourseError
from autograder.evidence.model import Evidence
from autograder.labs.live import Live, Wanted
from autograder.notebook.cards import Card, Cards
from autograder.notebook.session import live
from autograder.scanning import watched_gate

SECONDS = 1800  # for one run that hangs; builds and pushes are the engine's work, so no CPU time tells


def run_twice(script: str = "release.py") -> Cards:
    """Run a script of the lab's folder with a shut gate, then twice, and record what happened as the answer ``runs``.

    The gate is shut first, while the release may not be there yet: a script may leave alone what is there already. All
    outputs are printed. A run that fails is recorded as well, with its exit code; the next one comes anyway.

    Args:
        script: its name.
    """
    try:
        session = live()
        shut = _with_shut_gate(session, script)
        after = _last_line(_look(session))
        codes, states = [], []
        scanned: str | None = None
        began = datetime.now(UTC)
        for number in (1, 2):
            codes.append(_run(session.folder, script, f"run {number} of {script}"))
            now = _look(session)
            states.append(capstone.state(now))
            if number == 1:
                scanned = _scanned(session.folder, now, began)
        session.record(
            "runs",
            {
                "codes": codes,
                "first": states[0],
                "second": states[1],
                "scanned": scanned,
                "after": after,
                "shut": shut,
            },
        )
    except CourseError as error:
        return Cards([Card.problem(error)])
    pushed = f"{len(shut['pushed'])} pushes" if shut["pushed"] else "no push"
    told = f"with a shut gate {pushed}; then exit codes {codes}, the state after each run"
    return Cards([Card.recorded("runs", told)])


def _with_shut_gate(session: Live, script: str) -> dict[str, Any]:
    """A run in which the gate says no.

    Returns:
        ``code`` (its exit code), ``asked`` (how often the gate was asked), and ``pushed``: service and tag (or digest)
        of each push meanwhile, in their order.
    """
    before = _last_line(_look(session))
    with tempfile.TemporaryDirectory(prefix="course-gate-") as name:
        record = Path(name) / "asked.txt"
        code = _run(
            session.folder, script, f"{script} with a shut gate: nothing may be pushed", watched_gate.shut(record)
        )
        asked = watched_gate.times_asked(record)
    return {"code": code, "asked": asked, "pushed": capstone.pushed_since(_look(session), before)}


def _last_line(seen: Evidence) -> int:
    """The number of the journal's newest line; 0 for an empty journal."""
    return max((known for line in seen.journal if isinstance(known := line.get("number"), int)), default=0)


def _look(session: Live) -> Evidence:
    """What the four registries hold now."""
    return session.collect(Wanted(frozenset(capstone.FOUR), frozenset(), frozenset()))


def _say(text: str) -> None:
    """Print a line at once: the next one may come from another process."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _run(folder: Path, script: str, what: str, variables: Mapping[str, str] | None = None) -> int:
    """One run in a fresh process, with further variables in its environment; -1 when it took too long."""
    _say(f"--- {what}")
    try:
        done = subprocess.run(
            [sys.executable, script],
            cwd=folder,
            env={**os.environ, **(variables or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            timeout=SECONDS,
        )
    except subprocess.TimeoutExpired:
        _say(f"It was stopped after {SECONDS} seconds.")
        return -1
    _say(done.stdout)
    return done.returncode


def _scanned(folder: Path, now: Evidence, began: datetime) -> str | None:
    """When the report was written, on the emulators' clock; None without a report of this run that says so."""
    try:
        document: Any = json.loads((folder / capstone.REPORT).read_text(encoding="utf-8"))
        written = datetime.fromisoformat(document["CreatedAt"])
        clock = datetime.fromisoformat(str(now.services["ecr"].settings["now"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if written.tzinfo is None or written < began:
        return None
    return (written + (clock - datetime.now(UTC))).isoformat()
