"""The engine: every trouble told apart and told with its fix; a real one is connected to."""

from __future__ import annotations

import errno
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
from docker.errors import DockerException
from requests.exceptions import ConnectionError as RequestsConnectionError
from urllib3.exceptions import ProtocolError

from autograder.errors import EnvironmentProblem, Exit
from autograder.services import engine
from autograder.services.endpoint import Endpoint
from autograder.services.engine import Engine, Trouble

DEFAULT = Endpoint("unix:///var/run/docker.sock", "the default socket")
ROOTLESS = Endpoint("unix:///run/user/1000/docker.sock", "rootless Docker")
DESKTOP = Endpoint("unix:///home/u/.docker/desktop/docker.sock", "context desktop-linux", context="desktop-linux")


def buried(number: int) -> DockerException:
    """An operating system's error as the SDK passes it on."""
    system = OSError(number, "text of the system")
    return DockerException(
        f"Error while fetching server API version: {system}", RequestsConnectionError(ProtocolError("aborted", system))
    )


@pytest.mark.parametrize(
    ("number", "trouble"),
    [
        (errno.EACCES, Trouble.NO_PERMISSION),
        (errno.EPERM, Trouble.NO_PERMISSION),
        (errno.ENOENT, Trouble.NO_DAEMON),
        (errno.ECONNREFUSED, Trouble.NO_DAEMON),
    ],
)
def test_the_systems_error_is_found_in_what_the_sdk_raises(number, trouble):
    found, detail = engine._classify(buried(number))
    assert found is trouble and detail == "text of the system"


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """No context of the user's, no other engine on the machine."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    for name in ("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_TLS_VERIFY", "DOCKER_TLS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("autograder.services.endpoint.others", lambda: [])
    return monkeypatch


def test_no_socket_is_no_daemon(environment, tmp_path):
    environment.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    found, client = engine.probe()
    assert (found.trouble, client) == (Trouble.NO_DAEMON, None)
    with pytest.raises(EnvironmentProblem) as error:
        engine.connect()
    assert "no engine answers at unix://" in error.value.found and "DOCKER_HOST" in error.value.found
    assert error.value.exit_code is Exit.ENVIRONMENT


def test_a_socket_that_nobody_serves_is_no_daemon(environment, tmp_path):
    path = tmp_path / "dead.sock"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    environment.setenv("DOCKER_HOST", f"unix://{path}")
    assert engine.probe()[0].trouble is Trouble.NO_DAEMON


def test_a_closed_port_is_no_daemon(environment):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{port}")
    assert engine.probe()[0].trouble is Trouble.NO_DAEMON


@pytest.mark.parametrize("host", ["ssh://me@far.example", "tcp://192.0.2.1:2375", "tcp://docker:2375"])
def test_a_remote_engine_is_refused_without_being_contacted(environment, host):
    environment.setenv("DOCKER_HOST", host)
    with pytest.raises(EnvironmentProblem, match="on another machine, where `localhost` means that machine"):
        engine.connect()


def test_a_context_that_is_not_defined(environment):
    environment.setenv("DOCKER_CONTEXT", "gone")
    with pytest.raises(EnvironmentProblem, match="context gone is chosen, but it is not defined"):
        engine.connect()


class Answers(BaseHTTPRequestHandler):
    """What says an engine's version; of the engine, this kit asks no more before it is content."""

    told: ClassVar[dict[str, Any]]

    def do_GET(self) -> None:
        body = json.dumps(self.told).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...


@contextmanager
def answering(told: dict[str, Any]) -> Iterator[str]:
    """The address of something that gives this answer to every question."""
    server = HTTPServer(("127.0.0.1", 0), type("Told", (Answers,), {"told": told}))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"tcp://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def old() -> Iterator[str]:
    """An engine of 2019."""
    with answering({"Version": "19.03.15", "ApiVersion": "1.40"}) as address:
        yield address


# As Podman 4.3.1 answers GET /version.
PODMAN = {
    "Platform": {"Name": "linux/amd64/debian-12"},
    "Components": [
        {"Name": "Podman Engine", "Version": "4.3.1"},
        {"Name": "Conmon", "Version": "conmon version 2.1.6"},
    ],
    "Version": "4.3.1",
    "ApiVersion": "1.41",
}


