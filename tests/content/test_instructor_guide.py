"""The instructor guide: its table of points is that of the labs, and its dry run is really run."""

from __future__ import annotations

import re
import tomllib

import pytest

from autograder import paths
from autograder.content import lessons, markdown, pages
from autograder.content.runner import Session, run_lesson
from autograder.grading import report, states
from autograder.labs import manifest
from autograder.quality import lab_runs

PAGE = paths.LESSONS / "instructor-guide.md"
ROW = re.compile(
    r"^\| (?P<number>\d\d) · (?P<title>.+?) \| (?P<minutes>\d+) \| (?P<core>\S+) "
    r"\| (?P<points>[\d.]+) \| (?P<hand>\S+) \|$"
)


def rows() -> dict[str, re.Match[str]]:
    found = [ROW.match(line) for line in markdown.read(PAGE).split("\n")]
    return {match["number"]: match for match in found if match}


def number(text: str) -> float:
    return 0.0 if text == "–" else float(text)


def test_every_lesson_has_its_lab_in_the_table_and_the_sums_are_right():
    assert list(rows()) == [path.stem[:2] for path in lessons.lesson_files()]
    for path in lessons.lesson_files():
        assert rows()[path.stem[:2]]["title"] == lessons.load(path).title
    minutes = sum(int(row["minutes"]) for row in rows().values())
    core = sum(int(number(row["core"])) for row in rows().values())
    points = sum(float(row["points"]) for row in rows().values())
    hand = sum(number(row["hand"]) for row in rows().values())
    assert points == 100
    assert f"| **all** | **{minutes}** | **{core}** | **{points:g}** | **{hand:g}** |" in markdown.read(PAGE)


@pytest.mark.parametrize("file", sorted(paths.LABS.glob("*/lab.toml")), ids=lambda path: path.parent.name)
def test_minutes_and_points_are_those_of_the_lab(file):
    lab = tomllib.loads(file.read_text(encoding="utf-8"))
    row = rows()[file.parent.name[:2]]
    assert (int(row["minutes"]), number(row["core"]), float(row["points"])) == (
        lab["minutes"],
        lab.get("core_minutes", 0),
        sum(check["points"] for check in lab["checks"]),
    )
    assert number(row["hand"]) == sum(check["points"] for check in lab["checks"] if check.get("by_hand"))


def test_what_it_says_of_the_core_path():
    """About four hours were promised, and all seven objectives in them."""
    labs = [lab for lab in map(manifest.find, manifest.slugs()) if lab.core_minutes]
    reading = sum(lessons.load(path).core_minutes for path in lessons.lesson_files())
    working = sum(lab.core_minutes for lab in labs)
    points = sum(part.points for lab in labs for part in lab.checks if part.core)
    assert reading + working <= 255
    page = " ".join(markdown.read(PAGE).split())
    assert f"The core sections ({pages.hours(reading)})" in page
    assert f"the core tasks of labs 01, 04, 06, 08 and 09 ({pages.hours(working)})" in page
    assert [lab.slug[:2] for lab in labs] == ["01", "04", "06", "08", "09"]
    assert f"worth {points:g} of the 100 points" in page


def test_the_states_are_those_of_the_code_in_its_words():
    text = markdown.read(PAGE)
    below = text.partition("### States and exports")[2]
    table = re.findall(r"(?m)^\| ([a-z ]+) \| ([^|]+) \| [^|]+ \| [^|]+ \|$", below.replace("| state |", "| State |"))
    assert dict(table[: len(states.MEANING)]) == states.MEANING
    shown = {word for word, _ in report.STATUS.values()} | {states.NEEDS_REVIEW}
    beside = set(re.findall(r"\*([a-z: ]+)\*", text.partition("In the table after `grade`")[2].partition("\n\n")[0]))
    assert shown == {word for word in states.MEANING if word != states.MISSING} | beside


def test_what_it_says_of_whose_machine_saw_what():
    points = {"grader": 0.0, "student": 0.0, "class": 0.0}
    for lab in map(manifest.find, manifest.slugs()):
        for id, check in lab.declared_checks().items():
            points[check.witness] += lab.points[id]
    page = " ".join(markdown.read(PAGE).split())
    assert f"With the labs as they are: {points['grader']:g} of the {sum(points.values()):g} points" in page
    assert f"on the student's own machine: {points['student']:g} points" in page and points["class"] == 0


@pytest.mark.engine
def test_the_dry_run_works_as_printed(desk, tmp_path):
    session: Session = desk(lessons.load_page(PAGE))
    with lab_runs.services(tmp_path / "course" / "dry-run"):
        report = run_lesson(PAGE, session)
    assert not report.problems, "\n\n".join(report.problems)
    assert report.counts["run"] == 6 and report.counts["marked"] == 0
