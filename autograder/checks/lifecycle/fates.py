"""What a life-cycle policy does to a fleet, image by image, and how a message shows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from autograder.checks.lifecycle import fleet as fleets
from autograder.checks.lifecycle.fleet import Entry
from autograder.domain.retention import Action, ecr
from autograder.domain.retention.ecr_rules import Rule

NOW = datetime(2026, 11, 2, 8, tzinfo=UTC)  # ages are what counts; any moment does
ROUNDS = 8  # an index goes, then what was below it: two are enough, whatever the policy
ROWS = 10  # of a table in a message


@dataclass(frozen=True)
class Fate:
    """What a policy does to one image of a fleet (``does``, by ``rule``), and whether it should go."""

    entry: Entry
    goes: bool
    does: str
    rule: int | None

    @property
    def right(self) -> bool:
        """Whether the policy does what the requirement says."""
        return self.does == ("expire" if self.goes else "keep")

    @property
    def words(self) -> str:
        """What the policy does, for a table."""
        return {"keep": "stays", "expire": "goes", "archive": "is archived", "in part": "goes in part"}[self.does] + (
            f", rule {self.rule}" if self.rule is not None else ""
        )


def fates(rules: Sequence[Rule], fleet: Sequence[Entry], p: Mapping[str, Any]) -> list[Fate]:
    """Hold a policy against a fleet, night after night at one moment, until nothing more happens."""
    named = fleets.digests(fleet)
    images = fleets.images(fleet, named, NOW)
    acted: dict[str, tuple[Action, int | str | None]] = {}
    for _ in range(ROUNDS):
        results = {result.digest: result for result in ecr.evaluate(rules, images, NOW).results}
        acts = {digest: (r.action, r.rule) for digest, r in results.items() if r.action is not Action.KEEP}
        if not acts:
            break
        acted |= acts
        images = [
            replace(image, archived_class=True, archived=NOW) if image.digest in acts else image
            for image in images
            if acts.get(image.digest, (None,))[0] is not Action.EXPIRE
        ]
    decided = []
    for entry, digests, goes in zip(fleet, named, fleets.goes(fleet, p), strict=True):
        done = {str(acted[digest][0]) if digest in acted else "keep" for digest in digests}
        rule = acted.get(digests[0], (None, None))[1]
        decided.append(
            Fate(entry, goes, done.pop() if len(done) == 1 else "in part", rule if isinstance(rule, int) else None)
        )
    return decided


def idle(rules: Sequence[Rule], p: Mapping[str, Any]) -> str:
    """Of the first rule that sees no image of the student's own fleet, why; "" if each sees one."""
    fleet = fleets.visible(p)
    notes = ecr.evaluate(rules, fleets.images(fleet, fleets.digests(fleet), NOW), NOW).notes
    return next((f"{note[:1].upper()}{note[1:300]}. " for note in notes if "sees no image" in note), "")


def table(wrong: Sequence[Fate]) -> list[tuple[str, ...]]:
    """Images for a message, the youngest first, with a header row."""
    rows = [
        (
            ", ".join(fate.entry.tags) or "no tag",
            f"{fate.entry.days:.1f} days",
            fate.entry.what,
            "should go" if fate.goes else "should stay",
            fate.words,
        )
        for fate in sorted(wrong, key=lambda fate: fate.entry.days)
    ]
    more = [("…", "", f"{len(rows) - ROWS} more", "", "")] if len(rows) > ROWS else []
    return [("tags", "age", "what it is", "asked", "your policy"), *rows[:ROWS], *more]
