"""``course reference parse`` as people and programs use it."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from click.testing import CliRunner, Result

from autograder.cli import course


def run(*words: str) -> Result:
    return CliRunner().invoke(course, ["reference", "parse", *words])


def test_json_has_exactly_the_promised_keys() -> None:
    done = run("localhost:5001/ml-model:1.2", "--json")
    assert done.exit_code == 0
    assert json.loads(done.stdout) == {
        "registry": "localhost:5001",
        "repository": "ml-model",
        "tag": "1.2",
        "digest": None,
        "canonical": "localhost:5001/ml-model:1.2",
        "familiar": "localhost:5001/ml-model:1.2",
    }


def test_describe_adds_the_cloud() -> None:
    data = json.loads(run("123456789.dkr.ecr.us-east-1.amazonaws.com/ml", "--json", "--describe").stdout)
    assert data["cloud"]["cloud"] == "ecr"
    assert data["cloud"]["fits"] is False
    assert "12 digits" in data["cloud"]["problems"][0]["message"]


def test_invalid_as_json() -> None:
    done = run("docker/Docker", "--json")
    assert done.exit_code == 1
    assert list(json.loads(done.stdout)) == ["error"]
    assert "character 8 ('D')" in json.loads(done.stdout)["error"]


def test_invalid_as_text_points_at_the_character() -> None:
    done = run("docker/Docker")
    assert done.exit_code == 1
    assert done.stdout == ""
    first, pointer, *_ = done.stderr.splitlines()
    assert first[pointer.index("^")] == "D"
    assert "Docker says: invalid reference format: repository name (docker/Docker) must be lowercase" in done.stderr


def test_text_shows_the_kind_of_registry() -> None:
    done = run("myregistry/ml-model")
    assert done.exit_code == 0
    assert "docker.io/myregistry/ml-model:latest" in done.stdout
    assert "a Docker Hub namespace, not a host" in done.stdout


def test_a_digest_beside_a_tag_is_explained() -> None:
    assert "the digest decides" in run(f"redis:7@sha256:{'a' * 64}").stdout


@pytest.mark.parametrize(("words", "status"), [(["redis"], 0), (["Redis:x"], 1), ([], 2)])
def test_exit_status_of_the_real_program(words: list[str], status: int) -> None:
    command = [sys.executable, "-m", "autograder.cli", "reference", "parse", *words]
    assert subprocess.run(command, capture_output=True, timeout=60, check=False).returncode == status
