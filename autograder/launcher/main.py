"""What ``course.py`` and the ``course`` script do: have the environment that a command needs, then hand over to it."""

from __future__ import annotations

import io
import os
import runpy
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from autograder import paths
from autograder.launcher import kept_help
from autograder.launcher.environment import Environment, Level, SetupProblem, say

ROOT = Path(__file__).resolve().parent.parent.parent

# Commands that a student needs. No command, --help, or a slip of the pen is a student's too.
STUDENT_COMMANDS = {
    *("start", "stop", "reset", "doctor", "check", "hint", "status", "submit", "images", "env"),
    *("reference", "tags", "retention", "trivy", "advisories", "sbom", "gate", "compose"),
    *("clock", "journal", "hub", "artifact-registry", "acr"),
}
# Commands that want the full lock.
FULL_COMMANDS = {
    *("roster", "grade", "regrade", "export", "formgrader", "demo", "site"),
    *("test", "verify", "bench", "samples", "release"),
}
#  as in autograder.errors.Exit, which may not be imported before there is an environment
ENVIRONMENT_STATUS, USAGE_STATUS = 3, 2


def level_for(arguments: Sequence[str]) -> Level:
    """What the command on the command line needs installed."""
    command = next((part for part in arguments if not part.startswith("-")), "")
    return "full" if command in FULL_COMMANDS else "student"


def main(arguments: Sequence[str]) -> int:
    """Run a command of the course in its environment.

    Args:
        arguments: the command line without the program's name.

    Returns:
        The command's exit status; 3 when the environment cannot be made.
    """
    environment, level = Environment(ROOT), level_for(arguments)
    if not environment.is_ready(level):
        told = kept_help.asked_for(arguments or ["--help"])
        if told is not None:  # who only asks gets no packages
            stream = sys.stdout if arguments else sys.stderr  # as click does
            if isinstance(stream, io.TextIOWrapper):  # a Windows console may still default to a legacy code page
                stream.reconfigure(errors="replace")
            stream.write(paths.as_typed_here(f"{told}\n"))
            return 0 if arguments else USAGE_STATUS
    try:
        environment.ensure(level)
    except SetupProblem as problem:
        say(f"error: {problem}")
        return ENVIRONMENT_STATUS
    except KeyboardInterrupt:
        say("interrupted; the next call makes it anew")
        return 130
    return _hand_over(environment.python, list(arguments))


def _hand_over(python: Path, arguments: list[str]) -> int:
    """Become the command: in this process when this already is the environment's Python, else in its place."""
    if Path(sys.prefix).resolve() == python.parent.parent.resolve():
        sys.argv = ["course", *arguments]
        runpy.run_module("autograder.cli", run_name="__main__")
        return 0
    call = [str(python), "-P", "-m", "autograder.cli", *arguments]  # -P: files in the current folder shadow nothing
    if os.name == "posix":
        sys.stdout.flush()
        os.execv(call[0], call)
    try:
        return subprocess.call(call)
    except KeyboardInterrupt:  # the command got it too and has said so
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
