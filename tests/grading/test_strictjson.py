"""JSON from outside: what is not plain, small and shallow is refused with a reason."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from autograder.grading import report, strictjson
from autograder.grading.problems import Refused
from autograder.grading.report import Row

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(values)
def test_plain_json_is_read_as_it_is(value):
    assert strictjson.load(json.dumps(value).encode(), "x", 1 << 20) == value


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"[NaN]", "NaN is not a JSON number"),
        (b"[Infinity]", "Infinity is not a JSON number"),
        (b"[-Infinity]", "-Infinity is not"),
        (b"[1e999]", "too large"),
        (b"[" + b"9" * 10_000 + b"]", "not valid JSON"),
        (b"[" * 100_000, "nested too deeply"),
        (b"[" * 61 + b"]" * 61, "nested too deeply (more than 60 levels)"),
        (b'{"a":' * 61 + b"1" + b"}" * 61, "nested too deeply (more than 60 levels)"),
        (b"\xff\xfe", "not UTF-8"),
        (b"{", "not valid JSON"),
        (b"x" * 101, "101 bytes; at most 100"),
    ],
)
def test_everything_else_is_refused_in_words(content, says):
    limit = 100 if content.startswith(b"x") else 1 << 20
    with pytest.raises(Refused) as caught:
        strictjson.load(content, "answers.json", limit)
    assert says in str(caught.value) and str(caught.value).startswith("answers.json")


@given(st.binary(max_size=100))
def test_random_bytes_never_raise_anything_else(content):
    with contextlib.suppress(Refused):
        strictjson.load(content, "x", 1000)


def test_a_hostile_text_is_shown_cut_and_printable():
    assert strictjson.said("a\x1b[2J\u202eb" + "c" * 500) == "a\ufffd[2J\ufffdb" + "c" * 112 + "…"


def test_nothing_of_a_submission_acts_in_the_terminal():
    hostile = "a\x1b]0;title\x07\x1b[2J\x9b31m\u202e\u2028\rover\x08"
    row = Row(f"{hostile}.zip", "", hostile, "refused", remarks=(f"It is {hostile}", "a\nb"))
    printed = io.StringIO()
    report.show(Console(file=printed, width=200), [row, dataclasses.replace(row, student=hostile)])
    assert not [c for c in printed.getvalue() if c != "\n" and not c.isprintable()]
    assert "title" in printed.getvalue() and "over" in printed.getvalue()


@pytest.mark.parametrize(
    ("name", "argument"),
    [
        ("90-tiny-ada.zip", "90-tiny-ada.zip"),
        ("all.zip: Ada/x (1).zip", '"all.zip: Ada/x (1).zip"'),
        ("a $(rm -r x).zip", "'a $(rm -r x).zip'"),
        ("a`b`.zip", "'a`b`.zip'"),
    ],
)
def test_a_name_in_a_command_can_be_pasted_and_runs_nothing(name, argument):
    assert strictjson.quoted(name) == argument
