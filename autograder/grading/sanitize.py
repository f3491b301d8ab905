"""A submitted notebook as it may be shown to a grader: text only, no outputs, no attachments, no active Markdown.

The formgrader renders it in a page that can post grades, so what a student wrote must not act there. This is the
first of two layers; the second filters the rendered HTML (see ``nbgrader_steps.safe_markdown``).

It is bounded here too, since the formgrader's server renders without walls: what is longer than the limits of
:mod:`autograder.domain.limits` is shown as plain text, with a sentence that says so. Points rest on the notebook as it
was handed in, whatever is shown of it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import Any

from autograder.domain import limits

MAX_PLAIN_CELLS = 300  # cells of a notebook that is shown as plain text; a lab has at most 80
MAX_PLAIN = 5_000  # characters of each of them

LINE = re.compile(r"[^\n]*\n|[^\n]+")  # Markdown's lines; str.splitlines knows more ends, such as U+2028
FENCE = re.compile(r" {0,3}(`{3,}|~{3,})(.*)\Z")
TICKS = re.compile(r"`+")
BLANK_LINE = re.compile(r"\n[^\S\n]*\n")
TAG = re.compile(r"<(?=[A-Za-z/!?])")
IMAGE = re.compile(r"(?<!!)!+(?=\[)")  # all of them: what is left of "!![" would be an image
# Behind "](" or "]:", whether or not a link begins there: to look for its "[" would take the square of the time.
SCHEME = re.compile(r"(?P<before>\](?:\(|:)\s*(?:<\s*)?)(?:javascript|vbscript|data)[^\S\n]*:", re.I)

STANDS = "The points stand."
PLAIN = (
    f"(Shown as plain text, {limits.MARKDOWN_CELL.most:,} characters at most: text is shown formatted up to "
    f"{limits.MARKDOWN_CELL.most:,} characters and {limits.MARKDOWN_LINES.most:,} lines a cell and "
    f"{limits.MARKDOWN.most:,} characters a notebook. {STANDS})"
)
CUT = f"# (The first {limits.CODE_CELL.most:,} characters of this cell are shown. {STANDS})"
NOT_SHOWN = f"(Not shown: of a notebook {limits.NOTEBOOK_TEXT.most:,} characters are. {STANDS})"
MORE_CELLS = f"(The notebook has more cells; the first {limits.CELLS.most - 1:,} are shown. {STANDS})"
INDENT = "    "  # makes a block of code of a line


def clean_markdown(text: str) -> str:
    """Markdown that shows the same words but holds no HTML, no image and no script address outside code.

    ``<`` before a letter, ``/``, ``!`` or ``?`` becomes ``&lt;``; ``![`` becomes ``[``, so that a picture is a link
    that nobody's browser follows by itself; ``javascript:``, ``vbscript:`` and ``data:`` destinations are cut.

    What is clean stays as it is: nbgrader's autograde cleans again what intake has cleaned. It takes time in proportion
    to the text.
    """
    text = _text(text)
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


def _text(text: str) -> str:
    """Without control characters."""
    return "".join(c for c in text if c in "\n\t" or c >= " ")


def _clean_prose(text: str) -> str:
    """Clean text outside fences; code spans inside a paragraph stay as they are."""
    parts: list[str] = []
    at = 0
    for start, end in _spans(text):
        parts += [_neutral(text[at:start]), text[start:end]]
        at = end
    parts.append(_neutral(text[at:]))
    return "".join(parts)


def _spans(text: str) -> Iterator[tuple[int, int]]:
    """Where code spans begin and end: a run of back-ticks up to the next one of its length in the same paragraph.

    Source: https://spec.commonmark.org/0.31.2/#code-spans. A run behind a backslash opens none.
    """
    ends = [match.start() for match in BLANK_LINE.finditer(text)]
    paragraph = 0
    runs: list[tuple[int, int, int]] = []  # paragraph, start, length
    for match in TICKS.finditer(text):
        while paragraph < len(ends) and ends[paragraph] < match.start():
            paragraph += 1
        runs.append((paragraph, match.start(), len(match[0])))
    following: dict[int, int] = {}  # number of a run -> that of the next one like it
    last: dict[tuple[int, int], int] = {}
    for number, (where, _, length) in enumerate(runs):
        if (before := last.get((where, length))) is not None:
            following[before] = number
        last[where, length] = number
    number = 0
    while number < len(runs):
        _, start, _ = runs[number]
        if number in following and text[max(0, start - 1) : start] != "\\":
            number = following[number]
            yield start, runs[number][1] + runs[number][2]
        number += 1


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

    Outputs, attachments, widgets, tags, metadata and cell ids are not taken over. Raw cells become Markdown.

    Args:
        notebook: JSON data of any provenance.

    Returns:
        a notebook of format 4.5, valid and within the limits whatever the input was.
    """
    listed = notebook.get("cells")
    cells: list[dict[str, Any]] = []
    room = _Room()
    for cell in listed if isinstance(listed, list) else ():
        if not isinstance(cell, dict):
            continue
        kind = cell.get("cell_type")
        if kind not in ("code", "markdown", "raw"):
            continue
        if len(cells) == limits.CELLS.most:
            cells[-1] = {"metadata": {}, "cell_type": "markdown", "source": MORE_CELLS}
            break
        clean: dict[str, Any] = {"metadata": _grading_id(cell)}
        if kind == "code":
            clean |= {"cell_type": "code", "source": room.code(cell), "execution_count": None, "outputs": []}
        else:
            clean |= {"cell_type": "markdown", "source": room.markdown(cell)}
        cells.append(clean)
    for number, cell in enumerate(cells):
        cell["id"] = hashlib.sha256(f"{number}:{cell['source']}".encode()).hexdigest()[:8]
    kernel = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
    return {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}


def plain_notebook(notebook: Mapping[str, Any]) -> dict[str, Any]:
    """The notebook where cleaning it took too long: its Markdown as plain text, and all of it shortened.

    Args:
        notebook: JSON data of any provenance.

    Returns:
        a notebook that :func:`clean_notebook` leaves as it is.
    """
    listed = notebook.get("cells")
    cells = []
    for cell in listed[:MAX_PLAIN_CELLS] if isinstance(listed, list) else ():
        if isinstance(cell, dict):
            text = _source(cell, MAX_PLAIN)
            cells.append({**cell, "source": text if cell.get("cell_type") == "code" else _plain(text)})
    return clean_notebook({"cells": cells})


class _Room:
    """What a notebook's cells may still have. Everything is counted as it is shown, so a second time gives the same."""

    def __init__(self) -> None:
        self.shown, self.formatted = 0, 0

    def code(self, cell: Mapping[str, Any]) -> str:
        text, most = _source(cell, limits.CODE_CELL.most + 1), limits.CODE_CELL.most
        text = _text(text)
        if len(text) > most:
            text = f"{CUT}\n{text}"[:most]
        return self._kept(text, f"# {NOT_SHOWN}")

    def markdown(self, cell: Mapping[str, Any]) -> str:
        text = _source(
            cell, 6 * limits.MARKDOWN_CELL.most
        )  # as long as plain text can be with what is before its lines
        if text in (NOT_SHOWN, MORE_CELLS):
            return text
        if plain_text(text) is None:
            clean = text if is_long(text) else clean_markdown(text)
            if not is_long(clean) and self.formatted + len(clean) <= limits.MARKDOWN.most:
                kept = self._kept(clean, NOT_SHOWN)
                self.formatted += 0 if kept == NOT_SHOWN else len(kept)
                return kept
            text = _plain(text)
        return self._kept(text, NOT_SHOWN)

    def _kept(self, text: str, otherwise: str) -> str:
        if text == otherwise:
            return text
        if self.shown + len(text) > limits.NOTEBOOK_TEXT.most:
            return otherwise
        self.shown += len(text)
        return text


def _source(cell: Mapping[str, Any], most: int) -> str:
    return source_of(cell)[:most].encode("utf-8", "replace").decode()  # lone surrogates go


def is_long(text: str) -> bool:
    """Whether a text is longer than what is shown formatted."""
    return len(text) > limits.MARKDOWN_CELL.most or text.count("\n") >= limits.MARKDOWN_LINES.most


def _plain(text: str) -> str:
    """A text that is shown as it is: a sentence, and a block of code by its indentation, which no text can end."""
    kept = _text(text[: limits.MARKDOWN_CELL.most])
    return f"{PLAIN}\n\n" + "\n".join(INDENT + line for line in kept.split("\n"))


def plain_text(text: str) -> str | None:
    """The text that a cell shows as it is, in the form that :func:`clean_notebook` gives it; None for any other."""
    head = f"{PLAIN}\n\n"
    if not text.startswith(head):
        return None
    lines = text[len(head) :].split("\n")
    if not all(line.startswith(INDENT) for line in lines):
        return None
    shown = "\n".join(line.removeprefix(INDENT) for line in lines)
    return shown if len(shown) <= limits.MARKDOWN_CELL.most and _text(shown) == shown else None


def _grading_id(cell: Mapping[str, Any]) -> dict[str, Any]:
    metadata = cell.get("metadata")
    given = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    grade_id = given.get("grade_id") if isinstance(given, dict) else None
    if isinstance(grade_id, str) and re.fullmatch(r"[A-Za-z0-9._-]{1,100}", grade_id):
        return {"nbgrader": {"grade_id": grade_id}}
    return {}
