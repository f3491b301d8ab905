"""In another's name: what somebody hands in as another student, and as their own what another did. Needs no engine.

Everything is made from whole submissions of the sample class with a zip tool. Jun is honest: of the same class, in the
same run, and with the same points whatever else lies there.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import pytest

from autograder import paths
from autograder.grading import exports, gradebook, people, receipts, store
from autograder.grading.batch import Batch
from autograder.grading.lms import Entry, Lists
from autograder.labs import manifest, signing, students
from autograder.quality import samples
from tests.grading.doubles import grade_without_engine

from .without_engine import Tools

ECR, NAMES = "06-ecr", "02-names"
HONEST = "jun"
Files = dict[str, bytes]


@pytest.fixture(autouse=True)
def no_engine(monkeypatch):
    grade_without_engine(monkeypatch, Tools())


@pytest.fixture
def course(home):
    samples.set_up(home)
    return people.load()


@pytest.fixture
def box(tmp_path):
    folder = tmp_path / "box"
    folder.mkdir()
    return folder


def sample(student: str, lab: str = ECR) -> Files:
    with zipfile.ZipFile(samples.folder(manifest.find(lab)) / f"{lab}-{student}.zip") as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), content)
    return buffer.getvalue()


def swapped(files: Files, old: str, new: str, lab: str = ECR) -> Files:
    """One student's files with another's words: names of repositories, teams, accounts, tags."""
    given = samples.handed_out()
    pairs = [
        (mine, theirs)
        for name in ("repository", "team", "account", "dev_tag")
        if (mine := given[old][lab].get(name)) and (theirs := given[new][lab].get(name))
    ]

    def changed(text: bytes) -> bytes:
        for mine, theirs in pairs:
            text = text.replace(mine.encode(), theirs.encode())
        return text

    return {
        changed(name.encode()).decode(): content if "/blobs/" in name else changed(content)
        for name, content in files.items()
    }


def signed_by(student: str, files: Files, lab: str = ECR) -> Files:
    """Signed with what that student was handed out, whomever the files name."""
    seed = students.seed(samples.KEY, student, lab)
    return files | {"submission.sig": signing.sign(seed, files["submission.json"])}


def named(files: Files, student: str, **more: object) -> Files:
    """Files whose submission.json names another student, with all hashes made right, and without a signature."""
    made = dict(files)
    samples.header(made, student=student, **more)
    del made["submission.sig"]
    return made


def grade(course, box, *, lab=ECR, **more):
    (box / f"{lab}-{HONEST}.zip").write_bytes(packed(sample(HONEST, lab)))
    rows = Batch(course, jobs=1, **more).run([box], lambda plan: None, lambda row: None)
    [own] = [row for row in rows if row.student == HONEST]
    deserves = next(one for one in samples.load(manifest.find(lab)) if one.student == HONEST)
    assert own.status in ("graded", "unchanged") and own.score == deserves.points(manifest.find(lab))
    assert not own.failed
    return {row.source: row for row in rows if row.student != HONEST}


def score(student, lab=ECR):
    document = store.read(student, lab)
    return None if document is None else document.score


WHOLE = 10.0


def at(**files):
    return Lists([
        Entry(datetime.fromisoformat(time), by_platform=True, file=f"{name}.zip") for name, time in files.items()
    ])  # fmt: skip


# -- another's evidence ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("signature", ["theirs", "none", "of the swapped bytes by nobody"])
def test_anothers_evidence_with_the_names_swapped(course, box, signature):
    """Hana takes ada's ECR evidence, swaps the names, and hands it in as cem, who has done nothing."""
    files = named(swapped(sample("ada"), "ada", "cem"), "cem")
    if signature == "theirs":
        files["submission.sig"] = sample("ada")["submission.sig"]
    elif signature != "none":
        files |= signed_by("hana", files)
    (box / "06-ecr-cem.zip").write_bytes(packed(files))
    [row] = grade(course, box).values()
    assert row.status == "refused" and score("cem") is None
    assert ("It is not signed" if signature == "none" else "Its signature does not fit") in row.remarks[0]


def test_anothers_evidence_as_ones_own_work(course, box):
    """Whoever signs it is who hands it in: so it is named as copied, or gives what it is worth with other names."""
    (box / "copied.zip").write_bytes(packed(signed_by("cem", named(sample("ada"), "cem"))))
    [row] = grade(course, box).values()
    assert row.student == "cem" and row.score < WHOLE / 2
    assert any("This is the work of ada, not of cem" in remark for remark in row.remarks)
    assert store.read("cem", ECR).identity.owner == "ada"


