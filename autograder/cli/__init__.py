"""The command line. A command is imported when it is called, so that `course --help` and a warm start stay quick."""

from __future__ import annotations

import errno
import sys
from importlib import import_module

import click

from autograder import __version__, paths
from autograder.errors import CourseError, EnvironmentProblem, Exit

# Command -> (module:attribute, one line for --help). One table, so that help needs no import of any command.
COMMANDS: dict[str, tuple[str, str]] = {
    "start": ("autograder.cli.machine:start", "bring everything up and print the addresses"),
    "stop": ("autograder.cli.machine:stop", "take everything down; nothing that was pushed is lost"),
    "reset": ("autograder.cli.student:reset", "bring a lab back to its beginning, keeping a copy"),
    "doctor": ("autograder.cli.machine:doctor", "one line a problem, each with its fix"),
    "check": ("autograder.cli.student:check", "the verdicts of a lab, in the terminal"),
    "hint": ("autograder.cli.student:hint", "the next hint for a check"),
    "status": ("autograder.cli.student:status", "points so far, over all labs"),
    "submit": ("autograder.cli.student:submit", "write the submission of a lab as a zip"),
    "images": ("autograder.cli.machine:images", "the images in use and where they come from"),
    "env": ("autograder.cli.machine:env", "addresses and credentials, as shell variables"),
    "compose": ("autograder.cli.compose:compose", "run the registry of a compose.yaml, without Docker Compose"),
    "clock": ("autograder.cli.clouds:clock", "the emulators' time: show it, move it forward"),
    "journal": ("autograder.cli.clouds:journal", "who did what on the clouds' emulators"),
    "hub": ("autograder.cli.hub:hub", "tokens and repositories on the Docker Hub emulator"),
    "artifact-registry": (
        "autograder.cli.artifact_registry:artifact_registry",
        "repositories, logins and cleanup on the Artifact Registry emulator",
    ),
    "acr": ("autograder.cli.acr:acr", "tokens, locks and clean-up on the ACR emulator"),
    "roster": ("autograder.cli.instructor:roster", "register students and write their parameter files"),
    "grade": ("autograder.cli.instructor:grade", "grade submissions: verdicts, gradebook, feedback"),
    "regrade": ("autograder.cli.instructor:regrade", "judge stored evidence again, after a check was corrected"),
    "export": ("autograder.cli.instructor:export", "the gradebook as a file"),
    "formgrader": ("autograder.cli.instructor:formgrader", "open nbgrader's formgrader on the class"),
    "demo": ("autograder.cli.demo:demo", "grade the sample class that comes with the kit"),
    "site": ("autograder.cli.site:site", "build the lessons into site/"),
    "reference": ("autograder.cli.reference:reference", "take an image reference apart"),
    "tags": ("autograder.cli.tags:tags", "the tags docker/metadata-action would make"),
    "retention": ("autograder.cli.retention:retention", "what a clean-up policy would remove, and why"),
    "trivy": ("autograder.cli.scan:trivy_command", "run Trivy with the course's advisory database"),
    "advisories": ("autograder.cli.scan:advisories", "the course's advisory database for Trivy: list, build, push"),
    "sbom": ("autograder.cli.sbom:sbom", "put an SBOM beside its image in a registry"),
    "gate": ("autograder.cli.scan:gate_command", "fail a build by its scan report"),
    "test": ("autograder.cli.maintainer:test", "all tests"),
    "verify": ("autograder.cli.maintainer:verify", "the content contract: every lab is whole and honest"),
    "bench": ("autograder.cli.maintainer:bench", "the benchmarks"),
    "samples": ("autograder.cli.maintainer:samples", "have scripted students make the sample class anew"),
    "release": ("autograder.cli.maintainer:release", "write the student notebooks from their masters"),
}


class LazyGroup(click.Group):
    """A click group whose commands are imported on first use."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command = getattr(import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.NoSuchCommand:
            raise click.NoSuchCommand(args[0], possibilities=COMMANDS, ctx=ctx) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


class Formatter(click.HelpFormatter):
    """Help whose examples work where it is read."""

    def getvalue(self) -> str:
        return paths.as_typed_here(super().getvalue())


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="course")
def course() -> None:
    """A course on container registries for ML: lessons, labs on real registries, an autograder."""


def report(error: CourseError) -> None:
    """Print a :class:`CourseError` the way every command does: three labelled lines on stderr."""
    click.echo(f"error: {error.found}", err=True)
    click.echo(f"  expected: {error.expected}", err=True)
    click.echo(f"  next: {paths.as_typed_here(error.next_step)}", err=True)


def confirmed(question: str) -> bool:
    """Ask for a yes before something is lost.

    Raises:
        CourseError: nobody can answer, as in a notebook's cell or a script.
    """
    try:
        return click.confirm(question)
    except click.Abort as abort:
        if not isinstance(abort.__context__, EOFError):  # Ctrl+C
            raise
        click.echo(err=True)  # the question's line ends
        raise CourseError(
            expected=f"a yes to: {question}",
            found="there is no terminal to type it in, so nothing was done",
            next_step="Run the same command again with --yes, which does not ask.",
        ) from None


def of_files(error: OSError) -> CourseError | None:
    """What to say of an error that a file or folder gave; None when it is about something else (a fault of the kit)."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return EnvironmentProblem(
            expected="room on the disk", found=str(error), next_step="Make room, then run the same command again."
        )
    if error.filename is None:
        return None
    return CourseError(
        expected="the file or folder can be read or written",
        found=str(error),
        next_step="Choose another place, or give yourself the rights.",
    )


def main() -> None:
    """Entry point: run a command; exit 0 done, 1 the answer is no, 2 wrong input, 3 the environment."""
    for stream in (sys.stdout, sys.stderr):  # a Windows console may still default to a legacy code page
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")
    try:
        click.Context.formatter_class = Formatter
        status = course.main(prog_name=paths.course_from_here(), standalone_mode=False)
        if isinstance(status, int) and status:  # click returns what ctx.exit() was given
            sys.exit(status)
    except CourseError as error:
        report(error)
        sys.exit(int(error.exit_code))
    except OSError as error:
        told = of_files(error)
        if told is None:
            raise
        report(told)
        sys.exit(int(told.exit_code))
    except click.ClickException as error:
        error.show()
        sys.exit(int(Exit.USAGE))
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        sys.exit(130)


if __name__ == "__main__":
    main()
