"""Upgrading in the middle of a course: values and versions stay those that were handed out. Needs no engine."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace

import pytest
from nbgrader.api import Gradebook

from autograder import paths
from autograder.errors import CourseError
from autograder.grading import (
    exports,
    gradebook,
    judge,
    people,
    probes,
    regrade,
    released,
    rules,
    sandbox,
    store,
    walled,
    workers,
)
from autograder.grading.batch import Batch
from autograder.grading.identity import Owners
from autograder.grading.people import Course, Person
from autograder.labs import manifest, release, students, versions, workspace
from autograder.services import engine, orphans

from ..formats import frozen
from .doubles import LocalRunner, grade_without_engine, kind_probe
from .submissions import Student

READY = Batch.ready
V1, V2 = 7.0, 8.5  # points of the two versions


class Engine:
    """A client that nothing is asked of."""

    def close(self):
        pass


@pytest.fixture(autouse=True)
def no_engine(monkeypatch):
    grade_without_engine(monkeypatch)


@pytest.fixture
def box(tmp_path):
    folder = tmp_path / "submissions"
    folder.mkdir()
    return folder


def grade(course, box, force=False):
    rows = Batch(course, jobs=1, force=force).run([box], lambda plan: None, lambda row: None)
    return {row.student: row for row in rows}


def edit(file, *changes):
    text = file.read_text("utf-8")
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    file.write_text(text, encoding="utf-8")


CHECK = '''

@check("settings", trust="recomputed")
def settings(e):
    """The settings say blue"""
    if "blue" not in (e.files["settings.txt"].text or "") or not e.text("size"):
        raise Failure(expected="blue", found="something else", next_step="Write blue.")
'''


@pytest.fixture
def upgrade(kit, lab):
    """Version 2: a check less, one more that reads a new parameter, one with more points, one more kind of case."""

    def upgraded():
        edit(
            kit / "labs/90-tiny/lab.toml",
            ("version = 1", "version = 2"),
            ('seconds = 1\n', 'seconds = 1\nkinds = { "naught" = 2 }\n'),
            ('id = "pushed"\npoints = 2', 'id = "pushed"\npoints = 3'),
            ('id = "engine"\n', 'id = "engine"\nuntil = 1\n'),
            ('[[checks]]\nid = "why"', '[[checks]]\nid = "settings"\nsince = 2\npoints = 1\nhints = ["1", "2", "3"]\n\n'
             '[[checks]]\nid = "why"'),
        )  # fmt: skip
        with (kit / "labs/90-tiny/lab.toml").open("a", encoding="utf-8") as file:
            file.write("\n[versions.1.points]\npushed = 2\n")
        module = kit / "checks/tiny/checks.py"
        edit(module, ('"tag": f"1.', '"size": draw.choice("size", ["small", "large"]), "tag": f"1.'))
        module.write_text(module.read_text("utf-8") + CHECK, encoding="utf-8")
        edit(kit / "solutions/90-tiny/90-tiny.py", ('"grade_id": "engine"', '"grade_id": "settings"'),
             ('"points": 0.5', '"points": 1'), ('check("engine")', 'check("settings")'))  # fmt: skip
        edit(kit / "solutions/90-tiny/hidden.py", ("    return {", '    numbers.append(0)\n    return {'),
             ('kind="a large number"', 'kind="a large number" if n else "naught"'))  # fmt: skip
        manifest._load.cache_clear()
        importlib.reload(lab.code())
        return manifest.find("90-tiny")

    yield upgraded
    manifest._load.cache_clear()


def of(id, course, lab):
    return Student(id, course, lab)


def with_values(student: Student) -> Student:
    """As this kit's ``course submit`` writes it."""
    student.header = {"parameters": student.course.parameters(student.id, student.lab)}
    return student


# -- a lab's versions ------------------------------------------------------------------------------------------------


