"""What an installation has in the engine, removed: containers, volumes, network, images under its addresses."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable

from docker import DockerClient
from docker.errors import NotFound
from docker.models.containers import Container

from autograder.services import registry
from autograder.services.compose import project as compose
from autograder.services.installation import Installation


def remove(client: DockerClient, state: Installation) -> dict[str, int]:
    """Remove everything of an installation. What was pushed is lost; folders, and images of other names, stay.

    Call it before the registry is stopped: a name such as ``localhost:5001/…`` belongs to who holds the port. Names of
    a port that a container of somebody else holds by now are left alone.

    Returns:
        how many of each ``container``, ``volume``, ``image`` and ``network`` were removed.
    """
    gone = dict.fromkeys(("container", "volume", "image", "network"), 0)
    mine: dict[str, str | list[str] | bool] = {"label": f"{registry.INSTALLATION_LABEL}={state.id}"}
    containers = client.containers.list(all=True, ignore_removed=True)
    ports = {*state.ports.values(), *compose.ports_of(client, state)} - _held_by_others(containers, state)
    hosts = tuple(f"localhost:{port}/" for port in ports)
    for container in containers:
        named = str(container.attrs["Config"]["Image"])
        if named.startswith(hosts) or _is_of(container, state):
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


def _is_of(container: Container, state: Installation) -> bool:
    return bool(container.labels.get(registry.INSTALLATION_LABEL) == state.id)


def _held_by_others(containers: Iterable[Container], state: Installation) -> set[int]:
    """Ports of this machine that containers of other installations, or of no installation, hold."""
    published = [
        bindings for container in containers if not _is_of(container, state) for bindings in container.ports.values()
    ]
    return {int(binding["HostPort"]) for bindings in published for binding in bindings or ()}
