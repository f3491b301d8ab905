"""A control group of its own for the reference engine, in every hierarchy of version 1 or in the one of version 2.

Version 2: https://docs.kernel.org/admin-guide/cgroup-v2.html. Only a group without processes of its own may hand
controllers to its children, so what runs inside is put into a child (:data:`LEAF`).
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from autograder.errors import EnvironmentProblem

MOUNTINFO = Path("/proc/self/mountinfo")
ROOT = Path("/sys/fs/cgroup")
LEAF = "inside"
CONTROLLERS = Path("/proc/cgroups")
PREFIX = "registry-course-"  # names of the groups begin so
OUTSIDE = f"{PREFIX}outside"  # version 2, in a container: where the container's own processes go


@dataclass(frozen=True)
class Hierarchy:
    """A mounted hierarchy.

    Attributes:
        point: where.
        version: 1 or 2.
        options: what mounts the same one again: "cpu,cpuacct", "none,name=systemd"; "" for version 2.
    """

    point: Path
    version: int
    options: str = ""

    @property
    def controllers(self) -> list[str]:
        """Names of its controllers (version 1)."""
        return [name for name in self.options.split(",") if name and name != "none" and "=" not in name]


def mounted() -> list[Hierarchy]:
    """What is mounted on this machine."""
    return hierarchies(MOUNTINFO.read_text(encoding="utf-8"), CONTROLLERS.read_text(encoding="utf-8"))


def hierarchies(mountinfo: str, controllers: str) -> list[Hierarchy]:
    """What is mounted, each hierarchy once.

    Args:
        mountinfo: the text of ``/proc/self/mountinfo`` (proc_pid_mountinfo(5)).
        controllers: the text of ``/proc/cgroups`` (cgroups(7)). A mount's options name controllers among flags; which
            of them are controllers, the kernel says there.
    """
    known = {line.split()[0] for line in controllers.splitlines() if line and not line.startswith("#")}
    found: dict[str, Hierarchy] = {}
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        point = Path(before.split()[4].replace("\\040", " "))
        kind, _, options = after.split(" ", 2)
        if kind == "cgroup2":
            found.setdefault("2", Hierarchy(point, 2))
        elif kind == "cgroup":
            words = options.split(",")
            named = [word for word in words if word.startswith("name=")]
            told = ",".join([*([word for word in words if word in known] or ["none"]), *named])
            found.setdefault(told, Hierarchy(point, 1, told))
    return list(found.values())


def choose(found: Iterable[Hierarchy], version: int | None = None) -> list[Hierarchy]:
    """Those that an engine uses: version 2 where it is what :data:`ROOT` shows, else all of version 1.

    Args:
        found: what is mounted.
        version: take this version, wherever it is mounted (for tests).

    Raises:
        EnvironmentProblem: nothing is mounted.
    """
    known = list(found)
    if version is None:
        version = 2 if any(one.version == 2 and one.point == ROOT for one in known) else 1
    chosen = [one for one in known if one.version == version]
    if not chosen:
        raise EnvironmentProblem(
            expected=f"cgroups of version {version} on this machine",
            found="no cgroups are mounted",
            next_step="Install cgroupfs-mount and run cgroupfs-mount as root.",
        )
    return chosen


@dataclass
class Group:
    """One group of a name in each of the chosen hierarchies.

    Attributes:
        name: its folder's name, directly below where a hierarchy is mounted.
        chosen: the hierarchies.
    """

    name: str
    chosen: list[Hierarchy]
    _enabled: list[str] = field(default_factory=list)  # controllers that the top group did not hand down before
    _moved: bool = False  # whether the processes of the top group were put into OUTSIDE

    def folders(self) -> list[Path]:
        """The group's folders as the host sees them."""
        return [one.point / self.name for one in self.chosen]

    def files(self) -> list[Path]:
        """Where a process writes "0" to join."""
        return [folder / LEAF / "cgroup.procs" if self._has_leaf(folder) else folder / "cgroup.procs"
                for folder in self.folders()]  # fmt: skip

    @staticmethod
    def _has_leaf(folder: Path) -> bool:
        return (folder / LEAF).is_dir()

    def make(self) -> None:
        """Make the group.

        Raises:
            EnvironmentProblem: this process may not (a container that sees its cgroups read-only), or the controllers
                cannot be handed down.
        """
        try:
            for one in self.chosen:
                if one.version == 2:
                    self._hand_down(one.point)
                folder = one.point / self.name
                folder.mkdir(exist_ok=True)
                for name in ("cpuset.cpus", "cpuset.mems") if one.version == 1 else ():
                    if (one.point / name).is_file():  # empty in a new group, which then takes no process
                        (folder / name).write_text((one.point / name).read_text())
        except OSError as error:
            self.remove()
            raise EnvironmentProblem(
                expected="to make a cgroup for the reference engine",
                found=f"{error.strerror or error}: {error.filename or self.name}",
                next_step="Run the tests on a machine (or in a privileged container) where root may do that.",
            ) from None

    def _hand_down(self, point: Path) -> None:
        """Have the top group hand its controllers to its children; systemd does so already.

        A host's own top group may do that at any time. What a container sees as the top is a group like any other,
        with the container's processes in it: they are moved into a child of it first.
        """
        there = set((point / "cgroup.subtree_control").read_text().split())
        wanted = [name for name in (point / "cgroup.controllers").read_text().split() if name not in there]
        busy = self._enable(point, wanted)
        if busy:
            self._moved = True
            _empty(point, point / OUTSIDE)
            busy = self._enable(point, busy)
        if busy:
            self.remove()
            raise EnvironmentProblem(
                expected=f"the cgroup controllers {', '.join(busy)} for the reference engine",
                found=f"{point} has processes that cannot be moved, so it hands no controllers to its children",
                next_step="Run the tests on the machine itself, or in a container with a PID namespace of its own.",
            )

    def _enable(self, point: Path, names: Iterable[str]) -> list[str]:
        """Hand controllers down; returns those that the group cannot, since it has processes of its own."""
        errors = {name: _write(point / "cgroup.subtree_control", f"+{name}") for name in names}
        self._enabled += [name for name, error in errors.items() if not error]
        return [name for name, error in errors.items() if error == errno.EBUSY]

    def enclose(self) -> None:
        """Version 2, once the namespaces are there: move what runs into a child, and hand the controllers down."""
        for one in self.chosen:
            if one.version == 1:
                continue
            folder = one.point / self.name
            _empty(folder, folder / LEAF)
            for name in (folder / "cgroup.controllers").read_text().split():
                _write(folder / "cgroup.subtree_control", f"+{name}")

    def remove(self, seconds: float = 10.0) -> list[Path]:
        """Remove the group with all below it; what still runs in it is killed.

        Returns:
            The folders that are left, which should be none.
        """
        until = time.monotonic() + seconds
        while True:
            left = [folder for folder in self.folders() if folder.is_dir() and not _remove(folder)]
            if not left or time.monotonic() > until:
                break
            time.sleep(0.05)
        for one in self.chosen:
            if one.version == 2:
                for name in self._enabled:
                    _write(one.point / "cgroup.subtree_control", f"-{name}")
                if self._moved:  # where another instance still has the controllers, they stay
                    with contextlib.suppress(OSError):
                        for pid in (one.point / OUTSIDE / "cgroup.procs").read_text().split():
                            _write(one.point / "cgroup.procs", pid)
                        (one.point / OUTSIDE).rmdir()
        self._enabled.clear()
        self._moved = False
        return left


def _write(file: Path, text: str) -> int:
    """Write to a file of the kernel's; returns the number of the error, or 0."""
    try:
        file.write_text(text)
    except OSError as error:
        return error.errno or errno.EIO
    return 0


def _empty(folder: Path, leaf: Path) -> None:
    """Move the processes of a group into a child of it, so far as that can be done."""
    leaf.mkdir(exist_ok=True)
    for _ in range(10):  # a process may have been made meanwhile
        waiting = (folder / "cgroup.procs").read_text().split()
        for pid in waiting:
            _write(leaf / "cgroup.procs", pid)
        if not waiting:
            break


def _remove(folder: Path) -> bool:
    """Remove a group's folder and those below it; whether it is gone."""
    for path, folders, _ in os.walk(folder, topdown=False):
        for name in folders:
            with contextlib.suppress(OSError):
                (Path(path) / name).rmdir()
    try:
        folder.rmdir()
    except OSError as error:
        if error.errno == errno.ENOENT:
            return True
        for procs in folder.rglob("cgroup.procs"):
            with contextlib.suppress(OSError):
                for pid in procs.read_text().split():
                    if pid != "0":
                        os.kill(int(pid), signal.SIGKILL)
        return False
    return True
