"""Finding pushed images: names that were probably meant, and lists in sentences."""

from __future__ import annotations

import pytest

from autograder.checks.api import Failure
from autograder.checks.shared.images import listed, lookalikes, repository
from autograder.evidence.model import Evidence, Service
from tests.evidence import emulator_states as states


@pytest.mark.parametrize(
    "other",
    ["ml-model", "tern-1a2b", "tern-1a2b/x/ml-model", "tern1a2b/ml-model", "tern-1a2b-ml-model", "tern-1a2b/ml_model"],
)
def test_what_was_probably_meant_is_found(other: str) -> None:
    assert lookalikes("tern-1a2b/ml-model", [other, "tern-1a2b/ml-model"]) == [other]


@pytest.mark.parametrize(
    "other", ["tern-1a2b/hello", "gull-9c9c/ml-model", "base", "tern-1a2b/hello/1", "course/trivy-db"]
)
def test_what_belongs_to_others_is_not(other: str) -> None:
    assert lookalikes("tern-1a2b/ml-model", [other]) == []


def test_lists_in_sentences() -> None:
    assert listed([]) == ""
    assert listed(["a"]) == "a"
    assert listed(["b", "a"]) == "a and b"
    assert listed("gfedcba", limit=3) == "a, b, c and 4 more"


@pytest.mark.parametrize(
    ("name", "found"), [("a/b", "The repository is there, and holds no image."), ("a/c", "No such")]
)
def test_a_repository_without_an_image_is_told_from_one_that_is_not_there(name: str, found: str) -> None:
    settings = states.state("ecr") | {"repositories": {"a/b": states.ecr_repository("a/b")}}
    e = Evidence(
        kit_version="1", lab="x", lab_version=1, student="s", origin="live", collected_at="",
        services={"ecr": Service(settings=settings)},
    )  # fmt: skip
    with pytest.raises(Failure) as raised:
        repository(e, "ecr", name)
    assert raised.value.found.startswith(found)
