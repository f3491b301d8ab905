"""Trivy itself: where it is, which version, whether that version can be trusted, and one way to run it.

It is looked for on PATH, then where the pinned wheel puts it (Linux on x86-64); where neither is, the container image
is used by digest, see :mod:`autograder.scanning.trivy_cli`.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from autograder import paths
from autograder.errors import CourseError, EnvironmentProblem
from autograder.services import bounded

PINNED = "0.76.0"  # what the lock's wheel carries; other versions work, a grader's results are made with this one
COMMAND = "trivy.exe" if sys.platform == "win32" else "trivy"
# Released by an attacker in March 2026. https://github.com/aquasecurity/trivy/security/advisories/GHSA-69fq-xp46-6x23
COMPROMISED = {
    "0.69.4": "2026-03-19, every channel",
    "0.69.5": "2026-03-22, images on Docker Hub",
    "0.69.6": "2026-03-22, images on Docker Hub",
}
ADVISORY = "GHSA-69fq-xp46-6x23 (CVE-2026-33634)"
SECONDS = 120.0  # of CPU time, for one run; it takes a few
MAX_OUTPUT = 64 << 20  # bytes of a report
_VERSION = re.compile(r"^Version:\s*v?(\S+)", re.MULTILINE)
_FLAG = b"/pkg/version/app.ver="  # the linker flag, as Go keeps it in a program's build information


@dataclass(frozen=True)
class Trivy:
    """A program that was found.

    Attributes:
        path: where it is.
        version: "0.76.0".
        origin: "PATH" or "the pinned wheel".
    """

    path: Path
    version: str
    origin: str


def candidates(path: str | None = None) -> list[tuple[Path, str]]:
    """Where Trivy may be, in the order in which it is looked for.

    Args:
        path: a PATH to look in instead of the environment's.
    """
    found = shutil.which("trivy", path=path)
    if found and Path(found).parent.resolve() == paths.programs():
        found = None  # the kit's own emulator for it, which asks here
    wheel = Path(sys.executable).parent / COMMAND
    places = [(Path(found), "PATH")] if found else []
    if wheel.is_file() and not any(place.samefile(wheel) for place, _ in places):
        places.append((wheel, "the pinned wheel"))
    return places


def find(path: str | None = None) -> Trivy:
    """The first Trivy that there is.

    Raises:
        EnvironmentProblem: none, one that does not run, or a known-compromised version.
    """
    for place, origin in candidates(path):
        found = Trivy(place, version_of(place), origin)
        refuse_compromised(found)
        return found
    raise EnvironmentProblem(
        expected="Trivy on this machine",
        found="no trivy on PATH, and none in this Python environment",
        next_step="Install it: https://trivy.dev/docs/latest/getting-started/installation/ "
        f"(version {PINNED}; never {', '.join(COMPROMISED)}).",
    )


def version_of(place: Path) -> str:
    """The version of a Trivy program.

    A program whose build information names a compromised version is refused without running it: running is the harm.

    Raises:
        EnvironmentProblem: it does not run, or says no version.
    """
    resolved = place.resolve()
    stat = resolved.stat()
    return _version_of(resolved, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=8)
def _version_of(place: Path, size: int, changed: int) -> str:
    embedded = embedded_version(place)
    if embedded in COMPROMISED:
        return str(embedded)
    try:
        done = bounded.run([str(place), "--version"], SECONDS, environment=environment())
    except (OSError, bounded.TooLong) as error:
        raise EnvironmentProblem(
            expected=f"{place} to run", found=str(error), next_step="Install Trivy again, or take it off PATH."
        ) from None
    out, err = (text.decode("utf-8", errors="replace") for text in (done.stdout, done.stderr))
    told = _VERSION.search(out)
    if done.returncode != 0 or told is None:
        raise EnvironmentProblem(
            expected=f"{place} --version to print a version",
            found=(err or out).strip()[:200] or f"exit status {done.returncode}",
            next_step="Install Trivy again, or take it off PATH.",
        )
    return told[1]


def embedded_version(place: Path) -> str | None:
    """The version in a Go program's build information, read without running it; None when it is not there."""
    if place.stat().st_size == 0:
        return None
    with place.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        at = content.find(_FLAG)
        if at < 0:
            return None
        found = re.match(rb"v?([0-9]+\.[0-9]+\.[0-9]+)", content[at + len(_FLAG) : at + len(_FLAG) + 40])
        return found[1].decode() if found else None


