"""An HTTP status in a text that somebody copied from a program."""

from __future__ import annotations


def status(number: int) -> str:
    """A pattern, for texts in lower case: the number as a status, and not as a length, a time, a size or a port."""
    return rf"(?<!length: )(?<![0-9.,-])(?<![a-z0-9]:)\b{number}\b(?![.,:]?[0-9])(?! ?(?:ms|s|bytes?|[kmg]?i?b)\b)"
