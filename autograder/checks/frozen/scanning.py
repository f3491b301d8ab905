"""What lab 09-scanning drew in version 0.1.0; see the package."""

from __future__ import annotations

from typing import Any

from autograder.checks.frozen.words import BIRDS
from autograder.checks.shared.seeded_random import SeededRandom

# Of wheels.toml then: pins with a finding of HIGH or CRITICAL, without those whose wheels are large, and the others.
PLANTED = (
    "urllib3==1.26.4",
    "joblib==1.1.0",
    "python-multipart==0.0.6",
    "pyjwt==2.3.0",
    "sqlparse==0.4.3",
    "certifi==2022.9.24",
)
NOISE = ("idna==3.6", "zipp==3.18.0", "tqdm==4.66.2", "oauthlib==3.2.0")


def parameters(draw: SeededRandom) -> dict[str, Any]:
    """A team, two releases, and three old pins: two with a finding of HIGH or CRITICAL, one that has to stay."""
    team = f"{draw.choice('bird', BIRDS)}-{draw.hex('team', 4)}"
    major, minor = draw.integer("major", 1, 5), draw.integer("minor", 0, 9)
    planted = draw.sample("planted", PLANTED, 2)
    kept = draw.choice("kept", NOISE)
    return {
        "team": team,
        "repository": f"{team}/ml-model",
        "before": f"{major}.{minor}.0",
        "after": f"{major}.{minor}.1",
        "pins": draw.shuffle("pins", [*planted, kept]),
        "kept": kept,
    }