def test_podman_is_refused_and_said_to_be_podman(environment):
    with answering(PODMAN) as address:
        environment.setenv("DOCKER_HOST", address)
        found, client = engine.probe()
        assert (found.trouble, found.version, client) == (Trouble.PODMAN, "4.3.1", None)
        with pytest.raises(
            EnvironmentProblem, match=r"Podman \(version 4\.3\.1\) at tcp://.*not tested with it"
        ) as error:
            engine.connect()
    assert "Install Docker Engine" in error.value.next_step and "unset DOCKER_HOST" in error.value.next_step
    assert error.value.exit_code is Exit.ENVIRONMENT


def test_podman_beside_docker_names_docker(environment):
    with answering(PODMAN) as podman, answering(PODMAN | {"Components": [{"Name": "Engine"}]}) as docker:
        environment.setenv("DOCKER_HOST", podman)
        environment.setattr(
            "autograder.services.endpoint.others", lambda: [Endpoint(docker, "context work", context="work")]
        )
        found, client = engine.probe()
    assert (found.trouble, client) == (Trouble.PODMAN, None)
    assert engine.problem(found).next_step == "Unset DOCKER_HOST, then run: docker context use work"


@pytest.mark.parametrize("components", [None, [], "odd", [None], [{"Name": "Engine"}, {"Name": "containerd"}]])
def test_other_answers_are_not_podmans(components):
    assert not engine._is_podman({"Version": "28.5.2", "Components": components})


def test_an_old_engine_is_refused_with_its_version(environment, old):
    environment.setenv("DOCKER_HOST", old)
    with pytest.raises(EnvironmentProblem, match=r"too old: version 19\.03\.15, API 1\.40"):
        engine.connect()


@pytest.mark.parametrize(
    ("found", "platform", "step"),
    [
        (Engine(DEFAULT, Trouble.NO_DAEMON, client="/usr/bin/docker"), "linux", "sudo systemctl start docker"),
        (Engine(DEFAULT, Trouble.NO_DAEMON), "linux", "`python3 course.py start` does it on Debian and Ubuntu"),
        (Engine(DEFAULT, Trouble.NO_DAEMON, client="docker"), "darwin", "Start Docker Desktop"),
        (Engine(DEFAULT, Trouble.NO_DAEMON), "win32", "Install Docker Desktop"),
        (Engine(DEFAULT, Trouble.NO_PERMISSION), "linux", 'sudo usermod -aG docker "$USER"'),
        (Engine(DEFAULT, Trouble.NO_PERMISSION), "win32", "as the same user"),
        (Engine(DEFAULT, Trouble.TOO_OLD), "linux", "Update it"),
        (Engine(DEFAULT, Trouble.PODMAN), "linux", "remove the package podman-docker"),
        (Engine(DEFAULT, Trouble.PODMAN), "darwin", "Docker Desktop"),
        (Engine(DESKTOP, Trouble.PODMAN), "linux", "docker context use default"),
        (Engine(DEFAULT, Trouble.PODMAN, elsewhere=ROOTLESS), "linux", "docker context create course"),
        (Engine(DEFAULT, Trouble.OTHER, "teapot"), "linux", "Restart the engine"),
        (Engine(DEFAULT, Trouble.NO_DAEMON, elsewhere=DESKTOP), "linux", "Run: docker context use desktop-linux"),
        (Engine(DESKTOP, Trouble.NO_DAEMON, elsewhere=DEFAULT), "linux", "Run: docker context use default"),
        (
            Engine(DEFAULT, Trouble.NO_DAEMON, elsewhere=ROOTLESS),
            "linux",
            "docker context create course --docker host=",
        ),
        (Engine(Endpoint("ssh://x", "DOCKER_HOST"), Trouble.REMOTE), "linux", "Unset DOCKER_HOST"),
        (Engine(Endpoint("ssh://x", "context x", context="x"), Trouble.REMOTE), "linux", "docker context use default"),
        (
            Engine(Endpoint("unix:///x", "DOCKER_HOST"), Trouble.NO_DAEMON, elsewhere=DEFAULT),
            "linux",
            "Unset DOCKER_HOST",
        ),
    ],
)
def test_each_trouble_has_its_fix(found, platform, step):
    assert step in engine.problem(found, platform).next_step


@pytest.mark.engine
def test_the_real_engine_is_connected_to(engine):
    assert tuple(int(part) for part in engine.version()["ApiVersion"].split(".")) >= (1, 41)
