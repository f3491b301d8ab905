"""JavaScript's expressions: the answers of V8, in a bounded number of steps."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.domain.github_actions import javascript
from autograder.domain.github_actions.errors import NotKnownHere, WorkflowError
from autograder.domain.regex.captures import Matcher, compile_pattern
from autograder.domain.regex.javascript_syntax import parse

# Pattern, flags, text, and what text.match(new RegExp(pattern, flags)) gives in Node 20.20; "refused" for an error.
CASES = json.loads(Path(__file__).with_name("javascript_cases.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize(("pattern", "flags", "text", "found"), CASES)
def test_the_answer_is_v8s(pattern: str, flags: str, text: str, found: list[str | None] | str | None) -> None:
    if found == "refused":
        with pytest.raises(WorkflowError):
            javascript.match(pattern, flags, text)
        return
    answer = javascript.match(pattern, flags, text)
    assert (None if answer is None else list(answer)) == found


ATOMS = st.sampled_from(["a", "b", ".", r"\d", r"\w", "[ab]", "[^a]", r"\b", "^", "$"])


def grow(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return (
        st.tuples(inner, inner).map("".join)
        | st.tuples(inner, inner).map(lambda pair: f"(?:{pair[0]}|{pair[1]})")
        | st.tuples(inner, st.sampled_from(["*", "+", "?", "{2}", "{0,2}", "*?", "+?"])).map(
            lambda pair: f"(?:{pair[0]}){pair[1]}"
        )
        | inner.map(lambda text: f"({text})")
        | inner.map(lambda text: f"(?={text})")
        | inner.map(lambda text: f"(?!{text})")
    )


@settings(deadline=None)
@given(st.recursive(ATOMS, grow, max_leaves=10), st.text("ab1", max_size=30))
def test_each_step_is_tried_at_most_twice_for_each_position(pattern: str, text: str) -> None:
    """Twice: once with, once without something consumed since a round of a repeat began; and once to tell the groups.

    The groups of each look-ahead are told once.
    """
    expression = compile_pattern(*parse(pattern, ""))
    matcher = Matcher(expression, text)
    matcher.search(0)
    looks = pattern.count("(?=") + 1
    assert matcher.tries <= looks * 3 * expression.regex.size * (len(text) + 1)


@settings(deadline=None)
@given(st.recursive(ATOMS, grow, max_leaves=8), st.text("ab1", max_size=8))
def test_there_is_a_match_where_python_has_one(pattern: str, text: str) -> None:
    found = re.search(pattern, text, re.ASCII)
    answer = javascript.match(pattern, "", text)
    assert (answer is None) == (found is None)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("(a+)+$", "a" * 999 + "!"),
        ("(a*)*b", "a" * 1_000),
        ("a*a*a*a*a*a*b", "a" * 1_000),
        ("((a|aa)+)+$", "a" * 999 + "!"),
        ("(?=(a+)+b)a", "a" * 1_000),
        ("(?=.*" * 40 + "x" + ")" * 40, "a" * 200),
        ("(?:(?=(a*))a)*$", "a" * 1_000),
        ("(.*)(.*)(.*)(.*)(.*)x", "a" * 1_000),
    ],
)
def test_no_pattern_takes_long(pattern: str, text: str) -> None:
    began = time.process_time()
    javascript.match(pattern, "", text)
    assert time.process_time() - began < 1


@pytest.mark.parametrize(
    ("pattern", "flags", "text", "why"),
    [
        (r"(a*)*\1b", "", "a" * 1_000, "steps"),  # back-references cannot be bounded otherwise
        ("(x*y|x)", "g", "x" * 1_000, "steps"),
        ("a", "", "a" * 1_001, "characters"),
        ("a" * 1_001, "", "a", "characters"),
        ("(" * 60 + ")" * 60, "", "a", "deeply"),
        ("((a{99}){99}){99}", "", "a", "too large"),
        ("(?<=(a))b", "", "ab", "look-behind"),
        (r"(a)(?=\1)", "", "aa", "back-reference"),
        ("(?i:a)", "", "a", "flags of its own"),
        ("(?<n>a)|(?<n>b)", "", "a", "one name"),
    ],
)
def test_what_is_not_evaluated_is_said(pattern: str, flags: str, text: str, why: str) -> None:
    began = time.process_time()
    with pytest.raises(NotKnownHere, match=why):
        javascript.match(pattern, flags, text)
    assert time.process_time() - began < 1
