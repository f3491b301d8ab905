"""What lab 10's notebook says of the tools, actions and forms of shell that are followed, from the tables of the code.

The master has :data:`PLACE` where the table goes; ``python3 course.py release`` puts it there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from autograder.pipelines import actions, tools

PLACE: Final = "@FOLLOWED@"
SHELL: Final = (
    "Scripts are run as bash runs them, or as the shell of the job's image where that has no bash. A program that your "
    "runner or image does not have is not found, as it is there."
)


def table() -> str:
    """The table in Markdown, tools before actions, and a sentence on the shell."""
    rows = [("a program in a script", "what is followed of it"), ("---", "---"), *_rows(tools.FOLLOWED)]
    rows += [("**an action of GitHub**", "**what it is taken for**"), *_rows(actions.FOLLOWED)]
    return "\n".join(f"| {name} | {words} |" for name, words in rows) + f"\n\n{SHELL}"


def _rows(known: Mapping[str, str]) -> list[tuple[str, str]]:
    return [(f"`{name}`", words) for name, words in known.items()]
