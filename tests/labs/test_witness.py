"""Whose machine saw what a check rests on: what lab.toml says is held against the work of the sample class."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from autograder.checks.api import Check, Failure, NotGraded
from autograder.evidence.model import Evidence
from autograder.grading import intake, judge, people
from autograder.grading.archive import Archive
from autograder.labs import manifest
from autograder.labs.manifest import CheckPart, Lab
from autograder.quality import lab_runs, samples

PERFECT = "ada"  # of each lab's scripted students, the one who does everything


@pytest.fixture(scope="module")
def perfect():
    """lab -> evidence of a perfect submission, without what the grader adds to it."""
    found: dict[str, tuple[Lab, Evidence]] = {}
    with tempfile.TemporaryDirectory() as place:
        zips = [file for file in samples.set_up(Path(place)) if file.stem.endswith(f"-{PERFECT}")]
        with lab_runs.at(Path(place)):
            course = people.load()
            for file in zips:
                with Archive(file) as archive:
                    submission = intake.read(archive, course)
                found[submission.lab.slug] = submission.lab, judge.evidence_of(submission, {}, {}, "0" * 64)
    return found


def passes(check: Check, evidence: Evidence) -> bool:
    try:
        check.function(evidence)
    except (Failure, NotGraded):
        return False
    return True


def without_services(evidence: Evidence) -> Evidence:
    return evidence.model_copy(update={"services": {}, "journal": (), "engine": None, "images": {}})


def rests_on_none(lab: Lab, part: CheckPart) -> bool:
    return not (lab.services if part.services is None else part.services)


@pytest.mark.parametrize("slug", manifest.slugs())
def test_a_recomputed_check_says_that_it_rests_on_no_service_exactly_when_it_passes_without_any(perfect, slug):
    lab, evidence = perfect[slug]
    checks, bare = lab.declared_checks(), without_services(evidence)
    parts = [part for part in lab.checks if not part.by_hand and not part.tasks and not part.probes]
    recomputed = [part for part in parts if checks[part.id].trust == "recomputed"]
    judged = [part for part in recomputed if passes(checks[part.id], evidence)]
    assert {part.id for part in judged if rests_on_none(lab, part)} == {
        part.id for part in judged if passes(checks[part.id], bare)
    }
    for part in judged:
        assert checks[part.id].witness == ("grader" if rests_on_none(lab, part) else "student")


def test_what_was_typed_is_judged_by_the_grader_wherever_it_stands_in_the_course():
    by_grader = {
        f"{lab.slug[:2]}.{id}"
        for lab in map(manifest.find, manifest.slugs())
        for id, check in lab.declared_checks().items()
        if check.witness == "grader" and not any(p.id == id and (p.tasks or p.probes) for p in lab.checks)
    }
    assert by_grader == {
        *("02.full-names", "02.repair", "06.names", "07.names", "08.inherited", "08.causes", "08.report"),
        *("10.predictions", "11.attestations"),
    }


def test_what_only_the_students_machine_saw_is_never_the_graders():
    for lab in map(manifest.find, manifest.slugs()):
        checks = lab.declared_checks()
        assert {check.witness for check in checks.values() if check.trust != "recomputed"} <= {"student"}


@pytest.mark.parametrize("slug", [slug for slug in manifest.slugs() if "hidden" in manifest.find(slug).probes])
def test_a_check_that_draws_hidden_inputs_lists_the_probe(perfect, slug):
    lab, evidence = perfect[slug]
    checks = lab.declared_checks()
    asking = {part.id for part in lab.checks if not part.by_hand and _asks_for_hidden(checks[part.id], evidence)}
    assert asking and asking == {part.id for part in lab.checks if "hidden" in part.probes}


def _asks_for_hidden(check: Check, evidence: Evidence) -> bool:
    try:
        check.function(evidence)
    except NotGraded as reason:
        return "hidden" in str(reason)
    except Failure:
        pass
    return False
