"""Lab 08's checks: policies that are right in several forms, and each way to be wrong with the message it must get."""

from __future__ import annotations

from typing import Any

import pytest

from autograder.checks.api import Verdict
from autograder.checks.lifecycle import checks as lifecycle
from autograder.checks.lifecycle import fleet as fleets
from autograder.checks.lifecycle import images as lifecycle_images
from autograder.checks.shared.seeded_random import SeededRandom
from autograder.evidence.model import Manifest, Repository, Service
from autograder.labs import hidden, manifest
from tests.evidence import emulator_states as states

from .solved import evidence, failed, verdicts

LAB = manifest.find("08-lifecycle")
P = fleets.parameters(SeededRandom("ab" * 32))
NAME = P["repository"]
FLEET = lifecycle_images.fleet(P)
DUE = sum(fleets.goes([built.entry for built in FLEET], P))
RIGHT = [next(letter for letter, text in P["causes"].items() if text == cause) for cause in fleets.CAUSES[:4]]


def rule(number: int, tags: list[str], *, count: int = 0, days: int = 0, key: str = "tagPatternList") -> dict[str, Any]:
    """A rule on tags (on untagged images without any), that counts or goes by age."""
    selection: dict[str, Any] = {"tagStatus": "tagged", key: tags} if tags else {"tagStatus": "untagged"}
    selection |= (
        {"countType": "sinceImagePushed", "countUnit": "days", "countNumber": days}
        if days
        else {"countType": "imageCountMoreThan", "countNumber": count}
    )
    return {"rulePriority": number, "selection": selection, "action": {"type": "expire"}}


DEPLOYED = rule(10, [P["deployed"] + "*"], count=1000)
RELEASES = rule(20, [P["release"] + "*"], count=P["newest"])
CANDIDATES = rule(30, [P["candidate"] + "*"], days=P["candidate_days"])
BUILDS = rule(40, [P["build"] + "*"], days=P["build_days"])
UNTAGGED = rule(50, [], days=P["untagged_days"])
POLICY = [DEPLOYED, RELEASES, CANDIDATES, BUILDS, UNTAGGED]


class World:
    """What a student left: the repository thirty days later, its policy, the answers."""

    def __init__(self, rules: list[dict[str, Any]] | None = None) -> None:
        self.policy: dict[str, Any] | None = {"rules": POLICY if rules is None else rules}
        self.name, self.evaluated, self.archived = NAME, states.NOW, set[str]()
        goes = fleets.goes([built.entry for built in FLEET], P, later=fleets.AFTER)
        self.there = {d for built, gone in zip(FLEET, goes, strict=True) if not gone for d in built.digests}
        sizes = {part.digest: part.size for built in FLEET for part in built.manifests}
        self.saved = sum(size for digest, size in sizes.items() if digest not in self.there)
        self.rest = sum(sizes.values()) - self.saved
        self.answers: dict[str, Any] = {
            "takes": {tag: lifecycle._inherited_results(P)[tag] for tag in P["suspects"]},
            "causes": list(RIGHT),
            "left": len(self.there),
            "saved": self.saved,
        }

    def judge(self, origin: str = "live", probes: dict[str, Any] | None = None) -> dict[str, Verdict]:
        held = Repository.model_validate(
            {
                "service": "ecr",
                "name": NAME,
                "layers": "none",
                "tags": {tag: b.digests[0] for b in FLEET if b.digests[0] in self.there for tag in b.entry.tags},
                "manifests": {
                    part.digest: Manifest(media_type=part.media_type, text=part.content.decode())
                    for built in FLEET
                    for part in built.manifests
                    if part.digest in self.there
                },
            }
        )
        images = [
            states.ecr_image(digest=digest, status="ARCHIVED" if digest in self.archived else "ACTIVE")
            for digest in sorted(self.there)
        ]
        settings = states.state("ecr")
        more = {"lifecyclePolicy": self.policy, "lifecycleEvaluatedAt": self.evaluated}
        settings["repositories"] = {self.name: states.ecr_repository(self.name, *images, **more)}
        service = Service(repositories={NAME: held} if self.there else {}, settings=settings, catalog=(NAME,))
        made = evidence(LAB, P, services={"ecr": service}, answers=self.answers, origin=origin, probes=probes)
        return verdicts(LAB, made)


