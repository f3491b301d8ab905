"""A student's folder: copied once, updated only where untouched, never overwritten without a copy."""

from __future__ import annotations

from pathlib import Path

import pytest

from autograder import paths
from autograder.errors import CourseError, EnvironmentProblem
from autograder.labs import manifest, workspace

TOML = """
schema = 1
slug = "{slug}"
version = 1
title = "T"
minutes = 5
lesson = "{slug}"
module = "first_push"

[[starter]]
source = "docker/thing"
to = "thing"

[[checks]]
id = "x"
points = 1
hints = ["a", "b", "c"]
"""


@pytest.fixture
def kit(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "ROOT", tmp_path / "kit")
    monkeypatch.setattr(paths, "LABS", tmp_path / "kit" / "labs")
    monkeypatch.setenv("COURSE_HOME", str(tmp_path / "home"))
    for slug in ("01-one", "02-two"):
        write(tmp_path / "kit" / "labs" / slug / "lab.toml", TOML.format(slug=slug))
        write(tmp_path / "kit" / "labs" / slug / f"{slug}.ipynb", "{}")
    write(tmp_path / "kit" / "docker" / "thing" / "Dockerfile", "FROM scratch")
    return tmp_path / "kit"


def write(file, text):
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


def mine(name):
    return paths.work() / name


def text(name):
    return mine(name).read_text(encoding="utf-8")


def test_a_lab_whose_files_cannot_be_made_keeps_no_other_back(kit, monkeypatch):
    def fail(source):
        raise EnvironmentProblem(expected="x", found="no wheels", next_step="Connect to the internet once.")

    made = workspace._made
    monkeypatch.setattr(workspace, "_made", lambda source: fail(source) if source.name == "other" else made(source))
    write(kit / "labs" / "01-one" / "lab.toml", TOML.format(slug="01-one").replace("docker/thing", "docker/other"))
    assert workspace.prepare() == ["01-one is not ready: no wheels. Connect to the internet once."]
    assert not mine("01-one").exists() and mine("02-two/thing/Dockerfile").is_file()


def test_what_cannot_be_made_for_one_lab_is_not_tried_for_the_next(kit, monkeypatch):
    """Without a network pip needs half a minute to say so, and two labs get the same wheels."""
    tried = []

    def fail(source):
        tried.append(source.name)
        raise EnvironmentProblem(expected="x", found="no wheels", next_step="Connect.")

    monkeypatch.setattr(workspace, "_made", fail)
    said = [f"{slug} is not ready: no wheels. Connect." for slug in ("01-one", "02-two")]
    assert workspace.prepare() == said and tried == ["thing"]
    assert workspace.prepare() == said and tried == ["thing"] * 2, "the next start tries again"


def test_everything_but_the_manifest_is_copied(kit):
    assert workspace.prepare() == []
    files = sorted(f.relative_to(paths.work()).as_posix() for f in mine("01-one").rglob("*") if f.is_file())
    assert files == ["01-one/01-one.ipynb", "01-one/thing/Dockerfile"]


def test_a_students_change_stays(kit):
    workspace.prepare()
    write(mine("01-one/01-one.ipynb"), "mine")
    workspace.prepare()
    assert text("01-one/01-one.ipynb") == "mine"


def test_a_newer_kit_updates_only_what_was_never_touched(kit):
    workspace.prepare()
    write(mine("01-one/01-one.ipynb"), "mine")
    for slug in ("01-one", "02-two"):
        write(kit / "labs" / slug / f"{slug}.ipynb", "new")
    said = workspace.prepare()
    assert text("01-one/01-one.ipynb") == "mine" and text("02-two/02-two.ipynb") == "new"
    assert len(said) == 2 and "you changed it" in said[0] and "updated" in said[1]


