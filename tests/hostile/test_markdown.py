"""Markdown that makes a reader slow: cleaned in time that grows with the text, and shown within limits."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from autograder.domain import limits
from autograder.grading import sanitize
from autograder.grading.nbgrader_steps import safe_markdown
from autograder.grading.sanitize import clean_markdown, clean_notebook

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="a child with limits needs fork and /proc"),
]

SIZES = (20_000, 200_000, 2_000_000)  # characters
SECONDS = 4.0  # of processor time, of two million characters; a quarter of it on a quiet machine
MEMORY = 300 << 20

TEXTS = {
    "blanks behind a link": lambda n: "[a](" + " " * n,
    "links with blanks": lambda n: ("[a](" + " " * 50) * (n // 54),
    "blanks behind a reference": lambda n: "[a]:" + " " * n,
    "brackets on each line": lambda n: "[a\n" * (n // 3),
    "references on each line": lambda n: "[a]: b\n" * (n // 7),
    "one run of back-ticks": lambda n: "`" * n,
    "runs of back-ticks, each longer": lambda n: "".join("`" * k + " " for k in range(1, int((2 * n) ** 0.5))),
    "back-ticks by one and two": lambda n: "`a ``b " * (n // 7),
    "exclamation marks": lambda n: "!" * n,
    "pictures of pictures": lambda n: "!![" * (n // 3),
    "a scheme in two parts": lambda n: "](data" + " " * n,
    "less-than signs": lambda n: "<a" * (n // 2),
    "fences": lambda n: "```\n" * (n // 4),
    "blank lines": lambda n: " \n" * (n // 2),
}


def cleaned(case: str, size: int) -> float:
    text, begun = TEXTS[case](size), time.process_time()
    clean_markdown(text)
    return time.process_time() - begun


@pytest.mark.parametrize("case", TEXTS)
def test_cleaning_takes_time_in_proportion_to_the_text(case: str) -> None:
    from .measured import measured

    for size in SIZES:
        found = measured(cleaned, case, size)
        assert found.value < 0.05 + SECONDS * size / SIZES[-1] and found.memory < MEMORY, (size, found)


def shown(cells: list[str]) -> tuple[list[str], int]:
    """What the formgrader shows of cells, and how many of them formatted."""
    clean = clean_notebook({"cells": [{"cell_type": "markdown", "source": text} for text in cells]})
    assert clean_notebook(clean) == clean
    sources = [cell["source"] for cell in clean["cells"]]
    pages = [safe_markdown(source) for source in sources]
    return [page[-200:] for page in pages], sum(sanitize.plain_text(source) is None for source in sources)


@pytest.mark.parametrize("case", TEXTS)
def test_a_page_of_the_longest_cells_is_ready_soon(case: str) -> None:
    from .measured import measured

    found = measured(shown, [TEXTS[case](limits.MARKDOWN_CELL.most)] * 50)
    assert found.seconds < 10.0 and found.memory < MEMORY, found


def test_what_is_too_long_is_plain_text_with_a_sentence() -> None:
    long = "<script>x</script> **b**\n" * 5_000
    page = safe_markdown(clean_notebook({"cells": [{"cell_type": "markdown", "source": long}]})["cells"][0]["source"])
    assert page.startswith("<p>(Shown as plain text") and "The points stand." in page
    assert "&lt;script&gt;" in page and "<strong>" not in page and "<script" not in page
    assert safe_markdown(long).startswith("<p>(Shown as plain text"), "also what nobody has cleaned"
    honest = safe_markdown("An **honest** answer.\n\n" + "It has many words. " * 400)
    assert "<strong>honest</strong>" in honest and "plain text" not in honest


def test_what_cannot_be_formatted_is_shown_as_it_is() -> None:
    assert safe_markdown("![a](attachment:b.png)") == "<pre>![a](attachment:b.png)</pre>"
