"""One zip with hundreds of files in it takes one row of a table and of an export, and its name settles all of them."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from autograder.grading import batch, exports, limits, receipts, spending
from autograder.grading.batch import Batch
from autograder.grading.discover import MAX_EACH, Found
from autograder.grading.lms import Entry, Lists
from autograder.grading.report import MAX_ROWS, Row, as_json, gathered, show
from autograder.grading.spending import Spending

from .doubles import grade_without_engine
from .submissions import packed

MANY = 300


@pytest.fixture(autouse=True)
def no_engine(monkeypatch):
    grade_without_engine(monkeypatch)


def grade(course, box, **more):
    """The rows as the table has them."""
    return gathered(Batch(course, jobs=1, **more).run([box], lambda plan: None, lambda row: None))


@pytest.fixture
def box(tmp_path, ada):
    box = tmp_path / "box"
    ada.zip(box)
    (box / "junk.zip").write_bytes(packed({f"{n:03}.zip": packed({"x": b"%d" % n}) for n in range(MANY)}))
    return box


def test_one_row_says_how_many_and_names_the_first(course, box):
    rows = {row.source: row for row in grade(course, box)}
    assert sorted(rows) == ["90-tiny-ada.zip", "junk.zip"] and rows["90-tiny-ada.zip"].score == 5.5
    said = rows["junk.zip"].remarks[0]
    assert said.startswith(f"{MANY} files in it: 000.zip, 001.zip, 002.zip and {MANY - 3} more. Of the first: It holds")
    assert "junk.zip as the file, - as the student" in rows["junk.zip"].remarks[1]
    [head] = [entry for entry in exports.entries(course) if not entry.student]
    assert head.name == "junk.zip" and head.remark.startswith(f"junk.zip: {MANY} files in it: 000.zip")
    assert len(list(receipts.load().refused())) == MANY, "the ledger keeps each"


@pytest.mark.parametrize("name", ["junk.zip", "box/junk.zip"])
def test_the_name_that_is_printed_settles_all(course, box, name):
    """In the run that sees them, and in a later one, when they do not lie there any more."""
    line = Entry(None, by_platform=False, file=name.removeprefix("box/"), student="-")
    if name == "junk.zip":
        assert [row.source for row in grade(course, box, lists=Lists([line]))] == ["90-tiny-ada.zip"]
    else:
        grade(course, box)
        (box / "junk.zip").unlink()
        lists = Lists([line])
        grade(course, box, lists=lists)
        assert lists.unused() == []
    assert [entry for entry in exports.entries(course) if not entry.student] == []


def test_a_program_gets_every_row_and_the_table_counts_every_file(course, box):
    rows = Batch(course, jobs=1).run([box], lambda plan: None, lambda row: None)
    names = {row["source"] for row in as_json(rows)}
    assert names == {"90-tiny-ada.zip", *(f"junk.zip: {n:03}.zip" for n in range(MANY))}
    out = io.StringIO()
    show(Console(file=out, width=200), rows)
    assert f"1 graded, {MANY} refused." in out.getvalue() and out.getvalue().count("junk.zip") < 5


def test_one_of_them_is_named_as_it_was_printed(course, box):
    line = Entry(None, by_platform=False, file="junk.zip: 007.zip", student="ben", lab="90-tiny")
    rows = {row.source: row for row in grade(course, box, lists=Lists([line]))}
    assert rows["junk.zip: 007.zip"].student == "ben" and f"{MANY - 1} files" in rows["junk.zip"].remarks[0]


def test_a_platforms_zip_keeps_a_row_for_each_student():
    rows = [Row(f"all.zip: {n}.zip", f"s{n}", "90-tiny", "refused", remarks=("why",)) for n in range(50)]
    few = [Row(f"few.zip: {n}.zip", "", "", "refused", remarks=("why",)) for n in range(MAX_ROWS)]
    graded = [Row("all.zip: x.zip", "ada", "90-tiny", "graded")] * (MAX_ROWS + 1)
    assert gathered([*rows, *few, *graded]) == [*rows, *few, *graded]


@pytest.mark.parametrize("status", ["refused", "older", "duplicate"])
def test_one_students_many_take_one_row_of_each_kind(status):
    rows = [Row(f"all.zip: {n}.zip", "ada", "90-tiny", status, remarks=("why",)) for n in range(MAX_ROWS + 1)]
    [row] = gathered(rows)
    assert (row.source, row.student, row.lab, row.status) == ("all.zip", "ada", "90-tiny", status)
    assert row.remarks == (
        f"{MAX_ROWS + 1} files in it: 0.zip, 1.zip, 2.zip and {MAX_ROWS - 2} more. Of the first: why",
    )


def test_one_persons_many_hide_nothing_of_anothers():
    """In a platform's zip a folder, or Canvas's name of a file, says who handed it in."""
    mallory = [Row(f"all.zip: Mallory_1_x/{n}.txt", "", "", "refused", remarks=("why",)) for n in range(MAX_ROWS + 1)]
    others = [Row(f"all.zip: {name}_2_x/work.zip", "", "", "refused", remarks=("why",)) for name in ("Ada", "Ben")]
    [many, *rest] = gathered([*mallory, *others])
    assert many.source == "all.zip: Mallory_1_x" and rest == others


def of_platform(*students, heavy, light=2):
    """A platform's zip: of the first so many files, of each other a few; each file is a zip that is none of a lab."""
    files = {}
    for number, student in enumerate(students):
        for n in range(light if number else heavy):
            files[f"{student}_{number}_{number}{n:03}_{n}.zip"] = packed({"submission.json": b"%d" % n})
    return packed(files)


