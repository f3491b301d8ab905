"""GitHub's expressions, triggers and contexts: documented values, what only a run knows, no crash."""

from __future__ import annotations

import math
import re
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.domain.github_actions import javascript
from autograder.domain.github_actions.conditions import holds
from autograder.domain.github_actions.contexts import build_contexts, interpolate, merged_environment
from autograder.domain.github_actions.errors import NotKnownHere, WorkflowError
from autograder.domain.github_actions.evaluate import Known, Status, evaluate, text_of, truthy
from autograder.domain.github_actions.triggers import matches, why_no_run
from autograder.domain.metadata_action.steps import Run

EVENT: dict[str, Any] = {
    "commits": [{"id": "a", "n": 1}, {"id": "b"}],
    "Number": 5,
    "yes": True,
    "nothing": None,
    "labels": ["x", "y"],
    "nested": {"deep": {"er": "d"}},
}
GITHUB = {"ref": "refs/tags/v1.2.3", "event_name": "push", "event": EVENT}
CONTEXTS = {
    "github": Known("github", GITHUB, complete=True),
    "env": Known("env", {"A": "1", "EMPTY": ""}, complete=True),
    "secrets": Known("secrets"),
    "steps": Known("steps", {"done": Known("steps.done", {"outputs": {"x": "1"}})}),
}

# Values worked out with GitHub's own library, @actions/expressions 0.3.
VALUES: dict[str, str] = {
    "'it''s'": "it's",
    "1.10": "1.1",
    "0x10": "16",
    "-1.5": "-1.5",
    "1e3": "1000",
    "null": "",
    "true": "true",
    "NaN": "NaN",
    "github.ref": "refs/tags/v1.2.3",
    "GitHub.REF": "refs/tags/v1.2.3",
    "github['ref']": "refs/tags/v1.2.3",
    "github.event.number": "5",
    "github.event.nope": "",
    "github.event.nope.deeper": "",
    "github.event.labels[1]": "y",
    "github.event.labels['1']": "y",
    "github.event.labels[5]": "",
    "github.event.commits[0].id": "a",
    "join(github.event.commits.*.id)": "a,b",
    "join(github.event.commits.*.n, '-')": "1",
    "join(github.event.*.deep.er)": "d",
    "github.event.commits": "Array",
    "github.event": "Object",
    "github.ref == 'REFS/TAGS/V1.2.3'": "true",
    "1 == '1'": "true",
    "true == 1": "true",
    "null == 0": "true",
    "null == ''": "true",
    "'a' == 0": "false",
    "NaN == NaN": "false",
    "'abc' < 'ABD'": "true",
    "'10' < '9'": "true",
    "'10' < 9": "false",
    "3 >= 3": "true",
    "github.event == github.event": "true",
    "github.event.labels == 'Array'": "false",
    "!''": "true",
    "!'a'": "false",
    "!!github.event.labels": "true",
    "'a' && 'b'": "b",
    "'' && 'b'": "",
    "'' || 'b'": "b",
    "false || null": "",
    "true && 'x' || 'y'": "x",
    "1 == 1 == true": "true",
    "!startsWith(github.ref, 'refs/tags/v0.')": "true",
    "startsWith('Hello', 'HE')": "true",
    "endsWith('Hello', 'LO')": "true",
    "contains('Hello', 'ELL')": "true",
    "contains(github.event.labels, 'X')": "true",
    "contains(github.event.labels, 'z')": "false",
    "contains(null, '')": "true",
    "format('{0}-{1}', 'a', 2)": "a-2",
    "format('{{{0}}}', 'a')": "{a}",
    "format('refs/heads/{0}', 'main')": "refs/heads/main",
    "join('a')": "a",
    "fromJSON('[1,2]')[1]": "2",
    "fromJSON('{\"a\": true}').a": "true",
    "toJSON('a')": '"a"',
    "case(false, 'a', true, 'b', 'c')": "b",
    "(github.event).yes": "true",
    "('x')": "x",
    "steps.done.outputs.x": "1",
    "success() && !cancelled()": "true",
}


