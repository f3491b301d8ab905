"""Temporary folders that do not outlive their process for long: what ``kill -9`` leaves is removed by the next one.

Each such folder says in a file whose it is (:class:`autograder.services.orphans.Owner`), so nothing that another run
still uses is touched.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from autograder.services import orphans
from autograder.services.orphans import Owner

OWNER = ".owner"  # in each folder: name and start of the process, a line each


@contextlib.contextmanager
def folder(prefix: str) -> Iterator[Path]:
    """An empty temporary folder, gone at the end. Those of that prefix whose process is gone go first.

    Args:
        prefix: of its name; only what begins so is looked at.
    """
    sweep(prefix)
    place = Path(tempfile.mkdtemp(prefix=prefix))
    try:
        whose = orphans.owner()
        (place / OWNER).write_text(f"{whose.name}\n{whose.start}\n", encoding="utf-8")
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


def sweep(prefix: str) -> int:
    """Remove the folders of dead processes of this user; how many there were."""
    removed = 0
    for place in Path(tempfile.gettempdir()).glob(f"{prefix}*"):
        with contextlib.suppress(OSError, ValueError):  # removed meanwhile; somebody else's
            if place.is_symlink() or (hasattr(os, "getuid") and place.stat().st_uid != os.getuid()):
                continue
            name, start, *_ = (place / OWNER).read_text(encoding="utf-8").split("\n")
            if Owner(name, start).is_gone:
                shutil.rmtree(place)
                removed += 1
    return removed
