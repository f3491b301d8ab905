"""What decides a verdict, beside the evidence: the lab, its checks, its cases, what checks are made of, and the
versions of its probes.

A verdict file keeps the fingerprint of the rules that it was judged by. Where it is another one now, stored evidence is
judged again; a mere change of the kit's version changes nothing.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from autograder import paths
from autograder.grading import probes
from autograder.labs.manifest import Lab

ROOMS = ("domain", "evidence", "oci", "pipelines")  # what checks may import; tests/grading/test_rules.py holds it
COMMON = ("api.py", "shared")  # of the folder of checks
IMPORTED = re.compile(rb"autograder\.checks(?:\.(\w+)|\s+import\s+(?:\(([^)]*)\)|([^\n]*)))")
NAME = re.compile(rb"\w+")


def fingerprint(lab: Lab) -> str:
    """16 hex digits that change with whatever decides a verdict of the lab, and with nothing else of the kit.

    It is the same for all versions of the lab, and on every machine: it sees the content of files, with any line ends.
    """
    seen = hashlib.sha256(_of_files(lab))
    seen.update(json.dumps(lab.most_points(), sort_keys=True).encode())
    raised = {name: number for version in lab.every_version() for name, number in probes.versions(version).items()}
    if raised:
        seen.update(json.dumps(raised, sort_keys=True).encode())
    return seen.hexdigest()[:16]


def _of_files(lab: Lab) -> bytes:
    """A digest of the lab's files. They are read once, and again only after a change: a class asks for each student."""
    known = _seen.get(lab.source.manifest)
    if known is not None and known[0] == lab.module and known[2] == _stamp(known[1]):
        return known[3]
    packages = [_checks() / package for package in sorted(_packages(lab))]
    if lab.source.checks != _checks():  # its packages may share files in any way
        packages.insert(0, lab.source.checks)
    parts = (*packages, lab.source.manifest, lab.source.cases, lab.source.hidden)
    stamp = _stamp(parts)
    seen = hashlib.sha256(_kit().encode())
    for part in parts:
        _add(seen, part)
    _seen[lab.source.manifest] = (lab.module, parts, stamp, seen.digest())
    return seen.digest()


_seen: dict[Path, tuple[str, tuple[Path, ...], tuple[object, ...], bytes]] = {}


def _stamp(parts: Iterable[Path]) -> tuple[object, ...]:
    """Changes with every file of the parts that is written, added, removed or renamed; reads none."""
    found: list[object] = []
    waiting = [str(part) for part in parts]
    while waiting:
        name = waiting.pop()
        try:
            entries = sorted(os.scandir(name), key=lambda entry: entry.name)
        except NotADirectoryError:
            entries, about = [], Path(name).stat()
            found.append((name, about.st_size, about.st_mtime_ns, about.st_ctime_ns, about.st_ino))
        except OSError:
            continue
        waiting += [entry.path for entry in entries if not _is_left_behind(Path(entry.name))]
    return tuple(found)


@cache
def _kit() -> str:
    """Of what every lab's checks may rest on; the kit's own files do not change while it runs."""
    seen = hashlib.sha256()
    package = paths.ROOT / "autograder"
    for part in (*(package / room for room in ROOMS), *(_checks() / name for name in COMMON)):
        _add(seen, part)
    return seen.hexdigest()


def _checks() -> Path:
    """The kit's folder of checks."""
    return paths.ROOT / "autograder" / "checks"


def _packages(lab: Lab) -> set[str]:
    """The kit's packages of checks that decide about a lab: its own, and those that it imports.

    A lab outside the kit has its own elsewhere; ``autograder.checks`` is the kit's wherever it is imported.
    """
    own, found = lab.source.checks, set[str]()
    waiting = _imported(lab.source.hidden)
    waiting += [lab.module] if own == _checks() else _imported(own)
    while waiting:
        package = waiting.pop()
        if package not in found and (_checks() / package).is_dir():
            found.add(package)
            waiting += _imported(_checks() / package)
    return found


def _imported(part: Path) -> list[str]:
    """What the Python files of a part import of ``autograder.checks``, as first names below it."""
    return [
        name.decode()
        for file in _files(part)
        if file.suffix == ".py"
        for groups in IMPORTED.findall(file.read_bytes())
        for group in groups
        for name in NAME.findall(group)
    ]


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
            (file for file in part.rglob("*") if file.is_file() and not _is_left_behind(file.relative_to(part))),
            key=lambda file: file.as_posix(),
        )


def _is_left_behind(file: Path) -> bool:
    """Whether an interpreter, an editor or a tool left it: nothing that is imported begins with a dot."""
    return any(name == "__pycache__" or name.startswith(".") for name in file.parts)
