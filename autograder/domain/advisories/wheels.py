"""Packages that an image of the course can have in an old, vulnerable version or in a fixed one: pure-Python wheels.

Which of them a student gets is personal, so the lab's parameters draw from here. The data are in wheels.toml.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any


@dataclass(frozen=True)
class Wheel:
    """One file: version of the package, file name, SHA-256 in hex."""

    package: str
    version: str
    file: str
    sha256: str

    @property
    def pin(self) -> str:
        """As a line of requirements.txt."""
        return f"{self.package}=={self.version}"


@dataclass(frozen=True)
class Choice:
    """A package that can be in an image in a vulnerable and in a fixed version.

    Attributes:
        package: normalised name.
        vulnerable: the old wheel.
        fixed: the one without any advisory that the course knows.
        planted: whether an advisory of HIGH or CRITICAL severity affects the vulnerable version.
        marks: SHA-256 (hex) of files that only the vulnerable wheel has.
    """

    package: str
    vulnerable: Wheel
    fixed: Wheel
    planted: bool
    marks: tuple[str, ...]


@cache
def choices() -> tuple[Choice, ...]:
    """All packages of wheels.toml, the planted ones first."""
    text = resources.files("autograder.domain.advisories").joinpath("wheels.toml").read_text(encoding="utf-8")
    document = tomllib.loads(text)
    return tuple(_choice(entry, kind == "planted") for kind in ("planted", "noise") for entry in document[kind])


def _choice(entry: dict[str, Any], planted: bool) -> Choice:
    vulnerable, fixed = (Wheel(entry["package"], **entry[kind]) for kind in ("vulnerable", "fixed"))
    return Choice(entry["package"], vulnerable, fixed, planted, tuple(entry["marks"]))


def marks() -> dict[str, tuple[str, str]]:
    """SHA-256 of a file -> (package, version) whose vulnerable code it is."""
    return {mark: (one.package, one.vulnerable.version) for one in choices() for mark in one.marks}
