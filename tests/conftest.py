"""What all tests share: a home of their own, the engine, and a throw-away registry."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from autograder import quick_jsonschema
from autograder.domain.services import EMULATORS
from autograder.grading import walls
from autograder.quality.reference_engine import root, run
from autograder.services import cloud_admin, clouds, http, images, installation, removal
from autograder.services import engine as engines
from autograder.services.installation import Installation
from tests import groups
from tests.emulators.support import free_port
from tests.groups import pytest_xdist_auto_num_workers, pytest_xdist_make_scheduler  # noqa: F401  # hooks

if TYPE_CHECKING:
    from docker import DockerClient

quick_jsonschema.prepare()
# testcontainers' own cleaning container would come from Docker Hub; the fixtures below clean up themselves.
os.environ["TESTCONTAINERS_RYUK_DISABLED"] = "true"
# A busy machine is no fault: no example of a property test is timed.
settings.register_profile("course", deadline=None)
settings.load_profile("course")


@pytest.fixture(scope="session", autouse=True)
def _no_ones_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test ever touches the work, class or state of this checkout."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_HOME", str(tmp_path_factory.mktemp("home")))
        patch.setenv("COLUMNS", "80")  # tables and messages wrap the same in every terminal
        yield


@pytest.fixture(autouse=True)
def _without_walls(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Classes are graded in the test's own process, where doubles stand; the mark ``walls`` says otherwise."""
    if request.node.get_closest_marker("walls") is None:
        monkeypatch.setattr(walls, "default", lambda ended: walls.Open())


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh home (``COURSE_HOME``) for one test, with a space in its path."""
    folder = tmp_path / "a home"
    folder.mkdir()
    monkeypatch.setenv("COURSE_HOME", str(folder))
    return folder


@pytest.fixture(scope="session")
def engine() -> Iterator[DockerClient]:
    """The engine. Without one the tests that ask for it fail, so that nothing is skipped in silence."""
    client = engines.connect()
    yield client
    client.close()


@pytest.fixture(scope="session")
def registry_session(engine: DockerClient) -> Iterator[str]:
    """``localhost:PORT`` of a throw-away registry with deletion on, for the whole run."""
    from testcontainers.core.container import DockerContainer

    images.ensure(engine, images.REGISTRY)
    container = DockerContainer(images.REGISTRY).with_env("REGISTRY_STORAGE_DELETE_ENABLED", "true")
    container.ports["5000/tcp"] = ("127.0.0.1",)  # type: ignore[assignment]  # the SDK's form for: a free port of loopback
    with container:
        port = container.get_exposed_port(5000)
        url = f"http://127.0.0.1:{port}/v2/"
        assert http.wait_until(lambda: http.ask(url).status == 200, 120), f"no registry at {url} after 120 s"
        yield f"localhost:{port}"


@pytest.fixture
def registry(registry_session: str) -> str:
    """``localhost:PORT`` of a throw-away registry; shared by the tests, so take repository names of your own."""
    return registry_session


@pytest.fixture(scope="session")
def running(engine: DockerClient) -> Iterator[Installation]:
    """All emulators in their container, as `course start` makes it; everything is removed at the end."""
    with installation.change() as state:
        for service in EMULATORS:  # far from the defaults, where a student's own emulators may run
            state.ports[service] = free_port()
    try:
        clouds.up(engine, state, lambda line: None)
        yield state
    finally:
        removal.remove(engine, state)


@pytest.fixture
def private_repository_free(running: Installation) -> Iterator[None]:
    """Before the test and after it, the student has no private repository on Docker Hub, whose Personal plan has one.

    The emulators are shared, so each test that makes one asks for this.
    """

    def free() -> None:
        for listed in cloud_admin.call("dockerhub", "repository-list"):
            if listed["private"] and listed["name"].startswith("student/"):
                cloud_admin.call("dockerhub", "repository-delete", name=listed["name"])

    free()
    yield
    free()


@cache
def not_the_reference() -> str:
    """What the engine is, where that is no reference; else ""."""
    is_one, told = run.machines_engine()
    return "" if is_one else told


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """On another engine the tests marked ``reference`` fail, so that nothing is skipped in silence."""
    if item.get_closest_marker("reference") and not_the_reference():
        pytest.fail(
            f"This test needs the reference engine ({root.MINIMUM} or newer with the containerd image store), and this "
            f"is {not_the_reference()}. Next: python3 course.py test --reference {item.nodeid.partition('[')[0]}",
            pytrace=False,
        )


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Groups get their order, and a test that uses the engine says so: unit tests run where there is none."""
    groups.order(items)
    using = [item for item in items if "engine" in getattr(item, "fixturenames", ())]
    using += [item for item in items if item.get_closest_marker("reference") or item.get_closest_marker("both_engines")]
    unmarked = [item.nodeid for item in using if item.get_closest_marker("engine") is None]
    if unmarked:
        raise pytest.UsageError(f"These tests use the engine and lack the mark: {', '.join(unmarked)}")


def pytest_collection_finish() -> None:
    """Thousands of tests lie in memory, and the garbage collector would look at them again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def pytest_make_parametrize_id(val: object) -> str | None:
    """Bytes are no names: compressed ones hold the time, and the processes that share the tests would disagree."""
    return f"{len(val)}-bytes" if isinstance(val, bytes) else None
