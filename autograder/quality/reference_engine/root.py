"""The file tree of the reference engine: packages of one Debian suite, made once and kept by the hash of their list."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from autograder.errors import EnvironmentProblem
from autograder.launcher.locks import exclusive

Report = Callable[[str], None]

SUITES = ("forky", "sid")  # tried in this order until one has an engine that is new enough
MINIMUM = 28  # major version: the containerd image store is Engine 29's default, and 28 has the same one
ENGINE = (
    *("docker.io", "docker-cli", "docker-buildx", "docker-compose", "containerd", "runc"),
    *("iptables", "iproute2", "slirp4netns", "mount", "ca-certificates"),
)
# What lessons, labs and their tests call: clients, and what makes base images where Docker Hub cannot be reached.
TOOLS = (
    *("awscli", "skopeo", "oras", "crane", "cosign", "podman"),
    *("curl", "git", "gpg", "jq", "openssl", "procps", "tzdata"),
    *("mmdebstrap", "debian-archive-keyring", "uidmap", "python3-venv"),
)
PACKAGES = tuple(sorted({*ENGINE, *TOOLS}))
NOT_UNPACKED = ("usr/share/man", "usr/share/locale", "usr/share/info", "usr/share/doc")
ENVIRONMENTS = "environments"  # folder of the cache: Python environments that were made inside
MADE = "made.json"  # written last: a tree without it is half made
UNUSED_DAYS = 30  # after that long a tree of another list is removed
FORM = 1  # raised when the same list makes another tree


@dataclass(frozen=True)
class Root:
    """A tree that is ready.

    Attributes:
        folder: the folder in the cache: the tree, and a file that says what it is.
        suite: Debian's name of the suite.
        versions: package → version, of the packages that were asked for.
    """

    folder: Path
    suite: str
    versions: dict[str, str]

    @property
    def tree(self) -> Path:
        """The file tree itself."""
        return self.folder / "root"

    @property
    def engine(self) -> tuple[int, ...]:
        """The engine's version, (28, 5, 2)."""
        return version(self.versions["docker.io"])


def version(text: str) -> tuple[int, ...]:
    """The numbers a version begins with, without Debian's epoch and revision: ``28.5.2+dfsg4-5`` gives (28, 5, 2)."""
    numbers: list[int] = []
    for part in text.rpartition(":")[2].split("."):
        digits = part[: len(part) - len(part.lstrip("0123456789"))]
        if digits:
            numbers.append(int(digits))
        if digits != part:
            break
    return tuple(numbers)


def cache() -> Path:
    """The folder that trees and environments are kept in, between runs."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "registry-course" / "engines"


def make_cache() -> Path:
    """Have :func:`cache`; returns it.

    Under sudo with the user's home, ``~/.cache`` and the like may be missing. They are made for whom the folder above
    them belongs to; the cache itself is the caller's.
    """
    folder = cache()
    missing = [path for path in folder.parents if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for path in reversed(missing):
        owner = path.parent.stat()
        os.chown(path, owner.st_uid, owner.st_gid)
    return folder


def key(suite: str, packages: tuple[str, ...] = PACKAGES) -> str:
    """The name of a tree in the cache: a hash of its suite, its list of packages and the machine's architecture."""
    described = (FORM, suite, platform.machine(), sorted(set(packages)), NOT_UNPACKED)
    return hashlib.sha256(repr(described).encode()).hexdigest()[:16]


def command(suite: str, target: Path, packages: tuple[str, ...] = PACKAGES, proxy: str = "") -> list[str]:
    """The mmdebstrap call that makes a tree."""
    call = ["mmdebstrap", "--quiet", "--mode=root", "--format=directory", "--variant=apt"]
    call.append(f"--include={','.join(packages)}")
    apt = ['APT::Install-Recommends "false"', 'Acquire::Retries "3"']
    # A mirror that stands still has a Release file which is out of date; the signature is still checked.
    apt.append('Acquire::Check-Valid-Until "false"')
    if proxy:
        apt.append(f'Acquire::http::Proxy "{proxy}"')
    call += [f"--aptopt={option}" for option in apt]
    call.append("--dpkgopt=force-unsafe-io")  # a tree that a power cut breaks is made anew
    call += [f"--dpkgopt=path-exclude=/{folder}/*" for folder in NOT_UNPACKED]
    return [*call, suite, str(target)]


def find(suite: str) -> Root | None:
    """The tree of a suite as it is in the cache, or None where there is none that is whole."""
    folder = cache() / key(suite)
    try:
        told = json.loads((folder / MADE).read_text(encoding="utf-8"))
        made = Root(folder, str(told["suite"]), {str(name): str(text) for name, text in told["versions"].items()})
        whole = made.engine >= (1,) and all((made.tree / "usr" / path).exists() for path in ("sbin/dockerd", "bin/env"))
    except (OSError, ValueError, KeyError, AttributeError):
        return None
    return made if whole else None


