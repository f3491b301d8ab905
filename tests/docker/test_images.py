"""The images on a real engine: two releases share all but their last layer, and the container is well-behaved."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import tarfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import uuid4

import pytest

from .conftest import HELLO, ML_MODEL

pytestmark = [pytest.mark.engine, pytest.mark.both_engines]
NAME = f"course-test-ml-model-{uuid4().hex}"


def docker(*arguments: str) -> str:
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True)
    assert done.returncode == 0, f"docker {' '.join(arguments)}\n{done.stdout}{done.stderr}"
    return done.stdout.strip()


def inspect(image: str) -> Any:
    return json.loads(docker("image", "inspect", image))[0]


@pytest.fixture(scope="module")
def releases(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Two images, built as in the lab: the second after a change of the serving code."""
    context = tmp_path_factory.mktemp("context with a space") / "ml-model"
    shutil.copytree(ML_MODEL, context, ignore=shutil.ignore_patterns("weights", "__pycache__"))
    shutil.copytree(weights, context / "weights")
    names = []
    for version in ("1.0.0", "1.1.0"):
        names.append(f"{NAME}:{version}")
        docker(
            *("build", "--tag", names[-1], "--build-arg", f"MODEL_VERSION={version}"),
            *("--build-arg", "OWNER=ada", "--build-arg", "REVISION=abc1234", str(context)),
        )
        code = context / "app" / "answer.py"
        text = code.read_text(encoding="utf-8")
        code.write_text(text.replace('"score"', '"runner_up": prediction["runner_up"],\n        "score"', 1), "utf-8")
        shutil.rmtree(context / "weights")
        shutil.copytree(weights, context / "weights", copy_function=shutil.copyfile)  # same bytes, other times
    yield names[0], names[1]
    docker("image", "rm", *names)


def test_a_new_release_adds_one_layer(releases: tuple[str, str]) -> None:
    first, second = (inspect(name)["RootFS"]["Layers"] for name in releases)
    assert len(first) == len(second)
    assert first[:-1] == second[:-1]
    assert first[-1] != second[-1]


def test_what_changes_is_a_few_kilobytes(releases: tuple[str, str]) -> None:
    lines = docker("history", "--no-trunc", "--human=false", "--format", "json", releases[1]).splitlines()
    history = [json.loads(line) for line in lines]
    sizes = {entry["CreatedBy"]: int(entry["Size"]) for entry in history if "COPY" in entry["CreatedBy"]}
    code = next(size for step, size in sizes.items() if "weights/" not in step)
    data = next(size for step, size in sizes.items() if "weights/" in step)
    assert code < 40_000  # the containerd store counts whole blocks, of folders too
    assert data > 8_000_000


def test_metadata(releases: tuple[str, str]) -> None:
    config = inspect(releases[0])["Config"]
    labels = config["Labels"]
    assert labels["org.opencontainers.image.title"] == "ml-model"
    assert labels["org.opencontainers.image.version"] == "1.0.0"
    assert labels["org.opencontainers.image.revision"] == "abc1234"
    assert labels["org.opencontainers.image.licenses"] == "MIT"
    assert {"org.opencontainers.image.created", "org.opencontainers.image.source"} < labels.keys()
    assert labels["course.owner"] == "ada"
    assert config["User"] == "10001:10001"
    assert "8080/tcp" in config["ExposedPorts"]


def test_a_container_serves_and_is_healthy(releases: tuple[str, str], weights: Path, training: ModuleType) -> None:
    container = docker(
        *("run", "--detach", "--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
        *("--publish", "127.0.0.1::8080", releases[1]),
    )
    try:
        address = docker("port", container, "8080").splitlines()[0]
        expected = training.model.predict("Where is my parcel?", weights)
        assert ask(f"http://{address}/predict", {"text": "Where is my parcel?"}) == expected | {"version": "1.1.0"}
        assert ask(f"http://{address}/version", None)["revision"] == "abc1234"
        assert docker("exec", container, "python", "-c", "import os; print(os.getuid(), os.getgid())") == "10001 10001"
        state = ""
        for _ in range(120):
            state = docker("inspect", "--format", "{{.State.Health.Status}}", container)
            if state != "starting":
                break
            time.sleep(0.5)
        assert state == "healthy"
        docker("stop", container)
        assert docker("inspect", "--format", "{{.State.ExitCode}}", container) == "0"
        assert docker("logs", container).splitlines()[-1] == "stopped"
    finally:
        docker("rm", "--force", container)


def ask(url: str, body: dict[str, str] | None) -> Any:
    """Ask a server that may still be starting."""
    data = None if body is None else json.dumps(body).encode()
    for _ in range(60):
        try:
            with urllib.request.urlopen(urllib.request.Request(url, data), timeout=5) as response:
                return json.loads(response.read())
        except OSError:
            time.sleep(0.25)
    raise AssertionError(f"no answer from {url}")


def test_hello_is_one_file(tmp_path: Path) -> None:
    for file in ("Dockerfile", ".dockerignore"):
        shutil.copy(HELLO / file, tmp_path)
    (tmp_path / "greeting.txt").write_text("Hello, Ada!\n", encoding="utf-8")
    name = f"course-test-hello:{uuid4().hex}"
    docker("build", "--tag", name, "--build-arg", "OWNER=ada", str(tmp_path))
    container = docker("create", name, "nothing-is-run")
    try:
        assert len(inspect(name)["RootFS"]["Layers"]) == 1
        assert inspect(name)["Config"]["Labels"]["course.owner"] == "ada"
        done = subprocess.run(["docker", "cp", f"{container}:/greeting.txt", "-"], capture_output=True, check=True)
        with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
            content = archive.extractfile("greeting.txt")
            assert content is not None and content.read() == b"Hello, Ada!\n"
    finally:
        docker("rm", container)
        docker("image", "rm", name)
