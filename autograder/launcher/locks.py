"""A lock between processes that the operating system lets go of when its holder ends, however it ends."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

if sys.platform == "win32":
    import msvcrt

    def _try_lock(descriptor: int) -> bool:
        try:
            os.lseek(descriptor, 0, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _try_lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True


@contextmanager
def exclusive(file: Path, on_wait: Callable[[], None] = lambda: None, seconds: float | None = None) -> Iterator[int]:
    """Hold the lock that a file stands for.

    Args:
        file: the file; made when it is not there, and left.
        on_wait: called once when another process holds it.
        seconds: how long to wait for that process; None waits for ever.

    Yields:
        A file descriptor: a process that inherits it holds the lock too, for as long as it lives (not on Windows).

    Raises:
        TimeoutError: the other process still holds it after ``seconds``.
    """
    with file.open("a+b") as handle:
        until, told = time.monotonic() + (seconds or 0), False
        while not _try_lock(handle.fileno()):
            if seconds is not None and time.monotonic() > until:
                raise TimeoutError(str(file))
            if not told:
                on_wait()
                told = True
            time.sleep(0.1)
        yield handle.fileno()  # closing the file lets go of the lock
