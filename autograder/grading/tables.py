"""Tables that people and platforms hand over: CSV with any of the usual separators."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

SEPARATORS = ",;\t"
MAX_CELL = 16 << 20  # characters: a platform may put a whole text of a student into one


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
