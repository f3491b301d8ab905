"""The capstone's two runs: fresh processes, exit codes, and the time of the scan on the emulators' clock."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from autograder.checks.capstone import checks
from autograder.evidence.model import Evidence, Service
from autograder.labs import manifest
from autograder.notebook.labs import capstone
from tests.evidence import emulator_states as states

LAB = manifest.find("12")


def evidence(clock: datetime, journal: tuple[dict[str, Any], ...] = ()) -> Evidence:
    settings = states.state("ecr") | {"now": clock.isoformat()}
    return Evidence(
        kit_version="0",
        lab=LAB.slug,
        lab_version=1,
        student="ada",
        origin="live",
        collected_at="",
        parameters=LAB.drawn("0" * 64),
        services={"ecr": Service(settings=settings)},
        journal=journal,
    )


@pytest.fixture
def session(tmp_path, monkeypatch):
    """A session whose registries are as given, and what it records."""
    made = SimpleNamespace(folder=tmp_path, recorded={}, looks=[])
    line = states.line(7)
    made.collect = lambda wanted: made.looks.append(wanted) or evidence(datetime.now(UTC) + timedelta(days=40), (line,))
    made.record = lambda name, value: made.recorded.update({name: value})
    monkeypatch.setattr(capstone, "live", lambda: made)
    return made


SCRIPT = """
import pathlib, sys
count = pathlib.Path("count")
done = int(count.read_text()) if count.exists() else 0
count.write_text(str(done + 1))
pathlib.Path("report.json").write_text(REPORT)
print("run with", done, "before it")
print("to stderr", file=sys.stderr)
sys.exit(3 * done)
"""


def test_the_script_runs_twice_in_processes_of_its_own(session, capsys):
    written = datetime.now(UTC) + timedelta(seconds=1)
    report = json.dumps({"CreatedAt": written.isoformat()})
    script = SCRIPT.replace("REPORT", repr(report))
    (session.folder / "release.py").write_text(script, encoding="utf-8")
    capstone.run_twice()
    runs = session.recorded["runs"]
    assert runs["codes"] == [0, 3] and runs["after"] == 7
    assert runs["first"] == runs["second"] and set(checks.FOUR) < set(runs["first"])
    assert abs(datetime.fromisoformat(runs["scanned"]) - written - timedelta(days=40)) < timedelta(seconds=5)
    told = capsys.readouterr()
    assert "run with 0 before it" in told.out and "run with 1 before it" in told.out and "to stderr" in told.out
    assert told.err == ""
    assert all(look.services == set(checks.FOUR) and not look.probes for look in session.looks)


OLD = '{"CreatedAt": "2020-01-01T00:00:00Z"}'  # left over from before


@pytest.mark.parametrize(
    "report", [None, "", "[]", '{"CreatedAt": "noon"}', '{"CreatedAt": 5}', '{"CreatedAt": "2999-01-01"}', OLD]
)
def test_a_report_that_says_no_time(session, report):
    (session.folder / "release.py").write_text("", encoding="utf-8")
    if report is not None:
        (session.folder / "report.json").write_text(report, encoding="utf-8")
    capstone.run_twice()
    assert session.recorded["runs"]["scanned"] is None


def test_a_run_that_never_ends_is_stopped(session, monkeypatch, capsys):
    monkeypatch.setattr(capstone, "SECONDS", 0.5)
    (session.folder / "release.py").write_text("import time; time.sleep(60)", encoding="utf-8")
    capstone.run_twice()
    assert session.recorded["runs"]["codes"] == [-1, -1]
    assert "stopped after 0.5 seconds" in capsys.readouterr().out
