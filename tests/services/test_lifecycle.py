"""Start and stop as a whole: what fails does not keep the rest from starting, and killed processes come back."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from autograder.domain.services import NAMES
from autograder.errors import EnvironmentProblem
from autograder.services import (
    claims,
    facts,
    http,
    installation,
    lifecycle,
    ports,
    processes,
    registry,
    removal,
    site_server,
)
from autograder.services.lifecycle import Plan
from tests.emulators.support import free_port


def quiet(_: str) -> None: ...


def build(home: Path) -> None:
    (home / "site").mkdir(exist_ok=True)
    (home / "site" / "index.html").write_text("<p>lessons", encoding="utf-8")


def stocked(home: Path) -> Path:
    """Where the registry's address is written down when it is stocked."""
    return home / "stocked"


def facts_of_ports() -> list[str]:
    """The services that `doctor` finds down."""
    return [port.service for port in facts.gather().ports if port.down]


@pytest.fixture
def plan(home: Path) -> Iterator[Plan]:
    """Registry and site, without JupyterLab, which takes long; everything is gone afterwards.

    The registry's port is none of the usual ones, which a stopped installation of this engine may have.
    """
    with installation.change() as state:
        state.ports[registry.SERVICE] = free_port()
    yield Plan(
        prepare=lambda: ["a note"], build_site=lambda: build(home), with_jupyter=False, stock=stocked(home).write_text
    )
    state = installation.find()
    if state:
        processes.end(state.processes.get("site"))


@pytest.fixture
def clean(engine, home) -> Iterator[None]:
    yield
    state = installation.find()
    if state:
        removal.remove(engine, state)


@pytest.mark.engine
@pytest.mark.both_engines
def test_everything_up_twice_killed_and_down(plan, clean, home, engine):
    first = lifecycle.start(plan, quiet)
    assert (first.running, first.problems, first.notes) == (["registry", "site"], {}, ["a note"])
    assert http.ask(f"http://{first.addresses.of('registry')}/v2/".replace("localhost", "127.0.0.1")).status == 200
    assert stocked(home).read_text() == first.addresses.of("registry")
    assert http.ask((first.addresses.site or "").replace("localhost", "127.0.0.1")).text == "<p>lessons"

    said: list[str] = []
    second = lifecycle.start(plan, said.append)
    assert second.addresses == first.addresses and said == []

    killed = installation.load().processes["site"]
    os.kill(int(killed["pid"]), 9)
    assert http.wait_until(lambda: not processes.alive(killed), 5)
    third = lifecycle.start(plan, quiet)
    assert third.addresses == first.addresses and third.running == ["registry", "site"]

    assert facts_of_ports() == []
    registry.find(engine, installation.load()).stop(timeout=5)
    assert facts_of_ports() == ["registry"]
    lifecycle.start(plan, quiet)

    assert lifecycle.stop(quiet) == ["site", "registry"]
    assert facts_of_ports() == [], "stopped on purpose"
    assert lifecycle.stop(quiet) == []
    assert lifecycle.start(plan, quiet).addresses == first.addresses


@pytest.mark.engine
@pytest.mark.both_engines
def test_a_service_moves_when_it_is_told_to(plan, clean, home):
    def refuse(address: str) -> None:
        raise EnvironmentProblem(expected="room", found="the registry is full", next_step="Make room.")

    before = lifecycle.start(plan, quiet).addresses
    moved = lifecycle.start(Plan(None, plan.build_site, False, move=("registry", "site"), stock=refuse), quiet)
    assert list(moved.problems) == [lifecycle.STOCK] and moved.running == ["registry", "site"]
    assert moved.addresses.of("registry") != before.of("registry")
    assert moved.addresses.site != before.site


@pytest.mark.engine
@pytest.mark.both_engines
def test_removed_nothing_stays_in_the_engine_and_a_start_begins_anew(plan, clean, home, engine):
    assert not any(lifecycle.remove(quiet).values()), "nothing was started yet"
    address = lifecycle.start(plan, quiet).addresses.of("registry")
    state = installation.load()
    engine.images.get("registry:2").tag(f"{address}/mine", "1")
    stranger = engine.containers.create("registry:2")
    try:
        assert lifecycle.remove(quiet) == {"container": 1, "volume": 2, "image": 1, "network": 0}
        engine.containers.get(stranger.id)
    finally:
        stranger.remove(v=True)
    mine = {"label": f"{claims.INSTALLATION_LABEL}={state.id}"}
    assert engine.containers.list(all=True, filters=mine) == engine.volumes.list(filters=mine) == []
    assert not site_server.answers(state)
    assert lifecycle.start(plan, quiet).addresses.of("registry") == address


