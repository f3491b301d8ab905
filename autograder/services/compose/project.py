"""Run a compose file's registry through the docker SDK, where Docker Compose is missing: up, down, ps, logs, exec.

Names follow Compose's (PROJECT-SERVICE-1, PROJECT_VOLUME), but the project carries this installation's id, so that two
courses on one engine do not meet. What runs is what :mod:`autograder.services.compose.settings` lets through.
Source: https://docs.docker.com/reference/cli/docker/compose/
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from autograder.domain import references
from autograder.errors import CourseError, EnvironmentProblem, Exit
from autograder.services import claims, containers, engine, http, images, installation, ports
from autograder.services.compose import settings
from autograder.services.compose.settings import Settings
from autograder.services.containers import Spec

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container

FILES = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")  # as Compose looks for them
FOLDER_LABEL = "course.compose.folder"
COMPOSE_FOLDER_LABEL = "com.docker.compose.project.working_dir"  # set by Docker Compose itself
SERVICE_LABEL = "course.compose.service"
SETTLED = 1.5  # seconds that a container must live to count as started


@dataclass(frozen=True)
class Project:
    """A compose file and what the installation calls its parts."""

    folder: Path
    file: Path
    settings: Settings
    installation: installation.Installation

    @property
    def name(self) -> str:
        """The project's name."""
        return project_name(self.folder, self.installation)

    @property
    def container(self) -> str:
        """The container's name."""
        return f"{self.name}-{self.settings.service}-1"

    def volume(self, name: str) -> str:
        """The name that a named volume has in the engine."""
        return f"{self.name}_{name}"


def project_name(folder: Path, state: installation.Installation) -> str:
    """As Compose makes it from the folder, with the installation's id behind it."""
    plain = re.sub(r"[^a-z0-9_-]", "", folder.name.lower()).lstrip("_-") or "project"
    return f"{plain}-{state.id}"


def find(folder: Path, file: Path | None = None) -> Project:
    """The project in a folder.

    Args:
        folder: where relative paths begin.
        file: the compose file; None looks for one of :data:`FILES`.

    Raises:
        CourseError: no file, or one that the kit does not run.
        EnvironmentProblem: nothing was started here yet.
    """
    folder = folder.resolve()
    chosen = file or next((folder / name for name in FILES if (folder / name).is_file()), None)
    if chosen is None or not chosen.is_file():
        raise CourseError(
            expected=f"a file {FILES[0]} in {folder.name}/",
            found="there is none" if file is None else f"no file {file}",
            next_step="Write it first, or go to the folder that holds it.",
        )
    try:
        text = chosen.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise CourseError(
            expected=f"{chosen.name} as UTF-8 text", found=str(error), next_step="Save it again as UTF-8."
        ) from None
    return Project(folder, chosen, settings.read(text), installation.load())


def up(client: DockerClient, project: Project, say: images.Report) -> Container:
    """Have the registry running with the file's present settings; a container of other settings is made anew.

    Raises:
        CourseError: what the file mounts is missing or elsewhere, a port is taken, or the registry ended at once.
        EnvironmentProblem: the image cannot be had.
    """
    spec = _spec(project)
    _image(client, project.settings.image, say)
    before = containers.find(client, spec.name)
    try:
        container = containers.have(client, spec)
    except containers.NotStarted as problem:
        if problem.port_taken:
            raise _port_taken(project) from None
        raise
    if before is not None and before.id != container.id:
        say(f"Container {spec.name}: made anew, its settings changed")
    elif before is not None and before.status == "running":
        say(f"Container {spec.name}: running already")
        return container
    return _settled(container, project)


