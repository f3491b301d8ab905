"""The emulators' README held against the code: what it names exists, and its configuration is one."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from autograder import paths
from autograder.emulators.assembly import Configuration, Emulators
from autograder.emulators.interface import Backend
from tests.test_architecture import defined

FOLDER = paths.ROOT / "autograder" / "emulators"
TEXT = (FOLDER / "README.md").read_text(encoding="utf-8")
PLACES = sorted(set(re.findall(r"`([\w/]+\.py): ([\w.]+)`", TEXT)))
# Files of the kit, named alone or from the top; those of the state folder stand in a table of their own.
FILES = sorted(set(re.findall(r"`((?:tests|autograder)/[\w/.]+|[\w/]+\.py)`", TEXT)))
DRAWN = sorted(set(re.findall(r"\b([\w/]+\.py)\b", TEXT.split("```")[1])))


@pytest.mark.parametrize(("file", "name"), PLACES)
def test_every_place_is_there(file: str, name: str) -> None:
    path = FOLDER / file
    assert path.is_file(), f"the emulators' README names {file}, which is gone: say where it is now"
    assert name in defined(path), f"the emulators' README names {name} in {file}, which has no such definition"


@pytest.mark.parametrize("file", [*FILES, *DRAWN])
def test_every_file_is_there(file: str) -> None:
    top = paths.ROOT if file.startswith(("tests/", "autograder/")) else FOLDER
    assert (top / file).exists(), f"the emulators' README names {file}, which is gone: say where it is now"


def test_every_hook_is_there() -> None:
    section = TEXT.partition("| the cloud decides about")[2].partition("\n\n")[0]
    hooks = set(re.findall(r"`(\w+)`", section)) - {"BearerBackend", "identify", "rights"}
    assert len(hooks) >= 8 and all(hasattr(Backend, hook) for hook in hooks), hooks


def test_the_files_of_the_state_are_those_it_writes(tmp_path: Path) -> None:
    """The example is taken as it stands; what its emulators write at once is in the table."""
    data = json.loads(re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL)[0])
    file = tmp_path / "scratch.json"
    file.write_text(json.dumps({**data, "state": str(tmp_path / "state")}), encoding="utf-8")
    emulators = Emulators(Configuration.read(file))
    emulators.backends["dockerhub"].admin("account-create", {"name": "heron"})
    scope = {"name": "readers", "actions": ["repositories/app/content/read"]}
    emulators.backends["acr"].admin("scope-map-create", scope)
    emulators.close()
    state = tmp_path / "state"
    written = {path.relative_to(state).as_posix() for path in state.rglob("*") if path.is_file()}
    table = set(re.findall(r"`([\w./-]+\.(?:json|sqlite3|log))`", TEXT.partition("## Where state lies")[2]))
    assert written <= table and {"standins.sqlite3", "acr/settings.json"} <= written
