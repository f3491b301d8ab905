"""Every command block of every lesson, run in order on a real engine, its output compared with what the page shows.

What a reader calls ``localhost:5010`` or ``my-registry`` is mapped to throw-away names by the table below. The counts
of blocks that were run, validated and marked are printed and written to ``test-report/lesson-commands.json``.
"""

from __future__ import annotations

import json
import shutil
import socket
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import docker.errors
import pytest

from autograder import paths
from autograder.content import lessons
from autograder.content.runner import Session, require, run_lesson
from autograder.services import images

if TYPE_CHECKING:
    from docker import DockerClient

TOOLS = ("bash", "curl", "docker", "python3", "sha256sum", "tar")
MARKED_AT_MOST = 0.1  # of a lesson's blocks


def free_port() -> int:
    """A port of loopback that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def table(engine: DockerClient):
    """Names in the lessons → names of this run; what is left under these names is removed afterwards."""
    run = f"lesson-{uuid.uuid4().hex[:8]}"
    names = {f":{port}": f":{free_port()}" for port in (5010, 5999, 8081)}
    names.update({f"my-{thing}": f"{run}-{thing}" for thing in ("registry", "model", "hand")})
    yield names
    for container in engine.containers.list(all=True, filters={"name": run}):
        container.remove(force=True, v=True)
    for volume in engine.volumes.list(filters={"name": run}):
        volume.remove(force=True)
    for image in engine.images.list(f"localhost{names[':5010']}/*"):
        for tag in [*image.tags, *image.attrs["RepoDigests"]]:
            try:
                engine.images.remove(tag, force=True)
            except docker.errors.ImageNotFound:
                continue


@pytest.mark.engine
@pytest.mark.parametrize("lesson", lessons.lesson_files(), ids=lambda path: path.stem)
def test_every_block_does_what_the_lesson_shows(lesson, engine, table, tmp_path, record_property, capsys):
    require(TOOLS)
    for base in (images.REGISTRY, images.PYTHON_BASE):
        images.ensure(engine, base)
    course = tmp_path / "course"
    shutil.copytree(paths.DOCKER / "ml-model", course / "docker" / "ml-model")

    report = run_lesson(lesson, Session(course, table, tmp_path / "state"))

    write(report.as_json())
    record_property("blocks", json.dumps(report.counts))
    with capsys.disabled():
        print(f"\n{lesson.stem}: {', '.join(f'{count} {kind}' for kind, count in report.counts.items())}")
        for marker in report.as_json()["markers"]:
            print(f"  line {marker['line']} is marked: {marker['why']}")
    assert not report.problems, "\n\n".join(report.problems)
    assert report.counts["run"] >= 5
    assert report.counts["marked"] <= MARKED_AT_MOST * report.counts["blocks"]


def write(entry: dict[str, object]) -> None:
    """Put a lesson's counts into the test report, beside those of the other lessons."""
    file = paths.ROOT / "test-report" / "lesson-commands.json"
    file.parent.mkdir(exist_ok=True)
    known: dict[str, object] = {}
    if file.is_file():
        known = {item["lesson"]: item for item in json.loads(file.read_text(encoding="utf-8"))}
    known[str(entry["lesson"])] = entry
    text = json.dumps([known[name] for name in sorted(known)], indent=2, ensure_ascii=False)
    Path(file).write_text(text + "\n", encoding="utf-8", newline="\n")
