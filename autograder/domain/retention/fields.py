"""Typed access to one JSON object of a list: what is absent is empty, what is of the wrong type is an error."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any

from autograder.domain.retention.times import from_epoch, parse_time


class BadEntry(ValueError):
    """An entry that cannot be used; the message is the end of a sentence about it."""


class Entry:
    """One JSON object. ``null`` counts as absent."""

    def __init__(self, value: object) -> None:
        if not isinstance(value, dict):
            raise BadEntry("it is not an object")
        self._fields = {key: field for key, field in value.items() if field is not None}

    def __contains__(self, key: str) -> bool:
        return key in self._fields

    def keys_text(self) -> str:
        """The keys, for a message."""
        return ", ".join(map(str, self._fields)) or "(none)"

    def raw(self, key: str) -> Any:
        """The value as it is, or ``None``."""
        return self._fields.get(key)

    def text(self, key: str) -> str:
        """A text; empty when absent."""
        value = self._fields.get(key, "")
        if not isinstance(value, str):
            raise BadEntry(f"{key} must be a text")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts without repeats; empty when absent."""
        value = self._fields.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise BadEntry(f"{key} must be a list of texts")
        return tuple(dict.fromkeys(value))

    def part(self, key: str) -> Entry:
        """An object; empty when absent."""
        value = self._fields.get(key, {})
        if not isinstance(value, dict):
            raise BadEntry(f"{key} must be an object")
        return Entry(value)

    def switch(self, key: str, default: bool) -> bool:
        """True or false; ``default`` when absent."""
        value = self._fields.get(key, default)
        if not isinstance(value, bool):
            raise BadEntry(f"{key} must be true or false")
        return value

    def number(self, key: str) -> int | None:
        """A whole number from 0, also as text, as Google writes 64-bit numbers; ``None`` when absent."""
        value = self._fields.get(key)
        if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
            return int(value)
        if value is None or value in ("", "None"):  # gcloud prints None for an unknown size
            return None
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise BadEntry(f"{key} must be a whole number from 0")
        return value

    def decimal(self, key: str) -> float | None:
        """A finite number from 0 up to a million days; ``None`` when absent."""
        value = self._fields.get(key)
        if value is None:
            return None
        if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= 1e6 or math.isnan(value):
            raise BadEntry(f"{key} must be a number from 0 to 1000000")
        return float(value)

    def time(self, key: str) -> datetime | None:
        """A time, in ISO 8601 or, as the AWS CLI version 1 writes it, in seconds since 1970; ``None`` when absent."""
        value = self._fields.get(key)
        if value is None:
            return None
        moment = None
        if isinstance(value, str):
            moment = parse_time(value)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            moment = from_epoch(value)
        if moment is None:
            raise BadEntry(f"{key} must be a time such as 2026-03-01T12:00:00Z, not {str(value)[:40]!r}")
        return moment

    def needed_time(self, key: str) -> datetime:
        """A time that must be there."""
        moment = self.time(key)
        if moment is None:
            raise BadEntry(f"{key} is missing")
        return moment
