"""A lab is found over the search path, with all its parts; an instructor's own labs as the kit's."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from autograder import paths
from autograder.checks.shared.seeded_random import SeededRandom
from autograder.errors import CourseError
from autograder.labs import hidden, live, manifest, release, sources, students, workspace

TINY = Path(__file__).resolve().parent.parent / "grading" / "kit"
SEED = "ab" * 32


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A folder with one lab, searched after the kit's own."""
    folder = tmp_path / "my labs"
    shutil.copytree(TINY, folder)
    monkeypatch.setenv(sources.VARIABLE, os.pathsep.join([sources.KIT, str(folder)]))
    return folder


def test_the_kits_labs_are_found_with_all_their_parts():
    assert len(sources.every()) == 12
    for slug, source in sources.every().items():
        assert source.slug == slug and source.root == paths.ROOT
        assert source.manifest.is_file() and source.master.is_file() and source.students.is_file()
        assert source.samples.is_dir()
        assert manifest.find(slug).code().__name__ == f"autograder.checks.{manifest.find(slug).module}.checks"


def test_a_lab_of_ones_own_has_all_its_parts(own, home):
    assert manifest.slugs()[-1] == "90-tiny" and len(manifest.slugs()) == 13
    lab = manifest.find("90")
    assert lab.folder == own / "labs" / "90-tiny" and lab.code().__file__ == str(own / "checks/tiny/checks.py")
    assert list(lab.declared_checks()) == ["pushed", "round-trip", "double", "engine"]
    parameters = lab.drawn(SEED)
    assert parameters["team"].startswith("heron-")
    assert live.visible_cases(lab, parameters)["double"] and hidden.cases(lab, SeededRandom(SEED), parameters)["double"]
    assert b"90-tiny" not in release.derived(lab) and b"def double" in release.derived(lab)
    assert "90-tiny" in students.issue(b"k" * 16, "own-course", "ada").seeds
    assert (
        workspace.starter_files(lab) == {}
    )  # its notebook is not written yet; lab.toml and cases.json stay in the kit
    release.write(lab)
    assert list(workspace.starter_files(lab)) == ["90-tiny.ipynb"]


def test_starter_folders_lie_beside_the_lab_or_come_with_the_kit(own):
    toml = own / "labs/90-tiny/lab.toml"
    parts = (
        '[[starter]]\nsource = "extras"\nto = "mine"\n\n[[starter]]\nsource = "docker/hello"\nto = "hello"\n\n[answers.'
    )
    toml.write_text(toml.read_text("utf-8").replace("[answers.", parts, 1), encoding="utf-8")
    (own / "extras").mkdir()
    (own / "extras" / "data.txt").write_text("x", encoding="utf-8")
    files = workspace.starter_files(manifest.find("90"))
    assert files["mine/data.txt"] == own / "extras/data.txt"
    assert files["hello/Dockerfile"] == paths.DOCKER / "hello/Dockerfile"


def test_of_two_labs_of_one_name_the_first_on_the_path_counts(own, tmp_path, monkeypatch):
    other = tmp_path / "other"
    shutil.copytree(TINY, other)
    monkeypatch.setenv(sources.VARIABLE, os.pathsep.join([str(other), str(own)]))
    assert manifest.slugs() == ["90-tiny"] and manifest.find("90-tiny").folder.is_relative_to(other)


def test_two_folders_may_have_modules_of_one_name(own, tmp_path, monkeypatch):
    other = tmp_path / "other"
    shutil.copytree(TINY, other)
    mine = manifest.find("90").code()
    monkeypatch.setenv(sources.VARIABLE, str(other))
    theirs = manifest.find("90").code()
    assert mine is not theirs and Path(theirs.__file__) == other / "checks/tiny/checks.py"


def test_a_folder_that_is_not_there_is_said(tmp_path, monkeypatch):
    monkeypatch.setenv(sources.VARIABLE, str(tmp_path / "nowhere"))
    with pytest.raises(CourseError) as caught:
        manifest.slugs()
    assert "no folder labs in" in caught.value.found and sources.VARIABLE in caught.value.expected


def test_a_path_without_any_folder_is_said(monkeypatch):
    monkeypatch.setenv(sources.VARIABLE, os.pathsep)
    with pytest.raises(CourseError) as error:
        sources.every()
    assert error.value.found == "no folder in it" and sources.VARIABLE in error.value.next_step


def test_a_folder_of_another_name_than_the_lab_is_said(own):
    (own / "labs/90-tiny").rename(own / "labs/91-small")
    with pytest.raises(CourseError) as caught:
        manifest.find("91")
    assert caught.value.found == 'slug = "90-tiny"' and "91-small" in caught.value.expected


def test_checks_that_are_not_there_are_said(own):
    (own / "checks/tiny/checks.py").unlink()
    with pytest.raises(CourseError) as caught:
        manifest.find("90").declared_checks()
    assert str(own / "checks/tiny/checks.py") in caught.value.expected and "lab.toml" in caught.value.next_step


def test_what_the_checks_import_and_is_not_there_is_no_missing_lab(own):
    file = own / "checks/tiny/checks.py"
    file.write_text("import no_such_library\n", encoding="utf-8")
    with pytest.raises(ModuleNotFoundError, match="no_such_library"):
        manifest.find("90").code()
