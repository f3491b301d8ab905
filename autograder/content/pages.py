"""Pages that are made, not written: the labs' task texts, the command line reference, the schedule, the self-check.

Labs are read from ``labs/`` alone, which holds what students get. Nothing here opens ``solutions/``.
"""

from __future__ import annotations

import html
import json
import re
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autograder.content.lessons import Lesson
from autograder.content.quizzes import Quiz
from autograder.errors import CourseError

# In self-check.md: what stands there in a plain build, and is replaced by the questions of all lessons.
QUESTIONS = re.compile(r"<!-- questions -->\n.*?\n<!-- end of questions -->\n", re.DOTALL)


@dataclass(frozen=True)
class LabText:
    """What a page about a lab needs.

    ``minutes`` is working time, ``core_minutes`` that of the tasks on the core path, ``text`` the Markdown cells of
    the notebook.
    """

    slug: str
    title: str
    minutes: int
    core_minutes: int
    points: float
    lesson: str
    text: str

    @property
    def page(self) -> str:
        """The page's path below the documentation folder."""
        return f"labs/{self.slug}.md"


def read_lab(folder: Path) -> LabText:
    """A lab as a student sees it, from its ``lab.toml`` and its notebook.

    Raises:
        CourseError: a file is missing or broken.
    """
    try:
        data = tomllib.loads((folder / "lab.toml").read_text(encoding="utf-8"))
        notebook = json.loads((folder / f"{folder.name}.ipynb").read_text(encoding="utf-8"))
        cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "markdown"]
        return LabText(
            slug=folder.name,
            title=str(data["title"]),
            minutes=int(data["minutes"]),
            core_minutes=int(data.get("core_minutes", 0)),
            points=sum(float(check["points"]) for check in data["checks"]),
            lesson=str(data["lesson"]),
            text="\n\n".join("".join(cell["source"]).strip() for cell in cells) + "\n",
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CourseError(
            expected=f"a lab in {folder.name}: lab.toml and a notebook",
            found=f"{type(error).__name__}: {error}",
            next_step="Run `python3 course.py verify` for what is wrong with the lab; `python3 course.py release` "
            "writes its notebook.",
        ) from error


def lab_folders(labs: Path) -> list[Path]:
    """The labs' folders, in the order of the course."""
    return sorted(path.parent for path in labs.glob("[0-9][0-9]-*/lab.toml"))


def lab_page(lab: LabText) -> str:
    """A lab's page: its task texts under one heading, and how to begin."""
    text = re.sub(r"\A# .*\n+", "", lab.text)
    text = re.sub(r"\A\*\*About [^*]*\*\* ", "", text)  # the line below the heading says it
    text = re.sub(r"^\*(\d+ minutes[^*\n]*)\*$", r'<p class="section-time">\1</p>', text, flags=re.MULTILINE)
    return (
        _front(f"{lab.slug[:2]} · {lab.title}", f"The tasks of lab {lab.slug[:2]}: {lab.title}.")
        + f"# Lab {lab.slug[:2]}: {lab.title}\n\n"
        + f"[Lesson {lab.lesson[:2]}](../{lab.lesson}.md) · {lab.minutes} minutes · {_number(lab.points)} points\n\n"
        + "These are the tasks, to read ahead. You work on them in JupyterLab, where checks answer at once: run\n"
        + f"`python3 course.py start` and open `{lab.slug}/{lab.slug}.ipynb`.\n\n"
        + text
    )


def labs_index(labs: Sequence[LabText]) -> str:
    """The list of the labs."""
    rows = "".join(
        f"| [{lab.slug[:2]} · {lab.title}]({lab.slug}.md) | {lab.minutes} | {lab.core_minutes or '–'} "
        f"| {_number(lab.points)} |\n"
        for lab in labs
    )
    minutes, core = sum(lab.minutes for lab in labs), sum(lab.core_minutes for lab in labs)
    total = f"| **all** | **{minutes}** | **{core}** | **{_number(sum(lab.points for lab in labs))}** |\n"
    return (
        _front("Labs", "The tasks of every lab.")
        + "# Labs\n\n"
        + "A lab is a notebook in which you work with real registries on your own machine. Its checks look at what\n"
        + "you achieved, never at the way you took.\n\n"
        + "| lab | minutes | core | points |\n| --- | ---: | ---: | ---: |\n"
        + rows
        + total
    )


def schedule(lessons: Sequence[Lesson], labs: Sequence[LabText]) -> str:
    """Reading and lab minutes of the whole course and of the core path, summed from front matter and manifests."""
    by_slug = {lab.slug: lab for lab in labs}
    rows = []
    for lesson in lessons:
        lab = by_slug.get(lesson.lab)
        lab_cells = f"[{lab.minutes}]({lab.page}) | {lab.core_minutes or '–'}" if lab else "– | –"
        name = f"[{lesson.number} · {lesson.title}]({lesson.slug}.md)"
        rows.append(f"| {name} | {lesson.minutes} | {lesson.core_minutes or '–'} | {lab_cells} |\n")
    reading, core_reading = sum(one.minutes for one in lessons), sum(one.core_minutes for one in lessons)
    working, core_working = sum(lab.minutes for lab in labs), sum(lab.core_minutes for lab in labs)
    sections = "".join(
        f"| {lesson.number} | {part.title} | {part.minutes} | {'core' if part.core else ''} |\n"
        for lesson in lessons
        for part in lesson.sections
    )
    return (
        _front("Schedule", "How long everything takes: reading and labs, the whole course and the core path.")
        + "# Schedule\n\n"
        + "Reading includes typing the commands along. Labs come on top. The core path is the short way through: the\n"
        + "sections and tasks that are marked *core* touch each objective of the course once. It leaves out whole\n"
        + f"lessons, and all labs but {_and([lab.slug[:2] for lab in labs if lab.core_minutes])}.\n\n"
        + "| path | reading | labs | together |\n| --- | ---: | ---: | ---: |\n"
        + f"| core | {hours(core_reading)} | {hours(core_working)} | **{hours(core_reading + core_working)}** |\n"
        + f"| everything | {hours(reading)} | {hours(working)} | **{hours(reading + working)}** |\n\n"
        + "These are sums of the tables below, and no promise. A section's minutes are those of somebody who reads\n"
        + "130 words a minute, takes ten seconds for a line of commands and three for a line of output or of a file,\n"
        + "and then thinks; fifteen are the least. A lab's minutes are those of somebody who has read its lesson; for\n"
        + "its core tasks the lesson's core section is enough.\n\n"
        + "## Lessons and labs\n\n"
        + "All in minutes; *core* is a part of the column before it.\n\n"
        + "| lesson | reading | core | lab | core |\n"
        + "| --- | ---: | ---: | ---: | ---: |\n"
        + "".join(rows)
        + f"| **all** | **{reading}** | **{core_reading}** | **{working}** | **{core_working}** |\n\n"
        + "## Sections\n\n"
        + "| lesson | section | minutes | path |\n| --- | --- | ---: | --- |\n"
        + sections
    )


def self_check(source: str, lessons: Sequence[tuple[Lesson, Sequence[Quiz]]]) -> str:
    """The self-check page: what is written in ``self-check.md``, and between its marks every quiz of the course.

    Args:
        source: the text of ``lessons/self-check.md``.
        lessons: each lesson with its questions.

    Raises:
        CourseError: the marks are missing.
    """
    if len(QUESTIONS.findall(source)) != 1:
        raise CourseError(
            expected="in self-check.md, once, the lines <!-- questions --> and <!-- end of questions -->",
            found=f"{len(QUESTIONS.findall(source))} of such pairs",
            next_step="Put them where the questions of all lessons belong.",
        )
    parts = [
        f"### {lesson.number} · {lesson.title}\n\n[Read the lesson]({lesson.slug}.md).\n\n"
        + "\n".join(quiz.source for quiz in quizzes)
        for lesson, quizzes in lessons
    ]
    made = "\n".join(parts)
    return QUESTIONS.sub(lambda _: made, source)


def unsearched(text: str) -> str:
    """A page whose questions the search leaves out: it would give answers away, and load them with every page."""
    return text.replace('<div class="quiz" ', '<div class="quiz" data-search-exclude ')


def commands(described: Iterable[dict[str, Any]]) -> str:
    """The command line reference, from what ``autograder.cli.helptext`` says about each command."""
    parts = [
        _front("Command line", "Every command of the course, from its own --help."),
        "# Command line\n\n",
        "Type `python3 course.py COMMAND`, or `course COMMAND` in the course's environment. Each has `--help`.\n"
        "Exit status: 0 done, 1 the answer is no, 2 wrong usage or input, 3 something is missing on the machine.\n\n",
    ]
    for command in described:
        level = "##" if " " not in command["name"] else "###"
        parts.append(f"{level} {command['name']}\n\n")
        if command.get("usage") is None:
            where = "Its options are shown by `--help` where everything that it needs is installed."
            parts.append(f"{_escape(command['summary'])}. {where}\n\n")
            continue
        parts.append(f"```text\n{command['usage']}\n```\n\n")
        parts.extend(f"{_escape(paragraph)}\n\n" for paragraph in command["help"])
        told = [(name, text) for name, text in command["options"] if text and name != "--help"]
        if told:
            parts.append("| option | what it does |\n| --- | --- |\n")
            parts.extend(f"| {_code(name)} | {_cell(_escape(text))} |\n" for name, text in told)
            parts.append("\n")
    return "".join(parts)


def _front(title: str, description: str) -> str:
    return f"---\ntitle: {json.dumps(title, ensure_ascii=False)}\ndescription: {json.dumps(description)}\n---\n\n"


def _and(words: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]])) or "none"


def _number(value: float) -> str:
    return f"{value:g}"


def hours(minutes: int) -> str:
    """Minutes as people say them: ``2 h 25 min``."""
    whole, rest = divmod(minutes, 60)
    return " ".join(
        part for part in (f"{whole} h" if whole else "", f"{rest} min" if rest or not whole else "") if part
    )


def _escape(text: str) -> str:
    """Help is plain text: nothing in it is meant as Markdown but the code marks."""
    return re.sub(r"([\\*_<>\[\]#])", r"\\\1", text) if "`" not in text else text


def _code(text: str) -> str:
    """Code in a table's cell: as HTML, since a bar inside Markdown's code marks would end the cell."""
    return f"<code>{html.escape(text).replace('|', '&#124;')}</code>"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
