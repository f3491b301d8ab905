"""Pages that are made: labs from what students get, the schedule from front matter, commands from their help."""

from __future__ import annotations

import json
import re
from pathlib import Path

import markdown as python_markdown
import pytest

from autograder import paths
from autograder.content import pages, quizzes
from autograder.content.lessons import Lesson, Section
from autograder.errors import CourseError
from autograder.labs import manifest


def lab(tmp_path: Path, **changes: object) -> Path:
    folder = tmp_path / "02-names"
    folder.mkdir()
    toml = 'title = "Names"\nminutes = 20\ncore_minutes = 15\nlesson = "02-names"\n'
    toml += "[[checks]]\npoints = 1.5\n[[checks]]\npoints = 2.5\n"
    (folder / "lab.toml").write_text(toml, encoding="utf-8")
    cells = [
        {"cell_type": "markdown", "source": ["# Lab 02\n", "\n", "**About 20 minutes, 4 points.** Hello."]},
        {"cell_type": "code", "source": ["print('code')"]},
        {"cell_type": "markdown", "source": "## 1 Do\n\n*5 minutes · core*\n\nThis."},
    ]
    (folder / "02-names.ipynb").write_text(json.dumps({"cells": cells}), encoding="utf-8")
    return folder


def test_a_lab_page_holds_the_task_texts_and_no_code(tmp_path):
    found = pages.read_lab(lab(tmp_path))
    assert (found.points, found.minutes, found.page) == (4.0, 20, "labs/02-names.md")
    page = pages.lab_page(found)
    assert page.count("\n# ") == 1 and "\n# Lab 02: Names\n" in page
    assert "Hello." in page and "## 1 Do" in page and "print('code')" not in page
    assert "[Lesson 02](../02-names.md) · 20 minutes · 4 points" in page and "About 20 minutes" not in page
    assert '<p class="section-time">5 minutes · core</p>' in page


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("lab.toml", "title ="),
        ("lab.toml", 'title = "x"'),
        ("02-names.ipynb", "{"),
        ("02-names.ipynb", '{"cells": [{}]}'),
    ],
)
def test_a_broken_lab_is_named(tmp_path, file, text):
    folder = lab(tmp_path)
    (folder / file).write_text(text, encoding="utf-8")
    with pytest.raises(CourseError) as error:
        pages.read_lab(folder)
    assert "02-names" in error.value.expected


def test_a_lab_without_its_notebook_is_named(tmp_path):
    folder = lab(tmp_path)
    (folder / "02-names.ipynb").unlink()
    with pytest.raises(CourseError):
        pages.read_lab(folder)


def lesson(slug: str, *sections: Section) -> Lesson:
    minutes = sum(part.minutes for part in sections)
    core = sum(part.minutes for part in sections if part.core)
    return Lesson(slug, slug[3:].title(), "d", minutes, core, ("o",), ("p",), slug, sections)


def test_the_schedule_sums_reading_and_labs_apart(tmp_path):
    read = [
        lesson("01-push", Section("A", 15, True), Section("B", 25, False)),
        lesson("02-names", Section("C", 20, True), Section("D", 20, True)),
    ]
    page = pages.schedule(read, [pages.read_lab(lab(tmp_path))])
    assert "| [01 · Push](01-push.md) | 40 | 15 | – | – |" in page
    assert "| [02 · Names](02-names.md) | 40 | 40 | [20](labs/02-names.md) | 15 |" in page
    assert "| **all** | **80** | **55** | **20** | **15** |" in page
    assert "| core | 55 min | 15 min | **1 h 10 min** |" in page
    assert "all labs but 02." in page
    assert "| everything | 1 h 20 min | 20 min | **1 h 40 min** |" in page
    assert "| 01 | B | 25 |  |" in page and "| 02 | C | 20 | core |" in page


def test_a_lesson_outside_the_core_path_has_a_dash():
    page = pages.schedule([lesson("01-push", Section("A", 15, False))], [])
    assert "| [01 · Push](01-push.md) | 15 | – | – | – |" in page
    assert "all labs but none." in page


def test_the_index_of_labs_sums_points(tmp_path):
    assert "| **all** | **20** | **15** | **4** |" in pages.labs_index([pages.read_lab(lab(tmp_path))])


def test_help_is_text_and_stays_text():
    page = pages.commands(
        [
            {
                "name": "grade",
                "summary": "grade",
                "usage": "course grade [OPTIONS] PATHS...",
                "help": ["Grade <b>all</b> of *them* in a_b."],
                "options": [["PATHS", ""], ["--format [csv|json]", "One | other."], ["--help", "Show this."]],
            },
            {"name": "hub token", "summary": "tokens", "usage": "course hub token", "help": [], "options": []},
            {"name": "bench", "summary": "the benchmarks", "usage": None},
        ]
    )
    html = python_markdown.markdown(page.partition("---\n\n")[2], extensions=["tables", "fenced_code"])
    assert "course grade [OPTIONS] PATHS..." in html
    assert "<b>" not in html and "<em>" not in html and "a_b" in html
    assert (
        "<td><code>--format [csv&#124;json]</code></td>" in html or "<td><code>--format [csv|json]</code></td>" in html
    )
    assert "<td>One | other.</td>" in html
    assert "PATHS</code>" not in html and "--help</code></td>" not in html
    assert "<h2>grade</h2>" in html and "<h3>hub token</h3>" in html
    assert "where everything that it needs is installed" in html


QUIZ = """<div class="quiz" id="quiz-02-x" data-kind="single" markdown="1">

**Which?**

- a
- \\1

<details markdown="1"><summary>Answer</summary>

- **Right.** Yes.
- **No.** No.

</details>
</div>
"""


def test_the_self_check_holds_every_question_in_place_of_its_mark(tmp_path):
    file = tmp_path / "02-names.md"
    file.write_text(QUIZ, encoding="utf-8")
    source = "# Self-check\n\n<!-- questions -->\nNot here.\n<!-- end of questions -->\n\nAfter.\n"
    page = pages.self_check(source, [(lesson("02-names", Section("C", 20, True)), quizzes.parse(file))])
    assert page.startswith("# Self-check\n\n### 02 · Names\n\n[Read the lesson](02-names.md).\n\n<div")
    assert QUIZ in page and "Not here." not in page and page.endswith("\nAfter.\n")


def test_a_self_check_without_its_mark_is_named():
    with pytest.raises(CourseError, match="0 of such pairs"):
        pages.self_check("# Self-check\n", [])


@pytest.mark.parametrize("folder", pages.lab_folders(paths.LABS), ids=lambda path: path.name)
def test_the_minutes_of_a_labs_tasks_add_up(folder):
    """Where tasks say how long they take (``*15 minutes · core*``), they agree with lab.toml."""
    found = pages.read_lab(folder)
    tasks = re.findall(r"^\*(\d+) minutes?( · core\b.*)?\*$", found.text, re.MULTILINE)
    if tasks:
        assert sum(int(minutes) for minutes, _ in tasks) == found.minutes
        if found.core_minutes:
            assert sum(int(minutes) for minutes, core in tasks if core) == found.core_minutes
    assert found.core_minutes <= found.minutes


@pytest.mark.parametrize("slug", manifest.slugs())
def test_a_lab_off_the_core_path_marks_no_task_as_core(slug):
    lab = manifest.find(slug)
    text = pages.read_lab(paths.LABS / slug).text
    assert any(part.core for part in lab.checks) == bool(lab.core_minutes)
    assert lab.core_minutes or not re.search(r"\*core\*|· core\b", text)
