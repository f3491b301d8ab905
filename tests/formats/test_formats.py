"""Each format has a model and a number: what is older or says more is read, what is newer is said."""

from __future__ import annotations

import importlib
import json
import pkgutil
import re
import zipfile

import pytest
from pydantic import BaseModel, ConfigDict, Field

from autograder import paths
from autograder.errors import CourseError
from autograder.evidence import submission_zip
from autograder.evidence.model import EVIDENCE, Evidence, Service
from autograder.formats import Format, JsonObject, Newer, Unreadable, is_absent
from autograder.grading import judge, people, store
from autograder.grading.archive import Archive
from autograder.grading.intake import header_of
from autograder.grading.verdict_file import VERDICTS
from autograder.labs import answers, progress, students
from autograder.labs.students import STUDENT

from . import frozen

ROW = re.compile(
    r"^\| `(?P<constant>[A-Z_]+)` \| (?P<files>[^|]+) \| (?P<number>\d+) \| (?P<model>[^|]+) \|", re.MULTILINE
)


def every_format():
    """Constant -> format, of the whole kit."""
    found = {}
    for room in ("evidence", "labs", "grading"):
        package = importlib.import_module(f"autograder.{room}")
        for module in pkgutil.iter_modules(package.__path__, f"autograder.{room}."):
            for name, value in vars(importlib.import_module(module.name)).items():
                if isinstance(value, Format):
                    assert found.setdefault(name, value) is value, f"two formats are called {name}"
    return found


FORMATS = every_format()


def shown(kind):
    """A type as CONTRIBUTING.md writes it: without the modules it comes from."""
    return kind.__name__ if isinstance(kind, type) else re.sub(r"\w+\.", "", str(kind))


def test_the_list_in_contributing_is_whole():
    """A new format is a `Format` beside its model, and a line in the table of CONTRIBUTING.md, "Formats"."""
    text = (paths.ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    listed = {row["constant"]: (row["files"], int(row["number"]), row["model"]) for row in ROW.finditer(text)}
    assert listed == {name: (form.files, form.number, f"`{shown(form.kind)}`") for name, form in FORMATS.items()}


# -- the mechanism ---------------------------------------------------------------------------------------------------


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    size: int


class Thing(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)
    schema_: int = Field(default=3, alias="schema")
    part: Part
    colour: str = "none"
    witness: JsonObject | None = Field(default=None, exclude_if=is_absent)


def first(document):
    """Number 1 held the size itself."""
    return {"part": {"size": document.pop("size")}, **document}


def second(document):
    """Number 2 wrote the colour in capitals."""
    return document | {"colour": document["colour"].lower()}


THING: Format[Thing] = Format("the thing", "thing.json", Thing, number=3, older={1: first, 2: second})


@pytest.mark.parametrize("document", [
    {"size": 4, "colour": "RED"},
    {"schema": 1, "size": 4, "colour": "RED", "unknown": 1},
    {"schema": 2, "part": {"size": 4, "unknown": 1}, "colour": "Red"},
    {"schema": 3, "part": {"size": 4}, "colour": "red", "unknown": [1]},
])  # fmt: skip
def test_older_documents_and_unknown_fields_are_read(document):
    before = json.dumps(document)
    assert THING.parse(document) == Thing(part=Part(size=4), colour="red")
    assert THING.from_json(before.encode()) == THING.parse(document)
    assert json.dumps(document) == before, "a reader changes nothing"


@pytest.mark.parametrize(("document", "says"), [
    ({"schema": 4}, "it has the schema 4; this kit reads 3 and older"),
    ({"schema": "3"}, "no number of a schema"),
    ({"schema": True}, "no number of a schema"),
    ({"schema": 0}, "no number of a schema"),
    ({"schema": 1}, "has not the form of schema 1"),
    ({"schema": 2, "part": {"size": 1}, "colour": 5}, "has not the form of schema 2"),
    ({"schema": 3, "part": {"size": "much"}}, "part.size: "),
    ([], "valid dictionary"),
    (None, "valid dictionary"),
])  # fmt: skip
def test_what_cannot_be_read_is_said(document, says):
    with pytest.raises(Unreadable) as caught:
        THING.parse(document)
    assert says in caught.value.detail and "the thing" in caught.value.expected and caught.value.next_step
    assert isinstance(caught.value, Newer) == ("and older" in says)


def in_kilobytes(document):
    """Number 1 of the sizes held kB."""
    return {name: size * 1000 if name != "schema" else size for name, size in document.items()}


SIZES: Format[dict[str, int]] = Format("the sizes", "sizes.json", dict[str, int], number=2, older={1: in_kilobytes})
NAMES: Format[dict[str, str]] = Format("the names", "names.json", dict[str, str])


@pytest.mark.parametrize("document", [
    {"a": 1, "b": 2}, {"schema": 1, "a": 1, "b": 2}, {"schema": 2, "a": 1000, "b": 2000},
])  # fmt: skip
def test_a_mapping_of_names_has_a_number_too(document):
    assert SIZES.parse(document) == {"a": 1000, "b": 2000}
    assert json.loads(SIZES.to_json(SIZES.parse(document))) == {"schema": 2, "a": 1000, "b": 2000}
    assert SIZES.from_json(SIZES.to_json(SIZES.parse(document), indent=1)) == {"a": 1000, "b": 2000}


def test_the_number_of_a_mapping_is_none_of_its_names():
    assert NAMES.parse({"schema": 1, "a": "b"}) == {"a": "b"}
    assert NAMES.parse({"schema": "a name", "a": "b"}) == {"schema": "a name", "a": "b"}
    assert NAMES.to_json({"a": "b"}) == b'{"a":"b"}'
    with pytest.raises(Newer):
        NAMES.parse({"schema": 2, "a": "b"})
    with pytest.raises(Unreadable, match="no number"):
        NAMES.parse({"schema": True})


@pytest.mark.parametrize("name", ["ANSWERS", "CASES", "PROGRESS", "SHIPPED_FILES", "VERSIONS"])
def test_each_mapping_of_the_kit_may_carry_its_number(name):
    assert FORMATS[name].parse({"schema": FORMATS[name].number}) == {}


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b'{"a": 1'])
def test_what_is_no_json_or_toml_is_said(content):
    for read in (THING.from_json, THING.from_toml):
        with pytest.raises(Unreadable):
            read(content)


