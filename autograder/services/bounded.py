"""Waiting for a program or a container, bounded by the work that it does and not by the clock on the wall.

A busy machine makes everything slow and does not make it wrong: a limit on the wall clock would turn load into a
verdict. So what counts is CPU time, which is the same on a busy machine; the clock is only there for what hangs.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container

LOOK = 0.5  # seconds from one look at the work to the next


class TooLong(Exception):
    """It has worked more than it may, or hangs; the message says which, to stand behind "it"."""


def backstop(seconds: float) -> float:
    """Seconds on the wall clock after which a program that may work for ``seconds`` hangs, on any machine."""
    return max(600.0, 15 * seconds)


def run(
    command: Sequence[str],
    seconds: float,
    *,
    cwd: Path | str | None = None,
    environment: Mapping[str, str] | None = None,
    wall: float | None = None,
    memory: int | None = None,
) -> subprocess.CompletedProcess[bytes]:
    """Run a program to its end, with nothing to read; what it prints is kept.

    Args:
        command: program and arguments.
        seconds: CPU time that it and the programs it starts may use.
        cwd: its working directory.
        environment: its whole environment; None is this process's own.
        wall: seconds on the wall clock; None is :func:`backstop`.
        memory: bytes of address space that it may take, on Linux: beyond them it gets an error. None is any number.

    Raises:
        TooLong: it was ended, with everything that it had started.
        OSError: it cannot be started.
    """
    until = time.monotonic() + (backstop(seconds) if wall is None else wall)
    with subprocess.Popen(
        list(command),
        cwd=cwd,
        env=None if environment is None else dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            _hold(process.pid, memory)
            while True:
                try:
                    out, err = process.communicate(timeout=LOOK)  # may be asked again: nothing of the output is lost
                    return subprocess.CompletedProcess(command, process.returncode, out, err)
                except subprocess.TimeoutExpired:
                    _refuse_excess(_work(process.pid), seconds, until)
        except BaseException:
            end(process)
            raise


def _hold(pid: int, memory: int | None) -> None:
    """Bound the address space of a program that has just started."""
    if memory is not None and sys.platform == "linux":
        import resource

        with contextlib.suppress(OSError):  # it has ended already
            resource.prlimit(pid, resource.RLIMIT_AS, (memory, memory))


def wait(client: DockerClient, container: Container, seconds: float, *, wall: float | None = None) -> int:
    """Wait until a container has ended.

    Args:
        client: the engine.
        container: a container that was started.
        seconds: CPU time that it may use.
        wall: seconds on the wall clock; None is :func:`backstop`.

    Returns:
        Its exit status.

    Raises:
        TooLong: it still runs.
        DockerException: the engine does not say.
    """
    until, pause, looked = time.monotonic() + (backstop(seconds) if wall is None else wall), 0.02, time.monotonic()
    while True:
        state = client.api.inspect_container(str(container.id))["State"]
        if state["Status"] not in ("created", "running", "paused", "restarting"):
            return int(state["ExitCode"])
        if time.monotonic() - looked > LOOK:
            _refuse_excess(container_seconds(client, str(container.id)), seconds, until)
            looked = time.monotonic()
        time.sleep(pause)
        pause = min(2 * pause, LOOK)


def container_seconds(client: DockerClient, container: str) -> float:
    """The CPU time that a container has used, as the engine counts it; 0.0 when it has ended."""
    from docker.errors import APIError

    try:
        told = client.api.stats(container, stream=False, one_shot=True)
    except APIError:
        return 0.0
    usage = ((told or {}).get("cpu_stats") or {}).get("cpu_usage") or {}
    return float(usage.get("total_usage") or 0) / 1e9  # nanoseconds, under cgroup v1 and v2


def _refuse_excess(work: float, seconds: float, until: float) -> None:
    if work > seconds:
        raise TooLong(f"worked for more than {seconds:.0f} seconds of CPU time")
    if time.monotonic() > until:
        raise TooLong(f"hung: it used {work:.0f} seconds of CPU time and did not end")


def _family(pid: int) -> Iterator[psutil.Process]:
    """A process and all that descend from it, as far as they are there."""
    with contextlib.suppress(psutil.Error):
        first = psutil.Process(pid)
        yield first
        yield from first.children(recursive=True)


def _work(pid: int) -> float:
    """CPU seconds that a process and its descendants have used so far."""
    total = 0.0
    for process in _family(pid):
        with contextlib.suppress(psutil.Error):
            used = process.cpu_times()
            # Of children that have ended; not every system tells.
            total += used.user + used.system + getattr(used, "children_user", 0) + getattr(used, "children_system", 0)
    return float(total)


def end(process: subprocess.Popen[bytes]) -> None:
    """End a program and what it has started. On a machine that is busy, even that takes a moment."""
    descendants = list(_family(process.pid))[1:]
    process.kill()  # first, so that it starts nothing more
    for one in descendants:
        with contextlib.suppress(psutil.Error):
            one.kill()
    psutil.wait_procs(descendants, timeout=10.0)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(10.0)
