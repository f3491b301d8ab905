"""The containers that an installation keeps: made, started, and made anew when what is wanted of them changed.

Each carries the mark of its whole configuration as a label, so that a start compares one text. Whatever happens to a
container, its named volumes stay: they hold what was pushed.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from autograder.errors import EnvironmentProblem
from autograder.services import ports

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container

CONFIG_LABEL = "course.config"  # value: `Spec.mark`
LOG_CONFIG = {"Type": "json-file", "Config": {"max-size": "5m", "max-file": "2"}}
# What engines say of a port that something else holds: a container, a program, and (last) Windows itself.
PORT_TAKEN = re.compile(
    r"port is already allocated|address already in use|ports? (?:is|are) not available|forbidden by its access",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Spec:
    """A container as it is wanted.

    Attributes:
        settings: its whole configuration: the arguments of the SDK's ``containers.create``, name and image among them.
        labels: its labels beside the mark; its volumes have them too.
        volumes: named volumes that have to be there before it is made.
        network: the network that it is in, or "" for the engine's default one.
        alias: its name in that network.
        files: folder inside -> tar that is unpacked there before the first start.
        marked: what the mark stands for, where that is more than the settings; JSON.
    """

    settings: Mapping[str, Any]
    labels: Mapping[str, str]
    volumes: tuple[str, ...] = ()
    network: str = ""
    alias: str = ""
    files: Mapping[str, bytes] = field(default_factory=dict)
    marked: Any = None

    @property
    def name(self) -> str:
        """The container's name."""
        return str(self.settings["name"])

    @property
    def mark(self) -> str:
        """A digest of the configuration, as 64 hex digits."""
        marked = self.settings if self.marked is None else self.marked
        return hashlib.sha256(json.dumps(marked, sort_keys=True).encode()).hexdigest()


class NotStarted(EnvironmentProblem):
    """The engine did not start a container.

    Attributes:
        port_taken: whether that is because another program holds a port that it publishes.
    """

    def __init__(self, name: str, text: str) -> None:
        super().__init__(
            expected=f"the engine to start the container {name}",
            found=text,
            next_step="Run: python3 course.py doctor",
        )
        self.port_taken = bool(PORT_TAKEN.search(text))


def find(client: DockerClient, name: str) -> Container | None:
    """The container of that name, or None."""
    from docker.errors import NotFound

    try:
        return client.containers.get(name)
    except NotFound:
        return None


def have(client: DockerClient, spec: Spec, published: Mapping[str, int] | None = None) -> Container:
    """A running container of the wanted configuration. One of another configuration is removed, its volumes are kept.

    Args:
        client: the engine.
        spec: the container; its image is there.
        published: service -> port of 127.0.0.1 that must be free before it starts.

    Returns:
        the container as it was found; ``reload`` it for its present state. Whether it answers is the caller's question.

    Raises:
        PortTaken: another program holds a port of ``published``.
        NotStarted: the engine refused, with its words. A container that was made in vain is removed.
    """
    from docker.errors import APIError

    found = find(client, spec.name)
    if found is not None and (found.labels.get(CONFIG_LABEL) != spec.mark or found.status in ("dead", "removing")):
        found.remove(force=True)
        found = None
    if found is not None and found.status == "running":
        return found
    if found is not None and found.status == "paused":
        found.unpause()
        return found
    if found is not None and found.status == "restarting":  # it fails at once, and holds its ports now and then
        found.stop(timeout=1)
    busy = _busy(published or {})
    if busy:
        raise ports.taken(*busy[0])
    made = None
    try:
        container = found or (made := _create(client, spec))
        if container.status == "created":  # also of an earlier start that was ended between making and filling it
            for folder, content in spec.files.items():
                container.put_archive(folder, content)
        container.start()
        return container
    except APIError as error:
        if made is not None:
            with contextlib.suppress(APIError):
                made.remove(force=True)
        problem = NotStarted(spec.name, str(error.explanation or error))
        if published and problem.port_taken:
            named = [entry for entry in published.items() if f":{entry[1]}" in problem.found]
            raise ports.taken(*(_busy(published) or named or list(published.items()))[0]) from None
        raise problem from None


def _busy(published: Mapping[str, int]) -> list[tuple[str, int]]:
    """The services whose ports something listens on, with them."""
    return [(service, port) for service, port in published.items() if not ports.is_free(port)]


def _create(client: DockerClient, spec: Spec) -> Container:
    for name in spec.volumes:
        if name not in {volume.name for volume in client.volumes.list(filters={"name": name})}:
            client.volumes.create(name, labels=dict(spec.labels))
    settings = dict(spec.settings)
    if spec.network:
        endpoint = client.api.create_endpoint_config(aliases=[spec.alias])
        settings |= {"network": spec.network, "networking_config": {spec.network: endpoint}}
    return client.containers.create(**settings, labels={**spec.labels, CONFIG_LABEL: spec.mark})


def stop(container: Container | None, seconds: int) -> bool:
    """Stop a container; it stays, and so do its volumes.

    Args:
        container: the container, or None where there is none.
        seconds: that it may take until it is killed.

    Returns:
        Whether it was running.
    """
    if container is None or container.status in ("exited", "created", "dead"):
        return False
    if container.status == "paused":  # it could not hear that it is to stop
        container.unpause()
    container.stop(timeout=seconds)
    return True


def lives(container: Container) -> bool:
    """Whether it runs, or the engine is bringing it back."""
    container.reload()
    return bool(container.status in ("running", "restarting"))


def told(container: Container) -> str:
    """Its state and the end of its log, for an error message."""
    log = container.logs(tail=4).decode(errors="replace").strip().replace("\n", " / ")
    return f"container is {container.status}" + (f"; its log ends: {log}" if log else "")
