"""Which AWS CLI the blocks run with: a version 2 that can be told an endpoint, else the environment's own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from autograder.content import awscli
from autograder.content.names import Names
from autograder.content.runner import Session, run_lesson

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the commands are shell scripts")


def command(folder: Path, version: str) -> Path:
    folder.mkdir(parents=True)
    file = folder / "aws"
    file.write_text(f'#!/bin/sh\n[ "$1" = --version ] && echo \'aws-cli/{version} Python/3.11\' || echo "$@"\n')
    file.chmod(0o755)
    return file


@pytest.mark.parametrize(
    ("version", "right"),
    [("2.36.17", True), ("2.13.0", True), ("2.9.19", False), ("1.46.3", False), ("3.0.0", False)],
)
def test_a_version_is_taken_if_it_can_be_told_an_endpoint(tmp_path, version, right):
    file = command(tmp_path / "bin", version)
    assert awscli.version2(str(tmp_path / "bin")) == (str(file) if right else None)


def test_the_first_usable_one_is_taken(tmp_path):
    command(tmp_path / "old", "2.9.19")
    wanted = command(tmp_path / "new", "2.36.17")
    path = os.pathsep.join([str(tmp_path / "none"), "", str(tmp_path / "old"), str(tmp_path / "new")])
    assert awscli.version2(path) == str(wanted)


def test_a_command_that_does_not_run_is_passed_over(tmp_path):
    file = command(tmp_path / "bin", "2.36.17")
    file.write_text("#!/no/such/interpreter\n")
    assert awscli.version2(str(tmp_path / "bin")) is None


def test_what_is_offered_comes_before_the_environments_own(tmp_path):
    first, state = tmp_path / "first", tmp_path / "state"
    awscli.offer(first, str(command(tmp_path / "a folder", "2.36.17")))
    lesson = tmp_path / "00-x.md"
    lesson.write_text('```sh\naws ecr "a  b"\n```\n\n```text title="Output"\necr a  b\n```\n')
    assert run_lesson(lesson, Session(tmp_path, Names(), state, first=[first])).problems == []
