"""A class at once: what is done, what is left out and why, and going on after an interruption. Needs no engine."""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import socket
import tempfile
import zipfile
from datetime import UTC, datetime

import pytest

from autograder import paths
from autograder.errors import CourseError, EnvironmentProblem
from autograder.grading import (
    batch,
    exports,
    intake,
    judge,
    people,
    receipts,
    regrade,
    report,
    rules,
    store,
    walled,
)
from autograder.grading.batch import Batch, Plan
from autograder.grading.identity import Identity
from autograder.grading.lms import Entry, Lists
from autograder.grading.people import Person
from autograder.grading.sandbox import SandboxFault
from autograder.grading.verdict_file import Mark
from autograder.labs import manifest
from autograder.services import engine, installation, orphans

from .doubles import LocalRunner, grade_without_engine
from .submissions import Student, packed


@pytest.fixture(autouse=True)
def no_engine(monkeypatch):
    kit = grade_without_engine(monkeypatch)
    return kit


READY = Batch.ready  # as it is; tests grade without


def listed(**files):
    """The platform's list: file -> time of receipt."""
    return Lists([Entry(datetime.fromisoformat(at), by_platform=True, file=name) for name, at in files.items()])


@pytest.fixture
def box(tmp_path):
    folder = tmp_path / "submissions"
    folder.mkdir()
    return folder


def grade(course, box, force=False, **receiving):
    rows = Batch(course, jobs=1, force=force, **receiving).run([box], lambda plan: None, lambda row: None)
    return {(row.student or row.source, row.status): row for row in rows}


def test_a_class_is_graded_and_kept(course, ada, ben, box):
    ada.zip(box)
    ben.zip(box, ben.files("def double(n):\n    return n\n"))
    rows = grade(course, box)
    assert rows["ada", "graded"].score == 5.5 and rows["ada", "graded"].max_score == 7
    assert rows["ben", "graded"].score == 3.5 and rows["ben", "graded"].failed == ("double",)
    assert rows["ada", "graded"].claimed == 0.5 and rows["ada", "graded"].manual == ("why",)
    document = store.read("ada", "90-tiny")
    assert document.status == "graded" and document.checks["why"] == Mark(score=None, message="Graded by hand.")
    assert document.identity == Identity(ok=True, message="", owner=None)
    assert store.evidence_of(document).student == "ada"
    assert (paths.classroom() / document.evidence).is_file()
    receipt = receipts.load().of(document.submission_sha256)
    assert (receipt.student, receipt.lab, receipt.known, receipt.refused) == ("ada", "90-tiny", "first seen", "")
    file = store.notebook_file("ada", "90-tiny").with_name("timestamp.txt")
    assert datetime.fromisoformat(file.read_text().strip()) == receipt.received_at


def test_what_is_graded_and_unchanged_is_left_alone(course, ada, box, monkeypatch):
    ada.zip(box)
    grade(course, box)
    monkeypatch.setattr(walled, "work", lambda *a: pytest.fail("judged again"))
    assert grade(course, box)["ada", "unchanged"].score == 5.5
    monkeypatch.undo()


@pytest.mark.parametrize("what", ["force", "schema", "zip", "evidence", "notebook", "verdict", "damaged"])
def test_whatever_a_verdict_rests_on_makes_it_anew(course, ada, box, monkeypatch, what, kit):
    ada.zip(box)
    grade(course, box)
    if what == "schema":
        monkeypatch.setattr(store, "SCHEMA_VERSION", 9)
    if what == "zip":
        ada.zip(box, ada.files("def double(n):\n    return n + n\n"))
    gone = {"evidence": store.evidence_file, "notebook": store.notebook_file, "verdict": store.verdict_file}
    if what in gone:
        gone[what]("ada", "90-tiny").unlink()
    if what == "damaged":
        store.verdict_file("ada", "90-tiny").write_text("{")
    assert grade(course, box, force=what == "force")["ada", "graded"].score == 5.5
    manifest._load.cache_clear()


@pytest.fixture
def nothing_is_run(monkeypatch):
    """From here on no submission may be judged from its zip."""
    return lambda: monkeypatch.setattr(walled, "work", lambda *a: pytest.fail("judged from the zip"))


def test_another_version_of_the_kit_alone_grades_nothing_anew(course, ada, box, monkeypatch, nothing_is_run):
    ada.zip(box)
    grade(course, box)
    before = store.verdict_file("ada", "90-tiny").read_bytes()
    monkeypatch.setattr(store, "__version__", "9.9.9")
    nothing_is_run()
    assert grade(course, box)["ada", "unchanged"].score == 5.5
    assert store.verdict_file("ada", "90-tiny").read_bytes() == before