def test_no_number_of_other_names_hides_that_work_is_anothers(course, box):
    files = swapped(sample("ada"), "ada", "cem")
    service = json.loads(files["evidence/ecr.json"])
    service["repositories"] |= {f"!{number:06d}": 0 for number in range(60_000)}
    files["evidence/ecr.json"] = json.dumps(service).encode()
    (box / "swapped.zip").write_bytes(packed(signed_by("cem", named(files, "cem"))))
    [row] = grade(course, box).values()
    assert row.status == "refused" and "more than 50,000 repositories, tags and labels" in row.remarks[0]


@pytest.mark.slow  # nbgrader takes seconds
def test_swapped_names_need_review(course, box):
    """Labels stand in the config, whose digest everything rests on: the names in it are still ada's, beside cem's own.

    What rests on names alone gives points; a person has to look before any platform gets them.
    """
    (box / "swapped.zip").write_bytes(packed(signed_by("cem", named(swapped(sample("ada"), "ada", "cem"), "cem"))))
    [row] = grade(course, box).values()
    assert row.student == "cem" and row.score < WHOLE and "Also holds what belongs to ada: osprey" in row.remarks[0]
    gradebook.sync(course)
    [fresh] = exports.reviewed([row], course)
    assert fresh.needs_review and fresh.is_open
    found = {one.student: one for one in exports.entries(course) if one.lab == ECR}
    assert found["cem"].status == "needs review" and found[HONEST].status == "graded"
    assert "Also holds what belongs to ada" in found["cem"].remark


def test_evidence_that_is_put_into_a_signed_submission(course, box):
    """Cem's own signed zip, with ada's repositories in place of his: each file that differs is missing."""
    theirs, own = swapped(sample("ada"), "ada", "cem"), sample("cem")
    files = own | {name: content for name, content in theirs.items() if name.startswith("evidence/")}
    before = dict(own)
    (box / "06-ecr-cem.zip").write_bytes(packed(before))
    grade(course, box)
    honest = score("cem")
    (box / "06-ecr-cem.zip").unlink()
    (box / "more.zip").write_bytes(packed(files))
    grade(course, box, force=True)
    assert score("cem") <= honest
    store.verdict_file("cem", ECR).unlink()
    [row] = grade(course, box, force=True).values()
    assert row.score <= honest
    said = " ".join(row.remarks)
    assert "Changed after `python3 course.py submit` wrote the zip" in said or "Not listed in submission.json" in said


# -- another's name --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["one run", "afterwards", "before"])
@pytest.mark.parametrize("signature", ["none", "by another", "ada's own, of an earlier zip"])
def test_a_later_zip_in_anothers_name_replaces_nothing(course, box, order, signature):
    files = named(sample("fay"), "ada", written_at="2099-01-01T00:00:00+00:00")
    if signature == "by another":
        files = signed_by("fay", files)
    elif signature != "none":
        files["submission.sig"] = sample("ada")["submission.sig"]
    lists = at(honest="2026-11-25T10:00Z", forged="2026-11-26T10:00Z")
    honest, forged = box / "honest.zip", box / "forged.zip"
    if order != "before":
        honest.write_bytes(packed(sample("ada")))
    if order == "afterwards":
        grade(course, box, lists=lists)
        assert score("ada") == WHOLE
    forged.write_bytes(packed(files))
    rows = grade(course, box, lists=lists)
    assert rows["forged.zip"].status == "refused"
    if order == "before":
        assert score("ada") is None
        honest.write_bytes(packed(sample("ada")))
        grade(course, box, lists=lists)
    assert score("ada") == WHOLE and store.read("ada", ECR).source == "honest.zip"


@pytest.mark.slow  # nbgrader takes seconds
def test_the_export_has_the_honest_points_and_says_what_else_came(course, box):
    forged = box / "forged.zip"
    forged.write_bytes(packed(named(sample("fay"), "ada")))
    (box / "honest.zip").write_bytes(packed(sample("ada")))
    grade(course, box, lists=at(honest="2026-11-25T10:00Z", forged="2026-11-26T10:00Z"))
    gradebook.sync(course)
    [entry] = [one for one in exports.entries(course) if (one.student, one.lab) == ("ada", ECR)]
    assert (entry.status, entry.score) == ("graded", WHOLE) and "It is not signed" in entry.remark


