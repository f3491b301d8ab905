"""Lab 12's ``shop.py``: what a student is told when a registry refuses a login."""

from __future__ import annotations

import runpy
import sys
from types import SimpleNamespace

import pytest

import autograder.notebook
from autograder import paths
from autograder.services import cloud_variables


@pytest.fixture
def shop(monkeypatch, tmp_path):
    """The names of shop.py, as if the services ran."""
    monkeypatch.setenv("COURSE_HOME", str(tmp_path))
    for name in ("ACR", "ARTIFACT_REGISTRY", "DOCKERHUB", "DOCKERHUB_PASSWORD", "DOCKERHUB_USER", "ECR"):
        monkeypatch.setitem(vars(autograder.notebook), name, name.lower())
    me = SimpleNamespace(hub_repository="h", repository="r", project="p")
    monkeypatch.setattr(autograder.notebook, "me", me)
    for name, value in cloud_variables.private().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(autograder.notebook.variables, "hand_out", lambda: None)
    return runpy.run_path(str(paths.LABS / "12-multi-registry" / "shop.py"))


@pytest.mark.parametrize(
    "said",
    [
        "error parsing HTTP 403 response body",
        "denied: Your authorization token has expired. Reauthenticate and try again.",
        "reading manifest 1 in localhost:5003/a: unauthorized: authentication required",
    ],
)
def test_a_refused_login_says_which_login_wins(shop, capsys, said):
    with pytest.raises(SystemExit, match="failed with exit code 1"):
        shop["run"](sys.executable, "-c", f"import sys; sys.exit({said!r})")
    told = capsys.readouterr().out
    assert said in told and cloud_variables.private()["REGISTRY_AUTH_FILE"] in told
    assert "call shop.login() again" in told and "--authfile" in told


def test_another_failure_says_nothing_of_logins(shop, capsys):
    with pytest.raises(SystemExit):
        shop["run"](sys.executable, "-c", "import sys; sys.exit('no such file')")
    assert "login" not in capsys.readouterr().out


def test_every_client_of_lab_12_is_told_of_one_file():
    private = cloud_variables.private()
    assert private["REGISTRY_AUTH_FILE"].startswith(private["DOCKER_CONFIG"])
    assert {"REGISTRY_AUTH_FILE", "REGCTL_CONFIG"} <= set(cloud_variables.foreign(private))
