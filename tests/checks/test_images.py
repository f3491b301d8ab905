"""Finding pushed images: names that were probably meant, and lists in sentences."""

from __future__ import annotations

import pytest

from autograder.checks.images import listed, lookalikes


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
