"""The course's tagging strategy: which tags a release or a branch build gets, and which of them may move."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from autograder.domain.references import is_tag
from autograder.domain.references.grammar import DEFAULT_TAG, TAG_LIMIT

SEMVER: Final = "https://semver.org/spec/v2.0.0.html"
SLUG: Final = "https://docs.gitlab.com/ci/variables/predefined_variables/"
SLUG_LIMIT: Final = 63  # characters, as in CI_COMMIT_REF_SLUG; source: SLUG
SHA_LENGTH: Final = 12  # hexadecimal digits; git's own choice of a length differs between clones

_NUMBER: Final = re.compile(r"0|[1-9][0-9]*")
_IDENTIFIER: Final = re.compile(r"[0-9A-Za-z-]+")
_SHA: Final = re.compile(r"[0-9a-f]+")


class TagError(ValueError):
    """A version, commit or branch from which no tag can be made; the message says why."""


@dataclass(frozen=True, slots=True)
class Version:
    """A semantic version. Build metadata names a variant (``cu124``) and takes no part in the order."""

    major: int
    minor: int
    patch: int
    prerelease: str = ""
    build: str = ""

    @property
    def stable(self) -> bool:
        """Whether this is a release, not a pre-release of one."""
        return not self.prerelease

    @property
    def numbers(self) -> tuple[int, int, int]:
        """What stable versions are ordered by."""
        return self.major, self.minor, self.patch


@dataclass(frozen=True, slots=True)
class TagSet:
    """The tags of one image.

    Attributes:
        fixed: tags that are pushed once and never moved.
        moving: tags that point to the newest image of their kind.
    """

    fixed: tuple[str, ...]
    moving: tuple[str, ...]

    @property
    def all(self) -> tuple[str, ...]:
        """Every tag, the fixed ones first."""
        return self.fixed + self.moving


def parse_version(text: str) -> Version:
    """Read a semantic version, without a leading ``v``.

    Raises:
        TagError: with the part that is wrong and the rule it breaks.

    Source: https://semver.org/spec/v2.0.0.html, items 2, 9 and 10
    """
    if not text:
        raise TagError("the version is empty; write MAJOR.MINOR.PATCH, for example 1.4.2")
    if text[0] in "vV" and text[1:2].isdigit():
        raise TagError(f"'{text}' starts with '{text[0]}': a Git tag may, a semantic version does not; pass {text[1:]}")
    rest, plus, build = text.partition("+")
    core, dash, prerelease = rest.partition("-")
    numbers = core.split(".")
    if len(numbers) != 3:
        raise TagError(f"'{text}' has {len(numbers)} dot-separated number(s) in front; it needs MAJOR.MINOR.PATCH")
    for name, number in zip(("MAJOR", "MINOR", "PATCH"), numbers, strict=True):
        if not _NUMBER.fullmatch(number):
            raise TagError(f"{name} of '{text}' is '{number}'; it must be 0 or digits without a leading zero")
        if len(number) > TAG_LIMIT:
            raise TagError(f"{name} of the version has {len(number)} digits; a tag has at most {TAG_LIMIT} characters")
    if dash:
        _check_identifiers("pre-release", prerelease, text, leading_zeros=False)
    if plus:
        _check_identifiers("build metadata", build, text, leading_zeros=True)
    major, minor, patch = map(int, numbers)
    return Version(major, minor, patch, prerelease, build)


def _check_identifiers(what: str, value: str, text: str, *, leading_zeros: bool) -> None:
    for identifier in value.split("."):
        if not identifier:
            raise TagError(f"the {what} of '{text}' has an empty part; parts between dots hold at least one character")
        if not _IDENTIFIER.fullmatch(identifier):
            wrong = next(c for c in identifier if not _IDENTIFIER.fullmatch(c))
            raise TagError(
                f"the {what} of '{text}' holds {wrong!r}; only letters, digits, '-' and dots may stand there"
            )
        if not leading_zeros and identifier.isdigit() and not _NUMBER.fullmatch(identifier):
            raise TagError(f"the {what} of '{text}' has the number '{identifier}' with a leading zero")


def branch_slug(branch: str) -> str:
    """A branch name as a tag: lower-case, every character but letters and digits replaced by ``-``.

    At most 63 characters, no dash at either end. Different branches can share a slug, so a slug alone never
    identifies an image.

    Raises:
        TagError: where nothing is left, or where the slug is a tag that only a release may move (``latest``, ``1``).

    Source: CI_COMMIT_REF_SLUG in https://docs.gitlab.com/ci/variables/predefined_variables/
    """
    slug = re.sub(r"[^0-9a-z]", "-", branch.lower())[:SLUG_LIMIT].strip("-")
    if not slug:
        raise TagError(f"the branch name '{branch}' holds no letter or digit that a tag could keep")
    if slug == DEFAULT_TAG or slug.isdigit():
        raise TagError(f"a build of the branch '{branch}' would take the tag '{slug}', which belongs to releases")
    return slug


def short_sha(sha: str, length: int = SHA_LENGTH) -> str:
    """The first ``length`` hexadecimal digits of a commit id, always the same number of them.

    Raises:
        TagError: where ``sha`` is no commit id or shorter than ``length``.
    """
    if not _SHA.fullmatch(sha):
        raise TagError(f"'{sha}' is no commit id: 40 or 64 digits 0-9 and a-f (git rev-parse HEAD)")
    if not 1 <= length <= len(sha):
        raise TagError(f"the commit id '{sha}' has {len(sha)} digits, {length} are wanted; pass the full id")
    return sha[:length]


def release_tags(
    version: str | None,
    sha: str,
    *,
    branch: str | None = None,
    published: Iterable[str] = (),
    sha_length: int = SHA_LENGTH,
    plus: str = "_",
) -> TagSet:
    """The tags of an image built from commit ``sha`` as release ``version``, or from ``branch``, or both.

    Fixed: the exact version; version and commit (``1.4.2-0a1b2c3d4e5f``); for a branch, slug and commit.
    Moving: ``1.4`` and ``1`` where this is the newest stable release of its line, ``latest`` where it is the newest of
    all; the branch's slug. A pre-release moves nothing. ``0`` never moves, since in 0.y.z anything may change. A tag
    holds no ``+``: the plus before build metadata becomes ``plus``, and the moving tags of such a variant carry it
    (``1.4_cu124``), so that variants never take each other's tags; ``latest`` stays with the build that has none.

    Args:
        version: semantic version without leading ``v``; None for a build that is no release.
        sha: full commit id, lower-case hexadecimal.
        branch: branch name as Git has it, for example ``feature/tokenizer``.
        published: versions released before. An older line's fix (1.4.3 after 2.0.0) then leaves ``latest`` alone.
        sha_length: digits of the commit id in a tag.
        plus: ``_`` or ``-``. ``_`` is the default because it occurs in no semantic version and can be read back.

    Raises:
        TagError: with the reason, where an argument is invalid or a tag would be too long.

    Source: https://semver.org/spec/v2.0.0.html; the course's lesson on tagging.
    """
    if version is None and branch is None:
        raise TagError("neither a version nor a branch is given; a commit id alone says too little for a tag")
    if plus not in ("_", "-"):
        raise TagError(f"the plus sign can become '_' or '-', not '{plus}'")
    short = short_sha(sha, sha_length)
    fixed: list[str] = []
    moving: list[str] = []
    if version is not None:
        parsed = parse_version(version)
        exact = version.replace("+", plus)
        fixed += [exact, f"{exact}-{short}"]
        moving += _floating(parsed, [parse_version(other) for other in published], plus)
    if branch is not None:
        slug = branch_slug(branch)
        fixed.append(f"{slug}-{short}")
        moving.append(slug)
    tags = TagSet(tuple(dict.fromkeys(fixed)), tuple(tag for tag in dict.fromkeys(moving) if tag not in fixed))
    for tag in tags.all:
        if not is_tag(tag):
            raise TagError(f"the tag '{tag}' has {len(tag)} characters; a tag has at most {TAG_LIMIT}")
    return tags


def _floating(version: Version, published: list[Version], plus: str) -> list[str]:
    """The moving tags that ``version`` takes over. Equal versions count as not newer: a rebuild takes them again."""
    if not version.stable:
        return []
    rivals = [other for other in published if other.stable and other.build == version.build]
    variant = f"{plus}{version.build}" if version.build else ""
    tags = []
    if not any(o.numbers > version.numbers for o in rivals if (o.major, o.minor) == (version.major, version.minor)):
        tags.append(f"{version.major}.{version.minor}{variant}")
    if version.major > 0 and not any(o.numbers > version.numbers for o in rivals if o.major == version.major):
        tags.append(f"{version.major}{variant}")
    if not version.build and not any(o.numbers > version.numbers for o in rivals):
        tags.append(DEFAULT_TAG)
    return tags
