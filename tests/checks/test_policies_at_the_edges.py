"""Policies as students write them, right and wrong: what tells them from the rule lies just beside what they name."""

from __future__ import annotations

from typing import Any

import pytest

from autograder.checks.ecr import data as ecr_data
from autograder.domain.access_requests import STRANGE_ACCOUNT

from . import test_capstone as lab12
from . import test_ecr as lab06
from . import test_google_azure as lab07
from . import test_lifecycle as lab08
from .test_google_azure import BUILDS, CANDIDATES, NEWEST, UNTAGGED, builds, entry, newest, untagged, when
from .test_lifecycle import POLICY, P, rule

DEPLOYED, RELEASE, CANDIDATE, BUILD = (P[kind] for kind in ("deployed", "release", "candidate", "build"))


def judged(verdict: Any) -> tuple[str, str]:
    return verdict.status, verdict.found


# -- lab 08: a lifecycle policy --------------------------------------------------------------------------------------


def with_rule(number: int, changed: dict[str, Any]) -> list[dict[str, Any]]:
    return [*POLICY[:number], changed | {"rulePriority": POLICY[number]["rulePriority"]}, *POLICY[number + 1 :]]


RIGHT_LIFECYCLES = {
    "protected by age for a hundred years": with_rule(0, rule(10, [DEPLOYED + "*"], days=36500)),
    "protected by a count of 999": with_rule(0, rule(10, [DEPLOYED + "*"], count=999)),
    "the star twice": with_rule(3, rule(40, [BUILD + "**"], days=P["build_days"])),
    "a place that the rule for all places covers": [rule(5, [DEPLOYED + "eu"], count=1000), *POLICY],
    "the same again, below": [*POLICY, rule(60, [BUILD + "x*"], days=P["build_days"])],
    "younger ones are sent away by a rule that sees none": [*POLICY, rule(70, [DEPLOYED + "*", BUILD + "*"], days=1)],
    "a rule of exact tags that the others cover": [*POLICY, rule(80, [CANDIDATE + "1"], days=P["candidate_days"])],
}
WRONG_LIFECYCLES = {
    "a day more": with_rule(3, rule(40, [BUILD + "*"], days=P["build_days"] + 1)),
    "a day less": with_rule(2, rule(30, [CANDIDATE + "*"], days=P["candidate_days"] - 1)),
    "untagged a day more": with_rule(4, rule(50, [], days=P["untagged_days"] + 1)),
    "a release more": with_rule(1, rule(20, [RELEASE + "*"], count=P["newest"] + 1)),
    "a release less": with_rule(1, rule(20, [RELEASE + "*"], count=P["newest"] - 1)),
    "deployed images go after 300 days": with_rule(0, rule(10, [DEPLOYED + "*"], days=300)),
    "the newest 20 deployed": with_rule(0, rule(10, [DEPLOYED + "*"], count=20)),
    "the newest 400 deployed": with_rule(0, rule(10, [DEPLOYED + "*"], count=400)),
    "no star": with_rule(3, rule(40, [BUILD], days=P["build_days"])),
    "a star more, in front": with_rule(0, rule(10, ["*" + DEPLOYED + "*"], count=1000)),
    "no dash": with_rule(3, rule(40, [BUILD[:-1] + "*"], days=P["build_days"])),
    "a star in the middle": with_rule(2, rule(30, [CANDIDATE + "*.*"], days=P["candidate_days"])),
    "releases by years": with_rule(1, rule(20, [RELEASE + "*"], days=365)),
    "a clean-up in the end, after ten years less a day": [
        *POLICY,
        {
            "rulePriority": 90,
            "selection": {
                "tagStatus": "any",
                "countType": "sinceImagePushed",
                "countUnit": "days",
                "countNumber": 3649,
            },
            "action": {"type": "expire"},
        },
    ],
    "the newest hundred of all": [
        *POLICY,
        {
            "rulePriority": 90,
            "selection": {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 100},
            "action": {"type": "expire"},
        },
    ],
    "three kinds of tag together go at once": [
        rule(5, [RELEASE + "*", CANDIDATE + "*", BUILD + "*"], days=1),
        *POLICY,
    ],
    "archived instead": with_rule(
        4, rule(50, [], days=P["untagged_days"]) | {"action": {"type": "transition", "targetStorageClass": "archive"}}
    ),
}