def refuse_compromised(found: Trivy) -> None:
    """Nothing, or:

    Raises:
        EnvironmentProblem: the version is one that an attacker released.
    """
    base = re.match(r"\d+\.\d+\.\d+", found.version)
    when = COMPROMISED.get(base[0] if base else found.version)
    if when is not None:
        raise EnvironmentProblem(
            expected="a Trivy that Aqua released",
            found=f"{found.path} is version {found.version}, which an attacker published ({when}; {ADVISORY})",
            next_step=f"Remove it, change every secret that this machine held while it ran, and install {PINNED} "
            f"(never {', '.join(COMPROMISED)}).",
        )


def environment() -> dict[str, str]:
    """The environment for a run: nothing that could change a result. TRIVY_… and proxies are left out."""
    kept = ("PATH", "HOME", "TMPDIR", "TEMP", "TMP", "SystemRoot", "USERPROFILE", "LOCALAPPDATA")
    return {name: os.environ[name] for name in kept if name in os.environ} | {"TRIVY_DISABLE_VEX_NOTICE": "true"}


# Nothing is downloaded, nothing is told to anybody, nothing is kept between runs.
QUIET = (
    "--quiet", "--skip-db-update", "--skip-java-db-update", "--skip-version-check",
    "--offline-scan", "--disable-telemetry", "--cache-backend", "memory",
)  # fmt: skip
# A report of everything: all packages, all vulnerabilities, none suppressed.
REPORT = ("--scanners", "vuln", "--format", "json", "--list-all-pkgs")
CLOSED = (*QUIET, *REPORT)


class Local:
    """Runs Trivy as a plain process, for what is one's own: from an empty folder, with a clean environment.

    What strangers made goes into :class:`autograder.scanning.sandbox.Sandbox` instead.
    """

    def __init__(self, program: Trivy) -> None:
        self._program = program

    def run(self, arguments: Sequence[str], *, target: Path, cache: Path) -> bytes:
        """As :meth:`autograder.scanning.sandbox.Sandbox.run`; ``/target`` stands for the folder."""
        with tempfile.TemporaryDirectory(prefix="course-trivy-") as empty:
            named = [
                str(target.resolve() / one.removeprefix("/target").lstrip("/")) if one.startswith("/target") else one
                for one in arguments
            ]
            return run(self._program, named, cwd=Path(empty), cache=cache)


def run(
    found: Trivy, arguments: Sequence[str], *, cwd: Path, cache: Path, extra: Mapping[str, str] | None = None
) -> bytes:
    """Run Trivy and give back what it prints on standard output.

    Args:
        found: the program.
        arguments: subcommand and options.
        cwd: an empty folder, so that no trivy.yaml and no .trivyignore lies in it.
        cache: Trivy's cache folder, with the database in ``db``.
        extra: further environment variables.

    Raises:
        CourseError: it failed; carries Trivy's own last words.
    """
    try:
        done = bounded.run(
            [str(found.path), *arguments, "--cache-dir", str(cache.resolve())],
            SECONDS,
            cwd=cwd,
            environment=environment() | dict(extra or {}),
        )
    except bounded.TooLong as error:
        raise EnvironmentProblem(
            expected=f"Trivy to end within {SECONDS:.0f} s of CPU time", found=f"it {error}", next_step="Try again."
        ) from None
    if done.returncode != 0:
        raise CourseError(
            expected="Trivy to give a report",
            found=last_words(done.stderr) or f"exit status {done.returncode}",
            next_step="See what it says; `python3 course.py doctor` checks Trivy itself.",
        )
    return done.stdout


def last_words(stderr: bytes) -> str:
    """The last error that Trivy printed, on one line."""
    lines = [line for line in stderr.decode("utf-8", errors="replace").splitlines() if line.strip()]
    fatal = [line for line in lines if "FATAL" in line] or lines[-1:]
    return re.sub(r"\x1b\[[0-9;]*m", "", " ".join(fatal))[:500]


def report(output: bytes) -> dict[str, Any]:
    """A report as data.

    Raises:
        CourseError: not a JSON object, or too large.
    """
    try:
        document = json.loads(output) if len(output) <= MAX_OUTPUT else None
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise CourseError(
            expected="a report of Trivy in JSON",
            found=f"{len(output)} bytes that are none",
            next_step="Scan again with --format json.",
        )
    return document


def fingerprint(found: Trivy) -> str:
    """What a stored result depends on: version and size of the program, not its whole content (170 MB)."""
    return hashlib.sha256(f"{found.version} {found.path.stat().st_size}".encode()).hexdigest()[:16]
