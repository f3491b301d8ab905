"""What lab 04-tagging drew in version 0.1.0; see the package."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

from autograder.checks.frozen.words import BIRDS
from autograder.checks.shared.seeded_random import SeededRandom

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
class Spec:
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

    def as_parameter(self) -> dict[str, Any]:
        """JSON data."""
        return asdict(self)

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


def parameters(draw: SeededRandom) -> dict[str, Any]:
    """A team, its repository, three releases, two regions, and the specification in words and as data."""
    team = f"{draw.choice('bird', BIRDS)}-{draw.hex('team', 4)}"
    spec = Spec.drawn(draw)
    major, minor = draw.integer("major", 1, 6), draw.integer("minor", 10, 14)
    label = draw.choice("label", ("rc", "beta", "alpha"))
    versions = (
        f"{major}.{minor}.0",
        f"{major}.{minor + 1}.0-{label}.{draw.integer('candidate', 1, 4)}",
        f"{major}.9.{draw.integer('fix', 2, 9)}",  # released last, and as a text it sorts after the first
    )
    day = draw.integer("day", 1, 9)
    stay, back = draw.sample("regions", ("eu", "us", "asia", "africa"), 2)
    return {
        "team": team,
        "repository": f"{team}/ml-model",
        "releases": [
            {
                "version": version,
                "commit": draw.hex(f"commit {number}", 40),
                "created": f"2026-{draw.integer('month', 1, 9):02}-{day + 7 * number:02}T"
                f"{draw.integer(f'hour {number}', 6, 18):02}:{draw.integer(f'minute {number}', 0, 59):02}:00Z",
            }
            for number, version in enumerate(versions)
        ],
        "region_stays": f"prod-{stay}",
        "region_back": f"prod-{back}",
        "rules": spec.rules(),
        "_spec": spec.as_parameter(),
    }
