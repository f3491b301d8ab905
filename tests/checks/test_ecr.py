"""Lab 06's checks: right in several ways, and each way to be wrong with the message it must get."""

from __future__ import annotations

import json
from typing import Any

import pytest

from autograder.checks.api import Verdict
from autograder.checks.ecr import checks as ecr
from autograder.checks.shared.seeded_random import SeededRandom, seed
from autograder.evidence.model import Service
from autograder.labs import manifest
from autograder.oci import manifests
from tests.evidence import emulator_states as states

from .pushed import Registry, text_layer
from .solved import evidence, failed, verdicts

LAB = manifest.find("06-ecr")
NAME = "heron-1a2b/ml-model"
P: dict[str, Any] = {
    "team": "heron-1a2b",
    "repository": NAME,
    "releases": ["2.3.0", "2.3.1", "2.4.0"],
    "dev_tag": "dev-42",
    "partner": ecr.PARTNER,
    "account": "012345678901",
    "region": "eu-west-1",
}
ROLE, ROOT = f"arn:aws:iam::{ecr.ACCOUNT}:role/ci-role", f"arn:aws:iam::{ecr.PARTNER}:root"
RULE = {"scanFrequency": "SCAN_ON_PUSH", "repositoryFilters": [{"filter": "heron-1a2b/*", "filterType": "WILDCARD"}]}
FILTERS = [{"filterType": "WILDCARD", "filter": tag} for tag in ("latest", "dev-*")]
REFUSAL = {
    "number": 1,
    "when": states.NOW,
    "service": "ecr",
    "who": "admin",
    "what": "refuse",
    "repository": NAME,
    "tag": "2.3.0",
    "digest": "",
    "detail": {"message": "cannot be overwritten because the tag is immutable."},
}
NAMES = [f"012345678901.dkr.ecr.eu-west-1.amazonaws.com/{NAME}:{version}" for version in P["releases"]]


