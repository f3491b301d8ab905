"""What version 0.1.0 wrote is read, graded and regraded to the same points. See README.md in this folder."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from dataclasses import replace

import pytest

from autograder import paths
from autograder.grading import cases, exports, gradebook, people, probes, regrade, store, walled
from autograder.grading.batch import Batch
from autograder.grading.platforms import canvas, moodle
from autograder.labs import manifest
from tests.grading.doubles import LocalRunner, grade_without_engine

from . import frozen

DESERVED = frozen.expected()
COLUMNS = ["student", "name", "email", "lab", "score", "max_score", "status", "ungraded", "claimed", "written_at"]
GRADED = [one for one in DESERVED if one.status == "graded"]


class Recorded:
    """A probe that answers what the same probe of version 0.1.0 found for the same submission."""

    def __init__(self, name: str) -> None:
        self.name = name

    def run(self, subject):
        header = subject.submission.header
        return evidence_of(header.student, header.lab).probes[self.name]

    def close(self) -> None:
        pass


class Kit:
    """A worker's tools that need no engine: the sandbox's own runner, and the probes' recorded results."""

    get_probe = staticmethod(Recorded)

    def get_sandbox(self):
        return LocalRunner()


def evidence_of(student, lab):
    document = store.read(student, lab)
    assert document is not None
    return store.evidence_of(document)


@pytest.fixture
def course(home):
    frozen.unpack(home)
    return people.load()


COPIED = ("cem", "02-names")  # ada's work: needs review


@pytest.fixture
def no_engine(monkeypatch):
    grade_without_engine(monkeypatch, Kit())


def wrong():
    """What is not as it was, over the whole class."""
    documents = {(document.student, document.lab): document for document in store.every()}
    assert set(documents) == {(one.student, one.lab) for one in DESERVED}
    return [line for one in DESERVED for line in frozen.differences(documents[one.student, one.lab].as_json(), one)]


def test_the_class_is_all_there(course):
    assert (course.id, course.fingerprint) == ("sample-class", "b320ca90ef8b8478")
    assert [(person.id, person.name, person.email) for person in course.roster.values()] == [
        ("ada", "Ada Lovelace", "ada@example.org"),
        ("ben", "Ben Okri", "ben@example.org"),
        ("cem", "Cem", ""),
        ("fay", "Fay", "fay@example.org"),
    ]
    assert {file.stem for file in frozen.ZIPS} == {f"{one.lab}-{one.student}" for one in DESERVED}
    assert {one.lab for one in DESERVED} == set(manifest.slugs()), "every lab's formats are in it"
    assert wrong() == []


def test_stored_evidence_is_judged_to_the_same_points(course):
    done = regrade.run(regrade.candidates([], [], course), course, lambda row: None)
    assert len(done) == len(GRADED) and {row.remarks[0] for row in done} == {"No change."}
    assert wrong() == []


def test_the_zips_are_graded_to_the_same_points(course, no_engine):
    rows = Batch(course, jobs=1, force=True).run([frozen.FOLDER / "zips"], lambda plan: None, lambda row: None)
    assert len(rows) == len(DESERVED)
    assert wrong() == []


@pytest.fixture(params=["the class as it is", "with values"])
def in_a_kit_with_other_lists(home, request, monkeypatch):
    """The class in a kit that draws everything from lists with a word more; also after its roster was written again."""
    frozen.unpack(home)
    frozen.other_lists(monkeypatch)
    if request.param == "with values":
        people.register(list(people.load().roster.values()))
    return people.load()


def test_other_lists_change_no_points_of_stored_evidence(in_a_kit_with_other_lists):
    test_stored_evidence_is_judged_to_the_same_points(in_a_kit_with_other_lists)


def test_other_lists_change_no_points_of_the_zips(in_a_kit_with_other_lists, no_engine):
    """Whose work it is included: cem copied from ada."""
    test_the_zips_are_graded_to_the_same_points(in_a_kit_with_other_lists, no_engine)


def test_the_lists_are_other_ones(course, monkeypatch):
    before = {slug: manifest.find(slug).drawn(course.seed("ada", slug)) for slug in manifest.slugs()}
    evidence = evidence_of("ada", "02-names")
    names = {result.case.args for result in evidence.tasks["parse_reference"].results}
    frozen.other_lists(monkeypatch)
    changed = [slug for slug in before if manifest.find(slug).drawn(course.seed("ada", slug)) != before[slug]]
    assert len(changed) >= 10
    lab = manifest.find("02-names")
    drawn = cases.all_cases(lab, course, "ada", dict(evidence.parameters))["parse_reference"]
    assert {case.args for case in drawn} - names


