"""Runs a function in a child that has a limit on time and on address space, and says what it took."""

from __future__ import annotations

import os
import pickle
import resource
import select
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SECONDS = 30.0  # wall time after which a child is ended
MEMORY = 1 << 30  # bytes of address space that a child may take beside what it begins with


@dataclass(frozen=True)
class Measured:
    """What became of a call.

    Attributes:
        value: what it gave back; None where it ended otherwise.
        error: name and words of what it raised; "" where it raised nothing.
        seconds: of processor time.
        memory: bytes, at the highest, beside what the child began with.
    """

    value: Any
    error: str
    seconds: float
    memory: int


def measured(function: Callable[..., Any], *arguments: Any) -> Measured:
    """Call a function within limits; what it gives back must be picklable.

    Raises:
        AssertionError: it did not end in time, or its process died.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        _in_child(function, arguments, writer)
    os.close(writer)
    try:
        answer = _all_of(reader, time.monotonic() + SECONDS)
    finally:
        os.close(reader)
        if os.waitpid(child, os.WNOHANG) == (0, 0):
            if "answer" not in locals() or answer is None:
                os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
    assert answer is not None, f"{function.__name__} still runs after {SECONDS:.0f} s"
    assert answer, f"the process of {function.__name__} died"
    return Measured(*pickle.loads(answer))


def _all_of(reader: int, until: float) -> bytes | None:
    found = b""
    while (left := until - time.monotonic()) > 0:
        if select.select([reader], [], [], left)[0]:
            piece = os.read(reader, 1 << 20)
            if not piece:
                return found
            found += piece
    return None


def _in_child(function: Callable[..., Any], arguments: tuple[Any, ...], writer: int) -> None:
    try:
        size = _status("VmSize")
        resource.setrlimit(resource.RLIMIT_AS, (size + MEMORY, size + MEMORY))
        held, began = _status("VmRSS"), time.process_time()
        value, error = None, ""
        try:
            value = function(*arguments)
        except BaseException as problem:
            error = f"{type(problem).__name__}: {str(problem)[:2000]}"
        seconds, highest = time.process_time() - began, _status("VmHWM")
        answer = pickle.dumps((value, error, seconds, max(0, highest - held)))
        while answer:
            answer = answer[os.write(writer, answer) :]
    finally:
        os._exit(0)


def _status(field: str) -> int:
    """Bytes of a field of /proc/self/status."""
    with Path("/proc/self/status").open(encoding="ascii") as file:
        return next(int(line.split()[1]) << 10 for line in file if line.startswith(f"{field}:"))
