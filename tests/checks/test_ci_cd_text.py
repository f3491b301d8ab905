"""Lab 10: what the checks read off the texts of both files, as students write them, right and wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from autograder.checks.api import Verdict
from autograder.checks.ci_cd.shared import PIPELINE, WORKFLOW
from autograder.collect import pipeline_probe, safe_yaml
from autograder.collect.pipeline_probe import SCHEMAS

from . import solved, test_ci_cd, test_ci_cd_ways
from .test_ci_cd import LAB, PREDICTIONS, Change, P, Pair, judged, lesson, of_file, read, with_change
from .test_ci_cd_ways import SHA, lab

VALID, PINNED, TAGS, LAB_VALID = "workflow-valid", "workflow-pinned", "workflow-tags", "pipeline-valid"
CHECKOUT = "actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1"
STEPS = "    steps:\n"
RUNNER = "    runs-on: ubuntu-24.04\n"
TRIGGERS = '  push:\n    branches: [main]\n    tags: ["v*"]\n  pull_request:\n'
TOP = "permissions:\n  contents: read\nconcurrency"
BUILT = "build:\n  extends: .docker\n  stage: build\n"
GATED = "gate:\n  stage: gate\n"
Wrong = tuple[Change, str]


def wf(*pairs: tuple[str, str]) -> Change:
    """The workflow changed."""
    return WORKFLOW, pairs


@pytest.fixture(scope="module")
def right(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """The lesson's pair, to be changed."""
    return lesson(P, tmp_path_factory.mktemp("right"))


def held(right: Pair, change: Change, only: Sequence[str]) -> dict[str, Verdict]:
    """The verdicts on a file that is changed, with its real schema; zizmor, which is a program, counts as silent."""
    pair = with_change(right, change)
    facts: dict[str, Any] = {
        name: {"data": read(text), "schema": [], "findings": []}
        for name, text in zip((WORKFLOW, PIPELINE), right, strict=True)
    }
    name, text = change[0], pair[change[0] == PIPELINE]
    try:
        data = safe_yaml.read(text, merges=name != WORKFLOW)
        facts[name] = {"data": data, "schema": pipeline_probe._schema(SCHEMAS[name], data), "findings": []}
    except safe_yaml.Refused as problem:
        facts[name] = {"problem": str(problem)}
    found = solved.evidence(LAB, P, answers={"predictions": PREDICTIONS}, probes={"pipelines": facts})
    return solved.verdicts(LAB, found, only)


# -- valid -----------------------------------------------------------------------------------------------------------

