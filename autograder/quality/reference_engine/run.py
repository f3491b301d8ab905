"""pytest on the reference engine, and the choice of which tests run on which engine.

``python -m autograder.quality.reference_engine.run make`` has the file tree in the cache; ``… run tests ARGUMENTS``
runs pytest inside; ``… run command WORDS`` runs any command there. Each needs root. `course test` calls them.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autograder import paths
from autograder.errors import CourseError, EnvironmentProblem
from autograder.quality import network, ready
from autograder.quality.reference_engine import instance, pythons, root
from autograder.quality.reference_engine.instance import Instance
from autograder.services import engine, images

if TYPE_CHECKING:
    from docker import DockerClient

# Exit status when the reference engine cannot be run here; pytest has 0 to 5 (https://docs.pytest.org, "Exit codes").
UNAVAILABLE = 69
CONTAINERD_STORE = "io.containerd.snapshotter.v1"
REPORTS = network.REPORTS

# With --paced: the line on standard input that lets a run go on once its engine is up. The machine's engine has the
# base images by then, and the processors are free.
GO = "go"

# Marks, as pytest's -m takes them.
UNIT = "not engine and not browser and not slow"
ON_THE_REFERENCE = "reference or both_engines"


@dataclass(frozen=True)
class Where:
    """Which tests run where.

    Attributes:
        machine: of the machine's own engine, what pytest's ``-m`` is given.
        reference: of a reference engine beside it; "" when none is needed.
    """

    machine: str
    reference: str


def where(machine_is_the_reference: bool) -> Where:
    """Where tests run: on the machine's own engine.

    Where that is no reference, those marked ``reference`` run on the reference engine alone, and those marked
    ``both_engines`` there as well.
    """
    if machine_is_the_reference:
        return Where(f"not ({UNIT})", "")
    return Where(f"not ({UNIT}) and not reference", ON_THE_REFERENCE)


def is_reference(version: str, info: Mapping[str, Any]) -> bool:
    """Whether an engine is a reference by itself.

    Args:
        version: its version, "28.5.2".
        info: what it answers to ``docker info``.
    """
    return root.version(version) >= (root.MINIMUM,) and _has_containerd_store(info)


def machines_engine() -> tuple[bool, str]:
    """Whether this machine's own engine is a reference, and what it is in words."""
    found, client = engine.probe()
    if client is None:
        return False, str(found.trouble)
    try:
        info = client.info()
        store = "containerd image store" if _has_containerd_store(info) else f"{info.get('Driver')} graph driver"
        return is_reference(found.version, info), f"Engine {found.version}, {store}"
    finally:
        client.close()


def _has_containerd_store(info: Mapping[str, Any]) -> bool:
    return ["driver-type", CONTAINERD_STORE] in [list(pair) for pair in info.get("DriverStatus") or ()]


def command(
    *words: str, suite: str | None = None, own: bool = False, paced: bool = False, variables: Path | None = None
) -> list[str]:
    """The command line that runs this module.

    Args:
        words: what to do, and its arguments.
        suite: Debian's name of the suite.
        own: make a Python environment inside.
        paced: have it wait on standard input for :data:`GO`.
        variables: a file of :func:`handed_over`.
    """
    options = [*(("--suite", suite) if suite else ()), *(("--own-environment",) if own else ())]
    options += ["--paced"] if paced else []
    options += ["--variables", str(variables)] if variables else []
    return [sys.executable, "-m", __name__, *options, *words]


