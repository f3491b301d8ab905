"""Commands of the clouds' own tools in a lesson, which cannot run without an account: parsed, and compared.

The kit's helper commands (``course acr …``, ``course artifact-registry …``) print the line they stand for. Where a
lesson runs such a helper and also shows the cloud's own command, the two must be the same command.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

TOOLS = ("gcloud", "az")
_STANDS_FOR = re.compile(r"^stands for: (.+)$", re.MULTILINE)
_SEPARATORS = {"|", "||", "&&", ";", "&", "(", ")", "|&"}
_VERB = re.compile(r"(create|list|describe|delete|update|show|login|print|set|add|remove|get|run|untag)(-|$)")
_HEREDOC = re.compile(r"<<-?\s*(['\"]?)(\w+)\1[^\n]*\n.*?^\2$", re.MULTILINE | re.DOTALL)


def commands(code: str) -> list[list[str]]:
    """The simple commands of a shell block, each as its words; redirections stay among them.

    Raises:
        ValueError: quotes are not closed.
    """
    found: list[list[str]] = []
    text = _HEREDOC.sub("", code).replace("\\\n", " ").replace("$(", "; ").replace("`", "'")
    for line in text.split("\n"):
        lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;()")
        lexer.whitespace_split = True
        current: list[str] = []
        for word in lexer:
            if word in _SEPARATORS:
                found.append(current)
                current = []
            else:
                current.append(word)
        found.append(current)
    return [words for words in found if words]


def cloud_commands(code: str) -> list[list[str]]:
    """The commands of :data:`TOOLS` in a block."""
    return [words for words in commands(code) if words[0] in TOOLS]


@dataclass(frozen=True)
class Command:
    """One command of a cloud's tool, in a form that two spellings share."""

    verbs: tuple[str, ...]
    options: frozenset[tuple[str, ...]]

    @classmethod
    def of(cls, words: Sequence[str]) -> Command:
        """``--name=x`` and ``--name x`` are the same, and so is any order of options."""
        flat = [part for word in words for part in (word.split("=", 1) if word.startswith("--") else [word])]
        starts = [number for number, word in enumerate(flat) if word.startswith("-")]
        first = starts[0] if starts else len(flat)
        ends = [*starts[1:], len(flat)]
        return cls(tuple(flat[:first]), frozenset(tuple(flat[a:b]) for a, b in zip(starts, ends, strict=False)))

    @property
    def path(self) -> tuple[str, ...]:
        """The subcommand without its arguments: gcloud's stand behind the verb, az has none before its options."""
        for number, word in enumerate(self.verbs):
            if _VERB.match(word):
                return self.verbs[: number + 1]
        return self.verbs


def stood_for(outputs: Iterable[str]) -> list[list[str]]:
    """The lines that helper commands printed, as words."""
    return [shlex.split(line) for output in outputs for line in _STANDS_FOR.findall(output)]


def differences(shown: Iterable[Sequence[str]], printed: Iterable[Sequence[str]]) -> list[str]:
    """For each command that a helper stood for: the lesson shows it, if it shows that subcommand at all."""
    commands_shown = [Command.of(words) for words in shown]
    problems = []
    for words in printed:
        wanted = Command.of(words)
        alike = [command for command in commands_shown if command.path == wanted.path]
        if alike and wanted not in alike:
            problems.append(
                f"the helper printed `{shlex.join(words)}`; the lesson shows that command, but not with these words"
            )
    return problems
