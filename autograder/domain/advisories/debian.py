"""Debian's advisories for packages of the base image, each with its source, in debian.toml: what Debian 12 leaves open.

Severity as Trivy has it: Debian's own urgency where there is one, else the CVSS vector.
Source: https://github.com/aquasecurity/trivy-db/blob/main/pkg/vulnsrc/debian/debian.go (severityFromUrgency).
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib import resources
from typing import Any

from autograder.domain.advisories import cvss
from autograder.domain.advisories.cvss import Severity

RELEASE = "12"
URGENCIES = {"unimportant": Severity.LOW, "low": Severity.LOW, "medium": Severity.MEDIUM, "high": Severity.HIGH}
STATUSES = ("affected", "will_not_fix")
TRACKER = "https://security-tracker.debian.org/tracker/"
_REQUIRED = ("id", "package", "title", "status", "source")
_OPTIONAL = ("urgency", "reason", "cvss", "cvss_source", "cwe", "published")


@dataclass(frozen=True)
class DebianAdvisory:
    """A vulnerability of a source package that has no fix in Debian 12.

    Attributes:
        id: the CVE id.
        package: the source package; its binary packages carry it in ``Source``.
        title: what goes wrong, in our own words.
        status: "affected" or "will_not_fix", Trivy's words.
        urgency: Debian's word, or "".
        reason: why Debian leaves it open, in our own words, or "".
        cvss: the CVSS 3 vector of ``cvss_source``, or None.
        cwe: kinds of weakness.
        published: day of publication, or None where no source was read for it.
        source: URL of Debian's record.
        cvss_source: URL of the record with the vector, or "".
    """

    id: str
    package: str
    title: str
    status: str
    source: str
    urgency: str = ""
    reason: str = ""
    cvss: str | None = None
    cvss_source: str = ""
    cwe: tuple[str, ...] = ()
    published: date | None = None

    @property
    def severity(self) -> Severity:
        """By Debian's urgency, else by the vector; UNKNOWN without either."""
        return URGENCIES[self.urgency] if self.urgency else cvss.severity(self.cvss)

    @property
    def reference(self) -> str:
        """Its page in Debian's security tracker."""
        return TRACKER + self.id


def parse(text: str) -> tuple[DebianAdvisory, ...]:
    """Advisories from TOML.

    Raises:
        ValueError: a field is missing, unknown or malformed; names the advisory.
    """
    return tuple(_advisory(entry) for entry in tomllib.loads(text).get("advisory", []))


def _advisory(entry: dict[str, Any]) -> DebianAdvisory:
    name = f"{entry.get('id', 'an advisory')} for {entry.get('package', 'no package')}"
    wrong = [key for key in _REQUIRED if key not in entry] + [k for k in entry if k not in (*_REQUIRED, *_OPTIONAL)]
    if wrong:
        raise ValueError(f"{name}: missing or unknown: {', '.join(wrong)}")
    if entry["status"] not in STATUSES or entry.get("urgency", "low") not in URGENCIES:
        raise ValueError(f"{name}: an unknown status or urgency")
    if ("cvss" in entry) != ("cvss_source" in entry):
        raise ValueError(f"{name}: a vector and its source belong together")
    if "cvss" in entry:
        cvss.metrics(entry["cvss"])
    return DebianAdvisory(**{**entry, "cwe": tuple(entry.get("cwe", ()))})


@cache
def load() -> tuple[DebianAdvisory, ...]:
    """All of them, ordered by package and id."""
    text = resources.files("autograder.domain.advisories").joinpath("debian.toml").read_text(encoding="utf-8")
    return tuple(sorted(parse(text), key=lambda one: (one.package, one.id)))
