"""What a forger gets, and what a person then sees: whole submissions that nobody made with an engine.

On a student's own machine this cannot be prevented (SECURITY.md). These tests say how dear it is: which leads the naive
forger meets, what each care is worth, and that all of them together meet none.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from autograder.evidence import leads
from autograder.evidence.model import Evidence
from autograder.grading import judge, people
from autograder.grading.judge import Outcome, Tools
from autograder.grading.probes import HiddenProbe

from ..grading.doubles import KindRegistry, LocalRunner
from .forger import CARES, HISTORY, JOURNAL, LAYERS, PACKING, TIMES, Forger

PROBES = {"round-trip": KindRegistry, "hidden": HiddenProbe}
CLOUD = {"same-image": 1.5, "lock": 0.5, "names": 1.0, "cleanup-policy": 1.5, "purge": 1.5, "token": 1.0}
FIRST = {"first-push": 0.5, "digest": 1, "both-tags": 0.5, "shared-layers": 0.5, "v2-bytes": 0.5, "by-digest": 0.5,
         "prediction": 0.5, "hello": 1, "bytes-to-push": 0}  # fmt: skip


@pytest.fixture
def forged(home):
    """Judges what a forger with some cares writes for a lab."""

    def write(lab: str, *cares: str) -> Outcome:
        course = people.load()
        forger = Forger(course, cares=frozenset(cares))
        content = forger.first_push() if lab.startswith("01") else forger.google_azure()
        tools: Any = Tools(course, sandbox=LocalRunner, probe=lambda name: PROBES[name](), pause=lambda seconds: None)
        return judge.judge("forged.zip", content, tools)

    return write


def points(outcome: Outcome) -> dict[str, float | None]:
    return {verdict.check: verdict.points for verdict in outcome.verdicts}


def told(outcome: Outcome, text: str) -> bool:
    return any(text in lead for lead in outcome.leads)


@pytest.mark.parametrize(("lab", "gets"), [("01-first-push", FIRST), ("07-google-azure", CLOUD)])
def test_the_naive_forger_gets_the_points_and_is_seen(forged, lab, gets):
    """Leads cost no point: only a person takes any away."""
    outcome = forged(lab)
    assert (outcome.status, outcome.problems, points(outcome)) == ("graded", [], gets)
    assert told(outcome, "has labels and no history")
    if lab.startswith("07"):
        assert told(outcome, "no line of the journal tells of its push") and told(outcome, "is no archive")


@pytest.mark.parametrize(("lab", "gets"), [("01-first-push", FIRST), ("07-google-azure", CLOUD)])
def test_a_forger_who_takes_every_care_meets_no_lead(forged, lab, gets):
    """What a forger has to do now; whoever can do this knows what the lab teaches, and more."""
    outcome = forged(lab, *CARES)
    assert (points(outcome), outcome.leads) == (gets, ())


@pytest.mark.parametrize(
    ("without", "says"),
    [
        (HISTORY, "has labels and no history"),
        (LAYERS, "is no archive"),
        (PACKING, "was not compressed by any builder"),
        (JOURNAL, "no line of the journal tells of its push"),
        (TIMES, "was created after the submission was written"),
    ],
)
def test_each_care_that_is_not_taken_is_seen(forged, without, says):
    outcome = forged("07-google-azure", *(CARES - {without}))
    assert points(outcome) == CLOUD and told(outcome, says)


def test_which_points_rest_on_whose_machine(forged):
    """The probe ``hidden`` evaluates the policies, names are typed; a cloud only the student's machine saw."""
    witness = {verdict.check: verdict.witness for verdict in forged("07-google-azure").verdicts}
    assert {check for check, seen in witness.items() if seen == "grader"} == {"names", "cleanup-policy", "purge"}
    witness = {verdict.check: verdict.witness for verdict in forged("01-first-push").verdicts}
    assert {check for check, seen in witness.items() if seen == "grader"} == {"bytes-to-push"}


# -- a forger who has taken every care, and one slip -----------------------------------------------------------------


@pytest.fixture
def careful(forged) -> Evidence:
    evidence = judge.unpacked(forged("07-google-azure", *CARES).evidence)
    assert leads.found(evidence) == ()
    return evidence


def lines(evidence: Evidence, *changes: dict[str, Any]) -> Evidence:
    made = [line | change for line, change in zip(evidence.journal, changes, strict=True)]
    return evidence.model_copy(update={"journal": tuple(made)})


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (({}, {"tag": "other"}), "no line of the journal tells of its push"),
        (({}, {"digest": "sha256:" + "0" * 64}), "points elsewhere than the last push"),
        (({}, {"when": "2026-11-20T09:00:00Z"}), "at another time than the journal tells"),
        (({}, {"when": "2026-11-01T09:00:00Z"}), "time runs backwards"),
        (({"when": "2026-12-24T09:00:00Z"}, {"when": "2026-12-24T09:00:00Z"}), "later than its own time"),
        (({"number": 2}, {}), "two lines have the number 2"),
    ],
)
def test_a_slip_in_the_journal_is_seen(careful, changes, says):
    assert any(says in lead for lead in leads.found(lines(careful, *changes)))


def test_a_journal_of_which_only_the_newest_lines_travel_misses_nothing(careful, monkeypatch):
    """Of an old machine's journal the first pushes are cut off."""
    monkeypatch.setattr("autograder.evidence.emulator_state.MAX_LINES", 1)
    assert leads.found(lines(careful, {}, {"tag": "other"})) == ()


def test_an_answer_from_before_its_image_and_one_from_the_future_are_seen(careful):
    [digest] = careful.repository("acr", careful.text("repository")).tags.values()
    about = {f"acr/{careful.text('repository')}:{careful.text('version')}": digest}
    old, late = "2026-10-01T08:00:00+00:00", "2026-12-24T08:00:00+00:00"
    for moment, says in ((old, "before that image was built"), (late, "after the submission was written")):
        answer = replace_answer(careful, "purge", recorded_at=moment, inputs=about)
        assert any(says in lead for lead in leads.found(answer)), says


def replace_answer(evidence: Evidence, name: str, **changes: Any) -> Evidence:
    answer = evidence.answers[name].model_copy(update=changes)
    return evidence.model_copy(update={"answers": {**evidence.answers, name: answer}})


def test_there_are_no_more_leads_than_a_person_reads(forged, monkeypatch):
    monkeypatch.setattr(leads, "MAX_LEADS", 2)
    found = forged("07-google-azure").leads
    assert len(found) == 3 and found[-1].startswith("And ")


def test_what_cannot_be_looked_at_is_a_lead_and_no_fault_of_the_grader(careful):
    broken = careful.services["acr"].model_copy(update={"settings": {"now": 3, "repositories": [1]}})
    evidence = careful.model_copy(update={"services": {**careful.services, "acr": broken}})
    assert any("has a form that nothing writes" in lead for lead in leads.found(evidence))


def test_the_outcome_travels_with_its_leads(forged):
    outcome = forged("07-google-azure")
    assert replace(outcome).leads == outcome.leads
