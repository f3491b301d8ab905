"""Which engine is meant: the docker command's own rules."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest

from autograder.services import endpoint
from autograder.services.endpoint import Endpoint


def context(folder: Path, name: str, host: str, **more: object) -> None:
    """Write a context as the docker command stores it."""
    id = hashlib.sha256(name.encode()).hexdigest()
    meta = folder / "contexts" / "meta" / id
    meta.mkdir(parents=True)
    content = {"Name": name, "Metadata": {}, "Endpoints": {"docker": {"Host": host, **more}}}
    (meta / "meta.json").write_text(json.dumps(content), encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    context(tmp_path, "desktop-linux", "unix:///home/u/.docker/desktop/docker.sock", SkipTLSVerify=False)
    context(tmp_path, "far", "ssh://u@far.example")
    (tmp_path / "config.json").write_text(json.dumps({"currentContext": "desktop-linux"}), encoding="utf-8")
    return tmp_path


def find(folder: Path, platform: str = "linux", **environment: str) -> Endpoint:
    return endpoint.find({"DOCKER_CONFIG": str(folder), **environment}, platform)


def test_the_current_context_of_the_configuration(folder):
    found = find(folder)
    assert found.url == "unix:///home/u/.docker/desktop/docker.sock"
    assert (found.source, found.is_local, found.is_default) == ("context desktop-linux", True, False)


def test_a_variable_names_another_context(folder):
    assert find(folder, DOCKER_CONTEXT="far") == Endpoint("ssh://u@far.example", "context far", context="far")
    assert not find(folder, DOCKER_CONTEXT="far").is_local
    assert find(folder, DOCKER_CONTEXT="default").is_default


def test_the_host_variable_wins_over_all(folder):
    found = find(folder, DOCKER_HOST="tcp://127.0.0.1:2375", DOCKER_CONTEXT="far")
    assert (found.url, found.source, found.context) == ("tcp://127.0.0.1:2375", "DOCKER_HOST", None)


def test_an_unknown_context_has_no_address(folder):
    assert find(folder, DOCKER_CONTEXT="gone") == Endpoint("", "context gone", context="gone")


def test_no_configuration_or_a_broken_one_means_the_default(tmp_path):
    assert find(tmp_path).url == "unix:///var/run/docker.sock"
    assert find(tmp_path, "win32").url == "npipe:////./pipe/docker_engine"
    (tmp_path / "config.json").write_text("{", encoding="utf-8")
    assert find(tmp_path).is_default


def test_tls_comes_from_the_context_or_the_variables(folder):
    secure = folder / "contexts" / "tls" / hashlib.sha256(b"desktop-linux").hexdigest() / "docker"
    secure.mkdir(parents=True)
    assert find(folder).certificates == secure
    found = find(folder, DOCKER_HOST="tcp://127.0.0.1:2376", DOCKER_TLS_VERIFY="1", DOCKER_CERT_PATH="/c")
    assert (found.certificates, found.verify) == (Path("/c"), True)


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("unix:///run/user/1000/docker.sock", True),
        ("npipe:////./pipe/docker_engine", True),
        ("tcp://localhost:2375", True),
        ("tcp://127.0.0.1:2375", True),
        ("tcp://[::1]:2375", True),
        ("tcp://docker:2375", False),
        ("tcp://192.168.1.5:2375", False),
        ("tcp://127.example.org:2375", False),
        ("ssh://me@localhost", False),
        ("", False),
    ],
)
def test_what_is_on_this_machine(url, local):
    assert Endpoint(url, "test").is_local is local


def test_a_host_without_a_scheme_is_tcp(tmp_path):
    assert find(tmp_path, DOCKER_HOST="localhost:2375").url == "tcp://localhost:2375"


@pytest.mark.skipif(os.name != "posix", reason="sockets as files")
def test_other_engines_are_the_sockets_that_exist(folder, tmp_path):
    (tmp_path / "docker.sock").touch()
    found = endpoint.others({"DOCKER_CONFIG": str(folder), "XDG_RUNTIME_DIR": str(tmp_path)}, "linux")
    assert Endpoint(f"unix://{tmp_path}/docker.sock", "rootless Docker") in found
    assert all(one.is_local and one.url != find(folder).url for one in found)
