"""Lab 07, Google and Azure: one image in both clouds, names that move, clean-up by policy, a narrow token, a lock."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from autograder.checks.api import Failure, NotGraded, check, expecting, require_answer, require_probe
from autograder.checks.first_push.data import BIRDS
from autograder.checks.google_azure import fleets
from autograder.checks.google_azure.fleets import Entry
from autograder.checks.shared.compared import images, require_all
from autograder.checks.shared.images import SERVICES, image, listed
from autograder.checks.shared.seeded_random import SeededRandom
from autograder.domain import references, retention
from autograder.domain.clouds import GCR_LOCATIONS
from autograder.domain.retention import (
    Image,
    acr_command,
    acr_policy,
    acr_purge,
    artifact_registry,
    boundaries,
    boundaries_acr,
    gar_validate,
)
from autograder.domain.retention.acr_command import Purge
from autograder.domain.retention.gar_rules import RepositoryPolicy
from autograder.evidence.model import Evidence

GOOGLE, AZURE = "artifact-registry", "acr"
OWNER_LABEL = "course.owner"
PULL = "content/read"
OWN, CASE = "your fleet", "a case"  # where an image is, that a policy gets wrong
LONGEST = timedelta(days=30)  # of the token
MAX_COMMAND = 2_000  # characters of the purge: each filter is held against each tag
NOW = datetime(2026, 11, 2, 8, tzinfo=UTC)  # ages are what counts; any moment does
LOCATIONS = ("europe-west1", "europe-west4", "us-central1", "us-east1", "asia-northeast1")
TAKES = ("would lose a tag that must stay.", "would go.")  # what a purge that is too wide does to an image
AGAIN = "Delete the token and create it again, with that one action on that one repository, and an end within 30 days."


def parameters(draw: SeededRandom) -> dict[str, Any]:
    """A team with a project, a release, five old names, two clean-up rules and a device that pulls."""
    bird, digits = draw.choice("bird", BIRDS), draw.hex("team", 5)
    team, project = f"{bird}-{digits}", f"shop-{digits}"
    other = f"data-{draw.hex('other', 4)}"
    version = f"{draw.integer('major', 1, 6)}.{draw.integer('minor', 0, 9)}.{draw.integer('patch', 0, 9)}"
    old = draw.shuffle(
        "old names",
        [
            f"gcr.io/{project}/ml-model:{version}",
            f"us.gcr.io/{other}/tokenizer:{draw.integer('us', 1, 9)}.0",
            f"eu.gcr.io/{project}/{bird}/ranker:{draw.integer('eu', 1, 9)}.1.0",
            f"asia.gcr.io/{other}/features@sha256:{draw.hex('digest', 64)}",
            f"{draw.choice('fifth', ('eu', 'asia'))}.gcr.io/{other}/{bird}-base:2026-{draw.integer('month', 10, 12)}",
        ],
    )
    values: dict[str, Any] = {
        "team": team,
        "project": project,
        "location": draw.choice("location", LOCATIONS),
        "repository": f"{team}/ml-model",
        "version": version,
        "old_names": old,
        "new_repository": draw.choice("new repository", ("images", "models", "containers", "serving")),
        "prefix": draw.choice("prefix", ("exp-", "try-", "nightly-", "wip-")),
        "days": draw.integer("days", 20, 60),
        "untagged_days": draw.integer("untagged days", 4, 12),
        "newest": draw.integer("newest", 2, 4),
        "token": f"edge-{draw.hex('token', 4)}",
    }
    return values | {"_fleets": fleets.drawn(values)}


@check(
    "same-image",
    trust="proved",
    expected="{version} has the same digest in both clouds.",
    why="One build got two names. Both clouds hold the same bytes, so a test of one is a test of the other.",
)
def same_image(e: Evidence) -> None:
    """Both clouds hold your release, and it is one image"""
    version, team = e.text("version"), e.text("team")
    _google(e, "models")
    places = {GOOGLE: f"{e.text('project')}/models/ml-model", AZURE: e.text("repository")}
    digests = {}
    for service, name in places.items():
        held, manifest = image(e, service, name, version)
        owner = held.labels(manifest).get(OWNER_LABEL)
        if owner != team:
            raise Failure(
                f"The label says {owner or 'nothing: it is not there'}.",
                "Build with --build-arg OWNER=… and push again.",
                expected=f"The image {name}:{version} in {SERVICES[service]} has the label {OWNER_LABEL} with {team}.",
            )
        digests[service] = held.tags[version]
    if digests[GOOGLE] != digests[AZURE]:
        raise Failure(
            f"It is {digests[GOOGLE][:19]}… in Artifact Registry and {digests[AZURE][:19]}… in ACR.",
            "Build once. Then give that image its two names with docker tag, and push both by one client.",
        )


@check(
    "lock",
    trust="recomputed",
    needs=["same-image"],
    expected="The tag {version} of {repository} is locked against writing, and nothing else is.",
    why="In one cloud the repository keeps all its tags, in the other somebody must think of each. Both refuse a push.",
)
def lock(e: Evidence) -> None:
    """Nobody can put another image under the release, in either cloud"""
    version, name = e.text("version"), e.text("repository")
    if not _google(e, "models")["immutableTags"]:
        raise Failure(
            "They can: the repository has no immutable tags.",
            "In Artifact Registry that is a setting of the repository, for all its tags. Switch it on.",
            expected="The tags of the repository models cannot move.",
        )
    held = next((known for known in e.settings(AZURE).get("repositories", ()) if known["name"] == name), None)
    parts = held["images"] if held else ()
    locked = {tag["name"] for part in parts for tag in part["tags"] if tag["attributes"].get("writeEnabled") is False}
    if held and held["attributes"].get("writeEnabled") is False:
        raise Failure(
            "The whole repository is locked, so the next release cannot be pushed either.",
            "Unlock the repository, and lock the one tag: NAME:TAG.",
        )
    if version not in locked:
        by_digest = any(part["attributes"].get("writeEnabled") is False for part in parts)
        delete = any(tag["attributes"].get("deleteEnabled") is False for part in parts for tag in part["tags"])
        raise Failure(
            f"The tag {listed(locked)} is locked instead."
            if locked
            else "The image is locked by its digest, and the tag can still move to another one."
            if by_digest
            else "It cannot be deleted, but it can be overwritten."
            if delete
            else "No tag is locked.",
            "Lock the tag itself with --write-enabled false.",
        )


@check(
    "names",
    trust="recomputed",
    expected="Today's names of me.old_names, in their order, in the repository me.new_repository of each project.",
    why="A gcr.io host stood for a location that nobody had to know. Today's name says it, and names a repository.",
)
def names(e: Evidence) -> None:
    """You know today's names of five gcr.io images"""
    value = require_answer(e, "new_names", "Five full names, in the order of me.old_names")
    olds = e.texts("old_names")
    if not isinstance(value, list) or len(value) != len(olds) or not all(isinstance(text, str) for text in value):
        raise Failure(
            f"You recorded {len(value)} values." if isinstance(value, list) else "You recorded no list.",
            f"Record a list of {len(olds)} texts.",
        )
    for old, new in zip(olds, value, strict=True):
        fault = _name_fault(str(new), migrated(old, e.text("new_repository")))
        if fault:
            raise Failure(f"For {old}: {fault}", "Correct that part of the new name.")


