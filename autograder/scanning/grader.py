"""Ready rescanners: the pinned Trivy, the course's database, a store of results; in a sandbox, or for one's own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from autograder import paths
from autograder.domain.advisories import wheels
from autograder.errors import CourseError
from autograder.scanning import database, trivy, trivy_binary
from autograder.scanning.rescan import Rescanner, Runner
from autograder.scanning.sandbox import Sandbox
from autograder.scanning.trivy import Local, Trivy
from autograder.services import engine, images

if TYPE_CHECKING:
    from docker import DockerClient


def folder() -> Path:
    """Where a rescanner keeps its database and its results."""
    return paths.state() / "rescans"


def prepare(cache: Path) -> database.Database:
    """The course's database in a Trivy cache folder; one that is absent, damaged or out of date is written anew."""
    try:
        return database.require(cache)
    except CourseError:
        cache.mkdir(parents=True, exist_ok=True)
        cache.chmod(0o755)  # the sandbox's user is nobody
        return database.write(cache)


def rescanner(
    client: DockerClient, image: str, folder: Path, labels: Mapping[str, str] | None = None, *, remember: bool = True
) -> Rescanner:
    """A rescanner; several processes may share the folder.

    Args:
        client: the engine.
        image: an image that the engine has, as the sandbox's root; nothing in it runs.
        folder: where the database and the results are kept.
        labels: of the sandbox's containers, for a sweep after a killed process.
        remember: whether results are stored and taken from the store.

    Raises:
        EnvironmentProblem: no Trivy, or a known-compromised one.
    """
    program = trivy_binary.for_sandbox()
    return _made(Sandbox(client, image, program, labels), program, folder, remember)


def here() -> Rescanner:
    """The rescanner for one's own image, in the notebook: a plain process where the pinned Trivy runs, else as above.

    Raises:
        EnvironmentProblem: no Trivy, a known-compromised one, or none that runs here and no engine.
    """
    program = trivy_binary.for_sandbox()
    runner: Runner = Local(program)
    if not trivy_binary.native():
        client = engine.connect()
        images.ensure(client, images.REGISTRY)
        runner = Sandbox(client, images.REGISTRY, program)
    return _made(runner, program, folder(), remember=True)


def _made(runner: Runner, program: Trivy, folder: Path, remember: bool) -> Rescanner:
    cache, results = folder / "trivy", folder / "results"
    made, fingerprint = prepare(cache), trivy.fingerprint(program)
    return Rescanner(runner, cache, made, fingerprint, results if remember else None, wheels.marks())
