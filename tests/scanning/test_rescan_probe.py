"""The rescan probe: what it makes of a snapshot, and who says which layers are the base's."""

from __future__ import annotations

import json

import pytest

from autograder.collect.registry import snapshot
from autograder.errors import CourseError, EnvironmentProblem
from autograder.evidence import layout
from autograder.oci import manifests
from autograder.oci.client import RegistryClient
from autograder.oci.manifests import digest_of
from autograder.scanning import artifact, grader, rescan_probe
from autograder.scanning.database import Database
from autograder.scanning.inventory import ImageProblem
from autograder.scanning.rescan import Finding, Rescan, Rescanner
from autograder.scanning.rescan_probe import Snapshot
from autograder.scanning.source import RegistrySource
from tests.evidence.images import STATEMENT, Layout, js
from tests.scanning.built import base, image, package

BASE = {"etc/os-release": b"ID=debian\n"}
OLD = package("joblib", "1.1.0")


class Told:
    """A rescanner that gives back what it is told, and notes what it was asked."""

    def __init__(self, outcome=None):
        self.outcome, self.asked = outcome, []

    def rescan(self, repository, source, digest, bases):
        self.asked.append((digest, list(bases)))
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return (Rescan(digest, {"joblib": "1.1.0"}, (Finding("CVE-1", "joblib", "1.1.0", "LOW", (), "p"),), ()),)


def probed(built, rescanner, bases=(), claimed=None, gone=()):
    """The probe's rows for one repository, whose submission lacks what is gone and calls what it claims a base's."""
    for digest in gone:
        built.layout.files.pop(f"blobs/{digest.replace(':', '/')}")
    source = built.layout.source()
    held = layout.verify(
        source, service="registry", name="team/app", layers="above-base", bases=bases, left_out=claimed or gone
    )
    return rescan_probe.run(rescanner, bases, {"registry/team/app": Snapshot(held, source)})["registry/team/app"]


def test_a_result_is_plain_data_and_says_which_layers_are_the_bases():
    built = image(BASE, OLD)
    [row] = probed(built, Told(), [base(built.diff_ids[0])], gone=[built.blobs[0]]).values()
    assert json.loads(json.dumps(row)) == row
    [one] = row["images"]
    assert one["base"] == [built.blobs[0]] and one["packages"] == {"joblib": "1.1.0"}
    assert [(f["id"], f["status"], f["severity"]) for f in one["findings"]] == [("CVE-1", "affected", "LOW")]


def test_what_the_submission_calls_a_base_does_not_make_it_one():
    built = image(BASE, OLD)
    told = Told()
    [row] = probed(built, told, [base("sha256:another")], gone=[built.blobs[0]]).values()
    assert "older version of the kit" in row["fault"] and built.diff_ids[0] in row["fault"] and told.asked == []


def test_a_layer_that_is_missing_above_the_whole_base_is_no_base():
    built = image(BASE, OLD)
    told = Told(ImageProblem("the layer is missing"))
    [row] = probed(built, told, [base(built.diff_ids[0])], gone=built.blobs).values()
    assert row == {"error": "the layer is missing", "kind": "image"}
    assert told.asked == [(built.digest, [base(built.diff_ids[0])])]


def test_a_base_that_shares_its_lowest_layer_with_a_known_one_is_another():
    built = image(BASE, {"etc/issue": b"newer"}, OLD)
    [row] = probed(built, Told(), [base(built.diff_ids[0], "sha256:older")], gone=built.blobs[:2]).values()
    assert built.diff_ids[1] in row["fault"]


def test_a_layer_that_nobody_calls_a_base_is_missing():
    built = image(OLD)
    told = Told(ImageProblem("missing"))
    [row] = probed(built, told, claimed=["sha256:x"], gone=built.blobs).values()
    assert row == {"error": "missing", "kind": "image"}


