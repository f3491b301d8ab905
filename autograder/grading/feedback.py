"""The page a student gets back: verdicts, points, a person's comments. No hidden case, no script, no request."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from autograder.checks.api import Verdict
from autograder.domain import instants
from autograder.grading import doubts
from autograder.grading.people import Course
from autograder.grading.problems import to_student
from autograder.grading.receipts import Receipt
from autograder.grading.verdict_file import VerdictFile
from autograder.labs.manifest import Lab

TEMPLATES = Path(__file__).with_name("templates")
NOT_BEGUN = "Not begun"
WORDS = {"passed": "Passed", "failed": "Not passed", "not_graded": "Not graded"}
OPEN = "To be graded by hand"
BY_HAND = "Graded by hand"
REVIEW = "Needs review"
SEEN_BY = {"student": "your machine", "grader": "the grader", "class": "the class's machine"}
WITNESS = (
    "“Seen by” says whose machine saw what a check rests on: the grader ran it or worked it out itself, or the course "
    "found it in the registries and clouds on your machine. It changes no points."
)
BACKTICKS = re.compile("`([^`\n]+)`")
EARLIER = "Given for an earlier submission; to be looked at again."


@dataclass(frozen=True)
class ShownAs:
    """What the page calls its student and its lab.

    Attributes:
        student: the name on the roster with the id, or the id alone.
        lab: the lab's number and title; of what is no lab, its slug.
    """

    student: str
    lab: str

    @staticmethod
    def of(course: Course, student: str, lab: Lab | str) -> ShownAs:
        """Those of a student on the roster."""
        person = (course.roster or {}).get(student)
        name = f"{person.name} ({student})" if person is not None and person.name else student
        return ShownAs(name, lab if isinstance(lab, str) else f"Lab {lab.slug[:2]} · {lab.title}")


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["code"] = as_code
    return environment.get_template("feedback.html.j2")


def number(value: float | None) -> str:
    """Points without a needless ``.0``; a dash when there are none yet."""
    return "–" if value is None else f"{value:g}"


def render(
    shown_as: ShownAs,
    document: VerdictFile | None,
    cells: Sequence[Mapping[str, Any]],
    *,
    score: float,
    max_score: float,
    timing: Sequence[str] = (),
    refused: Receipt | None = None,
) -> str:
    """The page.

    Args:
        shown_as: whose page it is, and of which lab.
        document: the verdict file; None when there is none.
        cells: of the autograded notebook, with ``score``, ``points`` and ``comment`` in ``metadata.nbgrader``, as
            nbgrader's GetGrades puts them there, and ``by_hand``, ``to_look_at`` and ``earlier_comment``, as
            :func:`autograder.grading.by_hand.annotate` does.
        score: points now, with those given by hand, less the penalty.
        max_score: of the whole lab.
        timing: when it was received, and what is taken off for that; a sentence each.
        refused: a later submission, which was refused.
    """
    by_id = {verdict.check: verdict for verdict in document.verdicts} if document else {}
    items: list[dict[str, Any]] = []
    code: Mapping[str, Any] = {}  # the code that the next checks are about
    open_points = reviewed = 0.0
    settled: set[str] = set()
    for cell in cells:
        graded = cell["metadata"].get("nbgrader") or {}
        if graded.get("grade") or graded.get("task"):
            item = _item(cell, graded, by_id.get(graded["grade_id"]))
            if graded.get("by_hand") and not graded.get("to_look_at"):
                settled.add(graded["grade_id"])
            if graded.get("by_hand") and code.get("comment") and item["answer"] is None:
                item |= {"comment": code["comment"], "earlier": code.get("earlier_comment", False)}
            open_points += graded.get("points", 0.0) if item["css"] == "open" else 0.0
            reviewed += graded.get("score") or 0.0 if graded.get("to_look_at") else 0.0
            items.append(item)
        elif graded.get("solution"):
            code = graded
            if graded.get("comment"):
                items.append(_comment(cell, graded))
    return _template().render(
        student=shown_as.student,
        lab=shown_as.lab,
        score=number(score),
        max_score=number(max_score),
        remarks=" ".join(_remarks(open_points, reviewed, timing)),
        graded=when(document.graded_at) if document else "",
        problems=[to_student(problem) for problem in document.problems] if document else (),
        items=items,
        earlier=EARLIER,
        witness=WITNESS if any(item["seen_by"] for item in items) else "",
        is_reviewed=document is not None and bool(doubts.found(document, settled)),
        refused=_refused(refused, "A later submission was refused") if refused is not None else None,
    )


def render_refused(shown_as: ShownAs, refused: Receipt, max_score: float) -> str:
    """The page of somebody whose submission was refused, and who has no other.

    Args:
        shown_as: whose page it is, and of which lab.
        refused: the submission.
        max_score: of the whole lab.
    """
    return _template().render(
        student=shown_as.student,
        lab=shown_as.lab,
        score=number(0.0),
        max_score=number(max_score),
        remarks="",
        graded="",
        problems=(),
        items=(),
        earlier=EARLIER,
        witness="",
        is_reviewed=False,
        refused=_refused(refused, "Your submission was refused, so there is nothing to give points for"),
    )


def _refused(receipt: Receipt, title: str) -> dict[str, str]:
    """A refused submission for its student; what only the instructor can do about it is left out."""
    why = to_student(receipt.refused)
    number = receipt.lab[:2]
    return {
        "title": title,
        "name": receipt.name,
        "seen": when(receipt.received_at.isoformat(timespec="seconds")),
        "why": " ".join(why.split()),
        "next": f"Run `python3 course.py submit {number}` with the newest course (`git pull`), and hand in the zip as "
        "it is written, unchanged. If you did just that, show this page to your instructor.",
    }


def as_code(text: str) -> Markup:
    """A text for the page, escaped, with what stands in back-ticks as code."""
    parts = BACKTICKS.split(text)
    return Markup("").join(Markup("<code>{}</code>").format(one) if n % 2 else one for n, one in enumerate(parts))


def when(text: str) -> str:
    """A time (RFC 3339) for people, as everywhere else; another text as it is."""
    try:
        return instants.said(datetime.fromisoformat(text))
    except ValueError:
        return text


def _remarks(open_points: float, reviewed: float, timing: Sequence[str]) -> Iterator[str]:
    if open_points:
        yield f"{number(open_points)} are not graded yet."
    if reviewed:
        yield f"{number(reviewed)} of these were given by hand for an earlier submission and are to be looked at again."
    yield from timing


def _comment(cell: Mapping[str, Any], graded: Mapping[str, Any]) -> dict[str, Any]:
    """A comment on code that has no points of its own: it stands before the checks of that code."""
    return {
        "title": "",
        "status": "Comment on your code",
        "css": "review" if graded.get("earlier_comment") else "comment",
        "score": None,
        "points": None,
        "said": "",
        "parts": [],
        "table": [],
        "answer": cell["source"],
        "seen_by": "",
        "comment": graded["comment"],
        "earlier": graded.get("earlier_comment", False),
    }


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
        "seen_by": "",
        "comment": graded.get("comment") or "",
        "earlier": graded.get("earlier_comment", False),
    }
    if verdict is None:
        if graded.get("to_look_at"):
            item |= {"status": REVIEW, "css": "review", "said": EARLIER}
        elif graded.get("score") is not None:
            item |= {"status": BY_HAND, "css": "passed"}
        return item
    css = {"passed": "passed", "failed": "failed"}.get(verdict.status, "open")
    item["seen_by"] = SEEN_BY.get(verdict.witness or "", "") if verdict.status == "passed" else ""
    word = NOT_BEGUN if verdict.not_begun else REVIEW if verdict.review else WORDS[verdict.status]
    item |= {"title": verdict.title, "status": word, "css": css, "table": verdict.table}
    if verdict.status == "passed":
        item["said"] = verdict.why
    else:
        parts = [("Found", verdict.found), ("Expected", verdict.expected), ("Next", verdict.next_step)]
        item["parts"] = [(label, text) for label, text in parts if text]
    if verdict.trust == "claimed" and verdict.status == "passed":
        item["said"] = f"{item['said']} (This rests on what your machine reported.)".strip()
    if graded.get("by_hand"):
        gave = f"{number(verdict.points)} of {number(verdict.max_points)}"
        said = f"A person gave these points; by itself the check says: {WORDS[verdict.status].lower()}, {gave}."
        item |= {"status": BY_HAND, "css": "by-hand", "said": f"{said} {item['said']}".strip(), "seen_by": ""}
    if graded.get("to_look_at"):
        item |= {"status": REVIEW, "css": "review", "said": f"{EARLIER} {item['said']}".strip()}
    return item
