"""`course trivy`: what it runs, with which variables, on machines with a Trivy and without."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys

import pytest

from autograder import paths
from autograder.errors import EnvironmentProblem
from autograder.scanning import trivy, trivy_cli
from autograder.services import images, installation
from tests.scanning.test_trivy import POSIX, stand_in

LIVE = {"TRIVY_DB_REPOSITORY": "localhost:1/x", "TRIVY_CACHE_DIR": "/elsewhere", "KEPT": "1"}


@pytest.fixture
def started(home):
    """An installation with a registry's port."""
    with installation.change() as state:
        state.ports["registry"] = 5001
    return home


@pytest.fixture
def without(started, monkeypatch):
    """A machine without Trivy: an empty PATH, another Python."""
    monkeypatch.setattr(sys, "executable", str(started / "python"))
    return str(started / "empty")


@POSIX
def test_the_courses_database_is_used_unless_told_otherwise(started, tmp_path):
    stand_in(tmp_path, "echo Version: 0.71.0")
    call, variables = trivy_cli.command(["image", "x"], path=str(tmp_path), environment=LIVE)
    assert call == [str(tmp_path / "trivy"), "image", "x"]
    assert variables["TRIVY_DB_REPOSITORY"] == "localhost:5001/course/trivy-db:2"
    assert variables["TRIVY_CACHE_DIR"] == str(started / ".course" / "trivy")
    assert (variables["KEPT"], variables["TRIVY_DISABLE_TELEMETRY"]) == ("1", "true")
    call, variables = trivy_cli.command(["image", "x"], live=True, path=str(tmp_path), environment=LIVE)
    assert not {"TRIVY_DB_REPOSITORY", "TRIVY_CACHE_DIR"} & set(variables)


@POSIX
def test_a_compromised_one_is_refused(started, tmp_path):
    stand_in(tmp_path, "echo Version: 0.69.4")
    with pytest.raises(EnvironmentProblem, match=r"0\.69\.4"):
        trivy_cli.command(["image", "x"], path=str(tmp_path))


def test_without_one_the_image_is_run_by_digest(without, started):
    call, _ = trivy_cli.command(["image", "x"], path=without)
    assert call[:3] == ["docker", "run", "--rm"]
    assert call[-3:] == [trivy_cli.IMAGE, "image", "x"]
    assert "@sha256:" in trivy_cli.IMAGE and trivy_cli.IMAGE_VERSION not in trivy.COMPROMISED
    settings = dict(part.split("=", 1) for before, part in itertools.pairwise(call) if before == "--env")
    assert settings["TRIVY_SKIP_DB_UPDATE"] == "true" and settings["TRIVY_CACHE_DIR"] == "/cache"
    assert "TRIVY_DB_REPOSITORY" not in settings  # localhost is another machine there
    assert (started / ".course" / "trivy" / "db" / "trivy.db").is_file()
    live, _ = trivy_cli.command(["image", "x"], path=without, live=True)
    assert "TRIVY_SKIP_DB_UPDATE=true" not in live and f"{started / '.course' / 'trivy'}:/cache" not in live


@POSIX
def test_notebooks_get_a_program_of_that_name_only_where_there_is_none(without, started, tmp_path, monkeypatch):
    trivy_cli.stand_in(path=without)
    program = paths.programs() / "trivy"
    assert os.access(program, os.X_OK)
    assert trivy.candidates(str(paths.programs())) == []  # it would call itself for ever
    stand_in(tmp_path, "echo Version: 0.71.0")
    trivy_cli.stand_in(path=str(tmp_path))
    assert not program.exists()


@POSIX
def test_that_program_passes_everything_on(started, tmp_path, monkeypatch):
    real = sys.executable
    monkeypatch.setattr(trivy, "candidates", lambda path=None: [])
    trivy_cli.stand_in()
    done = subprocess.run(
        [str(paths.programs() / "trivy"), "--help"],
        capture_output=True, text=True, check=True, env=os.environ | {"PYTHONPATH": str(paths.ROOT)},
    )  # fmt: skip
    assert real in (paths.programs() / "trivy").read_text(encoding="utf-8")
    assert f"Usage: {paths.course_from_here()} trivy" in done.stdout


@pytest.mark.engine
def test_in_a_container_arguments_files_and_status_come_through(without, started, tmp_path, engine, monkeypatch):
    """With an emulator for the image, which cannot be had without internet."""
    images.ensure(engine, images.REGISTRY)
    (tmp_path / "Dockerfile").write_text(
        f"FROM {images.REGISTRY}\n"
        'ENTRYPOINT ["/bin/sh", "-c", "echo $0 $@ $TRIVY_IMAGE_SRC > said; ls /cache/db >> said; exit 7"]\n',
        encoding="utf-8",
    )
    made, _ = engine.images.build(path=str(tmp_path), rm=True, labels={"course.test": "scanning"})
    folder = tmp_path / "a folder"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setattr(trivy_cli, "IMAGE", made.id)
    monkeypatch.setattr(trivy, "candidates", lambda path=None: [])
    try:
        assert trivy_cli.run(["image", "--severity", "HIGH"]) == 7
    finally:
        engine.images.remove(made.id, force=True)
    said = (folder / "said").read_text(encoding="utf-8").split()
    assert said == ["image", "--severity", "HIGH", "docker", "metadata.json", "trivy.db"]
    assert (folder / "said").stat().st_uid == os.getuid()