def prefixes() -> list[dict[str, Any]]:
    """Prefixes, a protection by age, the rule for untagged images first."""
    key = "tagPrefixList"
    return [
        rule(1, [], days=P["untagged_days"]),
        rule(9, [P["build"]], days=P["build_days"], key=key),
        rule(7, [P["candidate"]], days=P["candidate_days"], key=key),
        rule(4, [P["release"]], count=P["newest"], key=key),
        rule(2, [P["deployed"]], days=36500, key=key),
    ]


def backwards() -> list[dict[str, Any]]:
    """Written from the last rule to the first; the priorities decide."""
    return [DEPLOYED | {"rulePriority": 1}, *POLICY[1:]][::-1]


@pytest.mark.parametrize("rules", [lambda: POLICY, prefixes, backwards], ids=["patterns", "prefixes", "backwards"])
def test_right_policies_of_several_forms(rules):
    probe = {"hidden": hidden.values(LAB, SeededRandom("cd" * 32), P)}
    assert {verdict.status for verdict in World(rules()).judge("submission", probe).values()} == {"passed"}
    assert {verdict.status for verdict in World(rules()).judge().values()} == {"passed"}


def test_without_the_hidden_fleets_nothing_is_said():
    assert World().judge("submission")["other-fleets"].status == "not_graded"
    assert World().judge("submission", {"hidden": {"fault": "no"}})["other-fleets"].status == "not_graded"


# -- the policy ------------------------------------------------------------------------------------------------------


def test_no_policy_of_the_students_own():
    world = World()
    world.policy = None
    failed(world.judge()["valid"], "The repository has no lifecycle policy.")
    world.policy = fleets.inherited(P)
    failed(world.judge()["valid"], "The inherited policy is still there.")
    world.policy = {"rules": [rule | {"description": "mine"} for rule in fleets.inherited(P)["rules"]][::-1]}
    failed(world.judge()["valid"], "The inherited policy is still there.")
    world.name = "another/one"
    failed(world.judge()["valid"], "No such repository is there.")


def test_a_policy_that_ecr_would_refuse():
    verdict = World([*POLICY, {**BUILDS, "rulePriority": 10}]).judge()["valid"]
    failed(verdict, verdict.found)
    assert verdict.found.startswith("ECR would refuse it: ")


def test_builds_before_releases():
    verdict = World([*POLICY[:3], {**BUILDS, "rulePriority": 15}, UNTAGGED]).judge()["spares"]
    failed(verdict, "It takes 1 that must stay, of 1 kind.")
    assert any("with a build's tag" in cell for row in verdict.table for cell in row)


def test_a_policy_that_deletes_nothing():
    found = f"It spares everything that must stay, but also most of what must go: of {DUE} images it takes 0."
    failed(World([DEPLOYED]).judge()["spares"], found)


def test_a_list_that_asks_for_all_of_its_patterns_is_named():
    both = rule(30, [P["candidate"] + "*", P["build"] + "*"], days=P["build_days"])
    verdict = World([DEPLOYED, RELEASES, both, UNTAGGED]).judge()["spares"]
    assert verdict.next_step.startswith(
        f"Rule 30 sees no image: there are no images tagged with both {P['candidate']}* and {P['build']}*; a list of "
        "several entries asks for all of them on one image. "
    )
    listed = rule(10, sorted(t for b in FLEET for t in b.entry.tags if t.startswith(P["deployed"])), count=1000)
    assert "Rule 10 sees no image" in World([listed, *POLICY[1:]]).judge()["spares"].next_step


@pytest.mark.parametrize(
    "changed",
    [
        [rule(10, ["*" + P["deployed"] + "*"], count=1000), *POLICY[1:]],
        [DEPLOYED, rule(20, [P["release"] + "*.*"], count=P["newest"]), *POLICY[2:]],
        [DEPLOYED, rule(20, [P["release"] + "*.*.*"], count=P["newest"]), *POLICY[2:]],
        [rule(10, [P["deployed"] + "*"], count=3), *POLICY[1:]],
    ],
    ids=["deployed anywhere", "one dot", "two dots", "as many as today"],
)
def test_patterns_and_numbers_that_fit_the_own_fleet_alone(changed):
    verdicts = World(changed).judge()
    assert verdicts["clears"].status == "passed"
    assert verdicts["other-fleets"].status == "failed"


