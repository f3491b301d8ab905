"""Answers of every wrong kind, in every lab: each gets a verdict, none earns a point, none breaks a check."""

from __future__ import annotations

from typing import Any

import pytest

from autograder.labs import manifest
from autograder.labs.manifest import Lab

from . import solved
from .test_ecr import World as Ecr
from .test_private_registry import World as Private
from .test_private_registry import world  # noqa: F401  a registry that needs no engine

DEEP = "[" * 50_000
KINDS: dict[str, Any] = {
    "nothing": None,
    "true": True,
    "negative": -1,
    "huge number": 10**400,
    "not a number": float("nan"),
    "infinite": float("inf"),
    "long text": "x" * 60_000,
    "deep JSON as text": DEEP,
    "a manifest without parts": '{"schemaVersion": 2, "layers": 1, "config": []}',
    "a surrogate": "\ud800",
    "HTML": "<img src=x onerror=alert(1)>" * 50,
    "a long list": list(range(5_000)),
    "lists in lists": [[[[]]]] * 8,
    "an object": {"": {"a": [None]}},
    "a list of surrogates": ["\ud800"] * 8,
}
LONGEST = 8_000  # characters of a verdict with its table


def answers_of(lab: Lab) -> list[str]:
    return sorted(lab.answers)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("slug", manifest.slugs())
def test_without_any_state_no_answer_earns_a_point(slug: str, kind: str) -> None:
    lab = manifest.find(slug)
    drawn = lab.drawn("0" * 64)
    found = solved.evidence(lab, drawn, answers=dict.fromkeys(answers_of(lab), KINDS[kind]))
    for verdict in solved.verdicts(lab, found).values():
        assert not verdict.points and verdict.status in ("failed", "not_graded", "blocked"), verdict
        assert len(str(verdict)) < LONGEST and "The check itself failed" not in str(verdict)


@pytest.mark.parametrize("kind", KINDS)
def test_beside_a_registry_of_ones_own_that_is_right(kind: str, world: Private) -> None:  # noqa: F811
    for name in ("challenge", "removed", "freed", "errors"):
        world.answers[name] = KINDS[kind]
    done = world.verdicts()
    assert {done[id].status for id in ("challenge", "freed", "breaks")} == {"failed"}
    assert {done[id].status for id in ("certificate", "passwords", "settings", "runs", "pushed")} == {"passed"}


@pytest.mark.parametrize("kind", KINDS)
def test_beside_a_repository_in_ecr_that_is_right(kind: str) -> None:
    state = Ecr()
    state.answers = {"old_build": KINDS[kind], "real_names": KINDS[kind]}
    done = state.judge()
    assert {id for id, verdict in done.items() if verdict.status != "passed"} == {"untagged", "names"}
    assert {done["untagged"].status, done["names"].status} == {"failed"}