def test_other_checks_judge_the_stored_evidence_again(course, ada, lab, box, kit, nothing_is_run):
    ada.zip(box)
    grade(course, box)
    nothing_is_run()
    module = kit / "checks/tiny/checks.py"
    module.write_text(module.read_text().replace("if e.engine is None:", "if e.engine is not None:"))
    importlib.reload(lab.code())  # as in a process that was started after the change
    row = grade(course, box)["ada", "graded"]
    assert row.score == 5 and row.failed == ("engine",)
    assert row.remarks[0] == "Judged again, since its checks changed: 5.5 → 5 points. engine: passed → failed"
    assert grade(course, box)["ada", "unchanged"].score == 5


def test_checks_that_only_read_otherwise_leave_the_verdict_as_it_was(course, ada, lab, box, kit, nothing_is_run):
    ada.zip(box)
    grade(course, box)
    before = store.read("ada", "90-tiny")
    nothing_is_run()
    module = kit / "checks/tiny/checks.py"
    module.write_text(f"{module.read_text()}\n# a remark\n")
    assert not store.is_current(before, before.submission_sha256, lab, course)
    assert grade(course, box)["ada", "unchanged"].score == 5.5
    after = store.read("ada", "90-tiny")
    assert after.judged_by != before.judged_by and after == before.model_copy(update={"judged_by": after.judged_by})
    assert store.is_current(after, after.submission_sha256, lab, course)


def test_what_stored_evidence_cannot_tell_is_run(course, ada, box, kit):
    """A case that the code task was never run with."""
    ada.zip(box)
    grade(course, box)
    file = kit / "labs/90-tiny/cases.json"
    cases = json.loads(file.read_text())
    cases["double"].append({"kind": "a negative number", "args": [-1], "expected": -2})
    file.write_text(json.dumps(cases))
    row = grade(course, box)["ada", "graded"]
    assert row.score == 5.5 and not row.remarks
    assert len(store.evidence_of(store.read("ada", "90-tiny")).tasks["double"].results) > len(cases["double"])


def test_a_verdict_keeps_the_rules_that_judged_it_though_they_changed_before_it_was_kept(
    course, ada, box, kit, monkeypatch
):
    """As on a cluster, or where an instructor corrects a check while a class is graded."""
    ada.zip(box)
    lab, work = ada.lab, walled.work
    judged_by = rules.fingerprint(lab)

    def judged_before_the_change(*given):
        done = work(*given)
        module = kit / "checks/tiny/checks.py"
        module.write_text(f"{module.read_text()}\n# a remark\n")
        return done

    monkeypatch.setattr(walled, "work", judged_before_the_change)
    grade(course, box)
    assert store.read("ada", "90-tiny").judged_by == judged_by != rules.fingerprint(lab)


def failing_for(kit, student):
    """Hidden cases that cannot be made for one student."""
    file = kit / "solutions/90-tiny/hidden.py"
    text = file.read_text()
    assert text.count("return {") == 1
    line = f"    if parameters['team'] == {student.parameters['team']!r}:\n        raise KeyError('no such team')\n"
    file.write_text(text.replace("    return {", line + "    return {"))


def test_an_error_of_the_lab_in_judging_again_costs_nobody_else_anything(course, ada, ben, box, kit):
    ada.zip(box)
    ben.zip(box)
    grade(course, box)
    before = store.verdict_file("ada", "90-tiny").read_bytes()
    failing_for(kit, ada)
    rows = grade(course, box)
    assert rows["ada", "not_graded"].remarks[0] == "The grader failed: KeyError: 'no such team'"
    assert rows["ben", "unchanged"].score == 5.5 and len(rows) == 2
    [first, second] = regrade.run(regrade.candidates([], [], course), course, lambda row: None)
    assert first.is_open and first.remarks[0] == "The grader failed: KeyError: 'no such team'"
    assert "hidden.py" in first.remarks[1] and "Traceback" in first.remarks[1]
    assert (second.student, second.status, second.remarks[0]) == ("ben", "graded", "No change.")
    assert store.verdict_file("ada", "90-tiny").read_bytes() == before


def test_each_zip_is_hashed_once_and_its_header_read_once(course, ada, ben, box, monkeypatch):
    hashed, headers = [], []
    sha256_of, header_bytes = judge.sha256_of, intake.header_bytes

    def counted(file):
        hashed.append(file)
        return sha256_of(file)

    for module in (judge, batch):
        monkeypatch.setattr(module, "sha256_of", counted)
    monkeypatch.setattr(intake, "header_bytes", lambda archive: headers.append(1) or header_bytes(archive))
    ada.zip(box)
    ben.zip(box)
    grade(course, box)
    assert len(hashed) == len(headers) == 2


def test_a_verdict_of_a_newer_kit_is_left_alone_and_said(course, ada, box):
    ada.zip(box)
    grade(course, box)
    file = store.verdict_file("ada", "90-tiny")
    newer = json.dumps(json.loads(file.read_text()) | {"schema": 2})
    file.write_text(newer)
    for force in (False, True):
        with pytest.raises(CourseError) as caught:
            grade(course, box, force=force)
        assert "class/verdicts/ada/90-tiny.json: it has the schema 2" in caught.value.found
        assert "update this one" in caught.value.next_step and file.read_text() == newer