def statement(who: Any, *actions: str, **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Principal": {"AWS": who}, "Action": [f"ecr:{name}" for name in actions]} | more


PUSH = [name.removeprefix("ecr:") for name in ecr.PUSH]
PULL = [name.removeprefix("ecr:") for name in ecr.PULL]
POLICY = {"Version": "2012-10-17", "Statement": [statement(ROLE, *PUSH), statement(ROOT, *PULL)]}


class World:
    """What a student left: images in a registry, the repository's settings, answers, journal."""

    def __init__(self, form: Any = "docker20") -> None:
        self.registry = Registry(form)
        self.settings: dict[str, Any] = {
            "imageTagMutability": "IMMUTABLE_WITH_EXCLUSION",
            "imageTagMutabilityExclusionFilters": FILTERS,
            "policy": POLICY,
        }
        self.rules: list[dict[str, Any]] = [RULE]
        self.journal: list[dict[str, Any]] = [REFUSAL]
        self.told: dict[str, str] = {}
        self.name = NAME
        for version in P["releases"]:
            self.push(version, version)
        self.registry.tag(NAME, "2.4.0", "latest")
        self.old = self.push("dev-42", "", build="one")
        self.push("dev-42", "", build="two")
        self.answers: dict[str, Any] = {"old_build": f"localhost:5003/{NAME}@{self.old}", "real_names": NAMES}

    def push(self, tag: str, version: str, *, owner: str = "heron-1a2b", **labels: str) -> str:
        named = {ecr.VERSION_LABEL: version} if version else {}
        layer = text_layer({"greeting.txt": "hello"})
        return self.registry.push(NAME, tag, [layer], {ecr.OWNER_LABEL: owner, **named, **labels})

    def judge(self, origin: str = "live", probes: dict[str, Any] | None = None) -> dict[str, Verdict]:
        held = self.registry.service(NAME, layers="all").repositories[NAME].model_copy(update={"service": "ecr"})
        images = []
        for digest, found in held.manifests.items():
            parsed = manifests.parse(found.raw, found.media_type)
            children = [c.digest for c in parsed.manifests] if isinstance(parsed, manifests.ImageIndex) else []
            tags = [tag for tag, its in held.tags.items() if its == digest]
            images.append(states.ecr_image(*tags, digest=digest, children=children))
        for part in images:
            part["tags"] = [tag for tag in part["tags"] if tag not in self.told]
            part["tags"] += [tag for tag, digest in self.told.items() if digest == part["digest"]]
        settings = states.state("ecr")
        settings["repositories"] = {self.name: states.ecr_repository(self.name, *images, **self.settings)}
        settings["scanning"] = {"scanType": "BASIC", "rules": self.rules}
        service = Service(repositories={NAME: held}, settings=settings, catalog=(NAME,))
        made = evidence(LAB, P, services={"ecr": service}, answers=self.answers, origin=origin, probes=probes)
        return verdicts(LAB, made.model_copy(update={"journal": tuple(self.journal)}))


@pytest.mark.parametrize("form", ["docker20", "docker29"])
def test_everything_is_right_whichever_engine_pushed(form):
    assert {verdict.status for verdict in World(form).judge().values()} == {"passed"}


def test_other_words_for_the_same_are_right_too():
    world = World()
    world.settings["imageTagMutabilityExclusionFilters"] = FILTERS[::-1]
    world.rules = [{"scanFrequency": "CONTINUOUS_SCAN", "repositoryFilters": []}, RULE]
    world.settings["policy"] = {
        "Version": "2008-10-17",
        "Statement": [
            statement([ROLE], *PUSH[:2]),
            statement(ROLE, *PUSH[2:], *PULL),
            statement(ecr.PARTNER, *PULL, "BatchCheckLayerAvailability"),
        ],
    }
    world.answers["old_build"] = f" 127.0.0.1:5003/{NAME}:dev-42@{world.old} "
    assert {verdict.status for verdict in world.judge().values()} == {"passed"}


def test_a_deny_that_hurts_nobody_is_right_too():
    world = World()
    deny = statement("*", "BatchDeleteImage", Effect="Deny", Principal="*")
    world.settings["policy"] = {**POLICY, "Statement": [*POLICY["Statement"], deny]}
    assert {verdict.status for verdict in world.judge().values()} == {"passed"}


def test_the_grader_has_to_have_seen_the_round_trip():
    world = World()
    held = world.registry.service(NAME).repositories[NAME]
    trip = {
        "tags": {tag: {"digest": digest, "pulled": True} for tag, digest in held.tags.items()},
        "digests": dict.fromkeys(held.manifests, True),
        "error": None,
    }
    assert world.judge("submission", {"round-trip": {f"ecr/{NAME}": trip}})["agree"].status == "passed"
    assert world.judge("submission", {"round-trip": {"fault": "no engine"}})["agree"].status == "not_graded"
    broken = {**trip, "error": "the registry refused an upload"}
    judged = world.judge("submission", {"round-trip": {f"ecr/{NAME}": broken}})
    failed(judged["agree"], "the registry refused an upload")


# -- the repository --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "found"),
    [
        (("MUTABLE", []), "Every tag of the repository can move: the default."),
        (("IMMUTABLE", []), "No tag can move, not even latest: the second push of a pointer will be refused."),
        (
            ("MUTABLE_WITH_EXCLUSION", FILTERS),
            "It is the wrong way round: dev-* and latest cannot move, and every other tag can.",
        ),
        (
            ("IMMUTABLE_WITH_EXCLUSION", FILTERS[:1]),
            "The exclusions are latest, and with them the tag dev-7 cannot move.",
        ),
        (
            ("IMMUTABLE_WITH_EXCLUSION", [FILTERS[0], {"filterType": "WILDCARD", "filter": "dev-"}]),
            "The exclusions are dev- and latest, and with them the tag dev-7 cannot move. A filter without a star "
            "covers that one tag alone.",
        ),
        (
            ("IMMUTABLE_WITH_EXCLUSION", [*FILTERS, {"filterType": "WILDCARD", "filter": "*"}]),
            "The exclusions are *, dev-* and latest, and with them the tag 7 can move.",
        ),
    ],
)
def test_mutability(settings, found):
    world = World()
    world.settings["imageTagMutability"], world.settings["imageTagMutabilityExclusionFilters"] = settings
    failed(world.judge()["repository"], found)


def test_a_repository_of_another_name():
    world = World()
    world.name = "ml-model"
    failed(world.judge()["repository"], "It is not there, but ml-model is.")
    world.name = "somebody/else"
    failed(world.judge()["repository"], "No such repository is there.")


