"""Commands for maintainers: test, verify, bench, samples, release."""

from __future__ import annotations

import json
import os
import sys
import time
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import click

from autograder.errors import CourseError, EnvironmentProblem, Exit
from autograder.labs import manifest

TOOLS = (
    "engine",
    "mmdebstrap",
    "util-linux",
    "iproute2",
    "skopeo",
    "curl",
    "git",
    "openssl",
    "zsh",
    "fish",
    "dash",
    "busybox",
    "chromium",
)


def _say(line: str) -> None:
    click.echo(line)


@click.command(context_settings={"ignore_unknown_options": True})
@click.option("--unit", is_flag=True, help="Only what needs no engine, browser or network.")
@click.option("--reference", is_flag=True, help="Only on the reference engine: its tests, or what ARGUMENTS choose.")
@click.option("--suite", help="Debian suite of the reference engine. [default: forky, or sid]")
@click.option(
    "--fuzz", type=click.FloatRange(min=0, min_open=True), metavar="MINUTES",
    help="Only fuzz the parsers of what students write, so long each; ARGUMENTS choose some.",
)  # fmt: skip
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def test(unit: bool, reference: bool, suite: str | None, fuzz: float | None, arguments: tuple[str, ...]) -> None:
    """All tests: lint, types, then pytest. ARGUMENTS go to pytest (and leave out lint and types).

    On Debian and Ubuntu, as root or with sudo, what the tests need (engine, Chromium, skopeo, mmdebstrap, util-linux,
    iproute2, curl, git, openssl, zsh, fish, dash, BusyBox) is installed first, after saying so. Nothing is skipped
    silently: without an engine the tests that need one fail.

    What readers see is tested on the reference engine: 28 or newer with the containerd image store. Where this machine
    has another one, a reference engine is run beside it (Linux, as root or with sudo), and some tests run on both.
    Where that cannot be done, the tests that were not run are named; with CI=true that fails.
    """
    from autograder.quality import steps as all_steps

    if fuzz is not None:
        from autograder.quality.fuzzing import run as fuzzing

        sys.exit(int(Exit.NO if fuzzing.run(fuzz, arguments, _say) else Exit.OK))
    if not unit:
        from autograder.services import machine_setup

        machine_setup.ensure(TOOLS, _say)
    steps = all_steps.Steps(_say)
    if reference:
        steps.reference(arguments, suite)
    elif arguments:
        chosen = () if not unit or "-m" in arguments else ("-m", all_steps.WITHOUT_ENGINE)
        steps.run("tests", all_steps.pytest(*chosen, *arguments))
    elif unit:
        steps.static()
        steps.unit()
    else:
        steps.everything(suite)
    if steps.failed:
        click.echo(f"\nFailed: {', '.join(steps.failed)}", err=True)
        sys.exit(int(Exit.NO))


@click.command()
@click.argument("labs", nargs=-1)
@click.option("--static", "static_only", is_flag=True, help="Only what can be seen without running a lab.")
def verify(labs: tuple[str, ...], static_only: bool) -> None:
    """The content contract: each of LABS (default: all) is whole and honest.

    Each lab fails as shipped with messages that help, passes with its solution, passes when the solution is run
    again after the other labs, and is as shipped again after a reset; its notebook is derived from its master byte for
    byte; nothing a student gets holds a solution.
    """
    from autograder.quality import contract, live

    chosen = [manifest.find(name) for name in labs or manifest.slugs()]
    findings = [finding for lab in chosen for finding in contract.static(lab)]
    if not static_only and not findings:
        findings = live.verify(chosen, _say)
    for lab in chosen:
        wrong = sum(finding.lab == lab.slug for finding in findings)
        click.echo(f"{lab.slug}: " + (f"{wrong} to repair" if wrong else "ok"))
    for finding in findings:
        click.echo(f"  {finding}")
    if findings:
        sys.exit(int(Exit.NO))


