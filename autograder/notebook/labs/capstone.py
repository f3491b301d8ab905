"""The capstone's two runs: the student's script in fresh processes, and what the registries hold after each."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from autograder.checks.capstone import checks as capstone
from autograder.errors import CourseError
from autograder.evidence.model import Evidence
from autograder.labs.live import Live, Wanted
from autograder.notebook.cards import Card, Cards
from autograder.notebook.session import live

SECONDS = 1800  # for one run that hangs; builds and pushes are the engine's work, so no CPU time tells


def run_twice(script: str = "release.py") -> Cards:
    """Run a script of the lab's folder twice and record the state after each run as the answer ``runs``.

    Both outputs are printed. A run that fails is recorded as well, with its exit code; the second run comes anyway.

    Args:
        script: its name.
    """
    try:
        session = live()
        before = _look(session)
        codes, states = [], []
        scanned: str | None = None
        began = datetime.now(UTC)
        for number in (1, 2):
            codes.append(_run(session.folder, script, number))
            now = _look(session)
            states.append(capstone.state(now))
            if number == 1:
                scanned = _scanned(session.folder, now, began)
        lines = [known for line in before.journal if isinstance(known := line.get("number"), int)]
        session.record(
            "runs",
            {
                "codes": codes,
                "first": states[0],
                "second": states[1],
                "scanned": scanned,
                "after": max(lines, default=0),
            },
        )
    except CourseError as error:
        return Cards([Card.problem(error)])
    return Cards([Card.recorded("runs", f"exit codes {codes}, the state after each run")])


def _look(session: Live) -> Evidence:
    """What the four registries hold now."""
    return session.collect(Wanted(frozenset(capstone.FOUR), frozenset(), frozenset()))


def _say(text: str) -> None:
    """Print a line at once: the next one may come from another process."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _run(folder: Path, script: str, number: int) -> int:
    """One run in a fresh process; -1 when it took too long."""
    _say(f"--- run {number} of {script}")
    try:
        done = subprocess.run(
            [sys.executable, script],
            cwd=folder,
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