def rule(pattern: str, frequency: str = "SCAN_ON_PUSH") -> dict[str, Any]:
    return {"scanFrequency": frequency, "repositoryFilters": [{"filter": pattern, "filterType": "WILDCARD"}]}


@pytest.mark.parametrize(
    ("rules", "found"),
    [
        ([], "The registry has no scanning rule, so scans are started by hand only."),
        ([rule("shop/*")], f"No rule covers {NAME}; the filters are shop/*."),
        ([rule("heron-1a2b/*", "CONTINUOUS_SCAN")], "The rule's frequency is CONTINUOUS_SCAN."),
        (
            [rule(NAME)],
            f"The filters {NAME} do not have heron-1a2b/another-model scanned on push, a repository of your team.",
        ),
        ([rule("*")], "The filters * cover shop/ml-model, too."),
        ([rule("heron-1a2b*")], "The filters heron-1a2b* cover heron-1a2bx/ml-model, too."),
        ([RULE, rule("shop/*")], "The filters heron-1a2b/* and shop/* cover shop/ml-model, too."),
    ],
)
def test_scanning_rules(rules, found):
    world = World()
    world.rules = rules
    failed(world.judge()["scanning"], found)


def test_the_old_way_to_set_scanning():
    world = World()
    world.rules, world.settings["imageScanningConfiguration"] = [], {"scanOnPush": True}
    found = "The repository itself is set to scan on push, which AWS is giving up; the registry has no rule for it."
    failed(world.judge()["scanning"], found)


# -- images ----------------------------------------------------------------------------------------------------------


def test_releases_that_are_not_what_they_say():
    world = World()
    world.push("2.3.1", "2.3.0")
    failed(world.judge()["releases"], "The label says 2.3.0.")
    world = World()
    world.push("2.3.1", "2.3.1", owner="nobody")
    failed(world.judge()["releases"], "The label says nobody.")
    world = World()
    del world.registry.tags[NAME]["2.3.1"]
    failed(world.judge()["releases"], "The repository has the tags 2.3.0, 2.4.0, dev-42 and latest.")


def test_latest_that_is_something_else():
    world = World()
    world.registry.tag(NAME, "2.3.0", "latest")
    failed(world.judge()["releases"], "latest points at 2.3.0.")
    world = World()
    world.push("latest", "2.4.0", built="again")
    failed(world.judge()["releases"], "latest points at an image that is none of the releases.")


def test_a_refusal_that_is_not_there():
    world = World()
    world.journal = [{**REFUSAL, "repository": "another/one"}]
    failed(world.judge()["refused"], "The emulator's journal has no such refusal.")
    world.journal = [{**REFUSAL, "tag": "2.9.9"}]
    failed(world.judge()["refused"], "The registry refused a push under another tag.")


IMMUTABLE = "The image tag '2.3.0' already exists in the 'app' repository and cannot be overwritten because the tag is \
immutable."
BY_PUSH = {"method": "PUT", "status": 400, "code": "TAG_INVALID", "message": IMMUTABLE}
BY_API = {"operation": "PutImage", "code": "ImageTagAlreadyExistsException", "message": IMMUTABLE}
OTHER = "sha256:" + "e" * 64


@pytest.mark.parametrize(
    "line",
    [
        {"detail": BY_PUSH},  # of an earlier kit
        {"detail": BY_PUSH, "digest": OTHER},
        {"detail": BY_API, "digest": OTHER},
        {"detail": BY_API, "tag": ""},  # of an earlier kit: the tag stands in the message
        {"detail": BY_API, "tag": "2.4.0", "digest": OTHER},
        {"detail": BY_PUSH, "tag": "2.3.1", "digest": OTHER, "who": "ci-role"},
    ],
)
def test_a_refused_push_by_any_client(line):
    world = World()
    world.journal = [{**REFUSAL, **line}]
    assert world.judge()["refused"].status == "passed"


