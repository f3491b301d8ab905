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


@pytest.mark.parametrize("purl", ["pkg:PyPI/joblib@1.1.0", "PKG:pypi/joblib@1.1.0", "pkg://pypi/joblib@1.1.0?a=b"])
def test_a_purl_is_read_as_its_specification_says(purl):
    text = json.dumps({"bomFormat": "CycloneDX", "components": [{"purl": purl}]})
    assert reader.read("\ufeff" + text).packages == {"joblib": ("1.1.0",)}


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


PIP = "pkg:pypi/pip@24.0"
CONTEXT = "https://spdx.org/rdf/3.0.1/spdx-context.jsonld"


def cyclonedx(**parts):
    return {"bomFormat": "CycloneDX", "specVersion": "1.6"} | parts


def spdx3(*elements, context=CONTEXT):
    creation = {"type": "CreationInfo", "@id": "_:c", "specVersion": "3.0.1", "created": "2026-06-01T00:00:00Z"}
    return {"@context": context, "@graph": [creation, *elements]}


def package3(**more):
    return {"type": "software_Package", "spdxId": "urn:x:pip", "name": "pip", "software_packageVersion": "24.0"} | more


def identifier(kind="packageUrl", value=PIP):
    return {"type": "ExternalIdentifier", "externalIdentifierType": kind, "identifier": value}


def nested(depth):
    component = {"type": "library", "name": "pip", "version": "24.0", "purl": PIP}
    for n in range(depth):
        component = {"type": "application", "name": f"app-{n}", "components": [component]}
    return component


NAMES_IT = [
    ("cyclonedx", cyclonedx(components=[{"name": "pip", "purl": PIP}])),
    ("cyclonedx", cyclonedx(components=[nested(1)])),
    ("cyclonedx", cyclonedx(components=[{"name": "first"}, nested(6)])),
    ("cyclonedx", cyclonedx(components=[{"name": "app", "purl": "pkg:pypi/app", "components": [nested(0)]}])),
    ("cyclonedx", cyclonedx(metadata={"component": {"type": "container", "name": "image"}}, components=[nested(0)])),
    ("cyclonedx", cyclonedx(metadata={"component": nested(1)})),
    ("spdx-json", {"spdxVersion": "SPDX-2.3", "packages": [
        {"name": "pip", "externalRefs": [{"referenceType": "purl", "referenceLocator": PIP}]}]}),
    ("spdx3-json", spdx3(package3(software_packageUrl=PIP))),
    ("spdx3-json", spdx3(package3(externalIdentifier=[identifier("cpe23", "cpe:2.3:a:x"), identifier()]))),
    ("spdx3-json", spdx3(package3(software_packageUrl=PIP), context=[CONTEXT, {"mine": "urn:mine:"}])),
    ("spdx3-json", spdx3(package3(software_packageUrl=PIP), context=CONTEXT.replace("3.0.1", "3.0.0"))),
    ("spdx3-json", {"@context": CONTEXT, **package3(software_packageUrl=PIP)}),
    ("spdx3-json", spdx3({"@type": ["software_Package"], "software_packageUrl": PIP})),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "document"), NAMES_IT)
def test_a_package_is_found_wherever_the_format_lets_it_stand(kind, document):
    read = reader.read(json.dumps(document))
    assert (read.kind, read.packages) == (kind, {"pip": ("24.0",)})


DOES_NOT_NAME_IT = [
    cyclonedx(components=[{"name": "pip", "version": "24.0"}]),  # without a purl
    cyclonedx(components=[{"name": "pip", "bom-ref": PIP}]),
    cyclonedx(components=[{"name": "pip", "properties": [{"name": "purl", "value": PIP}]}]),
    cyclonedx(components=[{"name": "pip", "externalReferences": [{"type": "other", "url": PIP}]}]),
    cyclonedx(components=[{"name": "fork", "pedigree": {"ancestors": [{"name": "pip", "purl": PIP}]}}]),
    cyclonedx(components=[{"name": "app", "description": PIP}]),
    cyclonedx(components={"pip": {"purl": PIP}}),
    cyclonedx(component=[{"purl": PIP}]),
    cyclonedx(metadata={"component": {"name": "pip", "purl": PIP}}),  # what it is about is no part of it
    cyclonedx(dependencies=[{"ref": PIP, "dependsOn": []}]),
    cyclonedx(services=[{"name": "pip", "purl": PIP}]),
    {"spdxVersion": "SPDX-2.3", "packages": [{"name": "pip", "versionInfo": "24.0", "comment": PIP}]},
    {"spdxVersion": "SPDX-2.3", "packages": [
        {"externalRefs": [{"referenceType": "cpe23Type", "referenceLocator": PIP}]}]},
    spdx3(package3()),
    spdx3(package3(comment=PIP, description=PIP)),
    spdx3(package3(software_downloadLocation=PIP)),
    spdx3(package3(externalIdentifier=[identifier("other")])),
    spdx3(package3(type="software_File", software_packageUrl=PIP)),
    spdx3({"type": "Relationship", "from": PIP, "relationshipType": "contains", "to": [PIP]}),
    spdx3(package3(type={"software_Package": 1}, software_packageUrl=PIP)),
    spdx3({"packages": [package3(software_packageUrl=PIP)]}),
    {"@context": CONTEXT, "@graph": {"pip": package3(software_packageUrl=PIP)}},
]  # fmt: skip


@pytest.mark.parametrize("document", DOES_NOT_NAME_IT)
def test_what_only_looks_as_if_it_named_a_package(document):
    assert reader.read(json.dumps(document)).packages == {}


@pytest.mark.parametrize(
    "document",
    [
        {"@context": "https://schema.org/", "@graph": [package3(software_packageUrl=PIP)]},
        {"@context": "https://spdx.org/rdf/terms", "@graph": []},
        {"@graph": [package3(software_packageUrl=PIP)]},
        {"@context": {"spdx": CONTEXT}, "@graph": []},
        {"bomFormat": "SPDX"},
        {"components": [{"purl": PIP}]},
    ],
)
def test_neither_format(document):
    with pytest.raises(reader.SbomError, match="neither"):
        reader.read(json.dumps(document))


def test_a_part_without_a_version_does_not_hide_the_others():
    parts = [{"name": "own", "purl": "pkg:pypi/own"}, {"name": "pip", "purl": PIP}]
    assert reader.read(json.dumps(cyclonedx(components=parts))).packages == {"pip": ("24.0",)}
