"""Fleets of images that lab 07's policies are held against, and what the written requirement says of each image.

The requirement is judged here by its own words, apart from the retention engine: the engine says what a student's
policy does, this module what it should do.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from autograder.checks.frozen import google_azure as frozen
from autograder.checks.shared.compared import in_words
from autograder.checks.shared.seeded_random import SeededRandom
from autograder.domain.retention import Image
from autograder.domain.retention.boundaries import Case, Held, Terms
from autograder.oci.manifests import OCI_MANIFEST

NOISE = 0.01  # days between two pushes, so that no two images of a fleet are equally old
PACKAGES = ("embedder", "features", "labeller", "ml-model", "ranker", "reranker", "speller", "tokenizer")
WORDS = ("friday", "demo", "for-anna", "slow", "retry")
CANDIDATE = "candidate-"
LOOKS = ("candidate", "candidates", "candidateship")  # no tag that begins with candidate and a dash


@dataclass(frozen=True)
class Entry:
    """One image of a fleet.

    Attributes:
        what: the kind of image, in words for a message.
        repository: Artifact Registry: the package; ACR: the repository.
        tags: its tags.
        days: its age in days.
        gone: the tags that must go; for an image without tags the text "" when it must go.
        locked: ACR: its tags are locked.
        sentence: Artifact Registry: the number of the task's sentence that decides about it.
    """

    what: str
    repository: str
    tags: tuple[str, ...]
    days: float
    gone: tuple[str, ...] = ()
    locked: bool = False
    sentence: int = 0

    @property
    def named(self) -> str:
        """How a message names it."""
        return f"{self.what} ({', '.join(self.tags) or 'no tag'}, {self.days:.1f} days, in {self.repository})"


def packed(fleet: Iterable[Entry]) -> list[dict[str, Any]]:
    """A fleet as JSON data, which knows no tuples."""
    return [vars(entry) | {"tags": list(entry.tags), "gone": list(entry.gone)} for entry in fleet]


def unpacked(data: Iterable[Mapping[str, Any]]) -> list[Entry]:
    """A fleet from JSON data."""
    return [Entry(**{**entry, "tags": tuple(entry["tags"]), "gone": tuple(entry["gone"])}) for entry in data]


def drawn(p: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """The student's own fleet for each of the two policies, as JSON data."""
    return {
        kind: packed(make(SeededRandom(f"{p['team']} {kind}"), p))
        for kind, make in (("google", google), ("azure", azure))
    }


def visible(p: Mapping[str, Any], kind: str) -> list[Entry]:
    """The student's own fleet for the policy ``google`` or ``azure``; evidence of version 0.1.0 holds none, for its
    lists gave it."""
    return unpacked((p["_fleets"] if "_fleets" in p else frozen.fleets(p))[kind])


def digest(number: int) -> str:
    """The digest of a fleet's image number ``number``."""
    return f"sha256:{number + 1:064x}"


def images(fleet: Iterable[Entry], now: datetime) -> list[Image]:
    """A fleet as the retention engine takes it, its ages counted back from ``now``."""
    return [
        Image(
            digest(number),
            now - timedelta(days=entry.days),
            entry.tags,
            entry.repository,
            1000,
            OCI_MANIFEST,
            locked_tags=frozenset(entry.tags) if entry.locked else frozenset(),
        )
        for number, entry in enumerate(fleet)
    ]


def google(draw: SeededRandom, p: Mapping[str, Any]) -> list[Entry]:
    """A fleet of the repository ``dev``: one package that is built every day, two that are not built any more.

    Required: images with a tag that begins with the prefix go after ``days`` days, untagged ones after
    ``untagged_days``; an image with a ``candidate-`` tag stays, and so do the ``newest`` newest of each package.
    """
    daily, *others = draw.sample("packages", PACKAGES, 3)
    fleet = _daily(draw, p, daily)
    for package in others:
        fleet += _given_up(draw, p, package)
    return draw.shuffle("order", fleet)


