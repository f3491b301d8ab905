"""Compares what a block printed with what the lesson shows: changing parts masked, digests held consistent.

A digest in a lesson is one run's value. On another machine it is another value, but it must be *the same other value*
wherever the lesson shows it again. So hexadecimal tokens are bound on first sight and compared from then on; two
different tokens of the lesson never stand for one value. Times, sizes, dates and versions of Debian's packages are
masked without being bound.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from autograder.content.blocks import Expected

ELLIPSIS = "…"
# Order matters: the longest form of a thing comes first. HEX tokens are bound, the others only masked.
_HEX = r"[0-9a-f]"
MASKS: tuple[tuple[str, str], ...] = (
    ("aws", r"^aws: \[ERROR\]: "),
    ("uuid", rf"{_HEX}{{8}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{12}}"),
    ("hex", rf"(?<![0-9a-z]){_HEX}{{64}}(?![0-9a-z])"),
    ("hex", rf"(?<=sha256:){_HEX}{{4,63}}(?={ELLIPSIS})"),
    ("hex", rf"(?<![0-9a-zA-Z.-])(?=[0-9a-f]*[0-9])(?=[0-9a-f]*[a-f]){_HEX}{{12}}(?![0-9a-zA-Z.-])"),
    ("date", r"[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT"),
    ("time", r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?Z?"),
    ("ago", r"(?:About an?|Less than a|\d+) (?:second|minute|hour|day)s? ago"),
    ("duration", r"\d+m\d+\.\d+s|\d+\.\d+ ?(?:s|ms|seconds)\b"),
    ("size", r"\b\d+(?:\.\d+)? ?(?:B|kB|KB|KiB|MB|MiB|GB|bytes)\b"),
    ("thousands", r"\b\d{1,3}(?:,\d{3})+\b"),
    # A version of a Debian package, deb-version(7): with an epoch and a revision, or with the mark of an update. A base
    # image made on another day has another one.
    ("debian", r"(?<![\w:./-])(?:\d+:\d[\w.+~]*-[\w.+~]*\w|\d[\w.+~]*-\d[\w.]*\+(?:deb\d+u|b)\d+)"),
    ("count", r"(?<=size: )\d+|(?<=\"size\": )\d+|(?i:(?<=content-length: ))\d+"),
    ("port", r"(?<=dial tcp )(?:127\.0\.0\.1|\[::1\])(?=:)"),
    ("address", r"\b(?:172\.\d+|10\.\d+|192\.168)\.\d+\.\d+\b|\b(?:172\.\d+|10\.\d+|192\.168)\.\d+(?:\.\d+)?\b"),
)
_SCANNER = re.compile("|".join(f"(?P<m{number}>{pattern})" for number, (_, pattern) in enumerate(MASKS)))
# What a mask accepts on the actual side: the same class, however long the shown form was.
_ACCEPTS = {
    "aws": r"(?:aws: \[ERROR\]: )?",  # version 1 of the AWS CLI begins with the message itself
    "hex": rf"{_HEX}{{4,64}}",
    "debian": r"(?:\d+:)?\d[\w.+~]*(?:-[\w.+~]+)?",
    "count": r"\d+",
    "port": r"(?:127\.0\.0\.1|\[::1\])",
    "address": r"\d+\.\d+\.\d+\.\d+",
}


@dataclass
class Bindings:
    """Which value of this run stands for which token of the lesson; shared by all blocks of one lesson.

    ``among`` holds tokens that several lines in any order could mean, with the values of those lines: rows of a push
    that all say *Pushed*. What such a token stands for is settled where the lesson shows it again, and must be one of
    these.
    """

    values: dict[str, str] = field(default_factory=dict)
    among: dict[str, frozenset[str]] = field(default_factory=dict)

    def bind(self, shown: str, actual: str) -> str | None:
        """Record that ``shown`` stands for ``actual``; the contradiction as a sentence, or None."""
        for known, value in self.values.items():
            if _same(known, shown) and not _same(value, actual):
                return f"{shown} stood for {value} before, now for {actual}"
            if _same(value, actual) and not _same(known, shown):
                return f"{shown} and {known} are shown as different, here both are {actual}"
        for known, values in self.among.items():
            if _same(known, shown) and not any(_same(value, actual) for value in values):
                return f"{shown} stood for one of {', '.join(sorted(values))} before, now for {actual}"
        if len(actual) > len(self.values.get(shown, "")):
            self.values[shown] = actual
        return None

    def knows(self, shown: str) -> bool:
        """Whether a value is recorded for a token, or for another length of it."""
        return any(_same(known, shown) for known in self.values)

    def copy(self) -> Bindings:
        """A copy to try lines with."""
        return Bindings(dict(self.values), dict(self.among))


def _same(one: str, other: str) -> bool:
    """Whether one is the beginning of the other: a digest is shown in full or shortened."""
    return one.startswith(other) or other.startswith(one)


@dataclass(frozen=True)
class Line:
    """One expected line, compiled; ``shown`` are its bound tokens in order."""

    text: str
    pattern: re.Pattern[str]
    shown: tuple[str, ...]

    @property
    def gap(self) -> bool:
        """Whether the line stands for any number of lines."""
        return self.text.strip() == ELLIPSIS


def compile_line(text: str, *, exact: bool = False) -> Line:
    """An expected line as a pattern: masks, ``…`` inside the line, any run of blanks for a run of blanks."""
    pattern, shown, position = "", [], 0
    matches = [] if exact else list(_SCANNER.finditer(text))
    for match in matches:
        pattern += _literal(text[position : match.start()])
        name, mask = MASKS[int(str(match.lastgroup)[1:])]
        accepts = _ACCEPTS.get(name) or re.sub(r"\(\?<[=!][^()]*\)", "", mask)
        if name == "hex":
            shown.append(match[0])
            pattern += f"({accepts})"
        else:
            pattern += f"(?:{accepts})"
        position = match.end()
    pattern += _literal(text[position:])
    return Line(text, re.compile(pattern + r"\s*"), tuple(shown))


def _literal(text: str) -> str:
    parts = (re.sub(r"(?:\\ )+", r" +", re.escape(part.expandtabs())) for part in text.rstrip().split(ELLIPSIS))
    trailing = " *" if text != text.rstrip() and text.strip() else ""
    return ".*?".join(parts) + (trailing or ("" if text.strip() or not text else " *"))


def compare(expected: Expected, actual: str, bindings: Bindings) -> str | None:
    """The first difference between the output a lesson shows and the output of this run, as a sentence; None if none.

    Args:
        expected: what the lesson shows.
        actual: what was printed, standard output and error together, hosts already mapped back.
        bindings: what earlier blocks of the same lesson bound; added to when this block agrees.
    """
    wanted = [compile_line(line, exact=expected.exact) for line in expected.text.rstrip("\n").split("\n")]
    printed = [line.expandtabs().rstrip() for line in actual.rstrip("\n").split("\n")]
    trial = bindings.copy()
    if expected.any_order:
        problem = _any_order(wanted, printed, trial)
        if problem is None:
            bindings.values, bindings.among = trial.values, trial.among
        return problem
    pairs = _in_order(wanted, printed)
    if isinstance(pairs, str):
        return pairs
    for line, match in pairs:
        problem = _bind(line, match, trial)
        if problem:
            return problem
    bindings.values, bindings.among = trial.values, trial.among
    return None


def _bind(line: Line, match: re.Match[str], bindings: Bindings) -> str | None:
    for shown, value in zip(line.shown, match.groups(), strict=True):
        problem = bindings.bind(shown, value)
        if problem:
            return problem
    return None


Pairs = list[tuple[Line, re.Match[str]]]


def _in_order(wanted: Sequence[Line], printed: Sequence[str]) -> Pairs | str:
    """Line by line; a gap takes as few lines as possible, further ones when that does not work out."""
    deepest: tuple[int, str] = (-1, "")

    def walk(i: int, j: int) -> Pairs | None:
        nonlocal deepest
        while i < len(wanted):
            line = wanted[i]
            if line.gap:
                if i + 1 == len(wanted):
                    return []
                for start in range(j, len(printed)):
                    if wanted[i + 1].pattern.fullmatch(printed[start]):
                        rest = walk(i + 1, start)
                        if rest is not None:
                            return rest
                if i > deepest[0]:
                    deepest = (i, f"no line like {wanted[i + 1].text!r}")
                return None
            match = line.pattern.fullmatch(printed[j]) if j < len(printed) else None
            if match is None:
                seen = repr(printed[j]) if j < len(printed) else "the end"
                if i > deepest[0]:
                    deepest = (i, f"shown: {line.text!r}; printed: {seen}")
                return None
            rest = walk(i + 1, j + 1)
            return None if rest is None else [(line, match), *rest]
        if j < len(printed):
            deepest = (i, f"printed, but not shown: {printed[j]!r}")
            return None
        return []

    pairs = walk(0, 0)
    return deepest[1] if pairs is None else pairs


def _any_order(wanted: Sequence[Line], printed: Sequence[str], bindings: Bindings) -> str | None:
    """Each shown line takes a printed one that agrees with the bindings; lines whose tokens are known choose first."""
    left = list(printed)
    for line in sorted(wanted, key=lambda line: not all(map(bindings.knows, line.shown))):
        if line.gap:
            continue
        problem, agree = f"no line like {line.text!r}", list[tuple[str, tuple[str, ...], Bindings]]()
        for text in printed:
            match, trial = line.pattern.fullmatch(text), bindings.copy()
            if match is None:
                continue
            contradiction = _bind(line, match, trial)
            if contradiction is None:
                agree.append((text, match.groups(), trial))
            elif text in left:
                problem = contradiction
        taken = next((text for text, *_ in agree if text in left), None)
        if taken is None:
            return problem
        left.remove(taken)
        values = {groups for _, groups, _ in agree}
        if len(values) == 1:
            bindings.values, bindings.among = agree[0][2].values, agree[0][2].among
            continue
        for place, shown in enumerate(line.shown):
            if not bindings.knows(shown):
                bindings.among[shown] = frozenset(groups[place] for groups in values)
    if left and not any(line.gap for line in wanted):
        return f"printed, but not shown: {left[0]!r}"
    return None
