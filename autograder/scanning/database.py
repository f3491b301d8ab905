"""Trivy's vulnerability database, made from the course's advisories: the same advisories, the same bytes.

Layout (schema 2): bucket ``data-source`` says who is asked, bucket ``vulnerability`` holds what an id means, and a
bucket a source and ecosystem ("pip::…", "debian 12") holds a bucket a package with its advisories by id; all values
are JSON.
Source: https://github.com/aquasecurity/trivy-db (pkg/db, pkg/types/types.go, pkg/vulnsrc/debian/debian.go) and
https://github.com/aquasecurity/trivy/blob/main/pkg/detector/library/driver.go, which reads buckets by the prefix.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

from autograder.domain import advisories
from autograder.domain.advisories import Advisory, cvss, debian
from autograder.domain.advisories.debian import DebianAdvisory
from autograder.errors import CourseError
from autograder.oci.manifests import digest_of
from autograder.scanning import bolt, boltcheck

SCHEMA = 2
FILE, METADATA = "trivy.db", "metadata.json"
SOURCE = "ghsa"  # the source id whose severity Trivy takes for advisories of the pip ecosystem
BUCKET = "pip::GitHub Security Advisory pip"
SOURCE_FACTS = {
    "ID": SOURCE,
    "Name": "GitHub Security Advisory pip",
    "URL": "https://github.com/advisories?query=type%3Areviewed+ecosystem%3Apip",
}


DEBIAN_BUCKET = f"debian {debian.RELEASE}"  # of vulnerabilities without a fix
DEBIAN_FACTS = {
    "ID": "debian",
    "Name": "Debian Security Tracker",
    "URL": "https://salsa.debian.org/security-tracker-team/security-tracker",
}
# https://github.com/aquasecurity/trivy-db/blob/main/pkg/types/status.go
STATUS = {"affected": 2, "will_not_fix": 5}


@dataclass(frozen=True)
class Database:
    """The two files that Trivy expects in its cache's ``db`` folder."""

    db: bytes
    metadata: bytes

    @property
    def digest(self) -> str:
        """``sha256:…`` of trivy.db: what a rescan's result depends on."""
        return digest_of(self.db)


