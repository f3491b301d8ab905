"""The steps of a command that takes long: how many seconds each took, and a sign of life while one goes on."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType

QUIET_SECONDS, LONGEST_SILENCE = 5.0, 20.0  # after so long without a word, what is going on is told; later less often
STILL = "still at it:"  # how such a line begins


class Steps:
    """Steps that may overlap.

    Attributes:
        seconds: how long each took, by name, in the order in which they ended.
    """

    def __init__(self, report: Callable[[str], None], quiet: float = QUIET_SECONDS) -> None:
        """Args: where lines go; and after how many silent seconds (s) the steps that go on are told."""
        self.seconds: dict[str, float] = {}
        self._report, self._quiet = report, quiet
        self._running: dict[str, float] = {}
        self._lock, self._ended, self._told = threading.Lock(), threading.Event(), time.monotonic()
        self._clock = threading.Thread(target=self._tick, daemon=True)

    def __enter__(self) -> Steps:
        self._clock.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._clock.join()

    def say(self, text: str) -> None:
        """Report a line, from any thread."""
        with self._lock:
            self._told = time.monotonic()
            self._report(text)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Measure what is done in the block."""
        began = time.monotonic()
        with self._lock:
            self._running[name] = began
        try:
            yield
        finally:
            took = time.monotonic() - began
            with self._lock:
                self._running.pop(name)
                self.seconds[name] = self.seconds.get(name, 0.0) + took
            if took >= self._quiet:
                self.say(f"{name}: done in {took:.0f} s")

    def _tick(self) -> None:
        wait = self._quiet
        while not self._ended.wait(self._quiet / 5):
            now = time.monotonic()
            with self._lock:
                long = [f"{name} ({now - began:.0f} s)" for name, began in self._running.items() if now - began > 1]
                silent = now - self._told >= wait
            if silent and long:
                self.say(f"{STILL} {', '.join(long)}")
                wait = min(wait + self._quiet, LONGEST_SILENCE)
