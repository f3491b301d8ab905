"""What lab 03-docker-hub drew in version 0.1.0; see the package."""

from __future__ import annotations

from typing import Any

from autograder.checks.frozen.words import BIRDS
from autograder.checks.shared.seeded_random import SeededRandom


def parameters(draw: SeededRandom) -> dict[str, Any]:
    """A team with an account, a public and a private repository, a release, and the names of two tokens."""
    bird, digits = draw.choice("bird", BIRDS), draw.hex("team", 4)
    namespace = f"{bird}{digits}"
    major, minor = draw.integer("major", 1, 4), draw.integer("minor", 0, 9)
    return {
        "team": f"{bird}-{digits}",
        "namespace": namespace,
        "repository": f"{namespace}/ml-model",
        "internal": f"{namespace}/ml-model-{draw.choice('internal', ('internal', 'next', 'lab', 'draft'))}",
        "version": f"{major}.{minor}.{draw.integer('patch', 0, 9)}",
        "moving": f"{major}.{minor}",
        "laptop": f"laptop-{draw.hex('laptop', 3)}",
        "server": f"server-{draw.hex('server', 3)}",
    }
