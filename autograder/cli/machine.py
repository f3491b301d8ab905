"""Commands about this machine: start, stop, doctor, images, env."""

from __future__ import annotations

import json
import os
import sys
import time
import webbrowser
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from autograder import paths
from autograder.cli import confirmed
from autograder.domain import services
from autograder.errors import CourseError, Exit

if TYPE_CHECKING:
    from autograder.services import clouds
    from autograder.services.lifecycle import Report, Started

KNOWN = "The course knows this base: its layers stay out of submissions."
UNKNOWN = (
    "The course does not know this base. Where a lab hands in images on it, its layers travel with the submission."
)


@contextmanager
def progress() -> Iterator[Report]:
    """A place to report steps to: a line with a spinner in a terminal, else one plain line a step; on stderr."""
    if not sys.stderr.isatty():
        yield lambda text: click.echo(f"- {text}", err=True)
        return
    from rich.console import Console

    from autograder.services import steps

    console = Console(stderr=True)
    with console.status("working") as status:

        def report(text: str) -> None:
            if not text.startswith(steps.STILL):  # that is the spinner's to say
                console.print(f"- {text}", style="dim", highlight=False, markup=False)
            status.update(text)

        yield report


@click.command()
@click.option("--services-only", is_flag=True, help="The services of the labs alone: no JupyterLab, no site.")
@click.option("--no-jupyter", is_flag=True, help="Without JupyterLab.")
@click.option("--no-site", is_flag=True, help="Without the site.")
@click.option("--no-browser", is_flag=True, help="Do not open the browser.")
@click.option(
    "--move",
    multiple=True,
    type=click.Choice([*services.NAMES, "jupyter", "site"]),
    help="Take another port for this service, because a foreign program holds its own; once for each.",
)
@click.option("--json", "as_json", is_flag=True, help="Print what runs, and where, as JSON.")
def start(
    services_only: bool, no_jupyter: bool, no_site: bool, no_browser: bool, move: tuple[str, ...], as_json: bool
) -> None:
    """Bring everything up in the background and print the addresses. Harmless when it runs already."""
    from autograder.services import lifecycle

    began = time.monotonic()
    with_site = not (services_only or no_site)
    plan = lifecycle.Plan(
        prepare=_prepare,
        build_site=_build_site if with_site else None,
        with_jupyter=not (services_only or no_jupyter),
        with_clouds=True,
        move=move,
        stock=_publish_advisories,
        scanner=_scanner,
    )
    with progress() as report:
        started = lifecycle.start(plan, report)
    if as_json:
        click.echo(json.dumps(_as_data(started), indent=2))
    else:
        _show(started, time.monotonic() - began)
    if "jupyter" in started.running and not no_browser and _has_display():
        webbrowser.open(started.addresses.jupyter or "")
    if started.problems:
        sys.exit(int(Exit.ENVIRONMENT))


def _prepare() -> list[str]:
    from autograder.labs import workspace
    from autograder.scanning import trivy_cli

    trivy_cli.stand_in()
    return workspace.prepare()


def _build_site() -> None:
    from autograder import site

    site.build()


def _publish_advisories(registry: str) -> None:
    from autograder.scanning import artifact

    artifact.publish(registry)


def _scanner(report: Report) -> clouds.Scanner:
    """What the ECR emulator scans with: the pinned Trivy for Linux, and the course's database."""
    from autograder.scanning import grader, trivy_binary
    from autograder.services import clouds

    folder = grader.folder() / "trivy"
    grader.prepare(folder)
    return clouds.Scanner(trivy_binary.for_sandbox(report=report).path, folder)


def _has_display() -> bool:
    """Whether a browser could show anything; on Linux that takes X11 or Wayland."""
    return sys.platform != "linux" or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))


def _lines(started: Started) -> Iterator[tuple[str, str, str]]:
    """Service, title and address of what answers."""
    places = started.addresses
    titles = {"jupyter": "JupyterLab", "site": "Lessons"}
    titles |= {service.name: service.title for service in services.SERVICES}
    where = {"jupyter": places.jupyter, "site": places.site, **places.services}
    for service, title in titles.items():
        if service in started.running:
            yield service, title, where[service] or ""


def _show(started: Started, seconds: float) -> None:
    for note in started.notes:
        click.echo(paths.as_typed_here(note))
    for _, title, address in _lines(started):
        click.echo(f"{title + ':':<19}{address}")
    for service, problem in started.problems.items():
        click.echo(f"\n{service} is missing: {problem.found}", err=True)
        click.echo(f"  expected: {problem.expected}", err=True)
        click.echo(f"  next: {paths.as_typed_here(problem.next_step)}", err=True)
    if not started.problems:
        click.echo(f"Everything is up ({seconds:.1f} s{_longest(started.seconds)}).")


def _longest(seconds: dict[str, float]) -> str:
    """The steps that a person could notice, with their seconds; they overlap."""
    told = [f"{name} {took:.1f}" for name, took in seconds.items() if took >= 1]
    return f"; of these, partly at the same time: {', '.join(told)}" if told else ""


def _as_data(started: Started) -> dict[str, object]:
    return {
        "running": {service: address for service, _, address in _lines(started)},
        "problems": {service: _problem(problem) for service, problem in started.problems.items()},
        "notes": started.notes,
        "seconds": {name: round(took, 1) for name, took in started.seconds.items()},
    }


