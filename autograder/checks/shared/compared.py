"""The images of a case that tells a student's policy and a task's rule apart, in plain words."""

from __future__ import annotations

from datetime import datetime, timedelta

from autograder.checks.api import NotGraded
from autograder.checks.shared.images import listed
from autograder.domain.retention import Image
from autograder.domain.retention.boundaries import Case, Cases, Held
from autograder.oci.manifests import OCI_MANIFEST

SHOWN = 3  # tags of the newer images that are named


def in_words(case: Case, position: int) -> str:
    """One image of a case, with what lies in front of it: ``an image with the tag dev-7, 30.5 days old``."""
    image, newer = case[position], case[:position]
    what = "an index for two platforms" if image.index else "an image"
    text = f"{what} {_tags(image)}, {age(image.days)} old"
    if image.version:
        text += f", whose digest begins with sha256:{image.version}"
    if image.pulled is not None:
        text += f", last pulled {age(image.pulled)} ago"
    if image.repository:
        text += f", in {image.repository}"
    if newer:
        tags = [tag for other in newer for tag in other.tags]
        named = f" ({listed(tags) if len(tags) <= SHOWN else ', '.join([*tags[:SHOWN], '…'])})" if tags else ""
        text += f", behind {len(newer)} newer {'image' if len(newer) == 1 else 'images'}{named}"
    return text


def _tags(image: Held) -> str:
    if not image.tags:
        return "without a tag that is locked" if image.locked else "without a tag"
    locked = "locked " if image.locked else ""
    return f"with the {locked}{'tag' if len(image.tags) == 1 else 'tags'} {listed(image.tags)}"


def age(days: float) -> str:
    """An age as exact as its part of a day: ``30.5 days``, ``6 hours``, ``30 days and 30 seconds``."""
    whole, seconds = divmod(round(days * 86_400), 86_400)
    if seconds == 0 or (whole and seconds == 43_200):
        number = f"{days:.1f}".removesuffix(".0")
        return f"{number} day{'' if number == '1' else 's'}"
    parts = [(whole, "day"), (seconds // 3600, "hour"), (seconds // 60 % 60, "minute"), (seconds % 60, "second")]
    return " and ".join(f"{number} {unit}{'' if number == 1 else 's'}" for number, unit in parts if number)


def require_all(tried: Cases) -> None:
    """Where every case that was tried agrees, ask that none was left out.

    Raises:
        NotGraded: some were; nobody knows about those.
    """
    if tried.cut:
        raise NotGraded(tried.words)


def images(case: Case, now: datetime) -> list[Image]:
    """A case as the retention engine takes it, its ages counted back from ``now``; no image of it is an index."""
    return [
        Image(
            f"sha256:{held.version}{number + 1:064x}"[: len("sha256:") + 64],
            now - timedelta(days=held.days),
            held.tags,
            held.repository,
            1000,
            OCI_MANIFEST,
            pulled=None if held.pulled is None else now - timedelta(days=held.pulled),
            locked_tags=frozenset(held.tags) if held.locked else frozenset(),
            deletable=not (held.locked and not held.tags),
        )
        for number, held in enumerate(case)
    ]
