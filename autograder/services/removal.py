"""What an installation has in the engine, removed: containers, volumes, network, images under its addresses."""

from __future__ import annotations

import contextlib

from docker import DockerClient
from docker.errors import NotFound

from autograder.services import addresses, registry
from autograder.services.compose import project as compose
from autograder.services.installation import Installation


def remove(client: DockerClient, state: Installation) -> dict[str, int]:
    """Remove everything of an installation. What was pushed is lost; folders, and images of other names, stay.

    Call while its registry still holds its port: a name such as ``localhost:5001/…`` belongs to one installation only
    until then.

    Returns:
        how many of each ``container``, ``volume``, ``image`` and ``network`` were removed.
    """
    gone = dict.fromkeys(("container", "volume", "image", "network"), 0)
    mine: dict[str, str | list[str] | bool] = {"label": f"{registry.INSTALLATION_LABEL}={state.id}"}
    hosts = tuple(f"{address}/" for address in addresses.of_installation(state).services.values())
    hosts += tuple(f"localhost:{port}/" for port in compose.ports_of(client, state))  # registries that a lab started
    for container in client.containers.list(all=True, ignore_removed=True):
        named = str(container.attrs["Config"]["Image"])
        if named.startswith(hosts) or container.labels.get(registry.INSTALLATION_LABEL) == state.id:
            container.remove(force=True, v=True)
            gone["container"] += 1
    for volume in client.volumes.list(filters=mine):
        volume.remove(force=True)
        gone["volume"] += 1
    for image in client.api.images():  # as one answer: others may remove images meanwhile
        names = [*(image["RepoTags"] or ()), *(image["RepoDigests"] or ())]
        for name in filter(lambda name: name.startswith(hosts), names):
            with contextlib.suppress(NotFound):  # some engines drop a digest with its last tag
                client.images.remove(name, force=True)
        gone["image"] += any(name.startswith(hosts) for name in names)
    for network in client.networks.list(filters=mine):
        network.remove()
        gone["network"] += 1
    return gone
