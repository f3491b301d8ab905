"""Hidden fleets of lab 07, drawn with the grading seed: the policies must hold for images that nobody has seen."""

from __future__ import annotations

from typing import Any

from autograder.checks.google_azure import fleets
from autograder.checks.shared.seeded_random import SeededRandom


def values(draw: SeededRandom, parameters: dict[str, Any]) -> dict[str, Any]:
    """Three fleets for each of the two policies."""
    kinds = {"google": fleets.google, "azure": fleets.azure}
    return {
        kind: [fleets.packed(make(SeededRandom(draw.hex(f"{kind} {n}", 64)), parameters)) for n in range(3)]
        for kind, make in kinds.items()
    }
