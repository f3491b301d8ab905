"""The gate while a run is watched: lab 12 runs a release script once with a gate that says no.

Two variables of the environment tell the gate, so the same holds for every way to ask it (``course gate``,
``python3 course.py gate``, a path) and on every system. They can only shut it: nothing here opens a gate.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

RECORD: Final = "COURSE_GATE_RECORD"  # a file, to which each question adds a line
SHUT: Final = "COURSE_GATE_SHUT"  # "1": the gate says no, whatever the report says


def shut(record: Path) -> dict[str, str]:
    """The variables that shut the gate for a process and what it starts, and have questions noted in a file."""
    return {RECORD: str(record), SHUT: "1"}


def note() -> None:
    """The gate was asked: note it where the environment says.

    Raises:
        OSError: the file cannot be written.
    """
    record = os.environ.get(RECORD)
    if record:
        with Path(record).open("a", encoding="utf-8") as file:
            file.write("asked\n")


def is_shut() -> bool:
    """Whether the environment shuts the gate."""
    return os.environ.get(SHUT) == "1"


def times_asked(record: Path) -> int:
    """How often the gate was asked since the file was made."""
    return len(record.read_text(encoding="utf-8").splitlines()) if record.exists() else 0