@pytest.mark.parametrize("name", RIGHT_LIFECYCLES)
def test_a_right_lifecycle_policy(name):
    assert judged(lab08.World(RIGHT_LIFECYCLES[name]).judge()["other-fleets"]) == ("passed", "")


@pytest.mark.parametrize("name", WRONG_LIFECYCLES)
def test_a_wrong_lifecycle_policy(name):
    verdicts = lab08.World(WRONG_LIFECYCLES[name]).judge()
    assert "failed" in {verdicts[id].status for id in ("spares", "clears", "other-fleets")}


def test_the_smallest_case_is_shown():
    found = lab08.World(WRONG_LIFECYCLES["the newest 20 deployed"]).judge()["other-fleets"].found
    assert found.startswith(f"An image with the tag {DEPLOYED}27, ") and "behind 20 newer images" in found, found
    assert found.endswith("by the requirement it stays, by your policy it goes by rule 10.")


# -- lab 07: Artifact Registry ---------------------------------------------------------------------------------------

OWN = [BUILDS, UNTAGGED, CANDIDATES, NEWEST]
RIGHT_CLEANUPS = {
    "in seconds": [entry("b", "Delete", **when("tagged", tagPrefixes=["exp-"], olderThan="2592000s")), *OWN[1:]],
    "an exclusion that another covers": [*OWN, entry("more", "Keep", **when("tagged", tagPrefixes=["candidate-1"]))],
    "a Keep of young ones that no Delete takes": [*OWN, entry("young", "Keep", **when("any", newerThan="7d"))],
    "a second Delete of what goes anyway": [*OWN, entry("old", "Delete", **when("untagged", olderThan="90d"))],
    "a Keep of fewer": [*OWN, newest(1) | {"name": "one"}],
    "in two prefixes": [builds(), entry("b2", "Delete", **when("tagged", tagPrefixes=["exp-9"], olderThan="30d")),
                        *OWN[1:]],
    "a Keep for packages of which the newest stay anyway": [*OWN, newest(2, "ml-") | {"name": "two"}],
}  # fmt: skip
WRONG_CLEANUPS = {
    "candidates are kept for a year": [
        *OWN[:2], entry("c", "Keep", **when("tagged", tagPrefixes=["candidate-"], newerThan="365d")), NEWEST],
    "29 days": [builds(days=29), *OWN[1:]],
    "31 days": [builds(days=31), *OWN[1:]],
    "a month by the calendar": [
        entry("b", "Delete", **when("tagged", tagPrefixes=["exp-"], olderThan="P1M")), *OWN[1:]],
    "6 days": [BUILDS, untagged(6), CANDIDATES, NEWEST],
    "one more of each package": [*OWN[:3], newest(4)],
    "one less": [*OWN[:3], newest(2)],
    "an old image of any kind, after a year": [*OWN, entry("x", "Delete", **when("any", olderThan="365d"))],
    "no dash": [builds("exp"), *OWN[1:]],
    "one package": [entry("b", "Delete", **when("tagged", tagPrefixes=["exp-"], olderThan="30d",
                                               packageNamePrefixes=["ml-"])), *OWN[1:]],
    "a package that keeps all": [*OWN, entry("k", "Keep", **when("any", packageNamePrefixes=["legacy"]))],
    "a prefix that keeps": [*OWN, entry("k", "Keep", **when("tagged", tagPrefixes=["stable"]))],
    "by the last pull": [entry("b", "Delete", **when("tagged", tagPrefixes=["exp-"], moreStaleThan="30d")), *OWN[1:]],
    "of some digests": [*OWN, entry("v", "Keep", **when("any", versionNamePrefixes=["sha256:ab"]))],
    "another prefix goes too": [*OWN, entry("b2", "Delete", **when("tagged", tagPrefixes=["tmp-"], olderThan="30d"))],
}  # fmt: skip


def cleanup(policies: Any) -> tuple[str, str]:
    world = lab07.World()
    world.dev["cleanupPolicies"] = policies
    live, graded = world.judge()["cleanup-policy"], world.graded()["cleanup-policy"]
    assert judged(live) == judged(graded), "the notebook says what grading says"
    return judged(live)


