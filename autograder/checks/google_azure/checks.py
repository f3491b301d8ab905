"""Lab 07, Google and Azure: one image in both clouds, names that move, clean-up by policy, a narrow token, a lock."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from autograder.checks.api import Failure, NotGraded, check, require_answer
from autograder.checks.first_push.data import BIRDS
from autograder.checks.google_azure import fleets
from autograder.checks.google_azure.fleets import Entry
from autograder.checks.shared.images import SERVICES, image, listed
from autograder.checks.shared.seeded_random import SeededRandom
from autograder.domain import references, retention
from autograder.domain.clouds import GCR_LOCATIONS
from autograder.domain.retention import acr_command, acr_policy
from autograder.evidence.model import Evidence

GOOGLE, AZURE = "artifact-registry", "acr"
OWNER_LABEL = "course.owner"
PULL = "content/read"
LONGEST = timedelta(days=30)  # of the token
MAX_COMMAND = 2_000  # characters of the purge: each filter is held against each tag
NOW = datetime(2026, 11, 2, 8, tzinfo=UTC)  # ages are what counts; any moment does
LOCATIONS = ("europe-west1", "europe-west4", "us-central1", "us-east1", "asia-northeast1")


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
    return {
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


def _text(e: Evidence, name: str) -> str:
    return str(e.parameters[name])


def _settings(e: Evidence, service: str) -> Mapping[str, Any]:
    found = e.services.get(service)
    return found.settings if found else {}


def _google(e: Evidence, name: str) -> Mapping[str, Any]:
    """The settings of a repository in the student's project.

    Raises:
        Failure: it is not there, or not where it was asked for.
    """
    whole, location = f"{_text(e, 'project')}/{name}", _text(e, "location")
    known = {str(one["name"]): one for one in _settings(e, GOOGLE).get("settings", ())}
    expected = f"A repository {name} of the project {_text(e, 'project')}, in {location}."
    if whole not in known:
        near = [other for other in known if other.endswith(f"/{name}") or other.startswith(f"{_text(e, 'project')}/")]
        raise Failure(
            expected=expected,
            found=f"It is not there, but {listed(near)} {'is' if len(near) == 1 else 'are'}."
            if near
            else "It is not there.",
            next_step="Artifact Registry makes no repository by a push: create it, in me.project and me.location.",
        )
    if known[whole]["location"] != location:
        raise Failure(
            expected=expected,
            found=f"It lies in {known[whole]['location']}.",
            next_step="A location is chosen when a repository is created, and stays. Delete it and create it again.",
        )
    found: Mapping[str, Any] = known[whole]
    return found


@check(
    "same-image",
    trust="proved",
    why="One build got two names. Both clouds hold the same bytes, so a test of one is a test of the other.",
)
def same_image(e: Evidence) -> None:
    """Both clouds hold your release, and it is one image"""
    version, team = _text(e, "version"), _text(e, "team")
    _google(e, "models")
    places = {GOOGLE: f"{_text(e, 'project')}/models/ml-model", AZURE: _text(e, "repository")}
    digests = {}
    for service, name in places.items():
        held, found = image(e, service, name, version)
        owner = held.labels(found).get(OWNER_LABEL)
        if owner != team:
            raise Failure(
                expected=f"The image {name}:{version} in {SERVICES[service]} has the label {OWNER_LABEL} with {team}.",
                found=f"The label says {owner or 'nothing: it is not there'}.",
                next_step="Build with --build-arg OWNER=… and push again.",
            )
        digests[service] = held.tags[version]
    if digests[GOOGLE] != digests[AZURE]:
        raise Failure(
            expected=f"{version} has the same digest in both clouds.",
            found=f"It is {digests[GOOGLE][:19]}… in Artifact Registry and {digests[AZURE][:19]}… in ACR.",
            next_step="Build once. Then give that image its two names with docker tag, and push both by one client.",
        )


@check(
    "lock",
    trust="recomputed",
    needs=["same-image"],
    why="In one cloud the repository keeps all its tags, in the other somebody must think of each. Both refuse a push.",
)
def lock(e: Evidence) -> None:
    """Nobody can put another image under the release, in either cloud"""
    version, name = _text(e, "version"), _text(e, "repository")
    if not _google(e, "models")["immutableTags"]:
        raise Failure(
            expected="The tags of the repository models cannot move.",
            found="They can: the repository has no immutable tags.",
            next_step="In Artifact Registry that is a setting of the repository, for all its tags. Switch it on.",
        )
    expected = f"The tag {version} of {name} is locked against writing, and nothing else is."
    held = next((one for one in _settings(e, AZURE).get("repositories", ()) if one["name"] == name), None)
    parts = held["images"] if held else ()
    locked = {tag["name"] for part in parts for tag in part["tags"] if tag["attributes"].get("writeEnabled") is False}
    if held and held["attributes"].get("writeEnabled") is False:
        raise Failure(
            expected=expected,
            found="The whole repository is locked, so the next release cannot be pushed either.",
            next_step="Unlock the repository, and lock the one tag: NAME:TAG.",
        )
    if version not in locked:
        by_digest = any(part["attributes"].get("writeEnabled") is False for part in parts)
        delete = any(tag["attributes"].get("deleteEnabled") is False for part in parts for tag in part["tags"])
        raise Failure(
            expected=expected,
            found=f"The tag {listed(locked)} is locked instead."
            if locked
            else "The image is locked by its digest, and the tag can still move to another one."
            if by_digest
            else "It cannot be deleted, but it can be overwritten."
            if delete
            else "No tag is locked.",
            next_step="Lock the tag itself with --write-enabled false.",
        )


def migrated(old: str, repository: str) -> str:
    """Today's name of a ``gcr.io`` image. Source of the locations: ``autograder.domain.clouds``."""
    host, project, rest = old.split("/", 2)
    return f"{GCR_LOCATIONS[host]}-docker.pkg.dev/{project}/{repository}/{rest}"


