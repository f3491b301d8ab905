"""The probes by name: what the grader runs itself on a submission. A new one is a class and a line in :data:`PROBES`.

lab.toml lists the names that a lab needs. Each result is JSON data in ``Evidence.probes``; a probe that failed itself
leaves ``{"fault": TEXT}`` there, and the checks that rest on it are not graded.

A probe has a version, which rises when the same submission would give another result. Evidence says which version gave
a result (``Evidence.probe_versions``). Where the present one is another, a probe that needs nothing but evidence
(``Kind.again``) is run again when stored evidence is judged again; one that needs the zip or an engine is not, and that
is said. ``hidden`` and ``pipelines`` need nothing else; ``settings`` starts a registry, ``round-trip`` and ``rescan``
take layers from the zip as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from pydantic import JsonValue

from autograder.checks.shared.seeded_random import SeededRandom
from autograder.collect import pipeline_probe, settings_probe
from autograder.errors import EnvironmentProblem
from autograder.evidence.layout import LayoutSource
from autograder.evidence.model import Evidence, Repository
from autograder.grading import probe
from autograder.grading.archive import Archive
from autograder.grading.intake import Submission
from autograder.labs import hidden
from autograder.labs.manifest import Lab
from autograder.scanning import grader, rescan_probe, trivy_binary
from autograder.scanning.rescan import Rescanner
from autograder.services import engine, http, images, orphans
from autograder.services.throwaway import ProbeFault

if TYPE_CHECKING:
    from docker import DockerClient

Report = Callable[[str], None]


@dataclass(frozen=True)
class Subject:
    """What a probe works on: a submission, its open zip, the zip's SHA-256 (hex), and the student's grading seed."""

    submission: Submission
    archive: Archive
    sha256: str
    seed: str = ""


class RunsProbe(Protocol):
    """A probe. A process that judges has one of each kind and keeps it from submission to submission."""

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


class RescanProbe:
    """Images with their own layers, scanned anew in a sandbox; results are kept by the image's digest."""

    def __init__(self) -> None:
        self._client: DockerClient | None = None
        self._rescanner: Rescanner | None = None

    def run(self, subject: Subject) -> JsonValue:
        """What :func:`autograder.scanning.rescan_probe.run` found."""
        snapshots = {
            f"{service}/{name}": rescan_probe.Snapshot(repository, subject.archive.folder(f"evidence/{service}/{name}"))
            for service, state in subject.submission.services.items()
            for name, repository in state.repositories.items()
        }
        from docker.errors import DockerException

        try:
            return rescan_probe.run(self._ready(), subject.submission.bases, snapshots)
        except (EnvironmentProblem, DockerException, OSError) as problem:  # requests' errors are OSErrors
            self.close()
            raise ProbeFault(http.in_words(problem)) from None

    def _ready(self) -> Rescanner:
        if self._rescanner is None:
            self._client = engine.connect()
            self._rescanner = grader.rescanner(self._client, images.REGISTRY, grader.folder(), orphans.labels("rescan"))
        return self._rescanner

    def close(self) -> None:
        """Let go of the engine; a scan's container is gone with the scan."""
        client, self._client, self._rescanner = self._client, None, None
        if client is not None:
            client.close()


class SettingsProbe:
    """A private registry's settings, run: :mod:`autograder.collect.settings_probe`."""

    def run(self, subject: Subject) -> JsonValue:
        """The facts."""
        return settings_probe.probe(subject.submission.files, subject.submission.parameters)

    def close(self) -> None:
        """Nothing stays between two runs."""


class HiddenProbe:
    """What the lab's hidden.py draws for this student; checks judge by it, and a student's machine never sees it."""

    def run(self, subject: Subject) -> JsonValue:
        """The values."""
        submission = subject.submission
        return hidden.values(submission.lab, SeededRandom(subject.seed), dict(submission.parameters))

    def close(self) -> None:
        """Nothing is kept."""


class PipelinesProbe:
    """A workflow and a pipeline, held against their schemas and given to zizmor."""

    def run(self, subject: Subject) -> JsonValue:
        """The facts."""
        return pipeline_probe.probe(subject.submission.files)

    def close(self) -> None:
        """Nothing stays between two runs."""


def _nothing(client: DockerClient, say: Report) -> None:
    """The tools come with the kit."""


def _registry_image(client: DockerClient, say: Report) -> None:
    images.ensure(client, images.REGISTRY, say)


def _scanner(client: DockerClient, say: Report) -> None:
    images.ensure(client, images.REGISTRY, say)  # the scanner's container needs a root, and nothing of it
    trivy_binary.for_sandbox()
    grader.prepare(grader.folder() / "trivy")


def _hidden_again(lab: Lab, evidence: Evidence, seed: str) -> JsonValue:
    return hidden.values(lab, SeededRandom(seed), dict(evidence.parameters))


def _pipelines_again(lab: Lab, evidence: Evidence, seed: str) -> JsonValue:
    return pipeline_probe.probe(evidence.files)


def _hidden_version(lab: Lab) -> int:
    """What the lab's hidden.py says (``VERSION = 2``); 1 where it says nothing."""
    file = lab.source.hidden
    return int(getattr(hidden.load_module(file, f"hidden_{lab.module}"), "VERSION", 1)) if file.is_file() else 1


@dataclass(frozen=True)
class Kind:
    """A kind of probe.

    Attributes:
        make: makes one; called at the first need in each process that judges.
        prepare: has ready what every worker needs; called once, before the workers start.
        version: of its results, a number from 1 on; of a lab where each lab has its own.
        again: its result from stored evidence alone, with the lab and the student's grading seed (hex); raises
            ProbeFault. None where it needs the zip or an engine.
    """

    make: Callable[[], RunsProbe]
    prepare: Callable[[DockerClient, Report], None]
    version: int | Callable[[Lab], int] = 1
    again: Callable[[Lab, Evidence, str], JsonValue] | None = None


PROBES: dict[str, Kind] = {
    "round-trip": Kind(RoundTripProbe, _registry_image, probe.VERSION),
    "rescan": Kind(RescanProbe, _scanner, rescan_probe.VERSION),
    "hidden": Kind(HiddenProbe, _nothing, _hidden_version, _hidden_again),
    settings_probe.NAME: Kind(SettingsProbe, _registry_image, settings_probe.VERSION),
    pipeline_probe.NAME: Kind(PipelinesProbe, _nothing, pipeline_probe.VERSION, _pipelines_again),
}


def version(name: str, lab: Lab) -> int:
    """A probe's present version for a lab."""
    given = PROBES[name].version
    return given(lab) if callable(given) else given


def versions(lab: Lab) -> dict[str, int]:
    """Name -> present version of the lab's probes, without those at version 1, as evidence stores it."""
    found = {name: version(name, lab) for name in lab.probes}
    return {name: number for name, number in found.items() if number != 1}


def prepare(names: Iterable[str], client: DockerClient, say: Report) -> None:
    """Have ready what the named probes need.

    Raises:
        EnvironmentProblem: it cannot be had.
    """
    for name in sorted(set(names)):
        PROBES[name].prepare(client, say)
