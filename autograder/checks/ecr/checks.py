"""Lab 06, Amazon ECR: a repository with rules, three releases, what a moving tag leaves behind, and who may come in."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from autograder.checks.api import Failure, NotGraded, check, require_answer, shown
from autograder.checks.ecr.data import (
    ACCOUNT,
    CI,
    NEXT_CI,
    PARTNER,
    PARTNERS,
    PULL,
    PUSH,
    REGIONS,
    STRANGERS,
)
from autograder.checks.first_push.data import BIRDS
from autograder.checks.shared.images import image, listed, lookalikes, require_round_trip
from autograder.checks.shared.pointers import images_of
from autograder.checks.shared.seeded_random import SeededRandom
from autograder.domain import access, access_requests, clouds, references
from autograder.domain.access_policy import InvalidPolicy, wildcard
from autograder.domain.retention import boundaries
from autograder.domain.retention.boundaries_acr import REPOSITORY
from autograder.evidence.model import Evidence, Repository
from autograder.oci.manifests import ImageIndex, is_digest

SERVICE = "ecr"
PLACE = "the ECR emulator"
VERSION_LABEL = "org.opencontainers.image.version"
OWNER_LABEL = "course.owner"
MOVING = ("latest", "dev-*")


def parameters(draw: SeededRandom) -> dict[str, Any]:
    """A team's repository, three releases, a development tag, and a real account and region to name."""
    team = f"{draw.choice('bird', BIRDS)}-{draw.hex('team', 4)}"
    major, minor, patch = draw.integer("major", 1, 4), draw.integer("minor", 0, 8), draw.integer("patch", 0, 5)
    digits = "".join(str(draw.integer(f"digit {n}", 0, 9)) for n in range(11))
    return {
        "team": team,
        "repository": f"{team}/ml-model",
        "releases": [
            f"{major}.{minor}.{patch}",
            f"{major}.{minor}.{patch + 1}",
            f"{major}.{minor + 1}.0",
        ],
        "dev_tag": f"dev-{draw.integer('dev', 10, 99)}",
        "partner": PARTNER,
        "account": f"0{digits}",  # whoever takes it for a number loses a digit
        "region": draw.choice("region", REGIONS),
    }


@check(
    "repository",
    trust="recomputed",
    expected="Every tag stays where it is, except latest and those that begin with dev-.",
    why="The setting holds for whoever pushes, by whatever client: a version stays what it was when you tested it, and "
    "the two kinds of pointers can still move.",
)
def repository(e: Evidence) -> None:
    """Your repository keeps versions as they are, and lets two kinds of tags move"""
    settings = _repository(e)
    change = "An existing repository is changed with put-image-tag-mutability."
    mutability = settings["imageTagMutability"]
    filters = {part["filter"] for part in settings["imageTagMutabilityExclusionFilters"]}
    if mutability == "MUTABLE":
        raise Failure("Every tag of the repository can move: the default.", change)
    if mutability == "IMMUTABLE":
        raise Failure(
            "No tag can move, not even latest: the second push of a pointer will be refused.",
            "There is a setting with exclusions. " + change,
        )
    if mutability == "MUTABLE_WITH_EXCLUSION":
        raise Failure(
            f"It is the wrong way round: {listed(filters)} cannot move, and every other tag can.",
            "The exclusions are what differs from the rule, and the rule is that tags stay. " + change,
        )
    for tag in boundaries.Tags([*MOVING, *sorted(filters)]).examples():
        moves, wanted = (any(wildcard(part, tag) for part in parts) for parts in (filters, MOVING))
        if moves != wanted:
            raise Failure(
                f"The exclusions are {listed(filters)}, and with them the tag {tag} "
                f"{'can' if moves else 'cannot'} move."
                + (" A filter without a star covers that one tag alone." if filters & {"dev", "dev-"} else ""),
                f"Of the filters one for each of {' and '.join(MOVING)} is needed, and none that covers more. {change}",
            )


