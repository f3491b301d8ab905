"""Reading a submission: every flaw is named in plain words, and costs what rests on it and no more."""

from __future__ import annotations

import io
import json
from datetime import date

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autograder.domain import bases
from autograder.domain.bases import Base
from autograder.grading import intake
from autograder.grading.archive import Archive
from autograder.grading.problems import Refused
from autograder.oci.manifests import digest_of

from ..evidence.images import gzipped, js, tar
from .submissions import CODE_LAYER, packed


def read(student, files=None, /, **header):
    student.header = header
    files = student.files() if files is None else files
    with Archive(io.BytesIO(packed({"submission.json": js(student.document(files))} | files))) as archive:
        return intake.read(archive, student.course)


def test_a_whole_submission_has_no_problems(ada):
    found = read(ada)
    assert found.problems == found.notes == ()
    assert found.parameters == ada.parameters and found.engine.version == "28.0.0"
    repository = found.services["registry"].repositories[ada.parameters["repository"]]
    assert list(repository.tags) == [ada.parameters["tag"]] and not repository.problems and len(repository.blobs) == 3
    assert found.answers["digest"].value == repository.tags[ada.parameters["tag"]]
    assert {ada.parameters["repository"], ada.parameters["team"]} <= found.claims


@pytest.mark.parametrize(
    ("header", "says"),
    [
        ({"lab": "99-none"}, "lab 99-none, which this kit does not have"),
        ({"lab": "../../x"}, "which this kit does not have"),
        ({"student": "dora"}, "dora is not on the roster"),
        ({"student": "../ada"}, "../ada is not a student id"),
        ({"course": "other"}, "made for the course other; this class is test-course"),
        ({"course": "self-study"}, "without the student.toml of this course"),
        ({"schema": 2}, "schema 2; this kit reads 1"),
        ({"student": ["ada"]}, "submission.json: student"),
        ({"files": []}, "submission.json: files"),
    ],
)
def test_what_cannot_be_graded_at_all_is_refused_with_the_reason(ada, header, says):
    with pytest.raises(Refused) as caught:
        read(ada, **header)
    assert says in str(caught.value)


def test_a_config_that_travels_proves_the_layers_of_a_known_base(ada, monkeypatch):
    config = js({"rootfs": {"diff_ids": ["sha256:" + "1" * 64]}})
    base = Base(
        "x", "linux/amd64", "a test", date(2026, 1, 1), config=digest_of(config), layers=("sha256:" + "2" * 64,)
    )
    monkeypatch.setattr(bases, "load", lambda: (base,))
    file = bases.config_file(base.config)
    assert [one.diff_ids for one in read(ada, ada.files() | {file: config}).bases] == [("sha256:" + "1" * 64,)]
    assert [one.diff_ids for one in read(ada, ada.files() | {file: config + b" "}).bases] == [()]
    huge = b" " * (bases.MAX_CONFIG + 1)
    found = read(ada, ada.files() | {file: huge})
    assert found.bases == (base,) and found.problems == ()


def test_what_an_older_kit_left_out_is_listed_and_no_problem(ada):
    """The rescan says then that the submission has to be written anew."""
    files = ada.files()
    repository = ada.parameters["repository"]
    [layer] = [name for name in files if files[name] == gzipped(tar("app/0", b"base of ada"))]
    del files[layer]
    digest = "sha256:" + layer.rpartition("/")[2]
    service = json.loads(files["evidence/registry.json"])
    for left_out, kinds in (([], ["missing-layer"]), ([digest], [])):
        service["repositories"][repository]["base_layers"] = left_out
        lab = ada.lab.model_copy(
            update={
                "repositories": tuple(one.model_copy(update={"layers": "above-base"}) for one in ada.lab.repositories)
            }
        )
        given = {**files, "evidence/registry.json": js(service)}
        with Archive(io.BytesIO(packed({"submission.json": js(ada.document(given))} | given))) as archive:
            reader = intake._Reader(archive)
            held = reader._service(lab, "registry", ada.parameters).repositories[repository]
        assert [fault.kind for fault in held.problems] == kinds and held.base_layers == tuple(left_out)


