"""JSON of unknown provenance: halves of surrogate pairs become U+FFFD, each one, and nothing else changes."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.evidence import bounded_json
from autograder.evidence.bounded_json import Unfit

PIECES = ["\\\\", "\\ud800", "\\uDBFF", "\\udc00", "\\uDFff", "\\u0041", "\\n", '\\"', "ud800", "é", "\U0001f600", "a"]


def replaced(text: str) -> str:
    """The same, sign by sign."""
    made = []
    for at, sign in enumerate(text):
        assert not ("\ud800" <= sign < "\udc00" and "\udc00" <= text[at + 1 : at + 2] < "\ue000"), "a pair is one sign"
        made.append("\N{REPLACEMENT CHARACTER}" if "\ud800" <= sign < "\ue000" else sign)
    return "".join(made)


@given(st.lists(st.sampled_from(PIECES)).map("".join))
def test_halves_of_pairs_are_replaced_one_by_one_and_nothing_else(text):
    written = f'{{"{text}": ["{text}", 1.5, -0.0, {10**30}, true, null, {{}}, []]}}'
    found = bounded_json.load(written.encode(), len(written.encode()))
    expected = replaced(json.loads(f'"{text}"'))
    assert found == {expected: [expected, 1.5, -0.0, 10**30, True, None, {}, []]}
    assert str(found[expected][2]) == "-0.0"
    json.dumps(found, ensure_ascii=False).encode()  # it can be kept


@pytest.mark.parametrize("number", ["1e999", "NaN", "-Infinity"])
def test_no_number_that_json_has_not_comes_in_beside_a_half(number):
    with pytest.raises(Unfit):
        bounded_json.load(f'["\\ud800", {number}]'.encode(), 100)


def test_what_is_nested_too_deeply_is_refused_beside_a_half():
    for depth in (bounded_json.MAX_DEPTH + 1, 100_000):
        with pytest.raises(Unfit, match="nested too deeply"):
            bounded_json.load(b"[" * depth + b'"\\ud800"' + b"]" * depth, 1 << 20)
