"""Image scans: when one is due, what it answers, and the hook a scanner is plugged into.

No finding is ever invented. Without a scanner a scan ends as FAILED with the reason, which is also how ECR ends the
scan of an image it cannot read (https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-scanning-troubleshooting.html).
"""

from __future__ import annotations

import sys
import traceback
from collections import Counter
from typing import Any, Protocol

from moto.core.exceptions import ServiceException

from autograder.emulators.ecr import images, problems
from autograder.emulators.ecr.images import StoredImage

DAY = 24 * 3600.0  # seconds
IN_PROGRESS = "IN_PROGRESS"
Finding = dict[str, Any]  # the shape ImageScanFinding: name, severity, uri, description, attributes


class CannotScan(Exception):
    """The scanner cannot read this image; the text says why."""


class Scanner(Protocol):
    """Finds vulnerabilities in one image."""

    def updated_at(self) -> float:
        """When its sources were last updated, seconds since the epoch."""

    def findings_for(self, repository: str, digest: str) -> list[Finding]:
        """Findings in ECR's form (shape ``ImageScanFinding``). Raises CannotScan."""


class NoScanner:
    """The scanner of an installation that has none."""

    def updated_at(self) -> float:
        return 0.0

    def findings_for(self, repository: str, digest: str) -> list[Finding]:
        raise CannotScan("This emulator has no scanner of its own. Scan the image with trivy instead.")


def check(image: StoredImage, repository: str, scan_type: str, now: float, last: float | None) -> None:
    """Refuse what StartImageScan refuses.

    Source: https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_StartImageScan.html
    """
    if scan_type == "ENHANCED":
        raise ServiceException("ValidationException", "This feature is disabled")
    if image.image_status == images.ARCHIVED:
        raise problems.archived(image.digest, repository)
    if image.size is None:  # an index; each image in it is scanned by itself
        raise unsupported(image.image_manifest_media_type)
    if last is not None and now - last < DAY:
        text = "The scan quota per image has been exceeded. Wait and try again."
        raise ServiceException("LimitExceededException", text)


def begun(now: float) -> dict[str, Any]:
    """The record of a scan that has begun, JSON-serialisable."""
    return {"at": now, "status": IN_PROGRESS, "description": "", "findings": []}


def run(scanner: Scanner, repository: str, digest: str, now: float) -> dict[str, Any]:
    """One scan's record, JSON-serialisable: status, description, findings, when it began, its sources' age."""
    try:
        findings = scanner.findings_for(repository, digest)
        updated = scanner.updated_at()
    except CannotScan as reason:
        return {"at": now, "status": "FAILED", "description": f"UnsupportedImageError: {reason}", "findings": []}
    except Exception:  # whatever it was: without an outcome the scan would be in progress for ever
        sys.stderr.write(traceback.format_exc())
        return {"at": now, "status": "FAILED", "description": "The scanner stopped with an error.", "findings": []}
    description = "The scan was completed successfully."
    return {"at": now, "status": "COMPLETE", "description": description, "findings": findings, "sources": updated}


def describe(record: dict[str, Any], findings: list[Finding]) -> dict[str, Any]:
    """Status and findings as DescribeImageScanFindings prints them; ``findings`` is the page asked for."""
    status = {"status": record["status"], "description": record["description"]}
    answer: dict[str, Any] = {"imageScanStatus": {key: value for key, value in status.items() if value}}
    if record["status"] == "COMPLETE":
        counts = Counter(finding["severity"] for finding in record["findings"])
        answer["imageScanFindings"] = {
            "imageScanCompletedAt": record["at"],
            "vulnerabilitySourceUpdatedAt": record["sources"],
            "findings": findings,
            "findingSeverityCounts": dict(counts),
        }
    return answer


def unsupported(media_type: str) -> ServiceException:
    """An index has no packages of its own. The text: https://github.com/docker/setup-buildx-action/issues/186"""
    text = f"An artifact with media type '{media_type}' cannot be scanned. For more information, see the Amazon ECR "
    return ServiceException("UnsupportedImageTypeException", f"{text}documentation.")


def missing(digest: str | None, tag: str | None, repository: str, registry_id: str) -> ServiceException:
    return ServiceException(
        "ScanNotFoundException",
        f"Image scan does not exist for the image with '{problems.image_id(digest, tag)}' in the repository with name "
        f"'{repository}' in the registry with id '{registry_id}'",
    )
