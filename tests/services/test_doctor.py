"""``doctor``: each diagnosis from injected facts, and the facts of this machine."""

from __future__ import annotations

import dataclasses
import socket
from pathlib import Path

import pytest

from autograder.services import doctor, facts, http, installation
from autograder.services.doctor import Disk, Facts, Port, diagnose
from autograder.services.endpoint import Endpoint
from autograder.services.engine import Engine, Trouble

DEFAULT = Endpoint("unix:///var/run/docker.sock", "the default socket")
OTHER = Endpoint("unix:///o.sock", "context other", context="other")
WELL = Facts(
    platform="linux",
    python=(3, 12),
    engine=Engine(DEFAULT, None, "", "28.2.2", "1.50", None, "/usr/bin/docker"),
    ports=(Port("registry", 5001, free=False, ours=True), Port("site", 8000, free=True, ours=False)),
    disks=(Disk(Path("/"), 50 * 10**9, "your work"),),
    proxies={"HTTP_PROXY": "http://p:3128"},
    no_proxy=("corp", "localhost", "127.0.0.1"),
)


def engine(trouble: Trouble | None = None, **more: object) -> Engine:
    return dataclasses.replace(WELL.engine, trouble=trouble, **more)  # type: ignore[arg-type]


def test_a_machine_that_is_well_has_no_problem():
    assert diagnose(WELL) == []


@pytest.mark.parametrize(
    ("change", "code", "says", "fix"),
    [
        ({"python": (3, 10)}, "python", "Python 3.10", "python.org"),
        ({"engine": engine(client=None)}, "no-client", "the command `docker`", "docker-cli"),
        ({"engine": engine(Trouble.NO_DAEMON)}, "no-daemon", "no engine answers", "systemctl start docker"),
        ({"engine": engine(Trouble.NO_PERMISSION)}, "no-permission", "no permission", "usermod -aG docker"),
        ({"engine": engine(Trouble.TOO_OLD, detail="version 19.03")}, "engine-too-old", "19.03", "Update"),
        ({"engine": engine(Trouble.PODMAN, detail="version 4.3.1")}, "podman", "not tested with it", "Docker Engine"),
        ({"engine": engine(Trouble.NO_DAEMON, elsewhere=OTHER)}, "wrong-context", "/o.sock", "context use other"),
        ({"engine": engine(Trouble.NO_CONTEXT)}, "wrong-context", "not defined", "context use default"),
        ({"engine": engine(Trouble.REMOTE)}, "remote-engine", "another machine", "DOCKER_HOST"),
        ({"disks": (Disk(Path("/v"), 10**9, "images"),)}, "disk-low", "1.0 GB free at /v", "docker system df"),
        ({"no_proxy": ()}, "proxy", "NO_PROXY spares not localhost and 127.0.0.1", "NO_PROXY=localhost,127.0.0.1"),
        ({"no_proxy": ("localhost",)}, "proxy", "NO_PROXY spares not 127.0.0.1", "NO_PROXY"),
        (
            {"ports": (Port("registry", 5001, free=False, ours=False, holder="node (process 7)"),)},
            "port-taken",
            "port 5001, chosen for registry, is taken by node (process 7)",
            "course.py start --move registry",
        ),
        (
            {"ports": (Port("ecr", 5003, free=True, ours=False, down=True), Port("acr", 5005, False, True, down=True))},
            "down",
            "ecr (port 5003), acr (port 5005) should be up and do not answer",
            "course.py start",
        ),
        ({"ports": ()}, "stopped", "nothing of the course runs", "python3 course.py start"),
        (
            {"ports": (Port("registry", 5001, free=True, ours=False), Port("site", 8000, free=True, ours=False))},
            "stopped",
            "nothing of the course runs",
            "python3 course.py start",
        ),
        ({"unwritable": (Path("/w"),)}, "not-writable", "/w cannot be written to", "rights"),
    ],
)
def test_each_fault_is_one_problem_with_its_fix(change, code, says, fix):
    (problem,) = diagnose(dataclasses.replace(WELL, **change))
    assert problem.code == code and says in problem.found and fix in problem.fix


@pytest.mark.parametrize("spared", [("*",), (".localhost", "127.0.0.1"), ("LOCALHOST", " 127.0.0.1 ")])
def test_proxies_that_spare_this_machine_are_no_problem(spared):
    assert diagnose(dataclasses.replace(WELL, no_proxy=spared)) == []


def test_no_proxy_no_problem():
    assert diagnose(dataclasses.replace(WELL, proxies={}, no_proxy=())) == []


def test_every_trouble_has_a_code():
    assert set(doctor.CODES) == set(Trouble)


def test_the_facts_tell_a_foreign_listener_from_our_own(home, monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", f"unix://{home}/none.sock")
    monkeypatch.setitem(http.ask.__kwdefaults__, "timeout", 0.5)  # the foreign one says nothing
    with socket.socket() as foreign, socket.socket() as free:
        foreign.bind(("127.0.0.1", 0))
        foreign.listen()
        free.bind(("127.0.0.1", 0))
        with installation.change() as state:
            state.ports.update(jupyter=foreign.getsockname()[1], site=free.getsockname()[1])
        free.close()
        found = facts.gather()
    assert [(port.service, port.free, port.ours) for port in found.ports] == [
        ("jupyter", False, False),
        ("site", True, False),
    ]
    assert found.ports[0].holder != "" and found.engine.trouble is Trouble.NO_DAEMON
    assert "port-taken" in {problem.code for problem in diagnose(found)}


def test_a_folder_where_nothing_can_be_written(home):
    (home / "work").write_text("a file where the folder should be", encoding="utf-8")
    assert facts.gather().unwritable == (home / "work",)