def test_all_that_one_person_handed_in_has_a_limit_together(course, ada, tmp_path, monkeypatch):
    """A zip may hold thousands of zips that each cost as much as one may; an honest one costs nothing of it."""
    box = tmp_path / "box"
    box.mkdir()
    (box / "week.zip").write_bytes(of_platform("ben", "cleo", heavy=30))
    (box / "own.zip").write_bytes(packed({"90-tiny-ada.zip": ada.zip(tmp_path / "tmp").read_bytes()}))
    limit = "It was not looked at"
    rows = {row.source: row for row in grade(course, box)}
    assert not any(limit in " ".join(row.remarks) for row in rows.values())
    monkeypatch.setattr(limits, "LOOK", 0.0)
    monkeypatch.setattr(limits, "UPLOAD", 0.0)
    rows = grade(course, box)
    told = [row.source for row in rows if limit in " ".join(row.remarks)]
    assert [row.status for row in rows if row.student == "ada"] == ["unchanged"], "others are looked at"
    first = {receipt.name: receipt.refused for receipt in receipts.load().refused()}
    assert told and sum(limit in text for text in first.values()) == 29 + 1, (told, first)


@pytest.mark.parametrize("around", ["submissions", "week 2/submissions"])
def test_a_folder_around_a_platforms_files_puts_nobody_together_with_others(around, course, ada, tmp_path, monkeypatch):
    """A download that was unpacked and zipped again as a folder: what one hands in refuses nothing of another's."""
    box = tmp_path / "box"
    box.mkdir()
    work = {f"{around}/zada_7_7_90-tiny-ada.zip": ada.zip(tmp_path / "tmp").read_bytes()}
    many = {f"{around}/ben_9_{n}_{n}.txt": b"x" for n in range(MAX_EACH + 1)}
    (box / "all.zip").write_bytes(packed(many | work))
    rows = {row.source: row for row in grade(course, box)}
    assert rows[f"all.zip: {around}/zada_7_7_90-tiny-ada.zip"].score == 5.5
    assert f"It holds {MAX_EACH + 1} files" in rows[f"all.zip: {around}/ben"].remarks[0]
    heavy = {f"{around}/ben_9_{n}_{n}.zip": packed({"submission.json": b"%d" % n}) for n in range(3)}
    (box / "all.zip").write_bytes(packed(heavy | work))
    monkeypatch.setattr(limits, "LOOK", 0.0)
    monkeypatch.setattr(limits, "UPLOAD", 0.0)
    rows = {row.source: row for row in grade(course, box)}
    assert rows[f"all.zip: {around}/zada_7_7_90-tiny-ada.zip"].status == "unchanged"
    assert "It was not looked at" in rows[f"all.zip: {around}/ben_9_2_2.zip"].remarks[0]


