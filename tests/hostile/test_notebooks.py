"""Notebooks of a size that nobody writes: read, judged and shown within limits, and the neighbour keeps the points."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from autograder.domain import limits
from autograder.evidence import bounded_json
from autograder.grading import sanitize, strictjson
from autograder.grading.formgrader_pages import _cells
from autograder.grading.sanitize import clean_notebook
from autograder.labs import tasks

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="a child with limits needs fork and /proc"),
]

SECONDS, MEMORY = 10.0, 400 << 20
SOLUTIONS = Path(__file__).resolve().parents[2] / "solutions"


def within(function: Any, *arguments: Any) -> Any:
    from .measured import measured

    found = measured(function, *arguments)
    assert found.seconds < SECONDS and found.memory < MEMORY, found
    return found


JSONS = {
    "objects": lambda: b"[" + b"{}," * 6_500_000 + b"{}]",
    "lists": lambda: b"[" + b"[]," * 6_500_000 + b"[]]",
    "numbers": lambda: b"[" + b"1e5," * 4_500_000 + b"1]",
    "keys": lambda: b"{" + b'"a":1,' * 1_500_000 + b'"b":1}',
    "signs in a text": lambda: b'["' + b',{[\\"' * 3_000_000 + b'"]',
    "a text without an end": lambda: b'["' + b',\\"' * 6_000_000,
    "halves of characters": lambda: b'"' + b"\\ud800" * 3_000_000 + b'"',
}


def loaded(kind: str) -> int:
    value = strictjson.load(JSONS[kind](), "The notebook", 20 << 20)
    return len(value)


@pytest.mark.parametrize("kind", ["objects", "lists", "numbers", "keys"])
def test_json_of_millions_of_parts_is_refused_before_it_is_built(kind: str) -> None:
    found = within(loaded, kind)
    assert "Refused: The notebook has more than 1,000,000 lists, objects and values" in found.error
    assert "clear the outputs" in found.error and found.memory < 100 << 20


def test_a_long_text_is_no_million_of_parts() -> None:
    assert within(loaded, "signs in a text").value == 1
    assert "Unterminated string" in within(loaded, "a text without an end").error
    assert within(loaded, "halves of characters").value == 3_000_000


def code(source: str, *tags: str, **more: Any) -> dict[str, Any]:
    return {"cell_type": "code", "source": source, "metadata": {"tags": list(tags)}, **more}


def extracted(cells: list[dict[str, Any]]) -> tasks.Extracted:
    return tasks.extract({"cells": cells}, "double", "double")


LONG = "x = [" + "1, " * 30_000 + "]\ndef double(n):\n    return 2 * n\n"


@pytest.mark.parametrize("tag", ["task:double", ""])
@pytest.mark.parametrize("same", [True, False])
def test_many_cells_of_one_name(tag: str, same: bool) -> None:
    cells = [code(LONG + ("" if same else f"# {n}\n"), *[tag] * bool(tag)) for n in range(150)]
    found = within(extracted, cells).value
    if not same:
        assert found.status == "broken" and "more than 300,000 characters together" in found.message
    else:
        assert found.status == ("found" if tag else "ambiguous")


def test_a_cell_that_was_copied_and_split_is_found_as_before() -> None:
    cells = [code("import math", "task:double"), code("def double(n):\n    return 2 * n\n", "task:double")]
    assert extracted(cells * 2).source == "import math\nimport math\ndef double(n):\n    return 2 * n\n"


def cleaned(notebook: dict[str, Any]) -> dict[str, Any]:
    clean = clean_notebook(notebook)
    assert clean_notebook(clean) == clean
    return {
        "cells": len(clean["cells"]),
        "characters": sum(len(cell["source"]) for cell in clean["cells"]),
        "last": clean["cells"][-1]["source"][:300],
    }


MANY = {
    "cells": [code("pass") for _ in range(50_000)],
    "long code": [code("x" * 150_000) for _ in range(60)],
    "long text": [{"cell_type": "markdown", "source": "[a](" * 30_000} for _ in range(60)],
    "many texts": [{"cell_type": "markdown", "source": "<a" * 9_000} for _ in range(900)],
    "lines": [{"cell_type": "markdown", "source": "#\n" * 9_000} for _ in range(60)],
    "tags": [code("pass", *("t" * 50 for _ in range(100_000)))],
    "attachments": [code("pass", attachments={str(n): {"image/png": "x" * 50} for n in range(100_000)})],
}


@pytest.mark.parametrize("kind", MANY)
def test_a_page_has_a_limited_size(kind: str) -> None:
    found = within(cleaned, {"cells": MANY[kind]}).value
    assert found["cells"] <= limits.CELLS.most
    assert found["characters"] <= limits.NOTEBOOK_TEXT.most + limits.CELLS.most * len(sanitize.NOT_SHOWN) + 1_000
    if kind in ("cells", "long code", "long text", "many texts"):
        assert "The points stand." in found["last"], found


def listed(file: Path) -> int:
    return sum(len(page) for page in _cells(file))


def test_a_file_of_the_class_is_shown_within_limits_too(tmp_path: Path) -> None:
    file = tmp_path / "n.ipynb"
    file.write_text(json.dumps({"cells": [{"cell_type": "markdown", "source": "#\n" * 9_000}] * 60}))
    assert within(listed, file).value < 6_000_000


def test_limits_have_headroom_over_the_sample_class() -> None:
    """Eight times at least, and the table says truly how much honest work needs."""
    most: dict[str, int] = {}

    def seen(name: str, number: int) -> None:
        most[name] = max(number, most.get(name, 0))

    for file in sorted(SOLUTIONS.glob("*/samples/*.zip")):
        with zipfile.ZipFile(file) as archive:
            if "notebook.ipynb" not in archive.namelist():
                continue
            for name in archive.namelist():
                if name.endswith(".json"):
                    seen("JSON_PARTS", bounded_json.parts_in(archive.read(name)))
                if name == "submission.json":
                    header = json.loads(archive.read(name)) | {"files": {}}
                    seen("HEADER_PARTS", bounded_json.parts_in(json.dumps(header).encode()))
            content = archive.read("notebook.ipynb")
        try:
            cells = json.loads(content)["cells"]
        except (ValueError, KeyError):
            continue
        texts = [(cell["cell_type"], sanitize.source_of(cell)) for cell in cells if isinstance(cell, dict)]
        formatted = [text for kind, text in texts if kind != "code"]
        seen("CELLS", len(cells))
        seen("JSON_PARTS", bounded_json.parts_in(content))
        seen("MARKDOWN_CELL", max(map(len, formatted), default=0))
        seen("MARKDOWN_LINES", max((text.count("\n") + 1 for text in formatted), default=0))
        seen("MARKDOWN", sum(map(len, formatted)))
        seen("CODE_CELL", max((len(text) for kind, text in texts if kind == "code"), default=0))
        seen("NOTEBOOK_TEXT", sum(len(text) for _, text in texts))
        assert clean_notebook({"cells": cells}) == clean_notebook(clean_notebook({"cells": cells}))
        assert not any("The points stand." in cell["source"] for cell in clean_notebook({"cells": cells})["cells"])
    for name, number in most.items():
        limit = getattr(limits, name)
        assert number <= limit.honest and limit.most >= 8 * limit.honest and limit.why, (name, number, limit)
