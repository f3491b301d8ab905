"""Images on which two ``acr purge`` commands can differ, derived from the expressions, ages and flags of both.

A purge decides about each tag by itself: which filters fit the repository and the tag, and how old it is. So one tag
stands for all that fit the same filters. See :mod:`autograder.domain.retention.boundaries`.
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from functools import lru_cache
from typing import Final

from autograder.domain.regex import Regex, compile_regex
from autograder.domain.regex.examples import examples, near, representatives
from autograder.domain.regex.program import Positions
from autograder.domain.retention.acr_command import Purge, repository_regex
from autograder.domain.retention.boundaries import MAX_CASES, TAG, Case, Cases, Held, ages

# Source: https://github.com/opencontainers/distribution-spec/blob/main/spec.md (pulling manifests, <name>)
_PART: Final = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
REPOSITORY: Final = re.compile(rf"{_PART}(?:/{_PART})*")
TAG_CHARACTERS: Final = f"70{string.digits}x{string.ascii_lowercase}X{string.ascii_uppercase}.-_"
NAME_CHARACTERS: Final = f"x{string.ascii_lowercase}7{string.digits}-/._"
CHANGED: Final = 8  # examples that are also changed at each place
MAX_CHANGED: Final = 60  # characters of such an example
MAX_TEXTS: Final = 6_000  # texts of one kind that are held against the expressions
MAX_WORK: Final = 3_000_000  # steps of expressions times characters of such texts
MAX_KINDS: Final = 40  # of tags, and of repositories
MAX_STEPS: Final = 400_000  # steps of the expressions, over all cases: about a second
LEAST_CASES: Final = 60


@lru_cache(maxsize=4)
def cases(rule: Purge, policy: Purge) -> Cases:
    """The cases that tell a purge and a rule apart where they differ.

    Args:
        rule: a purge that does what the task's rule says; what it decides is not looked at.
        policy: the student's purge.
    """
    filters = [*rule.filters, *policy.filters]
    own = len(rule.filters)
    repositories, left = _kinds(
        [f"^{item.repository}$" for item in filters],
        [repository_regex(item) for item in filters],
        _name,
        NAME_CHARACTERS,
        own,
        [text for item in rule.filters for text in (f"x/{item.repository}", f"{item.repository}/x")],
    )
    expressions = [item.tag for item in filters]
    tags, more = _kinds(expressions, [compile_regex(text) for text in expressions], TAG.fullmatch, TAG_CHARACTERS, own)
    days = ages([rule.ago / timedelta(days=1), policy.ago / timedelta(days=1)])
    alone = [(), *((tag,) for tag in tags)]
    pairs = [(tags[0], tag) for tag in tags[1:]]
    asked_about, *others = repositories
    found: list[Case] = [
        *((Held(some, age, asked_about),) for some in [*alone, *pairs] for age in days),
        *((Held(some, days[-1], name),) for name in others for some in alone),
        *((Held(some, age, asked_about, locked=True),) for some in alone for age in days),
        *((Held(some, age, name),) for name in others for some in alone[:2] for age in days[:-1]),
    ]
    # --keep counts the tags that would go, so several that are alike are asked about together.
    for count in sorted({2, min(policy.keep + 1, 50)}):
        numbers = range(10, 10 + count)
        found.append(tuple(Held((f"{tags[0]}{n}",), days[-1] + n, asked_about) for n in numbers))
    steps = sum(compile_regex(item.tag).size + repository_regex(item).size for item in filters)
    most = min(MAX_CASES, max(LEAST_CASES, MAX_STEPS // steps))
    return Cases(tuple(found[:most]), len(found[most:]) + left + more)


def _name(text: str) -> object:
    """Whether a text may be a repository's name."""
    return len(text) <= 255 and REPOSITORY.fullmatch(text)


def _kinds(
    patterns: Sequence[str],
    compiled: Sequence[Regex],
    valid: Callable[[str], object],
    alphabet: str,
    own: int,
    more: Iterable[str] = (),
) -> tuple[list[str], int]:
    """Texts of which each fits other expressions than the others, and how many were not looked at.

    The first is one that the rule is for, whose expressions are the first ``own`` ones; then come those that fit one
    side alone.
    """
    characters, others = representatives(patterns, "".join(dict.fromkeys(alphabet)))
    fitting = [text for pattern in dict.fromkeys(patterns) for text in examples(pattern, characters)]
    texts = list(dict.fromkeys([*fitting, *more]))
    close = (other for text in texts[:CHANGED] if len(text) <= MAX_CHANGED for other in near(text, others))
    size = sum(regex.size for regex in compiled)
    kinds: dict[tuple[bool, ...], str] = {}
    work = tried = 0
    every = [text for text in dict.fromkeys([*texts, *close]) if valid(text)]
    for text in every[:MAX_TEXTS]:
        work += size * (len(text) + 1) // 4
        if work > MAX_WORK:
            break
        tried += 1
        positions = Positions(text)
        kinds.setdefault(tuple(positions.ends(regex, positions.everywhere) != 0 for regex in compiled), text)
    rest = list(kinds)[1:]
    rest.sort(key=lambda fits: any(fits[:own]) == any(fits[own:]))
    chosen = [*list(kinds)[:1], *rest][:MAX_KINDS]
    return [kinds[fits] for fits in chosen], len(every) - tried + len(kinds) - len(chosen)
