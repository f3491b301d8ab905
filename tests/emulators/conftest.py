"""Fixtures of the backends' tests: a backend without HTTP, and each service of the real container."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from autograder.services.installation import Installation

from .support import PLACES, Bench, Place


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Clock, database, journal and state folders for a backend without HTTP."""
    return Bench(tmp_path)


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest, running: Installation) -> Place:
    """Each backend that needs no AWS API, one after the other."""
    return PLACES[request.param](f"localhost:{running.ports[request.param]}")


@pytest.fixture
def docker_cli(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """The real ``docker`` command with a configuration of its own; answers with what it printed."""
    folder = tmp_path / "docker"
    folder.mkdir()

    def run(*words: str, check: bool = True, text: str | None = None) -> subprocess.CompletedProcess[str]:
        command = ["docker", "--config", str(folder), *words]
        done = subprocess.run(command, capture_output=True, text=True, input=text, timeout=300)
        assert not check or done.returncode == 0, f"{' '.join(words)}\n{done.stdout}\n{done.stderr}"
        return done

    return run
