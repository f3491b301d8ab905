"""Lab 10's checks: pairs of files that are right in different ways, and each way to be wrong with its message."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from autograder import paths
from autograder.checks.api import Verdict
from autograder.checks.ci_cd.data import Spec
from autograder.checks.ci_cd.shared import PIPELINE, WORKFLOW
from autograder.checks.shared.seeded_random import seed
from autograder.collect import pipeline_probe, safe_yaml
from autograder.evidence.model import File
from autograder.labs import manifest
from autograder.labs.hidden import load_module
from autograder.quality import lab_runs

from . import solved
from .solved import failed

LAB = manifest.find("10-ci-cd")
TEAM = "heron-1a2b"
SPEC = Spec(moving="edge", commit="git-", major=True, latest="main")
P: dict[str, Any] = LAB.drawn(seed(b"tests", "student", "ada", LAB.slug)) | {
    "team": TEAM,
    "model": "ranker",
    "repository": f"{TEAM}/ranker",
    "image": f"ghcr.io/{TEAM}/ranker",
    "commit": "0123456789abcdef0123456789abcdef01234567",
    "version": "2.4.1",
    "candidate": "2.5.0-rc.1",
    "pull_request": 118,
    "tag_rules": [
        "type=ref,event=branch",
        "type=ref,event=pr",
        "type=semver,pattern={{version}}",
        "type=semver,pattern={{major}}.{{minor}}",
        "type=edge",
        "type=sha,prefix=",
    ],
    "rules": SPEC.rules(),
    "gitlab_image": "$CI_REGISTRY_IMAGE/ranker",
    "gitlab_prefix": "build-",
    "_spec": SPEC.as_parameter(),
}
PREDICTIONS = {
    "main": ["main", "edge", "0123456"],
    "release": ["2.4.1", "2.4", "latest", "0123456"],
    "candidate": ["2.5.0-rc.1", "0123456"],
    "pull_request": ["pr-118", "0123456"],
}
GITHUB = ("workflow-valid", "workflow-pinned", "workflow-runs", "workflow-gate", "workflow-tags")
GITLAB = ("pipeline-valid", "pipeline-runs", "pipeline-gate")
Pair = tuple[str, str]


def personal(spec: Spec) -> dict[str, Any]:
    """The parameters of a team with other rules."""
    return P | {"rules": spec.rules(), "_spec": spec.as_parameter()}


def from_cells(parameters: dict[str, Any], folder: Path, *sources: str) -> Pair:
    """What cells of a notebook write."""
    names = {"me": SimpleNamespace(**parameters), "Path": lambda name: folder / name}
    for source in sources:
        exec(source, names)
    return (folder / WORKFLOW).read_text(encoding="utf-8"), (folder / PIPELINE).read_text(encoding="utf-8")


def lesson(parameters: dict[str, Any], folder: Path) -> Pair:
    """As lesson 10 shows it: one job with actions; four jobs with docker and dind."""
    cells = {cell.id: cell.source for cell in lab_runs.solved(LAB).cells}
    return from_cells(parameters, folder, cells["repair-workflow"], cells["repair-pipeline"])


def three_jobs(parameters: dict[str, Any], folder: Path) -> Pair:
    """Three jobs that hand an archive on; build and scan in one job at GitLab, and crane."""
    students = load_module(paths.SOLUTIONS / LAB.slug / "students.py", "students_ci_cd")
    return from_cells(parameters, folder, students.WORKFLOW, students.PIPELINE)


def scripts(parameters: dict[str, Any], folder: Path) -> Pair:
    """Scripts in place of actions; no daemon at GitLab: buildah, grype, skopeo."""
    spec = Spec.of(parameters)
    lines = [f"type=sha,prefix={spec.commit},enable=${{{{ github.event_name != 'pull_request' }}}}"]
    lines += ["type=semver,pattern={{version}}", "type=semver,pattern={{major}}.{{minor}}"]
    lines += ["type=semver,pattern={{major}}"] * spec.major
    moved = [spec.moving] + ["latest"] * (spec.latest == "main")
    lines += [f"type=raw,value={tag},enable=${{{{ github.ref_name == 'main' }}}}" for tag in moved]
    values = {
        "@IMAGE@": parameters["image"],
        "@FLAVOR@": "auto" if spec.latest == "release" else "false",
        "@RULES@": ("\n" + " " * 12).join(lines),
        "@GITLAB@": parameters["gitlab_image"],
        "@PREFIX@": parameters["gitlab_prefix"],
    }
    texts = []
    for name in ("script-github.yml", "script-gitlab.yml"):
        text = (Path(__file__).parent / "pipelines" / name).read_text(encoding="utf-8")
        for sign, value in values.items():
            text = text.replace(sign, value)
        texts.append(text)
    return texts[0], texts[1]


WAYS: tuple[Callable[[dict[str, Any], Path], Pair], ...] = (lesson, three_jobs, scripts)


def judged(
    files: Pair,
    parameters: dict[str, Any] = P,
    *,
    predictions: Any = PREDICTIONS,
    tools: bool = False,
    only: Sequence[str] | None = None,
) -> dict[str, Verdict]:
    """The verdicts on both files.

    Args:
        files: workflow and pipeline.
        parameters: the student's.
        predictions: the answer.
        tools: ask the schemas and zizmor as well; without, both files count as clean there.
        only: the checks; all of them without it.
    """
    texts = dict(zip((WORKFLOW, PIPELINE), files, strict=True))
    facts: dict[str, Any] = {}
    for name, text in texts.items():
        if tools:
            file = File(size=len(text), sha256=hashlib.sha256(text.encode()).hexdigest(), text=text)
            facts |= {name: pipeline_probe.probe({name: file})[name]}
        else:
            facts[name] = {"data": read(text), "schema": [], "findings": []}
    answers = {"predictions": predictions}
    return solved.verdicts(LAB, solved.evidence(LAB, parameters, answers=answers, probes={"pipelines": facts}), only)


read = lru_cache(maxsize=16)(safe_yaml.read)  # most tests change one of two files


@pytest.fixture(scope="module")
def right(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """The lesson's pair, to be changed."""
    return lesson(P, tmp_path_factory.mktemp("right"))