@pytest.mark.parametrize("name", RIGHT_CLEANUPS)
def test_a_right_cleanup_policy(name):
    assert cleanup(RIGHT_CLEANUPS[name]) == ("passed", "")


@pytest.mark.parametrize("name", WRONG_CLEANUPS)
def test_a_wrong_cleanup_policy(name):
    assert cleanup(WRONG_CLEANUPS[name])[0] == "failed"


def test_a_keep_with_an_end_is_named_with_the_image_that_it_loses():
    found = cleanup(WRONG_CLEANUPS["candidates are kept for a year"])[1]
    assert found == (
        "An image with the tags candidate-7 and exp-7, 365.5 days old, in ml-model, behind 3 newer images, would go: "
        "Delete policy builds matches, and no Keep policy does."
    )


# -- lab 07: acr purge -----------------------------------------------------------------------------------------------

NAME = lab07.NAME
FITS = "acr purge --filter '{}' --ago 30d --untagged"
RIGHT_PURGES = {
    "at least one digit, in other words": FITS.format(f"{NAME}:^exp-[0-9][0-9]*$"),
    "with a group": FITS.format(f"{NAME}:^(exp-)(\\d+)$"),
    "zero or a number, and leading zeros": FITS.format(f"{NAME}:^exp-(0|0*[1-9][0-9]*|0+)$"),
    "with a filter that the first covers": FITS.format(f"{NAME}:^exp-[0-9]+$") + f" --filter '{NAME}:^exp-17$'",
    "in hours": f"acr purge --filter '{NAME}:^exp-[0-9]+$' --ago 720h --untagged",
    "as many digits as a tag has room for": FITS.format(f"{NAME}:^exp-[0-9]{{1,124}}$"),
    "the repository in a group": FITS.format(f"({NAME}):^exp-[0-9]+$"),
}
WRONG_PURGES = {
    "another repository as well": FITS.format(f"{NAME}:^exp-[0-9]+$") + " --filter 'old/base:^exp-[0-9]+$'",
    "another repository by an or": FITS.format(f"{NAME}|base:^exp-[0-9]+$"),
    "any end of the repository's name": FITS.format(f"{NAME}.*:^exp-[0-9]+$"),
    "any team": FITS.format(".*/ml-model:^exp-[0-9]+$"),
    "six digits at most": FITS.format(f"{NAME}:^exp-[0-9]{{1,6}}$"),
    "two digits at least": FITS.format(f"{NAME}:^exp-[0-9][0-9]+$"),
    "no leading zero": FITS.format(f"{NAME}:^exp-[1-9][0-9]*$"),
    "any character for the dash": FITS.format(f"{NAME}:^exp.[0-9]+$"),
    "the dash may be missing": FITS.format(f"{NAME}:^exp-?[0-9]+$"),
    "a part behind it": FITS.format(f"{NAME}:^exp-[0-9]+(-rc)?$"),
    "one number is spared": FITS.format(f"{NAME}:^(?!exp-17$)exp-[0-9]+$"),
    "capitals too": FITS.format(f"{NAME}:(?i)^exp-[0-9]+$"),
    "a class too wide": FITS.format(f"{NAME}:^exp-[0-9a-f]+$"),
    "a release as well": FITS.format(f"{NAME}:^exp-[0-9]+$") + f" --filter '{NAME}:^tmp$'",
    "29 days": f"acr purge --filter '{NAME}:^exp-[0-9]+$' --ago 29d --untagged",
    "an hour more": f"acr purge --filter '{NAME}:^exp-[0-9]+$' --ago 30d1h --untagged",
    "keeps one": FITS.format(f"{NAME}:^exp-[0-9]+$") + " --keep 1",
}


def purge(command: str) -> tuple[str, str]:
    world = lab07.World()
    world.answers["purge"] = command
    live, graded = world.judge()["purge"], world.graded()["purge"]
    assert judged(live) == judged(graded)
    return judged(live)


@pytest.mark.parametrize("name", RIGHT_PURGES)
def test_a_right_purge(name):
    assert purge(RIGHT_PURGES[name]) == ("passed", "")


@pytest.mark.parametrize("name", WRONG_PURGES)
def test_a_wrong_purge(name):
    assert purge(WRONG_PURGES[name])[0] == "failed"