@check(
    "scanning",
    trust="recomputed",
    expected="A scanning rule of the registry with SCAN_ON_PUSH for what begins with {team}/, and for no other team.",
    why="The rule stands in one place and holds for repositories that do not exist yet, as long as their names fit.",
)
def scanning(e: Evidence) -> None:
    """What your team pushes is scanned as it arrives, by a rule of the registry"""
    settings, team = _repository(e), e.text("team")
    rules = e.settings(SERVICE)["scanning"]["rules"]
    covering = [rule for rule in rules if _covers(rule, e.text("repository"))]
    if not covering:
        old = settings["imageScanningConfiguration"].get("scanOnPush") is True
        raise Failure(
            "The repository itself is set to scan on push, which AWS is giving up; the registry has no rule for it."
            if old
            else f"No rule covers {e.text('repository')}; the filters are {listed(_filters(rules))}."
            if rules
            else "The registry has no scanning rule, so scans are started by hand only.",
            "Set the rule with put-registry-scanning-configuration. A filter is compared with the whole name of a "
            "repository.",
        )
    on_push = [rule for rule in covering if rule.get("scanFrequency") == "SCAN_ON_PUSH"]
    if not on_push:
        raise Failure(
            f"The rule's frequency is {listed(str(rule.get('scanFrequency')) for rule in covering)}.",
            "Set the rule again with the frequency SCAN_ON_PUSH.",
        )
    filters = _filters(rules)
    shapes = [f"{team}/*", *(part if "*" in part else f"*{part}*" for part in filters)]
    names = [f"{team}/another-model", "shop/ml-model", f"{team}x/ml-model", "ml-model"]
    for name in (*names, *boundaries.Tags(shapes, REPOSITORY).examples()):
        ours = name.startswith(f"{team}/")
        scanned = [rule for rule in rules if _covers(rule, name) and rule.get("scanFrequency") != "MANUAL"]
        if ours and not any(rule.get("scanFrequency") == "SCAN_ON_PUSH" for rule in scanned):
            raise Failure(
                f"The filters {listed(filters)} do not have {name} scanned on push, a repository of your team.",
                "Let a star stand for what comes after the team's slash.",
            )
        if not ours and scanned:
            raise Failure(
                f"The filters {listed(filters)} cover {name}, too.",
                "Make the filter narrower: the team, its slash, and a star.",
            )


@check(
    "releases",
    trust="proved",
    expected="latest and {releases[2]} are one and the same image.",
    why="Three tags, three images, and one pointer that says which is the newest. What the tags promise stands in the "
    "images, too, where no push can change it.",
)
def releases(e: Evidence) -> None:
    """Three releases are there, each its own image, and latest is the newest"""
    versions, team = e.texts("releases"), e.text("team")
    digests: dict[str, str] = {}
    for version in versions:
        held, labels = _release(e, version)
        if labels.get(OWNER_LABEL) != team:
            raise Failure(
                f"The label says {labels.get(OWNER_LABEL, 'nothing: it is not there')}.",
                "The owner comes in when you build: --build-arg OWNER=…. A version cannot be pushed again: "
                "remove the tag with batch-delete-image first.",
                expected=f"An image under {version} whose label {OWNER_LABEL} names your team, {team}.",
            )
        if labels.get(VERSION_LABEL) != version:
            raise Failure(
                f"The label says {labels.get(VERSION_LABEL, 'nothing: it is not there')}.",
                "Build each release with its own --label. A version cannot be pushed again: remove the tag "
                "with batch-delete-image first.",
                expected=f"An image under {version} whose label {VERSION_LABEL} says {version}.",
            )
        digests[held.tags[version]] = version
    held, _ = _release(e, "latest")
    # Built and pushed once more, from the cache: the release cannot move, and latest gets a new attestation.
    if images_of(held, held.tags["latest"]) != images_of(held, held.tags[versions[-1]]):
        where = digests.get(held.tags["latest"])
        raise Failure(
            f"latest points at {where}." if where else "latest points at an image that is none of the releases.",
            "Give the image of the newest release the tag latest, and push that name. Do not build it again.",
        )


