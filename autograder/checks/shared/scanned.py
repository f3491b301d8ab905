"""What the rescan found, for checks: the images of a repository as the grader (or the notebook) scanned them anew."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from autograder.checks.api import Failure, NotGraded
from autograder.checks.shared.images import tagged
from autograder.evidence.model import Evidence

PROBE = "rescan"


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
    probe: Any = e.probes.get(PROBE)
    if not isinstance(probe, dict):
        raise NotGraded("The image was not scanned anew.")
    if "fault" in probe:
        raise NotGraded(str(probe["fault"]))
    row = probe.get(f"{service}/{name}", {}).get(digest)
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
            "Delete what the lab does not ask for, or reset the lab and push its images again."
            if row["error"].endswith("have tags here")
            else "Build the image from the lab's Dockerfile, and push it again.",
            expected=f"{name}:{tag} can be scanned from its layers.",
        )
    return _scanned(digest, row)


def _scanned(digest: str, row: dict[str, Any]) -> Scanned:
    found: dict[tuple[str, str, str], Finding] = {}
    packages: dict[str, str] = {}
    for image in row["images"]:
        packages |= image["packages"]
        for each in image["findings"]:
            one = Finding(each["id"], each["package"], each["version"], each["severity"], tuple(each["fixed"]))
            found.setdefault((one.id, one.package, one.version), one)
    problems = dict.fromkeys(problem for image in row["images"] for problem in image["problems"])
    return Scanned(digest, packages, tuple(found.values()), tuple(problems), tuple(row["sboms"]))
