"""Containers of the grader carry the name of the process that started them; those of dead processes are removed.

So nothing stays behind even after ``kill -9``: the next run cleans up, and never touches what another run still uses.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import psutil

from autograder import paths
from autograder.services import processes

if TYPE_CHECKING:
    from docker import DockerClient

ROLE_LABEL = "org.course.grader"  # value: sandbox or probe
OWNER_LABEL = "org.course.grader.owner"  # value: host|pid|creation time
START_LABEL = "org.course.grader.start"  # value: when the owner started, as `processes.start` says; 0.1.0 had none
HOME_LABEL = "org.course.grader.home"  # value: the folder that holds class/, for people who wonder whose it is


@dataclass(frozen=True)
class Owner:
    """A process that starts containers.

    Attributes:
        name: the value of its containers' :data:`OWNER_LABEL`.
        start: the value of their :data:`START_LABEL`; "" where nothing but the creation time is known.
    """

    name: str
    start: str = ""

    @classmethod
    def of(cls, labels: Mapping[str, str]) -> Owner:
        """Whose a container is, by its labels."""
        return cls(labels.get(OWNER_LABEL, ""), labels.get(START_LABEL, ""))

    @property
    def is_gone(self) -> bool:
        """Whether it ran on this machine and does not run any more."""
        host, _, rest = self.name.partition("|")
        if host != socket.gethostname():
            return False
        number, _, created = rest.partition("|")
        try:
            return processes.find(int(number), float(created), self.start) is None
        except ValueError:
            return True
        except psutil.AccessDenied:
            return False


def owner(pid: int | None = None) -> Owner:
    """A process as the owner of containers (this one by default)."""
    if pid is None:
        return _own(os.getpid())
    created = psutil.Process(pid).create_time()
    return Owner(f"{socket.gethostname()}|{pid}|{created:.2f}", processes.start(pid))


@cache  # the creation time as it was read first: later readings may differ, and labels are compared as texts
def _own(pid: int) -> Owner:
    return owner(pid)


def labels(role: str) -> dict[str, str]:
    """Labels of a container that this process starts."""
    whose = owner()
    return {ROLE_LABEL: role, OWNER_LABEL: whose.name, START_LABEL: whose.start, HOME_LABEL: str(paths.home())}


def sweep(client: DockerClient, owners: Collection[Owner] = ()) -> int:
    """Remove the grader's containers of dead processes, and of the processes in ``owners``; how many there were."""
    from docker.errors import APIError

    removed = 0
    for found in client.api.containers(all=True, filters={"label": ROLE_LABEL}):
        whose = Owner.of(found.get("Labels") or {})
        if whose.is_gone or whose in owners:
            with contextlib.suppress(APIError):  # removed meanwhile, by the engine itself
                client.api.remove_container(found["Id"], force=True, v=True)
                removed += 1
    return removed
