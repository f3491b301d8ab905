"""What `course doctor` says of Trivy."""

from __future__ import annotations

import sys

import pytest

from autograder.scanning import health
from tests.scanning.test_trivy import POSIX, stand_in

pytestmark = POSIX


@pytest.fixture(autouse=True)
def _no_wheel(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))


def test_a_sound_one(tmp_path):
    place = stand_in(tmp_path, "echo Version: 0.71.0")
    scanner, problems = health.look(str(tmp_path))
    assert (str(scanner), scanner.path, problems) == ("Trivy 0.71.0 from PATH", place, [])


def test_a_compromised_one(tmp_path):
    stand_in(tmp_path, "echo Version: 0.69.5")
    _, [problem] = health.look(str(tmp_path))
    assert problem.code == "trivy-compromised"
    assert "0.69.5, which an attacker published" in problem.found and "never 0.69.4, 0.69.5, 0.69.6" in problem.fix


def test_one_that_does_not_run(tmp_path):
    stand_in(tmp_path, "exit 9")
    scanner, [problem] = health.look(str(tmp_path))
    assert (problem.code, scanner.origin) == ("trivy-broken", "the container image")


def test_none(tmp_path):
    scanner, problems = health.look(str(tmp_path))
    assert (scanner.path, problems) == (None, [])
