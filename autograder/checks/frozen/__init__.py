"""Personal parameters as version 0.1.0 of the kit drew them: its lists and its code, which never change.

From 0.2 on a student is handed out *values*, so a lab's own ``parameters`` and lists may change at any time. A
student.toml and a class of version 0.1.0 hold seeds alone, and students have begun their work under the names that were
drawn then. So that version's drawing stays here whole, lists and code, as the class in ``tests/formats`` stays: lists
in a data file with a version would not do, since a change of the code changes the draws as well. Nothing imports a
lab's present module here, and a test holds what 200 seeds give.

Two labs drew fleets of images where they were needed, from a seed among the parameters. Today a fleet is a value like
the others (``_fleets``), so it is added here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from autograder.checks.frozen import (
    capstone,
    ci_cd,
    docker_hub,
    ecr,
    first_push,
    google_azure,
    lifecycle,
    multi_arch,
    names,
    private_registry,
    scanning,
    tagging,
)
from autograder.checks.shared.seeded_random import SeededRandom

DRAWN: dict[str, Callable[[SeededRandom], dict[str, Any]]] = {
    "01-first-push": first_push.parameters,
    "02-names": names.parameters,
    "03-docker-hub": docker_hub.parameters,
    "04-tagging": tagging.parameters,
    "05-private-registry": private_registry.parameters,
    "06-ecr": ecr.parameters,
    "07-google-azure": google_azure.parameters,
    "08-lifecycle": lifecycle.parameters,
    "09-scanning": scanning.parameters,
    "10-ci-cd": ci_cd.parameters,
    "11-multi-arch": multi_arch.parameters,
    "12-multi-registry": capstone.parameters,
}
"""The labs of version 0.1.0, and what each drew from a handed-out seed."""

FLEETS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "07-google-azure": google_azure.fleets,
    "08-lifecycle": lifecycle.fleets,
}


def parameters(slug: str, seed: str, fleets: bool = True) -> dict[str, Any]:
    """What version 0.1.0 drew for a lab of the kit.

    Args:
        slug: one of :data:`DRAWN`.
        seed: the handed-out seed, 64 hex digits.
        fleets: with the fleets of images, which take four times as long as all the rest.
    """
    values = DRAWN[slug](SeededRandom(seed))
    return values | ({"_fleets": FLEETS[slug](values)} if fleets and slug in FLEETS else {})
