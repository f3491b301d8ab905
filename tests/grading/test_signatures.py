"""Whose work a submission is: signed by whoever has the student's file, and nothing else is let in. Needs no engine."""

from __future__ import annotations

import contextlib
import io
import json
import shlex
import zipfile
from datetime import datetime

import pytest
from click.testing import CliRunner
from rich.console import Console

from autograder import paths
from autograder.checks.shared.seeded_random import SeededRandom
from autograder.cli import instructor
from autograder.errors import CourseError
from autograder.evidence.submission_zip import SIGNATURE
from autograder.grading import (
    batch,
    discover,
    exports,
    gradebook,
    intake,
    judge,
    people,
    receipts,
    regrade,
    report,
    store,
)
from autograder.grading.archive import Archive
from autograder.grading.batch import Batch
from autograder.grading.lms import Entry, Lists
from autograder.grading.people import Course, Person
from autograder.grading.problems import Refused
from autograder.labs import manifest, signing, students, submission
from autograder.labs.live import Live
from autograder.quality import samples
from autograder.services import installation

from ..evidence.images import js
from .doubles import grade_without_engine
from .submissions import SOLVED, Student, packed

SEED = "ab" * 32
LAB = "90-tiny"
WRONG = "def double(n):\n    return n\n"


@pytest.fixture(autouse=True)
def no_engine(monkeypatch):
    grade_without_engine(monkeypatch)


@pytest.fixture
def box(tmp_path, ben):
    """What came in; ben's work is whole and keeps its points whatever else lies there."""
    ben.zip(tmp_path / "box")
    return tmp_path / "box"


def grade(course, *given, **more):
    rows = Batch(course, jobs=1, **more).run(list(given), lambda plan: None, lambda row: None)
    own = [row for row in rows if row.student == "ben"]
    assert [row.score for row in own] == [5.5] * len(own), "the neighbour keeps all points"
    return {(row.source, row.status): row for row in rows if row.student != "ben"}


def only(rows):
    [row] = rows.values()
    return row


def score(student="ada"):
    document = store.read(student, LAB)
    return None if document is None else document.score


def without(file, *names):
    """A zip with files taken out, as somebody with a zip tool does it."""
    with zipfile.ZipFile(file) as archive:
        return packed({name: archive.read(name) for name in archive.namelist() if name not in names})


def content(file):
    with zipfile.ZipFile(file) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@contextlib.contextmanager
