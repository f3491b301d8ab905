"""Size on disk of the student environment and of the full one, and the launcher's warm overhead."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from unittest.mock import patch

from autograder import paths
from autograder.errors import EnvironmentProblem
from autograder.launcher import environment as launcher

CALLS = 10


def run() -> list[dict[str, object]]:
    """Have the launcher make the student environment in a folder of its own, and measure it; time warm commands.

    Returns:
        rows with sizes in megabytes (10^6 bytes) and times in milliseconds.

    Raises:
        EnvironmentProblem: the packages could not be installed (no network).
    """
    rows: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory(prefix="course-bench-") as place:
        for lock in (launcher.LOCKS["student"], launcher.UV_LOCK):
            shutil.copyfile(paths.ROOT / lock, Path(place) / lock)
        made = launcher.Environment(Path(place))
        folder, began = made.folder, time.perf_counter()
        empty = {"UV_CACHE_DIR": str(Path(place) / "cache")}  # as where nothing is yet
        try:
            # The launcher tells how far it is; a benchmark prints figures.
            with patch.dict(os.environ, empty), contextlib.redirect_stderr(io.StringIO()):
                made.ensure("student")
        except launcher.SetupProblem as problem:
            raise EnvironmentProblem(
                expected="the student lock installed", found=str(problem)[-300:], next_step="Connect to the network."
            ) from None
        spent = time.perf_counter() - began
        rows.append({"what": "student environment", "MB": _size(folder), "seconds": round(spent)})
        parts = {"trivy": folder / "bin" / "trivy", "awscli": _package(folder, "awscli")}
        rows += [{"what": f"of which {name}", "MB": _size(path)} for name, path in parts.items() if path.exists()]
    rows.append({"what": "this environment", "MB": _size(Path(sys.prefix))})
    rows.append({"what": "course.py reference parse, warm", "ms": _warm([sys.executable, "course.py"])})
    rows.append({"what": "the same without the launcher", "ms": _warm([sys.executable, "-m", "autograder.cli"])})
    return rows


def _package(folder: Path, name: str) -> Path:
    found = sorted(folder.glob(f"**/site-packages/{name}"))
    return found[0] if found else folder / "absent"


def _size(path: Path) -> int:
    files = [path] if path.is_file() else [f for f in path.rglob("*") if f.is_file() and not f.is_symlink()]
    return round(sum(file.stat().st_size for file in files) / 1e6)


def _warm(command: list[str]) -> int:
    times = []
    for _ in range(CALLS + 1):
        began = time.perf_counter()
        subprocess.run([*command, "reference", "parse", "python"], cwd=paths.ROOT, capture_output=True, check=True)
        times.append(time.perf_counter() - began)
    return round(statistics.median(times[1:]) * 1000)