def test_of_several_submissions_the_last_received_counts_and_the_others_are_named(course, ada, box):
    """The student's clock says otherwise, and decides nothing."""
    ada.written_at = "2030-01-01T00:00:00+00:00"
    ada.zip(box, ada.files("def double(n):\n    ...\n"), "b-first.zip")
    ada.written_at = "2025-03-02T09:00:00+02:00"
    ada.zip(box, name="a-second.zip")
    (box / "copy.zip").write_bytes((box / "a-second.zip").read_bytes())
    lists = listed(**{"b-first.zip": "2025-03-01T10:00Z", "a-second.zip": "2025-03-02T10:00Z"})
    rows = grade(course, box, lists=lists)
    assert rows["ada", "graded"].score == 5.5 and rows["ada", "graded"].source in ("a-second.zip", "copy.zip")
    assert "received later" in rows["ada", "older"].remarks[0] and rows["ada", "older"].source == "b-first.zip"
    assert rows["ada", "duplicate"].remarks == ("The same zip a second time.",)
    assert report.remarks(rows["ada", "duplicate"])[0] in ("a-second.zip:", "copy.zip:")  # the table names the file


def test_a_tie_goes_by_the_attempt_then_by_the_name_and_the_rows_say_so(course, ada, ben, box):
    for student in (ada, ben):
        student.zip(box, student.files("def double(n):\n    ...\n"), f"z-{student.id}.zip")
    ada.zip(box, name="a-ada (2).zip")  # as a browser names a second download
    ben.zip(box, name="y-ben.zip")
    rows = grade(course, box)
    assert rows["ada", "graded"].score == 5.5 and "a later attempt: 3, not 0" in rows["ada", "graded"].remarks[0]
    assert rows["ben", "graded"].score == 3.5 and "its name sorts last" in rows["ben", "graded"].remarks[0]
    assert "its name sorts last" in rows["ben", "older"].remarks[0]


def test_a_clock_that_is_off_is_named_and_blocks_nothing(course, ada, box):
    ada.written_at = "2030-01-01T00:00:00+00:00"
    ada.zip(box, ada.files("def double(n):\n    ...\n"))
    assert "clock is off" in grade(course, box)["ada", "graded"].remarks[0]
    ada.written_at = "2025-03-02T09:00:00+02:00"
    ada.zip(box)
    row = grade(course, box, at=datetime(2029, 1, 1, tzinfo=UTC))["ada", "graded"]
    assert row.score == 5.5 and not any("clock is off" in remark for remark in row.remarks)


def test_what_was_received_before_never_replaces_a_newer_verdict_unless_forced(course, ada, box):
    ada.zip(box)
    grade(course, box, at=datetime(2025, 3, 5, 10, tzinfo=UTC))
    ada.zip(box, ada.files("def double(n):\n    ...\n"))
    row = grade(course, box, at=datetime(2025, 3, 1, 10, tzinfo=UTC))["ada", "older"]
    assert "graded already, counts: received later" in row.remarks[0]
    assert store.read("ada", "90-tiny").score == 5.5
    assert grade(course, box, force=True)["ada", "graded"].score == 3.5


def test_a_verdict_from_before_the_ledger_was_received_when_it_was_graded(course, ada, box):
    """As version 0.1.0 left a class."""
    ada.zip(box)
    grade(course, box)
    (paths.classroom() / receipts.FILE).unlink()
    ada.zip(box, ada.files("def double(n):\n    ...\n"))
    assert "graded already" in grade(course, box, at=datetime(2025, 3, 1, tzinfo=UTC))["ada", "older"].remarks[0]
    assert grade(course, box, at=datetime(2099, 3, 1, tzinfo=UTC))["ada", "graded"].score == 3.5


def test_an_upgrade_from_before_the_ledger_changes_nothing_about_what_counts(course, ada, box):
    """Version 0.1.0 took the one with the newest time of writing; the folder is graded again by this version."""
    ada.written_at = "2025-03-05T10:00:00+00:00"
    ada.zip(box, name="a-newer.zip")
    grade(course, box)
    (paths.classroom() / receipts.FILE).unlink()
    ada.written_at = "2025-03-01T10:00:00+00:00"
    ada.zip(box, ada.files("def double(n):\n    ...\n"), "z-older.zip")
    rows = grade(course, box)
    assert rows["ada", "unchanged"].source == "a-newer.zip"
    assert "as version 0.1.0 decided" in rows["ada", "older"].remarks[0]
    rows = grade(course, box)  # and once more, now that the ledger knows both
    assert rows["ada", "unchanged"].source == "a-newer.zip"
    assert "it is graded already" in rows["ada", "older"].remarks[0]


