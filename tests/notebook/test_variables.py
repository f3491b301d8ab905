"""The names of ``course env`` in a notebook: imported, and as variables of what a cell starts."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import autograder.notebook
from autograder.domain.services import NAMES
from autograder.errors import EnvironmentProblem
from autograder.notebook import variables
from autograder.services import cloud_credentials, installation

CELLS = [
    "from autograder.notebook import ACR, ARTIFACT_REGISTRY, DOCKERHUB, DOCKERHUB_USER, ECR, REGISTRY\n"
    "ECR, DOCKERHUB_USER",
    '!aws ecr describe-repositories --query "length(repositories)"',
    "!aws --profile reader sts get-caller-identity --query Arn --output text",
    "import boto3\nboto3.Session(profile_name='ci-role').client('sts').get_caller_identity()['Arn']",
    "boto3.client('ecr').meta.endpoint_url",
    "!course clock show --json",
]


@pytest.fixture
def started(home):
    with installation.change() as state:
        state.ports |= dict.fromkeys(NAMES, 5003)
    cloud_credentials.load()


def test_names_are_imported_when_their_service_was_started_once(started):
    from autograder.notebook import ACR_NAME, ECR

    assert (ECR, ACR_NAME) == ("localhost:5003", "mlregistry")
    assert set(autograder.notebook.__all__) - set(variables.NAMES) == {"answer", "check", "hint", "me"}


def test_what_was_never_started_says_what_to_do(home):
    with pytest.raises(EnvironmentProblem, match=r"course\.py start"):
        autograder.notebook.ECR  # noqa: B018
    with installation.change() as state:
        state.ports["registry"] = 5001
    assert autograder.notebook.REGISTRY == "localhost:5001"
    with pytest.raises(EnvironmentProblem, match="value of DOCKERHUB_USER"):
        autograder.notebook.DOCKERHUB_USER  # noqa: B018
    assert not hasattr(autograder.notebook, "NOTHING")


def test_a_kernel_and_only_a_kernel_gets_the_variables(started, monkeypatch):
    monkeypatch.setattr(
        os, "environ", {"PATH": "/bin", "AWS_PROFILE": "work", "COURSE_HOME": os.environ["COURSE_HOME"]}
    )
    before = dict(os.environ)
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: None))
    variables.install()
    assert os.environ == before
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: SimpleNamespace(kernel=1)))
    variables.install()
    variables.install()
    assert os.environ["AWS_ENDPOINT_URL"] == "http://127.0.0.1:5003" and "AWS_PROFILE" not in os.environ
    assert os.environ["PATH"] == os.pathsep.join([str(Path(sys.executable).parent), "/bin"])


def test_before_the_first_start_the_import_works(home, monkeypatch):
    monkeypatch.setattr(os, "environ", {"COURSE_HOME": os.environ["COURSE_HOME"]})
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: SimpleNamespace(kernel=1)))
    variables.install()
    assert "AWS_ENDPOINT_URL" not in os.environ and os.environ["AWS_EC2_METADATA_DISABLED"] == "true"


@pytest.mark.engine
def test_cells_use_the_clients_without_exporting_anything(running, tmp_path, monkeypatch):
    import nbformat
    from nbclient import NotebookClient

    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    with installation.change() as state:
        state.ports.setdefault("registry", 5001)  # of a service that does not run here
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in CELLS])
    resources = {"metadata": {"path": str(tmp_path)}}
    done = NotebookClient(notebook, timeout=60, kernel_name="python3", resources=resources).execute()
    said = ["".join(out.get("text") or out["data"]["text/plain"] for out in cell.outputs) for cell in done.cells]
    assert said[0] == f"('localhost:{running.ports['ecr']}', 'student')"
    assert said[1].strip().isdigit() and said[2].strip().endswith(":user/reader")
    assert "assumed-role/ci-role" in said[3] and f":{running.ports['ecr']}" in said[4] and '"now"' in said[5]