@check(
    "cleanup-policy",
    trust="recomputed",
    expected="A cleanup policy on dev: {prefix}… goes after {days} days, with the exceptions of the task.",
    why="A Delete says what may go, a Keep what stays in any case, and the order of the entries does not matter.",
)
def cleanup_policy(e: Evidence) -> None:
    """Artifact Registry cleans up the repository dev, and takes the right images"""
    settings = _google(e, "dev")
    if settings["immutableTags"]:
        raise Failure(
            "The repository has immutable tags, so no image that has a tag can be deleted.",
            "Builds go into a repository whose tags may move. Switch them on for models alone.",
        )
    if not settings["cleanupPolicies"]:
        raise Failure("It has none.", "Set one with set-cleanup-policies.")
    if settings["cleanupPolicyDryRun"]:
        raise Failure("The policy is set as a dry run: it only writes a log.", "Set it again with --no-dry-run.")
    policy, p = _cleanup(settings["cleanupPolicies"]), dict[str, Any](e.parameters)
    named = boundaries.of_gar(policy)
    tried = boundaries.cases(fleets.google_terms(p), named, behind=p["newest"], package="ml-model")
    own, *unseen = _held_against(e, "google")
    _compare_google(policy, own[0], own[1], fleets.images(own[1], NOW))
    for case in tried.cases:
        _compare_google(policy, CASE, fleets.google_case(case, p), images(case, NOW))
    for where, fleet in unseen:
        _compare_google(policy, where, fleet, fleets.images(fleet, NOW))
    require_all(tried)