def an_earlier_kit():
    """One that knows nothing of signatures: it lets in whatever names a student, and its lines say nothing of them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batch._Door, "_signed", lambda self, seen: seen)
        yield


# -- the signature ---------------------------------------------------------------------------------------------------


def test_a_signature_is_of_these_bytes_by_this_seed():
    written = signing.sign(SEED, b"{}")
    assert json.loads(written).keys() == {"schema", "hmac_sha256"} and written.endswith(b"\n")
    found = SIGNATURE.from_json(written)
    assert signing.fits(SEED, b"{}", found)
    for seed, what in ((SEED, b"{} "), (SEED, b""), ("ac" * 32, b"{}"), (SEED.upper(), b"{}")):
        assert not signing.fits(seed, what, found)


def test_no_draw_from_the_seed_gives_the_signatures_away():
    """Values that are drawn from the same seed are no secret: they stand in names of repositories."""
    draws = {SeededRandom(SEED).hex(name, 64) for name in ("", "team", signing.LABEL.decode())}
    assert SIGNATURE.from_json(signing.sign(SEED, b"team")).hmac_sha256 not in draws


def test_submit_signs_what_it_writes(course, ada, tmp_path, monkeypatch):
    """With the file that the class hands out, and the class finds the signature good."""
    handed = students.read(paths.classroom() / people.HANDOUT / "ada" / "student.toml")
    (tmp_path / f"{LAB}.ipynb").write_bytes(js(ada.notebook()))
    live = Live(ada.lab, handed, tmp_path)
    monkeypatch.setattr(Live, "collect", lambda self, left_out: evidence(ada))
    monkeypatch.setattr(submission, "machine", type("M", (), {"describe": staticmethod(lambda: (None, {}))}))
    file = submission.write(live, tmp_path / "out").file
    with Archive(file) as archive:
        header = intake.header_bytes(archive)
        assert intake.signed(archive, header, intake.parsed_header(header), course.key).by == "student"
        assert set(intake.parsed_header(header).files) == set(archive.names) - {"submission.json", "submission.sig"}
        assert not intake.read(archive, course).notes


def evidence(ada):
    from autograder.evidence.model import Evidence, Service

    return Evidence(
        kit_version="1", lab=LAB, lab_version=1, student="ada", origin="live", collected_at="", journal=(),
        parameters=ada.parameters, services={"registry": Service()}, answers={}, answer_inputs={}, files={},
        tasks={}, probes={}, engine=None, images={},
    )  # fmt: skip


def test_submit_says_what_to_do_where_the_file_has_no_seed(course, ada, tmp_path):
    with pytest.raises(Exception, match="Ask your instructor for a new student"):
        submission.write(Live(ada.lab, students.issue(b"k", "c", "ada", ["01-first-push"]), tmp_path), tmp_path)


def test_all_of_the_sample_class_signed(course):
    """Their scripts cheat with a zip tool, and sign then with the file that they do have."""
    for slug in [file.parent.name for file in paths.LABS.glob("*/lab.toml")]:
        for file in sorted((paths.ROOT / "solutions" / slug / "samples").glob("*.zip")):
            with Archive(file) as archive:
                header = intake.header_bytes(archive)
                assert intake.signed(archive, header, intake.parsed_header(header), samples.KEY).by == "student", file


# -- at the door -----------------------------------------------------------------------------------------------------


def test_signed_work_is_let_in_and_that_is_kept(course, ada, box):
    row = only(grade(course, ada.zip(box), box))
    assert (row.status, row.score, row.remarks) == ("graded", 5.5, ())
    ledger = receipts.load()
    assert ledger.is_signed(row.sha256) and {line.signature for line in ledger.lines} == {"signed"}
    lines = len(ledger.lines)
    grade(course, box)
    assert len(receipts.load().lines) == lines, "nothing new is known"


def test_what_is_not_signed_is_refused_and_says_what_to_do(course, ada, box):
    ada.signs = False
    ada.zip(box)
    row = only(grade(course, box))
    assert (row.status, row.student, score()) == ("refused", "ada", None) and row.is_open
    for words in (
        "It is not signed. Expected: submission.sig with the signature of ada",
        "found: none, as earlier kits wrote it",
        f"`python3 course.py submit {LAB}` again",
        f"`python3 course.py grade … --unsigned {LAB}-ada.zip`",
    ):
        assert words in row.remarks[0]
    assert not (paths.classroom() / "verdicts/ada").exists()
    again = only(grade(course, box))
    assert again.status == "refused", "that it was refused once does not let it in"
    assert receipts.load().let_in(row.sha256, "ada") is None


def spoiled(good):
    """What stands in submission.sig: by name."""
    digest = json.loads(good)["hmac_sha256"]
    return {
        "of another": signing.sign(SEED, b"x"),
        "capitals": good.replace(digest.encode(), digest.upper().encode()),
        "a line end in it": good.replace(digest.encode(), digest.encode() + b"\\n"),
        "one digit less": good.replace(digest.encode(), digest[:-1].encode()),
        "the bare digits": digest.encode(),
        "empty": b"",
        "binary": bytes(range(256)),
        "a list": b"[]",
        "huge": good + b" " * (5 << 10),
        "a number": js({"schema": 1, "hmac_sha256": 5}),
        "deep": b"[" * 2_000,
        "NaN": b'{"schema": NaN}',
        "of a newer kit": js({"schema": 2, "hmac_sha256": digest}),
        "no text": good.replace(b"schema", b"\xff\xfe"),
    }


@pytest.mark.parametrize("how", [*spoiled(signing.sign(SEED, b"")), "another's", "another class's", "of another zip"])
def test_a_signature_that_does_not_fit_is_refused(course, ada, box, how):
    file = ada.zip(box)
    files = content(file)
    if how == "another's":
        files["submission.sig"] = signing.sign(course.seed("ben", LAB), files["submission.json"])
    elif how == "another class's":
        files["submission.sig"] = signing.sign(students.seed(b"other", "ada", LAB), files["submission.json"])
    elif how == "of another zip":
        ada.written_at = "2025-04-01T10:00:00+00:00"
        files["submission.sig"] = content(ada.zip(box.parent / "other"))["submission.sig"]
    else:
        files["submission.sig"] = spoiled(files["submission.sig"])[how]
    file.write_bytes(packed(files))
    row = only(grade(course, box))
    assert row.status == "refused" and score() is None
    assert "Its signature does not fit. Expected: submission.sig with the signature of ada" in row.remarks[0]
    assert "class/handout-parameters/ada/" in row.remarks[0] and "found: submission.sig" in row.remarks[0]


def test_blanks_around_a_signature_change_nothing(course, ada, box):
    files = content(ada.zip(box))
    (box / f"{LAB}-ada.zip").write_bytes(packed(files | {"submission.sig": b" \n" + files["submission.sig"] + b"\n"}))
    assert only(grade(course, box)).score == 5.5


@pytest.mark.parametrize("change", [
    lambda text: text.replace(b"2025-03-01", b"2025-03-02"),
    lambda text: text + b"\n",
    lambda text: text.replace(b'"student"', b'"student" '),
    lambda text: text.replace(b'"lab"', b'"note": "", "lab"', 1),
])  # fmt: skip
def test_a_changed_submission_json_is_refused(course, ada, box, change):
    """By a byte, also one that says nothing."""
    file = ada.zip(box)
    files = content(file)
    changed = change(files["submission.json"])
    assert changed != files["submission.json"]
    file.write_bytes(packed(files | {"submission.json": changed}))
    assert "Its signature does not fit" in only(grade(course, box)).remarks[0]


@pytest.mark.parametrize("twice", ["submission.json", "submission.sig"])
@pytest.mark.parametrize("other", ["same name", "other case"])
def test_a_name_that_comes_twice_is_refused(course, ada, box, twice, other):
    file = ada.zip(box)
    name = twice if other == "same name" else twice.upper()
    with contextlib.suppress(UserWarning), zipfile.ZipFile(file, "a") as archive:
        import warnings

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            archive.writestr(name, content(file)[twice])
    row = only(grade(course, box))
    assert row.status == "refused" and ("the same name" in row.remarks[0] or "differ in case" in row.remarks[0])


def test_the_name_of_the_signature_is_exact(course, ada, box):
    file = ada.zip(box)
    files = content(file)
    file.write_bytes(packed({name.replace("submission.sig", "SUBMISSION.SIG"): c for name, c in files.items()}))
    assert "It is not signed" in only(grade(course, box)).remarks[0]


def test_packed_again_with_a_folder_around_it_stays_signed(course, ada, box):
    files = content(ada.zip(box))
    (box / f"{LAB}-ada.zip").write_bytes(packed({f"{LAB}-ada/{name}": c for name, c in files.items()}))
    assert only(grade(course, box)).score == 5.5


@pytest.mark.parametrize("id", ["Ada", "ADA", "ada ", "ada\n", "ad\u0430"])
def test_another_spelling_of_an_id_is_nobodys(course, ada, box, id):
    ada.header = {"student": id}
    ada.zip(box)
    assert "is not a student id" in only(grade(course, box)).remarks[0]


def test_a_student_file_that_is_written_again_signs_as_before(course, ada, box):
    """The roster grows: the key stays, and so do the seeds."""
    people.register([*course.roster.values(), Person("dora")])
    fresh = people.load()
    handed = students.read(paths.classroom() / people.HANDOUT / "ada" / "student.toml")
    assert handed.seed(LAB) == course.seed("ada", LAB)
    ada.zip(box)
    assert only(grade(fresh, box)).score == 5.5


def test_a_class_made_anew_under_its_name_takes_no_earlier_signature(course, ada, box):
    ada.zip(box)
    (paths.classroom() / "course.toml").unlink()
    people.register([Person("ada")], course.id)
    rows = Batch(people.load(), jobs=1).run([box / f"{LAB}-ada.zip"], lambda plan: None, lambda row: None)
    assert [row.status for row in rows] == ["refused"] and "does not fit" in rows[0].remarks[0]


@pytest.mark.parametrize("signs", [True, False])
@pytest.mark.parametrize("wrongly", [True, False])
def test_who_learns_alone_needs_no_signature(home, kit, lab, box, signs, wrongly, tmp_path):
    course = Course(students.PUBLIC_COURSE, students.PUBLIC_KEY, None)
    learner = Student("learner", course, lab, signs=signs)
    files = learner.signed(learner.files())
    if wrongly:
        files["submission.sig"] = b"\xff"
    (tmp_path / "x.zip").write_bytes(packed(files))
    row = only(grade(course, tmp_path / "x.zip"))
    assert (row.status, row.score) == ("graded", 5.5)
    assert "signature" not in (paths.classroom() / "received.jsonl").read_text()


# -- of before the upgrade -------------------------------------------------------------------------------------------


def test_what_an_earlier_kit_let_in_keeps_counting(course, ada, box):
    ada.signs = False
    ada.zip(box)
    with an_earlier_kit():
        assert only(grade(course, box)).score == 5.5
    assert "signature" not in (paths.classroom() / "received.jsonl").read_text()
    row = only(grade(course, box))
    assert (row.status, row.score) == ("unchanged", 5.5)
    assert [line.signature for line in receipts.load().lines if line.student == "ada"] == [None, "before"]
    assert only(grade(course, box, force=True)).score == 5.5
    store.verdict_file("ada", LAB).unlink()
    assert only(grade(course, box)).score == 5.5
    [document] = regrade.candidates([], ["ada"], course)
    assert [row.score for row in regrade.run([document], course, lambda row: None)] == [5.5]


def test_version_0_1_0_kept_no_list_and_its_verdicts_tell(course, ada, box):
    ada.signs = False
    ada.zip(box)
    with an_earlier_kit():
        grade(course, box)
    (paths.classroom() / "received.jsonl").unlink()
    assert only(grade(course, box)).status == "unchanged"
    (box / "other.zip").write_bytes(content_of(ada, WRONG))
    rows = grade(course, box)
    assert rows["other.zip", "refused"] and score() == 5.5


def content_of(student, source, **more):
    return packed(student.signed(student.files(source, **more)))


def test_the_same_under_another_name_or_in_a_zip_is_known_too(course, ada, box):
    ada.signs = False
    file = ada.zip(box)
    with an_earlier_kit():
        grade(course, box)
    (box / "bulk.zip").write_bytes(packed({"ada/x.zip": file.read_bytes()}))
    file.unlink()
    assert only(grade(course, box)).score == 5.5


def test_what_was_refused_then_is_not_let_in_now(course, ada, box):
    """It named ada, and the platform said that cleo handed it in: it was nobody's work of ada's."""
    ada.signs = False
    name = "cleo_1_2_90-tiny-ada.zip"
    file = ada.zip(box, name=name)
    with an_earlier_kit():
        assert only(grade(course, box)).status == "refused"
    assert receipts.load().knows(judge.sha256_of(file))
    file.rename(box / f"{LAB}-ada.zip")
    row = only(grade(course, box))
    assert row.status == "refused" and "It is not signed" in row.remarks[0] and score() is None


def test_a_list_that_tells_an_early_time_lets_nothing_in(course, ada, box):
    """What was received before is what grade has seen, and not what a list says of a name."""
    ada.signs = False
    ada.zip(box)
    lists = Lists([Entry(datetime.fromisoformat("2020-01-01T00:00Z"), by_platform=False, student="ada", lab=LAB)])
    assert only(grade(course, box, lists=lists)).status == "refused"


def test_signed_by_a_newer_kit_and_graded_by_an_earlier_one(course, ada, box):
    """The student was first; what the earlier kit took for a file that is not listed is a signature now."""
    ada.zip(box)
    with an_earlier_kit():
        grade(course, box)
    row = only(grade(course, box))
    assert row.status == "unchanged" and receipts.load().is_signed(row.sha256)


# -- named by the instructor -----------------------------------------------------------------------------------------


LET_IN = "Not signed; the instructor let it in on {} (--unsigned)."


@pytest.mark.parametrize("where", ["file", "folder", "zip of zips", "not among what is given"])
def test_the_instructor_lets_it_in_once_and_for_all(course, ada, box, where, tmp_path):
    ada.signs = False
    name = {"folder": "more/x.zip"}.get(where, "x.zip")
    place = box / name if where != "not among what is given" else tmp_path / "elsewhere.zip"
    place.parent.mkdir(exist_ok=True)
    inner = content_of(ada, SOLVED)
    place.write_bytes(packed({"ada/x.zip": inner}) if where == "zip of zips" else inner)
    given = place.parent if where == "folder" else place
    row = only(grade(course, box, unsigned=[given]))
    assert (row.status, row.score, row.remarks) == ("graded", 5.5, (LET_IN.format(receipts.now().date()),))
    if where == "not among what is given":
        place = place.rename(box / "x.zip")
    assert only(grade(course, box)).status == "unchanged"
    store.verdict_file("ada", LAB).unlink()
    assert only(grade(course, box)).score == 5.5, "class/received.jsonl remembers it"
    assert '"signature":"named"' in (paths.classroom() / "received.jsonl").read_text()


def test_only_what_is_named_is_let_in(course, ada, box):
    ada.signs = False
    named = ada.zip(box, name="named.zip")
    (box / "other.zip").write_bytes(content_of(ada, WRONG))
    rows = grade(course, box, unsigned=[named])
    assert rows["named.zip", "graded"].score == 5.5 and rows["other.zip", "refused"]


def test_naming_lets_in_what_is_signed_wrongly_too(course, ada, box):
    file = ada.zip(box)
    file.write_bytes(packed(content(file) | {"submission.sig": b"x"}))
    assert only(grade(course, box)).status == "refused"
    assert only(grade(course, box, unsigned=[file])).score == 5.5
    assert only(grade(course, box)).status == "unchanged"


def test_naming_does_not_say_who_handed_it_in(course, ada, box):
    ada.signs = False
    file = ada.zip(box, name="cleo_1_2_90-tiny-ada.zip")
    row = only(grade(course, box, unsigned=[file]))
    assert row.status == "refused" and "cleo handed it in" in row.remarks[0]


@pytest.mark.parametrize("as_printed", ["all.zip: Ada/x.zip", "Ada/x.zip"])
def test_a_zip_in_a_zip_is_named_as_the_table_prints_it(course, ada, box, as_printed):
    ada.signs = False
    (box / "all.zip").write_bytes(packed({"Ada/x.zip": content_of(ada, SOLVED), "Ben/y.zip": content_of(ada, WRONG)}))
    printed = [source for source, status in grade(course, box) if status == "refused"]
    assert printed == ["all.zip: Ada/x.zip", "all.zip: Ben/y.zip"]
    rows = grade(course, box, unsigned=[as_printed])
    assert rows["all.zip: Ada/x.zip", "graded"].score == 5.5 and rows["all.zip: Ben/y.zip", "refused"]


@pytest.mark.parametrize("name", ["nothing.zip", "x.zip"])
def test_a_name_that_fits_nothing_or_several_is_an_error(course, ada, box, name):
    ada.signs = False
    zips = {"1/x.zip": content_of(ada, SOLVED), "2/x.zip": content_of(ada, WRONG)}
    (box / "all.zip").write_bytes(packed(zips))
    with pytest.raises(CourseError) as error:
        grade(course, box, unsigned=[name])
    assert error.value.found.startswith(f"{name} fits ") and ("2/x.zip" in error.value.found) is (name == "x.zip")


def test_a_name_that_is_exactly_one_goes_before_what_ends_so(course, ada, lab, box):
    """``mail/x.zip`` ends as the other is called; taking back the other takes back nothing else."""
    cleo = Student("cleo", course, lab)
    ada.signs = cleo.signs = False
    (box / "mail").mkdir()
    mine, other = ada.zip(box / "mail", name="x.zip"), cleo.zip(box, name="x.zip")
    grade(course, box, unsigned=[mine])
    rows = grade(course, box, unsigned=["x.zip"])
    assert rows[other.name, "graded"].student == "cleo"
    rows = grade(course, box, take_back=["x.zip"])
    assert rows["mail/x.zip", "unchanged"].student == "ada" and rows["x.zip", "refused"]
    assert store.read("ada", LAB) is not None and store.read("cleo", LAB) is None


@pytest.mark.parametrize("kind", ["unsigned", "take_back"])
def test_a_name_that_no_path_can_have_is_an_error_in_words(course, ada, box, kind):
    ada.zip(box)
    with pytest.raises(CourseError, match=f"for --{kind.replace('_', '-')}"):
        grade(course, box, **{kind: ["\N{CYRILLIC SMALL LETTER A}" * 180 + ".zip"]})


def test_several_zips_in_one_that_somebody_packed_are_named_one_by_one(course, ada, lab, box):
    """Whose names they bear was chosen by whoever packed them; a platform's download says who handed in each."""
    cleo = Student("cleo", course, lab)
    ada.signs = cleo.signs = False
    zips = {"x.zip": content_of(ada, SOLVED), "zz.zip": content_of(cleo, WRONG)}
    (box / "of ada.zip").write_bytes(packed(zips))
    for given in (box / "of ada.zip", box):
        with pytest.raises(CourseError, match="named by itself"):
            grade(course, box, unsigned=[given])
    rows = grade(course, box, unsigned=["of ada.zip: x.zip"])
    assert rows["of ada.zip: x.zip", "graded"].score == 5.5 and rows["of ada.zip: zz.zip", "refused"]


