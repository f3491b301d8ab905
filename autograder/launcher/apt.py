"""Packages of Debian and Ubuntu: installed as root or with sudo, after saying so. Standard library only."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path


class AptProblem(Exception):
    """Packages could not be installed; the text says why."""


def os_release(file: Path = Path("/etc/os-release")) -> dict[str, str]:
    """The fields of os-release(5); empty where there is none."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except OSError:
        return {}
    return {key: value.strip("\"'") for key, _, value in (line.partition("=") for line in lines) if value}


def available() -> bool:
    """Whether this is a Debian or Ubuntu (or a relative) with apt-get."""
    release = os_release()
    family = {release.get("ID", ""), *release.get("ID_LIKE", "").split()}
    return bool(family & {"debian", "ubuntu"}) and shutil.which("apt-get") is not None


def as_root() -> list[str] | None:
    """What to put in front of a command so that it runs as root: nothing for root, sudo, or None when neither works."""
    if not hasattr(os, "geteuid"):
        return None
    if os.geteuid() == 0:
        return []
    sudo = shutil.which("sudo")
    if sudo is None:
        return None
    silent = subprocess.run([sudo, "-n", "true"], capture_output=True, check=False).returncode == 0
    if silent or (sys.stdin is not None and sys.stdin.isatty()):  # else nobody can type the password
        return [sudo]
    return None


def update() -> None:
    """Have apt's lists of packages, where root may fetch them: a new machine or container has none.

    Without them :func:`known` finds nothing. A failure is not told: what needs a package says what it could not get.
    """
    prefix = as_root()
    if prefix is not None:
        _run([*prefix, "apt-get", "update", "-qq"], fatal=False)


def known(package: str) -> bool:
    """Whether the distribution has a package that can be installed, by apt's lists (see :func:`update`)."""
    shown = subprocess.run(["apt-cache", "policy", package], capture_output=True, text=True, check=False)
    return "Candidate:" in shown.stdout and "Candidate: (none)" not in shown.stdout


def install(packages: Sequence[str], optional: Sequence[str], report: Callable[[str], None]) -> None:
    """Install packages, after saying so.

    Args:
        packages: what is needed; of "a|b" the first that the distribution has.
        optional: installed too where the distribution has them.
        report: called with one line for each step.

    Raises:
        AptProblem: no rights, or apt-get failed.
    """
    prefix = as_root()
    told = " ".join(package.partition("|")[0] for package in packages)
    if prefix is None:
        raise AptProblem(f"installing {told} needs root or sudo")
    report(f"installing with apt-get{' (sudo)' if prefix else ''}: {told}")
    update()
    names = [next((name for name in package.split("|") if known(name)), package) for package in packages]
    names += [package for package in optional if known(package)]
    environment = ["env", "DEBIAN_FRONTEND=noninteractive", "NEEDRESTART_SUSPEND=1"]
    options = ["-y", "-qq", "-o", "DPkg::Lock::Timeout=300", "--no-install-recommends"]
    _run([*prefix, *environment, "apt-get", "install", *options, *names])


def _run(command: list[str], fatal: bool = True) -> None:
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", check=False
    )
    if done.returncode and fatal:
        lines = [line for line in done.stdout.splitlines() if line.strip()]
        raise AptProblem("apt-get failed: " + " / ".join(lines[-4:]))
