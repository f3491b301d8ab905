"""What lab 10's notebook says of the tools, actions and forms of shell that are followed, from the tables of the code.

The master has :data:`PLACE` where the table goes; ``python3 course.py release`` puts it there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from autograder.pipelines import actions, tools

PLACE: Final = "@FOLLOWED@"
SHELL: Final = (
    "Of the shell they know variables, quotes, lists with `&&` and `||`, pipes, and `for` over known words. Where "
    "`if`, `while`, `case` or a function decides about a command, the check names that word and asks for a form "
    "without it."
)


def table() -> str:
    """The table in Markdown, tools before actions, and a sentence on the shell."""
    rows = [("a program in a script", "what is followed of it"), ("---", "---"), *_rows(tools.FOLLOWED)]
    rows += [("**an action of GitHub**", "**what it is taken for**"), *_rows(actions.FOLLOWED)]
    return "\n".join(f"| {name} | {words} |" for name, words in rows) + f"\n\n{SHELL}"


def _rows(known: Mapping[str, str]) -> list[tuple[str, str]]:
    return [(f"`{name}`", words) for name, words in known.items()]