def test_what_is_named_is_unpacked_once(course, ada, box, monkeypatch):
    ada.signs = False
    (box / "all.zip").write_bytes(packed({"x.zip": content_of(ada, SOLVED)}))
    taken, take_out = [], discover._take_out
    monkeypatch.setattr(discover, "_take_out", lambda *a: taken.append(a[1].filename) or take_out(*a))
    assert only(grade(course, box, unsigned=[box / "all.zip"])).score == 5.5 and taken == ["x.zip"]


def remarks_of(course):
    return {entry.student: (entry.status, entry.remark) for entry in exports.entries(course) if entry.lab == LAB}


@pytest.mark.parametrize("how", ["file", "name", "the file is gone"])
def test_letting_in_is_said_everywhere_and_can_be_taken_back(course, ada, box, how):
    ada.signs = False
    file, said = ada.zip(box, name="x.zip"), LET_IN.format(receipts.now().date())
    assert only(grade(course, box, unsigned=[file])).remarks == (said,)
    gradebook.sync(course)
    assert only(grade(course, box)).remarks == (said,), "also when nothing is to be done"
    assert remarks_of(course)["ada"] == ("needs review", said), "for its written task alone"
    done = CliRunner().invoke(instructor.regrade, ["--json", "--student", "ada", "--jobs", "1"])
    assert json.loads(done.stdout)[0]["remarks"] == [said, "No change."], done.output
    if how == "the file is gone":
        file.unlink()
    rows = grade(course, box, take_back=[file if how == "file" else "x.zip"])
    assert not rows if how == "the file is gone" else "It is not signed." in only(rows).remarks[0]
    gradebook.sync(course)
    status, why = remarks_of(course)["ada"]
    assert status == "refused" and ("took that back on" in why or "It is not signed." in why)
    assert store.read("ada", LAB) is None
    [kept] = (paths.classroom() / "taken-back" / "ada").iterdir()
    assert {file.name for file in kept.iterdir()} >= {"verdict.json", "evidence.json.gz", "submitted"}
    if how != "the file is gone":
        assert only(grade(course, box)).status == "refused", "it stays so"
        assert only(grade(course, box, unsigned=[file])).score == 5.5, "and may be let in again"


