"""Labs done once, for all tests of this folder that need it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest

from autograder.labs import manifest
from autograder.labs.manifest import Lab
from autograder.quality import live, network
from autograder.quality.contract import Finding
from autograder.quality.lab_runs import LabRun
from tests.quality import nbval

A_LITTLE = 1 << 20  # bytes


@dataclass(frozen=True)
class Done:
    """What doing labs gave.

    Attributes:
        student: who did them, in the course ``live.COURSE``.
        findings: breaches of the content contract.
        submissions: folder with one zip a lab, written when the lab was solved.
        lines: what was reported, with seconds.
        nbval: slug → how nbval's run of the solved notebook ended, which was the first time that the lab was solved.
        outside: bytes that came from or went to other machines from when all was up, by anybody.
        traffic: the reported lines before which more than a little of it went, with how much.
    """

    student: str
    findings: list[Finding]
    submissions: Path
    lines: list[str]
    nbval: dict[str, subprocess.CompletedProcess[str]]
    outside: int
    traffic: tuple[str, ...]


def outside() -> int:
    """Bytes so far on the interfaces that lead away from this machine: those with a default route (Linux)."""
    routes = [line.split() for line in Path("/proc/net/route").read_text(encoding="ascii").splitlines()[1:]]
    away = {fields[0] for fields in routes if fields[1] == "00000000"}
    total = 0
    for line in Path("/proc/net/dev").read_text(encoding="ascii").splitlines()[2:]:
        name, _, counters = line.partition(":")
        if name.strip() in away:
            received, sent = int(counters.split()[0]), int(counters.split()[8])
            total += received + sent
    return total


def wanted(items: Iterable[pytest.Item]) -> list[str]:
    """Slugs of the labs that the chosen tests ask of ``done``: one each, or all of them for a test of the course."""
    asking = [item for item in items if isinstance(item, pytest.Function) and "done" in item.fixturenames]
    values = [getattr(item, "callspec", None) for item in asking]
    slugs = {call.params.get("slug") if call else None for call in values}
    return [slug for slug in manifest.slugs() if None in slugs or slug in slugs]


@pytest.fixture
def wanted_labs():
    """The function that says which labs are done, for its own test."""
    return wanted


@pytest.fixture(scope="session")
def done(request, tmp_path_factory):
    """The wanted labs as shipped, solved under nbval and submitted, solved again backwards, and reset, in one home."""
    folder, student = tmp_path_factory.mktemp("submissions"), "verifier"
    lines: list[str] = []
    bytes_then: list[int] = []

    def report(line: str) -> None:
        lines.append(line)
        bytes_then.append(outside())

    ended: dict[str, subprocess.CompletedProcess[str]] = {}

    def under_nbval(lab_run: LabRun, lab: Lab) -> None:
        ended[lab.slug] = nbval.run(lab_run, lab)

    labs = [manifest.find(slug) for slug in wanted(request.session.items)]
    with network.turn():
        findings = live.verify(labs, report, folder, student, under_nbval)
    steps = zip(lines[1:], pairwise(bytes_then), strict=True)
    traffic = tuple(f"{line}: {after - before:,} bytes" for line, (before, after) in steps if after - before > A_LITTLE)
    return Done(student, findings, folder, lines, ended, bytes_then[-1] - bytes_then[0], traffic)
