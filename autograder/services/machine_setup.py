"""What the kit needs from the machine: the engine, and tools for images and tests; installed after saying so.

Works on Debian and Ubuntu with root or sudo. Elsewhere the error names what to install.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from autograder import paths
from autograder.errors import EnvironmentProblem
from autograder.launcher import apt
from autograder.services import engine, http, processes
from autograder.services.engine import Trouble

Report = Callable[[str], None]

PID_FILE = "/var/run/docker.pid"
CONTAINERD_PID_FILE = "/var/run/docker/containerd/containerd.pid"
_ONE_AT_A_TIME = threading.Lock()  # of the threads of this process; apt has a lock of its own for others
DAEMON_SECONDS = 180.0  # how long a daemon that was started may take to answer


@dataclass(frozen=True)
class Tool:
    """A program of the distribution.

    Attributes:
        commands: it is there when one of these is found.
        packages: what to install otherwise.
        optional: installed too, where the distribution has them.
    """

    commands: tuple[str, ...]
    packages: tuple[str, ...]
    optional: tuple[str, ...] = ()


TOOLS = {
    "engine": Tool(("dockerd",), ("docker.io", "ca-certificates"), ("docker-cli", "cgroupfs-mount")),
    "mmdebstrap": Tool(("mmdebstrap",), ("mmdebstrap", "gpg"), ("debian-archive-keyring", "uidmap", "mount")),
    "util-linux": Tool(("unshare",), ("util-linux",)),  # namespaces, for the reference engine of the tests
    "iproute2": Tool(("ip",), ("iproute2",)),  # a network that leads nowhere, for the test of terminals
    "skopeo": Tool(("skopeo",), ("skopeo",)),
    "curl": Tool(("curl",), ("curl",)),
    "git": Tool(("git",), ("git",)),
    "zsh": Tool(("zsh",), ("zsh",)),
    "fish": Tool(("fish",), ("fish",)),
    "dash": Tool(("dash",), ("dash",)),  # shells that lab 10's scripts are held against
    "busybox": Tool(("busybox",), ("busybox",)),
    "openssl": Tool(("openssl",), ("openssl",)),
    "chromium": Tool(("chromium", "chromium-browser", "google-chrome"), ("chromium",), ("fonts-dejavu-core",)),
}


def find(tool: str) -> str | None:
    """Path of a tool's program, or None. /usr/sbin counts, though it may be missing from a user's path."""
    search = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"])
    for command in TOOLS[tool].commands:
        found = shutil.which(command, path=search)
        if found:
            return found
    return _playwrights_chromium() if tool == "chromium" else None


def _playwrights_chromium() -> str | None:
    """The Chromium that Playwright brought, where the distribution has none (Ubuntu's is a snap)."""
    folder = Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH") or Path.home() / ".cache" / "ms-playwright")
    found = sorted(folder.glob("chromium-*/chrome-linux*/chrome"))
    return str(found[-1]) if found else None


def ensure(tools: Iterable[str], report: Report) -> list[str]:
    """Have tools on this machine; with "engine" among them, also have the engine running.

    Args:
        tools: keys of :data:`TOOLS`.
        report: called with one line for each step, before it is done.

    Returns:
        The tools that were installed now.

    Raises:
        EnvironmentProblem: something is missing and cannot be installed here; the next step names it.
    """
    with _ONE_AT_A_TIME:
        return _ensure(list(tools), report)


def _ensure(wanted: list[str], report: Report) -> list[str]:
    answering = "engine" in wanted and _engine_needs_nothing()
    missing = [tool for tool in wanted if not (tool == "engine" and answering) and find(tool) is None]
    if missing:
        _install(missing, report)
    if "engine" in wanted and not answering:
        start_engine(report)
    return missing


def _engine_needs_nothing() -> bool:
    """Whether an engine answers, or is refused for a reason that installing and starting one would not change."""
    found, client = engine.probe()
    if client is not None:
        client.close()
        return True
    if found.trouble is Trouble.NO_DAEMON and found.endpoint.is_default and found.elsewhere is None:
        return False
    raise engine.problem(found)


def _install(tools: list[str], report: Report) -> None:
    if "chromium" in tools and apt.available() and not _apt_has("chromium"):
        _install_with_playwright(report)
        tools = [tool for tool in tools if tool != "chromium"]
        if not tools:
            return
    packages = [package for tool in tools for package in TOOLS[tool].packages]
    optional = [package for tool in tools for package in TOOLS[tool].optional]
    if not apt.available():
        raise EnvironmentProblem(
            expected=" and ".join(tools) + " on this machine",
            found="not there, and this is no Debian or Ubuntu where the kit could install it",
            next_step="Install " + ", ".join(tools) + " and try again. "
            "An engine: https://docs.docker.com/get-started/get-docker/",
        )
    try:
        apt.install(packages, optional, report)
    except apt.AptProblem as error:
        raise EnvironmentProblem(
            expected=" and ".join(tools) + " on this machine",
            found=str(error),
            next_step="Run: sudo apt-get install " + " ".join(packages),
        ) from None
    absent = [tool for tool in tools if find(tool) is None]
    if absent:
        raise EnvironmentProblem(
            expected=f"{' and '.join(absent)} after installing {' '.join(packages)}",
            found="the program is still not found",
            next_step="Install it by hand, then try again.",
        )


def _apt_has(package: str) -> bool:
    if not apt.known(package):
        apt.update()  # a new machine's lists are empty
    return apt.known(package)


def _install_with_playwright(report: Report) -> None:
    report("installing Chromium: playwright install --with-deps chromium")
    call = [sys.executable, "-P", "-m", "playwright", "install", "--with-deps", "chromium"]
    done = subprocess.run(call, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode or _playwrights_chromium() is None:
        raise EnvironmentProblem(
            expected="a Chromium for the browser tests",
            found="Playwright could not install one: " + " / ".join((done.stderr or done.stdout).splitlines()[-3:]),
            next_step="Run: python -m playwright install --with-deps chromium",
        )


def start_engine(report: Report) -> None:
    """Start the installed daemon, unless one answers or is just starting: by systemd where it runs, else detached.

    Raises:
        EnvironmentProblem: no rights, or it does not answer in time.
    """
    log = paths.state() / "logs" / "dockerd.log"
    if not _answers() and not processes.named("dockerd"):
        prefix = apt.as_root()
        if prefix is None:
            raise EnvironmentProblem(
                expected="a running engine",
                found="it is installed, but starting it needs root or sudo",
                next_step="Run: sudo systemctl start docker",
            )
        if Path("/run/systemd/system").is_dir():
            report("starting the engine: systemctl start docker")
            subprocess.run([*prefix, "systemctl", "start", "docker"], capture_output=True, check=False)
        else:
            report(f"starting the engine: dockerd (there is no systemd; log in {log})")
            _start_detached(prefix, log)
    if not http.wait_until(_answers, DAEMON_SECONDS):
        found, client = engine.probe()
        if client is None:
            problem = engine.problem(found)
            if found.trouble is Trouble.NO_DAEMON:
                problem.found += f" after {DAEMON_SECONDS:.0f} seconds; its log ends: {processes.tail(log, 3)}"
            raise problem
        client.close()


def _start_detached(prefix: list[str], log: Path) -> None:
    log.parent.mkdir(parents=True, exist_ok=True)
    mount = shutil.which("cgroupfs-mount", path="/usr/bin:/usr/sbin:/bin:/sbin")
    if mount and not Path("/sys/fs/cgroup").is_mount():
        subprocess.run([*prefix, mount], capture_output=True, check=False)
    daemon = find("engine") or "dockerd"
    # After a killed machine their numbers may belong to other programs, and the daemon would wait for those.
    stale = [PID_FILE] if processes.named("containerd") else [PID_FILE, CONTAINERD_PID_FILE]
    subprocess.run([*prefix, "rm", "-f", *stale], capture_output=True, check=False)
    # By a shell, so that sudo can ask for a password here and the daemon still gets a session of its own.
    script = 'setsid "$0" >>"$1" 2>&1 </dev/null &'
    subprocess.run([*prefix, "sh", "-c", script, daemon, str(log)], check=False)


def _answers() -> bool:
    """Whether the default engine answers, even if only to refuse this user."""
    found, client = engine.probe(timeout=3.0)
    if client is not None:
        client.close()
    return found.trouble is not Trouble.NO_DAEMON


def chromium() -> str | None:
    """Path of a Chromium for the browser tests: the machine's, else Playwright's, or None."""
    return find("chromium")
