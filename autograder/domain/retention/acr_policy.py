"""Reads what may stand in a clean-up policy for ACR, and reports every error with its place.

Two forms are read:

- the text of an ``acr purge`` command, also inside ``az acr run --cmd "..."`` or ``az acr task create --cmd "..."``,
  with line continuations and ``#`` comments;
- a JSON object with at least one of ``retentionPolicy`` and ``softDeletePolicy``, as ``az acr show --query policies``
  prints them, and ``purge``, the text of an ``acr purge`` command.

Sources: https://learn.microsoft.com/azure/container-registry/container-registry-retention-policy and
https://learn.microsoft.com/azure/container-registry/container-registry-soft-delete-policy
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from autograder.domain.retention.acr_command import Purge, parse_purge
from autograder.domain.retention.jsontext import load_json
from autograder.domain.retention.model import InvalidPolicy, PolicyError
from autograder.domain.retention.times import parse_time

KNOWN_POLICIES = ("retentionPolicy", "softDeletePolicy", "purge")
# What else `az acr show --query policies` prints; none of it removes images.
OTHER_POLICIES = ("azureAdAuthenticationAsArmPolicy", "exportPolicy", "quarantinePolicy", "trustPolicy")
DEFAULT_DAYS = 7


@dataclass(frozen=True, slots=True)
class Retention:
    """The retention policy for untagged manifests; ``since`` is when it was enabled, if known."""

    days: int = DEFAULT_DAYS
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class AcrPolicy:
    """What cleans up a registry; ``None``: that mechanism is off. ``soft_delete_days`` is its retention period."""

    purge: Purge | None = None
    retention: Retention | None = None
    soft_delete_days: int | None = None


def parse(text: str) -> AcrPolicy:
    """Read a policy in either form.

    Raises:
        InvalidPolicy: with every error found.
    """
    if not text.lstrip("\ufeff \t\r\n").startswith(("{", "[")):
        return AcrPolicy(purge=parse_purge(text))
    try:
        document = load_json(text)
    except ValueError as problem:
        raise InvalidPolicy(
            [PolicyError("$", f"the policy must be JSON or an acr purge command: {problem}")]
        ) from problem
    return parse_document(document)


def parse_document(document: object) -> AcrPolicy:
    """Read a policy that is JSON data already.

    Raises:
        InvalidPolicy: with every error found.
    """
    if not isinstance(document, dict) or not set(KNOWN_POLICIES) & document.keys():
        text = f"the policy must be an object with at least one of {', '.join(KNOWN_POLICIES)}"
        raise InvalidPolicy([PolicyError("$", text)])
    errors = [
        PolicyError(str(key), f"{key} is not known; known are {', '.join(KNOWN_POLICIES)}")
        for key in document
        if key not in (*KNOWN_POLICIES, *OTHER_POLICIES)
    ]
    retention, soft = document.get("retentionPolicy"), document.get("softDeletePolicy")
    errors.extend(_check_period(retention, "retentionPolicy", "days", 0, 365) if retention is not None else ())
    errors.extend(_check_period(soft, "softDeletePolicy", "retentionDays", 1, 90) if soft is not None else ())
    if _enabled(retention) and _enabled(soft):
        text = "a registry cannot have the retention policy and soft delete enabled together"
        errors.append(PolicyError("softDeletePolicy.status", text))
    purge = None
    if document.get("purge") is not None:
        try:
            purge = parse_purge(document["purge"]) if isinstance(document["purge"], str) else None
        except InvalidPolicy as problem:
            errors.extend(PolicyError(f"purge {e.path}", e.message, e.cloud_message) for e in problem.errors)
        if not isinstance(document["purge"], str):
            errors.append(PolicyError("purge", "purge must be the text of an acr purge command"))
    if errors:
        raise InvalidPolicy(errors)
    return AcrPolicy(
        purge=purge,
        retention=_retention(retention) if retention and _enabled(retention) else None,
        soft_delete_days=soft.get("retentionDays", DEFAULT_DAYS) if soft and _enabled(soft) else None,
    )


def _check_period(policy: object, path: str, key: str, least: int, most: int) -> Iterator[PolicyError]:
    """A policy of the registry: status, a number of days within bounds, and when it was last changed."""
    if not isinstance(policy, dict):
        yield PolicyError(path, f"{path} must be an object with status and {key}")
        return
    for name in sorted(map(str, policy.keys() - {"status", key, "lastUpdatedTime"})):
        yield PolicyError(f"{path}.{name}", f"{name} is not known; known are status, {key}, lastUpdatedTime")
    if not (isinstance(policy.get("status"), str) and policy["status"].lower() in ("enabled", "disabled")):
        yield PolicyError(f"{path}.status", "status must be enabled or disabled")
    days = policy.get(key, DEFAULT_DAYS)
    if not isinstance(days, int) or isinstance(days, bool) or not least <= days <= most:
        yield PolicyError(f"{path}.{key}", f"{key} must be a whole number from {least} to {most}")
    since = policy.get("lastUpdatedTime")
    if since is not None and (not isinstance(since, str) or parse_time(since) is None):
        yield PolicyError(f"{path}.lastUpdatedTime", "lastUpdatedTime must be a time such as 2026-03-01T12:00:00Z")


def _enabled(policy: object) -> bool:
    return isinstance(policy, dict) and str(policy.get("status")).lower() == "enabled"


def _retention(policy: Mapping[str, Any]) -> Retention:
    since = policy.get("lastUpdatedTime")
    return Retention(policy.get("days", DEFAULT_DAYS), parse_time(since) if since else None)
