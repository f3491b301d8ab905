"""Files for Canvas and Moodle: one lab, only final scores, in the column that is there; no grade is ever cleared."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

import pytest

from autograder.errors import CourseError
from autograder.grading import platforms
from autograder.grading.exports import Entry
from autograder.labs import manifest

LAB = manifest.find("04")
HEAD = ["Student", "ID", "SIS User ID", "SIS Login ID", "Section"]
COLUMNS = ["Essay (90)", "Lab 04 Tags (101)", "Lab 14 (102)", "Assignments Current Score", "Final Score"]


def entry(student, score=9.5, status="graded", **more):
    return Entry(student, more.pop("name", student.title()), more.pop("email", ""), LAB.slug, score, LAB.total, status)


MADE = [
    entry("ada", name="Ada Lovelace"),
    entry("ben", 4.0, "needs review"),
    entry("cleo", 0.0, "missing"),
    entry("dan", 0.0, "refused"),
    entry("eve", 0.0, email="eve@example.org"),
    Entry("ada", "Ada", "", "total", 9.5, 100, "graded"),
]
ROWS = [
    ["    Points Possible", "", "", "", "", "5", "10", "10", "(read only)", "(read only)"],
    ["Lovelace, Ada", "1", "s1", "ada", "A", "4", "7", "", "", ""],
    ["Ben", "2", "s2", "ben", "A", "4", "8", "3", "", ""],
    ["Cleo", "3", "s3", "cleo", "A", "4", "9", "", "", ""],
    ["Student, Test", "9", "", "f00d", "A", "", "", "", "", ""],
]


@pytest.fixture
def given(tmp_path):
    def one(head=(*HEAD, *COLUMNS), rows=tuple(ROWS), separator=","):
        file = tmp_path / "canvas.csv"
        with file.open("w", encoding="utf-8-sig", newline="") as out:
            csv.writer(out, delimiter=separator).writerows([head, *rows])
        return file

    return one


def table(done):
    return list(csv.reader(io.StringIO(done.text)))


@pytest.mark.parametrize("separator", [",", ";"])
def test_the_scores_of_one_lab_are_filled_into_canvas_own_file(given, separator):
    eve = ["Eve", "5", "s5", "EVE@example.org", "A", "", "", "", "", ""]
    done = platforms.canvas(MADE, LAB, given(rows=(*ROWS, eve), separator=separator))
    assert table(done) == [
        [*HEAD, "Lab 04 Tags (101)"],
        ["    Points Possible", "", "", "", "", "10"],
        ["Lovelace, Ada", "1", "s1", "ada", "A", "9.5"],
        ["Eve", "5", "s5", "EVE@example.org", "A", "0"],
    ]
    assert done.students == ("ada", "eve") and done.left_out == () and done.remarks == ()
    assert done.column == "Lab 04 Tags (101)"


def test_whom_canvas_does_not_know_is_named(given):
    done = platforms.canvas(MADE, LAB, given())
    assert done.students == ("ada",) and done.left_out == ("eve",)


def test_other_points_possible_and_a_student_twice_are_said(given):
    rows = [[*ROWS[0][:6], "20", *ROWS[0][7:]], ROWS[1], ROWS[1]]
    done = platforms.canvas(MADE, LAB, given(rows=rows))
    assert (
        "has 20 points, here 04-tagging has 10" in done.remarks[0]
        and "2 rows in canvas.csv may be ada: 'Lovelace, Ada' (ID 1) and 'Lovelace, Ada' (ID 1)" in done.remarks[1]
    )
    assert done.unclear == {"ada"}, "eve is not there at all"
    assert len(table(done)) == 2 and done.left_out == ("ada", "eve")  # nobody knows which row is the right one


@pytest.mark.parametrize(
    ("titles", "column", "found"),
    [
        (["Essay (90)"], None, "no column for 04-tagging"),
        (["Lab 04 (1)", "Lab 4 again (2)"], None, "2 columns for 04-tagging"),
        (["04-tagging"], None, "no column"),  # without a number an import would make a new assignment
        (["Lab 04 (1)"], "Lab 4", "no column"),
        (["Syllabus quiz 4 (1)"], None, "no column"),
        (["Collaboration 04 (1)", "Lab report, week 4 (2)", "Lab 4.5 (3)", "Lab 4b (4)"], None, "no column"),
        (["104-tagging (1)", "Price tags and releases, or not (2)"], None, "no column"),
    ],
)
def test_which_column_is_never_guessed(given, titles, column, found):
    with pytest.raises(CourseError) as caught:
        platforms.canvas(MADE, LAB, given(head=[*HEAD, *titles], rows=[]), column)
    assert found in caught.value.found and "--column" in caught.value.next_step


@pytest.mark.parametrize(
    "title", ["04-tagging (7)", "Registry lab: 04-tagging (7)", f"{LAB.title} (7)", "Lab 4 (7)", "registry_lab_04 (7)"]
)
def test_the_columns_that_mean_the_lab(given, title):
    head = [*HEAD, "Lab 1 (1)", title, "Lab 40 (3)", "Week 4 quiz (4)"]
    done = platforms.canvas(MADE, LAB, given(head=head, rows=[["", "1", "", "ada", "", "", "3", "", ""]]))
    assert table(done)[0][-1] == title and table(done)[1][-1] == "9.5"
    named = platforms.canvas(MADE, LAB, given(head=head, rows=[]), "Week 4 quiz (4)")
    assert table(named)[0][-1] == "Week 4 quiz (4)"


def test_a_read_only_column_and_a_file_of_another_kind_are_errors(given, tmp_path):
    rows = [[*ROWS[0][:6], "(read only)", *ROWS[0][7:]]]
    with pytest.raises(CourseError, match="read only"):
        platforms.canvas(MADE, LAB, given(rows=rows))
    with pytest.raises(CourseError, match="Student, ID and Section"):
        platforms.canvas(MADE, LAB, given(head=["id", "name"], rows=[]))
    with pytest.raises(CourseError):
        platforms.canvas(MADE, LAB, tmp_path / "none.csv")


def test_a_name_decides_only_where_canvas_has_no_login(given):
    rows = [["Lovelace, Ada", "1", "", "", "A", "", "", "", "", ""]]
    assert platforms.canvas(MADE, LAB, given(rows=rows)).students == ("ada",)
    rows = [["Lovelace, Ada", "1", "", "somebody", "A", "", "", "", "", ""]]
    assert platforms.canvas(MADE, LAB, given(rows=rows)).students == ()


def row_of(name, login="", number="1"):
    return [name, number, "", login, "A", "", "", "", "", ""]


def test_a_score_never_goes_to_a_namesake(given):
    """Whom a row is about is decided among everybody, also those without a final score."""
    twins = [entry("kim1", 9.0, name="Kim Lee"), entry("kim2", 0.0, "needs review", name="Kim Lee")]
    done = platforms.canvas(twins, LAB, given(rows=[row_of("Lee, Kim")]))
    assert (done.students, done.left_out, done.unclear) == ((), ("kim1",), {"kim1"})
    assert "may be kim1 or kim2" in done.remarks[0]
    done = platforms.canvas(twins, LAB, given(rows=[row_of("Lee, Kim", "kim2"), row_of("Lee, Kim", "kim1", "2")]))
    assert table(done)[1][:2] == ["Lee, Kim", "2"] and done.remarks == ()
    mails = [entry("ada", 9.0, email="ada@one.example"), entry("ada2", 0.0, "missing", email="ada@two.example")]
    done = platforms.canvas(mails, LAB, given(rows=[row_of("Ada", "ada@two.example")]))
    assert (done.students, done.left_out) == ((), ("ada",))
    done = platforms.canvas(mails, LAB, given(rows=[row_of("A", "Ada@two.example"), row_of("B", "Ada@ONE.example")]))
    assert [line[0] for line in table(done)[1:]] == ["B"]
    done = platforms.canvas([entry("ada")], LAB, given(rows=[row_of("A", "ada@two.example")]))
    assert done.students == ("ada",)  # nothing on the roster speaks against it
    both = [row_of("A", "ada@one.example"), row_of("B", "ada@two.example", "2")]
    done = platforms.canvas([entry("ada")], LAB, given(rows=both))
    assert (done.students, done.left_out) == ((), ("ada",)) and "2 rows" in done.remarks[0]


FORMULA = "=HYPERLINK(1)"


def test_canvas_own_cells_stay_as_they_are_unless_they_would_be_a_formula(given):
    head = [*HEAD, "=Lab 04 Tags (101)"]
    rows = [
        ROWS[0][:6],
        [FORMULA, "1", "+s1;=1", "ada", "A;=1", ""],
        ["Öztürk, Eve-Marie", "5", "s-5", "eve@example.org", "Section 1 - A", ""],
    ]
    done = platforms.canvas(MADE, LAB, given(head, rows), column="=Lab 04 Tags (101)")
    assert table(done) == [
        [*HEAD, "'=Lab 04 Tags (101)"],
        ["    Points Possible", "", "", "", "", "5"],
        ["'" + FORMULA, "1", "'+s1;'=1", "ada", "A;'=1", "9.5"],
        ["Öztürk, Eve-Marie", "5", "s-5", "eve@example.org", "Section 1 - A", "0"],
    ]


def test_moodle_is_not_given_an_address_that_is_a_formula_and_the_name_is_text():
    made = [entry("ada", name=FORMULA, email="+ada@example.org"), entry("eve", name="Eve;=1", email="eve@example.org")]
    done = platforms.moodle(made, LAB)
    assert table(done)[1:] == [["ada", "", "'" + FORMULA, "9.5"], ["eve", "eve@example.org", "Eve;'=1", "9.5"]]
    assert len(done.remarks) == 1 and done.remarks[0].startswith("ada: the e-mail address is left out")


def test_moodle_gets_those_with_a_final_score():
    done = platforms.moodle(MADE, LAB)
    assert table(done) == [
        ["ID number", "Email address", "Full name", "04-tagging"],
        ["ada", "", "Ada Lovelace", "9.5"],
        ["eve", "eve@example.org", "Eve", "0"],
    ]


def test_who_is_judged_by_another_version_of_the_lab_is_told(given):
    """Canvas has one maximum for all."""
    ada = replace(entry("ada"), max_score=8)
    for done in (platforms.canvas([ada, entry("ben")], LAB, given()), platforms.moodle([ada, entry("ben")], LAB)):
        [told] = done.remarks
        assert told.startswith("ada: by an earlier version of 04-tagging, of 8 points and not 10.")