def test_what_was_graded_and_has_not_changed_is_left_alone(course, monkeypatch):
    """Version 0.1.0 did not say by which rules it judged, so the stored evidence is judged again; nothing is run.

    Its probes were all of version 1, and are here: with the zips at hand, newer ones would be run.
    """
    as_then = {name: replace(kind, version=1) for name, kind in probes.PROBES.items()}
    monkeypatch.setattr(probes, "PROBES", as_then)
    monkeypatch.setattr(walled, "work", lambda *a: pytest.fail("judged from the zip"))
    zips = [file for file in frozen.ZIPS if file.stem != "03-docker-hub-ben"]  # the one that is refused
    kept = []
    for _ in range(2):
        rows = Batch(course, jobs=1).run(zips, lambda plan: None, lambda row: None)
        assert {row.status for row in rows} == {"unchanged"} and len(rows) == len(GRADED)
        assert wrong() == []
        kept.append(list(store.every()))
    assert kept[0] == kept[1], "judged again once"


@pytest.mark.slow  # nbgrader takes seconds
def test_points_by_hand_and_exports_stay(course, tmp_path):
    regrade.run(regrade.candidates([], [], course), course, lambda row: None)
    gradebook.sync(course)
    made = exports.entries(course)
    found = {(entry.student, entry.lab): (entry.score, list(entry.ungraded)) for entry in made}
    score, open_ = found[COPIED]
    assert set(open_) == set(course.lab(COPIED[1], 1).points), "0.1.0 did not name what is in doubt"
    found[COPIED] = score, []
    assert {key: found[key] for key in found if found[key] != (0.0, []) and key[1] != exports.TOTAL} == {
        (one.student, one.lab): (one.with_hand, one.ungraded) for one in DESERVED if one.with_hand or one.ungraded
    }
    was = points_in(written("class.csv").replace(",open,", ",needs review,"))
    for row in was:
        if row["student"] == COPIED[0] and row["lab"] in (COPIED[1], exports.TOTAL):
            row["status"] = "needs review"  # 0.1.0 said nothing in its exports of whose work it is
            [own] = [entry for entry in made if (entry.student, entry.lab) == (row["student"], row["lab"])]
            row["ungraded"] = " ".join(own.ungraded)
    assert points_in(exports.as_csv(made)) == was
    assert ["ada" in entry.remark for entry in made if (entry.student, entry.lab) == COPIED] == [True]
    for lab in course.labs.every():
        scores = {row["ID number"]: row[lab.slug] for row in csv.DictReader(io.StringIO(written("moodle.csv")))}
        now = {row["ID number"]: row[lab.slug] for row in csv.DictReader(io.StringIO(moodle(made, lab).text))}
        final = {id: score for id, score in scores.items() if score and (id, lab.slug) != COPIED}
        assert now == final, "those with a final score, and nobody else"
    table = list(csv.reader(io.StringIO(written("canvas.csv"))))
    head = [*table[0][:5], *(f"{slug} ({number})" for number, slug in enumerate(table[0][5:], start=100))]
    file = tmp_path / "canvas.csv"
    with file.open("w", encoding="utf-8", newline="") as out:
        csv.writer(out).writerows([head, table[1], *([*row[:5], *[""] * 12] for row in table[2:])])
    for number, lab in enumerate(course.labs.every(), start=5):
        rows = list(csv.reader(io.StringIO(canvas(made, lab, file).text)))
        assert rows[0] == [*head[:5], head[number]] and {row[3]: row[5] for row in rows[2:]} == {
            row[3]: row[number] for row in table[2:] if row[number] and (row[3], lab.slug) != COPIED
        }
    page = (paths.classroom() / "feedback/ada/04-tagging/04-tagging.html").read_text(encoding="utf-8")
    assert "9.5 of 10 points" in page and "Say who may push." in page


def written(name):
    return (frozen.FOLDER / "exports" / name).read_text(encoding="utf-8")


def points_in(text):
    """The rows of a CSV export, as far as 0.1.0 wrote them, without the time of grading."""
    return [{key: row[key] for key in COLUMNS} for row in csv.DictReader(io.StringIO(text))]


@pytest.mark.engine
def test_the_zips_are_graded_to_the_same_points_by_the_command_itself(home):
    """With a real sandbox and real probes, in a class that has nothing yet but its key and its roster."""
    frozen.unpack(home)
    for part in ("verdicts", "evidence", "submitted", "autograded", "feedback", "source", "release"):
        (home / "class" / part).rename(home / part)
    zips = str(frozen.FOLDER / "zips")  # not signed, and nothing says any more that they were received before
    done = subprocess.run(
        [sys.executable, "-m", "autograder.cli", "grade", zips, "--unsigned", zips, "--json"],
        capture_output=True, text=True, encoding="utf-8", cwd=paths.ROOT, env=os.environ, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr  # one is refused
    refused = [(row["student"], row["lab"]) for row in json.loads(done.stdout) if row["status"] != "graded"]
    assert refused == [("ben", "03-docker-hub")]
    assert wrong() == []
