"""The sandbox on a real engine: limits as asked for, clean-up whatever happens, and faults told from failures."""

from __future__ import annotations

import subprocess
import sys
import time
from uuid import uuid4

import docker.errors
import pytest

from autograder.grading import sandbox
from autograder.grading.sandbox import Disturbed, Sandbox, SandboxFault, _demultiplexed, limit_seconds
from autograder.labs import runner, tasks
from autograder.services import orphans

JOB = {"source": "def f(n):\n    return 2 * n\n", "function": "f", "cases": [[1], [2]], "seconds": 1.0}


def test_frames_of_the_engine_are_put_together():
    def frame(kind, content):
        return bytes([kind, 0, 0, 0]) + len(content).to_bytes(4, "big") + content

    assert _demultiplexed(frame(1, b"ab") + frame(2, b"error") + frame(1, b"c") + b"\x01\x00") == b"abc"
    assert _demultiplexed(b"") == b""


def test_both_limits_leave_room_for_the_runners_own():
    slowest = len(JOB["cases"]) * JOB["seconds"] + (runner.MAX_RESTARTS + 1) * runner.LOAD_SECONDS
    assert limit_seconds([JOB, JOB]) == 2 * slowest
    assert sandbox.wall_seconds([JOB, JOB]) > 2 * (slowest + runner.PATIENCE)
    assert sandbox.wall_seconds([JOB | {"cases": [[1]] * 60, "seconds": 2.0}]) < 900, "a class waits for nobody longer"


@pytest.mark.engine
def test_the_image_is_built_once_and_again_when_the_runner_changes(engine, tmp_path, monkeypatch):
    lines, tag = [], f"course-test-sandbox:{uuid4().hex}"
    monkeypatch.setattr(sandbox, "TAG", tag)  # another version of the kit may build the usual one meanwhile
    first = sandbox.build(engine, lines.append)
    assert sandbox.build(engine, lines.append) == first and len(lines) == 1
    changed = tmp_path / "runner.py"
    changed.write_bytes(tasks.RUNNER.read_bytes() + b"# changed\n")
    monkeypatch.setattr(tasks, "RUNNER", changed)
    other = sandbox.build(engine)
    try:
        assert other != first
    finally:
        for id in {first, other}:
            engine.images.remove(id, force=True)


@pytest.mark.engine
def test_a_container_has_the_limits_and_is_gone_afterwards(engine):
    box = Sandbox(engine, sandbox.build(engine))
    seen = []
    create = box._create
    box._create = lambda: seen.append(create()) or seen[0]
    talk = box._talk
    box._talk = lambda id, *rest: seen.append(engine.api.inspect_container(id)) or talk(id, *rest)
    assert box.run([JOB]) == [
        {
            "status": "ran",
            "message": "",
            "results": [{"status": "returned", "value": 2}, {"status": "returned", "value": 4}],
        }
    ]
    settings = seen[1]["HostConfig"]
    assert settings["NetworkMode"] == "none" and settings["ReadonlyRootfs"] and settings["CapDrop"] == ["ALL"]
    assert settings["SecurityOpt"] == ["no-new-privileges"] and settings["PidsLimit"] == sandbox.PROCESSES
    assert settings["Memory"] == settings["MemorySwap"] == sandbox.MEMORY and settings["NanoCpus"] == 10**9
    assert settings["IpcMode"] == "none" and settings["AutoRemove"] and not settings["Binds"]
    assert settings["LogConfig"]["Type"] == "none" and seen[1]["Config"]["User"] == "65534:65534"
    until = time.monotonic() + 120
    while True:
        try:
            engine.api.inspect_container(seen[0])
        except docker.errors.NotFound:
            break
        assert time.monotonic() < until
        time.sleep(0.05)


@pytest.mark.engine
def test_no_image_and_no_engine_are_faults_not_failures(engine):
    with pytest.raises(SandboxFault, match="the engine failed"):
        Sandbox(engine, f"course-test-absent:{uuid4().hex}").run([JOB])
    nobody = docker.DockerClient(base_url="tcp://127.0.0.1:9", version="1.41")
    with pytest.raises(SandboxFault, match="the engine failed"):
        Sandbox(nobody, "x").run([JOB])


@pytest.mark.engine
def test_a_container_that_somebody_removed_is_no_answer(engine):
    box = Sandbox(engine, sandbox.build(engine))
    talk = box._talk

    def removed(id, line, *limits):
        line = line.replace(b"return 2 * n", b"import time; time.sleep(5)")
        import threading

        threading.Timer(1.5, lambda: engine.api.remove_container(id, force=True)).start()
        return talk(id, line, *limits)

    box._talk = removed
    with pytest.raises(Disturbed):
        box.run([JOB | {"seconds": 30}])


@pytest.mark.engine
def test_what_a_killed_grader_left_is_removed_by_the_next(engine):
    script = (
        "import sys, time\nfrom autograder.services import engine\nfrom autograder.grading import sandbox, probe\n"
        "client = engine.connect()\nbox = sandbox.Sandbox(client, sandbox.build(client))\n"
        "registry = probe.RoundTripRegistry()\nid = box._create()\nclient.api.start(id)\n"
        "print('ready', flush=True)\ntime.sleep(600)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    label = {"label": f"{orphans.OWNER_LABEL}={orphans.owner(process.pid).name}"}
    assert len(engine.api.containers(all=True, filters=label)) == 2
    orphans.sweep(engine)
    assert len(engine.api.containers(all=True, filters=label)) == 2  # its owner lives
    process.kill()
    process.communicate()
    orphans.sweep(engine)
    assert engine.api.containers(all=True, filters=label) == []


LOOKS = """
import os, sys

def f(n):
    if n == 1:
        try:
            import autograder
        except ModuleNotFoundError as error:
            return str(error)
    places = [place for place in ("/sandbox", "/usr", "/opt", "/home", "/root", "/srv", "/var", *sys.path) if place]
    found = [os.path.join(at, d) for place in places for at, folders, _ in os.walk(place) for d in folders]
    return sorted(os.listdir("/sandbox")) + [path for path in found if path.endswith("/autograder")]
"""


@pytest.mark.engine
def test_the_courses_own_package_is_not_inside(engine):
    [answer] = Sandbox(engine, sandbox.build(engine)).run([JOB | {"source": LOOKS, "seconds": 20.0}])
    refused, there = (result["value"] for result in answer["results"])
    assert refused == "a task cannot import the course's own package"
    assert there == ["entry.py", "runner.py"]