def test_whose_fault_it_is():
    def problem(kind):
        return kind(expected="x", found="Trivy fell over", next_step="y")

    built = image(OLD)
    [row] = probed(built, Told(problem(CourseError))).values()
    assert "Trivy fell over" in row["fault"]
    with pytest.raises(EnvironmentProblem):
        probed(built, Told(problem(EnvironmentProblem)))


def test_tags_of_artifacts_and_of_the_referrers_index_are_no_images():
    built = image(OLD)
    size = len(built.layout.files[f"blobs/{built.digest.replace(':', '/')}"])
    subject = {"mediaType": artifact.OCI_MANIFEST, "digest": built.digest, "size": size}
    manifest, blobs = artifact.sbom_artifact(subject, b'{"bomFormat": "CycloneDX"}', "cyclonedx")
    for content in [manifest, *blobs.values()]:
        built.layout.files[f"blobs/{digest_of(content).replace(':', '/')}"] = content
    made = (digest_of(manifest), len(manifest), artifact.OCI_MANIFEST)
    index = built.layout.index(made)
    built.layout.tag("sbom", made)
    built.layout.tag(built.digest.replace(":", "-"), index)
    rows = probed(built, Told())
    assert list(rows) == [built.digest]
    [sbom] = rows[built.digest]["sboms"]
    assert (sbom["digest"], sbom["kind"], sbom["packages"]) == (made[0], "cyclonedx", {})


@pytest.mark.parametrize("kind", ["spdx-json", "spdx3-json"])
def test_spdx_3_under_its_own_media_type_and_under_the_older_one(kind):
    built = image(OLD)
    subject = {"mediaType": artifact.OCI_MANIFEST, "digest": built.digest, "size": 1}
    document = {"type": "software_Package", "software_packageUrl": "pkg:pypi/pip@24.0"}
    content = json.dumps({"@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld", "@graph": [document]})
    manifest, blobs = artifact.sbom_artifact(subject, content.encode(), kind)
    for each in [manifest, *blobs.values()]:
        built.layout.files[f"blobs/{digest_of(each).replace(':', '/')}"] = each
    built.layout.tag("sbom", (digest_of(manifest), len(manifest), artifact.OCI_MANIFEST))
    [row] = probed(built, Told()).values()
    assert row["sboms"][0]["packages"] == {"pip": ["24.0"]}


@pytest.mark.parametrize(
    ("content", "words"), [(b"{}", "neither"), (b'{"spdxVersion": "SPDX-2.3"}', "its media type says")]
)
def test_an_sbom_that_is_none_is_named(content, words):
    built = image(OLD)
    subject = {"mediaType": artifact.OCI_MANIFEST, "digest": built.digest, "size": 1}
    manifest, blobs = artifact.sbom_artifact(subject, content, "cyclonedx")
    for each in [manifest, *blobs.values()]:
        built.layout.files[f"blobs/{digest_of(each).replace(':', '/')}"] = each
    built.layout.tag("sbom", (digest_of(manifest), len(manifest), artifact.OCI_MANIFEST))
    [row] = probed(built, Told()).values()
    assert words in row["sboms"][0]["error"]


def test_many_tags_are_cut(monkeypatch):
    monkeypatch.setattr(rescan_probe, "MAX_IMAGES", 1)
    built, other = image(OLD), image(BASE)
    built.layout.files |= other.layout.files
    entry = other.layout.entries[0]
    built.layout.tag("2.0", (entry["digest"], entry["size"], entry["mediaType"]))
    rows = probed(built, Told())
    assert "images" in rows[built.digest] and "more than 1" in rows[entry["digest"]]["error"]
    assert rows[entry["digest"]]["kind"] == "too-many-images"