RIGHT_VALID: dict[str, Change] = {
    "the key on in quotes": wf(("on:\n  push", '"on":\n  push')),
    "triggers in one line": wf((TRIGGERS, '  {push: {branches: [main], tags: ["v*"]}, pull_request: {}}\n')),
    "a document that says where it begins": wf(("name: build\n", "%YAML 1.2\n---\nname: build\n")),
    "a group of runners": wf((RUNNER, "    runs-on:\n      labels: ubuntu-24.04\n")),
    "a time limit that is computed": wf(("timeout-minutes: 30", "timeout-minutes: ${{ fromJSON('30') }}")),
    "variables that are numbers": wf((STEPS, "    env: {PYTHONUNBUFFERED: 1, DEBUG: false, RATIO: 0.5}\n    steps:\n")),
    "defaults": wf(("jobs:\n", "defaults:\n  run:\n    shell: bash\n    working-directory: .\njobs:\n")),
    "a condition on two lines": wf(
        ("        if: github.event_name != 'pull_request'\n        uses: docker/login",
         "        if: >-\n          github.event_name != 'pull_request'\n          && success()\n        uses: docker/login")
    ),
    "an environment and its address": wf((RUNNER, f"{RUNNER}    environment: {{name: registry, url: 'https://ghcr.io'}}\n")),
    "an alias for a step": wf(
        (f"      - uses: {CHECKOUT}\n", f"      - &fetch\n        uses: {CHECKOUT}\n"),
        ("  image:\n", "  image:\n    name: Image\n"),
    ),
}  # fmt: skip
WRONG_VALID: dict[str, Wrong] = {
    "a trigger with a dash": (wf(("  pull_request:\n", "  pull-request:\n")), "schema does not allow"),
    "branch for branches": (wf(("    branches: [main]", "    branch: [main]")), "schema does not allow"),
    "no trigger at all": (wf((f"on:\n{TRIGGERS}", "")), "schema does not allow"),
    "runs_on": (wf(("    runs-on:", "    runs_on:")), "schema does not allow"),
    "step for steps": (wf((STEPS, "    step:\n")), "schema does not allow"),
    "timeout-minute": (wf(("timeout-minutes", "timeout-minute")), "schema does not allow"),
    "a time limit with its unit": (wf(("timeout-minutes: 30", "timeout-minutes: 30m")), "schema does not allow"),
    "the package for packages": (wf(("      packages: write", "      package: write")), "schema does not allow"),
    "a right with a wrong word": (wf(("packages: write", "packages: push")), "schema does not allow"),
    "rights as a list": (wf((TOP, "permissions: [contents]\nconcurrency")), "schema does not allow"),
    "inputs outside of with": (
        wf(("        with:\n          persist-credentials: false\n", "        persist-credentials: false\n")),
        "schema does not allow",
    ),
    "a script and an action in one step": (
        wf(("      - id: meta\n", "      - id: meta\n        run: echo tags\n")), "schema does not allow"
    ),
    "a step's shell at the job": (wf((RUNNER, f"{RUNNER}    shell: bash\n")), "schema does not allow"),
    "environment for env": (wf((STEPS, "    environment: {A: b, C: d}\n    steps:\n")), "schema does not allow"),
    "a job's name with a space": (wf(("  image:\n", "  build image:\n")), "schema does not allow"),
    "variables as a list": (wf((STEPS, "    env:\n      - A=b\n    steps:\n")), "schema does not allow"),
    "secrets under with of the job": (wf((STEPS, "    secrets: inherit\n    steps:\n")), "schema does not allow"),
    "a merge key": (
        wf(("permissions:\n  contents: read\nc", "permissions: &r\n  contents: read\nc"),
           ("permissions:\n      contents: read\n", "permissions:\n      <<: *r\n")),
        "no merge key",
    ),
    "an alias of nothing": (wf(("permissions:\n  contents: read\nc", "permissions: *read\nc")), "undefined alias"),
    "a key that is there twice": (wf((STEPS, "    permissions: {contents: read}\n    steps:\n")), "is there twice"),
    "a tab": (wf((STEPS, "\tsteps:\n")), "Line"),
    "a colon in a plain text": (wf(("name: build\n", "name: build: push\n")), "Line"),
}  # fmt: skip
RIGHT_LAB_VALID: dict[str, Change] = {
    "a default image": lab(("stages:", "default:\n  interruptible: true\n  retry: {max: 1, when: runner_system_failure}\nstages:")),
    "a merge key": lab((".docker:\n", ".docker: &docker\n"), ("build:\n  extends: .docker\n", "build:\n  <<: *docker\n")),
    "a list of templates": lab((".login:", ".quick:\n  timeout: 20 minutes\n\n.login:"), ("push:\n  extends: .docker", "push:\n  extends: [.docker, .quick]")),
    "a reference": lab((".login: &login\n", ".login:\n  script:\n"), ("  before_script: *login\n", "  before_script:\n    - !reference [.login, script]\n"),
                       ("  - echo \"$CI_REGISTRY_PASSWORD\"", "    - echo \"$CI_REGISTRY_PASSWORD\"")),
    "variables with a description": lab(("variables:\n", 'variables:\n  LEVEL: {value: "HIGH", description: "for the gate"}\n')),
    "one command in place of a list": lab((f"  script:\n    - {test_ci_cd_ways.TRIVY}\n", f"  script: {test_ci_cd_ways.TRIVY}\n")),
    "a job that is found by needs": lab((GATED, "gate:\n  stage: gate\n  needs: [{job: build, artifacts: true}]\n")),
    "comments and quotes": lab((GATED, "# the gate\n'gate':\n  \"stage\": gate # second\n")),
    "a coverage report of the scanner": lab((GATED, "gate:\n  stage: gate\n  allow_failure: false\n  tags: [saas-linux-small-amd64]\n")),
}  # fmt: skip
WRONG_LAB_VALID: dict[str, Wrong] = {
    "only": (lab(("release:\n", "release:\n  only: [tags]\n")), "1 of them: only."),
    "except": (lab((GATED, "gate:\n  stage: gate\n  except: [tags]\n")), "1 of them: except."),
    "only in a template": (lab((".docker:\n", ".docker:\n  only: [main]\n")), "1 of them: only."),
    "an image at the top": (lab(("stages:", "image: docker:29.7.2\nstages:")), "1 of them: image."),
    "services at the top": (lab(("stages:", "services: [docker:29.7.2-dind]\nstages:")), "1 of them: services."),
    "a login at the top": (lab(("stages:", "before_script: [docker info]\nstages:")), "1 of them: before_script."),
    "a tidy-up at the top": (lab(("stages:", "after_script: [docker logout]\nstages:")), "1 of them: after_script."),
    "a cache at the top": (lab(("stages:", "cache: {paths: [.trivy]}\nstages:")), "1 of them: cache."),
    "scripts": (lab(("  script:\n    - docker build", "  scripts:\n    - docker build")), "schema does not allow"),
    "path for paths": (lab(("    paths: [image.tar]", "    path: [image.tar]")), "schema does not allow"),
    "rules without a list": (
        lab(("release:\n  stage: release\n  image: docker:29.7.2\n  rules:\n    - if: $CI_COMMIT_TAG\n",
             "release:\n  stage: release\n  image: docker:29.7.2\n  rules:\n    if: $CI_COMMIT_TAG\n")),
        "schema does not allow",
    ),
    "GitHub's steps": (lab((GATED, "gate:\n  stage: gate\n  steps: [x]\n")), "schema does not allow"),
    "GitHub's runs-on": (lab((GATED, "gate:\n  stage: gate\n  runs-on: ubuntu-24.04\n")), "schema does not allow"),
    "when with a dash": (lab((GATED, "gate:\n  stage: gate\n  when: on-success\n")), "schema does not allow"),
    "too many tries": (lab((GATED, "gate:\n  stage: gate\n  retry: 5\n")), "schema does not allow"),
    "variables as a list": (lab(("variables:\n  DOCKER_TLS_CERTDIR: \"/certs\"\n", "variables:\n  - DOCKER_TLS_CERTDIR: \"/certs\"\n")), "Line"),
    "an alias of nothing": (lab((".login: &login\n", ".login: &log_in\n")), "undefined alias"),
    "a job twice": (lab((GATED, "build:\n  stage: gate\n")), "is there twice"),
}  # fmt: skip


