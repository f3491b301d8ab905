"""A shell's patterns: the same answers as fnmatch, in bounded time."""

from __future__ import annotations

import time
from fnmatch import fnmatchcase

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.domain.regex.globs import fits, shell_pattern


@settings(deadline=None)
@given(st.text("ab*?[]!-", max_size=8), st.text("ab[]-!", max_size=6))
def test_the_answer_is_fnmatchs(pattern: str, text: str) -> None:
    assert fits(shell_pattern(pattern), text) == fnmatchcase(text, pattern)


@pytest.mark.parametrize("pattern", ["*a" * 400, "*" * 900, "?*" * 400 + "b", "[ab]*" * 200 + "c"])
def test_no_pattern_takes_long(pattern: str) -> None:
    began = time.process_time()
    fits(shell_pattern(pattern), "a" * 2_000)
    assert time.process_time() - began < 1


def test_an_oversized_pattern_is_refused() -> None:
    with pytest.raises(ValueError, match="too large"):
        shell_pattern("a" * 5_000)
