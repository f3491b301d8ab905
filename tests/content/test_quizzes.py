"""Quizzes: the four kinds, and every mistake an author can make."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from autograder import paths
from autograder.content import lessons, quizzes
from autograder.errors import CourseError


def quiz(kind: str, question: str, options: str, answers: str, name: str = "quiz-x") -> str:
    return (
        f'<div class="quiz" id="{name}" data-kind="{kind}" markdown="1">\n\n**{question}**\n\n{options}\n\n'
        f'<details markdown="1"><summary>Answer</summary>\n\n{answers}\n\n</details>\n</div>\n'
    )


def parse(tmp_path: Path, text: str):
    path = tmp_path / "page.md"
    path.write_text(text, encoding="utf-8")
    return quizzes.parse(path)


def test_single(tmp_path):
    [found] = parse(
        tmp_path, quiz("single", "Why?", "- a\n- b\n  goes on", "- **No.** Not a.\n- **Right.** It is\n  b.")
    )
    assert [(o.text, o.answer, o.feedback) for o in found.options] == [
        ("a", False, "Not a."),
        ("b goes on", True, "It is b."),
    ]
    assert (found.id, found.kind, found.question, found.line) == ("quiz-x", "single", "**Why?**", 1)
    assert found.source.startswith("<div") and found.source.endswith("</div>\n")


def test_multiple(tmp_path):
    [found] = parse(tmp_path, quiz("multiple", "W?", "- a\n- b", "- **Right.** A.\n- **Right.** B."))
    assert [o.answer for o in found.options] == [True, True]


def test_order(tmp_path):
    [found] = parse(tmp_path, quiz("order", "W?", "- b\n- a", "1. **a** First.\n2. **b** Then."))
    assert [(o.text, o.answer) for o in found.options] == [("b", 2), ("a", 1)]


def test_name(tmp_path):
    text = quiz(
        "name", "`h:1/r`?", "- `h:1`\n- `r`", "- `h:1`: **registry host**. A colon.\n- `r`: **repository**. The rest."
    )
    [found] = parse(tmp_path, text)
    assert [o.answer for o in found.options] == ["registry host", "repository"]


RIGHT, WRONG = "- **Right.** Yes.", "- **No.** No."


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (quiz("single", "W?", "- a\n- b", f"{WRONG}\n{WRONG}"), "expected: a right option"),
        (quiz("single", "W?", "- a\n- b", f"{RIGHT}\n{RIGHT}"), "expected: one right option"),
        (quiz("single", "W?", "- a\n- b", RIGHT), "2 answers"),
        (quiz("single", "W?", "- a\n- a", f"{RIGHT}\n{WRONG}"), "different options"),
        (quiz("single", "W?", "- a", RIGHT), "two or more"),
        (quiz("single", "W?", "- a\n- b", "- **Right.** Yes.\n- Hm."), "feedback that begins with"),
        (quiz("single", "W?", "- a\n- b", "- **Right.** Yes.\n- **No.**"), "feedback that begins with"),
        (quiz("order", "W?", "- a\n- b", "1. **a** x.\n2. **b** y."), "another order"),
        (quiz("order", "W?", "- a\n- b", "1. **c** x.\n2. **b** y."), "the same items"),
        (quiz("name", "`h/r`?", "- `h`\n- `r`", "- `h`: **captain**. x.\n- `r`: **repository**. y."), "a role out of"),
        (quiz("name", "`h/r`?", "- `h`\n- `z`", "- `h`: **tag**. x.\n- `z`: **repository**. y."), "parts of the name"),
        (quiz("riddle", "W?", "- a\n- b", f"{RIGHT}\n{WRONG}"), "riddle"),
        (quiz("single", "W?", "- a\n- b", f"{RIGHT}\n{WRONG}", name="x"), 'id="x"'),
        (quiz("single", "W?", "- a\n- b", f"{RIGHT}\n{WRONG}") * 2, "ids used once"),
        (quiz("single", "W?", "- a\n- b", f"{RIGHT}\n{WRONG}").replace("</div>", ""), "the page ends"),
        (quiz("single", "W?", "- a\n- b", f"{RIGHT}\n{WRONG}").replace("**W?**", "W?"), "a question in bold"),
        (quiz("single", "W?", "- a\n- b", f"{RIGHT}\n{WRONG}").replace("</details>", ""), "the answers between"),
    ],
)
def test_mistakes_are_named(tmp_path, text, says):
    with pytest.raises(CourseError) as error:
        parse(tmp_path, text)
    assert says in str(error.value)
    assert "page.md, line" in error.value.found


@pytest.mark.parametrize("path", lessons.lesson_files(), ids=lambda path: path.stem)
def test_every_lesson_has_five_to_eight_questions(path):
    found = quizzes.parse(path)
    assert 5 <= len(found) <= 8
    assert all(quiz.id.startswith(f"quiz-{path.stem[:2]}-") for quiz in found)


def test_the_script_knows_the_same_roles():
    script = (paths.LESSONS / "assets" / "quiz.js").read_text(encoding="utf-8")
    listed = script.partition("const ROLES = [")[2].partition("]")[0]
    assert tuple(re.findall(r'"([^"]+)"', listed)) == quizzes.ROLES
