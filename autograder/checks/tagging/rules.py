"""Lab 04's personal specification: what is drawn, the rules in words, and how each kind of tag is written.

Which tags a release gets is not computed here, so that a student's machine holds no finished answer: visible cases and
the three releases name their kinds of tags in a table. The grader computes it (``solutions/04-tagging/hidden.py``).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from pydantic import JsonValue

from autograder.checks.shared.seeded_random import SeededRandom
from autograder.checks.shared.specification import Specification
from autograder.evidence.model import Case

Candidate = Literal["nothing", "next", "line"]

# None of these is what the kit's own release_tags does (12 digits, VERSION-SHA, latest), whatever it is told.
DIGITS: Final = (8, 9, 10, 11, 14, 16)
COMMIT: Final = ("sha-", "git-", "commit-", "rev-", "g")
PLUS: Final = ("_", "-", ".")
NEWEST: Final = ("stable", "current", "newest", "release")
CANDIDATE: Final[tuple[Candidate, ...]] = ("nothing", "next", "line")
BRANCH: Final = ("dev-", "br-", "wip-", "branch-")
DASH: Final = ("-", "_", ".")
LENGTH: Final = (18, 20, 24, 28)


@dataclass(frozen=True)
class Spec(Specification):
    """A student's specification.

    Attributes:
        digits: hexadecimal digits of the commit in a tag.
        commit: what stands before them.
        plus: what the ``+`` of a version becomes.
        major: whether the major number has a floating tag.
        newest: name of the tag at the newest stable release of all.
        candidate: what a pre-release moves: nothing, the tag ``next``, or a tag of its line (``1.5-rc``).
        branch: what stands before a branch's slug.
        dash: what the signs become that a slug cannot hold.
        length: characters of a slug.
    """

    digits: int
    commit: str
    plus: str
    major: bool
    newest: str
    candidate: Candidate
    branch: str
    dash: str
    length: int

    @classmethod
    def drawn(cls, draw: SeededRandom) -> Spec:
        """The specification that belongs to a seed."""
        return cls(
            digits=draw.choice("digits", DIGITS),
            commit=draw.choice("commit", COMMIT),
            plus=draw.choice("plus", PLUS),
            major=draw.choice("major floats", (True, False)),
            newest=draw.choice("newest", NEWEST),
            candidate=draw.choice("candidate", CANDIDATE),
            branch=draw.choice("branch", BRANCH),
            dash=draw.choice("dash", DASH),
            length=draw.choice("length", LENGTH),
        )

    def rules(self) -> dict[str, str]:
        """The rules in words: name -> sentence."""
        candidate = {
            "nothing": "a pre-release moves nothing",
            "next": "a pre-release moves “next”",
            "line": "a pre-release moves the tag of its line: 1.5.0-rc.1 and 1.5.0-rc.2 move “1.5-rc”",
        }
        return {
            "exact": f"each release gets its version; the “+” of build metadata becomes “{self.plus}”",
            "commit": f"each build gets “{self.commit}” and the first {self.digits} digits of its commit",
            "minor": "“1.4” is moved by the newest stable release of that line",
            "major": "“1” is moved by the newest stable release of that number; there is no tag “0”"
            if self.major
            else "there is no tag for a major number alone",
            "newest": f"“{self.newest}” is moved by the newest stable release of all",
            "pre-release": candidate[self.candidate],
            "variant": "a release with build metadata moves nothing, and does not count when the newest is looked for",
            "branch": f"a build of a branch gets “{self.branch}” and the branch's slug, and the tag of its commit",
            "slug": f"lower-case; each run of signs other than a-z and 0-9 becomes one “{self.dash}”; then cut to "
            f"{self.length} characters; no “{self.dash}” at either end",
        }

    def tag(self, kind: str, version: str, commit: str) -> str | None:
        """The tag of a kind (a key of :meth:`rules`) for a release; None where the specification has no such tag."""
        numbers, _, label = version.partition("+")[0].partition("-")
        major, minor, _ = numbers.split(".")
        if kind == "exact":
            return version.replace("+", self.plus)
        if kind == "commit":
            return self.commit + commit[: self.digits]
        if kind == "minor":
            return f"{major}.{minor}"
        if kind == "major":
            return major if self.major and major != "0" else None
        if kind == "newest":
            return self.newest
        if kind == "pre-release":
            line = f"{major}.{minor}-{label.partition('.')[0]}"
            return {"nothing": None, "next": "next", "line": line}[self.candidate]
        raise ValueError(f"no tag of the kind {kind}")

    def tags(self, kinds: Iterable[str], version: str, commit: str) -> list[str]:
        """The tags of several kinds, without those that the specification does not have."""
        tags = (self.tag(kind, version, commit) for kind in kinds)
        return [tag for tag in tags if tag is not None]


MOVED_BY_STABLE: Final = ("exact", "commit", "minor", "major", "newest")
# The visible cases: kind of input, version, published before, kinds of tags.
RELEASES: Final[tuple[tuple[str, str, tuple[str, ...], tuple[str, ...]], ...]] = (
    ("the first release", "1.4.0", (), MOVED_BY_STABLE),
    ("a fix of the newest release", "1.4.1", ("1.3.0", "1.4.0"), MOVED_BY_STABLE),
    ("a minor version of two digits", "1.10.0", ("1.9.0", "1.9.1"), MOVED_BY_STABLE),
    ("a fix of an older line", "1.3.6", ("1.3.5", "1.4.0"), ("exact", "commit", "minor")),
    ("a pre-release", "1.5.0-rc.1", ("1.4.0",), ("exact", "commit", "pre-release")),
    ("a release with build metadata", "1.4.0+cu124", ("1.3.0",), ("exact", "commit")),
    ("a version before 1.0.0", "0.3.0", ("0.2.9",), MOVED_BY_STABLE),
)
COMMITS: Final = (
    "4b1d0c2f9a7e6853b0d1f2a3c4e5968778695a4b",
    "9f8e7d6c5b4a39281706f5e4d3c2b1a0deadbeef",
)
BRANCH_WORDS: Final = ("feature", "new", "queue")


def visible_cases(spec: Spec) -> list[Case]:
    """The cases of ``release_tags`` that a student sees."""
    commit, other = COMMITS
    cases = [
        Case(
            kind=kind,
            args=(version, commit, None, list(published)),
            expected=sorted_json(spec.tags(kinds, version, commit)),
        )
        for kind, version, published, kinds in RELEASES
    ]
    slug = spec.branch + spec.dash.join(BRANCH_WORDS)
    branch = f"{BRANCH_WORDS[0]}/{BRANCH_WORDS[1].title()}-{BRANCH_WORDS[2].title()}"
    tags = sorted_json([slug, spec.commit + other[: spec.digits]])
    return [*cases, Case(kind="a build of a branch", args=(None, other, branch, ["1.4.0"]), expected=tags)]


def sorted_json(tags: Iterable[str]) -> list[JsonValue]:
    """Tags in order, as JSON data."""
    return [*sorted(tags)]