@pytest.mark.parametrize("expression", VALUES)
def test_value(expression: str) -> None:
    assert text_of(evaluate(expression, CONTEXTS)) == VALUES[expression]


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "(",
        "'a",
        "a b",
        "github.",
        "github..ref",
        "github.5x",
        "nope.x",
        "nope()",
        "contains('a')",
        "contains('a','b','c')",
        "format('{1}', 'a')",
        "format('{', 'a')",
        "format('}', 'a')",
        "fromJSON('x')",
        "case('a', 1, 2)",
        "1 = 1",
        "a & b",
        '"double"',
        "$x",
        "+",
        "5x",
        "'a'[0]",
        "!" * 60 + "true",
        "(" * 60 + "1" + ")" * 60,
        "'x' == " * 3000 + "'x'",
        "1" + " == 1" * 60,
        "github" + ".x" * 60,
        "success(1)",
    ],
)
def test_what_github_refuses(expression: str) -> None:
    with pytest.raises(WorkflowError):
        evaluate(expression, CONTEXTS)


@pytest.mark.parametrize(
    ("expression", "needs"),
    [
        ("secrets.TOKEN", "secrets.TOKEN"),
        ("secrets.TOKEN == ''", "secrets.TOKEN"),
        ("steps.v.outputs.tag", "steps.v.outputs.tag"),
        ("steps['v'].outputs", "steps.v.outputs"),
        ("steps.v.outputs.*.x", "steps.v.outputs.*.x"),
        ("steps.*", "steps.*"),
        ("toJSON(secrets)", "all of secrets"),
        ("hashFiles('x')", "hashFiles()"),
        ("true && secrets.A", "secrets.A"),
        ("secrets.A || 'x'", "secrets.A"),
        ("format('{0}', secrets.A)", "secrets.A"),
    ],
)
def test_what_only_a_run_knows(expression: str, needs: str) -> None:
    with pytest.raises(NotKnownHere) as missing:
        evaluate(expression, CONTEXTS)
    assert missing.value.what.startswith(needs)


@pytest.mark.parametrize("expression", ["false && secrets.A", "'x' || secrets.A", "case(true, 'x', 'x') && 'x'"])
def test_what_is_not_asked_need_not_be_known(expression: str) -> None:
    assert text_of(evaluate(expression, CONTEXTS)) in ("false", "x")


def test_truth() -> None:
    assert [truthy(value) for value in (None, False, 0, "", math.nan)] == [False] * 5
    assert all(truthy(value) for value in (True, 1, "0", "false", [], {}))


def test_long_chains_of_and_and_or_are_read() -> None:
    assert evaluate("false || " * 2000 + "'x'", CONTEXTS) == "x"
    assert evaluate("true && " * 2000 + "'x'", CONTEXTS) == "x"


GOOD, BAD, SKIPPED = Status(), Status(success=False, failure=True), Status(success=False)


@pytest.mark.parametrize(
    ("condition", "good", "bad", "skipped"),
    [
        (None, True, False, False),
        ("", True, False, False),
        (True, True, False, False),
        ("github.ref_type == 'branch'", False, False, False),
        ("always()", True, True, True),
        ("${{ always() }}", True, True, True),
        ("failure()", False, True, False),
        ("success() || failure()", True, True, False),
        ("!cancelled()", True, True, True),
        ("Always ( )", True, True, True),
        ("SUCCESS()", True, False, False),
        # In quotes they are text, and the default success() stays.
        ("github.event_name != 'always()'", True, False, False),
        ("'success()' == 'success()'", True, False, False),
        ("contains('see failure() below', 'failure()')", True, False, False),
        ("'it''s always()' != ''", True, False, False),
        ("github.event_name == 'cancelled()' || always()", True, True, True),
        ("format('{0}', 'success()') == 'success()'", True, False, False),
        ("format('{0}', success()) == 'true' && always()", True, False, False),
        # A call that is not reached counts as well: GitHub looks for one in the expression.
        ("false && always()", False, False, False),
        ("true || failure()", True, True, True),
        # Around an expression stands a text, which is never empty.
        ("${{ false }} == true", True, False, False),
        ("${{ github.ref }} always()", True, False, False),
        ("${{ always() }} && false", True, True, True),
        ("${{ github.nothing }}${{ github.no }}", False, False, False),
    ],
)
def test_conditions(condition: object, good: bool, bad: bool, skipped: bool) -> None:
    contexts = {"github": Known("github", {"ref": "refs/heads/main", "event_name": "push"}, complete=True)}
    assert [holds(condition, contexts, status) for status in (GOOD, BAD, SKIPPED)] == [good, bad, skipped]


