"""Temporary folders: gone with their process, also where it was killed, and never while it runs."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile

import pytest

from autograder import paths
from autograder.services import scratch


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    monkeypatch.setenv("COURSE_HOME", str(tmp_path / "home"))
    return temporary


def recorded(name, content):
    record = paths.state() / "scratch" / name
    record.parent.mkdir(parents=True, exist_ok=True)
    record.write_text(content, encoding="utf-8")


def left_by(place, name, owner):
    made = place / name
    (made / "00001").mkdir(parents=True)
    (made / "00001" / "x.zip").write_bytes(b"x")
    if owner is not None:
        recorded(name, f"{made}\n{owner}")
    return made


def a_dead_process():
    done = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    return f"{socket.gethostname()}|{int(done.stdout)}|1.00\n\n"


def test_it_is_gone_at_the_end_also_after_an_error(place):
    with pytest.raises(LookupError), scratch.folder("course-") as made:
        (made / "deep").mkdir()
        assert made.parent == place and made.name.startswith("course-")
        raise LookupError
    assert list(place.iterdir()) == []


def test_what_a_killed_process_left_goes_and_what_a_running_one_uses_stays(place):
    dead = left_by(place, "course-dead", a_dead_process())
    with scratch.folder("course-") as mine:
        kept = [
            mine,
            left_by(place, "course-elsewhere", "another.host|1|1.00\n\n"),
            left_by(place, "course-nobodys", None),
            left_by(place, "course-odd", "x"),
        ]
        with scratch.folder("course-"):
            assert not dead.exists() and all(folder.is_dir() for folder in kept)
    assert not mine.exists()


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_a_link_is_not_followed(place, tmp_path_factory):
    target = left_by(tmp_path_factory.mktemp("elsewhere"), "target", None)
    (place / "course-link").symlink_to(target)
    recorded("course-link", f"{place / 'course-link'}\n{a_dead_process()}")
    assert scratch.sweep() == 0 and (target / "00001" / "x.zip").is_file()


def test_a_process_that_is_killed_leaves_it_to_the_next(place):
    code = (
        "import os, signal, sys, tempfile; tempfile.tempdir = sys.argv[1]; from autograder.services import scratch\n"
        "with scratch.folder('course-'): os.kill(os.getpid(), signal.SIGTERM)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(place)], check=False).returncode != 0
    assert len(list(place.iterdir())) == 1
    assert scratch.sweep() == 1 and list(place.iterdir()) == []


def test_what_somebody_unpacked_beside_it_stays_whatever_it_says_of_itself(place):
    own = left_by(place, "submissions-mallory", None)
    (own / ".owner").write_text(a_dead_process(), encoding="utf-8")
    recorded("submissions-abc", f"{own}\n{a_dead_process()}")
    assert scratch.sweep() == 0 and (own / "00001" / "x.zip").is_file()
    assert not list((paths.state() / "scratch").iterdir())
