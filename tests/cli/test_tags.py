"""``course tags preview`` as people, programs and GitHub Actions use it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from autograder.cli import course, main

SHA = "860c1904a1ce19322e91ac35af1ab07466440c37"
WORKFLOW = """\
name: ci
on:
  push:
    branches: [main]
    tags: ['v*']
  workflow_dispatch:
    inputs:
      extra:
        default: manual
env:
  REGISTRY: ghcr.io
jobs:
  build:
    runs-on: ubuntu-latest
    env:
      IMAGE: ${{ env.NAME || github.repository }}
    steps:
      - uses: actions/checkout@v7
      - id: meta
        uses: docker/metadata-action@dc802804100637a589fabce1cb79ff13a1411302 # v6.2.0
        env:
          DOCKER_METADATA_SHORT_SHA_LENGTH: 12
        with:
          images: |
            ${{ env.REGISTRY }}/octo/ml-model
          tags: |
            # releases
            type=ref,event=branch
            type=ref,event=pr
            type=semver,pattern={{version}}
            type=semver,pattern={{major}}.{{minor}}
            type=semver,pattern={{major}},enable=${{ !startsWith(github.ref, 'refs/tags/v0.') }}
            type=raw,value=latest,enable={{is_default_branch}}
            type=raw,value=${{ inputs.extra }}
            type=sha
          labels: |
            org.opencontainers.image.title=Model
