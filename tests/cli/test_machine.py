"""The commands about this machine, as they are typed."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from autograder import paths
from autograder.domain.services import EMULATORS, NAMES
from autograder.oci.client import RegistryClient
from autograder.services import claims, cloud_credentials, installation, lifecycle
from tests.emulators.support import free_port

pytestmark = pytest.mark.slow  # each starts programs


def course(
    *arguments: str, typed: str | None = None, folder: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a command of the course, perhaps in another folder, and with what is typed into it."""
    variables = {**os.environ, "PYTHONPATH": str(paths.ROOT), **environment}
    call = [sys.executable, "-m", "autograder.cli", *arguments]
    return subprocess.run(
        call, env=variables, input=typed, cwd=folder, capture_output=True, text=True, encoding="utf-8", check=False
    )


@pytest.fixture
def up(engine, home: Path) -> Iterator[Path]:
    """A home whose services may be started, on ports that no other installation has; all is gone afterwards."""
    with installation.change() as state:
        state.ports.update((service, free_port()) for service in NAMES)
    yield home
    lifecycle.remove(lambda _: None)


@pytest.mark.parametrize("command", ["start", "stop", "doctor", "images", "env"])
def test_every_command_has_help(command):
    done = course(command, "--help")
    assert done.returncode == 0 and f"Usage: {paths.course_from_here()} {command}" in done.stdout


def test_env_before_the_first_start_says_what_to_do(home):
    done = course("env")
    assert (done.returncode, done.stdout) == (3, "")
    assert f"next: Run: {paths.course_from_here()} start" in done.stderr


def test_env_writes_the_labs_aws_profiles_for_their_owner_alone(home):
    with installation.change() as state:
        state.ports["ecr"] = 5123
    secrets = cloud_credentials.load()["credentials"]["ecr"]["profiles"]
    variables = json.loads(course("env", "--json").stdout)
    file = Path(variables["AWS_CONFIG_FILE"])
    assert file.parent == paths.state() and (os.name == "nt" or file.stat().st_mode & 0o077 == 0)
    text = file.read_text(encoding="utf-8")
    for name in cloud_credentials.ECR_PROFILES:
        assert f"[profile {name}]\nregion = us-east-1\nendpoint_url = http://127.0.0.1:5123\n" in text
        assert f"aws_secret_access_key = {secrets[name]['secret_access_key']}\n" in text


def test_env_prints_for_each_shell(home):
    with installation.change() as state:
        state.ports["registry"] = 5123
    printed = course("env", "--shell", "bash", http_proxy="", HTTP_PROXY="").stdout.splitlines()
    at = printed.index("export REGISTRY=localhost:5123")
    assert printed[at + 1] == "export TRIVY_DB_REPOSITORY=localhost:5123/course/trivy-db:2"
    assert printed[at + 2].startswith("export TRIVY_CACHE_DIR=")
    assert printed[-2].startswith(f'case "$PATH" in {Path(sys.executable).parent}:*)')
    powershell = course("env", "--shell", "powershell").stdout
    assert "\n$env:REGISTRY = 'localhost:5123'\n" in powershell and "$env:PATH = " in powershell
    assert "PATH" not in json.loads(course("env", "--json").stdout)
    assert json.loads(course("env", "--json").stdout)["REGISTRY"] == "localhost:5123"
    assert "NO_PROXY" in json.loads(course("env", "--json", HTTP_PROXY="http://p:1").stdout)


def test_doctor_without_an_engine_names_it_and_ends_with_3(home):
    nowhere = f"unix://{home}/none.sock"
    done = course("doctor", DOCKER_HOST=nowhere)
    assert done.returncode == 3
    line = done.stdout.splitlines()[0]
    assert line.startswith(("no-daemon: ", "wrong-context: ")) and "Fix: " in line
    data = json.loads(course("doctor", "--json", DOCKER_HOST=nowhere).stdout)
    assert data["engine"]["endpoint"] == nowhere and data["problems"][0]["fix"]


