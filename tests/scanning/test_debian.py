"""Debian's advisories: data that keep their rules, and what the real Trivy makes of them."""

from __future__ import annotations

import json

import pytest

from autograder.domain.advisories import Severity, debian
from autograder.scanning import inventory, rescan, trivy
from autograder.services import images
from tests.scanning.built import image, package

GOOD = '[[advisory]]\nid = "CVE-1"\npackage = "a"\ntitle = "t"\nstatus = "affected"\nsource = "s"\n'
# source package -> the binary packages that both Python bases have of it
BINARIES = {
    "coreutils": ["coreutils"],
    "glibc": ["libc-bin", "libc6"],
    "perl": ["perl-base"],
    "shadow": ["login", "passwd"],
    "systemd": ["libsystemd0", "libudev1"],
    "tar": ["tar"],
    "zlib": ["zlib1g"],
}
EXPECTED = {(one.id, name, one.severity.value, one.status) for one in debian.load() for name in BINARIES[one.package]}


# A Debian 12 with these packages alone.
STATUS = "".join(
    f"Package: {binary}\nStatus: install ok installed\nSource: {source}\nVersion: 1:9-1\n"
    f"Architecture: amd64\nMaintainer: x\n\n"
    for source, binaries in BINARIES.items()
    for binary in binaries
)
SYSTEM = {
    "etc/os-release": b'ID=debian\nVERSION_ID="12"\n',
    "etc/debian_version": b"12.5\n",
    "var/lib/dpkg/status": STATUS.encode(),
}


@pytest.mark.parametrize("one", debian.load(), ids=lambda one: one.id)
def test_every_advisory_is_sound(one):
    assert one.source.startswith("https://github.com/aquasecurity/vuln-list-debian/blob/") and one.id in one.source
    assert 20 < len(one.title) < 100 and not one.title.endswith(".")
    assert bool(one.urgency) is not bool(one.cvss), "one ground for a severity"
    assert one.severity is not Severity.UNKNOWN
    assert one.reference == f"https://security-tracker.debian.org/tracker/{one.id}"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (('source = "s"', ""), "missing or unknown: source"),
        (('"affected"', '"fixed"'), "unknown status"),
        (('source = "s"', 'source = "s"\nurgency = "bad"'), "unknown status or urgency"),
        (('source = "s"', 'source = "s"\ncvss = "x"'), "belong together"),
        (('source = "s"', 'source = "s"\ncvss = "x"\ncvss_source = "y"'), "no CVSS"),
    ],
)
def test_malformed_data_are_named(change, words):
    assert debian.parse(GOOD)[0].severity is Severity.UNKNOWN
    with pytest.raises(ValueError, match=words):
        debian.parse(GOOD.replace(*change))


def found(report):
    return {
        (each["VulnerabilityID"], each["PkgName"], each["Severity"], each["Status"])
        for result in report["Results"]
        if result["Class"] == "os-pkgs"
        for each in result.get("Vulnerabilities", [])
    }


@pytest.mark.engine
def test_trivy_lists_what_debian_leaves_open(cache, program):
    built = image(SYSTEM | package("joblib", "1.1.0"))
    held, source = built.snapshot()
    parsed = held.parsed(built.digest)
    layers = inventory.layers(parsed, held.config(parsed), source, ())
    assert found(rescan.scan_layers(trivy.Local(program), layers, cache)) == EXPECTED


@pytest.mark.engine
def test_every_python_base_has_exactly_these(cache, program, engine, tmp_path):
    images.ensure(engine, images.PYTHON_BASE)
    archive = tmp_path / "base.tar"
    with archive.open("wb") as file:
        for chunk in engine.images.get(images.PYTHON_BASE).save():
            file.write(chunk)
    report = trivy.Local(program).run(["image", *trivy.CLOSED, "--input", "/target/base.tar"],
                                      target=tmp_path, cache=cache)  # fmt: skip
    assert found(json.loads(report)) == EXPECTED
