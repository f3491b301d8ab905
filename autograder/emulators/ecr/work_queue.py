"""A thread for what need not be done before an answer goes out: one action after the other."""

from __future__ import annotations

import queue
import sys
import threading
import traceback
from collections.abc import Callable

Work = Callable[[], None]


class WorkQueue:
    """Runs actions one after the other. Its owner takes up again what a killed process left undone."""

    def __init__(self) -> None:
        self._waiting: queue.SimpleQueue[Work] = queue.SimpleQueue()
        threading.Thread(target=self._run, daemon=True).start()

    def __call__(self, action: Work) -> None:
        self._waiting.put(action)

    def _run(self) -> None:
        while True:
            action = self._waiting.get()
            try:
                action()
            except Exception:
                sys.stderr.write(traceback.format_exc())


def at_once(action: Work) -> None:
    """Run it now: for a scanner that answers at once."""
    action()
