"""The clouds' emulators: one container with all backends, published on 127.0.0.1, and the store behind it, on no port.

Whatever happens to the containers, their two volumes stay: they hold what was pushed and what the clouds know of it.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autograder.domain.services import BY_NAME, EMULATORS
from autograder.errors import CourseError, EnvironmentProblem
from autograder.services import (
    claims,
    cloud_admin,
    cloud_credentials,
    containers,
    http,
    images,
    ports,
    registry,
    services_image,
)
from autograder.services.containers import Spec
from autograder.services.installation import Installation

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container

STORE, BACKENDS = "store", "clouds"  # the two containers, as in their names
STORE_ADDRESS = "http://store:5000"
FILES = "/store"  # where the backends see the store's volume, to be read only
INSIDE = {name: BY_NAME[name].port for name in EMULATORS}  # ports within the container
CONFIGURATION = "configuration.json"
USER = 10001  # of the image
HEALTH_SECONDS = 240.0  # on a machine that is busy; a container that has ended is noticed at once
# Grows by some megabytes a transfer; what is measured is far below. A limit turns a leak into a restart.
MEMORY = "512m"


PROGRAM, DATABASE = "/opt/trivy/trivy", "/opt/trivy/cache"  # where the scanner is within the container


@dataclass(frozen=True)
class Scanner:
    """What ECR's scans are made with.

    Attributes:
        program: a Trivy for Linux.
        cache: its cache folder, with the course's database in ``db``.
    """

    program: Path
    cache: Path

    @property
    def volumes(self) -> dict[str, dict[str, str]]:
        """Both as mounts: in the image, the program would more than double its size."""
        return {
            str(self.program.resolve()): {"bind": PROGRAM, "mode": "ro"},
            str(self.cache.resolve()): {"bind": DATABASE, "mode": "ro"},
        }


def _store(installation: Installation, image: str, secret: str) -> dict[str, Any]:
    """The store's whole configuration. The secret lets an upload outlive a restart of the store."""
    name = installation.object_name(STORE)
    return {
        "name": name,
        "image": image,
        "environment": {**registry.SETTINGS, "REGISTRY_HTTP_SECRET": secret},
        "volumes": {name: {"bind": "/var/lib/registry", "mode": "rw"}},
        "restart_policy": {"Name": "unless-stopped"},
        "log_config": containers.LOG_CONFIG,
    }


def _backends(installation: Installation, image: str, scanner: Scanner | None) -> dict[str, Any]:
    """The backends' whole configuration: no rights, no writable place but their volume."""
    name = installation.object_name(BACKENDS)
    volumes = {
        name: {"bind": "/state", "mode": "rw"},
        installation.object_name(STORE): {"bind": FILES, "mode": "ro"},
    }
    return {
        "name": name,
        "image": image,
        "ports": {f"{INSIDE[s]}/tcp": (ports.LOOPBACK, installation.ports[s]) for s in EMULATORS},
        "volumes": volumes | (scanner.volumes if scanner else {}),
        "restart_policy": {"Name": "unless-stopped"},
        "log_config": containers.LOG_CONFIG,
        "read_only": True,
        "tmpfs": {"/tmp": "size=64m"},
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges"],
        "mem_limit": MEMORY,
        "pids_limit": 512,
    }


def configuration(
    installation: Installation, secrets: dict[str, Any], scanner: Scanner | None = None
) -> dict[str, Any]:
    """What the process inside reads (``emulators.assembly.Configuration``)."""
    credentials = {service: dict(secrets["credentials"][service]) for service in EMULATORS}
    credentials["acr"]["host"] = f"localhost:{installation.ports['acr']}"
    return {
        "state": "/state",
        "store": STORE_ADDRESS,
        "files": FILES,
        "ports": INSIDE,
        "admin_secret": secrets["admin_secret"],
        "secret": secrets["secret"],
        "credentials": credentials,
        "scanner": {"program": PROGRAM, "cache": DATABASE} if scanner else None,
    }


def answers(installation: Installation) -> bool:
    """Whether every backend answers and has its store behind it."""
    found = (installation.ports.get(service) for service in EMULATORS)
    return all(port is not None and cloud_admin.healthy(port) for port in found)


def running(client: DockerClient, installation: Installation) -> bool:
    """Whether this installation's backends run; they hold their ports even while one does not answer."""
    container = _find(client, installation, BACKENDS)
    return container is not None and container.status == "running"


def _unmeasured(_: str) -> AbstractContextManager[None]:
    return nullcontext()


