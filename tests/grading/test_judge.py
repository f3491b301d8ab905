"""From a zip to verdicts, with a sandbox and a probe that do what the real ones do, without an engine."""

from __future__ import annotations

import json
from typing import Any

import pytest

from autograder.formats import Unreadable
from autograder.grading import engine_calls, judge
from autograder.grading.judge import Tools
from autograder.grading.progress import Progress
from autograder.grading.sandbox import Disturbed, SandboxFault
from autograder.services.throwaway import ProbeFault

from ..evidence.images import Layout
from .doubles import KindRegistry, LocalRunner, kind_probe
from .submissions import CODE_LAYER, packed

WHOLE = {"pushed": 2, "round-trip": 1, "double": 2, "engine": 0.5}


class Failing:
    """A sandbox or probe that raises what it is given, in turn, and then works."""

    def __init__(self, *errors: Exception) -> None:
        self.errors, self.calls = list(errors), 0

    def run(self, *arguments: Any) -> Any:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        [argument] = arguments
        return (LocalRunner() if isinstance(argument, list) else KindRegistry()).run(argument)


@pytest.fixture
def tools(course):
    return Tools(course, sandbox=LocalRunner, probe=kind_probe, pause=lambda seconds: None)


def with_(tools, **parts):
    made = {name: (lambda *_, part=part: part) for name, part in parts.items()}
    return Tools(tools.course, made.get("sandbox", tools.sandbox), made.get("probe", tools.probe), tools.pause)


def points(outcome):
    return {verdict.check: verdict.points for verdict in outcome.verdicts}


def verdict(outcome, id):
    return next(v for v in outcome.verdicts if v.check == id)


def test_a_whole_submission_gets_all_points(ada, tools, tmp_path):
    outcome = judge.judge("ada.zip", ada.zip(tmp_path), tools)
    assert (outcome.status, outcome.problems, points(outcome)) == ("graded", [], WHOLE)
    evidence = judge.unpacked(outcome.evidence)
    assert evidence.origin == "submission" and evidence.files["settings.txt"].text == "colour = blue\n"
    results = evidence.tasks["double"].results
    assert len(results) == 7 and sum(result.case.hidden for result in results) == 5
    assert set(outcome.seconds) == {"intake", "sandbox", "probe", "checks"}


def test_bytes_are_as_good_as_a_path(ada, tools, tmp_path):
    file = ada.zip(tmp_path)
    one, two = judge.judge("x", file, tools), judge.judge("x", file.read_bytes(), tools)
    assert one.sha256 == two.sha256 and one.verdicts == two.verdicts and one.evidence == two.evidence


def test_what_passes_visibly_only_fails_on_hidden_inputs_and_shows_none(ada, tools, tmp_path):
    cheat = "def double(n):\n    return {2: 4, 0: 0}.get(n, 0)\n"
    outcome = judge.judge("x", ada.zip(tmp_path, ada.files(cheat)), tools)
    found = verdict(outcome, "double")
    assert (outcome.status, found.points) == ("graded", 0) and "a large number" in found.found
    assert found.table == () and "70" not in found.model_dump_json().replace('"points"', "")


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("def double(n):\n    ...\n", "still empty"),
        ("def other(n):\n    return 1\n", "No cell defines double"),
        ("def double(n):\n    return undefined\n", "0 of 7 inputs"),
        ("import numpy\ndef double(n):\n    return 2 * n\n", "fails when it is run on its own"),
        ("def double(n:\n", "not valid Python"),
    ],
)
def test_a_task_that_is_not_solved_fails_and_the_rest_counts(ada, tools, tmp_path, source, says):
    outcome = judge.judge("x", ada.zip(tmp_path, ada.files(source)), tools)
    assert outcome.status == "graded" and points(outcome) == WHOLE | {"double": 0}
    assert says in verdict(outcome, "double").found


def test_a_copied_image_is_not_ones_own(ada, ben, tools, tmp_path):
    files = ada.files(layout=ada.layout(owner=ben.parameters["team"]))
    outcome = judge.judge("x", ada.zip(tmp_path, files), tools)
    assert points(outcome) == WHOLE | {"pushed": 0, "round-trip": 0}
    assert verdict(outcome, "round-trip").blocked_by == "pushed"
    assert ben.parameters["team"] in outcome.claims


