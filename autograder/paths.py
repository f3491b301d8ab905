"""Where things are: the kit's own files, a student's work, an instructor's class, the installation's state.

Everything that a command writes lies below ``HOME``, which is the checkout itself unless ``COURSE_HOME`` names
another folder (the tests do, so that they never touch a student's work). What comes with the kit lies below ``ROOT``.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

WRITTEN = "python3 course.py"  # how messages name the course's commands: `python3 course.py submit 01`


def course_from_here() -> str:
    """What to type for the course in the terminal or notebook that this process belongs to.

    Where the kit set the path (its JupyterLab, a shell after ``env``), ``course`` works in every folder. Elsewhere
    ``course.py`` is named as it is seen from the current folder. Windows has no ``python3``.
    """
    found = shutil.which("course")
    if found is not None and Path(found).parent == Path(sys.executable).parent:
        return "course"
    ways = [str(ROOT / "course.py")]
    with contextlib.suppress(OSError, ValueError):  # the current folder is gone, or on another drive of Windows
        ways.append(os.path.relpath(ways[0]))
    file = min(ways, key=len)
    if sys.platform == "win32":
        return f'python "{file}"' if " " in file else f"python {file}"
    return f"python3 {shlex.quote(file)}"


def as_typed_here(text: str) -> str:
    """A message, which names commands as in :data:`WRITTEN`, with what works where it is read."""
    return text.replace(WRITTEN, course_from_here())


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
