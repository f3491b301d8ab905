"""Times that somebody else wrote: what Python reads and nothing else can hold is no time.

Python reads ``9999-12-31T23:59:59-12:00``, which is in no year of UTC, and offsets with seconds, which RFC 3339 does
not have; the first sum or conversion with such a time fails.
"""

from __future__ import annotations

from datetime import datetime, timedelta

YEARS = range(1970, 2201)  # what databases and other programs can hold in any zone


def read(text: str) -> datetime | None:
    """A time in ISO 8601, perhaps without a zone; None where it is none, or one that nothing else could hold."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if is_usable(found) else None


def is_usable(found: datetime) -> bool:
    """Whether a time is in a year, and a zone of whole minutes, that databases and other programs can hold."""
    return found.year in YEARS and not (found.utcoffset() or timedelta()) % timedelta(minutes=1)


def said(moment: datetime) -> str:
    """A time for people, as deadlines are written: to the minute, with seconds where it has some, and with its zone."""
    return moment.isoformat(timespec="seconds" if moment.second else "minutes")
