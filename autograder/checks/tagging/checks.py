"""Lab 04, tagging: a personal specification as code, three releases under its tags, a promotion and a rollback."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from autograder.checks.api import Failure, check, expecting, require_answer, require_cases
from autograder.checks.first_push.data import BIRDS
from autograder.checks.shared.digests import require_digest
from autograder.checks.shared.images import image, listed, repository, require_round_trip
from autograder.checks.shared.pointers import difference
from autograder.checks.shared.seeded_random import SeededRandom
from autograder.checks.tagging.rules import Spec
from autograder.checks.tagging.rules import visible_cases as cases_of
from autograder.evidence.model import Case, Evidence, Repository
from autograder.oci.manifests import ImageManifest

SERVICE = "registry"
STAGING = "staging"
PREVIOUS = "-previous"
VERSION, REVISION, CREATED = (f"org.opencontainers.image.{key}" for key in ("version", "revision", "created"))
# https://www.rfc-editor.org/rfc/rfc3339#section-5.6, as the OCI asks for it
RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
REMOVE = (
    "To take a tag away, delete its manifest by digest (DELETE /v2/NAME/manifests/DIGEST): the manifest's tags all go. "
    "Then push the release again under its own tags."
)


@dataclass(frozen=True)
class Release:
    """One of the three personal releases, and its role among them."""

    version: str
    commit: str
    created: str


@dataclass(frozen=True)
class Releases:
    """The three: in this order they are released, and each is a trap for a script that moves every tag each time."""

    newest: Release
    candidate: Release
    fix: Release

    def __iter__(self) -> Iterator[Release]:
        return iter((self.newest, self.candidate, self.fix))


def parameters(draw: SeededRandom) -> dict[str, Any]:
    """A team, its repository, three releases, two regions, and the specification in words and as data."""
    team = f"{draw.choice('bird', BIRDS)}-{draw.hex('team', 4)}"
    spec = Spec.drawn(draw)
    major, minor = draw.integer("major", 1, 6), draw.integer("minor", 10, 14)
    label = draw.choice("label", ("rc", "beta", "alpha"))
    versions = (
        f"{major}.{minor}.0",
        f"{major}.{minor + 1}.0-{label}.{draw.integer('candidate', 1, 4)}",
        f"{major}.9.{draw.integer('fix', 2, 9)}",  # released last, and as a text it sorts after the first
    )
    day = draw.integer("day", 1, 9)
    stay, back = draw.sample("regions", ("eu", "us", "asia", "africa"), 2)
    return {
        "team": team,
        "repository": f"{team}/ml-model",
        "releases": [
            {
                "version": version,
                "commit": draw.hex(f"commit {number}", 40),
                "created": f"2026-{draw.integer('month', 1, 9):02}-{day + 7 * number:02}T"
                f"{draw.integer(f'hour {number}', 6, 18):02}:{draw.integer(f'minute {number}', 0, 59):02}:00Z",
            }
            for number, version in enumerate(versions)
        ],
        "region_stays": f"prod-{stay}",
        "region_back": f"prod-{back}",
        "rules": spec.rules(),
        "_spec": spec.as_parameter(),
    }


def visible_cases(values: Mapping[str, Any]) -> dict[str, list[Case]]:
    """The personal visible cases of the code task."""
    return {"release_tags": cases_of(Spec.of(values))}


@check(
    "release-tags",
    trust="recomputed",
    why="The rules are code now: no release depends on who typed its tags, and the odd cases are decided before they "
    "happen.",
)
def release_tags(e: Evidence) -> None:
    """release_tags follows your specification"""
    require_cases(e, "release_tags")


@check(
    "labels",
    trust="recomputed",
    expected="Three releases, three images.",
    why="Labels are part of the config, and so of the digest: whoever has the image knows which source it was built "
    "from, whatever its tags say tomorrow.",
)
def labels(e: Evidence) -> None:
    """Three releases are there, three images, and each says what it is"""
    seen: dict[str, Release] = {}
    for release in _releases(e):
        held, manifest, digest = _released(e, release)
        if digest in seen:
            raise Failure(
                f"{seen[digest].version} and {release.version} point at the same manifest: one image with two "
                "version tags.",
                "A new tag on an old image makes no new release. Build each release with its own labels.",
            )
        seen[digest] = release
        heavy = [fault.detail for fault in held.problems if fault.kind == "too-large"]
        if heavy:
            raise Failure(
                f"{heavy[0]}.",
                "Build the folder image: its Dockerfile begins with FROM scratch.",
                expected="Three small images that travel with your submission.",
            )
        _require_labels(e, held, manifest, release)
        require_round_trip(e, held, release.version)


@check(
    "tag-sets",
    trust="proved",
    needs=["labels"],
    why="Several tags on one digest cost nothing: a tag is a name beside the manifest, and the image is there once.",
)
def tag_sets(e: Evidence) -> None:
    """Each release has its fixed tags, all on one image"""
    spec, releases = Spec.of(e.parameters), _releases(e)
    for release in releases:
        held, _, digest = _released(e, release)
        tag = spec.tags(["commit"], release.version, release.commit)[0]
        with expecting(f"The tag {tag} on the image {release.version}."):
            if tag not in held.tags:
                near = sorted(other for other in held.tags if release.commit[:4] in other)
                raise Failure(
                    f"The tag is not there, but {listed(near)} is." if near else "There is no such tag.",
                    "The rule “commit” says what stands in front and how many digits there are. "
                    "Push the release under every tag that your rules give it.",
                )
            if held.tags[tag] != digest:
                raise _elsewhere(e, held, tag, digest)


@check(
    "floating",
    trust="proved",
    needs=["labels"],
    expected="No floating tag but those of your specification.",
    why="A floating tag is a promise to those who pull it: never an older line, never a candidate. Only the newest "
    "stable release of its line may move it, whenever it comes.",
)
def floating(e: Evidence) -> None:
    """Each floating tag is at the newest stable release of its line"""
    spec, (newest, candidate, fix) = Spec.of(e.parameters), _releases(e)
    held = _released(e, newest)[0]
    wanted = dict.fromkeys(spec.tags(["minor", "major", "newest"], newest.version, newest.commit), newest)
    wanted |= dict.fromkeys(spec.tags(["minor"], fix.version, fix.commit), fix)
    wanted |= dict.fromkeys(spec.tags(["pre-release"], candidate.version, candidate.commit), candidate)
    for tag, release in wanted.items():
        with expecting(f"The tag {tag} on the image {release.version}."):
            if tag not in held.tags:
                raise Failure(
                    "There is no such tag.",
                    "Read in your rules which tags a release moves, given what was published before it, and push the "
                    "release under each of them. A finished release_tags says the same.",
                )
            if held.tags[tag] != held.tags.get(release.version):
                raise _moved(e, held, tag, release)
    for tag, why in _not_in(spec, newest, candidate).items():
        if tag in held.tags and tag not in wanted:
            raise Failure(
                f"The repository has the tag {tag}: {why}.",
                REMOVE,
            )


@check(
    "tested",
    trust="proved",
    needs=["labels"],
    expected="The tag staging on the image {releases[0][version]}.",
    why="A test is about bytes. The digest names them, and the word staging only says where they were tested.",
)
def tested(e: Evidence) -> None:
    """staging points at the newest stable release, and you know the digest that was tested"""
    release = _releases(e).newest
    held, _, digest = _released(e, release)
    if STAGING not in held.tags:
        raise Failure(
            "There is no such tag.", "Put the manifest of that release under the tag as well, without a build."
        )
    if held.tags[STAGING] != digest:
        raise _not_newest(e, held) or _elsewhere(e, held, STAGING, digest)
    require_digest(e, held, STAGING, require_answer(e, "tested", "The digest that staging points at"))


@check(
    "promotion",
    trust="recomputed",
    needs=["tested"],
    expected="The tag {region_stays} on the digest that was tested, that of {releases[0][version]}.",
    why="Nothing was built and nothing copied: a second name was written beside the same manifest. What runs is what "
    "was tested, bit for bit.",
)
def promotion(e: Evidence) -> None:
    """The promoted region runs exactly what was tested, and its way back is kept"""
    held, new, old = _both(e)
    tag = e.text("region_stays")
    kept = tag + PREVIOUS
    mistake = Failure(
        f"{tag} still points at {old.version}: it was not promoted.", "Let it point at the tested digest."
    )
    _require_pointer(e, held, tag, new, old, mistake)
    with expecting(f"The tag {kept} on what {tag} ran before: the image {old.version}."):
        mistake = Failure(
            f"{kept} points at {new.version}, which is what runs now: the way back is lost.",
            f"Note what {tag} points at before you move it. It was {old.version}.",
        )
        _require_pointer(e, held, kept, old, new, mistake)


@check(
    "rollback",
    trust="recomputed",
    needs=["tested"],
    expected="The tag {region_back} on what it ran before the promotion: the image {releases[2][version]}.",
    why="Going back is the same step with another digest. It takes as long as a request, and no build can fail.",
)
def rollback(e: Evidence) -> None:
    """The other region is back on what it ran before, and what it was rolled back from is kept"""
    held, new, old = _both(e)
    tag = e.text("region_back")
    kept = tag + PREVIOUS
    noted = held.tags.get(kept) == held.tags[old.version]
    mistake = Failure(
        f"{tag} still points at {new.version}: it was not rolled back.",
        f"{kept} names what it ran before. Let {tag} point at that digest."
        if noted
        else f"{kept} does not name what it ran before, so do the promotion of that region again first: it ran "
        f"{old.version}.",
    )
    _require_pointer(e, held, tag, old, new, mistake)
    with expecting(f"The tag {kept} on what {tag} ran until the rollback: the image {new.version}."):
        mistake = Failure(
            f"{kept} points at {old.version}, which is what runs now.",
            "A rollback is a change, too: before it, note what is running. Afterwards somebody has to look into that "
            "image.",
        )
        _require_pointer(e, held, kept, new, old, mistake)


# -- what the rules ask ----------------------------------------------------------------------------------------------


def _releases(e: Evidence) -> Releases:
    """The student's three releases."""
    return Releases(*(Release(**entry) for entry in e.parameter("releases")))