@check(
    "names",
    trust="recomputed",
    why="A gcr.io host stood for a location that nobody had to know. Today's name says it, and names a repository.",
)
def names(e: Evidence) -> None:
    """You know today's names of five gcr.io images"""
    value = require_answer(e, "new_names", "Five full names, in the order of me.old_names")
    olds = e.parameters["old_names"]
    assert isinstance(olds, list)
    expected = "Today's names of me.old_names, in their order, in the repository me.new_repository of each project."
    if not isinstance(value, list) or len(value) != len(olds) or not all(isinstance(one, str) for one in value):
        raise Failure(
            expected=expected,
            found=f"You recorded {len(value)} values." if isinstance(value, list) else "You recorded no list.",
            next_step=f"Record a list of {len(olds)} texts.",
        )
    for old, new in zip(olds, value, strict=True):
        fault = _name_fault(str(new), migrated(str(old), _text(e, "new_repository")))
        if fault:
            raise Failure(
                expected=expected, found=f"For {old}: {fault}", next_step="Correct that part of the new name."
            )


def _name_fault(text: str, wanted: str) -> str | None:
    """What is wrong with a name, as a sentence; None if nothing is."""
    right = references.parse(wanted)
    try:
        found = references.parse(text.strip())
    except references.InvalidReference as error:
        return f"{text[:80]} is no image reference: {error}"
    if found.registry != right.registry:
        if found.registry.endswith("gcr.io"):
            return f"the host is still {found.registry}, which takes no writes any more."
        if found.registry.startswith(("localhost", "127.0.0.1")):
            return "that is the emulator's address, and Google's is asked for."
        return f"the host is {found.registry}, and the old host's images lie elsewhere."
    project, repository, rest = right.repository.split("/", 2)
    parts = found.repository.split("/", 2)
    if found.repository == f"{project}/{rest}":
        return "the repository is missing between project and image."
    if parts[0] != project:
        return f"the project is {parts[0]}."
    if parts[1:2] != [repository]:
        return f"the repository is {parts[1] if len(parts) > 1 else 'missing'}."
    if parts[2:] != [rest]:
        return f"the image is {parts[2] if len(parts) > 2 else 'missing'}."
    if found.digest != right.digest:
        return f"the digest is {found.digest or 'missing'}."
    if right.digest is None and found.tag != right.tag:
        return f"the tag is {found.tag}."
    return None


