"""The conditions of GitLab's ``rules:if``: their value in a pipeline whose variables are known.

Source: https://docs.gitlab.com/ci/jobs/job_rules/#cicd-variable-expressions
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from autograder.domain.regex import Regex, compile_re2
from autograder.domain.regex.captures import MAX_TEXT
from autograder.domain.regex.program import Positions
from autograder.domain.regex.syntax import NotEvaluated
from autograder.pipelines.job_state import Work

FLAGS: Final = frozenset("imsU")
MAX_LENGTH: Final = 500  # characters
MAX_BRACKETS: Final = 20
STEPS: Final = 1_000  # of a matcher that count as one piece of a run's work
_TOKEN: Final = re.compile(
    r"\s*(?:(?P<sign>&&|\|\||==|!=|=~|!~|[()])|\$(?P<name>[A-Za-z_]\w*)|\$\{(?P<braced>[A-Za-z_]\w*)\}"
    r"|\"(?P<double>[^\"]*)\"|'(?P<single>[^']*)'|/(?P<regex>(?:\\.|[^/\\])*)/(?P<flags>[a-z]*)|(?P<null>null\b))",
    re.DOTALL,
)


class NotReadable(ValueError):
    """A condition that GitLab would refuse, or that is not judged here."""


@dataclass(frozen=True)
class _Pattern:
    text: str
    flags: str


_Value = str | _Pattern | None


def holds(text: str, variables: Mapping[str, str], work: Work | None = None) -> bool:
    """Whether a condition holds.

    Args:
        text: the condition.
        variables: name -> value.
        work: what the run has done so far; each comparison with a pattern is added with what it took. Without it the
            condition is counted on its own.

    Raises:
        NotReadable: it cannot be read.
        Unsupported: its comparisons, with what the run did before, are too much work.
    """
    if len(text) > MAX_LENGTH:
        raise NotReadable(f"a condition of more than {MAX_LENGTH} characters")
    reader = _Reader(text, variables, Work() if work is None else work)
    if sum(token["sign"] == "(" for token in reader.tokens) > MAX_BRACKETS:
        raise NotReadable(f"a condition with more than {MAX_BRACKETS} brackets")
    found = reader.either(live=True)
    if reader.tokens:
        raise NotReadable(f"{text}: “{reader.tokens[0].group().strip()}” is not expected there")
    return found


class _Reader:
    """Reads and evaluates in one pass.

    What cannot change the answer any more (``live`` is false) is read, and its values are neither compared nor looked
    at: ``||`` stops at the first true, ``&&`` at the first false. A pattern that is written there is checked all the
    same, as GitLab does before it evaluates anything.
    """

    def __init__(self, text: str, variables: Mapping[str, str], work: Work) -> None:
        self.text, self.variables, self.work = text, variables, work
        self.tokens: list[re.Match[str]] = []
        position = 0
        while text[position:].strip():
            token = _TOKEN.match(text, position)
            if token is None:
                raise NotReadable(f"{text}: “{text[position:].strip()[:30]}” cannot be read")
            self.tokens.append(token)
            position = token.end()

    def _sign(self, *signs: str) -> str:
        if self.tokens and self.tokens[0]["sign"] in signs:
            return self.tokens.pop(0)["sign"]
        return ""

    def either(self, live: bool) -> bool:
        """``||`` binds less than ``&&``."""
        found = self._both(live)
        while self._sign("||"):
            found = self._both(live and not found) or found
        return found

    def _both(self, live: bool) -> bool:
        found = self._one(live)
        while self._sign("&&"):
            found = self._one(live and found) and found
        return found

    def _one(self, live: bool) -> bool:
        if self._sign("("):
            found = self.either(live)
            if not self._sign(")"):
                raise NotReadable(f"{self.text}: a bracket is never closed")
            return found
        left = self._value()
        sign = self._sign("==", "!=", "=~", "!~")
        if not sign:
            return bool(left)
        named = bool(self.tokens and (self.tokens[0]["name"] or self.tokens[0]["braced"]))
        right = self._value()
        if not live and named:
            return False
        if sign in ("==", "!="):
            return (left == right) == (sign == "==")
        return self._matches(left if live else None, right) == (sign == "=~")

    def _matches(self, left: _Value, right: _Value) -> bool:
        for value in (left, right):
            if isinstance(value, str) and len(value) > MAX_TEXT:
                raise NotReadable(f"{self.text}: a text of more than {MAX_TEXT} characters is not compared here")
        if isinstance(right, str) and (written := re.fullmatch(r"/(.*)/([a-z]*)", right, re.DOTALL)):
            right = _Pattern(written[1], written[2])
        if not isinstance(right, _Pattern):
            raise NotReadable(f"{self.text}: behind =~ stands a pattern between slashes")
        expression = _compiled(right)
        if not isinstance(left, str):
            self.work.add(_cost(expression, right, "", 0))
            return False
        positions = Positions(left)
        ends = positions.ends(expression, positions.everywhere)
        self.work.add(_cost(expression, right, left, positions.work))
        return ends != 0

    def _value(self) -> _Value:
        if not self.tokens or self.tokens[0]["sign"]:
            raise NotReadable(f"{self.text}: a variable or a text is missing")
        token = self.tokens.pop(0)
        name = token["name"] or token["braced"]
        if name:
            return self.variables.get(name)
        if token["regex"] is not None:
            return _Pattern(token["regex"], token["flags"])
        return token["double"] if token["double"] is not None else token["single"]


def _cost(expression: Regex, pattern: _Pattern, text: str, done: int) -> int:
    """What a comparison took, in pieces of work that take about as long as any other.

    A step is made in the time that four are followed, and each part of a pattern is held once against the characters of
    the text, which takes an eighth of it.
    """
    return (done + 4 * expression.size + len(pattern.text) * len(text) // 8) // STEPS


@lru_cache(maxsize=64)
def _compiled(pattern: _Pattern) -> Regex:
    """A pattern in GitLab's language, which is RE2's. Raises NotReadable.

    Source: https://gitlab.com/gitlab-org/gitlab/-/blob/master/lib/gitlab/untrusted_regexp/ruby_syntax.rb
    """
    if not set(pattern.flags) <= FLAGS:
        raise NotReadable(f"the flags of a pattern are some of {''.join(sorted(FLAGS))}, not {pattern.flags}")
    flags = f"(?{pattern.flags})" if pattern.flags else ""
    try:
        return compile_re2(flags + pattern.text)
    except NotEvaluated as error:
        raise NotReadable(f"the pattern /{pattern.text[:60]}/ is not evaluated here: {error}") from None
    except ValueError as error:
        raise NotReadable(f"the pattern /{pattern.text[:60]}/ is not valid: {error}") from None
