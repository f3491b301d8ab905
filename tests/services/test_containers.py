"""Containers that an installation keeps, on a real engine: one of another configuration is made anew, and no other."""

from __future__ import annotations

import io
import socket
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from uuid import uuid4

import pytest
from docker import DockerClient

from autograder.services import containers, images, ports, registry
from autograder.services.containers import NotStarted, Spec
from autograder.services.installation import Installation
from autograder.services.ports import PortTaken
from tests.containers import printed

SLEEP = ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.1; done"]


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.fixture
def spec(engine: DockerClient) -> Iterator[Spec]:
    """A container that waits for its end, with a volume; both are removed."""
    images.ensure(engine, images.REGISTRY)
    name = f"course-test-{uuid4().hex[:8]}"
    settings = {
        "name": name,
        "image": images.REGISTRY,
        "entrypoint": SLEEP,
        "volumes": {name: {"bind": "/kept", "mode": "rw"}},
    }
    yield Spec(settings, {"course.test": name}, volumes=(name,))
    found = containers.find(engine, name)
    if found is not None:
        found.remove(force=True)
    for volume in engine.volumes.list(filters={"name": name}):
        volume.remove(force=True)


def tar(name: str, content: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        entry = tarfile.TarInfo(name)
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def status(engine: DockerClient, spec: Spec) -> str:
    found = containers.find(engine, spec.name)
    return "absent" if found is None else str(found.status)


def test_the_mark_is_that_of_version_0_1_0():
    """Or the containers of installations that were started before would all be made anew."""
    made = registry._spec(Installation("a1b2c3d4", "/home", "token", {"registry": 5001}), "sha256:" + "1" * 64)
    assert made.mark == "05c67550fdc9859fc3e12a8e50bedb455f711df669c0ac8bc595a36183bbf924"
    assert made.labels == {"course.installation": "a1b2c3d4", "course.service": "registry"}


@pytest.mark.parametrize(
    ("text", "taken"),
    [
        ("driver failed: Bind for 127.0.0.1:5001 failed: port is already allocated", True),
        ("failed to bind host port 127.0.0.1:5001/tcp: address already in use", True),
        ("Ports are not available: exposing port TCP 127.0.0.1:5001 -> 127.0.0.1:0: listen tcp", True),
        ("listen tcp: bind: An attempt was made to access a socket in a way forbidden by its access permissions", True),
        ('Conflict. The container name "/course-a-registry" is already in use by container "12ab"', False),
        ("no such file or directory", False),
    ],
)
def test_a_port_that_is_taken_is_told_from_other_refusals(text, taken):
    assert NotStarted("x", text).port_taken is taken


@pytest.mark.engine
def test_one_container_stays_until_its_configuration_changes(engine, spec):
    first = containers.have(engine, spec)
    assert status(engine, spec) == "running" and first.labels["course.config"] == spec.mark
    [volume] = engine.volumes.list(filters={"name": spec.name})
    assert volume.attrs["Labels"] == {"course.test": spec.name}
    first.exec_run(["sh", "-c", "echo here > /kept/file"])
    assert containers.have(engine, spec).id == first.id

    first.reload()
    first.pause()
    assert containers.have(engine, spec).id == first.id and status(engine, spec) == "running"
    first.reload()
    first.pause()
    first.reload()
    assert containers.stop(first, 5) and status(engine, spec) == "exited", "a paused one hears that it is to stop"
    first.reload()
    assert not containers.stop(first, 5) and not containers.stop(None, 5)
    assert containers.have(engine, spec).id == first.id and status(engine, spec) == "running"

    other = replace(spec, settings={**spec.settings, "environment": {"A": "1"}})
    second = containers.have(engine, other)
    assert second.id != first.id and printed(second, "cat", "/kept/file") == b"here\n"


@pytest.mark.engine
def test_one_that_fails_for_ever_is_started_once_more_and_keeps_what_is_in_it(engine, spec):
    fails = {"entrypoint": ["sh", "-c", "test -e /go || exit 1; sleep 600"], "restart_policy": {"Name": "always"}}
    spec = replace(spec, settings={**spec.settings, **fails})
    first = containers.have(engine, spec)
    first.put_archive("/", tar("go", b""))
    assert containers.have(engine, spec).id == first.id
    assert status(engine, spec) == "running" and containers.lives(first) and "running" in containers.told(first)


@pytest.mark.engine
def test_files_are_there_at_the_first_start_also_after_one_that_was_ended_before(engine, spec):
    spec = replace(spec, files={"/kept": tar("configuration", b"all of it")})
    containers._create(engine, spec)  # and then the power went
    container = containers.have(engine, spec)
    assert printed(container, "cat", "/kept/configuration") == b"all of it"
    container.exec_run(["sh", "-c", "echo changed > /kept/configuration"])
    container.reload()
    containers.stop(container, 5)
    assert printed(containers.have(engine, spec), "cat", "/kept/configuration") == b"changed\n"


@pytest.mark.engine
def test_a_port_that_is_taken_names_its_service(engine, spec, monkeypatch):
    free, taken = free_port(), free_port()
    bound = {f"{number}/tcp": ("127.0.0.1", port) for number, port in ((1, free), (2, taken))}
    spec = replace(spec, settings={**spec.settings, "ports": bound})
    published = {"ecr": free, "acr": taken}
    with socket.socket() as foreign:
        foreign.bind(("127.0.0.1", taken))
        foreign.listen()
        with pytest.raises(PortTaken) as error:
            containers.have(engine, spec, published)
        assert error.value.service == "acr" and status(engine, spec) == "absent"
        monkeypatch.setattr(ports, "is_free", lambda port: True)  # taken a moment later, or nobody listens
        with pytest.raises(PortTaken) as error:
            containers.have(engine, spec, published)
        assert error.value.service == "acr" and status(engine, spec) == "absent"
        with pytest.raises(NotStarted) as refused:
            containers.have(engine, spec)
        assert refused.value.port_taken
    assert containers.have(engine, spec, published) and status(engine, spec) == "running"


@pytest.mark.engine
def test_another_refusal_is_told_in_the_engines_words(engine, spec):
    nonsense = replace(spec, settings={**spec.settings, "entrypoint": ["/no/such/program"]})
    with pytest.raises(NotStarted, match="/no/such/program") as error:
        containers.have(engine, nonsense, {"registry": free_port()})
    assert not error.value.port_taken and status(engine, spec) == "absent"
