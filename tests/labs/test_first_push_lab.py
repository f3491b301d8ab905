"""Lab 01 as content: its data is true, its cases tell right from wrong, and it is whole."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from autograder import paths
from autograder.checks.first_push.data import DEFAULT_GREETING, PREDICTIONS, WEIGHTS_LAYER
from autograder.evidence.model import Case
from autograder.labs import live, manifest
from autograder.quality import contract

LAB = manifest.find("01-first-push")
CASES = contract.hidden_cases(LAB, "ada")["bytes_to_push"]
Function = Callable[[Any, Any], Any]


def blobs(found: Any) -> list[dict[str, Any]]:
    return [] if found is None else [found["config"], *found["layers"]]


def right(old: Any, new: Any) -> int:
    there = {part["digest"] for part in blobs(old)}
    return sum({part["digest"]: part["size"] for part in blobs(new) if part["digest"] not in there}.values())


def by_size(old: Any, new: Any) -> int:
    there = {part["size"] for part in blobs(old)}
    return sum({p["digest"]: p["size"] for p in blobs(new) if p["size"] not in there}.values())


def by_place(old: Any, new: Any) -> int:
    before = blobs(old) + [{"digest": ""}] * 20
    return sum(b["size"] for a, b in zip(before, blobs(new), strict=False) if a["digest"] != b["digest"])


def counted_twice(old: Any, new: Any) -> int:
    there = {part["digest"] for part in blobs(old)}
    return sum(part["size"] for part in blobs(new) if part["digest"] not in there)


def without_config(old: Any, new: Any) -> int:
    there = {part["digest"] for part in blobs(old)[1:]}
    return sum({p["digest"]: p["size"] for p in blobs(new)[1:] if p["digest"] not in there}.values())


def config_always(old: Any, new: Any) -> Any:
    config = new["config"]["size"]
    there = {part["digest"] for part in blobs(old)[1:]}
    return config + sum({p["digest"]: p["size"] for p in new["layers"] if p["digest"] not in there}.values())


def by_descriptor(old: Any, new: Any) -> int:
    return sum({p["digest"]: p["size"] for p in blobs(new) if p not in blobs(old)}.values())


def difference(old: Any, new: Any) -> Any:
    return max(0, sum(p["size"] for p in blobs(new)) - sum(p["size"] for p in blobs(old)))


def last_layer(old: Any, new: Any) -> Any:
    return 0 if old == new else right(None, new) if old is None else new["config"]["size"] + new["layers"][-1]["size"]


def wrong_on(function: Function, cases: list[Case]) -> list[str]:
    found = []
    for case in cases:
        try:
            value: Any = function(*case.args)
        except (IndexError, KeyError, TypeError):
            value = None
        if value != case.expected:
            found.append(case.kind)
    return found


@pytest.mark.parametrize("student", ["ada", "b", "c", "d"])
def test_the_right_function_is_right_on_every_case(student: str) -> None:
    cases = contract.hidden_cases(LAB, student)["bytes_to_push"]
    assert wrong_on(right, cases) == []
    assert wrong_on(right, live.visible_cases(LAB, {})["bytes_to_push"]) == []
    assert len({case.kind for case in cases}) == len(cases) >= 10


@pytest.mark.parametrize(
    "wrong",
    [by_size, by_place, counted_twice, without_config, config_always, by_descriptor, difference, last_layer],
    ids=lambda function: function.__name__,
)
@pytest.mark.parametrize("student", ["ada", "b"])
def test_every_common_mistake_is_found_by_a_hidden_case(wrong: Function, student: str) -> None:
    assert wrong_on(wrong, contract.hidden_cases(LAB, student)["bytes_to_push"])


def test_predictions_are_those_of_the_weights(tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("ml_model_train", paths.DOCKER / "ml-model" / "train.py")
    assert spec is not None and spec.loader is not None
    training = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(training)
    metadata = training.train(tmp_path)
    for text, row in PREDICTIONS.items():
        found = training.model.predict(text, tmp_path)
        assert (found["queue"], found["score"], found["runner_up"]) == row, text
    assert WEIGHTS_LAYER[0] < metadata["weights"]["size"] < WEIGHTS_LAYER[1]
    assert len({row[:2] for row in PREDICTIONS.values()}) == len(PREDICTIONS)  # an answer tells which message it is to


def test_the_default_greeting_is_the_one_that_comes_with_the_kit() -> None:
    assert (paths.DOCKER / "hello" / "greeting.txt").read_text(encoding="utf-8").strip() == DEFAULT_GREETING


def test_the_lab_keeps_the_content_contract() -> None:
    assert [str(finding) for finding in contract.static(LAB)] == []


def test_points_and_the_core_path() -> None:
    assert LAB.total == 6 and LAB.minutes == 30
    assert [part.id for part in LAB.checks if not part.core] == ["bytes-to-push", "v2-bytes", "prediction", "hello"]