def changed(text: str, *pairs: tuple[str, str]) -> str:
    """A text with parts replaced; each is there."""
    for old, new in pairs:
        assert old in text, old
        text = text.replace(old, new)
    return text


# -- right -----------------------------------------------------------------------------------------------------------


@pytest.mark.slow  # it starts the tools that read such files, a second each
@pytest.mark.parametrize("way", WAYS)
def test_pairs_that_differ_pass_with_schemas_and_zizmor(
    way: Callable[[dict[str, Any], Path], Pair], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As a pipeline's own environment has it: none of this may change what the tools say.
    for name in ("CI", "FORCE_COLOR", "CLICOLOR_FORCE", "GITHUB_ACTIONS", "GH_TOKEN"):
        monkeypatch.setenv(name, "true")
    found = judged(way(P, tmp_path), tools=True)
    assert {id: verdict.found for id, verdict in found.items() if verdict.status != "passed"} == {}
    assert set(found) == {"predictions", *GITHUB, *GITLAB}


@pytest.mark.parametrize("latest", ["release", "main", "nothing"])
@pytest.mark.parametrize("way", WAYS)
def test_each_way_meets_each_teams_rules(
    way: Callable[[dict[str, Any], Path], Pair], latest: str, tmp_path: Path
) -> None:
    spec = Spec(moving="main", commit="rev-", major=latest == "release", latest=latest)
    found = judged(way(personal(spec), tmp_path), personal(spec))
    assert {id: verdict.found for id, verdict in found.items() if verdict.status != "passed"} == {}


def test_another_teams_tags_do_not_pass(tmp_path: Path) -> None:
    other = Spec(moving="nightly", commit="rev-", major=False, latest="nothing")
    failed(judged(lesson(personal(other), tmp_path))["workflow-tags"], "3 of the 4 events push something else.")


Change = tuple[str, tuple[tuple[str, str], ...]]
UNUSUAL: dict[str, Change] = {
    "a push that the shell decides about": (
        PIPELINE,
        (('    - docker push "$IMAGE"\n', '    - if [ -n "$CI_COMMIT_BRANCH" ]; then docker push "$IMAGE"; fi\n'),),
    ),
    "a matrix of one runner": (
        WORKFLOW,
        (("runs-on: ubuntu-24.04", "strategy: {matrix: {on: [ubuntu-24.04]}}\n    runs-on: ${{ matrix.on }}"),),
    ),
    "the push left out for other events by several conditions": (
        WORKFLOW,
        (
            (
                "github.event_name != 'pull_request'\n",
                "${{ github.event_name == 'push' && !cancelled() && success() }}\n",
            ),
        ),
    ),
    "the gate by Anchore": (
        WORKFLOW,
        (
            ("aquasecurity/trivy-action@ed142fd0673e97e23eac54620cfb913e5ce36c25", f"anchore/scan-action@{'a' * 40}"),
            ("          image-ref: ", "          severity-cutoff: high\n          image: "),
        ),
    ),
    "severities of the scanner as variables": (
        WORKFLOW,
        (
            ("          severity: HIGH,CRITICAL\n", ""),
            (
                '          exit-code: "1"\n',
                '          exit-code: "1"\n        env: {TRIVY_SEVERITY: "CRITICAL,HIGH"}\n',
            ),
        ),
    ),
    "a gate in the shell that hands its archive on packed": (
        PIPELINE,
        (
            ('docker save -o image.tar "$IMAGE"', 'docker save "$IMAGE" | gzip > image.tar'),
            ("docker load -i image.tar", "gunzip -c image.tar | docker load"),
        ),
    ),
    "two scans, of which one only reports": (
        WORKFLOW,
        (
            (
                "      - name: Gate\n",
                "      - name: Report\n        continue-on-error: true\n"
                "        run: trivy image --exit-code 1 candidate:${{ github.sha }}\n      - name: Gate\n",
            ),
        ),
    ),
    "names for releases alone": (
        PIPELINE,
        (("    - if: $CI_COMMIT_TAG\n  before", "    - if: $CI_COMMIT_TAG =~ /^v\\d+\\.\\d+\\.\\d+$/\n  before"),),
    ),
    "a release by regctl": (
        PIPELINE,
        (
            (
                "stage: release\n  image: docker:29.7.2\n",
                'stage: release\n  image: {name: "ghcr.io/regclient/regctl:v0.9.2-alpine", entrypoint: [""]}\n',
            ),
            (
                "    - if: $CI_COMMIT_TAG\n  before_script: *login\n",
                "    - if: $CI_COMMIT_TAG\n  before_script:\n"
                '    - echo "$CI_REGISTRY_PASSWORD" | regctl registry login "$CI_REGISTRY" -u "$CI_REGISTRY_USER" '
                "--pass-stdin\n",
            ),
            ("docker buildx imagetools create --prefer-index=false -t", 'regctl image copy "$IMAGE"'),
            ('#v}" "$IMAGE"', '#v}"'),
        ),
    ),
    "needs in one stage": (
        PIPELINE,
        (
            ("stages: [build, gate, push, release]", "stages: [build]"),
            ("gate:\n  stage: gate\n", "gate:\n  stage: build\n  needs: [build]\n"),
            ("  stage: push\n", "  stage: build\n  needs: [build, gate]\n"),
            ("  stage: release\n", "  stage: build\n"),
        ),
    ),
    "a daemon whose address is written down": (
        PIPELINE,
        (
            ("    - docker:29.7.2-dind\n", '    - {name: "docker:29.7.2-dind-rootless", alias: docker}\n'),
            (
                "  DOCKER_TLS_CERTDIR:",
                "  DOCKER_HOST: tcp://docker:2376\n  DOCKER_TLS_VERIFY: 1\n  DOCKER_TLS_CERTDIR:",
            ),
        ),
    ),
}


def with_change(right: Pair, change: Change) -> Pair:
    """A pair with one file changed."""
    file, pairs = change
    workflow, pipeline = right
    return (changed(workflow, *pairs), pipeline) if file == WORKFLOW else (workflow, changed(pipeline, *pairs))


def of_file(change: Change) -> tuple[str, ...]:
    """The checks of the file that is changed; those of the other one say what they say of every such pair."""
    return GITHUB if change[0] == WORKFLOW else GITLAB


@pytest.mark.parametrize("name", UNUSUAL)
def test_unusual_and_right(name: str, right: Pair) -> None:
    found = judged(with_change(right, UNUSUAL[name]), only=of_file(UNUSUAL[name]))
    assert {id: verdict.found for id, verdict in found.items() if verdict.status != "passed"} == {}


# -- wrong -----------------------------------------------------------------------------------------------------------

CHECKOUT = """      - uses: actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1
        with:
          persist-credentials: false
"""
BUILDX = "      - uses: docker/setup-buildx-action@37fe631027851001ddb9b187196cc803df7f5f0e # v4.3.0\n"
IF = "        if: github.event_name != 'pull_request'\n"
IMAGE = f"ghcr.io/{TEAM}/ranker"
MAIN_ONLY = "  stage: push\n  rules:\n    - if: $CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH\n"
WRONG: dict[str, tuple[str, str, tuple[tuple[str, str], ...], str]] = {
    # name: (check, file, what is changed, what the check says)
    "no run for pull requests": (
        "workflow-runs",
        WORKFLOW,
        (("  pull_request:\n", ""),),
        "No run: the workflow has no trigger for pull_request (on: push), so this event never starts it.",
    ),
    "a login to another registry": (
        "workflow-runs",
        WORKFLOW,
        (("registry: ghcr.io", "registry: docker.io"),),
        "The step “Push” of the job image pushes to ghcr.io, and no step before it in its job logs in there.",
    ),
    "a login without a name": (
        "workflow-runs",
        WORKFLOW,
        (("          username: ${{ github.actor }}\n", ""),),
        "The step “Log in” of the job image has no user name or no password.",
    ),
    "a stored secret": (
        "workflow-runs",
        WORKFLOW,
        (("secrets.GITHUB_TOKEN", "secrets.REGISTRY_TOKEN"),),
        "The step “Log in” of the job image uses the secret REGISTRY_TOKEN. Somebody has to store it, it "
        "does not end by itself, and a pull request from a fork never gets it.",
    ),
    "no right to push": (
        "workflow-runs",
        WORKFLOW,
        (("      packages: write\n", ""),),
        "The step “Push” of the job image pushes to ghcr.io, and its job lacks packages: write.",
    ),
    "no right to read": (
        "workflow-runs",
        WORKFLOW,
        (("permissions:\n      contents: read\n", "permissions:\n"),),
        "The step “actions/checkout” of the job image may not read a private repository: contents: read is missing.",
    ),
    "no checkout": (
        "workflow-runs",
        WORKFLOW,
        ((CHECKOUT, ""),),
        "The step “Build for the gate” of the job image builds the folder ., and its job has checked nothing out.",
    ),
    "no builder": (
        "workflow-runs",
        WORKFLOW,
        ((BUILDX, ""),),
        "The step “Build for the gate” of the job image builds with cache-to, and the engine's own builder "
        "cannot: nothing has set Buildx up.",
    ),
    "a runner without an engine": (
        "workflow-runs",
        WORKFLOW,
        (("ubuntu-24.04", "macos-15"),),
        "The step “Build for the gate” of the job image needs a Docker daemon: the job image runs on "
        "macos-15, and GitHub's macOS runners have none.",
    ),
    "a fork that pushes": (
        "workflow-runs",
        WORKFLOW,
        ((IF, ""),),
        "The step “Push” of the job image pushes, and a fork's run has a token that may only read.",
    ),
    "another image": (
        "workflow-runs",
        WORKFLOW,
        ((IMAGE, "ranker"),),
        "Pushed: ranker:edge, ranker:git-0123456, ranker:latest.",
    ),
    "a shape that is not followed": (
        "workflow-runs",
        WORKFLOW,
        (
            (
                "    runs-on: ubuntu-24.04\n",
                '    strategy: {matrix: "${{ fromJSON(vars.M) }}"}\n    runs-on: ubuntu-24.04\n',
            ),
        ),
        "It cannot: a matrix that is an expression is not followed here: write its values.",
    ),
    "a tag of an action": (
        "workflow-pinned",
        WORKFLOW,
        (("@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1", "@v7"),),
        "1 of 7 is not pinned.",
    ),
    "a short SHA": (
        "workflow-pinned",
        WORKFLOW,
        (("@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1", "@3d3c42e"),),
        "1 of 7 is not pinned.",
    ),
    "the commit of another action": (
        "workflow-pinned",
        WORKFLOW,
        (
            (
                "login-action@06fb636fac595d6fb4b28a5dfcb21a6f5091859c",
                "login-action@53b7df96c91f9c12dcc8a07bcb9ccacbed38856a",
            ),
        ),
        "1 of 7 is not pinned.",
    ),
    "no exit code": (
        "workflow-gate",
        WORKFLOW,
        (('          exit-code: "1"\n', ""),),
        "The step “Gate” of the job image prints a table and ends well whatever it finds: no exit code is asked for.",
    ),
    "too few severities": (
        "workflow-gate",
        WORKFLOW,
        (("HIGH,CRITICAL", "CRITICAL"),),
        "The step “Gate” of the job image looks at CRITICAL only, not at HIGH and CRITICAL.",
    ),
    "another image is scanned": (
        "workflow-gate",
        WORKFLOW,
        (("image-ref: candidate:${{ github.sha }}", "image-ref: python:3.12-slim"),),
        "The step “Gate” of the job image scans python:3.12-slim, which this run has not built before.",
    ),
    "files are scanned": (
        "workflow-gate",
        WORKFLOW,
        (("          image-ref: candidate:${{ github.sha }}", "          scan-type: fs"),),
        "The step “Gate” of the job image scans files (scan-type: fs), not the image.",
    ),
    "a forgiven gate": (
        "workflow-gate",
        WORKFLOW,
        (("      - name: Gate\n", "      - name: Gate\n        continue-on-error: true\n"),),
        "For a push to main, ghcr.io/heron-1a2b/ranker:edge is pushed all the same.",
    ),
    "a push whatever was found": (
        "workflow-gate",
        WORKFLOW,
        (("if: github.event_name != 'pull_request'\n", "if: always() && github.event_name != 'pull_request'\n"),),
        "For a push to main, ghcr.io/heron-1a2b/ranker:edge is pushed all the same.",
    ),
    "a gate for pull requests alone": (
        "workflow-gate",
        WORKFLOW,
        (("      - name: Gate\n", "      - name: Gate\n        if: github.event_name == 'pull_request'\n"),),
        "Nothing scans the image.",
    ),
    "a gate that forgives pull requests": (
        "workflow-gate",
        WORKFLOW,
        (
            (
                "      - name: Gate\n",
                "      - name: Gate\n        continue-on-error: ${{ github.event_name == 'pull_request' }}\n",
            ),
        ),
        "The step “Gate” of the job image goes on as if nothing had been found.",
    ),
    "a job that may fail, at GitHub": (
        "workflow-gate",
        WORKFLOW,
        (("    timeout-minutes: 30\n", "    timeout-minutes: 30\n    continue-on-error: true\n"),),
        "The job image goes on as if nothing had been found.",
    ),
    "a scan for secrets": (
        "workflow-gate",
        WORKFLOW,
        (("scanners: vuln", "scanners: secret"),),
        "The step “Gate” of the job image looks for secret only, not for vulnerabilities.",
    ),
    "a scan of the system's packages alone": (
        "workflow-gate",
        WORKFLOW,
        (("scanners: vuln\n", "vuln-type: os\n"),),
        "The step “Gate” of the job image looks at packages of the kind os only.",
    ),
    "another branch that pushes": (
        "workflow-tags",
        WORKFLOW,
        (("branches: [main]", "branches: [main, develop]"),),
        "Wrong for another event of this kind: a push to another branch.",
    ),
    "outputs of a step that is not there": (
        "workflow-runs",
        WORKFLOW,
        (("          tags: ${{ steps.meta.outputs.tags }}", "          tags: ${{ steps.metadata.outputs.tags }}"),),
        "⟨steps.metadata.outputs.tags⟩ holds something that only a run has.",
    ),
    "latest follows releases": (
        "workflow-tags",
        WORKFLOW,
        (("latest=false", "latest=auto"),),
        "1 of the 4 events push something else.",
    ),
    "no moving tag": (
        "workflow-tags",
        WORKFLOW,
        (("            type=raw,value=edge,enable={{is_default_branch}}\n", ""),),
        "1 of the 4 events push something else.",
    ),
    "a version written down": (
        "workflow-tags",
        WORKFLOW,
        (("type=semver,pattern={{major}}\n", "type=raw,value=2,enable=${{ github.ref == 'refs/tags/v2.4.1' }}\n"),),
        "Wrong for another event of this kind: a release.",
    ),
    "tags that only a run has": (
        "workflow-tags",
        WORKFLOW,
        (("          tags: ${{ steps.meta.outputs.tags }}", "          tags: ${{ vars.NAME }}"),),
        "⟨vars.NAME⟩ holds something that only a run has.",
    ),
    "a password on the command line": (
        "pipeline-runs",
        PIPELINE,
        (
            (
                'echo "$CI_REGISTRY_PASSWORD" | docker login "$CI_REGISTRY" -u "$CI_REGISTRY_USER" --password-stdin',
                'docker login "$CI_REGISTRY" -u "$CI_REGISTRY_USER" -p "$CI_REGISTRY_PASSWORD"',
            ),
        ),
        "The job push (docker login registry.gitlab.com -u gitlab-ci-token -p ⟨CI_…) gives the password on "
        "the command line, where the list of processes shows it.",
    ),
    "no TLS": (
        "pipeline-runs",
        PIPELINE,
        (('DOCKER_TLS_CERTDIR: "/certs"', 'DOCKER_TLS_CERTDIR: ""'),),
        "The job build (docker build -t registry.gitlab.com/heron-1a2b/ranker/ranke…) needs a Docker daemon: "
        "the job build talks to its daemon without TLS.",
    ),
    "TLS is not stated": (
        "pipeline-runs",
        PIPELINE,
        (('  DOCKER_TLS_CERTDIR: "/certs"\n', ""),),
        "The job build (docker build -t registry.gitlab.com/heron-1a2b/ranker/ranke…) needs a Docker daemon: "
        "nothing states DOCKER_TLS_CERTDIR for the job build, so the runner decides where certificates are.",
    ),
    "no daemon": (
        "pipeline-runs",
        PIPELINE,
        (("  services:\n    - docker:29.7.2-dind\n", ""),),
        "The job build (docker build -t registry.gitlab.com/heron-1a2b/ranker/ranke…) needs a Docker daemon: "
        "the job build has no dind service. Each job starts with its own services and no others.",
    ),
    "a floating version": (
        "pipeline-runs",
        PIPELINE,
        (("docker:29.7.2-dind", "docker:dind"),),
        "The job build uses docker:dind, which is another one tomorrow.",
    ),
    "client and daemon differ": (
        "pipeline-runs",
        PIPELINE,
        (("docker:29.7.2-dind", "docker:28.5.1-dind"),),
        "The job build (docker build -t registry.gitlab.com/heron-1a2b/ranker/ranke…) needs a Docker daemon: "
        "the job build has the client docker:29.7.2 and the daemon docker:28.5.1-dind: two versions.",
    ),
    "no login": (
        "pipeline-runs",
        PIPELINE,
        (("  before_script: *login\n  script:\n    - docker load", "  script:\n    - docker load"),),
        "The job push (docker push registry.gitlab.com/heron-1a2b/ranker/ranker:bu…) pushes to "
        "registry.gitlab.com, and no step before it in its job logs in there.",
    ),
    "no artifacts": (
        "pipeline-runs",
        PIPELINE,
        (("  artifacts:\n    paths: [image.tar]\n    expire_in: 1 hour\n", ""),),
        "The job gate (trivy image --input image.tar --scanners vuln --severity HI…) reads image.tar, which no earlier "
        "step of this job wrote and no other job handed on to it.",
    ),
    "nothing is loaded": (
        "pipeline-runs",
        PIPELINE,
        (("    - docker load -i image.tar\n", ""),),
        "The job push (docker push registry.gitlab.com/heron-1a2b/ranker/ranker:bu…) pushes "
        "registry.gitlab.com/heron-1a2b/ranker/ranker:build-01234567, which this job neither built nor "
        "loaded.",
    ),
    "no shell": (
        "pipeline-runs",
        PIPELINE,
        (('    entrypoint: [""]\n', ""),),
        "The job gate starts "
        "ghcr.io/aquasecurity/trivy@sha256:62b1e65e8869bc4b4c6aa4fa2b21595256c7c2f6018a9d9ad61caf87187c1969, "
        "whose entry point is no shell, so its script is never read.",
    ),
    "no merge request": (
        "pipeline-runs",
        PIPELINE,
        (('    - if: $CI_PIPELINE_SOURCE == "merge_request_event"\n', ""),),
        "No job runs at all.",
    ),
    "a push by hand": (
        "pipeline-runs",
        PIPELINE,
        (("  stage: push\n", "  stage: push\n  when: manual\n"),),
        "Nothing is pushed.",
    ),
    "other files": (
        "pipeline-runs",
        PIPELINE,
        (("workflow:", "include: other.yml\nworkflow:"),),
        "It cannot: it includes other files; this lab's pipeline is one file.",
    ),
    "a need of a later stage": (
        "pipeline-runs",
        PIPELINE,
        (
            ("[build, gate, push, release]", "[push, build, gate, release]"),
            ("  stage: push\n", "  stage: push\n  needs: [build, gate]\n"),
        ),
        "It cannot: push needs build, which is of a later stage.",
    ),
    "a release that is built": (
        "pipeline-gate",
        PIPELINE,
        (
            ("docker buildx imagetools create --prefer-index=false -t", "docker build -t"),
            ('#v}" "$IMAGE"', '#v}" .'),
        ),
        "The job release (docker build -t registry.gitlab.com/heron-1a2b/ranker/ranke…) builds.",
    ),
    "the v is kept": (
        "pipeline-gate",
        PIPELINE,
        (("${CI_COMMIT_TAG#v}", "$CI_COMMIT_TAG"),),
        "Pushed: registry.gitlab.com/heron-1a2b/ranker/ranker:v2.4.1.",
    ),
    "a release of another image": (
        "pipeline-gate",
        PIPELINE,
        (('#v}" "$IMAGE"', '#v}" "$CI_REGISTRY_IMAGE/ranker:latest"'),),
        "The release is a copy of registry.gitlab.com/heron-1a2b/ranker/ranker:latest.",
    ),
    "a gate that prints": (
        "pipeline-gate",
        PIPELINE,
        ((" --exit-code 1", ""),),
        "The job gate (trivy image --input image.tar --scanners vuln --severity HI…) prints a table and ends "
        "well whatever it finds: no exit code is asked for.",
    ),
    "a gate behind the push": (
        "pipeline-gate",
        PIPELINE,
        (("[build, gate, push, release]", "[build, push, gate, release]"),),
        "For a push to main, registry.gitlab.com/heron-1a2b/ranker/ranker:build-01234567 is pushed all the same.",
    ),
    "a job that may fail": (
        "pipeline-gate",
        PIPELINE,
        (("gate:\n  stage: gate\n", "gate:\n  stage: gate\n  allow_failure: true\n"),),
        "For a push to main, registry.gitlab.com/heron-1a2b/ranker/ranker:build-01234567 is pushed all the same.",
    ),
    "a gate that forgives merge requests": (
        "pipeline-gate",
        PIPELINE,
        (
            (
                "  rules:\n    - if: $CI_COMMIT_TAG == null\n  script:\n    - trivy",
                '  rules:\n    - if: $CI_PIPELINE_SOURCE == "merge_request_event"\n      allow_failure: true\n'
                "    - if: $CI_COMMIT_BRANCH\n  script:\n    - trivy",
            ),
        ),
        "The job gate goes on as if nothing had been found.",
    ),
    "a gate in the background": (
        "pipeline-gate",
        PIPELINE,
        ((" --exit-code 1", " --exit-code 1 &"),),
        "For a push to main, registry.gitlab.com/heron-1a2b/ranker/ranker:build-01234567 is pushed all the same.",
    ),
    "a daemon that was told to do without TLS": (
        "pipeline-runs",
        PIPELINE,
        (("    - docker:29.7.2-dind\n", '    - {name: "docker:29.7.2-dind", command: ["--tls=false"]}\n'),),
        "The job build (docker build -t registry.gitlab.com/heron-1a2b/ranker/ranke…) needs a Docker daemon: "
        "the job build talks to its daemon without TLS.",
    ),
    "a failure that is swallowed": (
        "pipeline-gate",
        PIPELINE,
        ((" --exit-code 1", " --exit-code 1 || true"),),
        "For a push to main, registry.gitlab.com/heron-1a2b/ranker/ranker:build-01234567 is pushed all the same.",
    ),
    "a merge request that pushes": (
        "pipeline-gate",
        PIPELINE,
        ((MAIN_ONLY, "  stage: push\n  rules:\n    - if: $CI_COMMIT_TAG == null\n"),),
        "Pushed: registry.gitlab.com/heron-1a2b/ranker/ranker:build-01234567.",
    ),
    "another tag": (
        "pipeline-gate",
        PIPELINE,
        ((":build-$CI", ":$CI"),),
        "Pushed: registry.gitlab.com/heron-1a2b/ranker/ranker:01234567.",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong(name: str, right: Pair) -> None:
    check, file, pairs, found = WRONG[name]
    failed(judged(with_change(right, (file, pairs)), only=[check])[check], found)


def test_a_file_that_is_not_there_is_not_begun():
    verdicts = solved.verdicts(LAB, solved.evidence(LAB, P, answers={}, probes={"pipelines": {}}), None)
    told = {id: verdict for id, verdict in verdicts.items() if id != "predictions"}
    assert len(told) == 8 and all(verdict.not_begun and verdict.status == "failed" for verdict in told.values())
    assert all("There is no such file." in verdict.found for verdict in told.values())
