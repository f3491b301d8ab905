"""Personal parameters: values from the handout on, whatever the lists of the kit that reads them are."""

from __future__ import annotations

import hashlib
import json
import tempfile
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder import paths
from autograder.checks import frozen
from autograder.checks.first_push import checks as first_push
from autograder.checks.lifecycle import fleet
from autograder.checks.names import checks as names
from autograder.checks.shared.seeded_random import seed
from autograder.errors import CourseError
from autograder.formats import Newer
from autograder.labs import manifest, students, tomltext
from autograder.labs.live import Live

# SHA-256 over what 200 seeds gave in version 0.1.0, by its own code; fleets as its checks drew them.
DRAWN_BY_0_1_0 = {
    "01-first-push": "e62d8663a530b734",
    "02-names": "dddf523691f7524d",
    "03-docker-hub": "49e424c094a03278",
    "04-tagging": "6ec421cee8d062b4",
    "05-private-registry": "69ad5624a807373a",
    "06-ecr": "d5f30d78452ae6d8",
    "07-google-azure": "7af58eddf1044079",
    "08-lifecycle": "9736ab8891384b5a",
    "09-scanning": "a307a38a9ed2e331",
    "10-ci-cd": "a5740d288a2637a9",
    "11-multi-arch": "39d8ccdc3750435b",
    "12-multi-registry": "756eefc49b34d2ec",
}
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(TEXT | st.just("json"), inner),
    max_leaves=20,
)


@pytest.fixture
def other_lists(monkeypatch):
    """A kit with a word more in lists that values are drawn from."""
    for module in (first_push, names, fleet):
        monkeypatch.setattr(module, "BIRDS", ("albatross", *module.BIRDS))
    monkeypatch.setattr(fleet, "WORDS", ("albatross", *fleet.WORDS))
    monkeypatch.setattr(fleet, "PLACES", ("albatross", *fleet.PLACES))


@pytest.mark.parametrize("slug", DRAWN_BY_0_1_0)
def test_the_frozen_lists_give_what_version_0_1_0_drew(slug):
    assert set(frozen.DRAWN) == set(DRAWN_BY_0_1_0)
    drawn = [frozen.parameters(slug, seed(b"frozen", "student", str(n), slug)) for n in range(200)]
    assert hashlib.sha256(json.dumps(drawn).encode()).hexdigest()[:16] == DRAWN_BY_0_1_0[slug]


@given(VALUES)
def test_any_json_value_is_read_back_exactly(value):
    document = tomllib.loads(f"x = {tomltext.value(value)}\n")
    assert repr(tomltext.restored(document["x"])) == repr(value)


@given(st.dictionaries(TEXT, VALUES, max_size=4))
def test_a_student_file_is_read_back_exactly(values):
    made = students.issue(b"key", "c", "ada", ["90-a", "91-b"]).model_copy(
        update={"parameters": {"90-a": values, "91-b": {}}, "versions": {"91-b": 3}}
    )
    with tempfile.TemporaryDirectory() as folder:
        students.write(made, Path(folder) / "student.toml")
        assert repr(students.read(Path(folder) / "student.toml")) == repr(made)


def test_two_may_write_the_file_at_the_same_time(tmp_path, monkeypatch):
    file, replace, waiting = tmp_path / "student.toml", Path.replace, ["bob"]

    def interrupted(self, target):
        if waiting:
            students.write(students.issue(b"key", "c", waiting.pop(), ["01-first-push"]), file)
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", interrupted)
    students.write(students.issue(b"key", "c", "ada", ["01-first-push"]), file)
    assert students.read(file).student == "ada" and list(tmp_path.iterdir()) == [file]


def test_every_labs_values_survive_the_file(tmp_path):
    made = students.issue(b"key", "c", "ada")
    students.write(made, tmp_path / "student.toml")
    assert students.read(tmp_path / "student.toml") == made and set(made.parameters) == set(manifest.slugs())
    assert "schema = 2" in (tmp_path / "student.toml").read_text("utf-8")
    with pytest.raises(Newer):
        students.STUDENT.from_toml(b"schema = 3\n")


