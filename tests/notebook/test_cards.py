"""Results as a student sees them: the same words in HTML and in plain text, and nothing that a value can inject."""

from __future__ import annotations

import pytest

from autograder.checks import api
from autograder.checks.api import Verdict
from autograder.errors import CourseError
from autograder.evidence.model import CaseResult, Evidence, TaskRun
from autograder.labs import manifest, students
from autograder.labs.live import visible_cases
from autograder.notebook.cards import Card, Cards, Me, total

FAILED = Verdict(
    check="c", title="Both are there", status="failed", points=0, max_points=1.5, trust="proved",
    expected="two tags", found="<b>one</b>", next_step="push", table=(("input", "yours"), ("1", "<i>")),
)  # fmt: skip
PASSED = Verdict(check="c", title="T", status="passed", points=1, max_points=1, trust="proved", why="Because.")


def test_plain_text():
    assert Card.of(FAILED).text().splitlines() == [
        "✗ Not yet: Both are there (0 of 1.5 points)",
        "    Expected: two tags",
        "    Found:    <b>one</b>",
        "    Next:     push",
        "    input | yours",
        "    1 | <i>",
    ]
    assert Card.of(PASSED).text() == "✓ Passed: T (1 of 1 point)\n    Because."


def test_html_has_the_same_words_and_is_escaped():
    shown = Cards([Card.of(FAILED)], ["a & b"])._repr_html_()
    for words in ("Not yet", "Both are there", "two tags", "&lt;b&gt;one&lt;/b&gt;", "push", "&lt;i&gt;", "a &amp; b"):
        assert words in shown
    assert "<b>" not in shown and "<i>" not in shown
    assert '<th scope="col"' in shown and 'aria-hidden="true"' in shown


LONG = Verdict(
    check="c", title="T", status="failed", points=0, max_points=1, trust="recomputed",
    table=(("input", "yours"), ("'" + "word " * 60 + "'", "<2>"), ("3", "4")),
)  # fmt: skip


def test_a_long_input_can_be_read_whole_in_plain_text_and_in_html():
    lines = Card.of(LONG).text().splitlines()[1:]
    assert max(map(len, lines)) <= 120 and "…" not in "".join(lines)
    assert " ".join(lines).count("word") == 60
    assert [line for line in lines if ":" in line][1:] == ["    yours: <2>", "    input: 3", "    yours: 4"]
    html = Card.of(LONG).html()
    assert html.count("<details>") == 1 and "&lt;2&gt;" in html
    assert "word " * 60 in html, "all of it, behind a click"


def test_no_input_of_a_visible_case_is_cut():
    for slug in manifest.slugs():
        lab = manifest.find(slug)
        for task, cases in visible_cases(lab, students.issue(b"k", "c", "ada", [slug]).parameters_of(lab)).items():
            results = tuple(CaseResult(case=case, status="raised", errors=("Other",)) for case in cases)
            run = TaskRun(function=task, status="ran", results=results)
            evidence = Evidence.model_construct(tasks={task: run})
            with pytest.raises(api.Failure) as failed:
                api.require_cases(evidence, task)
            inputs = [row[0] for row in failed.value.table[1:]]
            assert inputs == [", ".join(map(repr, case.args)) for case in cases]
            assert max(map(len, inputs)) <= api.MAX_CELL


def test_what_is_not_begun_is_no_mistake():
    begun = Verdict(check="c", title="T", status="failed", points=0, max_points=1, trust="claimed", not_begun=True)
    assert Card.of(begun).text() == "○ Not begun: T (0 of 1 point)"
    assert "not_begun" not in PASSED.model_dump(), "verdict files of others stay as they are"


def test_the_total_names_what_is_open_in_words():
    lab = manifest.find("04")
    ids = [id for id in lab.points if id not in lab.by_hand]
    common = {"title": "T", "trust": "proved", "max_points": 1.0}
    verdicts = [
        Verdict(check=ids[0], status="passed", points=1, **common),
        Verdict(check=ids[1], status="failed", points=0, **common),
        Verdict(check=ids[2], status="failed", points=0, not_begun=True, **common),
        Verdict(check=ids[3], status="not_graded", points=None, **common),
    ]
    said = [
        "Total: 1 of 10 points; 2 of these are given by a person (policy)",
        f"Not yet: {ids[1]}. Not begun: {ids[2]}. Could not be judged: {ids[3]}.",
    ]
    assert total(lab, verdicts) == said
    shown = Cards([], total=total(lab, verdicts))
    assert repr(shown).splitlines()[-2:] == said and all(line in shown._repr_html_() for line in said)
    assert total(lab, verdicts[:1])[1] == "Nothing is open."


def test_a_fault_costs_nothing_and_says_so():
    verdict = Verdict(check="c", title="T", status="not_graded", points=None, max_points=2, trust="proved", found="f")
    assert "costs no points" in Card.of(verdict).text()


def test_a_recorded_answer_is_shown_as_it_was_typed():
    assert (
        "{'tag': None, 'realm': 'Basic realm=\"x\"'}"
        in Card.recorded("a", {"tag": None, "realm": 'Basic realm="x"'}).text()
    )
    assert Card.recorded("a", "x" * 300).text().endswith("…")


def test_an_error_becomes_a_card():
    text = Card.problem(CourseError(expected="e", found="f", next_step="n")).text()
    assert text.startswith("! Needs your attention") and "Expected: e" in text and "Next:     n" in text


def test_me_shows_names_and_values():
    me = Me(lambda: ("ada", {"repository": "team-x/ml-model", "v1": "<1>"}))
    assert me.student == "ada" and me.repository == "team-x/ml-model"
    assert "me.repository  team-x/ml-model" in repr(me) and "&lt;1&gt;" in me._repr_html_()
    assert set(dir(me)) == {"student", "repository", "v1"}
    with pytest.raises(AttributeError, match="it has repository, student, v1"):
        getattr(me, "nothing")  # noqa: B009 - the attribute's absence is the test


def test_me_shows_lists_and_dicts_line_by_line():
    me = Me(lambda: ("ada", {"names": ["a", "<b>"], "broken": {"x:y": "meant"}}))
    assert repr(me).splitlines()[1:] == ["me.names    a", "            <b>", "me.broken   x:y  →  meant"]
    shown = me._repr_html_()
    assert "<code>a</code></div><div" in shown and "<code>&lt;b&gt;</code>" in shown
    assert "<code>x:y</code> → meant</div>" in shown


def test_me_keeps_what_only_checks_need():
    me = Me(lambda: ("ada", {"releases": [{"version": "1.0.0", "commit": "ab"}], "_spec": {"digits": 8}}))
    assert repr(me).splitlines() == ["me.student   ada", "me.releases  version: 1.0.0, commit: ab"]
    assert "digits" not in me._repr_html_() and dir(me) == ["releases", "student"]
    with pytest.raises(AttributeError, match="it has releases, student"):
        getattr(me, "nothing")  # noqa: B009 - the attribute's absence is the test
