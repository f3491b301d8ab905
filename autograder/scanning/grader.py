"""A ready rescanner for grading: the pinned Trivy, the course's database, the sandbox, and a store of results."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from autograder.domain.advisories import wheels
from autograder.errors import CourseError
from autograder.scanning import database, pinned, trivy
from autograder.scanning.rescan import Rescanner
from autograder.scanning.sandbox import Sandbox

if TYPE_CHECKING:
    from docker import DockerClient


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
    program = pinned.for_sandbox()
    cache = folder / "trivy"
    return Rescanner(
        Sandbox(client, image, program, labels),
        cache,
        prepare(cache),
        trivy.fingerprint(program),
        folder / "results" if remember else None,
        wheels.marks(),
    )