def _daily(draw: SeededRandom, p: Mapping[str, Any], package: str) -> list[Entry]:
    """Its newest images are too young to go, so each other sentence of the task shows here."""
    prefix, limit, untagged = p["prefix"], p["days"], p["untagged_days"]
    build = draw.integer("build", 100, 80_000)
    candidate = f"candidate-{draw.integer('candidate', 1, 99)}"
    shapes: list[tuple[str, tuple[str, ...], float, bool, int]] = [
        ("a build of today", (f"{prefix}{build + 9 + n}",), n * 0.1, False, 5) for n in range(p["newest"])
    ]
    shapes += [
        ("an untagged image that is not old enough", (), untagged - 0.5, False, 2),
        ("an old untagged image", (), untagged + 0.5, True, 2),
        ("an old untagged image", (), untagged + draw.integer("untagged", 2, 40), True, 2),
        ("a build that is not old enough", (f"{prefix}{build + 5}",), limit - 0.5, False, 1),
        ("an old build", (f"{prefix}{build}",), limit + 0.5, True, 1),
        ("an old build", (f"{prefix}x{draw.hex('commit', 7)}",), limit + draw.integer("very", 30, 300), True, 1),
        ("an old build with a second tag",
         (f"{prefix}{build - 9}", draw.choice("word", WORDS)), limit + 3, True, 1),
        ("an old build whose second tag only looks like a candidate's",
         (f"{prefix}{build - 8}", draw.choice("looks", LOOKS)), limit + 4, True, 1),
        ("an old build that is a candidate", (f"{prefix}{build - 3}", candidate), limit + 9, False, 3),
        ("an old candidate", (f"{candidate}-rc",), limit + draw.integer("candidate days", 10, 90), False, 3),
        ("an old image whose tag only looks like a build's", (f"{prefix[:-1]}eriment-{build % 5}",), limit + 20, False,
         5),
        ("an old image of another kind", (f"my-{prefix}{build - 4}",), limit + 21, False, 5),
        ("an old release", (f"{1 + build % 3}.{build % 9}.{build % 7}",), limit + 200, False, 5),
    ]  # fmt: skip
    return [
        Entry(what, package, tags, days + n * NOISE, tags or ("",) if gone else (), sentence=sentence)
        for n, (what, tags, days, gone, sentence) in enumerate(shapes)
    ]


def _given_up(draw: SeededRandom, p: Mapping[str, Any], package: str) -> list[Entry]:
    """Every image is old enough to go, with a tag or without; the newest stay all the same."""
    newest, build = p["newest"], draw.integer(f"{package} build", 100, 8_000)
    bare = {draw.integer(f"{package} newest", 0, newest - 1), newest + draw.integer(f"{package} rest", 0, 2)}
    fleet, days = [], p["days"] + draw.integer(f"{package} since", 5, 60)
    for n in range(newest + 3):
        tags = () if n in bare else (f"{p['prefix']}{build - n}",)
        age = days + n * draw.integer(f"{package} pace", 1, 5)
        if n < newest:
            what = f"one of the newest {newest} of a package that is no longer built"
            fleet.append(Entry(what, package, tags, age, sentence=4))
        elif tags:
            fleet.append(Entry("an old build", package, tags, age, tags, sentence=1))
        else:
            fleet.append(Entry("an old untagged image", package, (), age, ("",), sentence=2))
    return fleet


def google_terms(p: Mapping[str, Any]) -> Terms:
    """What the task names for Artifact Registry: how tags begin, ages, and how many images of a package stay."""
    return Terms(
        patterns=(f"{p['prefix']}*", f"{CANDIDATE}*"),
        days=(p["days"], p["untagged_days"]),
        counts=((p["newest"], ()),),
    )


def google_case(case: Case, p: Mapping[str, Any]) -> list[Entry]:
    """Images of one package, the youngest first, each with what the task's sentences ask for it."""

    def asked(place: int, image: Held) -> tuple[bool, int]:
        if any(tag.startswith(CANDIDATE) for tag in image.tags):
            return False, 3
        if place < p["newest"]:
            return False, 4
        if any(tag.startswith(p["prefix"]) for tag in image.tags):
            return image.days > p["days"], 1
        return (image.days > p["untagged_days"], 2) if not image.tags else (False, 5)

    entries = []
    for place, image in enumerate(case):
        goes, sentence = asked(place, image)
        gone = (image.tags or ("",)) if goes else ()
        entries.append(Entry(in_words(case, place), image.repository, image.tags, image.days, gone, sentence=sentence))
    return entries


