"""The reference engine up, a command inside it, and down again: nothing of it stays on the host, however a run ends.

It has mount, process, network, host-name, IPC and cgroup namespaces of its own, so several run side by side, and the
host's engine, ports, firewall and files are neither seen nor touched. Needs Linux and root.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from autograder import paths
from autograder.errors import EnvironmentProblem
from autograder.launcher.locks import exclusive
from autograder.quality.reference_engine import cgroups, root, setup

NAMESPACES = ("--mount", "--pid", "--net", "--uts", "--ipc", "--cgroup")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
UP_SECONDS = 120.0  # for each of two waits; on a free machine both together take about 3
HOST = "reference"
DAEMON = '{"features": {"containerd-snapshotter": true}}\n'  # Engine 29's default
# The second names the servers behind systemd-resolved, which listens on the host's loopback only.
RESOLVERS = ("/etc/resolv.conf", "/run/systemd/resolve/resolv.conf")
CARRIER = "10.0.2.3"  # where slirp4netns answers for the host's resolver (slirp4netns(1))
CARRIERS_RESOLVERS = "/run/resolv.conf.slirp4netns"  # inside: the /etc/resolv.conf that slirp4netns sees
BUNDLE = "etc/ssl/certs/ca-certificates.crt"


@dataclass
class Shown:
    """What of the host is seen inside.

    Attributes:
        binds: host's path → path inside, seen and written there as here.
        overlays: the same, but what is written stays inside: a run leaves nothing in a checkout.
        links: path inside, below one of the overlays → where the symbolic link there points instead.
    """

    binds: dict[str, str] = field(default_factory=dict)
    overlays: dict[str, str] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Instance:
    """A reference engine that is up.

    Attributes:
        pid: of the first process in its namespaces, as the host knows it.
        group: its cgroup.
        folder: its own folder on the host; gone when it is down.
    """

    pid: int
    group: cgroups.Group
    folder: Path

    @property
    def tree(self) -> Path:
        """Its file tree, seen from the host."""
        return Path(f"/proc/{self.pid}/root")

    def enter(self, command: Sequence[str], folder: str) -> list[str]:
        """The command line that runs a command inside."""
        here = ["sh", "-c", 'cd "$0" && exec "$@"', folder]
        return [shutil.which("nsenter") or "nsenter", "--target", str(self.pid), *NAMESPACES, *here, *command]

    def start(
        self,
        command: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        folder: str = "/root",
        stdin: int | IO[bytes] | None = subprocess.DEVNULL,
        stdout: int | IO[bytes] | None = None,
        stderr: int | IO[bytes] | None = None,
        own_session: bool = False,
    ) -> subprocess.Popen[bytes]:
        """Start a command inside, with nothing of the host's environment.

        Args:
            command: its words, which every user of the host can read while it runs.
            environment: its variables, which only root can read.
            folder: where it starts.
            stdin: as in :class:`subprocess.Popen`, like ``stdout`` and ``stderr``.
            stdout: None shows it.
            stderr: None shows it.
            own_session: run it in a session of its own, where no interrupt from the keyboard reaches it.
        """
        return subprocess.Popen(
            self.enter(command, folder),
            env={"PATH": PATH, "HOME": "/root", "LANG": "C.UTF-8", **(environment or {})},
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            start_new_session=own_session,
            preexec_fn=_joins(self.group),
        )

    def ask(self, *command: str, environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """Run a command inside and take what it prints."""
        process = self.start(command, environment=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        out, err = process.communicate()
        return subprocess.CompletedProcess(
            command, process.returncode, out.decode(errors="replace"), err.decode(errors="replace")
        )


def _joins(group: cgroups.Group) -> Callable[[], None]:
    """Gives what a new process does to be in the group: `nsenter` joins the namespace of cgroups, but no group."""
    files = [os.fsencode(file) for file in group.files()]

    def join() -> None:
        for file in files:
            descriptor = os.open(file, os.O_WRONLY)
            os.write(descriptor, b"0")
            os.close(descriptor)

    return join


def unavailable() -> str:
    """Why the reference engine cannot be run by this process, or ""."""
    if sys.platform != "linux":
        return "this is no Linux"
    if os.geteuid() != 0:
        return "this is not root"
    missing = [name for name in ("unshare", "nsenter", "mount", "pivot_root") if shutil.which(name) is None]
    return f"{' and '.join(missing)} of util-linux cannot be found" if missing else ""


@contextmanager
def up(made: root.Root, shown: Shown | None = None, *, version: int | None = None) -> Iterator[Instance]:
    """The reference engine, for as long as the block runs.

    Args:
        made: the file tree.
        shown: folders of the host that are seen inside.
        version: of cgroups; None takes the host's.

    Raises:
        EnvironmentProblem: this machine does not let it run; ``found`` says why.
    """
    reason = unavailable()
    if reason:
        raise EnvironmentProblem(
            expected="Linux and root, for namespaces of its own",
            found=reason,
            next_step="Run the tests as root on Linux, or on a machine whose own engine is the reference.",
        )
    with ExitStack() as stack:
        folder = _folder(stack)
        name = cgroups.PREFIX + folder.name
        chosen = cgroups.choose(cgroups.mounted(), version)
        group = cgroups.Group(name, chosen)
        stack.callback(_discard, folder, group)
        group.make()
        plan = setup.Plan(
            tree=str(made.tree),
            folder=str(folder / "inside"),
            host=HOST,
            binds=dict(shown.binds) if shown else {},
            overlays=dict(shown.overlays) if shown else {},
            links=dict(shown.links) if shown else {},
            cgroups={"" if one.version == 2 else one.point.name: one.options for one in chosen},
        )
        (folder / "inside").mkdir()
        instance = Instance(_hold(stack, plan, group, folder), group, folder)
        _configure(instance.tree)
        _network(stack, instance)
        _engine(stack, instance)
        yield instance


def _folder(stack: ExitStack) -> Path:
    """A folder of this instance's own, locked for as long as it is used; what a killed run left is removed."""
    instances = root.cache() / "instances"
    instances.mkdir(parents=True, exist_ok=True)
    with exclusive(instances / ".lock"):
        for old in instances.iterdir():
            if not old.is_dir():
                continue
            with contextlib.suppress(TimeoutError), exclusive(instances / f"{old.name}.lock", seconds=0):
                _discard(old, _group_of(old.name))
        name = uuid.uuid4().hex[:8]
        stack.callback((instances / f"{name}.lock").unlink, missing_ok=True)
        stack.enter_context(exclusive(instances / f"{name}.lock"))
        (instances / name).mkdir()
    return instances / name


