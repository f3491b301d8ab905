"""Run a submission's code tasks in one hardened container: no network, nothing to write, nothing to gain.

The container gets inputs and gives results, both as JSON with limits. Expected results never enter it, so a cell that
takes over everything inside can only return values, which it may do anyway.
Source of the options: https://docs.docker.com/engine/containers/run/#runtime-constraints-on-resources and
https://docs.docker.com/engine/security/.
"""

from __future__ import annotations

import contextlib
import json
import math
import shutil
import socket
import struct
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from autograder import paths
from autograder.domain import limits
from autograder.grading import strictjson
from autograder.grading.problems import Refused
from autograder.labs import runner, tasks
from autograder.labs.tasks import Job
from autograder.services import bounded, http, images, orphans

if TYPE_CHECKING:
    from docker import DockerClient

TAG = "course-sandbox:local"
MEMORY = 256 << 20  # bytes, for all processes and /tmp; no swap on top
PROCESSES = 32
SCRATCH = 16 << 20  # bytes of /tmp, the only place that can be written
MAX_OUTPUT = 8 << 20  # bytes of results
MAX_INPUT = 32 << 20  # bytes of jobs
BUSY = 3  # seconds that count as one, of those in which the machine has no processor free
WANTING = ("R", "D")  # states of a process that runs, or would if it could
FREE = 0.5  # of one processor: then what waits here waits for something else
REMOVAL = 10  # seconds for the engine to remove a container; what stays is swept when the run ends
MARGIN = 20.0  # seconds beyond the runner's own limits, for the runner itself
LOOK = 2.0  # seconds without output from one look at the container to the next


class SandboxFault(Exception):
    """The engine failed, not the student's code. Worth another try; never a zero."""


class Disturbed(Exception):
    """The student's code kept the runner from giving results; the message says how, for the student."""


class OutOfTime(Disturbed):
    """All tasks of a submission together have used up their time, or this one its part of it."""

    def __init__(self) -> None:
        super().__init__(f"the tasks of this submission used up their {limits.SANDBOX_SECONDS.most} s")


class Clock:
    """How long a container has run, in seconds.

    The clock on the wall counts. While no processor of the machine is free, and something inside wants one, it may be
    the others that make a task slow: then it is the processor time that the container had, or a third of the time that
    passed if that is more. Who sleeps, or has stopped itself, is kept waiting by nobody.

    Args:
        most: after how long it is ended.
    """

    def __init__(self, most: float = math.inf) -> None:
        self.most, self.spent = most, 0.0
        self._then: float | None = None
        self._used = 0.0
        self._processors = psutil.cpu_times()

    def start(self) -> None:
        """It runs from now on."""
        self._then, self._processors = time.monotonic(), psutil.cpu_times()

    def add(self, used: float | None = None, is_held_up: Callable[[], bool] = lambda: True) -> float:
        """What it has come to.

        Args:
            used: seconds of processor time that the container has had in all; None where nobody knows.
            is_held_up: whether something inside wants a processor or a disk now; asked only where that matters.
        """
        if self._then is None:
            return self.spent
        now, processors = time.monotonic(), psutil.cpu_times()
        passed = now - self._then
        worked = max(0.0, (used or 0.0) - self._used)
        least = min(passed, max(worked, passed / BUSY))
        is_free = processors.idle - self._processors.idle >= FREE * passed
        self.spent += passed if is_free or (least < passed and not is_held_up()) else least
        self._then, self._processors, self._used = now, processors, max(self._used, used or 0.0)
        return self.spent


class Allowance:
    """What is left of the time that all tasks of a submission may take, in whatever containers and tries."""

    def __init__(self, seconds: float = limits.SANDBOX_SECONDS.most) -> None:
        self.left = float(seconds)
        self._alone = 0  # tasks that may still have to be run alone

    def clock(self, jobs: Sequence[Job]) -> Clock:
        """For the next container. Several tasks in one get half of what is left, so that each may be tried alone."""
        if len(jobs) > 1:
            self._alone = len(jobs)
            return Clock(self.left / 2)
        part = self.left / max(1, self._alone)
        self._alone -= 1
        return Clock(part)