@click.command()
@click.option("--check", "check_only", is_flag=True, help="Change nothing; exit 1 when something is out of date.")
def release(check_only: bool) -> None:
    """Write the student notebooks in labs/ from their masters in solutions/, and look whether versions must rise.

    A lab's version must rise when it asks for something else, or gives other points: students who have begun are
    judged by the version that they were handed out. The help that `course.py COMMAND --help` shows where nothing is
    installed is written as well.
    """
    from autograder.cli import helptext
    from autograder.labs import release as releases
    from autograder.labs import versions
    from autograder.launcher import kept_help

    told = helptext.kept()
    unwell = old_help = not kept_help.FILE.is_file() or kept_help.FILE.read_bytes() != told
    if old_help and not check_only:
        kept_help.FILE.write_bytes(told)
        unwell = False
    click.echo(f"{kept_help.FILE.name}: {('out of date' if check_only else 'written') if old_help else 'unchanged'}")
    for slug in manifest.slugs():
        lab = manifest.find(slug)
        if check_only:
            file = lab.folder / f"{slug}.ipynb"
            changed = not file.is_file() or file.read_bytes() != releases.derived(lab)
        else:
            changed = releases.write(lab) | versions.write(lab)
        forgotten = versions.problems(lab)
        for problem in forgotten:
            click.echo(f"{slug}: {problem}", err=True)
        unwell = unwell or bool(forgotten) or (check_only and changed)
        click.echo(f"{slug}: {('out of date' if check_only else 'written') if changed else 'unchanged'}")
    if unwell:
        sys.exit(int(Exit.NO))


@click.command()
@click.argument("labs", nargs=-1)
@click.option("--student", "only", multiple=True, help="Only this scripted student (may be given again).")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Write here instead of into the kit.")
def samples(labs: tuple[str, ...], only: tuple[str, ...], out: Path | None) -> None:
    """Make the sample class anew: scripted students do LABS (default: all) for real and hand in."""
    from autograder.quality import samples as scripted

    for lab in [manifest.find(name) for name in labs or manifest.slugs()]:
        if only or out is not None:
            made = scripted.make(lab, out or scripted.folder(lab), _say, only)
        else:
            made = scripted.remake(lab, _say)
        click.echo(f"{lab.slug}: {len(made)} submissions, {sum(f.stat().st_size for f in made) / 1000:,.0f} kB")


def _processor_seconds() -> float:
    """Of this process and of those that it started and that have ended."""
    return sum(os.times()[:4])


@click.command()
@click.argument("names", nargs=-1)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Also write the figures as JSON.")
def bench(names: tuple[str, ...], out: Path | None) -> None:
    """The benchmarks, all or those named; each prints what it measured and the goal."""
    import autograder.benchmarks as package

    known = sorted(module.name for module in iter_modules(package.__path__) if not module.name.startswith("_"))
    unknown = [name for name in names if name not in known]
    if unknown:
        raise CourseError(
            expected="one of " + ", ".join(known), found=", ".join(unknown), next_step="Use a name from the list."
        )
    figures: dict[str, list[dict[str, object]]] = {}
    for name in names or known:
        module = import_module(f"autograder.benchmarks.{name}")
        click.echo(f"\n{name}: {(module.__doc__ or '').splitlines()[0]}")
        began, used = time.monotonic(), _processor_seconds()
        try:
            figures[name] = module.run()
        except EnvironmentProblem as problem:
            click.echo(f"  not measured: {problem.found} ({problem.next_step})")
            continue
        for row in figures[name]:
            click.echo("  " + "  ".join(f"{key}: {value}" for key, value in row.items()))
        spent = _processor_seconds() - used
        click.echo(f"  in all: {time.monotonic() - began:.0f} s, processor time without containers {spent:.0f} s")
    if out is not None:
        out.write_text(json.dumps(figures, indent=2), encoding="utf-8")