@check(
    "purge",
    trust="recomputed",
    expected="An acr purge of {repository}: {prefix} and digits, {days} days.",
    why="The expression says where a tag begins and where it ends, so nothing longer is taken with it.",
)
def purge(e: Evidence) -> None:
    """Your acr purge takes old builds and what has no tag, and nothing else"""
    value = require_answer(e, "purge", "The acr purge command, as one text")
    if not isinstance(value, str):
        raise Failure(f"You recorded a value of type {type(value).__name__}.", "Record a text.")
    if len(value) > MAX_COMMAND:
        raise Failure(
            f"Your text has {len(value)} characters.",
            f"Record a command of at most {MAX_COMMAND}: one filter is enough.",
        )
    try:
        command = acr_policy.parse(value).purge
    except retention.InvalidPolicy as error:
        said = "; ".join(dict.fromkeys(fault.message for fault in error.errors))
        raise Failure(
            f"It cannot be used: {said[:300]}.",
            "Correct that. `python3 course.py acr run` says the same when you try the command.",
        ) from None
    if command is None:
        raise Failure("That is no purge.", "Record the acr purge command itself.")
    if command.dry_run:
        raise Failure(
            "With --dry-run it only lists what it would remove.",
            "Record the command as it would run for good, without --dry-run.",
        )
    p = dict[str, Any](e.parameters)
    like = f"acr purge --filter '{re.escape(p['repository'])}:^{re.escape(p['prefix'])}[0-9]+$' --ago {p['days']}d"
    tried = boundaries_acr.cases(acr_command.parse_purge(like), command)
    own, *unseen = _held_against(e, "azure")
    _compare_azure(command, p, own[0], own[1], fleets.images(own[1], NOW))
    for case in tried.cases:
        _compare_azure(command, p, CASE, fleets.azure_case(case, p), images(case, NOW))
    for where, fleet in unseen:
        _compare_azure(command, p, where, fleet, fleets.images(fleet, NOW))
    require_all(tried)


@check(
    "token",
    trust="recomputed",
    expected="A token {token} with content/read on {repository}, for at most 30 days.",
    why="Whoever steals the device can pull one repository for a few days. With the admin user it would be everything.",
)
def token(e: Evidence) -> None:
    """A token may pull one repository, for at most 30 days, and nothing else"""
    name, repository = e.text("token"), e.text("repository")
    known = {str(held["name"]): held for held in e.settings(AZURE).get("tokens", ())}
    if name not in known:
        raise Failure(
            f"There is none of that name, but {listed(known)}." if known else "There is no token.",
            "Create it under me.token.",
        )
    token = known[name]
    actions, wanted = set(token["actions"]), f"repositories/{repository}/{PULL}"
    wide = sorted(action for action in actions if "*" in action)
    if wide:
        raise Failure(f"{listed(wide)} covers more repositories than one.", AGAIN)
    if wanted not in actions:
        raise Failure(f"It has {listed(actions) or 'no action'}, so it cannot pull {repository}.", AGAIN)
    if actions - {wanted}:
        raise Failure(f"It also has {listed(actions - {wanted})}.", AGAIN)
    try:
        life = datetime.fromisoformat(token["expires"]) - datetime.fromisoformat(token["created"])
    except (ValueError, TypeError):  # "", or in edited evidence no time with a zone
        raise Failure("Its password never ends.", AGAIN) from None
    if life > LONGEST + timedelta(hours=1):
        raise Failure(f"Its password is good for {life.days} days.", AGAIN)


