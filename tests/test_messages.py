"""Messages name the course's commands so that they can be typed: as ``python3 course.py …``.

``course …`` exists only where the kit set the path, and there :func:`autograder.paths.as_typed_here` shortens what is
printed. The hints in lab.toml are messages, too.
"""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from autograder import paths
from autograder.cli import COMMANDS

PACKAGE = paths.ROOT / "autograder"
ONE_OF = "|".join(sorted(COMMANDS, key=len, reverse=True))
# A value that is filled in counts as a command after a backtick: "`course {name}`".
BARE = re.compile(rf"(?<![\w.\-/])course (?:(?:{ONE_OF})\b|--\w)|`course \0")
# What may say it, with the reason.
ALLOWED = {
    ("benchmarks/grading.py", "course grade, all"): "a row's name in the benchmarks' files, not to be typed",
    ("benchmarks/regrade.py", "course regrade, all"): "a row's name in the benchmarks' files, not to be typed",
    ("services/engine.py", ": docker context create course --docker host="): "course is a name given to docker",
}


def documentation(tree: ast.AST, file: Path) -> set[int]:
    """Ids of the texts that nobody is shown: docstrings, but for those that ``--help`` prints."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            is_help = "cli" in file.parts and bool(getattr(node, "decorator_list", []))
            if isinstance(first, ast.Expr) and not is_help:
                found.add(id(first.value))
    return found


def texts(file: Path) -> Iterator[tuple[int, str]]:
    """Line and text of the string literals that may be shown; what is filled in is a NUL."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    passed = documentation(tree, file)
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            passed |= {id(part) for part in node.values}
            parts = [str(part.value) if isinstance(part, ast.Constant) else "\0" for part in node.values]
            yield node.lineno, "".join(parts)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in passed:
            yield node.lineno, node.value


FILES = [file for file in sorted(PACKAGE.rglob("*.py")) if "course" in file.read_text(encoding="utf-8")]


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.relative_to(PACKAGE).as_posix())
def test_messages_name_commands_that_exist_everywhere(file):
    name = file.relative_to(PACKAGE).as_posix()
    bare = [(line, text) for line, text in texts(file) if BARE.search(text)]
    bare = [(line, text) for line, text in bare if not any(name == n and t in text for n, t in ALLOWED)]
    assert bare == [], "write `python3 course.py …`"


@pytest.mark.parametrize("place", ALLOWED, ids=lambda place: place[0])
def test_every_exception_is_still_needed(place):
    name, allowed = place
    assert any(allowed.replace("{}", "\0") in text for _, text in texts(PACKAGE / name))


@pytest.mark.parametrize("file", sorted(paths.LABS.glob("*/lab.toml")), ids=lambda f: f.parent.name)
def test_hints_name_commands_that_exist_everywhere(file):
    lab = tomllib.loads(file.read_text(encoding="utf-8"))
    bare = [hint for part in lab["checks"] for hint in part["hints"] if BARE.search(hint)]
    assert bare == [], "write `python3 course.py …`"


def vague(source: str) -> list[int]:
    """Lines of errors whose first line, ``error: FOUND``, says nothing by itself."""
    found = [
        keyword.value
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("CourseError", "EnvironmentProblem")
        for keyword in node.keywords
        if keyword.arg == "found"
    ]
    begins = [value.left if isinstance(value, ast.BinOp) else value for value in found]
    said = [(part.lineno, part.value) for part in begins if isinstance(part, ast.Constant)]
    return [line for line, text in said if str(text).strip(" .") in ("none", "nothing", "no", "missing", "wrong")]


@pytest.mark.parametrize("file", sorted(PACKAGE.rglob("*.py")), ids=lambda f: f.relative_to(PACKAGE).as_posix())
def test_the_first_line_of_an_error_says_what_is_missing(file):
    assert vague(file.read_text(encoding="utf-8")) == []


def test_a_vague_error_is_seen():
    assert vague('CourseError(expected="a lab", found="none", next_step="x")') == [1]
    assert vague('CourseError(found="none" + (f" of {x}" if x else ""))\nCourseError(found="no lab")') == [1]


def test_the_scan_sees_what_it_is_for(tmp_path):
    file = tmp_path / "cli" / "example.py"
    file.parent.mkdir()
    file.write_text(
        '"""`course start` in a docstring."""\n'
        'a = "Run `course start`."\n'
        'b = f"Run: course hint {a}"\n'
        'c = f"`course {a}`"\n'
        'd = "python3 course.py start, of course start"\n'
        'e = "of the course; python3 course.py start"\n'
        '@command\ndef f():\n    """For example: course env --json"""\n'
        'def g():\n    """What `course env` does."""\n',
        encoding="utf-8",
    )
    assert [line for line, text in texts(file) if BARE.search(text)] == [2, 3, 4, 5, 9]


@pytest.mark.parametrize(
    ("platform", "path", "folder", "typed"),
    [
        ("linux", "", ".", "python3 course.py"),
        ("linux", "", "labs/01-first-push", "python3 ../../course.py"),
        ("win32", "", ".", "python course.py"),
        ("linux", "kit", "labs/01-first-push", "course"),
        ("linux", "other", ".", "python3 course.py"),
    ],
)
def test_what_is_typed_for_the_course(monkeypatch, tmp_path, platform, path, folder, typed):
    """``course`` only where that is the kit's own program, and not another one of that name."""
    for place in ("kit", "other"):
        (tmp_path / place).mkdir()
        (tmp_path / place / "course").write_text("#!/bin/sh\n", encoding="utf-8")
        (tmp_path / place / "course").chmod(0o755)
    monkeypatch.setattr("autograder.paths.shutil.which", lambda _: str(tmp_path / path / "course") if path else None)
    monkeypatch.setattr("autograder.paths.sys.executable", str(tmp_path / "kit" / "python"))
    monkeypatch.setattr("autograder.paths.sys.platform", platform)
    monkeypatch.chdir(paths.ROOT / folder)
    assert paths.course_from_here() == typed
    assert paths.as_typed_here("Run `python3 course.py submit 01`.") == f"Run `{typed} submit 01`."
