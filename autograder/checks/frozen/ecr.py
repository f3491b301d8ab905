"""What lab 06-ecr drew in version 0.1.0; see the package."""

from __future__ import annotations

from typing import Any

from autograder.checks.frozen.words import BIRDS
from autograder.checks.shared.seeded_random import SeededRandom

# Regions whose registries end in .amazonaws.com: https://docs.aws.amazon.com/general/latest/gr/ecr.html
REGIONS = ("us-east-2", "us-west-2", "eu-central-1", "eu-west-1", "eu-north-1", "ap-southeast-2", "ca-central-1")
ACCOUNT, PARTNER = "123456789012", "210987654321"  # the emulator's own account, and that of its profile other-account


def parameters(draw: SeededRandom) -> dict[str, Any]:
    """A team's repository, three releases, a development tag, and a real account and region to name."""
    team = f"{draw.choice('bird', BIRDS)}-{draw.hex('team', 4)}"
    major, minor, patch = draw.integer("major", 1, 4), draw.integer("minor", 0, 8), draw.integer("patch", 0, 5)
    digits = "".join(str(draw.integer(f"digit {n}", 0, 9)) for n in range(11))
    return {
        "team": team,
        "repository": f"{team}/ml-model",
        "releases": [
            f"{major}.{minor}.{patch}",
            f"{major}.{minor}.{patch + 1}",
            f"{major}.{minor + 1}.0",
        ],
        "dev_tag": f"dev-{draw.integer('dev', 10, 99)}",
        "partner": PARTNER,
        "account": f"0{digits}",  # whoever takes it for a number loses a digit
        "region": draw.choice("region", REGIONS),
    }
