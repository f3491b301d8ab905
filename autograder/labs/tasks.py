"""Code tasks: find the student's cell in a notebook, run it on cases, and compare nothing (a check does that).

A task is one cell tagged ``task:NAME``, self-contained, that defines one function.
"""

from __future__ import annotations

import ast
import json
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypedDict

from pydantic import JsonValue, ValidationError

from autograder.domain import limits
from autograder.evidence.model import Case, CaseResult, TaskRun
from autograder.labs import runner

RUNNER = Path(__file__).with_name("runner.py")
CODE_STUB = "...  # your turn"  # where a solution goes, in a notebook as it is handed out
MAX_SOURCE = 100_000  # characters of one task's cell; a longer cell is never parsed, which would take gigabytes
OVERHEAD_SECONDS = 30.0  # start of the processes, on a busy machine


@dataclass(frozen=True)
class Extracted:
    """A task's source as the grader sees it, or why there is none."""

    status: Literal["found", "missing", "ambiguous", "empty", "broken"]
    source: str = ""
    message: str = ""
    notes: tuple[str, ...] = ()


def sources(notebook: Mapping[str, Any]) -> Iterable[tuple[str, set[str]]]:
    """Source and tags of each code cell; malformed cells are passed over."""
    cells = notebook.get("cells")
    for cell in cells if isinstance(cells, list) else ():
        if not isinstance(cell, dict) or cell.get("cell_type") != "code":
            continue
        source = cell.get("source")
        if isinstance(source, list):
            source = "".join(part for part in source if isinstance(part, str))
        if not isinstance(source, str):
            continue
        metadata = cell.get("metadata")
        tags = metadata.get("tags") if isinstance(metadata, dict) else None
        yield source, {tag for tag in tags if isinstance(tag, str)} if isinstance(tags, list) else set()


def _parse(source: str) -> ast.Module | None:
    if len(source) > MAX_SOURCE:
        return None
    try:
        with warnings.catch_warnings(action="ignore"):  # of the student's text, such as "\d"; nobody could act on them
            return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _definition(source: str, function: str) -> ast.stmt | None:
    """The last top-level statement that binds ``function``."""
    tree = _parse(source) if function in source else None
    found: ast.stmt | None = None
    for node in tree.body if tree else ():
        names: list[ast.expr] = node.targets if isinstance(node, ast.Assign) else []
        if (isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name == function) or any(
            isinstance(name, ast.Name) and name.id == function for name in names
        ):
            found = node
    return found


def defines(source: str, function: str) -> bool:
    """Whether a cell binds ``function`` at its top level and is more than the starter."""
    return _definition(source, function) is not None and not _is_stub(source, function)


def slip_in_last(executed: Sequence[str], function: str) -> str:
    """What is wrong with the last cell that was to define ``function``, when it is not even Python; else nothing."""
    last = next((source for source in reversed(executed) if f"def {function}" in source), "")
    return "" if last.lstrip().startswith("%") else _syntax([last])  # a cell magic is not Python and no slip


def _is_stub(source: str, function: str) -> bool:
    """Whether the function's body is nothing but a docstring, ``...``, ``pass`` or ``raise NotImplementedError``."""
    node = _definition(source, function)
    if not isinstance(node, ast.FunctionDef):
        return False
    return all(
        isinstance(part, ast.Pass)
        or (isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant))
        or (isinstance(part, ast.Raise) and "NotImplementedError" in ast.dump(part))
        for part in node.body
    )


class _TooMuch(Exception):
    """More source than is parsed for one task."""


@dataclass(frozen=True)
class _Facts:
    """What a source says: whether it is Python, whether it binds the function, and whether that is but the starter."""

    valid: bool
    binds: bool
    stub: bool


