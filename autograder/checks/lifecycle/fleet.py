"""Lab 08's fleets of images, and what the written requirement asks of each image.

The requirement is judged here by its own words, apart from the retention engine: the engine says what a student's
policy does, this module what it should do.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from autograder.checks.first_push.data import BIRDS
from autograder.checks.frozen import lifecycle as frozen
from autograder.checks.shared.seeded_random import SeededRandom
from autograder.domain.retention import Image
from autograder.domain.retention.boundaries import Terms

AFTER = 30  # days by which the clock is moved on; every age that the requirement names is smaller
INHERITED_DEV, INHERITED_ANY = 30, 45  # days in the inherited policy
# A word for tags of a kind, and a tag that begins with the word but not with the word and its dash.
RELEASES = {
    "release": "released-by-hand",
    "rel": "relabelled-data",
    "version": "versions-compared",
    "model": "modelcards",
}
BUILDS = {"dev": "device-study", "build": "builder-base", "ci": "citation-study", "nightly": "nightlybird"}
CANDIDATES = ("rc", "candidate", "beta", "preview")
DEPLOYED = ("deployed", "running", "live", "serving")
PLACES = ("eu", "us", "asia", "lab", "canary", "edge", "shop", "search", "mobile", "kiosk")
OTHERS = ("base-2024", "experiment-lora", "teaching", "benchmark-a", "paper-figures", "quantised-test")
WORDS = ("friday", "demo", "for-anna", "keep-me", "slow", "retry")
# What is wrong with each rule of the inherited policy, in its order, and two things that are wrong with none.
CAUSES = (
    "Its list asks for all of its tags on one image, so it sees no image at all.",
    "Its tag is on one image at a time, so it sees that one and none of the earlier ones.",
    "It takes an image by one of its tags, whatever other tags that image has, and no earlier rule has seen those.",
    "It sees every image that there is, and what should stay was seen by no rule before it.",
    "It counts an image's age from the day on which its newest tag was added.",
    "It takes the images below an index before it takes the index.",
)


@dataclass(frozen=True)
class Entry:
    """One image of a fleet.

    Attributes:
        what: the kind of image, in words for a message.
        tags: its tags.
        days: its age in days.
        index: it is an index with an image for each of two platforms, which have no tag.
    """

    what: str
    tags: tuple[str, ...]
    days: float
    index: bool = False

    @property
    def parts(self) -> int:
        """How many manifests it consists of."""
        return 3 if self.index else 1


def parameters(draw: SeededRandom) -> dict[str, Any]:
    """A repository, how its tags begin, and the four numbers of the requirement."""
    team = f"{draw.choice('bird', BIRDS)}-{draw.hex('team', 4)}"
    values: dict[str, Any] = {
        "team": team,
        "repository": f"{team}/ml-model",
        "deployed": draw.choice("deployed", DEPLOYED) + "-",
        "release": draw.choice("release", list(RELEASES)) + "-",
        "candidate": draw.choice("candidate", CANDIDATES) + "-",
        "build": draw.choice("build", list(BUILDS)) + "-",
        "newest": draw.integer("newest", 3, 5),
        "candidate_days": draw.integer("candidate days", 20, 28),
        "build_days": draw.integer("build days", 9, 16),
        "untagged_days": draw.integer("untagged days", 3, 6),
        "_fleet": draw.hex("fleet", 32),  # the bytes of its images are made of it, too
    }
    fleet = _own(SeededRandom(values["_fleet"]), values)
    asked_about = (
        next(e for e in fleet if e.what == "an old release that is deployed").tags[-1],
        next(e for e in fleet if e.what == "an old build that is deployed").tags[-1],
        "prod",
        next(e for e in fleet if e.what == "one of the newest releases, with a candidate's tag").tags[0],
        next(e for e in fleet if e.what == "a build that is not old enough").tags[0],
        next(e for e in fleet if e.what == "an old image that nobody has a rule for").tags[0],
    )
    values["suspects"] = draw.shuffle("suspects", asked_about)
    values["causes"] = dict(zip("abcdef", draw.shuffle("causes", CAUSES), strict=True))
    exercise = another(SeededRandom(draw.hex("practice", 32)), values)
    return values | {"_fleets": {"yours": packed(fleet), "practice": packed(exercise)}}


def visible(p: Mapping[str, Any]) -> list[Entry]:
    """The student's own fleet."""
    return _handed_out(p, "yours")