class Timed:
    """A sandbox for one submission.

    Args:
        sandbox: what runs its jobs.
        allowance: what its containers may take.
    """

    def __init__(self, sandbox: Sandbox, allowance: Allowance) -> None:
        self._sandbox, self._allowance = sandbox, allowance

    def run(self, jobs: Sequence[Job]) -> list[Any]:
        """See :meth:`Sandbox.run`.

        Raises:
            SandboxFault: the engine failed.
            Disturbed: the code inside is the reason that there is no answer.
        """
        if self._allowance.left <= 0:
            raise OutOfTime
        clock = self._allowance.clock(jobs)
        try:
            answers = self._sandbox.run(jobs, clock)
        except SandboxFault:
            raise  # the engine's time is not the student's
        except BaseException:
            self._allowance.left -= clock.spent
            raise
        self._allowance.left -= clock.spent
        return answers


def build(client: DockerClient, report: Any = None) -> str:
    """The id of the sandbox image, built when it is absent or the runner has changed.

    Raises:
        EnvironmentProblem: it cannot be built.
    """
    images.ensure(client, images.PYTHON_BASE, report or (lambda line: None))
    with tempfile.TemporaryDirectory() as name:
        context = Path(name)
        for part in ("Dockerfile", "entry.py"):
            shutil.copyfile(paths.DOCKER / "sandbox" / part, context / part)
        shutil.copyfile(tasks.RUNNER, context / "runner.py")
        for file in context.iterdir():
            file.chmod(0o644)
        return images.build_local(client, TAG, context, base=images.PYTHON_BASE, report=report)


def limit_seconds(jobs: Sequence[Job]) -> float:
    """The most that these jobs may cost, by the runner's own limits: CPU time, or time asleep."""
    loads = (runner.MAX_RESTARTS + 1) * runner.LOAD_SECONDS
    return sum(loads + job["seconds"] * len(job["cases"]) for job in jobs)


def wall_seconds(jobs: Sequence[Job]) -> float:
    """After how long these jobs hang, on any machine: what they may cost, and what the runner waits beyond."""
    return MARGIN + limit_seconds(jobs) + (MARGIN + runner.PATIENCE) * len(jobs)