# -- what the rules ask ----------------------------------------------------------------------------------------------


def _google(e: Evidence, name: str) -> Mapping[str, Any]:
    """The settings of a repository in the student's project.

    Raises:
        Failure: it is not there, or not where it was asked for.
    """
    whole, location = f"{e.text('project')}/{name}", e.text("location")
    known = {str(held["name"]): held for held in e.settings(GOOGLE).get("settings", ())}
    with expecting(f"A repository {name} of the project {e.text('project')}, in {location}."):
        if whole not in known:
            near = [other for other in known if other.endswith(f"/{name}") or other.startswith(f"{e.text('project')}/")]
            are = f", but {listed(near)} {'is' if len(near) == 1 else 'are'}" if near else ""
            raise Failure(
                f"It is not there{are}.",
                "Artifact Registry makes no repository by a push: create it, in me.project and me.location.",
            )
        settings: Mapping[str, Any] = known[whole]
        if settings["location"] != location:
            raise Failure(
                f"It lies in {settings['location']}.",
                "A location is chosen when a repository is created, and stays. Delete it and create it again.",
            )
        return settings


def migrated(old: str, repository: str) -> str:
    """Today's name of a ``gcr.io`` image. Source of the locations: ``autograder.domain.clouds``."""
    host, project, rest = old.split("/", 2)
    return f"{GCR_LOCATIONS[host]}-docker.pkg.dev/{project}/{repository}/{rest}"


def _name_fault(text: str, wanted: str) -> str | None:
    """What is wrong with a name, as a sentence; None if nothing is."""
    right = references.parse(wanted)
    try:
        given = references.parse(text.strip())
    except references.InvalidReference as error:
        return f"{text[:80]} is no image reference: {error}"
    if given.registry != right.registry:
        if given.registry.endswith("gcr.io"):
            return f"the host is still {given.registry}, which takes no writes any more."
        if given.registry.startswith(("localhost", "127.0.0.1")):
            return "that is the emulator's address, and Google's is asked for."
        return f"the host is {given.registry}, and the old host's images lie elsewhere."
    project, repository, rest = right.repository.split("/", 2)
    parts = given.repository.split("/", 2)
    if given.repository == f"{project}/{rest}":
        return "the repository is missing between project and image."
    if parts[0] != project:
        return f"the project is {parts[0]}."
    if parts[1:2] != [repository]:
        return f"the repository is {parts[1] if len(parts) > 1 else 'missing'}."
    if parts[2:] != [rest]:
        return f"the image is {parts[2] if len(parts) > 2 else 'missing'}."
    if given.digest != right.digest:
        return f"the digest is {given.digest or 'missing'}."
    if right.digest is None and given.tag != right.tag:
        return f"the tag is {given.tag}."
    return None


def _held_against(e: Evidence, kind: str) -> list[tuple[str, list[Entry]]]:
    """The fleets that a policy must get right: the personal one, and in grading hidden ones.

    Raises:
        NotGraded: a submission whose hidden fleets were not drawn.
    """
    held_against = [(OWN, fleets.visible(e.parameters, kind))]
    if e.origin == "submission":
        hidden = require_probe(e, "hidden", "The hidden fleets were not drawn.").get(kind)
        if not hidden:
            raise NotGraded("The hidden fleets were not drawn.")
        held_against += [("a fleet that you have not seen", fleets.unpacked(packed)) for packed in hidden]
    return held_against


def _cleanup(policies: Any) -> RepositoryPolicy:
    """Cleanup policies, read.

    Raises:
        Failure: the cloud would refuse it.
    """
    try:
        return gar_validate.parse(json.dumps(policies))
    except retention.InvalidPolicy as error:
        raise Failure(
            f"{str(error)[:300]}.",
            "Correct that. `python3 course.py retention preview` says the same before you set it.",
            expected="A policy that the cloud accepts.",
        ) from None


