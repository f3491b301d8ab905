"""How checks are declared and judged."""

from __future__ import annotations

from types import ModuleType

import pytest

from autograder.checks import api
from autograder.checks.api import Failure, NotGraded, check
from autograder.checks.shared.seeded_random import SeededRandom, seed
from autograder.evidence.model import Answer, Case, CaseResult, Evidence, Repository, Service, TaskRun
from autograder.labs import manifest


def evidence(**parts):
    common = {"kit_version": "0", "lab": "x", "lab_version": 1, "student": "ada", "origin": "live"}
    return Evidence(**(common | {"collected_at": "2026-01-01T00:00:00+00:00"} | parts))


def module(*checks):
    made = ModuleType("lab")
    for n, declared in enumerate(checks):
        setattr(made, f"c{n}", declared)
    return api.checks_of(made)


@check("first", trust="proved", why="It is so.")
def first(e):
    """The first"""
    if e.parameters.get("fail") == "first":
        raise Failure(expected="e", found="f", next_step="n")
    if e.parameters.get("fault") == "first":
        raise NotGraded("engine gone")


@check("second", trust="recomputed", needs=["first"])
def second(e):
    """The second"""
    if e.parameters.get("bug"):
        raise ZeroDivisionError("oops")


CHECKS = module(first, second)
POINTS = {"first": 1.0, "second": 2.0}


def judge(only=None, **parameters):
    return api.run(CHECKS, evidence(parameters=parameters), POINTS, only)


def test_passed_checks_earn_all_their_points_and_say_why():
    assert [(v.status, v.points) for v in judge()] == [("passed", 1.0), ("passed", 2.0)]
    assert judge()[0].why == "It is so." and judge()[0].title == "The first"


def test_what_depends_on_a_failed_check_is_not_run_but_blocked():
    one, two = judge(fail="first", bug=True)
    assert (one.status, one.points, one.expected, one.found, one.next_step) == ("failed", 0.0, "e", "f", "n")
    assert (two.status, two.points, two.blocked_by) == ("failed", 0.0, "first")


def test_a_fault_is_never_a_zero_and_passes_on():
    one, two = judge(fault="first")
    assert [(v.status, v.points) for v in (one, two)] == [("not_graded", None)] * 2
    assert two.blocked_by == "first"


def test_an_error_in_a_check_is_the_kits_fault():
    verdict = judge(bug=True)[1]
    assert verdict.status == "not_graded" and verdict.points is None and "ZeroDivisionError: oops" in verdict.found


def test_only_what_is_asked_for_is_reported_but_prerequisites_are_run():
    (verdict,) = judge(only=["second"], fail="first")
    assert verdict.check == "second" and verdict.blocked_by == "first"


def test_declaration_errors():
    with pytest.raises(ValueError, match="docstring"):
        check("x", trust="proved")(lambda e: None)
    with pytest.raises(ValueError, match="not declared before"):
        module(second)
    with pytest.raises(ValueError, match="twice"):
        module(first, first)


def repository(digest="sha256:" + "a" * 64):
    return Service(repositories={"team/app": Repository(service="registry", name="team/app", tags={"v1": digest})})


def answered(inputs, **service):
    return evidence(
        answers={"d": Answer(value="x", recorded_at="t", inputs=inputs)},
        answer_inputs={"d": ("registry/team/app:v1",)},
        services=service,
    )


def test_an_answer_counts_while_what_it_is_about_stays():
    assert api.require_answer(
        answered({"registry/team/app:v1": "sha256:" + "a" * 64}, registry=repository()), "d", "it"
    )


@pytest.mark.parametrize(
    ("inputs", "service"),
    [
        ({"registry/team/app:v1": "sha256:" + "b" * 64}, {"registry": repository()}),  # pushed again
        ({"registry/team/app:v1": "sha256:" + "a" * 64}, {}),  # removed
        ({}, {"registry": repository()}),  # recorded before the first push
    ],
)
def test_an_answer_older_than_its_inputs_fails(inputs, service):
    with pytest.raises(Failure, match="pushed again"):
        api.require_answer(answered(inputs, **service), "d", "the digest")


def test_an_answer_never_recorded_fails():
    with pytest.raises(Failure, match="No such answer"):
        api.require_answer(evidence(), "d", "the digest")


def result(got, expected, *, status="returned", hidden=False, kind="k", **more):
    case = Case(kind=kind, args=(1,), expected=expected, hidden=hidden, raises=more.pop("raises", False))
    return CaseResult(case=case, status=status, value=got, **more)


def task(*results, status="ran", message=""):
    return evidence(tasks={"t": TaskRun(function="f", status=status, message=message, results=results)})


def test_json_equality_is_strict_about_booleans_only():
    api.require_cases(task(result(1, 1.0), result([True], [True]), result({"a": None}, {"a": None})), "t")
    for got, expected in ((1, True), (True, 1), ("1", 1), ([1], [1, 2]), ({}, []), (None, False)):
        with pytest.raises(Failure):
            api.require_cases(task(result(got, expected)), "t")


def test_a_function_that_gives_back_nothing_is_told_about_return_and_sees_python_s_words():
    with pytest.raises(Failure) as failed:
        api.require_cases(task(result(None, {"tag": None}), result(None, True)), "t")
    assert failed.value.table[1:] == (("1", "{'tag': None}", "None"), ("1", "True", "None"))
    assert "return it" in failed.value.next_step
    silent = result(None, {"raises": "ValueError"}, raises=True)  # None where an error should come is another fault
    with pytest.raises(Failure) as failed:
        api.require_cases(task(silent), "t", raises=True)
    assert "return it" not in failed.value.next_step


