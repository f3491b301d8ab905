"""What is wrong with this machine, and the fix of each: a pure function from facts to problems.

The facts are gathered in :mod:`autograder.services.facts`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from autograder.services import engine as engines
from autograder.services.engine import Engine, Trouble

LOW_DISK = 3 * 10**9  # bytes; environment, images, a student's pushes
PYTHON = (3, 11)
DESKTOP = "Install Docker Desktop: https://docs.docker.com/get-started/get-docker/"
NO_CLIENT_FIX = {
    "linux": "Debian 13: sudo apt-get install docker-cli; Debian 12 and Ubuntu: docker.io; elsewhere: "
    "https://docs.docker.com/engine/install/",
    "darwin": DESKTOP,
    "win32": DESKTOP,
}


@dataclass(frozen=True)
class Port:
    """A port that was chosen for a service.

    Attributes:
        service: whose it is.
        number: the TCP port.
        free: nothing listens on it.
        ours: our own service answers on it.
        holder: who else listens.
        down: it should be up, and does not answer.
    """

    service: str
    number: int
    free: bool
    ours: bool
    holder: str = ""
    down: bool = False


@dataclass(frozen=True)
class Disk:
    """Free space where something of ours grows: bytes at a folder."""

    folder: Path
    free: int
    purpose: str


@dataclass(frozen=True)
class Facts:
    """Everything a diagnosis rests on.

    Attributes:
        platform: as ``sys.platform``.
        python: version of the running Python.
        engine: what was found out about the engine; its ``client`` is the ``docker`` command.
        ports: the ports chosen so far.
        disks: free space.
        unwritable: folders that should be writable and are not.
        proxies: the proxy variables that are set, upper case.
        no_proxy: the hosts of NO_PROXY.
    """

    platform: str
    python: tuple[int, int]
    engine: Engine
    ports: tuple[Port, ...] = ()
    disks: tuple[Disk, ...] = ()
    unwritable: tuple[Path, ...] = ()
    proxies: dict[str, str] = field(default_factory=dict)
    no_proxy: tuple[str, ...] = ()


@dataclass(frozen=True)
class Problem:
    """One line of ``course doctor``: a stable code, what was found, and the fix."""

    code: str
    found: str
    fix: str


CODES = {
    Trouble.NO_CONTEXT: "wrong-context",
    Trouble.REMOTE: "remote-engine",
    Trouble.NO_DAEMON: "no-daemon",
    Trouble.NO_PERMISSION: "no-permission",
    Trouble.TOO_OLD: "engine-too-old",
    Trouble.PODMAN: "podman",
    Trouble.OTHER: "engine-odd",
}


def diagnose(facts: Facts) -> list[Problem]:
    """All problems that the facts show, the most basic first; an empty list when all is well."""
    return [
        *_python(facts),
        *_engine(facts),
        *_ports(facts),
        *_down(facts),
        *_stopped(facts),
        *_disks(facts),
        *_proxy(facts),
        *_folders(facts),
    ]


def _python(facts: Facts) -> Iterator[Problem]:
    if facts.python < PYTHON:
        found = f"Python {facts.python[0]}.{facts.python[1]} runs the kit, which needs {PYTHON[0]}.{PYTHON[1]} or newer"
        yield Problem("python", found, "Install a newer Python (https://www.python.org/downloads/) and start with it.")


def _engine(facts: Facts) -> Iterator[Problem]:
    engine = facts.engine
    if engine.trouble is not None:
        problem = engines.problem(engine, facts.platform)
        code = "wrong-context" if engine.elsewhere is not None else CODES[engine.trouble]
        yield Problem(code, problem.found, problem.next_step)
    if engine.client is None:
        found = "the command `docker` is not on the path"
        yield Problem("no-client", found, NO_CLIENT_FIX.get(facts.platform, NO_CLIENT_FIX["linux"]))


def _ports(facts: Facts) -> Iterator[Problem]:
    for port in facts.ports:
        if not port.free and not port.ours:
            found = f"port {port.number}, chosen for {port.service}, is taken by {port.holder or 'another program'}"
            fix = f"Stop that program; or take another port: python3 course.py start --move {port.service}"
            yield Problem("port-taken", found, fix)


def _down(facts: Facts) -> Iterator[Problem]:
    """Services that do not answer; without an engine, its own problem says why."""
    if facts.engine.trouble is not None:
        return
    silent = [f"{port.service} (port {port.number})" for port in facts.ports if port.down and (port.free or port.ours)]
    if silent:
        found = f"{', '.join(silent)} should be up and {'does' if len(silent) == 1 else 'do'} not answer"
        yield Problem("down", found, "Run: python3 course.py start")


def _stopped(facts: Facts) -> Iterator[Problem]:
    """Nothing was started, or all was stopped; without an engine, its own problem comes first."""
    if facts.engine.trouble is None and all(port.free and not port.down for port in facts.ports):
        yield Problem("stopped", "nothing of the course runs", "Run: python3 course.py start")


def _disks(facts: Facts) -> Iterator[Problem]:
    for disk in facts.disks:
        if disk.free < LOW_DISK:
            free = f"{disk.free / 1e9:.1f} GB free at {disk.folder} ({disk.purpose})"
            found = f"{free}; {LOW_DISK / 1e9:.0f} GB are needed"
            yield Problem("disk-low", found, "Free some space; `docker system df` shows what images take.")


def _proxy(facts: Facts) -> Iterator[Problem]:
    spared = {host.strip().lstrip(".").lower() for host in facts.no_proxy}
    missing = [host for host in ("localhost", "127.0.0.1") if host not in spared]
    if facts.proxies and missing and "*" not in spared:
        found = f"{' and '.join(sorted(facts.proxies))} set, but NO_PROXY spares not {' and '.join(missing)}"
        fix = "Add to your shell's settings: NO_PROXY=localhost,127.0.0.1 (cells in notebooks have it already)."
        yield Problem("proxy", found, fix)


def _folders(facts: Facts) -> Iterator[Problem]:
    for folder in facts.unwritable:
        yield Problem("not-writable", f"{folder} cannot be written to", "Give yourself the rights to that folder.")
