"""The tools that a run follows, and their options: what takes a value, and what stands alone.

``options.toml`` is the table, one entry a command, each with its source and what was seen of it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final


def words(text: str) -> frozenset[str]:
    """The words of a table."""
    return frozenset(text.split())


# The programs whose effects on images are followed, with what they are taken for.
FOLLOWED: Final[Mapping[str, str]] = {
    "docker": "build, tag, push, pull, save, load, login, run, manifest, buildx build, buildx imagetools create",
    "podman": "as docker, without a daemon",
    "buildah": "build, tag, push, login",
    "executor": "kaniko: builds and pushes",
    "trivy": "scans an image, or an archive of one",
    "grype": "scans an image, or an archive of one",
    "crane": "copy, tag, push, pull, auth login",
    "skopeo": "copy, login, inspect",
    "regctl": "image copy, registry login",
    "oras": "copy, tag, login",
    "cosign": "signs and attests; it gives no image a name, but for copy",
}
# Programs that a pipeline may call, and that do nothing to images; what they print, only a run knows.
HARMLESS: Final = words("""
    apk apt apt-get apt-key add-apt-repository dpkg gpg pip pip3 pipx npm npx yarn pnpm uv ruff pytest mypy black
    flake8 hadolint shellcheck yamllint syft gh aws gcloud az glab kubectl helm du df free lscpu uname gitleaks
    semgrep codecov update-ca-certificates systemctl service chown getconf lsb_release dockerd-entrypoint.sh openssl
    ssh scp rsync
""")
# Programs that may do anything, images included, and are not looked into.
OPAQUE: Final = words("""
    make python python3 node ruby perl php go cargo mvn gradle ansible ansible-playbook terraform tofu bazel task
    just dagger earthly pack ko nerdctl ctr buildctl helmfile act pwsh
""")


@dataclass(frozen=True)
class Table:
    """The options of one command, long names without their dashes."""

    takes: frozenset[str]
    alone: frozenset[str]
    short: Mapping[str, str]
    source: str = ""
    seen: str = ""


@dataclass
class Options:
    """A command line taken apart.

    Attributes:
        values: the values of each option, by its long name.
        rest: what is no option.
        strange: options that the table does not know.
    """

    values: dict[str, list[str]] = field(default_factory=dict)
    rest: list[str] = field(default_factory=list)
    strange: list[str] = field(default_factory=list)

    def all(self, *names: str) -> list[str]:
        """Every value of an option under any of its names."""
        return [value for name in names for value in self.values.get(name, ())]

    def last(self, *names: str) -> str | None:
        """The last value, None where the option is not there."""
        found = self.all(*names)
        return found[-1] if found else None

    def has(self, *names: str) -> bool:
        """Whether an option is there, and not switched off."""
        return any(value.lower() != "false" for value in self.all(*names))

    def listed(self, *names: str) -> list[str]:
        """The values of an option that is a list: each may hold several, and it may be there several times."""
        return [part.strip() for value in self.all(*names) for part in value.split(",") if part.strip()]


@cache
def tables() -> Mapping[str, Table]:
    """Command -> its options."""
    text = (Path(__file__).parent / "options.toml").read_text(encoding="utf-8")
    return {
        command: Table(
            frozenset(entry.get("takes", "").split()),
            frozenset(entry.get("alone", "").split()),
            dict(pair.split("=", 1) for pair in entry.get("short", "").split()),
            entry["source"],
            entry["seen"],
        )
        for command, entry in tomllib.loads(text).items()
    }


def options(command: str, words: Sequence[str], *, first_word_ends: bool = False) -> Options:
    """Take a command line apart.

    Args:
        command: its name in the table.
        words: what follows it.
        first_word_ends: whether everything behind the first word that is no option belongs to it.
    """
    table = tables().get(command) or Table(frozenset(), frozenset(), {})
    found = Options()
    waiting = list(words)
    while waiting:
        word = waiting.pop(0)
        if word == "--":
            found.rest += waiting
            break
        if not word.startswith("-") or word == "-":
            found.rest.append(word)
            if first_word_ends:
                found.rest += waiting
                break
        elif word.startswith("--") or word[1:].partition("=")[0] in table.takes | table.alone:
            _long(found, table, word.lstrip("-"), word, waiting)
        else:
            _short(found, table, word, waiting)
    return found


def _long(found: Options, table: Table, text: str, word: str, waiting: list[str]) -> None:
    name, equals, value = text.partition("=")
    if name not in table.takes | table.alone:
        found.strange.append(word.partition("=")[0])
    if equals:
        found.values.setdefault(name, []).append(value)
    elif name in table.takes and waiting:
        found.values.setdefault(name, []).append(waiting.pop(0))
    else:
        found.values.setdefault(name, []).append("")


def _short(found: Options, table: Table, word: str, waiting: list[str]) -> None:
    """Letters behind one dash: those that stand alone may be written together, and one that takes a value ends them."""
    letters = word[1:]
    while letters:
        name = table.short.get(letters[0], "")
        letters, one = letters[1:], letters[0]
        if not name:
            found.strange.append(f"-{one}")
            return
        if name in table.takes:
            value = letters.removeprefix("=") if letters else waiting.pop(0) if waiting else ""
            found.values.setdefault(name, []).append(value)
            return
        if letters.startswith("="):
            found.values.setdefault(name, []).append(letters[1:])
            return
        found.values.setdefault(name, []).append("")
