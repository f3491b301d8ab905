"""The variables of ``course env`` in a kernel: ``!aws``, ``!docker``, ``!course`` and boto3 work without any export."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

from autograder.errors import CourseError, EnvironmentProblem
from autograder.services import addresses, cloud_variables, installation

NAMES = (
    *addresses.VARIABLES.values(),
    *addresses.TRIVY_VARIABLES,
    *cloud_variables.NAMES,
    *cloud_variables.private(),
)


def value(name: str) -> str:
    """The value of one of :data:`NAMES`.

    Raises:
        EnvironmentProblem: its service was never started here.
    """
    found = cloud_variables.all_of(installation.load())
    if name not in found:
        raise EnvironmentProblem(
            expected=f"a value of {name}",
            found="its service was never started here",
            next_step="Run: python3 course.py start",
        )
    return found[name]


def install() -> None:
    """Set them for this kernel and what it starts; does nothing outside a kernel.

    The environment's own programs come first on the path, so that ``aws`` and ``course`` are those of the kit.
    Variables and files of another AWS account, and stored logins of Docker, lose their effect: no cell of a lab reaches
    a real account by mistake.
    """
    ipython = sys.modules.get("IPython")
    if ipython is None or not hasattr(ipython.get_ipython(), "kernel"):
        return
    hand_out()


def hand_out() -> None:
    """Set them for this process and what it starts, whatever it is: a script of a lab may run in a terminal as well."""
    programs = str(Path(sys.executable).parent)
    if programs not in os.environ.get("PATH", "").split(os.pathsep)[:1]:
        os.environ["PATH"] = os.pathsep.join([programs, os.environ.get("PATH", os.defpath)])
    handed = cloud_variables.private()
    with contextlib.suppress(CourseError):  # nothing was started yet: a cell that needs a service says so itself
        handed = cloud_variables.hand_out(installation.load())
    for name in cloud_variables.foreign(os.environ):
        if name not in handed:
            del os.environ[name]
    os.environ.update(handed)