def azure_case(case: Case, p: Mapping[str, Any]) -> list[Entry]:
    """Images in ACR, each with the tags that the task sends away."""
    entries = []
    for place, image in enumerate(case):
        due = image.repository == p["repository"] and image.days > p["days"] and not image.locked
        old = [tag for tag in image.tags if due and _is_build(tag, p["prefix"])]
        gone = tuple(old) if image.tags else ("",) * due
        what = in_words(case, place)
        entries.append(Entry(what, image.repository, image.tags, image.days, gone, image.locked))
    return entries


def _is_build(tag: str, prefix: str) -> bool:
    """The prefix and digits, at least one."""
    number = tag.removeprefix(prefix)
    return tag.startswith(prefix) and number.isascii() and number.isdigit()


def azure(draw: SeededRandom, p: Mapping[str, Any]) -> list[Entry]:
    """A fleet of the ACR.

    Required: in the one repository, tags that are the prefix and digits go after ``days`` days, and images of that age
    without a tag; locked ones stay, and so do other tags and other repositories.
    """
    prefix, limit, repository, team = p["prefix"], p["days"], p["repository"], p["team"]
    build = draw.integer("build", 10_000, 80_000)
    other = f"{team}/{draw.choice('other', [name for name in PACKAGES if name != 'ml-model'])}"
    look = draw.choice("commit", ("a", "b", "c", "d", "e", "f"))
    going = [
        f"{prefix}{text}" for text in (build, build % 10, build % 90 + 10, build % 900 + 100, f"0{build}", f"{build}00")
    ]
    fleet = [
        Entry("an old build", repository, (tag,), limit + 0.5 + n * draw.integer("apart", 1, 30), (tag,))
        for n, tag in enumerate(going)
    ]
    prod = f"{prefix}{build - 7}"
    fleet += [
        Entry("an old build that is in production", repository, (prod, "prod"), limit + 8, (prod,)),
        Entry("an old image without a tag", repository, (), limit + 0.5, ("",)),
        Entry("an old image without a tag", repository, (), limit + draw.integer("untagged", 2, 90), ("",)),
        Entry("an image without a tag that is not old enough", repository, (), limit - 0.5),
        Entry("a build that is not old enough", repository, (f"{prefix}{build + 5}",), limit - 0.5),
        Entry("an old candidate", repository, (f"{prefix}{build - 3}-candidate",), limit + 9),
        Entry("an old build with a patch number", repository, (f"{prefix}{build - 5}.1",), limit + 10),
        Entry("an old build by its commit", repository, (f"{prefix}{look}{build}{draw.hex('sha', 3)}",), limit + 11),
        Entry("an old build by its commit", repository, (f"{prefix}{build - 6}{look}",), limit + 12),
        Entry("an old image with nothing behind the prefix", repository, (prefix,), limit + 13),
        Entry("an old image in capitals", repository, (f"{prefix.upper()}{build - 9}",), limit + 14),
        Entry("an old image of another kind", repository, (f"my-{prefix}{build - 4}",), limit + 20),
        Entry("an old image of another kind", repository, (f"{prefix[:-1]}{build - 4}",), limit + 21),
        Entry("an old release", repository, (f"{1 + build % 3}.0.{build % 9}",), limit + 200),
        Entry("an old build that is locked", repository, (f"{prefix}{build - 8}",), limit + 15, locked=True),
        Entry("an old build in another repository", f"{repository}-base", (f"{prefix}{build - 1}",), limit + 40),
        Entry("an old build in another repository", f"old/{repository}", (f"{prefix}{build - 1}",), limit + 41),
        Entry("an old build in another repository", other, (f"{prefix}{build - 2}",), limit + 40),
        Entry("an old image without a tag in another repository", other, (), limit + 42),
    ]
    return draw.shuffle("order", [replace(entry, days=entry.days + n * NOISE) for n, entry in enumerate(fleet)])