def _problem(problem: CourseError) -> dict[str, str]:
    return {"expected": problem.expected, "found": problem.found, "next_step": problem.next_step}


@click.command()
@click.option("--remove", is_flag=True, help="Remove containers, volumes and images, too: all that was pushed is lost.")
@click.option("--yes", is_flag=True, help="With --remove: do not ask.")
def stop(remove: bool, yes: bool) -> None:
    """Take everything down. What was pushed, and your work, stay.

    With --remove, only your files stay: your folder work/ is not touched. The course's own images stay too, since other
    copies of the course may use them; so do image names with a port that another copy in this engine has as well.
    """
    from autograder.services import lifecycle

    if remove:
        if not (yes or confirmed("Everything that was pushed to the course's registries will be lost. Remove it?")):
            click.echo("Nothing was removed.")
            sys.exit(int(Exit.NO))
        with progress() as report:
            gone = lifecycle.remove(report)
        said = ", ".join(f"{count} {kind}{'s' * (count > 1)}" for kind, count in gone.items() if count)
        click.echo(f"Removed: {said}. Your files stay where they are." if said else "There was nothing to remove.")
        return
    with progress() as report:
        stopped = lifecycle.stop(report)
    click.echo(f"Stopped: {', '.join(stopped)}." if stopped else "Nothing was running.")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def doctor(as_json: bool) -> None:
    """One line a problem, each with its fix. Exit status 0 when all is well, else 3.

    A course that is not started, or was stopped, is a problem, too: no lab works then. In a folder that holds a class
    and nobody's labs it is none: grading needs nothing that runs.
    """
    from autograder.labs import students, workspace
    from autograder.scanning import health
    from autograder.services import doctor as doctors
    from autograder.services import facts

    found = facts.gather()
    scanner, of_scanner = health.look()
    problems = doctors.diagnose(found) + of_scanner + workspace.problems()
    is_class_only = students.is_class_only()  # nobody works on the labs, and grading needs nothing that runs
    problems = [problem for problem in problems if not (is_class_only and problem.code == "stopped")]
    if as_json:
        engine = {"version": found.engine.version, "api": found.engine.api, "endpoint": found.engine.endpoint.url}
        trivy = {"version": scanner.version, "origin": scanner.origin, "path": scanner.path and str(scanner.path)}
        listed = [asdict(problem) for problem in problems]
        click.echo(json.dumps({"engine": engine, "trivy": trivy, "problems": listed}, indent=2))
    else:
        for problem in problems:
            click.echo(paths.as_typed_here(f"{problem.code}: {problem.found}. Fix: {problem.fix}"))
        if not problems:
            click.echo(f"All is well: engine {found.engine.version} at {found.engine.endpoint.url}; {scanner}.")
    if problems:
        sys.exit(int(Exit.ENVIRONMENT))


@click.command()
@click.option("--refresh", is_flag=True, help="Ask Docker Hub again, and take every image anew.")
@click.option("--json", "as_json", is_flag=True, help="Print the table as JSON.")
def images(refresh: bool, as_json: bool) -> None:
    """The images in use: what they are for, where they come from and since when."""
    from autograder.services import engine
    from autograder.services import images as tables

    with closing(engine.connect()) as client, progress() as report:
        if refresh:
            tables.refresh(client, report)
        rows = tables.rows(client)
    if as_json:
        click.echo(json.dumps([asdict(row) for row in rows], indent=2))
        return
    for row in rows:
        click.echo(row.name)
        click.echo(f"  for:   {row.purpose}")
        if not row.present:
            click.echo(paths.as_typed_here("  not there yet; `python3 course.py start` gets it"))
            continue
        click.echo(f"  from:  {row.source}" + (f", {row.when}" if row.when else ""))
        if row.recipe:
            click.echo(f"  built: docker/offline/recipes.toml, recipe {row.recipe[:12]}")
        click.echo(f"  size:  {row.size / 1e6:.1f} MB")
        click.echo(f"  id:    {row.id}" + (f"\n  digest: {row.digest}" if row.digest else ""))
        if row.pinned:
            click.echo(f"  pinned: {row.pinned} (on Docker Hub)")
            click.echo("  " + (KNOWN if row.known else UNKNOWN))


@click.command()
@click.option(
    "--shell",
    type=click.Choice(["bash", "fish", "powershell", "json"]),
    help="For which shell; default: bash (also for zsh and sh), and powershell on Windows.",
)
@click.option("--json", "as_json", is_flag=True, help="The same as --shell json.")
def env(shell: str | None, as_json: bool) -> None:
    """Addresses and credentials as shell variables, and the course's own programs first on the path.

    Your own AWS settings and Docker logins have no effect in that terminal any more: nothing reaches an account of
    yours by mistake.

    \b
    bash, zsh: eval "$(python3 course.py env)"

    \b
    fish: python3 course.py env --shell fish | source

    \b
    PowerShell: python course.py env --shell powershell | Out-String | Invoke-Expression
    """
    from autograder.services import installation, terminal

    chosen = "json" if as_json else shell or ("powershell" if sys.platform == "win32" else "bash")
    click.echo(terminal.settings(installation.load(), os.environ, chosen))
