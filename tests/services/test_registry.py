"""The local registry: harmless to start twice, and nothing that was pushed is ever lost."""

from __future__ import annotations

import hashlib
import os
import signal
import socket
import urllib.request
from collections.abc import Iterator

import pytest

from autograder.errors import EnvironmentProblem
from autograder.services import http, installation, registry, removal
from autograder.services.installation import Installation

pytestmark = pytest.mark.engine


def quiet(_: str) -> None: ...


@pytest.fixture
def state(home, engine) -> Iterator[Installation]:
    """An installation with a free port for its registry; container and volume are removed at the end."""
    with socket.socket() as probe, installation.change() as found:
        probe.bind(("127.0.0.1", 0))
        found.ports["registry"] = probe.getsockname()[1]
    yield found
    removal.remove(engine, found)


def push(state: Installation) -> str:
    """Push a blob over the registry's API; returns its path."""
    base = f"http://127.0.0.1:{state.ports['registry']}"
    content = b"kept " + state.id.encode()
    digest = "sha256:" + hashlib.sha256(content).hexdigest()
    start = urllib.request.Request(f"{base}/v2/kept/blobs/uploads/", method="POST")
    with urllib.request.urlopen(start) as answer:
        place = answer.headers["Location"]
    place = place if place.startswith("http") else base + place
    done = urllib.request.Request(
        f"{place}&digest={digest}", content, {"Content-Type": "application/octet-stream"}, method="PUT"
    )
    with urllib.request.urlopen(done) as answer:
        assert answer.status == 201
    return f"/v2/kept/blobs/{digest}"


def status(state: Installation, path: str, method: str = "GET") -> int:
    return http.ask(f"http://127.0.0.1:{state.ports['registry']}{path}", method=method).status


def test_what_was_pushed_survives_everything(engine, state):
    registry.up(engine, state, quiet)
    blob = push(state)
    container = registry.find(engine, state)
    first = container.id

    registry.up(engine, state, quiet)  # twice is harmless
    assert registry.find(engine, state).id == first and status(state, blob) == 200

    assert registry.down(engine, state) is True
    assert status(state, "/v2/") == 0 and registry.down(engine, state) is False
    registry.up(engine, state, quiet)
    assert registry.find(engine, state).id == first and status(state, blob) == 200

    container.reload()
    os.kill(container.attrs["State"]["Pid"], signal.SIGKILL) if os.geteuid() == 0 else container.kill()
    registry.up(engine, state, quiet)
    assert status(state, blob) == 200

    registry.find(engine, state).pause()
    registry.up(engine, state, quiet)
    assert status(state, blob) == 200

    registry.find(engine, state).remove(force=True)
    registry.up(engine, state, quiet)
    assert status(state, blob) == 200


def test_a_container_of_another_configuration_is_made_anew(engine, state, monkeypatch):
    registry.up(engine, state, quiet)
    blob, first = push(state), registry.find(engine, state).id
    monkeypatch.setitem(registry.SETTINGS, "REGISTRY_LOG_LEVEL", "info")
    registry.up(engine, state, quiet)
    assert registry.find(engine, state).id != first and status(state, blob) == 200


def test_it_listens_on_loopback_alone_restarts_by_itself_and_lets_delete(engine, state):
    registry.up(engine, state, quiet)
    found = registry.find(engine, state).attrs
    (binding,) = found["HostConfig"]["PortBindings"]["5000/tcp"]
    assert binding == {"HostIp": "127.0.0.1", "HostPort": str(state.ports["registry"])}
    assert found["HostConfig"]["RestartPolicy"]["Name"] == "unless-stopped"
    assert found["Name"] == f"/course-{state.id}-registry"
    assert {m["Name"] for m in found["Mounts"]} == {f"course-{state.id}-registry"}
    assert status(state, push(state), "DELETE") == 202


def test_a_port_that_a_foreign_program_took_is_an_error_with_its_fix(engine, state):
    with socket.socket() as foreign:
        foreign.bind(("127.0.0.1", state.ports["registry"]))
        foreign.listen()
        with pytest.raises(EnvironmentProblem, match=r"listens on it") as error:
            registry.up(engine, state, quiet)
    assert "course.py start --move registry" in error.value.next_step
    registry.up(engine, state, quiet)
    assert registry.running(engine, state)


def test_a_registry_that_does_not_answer_says_what_was_seen(engine, state, monkeypatch):
    monkeypatch.setattr(registry, "HEALTH_SECONDS", 1.0)
    monkeypatch.setitem(registry.SETTINGS, "REGISTRY_HTTP_ADDR", ":5999")
    with pytest.raises(EnvironmentProblem) as error:
        registry.up(engine, state, quiet)
    assert "its container is running" in error.value.found and "within 1 seconds" in error.value.expected