def _released(e: Evidence, release: Release) -> tuple[Repository, ImageManifest, str]:
    """The image under a release's exact tag, and its digest.

    Raises:
        Failure: it is not there; says where the release is instead.
    """
    name = e.text("repository")
    held = repository(e, SERVICE, name)
    if release.version not in held.tags:
        for tag, digest in held.tags.items():
            other = held.image(digest)
            if other is not None and held.labels(other).get(VERSION) == release.version:
                raise Failure(
                    f"An image that says it is {release.version} is there, but under the tag {tag}.",
                    f"Each release gets its exact tag. Tag the image as {release.version} as well, and push that.",
                    expected=f"The tag {release.version} in {name}.",
                )
    held, manifest = image(e, SERVICE, name, release.version)
    return held, manifest, held.tags[release.version]


def _require_labels(e: Evidence, held: Repository, manifest: ImageManifest, release: Release) -> None:
    """The image says its version, commit and time.

    Raises:
        Failure: one of the labels is missing or says something else.
    """
    known = held.labels(manifest)
    for key, wanted in ((VERSION, release.version), (REVISION, release.commit), (CREATED, release.created)):
        given = known.get(key)
        if given == wanted or (key == CREATED and given and _same_time(given, wanted)):
            continue
        raise Failure(
            *_wrong_label(e, manifest, key, given, wanted),
            expected=f"The image {release.version} with the label {key} that says {wanted}.",
        )


