"""Background processes: started detached, recognised again by pid and start, ended with grace.

A pid alone is worthless after a reboot: another program may have it. When the process started tells them apart, so
nothing that is not ours is ever ended. As a time of day that start is no constant: Linux counts it from the boot, and
the boot's time of day moves when somebody (or NTP) sets the clock. So :func:`find` compares what the kernel counts.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

# Comes with ipykernel, so every environment of the course has it.
import psutil

# What state.json holds of a process: "pid", "created" (seconds since 1970) and, not in 0.1.0, "start".
Record = dict[str, float | str]
TOLERANCE = 2.0  # seconds between two readings of a creation time: the boot's time of day is told in whole seconds
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def start(pid: int) -> str:
    """When a process started, as "BOOT:TICKS": the boot's id and the clock ticks from the boot, which nobody can set.

    "" where there is no such process, or no such file: on macOS and Windows.
    Source: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html (22, ``starttime``) and
    https://man7.org/linux/man-pages/man5/proc_sys_kernel.5.html (``random``).
    """
    try:
        boot = BOOT_ID.read_text(encoding="ascii").strip()
        content = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
        return f"{boot}:{int(content.rpartition(')')[2].split()[19])}"  # the name in brackets may hold any sign
    except (OSError, ValueError, IndexError):
        return ""


def find(pid: int, created: float, started: str = "") -> psutil.Process | None:
    """The running process that was given ``pid`` when it started then; None when it has ended, waited for or not.

    Args:
        pid: its number.
        created: its creation time as it was read once, in seconds since 1970.
        started: what :func:`start` said of it, or "" where that is not known; then the creation time decides.

    Raises:
        psutil.AccessDenied: there is a process of that number, and it may not be looked at.
    """
    try:
        process = psutil.Process(pid)
        now = start(pid) if started else ""
        same = now == started if now else abs(process.create_time() - created) <= TOLERANCE
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None
    except (psutil.NoSuchProcess, ValueError, OverflowError):  # a number that no process can have
        return None


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
        created = float(psutil.Process(process.pid).create_time())
    except psutil.NoSuchProcess:
        created = 0.0
    return {"pid": process.pid, "created": created, "start": start(process.pid)}


def _windows_flags() -> int:
    if sys.platform != "win32":
        return 0
    return subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW


def _cut(log: Path, limit: int = 1 << 20) -> None:
    """Keep the last part of a log that has grown beyond ``limit`` bytes."""
    if log.exists() and log.stat().st_size > 4 * limit:
        log.write_bytes(log.read_bytes()[-limit:])


def _process(record: Mapping[str, float | str] | None) -> psutil.Process | None:
    if not record:
        return None
    try:
        return find(int(record["pid"]), float(record["created"]), str(record.get("start", "")))
    except (psutil.Error, KeyError, ValueError):
        return None


def alive(record: Mapping[str, float | str] | None) -> bool:
    """Whether the recorded process, and no other one with its pid, is running."""
    return _process(record) is not None


def end(record: Mapping[str, float | str] | None, wait: float = 5.0) -> None:
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


def wait_gone(record: Mapping[str, float | str] | None, wait: float) -> bool:
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
