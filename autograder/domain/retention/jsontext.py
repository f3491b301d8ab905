"""Reads JSON text so that whatever comes in, the only failure is a ValueError that says what is wrong."""

from __future__ import annotations

import json
from typing import Any


def load_json(text: str) -> Any:
    """Parse JSON text; a leading byte order mark, as Windows editors write it, is no error.

    Raises:
        ValueError: not JSON, nested too deeply, a number too long to read, NaN or Infinity.
    """
    try:
        return json.loads(text.removeprefix("\ufeff"), parse_constant=_refuse)
    except json.JSONDecodeError as problem:
        raise ValueError(f"{problem.msg} at line {problem.lineno}, column {problem.colno}") from problem
    except RecursionError as problem:
        raise ValueError("it is nested too deeply") from problem


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not a JSON number")