def _wrong_label(e: Evidence, manifest: ImageManifest, key: str, given: str | None, wanted: str) -> tuple[str, str]:
    """What is found in the place of a label, and what to do."""
    again = "Build that release again with all three labels, and push it under all its tags."
    if given is None:
        if key in manifest.annotations:
            return (
                "It stands in the manifest as an annotation. The image's config has no such label.",
                "A label travels inside the image, and docker inspect shows it. " + again,
            )
        return "The image has no such label.", again
    if given == f"v{wanted}" and key == VERSION:
        return f"The label says {given}.", "The v belongs to the tag in Git, not to the version. " + again
    if key == REVISION and len(given) >= 4 and wanted.startswith(given):
        return f"The label says {given}: a shortened commit id.", "A label has room for all digits. " + again
    others = [release for release in _releases(e) if given in (release.version, release.commit, release.created)]
    if others:
        return f"The label says {given[:100]}: that belongs to the release {others[0].version}.", again
    if key == CREATED and not RFC3339.fullmatch(given):
        return (
            f"“{given[:100]}” is no time as RFC 3339 writes it.",
            "Date, a T, time, and Z or an offset: take it from me.releases as it is. " + again,
        )
    return f"The label says {given[:100]}.", again


def _same_time(given: str, wanted: str) -> bool:
    """Whether two texts in the form of RFC 3339 name one moment."""
    if not RFC3339.fullmatch(given):
        return False
    try:
        return datetime.fromisoformat(given.upper()) == datetime.fromisoformat(wanted.upper())
    except ValueError:
        return False