"""
EVENT = {
    "after": SHA,
    "head_commit": {"id": SHA, "timestamp": "2026-01-09T23:00:00Z"},
    "repository": {
        "name": "ml-model",
        "description": None,
        "html_url": "https://github.com/octo/ml-model",
        "default_branch": "main",
        "license": {"spdx_id": "Apache-2.0"},
    },
}
TAG_PUSH = ["--event", "push", "--ref", "refs/tags/v1.2.3", "--sha", SHA, "--now", "2026-01-10T00:30:00Z"]


@pytest.fixture
def workflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in list(os.environ):
        if name.startswith(("GITHUB_", "DOCKER_METADATA_")):
            monkeypatch.delenv(name)
    path = tmp_path / "ci.yml"
    path.write_text(WORKFLOW, encoding="utf-8")
    return path


@pytest.fixture
def event(tmp_path: Path) -> Path:
    path = tmp_path / "event.json"
    path.write_text(json.dumps(EVENT), encoding="utf-8")
    return path


def run(path: Path, *words: str) -> Result:
    return CliRunner().invoke(course, ["tags", "preview", str(path), *words])


def data(path: Path, *words: str) -> dict[str, Any]:
    done = run(path, *words, "--json")
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_a_complete_answer_has_exactly_the_promised_keys(workflow: Path, event: Path) -> None:
    assert data(workflow, *TAG_PUSH, "--event-file", str(event)) == {
        "tags": [
            "ghcr.io/octo/ml-model:1.2.3",
            "ghcr.io/octo/ml-model:1.2",
            "ghcr.io/octo/ml-model:1",
            "ghcr.io/octo/ml-model:sha-860c1904a1ce",
            "ghcr.io/octo/ml-model:latest",
        ],
        "version": "1.2.3",
        "labels": {
            "org.opencontainers.image.created": "2026-01-10T00:30:00.000Z",
            "org.opencontainers.image.description": "",
            "org.opencontainers.image.licenses": "Apache-2.0",
            "org.opencontainers.image.revision": SHA,
            "org.opencontainers.image.source": "https://github.com/octo/ml-model",
            "org.opencontainers.image.title": "Model",
            "org.opencontainers.image.url": "https://github.com/octo/ml-model",
            "org.opencontainers.image.version": "1.2.3",
        },
    }


def names(found: dict[str, Any]) -> list[str]:
    return [tag.rpartition(":")[2] for tag in found["tags"]]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--ref", "refs/heads/main", "--default-branch", "main"], ["main", "latest", "sha-860c1904a1ce"]),
        (["--ref", "refs/heads/dev", "--default-branch", "main"], ["dev", "sha-860c1904a1ce"]),
        (["--ref", "refs/tags/v0.3.0"], ["0.3.0", "0.3", "sha-860c1904a1ce", "latest"]),
        (["--ref", "refs/tags/v2.0.0-rc.1"], ["2.0.0-rc.1", "sha-860c1904a1ce"]),
        (["--ref", "refs/pull/2/merge"], ["pr-2", "sha-860c1904a1ce"]),
        (
            ["--event", "workflow_dispatch", "--ref", "refs/heads/dev", "--default-branch", "main"],
            ["dev", "manual", "sha-860c1904a1ce"],
        ),
        (["--event", "schedule", "--ref", "refs/heads/main"], ["main", "latest", "sha-860c1904a1ce"]),
    ],
)
def test_events(workflow: Path, words: list[str], expected: list[str]) -> None:
    assert names(data(workflow, *words, "--sha", SHA)) == expected


def test_what_is_missing_is_named(workflow: Path) -> None:
    found = data(workflow, "--event", "push", "--ref", "refs/heads/main")
    assert found["labels"]["org.opencontainers.image.description"] is None
    needs = {item["where"]: item["needs"] for item in found["unknown"]}
    assert "--sha" in needs["rule type=sha"]
    assert "--default-branch" in needs["rule type=raw,value=latest,enable={{is_default_branch}}"]
    assert "description" in needs["label org.opencontainers.image.description"]


def test_values_can_be_given(workflow: Path) -> None:
    text = WORKFLOW.replace("octo/ml-model", "${{ vars.IMAGE }}").replace(
        "${{ inputs.extra }}", "${{ steps.v.outputs.t }}"
    )
    workflow.write_text(text, encoding="utf-8")
    unknown = data(workflow, *TAG_PUSH)
    assert unknown["tags"][0] == "ghcr.io/${{ vars.IMAGE }}:1.2.3"
    assert {"where": "rule type=raw,value=${{ steps.v.outputs.t }}", "needs": "steps.v.outputs.t"} in unknown["unknown"]
    given = ["--set", "vars.IMAGE=Octo/App", "--set", "steps.v.outputs.t=extra"]
    assert data(workflow, *TAG_PUSH, *given)["tags"][:4] == [
        "ghcr.io/octo/app:1.2.3",
        "ghcr.io/octo/app:1.2",
        "ghcr.io/octo/app:1",
        "ghcr.io/octo/app:extra",
    ]


def test_inside_actions_the_environment_is_enough(workflow: Path, event: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "GITHUB_EVENT_NAME": "push",
        "GITHUB_REF": "refs/heads/main",
        "GITHUB_SHA": SHA,
        "GITHUB_EVENT_PATH": str(event),
        "GITHUB_REPOSITORY": "octo/ml-model",
    }.items():
        monkeypatch.setenv(name, value)
    found = data(workflow)
    assert names(found) == ["main", "latest", "sha-860c1904a1ce"]
    assert "unknown" not in found
    # a run given by options takes nothing of the surrounding one
    other = data(workflow, "--ref", "refs/tags/v1.0.0")
    assert other["labels"]["org.opencontainers.image.revision"] is None


def test_the_text_form(workflow: Path) -> None:
    done = run(workflow, *TAG_PUSH)
    assert done.exit_code == 0
    assert "version  1.2.3" in done.stdout
    assert "  ghcr.io/octo/ml-model:1.2.3\n" in done.stdout
    assert "org.opencontainers.image.description  (not known here)" in done.stdout
    assert "- (no pull request event)" in done.stdout
    assert "not known here\n" in done.stdout


def test_tags_that_docker_refuses_are_marked(workflow: Path) -> None:
    workflow.write_text(WORKFLOW.replace("type=sha", "type=raw,value=.x"), encoding="utf-8")
    assert "ml-model:.x  (not a legal tag" in run(workflow, *TAG_PUSH).stdout


def test_a_dead_trigger_is_noted(workflow: Path) -> None:
    done = run(workflow, "--event", "pull_request", "--ref", "refs/pull/2/merge", "--json")
    assert "no trigger for pull_request" in done.stderr
    assert names(json.loads(done.stdout)) == ["pr-2"]


def test_a_skipped_step_gives_nothing(workflow: Path) -> None:
    text = WORKFLOW.replace("      - id: meta\n", "      - id: meta\n        if: github.event_name == 'release'\n")
    workflow.write_text(text, encoding="utf-8")
    assert data(workflow, *TAG_PUSH) == {"tags": [], "version": None, "labels": {}}
    assert "the step is skipped" in run(workflow, *TAG_PUSH).stdout
    workflow.write_text(text.replace("github.event_name ==", "vars.X =="), encoding="utf-8")
    assert names(data(workflow, *TAG_PUSH))[0] == "1.2.3"
    assert "whether the step runs" in run(workflow, *TAG_PUSH).stdout


def test_an_older_major_is_noted(workflow: Path) -> None:
    old = WORKFLOW.replace("@dc802804100637a589fabce1cb79ff13a1411302 # v6.2.0", "@v5")
    workflow.write_text(old, encoding="utf-8")
    assert "the step uses v5" in run(workflow, *TAG_PUSH).stdout


def test_what_stops_the_action_exits_with_1(workflow: Path) -> None:
    workflow.write_text(WORKFLOW.replace("type=ref,event=pr\n", "type=ref,event=push\n"), encoding="utf-8")
    done = run(workflow, *TAG_PUSH, "--json")
    assert done.exit_code == 1
    assert json.loads(done.stdout) == {"error": "Invalid event for type=ref,event=push"}
    assert "the action would fail: Invalid event" in run(workflow, *TAG_PUSH).stderr


TWO = """\
jobs:
  one: {steps: [{uses: docker/metadata-action@v6, id: a, with: {images: x, tags: a}}]}
  two: {steps: [{run: "true"}, {uses: Docker/Metadata-Action@v6, with: {images: x, tags: b}}]}
