"""Halves of characters, numbers of thousands of digits, names that are no UTF-8: each is read or refused in words."""

from __future__ import annotations

import io
import json
import os
import sys
import zipfile
from pathlib import Path

import pytest

from autograder.checks import api
from autograder.checks.api import Failure
from autograder.domain.github_actions.javascript import number
from autograder.errors import CourseError
from autograder.evidence import submission_zip
from autograder.evidence.model import Evidence
from autograder.formats import Unreadable
from autograder.grading import exports, store, strictjson
from autograder.grading.batch import Batch
from autograder.grading.problems import Refused
from autograder.labs import runner, tasks
from autograder.services.compose import settings

from ..evidence.images import js
from ..grading.submissions import packed

LONG = "9" * 4_000
LONGER = "9" * 5_000  # Python reads no number of more than 4,300 digits


def graded(course, folder):
    rows = Batch(course, 1).run([folder], lambda plan: None, lambda row: None)
    return {row.student: row for row in rows}


def sound(row, course):
    """A row that is written, exported and shown."""
    assert "The grader failed" not in str(row) and "Traceback" not in str(row)
    exports.as_csv(exports.entries(course)).encode()
    exports.as_json(exports.entries(course)).encode()


# -- halves of characters --------------------------------------------------------------------------------------------

HALF = b"\\ud800"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (rb'{"a\ud800":"\udfff\ud83d\ude00 \\ud800 \\\ud800x"}', {"a\ufffd": "\ufffd\U0001f600 \\ud800 \\\ufffdx"}),
        (rb'"\ud800\u0041"', "\ufffdA"),
        (rb'"\ud800\ud800\udc00"', "\ufffd\U00010000"),
    ],
)
def test_half_a_character_of_json_becomes_the_sign_for_one(text, value):
    assert strictjson.load(text, "It", 1000) == value


def spoiled(files):
    """The same files with half a character in the notebook, the answers, the services, the configs' labels."""
    made = dict(files)
    for name in ("notebook.ipynb", "answers.json", "evidence/registry.json"):
        made[name] = made[name].replace(b'"Because', b'"\\ud800Because').replace(b'"value": "', b'"value": "\\udc00')
    made["notebook.ipynb"] = made["notebook.ipynb"].replace(b"return 2 * n", b"return 2 * n  # \\ud800")
    return made


def test_halves_of_characters_in_every_file(no_engine, course, ada, ben, box):
    ada.zip(box)
    ben.header = {"kit_version": "0\ud800", "engine": {"version": "\ud800"}, "images": {"a\ud800": "\udfff"}}
    ben.zip(box, spoiled(ben.files()))
    rows = graded(course, box)
    assert rows["ada"].score == 5.5 and rows["ben"].status == "graded"
    assert "double" not in rows["ben"].failed
    sound(rows["ben"], course)


WORDS = {
    "its value": "def double(n):\n    return '\\ud800'\n",
    "its message": "def double(n):\n    raise ValueError('\\ud800')\n",
    "the cell's own": "raise ValueError('\\ud800')\ndef double(n):\n    return 2 * n\n",
    "an error's name": "def double(n):\n    raise type('E\\ud800', (Exception,), {})('x')\n",
    "an error that says nothing": "class E(Exception):\n    def __str__(s):\n        return 1\nraise E\n"
    "def double(n):\n    return 2 * n\n",
}


@pytest.mark.parametrize("what", WORDS)
def test_what_a_task_says_is_stored(no_engine, course, ada, ben, box, what):
    ada.zip(box)
    ben.zip(box, ben.files(WORDS[what]))
    rows = graded(course, box)
    assert rows["ada"].score == 5.5 and rows["ben"].status == "graded" and "double" in rows["ben"].failed
    sound(rows["ben"], course)
    assert store.read("ben", ben.lab.slug) is not None


def test_a_task_on_the_students_own_machine_says_whole_characters():
    extracted = tasks.Extracted("found", WORDS["the cell's own"])
    assert tasks.run_locally(extracted, "double", [], 1.0).model_dump_json().encode()
    assert runner.call(lambda: "\ud800", [])["status"] == "unusable"


def test_the_words_of_a_verdict_are_whole_characters():
    @api.check("odd", trust="proved", expected="words")
    def odd(e):
        """It"""
        raise Failure("\ud800", "\udfff", table=[("\ud800", "b")])

    given = Evidence(
        kit_version="0", lab="x", lab_version=1, student="a", origin="live", collected_at="", parameters={}
    )
    [made] = api.run({"odd": odd}, given, {"odd": 1.0})
    assert made.status == "failed" and made.model_dump_json().encode() and made.found == "?"


