"""Rules for immutable tags: Go regular expressions, which are RE2's, matching anywhere in a tag.

https://docs.docker.com/reference/api/hub/latest/schemas/immutable_tags_verify_request.md ("Go regular expression
syntax. Commas are not permitted"), https://pkg.go.dev/regexp/syntax and https://github.com/google/re2/wiki/Syntax
"""

from __future__ import annotations

import re2

from autograder.domain.regex import compile_regex

OPTIONS = re2.Options()
OPTIONS.log_errors = False  # else RE2 writes them to standard error


def fault(rule: str) -> str | None:
    """Why Docker Hub would not take a rule; None for one that it takes."""
    if "," in rule:
        return f"{rule!r} has a comma, which no rule may have"
    try:
        re2.compile(rule, OPTIONS)
    except (re2.error, UnicodeError) as error:
        return f"{rule!r} is not a regular expression: {_text(error)}"
    return None


def covers(rule: str, tag: str) -> bool:
    """Whether a rule that was stored makes the tag immutable."""
    try:
        return re2.compile(rule, OPTIONS).search(tag) is not None
    except (re2.error, UnicodeError):
        # Stored by version 0.1.0, which also took look-around: it goes on protecting what it protected then.
        return compile_regex(rule).search(tag)


def _text(error: Exception) -> str:
    """RE2's own message, which comes as bytes."""
    return error.args[0].decode() if isinstance(error, re2.error) else str(error)