"""


def test_one_of_several_steps_is_chosen(workflow: Path) -> None:
    workflow.write_text(TWO, encoding="utf-8")
    assert data(workflow, *TAG_PUSH, "--job", "two")["tags"] == ["x:b"]
    assert data(workflow, *TAG_PUSH, "--step", "a")["tags"] == ["x:a"]
    assert data(workflow, *TAG_PUSH, "--step", "2")["tags"] == ["x:b"]


def test_a_composite_action_has_a_step_too(workflow: Path) -> None:
    step = "{uses: docker/metadata-action@v6, with: {images: '${{ inputs.i }}', tags: a}}"
    text = f"runs: {{using: composite, steps: [{step}]}}"
    workflow.write_text(text, encoding="utf-8")
    assert data(workflow, *TAG_PUSH, "--set", "inputs.i=x/y")["tags"] == ["x/y:a"]


def status(path: Path, *words: str) -> int:
    """Exit status of the program itself, in this process."""
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as stopped:
        patch.setattr(sys, "argv", ["course", "tags", "preview", str(path), *words])
        main()
    return int(stopped.value.code or 0)


@pytest.mark.parametrize(
    ("text", "words", "says"),
    [
        (WORKFLOW, ["--event", "push"], "--ref nor GITHUB_REF"),
        (WORKFLOW, ["--ref", "v1.2.3"], "refs/tags/v1.2.3 for a tag"),
        (WORKFLOW, ["--ref", "refs/heads/main", "--now", "tomorrow"], "--now is 'tomorrow'"),
        (WORKFLOW, ["--ref", "refs/heads/main", "--set", "x"], "--set PATH=VALUE"),
        (WORKFLOW, ["--event", "pull_request_target", "--ref", "refs/heads/main"], "number of the pull request"),
        ("a: [", ["--ref", "refs/heads/main"], "cannot be read as YAML"),
        ("", ["--ref", "refs/heads/main"], "the workflow is no mapping"),
        ("jobs: []", ["--ref", "refs/heads/main"], "jobs is no mapping"),
        ("jobs: {a: {steps: x}}", ["--ref", "refs/heads/main"], "jobs.a.steps is no list"),
        ("jobs: {a: {steps: [{run: x}]}}", ["--ref", "refs/heads/main"], "has 0 of them"),
        (TWO, ["--ref", "refs/heads/main"], "--job one --step 'a'"),
        (TWO, ["--ref", "refs/heads/main", "--job", "three"], "that fit --job and --step"),
    ],
)
def test_wrong_use_exits_with_2_and_says_what_to_do(
    workflow: Path, capsys: pytest.CaptureFixture[str], text: str, words: list[str], says: str
) -> None:
    workflow.write_text(text, encoding="utf-8")
    assert status(workflow, *words) == 2
    said = capsys.readouterr().err
    assert says in said
    assert "next:" in said


def test_a_broken_event_file(workflow: Path, tmp_path: Path) -> None:
    for text in ("{", "[]"):
        (tmp_path / "bad.json").write_text(text, encoding="utf-8")
        assert status(workflow, *TAG_PUSH, "--event-file", str(tmp_path / "bad.json")) == 2


def test_hostile_yaml_is_data_only(workflow: Path) -> None:
    workflow.write_text("jobs: !!python/object/apply:os.system ['exit 7']", encoding="utf-8")
    command = [sys.executable, "-m", "autograder.cli", "tags", "preview", str(workflow), *TAG_PUSH]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
