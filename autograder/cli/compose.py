"""``course compose``: the registry of a compose file, run through the engine where Docker Compose is missing."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from autograder.errors import EnvironmentProblem

if TYPE_CHECKING:
    from docker import DockerClient

    from autograder.services.compose.project import Project


@click.group()
@click.option("-f", "--file", type=click.Path(dir_okay=False, path_type=Path), help="The compose file.")
@click.option(
    "--project-directory",
    "folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The folder that paths begin in (default: that of the file, or this one).",
)
@click.pass_context
def compose(ctx: click.Context, file: Path | None, folder: Path | None) -> None:
    """Run the registry that a compose.yaml describes, as `docker compose` would.

    It takes the official registry image, ports on 127.0.0.1, folders beside the file, named volumes and a list of
    REGISTRY_… settings, and refuses everything else by name. Where you have Docker Compose, use that.
    """
    ctx.obj = (folder or (file.parent if file else Path()), file)


@contextmanager
def _open(ctx: click.Context) -> Iterator[tuple[DockerClient, Project]]:
    from docker.errors import DockerException
    from requests.exceptions import RequestException

    from autograder.services import engine, http
    from autograder.services.compose import project

    folder, file = ctx.obj
    found = project.find(folder, file)
    client = engine.connect()
    try:
        yield client, found
    except (DockerException, RequestException) as error:
        text = http.in_words(error)
        raise EnvironmentProblem(
            expected="the engine to do what it is asked", found=text, next_step="Run: python3 course.py doctor"
        ) from None
    finally:
        client.close()


def _say(text: str) -> None:
    click.echo(text, err=True)


@compose.command()
@click.option("-d", "--detach", is_flag=True, help="Go on in the background (it always does).")
@click.pass_context
def up(ctx: click.Context, detach: bool) -> None:
    """Start the registry in the background; made anew when its settings changed. What was pushed stays.

    Exit status 1 when it ends at once; its last words are printed.
    """
    from autograder.services.compose import project

    with _open(ctx) as (client, found):
        container = project.up(client, found, _say)
        for line in project.address(container):
            _say(f"Container {found.container}: {line}")


@compose.command()
@click.option("-v", "--volumes", is_flag=True, help="Remove the named volumes as well: everything that was pushed.")
@click.pass_context
def down(ctx: click.Context, volumes: bool) -> None:
    """Stop and remove the registry. What was pushed stays in its named volume."""
    from autograder.services.compose import project

    with _open(ctx) as (client, found):
        for name in project.down(client, found, volumes=volumes) or ["Nothing"]:
            _say(f"{name} removed")


@compose.command()
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", help="How to print it.")
@click.pass_context
def ps(ctx: click.Context, form: str) -> None:
    """Whether the registry runs, and where."""
    from autograder.services.compose import project

    with _open(ctx) as (client, found):
        rows = [
            {"Name": c.name, "Service": c.labels.get(project.SERVICE_LABEL, ""), "State": c.status,
             "Ports": ", ".join(project.address(c))}
            for c in project.started_from(client, found.folder)
            if c.name == found.container
        ]  # fmt: skip
    _table(rows, form)


def _table(rows: list[dict[str, Any]], form: str) -> None:
    if form == "json":
        for row in rows:  # one object a line, as Compose prints them
            click.echo(json.dumps(row))
        return
    head = ("Name", "Service", "State", "Ports")
    lines = [[name.upper() for name in head], *([str(row[name]) for name in head] for row in rows)]
    widths = [max(len(line[n]) for line in lines) for n in range(len(head))]
    for line in lines:
        click.echo("   ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())


@compose.command()
@click.option("-n", "--tail", type=click.IntRange(min=0), help="Only the last so many lines.")
@click.option("--no-log-prefix", is_flag=True, help="Print the lines as they are (it always does).")
@click.argument("service", required=False)
@click.pass_context
def logs(ctx: click.Context, tail: int | None, no_log_prefix: bool, service: str | None) -> None:
    """What the registry has said."""
    from autograder.services.compose import project

    with _open(ctx) as (client, found):
        _known(found, service)
        click.echo(project.logs(client, found, tail), nl=False)


@compose.command()
@click.argument("service", required=False)
@click.pass_context
def restart(ctx: click.Context, service: str | None) -> None:
    """Stop and start the registry, with the settings that its container has."""
    from autograder.services.compose import project

    with _open(ctx) as (client, found):
        _known(found, service)
        project.restart(client, found)
        _say(f"Container {found.container} restarted")


@compose.command("exec", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.option("-T", "--no-tty", is_flag=True, help="Without a terminal (it never has one).")
@click.argument("service")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
@click.pass_context
def execute(ctx: click.Context, no_tty: bool, service: str, command: tuple[str, ...]) -> None:
    """Run COMMAND inside the running container of SERVICE."""
    from autograder.services.compose import project

    status = 0
    with _open(ctx) as (client, found):
        _known(found, service)
        for part in project.execute(client, found, list(command)):
            if isinstance(part, int):
                status = part
            else:
                sys.stdout.buffer.write(part)
                sys.stdout.flush()
    if status:
        sys.exit(status)


def _known(found: Project, service: str | None) -> None:
    if service not in (None, found.settings.service):
        raise click.UsageError(f"there is no service {service}; the file has {found.settings.service}")