def test_an_incomplete_snapshot_is_not_probed(ada, tools, tmp_path):
    files = ada.files()
    for name in [name for name, content in files.items() if content == CODE_LAYER]:
        del files[name]
    outcome = judge.judge("x", ada.zip(tmp_path, files), tools)
    assert points(outcome) == WHOLE | {"round-trip": 0} and "missing-layer" in " ".join(outcome.problems)


def test_an_empty_submission_is_graded_with_what_it_deserves(ada, tools, tmp_path):
    ada.header = {"engine": None}
    outcome = judge.judge("x", ada.zip(tmp_path, {}), tools)
    assert outcome.status == "graded" and points(outcome) == dict.fromkeys(WHOLE, 0)
    assert len(outcome.problems) == 4 and outcome.notebook["cells"] == []


@pytest.mark.parametrize("content", [b"", b"no zip", packed({"a": b"x"}), packed({"../a": b"x"})])
def test_a_refused_zip_is_an_outcome(tools, content):
    outcome = judge.judge("x", content, tools)
    assert outcome.status == "refused" and len(outcome.problems) == 1 and outcome.evidence is None


def test_a_damaged_blob_refuses_the_zip_instead_of_costing_points(ada, tools, tmp_path):
    file = ada.zip(tmp_path)
    content = bytearray(file.read_bytes())
    content[content.index(b"blobs/sha256/") + 80] ^= 0xFF
    outcome = judge.judge("x", bytes(content), tools)
    assert outcome.status == "refused" and "is damaged" in outcome.problems[0]


# -- faults of the infrastructure ------------------------------------------------------------------------------------


def test_an_engine_that_fails_twice_costs_nothing(ada, tools, tmp_path):
    sandbox, probe = Failing(SandboxFault("a"), SandboxFault("b")), Failing(ProbeFault("c"))
    outcome = judge.judge("x", ada.zip(tmp_path), with_(tools, sandbox=sandbox, probe=probe))
    assert (outcome.status, points(outcome), outcome.retries) == ("graded", WHOLE, 3)
    assert (sandbox.calls, probe.calls) == (3, 2)


def test_an_engine_that_keeps_failing_is_never_a_zero(ada, tools, tmp_path):
    sandbox = Failing(*[SandboxFault("the engine is gone")] * 9)
    outcome = judge.judge("x", ada.zip(tmp_path), with_(tools, sandbox=sandbox))
    assert outcome.status == "not_graded" and points(outcome) == WHOLE | {"double": None}
    assert "the engine is gone" in verdict(outcome, "double").found and sandbox.calls == engine_calls.TRIES


def test_a_registry_that_keeps_failing_is_never_a_zero(ada, tools, tmp_path):
    outcome = judge.judge("x", ada.zip(tmp_path), with_(tools, probe=Failing(*[ProbeFault("no registry")] * 9)))
    assert outcome.status == "not_graded" and points(outcome) == WHOLE | {"round-trip": None}
    assert verdict(outcome, "round-trip").found == "no registry"


def test_code_that_takes_the_sandbox_down_is_tried_once_more_and_then_a_failure(ada, tools, tmp_path):
    once = judge.judge("x", ada.zip(tmp_path), with_(tools, sandbox=Failing(Disturbed("it grew"))))
    assert once.retries == 0, "nothing of the engine: it was the student's code"
    assert (once.status, points(once)) == ("graded", WHOLE)
    twice = judge.judge(
        "x", ada.zip(tmp_path), with_(tools, sandbox=Failing(Disturbed("it grew"), Disturbed("it grew")))
    )
    assert (twice.status, points(twice)) == ("graded", WHOLE | {"double": 0})
    assert "it grew" in verdict(twice, "double").found


@pytest.mark.parametrize(
    "answer", [None, 1, {}, {"status": "ran", "results": []}, {"status": "ran", "results": [1] * 7}]
)
def test_an_answer_of_another_shape_gives_no_points(ada, tools, tmp_path, answer):
    class Odd:
        def run(self, jobs):
            return [answer]

    outcome = judge.judge("x", ada.zip(tmp_path), with_(tools, sandbox=Odd()))
    assert not verdict(outcome, "double").points


def test_an_error_of_the_grader_is_not_graded_with_its_trace(ada, tools, tmp_path):
    class Broken:
        def run(self, jobs):
            raise KeyError("surprise")

    outcome = judge.judge("x", ada.zip(tmp_path), with_(tools, sandbox=Broken()))
    assert outcome.status == "not_graded" and outcome.problems == ["The grader failed: KeyError: 'surprise'"]
    assert "Traceback" in outcome.notes[0] and outcome.header.student == "ada"


