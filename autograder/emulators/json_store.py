"""Durable JSON files: written to a sibling, synced, then renamed over the old one, so a reader never sees a half."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any


def write_json(path: Path, value: object) -> None:
    """Replace ``path`` by ``value`` as JSON. When this returns, the value survives a killed process and a reboot.

    Raises OSError when the disk refuses.
    """
    temporary = path.with_name(path.name + ".new")
    with temporary.open("w", encoding="utf-8", newline="\n") as stream:
        json.dump(value, stream, indent=1, sort_keys=True)
        stream.write("\n")
        stream.flush()
        os.fsync(stream.fileno())
    temporary.replace(path)
    sync_folder(path.parent)


def read_json(path: Path, default: Any) -> Any:
    """The value of a file that :func:`write_json` wrote, or ``default`` if there is none.

    Raises ValueError when the file is no JSON: it was not written by :func:`write_json`.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return default


def sync_folder(folder: Path) -> None:
    """Make a rename in ``folder`` durable. Windows has no handle for a folder and needs none."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
