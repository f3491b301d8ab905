"""``course trivy``, ``course advisories`` and ``course gate``: Trivy, the course's database, a gate on a report."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import click

from autograder.domain import advisories as known
from autograder.domain.advisories import Advisory, Severity, debian, gate
from autograder.errors import CourseError, Exit


@click.group("advisories")
def advisories() -> None:
    """The course's advisories, and Trivy's database made from them."""


@advisories.command("list")
@click.option("--package", help="Only this package's.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_(package: str | None, as_json: bool) -> None:
    """Print the advisories: severity, package, id, affected versions; Debian's packages last."""
    chosen = [one for one in known.load() if package is None or one.package == package.lower()]
    of_debian = [one for one in debian.load() if package is None or one.package == package.lower()]
    if as_json:
        click.echo(json.dumps([*map(_row, chosen), *map(_debian_row, of_debian)], indent=2))
        return
    for one in chosen:
        click.echo(f"{one.severity:<9}{one.package:<18}{one.id:<17}{' or '.join(one.affected):<30} {one.title}")
    for each in of_debian:
        state = f"Debian {debian.RELEASE}, {each.status.replace('_', ' ')}"
        click.echo(f"{each.severity:<9}{each.package:<18}{each.id:<17}{state:<30} {each.title}")
    rated = [one.severity for one in chosen] + [one.severity for one in of_debian]
    told = ", ".join(f"{rated.count(one)} {one}" for one in reversed(Severity) if one in rated)
    click.echo(f"{len(rated)} advisories: {told or 'none'}")


def _count() -> int:
    return len(known.load()) + len(debian.load())


def _row(one: Advisory) -> dict[str, object]:
    return {
        "id": one.id,
        "ecosystem": "pip",
        "package": one.package,
        "title": one.title,
        "affected": list(one.affected),
        "fixed": list(one.fixed),
        "severity": one.severity.value,
        "cvss": one.cvss,
        "score": one.score,
        "cwe": list(one.cwe),
        "published": one.published.isoformat(),
        "source": one.source,
    }


def _debian_row(one: debian.DebianAdvisory) -> dict[str, object]:
    return {
        "id": one.id,
        "ecosystem": f"debian {debian.RELEASE}",
        "package": one.package,
        "title": one.title,
        "status": one.status,
        "reason": one.reason,
        "fixed": [],
        "severity": one.severity.value,
        "cvss": one.cvss,
        "cwe": list(one.cwe),
        "source": one.source,
    }


