"""The roster, the course's key, and what students are handed out."""

from __future__ import annotations

import os
import stat

import pytest

from autograder import paths
from autograder.errors import CourseError
from autograder.grading import people
from autograder.grading.people import Person
from autograder.labs import students


@pytest.mark.parametrize(
    "text",
    [
        "id,name,email\nada,Ada Lovelace,ada@example.org\nben,,\n",
        "ada,Ada Lovelace,ada@example.org\nben\n",
        "Email;Full name;Username\nada@example.org;Ada Lovelace;ada\n;;ben\n",
        "\ufeffStudent ID\tName\tE-Mail\r\n# a comment\r\nada\tAda Lovelace\tada@example.org\r\n\r\nben\t\t\r\n",
    ],
)
def test_rosters_as_people_have_them(text):
    assert people.parse_roster(text.encode(), "r.csv") == [
        Person("ada", "Ada Lovelace", "ada@example.org"),
        Person("ben"),
    ]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"id\nAda\n", "line 2: the id 'Ada'"),
        (b"id\nada lovelace\n", "line 2"),
        (b"id\ncon\n", "line 2: the id 'con'"),
        (b"id\nada\n\nada\n", "the id ada a second time"),
        (b"id\n../../etc\n", "line 2"),
        (b"\n\n", "no student"),
        (b"id\n\xff\n", "not UTF-8"),
    ],
)
def test_a_roster_that_cannot_be_used_names_the_line(content, says):
    with pytest.raises(CourseError) as caught:
        people.parse_roster(content, "r.csv")
    assert says in caught.value.found


@pytest.mark.parametrize("id", ["=1", "+ada", "-ada", "@ada", "'=ada", "ada;=1", "ada-", "\uff1dada"])
def test_an_id_that_a_spreadsheet_takes_for_a_formula_is_refused(id):
    with pytest.raises(CourseError, match="line 2"):
        people.parse_roster(f"id,name,email\n{id},Ada,\n".encode(), "r.csv")


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("=HYPERLINK(A1)", "=HYPERLINK(A1)"),
        ("'=1+1", "=1+1"),  # as another program escaped it
        ("Ada\u202edaor", "Adadaor"),
        ("Ada\u2028L\x07.\x1b[31m", "Ada L . [31m"),
        ("\u2066Ada\u2069", "Ada"),
        ("\u200fלאה כהן", "\u200fלאה כהן"),
        ("<img src=x>", "<img src=x>"),
    ],
)
def test_a_name_that_its_owner_chose_is_text_on_one_line_and_no_formula_in_the_class_s_roster(home, kit, given, name):
    people.register(people.parse_roster(f"id,name,email\nada,{given},{given}\n".encode(), "r.csv"), "test-course")
    text = (paths.classroom() / "roster.csv").read_text(encoding="utf-8")
    assert ",=" not in text and "\u202e" not in text
    assert people.load().roster == {"ada": Person("ada", name, name)}


def test_the_course_is_made_once_and_keeps_its_key(home, kit):
    assert people.load().is_public and people.load().roster is None
    first = people.register([Person("ada"), Person("ben")], "reg-25")
    assert first.created and first.added == ("ada", "ben") and not first.course.is_public
    second = people.register([Person("ada", "Ada"), Person("cleo")])
    assert not second.created and (second.added, second.removed) == (("cleo",), ("ben",))
    assert second.course.key == first.course.key and second.course.id == "reg-25"
    assert list(people.load().roster) == ["ada", "cleo"] and people.load().roster["ada"].name == "Ada"
    if os.name == "posix":
        assert stat.S_IMODE((paths.classroom() / "course.toml").stat().st_mode) == 0o600


def test_what_a_student_gets_holds_the_seed_and_not_the_key(course, lab):
    file = paths.classroom() / "handout-parameters" / "ada" / "student.toml"
    given = students.read(file)
    assert (given.student, given.course) == ("ada", "test-course")
    assert given.seed(lab.slug) == course.seed("ada", lab.slug) != course.grading_seed("ada", lab.slug)
    text = file.read_text("utf-8")
    assert course.key.hex() not in text and course.grading_seed("ada", lab.slug) not in text


def test_somebody_taken_off_the_roster_loses_the_handout_only(course):
    people.register([Person("ada")])
    folder = paths.classroom() / "handout-parameters"
    assert (folder / "ada" / "student.toml").exists() and not (folder / "ben" / "student.toml").exists()


def test_another_course_in_the_same_folder_is_refused(course):
    with pytest.raises(CourseError, match="test-course"):
        people.register([Person("ada")], "other")


@pytest.mark.parametrize("id", ["", "self-study", "a b", "../x", '"'])
def test_an_odd_course_id_is_refused(home, kit, id):
    if id:
        with pytest.raises(CourseError):
            people.register([Person("ada")], id)


@pytest.mark.parametrize(
    "text", ["", "[course]\n", '[course]\nid = "a"\nkey = "zz"\n', '[course]\nid = "a"\nkey = "aa"\n', "x"]
)
def test_a_damaged_course_file_is_never_replaced(course, text):
    file = paths.classroom() / "course.toml"
    file.write_text(text)
    with pytest.raises(CourseError, match="Put back a copy"):
        people.load()
    assert file.read_text() == text


def test_the_fingerprint_tells_keys_apart_and_reveals_none(course):
    other = people.Course(course.id, b"k" * 32, course.roster)
    assert course.fingerprint != other.fingerprint and course.fingerprint not in course.key.hex()