def test_candidates_forgotten():
    verdicts = World([DEPLOYED, RELEASES, BUILDS, UNTAGGED]).judge()
    assert verdicts["spares"].status == "passed"
    failed(verdicts["clears"], f"3 of {DUE} images do not go.")


def test_the_places_of_today_alone():
    tags = sorted({tag for b in FLEET for tag in b.entry.tags if tag.startswith(P["deployed"])})
    rules = [rule(n, [tag], count=10) for n, tag in enumerate(tags, 1)]
    verdicts = World([*rules, *POLICY[1:]]).judge()
    assert verdicts["clears"].status == "passed"
    deployed, days = P["deployed"], P["candidate_days"] + 0.5
    failed(
        verdicts["other-fleets"],
        f"An image with the tags {P['candidate']}7 and {deployed}7, {days} days old: by the requirement it stays, by "
        "your policy it goes by rule 30.",
    )


def test_a_number_of_days_that_fits_by_chance():
    verdicts = World([*POLICY[:3], {**rule(40, [P["build"] + "*"], days=P["build_days"] + 1)}, UNTAGGED]).judge()
    assert verdicts["clears"].status == "passed"
    failed(
        verdicts["other-fleets"],
        f"An image with the tag {P['build']}7, {P['build_days']}.5 days old: by the requirement it goes, by your "
        "policy it stays.",
    )


# -- the answers -----------------------------------------------------------------------------------------------------


def test_rules_that_take_something_else():
    world, first = World(), P["suspects"][0]
    right = world.answers["takes"]
    world.answers["takes"] = [1, 2]
    failed(world.judge()["inherited"], "You recorded a value of type list.")
    world.answers["takes"] = {tag: right[tag] for tag in P["suspects"][1:]}
    failed(world.judge()["inherited"], f"Your dict lacks {first}.")
    world.answers["takes"] = right | {first: "4"}
    failed(world.judge()["inherited"], f"For {first} you recorded a text.")
    world.answers["takes"] = right | {first: 99}
    failed(world.judge()["inherited"], f"5 of 6 are right; for {first} the preview says another.")


def test_causes_of_something_else():
    world = World()
    world.answers["causes"] = "abcd"
    failed(world.judge()["causes"], "You recorded something else than four letters.")
    world.answers["causes"] = ["z", *RIGHT[1:]]
    failed(world.judge()["causes"], "z is no letter of me.causes.")
    world.answers["causes"] = [RIGHT[1], RIGHT[0], *RIGHT[2:]]
    failed(world.judge()["causes"], "2 of the four fit.")


# -- thirty days later -----------------------------------------------------------------------------------------------


def test_what_is_left_is_not_right():
    world = World()
    kept = set(world.there)
    world.there = {digest for built in FLEET for digest in built.digests}
    verdict = world.judge()["applied"]
    failed(verdict, verdict.found)
    assert "images that have to go are still there." in verdict.found
    world.evaluated = None
    failed(world.judge()["applied"], "No night has passed since the repository was filled.")
    world.there = set()
    failed(world.judge()["applied"], "Nothing of your fleet is there.")
    lost = next(built for built in FLEET if set(built.digests) <= kept)
    for world.there, world.archived in ((kept - set(lost.digests), set()), (kept, set(lost.digests))):
        verdict = world.judge()["applied"]
        failed(verdict, verdict.found)
        assert verdict.found.startswith("1 images that have to stay are gone or archived.")


def test_numbers_that_are_something_else():
    world = World()
    world.answers["left"] = 7000
    failed(world.judge()["report"], "You recorded 7000.")
    tops = sum(built.digests[0] in world.there for built in FLEET)
    world.answers["left"] = tops
    failed(world.judge()["report"], f"{tops} are those of which no index speaks.")
    world.answers |= {"left": len(world.there), "saved": world.rest}
    failed(world.judge()["report"], "That is what is left, not what went.")
    world.answers["saved"] = world.saved + 1
    failed(world.judge()["report"], f"You recorded {world.saved + 1}.")
    gone = (b.manifests[0].size for b in FLEET if b.entry.index and b.digests[0] not in world.there)
    world.answers["saved"] = world.saved - sum(gone)
    failed(world.judge()["report"], "The indexes that went are not in it.")
