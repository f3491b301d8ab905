"""One lock per repository, so that check, store and commit of a push are one step for everyone else."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager


class Locks:
    """Hands out the same re-entrant lock for the same service and name. A lock, once made, stays (some 100 bytes)."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._locks: dict[tuple[str, str], AbstractContextManager[object]] = {}

    def of(self, service: str) -> Callable[[str], AbstractContextManager[object]]:
        """The locks of one service, by repository."""

        def lock(name: str) -> AbstractContextManager[object]:
            with self._guard:
                return self._locks.setdefault((service, name), threading.RLock())

        return lock
