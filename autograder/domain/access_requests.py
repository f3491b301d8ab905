"""Requests on which a repository policy can show what it allows, derived from what it names.

For every principal, action and condition that stands in the policy there are requests that meet it and requests that
miss it. What a request's resource is needs no choice: a repository's policy is asked about that repository alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final

from autograder.domain.access import ACTIONS, GIVEN, OF_THE_PRINCIPAL
from autograder.domain.access_policy import ACCOUNT, NULL, OPERATORS, PRINCIPAL_ARN, SERVICE

MAX_PRINCIPALS: Final = 60
MAX_MEANT: Final = 12  # that are tried of one pattern
MAX_ACCOUNTS: Final = 4  # in which a pattern of a condition is filled
MAX_CONTEXTS: Final = 30  # 60 times 30 are fewer than 2,000 requests, each about all actions at once
OTHER: Final = "other"  # a value that no condition of the policy asks for; more letters where one does

STRANGE_ACCOUNT: Final = "444455556666"  # an account that no task speaks of

Statement = Mapping[str, Any]


def actions(statements: Sequence[Statement]) -> list[str]:
    """All actions on a repository that AWS lists, and those that the policy names beside them."""
    known = {action.lower() for action in ACTIONS}
    named = [text for one in statements for text in _texts(one.get("Action", one.get("NotAction")))]
    return [
        *ACTIONS,
        *(text for text in dict.fromkeys(named) if not {"*", "?"} & set(text) and text.lower() not in known),
    ]


def principals(statements: Sequence[Statement]) -> tuple[list[str], int]:
    """Who is named: of an account someone in it, of a role a session; and how many were left out."""
    found: dict[str, None] = {}
    for statement in statements:
        principal = statement["Principal"]
        named = [text for texts in principal.values() for text in _texts(texts)] if principal != "*" else []
        for _, key, values in _conditions(statement):
            if key in OF_THE_PRINCIPAL:
                named += [
                    filled for text in values for filled in islice(_meant(text, statement["Principal"]), MAX_MEANT)
                ]
        for text in named:
            found.update(dict.fromkeys(_askers(text)))
    written = str(statements)
    if STRANGE_ACCOUNT in written:  # it is named, so somebody else is the one whom nobody speaks of
        another = next(number for digit in range(10**6) if (number := f"{digit:06}777788") not in written)
        found.update(dict.fromkeys(_askers(another)))
    return list(found)[:MAX_PRINCIPALS], max(0, len(found) - MAX_PRINCIPALS)


def contexts(statements: Sequence[Statement]) -> tuple[list[dict[str, str]], int]:
    """Condition keys of requests: none, what meets each statement, what misses one of its keys; how many were cut."""
    found: list[dict[str, str]] = [{}]
    for statement in statements:
        conditions = [entry for entry in _conditions(statement) if entry[1] not in OF_THE_PRINCIPAL]
        met = {key: value for entry in conditions for key, value in _value(*entry, holds=True)}
        found.append(met)
        for entry in conditions:
            without = {key: value for key, value in met.items() if key != entry[1]}
            found += [without, without | dict(_value(*entry, holds=False))]
    different = [dict(pairs) for pairs in dict.fromkeys(tuple(sorted(one.items())) for one in found)]
    return different[:MAX_CONTEXTS], max(0, len(different) - MAX_CONTEXTS)


def _conditions(statement: Statement) -> Iterator[tuple[str, str, list[str]]]:
    """Operator, key in small letters and values of each condition; of what never differs, nothing."""
    for operator, pairs in statement.get("Condition", {}).items():
        for key, values in pairs.items():
            if key.lower() not in GIVEN:
                yield operator.removesuffix("IfExists"), key.lower(), _texts(values)


def _value(operator: str, key: str, values: list[str], *, holds: bool) -> Iterator[tuple[str, str]]:
    """The key with a value for which a condition holds or does not; nothing where the key must be absent for it."""
    if operator == NULL:
        if (values[:1] == ["true"]) != holds:
            yield key, OTHER
        return
    if OPERATORS[operator][1] == holds:
        yield key, _filled(values[0])
    else:
        yield key, {"true": "false", "false": "true"}.get(values[0].lower(), OTHER + "".join(values)[:20])


def _askers(text: str) -> Iterator[str]:
    """Who asks where a policy names an account, a role, a user or a service."""
    account = ACCOUNT.fullmatch(text)
    found = PRINCIPAL_ARN.fullmatch(text)
    if account is not None or (found is not None and found["kind"] == "root"):
        number = found["account"] if found is not None else text
        yield from (f"arn:aws:iam::{number}:user/someone", f"arn:aws:sts::{number}:assumed-role/some-role/session")
    elif found is not None and found["kind"] == "role":
        name = str(found["name"]).rpartition("/")[2]
        yield f"arn:aws:sts::{found['account']}:assumed-role/{name}/session"
    elif found is not None or SERVICE.fullmatch(text):
        yield text


def _meant(pattern: str, principal: Any) -> Iterator[str]:
    """Accounts, or ARNs of users and roles, that fit a pattern of a condition, in the accounts that a statement names.

    A star stands for a part of a name as well as for whole parts of an ARN: "*ci-role" means a user ci-role, too.
    """
    yield _filled(pattern)
    if "?" in pattern and pattern.strip("?").isdigit():
        yield from (pattern.replace("?", digit) for digit in "09")
    stars = pattern.count("*")
    if stars == 0 or pattern.strip("*?").isdigit():
        return
    texts = [] if principal == "*" else [text for named in principal.values() for text in _texts(named)]
    accounts = {found[0]: None for text in texts if (found := re.search("[0-9]{12}", text))}
    kinds = [f"{kind}{slash}" for kind in ("user", "role") for slash in ("", "/", "/x")]
    heads = [f"arn:aws:iam::{account}" for account in (*accounts, STRANGE_ACCOUNT)][:MAX_ACCOUNTS]
    fillings = [*kinds, *heads, *(f"{head}:{kind}" for head in heads for kind in kinds)]
    for filling in fillings:
        for other in ("x", *kinds) if stars > 1 else ("",):
            text = pattern.replace("*", filling, 1).replace("*", other, 1).replace("*", "x").replace("?", "x")
            found = PRINCIPAL_ARN.fullmatch(text)
            if found is not None and found["name"]:
                yield text


def _filled(pattern: str) -> str:
    """A text that fits a pattern; twelve digits where it stands for an account."""
    pattern = pattern.replace("::*:", f"::{STRANGE_ACCOUNT}:")
    if pattern.strip("*?").isdigit() and len(pattern) < 13 and "*" in pattern:
        return pattern.replace("*", "0" * (13 - len(pattern)), 1).replace("*", "").replace("?", "0")
    return pattern.replace("*", "x").replace("?", "x")


def _texts(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)
