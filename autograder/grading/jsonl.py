"""Files of lines that only grow, such as the list of receipts and the journal: how a line is added to one."""

from __future__ import annotations

import os
from pathlib import Path


def append(file: Path, lines: bytes) -> None:
    """Write lines at the end of a file, which is made where there is none; they are on disk when this returns.

    A kill or a full disk leaves a line without its end. It gets its end first, so that it spoils no line after it: what
    is at the end is looked at each time, since also the last call may have failed half way.

    Args:
        file: the file.
        lines: whole lines, each with its end.

    Raises:
        OSError: it cannot be written.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a+b") as out:
        if out.seek(0, os.SEEK_END):
            out.seek(-1, os.SEEK_END)
            if out.read(1) != b"\n":
                lines = b"\n" + lines
        out.write(lines)
        out.flush()
        os.fsync(out.fileno())