def _spec(project: Project) -> Spec:
    found = project.settings
    published: dict[str, list[tuple[str, int | None]]] = {}
    for entry in found.published:
        if not entry.loopback:
            raise CourseError(
                expected='ports published on the loopback address alone: "127.0.0.1:PORT:5000"',
                found=f"{project.file.name} publishes on {entry.address or 'every address of this machine'}",
                next_step="Write 127.0.0.1: before the port; what you run for the course is for this machine only.",
            )
        published.setdefault(f"{entry.target}/tcp", []).append((entry.address, entry.port))
    volumes = []
    for mount in found.mounts:
        source = project.volume(mount.source) if mount.named else str(_inside(project, mount.source))
        if mount.source:
            volumes.append(f"{source}:{mount.target}:{'ro' if mount.read_only else 'rw'}")
    settings = {
        "image": found.image,
        "name": project.container,
        "environment": found.environment,
        "ports": published,
        "volumes": volumes,
        "restart_policy": {"Name": found.restart},
        "log_config": containers.LOG_CONFIG,
    }
    named = tuple(project.volume(mount.source) for mount in found.mounts if mount.named)
    return Spec(settings, _labels(project), volumes=named)


def _inside(project: Project, source: str) -> Path:
    """What is mounted: there already (Docker would make an empty folder, owned by root), and below the folder."""
    path = (project.folder / source).resolve()  # follows links: one that leads elsewhere is refused below
    if project.folder not in (path, *path.parents):
        raise CourseError(
            expected=f"{source} inside {project.folder.name}/",
            found=f"it is a link to {path}",
            next_step="Put the files themselves there.",
        )
    if not path.exists():
        raise CourseError(
            expected=f"{source} beside {project.file.name}, as it mounts it",
            found="no such file or folder",
            next_step="Make it first: certificate and key, password file.",
        )
    return path


def _image(client: DockerClient, name: str, say: images.Report) -> None:
    from docker.errors import APIError, ImageNotFound
    from requests.exceptions import RequestException

    if references.parse(name) == references.parse(images.REGISTRY):
        images.ensure(client, images.REGISTRY, say)
        return
    try:
        client.images.get(name)
    except ImageNotFound:
        say(f"{name}: pulling")
        try:
            client.images.pull(name)
        except (APIError, ImageNotFound, RequestException) as error:
            raise EnvironmentProblem(
                expected=f"the image {name}, here or on Docker Hub",
                found=http.in_words(error),
                next_step=f"Write `image: {images.REGISTRY}`: the kit has that one.",
            ) from None


def _labels(project: Project) -> dict[str, str]:
    return {
        claims.INSTALLATION_LABEL: project.installation.id,
        FOLDER_LABEL: str(project.folder),
        SERVICE_LABEL: project.settings.service,
    }


def _port_taken(project: Project) -> CourseError:
    taken = next((p.port for p in project.settings.published if p.port and not ports.is_free(p.port)), None)
    return CourseError(
        expected=f"port {taken or 'of the file'} of this machine free",
        found="another program listens there",
        next_step=f"Stop that program, or write another port into {project.file.name}.",
        exit_code=Exit.ENVIRONMENT,
    )


def _settled(container: Container, project: Project) -> Container:
    """The container, when it keeps running for a moment."""
    until = time.monotonic() + SETTLED
    while time.monotonic() < until:
        container.reload()
        if container.status != "running":
            said = last_words(container)
            container.stop(timeout=1)  # with `restart: always` the engine would try for ever
            raise CourseError(
                expected=f"the registry of {project.file.name} to keep running",
                found=f"it ended at once and said: {said}",
                next_step="Correct what it complains about, then run `up` again; `logs` shows everything it said.",
                exit_code=Exit.NO,
            )
        time.sleep(0.1)
    return container


def last_words(container: Container, lines: int = 40) -> str:
    """Why a registry ended, in its own words."""
    return fatal(container.logs(tail=lines).decode("utf-8", errors="replace"))


def fatal(log: str) -> str:
    """The last line of a registry's log that tells why it ended, without the fields around the message."""
    lines = log.strip().splitlines()
    chosen = [line for line in lines if "level=fatal" in line or "panic:" in line] or lines[-1:]
    if not chosen:
        return "nothing"
    message = re.search(r'msg="((?:[^"\\]|\\.)*)"', chosen[-1])
    return (message[1].replace('\\"', '"') if message else chosen[-1])[:400]


def started_from(client: DockerClient, folder: Path) -> list[Container]:
    """The containers that were started from a folder or one below it, by this kit or by Docker Compose."""
    folder = folder.resolve()
    found = {}
    for label in (FOLDER_LABEL, COMPOSE_FOLDER_LABEL):
        for container in client.containers.list(all=True, ignore_removed=True, filters={"label": label}):
            place = Path(container.labels[label])
            if folder in (place, *place.parents):
                found[container.id] = container
    return list(found.values())