def test_a_number_that_is_spared_is_named_with_its_tag():
    found = f"An image with the tag exp-17, 30.5 days old, in {NAME}, would keep its tag."
    assert purge(WRONG_PURGES["one number is spared"])[1] == found


# -- lab 12: both clouds ---------------------------------------------------------------------------------------------


def dev(days: int = 30, pattern: str = "dev-*", number: int = 1) -> dict[str, Any]:
    return rule(number, [pattern], days=days)


ANY = {"tagStatus": "any", "countType": "sinceImagePushed", "countUnit": "days"}
LIVE = rule(5, ["prod"], count=1)
RIGHT_ECR = {
    "alone": [dev()],
    "production is seen first": [LIVE, dev(number=9)],
    "builds with a release's tag stay": [rule(5, ["sha-*"], count=1000), dev(number=9)],
    "the star twice": [dev(pattern="dev-**")],
    "by prefix": [rule(1, ["dev-"], days=30, key="tagPrefixList")],
}
WRONG_ECR = {
    "29 days": [dev(29)],
    "31 days": [dev(31)],
    "no dash": [dev(pattern="dev*")],
    "anywhere": [dev(pattern="*dev-*")],
    "one digit": [dev(pattern="dev-7*")],
    "in parts": [dev(pattern="dev-*-*")],
    "releases after a year": [dev(), rule(2, ["1.*"], days=365)],
    "everything after two years": [
        dev(),
        {"rulePriority": 9, "selection": ANY | {"countNumber": 730}, "action": {"type": "expire"}},
    ],
    "untagged as well": [dev(), rule(2, [], days=90)],
    "the newest hundred releases": [dev(), rule(2, ["v*"], count=100)],
    "builds by number": [rule(1, ["dev-*"], count=10)],
    "the newest five builds stay": [rule(1, ["dev-*"], count=5), dev(number=2)],
}
FINE = lab12.GOOGLE_POLICY
OLD = when("tagged", tagPrefixes=["dev-"], olderThan="30d")
PROD = entry("live", "Keep", **when("tagged", tagPrefixes=["prod"]))
RIGHT_GOOGLE = {
    "in seconds": [entry("d", "Delete", **when("tagged", tagPrefixes=["dev-"], olderThan="2592000s"))],
    "production and releases are kept as well": [
        PROD,
        *FINE,
        entry("r", "Keep", **when("tagged", tagPrefixes=["1.", "2."])),
    ],
    "a second prefix that the first covers": [
        entry("d", "Delete", **when("tagged", tagPrefixes=["dev-", "dev-main-"], olderThan="30d"))
    ],
    "a second policy for what goes anyway": [
        *FINE,
        entry("older", "Delete", **when("tagged", tagPrefixes=["dev-"], olderThan="90d")),
    ],
    "young ones are kept, which nothing takes": [*FINE, entry("young", "Keep", **when("any", newerThan="7d"))],
    "a state in capitals, as the console has it": [
        entry("d", "DELETE", **when("TAGGED", tagPrefixes=["dev-"], olderThan="30d"))
    ],
    "untagged ones of a day are kept": [*FINE, entry("try", "Keep", **when("untagged", newerThan="1d"))],
}
WRONG_GOOGLE = {
    "a day more": [entry("d", "Delete", **when("tagged", tagPrefixes=["dev-"], olderThan="31d"))],
    "builds that are young": [entry("d", "Delete", **when("tagged", tagPrefixes=["dev-"], newerThan="30d"))],
    "everything that is old": [entry("d", "Delete", **when("any", olderThan="30d"))],
    "everything that is old but production": [PROD, entry("d", "Delete", **when("any", olderThan="30d"))],
    "builds of any age": [entry("d", "Delete", **when("tagged", tagPrefixes=["dev-"]))],
    "a Keep alone": [PROD],
    "a star, as in ECR": [entry("d", "Delete", **when("tagged", tagPrefixes=["dev-*"], olderThan="30d"))],
    "builds that nobody pulled": [entry("d", "Delete", **when("tagged", tagPrefixes=["dev-"], moreStaleThan="30d"))],
    "untagged ones in place of builds": [entry("d", "Delete", **when("untagged", olderThan="30d"))],
    "builds of one branch": [entry("d", "Delete", **when("tagged", tagPrefixes=["dev-main"], olderThan="30d"))],
    "builds of the main branch are kept": [*FINE, entry("k", "Keep", **when("tagged", tagPrefixes=["dev-main"]))],
    "a Keep for a year": [*FINE, entry("k", "Keep", **when("any", newerThan="365d"))],
    "the newest ten stay": [*FINE, newest(10)],
    "a day less": [entry("d", "Delete", **when("tagged", tagPrefixes=["dev-"], olderThan="29d"))],
    "no dash": [entry("d", "Delete", **when("tagged", tagPrefixes=["dev"], olderThan="30d"))],
    "untagged after a year": [*FINE, entry("u", "Delete", **when("untagged", olderThan="365d"))],
    "another package's releases": [
        *FINE, entry("u", "Delete", **when("any", olderThan="90d", packageNamePrefixes=["legacy"]))],
}  # fmt: skip


