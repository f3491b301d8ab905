"""The facts that ``course doctor`` judges, gathered from this machine without changing it."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from autograder import paths
from autograder.domain.services import EMULATORS, NAMES
from autograder.services import (
    cloud_admin,
    clouds,
    engine,
    installation,
    jupyter,
    ports,
    processes,
    registry,
    site_server,
)
from autograder.services.doctor import Disk, Facts, Port
from autograder.services.installation import Installation

if TYPE_CHECKING:
    from docker import DockerClient

PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


def gather() -> Facts:
    """Look at this machine."""
    found, client = engine.probe()
    state = installation.find()
    try:
        root = _engine_folder(client)
        chosen = tuple(_ports(state, client)) if state else ()
    finally:
        if client is not None:
            client.close()
    return Facts(
        platform=sys.platform,
        python=(sys.version_info.major, sys.version_info.minor),
        engine=found,
        ports=chosen,
        disks=tuple(_disks(root)),
        unwritable=tuple(folder for folder in (paths.work(), paths.state()) if not _writable(folder)),
        proxies=proxies(os.environ),
        no_proxy=tuple(part for part in _variable(os.environ, "NO_PROXY").split(",") if part.strip()),
    )


def _variable(environment: Mapping[str, str], name: str) -> str:
    return environment.get(name) or environment.get(name.lower()) or ""


def proxies(environment: Mapping[str, str]) -> dict[str, str]:
    """The proxy variables that are set."""
    return {name: _variable(environment, name) for name in PROXIES if _variable(environment, name)}


def _engine_folder(client: DockerClient | None) -> Path | None:
    """Where the engine keeps its images, if that is a folder of this machine."""
    if client is None:
        return None
    root = Path(str(client.info().get("DockerRootDir", "")))
    return root if root.is_absolute() and root.is_dir() else None


def _disks(engine_folder: Path | None) -> Iterator[Disk]:
    yield Disk(paths.home(), shutil.disk_usage(_existing(paths.home())).free, "the kit and your work")
    if engine_folder is not None:
        yield Disk(engine_folder, shutil.disk_usage(engine_folder).free, "the engine's images")


def _existing(folder: Path) -> Path:
    while not folder.exists():
        folder = folder.parent
    return folder


def _writable(folder: Path) -> bool:
    """Whether a file can be made in a folder, or in the folder where it would be made."""
    target = _existing(folder) / f".course-probe-{os.getpid()}"
    try:
        target.touch()
        target.unlink()
    except OSError:
        return False
    return True


def _ports(state: Installation, client: DockerClient | None) -> Iterator[Port]:
    ours = {
        registry.SERVICE: lambda: client is not None and registry.running(client, state),
        jupyter.SERVICE: lambda: jupyter.answers(state),
        site_server.SERVICE: lambda: site_server.answers(state),
        **dict.fromkeys(EMULATORS, lambda: client is not None and clouds.running(client, state)),
    }
    answering = {
        registry.SERVICE: registry.answers,
        jupyter.SERVICE: lambda number: jupyter.answers(state),
        site_server.SERVICE: lambda number: site_server.answers(state),
        **dict.fromkeys(EMULATORS, cloud_admin.healthy),
    }
    for service, number in sorted(state.ports.items()):
        free = ports.is_free(number)
        own = not free and service in ours and ours[service]()
        unknown = not free and service in NAMES and client is None  # nobody can tell whose it is
        holder = "" if free or own or unknown else processes.listener(number)
        down = service in state.wanted and service in answering and not answering[service](number)
        yield Port(service, number, free, own or unknown, holder, down)
