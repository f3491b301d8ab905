"""Files in lessons: what they are taken for, and what their own rules say."""

from __future__ import annotations

import pytest

from autograder.content import filekinds

SHA = "11bd71901bbe5b1630ceea73d27597364c9af683"
WORKFLOW = f"""name: build
on: push
permissions: {{}}
jobs:
  build:
    runs-on: ubuntu-24.04
    steps:
      - uses: actions/checkout@{SHA} # v4.2.2
        with:
          persist-credentials: false
      - run: docker build .
"""
COMPOSE = "services:\n  registry:\n    image: registry:2\n"
LIFECYCLE = """{"rules": [{"rulePriority": 1, "selection": {"tagStatus": "untagged", "countType": "imageCountMoreThan",
 "countNumber": 3}, "action": {"type": "expire"}}]}"""
REPOSITORY = """{"Version": "2012-10-17", "Statement": [{"Sid": "Pull", "Effect": "Allow",
 "Principal": {"AWS": "arn:aws:iam::123456789012:root"}, "Action": ["ecr:BatchGetImage"]}]}"""
CLEANUP = '[{"name": "old", "action": {"type": "Delete"}, "condition": {"tagState": "untagged", "olderThan": "30d"}}]'
DEPLOYMENT = """apiVersion: apps/v1
kind: Deployment
metadata: {name: ml-model}
spec:
  selector: {matchLabels: {app: a}}
  template:
    metadata: {labels: {app: a}}
    spec:
      containers: [{name: ml-model, image: "localhost:5010/ml-model@sha256:0"}]
"""
REGISTRY = "version: 0.1\nstorage:\n  filesystem: {rootdirectory: /var/lib/registry}\n  delete: {enabled: true}\n"
GITLAB = "build:\n  script: [docker build .]\n"

GOOD = [
    ("dockerfile", None, "FROM scratch\nCOPY a /a\n", "dockerfile"),
    ("yaml", "compose.yaml", COMPOSE, "compose"),
    ("yaml", None, COMPOSE, "compose"),
    ("yaml", ".github/workflows/build.yml", WORKFLOW, "github-workflow"),
    ("yaml", ".gitlab-ci.yml", GITLAB, "gitlab-ci"),
    ("yaml", "deployment.yaml", DEPLOYMENT, "kubernetes"),
    ("yaml", "config.yml", REGISTRY, "registry-config"),
    ("json", "policy.json", LIFECYCLE, "ecr-lifecycle-policy"),
    ("json", "policy.json", REPOSITORY, "ecr-repository-policy"),
    ("json", "policy.json", CLEANUP, "artifact-registry-cleanup"),
    ("json", None, '{"a": 1}', "plain"),
    ("yaml", None, "- a", "plain"),
    ("python", "a.py", "x = 1", "plain"),
]


@pytest.mark.slow  # it starts the tools that read such files, a second each
@pytest.mark.parametrize(("language", "title", "code", "kind"), GOOD, ids=[f"{g[3]}-{g[1]}" for g in GOOD])
def test_a_good_file_is_known_and_accepted(language, title, code, kind):
    assert filekinds.kind(language, title, code) == kind
    assert filekinds.language_complaint(language, code) is None
    assert filekinds.complaint(kind, code) is None


@pytest.mark.slow  # it starts the tools that read such files, a second each
@pytest.mark.parametrize(
    ("kind", "code", "says"),
    [
        ("dockerfile", "FROM python\n", "DL3006"),
        ("compose", "services:\n  a:\n    imagee: x\n", "imagee"),
        ("github-workflow", WORKFLOW.replace("runs-on", "run-on"), "run-on"),
        ("github-workflow", WORKFLOW.replace(f"@{SHA} # v4.2.2", "@v4"), "unpinned-uses"),
        ("gitlab-ci", "build:\n  script: 5\n", "script"),
        ("kubernetes", DEPLOYMENT.replace("name: ml-model,", ""), "name and image"),
        ("kubernetes", "apiVersion: v1\nkind: Pod\n", "metadata.name"),
        ("registry-config", "version: 2\nstorage: {filesystem: {}}\n", "0.1"),
        ("registry-config", "version: 0.1\nstorage: {}\n", "one driver"),
        ("registry-config", f"{REGISTRY}htpasswd: {{}}\n", "htpasswd"),
        ("ecr-lifecycle-policy", LIFECYCLE.replace("imageCountMoreThan", "imageCount"), "countType"),
        ("ecr-repository-policy", REPOSITORY.replace("Allow", "Permit"), "Effect"),
        ("artifact-registry-cleanup", CLEANUP.replace("olderThan", "older"), "older"),
    ],
)
def test_a_bad_file_is_refused_with_the_reason(kind, code, says):
    assert says in str(filekinds.complaint(kind, code))


def test_the_author_can_say_what_it_is():
    assert filekinds.kind("json", None, LIFECYCLE, "plain") == "plain"