def test_what_could_not_be_judged_whole_is_not_replaced_by_what_came_before(course, ada, box, no_engine):
    ada.zip(box)
    no_engine.sandbox = Broken()
    at = datetime(2025, 3, 5, tzinfo=UTC)
    assert ("ada", "not_graded") in grade(course, box, at=at)
    no_engine.sandbox = LocalRunner()
    ada.zip(box, ada.files("def double(n):\n    ...\n"))
    rows = grade(course, box, at=datetime(2025, 3, 1, tzinfo=UTC))
    assert ("ada", "older") in rows and store.read("ada", "90-tiny").status == "not_graded"


class Broken:
    """A sandbox whose engine fails."""

    def run(self, jobs):
        raise SandboxFault("the engine is away")


def test_of_a_list_nothing_is_passed_over_in_silence(course, ada, ben, box):
    ada.zip(box)
    ben.zip(box)
    early, later = datetime(2025, 3, 1, tzinfo=UTC), datetime(2025, 3, 2, tzinfo=UTC)
    said = []
    lists = Lists(
        [
            Entry(early, by_platform=False, student="ada", lab="90-tiny"),
            Entry(later, by_platform=False, student="ada", lab="90-tiny"),
            Entry(early, by_platform=False, student="benn", lab="90-tiny"),
            Entry(early, by_platform=True, user="12", attachment="7"),
            Entry(early, by_platform=True, user="13", attachment="7"),
        ]
    )
    ben.zip(box, name="okriben_12_7_90-tiny-ben.zip")
    (box / "90-tiny-ben.zip").unlink()
    rows = grade(course, box, lists=lists, say=said.append)
    assert "several times" in rows["ada", "graded"].remarks[0] and "none is used" in rows["ada", "graded"].remarks[0]
    (told,) = said
    assert "did nothing (1): benn 90-tiny at 2025-03-01T00:00+00:00 (benn is not on the roster)." in told
    document = store.read("ben", "90-tiny")
    found = receipts.load().of(document.submission_sha256)
    assert (found.known, found.received_at) == ("lms list", early), "a group's work is listed once a member"


HALF = "def double(n):\n    return n\n"


def test_nobody_hands_in_in_anothers_name(course, ada, ben, box):
    """By the platform it came from ada; it names ben, who has handed in good work."""
    lists = Lists([Entry(datetime(2025, 3, 1, tzinfo=UTC), by_platform=True, user="12", attachment="7")])
    ben.zip(box, name="ben_12_7_90-tiny-ben.zip")
    ben.zip(box, ben.files(HALF), "ada_LATE_13_8_90-tiny-ben.zip")
    old = (box / "ben_12_7_90-tiny-ben.zip").read_bytes()
    (box / "ada_13_9_replay.zip").write_bytes(old)
    rows = grade(course, box, lists=lists)
    assert rows["ben", "graded"].score == 5.5 and rows["ben", "graded"].source == "ben_12_7_90-tiny-ben.zip"
    assert "ada handed it in" in rows["ada", "refused"].remarks[0]
    document = store.read("ben", "90-tiny")
    found = receipts.load().in_hand(document.submission_sha256, "ben")
    assert (found.known, found.late) == ("lms list", None), "what ada did changes nothing about it"
    states = {entry.student: entry.status for entry in exports.entries(course) if entry.lab == "90-tiny"}
    assert states["ada"] == "refused" and states["ben"] != "refused"


def test_what_a_student_names_inside_says_nothing_about_receipt(course, ada, ben, box):
    early, late = datetime(2025, 3, 1, tzinfo=UTC), datetime(2025, 3, 9, tzinfo=UTC)
    lists = Lists(
        [
            Entry(early, by_platform=True, user="12", attachment="7"),
            Entry(late, by_platform=True, user="13", attachment="8", late=True),
            Entry(early, by_platform=False, file="90-tiny-ben.zip"),
        ]
    )
    content = ada.zip(box, name="inner.zip").read_bytes()
    (box / "inner.zip").unlink()
    (box / "ada_LATE_13_8_outer.zip").write_bytes(
        packed({"ben_12_7_x.zip": content, "90-tiny-ben.zip": ada.zip(box / "tmp", ada.files(HALF)).read_bytes()})
    )
    (box / "tmp" / "90-tiny-ada.zip").unlink()
    grade(course, box, lists=lists)
    document = store.read("ada", "90-tiny")
    found = receipts.load().of(document.submission_sha256)
    assert (found.received_at, found.submitter, found.late) == (late, "ada", True)


def test_what_lies_there_no_more_can_still_be_settled(course, ada, box):
    ada.zip(box)
    (box / "scan.pdf").write_bytes(b"%PDF")
    (box / "a.rar").write_bytes(b"Rar!")
    grade(course, box)
    (box / "scan.pdf").unlink()
    (box / "a.rar").unlink()
    said = []
    lists = Lists([Entry(None, False, "scan.pdf", "ben", "90-tiny"), Entry(None, False, "a.rar", "-")])
    grade(course, box, lists=lists, say=said.append)
    found = {(e.student, e.lab): e.status for e in exports.entries(course)}
    assert found["ben", "90-tiny"] == "refused" and ("", "?") not in found and said == []


