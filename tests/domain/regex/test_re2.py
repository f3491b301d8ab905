"""RE2's expressions: what it takes, what it refuses, and what they match.

The cases are those in which languages differ. Each was asked of RE2 itself (release 2025-11-05), as were some hundred
thousand random expressions; Go's package differs from it in ``\\C`` alone.
"""

from __future__ import annotations

import time

import pytest

from autograder.domain.regex import compile_re2
from autograder.domain.regex.syntax import NotEvaluated, TooLarge


@pytest.mark.parametrize(
    "pattern",
    [
        # look-arounds, back-references, possessive, atomic, conditional
        *("(?=a)", "(?!a)", "(?<=a)", "(?<!a)", r"(a)\1", r"\8", "(?P<n>a)(?P=n)", "(?P>n)"),
        *("a++", "a*+", "a?+", "a{1}+", "(?>a)", "(?(1)a|b)", "(?#c)", "(?x)a", "(?a)a", "(?u)a", "(?-)a"),
        # repeats
        *("*", "+a", "?", "{2}", "a**", "a{2}{3}", "a???", "(*)", "a|*", "a{1001}", "a{1001,}", "a{3,1}"),
        *("(a{100}){11}", "((a{11}){10}){10}", "(?:(?:a{2,32}){32,}){0,2}"),
        # escapes
        *("\\", r"\Z", r"\e", r"\E", r"\q", r"\u0041", r"\h", r"\x", r"\x4", r"\x{110000}", r"\x{}", r"\é", r"\C"),
        *(r"\1\Q1", r"\x4\Q1\E", r"\p", r"\p{Foo}", r"\pX"),
        # groups and classes
        *("(", ")", "a)", "(?", "(?P<n", "(?P<>a)", "[", "[]", "[a", "[z-a]", r"[a-\d]", r"[\b]"),
        *("[[:foo:]]", r"[\A]", r"[\Qa\E]", "\ud800"),
    ],
)
def test_what_re2_refuses(pattern: str) -> None:
    with pytest.raises(ValueError):
        compile_re2(pattern)


@pytest.mark.parametrize(
    ("pattern", "matches", "others"),
    [
        ("", ["", "a"], []),
        ("^a$", ["a"], ["a\n", "ba"]),
        ("(?m)^a$", ["a", "b\na\nb"], ["ba"]),
        ("a.b", ["axb"], ["a\nb"]),
        ("(?s)a.b", ["axb", "a\nb"], ["ab"]),
        ("(?U)^a+$", ["aa"], ["ab"]),
        (r"\Aa\z", ["a"], ["a\n"]),
        ("(?i)ab(?-i:c)", ["ABc"], ["abC"]),
        ("(?:(?i)a)b", ["Ab"], ["AB"]),
        ("(?P<x>a)(?<y>b)(?<x>c)", ["abc"], ["ab"]),
        ("()*a(|b)$", ["a", "ab"], ["abb"]),
        (r"\Qa.b*\E$", ["a.b*"], ["axb", "a.bb"]),
        (r"^\Qab\E*$", ["a", "abb"], ["abab"]),
        (r"^[]a]+$", ["]a"], ["b"]),
        (r"^[^]a]$", ["b"], ["]"]),
        (r"^[\d-z]$", ["-", "z", "5"], ["a"]),
        (r"^[a-]$", ["-"], ["b"]),
        ("^[[:word:]]+$", ["a_1"], ["a-1"]),
        ("^[[:^digit:]x]+$", ["ax"], ["1"]),
        ("^[[:blank:][:cntrl:]]+$", [" \t\x01"], ["a"]),
        ("^[[:graph:]]+$", ["a~!"], ["a b"]),
        ("^[[:print:]]+$", ["a b"], ["\t"]),
        ("^[[:ascii:]]+$", ["\x7f"], ["é"]),
        (r"^\s+$", [" \t\n\r\f"], ["\v"]),
        (r"^[[:space:]]+$", ["\v"], ["a"]),
        (r"^\w+$", ["aZ_0"], ["é", "-"]),
        (r"\ba\b", ["a", "-a-"], ["ab", "a_"]),
        (r"a\Bb", ["ab"], ["a"]),
        (r"^\x41\x{1F600}\101\0$", ["A\U0001f600A\0"], ["A"]),
        (r"^\a\f\n\r\t\v$", ["\a\f\n\r\t\v"], [""]),
        (r"^\.\-\_\/$", [".-_/"], ["a-_/"]),
        (r"^\pL\p{Nd}\PL\p{^L}$", ["é1-."], ["é1a."]),
        (r"(?i)^\p{Lu}$", ["a", "A"], ["1"]),
        (r"^\p{Any}$", ["é"], [""]),
        ("^a{,2}$", ["a{,2}"], ["aa"]),
        ("^a{01}$", ["a{01}"], ["a"]),
        ("{", ["{"], [""]),
        ("^a{2}?$", ["aa"], ["a"]),
        ("^(a{10}){100}$", ["a" * 1000], ["a" * 999]),
        ("^(a*){0}b$", ["b"], ["ab"]),
        ("^*a", ["a"], ["b"]),
    ],
)
def test_what_re2_matches(pattern: str, matches: list[str], others: list[str]) -> None:
    expression = compile_re2(pattern)
    assert [text for text in matches if not expression.search(text)] == []
    assert [text for text in others if expression.search(text)] == []


@pytest.mark.parametrize(
    "pattern", [r"\p{Greek}", "a(?i)*", "x" * 1001, "(" * 60 + ")" * 60, "(?:a{30}b{30}){30}c{999}(?:d{99}){9}e{999}"]
)
def test_what_is_not_evaluated_here_is_said_to_be_so(pattern: str) -> None:
    with pytest.raises(NotEvaluated):
        compile_re2(pattern)


def test_no_expression_can_run_away() -> None:
    began = time.monotonic()
    assert not compile_re2("^(a|a)*(a|a)*(a*)*b$").search("a" * 500)
    assert time.monotonic() - began < 2


@pytest.mark.parametrize(
    "pattern",
    ["[" + "[:" * 20_000, "[" + "[:" * 499, r"\Q" * 10_000, "[[:alpha:]" * 2_000],
    ids=lambda pattern: pattern[:10],
)
def test_a_long_expression_is_refused_before_it_is_read(pattern: str) -> None:
    began = time.process_time()
    with pytest.raises(TooLarge if len(pattern) > 1_000 else ValueError):
        compile_re2(pattern)
    assert time.process_time() - began < 0.5
