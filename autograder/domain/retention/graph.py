"""Which images refer to which: indexes to their children, reference artifacts to their subject."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

from autograder.domain.retention.model import Image, Result

UNKNOWN_CHILDREN = (
    "the list does not say what the index images refer to, and the platform images of an index look untagged: "
    "add manifest_list_of, the digests, to each index to decide this"
)


def by_repository(images: Sequence[Image]) -> list[list[int]]:
    """The positions of the images of each repository, repositories in order of appearance."""
    groups: defaultdict[str, list[int]] = defaultdict(list)
    for position, image in enumerate(images):
        groups[image.repository].append(position)
    return list(groups.values())


def parents(images: Sequence[Image]) -> dict[int, list[int]]:
    """For each image that an index of the same repository refers to, the positions of those indexes."""
    where = {image.digest: position for position, image in enumerate(images)}
    found: defaultdict[int, list[int]] = defaultdict(list)
    for position, image in enumerate(images):
        for digest in image.children or ():
            child = where.get(digest)
            if child is not None and child != position:
                found[child].append(position)
    return dict(found)


def subjects(images: Sequence[Image]) -> dict[int, int]:
    """For each reference artifact whose subject lies in the same repository, the subject's position."""
    where = {image.digest: position for position, image in enumerate(images)}
    found = {}
    for position, image in enumerate(images):
        subject = where.get(image.subject) if image.subject else None
        if subject is not None and subject != position:
            found[position] = subject
    return found


def settle_followers(
    results: list[Result], following: Mapping[int, int], settle: Callable[[Result, Result], Result]
) -> None:
    """Settle the results of reference artifacts, subjects first, along chains of any length.

    Args:
        results: one result per image; changed in place.
        following: for each artifact, its subject's position.
        settle: the artifact's final result from its own and its subject's final one.
    """
    settled: set[int] = set()
    for start in following:
        chain = {start: None}  # an ordered set: the artifact, its subject, the subject's subject, ...
        current = start
        while current not in settled and (subject := following.get(current)) is not None and subject not in chain:
            chain[subject] = None
            current = subject
        for position in reversed(chain):
            if position in following and position not in settled:
                results[position] = settle(results[position], results[following[position]])
            settled.add(position)


def unsure_places(images: Sequence[Image]) -> set[int]:
    """The images of which no cloud documents whether they take up places in a count.

    That is children of indexes and reference artifacts; next to an index of unknown content every untagged image.
    """
    unsure = {*parents(images), *subjects(images)}
    if has_unknown_children(images):
        unsure.update(position for position, image in enumerate(images) if not image.tags)
    return unsure


def has_unknown_children(images: Sequence[Image]) -> bool:
    """Whether some index came without the digests it refers to, so that any untagged image may be its child."""
    return any(image.children is None for image in images)


def index_name(holders: Sequence[Image]) -> str:
    """What to call the index that holds an image: a tag, or its digest; of several the one with the first digest."""
    index = min(holders, key=lambda holder: holder.digest)
    return index.tags[0] if index.tags else short(index.digest)


def short(digest: str) -> str:
    """A digest short enough for a sentence: ``sha256:`` and 12 hex digits."""
    algorithm, colon, rest = digest.partition(":")
    return f"{algorithm}{colon}{rest[:12]}"