def test_a_time_of_receipt_after_the_first_sight_is_named(course, ada, box):
    ada.zip(box)
    grade(course, box)
    row = grade(course, box, lists=listed(**{"90-tiny-ada.zip": "2199-01-01T00:00Z"}))["ada", "unchanged"]
    assert "It cannot be 2199" in row.remarks[0] and "zone" in row.remarks[0]


def test_refused_work_is_its_owners_by_what_is_in_it_or_by_its_name(course, ada, ben, box):
    (box / "somewhere").mkdir()
    with zipfile.ZipFile(ada.zip(box)) as archive:
        archive.extractall(box / "somewhere")
    (box / "90-tiny-ada.zip").unlink()
    (box / "90-tiny-ben (1).zip").write_bytes(b"PK\x03\x04 half")
    rows = grade(course, box)
    assert ("ada", "refused") in rows and ("ben", "refused") in rows
    found = {entry.student: entry.status for entry in exports.entries(course) if entry.lab == "90-tiny"}
    assert found == {"ada": "refused", "ben": "refused", "cleo": "missing"}


def test_a_list_that_comes_later_changes_what_counts(course, ada, box):
    ada.zip(box, ada.files("def double(n):\n    ...\n"), "z.zip")
    ada.zip(box, name="a.zip")
    assert grade(course, box)["ada", "graded"].source == "z.zip"  # by its name
    lists = listed(**{"z.zip": "2025-03-01T10:00Z", "a.zip": "2025-03-02T10:00Z"})
    assert grade(course, box, lists=lists)["ada", "graded"].source == "a.zip"
    assert grade(course, box)["ada", "unchanged"].source == "a.zip"  # the ledger remembers


def test_nothing_that_was_handed_in_is_passed_over(course, ada, box):
    ada.zip(box)
    (box / "Cleo_12_assignsubmission_file_").mkdir()
    (box / "Cleo_12_assignsubmission_file_" / "90-tiny.ipynb").write_bytes(b"{}")
    (box / "Ben_13_assignsubmission_file_").mkdir()
    (box / "Ben_13_assignsubmission_file_" / "90-tiny-answers.pdf").write_bytes(b"%PDF")
    (box / "unpacked").mkdir()
    (box / "unpacked" / "submission.json").write_bytes(b"{}")
    (box / "unpacked" / "notebook.ipynb").write_bytes(b"{}")
    (box / "deep.zip").write_bytes(packed({"inner.zip": packed({"innermost.zip": packed({"submission.json": b"{}"})})}))
    rows = grade(course, box)
    assert rows["ada", "graded"].score == 5.5
    assert "a notebook alone" in rows["cleo", "refused"].remarks[0]
    assert "of another kind (.pdf)" in rows["ben", "refused"].remarks[0]
    assert "an unpacked submission" in rows["unpacked", "refused"].remarks[0]
    assert "a zip in a zip in a zip" in rows["deep.zip: inner.zip", "refused"].remarks[0]
    assert len(rows) == 5
    made = exports.entries(course)
    assert [(e.student, e.lab, e.status) for e in made[:2]] == [("", "?", "refused")] * 2  # at the head
    found = {e.student: e for e in made if e.lab == "90-tiny"}
    assert (found["cleo"].status, found["ben"].status) == ("refused", "refused")
    assert "a notebook alone" in found["cleo"].remark


def test_a_list_of_ones_own_says_whose_a_refused_file_is(course, ada, box):
    ada.zip(box)
    (box / "scan.pdf").write_bytes(b"%PDF")
    (box / "notes.txt").write_bytes(b"mine")
    grade(course, box)
    at = datetime(2025, 3, 1, tzinfo=UTC)
    lists = Lists(
        [
            Entry(at, by_platform=False, file="scan.pdf", student="ben", lab="90-tiny"),
            Entry(at, by_platform=False, file="notes.txt", student="-"),
        ]
    )
    rows = grade(course, box, lists=lists)
    assert ("ben", "refused") in rows and "notes.txt" not in {source for source, _ in rows}
    found = {(e.student, e.lab): e.status for e in exports.entries(course)}
    assert found["ben", "90-tiny"] == "refused" and ("", "?") not in found


def test_a_later_submission_that_was_refused_is_said_beside_the_one_that_counts(course, ada, box):
    ada.zip(box, name="90-tiny-ada.zip")
    grade(course, box, at=datetime(2025, 3, 1, tzinfo=UTC))
    (box / "Ada_12_assignsubmission_file_90-tiny.pdf").write_bytes(b"%PDF")
    rows = grade(course, box)
    assert ("ada", "unchanged") in rows and ("ada", "refused") in rows
    [entry] = [e for e in exports.entries(course) if (e.student, e.lab) == ("ada", "90-tiny")]
    assert "A later submission was refused" in entry.remark


