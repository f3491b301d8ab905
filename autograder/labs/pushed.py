"""What a student pushed to the local registry for a lab, removed when the lab is brought back to its beginning."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

from autograder.collect.registry import Missing, RegistryClient
from autograder.labs.manifest import Lab
from autograder.services import addresses

SERVICE = "registry"


def remove(lab: Lab, parameters: Mapping[str, Any]) -> list[str]:
    """Delete every tagged manifest of the lab's repositories.

    Args:
        lab: the lab.
        parameters: the student's, from which the names of the repositories follow.

    Returns:
        the names of the repositories that held something.

    Raises:
        EnvironmentProblem: nothing was started here yet, or the registry does not answer.
    """
    names = list(lab.listed(SERVICE, parameters))
    if not names:
        return []
    client = RegistryClient(addresses.load().of(SERVICE))
    return [name for name in names if _empty(client, name)]


def _empty(client: RegistryClient, name: str) -> bool:
    digests = {client.head(name, tag) for tag in client.tags(name)} - {None}
    for digest in digests:
        with contextlib.suppress(Missing):  # deleted meanwhile
            client.delete(name, str(digest))
    return bool(digests)
