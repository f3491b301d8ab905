"""Which ports and images of an engine belong to which installation: said in the engine itself, for all to see.

Several installations of the course may share an engine, and none can read another's ``state.json``. So each keeps one
empty volume, from its first start until ``course stop --remove``, whose labels name its ports and the image that it
built. Containers alone would not do: ``docker container prune`` takes them, and what was pushed is still there.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from autograder.domain import services
from autograder.services import ports
from autograder.services.installation import Installation

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container
    from docker.models.volumes import Volume

INSTALLATION_LABEL = "course.installation"  # on everything that an installation makes; its value is the id
SERVICE_LABEL = "course.service"
PORTS_LABEL = "course.ports"  # numbers, ascending, with blanks between
IMAGE_LABEL = "course.image"
CLAIM = "claim"  # the value of SERVICE_LABEL, and the end of the volume's name


@dataclass(frozen=True)
class Claim:
    """What an installation calls its own.

    Attributes:
        ports: the ports of 127.0.0.1 that its registries have, now or after its next start.
        image: name of the services' image that it runs on; "" before it had one.
    """

    ports: frozenset[int] = frozenset()
    image: str = ""


def of(client: DockerClient, state: Installation) -> Claim:
    """The claim of an installation; an empty one before its first start, or when an earlier version started it."""
    mine = {"label": [f"{INSTALLATION_LABEL}={state.id}", f"{SERVICE_LABEL}={CLAIM}"]}
    for volume in client.volumes.list(filters=mine):
        return _read(_labels(volume))
    return Claim()


def make(client: DockerClient, state: Installation, image: str | None = None) -> None:
    """Have the installation's claim say its present ports, and its image where one is given.

    Labels of a volume cannot be changed, so that one with other labels is made anew; it holds nothing.

    Args:
        client: the engine.
        state: the installation; its ports are chosen already.
        image: name of the services' image; None leaves what was said before.
    """
    from docker.errors import APIError

    before = of(client, state)
    chosen = frozenset(port for service, port in state.ports.items() if service in services.NAMES)
    wanted = Claim(chosen, before.image if image is None else image)
    if wanted == before:
        return
    name = state.object_name(CLAIM)
    with contextlib.suppress(APIError):  # not there yet
        client.volumes.get(name).remove(force=True)
    labels = {
        INSTALLATION_LABEL: state.id,
        SERVICE_LABEL: CLAIM,
        PORTS_LABEL: " ".join(str(port) for port in sorted(wanted.ports)),
        IMAGE_LABEL: wanted.image,
    }
    client.volumes.create(name, labels=labels)


def ports_of_others(client: DockerClient, containers: Iterable[Container], state: Installation) -> set[int]:
    """The ports that are not this installation's alone.

    Those are what other installations claim, what their containers publish or would publish when they were started,
    and what any container of somebody else publishes at the moment.

    An installation of version 0.1.0 claims nothing. While it has containers, they tell its ports; when only its
    volumes are left, the default ports count as its own.
    """
    found: set[int] = set()
    told: set[str] = set()  # installations whose ports are known
    for container in containers:
        owner = container.labels.get(INSTALLATION_LABEL)
        if owner == state.id:
            continue
        found |= set(_published(container.attrs.get("NetworkSettings", {}).get("Ports")))
        if owner is not None:
            would = set(_published(container.attrs.get("HostConfig", {}).get("PortBindings")))
            found |= would
            told |= {owner} if would else set()
    others = [labels for labels in map(_labels, client.volumes.list(filters={"label": INSTALLATION_LABEL}))
              if labels[INSTALLATION_LABEL] != state.id]  # fmt: skip
    for labels in others:
        if labels.get(SERVICE_LABEL) == CLAIM:
            found |= _read(labels).ports
            told.add(labels[INSTALLATION_LABEL])
    # A volume of a student's compose file says nothing: it has no service of the kit's.
    if any(labels[INSTALLATION_LABEL] not in told for labels in others if SERVICE_LABEL in labels):
        found |= {ports.DEFAULTS[service] for service in services.NAMES}
    return found


def images_of_others(client: DockerClient, state: Installation) -> set[str]:
    """Names of the images that other installations claim, and of those that any container was made from."""
    claims = client.volumes.list(filters={"label": f"{SERVICE_LABEL}={CLAIM}"})
    claimed = {_read(labels).image for labels in map(_labels, claims) if labels.get(INSTALLATION_LABEL) != state.id}
    containers = client.containers.list(all=True, ignore_removed=True)
    return (claimed | {str(container.attrs["Config"]["Image"]) for container in containers}) - {""}


def _labels(volume: Volume) -> dict[str, str]:
    return dict(volume.attrs.get("Labels") or {})


def _read(labels: dict[str, str]) -> Claim:
    numbers = labels.get(PORTS_LABEL, "").split()
    return Claim(frozenset(int(one) for one in numbers if one.isdigit()), labels.get(IMAGE_LABEL, ""))


def _published(bound: dict[str, Any] | None) -> Iterator[int]:
    """The numbers in the engine's table of published ports."""
    for hosts in (bound or {}).values():
        yield from (int(host["HostPort"]) for host in hosts or () if host.get("HostPort", "").isdigit())