# -- numbers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("digits", [LONG, LONGER, "1e999999", "NaN", "-Infinity", "-0", "1" + "0" * 400 + ".5"])
@pytest.mark.parametrize("field", ["lab_version", "schema", "parameters"])
def test_a_header_with_an_odd_number_is_one_row(no_engine, course, ada, ben, box, field, digits):
    ada.zip(box)
    document = json.dumps(ben.document(files := ben.files()) | {field: "HERE"}).replace('"HERE"', digits)
    (box / f"90-tiny-{ben.id}.zip").write_bytes(packed({"submission.json": document.encode()} | files))
    rows = graded(course, box)
    assert rows["ada"].score == 5.5 and len(rows) == 2
    [row] = [row for student, row in rows.items() if student != "ada"]
    assert len(str(row)) < 4_000
    sound(row, course)


@pytest.mark.parametrize("digits", [LONG, LONGER, "1e999999", "-0", "[]", '"\\ud800"', "true"])
def test_an_answer_that_is_an_odd_number_costs_itself(no_engine, course, ada, ben, box, digits):
    ada.zip(box)
    files = ben.files()
    answers = json.loads(files["answers.json"])
    answers["digest"]["value"] = "HERE"
    ben.zip(box, files | {"answers.json": json.dumps(answers).replace('"HERE"', digits).encode()})
    rows = graded(course, box)
    assert rows["ada"].score == 5.5 and rows["ben"].status == "graded"
    sound(rows["ben"], course)


def test_numbers_of_thousands_of_digits_are_refused_where_they_are_read():
    for port in (LONG, LONGER):
        with pytest.raises(CourseError, match="between 1 and 65535"):
            settings._published({"target": port, "published": "5000"})
        with pytest.raises(CourseError, match="between 1 and 65535"):
            settings._published({"target": "5000", "published": port})
    assert number("0x" + "f" * 4_000) == float("inf") == number(LONGER)
    with pytest.raises(Unreadable):
        submission_zip.HEADER.number_of({"schema": int(LONG)})
    with pytest.raises(Refused, match="not valid JSON"):
        strictjson.load(f"[{LONGER}]".encode(), "It", 10_000)


# -- names -----------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux keeps names of any bytes")
def test_a_file_whose_name_is_not_utf_8_is_one_row(no_engine, course, ada, ben, box):
    ada.zip(box)
    whole = ben.zip(box.parent / "elsewhere").read_bytes()
    for name in (b"90-tiny-ben\xff.zip", b"notes\xfe.txt"):
        Path(os.fsdecode(os.fsencode(box) + b"/" + name)).write_bytes(whole)
    rows = Batch(course, 1).run([box], lambda plan: None, lambda row: None)
    by_student = {row.student: row for row in rows}
    assert by_student["ada"].score == 5.5 and by_student["ben"].status == "graded"
    for row in rows:
        sound(row, course)
    again = Batch(course, 1).run([box], lambda plan: None, lambda row: None)
    assert {row.status for row in again if row.student} <= {"unchanged", "refused"}


def renamed(content: bytes, name: bytes, utf8: bool) -> bytes:
    """A zip in which the file ``x.txt`` has another name, of any five bytes."""
    flag = b"\x00\x08" if utf8 else b"\x00\x00"
    made = content.replace(b"x.txt", name)
    places = [at for at in range(len(made) - 4) if made[at : at + 4] in (b"PK\x03\x04", b"PK\x01\x02")]
    for at in places:
        start = at + (6 if made[at + 2 : at + 4] == b"\x03\x04" else 8)
        if name in made[at : at + 60]:
            made = made[:start] + flag + made[start + 2 :]
    return made


@pytest.mark.parametrize("utf8", [True, False])
def test_a_name_in_the_zip_that_is_not_utf_8_is_one_row(no_engine, course, ada, ben, box, utf8):
    ada.zip(box)
    content = packed({"submission.json": js(ben.document(files := ben.files()))} | files | {"x.txt": b"x"})
    (box / "90-tiny-ben.zip").write_bytes(renamed(content, b"\xff\xfe.tx", utf8))
    rows = Batch(course, 1).run([box], lambda plan: None, lambda row: None)
    assert len(rows) == 2 and next(row for row in rows if row.student == "ada").score == 5.5
    for row in rows:
        sound(row, course)


def test_a_platforms_zip_with_such_names_is_read(no_engine, course, ada, box):
    inner = ada.zip(box.parent / "elsewhere").read_bytes()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("90-tiny-ada.zip", inner)
        archive.writestr("x.txt", b"note")
    (box / "all.zip").write_bytes(renamed(buffer.getvalue(), b"\xff\xfe.tx", False))
    rows = Batch(course, 1).run([box], lambda plan: None, lambda row: None)
    assert next(row for row in rows if row.student == "ada").score == 5.5
    for row in rows:
        sound(row, course)