@pytest.mark.engine
def test_the_notebook_finds_in_the_registry_what_the_grader_finds_in_the_submission(
    registry, home, sandbox, cache, rescanner
):
    built = image(BASE, OLD)
    pusher = artifact.Pusher(registry, "probe/app")
    for name, content in built.layout.files.items():
        if name.startswith("blobs/"):
            pusher.blob(content)
    pusher.manifest(built.layout.files[f"blobs/{built.digest.replace(':', '/')}"], artifact.OCI_MANIFEST, "1.0")
    pusher.sbom("1.0", b'{"bomFormat": "CycloneDX"}', "cyclonedx")
    bases = [base(built.diff_ids[0])]
    client = RegistryClient(registry)
    held = snapshot(client, "registry", "probe/app", layers="above-base", bases=bases)
    assert held.base_layers == (built.blobs[0],) and built.blobs[0] not in held.blobs
    live = rescan_probe.run(
        grader.here(), bases, {"registry/probe/app": Snapshot(held, RegistrySource(client, "probe/app"))}
    )
    assert [f["id"] for f in live["registry/probe/app"][built.digest]["images"][0]["findings"]] == ["CVE-2022-21797"]

    from autograder.collect.registry import export

    export(client, held, home / "layout")
    source = layout.FolderSource(home / "layout")
    again = layout.verify(source, service="registry", name="probe/app", layers="above-base", bases=bases)
    assert again.problems == ()
    assert rescan_probe.run(rescanner, bases, {"registry/probe/app": Snapshot(again, source)}) == live
    assert len(live["registry/probe/app"][built.digest]["sboms"]) == 1


def entry(target, system="linux", architecture="amd64", **annotations):
    digest, size, kind = target
    platform = {"os": system, "architecture": architecture}
    return {"mediaType": kind, "digest": digest, "size": size, "platform": platform, "annotations": annotations}


def tag_index(made, *entries):
    content = js({"schemaVersion": 2, "mediaType": manifests.OCI_INDEX, "manifests": list(entries)})
    made.tag("2.0", (made.blob(content), len(content), manifests.OCI_INDEX))


def scans(made, monkeypatch):
    """The digests that a rescan of the tagged index scans."""
    source = made.source()
    held = layout.verify(source, service="registry", name="team/app", layers="all")
    rescanner = Rescanner(None, None, Database, "trivy", None, {}, ())
    found = []
    monkeypatch.setattr(rescanner, "_image", lambda repository, source, image, bases: found.append(image.digest))
    rescanner.rescan(held, source, held.tags["2.0"])
    return found


MARK = {"vnd.docker.reference.type": "attestation-manifest"}


@pytest.mark.parametrize("place", [("linux", "amd64"), ("unknown", "unknown")])
@pytest.mark.parametrize("marks", [{}, MARK])
def test_an_image_that_an_index_calls_an_attestation_is_scanned(place, marks, monkeypatch):
    made = Layout()
    hidden, shown = made.image([b"hidden"]), made.image([b"shown"])
    note = made.image([b'{"_type":"in-toto"}'], layer_type=STATEMENT)
    tag_index(made, entry(hidden, *place, **marks), entry(shown), entry(note, "unknown", "unknown", **MARK))
    assert scans(made, monkeypatch) == [hidden[0], shown[0]]


def test_an_index_has_no_room_for_images_without_end(monkeypatch):
    monkeypatch.setattr(rescan_probe, "MAX_IMAGES", 3)
    made = Layout()
    parts = [entry(made.image([b"%d" % n])) for n in range(4)]
    tag_index(made, *parts)
    made.tag("3.0", made.image([b"alone"]))
    told = Told()
    source = made.source()
    held = layout.verify(source, service="registry", name="team/app", layers="all")
    rows = rescan_probe.run(told, (), {"registry/team/app": Snapshot(held, source)})["registry/team/app"]
    assert "more than 3 images" in rows[held.tags["2.0"]]["error"]
    assert [digest for digest, _ in told.asked] == [held.tags["3.0"]]


def test_an_image_that_is_listed_often_is_scanned_once(monkeypatch):
    made = Layout()
    tag_index(made, *[entry(made.image([b"one"]))] * 1000)
    assert len(scans(made, monkeypatch)) == 1