def test_an_unknown_field_in_what_people_write_is_a_slip():
    form: Format[Thing] = Format("the thing", "thing.toml", Thing, by_hand=True)
    with pytest.raises(Unreadable, match=r"colur: Extra inputs"):
        form.from_toml(b'colur = "red"\n[part]\nsize = 1\n')
    with pytest.raises(Unreadable, match=r"part\.sise: Extra inputs"):
        form.from_toml(b"[part]\nsize = 1\nsise = 2\n")


def test_a_format_has_a_reader_for_each_older_number():
    with pytest.raises(ValueError, match="number 3"):
        Format("the thing", "thing.json", Thing, number=3, older={2: second})


def test_a_reserved_field_is_not_written_while_it_holds_nothing():
    assert THING.to_json(Thing(part=Part(size=1))) == b'{"schema":3,"part":{"size":1},"colour":"none"}'
    assert b"witness" in THING.to_json(Thing(part=Part(size=1), witness={"who": "me"}))


# -- the kit's formats -----------------------------------------------------------------------------------------------


def test_the_bytes_of_a_zips_files_are_those_of_version_0_1_0():
    compared = set()
    for file in frozen.ZIPS:
        with zipfile.ZipFile(file) as archive:
            header, recorded = archive.read("submission.json"), archive.read("answers.json")
            services = {
                name: archive.read(name) for name in archive.namelist() if re.fullmatch(r"evidence/[^/]+", name)
            }
        assert submission_zip.HEADER.from_json(header).content() == header
        assert submission_zip.ANSWERS.to_json(submission_zip.ANSWERS.from_json(recorded), indent=1).strip() == (
            recorded.strip()
        )
        services.pop(submission_zip.JOURNAL_FILE, None)
        for name, content in services.items():
            if b"base_layers" not in content:  # the oldest of these zips were written before 0.1.0
                assert submission_zip.SERVICE.from_json(content).content() == content
                compared.add(name.removeprefix("evidence/").removesuffix(".json"))
    assert compared >= {"ecr", "registry"}


