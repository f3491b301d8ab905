"""How students write the code tasks: right in other words, and wrong as people are wrong. A module a lab.

``SIGNATURE`` is what each body below it stands under, ``RIGHT`` is words → body. ``WRONG`` is the mistake in words → a
body, or a right one by its words with what is written otherwise in it: ``(words, old, new, …)``. ``NEEDS`` says of what
is a mistake for some students only when it is one, and ``NAMES`` is a line before the function, with personal values.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping

Wrong = str | tuple[str, ...]


def source(signature: str, body: str) -> str:
    """A task's cell."""
    return f"def {signature}:\n{textwrap.indent(body.strip(), '    ')}\n"


def written(right: Mapping[str, str], wrong: Wrong) -> str:
    """The body of a wrong solution."""
    if isinstance(wrong, str):
        return wrong
    body, changes = right[wrong[0]], wrong[1:]
    for old, new in zip(changes[::2], changes[1::2], strict=True):
        assert old in body, f"{old!r} is not in {wrong[0]!r}"
        body = body.replace(old, new)
    return body
