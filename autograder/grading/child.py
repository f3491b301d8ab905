"""The child behind the walls (:mod:`autograder.grading.walls`): it does what the parent asks, one call after the other.

What it will need is imported before it says that it is ready: checks, readers, judge.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import queue
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

import psutil

from autograder.grading import limits, workers
from autograder.grading.progress import Progress
from autograder.services import orphans


class _Told(Progress):
    """Progress that the parent watches."""

    def __init__(self, over: Mapping[str, str], kept: Mapping[str, bytes], send: Callable[[object], None]) -> None:
        super().__init__(over, kept)
        self._send, self._name = send, ""

    def step(self, name: str, subject: str = "") -> None:
        work = time.process_time()
        if name != self._name:
            self._name = name
            more = limits.STEPS[name.partition(" ")[0]].work
            _limit("RLIMIT_CPU", int(work + more * 1.25) + 5)  # some room for the parent to be first
        self._send(("step", name, subject, work))

    def keep(self, name: str, value: object) -> None:
        self._send(("keep", name, pickle.dumps(value, pickle.HIGHEST_PROTOCOL)))


def _limit(resource_name: str, most: int) -> None:
    """Have the system hold this process to a limit of its own; where there are none, as on Windows, nothing happens."""
    try:
        import resource
    except ImportError:
        return
    kind = getattr(resource, resource_name)
    _, hard = resource.getrlimit(kind)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(kind, (most if hard < 0 else min(most, hard), hard))


def main() -> None:
    """What the child does: one call after the other, until the parent closes the pipe."""
    workers.in_child = True
    requests: BinaryIO = os.fdopen(os.dup(0), "rb")
    answers: BinaryIO = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever else is printed is no answer
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    _limit("RLIMIT_AS", 3 * limits.MEMORY)  # mapped files count here, too
    waiting: queue.SimpleQueue[tuple[Any, ...] | None] = queue.SimpleQueue()
    busy = threading.Event()

    def listen() -> None:
        with contextlib.suppress(Exception):
            while True:
                waiting.put(pickle.load(requests))
        waiting.put(None)
        if busy.is_set():  # the parent is gone, and what is being done is for nobody
            os._exit(1)

    def send(message: object) -> None:
        content = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
        if len(content) > limits.ANSWER:
            content = pickle.dumps(("answer",))
        try:
            answers.write(content)
            answers.flush()
        except OSError:
            os._exit(1)

    threading.Thread(target=listen, daemon=True).start()
    send(("ready", orphans.owner()))
    while (message := waiting.get()) is not None:
        busy.set()
        _, function, over, kept, args, kwargs = message
        try:
            value = function(_Told(over, kept, send), *args, **kwargs)
            send(("done", value, psutil.Process().memory_info().rss))
        except MemoryError:
            send(("memory",))
        except Exception as error:
            send(("raised", _portable(error)))
        busy.clear()
        del message, args, kwargs, kept
        value = None


def _portable(error: Exception) -> Exception:
    """An error that can travel; another one in its words."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error
