"""The local registry: the real ``registry:2`` in a container, published on 127.0.0.1, with a volume of its own.

Whatever happens to the container, the volume stays: only it holds what was pushed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from autograder.errors import EnvironmentProblem
from autograder.services import addresses, claims, containers, http, images, ports
from autograder.services.claims import INSTALLATION_LABEL, SERVICE_LABEL
from autograder.services.containers import Spec
from autograder.services.installation import Installation

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container

SERVICE = "registry"
HEALTH_SECONDS = 120.0  # on a machine that is busy; a container that has ended is noticed at once

# https://distribution.github.io/distribution/about/configuration/ : REGISTRY_A_B overrides a.b of the file.
SETTINGS = {
    "REGISTRY_STORAGE_DELETE_ENABLED": "true",
    "REGISTRY_HTTP_DRAINTIMEOUT": "5s",  # a push that is under way may finish before the registry stops
    "REGISTRY_LOG_ACCESSLOG_DISABLED": "true",
    "REGISTRY_LOG_LEVEL": "warn",
    "OTEL_TRACES_EXPORTER": "none",  # registry:3 would look for a collector
}


def _spec(installation: Installation, image: str) -> Spec:
    name = installation.object_name(SERVICE)
    settings = {
        "name": name,
        "image": image,
        "environment": SETTINGS,
        "ports": {"5000/tcp": (ports.LOOPBACK, installation.ports[SERVICE])},
        "volumes": {name: {"bind": "/var/lib/registry", "mode": "rw"}},
        "restart_policy": {"Name": "unless-stopped"},
        "log_config": containers.LOG_CONFIG,
    }
    return Spec(settings, {INSTALLATION_LABEL: installation.id, SERVICE_LABEL: SERVICE}, volumes=(name,))


def find(client: DockerClient, installation: Installation) -> Container | None:
    """This installation's registry container, or None."""
    return containers.find(client, installation.object_name(SERVICE))


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
    spec = _spec(installation, images.ensure(client, images.REGISTRY, report))
    container = containers.have(client, spec, {SERVICE: port})
    if not http.wait_until(lambda: answers(port), HEALTH_SECONDS, lambda: containers.lives(container)):
        raise _silent(container, port)


def _silent(container: Container, port: int) -> EnvironmentProblem:
    answer = http.ask(addresses.url(port, "/v2/"))
    seen = f"HTTP {answer.status}" if answer.status else answer.text
    return EnvironmentProblem(
        expected=f"the registry to answer at {addresses.url(port, '/v2/')} within {HEALTH_SECONDS:.0f} seconds",
        found=f"{seen}; its {containers.told(container)}",
        next_step="Run `python3 course.py stop`, then `python3 course.py start`. Where the engine itself runs "
        "elsewhere (inside another container or machine), its ports are not this machine's localhost: use an engine on "
        "this machine.",
    )


def down(client: DockerClient, installation: Installation) -> bool:
    """Stop the registry; container and volume stay.

    Returns:
        Whether it was running.
    """
    return containers.stop(find(client, installation), 10)
