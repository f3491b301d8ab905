"""The environment in ``.venv``: made from a pinned lock, redone only when that changes, resumed when interrupted."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import locale
import os
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Literal

from autograder.launcher import apt, packages
from autograder.launcher.locks import exclusive

Level = Literal["student", "full"]
LOCKS: dict[Level, str] = {"student": "requirements-student.txt", "full": "requirements.txt"}  # full holds student's
# On two free processors; a busy or slow machine takes several times as long, and the progress tells how long.
HOW_LONG: dict[Level, str] = {"student": "often 1 to 4 minutes", "full": "often 2 to 6 minutes"}


class SetupProblem(Exception):
    """The environment cannot be made; the text says why and what to do."""


def say(text: str) -> None:
    """A line about what is being done; on stderr, so that a command's own output stays clean."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


class Environment:
    """The virtual environment of a checkout.

    Attributes:
        root: the checkout.
        folder: ``.venv`` in it.
        marker: written last, so that it stands for a whole environment; says from which locks it was made.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = root / ".venv"
        self.marker = self.folder / "course.json"
        self.scripts = self.folder / ("Scripts" if os.name == "nt" else "bin")
        self.python = self.scripts / ("python.exe" if os.name == "nt" else "python")

    def ensure(self, level: Level) -> None:
        """Have the packages of a level installed. Takes about a millisecond when they are.

        Raises:
            SetupProblem: no venv module, no network, a package with a wrong hash, a full disk.
        """
        if self._is_ready(level):
            return
        try:
            self.folder.mkdir(exist_ok=True)
            with exclusive(self.folder / ".lock", lambda: say("Another call is making the environment; waiting.")):
                if not self._is_ready(level):
                    self._make(level)
        except OSError as error:
            raise SetupProblem(f"the environment in {self.folder} cannot be made: {error}") from None

    def _hash(self, level: Level) -> str:
        return hashlib.sha256((self.root / LOCKS[level]).read_bytes()).hexdigest()

    def _marked(self) -> dict[str, str]:
        try:
            data = json.loads(self.marker.read_text(encoding="utf-8"))
            return {str(key): str(value) for key, value in data.items()}
        except (OSError, ValueError, AttributeError):
            return {}

    def _is_ready(self, level: Level) -> bool:
        marked = self._marked()
        levels: tuple[Level, ...] = ("full",) if level == "full" else ("full", "student")
        return self._is_usable(marked) and any(marked.get(one) == self._hash(one) for one in levels)

    def _is_usable(self, marked: dict[str, str]) -> bool:
        """Whether it was made here, by a Python that is still there."""
        return (
            marked.get("root") == str(self.root)
            and self.python.exists()
            and marked.get("python") == os.path.realpath(self.python)
        )

    def _make(self, level: Level) -> None:
        began, marked = time.monotonic(), self._marked()
        if marked.get("full"):  # once full, always full
            level = "full"
        lock = self.root / LOCKS[level]
        count = len(packages.names(lock))
        self.marker.unlink(missing_ok=True)
        if marked and self._is_usable(marked):
            say(f"Bringing .venv up to date with {lock.name} ({count} packages at most).")
        else:
            say(f"Making the environment in .venv from {lock.name}: about {count} packages, {HOW_LONG[level]}, once.")
            self._venv(fresh=bool(marked))
        site = self._site_packages()
        packages.drop_half_installed(site)
        problem = packages.install(self.python, lock, count, say, site)
        if problem:
            raise SetupProblem(
                f"not all packages could be installed: {problem}\n"
                "  next: check the connection and the free disk space, then run the same command again; "
                "it goes on from here"
            )
        packages.drop_others(self.python, site, {*packages.names(lock), "pip", "setuptools", "wheel"})
        self._make_importable(site)
        done = {"root": str(self.root), "python": os.path.realpath(self.python), level: self._hash(level)}
        if level == "full":
            done["student"] = self._hash("student")
        temporary = self.marker.with_suffix(".tmp")
        temporary.write_text(json.dumps(done, indent=1), encoding="utf-8")
        temporary.replace(self.marker)
        say(f"The environment is ready ({time.monotonic() - began:.0f} s).")

    def _venv(self, fresh: bool) -> None:
        """Make the bare environment, or keep the one that an interrupted call left."""
        works = self.python.exists() and subprocess.run(
            [str(self.python), "-I", "-m", "pip", "--version"], capture_output=True, check=False
        )
        if works and works.returncode == 0 and not fresh:
            return
        for part in self.folder.iterdir():
            if part.name != ".lock":  # held by this process
                shutil.rmtree(part) if part.is_dir() and not part.is_symlink() else part.unlink()
        if importlib.util.find_spec("ensurepip") is None:
            self._install_venv_module()
        done = subprocess.run(
            [sys.executable, "-m", "venv", str(self.folder)], capture_output=True, text=True, check=False
        )
        if done.returncode:
            last = (done.stdout + done.stderr).strip().splitlines()[-3:]
            raise SetupProblem(f"`{sys.executable} -m venv` failed: {' / '.join(last)}")

    def _install_venv_module(self) -> None:
        """Debian and Ubuntu ship Python without venv's parts."""
        exact = f"python3.{sys.version_info.minor}-venv"
        if not apt.available():
            raise SetupProblem(
                "this Python comes without the modules venv and ensurepip\n"
                "  next: install them for this Python, or use a Python from https://www.python.org/downloads/"
            )
        try:
            apt.install([f"{exact}|python3-venv"], [], say)
        except apt.AptProblem as problem:
            raise SetupProblem(
                f"this Python comes without the module venv, and {problem}\n  next: sudo apt-get install {exact}"
            ) from None

    def _site_packages(self) -> Path:
        if os.name == "nt":
            return self.folder / "Lib" / "site-packages"
        return next(iter(sorted((self.folder / "lib").glob("python3.*/site-packages"))))

    def _make_importable(self, site: Path) -> None:
        """The kit itself: importable in every kernel, and as the command ``course``. Not an editable install, so that
        nothing of it is pinned or built."""
        encoding = "utf-8" if sys.version_info >= (3, 13) else locale.getpreferredencoding(False)  # as site.py reads it
        (site / "registry-course.pth").write_text(f"{self.root}\n", encoding=encoding)
        if os.name == "nt":
            text = '@"%~dp0python.exe" -P -m autograder.launcher.main %*\r\n'
            (self.scripts / "course.cmd").write_text(text, encoding="ascii", newline="")
            return
        script = self.scripts / "course"
        # Through sh: a path with spaces cannot stand after #!
        text = f'#!/bin/sh\nexec {shlex.quote(str(self.python))} -P -m autograder.launcher.main "$@"\n'
        script.write_text(text, encoding="utf-8", newline="\n")
        script.chmod(0o755)
