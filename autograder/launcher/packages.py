"""Installing a lock with pip: hashes checked, nothing resolved, own progress, and no half-installed package left."""

from __future__ import annotations

import csv
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

# Settings of the user's pip that would put packages elsewhere or hide what it does.
UNWANTED = ("PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_QUIET", "PIP_VERBOSE", "PIP_REQUIRE_VIRTUALENV")
TELL_SECONDS = 5.0  # a line so often, where no line can move
_PINNED = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==", re.MULTILINE)


def normalized(name: str) -> str:
    """A package's name as PyPI compares it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def names(lock: Path) -> set[str]:
    """The packages that a lock pins."""
    return {normalized(name) for name in _PINNED.findall(lock.read_text(encoding="utf-8"))}


def drop_half_installed(site: Path) -> list[str]:
    """Forget packages whose files are not all there, so that pip installs them again.

    An installation that was killed leaves such packages, and pip would take them for installed.

    Returns:
        The folders of metadata that were removed.
    """
    dropped = []
    for folder in sorted(site.glob("*.dist-info")):
        if not _is_whole(site, folder / "RECORD"):
            shutil.rmtree(folder)
            dropped.append(folder.name)
    return dropped


def _is_whole(site: Path, record: Path) -> bool:
    """Whether every file of a RECORD is there with its size.

    https://packaging.python.org/specifications/recording-installed-packages/
    """
    try:
        with record.open(encoding="utf-8", newline="") as file:
            for name, _, size in csv.reader(file):
                found = os.stat(os.path.join(site, name))  # noqa: PTH116, PTH118 - thousands of files
                if size and found.st_size != int(size):
                    return False
    except (OSError, ValueError):
        return False
    return (record.parent / "METADATA").is_file()


def _environment() -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if key not in UNWANTED}
    return {**kept, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1", "PYTHONUTF8": "1"}


def install(python: Path, lock: Path, count: int, say: Callable[[str], None], site: Path | None = None) -> str:
    """Install a lock.

    Args:
        python: the environment's Python.
        lock: the file; every package in it has a version and hashes.
        count: about how many packages there are, for the progress.
        say: called with lines about the progress, where there is no terminal to show a moving one.
        site: the environment's site-packages, where pip's own silence hides how far it is.

    Returns:
        "" when all went well, else the last lines of what pip said.
    """
    call = [str(python), "-I", "-m", "pip", "install", "--require-hashes", "--no-deps", "--progress-bar=off"]
    call += ["--no-warn-script-location", "--requirement", str(lock)]
    lines: list[str] = []
    progress = Progress(count, say, site)
    try:
        with subprocess.Popen(
            call,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=_environment(),
            text=True,
            encoding="utf-8",
            errors="replace",
        ) as process:
            assert process.stdout is not None
            for line in process.stdout:
                if line.strip():
                    lines.append(line.strip())
                progress.see(line.strip())
    finally:  # also after Ctrl+C, and where pip cannot be started
        progress.close()
    if process.returncode == 0:
        return ""
    errors = [line for line in lines if line.startswith("ERROR")] or lines
    return " / ".join(errors[-4:]) or f"pip ended with status {process.returncode}"


class Progress:
    """Counts what pip does: one moving line in a terminal, else a line every few seconds, each with what is left.

    The estimate follows the speed so far; nothing is promised before there is one.
    """

    def __init__(
        self,
        count: int,
        say: Callable[[str], None],
        site: Path | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """Args: as :func:`install` has them; ``now`` tells the time in seconds."""
        self.count, self.say, self.site, self.now = count, say, site, now
        self.fetched, self.before = 0, self._installed()
        self.began = self.told = now()
        self.installing: float | None = None  # since when
        self.moving = sys.stderr.isatty()
        self._ended, self._one = threading.Event(), threading.Lock()
        self._clock = threading.Thread(target=self._tick, daemon=True)
        self._clock.start()

    def see(self, line: str) -> None:
        """Take a line of pip's."""
        if line.startswith(("Collecting ", "Requirement already satisfied")):
            self.fetched += 1
            name = re.sub(r"^(Collecting|Requirement already satisfied:) ", "", line)
            name = re.split(r"[=<>!~; (]", name)[0]
            self._show(f"fetching {min(self.fetched, self.count)} of about {self.count}: {name}{self._left()}")
        elif line.startswith("Installing collected packages"):
            self.installing, self.began, self.before = self.now(), self.now(), self._installed()
            self._show("unpacking and compiling", always=True)

    def look(self) -> None:
        """Tell how far pip is while it says nothing itself: it unpacks one package after the other."""
        if self.installing is not None:
            done, took = self._installed() - self.before, self.now() - self.installing
            told = f"unpacked {done} of about {self.fetched}" if done < self.fetched else "compiling"
            self._show(f"{told}{self._left() or f' ({took:.0f} s so far)'}")

    def _tick(self) -> None:
        while not self._ended.wait(1.0):
            self.look()

    def _installed(self) -> int:
        return sum(1 for _ in self.site.glob("*.dist-info")) if self.site else 0

    def _left(self) -> str:
        """What is left of this half at the speed so far, as words; nothing while too little of it is done to tell."""
        whole = self.count if self.installing is None else self.fetched
        done = self.fetched if self.installing is None else self._installed() - self.before
        took = self.now() - self.began
        if took < TELL_SECONDS or done < max(3, whole // 20) or done >= whole:
            return ""
        left = took / done * (whole - done)
        return f" (about {left:.0f} s more)" if left < 90 else f" (about {left / 60:.0f} minutes more)"

    def _show(self, text: str, always: bool = False) -> None:
        with self._one:  # the clock tells as well
            if self.moving:
                self._move(f"  {text}"[:78])
            elif always or self.now() - self.told >= TELL_SECONDS:
                self.told = self.now()
                self.say(f"  {text}")

    def _move(self, text: str) -> None:
        sys.stderr.write(f"\r\033[K{text}")
        sys.stderr.flush()

    def close(self) -> None:
        """Clear the moving line."""
        self._ended.set()
        self._clock.join()
        if self.moving:
            self._move("")


def drop_others(python: Path, site: Path, wanted: set[str]) -> list[str]:
    """Remove packages that an older lock brought and this one has no more.

    Returns:
        Their names.
    """
    found = {normalized(folder.name.partition("-")[0]) for folder in site.glob("*.dist-info")}
    extra = sorted(found - wanted)
    if extra:
        call = [str(python), "-I", "-m", "pip", "uninstall", "--yes", "--quiet", *extra]
        subprocess.run(call, env=_environment(), capture_output=True, check=False)
    return extra
