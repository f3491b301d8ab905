"""What lab 12-multi-registry drew in version 0.1.0; see the package."""

from __future__ import annotations

from typing import Any

from autograder.checks.frozen.words import BIRDS
from autograder.checks.shared.seeded_random import SeededRandom

# Old pins with a published advisory of HIGH severity that has a fix (domain/advisories/planted.toml).
PINS = ("urllib3==1.26.4", "PyJWT==2.3.0")


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
