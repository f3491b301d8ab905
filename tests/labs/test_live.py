"""Evidence from a student's folder: what the grader would not read is told before it costs anything."""

from __future__ import annotations

import json

import pytest

from autograder.errors import CourseError
from autograder.evidence.model import Answer
from autograder.labs import answers, manifest, students
from autograder.labs.live import Live

DIGEST = "sha256:" + "0a" * 32


@pytest.fixture
def live(tmp_path):
    lab = manifest.find("01-first-push")
    return Live(lab, students.issue(students.PUBLIC_KEY, "c", "ada"), tmp_path)


@pytest.mark.parametrize(
    "value", ["sha256:abc", "sha256:../../../_catalog", f"{DIGEST}?x", DIGEST.upper(), f"x@{DIGEST}", 3, None]
)
def test_only_digests_are_asked_of_the_registry(live, value):
    answers.record(live.folder, "v1_digest", Answer(value=value, recorded_at=""))
    assert live._digests_in_answers() == frozenset()


def test_blanks_around_a_digest_do_not_matter(live):
    answers.record(live.folder, "v1_digest", Answer(value=DIGEST + "\n", recorded_at=""))
    assert live._digests_in_answers() == {DIGEST}


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b'{"cells": 1}', '{"cells": []}'.encode("utf-16"), b"[" * 100_000]
)
def test_a_notebook_that_the_grader_could_not_read(live, content):
    (live.folder / "01-first-push.ipynb").write_bytes(content)
    with pytest.raises(CourseError, match=r"01-first-push\.ipynb"):
        live.notebook()


def cell(source, *tags):
    return {"cell_type": "code", "source": source, "metadata": {"tags": list(tags)}}


def code(value):
    return f"def bytes_to_push(new, old):\n    return {value}"


@pytest.mark.parametrize(
    ("executed", "status", "notes"),
    [
        ((), "timeout", 0),  # the saved cell never ends
        ((code(1),), "returned", 1),  # run, not saved yet
        ((code(2),), "timeout", 0),  # run and saved elsewhere: the tagged cell counts, as in grading
        ((code(1), code(3).replace(":", "")), "returned", 2),  # the newest is not even Python, which a note says
        ((code(1), "%%time\n" + code(3)), "returned", 1),  # what is no plain Python is no task's cell
    ],
)
def test_which_cell_a_check_judges(live, executed, status, notes):
    endless = "def bytes_to_push(new, old):\n    while True: pass"
    document = {"cells": [cell(endless, "task:bytes_to_push"), cell(code(2))]}
    (live.folder / "01-first-push.ipynb").write_text(json.dumps(document), encoding="utf-8")
    live.executed = executed
    task = live.lab.tasks["bytes_to_push"].model_copy(
        update={"seconds": 0.1 if status == "timeout" else 60}
    )  # a busy machine starts slowly
    live.lab = live.lab.model_copy(update={"tasks": {"bytes_to_push": task}})
    done = live.task("bytes_to_push", live.parameters())
    assert (done.results[0].status, len(done.notes)) == (status, notes)


class Registry:
    """A registry with the course's own repository beside a student's."""

    def catalog(self):
        return ["team/app", "course/trivy-db"]

    def tags(self, name):
        return []


def test_the_courses_own_repository_is_no_work_of_a_student(live):
    live.clients["registry"] = Registry()
    assert live.service("registry", live.parameters(), []).catalog == ("team/app",)