def test_start_without_an_engine_brings_up_the_rest_and_ends_with_3(home):
    nowhere = f"unix://{home}/none.sock"
    alone = {"DOCKER_HOST": nowhere, "PIP_NO_INDEX": "1"}  # no wheels for the labs' images either
    done = course("start", "--no-jupyter", "--no-site", "--no-browser", "--json", **alone)
    assert done.returncode == 3
    data = json.loads(done.stdout)
    assert data["running"] == {} and "no engine answers" in data["problems"]["registry"]["found"]
    assert (home / "work").is_dir()


def test_stop_before_the_first_start_is_harmless(home):
    done = course("stop")
    assert (done.returncode, done.stdout) == (0, "Nothing was running.\n")
    done = course("stop", "--remove", "--yes")
    assert (done.returncode, done.stdout) == (0, "There was nothing to remove.\n")


@pytest.mark.parametrize("command", [("stop", "--remove"), ("reset", "01"), ("reset",)])
def test_where_nobody_can_answer_the_way_out_is_named(home, command):
    done = course(*command, typed="")
    assert done.returncode == 2 and not (home / "work").exists()
    assert "interrupted" not in done.stderr and "nothing was done" in done.stderr
    assert "with --yes, which does not ask" in done.stderr.splitlines()[-1]


def test_what_is_asked_can_be_answered_through_a_pipe(home):
    done = course("stop", "--remove", typed="n\n")
    assert done.returncode == 1 and done.stdout.endswith("Nothing was removed.\n")


@pytest.mark.skipif(sys.platform == "win32", reason="the lines are for a shell of Unix")
def test_env_works_from_any_folder_of_any_terminal(home):
    """As the first cell of each notebook has it typed, here in a folder that is not the checkout's."""
    with installation.change() as state:
        state.ports["registry"] = 5123
    line = f"eval \"$('{sys.executable}' '{paths.ROOT / 'course.py'}' env)\"; echo \"$REGISTRY\"; command -v course"
    kept = {name: os.environ[name] for name in ("HOME", "COURSE_HOME")}
    own = {**kept, "PATH": os.defpath}
    done = subprocess.run(["sh", "-c", line], env=own, cwd=home, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == ["localhost:5123", str(Path(sys.executable).parent / "course")], done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="the lines are for a shell of Unix")