NO_REFUSAL, ANOTHER_TAG = (
    "The emulator's journal has no such refusal.",
    "The registry refused a push under another tag.",
)
SAME = "What was refused is the image that the release has already."
DELETES = {"method": "DELETE", "status": 405, "code": "UNSUPPORTED", "message": "the tag is immutable"}


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ({"what": "push"}, NO_REFUSAL),
        ({"what": "pull", "detail": {}}, NO_REFUSAL),
        ({"service": "dockerhub"}, NO_REFUSAL),
        ({"repository": "another/one"}, NO_REFUSAL),
        ({"detail": None}, NO_REFUSAL),
        ({"detail": "immutable"}, NO_REFUSAL),
        ({"detail": DELETES}, NO_REFUSAL),
        ({"detail": {**BY_PUSH, "code": "DENIED", "message": "not authorized to perform ecr:PutImage"}}, NO_REFUSAL),
        ({"detail": {**BY_API, "code": "LayersNotFoundException", "message": "layers are missing"}}, NO_REFUSAL),
        ({"detail": {**BY_API, "code": "ImageAlreadyExistsException", "message": "already exists"}}, NO_REFUSAL),
        ({"detail": {**BY_API, "operation": "PutImageTagMutability"}}, NO_REFUSAL),
        ({"detail": {**BY_API, "operation": "BatchDeleteImage"}}, NO_REFUSAL),
        ({"detail": BY_PUSH, "tag": "latest"}, ANOTHER_TAG),
        ({"detail": BY_PUSH, "tag": "2.3"}, ANOTHER_TAG),
        ({"detail": BY_PUSH, "tag": ""}, ANOTHER_TAG),
        ({"detail": {**BY_API, "message": IMMUTABLE.replace("2.3.0", "2.9.9")}, "tag": ""}, ANOTHER_TAG),
        ({"detail": BY_PUSH, "digest": "OWN"}, SAME),
        ({"detail": BY_API, "digest": "OWN"}, SAME),
    ],
)
def test_a_refusal_that_did_not_happen(line, found):
    world = World()
    if line.get("digest") == "OWN":
        line = {**line, "digest": world.registry.tags[NAME]["2.3.0"]}
    world.journal = [{**REFUSAL, **line}]
    failed(world.judge()["refused"], found)


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (f"localhost:5003/{NAME}:dev-42", "It names a tag, and that image has none."),
        ("OLD", "A digest alone says what, but not where."),
        ("localhost:5003/ml-model@OLD", "It names the repository ml-model on localhost:5003."),
        (f"{NAME}@OLD", f"It names the repository {NAME} on docker.io."),
        (f"localhost:5003/{NAME}@NEW", "That is the image which dev-42 points at now."),
        (f"localhost:5003/{NAME}@RELEASE", "That image has the tag 2.3.0."),
        (f"localhost:5003/{NAME}@sha256:{'0' * 64}", "The repository has no untagged image of that digest."),
        (17, "You recorded 17."),
    ],
)
def test_an_old_build_that_is_none(answer, found):
    world = World()
    tags = world.registry.tags[NAME]
    if isinstance(answer, str):
        answer = answer.replace("OLD", world.old).replace("NEW", tags["dev-42"]).replace("RELEASE", tags["2.3.0"])
    world.answers["old_build"] = answer
    failed(world.judge()["untagged"], found)


def test_children_of_an_index_have_not_lost_a_tag():
    world = World("docker29")
    for number, what in enumerate(("the image for linux/amd64", "the attestation")):
        child = json.loads(world.registry.text(NAME, "2.3.0"))["manifests"][number]["digest"]
        world.answers["old_build"] = f"localhost:5003/{NAME}@{child}"
        verdict = world.judge()["untagged"]
        failed(verdict, f"That is {what} inside the index that 2.3.0 points at.")
        assert "before you push the second build" in verdict.next_step


def test_the_image_inside_the_index_that_lost_its_tag_is_that_build_too():
    world = World("docker29")
    image, note = (child["digest"] for child in json.loads(world.registry.manifests[NAME][world.old].text)["manifests"])
    world.journal.append({**REFUSAL, "what": "push", "tag": "dev-42", "digest": world.old})
    world.answers["old_build"] = f"localhost:5003/{NAME}@{image}"
    assert world.judge()["untagged"].status == "passed"
    world.answers["old_build"] = f"localhost:5003/{NAME}@{note}"
    failed(world.judge()["untagged"], "The repository has no untagged image of that digest.")


