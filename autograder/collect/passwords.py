"""What an htpasswd file says, as plain data: which users, which kind of hash, which cost, whose password fits.

The registry accepts bcrypt alone and passes over every other entry without a word.
Source: https://distribution.github.io/distribution/about/configuration/#htpasswd
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import bcrypt

MAX_FILE = 16 * 1024  # bytes
MAX_USERS = 20
MAX_COST = 12  # 2^12 rounds: a quarter of a second a login; each step doubles that, here and in grading
BCRYPT = re.compile(r"\$2[aby]\$(?P<cost>[0-9]{2})\$[./A-Za-z0-9]{53}\Z")
# What the registry's bcrypt works out before it sees that the rest is none: it looks at no more than these signs.
# Source: newFromHash in https://cs.opensource.google/go/x/crypto/+/master:bcrypt/bcrypt.go
WORKED_OUT = re.compile(r"\$[!-2](?:\$|[^$].)(?P<cost>[0-9]{2})", re.DOTALL)
SHORTEST = 59  # characters that it asks for
# https://httpd.apache.org/docs/current/misc/password_encryptions.html
OTHERS = (("$apr1$", "MD5"), ("{SHA}", "SHA-1"), ("$5$", "SHA-256"), ("$6$", "SHA-512"), ("$1$", "MD5"))

Facts = dict[str, Any]


def read(text: str, user: str, password: str) -> Facts:
    """The entries of an htpasswd file.

    Returns:
        ``error`` (text) when it cannot be used; else ``users``: name -> ``scheme`` ("bcrypt", "MD5", … or "none": no
        hash that anyone knows), ``cost`` of bcrypt, and for ``user`` whether the password ``matches``. ``cost`` also
        stands beside what only looks like bcrypt, where a registry would try it out and that costs too much. Of two
        lines for a user the last counts, as for the registry, and ``lines`` says how many there are.
    """
    if len(text.encode("utf-8", errors="replace")) > MAX_FILE:
        return {"error": f"it has more than {MAX_FILE // 1024} KiB"}
    users: dict[str, Facts] = {}
    hashes: dict[str, str] = {}
    lines = Counter[str]()
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        if line.startswith("\ufeff"):
            return {"error": "it begins with a byte-order mark, which becomes part of the first user's name"}
        name, colon, hashed = line.partition(":")
        if not colon:
            return {"error": f"line {number} is not USER:HASH"}
        if len(users) == MAX_USERS and name not in users:
            return {"error": f"it holds more than {MAX_USERS} users"}
        lines[name] += 1
        hashes[name] = hashed
        users[name] = _entry(hashed) | ({"lines": lines[name]} if lines[name] > 1 else {})
    mine = users.get(user)
    if mine is not None and mine["scheme"] == "bcrypt" and mine["cost"] <= MAX_COST:
        mine["matches"] = _matches(password, hashes[user])
    return {"users": users}


def _entry(hashed: str) -> Facts:
    match = BCRYPT.match(hashed)
    if match:
        return {"scheme": "bcrypt", "cost": int(match["cost"])}
    entry: Facts = {"scheme": next((name for prefix, name in OTHERS if hashed.startswith(prefix)), "none")}
    odd = WORKED_OUT.match(hashed) if len(hashed.encode("utf-8", "replace")) >= SHORTEST else None
    if odd and int(odd["cost"]) > MAX_COST:
        entry["cost"] = int(odd["cost"])
    return entry


def _matches(password: str, hashed: str) -> bool:
    try:
        # Apache writes $2y$; it is what the others call $2b$.
        return bcrypt.checkpw(password.encode(), hashed.replace("$2y$", "$2b$", 1).encode())
    except ValueError:
        return False


def harmless(facts: Facts) -> bool:
    """Whether a registry may be given the file: readable, and no login costs more than :data:`MAX_COST`."""
    return "error" not in facts and all(entry.get("cost", 0) <= MAX_COST for entry in facts["users"].values())