def as_root(prefix: Sequence[str], call: Sequence[str], variables: Mapping[str, str]) -> list[str]:
    """A command line with `sudo` in front, which forgets the environment: what Python needs to begin goes with it.

    Every user of the machine can read a command line. What may hold a password goes by :func:`handed_over`.
    """
    if not prefix:
        return list(call)
    kept = {"HOME": variables.get("HOME", ""), "PATH": f"{variables.get('PATH', '')}:/usr/sbin:/sbin"}
    kept |= {"PYTHONPATH": str(paths.ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    return [*prefix, "env", *(f"{name}={value}" for name, value in kept.items()), *call]


@contextmanager
def handed_over(variables: Mapping[str, str]) -> Iterator[Path]:
    """A file for ``--variables``, which only its owner and root can read, for as long as the block runs.

    Args:
        variables: those of the user. What a run as root needs of them is in the file: where the engine is, and
            proxies and package indexes, which hold passwords.
    """
    kept = {name: variables[name] for name in ("XDG_CACHE_HOME", "DOCKER_HOST") if name in variables}
    descriptor, name = tempfile.mkstemp(prefix="course-variables-", suffix=".json")  # mode 0600
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(kept | pythons.environment(variables), file)
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


def _say(line: str) -> None:
    sys.stdout.write(f"reference engine: {line}\n")
    sys.stdout.flush()


# The containerd store keeps layers as they come, and an older engine saves them as plain tars. An image that is built
# on such a base has layers of both kinds, which Trivy cannot read from the engine. A pull gives compressed ones, too.
_LOAD = """
cd "$(mktemp -d)"
cat >saved.tar
skopeo --insecure-policy copy --quiet docker-archive:saved.tar "oci-archive:packed.tar:docker.io/library/$0"
docker load --quiet --input packed.tar
rm saved.tar packed.tar
"""


def copy_images(client: DockerClient, target: Instance, tags: Iterable[str] = images.BASES) -> None:
    """Give the base images that the machine's engine has to the reference engine, so that nothing is built twice.

    None is got here: this is root, and the checkout's state, where it is noted whence an image came, is the user's.

    Raises:
        EnvironmentProblem: the reference engine does not take one.
    """
    for tag in tags:
        image = images.find(client, tag)
        if image is None:
            _say(f"the machine's engine has no {tag}; what needs it gets it inside")
            continue
        call = ["sh", "-euc", _LOAD, tag]
        loading = target.start(call, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        assert loading.stdin is not None and loading.stderr is not None
        with contextlib.suppress(BrokenPipeError):  # it ended early, and says why
            for chunk in image.save(named=tag):
                loading.stdin.write(chunk)
        with contextlib.suppress(BrokenPipeError):  # this writes what is left in the buffer
            loading.stdin.close()
        error = loading.stderr.read().decode(errors="replace").strip()
        loading.stderr.close()
        if loading.wait():
            raise EnvironmentProblem(
                expected=f"the reference engine to take {tag} from the machine's",
                found=error or f"exit status {loading.returncode}",
                next_step="Look at the message; where the disk is full, free some GB.",
            )


def versions(target: Instance, made: root.Root, python: str) -> str:
    """What the tests ran with; suites move, so it is part of every report."""
    told = json.loads(target.ask("docker", "version", "--format", "{{json .Server}}").stdout)
    info = json.loads(target.ask("docker", "info", "--format", "{{json .}}").stdout)
    store = "containerd image store" if _has_containerd_store(info) else info.get("Driver")
    line = target.ask(python, "--version").stdout.strip()
    packages = ", ".join(f"{name} {made.versions[name]}" for name in sorted(made.versions) if name in SHOWN)
    return (
        f"Engine {told['Version']}, {store}, cgroup v{info.get('CgroupVersion')}, Debian {made.suite}, {line}\n"
        f"  {packages}"
    )


SHOWN = {
    *("docker-cli", "docker-buildx", "docker-compose", "containerd", "runc", "awscli", "skopeo", "oras", "crane"),
    *("cosign", "podman", "git", "curl", "jq", "openssl"),
}


def _told_to_go() -> None:
    """Wait for :data:`GO`; where standard input ends instead, whoever started this is gone, and so is this."""
    if sys.stdin.readline().strip() != GO:
        sys.exit(128 + signal.SIGTERM)


def inside(
    words: Sequence[str], *, pytest: bool, suite: str | None, own: bool, folder: str, paced: bool = False
) -> int:
    """Run pytest, or a command, on a reference engine that is up for just that long.

    Args:
        words: pytest's arguments, or the command.
        pytest: whether they are pytest's.
        suite: Debian's name of the suite.
        own: make a Python environment inside.
        folder: where it runs.
        paced: go on when told; the images that many tests need are made before the tests, so that what is fetched for
            them does not meet the tests beside.

    Returns:
        The exit status of what ran inside.

    Raises:
        EnvironmentProblem: there can be no reference engine here.
    """
    began = time.monotonic()
    with ExitStack() as stack:
        with network.turn():
            made = root.ensure(_say, suite)
            target = stack.enter_context(instance.up(made, pythons.shown(made.tree, REPORTS)))
            python = pythons.prepare(target, made.suite, _say, own=own)
        if paced:
            _told_to_go()  # without a turn: what runs before the word may need one to come to its end
        variables = pythons.environment(os.environ) | {
            "PYTHONPATH": str(paths.ROOT),
            "PYTHONUTF8": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        with network.turn():
            found, client = engine.probe()
            if client is None:
                _say(f"no base images are taken from the machine's engine: {found.trouble}")
            else:
                with contextlib.closing(client):
                    copy_images(client, target)
            _say(f"up in {time.monotonic() - began:.0f} s: {versions(target, made, python)}")
            if paced:
                target.start([python, "-m", ready.__name__], environment=variables, folder=folder).wait()
                _say(f"ready after {time.monotonic() - began:.0f} s")
        call = [python, "-m", "pytest", *words] if pytest else list(words)
        stdin = subprocess.DEVNULL if paced else None
        process = target.start(call, environment=variables, folder=folder, stdin=stdin)
        try:
            return process.wait()
        except KeyboardInterrupt:  # it got the interrupt too, and tidies up
            process.wait()
            raise
        finally:
            _give_back(REPORTS)


def _give_back(folder: Path) -> None:
    """Under sudo, what was written into the checkout belongs to its owner."""
    owner = paths.ROOT.stat()
    for path in (folder, *folder.rglob("*")):
        os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


def main() -> int:
    """The command line; see the module's head."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--suite", help="Debian's name of the suite")
    parser.add_argument("--own-environment", action="store_true", help="make the Python environment inside")
    parser.add_argument("--paced", action="store_true", help="go on when standard input says so")
    parser.add_argument("--variables", type=Path, help="JSON file with variables to set: name -> value")
    parser.add_argument("what", choices=["make", "tests", "command"])
    parser.add_argument("words", nargs=argparse.REMAINDER)
    chosen = parser.parse_args()
    if chosen.variables:
        os.environ.update(json.loads(chosen.variables.read_text(encoding="utf-8")))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that all is taken down
    try:
        reason = instance.unavailable()
        if reason:
            raise EnvironmentProblem(expected="Linux and root", found=reason, next_step="Run it as root on Linux.")
        if chosen.what == "make":
            root.ensure(_say, chosen.suite)
            return 0
        pytest = chosen.what == "tests"
        if not pytest and not chosen.words:
            parser.error("name a command")
        options = {"suite": chosen.suite, "own": chosen.own_environment, "paced": chosen.paced}
        return inside(chosen.words, pytest=pytest, folder=str(paths.ROOT), **options)
    except CourseError as problem:
        sys.stderr.write(f"error: {problem.expected}: {problem.found}\n  next: {problem.next_step}\n")
        return UNAVAILABLE
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


if __name__ == "__main__":
    sys.exit(main())
