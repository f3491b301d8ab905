"""The helper commands as a person types them: what they print, where, and their exit status."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from autograder import paths
from autograder.services.installation import Installation

from .support import PLACES, RegistryHttp

pytestmark = pytest.mark.engine


def course(*words: str, status: int = 0) -> tuple[str, str]:
    """Run ``course`` in a process of its own; standard output and error."""
    command = [sys.executable, "-m", "autograder.cli", *words]
    done = subprocess.run(command, capture_output=True, text=True, cwd=paths.ROOT, timeout=120)
    assert done.returncode == status, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout, done.stderr


def data(*words: str) -> Any:
    return json.loads(course(*words, "--json")[0])


def test_a_hub_token_is_printed_once_and_logs_in_until_it_is_revoked(running: Installation) -> None:
    name = f"laptop-{uuid4().hex[:6]}"
    out, err = course("hub", "token", "create", name, "--scope", "write")
    secret = out.strip()
    assert secret.startswith("dckr_pat_") and "not shown again" in err
    client = RegistryHttp(f"localhost:{running.ports['dockerhub']}", "student", secret)
    assert client.push_image(f"student/c{uuid4().hex[:6]}", "1")
    listed = [entry for entry in data("hub", "token", "list") if entry["name"] == name]
    assert listed[0]["scopes"] == ["repo:write"] and secret not in course("hub", "token", "list")[0]
    assert "no longer logs in" in course("hub", "token", "revoke", name)[0]
    with pytest.raises(Exception, match="incorrect username or password"):
        RegistryHttp(client.address, "student", secret).send("GET", "/v2/", None, "repository:student/x:pull")
    _, err = course("hub", "token", "revoke", name, status=2)
    assert f"no token is called {name}" in err


def test_an_account_is_made_once_and_its_tokens_are_its_own(running: Installation) -> None:
    name = f"heron{uuid4().hex[:6]}"
    assert course("hub", "account", "create", name)[0] == f"The account {name} is made.\n"
    assert course("hub", "account", "create", name)[0] == f"The account {name} exists.\n"
    assert name in data("hub", "account", "list")
    secret = data("hub", "token", "create", "laptop", "--user", name, "--scope", "write")["secret"]
    client = RegistryHttp(f"localhost:{running.ports['dockerhub']}", name, secret)
    assert client.push_image(f"{name}/app", "1")
    _, err = course("hub", "account", "create", "A-B", status=2)
    assert "4 to 30 characters" in err


@pytest.mark.usefixtures("private_repository_free")
def test_a_second_private_repository_is_a_no(running: Installation) -> None:
    one, two = (f"student/q{uuid4().hex[:6]}" for _ in range(2))
    assert data("hub", "repository", "create", one, "--private")["private"] is True
    _, err = course("hub", "repository", "create", two, "--private", status=1)
    assert "the Personal plan has 1 private repository" in err
    assert data("hub", "repository", "immutable", one, "--pattern", "^v")["immutable"] == ["^v"]
    course("hub", "repository", "immutable", one, "--all", "--none", status=2)
    assert data("hub", "repository", "visibility", one, "public")["private"] is False
    data("hub", "repository", "delete", one)


def test_artifact_registry_commands_print_the_gcloud_line(running: Installation, tmp_path: Path) -> None:
    name, project = f"r{uuid4().hex[:6]}", ("--project", "ml-course-9")
    words = ("artifact-registry", "repositories")
    _, err = course(*words, "create", name, *project, "--immutable-tags")
    line = f"gcloud artifacts repositories create {name} --project=ml-course-9 --location=us-central1"
    assert f"stands for: {line} --repository-format=docker --immutable-tags" in err
    _, err = course(*words, "create", name, *project, status=1)
    assert "already exists" in err
    policy = tmp_path / "policy.json"
    policy.write_text('[{"name": "old", "action": {"type": "Delete"}, "condition": {"olderThan": "30d"}}]')
    out, err = course(*words, "set-cleanup-policies", name, *project, "--policy", str(policy), "--no-dry-run", "--json")
    assert json.loads(out)["cleanupPolicyDryRun"] is False and "set-cleanup-policies" in err and "--no-dry-run" in err
    policy.write_text('[{"name": "old"}]')
    course(*words, "set-cleanup-policies", name, *project, "--policy", str(policy), status=2)
    policy.write_text("{")
    course(*words, "set-cleanup-policies", name, *project, "--policy", str(policy), status=2)
    assert data(*words, "describe", name, *project)["immutableTags"] is True
    assert data(*words, "preview-cleanup", name, *project) == []
    out, err = course("artifact-registry", "print-access-token")
    assert "stands for: gcloud auth print-access-token" in err
    address = f"localhost:{running.ports['artifact-registry']}"
    assert RegistryHttp(address, "oauth2accesstoken", out.strip()).push_image(f"ml-course-9/{name}/app", "1")
    key = tmp_path / "key.json"
    _, err = course("artifact-registry", "create-key", str(key), *project, "--service-account", "ci-runner")
    assert "gcloud iam service-accounts keys create" in err and key.stat().st_mode & 0o077 == 0
    assert RegistryHttp(address, "_json_key", key.read_text()).digest(f"ml-course-9/{name}/app", "1")
    before = key.read_bytes()
    course("artifact-registry", "create-key", str(key), *project, "--service-account", "ci-runner", status=2)
    assert key.read_bytes() == before
    data(*words, "delete", name, *project)


def test_acr_commands_print_the_az_line(running: Installation) -> None:
    place = PLACES["acr"](f"localhost:{running.ports['acr']}")
    name, token = f"team/a{uuid4().hex[:6]}", f"pull-{uuid4().hex[:6]}"
    place.http().push_image(name, "1.0")
    out, err = course("acr", "token", "create", token, "--repository", name, "content/read", "--expires", "12h")
    assert f"az acr token create --name {token} --registry mlregistry --repository {name} content/read" in err
    assert "--expiration-in-days 1" in err
    reader = RegistryHttp(place.address, token, out.strip())
    assert reader.digest(name, "1.0") and reader.digest(f"{name}x", "1.0") is None
    out, err = course("acr", "repository", "update", f"{name}:1.0", "--write-enabled", "false", "--json")
    assert f"az acr repository update --name mlregistry --image {name}:1.0 --write-enabled false" in err
    assert json.loads(out)["changeableAttributes"]["writeEnabled"] is False
    course("acr", "repository", "delete", f"{name}:1.0", status=1)
    command = f"acr purge --filter '{name}:.*' --ago 0d --dry-run"
    out, err = course("acr", "run", "--cmd", command)
    assert "az acr run --registry mlregistry --cmd" in err and "/dev/null" in err
    assert "0 changed" in out
    assert [entry["tags"] for entry in data("acr", "manifests", name)] == [["1.0"]]
    data("acr", "token", "delete", token)


def test_the_clock_moves_and_the_journal_tells(running: Installation) -> None:
    before = data("clock", "show")
    out, _ = course("clock", "advance", "90m")
    assert "for the emulators" in out
    after = data("clock", "show")
    assert after["offset"] == before["offset"] + 5400
    _, err = course("clock", "advance", "soon", status=2)
    assert "For thirty days write: 30d" in err
    lines = data("journal", "--last", "5")
    assert len(lines) == 5 and lines[-1]["what"] == "advance"
    assert course("journal", "--service", "dockerhub")[0].count("dockerhub") > 0


def test_every_command_explains_itself() -> None:
    for words in (["clock"], ["journal"], ["hub", "token", "create"], ["artifact-registry"], ["acr", "repository"]):
        assert "Usage:" in course(*words, "--help")[0]
