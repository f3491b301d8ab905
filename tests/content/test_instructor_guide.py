"""The instructor guide: its table of points is that of the labs, and its dry run is really run."""

from __future__ import annotations

import re
import tomllib

import pytest

from autograder import paths
from autograder.content import lessons, markdown
from autograder.content.runner import Session, run_lesson
from autograder.quality import rehearsal

PAGE = paths.LESSONS / "instructor-guide.md"
ROW = re.compile(
    r"^\| (?P<number>\d\d) · (?P<title>.+?) \| (?P<minutes>\d+) \| (?P<points>[\d.]+) \| (?P<hand>\S+) \|$"
)


def rows() -> dict[str, re.Match[str]]:
    found = [ROW.match(line) for line in markdown.read(PAGE).split("\n")]
    return {match["number"]: match for match in found if match}


def by_hand(text: str) -> float:
    return 0.0 if text == "–" else float(text)


def test_every_lesson_has_its_lab_in_the_table_and_the_sums_are_right():
    assert list(rows()) == [path.stem[:2] for path in lessons.lesson_files()]
    for path in lessons.lesson_files():
        assert rows()[path.stem[:2]]["title"] == lessons.load(path).title
    minutes = sum(int(row["minutes"]) for row in rows().values())
    points = sum(float(row["points"]) for row in rows().values())
    hand = sum(by_hand(row["hand"]) for row in rows().values())
    assert points == 100
    assert f"| **all** | **{minutes}** | **{points:g}** | **{hand:g}** |" in markdown.read(PAGE)


@pytest.mark.parametrize("manifest", sorted(paths.LABS.glob("*/lab.toml")), ids=lambda path: path.parent.name)
def test_minutes_and_points_are_those_of_the_lab(manifest):
    lab = tomllib.loads(manifest.read_text(encoding="utf-8"))
    row = rows()[manifest.parent.name[:2]]
    assert (int(row["minutes"]), float(row["points"])) == (
        lab["minutes"],
        sum(check["points"] for check in lab["checks"]),
    )
    assert by_hand(row["hand"]) == sum(check["points"] for check in lab["checks"] if check.get("by_hand"))


@pytest.mark.engine
def test_the_dry_run_works_as_printed(desk, tmp_path):
    session: Session = desk(lessons.load_page(PAGE))
    with rehearsal.services(tmp_path / "course" / "dry-run"):
        report = run_lesson(PAGE, session)
    assert not report.problems, "\n\n".join(report.problems)
    assert report.counts["run"] == 6 and report.counts["marked"] == 0
