"""The service "private": a student's own registry is read over TLS with its login, or it is said why it cannot be."""

from __future__ import annotations

import socket

import pytest

from autograder.collect import private
from autograder.collect.registry import snapshot
from autograder.errors import CourseError
from autograder.labs import manifest, students
from autograder.labs.live import Live, Wanted
from autograder.services import installation
from autograder.services.compose import project

from .tls import COMPOSE, certificate, key_pem, line

LAB = manifest.find("05-private-registry")


@pytest.fixture
def live(home):
    """A student with a right compose file on a free port; nothing runs yet."""
    with installation.change():
        pass
    student = students.issue(b"key", "c", "ada", [LAB.slug])
    found = Live(LAB, student, home / "work" / LAB.slug)
    me = found.parameters()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    texts = {
        "compose.yaml": COMPOSE.replace("5443", str(port)),
        "certs/domain.crt": certificate([me["host"]]),
        "certs/domain.key": key_pem(),
        "auth/htpasswd": line(me["user"], me["password"]),
    }
    for name, text in texts.items():
        (found.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (found.folder / name).write_text(text, encoding="utf-8", newline="\n")
    yield found
    project.clear(home)


def state(live: Live):
    return live.collect(Wanted(frozenset({private.SERVICE}), frozenset())).services[private.SERVICE]


def test_what_keeps_it_from_being_read_is_a_fact(live):
    assert "no answer" in state(live).settings["problem"]
    text = (live.folder / "compose.yaml").read_text(encoding="utf-8")
    (live.folder / "compose.yaml").write_text(text.replace(":5000", ":443"), encoding="utf-8")
    assert "publishes no port of the registry" in state(live).settings["problem"]
    (live.folder / "compose.yaml").write_text("services: [", encoding="utf-8")
    assert state(live).settings["problem"].startswith("compose.yaml: line")
    (live.folder / "compose.yaml").unlink()
    assert state(live).settings == {"problem": "there is none"}


@pytest.mark.engine
@pytest.mark.parametrize("chosen", [True, False])
def test_it_is_read_over_tls_with_the_login(live, engine, chosen):
    if not chosen:  # a port that the engine chooses is asked for
        file = live.folder / "compose.yaml"
        lines = file.read_text(encoding="utf-8").splitlines()
        file.write_text(
            "\n".join('      - "127.0.0.1::5000"' if "127.0.0.1:" in x else x for x in lines), encoding="utf-8"
        )
        assert state(live).settings["problem"] == "its container does not run"
    project.up(engine, project.find(live.folder), print)
    me = live.parameters()
    client = live.client(private.SERVICE)
    assert client.catalog() == [] and snapshot(client, private.SERVICE, me["repository"]) is None
    assert state(live).settings == {} and state(live).repositories == {}
    with pytest.raises(CourseError, match="401"):
        private.PrivateClient(live.folder, {**me, "password": "another"}).catalog()