def _json(document: Any) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _day(day: date) -> str:
    return datetime.combine(day, time(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def advisory_value(one: Advisory) -> dict[str, Any]:
    """What stands under a package: which versions are affected, and which have the fix."""
    return {"PatchedVersions": list(one.fixed), "VulnerableVersions": list(one.affected)}


def vulnerability_value(one: Advisory) -> dict[str, Any]:
    """What an id means: title, severity, score, weaknesses, references."""
    value: dict[str, Any] = {
        "Title": one.title,
        "Description": f"{one.title}. Affected versions of {one.package}: {' or '.join(one.affected)}.",
        "Severity": one.severity.value,
        "VendorSeverity": {SOURCE: one.severity.rank},
        "CweIDs": list(one.cwe),
        "References": [one.reference, one.source],
        "PublishedDate": _day(one.published),
    }
    if one.cvss is not None:
        value["CVSS"] = {SOURCE: {"V3Vector": one.cvss, "V3Score": one.score}}
    return value


def debian_advisory_value(one: DebianAdvisory) -> dict[str, Any]:
    """What stands under a source package: that there is no fix, and Debian's own rating where it has one."""
    value = {"Status": STATUS[one.status]}
    return value | ({"Severity": one.severity.rank} if one.urgency else {})


def debian_vulnerability_value(one: DebianAdvisory) -> dict[str, Any]:
    """What an id of Debian's means."""
    reason = f" Debian: {one.reason}." if one.reason else ""
    rated = {"debian" if one.urgency else "nvd": one.severity.rank}
    value: dict[str, Any] = {
        "Title": one.title,
        "Description": f"{one.title}.{reason}",
        "Severity": one.severity.value,
        "VendorSeverity": rated,
        "CweIDs": list(one.cwe),
        "References": [one.reference, one.source],
    }
    if one.cvss is not None:
        value["CVSS"] = {"nvd": {"V3Vector": one.cvss, "V3Score": cvss.base_score(one.cvss)}}
    if one.published is not None:
        value["PublishedDate"] = _day(one.published)
    return value


def build(known: Iterable[Advisory] | None = None, of_debian: Iterable[DebianAdvisory] | None = None) -> Database:
    """The database for advisories.

    Args:
        known: by default the course's, and Debian's with them.
        of_debian: Debian's; none where only ``known`` is given.

    Raises:
        ValueError: two advisories for the same package have the same id.
    """
    if of_debian is None:
        of_debian = debian.load() if known is None else ()
    entries = sorted(advisories.load() if known is None else known, key=lambda one: (one.package, one.id))
    packages: dict[bytes, dict[bytes, bytes]] = {}
    meanings: dict[bytes, bytes] = {}
    for one in entries:
        under = packages.setdefault(one.package.encode(), {})
        if one.id.encode() in under:
            raise ValueError(f"{one.id} is listed twice for {one.package}")
        under[one.id.encode()] = _json(advisory_value(one))
        meanings.setdefault(one.id.encode(), _json(vulnerability_value(one)))
    sources: dict[bytes, dict[bytes, bytes]] = {}
    for each in of_debian:
        sources.setdefault(each.package.encode(), {})[each.id.encode()] = _json(debian_advisory_value(each))
        meanings.setdefault(each.id.encode(), _json(debian_vulnerability_value(each)))
    tree: bolt.Tree = {
        b"data-source": {BUCKET.encode(): _json(SOURCE_FACTS), DEBIAN_BUCKET.encode(): _json(DEBIAN_FACTS)},
        b"vulnerability": meanings,
        BUCKET.encode(): packages,
        DEBIAN_BUCKET.encode(): sources,
    }
    newest = max((one.published for one in entries), default=date(2024, 1, 1))
    # An update is due at any time. With a late NextUpdate a cache that is used for other work as well would stay with
    # this database; so Trivy asks again after an hour and takes what --db-repository (or its default) then gives.
    # https://github.com/aquasecurity/trivy/blob/main/pkg/db/db.go (isNewDB)
    metadata = dict.fromkeys(("UpdatedAt", "NextUpdate", "DownloadedAt"), _day(newest)) | {"Version": SCHEMA}
    return Database(bolt.write(tree), _json(metadata))


def read(content: bytes) -> dict[str, dict[str, dict[str, Any]]]:
    """The pip advisories in a trivy.db: package -> id -> value, with the meaning of the id under ``"meaning"``.

    Raises:
        CourseError: not a sound bbolt file, or not this layout; says which page or entry.
    """
    try:
        tree = boltcheck.read(content)
        meanings = tree[b"vulnerability"]
        packages = tree[BUCKET.encode()]
        assert isinstance(meanings, dict) and isinstance(packages, dict)
        found: dict[str, dict[str, dict[str, Any]]] = {}
        for package, entries in packages.items():
            assert isinstance(entries, dict)
            for key, value in entries.items():
                meaning = meanings[key]
                assert isinstance(value, bytes) and isinstance(meaning, bytes)
                found.setdefault(package.decode(), {})[key.decode()] = json.loads(value) | {
                    "meaning": json.loads(meaning)
                }
    except boltcheck.BoltError as error:
        raise _damaged(str(error)) from None
    except (KeyError, ValueError, AssertionError, TypeError) as error:
        raise _damaged(f"an entry is missing or unreadable: {error}") from None
    return found


def _damaged(found: str) -> CourseError:
    return CourseError(
        expected="a sound advisory database (Trivy's trivy.db)",
        found=f"it is damaged: {found}",
        next_step="Make it again: python3 course.py advisories build",
    )


def write(folder: Path, database: Database | None = None) -> Database:
    """Write a database below Trivy's cache folder, as ``FOLDER/db/trivy.db`` and ``FOLDER/db/metadata.json``.

    Returns:
        What was written.
    """
    made = build() if database is None else database
    target = folder / "db"
    target.mkdir(parents=True, exist_ok=True)
    for name, content in ((FILE, made.db), (METADATA, made.metadata)):
        fresh = target / f"{name}.{uuid.uuid4().hex}"  # several workers may write at once
        fresh.write_bytes(content)
        fresh.replace(target / name)
    return made


def require(folder: Path, database: Database | None = None) -> Database:
    """The database in a cache folder, held byte for byte against what the advisories give.

    Raises:
        CourseError: it is missing, damaged (says where) or another one.
    """
    expected = build() if database is None else database
    try:
        content = (folder / "db" / FILE).read_bytes()
    except OSError as error:
        raise _damaged(f"{FILE} cannot be read ({error.strerror})") from None
    if content != expected.db:
        read(content)  # says which page is damaged, where the structure shows it
        at = next((n for n, (a, b) in enumerate(zip(content, expected.db, strict=False)) if a != b), len(expected.db))
        raise _damaged(
            f"from page {at // bolt.PAGE_SIZE} on it is not what the advisories give; SHA-256 "
            f"{hashlib.sha256(content).hexdigest()[:12]}…, expected {expected.digest[7:19]}…"
        )
    return expected
