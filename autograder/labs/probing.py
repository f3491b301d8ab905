"""The probes that a notebook can run itself, by name: what the grader recomputes, computed on the student's machine.

lab.toml lists a lab's probes, and with a check those that it rests on. In grading each runs as
:mod:`autograder.grading.probes` says; here it is given the live services. A probe without an entry runs in grading
alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from autograder.domain.bases import Base
from autograder.errors import CourseError
from autograder.evidence.model import File, Service
from autograder.labs.manifest import Lab
from autograder.oci.client import RegistryClient
from autograder.services.throwaway import ProbeFault


@dataclass(frozen=True)
class ProbeContext:
    """What a probe works on.

    Attributes:
        lab: the lab.
        folder: the student's folder of it.
        services: what was collected a moment ago.
        files: the lab's files.
        parameters: the student's personal parameters.
        client: a client of a service's registry.
        bases: the known bases, see :meth:`autograder.labs.live.Live.bases`.
    """

    lab: Lab
    folder: Path
    services: Mapping[str, Service]
    files: Mapping[str, File]
    parameters: Mapping[str, Any]
    client: Callable[[str], RegistryClient]
    bases: Callable[[], tuple[Base, ...]]


def _rescan(context: ProbeContext) -> JsonValue:
    from autograder.scanning import grader, rescan_probe
    from autograder.scanning.source import RegistrySource

    snapshots = {
        f"{service}/{name}": rescan_probe.Snapshot(repository, RegistrySource(context.client(service), name))
        for service, state in context.services.items()
        for name, repository in state.repositories.items()
    }
    return rescan_probe.run(grader.here(), context.bases(), snapshots)


def _settings(context: ProbeContext) -> JsonValue:
    from autograder.collect import settings_probe

    return settings_probe.probe(context.files, context.parameters)


def _pipelines(context: ProbeContext) -> JsonValue:
    from autograder.collect import pipeline_probe

    return pipeline_probe.probe(context.files)


LIVE: dict[str, Callable[[ProbeContext], JsonValue]] = {
    "rescan": _rescan,
    "settings": _settings,
    "pipelines": _pipelines,
}


def run(name: str, context: ProbeContext) -> JsonValue:
    """A probe's result; ``{"fault": TEXT}`` when it failed itself."""
    try:
        return LIVE[name](context)
    except CourseError as problem:
        return {"fault": f"{problem.found}. {problem.next_step}"}
    except ProbeFault as fault:
        return {"fault": str(fault)}