@pytest.mark.parametrize("name", [*RIGHT_VALID, *RIGHT_LAB_VALID])
def test_right_by_the_schemas(name: str, right: Pair) -> None:
    for table in (RIGHT_VALID, RIGHT_LAB_VALID):
        if name in table:
            found = held(right, table[name], of_file(table[name]))
            assert {id: verdict.found for id, verdict in found.items() if verdict.status != "passed"} == {}


@pytest.mark.slow  # zizmor is started
@pytest.mark.parametrize("name", RIGHT_VALID)
def test_zizmor_finds_nothing_in_them(name: str, right: Pair) -> None:
    verdict = judged(with_change(right, RIGHT_VALID[name]), tools=True, only=[VALID])[VALID]
    assert (verdict.status, verdict.found) == ("passed", "")


@pytest.mark.parametrize("name", WRONG_VALID)
def test_wrong_by_githubs_schema(name: str, right: Pair) -> None:
    change, words = WRONG_VALID[name]
    verdict = held(right, change, [VALID])[VALID]
    assert (verdict.status, words in verdict.found) == ("failed", True), verdict.found


@pytest.mark.parametrize("name", WRONG_LAB_VALID)
def test_wrong_by_gitlabs_schema(name: str, right: Pair) -> None:
    change, words = WRONG_LAB_VALID[name]
    verdict = held(right, change, [LAB_VALID])[LAB_VALID]
    assert (verdict.status, words in verdict.found) == ("failed", True), verdict.found


