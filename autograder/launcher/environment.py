"""The environment in ``.venv``: made from a pinned lock, redone only when that changes, made anew when interrupted."""

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
UV_LOCK = "requirements-uv.txt"
LOCK = "course.lock"  # not .lock: uv holds that one while it installs
OWN = {LOCK, "course.json", "course.tmp"}  # what the launcher itself keeps in the folder; emptying it leaves them


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
        marker: says whose environment it is; written again, last, with the locks that it was made from. One that names
            no lock stands for an environment that is being made, or never was finished.
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
            SetupProblem: ``.venv`` is somebody else's; no venv module, no network, a package with a wrong hash, a full
                disk.
        """
        if self.is_ready(level):
            return
        try:
            self._check_owner()
            self.folder.mkdir(exist_ok=True)
            waiting = "Another call is making the environment; waiting."
            with exclusive(self.folder / LOCK, lambda: say(waiting)) as held:
                if not self.is_ready(level):
                    self._make(level, packages.Installer(self.python, held))
        except OSError as error:
            raise SetupProblem(
                f"the environment in {self.folder} cannot be made: {error}\n"
                "  next: check that the folder may be written, that the disk has room, and that no other program uses "
                "the folder; then run the same command again"
            ) from None

    def _hash(self, level: Level) -> str:
        return hashlib.sha256((self.root / LOCKS[level]).read_bytes()).hexdigest()

    def _marked(self) -> dict[str, str]:
        try:
            data = json.loads(self.marker.read_text(encoding="utf-8"))
            return {str(key): str(value) for key, value in data.items()}
        except (OSError, ValueError, AttributeError):
            return {}

    def _mark(self, **more: str) -> None:
        temporary = self.marker.with_suffix(".tmp")
        temporary.write_text(json.dumps({"root": str(self.root), **more}, indent=1), encoding="utf-8")
        temporary.replace(self.marker)

    def is_ready(self, level: Level) -> bool:
        """Whether the packages of a level are installed, as the locks have them."""
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

    def _check_owner(self) -> None:
        """Whether the folder may be emptied: there is none, it is empty, or it was made here.

        Raises:
            SetupProblem: it is somebody else's and holds something. Of a folder behind a link, only what was made from
                here counts as the launcher's own.
        """
        if not (self.folder.exists() or self.folder.is_symlink()):
            return
        linked = self.folder.resolve() != self.root.resolve() / ".venv"  # a junction of Windows is no symlink
        if self.folder.is_dir():
            there = {part.name for part in self.folder.iterdir()}
            mine = self._marked().get("root") == str(self.root)
            if mine or not there - OWN or (not linked and (there & OWN or self._is_bare())):
                return
        what = f"a link to {self.folder.resolve()}, which" if linked else "there, and it"
        raise SetupProblem(
            f"{self.folder} is {what} was not made by this copy of the course, which would replace it\n"
            "  next: give it another name or remove it, then run the same command again"
        )

    def _is_bare(self) -> bool:
        """Whether it is a virtual environment without packages of anybody's."""
        sites = ("lib/python3*/site-packages", "Lib/site-packages")
        found = {part.name.partition("-")[0] for site in sites for part in self.folder.glob(f"{site}/*.dist-info")}
        return (self.folder / "pyvenv.cfg").is_file() and found <= {"pip", "setuptools", "wheel"}

    def _make(self, level: Level, installer: packages.Installer) -> None:
        began, marked = time.monotonic(), self._marked()
        if marked.get("full"):  # once full, always full
            level = "full"
        lock = self.root / LOCKS[level]
        found = not marked and self._is_bare() and self._has_pip()  # made by hand, as many do: `python -m venv .venv`
        self._mark()
        if self._is_usable(marked):
            say(f"Bringing .venv up to date with {lock.name}.")
        else:
            say(f"Making the environment in .venv from {lock.name}, once; this often takes half a minute.")
            if not found:
                self._venv(installer.held)
        problem = installer.fetch_uv(self.root / UV_LOCK) or installer.sync(lock)
        if problem:
            say(f"uv cannot install them ({problem}).\nNow pip does, which may take some minutes.")
            self._venv(installer.held)  # nothing of uv's attempt, nor of an older lock, is left
            problem = installer.pip_install(lock)
        if problem:
            raise SetupProblem(
                f"not all packages could be installed: {problem}\n"
                "  next: check the connection and the free disk space, then run the same command again"
            )
        self._make_importable(self._site_packages())
        done = {level: self._hash(level), "student": self._hash("student")}  # full holds student's
        self._mark(python=os.path.realpath(self.python), **done)
        say(f"The environment is ready ({time.monotonic() - began:.0f} s).")

    def _has_pip(self) -> bool:
        call = [str(self.python), "-I", "-c", "import pip, sys; sys.exit(sys.version_info < (3, 11))"]
        return self.python.exists() and subprocess.run(call, capture_output=True, check=False).returncode == 0

    def _venv(self, held: int) -> None:
        """Make the bare environment in an emptied folder."""
        for part in self.folder.iterdir():
            if part.name not in OWN:
                shutil.rmtree(part) if part.is_dir() and not part.is_symlink() else part.unlink()
        if importlib.util.find_spec("ensurepip") is None:
            self._install_venv_module()
        python = getattr(sys, "_base_executable", "") or sys.executable  # the latter may just have been removed
        done = subprocess.run(
            [python, "-P", "-m", "venv", str(self.folder)],
            capture_output=True,
            text=True,
            check=False,
            pass_fds=() if os.name == "nt" else (held,),
        )
        if done.returncode:
            last = (done.stdout + done.stderr).strip().splitlines()[-3:]
            raise SetupProblem(f"`{python} -m venv` failed: {' / '.join(last)}")

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
        # Each kernel of this environment then knows the notebook's names, also one that VS Code starts.
        # https://ipython.readthedocs.io/en/stable/config/intro.html#systemwide-configuration
        startup = self.folder / "etc" / "ipython" / "startup"
        startup.mkdir(parents=True, exist_ok=True)
        (startup / "00-course.py").write_text("__import__('autograder.notebook')\n", encoding="utf-8")
        if os.name == "nt":
            text = '@"%~dp0python.exe" -P -m autograder.launcher.main %*\r\n'
            (self.scripts / "course.cmd").write_text(text, encoding="ascii", newline="")
            return
        script = self.scripts / "course"
        # Through sh: a path with spaces cannot stand after #!
        text = f'#!/bin/sh\nexec {shlex.quote(str(self.python))} -P -m autograder.launcher.main "$@"\n'
        script.write_text(text, encoding="utf-8", newline="\n")
        script.chmod(0o755)