def test_a_lab_in_each_of_its_versions(upgrade):
    lab = upgrade()
    one, two = lab.at(1), lab.at(2)
    assert (one.points, one.total, one.version) == (
        {"pushed": 2, "round-trip": 1, "double": 2, "engine": 0.5, "why": 1.5}, V1, 1,
    )  # fmt: skip
    assert (two.points, two.total, two.version) == (
        {"pushed": 3, "round-trip": 1, "double": 2, "settings": 1, "why": 1.5}, V2, 2,
    )  # fmt: skip
    assert list(one.declared_checks()) == ["pushed", "round-trip", "double", "engine"]
    assert list(two.declared_checks()) == ["pushed", "round-trip", "double", "settings"]
    assert one.at(2).points == two.points and two.at(1).points == one.points and one.newest == 2
    assert rules.fingerprint(one) == rules.fingerprint(two) == rules.fingerprint(lab)
    given = lab.with_points({"pushed": 5, "engine": 2})
    assert (given.points["pushed"], given.at(1).points["pushed"], given.at(1).points["engine"]) == (5, 5, 2)
    for wrong in (0, 3):
        with pytest.raises(CourseError, match="1 to 2"):
            lab.at(wrong)


@pytest.mark.parametrize(("line", "says"), [
    ("since = 3\n", "since = 3"), ("until = 2\n", "until = 2"), ("since = 2\nuntil = 1\n", "until = 1"),
])  # fmt: skip
def test_parts_of_versions_that_are_not_there_are_told(upgrade, kit, line, says):
    upgrade()
    edit(kit / "labs/90-tiny/lab.toml", ('id = "round-trip"\n', f'id = "round-trip"\n{line}'))
    manifest._load.cache_clear()
    with pytest.raises(CourseError, match=says):
        manifest.find("90-tiny")


@pytest.mark.parametrize(("table", "says"), [
    ("[versions.2.points]\npushed = 2\n", "versions.2"),
    ("[versions.1]\npoints = { none = 1 }\n", "there is no such check"),
])  # fmt: skip
def test_history_of_what_is_not_there_is_told(kit, upgrade, table, says):
    upgrade()
    edit(kit / "labs/90-tiny/lab.toml", ("[versions.1.points]\npushed = 2\n", table))
    manifest._load.cache_clear()
    with pytest.raises(CourseError, match=says):
        manifest.find("90-tiny")


# -- grading ---------------------------------------------------------------------------------------------------------


def test_an_upgrade_changes_no_points_and_runs_nothing(course, ada, box, upgrade, monkeypatch):
    ada.zip(box)
    before = grade(course, box)["ada"]
    kept = store.read("ada", "90-tiny")
    upgrade()
    monkeypatch.setattr(walled, "work", lambda *a: pytest.fail("judged from the zip"))
    course = people.load()
    row = grade(course, box)["ada"]
    assert (row.status, row.score, row.max_score) == ("unchanged", before.score, V1)
    after = store.read("ada", "90-tiny")
    assert after == kept.model_copy(update={"judged_by": after.judged_by}) and after.lab_version == 1
    assert not store.is_outdated(after, course.lab("90-tiny", 1))
    [again] = regrade.run(regrade.candidates([], [], course), course, lambda row: None)
    assert again.remarks[0] == "No change." and exports.outdated(course) == []


def test_each_is_judged_by_the_version_that_it_was_written_with(course, ada, ben, box, upgrade):
    """Ben's zip comes after the upgrade and is of version 1; Ada's first one was, and her second is of version 2."""
    ada.zip(box)
    grade(course, box)
    ben.zip(box)
    lab = upgrade()
    people.register(list(course.roster.values()))
    course = people.load()
    newer = with_values(of("ada", course, lab))
    newer.written_at = "2025-03-02T10:00:00+00:00"
    newer.zip(box)
    rows = grade(course, box)
    assert (rows["ben"].score, rows["ben"].max_score, store.read("ben", "90-tiny").lab_version) == (5.5, V1, 1)
    assert (rows["ada"].score, rows["ada"].max_score, store.read("ada", "90-tiny").lab_version) == (7, V2, 2)
    kinds = {id: {result.case.kind for result in store.evidence_of(store.read(id, "90-tiny")).tasks["double"].results}
             for id in ("ada", "ben")}  # fmt: skip
    assert "naught" in kinds["ada"] and "naught" not in kinds["ben"]
    assert not store.read("ben", "90-tiny").problems and not store.read("ada", "90-tiny").problems


@pytest.fixture
def upgrade_to_no_probe(upgrade, kit):
    """As ``upgrade``, and version 2 needs no probe."""

    def upgraded():
        lab = upgrade()
        edit(kit / "labs/90-tiny/lab.toml", ('probes = ["round-trip"]\n', "probes = []\n"),
             ("[versions.1.points]\n", '[versions.1]\nprobes = ["round-trip"]\n\n[versions.1.points]\n'))  # fmt: skip
        manifest._load.cache_clear()
        return manifest.find(lab.slug)

    return upgraded


