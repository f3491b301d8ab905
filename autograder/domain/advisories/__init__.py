"""The course's advisories: published facts about Python packages, each with its source, in planted.toml and stack.toml.

The severity follows from the CVSS vector alone. A severity is never invented: no vector, no severity.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib import resources
from typing import Any

from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from autograder.domain.advisories import cvss
from autograder.domain.advisories.cvss import Severity

__all__ = ["FILES", "Advisory", "Severity", "affecting", "load", "parse"]

FILES = ("planted.toml", "stack.toml")
_REQUIRED = ("id", "package", "title", "affected", "fixed", "cwe", "published", "source", "reference")
_OPTIONAL = ("cvss", "rated")


@dataclass(frozen=True)
class Advisory:
    """One published vulnerability in one package.

    Attributes:
        id: the CVE id.
        package: name on PyPI, normalised (https://packaging.python.org/en/latest/specifications/name-normalization/).
        title: what goes wrong, in our own words.
        affected: version ranges, any of which is affected: ">=1.25.4, <1.26.5".
        fixed: the first version of each line that has the fix; empty when the source names none.
        cvss: the CVSS 3 vector that the source gives, or None.
        rated: the severity that the source itself gives, or None; only compared.
        cwe: kinds of weakness, "CWE-400".
        published: day of publication.
        source: URL of the record that all of this was read from.
        reference: URL for further reading.
    """

    id: str
    package: str
    title: str
    affected: tuple[str, ...]
    fixed: tuple[str, ...]
    cvss: str | None
    rated: Severity | None
    cwe: tuple[str, ...]
    published: date
    source: str
    reference: str

    @property
    def severity(self) -> Severity:
        """What the CVSS vector stands for; UNKNOWN without one."""
        return cvss.severity(self.cvss)

    @property
    def score(self) -> float | None:
        """The CVSS base score, 0.0 to 10.0, or None."""
        return cvss.base_score(self.cvss) if self.cvss else None

    def affects(self, version: str) -> bool:
        """Whether a version is in one of the ranges; a version that cannot be read is not."""
        try:
            known = Version(version)
        except ValueError:  # InvalidVersion is one; so is what Python says of a number with thousands of digits
            return False
        return any(SpecifierSet(each).contains(known, prereleases=True) for each in self.affected)


def parse(text: str) -> tuple[Advisory, ...]:
    """Advisories from TOML.

    Raises:
        ValueError: a field is missing, unknown or malformed; names the advisory.
    """
    return tuple(_advisory(entry) for entry in tomllib.loads(text).get("advisory", []))


def _advisory(entry: dict[str, Any]) -> Advisory:
    name = f"{entry.get('id', 'an advisory')} for {entry.get('package', 'no package')}"
    wrong = [key for key in _REQUIRED if key not in entry] + [k for k in entry if k not in (*_REQUIRED, *_OPTIONAL)]
    if wrong:
        raise ValueError(f"{name}: missing or unknown: {', '.join(wrong)}")
    if entry["package"] != canonicalize_name(entry["package"]):
        raise ValueError(f"{name}: the package's name is not normalised")
    try:
        for version in entry["fixed"]:
            Version(version)
        for each in entry["affected"]:
            SpecifierSet(each)
        if entry.get("cvss"):
            cvss.metrics(entry["cvss"])
        rated = Severity(entry["rated"]) if "rated" in entry else None
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
    return Advisory(
        id=entry["id"],
        package=entry["package"],
        title=entry["title"],
        affected=tuple(entry["affected"]),
        fixed=tuple(entry["fixed"]),
        cvss=entry.get("cvss"),
        rated=rated,
        cwe=tuple(entry["cwe"]),
        published=entry["published"],
        source=entry["source"],
        reference=entry["reference"],
    )


@cache
def load() -> tuple[Advisory, ...]:
    """All advisories of the course, ordered by package and id."""
    folder = resources.files(__name__)
    found = [one for file in FILES for one in parse(folder.joinpath(file).read_text(encoding="utf-8"))]
    return tuple(sorted(found, key=lambda one: (one.package, one.id)))


def affecting(package: str, version: str, known: Iterable[Advisory] | None = None) -> Sequence[Advisory]:
    """The advisories that a package's version is affected by.

    Args:
        package: its name in any spelling.
        version: its version.
        known: advisories to look in; by default the course's.
    """
    name = canonicalize_name(package)
    return [one for one in (load() if known is None else known) if one.package == name and one.affects(version)]
