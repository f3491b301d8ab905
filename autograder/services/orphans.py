"""Containers of the grader carry the name of the process that started them; those of dead processes are removed.

So nothing stays behind even after ``kill -9``: the next run cleans up, and never touches what another run still uses.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from functools import cache
from typing import TYPE_CHECKING

import psutil

from autograder import paths

if TYPE_CHECKING:
    from docker import DockerClient

ROLE_LABEL = "org.course.grader"  # value: sandbox or probe
OWNER_LABEL = "org.course.grader.owner"  # value: host|pid|creation time
HOME_LABEL = "org.course.grader.home"  # value: the folder that holds class/, for people who wonder whose it is


def owner(pid: int | None = None) -> str:
    """The label value of a process (this one by default)."""
    number = os.getpid() if pid is None else pid
    return f"{socket.gethostname()}|{number}|{psutil.Process(number).create_time():.2f}"


@cache
def _own(pid: int) -> str:
    return owner(pid)


_master = ""


def act_for(master: str) -> None:
    """From now on this process starts containers in the name of another one, whose worker it is.

    When that one is gone, this process ends too: an orphan would go on for minutes and keep its containers.
    """
    global _master
    if master in (_master, _own(os.getpid())):
        return
    _master = master
    threading.Thread(target=_end_with, args=(master,), daemon=True).start()


def _end_with(master: str) -> None:
    while not is_gone(master):
        time.sleep(1.0)
    os._exit(1)


def labels(role: str) -> dict[str, str]:
    """Labels of a container that this process starts."""
    return {ROLE_LABEL: role, OWNER_LABEL: _master or _own(os.getpid()), HOME_LABEL: str(paths.home())}


def is_gone(value: str) -> bool:
    """Whether the process that a label names ran on this machine and does not exist any more."""
    host, _, rest = value.partition("|")
    if host != socket.gethostname():
        return False
    number, _, created = rest.partition("|")
    try:
        return f"{psutil.Process(int(number)).create_time():.2f}" != created
    except (psutil.NoSuchProcess, ValueError):
        return True
    except psutil.AccessDenied:
        return False


def sweep(client: DockerClient, owners: set[str] | None = None) -> int:
    """Remove the grader's containers of dead processes, and of the processes in ``owners``; how many there were."""
    from docker.errors import APIError

    removed = 0
    for found in client.api.containers(all=True, filters={"label": ROLE_LABEL}):
        value = (found.get("Labels") or {}).get(OWNER_LABEL, "")
        if is_gone(value) or value in (owners or ()):
            with contextlib.suppress(APIError):  # removed meanwhile, by the engine itself
                client.api.remove_container(found["Id"], force=True, v=True)
                removed += 1
    return removed
