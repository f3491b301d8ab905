"""Pages of a list answer: ``maxResults`` and an opaque ``nextToken``, as AWS's list operations have them."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import TypeVar

from autograder.emulators.ecr import problems

Item = TypeVar("Item")
PAGE = 100  # what ECR's operations answer without maxResults


def page(items: Sequence[Item], size: int | None, token: str | None) -> tuple[list[Item], str | None]:
    """One page and the token of the next (None at the end).

    Raises:
        ServiceException: InvalidParameterException for a token that no page came with.
    """
    start = _start(token) if token else 0
    end = start + (size or PAGE)
    following = base64.b64encode(f"page:{end}".encode()).decode() if end < len(items) else None
    return list(items[start:end]), following


def _start(token: str) -> int:
    try:
        kind, _, number = base64.b64decode(token, validate=True).decode("ascii").partition(":")
        if kind == "page" and number.isdigit():
            return int(number)
    except ValueError:
        pass
    raise problems.invalid("nextToken", "Invalid next token")
