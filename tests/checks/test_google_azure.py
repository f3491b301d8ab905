"""Lab 07's checks: right in several ways, and each way to be wrong with the message it must get."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest

from autograder.checks.api import Verdict
from autograder.checks.google_azure import checks as lab07
from autograder.checks.shared.seeded_random import SeededRandom
from autograder.evidence.model import Service
from autograder.labs import hidden, manifest
from tests.evidence import emulator_states as states

from .pushed import Registry, text_layer
from .solved import evidence, failed, verdicts

LAB = manifest.find("07-google-azure")
P: dict[str, Any] = {
    "team": "heron-1a2b3",
    "project": "shop-1a2b3",
    "location": "europe-west4",
    "repository": "heron-1a2b3/ml-model",
    "version": "2.3.0",
    "old_names": [
        "gcr.io/shop-1a2b3/ml-model:2.3.0",
        "us.gcr.io/data-9f/tokenizer:4.0",
        f"asia.gcr.io/data-9f/features@sha256:{'0a' * 32}",
        "eu.gcr.io/shop-1a2b3/heron/ranker:2.1.0",
        "eu.gcr.io/data-9f/heron-base:2026-11",
    ],
    "new_repository": "images",
    "prefix": "exp-",
    "days": 30,
    "untagged_days": 7,
    "newest": 3,
    "token": "edge-0001",
}
NEW = [
    "us-docker.pkg.dev/shop-1a2b3/images/ml-model:2.3.0",
    "us-docker.pkg.dev/data-9f/images/tokenizer:4.0",
    f"asia-docker.pkg.dev/data-9f/images/features@sha256:{'0a' * 32}",
    "europe-docker.pkg.dev/shop-1a2b3/images/heron/ranker:2.1.0",
    "europe-docker.pkg.dev/data-9f/images/heron-base:2026-11",
]
NAME, GOOGLE = P["repository"], "shop-1a2b3/models/ml-model"
PURGE = f"acr purge --filter '{NAME}:^exp-[0-9]+$' --ago 30d --untagged"
READ = f"repositories/{NAME}/content/read"


def entry(name: str, kind: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "action": {"type": kind}} | more


def when(state: str, **more: Any) -> dict[str, Any]:
    return {"condition": {"tagState": state, **more}}


BUILDS = entry("builds", "Delete", **when("tagged", tagPrefixes=["exp-"], olderThan="30d"))
UNTAGGED = entry("untagged", "Delete", **when("untagged", olderThan="7d"))
CANDIDATES = entry("candidates", "Keep", **when("tagged", tagPrefixes=["candidate-"]))
NEWEST = entry("newest", "Keep", mostRecentVersions={"keepCount": 3})


class World:
    """What a student left: images and settings in both clouds, and answers."""

    def __init__(self, form: Any = "docker20") -> None:
        self.google, self.azure = Registry(form), Registry(form)
        for registry, name in ((self.google, GOOGLE), (self.azure, NAME)):
            self.push(registry, name)
        self.models: dict[str, Any] = {"immutableTags": True}
        self.dev: dict[str, Any] = {"cleanupPolicies": [BUILDS, UNTAGGED, CANDIDATES, NEWEST]}
        self.locked: dict[str, Any] = {"2.3.0": {"writeEnabled": False}}
        self.by_digest: dict[str, Any] = {}
        self.whole: dict[str, Any] = {}
        self.token: dict[str, Any] = {}
        self.answers: dict[str, Any] = {"new_names": NEW, "purge": PURGE}
        self.missing: set[str] = set()

    def push(self, registry: Registry, name: str, tag: str = "2.3.0", owner: str = "heron-1a2b3", **more: str) -> None:
        labels = {lab07.OWNER_LABEL: owner} if owner else {}
        registry.push(name, tag, [text_layer({"greeting.txt": "hello"})], labels | more)

    def _service(self, service: str, registry: Registry, name: str, settings: dict[str, Any]) -> Service:
        held = registry.service(name, layers="all").repositories
        named = {key: one.model_copy(update={"service": service}) for key, one in held.items()}
        return Service(repositories=named, settings=settings, catalog=tuple(sorted(registry.manifests)))

    def services(self) -> dict[str, Service]:
        google = states.state(lab07.GOOGLE, GOOGLE)
        common = {
            "location": "europe-west4",
            "format": "DOCKER",
            "mode": "STANDARD_REPOSITORY",
            "immutableTags": False,
            "createTime": states.NOW,
            "cleanupPolicies": [],
            "cleanupPolicyDryRun": False,
            "packages": [],
        }
        google["settings"] = [
            {"name": f"shop-1a2b3/{name}"} | common | more
            for name, more in (("models", self.models), ("dev", self.dev))
            if name not in self.missing
        ]
        azure = states.state(lab07.AZURE)
        image = states.image(*self.azure.tags[NAME])
        for tag in image["tags"]:
            tag["attributes"] = self.locked.get(tag["name"], {})
        image["attributes"] = self.by_digest
        azure["repositories"] = [states.repository(NAME, image, **self.whole)]
        token = {
            "name": "edge-0001",
            "scopeMap": "edge-0001-scope-map",
            "actions": [READ],
            "created": "2026-11-02T08:00:00.000000Z",
            "expires": "2026-12-02T08:00:00.000000Z",
            "expired": False,
        }
        azure["tokens"] = [] if "token" in self.missing else [token | self.token]
        return {
            lab07.GOOGLE: self._service(lab07.GOOGLE, self.google, GOOGLE, google),
            lab07.AZURE: self._service(lab07.AZURE, self.azure, NAME, azure),
        }

    def judge(self, origin: str = "live", probes: dict[str, Any] | None = None) -> dict[str, Verdict]:
        made = evidence(LAB, P, services=self.services(), answers=self.answers, origin=origin, probes=probes)
        return verdicts(LAB, made)

    def graded(self, seed: str = "seed") -> dict[str, Verdict]:
        return self.judge("submission", {"hidden": hidden.values(LAB, SeededRandom(seed), P)})


def all_passed(judged: dict[str, Verdict]) -> bool:
    return {verdict.status for verdict in judged.values()} == {"passed"}


@pytest.mark.parametrize("form", ["docker20", "docker29"])
def test_everything_is_right_whichever_engine_pushed(form):
    assert all_passed(World(form).judge()) and all_passed(World(form).graded())


def test_other_words_for_the_same_are_right_too():
    world = World()
    seconds = {"condition": {"tagState": "TAGGED", "tagPrefixes": ["exp-"], "olderThan": f"{30 * 86400}s"}}
    world.dev["cleanupPolicies"] = [NEWEST, CANDIDATES, UNTAGGED, entry("b", "DELETE", **seconds)]
    world.answers["purge"] = f"acr purge --untagged --ago 720h --filter '{NAME}:^exp-\\d+$'"
    world.answers["new_names"] = [f" {name} " for name in NEW]
    world.token = {"expires": "2026-11-03T08:00:00.000000Z"}
    world.locked["2.3.0"] = {"writeEnabled": False, "deleteEnabled": False}
    assert all_passed(world.graded())


def test_a_policy_in_more_entries_and_a_purge_in_az_acr_run_are_right_too():
    world = World()
    ancient = entry("ancient", "Delete", **when("tagged", tagPrefixes=["exp-"], olderThan="365d"))
    short = entry("one", "Keep", mostRecentVersions={"keepCount": 1})
    world.dev["cleanupPolicies"] = [BUILDS, ancient, UNTAGGED, CANDIDATES, NEWEST, short]
    world.answers["purge"] = f'az acr run --registry mlregistry --cmd "{PURGE}" /dev/null'
    assert all_passed(world.graded())


def test_in_the_words_of_other_flags_and_classes_it_is_right_too():
    world = World()
    longer = {**NEWEST, "mostRecentVersions": {"keepCount": 3, "packageNamePrefixes": []}}
    world.dev["cleanupPolicies"] = [CANDIDATES, longer, UNTAGGED, BUILDS]
    world.answers["purge"] = f"acr purge -f {NAME}:^(exp-)[[:digit:]]{{1,}}$ --ago=29d24h --untagged=true --keep=0"
    assert all_passed(world.graded())


@pytest.mark.parametrize("seed", [f"seed {n}" for n in range(12)])
def test_the_right_policies_are_right_on_every_hidden_fleet(seed):
    assert all_passed(World().graded(seed))


def test_without_hidden_fleets_the_policies_of_a_submission_are_not_graded():
    judged = World().judge("submission", {"hidden": {"fault": "no"}})
    assert [judged[id].status for id in ("cleanup-policy", "purge", "token")] == ["not_graded", "not_graded", "passed"]


def test_the_tags_of_the_own_fleet_alone_are_refused_in_the_notebook_too():
    world = World()
    fleet = lab07.fleets.azure(SeededRandom("heron-1a2b3 azure"), P)
    seen = "|".join(tag for one in fleet for tag in one.gone if tag)
    world.answers["purge"] = f"acr purge --filter '{NAME}:^({seen})$' --ago 30d --untagged"
    found = f"An image with the tag exp-0, 30.5 days old, in {NAME}, would keep its tag."
    for judged in (world.judge(), world.graded()):
        failed(judged["purge"], found)


def test_of_a_hidden_fleet_only_the_kind_of_image_is_told():
    secret = lab07.fleets.Entry("an old build", NAME, ("exp-99",), 40.0, ("exp-99",))
    assert lab07._named(secret, "a fleet that you have not seen") == "In a fleet that you have not seen, an old build"


# -- the image and its lock ------------------------------------------------------------------------------------------


def test_two_builds_are_two_images():
    world = World()
    world.push(world.azure, NAME, cloud="azure")
    digests = [registry.tags[name]["2.3.0"][:19] for registry, name in ((world.google, GOOGLE), (world.azure, NAME))]
    failed(world.judge()["same-image"], f"It is {digests[0]}… in Artifact Registry and {digests[1]}… in ACR.")


def test_the_label_and_the_tag():
    world = World()
    world.push(world.google, GOOGLE, owner="")
    failed(world.judge()["same-image"], "The label says nothing: it is not there.")
    world.push(world.google, GOOGLE, owner="someone")
    failed(world.judge()["same-image"], "The label says someone.")
    world = World()
    world.azure.tags[NAME] = {"latest": world.azure.tags[NAME]["2.3.0"]}
    failed(world.judge()["same-image"], "The repository has the tag latest.")


def test_the_repository_of_google():
    world = World()
    world.missing = {"models", "dev"}
    failed(world.judge()["same-image"], "It is not there.")
    world.missing = {"dev"}
    failed(world.judge()["cleanup-policy"], "It is not there, but shop-1a2b3/models is.")
    world = World()
    world.models["location"] = "us-east1"
    failed(world.judge()["same-image"], "It lies in us-east1.")


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"models": {"immutableTags": False}}, "They can: the repository has no immutable tags."),
        ({"locked": {}}, "No tag is locked."),
        ({"locked": {}, "by_digest": {"writeEnabled": False}},
         "The image is locked by its digest, and the tag can still move to another one."),
        ({"locked": {"2.3.0": {"deleteEnabled": False}}}, "It cannot be deleted, but it can be overwritten."),
        ({"whole": {"writeEnabled": False}},
         "The whole repository is locked, so the next release cannot be pushed either."),
    ],
)  # fmt: skip
def test_the_lock(change, found):
    world = World()
    vars(world).update(change)
    failed(world.judge()["lock"], found)


def test_another_tag_locked():
    world = World()
    world.push(world.azure, NAME, "2.2.0")
    world.locked = {"2.2.0": {"writeEnabled": False}}
    failed(world.judge()["lock"], "The tag 2.2.0 is locked instead.")


# -- names -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "name", "found"),
    [
        (0, "gcr.io/shop-1a2b3/images/ml-model:2.3.0", "the host is still gcr.io, which takes no writes any more."),
        (0, "localhost:5004/shop-1a2b3/images/ml-model:2.3.0",
         "that is the emulator's address, and Google's is asked for."),
        (0, "europe-docker.pkg.dev/shop-1a2b3/images/ml-model:2.3.0",
         "the host is europe-docker.pkg.dev, and the old host's images lie elsewhere."),
        (0, "us-docker.pkg.dev/shop-1a2b3/ml-model:2.3.0", "the repository is missing between project and image."),
        (1, "us-docker.pkg.dev/shop-1a2b3/images/tokenizer:4.0", "the project is shop-1a2b3."),
        (1, "us-docker.pkg.dev/data-9f/gcr.io/tokenizer:4.0", "the repository is gcr.io."),
        (3, "europe-docker.pkg.dev/shop-1a2b3/images/ranker:2.1.0", "the image is ranker."),
        (2, "asia-docker.pkg.dev/data-9f/images/features:1.0", "the digest is missing."),
        (4, "europe-docker.pkg.dev/data-9f/images/heron-base:2026-12", "the tag is 2026-12."),
    ],
)  # fmt: skip
def test_a_wrong_name(number, name, found):
    world = World()
    world.answers["new_names"] = [*NEW[:number], name, *NEW[number + 1 :]]
    failed(world.judge()["names"], f"For {P['old_names'][number]}: {found}")


def test_names_of_another_form():
    world = World()
    world.answers["new_names"] = NEW[:4]
    failed(world.judge()["names"], "You recorded 4 values.")
    world.answers["new_names"] = "\n".join(NEW)
    failed(world.judge()["names"], "You recorded no list.")


# -- policies --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"cleanupPolicies": []}, "It has none."),
        ({"cleanupPolicyDryRun": True}, "The policy is set as a dry run: it only writes a log."),
        ({"immutableTags": True}, "The repository has immutable tags, so no image that has a tag can be deleted."),
    ],
)
def test_a_policy_that_does_not_run(change, found):
    world = World()
    world.dev |= change
    failed(world.judge()["cleanup-policy"], found)


def builds(prefix: str = "exp-", days: int = 30, state: str = "tagged") -> dict[str, Any]:
    return entry("builds", "Delete", **when(state, tagPrefixes=[prefix], olderThan=f"{days}d"))


def untagged(days: int) -> dict[str, Any]:
    return entry("untagged", "Delete", **when("untagged", olderThan=f"{days}d"))


def newest(count: int, *packages: str) -> dict[str, Any]:
    more = {"packageNamePrefixes": list(packages)} if packages else {}
    return entry("newest", "Keep", mostRecentVersions={"keepCount": count, **more})


WIDE = entry("builds", "Delete", **when("any", olderThan="30d"))
LOOSE = entry("candidates", "Keep", **when("tagged", tagPrefixes=["candidate"]))
KEPT = entry("candidates", "Keep", **when("tagged", tagPrefixes=["candidate-", "exp-"]))
YOUNG = entry("young", "Keep", **when("any", newerThan="30d"))
OLD_BUILD = "an old build|an old build with a second tag|an old build whose second tag only looks like a candidate's"
GIVEN_UP = "one of the newest 3 of a package that is no longer built"
WRONG_POLICIES = [
    ([BUILDS, UNTAGGED, NEWEST], "an old build that is a candidate",
     "go: Delete policy builds matches, and no Keep policy does", 3),
    ([BUILDS, UNTAGGED, CANDIDATES], GIVEN_UP, "go: Delete policy (builds|untagged) matches, and no Keep policy does",
     4),
    ([BUILDS, UNTAGGED, CANDIDATES, newest(2)], GIVEN_UP,
     "go: Delete policy (builds|untagged) matches, and no Keep policy does", 4),
    ([BUILDS, UNTAGGED, CANDIDATES, newest(3, "ml-model")], GIVEN_UP,
     "go: Delete policy (builds|untagged) matches, and no Keep policy does", 4),
    ([BUILDS, UNTAGGED, CANDIDATES, newest(4)], "an old build|an old untagged image",
     "stay: Keep policy newest beats Delete policy (builds|untagged)", "[12]"),
    ([BUILDS, CANDIDATES, NEWEST], "an old untagged image", "stay: no Delete policy matches this image", 2),
    ([UNTAGGED, CANDIDATES, NEWEST], OLD_BUILD, "stay: no Delete policy matches this image", 1),
    ([builds(days=31), UNTAGGED, CANDIDATES, NEWEST], "an old build", "stay: no Delete policy matches this image", 1),
    ([builds(days=29), UNTAGGED, CANDIDATES, NEWEST], "a build that is not old enough",
     "go: Delete policy builds matches, and no Keep policy does", 1),
    ([BUILDS, untagged(8), CANDIDATES, NEWEST], "an old untagged image", "stay: no Delete policy matches this image",
     2),
    ([BUILDS, untagged(6), CANDIDATES, NEWEST], "an untagged image that is not old enough",
     "go: Delete policy untagged matches, and no Keep policy does", 2),
    ([WIDE, UNTAGGED, CANDIDATES, NEWEST],
     "an old release|an old image of another kind|an old image whose tag only looks like a build's",
     "go: Delete policy builds matches, and no Keep policy does", 5),
    ([builds("exp"), UNTAGGED, CANDIDATES, NEWEST], "an old image whose tag only looks like a build's",
     "go: Delete policy builds matches, and no Keep policy does", 5),
    ([BUILDS, UNTAGGED, LOOSE, NEWEST], "an old build whose second tag only looks like a candidate's",
     "stay: Keep policy candidates beats Delete policy builds", 1),
    ([BUILDS, UNTAGGED, KEPT, NEWEST], OLD_BUILD, "stay: Keep policy candidates beats Delete policy builds", 1),
    ([BUILDS, UNTAGGED, CANDIDATES, NEWEST, YOUNG], "an old untagged image",
     "stay: Keep policy young beats Delete policy untagged", 2),
    ([CANDIDATES, NEWEST], f"{OLD_BUILD}|an old untagged image", "stay: no Delete policy matches this image", "[12]"),
]  # fmt: skip


@pytest.mark.parametrize(("policies", "what", "would", "sentence"), WRONG_POLICIES)
def test_a_policy_that_takes_the_wrong_images(policies, what, would, sentence):
    world = World()
    world.dev["cleanupPolicies"] = policies
    verdict = world.judge()["cleanup-policy"]
    failed(verdict, verdict.found)
    assert re.fullmatch(rf"In your fleet, ({what}) \([^()]*\) would {would}\.", verdict.found), verdict.found
    assert re.match(f"Sentence {sentence} of the task", verdict.next_step), verdict.next_step


FIT = "acr purge --filter '{}' --ago 30d --untagged"
OTHER_TAGS = (
    "an old candidate|an old build with a patch number|an old build by its commit|an old image in capitals|"
    "an old image with nothing behind the prefix|an old image of another kind"
)
ENDS, COLON, AGO = "The expression matches anywhere", "What stands before the colon", "--ago says how old"
WRONG_PURGES = [
    (FIT.format(f"{NAME}:exp-.*"), OTHER_TAGS, "lose a tag that must stay", ENDS),
    (FIT.format(f"{NAME}:^exp-[0-9]+"), OTHER_TAGS, "lose a tag that must stay", ENDS),
    (FIT.format(f"{NAME}:exp-[0-9]+$"), "an old image of another kind", "lose a tag that must stay", ENDS),
    (FIT.format(f"{NAME}:^exp-\\w+$"), "an old build by its commit", "lose a tag that must stay", ENDS),
    (FIT.format(f"{NAME}:^exp-[0-9]*$"), "an old image with nothing behind the prefix", "lose a tag that must stay",
     ENDS),
    (FIT.format(f"{NAME}:^exp-[0-9.]+$"), "an old build with a patch number", "lose a tag that must stay", ENDS),
    (FIT.format(f"{NAME}:(?i)^exp-[0-9]+$"), "an old image in capitals", "lose a tag that must stay", ENDS),
    (FIT.format(f"{NAME}:^exp-?[0-9]+$"), "an old image of another kind", "lose a tag that must stay", ENDS),
    (FIT.format(f"{NAME}:^exp-[0-9]{{3}}$"), "an old build|an old build that is in production", "keep its tag",
     "What stands behind the colon has to fit"),
    (FIT.format(f"{NAME}:^exp-[0-9]$"), "an old build|an old build that is in production", "keep its tag",
     "What stands behind the colon has to fit"),
    (FIT.format(".*:^exp-[0-9]+$"), "an old build in another repository|an old image without a tag in another repos"
     "itory", "(lose a tag that must stay|go)", COLON),
    (FIT.format(f".*{NAME}:^exp-[0-9]+$"), "an old build in another repository", "lose a tag that must stay", COLON),
    (FIT.format(f"{NAME}.*:^exp-[0-9]+$"), "an old build in another repository", "lose a tag that must stay", COLON),
    (FIT.format("ml-model:^exp-[0-9]+$"), "an old .*", "(keep its tag|stay)", COLON),
    (PURGE.replace("30d", "31d"), "an old build|an old image without a tag", "(keep its tag|stay)", AGO),
    (PURGE.replace("30d", "29d"), ".* that is not old enough", "(lose a tag that must stay|go)", AGO),
    (f"{PURGE} --include-locked", "an old build that is locked", "lose a tag that must stay", "What is locked stays"),
    (f"{PURGE} --keep 2", "an old .*", "(keep its tag|stay|lose its tag and stay as an image without one)",
     "--keep spares the newest"),
    (PURGE.replace("--untagged", "--untagged-only"), "an old build.*", "keep its tag", "--untagged-only leaves"),
    (PURGE.removesuffix(" --untagged"), "an old .*", "(stay|lose its tag and stay as an image without one)",
     "Without --untagged"),
]  # fmt: skip


@pytest.mark.parametrize(("command", "what", "would", "next_step"), WRONG_PURGES)
def test_a_purge_that_takes_the_wrong_images(command, what, would, next_step):
    world = World()
    world.answers["purge"] = command
    verdict = world.judge()["purge"]
    failed(verdict, verdict.found)
    assert re.fullmatch(rf"In your fleet, ({what}) \([^()]*\) would {would}\.", verdict.found), verdict.found
    assert verdict.next_step.startswith(next_step), verdict.next_step


@pytest.mark.parametrize("seed", ["seed 0", "seed 1"])
@pytest.mark.parametrize("number", range(3))
def test_each_wrong_policy_is_wrong_on_every_hidden_fleet(seed, number, monkeypatch):
    drawn, world = hidden.values(LAB, SeededRandom(seed), P), World()
    assert isinstance(drawn, dict)

    def alone(e: Any, kind: str) -> list[tuple[str, list[lab07.Entry]]]:
        return [("a fleet", lab07.fleets.unpacked(drawn[kind][number]))]

    monkeypatch.setattr(lab07, "_held_against", alone)
    assert all_passed(world.judge())
    for policies, *_ in WRONG_POLICIES:
        world.dev["cleanupPolicies"] = policies
        assert world.judge()["cleanup-policy"].status == "failed", policies
    for command, *_ in WRONG_PURGES:
        world.answers["purge"] = command
        assert world.judge()["purge"].status == "failed", command


def test_hidden_fleets_differ_in_what_a_policy_could_have_learned():
    drawn = hidden.values(LAB, SeededRandom("seed"), P)
    assert isinstance(drawn, dict)
    for kind in ("google", "azure"):
        seen = [{tag for one in lab07.fleets.unpacked(fleet) for tag in one.tags} for fleet in drawn[kind]]
        assert set.intersection(*seen) <= {"exp-", "prod"}
    packages = [{one["repository"] for one in fleet} for fleet in drawn["google"]]
    assert len(set.union(*packages)) > 3


@pytest.mark.parametrize("kind", ["?=", "?!", "?<=", "?<!"])
@pytest.mark.parametrize("depth", [5, 6, 50])
def test_a_purge_with_look_arounds_in_look_arounds_is_judged_at_once(kind, depth):
    world = World()
    world.answers["purge"] = FIT.format(f"{NAME}:" + f"({kind}.*" * depth + "x" + ")" * depth)
    began = time.process_time()
    assert world.graded()["purge"].status == "failed"
    assert time.process_time() - began < 3


def test_a_purge_that_is_none():
    world = World()
    world.answers["purge"] = f"{PURGE} --dry-run"
    failed(world.judge()["purge"], "With --dry-run it only lists what it would remove.")
    world.answers["purge"] = "acr purge"
    failed(world.judge()["purge"], "It cannot be used: --filter is missing; --ago is missing.")
    world.answers["purge"] = PURGE + f" --filter '{NAME}:^exp-1$'" * 100
    failed(world.judge()["purge"], f"Your text has {len(world.answers['purge'])} characters.")
    world.answers["purge"] = ["acr", "purge"]
    failed(world.judge()["purge"], "You recorded a value of type list.")
    world.answers["purge"] = '{"retentionPolicy": {"status": "enabled", "days": 30}}'
    failed(world.judge()["purge"], "That is no purge.")


# -- the token -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"name": "edge"}, "There is none of that name, but edge."),
        ({"actions": ["repositories/*/content/read"]},
         "repositories/*/content/read covers more repositories than one."),
        ({"actions": []}, f"It has no action, so it cannot pull {NAME}."),
        ({"actions": [READ, f"repositories/{NAME}/content/write"]},
         f"It also has repositories/{NAME}/content/write."),
        ({"actions": [f"repositories/{NAME}/metadata/read"]},
         f"It has repositories/{NAME}/metadata/read, so it cannot pull {NAME}."),
        ({"expires": ""}, "Its password never ends."),
        ({"expires": "2026-11-03T08:00:00"}, "Its password never ends."),
        ({"expires": "2027-11-02T08:00:00.000000Z"}, "Its password is good for 365 days."),
    ],
)  # fmt: skip
def test_the_token(change, found):
    world = World()
    world.token = change
    failed(world.judge()["token"], found)


def test_no_token():
    world = World()
    world.missing = {"token"}
    failed(world.judge()["token"], "There is no token.")
