"""The size of a submission: told before it is written, and refused where no learning platform would take it."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from autograder.errors import CourseError
from autograder.evidence import layout
from autograder.evidence.model import Evidence, File, Service
from autograder.labs import submission
from tests.scanning.built import base, image, package

OLD = package("joblib", "1.1.0")


def evidence(built, known=(), policy="above-base"):
    held = layout.verify(built.layout.source(), service="registry", name="a/b", layers=policy, bases=known)
    assert held.problems == ()
    return Evidence(
        kit_version="1", lab="09", lab_version=1, student="ada", origin="live",
        collected_at="2026-01-01T00:00:00+00:00", services={"registry": Service(repositories={"a/b": held})},
        files={"x.txt": File(size=500, sha256="")},
    )  # fmt: skip


def size(built, known=(), notebook=1_500, policy="above-base"):
    live = SimpleNamespace(bases=lambda: tuple(known))
    return submission.size(live, evidence(built, known, policy), notebook)


def test_layers_that_travel_count_once_and_a_known_bases_do_not():
    built = image({"bin/sh": b"x" * 5_000}, OLD)
    built.layout.tag("again", (built.digest, len(built.layout.files[layout.blob_name(built.digest)]), ""))
    own = len(built.layout.files[layout.blob_name(built.blobs[1])])
    other = len(built.layout.files[layout.blob_name(built.blobs[0])])
    known = size(built, [base(built.diff_ids[0])])
    assert (known.total, known.layers, known.with_base) == (2_000 + own, own, False)
    unknown = size(built)
    assert (unknown.total, unknown.layers, unknown.with_base) == (2_000 + own + other, own + other, True)
    assert not size(built, policy="all").with_base, "whole images are what the lab asks for"


def test_what_is_said_about_the_size():
    assert str(submission.Size(35_000, 0, False)) == "less than 1 MB"
    assert str(submission.Size(3_500_000, 0, False)) == "3.5 MB"
    assert str(submission.Size(48_200_000, 47_000_000, False)) == "48.2 MB, 47.0 MB of which are layers of images"
    assert "does not know the base image" in str(submission.Size(48_200_000, 47_000_000, True))


def test_the_size_comes_first_and_too_much_is_refused_with_a_way_out():
    said, built = [], image(OLD)
    submission._check_size(submission.Size(submission.MAX_SUBMISSION, 1, False), evidence(built), said.append)
    assert said == ["The submission will be about 100.0 MB, 0 kB of which are layers of images."]
    with pytest.raises(CourseError) as refused:
        submission._check_size(submission.Size(submission.MAX_SUBMISSION + 1, 1, True), evidence(built), said.append)
    assert len(said) == 2 and "a/b:1.0" in refused.value.found
    assert "python3 course.py images" in refused.value.next_step and "Nothing was written" in refused.value.next_step
