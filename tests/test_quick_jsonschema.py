"""jsonschema without the formats that are slow to import: it validates as before, and no schema of ours uses them."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from autograder import paths, quick_jsonschema


def run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program, *arguments], cwd=paths.ROOT, capture_output=True, text=True, check=False
    )


def test_notebooks_are_validated_without_the_parsers():
    program = (
        "import sys\nfrom autograder import quick_jsonschema\nquick_jsonschema.prepare()\nimport nbformat\n"
        "nbformat.validate({'cells': [], 'metadata': {}, 'nbformat': 4, 'nbformat_minor': 5})\n"
        "print('lark' in sys.modules, sys.modules['rfc3987_syntax'])\n"
        "nbformat.validate({'cells': [], 'metadata': 5, 'nbformat': 4, 'nbformat_minor': 5})"
    )
    done = run(program)
    assert done.stdout == "False None\n"
    assert done.returncode == 1 and "5 is not of type 'object'" in done.stderr


def test_a_process_that_has_them_already_keeps_them(monkeypatch):
    there = object()
    monkeypatch.setitem(sys.modules, quick_jsonschema.PACKAGE, there)
    quick_jsonschema.prepare()
    assert sys.modules[quick_jsonschema.PACKAGE] is there


def test_the_program_is_check_jsonschema(tmp_path: Path):
    file = tmp_path / "x.json"
    file.write_text('{"on": "push"}', encoding="utf-8")
    options = ["--builtin-schema", "vendor.github-workflows", "--output-format", "json", str(file)]
    done = run(quick_jsonschema.CHECK_JSONSCHEMA, *options)
    assert (done.returncode, json.loads(done.stdout)["status"]) == (1, "fail"), done.stderr


@pytest.mark.parametrize("name", ["github-workflows", "gitlab-ci", "compose-spec"])
def test_no_schema_that_files_are_held_against_uses_the_formats(name):
    text = (files("check_jsonschema") / "builtin_schemas" / "vendor" / f"{name}.json").read_text(encoding="utf-8")
    assert '"type"' in text and '"iri' not in text


def test_a_schema_is_checked_once_and_every_instance_is():
    from jsonschema import SchemaError, ValidationError
    from nbgrader.nbgraderformat import MetadataValidator, common

    quick_jsonschema.check_schemas_once(common)
    quick_jsonschema._validator.cache_clear()
    good = {"schema_version": 3, "grade": False, "solution": True, "locked": False, "task": False, "cell_type": "code"}
    cells = [new_code_cell(metadata={"nbgrader": good | {"grade_id": id}}) for id in "abc"]
    for _ in range(2):
        MetadataValidator().validate_nb(NotebookNode(cells=cells))
    assert quick_jsonschema._validator.cache_info().misses == 1
    cells[2].metadata.nbgrader["grade"] = "yes"
    with pytest.raises(ValidationError, match="'yes' is not of type 'boolean'"):
        MetadataValidator().validate_nb(NotebookNode(cells=cells))
    with pytest.raises(SchemaError):
        common.jsonschema.validate({}, {"type": 5})
