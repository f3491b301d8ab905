"""The runner: a session as a reader has it, names mapped by a table, honest outcomes. Needs bash, no engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from autograder.content.names import Names
from autograder.content.runner import Report, Session, as_terminal, require, run_lesson
from autograder.errors import EnvironmentProblem


@pytest.fixture
def run(tmp_path: Path):
    def lesson(text: str, names: Names | None = None) -> Report:
        folder = tmp_path / "a folder"
        folder.mkdir()
        path = tmp_path / "00-x.md"
        path.write_text(text, encoding="utf-8")
        return run_lesson(path, Session(folder, names or Names(), tmp_path / "state"))

    return lesson


def output(text: str) -> str:
    return f'\n```text title="Output"\n{text}\n```\n'


def test_folder_and_variables_carry_over(run):
    shown = output("a  b\nb")
    report = run(f"```sh\nmkdir b\ncd b\nX='a  b'\n```\n\n```sh\necho \"$X\"; pwd | grep -o 'b$'\n```\n{shown}")
    assert report.problems == []
    assert report.counts == {"blocks": 2, "run": 2, "validated": 0, "marked": 0, "cloud CLI": 0, "outputs compared": 1}


def test_a_wrong_output_is_a_problem(run):
    report = run(f"```sh\necho a\n```\n{output('b')}")
    assert report.problems == ["00-x.md, line 1: shown: 'b'; printed: 'a'\n--- printed ---\na\n"]


def test_a_command_that_fails_in_the_middle_is_a_problem(run):
    assert "status 1, the lesson says 0" in run("```sh\nfalse\necho a\n```\n").problems[0]


def test_a_failure_in_a_pipe_is_a_problem(run):
    assert len(run("```sh\nfalse | cat\n```\n").problems) == 1


def test_an_expected_failure_that_does_not_come_is_a_problem(run):
    assert "status 0, the lesson says 1" in run("<!-- test: exit=1 -->\n```sh\ntrue\n```\n").problems[0]


def test_either_of_two_statuses_is_right_and_no_other(run):
    def block(status: int) -> str:
        return f"<!-- test: exit=254,255 -->\n```sh\nexit {status}\n```\n"

    [zero] = run(block(254) + block(255) + block(0)).problems
    assert "status 0, the lesson says 254 or 255" in zero


def test_names_are_mapped_there_and_back(run):
    text = "```sh\necho localhost:5010 my-registry-data > f\ncat f\n```\n" + output("localhost:5010 my-registry-data")
    report = run(text, Names("t123-", choose_port=lambda: 34567))
    assert report.problems == []


def test_the_table_reaches_the_command(run):
    report = run("```sh\nprintf '%s' my-registry | wc -c\n```\n" + output("13"), Names("t123-"))
    assert report.problems == []


def test_files_are_saved_with_this_runs_names(run):
    text = '```python title="a.py"\nprint("localhost:5010"[-5:])\n```\n\n```sh\ngrep -c 34567 a.py\n```\n' + output("1")
    assert run(text, Names(choose_port=lambda: 34567)).problems == []


def test_python_blocks_run(run):
    assert run("```python\nprint(6 * 7)\n```\n" + output("42")).problems == []


@pytest.mark.parametrize(
    "fence",
    [
        "json\n{",
        "yaml\na: [",
        "toml\na =",
        'python title="a.py"\ndef',
        'sh title="a.sh"\nif true; then',
        "dockerfile\nFORM x",
    ],
)
def test_files_are_validated_by_their_own_rules(run, fence):
    assert len(run(f"```{fence}\n```\n").problems) == 1


def test_a_marked_block_is_parsed_and_not_run(run):
    report = run('<!-- test: skip="no cloud here" -->\n```sh\ntouch f; exit 1\n```\n\n```sh\ntest ! -e f\n```\n')
    assert report.problems == []
    assert report.counts["marked"] == 1
    assert report.as_json()["markers"] == [{"line": 2, "why": "no cloud here", "cloud": False}]


def test_a_marked_block_that_does_not_parse_is_a_problem(run):
    assert len(run('<!-- test: skip="no cloud here" -->\n```sh\nif\n```\n').problems) == 1


def test_a_block_that_hangs_is_ended_with_its_children(run):
    report = run("<!-- test: timeout=0.5 -->\n```sh\nsleep 60 | cat\n```\n")
    assert "no end after 0.5 s" in report.problems[0]
    assert report.outcomes[0].seconds < 30


def test_retry_waits_for_what_is_starting(run):
    text = "```sh\n(sleep 0.5; touch ready) > log 2>&1 &\n```\n\n<!-- test: retry=20 -->\n```sh\ntest -e ready\n```\n"
    assert run(text).problems == []


def test_a_terminal_shows_the_last_state_of_each_layer():
    one, two = "aaaaaaaaaaa1", "aaaaaaaaaaa2"
    raw = f"to repository\n{one}: Preparing\n{two}: Preparing\n{two}: Pushed\n{one}: Pushed\nv1: digest\n"
    assert as_terminal(raw) == "to repository\naaaaaaaaaaa1: Pushed\naaaaaaaaaaa2: Pushed\nv1: digest\n"


def test_a_terminal_shows_no_colour_codes():
    assert as_terminal("\x1b[31msha256:a1\x1b[0m -> \x1b[32msha256:b2\x1b[0m\n") == "sha256:a1 -> sha256:b2\n"


def test_a_missing_tool_is_named():
    with pytest.raises(EnvironmentProblem) as error:
        require(["bash", "no-such-tool-as-this"])
    assert "no-such-tool-as-this" in error.value.expected
