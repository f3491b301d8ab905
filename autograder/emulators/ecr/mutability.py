"""Tag mutability: the four modes and their exclusion filters.

Source: https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-tag-mutability.html and
https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_ImageTagMutabilityExclusionFilter.html
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase  # the filters' alphabet holds none of its other wildcards

from autograder.emulators.ecr import problems

MODES = ("MUTABLE", "IMMUTABLE", "MUTABLE_WITH_EXCLUSION", "IMMUTABLE_WITH_EXCLUSION")
FILTER = re.compile(r"[0-9a-zA-Z._*-]{1,128}")
MOST_FILTERS = 5

Filter = Mapping[str, str]


def is_immutable(mode: str, filters: Iterable[Filter] | None, tag: str) -> bool:
    """Whether a tag may not be moved once it exists. An exclusion turns the mode round for the tags it matches."""
    immutable = mode.startswith("IMMUTABLE")
    if not mode.endswith("_WITH_EXCLUSION"):
        return immutable
    return immutable != any(fnmatchcase(tag, entry["filter"]) for entry in filters or ())


def validate(mode: str | None, filters: Sequence[Filter] | None) -> str:
    """The mode to store.

    Raises:
        ServiceException: InvalidParameterException for an unknown mode or filter, or for filters that do not fit it.
    """
    mode = mode or "MUTABLE"
    if mode not in MODES:
        raise problems.invalid("imageTagMutability", f"Member must satisfy enum value set: [{', '.join(MODES)}]")
    where = "imageTagMutabilityExclusionFilters"
    if mode.endswith("_WITH_EXCLUSION") and not filters:
        raise problems.invalid(
            where, f"ImageTagMutabilityExclusionFilters can't be null when imageTagMutability is set as {mode}"
        )
    if filters and not mode.endswith("_WITH_EXCLUSION"):
        raise problems.invalid(
            where, f"ImageTagMutabilityExclusionFilters must be null when imageTagMutability is set as {mode}"
        )
    if filters and len(filters) > MOST_FILTERS:
        raise problems.invalid(where, f"Member must have length less than or equal to {MOST_FILTERS}")
    for entry in filters or ():
        if entry.get("filterType") != "WILDCARD":
            raise problems.invalid(f"{where}.filterType", "Member must satisfy enum value set: [WILDCARD]")
        if not FILTER.fullmatch(str(entry.get("filter", ""))):
            raise problems.invalid(f"{where}.filter", f"must satisfy regular expression '^{FILTER.pattern}$'")
    return mode
