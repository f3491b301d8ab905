"""Bytes from the store's connection to the client's within the kernel, without passing through this process.

``splice(2)`` moves them from socket to pipe to socket. Where the system has none, the caller reads and writes pieces.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import sys
from collections.abc import Iterator

AT_ONCE = 1 << 20  # bytes a call may move; also the pipe's size, if the system allows it
AVAILABLE = sys.platform == "linux"


class Stopped(Exception):
    """The source ended early or was silent for too long."""


def relay(source: int, target: socket.socket, count: int, seconds: float) -> None:
    """Move bytes from one socket to another.

    Args:
        source: file descriptor of the socket to read; nothing that belongs here is left in a buffer above it.
        target: the socket to write.
        count: how many bytes.
        seconds: how long either side may be silent.

    Raises:
        Stopped: the source gave fewer bytes.
        OSError: the target is gone or takes nothing (TimeoutError).
    """
    if sys.platform != "linux":  # pragma: no cover
        raise NotImplementedError("this system has no splice")
    with _pipe() as (outlet, inlet):
        while count:
            got = _move(source, inlet, min(count, AT_ONCE), source, select.POLLIN, seconds)
            if not got:
                raise Stopped(f"{count} bytes are missing" if got == 0 else "the store is silent")
            count -= got
            while got:
                sent = _move(outlet, target.fileno(), got, target.fileno(), select.POLLOUT, seconds)
                if sent is None:
                    raise TimeoutError("the client takes nothing")
                got -= sent


if sys.platform == "linux":

    def _move(source: int, target: int, count: int, waits_for: int, event: int, seconds: float) -> int | None:
        """One splice; waits as long as the socket is not ready. 0 at the end of the source, None after ``seconds``."""
        while True:
            try:
                return os.splice(source, target, count)
            except BlockingIOError:
                poll = select.poll()
                poll.register(waits_for, event)
                if not poll.poll(seconds * 1000):
                    return None

    @contextlib.contextmanager
    def _pipe() -> Iterator[tuple[int, int]]:
        import fcntl

        outlet, inlet = os.pipe()
        try:
            with contextlib.suppress(OSError):  # over the user's share of pipe memory: the default size will do
                fcntl.fcntl(inlet, fcntl.F_SETPIPE_SZ, AT_ONCE)
            yield outlet, inlet
        finally:
            os.close(outlet)
            os.close(inlet)