def _group_of(name: str) -> cgroups.Group:
    """The cgroup of an instance that is gone, wherever it was made."""
    return cgroups.Group(cgroups.PREFIX + name, cgroups.mounted())


def _discard(folder: Path, group: cgroups.Group) -> None:
    left = group.remove()
    if left:
        sys.stderr.write(f"cgroups of the reference engine are left: {', '.join(map(str, left))}\n")
    root.remove(folder)
    lock = folder.with_name(f"{folder.name}.lock")
    lock.unlink(missing_ok=True)


def _hold(stack: ExitStack, plan: setup.Plan, group: cgroups.Group, folder: Path) -> int:
    """Make the namespaces with their first process; returns its process id."""
    file, log = folder / "plan.json", folder / "setup.log"
    file.write_text(plan.as_json(), encoding="utf-8")
    call = ["unshare", *NAMESPACES, "--fork", "--kill-child", sys.executable, "-m", setup.__name__, str(file)]
    with log.open("wb") as errors:
        process = subprocess.Popen(
            call,
            cwd=paths.ROOT,
            env={**os.environ, "PYTHONPATH": str(paths.ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            start_new_session=True,  # an interrupt from the keyboard is ours to handle
            preexec_fn=_joins(group),
        )
    stack.callback(_let_go, process)
    assert process.stdin is not None and process.stdout is not None
    pid = _line(process.stdout)
    if pid.isdigit():
        group.enclose()
        process.stdin.write(b"go\n")
        process.stdin.flush()
    if not pid.isdigit() or _line(process.stdout) != "ready":
        raise _refused("to enter namespaces and mount a file tree there", log)
    return int(pid)


def _line(stream: IO[bytes]) -> str:
    """The next line of a stream; "" when there is none in time."""
    ready, _, _ = select.select([stream], [], [], UP_SECONDS)
    return stream.readline().decode().strip() if ready else ""


def _let_go(process: subprocess.Popen[bytes]) -> None:
    """End the first process, and so all that is in its namespace of processes."""
    process.kill()  # --kill-child: `unshare` takes it along
    process.wait()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()


def _refused(expected: str, log: Path) -> EnvironmentProblem:
    lines = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    return EnvironmentProblem(
        expected=expected,
        found=" / ".join(lines[-3:]) or f"nothing was said within {UP_SECONDS:.0f} seconds",
        next_step="Run the tests on a machine (or in a privileged container) where root may do that.",
    )


def _configure(tree: Path) -> None:
    """What a running system has and packages do not bring."""
    files = [Path(name) for name in RESOLVERS]
    shown, carrier = resolvers([file.read_text(encoding="utf-8") for file in files if file.is_file()])
    _put(tree / "etc/resolv.conf", shown)
    _put(tree / CARRIERS_RESOLVERS.lstrip("/"), carrier)
    _put(tree / "etc/hosts", f"127.0.0.1 localhost {HOST}\n::1 localhost ip6-localhost\n")
    _put(tree / "etc/hostname", f"{HOST}\n")
    _put(tree / "etc/docker/daemon.json", DAEMON)
    _put(tree / "usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n")  # no package that is installed inside starts a service
    (tree / "usr/sbin/policy-rc.d").chmod(0o755)
    if (Path("/") / BUNDLE).is_file():  # whom the host trusts: a proxy's authority may be among them
        (tree / BUNDLE).write_bytes((Path("/") / BUNDLE).read_bytes())


def resolvers(texts: Sequence[str]) -> tuple[str, str]:
    """What to resolve names with, by the texts of the host's :data:`RESOLVERS`.

    A resolver on the host's own loopback is out of reach inside. Where the host names no other, slirp4netns is asked,
    which runs in the host's network and asks that resolver; it does so on IPv4.

    Returns:
        The text of ``/etc/resolv.conf`` (resolv.conf(5)) that all programs inside see, and that which slirp4netns sees.
    """
    for text in texts:
        servers = _nameservers(text)
        if servers and not any(server == "::1" or server.startswith("127.") for server in servers):
            return text, text
    others = [line for line in (texts[0] if texts else "").splitlines() if not line.startswith("nameserver")]
    local = [server for server in _nameservers(texts[0] if texts else "") if server.startswith("127.")]
    return (
        "\n".join([*others, f"nameserver {CARRIER}", ""]),
        f"nameserver {local[0] if local else '127.0.0.1'}\n",  # which is also what no line at all means
    )


def _nameservers(text: str) -> list[str]:
    lines = [line.split() for line in text.splitlines()]
    return [words[1] for words in lines if len(words) > 1 and words[0] == "nameserver"]


def _put(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.unlink(missing_ok=True)  # it may be a link
    file.write_text(text, encoding="utf-8")


def _network(stack: ExitStack, instance: Instance) -> None:
    """A network that a program's own sockets carry: no interface, rule or forwarding on the host.

    The program is the tree's; it runs in the host's network and goes when its pipe is closed, so with this process.
    """
    log = instance.folder / "network.log"
    ended, ours = os.pipe()
    told, tells = os.pipe()
    seen = ["unshare", "--mount", "sh", "-c", 'mount --bind "$0" /etc/resolv.conf && exec "$@"', CARRIERS_RESOLVERS]
    call = ["nsenter", "--target", str(instance.pid), "--mount", *seen]
    call += [
        "slirp4netns",
        "--configure",
        "--mtu=65520",
        "--disable-host-loopback",
        f"--exit-fd={ended}",
        f"--ready-fd={tells}",
    ]
    call += ["--netns-type=path", "/proc/1/ns/net", "tap0"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            call,
            env={"PATH": PATH},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            pass_fds=(ended, tells),
            preexec_fn=_joins(instance.group),
        )
    stack.callback(_end, process)
    stack.callback(os.close, ours)
    os.close(ended)
    os.close(tells)
    try:
        ready, _, _ = select.select([told], [], [], UP_SECONDS)
        if not ready or not os.read(told, 1):
            raise _refused("slirp4netns to give the reference engine a network", log)
    finally:
        os.close(told)


def _engine(stack: ExitStack, instance: Instance) -> None:
    log = instance.folder / "dockerd.log"
    with log.open("wb") as output:
        process = instance.start(["dockerd"], stdout=output, stderr=output, own_session=True)
    stack.callback(_end, process)
    until = time.monotonic() + UP_SECONDS
    while instance.ask("docker", "version").returncode:
        if process.poll() is not None or time.monotonic() > until:
            raise _refused("the reference engine to start", log)
        time.sleep(0.1)


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGKILL)
    process.wait()