# What GitHub would run and zizmor finds: change -> the rule.
FOUND: dict[str, Wrong] = {
    "all rights": (wf(("    permissions:\n      contents: read\n      packages: write\n", "    permissions: write-all\n")), "excessive-permissions"),
    "a title in a script": (
        wf((STEPS, '    steps:\n      - run: echo "${{ github.event.pull_request.title }}"\n')), "template-injection"
    ),
    "a branch's name in a script": (wf((STEPS, "    steps:\n      - run: git switch ${{ github.head_ref }}\n")), "template-injection"),
    "credentials that stay": (wf(("          persist-credentials: false\n", "          fetch-depth: 0\n")), "artipacked"),
    "a trigger with secrets for strangers": (wf(("  pull_request:\n", "  pull_request_target:\n")), "dangerous-triggers"),
    "a password in the file": (
        wf((RUNNER, f"{RUNNER}    container: {{image: ghcr.io/o/ci, credentials: {{username: ci, password: hunter2}}}}\n")),
        "hardcoded-container-credentials",
    ),
}  # fmt: skip


@pytest.mark.slow  # zizmor is started
@pytest.mark.parametrize("name", FOUND)
def test_what_zizmor_finds(name: str, right: Pair) -> None:
    change, rule = FOUND[name]
    verdict = judged(with_change(right, change), tools=True, only=[VALID])[VALID]
    assert verdict.status == "failed" and rule in str(verdict.table), (verdict.found, verdict.table)


# -- pins ------------------------------------------------------------------------------------------------------------

NEXT = "      - id: meta\n"
DIGEST = f"sha256:{'b' * 64}"


def step(uses: str) -> Change:
    """One more step."""
    return wf((NEXT, f"      - uses: {uses}\n{NEXT}"))


