"""Reads an ``acr purge`` command, and reports every error with its flag.

Sources: https://learn.microsoft.com/azure/container-registry/container-registry-auto-purge and, for the flags of
version 0.19 and the wording of its errors, https://github.com/Azure/acr-cli/blob/main/cmd/acr/purge.go
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise

from autograder.domain.regex import Regex, compile_regex
from autograder.domain.regex.program import MAX_STEPS
from autograder.domain.retention.durations import go_duration
from autograder.domain.retention.model import InvalidPolicy, PolicyError

VALUE_FLAGS = {
    "--filter": "-f",
    "--ago": "",
    "--keep": "",
    "--registry": "-r",
    "--concurrency": "",
    "--repository-page-size": "",
    "--filter-timeout-seconds": "",
    "--config": "-c",
    "--username": "-u",
    "--password": "-p",
}
SWITCHES = ("--untagged", "--untagged-only", "--dry-run", "--include-locked")

# A colon that belongs to (?flags: or to a [:class:] does not separate repository and tag; acr-cli's own rule.
# Characters of a command. Source: none of Azure's own; a command line of Windows has at most 8,191 of them, and reading
# words takes time that grows with the square of their length.
MAX_COMMAND = 20_000
_COLON = re.compile(r"(?<!\[)(?<!\[\^):(?!\])")
_FLAGS_BEFORE = re.compile(r"\(\?[imsU-]{0,5}$")


@dataclass(frozen=True, slots=True)
class Filter:
    """One ``--filter``: ``text`` as written, and its two expressions."""

    text: str
    repository: str
    tag: str


@dataclass(frozen=True, slots=True)
class Purge:
    """An ``acr purge`` command. ``ago`` is zero when ``--untagged-only`` goes without ``--ago``."""

    filters: tuple[Filter, ...] = ()
    ago: timedelta = timedelta()
    ago_text: str = ""
    keep: int = 0
    untagged: bool = False
    untagged_only: bool = False
    dry_run: bool = False
    include_locked: bool = False


@dataclass(slots=True)
class _Flags:
    """The flags of a command line as they were given, and what was wrong with them."""

    values: list[tuple[str, str]] = field(default_factory=list)
    switches: dict[str, bool] = field(default_factory=dict)
    errors: list[PolicyError] = field(default_factory=list)

    def last(self, name: str) -> str | None:
        return next((value for flag, value in reversed(self.values) if flag == name), None)


def parse_purge(text: str) -> Purge:
    """Read an ``acr purge`` command.

    Raises:
        InvalidPolicy: with every error found.
    """
    if len(text) > MAX_COMMAND:
        too_long = f"the command has {len(text):,} characters, and at most {MAX_COMMAND:,} are read"
        raise InvalidPolicy([PolicyError("$", too_long)])
    try:
        words = _command_words(text)
    except ValueError as problem:
        raise InvalidPolicy([PolicyError("$", f"the command cannot be read: {problem}")]) from problem
    flags = _read_flags(words)
    errors = flags.errors
    filters = list(_filters(flags, errors))
    untagged, only = flags.switches.get("--untagged", False), flags.switches.get("--untagged-only", False)
    if untagged and only:
        cloud = (
            "if any flags in the group [untagged untagged-only] are set none of the others can be; "
            "[untagged untagged-only] were all set"
        )
        errors.append(PolicyError("--untagged-only", "--untagged and --untagged-only exclude each other", cloud))
    if not only:
        with_flag = "when using --untagged" if untagged else "when not using --untagged-only"
        for name in ("--filter", "--ago"):
            if not flags.last(name):
                errors.append(PolicyError(name, f"{name} is missing", f"{name} is required {with_flag}"))
    ago_text, keep = flags.last("--ago") or "", flags.last("--keep") or "0"
    try:
        ago = go_duration(ago_text) if ago_text else timedelta()
    except ValueError as problem:
        errors.append(PolicyError("--ago", f"--ago must be {problem}, not {ago_text}"))
    if not (keep.isascii() and keep.isdigit() and len(keep) < 10):
        errors.append(PolicyError("--keep", f"--keep must be a whole number from 0, not {keep}"))
    if errors:
        raise InvalidPolicy(errors)
    return Purge(
        filters=tuple(filters),
        ago=ago,
        ago_text=ago_text,
        keep=int(keep),
        untagged=untagged,
        untagged_only=only,
        dry_run=flags.switches.get("--dry-run", False),
        include_locked=flags.switches.get("--include-locked", False),
    )


def split_filter(text: str) -> tuple[str, str]:
    """The repository's and the tag's expression of a ``--filter``, split at its one separating colon.

    Source: ``GetRepositoryAndTagRegex`` in https://github.com/Azure/acr-cli/blob/main/cmd/repository/image_functions.go

    Raises:
        ValueError: in acr-cli's words.
    """
    places = [
        m.start() for m in _COLON.finditer(text) if not _FLAGS_BEFORE.search(text[max(0, m.start() - 8) : m.start()])
    ]
    if len(places) != 1:
        raise ValueError("unable to correctly parse filter flag")
    repository, tag = text[: places[0]], text[places[0] + 1 :]
    if not repository:
        raise ValueError("missing repository name/expression")
    if not tag:
        raise ValueError("missing tag name/expression")
    return repository, tag


def repository_regex(filter_: Filter) -> Regex:
    """The expression a repository's name must match: the whole name, by anchors as acr-cli puts them."""
    return compile_regex(f"^{filter_.repository}$")


