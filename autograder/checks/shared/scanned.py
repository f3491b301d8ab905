"""What the rescan found, for checks: the images of a repository as the grader (or the notebook) scanned them anew."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from autograder.checks.api import Failure, NotGraded, require_probe
from autograder.checks.shared.images import tagged
from autograder.evidence.model import Evidence

PROBE = "rescan"
# Why an image cannot be rescanned, as the probe says it: the image itself, or that the repository holds too many.
IMAGE, TOO_MANY = "image", "too-many-images"
NEXT_STEPS = {
    IMAGE: "Build the image from the lab's Dockerfile, and push it again.",
    TOO_MANY: "Delete what the lab does not ask for, or reset the lab and push its images again.",
}


@dataclass(frozen=True)
class Finding:
    """One vulnerability: id, package (normalised name), version, severity, versions with the fix."""

    id: str
    package: str
    version: str
    severity: str
    fixed: tuple[str, ...]

    @property
    def counts(self) -> bool:
        """Whether it is graded: HIGH or CRITICAL, and there is a fix."""
        return self.severity in ("HIGH", "CRITICAL") and bool(self.fixed)


@dataclass(frozen=True)
class Scanned:
    """One image, every platform of it.

    Attributes:
        digest: of what the tag points at.
        packages: normalised name -> version of each Python package above the base.
        findings: vulnerabilities, the worst first.
        problems: what would mislead a scanner, in words for the student.
        sboms: what the SBOMs that refer to it say: ``digest``, ``subject``, ``kind``, and ``packages`` or ``error``.
    """

    digest: str
    packages: dict[str, str]
    findings: tuple[Finding, ...]
    problems: tuple[str, ...]
    sboms: tuple[dict[str, Any], ...]


def scanned(e: Evidence, service: str, name: str, tag: str) -> Scanned:
    """The rescan of the image behind a tag.

    Raises:
        Failure: there is no such tag, or the image cannot be rescanned as it is.
        NotGraded: the scanner failed, or this lab has no rescan.
    """
    digest = tagged(e, service, name, tag).tags[tag]
    row = require_probe(e, PROBE, "The image was not scanned anew.").get(f"{service}/{name}", {}).get(digest)
    if row is None:
        raise Failure(
            f"{digest} is none that a scanner can read: an artifact, or an index without images.",
            "Push the image that you built under that tag.",
            expected=f"{name}:{tag} is an image.",
        )
    if "fault" in row:
        raise NotGraded(str(row["fault"]))
    if "error" in row:
        raise Failure(
            f"It cannot: {row['error']}.",
            NEXT_STEPS.get(_kind(row), NEXT_STEPS[IMAGE]),
            expected=f"{name}:{tag} can be scanned from its layers.",
        )
    return _scanned(digest, row)


def _kind(row: dict[str, Any]) -> str:
    """Why an image cannot be rescanned. Evidence of version 0.1.0 has no kind, and says it in words alone."""
    told = TOO_MANY if row["error"].endswith("have tags here") else IMAGE
    return str(row.get("kind", told))


def _scanned(digest: str, row: dict[str, Any]) -> Scanned:
    findings: dict[tuple[str, str, str], Finding] = {}
    packages: dict[str, str] = {}
    for image in row["images"]:
        packages |= image["packages"]
        for told in image["findings"]:
            finding = Finding(told["id"], told["package"], told["version"], told["severity"], tuple(told["fixed"]))
            findings.setdefault((finding.id, finding.package, finding.version), finding)
    problems = dict.fromkeys(problem for image in row["images"] for problem in image["problems"])
    return Scanned(digest, packages, tuple(findings.values()), tuple(problems), tuple(row["sboms"]))
