"""Leads: none on anything honest that there is, and no shape of evidence makes the search for them raise."""

from __future__ import annotations

import copy
import io
import json
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.evidence import leads
from autograder.evidence.model import Evidence, Service
from autograder.grading import intake, judge, people
from autograder.grading.archive import Archive
from autograder.grading.problems import Refused
from autograder.oci import manifests
from autograder.oci.manifests import digest_of
from autograder.quality import lab_runs, samples
from tests.formats import frozen

from . import emulator_states as states
from .images import Layout, gzipped, js, tar

WRITTEN = "2026-11-20T18:00:00+00:00"


def evidence(**parts: Any) -> Evidence:
    common = {"kit_version": "1", "lab": "06-ecr", "lab_version": 1, "student": "ada", "origin": "submission"}
    return Evidence.model_validate(common | {"collected_at": WRITTEN} | parts)


def of_layout(made: Layout) -> tuple[str, ...]:
    held = made.verify()
    assert held.problems == ()
    return leads.found(evidence(services={"registry": {"repositories": {"team/app": held}}}))


# -- what is honest ----------------------------------------------------------------------------------------------------


def test_no_submission_of_the_sample_class_has_a_lead():
    """98 zips of twelve labs, made by scripted students with real clients; also those that do things wrong."""
    with tempfile.TemporaryDirectory() as place:
        zips = samples.set_up(Path(place))
        with lab_runs.at(Path(place)):
            course = people.load()
            read = {file.name: found for file in zips for found in taken(file, course)}
    assert len(read) > 90
    assert {name: found for name, found in read.items() if found} == {}


def taken(file: Path, course: people.Course) -> Iterator[tuple[str, ...]]:
    try:
        with Archive(file) as archive:
            submission = intake.read(archive, course)
    except Refused:
        return
    yield leads.found(judge.evidence_of(submission, {}, {}, "0" * 64))


def test_no_submission_to_version_0_1_0_has_a_lead(tmp_path):
    frozen.unpack(tmp_path)
    stored = {file: judge.unpacked(file.read_bytes()) for file in tmp_path.glob("class/evidence/*/*.json.gz")}
    assert len(stored) == 17
    assert {file: found for file, one in stored.items() if (found := leads.found(one))} == {}


def entry(**fields: Any) -> dict[str, Any]:
    return fields


TIME, LATER = "2026-11-20T10:00:00.123456789Z", "2026-11-20T10:00:01.987654321Z"
OLD = "2016-03-01T10:00:00.5Z"
STEP = entry(created=TIME, created_by="/bin/sh -c #(nop) COPY file:1 in / ")
BUILT = entry(created=TIME, created_by="COPY a /a # buildkit", comment="buildkit.dockerfile.v0")
HONEST: dict[str, dict[str, Any]] = {
    "the classic builder": {"created": TIME, "docker_version": "20.10.24", "container_config": {}, "history": [STEP]},
    "the classic builder, with steps that make no layer": {
        "created": LATER, "docker_version": "20.10.24", "container_config": {},
        "history": [STEP, entry(created=LATER, created_by="/bin/sh -c #(nop) CMD [1]", empty_layer=True)]},
    "the containerd store": {"created": TIME, "history": [STEP]},
    "BuildKit": {"created": TIME, "history": [BUILT]},
    "BuildKit, reproducible": {"created": "1970-01-01T00:00:00Z",
                               "history": [BUILT | {"created": "1970-01-01T00:00:00Z"}]},
    "BuildKit, with a time of the source's on a newer base": {
        "created": "2020-01-01T00:00:00Z",
        "history": [entry(created=TIME, created_by="# debian.sh", comment="debuerreotype", empty_layer=True),
                    BUILT | {"created": "2020-01-01T00:00:00Z"}]},
    "docker import": {"created": TIME, "history": [entry(created=TIME, comment="Imported from -")]},
    "docker commit of a container without a command": {
        "created": TIME, "docker_version": "20.10.24",
        "history": [entry(created=TIME, created_by="", comment="by me")]},
    "somebody else's, years ago": {"created": OLD, "docker_version": "1.10.3", "container_config": {},
                                   "history": [STEP | {"created": OLD}]},
    "crane append": {"history": [entry(created="0001-01-01T00:00:00Z")]},
    "Kaniko": {"created": "0001-01-01T00:00:00Z", "author": "kaniko",
               "history": [entry(created="0001-01-01T00:00:00Z", author="kaniko", created_by="COPY a /a")]},
    "Buildah": {"created": TIME, "history": [entry(created=TIME, created_by="/bin/sh -c #(nop) COPY file:1 in /")]},
    "ko": {"created": "1970-01-01T00:00:00Z", "history": [entry(author="ko", created_by="ko build ko://x")]},
    "Nix": {"created": "1970-01-01T00:00:01Z", "history": [entry(created="1970-01-01T00:00:01Z", comment="paths")]},
    "nothing said at all, as of an OCI config made by hand and pushed": {},
}  # fmt: skip