@check(
    "refused",
    trust="claimed",
    needs=["releases"],
    expected="A push of another image under one of {releases[0]}, {releases[1]} and {releases[2]}, which the registry "
    "refused.",
    why="The layers were taken, since nobody had named them yet; the manifest was not. Whoever deployed that version "
    "still gets what they tested.",
)
def refused(e: Evidence) -> None:
    """Another image under a version that is taken was refused"""
    versions, held = e.texts("releases"), e.repository(SERVICE, e.text("repository"))
    tags = held.tags if held else {}
    refusals = [refusal for line in _lines(e) if (refusal := _refused_push(line))]
    if any(tag in versions and digest != tags.get(tag) for tag, digest in refusals):
        return
    if any(tag in versions for tag, _ in refusals):
        raise Failure(
            "What was refused is the image that the release has already.",
            "Build with another label: only another image shows that the release stays what it was.",
        )
    if refusals:
        raise Failure("The registry refused a push under another tag.", "Try it with the tag of a release.")
    raise Failure(
        "The emulator's journal has no such refusal.",
        "Push an image with another label under the first release's tag, when that is there and cannot move. docker "
        "and boto3 count alike.",
    )


@check(
    "untagged",
    trust="proved",
    expected="A reference of the form REGISTRY/{repository}@sha256:…, of the image that {dev_tag} pointed at before.",
    why="Moving a tag deletes nothing. What it pointed at before is still stored, is still paid for, and can be pulled "
    "as long as somebody knows its digest.",
)
def untagged_build(e: Evidence) -> None:
    """You found the build that lost its tag, and can still name it"""
    value = require_answer(e, "old_build", "The reference of the untagged image, by digest")
    settings, name, tag = _repository(e), e.text("repository"), e.text("dev_tag")
    held, _ = image(e, SERVICE, name, tag)
    lost = untagged(settings)
    if not lost:
        raise Failure(
            "No image of the repository is without a tag.",
            f"Push another image under {tag}: the first one then loses the tag.",
        )
    digest = _digest_of(value, name)
    digest = next((other for other in lost if digest in images_of(held, other)), digest)  # an index's image names it
    if digest == held.tags[tag]:
        raise Failure(f"That is the image which {tag} points at now.", "Ask ECR for the images that have no tag.")
    if digest not in lost:
        tags = [other for other, its in held.tags.items() if its == digest]
        raise Failure(
            f"That image has the {'tag' if len(tags) == 1 else 'tags'} {listed(tags)}."
            if tags
            else _inside(held, digest) or "The repository has no untagged image of that digest.",
            "Ask ECR for the images that have no tag. What an index lists has none either, and has lost "
            f"none: note the digest that {tag} points at, before you push the second build.",
        )
    under = {str(line.get("tag")) for line in _lines(e) if line.get("what") == "push" and line.get("digest") == digest}
    if under and tag not in under:
        names = listed(under - {""})
        raise Failure(
            f"That image lost a tag as well, but it was pushed under {names}."
            if names
            else "That image never had a tag: it was pushed by its digest, as a part of an index that was refused.",
            f"Of the images without a tag, take the one that the first push under {tag} named.",
        )
    if held.image(digest) is None:
        raise Failure(
            "What has that digest is no image that can be read.",
            "Push two small images under the tag, one after the other.",
        )


@check(
    "agree",
    trust="proved",
    needs=["releases"],
    expected="describe-images and the registry name the same digest for each tag.",
    why="A digest is computed from the content, so AWS's API and the registry cannot tell different ones for the same "
    "image: the name is the proof.",
)
def agree(e: Evidence) -> None:
    """AWS's API and the registry tell the same of every image, and a registry takes them as they are"""
    settings = _repository(e)
    held, _ = image(e, SERVICE, e.text("repository"), e.texts("releases")[-1])
    told = {tag: part["digest"] for part in settings["images"] for tag in part["tags"]}
    different = {tag for tag in told.keys() | held.tags.keys() if told.get(tag) != held.tags.get(tag)}
    if different:
        raise Failure(
            f"They differ for {listed(different)}.",
            "Run `python3 course.py stop`, then `python3 course.py start`, and push those tags again.",
        )
    for tag in e.texts("releases"):
        require_round_trip(e, held, tag)