def both(ecr: Any, google: Any) -> tuple[str, str]:
    world = lab12.World()
    world.ecr_policy, world.google_policy = {"rules": ecr}, google
    return judged(world.judge()["policies"])


@pytest.mark.parametrize("name", RIGHT_ECR)
def test_a_right_policy_of_the_capstone(name):
    live = entry("live", "Keep", **when("tagged", tagPrefixes=["prod"]))
    assert both(RIGHT_ECR[name], [*FINE, live]) == ("passed", "")


@pytest.mark.parametrize("name", RIGHT_GOOGLE)
def test_a_right_google_policy_of_the_capstone(name):
    assert both([dev()], RIGHT_GOOGLE[name]) == ("passed", "")


@pytest.mark.parametrize("name", WRONG_ECR)
def test_a_wrong_ecr_policy_of_the_capstone(name):
    assert both(WRONG_ECR[name], FINE)[0] == "failed"


@pytest.mark.parametrize("name", WRONG_GOOGLE)
def test_a_wrong_google_policy_of_the_capstone(name):
    assert both([dev()], WRONG_GOOGLE[name])[0] == "failed"


# -- lab 06: who may do what -----------------------------------------------------------------------------------------

ROLE, ROOT, PUSH, PULL = lab06.ROLE, lab06.ROOT, lab06.PUSH, lab06.PULL
ACCOUNT, PARTNER = ecr_data.ACCOUNT, ecr_data.PARTNER
PIPELINE, PARTNERS = lab06.statement(ROLE, *PUSH), lab06.statement(ROOT, *PULL)


def deny(who: Any, **more: Any) -> dict[str, Any]:
    return {"Effect": "Deny", "Principal": who, "Action": "ecr:*"} | more


def only_push(action: str = "NotAction") -> dict[str, Any]:
    return {"Effect": "Deny", "Principal": {"AWS": ROLE}, action: [f"ecr:{name}" for name in (*PUSH, *PULL)]}


def without(statement: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in statement.items() if key not in keys}


OWN_ROOT = f"arn:aws:iam::{ACCOUNT}:root"


def own_account(operator: str, pattern: str) -> list[Any]:
    """The pipeline by a condition on the ARN of who asks."""
    allowed = lab06.statement(OWN_ROOT, *PUSH, Condition={operator: {"aws:PrincipalArn": pattern}})
    return [allowed, PARTNERS]


