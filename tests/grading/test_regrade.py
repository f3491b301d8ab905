"""Judging stored evidence again: what would change and why, without writing; the journal; probes; worker processes."""

from __future__ import annotations

import importlib
import json
import re
from dataclasses import replace

import nbformat
import pytest
from click.testing import CliRunner

from autograder import __version__, paths
from autograder.checks.api import Verdict, checks_of
from autograder.cli import instructor
from autograder.errors import EnvironmentProblem
from autograder.grading import by_hand as kept
from autograder.grading import (
    exports,
    gradebook,
    journal,
    judge,
    people,
    probes,
    regrade,
    rules,
    store,
    walled,
    walls,
    workers,
)
from autograder.grading.batch import Batch
from autograder.grading.identity import Identity
from autograder.grading.judge import Tools
from autograder.services.throwaway import ProbeFault
from tests.formats import frozen

from .doubles import LocalRunner, grade_without_engine, kind_probe
from .submissions import SOLVED

LAB = "90-tiny"


@pytest.fixture
def grade(course, lab, tmp_path):
    """Judge a student's submission and keep the verdict, without the gradebook."""
    tools = Tools(course, sandbox=LocalRunner, probe=kind_probe)

    def one(student, files=None):
        outcome = judge.judge(f"{student.id}.zip", student.zip(tmp_path / "zips", files), tools)
        return store.record(outcome, Identity(), course, lab)

    return one


@pytest.fixture
def rewrite(kit, lab):
    """Change the kit's checks, as in a process that was started after the change."""
    module = kit / "checks/tiny/checks.py"

    def to(old, new):
        text = module.read_text()
        assert text.count(old) == 1
        module.write_text(text.replace(old, new))
        importlib.reload(lab.code())

    return to


def without_engine(rewrite):
    """A check that nobody passes any more."""
    rewrite("if e.engine is None:", "if e.engine is not None:")


def everything(folder):
    """Name -> content and time of the last change, of all there is."""
    return {
        file.relative_to(folder).as_posix(): (file.stat().st_mtime_ns, file.read_bytes() if file.is_file() else None)
        for file in sorted(folder.rglob("*"))
    }


def run(course, jobs=1):
    return regrade.run(regrade.candidates([], [], course), course, lambda row: None, jobs)


def preview(course, jobs=1):
    """What would change; it is made sure that nothing does."""
    before = everything(paths.classroom())
    made = regrade.preview(regrade.candidates([], [], course), course, jobs)
    assert everything(paths.classroom()) == before
    return made


def told():
    return journal.read(journal.file().read_bytes()) if journal.file().exists() else []


def command(*arguments):
    return CliRunner().invoke(instructor.regrade, [*arguments])


def fingerprints(document, lab):
    return f"rules {document.judged_by} → {rules.fingerprint(lab)}"


# -- why a point changes ---------------------------------------------------------------------------------------------


def test_where_nothing_changed_nothing_is_said(course, ada, grade):
    grade(ada)
    made = preview(course)
    assert made.is_empty and made.lines() == [] and made.judged == 1
    run(course)
    assert told() == [] and not journal.file().exists()


def test_another_rule_of_a_check(course, ada, ben, grade, lab, rewrite):
    before = grade(ada)
    grade(ben)
    without_engine(rewrite)
    made = preview(course)
    why = f"the check's rules changed (lab version 1, kit {before.kit_version}, {fingerprints(before, lab)})"
    assert made.lines() == [
        f"ada 90-tiny engine: 0.5 of 0.5 → 0 of 0.5 points: {why}.",
        f"ben 90-tiny engine: 0.5 of 0.5 → 0 of 0.5 points: {why}.",
        "90-tiny: 2 checks changed (2 students), -1 points in all",
    ]
    run(course)
    assert [change.said() for change in told()] == made.lines()[:2]
    assert (told()[0].replaced, told()[0].judged_by) == (before.graded_at, rules.fingerprint(lab))
    assert preview(course).is_empty
    run(course)
    assert len(told()) == 2