def test_taking_back_needs_no_submissions(course, ada, box):
    ada.signs = False
    grade(course, box, unsigned=[ada.zip(box, name="x.zip")])
    done = CliRunner().invoke(instructor.grade, ["--take-back", "x.zip"])
    assert "Taken back: x.zip (ada, 90-tiny)." in done.output, done.output
    assert store.read("ada", LAB) is None and CliRunner().invoke(instructor.grade, []).exit_code == 2


def test_only_what_was_let_in_can_be_taken_back(course, ada, box):
    ada.zip(box, name="signed.zip")
    grade(course, box)
    with pytest.raises(CourseError, match="let in with --unsigned"):
        grade(course, box, take_back=[box / "signed.zip"])
    assert score() == 5.5


def test_the_command_takes_the_files(course, ada, box, monkeypatch):
    ada.signs = False
    file, seen = ada.zip(box), []
    monkeypatch.setattr(Batch, "run", lambda self, given, *_: seen.append((given, self.unsigned)) or [])
    monkeypatch.setattr(instructor, "_into_gradebook", lambda course, rows, progress: rows)
    monkeypatch.setattr(installation, "locked", lambda *a, **k: contextlib.nullcontext())
    done = CliRunner().invoke(instructor.grade, [str(box), "--unsigned", str(file)])
    assert done.exit_code == 0 and seen == [([box], (str(file),))], done.output


