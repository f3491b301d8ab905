"""Tag patterns of ECR, and an index of tags that finds the matches of a pattern without trying every tag."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import TypeAlias

from autograder.domain.retention.model import Image

WILDCARD = "*"
LAST = "\U0010ffff"  # sorts behind every character of a tag

Matcher: TypeAlias = Callable[[str], bool]


def pattern_matcher(pattern: str) -> Matcher:
    """The test for a ``tagPatternList`` entry: ``*`` is any run of characters, and the whole tag must match.

    Each piece between the wildcards is looked for from the left, which takes linear time; case counts, as tags are case
    sensitive.

    Source: https://docs.aws.amazon.com/AmazonECR/latest/userguide/lifecycle_policy_parameters.html (tagPatternList).
    """
    head, *rest = pattern.split(WILDCARD)
    if not rest:
        return lambda tag: tag == pattern
    *middle, tail = rest
    least = len(head) + len(tail)

    def matches(tag: str) -> bool:
        if len(tag) < least or not tag.startswith(head) or not tag.endswith(tail):
            return False
        start, end = len(head), len(tag) - len(tail)
        for piece in middle:
            found = tag.find(piece, start, end)
            if found < 0:
                return False
            start = found + len(piece)
        return True

    return matches


def prefix_matcher(prefix: str) -> Matcher:
    """The test for a ``tagPrefixList`` entry: at the start of the tag only, and ``*`` means nothing special.

    Source: https://docs.aws.amazon.com/AmazonECR/latest/userguide/lifecycle_policy_parameters.html (tagPrefixList).
    """
    return lambda tag: tag.startswith(prefix)


class TagIndex:
    """Which images carry which tag, with the tags in order, so that a pattern only meets tags that begin like it."""

    def __init__(self, images: Sequence[Image]) -> None:
        holders: defaultdict[str, list[int]] = defaultdict(list)
        for position, image in enumerate(images):
            for tag in image.tags:
                holders[tag].append(position)
        self._holders = holders
        self._tags = sorted(holders)

    def positions(self, entry: str, matches: Matcher) -> set[int]:
        """The positions of the images with a tag that passes a test.

        Args:
            entry: the pattern or prefix behind the test; what comes before its first ``*`` narrows the search.
            matches: from :func:`pattern_matcher` or :func:`prefix_matcher`.
        """
        head = entry.partition(WILDCARD)[0]
        begin, end = bisect_left(self._tags, head), bisect_left(self._tags, head + LAST)
        holders = self._holders
        return {position for tag in self._tags[begin:end] if matches(tag) for position in holders[tag]}