def test_a_refused_newest_gives_way_to_the_one_before(course, ada, box):
    ada.zip(box, name="good.zip")
    ada.written_at = "2025-03-09T10:00:00+00:00"
    content = bytearray(ada.zip(box, name="later-damaged.zip").read_bytes())
    content[content.index(b"blobs/sha256/") + 80] ^= 0xFF
    (box / "later-damaged.zip").write_bytes(bytes(content))
    rows = grade(course, box)
    assert "damaged" in rows["ada", "refused"].remarks[0] and rows["ada", "graded"].source == "good.zip"
    assert store.read("ada", "90-tiny").status == "graded"


def test_bad_zips_are_named_and_cost_nobody_else_anything(course, ada, ben, box):
    ada.zip(box)
    (box / "broken.zip").write_bytes(b"PK\x03\x04 half")
    (box / "holiday.zip").write_bytes(packed({"a.jpg": b"x"}))
    (box / "slip.zip").write_bytes(packed({"../../x": b"x"}))
    ben.header = {"student": "dora"}
    ben.zip(box, name="dora.zip")
    rows = grade(course, box)
    assert rows["ada", "graded"].score == 5.5
    assert "not a zip" in rows["broken.zip", "refused"].remarks[0]
    assert "no submission.json" in rows["holiday.zip", "refused"].remarks[0]
    assert "leaves its folder" in rows["slip.zip", "refused"].remarks[0]
    assert "not on the roster" in rows["dora", "refused"].remarks[0]
    assert not (paths.classroom() / "verdicts" / "dora").exists()
    assert not list(box.parent.rglob("x"))


def test_the_work_of_another_is_reported_with_its_owner(course, ada, ben, box):
    ben.header = {"student": "ada"}
    file = ben.zip(box, name="90-tiny-ada.zip")
    assert "Its signature does not fit" in grade(course, box)["ada", "refused"].remarks[0]
    row = grade(course, box, unsigned=[file])["ada", "graded"]  # the instructor knows better, and sees whose it is
    assert row.score == 2.5 and "This is the work of ben, not of ada" in row.remarks[1]
    assert row.remarks[0].startswith("Not signed; the instructor let it in on ")
    assert store.read("ada", "90-tiny").identity.owner == "ben"


def test_what_could_not_be_graded_is_tried_again_by_the_next_run(course, ada, box, no_engine):
    class Gone:
        def run(self, jobs):
            raise SandboxFault("the engine is gone")

    ada.zip(box)
    no_engine.sandbox = Gone()
    row = grade(course, box)["ada", "not_graded"]
    assert row.is_open and any("the engine is gone" in remark for remark in row.remarks)
    assert store.read("ada", "90-tiny").checks["double"].score is None
    no_engine.sandbox = LocalRunner()
    assert grade(course, box)["ada", "graded"].score == 5.5


def test_an_error_of_the_grader_never_replaces_a_verdict(course, ada, box, no_engine):
    class Broken:
        def run(self, jobs):
            raise KeyError("surprise")

    ada.zip(box)
    grade(course, box)
    before = store.read("ada", "90-tiny")
    no_engine.sandbox = Broken()
    assert "surprise" in " ".join(grade(course, box, force=True)["ada", "not_graded"].remarks)
    assert store.read("ada", "90-tiny") == before


def test_a_run_that_was_interrupted_goes_on_where_it_stopped(course, lab, box, monkeypatch):
    for id in ("ada", "ben", "cleo"):
        Student(id, course, lab).zip(box)
    real, judged = walled.work, []

    def work(unit, *given):
        if len(judged) == 2:
            raise KeyboardInterrupt
        judged.append(unit.student)
        return real(unit, *given)

    monkeypatch.setattr(walled, "work", work)
    with pytest.raises(KeyboardInterrupt):
        grade(course, box)
    assert judged == ["ada", "ben"] and store.read("ben", "90-tiny").score == 5.5
    monkeypatch.setattr(walled, "work", real)
    rows = grade(course, box)
    assert set(rows) == {("ada", "unchanged"), ("ben", "unchanged"), ("cleo", "graded")}


def test_one_grading_at_a_time(course, ada, box):
    ada.zip(box)
    with installation.locked("grade"), pytest.raises(EnvironmentProblem, match="one command at a time"):
        grade(course, box)


def test_without_a_roster_anybody_may_hand_in_with_the_public_key(home, lab, box):
    public = people.load()
    me = Student("learner", public, lab)
    me.zip(box)
    assert grade(public, box)["learner", "graded"].score == 5.5


def test_another_key_makes_other_verdicts(course, ada, box):
    ada.zip(box)
    grade(course, box)
    (paths.classroom() / "course.toml").unlink()
    people.register([Person("ada")], "test-course")
    fresh = people.load()
    assert not store.is_current(store.read("ada", "90-tiny"), "", ada.lab, fresh)
    assert "Its signature does not fit" in grade(fresh, box)["ada", "refused"].remarks[0]
    row = grade(fresh, box, unsigned=[box])["ada", "graded"]
    assert row.score == 0.5 + 2  # names of the old key are nobody's now


