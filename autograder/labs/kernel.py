"""What the kernel ran, noted beside the notebook, so that an unsaved notebook is noticed before it is submitted."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from autograder.labs import answers, tasks

FILE = ".kernel.json"
REMEMBERED = 200  # cells


def _mark(source: str) -> str:
    return hashlib.sha256("\n".join(line.rstrip() for line in source.strip().splitlines()).encode()).hexdigest()[:16]


def remember(folder: Path, executed: Iterable[str]) -> None:
    """Note the cells that were run so far, oldest first, and the time."""
    marks = list(dict.fromkeys(_mark(source) for source in executed if source.strip()))[-REMEMBERED:]
    answers.replace(folder / FILE, json.dumps({"at": time.time(), "cells": marks}).encode())


def unsaved(folder: Path, notebook: Mapping[str, Any]) -> list[str]:
    """A sentence when the kernel ran cells, after the notebook was last written, that are not in the file."""
    try:
        noted = json.loads((folder / FILE).read_text(encoding="utf-8"))
        at, marks = float(noted["at"]), set(map(str, noted["cells"]))
        written = (folder / f"{folder.name}.ipynb").stat().st_mtime
    except (OSError, ValueError, KeyError, TypeError):
        return []
    missing = marks - {_mark(source) for source, _ in tasks.sources(notebook)}
    if not missing or at <= written:
        return []
    return [
        f"The notebook on disk is older than what the kernel ran: {len(missing)} "
        f"{'cell' if len(missing) == 1 else 'cells'} you ran {'is' if len(missing) == 1 else 'are'} not in the file. "
        "Save the notebook (Ctrl+S) and submit again."
    ]
