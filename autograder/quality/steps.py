"""The steps of `course test`: lint, types, and the tests on this machine's engine and on the reference engine.

A reference engine comes up while the first steps run, and its tests run beside those on the machine's engine: they
share nothing but the processors. What they print is shown when both are through.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from autograder import paths
from autograder.launcher import apt
from autograder.quality import network, ready
from autograder.quality.reference_engine import run
from autograder.quality.reference_engine.run import UNIT
from autograder.quality.seconds import Part, folders, table

Report = Callable[[str], None]
NO_TESTS = 5  # pytest's exit status when it found none
SUDO_SECONDS = 60.0  # between two calls of sudo, which forgets a password after 5 to 15 minutes (sudoers(5))
END_SECONDS = 10.0  # for a reference engine that is not needed any more to end
PROGRESS_SECONDS = 30.0  # between two words about tests whose output is shown later

WITHOUT_ENGINE = "not engine and not browser and not reference"  # of the tests that somebody names
UNIT_TESTS = ("-q", "-n", "auto", "-m", UNIT)
# Groups of tests that must not meet, or share what is costly, are made in tests/groups.py, the longest first.
ENGINE_TESTS = ("-v", "-n", "2", "--dist", "loadgroup", "--no-loadscope-reorder")
# One of these counts the bytes that leave the machine while all labs are done, so nothing else runs meanwhile.
ALONE = ("tests/quality/test_content_contract.py", "tests/quality/test_whole_course.py")
REFERENCE = "tests with the reference engine"
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


class Beside:
    """A run on the reference engine beside other steps: its engine comes up at once, its tests begin when told.

    Attributes:
        log: where its output goes.
        junit: where its pytest writes its report.
    """

    def __init__(self, command: Sequence[str], log: Path, junit: Path) -> None:
        self.log, self.junit = log, junit
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                command,
                cwd=paths.ROOT,
                env=_environment(),
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def go(self) -> None:
        """Let it take the base images, and test."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):  # it ended, and its log says why
            self._process.stdin.write(f"{run.GO}\n".encode())
            self._process.stdin.flush()

    def wait(self, report: Report) -> int:
        """Wait for its end, and say from time to time how far it is; returns its exit status."""
        while True:
            try:
                return self._process.wait(PROGRESS_SECONDS)
            except subprocess.TimeoutExpired:
                report(f"   beside, on the reference engine: {self.last_line()}")

    def output(self) -> str:
        """What it printed so far."""
        return self.log.read_text(encoding="utf-8", errors="replace").strip()

    def last_line(self) -> str:
        """The last line that it printed."""
        return next(reversed(self.output().splitlines()), "nothing yet")

    def end(self, report: Report) -> None:
        """End it, where nobody waits for it any more."""
        if self._process.poll() is None:
            assert self._process.stdin is not None
            with contextlib.suppress(OSError):
                self._process.stdin.close()  # one that waits for a word ends by that
            with contextlib.suppress(PermissionError):  # sudo is root's
                self._process.terminate()
            try:
                self._process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                report("The reference engine is still at work; what it makes is there for the next run.")


