"""What lab 10-ci-cd drew in version 0.1.0; see the package."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final

from autograder.checks.frozen.words import BIRDS
from autograder.checks.shared.seeded_random import SeededRandom

MODELS: Final = ("router", "tokenizer", "ranker", "embedder", "summarizer", "classifier")
MAIN: Final = "main"


@dataclass(frozen=True)
class Spec:
    """A team's rules for its tags.

    Attributes:
        moving: the tag that follows main.
        commit: what stands before the short commit id.
        major: whether a release moves the tag of its major version.
        latest: what moves ``latest``: ``release``, ``main`` or ``nothing``.
    """

    moving: str
    commit: str
    major: bool
    latest: str

    @classmethod
    def drawn(cls, draw: SeededRandom) -> Spec:
        """A specification."""
        return cls(
            moving=draw.choice("moving", (MAIN, "edge", "nightly")),
            commit=draw.choice("commit prefix", ("git-", "commit-", "rev-")),  # never the default
            major=draw.integer("major tag", 0, 1) == 1,
            latest=draw.choice("latest", ("main", "nothing", "release")),
        )

    def as_parameter(self) -> dict[str, Any]:
        """As data."""
        return asdict(self)

    def rules(self) -> dict[str, str]:
        """In words."""
        numbers = "its version, its major and minor number" + (", its major number" if self.major else "")
        latest = {
            "release": "A release moves latest; nothing else does.",
            "main": "A push to main moves latest; a release does not.",
            "nothing": "There is no latest.",
        }[self.latest]
        return {
            "every push": f"the tag {self.commit} with the first 7 digits of the commit behind it",
            "a push to main": f"the tag {self.moving} as well",
            "a release v1.2.3": f"as well: {numbers}, without the v",
            "a candidate v1.2.3-rc.1": "as well: its whole version without the v, and no tag that others follow",
            "latest": latest,
            "a pull request, another branch": "no image is pushed at all",
        }


def parameters(draw: SeededRandom) -> dict[str, Any]:
    """A team, a model, rules for its tags, the inherited tag rules, a commit and versions."""
    team = f"{draw.choice('bird', BIRDS)}-{draw.hex('team', 4)}"
    model = draw.choice("model", MODELS)
    spec = Spec.drawn(draw)
    major, minor, patch = draw.integer("major", 1, 7), draw.integer("minor", 2, 14), draw.integer("patch", 1, 9)
    label = draw.choice("label", ("rc", "beta", "alpha"))
    return {
        "team": team,
        "model": model,
        "repository": f"{team}/{model}",
        "image": f"ghcr.io/{team}/{model}",
        "commit": draw.hex("commit", 40),
        "version": f"{major}.{minor}.{patch}",
        "candidate": f"{major}.{minor + 1}.0-{label}.{draw.integer('candidate', 1, 5)}",
        "pull_request": draw.integer("pull request", 12, 480),
        "tag_rules": inherited_rules(draw),
        "rules": spec.rules(),
        "gitlab_image": f"$CI_REGISTRY_IMAGE/{model}",
        "gitlab_prefix": draw.choice("gitlab prefix", ("build-", "ci-", "c-")),
        "_spec": spec.as_parameter(),
        "_more": [
            {"kind": "release", "sha": draw.hex("commit 2", 40), "version": f"{major + 1}.0.0"},
            {"kind": "candidate", "sha": draw.hex("commit 3", 40), "version": f"{major + 1}.1.0-preview.3"},
            {"kind": "main", "sha": draw.hex("commit 4", 40)},
            {"kind": "branch", "sha": draw.hex("commit 5", 40), "branch": "feature/faster"},
            {"kind": "pull_request", "sha": draw.hex("commit 6", 40), "number": 900, "fork": True, "branch": MAIN},
        ],
    }


def inherited_rules(draw: SeededRandom) -> list[str]:
    """The tag rules of the inherited step: valid, and not what the team wants."""
    numbers = draw.choice("inherited numbers", ("{{major}}.{{minor}}", "{{major}}"))
    sha = draw.choice("inherited sha", ("type=sha", "type=sha,prefix=", "type=sha,format=long"))
    latest = draw.choice(
        "inherited latest", ("type=edge", "type=raw,value=latest,enable={{is_default_branch}}", "type=raw,value=newest")
    )
    lines = ["type=semver,pattern={{version}}", f"type=semver,pattern={numbers}", sha, latest]
    return ["type=ref,event=branch", "type=ref,event=pr", *draw.shuffle("inherited order", lines)]
