"""What every command says about itself, as JSON on standard output: ``python -m autograder.cli.helptext``.

A process of its own, so that the site's builder, which lies below the command line, imports none of it.
"""

from __future__ import annotations

import inspect
import json
import sys
from typing import Any

import click

from autograder import paths
from autograder.cli import COMMANDS, course
from autograder.launcher import kept_help


def describe() -> list[dict[str, Any]]:
    """Name, summary, usage, paragraphs of help and options of every command and its subcommands.

    A command that cannot be imported here, because a package it needs is not installed, has no ``usage``.
    """
    described = []
    for name, (_, summary) in COMMANDS.items():
        try:
            command = course.get_command(click.Context(course, info_name="course"), name)
        except ImportError:
            described.append({"name": name, "summary": summary, "usage": None})
            continue
        assert command is not None
        described.extend(_command(command, f"course {name}", name, summary))
    return described


def _command(command: click.Command, path: str, name: str, summary: str) -> list[dict[str, Any]]:
    context = click.Context(command, info_name=path)
    records = [parameter.get_help_record(context) for parameter in command.get_params(context)]
    text = inspect.cleandoc(command.help or "").replace("\b\n", "")
    found = {
        "name": name,
        "summary": summary,
        "usage": f"{path} {' '.join(command.collect_usage_pieces(context))}".strip(),
        "help": [" ".join(part.split()) for part in text.split("\n\n") if part.strip()],
        "options": [record for record in records if record is not None],
    }
    nested: list[dict[str, Any]] = []
    if isinstance(command, click.Group):
        for sub in command.list_commands(context):
            child = command.get_command(context, sub)
            assert child is not None
            nested += _command(child, f"{path} {sub}", f"{name} {sub}", child.get_short_help_str(limit=200))
    return [found, *nested]


def kept() -> bytes:
    """What :mod:`autograder.launcher.kept_help` shows where nothing is installed: each command's ``--help``.

    Needs the full environment: a command's module must be importable.
    """
    found: dict[str, kept_help.Kept] = {}

    def visit(command: click.Command, name: str, words: str, above: click.Context | None) -> None:
        settings: dict[str, Any] = {"parent": above, "terminal_width": kept_help.COLUMNS, **command.context_settings}
        context = click.Context(command, info_name=name, **settings)
        passes_on = not context.allow_interspersed_args and not isinstance(command, click.Group)
        found[words] = {"text": command.get_help(context), "passes_on": passes_on}
        if isinstance(command, click.Group):
            for sub in command.list_commands(context):
                child = command.get_command(context, sub)
                assert child is not None
                visit(child, sub, f"{words} {sub}".strip(), context)

    visit(course, paths.WRITTEN, "", None)
    return (json.dumps(found, indent=1, ensure_ascii=False) + "\n").encode()


if __name__ == "__main__":
    json.dump(describe(), sys.stdout)
