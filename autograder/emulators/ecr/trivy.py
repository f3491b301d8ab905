"""A scanner like ECR's basic scanning: Trivy on the operating system's packages alone, its report in ECR's shape.

Packages that pip installed are not looked at, whatever is wrong with them: basic scanning sees OS packages only
(https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-scanning.html). What is known is what the course's
database holds; ECR's own sources know many more. The severity is Debian's where Debian has one, else by CVSS, as in
https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-scanning-basic.html. Which word ECR has for what Debian
calls unimportant was not confirmed, so it is Trivy's: LOW.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from autograder.emulators.ecr.scanning import CannotScan, Finding

SECONDS = 1800.0  # for one image, and for what hangs: it takes some seconds, and longer on a machine that is busy
MAX_OUTPUT = 64 << 20  # bytes
OPTIONS = (
    "--quiet", "--skip-db-update", "--skip-java-db-update", "--skip-version-check", "--offline-scan",
    "--disable-telemetry", "--cache-backend", "memory", "--image-src", "remote", "--scanners", "vuln",
    "--pkg-types", "os", "--list-all-pkgs", "--format", "json",
)  # fmt: skip
SEVERITIES = {"UNKNOWN": "UNDEFINED"}  # Trivy's word -> ECR's, where they differ
ORDER = ("CRITICAL", "HIGH", "MEDIUM", "LOW", "INFORMATIONAL", "UNDEFINED")
NO_SYSTEM = "The operating system and/or package manager are not supported."  # ECR's words


class TrivyScanner:
    """Runs Trivy on an image in the store.

    Args:
        program: a Trivy for this machine; it may be absent.
        cache: its cache folder with the course's database in ``db``.
        store: the store's address, ``http://HOST:PORT``.
        prefix: of this backend's repositories there.
    """

    def __init__(self, program: Path, cache: Path, store: str, prefix: str) -> None:
        self._program, self._cache = program, cache
        self._store = f"{urlsplit(store).netloc}/{prefix}"

    def updated_at(self) -> float:
        """When the database was last updated, seconds since the epoch."""
        metadata = json.loads((self._cache / "db" / "metadata.json").read_text(encoding="utf-8"))
        return datetime.fromisoformat(metadata["UpdatedAt"]).timestamp()

    def findings_for(self, repository: str, digest: str) -> list[Finding]:
        """The vulnerabilities of the image's OS packages. Raises CannotScan."""
        command = [str(self._program), "image", *OPTIONS, "--cache-dir", str(self._cache)]
        command.append(f"{self._store}{repository}@{digest}")
        environment = {"HOME": "/tmp", "TMPDIR": "/tmp", "TRIVY_NON_SSL": "true"}
        try:
            done = subprocess.run(
                command, env=environment, cwd="/tmp", capture_output=True, timeout=SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            raise CannotScan(f"The scan did not end within {SECONDS:.0f} s.") from None
        except OSError as error:
            raise CannotScan(f"This emulator's scanner does not run here ({error.strerror}).") from None
        if done.returncode != 0:
            raise CannotScan(_last_words(done.stderr))
        return findings(_report(done.stdout))


def _report(output: bytes) -> dict[str, Any]:
    try:
        report = json.loads(output) if len(output) <= MAX_OUTPUT else None
    except (ValueError, RecursionError):
        report = None
    if not isinstance(report, dict):
        raise CannotScan("The scanner gave no report.")
    return report


def _last_words(stderr: bytes) -> str:
    lines = [line for line in stderr.decode("utf-8", errors="replace").splitlines() if line.strip()]
    return re.sub(r"\x1b\[[0-9;]*m", "", lines[-1])[:300] if lines else "The scanner failed."


def findings(report: Mapping[str, Any]) -> list[Finding]:
    """The findings in a report of Trivy, one per vulnerability and source package, the worst first.

    Shape: https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_ImageScanFinding.html

    Raises:
        CannotScan: the report is of an image without a known operating system.
    """
    if not (report.get("Metadata") or {}).get("OS"):
        raise CannotScan(NO_SYSTEM)
    by_package: dict[tuple[str, str, str], Finding] = {}
    for result in report.get("Results") or []:
        if result.get("Class") != "os-pkgs":
            continue
        packages = {package.get("ID"): package for package in result.get("Packages") or []}
        for vulnerability in result.get("Vulnerabilities") or []:
            name, version = _source(vulnerability, packages.get(vulnerability.get("PkgID"), {}))
            key = (vulnerability["VulnerabilityID"], name, version)
            by_package.setdefault(key, _finding(vulnerability, name, version))
    return sorted(by_package.values(), key=lambda finding: (ORDER.index(finding["severity"]), finding["name"]))


def _source(vulnerability: Mapping[str, Any], package: Mapping[str, Any]) -> tuple[str, str]:
    """Name and version of the source package, which is what ECR names; the binary package's, where it is unknown."""
    if not package.get("SrcName"):
        return vulnerability["PkgName"], vulnerability["InstalledVersion"]
    epoch, release = package.get("SrcEpoch"), package.get("SrcRelease")
    version = (f"{epoch}:" if epoch else "") + package.get("SrcVersion", "") + (f"-{release}" if release else "")
    return package["SrcName"], version


def _finding(vulnerability: Mapping[str, Any], name: str, version: str) -> Finding:
    attributes = {"package_version": version, "package_name": name}
    score = next((each for each in (vulnerability.get("CVSS") or {}).values() if each.get("V3Vector")), None)
    if score is not None:
        attributes |= {"CVSS3_VECTOR": score["V3Vector"], "CVSS3_SCORE": str(score.get("V3Score", ""))}
    severity = vulnerability.get("Severity", "UNKNOWN")
    return {
        "name": vulnerability["VulnerabilityID"],
        "description": vulnerability.get("Description", ""),
        "uri": (vulnerability.get("References") or [vulnerability.get("PrimaryURL", "")])[0],
        "severity": SEVERITIES.get(severity, severity),
        "attributes": [{"key": key, "value": value} for key, value in attributes.items()],
    }
