"""Hidden fleets of lab 08, drawn with the grading seed; the personal requirement is the same."""

from __future__ import annotations

from typing import Any

from autograder.checks.lifecycle import fleet as fleets
from autograder.checks.shared.seeded_random import SeededRandom

FLEETS = 3


def values(draw: SeededRandom, parameters: dict[str, Any]) -> dict[str, Any]:
    """``fleets``: three fleets as :func:`autograder.checks.lifecycle.fleet.packed` gives them."""
    drawn = [fleets.another(SeededRandom(draw.hex(f"fleet {n}", 64)), parameters) for n in range(FLEETS)]
    return {"fleets": [fleets.packed(fleet) for fleet in drawn]}
