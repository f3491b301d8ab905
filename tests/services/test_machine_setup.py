"""Installing what is missing: only after saying so, only with the rights for it, and never a second engine."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from autograder.errors import EnvironmentProblem
from autograder.launcher import apt
from autograder.services import endpoint, machine_setup, processes
from autograder.services.endpoint import Endpoint
from autograder.services.engine import Engine, Trouble

DEFAULT = Endpoint("unix:///var/run/docker.sock", "the default socket")


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """A Debian without any of the tools; what the kit does to it is written down."""
    seen: dict[str, object] = {
        "said": [],
        "installed": [],
        "there": set(),
        "engine": Engine(DEFAULT, Trouble.NO_DAEMON),
    }

    def install(packages, optional, report):
        report("installing " + " ".join(packages))
        seen["installed"] = [*seen["installed"], *packages]
        seen["there"] |= {tool for tool, needs in machine_setup.TOOLS.items() if needs.packages[0] in packages}

    monkeypatch.setattr(machine_setup.apt, "available", lambda: True)
    monkeypatch.setattr(machine_setup.apt, "known", lambda package: True)
    monkeypatch.setattr(machine_setup.apt, "install", install)
    monkeypatch.setattr(machine_setup, "find", lambda tool: "/usr/bin/x" if tool in seen["there"] else None)
    monkeypatch.setattr(machine_setup.engine, "probe", lambda timeout=10.0: (seen["engine"], None))
    monkeypatch.setattr(machine_setup, "start_engine", lambda report: report("starting"))
    return seen


def test_what_is_missing_is_installed_and_said(machine):
    said: list[str] = []
    machine["there"] = {"skopeo"}
    assert machine_setup.ensure(["engine", "skopeo", "mmdebstrap"], said.append) == ["engine", "mmdebstrap"]
    assert machine["installed"] == ["docker.io", "ca-certificates", "mmdebstrap", "gpg"]
    assert said == ["installing docker.io ca-certificates mmdebstrap gpg", "starting"]


def test_on_a_new_machine_whose_lists_are_empty_chromium_comes_from_the_distribution(machine, monkeypatch):
    lists: set[str] = set()
    monkeypatch.setattr(machine_setup.apt, "known", lambda package: package in lists)
    monkeypatch.setattr(machine_setup.apt, "update", lambda: lists.add("chromium"))
    monkeypatch.setattr(machine_setup, "_install_with_playwright", lambda _: pytest.fail("Debian has a Chromium"))
    assert machine_setup.ensure(["chromium"], lambda _: None) == ["chromium"]
    assert machine["installed"] == ["chromium"]


def test_nothing_missing_nothing_done(machine):
    machine["there"] = {"skopeo", "chromium"}
    assert machine_setup.ensure(["skopeo", "chromium"], lambda _: pytest.fail("nothing to say")) == []


@pytest.mark.parametrize(
    "found",
    [
        Engine(DEFAULT, Trouble.NO_PERMISSION),
        Engine(DEFAULT, Trouble.TOO_OLD),
        Engine(DEFAULT, Trouble.NO_DAEMON, elsewhere=Endpoint("unix:///d.sock", "context d", context="d")),
        Engine(Endpoint("unix:///x.sock", "DOCKER_HOST"), Trouble.NO_DAEMON),
        Engine(Endpoint("ssh://x", "context x", context="x"), Trouble.REMOTE),
    ],
)
def test_an_engine_that_is_refused_for_another_reason_is_not_joined_by_a_second_one(machine, found):
    machine["engine"] = found
    with pytest.raises(EnvironmentProblem):
        machine_setup.ensure(["engine"], lambda _: pytest.fail("nothing may be done"))
    assert machine["installed"] == []


def test_elsewhere_than_on_debian_the_error_names_the_tools(machine, monkeypatch):
    monkeypatch.setattr(machine_setup.apt, "available", lambda: False)
    with pytest.raises(EnvironmentProblem, match="no Debian or Ubuntu") as error:
        machine_setup.ensure(["skopeo"], lambda _: None)
    assert "Install skopeo" in error.value.next_step


def test_without_rights_the_command_is_named(machine, monkeypatch):
    def refuse(*_):
        raise apt.AptProblem("installing skopeo needs root or sudo")

    monkeypatch.setattr(machine_setup.apt, "install", refuse)
    with pytest.raises(EnvironmentProblem, match="needs root or sudo") as error:
        machine_setup.ensure(["skopeo"], lambda _: None)
    assert error.value.next_step == "Run: sudo apt-get install skopeo"


def test_a_daemon_that_is_starting_is_waited_for_and_not_started_again(home, monkeypatch):
    answers = iter([False, False, True])
    monkeypatch.setattr(machine_setup, "_answers", lambda: next(answers))
    monkeypatch.setattr(machine_setup.processes, "named", lambda name: True)
    monkeypatch.setattr(machine_setup.apt, "as_root", lambda: pytest.fail("nothing may be started"))
    machine_setup.start_engine(lambda _: pytest.fail("nothing to say"))


def test_a_daemon_that_never_answers_is_an_error_with_the_end_of_its_log(home, monkeypatch):
    monkeypatch.setattr(machine_setup, "DAEMON_SECONDS", 0.1)
    monkeypatch.setattr(machine_setup, "_answers", lambda: False)
    monkeypatch.setattr(machine_setup.processes, "named", lambda name: True)
    monkeypatch.setattr(machine_setup.engine, "probe", lambda timeout=10.0: (Engine(DEFAULT, Trouble.NO_DAEMON), None))
    log = home / ".course" / "logs" / "dockerd.log"
    log.parent.mkdir(parents=True)
    log.write_text("failed to mount cgroups\n", encoding="utf-8")
    with pytest.raises(EnvironmentProblem) as error:
        machine_setup.start_engine(lambda _: None)
    assert error.value.found.endswith("its log ends: failed to mount cgroups")


@pytest.mark.skipif(sys.platform != "linux", reason="only there a daemon is started by the kit")
def test_without_systemd_the_daemon_gets_a_session_of_its_own(home, tmp_path, monkeypatch):
    daemon = tmp_path / "course test daemon"
    daemon.write_text("#!/bin/sh\necho started\nexec sleep 60\n", encoding="utf-8")
    daemon.chmod(0o755)
    monkeypatch.setattr(machine_setup, "find", lambda tool: str(daemon))
    for name in ("PID_FILE", "CONTAINERD_PID_FILE"):  # never those of a daemon of this machine
        stale = tmp_path / name
        stale.write_text("1", encoding="ascii")
        monkeypatch.setattr(machine_setup, name, str(stale))
    monkeypatch.setattr(processes, "named", lambda name: False)
    log = home / ".course" / "logs" / "dockerd.log"
    machine_setup._start_detached([], log)
    assert machine_setup.http.wait_until(lambda: processes.tail(log) == "started", 10)
    import psutil

    (pid,) = [p.pid for p in psutil.process_iter() if _writes_to(p, log)]
    assert os.getsid(pid) == pid
    os.kill(pid, 15)
    assert not (tmp_path / "PID_FILE").exists() and not (tmp_path / "CONTAINERD_PID_FILE").exists()


def _writes_to(process, log: Path) -> bool:
    try:
        return os.path.realpath(f"/proc/{process.pid}/fd/1") == str(log)
    except OSError:
        return False


def test_the_distribution_is_read_from_os_release(tmp_path):
    file = tmp_path / "os-release"
    file.write_text('ID=linuxmint\nID_LIKE="ubuntu debian"\nVERSION=\n', encoding="utf-8")
    assert apt.os_release(file) == {"ID": "linuxmint", "ID_LIKE": "ubuntu debian"}
    assert apt.os_release(tmp_path / "none") == {}


def test_alternatives_and_optional_packages_are_taken_as_the_distribution_has_them(monkeypatch):
    called: list[list[str]] = []
    monkeypatch.setattr(apt, "as_root", lambda: ["sudo"])
    monkeypatch.setattr(apt, "known", lambda package: package in ("b", "extra"))
    monkeypatch.setattr(apt, "_run", lambda command, fatal=True: called.append(command))
    said: list[str] = []
    apt.install(["a|b", "c"], ["extra", "other"], said.append)
    assert said == ["installing with apt-get (sudo): a c"]
    assert called[0] == ["sudo", "apt-get", "update", "-qq"]
    assert called[1][-3:] == ["b", "c", "extra"]


def test_the_endpoint_that_may_be_joined_is_the_default_one():
    assert DEFAULT.is_default and endpoint.DEFAULT_SOCKET in DEFAULT.url