def test_a_zip_without_submission_json_is_refused(course):
    with Archive(io.BytesIO(packed({"holiday.jpg": b"x"}))) as archive, pytest.raises(Refused, match="not written by"):
        intake.read(archive, course)


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{", b"[" * 50_000, b'{"schema": NaN}', b"null", b'{"schema": 1e999}']
)
def test_a_broken_submission_json_is_refused(course, content):
    with (
        Archive(io.BytesIO(packed({"submission.json": content}))) as archive,
        pytest.raises(Refused, match=r"submission\.json"),
    ):
        intake.read(archive, course)


@pytest.mark.parametrize(
    ("gone", "says"),
    [
        ("notebook.ipynb", "notebook.ipynb is missing"),
        ("answers.json", "answers.json is missing"),
        ("evidence/registry.json", "evidence/registry.json is missing"),
        ("files/settings.txt", "The file settings.txt is missing"),
    ],
)
def test_a_missing_part_is_named_and_the_rest_is_read(ada, gone, says):
    files = ada.files()
    whole = ada.document(files)["files"]
    del files[gone]
    found = read(ada, files, files=whole)
    assert any(says in problem for problem in found.problems)
    assert any(problem.startswith(f"Listed in submission.json but missing: {gone}. For") for problem in found.problems)
    assert len(found.problems) == 2


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("notebook.ipynb", b"{", "notebook.ipynb is not valid JSON"),
        ("notebook.ipynb", b"[1]", "not a Jupyter notebook"),
        ("notebook.ipynb", b'{"worksheets": []}', "not a Jupyter notebook of format 4"),
        ("answers.json", b'{"digest": {"value": NaN, "recorded_at": ""}}', "NaN is not a JSON number"),
        ("answers.json", b'{"digest": ' + b"[" * 5000 + b"]" * 5000 + b"}", "answers.json is nested too deeply"),
        ("answers.json", b'{"digest": 1}', "The answer digest in answers.json is not valid"),
        ("answers.json", b"[]", "answers.json is not an object"),
        ("answers.json", b'"' + b"x" * (5 << 20) + b'"', "at most 4194304 are read"),
        ("evidence/registry.json", b"nonsense", "evidence/registry.json is not valid JSON"),
    ],
)
def test_an_unreadable_part_is_named_and_the_rest_is_read(ada, name, content, says):
    found = read(ada, ada.files() | {name: content})
    assert any(says in problem for problem in found.problems), found.problems


def test_the_number_of_the_recorded_answers_is_no_answer(ada):
    files = ada.files()
    found = read(ada, files | {"answers.json": js({"schema": 1} | json.loads(files["answers.json"]))})
    assert found.answers == read(ada, files).answers and set(found.answers) == {"digest"} and not found.problems


def test_a_file_that_was_changed_afterwards_is_named(ada):
    files = ada.files()
    found = read(ada, files | {"files/settings.txt": b"colour = red\n"}, files=ada.document(files)["files"])
    assert found.problems == (
        "Changed after `python3 course.py submit` wrote the zip, so it counts as missing: files/settings.txt. For the "
        "student: hand in the zip as `python3 course.py submit` writes it, unchanged.",
        "The file settings.txt is missing.",
    )
    assert found.files == {} and found.notebook and found.answers, "it costs what rests on it, and nothing else"


def parts(found):
    repositories = found.services["registry"].repositories
    return {
        "notebook": found.notebook,
        "answers": found.answers,
        "repositories": repositories,
        "journal": found.journal,
        "files": found.files,
        "manifests": [digest for one in repositories.values() for digest in one.manifests],
    }


@pytest.mark.parametrize(
    ("name", "costs"),
    [
        ("notebook.ipynb", "notebook"),
        ("answers.json", "answers"),
        ("evidence/registry.json", "repositories"),
        ("evidence/journal.json", "journal"),
        ("files/settings.txt", "files"),
        ("index.json", "manifests"),
        ("blobs", "manifests"),
    ],
)
@pytest.mark.parametrize("how", ["changed", "not listed", "listed with a hash in capitals", "a blank more"])
def test_what_is_not_as_it_is_listed_counts_as_missing(ada, name, costs, how):
    """Of valid content, too: else a signed list would be worth nothing."""
    files = ada.files()
    line = {"number": 1, "when": "2026-01-01T00:00:00Z", "service": "registry", "who": "ada", "what": "push"}
    files["evidence/journal.json"] = js([line | {"repository": "a", "tag": "", "digest": "", "detail": {}}])
    assert all(parts(read(ada, files)).values())
    if name == "blobs":
        name = next(n for n in files if n.endswith(ada.layout().entries[0]["digest"].removeprefix("sha256:")))
    name = next(n for n in files if n.endswith(name))
    listed = ada.document(files)["files"]
    if how == "changed":
        listed[name] = "0" * 64
    elif how == "not listed":
        del listed[name]
    elif how == "a blank more":
        files[name] += b" "
    else:
        listed[name] = listed[name].upper()
    found = read(ada, files, files=listed)
    gone = {"repositories", "manifests"} if costs == "repositories" else {costs}
    assert {part for part, held in parts(found).items() if not held} == gone
    said = " ".join(found.problems)
    assert name.rpartition("/")[2] in said and "For the student: " in said