def test_versions_with_other_probes_have_the_same_rules(upgrade_to_no_probe, monkeypatch):
    lab = upgrade_to_no_probe()
    before = rules.fingerprint(lab)
    monkeypatch.setitem(probes.PROBES, "round-trip", replace(probes.PROBES["round-trip"], version=2))
    one, two = lab.at(1), lab.at(2)
    assert (one.probes, two.probes) == (("round-trip",), ())
    assert rules.fingerprint(one) == rules.fingerprint(two) != before


def test_a_run_has_ready_what_each_version_in_it_needs(course, ada, ben, box, upgrade_to_no_probe, monkeypatch):
    """Ben comes last, and his version needs no probe; Ada's does, and both are judged by rules that are the same."""
    ada.zip(box)
    lab = upgrade_to_no_probe()
    people.register(list(course.roster.values()))
    course = people.load()
    with_values(of("ben", course, lab)).zip(box)
    prepared = []
    monkeypatch.setattr(Batch, "ready", READY)
    monkeypatch.setattr(engine, "connect", Engine)
    monkeypatch.setattr(orphans, "sweep", lambda *a: None)
    monkeypatch.setattr(sandbox, "build", lambda *a: prepared.append("sandbox"))
    monkeypatch.setattr(probes, "prepare", lambda names, *a: prepared.extend(sorted(names)))
    monkeypatch.setitem(probes.PROBES, "round-trip", replace(probes.PROBES["round-trip"], version=2))
    monkeypatch.setattr(workers, "close", lambda: None)
    rows = grade(course, box)
    assert prepared == ["sandbox", "round-trip"]
    assert {id: row.status for id, row in rows.items()} == {"ada": "graded", "ben": "graded"}
    assert {store.read(id, "90-tiny").judged_by for id in rows} == {rules.fingerprint(lab)}
    assert (store.read("ada", "90-tiny").lab_version, store.read("ben", "90-tiny").lab_version) == (1, 2)


def test_an_old_version_cannot_be_claimed_to_escape_a_check(course, box, upgrade):
    lab = upgrade()
    people.register([*course.roster.values(), Person("dora")])
    course = people.load()
    assert (course.first_version("ada", "90-tiny"), course.first_version("dora", "90-tiny")) == (1, 2)
    dora = with_values(of("dora", course, lab))
    files = dora.files() | {"files/settings.txt": b"colour = red\n"}
    dora.header |= {"lab_version": 1}
    dora.zip(box, files)
    assert grade(course, box)["dora"].max_score == V2
    document = store.read("dora", "90-tiny")
    assert document.checks["settings"].score == 0 and document.lab_version == 2
    assert "written with version 1 of the lab, and this class was handed out version 2" in document.problems[0]


# -- values ----------------------------------------------------------------------------------------------------------


def test_the_roster_again_keeps_values_and_draws_what_is_new(course, lab, upgrade, kit):
    before = {id: course.parameters(id, lab) for id in course.roster}
    upgrade()
    edit(kit / "checks/tiny/checks.py", ('f"heron-', 'f"albatross-'))
    importlib.reload(lab.code())
    people.register([*people.load().roster.values(), Person("dora")])
    after = people.load()
    for id, values in before.items():
        given = after.parameters(id, lab)
        assert {name: value for name, value in given.items() if name != "size"} == values
        assert given["size"] in ("small", "large")
        handed = students.read(paths.classroom() / "handout-parameters" / id / "student.toml")
        assert handed.parameters_of(lab) == given and handed.versions == {}
    assert after.parameters("dora", lab)["team"].startswith("albatross-")
    assert students.read(paths.classroom() / "handout-parameters/dora/student.toml").versions == {"90-tiny": 2}


def test_the_class_reads_its_own_copy(course, lab, ada, box):
    """The handouts may be deleted once they are sent, and what a student changed in a copy counts for nothing."""
    values = course.parameters("ada", lab)
    ada.header = {"parameters": values | {"team": "heron-000000"}}
    ada.zip(box)
    shutil.rmtree(paths.classroom() / "handout-parameters")
    fresh = people.load()
    assert fresh.parameters("ada", lab) == values
    row = grade(fresh, box)["ada"]
    assert row.score == 5.5 and "other personal values" in " ".join(store.read("ada", "90-tiny").problems)
    assert store.evidence_of(store.read("ada", "90-tiny")).parameters == values


