"""What checks read out of a rescan: findings, whose fault it is, and sentences that say so."""

from __future__ import annotations

import pytest

from autograder.checks.api import Failure, NotGraded
from autograder.checks.shared.scanned import scanned
from autograder.evidence.model import Evidence, Repository, Service

DIGEST = "sha256:" + "1" * 64
FINDING = {"id": "CVE-1", "package": "joblib", "version": "1.1.0", "severity": "HIGH", "fixed": ["1.2.0"],
           "path": "p", "seen_by": "trivy", "status": "fixed"}  # fmt: skip
IMAGE = {"image": DIGEST, "packages": {"joblib": "1.1.0"}, "findings": [FINDING], "problems": ["odd"], "base": []}


def evidence(probes, tags=None):
    held = Repository(service="registry", name="a/b", tags={"1": DIGEST} if tags is None else tags)
    return Evidence(
        kit_version="1", lab="09-x", lab_version=1, student="ada", origin="live", collected_at="",
        services={"registry": Service(repositories={"a/b": held})}, probes=probes,
    )  # fmt: skip


def rescan(row):
    return {"rescan": {"registry/a/b": {DIGEST: row}}}


def test_every_platform_counts_and_each_finding_once():
    second = {**IMAGE, "image": "x", "packages": {"idna": "3.6"}, "findings": [{**FINDING, "fixed": []}]}
    found = scanned(
        evidence(rescan({"images": [IMAGE, second], "sboms": [{"kind": "cyclonedx"}]})), "registry", "a/b", "1"
    )
    assert found.digest == DIGEST and found.packages == {"joblib": "1.1.0", "idna": "3.6"}
    assert [(one.id, one.counts) for one in found.findings] == [("CVE-1", True)]
    assert (found.problems, found.sboms) == (("odd",), ({"kind": "cyclonedx"},))


@pytest.mark.parametrize(
    ("severity", "fixed", "counts"),
    [("HIGH", ["2"], True), ("CRITICAL", ["2"], True), ("CRITICAL", [], False), ("MEDIUM", ["2"], False),
     ("UNKNOWN", ["2"], False)],
)  # fmt: skip
def test_only_what_has_a_fix_and_is_grave_counts(severity, fixed, counts):
    row = {"images": [{**IMAGE, "findings": [{**FINDING, "severity": severity, "fixed": fixed}]}], "sboms": []}
    assert scanned(evidence(rescan(row)), "registry", "a/b", "1").findings[0].counts is counts


@pytest.mark.parametrize(
    ("probes", "words"),
    [
        ({}, "not scanned anew"),
        ({"rescan": {"fault": "no engine"}}, "no engine"),
        (rescan({"fault": "unknown base"}), "unknown base"),
    ],
)
def test_a_fault_of_the_infrastructure_is_not_graded(probes, words):
    with pytest.raises(NotGraded, match=words):
        scanned(evidence(probes), "registry", "a/b", "1")


@pytest.mark.parametrize(
    ("probes", "tags", "words"),
    [
        (rescan({"error": "the layer x is missing from the submission"}), None, "the layer x is missing"),
        ({"rescan": {}}, None, "none that a scanner can read"),
        (rescan({}), {}, "no tag at all"),
        (rescan({}), {"v1": DIGEST}, "has the tag v1"),
    ],
)
def test_what_cannot_be_scanned_fails(probes, tags, words):
    with pytest.raises(Failure, match=words):
        scanned(evidence(probes, tags), "registry", "a/b", "1")


@pytest.mark.parametrize(
    ("row", "next_step"),
    [
        ({"error": "in whatever words", "kind": "too-many-images"}, "Delete what the lab does not ask for"),
        ({"error": "these may have tags here", "kind": "image"}, "Build the image"),
        ({"error": "of a later kit", "kind": "unheard of"}, "Build the image"),
        ({"error": "more than 12 images have tags here"}, "Delete what the lab does not ask for"),  # of 0.1.0
        ({"error": "the layer x is missing"}, "Build the image"),
    ],
)
def test_what_to_do_depends_on_the_kind_of_an_error_and_not_on_its_words(row, next_step):
    with pytest.raises(Failure) as raised:
        scanned(evidence(rescan(row)), "registry", "a/b", "1")
    assert raised.value.next_step.startswith(next_step)
