"""Checks an ECR lifecycle policy as AWS documents it, and reports every error with its place.

Sources: https://docs.aws.amazon.com/AmazonECR/latest/userguide/lifecycle_policy_parameters.html (properties),
https://docs.aws.amazon.com/AmazonECR/latest/userguide/LifecyclePolicies.html (the policy as a whole) and
https://docs.aws.amazon.com/AmazonECR/latest/userguide/service-quotas.html. AWS's own wording (``cloud_message``) is
taken from public records of real answers: likely, not certain.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeGuard

from autograder.domain.retention.ecr_counts import COUNT_TYPES, CountType
from autograder.domain.retention.ecr_rules import Rule
from autograder.domain.retention.ecr_whole import WHOLE_POLICY_CHECKS
from autograder.domain.retention.jsontext import load_json
from autograder.domain.retention.model import Action, InvalidPolicy, PolicyError

MAX_RULES = 50
MAX_CHARACTERS = 30_720
MAX_WILDCARDS = 4
TAG_STATUSES = ("tagged", "untagged", "any")
STORAGE_CLASSES = ("standard", "archive")
ACTIONS = ("expire", "transition")
LISTS = ("tagPatternList", "tagPrefixList")
# The two shapes AWS's schema knows: a count without countUnit, an age with it.
NO_SCHEMA = "instance failed to match exactly one schema (matched 0 out of 2)"
NO_LIST = "Must specify tagPrefixList or tagPatternList when tagStatus=TAGGED."
AWS_PREFIX = (
    "Invalid parameter at 'LifecyclePolicyText' failed to satisfy constraint: 'Lifecycle policy validation failure: "
)

Errors = Iterator[PolicyError]
Fields = Mapping[str, Any]


def parse(text: str) -> list[Rule]:
    """Read the text of a lifecycle policy.

    Raises:
        InvalidPolicy: with every error found.
    """
    try:
        document = load_json(text)
    except ValueError as problem:
        cloud = "Could not map policyString into LifecyclePolicy."
        raise InvalidPolicy([PolicyError("$", f"the policy must be JSON: {problem}", cloud)]) from problem
    errors = validate(document)
    if len(text) > MAX_CHARACTERS and not any(error.path == "$" for error in errors):
        errors.append(_too_long(len(text)))
    if errors:
        raise InvalidPolicy(errors)
    return _rules(document)


def parse_document(document: object) -> list[Rule]:
    """Read a lifecycle policy that is JSON data already.

    Raises:
        InvalidPolicy: with every error found.
    """
    errors = validate(document)
    if errors:
        raise InvalidPolicy(errors)
    return _rules(document)


def validate(document: object) -> list[PolicyError]:
    """Every error of a lifecycle policy that is JSON data; an empty list for a valid one."""
    # As data it has lost its blanks: what is too long without them was too long with them.
    least = len(json.dumps(document, separators=(",", ":"), ensure_ascii=False))
    if least > MAX_CHARACTERS:
        return [_too_long(least)]
    if not isinstance(document, dict):
        return [_wrong_type("$", document, "object")]
    errors = list(_names(document, "$", required=("rules",)))
    if "rules" not in document:
        return errors
    rules = document["rules"]
    if not isinstance(rules, list):
        return [*errors, _wrong_type("rules", rules, "array")]
    if not rules:
        errors.append(PolicyError("rules", "a policy needs at least one rule"))
    if len(rules) > MAX_RULES:
        errors.append(PolicyError("rules", f"a policy has at most {MAX_RULES} rules, this one {len(rules)}"))
    for number, rule in enumerate(rules):
        path = f"rules[{number}]"
        if isinstance(rule, dict):
            errors.extend(error for check in RULE_CHECKS for error in check(rule, path))
        else:
            errors.append(_wrong_type(path, rule, "object"))
    whole = [(f"rules[{number}]", rule) for number, rule in enumerate(rules) if isinstance(rule, dict)]
    errors.extend(error for check in WHOLE_POLICY_CHECKS for error in check(whole))
    return errors


def _too_long(characters: int) -> PolicyError:
    return PolicyError("$", f"a policy has at most {MAX_CHARACTERS} characters, this one {characters}")


def aws_text(errors: Sequence[PolicyError]) -> str:
    """The one message that AWS answers with, for the first error whose wording is known."""
    known = next((error.cloud_message for error in errors if error.cloud_message), NO_SCHEMA)
    return f"{AWS_PREFIX}{known}'"


def check_rule(rule: Fields, path: str) -> Errors:
    """Required and allowed properties of a rule, rulePriority from 1, description as text."""
    yield from _names(rule, path, required=("rulePriority", "selection", "action"), optional=("description",))
    if "rulePriority" in rule:
        yield from _positive(rule["rulePriority"], f"{path}.rulePriority")
    if not isinstance(rule.get("description", ""), str):
        yield _wrong_type(f"{path}.description", rule["description"], "string")


def check_selection(rule: Fields, path: str) -> Errors:
    """Required and allowed properties of a selection, and the values of its closed lists."""
    if "selection" not in rule:
        return
    selection, path = rule["selection"], f"{path}.selection"
    if not isinstance(selection, dict):
        yield _wrong_type(path, selection, "object")
        return
    optional = (*LISTS, "storageClass", "countUnit")
    yield from _names(selection, path, required=("tagStatus", "countType", "countNumber"), optional=optional)
    yield from _one_of(selection, "tagStatus", TAG_STATUSES, path)
    yield from _one_of(selection, "storageClass", STORAGE_CLASSES, path)
    yield from _one_of(selection, "countType", tuple(COUNT_TYPES), path, NO_SCHEMA)
    if "countNumber" in selection:
        yield from _positive(selection["countNumber"], f"{path}.countNumber")


def check_lists_fit_status(rule: Fields, path: str) -> Errors:
    """A tag list is required with ``tagged`` and not allowed otherwise; the two lists exclude each other."""
    selection, path = _part(rule, "selection"), f"{path}.selection"
    status, given = selection.get("tagStatus"), [name for name in LISTS if name in selection]
    if status == "tagged" and not any(selection.get(name) for name in LISTS):
        yield PolicyError(path, "tagStatus tagged needs a tagPatternList or a tagPrefixList", NO_LIST)
    if status in ("untagged", "any"):
        for name in given:
            yield PolicyError(f"{path}.{name}", f"{name} is only allowed with tagStatus tagged, not with {status}")
    if len(given) == 2:
        yield PolicyError(path, "a rule has a tagPatternList or a tagPrefixList, not both")


def check_list_entries(rule: Fields, path: str) -> Errors:
    """The entries of both lists are texts; a pattern has at most four ``*``."""
    selection = _part(rule, "selection")
    for name in LISTS:
        if name not in selection:
            continue
        entries, where = selection[name], f"{path}.selection.{name}"
        if not isinstance(entries, list):
            yield _wrong_type(where, entries, "array")
            continue
        for number, entry in enumerate(entries):
            if not isinstance(entry, str):
                yield _wrong_type(f"{where}[{number}]", entry, "string")
            elif not entry:
                yield PolicyError(f"{where}[{number}]", "an entry must not be empty")
            elif name == "tagPatternList" and entry.count("*") > MAX_WILDCARDS:
                text = f"a pattern has at most {MAX_WILDCARDS} wildcards (*), {entry!r} has {entry.count('*')}"
                yield PolicyError(f"{where}[{number}]", text)


def check_count_unit(rule: Fields, path: str) -> Errors:
    """``countUnit`` is ``days`` with the types that count days, required there, and an error with a count of images."""
    selection, path = _part(rule, "selection"), f"{path}.selection"
    name, count_type = _count_type(selection)
    if count_type is not None and not count_type.counts_days and "countUnit" in selection:
        yield PolicyError(f"{path}.countUnit", f"countUnit is not allowed with {name}", NO_SCHEMA)
    elif "countUnit" in selection:
        yield from _one_of(selection, "countUnit", ("days",), path)
    elif count_type is not None and count_type.counts_days:
        yield PolicyError(path, f"{name} needs countUnit days", NO_SCHEMA)


def check_storage_class(rule: Fields, path: str) -> Errors:
    """``archive`` is required with a type that selects the archive, and allowed with no other."""
    selection, path = _part(rule, "selection"), f"{path}.selection"
    name, count_type = _count_type(selection)
    storage = selection.get("storageClass", "standard")
    if count_type is None:
        return
    if count_type.selects_archive and storage == "standard":
        yield PolicyError(path, f"{name} needs storageClass archive")
    if not count_type.selects_archive and storage == "archive":
        yield PolicyError(f"{path}.storageClass", f"{name} cannot select the archive, only standard")


def check_archive_minimum(rule: Fields, path: str) -> Errors:
    """Images stay a number of days in the archive.

    Source: https://docs.aws.amazon.com/AmazonECR/latest/userguide/archive-image.html
    """
    selection = _part(rule, "selection")
    number, (_, count_type) = selection.get("countNumber"), _count_type(selection)
    if count_type is None or not _is_integer(number):
        return
    if 0 < number < count_type.least_days:
        text = f"images stay in the archive for at least {count_type.least_days} days, so {number} is too few"
        yield PolicyError(f"{path}.selection.countNumber", text)


def check_action(rule: Fields, path: str) -> Errors:
    """The action is ``expire``, or ``transition`` with ``targetStorageClass`` ``archive``."""
    if "action" not in rule:
        return
    action, path = rule["action"], f"{path}.action"
    if not isinstance(action, dict):
        yield _wrong_type(path, action, "object")
        return
    yield from _names(action, path, required=("type",), optional=("targetStorageClass",))
    yield from _one_of(action, "type", ACTIONS, path)
    if action.get("type") == "transition" and "targetStorageClass" not in action:
        yield PolicyError(path, "transition needs targetStorageClass archive")
    elif action.get("type") == "expire" and "targetStorageClass" in action:
        text = "targetStorageClass is not allowed with expire, not even as null"
        yield PolicyError(f"{path}.targetStorageClass", text)
    else:
        yield from _one_of(action, "targetStorageClass", ("archive",), path)


def check_action_fits_count(rule: Fields, path: str) -> Errors:
    """Some types only archive, some only expire."""
    name, count_type = _count_type(_part(rule, "selection"))
    action = _part(rule, "action").get("type")
    if count_type is not None and isinstance(action, str) and action in count_type.refused:
        yield PolicyError(f"{path}.action.type", f"{name} {count_type.refused[action]}")


RULE_CHECKS: list[Callable[[Fields, str], Errors]] = [
    check_rule,
    check_selection,
    check_lists_fit_status,
    check_list_entries,
    check_count_unit,
    check_storage_class,
    check_archive_minimum,
    check_action,
    check_action_fits_count,
]


def _rules(document: Any) -> list[Rule]:
    """The rules of a document that :func:`validate` found valid."""
    return [
        Rule(
            priority=rule["rulePriority"],
            description=rule.get("description", ""),
            tag_status=rule["selection"]["tagStatus"],
            patterns=tuple(rule["selection"].get("tagPatternList", ())),
            prefixes=tuple(rule["selection"].get("tagPrefixList", ())),
            archived_class=rule["selection"].get("storageClass") == "archive",
            count_type=rule["selection"]["countType"],
            count_number=rule["selection"]["countNumber"],
            action=Action.EXPIRE if rule["action"]["type"] == "expire" else Action.ARCHIVE,
        )
        for rule in document["rules"]
    ]


def _part(rule: Fields, name: str) -> Fields:
    """A part of a rule when it is an object, otherwise an empty one: its type is another check's business."""
    part = rule.get(name)
    return part if isinstance(part, dict) else {}


