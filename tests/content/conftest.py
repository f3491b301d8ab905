"""A reader's desk for one lesson: folder, home, names of its own, and the emulators that all lessons of a run share."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import docker.errors
import pytest

from autograder import paths
from autograder.content import awscli, blocks, lessons, names
from autograder.content.names import Names
from autograder.content.runner import Session, require
from autograder.quality import lab_runs
from autograder.services import addresses, endpoint, images

if TYPE_CHECKING:
    from docker import DockerClient

# What `python3 course.py …` runs in a lesson: the kit under test, without the launcher's set-up.
LAUNCHER = "import runpy\n\nrunpy.run_module('autograder.cli', run_name='__main__', alter_sys=True)\n"
# Variables that no block may see: a reader's own addresses, and what makes programs print colours, as in a CI job.
OF_THE_READER = ("AWS_", "DOCKER_", "BUILDX_", "REGISTRY", "ECR", "ACR", "ARTIFACT_REGISTRY", "COLUMNS")
OF_THE_READER += ("CI", "GITHUB_", "GITLAB_", "FORCE_COLOR", "CLICOLOR")
NO_TAG = "<none>:<none>"  # in the engine's list, of an image that lost its name


@pytest.fixture(scope="session")
def clouds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[lab_runs.LabRun]:
    """One installation with its emulators up, for all lessons of the run; removed afterwards."""
    home = tmp_path_factory.mktemp("clouds")
    with lab_runs.services(home):
        yield lab_runs.LabRun(home, None)  # type: ignore[arg-type]  # a reader is no student of a class


@pytest.fixture(scope="session")
def aws_version2() -> str | None:
    """The AWS CLI whose words the lessons print, if this machine has it; else version 1 of the environment runs."""
    return awscli.version2()


@pytest.fixture
def desk(
    request: pytest.FixtureRequest, engine: DockerClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[lessons.Lesson], Session]]:
    """Gives a session in which a lesson's blocks can run; what they leave in the engine is removed."""
    for name in [name for name in os.environ if name.startswith(OF_THE_READER)]:
        monkeypatch.delenv(name)
    table = Names(f"l{uuid.uuid4().hex[:7]}-")
    before, cache = tagged(engine), build_cache(engine)

    local = set[str]()

    def session(lesson: lessons.Lesson) -> Session:
        local.update(blocks.local_images(blocks.parse(paths.LESSONS / f"{lesson.slug}.md")))
        require([*lessons.ALWAYS, *(need for need in lesson.needs if need != lessons.CLOUDS)])
        for base in (images.REGISTRY, images.PYTHON_BASE):
            images.ensure(engine, base)
        home, course = tmp_path / "home", tmp_path / "course"
        environment = lab_runs.environment(tmp_path / "installation") | private_home(home)
        if lessons.CLOUDS in lesson.needs:
            up: lab_runs.LabRun = request.getfixturevalue("clouds")
            variables = json.loads(up.course("env", "--json").stdout)
            taken = {name: value for name, value in variables.items() if value is not None}
            environment |= up.environment() | taken | private_home(home)
            table.services = {service: variables[name] for service, name in addresses.VARIABLES.items()}
        table.folders = {names.COURSE: str(course), names.HOME: str(home)}
        for context in ("ml-model", "ml-model-scan"):
            shutil.copytree(paths.DOCKER / context, course / "docker" / context)
        (course / "course.py").write_text(LAUNCHER, encoding="utf-8", newline="\n")
        first = []
        if "aws" in lesson.needs and (found := request.getfixturevalue("aws_version2")):
            first = [tmp_path / "first"]
            awscli.offer(first[0], found)
        return Session(course, table, tmp_path / "state", environment, first)

    yield session
    clean(engine, table)
    restore(engine, before, local)
    forget_builds(engine, cache)


def private_home(home: Path) -> dict[str, str]:
    """A home folder for a reader: logins, caches and settings go there; plug-ins of docker stay in reach."""
    config = home / ".docker"
    config.mkdir(parents=True, exist_ok=True)
    plugins = Path.home() / ".docker" / "cli-plugins"
    if plugins.is_dir() and not (config / "cli-plugins").exists():
        (config / "cli-plugins").symlink_to(plugins, target_is_directory=True)
    (home / ".gitconfig").write_text(
        "[user]\n\tname = You\n\temail = you@example.com\n[init]\n\tdefaultBranch = main\n", encoding="utf-8"
    )
    found = endpoint.find()
    chosen = {} if found.is_default else {"DOCKER_HOST": found.url}
    logins = config / "config.json"  # skopeo takes no file that is not there
    if not logins.exists():
        logins.write_text("{}", encoding="utf-8")
    return {"HOME": str(home), "DOCKER_CONFIG": str(config), "REGISTRY_AUTH_FILE": str(logins), **chosen}


def tagged(engine: DockerClient) -> dict[str, str]:
    """Every image name of the engine with the id of its image."""
    return {tag: image["Id"] for image in engine.api.images() for tag in image["RepoTags"] or () if tag != NO_TAG}


def restore(engine: DockerClient, before: dict[str, str], local: set[str]) -> None:
    """Give the names without a host that a lesson used back to the images which had them before, or to none."""
    for tag, now in tagged(engine).items():
        repository, _, word = tag.rpartition(":")
        if repository in local and now != before.get(tag):
            engine.images.remove(tag, force=True)
    for tag, then in before.items():
        repository, _, word = tag.rpartition(":")
        if repository in local:
            engine.api.tag(then, repository, word, force=True)


def clean(engine: DockerClient, table: Names) -> None:
    """Remove what blocks left in the engine under this run's names."""
    for container in engine.containers.list(all=True, filters={"name": table.run}, ignore_removed=True):
        container.remove(force=True, v=True)
    for volume in engine.volumes.list(filters={"name": table.run}):
        volume.remove(force=True)
    for network in engine.networks.list(filters={"name": table.run}):
        network.remove()
    hosts = [*(f"localhost:{port}" for port in table.ports.values()), *table.services.values()]
    ours = (table.run, *(f"{host}/" for host in hosts))
    for image in engine.api.images():  # as one answer: others may remove images meanwhile
        for tag in [*(image["RepoTags"] or ()), *(image["RepoDigests"] or ())]:
            if tag.startswith(ours):
                with contextlib.suppress(docker.errors.ImageNotFound):
                    engine.images.remove(tag, force=True)


def build_cache(engine: DockerClient) -> set[str]:
    """The ids of everything in the builder's cache."""
    return {record["ID"] for record in engine.api.df().get("BuildCache") or ()}


def forget_builds(engine: DockerClient, before: set[str]) -> None:
    """Remove what the builder's cache did not hold before.

    A build takes the newest result that fits, also one of the run before: release 2 would not stand on the weights that
    this run has pushed with release 1. A result goes once nothing is left that was made from it; one in use stays.

    The API names no maker of a record. So whatever is new counts as this run's: an engine on which lessons run is taken
    to build for nobody else meanwhile, who would otherwise lose their cache (and nothing else) and build anew.
    """
    made = build_cache(engine) - before
    gone = {"a first round"}
    while gone:
        gone = set()
        for record in made:
            gone.update(engine.api.prune_builds(filters={"id": [record]}, all=True)["CachesDeleted"] or ())
        made -= gone


@pytest.fixture
def desk_tools() -> SimpleNamespace:
    """The functions that tidy up, for their own tests."""
    return SimpleNamespace(
        tagged=tagged, restore=restore, clean=clean, build_cache=build_cache, forget_builds=forget_builds
    )
