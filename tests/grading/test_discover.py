"""Finding submissions in whatever a learning platform hands over."""

from __future__ import annotations

import os
import sys
import zipfile

import pytest

from autograder.errors import CourseError
from autograder.grading import discover

from .submissions import packed


@pytest.fixture
def scratch(tmp_path):
    folder = tmp_path / "scratch"
    folder.mkdir()
    return folder


def names(given, scratch):
    return [found.name for found in discover.find(given, scratch)]


SUBMISSION = packed({"submission.json": b"{}"})


def test_zips_folders_and_folders_of_folders(tmp_path, scratch):
    box = tmp_path / "box"
    (box / "Ada Lovelace_123_file").mkdir(parents=True)
    (box / ".hidden").mkdir()
    (box / ".git").mkdir()
    for name in (
        "b.zip",
        "Ada Lovelace_123_file/a.ZIP",
        ".hidden/c.zip",
        "Thumbs.db",
        ".DS_Store",
        "._b.zip",
        ".git/x",
    ):
        (box / name).write_bytes(SUBMISSION)
    every = ["b.zip", ".hidden/c.zip", "Ada Lovelace_123_file/a.ZIP"]
    assert names([box], scratch) == every
    assert names([box / "b.zip", box], scratch) == every


def test_a_zip_of_zips_is_taken_apart_under_names_of_our_own(tmp_path, scratch):
    outer = tmp_path / "all.zip"
    outer.write_bytes(packed({"../../evil.zip": SUBMISSION, "Ada/x.zip": SUBMISSION, "__MACOSX/._x.zip": b""}))
    found = discover.find([outer], scratch)
    assert [one.name for one in found] == ["all.zip: ../../evil.zip", "all.zip: Ada/x.zip"]
    assert [one.file.name for one in found] == ["00000.zip", "00001.zip"]
    assert {one.file.parent for one in found} == {scratch / "00000"} and found[0].file.read_bytes() == SUBMISSION


def test_a_submission_that_holds_a_zip_stays_one_submission(tmp_path, scratch):
    file = tmp_path / "a.zip"
    file.write_bytes(packed({"submission.json": b"{}", "files/data.zip": SUBMISSION}))
    assert names([file], scratch) == ["a.zip"] and not list(scratch.iterdir())


def test_a_bomb_of_zips_is_refused(tmp_path, scratch):
    file = tmp_path / "a.zip"
    many = {f"Cleo_3_assignsubmission_file_/{n}.txt": b"x" for n in range(discover.MAX_EACH + 1)}
    file.write_bytes(packed({"x.zip": bytes(50 << 20), "Ben/b.zip": SUBMISSION, **many}))
    found = {one.name: one for one in discover.find([file], scratch)}
    assert len(found) == 3, "one row each, and nobody else's work is lost"
    assert found["a.zip: x.zip"].file is None and "as a zip bomb does" in found["a.zip: x.zip"].problem
    assert "101 files" in found["a.zip: Cleo_3_assignsubmission_file_"].problem
    assert found["a.zip: Ben/b.zip"].file.read_bytes() == SUBMISSION


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files")
def test_whatever_lies_there_nothing_stops_the_others(tmp_path, scratch):
    box = tmp_path / "box"
    box.mkdir()
    (box / "good.zip").write_bytes(SUBMISSION)
    os.mkfifo(box / "pipe.zip")
    (box / "loop.zip").symlink_to(box / "loop2.zip")
    (box / "loop2.zip").symlink_to(box / "loop.zip")
    (box / "copy.zip").symlink_to(box / "good.zip")
    (box / "secret.zip").symlink_to("/proc/kcore")
    deep = box
    for _ in range(60):
        deep = deep / "d"
        deep.mkdir()
    (box / os.fsdecode(b"\xff.zip")).write_bytes(b"x")
    lzma = bytearray(packed({"a.zip": SUBMISSION}, method=zipfile.ZIP_LZMA))
    lzma[38:50] = b"\xff" * 12
    (box / "lzma.zip").write_bytes(bytes(lzma))
    found = {one.name: one for one in discover.find([box], scratch)}
    assert found["good.zip"].file is not None and found["good.zip"].problem == ""
    for name in ("loop.zip", "loop2.zip", "copy.zip", "secret.zip"):
        assert found[name].file is None and "a link" in found[name].problem
    assert found["pipe.zip"].file is None and "a pipe" in found["pipe.zip"].problem
    assert any("folders deep" in one.problem for one in found.values())
    assert any("unusual way" in one.problem or "damaged" in one.problem for one in found.values())
    assert all(one.name.isprintable() for one in found.values())


