"""The page a student gets back: verdicts, points, a person's comments. No hidden case, no script, no request."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import jinja2

from autograder.checks.api import Verdict
from autograder.grading.verdict_file import VerdictFile

TEMPLATES = Path(__file__).with_name("templates")
WORDS = {"passed": "Passed", "failed": "Not passed", "not_graded": "Not graded"}
OPEN = "To be graded by hand"


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("feedback.html.j2")


def number(value: float | None) -> str:
    """Points without a needless ``.0``; a dash when there are none yet."""
    return "–" if value is None else f"{value:g}"


def render(
    title: str,
    document: VerdictFile | None,
    cells: Sequence[Mapping[str, Any]],
    *,
    score: float,
    max_score: float,
    timing: Sequence[str] = (),
) -> str:
    """The page.

    Args:
        title: what was graded.
        document: the verdict file; None when there is none.
        cells: of the autograded notebook, with ``score``, ``points`` and ``comment`` in ``metadata.nbgrader``, as
            nbgrader's GetGrades puts them there.
        score: points now, with those given by hand, less the penalty.
        max_score: of the whole lab.
        timing: when it was received, and what is taken off for that; a sentence each.
    """
    by_id = {verdict.check: verdict for verdict in document.verdicts} if document else {}
    items, comments, open_points = [], [], 0.0
    for cell in cells:
        graded = cell["metadata"].get("nbgrader") or {}
        if graded.get("grade") or graded.get("task"):
            item = _item(cell, graded, by_id.get(graded["grade_id"]))
            open_points += graded.get("points", 0.0) if item["css"] == "open" else 0.0
            items.append(item)
        elif graded.get("comment"):
            comments.append({"source": cell["source"], "text": graded["comment"]})
    return _template().render(
        title=title,
        score=number(score),
        max_score=number(max_score),
        remarks=" ".join(_remarks(open_points, timing)),
        problems=document.problems if document else (),
        items=items,
        comments=comments,
    )


def _remarks(open_points: float, timing: Sequence[str]) -> Iterator[str]:
    if open_points:
        yield f"{number(open_points)} are not graded yet."
    yield from timing


def _item(cell: Mapping[str, Any], graded: Mapping[str, Any], verdict: Verdict | None) -> dict[str, Any]:
    """One graded cell: a verdict, or an answer in words."""
    written = bool(graded.get("solution") or graded.get("task"))
    item: dict[str, Any] = {
        "title": graded["grade_id"],
        "status": OPEN,
        "css": "open",
        "score": number(graded.get("score")),
        "points": number(graded.get("points")),
        "said": "",
        "parts": [],
        "table": [],
        "answer": cell["source"] if written else None,
        "comment": graded.get("comment") or "",
    }
    if verdict is None:
        if graded.get("score") is not None:
            item |= {"status": "Graded by hand", "css": "passed"}
        return item
    css = {"passed": "passed", "failed": "failed"}.get(verdict.status, "open")
    item |= {"title": verdict.title, "status": WORDS[verdict.status], "css": css, "table": verdict.table}
    if verdict.status == "passed":
        item["said"] = verdict.why
    else:
        parts = [("Found", verdict.found), ("Expected", verdict.expected), ("Next", verdict.next_step)]
        item["parts"] = [(label, text) for label, text in parts if text]
    if verdict.trust == "claimed" and verdict.status == "passed":
        item["said"] = f"{item['said']} (This rests on what your machine reported.)".strip()
    return item