@pytest.mark.parametrize(
    "condition", ["always(", "always() always()", "${{ }}", "contains('${{', '{')", "success('job')", "nope.x"]
)
def test_conditions_that_github_refuses(condition: str) -> None:
    with pytest.raises(WorkflowError):
        holds(condition, CONTEXTS, GOOD)


@given(st.text(max_size=40) | st.text(alphabet="github.ef[]()'=!&|<>,*1x- ", max_size=40))
def test_no_expression_crashes(expression: str) -> None:
    try:
        text_of(evaluate(expression, CONTEXTS))
    except (WorkflowError, NotKnownHere) as stopped:
        assert str(stopped)


def test_interpolation_leaves_gaps() -> None:
    gaps: dict[str, Any] = {}
    text = interpolate("${{ env.A }}/${{ secrets.B }}:${{ format('}}{0}', 'x') }}", CONTEXTS, gaps)
    (sign,) = gaps
    assert text == f"1/{sign}:}}x"
    assert (gaps[sign].expression, gaps[sign].needs) == ("${{ secrets.B }}", "secrets.B")
    with pytest.raises(WorkflowError, match="not closed"):
        interpolate("${{ 'a }}", CONTEXTS, {})


def test_gaps_never_collide_with_the_text() -> None:
    gaps: dict[str, Any] = {}
    assert interpolate("\ue000${{ secrets.B }}", CONTEXTS, gaps) == "\ue000\ue001"
    assert list(gaps) == ["\ue001"]


NOW = datetime(2026, 1, 10, tzinfo=UTC)


def value(expression: str, run: Run, workflow: dict[str, Any] | None = None) -> str:
    return text_of(evaluate(expression, build_contexts(run, workflow or {}, "build")))


def test_the_github_context() -> None:
    tag = Run("push", "refs/tags/v1", "abc", NOW, repository="octo/app")
    assert value("github.ref_name", tag) == "v1"
    assert value("github.ref_type", tag) == "tag"
    assert value("github.repository_owner", tag) == "octo"
    assert value("github.job", tag) == "build"
    assert value("github.head_ref == '' && github.base_ref == ''", tag) == "true"
    assert value("github.workflow", tag, {"name": "CI"}) == "CI"
    with pytest.raises(NotKnownHere, match=r"github\.actor"):
        value("github.actor", tag)
    with pytest.raises(NotKnownHere, match=r"github\.event\.release\.name"):
        value("github.event.release.name", tag)
    with pytest.raises(NotKnownHere, match=r"github\.head_ref"):
        value("github.head_ref", Run("pull_request", "refs/pull/2/merge", None, NOW))
    payload = {"pull_request": {"head": {"ref": "topic"}, "base": {"ref": "main"}}}
    assert value("github.head_ref", Run("pull_request", "refs/pull/2/merge", None, NOW, payload)) == "topic"
    assert value("github.event.release.name", Run("push", "refs/heads/x", None, NOW, {})) == ""
    known = Run("push", "refs/heads/x", None, NOW, default_branch="main")
    assert value("github.event.repository.default_branch", known) == "main"