def test_a_damaged_inner_zip_is_named(tmp_path, scratch):
    file = tmp_path / "a.zip"
    content = bytearray(packed({"x.zip": bytes(range(256)) * 50}))
    content[80] ^= 0xFF
    file.write_bytes(bytes(content))
    [found] = discover.find([file], scratch)
    assert found.file is None and "is damaged" in found.problem


def test_what_is_no_zip_is_left_to_intake(tmp_path, scratch):
    file = tmp_path / "a.zip"
    file.write_bytes(b"no zip")
    [found] = discover.find([file], scratch)
    assert found.file == file.resolve()


def test_links_are_not_followed(tmp_path, scratch):
    secret = tmp_path / "secret.zip"
    secret.write_bytes(SUBMISSION)
    box = tmp_path / "box"
    box.mkdir()
    (box / "link.zip").symlink_to(secret)
    (box / "a.zip").write_bytes(SUBMISSION)
    found = discover.find([box], scratch)
    assert [(one.name, bool(one.problem)) for one in found] == [("a.zip", False), ("link.zip", True)]
    assert "link to another place" in found[1].problem


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("a.ipynb", "a notebook alone"),
        ("a.pdf", "of another kind (.pdf)"),
        ("a.tar.gz", "another kind (.gz)"),
        ("a.7z", "an archive of another kind"),
        ("README", "no zip"),
    ],
)
def test_what_is_no_zip_is_named_with_what_to_do(tmp_path, scratch, name, said):
    box = tmp_path / "box"
    (box / "Ada").mkdir(parents=True)
    (box / "Ada" / name).write_bytes(b"x")
    outer = tmp_path / "all.zip"
    outer.write_bytes(packed({f"Ada/{name}": b"x", "Ben/b.zip": SUBMISSION}))
    for given in ([box], [box / "Ada" / name]):
        [found] = discover.find(given, scratch)
        assert said in found.problem and "course.py submit" in found.problem
    assert [one.name for one in discover.find([outer], scratch) if one.problem] == [f"all.zip: Ada/{name}"]


def test_an_unpacked_submission_is_one_row(tmp_path, scratch):
    box = tmp_path / "box"
    (box / "Ada" / "lab" / "files").mkdir(parents=True)
    for name in ("submission.json", "notebook.ipynb", "files/a.txt"):
        (box / "Ada" / "lab" / name).write_bytes(b"{}")
    for given in (box, box / "Ada" / "lab"):
        [found] = discover.find([given], scratch)
        assert "an unpacked submission" in found.problem and found.file is None
    outer = tmp_path / "all.zip"
    outer.write_bytes(packed({"Ada/submission.json": b"{}", "Ada/notebook.ipynb": b"{}", "Ben/b.zip": SUBMISSION}))
    found = discover.find([outer], scratch)
    assert [(one.name, "unpacked" in one.problem) for one in found] == [
        ("all.zip: Ada", True),
        ("all.zip: Ben/b.zip", False),
    ]


def test_a_submission_with_a_folder_around_everything_stays_one(tmp_path, scratch):
    file = tmp_path / "a.zip"
    file.write_bytes(packed({"lab/submission.json": b"{}", "lab/files/data.zip": SUBMISSION}))
    assert names([file], scratch) == ["a.zip"]


def test_a_list_that_lies_there_is_no_submission(tmp_path, scratch):
    (tmp_path / "box").mkdir()
    (tmp_path / "box" / "list.csv").write_bytes(b"x")
    (tmp_path / "box" / "a.zip").write_bytes(SUBMISSION)
    found = discover.find([tmp_path / "box"], scratch, [tmp_path / "box" / "list.csv"])
    assert [one.name for one in found] == ["a.zip"]


def test_nothing_to_grade_is_an_error_with_the_next_step(tmp_path, scratch):
    with pytest.raises(CourseError, match="does not exist"):
        discover.find([tmp_path / "none"], scratch)
    (tmp_path / "empty").mkdir()
    with pytest.raises(CourseError, match="nothing in"):
        discover.find([tmp_path / "empty"], scratch)