RIGHT_PINNED: dict[str, Change] = {
    "no comment": wf((CHECKOUT, CHECKOUT.partition(" ")[0])),
    "in quotes": wf((CHECKOUT, f'"{CHECKOUT.partition(" ")[0]}" # v7.0.1')),
    "an action in a folder": step(f"actions/cache/restore@{SHA}"),
    "an image by its digest": step(f"docker://alpine@{DIGEST}"),
    "an image with its tag and digest": step(f"docker://ghcr.io/hadolint/hadolint:v2.14.0@{DIGEST}"),
    "an action of the repository": step("./.github/actions/gate"),
    "an action in capitals": wf(("actions/checkout@", "Actions/Checkout@")),
    "a step without an action": wf((NEXT, f"      - run: docker version\n{NEXT}")),
}
WRONG_PINNED: dict[str, Wrong] = {
    "a major version": (wf((CHECKOUT, "actions/checkout@v7")), "v7 is a tag or a branch"),
    "a full version": (wf((CHECKOUT, "actions/checkout@v7.0.1")), "v7.0.1 is a tag or a branch"),
    "a version in front, its commit in a comment": (
        wf((CHECKOUT, "actions/checkout@v7.0.1 # 3d3c42e5aac5ba805825da76410c181273ba90b1")), "is a tag or a branch"
    ),
    "a branch": (wf((CHECKOUT, "actions/checkout@main")), "main is a tag or a branch"),
    "a branch with a slash": (wf((CHECKOUT, "actions/checkout@releases/v7")), "releases/v7 is a tag or a branch"),
    "a ref": (wf((CHECKOUT, "actions/checkout@refs/tags/v7.0.1")), "is a tag or a branch"),
    "a short commit": (wf((CHECKOUT, "actions/checkout@3d3c42e")), "a shortened SHA"),
    "a digit that was lost": (wf(("73ba90b1 # v7", "73ba90b # v7")), "a shortened SHA"),
    "a digit too many": (wf(("73ba90b1 # v7", "73ba90b1a # v7")), "is a tag or a branch"),
    "nothing": (wf((CHECKOUT, "actions/checkout")), "no version at all"),
    "the commit of another action": (
        wf((CHECKOUT, "actions/checkout@53b7df96c91f9c12dcc8a07bcb9ccacbed38856a # v7.0.1")), "that commit is"
    ),
    "an expression": (wf((CHECKOUT, "actions/checkout@${{ env.CHECKOUT }}")), "is a tag or a branch"),
    "a digest as of an image": (wf((CHECKOUT, f"actions/checkout@{DIGEST}")), "is a tag or a branch"),
    "an image by tag": (step("docker://aquasec/trivy:0.74.0"), "an image by tag"),
    "an image without a tag": (step("docker://alpine"), "an image by tag"),
    "an image with half a digest": (step("docker://alpine@sha256:bbbbbbbbbbbb"), "an image by tag"),
    "a workflow of others by its branch": (
        wf(("jobs:\n", "jobs:\n  lint:\n    uses: heron-1a2b/ci/.github/workflows/lint.yml@main\n")), "main is a tag"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", RIGHT_PINNED)
def test_right_pins(name: str, right: Pair) -> None:
    verdict = judged(with_change(right, RIGHT_PINNED[name]), only=[PINNED])[PINNED]
    assert (verdict.status, verdict.found) == ("passed", "")


@pytest.mark.parametrize("name", WRONG_PINNED)
def test_wrong_pins(name: str, right: Pair) -> None:
    change, words = WRONG_PINNED[name]
    verdict = judged(with_change(right, change), only=[PINNED])[PINNED]
    assert verdict.status == "failed" and words in str(verdict.table), verdict.table


# -- tags ------------------------------------------------------------------------------------------------------------

COMMIT = "            type=sha,prefix=git-\n"
EDGE = "            type=raw,value=edge,enable={{is_default_branch}}\n"
VERSION = "            type=semver,pattern={{version}}\n"
MINOR = "            type=semver,pattern={{major}}.{{minor}}\n"
MAJOR = "            type=semver,pattern={{major}}\n"
LATEST = "            type=raw,value=latest,enable={{is_default_branch}}\n"


def rules(*pairs: tuple[str, str]) -> Change:
    """Rules of the metadata step changed."""
    return wf(*((old, f"            {new}\n" if new else "") for old, new in pairs))


RIGHT_TAGS: dict[str, Change] = {
    "the rule for the edge": rules((EDGE, "type=edge")),
    "the edge with its branch": rules((EDGE, "type=edge,branch=main")),
    "a condition of GitHub": rules((EDGE, "type=raw,value=edge,enable=${{ github.ref == 'refs/heads/main' }}")),
    "a condition on the branch's name": rules(
        (EDGE, "type=raw,value=edge,enable=${{ github.ref_name == github.event.repository.default_branch }}")
    ),
    "the commit as a text": rules((COMMIT, "type=raw,value=git-{{sha}}")),
    "the commit with its form": rules((COMMIT, "type=sha,enable=true,prefix=git-,format=short")),
    "a pattern for versions": rules((VERSION, "type=match,pattern=v(.*),group=1")),
    "values in another order": rules((MINOR, "pattern={{major}}.{{minor}},type=semver")),
    "rules in another order": rules((COMMIT + EDGE, EDGE.strip() + "\n" + COMMIT.rstrip())),
    "a priority": rules((LATEST, "type=raw,value=latest,priority=900,enable={{is_default_branch}}")),
    "a flavor on lines of its own": wf(("flavor: latest=false", "flavor: |\n            latest=false\n            prefix=\n            suffix=")),
}  # fmt: skip
SHOWN = "of the 4 events push something else"
WRONG_TAGS: dict[str, Wrong] = {
    "the Git tag as it is": (rules((VERSION, "type=ref,event=tag")), SHOWN),
    "the version with its v": (rules((VERSION, "type=semver,pattern=v{{version}}")), SHOWN),
    "the raw version": (rules((VERSION, "type=semver,pattern={{raw}}")), SHOWN),
    "the commit with the action's own prefix": (rules((COMMIT, "type=sha")), SHOWN),
    "the whole commit": (rules((COMMIT, "type=sha,prefix=git-,format=long")), SHOWN),
    "no minor version": (rules((MINOR, "")), SHOWN),
    "no major version": (rules((MAJOR, "")), SHOWN),
    "major and minor with a dash": (rules((MINOR, "type=semver,pattern={{major}}-{{minor}}")), SHOWN),
    "latest for everything": (rules((LATEST, "type=raw,value=latest")), SHOWN),
    "the edge for everything": (rules((EDGE, "type=raw,value=edge")), SHOWN),
    "the edge of another branch": (rules((EDGE, "type=edge,branch=master")), SHOWN),
    "the branch's name": (rules((EDGE, "type=ref,event=branch")), SHOWN),
    "Python's form of a version": (rules((VERSION, "type=pep440,pattern={{version}}")), SHOWN),
    "a part behind every tag": (wf(("flavor: latest=false", "flavor: |\n            latest=false\n            suffix=-cpu")), SHOWN),
    "the release as an expression": (rules((VERSION, "type=raw,value=${{ github.ref_name }},enable=${{ github.ref_type == 'tag' }}")), SHOWN),
    "the candidate moves the minor version": (
        rules((MINOR, "type=match,pattern=v(\\d+\\.\\d+),group=1")), SHOWN
    ),
    "the version that is shown": (rules((MAJOR, "type=raw,value=2,enable=${{ github.ref == 'refs/tags/v2.4.1' }}")), "another event of this kind: a release"),
}  # fmt: skip


@pytest.mark.parametrize("name", RIGHT_TAGS)
def test_right_tags(name: str, right: Pair) -> None:
    found = judged(with_change(right, RIGHT_TAGS[name]), only=of_file(RIGHT_TAGS[name]))
    assert {id: verdict.found for id, verdict in found.items() if verdict.status != "passed"} == {}


@pytest.mark.parametrize("name", WRONG_TAGS)
def test_wrong_tags(name: str, right: Pair) -> None:
    change, words = WRONG_TAGS[name]
    verdict = judged(with_change(right, change), only=[TAGS])[TAGS]
    assert (verdict.status, words in verdict.found) == ("failed", True), verdict.found


# -- how many --------------------------------------------------------------------------------------------------------


def test_each_check_of_a_text_has_enough_ways() -> None:
    """At least 5 that are right and unusual, and 10 that are wrong and might be handed in."""
    for_all = {**test_ci_cd.UNUSUAL, **test_ci_cd_ways.RIGHT}  # every check of both files passes with them
    own = {VALID: RIGHT_VALID, LAB_VALID: RIGHT_LAB_VALID, PINNED: RIGHT_PINNED, TAGS: RIGHT_TAGS}
    failing = [check for check, _, _ in test_ci_cd_ways.WRONG.values()]
    failing += [check for check, *_ in test_ci_cd.WRONG.values()]
    for check, table in (
        (VALID, WRONG_VALID),
        (LAB_VALID, WRONG_LAB_VALID),
        (PINNED, WRONG_PINNED),
        (TAGS, WRONG_TAGS),
    ):
        failing += [check] * len(table)
    for check in (*test_ci_cd.GITHUB, *test_ci_cd.GITLAB):
        file = WORKFLOW if check in test_ci_cd.GITHUB else PIPELINE
        right = own.get(check) or {name: change for name, change in for_all.items() if change[0] == file}
        assert len(right) >= 5, check
        assert failing.count(check) >= 10, (check, failing.count(check))