def _held_against(e: Evidence, kind: str) -> list[tuple[str, list[Entry]]]:
    """The fleets that a policy must get right: the personal one, and in grading hidden ones.

    Raises:
        NotGraded: a submission whose hidden fleets were not drawn.
    """
    draw = SeededRandom(f"{_text(e, 'team')} {kind}")
    found = [("your fleet", {"google": fleets.google, "azure": fleets.azure}[kind](draw, e.parameters))]
    if e.origin == "submission":
        probe: Any = e.probes.get("hidden")
        if not isinstance(probe, dict) or not probe.get(kind):
            raise NotGraded("The hidden fleets were not drawn.")
        found += [("a fleet that you have not seen", fleets.unpacked(one)) for one in probe[kind]]
    return found


def _preview(dialect: str, policy: str, fleet: Sequence[Entry]) -> retention.Preview:
    try:
        return retention.preview(dialect, policy, fleets.images(fleet, NOW), NOW)
    except retention.InvalidPolicy as error:
        raise Failure(
            expected="A policy that the cloud accepts.",
            found=f"{str(error)[:300]}.",
            next_step="Correct that. `python3 course.py retention preview` says the same before you set it.",
        ) from None


@check(
    "cleanup-policy",
    trust="recomputed",
    why="A Delete says what may go, a Keep what stays in any case, and the order of the entries does not matter.",
)
def cleanup_policy(e: Evidence) -> None:
    """Artifact Registry cleans up the repository dev, and takes the right images"""
    found = _google(e, "dev")
    prefix, days = _text(e, "prefix"), e.parameters["days"]
    expected = f"A cleanup policy on dev: {prefix}… goes after {days} days, with the exceptions of the task."
    if found["immutableTags"]:
        raise Failure(
            expected=expected,
            found="The repository has immutable tags, so no image that has a tag can be deleted.",
            next_step="Builds go into a repository whose tags may move. Switch them on for models alone.",
        )
    if not found["cleanupPolicies"]:
        raise Failure(expected=expected, found="It has none.", next_step="Set one with set-cleanup-policies.")
    if found["cleanupPolicyDryRun"]:
        raise Failure(
            expected=expected,
            found="The policy is set as a dry run: it only writes a log.",
            next_step="Set it again with --no-dry-run.",
        )
    policy = json.dumps(found["cleanupPolicies"])
    for where, fleet in _held_against(e, "google"):
        for entry, result in zip(fleet, _preview("gar", policy, fleet).results, strict=True):
            gone = result.action == retention.Action.EXPIRE
            if gone != bool(entry.gone):
                raise Failure(
                    expected=expected,
                    found=f"In {where}, {_named(entry, where)} would {'go' if gone else 'stay'}: {_because(result)}.",
                    next_step=f"Sentence {entry.sentence} of the task decides about it. "
                    + (
                        "Which Delete takes it, and should a Keep save it?"
                        if gone
                        else "Which Delete should take it, and is a Keep too wide?"
                    ),
                )


def _because(result: retention.Result) -> str:
    """Which entry of the policy decides about an image, without the facts of that image."""
    return result.why.partition(";")[0][:200]


def _named(entry: Entry, where: str) -> str:
    """Of a hidden fleet only the kind of image is told."""
    return entry.named if where == "your fleet" else entry.what