@pytest.fixture
def classroom(home):
    frozen.unpack(home)
    return home / "class"


def test_the_bytes_of_a_class_are_those_of_version_0_1_0(classroom):
    """Whatever is read and written again without a change stays byte for byte, so the older kit still reads it."""
    for file in classroom.glob("verdicts/*/*.json"):
        assert VERDICTS.from_json(file.read_bytes()).content() == file.read_bytes()
    for file in classroom.glob("evidence/*/*.json.gz"):
        assert judge.packed(judge.unpacked(file.read_bytes())) == file.read_bytes()


def test_a_newer_kit_may_say_more_in_each_file(classroom):
    more = {"invented": {"later": True}}
    for file in classroom.glob("verdicts/*/*.json"):
        document = json.loads(file.read_bytes())
        document["verdicts"] = [verdict | more for verdict in document["verdicts"]]
        document["checks"] = {id: mark | more for id, mark in document["checks"].items()}
        assert VERDICTS.parse(document | more | {"identity": document["identity"] | more}) == VERDICTS.from_json(
            file.read_bytes()
        )
    evidence = json.loads(
        judge.unpacked((classroom / "evidence/ada/01-first-push.json.gz").read_bytes()).model_dump_json()
    )
    richer = evidence | more | {"services": {name: one | more for name, one in evidence["services"].items()}}
    assert EVIDENCE.parse(richer) == EVIDENCE.parse(evidence)
    student = STUDENT.from_toml((frozen.FOLDER / "student/student.toml").read_bytes() + b"[invented]\nlater = true\n")
    assert student == STUDENT.from_toml((frozen.FOLDER / "student/student.toml").read_bytes())


@pytest.mark.parametrize("name", sorted(set(FORMATS) - {"PROGRESS", "SHIPPED_FILES", "RAN", "VERSIONS"}))
def test_a_newer_number_is_said_for_each(name):
    form = FORMATS[name]
    with pytest.raises(Newer) as caught:
        form.parse({form.key: form.number + 1})
    assert form.name in caught.value.expected and "update this one" in caught.value.next_step


def test_what_commands_say_of_a_newer_file(classroom, home, tmp_path):
    (home / "work").mkdir()
    (home / "work/student.toml").write_text('schema = 3\nid = "ada"\n', encoding="utf-8")
    (tmp_path / answers.FILE).write_text('{"schema": 2, "answers": {}}', encoding="utf-8")
    (classroom / "course.toml").write_text("schema = 2\n", encoding="utf-8")
    for read in (students.current, lambda: answers.read(tmp_path), people.load):
        with pytest.raises(CourseError) as caught:
            read()
        assert re.search("schema [23]", caught.value.found) and "newer kit" in caught.value.next_step
    assert progress.read() == {}, "what is only remembered for comfort stops nobody"


def test_stored_evidence_of_a_newer_kit_is_not_judged(classroom):
    document = store.read("ada", "02-names")
    evidence = store.evidence_of(document).model_copy(update={"schema_version": 2})
    store.evidence_file("ada", "02-names").write_bytes(judge.packed(evidence))
    with pytest.raises(Newer):
        store.evidence_of(document)


def test_reserved_fields_may_come_and_are_absent_today(classroom):
    """Parameters as values, signature, receipt, witness: a later kit writes them, this one reads past them."""
    file = next(one for one in frozen.ZIPS if one.stem == "01-first-push-ada")
    with Archive(file) as archive:
        header = header_of(archive)
    later = {"parameters": {"team": "x"}, "signature": {"by": "y"}, "receipt": {"at": "z"}, "witness": "class"}
    assert not later.keys() & json.loads(header.content()).keys()
    richer = submission_zip.HEADER.parse(json.loads(header.content()) | later)
    assert (richer.witness, richer.parameters) == ("class", {"team": "x"})
    assert json.loads(richer.content()) == json.loads(header.content()) | later
    assert "witness" not in Service().model_dump() and Service(witness="grader").model_dump()["witness"] == "grader"
    assert Evidence.model_fields["lab_version"].is_required() and header.lab_version == 1