def test_a_lost_copy_is_taken_from_the_handout(course, lab, kit):
    values = course.parameters("ada", lab)
    edit(kit / "checks/tiny/checks.py", ('f"heron-', 'f"albatross-'))
    importlib.reload(lab.code())
    (paths.classroom() / "parameters/ada.json").unlink()
    people.register(list(course.roster.values()))
    assert people.load().parameters("ada", lab) == values


@pytest.mark.parametrize(
    "damage", [lambda file: file.unlink(), lambda file: file.write_bytes(b"{")], ids=["lost", "bad"]
)
def test_a_copy_that_is_lost_or_damaged_costs_one_row_and_is_never_another_one(course, lab, ada, ben, box, kit, damage):
    ada.zip(box)
    ben.zip(box)
    damage(paths.classroom() / "parameters/ada.json")
    course = people.load()
    with pytest.raises(CourseError, match=r"parameters/ada\.json"):
        course.parameters("ada", lab)
    rows = grade(course, box)
    assert (rows["ada"].status, rows["ben"].status, rows["ben"].score) == ("refused", "graded", 5.5)
    assert "course.py roster" in rows["ada"].remarks[0] and store.read("ada", "90-tiny") is None
    (paths.classroom() / "parameters/ada.json").unlink(missing_ok=True)
    people.register(list(course.roster.values()))
    rows = grade(people.load(), box)
    assert (rows["ada"].status, rows["ada"].score) == ("graded", 5.5)


def test_what_is_lost_in_both_places_is_not_drawn_again_unasked(course, lab):
    (paths.classroom() / "parameters/ada.json").unlink()
    (paths.classroom() / "handout-parameters/ada/student.toml").unlink()
    everybody = list(course.roster.values())
    with pytest.raises(CourseError, match=r"parameters/ada\.json"):
        people.register(everybody)
    assert not (paths.classroom() / "parameters/ada.json").exists()
    people.register([person for person in everybody if person.id != "ada"])
    people.register(everybody)
    assert people.load().first_version("ada", "90-tiny") == 1 and people.load().parameters("ada", lab)


@pytest.mark.parametrize("content", [b"", b"{", b'{"student": "ada"}', b'{"schema": 9}'])
def test_a_damaged_copy_is_told_and_never_drawn_again(course, lab, content):
    (paths.classroom() / "parameters/ada.json").write_bytes(content)
    with pytest.raises(CourseError, match=r"parameters/ada\.json"):
        people.load().parameters("ada", lab)


def test_a_worker_elsewhere_gets_the_values_of_its_student_alone(course, lab, home):
    one = course.only("ada")
    shutil.rmtree(paths.classroom())
    assert one.parameters("ada", lab) == course.parameters("ada", lab) and list(one.handed_out) == ["ada"]


def test_a_word_more_in_a_list_accuses_nobody(course, lab, kit, ada, ben):
    """What was common when it was drawn stays common, though nobody would draw it today."""
    edit(kit / "checks/tiny/checks.py", ('f"1.{draw', 'f"2026.{draw'))
    importlib.reload(lab.code())
    people.register([*course.roster.values(), Person("eve")])
    edit(kit / "checks/tiny/checks.py", ('f"2026.', 'f"2027.'))
    importlib.reload(lab.code())
    course = people.load()
    tag = course.parameters("eve", lab)["tag"]
    assert tag.startswith("2026.") and Owners(lab, course).identify("ada", {tag}).ok
    found = Owners(lab, course).identify("ada", {course.parameters("eve", lab)["team"]})
    assert (found.ok, found.owner) == (False, "eve")


def test_other_lists_of_hidden_cases_change_no_verdict(course, ada, box, kit, monkeypatch):
    ada.zip(box)
    before = grade(course, box)["ada"]
    evidence = store.evidence_of(store.read("ada", "90-tiny"))
    edit(kit / "solutions/90-tiny/hidden.py", ("7_000_000", "8_000_000"))
    monkeypatch.setattr(walled, "work", lambda *a: pytest.fail("judged from the zip"))
    row = grade(course, box)["ada"]
    assert (row.status, row.score) == ("unchanged", before.score)
    assert store.evidence_of(store.read("ada", "90-tiny")) == evidence
    [again] = regrade.run(regrade.candidates([], [], course), course, lambda row: None)
    assert again.remarks[0] == "No change."