RIGHT_PERMISSIONS = {
    "a Deny of what nobody was allowed": [PIPELINE, PARTNERS, without(deny("*"), "Action") | {
        "Action": ["ecr:DeleteRepository", "ecr:BatchDeleteImage"]}],
    "a Deny by NotAction": [PIPELINE, PARTNERS, only_push()],
    "all, but for a Deny by NotAction": [lab06.statement(ROLE, "*"), PARTNERS, only_push()],
    "over TLS alone": [PIPELINE, PARTNERS, deny("*", Condition={"Bool": {"aws:SecureTransport": "false"}})],
    "everybody, where the account is the partner's": [PIPELINE, lab06.statement(
        "*", *PULL, Condition={"StringEquals": {"aws:PrincipalAccount": PARTNER}})],
    "everybody, where the role is this one": [PARTNERS, lab06.statement(
        "*", *PUSH, Condition={"ArnEquals": {"aws:PrincipalArn": ROLE}})],
    "this repository by its ARN": [{**PIPELINE, "Resource": f"arn:aws:ecr:*:{ACCOUNT}:repository/{lab06.NAME}"},
                                   PARTNERS],
    "an action that concerns no repository": [lab06.statement(ROLE, *PUSH, "GetAuthorizationToken"), PARTNERS],
    "actions by a star in front and by a question mark": [
        lab06.statement(ROLE, "*LayerUpload", "Upload*", "BatchCheckLayer*", "?utImage"), PARTNERS],
    "over TLS alone, with JSON's false": [PIPELINE, PARTNERS, deny(
        "*", Condition={"Bool": {"aws:SecureTransport": False}})],
    "the partner's account as a number": [PIPELINE, lab06.statement(
        "*", *PULL, Condition={"StringEquals": {"aws:PrincipalAccount": int(PARTNER)}})],
    "everybody, and a Deny for each who is not meant": [
        PIPELINE, lab06.statement("*", *PULL),
        deny("*", Condition={"StringNotEquals": {"aws:PrincipalAccount": [ACCOUNT, PARTNER]}}),
        deny("*", Condition={"ArnNotEquals": {"aws:PrincipalArn": ROLE},
                             "StringEquals": {"aws:PrincipalAccount": ACCOUNT}})],
    "by AWS in nobody's name, and in this region": [PIPELINE, {**PARTNERS, "Condition": {
        "Bool": {"aws:ViaAWSService": "false"}, "StringEquals": {"aws:RequestedRegion": "us-east-1"}}}],
    "everybody of the partner who is no service": [PIPELINE, lab06.statement("*", *PULL, Condition={
        "StringEquals": {"aws:PrincipalAccount": PARTNER}, "Bool": {"aws:PrincipalIsAWSService": False},
        "StringNotEquals": {"aws:PrincipalType": "Anonymous"}})],
    "the own account, where the role is this one": [PARTNERS, lab06.statement(
        OWN_ROOT, *PUSH, Condition={"ArnLike": {"aws:PrincipalArn": ROLE}})],
    "a Deny for strangers": [PIPELINE, PARTNERS, deny(
        "*", Condition={"StringNotEquals": {"aws:PrincipalAccount": [ACCOUNT, PARTNER]}})],
}  # fmt: skip
WRONG_PERMISSIONS = {
    "an extra account": [PIPELINE, lab06.statement([ROOT, "arn:aws:iam::999988887777:root"], *PULL)],
    "an extra account by its digits": [PIPELINE, lab06.statement([ROOT, "999988887777"], *PULL)],
    "another role of the own account": [
        lab06.statement([ROLE, f"arn:aws:iam::{ACCOUNT}:role/deploy"], *PUSH), PARTNERS],
    "a user of the own account": [PIPELINE, PARTNERS, lab06.statement(f"arn:aws:iam::{ACCOUNT}:user/ada", *PULL)],
    "a service": [PIPELINE, PARTNERS, without(lab06.statement("x", *PULL), "Principal") | {
        "Principal": {"Service": "lambda.amazonaws.com"}}],
    "everybody": [PIPELINE, lab06.statement("*", *PULL)],
    "everybody, as one text": [PIPELINE, {**PARTNERS, "Principal": "*"}],
    "everybody of an organisation": [PIPELINE, PARTNERS, lab06.statement(
        "*", *PULL, Condition={"StringEquals": {"aws:PrincipalOrgID": "o-abc123"}})],
    "roles whose names begin like it": [PARTNERS, PIPELINE, lab06.statement(
        "*", *PUSH, Condition={"ArnLike": {"aws:PrincipalArn": f"{ROLE}*"}})],
    "a role of that name in any account": [PARTNERS, PIPELINE, lab06.statement(
        "*", *PUSH, Condition={"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/ci-role"}})],
    "whose ARN ends in the role's name": own_account("StringLike", "*ci-role"),
    "whose ARN ends in a slash and the role's name": own_account("StringLike", "*/ci-role"),
    "of any kind and that name": own_account("ArnLike", f"arn:aws:iam::{ACCOUNT}:*/ci-role"),
    "a pattern that is no ARN": own_account("ArnLike", "*:role/ci-role"),
    "one letter for another": own_account("ArnLike", f"arn:aws:iam::{ACCOUNT}:role/ci-rol?"),
    "all accounts but two": [PIPELINE, lab06.statement(
        "*", *PULL, Condition={"StringNotEquals": {"aws:PrincipalAccount": [ACCOUNT, STRANGE_ACCOUNT]}})],
    "ten accounts": [PIPELINE, lab06.statement(
        "*", *PULL, Condition={"StringLike": {"aws:PrincipalAccount": PARTNER[:-1] + "?"}})],
    "all roles of the own account": own_account("StringLike", "*:role/*"),
    "in another region": [
        {**PIPELINE, "Condition": {"StringEquals": {"aws:RequestedRegion": "eu-west-1"}}}, PARTNERS],
    "whoever works in a role": [PARTNERS, lab06.statement(
        OWN_ROOT, *PUSH, Condition={"StringEquals": {"aws:PrincipalType": "AssumedRole"}})],
    "a status of replication": [lab06.statement(ROLE, *PUSH, "DescribeImageReplicationStatus"), PARTNERS],
    "a look at scanning": [PIPELINE, lab06.statement(ROOT, *PULL, "BatchGetRepositoryScanningConfiguration")],
    "an action that the list does not have": [lab06.statement(ROLE, *PUSH, "ListImagesFaster"), PARTNERS],
    "a star in an action": [lab06.statement(ROLE, *PUSH, "Batch*"), PARTNERS],
    "all but deleting": [PARTNERS, without(PIPELINE, "Action") | {"NotAction": ["ecr:Delete*", "ecr:BatchDelete*"]}],
    "one user of the partner": [PIPELINE, lab06.statement(ecr_data.PARTNERS[0], *PULL)],
    "on a condition that is not always met": [
        {**PIPELINE, "Condition": {"StringEquals": {"aws:SourceVpc": "vpc-1"}}}, PARTNERS],
    "a Deny that hits the partner": [PIPELINE, PARTNERS, deny(
        "*", Condition={"StringNotEquals": {"aws:PrincipalAccount": ACCOUNT}})],
    "another repository's ARN": [
        {**PIPELINE, "Resource": f"arn:aws:ecr:us-east-1:{ACCOUNT}:repository/else"}, PARTNERS],
}  # fmt: skip


