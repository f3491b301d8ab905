"""The "pipelines" probe: a workflow and a pipeline, read safely, held against their schemas and given to zizmor.

The same on a student's machine and in grading: nothing of the files is run, no network is used. YAML is read with
limits and without any type but the plain ones; the schemas are those that check-jsonschema carries.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any, Final

from pydantic import JsonValue

from autograder import quick_jsonschema
from autograder.collect.safe_yaml import Refused, read
from autograder.evidence.model import File
from autograder.services import bounded
from autograder.services.throwaway import ProbeFault

NAME: Final = "pipelines"
VERSION: Final = 2  # raise it when the same files would give other facts
WORKFLOW: Final = "github-build.yml"
PIPELINE: Final = "gitlab-ci.yml"
SCHEMAS: Final = {WORKFLOW: "vendor.github-workflows", PIPELINE: "vendor.gitlab-ci"}
MEMORY: Final = 1 << 30  # bytes of address space of one tool; an honest file takes less than 300 MiB
SECONDS: Final = 30.0  # of CPU time; zizmor takes less than one
MAX_ROWS: Final = 20  # complaints that are kept ...
MAX_ERRORS: Final = 200  # ... of those that are looked at
MAX_TEXT: Final = 400  # characters of one
# All that a tool gets of the environment. Neither colours that CI asks for, nor settings or tokens for zizmor, nor a
# Python path changes what it says.
_KEPT: Final = ("PATH", "SYSTEMROOT", "TEMP", "TMP", "TMPDIR", "HOME", "USERPROFILE", "LOCALAPPDATA")
_FOUND: Final = range(11, 15)  # zizmor's exit codes for findings. Source: https://docs.zizmor.sh/usage/#exit-codes


def probe(files: Mapping[str, File]) -> dict[str, JsonValue]:
    """The facts about both files.

    Returns:
        file -> None when it is not there; ``{"problem": TEXT}`` when it cannot be read; else ``data``, ``schema`` (a
        list of path and message) and, of a workflow that its schema accepts, ``findings`` of medium severity or above
        (rule, severity, what, path, line).

    Raises:
        ProbeFault: a tool is not installed, or does not come to an end.
    """
    return {name: _judged(name, files.get(name)) for name in SCHEMAS}


def _judged(name: str, file: File | None) -> JsonValue:
    if file is None:
        return None
    if file.text is None:
        return {"problem": "It is no UTF-8 text, or too large."}
    found: dict[str, Any] = json.loads(_facts(name, file.text))
    return found


@lru_cache(maxsize=16)  # several checks of a notebook ask about the same files
def _facts(name: str, text: str) -> str:
    """The facts about one text, as JSON."""
    try:
        data = read(text, merges=name != WORKFLOW)
    except Refused as problem:
        return json.dumps({"problem": str(problem)})
    facts: dict[str, Any] = {"data": data, "schema": _schema(SCHEMAS[name], data)}
    if name == WORKFLOW and not facts["schema"]:
        facts["findings"] = _findings(text)
    return json.dumps(facts)


def _schema(schema: str, data: Any) -> list[dict[str, str]]:
    """What a schema says against the data, as check-jsonschema says it; in this process."""
    plain = json.loads(json.dumps(data))
    try:
        found = list(islice(_validator(schema).iter_errors(plain), MAX_ERRORS))
        errors = [_error(error) for error in found]
    except RecursionError:
        errors = [{"path": "", "message": "the file is nested too deeply for the schema"}]
    return sorted(errors, key=lambda error: (error["path"], error["message"]))[:MAX_ROWS]


@lru_cache(maxsize=len(SCHEMAS))
def _validator(name: str) -> Any:
    """The validator of a schema that check-jsonschema carries."""
    quick_jsonschema.prepare()
    try:
        from check_jsonschema.formats import FormatOptions
        from check_jsonschema.regex_variants import RegexImplementation, RegexVariantName
        from check_jsonschema.schema_loader import BuiltinSchemaLoader
    except ImportError:
        again = "Run `python3 course.py start` once more."
        raise ProbeFault(f"check-jsonschema is not installed in this environment. {again}") from None
    regex = RegexImplementation(RegexVariantName.default)
    return BuiltinSchemaLoader(name).get_validator(
        path="data.json", instance_doc={}, format_opts=FormatOptions(regex_impl=regex), regex_impl=regex,
        fill_defaults=False,
    )  # fmt: skip


def _error(error: Any) -> dict[str, str]:
    """The deepest complaint: a schema with many forms says at the top that none fits."""
    from check_jsonschema.reporter import find_best_deep_match

    told = find_best_deep_match(error) if error.context else error
    return {"path": str(told.json_path).removeprefix("$."), "message": _short(str(told.message))}


def _findings(text: str) -> list[dict[str, JsonValue]]:
    """What zizmor finds, of medium severity or above. Comments that silence it do not count."""
    with tempfile.TemporaryDirectory(prefix="course-pipelines-") as folder:
        file = Path(folder) / ".github" / "workflows" / "build.yml"
        file.parent.mkdir(parents=True)
        file.write_text(text, encoding="utf-8", newline="\n")
        options = ["--offline", "--no-config", "--no-ignores", "--strict-collection", "--min-severity", "medium"]
        options += ["--format", "json", "--color", "never", "--no-progress", "--quiet", "--cache-dir", folder]
        done = _tool("zizmor", [_zizmor(), *options, file.relative_to(folder).as_posix()], folder)
    if done.returncode not in (0, *_FOUND):
        return [
            {"rule": "unreadable", "severity": "High", "what": "zizmor cannot read the file", "path": "", "line": 0}
        ]
    rows = [_finding(finding) for finding in json.loads(done.stdout or "[]")]
    return sorted(rows, key=lambda row: (row["line"], row["rule"], row["path"]))[:MAX_ROWS]


def _finding(finding: Mapping[str, Any]) -> dict[str, Any]:
    primary = next(place for place in finding["locations"] if place["symbolic"]["kind"] == "Primary")
    keys = [str(next(iter(part.values()))) for part in primary["symbolic"]["route"]["route"]]
    return {
        "rule": str(finding["ident"]),
        "severity": str(finding["determinations"]["severity"]),
        "what": _short(str(finding["desc"])),
        "path": ".".join(keys),
        "line": int(primary["concrete"]["location"]["start_point"]["row"]) + 1,
    }


def _zizmor() -> str:
    """The program beside this Python: the lock's, and no other version that is on the path."""
    folder = Path(sys.executable).parent
    for name in ("zizmor", "zizmor.exe"):
        if (folder / name).is_file():
            return str(folder / name)
    raise ProbeFault("zizmor is not installed in this environment. Run `python3 course.py start` once more.")


# A thread for each of many processors, each with memory of its own, would not fit into the limit on memory.
_FEW_THREADS: Final = {"NO_COLOR": "1", "TOKIO_WORKER_THREADS": "2", "RAYON_NUM_THREADS": "2", "MALLOC_ARENA_MAX": "2"}


def _tool(name: str, command: list[str], folder: str) -> subprocess.CompletedProcess[str]:
    try:
        environment = {name: os.environ[name] for name in _KEPT if name in os.environ} | _FEW_THREADS
        done = bounded.run(command, SECONDS, cwd=folder, environment=environment, memory=MEMORY)
    except bounded.TooLong as error:
        raise ProbeFault(f"{name} gave no answer: it {error}") from None
    except OSError as error:
        raise ProbeFault(f"{name} cannot be started: {error}") from None
    out, err = (text.decode("utf-8", errors="replace") for text in (done.stdout, done.stderr))
    return subprocess.CompletedProcess(command, done.returncode, out, err)


def _short(text: str) -> str:
    return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…"