def test_ones_own_work_under_anothers_name(course, box):
    """A present: ada signs as fay with her own file, or hands in her zip with fay's name on it."""
    (box / "a.zip").write_bytes(packed(signed_by("ada", named(sample("ada"), "fay"))))
    (box / "b.zip").write_bytes(packed(named(sample("ada"), "fay")))
    rows = grade(course, box)
    assert {row.status for row in rows.values()} == {"refused"} and score("fay") is None and score("ada") is None


def test_a_signed_list_with_other_files_is_worth_nothing(course, box):
    """Fay has ada's zip and puts nothing but its list and its signature around her own files."""
    own, theirs = sample("fay"), sample("ada")
    kept = {name: theirs[name] for name in ("submission.json", "submission.sig")}
    (box / "honest.zip").write_bytes(packed(theirs))
    (box / "forged.zip").write_bytes(packed(own | kept))
    rows = grade(course, box, lists=at(honest="2026-11-25T10:00Z", forged="2026-11-26T10:00Z"))
    assert rows["forged.zip"].status == "older" and "not whole: missing, or changed" in rows["forged.zip"].remarks[0]
    assert score("ada") == WHOLE
    (box / "honest.zip").unlink()
    assert grade(course, box)["forged.zip"].status == "older" and score("ada") == WHOLE


def test_a_name_that_the_platform_contradicts_is_refused_though_signed(course, box):
    name = f"{course.roster['fay'].name or 'fay'}_123_assignsubmission_file_".lower()
    folder = box / name
    folder.mkdir()
    (folder / "06-ecr-ada.zip").write_bytes(packed(sample("ada")))
    [row] = grade(course, box).values()
    assert row.status == "refused" and "fay handed it in, by the platform's name" in row.remarks[0]


def test_work_for_another_lab_under_its_signature(course, box):
    """The key is another one for each lab."""
    files = sample("ada", NAMES)
    document = json.loads(files["submission.json"]) | {"lab": ECR}
    files["submission.json"] = json.dumps(document, indent=1).encode()
    (box / "x.zip").write_bytes(packed(signed_by("ada", files, NAMES)))
    [row] = grade(course, box).values()
    assert row.status == "refused" and "Its signature does not fit" in row.remarks[0]


def test_a_file_of_another_class_of_the_same_name(course, box):
    files = named(sample("ada"), "ada")
    files["submission.sig"] = signing.sign(students.seed(b"another class", "ada", ECR), files["submission.json"])
    (box / "x.zip").write_bytes(packed(files))
    [row] = grade(course, box).values()
    assert row.status == "refused" and "class/handout-parameters/ada/" in row.remarks[0]


def test_the_class_keeps_what_it_takes_to_check(course):
    """What a student has in student.toml is what signs, and the class derives it from its key alone."""
    file: Path = paths.classroom() / people.HANDOUT / "ada" / "student.toml"
    assert students.read(file).seed(ECR) == course.seed("ada", ECR) == students.seed(samples.KEY, "ada", ECR)
    assert not receipts.load().lines


# -- submission.json, which a run keeps for everybody ----------------------------------------------------------------

LARGE = {
    "of the engine": ({"engine": [{"a": {}}] * 6_000}, "18,0.. lists, objects and values; at most 10,000"),
    "of parameters": ({"parameters": {"x": [0] * 11_000}}, "11,0.. lists, objects and values; at most 10,000"),
    "of files": ({"files": {f"{number:x}": "" for number in range(31_000)}}, "31,000 files; at most 30,000"),
    "of files that the zip has not": (
        {"files": {f"{number:x}": "0" * 64 for number in range(20_000)}},
        "bytes; at most",
    ),
}


@pytest.mark.parametrize("what", LARGE)
def test_nobody_fills_the_memory_of_the_run_with_what_a_submission_says_of_itself(course, box, what):
    change, said = LARGE[what]
    files = sample("ada")
    files["submission.json"] = json.dumps(json.loads(files["submission.json"]) | change).encode()
    (box / "06-ecr-ada.zip").write_bytes(packed(files | signed_by("ada", files)))
    [row] = grade(course, box).values()
    assert row.status == "refused" and re.search(said, row.remarks[0]), row.remarks


def test_many_answers_that_are_none_are_one_remark(course, box):
    files = sample("ada")
    answers = json.loads(files["answers.json"]) | {f"{number:06d}": 0 for number in range(50_000)}
    files["answers.json"] = json.dumps(answers).encode()
    (box / "06-ecr-ada.zip").write_bytes(packed(signed_by("ada", named(files, "ada"))))
    [row] = grade(course, box).values()
    assert row.status == "graded" and "and 49992 more in answers.json are not valid" in " ".join(row.remarks)
    assert sum(map(len, row.remarks)) < 2_000
