"""Several installations in one engine: what `course stop --remove` takes of one leaves the others whole."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from docker.errors import NotFound

from autograder.domain.services import NAMES
from autograder.services import claims, images, installation, ports, registry, removal, services_image
from autograder.services.compose.project import FOLDER_LABEL
from autograder.services.installation import Installation
from tests.emulators.support import free_port

BASE = "sha256:base"
USUAL = {service: ports.DEFAULTS[service] for service in NAMES}


class Engine:
    """As much of an engine as removal uses, with the rules of the real one."""

    def __init__(self) -> None:
        self.made: dict[str, Any] = {}
        self.kept: dict[str, Any] = {}
        self.nets: dict[str, Any] = {}
        self.names: dict[str, str] = {"registry:2": BASE}  # name -> id
        self.containers = SimpleNamespace(list=self._containers)
        self.volumes = SimpleNamespace(list=self._volumes, get=self._volume, create=self.volume)
        self.images = SimpleNamespace(remove=self._untag)
        self.networks = SimpleNamespace(list=self._networks)
        self.api = SimpleNamespace(images=self._images)

    def container(
        self, name: str, image: str = "registry:2", *, owner: str = "", port: int = 0, running: bool = True, **more: str
    ) -> None:
        bound = {"5000/tcp": [{"HostIp": "127.0.0.1", "HostPort": str(port)}]} if port else {}
        labels = ({claims.INSTALLATION_LABEL: owner} if owner else {}) | more
        self.made[name] = SimpleNamespace(
            name=name,
            labels=labels,
            attrs={
                "Config": {"Image": image},
                "Image": self.names.get(image, image),
                "NetworkSettings": {"Ports": bound if running else {}},
                "HostConfig": {"PortBindings": bound},
            },
            remove=lambda force, v: self.made.pop(name),
        )

    def volume(self, name: str, labels: dict[str, str]) -> None:
        assert name not in self.kept
        self.kept[name] = SimpleNamespace(
            name=name, attrs={"Labels": labels or None}, remove=lambda force: self.kept.pop(name)
        )

    def network(self, name: str, owner: str) -> None:
        labels = {claims.INSTALLATION_LABEL: owner}
        self.nets[name] = SimpleNamespace(attrs={"Labels": labels}, remove=lambda: self.nets.pop(name))

    def _containers(self, all: bool, ignore_removed: bool, filters: Any = None) -> list[Any]:
        return [one for one in self.made.values() if _fits(one.labels, filters)]

    def _volumes(self, filters: Any) -> list[Any]:
        return [one for one in self.kept.values() if _fits(one.attrs["Labels"] or {}, filters)]

    def _networks(self, filters: Any) -> list[Any]:
        return [one for one in self.nets.values() if _fits(one.attrs["Labels"], filters)]

    def _volume(self, name: str) -> Any:
        if name not in self.kept:
            raise NotFound(name)
        return self.kept[name]

    def _images(self) -> list[dict[str, Any]]:
        ids = sorted(set(self.names.values()))
        return [
            {"Id": id, "RepoTags": [name for name in self.names if self.names[name] == id], "RepoDigests": None}
            for id in ids
        ]

    def _untag(self, name: str, force: bool = False) -> None:
        if name not in self.names:
            raise NotFound(name)
        del self.names[name]


def _fits(labels: dict[str, str], filters: Any) -> bool:
    wanted = (filters or {}).get("label", [])
    for one in [wanted] if isinstance(wanted, str) else wanted:
        name, equals, value = one.partition("=")
        if name not in labels or (equals and labels[name] != value):
            return False
    return True


def state(id: str, **chosen: int) -> Installation:
    return Installation(id=id, home=f"/home/{id}", token="t", ports=chosen or dict(USUAL))


def install(
    engine: Engine, found: Installation, *, running: bool = True, claim: bool = True, image: str = "services:1"
) -> None:
    """What a start leaves in the engine; ``claim=False`` as version 0.1.0 did it."""
    for part, port in (
        (registry.SERVICE, found.ports["registry"]),
        ("store", 0),
        ("clouds", found.ports.get("ecr", 0)),
    ):
        engine.volume(found.object_name(part), {claims.INSTALLATION_LABEL: found.id, claims.SERVICE_LABEL: part})
        engine.container(
            found.object_name(part),
            image if part == "clouds" else "registry:2",
            owner=found.id,
            port=port,
            running=running,
        )
    engine.network(found.object_name("clouds"), found.id)
    if claim:
        claims.make(engine, found, image)  # type: ignore[arg-type]


def remove(engine: Engine, found: Installation) -> dict[str, int]:
    return removal.remove(engine, found)  # type: ignore[arg-type]


def of(engine: Engine, found: Installation) -> list[str]:
    """Everything that carries an installation's id."""
    return [name for name in (*engine.made, *engine.kept, *engine.nets) if found.id in name]