def _compare_google(policy: RepositoryPolicy, where: str, fleet: Sequence[Entry], held: Sequence[Image]) -> None:
    """Hold a cleanup policy against images.

    Raises:
        Failure: it does something else than the task asks for.
    """
    for entry, result in zip(fleet, artifact_registry.evaluate(policy, held, NOW).results, strict=True):
        gone = result.action == retention.Action.EXPIRE
        if gone != bool(entry.gone):
            raise Failure(
                f"{_named(entry, where)} would {'go' if gone else 'stay'}: {_because(result)}.",
                f"Sentence {entry.sentence} of the task decides about it. "
                + (
                    "Which Delete takes it, and should a Keep save it?"
                    if gone
                    else "Which Delete should take it, and is a Keep too wide?"
                ),
            )


def _compare_azure(
    command: Purge, p: Mapping[str, Any], where: str, fleet: Sequence[Entry], held: Sequence[Image]
) -> None:
    """Hold a purge against images.

    Raises:
        Failure: it does something else than the task asks for.
    """
    for entry, result in zip(fleet, acr_purge.evaluate(command, held, NOW), strict=True):
        lost, gone = set(result.tags_removed), result.action == retention.Action.EXPIRE
        fault = _purge_fault(entry, lost, gone)
        if fault:
            raise Failure(
                f"{_named(entry, where)} {fault}",
                _too_much(entry, p) if fault in TAKES else _too_little(command, bool(set(entry.gone) - lost - {""}), p),
            )


def _because(result: retention.Result) -> str:
    """Which entry of the policy decides about an image, without the facts of that image."""
    return result.why.partition(";")[0][:200]


def _named(entry: Entry, where: str) -> str:
    """An image in the beginning of a sentence; of a hidden fleet only the kind of image is told."""
    if where == CASE:
        return f"{entry.what[0].upper()}{entry.what[1:]},"
    return f"In {where}, {entry.named if where == OWN else entry.what}"


def _purge_fault(entry: Entry, lost: set[str], gone: bool) -> str | None:
    """What a purge does wrong with an image; None if nothing."""
    must = set(entry.gone)
    if "" in must:
        return None if gone else "would stay."
    if lost - must:
        return TAKES[0]
    if must - lost:
        return "would keep its tag."
    if must == set(entry.tags) and must and not gone:
        return "would lose its tag and stay as an image without one."
    return TAKES[1] if gone and not must else None


def _too_much(entry: Entry, p: Mapping[str, Any]) -> str:
    """What to do about a purge that takes this image."""
    if entry.locked:
        return "What is locked stays by itself, unless a flag asks for it. Leave that flag out."
    if entry.repository != p["repository"]:
        return "What stands before the colon is an expression for the whole name of a repository. Name me.repository."
    if entry.days < p["days"]:
        return "--ago says how old something has to be: me.days days, for tags and for images without one."
    return (
        "The expression matches anywhere in a tag, unless it says where the tag begins and where it ends. Between the "
        "prefix and the end stand digits, at least one, and nothing else."
    )


def _too_little(command: Purge, tag: bool, p: Mapping[str, Any]) -> str:
    """What to do about a purge that leaves an image, or a tag of it, which should go."""
    repository = str(p["repository"])
    if command.keep:
        return "--keep spares the newest of what would go, and the task spares none of it."
    if tag and command.untagged_only:
        return "--untagged-only leaves every tag alone. Another flag takes tags and images without one."
    if not any(acr_command.repository_regex(part).search(repository) for part in command.filters):
        return "What stands before the colon has to fit the whole name of the repository, me.repository."
    if command.ago > timedelta(days=p["days"]):
        return "--ago says how old something has to be: me.days days, and not more."
    if not tag and not command.untagged:
        return "Without --untagged, acr purge removes tags alone, and the images stay."
    return "What stands behind the colon has to fit me.prefix and any number of digits, one or many."