# -- judging again ---------------------------------------------------------------------------------------------------


def test_judging_again_gives_the_same(ada, tools, tmp_path, lab):
    outcome = judge.judge("x", ada.zip(tmp_path), tools)
    found = judge.rejudge(lab, judge.unpacked(outcome.evidence), tools.course)
    evidence, verdicts, notes = found.evidence, found.verdicts, found.notes
    assert (verdicts, notes) == (outcome.verdicts, []) and judge.packed(evidence) == outcome.evidence


def test_a_corrected_expected_result_counts_without_running_again(ada, tools, tmp_path, lab, kit):
    tripled = "def double(n):\n    return 3 * n\n"
    outcome = judge.judge("x", ada.zip(tmp_path, ada.files(tripled)), tools)
    assert verdict(outcome, "double").points == 0
    hidden = kit / "solutions" / lab.slug / "hidden.py"
    hidden.write_text(hidden.read_text().replace("expected=2 * n", "expected=3 * n"))
    cases = kit / "labs" / lab.slug / "cases.json"
    cases.write_text(cases.read_text().replace('"expected": 4', '"expected": 6'))
    verdicts = judge.rejudge(lab, judge.unpacked(outcome.evidence), tools.course).verdicts
    assert {v.check: v.points for v in verdicts} == WHOLE


def test_new_inputs_cannot_be_judged_without_running(ada, tools, tmp_path, lab, kit):
    outcome = judge.judge("x", ada.zip(tmp_path), tools)
    cases = kit / "labs" / lab.slug / "cases.json"
    document = json.loads(cases.read_text())
    document["double"].append({"kind": "a negative number", "args": [-1], "expected": -2})
    cases.write_text(json.dumps(document))
    found = judge.rejudge(lab, judge.unpacked(outcome.evidence), tools.course)
    verdicts, notes = found.verdicts, found.notes
    assert {v.check: v.points for v in verdicts} == WHOLE | {"double": None} and "--force" in notes[0]


@pytest.mark.parametrize("content", [b"", b"x", b"\x1f\x8b\x08\x00broken"])
def test_damaged_evidence_is_an_error_in_words(content):
    with pytest.raises(Unreadable) as caught:
        judge.unpacked(content)
    assert ("damaged" in caught.value.detail or "not valid JSON" in caught.value.detail) and "--force" in str(
        caught.value
    )


def test_evidence_is_the_same_bytes_each_time_and_holds_an_index_and_attestations(ada, tools, tmp_path):
    layout = Layout()
    image = layout.image([b"one"], labels={"course.owner": ada.parameters["team"]})
    layout.tag(ada.parameters["tag"], layout.index(image, attested=True))
    file = ada.zip(tmp_path, ada.files(layout=layout))
    one, two = judge.judge("x", file, tools), judge.judge("y", file, tools)
    assert one.evidence == two.evidence and points(one) == WHOLE
    assert len(judge.unpacked(one.evidence).repository("registry", ada.parameters["repository"]).manifests) == 3


def test_half_a_character_in_a_probes_result_does_not_stop_the_grader(ada, tools, tmp_path):
    """A package's name in an SBOM may hold one; JSON in UTF-8 cannot."""

    class Halves(KindRegistry):
        def run(self, subject):
            return {**super().run(subject), "registry/\ud800": {"pulled": ["\udcff"]}}

    outcome = judge.judge("x", ada.zip(tmp_path), with_(tools, probe=Halves()))
    assert outcome.status == "graded", outcome.problems
    assert judge.unpacked(outcome.evidence).probes["round-trip"]["registry/?"] == {"pulled": ["?"]}


@pytest.mark.parametrize("step", ["tasks", "probe round-trip", "check double"])
def test_an_ended_step_is_told_with_the_command_that_tries_it_again(ada, tools, tmp_path, step):
    """What was ended for its work would be ended again, so it stands; what waits for a machine is not graded at all."""
    why = "It was ended while it was judged: that took more than 5 seconds of computing."
    outcome = judge.judge("x", ada.zip(tmp_path), tools, progress=Progress({step: why}))
    assert outcome.status == "graded" and sum(points(outcome).values()) < sum(WHOLE.values())
    [note] = [note for note in outcome.notes if why in note]
    assert "That stands; to try it again, run `python3 course.py grade` with --force" in note
