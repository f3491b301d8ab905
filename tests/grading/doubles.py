"""What stands in for the engine in tests that need none: the real runner as a process, and a registry that agrees."""

from __future__ import annotations

import contextlib
import functools
import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from autograder.grading import engine_calls, probe, workers
from autograder.grading.batch import Batch
from autograder.labs import tasks


class LocalRunner:
    """The sandbox's own runner program on this machine: only for cells that the tests themselves wrote.

    A process runs each job once: most tests hand in the same cells.
    """

    def run(self, jobs: Any) -> list[Any]:
        return [json.loads(_ran(json.dumps(job))) for job in jobs]


@functools.cache
def _ran(job: str) -> bytes:
    command = [sys.executable, "-I", "-S", str(tasks.RUNNER)]
    return subprocess.run(command, input=job.encode(), capture_output=True, check=True).stdout


class KindRegistry:
    """A round-trip probe whose registry takes everything and gives it back."""

    def run(self, subject: Any) -> dict[str, Any]:
        found = {
            f"{service}/{name}": repository
            for service, state in subject.submission.services.items()
            for name, repository in state.repositories.items()
            if probe.complete(repository)
        }
        return {
            name: {
                "tags": {tag: {"digest": digest, "pulled": True} for tag, digest in repository.tags.items()},
                "digests": dict.fromkeys(repository.manifests, True),
                "error": None,
            }
            for name, repository in found.items()
        }

    def close(self) -> None:
        pass


def kind_probe(name: str) -> KindRegistry:
    """The worker's probes, of which the artificial lab has one."""
    assert name == "round-trip"
    return KindRegistry()


class Kit:
    """A process's tools that need no engine."""

    sandbox: Any = LocalRunner()
    get_probe = staticmethod(kind_probe)

    def get_sandbox(self) -> Any:
        return self.sandbox


@contextlib.contextmanager
def ready(self: Batch, plan: object) -> Iterator[None]:
    """Instead of ``Batch.ready``: there is nothing to bring up and nothing to clean up."""
    yield


def grade_without_engine(patch: pytest.MonkeyPatch, kit: Any = None) -> Any:
    """Have a class graded in this process without an engine, by ``kit`` or a new :class:`Kit`; gives it back."""
    kit = kit or Kit()
    patch.setattr(workers, "_kit", kit)
    patch.setattr(engine_calls, "PAUSE", 0.0)
    patch.setattr(Batch, "ready", ready)
    return kit