def test_inputs_of_a_dispatch() -> None:
    declared = {"tag": {"default": "dev"}, "push": {"type": "boolean", "default": "true"}, "other": {}}
    workflow = {"on": {"workflow_dispatch": {"inputs": declared}}}
    run = Run("workflow_dispatch", "refs/heads/main", None, NOW)
    assert value("inputs.tag", run, workflow) == "dev"
    assert value("inputs.push && 'yes'", run, workflow) == "yes"
    with pytest.raises(NotKnownHere, match=r"inputs\.other"):
        value("inputs.other", run, workflow)
    sent = Run("workflow_dispatch", "refs/heads/main", None, NOW, {"inputs": {"tag": "1.0", "push": "false"}})
    assert value("inputs.tag", sent, workflow) == "1.0"
    assert value("inputs.push && 'yes' || 'no'", sent, workflow) == "no"
    assert value("inputs.tag", Run("push", "refs/heads/main", None, NOW), workflow) == ""
    with pytest.raises(NotKnownHere):
        value("inputs.tag", Run("push", "refs/heads/main", None, NOW), {"on": {"workflow_call": ""}})


def test_given_values_stand_in() -> None:
    given_values = {
        "steps.v.outputs.tag": "1",
        "steps.v.conclusion": "success",
        "vars.R": "ghcr.io",
        "github.actor": "ada",
    }
    run = Run("push", "refs/heads/main", None, NOW, given=given_values)
    expression = "format('{0}{1}{2}{3}', steps.v.outputs.tag, steps.v.conclusion, vars.R, github.actor)"
    assert value(expression, run) == "1successghcr.ioada"
    with pytest.raises(NotKnownHere, match=r"steps\.v\.outputs\.other"):
        value("steps.v.outputs.other", run)


def test_env_layers() -> None:
    contexts = build_contexts(Run("push", "refs/heads/main", None, NOW), {}, "build")
    layers = [
        {"A": "1", "S": "${{ secrets.X }}"},
        {"B": "${{ github.ref_name }}"},
        {"A": "${{ env.B }}!", "C": "${{ env.S }}"},
    ]
    merged = merged_environment(layers, contexts)
    assert (merged["A"], merged["B"]) == ("main!", "main")
    assert isinstance(merged["S"], NotKnownHere) and isinstance(merged["C"], NotKnownHere)


@pytest.mark.parametrize(
    ("patterns", "value", "taken"),
    [
        (["main"], "main", True),
        (["main"], "mains", False),
        (["releases/**"], "releases/a/b", True),
        (["releases/*"], "releases/a/b", False),
        (["*"], "feature/a", False),
        (["**"], "feature/a", True),
        (["v[12].[0-9]+.[0-9]+"], "v1.10.1", True),
        (["v[12].[0-9]+.[0-9]+"], "v3.10.1", False),
        (["*.jsx?"], "page.js", True),
        (["v2*"], "v2.9", True),
        (["releases/**", "!releases/**-alpha"], "releases/1-alpha", False),
        (["!main", "main"], "main", True),
        (["a.b"], "axb", False),
        ([r"\*"], "*", True),
        (["("], "(", True),
    ],
)
def test_filter_patterns(patterns: list[str], value: str, taken: bool) -> None:
    assert matches(patterns, value) is taken


@pytest.mark.parametrize(
    ("triggers", "event", "ref", "says"),
    [
        ("push", "push", "refs/heads/x", None),
        (["push", "pull_request"], "pull_request", "refs/pull/1/merge", None),
        ("push", "pull_request", "refs/pull/1/merge", "no trigger for pull_request"),
        ({"push": ""}, "push", "refs/tags/v1", None),
        ({"push": {"branches": ["main"]}}, "push", "refs/heads/main", None),
        ({"push": {"branches": ["main"]}}, "push", "refs/heads/dev", "no pattern under branches"),
        ({"push": {"branches": ["main"]}}, "push", "refs/tags/v1", "a pushed tag never starts"),
        ({"push": {"tags": ["v*"]}}, "push", "refs/heads/main", "a pushed branch never starts"),
        ({"push": {"tags": ["v*"], "branches": ["main"]}}, "push", "refs/tags/v1", None),
        ({"push": {"branches-ignore": ["dev"]}}, "push", "refs/heads/dev", "branches-ignore"),
        ({"push": {"branches-ignore": "dev"}}, "push", "refs/heads/main", None),
        ({"push": {"paths": ["src/**"]}}, "push", "refs/tags/v1", None),
        ({"pull_request": {"branches": ["main"]}}, "pull_request", "refs/pull/1/merge", "no pattern under branches"),
        (None, "push", "refs/heads/main", "no trigger"),
        (5, "push", "refs/heads/main", "no trigger"),
    ],
)
def test_triggers(triggers: object, event: str, ref: str, says: str | None) -> None:
    found = why_no_run(triggers, event, ref, base_branch="dev")
    assert found is None if says is None else says in (found or "")