def test_other_points_of_the_class(course, ada, grade):
    grade(ada)
    file = paths.classroom() / people.COURSE_FILE
    file.write_text(file.read_text("utf-8") + f"\n[labs.{LAB}]\npoints = {{ pushed = 1 }}\n", encoding="utf-8")
    [line, total] = preview(people.load()).lines()
    assert line.startswith(
        "ada 90-tiny pushed: 2 of 2 → 1 of 1 points: points changed, now those of class/course.toml ("
    )
    assert total == "90-tiny: 1 check changed (1 student), -1 points in all"


def other_points(**points):
    file = paths.classroom() / people.COURSE_FILE
    given = ", ".join(f"{id} = {number}" for id, number in points.items())
    file.write_text(file.read_text("utf-8") + f"\n[labs.{LAB}]\npoints = {{ {given} }}\n", encoding="utf-8")
    return people.load()


def test_other_points_of_what_a_person_grades(course, ada, grade):
    grade(ada)
    course = other_points(why=1)
    [line, total] = preview(course).lines()
    assert line.startswith(
        "ada 90-tiny why: – of 1.5 → – of 1 points: points changed, now those of class/course.toml ("
    )
    assert total == "90-tiny: 1 check changed (1 student), +0 points in all"
    [row] = run(course)
    assert row.remarks[0] == "5.5 of 7 → 5.5 of 6.5 points." and [one.said() for one in told()] == [line]
    assert store.read("ada", LAB).max_score == 6.5 and preview(course).is_empty
    [row] = run(course)
    assert row.remarks[0] == "No change." and len(told()) == 1


@pytest.mark.slow  # the gradebook
def test_points_by_hand_out_of_other_ones_are_looked_at(course, ada, ben, grade, by_hand):
    """A person gave all of 1.5 points, of which there is one now; what was given of as many as before holds."""
    for student in (ada, ben):
        grade(student)
    gradebook.sync(course)
    by_hand("ada", "why", 1.5)
    by_hand("ben", "engine", 0.5)
    gradebook.sync(course)
    course = other_points(why=1)
    [line, _, _] = preview(course).lines()
    assert "The 1.5 points given by hand stay and count. They are more than can be had now" in line
    run(course)
    gradebook.sync(course)
    assert cells("ada")["why"] == (None, 1.5, True) and cells("ben")["engine"] == (0.5, 0.5, False)
    [entry] = [one for one in exports.entries(course) if (one.student, one.lab) == ("ada", LAB)]
    assert (entry.status, entry.ungraded) == ("needs review", ("why",))
    state = kept.mark("ada", LAB).cells["why"]
    assert kept.reasons(kept.read("ada", LAB).cells["why"], state) == [
        "The points were given of 1.5, and there are 1 now."
    ]
    by_hand("ada", "why", 1.0)
    gradebook.sync(course)
    assert cells("ada")["why"][1] == 1.0 and kept.read("ada", LAB).cells["why"].points_for == state


@pytest.mark.slow  # the gradebook
def test_what_an_earlier_kit_recorded_without_the_points_that_there_were_changes_nothing(course, ada, grade, by_hand):
    grade(ada)
    gradebook.sync(course)
    by_hand("ada", "why", 1.5)
    gradebook.sync(course)
    for file in (kept.record_file("ada", LAB), kept.mark_file("ada", LAB)):
        text = file.read_text("utf-8")
        file.write_text(re.sub(r',\s*"most": [0-9.]+', "", text), encoding="utf-8")
        assert file.read_text("utf-8") != text
    course = other_points(why=1)
    run(course)
    gradebook.sync(course)
    assert cells("ada")["why"] == (None, 1.5, False)


def test_other_expected_results(course, ada, grade, kit):
    grade(ada, ada.files("def double(n):\n    return 3 * n\n"))
    for file, old, new in (
        (kit / "solutions/90-tiny/hidden.py", "expected=2 * n", "expected=3 * n"),
        (kit / "labs/90-tiny/cases.json", '"expected": 4', '"expected": 6'),
    ):
        file.write_text(file.read_text().replace(old, new))
    [line, _] = preview(course).lines()
    assert line.startswith("ada 90-tiny double: 0 of 2 → 2 of 2 points: expected results changed (")
    run(course)
    assert told()[0].said() == line and preview(course).is_empty