def practice(p: Mapping[str, Any]) -> list[Entry]:
    """The other fleet that a student's own check uses; the grader draws more, with a seed that no student has."""
    return _handed_out(p, "practice")


def _handed_out(p: Mapping[str, Any], which: str) -> list[Entry]:
    """A fleet among the parameters. Evidence of version 0.1.0 holds the seeds of its fleets, for its lists."""
    return unpacked((p["_fleets"] if "_fleets" in p else frozen.fleets(p))[which])


def _own(draw: SeededRandom, p: Mapping[str, Any]) -> list[Entry]:
    """The student's own fleet. Its ages keep away from every limit, so that a few days of work change nothing."""
    places = draw.sample("places", PLACES, 3)
    x = draw.integer("major", 1, 4)
    ages: list[float] = [
        days + draw.integer(f"release {days}", 0, 4) for days in (3, 24, 52, 80, 108, 140, 170, 210, 260)
    ]
    ages = ages[: p["newest"] + 4]
    names = [f"{p['release']}{x}.{len(ages) - n}.{draw.integer(f'patch {n}', 0, 9)}" for n in range(len(ages))]
    number = draw.integer("number", 400, 800)
    build, candidate = p["build"], p["candidate"]
    n, shapes = p["newest"], list[Entry]()
    for k, (name, days) in enumerate(zip(names, ages, strict=True)):
        what = "one of the newest releases" if k < n else "a release that is not among the newest"
        more: tuple[str, ...] = ()
        if k == 0:
            more = ("prod", f"{p['deployed']}{places[0]}")
        elif k == 1:
            what, more = "one of the newest releases, with a build's tag", (f"{build}{number - 60}",)
        elif k == 2:
            what, more = "one of the newest releases, with a candidate's tag", (f"{candidate}{x}.{len(ages) - 2}",)
        elif k == n + 1:
            what, more = "an old release that is deployed", (f"{p['deployed']}{places[1]}",)
        shapes.append(Entry(what, (name, *more), days, index=k in (0, n - 1, n + 1, n + 2)))
    shapes += _builds(draw, p, number, f"{p['deployed']}{places[2]}")
    for k, days in enumerate((2, 9, 15, p["candidate_days"] + 2, 50, 88)):
        old = days > p["candidate_days"]
        what = "a candidate that is old enough to go" if old else "a candidate that is not old enough"
        shapes.append(Entry(what, (f"{candidate}{x}.{len(ages) + 1 - k}-{k}",), days))
    for days in (0.4, 1.1, 8, 19, 31, 47, 66):
        old = days > p["untagged_days"]
        what = "an untagged image that is old enough to go" if old else "an untagged image that is not old enough"
        shapes.append(Entry(what, (), days))
    shapes.append(Entry("an untagged index that is old enough to go", (), 23, index=True))
    shapes += _unruled(draw, p, ages=(10, 60, 200, 90))
    return _apart(draw, shapes)


def _builds(draw: SeededRandom, p: Mapping[str, Any], number: int, deployed: str) -> list[Entry]:
    """The development builds of the student's own fleet."""
    build = p["build"]
    young, old = "a build that is not old enough", "a build that is old enough to go"
    limit = p["build_days"] - 4
    shapes = [Entry(young, (f"{build}{number + 9 - k}",), k * limit / 6, index=k == 2) for k in range(6)]
    days = [17.5, 31.5, 33, 38, 44, 51, 59, 68, 78]
    shapes += [Entry(old, (f"{build}{number - 10 - k}",), age, index=k == 3) for k, age in enumerate(days)]
    word = draw.choice("word", WORDS)
    shapes.append(Entry("an old build with a second tag", (f"{build}{number - 40}", word), 72))
    shapes.append(Entry("an old build that is deployed", (f"{build}{number - 41}", deployed), 95))
    return shapes