def address(container: Container) -> list[str]:
    """Where a running container is published: ``127.0.0.1:5443->5000/tcp``."""
    bound = container.attrs["NetworkSettings"]["Ports"] or {}
    return [f"{b['HostIp']}:{b['HostPort']}->{target}" for target, hosts in sorted(bound.items()) for b in hosts or ()]


def down(client: DockerClient, project: Project, *, volumes: bool = False) -> list[str]:
    """Stop and remove the container, and its named volumes when asked to; what was removed."""
    return _remove(client, [c for c in [containers.find(client, project.container)] if c is not None], project, volumes)


def _remove(client: DockerClient, found: list[Container], project: Project | None, volumes: bool) -> list[str]:
    from docker.errors import APIError, NotFound

    gone = []
    named: set[str] = set()
    for container in found:
        named |= {m["Name"] for m in container.attrs.get("Mounts", ()) if m.get("Type") == "volume"}
        with contextlib.suppress(NotFound):
            container.stop(timeout=5)
            container.remove(force=True, v=True)
        gone.append(f"Container {container.name}")
    if project is not None:
        named |= {project.volume(mount.source) for mount in project.settings.mounts if mount.named}
    if volumes:
        for name in sorted(named):
            with contextlib.suppress(NotFound, APIError):
                client.volumes.get(name).remove()
                gone.append(f"Volume {name}")
    return gone


def clear(folder: Path) -> list[str]:
    """Remove everything that was started from a folder, volumes included; nothing where no engine answers."""
    if installation.find() is None:
        return []
    _, client = engine.probe()
    if client is None:
        return []
    with contextlib.closing(client):
        return _remove(client, started_from(client, folder), None, volumes=True)


def stop_all(client: DockerClient, state: installation.Installation) -> list[str]:
    """Stop what this installation's compose files started; containers and volumes stay."""
    stopped = []
    wanted = [f"{claims.INSTALLATION_LABEL}={state.id}", FOLDER_LABEL]
    for container in client.containers.list(ignore_removed=True, filters={"label": wanted}):
        containers.stop(container, 5)
        stopped.append(str(container.labels.get(SERVICE_LABEL)))
    return stopped


def ports_of(client: DockerClient, state: installation.Installation) -> set[int]:
    """The ports of this machine that an installation's compose files published."""
    wanted = [f"{claims.INSTALLATION_LABEL}={state.id}", FOLDER_LABEL]
    found = client.containers.list(all=True, ignore_removed=True, filters={"label": wanted})
    bound = (b for c in found for hosts in (c.attrs["HostConfig"]["PortBindings"] or {}).values() for b in hosts or ())
    return {int(one["HostPort"]) for one in bound if one["HostPort"]}


def restart(client: DockerClient, project: Project) -> None:
    """Restart the container, with the settings that it has."""
    container = _required(client, project)
    container.restart(timeout=5)


def logs(client: DockerClient, project: Project, tail: int | None) -> str:
    """What the registry has said, or the last lines of it."""
    return _required(client, project).logs(tail=tail if tail is not None else "all").decode("utf-8", errors="replace")


def execute(client: DockerClient, project: Project, command: list[str]) -> Iterator[bytes | int]:
    """Run a command inside the container: what it prints, piece by piece, and last its exit status."""
    container = _required(client, project)
    if container.status != "running":
        raise CourseError(
            expected=f"{project.container} running",
            found=f"it is {container.status}",
            next_step="Start it first: python3 course.py compose up",
        )
    made = client.api.exec_create(container.id, command)
    yield from client.api.exec_start(made["Id"], stream=True)
    yield int(client.api.exec_inspect(made["Id"])["ExitCode"] or 0)


def _required(client: DockerClient, project: Project) -> Container:
    container = containers.find(client, project.container)
    if container is None:
        raise CourseError(
            expected=f"a container of {project.file.name}",
            found="there is none",
            next_step="Start it first: python3 course.py compose up",
        )
    return container
