"""The emulators' clock: real time plus an offset that is kept over restarts and only grows."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from autograder.emulators.json_store import read_json, write_json


def real_time() -> datetime:
    """The machine's time, UTC."""
    return datetime.now(UTC)


class EmulatorClock:
    """Time that can be moved forward, never back: a token that has expired stays expired."""

    def __init__(self, path: Path, real: Callable[[], datetime] = real_time) -> None:
        self._path = path
        self._real = real
        self._lock = threading.Lock()
        self._offset = timedelta(seconds=float(read_json(path, {"offset_seconds": 0})["offset_seconds"]))

    def now(self) -> datetime:
        """The emulators' time, UTC, aware."""
        return self._real() + self._offset

    def offset(self) -> timedelta:
        """How far it is ahead of real time."""
        return self._offset

    def advance(self, by: timedelta) -> datetime:
        """Move the clock forward, durably; returns the new time.

        Raises ValueError for a negative duration and for one that leaves the calendar (beyond the year 9000).
        """
        if by < timedelta(0):
            raise ValueError("the clock only moves forward")
        with self._lock:
            try:
                if (self.now() + by).year > 9000:
                    raise OverflowError
            except OverflowError:
                raise ValueError("that is beyond the end of the calendar") from None
            self._offset += by
            write_json(self._path, {"offset_seconds": self._offset.total_seconds()})
            return self.now()


def stamp(moment: datetime) -> str:
    """ISO 8601 in UTC with a fixed number of digits, so that the order of texts is the order of times."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def moment(text: str) -> datetime:
    """The inverse of :func:`stamp`."""
    return datetime.fromisoformat(text)