@check(
    "policy-grants",
    trust="recomputed",
    expected="The policy allows the role ci-role what a push needs.",
    why="The role is in your own account, where one Allow is enough. The partner is in another: your Allow is half of "
    "what it needs, and its own account gives the other half.",
)
def policy_grants(e: Evidence) -> None:
    """The role can push, and the partner's account can pull"""
    grants = _grants(e)
    if refused := _refused(grants, (CI, NEXT_CI), PUSH):
        session = f"{ACCOUNT}:assumed-role" in json.dumps(_policy(e))
        raise Failure(
            f"For the role it does not allow {listed(refused.actions)}{refused.when}."
            + (" It names one session of the role, as get-caller-identity prints it." if session else ""),
            "A condition keeps the role out, and the task asks for none."
            if refused.by_condition
            else f"The principal is the role itself, arn:aws:iam::{ACCOUNT}:role/ci-role."
            if len(refused.actions) == len(PUSH)
            else "Compare with the list of actions in lesson 06.",
        )
    if refused := _refused(grants, PARTNERS, PULL):
        raise Failure(
            f"For the partner it does not allow {listed(refused.actions)}{refused.when}.",
            "A condition keeps the partner out, and the task asks for none."
            if refused.by_condition
            else "The principal is the partner's account: its root ARN, or its twelve digits. A user's ARN lets in no "
            "other user and no role of that account."
            if len(refused.actions) == len(PULL)
            else "A pull reads the manifest and then the layers: two actions.",
            expected=f"The policy allows the account {PARTNER} what a pull needs.",
        )


@check(
    "policy-limits",
    trust="recomputed",
    needs=["policy-grants"],
    expected="The role may push (and read what it pushed), the partner may pull, and nobody may do anything else.",
    why="Every pair of someone and something else was refused. If the pipeline's credential leaks, nobody can delete a "
    "release with it.",
)
def policy_limits(e: Evidence) -> None:
    """Nobody gets more than the task needs"""
    grants = _grants(e)
    named, left_out = access_requests.principals(grants.statements)
    contexts, cut = access_requests.contexts(grants.statements)
    asking = [("the role ci-role", CI), *(("the partner", arn) for arn in PARTNERS)]
    asking += [*STRANGERS.items(), *((_who(arn), arn) for arn in named)]
    for who, arn in dict.fromkeys(asking):
        for context in contexts:
            more = sorted(grants.allowed(arn, context) - _fine(arn))
            if more:
                raise Failure(
                    f"The policy also lets {who} do {listed(more, 3)}{_when(context)}.",
                    "Look for a star, for an action too many, and for a principal that means more people than it "
                    "should.",
                )
    if left_out or cut:
        raise NotGraded(
            f"The policy names so much that not every request could be tried: {left_out} principals and {cut} "
            "conditions were not. Write it shorter, or ask your instructor to look at it."
        )


@check(
    "names",
    trust="recomputed",
    expected="The names of {releases[0]}, {releases[1]} and {releases[2]} in the account me.account and the region "
    "me.region, in their order.",
    why="Account and region stand in the host, so one name leads to one registry in the world, whoever uses it.",
)
def names(e: Evidence) -> None:
    """You know what the three releases would be called on AWS"""
    value = require_answer(e, "real_names", "Three full names, in the order of me.releases")
    account, region, name = (e.text(key) for key in ("account", "region", "repository"))
    versions = e.texts("releases")
    if not isinstance(value, list) or len(value) != len(versions) or not all(isinstance(text, str) for text in value):
        raise Failure(
            f"You recorded {shown(value)}, which is no list of three texts.",
            "Record a list with one text for each of me.releases.",
        )
    for text, version in zip(value, versions, strict=True):
        fault = _name_fault(str(text), account, region, name, version)
        if fault:
            raise Failure(f"{str(text)[:120]}: {fault}", "Correct that part, and look for the same in the other names.")


# -- what the rules ask ----------------------------------------------------------------------------------------------


def _lines(e: Evidence) -> list[Mapping[str, Any]]:
    """What the emulator's journal tells of the repository."""
    name = e.text("repository")
    return [line for line in e.journal if line.get("service") == SERVICE and line.get("repository") == name]