def test_messages_name_the_course_as_it_can_be_typed_there(home):
    """What a message says to type is typed, in the same folder and with the same path."""
    below = home / "work" / "a lab"
    below.mkdir(parents=True)
    programs = Path(sys.executable).parent
    python = f"{programs}{os.pathsep}{os.defpath}"
    for folder, path in ((paths.ROOT, os.defpath), (below, os.defpath), (below, python)):
        done = course("hint", "digest", folder=folder, PATH=path)
        next_step = done.stderr.splitlines()[-1].partition("next: Run: ")[2]
        assert next_step.endswith(" hint 01.digest"), done.stderr
        typed = next_step if path == python else next_step.replace("python3 ", f"'{sys.executable}' ", 1)
        own = {**os.environ, "PATH": path}
        done = subprocess.run(["sh", "-c", typed], env=own, cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0 and " of 3\n" in done.stdout, (next_step, done.stderr)


@pytest.mark.engine
@pytest.mark.both_engines
def test_services_start_push_stop_start(engine, up):
    done = course("start", "--services-only", "--no-browser")
    assert done.returncode == 0, done.stderr
    address = json.loads(course("env", "--json").stdout)["REGISTRY"]
    assert re.search(rf"Local registry: +{address}\n", done.stdout)
    name = f"{address}/course-test/hello"
    engine.images.get("registry:2").tag(name, "1")
    try:
        pushed = list(engine.images.push(name, "1", stream=True, decode=True))
        assert not [line for line in pushed if "error" in line]
        assert RegistryClient(address).tags("course-test/hello") == ["1"]
    finally:
        engine.images.remove(f"{name}:1")
    assert course("stop").stdout == f"Stopped: {', '.join((*EMULATORS, 'registry'))}.\n"
    data = json.loads(course("start", "--services-only", "--json").stdout)
    assert data["running"]["registry"] == address
    engine.images.pull(name, "1")
    done = course("stop", "--remove", "--yes")
    assert (done.returncode, done.stdout.endswith(" Your files stay where they are.\n")) == (0, True), done.stdout
    # Registry, emulators and their store; what was pulled; and their volumes, with the installation's claim.
    assert re.match(r"Removed: 3 containers, 4 volumes, \d images?, 1 network\.", done.stdout), done.stdout
    assert of_installation(engine, installation.load()) == []
    listed = [
        *(name for image in engine.api.images() for name in (image["RepoTags"] or []) + (image["RepoDigests"] or []))
    ]
    hosts = tuple(f"localhost:{port}/" for port in installation.load().ports.values())
    assert not [name for name in listed if name.startswith(hosts)]


@pytest.mark.engine
def test_remove_leaves_another_installation_as_it_is(engine, up, tmp_path, monkeypatch):
    """It was started later, while the first one was stopped, and so had the chance to take the same port."""
    assert course("start", "--services-only", "--no-browser").returncode == 0
    course("stop")
    first = installation.load()
    name = f"localhost:{first.ports['registry']}/course-test/both"
    engine.images.get("registry:2").tag(name, "1")
    other = tmp_path / "another home"
    other.mkdir()
    with monkeypatch.context() as patch:
        patch.setenv("COURSE_HOME", str(other))
        with installation.change() as second:
            second.ports.update(first.ports)
        try:
            assert course("start", "--services-only", "--no-browser").returncode == 0
            before = of_installation(engine, first)
            assert course("stop", "--remove", "--yes").returncode == 0
        finally:
            lifecycle.remove(lambda _: None)
        assert of_installation(engine, second) == []
    assert len(before) == 8 and of_installation(engine, first) == before
    assert engine.images.get(f"{name}:1")
    assert course("start", "--services-only", "--no-browser").returncode == 0, "nothing that it needs is gone"
    course("stop", "--remove", "--yes")
    assert not engine.images.list(f"{name}:1"), "the last one takes it along"


def of_installation(engine, state: installation.Installation) -> list[str]:
    """Names of what carries an installation's label: containers, volumes and networks."""
    mine = {"label": f"{claims.INSTALLATION_LABEL}={state.id}"}
    found = engine.containers.list(all=True, filters=mine) + engine.volumes.list(filters=mine)
    return sorted(one.name for one in found + engine.networks.list(filters=mine))


@pytest.mark.engine
@pytest.mark.both_engines
def test_images_tells_names_sizes_and_sources(up):
    course("start", "--services-only", "--no-browser")
    rows = json.loads(course("images", "--json").stdout)
    assert [row["name"] for row in rows] == ["registry:2", "python:3.11-slim-bookworm"]
    assert all(row["present"] and row["id"].startswith("sha256:") and row["size"] > 0 and row["source"] for row in rows)
    text = course("images").stdout
    assert "registry:2" in text and "MB" in text and "from:" in text


@pytest.mark.engine
@pytest.mark.both_engines
def test_doctor_is_content_with_a_machine_that_runs_the_course(up):
    course("start", "--services-only", "--no-browser")
    done = course("doctor", HTTP_PROXY="", http_proxy="", HTTPS_PROXY="", https_proxy="")
    assert (done.returncode, done.stdout.startswith("All is well: engine ")) == (0, True), done.stdout
    course("stop")
    done = course("doctor", HTTP_PROXY="", http_proxy="", HTTPS_PROXY="", https_proxy="")
    told = f"stopped: nothing of the course runs. Fix: Run: {paths.course_from_here()} start\n"
    assert (done.returncode, done.stdout) == (3, told)
