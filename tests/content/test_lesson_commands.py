"""Every command block of the lessons and the cheat sheet, run in order on the reference engine, its output compared.

The counts of blocks that were run, validated and marked are printed and written to ``test-report/lesson-commands.json``
and, as a table with the list of markers, ``test-report/lesson-commands.md``. One lesson:
``python3 course.py test --reference tests/content/test_lesson_commands.py -k 03-docker-hub``.
"""

from __future__ import annotations

import json

import pytest

from autograder import paths
from autograder.content import lessons
from autograder.content.runner import run_lesson, table

MARKED_AT_MOST = 0.1  # of a lesson's blocks; those for the clouds' own tools are counted apart
REPORT = paths.ROOT / "test-report"


PAGES = [*lessons.lesson_files(), *lessons.run_pages()]


@pytest.mark.engine
@pytest.mark.reference  # outputs are those of a reader's engine
@pytest.mark.parametrize("file", PAGES, ids=lambda path: path.stem)
def test_every_block_does_what_the_lesson_shows(file, desk, record_property, capsys):
    lesson = lessons.load_page(file) if file in lessons.run_pages() else lessons.load(file)
    report = run_lesson(file, desk(lesson))

    write(report.as_json())
    record_property("blocks", json.dumps(report.counts))
    with capsys.disabled():
        print(f"\n{file.stem}: {', '.join(f'{count} {kind}' for kind, count in report.counts.items())}")
        for marker in report.as_json()["markers"]:
            print(f"  line {marker['line']} is marked: {marker['why']}")
    assert not report.problems, "\n\n".join(report.problems)
    assert report.counts["marked"] <= MARKED_AT_MOST * report.counts["blocks"]


def write(entry: dict[str, object]) -> None:
    """Put a lesson's counts into the test report, beside those of the other lessons."""
    file = REPORT / "lesson-commands.json"
    file.parent.mkdir(exist_ok=True)
    known: dict[str, dict[str, object]] = {}
    if file.is_file():
        known = {item["lesson"]: item for item in json.loads(file.read_text(encoding="utf-8"))}
    known[str(entry["lesson"])] = entry
    entries = [known[path.stem] for path in PAGES if path.stem in known]
    text = json.dumps(entries, indent=2, ensure_ascii=False)
    file.write_text(text + "\n", encoding="utf-8", newline="\n")
    file.with_suffix(".md").write_text(table(entries), encoding="utf-8", newline="\n")