@pytest.mark.engine
@pytest.mark.both_engines
def test_names_of_a_port_that_somebody_else_took_meanwhile_are_not_removed(plan, clean, home, engine):
    address = lifecycle.start(plan, quiet).addresses.of("registry")
    lifecycle.stop(quiet)
    name = f"{address}/theirs"
    engine.images.get("registry:2").tag(name, "1")
    port = int(address.rpartition(":")[2])
    stranger = engine.containers.run("registry:2", detach=True, ports={"5000/tcp": ("127.0.0.1", port)})
    try:
        assert lifecycle.remove(quiet) == {"container": 1, "volume": 2, "image": 0, "network": 0}
        assert engine.images.get(f"{name}:1")
    finally:
        stranger.remove(force=True, v=True)
        engine.images.remove(f"{name}:1")


def test_without_an_engine_the_rest_comes_up_and_what_is_missing_is_said(plan, home, monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", f"unix://{home}/none.sock")
    started = lifecycle.start(plan, quiet)
    assert started.running == ["site"] and list(started.problems) == ["registry"]
    assert not stocked(home).exists()
    assert "no engine answers" in started.problems["registry"].found
    assert site_server.answers(installation.load())
    assert lifecycle.stop(quiet) == ["site"]


def test_nothing_to_stop_before_the_first_start(home):
    assert lifecycle.stop(quiet) == [] and not (home / ".course").exists()


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (PermissionError(13, "Permission denied"), "Permission denied"),
        (OSError(28, "No space left on device"), "No space left on device"),
    ],
)
def test_a_folder_without_rights_and_a_full_disk_are_told_as_such(home, error, says):
    def fail() -> list[str]:
        raise error

    with pytest.raises(EnvironmentProblem, match=says):
        lifecycle.start(Plan(prepare=fail, with_jupyter=False), quiet)


def test_another_error_of_the_system_is_not_hidden(home):
    def fail() -> list[str]:
        raise OSError(5, "Input/output error")

    with pytest.raises(OSError, match="Input/output error"):
        lifecycle.start(Plan(prepare=fail, with_jupyter=False), quiet)


def test_a_port_that_was_taken_since_it_was_chosen(home):
    state, chosen = lifecycle._with_ports(Plan(with_jupyter=False, with_clouds=True))
    assert chosen == set(NAMES)
    first, tried = state.ports["ecr"], []

    def step() -> None:
        tried.append(state.ports["ecr"])
        if len(tried) < 3:
            raise ports.taken("ecr", state.ports["ecr"], "another installation")

    lifecycle._on_a_free_port(state, chosen, step)
    saved = installation.find()
    assert tried[0] == first and tried[2] not in tried[:2] and tried[1] != first
    assert saved is not None and saved.ports == state.ports and len(set(state.ports.values())) == 5


def test_a_port_of_an_earlier_start_stays_where_it_is(home):
    lifecycle._with_ports(Plan(with_jupyter=False))
    state, chosen = lifecycle._with_ports(Plan(with_jupyter=False))
    port = state.ports["registry"]

    def step() -> None:
        raise ports.taken("registry", port, "another program")

    with pytest.raises(ports.PortTaken, match=f"port {port}"):
        lifecycle._on_a_free_port(state, chosen, step)
    saved = installation.find()
    assert chosen == set() and saved is not None and saved.ports["registry"] == port


def test_ports_that_are_always_taken_end_the_start(home):
    state, chosen = lifecycle._with_ports(Plan(with_jupyter=False))
    tried: list[int] = []

    def step() -> None:
        tried.append(state.ports["registry"])
        raise ports.taken("registry", state.ports["registry"], "another program")

    with pytest.raises(ports.PortTaken):
        lifecycle._on_a_free_port(state, chosen, step)
    assert len(tried) == lifecycle.PORT_TRIES
