"""Each plausible wrong solution of a code task fails a hidden case, whatever was drawn, and no right one fails any."""

from __future__ import annotations

import importlib
import json
from functools import cache
from types import CodeType
from typing import Any

import pytest

from autograder.checks.shared import seeded_random
from autograder.checks.shared.seeded_random import SeededRandom
from autograder.evidence.model import Case, CaseResult
from autograder.labs import hidden, live, manifest, runner
from tests.checks import code_tasks

SEEDS = range(3)
TABLES = {
    "01-first-push": ("bytes_to_push", "first_push"),
    "02-names": ("parse_reference", "names"),
    "04-tagging": ("release_tags", "tagging"),
    "09-scanning": ("gate", "scanning"),
}
MODULES = {slug: importlib.import_module(f"tests.checks.code_tasks.{name}") for slug, (_, name) in TABLES.items()}


@cache
def drawn(slug: str, number: int) -> tuple[dict[str, Any], list[Case], list[Case]]:
    """A student's values, visible cases and hidden ones."""
    lab, task = manifest.find(slug), TABLES[slug][0]
    values = lab.drawn(seeded_random.seed(b"tables", "student", str(number), slug))
    grading = SeededRandom(seeded_random.seed(b"tables", "grading", str(number), slug))
    return values, live.visible_cases(lab, values)[task], hidden.cases(lab, grading, values)[task]


@cache
def compiled(cell: str) -> CodeType:
    return compile(cell, "<task>", "exec")


def wrong_for(slug: str, body: str, number: int, cases: list[Case], at_most: int = 1_000) -> list[str]:
    """The kinds of the cases that a solution gets wrong; no more than ``at_most``. It is run as the runner runs it."""
    module, task = MODULES[slug], TABLES[slug][0]
    names = getattr(module, "NAMES", "").format_map(drawn(slug, number)[0])
    cell = names + code_tasks.source(module.SIGNATURE, body)
    space = runner.fresh()
    exec(compiled(cell), space)
    return failing_cases(space[task], cases, at_most)


def failing_cases(function: Any, cases: list[Case], at_most: int = 1_000) -> list[str]:
    """The kinds of the cases that a function gets wrong, no more than ``at_most``."""
    found = []
    for case in cases:
        outcome = runner.call(function, json.loads(json.dumps(case.args)))
        if not CaseResult.model_construct(case=case, **outcome).correct:
            found.append(case.kind)
            if len(found) == at_most:
                break
    return found


def applies(slug: str, words: str, number: int) -> bool:
    """Whether something is a mistake by the values of a student."""
    needs = getattr(MODULES[slug], "NEEDS", {})
    return words not in needs or needs[words](drawn(slug, number)[0])


@pytest.mark.parametrize("slug", TABLES)
def test_what_is_right_passes_every_case(slug: str) -> None:
    failing: list[tuple[str, int, str]] = []
    for words, body in MODULES[slug].RIGHT.items():
        for number in SEEDS:
            _, visible, secret = drawn(slug, number)
            failing += [(words, number, kind) for kind in wrong_for(slug, body, number, visible + secret)]
    assert failing == []


@pytest.mark.parametrize("slug", TABLES)
def test_the_labs_own_solution_is_right(slug: str) -> None:
    task = TABLES[slug][0]
    master = manifest.find(slug).source.master.read_text(encoding="utf-8")
    cell = master.partition(f'tags=["task:{task}"]\n')[2].partition("\n# %%")[0]
    for number in SEEDS:
        values, visible, secret = drawn(slug, number)
        space = runner.fresh()
        exec(cell.replace("me._spec", repr(values.get("_spec"))), space)
        assert failing_cases(space[task], visible + secret) == []


@pytest.mark.parametrize("slug", TABLES)
def test_what_is_wrong_fails_a_hidden_case(slug: str) -> None:
    module, passing = MODULES[slug], []
    for words, wrong in module.WRONG.items():
        body = code_tasks.written(module.RIGHT, wrong)
        for number in SEEDS:
            if applies(slug, words, number) and not wrong_for(slug, body, number, drawn(slug, number)[2], at_most=1):
                passing.append((words, number))
    assert passing == []


def test_the_tables_are_long_enough() -> None:
    assert set(TABLES) == {slug for slug in manifest.slugs() if manifest.find(slug).tasks}
    for module in MODULES.values():
        assert len(module.RIGHT) >= 5 and len(module.WRONG) >= 20


@pytest.mark.parametrize("slug", TABLES)
def test_whoever_has_the_first_version_is_judged_by_its_cases(slug: str) -> None:
    lab, task = manifest.find(slug), TABLES[slug][0]
    values, _, secret = drawn(slug, 0)
    grading = SeededRandom(seeded_random.seed(b"tables", "grading", "0", slug))
    first = {case.kind for case in hidden.cases(lab.at(1), grading, values)[task]}
    since = hidden.load_module(lab.source.hidden, "since").SINCE
    assert since and {case.kind for case in secret} - first == set(since)