def up(
    client: DockerClient,
    installation: Installation,
    report: images.Report,
    scanner: Scanner | None = None,
    step: Callable[[str], AbstractContextManager[None]] = _unmeasured,
) -> None:
    """Have all emulators running and answering; containers of another configuration are made anew.

    Args:
        client: the engine.
        installation: whose emulators; a port for each of ``EMULATORS`` is chosen already.
        report: called with one line for each step that takes time.
        scanner: what ECR's scans are made with; without one they end as failed, and say so.
        step: measures what is done in the block, by its name.

    Raises:
        EnvironmentProblem: an image cannot be had, a port is taken, or a backend does not answer in time.
    """
    secrets = cloud_credentials.load()
    base = images.ensure(client, images.REGISTRY, report)
    former = _ran_on(client, installation)
    with step("image of the clouds"):
        image = services_image.name(client, report)
        claims.make(client, installation, image)  # before it is there, or another installation could remove it
        services_image.ensure(client, image, report)
    store = _store(installation, base, hashlib.sha256(secrets["secret"].encode()).hexdigest())
    backends = _backends(installation, image, scanner)
    inside = configuration(installation, secrets, scanner)
    with step("clouds"):
        network = _network(client, installation)
        containers.have(client, _spec(installation, STORE, store, network, {}))
        published = {service: installation.ports[service] for service in EMULATORS}
        container = containers.have(client, _spec(installation, BACKENDS, backends, network, inside), published)
        if not http.wait_until(lambda: answers(installation), HEALTH_SECONDS, lambda: containers.lives(container)):
            raise _silent(container)
    for name in former - {image}:
        services_image.forget(client, name, installation)
    with step("publishing the base images"):
        publish(client, installation, secrets, report)


def down(client: DockerClient, installation: Installation) -> bool:
    """Stop the backends, then the store; containers and volumes stay. Returns whether anything was running."""
    stopped = [containers.stop(_find(client, installation, part), 10) for part in (BACKENDS, STORE)]
    return any(stopped)


def publish(client: DockerClient, installation: Installation, secrets: dict[str, Any], report: images.Report) -> None:
    """Push the course's base images to the Docker Hub emulator's ``library/``, those that are not there yet."""
    known = cloud_admin.call("dockerhub", "repository-list")
    there = {f"{repository['name']}:{tag}" for repository in known for tag in repository["tags"]}
    hub = secrets["credentials"]["dockerhub"]
    login = {"username": hub["publisher"], "password": hub["accounts"][hub["publisher"]]}
    missing = [base for base in images.BASES if f"library/{base}" not in there]

    def push(base: str) -> None:
        name, _, tag = base.partition(":")
        repository = f"localhost:{installation.ports['dockerhub']}/library/{name}"
        report(f"{base}: publishing as library/{base} on the Docker Hub emulator")
        client.images.get(base).tag(repository, tag)
        for line in client.images.push(repository, tag, auth_config=login, stream=True, decode=True):
            if "error" in line:
                raise EnvironmentProblem(
                    expected=f"the Docker Hub emulator to take library/{base}",
                    found=str(line["error"]),
                    next_step="Run `python3 course.py stop`, then `python3 course.py start`.",
                )
        client.images.remove(f"{repository}:{tag}", noprune=True)

    with ThreadPoolExecutor() as pool:  # an older engine packs layers on one processor
        list(pool.map(push, missing))


def _find(client: DockerClient, installation: Installation, part: str) -> Container | None:
    return containers.find(client, installation.object_name(part))


def _ran_on(client: DockerClient, installation: Installation) -> set[str]:
    """Names of the images that the backends had until now: as claimed, and as their container says."""
    container = _find(client, installation, BACKENDS)
    named = str(container.attrs["Config"]["Image"]) if container is not None else ""
    return {claims.of(client, installation).image, named} - {""}


def _network(client: DockerClient, installation: Installation) -> str:
    """The private network of store and backends."""
    name = installation.object_name(BACKENDS)
    if not any(network.name == name for network in client.networks.list(names=[name])):
        client.networks.create(name, labels={claims.INSTALLATION_LABEL: installation.id})
    return name


def _spec(
    installation: Installation, part: str, settings: dict[str, Any], network: str, inside: dict[str, Any]
) -> Spec:
    """The store or the backends, with what is in their configuration file."""
    return Spec(
        settings,
        {claims.INSTALLATION_LABEL: installation.id, claims.SERVICE_LABEL: part},
        volumes=(installation.object_name(part),),
        network=network,
        alias=part,
        files={"/state": _archive(inside)} if inside else {},
        marked=[settings, network, inside],
    )


def _archive(inside: dict[str, Any]) -> bytes:
    """The configuration as a tar, owned by the image's user and readable by nobody else."""
    content = json.dumps(inside, indent=1).encode()
    entry = tarfile.TarInfo(CONFIGURATION)
    entry.size, entry.mode, entry.uid, entry.gid = len(content), 0o400, USER, USER
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def _silent(container: Container) -> CourseError:
    return EnvironmentProblem(
        expected=f"the clouds' emulators to answer within {HEALTH_SECONDS:.0f} seconds",
        found=f"they do not; their {containers.told(container)}",
        next_step="Run `python3 course.py stop`, then `python3 course.py start`.",
    )
