"""Rules for immutable tags: Go regular expressions, which are RE2's, matching anywhere in a tag.

https://docs.docker.com/reference/api/hub/latest/schemas/immutable_tags_verify_request.md ("Go regular expression
syntax. Commas are not permitted")
"""

from __future__ import annotations

from autograder.domain.regex import compile_re2, compile_regex


def fault(rule: str) -> str | None:
    """Why Docker Hub would not take a rule; None for one that it takes."""
    if "," in rule:
        return f"{rule!r} has a comma, which no rule may have"
    try:
        compile_re2(rule)
    except ValueError as error:
        return f"{rule!r} is not a regular expression: {error}"
    return None


def covers(rule: str, tag: str) -> bool:
    """Whether a rule that was stored makes the tag immutable; never raises.

    A rule that version 0.1.0 stored and that is not evaluated any more (too large, or refused) covers every tag: what
    was protected must not become free.
    """
    try:
        return compile_re2(rule).search(tag)
    except ValueError:
        # Stored by version 0.1.0, which also took look-arounds: it goes on protecting what it protected then.
        try:
            return compile_regex(rule).search(tag)
        except ValueError:
            return True
