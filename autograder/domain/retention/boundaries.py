"""Images on which two retention policies can differ, derived from what both name: tags, ages, counts, packages.

What a policy of ECR or Artifact Registry does with an image depends on little: which of the patterns its tags fit, on
which side of each age it lies, how many newer ones are counted, and for Google its package. So one image stands for all
that are alike in this, and a few hundred cases tell any two policies apart: for every pattern a tag that fits and the
nearest that do not, for every age an image just younger and one just older, for every count one image too few and one
just enough. :mod:`autograder.domain.retention.boundaries_acr` does the same for ``acr purge``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from itertools import accumulate, combinations, takewhile
from typing import Final

from autograder.domain.retention import ecr_counts, patterns
from autograder.domain.retention.ecr_rules import Rule
from autograder.domain.retention.gar_rules import RepositoryPolicy

MAX_CASES: Final = 2_000
MAX_WORK: Final = 400_000  # images times the size of a policy, over all cases: less than a second
# Beyond these nothing is asked: who writes 36500 days or 1000 images means "for ever".
MAX_DAYS: Final = 3_650.0
MAX_COUNT: Final = 500
MAX_PATTERNS: Final = 120  # different ones, of both sides; honest policies have about ten
MAX_SETS: Final = 300
MAX_AGES: Final = 60
FEW: Final = 10  # images of a count below which whatever there is lies in front of and behind what is counted
MANY: Final = 60  # images of a count from which on only the counted ones are asked about
NUMBER: Final = "\0"  # in the form of a tag: where a number goes
FIRST: Final = 7  # the number of the first tag of a form
SECOND: Final = 1 / 86_400  # in days

# Source: https://github.com/opencontainers/distribution-spec/blob/main/spec.md (pulling manifests, <reference>)
TAG: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")


@dataclass(frozen=True, slots=True)
class Held:
    """One image of a case.

    Attributes:
        tags: its tags.
        days: its age in days.
        repository: Artifact Registry: the package; ACR: the repository.
        index: it is an index with an image for each of two platforms, which have no tag.
        locked: ACR: its tags, or where it has none the image itself, are locked.
        pulled: days since its last pull; None: never.
        version: hex digits with which its digest begins.
    """

    tags: tuple[str, ...]
    days: float
    repository: str = ""
    index: bool = False
    locked: bool = False
    pulled: float | None = None
    version: str = ""


Case = tuple[Held, ...]
"""Images of one repository, the youngest first; the last is the one that the case is about."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What a policy, or a rule in words, names.

    Attributes:
        patterns: of tags, ``*`` for any characters.
        lists: patterns that one image has to fit together.
        days: the ages.
        counts: how many images something counts, each with the patterns of what is counted; none of them: untagged
            images, or all.
        packages: how names of packages begin.
        versions: how digests begin, without ``sha256:``.
        pulls: whether the time of the last pull decides something.
        size: of what has to be looked at for each image, for the work of one case.
    """

    patterns: tuple[str, ...] = ()
    lists: tuple[tuple[str, ...], ...] = ()
    days: tuple[float, ...] = ()
    counts: tuple[tuple[int, tuple[str, ...]], ...] = ()
    packages: tuple[str, ...] = ()
    versions: tuple[str, ...] = ()
    pulls: bool = False
    size: int = 1


def of_ecr(rules: Sequence[Rule]) -> Terms:
    """What a lifecycle policy names."""
    lists = [rule.patterns or tuple(f"{p}*" for p in rule.prefixes if "*" not in p) for rule in rules]
    aged = [rule for rule in rules if ecr_counts.COUNT_TYPES[rule.count_type].counts_days]
    return Terms(
        patterns=tuple(dict.fromkeys(p for entry in lists for p in entry)),
        lists=tuple(entry for entry in lists if len(entry) > 1),
        days=tuple(float(rule.count_number) for rule in aged),
        counts=tuple((r.count_number, entry) for r, entry in zip(rules, lists, strict=True) if r not in aged),
        size=2 * len(rules) + sum(map(len, lists)) // 4,
    )


def of_gar(policy: RepositoryPolicy) -> Terms:
    """What the cleanup policies of a repository name."""
    conditions = [item.condition for item in policy.policies if item.condition is not None]
    ages = [age for c in conditions for age in (c.older_than, c.newer_than, c.more_stale_than) if age is not None]
    named = [prefix for item in policy.policies for prefix in item.package_prefixes]
    prefixes = sum(len(c.tag_prefixes) + len(c.version_prefixes) + len(c.package_prefixes) for c in conditions)
    return Terms(
        patterns=tuple(dict.fromkeys(f"{p}*" for c in conditions for p in c.tag_prefixes if "*" not in p)),
        days=tuple(age / timedelta(days=1) for age in ages),
        counts=tuple((item.keep_count, ()) for item in policy.policies if item.condition is None),
        packages=tuple(dict.fromkeys([*named, *(prefix for c in conditions for prefix in c.package_prefixes)])),
        versions=tuple(dict.fromkeys(v.removeprefix("sha256:") for c in conditions for v in c.version_prefixes)),
        pulls=any(c.more_stale_than is not None for c in conditions),
        size=len(policy.policies) + prefixes // 50,
    )


@dataclass(frozen=True, slots=True)
class Cases:
    """The cases for two sides, those with the fewest images first.

    Attributes:
        cases: at most :data:`MAX_CASES`.
        cut: how many more there would have been; 0 where nothing was left out.
    """

    cases: tuple[Case, ...]
    cut: int = 0

    @property
    def words(self) -> str:
        """What was left out, as a sentence; empty where nothing was."""
        if not self.cut:
            return ""
        return (
            f"It names so much that not every case could be tried: {len(self.cases):,} were, and agree; {self.cut:,} "
            "were not. Write it shorter, or ask your instructor to look at it."
        )


@lru_cache(maxsize=4)
def cases(rule: Terms, policy: Terms, *, behind: int = 0, indexes: bool = False, package: str = "") -> Cases:
    """The cases that tell a policy and a rule apart where they differ.

    Args:
        rule: what the task's rule names.
        policy: what the student's policy names.
        behind: how many young images lie in front of the one that a case is about, where no count is tried.
        indexes: whether images may be indexes.
        package: a package that the rule concerns, for what has packages.
    """
    tags = Tags([*rule.patterns, *policy.patterns])
    sets = list(tags.sets([*rule.lists, *policy.lists], rule.patterns))
    days = ages([*rule.days, *policy.days])
    once = ages([*rule.days, *policy.days], once=True)
    other = (f"{letter}-package" for letter in "nzq7")
    outside = [name for name in other if not name.startswith(policy.packages)][:1] if policy.packages else []
    packages = list(dict.fromkeys([package, *outside, *policy.packages[:4], *(f"{p}x" for p in policy.packages[:4])]))
    counted = [(n, p) for n, p in dict.fromkeys([*rule.counts, *policy.counts]) if n < MAX_COUNT]
    young = min(days) / 2
    found: list[Case] = []

    def add(behind_it: Sequence[Sequence[str]] | None, image: Held) -> None:
        if behind_it is not None:
            step = min(young, image.days) / (len(behind_it) + 1)
            newer = (Held(tuple(t), step * (n + 1), image.repository) for n, t in enumerate(behind_it))
            found.append((*newer, image))

    plain = tags.several((), behind) if behind else []
    for forms in sets:
        one = tags.several(forms, 1)
        for age in (days if len(forms) < 2 else once) if one else ():
            for name in packages:
                for version in ("", *policy.versions[:4]):
                    image = Held(tuple(one[0]), age, name, version=version)
                    add(plain, image)
                    if policy.pulls:
                        add(plain, Held(image.tags, age, name, pulled=young, version=version))
            if indexes and len(one[0]) < 2:
                add(plain, Held(tuple(one[0]), age, packages[0], index=True))
    for number, pattern_list in counted:
        the_counted = tags.witness(pattern_list)
        if the_counted is None:
            continue
        # What counts all images may take one that no pattern fits; of many images only that one is asked about as well.
        plainest = [(tags.forms[0],)] if not pattern_list and 0 in tags.forms else []
        asked_of_many = [the_counted, *plainest]
        for place in dict.fromkeys((number - 1, number)):
            for forms in sets if number < MANY else asked_of_many:
                few = number < FEW
                for newer, focus in [(the_counted, forms), *([(forms, the_counted), ((), forms)] if few else [])]:
                    several = _apart(tags, newer, place, focus)
                    for age in (days[0], days[-1]) if few else days[-1:]:
                        if several is not None:
                            add(several[:-1], Held(tuple(several[-1]), age, packages[0]))
    found = list(dict.fromkeys(found))
    found.sort(key=lambda case: (len(case), max(len(image.tags) for image in case)))
    work = accumulate((len(case) + 1) * (policy.size + 2) for case in found[:MAX_CASES])
    most = sum(1 for _ in takewhile(lambda done: done <= MAX_WORK, work))
    return Cases(tuple(found[:most]), len(found) - most + tags.cut)


def _apart(tags: Tags, newer: Sequence[str], place: int, focus: Sequence[str]) -> list[list[str]] | None:
    """Tags of ``place`` newer images and of the one behind them; no tag twice, as in a repository. None: impossible."""
    if newer == focus:
        several = tags.several(newer, place + 1)
        return several if len(several) == place + 1 else None
    front, last = tags.several(newer, place), tags.several(focus, 1)
    taken = {tag for one in last for tag in one}
    if len(front) < place or not last:
        return None
    if any(taken & set(one) for one in front):
        front = [one for one in tags.several(newer, place + 1) if not taken & set(one)]
    return [*front, last[0]] if len(front) == place else None


def ages(thresholds: Iterable[float], once: bool = False) -> list[float]:
    """Ages just below and just above each of the given ones, half a day where there is room; in days, rising.

    Args:
        thresholds: the given ones.
        once: only the younger one of the two between two thresholds, which no policy can tell apart.
    """
    marks = sorted({0.0, *(days for days in thresholds if SECOND < days < MAX_DAYS)})
    marks = [mark for mark, before in zip(marks, [-1.0, *marks], strict=False) if mark - before > 2 * SECOND]
    marks = marks[: MAX_AGES // 2]
    if len(marks) == 1:
        return [1.0]
    points: list[float] = []
    for mark, following in zip(marks, [*marks[1:], marks[-1] + 2], strict=True):
        gap = following - mark
        points += [mark + min(0.5, gap / 2)] if once else [mark + min(0.5, gap / 2), following - min(0.5, gap / 2)]
    return list(dict.fromkeys(points if once else points[:-1]))


class Tags:
    """Forms of tags, one for each way to fit or not to fit the patterns.

    A form is a tag in which :data:`NUMBER` stands for a number; one without is a single tag.

    Args:
        texts: the patterns, ``*`` for any characters.
        valid: what a tag looks like.

    Attributes:
        forms: bits of the patterns that fit -> the form that stands for all such tags.
        cut: how many patterns and sets were left out.
    """

    def __init__(self, texts: Iterable[str], valid: re.Pattern[str] = TAG) -> None:
        self._valid = valid
        named = list(dict.fromkeys(texts))
        self.cut = max(0, len(named) - MAX_PATTERNS)
        self._texts = named[:MAX_PATTERNS]
        self._matchers: list[Callable[[str], bool]] = [patterns.pattern_matcher(text) for text in self._texts]
        self._seen: dict[str, int] = {}
        self.forms: dict[int, str] = {}
        for form in [form for text in self._texts for form in _fitting(text)]:
            self._add(form)
        for form in [form for text in self._texts for form in _near(text)]:
            self._add(form)
        self._add(f"y{NUMBER}")

    def fits(self, tag: str) -> int:
        """Which patterns a tag fits, as bits."""
        if tag not in self._seen:
            self._seen[tag] = sum(1 << n for n, matches in enumerate(self._matchers) if matches(tag))
        return self._seen[tag]

    def examples(self) -> list[str]:
        """One tag of each form, the plainest first."""
        return [_filled(form, FIRST) for form in self.forms.values()]

    def _add(self, form: str) -> None:
        tag = _filled(form, FIRST)
        if self._valid.fullmatch(tag):
            self.forms.setdefault(self.fits(tag), form)

    def sets(self, lists: Iterable[Sequence[str]], asked: Sequence[str]) -> Iterator[tuple[str, ...]]:
        """Forms that stand together on one image: none, each, two of which one fits a pattern of ``asked``, and what
        fits each of the given lists.

        Two tags of which the rule says nothing can do no more together than alone, but for a list that asks for both.
        """
        bits = {form: its for its, form in self.forms.items()}
        ours = sum(1 << n for n, text in enumerate(self._texts) if text in asked)
        wanted = [witness for entry in lists if (witness := self.witness(entry)) is not None]
        two = [pair for pair in combinations(bits, 2) if (bits[pair[0]] | bits[pair[1]]) & ours]
        groups = [(form,) for form in bits], wanted, two
        seen = set[int]()
        yield ()
        for group in (group for part in groups for group in part):
            together = 0
            for form in group:
                together |= bits[form]
            if together not in seen:
                seen.add(together)
                if len(seen) <= MAX_SETS:
                    yield group
        self.cut += max(0, len(seen) - MAX_SETS)

    def witness(self, entry: Sequence[str]) -> tuple[str, ...] | None:
        """Few forms that together fit each pattern of a list; None where no tag fits one. Of an empty list, no form."""
        if any(text not in self._texts for text in entry):
            return None
        missing = sum(1 << self._texts.index(text) for text in dict.fromkeys(entry))
        chosen: list[str] = []
        while missing:
            best = max(self.forms, key=lambda bits: ((bits & missing).bit_count(), -bits.bit_count()))
            if not best & missing:
                return None
            chosen.append(self.forms[best])
            missing &= ~best
        return tuple(chosen)

    def several(self, forms: Sequence[str], count: int) -> list[list[str]]:
        """The tags of so many images of the given forms, no tag twice; fewer where there are not so many such tags."""
        if not forms:
            return [[] for _ in range(count)]
        columns = [self._numbered(form, count) for form in forms]
        return [list(tags) for tags in zip(*columns, strict=False)]

    def _numbered(self, form: str, count: int) -> list[str]:
        if NUMBER not in form:
            return [form][:count]
        wanted, found = self.fits(_filled(form, FIRST)), list[str]()
        for number in range(FIRST, FIRST + 3 * count + 20):
            tag = _filled(form, number)
            if len(found) < count and self.fits(tag) == wanted and self._valid.fullmatch(tag):
                found.append(tag)
        return found


def _filled(form: str, number: int) -> str:
    return form.replace(NUMBER, str(number))


def _fitting(pattern: str) -> Iterator[str]:
    """Forms that fit a pattern, each ``*`` filled or empty."""
    head, *rest = pattern.split("*")
    yield NUMBER.join([head, *rest])
    yield head + "".join(rest)
    for filled in range(len(rest)) if len(rest) > 1 else ():
        yield head + "".join(NUMBER * (n == filled) + part for n, part in enumerate(rest))
        yield head + "".join(NUMBER * (n != filled) + part for n, part in enumerate(rest))


def _near(pattern: str) -> Iterator[str]:
    """Forms that come close: a character more or less where a part of the pattern begins or ends, other letters."""
    parts = pattern.split("*")
    for fill in (NUMBER, ""):
        whole = fill.join(parts)
        yield from (f"x{whole}", f"{whole}x", f"x-{whole}", f"{whole}-x", whole.swapcase())
        if len(parts) == 1:
            yield f"{whole}{NUMBER}"
        for n, part in enumerate(parts):
            for shorter in (part[1:], part[:-1]) if part else ():
                yield fill.join([*parts[:n], shorter, *parts[n + 1 :]])
            if part:
                yield fill.join([*parts[:n], f"{part[:-1]}x", *parts[n + 1 :]])
                yield fill.join([*parts[:n], f"{part}x", *parts[n + 1 :]])
                yield fill.join([*parts[:n], f"x{part}", *parts[n + 1 :]])