def test_a_set_and_a_wrong_order_are_told_what_is_asked_for():
    unusable = CaseResult(case=Case(kind="k", args=(1,), expected=[1]), status="unusable", detail="type set")
    for wrong, told in ((unusable, "Of a set make a list"), (result(["b", "a"], ["a", "b"]), "their order is not")):
        with pytest.raises(Failure) as failed:
            api.require_cases(task(wrong, result(1, 1)), "t")
        assert told in failed.value.next_step


def test_failed_visible_cases_are_shown_and_hidden_ones_only_named():
    with pytest.raises(Failure) as failed:
        api.require_cases(
            task(result(1, 1), result(2, 3), result("SECRET", "HIDDEN", hidden=True, kind="an odd kind")), "t"
        )
    assert failed.value.table == (("input", "expected", "yours"), ("1", "3", "2"))
    assert "1 of 3" in failed.value.found and "an odd kind" in failed.value.found
    assert "SECRET" not in str(vars(failed.value)) and "HIDDEN" not in str(vars(failed.value))


def test_a_long_argument_does_not_hide_the_next():
    wide = Case(kind="k", args=({"layers": "x" * 9000}, {"config": "y" * 9000}), expected=1)
    with pytest.raises(Failure) as failed:
        api.require_cases(task(CaseResult(case=wide, status="returned", value=2)), "t")
    shown = failed.value.table[1][0]
    assert (
        shown.startswith("{'layers': 'x")
        and "…, {'config': 'y" in shown
        and shown.endswith("…")
        and len(shown) <= api.MAX_CELL
    )


def test_expected_errors():
    api.require_cases(
        task(result(None, {"raises": "ValueError"}, status="raised", raises=True, errors=("ValueError", "Exception"))),
        "t",
    )
    for other in (
        result(3, {"raises": "ValueError"}, raises=True),
        result(None, {"raises": "ValueError"}, status="raised", raises=True, errors=("TypeError", "Exception")),
        result(None, 3, status="timeout"),
        result(None, 3, status="unusable", detail="type E"),
    ):
        with pytest.raises(Failure):
            api.require_cases(task(other), "t")


@pytest.mark.parametrize("status", ["missing", "ambiguous", "broken", "empty"])
def test_a_task_that_cannot_run_says_so(status):
    with pytest.raises(Failure, match="because"):
        api.require_cases(task(status=status, message="because"), "t")


def test_a_sandbox_fault_is_not_graded():
    with pytest.raises(NotGraded):
        api.require_cases(task(status="fault", message="no engine"), "t")
    with pytest.raises(NotGraded):
        api.require_cases(task(result(None, 1, status="not-run")), "t")
    with pytest.raises(NotGraded):
        api.require_cases(evidence(), "t")


def test_draws_are_pinned():
    drawn = SeededRandom(seed(b"key", "student", "ada", "01-first-push"))
    assert (drawn.integer("n", 1, 6), drawn.choice("c", "abc"), drawn.sample("s", range(9), 3), drawn.hex("h", 4)) == (
        PINNED
    )
    assert sorted(drawn.shuffle("x", "abcd")) == list("abcd")
    assert seed(b"key", "student", "ada", "l") != seed(b"key", "grading", "ada", "l")


PINNED = (3, "c", [1, 3, 2], "a111")


def verdict_of(function, expected="", **parameters):
    declared = check("only", trust="proved", expected=expected)(function)
    return api.run({"only": declared}, evidence(parameters=parameters), {"only": 1.0})[0]


def wrong(e):
    """The title"""
    raise Failure("f", "n")


def test_what_a_check_expects_is_said_once_and_holds_the_students_parameters():
    assert verdict_of(wrong, "{v1} and {more[1]}.", v1="1.0", more=["a", "b"]).expected == "1.0 and b."
    assert verdict_of(wrong, lambda e: f"{e.text('v1')}!", v1="1.0").expected == "1.0!"
    assert verdict_of(wrong).expected == "The title."
    assert verdict_of(wrong, "A brace {{ stays.").expected == "A brace { stays."


def test_a_parameters_own_braces_are_text():
    assert verdict_of(wrong, "{v1}.", v1="{v1.__class__}").expected == "{v1.__class__}."


def test_a_part_of_a_check_may_expect_something_else_and_the_innermost_holds():
    def parts(e):
        """Parts"""
        with api.expecting("outer"), api.expecting("inner" if e.parameters["which"] else ""):
            raise Failure("f", "n", expected=e.parameters["own"])

    assert verdict_of(parts, "whole", which=False, own="").expected == "outer"
    assert verdict_of(parts, "whole", which=True, own="").expected == "inner"
    assert verdict_of(parts, "whole", which=True, own="own").expected == "own"


def test_an_expectation_that_cannot_be_filled_in_costs_no_points():
    verdict = verdict_of(wrong, "{absent}")
    assert verdict.status == "not_graded" and "KeyError: 'absent'" in verdict.found


@pytest.mark.parametrize("slug", manifest.slugs())
def test_every_expectation_of_every_lab_can_be_filled_in(slug):
    lab = manifest.find(slug)
    found = evidence(parameters=lab.drawn(seed(b"key", "student", "ada", slug)))
    for declared in lab.declared_checks().values():
        if isinstance(declared.expected, str):
            said = declared.expectation(found)
            assert said.endswith((".", "”")) and "{" not in said, (declared.id, said)


def test_what_a_probe_found_or_why_that_is_unknown():
    assert api.require_probe(evidence(probes={"p": {"a": 1}}), "p", "not run") == {"a": 1}
    for probes, why in (({}, "not run"), ({"p": None}, "not run"), ({"p": {"fault": "no engine"}}, "no engine")):
        with pytest.raises(NotGraded, match=why):
            api.require_probe(evidence(probes=probes), "p", "not run")
