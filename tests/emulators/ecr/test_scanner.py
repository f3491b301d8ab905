"""Trivy as the ECR emulator's scanner: the shape of its findings, what it does not see, and how it fails."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from autograder.emulators.ecr import scanning, trivy
from autograder.emulators.ecr.scanning import CannotScan
from autograder.emulators.ecr.trivy import TrivyScanner

ZLIB = {
    "VulnerabilityID": "CVE-2023-45853",
    "PkgID": "zlib1g@1:1.2.13.dfsg-1",
    "PkgName": "zlib1g",
    "InstalledVersion": "1:1.2.13.dfsg-1",
    "Severity": "CRITICAL",
    "Description": "d",
    "References": ["https://security-tracker.debian.org/tracker/CVE-2023-45853"],
    "CVSS": {"nvd": {"V3Vector": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", "V3Score": 9.8}},
}
LIBC = [
    {"VulnerabilityID": "CVE-2019-1010022", "PkgID": f"{name}@2.36-9", "PkgName": name, "InstalledVersion": "2.36-9",
     "Severity": "LOW"}
    for name in ("libc-bin", "libc6")
]  # fmt: skip
PACKAGES = [
    {"ID": "zlib1g@1:1.2.13.dfsg-1", "SrcName": "zlib", "SrcVersion": "1.2.13.dfsg", "SrcRelease": "1", "SrcEpoch": 1},
    *({"ID": each["PkgID"], "SrcName": "glibc", "SrcVersion": "2.36", "SrcRelease": "9"} for each in LIBC),
]


def report(*vulnerabilities: dict[str, Any], system: Any = ("debian", "12")) -> dict[str, Any]:
    results = [
        {"Class": "os-pkgs", "Packages": PACKAGES, "Vulnerabilities": list(vulnerabilities)},
        {"Class": "lang-pkgs", "Vulnerabilities": [{"VulnerabilityID": "CVE-2022-21797", "PkgName": "joblib"}]},
    ]
    return {"Metadata": {"OS": system and {"Family": system[0], "Name": system[1]}}, "Results": results}


def test_a_finding_has_the_shape_of_the_api() -> None:
    [found] = trivy.findings(report(ZLIB))
    assert {key: found[key] for key in ("name", "severity", "uri", "description")} == {
        "name": "CVE-2023-45853",
        "severity": "CRITICAL",
        "uri": "https://security-tracker.debian.org/tracker/CVE-2023-45853",
        "description": "d",
    }
    assert {each["key"]: each["value"] for each in found["attributes"]} == {
        "package_name": "zlib",
        "package_version": "1:1.2.13.dfsg-1",
        "CVSS3_VECTOR": ZLIB["CVSS"]["nvd"]["V3Vector"],
        "CVSS3_SCORE": "9.8",
    }


def test_one_finding_a_source_package_the_worst_first_and_none_of_pip() -> None:
    found = trivy.findings(report(*LIBC, ZLIB, {**ZLIB, "VulnerabilityID": "CVE-1", "Severity": "UNKNOWN"}))
    assert [(each["name"], each["severity"]) for each in found] == [
        ("CVE-2023-45853", "CRITICAL"),
        ("CVE-2019-1010022", "LOW"),
        ("CVE-1", "UNDEFINED"),
    ]


def test_without_an_operating_system_there_is_nothing_to_scan() -> None:
    with pytest.raises(CannotScan, match="operating system and/or package manager"):
        trivy.findings(report(system=None))


def test_a_package_that_trivy_does_not_list_keeps_its_own_name() -> None:
    [found] = trivy.findings(report({**ZLIB, "PkgID": "?"}))
    assert {"key": "package_name", "value": "zlib1g"} in found["attributes"]


@pytest.mark.skipif(sys.platform == "win32", reason="the emulator program is a shell script")
@pytest.mark.parametrize(
    ("text", "words"),
    [("echo FATAL no image >&2; exit 1", "no image"), ("exit 1", "scanner failed"), ("echo '['", "no report"),
     ("sleep 5", "did not end")],
)  # fmt: skip
def test_a_scanner_that_fails_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, words: str) -> None:
    monkeypatch.setattr(trivy, "SECONDS", 0.5)
    program = tmp_path / "trivy"
    program.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    program.chmod(0o755)
    with pytest.raises(CannotScan, match=words):
        TrivyScanner(program, tmp_path, "http://localhost:1", "ecr/").findings_for("a", "sha256:1")


def test_a_scanner_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(CannotScan, match="does not run here"):
        TrivyScanner(tmp_path / "none", tmp_path, "http://localhost:1", "ecr/").findings_for("a", "sha256:1")


def test_the_age_of_the_database_is_read(tmp_path: Path) -> None:
    (tmp_path / "db").mkdir()
    (tmp_path / "db" / "metadata.json").write_text(json.dumps({"UpdatedAt": "2024-07-09T00:00:00Z"}), encoding="utf-8")
    assert TrivyScanner(tmp_path, tmp_path, "http://localhost:1", "ecr/").updated_at() == 1720483200.0


def test_a_scanner_that_breaks_ends_its_scan(capsys: pytest.CaptureFixture[str]) -> None:
    class Broken(scanning.NoScanner):
        def findings_for(self, repository: str, digest: str) -> list[scanning.Finding]:
            raise KeyError("PkgName")

    outcome = scanning.run(Broken(), "ml", "sha256:1", 7.0)
    assert outcome["status"] == "FAILED" and outcome["findings"] == [] and outcome["at"] == 7.0
    assert "KeyError" in capsys.readouterr().err
