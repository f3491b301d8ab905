"""Runs the blocks of a lesson in order, as a reader would, and compares what they print with what the page shows.

A lesson names things as its reader has them (``localhost:5001``, a container called ``my-registry``). A test must not
touch those, so a **table** maps each name to a throw-away one before a command runs and back before its output is
compared. The text of the lesson is never edited.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from autograder.content.blocks import Block, parse
from autograder.content.expect import Bindings, compare
from autograder.errors import EnvironmentProblem

# Sourced before each block: what a reader's shell remembers from one block to the next.
_PRELUDE = """
if [ -f "$STATE/env" ]; then . "$STATE/env"; fi
cd "$(cat "$STATE/cwd")"
trap 'status=$?; export -p > "$STATE/env"; pwd > "$STATE/cwd"; exit $status' EXIT
set -ae -o pipefail
"""


# Docker prints one such line a layer and state; a terminal overwrites them, so that the last state is what one sees.
_PROGRESS = re.compile(r"(?P<layer>[0-9a-f]{12}): (?P<state>[A-Z].*)")


def as_terminal(output: str) -> str:
    """What a terminal shows in the end: one line a layer, with its last state, where the layer first appeared."""
    lines: list[str] = []
    places: dict[str, int] = {}
    for line in output.split("\n"):
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
    """The outcomes of one lesson."""

    lesson: str
    outcomes: list[Outcome] = field(default_factory=list)

    @property
    def counts(self) -> dict[str, int]:
        """How many blocks were run, validated and marked, and how many outputs were compared."""
        kinds = Counter(outcome.block.kind for outcome in self.outcomes)
        compared = sum(o.block.expected is not None and o.block.kind == "run" for o in self.outcomes)
        return {
            "blocks": len(self.outcomes),
            "run": kinds["run"],
            "validated": kinds["validate"],
            "marked": kinds["marked"],
            "outputs compared": compared,
        }

    @property
    def problems(self) -> list[str]:
        """One sentence a failed block, with its line in the lesson and what it printed."""
        return [
            f"{self.lesson}.md, line {o.block.line}: {o.problem}\n--- printed ---\n{o.output}"
            for o in self.outcomes
            if o.problem
        ]

    def as_json(self) -> dict[str, Any]:
        """The report for the test report's folder."""
        return {
            "lesson": self.lesson,
            **self.counts,
            "markers": [{"line": o.block.line, "why": o.block.reason} for o in self.outcomes if o.block.reason],
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
        table: names in the lesson → names in this run; applied to commands, undone in outputs.
        state: a folder for the session's own memory, outside ``folder``.
    """

    def __init__(self, folder: Path, table: Mapping[str, str], state: Path) -> None:
        self.folder, self.table, self.state = folder, dict(table), state
        self.bindings = Bindings()
        state.mkdir(parents=True, exist_ok=True)
        (state / "cwd").write_text(f"{folder}\n", encoding="utf-8")

    def here(self, text: str) -> str:
        """A text of the lesson with this run's names; longer names first, so that none eats another's beginning."""
        for name in sorted(self.table, key=len, reverse=True):
            text = text.replace(name, self.table[name])
        return text

    def there(self, text: str) -> str:
        """An output of this run with the lesson's names."""
        for name in sorted(self.table, key=lambda key: len(self.table[key]), reverse=True):
            text = text.replace(self.table[name], name)
        return text

    def perform(self, block: Block) -> Outcome:
        """Run, validate or only parse a block, as its kind says."""
        begin = time.perf_counter()
        if block.kind == "run":
            status, output = self._run(block)
            while status != block.exit and time.perf_counter() - begin < block.retry:
                time.sleep(0.2)
                status, output = self._run(block)
            problem = self._judge(block, status, output)
        else:
            status, output = 0, ""
            problem = self._parse(block)
            if problem is None and block.file and block.kind == "validate":
                target = self._cwd() / block.file
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(self.here(block.code), encoding="utf-8", newline="\n")
        return Outcome(block, output, status, time.perf_counter() - begin, problem)

    def _cwd(self) -> Path:
        return Path((self.state / "cwd").read_text(encoding="utf-8").rstrip("\n"))

    def _run(self, block: Block) -> tuple[int, str]:
        code = self.here(block.code)
        command = [_bash(), "-c", _PRELUDE + code] if block.language == "sh" else [sys.executable, "-c", code]
        env = {**os.environ, "STATE": str(self.state), "LC_ALL": "C.UTF-8", "PYTHONUNBUFFERED": "1"}
        process = subprocess.Popen(
            command,
            cwd=self._cwd(),
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )
        try:
            output, _ = process.communicate(timeout=block.timeout)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            output, _ = process.communicate()
            return -1, self.there(output) + f"\n(no end after {block.timeout:g} s)"
        return process.returncode, self.there(as_terminal(output))

    def _judge(self, block: Block, status: int, output: str) -> str | None:
        if status != block.exit:
            return f"ended with status {status}, the lesson says {block.exit}"
        if block.expected is None:
            return None
        return compare(block.expected, output, self.bindings)

    def _parse(self, block: Block) -> str | None:
        """The complaint of the block's own language about it, or None."""
        try:
            if block.language == "python":
                compile(block.code, f"line {block.line}", "exec")
            elif block.language == "json":
                json.loads(block.code)
            elif block.language == "yaml":
                list(yaml.safe_load_all(block.code))
            elif block.language == "toml":
                tomllib.loads(block.code)
        except (SyntaxError, ValueError, yaml.YAMLError) as error:
            return f"not valid {block.language}: {error}"
        command = {"sh": [_bash(), "-n"], "dockerfile": ["hadolint", "-"]}.get(block.language)
        if command is None:
            return None
        if block.language == "dockerfile":
            command[0] = _tool("hadolint")
        done = subprocess.run(command, input=block.code, capture_output=True, text=True, encoding="utf-8", check=False)
        return None if done.returncode == 0 else f"{command[0]}: {done.stdout}{done.stderr}"


def run_lesson(lesson: Path, session: Session) -> Report:
    """Every block of a lesson in order; a failed block does not stop the following ones."""
    report = Report(lesson.stem)
    for block in parse(lesson):
        report.outcomes.append(session.perform(block))
    return report


def require(tools: Sequence[str]) -> None:
    """Raise unless each command is on the path.

    Raises:
        EnvironmentProblem: one is missing; the sentence names it.
    """
    for name in tools:
        _tool(name)


def _bash() -> str:
    return _tool("bash")


def _tool(name: str) -> str:
    """A command's path; tools of the environment that runs us count, whether or not it is activated."""
    found = shutil.which(name) or shutil.which(name, path=str(Path(sys.executable).parent))
    if found is None:
        raise EnvironmentProblem(
            expected=f"the command {name}, which the lessons' blocks use",
            found="it is not on the path",
            next_step=f"Install {name} with your system's package manager and run the tests again.",
        )
    return found
