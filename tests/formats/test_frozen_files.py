"""Files of students, of an installation and of the kit as version 0.1.0 wrote them: read, and written alike."""

from __future__ import annotations

import json
import shutil

import pytest

from autograder import paths
from autograder.checks import frozen as first
from autograder.errors import EnvironmentProblem
from autograder.evidence.model import Case
from autograder.grading import people
from autograder.labs import answers, manifest, progress, students, workspace
from autograder.services import installation

from . import frozen

STUDENT = frozen.FOLDER / "student"


@pytest.fixture
def work(home):
    (home / "work").mkdir()
    return home / "work"


@pytest.mark.parametrize(("name", "student", "course"), [
    ("student.toml", "ada", "sample-class"), ("learner.toml", "learner", "self-study"),
])  # fmt: skip
def test_student_toml(tmp_path, name, student, course):
    found = students.read(STUDENT / name)
    assert (found.student, found.course, list(found.seeds)) == (student, course, manifest.slugs())
    assert found.parameters == {} and found.versions == {}
    for slug in manifest.slugs():
        assert found.parameters_of(manifest.find(slug)) == first.parameters(slug, found.seed(slug))
    students.write(found, tmp_path / name)
    assert students.read(tmp_path / name) == found


def test_answers(tmp_path):
    shutil.copyfile(STUDENT / "answers.json", tmp_path / answers.FILE)
    found = answers.read(tmp_path)
    assert set(found) == set(manifest.find("01").answers) and found["v1_digest"].value.startswith("sha256:")
    answers.record(tmp_path, "v1_digest", found["v1_digest"])
    assert (tmp_path / answers.FILE).read_bytes() == (STUDENT / "answers.json").read_bytes()


def test_progress(work):
    shutil.copyfile(STUDENT / "student.toml", work / "student.toml")
    shutil.copyfile(STUDENT / "progress.json", work / ".progress.json")
    lab = manifest.find("01")
    assert progress.points(lab) == 6
    assert progress.next_hint(lab, lab.checks[0].id)[0] == 2
    written = json.loads((work / ".progress.json").read_text("utf-8"))
    assert written.pop("01-first-push/hints") == {"first-push": "2"}
    before = json.loads((STUDENT / "progress.json").read_text("utf-8"))
    assert written == {key: value for key, value in before.items() if key != "01-first-push/hints"}


def test_what_was_shipped(work):
    """Each entry: a student's file that differs from it was changed by the student, and stays."""
    shutil.copyfile(STUDENT / "shipped.json", work / workspace.SHIPPED)
    found = workspace._shipped()
    assert found["02-names/02-names.ipynb"] and {name.partition("/")[0] for name in found} == set(manifest.slugs())
    assert all(len(sha) == 64 for sha in found.values())


def test_the_state_of_an_installation(home):
    paths.state().mkdir()
    shutil.copyfile(STUDENT / "state.json", paths.state() / installation.FILE)
    found = installation.load()
    assert (found.id, found.ports) == ("62bbd139", {"jupyter": 8888, "registry": 5001})
    assert (found.wanted, found.processes["site"]) == (["registry"], {"pid": 4711.0, "created": 1700000000.5})
    installation.save(found)
    assert (paths.state() / installation.FILE).read_bytes() == (STUDENT / "state.json").read_bytes()


def test_a_state_that_says_more_is_read_and_a_newer_one_is_said(home):
    paths.state().mkdir()
    document = json.loads((STUDENT / "state.json").read_text("utf-8"))
    file = paths.state() / installation.FILE
    file.write_text(json.dumps(document | {"colour": "blue"}), encoding="utf-8")
    assert installation.load().id == document["id"]
    file.write_text(json.dumps(document | {"schema": 2}), encoding="utf-8")
    with pytest.raises(EnvironmentProblem) as caught:
        installation.load()
    assert "schema 2; this kit reads 1" in caught.value.found and "update this one" in caught.value.next_step


@pytest.mark.parametrize("file", sorted((frozen.FOLDER / "kit").glob("*.toml")), ids=lambda file: file.stem)
def test_manifests(file):
    assert manifest.read(file).slug == file.stem


def test_visible_cases():
    document = json.loads((frozen.FOLDER / "kit" / "cases.json").read_text("utf-8"))
    assert all(Case.model_validate(case).kind for cases in document.values() for case in cases)


def test_roster_and_key(home):
    """Writing the roster again leaves key and roster as they were, and gives everybody the values that 0.1.0 drew."""
    frozen.unpack(home)
    files = [file for file in (home / "class").rglob("*.*") if file.suffix in (".toml", ".csv")]
    before = {file: file.read_bytes() for file in files}
    seeds = {file: students.read(file).seeds for file in files if file.name == "student.toml"}
    assert len(seeds) == 4
    people.register(list(people.load().roster.values()))
    for file in files:
        if file in seeds:
            made = students.read(file)
            assert made.seeds == seeds[file] and made.versions == {}
            assert made.parameters == {slug: first.parameters(slug, seed) for slug, seed in made.seeds.items()}
        else:
            assert file.read_bytes() == before[file]
    again = {file: file.read_bytes() for file in (home / "class").rglob("*.*")}
    people.register(list(people.load().roster.values()))
    assert {file: file.read_bytes() for file in (home / "class").rglob("*.*")} == again