@check(
    "purge",
    trust="recomputed",
    why="The expression says where a tag begins and where it ends, so nothing longer is taken with it.",
)
def purge(e: Evidence) -> None:
    """Your acr purge takes old builds and what has no tag, and nothing else"""
    value = require_answer(e, "purge", "The acr purge command, as one text")
    expected = (
        f"An acr purge of {_text(e, 'repository')}: {_text(e, 'prefix')} and digits, {e.parameters['days']} days."
    )
    if not isinstance(value, str):
        kind = type(value).__name__
        raise Failure(expected=expected, found=f"You recorded a value of type {kind}.", next_step="Record a text.")
    if len(value) > MAX_COMMAND:
        raise Failure(
            expected=expected,
            found=f"Your text has {len(value)} characters.",
            next_step=f"Record a command of at most {MAX_COMMAND}: one filter is enough.",
        )
    try:
        command = acr_policy.parse(value).purge
    except retention.InvalidPolicy as error:
        said = "; ".join(dict.fromkeys(one.message for one in error.errors))
        raise Failure(
            expected=expected,
            found=f"It cannot be used: {said[:300]}.",
            next_step="Correct that. `python3 course.py acr run` says the same when you try the command.",
        ) from None
    if command is None:
        raise Failure(expected=expected, found="That is no purge.", next_step="Record the acr purge command itself.")
    if command.dry_run:
        raise Failure(
            expected=expected,
            found="With --dry-run it only lists what it would remove.",
            next_step="Record the command as it would run for good, without --dry-run.",
        )
    for where, fleet in _held_against(e, "azure"):
        for entry, result in zip(fleet, _preview("acr", value, fleet).results, strict=True):
            lost, gone = set(result.tags_removed), result.action == retention.Action.EXPIRE
            fault = _purge_fault(entry, lost, gone)
            if fault:
                raise Failure(
                    expected=expected,
                    found=f"In {where}, {_named(entry, where)} {fault}",
                    next_step=_too_much(entry, e.parameters)
                    if fault in TAKES
                    else _too_little(command, bool(set(entry.gone) - lost - {""}), e.parameters),
                )


TAKES = ("would lose a tag that must stay.", "would go.")


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


def _too_little(command: acr_command.Purge, tag: bool, p: Mapping[str, Any]) -> str:
    """What to do about a purge that leaves an image, or a tag of it, which should go."""
    repository = str(p["repository"])
    if command.keep:
        return "--keep spares the newest of what would go, and the task spares none of it."
    if tag and command.untagged_only:
        return "--untagged-only leaves every tag alone. Another flag takes tags and images without one."
    if not any(acr_command.repository_regex(one).search(repository) for one in command.filters):
        return "What stands before the colon has to fit the whole name of the repository, me.repository."
    if command.ago > timedelta(days=p["days"]):
        return "--ago says how old something has to be: me.days days, and not more."
    if not tag and not command.untagged:
        return "Without --untagged, acr purge removes tags alone, and the images stay."
    return "What stands behind the colon has to fit me.prefix and any number of digits, one or many."


@check(
    "token",
    trust="recomputed",
    why="Whoever steals the device can pull one repository for a few days. With the admin user it would be everything.",
)
def token(e: Evidence) -> None:
    """A token may pull one repository, for at most 30 days, and nothing else"""
    name, repository = _text(e, "token"), _text(e, "repository")
    known = {str(one["name"]): one for one in _settings(e, AZURE).get("tokens", ())}
    expected = f"A token {name} with {PULL} on {repository}, for at most 30 days."
    if name not in known:
        raise Failure(
            expected=expected,
            found=f"There is none of that name, but {listed(known)}." if known else "There is no token.",
            next_step="Create it under me.token.",
        )
    found = known[name]
    actions, wanted = set(found["actions"]), f"repositories/{repository}/{PULL}"
    wide = sorted(one for one in actions if "*" in one)
    if wide:
        raise Failure(expected=expected, found=f"{listed(wide)} covers more repositories than one.", next_step=AGAIN)
    if wanted not in actions:
        raise Failure(
            expected=expected,
            found=f"It has {listed(actions) or 'no action'}, so it cannot pull {repository}.",
            next_step=AGAIN,
        )
    if actions - {wanted}:
        raise Failure(expected=expected, found=f"It also has {listed(actions - {wanted})}.", next_step=AGAIN)
    try:
        life = datetime.fromisoformat(found["expires"]) - datetime.fromisoformat(found["created"])
    except (ValueError, TypeError):  # "", or in edited evidence no time with a zone
        raise Failure(expected=expected, found="Its password never ends.", next_step=AGAIN) from None
    if life > LONGEST + timedelta(hours=1):
        raise Failure(expected=expected, found=f"Its password is good for {life.days} days.", next_step=AGAIN)


AGAIN = "Delete the token and create it again, with that one action on that one repository, and an end within 30 days."
