"""Cells of CSV files that people open in a spreadsheet: a text that somebody else chose must not become a formula.

A cell that begins with a formula's sign is run by Excel, LibreOffice Calc and Google Sheets, quoted or not. Who opens
the file with another separator than it was written with sees cells begin in the middle of ours, so a sign counts
behind every separator, quote and blank too. An apostrophe in front makes it text that stays readable.
Source: https://owasp.org/www-community/attacks/CSV_Injection
"""

from __future__ import annotations

import re

SIGNS = r"=+\-@＝＋－＠"  # the wide ones are taken for their narrow twins by East Asian versions of Excel
SEPARATORS = r",;|\t\r\n\v\f\x1c-\x1e\x85\u2028\u2029"
BLANKS = r" \x00-\x08\x0e-\x1b\x1f\x7f\xa0\u2000-\u200f\u202f\u2060\u3000\ufeff"  # what is not seen counts as well

# In the middle of a sentence a sign between two blanks is a dash or a sum: it begins no formula. Nor does an option of
# a command: a word alone names neither a function nor a cell, and a command with an apostrophe in it cannot be pasted.
_OPTION = r"(?:--[a-z]{2}[a-z-]*|-[a-z])[`.:)]*(?:\s|\Z)"
_BEGINS = rf"(?:\A|[{SEPARATORS}])[{BLANKS}]*|\""
_FORMULA = re.compile(rf"({_BEGINS}|[{BLANKS}](?!{_OPTION})(?=[{SIGNS}][^\s]))(?=[{SIGNS}])")
_ESCAPED = re.compile(rf"({_BEGINS}|[{BLANKS}])'(?=[{SIGNS}])")


def cell(value: object) -> str:
    """A CSV cell. Numbers are written shortly, tuples with blanks between; in a text each formula is made none."""
    if isinstance(value, (int, float)):
        return f"{value:g}"
    text = " ".join(value) if isinstance(value, tuple) else str(value)
    text = _FORMULA.sub(r"\1'", text)
    return f"'{text}" if text[:1] in ("\t", "\r", "\n") else text


def is_formula(text: str) -> bool:
    """Whether a spreadsheet could take a text, or a part of it, for a formula."""
    return cell(text) != text


def original(text: str) -> str:
    """The text that :func:`cell` wrote (of those without control characters)."""
    return _ESCAPED.sub(r"\1", text)
