"""Small changes of bytes, as a person with an editor and a grudge would make them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

MAX_INPUT = 1 << 20  # bytes: longer ones are what the hostile tests are for
# What readers trip over: numbers at the borders, halves of characters, words that mean something to some format.
TOKENS = (
    b"0",
    b"-1",
    b"1e999",
    b"NaN",
    b"-0.0",
    b"9" * 40,
    b"9" * 4_400,
    b"18446744073709551616",
    b"true",
    b"null",
    b'""',
    b"{}",
    b"[]",
    b'"\\ud800"',
    b"\\u0000",
    b"\0",
    b"\xff",
    b"\xed\xa0\x80",
    "é\u202e\u2028".encode(),
    b"\r\n",
    b"\t",
    b" " * 300,
    b"<script>",
    b"&#0;",
    b"=1+1",
    b"../",
    b"/",
    b"\\",
    b"${{ github.ref }}",
    b"${A:-$(x)}",
    b"$A$A",
    b"`",
    b"*a*a*a*a*b",
    b"(a+)+$",
    b"(?=a)",
    b"[",
    b"]",
    b"(",
    b")",
    b"{",
    b"}",
    b"*",
    b"&a",
    b"*a",
    b"<<: *a",
    b"!!python/none",
    b"%YAML 1.1\n---\n",
    b"sha256:" + b"0" * 64,
    b"9999-12-31T23:59:59-12:00",
    b"0001-01-01T00:00:00+14:00",
    b"2026-02-30",
    b"1d",
    b"-1d",
    b"9999999999d",
    b"localhost",
    b"__proto__",
    b"\xef\xbb\xbf",
    b";",
    b",",
    b"'",
    b'"',
    b"%",
    b"#",
    b"|",
    b">",
)
VALUES: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    1.5,
    1e308,
    2**63,
    10**400,
    "",
    "0",
    "x" * 3_000,
    "\ud800",
    "a\0b",
    "\u202e",
    [],
    {},
    [[]],
    [None],
    {"": ""},
    "9999-12-31T23:59:59-12:00",
    "sha256:" + "0" * 64,
    "*",
    "=1",
    "<b>",
    [0] * 300,
    {"a": {"a": {"a": []}}},
)


def mutated(data: bytes, corpus: Sequence[bytes], random: Random) -> bytes:
    """A change of an input: of its values where it is JSON (half the time), else of its bytes.

    Args:
        data: the input.
        corpus: others of its kind, of which parts may be taken.
        random: decides.
    """
    if random.random() < 0.5 and (made := _of_json(data, random)) is not None:
        return made[:MAX_INPUT]
    for _ in range(random.choice((1, 1, 1, 2, 4, 8))):
        data = random.choice(CHANGES)(data, corpus, random)
    return data[:MAX_INPUT]


def _of_json(data: bytes, random: Random) -> bytes | None:
    """The same document with one or a few parts changed; None where it is none."""
    if data.lstrip()[:1] not in (b"{", b"["):
        return None
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return None
    for _ in range(random.choice((1, 1, 2, 5))):
        places = list(_places(document))
        if not places:
            break
        holder, key = random.choice(places)
        _change(holder, key, places, random)
    try:
        return json.dumps(document).encode("utf-8", "surrogatepass")
    except (ValueError, RecursionError):
        return None


def _change(holder: Any, key: Any, places: Sequence[tuple[Any, Any]], random: Random) -> None:
    kind = random.randrange(6)
    if kind == 0:
        del holder[key]
    elif kind == 1 and isinstance(holder, list):
        holder[key:key] = [holder[key]] * random.choice((1, 10, 300))
    elif kind == 2 and isinstance(holder, dict):
        holder[random.choice(("", "x", "\ud800", "x" * 300, str(key).upper()))] = holder[key]
    elif kind == 3:
        other, place = random.choice(places)
        holder[key] = json.loads(json.dumps(other[place])) if len(places) < 3_000 else other[place]
    elif kind == 4 and isinstance(holder[key], str):
        text = holder[key].encode("utf-8", "surrogatepass")
        holder[key] = random.choice(CHANGES)(text, [text], random).decode("utf-8", "replace")
    else:
        holder[key] = random.choice(VALUES)


def _places(document: Any) -> list[tuple[Any, Any]]:
    found: list[tuple[Any, Any]] = []
    waiting = [document]
    while waiting and len(found) < 20_000:
        part = waiting.pop()
        keys = list(part) if isinstance(part, dict) else range(len(part)) if isinstance(part, list) else ()
        for key in keys:
            found.append((part, key))
            waiting.append(part[key])
    return found


Change = Callable[[bytes, Sequence[bytes], Random], bytes]


def _flip(data: bytes, _: Sequence[bytes], random: Random) -> bytes:
    if not data:
        return b"\0"
    at = random.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << random.randrange(8)]) + data[at + 1 :]


def _cut(data: bytes, _: Sequence[bytes], random: Random) -> bytes:
    start = random.randrange(len(data) + 1)
    return data[:start] + data[start + random.choice((1, 2, 8, 64, 1_000)) :]


def _insert(data: bytes, _: Sequence[bytes], random: Random) -> bytes:
    at = random.randrange(len(data) + 1)
    return data[:at] + random.choice(TOKENS) + data[at:]


def _replace(data: bytes, _: Sequence[bytes], random: Random) -> bytes:
    at = random.randrange(len(data) + 1)
    token = random.choice(TOKENS)
    return data[:at] + token + data[at + len(token) :]


def _repeat(data: bytes, _: Sequence[bytes], random: Random) -> bytes:
    at = random.randrange(len(data) + 1)
    part = data[at : at + random.choice((1, 1, 2, 5, 20, 200))]
    return data[:at] + part * random.choice((2, 5, 50, 1_000)) + data[at:]


def _splice(data: bytes, corpus: Sequence[bytes], random: Random) -> bytes:
    other = random.choice(corpus)
    return data[: random.randrange(len(data) + 1)] + other[random.randrange(len(other) + 1) :]


def _nest(data: bytes, _: Sequence[bytes], random: Random) -> bytes:
    opening, closing = random.choice(
        ((b"[", b"]"), (b"(", b")"), (b"{", b"}"), (b'{"a":', b"}"), (b"> ", b""), (b"<b>", b""))
    )
    depth = random.choice((3, 60, 400, 3_000))
    at = random.randrange(len(data) + 1)
    return data[:at] + opening * depth + data[at : at + 20] + closing * depth + data[at + 20 :]


CHANGES: tuple[Change, ...] = (_flip, _cut, _insert, _insert, _replace, _repeat, _splice, _nest)
