"""The local registry: the real ``registry:2`` in a container, published on 127.0.0.1, with a volume of its own.

Whatever happens to the container, the volume stays: only it holds what was pushed.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from autograder.errors import EnvironmentProblem
from autograder.services import addresses, claims, http, images, ports
from autograder.services.claims import INSTALLATION_LABEL, SERVICE_LABEL
from autograder.services.installation import Installation

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container

SERVICE = "registry"
CONFIG_LABEL = "course.config"
HEALTH_SECONDS = 120.0  # on a machine that is busy; a container that has ended is noticed at once

# https://distribution.github.io/distribution/about/configuration/ : REGISTRY_A_B overrides a.b of the file.
SETTINGS = {
    "REGISTRY_STORAGE_DELETE_ENABLED": "true",
    "REGISTRY_HTTP_DRAINTIMEOUT": "5s",  # a push that is under way may finish before the registry stops
    "REGISTRY_LOG_ACCESSLOG_DISABLED": "true",
    "REGISTRY_LOG_LEVEL": "warn",
    "OTEL_TRACES_EXPORTER": "none",  # registry:3 would look for a collector
}


def _wanted(installation: Installation, image: str) -> dict[str, Any]:
    """The container's whole configuration."""
    name = installation.object_name(SERVICE)
    return {
        "name": name,
        "image": image,
        "environment": SETTINGS,
        "ports": {"5000/tcp": (ports.LOOPBACK, installation.ports[SERVICE])},
        "volumes": {name: {"bind": "/var/lib/registry", "mode": "rw"}},
        "restart_policy": {"Name": "unless-stopped"},
        "log_config": {"Type": "json-file", "Config": {"max-size": "5m", "max-file": "2"}},
    }


def find(client: DockerClient, installation: Installation) -> Container | None:
    """This installation's registry container, or None."""
    from docker.errors import NotFound

    try:
        return client.containers.get(installation.object_name(SERVICE))
    except NotFound:
        return None


def answers(port: int) -> bool:
    """Whether a registry answers on a port of this machine."""
    return http.ask(addresses.url(port, "/v2/")).status == 200


def running(client: DockerClient, installation: Installation) -> bool:
    """Whether this installation's registry runs and answers."""
    container = find(client, installation)
    return container is not None and container.status == "running" and answers(installation.ports[SERVICE])


def up(client: DockerClient, installation: Installation, report: images.Report) -> None:
    """Have the registry running and answering. A container of another configuration is made anew, its volume kept.

    Args:
        client: the engine.
        installation: whose registry; its port is chosen already.
        report: called with one line for each step that takes time.

    Raises:
        EnvironmentProblem: the image cannot be had, the port is taken, or the registry does not answer in time.
    """
    port = installation.ports[SERVICE]
    claims.make(client, installation)
    wanted = _wanted(installation, images.ensure(client, images.REGISTRY, report))
    mark = hashlib.sha256(json.dumps(wanted, sort_keys=True).encode()).hexdigest()
    container = find(client, installation)
    if container is not None and (
        container.labels.get(CONFIG_LABEL) != mark or container.status not in ("running", "exited", "created", "paused")
    ):
        container.remove(force=True)
        container = None
    if container is not None and container.status == "running" and answers(port):
        return
    if container is not None and container.status == "paused":
        container.unpause()
    elif container is None or container.status != "running":
        if not ports.is_free(port):
            raise ports.taken(SERVICE, port)
        container = _run(client, installation, wanted, mark, container)
    if not http.wait_until(lambda: answers(port), HEALTH_SECONDS, lambda: _alive(container)):
        raise _silent(container, port)


def _run(
    client: DockerClient, installation: Installation, wanted: dict[str, Any], mark: str, old: Container | None
) -> Container:
    from docker.errors import APIError

    labels = {INSTALLATION_LABEL: installation.id, SERVICE_LABEL: SERVICE}
    try:
        if old is not None:
            old.start()
            return old
        volume = installation.object_name(SERVICE)
        if volume not in {v.name for v in client.volumes.list(filters={"name": volume})}:
            client.volumes.create(volume, labels=labels)
        return client.containers.run(**wanted, detach=True, labels={**labels, CONFIG_LABEL: mark})
    except APIError as error:
        text = str(error.explanation or error)
        if "already allocated" in text or "address already in use" in text or "port is not available" in text.lower():
            raise ports.taken(SERVICE, installation.ports[SERVICE]) from None
        raise EnvironmentProblem(
            expected="the engine to start the registry's container",
            found=text,
            next_step="Run: python3 course.py doctor",
        ) from None


def _alive(container: Container) -> bool:
    container.reload()
    return container.status in ("running", "restarting")  # the engine brings a killed one back by itself


def _silent(container: Container, port: int) -> EnvironmentProblem:
    log = container.logs(tail=4).decode(errors="replace").strip().replace("\n", " / ")
    answer = http.ask(addresses.url(port, "/v2/"))
    seen = f"HTTP {answer.status}" if answer.status else answer.text
    return EnvironmentProblem(
        expected=f"the registry to answer at {addresses.url(port, '/v2/')} within {HEALTH_SECONDS:.0f} seconds",
        found=f"{seen}; its container is {container.status}" + (f"; its log ends: {log}" if log else ""),
        next_step="Run `python3 course.py stop`, then `python3 course.py start`. Where the engine itself runs "
        "elsewhere (inside another container or machine), its ports are not this machine's localhost: use an engine on "
        "this machine.",
    )


def down(client: DockerClient, installation: Installation) -> bool:
    """Stop the registry; container and volume stay.

    Returns:
        Whether it was running.
    """
    container = find(client, installation)
    if container is None or container.status in ("exited", "created"):
        return False
    if container.status == "paused":
        container.unpause()
    container.stop(timeout=10)
    return True