def permissions(statements: Any) -> list[str]:
    world = lab06.World()
    world.settings["policy"] = {"Version": "2012-10-17", "Statement": statements}
    verdicts = world.judge()
    return [verdicts[id].found for id in ("policy-grants", "policy-limits") if verdicts[id].status != "passed"]


@pytest.mark.parametrize("name", RIGHT_PERMISSIONS)
def test_right_permissions(name):
    assert permissions(RIGHT_PERMISSIONS[name]) == []


@pytest.mark.parametrize("name", WRONG_PERMISSIONS)
def test_wrong_permissions(name):
    assert permissions(WRONG_PERMISSIONS[name])


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("an extra account", "The policy also lets anyone of the account 999988887777 do ecr:BatchGetImage and "
         "ecr:GetDownloadUrlForLayer."),
        ("another role of the own account", "The policy also lets the role deploy of your account do "
         "ecr:BatchCheckLayerAvailability, ecr:CompleteLayerUpload, ecr:InitiateLayerUpload and 2 more."),
        ("a service", "The policy also lets the service lambda.amazonaws.com do ecr:BatchGetImage and "
         "ecr:GetDownloadUrlForLayer."),
        ("a status of replication", "The policy also lets the role ci-role do ecr:DescribeImageReplicationStatus."),
        ("everybody of an organisation", "The policy also lets another role of your account do ecr:BatchGetImage and "
         "ecr:GetDownloadUrlForLayer when aws:principalorgid is o-abc123."),
        ("on a condition that is not always met", "For the role it does not allow ecr:BatchCheckLayerAvailability, "
         "ecr:CompleteLayerUpload, ecr:InitiateLayerUpload, ecr:PutImage and ecr:UploadLayerPart."),
    ],
)  # fmt: skip
def test_the_request_that_tells_them_apart_is_named(name, found):
    assert permissions(WRONG_PERMISSIONS[name])[0] == found


# -- lab 06: filters -------------------------------------------------------------------------------------------------

