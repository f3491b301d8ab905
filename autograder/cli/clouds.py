"""Commands about the clouds' emulators as a whole, ``clock`` and ``journal``, and what their other commands share."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

import click

from autograder.domain import services
from autograder.errors import CourseError

F = TypeVar("F", bound=Callable[..., Any])


def json_option(command: F) -> F:
    """``--json``, as every command that prints data takes it."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(command)


def call(service: str, operation: str, **arguments: Any) -> Any:
    """One helper operation of a service (imported late: notebooks' warm commands need none of it)."""
    from autograder.services import cloud_admin

    return cloud_admin.call(service, operation, **arguments)


def show_once(made: dict[str, Any], secret: str, as_json: bool, name: str) -> None:
    """Print what was made: as JSON, or its secret alone, with a warning on stderr that it is not shown again."""
    if as_json:
        show(made, as_json)
        return
    click.echo(f"Copy the {name}; it is not shown again.", err=True)
    click.echo(made[secret])


def stands_for(*words: str) -> None:
    """Print the cloud's own command that this one stands for; on stderr, so that data can be piped."""
    click.echo(
        "stands for: " + " ".join(word if word == "/dev/null" else shlex.quote(word) for word in words), err=True
    )


def show(data: Any, as_json: bool) -> None:
    """Print data: as JSON, or one ``key: value`` line each with a blank line between entries."""
    if as_json:
        click.echo(json.dumps(data, indent=2))
        return
    entries = data if isinstance(data, list) else [data]
    if not entries:
        click.echo("none")
    for number, entry in enumerate(entries):
        if number and isinstance(entry, dict):
            click.echo()
        if not isinstance(entry, dict):
            click.echo(str(entry))
            continue
        width = max(map(len, entry), default=0) + 2
        for key, value in entry.items():
            click.echo(f"{key + ':':<{width}}{_text(value)}")


def _text(value: Any) -> str:
    if value is None or value in ("", [], {}):
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list) and all(isinstance(entry, str) for entry in value):
        return ", ".join(value)
    return json.dumps(value) if isinstance(value, list | dict) else str(value)


def duration(text: str) -> timedelta:
    """``30d``, ``12h``, ``1d12h``.

    Raises:
        CourseError: it is no duration.
    """
    from autograder.domain.retention.durations import gcloud_duration

    try:
        return gcloud_duration(text)
    except ValueError as error:
        raise CourseError(
            expected=f"a duration: {error}", found=f"{text!r}", next_step="For thirty days write: 30d"
        ) from None


@click.group()
def clock() -> None:
    """The emulators' time. Real time goes on; what you add stays added."""


@clock.command("advance")
@click.argument("by")
@json_option
def clock_advance(by: str, as_json: bool) -> None:
    """Move the clock forward by BY (30d, 12h, 1d12h).

    Each day ends with what the clouds run overnight: lifecycle, cleanup and retention policies. Tokens expire with it.
    """
    from autograder.services import cloud_admin

    found = cloud_admin.advance(duration(by).total_seconds())
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    for entry in found["gone"]:
        tags = ", ".join(entry.get("tags") or []) or "untagged"
        click.echo(f"{entry['service']}: {entry.get('repository', '')} {entry.get('digest', '')[:19]} ({tags}) is gone")
        click.echo(f"  rule {entry.get('rule')}: {entry.get('why', '')}")
    click.echo(f"It is now {found['now']} for the emulators. {removed(len(found['gone']))}")


def removed(count: int) -> str:
    """How many images the policies took, as a sentence."""
    return {0: "No image was removed.", 1: "1 image was removed."}.get(count, f"{count} images were removed.")


@clock.command("show")
@json_option
def clock_show(as_json: bool) -> None:
    """Tell the emulators' time."""
    from autograder.services import cloud_admin

    found = cloud_admin.advance(0)
    ahead = timedelta(seconds=found["offset"])
    show({"now": found["now"], "ahead": str(ahead)} if not as_json else found, as_json)


@click.command()
@click.option("--service", type=click.Choice(services.EMULATORS), help="Only this service.")
@click.option("--last", type=click.IntRange(min=1), help="Only the last so many lines.")
@json_option
def journal(service: str | None, last: int | None, as_json: bool) -> None:
    """Who did what to which image on the emulators, oldest first."""
    from autograder.services import cloud_admin

    lines = cloud_admin.journal(service)[-(last or 0) :]
    if as_json:
        click.echo(json.dumps(lines, indent=2))
        return
    for line in lines:
        image = line["repository"] + (f":{line['tag']}" if line["tag"] else "")
        what = line["detail"].get("operation", line["what"]) if line["what"] == "configure" else line["what"]
        text = f"{line['when'][:19]} {line['service']:<18}{line['who'] or 'anonymous':<24}{what:<22}{image}"
        click.echo(f"{text} {line['digest'][:19]}".rstrip())
