"""The first process in the reference engine's namespaces: mounts its file tree and becomes what keeps it up.

Run as ``unshare … python -m autograder.quality.reference_engine.setup PLAN``; standard library only. It says its
process id on standard output, waits for a line on standard input, mounts, says "ready", and then lives until standard
input is closed. That is how everything ends with whoever started it, even one that was killed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

NODES = ("null", "zero", "full", "random", "urandom", "tty", "fuse", "net/tun")
LINKS = {"ptmx": "pts/ptmx", "fd": "/proc/self/fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2"}
OLD = ".host"  # where the host's root is for a moment

# What process 1 goes on with. It waits for the end of its input, and while it waits it takes the exit status of every
# orphan, which is process 1's duty.
KEEPER = f"""
umount -l /{OLD} && rmdir /{OLD} || exit 1
ip link set lo up
ldconfig
echo ready
exec 3<&0 >/dev/null
cat <&3 &
wait $!
"""


@dataclass
class Plan:
    """What to mount; all paths are absolute.

    Attributes:
        tree: the file tree; it stays as it is.
        folder: an empty folder of the instance's own, for what is written inside.
        host: the name of the machine inside.
        binds: host's path → path inside: seen and written there as here.
        overlays: host's path → path inside: seen there, but what is written stays inside.
        links: path inside, below one of the overlays → where the symbolic link there points instead.
        cgroups: folder's name below ``/sys/fs/cgroup`` ("" for version 2) → mount options.
    """

    tree: str
    folder: str
    host: str
    binds: dict[str, str] = field(default_factory=dict)
    overlays: dict[str, str] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    cgroups: dict[str, str] = field(default_factory=dict)

    def as_json(self) -> str:
        """For :func:`main`."""
        return json.dumps(asdict(self))


def run(*command: str | Path, cwd: str | Path | None = None) -> None:
    """Run a program; its failure ends this process with the program's own words."""
    done = subprocess.run([str(word) for word in command], cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}: {(done.stderr or done.stdout).strip()}")


def mount(type: str, target: Path, options: str = "") -> None:
    """Mount a file system of the kernel's own."""
    run("mount", "-t", type, *(("-o", options) if options else ()), type, target)


def bind(source: Path, target: Path) -> None:
    """Show a file or folder of the host under a path inside."""
    if source.is_dir():
        target.mkdir(parents=True, exist_ok=True)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()
    run("mount", "--rbind", source, target)


def overlay(lower: Path, target: Path, area: Path) -> None:
    """Show a folder under a path inside; what is written there goes to ``area``.

    The three folders are named relative to ``area``, since a comma or colon in a path means something in the options.
    """
    for name in ("lower", "upper", "work"):
        (area / name).mkdir(parents=True, exist_ok=True)
    run("mount", "--bind", lower, area / "lower")
    target.mkdir(parents=True, exist_ok=True)
    run("mount", "-t", "overlay", "-o", "lowerdir=lower,upperdir=upper,workdir=work", "overlay", target, cwd=area)


def fill(upper: Path, target: str, links: Mapping[str, str]) -> None:
    """Put symbolic links where an overlay at ``target`` takes what is written, before it is mounted."""
    for path, points_to in links.items():
        if Path(path).is_relative_to(target):
            link = upper / Path(path).relative_to(target)
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(points_to)


def kind(folder: Path, mountinfo: str) -> str:
    """The kind of file system that a folder lies on, by the text of ``/proc/self/mountinfo``: "ext4", "overlay"."""
    found: dict[str, str] = {}
    for line in mountinfo.splitlines():  # the last one of a mount point is the one that is seen
        before, _, after = line.partition(" - ")
        found[before.split()[4].replace("\\040", " ")] = after.split()[0]
    return next((found[str(path)] for path in (folder, *folder.parents) if str(path) in found), "")


def inside(root: Path, path: str) -> Path:
    """A path of the new tree while it is still below ``root``."""
    return root / path.lstrip("/")


def build(plan: Plan) -> Path:
    """Mount everything below one folder, which becomes the root; returns it."""
    folder = Path(plan.folder)
    root = folder / "merged"
    run("mount", "--make-rprivate", "/")
    if kind(folder, Path("/proc/self/mountinfo").read_text(encoding="utf-8")) == "overlay":
        mount("tmpfs", folder, "mode=755")  # in a container: an overlay takes no layers of another one
    overlay(Path(plan.tree), root, folder / "tree")
    mount("proc", root / "proc")
    mount("sysfs", root / "sys")
    mount("tmpfs", root / "run", "mode=755")
    (root / "run" / "lock").mkdir()
    _devices(root / "dev")
    _cgroups(root / "sys/fs/cgroup", plan.cgroups)
    for name in ("docker", "containerd"):  # an engine's layers cannot lie on an overlay
        data = folder / "data" / name
        data.mkdir(parents=True, exist_ok=True)
        bind(data, root / "var/lib" / name)
    for number, (source, target) in enumerate(plan.overlays.items()):
        area = folder / "overlays" / str(number)
        fill(area / "upper", target, plan.links)
        overlay(Path(source), inside(root, target), area)
    for source, target in plan.binds.items():
        bind(Path(source), inside(root, target))
    return root


def _devices(folder: Path) -> None:
    mount("tmpfs", folder, "mode=755")
    for name in NODES:
        host = Path("/dev") / name
        if host.exists():
            bind(host, folder / name)
        elif name == "net/tun":  # the network is carried through it
            (folder / "net").mkdir()
            run("mknod", folder / name, "c", "10", "200")
    for name, type, options in (
        ("pts", "devpts", "newinstance,ptmxmode=0666,mode=620"),
        ("shm", "tmpfs", "mode=1777"),
        ("mqueue", "mqueue", ""),
    ):
        (folder / name).mkdir()
        mount(type, folder / name, options)
    for name, target in LINKS.items():
        (folder / name).symlink_to(target)


def _cgroups(folder: Path, cgroups: dict[str, str]) -> None:
    """Mounted in this namespace, each hierarchy shows the engine's own group as its root."""
    if "" in cgroups:
        mount("cgroup2", folder)
        return
    mount("tmpfs", folder, "mode=755")
    for name, options in cgroups.items():
        (folder / name).mkdir()
        mount("cgroup", folder / name, options)
        for controller in name.split(","):  # "cpu,cpuacct" is also found as "cpu"
            if controller != name:
                (folder / controller).symlink_to(name)


def main(file: str) -> None:
    """Say the process id, wait, mount, and become the keeper."""
    plan = Plan(**json.loads(Path(file).read_text(encoding="utf-8")))
    number = Path("/proc/self").readlink()  # /proc is still the host's: the number that the host knows
    os.write(1, f"{number}\n".encode())
    os.read(0, 64)
    run("hostname", plan.host)
    root = build(plan)
    (root / OLD).mkdir(exist_ok=True)
    # Not chroot: runc wants a root that is a mount of its own.
    run("pivot_root", ".", OLD, cwd=root)
    os.chdir("/")
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    os.execve("/bin/sh", ["sh", "-c", KEEPER], {"PATH": path})


if __name__ == "__main__":
    main(sys.argv[1])
