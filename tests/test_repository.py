"""The files around the code: workflows, citation, line endings, pre-commit."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
PINNED = re.compile(r"uses: [\w./-]+@[0-9a-f]{40} # v\d+(\.\d+)*$")


def locked(package: str) -> str:
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    return next(line.split("==")[1].split()[0] for line in lines if line.startswith(f"{package}=="))


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)
def test_every_action_is_pinned_by_commit_with_its_version_beside_it(file):
    for line in file.read_text(encoding="utf-8").splitlines():
        if "uses:" in line:
            assert PINNED.search(line), line


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)
def test_a_workflow_has_no_rights_but_those_a_job_names(file):
    workflow = yaml.safe_load(file.read_text(encoding="utf-8"))
    assert workflow["permissions"] == {}
    for name, job in workflow["jobs"].items():
        assert "permissions" in job and "timeout-minutes" in job, name


def test_zizmor_finds_nothing_in_the_workflows():
    name = "zizmor.exe" if sys.platform == "win32" else "zizmor"
    program = Path(sys.executable).with_name(name)
    call = [program, "--offline", "--persona=pedantic", "--no-progress", *WORKFLOWS]
    done = subprocess.run(call, capture_output=True, text=True, encoding="utf-8", errors="replace", check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No findings to report" in done.stdout + done.stderr


def test_the_workflow_runs_what_a_person_runs():
    text = (ROOT / ".github/workflows/test.yml").read_text(encoding="utf-8")
    assert "bash .ci/run" in text and "course.py test --unit" in text
    assert "python3 course.py test" in (ROOT / ".ci/run").read_text(encoding="utf-8")


def test_the_citation_names_the_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert citation["version"] == project["version"]
    assert citation["license"] == project["license"].split(" AND ")


def test_pre_commit_lints_with_the_version_of_the_lock():
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"]
    ruff = next(repo for repo in hooks if "ruff" in repo["repo"])
    assert ruff["rev"] == f"v{locked('ruff')}"


def test_line_endings_are_those_of_the_repository_on_every_system(tmp_path):
    """A check of bytes would fail on Windows, where git puts CR LF into a checkout unless it is told not to."""
    git = [
        "git",
        "-C",
        str(tmp_path),
        "-c",
        "core.autocrlf=true",
        "-c",
        "user.name=t",
        "-c",
        "user.email=t@example.org",
    ]
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    (tmp_path / ".gitattributes").write_bytes((ROOT / ".gitattributes").read_bytes())
    (tmp_path / "a.py").write_bytes(b"one\ntwo\n")
    (tmp_path / "b.zip").write_bytes(b"PK\r\n\n\x00")
    subprocess.run([*git, "add", "-A"], check=True, capture_output=True)
    subprocess.run([*git, "commit", "--quiet", "-m", "files"], check=True)
    for name in ("a.py", "b.zip"):
        (tmp_path / name).unlink()
    subprocess.run([*git, "checkout", "--", "."], check=True)
    assert (tmp_path / "a.py").read_bytes() == b"one\ntwo\n"
    assert (tmp_path / "b.zip").read_bytes() == b"PK\r\n\n\x00"


@pytest.mark.parametrize("file", sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml")), ids=lambda file: file.name)
def test_an_issue_form_has_what_github_requires(file):
    """https://docs.github.com/communities/using-templates-to-encourage-useful-issues-and-pull-requests"""
    form = yaml.safe_load(file.read_text(encoding="utf-8"))
    if file.name == "config.yml":
        return
    assert form["name"] and form["description"]
    kinds = {"markdown", "input", "textarea", "dropdown", "checkboxes"}
    ids = [part["id"] for part in form["body"] if part["type"] != "markdown"]
    assert {part["type"] for part in form["body"]} <= kinds and len(set(ids)) == len(ids) > 0


def test_every_command_in_the_issue_forms_is_one_of_the_kit():
    from autograder.cli import COMMANDS

    for file in (ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml"):
        for name in re.findall(r"course\.py (\w+)", file.read_text(encoding="utf-8")):
            assert name in COMMANDS, (file.name, name)


def test_no_python_that_the_kit_starts_imports_from_the_folder_it_is_started_in():
    """Students' files may lie there; ``-P`` or ``-I`` keep that folder out."""
    open_ = re.compile(r"""(?:sys\.executable|\bpython\)?|self\.python\)?),\s*"-[mc]\"""")
    found = [
        f"{file.relative_to(ROOT)}: {match[0]}"
        for file in sorted((ROOT / "autograder").rglob("*.py"))
        if not {"benchmarks", "quality"} & set(file.parts)  # contributors run these in the checkout
        for match in open_.finditer(file.read_text(encoding="utf-8"))
    ]
    assert found == []
