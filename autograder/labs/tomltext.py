"""JSON values as TOML, so that :mod:`tomllib` reads back exactly what was written.

TOML has no null. A value that holds one (or that could be taken for the way it is written) stands as
``{ json = "…" }``, the value as JSON text; :func:`restored` makes it the value again.
"""

from __future__ import annotations

import json
from typing import Any

from pydantic import JsonValue

AS_JSON = "json"


def text(value: str) -> str:
    """A basic string: JSON's escapes are TOML's, and TOML wants one more sign escaped.

    Source: https://toml.io/en/v1.0.0#string
    """
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def value(given: JsonValue) -> str:
    """A value on one line.

    Args:
        given: JSON data with finite numbers, and texts that UTF-8 can say.
    """
    if isinstance(given, bool):
        return "true" if given else "false"
    if isinstance(given, str):
        return text(given)
    if isinstance(given, int):
        return str(given)
    if isinstance(given, float):
        return repr(given)
    if given is None or (isinstance(given, dict) and _looks_like_json(given)):
        return f"{{ {AS_JSON} = {text(json.dumps(given, allow_nan=False))} }}"
    if isinstance(given, list):
        return f"[{', '.join(map(value, given))}]"
    inside = ", ".join(f"{text(name)} = {value(part)}" for name, part in given.items())
    return f"{{ {inside} }}" if inside else "{}"


def restored(read: Any) -> JsonValue:
    """What was given to :func:`value`, from what TOML made of it.

    Raises:
        ValueError: what stands there as JSON is none.
    """
    if isinstance(read, list):
        return [restored(part) for part in read]
    if isinstance(read, dict):
        if _looks_like_json(read):
            found: JsonValue = json.loads(read[AS_JSON])
            return found
        return {name: restored(part) for name, part in read.items()}
    plain: JsonValue = read
    return plain


def _looks_like_json(given: dict[str, Any]) -> bool:
    return given.keys() == {AS_JSON} and isinstance(given[AS_JSON], str)
