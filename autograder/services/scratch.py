"""Temporary folders that do not outlive their process for long: what ``kill -9`` leaves is removed by the next one.

Whose each is (:class:`autograder.services.orphans.Owner`) stands in ``.course/scratch/``, and nowhere in the folder:
what was handed in is unpacked there, and what somebody else put beside it is not ours.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from autograder import paths
from autograder.services import orphans
from autograder.services.orphans import Owner


@contextlib.contextmanager
def folder(prefix: str) -> Iterator[Path]:
    """An empty temporary folder, gone at the end. Those whose process is gone go first.

    Args:
        prefix: of its name.
    """
    sweep()
    place = Path(tempfile.mkdtemp(prefix=prefix))
    record = _records() / place.name
    try:
        whose = orphans.owner()
        record.parent.mkdir(parents=True, exist_ok=True)
        record.write_text(f"{place}\n{whose.name}\n{whose.start}\n", encoding="utf-8")
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)
        record.unlink(missing_ok=True)


def sweep() -> int:
    """Remove the folders of dead processes; how many there were."""
    removed = 0
    for record in _records().glob("*"):
        with contextlib.suppress(OSError, ValueError):  # removed meanwhile; half written
            place, name, start, *_ = record.read_text(encoding="utf-8").split("\n")
            if not Owner(name, start).is_gone:
                continue
            if Path(place).name == record.name and Path(place).is_dir() and not Path(place).is_symlink():
                shutil.rmtree(place)
                removed += 1
            record.unlink()
    return removed


def _records() -> Path:
    """The folder with a file for each temporary folder: its path, and name and start of its process, a line each."""
    return paths.state() / "scratch"