def test_a_kind_that_was_taken_out_does_not_count(course, ada, box, kit):
    wrong = "def double(n):\n    return 2 * n if n < 7_000_000 else 0\n"
    ada.zip(box, ada.files(wrong))
    assert grade(course, box)["ada"].failed == ("double",)
    edit(kit / "solutions/90-tiny/hidden.py", ('return {"double": [', 'return {"double": [][:0] and ['))
    assert grade(course, box)["ada"].score == 5.5


def test_values_of_a_class_of_version_0_1_0_are_those_of_its_evidence(home, monkeypatch):
    """On the grader's side, whatever the lists; also after the roster was written again."""
    frozen.unpack(home)
    frozen.other_lists(monkeypatch)
    before = people.load()
    people.register(list(before.roster.values()))
    for course in (before, people.load()):
        for document in store.every():
            if document.evidence:
                lab = course.lab(document.lab, document.lab_version)
                given, kept = course.parameters(document.student, lab), store.evidence_of(document).parameters
                assert {name: value for name, value in given.items() if name != "_fleets"} == kept


def test_somebody_of_version_0_1_0_who_leaves_and_comes_back_has_the_same_values(home, monkeypatch):
    frozen.unpack(home)
    frozen.other_lists(monkeypatch)
    before = people.load()
    [one, *others] = before.roster.values()
    had = {slug: before.parameters(one.id, before.lab(slug, 1)) for slug in before.labs.slugs()}
    people.register(others)
    people.register([one, *others])
    after = people.load()
    for slug, values in had.items():
        has = after.parameters(one.id, after.lab(slug, 1))
        assert {name: has[name] for name in values} == values, slug
        assert after.first_version(one.id, slug) == 1


# -- the student's side ----------------------------------------------------------------------------------------------


def test_a_student_works_on_the_version_of_the_notebook(course, lab, upgrade, home):
    """An upgrade brings other checks once the notebook is the new one; what was handed out is the least."""
    where = home / "work" / "90-tiny"
    where.mkdir(parents=True)
    notebook, ada = where / "90-tiny.ipynb", students.issue(b"key", "c", "ada", ["90-tiny"])
    notebook.write_bytes(release.derived(lab))
    assert workspace.VERSION not in json.loads(notebook.read_bytes())["metadata"]
    newer = upgrade()
    assert workspace.worked_on(newer, where, ada).points == newer.at(1).points
    late = students.issue(b"key", "c", "dora", ["90-tiny"])
    assert late.versions == {"90-tiny": 2} and workspace.worked_on(newer, where, late).version == 2
    notebook.write_bytes(release.derived(newer))
    assert json.loads(notebook.read_bytes())["metadata"][workspace.VERSION] == 2
    assert workspace.worked_on(newer, where, ada).points == newer.points
    for odd in (99, "two", None):
        document = json.loads(notebook.read_bytes())
        document["metadata"][workspace.VERSION] = odd
        notebook.write_text(json.dumps(document), encoding="utf-8")
        assert workspace.worked_on(newer, where, ada).version in (1, 2)


# -- when the version must rise --------------------------------------------------------------------------------------


def test_a_forgotten_version_is_found(lab, kit, upgrade):
    assert versions.write(lab) and versions.problems(lab) == [] and not versions.write(lab)
    toml = kit / "labs/90-tiny/lab.toml"
    good = toml.read_text("utf-8")
    for old, new, found in (
        ("points = 0.5", "points = 1", True),
        ('files = ["settings.txt"]', 'files = ["settings.txt", "more.txt"]', True),
        ('hints = ["one"', 'hints = ["uno"', False),
        ("minutes = 5", "minutes = 50", False),
    ):
        toml.write_text(good.replace(old, new), encoding="utf-8")
        manifest._load.cache_clear()
        told = versions.problems(manifest.find("90-tiny"))
        assert bool(told) == found and (not found or "raise `version` in lab.toml to 2" in told[0])
    toml.write_text(good, encoding="utf-8")
    newer = upgrade()
    assert versions.write(newer) and versions.problems(newer) == []
    edit(toml, ("pushed = 2", "pushed = 1"))
    manifest._load.cache_clear()
    [told] = versions.problems(manifest.find("90-tiny"))
    assert told.startswith("version 1 does not ask for the same any more")


