"""The class that version 0.1.0 made, unpacked where a test wants it, and what its students must get."""

from __future__ import annotations

import json
import sys
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from autograder.grading import handed_out
from autograder.labs import hidden, manifest

FOLDER = Path(__file__).with_name("v0_1_0")
ZIPS = sorted((FOLDER / "zips").glob("*.zip"))


@dataclass(frozen=True)
class Deserved:
    """What a student must get for a lab."""

    student: str
    lab: str
    score: float | None
    max_score: float
    claimed: float
    status: str
    owner: str | None
    checks: dict[str, float | None]
    with_hand: float
    ungraded: list[str]


def expected() -> list[Deserved]:
    """An entry for every submission of the class."""
    document = json.loads((FOLDER / "expected.json").read_text(encoding="utf-8"))
    return [Deserved(student, lab, **given) for student, labs in document.items() for lab, given in labs.items()]


def unpack(home: Path) -> None:
    """Put ``class/`` into a home."""
    with tarfile.open(FOLDER / "class.tar.xz") as archive:
        archive.extractall(home, filter="data")


def differences(document: dict[str, Any], deserved: Deserved) -> list[str]:
    """Where a verdict file is not what version 0.1.0 gave."""
    found = {
        "status": document["status"],
        "score": document["score"],
        "max_score": document["max_score"],
        "claimed": document["claimed"],
        "owner": document["identity"]["owner"],
        "checks": {id: given["score"] for id, given in document["checks"].items()},
    }
    who = f"{deserved.student}, {deserved.lab}"
    return [
        f"{who}: {name}: {value} instead of {getattr(deserved, name)}"
        for name, value in found.items()
        if value != getattr(deserved, name)
    ]


WORD = "albatross"
LISTS = ("BIRDS", "WORDS", "PLACES", "OTHERS", "MODELS", "PACKAGES", "LOOKS", "COMPANIES", "LOCATIONS")
"""Names of the lists of words that today's labs draw from, for values, fleets and hidden inputs."""


def other_lists(monkeypatch: Any) -> None:
    """A kit that draws from lists with one word more; what version 0.1.0 drew from is not today's."""
    for slug in manifest.slugs():
        manifest.find(slug).code()
    for name, module in list(sys.modules.items()):
        if name.startswith("autograder.checks.") and not name.startswith("autograder.checks.frozen"):
            _lengthen(module, monkeypatch.setattr)
    monkeypatch.setattr(handed_out, "_DECOYS", {})
    load = hidden.load_module

    def longer(file: Path, name: str) -> ModuleType:
        module = load(file, name)
        _lengthen(module, setattr)
        return module

    monkeypatch.setattr(hidden, "load_module", longer)


def _lengthen(module: ModuleType, put: Callable[[ModuleType, str, Any], None]) -> None:
    for name in LISTS:
        given = getattr(module, name, None)
        if isinstance(given, tuple) and given and isinstance(given[0], str) and given[0] != WORD:
            put(module, name, (WORD, *given))