def ensure(report: Report, suite: str | None = None) -> Root:
    """Have a tree whose engine is new enough: from the cache, else made now.

    Args:
        report: called with one line for each step that takes time.
        suite: Debian's name of the only suite to take; None takes the first of :data:`SUITES` that is new enough.

    Raises:
        EnvironmentProblem: no suite has such an engine, or no Debian mirror gave the packages.
    """
    suites = (suite,) if suite else SUITES
    told: list[str] = []
    for name in suites:
        made = _ensure_one(name, report)
        if made.engine >= (MINIMUM,):
            return made
        told.append(f"{name} has {made.versions['docker.io']}")
        report(f"the engine is too old: {told[-1]}")
    raise EnvironmentProblem(
        expected=f"a Debian suite with an engine of {MINIMUM} or newer",
        found=", ".join(told),
        next_step="Name a newer suite with --suite.",
    )


def _ensure_one(suite: str, report: Report) -> Root:
    folder = make_cache()
    with exclusive(folder / f"{key(suite)}.lock", lambda: report("another call makes the same Debian tree; waiting")):
        made = find(suite)
        if made is None:
            remove(folder / key(suite))
            made = _make(suite, report)
        (made.folder / MADE).touch()
    prune(report)
    return made


def _make(suite: str, report: Report) -> Root:
    """Make a tree beside its place and move it there when it is whole."""
    if shutil.which("mmdebstrap") is None:
        raise EnvironmentProblem(
            expected="mmdebstrap, which makes the Debian tree of the reference engine",
            found="it is not on this machine",
            next_step="Run: sudo apt-get install mmdebstrap debian-archive-keyring",
        )
    for half in cache().glob(f"{key(suite)}.making-*"):
        remove(half)
    working = Path(tempfile.mkdtemp(prefix=f"{key(suite)}.making-", dir=cache()))
    working.chmod(0o755)
    report(f"making a Debian tree ({suite}) with the reference engine: about two minutes, once")
    began = time.monotonic()
    try:
        _bootstrap(command(suite, working / "root", proxy=_apt_proxy()))
        versions = _versions(working / "root")
        told = {"suite": suite, "seconds": round(time.monotonic() - began), "versions": versions}
        (working / MADE).write_text(json.dumps(told, indent=1), encoding="utf-8")
        working.rename(cache() / key(suite))
    except BaseException:
        remove(working)
        raise
    report(f"the tree is ready: docker.io {versions['docker.io']} ({time.monotonic() - began:.0f} s)")
    return Root(cache() / key(suite), suite, versions)


def _bootstrap(call: list[str]) -> None:
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            call, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, start_new_session=True
        )
        try:
            process.wait()
        except BaseException:  # with all that it started, which would go on writing
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise
        if process.returncode == 0:
            return
        log.seek(0)
        lines = [line for line in log.read().decode(errors="replace").splitlines() if line.strip()]
    raise EnvironmentProblem(
        expected=f"mmdebstrap to make a tree of Debian's {call[-2]}",
        found="it failed: " + (" / ".join(lines[-4:]) or f"exit status {process.returncode}"),
        next_step="Check that this machine reaches a Debian mirror (apt-get update), then try again.",
    )


def _apt_proxy() -> str:
    """The proxy that this machine's apt is told to use; one in the environment works without a word."""
    if shutil.which("apt-config") is None:
        return ""
    call = ["apt-config", "shell", "proxy", "Acquire::http::Proxy"]
    told = subprocess.run(call, capture_output=True, text=True, check=False).stdout.strip()
    return told.partition("=")[2].strip("'\"")


def _versions(tree: Path) -> dict[str, str]:
    call = ["dpkg-query", f"--admindir={tree}/var/lib/dpkg", "--show", "--showformat=${Package} ${Version}\n"]
    told = subprocess.run([*call, *PACKAGES], capture_output=True, text=True, check=True).stdout
    return dict(line.split(" ", 1) for line in told.splitlines())


def prune(report: Report, now: float | None = None) -> None:
    """Remove the trees of other lists, and environments, that nobody has used for :data:`UNUSED_DAYS`."""
    current = {key(suite) for suite in SUITES}
    oldest = (time.time() if now is None else now) - UNUSED_DAYS * 86400
    for file in cache().glob(f"*/{MADE}"):
        if file.parent.name not in current and file.stat().st_mtime < oldest:
            report(f"removing an unused Debian tree: {file.parent.name}")
            remove(file.parent)
    for folder in (cache() / ENVIRONMENTS).glob("*"):
        if folder.stat().st_mtime < oldest:
            report(f"removing an unused environment: {folder.name}")
            remove(folder)


def remove(folder: Path) -> None:
    """Remove a folder of the cache with all that is in it, unless something is mounted there.

    Raises:
        EnvironmentProblem: something is mounted below it, which must not be emptied.
    """
    if not folder.is_dir():
        return
    mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
    inside = [point for point in (line.split()[4] for line in mounts) if Path(point).is_relative_to(folder.resolve())]
    if inside:
        raise EnvironmentProblem(
            expected=f"nothing mounted in {folder}",
            found=f"{inside[0]} is a mount",
            next_step=f"Run: sudo umount {inside[0]}",
        )
    shutil.rmtree(folder, ignore_errors=True)
