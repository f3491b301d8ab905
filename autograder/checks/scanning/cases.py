"""Lab 09: reports for the code task, as Trivy writes them and as a broken scan leaves them."""

from __future__ import annotations

import json
from typing import Any

from autograder.evidence.model import Case

TODAY = "2026-11-02"
SHUT: list[Any] = [2, []]  # it cannot be judged


def finding(id: Any, severity: Any = "HIGH", fixed: str | None = "1.2.0", package: str = "joblib") -> dict[str, Any]:
    """A vulnerability as it stands in a report; without a fix Trivy leaves FixedVersion out."""
    found = {"VulnerabilityID": id, "PkgName": package, "InstalledVersion": "1.1.0", "Severity": severity}
    return found if fixed is None else found | {"FixedVersion": fixed}


def result(*found: Any, kind: str = "lang-pkgs") -> dict[str, Any]:
    """One result; without findings Trivy leaves Vulnerabilities out."""
    made: dict[str, Any] = {"Target": "Python", "Class": kind, "Type": "python-pkg"}
    return made | {"Vulnerabilities": list(found)} if found else made


def report(*results: Any, **more: Any) -> str:
    """A report's text."""
    document = {"SchemaVersion": 2, "ArtifactName": "ml-model", "Results": list(results)} | more
    return json.dumps({key: value for key, value in document.items() if value is not ...})


def case(kind: str, text: str, expected: list[Any], accepted: str = "", today: str = TODAY) -> Case:
    """A case of ``gate``."""
    return Case(kind=kind, args=(text, accepted, today), expected=expected)


def visible() -> list[Case]:
    """The cases that students see."""
    bad = report(result(finding("CVE-2022-21797", "CRITICAL"), finding("CVE-2022-29217")))
    return [
        case("packages, and nothing found in them", report(result()), [0, []]),
        case("two findings that block", bad, [1, ["CVE-2022-21797", "CVE-2022-29217"]]),
        case("nothing above MEDIUM", report(result(finding("CVE-2024-3651", "MEDIUM"))), [0, []]),
        case("no fix yet", report(result(finding("CVE-2023-45853", "CRITICAL", None), kind="os-pkgs")), [0, []]),
        case(
            "one of two is accepted",
            bad,
            [1, ["CVE-2022-21797"]],
            "# Tokens are not used yet. Owner: shop.\nCVE-2022-29217 exp:2026-12-01\n",
        ),
        case(
            "an exception that has ended",
            report(result(finding("CVE-2022-29217"))),
            [1, ["CVE-2022-29217"]],
            "# Until the next release.\nCVE-2022-29217 exp:2026-11-01\n",
        ),
        case("an empty report", "", SHUT),
        case("a report that breaks off", bad[:90], SHUT),
        case("nothing was scanned", report(SchemaVersion=2, Results=...), SHUT),
    ]