def _unruled(draw: SeededRandom, p: Mapping[str, Any], ages: Sequence[float]) -> list[Entry]:
    """Images that no paragraph of the requirement is about; two of them only look as if one were."""
    other = draw.sample("others", OTHERS, 2)
    return [
        Entry("an image whose tag only looks like a release's", (RELEASES[p["release"][:-1]],), ages[0]),
        Entry("an old image whose tag only looks like a build's", (BUILDS[p["build"][:-1]],), ages[1]),
        Entry("an old image that nobody has a rule for", (other[0],), ages[2]),
        Entry("an old image that nobody has a rule for", (other[1],), ages[3]),
    ]


def another(draw: SeededRandom, p: Mapping[str, Any]) -> list[Entry]:
    """A fleet that the same requirement is for: other numbers of images, other tags, ages close to the limits."""
    release, candidate, build, deployed = (str(p[name]) for name in ("release", "candidate", "build", "deployed"))
    limit, rc_limit, none_limit, n = p["build_days"], p["candidate_days"], p["untagged_days"], p["newest"]
    number, x = draw.integer("number", 1000, 9000), draw.integer("major", 5, 30)
    where = [f"{deployed}{place}-{draw.integer(place, 2, 40)}" for place in draw.sample("places", PLACES, 5)]
    shapes, days = list[Entry](), float(draw.integer("first", 0, 3))
    count = n + draw.integer("more releases", 3, 8)
    for k in range(count):
        days += draw.integer(f"gap {k}", 4, 40)
        name = f"{release}{x - k // 4}.{draw.integer(f'minor {k}', 0, 12)}.{k}"
        if k in (1, n):  # another way to number releases
            name = f"{release}{draw.integer(f'year {k}', 2020, 2026)}-{draw.hex(f'commit {k}', 4)}"
        what = "one of the newest releases" if k < n else "a release that is not among the newest"
        more: tuple[str, ...] = ()
        if k == n - 1 and days > limit:
            what, more = "one of the newest releases, with a build's tag", (f"{build}{number - 900}",)
        elif k == n - 2 and days > rc_limit:
            what, more = "one of the newest releases, with a candidate's tag", (f"{candidate}{x}.0.{k}",)
        elif k in (n + 1, count - 1):
            what, more = "an old release that is deployed", (where[k == n + 1],)
        elif k == n + 2:
            what, more = "a release that is not among the newest, with a candidate's tag", (f"{candidate}{x}.0.{k}",)
        shapes.append(Entry(what, (name, *more), days, index=draw.integer(f"index {k}", 0, 2) == 0))
    shapes += [
        Entry("a build that is not old enough", (f"{build}{number}",), limit - 0.5),
        Entry("a build that is not old enough", (f"{build}{number + 1}",), limit - 1.5, index=True),
        Entry("a build that is old enough to go", (f"{build}{number - 1}",), limit + 0.5),
        Entry("a build that is old enough to go", (f"{build}{number - 2}",), limit + 1.5, index=True),
        Entry("a build that is old enough to go", (f"{build}x{draw.hex('commit', 7)}",), limit + 60),
        Entry("an old build with a second tag", (f"{build}{number - 3}", draw.choice("w", WORDS)), limit + 8),
        Entry("an old build that was deployed once", (f"{build}{number - 6}", f"was-{where[0]}"), limit + 9),
        Entry("an old build that is deployed", (f"{build}{number - 4}", where[2]), limit + 100),
        Entry("an old build with a candidate's tag", (f"{build}{number - 5}", f"{candidate}{x}.1"), rc_limit - 1),
        Entry("a candidate that is not old enough", (f"{candidate}{x}.2",), rc_limit - 0.5),
        Entry("a candidate that is old enough to go", (f"{candidate}{x}.3",), rc_limit + 0.5),
        Entry("an old candidate that is deployed", (f"{candidate}{x}.4", where[3]), rc_limit + 70),
        Entry("an old image of another kind that is deployed", ("trial", where[4]), 150),
        Entry("an untagged image that is not old enough", (), none_limit - 0.5),
        Entry("an untagged image that is old enough to go", (), none_limit + 0.5),
        Entry("an untagged image that is old enough to go", (), none_limit + 40),
        Entry("an untagged index that is not old enough", (), none_limit - 0.7, index=True),
        Entry("an untagged index that is old enough to go", (), none_limit + 1.5, index=True),
    ]
    shapes += _unruled(draw, p, ages=(1, 70, 300, 31))
    return _apart(draw, shapes)