# -- what replaces what ----------------------------------------------------------------------------------------------


def at(**files):
    return Lists([Entry(datetime.fromisoformat(time), by_platform=True, file=f"{n}.zip") for n, time in files.items()])


TIMES = {"signed": "2025-03-01T10:00Z", "unsigned": "2025-03-05T10:00Z"}


@pytest.fixture
def both(course, ada, box):
    """Signed work, and unsigned work that was received later."""
    ada.zip(box, name="signed.zip")
    ada.signs, ada.written_at = False, "2025-03-05T10:00:00+00:00"
    (box / "unsigned.zip").write_bytes(content_of(ada, WRONG))
    return box / "signed.zip", box / "unsigned.zip"


def test_in_one_run_unsigned_work_never_replaces_signed_work(course, both, box):
    rows = grade(course, box, lists=at(**TIMES), unsigned=[both[1]])
    assert rows["signed.zip", "graded"].score == 5.5
    assert rows["unsigned.zip", "older"].remarks == (
        "signed.zip counts: it has the student's signature, and the other has none.",
    )


def test_where_signed_work_counts_nobody_is_told_to_let_in_what_is_not(course, both, box):
    rows = grade(course, box)
    assert rows["signed.zip", "graded"].score == 5.5
    told = (
        "It is not signed, and counts for nothing: what ada has signed for this lab counts (signed.zip). Nothing to do."
    )
    assert rows["unsigned.zip", "refused"].remarks == (told,)
    both[0].unlink()
    assert only(grade(course, box)).remarks == (told,), "also in a later run, without it"
    store.set_aside(store.read("ada", LAB))
    assert "--unsigned unsigned.zip" in only(grade(course, box)).remarks[0]