def test_a_broken_value_is_said(tmp_path):
    file = tmp_path / "student.toml"
    students.write(students.issue(b"key", "c", "ada", ["01-first-push"]), file)
    file.write_text(file.read_text("utf-8") + '"odd" = { json = "{" }\n', encoding="utf-8")
    with pytest.raises(CourseError, match=r"student\.toml"):
        students.read(file)


def test_other_lists_change_no_value_of_a_student(tmp_path, other_lists):
    """Neither those of a file with values, nor what a file of version 0.1.0 means."""
    changed = 0
    for slug in manifest.slugs():
        lab = manifest.find(slug)
        made = seed(b"key", "student", "ada", slug)
        before = frozen.parameters(slug, made)
        changed += lab.drawn(made) != before
        old = students.Student(student="ada", course="c", seeds={slug: made})
        new = old.model_copy(update={"parameters": {slug: before}})
        for student in (old, new):
            assert student.parameters_of(lab) == before
            assert Live(lab, student, tmp_path).parameters() == before
    assert changed >= 3, "the lists are other ones"


def test_fleets_of_version_0_1_0_are_its_own(other_lists):
    """Its evidence holds the seeds of fleets; its values, read today, the fleets themselves."""
    made = frozen.parameters("08-lifecycle", seed(b"key", "student", "ada", "08-lifecycle"))
    then = {name: value for name, value in made.items() if name != "_fleets"}
    assert fleet.visible(then) == fleet.visible(made) and fleet.practice(then) == fleet.practice(made)
    assert "albatross" not in str(fleet.visible(then)) + str(fleet.practice(then))


# -- self-learners ---------------------------------------------------------------------------------------------------


def begun_with_0_1_0():
    """work/student.toml of a self-learner as version 0.1.0 wrote it."""
    file = paths.work() / "student.toml"
    file.parent.mkdir(parents=True)
    lines = ['student = "learner"', f'course = "{students.PUBLIC_COURSE}"', "", "[seeds]"]
    lines += [f'"{lab}" = "{students.seed(students.PUBLIC_KEY, "learner", lab)}"' for lab in manifest.slugs()[:10]]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


def test_a_self_learner_of_version_0_1_0_keeps_the_names(home, other_lists):
    file = begun_with_0_1_0()
    before = file.read_bytes()
    made = students.ensure()
    assert list(made.seeds) == manifest.slugs()
    for slug in manifest.slugs()[:10]:
        assert made.parameters[slug] == frozen.parameters(slug, made.seed(slug))
    assert made.parameters["12-multi-registry"] == manifest.find("12").drawn(made.seed("12-multi-registry"))
    [copy] = (paths.work() / "copies").glob("student-*.toml")
    assert copy.read_bytes() == before
    again = file.read_bytes()
    assert students.ensure() == made and file.read_bytes() == again
    assert len(list((paths.work() / "copies").iterdir())) == 1


def test_a_new_self_learner_has_this_kits_values_and_keeps_them(home, monkeypatch):
    made = students.ensure()
    assert made.parameters["02-names"] == manifest.find("02").drawn(made.seed("02-names"))
    monkeypatch.setattr(names, "BIRDS", ("albatross", *names.BIRDS))
    assert students.ensure() == made and manifest.find("02").drawn(made.seed("02-names")) != made.parameters["02-names"]


def test_a_class_s_file_is_never_changed(home):
    file = begun_with_0_1_0()
    file.write_text(file.read_text("utf-8").replace(students.PUBLIC_COURSE, "ml-2026"), encoding="utf-8")
    before = file.read_bytes()
    assert students.ensure().parameters == {} and file.read_bytes() == before
    assert not (paths.work() / "copies").exists()
