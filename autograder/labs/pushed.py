"""What a student pushed to the local registry for a lab, removed when the lab is brought back to its beginning."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

from autograder.labs.manifest import Lab
from autograder.oci import manifests
from autograder.oci.client import Missing, RegistryClient
from autograder.services import addresses

SERVICE = "registry"


def remove(lab: Lab, parameters: Mapping[str, Any]) -> list[str]:
    """Delete every tagged manifest of the lab's repositories, and of an index what it lists.

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
    digests = {str(digest) for tag in client.tags(name) if (digest := client.head(name, tag))}
    for digest in digests | {child for one in digests for child in _listed(client, name, one)}:
        with contextlib.suppress(Missing):  # deleted meanwhile
            client.delete(name, digest)
    return bool(digests)


def _listed(client: RegistryClient, name: str, digest: str) -> list[str]:
    """Digests of what an index lists; nothing for an image. They have no tags, so they would stay behind."""
    with contextlib.suppress(Missing, manifests.ManifestError):
        found = client.manifest(name, digest)
        parsed = manifests.parse(found.content, found.media_type)
        return [child.digest for child in parsed.manifests] if isinstance(parsed, manifests.ImageIndex) else []
    return []
