"""Which TCP port each service has on 127.0.0.1: the default or the next free one, chosen once and kept."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable

from autograder.domain import services
from autograder.errors import EnvironmentProblem
from autograder.services.installation import Installation

# Containers publish the registries; JupyterLab and the site are processes of this machine.
DEFAULTS = {service.name: service.port for service in services.SERVICES} | {"jupyter": 8888, "site": 8000}
LOOPBACK = "127.0.0.1"


class PortTaken(EnvironmentProblem):
    """A foreign program holds a service's port.

    Attributes:
        service: a key of :data:`DEFAULTS`.
    """

    def __init__(self, service: str, *, expected: str, found: str, next_step: str) -> None:
        super().__init__(expected=expected, found=found, next_step=next_step)
        self.service = service


def is_free(port: int) -> bool:
    """Whether nothing listens on a port of this machine's loopback addresses.

    Both a connection and a bind are tried: on macOS a bind succeeds next to a listener on all interfaces.
    """
    for family, host in ((socket.AF_INET, LOOPBACK), (socket.AF_INET6, "::1")):
        try:
            with socket.socket(family, socket.SOCK_STREAM) as probe:
                probe.settimeout(0.5)
                if probe.connect_ex((host, port)) == 0:
                    return False
        except OSError:  # no IPv6 on this machine
            continue
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        if os.name == "posix":  # a port that was closed a moment ago counts as free
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            return error.errno not in (errno.EADDRINUSE, errno.EACCES)
    return True


def choose(installation: Installation, service: str, free: Callable[[int], bool] = is_free) -> int:
    """The port of a service; chosen now if it has none yet, and then written into ``installation``.

    Args:
        installation: the state, to be saved by the caller.
        service: a key of :data:`DEFAULTS`.
        free: says whether a port can be had.

    Raises:
        EnvironmentProblem: no port is free among the next 200.
    """
    if service in installation.ports:
        return installation.ports[service]
    first = DEFAULTS[service]
    others = set(DEFAULTS.values()) | set(installation.ports.values())
    for port in [first, *(p for p in range(first + 1, first + 200) if p not in others)]:
        if port not in installation.ports.values() and free(port):
            installation.ports[service] = port
            return port
    raise EnvironmentProblem(
        expected=f"a free port for {service} between {first} and {first + 199}",
        found="every one is taken",
        next_step="Stop programs that listen on these ports, then start again.",
    )


def taken(service: str, port: int, by: str | None = None) -> PortTaken:
    """The error for a chosen port that a foreign program holds now."""
    from autograder.services import processes  # psutil is slow to import, and notebooks read the addresses

    return PortTaken(
        service,
        expected=f"port {port} of this machine free for {service}",
        found=f"{by or processes.listener(port)} listens on it",
        next_step=f"Stop that program, then start again; or take another port: python3 course.py start --move {service}"
        + (" (images already pushed then have the new port in their names)." if service == "registry" else "."),
    )