@given(st.text(alphabet="a*?+![]\\/-^", max_size=12), st.text(alphabet="a/-", max_size=6))
def test_no_filter_pattern_crashes(pattern: str, value: str) -> None:
    assert matches([pattern], value) in (True, False)


PIECES = {
    "a": "a",
    "/": "/",
    "-": "-",
    "*": "[^/]*",
    "**": ".*",
    "a?": "a?",
    "a+": "a+",
    "[ab]": "[ab]",
    "[a-c]+": "[a-c]+",
}


@given(st.lists(st.sampled_from(sorted(PIECES)), max_size=6), st.text(alphabet="abc/-", max_size=6))
def test_filter_patterns_match_as_an_expression_would(pieces: list[str], value: str) -> None:
    pieces = [piece for n, piece in enumerate(pieces) if not n or not (piece[0] == "*" == pieces[n - 1][-1])]
    expression = "".join(PIECES[piece] for piece in pieces)
    assert matches(["".join(pieces)], value) == (re.fullmatch(expression, value) is not None)


@pytest.mark.parametrize("pattern", ["**a" * 300, "*a" * 400 + "b", "a+" * 400 + "b", "**" * 400 + "/b"])
def test_no_filter_pattern_takes_long(pattern: str) -> None:
    began = time.process_time()
    assert not matches([pattern], "a" * 255)
    assert time.process_time() - began < 1


def test_an_oversized_filter_pattern_is_refused() -> None:
    with pytest.raises(WorkflowError, match="too large"):
        matches(["a" * 5_000], "a")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0x" + "f" * 300, math.inf),
        ("0b" + "1" * 2_000, math.inf),
        ("0o" + "7" * 5_000, math.inf),
        ("9" * 5_000, math.inf),
        ("-" + "9" * 5_000, -math.inf),
        ("1e999", math.inf),
        ("0x" + "0" * 5_000 + "f", 15),
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_number_that_is_too_large_is_infinite(text: str, expected: float) -> None:
    assert javascript.number(text) == expected


@pytest.mark.parametrize(
    ("value", "text"),
    [  # as String(value) of Node.js
        (math.inf, "Infinity"),
        (-math.inf, "-Infinity"),
        (math.nan, "NaN"),
        (10**400, "Infinity"),
        (-(10**4_000), "-Infinity"),
        (-0.0, "0"),
        (7, "7"),
        (-1.5, "-1.5"),
        (100.0, "100"),
        (1e20, "100000000000000000000"),
        (1e21, "1e+21"),
        (1.25e300, "1.25e+300"),
        (12345678901234567890, "12345678901234567000"),
        (0.00001, "0.00001"),
        (0.000001, "0.000001"),
        (1.5e-7, "1.5e-7"),
        (123.456, "123.456"),
        ([math.inf, True, None, "a"], "Infinity,true,,a"),
    ],
)
def test_a_number_is_written_as_javascript_writes_it(value: object, text: str) -> None:
    assert javascript.text_of(value) == text


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (f"{'0x' + 'f' * 300} > 1", "true"),
        (f"format('{{0}}', 0x{'f' * 300})", "Infinity"),
        (f"format('{{0}}', fromJSON('{'9' * 400}'))", "Infinity"),
        (f"format('{{0}}', fromJSON('-{'9' * 400}'))", "-Infinity"),
        (f"fromJSON('{'9' * 400}') == 'x'", "false"),
        (f"fromJSON('[1]')[fromJSON('{'9' * 400}')] == null", "true"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_no_number_of_an_expression_is_too_large(expression: str, expected: str) -> None:
    assert text_of(evaluate(expression, CONTEXTS)) == expected
