"""The class that version 0.1.0 made, unpacked where a test wants it, and what its students must get."""

from __future__ import annotations

import json
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
