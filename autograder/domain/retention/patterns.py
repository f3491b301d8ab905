"""Tag patterns of ECR, and an index of tags that finds the matches of a pattern without trying every tag."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

from autograder.domain.retention.model import Image

WILDCARD = "*"


def whole_tag_matches(pattern: str, tag: str) -> bool:
    """Whether a ``tagPatternList`` entry matches a tag: ``*`` is any run of characters, and the whole tag must match.

    Each piece between the wildcards is looked for from the left, which takes linear time; case counts, as tags are case
    sensitive.

    Source: https://docs.aws.amazon.com/AmazonECR/latest/userguide/lifecycle_policy_parameters.html (tagPatternList).
    """
    head, *rest = pattern.split(WILDCARD)
    if not rest:
        return tag == pattern
    *middle, tail = rest
    if not tag.startswith(head) or len(tag) < len(head) + len(tail) or not tag.endswith(tail):
        return False
    start, end = len(head), len(tag) - len(tail)
    for piece in middle:
        found = tag.find(piece, start, end)
        if found < 0:
            return False
        start = found + len(piece)
    return True


def prefix_matches(prefix: str, tag: str) -> bool:
    """Whether a ``tagPrefixList`` entry matches a tag: at its start only, and ``*`` means nothing special.

    Source: https://docs.aws.amazon.com/AmazonECR/latest/userguide/lifecycle_policy_parameters.html (tagPrefixList).
    """
    return tag.startswith(prefix)


class TagIndex:
    """Which images carry which tag, with the tags in order, so that a pattern only meets tags that begin like it."""

    def __init__(self, images: Sequence[Image]) -> None:
        holders: defaultdict[str, list[int]] = defaultdict(list)
        for position, image in enumerate(images):
            for tag in image.tags:
                holders[tag].append(position)
        self._holders = holders
        self._tags = sorted(holders)

    def positions(self, entry: str, matches: Callable[[str, str], bool]) -> set[int]:
        """The positions of the images with a tag that ``matches(entry, tag)``.

        Args:
            entry: a pattern or a prefix; what comes before its first ``*`` narrows the search.
            matches: :func:`whole_tag_matches` or :func:`prefix_matches`.
        """
        return {
            position for tag in self._starting_with(entry) if matches(entry, tag) for position in self._holders[tag]
        }

    def _starting_with(self, entry: str) -> Iterable[str]:
        head = entry.partition(WILDCARD)[0]
        for place in range(bisect_left(self._tags, head), len(self._tags)):
            tag = self._tags[place]
            if not tag.startswith(head):
                return
            yield tag
