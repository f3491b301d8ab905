"""How long each part of `course test` took: steps by the clock, and folders of tests by pytest's JUnit reports."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree


@dataclass(frozen=True)
class Folder:
    """The tests of one folder, or of one file directly below ``tests``.

    Attributes:
        name: ``tests/emulators``.
        tests: how many.
        seconds: of all of them, one after the other, their fixtures included.
    """

    name: str
    tests: int
    seconds: float


@dataclass(frozen=True)
class Part:
    """One step.

    Attributes:
        name: as it is shown.
        seconds: by the clock on the wall.
        folders: of pytest's steps, slowest first.
    """

    name: str
    seconds: float
    folders: list[Folder] = field(default_factory=list)


def folders(report: Path) -> list[Folder]:
    """The folders of a JUnit report of pytest, slowest first; empty where there is none.

    Source of the form: https://docs.pytest.org/en/stable/how-to/output.html#creating-junitxml-format-files
    """
    if not report.is_file():
        return []
    seconds: dict[str, float] = defaultdict(float)
    tests: dict[str, int] = defaultdict(int)
    for case in ElementTree.parse(report).iter("testcase"):  # our own pytest wrote it
        name = "/".join(case.attrib["classname"].split(".")[:2])
        tests[name] += 1
        seconds[name] += float(case.attrib["time"])
    return [Folder(name, tests[name], seconds[name]) for name in sorted(seconds, key=lambda name: -seconds[name])]


def table(parts: list[Part]) -> str:
    """All parts with their seconds, one a line; those of folders, which ran side by side, are indented."""
    lines = ["seconds  part"]
    for part in parts:
        lines.append(f"{part.seconds:7.0f}  {part.name}")
        lines += [f"         {one.seconds:7.0f}  {one.name} ({one.tests:,} tests)" for one in part.folders]
    return "\n".join(lines)