class Sandbox:
    """Starts one container a call.

    Args:
        client: the engine.
        image: id of the image from :func:`build`.
    """

    def __init__(self, client: DockerClient, image: str) -> None:
        self._client, self._image = client, image

    def run(self, jobs: Sequence[Job], clock: Clock | None = None) -> list[Any]:
        """Run jobs (see :func:`autograder.labs.tasks.job`) one after the other in one container.

        Args:
            jobs: what to run. Together they may use the CPU time that the runner's own limits add up to, and a margin.
            clock: how long they may take; None where only their own limits count.

        Returns:
            one answer of the runner a job, JSON data of any shape.

        Raises:
            SandboxFault: the engine failed.
            Disturbed: the code inside is the reason that there is no answer.
        """
        line = json.dumps(list(jobs)).encode() + b"\n"
        if len(line) > MAX_INPUT:
            raise ValueError(f"{len(line)} bytes of jobs")
        output = self._contained(line, MARGIN + limit_seconds(jobs), wall_seconds(jobs), clock or Clock())
        try:
            answers = strictjson.load(output, "The result", MAX_OUTPUT)
        except Refused:
            answers = None
        if not isinstance(answers, list) or len(answers) != len(jobs):
            raise Disturbed("it ended the program that runs it, or wrote over its results")
        return answers

    def _contained(self, line: bytes, seconds: float, wall: float, clock: Clock | None = None) -> bytes:
        from docker.errors import DockerException
        from requests.exceptions import RequestException

        container, clock = "", clock or Clock()
        try:
            container = self._create()
            return self._talk(container, line, seconds, wall, clock)
        except (DockerException, RequestException, OSError) as error:
            raise SandboxFault(f"the engine failed: {http.in_words(error)}") from None
        finally:
            if container:
                with contextlib.suppress(DockerException, RequestException, OSError):  # it removes itself when it ends
                    self._remove(container)
                clock.add()

    def _create(self) -> str:
        from docker.types import LogConfig

        api = self._client.api
        settings = api.create_host_config(
            network_mode="none",
            read_only=True,
            cap_drop=["ALL"],
            security_opt=["no-new-privileges"],
            mem_limit=MEMORY,
            memswap_limit=MEMORY,
            pids_limit=PROCESSES,
            nano_cpus=1_000_000_000,
            ipc_mode="none",
            tmpfs={"/tmp": f"size={SCRATCH},mode=1777,noexec,nosuid,nodev"},
            log_config=LogConfig(type="none"),
            auto_remove=True,
        )
        made = api.create_container(
            self._image,
            host_config=settings,
            stdin_open=True,
            hostname="sandbox",
            labels=orphans.labels("sandbox"),
        )
        return str(made["Id"])

    def _is_held_up(self, container: str) -> bool:
        """Whether a process of a container runs, waits for a processor, or for a disk (ps(1), PROCESS STATE CODES)."""
        from docker.errors import APIError

        try:
            told = self._client.api.top(container, ps_args="-eo pid,stat")
        except APIError:  # it has ended, or the engine has no such ps
            return True
        return any(states[-1][:1] in WANTING for states in told.get("Processes") or ())

    def _remove(self, container: str) -> None:
        """Processes that do not die keep the engine waiting, so it is asked for a short while only."""
        api = self._client.api
        patience, api.timeout = api.timeout, REMOVAL
        try:
            api.remove_container(container, force=True)
        finally:
            api.timeout = patience

    def _talk(self, container: str, line: bytes, seconds: float, wall: float, clock: Clock) -> bytes:
        api = self._client.api
        attached = api.attach_socket(container, params={"stdin": 1, "stdout": 1, "stream": 1})
        stream = getattr(attached, "_sock", attached)  # a Windows pipe has none
        try:
            api.start(container)
            clock.start()
            until = time.monotonic() + wall
            stream.settimeout(wall)
            stream.sendall(line)

            def over() -> bool:
                used = bounded.container_seconds(self._client, container)
                if clock.add(used, lambda: self._is_held_up(container)) > clock.most:
                    raise OutOfTime
                return used > seconds or time.monotonic() > until

            return _demultiplexed(_received(stream, over))
        finally:
            _hang_up(attached, stream)


def _hang_up(attached: Any, stream: Any) -> None:
    """Close the connection for good. One that stays half open keeps the engine writing, and the container alive."""
    with contextlib.suppress(OSError, AttributeError):
        stream.shutdown(socket.SHUT_RDWR)
    for end in (stream, attached):
        with contextlib.suppress(OSError):
            end.close()


def _received(stream: Any, over: Callable[[], bool]) -> bytes:
    """Everything up to the end of the stream.

    Args:
        stream: the connection.
        over: whether it must end now; asked now and then.

    Raises:
        Disturbed: too much, or over before its end.
    """
    taken, looked = bytearray(), time.monotonic()
    stream.settimeout(LOOK)
    while True:
        try:
            chunk = stream.recv(1 << 16)
        except TimeoutError:
            chunk = None
        except ConnectionResetError:
            chunk = b""
        if time.monotonic() - looked >= LOOK:
            if chunk != b"" and over():
                raise Disturbed("it did not come to an end")
            looked = time.monotonic()
        if chunk is None:
            continue
        if not chunk:
            return bytes(taken)
        taken += chunk
        if len(taken) > MAX_OUTPUT:
            raise Disturbed(f"it wrote more than {MAX_OUTPUT >> 20} MiB")


def _demultiplexed(framed: bytes) -> bytes:
    """Standard output from the engine's frames: one byte stream, three zero, four length (big endian), content.

    Source: https://docs.docker.com/reference/api/engine/version/v1.41/#tag/Container/operation/ContainerAttach
    """
    out, at = bytearray(), 0
    while at + 8 <= len(framed):
        kind, length = struct.unpack_from(">BxxxL", framed, at)
        if kind == 1:
            out += framed[at + 8 : at + 8 + length]
        at += 8 + length
    return bytes(out)
