"""Lessons: front matter, minutes, glossary, and what refers to what."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from autograder import paths
from autograder.content import blocks, lessons, markdown
from autograder.errors import CourseError

# What is not read as prose: code, folded descriptions of diagrams, comments, addresses of links.
APART = re.compile(r"^```.*?^```|<details.*?</details>|<!--.*?-->|\]\(.*?\)", re.DOTALL | re.MULTILINE)
# None of the course's seven objectives needs these; the core path leaves them out.
NOT_CORE = {"02-names", "11-multi-arch", "12-multi-registry"}

GOOD = """---
title: A
description: B.
minutes: 20
core_minutes: 5
objectives: [x]
prerequisites: [y]
lab: 01-a
---

# A

## One

<p class="section-time">5 minutes · core</p>

```sh
## no heading
```

## Two

<p class="section-time">15 minutes</p>
"""


def load(tmp_path: Path, text: str) -> lessons.Lesson:
    path = tmp_path / "01-a.md"
    path.write_text(text, encoding="utf-8")
    return lessons.load(path)


def test_a_lesson_is_read(tmp_path):
    lesson = load(tmp_path, GOOD)
    assert (lesson.number, lesson.minutes, lesson.core_minutes) == ("01", 20, 5)
    assert [(part.title, part.minutes, part.core) for part in lesson.sections] == [("One", 5, True), ("Two", 15, False)]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("minutes: 20", "minutes: 25", "sum of the sections, 20"),
        ("core_minutes: 5", "core_minutes: 4", "sum of the sections, 5"),
        ("objectives: [x]", "objectives: []", "list of sentences"),
        ("objectives: [x]", "objectives: x", "objectives (list)"),
        ("title: A\n", "", "title (str)"),
        ("minutes: 20", "minutes: true", "minutes (int)"),
        ("title: A", "title: [", "front matter in YAML"),
        ("lab: 01-a\n---", "lab: 01-a", "front matter between"),
        ("lab: 01-a\n", "lab: 01-a\nneeds: [a-cloud]\n", "needs as a list of clouds"),
        ("lab: 01-a\n", "lab: 01-a\nneeds: clouds\n", "needs as a list of clouds"),
    ],
)
def test_mistakes_are_named(tmp_path, old, new, says):
    with pytest.raises(CourseError) as error:
        load(tmp_path, GOOD.replace(old, new, 1))
    assert says in error.value.expected


@pytest.mark.parametrize("path", lessons.lesson_files(), ids=lambda path: path.stem)
def test_every_lesson_is_whole(path):
    lesson = lessons.load(path)
    text = markdown.read(path)
    titles = [heading.text for heading in markdown.headings(path, text)]
    assert titles.count("Key points") == titles.count("Quiz") == titles.count("Sources") == 1
    assert sum(heading.level == 1 for heading in markdown.headings(path, text)) == 1
    assert all(15 <= part.minutes <= 25 for part in lesson.sections)
    assert any(part.core for part in lesson.sections) == (path.stem not in NOT_CORE)
    assert not any(part.core for part in lesson.sections[1:]), "a core section needs nothing that others leave behind"
    assert lesson.lab == path.stem  # the page links the lab as soon as it is there
    assert len(re.findall(r"^- .*https://", text[text.index("## Sources") :], re.MULTILINE)) >= 3


@pytest.mark.parametrize("path", lessons.lesson_files(), ids=lambda path: path.stem)
def test_no_section_takes_longer_than_it_says(path):
    """What the schedule page says: 130 words a minute, ten seconds a line typed, three a line of output or a file."""
    text = markdown.read(path)
    starts = [heading for heading in markdown.headings(path, text) if heading.level == 2]
    ends = [heading.line for heading in starts[1:]] + [len(text.split("\n")) + 1]
    stated = {part.title: part.minutes for part in lessons.load(path).sections}
    for heading, end in zip(starts, ends, strict=True):
        if heading.text not in stated:
            continue
        within = [fence for fence in markdown.fences(path, text) if heading.line < fence.line < end]
        typed = sum(f.body.count("\n") + 1 for f in within if f.title is None and f.info in ("sh", "python"))
        read = sum(f.body.count("\n") + 1 for f in within) - typed
        lines = text.split("\n")[heading.line : end - 1]
        prose = re.sub(APART, "", "\n".join(lines))
        least = len(re.findall(r"[\w’']+", prose)) / 130 + typed * 10 / 60 + read * 3 / 60
        assert stated[heading.text] >= least - 2, f"“{heading.text}” takes {least:.0f} minutes at least"


@pytest.mark.parametrize("path", [*lessons.lesson_files(), *lessons.run_pages()], ids=lambda path: path.stem)
def test_containers_volumes_and_networks_have_names_that_the_tests_can_translate(path):
    """Else a test run would touch what its reader has under that name."""
    makes = re.compile(r"docker (?:run|create|volume create|network create)\b[^|;&\n]*")
    for block in blocks.parse(path):
        for command in makes.findall(block.code.replace("\\\n", " ")) if block.kind == "run" else ():
            named = re.findall(
                r"--name[ =]([\w-]+)|(?:-v|--volume)[ =]([\w-]+):|(?:volume|network) create (\w\S*)", command
            )
            for name in filter(None, (part for parts in named for part in parts)):
                assert name.startswith("my-"), f"line {block.line}: {name} in `{command}`: call it my-…"


@pytest.mark.parametrize("path", lessons.lesson_files(), ids=lambda path: path.stem)
def test_every_diagram_has_words(path):
    text = markdown.read(path)
    diagrams = re.findall(r"^!\[(.*?)\]\((.*?)\)\n\n(.*)$", text, re.MULTILINE)
    assert diagrams
    for alternative, file, following in diagrams:
        assert len(alternative) > 60 and (path.parent / file).is_file()
        assert following.startswith("<details"), f"{file} is followed by its description in words"


def test_the_start_page_lists_every_lesson_with_its_minutes():
    start = markdown.read(paths.LESSONS / "index.md")
    for path in lessons.lesson_files():
        lesson = lessons.load(path)
        row = next(line for line in start.split("\n") if f"({path.name})" in line)
        core = f", {lesson.core_minutes} core" if lesson.core_minutes else ""
        assert row.endswith(f"| {lesson.minutes} min{core} |")


def test_every_lesson_is_in_the_navigation():
    configuration = (paths.ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    for path in lessons.lesson_files():
        assert f"- {path.stem[:2]} · {lessons.load(path).title}: {path.name}\n" in configuration


def test_tooltips_are_the_first_sentences_of_the_glossary():
    page = markdown.read(paths.LESSONS / "glossary.md")
    tooltips = re.findall(r"^\*\[(.+?)\]: (.+)$", page, re.MULTILINE)
    assert len(tooltips) >= 8
    for term, words in tooltips:
        entry = re.search(rf"^## {re.escape(term)}\n\n(.+)$", page, re.MULTILINE | re.IGNORECASE)
        assert entry, term
        assert entry[1].replace("`", "").startswith(words), term


def test_the_glossary_is_in_alphabetical_order():
    path = paths.LESSONS / "glossary.md"
    terms = [heading.text.lower() for heading in markdown.headings(path, markdown.read(path)) if heading.level == 2]
    assert terms == [*sorted(terms[:-1]), "sources"]


@pytest.mark.parametrize("manifest", sorted(paths.LABS.glob("*/lab.toml")), ids=lambda path: path.parent.name)
def test_sections_that_hints_name_exist(manifest):
    for check in tomllib.loads(manifest.read_text(encoding="utf-8"))["checks"]:
        for hint in check["hints"]:
            for number, title in re.findall(r"Lesson (\d\d), “(.+?)”", hint):
                [path] = [path for path in lessons.lesson_files() if path.stem.startswith(number)]
                assert title in [heading.text for heading in markdown.headings(path, markdown.read(path))], hint
