"""The grader's rescan: a submission with all layers above a base that the kit knows, and one with another base."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from autograder.evidence import layout
from autograder.evidence.model import Service
from autograder.grading.probes import PROBES, RescanProbe, Subject
from autograder.scanning.sandbox import Sandbox
from autograder.services import images
from autograder.services.throwaway import ProbeFault
from tests.scanning.built import base as known
from tests.scanning.built import image, package

OLD = package("joblib", "1.1.0")


def subject(built, base, gone=(), bases=()):
    """A submission of one repository; ``base`` are the layers that it calls the base's, ``bases`` what is known."""
    for digest in gone:
        built.layout.files.pop(f"blobs/{digest.replace(':', '/')}")
    source = built.layout.source()
    held = layout.verify(source, service="registry", name="a/b", layers="above-base", bases=bases, left_out=base)
    submission = SimpleNamespace(services={"registry": Service(repositories={"a/b": held})}, bases=bases)
    return Subject(submission, SimpleNamespace(folder=lambda name: source), "0" * 64)


@pytest.fixture(scope="module")
def base(engine):
    """The diff_ids of the kit's base in the grader's engine."""
    images.ensure(engine, images.PYTHON_BASE)
    return tuple(engine.images.get(images.PYTHON_BASE).attrs["RootFS"]["Layers"])


@pytest.fixture
def probe(engine, home):
    PROBES["rescan"].prepare(engine, lambda line: None)
    made = RescanProbe()
    yield made
    made.close()


@pytest.mark.engine
def test_a_student_image_on_the_kits_base_is_scanned_without_that_base(probe, base, monkeypatch):
    fillers = [b"base layer %d" % n for n in range(len(base))]
    built = image(*fillers, OLD, diff_ids=[*base, image(OLD).diff_ids[0]])
    own = built.blobs[: len(base)]
    one = subject(built, own, gone=own, bases=[known(*base)])
    [row] = probe.run(one)["registry/a/b"].values()
    assert [f["id"] for f in row["images"][0]["findings"]] == ["CVE-2022-21797"]
    assert row["images"][0]["base"] == own
    monkeypatch.setattr(Sandbox, "run", lambda *_, **__: pytest.fail("scanned again"))
    assert probe.run(one)["registry/a/b"][built.digest] == row


@pytest.mark.engine
def test_a_made_up_base_is_nobodys_base(probe):
    built = image({"etc/x": b"1"}, OLD)
    [row] = probe.run(subject(built, built.blobs[:1], gone=built.blobs[:1]))["registry/a/b"].values()
    assert "does not know" in row["fault"] and "course.py submit" in row["fault"]


@pytest.mark.engine
def test_another_base_is_scanned_with_the_rest(probe):
    built = image({"etc/x": b"1"}, OLD)
    [row] = probe.run(subject(built, ()))["registry/a/b"].values()
    assert [f["id"] for f in row["images"][0]["findings"]] == ["CVE-2022-21797"] and row["images"][0]["base"] == []


def test_an_engine_that_does_not_answer_is_a_fault(home, monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", f"unix://{home}/none.sock")
    with pytest.raises(ProbeFault, match="no engine answers"):
        RescanProbe().run(subject(image(OLD), ()))