def test_files_that_do_not_belong_are_named_and_not_read(ada, monkeypatch):
    whole = ada.document(ada.files())["files"]
    opened = []
    monkeypatch.setattr(Archive, "open", lambda self, name, open=Archive.open: opened.append(name) or open(self, name))
    found = read(ada, ada.files() | {"verdict.json": b'{"score": 100}', "files/other.txt": b"x"}, files=whole)
    assert found.problems == (
        "Not listed in submission.json, so not written by `python3 course.py submit` and not read: files/other.txt, "
        "verdict.json. For the student: put what belongs to the work where the lab says, and submit again.",
    )
    assert set(found.files) == {"settings.txt"} and not found.notes
    assert not {"verdict.json", "files/other.txt"} & set(opened) and "files/settings.txt" in opened


def test_a_blob_is_read_once(ada, monkeypatch):
    opened = []
    monkeypatch.setattr(Archive, "open", lambda self, name, open=Archive.open: opened.append(name) or open(self, name))
    read(ada)
    blobs = [name for name in opened if "/blobs/" in name]
    assert len(blobs) == len(set(blobs)) == 4  # manifest, config, two layers


def test_a_tampered_blob_is_named(ada):
    files = ada.files()
    blob = next(name for name in files if "/blobs/" in name)
    found = read(ada, files | {blob: files[blob][:-1] + b"?"})
    assert any("(tampered)" in problem for problem in found.problems)


def test_the_layer_policy_is_the_labs_own_whatever_the_submission_says(ada):
    files = ada.files()
    document = json.loads(files["evidence/registry.json"])
    name = ada.parameters["repository"]
    layers = [n for n, content in files.items() if content == CODE_LAYER]
    document["repositories"][name]["layers"] = "none"
    for layer in layers:
        del files[layer]
    found = read(ada, files | {"evidence/registry.json": js(document)})
    repository = found.services["registry"].repositories[name]
    assert repository.layers == "all" and [p.kind for p in repository.problems] == ["missing-layer"]


def test_repositories_that_the_lab_does_not_ask_for_are_not_read(ada, ben):
    files = ada.files()
    document = json.loads(files["evidence/registry.json"])
    document["repositories"]["../../etc"] = {"layers": "all"}
    document["repositories"][ben.parameters["repository"]] = {"layers": "all"}
    found = read(ada, files | {"evidence/registry.json": js(document)})
    assert list(found.services["registry"].repositories) == [ada.parameters["repository"]]
    assert ben.parameters["repository"] in found.claims


def test_a_version_that_this_kit_does_not_know_is_refused(ada):
    with pytest.raises(Refused, match=r"version 7 of the lab 90-tiny, and this kit has version 1\. Update this kit"):
        read(ada, lab_version=7)


def test_other_values_than_the_class_handed_out_are_a_problem_in_words(ada, ben):
    assert read(ada, parameters=ada.parameters).problems == ()
    found = read(ada, parameters=ben.parameters)
    assert found.parameters == ada.parameters
    [problem] = found.problems
    assert f"{ben.parameters['repository']!r} there and is {ada.parameters['repository']!r} here" in problem
    assert problem.endswith("class/handout-parameters/ada/.") and "submit again. For the instructor: " in problem
    assert len(read(ada, parameters={}).problems) == 1


@pytest.mark.parametrize("when", ["", "yesterday", "9999-99-99"])
def test_an_unusable_time_costs_nothing(ada, when):
    found = read(ada, written_at=when)
    assert found.header.moment.year == 1 and not found.problems


def test_times_with_and_without_a_zone_can_be_compared(ada):
    naive, zoned = read(ada, written_at="2025-03-01T10:00:00"), read(ada, written_at="2025-03-01T12:00:00+02:00")
    assert naive.header.moment == zoned.header.moment


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(
    name=st.sampled_from(["notebook.ipynb", "answers.json", "evidence/registry.json", "submission.json"]),
    value=st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=10),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["schema", "lab", "student", "cells", "repositories", "catalog", "settings", "value"]),
                inner,
            )
        ),
        max_leaves=12,
    ),
)
def test_any_json_anywhere_is_refused_or_read_but_never_a_crash(ada, name, value):
    files = ada.files()
    made = {"submission.json": js(ada.document(files))} | files | {name: json.dumps(value).encode()}
    with Archive(io.BytesIO(packed(made))) as archive:
        try:
            intake.read(archive, ada.course)
        except Refused as reason:
            assert str(reason)
