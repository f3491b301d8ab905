"""Lab 12: who gets what (personal parameters), and the images that clean-up policies are held against."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from autograder.checks.first_push.data import BIRDS
from autograder.checks.shared.seeded_random import SeededRandom
from autograder.domain import retention
from autograder.domain.retention.boundaries import Held, Terms

# Old pins with a published advisory of HIGH severity that has a fix (domain/advisories/planted.toml).
PINS = ("urllib3==1.26.4", "PyJWT==2.3.0")
# Images that a policy is held against: tags, age in days, and whether it must go.
FLEET = (
    ("an old development build", ("dev-17",), 31, True),
    ("a very old development build", ("dev-2",), 400, True),
    ("a release of last year", ("0.9.0", "sha-0badc0ffee12"), 380, False),
    ("an old image that is in production", ("1.0.0", "prod"), 90, False),
    ("a development build that is not old enough", ("dev-90",), 29, False),
    ("a development build of yesterday", ("dev-91",), 1, False),
    ("the image of a tool", ("devkit-1.0",), 200, False),
    ("a release for another machine", ("1.1.0-device",), 200, False),
    ("an image that lost its tag", (), 60, False),
    ("the release of today", ("2.0.0",), 0, False),
)


# What the task's clean-up names: builds by how their tags begin, and the days after which they go.
BUILD, BUILD_DAYS = "dev-", 30
TERMS = Terms(patterns=(f"{BUILD}*",), days=(BUILD_DAYS,))


def asked(image: Held) -> bool | None:
    """Whether a clean-up has to take an image; None for an old build with another tag: the task leaves that open."""
    builds = [tag.startswith(BUILD) for tag in image.tags]
    if not any(builds) or image.days <= BUILD_DAYS:
        return False
    return True if all(builds) else None


def parameters(draw: SeededRandom) -> dict[str, Any]:
    """A team with a repository in each registry, two releases, development builds, and a pin that the gate refuses."""
    bird, digits = draw.choice("bird", BIRDS), draw.hex("team", 5)
    team = f"{bird}-{digits}"
    major, minor = draw.integer("major", 2, 5), draw.integer("minor", 1, 9)
    build = draw.integer("build", 20, 60)
    return {
        "team": team,
        "hub_repository": f"student/{team}-ml-model",
        "repository": f"{team}/ml-model",
        "project": f"shop-{digits}",
        "version": f"{major}.{minor}.0",
        "previous": f"{major}.{minor - 1}.{draw.integer('patch', 1, 8)}",
        "revision": draw.hex("revision", 12),
        "old_builds": [f"dev-{build}", f"dev-{build + 1}"],
        "new_build": f"dev-{build + 9}",
        "pin": draw.choice("pin", PINS),
    }


def names(parameters: Mapping[str, Any]) -> dict[str, str]:
    """The repository in each registry: service -> name."""
    return {
        "dockerhub": str(parameters["hub_repository"]),
        "ecr": str(parameters["repository"]),
        "artifact-registry": f"{parameters['project']}/models/ml-model",
        "acr": str(parameters["repository"]),
    }


def fleet_digest(number: int) -> str:
    """The digest of an image of :data:`FLEET`."""
    return f"sha256:{number + 1:064x}"


def fleet(now: datetime) -> Iterable[retention.Image]:
    """The images that a policy is held against, at a time of the emulators."""
    for number, (_, held, days, _) in enumerate(FLEET):
        yield retention.Image(fleet_digest(number), now - timedelta(days=days), held, "ml-model", 1000)
