"""Checks the cleanup policies of an Artifact Registry repository, and reports every error with its place.

Two documents are read: the policy file of ``gcloud artifacts repositories set-cleanup-policies`` (a list), and what
``gcloud artifacts repositories describe --format=json`` prints (an object with ``cleanupPolicies``,
``cleanupPolicyDryRun`` and ``dockerConfig.immutableTags``).

Sources: https://docs.cloud.google.com/artifact-registry/docs/repositories/cleanup-policy,
https://docs.cloud.google.com/artifact-registry/docs/repositories/cleanup-policy-overview and, for gcloud's own wording,
the Google Cloud SDK's ``googlecloudsdk/command_lib/artifacts/cleanup_policy_util.py``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from autograder.domain.retention.durations import gcloud_duration
from autograder.domain.retention.gar_rules import CleanupPolicy, Condition, Prefixes, RepositoryPolicy
from autograder.domain.retention.jsontext import load_json
from autograder.domain.retention.model import InvalidPolicy, PolicyError

MAX_POLICIES = 10
DURATIONS = ("olderThan", "newerThan", "moreStaleThan")
PREFIXES = ("tagPrefixes", "versionNamePrefixes", "packageNamePrefixes")
TAG_STATES = ("ANY", "TAGGED", "UNTAGGED")
ACTIONS = ("DELETE", "KEEP")

Errors = Iterator[PolicyError]


def parse(text: str) -> RepositoryPolicy:
    """Read the text of a policy file or of a repository's description.

    Raises:
        InvalidPolicy: with every error found.
    """
    try:
        document = load_json(text)
    except ValueError as problem:
        raise InvalidPolicy([PolicyError("$", f"the policy must be JSON: {problem}")]) from problem
    return parse_document(document)


def parse_document(document: object) -> RepositoryPolicy:
    """Read a policy file or a repository's description that is JSON data already.

    Raises:
        InvalidPolicy: with every error found.
    """
    errors = validate(document)
    if errors:
        raise InvalidPolicy(errors)
    described: dict[str, Any] = document if isinstance(document, dict) else {}
    return RepositoryPolicy(
        policies=tuple(_policy(entry) for _, entry in _entries(document)),
        dry_run=described.get("cleanupPolicyDryRun") is True,
        immutable_tags=_object(described.get("dockerConfig")).get("immutableTags") is True,
    )


def validate(document: object) -> list[PolicyError]:
    """Every error of cleanup policies that are JSON data; an empty list for valid ones."""
    if not isinstance(document, list) and not isinstance(_object(document).get("cleanupPolicies"), dict):
        text = "the policy must be a list of policies, or a repository's description with cleanupPolicies"
        return [PolicyError("$", text, "Policy file must contain a list of policies.")]
    entries = _entries(document)
    errors = []
    if len(entries) > MAX_POLICIES:
        errors.append(PolicyError("$", f"a repository has at most {MAX_POLICIES} cleanup policies, not {len(entries)}"))
    names: dict[str, str] = {}
    for path, entry in entries:
        if not isinstance(entry, dict):
            cloud = f"Invalid policy at index {path[1:-1]}."
            errors.append(PolicyError(path, "a policy must be an object", cloud))
            continue
        errors.extend(_check_policy(entry, path))
        name = entry.get("name")
        if isinstance(name, str) and name in names:
            cloud = f'Duplicate key "{name}" in policy list.'
            errors.append(PolicyError(f"{path}.name", f"the name {name} is already used by {names[name]}", cloud))
        elif isinstance(name, str):
            names[name] = path
    return errors


def _check_policy(policy: Mapping[str, Any], path: str) -> Errors:
    """A policy has a name, an action, and exactly one of ``condition`` and ``mostRecentVersions`` (Keep only)."""
    name = policy.get("name")
    if name is None:
        yield PolicyError(path, "name is missing", 'Key "name" not found in policy.')
    elif not isinstance(name, str) or not name:
        yield PolicyError(f"{path}.name", "name must be a text that is not empty")
    yield from _unknown(policy, path, ("name", "action", "condition", "mostRecentVersions"))
    yield from _check_action(policy, path)
    given = [key for key in ("condition", "mostRecentVersions") if key in policy]
    if not given:
        # gcloud prints the word name itself here, not the policy's name.
        cloud = 'Key "condition" or "mostRecentVersions" not found in policy "name".'
        yield PolicyError(path, "a policy needs condition or mostRecentVersions", cloud)
    if len(given) == 2:
        cloud = f'Only one of "condition" or "mostRecentVersions" allowed in policy "{name}".'
        yield PolicyError(path, "a policy has condition or mostRecentVersions, not both", cloud)
    if "condition" in policy:
        yield from _check_condition(policy["condition"], f"{path}.condition", name)
    if "mostRecentVersions" in policy:
        yield from _check_most_recent(policy["mostRecentVersions"], f"{path}.mostRecentVersions")
        if _action(policy) == "DELETE":
            yield PolicyError(f"{path}.action.type", "mostRecentVersions is only allowed with action Keep")


def _check_action(policy: Mapping[str, Any], path: str) -> Errors:
    action = policy.get("action")
    if action is None:
        cloud = f'Key "action" not found in policy "{policy.get("name")}".'
        yield PolicyError(path, 'action is missing; it is {"type": "Delete"} or {"type": "Keep"}', cloud)
    elif not isinstance(action, dict):
        cloud = f'Invalid action "{action}" in policy "{policy.get("name")}".'
        yield PolicyError(f"{path}.action", 'action must be {"type": "Delete"} or {"type": "Keep"}', cloud)
    elif _action(policy) not in ACTIONS:
        yield PolicyError(f"{path}.action.type", f"type must be Delete or Keep, not {action.get('type')}")


def _check_condition(condition: object, path: str, name: object) -> Errors:
    """All parts of a condition are optional and known; tag prefixes need tagState ``tagged``."""
    if not isinstance(condition, dict):
        yield PolicyError(path, "condition must be an object", f'Invalid value for "condition" in policy "{name}".')
        return
    yield from _unknown(condition, path, ("tagState", *PREFIXES, *DURATIONS))
    if "tagState" in condition and _upper(condition["tagState"]) not in TAG_STATES:
        text = f"tagState must be any, tagged or untagged, not {condition['tagState']}"
        yield PolicyError(f"{path}.tagState", text)
    for key in PREFIXES:
        yield from _check_texts(condition, key, path)
    if condition.get("tagPrefixes") and _upper(condition.get("tagState")) != "TAGGED":
        yield PolicyError(f"{path}.tagPrefixes", "tagPrefixes needs tagState tagged")
    for key in DURATIONS:
        if key not in condition:
            continue
        try:
            gcloud_duration(condition[key]) if isinstance(condition[key], str) else _raise_not_text()
        except ValueError as problem:
            yield PolicyError(f"{path}.{key}", f"{key} must be {problem}, not {condition[key]}")


def _check_most_recent(recent: object, path: str) -> Errors:
    if not isinstance(recent, dict):
        yield PolicyError(path, "mostRecentVersions must be an object with keepCount")
        return
    yield from _unknown(recent, path, ("keepCount", "packageNamePrefixes"))
    count = recent.get("keepCount")
    if not isinstance(count, int) or isinstance(count, bool) or count < 1:
        yield PolicyError(f"{path}.keepCount", "keepCount must be a whole number from 1")
    yield from _check_texts(recent, "packageNamePrefixes", path)


def _check_texts(fields: Mapping[str, Any], key: str, path: str) -> Errors:
    texts = fields.get(key, [])
    if not isinstance(texts, list) or not all(isinstance(text, str) and text for text in texts):
        yield PolicyError(f"{path}.{key}", f"{key} must be a list of texts that are not empty")


def _unknown(fields: Mapping[str, Any], path: str, known: tuple[str, ...]) -> Errors:
    for key in sorted(map(str, fields.keys() - set(known))):
        yield PolicyError(f"{path}.{key}", f"{key} is not a known key; known are {', '.join(known)}")


def _entries(document: object) -> list[tuple[str, Any]]:
    """The policies of either document with their paths; a description's policies get the policy file's shape."""
    if isinstance(document, list):
        return [(f"[{number}]", entry) for number, entry in enumerate(document)]
    described = _object(_object(document).get("cleanupPolicies"))
    entries: list[tuple[str, Any]] = []
    for key, entry in described.items():
        if isinstance(entry, dict):
            action = entry.get("action")
            rest = {name: value for name, value in entry.items() if name != "id"}
            entry = {**rest, "name": entry.get("id", key), "action": {"type": action} if action is not None else None}
        entries.append((f"cleanupPolicies.{key}", entry))
    return entries


def _policy(entry: Mapping[str, Any]) -> CleanupPolicy:
    condition, recent = entry.get("condition"), entry.get("mostRecentVersions")
    return CleanupPolicy(
        name=entry["name"],
        keeps=_action(entry) == "KEEP",
        condition=None if condition is None else _condition(condition),
        keep_count=recent["keepCount"] if recent else 0,
        package_prefixes=Prefixes(recent.get("packageNamePrefixes", ())) if recent else Prefixes(),
    )


def _condition(fields: Mapping[str, Any]) -> Condition:
    ages = {key: gcloud_duration(fields[key]) if key in fields else None for key in DURATIONS}
    return Condition(
        tag_state=_upper(fields.get("tagState", "any")),
        tag_prefixes=Prefixes(fields.get("tagPrefixes", ())),
        version_prefixes=Prefixes(fields.get("versionNamePrefixes", ())),
        package_prefixes=Prefixes(fields.get("packageNamePrefixes", ())),
        older_than=ages["olderThan"],
        newer_than=ages["newerThan"],
        more_stale_than=ages["moreStaleThan"],
    )


def _action(policy: Mapping[str, Any]) -> str:
    return _upper(_object(policy.get("action")).get("type"))


def _upper(value: object) -> str:
    return value.upper() if isinstance(value, str) else ""


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _raise_not_text() -> None:
    raise ValueError("a text such as 30d")
