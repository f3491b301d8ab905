"""Where things are: the kit's own files, a student's work, an instructor's class, the installation's state.

Everything that a command writes lies below ``HOME``, which is the checkout itself unless ``COURSE_HOME`` names
another folder (the tests do, so that they never touch a student's work). What comes with the kit lies below ``ROOT``.
"""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def home() -> Path:
    """The folder that holds ``work/``, ``class/``, ``site/`` and ``.course/``."""
    return Path(os.environ.get("COURSE_HOME") or ROOT).resolve()


def work() -> Path:
    """The student's folder."""
    return home() / "work"


def classroom() -> Path:
    """The instructor's class: submissions, gradebook, feedback, reports."""
    return home() / "class"


def state() -> Path:
    """The installation's own state: ports, process ids, logs. Safe to delete when everything is stopped."""
    return home() / ".course"


def programs() -> Path:
    """Programs that the kit stands in for where the machine has none; last on the path of notebooks."""
    return state() / "bin"


LABS = ROOT / "labs"
SOLUTIONS = ROOT / "solutions"
LESSONS = ROOT / "lessons"
DOCKER = ROOT / "docker"