class _Reader:
    """Reads the sources that may be a task: each once, and all of them together up to a limit."""

    def __init__(self, function: str) -> None:
        self._function, self._left = function, limits.TASK_SOURCES.most
        self._known: dict[str, _Facts] = {}

    def facts(self, source: str) -> _Facts:
        """Of one source.

        Raises:
            _TooMuch: the limit is reached.
        """
        if source not in self._known:
            if len(source) <= MAX_SOURCE:  # a longer one is never parsed
                self._left -= len(source)
            if self._left < 0:
                raise _TooMuch
            binds = _definition(source, self._function) is not None
            valid = binds or _parse(source) is not None
            self._known[source] = _Facts(valid, binds, binds and _is_stub(source, self._function))
        return self._known[source]

    def defines(self, source: str) -> bool:
        return self._function in source and self.facts(source).binds


def extract(notebook: Mapping[str, Any], name: str, function: str) -> Extracted:
    """The source of a task.

    The last tagged copy that is not empty counts. When the cell was split, its tagged parts are put together
    again. When no tagged cell defines the function, exactly one other cell that does is taken.

    Args:
        notebook: the notebook as JSON data, of any provenance.
        name: the task's name, without ``task:``.
        function: the function that it must define.
    """
    cells = [(text.encode("utf-8", "replace").decode(), tags) for text, tags in sources(notebook)]  # no halves of signs
    try:
        return _extract(cells, name, function, _Reader(function))
    except _TooMuch:
        return Extracted(
            "broken",
            message=f"The cells that are tagged task:{name} or define {function} have more than "
            f"{limits.TASK_SOURCES.most:,} characters together; so many are not read. Keep one of them.",
        )


def _extract(cells: Sequence[tuple[str, set[str]]], name: str, function: str, reader: _Reader) -> Extracted:
    tagged = [source for source, tags in cells if f"task:{name}" in tags and source.strip()]
    found = _from_tagged(tagged, name, function, reader)
    if found is not None:
        return _checked(found, function)
    others = [source for source, tags in cells if f"task:{name}" not in tags and reader.defines(source)]
    written = [source for source in others if not reader.facts(source).stub]
    if len(written) == 1 or (len(others) == 1 and not written):
        source = (written or others)[0]
        note = f"The cell tagged task:{name} is gone; the only cell that defines {function} was taken."
        return _checked(Extracted("found", source, notes=(note,)), function)
    if len(written) > 1:
        return Extracted(
            "ambiguous",
            message=f"No cell is tagged task:{name}, and {len(written)} cells define {function}.",
        )
    if any(len(source) > MAX_SOURCE for source in tagged):
        return Extracted("broken", message=f"The cell task:{name} is longer than {MAX_SOURCE} characters.")
    if any(not reader.facts(source).valid for source in tagged):
        return Extracted("broken", message=f"The cell task:{name} is not valid Python: {_syntax(tagged)}")
    return Extracted("missing", message=f"No cell defines {function}; the cell tagged task:{name} should.")


def _from_tagged(tagged: Sequence[str], name: str, function: str, reader: _Reader) -> Extracted | None:
    if len(tagged) > 1 and any(not reader.facts(source).valid for source in tagged):
        joined = "\n".join(tagged)
        if reader.defines(joined):
            return Extracted("found", joined, notes=(f"The cell task:{name} was split; its parts were put together.",))
    definers = [source for source in tagged if reader.defines(source)]
    if not definers:
        return None
    chosen = next((source for source in reversed(definers) if not reader.facts(source).stub), definers[-1])
    helpers = [source for source in tagged if not reader.facts(source).binds and reader.facts(source).valid]
    notes = []
    if len(definers) > 1:
        notes.append(f"{len(definers)} cells are tagged task:{name}; the last one that is not empty counts.")
    if helpers:
        notes.append(f"The cell task:{name} was split; its parts were put together.")
    return Extracted("found", "\n".join([*helpers, chosen]), notes=tuple(notes))