@pytest.mark.parametrize("width", [60, 80, 200])
@pytest.mark.parametrize("name", ["x.zip", "Ada's last try, " + "really " * 12 + "the last.zip"])
def test_what_lets_it_in_can_be_pasted_whole(course, ada, box, width, name):
    ada.signs = False
    ada.zip(box, name=name)
    out = io.StringIO()
    report.show(Console(file=out, width=width), list(grade(course, box).values()))
    options = [line.strip() for line in out.getvalue().splitlines() if line.startswith("  --unsigned ")]
    assert [shlex.split(option) for option in options] == [["--unsigned", name]]
    assert only(grade(course, box, unsigned=[name])).score == 5.5


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("how", ["named", "before"])
def test_nor_across_runs(course, both, box, force, how):
    signed, unsigned = both
    if how == "before":
        other = unsigned.rename(box.parent / "unsigned.zip")
        with an_earlier_kit():  # it is known, and then the student updates and submits anew
            grade(course, other)
        grade(course, signed, lists=at(**TIMES))
        assert score() == 5.5, "although it was received earlier"
        other.rename(unsigned)
    else:
        grade(course, signed, lists=at(**TIMES))
    row = only(grade(course, unsigned, lists=at(**TIMES), unsigned=[unsigned] if how == "named" else [], force=force))
    assert row.status == "older" and score() == 5.5
    assert row.remarks[0].startswith("signed.zip, graded already, counts: it has the student's signature")