def _apart(draw: SeededRandom, shapes: Sequence[Entry]) -> list[Entry]:
    """No two images equally old, in no order."""
    return draw.shuffle("order", [replace(entry, days=entry.days + 0.002 * k) for k, entry in enumerate(shapes)])


def packed(fleet: Iterable[Entry]) -> list[dict[str, Any]]:
    """A fleet as JSON data."""
    return [vars(entry) | {"tags": list(entry.tags)} for entry in fleet]


def unpacked(data: Iterable[Mapping[str, Any]]) -> list[Entry]:
    """A fleet from JSON data."""
    return [Entry(**{**entry, "tags": tuple(entry["tags"])}) for entry in data]


def goes(fleet: Sequence[Entry], p: Mapping[str, Any], later: float = 0.0) -> list[bool]:
    """Which images the requirement sends away; the first of its paragraphs that is about an image decides.

    Args:
        fleet: the images, as they are now.
        p: the personal parameters.
        later: so many days from now.
    """

    def has(entry: Entry, kind: str) -> bool:
        return any(tag.startswith(p[kind]) for tag in entry.tags)

    releases = sorted((entry for entry in fleet if has(entry, "release")), key=lambda entry: entry.days)
    newest = releases[: p["newest"]]

    def leaves(entry: Entry) -> bool:
        days = entry.days + later
        if has(entry, "deployed"):
            return False
        if has(entry, "release"):
            return entry not in newest
        if has(entry, "candidate"):
            return bool(days > p["candidate_days"])
        if has(entry, "build"):
            return bool(days > p["build_days"])
        return not entry.tags and bool(days > p["untagged_days"])

    return [leaves(entry) for entry in fleet]


def terms(p: Mapping[str, Any]) -> Terms:
    """What the requirement names: how tags begin, ages, and how many releases stay."""
    return Terms(
        patterns=tuple(f"{p[kind]}*" for kind in ("deployed", "release", "candidate", "build")),
        days=(p["candidate_days"], p["build_days"], p["untagged_days"]),
        counts=((p["newest"], (f"{p['release']}*",)),),
    )


def digests(fleet: Sequence[Entry]) -> list[tuple[str, ...]]:
    """Made-up digests for a fleet that is nowhere pushed: of each image, and of the platforms below an index."""
    return [tuple(f"sha256:{4 * n + part + 1:064x}" for part in range(e.parts)) for n, e in enumerate(fleet)]


def images(fleet: Sequence[Entry], named: Sequence[tuple[str, ...]], now: datetime) -> list[Image]:
    """A fleet as the retention engine takes it, oldest first, its ages counted back from ``now``.

    Args:
        fleet: the images.
        named: their digests, as :func:`digests` gives them.
        now: an aware time.
    """
    made = []
    for entry, (digest, *below) in zip(fleet, named, strict=True):
        pushed = now - timedelta(days=entry.days)
        made += [Image(child, pushed - timedelta(seconds=1)) for child in below]
        made.append(Image(digest, pushed, entry.tags, children=tuple(below)))
    return sorted(made, key=lambda image: image.pushed)


def inherited(p: Mapping[str, Any]) -> dict[str, Any]:
    """The policy that the student finds on the repository. It reads well, and has four faults."""
    places = sorted(tag for e in visible(p) for tag in e.tags if tag.startswith(p["deployed"]) and "prod" not in e.tags)

    def rule(number: int, words: str, **selection: Any) -> dict[str, Any]:
        return {"rulePriority": number, "description": words, "selection": selection, "action": {"type": "expire"}}

    def older(days: int) -> dict[str, Any]:
        return {"countType": "sinceImagePushed", "countUnit": "days", "countNumber": days}

    count = {"countType": "imageCountMoreThan"}
    return {
        "rules": [
            rule(1, "Keep what is deployed", tagStatus="tagged", tagPatternList=places, **count, countNumber=1000),
            rule(2, "Keep 10 releases", tagStatus="tagged", tagPrefixList=["prod"], **count, countNumber=10),
            rule(3, "Builds", tagStatus="tagged", tagPatternList=[f"{p['build']}*"], **older(INHERITED_DEV)),
            rule(4, "Everything else, in the end", tagStatus="any", **older(INHERITED_ANY)),
        ]
    }
