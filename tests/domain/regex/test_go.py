"""Go's expressions, as acr purge has them: the same answers as Python's and as a plain search, in bounded time."""

from __future__ import annotations

import re
import time
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.domain.regex import compile_regex, go_syntax
from autograder.domain.regex.nodes import Alternatives, Assertion, Character, Concatenation, Look, Node, Repeat
from autograder.domain.regex.program import MAX_STEPS, Positions

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


def grow_look_behinds(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Also what Python refuses: look-behinds of any width."""
    return grow(inner) | inner.map(lambda text: f"(?<={text})") | inner.map(lambda text: f"(?<!{text})")


PATTERNS = st.recursive(ATOMS, grow_look_behinds, max_leaves=10)
TEXTS = st.text("ab1-.AB ", max_size=8)


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
        ("(?s)a.b", "a\nb", "ab"),
        ("a.b", "a-b", "a\nb"),
        ("(?m)^b$", "a\nb\n", "a\nxb"),
        ("(?i)a(?-i)b", "Ab", "AB"),
        (r"[\d-z]", "-", "y"),
        ("(?<=^a*)b", "aab", "cab"),
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
        r"[a-\d]",
        "{1}a",
        "(?:{2})",
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


def plain_search(tree: Node, text: str) -> bool:
    """Whether an expression matches somewhere, told from the meaning of each node and without regard for time."""

    @cache
    def ends(node: Node, begin: int) -> frozenset[int]:
        match node:
            case Character(accepts):
                return frozenset({begin + 1} if begin < len(text) and accepts(text[begin]) else ())
            case Assertion(holds):
                return frozenset({begin} if holds(text, begin) else ())
            case Look(inner, positive, behind):
                if behind:
                    found = any(begin in ends(inner, earlier) for earlier in range(begin + 1))
                else:
                    found = bool(ends(inner, begin))
                return frozenset({begin} if found == positive else ())
            case Concatenation(parts):
                places = frozenset({begin})
                for part in parts:
                    places = frozenset(end for place in places for end in ends(part, place))
                return places
            case Alternatives(branches):
                return frozenset(end for branch in branches for end in ends(branch, begin))
            case Repeat(inner, least, most):
                places, found = frozenset({begin}), set[int]()
                for number in range((most if most is not None else least + len(text) + 1) + 1):
                    found |= places if number >= least else set()
                    places = frozenset(end for place in places for end in ends(inner, place))
                return frozenset(found)
        raise AssertionError(node)

    return any(ends(tree, begin) for begin in range(len(text) + 1))


@settings(deadline=None)
@given(PATTERNS, TEXTS)
def test_the_answer_is_that_of_a_plain_search(pattern, text):
    assert compile_regex(pattern).search(text) == plain_search(go_syntax.parse(pattern), text)


@settings(deadline=None)
@given(PATTERNS, st.text("ab1-", max_size=40))
def test_each_step_is_worked_through_at_most_once_for_each_position(pattern, text):
    regex, positions = compile_regex(pattern), Positions(text)
    positions.ends(regex, positions.everywhere)
    assert positions.work <= regex.size * (len(text) + 1)


@settings(deadline=None)
@given(PATTERNS)
def test_a_program_is_not_much_longer_than_its_expression(pattern):
    """The repeats drawn here are at most two rounds, but nested; a count writes its part out that often."""
    assert compile_regex(pattern).size <= min(MAX_STEPS, (2 * len(pattern) + 2) * 2 ** pattern.count("{"))


LOOKS = ["?=", "?!", "?<=", "?<!"]


def nested(kind: str, depth: int) -> str:
    """Look-arounds in each other, each of which would try every position anew."""
    return f"({kind}.*" * depth + "a" + ")" * depth


@pytest.mark.parametrize("kind", LOOKS)
@pytest.mark.parametrize("depth", [5, 6, 50])
def test_nested_look_arounds_take_no_time(kind, depth):
    regex = compile_regex(nested(kind, depth))
    began = time.process_time()
    for number in range(20):
        regex.search(f"dev-{'b' * 110}{number}")
    assert time.process_time() - began < 1


@pytest.mark.parametrize("pattern", ["(?<=^(a|aa|aaa)*)b", "^(?=(a*)*b)", "(?!(a*)*b).*c", "(?<!(a+)+)b"])
def test_look_arounds_with_repeats_in_them_take_no_time(pattern):
    began = time.process_time()
    assert not compile_regex(pattern).search("a" * 2_000 + "!")
    assert time.process_time() - began < 1


@pytest.mark.parametrize("pattern", ["(a+)+$", "^(a|aa)*$", "(.*)*(.*)*(.*)*x", r"(\w*)*\d", "(a{0,30}){30}b"])
def test_no_expression_runs_away(pattern):
    """Backtracking would need longer than the age of the universe for some of these."""
    began = time.process_time()
    assert not compile_regex(pattern).search("a" * 128 + "!")
    assert time.process_time() - began < 1
