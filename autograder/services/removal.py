"""What an installation has in the engine, removed: containers, volumes, network, images under its addresses."""

from __future__ import annotations

from typing import Any

from docker import DockerClient
from docker.errors import APIError, NotFound
from docker.models.containers import Container

from autograder.services import claims
from autograder.services.compose import project as compose
from autograder.services.installation import Installation

NO_NAME = ("<none>:<none>", "<none>@<none>")  # how the engine lists what has none


def remove(client: DockerClient, state: Installation) -> dict[str, int]:
    """Remove everything of an installation. What was pushed is lost; folders, and images of other names, stay.

    A name such as ``localhost:5001/…`` belongs to whoever has the port. Where another installation of the engine, even
    a stopped one, has the same port, nobody can say whose the name is: it stays until the last of them is removed. So
    do a port's names when a container of somebody else holds it by now, and an image that somebody else's container
    was made from. The course's own images stay, for they are shared.

    Call it before the registry is stopped, so that nobody else takes its port meanwhile.

    Returns:
        how many of each ``container``, ``volume``, ``image`` and ``network`` were removed.
    """
    gone = dict.fromkeys(("container", "volume", "image", "network"), 0)
    mine: dict[str, str | list[str] | bool] = {"label": f"{claims.INSTALLATION_LABEL}={state.id}"}
    containers = client.containers.list(all=True, ignore_removed=True)
    own = {*state.ports.values(), *compose.ports_of(client, state)}
    hosts = tuple(f"localhost:{port}/" for port in own - claims.ports_of_others(client, containers, state))
    others = []
    for container in containers:
        if _is_mine(container, state, hosts):
            container.remove(force=True, v=True)
            gone["container"] += 1
        else:
            others.append(container)
    for volume in client.volumes.list(filters=mine):
        volume.remove(force=True)
        gone["volume"] += 1
    for image in client.api.images():  # as one answer: others may remove images meanwhile
        names = _removable(image, hosts, others)
        gone["image"] += _drop(client, names)
    for network in client.networks.list(filters=mine):
        network.remove()
        gone["network"] += 1
    return gone


def _drop(client: DockerClient, names: list[str]) -> bool:
    """Take names from an image; whether all are gone now. What a container has begun to use meanwhile stays."""
    free = bool(names)
    for name in names:
        try:
            client.images.remove(name, force=True)
        except NotFound:  # some engines drop a digest with its last tag
            continue
        except APIError as error:
            if error.status_code != 409:
                raise
            free = False
    return free


def _is_mine(container: Container, state: Installation, hosts: tuple[str, ...]) -> bool:
    """Whether an installation made a container, or somebody did from an image under its addresses."""
    owner = container.labels.get(claims.INSTALLATION_LABEL)
    return owner == state.id or (owner is None and _made_from(container).startswith(hosts))


def _made_from(container: Container) -> str:
    """The image's name, as it was given when the container was made."""
    return str(container.attrs["Config"]["Image"])


def _removable(image: dict[str, Any], hosts: tuple[str, ...], others: list[Container]) -> list[str]:
    """The names of an image that are to be removed: those under our addresses, that no other container needs."""
    names = [*(image["RepoTags"] or ()), *(image["RepoDigests"] or ())]
    used = {_made_from(container) for container in others}
    ours = [name for name in names if name.startswith(hosts) and name not in used]
    left = set(names) - set(ours) - set(NO_NAME)
    if not left and any(container.attrs["Image"] == image["Id"] for container in others):
        return []  # its last names, and a container stands on it
    return ours
