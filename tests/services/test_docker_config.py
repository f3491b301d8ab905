"""The configuration of ``docker`` in the course's terminals: the person's engine and plug-ins, none of the logins."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from autograder.services import cloud_variables, docker_config, endpoint


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    """A person's configuration, with logins, a context and a plug-in."""
    folder = tmp_path / "dot docker"
    meta = folder / "contexts" / "meta" / "abc"
    meta.mkdir(parents=True)
    (folder / "cli-plugins").mkdir()
    (folder / "cli-plugins" / "docker-thing").touch()
    (folder / "buildx").mkdir()
    told = {"Name": "desk", "Endpoints": {"docker": {"Host": "unix:///desk.sock"}}}
    (meta / "meta.json").write_text(json.dumps(told), encoding="utf-8")
    config = {
        "currentContext": "desk",
        "aliases": {"builder": "buildx"},
        "auths": {"https://index.docker.io/v1/": {"auth": "c29tZWJvZHk6c2VjcmV0"}},
        "credHelpers": {"123456789012.dkr.ecr.us-east-1.amazonaws.com": "ecr-login"},
        "credsStore": "desktop",
        "HttpHeaders": {"X-Token": "secret"},
    }
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


def config_of(folder: Path) -> dict[str, object]:
    return dict(json.loads((folder / "config.json").read_text(encoding="utf-8")))


def test_the_engine_and_plugins_stay_and_the_logins_do_not(home, theirs, monkeypatch):
    monkeypatch.setattr(docker_config, "_has_store", lambda: False)
    ours = docker_config.prepare({"DOCKER_CONFIG": str(theirs)})
    assert ours == home / ".course" / "docker"
    assert config_of(ours) == {"currentContext": "desk", "aliases": {"builder": "buildx"}}
    assert (ours / "cli-plugins" / "docker-thing").is_file() and not (ours / "buildx").exists()
    assert endpoint.find({"DOCKER_CONFIG": str(ours)}) == endpoint.find({"DOCKER_CONFIG": str(theirs)})
    assert os.name == "nt" or (ours / "config.json").stat().st_mode & 0o077 == 0


def test_logins_made_in_it_outlive_a_change_of_the_persons_settings(home, theirs):
    ours = docker_config.prepare({"DOCKER_CONFIG": str(theirs)})
    login = {"localhost:5002": {"auth": "c3R1ZGVudDp4"}}
    (ours / "config.json").write_text(json.dumps({**config_of(ours), "auths": login}), encoding="utf-8")
    (theirs / "config.json").write_text('{"currentContext": "default"}', encoding="utf-8")
    docker_config.prepare({"DOCKER_CONFIG": str(theirs)})
    assert config_of(ours) == {"currentContext": "default", "auths": login}
    docker_config.prepare({"DOCKER_CONFIG": str(ours)})  # in a notebook, where nothing tells of the person's folder
    assert config_of(ours) == {"currentContext": "default", "auths": login}
    assert (ours / "contexts").is_dir()


@pytest.mark.parametrize("text", [None, "", "[]", "{nonsense"])
def test_a_person_without_a_usable_configuration(home, tmp_path, text):
    folder = tmp_path / "theirs"
    folder.mkdir()
    if text is not None:
        (folder / "config.json").write_text(text, encoding="utf-8")
    ours = docker_config.prepare({"DOCKER_CONFIG": str(folder)})
    assert ours.is_dir() and not (ours / "contexts").exists()
    assert endpoint.find({"DOCKER_CONFIG": str(ours)}).is_default


def test_where_links_may_not_be_made_folders_are_copied(home, theirs, monkeypatch):
    def refused(*_: object, **__: object) -> None:
        raise OSError("a required privilege is not held by the client")

    monkeypatch.setattr(Path, "symlink_to", refused)
    for _ in range(2):
        ours = docker_config.prepare({"DOCKER_CONFIG": str(theirs)})
        assert not (ours / "contexts").is_symlink()
        assert endpoint.find({"DOCKER_CONFIG": str(ours)}).url == "unix:///desk.sock"