class Steps:
    """Runs steps one after the other and keeps the names of those that failed.

    Attributes:
        failed: names.
        parts: all steps with their seconds.
    """

    def __init__(self, report: Report) -> None:
        self.report = report
        self.failed: list[str] = []
        self.parts: list[Part] = []
        self._prefix: list[str] | None = None  # what to put in front of a command that needs root, once it is known

    def run(self, name: str, command: Sequence[str], junit: Path | None = None) -> int:
        """Run one step with its output shown; returns its exit status.

        Args:
            name: as it is shown.
            command: its words.
            junit: where pytest writes its report.
        """
        self.report(f"\n== {name}")
        sys.stdout.flush()
        began = time.monotonic()
        status = subprocess.run(command, cwd=paths.ROOT, env=_environment(), check=False).returncode
        self._ended(name, status, time.monotonic() - began, junit)
        return status

    def _ended(self, name: str, status: int, seconds: float, junit: Path | None = None) -> None:
        told = {0: "ok", run.UNAVAILABLE: "NOT RUN"}.get(status, "FAILED")
        self.report(f"== {name}: {told} ({seconds:.0f} s)")
        self.parts.append(Part(name, seconds, folders(junit) if junit else []))
        if status not in (0, run.UNAVAILABLE):
            self.failed.append(name)

    def tests(self, name: str, key: str, *arguments: str) -> int:
        """Run pytest as a step; its report is ``test-report/KEY.xml``."""
        report = _report(key)
        return self.run(name, pytest(*arguments, f"--junitxml={report}"), report)

    def static(self) -> None:
        """What needs no test to run."""
        self.run("lint", [sys.executable, "-m", "ruff", "check", "--quiet"])
        self.run("format", [sys.executable, "-m", "ruff", "format", "--check", "--quiet"])
        self.run("types", [sys.executable, "-m", "mypy"])

    def unit(self) -> None:
        """The tests that need neither engine nor browser."""
        self.tests("unit tests", "unit", *UNIT_TESTS)

    def everything(self, suite: str | None = None) -> None:
        """All there is, and at the end how long each part took."""
        is_one, told = run.machines_engine()
        where = run.where(is_one)
        self.report(f"The machine's own engine: {told}." + (" It is the reference engine." if is_one else ""))
        beside = bool(where.reference) and self._may()
        with self._root_kept(), self._beside(suite, needed=beside) as reference:
            with self._images():
                self.static()
                self.unit()
            self.tests("all labs, with nothing beside", "labs", "-v", "-m", where.machine, *ALONE)
            began = time.monotonic()
            if reference:
                reference.go()
            others = (*ENGINE_TESTS, *(f"--ignore={file}" for file in ALONE))
            self.tests(f"tests with engine and browser ({told})", "engine", *others, "-m", where.machine)
            if reference:
                self._shown(reference, began)
        self.report(f"\n== seconds\n{table(self.parts)}")

    def reference(self, arguments: Sequence[str], suite: str | None = None) -> None:
        """The tests of the reference engine, or those that pytest's arguments choose, run there.

        On a machine whose own engine is a reference, that is the one.
        """
        chosen = list(arguments) or [*ENGINE_TESTS, "-m", run.ON_THE_REFERENCE]
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
    def _command(self, *words: str, suite: str | None, paced: bool = False) -> Iterator[list[str]]:
        """The command line of a run as root, which works until the block ends."""
        if not self._prefix:
            yield run.command(*words, suite=suite, paced=paced)
            return
        with run.handed_over(os.environ) as file:
            command = run.command(*words, suite=suite, paced=paced, variables=file)
            yield run.as_root(self._prefix, command, os.environ)

    @contextmanager
    def _images(self) -> Iterator[None]:
        """Have the images that tests need in the machine's engine, where a reference engine gets the base images.

        In the background, and here, since this is the user, whose checkout notes where an image came from.
        """
        lines: list[str] = []
        making = threading.Thread(target=ready.ensure, args=[lines.append], name="images", daemon=True)
        making.start()
        try:
            yield
            making.join()
        finally:
            for line in lines:
                self.report(line)

    def _inside(self, suite: str | None, arguments: Sequence[str]) -> None:
        ready.bases(self.report)
        with self._command("tests", *arguments, suite=suite) as command:
            self._judged(self.run(REFERENCE, command))

    def _judged(self, status: int) -> None:
        if status == run.UNAVAILABLE:
            self._not_run("see the error above")
        elif status == NO_TESTS:
            self.report("   No test was chosen, which is a failure here.")

    @contextmanager
    def _beside(self, suite: str | None, needed: bool) -> Iterator[Beside | None]:
        """Have a reference engine come up in the background; its tests are told to begin."""
        if not needed:
            yield None
            return
        network.REPORTS.mkdir(exist_ok=True)
        junit = _report("reference")
        words = ["tests", "-v", "-m", run.ON_THE_REFERENCE, f"--junitxml={junit}"]
        with self._command(*words, suite=suite, paced=True) as command:
            reference = Beside(command, paths.state() / "logs" / "reference-engine.log", junit)
            try:
                yield reference
            finally:
                reference.end(self.report)

    def _shown(self, reference: Beside, began: float) -> None:
        """Wait for the tests on the reference engine, then show what they printed."""
        status = reference.wait(self.report)
        self.report(f"\n== {REFERENCE}, beside the tests above\n{reference.output()}")
        self._ended(REFERENCE, status, time.monotonic() - began, reference.junit)
        self._judged(status)


def _report(key: str) -> Path:
    """Where pytest writes the report of a part; that of an earlier run is removed."""
    report = network.REPORTS / f"{key}.xml"
    report.unlink(missing_ok=True)
    return report


def _environment() -> dict[str, str]:
    """The environment of every step.

    Compiled modules are kept even where PYTHONDONTWRITEBYTECODE asks for none: the tests start this package and
    rewrite themselves in thousands of processes.
    """
    path = os.pathsep.join([str(paths.ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    return os.environ | {"PYTHONPATH": path, "PYTHONUTF8": "1", "PYTHONDONTWRITEBYTECODE": ""}