def test_a_file_the_student_deleted_stays_away_but_a_deleted_lab_comes_back(kit):
    workspace.prepare()
    mine("01-one/thing/Dockerfile").unlink()
    for file in sorted(mine("02-two").rglob("*"), reverse=True):
        file.rmdir() if file.is_dir() else file.unlink()
    mine("02-two").rmdir()
    workspace.prepare()
    assert not mine("01-one/thing/Dockerfile").exists()
    assert mine("02-two/thing/Dockerfile").exists()


def test_reset_keeps_a_copy_each_time(kit):
    workspace.prepare()
    lab = manifest.find("01")
    kept = []
    for n in range(3):
        write(mine("01-one/01-one.ipynb"), f"mine {n}")
        kept.append(workspace.reset(lab))
        assert text("01-one/01-one.ipynb") == "{}"
    assert [(k / "01-one.ipynb").read_text(encoding="utf-8") for k in kept] == ["mine 0", "mine 1", "mine 2"]
    assert text("02-two/02-two.ipynb") == "{}"


def test_a_kernel_that_still_runs_in_the_folder_works_in_the_new_one(kit, monkeypatch):
    """It must not go on in the copy, where no check looks."""
    workspace.prepare()
    monkeypatch.chdir(mine("01-one"))
    write(mine("01-one/answers.json"), "old")
    kept = workspace.reset(manifest.find("01"))
    assert Path("01-one.ipynb").read_text(encoding="utf-8") == "{}" and not Path("answers.json").exists()
    Path("written-by-the-kernel").touch()
    assert mine("01-one/written-by-the-kernel").exists()
    assert (kept / "answers.json").read_text(encoding="utf-8") == "old"


def test_a_reset_that_cannot_move_a_file_moves_none(kit, monkeypatch):
    workspace.prepare()
    write(mine("01-one/notes.txt"), "mine")
    before = sorted(path.name for path in mine("01-one").iterdir())
    rename = Path.rename

    def in_use(self: Path, target: Path) -> Path:
        if self == mine("01-one/notes.txt"):
            raise PermissionError("in use")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", in_use)
    with pytest.raises(CourseError, match="in use"):
        workspace.reset(manifest.find("01"))
    assert sorted(path.name for path in mine("01-one").iterdir()) == before
    assert list((mine("") / workspace.COPIES).iterdir()) == []


def test_a_file_of_the_students_own_is_never_in_the_way(kit):
    write(mine("01-one/01-one.ipynb"), "here before the first start")
    workspace.prepare()
    assert text("01-one/01-one.ipynb") == "here before the first start"


def test_what_a_script_makes_is_made_once_and_outside_the_kit(kit):
    write(kit / "docker" / "thing" / "train.py", "open('weights.bin', 'a').write('x')")
    workspace.prepare()
    workspace.reset(manifest.find("02"))
    assert text("01-one/thing/weights.bin") == text("02-two/thing/weights.bin") == "x"
    assert not (kit / "docker" / "thing" / "weights.bin").exists()


def test_a_copy_that_breaks_off_is_made_good_by_the_next_start(kit, monkeypatch):
    def killed(source, target):
        write(target, "ha")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(workspace.shutil, "copyfile", killed)
        with pytest.raises(KeyboardInterrupt):
            workspace.prepare()
    assert workspace.prepare() == []
    assert text("01-one/01-one.ipynb") == "{}" and text("01-one/thing/Dockerfile") == "FROM scratch"
    assert not list(paths.work().rglob("*.part"))


def test_the_doctor_is_told_of_what_no_lab_can_go_on_with(kit):
    assert workspace.problems() == []  # before the first start
    write(kit / "labs" / "01-one" / "01-one.ipynb", '{"cells": []}')
    workspace.prepare()
    mine("student.toml").write_text("garbage = [", encoding="utf-8")
    assert [problem.code for problem in workspace.problems()] == ["student-file", "notebook"]  # 02's holds no cells
    mine("02-two/02-two.ipynb").unlink()
    assert workspace.problems()[1].found == "work/02-two/02-two.ipynb: no such file"
