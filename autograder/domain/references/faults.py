"""Why a text is no image reference: the first wrong character and the rule it breaks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from autograder.domain.references import grammar

_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_RUN: Final = re.compile(r"[._-]+")
_SEPARATOR: Final = re.compile(r"[._]|__|-+")

_Fault = tuple[int, str]  # position from 0, name of the rule

# What Docker's pattern takes for a digest before the algorithm is looked at. Source: regexp.go, digestPat.
_DIGEST_SHAPE: Final = re.compile(grammar.ALGORITHM.pattern + r":[0-9a-fA-F]{32,}")


class InvalidReference(ValueError):
    """A text that is no image reference.

    Attributes:
        text: what was given.
        position: index of the first wrong character, from 0; ``len(text)`` when something is missing at the end.
        rule: name of the broken rule, a key of ``RULES``.
        source: where the rule stands.
        docker: the words that Docker's client has for it; None where Docker accepts the text and fails later.
    """

    def __init__(self, text: str, position: int, rule: str) -> None:
        sentence, self.source = grammar.RULES[rule]
        self.text = text
        self.position = position
        self.rule = rule
        self.docker = docker_words(text)
        place = f"character {position + 1} ({text[position]!r})" if position < len(text) else "at the end"
        super().__init__(f"{place}: {sentence}")

    def __reduce__(self) -> tuple[type[InvalidReference], tuple[str, int, str]]:
        return InvalidReference, (self.text, self.position, self.rule)  # so that it travels between processes


def find_fault(text: str) -> InvalidReference:
    """The error for ``text``, which must already be known to be no reference."""
    position, rule = next(_faults(text))
    return InvalidReference(text, position, rule)


def _faults(text: str) -> Iterator[_Fault]:
    if not text:
        yield 0, "empty"
    yield from ((i, "space") for i, c in enumerate(text) if c.isspace())
    if scheme := _SCHEME.match(text):
        yield scheme.end() - 3, "scheme"
    if grammar.IDENTIFIER.fullmatch(text):
        yield 0, "identifier"
    first, slash, _ = text.partition("/")
    if not slash and text.startswith("["):
        yield from _host_faults(text.partition("@")[0])
        yield len(text), "host-alone"
    host, start = ("", 0)
    if slash and "@" not in first and grammar.is_host(first):
        yield from _host_faults(first)
        host, start = first, len(first) + 1
    named, at, digest = text[start:].partition("@")
    path, colon, tag = named.partition(":")
    yield from _path_faults(path, start, on_hub=host in ("", grammar.DOCKER_HUB, grammar.LEGACY_DOCKER_HUB))
    if colon:
        yield from _tag_faults(tag, start + len(path) + 1)
    if at:
        yield from _digest_faults(digest, start + len(named) + 1)
    yield 0, "path-character"  # not reached: each refusal of ``parse`` has its fault above (a property test holds it)


def _host_faults(host: str) -> Iterator[_Fault]:
    if host.startswith("["):
        inside, bracket, port = host[1:].partition("]")
        yield from ((i + 1, "ipv6") for i, c in enumerate(inside) if c not in "0123456789abcdefABCDEF:")
        if not bracket or not inside:
            yield len(inside) + 1, "ipv6"
        if port and not port.startswith(":"):
            yield len(inside) + 2, "port"
        name, colon, port = host[: len(inside) + 2], port[:1], port[1:]
    else:
        name, colon, port = host.partition(":")
        if ":" in port and set(host) <= set("0123456789abcdefABCDEF:"):
            yield len(name), "ipv6"
        position = 0
        for label in name.split("."):
            if not grammar.LABEL.fullmatch(label):
                yield position + _first_bad(label, r"[a-zA-Z0-9-]"), "host"
            position += len(label) + 1
    if colon:
        yield from ((len(name) + 1 + i, "port") for i, c in enumerate(port) if c not in "0123456789")
        if not port:
            yield len(name) + 1, "port"


def _first_bad(label: str, allowed: str) -> int:
    """Index of the first character of a host label that may not stand where it stands."""
    if label.startswith("-") or not label:
        return 0
    bad = next((i for i, c in enumerate(label) if not re.fullmatch(allowed, c)), None)
    return len(label) - 1 if bad is None else bad


def _path_faults(path: str, start: int, *, on_hub: bool) -> Iterator[_Fault]:
    yield from ((start + i, "upper-case") for i, c in enumerate(path) if c.lower() != c)
    position = start
    for part in path.split("/"):
        if not grammar.PART.fullmatch(part):
            yield min((position + i, rule) for i, rule in _part_faults(part))
        position += len(part) + 1
    implied = len(grammar.OFFICIAL_NAMESPACE) if on_hub and "/" not in path else 0
    if len(path) + implied > grammar.PATH_LIMIT:
        yield start + grammar.PATH_LIMIT - implied, "path-length"


def _part_faults(part: str) -> Iterator[_Fault]:
    if not part:
        yield 0, "path-empty"
        return
    yield from ((i, "path-character") for i, c in enumerate(part) if c not in "abcdefghijklmnopqrstuvwxyz0123456789._-")
    if part[0] in "._-":
        yield 0, "path-edge"
    if part[-1] in "._-":
        yield len(part) - 1, "path-edge"
    for run in _RUN.finditer(part):
        if not _SEPARATOR.fullmatch(run.group()):
            yield run.start(), "path-separator"


def _tag_faults(tag: str, start: int) -> Iterator[_Fault]:
    if not tag:
        yield start, "tag-empty"
    elif tag[0] in ".-":
        yield start, "tag-start"
    yield from ((start + i, "tag-character") for i, c in enumerate(tag) if not re.fullmatch(r"[A-Za-z0-9_.-]", c))
    if len(tag) > grammar.TAG_LIMIT:
        yield start + grammar.TAG_LIMIT, "tag-length"


def _digest_faults(digest: str, start: int) -> Iterator[_Fault]:
    if not digest:
        yield start, "digest-empty"
    algorithm, colon, digits = digest.partition(":")
    if not colon:
        yield start + len(digest), "digest-form"
    if not grammar.ALGORITHM.fullmatch(algorithm):
        yield start, "digest-form"
    if algorithm not in grammar.DIGEST_HEX_DIGITS:
        yield start, "digest-algorithm"
        return
    first_digit = start + len(algorithm) + 1
    yield from ((first_digit + i, "digest-character") for i, c in enumerate(digits) if c not in "0123456789abcdef")
    wanted = grammar.DIGEST_HEX_DIGITS[algorithm]
    if len(digits) != wanted:
        yield first_digit + min(len(digits), wanted), "digest-length"


def docker_words(text: str) -> str | None:
    """What Docker's client says to ``text``; None where it accepts it.

    Source: ``ParseNormalizedNamed`` and ``Parse`` in https://github.com/distribution/reference, ``Validate`` in
    https://github.com/opencontainers/go-digest/blob/master/digest.go; compared with client 28.2.
    """
    if grammar.IDENTIFIER.fullmatch(text):
        return f"invalid repository name ({text}), cannot specify 64-byte hexadecimal strings"
    host, rest = grammar.split_host(text)
    before_colon = rest.partition(":")[0]
    if before_colon.lower() != before_colon:
        return f"invalid reference format: repository name ({before_colon}) must be lowercase"
    named, at, digest = rest.partition("@")
    path, colon, tag = named.partition(":")
    host_fits = grammar.HOST.fullmatch(host) or grammar.PART.fullmatch(host)
    if not host_fits or not grammar.PATH.fullmatch(path) or (colon and not grammar.TAG.fullmatch(tag)):
        return "invalid reference format"
    if at and not _DIGEST_SHAPE.fullmatch(digest):
        return "invalid reference format"
    if len(path) > grammar.PATH_LIMIT:
        return f"repository name must not be more than {grammar.PATH_LIMIT} characters"
    algorithm, _, digits = digest.partition(":")
    if at and algorithm not in grammar.DIGEST_HEX_DIGITS:
        return "unsupported digest algorithm"
    if at and len(digits) != grammar.DIGEST_HEX_DIGITS[algorithm]:
        return "invalid checksum digest length"
    return "invalid checksum digest format" if at and digits.lower() != digits else None