def test_zips_in_a_zip_are_graded(course, ada, ben, box):
    inner = {f"{s.id}/x.zip": s.zip(box.parent / "one").read_bytes() for s in (ada, ben)}
    (box / "all.zip").write_bytes(packed(inner))
    assert {key for key in grade(course, box)} == {("ada", "graded"), ("ben", "graded")}


def test_the_verdict_file_is_never_half_written(course, ada, box, monkeypatch):
    ada.zip(box)
    grade(course, box)
    before = store.verdict_file("ada", "90-tiny").read_bytes()

    def full(*a, **k):
        raise OSError("disk full")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="disk full"):
        grade(course, box, force=True)
    assert store.verdict_file("ada", "90-tiny").read_bytes() == before
    assert not [file for file in store.verdict_file("ada", "90-tiny").parent.iterdir() if file.name.startswith(".")]


def test_rows_become_a_table_and_json(course, ada, box, capsys):
    from rich.console import Console

    ada.zip(box)
    (box / "broken.zip").write_bytes(b"")
    rows = list(grade(course, box).values())
    report.show(Console(width=100), rows)
    said = capsys.readouterr().out
    assert "5.5*+ / 7" in said and "claimed evidence" in said and "a written task comes on top" in said
    assert "broken.zip" in said and "1 graded, 1 refused." in said
    listed = report.as_json(rows)
    assert json.loads(json.dumps(listed))[0]["score"] == 5.5 and listed[1]["status"] == "refused"


@pytest.mark.parametrize("width", [80, 100, 200])
def test_on_a_narrow_terminal_no_name_and_no_command_is_cut_to_pieces(width):
    from rich.console import Console

    name = "Lovelace Ada_12_assignsubmission_file_/my work.zip: a/90-tiny.zip"
    why = (
        "Expected: submission.sig with the signature of ada; found: none. Run `python3 course.py submit 90-tiny` again."
    )
    rows = [
        report.Row("a.zip", "ada", "05-private-registry", "graded", 5.5, 10, failed=("settings", "challenge")),
        report.Row(name, "", "", "refused", remarks=(why,)),
    ]
    console = Console(width=width, record=True, file=io.StringIO())
    report.show(console, rows)
    shown = console.export_text()
    lines = shown.splitlines()
    assert max(len(line.rstrip()) for line in lines) <= width
    said = " ".join(shown.split())
    assert "05-private-registry" in said and "5.5 / 10" in said and "refused" in said
    if width < report.WIDE:
        assert f"{name}:" in said and why in said and "not passed: settings, challenge" in said
        assert any(line.split()[:4] == ["ada", "05-private-registry", "5.5", "/"] for line in lines)


def test_of_work_that_is_refused_again_and_again_only_the_newest_is_read(course, ada, ben, box, monkeypatch):
    """One student's many zips must not hold up the class; and an honest one among them is not refused by the others."""
    monkeypatch.setattr(walled, "MAX_REFUSED", 3)
    for number in range(6):
        ada.zip(box / str(number), ada.files() | {f"files/n{number}": b"x"})
    ben.zip(box)
    refused = []

    def refuse(progress, candidate, course_):
        if "ben" in candidate.name:
            return real(progress, candidate, course_)
        refused.append(candidate.name)
        return judge.Outcome(candidate.name, candidate.sha256, "refused", candidate.header, ["It is too much."])

    real = walled.judge_one
    monkeypatch.setattr(walled, "judge_one", refuse)
    rows = grade(course, box)
    assert len(refused) == 3 and rows["ben", "graded"].score == 5.5
    assert any("3 older ones of this student were not read" in remark for remark in rows["ada", "refused"].remarks)


@pytest.mark.parametrize("answers", [True, False])
def test_a_run_that_needs_no_engine_cleans_up_after_killed_ones_where_one_answers(course, monkeypatch, answers):
    swept, client = [], contextlib.closing(None)
    client.close = lambda: swept.append("closed")
    monkeypatch.setattr(engine, "probe", lambda timeout: (None, client if answers else None))
    monkeypatch.setattr(orphans, "sweep", lambda client, owners: swept.append(owners))
    with READY(Batch(course, jobs=1), Plan([], [], {})):
        assert swept == ([set(), "closed"] if answers else [])