def test_signed_work_replaces_unsigned_work_that_was_received_later(course, both, box):
    signed, unsigned = both
    grade(course, unsigned, lists=at(**TIMES), unsigned=[unsigned])
    assert score() == 3.5
    assert only(grade(course, signed, lists=at(**TIMES))).score == 5.5 and score() == 5.5


def test_of_signed_work_the_last_received_counts(course, ada, box):
    ada.zip(box, name="signed.zip")
    ada.written_at = "2025-03-05T10:00:00+00:00"
    ada.zip(box, ada.files(WRONG), name="unsigned.zip")  # signed, too
    assert grade(course, box, lists=at(**TIMES))["unsigned.zip", "graded"].score == 3.5


@pytest.mark.parametrize("name", ["a.zip", "z.zip"])
@pytest.mark.parametrize("runs", [1, 2])
@pytest.mark.parametrize("force", [False, True])
def test_a_part_of_signed_work_does_not_replace_the_whole(course, ada, box, name, runs, force):
    """Whoever has the zip can take files out of it, and the signature still fits."""
    whole = ada.zip(box, name="m.zip")
    part = box / name
    part.write_bytes(without(whole, "notebook.ipynb", "answers.json"))
    if runs == 2:
        grade(course, whole)
        rows = grade(course, box if not force else part, force=force)
        assert rows[name, "older"]
    else:
        rows = grade(course, box, force=force, lists=at(m="2025-03-01T10:00Z", **{name[0]: "2025-03-09T10:00Z"}))
        assert "not whole: missing, or changed" in rows[name, "older"].remarks[0]
        assert "answers.json, notebook.ipynb" in rows[name, "older"].remarks[0]
    assert score() == 5.5
    if runs == 2:
        assert only(grade(course, part)).status == "older" and score() == 5.5


