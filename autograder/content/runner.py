"""Runs the blocks of a lesson in order, as a reader would, and compares what they print with what the page shows.

Names are translated before a command runs and back before its output is compared (:mod:`autograder.content.names`).
The text of the lesson is never edited.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from autograder.content import cloudcli, filekinds
from autograder.content.blocks import Block, parse
from autograder.content.expect import Bindings, compare
from autograder.content.names import Names

# Sourced before each block: what a reader's shell remembers from one block to the next.
_PRELUDE = """
if [ -f "$STATE/env" ]; then . "$STATE/env"; fi
cd "$(cat "$STATE/cwd")"
trap 'status=$?; { export -p; declare -f; } > "$STATE/env"; pwd > "$STATE/cwd"; exit $status' EXIT
set -ae -o pipefail
"""


# Docker prints one such line a layer and state; a terminal overwrites them, so that the last state is what one sees.
_PROGRESS = re.compile(r"(?P<layer>[0-9a-f]{12}): (?P<state>[A-Z].*)")
# Docker colours the note under a push even where nobody asked for colours.
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def as_terminal(output: str) -> str:
    """What a terminal shows in the end: one line a layer, with its last state, where it first appeared; no colours."""
    lines: list[str] = []
    places: dict[str, int] = {}
    for line in _COLOUR.sub("", output).split("\n"):
        match = _PROGRESS.fullmatch(line)
        if match and match["layer"] in places:
            lines[places[match["layer"]]] = line
            continue
        if match:
            places[match["layer"]] = len(lines)
        else:
            places.clear()
        lines.append(line)
    return "\n".join(lines)


@dataclass(frozen=True)
class Outcome:
    """What became of one block. ``seconds`` is wall time; ``problem`` is None when it did what the lesson shows."""

    block: Block
    output: str
    status: int
    seconds: float
    problem: str | None


@dataclass
class Report:
    """The outcomes of one lesson, and what is wrong with it beyond single blocks."""

    lesson: str
    outcomes: list[Outcome] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)

    @property
    def counts(self) -> dict[str, int]:
        """How many blocks were run, validated and marked (the clouds' tools apart), and how many outputs compared."""
        kinds = Counter(outcome.block.kind for outcome in self.outcomes)
        cloud = sum(outcome.block.cloud for outcome in self.outcomes)
        compared = sum(o.block.expected is not None and o.block.kind == "run" for o in self.outcomes)
        return {
            "blocks": len(self.outcomes),
            "run": kinds["run"],
            "validated": kinds["validate"],
            "marked": kinds["marked"] - cloud,
            "cloud CLI": cloud,
            "outputs compared": compared,
        }

    @property
    def problems(self) -> list[str]:
        """One sentence a failed block, with its line in the lesson and what it printed."""
        return [
            f"{self.lesson}.md, line {o.block.line}: {o.problem}\n--- printed ---\n{o.output}"
            for o in self.outcomes
            if o.problem
        ] + [f"{self.lesson}.md: {difference}" for difference in self.differences]

    def as_json(self) -> dict[str, Any]:
        """The report for the test report's folder."""
        return {
            "lesson": self.lesson,
            **self.counts,
            "markers": [
                {"line": o.block.line, "why": o.block.reason, "cloud": o.block.cloud}
                for o in self.outcomes
                if o.block.reason
            ],
            "blocks in order": [
                {
                    "line": o.block.line,
                    "kind": o.block.kind,
                    "language": o.block.language,
                    "seconds": round(o.seconds, 3),
                    "ok": o.problem is None,
                }
                for o in self.outcomes
            ],
        }


class Session:
    """One reader's shell: a working folder, and what earlier blocks left in it.

    Args:
        folder: where the blocks run; the caller has put there what the lesson expects to find.
        names: the lesson's names and this run's.
        state: a folder for the session's own memory, outside ``folder``.
        environment: variables on top of those of this process.
        first: folders whose commands come before all others.
    """

    def __init__(
        self,
        folder: Path,
        names: Names,
        state: Path,
        environment: Mapping[str, str] | None = None,
        first: Sequence[Path] = (),
    ) -> None:
        self.names, self.state, self.first = names, state, tuple(first)
        self.environment = dict(environment or {})
        self.bindings = Bindings()
        state.mkdir(parents=True, exist_ok=True)
        (state / "cwd").write_text(f"{folder}\n", encoding="utf-8")

    def perform(self, block: Block) -> Outcome:
        """Run, validate or only parse a block, as its kind says."""
        begin = time.perf_counter()
        if block.kind == "run":
            status, output = self._run(block)
            while status not in block.exit and time.perf_counter() - begin < block.retry:
                time.sleep(0.2)
                status, output = self._run(block)
            problem = self._judge(block, status, output)
        else:
            status, output = 0, ""
            problem = _complaint(block)
            if problem is None and block.file and block.kind == "validate":
                target = self._cwd() / block.file
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(self.names.here(block.code), encoding="utf-8", newline="\n")
        return Outcome(block, output, status, time.perf_counter() - begin, problem)

    def _cwd(self) -> Path:
        return Path((self.state / "cwd").read_text(encoding="utf-8").rstrip("\n"))

    def _run(self, block: Block) -> tuple[int, str]:
        code = self.names.here(block.code)
        if block.language == "python":
            (self.state / "block.py").write_text(code, encoding="utf-8", newline="\n")
            code = 'python3 -c "$(cat "$STATE/block.py")"'
        fixed = {"STATE": str(self.state), "LC_ALL": "C.UTF-8", "PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1"}
        process = subprocess.Popen(
            [filekinds.tool("bash"), "-c", _PRELUDE + code],
            cwd=self._cwd(),
            env={**os.environ, **self.environment, **fixed, "PATH": self._path()},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )
        local = block.expected is not None and block.expected.local
        try:
            output, _ = process.communicate(timeout=block.timeout)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            output, _ = process.communicate()
            return -1, self.names.there(output, local) + f"\n(no end after {block.timeout:g} s)"
        return process.returncode, self.names.there(as_terminal(output), local)

    def _path(self) -> str:
        """The path with the environment that runs us first, as for a reader who has activated it."""
        before = self.environment.get("PATH", os.environ.get("PATH", ""))
        return os.pathsep.join([*map(str, self.first), str(Path(sys.executable).parent), before])

    def _judge(self, block: Block, status: int, output: str) -> str | None:
        if status not in block.exit:
            return f"ended with status {status}, the lesson says {' or '.join(map(str, block.exit))}"
        if block.expected is None:
            return None
        return compare(block.expected, output, self.bindings)


def _complaint(block: Block) -> str | None:
    """What is wrong with a block that is not run: by its language, then by what it is."""
    wrong = filekinds.language_complaint(block.language, block.code)
    if wrong is None and block.language == "sh" and block.kind == "marked":
        try:
            cloudcli.commands(block.code)
        except ValueError as error:
            return f"not a shell command: {error}"
    if wrong is not None:
        return wrong
    refused = filekinds.complaint(block.what, block.code)
    if block.invalid:
        return None if refused else f"marked as invalid, but {block.what} has nothing against it"
    return refused


def run_lesson(lesson: Path, session: Session) -> Report:
    """Every block of a lesson in order; a failed block does not stop the following ones."""
    report = Report(lesson.stem)
    session.names.read(lesson.read_text(encoding="utf-8"))
    for block in parse(lesson):
        report.outcomes.append(session.perform(block))
    shown = [words for o in report.outcomes if o.block.cloud for words in cloudcli.cloud_commands(o.block.code)]
    printed = cloudcli.stood_for(outcome.output for outcome in report.outcomes)
    report.differences = cloudcli.differences(shown, printed)
    return report


def table(entries: Sequence[Mapping[str, Any]]) -> str:
    """The counts of all lessons as a Markdown table with its sums, and every marker with its reason.

    Args:
        entries: what :meth:`Report.as_json` gave for each lesson.
    """
    names = [name for name in Report("").counts] + ["seconds"]
    rows = [
        [
            str(entry["lesson"]),
            *(entry[name] for name in names[:-1]),
            sum(b["seconds"] for b in entry["blocks in order"]),
        ]
        for entry in entries
    ]
    rows.append(["all", *(sum(row[column] for row in rows) for column in range(1, len(names) + 1))])
    lines = ["| lesson | " + " | ".join(names) + " |", "| --- |" + " ---: |" * len(names)]
    lines += [f"| {row[0]} | " + " | ".join(f"{value:.0f}" for value in row[1:]) + " |" for row in rows]
    lines += ["", "Marked blocks:", ""]
    for entry in entries:
        for marker in entry["markers"]:
            kind = "cloud CLI" if marker["cloud"] else "marked"
            lines.append(f"- {entry['lesson']}, line {marker['line']} ({kind}): {marker['why']}")
    return "\n".join(lines) + "\n"


def require(tools: Sequence[str]) -> None:
    """Raise unless each command is on the path.

    Raises:
        EnvironmentProblem: one is missing; the sentence names it.
    """
    for name in tools:
        filekinds.tool(name)
