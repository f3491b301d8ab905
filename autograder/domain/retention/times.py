"""Points in time as the clouds' clients print them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_FRACTION = re.compile(r"(\.[0-9]{6})[0-9]+")


def parse_time(text: str) -> datetime | None:
    """Read an ISO 8601 time, with up to nine digits of a second; without an offset it is UTC.

    Returns:
        An aware datetime in UTC, or ``None`` when the text is no such time or lies outside what dates can say.
    """
    try:
        moment = datetime.fromisoformat(_FRACTION.sub(r"\1", text.strip()))
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def from_epoch(seconds: float) -> datetime | None:
    """The time ``seconds`` after 1970 in UTC; ``None`` outside what dates can say."""
    try:
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    except (OverflowError, ValueError):
        return None
