"""Command blocks: what an author writes is understood, and mistakes are named with their line."""

from __future__ import annotations

from pathlib import Path

import pytest

from autograder.content.blocks import local_images, parse
from autograder.errors import CourseError


@pytest.fixture
def page(tmp_path: Path):
    def write(text: str) -> Path:
        path = tmp_path / "page.md"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_a_shell_block_is_run_and_its_output_compared(page):
    [block] = parse(page('Text.\n\n```sh\necho a\n```\n\nIt says:\n\n```text title="Output, shortened"\na\n```\n'))
    assert (block.kind, block.code, block.line, block.exit) == ("run", "echo a\n", 3, (0,))
    assert block.expected is not None
    assert (block.expected.text, block.expected.exact) == ("a\n", False)


def test_a_named_fence_is_a_file_and_validated(page):
    [block] = parse(page('```python title="a.py"\nprint()\n```\n'))
    assert (block.kind, block.file) == ("validate", "a.py")


def test_an_illustration_is_no_block(page):
    assert parse(page("```text\njust shown\n```\n")) == []


def test_directives(page):
    [block] = parse(page("<!-- test: exit=125 timeout=5 retry=3 -->\n```sh\nfalse\n```\n"))
    assert (block.exit, block.timeout, block.retry) == ((125,), 5.0, 3.0)


def test_a_block_may_have_several_right_statuses(page):
    [block] = parse(page("<!-- test: exit=254,255 -->\n```sh\nfalse\n```\n"))
    assert block.exit == (254, 255)


def test_a_marked_block_keeps_its_reason_and_its_output(page):
    text = '<!-- test: skip="needs a cloud account" -->\n```sh\ngcloud x\n```\n\n```text title="Output"\ny\n```\n'
    [block] = parse(page(text))
    assert (block.kind, block.reason) == ("marked", "needs a cloud account")


def test_a_fence_in_a_list_loses_its_indent(page):
    [block] = parse(page("1. Do:\n\n    ```sh\n    for i in 1; do\n      echo $i\n    done\n    ```\n"))
    assert block.code == "for i in 1; do\n  echo $i\ndone\n"


def test_another_comment_is_no_directive(page):
    [block] = parse(page("<!-- a note -->\n```sh\ntrue\n```\n"))
    assert block.kind == "run"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("```sh\ntrue\n", "line 1: the file ends"),
        ("```ruby\nputs 1\n```\n", "line 1: a block of ruby"),
        ("```\nx\n```\n", "line 1: a block of no language"),
        ('```text title="Output"\nx\n```\n', "line 1: an output that follows something else"),
        ('```json\n{}\n```\n\n```text title="Output"\nx\n```\n', "line 5: an output that follows something else"),
        ('<!-- test: skip="" -->\n```sh\ntrue\n```\n', "no reason"),
        ("<!-- test: ecxact -->\n```sh\ntrue\n```\n", "the directive 'ecxact'"),
        ('<!-- test: skip="no end -->\n```sh\ntrue\n```\n', "No closing quotation"),
        ('```sh\ntrue\n```\n<!-- test: exit=1 -->\n```text title="Output"\nx\n```\n', "the directive 'exit'"),
    ],
)
def test_mistakes_are_named(page, text, says):
    with pytest.raises(CourseError) as error:
        parse(page(text))
    assert says in error.value.found


def test_images_without_a_host_are_known(page):
    text = """```sh
docker build -q -t ml-model:v1 \\
    --build-arg A=1 .
docker tag ml-model:v1 student/ml-model:1.0
docker tag ml-model:v1 localhost:5010/ml-model:1.0
docker build --tag=registry.example.com/x . && docker build -t "$REPO:1" .
```
"""
    assert local_images(parse(page(text))) == {"ml-model", "student/ml-model"}


def test_the_clouds_own_tools_are_told_apart(page):
    text = '<!-- test: skip="an account" -->\n```sh\necho 1 | az acr login\n```\n'
    assert [block.cloud for block in parse(page(text))] == [True]
    assert [block.cloud for block in parse(page(text.replace("az", "gh")))] == [False]


def test_what_a_file_is_can_be_said(page):
    [block] = parse(page('<!-- test: as=kubernetes invalid -->\n```yaml title="a.yaml"\na: 1\n```\n'))
    assert (block.what, block.invalid, block.kind) == ("kubernetes", True, "validate")
    with pytest.raises(CourseError, match="as=with"):
        parse(page("<!-- test: as=with -->\n```yaml\na: 1\n```\n"))
