"""Background processes: started detached, recognised again by pid and creation time, ended with grace.

A pid alone is worthless after a reboot: another program may have it. The creation time tells them apart, so nothing
that is not ours is ever ended.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

# Comes with ipykernel, so every environment of the course has it.
import psutil

Record = dict[str, float]  # what state.json holds of a process: pid and creation time (seconds since 1970)


def spawn(command: Sequence[str], *, log: Path, cwd: Path, environment: Mapping[str, str]) -> Record:
    """Start a program that outlives this one and its terminal.

    Args:
        command: program and arguments.
        log: file that its output is appended to; cut to its last megabyte before.
        cwd: its working directory.
        environment: its whole environment.

    Returns:
        What :func:`alive` and :func:`end` recognise it by.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    _cut(log)
    with log.open("ab") as output:
        process = subprocess.Popen(
            list(command),
            cwd=cwd,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=os.name == "posix",
            creationflags=_windows_flags(),
        )
    # It is meant to go on: say so, or Popen complains when it is collected.
    process.returncode = 0
    try:
        return {"pid": process.pid, "created": float(psutil.Process(process.pid).create_time())}
    except psutil.NoSuchProcess:
        return {"pid": process.pid, "created": 0.0}


def _windows_flags() -> int:
    if sys.platform != "win32":
        return 0
    return subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW


def _cut(log: Path, limit: int = 1 << 20) -> None:
    """Keep the last part of a log that has grown beyond ``limit`` bytes."""
    if log.exists() and log.stat().st_size > 4 * limit:
        log.write_bytes(log.read_bytes()[-limit:])


def _process(record: Mapping[str, float] | None) -> psutil.Process | None:
    if not record:
        return None
    try:
        process = psutil.Process(int(record["pid"]))
        if abs(process.create_time() - record["created"]) > 1.0 or process.status() == psutil.STATUS_ZOMBIE:
            return None
        return process
    except (psutil.Error, KeyError):
        return None


def alive(record: Mapping[str, float] | None) -> bool:
    """Whether the recorded process, and no other one with its pid, is running."""
    return _process(record) is not None


def end(record: Mapping[str, float] | None, wait: float = 5.0) -> None:
    """End a recorded process with its children: asked first, forced after ``wait`` seconds."""
    process = _process(record)
    if process is None:
        return
    try:
        family = [process, *process.children(recursive=True)]
    except psutil.Error:
        family = [process]
    for member in family:
        try:
            member.terminate()
        except psutil.Error:
            continue
    _, left = psutil.wait_procs(family, timeout=wait)
    for member in left:
        try:
            member.kill()
        except psutil.Error:
            continue
    psutil.wait_procs(left, timeout=wait)


def wait_gone(record: Mapping[str, float] | None, wait: float) -> bool:
    """Wait up to ``wait`` seconds for a process that was asked to end; whether it did."""
    process = _process(record)
    if process is None:
        return True
    psutil.wait_procs([process], timeout=wait)
    return not alive(record)


def listener(port: int) -> str:
    """Which program listens on a port, as far as this user may see: "node (process 4711)" or "another program"."""
    try:
        for connection in psutil.net_connections(kind="tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port and connection.pid:
                return f"{psutil.Process(connection.pid).name()} (process {connection.pid})"
    except (psutil.Error, OSError):
        pass
    return "another program"


def tail(log: Path, lines: int = 8) -> str:
    """The last lines of a log, for an error message."""
    try:
        return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
    except OSError:
        return ""


def named(name: str) -> bool:
    """Whether a program of that name runs on this machine."""
    for process in psutil.process_iter(["name", "status"]):
        if process.info["name"] == name and process.info["status"] != psutil.STATUS_ZOMBIE:
            return True
    return False
