"""A rescan from an SBOM alone, without the image it was made from."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from autograder.domain import advisories
from autograder.domain.advisories import Advisory
from autograder.scanning import rescan, trivy
from autograder.scanning.rescan import Finding, Runner


def report(runner: Runner, sbom: bytes, cache: Path) -> dict[str, Any]:
    """Trivy's report on an SBOM.

    Raises:
        CourseError: Trivy cannot read the SBOM, or failed.
    """
    with tempfile.TemporaryDirectory(prefix="course-sbom-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "sbom.json").write_bytes(sbom)
        return trivy.report(runner.run(["sbom", *trivy.CLOSED, "/target/sbom.json"], target=folder, cache=cache))


def findings(runner: Runner, sbom: bytes, cache: Path, known: Sequence[Advisory] | None = None) -> tuple[Finding, ...]:
    """The vulnerabilities that follow from an SBOM alone, the worst first.

    Raises:
        CourseError: as :func:`report`.
    """
    listed = rescan.findings_of(report(runner, sbom, cache), advisories.load() if known is None else known)
    return tuple(sorted(listed, key=lambda one: (-advisories.Severity(one.severity).rank, one.package, one.id)))