@pytest.mark.parametrize("order", list(itertools.permutations("abc")), ids="".join)
@pytest.mark.parametrize("claimed", [True, False], ids=["claimed", "0.1.0"])
@pytest.mark.parametrize("pruned", [False, True], ids=["", "containers-pruned"])
def test_three_on_the_same_ports_one_after_the_other(order, claimed, pruned):
    engine = Engine()
    three = {id: state(id * 8) for id in "abc"}
    for found in three.values():  # each started while the others were stopped, so that each got the usual ports
        install(engine, found, running=False, claim=claimed)
    names = {"localhost:5001/ml-model:v1": "sha256:model", "localhost:5003/app:1": "sha256:app"}
    engine.names |= {"ml-model:v1": "sha256:model", **names}
    if pruned:
        engine.made.clear()
    for at, id in enumerate(order):
        last = at == 2
        before = {other: of(engine, three[other]) for other in order[at + 1 :]}
        gone = remove(engine, three[id])
        assert gone == {"container": 0 if pruned else 3, "volume": 4 if claimed else 3, "network": 1} | {
            "image": 2 if last else 0
        }
        assert of(engine, three[id]) == []
        assert before == {other: of(engine, three[other]) for other in before}
        assert set(names) <= set(engine.names) or last
    assert set(engine.names) == {"registry:2", "ml-model:v1"}


def test_ports_of_its_own_are_cleared_whatever_else_is_there():
    engine, mine, other = Engine(), state("a" * 8, registry=6001), state("b" * 8)
    install(engine, mine)
    install(engine, other)
    engine.names |= {"localhost:6001/x:1": "sha256:x", "localhost:5001/x:1": "sha256:x"}
    engine.container("student", "localhost:6001/x:1")
    assert remove(engine, mine) == {"container": 4, "volume": 4, "image": 1, "network": 1}
    assert "localhost:5001/x:1" in engine.names and "localhost:6001/x:1" not in engine.names
    assert len(of(engine, other)) == 8


def test_a_volume_that_a_compose_file_of_another_one_left_holds_no_port():
    engine, mine = Engine(), state("a" * 8)
    install(engine, mine)
    engine.volume("05-registry-data", {claims.INSTALLATION_LABEL: "b" * 8, "course.compose.service": "registry"})
    engine.names |= {"localhost:5001/x:1": "sha256:x"}
    assert remove(engine, mine)["image"] == 1 and "localhost:5001/x:1" not in engine.names


def test_an_image_that_somebody_elses_container_stands_on_stays():
    engine, mine = Engine(), state("a" * 8, registry=6001)
    install(engine, mine)
    engine.names |= {name: f"sha256:{name[-3]}" for name in ("localhost:6001/a:1", "localhost:6001/b:1")}
    engine.names |= {"localhost:6001/c:1": BASE}
    other = "b" * 8
    engine.container("theirs", "localhost:6001/a:1", owner=other, running=False)
    engine.container("theirs-by-id", "sha256:b", owner=other, running=False)
    engine.container("theirs-of-the-base", "registry:2", owner=other, running=False)
    assert remove(engine, mine)["image"] == 1, "c is another name of the base, which keeps its own"
    assert {"localhost:6001/a:1", "localhost:6001/b:1"} < set(engine.names) and "theirs" in engine.made
    assert "localhost:6001/c:1" not in engine.names


