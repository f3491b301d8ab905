"""The cases for retention policies, and what it takes to run one."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from autograder.domain.retention import Image, InvalidPolicy, Preview, preview
from autograder.domain.retention.inputs import images_from

DATA = Path(__file__).parent / "data"
MOMENT = datetime(2026, 6, 1, 12, tzinfo=UTC)


def digest(name: str) -> str:
    """The digest of an image that goes by one letter: the letter's code, repeated."""
    return f"sha256:{ord(name):02x}" + f"{ord(name):02x}" * 31


@dataclass(frozen=True)
class Case:
    """One case: a policy, images, and what is expected of them; ``errors`` are paths of an invalid policy."""

    id: str
    dialect: str
    policy: str
    images: list[dict[str, Any]]
    raw: dict[str, Any]

    def read(self) -> list[Image]:
        return images_from(self.images, MOMENT)

    def run(self) -> Preview:
        return preview(self.dialect, self.policy, self.read(), MOMENT)

    def problems(self) -> list[str]:
        """What is not as expected; empty when all is."""
        try:
            outcome = self.run()
        except InvalidPolicy as problem:
            if "paths" not in self.raw:
                return [] if self.raw.get("invalid") else [f"{self.id}: unexpectedly invalid: {problem}"]
            found = sorted(error.path for error in problem.errors)
            return [] if found == sorted(self.raw["paths"]) else [f"{self.id}: errors at {found}"]
        if "paths" in self.raw or self.raw.get("invalid"):
            return [f"{self.id}: accepted, but it is invalid"]
        found_now = {result.digest: [str(result.action), result.rule] for result in outcome.results}
        problems = [
            f"{self.id}: {key}: expected {value}, found {found_now[key]}"
            for key, value in self.expected().items()
            if found_now[key] != value
        ]
        undecided = {result.digest for result in outcome.results if result.undecided}
        if not self.raw.get("ambiguous") and undecided != {digest(name) for name in self.raw.get("undecided", [])}:
            problems.append(f"{self.id}: undecided are {undecided}")
        removed = {result.digest: list(result.tags_removed) for result in outcome.results if result.tags_removed}
        if removed != {digest(name): tags for name, tags in self.raw.get("tags_removed", {}).items()}:
            problems.append(f"{self.id}: removed tags are {removed}")
        return problems

    def expected(self) -> dict[str, list[Any]]:
        """By digest: the action, and the rule; for AWS's own cases only the rule of what goes is given."""
        if "expected" in self.raw:
            return {digest(name): value for name, value in self.raw["expected"].items()}
        if self.raw.get("ambiguous"):
            return {}
        rules = self.raw["expected_rule"]
        kept = {result.digest: ["keep", result.rule] for result in self.run().results}
        return (
            kept
            | {key: ["expire", rules[key]] for key in self.raw["expected_expired"]}
            | {key: ["archive", rules[key]] for key in self.raw["expected_archived"]}
        )


def _by_letter(image: dict[str, Any]) -> dict[str, Any]:
    """An image of our own case files in the short form: letters become digests."""
    image = {"digest": digest(image["name"]), **image}
    if "manifest_list_of" in image:
        image["manifest_list_of"] = [digest(name) for name in image["manifest_list_of"]]
    if "subject" in image:
        image["subject"] = digest(image["subject"])
    return image


def _cases() -> Iterator[Case]:
    for raw in json.loads((DATA / "lifecycle_cases.json").read_text(encoding="utf-8"))["cases"]:
        yield Case(raw["id"], "ecr", json.dumps(raw["policy"]), raw["images"], raw)
    for name, dialect in (("ecr_more", "ecr"), ("gar", "gar"), ("acr", "acr")):
        document = json.loads((DATA / f"{name}_cases.json").read_text(encoding="utf-8"))
        for raw in [*document["cases"], *document["invalid"]]:
            policy = raw["policy"] if isinstance(raw["policy"], str) else json.dumps(raw["policy"])
            images = [_by_letter(image) for image in raw.get("images", [])]
            yield Case(f"{dialect}-{raw['id']}", dialect, policy, images, raw)


CASES = {case.id: case for case in _cases()}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that asks for ``case`` runs once for each case; with ``valid_case`` or ``invalid_case``, for those."""
    for name, wanted in (("case", None), ("valid_case", False), ("invalid_case", True)):
        if name in metafunc.fixturenames:
            chosen = [
                case
                for case in CASES.values()
                if wanted is None or bool(case.raw.get("invalid") or "paths" in case.raw) == wanted
            ]
            metafunc.parametrize(name, chosen, ids=lambda case: case.id)


@pytest.fixture(scope="session")
def failing_cases() -> Callable[[], list[str]]:
    """All cases at once: the ids of those that are not as expected, or that a broken rule makes crash."""

    def fails(case: Case) -> bool:
        try:
            return bool(case.problems())
        except (KeyError, TypeError, AttributeError):
            return True

    return lambda: [case.id for case in CASES.values() if fails(case)]


@pytest.fixture(scope="session")
def all_cases() -> dict[str, Case]:
    """The cases by id."""
    return CASES


@pytest.fixture(scope="session")
def now() -> datetime:
    """The time of evaluation that all cases share."""
    return MOMENT


@pytest.fixture(scope="session")
def digest_of() -> Callable[[str], str]:
    """The digest of an image that goes by one letter."""
    return digest
