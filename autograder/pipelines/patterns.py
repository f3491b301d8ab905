"""Which patterns of a student's file may be evaluated: those that cannot take long, whatever they are held against."""

from __future__ import annotations

import re
from typing import Final

MAX_PATTERN: Final = 120  # characters
MAX_REPEATS: Final = 6


def simple(pattern: str) -> bool:
    """Whether a regular expression is short, repeats no group without a limit, and repeats little at all."""
    bare = re.sub(r"\\.|\[(?:\\.|[^\]\\])*\]", "x", pattern)
    if len(pattern) > MAX_PATTERN or re.search(r"\)(?:[*+]|\{\d*,\}|\{\d{2,}|\{\d*,\d{2,})", bare):
        return False
    return len(re.findall(r"[*+]|\{", bare)) <= MAX_REPEATS and bare.count("(") <= MAX_REPEATS


def simple_filter(pattern: str) -> bool:
    """The same for the patterns of ``branches`` and ``tags`` in a workflow."""
    return len(pattern) <= MAX_PATTERN and len(re.findall(r"[*+?]", pattern)) <= MAX_REPEATS
