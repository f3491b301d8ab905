"""What lab 07-google-azure drew in version 0.1.0; see the package."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from autograder.checks.frozen.words import BIRDS
from autograder.checks.shared.seeded_random import SeededRandom

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


def fleets(p: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """The student's own fleet for each of the two policies, as JSON data; version 0.1.0 drew them in the checks."""
    return {
        kind: [asdict(e) | {"tags": list(e.tags), "gone": list(e.gone)} for e in make(_seeded(p, kind), p)]
        for kind, make in (("google", google), ("azure", azure))
    }


def _seeded(p: Mapping[str, Any], kind: str) -> SeededRandom:
    return SeededRandom(f"{p['team']} {kind}")


NOISE = 0.01  # days between two pushes, so that no two images of a fleet are equally old
PACKAGES = ("embedder", "features", "labeller", "ml-model", "ranker", "reranker", "speller", "tokenizer")
WORDS = ("friday", "demo", "for-anna", "slow", "retry")
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
