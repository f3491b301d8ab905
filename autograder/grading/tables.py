"""Tables that people and platforms hand over: CSV with any of the usual separators, and times with their zone."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import datetime, timedelta

SEPARATORS = ",;\t"
MAX_CELL = 16 << 20  # characters: a platform may put a whole text of a student into one
YEARS = range(1970, 2201)  # what databases and other programs can hold in any zone


class BadTable(ValueError):
    """A text is no table; the message says why, and in which line."""


def rows(text: str, separators: str = SEPARATORS, *, strip: bool = True) -> Iterator[tuple[int, list[str]]]:
    """The rows of a CSV text that are not empty, with their numbers.

    Args:
        text: with one separator throughout, which its first line shows.
        separators: those that it may have.
        strip: remove the blanks around cells.

    Raises:
        BadTable: it is no CSV.
    """
    first = next((line for line in text.splitlines() if line.strip()), "")
    csv.field_size_limit(MAX_CELL)
    reader = csv.reader(io.StringIO(text), delimiter=max(separators, key=first.count))
    number = 0
    try:
        for number, row in enumerate(reader, start=1):  # for the message
            cells = [cell.strip() for cell in row] if strip else row
            if any(cells):
                yield number, cells
    except csv.Error as error:
        raise BadTable(f"line {number + 1}: {error}") from None


def moment(text: str) -> datetime | None:
    """A time in ISO 8601, perhaps without a zone; None where it is none, or one that nothing else could hold."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if is_usable(found) else None


def is_usable(found: datetime) -> bool:
    """Whether a time is in a year, and a zone of whole minutes, that databases and other programs can hold."""
    return found.year in YEARS and not (found.utcoffset() or timedelta()) % timedelta(minutes=1)