@pytest.mark.skipif(os.name == "nt", reason="links may take a right that this account does not have")
def test_another_course_that_is_faster_has_made_the_link(home, theirs, monkeypatch):
    link = Path.symlink_to

    def late(self: Path, target: Path, target_is_directory: bool = False) -> None:
        link(self, target, target_is_directory)
        link(self, target, target_is_directory)  # ours, of the two

    monkeypatch.setattr(Path, "symlink_to", late)
    ours = docker_config.prepare({"DOCKER_CONFIG": str(theirs)})
    assert (ours / "contexts").is_symlink() and (theirs / "contexts" / "meta" / "abc" / "meta.json").is_file()
    monkeypatch.setattr(Path, "symlink_to", lambda *_, **__: pytest.fail("the link is there"))
    monkeypatch.setattr(Path, "readlink", lambda self: Path(f"\\\\?\\{theirs / self.name}"))  # as on Windows
    docker_config.prepare({"DOCKER_CONFIG": str(theirs)})


@pytest.mark.engine
@pytest.mark.skipif(os.name == "nt", reason="the helper here is a script for sh")
def test_the_systems_credential_store_is_not_asked(engine, home, tmp_path, running):
    """Without a login in its configuration `docker` would take the system's store by itself, with all that is in it."""
    helpers, asked = tmp_path / "bin", tmp_path / "asked"
    helpers.mkdir()
    for name in ("pass", *(f"docker-credential-{store}" for store in docker_config.STORES_ELSEWHERE)):
        (helpers / name).write_text(f"#!/bin/sh\necho {name} $* >>'{asked}'\nexit 1\n", encoding="utf-8")
        (helpers / name).chmod(0o755)
    path = os.pathsep.join([str(helpers), os.environ["PATH"]])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", path)
        ours = docker_config.prepare({"DOCKER_CONFIG": str(tmp_path / "none")})
    call = ["docker", "pull", "--quiet", f"localhost:{running.ports['dockerhub']}/library/nothing:1"]
    for folder, store_is_asked in ((tmp_path / "empty", True), (ours, False)):
        folder.mkdir(exist_ok=True)
        asked.unlink(missing_ok=True)
        subprocess.run(call, env={**os.environ, "PATH": path, "DOCKER_CONFIG": str(folder)}, check=False)
        assert asked.exists() is store_is_asked


def test_the_file_is_there_from_the_beginning(home, tmp_path):
    """Skopeo takes no REGISTRY_AUTH_FILE that is not there."""
    docker_config.prepare({"DOCKER_CONFIG": str(tmp_path / "none")})
    assert Path(cloud_variables.private()["REGISTRY_AUTH_FILE"]).is_file()


class Asking(BaseHTTPRequestHandler):
    """A registry that wants a login, and notes each that it is given."""

    given: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        kind, _, value = self.headers.get("Authorization", "").partition(" ")
        if kind == "Basic":
            self.given.append(base64.b64decode(value).decode())
        self.send_response(401 if kind != "Basic" else 404)
        self.send_header("WWW-Authenticate", 'Basic realm="here"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.mark.engine  # where the clients are
@pytest.mark.skipif(os.name == "nt", reason="there is no skopeo for Windows")
def test_an_old_login_of_another_client_does_not_win(home, tmp_path):
    """The same address, logged in with skopeo long ago and with `docker login` now."""
    old = tmp_path / "run" / "containers"
    old.mkdir(parents=True)
    with ThreadingHTTPServer(("localhost", 0), Asking) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"localhost:{server.server_port}"

        def login(user: str) -> str:
            return json.dumps({"auths": {address: {"auth": base64.b64encode(f"{user}:x".encode()).decode()}}})

        (old / "auth.json").write_text(login("old"), encoding="utf-8")
        ours = docker_config.prepare({"DOCKER_CONFIG": str(tmp_path / "none")})
        (ours / "config.json").write_text(login("new"), encoding="utf-8")
        mine = {**os.environ, "HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(old.parent)}
        mine.pop("REGISTRY_AUTH_FILE", None)
        call = ["skopeo", "inspect", "--tls-verify=false", f"docker://{address}/a/b:1"]
        for variables in (mine | {"DOCKER_CONFIG": str(ours)}, mine | cloud_variables.private()):
            subprocess.run(call, env=variables, capture_output=True, check=False)
        server.shutdown()
    assert list(dict.fromkeys(Asking.given)) == ["old:x", "new:x"]
