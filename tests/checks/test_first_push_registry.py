"""Lab 01 on a real registry: done in other ways than the lab's own, in both engines' forms, live and submitted."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
import requests

from autograder import paths
from autograder.checks import api
from autograder.checks.api import Verdict
from autograder.checks.first_push.data import PREDICTIONS
from autograder.checks.shared.seeded_random import seed
from autograder.collect.registry import export, snapshot
from autograder.evidence import layout
from autograder.evidence.layout import FolderSource
from autograder.evidence.model import Answer, Evidence, Repository, Service
from autograder.labs import manifest, workspace
from autograder.oci import manifests
from autograder.oci.client import RegistryClient
from autograder.oci.manifests import digest_of
from autograder.services import images

from .routes import as_docker_29, push

if TYPE_CHECKING:
    from docker import DockerClient

pytestmark = pytest.mark.engine
LAB = manifest.find("01-first-push")
CHECKS = ["first-push", "digest", "both-tags", "shared-layers", "v2-bytes", "by-digest", "prediction", "hello"]


@pytest.fixture(scope="module")
def releases(
    engine: DockerClient, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[dict[str, Any], list[str]]]:
    """Parameters, and the three images of a student, built with the docker SDK under local names."""
    images.ensure(engine, images.PYTHON_BASE)
    p = LAB.drawn(seed(b"registry test", "student", "ada", LAB.slug))
    state = tmp_path_factory.mktemp("a state")
    for name, source in workspace.starter_files(LAB).items():
        (state / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, state / name)
    arguments = {"OWNER": p["team"]}
    names = [f"course-test-{uuid4().hex}:{part}" for part in ("v1", "v2", "hello")]
    engine.images.build(
        rm=True, path=str(state / "ml-model"), tag=names[0], buildargs=arguments | {"MODEL_VERSION": p["v1"]}
    )
    code = state / "ml-model" / "app" / "answer.py"
    text = code.read_text(encoding="utf-8")
    code.write_text(text.replace("    return {", f'    return {{"{p["field"]}": prediction["runner_up"],', 1), "utf-8")
    engine.images.build(
        rm=True, path=str(state / "ml-model"), tag=names[1], buildargs=arguments | {"MODEL_VERSION": p["v2"]}
    )
    (state / "hello" / "greeting.txt").write_text(p["greeting"], encoding="utf-8")
    engine.images.build(rm=True, path=str(state / "hello"), tag=names[2])
    yield p, names
    for name in names:
        engine.images.remove(name, force=True)


def evidence(address: str, p: dict[str, Any], folder: Path | None = None) -> Evidence:
    """What the student's kit collects; with a folder, what a grader reads from the layouts written there."""
    client = RegistryClient(address)
    found: dict[str, Repository] = {}
    for part in LAB.repositories:
        name = part.name.format_map(p)
        taken = snapshot(client, "registry", name, layers=part.layers)
        assert taken is not None
        if folder is not None:
            export(client, taken, folder / name)
            taken = layout.verify(FolderSource(folder / name), service="registry", name=name, layers=part.layers)
            assert taken.problems == ()
        found[name] = taken
    held, tag = found[p["hello"]], p["hello_tag"]
    trip: dict[str, Any] = {
        "tags": {tag: {"digest": held.tags[tag], "pulled": True}},
        "digests": {held.tags[tag]: True},
        "error": None,
    }
    made = Evidence(
        kit_version="0",
        lab=LAB.slug,
        lab_version=LAB.version,
        student="ada",
        origin="live" if folder is None else "submission",
        collected_at="2026-01-01T00:00:00+00:00",
        parameters=p,
        services={"registry": Service(repositories=found)},
        answer_inputs={n: tuple(ref.format_map(p) for ref in part.inputs) for n, part in LAB.answers.items()},
        probes={} if folder is None else {"round-trip": {f"registry/{held.name}": trip}},
    )
    values = answers(address, p)
    recorded = {
        name: Answer(value=value, recorded_at="2026-01-01T00:00:00+00:00", inputs=made.current_inputs(name))
        for name, value in values.items()
    }
    return made.model_copy(update={"answers": recorded})


def answers(address: str, p: dict[str, Any]) -> dict[str, Any]:
    """The answers as a student computes them, from what the registry sends."""

    def read(reference: str) -> requests.Response:
        url = f"http://{address}/v2/{p['repository']}/manifests/{reference}"
        return requests.get(url, headers={"Accept": manifests.ACCEPT}, timeout=10)

    def image(reference: str) -> dict[str, Any]:
        found: dict[str, Any] = read(reference).json()
        return image(found["manifests"][0]["digest"]) if "manifests" in found else found

    first, second = image(p["v1"]), image(p["v2"])
    there = {part["digest"] for part in (first["config"], *first["layers"])}
    sent = sum(part["size"] for part in (second["config"], *second["layers"]) if part["digest"] not in there)
    queue, score, runner_up = PREDICTIONS[p["message"]]
    return {
        "v1_digest": digest_of(read(p["v1"]).content),
        "v2_bytes": sent,
        "v2_reference": f"{address}/{p['repository']}@{digest_of(read(p['v2']).content)}",
        "prediction": {"queue": queue, "score": score, "version": p["v2"], p["field"]: runner_up},
    }


