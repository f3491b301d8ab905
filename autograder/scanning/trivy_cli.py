"""Trivy as a person types it: every argument passed on, with the course's database, wherever Trivy comes from.

Found on PATH, else in this environment (the pinned wheel), else the container image, by digest. A known-compromised
version is refused before it runs. The image itself could not be pulled where the kit is tested: its tests put another
image in its place.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from autograder import paths
from autograder.errors import EnvironmentProblem
from autograder.scanning import grader, trivy
from autograder.services import addresses, installation

# By digest: in March 2026 tags of this image were an attacker's (see trivy.COMPROMISED). The index of 0.74.0, for
# linux/amd64 and linux/arm64; the same digest on ghcr.io, Docker Hub and ECR Public, as pinned in public repositories.
IMAGE = "ghcr.io/aquasecurity/trivy@sha256:62b1e65e8869bc4b4c6aa4fa2b21595256c7c2f6018a9d9ad61caf87187c1969"
IMAGE_VERSION = "0.74.0"
SOCKET = "/var/run/docker.sock"
NO_COURSE = ("TRIVY_DB_REPOSITORY", "TRIVY_CACHE_DIR")
# Nothing is told to anybody. https://trivy.dev/docs/latest/advanced/telemetry/
PRIVATE = {"TRIVY_DISABLE_TELEMETRY": "true", "TRIVY_SKIP_VERSION_CHECK": "true"}


def course_variables(live: bool = False) -> dict[str, str]:
    """What Trivy's own variables say: the course's database, or (``live``) nothing.

    Raises:
        EnvironmentProblem: nothing was started here yet.
    """
    return PRIVATE | ({} if live else addresses.of_installation(installation.load()).for_trivy())


def command(
    arguments: Sequence[str],
    *,
    live: bool = False,
    path: str | None = None,
    environment: Mapping[str, str] | None = None,
) -> tuple[list[str], dict[str, str]]:
    """Command line and environment that run Trivy with these arguments.

    Args:
        arguments: as typed.
        live: Trivy's own databases, from the internet, in Trivy's own cache.
        path: a PATH to look in instead of the environment's.
        environment: variables to start from instead of this process's.

    Raises:
        EnvironmentProblem: a known-compromised version, or nothing was started here yet.
    """
    base = dict(os.environ if environment is None else environment)
    variables = course_variables(live)
    if live:
        base = {name: value for name, value in base.items() if name not in NO_COURSE}
    if trivy.candidates(path):
        return [str(trivy.find(path).path), *arguments], base | variables
    return in_container(arguments, variables, live=live), base


def in_container(arguments: Sequence[str], variables: Mapping[str, str], *, live: bool) -> list[str]:
    """``docker run`` for the image: this folder as its own, images from the engine, the database from this machine.

    Inside of a container ``localhost`` is the container, so neither the database nor an image is fetched from there.
    """
    cache = addresses.trivy_cache() if not live else paths.state() / "trivy-live"
    if live:
        cache.mkdir(parents=True, exist_ok=True)
    else:
        grader.prepare(cache)
    settings = dict(variables) | {"TRIVY_CACHE_DIR": "/cache", "TRIVY_IMAGE_SRC": "docker"}
    settings.pop("TRIVY_DB_REPOSITORY", None)
    if not live:
        settings |= {"TRIVY_SKIP_DB_UPDATE": "true", "TRIVY_OFFLINE_SCAN": "true"}
    call = ["docker", "run", "--rm", "--interactive"]
    call += ["--tty"] if sys.stdin.isatty() and sys.stdout.isatty() else []
    call += ["--volume", f"{Path.cwd()}:/data", "--workdir", "/data", "--volume", f"{cache}:/cache"]
    call += ["--volume", f"{SOCKET}:{SOCKET}"]
    if sys.platform == "linux":  # what it writes belongs to the user; elsewhere the engine sees to that
        call += ["--user", f"{os.getuid()}:{os.getgid()}"]
        call += ["--group-add", str(Path(SOCKET).stat().st_gid)] if Path(SOCKET).exists() else []
    for name, value in settings.items():
        call += ["--env", f"{name}={value}"]
    return [*call, IMAGE, *arguments]


def run(arguments: Sequence[str], *, live: bool = False) -> int:
    """Run Trivy in this terminal; gives its exit status.

    Raises:
        EnvironmentProblem: there is no way to run it here.
    """
    call, environment = command(arguments, live=live)
    try:
        return subprocess.call(call, env=environment)
    except OSError as error:
        raise EnvironmentProblem(
            expected=f"{call[0]} to run", found=str(error), next_step="Run: python3 course.py doctor"
        ) from None


def stand_in(folder: Path | None = None, path: str | None = None) -> None:
    """Where this machine has no ``trivy``, a program of that name for notebooks that calls ``course trivy``."""
    place = paths.programs() if folder is None else folder
    windows = sys.platform == "win32"
    program = place / ("trivy.cmd" if windows else "trivy")
    if trivy.candidates(path):
        program.unlink(missing_ok=True)
        return
    place.mkdir(parents=True, exist_ok=True)
    call = [sys.executable, "-P", "-m", "autograder.cli", "trivy"]
    if windows:
        text = f"@echo off\r\n{subprocess.list2cmdline(call)} %*\r\n"
    else:
        text = f'#!/bin/sh\nexec {shlex.join(call)} "$@"\n'
    program.write_text(text, encoding="utf-8", newline="")
    program.chmod(0o755)
