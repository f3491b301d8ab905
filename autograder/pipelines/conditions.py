"""The conditions of GitLab's ``rules:if``: their value in a pipeline whose variables are known.

Source: https://docs.gitlab.com/ci/jobs/job_rules/#cicd-variable-expressions
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from autograder.domain.regex import Regex, compile_re2
from autograder.domain.regex.syntax import NotEvaluated

FLAGS: Final = frozenset("imsU")
MAX_LENGTH: Final = 500  # characters
MAX_BRACKETS: Final = 20
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


def holds(text: str, variables: Mapping[str, str]) -> bool:
    """Whether a condition holds.

    Raises:
        NotReadable: it cannot be read.
    """
    if len(text) > MAX_LENGTH:
        raise NotReadable(f"a condition of more than {MAX_LENGTH} characters")
    reader = _Reader(text, variables)
    if sum(token["sign"] == "(" for token in reader.tokens) > MAX_BRACKETS:
        raise NotReadable(f"a condition with more than {MAX_BRACKETS} brackets")
    found = reader.either()
    if reader.tokens:
        raise NotReadable(f"{text}: “{reader.tokens[0].group().strip()}” is not expected there")
    return found


class _Reader:
    def __init__(self, text: str, variables: Mapping[str, str]) -> None:
        self.text, self.variables = text, variables
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

    def either(self) -> bool:
        """``||`` binds less than ``&&``."""
        found = self._both()
        while self._sign("||"):
            found = self._both() or found
        return found

    def _both(self) -> bool:
        found = self._one()
        while self._sign("&&"):
            found = self._one() and found
        return found

    def _one(self) -> bool:
        if self._sign("("):
            found = self.either()
            if not self._sign(")"):
                raise NotReadable(f"{self.text}: a bracket is never closed")
            return found
        left = self._value()
        sign = self._sign("==", "!=", "=~", "!~")
        if not sign:
            return bool(left)
        right = self._value()
        if sign in ("==", "!="):
            return (left == right) == (sign == "==")
        return self._matches(left, right) == (sign == "=~")

    def _matches(self, left: _Value, right: _Value) -> bool:
        if isinstance(right, str) and (written := re.fullmatch(r"/(.*)/([a-z]*)", right, re.DOTALL)):
            right = _Pattern(written[1], written[2])
        if not isinstance(right, _Pattern):
            raise NotReadable(f"{self.text}: behind =~ stands a pattern between slashes")
        expression = _compiled(right)
        return isinstance(left, str) and expression.search(left)

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