def test_an_honest_file_costs_nothing_of_the_limit(tmp_path):
    file = tmp_path / "a.zip"
    file.write_bytes(b"x" * 10_000_000)
    one = Found("all.zip: a.zip", file, parts=("all.zip", "a.zip"))
    spending = Spending()
    for _ in range(10_000):
        spending.add(one, 3 * limits.LOOK)
    assert not spending.is_over(one)
    spending.add(one, 3 * limits.LOOK + limits.UPLOAD / 2)
    spending.add(Found("all.zip: b.zip", None, parts=("all.zip", "b.zip")), limits.LOOK + 0.51 * limits.UPLOAD)
    assert spending.is_over(one), "files that nothing tells apart count together"
    assert not spending.is_over(Found("all.zip: c/b.zip", None, parts=("all.zip", "c", "b.zip"), owner="c"))
    assert not spending.is_over(Found("a.zip", file, parts=("a.zip",)))


def test_equal_zips_take_no_more_of_the_ledger_than_there_is_room(course, ada, tmp_path, monkeypatch):
    monkeypatch.setattr(receipts, "MAX_NAMES", 5)
    box = tmp_path / "box"
    zipped, junk = ada.zip(tmp_path / "tmp").read_bytes(), packed({"submission.json": b"{}"})
    box.mkdir()
    (box / "all.zip").write_bytes(packed({f"{n:02}.zip": zipped for n in range(20)}))
    (box / "junk.zip").write_bytes(packed({f"{n:02}.zip": junk for n in range(20)}))
    for status in ("graded", "unchanged"):
        rows = {(row.source, row.status): row for row in grade(course, box)}
        assert rows["all.zip: 19.zip", status].score == 5.5
        assert "19 files in it" in rows["all.zip", "duplicate"].remarks[0]
        assert "20 files in it" in rows["junk.zip", "refused"].remarks[0]
        kept = receipts.load().lines
        assert len([one for one in kept if one.name.startswith("all.zip")]) == 5
        assert len([one for one in kept if one.name.startswith("junk.zip")]) == 5
    # What the instructor's list says of one is kept wherever it is.
    lists = Lists([Entry(None, by_platform=False, file="junk.zip: 12.zip", student="ben", lab="90-tiny")])
    [row] = [row for row in grade(course, box, lists=lists) if row.student == "ben"]
    assert row.source == "junk.zip: 12.zip"
    assert [one.student for one in receipts.load().lines if one.name == "junk.zip: 12.zip"] == ["ben"]


def test_many_names_in_one_zip_have_a_limit_together():
    """Whoever packs a zip chooses the names in it."""
    spent = Spending()
    for n in range(100):
        name = f"s{n}_1_{n}_x.zip"
        spent.add(Found(f"own.zip: {name}", None, parts=("own.zip", name), owner=f"s{n}"), 15.0)
    one = Found("own.zip: t_1_1_x.zip", None, parts=("own.zip", "t_1_1_x.zip"), owner="t")
    assert spent.is_over(one) and "unpack the zip around it" in spent.refusal(one)
    assert not spent.is_over(Found("class.zip: t_1_1_x.zip", None, parts=("class.zip", "t_1_1_x.zip")))
    assert not spent.is_over(Found("t_1_1_x.zip", None, parts=("t_1_1_x.zip",)))


def test_a_file_that_is_taken_away_meanwhile_costs_only_its_row(course, ada, box, monkeypatch):
    """A folder may be one that a program keeps in step with another place."""
    look = batch.looked_at

    def gone(progress, found, key):
        if "gone" in found.name:
            found.file.unlink()
        return look(progress, found, key)

    monkeypatch.setattr(batch, "looked_at", gone)
    (box / "gone.zip").write_bytes(packed({"submission.json": b"{}"}))
    (box / "junk.zip").unlink()
    rows = {row.source: row for row in grade(course, box)}
    assert rows["90-tiny-ada.zip"].score == 5.5 and "cannot be read" in rows["gone.zip"].remarks[0]
    assert not spending.Spending().is_over(Found("gone.zip", box / "gone.zip"))
