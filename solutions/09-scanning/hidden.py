"""Hidden cases of lab 09: reports with drawn ids; each kind is a way to be wrong that the visible ones leave open."""

from __future__ import annotations

from typing import Any

from autograder.checks.scanning.cases import SHUT, case, finding, report, result
from autograder.checks.shared.seeded_random import SeededRandom
from autograder.evidence.model import Case

# Kinds of cases that came with a later version of the lab than the first.
SINCE = dict.fromkeys(
    (
        "an id that is no CVE",
        "an exception for an id that is no CVE",
        "something right behind the date",
        "a word more behind the date",
        "a date in the comment",
        "a comment behind an exception",
        "a comment right behind the date",
        "two lines for an id, the first has ended",
        "two lines for an id, the second has ended",
        "an exception that ends next month",
        "an exception that ends next year",
        "an exception that ended last year",
        "an exception that held years ago, on a day of that time",
        "an exception for a longer id",
        "no fix yet beside one that has a fix",
        "a fix in the first of two packages with one id",
        "MEDIUM and LOW with a fix",
        "a finding in a result of another class",
        "a schema version that is a text",
        "a newer schema version",
        "no schema version",
        "Results that is null",
        "a text among the results",
        "a severity in small letters",
        "a severity that is a list",
        "an id that is a number",
        "a broken finding behind one that blocks",
        "a CRITICAL with a higher id than a HIGH",
        "findings behind a result without any",
        "a broken finding in a result of another class",
        "a result without a class beside packages",
        "a severity that is empty",
    ),
    2,
)


def cases(draw: SeededRandom, parameters: dict[str, Any]) -> dict[str, list[Case]]:
    """Cases of ``gate``: good, bad, malformed and empty reports."""
    year = draw.integer("year", 2019, 2025)
    one, two, three = sorted(f"CVE-{year + n}-{draw.integer(f'number {n}', 10000, 99999)}" for n in range(3))
    month = draw.integer("month", 2, 8)
    day, before, after = (f"2026-0{month}-{number}" for number in (17, 16, 18))
    next_month, next_year, last_year = f"2026-0{month + 1}-02", "2027-01-03", "2025-12-30"
    other = f"{draw.choice('list', ('GO', 'PYSEC', 'TEMP'))}-{year}-{draw.integer('other', 1000, 9999)}"
    github = "GHSA-" + "-".join(f"{draw.integer(f'github {n}', 2, 9)}{draw.hex(f'g {n}', 2)}x" for n in range(3))
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
        case("an id that is no CVE", report(result(finding(other), finding(one))), [1, sorted([one, other])]),
        case("an exception for an id that is no CVE", report(result(finding(other))), [0, []],
             f"{other} exp:{after}\n", day),
        case("an exception for an id that is no CVE", report(result(finding(github), finding(other))), [1, [other]],
             f"{github} exp:{after}\n", day),
        case("something right behind the date", alone, [1, [one]],
             f"{one} exp:{after}{draw.choice('tail', 'xTZ0')}\n", day),
        case("a word more behind the date", alone, [1, [one]],
             f"{one} exp:{after} {draw.choice('word', ('soon', two))}\n", day),
        case("a date in the comment", alone, [1, [one]], f"{one} # exp:{after}\n", day),
        case("a comment behind an exception", alone, [0, []], f"{one} exp:{after} # until the next release\n", day),
        case("a comment right behind the date", alone, [0, []], f"{one} exp:{after}# until the next release\n", day),
        case("two lines for an id, the first has ended", alone, [0, []],
             f"{one} exp:{before}\n{one} exp:{after}\n", day),
        case("two lines for an id, the second has ended", alone, [0, []],
             f"{one} exp:{after}\n{one} exp:{before}\n", day),
        case("an exception that ends next month", alone, [0, []], f"{one} exp:{next_month}\n", day),
        case("an exception that ends next year", alone, [0, []], f"{one} exp:{next_year}\n", day),
        case("an exception that ended last year", alone, [1, [one]], f"{one} exp:{last_year}\n", day),
        case("an exception that held years ago, on a day of that time", alone, [0, []],
             f"{one} exp:{year - 8}-11-30\n", f"{year - 8}-11-02"),
        case("an exception for a longer id", alone, [1, [one]], f"{one}0 exp:{after}\n", day),
        case("no fix yet beside one that has a fix",
             report(result(finding(one, fixed=None), finding(two))), [1, [two]]),
        case("a fix in the first of two packages with one id",
             report(result(finding(one), finding(one, "LOW", None, package="tqdm"))), [1, [one]]),
        case("MEDIUM and LOW with a fix", report(result(finding(one, "MEDIUM"), finding(two, "LOW"))), [0, []]),
        case("a finding in a result of another class",
             report(result(finding(one), kind=draw.choice("class", ("custom", "config"))), result()), [0, []]),
        case("a schema version that is a text", report(result(), SchemaVersion="2"), SHUT),
        case("a newer schema version", report(result(), SchemaVersion=3), SHUT),
        case("no schema version", report(result(), SchemaVersion=...), SHUT),
        case("Results that is null", report(Results=None), SHUT),
        case("a text among the results", report(result(), "python-pkg"), SHUT),
        case("a severity in small letters", report(result(finding(one, "high"))), SHUT),
        case("a severity that is a list", report(result(finding(one, ["HIGH"]))), SHUT),
        case("an id that is a number", report(result(finding(year))), SHUT),
        case("a broken finding behind one that blocks", report(result(finding(one), {"VulnerabilityID": two})), SHUT),
        case("a CRITICAL with a higher id than a HIGH",
             report(result(finding(two, "CRITICAL"), finding(three), finding(one))), [1, [one, two, three]]),
        case("findings behind a result without any",
             report(result(kind="os-pkgs") | {"Vulnerabilities": None}, result(finding(one))), [1, [one]]),
        case("findings behind a result without any",
             report(result(kind="os-pkgs"), result(kind="os-pkgs") | {"Vulnerabilities": []}, result(finding(two))),
             [1, [two]]),
        case("a broken finding in a result of another class",
             report(result({"Severity": "high"}, one, kind="secret"), result()), [0, []]),
        case("a result without a class beside packages", report({"Target": "Dockerfile"}, result()), [0, []]),
        case("a severity that is empty", report(result(finding(one, ""))), SHUT),
        case("a severity that is empty", report(result(finding(one, None))), SHUT),
    ]  # fmt: skip
    return {"gate": draw.shuffle("order", found)}
