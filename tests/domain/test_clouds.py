"""Each kind of registry is recognised, its rules are applied, and any reference can be described."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.domain import clouds
from autograder.domain.clouds import describe
from autograder.domain.references import InvalidReference, parse

KINDS = {
    "python:3.12": "docker-hub",
    "myregistry/ml-model": "docker-hub",
    "hub.docker.com/johndoe/ml-model": "other",
    "registry-1.docker.io/library/python": "other",
    "123456789012.dkr.ecr.us-east-1.amazonaws.com/ml-model": "ecr",
    "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn/ml-model": "ecr",
    "123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com/ml-model": "ecr",
    "123456789012.dkr-ecr.eu-west-1.on.aws/ml-model": "ecr",
    "public.ecr.aws/aquasecurity/trivy": "ecr-public",
    "us-central1-docker.pkg.dev/my-project/ml-models/ml-model": "artifact-registry",
    "europe-docker.pkg.dev/my-project/ml-models/team/ml-model": "artifact-registry",
    "us.gcr.io/my-project/ml-model": "gcr",
    "mymlregistry.azurecr.io/ml-model": "acr",
    "mymlregistry-e7ggejfuhzhgedc8.azurecr.io/team/ml-model": "acr",
    "MyMLRegistry.azurecr.io/ml-model": "acr",
    "ghcr.io/octocat/hello": "ghcr",
    "registry.gitlab.com/group/project/image": "gitlab",
    "localhost:5001/ml-model": "loopback",
    "127.0.0.1:5001/ml-model": "loopback",
    "[::1]:5001/ml-model": "loopback",
    "registry.example.com/ml-model": "other",
    "notlocalhost:5000/x": "other",
}


@pytest.mark.parametrize("text", KINDS)
def test_kind(text: str) -> None:
    assert describe(parse(text)).cloud == KINDS[text]


FITTING = [text for text in KINDS if "docker.com" not in text and "registry-1" not in text]


@pytest.mark.parametrize("text", FITTING)
def test_names_that_fit(text: str) -> None:
    assert describe(parse(text)).problems == ()


MISFITS: list[tuple[str, str]] = [
    ("team/group/app", "exactly two parts"),
    ("hub.docker.com/johndoe/ml-model", "docker.io/johndoe/ml-model"),
    ("123456789.dkr.ecr.us-east-1.amazonaws.com/ml-model", "exactly 12 digits"),
    ("1234567890123.dkr.ecr.us-east-1.amazonaws.com/ml-model", "exactly 12 digits"),
    ("12345678901a.dkr.ecr.us-east-1.amazonaws.com/ml-model", "exactly 12 digits"),
    ("123456789012.dkr.ecr.useast1.amazonaws.com/ml-model", "does not look like an AWS region"),
    ("123456789012.dkr.ecr.us-east-1.amazonaws.com/m", "2 to 256 characters"),
    ("public.ecr.aws/trivy", "ALIAS/REPOSITORY"),
    ("public.ecr.aws/1trivy/app", "no registry alias"),
    ("us-central1-docker.pkg.dev/my-project/ml-model", "four parts"),
    ("us-central1-docker.pkg.dev/ml-model", "four parts"),
    ("us-central1-docker.pkg.dev/proj/ml-models/ml-model", "no project id"),
    ("us-central1-docker.pkg.dev/my-project/ml.models/ml-model", "no repository id"),
    ("us-central1-docker.pkg.dev/example.com/my-project/ml-models", "four parts"),
    ("us-central1.pkg.dev/my-project/ml-models/ml-model", "us-central1-docker.pkg.dev"),
    ("gcr.io/my-project", "gcr.io/PROJECT/IMAGE"),
    ("acr1.azurecr.io/ml-model", "5 to 50 letters and digits"),
    ("my-registry.azurecr.io/ml-model", "5 to 50 letters and digits"),
    ("mymlregistry-a-b.azurecr.io/ml-model", "at most one dash"),
    ("mymlregistry.eastus.data.azurecr.io/ml-model", "data endpoint"),
    ("ghcr.io/hello", "OWNER/IMAGE"),
]


@pytest.mark.parametrize(("text", "found"), MISFITS)
def test_names_that_do_not_fit(text: str, found: str) -> None:
    described = describe(parse(text))
    assert not described.fits
    assert any(found in problem.message and problem.source.startswith("https://") for problem in described.problems)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (
            "123456789012.dkr.ecr.us-east-1.amazonaws.com/team/ml-model",
            {"account": "123456789012", "region": "us-east-1", "repository": "team/ml-model"},
        ),
        (
            "us-central1-docker.pkg.dev/my-project/ml-models/ml-model:1",
            {"location": "us-central1", "project": "my-project", "repository": "ml-models", "image": "ml-model"},
        ),
        (
            "us-docker.pkg.dev/example.com/my-project/ml-models/ml-model",
            {"location": "us", "project": "example.com:my-project", "repository": "ml-models", "image": "ml-model"},
        ),
        (
            "mymlregistry-e7ggejfuhzhgedc8.azurecr.io/ml-model",
            {"registry": "mymlregistry", "hash": "e7ggejfuhzhgedc8", "repository": "ml-model"},
        ),
        ("python", {"namespace": "library", "repository": "python"}),
        ("eu.gcr.io/my-project/a/b", {"location": "europe", "project": "my-project", "image": "a/b"}),
    ],
)
def test_parts_in_the_clouds_own_terms(text: str, parts: dict[str, str]) -> None:
    assert describe(parse(text)).parts == parts


def test_the_classic_mistake_is_explained() -> None:
    assert "a Docker Hub namespace, not a host" in describe(parse("myregistry/ml-model:1.0.0")).notes[0]
    assert "Official Images" in describe(parse("ml-model:1.2.3")).notes[0]
    assert any("2025-03-18" in note for note in describe(parse("gcr.io/my-project/ml-model")).notes)


HOSTS = ["", "123.dkr.ecr.x.amazonaws.com/", "x-docker.pkg.dev/", "gcr.io/", "a-b.azurecr.io/", "ghcr.io/", "h.x/"]


@given(st.sampled_from(HOSTS), st.text(alphabet="ab.-/09:_", max_size=30))
def test_every_reference_can_be_described(host: str, rest: str) -> None:
    try:
        found = parse(host + rest)
    except InvalidReference:
        return
    described = describe(found)
    assert described.title and described.cloud
    assert described.fits == (not described.problems)


ANY = re.compile(r"[\s\S]*")
MUTANTS = ["_AWS_ACCOUNT", "_AWS_REGION", "_ECR_ALIAS", "_GOOGLE_PROJECT", "_GOOGLE_REPOSITORY", "_ACR_NAME"]


@pytest.mark.parametrize("name", MUTANTS)
def test_a_rule_that_takes_anything_is_noticed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clouds, name, ANY)
    assert any(describe(parse(text)).fits for text, _ in MISFITS)


@pytest.mark.parametrize("row", range(len(clouds._HOSTS)))
def test_a_host_that_is_not_recognised_is_noticed(row: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clouds, "_HOSTS", clouds._HOSTS[:row] + clouds._HOSTS[row + 1 :])
    kinds = [describe(parse(text)).cloud != kind for text, kind in KINDS.items()]
    wrongly_fit = [text for text, _ in MISFITS if describe(parse(text)).fits]
    assert any(kinds) or wrongly_fit or not all(describe(parse(text)).fits for text in FITTING)