def test_a_compose_files_ports_count_as_its_installations():
    engine, mine, other = Engine(), state("a" * 8, registry=6001), state("b" * 8)
    install(engine, mine)
    engine.container("desk-1", owner=mine.id, port=5443, running=False, **{FOLDER_LABEL: "/x"})
    engine.names["localhost:5443/x:1"] = "sha256:x"
    install(engine, other)
    engine.container("desk-2", owner=other.id, port=5443, running=False, **{FOLDER_LABEL: "/y"})
    assert remove(engine, mine)["image"] == 0
    assert remove(engine, other)["image"] == 1


def test_a_claim_follows_the_ports_and_keeps_the_image():
    engine, found = Engine(), state("a" * 8, registry=6001, jupyter=8888)
    claims.make(engine, found)  # type: ignore[arg-type]
    claims.make(engine, found, "services:2")  # type: ignore[arg-type]
    found.ports["registry"] = 6002
    claims.make(engine, found)  # type: ignore[arg-type]
    assert claims.of(engine, found) == claims.Claim(frozenset({6002}), "services:2")  # type: ignore[arg-type]
    assert list(engine.kept) == [found.object_name(claims.CLAIM)]
    assert claims.of(engine, state("b" * 8)) == claims.Claim()  # type: ignore[arg-type]


@pytest.mark.parametrize("user", ["claim", "container", "nobody"])
def test_an_earlier_services_image_goes_when_nobody_else_runs_on_it(user):
    engine, mine, other = Engine(), state("a" * 8), state("b" * 8)
    old = f"{services_image.NAME}:old"
    engine.names |= {old: "sha256:old", "python:3": "sha256:python"}
    install(engine, mine)
    if user == "claim":
        claims.make(engine, other, old)  # type: ignore[arg-type]
    if user == "container":
        engine.container("theirs", old, owner=other.id, running=False)
    assert services_image.forget(engine, old, mine) is (user == "nobody")  # type: ignore[arg-type]
    assert (old in engine.names) is (user != "nobody")
    assert not services_image.forget(engine, "python:3", mine) and "python:3" in engine.names  # type: ignore[arg-type]


@pytest.fixture
def three(engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Installation]]:
    """Three installations whose registries have, one after the other, the same port; all are stopped."""
    images.ensure(engine, images.REGISTRY)
    port, made = free_port(), []
    with ExitStack() as clean:
        for name in ("one", "two", "three"):
            monkeypatch.setenv("COURSE_HOME", str(tmp_path / name))
            with installation.change() as found:
                found.ports[registry.SERVICE] = port
            clean.callback(removal.remove, engine, found)
            registry.up(engine, found, lambda _: None)
            registry.down(engine, found)
            made.append(found)
        yield made


@pytest.mark.engine
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)], ids=str)
def test_three_in_a_real_engine(engine, three, order):
    port = three[0].ports[registry.SERVICE]
    name = f"localhost:{port}/course-test/several"
    engine.images.get(images.REGISTRY).tag(name, "1")
    engine.containers.get(three[order[1]].object_name(registry.SERVICE)).remove()  # one of them was pruned
    for at, one in enumerate(order):
        gone = removal.remove(engine, three[one])
        assert gone == {"container": int(at != 1), "volume": 2, "image": int(at == 2), "network": 0}
        assert bool(engine.images.list(f"{name}:1")) is (at != 2)
        for left in (three[other] for other in order[at + 1 :]):
            assert len(engine.volumes.list(filters={"label": f"{claims.INSTALLATION_LABEL}={left.id}"})) == 2
    assert engine.images.get(images.REGISTRY)
