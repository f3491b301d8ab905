"""A reference engine is made or taken from the cache, works, leaves nothing behind. Needs Linux, and root or sudo."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from autograder import paths
from autograder.errors import EnvironmentProblem
from autograder.launcher import apt
from autograder.quality import steps
from autograder.quality.reference_engine import cgroups, instance, root, run
from autograder.services import images

pytestmark = [
    pytest.mark.engine,
    pytest.mark.skipif(sys.platform != "linux", reason="the reference engine needs Linux"),
]
NAME = "reference-engine-test"


@pytest.fixture(scope="module")
def made() -> root.Root:
    """The file tree. Where a reference engine cannot be run, that is said; in CI it is a failure."""
    is_one, told = run.machines_engine()
    if is_one:
        pytest.skip(f"this machine has {told}, which is the reference: none is made beside it")
    if apt.as_root():
        pytest.skip("this is not root: test_a_user_runs_all_of_it_through_sudo runs this test")
    try:
        reason = instance.unavailable()
        if not reason:
            made = root.ensure(print)
            with instance.up(made):
                return made
    except EnvironmentProblem as problem:
        reason = str(problem)
    (pytest.fail if steps.in_ci() else pytest.skip)(f"a reference engine cannot be run here: {reason}")


# What the tests as root are started by: variables that may hold a password are on no command line.
WITH_VARIABLES = """
import json, os, pathlib, sys
os.environ.update(json.loads(pathlib.Path(sys.argv[1]).read_text(encoding="utf-8")))
import pytest
sys.exit(pytest.main(sys.argv[2:]))
"""


@pytest.mark.timeout(1800)  # it is this whole file
def test_a_user_runs_all_of_it_through_sudo(engine):
    """Nothing is left out where the user is not root, as on many runners of continuous integration."""
    prefix, (is_one, _) = apt.as_root(), run.machines_engine()
    if is_one or not prefix:
        pytest.skip("the other tests say it" if is_one or prefix is None else "this is root, which runs them itself")
    images.ensure(engine, images.REGISTRY)  # as the user, whose checkout notes where it came from
    with run.handed_over(os.environ) as file:
        call = [sys.executable, "-c", WITH_VARIABLES, str(file), "-v", "-p", "no:cacheprovider", __file__]
        done = subprocess.run(run.as_root(prefix, call, os.environ), cwd=paths.ROOT, check=False)
    assert done.returncode == 0


def processes(namespace: str) -> list[int]:
    """The processes of a namespace of processes, as the host knows them."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and str((entry / "ns/pid").readlink()) == namespace:
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def traces(name: str) -> list[str]:
    """What the host has of an instance: folders, mounts, groups."""
    found = [str(path) for path in (root.cache() / "instances").glob(f"{name}*")]
    mounts = cgroups.MOUNTINFO.read_text(encoding="utf-8")
    found += [line for line in mounts.splitlines() if name in line]
    return found + [str(one.point / f"{cgroups.PREFIX}{name}") for one in cgroups.mounted()
                    if (one.point / f"{cgroups.PREFIX}{name}").exists()]  # fmt: skip


def until(condition, seconds=30.0) -> bool:
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.1)
    return bool(condition())


@pytest.mark.parametrize("version", [1, 2])
def test_it_runs_containers_that_the_host_does_not_see(engine, made, version):
    known = cgroups.mounted()
    if not any(one.version == version for one in known):
        pytest.skip(f"this machine has no cgroups of version {version}")
    began = time.monotonic()
    with instance.up(made, version=version) as up:
        print(f"up in {time.monotonic() - began:.1f} s")
        namespace = str(Path(f"/proc/{up.pid}/ns/pid").readlink())
        told = json.loads(up.ask("docker", "version", "--format", "{{json .Server}}").stdout)
        info = json.loads(up.ask("docker", "info", "--format", "{{json .}}").stdout)
        assert run.is_reference(told["Version"], info)
        assert info["CgroupVersion"] == str(version)
        images.ensure(engine, images.REGISTRY)
        run.copy_images(engine, up, [images.REGISTRY])
        started = up.ask("docker", "run", "-d", "--name", NAME, "--memory=200m", "-p", "5999:5000", images.REGISTRY)
        assert started.returncode == 0, started.stderr
        asked = ("curl", "-s", "--retry", "20", "--retry-connrefused", "--retry-delay", "1", "-o", "/dev/null", "-w")
        assert up.ask(*asked, "%{http_code}", "http://localhost:5999/v2/").stdout == "200"
        assert not [one for one in engine.api.containers(all=True) if f"/{NAME}" in one["Names"]]
        assert up.ask("sh", "-c", "ss -ltnH | grep -c :5999").stdout != "0\n"
        with pytest.raises(OSError):
            socket.create_connection(("127.0.0.1", 5999), timeout=2)
        assert len(processes(namespace)) > 3 and traces(up.folder.name)
    assert until(lambda: not processes(namespace))
    assert traces(up.folder.name) == []


def test_two_run_side_by_side(made):
    with instance.up(made) as one, instance.up(made) as other:
        for up in (one, other):
            assert up.ask("docker", "volume", "create", NAME).returncode == 0
            (up.tree / "root/mine").write_text(up.folder.name, encoding="utf-8")
        assert other.ask("docker", "volume", "rm", NAME).returncode == 0
        assert one.ask("docker", "volume", "ls", "--quiet").stdout == f"{NAME}\n"
        assert one.ask("cat", "/root/mine").stdout == one.folder.name
    assert not (made.tree / "root/mine").exists(), "the tree stays as it was made"


def test_a_run_inside_has_the_environment_leaves_nothing_and_its_exit_status_is_the_runs(made):
    script = "import ssl, sqlite3, pytest, sys, pathlib; pathlib.Path('left-by-a-run').touch(); sys.exit(7)"
    call = [*run.command("command"), sys.executable, "-c", script]
    done = subprocess.run(call, cwd=paths.ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 7, done.stdout + done.stderr
    assert "Engine 2" in done.stdout and "awscli" in done.stdout
    assert not (paths.ROOT / "left-by-a-run").exists()


@pytest.mark.parametrize("name_of_signal", ["SIGTERM", "SIGKILL"])  # Windows, which collects this, lacks one
def test_nothing_is_left_when_a_run_is_ended(made, name_of_signal):
    with subprocess.Popen(
        [*run.command("command"), "sleep", "1000"],
        cwd=paths.ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert any("up in" in line for line in iter(process.stdout.readline, ""))
        family = psutil.Process(process.pid).children(recursive=True)
        (plan,) = {word for one in family for word in one.cmdline() if word.endswith("/plan.json")}
        name = Path(plan).parent.name
        inside = {str(Path(f"/proc/{one.pid}/ns/pid").readlink()) for one in family}
        inside.discard(str(Path("/proc/self/ns/pid").readlink()))
        assert len(inside) == 1 and processes(*inside)
        os.kill(process.pid, getattr(signal, name_of_signal))
        process.wait()
        assert until(lambda: not processes(*inside))
    if name_of_signal == "SIGKILL":  # what it could not do itself, the next one does
        with instance.up(made):
            pass
    assert traces(name) == []