def _refused_push(line: Mapping[str, Any]) -> tuple[str, str] | None:
    """Tag and digest of a push that was refused since the tag cannot move; None for a line of anything else.

    Earlier kits wrote no digest, and of a refused PutImage the tag in the message alone.
    """
    detail = line.get("detail")
    if line.get("what") != "refuse" or not isinstance(detail, dict):
        return None
    message = str(detail.get("message"))
    pushes = detail.get("method", "PUT") == "PUT" and detail.get("operation", "PutImage") == "PutImage"
    if not pushes or "immutable" not in message:
        return None
    said = re.match(r"The image tag '([^']+)'", message) if "operation" in detail else None
    return str(line.get("tag") or (said[1] if said else "")), str(line.get("digest") or "")


def _repository(e: Evidence) -> Mapping[str, Any]:
    """The repository as AWS's API knows it.

    Raises:
        Failure: it does not exist; names one that looks as if it was meant.
    """
    name, known = e.text("repository"), e.settings(SERVICE).get("repositories", {})
    told: Mapping[str, Any] | None = known.get(name)
    if told is not None:
        return told
    near = lookalikes(name, known)
    raise Failure(
        f"It is not there, but {listed(near)} {'is' if len(near) == 1 else 'are'}."
        if near
        else "No such repository is there.",
        "The name is me.repository as a whole, with the team, the slash and ml-model."
        if near
        else "Create it: ECR makes none by itself when something is pushed.",
        expected=f"A repository {name} in {PLACE}.",
    )


def _filters(rules: Iterable[Mapping[str, Any]]) -> list[str]:
    return [str(part.get("filter")) for rule in rules for part in rule.get("repositoryFilters", ())]


def _covers(rule: Mapping[str, Any], name: str) -> bool:
    """A filter with a star is compared with the whole name; one without covers every name that contains it.

    Source: https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-scanning-filters.html
    """
    return any(wildcard(part, name) if "*" in part else part in name for part in _filters([rule]))


def _release(e: Evidence, tag: str) -> tuple[Repository, Mapping[str, str]]:
    """The repository, and the labels of the image under a tag."""
    held, manifest = image(e, SERVICE, e.text("repository"), tag)
    return held, held.labels(manifest)


def untagged(repository: Mapping[str, Any]) -> set[str]:
    """Digests that no tag points to and that belong to no index and no other image.

    Args:
        repository: as in the settings.
    """
    inside = {child for part in repository["images"] for child in part["children"]}
    return {
        part["digest"]
        for part in repository["images"]
        if not part["tags"] and part["subject"] is None and part["digest"] not in inside
    }


def _inside(held: Repository, digest: str) -> str:
    """Which index lists a digest, in a sentence; "" for a digest that no tagged index lists."""
    for tag, its in sorted(held.tags.items()):
        index = held.parsed(its)
        for child in index.manifests if isinstance(index, ImageIndex) else ():
            if child.digest == digest:
                what = "the attestation" if child.is_attestation else f"the image for {child.platform}"
                return f"That is {what} inside the index that {tag} points at."
    return ""


def _digest_of(value: object, name: str) -> str:
    """The digest in a recorded reference to the repository.

    Raises:
        Failure: it is no such reference.
    """
    parts = "Put together ECR, a slash, the repository, an @ and the digest, without http://."
    if not isinstance(value, str):
        raise Failure(f"You recorded {shown(value)}.", "Record a text.")
    if is_digest(value.strip()):
        raise Failure("A digest alone says what, but not where.", parts)
    try:
        reference = references.parse(value.strip())
    except references.InvalidReference as error:
        raise Failure(f"That is no image reference: {error}", parts) from None
    if reference.repository != name or reference.registry == "docker.io":
        raise Failure(f"It names the repository {reference.repository} on {reference.registry}.", parts)
    if reference.digest is None:
        raise Failure("It names a tag, and that image has none.", parts)
    return reference.digest