def test_a_run_removes_the_unpacked_zips_of_killed_ones(course, ada, box, monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    left = tmp_path / "tmp" / "submissions-killed"
    left.mkdir(parents=True)
    record = paths.state() / "scratch" / left.name
    record.parent.mkdir(parents=True)
    record.write_text(f"{left}\n{socket.gethostname()}|1|1.00\n\n", encoding="utf-8")  # 1 is another process now
    ada.zip(box)
    assert grade(course, box)["ada", "graded"].score == 5.5
    assert list((tmp_path / "tmp").glob("submissions-*")) == []


AT = datetime(2025, 3, 1, tzinfo=UTC)


def one_line(*lines):
    """Lines of the instructor's own list: file, student, and perhaps lab and time."""
    return Lists(Entry(at, False, file, who, lab) for file, who, lab, at in ((*line, "", None)[:4] for line in lines))


@pytest.mark.parametrize("at", [AT, None])
@pytest.mark.parametrize("file", ["90-tiny-ada.zip", "week.zip", "week.zip: 90-tiny-ada.zip"])
def test_a_list_that_names_another_than_the_zip_is_asked_about(course, ada, box, file, at):
    """It gave its time to the zip's student, without a word."""
    zipped = ada.zip(box)
    if file != zipped.name:
        (box / "week.zip").write_bytes(packed({zipped.name: zipped.read_bytes()}))
        zipped.unlink()
    said = []
    rows = grade(course, box, lists=one_line((file, "ben", "", at)), say=said.append)
    assert list(rows) == [("ben", "refused")] and said == []
    (told,) = rows["ben", "refused"].remarks
    assert "ben handed it in, as your list says, and it is the submission of ada" in told
    assert "name ada in the line" in told
    assert store.read("ada", "90-tiny") is None
    # A line that agrees with the zip has nothing to do, and is no slip.
    assert grade(course, box, lists=one_line((file, "ada", "", at)), say=said.append)["ada", "graded"].score == 5.5
    assert said == []


def test_a_line_of_a_list_that_names_another_changes_nothing_about_earlier_work(course, ada, ben, box):
    ben.zip(box, name="mine.zip")
    assert grade(course, box)["ben", "graded"].score == 5.5
    (box / "theirs.zip").write_bytes(ben.zip(box / "tmp", ben.files(HALF)).read_bytes())
    (box / "tmp" / "90-tiny-ben.zip").unlink()
    rows = grade(course, box, lists=one_line(("theirs.zip", "ada", "", datetime(2199, 1, 1, tzinfo=UTC))))
    assert rows["ben", "unchanged"].score == 5.5 and ("ada", "refused") in rows


def test_a_submission_that_a_list_calls_none_counts_and_says_so(course, ada, box):
    ada.zip(box)
    said = []
    row = grade(course, box, lists=one_line(("90-tiny-ada.zip", "-")), say=said.append)["ada", "graded"]
    assert row.score == 5.5 and said == []
    assert any("no submission; it is one, of ada, and counts" in remark for remark in row.remarks)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (("90-tiny-ada.zip", "adda", "", AT), "(adda is not on the roster)"),
        (("90-tiny-ada.zip", "\N{EN DASH}"), "(\N{EN DASH} is not on the roster)"),
        (("90-tiny-adda.zip", "ada"), "90-tiny-adda.zip"),
        (("90-tiny-adda.zip", "-"), "90-tiny-adda.zip"),
        (("90-tiny-ada.zip", "ada", "01-first-push", AT), "another lab"),
        (("scan.pdf", "benn", "90-tiny"), "(benn is not on the roster)"),
    ],
)
def test_a_line_that_does_nothing_is_named(course, ada, box, line, why):
    ada.zip(box)
    (box / "scan.pdf").write_bytes(b"%PDF")
    said = []
    rows = grade(course, box, lists=one_line(line), say=said.append)
    assert rows["ada", "graded"].score == 5.5 and ("scan.pdf", "refused") in rows
    assert receipts.load().of(store.read("ada", "90-tiny").submission_sha256).known == "first seen"
    (told,) = said
    assert "did nothing (1)" in told and why in told


def test_a_list_that_names_several_for_one_file(course, ada, box):
    ada.zip(box)
    (box / "scan.pdf").write_bytes(b"%PDF")
    lines = (("scan.pdf", "ben", "90-tiny"), ("scan.pdf", "cleo", "90-tiny"))
    said = []
    lists = one_line(*lines, ("90-tiny-ada.zip", "ada", "", AT), ("90-tiny-ada.zip", "ben"))
    rows = grade(course, box, lists=lists, say=said.append)
    assert "several students for it: ben, cleo" in rows["scan.pdf", "refused"].remarks[1]
    assert receipts.load().of(store.read("ada", "90-tiny").submission_sha256).received_at == AT
    assert "did nothing (1): 90-tiny-ada.zip" in said[0]


@pytest.mark.parametrize("name", ["90-tiny-ben.zip", "90-tiny-ben (1).zip", "01-first-push-ada.zip"])
def test_a_file_that_is_named_for_another_says_so(course, ada, ben, box, name):
    ada.zip(box, name=name)
    row = grade(course, box)["ada", "graded"]
    assert row.score == 5.5
    assert sum("and it is the submission of ada for 90-tiny" in remark for remark in row.remarks) == (
        "01-" not in name or "01-first-push" in course.labs.slugs()
    )
    (box / name).rename(box / "90-tiny-ada-1.zip")
    assert not any("is named for" in remark for remark in grade(course, box)["ada", "unchanged"].remarks)
