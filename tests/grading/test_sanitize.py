"""Notebooks made harmless: no HTML, no images, no script addresses, nothing but text; and the text stays readable."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.domain import limits
from autograder.grading import sanitize
from autograder.grading.nbgrader_steps import TAGS, safe_markdown
from autograder.grading.sanitize import clean_markdown, clean_notebook

ATTACKS = [
    "<script>fetch('/formgrader/api/grade/1')</script>",
    "<img src=x onerror=alert(1)>",
    "text <svg/onload=alert(1)>",
    "![x](https://example.org/pixel.png)",
    "[click](javascript:alert(1))",
    "[click](JaVaScRiPt:alert(1))",
    "[click]( <javascript:alert(1)>)",
    "[click](java&#115;cript:alert(1))",
    "[click](data:text/html;base64,PHNjcmlwdD4=)",
    "[a]: javascript:alert(1)\n\n[a]",
    "<a href='javascript:alert(1)'>x</a>",
    "<iframe srcdoc='<script>1</script>'></iframe>",
    "`<b>` and <script>1</script> and `<i>`",
    "```\n<b>\n```\n<script>1</script>",
    "    ```\n<script>1</script>",
    "> ```\n<script>1</script>",
    "- ```\n<script>1</script>\n",
    "~~~ <script>1</script>\nx\n~~~\n<script>2</script>",
    "``` `\n<script>1</script>",
    "`a\n\nb` <script>1</script> `c`",
    "<!-- --><script>1</script>",
    "<style>body{display:none}</style>",
    "<form action=/formgrader/api><button>Go</button></form>",
    '<div style="position:fixed" onclick="x()">x</div>',
    "$\\href{javascript:alert(1)}{x}$",
]


class Seen(HTMLParser):
    """What a browser would find in a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str]] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    handle_startendtag = handle_starttag


def assert_harmless(page):
    seen = Seen(page)
    assert seen.tags <= TAGS, page
    for name, value in seen.attributes:
        assert name in ("href", "title", "class"), page
        scheme = re.match(r"\s*([a-z][a-z0-9+.-]*):", value, re.IGNORECASE)
        assert name != "href" or scheme is None or scheme[1] in ("http", "https", "mailto"), page


@pytest.mark.parametrize("text", ATTACKS)
def test_what_the_formgrader_shows_of_an_attack_cannot_act(text):
    assert_harmless(safe_markdown(clean_markdown(text)))


@pytest.mark.parametrize("text", ATTACKS)
def test_the_second_layer_alone_stops_it_too(text):
    assert_harmless(safe_markdown(text))


@pytest.mark.parametrize("text", [text for text in ATTACKS if text.startswith("<")])
def test_the_first_layer_alone_leaves_no_tag(text):
    assert "<" not in clean_markdown(text)


def test_ordinary_markdown_and_code_stay_as_they_are():
    text = (
        "# Title\n\nA **bold** word, 1 < 2 and 3 > 2, `docker pull <name>`, [a link](https://example.org/?a=1&b=2).\n\n"
        "```python\nif a < b:\n    print('<script>')\n```\n\n| a | b |\n| - | - |\n| 1 | 2 |\n"
    )
    assert clean_markdown(text) == text


PIECES = (
    *"<>/!`~[]():#&; \n\t\r\\\u2028\x85\x0c",
    *("javascript:", "data:", "](", "[a]:", "```", "~~~", "\n\n", "    ", "!!", "![", "<!", "&lt;", "java", "script"),
)


@pytest.mark.parametrize(
    "text", ["!![", "a!!![b](x)", "!\r![x](y)", "!\x01![x](y)", "<!![", "[a]: !!data:x", "!![a]: javascript:x"]
)
def test_what_is_left_of_a_picture_is_none(text):
    once = clean_markdown(text)
    assert "![" not in once and clean_markdown(once) == once


@pytest.mark.parametrize("end", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c", "\r"])
def test_only_what_ends_a_line_of_markdown_opens_a_fence(end):
    assert "<script" not in clean_markdown(f"a{end}```\n<script>1</script>\n")


def test_cleaning_a_cell_of_the_greatest_size_again_cuts_nothing_off():
    most = limits.MARKDOWN_CELL.most
    for text in ("<a" * most, "x" * most + "<b>", "](data:" * most, "\n" * most, "<a" * (most // 2), "a\n" * 999):
        once = clean_notebook({"cells": [cell("markdown", text)]})
        assert clean_notebook(once) == once
        [shown] = once["cells"]
        assert (sanitize.plain_text(shown["source"]) is not None) == (text != "a\n" * 999)


@given(st.lists(st.sampled_from(PIECES), max_size=25).map("".join))
def test_cleaning_pieces_of_markup_twice_changes_nothing_more(text):
    once = clean_markdown(text)
    assert clean_markdown(once) == once


@given(st.text(alphabet="ab<>/!`~[]():#&; \n\\javscript\"'=-*", max_size=80))
def test_cleaning_twice_changes_nothing_more(text):
    once = clean_markdown(text)
    assert clean_markdown(once) == once


@given(st.text(alphabet="ab<>/!`~[]()&; \n", max_size=60))
def test_no_tag_outside_the_allowed_ones_is_ever_rendered(text):
    assert_harmless(safe_markdown(clean_markdown("<script>" + text + "<img src=x onerror=y>")))


def cell(kind, source, **more):
    return {"cell_type": kind, "source": source, "metadata": {}, **more}


def test_outputs_attachments_metadata_and_widgets_do_not_pass():
    hostile = {
        "metadata": {"title": "<script>", "widgets": {"x": 1}, "kernelspec": {"name": "evil"}},
        "nbformat": 4,
        "nbformat_minor": 5,
        "cells": [
            cell(
                "code", ["a = 1\n", "a"], outputs=[{"output_type": "display_data", "data": {"text/html": "<script>"}}]
            ),
            cell("markdown", "![p](attachment:p.png)", attachments={"p.png": {"image/svg+xml": "<svg onload=x>"}}),
            cell("raw", "<script>1</script>"),
            cell("evil", "x"),
            "no cell",
            cell("code", {"not": "text"}),
        ],
    }
    hostile["cells"][0]["metadata"] = {"nbgrader": {"grade_id": "task", "grade": True, "points": 100}, "tags": ["<x>"]}
    hostile["cells"][1]["metadata"] = {"nbgrader": {"grade_id": '"><script>'}}
    clean = clean_notebook(hostile)
    nbformat.validate(nbformat.from_dict(clean))
    assert [c["cell_type"] for c in clean["cells"]] == ["code", "markdown", "markdown", "code"]
    assert clean["cells"][0]["metadata"] == {"nbgrader": {"grade_id": "task"}}
    assert clean["cells"][1]["metadata"] == {}
    text = json.dumps(clean)
    assert not any(bad in text for bad in ("<script", "onload", "evil", 'outputs": [{', "attachments"))
    assert clean_notebook(clean) == clean


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda x: (
            st.lists(x)
            | st.dictionaries(
                st.sampled_from(
                    ["cells", "cell_type", "source", "metadata", "nbgrader", "grade_id", "markdown", "code"]
                ),
                x,
            )
        ),
        max_leaves=30,
    )
)
def test_any_json_becomes_a_valid_notebook(value):
    clean = clean_notebook(value if isinstance(value, dict) else {"cells": value})
    nbformat.validate(nbformat.from_dict(clean))
