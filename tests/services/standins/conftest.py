"""Fixtures of the fronts' tests: a front without HTTP, and the real container with every front."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from autograder.services import cloud_admin, cloud_credentials, clouds, installation, ports
from autograder.services.installation import Installation

from .support import Bench, RegistryHttp

if TYPE_CHECKING:
    from docker import DockerClient

PROJECT, LOCATION = "ml-course-1", "models"


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Clock, database, journal and state folders for a front without HTTP."""
    return Bench(tmp_path)


@pytest.fixture(scope="session")
def running(engine: DockerClient) -> Iterator[Installation]:
    """All stand-ins in their container, as `course start` makes it; everything is removed at the end."""
    with installation.change() as state:
        for service in clouds.SERVICES:  # far from the defaults, where a student's own stand-ins may run
            state.ports[service] = free_port()
    try:
        clouds.up(engine, state, lambda line: None)
        yield state
    finally:
        clouds.remove(engine, state)


def free_port() -> int:
    """A port that nothing listens on right now."""
    with socket.socket() as probe:
        probe.bind((ports.LOOPBACK, 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class Place:
    """A front with a login that may push below ``namespace``."""

    service: str
    address: str
    namespace: str
    user: str
    password: str

    def http(self) -> RegistryHttp:
        return RegistryHttp(self.address, self.user, self.password)


def _hub(address: str) -> Place:
    accounts = cloud_credentials.load()["credentials"]["dockerhub"]["accounts"]
    return Place("dockerhub", address, "student", "student", accounts["student"])


def _google(address: str) -> Place:
    if not cloud_admin.call("artifact-registry", "repository-list"):
        arguments = {"location": "us-central1", "immutable_tags": False}
        cloud_admin.call("artifact-registry", "repository-create", project=PROJECT, repository=LOCATION, **arguments)
    token = cloud_admin.call("artifact-registry", "token", account="student@example.com")["token"]
    return Place("artifact-registry", address, f"{PROJECT}/{LOCATION}", "oauth2accesstoken", token)


def _azure(address: str) -> Place:
    made = cloud_admin.call("acr", "login")
    return Place("acr", address, "team", made["username"], made["accessToken"])


PLACES: dict[str, Callable[[str], Place]] = {"dockerhub": _hub, "artifact-registry": _google, "acr": _azure}


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest, running: Installation) -> Place:
    """Each front that needs no AWS API, one after the other."""
    return PLACES[request.param](f"localhost:{running.ports[request.param]}")


@pytest.fixture
def docker_cli(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """The real ``docker`` command with a configuration of its own; answers with what it printed."""
    folder = tmp_path / "docker"
    folder.mkdir()

    def run(*words: str, check: bool = True, text: str | None = None) -> subprocess.CompletedProcess[str]:
        command = ["docker", "--config", str(folder), *words]
        done = subprocess.run(command, capture_output=True, text=True, input=text, timeout=300)
        assert not check or done.returncode == 0, f"{' '.join(words)}\n{done.stdout}\n{done.stderr}"
        return done

    return run