def _command_words(text: str) -> list[str]:
    """The words after ``acr purge``, unwrapped from ``az acr ... --cmd`` when need be."""
    words = shlex.split(text.removeprefix("\ufeff").replace("\\\r\n", " ").replace("\\\n", " "), comments=True)
    if words[:2] == ["az", "acr"]:
        inner = [word for flag, word in pairwise(words) if flag == "--cmd"]
        inner += [word.removeprefix("--cmd=") for word in words if word.startswith("--cmd=")]
        if not inner:
            raise ValueError("the az command has no --cmd with an acr purge in it")
        words = shlex.split(inner[0])
    if words[:2] == ["acr", "purge"]:
        return words[2:]
    if words[:1] == ["purge"]:
        return words[1:]
    if words and words[0].startswith("-"):
        return words
    raise ValueError("it must begin with acr purge")


def _read_flags(words: list[str]) -> _Flags:
    flags = _Flags()
    names = {short: name for name, short in VALUE_FLAGS.items() if short}
    rest = iter(words)
    for word in rest:
        name, equals, value = word.partition("=")
        name = names.get(name, name)
        if name in SWITCHES:
            if value.lower() not in ("", "true", "false"):
                flags.errors.append(PolicyError(name, f"{name} must be true or false, not {value}"))
            flags.switches[name] = value.lower() != "false"
        elif name in VALUE_FLAGS:
            given = value if equals else next(rest, None)
            if given is None:
                flags.errors.append(PolicyError(name, f"{name} needs a value", f"flag needs an argument: {name}"))
            else:
                flags.values.append((name, given))
        elif word.startswith("-"):
            flags.errors.append(PolicyError(name, f"acr purge has no flag {name}", f"unknown flag: {name}"))
        else:
            text = f"{word} belongs to no flag; quote a filter that holds spaces"
            flags.errors.append(PolicyError("$", text))
    return flags


def _filters(flags: _Flags, errors: list[PolicyError]) -> Iterator[Filter]:
    given = [value for flag, value in flags.values if flag == "--filter"]
    size = 0
    for number, text in enumerate(given):
        path = f"--filter[{number}]"
        try:
            repository, tag = split_filter(text)
        except ValueError as problem:
            errors.append(PolicyError(path, f"a filter is REPOSITORY:REGEX, not {text}", str(problem)))
            continue
        found = Filter(text, repository, tag)
        valid = True
        for expression in (f"^{repository}$", tag):
            try:
                size += compile_regex(expression).size
            except ValueError as problem:
                errors.append(PolicyError(path, f"the expression {expression} cannot be used: {problem}"))
                valid = False
        if valid:
            yield found
    if size > MAX_STEPS:  # each tag is held against each filter
        errors.append(PolicyError("--filter", "the filters of this command are too large to be evaluated together"))
