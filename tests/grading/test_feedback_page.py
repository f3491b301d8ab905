"""A feedback page: what it says of a task that was not begun, and how it looks in a browser."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from autograder.checks.api import Verdict
from autograder.grading import feedback
from autograder.grading.identity import Identity
from tests import chromium

LONG = "'" + "sha256:0123456789 " * 60 + "'"


def page(*verdicts: Verdict) -> str:
    document: Any = SimpleNamespace(
        verdicts=verdicts, problems=(), leads=(), identity=Identity(), graded_at="2026-11-01T10:00:00+00:00",
        checks={v.check: v for v in verdicts},
    )  # fmt: skip
    cells = [
        {
            "source": "",
            "metadata": {"nbgrader": {"grade": True, "grade_id": v.check, "points": v.max_points, "score": v.points}},
        }
        for v in verdicts
    ]
    whom: Any = SimpleNamespace(student="ada", lab="Lab 01")
    return feedback.render(whom, document, cells, score=0, max_score=10)


def verdict(**parts: Any) -> Verdict:
    common = {"check": "c", "title": "T", "status": "failed", "points": 0, "max_points": 12.25, "trust": "proved"}
    return Verdict.model_validate(common | parts)


def test_what_is_not_begun_is_called_so():
    assert "Not begun: T" in page(verdict(not_begun=True)) and "Not passed: T" in page(verdict())


@pytest.mark.browser
@pytest.mark.parametrize("width", [360, 820])
def test_points_keep_off_the_title_and_long_inputs_are_whole(tmp_path: Path, width: int) -> None:
    titles = ["word " * n for n in range(4, 24)]  # some of them end just before the points
    table = (("input", "expected", "yours"), (LONG, "1", "None"))
    shown = [verdict(check=f"c{n}", title=title.strip()) for n, title in enumerate(titles)]
    (tmp_path / "page.html").write_text(page(*shown, verdict(check="last", table=table)), encoding="utf-8")
    with chromium.started() as browser:
        opened = chromium.context(browser, viewport={"width": width, "height": 900}).new_page()
        opened.goto((tmp_path / "page.html").as_uri())
        gaps = opened.evaluate(
            """() => [...document.querySelectorAll('h2')].map(h2 => {
                const points = h2.querySelector('.points').getBoundingClientRect();
                const range = document.createRange();
                range.selectNodeContents(h2.lastChild);
                const beside = [...range.getClientRects()].filter(r => r.top < points.bottom && r.bottom > points.top);
                return Math.min(...beside.map(r => points.left - r.right));
            })"""
        )
        assert len(gaps) == len(titles) + 1 and min(gaps) >= 16, gaps
        assert opened.locator("td code").first.inner_text() == LONG
        assert opened.evaluate("() => document.documentElement.scrollWidth <= window.innerWidth"), "no sideways scroll"
