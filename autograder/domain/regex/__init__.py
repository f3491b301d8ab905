"""Regular expressions and patterns that users write, matched so that none can run away.

Whatever is held against a pattern from a student's file is matched here, never by :mod:`re`, which backtracks: an
expression of 20 characters can keep it busy for years. Each language has a module for its syntax; all share the
programs of :mod:`autograder.domain.regex.program`.
"""

from __future__ import annotations

from functools import lru_cache

from autograder.domain.regex import go_syntax, re2_syntax
from autograder.domain.regex.program import Compiler, Regex

__all__ = ["Regex", "compile_re2", "compile_regex"]


@lru_cache(maxsize=128)
def compile_regex(pattern: str) -> Regex:
    """Compile an expression of regexp2, a library for Go.

    ``acr purge`` uses the library regexp2 in its RE2 mode (https://github.com/dlclark/regexp2). The answer is the same
    yes or no for what filters are written with: literals, ``.``, classes, ``\\d \\w \\s``, groups, alternation,
    ``* + ? {m,n}`` (greedy or lazy is the same here), ``^ $ \\b``, ``(?i)``, ``(?m)``, ``(?s)`` and look-arounds.

    Raises:
        ValueError: it is malformed, uses a back-reference, or is far larger than any that people write.
    """
    return Compiler().compile(go_syntax.parse(pattern))


def compile_re2(pattern: str) -> Regex:
    """Compile an expression of RE2, as Docker Hub's rules and GitLab's conditions are.

    Raises:
        ValueError: RE2 refuses it.
        NotEvaluated: RE2 may take it, and it is too large, or asks for what is not evaluated here.
    """
    return Compiler().compile(re2_syntax.parse(pattern))
