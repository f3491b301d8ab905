"""What decides a verdict, beside the evidence: the lab, its checks, its cases, and what checks are made of.

A verdict file keeps the fingerprint of the rules that it was judged by. Where it is another one now, stored evidence is
judged again; a mere change of the kit's version changes nothing.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from autograder import paths
from autograder.labs.manifest import Lab

ROOMS = ("domain", "evidence", "oci", "pipelines")  # what checks may import; tests/grading/test_rules.py holds it
COMMON = ("api.py", "shared")  # of the folder of checks
IMPORTED = re.compile(rb"autograder\.checks\.(\w+)")


def fingerprint(lab: Lab) -> str:
    """16 hex digits that change with whatever decides a verdict of the lab, and with nothing else of the kit.

    It is the same on every machine: it sees the content of files, with any line ends.
    """
    seen = hashlib.sha256(_kit().encode())
    own = lab.source.checks
    for package in sorted(_packages(own, lab.module)):
        _add(seen, own / package)
    for file in (lab.source.manifest, lab.source.cases, lab.source.hidden):
        _add(seen, file)
    seen.update(json.dumps(lab.points, sort_keys=True).encode())
    return seen.hexdigest()[:16]


@cache
def _kit() -> str:
    """Of what every lab's checks may rest on; the kit's own files do not change while it runs."""
    seen = hashlib.sha256()
    package = paths.ROOT / "autograder"
    for part in (*(package / room for room in ROOMS), *(package / "checks" / name for name in COMMON)):
        _add(seen, part)
    return seen.hexdigest()


def _packages(checks: Path, module: str) -> set[str]:
    """A lab's package of checks, and those of other labs that it imports."""
    found: set[str] = set()
    waiting = [module]
    while waiting:
        package = waiting.pop()
        if package not in found and (checks / package).is_dir():
            found.add(package)
            waiting += [
                name.decode()
                for file in _files(checks / package)
                if file.suffix == ".py"
                for name in IMPORTED.findall(file.read_bytes())
            ]
    return found


def _add(seen: hashlib._Hash, part: Path) -> None:
    """Add a file, or all files of a folder, with their names below it."""
    for file in _files(part):
        content = hashlib.sha256(file.read_bytes().replace(b"\r\n", b"\n")).hexdigest()
        seen.update(f"{part.name} {file.relative_to(part).as_posix()} {content}\n".encode())


def _files(part: Path) -> Iterator[Path]:
    if part.is_file():
        yield part
    elif part.is_dir():
        yield from sorted(
            (file for file in part.rglob("*") if file.is_file() and "__pycache__" not in file.parts),
            key=lambda file: file.as_posix(),
        )