@pytest.mark.parametrize("config", HONEST.values(), ids=HONEST)
@pytest.mark.parametrize("oci", [True, False])
def test_what_real_builders_write_is_no_lead(config, oci):
    made, unpacked = Layout(), tar("a", b"a")
    labels = {"course.owner": "ada"} if config else {}
    parts = {"config": {"Labels": labels}, "rootfs": {"type": "layers", "diff_ids": [digest_of(unpacked)]}}
    made.tag("1", made.image([gzipped(unpacked)], oci=oci, config=copy.deepcopy(config | parts)))
    assert of_layout(made) == ()


def by_gnu(name: str, content: bytes) -> bytes:
    """A tar as Python and GNU tar end it."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        info = tarfile.TarInfo(name)
        info.size = len(content)
        archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def test_a_base_may_be_packed_by_anything():
    """Only the layer of the last step is the builder's own."""
    import gzip

    base, own = by_gnu("base", b"b"), tar("a", b"a")
    config = {"created": TIME, "history": [STEP | {"created_by": "/bin/sh -c #(nop) ADD file:base in / "}, STEP]}
    config |= {"rootfs": {"type": "layers", "diff_ids": [digest_of(base), digest_of(own)]}}
    made = Layout()
    made.tag("1", made.image([gzip.compress(base), gzipped(own)], config=config))
    assert of_layout(made) == ()


def test_other_ways_to_pack_a_layer_are_no_lead():
    """A plain tar, zstd, and eStargz, which is several members of gzip behind each other."""
    first, second = tar("a", b"a")[:1024], tar("b", b"b")
    whole = first + second
    for packed in (whole, b"\x28\xb5\x2f\xfd" + whole, gzipped(first) + gzipped(second)):
        config = {"created": TIME, "history": [BUILT], "rootfs": {"type": "layers", "diff_ids": [digest_of(whole)]}}
        made = Layout()
        made.tag("1", made.image([packed], config=config))
        assert of_layout(made) == ()


def test_what_is_no_image_has_no_history():
    """Attestations, SBOMs, Helm charts, models by ORAS."""
    made = Layout()
    image = made.image([gzipped(tar("a", b"a"))], config={"history": [BUILT], "created": TIME,
                       "rootfs": {"type": "layers", "diff_ids": [digest_of(tar("a", b"a"))]}})  # fmt: skip
    made.tag("1", made.index(image, attested=True))
    made.tag("sbom", made.image([b"{}"], layer_type="application/spdx+json", labels={"any": "label"}))
    assert of_layout(made) == ()


# -- any shape ---------------------------------------------------------------------------------------------------------

WORDS = """
    created history config Labels rootfs diff_ids type architecture os empty_layer created_by comment repositories
    images digest tags name pushed pushedAt now when createdAt
"""
FIELDS = st.sampled_from(WORDS.split())
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS, inner, max_size=4),
    max_leaves=8,
)


@given(JSON)
def test_no_config_makes_it_raise(document):
    made = Layout()
    config = document if isinstance(document, dict) else {"history": document}
    made.tag("1", made.image([b"\x1f\x8b", gzipped(b"x" * 600)], config=config))
    leads.found(evidence(services={"registry": {"repositories": {"team/app": made.verify()}}}))


@given(st.dictionaries(FIELDS, JSON, max_size=4), st.sampled_from(["ecr", "acr", "dockerhub"]))
def test_no_state_of_a_cloud_makes_it_raise(settings, service):
    found = leads.found(evidence(services={service: Service(settings=settings)}))
    assert not settings or all("nothing writes" in lead or service in lead for lead in found)


@given(st.lists(st.dictionaries(FIELDS, JSON, max_size=4), max_size=3))
def test_no_journal_makes_it_raise(journal):
    leads.found(evidence(journal=tuple(journal), services={"ecr": Service(settings=states.state("ecr"))}))


def test_a_small_layer_that_unpacks_to_gigabytes_is_not_unpacked():
    made = Layout()
    bomb = gzipped(bytes(60 << 20))
    config = {"created": TIME, "history": [BUILT], "rootfs": {"type": "layers", "diff_ids": [digest_of(b"x")]}}
    made.tag("1", made.image([bomb], config=config))
    held = made.verify()
    look = leads._Look(evidence(services={"registry": {"repositories": {"team/app": held}}}))
    assert list(look.all()) == [] and [one.tar for one in look.layers.values()] == [""]
    assert len(bomb) < 256 << 10  # it is among the contents, so it was looked at
    assert json.loads(js(config)) == config and manifests.is_digest(digest_of(bomb))
