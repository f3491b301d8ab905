"""The probes by name: what the grader runs itself on a submission. A new one is a class and a line in :data:`PROBES`.

lab.toml lists the names that a lab needs. Each result is JSON data in ``Evidence.probes``; a probe that failed itself
leaves ``{"fault": TEXT}`` there, and the checks that rest on it are not graded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from pydantic import JsonValue

from autograder.evidence.layout import LayoutSource
from autograder.evidence.model import Repository
from autograder.grading import probe
from autograder.grading.archive import Archive
from autograder.grading.intake import Submission
from autograder.services import images

if TYPE_CHECKING:
    from docker import DockerClient

Report = Callable[[str], None]


@dataclass(frozen=True)
class Subject:
    """What a probe works on: a submission that was read, its open zip, and the zip's SHA-256 (hex)."""

    submission: Submission
    archive: Archive
    sha256: str


class RunsProbe(Protocol):
    """A probe. A worker process has one of each kind and keeps it from submission to submission."""

    def run(self, subject: Subject) -> JsonValue:
        """The result; raises ProbeFault when the infrastructure fails."""

    def close(self) -> None:
        """Remove what it started; harmless to repeat."""


class RoundTripProbe:
    """Complete snapshots, pushed to a registry and pulled back."""

    def __init__(self) -> None:
        self._probe = probe.Probe()

    def run(self, subject: Subject) -> JsonValue:
        """ "SERVICE/REPOSITORY" -> what :meth:`autograder.grading.probe.Probe.run` found."""
        wanted: dict[str, tuple[Repository, LayoutSource]] = {}
        for service, state in subject.submission.services.items():
            for name, repository in state.repositories.items():
                if probe.complete(repository):
                    wanted[f"{service}/{name}"] = (repository, subject.archive.folder(f"evidence/{service}/{name}"))
        return self._probe.run(f"s{subject.sha256[:24]}", wanted) if wanted else {}

    def close(self) -> None:
        """Remove the registry."""
        self._probe.close()


def _registry_image(client: DockerClient, say: Report) -> None:
    images.ensure(client, images.REGISTRY, say)


@dataclass(frozen=True)
class Kind:
    """A kind of probe.

    Attributes:
        make: makes one; called at the first need in each worker process.
        prepare: has ready what every worker needs; called once, before the workers start.
    """

    make: Callable[[], RunsProbe]
    prepare: Callable[[DockerClient, Report], None]


PROBES: dict[str, Kind] = {
    "round-trip": Kind(RoundTripProbe, _registry_image),
}


def prepare(names: Iterable[str], client: DockerClient, say: Report) -> None:
    """Have ready what the named probes need.

    Raises:
        EnvironmentProblem: it cannot be had.
    """
    for name in sorted(set(names)):
        PROBES[name].prepare(client, say)
