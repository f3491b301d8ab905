"""What learning platforms say of a submission: names of files, lists, and whose is whose."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.errors import CourseError
from autograder.grading import lms
from autograder.grading.lms import Entry, Lists, Name, People, read_name
from autograder.grading.people import Course, Person
from autograder.labs import manifest

SLUGS = manifest.slugs()
CLASS = Course("c", b"k" * 16, {p.id: p for p in (
    Person("ada", "Ada Lovelace", "al@example.org"),
    Person("ben", "Okri, Ben"),
    Person("eva1", "Eva Roth"),
    Person("eva2", "Eva Roth"),
    Person("zoe", "Zoë Çelik"),
)})  # fmt: skip


def parts(label):
    return tuple(label.split("/"))


def handed_in(*labels):
    return [(label, parts(label)) for label in labels]


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("lovelaceada_12_345_01-first-push-ada.zip", Name("lovelaceada", "12", "345")),
        ("lovelaceada_LATE_12_345_01-first-push-ada-2.zip", Name("lovelaceada", "12", "345", 3, late=True)),
        ("box.zip/o_neil_late_x_LATE_12_345_a.zip", Name("o_neil_late_x", "12", "345", late=True)),
        ("çelikzoë_1_2_a.zip", Name("çelikzoë", "1", "2")),
        ("Ada Lovelace_77_assignsubmission_file_/01-first-push-ada.zip", Name("Ada Lovelace", "77")),
        ("all.zip/Ada Lovelace_77_assignsubmission_file_/a (1).zip", Name("Ada Lovelace", "77", attempt=2)),
        ("Ada Lovelace_77_assignsubmission_file_a.zip", Name("Ada Lovelace", "77")),
        ("Ada Lovelace_77_assignsubmission_onlinetext_/onlinetext.html", Name("Ada Lovelace", "77")),
        # What is inside of a platform's name, a student has named.
        ("lovelaceada_LATE_12_345_a.zip/roth_13_346_b-1.zip", Name("lovelaceada", "12", "345", late=True)),
        ("Ada Lovelace_77_assignsubmission_file_/Eva Roth_78_assignsubmission_file_a.zip", Name("Ada Lovelace", "77")),
        ("Ada Lovelace_77_assignsubmission_file_/x_1_2_a.zip", Name("Ada Lovelace", "77")),
        ("a_LATE_13_346_Ben_78_assignsubmission_file_.zip", Name("a", "13", "346", late=True)),
        ("01-first-push-ada.zip", Name()),
        ("01-first-push-ada (2).zip", Name(attempt=3)),
        ("90-tiny-ada.zip", Name()),
    ],
)
def test_names_as_the_platforms_write_them(label, name):
    assert read_name(parts(label)) == name


@pytest.mark.parametrize(
    ("file", "attempt"),
    [("04-tagging-student-1.zip", None), ("04-tagging-student-1-2.zip", 3), ("04-tagging-student-1 (1).zip", 2)],
)
def test_an_id_that_ends_as_an_attempt_does_is_none(file, attempt):
    assert read_name(("box", file), "04-tagging-student-1").attempt == attempt
    assert read_name((f"x_1_2_{file}",), "04-tagging-student-1").attempt == attempt


@pytest.mark.parametrize(
    ("label", "found"),
    [
        ("04-tagging-ada.zip", ("ada", "04-tagging")),
        ("04-tagging-eva2 (3).zip", ("eva2", "04-tagging")),
        ("x_12_13_04-tagging-ada-1.zip", ("ada", "04-tagging")),
        ("04-tagging-adam.zip", ("", "")),
        ("ada.zip", ("", "")),
    ],
)
def test_whose_a_file_is_that_the_kit_has_named(label, found):
    assert People(CLASS).in_file(label, SLUGS) == found


@given(st.text(max_size=60))
def test_any_name_is_read(text):
    found = read_name(parts(text))
    assert found.attempt is None or found.attempt >= 1
    assert lms.lab_of(parts(text), SLUGS) in {"", *SLUGS}


@pytest.mark.parametrize(
    ("name", "id"),
    [
        ("lovelaceada", "ada"),
        ("Ada Lovelace", "ada"),
        ("LOVELACE, ADA", "ada"),
        ("al", "ada"),
        ("Ben Okri", "ben"),
        ("okriben", "ben"),
        ("Eva Roth", ""),
        ("eva2", "eva2"),
        ("zoe celik", "zoe"),
        ("çelikzoë", "zoe"),
        ("", ""),
        ("nobody", ""),
    ],
)
def test_who_is_meant(name, id):
    assert People(CLASS).find(name) == id


@pytest.mark.parametrize(
    ("label", "lab"),
    [
        ("lovelaceada_12_345_04-tagging-ada.pdf", "04-tagging"),
        ("04-tagging/Ada/scan.pdf", "04-tagging"),
        ("Lab 4 submissions.zip/Ada_1_assignsubmission_file_/scan.pdf", "04-tagging"),
        ("01-first-push/04-tagging-ada.pdf", "04-tagging"),
        ("scan 4.pdf", ""),
        ("Lab_04.pdf", "04-tagging"),
        ("slab 400.pdf", ""),
        ("box/scan.pdf", ""),
        ("02-names and 03-docker-hub.pdf", ""),
    ],
)
def test_which_lab_the_names_mean(label, lab):
    assert lms.lab_of(parts(label), SLUGS) == lab


def entries(tmp_path, text, zone=None):
    file = tmp_path / "list"
    file.write_text(text, encoding="utf-8")
    return list(lms.read_list(file, zone))


MOODLE = (
    'Identifier,"Full name","Email address",Status,Grade,"Maximum grade","Grade can be changed",'
    '"Last modified (submission)","Last modified (grade)","Feedback comments"\n'
    'Participant 77,"Ada Lovelace",al@example.org,"Submitted for grading",,10,Yes,'
    '"Friday, 20 November 2026, 11:59 PM",-,\n'
    'Participant 78,"Ben Okri",b@example.org,"No submission",,10,Yes,-,-,\n'
)


def test_moodles_worksheet(tmp_path):
    [entry] = entries(tmp_path, MOODLE, ZoneInfo("Europe/Berlin"))
    assert entry == Entry(datetime(2026, 11, 20, 22, 59, tzinfo=UTC), by_platform=True, user="77")
    place = parts("Ada Lovelace_77_assignsubmission_file_/a.zip")
    assert Lists([entry]).find(place, read_name(place), "ada", "04-tagging") == [entry]
    with pytest.raises(CourseError, match="--zone"):
        entries(tmp_path, MOODLE)


def test_canvas_submissions_with_their_history(tmp_path):
    one = {"user_id": 12, "attempt": 2, "submitted_at": "2026-11-21T10:00:00Z", "late": True,
           "attachments": [{"id": 346, "filename": "b.zip"}]}  # fmt: skip
    first = {"user_id": 12, "attempt": 1, "submitted_at": "2026-11-20T10:00:00Z", "late": False,
             "attachments": [{"id": 345}]}  # fmt: skip
    nothing = {"user_id": 13, "attempt": None, "submitted_at": None}
    found = entries(tmp_path, json.dumps([one | {"submission_history": [first, one]}, nothing]))
    assert [(e.attachment, e.attempt, e.late, e.received_at.day) for e in found] == [
        ("345", 1, False, 20),
        ("346", 2, True, 21),
    ]
    place = ("lovelaceada_12_345_a.zip",)
    assert [e.attachment for e in Lists(found).find(place, read_name(place), "ada", "04-tagging")] == ["345"]


def test_a_list_of_ones_own(tmp_path):
    found = entries(
        tmp_path,
        "file;student;lab;received_at;attempt\na.zip;;;2026-11-20T10:00+01:00;2\n;ada;04-tagging;2026-11-20T10:00Z;\n"
        "sub/b.zip;;;2026-11-20T10:00Z;\n",
    )
    lists = Lists(found)
    lists.place(handed_in("box/a.zip", "box/sub/b.zip", "box/b.zip", "x.zip"))
    assert lists.find(parts("box/a.zip"), Name(), "", "") == [found[0]] and found[0].attempt == 2
    assert lists.find(("x.zip",), Name(), "ada", "04-tagging") == [found[1]]
    assert lists.find(("x.zip",), Name(), "ada", "01-first-push") == []
    assert lists.find(parts("box/sub/b.zip"), Name(), "", "") == [found[2]]
    assert lists.find(parts("box/b.zip"), Name(), "", "") == []


def test_a_line_is_about_one_file_and_never_about_one_inside_somebody_elses():
    at = datetime(2026, 11, 20, tzinfo=UTC)
    ben, notes = Entry(at, by_platform=False, file="ben.zip"), Entry(at, by_platform=False, file="notes.pdf")
    lists = Lists([ben, notes])
    lists.place(handed_in("ada.zip/ben.zip", "in/ben.zip", "a/notes.pdf", "b/notes.pdf"))
    assert lists.find(parts("ada.zip/ben.zip"), Name(), "ada", "") == []
    assert lists.find(parts("in/ben.zip"), Name(), "ben", "") == [ben] and lists.unused() == [ben, notes]
    lists.use(ben)
    assert lists.find(parts("a/notes.pdf"), Name(), "", "") == [] and lists.unused() == [notes]


@pytest.mark.parametrize("written", ["in/all.zip: a/b.zip", "b.zip", "a/b.zip"])
def test_a_file_in_a_zip_may_be_written_as_the_table_prints_it(written):
    line = Entry(None, by_platform=False, file=written, student="-")
    lists, place = Lists([line]), parts("in/all.zip/a/b.zip")
    lists.place([("in/all.zip: a/b.zip", place)])
    assert lists.find(place, Name(), "", "") == [line]


@pytest.mark.parametrize(("written", "fits"), [("all.zip", True), ("in/all.zip", True), ("other.zip", False)])
def test_a_line_about_a_zip_says_whose_all_in_it_is(written, fits):
    line = Entry(None, by_platform=False, file=written, student="-")
    lists, place = Lists([line]), parts("in/all.zip/a/b.zip")
    lists.place([("in/all.zip: a/b.zip", place), ("in/all.zip: c.zip", parts("in/all.zip/c.zip"))])
    assert lists.around(place) == lists.whose(place, "") == [line] * fits
    assert lists.find(place, Name(), "", "") == []
    lists.use(*lists.around(place))
    assert lists.unused() == ([] if fits else [line])


def test_whose_a_file_is_needs_no_time_and_a_lab_may_be_a_number(tmp_path):
    [entry] = entries(tmp_path, "file,student,lab\nscan.pdf,ada,4\n")
    assert (entry.received_at, entry.student, entry.lab) == (None, "ada", "04-tagging")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a,b\n1,2\n", "the columns a, b"),
        ("", None),
        ("[", "not valid JSON"),
        ('[{"id": 1}]', "no user_id"),
        ('[{"user_id": 1, "submitted_at": "yesterday"}]', "submitted_at 'yesterday'"),
        ("file,received_at\na.zip,2026-11-20T10:00\n", "has no zone"),
        ("file,student,attempt\na.zip,ada," + "9" * 5000 + "\n", "the attempt '999"),
        ("file,file,student\na.zip,b.zip,ada\n", "several columns file"),
        ("file,student\na,b.zip,ada\n", "line 2: 3 cells under 2 columns"),
        ("file,received_at\na.zip,soon\n", "the time 'soon'"),
        ("file,received_at\na.zip,0001-01-01T00:00+14:00\n", "the time '0001"),
        ("file,received_at\na.zip,2026-11-20T00:00:00+01:00:30\n", "the time '2026"),
        ("file,received_at\na.zip,\n", "no received_at"),
        ("[" * 100_000, "not valid JSON"),
        ("file,received_at\n,2026-11-20T10:00Z\n", "no file, and not both"),
        ("student,lab,received_at\nada,44-x,2026-11-20T10:00Z\n", "the lab '44-x'"),
        ("file,attempt,received_at\na.zip,two,2026-11-20T10:00Z\n", "the attempt 'two'"),
    ],
)
def test_what_is_no_list_is_an_error_that_names_the_line(tmp_path, text, found):
    if found is None:
        assert entries(tmp_path, text) == []
        return
    with pytest.raises(CourseError) as caught:
        entries(tmp_path, text)
    assert found in caught.value.found and caught.value.next_step


def test_a_cell_as_long_as_a_student_likes(tmp_path):
    long = MOODLE.replace("Feedback comments", "Online text").replace('11:59 PM",-,', f'11:59 PM",-,{"x" * 300_000}')
    assert len(entries(tmp_path, long, ZoneInfo("Europe/Berlin"))) == 1


def test_a_list_that_cannot_be_read_is_an_error(tmp_path: Path):
    with pytest.raises(CourseError):
        list(lms.read_list(tmp_path / "none", None))
    (tmp_path / "x").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(CourseError, match="list of submissions"):
        list(lms.read_list(tmp_path / "x", None))


def test_a_long_name_takes_no_long_time():
    """It may stand in a zip, where no system limits it."""
    began = time.process_time()
    for name in ("a" + "_1" * 32_000 + "\n.zip", "a_" * 32_000 + "assignsubmission_file_", "1" * 65_000):
        lms.read_name(("x", name))
    assert time.process_time() - began < 1.0
