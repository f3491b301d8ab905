"""Hidden cases of lab 09: reports with drawn ids; each kind is a way to be wrong that the visible ones leave open."""

from __future__ import annotations

from typing import Any

from autograder.checks.scanning.cases import SHUT, case, finding, report, result
from autograder.checks.shared.seeded_random import SeededRandom
from autograder.evidence.model import Case


def cases(draw: SeededRandom, parameters: dict[str, Any]) -> dict[str, list[Case]]:
    """Cases of ``gate``: good, bad, malformed and empty reports."""
    year = draw.integer("year", 2019, 2025)
    one, two, three = sorted(f"CVE-{year + n}-{draw.integer(f'number {n}', 10000, 99999)}" for n in range(3))
    day, before, after = (f"2026-0{draw.integer('month', 2, 8)}-{number}" for number in (17, 16, 18))
    bad = report(result(finding(two), finding(one, "CRITICAL")))
    alone = report(result(finding(one)))
    found = [
        case("ids out of order", bad, [1, [one, two]]),
        case("one id in two packages", report(result(finding(one), finding(one, package="tqdm"))), [1, [one]]),
        case(
            "findings in two results",
            report(result(finding(three), kind="os-pkgs"), result(finding(one, "LOW"), finding(two))),
            [1, [two, three]],
        ),
        case("a result of another class beside packages", report({"Class": "secret"}, result()), [0, []]),
        case("Vulnerabilities that is null", report(result() | {"Vulnerabilities": None}), [0, []]),
        case("a severity that nobody knows", report(result(finding(one, "UNKNOWN"))), [0, []]),
        case("an empty text as fixed version", report(result(finding(one, fixed=""))), [0, []]),
        case("an exception on its last day", alone, [0, []], f"# reason\n{one} exp:{day}\n", day),
        case("an exception on the day after", alone, [1, [one]], f"# reason\n{one} exp:{before}\n", day),
        case("an exception without a date", alone, [1, [one]], f"# reason\n{one}\n", day),
        case("an exception with a word for a date", alone, [1, [one]], f"# reason\n{one} exp:never\n", day),
        case("an exception for another id", alone, [1, [one]], f"{two} exp:{after}\n", day),
        case("an exception that is commented out", alone, [1, [one]], f"# {one} exp:{after}\n", day),
        case("blank lines and two exceptions", bad, [0, []], f"\n{one} exp:{after}\n\n{two} exp:{after}\n", day),
        case("an id that begins like an accepted one", report(result(finding(one + "0"))), [1, [one + "0"]],
             f"{one} exp:{after}\n", day),
        case("blanks alone", " \n\t\n", SHUT),
        case("a list instead of a report", "[]", SHUT),
        case("a text instead of a report", '"no vulnerability"', SHUT),
        case("another schema version", report(result(), SchemaVersion=1), SHUT),
        case("Results that is no list", report(Results={}), SHUT),
        case("no result at all", report(), SHUT),
        case("no packages among the results", report({"Class": "secret", "Secrets": []}), SHUT),
        case("a finding without an id", report(result({"Severity": "LOW", "FixedVersion": "2"})), SHUT),
        case("a finding without a severity", report(result({"VulnerabilityID": one, "FixedVersion": "2"})), SHUT),
        case("a severity that Trivy does not have", report(result(finding(one, "SEVERE"))), SHUT),
        case("a finding list that is an empty object", report(result() | {"Vulnerabilities": {}}), SHUT),
        case("Vulnerabilities that is a text", report(result() | {"Vulnerabilities": "none"}), SHUT),
        case("a finding that is a text", report(result(one)), SHUT),
        case("an exception beside a broken report", bad[:-7], SHUT, f"{one} exp:{after}\n", day),
    ]  # fmt: skip
    return {"gate": draw.shuffle("order", found)}
