"""Deterministic draws from a seed: the same seed gives the same values on every platform and Python version."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


def seed(key: bytes, purpose: str, student: str, lab: str) -> str:
    """The seed for one student and lab, as 64 hex digits: HMAC-SHA-256 over ``purpose|student|lab``.

    Purpose "student" is handed out and gives the personal parameters; purpose "grading" never leaves the grader and
    draws the hidden inputs.
    """
    return hmac.digest(key, f"{purpose}|{student}|{lab}".encode(), "sha256").hex()


class SeededRandom:
    """Named draws. A draw depends on the seed and its name only, so adding one changes no other.

    ``random.Random`` is not used: its algorithms for choice and shuffle are not promised to stay the same.
    """

    def __init__(self, seed: str) -> None:
        self._key = seed.encode()

    def integer(self, name: str, low: int, high: int) -> int:
        """An integer from ``low`` to ``high``, both included."""
        if high < low:
            raise ValueError(f"empty range {low}..{high} for {name}")
        number = int.from_bytes(hmac.digest(self._key, name.encode(), "sha256"), "big")
        return low + number % (high - low + 1)

    def choice(self, name: str, options: Sequence[T]) -> T:
        """One of ``options``."""
        return options[self.integer(name, 0, len(options) - 1)]

    def sample(self, name: str, options: Sequence[T], count: int) -> list[T]:
        """``count`` different elements of ``options``, in drawn order."""
        pool = list(options)
        return [pool.pop(self.integer(f"{name}/{n}", 0, len(pool) - 1)) for n in range(count)]

    def shuffle(self, name: str, options: Sequence[T]) -> list[T]:
        """All elements, in drawn order."""
        return self.sample(name, options, len(options))

    def hex(self, name: str, digits: int) -> str:
        """``digits`` (at most 64) lower-case hexadecimal digits."""
        return hmac.digest(self._key, name.encode(), "sha256").hex()[:digits]