@pytest.mark.parametrize("name", ["a.zip", "z.zip"])
@pytest.mark.parametrize("runs", [1, 2])
@pytest.mark.parametrize("beside", [False, True])
def test_the_whole_replaces_a_part_that_came_first(course, ada, box, name, runs, beside):
    """An upload that was cut, or somebody who was quicker; whatever the files are called."""
    whole = ada.zip(box.parent / "later", name="whole.zip")
    part = box / name
    part.write_bytes(without(whole, "notebook.ipynb"))
    if runs == 2:
        assert only(grade(course, part)).score < 5.5
    whole = whole.rename(box / "whole.zip")
    rows = grade(course, *([box] if runs == 1 or beside else [whole]))
    assert rows["whole.zip", "graded"].score == 5.5 == score()
    assert grade(course, box)["whole.zip", "unchanged"].score == 5.5 == score(), "and so it stays"


def test_another_part_does_not_replace_a_part(course, ada, box):
    whole = ada.zip(box.parent / "later", name="whole.zip")
    for name, left_out in (("m.zip", ["answers.json"]), ("a.zip", ["notebook.ipynb", "answers.json"])):
        (box / name).write_bytes(without(whole, *left_out))
    before = only(grade(course, box / "m.zip")).score
    assert only(grade(course, box / "a.zip")).status == "older" and score() == before


@pytest.mark.parametrize("runs", [1, 2])
def test_a_file_that_was_changed_by_hand_is_named(course, ada, box, runs):
    """Beside the zip as `submit` wrote it, or after that was graded."""
    whole = ada.zip(box, name="m.zip")
    if runs == 2:
        grade(course, box)
    (box / "z.zip").write_bytes(packed(content(whole) | {"answers.json": b"{}"}))
    said = grade(course, box)["z.zip", "older"].remarks[0]
    told = "submit` wrote the zip: answers.json. For the student: if the change is to count, run"
    assert told in said and score() == 5.5
    (box / "z.zip").write_bytes(without(whole) + b"")
    with zipfile.ZipFile(box / "z.zip", "a") as archive:
        archive.comment = b"only packed again"
    assert "the same submission, packed again" in grade(course, box)["z.zip", "older"].remarks[0]


def test_work_that_was_replaced_does_not_come_back_packed_again(course, ada, box):
    first = ada.zip(box, ada.files(WRONG), name="first.zip")
    grade(course, box, lists=at(first="2025-03-01T10:00Z"))
    ada.written_at = "2025-03-02T10:00:00+00:00"
    second = ada.zip(box, name="second.zip")
    grade(course, box, lists=at(first="2025-03-01T10:00Z", second="2025-03-02T10:00Z"))
    assert score() == 5.5
    again = box / "again.zip"
    again.write_bytes(without(first) + b"")
    with zipfile.ZipFile(again, "a") as archive:
        archive.comment = b"packed again"
    first.unlink()
    second.unlink()
    row = only(grade(course, again, lists=at(again="2025-03-09T10:00Z")))
    assert row.status == "older" and score() == 5.5


def test_refused_work_stands_beside_the_graded(course, both, box):
    grade(course, box, lists=at(**TIMES))
    assert [(line.name, line.student) for line in receipts.load().refused()] == [("unsigned.zip", "ada")]
    assert score() == 5.5


def test_a_signature_is_no_excuse_for_the_rest(course, ada, box):
    """The header of a signed zip is checked as any: the lab, the course, the version."""
    ada.header = {"lab": "nonsense"}
    ada.zip(box)
    assert "which this kit does not have" in only(grade(course, box)).remarks[0]


def test_reading_takes_what_is_signed_byte_for_byte(ada):
    """A header is read from the very bytes that are signed."""
    files = ada.signed(ada.files())
    with Archive(io.BytesIO(packed(files))) as archive:
        assert intake.header_bytes(archive) == files["submission.json"]
    with Archive(io.BytesIO(packed({"x": b""}))) as archive, pytest.raises(Refused, match=r"no submission\.json"):
        intake.header_bytes(archive)


def test_every_lab_has_a_key_of_its_own(course):
    keys = {course.seed("ada", slug) for slug in manifest.slugs()} | {course.seed("ada", "01-first-push")}
    assert len(keys) == len(set(manifest.slugs()) | {"01-first-push"})
