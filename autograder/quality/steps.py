"""The steps of `course test`: lint, types, and the tests on this machine's engine and on the reference engine."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from autograder import paths
from autograder.errors import CourseError
from autograder.launcher import apt
from autograder.quality.reference_engine import run
from autograder.quality.reference_engine.run import UNIT
from autograder.services import engine, images, processes

Report = Callable[[str], None]
NO_TESTS = 5  # pytest's exit status when it found none
SUDO_SECONDS = 60.0  # between two calls of sudo, which forgets a password after 5 to 15 minutes (sudoers(5))
END_SECONDS = 10.0  # for the making of the file tree to end when it is not waited for

# Only the unit tests share the processors: the others start services, which choose ports and images.
UNIT_TESTS = ("-q", "-n", "auto", "-m", UNIT)
# What is only tested on the reference engine, in words, for a machine that has none.
ONLY_THERE = (
    "the lessons' blocks, and the second run of labs 01, 03, 05, 06, 08, 09, 11 and 12, of the clients, of the images "
    f"and of the machine's commands (pytest -m '{run.ON_THE_REFERENCE}')"
)


def in_ci() -> bool:
    """Whether this is a run of continuous integration, which must not leave anything out."""
    return os.environ.get("CI", "").lower() in ("true", "1")


def pytest(*arguments: str) -> list[str]:
    """The command line of pytest in this environment."""
    return [sys.executable, "-m", "pytest", *arguments]


class Steps:
    """Runs steps one after the other and keeps the names of those that failed.

    Attributes:
        failed: names.
    """

    def __init__(self, report: Report) -> None:
        self.report = report
        self.failed: list[str] = []
        self._prefix: list[str] | None = None  # what to put in front of a command that needs root, once it is known

    def run(self, name: str, command: Sequence[str]) -> int:
        """Run one step with its output shown; returns its exit status."""
        self.report(f"\n== {name}")
        sys.stdout.flush()
        began = time.monotonic()
        status = subprocess.run(command, cwd=paths.ROOT, env=_environment(), check=False).returncode
        told = {0: "ok", run.UNAVAILABLE: "NOT RUN"}.get(status, "FAILED")
        self.report(f"== {name}: {told} ({time.monotonic() - began:.0f} s)")
        if status not in (0, run.UNAVAILABLE):
            self.failed.append(name)
        return status

    def static(self) -> None:
        """What needs no test to run."""
        self.run("lint", [sys.executable, "-m", "ruff", "check", "--quiet"])
        self.run("format", [sys.executable, "-m", "ruff", "format", "--check", "--quiet"])
        self.run("types", [sys.executable, "-m", "mypy"])

    def unit(self) -> None:
        """The tests that need neither engine nor browser."""
        self.run("unit tests", pytest(*UNIT_TESTS))

    def everything(self, suite: str | None = None) -> None:
        """All there is. A reference engine's file tree is made while the first steps run."""
        is_one, told = run.machines_engine()
        where = run.where(is_one)
        self.report(f"The machine's own engine: {told}." + (" It is the reference engine." if is_one else ""))
        may = bool(where.reference) and self._may()
        with self._root_kept(), self._making(suite, needed=may) as made:
            self.static()
            self.unit()
            self.run(f"tests with engine and browser ({told})", pytest("-v", "-m", where.machine))
            if may and made():
                self._inside(suite, ["-v", "-m", where.reference])

    def reference(self, arguments: Sequence[str], suite: str | None = None) -> None:
        """The tests of the reference engine, or those that pytest's arguments choose, run there.

        On a machine whose own engine is a reference, that is the one.
        """
        chosen = list(arguments) or ["-v", "-m", run.ON_THE_REFERENCE]
        is_one, told = run.machines_engine()
        if is_one and suite is None:
            self.run(f"tests with the reference engine ({told})", pytest(*chosen))
        elif self._may():
            with self._root_kept():
                self._inside(suite, chosen)

    def _may(self) -> bool:
        """Whether a reference engine can be run beside the machine's own; where not, that is said."""
        self._prefix = apt.as_root() if sys.platform == "linux" else None
        if self._prefix is None:
            self._not_run("this is no Linux" if sys.platform != "linux" else "it needs root or sudo")
            return False
        # The password is asked for now, not in the middle of another step's output.
        if (
            self._prefix
            and not self._sudo_is_silent()
            and subprocess.run([*self._prefix, "-v"], check=False).returncode
        ):
            self._not_run("sudo did not give root")
            return False
        return True

    def _sudo_is_silent(self) -> bool:
        """Whether sudo asks for no password; where it remembers one, this makes it remember it for longer."""
        call = [*(self._prefix or []), "-n", "true"]
        return subprocess.run(call, stdin=subprocess.DEVNULL, capture_output=True, check=False).returncode == 0

    @contextmanager
    def _root_kept(self) -> Iterator[None]:
        """Have sudo remember the password for as long as the block runs."""
        ended = threading.Event()

        def keep() -> None:
            while not ended.wait(SUDO_SECONDS):
                self._sudo_is_silent()

        if self._prefix:
            threading.Thread(target=keep, name="sudo", daemon=True).start()
        try:
            yield
        finally:
            ended.set()

    def _not_run(self, why: str) -> None:
        self.report(f"\n== tests with the reference engine: NOT RUN: {why}\n   Not tested here: {ONLY_THERE}.")
        if in_ci():
            self.failed.append("tests with the reference engine (CI is set: nothing may be left out)")

    @contextmanager
    def _command(self, *words: str, suite: str | None) -> Iterator[list[str]]:
        """The command line of a run as root, which works until the block ends."""
        if not self._prefix:
            yield run.command(*words, suite=suite)
            return
        with run.handed_over(os.environ) as file:
            yield run.as_root(self._prefix, run.command(*words, suite=suite, variables=file), os.environ)

    def _base_images(self) -> None:
        """Have the base images in the machine's engine, from which a reference engine gets them.

        Here, since this is the user, whose checkout notes where an image came from; what runs as root only copies.
        """
        _, client = engine.probe()
        if client is None:
            return
        with contextlib.closing(client):
            try:
                for tag in images.BASES:
                    images.ensure(client, tag, self.report)
            except CourseError as problem:
                self.report(f"   The machine's engine gives no base images: {problem}")

    def _inside(self, suite: str | None, arguments: Sequence[str]) -> None:
        name = "tests with the reference engine"
        self._base_images()
        with self._command("tests", *arguments, suite=suite) as command:
            status = self.run(name, command)
        if status == run.UNAVAILABLE:
            self._not_run("see the error above")
        elif status == NO_TESTS:
            self.report("   No test was chosen, which is a failure here.")

    @contextmanager
    def _making(self, suite: str | None, needed: bool) -> Iterator[Callable[[], bool]]:
        """Have the file tree made in the background; gives what waits for it and says whether it is there."""
        if not needed:
            yield lambda: False
            return
        log = paths.state() / "logs" / "reference-engine.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        with self._command("make", suite=suite) as command:
            with log.open("wb") as output:
                making = subprocess.Popen(
                    command,
                    cwd=paths.ROOT,
                    env=_environment(),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                )

            def made() -> bool:
                status = making.wait()
                told = processes.tail(log)
                if told:  # nothing, where the tree was in the cache
                    self.report(f"\n{told}")
                if status:
                    self._not_run(f"its file tree could not be made (log in {log})")
                return status == 0

            try:
                yield made
            finally:
                self._end(making)

    def _end(self, making: subprocess.Popen[bytes]) -> None:
        """End what makes the file tree, where nobody waits for it any more."""
        if making.poll() is None:
            with contextlib.suppress(PermissionError):  # sudo is root's
                making.terminate()
            try:
                making.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                self.report("The file tree of the reference engine is still being made, for the next run.")


def _environment() -> dict[str, str]:
    path = os.pathsep.join([str(paths.ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    return os.environ | {"PYTHONPATH": path, "PYTHONUTF8": "1"}