def test_what_only_running_again_can_tell(course, ada, grade, kit):
    grade(ada)
    file = kit / "labs/90-tiny/cases.json"
    cases = json.loads(file.read_text())
    cases["double"].append({"kind": "a negative number", "args": [-1], "expected": -2})
    file.write_text(json.dumps(cases))
    [line, total] = preview(course).lines()
    assert line.startswith(
        "ada 90-tiny double: 2 of 2 → – of 2 points: expected results changed; it cannot be judged: "
    )
    assert "grade the submission again with --force" in line and "-2 points" in total


def test_a_check_that_rests_on_another(course, ada, grade, rewrite):
    grade(ada)
    rewrite("    if image is None:\n", "    if image is not None:\n")
    [first, second, _] = preview(course).lines()
    assert first.startswith("ada 90-tiny pushed: 2 of 2 → 0 of 2 points: the check's rules changed (")
    assert second.startswith(
        "ada 90-tiny round-trip: 1 of 1 → 0 of 1 points: the check's rules changed; pushed, on which it rests, does "
        "not pass ("
    )


def test_a_check_that_is_new_or_gone(course, ada, grade):
    document = grade(ada)
    extra = Verdict(check="other", title="Other", status="passed", points=1, max_points=1, trust="proved")
    kept = [verdict for verdict in document.verdicts if verdict.check != "engine"]
    store.write(document.model_copy(update={"verdicts": (*kept, extra), "max_score": 7.5}))
    lines = preview(course).lines()
    assert lines[0].startswith("ada 90-tiny engine: no such check → 0.5 of 0.5 points: the check is new (")
    assert lines[1].startswith("ada 90-tiny other: 1 of 1 → no such check points: the check is gone (")


def test_evidence_that_cannot_be_read_and_code_that_fails(course, ada, ben, grade, kit, rewrite):
    grade(ada)
    grade(ben)
    store.evidence_file("ada", LAB).write_bytes(b"broken")
    hidden = kit / "solutions/90-tiny/hidden.py"
    hidden.write_text(hidden.read_text().replace("    return {", "    raise SystemExit('no')\n    return {"))
    [ada_, ben_] = preview(course).lines()
    assert ada_.startswith("ada 90-tiny: cannot be judged: The stored evidence cannot be read (damaged")
    assert ben_ == "ben 90-tiny: cannot be judged: The grader failed: SystemExit: no"
    before = everything(paths.classroom())
    assert {row.is_open for row in run(course)} == {True} and everything(paths.classroom()) == before


def test_more_words_are_no_change(course, ada, grade, rewrite):
    grade(ada)
    rewrite("You have an engine", "There is an engine")
    assert preview(course).is_empty
    run(course)
    assert told() == [] and "There is" in store.read("ada", LAB).verdicts[-1].title


# -- the command -----------------------------------------------------------------------------------------------------


def test_what_the_command_prints_and_ends_with(course, ada, grade, rewrite):
    grade(ada)
    done = command("--dry-run", "--jobs", "1")
    assert (done.exit_code, done.stdout) == (0, "")
    assert done.stderr.endswith("1 judged, nothing written. Nothing would change.\n")
    without_engine(rewrite)
    before = everything(paths.classroom())
    done = command("--dry-run", "--jobs", "1", "--student", "ada", "90")
    assert done.exit_code == 1 and done.stdout.splitlines() == preview(course).lines()
    assert "no graded submission of ben" in str(command("--dry-run", "--student", "ben").exception)
    found = command("--dry-run", "--jobs", "1", "--json")
    document = json.loads(found.stdout)
    assert found.exit_code == 1 and document["labs"] == {LAB: {"checks": 1, "students": 1, "points": -0.5}}
    assert [document["changes"][0][name] for name in ("student", "check", "before", "after")] == [
        "ada", "engine", 0.5, 0,
    ]  # fmt: skip
    assert everything(paths.classroom()) == before