def _elsewhere(e: Evidence, held: Repository, tag: str, wanted: str) -> Failure:
    """The failure of a tag that is there and points at another digest than it should."""
    digest = held.tags[tag]
    known = {held.tags.get(release.version): release.version for release in _releases(e)}
    if digest in known:
        what, next_step = f"the image {known[digest]}", f"Let {tag} point at the expected image."
    else:
        what, next_step = difference(held, digest, wanted) or (
            "an image that is none of the three releases",
            "Let it point at the digest of the release.",
        )
    return Failure(f"{tag} points at {what}.", next_step)


def _moved(e: Evidence, held: Repository, tag: str, release: Release) -> Failure:
    """The failure of a floating tag that a release moved which must not."""
    newest, candidate, fix = _releases(e)
    digest = held.tags[tag]
    if release is not candidate and digest == held.tags.get(candidate.version):
        what = f"{tag} points at {candidate.version}: a pre-release moved it."
        return Failure(what, f"Who pulls {tag} wants what is finished. Let it point at {release.version} again.")
    if release == newest and digest == held.tags.get(fix.version):
        return Failure(
            f"{tag} points at {fix.version}: the fix of an older line moved it, because it was released last.",
            "Newest is not last. Compare versions number by number (9 is less than 10), and let the tag "
            f"point at {release.version} again.",
        )
    return _elsewhere(e, held, tag, held.tags[release.version])


def _not_in(spec: Spec, newest: Release, candidate: Release) -> dict[str, str]:
    """Floating tags that people push out of habit, and why these are in no rule of this specification."""
    line, _, label = candidate.version.partition("-")
    minor = line.rpartition(".")[0]
    habits = {
        "latest": "the default name of clients is in no rule of yours",
        minor: "only a stable release moves it, and there is none yet",
        f"{minor}-{label.partition('.')[0]}": "a pre-release moves no tag of its line",
        "next": "a pre-release does not move it",
    }
    if not spec.major:
        habits[newest.version.partition(".")[0]] = "there is no tag for a major number alone"
    return habits


def _not_newest(e: Evidence, held: Repository) -> Failure | None:
    """The failure of staging at a release that came out later and is not the newest stable one."""
    newest, candidate, fix = _releases(e)
    digest = held.tags[STAGING]
    if digest == held.tags.get(candidate.version):
        return Failure(
            f"{STAGING} points at {candidate.version}: that is a pre-release.",
            f"Stable is what has neither a dash nor a plus sign. Let it point at {newest.version}.",
        )
    if digest == held.tags.get(fix.version):
        return Failure(
            f"{STAGING} points at {fix.version}: that came out last, and is not the newest.",
            f"Compare versions number by number: 9 is less than 10. Let {STAGING} point at {newest.version}.",
        )
    return None


def _both(e: Evidence) -> tuple[Repository, Release, Release]:
    """The repository, the release that was promoted, and the one that ran before."""
    newest, _, fix = _releases(e)
    _released(e, newest)
    held, _, _ = _released(e, fix)
    return held, newest, fix


def _require_pointer(
    e: Evidence, held: Repository, tag: str, release: Release, forgotten: Release, mistake: Failure
) -> None:
    """A tag points at a release's digest, and in grading comes back from a registry.

    Args:
        e: the evidence.
        held: the repository.
        tag: the tag.
        release: where it should point.
        forgotten: where it points when a step was forgotten.
        mistake: how the check fails then.

    Raises:
        Failure: it is not there, or points elsewhere.
    """
    wanted, other = held.tags[release.version], held.tags[forgotten.version]
    if tag not in held.tags:
        raise Failure(
            "There is no such tag.",
            "The registry keeps no history of a tag. Whoever moves one writes down where it was; here, as another tag."
            if tag.endswith(PREVIOUS)
            else f"Read the manifest of {release.version} by its digest and put it under that tag.",
        )
    if held.tags[tag] == other:
        raise mistake
    if held.tags[tag] != wanted:
        raise _elsewhere(e, held, tag, wanted)
    require_round_trip(e, held, tag)
