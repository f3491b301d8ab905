"""A submitted notebook as it may be shown to a grader: text only, no outputs, no attachments, no active Markdown.

The formgrader renders it in a page that can post grades, so what a student wrote must not act there. This is the
first of two layers; the second filters the rendered HTML (see ``nbgrader_steps.safe_markdown``).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

MAX_CELLS = 3000
MAX_CELL = 200_000  # characters of one cell that are kept

LINE = re.compile(r"[^\n]*\n|[^\n]+")  # Markdown's lines; str.splitlines knows more ends, such as U+2028
FENCE = re.compile(r" {0,3}(`{3,}|~{3,})(.*)\Z")
SPAN = re.compile(r"(`+)(?!`)(.+?)(?<!`)\1(?!`)", re.DOTALL)
TAG = re.compile(r"<(?=[A-Za-z/!?])")
IMAGE = re.compile(r"!+(?=\[)")  # all of them: what is left of "!![" would be an image
SCHEME = re.compile(r"(?P<before>\]\(\s*<?|^\s{0,3}\[[^\]]+\]:\s*<?)\s*(?:javascript|vbscript|data)\s*:", re.I | re.M)


def clean_markdown(text: str) -> str:
    """Markdown that shows the same words but holds no HTML, no image and no script address outside code.

    ``<`` before a letter, ``/``, ``!`` or ``?`` becomes ``&lt;``; ``![`` becomes ``[``, so that a picture is a link
    that nobody's browser follows by itself; ``javascript:``, ``vbscript:`` and ``data:`` destinations are cut.

    What is clean stays as it is: nbgrader's autograde cleans again what intake has cleaned.
    """
    text = "".join(c for c in text if c in "\n\t" or c >= " ")
    done: list[str] = []
    prose: list[str] = []
    fence = ""

    def flush() -> None:
        if prose:
            done.append(_clean_prose("".join(prose)))
            prose.clear()

    for line in LINE.findall(text):
        opened = FENCE.match(line.rstrip("\n"))
        if fence:
            done.append(line)
            if opened and opened[1].startswith(fence) and not opened[2].strip():
                fence = ""
        elif opened and not (opened[1][0] == "`" and "`" in opened[2]):
            flush()
            fence = opened[1]
            done.append(opened[0][: opened.start(2)] + _clean_prose(opened[2]) + line[len(opened[0]) :])
        else:
            prose.append(line)
    flush()
    return "".join(done)


def _clean_prose(text: str) -> str:
    """Clean text outside fences; code spans inside a paragraph stay as they are."""
    parts: list[str] = []
    at = 0
    for span in SPAN.finditer(text):
        if "\n\n" in span[0]:  # a span does not cross paragraphs: this is no code
            continue
        parts += [_neutral(text[at : span.start()]), span[0]]
        at = span.end()
    parts.append(_neutral(text[at:]))
    return "".join(parts)


def _neutral(text: str) -> str:
    text = SCHEME.sub(lambda m: m["before"] + "#removed-", IMAGE.sub("", text))
    return TAG.sub("&lt;", text)


def source_of(cell: Mapping[str, Any]) -> str:
    """A cell's source as one text, whatever form it has."""
    source = cell.get("source")
    if isinstance(source, list):
        source = "".join(part for part in source if isinstance(part, str))
    return source if isinstance(source, str) else ""


def clean_notebook(notebook: Mapping[str, Any]) -> dict[str, Any]:
    """The notebook with nothing but the text of its cells and, where given, their ids for grading.

    Outputs, attachments, widgets, metadata and cell ids are not taken over. Raw cells become Markdown.

    Args:
        notebook: JSON data of any provenance.

    Returns:
        a notebook of format 4.5, valid whatever the input was.
    """
    listed = notebook.get("cells")
    cells: list[dict[str, Any]] = []
    for cell in listed[:MAX_CELLS] if isinstance(listed, list) else ():
        if not isinstance(cell, dict):
            continue
        kind = cell.get("cell_type")
        text = source_of(cell)[:MAX_CELL].encode("utf-8", "replace").decode()  # lone surrogates go
        clean: dict[str, Any] = {"id": "", "metadata": _grading_id(cell)}
        if kind == "code":
            text = "".join(c for c in text if c in "\n\t" or c >= " ")
            clean |= {"cell_type": "code", "source": text, "execution_count": None, "outputs": []}
        elif kind in ("markdown", "raw"):
            clean |= {"cell_type": "markdown", "source": _fitting(text)}
        else:
            continue
        clean["id"] = hashlib.sha256(f"{len(cells)}:{clean['source']}".encode()).hexdigest()[:8]
        cells.append(clean)
    kernel = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
    return {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}


def _fitting(text: str) -> str:
    """Clean Markdown of at most :data:`MAX_CELL` characters, so that cleaning it again cuts nothing off."""
    kept = MAX_CELL
    while len(clean := clean_markdown(text[:kept])) > MAX_CELL:
        kept //= 2  # "<" becomes four characters, so this ends after two rounds
    return clean


def _grading_id(cell: Mapping[str, Any]) -> dict[str, Any]:
    metadata = cell.get("metadata")
    given = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    grade_id = given.get("grade_id") if isinstance(given, dict) else None
    if isinstance(grade_id, str) and re.fullmatch(r"[A-Za-z0-9._-]{1,100}", grade_id):
        return {"nbgrader": {"grade_id": grade_id}}
    return {}
