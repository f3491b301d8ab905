"""Evidence from a student's folder: what the grader would not read is told before it costs anything."""

from __future__ import annotations

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
