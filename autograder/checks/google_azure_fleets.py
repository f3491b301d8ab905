"""Fleets of images that lab 07's policies are held against, and what the written requirement says of each image.

The requirement is judged here by its own words, apart from the retention engine: the engine says what a student's
policy does, this module what it should do.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from autograder.checks.draw import Draw
from autograder.domain.retention import Image

NOISE = 0.02  # days between two pushes, so that no two images of a fleet are equally old


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
    """

    what: str
    repository: str
    tags: tuple[str, ...]
    days: float
    gone: tuple[str, ...] = ()
    locked: bool = False

    @property
    def named(self) -> str:
        """How a message names it."""
        return f"{self.what} ({', '.join(self.tags) or 'no tag'}, {round(self.days)} days)"


def packed(fleet: Iterable[Entry]) -> list[dict[str, Any]]:
    """A fleet as JSON data, which knows no tuples."""
    return [asdict(entry) | {"tags": list(entry.tags), "gone": list(entry.gone)} for entry in fleet]


def unpacked(data: Iterable[Mapping[str, Any]]) -> list[Entry]:
    """A fleet from JSON data."""
    return [Entry(**{**entry, "tags": tuple(entry["tags"]), "gone": tuple(entry["gone"])}) for entry in data]


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
            "application/vnd.oci.image.manifest.v1+json",
            locked_tags=frozenset(entry.tags) if entry.locked else frozenset(),
        )
        for number, entry in enumerate(fleet)
    ]


def google(draw: Draw, p: Mapping[str, Any]) -> list[Entry]:
    """A fleet of the repository ``dev``.

    Required: images with a tag that begins with the prefix go after ``days`` days, untagged ones after
    ``untagged_days``; an image with a ``candidate-`` tag stays, and so do the ``newest`` newest of each package.
    """
    prefix, limit, untagged, newest = p["prefix"], p["days"], p["untagged_days"], p["newest"]
    build = draw.integer("build", 100, 800)
    shapes: list[tuple[str, tuple[str, ...], float, bool]] = [
        ("a build of today", (f"{prefix}{build + 9}",), n * 0.1, False) for n in range(newest)
    ]
    shapes += [
        ("an untagged image of the last days", (), untagged - 1, False),
        ("an old untagged image", (), untagged + draw.integer("untagged", 2, 40), True),
        ("a build that is not old enough", (f"{prefix}{build + 5}",), limit - 1, False),
        ("an old build", (f"{prefix}{build}",), limit + 1, True),
        ("a very old build", (f"{prefix}{build - 50}",), limit + draw.integer("very", 100, 300), True),
        ("an old build with a second tag", (f"{prefix}{build - 9}", "friday"), limit + 3, True),
        ("an old candidate", (f"{prefix}{build - 3}", f"candidate-{build % 7}"), limit + 9, False),
        ("an old image of another kind", (f"{prefix[:-1]}eriment-{build % 5}",), limit + 20, False),
        ("an old release", (f"{1 + build % 3}.0.{build % 9}",), limit + 200, False),
    ]
    fleet = [
        Entry(what, "ml-model", tags, days + n * NOISE, tags or ("",) if gone else ())
        for n, (what, tags, days, gone) in enumerate(shapes)
    ]
    for n in range(newest + 2):  # nobody builds this one any more; its newest images stay all the same
        tags = (f"{prefix}{build - 60 - n}",)
        what = f"one of the newest {newest} of a package that is no longer built" if n < newest else "an old build"
        fleet.append(Entry(what, "tokenizer", tags, limit + 30 + n, tags if n >= newest else ()))
    return draw.shuffle("order", fleet)


def azure(draw: Draw, p: Mapping[str, Any]) -> list[Entry]:
    """A fleet of the ACR.

    Required: in the one repository, tags that are the prefix and digits go after ``days`` days, and images without a
    tag; locked ones stay, and so do other tags and other repositories.
    """
    prefix, limit, repository, team = p["prefix"], p["days"], p["repository"], p["team"]
    build = draw.integer("build", 100, 800)
    old, also = f"{prefix}{build}", f"{prefix}{build - 40}"
    fleet = [
        Entry("an old build", repository, (old,), limit + 1, (old,)),
        Entry("a very old build", repository, (also,), limit + draw.integer("very", 100, 300), (also,)),
        Entry("a build that is not old enough", repository, (f"{prefix}{build + 5}",), limit - 1),
        Entry("an old image without a tag", repository, (), limit + draw.integer("untagged", 2, 90), ("",)),
        Entry("an old candidate", repository, (f"{prefix}{build - 3}-candidate",), limit + 9),
        Entry("an old image of another kind", repository, (f"my-{prefix}{build - 4}",), limit + 20),
        Entry("an old release", repository, (f"{1 + build % 3}.0.{build % 9}",), limit + 200),
        Entry("an old build that is in production", repository, (f"{prefix}{build - 7}", "prod"), limit + 8,
              (f"{prefix}{build - 7}",)),
        Entry("an old build that is locked", repository, (f"{prefix}{build - 8}",), limit + 12, locked=True),
        Entry("an old build in another repository", f"{repository}-base", (f"{prefix}{build - 1}",), limit + 40),
        Entry("an old build in another repository", f"{team}/tokenizer", (f"{prefix}{build - 2}",), limit + 40),
    ]  # fmt: skip
    return draw.shuffle("order", [Entry(**{**asdict(e), "days": e.days + n * NOISE}) for n, e in enumerate(fleet)])