def _policy(e: Evidence) -> Mapping[str, Any]:
    """The policy on the repository.

    Raises:
        Failure: it has none, or none that is an object.
    """
    policy = _repository(e)["policy"]
    if policy is None:
        raise Failure(
            "It has none.",
            "Write one, and set it with set-repository-policy.",
            expected=f"A policy on the repository {e.text('repository')}.",
        )
    if not isinstance(policy, Mapping):
        raise Failure("It is something else.", "Set it again.", expected="A policy that is a JSON object.")
    return policy


def _grants(e: Evidence) -> access.Grants:
    """What the repository's policy allows by itself.

    Raises:
        Failure: it has none, or none that can be evaluated.
    """
    policy, resource = _policy(e), f"arn:aws:ecr:us-east-1:{ACCOUNT}:repository/{e.text('repository')}"
    try:
        statements = [statement for _, statement in access.read_policy(policy)]
    except InvalidPolicy as faults:
        raise Failure(
            str(faults),
            "Correct that part of it, or leave it out: who may do what can be said with Principal and Action alone.",
            expected="A policy that can be evaluated here.",
        ) from None
    return access.Grants(policy, resource, access_requests.actions(statements))


@dataclass(frozen=True)
class _Refused:
    """Actions that not all of some are allowed, under which condition (in words; first without any), and whether a
    condition of the policy is what keeps them out."""

    actions: list[str]
    when: str
    by_condition: bool


def _refused(grants: access.Grants, who: Sequence[str], wanted: Sequence[str]) -> _Refused | None:
    """What is refused of what somebody has to be allowed in any case; None where nothing is."""
    contexts = access_requests.contexts(grants.statements)[0]
    lacking = [
        [action for action in wanted if not all(action in grants.allowed(arn, context) for arn in who)]
        for context in contexts
    ]
    for context, missing in zip(contexts, lacking, strict=True):
        if missing:
            return _Refused(missing, _when(context), min(map(len, lacking)) < len(missing))
    return None


def _fine(arn: str) -> frozenset[str]:
    """What someone may be allowed."""
    if arn.startswith(CI.rpartition("/")[0] + "/"):
        return frozenset((*PUSH, *PULL))
    if f"::{PARTNER}:" in arn:
        # A client may ask first which layers it lacks; AWS lists that among what a pull may need.
        return frozenset((*PULL, "ecr:BatchCheckLayerAvailability"))
    return frozenset()


def _who(arn: str) -> str:
    """Who it is that a policy names, in words."""
    parts = arn.split(":")
    if len(parts) < 6:
        return f"the service {arn}"
    owner = "your account" if parts[4] == ACCOUNT else f"the account {parts[4]}"
    kind, _, name = parts[5].partition("/")
    if name in ("someone", "some-role/session"):
        return f"anyone of {owner}"
    words = {"assumed-role": "role", "federated-user": "federated user"}.get(kind, kind)
    return f"the {words} {name.partition('/')[0]} of {owner}"


def _when(context: Mapping[str, str]) -> str:
    """The condition keys of a request, to end a sentence."""
    return f" when {listed(f'{key} is {value}' for key, value in context.items())}" if context else ""


def _name_fault(text: str, account: str, region: str, name: str, version: str) -> str | None:
    """What is wrong with one name, as a sentence; None if nothing is."""
    try:
        reference = references.parse(text.strip())
    except references.InvalidReference as error:
        return f"that is no image reference: {error}"
    host = reference.registry.split(".")
    if reference.registry.startswith("localhost"):
        return "that is the emulator's address, and AWS's is asked for."
    if host[0].isdecimal() and len(host[0]) != len(account):
        return f"the account has {len(host[0])} digits; an account has 12, and a zero in front is one of them."
    described = clouds.describe(reference)
    if described.cloud != "ecr":
        return f"{reference.registry} is no address of an ECR registry."
    if host[-1] in ("cn", "eu"):
        return f"addresses that end in .{host[-1]} are of another part of AWS, and me.region is not there."
    wanted = {
        "account": (host[0], account),
        "region": (described.parts["region"], region),
        "repository": (reference.repository, name),
    }
    for part, (given, right) in wanted.items():
        if given != right:
            return f"the {part} is {given}, and me.{part} is asked for."
    if reference.tag != version:
        return f"the tag is {reference.tag}, and here it is the turn of {version}."
    return None