def _count_type(selection: Fields) -> tuple[str, CountType | None]:
    """The name of a selection's count type and its record; None where there is no such type."""
    name = selection.get("countType")
    return (name, COUNT_TYPES.get(name)) if isinstance(name, str) else ("", None)


def _is_integer(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _names(fields: Fields, path: str, *, required: tuple[str, ...], optional: tuple[str, ...] = ()) -> Errors:
    for name in required:
        if name not in fields:
            yield PolicyError(
                path, f"{name} is missing", f"object has missing required properties ({json.dumps([name])})"
            )
    for name in sorted(map(str, fields.keys() - {*required, *optional})):
        cloud = f"object instance has properties which are not allowed by the schema: ({json.dumps([name])})"
        where = name if path == "$" else f"{path}.{name}"
        yield PolicyError(
            where, f"{name} is not a known property; known are {', '.join((*required, *optional))}", cloud
        )


def _one_of(fields: Fields, name: str, allowed: tuple[str, ...], path: str, cloud: str = "") -> Errors:
    if name in fields and not (isinstance(fields[name], str) and fields[name] in allowed):
        given = fields[name] if isinstance(fields[name], str) else json.dumps(fields[name], default=str)
        cloud = cloud or f"instance value ({given}) not found in enum :(possible values: {json.dumps(list(allowed))})"
        yield PolicyError(f"{path}.{name}", f"{name} must be {' or '.join(allowed)}, not {given}", cloud)


def _positive(value: Any, path: str) -> Errors:
    if not _is_integer(value):
        yield _wrong_type(path, value, "integer")
    elif value < 1:
        cloud = f"numeric instance is lower than the required minimum (minimum: 1, found: {value})"
        yield PolicyError(path, f"must be a whole number from 1, not {value}", cloud)


def _wrong_type(path: str, value: object, wanted: str) -> PolicyError:
    names = {dict: "object", list: "array", str: "string", bool: "boolean", int: "integer", float: "number"}
    given = names.get(type(value), "null")
    cloud = f'instance type ({given}) does not match any allowed primitive type (allowed: ["{wanted}"])'
    return PolicyError(path, f"must be {_article(wanted)} {wanted}, not {_article(given)} {given}", cloud)


def _article(noun: str) -> str:
    return "an" if noun[0] in "aeiou" else "a"
