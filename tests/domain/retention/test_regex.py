"""The expressions of acr purge filters: the same answers as Python's, and no way to run away."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.domain.retention.regex import compile_regex

ATOMS = st.sampled_from(
    [
        "a",
        "b",
        "1",
        "-",
        ".",
        r"\.",
        r"\d",
        r"\w",
        r"\s",
        r"\D",
        "[ab]",
        "[^a]",
        "[a-b1]",
        r"[\d-]",
        r"\b",
        "^",
        "$",
        "[]a]",
    ]
)


def grow(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return (
        st.tuples(inner, inner).map("".join)
        | st.tuples(inner, inner).map(lambda pair: f"(?:{pair[0]}|{pair[1]})")
        | st.tuples(inner, st.sampled_from(["*", "+", "?", "{2}", "{1,2}", "{0,}", "*?", "+?"])).map(
            lambda pair: f"(?:{pair[0]}){pair[1]}"
        )
        | inner.map(lambda text: f"({text})")
        | inner.map(lambda text: f"(?={text})")
        | inner.map(lambda text: f"(?!{text})")
        | inner.map(lambda text: f"(?i:{text})")
    )


@settings(deadline=None)
@given(st.recursive(ATOMS, grow, max_leaves=8), st.text("ab1-.AB ", max_size=8))
def test_the_answer_is_pythons(pattern, text):
    assert compile_regex(pattern).search(text) == (re.search(pattern, text, re.ASCII) is not None)


@pytest.mark.parametrize(
    ("pattern", "matching", "other"),
    [
        ("^dev-.*", "dev-1", "my-dev-1"),
        ("^(?!prod|release).*$", "dev-1", "prod-1"),
        (r"^v\d+\.\d+\.\d+$", "v1.2.3", "v1.2"),
        (r"\w*test\w*", "mytest1", "tes"),
        ("(?i)^RC", "rc-1", "v1-rc"),
        ("(?i:rc)-A", "RC-A", "RC-a"),
        ("^[[:digit:]]+$", "123", "12a"),
        ("^[^[:alpha:]]+$", "1-2", "1a2"),
        ("(?<=dev-)1", "dev-1", "dev1"),
        ("(?<!dev-)1", "v1", "dev-1"),
        ("^(?P<name>a)(?<other>b)$", "ab", "a"),
        ("^$", "", "a"),
        ("a{,2}", "a{,2}", "aa"),  # not a quantifier, as in Go
        (r"\x41", "A", "x41"),
        (r"\Av1\z", "v1", "v1-rc"),
        ("(a|)b", "b", "a"),
    ],
)
def test_what_filters_are_written_with(pattern, matching, other):
    assert compile_regex(pattern).search(matching)
    assert not compile_regex(pattern).search(other)


@pytest.mark.parametrize(
    "pattern",
    [
        "(",
        ")",
        "[a",
        "*a",
        "a**",
        "+",
        "a{2,1}",
        "a{9999}",
        r"\1",
        r"(a)\1",
        "(?",
        "(?x)a",
        "(?:a",
        r"\x4",
        r"\q",
        "[b-a]",
        "\\",
        "a" * 1001,
    ],
)
def test_what_is_refused(pattern):
    with pytest.raises(ValueError, match=r"\w"):
        compile_regex(pattern)


@pytest.mark.parametrize(
    "pattern",
    ["(" * 500 + ")" * 500, "((a{1000}){1000}){1000}", "((){1000}){1000}" * 3, "(((((){900}){900}){900}){900}){900}"],
)
def test_oversized_expressions_are_refused(pattern):
    with pytest.raises(ValueError, match=r"too large|too deeply"):
        compile_regex(pattern)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("pattern", ["(a+)+$", "^(a|aa)*$", "(.*)*(.*)*(.*)*x", "(?!(a*)*b).*c", r"(\w*)*\d"])
def test_no_expression_runs_away(pattern):
    """Backtracking would need longer than the age of the universe for some of these."""
    assert not compile_regex(pattern).search("a" * 128 + "!")