RIGHT_MOVING = [
    "latest dev-*", "dev-* dev-1* latest", "dev-** latest", "latest dev-* dev-x", "dev-* latest latest",
]  # fmt: skip
WRONG_MOVING = [
    "latest", "dev-*", "latest dev-", "latest dev*", "latest *dev-*", "*latest dev-*", "latest* dev-*",
    "latest dev-* 1.*", "latest dev-*-*", "latest dev-1*", "late* dev-*", "latest dev-* stable",
]  # fmt: skip


@pytest.mark.parametrize("filters", [*RIGHT_MOVING, *WRONG_MOVING])
def test_what_may_move(filters):
    world = lab06.World()
    world.settings["imageTagMutabilityExclusionFilters"] = [
        {"filterType": "WILDCARD", "filter": text} for text in filters.split()
    ]
    assert world.judge()["repository"].status == ("passed" if filters in RIGHT_MOVING else "failed")


RIGHT_SCANNED = ["TEAM/*", "TEAM/* TEAM/a*", "TEAM/**", "TEAM/* TEAM/*-model", "TEAM/* TEAM/ml*"]
# One without a star covers every name that contains it.
WRONG_SCANNED = [
    "TEAM", "TEAM/", "TEAM*", "*TEAM/*", "*/ml-model", "TEAM/ml-model", "TEAM/* shop/*", "*", "TEAM/* other",
    "TEAM/* TEAM/ml-model", "TEAM/ml-*", "TEAM/*/*", "TEAM-*",
]  # fmt: skip


@pytest.mark.parametrize("filters", [*RIGHT_SCANNED, *WRONG_SCANNED])
def test_what_is_scanned(filters):
    world = lab06.World()
    team = lab06.P["team"]
    world.rules = [lab06.rule(text.replace("TEAM", team)) for text in filters.split()]
    assert world.judge()["scanning"].status == ("passed" if filters in RIGHT_SCANNED else "failed")


def test_a_condition_is_named_as_what_keeps_the_role_out():
    world = lab06.World()
    world.settings["policy"] = {"Statement": WRONG_PERMISSIONS["on a condition that is not always met"]}
    assert world.judge()["policy-grants"].next_step == "A condition keeps the role out, and the task asks for none."


# -- too much --------------------------------------------------------------------------------------------------------


def test_what_names_too_much_for_every_case_is_left_to_a_person():
    world = lab07.World()
    many = [f"stable-{n}" for n in range(60_000)]
    covered = when("tagged", tagPrefixes=["candidate-"], packageNamePrefixes=many)
    world.dev["cleanupPolicies"] = [*OWN, entry("k", "Keep", **covered)]
    verdict = world.judge()["cleanup-policy"]
    assert verdict.status == "not_graded" and "not every case could be tried" in verdict.found
    named = lab06.statement([f"{n:012}" for n in range(1, 81)], "GetAuthorizationToken")
    other = lab06.World()
    other.settings["policy"] = {"Statement": [PIPELINE, PARTNERS, named]}
    assert "not every request could be tried: 103 principals" in other.judge()["policy-limits"].found


def test_one_rule_for_each_of_ten_places_beside_the_one_for_all_is_judged_whole():
    places = [rule(n + 1, [f"{DEPLOYED}{place}"], count=1000) for n, place in enumerate(lab08.fleets.PLACES)]
    rules = [*places, *(one | {"rulePriority": one["rulePriority"] + 100} for one in POLICY)]
    assert judged(lab08.World(rules).judge()["other-fleets"]) == ("passed", "")


# -- how many --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        (RIGHT_LIFECYCLES, WRONG_LIFECYCLES),
        (RIGHT_CLEANUPS, WRONG_CLEANUPS),
        (RIGHT_PURGES, WRONG_PURGES),
        (RIGHT_ECR, WRONG_ECR),
        (RIGHT_GOOGLE, WRONG_GOOGLE),
        (RIGHT_PERMISSIONS, WRONG_PERMISSIONS),
        (RIGHT_MOVING, WRONG_MOVING),
    ],
    ids=["lifecycle", "cleanup", "purge", "ecr", "google", "permissions", "moving"],
)
def test_each_policy_has_enough_ways(right, wrong):
    """At least 5 that are right and unusual, and 10 that are wrong and might be handed in."""
    assert len({str(way) for way in right}) >= 5 and len({str(way) for way in wrong}) >= 10
