"""The service "private": the registry that a student runs with a compose file of their own, in lab 05.

Whether it runs is the student's work, so what keeps it from being read is a fact for the checks and no fault.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from autograder.errors import CourseError
from autograder.oci.client import RegistryClient
from autograder.services import engine
from autograder.services.compose import project
from autograder.services.compose.project import Project

SERVICE = "private"


class PrivateClient(RegistryClient):
    """Reads a student's own registry, over TLS and with the lab's login.

    The certificate is not verified, as Docker does not verify one on loopback: the settings probe judges it.

    Args:
        folder: the lab's folder, with the compose file.
        parameters: the student's, with ``user`` and ``password``.

    Raises:
        CourseError: it cannot be told where the registry listens.
    """

    def __init__(self, folder: Path, parameters: Mapping[str, Any]) -> None:
        address = f"localhost:{_port(project.find(folder))}"
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        super().__init__(address, (str(parameters["user"]), str(parameters["password"])), tls=context)


def _port(found: Project) -> int:
    """The port of this machine that leads to the registry."""
    wanted = [entry for entry in found.settings.published if entry.target == found.settings.listens]
    if not wanted:
        raise _unreachable(f"{found.file.name} publishes no port of the registry")
    if wanted[0].port is not None:
        return wanted[0].port
    with closing(engine.connect()) as client:
        for container in project.started_from(client, found.folder):
            for bound in (container.attrs["NetworkSettings"]["Ports"] or {}).get(f"{wanted[0].target}/tcp") or ():
                return int(bound["HostPort"])
    raise _unreachable("its container does not run")


def _unreachable(found: str) -> CourseError:
    return CourseError(
        expected="your private registry, running", found=found, next_step="Start it in the lab's folder: compose up"
    )