@pytest.mark.slow  # the gradebook
def test_the_command_prints_the_lines_that_it_keeps_and_names_points_by_hand(course, ada, grade, rewrite, by_hand):
    grade(ada)
    gradebook.sync(course)
    by_hand("ada", "engine", 0.25)
    without_engine(rewrite)
    planned = command("--dry-run", "--jobs", "1").stdout.splitlines()
    assert planned[0].endswith("The 0.25 points given by hand stay and count.") and "+0 points" in planned[1]
    done = command("--jobs", "1")
    assert done.exit_code == 1, "the check says something else now, so a person looks at the points by hand again"
    assert done.stdout.splitlines()[:2] == planned and "needs review" in done.stdout
    [line] = told()
    assert (line.by_hand, line.said()) == (0.25, planned[0])
    [row] = json.loads(command("--jobs", "1", "--json").stdout)
    assert row["changes"] == [] and row["student"] == "ada"


@pytest.fixture
def by_hand():
    from nbgrader.api import Gradebook

    from autograder.grading import released

    def give(student, cell, points):
        with Gradebook(released.database()) as book:
            book.find_grade(cell, LAB, LAB, student).manual_score = points
            book.db.commit()

    return give


# -- kills -----------------------------------------------------------------------------------------------------------


def test_a_kill_between_journal_and_verdict_tells_nothing_twice(course, ada, ben, grade, rewrite, monkeypatch):
    grade(ada)
    grade(ben)
    without_engine(rewrite)
    before = everything(paths.classroom())
    with monkeypatch.context() as patch:
        patch.setattr(store, "write", lambda document: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            run(course)
    assert len(told()) == 1, "first the line"
    assert {name: content for name, content in everything(paths.classroom()).items() if name in before} == before
    run(course)
    assert [(change.student, change.check) for change in told()] == [("ada", "engine"), ("ben", "engine")]
    assert store.read("ada", LAB).score == store.read("ben", LAB).score == 5


def test_evidence_of_a_submission_whose_verdict_a_kill_lost_is_not_taken_for_the_one_before(
    course, ada, grade, rewrite, monkeypatch
):
    before = grade(ada)
    with monkeypatch.context() as patch:
        patch.setattr(store, "write", lambda document: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            grade(ada, ada.files(SOLVED.replace("2", "3")))
    assert preview(course).lines() == [f"ada 90-tiny: cannot be judged: {regrade.FOREIGN}"]
    [row] = run(course)
    assert row.is_open and row.remarks == (regrade.FOREIGN,) and "Grade the submission again" in regrade.FOREIGN
    assert store.read("ada", LAB) == before and told() == []
    grade(ada)
    without_engine(rewrite)
    [row] = run(course)
    assert (row.status, row.score) == ("graded", 5)


def test_evidence_of_an_earlier_kit_names_no_submission_and_is_judged(course, ada, grade, rewrite):
    document = grade(ada)
    evidence = store.evidence_of(document)
    assert evidence.submission_sha256 == document.submission_sha256
    store.evidence_file("ada", LAB).write_bytes(judge.packed(evidence.model_copy(update={"submission_sha256": None})))
    without_engine(rewrite)
    [row] = run(course)
    assert (row.status, row.score) == ("graded", 5)


def test_what_a_kill_left_is_graded_from_its_zip_where_that_is_at_hand(
    course, ada, grade, tmp_path, graded, rewrite, monkeypatch
):
    ada.zip(tmp_path / "zips")
    graded()
    with monkeypatch.context() as patch:
        patch.setattr(store, "write", lambda document: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            grade(ada, ada.files(SOLVED.replace("2", "3")))
    ada.zip(tmp_path / "zips")
    without_engine(rewrite)
    [row] = graded()
    assert (row.status, row.score) == ("graded", 5)
    document = store.read("ada", LAB)
    assert store.evidence_of(document).submission_sha256 == document.submission_sha256


def test_there_and_back_and_there_again_are_three_changes(course, ada, grade, rewrite):
    grade(ada)
    without_engine(rewrite)
    run(course)
    rewrite("if e.engine is not None:", "if e.engine is None:")
    run(course)
    without_engine(rewrite)
    run(course)
    assert [(change.before, change.after) for change in told()] == [(0.5, 0), (0, 0.5), (0.5, 0)]


# -- grade -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def graded(course, tmp_path, monkeypatch):
    """Grade the folder of zips without an engine."""
    grade_without_engine(monkeypatch)

    def run_(force=False):
        work = Batch(course, jobs=1, force=force)
        return work.run([tmp_path / "zips"], lambda plan: None, lambda row: None)

    return run_


def test_grade_tells_what_it_judges_again(course, ada, tmp_path, graded, rewrite):
    ada.zip(tmp_path / "zips")
    graded()
    assert told() == []
    without_engine(rewrite)
    planned = preview(course).changes
    graded()
    assert [change.said() for change in told()] == [change.said() for change in planned]
    graded()
    graded(force=True)
    assert len(told()) == 1


def test_the_same_zip_with_other_points_is_told_and_another_zip_is_not(course, ada, tmp_path, graded, rewrite):
    ada.zip(tmp_path / "zips")
    graded()
    without_engine(rewrite)
    graded(force=True)
    [line] = told()
    assert (line.check, line.before, line.after) == ("engine", 0.5, 0)
    assert line.reason.startswith("the same submission was graded again (lab version 1, ")
    ada.zip(tmp_path / "zips", ada.files(SOLVED.replace("2", "3")))
    graded()
    assert store.read("ada", LAB).score == 3 and len(told()) == 1


def test_what_other_rules_judged_is_named_and_not_kept(course, ada, ben, tmp_path, graded, monkeypatch):
    """As from a worker with another kit, that joins a cluster while a class is graded."""
    ada.zip(tmp_path / "zips")
    graded()
    before = store.read("ada", LAB)
    ben.zip(tmp_path / "zips")
    work = walled.work

    def elsewhere(*given):
        outcomes = work(*given)
        for outcome in outcomes:
            outcome.judged_by, outcome.place = "0" * 16, "process 7 on other-host"
        return outcomes

    monkeypatch.setattr(walled, "work", elsewhere)
    rows = {row.student: row for row in graded(force=True)}
    assert {row.status for row in rows.values()} == {"not_graded"}
    assert "process 7 on other-host has the rules 0000000000000000" in rows["ben"].remarks[-1]
    assert store.read("ada", LAB) == before and store.read("ben", LAB).score is None
    monkeypatch.setattr(walled, "work", work)
    assert {row.status for row in graded()} == {"unchanged", "graded"}


# -- probes ----------------------------------------------------------------------------------------------------------


def raised(monkeypatch, name, again=None):
    """The probe has a second version."""
    monkeypatch.setitem(probes.PROBES, name, replace(probes.PROBES[name], version=2, again=again))


def test_a_probe_that_needs_evidence_alone_is_run_again(course, ada, grade, lab, monkeypatch):
    grade(ada)
    before = rules.fingerprint(lab)
    asked = []

    def second(lab_, evidence, seed):
        asked.append((lab_.slug, evidence.student, seed))
        return {f"registry/{ada.parameters['repository']}": {"error": "too \ud800 old", "digests": {}, "tags": {}}}

    raised(monkeypatch, "round-trip", second)
    assert rules.fingerprint(lab) != before, "so grade and exports see it"
    [line, _] = preview(course).lines()
    assert line.startswith(
        "ada 90-tiny round-trip: 1 of 1 → 0 of 1 points: version 2 of the probe round-trip instead of 1 ("
    )
    run(course)
    document = store.read("ada", LAB)
    assert asked[0] == (LAB, "ada", course.grading_seed("ada", LAB)) and told()[0].said() == line
    assert document.probe_versions == store.evidence_of(document).probe_versions == {"round-trip": 2}
    assert preview(course).is_empty and len(asked) == 2, "once it is of the present version it is not run"


def test_a_probe_that_needs_the_zip_is_named_and_run_where_the_zip_is_at_hand(
    course, ada, tmp_path, graded, monkeypatch
):
    ada.zip(tmp_path / "zips")
    graded()
    raised(monkeypatch, "round-trip")
    made = preview(course)
    said = (
        "judged on the result of version 1 of the probe round-trip, which needs the zip or an engine; grade the "
        "submission again with --force for version 2."
    )
    assert made.lines() == [f"ada 90-tiny round-trip: {said}"] and not made.is_empty
    assert made.as_json()["old_probes"][0]["checks"] == ["round-trip"]
    for _ in range(2):
        [row] = run(course)
        assert row.status == "graded" and [remark.lower() for remark in row.remarks].count(said) == 1
    assert said in [note.lower() for note in store.read("ada", LAB).notes], "no silent pass, later either"
    assert command("--dry-run", "--jobs", "1").exit_code == 1
    [row] = graded()
    document = store.read("ada", LAB)
    assert row.status == "graded" and document.probe_versions == {"round-trip": 2}, "the zip is enough, without --force"
    assert said not in [note.lower() for note in document.notes]
    assert preview(course).is_empty and [row.status for row in graded()] == ["unchanged"]


def test_a_probe_that_fails_again_leaves_its_older_result(course, ada, grade, monkeypatch):
    grade(ada)

    def failing(lab, evidence, seed):
        raise ProbeFault("zizmor is not installed")

    raised(monkeypatch, "round-trip", failing)
    [line] = preview(course).lines()
    assert "which could not be run again (zizmor is not installed); grade the submission again" in line
    run(course)
    assert store.read("ada", LAB).probe_versions == {} and store.read("ada", LAB).score == 5.5


def test_a_probe_no_check_rests_on_is_not_spoken_of(course, ada, grade, rewrite, monkeypatch):
    rewrite('    probe = e.probes.get("round-trip", {})\n', "    return\n    probe = {}\n")
    grade(ada)
    raised(monkeypatch, "round-trip")
    assert preview(course).is_empty


@pytest.fixture
def old_class(home):
    """What version 0.1.0 made."""
    frozen.unpack(home)
    return people.load()


@pytest.mark.slow  # check-jsonschema and zizmor
@pytest.mark.parametrize(("lab", "name"), [
    ("10-ci-cd", "pipelines"), ("07-google-azure", "hidden"), ("08-lifecycle", "hidden"),
])  # fmt: skip
def test_the_probes_that_are_run_again_give_from_evidence_what_they_gave_from_the_zip(old_class, lab, name):
    evidence = store.evidence_of(store.read("ada", lab))
    again = probes.PROBES[name].again
    found = again(old_class.labs.find(lab), evidence, old_class.grading_seed("ada", lab))
    assert judge._storable(found) == evidence.probes[name]


def test_every_probe_has_a_version_and_a_lab_may_raise_that_of_its_hidden_values(course, kit, lab):
    raised = {"rescan": 2, "settings": 3, "pipelines": 2}  # since version 0.1.0
    assert {name: probes.version(name, lab) for name in probes.PROBES} == dict.fromkeys(probes.PROBES, 1) | raised
    assert [name for name, kind in probes.PROBES.items() if kind.again is None] == ["round-trip", "rescan", "settings"]
    file = kit / "solutions/90-tiny/hidden.py"
    file.write_text(f"{file.read_text()}\nVERSION = 3\n")
    assert probes.version("hidden", lab) == 3 and probes.versions(lab) == {}


# -- the class of version 0.1.0 --------------------------------------------------------------------------------------


# What needs the zip is not run again: no point changes, and the run says what it rests on.
RESTS_ON_OLDER = (
    "ada 05-private-registry certificate, passwords, settings, runs, challenge: judged on the result of version 1 of "
    "the probe settings, which needs the zip or an engine; grade the submission again with --force for version 3."
)


def test_of_the_old_class_nothing_would_change(old_class):
    made = preview(old_class)
    assert made.lines() == [RESTS_ON_OLDER] and made.judged == 17


@pytest.mark.walls
@pytest.mark.slow  # processes
def test_the_command_says_and_changes_nothing_of_the_old_class(old_class):
    before = everything(paths.classroom())
    done = command("--dry-run")
    assert (done.exit_code, done.stdout) == (1, f"{RESTS_ON_OLDER}\n") and "17 judged" in done.stderr
    assert everything(paths.classroom()) == before


def test_of_the_old_class_exactly_what_a_corrected_check_changes_is_said(old_class, monkeypatch):
    """A check that was too strict."""
    lab = old_class.labs.find("02-names")
    declared = lab.declared_checks()
    lenient = declared | {"full-names": replace(declared["full-names"], function=lambda e: None)}
    monkeypatch.setattr(
        type(lab), "declared_checks", lambda self: lenient if self.slug == lab.slug else checks_of(self.code())
    )
    versions = f"lab version 1, kit 0.1.0 → {__version__}, rules not noted → {rules.fingerprint(lab)}"
    assert preview(old_class).lines() == [
        f"cem 02-names full-names: 0 of 1 → 1 of 1 points: the check's rules changed ({versions}).",
        RESTS_ON_OLDER,
        "02-names: 1 check changed (1 student), +1 points in all",
    ]


# -- worker processes ------------------------------------------------------------------------------------------------


@pytest.mark.walls
@pytest.mark.slow  # processes
def test_a_check_that_takes_its_process_down_costs_only_its_row(course, ada, ben, grade, kit):
    grade(ada)
    grade(ben)
    module = kit / "checks/tiny/checks.py"
    module.write_text(
        module.read_text().replace(
            '    """You have an engine"""\n',
            '    """You have an engine"""\n    if e.student == "ben":\n        import os; os._exit(9)\n    raise '
            'Failure(expected="a", found="b", next_step="c")\n',
        )
    )
    before = store.read("ben", LAB)
    rows = {row.student: row for row in run(course, jobs=2)}
    assert rows["ben"].is_open and "ended by itself while a check judged it (exit status 9)" in rows["ben"].remarks[0]
    assert "regrade 90-tiny --student ben" in rows["ben"].remarks[0] and store.read("ben", LAB) == before
    assert rows["ada"].score == 5 and [change.student for change in told()] == ["ada"]


@pytest.mark.walls
@pytest.mark.slow  # processes
def test_a_process_with_other_checks_is_found_out(course, ada, grade, kit, lab):
    """Its files were changed after it had loaded them."""
    grade(ada)
    module = kit / "checks/tiny/checks.py"
    document = store.read("ada", LAB)
    with walls.Crew() as crew:
        [one] = regrade.judged([document], course, crew=crew)
        assert one.fresh.status == "graded"
        module.write_text(module.read_text().replace("if e.engine is None:", "if e.engine is not None:"))
        [one] = regrade.judged([document], course, crew=crew)
        assert one.fresh is None and "other checks than this kit's" in one.remarks[0]
    [row] = run(course)
    assert row.score == 5 and store.read("ada", LAB).judged_by == rules.fingerprint(lab)


@pytest.mark.slow  # a cluster
def test_a_worker_of_a_cluster_judges_by_the_checks_as_they_are_now(course, ada, kit, tmp_path):
    """It has loaded them before they were changed; the child in which it judges has not."""
    from distributed import Client, LocalCluster

    ada.zip(tmp_path / "zips")
    with LocalCluster(
        n_workers=1, threads_per_worker=1, host="127.0.0.1", dashboard_address=None, processes=True
    ) as cluster:
        address = cluster.scheduler_address
        with Client(address, set_as_default=False) as client:
            client.run(workers.rules_by_lab, course, [LAB])
        module = kit / "checks/tiny/checks.py"
        module.write_text(f"{module.read_text()}\n# a remark\n")
        Batch(course, jobs=1, scheduler=address).run([tmp_path / "zips"], lambda plan: None, lambda row: None)
    [document] = store.every()
    assert document.judged_by == rules.fingerprint(ada.lab)


class Elsewhere:
    """A cluster of one worker, with another kit."""

    def run(self, function, *given, **more):
        return {"tcp://other-host:1": {LAB: "0" * 16}}


def test_a_cluster_whose_worker_has_other_checks_grades_nothing(course):
    with pytest.raises(EnvironmentProblem) as caught:
        Batch(course, jobs=1)._compare_rules(Elsewhere(), [LAB])
    assert "tcp://other-host:1 has other ones of 90-tiny" in caught.value.found
    assert "start their workers anew" in caught.value.next_step


# -- the gradebook, while a verdict is out of date -------------------------------------------------------------------


def cells(student):
    """Cell -> automatic points, points by hand, and whether a person is asked."""
    from nbgrader.api import Gradebook

    from autograder.grading import released

    with Gradebook(released.database()) as book:
        [row] = book.find_submission(LAB, student).notebooks
        return {g.cell.name: (g.auto_score, g.manual_score, bool(g.needs_manual_grade)) for g in row.grades}


@pytest.mark.slow  # the gradebook
def test_points_by_other_rules_are_shown_as_not_graded_until_they_are_judged_again(
    course, ada, ben, grade, rewrite, by_hand
):
    grade(ada)
    gradebook.sync(course)
    by_hand("ada", "engine", 0.25)
    by_hand("ada", "why", 1.0)
    gradebook.sync(course)
    page = paths.classroom() / f"feedback/ada/{LAB}/{LAB}.html"
    before, told_ada = cells("ada"), page.read_bytes()
    assert before["pushed"] == (2, None, False) and before["engine"] == (0.5, 0.25, False)
    without_engine(rewrite)
    grade(ben)  # by the rules of now
    assert gradebook.sync(course) == 2, "as `grade` does for the whole class, whoever is in it"
    assert cells("ada") == {
        "pushed": (None, None, True), "round-trip": (None, None, True), "double": (None, None, True),
        "engine": (None, 0.25, False), "why": (None, 1.0, False),
    }  # fmt: skip
    assert cells("ben")["pushed"] == (2, None, False)
    assert page.read_bytes() == told_ada, "what a student was told stays until there is something to tell"
    assert gradebook.sync(course) == 0
    nbgraders_own_step(course, "ada")
    assert cells("ada")["pushed"] == (None, None, True)
    run(course)
    gradebook.sync(course)
    # The points by hand were given over another verdict, so a person looks at them again.
    assert cells("ada") == before | {"engine": (0, 0.25, True)} and page.read_bytes() != told_ada


def nbgraders_own_step(course, student):
    """What ``nbgrader autograde`` does about scores."""
    from autograder.grading import released
    from autograder.grading.nbgrader_steps import VerdictGrades

    known = {"notebook": LAB, "assignment": LAB, "student": student, "db_url": released.database()}
    shown = nbformat.read(paths.classroom() / f"autograded/{student}/{LAB}/{LAB}.ipynb", as_version=4)
    VerdictGrades().preprocess(shown, {"nbgrader": known})


@pytest.mark.slow  # the gradebook
def test_what_was_out_of_date_from_the_first_has_no_page_until_it_is_judged_again(course, ada, grade, rewrite):
    grade(ada)
    without_engine(rewrite)
    assert (gradebook.sync(course), gradebook.sync(course)) == (1, 0)
    page = paths.classroom() / f"feedback/ada/{LAB}/{LAB}.html"
    assert (paths.classroom() / f"autograded/ada/{LAB}/{LAB}.ipynb").is_file() and not page.exists()
    run(course)
    assert gradebook.sync(course) == 1 and page.is_file() and cells("ada")["engine"] == (0, None, False)


@pytest.mark.slow  # the gradebook
def test_other_rules_that_change_no_point_write_no_page_anew(course, ada, grade, rewrite):
    grade(ada)
    gradebook.sync(course)
    kept = {step: everything(paths.classroom() / step) for step in ("feedback", "autograded")}
    rewrite('"""Checks of the artificial lab."""', '"""Checks of that lab."""')
    run(course)
    assert gradebook.sync(course) == 0
    assert {step: everything(paths.classroom() / step) for step in kept} == kept
