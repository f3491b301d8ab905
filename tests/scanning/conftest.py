"""One sandbox, one database and one Trivy for all scanning tests."""

from __future__ import annotations

from uuid import uuid4

import pytest

from autograder.scanning import database, trivy, trivy_binary
from autograder.scanning.rescan import Rescanner
from autograder.scanning.sandbox import Sandbox
from autograder.services import engine, images

LABELS = {"course.test": f"scanning-{uuid4().hex}"}  # of this run's containers: others may test at the same time


@pytest.fixture(scope="session")
def cache(tmp_path_factory):
    """Trivy's cache folder, with the course's database."""
    folder = tmp_path_factory.mktemp("trivy")
    folder.chmod(0o755)
    database.write(folder)
    return folder


@pytest.fixture(scope="session")
def program():
    """The Trivy of this machine."""
    return trivy.find()


@pytest.fixture(scope="session")
def sandbox():
    """The real sandbox."""
    client = engine.connect()
    images.ensure(client, images.REGISTRY)
    yield Sandbox(client, images.REGISTRY, trivy_binary.for_sandbox(), LABELS)
    client.close()


@pytest.fixture
def rescanner(sandbox, cache):
    """A rescanner that remembers nothing; it knows one file of joblib 1.1.0 by its content."""
    import hashlib

    marks = {hashlib.sha256(b"# the old code\n").hexdigest(): ("joblib", "1.1.0")}
    return Rescanner(sandbox, cache, database.build(), "test", marks=marks)