def judged(found: Evidence) -> dict[str, Verdict]:
    return {v.check: v for v in api.run(LAB.declared_checks(), found, LAB.points, only=CHECKS)}


def assert_passed(address: str, p: dict[str, Any], folder: Path) -> None:
    for found in (evidence(address, p), evidence(address, p, folder)):
        assert {id: v.found for id, v in judged(found).items() if v.status != "passed"} == {}


def own(p: dict[str, Any], name: str) -> dict[str, Any]:
    """The parameters with repositories of one test's own: the registry is shared."""
    return p | {"repository": f"{name}/ml-model", "hello": f"{name}/hello"}


def push_all(engine: DockerClient, address: str, p: dict[str, Any], names: list[str]) -> None:
    targets = ((p["repository"], p["v1"]), (p["repository"], p["v2"]), (p["hello"], p["hello_tag"]))
    for local, (repository, tag) in zip(names, targets, strict=True):
        push(engine, local, address, repository, tag)


def test_done_with_the_docker_sdk(
    engine: DockerClient, registry: str, releases: tuple[dict[str, Any], list[str]], tmp_path: Path
) -> None:
    p, names = own(releases[0], "sdk"), releases[1]
    push_all(engine, registry, p, names)
    assert_passed(registry, p, tmp_path)


def test_done_by_copying_with_skopeo(
    engine: DockerClient, registry: str, releases: tuple[dict[str, Any], list[str]], tmp_path: Path
) -> None:
    p, names = own(releases[0], "skopeo"), releases[1]
    push_all(engine, registry, own(p, "before-skopeo"), names)
    for part in ("ml-model", "hello"):
        for tag in (p["v2"], p["v1"]) if part == "ml-model" else (p["hello_tag"],):
            source, target = (f"docker://{registry}/{where}/{part}:{tag}" for where in ("before-skopeo", "skopeo"))
            command = ["skopeo", "copy", "--src-tls-verify=false", "--dest-tls-verify=false", source, target]
            done = subprocess.run(command, capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
    assert_passed(registry, p, tmp_path)


def test_done_with_an_engine_that_pushes_an_index(
    engine: DockerClient, registry: str, releases: tuple[dict[str, Any], list[str]], tmp_path: Path
) -> None:
    p, names = own(releases[0], "docker29"), releases[1]
    push_all(engine, registry, p, names)
    for repository, tag in ((p["repository"], p["v1"]), (p["repository"], p["v2"]), (p["hello"], p["hello_tag"])):
        as_docker_29(registry, repository, tag)
    kind = requests.head(
        f"http://{registry}/v2/{p['repository']}/manifests/{p['v2']}", headers={"Accept": manifests.ACCEPT}, timeout=10
    ).headers["Content-Type"]
    assert kind == manifests.OCI_INDEX
    assert_passed(registry, p, tmp_path)


def test_the_second_release_built_without_cache_is_told_so(
    engine: DockerClient, registry: str, releases: tuple[dict[str, Any], list[str]], tmp_path: Path
) -> None:
    """Another history of the same files: new layers, weights and all."""
    p, names = own(releases[0], "no-cache"), releases[1]
    push_all(engine, registry, p, names)
    (tmp_path / "Dockerfile").write_text(
        f"FROM {names[1]} AS release\nFROM {images.PYTHON_BASE}\nWORKDIR /app\nCOPY --from=release /app ./\n"
        f'LABEL course.owner="{p["team"]}" org.opencontainers.image.version="{p["v2"]}"\n'
    )
    squashed = f"course-test-squashed:{uuid4().hex}"
    engine.images.build(rm=True, path=str(tmp_path), tag=squashed, nocache=True)
    push(engine, squashed, registry, p["repository"], p["v2"])
    engine.images.remove(squashed)
    verdict = judged(evidence(registry, p))["shared-layers"]
    assert verdict.status == "failed"
    assert verdict.found.endswith("bytes: the weights travelled again.")


def test_starter_files_are_what_is_built(home: Path) -> None:
    """A student's folder holds the trained weights and no leftovers."""
    names = set(workspace.starter_files(LAB))
    assert {"ml-model/weights/weights.bin", "ml-model/app/answer.py", "hello/greeting.txt"} < names
    assert not [name for name in names if "__pycache__" in name]
    assert (paths.DOCKER / "ml-model" / "Dockerfile").is_file()
