"""What the kernel ran, noted beside the notebook, so that an unsaved notebook is noticed before it is submitted."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from autograder.formats import Format, Unreadable
from autograder.labs import answers, tasks

FILE = ".kernel.json"
REMEMBERED = 200  # cells


class Ran(BaseModel):
    """What a kernel ran: the time of the last cell (seconds since 1970), and a mark of each cell's source."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    at: float
    cells: tuple[str, ...]


RAN: Format[Ran] = Format("what the kernel ran", f"work/NN-slug/{FILE}", Ran)


def _mark(source: str) -> str:
    return hashlib.sha256("\n".join(line.rstrip() for line in source.strip().splitlines()).encode()).hexdigest()[:16]


def remember(folder: Path, executed: Iterable[str]) -> None:
    """Note the cells that were run so far, oldest first, and the time."""
    marks = list(dict.fromkeys(_mark(source) for source in executed if source.strip()))[-REMEMBERED:]
    answers.replace(folder / FILE, json.dumps(Ran(at=time.time(), cells=tuple(marks)).model_dump()).encode())


def unsaved(folder: Path, notebook: Mapping[str, Any]) -> list[str]:
    """A sentence when the kernel ran cells, after the notebook was last written, that are not in the file."""
    try:
        ran = RAN.from_json((folder / FILE).read_bytes())
        written = (folder / f"{folder.name}.ipynb").stat().st_mtime
    except (OSError, Unreadable):
        return []
    missing = set(ran.cells) - {_mark(source) for source, _ in tasks.sources(notebook)}
    if not missing or ran.at <= written:
        return []
    return [
        f"The notebook on disk is older than what the kernel ran: {len(missing)} "
        f"{'cell' if len(missing) == 1 else 'cells'} you ran {'is' if len(missing) == 1 else 'are'} not in the file. "
        "Save the notebook (Ctrl+S) and submit again."
    ]