def test_a_new_parameter_is_a_new_version(lab, kit):
    versions.write(lab)
    edit(kit / "checks/tiny/checks.py", ('"tag": f"1.', '"size": 1, "tag": f"1.'))
    importlib.reload(lab.code())
    [told] = versions.problems(lab)
    assert "other personal parameters than it had (size)" in told


# -- the gradebook ---------------------------------------------------------------------------------------------------


def graded(student):
    """Cell -> the gradebook's automatic score, and points that a person gave."""
    with Gradebook(released.database(), "test-course") as book:
        row = book.find_submission_notebook("90-tiny", "90-tiny", student)
        return {grade.cell.name: (grade.auto_score, grade.manual_score) for grade in row.grades}


@pytest.mark.slow  # nbgrader
def test_two_versions_in_one_gradebook(course, ada, ben, box, upgrade):
    ada.zip(box)
    ben.zip(box)
    grade(course, box)
    gradebook.sync(course)
    with Gradebook(released.database(), course.id) as book:
        for student in ("ada", "ben"):
            grade_ = book.find_grade("why", "90-tiny", "90-tiny", student)
            grade_.manual_score, grade_.needs_manual_grade = 1.0, False
        book.db.commit()
    lab = upgrade()
    people.register(list(course.roster.values()))
    course = people.load()
    newer = with_values(of("ada", course, lab))
    newer.written_at = "2025-03-02T10:00:00+00:00"
    newer.zip(box)
    grade(course, box)
    gradebook.sync(course)
    v1 = {"pushed": (2, None), "round-trip": (1, None), "double": (2, None), "engine": (0.5, None), "why": (None, 1)}
    v2 = {"pushed": (3, None), "round-trip": (1, None), "double": (2, None), "settings": (1, None), "why": (None, 1)}
    assert graded("ben") == v1 and graded("ada") == v2
    made = {entry.student: entry for entry in exports.entries(course) if entry.lab == "90-tiny"}
    assert (made["ben"].score, made["ben"].max_score) == (6.5, V1)
    assert (made["ada"].score, made["ada"].max_score) == (8, V2)
    assert made["ben"].ungraded == made["ada"].ungraded == ()
    pages = {id: page(id) for id in ("ada", "ben")}
    assert "6.5 of 7 points" in pages["ben"] and "8 of 8.5 points" in pages["ada"]
    assert "The settings say blue" not in pages["ben"] and "You have an engine" in pages["ben"]
    assert gradebook.sync(course) == 0
    autograded = json.loads((paths.classroom() / "autograded/ben/90-tiny/90-tiny.ipynb").read_bytes())
    points = {given["grade_id"]: given["points"] for cell in autograded["cells"]
              if "points" in (given := cell["metadata"].get("nbgrader", {}))}  # fmt: skip
    assert points == course.lab("90-tiny", 1).points
    for command in (("autograde", "--force", "--assignment=90-tiny"),
                    ("generate_feedback", "--force", "--assignment=90-tiny")):  # fmt: skip
        nbgrader(*command)
    assert graded("ben") == v1 and graded("ada") == v2
    assert "6.5 of 7 points" in page("ben") and "8 of 8.5 points" in page("ada")


def page(student):
    return (paths.classroom() / f"feedback/{student}/90-tiny/90-tiny.html").read_text("utf-8")


def nbgrader(*arguments):
    environment = os.environ | {"PATH": os.pathsep.join([str(paths.ROOT / ".venv/bin"), os.environ["PATH"]])}
    done = subprocess.run(
        [sys.executable, "-m", "nbgrader", *arguments], cwd=paths.ROOT, env=environment, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_the_public_course_takes_this_kits_values_and_those_of_version_0_1_0(home, lab, tmp_path):
    course = Course(students.PUBLIC_COURSE, students.PUBLIC_KEY, None)
    student = with_values(of("learner", course, lab))
    tools = judge.Tools(course, sandbox=LocalRunner, probe=kind_probe)
    assert judge.judge("x", student.zip(tmp_path), tools).problems == []
    student.header["parameters"] = dict(student.header["parameters"]) | {"team": "x"}
    assert "other personal values" in judge.judge("x", student.zip(tmp_path), tools).problems[0]