@advisories.command()
@click.option(
    "--cache",
    type=click.Path(file_okay=False, path_type=Path),
    help="Trivy's cache folder to write into (its --cache-dir).  [default: .course/trivy]",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def build(cache: Path | None, as_json: bool) -> None:
    """Write Trivy's database, so that `trivy --cache-dir DIR --skip-db-update` uses it."""
    from autograder.scanning import database
    from autograder.services import addresses

    folder = cache or addresses.trivy_cache()
    made = database.write(folder)
    database.require(folder)
    if as_json:
        click.echo(json.dumps({"cache": str(folder), "digest": made.digest, "advisories": _count()}))
    else:
        click.echo(f"{_count()} advisories, {len(made.db):,} bytes, {made.digest}")
        click.echo(f"written to {folder / 'db'}")


@advisories.command()
@click.argument("repository", metavar="REGISTRY/NAME")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def push(repository: str, as_json: bool) -> None:
    """Push the database as the OCI artifact that Trivy's --db-repository takes."""
    from autograder.scanning import artifact, database

    address, _, name = repository.partition("/")
    if not name or not ("." in address or ":" in address or address == "localhost"):
        raise CourseError(
            expected="a registry and a repository, as in localhost:5001/course/trivy-db",
            found=repository,
            next_step="Put the registry's address first; `python3 course.py env` prints it.",
        )
    digest = artifact.Pusher(address, name).database(database.build())
    reference = f"{repository}:{database.SCHEMA}"
    if as_json:
        click.echo(json.dumps({"reference": reference, "digest": digest}))
    else:
        click.echo(f"pushed {reference} ({digest})")
        click.echo(f"use it: trivy image --db-repository {reference} …")


@click.command("trivy", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.option("--live", is_flag=True, help="Trivy's own databases, from the internet, in Trivy's own cache.")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="COMMAND …")
def trivy_command(live: bool, arguments: tuple[str, ...]) -> None:
    """Run Trivy, with the course's advisory database from the local registry.

    For example: python3 course.py trivy image NAME

    Everything from COMMAND on is passed to Trivy, and its exit status is passed back. Trivy is taken from PATH, else
    from this environment, else from its container image. Versions that an attacker published are refused.
    """
    from autograder.scanning import trivy_cli

    sys.exit(trivy_cli.run(arguments or ("--help",), live=live))


@click.command("gate")
@click.argument("report", type=click.Path(path_type=Path))
@click.option(
    "--severity",
    default="HIGH,CRITICAL",
    show_default=True,
    help="Severities that block, separated by commas.",
)
@click.option("--ignorefile", type=click.Path(path_type=Path), help="Accepted findings, each dated and with a reason.")
@click.option("--ignore-unfixed", is_flag=True, help="Let findings through that have no fix yet.")
@click.option("--digest", help="The report has to be of the image with this digest.")
@click.option("--today", help="The day to judge by, YYYY-MM-DD.  [default: today, UTC]")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def gate_command(
    report: Path,
    severity: str,
    ignorefile: Path | None,
    ignore_unfixed: bool,
    digest: str | None,
    today: str | None,
    as_json: bool,
) -> None:
    """Hold a JSON report of Trivy against a policy: exit 0 let through, 1 blocked, 2 cannot be judged.

    Lab 12 runs a release script once with a gate that says no to every report; it says so when it does.
    """
    from autograder.scanning import watched_gate

    watched_gate.note()
    try:
        day = date.fromisoformat(today) if today else datetime.now(UTC).date()
        wanted = tuple(Severity(part.strip().upper()) for part in severity.split(","))
    except ValueError as error:
        raise CourseError(
            expected="a day as YYYY-MM-DD and severities such as HIGH,CRITICAL",
            found=str(error),
            next_step="Correct it.",
        ) from None
    try:
        ignores = gate.ignores(_text(ignorefile)) if ignorefile else ()
        found = gate.findings(gate.report(_text(report)), digest)
    except gate.GateInput as error:
        raise CourseError(
            expected="a report and an ignore file that can be judged",
            found=str(error),
            next_step="Scan again with --format json; the gate stays shut on what it cannot read.",
        ) from None
    decision = gate.decide(found, gate.Policy(wanted, ignore_unfixed, ignores), day)
    if watched_gate.is_shut():
        decision = replace(decision, passed=False)
        click.echo("In this run the gate says no to every report, to see what is pushed all the same.", err=True)
    if as_json:
        click.echo(json.dumps(_document(decision), indent=2))
    else:
        _print(decision)
    if not decision.passed:
        sys.exit(int(Exit.NO))


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise gate.GateInput(f"{file} cannot be read: {reason}") from None


def _print(decision: gate.Decision) -> None:
    click.echo("found: " + ", ".join(f"{number} {name}" for name, number in decision.counts.items()))
    for label, listed in (
        ("blocks", decision.blocking),
        ("accepted", decision.ignored),
        ("no fix yet", decision.unfixed),
    ):
        for one in listed:
            late = " (its exception has expired)" if one in decision.expired else ""
            fix = f", fixed in {one.fixed}" if one.fixed else ""
            click.echo(f"{label}: {one.severity} {one.id} in {one.package} {one.version}{fix}{late}")
    for line in decision.unused:
        click.echo(f"unused: line {line.line} of the ignore file ({line.id}) matches nothing")
    click.echo("the gate is open" if decision.passed else "the gate is shut")


def _document(decision: gate.Decision) -> dict[str, object]:
    def rows(listed: tuple[gate.Found, ...]) -> list[dict[str, str]]:
        return [
            {"id": o.id, "package": o.package, "version": o.version, "severity": o.severity.value, "fixed": o.fixed}
            for o in listed
        ]

    return {
        "passed": decision.passed,
        "counts": dict(decision.counts),
        "blocking": rows(decision.blocking),
        "ignored": rows(decision.ignored),
        "expired": rows(decision.expired),
        "unfixed": rows(decision.unfixed),
        "unused": [line.id for line in decision.unused],
    }
