"""SBOMs out of the real Trivy, read back, and rescanned without the image."""

from __future__ import annotations

import json

import pytest

from autograder.domain.advisories import sbom as reader
from autograder.errors import CourseError
from autograder.scanning import inventory, rescan, sbom, trivy
from tests.scanning.built import image, package


def layers(*files):
    built = image(*files)
    held, source = built.snapshot()
    parsed = held.parsed(built.digest)
    return inventory.layers(parsed, held.config(parsed), source, ())


@pytest.mark.engine
@pytest.mark.parametrize("kind", ["cyclonedx", "spdx-json"])
def test_an_sbom_names_the_packages_and_is_enough_for_a_rescan(sandbox, cache, tmp_path, kind):
    rescan.write_layout(tmp_path, layers(package("joblib", "1.1.0") | package("PyJWT", "2.15.1")))
    tmp_path.chmod(0o755)
    command = ["image", *trivy.QUIET, "--format", kind, "--input", "/target"]
    made = sandbox.run(command, target=tmp_path, cache=cache)
    read = reader.read(made.decode())
    assert read.kind == kind
    assert read.packages == {"joblib": ("1.1.0",), "pyjwt": ("2.15.1",)}
    assert [(one.id, one.package) for one in sbom.findings(sandbox, made, cache)] == [("CVE-2022-21797", "joblib")]


@pytest.mark.engine
def test_what_is_no_sbom_is_refused(sandbox, cache):
    with pytest.raises(CourseError, match="FATAL"):
        sbom.findings(sandbox, b"{}", cache)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "not JSON"),
        ("[]", "not a JSON object"),
        ("{}", "neither"),
        (json.dumps({"bomFormat": "CycloneDX", "components": [{"purl": "pkg:pypi/joblib"}]}), "names no version"),
        ("[" * 100_000, "not JSON"),
    ],
)
def test_unreadable_sboms_are_named(text, words):
    with pytest.raises(reader.SbomError, match=words):
        reader.read(text)


def test_other_ecosystems_and_odd_entries_are_left_out():
    components = [
        {"purl": "pkg:deb/debian/zlib1g@1.2"},
        {"name": "x"},
        7,
        {"purl": 7},
        {"purl": "pkg:pypi/Flask_Cors@4.0.1%2Blocal?x=y#z"},
        {"purl": "pkg:pypi/flask-cors@5.0.0"},
    ]
    read = reader.read(json.dumps({"bomFormat": "CycloneDX", "specVersion": "1.6", "components": components}))
    assert read.packages == {"flask-cors": ("4.0.1+local", "5.0.0")}