def _checked(found: Extracted, function: str) -> Extracted:
    if len(found.source) > MAX_SOURCE:
        return Extracted("broken", message=f"The cell is longer than {MAX_SOURCE} characters.", notes=found.notes)
    if _is_stub(found.source, function):
        return Extracted("empty", found.source, f"{function} is still empty.", found.notes)
    return found


def _syntax(sources: Iterable[str]) -> str:
    for source in sources:
        try:
            ast.parse(source)
        except SyntaxError as error:
            return f"line {error.lineno}: {error.msg}"
        except (ValueError, RecursionError, MemoryError) as error:
            return str(error)
    return ""


class Job(TypedDict):
    """What the runner needs, as JSON: inputs, never expected results. ``seconds`` is the limit for one call."""

    source: str
    function: str
    cases: list[list[JsonValue]]
    seconds: float


def job(source: str, function: str, cases: Sequence[Case], seconds: float) -> Job:
    """What the runner needs for a task."""
    return {"source": source, "function": function, "cases": [list(c.args) for c in cases], "seconds": seconds}


def collect(extracted: Extracted, function: str, cases: Sequence[Case], answer: object) -> TaskRun:
    """The runner's answer as evidence.

    The runner always answers in its own form, so an answer of another form means that the cell interfered with the
    process that ran it. That is the cell's failure; a fault is only what happened before the runner could start.
    """
    tampered = TaskRun(
        function=function,
        status="broken",
        message="The cell interferes with the process that runs it.",
        notes=extracted.notes,
    )
    if not isinstance(answer, dict) or not isinstance(answer.get("results"), list):
        return tampered
    if answer.get("status") == "broken":
        message = f"The cell fails when it is run on its own: {answer.get('message')}"
        return TaskRun(function=function, status="broken", message=message, notes=extracted.notes)
    results = answer["results"]
    if answer.get("status") != "ran" or len(results) != len(cases):
        return tampered
    outcomes = []
    for case, result in zip(cases, results, strict=True):
        try:
            if result["status"] == "not-run":  # the infrastructure's word; the runner never says it
                raise KeyError("status")
            outcomes.append(
                CaseResult(
                    case=case,
                    status=result["status"],
                    value=result.get("value"),
                    errors=tuple(result.get("errors") or ()),
                    detail=str(result.get("detail") or "")[:200],
                )
            )
        except (ValidationError, KeyError, TypeError, AttributeError):
            outcomes.append(CaseResult(case=case, status="unusable", detail="not a valid result"))
    return TaskRun(function=function, status="ran", notes=extracted.notes, results=tuple(outcomes))


def without_run(extracted: Extracted, function: str) -> TaskRun | None:
    """The evidence for a task that cannot be run at all; None when it can."""
    if extracted.status == "found":
        return None
    return TaskRun(function=function, status=extracted.status, message=extracted.message, notes=extracted.notes)


def run_locally(extracted: Extracted, function: str, cases: Sequence[Case], seconds: float) -> TaskRun:
    """Run a task in a fresh process on this machine: for the student's own code only."""
    not_run = without_run(extracted, function)
    if not_run is not None:
        return not_run
    # A slow cell is the runner's to stop, not a fault.
    loads = (runner.MAX_RESTARTS + 1) * runner.LOAD_SECONDS
    limit = OVERHEAD_SECONDS + loads + seconds * (len(cases) + 1) + runner.PATIENCE
    try:
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run(
                [sys.executable, "-I", "-S", str(RUNNER)],
                input=json.dumps(job(extracted.source, function, cases, seconds)).encode(),
                capture_output=True,
                timeout=limit,
                cwd=folder,
                check=False,
            )
    except (subprocess.TimeoutExpired, OSError) as error:
        return TaskRun(function=function, status="fault", message=f"The task could not be run: {error}")
    try:
        answer = json.loads(done.stdout)
    except (ValueError, RecursionError):
        answer = None
    return collect(extracted, function, cases, answer)
