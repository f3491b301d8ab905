"""What ``--help`` says where nothing is installed: texts that ``python3 course.py release`` took from the commands."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict

FILE = Path(__file__).with_name("help.json")
COLUMNS = 78  # as click's own, in a terminal of 80 or more


class Kept(TypedDict):
    """A command's help, and whether it hands what follows its first argument to another program."""

    text: str
    passes_on: bool


def asked_for(arguments: Sequence[str]) -> str | None:
    """The help that a command line asks for; None when it asks for none, or another program's.

    Args:
        arguments: the command line without the program's name.
    """
    if not {"-h", "--help"} & set(arguments):
        return None
    texts: dict[str, Kept] = json.loads(FILE.read_text(encoding="utf-8"))
    words, inside = "", True
    for part in arguments:
        if part in ("-h", "--help"):
            return texts[words]["text"]
        if part == "--":
            return None
        if part.startswith("-"):
            continue
        longer = f"{words} {part}".strip()
        if inside and longer in texts:
            words = longer
        elif not words or texts[words]["passes_on"]:  # no command of ours, or what comes now is another program's
            return None
        else:
            inside = False
    return None