def test_what_a_refused_index_leaves_behind_has_lost_no_tag():
    """An index comes last in a push: when it is refused, image and attestation are there without it."""
    world = World("docker29")
    refused = world.push("2.3.0-again", "", fix="urgent")
    image = json.loads(world.registry.manifests[NAME].pop(refused).text)["manifests"][0]["digest"]
    del world.registry.tags[NAME]["2.3.0-again"]
    world.journal.append({**REFUSAL, "what": "push", "tag": "", "digest": image})
    world.answers["old_build"] = f"localhost:5003/{NAME}@{image}"
    failed(
        world.judge()["untagged"],
        "That image never had a tag: it was pushed by its digest, as a part of an index that was refused.",
    )
    world.answers["old_build"] = f"localhost:5003/{NAME}@{world.old}"
    assert world.judge()["untagged"].status == "passed"


def test_the_same_image_with_another_attestation_is_the_newest_release_too():
    """A build from the cache gives the image that was there and a new attestation; the release's tag cannot move."""
    world = World("docker29")
    world.registry.again(NAME, "2.4.0", "latest")
    assert world.registry.tags[NAME]["latest"] != world.registry.tags[NAME]["2.4.0"]
    assert world.judge()["releases"].status == "passed"
    world.registry.again(NAME, "2.3.1", "latest")
    failed(world.judge()["releases"], "latest points at an image that is none of the releases.")


@pytest.mark.parametrize("listed", [("2.3.1", "2.4.0"), ("2.4.0", "2.3.1")])
def test_an_index_that_lists_the_newest_release_beside_another_image_is_not_that_release(listed):
    world = World("docker29")
    world.registry.together(NAME, "latest", *listed)
    failed(world.judge()["releases"], "latest points at an image that is none of the releases.")


def test_nothing_without_a_tag():
    world = World()
    world.registry.tag(NAME, "dev-42", "dev-43")
    world.registry.tags[NAME]["dev-41"] = world.old
    failed(world.judge()["untagged"], "No image of the repository is without a tag.")


def test_an_api_that_tells_another_digest():
    world = World()
    world.told = {"2.3.1": world.registry.tags[NAME]["2.3.0"]}
    failed(world.judge()["agree"], "They differ for 2.3.1.")


# -- the policy ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "found"),
    [
        (None, "It has none."),
        ("{", "It is something else."),
        (
            {**POLICY, "Statement": [statement(ROLE, *PUSH[1:]), statement(ROOT, *PULL)]},
            "For the role it does not allow ecr:BatchCheckLayerAvailability.",
        ),
        (
            {**POLICY, "Statement": [statement(f"arn:aws:iam::{ecr.PARTNER}:role/ci-role", *PUSH)]},
            "For the role it does not allow ecr:BatchCheckLayerAvailability, ecr:CompleteLayerUpload, "
            "ecr:InitiateLayerUpload, ecr:PutImage and ecr:UploadLayerPart.",
        ),
        (
            {**POLICY, "Statement": [statement(ROLE, *PUSH), statement(ROOT, PULL[0])]},
            "For the partner it does not allow ecr:GetDownloadUrlForLayer.",
        ),
        (
            {**POLICY, "Statement": [statement(ROLE, *PUSH), statement(ecr.PARTNERS[0], *PULL)]},
            "For the partner it does not allow ecr:BatchGetImage and ecr:GetDownloadUrlForLayer.",
        ),
        (
            {**POLICY, "Statement": [statement(ROLE, *PUSH), statement("arn:aws:iam::111122223333:root", *PULL)]},
            "For the partner it does not allow ecr:BatchGetImage and ecr:GetDownloadUrlForLayer.",
        ),
    ],
)
def test_a_policy_that_grants_too_little(policy, found):
    world = World()
    world.settings["policy"] = policy
    failed(world.judge()["policy-grants"], found)


