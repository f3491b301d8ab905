"""A gate: does a Trivy report let an image through? Pure; what cannot be judged is refused, never let through.

Formats: the report is Trivy's JSON (schema version 2, https://github.com/aquasecurity/trivy/blob/main/pkg/types/report.go),
the ignore file is Trivy's .trivyignore (https://trivy.dev/docs/latest/guide/configuration/filtering/), held to a rule
of ours: every line has an expiry date, and a reason in a comment above it, with no blank line between.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from autograder.domain.advisories.cvss import Severity

BLOCKING = (Severity.HIGH, Severity.CRITICAL)
PACKAGES = ("os-pkgs", "lang-pkgs")
MAX_REPORT = 64 << 20  # characters
MAX_REASON = 2_000  # characters of a reason that are kept
_ID = re.compile(r"[A-Z][A-Z0-9]*(?:-[A-Za-z0-9]+)+\Z")


class GateInput(ValueError):
    """Report or ignore file cannot be judged; the message says what is wrong. The gate stays shut."""


@dataclass(frozen=True)
class Ignore:
    """An accepted finding: until when (the day itself included), and why."""

    id: str
    until: date | None
    reason: str
    line: int

    def holds(self, today: date) -> bool:
        """Whether it still counts."""
        return self.until is None or today <= self.until


@dataclass(frozen=True)
class Policy:
    """What blocks.

    Attributes:
        severities: findings of these block.
        ignore_unfixed: whether findings without a fixed version are let through (they are listed all the same).
        ignores: accepted findings.
    """

    severities: tuple[Severity, ...] = BLOCKING
    ignore_unfixed: bool = False
    ignores: tuple[Ignore, ...] = ()


@dataclass(frozen=True)
class Found:
    """A finding of a report."""

    id: str
    package: str
    version: str
    severity: Severity
    fixed: str


@dataclass(frozen=True)
class Decision:
    """What the gate says.

    Attributes:
        passed: nothing blocks.
        blocking: what does.
        ignored: what would, but is accepted by a line of the ignore file that still holds.
        expired: what blocks although a line accepted it once.
        unfixed: what is let through because there is no fix.
        counts: findings by severity, all of them.
        unused: lines of the ignore file that match nothing.
    """

    passed: bool
    blocking: tuple[Found, ...]
    ignored: tuple[Found, ...]
    expired: tuple[Found, ...]
    unfixed: tuple[Found, ...]
    counts: Mapping[str, int]
    unused: tuple[Ignore, ...]


def ignores(text: str, *, strict: bool = True) -> tuple[Ignore, ...]:
    """The lines of an ignore file.

    Args:
        text: its content.
        strict: whether a line needs an expiry date and a reason.

    Raises:
        GateInput: a line is malformed, listed twice, or (strict) has no date or reason; names the line.
    """
    found: dict[str, Ignore] = {}
    reason = ""
    for number, raw in enumerate(text.removeprefix("\ufeff").splitlines(), 1):  # a mark that editors on Windows write
        line, mark, comment = raw.partition("#")
        parts = line.split()
        if not parts:
            if not (mark and comment.strip()):
                reason = ""
            elif len(reason) < MAX_REASON and _says_something(comment):  # it holds for each line up to a blank one
                reason = f"{reason} {comment.strip()}".strip()[:MAX_REASON]
            continue
        where = f"line {number} of the ignore file"
        if not _ID.match(parts[0]):
            raise GateInput(f"{where}: {parts[0]!r} is no id of a vulnerability")
        until = None
        for extra in parts[1:]:
            name, _, value = extra.partition(":")
            if name != "exp" or until is not None:
                raise GateInput(f"{where}: {extra!r} is not understood; only exp:YYYY-MM-DD may follow an id")
            try:
                until = date.fromisoformat(value) if re.fullmatch(r"\d{4}-\d\d-\d\d", value) else None
            except ValueError:
                until = None
            if until is None:
                raise GateInput(f"{where}: {value!r} is no date of the form YYYY-MM-DD")
        if strict and until is None:
            raise GateInput(f"{where}: {parts[0]} has no expiry date (exp:YYYY-MM-DD)")
        if strict and not reason:
            behind = ", and what stands behind it on the line is not asked for" if comment.strip() else ""
            raise GateInput(f"{where}: {parts[0]} has no reason in a comment above it{behind}")
        if parts[0] in found:
            raise GateInput(f"{where}: {parts[0]} is listed twice")
        found[parts[0]] = Ignore(parts[0], until, reason, number)
    return tuple(found.values())


def _says_something(comment: str) -> bool:
    """Whether a comment has a word: rules of dashes, dates, and lines that were taken out of use give no reason."""
    words = (word for word in comment.split() if not _ID.match(word) and not word.startswith("exp:"))
    return any(letter.isalpha() for word in words for letter in word)


def report(text: str) -> dict[str, Any]:
    """A report's JSON.

    Raises:
        GateInput: empty, too large, not JSON, or not an object.
    """
    if not text.strip():
        raise GateInput("the report is empty: the scan did not write one")
    if len(text) > MAX_REPORT:
        raise GateInput("the report is too large")
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise GateInput(f"the report is not JSON: {error}") from None
    if not isinstance(document, dict):
        raise GateInput("the report is not a JSON object")
    return document


def findings(document: Mapping[str, Any], digest: str | None = None) -> tuple[Found, ...]:
    """The vulnerabilities in a report.

    Args:
        document: the report.
        digest: the image's digest, when the report has to be of that image.

    Raises:
        GateInput: not a report of an image scan for vulnerabilities, of another image, or malformed.
    """
    if document.get("SchemaVersion") != 2:
        has = (
            f"SchemaVersion is {document['SchemaVersion']!r}"
            if "SchemaVersion" in document
            else "it has no SchemaVersion"
        )
        raise GateInput(f"not a report of Trivy as its --format json writes it: {has}, and 2 is known")
    if digest is not None and digest not in _digests(document):
        raise GateInput(
            f"the report is not of {digest}; it names {', '.join(sorted(_digests(document))) or 'no digest'}"
        )
    results = document.get("Results")
    if not isinstance(results, list) or not all(isinstance(one, dict) for one in results):
        raise GateInput("the report has no Results: nothing was scanned")
    scanned = [one for one in results if one.get("Class") in PACKAGES]
    if not scanned:
        raise GateInput("the report lists no packages: the scan saw none, or did not look for vulnerabilities")
    found: list[Found] = []
    for result in scanned:
        listed = result.get("Vulnerabilities")
        if not isinstance(listed, list | None):
            raise GateInput("Vulnerabilities is not a list")
        found += [_found(one) for one in listed or []]
    return tuple(found)


def _digests(document: Mapping[str, Any]) -> set[str]:
    metadata = document.get("Metadata")
    named = metadata.get("RepoDigests") if isinstance(metadata, dict) else None
    return {str(one).rpartition("@")[2] for one in named} if isinstance(named, list) else set()


def _found(one: Any) -> Found:
    try:
        values = [one[key] for key in ("VulnerabilityID", "PkgName", "InstalledVersion", "Severity")]
        fixed = one.get("FixedVersion", "")
        if not all(isinstance(value, str) and value for value in values) or not isinstance(fixed, str):
            raise TypeError("a field is not a text")
        return Found(values[0], values[1], values[2], Severity(values[3]), fixed)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise GateInput(f"a vulnerability in the report is malformed: {error}") from None


def decide(found: Iterable[Found], policy: Policy, today: date) -> Decision:
    """Hold findings against a policy."""
    everything = tuple(found)
    accepted = {one.id: one for one in policy.ignores}
    blocking, ignored, expired, unfixed = [], [], [], []
    for one in everything:
        if one.severity not in policy.severities:
            continue
        line = accepted.get(one.id)
        if line is not None and line.holds(today):
            ignored.append(one)
        elif policy.ignore_unfixed and not one.fixed:
            unfixed.append(one)
        else:
            blocking.append(one)
            if line is not None:
                expired.append(one)
    counts = Counter(one.severity.value for one in everything)
    ids = {one.id for one in everything}
    return Decision(
        passed=not blocking,
        blocking=tuple(blocking),
        ignored=tuple(ignored),
        expired=tuple(expired),
        unfixed=tuple(unfixed),
        counts={severity.value: counts[severity.value] for severity in reversed(Severity)},
        unused=tuple(one for one in policy.ignores if one.id not in ids),
    )
