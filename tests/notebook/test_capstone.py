"""The capstone's recorded runs: fresh processes, exit codes, the shut gate, and the scan on the emulators' clock."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
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
    """A session whose registries are as given, and what it records. Scripts push by a line in the file journal."""
    made = SimpleNamespace(folder=tmp_path, recorded={}, looks=[])

    def collect(wanted):
        made.looks.append(wanted)
        told = tmp_path / "journal"
        pushed = told.read_text(encoding="utf-8").splitlines() if told.exists() else []
        lines = [states.line(8 + n, **json.loads(line)) for n, line in enumerate(pushed)]
        return evidence(datetime.now(UTC) + timedelta(days=40), (states.line(7), *lines))

    made.collect = collect
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
ECR_NAME = checks.names(LAB.drawn("0" * 64))["ecr"]


def test_the_script_runs_in_processes_of_its_own(session, capsys):
    written = datetime.now(UTC) + timedelta(seconds=1)
    report = json.dumps({"CreatedAt": written.isoformat()})
    script = SCRIPT.replace("REPORT", repr(report))
    (session.folder / "release.py").write_text(script, encoding="utf-8")
    capstone.run_twice()
    runs = session.recorded["runs"]
    assert runs["codes"] == [3, 6] and runs["after"] == 7
    assert runs["shut"] == {"code": 0, "asked": 0, "pushed": []}
    assert runs["first"] == runs["second"] and set(checks.FOUR) < set(runs["first"])
    assert abs(datetime.fromisoformat(runs["scanned"]) - written - timedelta(days=40)) < timedelta(seconds=5)
    told = capsys.readouterr()
    assert all(f"run with {done} before it" in told.out for done in range(3)) and "to stderr" in told.out
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


# What a script may do about the gate. GATE is how it asks, PUSH what a push leaves in the journal.
RELEASE = """
import json, os, shutil, subprocess, sys
def push(tag="1.0.0", **more):
    line = {"service": "ecr", "repository": NAME, "tag": tag, "digest": "sha256:" + "1" * 64, **more}
    with open("journal", "a", encoding="utf-8") as file:
        file.write(json.dumps(line) + chr(10))
def gate(*command):
    return subprocess.run([*command, "gate", "report.json", "--ignore-unfixed"]).returncode
open("report.json", "w").write(json.dumps({"SchemaVersion": 2, "Results": [{"Class": "lang-pkgs"}]}))
"""
COURSE_PY = Path(checks.__file__).parents[3] / "course.py"
INSTALLED = f"{str(Path(sys.executable).parent / 'course')!r}"
MODULE = "sys.executable, '-m', 'autograder.cli'"
STARTED = f"sys.executable, {str(COURSE_PY)!r}"


def shut_run(session: Any, script: str) -> dict[str, Any]:
    (session.folder / "release.py").write_text(RELEASE.replace("NAME", repr(ECR_NAME)) + script, encoding="utf-8")
    recorded: dict[str, Any] = capstone._with_shut_gate(session, "release.py")
    assert recorded == json.loads(json.dumps(recorded))
    return recorded


@pytest.mark.slow
@pytest.mark.parametrize("call", [INSTALLED, MODULE, STARTED])
def test_a_shut_gate_says_no_however_it_is_asked(session, call):
    obeys = f"sys.exit(1) if gate({call}) else push()"
    assert shut_run(session, obeys) == {"code": 1, "asked": 1, "pushed": []}
    ignores = f"gate({call}); push(); push('prod')"
    assert shut_run(session, ignores) == {"code": 0, "asked": 1, "pushed": [["ecr", "1.0.0"], ["ecr", "prod"]]}


@pytest.mark.parametrize(
    ("script", "code", "pushed"),
    [
        ("push()", 0, [["ecr", "1.0.0"]]),
        ("push(tag='')", 0, [["ecr", "sha256:" + "1" * 64]]),
        ("push(what='resolve', detail={'actions': ['pull', 'push']})", 0, [["ecr", "1.0.0"]]),
        ("push(what='resolve', detail={'actions': ['pull']})", 0, []),
        ("push(what='pull')", 0, []),
        ("push(repository='somebody/else')", 0, []),
        ("push(service='dockerhub')", 0, []),  # the name there is another
        ("sys.exit(4)", 4, []),
    ],
)
def test_what_was_pushed_without_asking(session, script, code, pushed):
    assert shut_run(session, script) == {"code": code, "asked": 0, "pushed": pushed}


def test_only_the_first_run_has_a_shut_gate(session):
    tell = "print('shut', os.environ.get('COURSE_GATE_SHUT'), file=open('told', 'a'))"
    (session.folder / "release.py").write_text(RELEASE.replace("NAME", repr(ECR_NAME)) + tell, encoding="utf-8")
    capstone.run_twice()
    assert (session.folder / "told").read_text(encoding="utf-8").split() == ["shut", "1", *["shut", "None"] * 2]