@pytest.mark.parametrize(
    ("statements", "who"),
    [
        ([statement(ROLE, "*"), statement(ROOT, *PULL)], "the role ci-role"),
        ([statement(ROLE, *PUSH, "ListImages"), statement(ROOT, *PULL)], "the role ci-role"),
        ([statement(ROLE, *PUSH), statement(ROOT, *PULL, "DescribeImages")], "the partner"),
        ([statement([ROLE, ROOT], *PUSH, *PULL)], "the partner"),
        ([statement(ROLE, *PUSH), statement("*", *PULL)], "another role of your account"),
        (
            [statement(ROLE, *PUSH), statement([ROOT, f"arn:aws:iam::{ecr.ACCOUNT}:root"], *PULL)],
            "another role of your account",
        ),
        ([statement(ROLE, *PUSH), statement([ROOT, "444455556666"], *PULL)], "an account that nobody mentioned"),
    ],
)
def test_a_policy_that_grants_too_much(statements, who):
    world = World()
    world.settings["policy"] = {**POLICY, "Statement": statements}
    verdict = world.judge()["policy-limits"]
    failed(verdict, verdict.found)
    assert verdict.found.startswith(f"The policy also lets {who} do ecr:")


def test_a_policy_for_one_session_of_the_role_lets_the_next_build_not_push():
    """What get-caller-identity prints is the session; a pipeline's next run is another one."""
    world = World()
    world.settings["policy"] = {**POLICY, "Statement": [statement(ecr.CI, *PUSH), statement(ROOT, *PULL)]}
    verdict = world.judge()["policy-grants"]
    assert verdict.status == "failed" and "It names one session of the role" in verdict.found


def test_an_image_that_lost_another_tag_is_not_the_build_that_is_asked_for():
    world = World()
    other = world.push("latest", "2.4.0", fix="hasty")
    world.registry.tag(NAME, "2.4.0", "latest")
    world.answers["old_build"] = f"localhost:5003/{NAME}@{other}"
    assert world.judge()["untagged"].status == "passed"  # nobody wrote down how it came
    pushed = {**REFUSAL, "what": "push", "tag": "latest", "digest": other}
    world.journal += [pushed, {**pushed, "tag": "dev-42", "digest": world.old}]
    failed(world.judge()["untagged"], "That image lost a tag as well, but it was pushed under latest.")
    world.answers["old_build"] = f"localhost:5003/{NAME}@{world.old}"
    assert world.judge()["untagged"].status == "passed"


# -- names -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "found"),
    [
        (
            NAMES[0].replace("0123", "123"),
            "the account has 11 digits; an account has 12, and a zero in front is one of them.",
        ),
        (NAMES[0].replace("012345678901", "112345678901"), "the account is 112345678901, and me.account is asked for."),
        (NAMES[0].replace("eu-west-1", "us-east-1"), "the region is us-east-1, and me.region is asked for."),
        (NAMES[0].replace(NAME, "ml-model"), "the repository is ml-model, and me.repository is asked for."),
        (NAMES[0].replace("2.3.0", "v2.3.0"), "the tag is v2.3.0, and here it is the turn of 2.3.0."),
        (f"localhost:5003/{NAME}:2.3.0", "that is the emulator's address, and AWS's is asked for."),
        (f"{NAME}:2.3.0", "docker.io is no address of an ECR registry."),
        (
            NAMES[0].replace(".com/", ".com.cn/"),
            "addresses that end in .cn are of another part of AWS, and me.region is not there.",
        ),
    ],
)
def test_wrong_names(first, found):
    world = World()
    world.answers["real_names"] = [first, *NAMES[1:]]
    failed(world.judge()["names"], f"{first}: {found}")


def test_the_newer_form_of_an_address_is_right_too():
    world = World()
    newer = [name.replace(".dkr.ecr.", ".dkr-ecr.").replace(".amazonaws.com", ".on.aws") for name in NAMES]
    world.answers["real_names"] = newer
    assert world.judge()["names"].status == "passed"


def test_not_three_names():
    world = World()
    world.answers["real_names"] = NAMES[:2]
    assert world.judge()["names"].found.endswith("which is no list of three texts.")


def test_parameters_are_personal_and_the_account_begins_with_a_zero():
    drawn = [ecr.parameters(SeededRandom(seed(b"key", "student", who, LAB.slug))) for who in "abc"]
    assert len({one["repository"] for one in drawn}) == 3
    for one in drawn:
        assert len(one["account"]) == 12 and one["account"][0] == "0"
        assert len(set(one["releases"])) == 3
