"""``course reference parse``: take an image reference apart, or say which character breaks which rule."""

from __future__ import annotations

import json
import sys

import click

from autograder.domain.clouds import Description, describe
from autograder.domain.references import InvalidReference, Reference, parse
from autograder.errors import Exit


@click.group()
def reference() -> None:
    """Take an image reference apart."""


@reference.command("parse")
@click.argument("text", metavar="REF")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--describe", "with_cloud", is_flag=True, help="Add the kind of registry to the JSON, under 'cloud'.")
def parse_command(text: str, as_json: bool, with_cloud: bool) -> None:
    """Say where REF points: registry, repository, tag, digest, as Docker's own clients read it.

    Without tag and digest the tag is 'latest'. Exits with 1 where REF is no reference.
    """
    try:
        found = parse(text)
    except InvalidReference as wrong:
        if as_json:
            click.echo(json.dumps({"error": str(wrong)}))
        else:
            click.echo(_fault(wrong), err=True)
        sys.exit(int(Exit.NO))
    if as_json:
        click.echo(json.dumps(_as_data(found) | ({"cloud": _cloud(describe(found))} if with_cloud else {}), indent=2))
    else:
        click.echo(_as_text(found, describe(found)))


def _as_data(found: Reference) -> dict[str, object]:
    return {
        "registry": found.registry,
        "repository": found.repository,
        "tag": found.tag,
        "digest": found.digest,
        "canonical": found.canonical(),
        "familiar": found.familiar(),
    }


def _cloud(described: Description) -> dict[str, object]:
    return {
        "cloud": described.cloud,
        "title": described.title,
        "parts": described.parts,
        "fits": described.fits,
        "problems": [{"message": problem.message, "source": problem.source} for problem in described.problems],
        "notes": list(described.notes),
    }


def _as_text(found: Reference, described: Description) -> str:
    rows = [(key, str(value) if value is not None else "none") for key, value in _as_data(found).items()]
    rows.append(("kind", described.title))
    rows += [(f"  {key}", value) for key, value in described.parts.items() if key not in ("host",)]
    rows += [("does not fit", f"{problem.message} ({problem.source})") for problem in described.problems]
    rows += [("note", note) for note in described.notes]
    if found.tag is not None and found.digest is not None:
        rows.append(("note", "the digest decides which image this is; the tag beside it is decoration"))
    width = max(len(key) for key, _ in rows)
    return "\n".join(f"{key:<{width}}  {value}" for key, value in rows)


def _fault(wrong: InvalidReference) -> str:
    lead = "not a reference: "
    shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in wrong.text)
    lines = [f"{lead}{shown}", f"{' ' * (len(lead) + wrong.position)}^", str(wrong), f"rule: {wrong.source}"]
    if wrong.docker is not None:
        lines.append(f"Docker says: {wrong.docker}")
    else:
        lines.append('Docker lets it pass and fails later: "no Host in request URL"')
    return "\n".join(lines)
