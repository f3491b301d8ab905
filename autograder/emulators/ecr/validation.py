"""What is refused before anything is stored: malformed parameters, and settings whose parts do not fit together."""

from __future__ import annotations

import json
import re
from typing import Any

from botocore.validate import ParamValidator
from moto.core.exceptions import ServiceException
from moto.iam.exceptions import MalformedPolicyDocument
from moto.iam.policy_validation import IAMPolicyDocumentValidator

from autograder.domain import access
from autograder.domain.retention import ecr_validate
from autograder.domain.retention.ecr_rules import Rule
from autograder.domain.retention.model import InvalidPolicy
from autograder.emulators.ecr import problems

FREQUENCIES = {"BASIC": ("SCAN_ON_PUSH", "MANUAL"), "ENHANCED": ("CONTINUOUS_SCAN", "SCAN_ON_PUSH")}
MOST_REPLICATION_RULES = 10
SCANNING_FILTER = re.compile(r"[a-z0-9*](?:[._\-/a-z0-9*]?[a-z0-9*]+)*")
REGISTRY_ACTIONS = frozenset({"ecr:CreateRepository", "ecr:ReplicateImage", "ecr:BatchImportUpstreamImage"})


def parameters(operation_model: Any, given: Any) -> None:
    """Check a request against AWS's own description of the operation: required members, types and lengths.

    Raises:
        ServiceException: SerializationException or InvalidParameterException.
    """
    if not isinstance(given, dict):
        raise ServiceException("SerializationException", "Start of structure or map found where not expected.")
    if operation_model.input_shape is None:
        return
    report = ParamValidator().validate(given, operation_model.input_shape)
    if report.has_errors():
        raise ServiceException("InvalidParameterException", report.generate_report())


def lifecycle_policy(text: str) -> list[Rule]:
    """The rules of a lifecycle policy.

    Raises:
        ServiceException: InvalidParameterException in AWS's wording, and in brackets what AWS does not say: every error
            with its place.
    """
    try:
        return list(ecr_validate.parse(text))
    except InvalidPolicy as problem:
        details = "; ".join(f"{error.path}: {error.message}" for error in problem.errors)
        text = f"{ecr_validate.aws_text(list(problem.errors))} [{details}]"
        raise ServiceException("InvalidParameterException", text) from None


def scanning(scan_type: str, rules: list[dict[str, Any]]) -> None:
    """Check a registry scanning configuration.

    Source: https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_RegistryScanningRule.html
    """
    if scan_type not in FREQUENCIES:
        raise problems.invalid("scanType", f"Member must satisfy enum value set: [{', '.join(FREQUENCIES)}]")
    seen = set()
    for rule in rules:
        frequency = rule["scanFrequency"]
        if frequency not in FREQUENCIES[scan_type]:
            allowed = ", ".join(FREQUENCIES[scan_type])
            raise problems.invalid("rules.scanFrequency", f"{frequency} does not go with {scan_type}, use {allowed}")
        if frequency in seen:
            raise problems.invalid("rules", f"More than one rule for {frequency}")
        seen.add(frequency)
        for entry in rule["repositoryFilters"]:
            if entry["filterType"] != "WILDCARD":
                where = "rules.repositoryFilters.filterType"
                raise problems.invalid(where, "Member must satisfy enum value set: [WILDCARD]")
            if not SCANNING_FILTER.fullmatch(entry["filter"]):
                expected = f"Member must satisfy regular expression pattern: ^{SCANNING_FILTER.pattern}$"
                raise problems.invalid("rules.repositoryFilters.filter", expected)


def replication(rules: list[dict[str, Any]], region: str, account: str) -> None:
    """Check replication rules: https://docs.aws.amazon.com/AmazonECR/latest/userguide/service-quotas.html"""
    where = "replicationConfiguration"
    if len(rules) > MOST_REPLICATION_RULES:
        raise problems.invalid(where, f"Member must have at most {MOST_REPLICATION_RULES} replication rules")
    destinations = [(to["region"], to["registryId"]) for rule in rules for to in rule["destinations"]]
    if (region, account) in destinations:
        raise problems.invalid(where, "Replication destination cannot be the same as the source registry")


def repository_policy(text: str) -> None:
    """Check a repository policy: AWS's wording, and in brackets every fault with its place."""
    try:
        access.read_policy(text)
    except access.InvalidPolicy as problem:
        faults = "; ".join(f"{fault.path}: {fault.message}".removeprefix(": ") for fault in problem.faults)
        raise ServiceException("InvalidParameterException", f"{access.INVALID_POLICY_TEXT} [{faults}]") from None


def registry_policy(text: str) -> None:
    """Check a registry policy; moto's own check refuses the action that pull-through caches need.

    Source: https://docs.aws.amazon.com/AmazonECR/latest/userguide/registry-permissions.html
    """
    if _is_iam_policy(text):
        statements = json.loads(text)["Statement"]
        statements = statements if isinstance(statements, list) else [statements]
        actions = [statement.get("Action", []) for statement in statements]
        if all(set([action] if isinstance(action, str) else action) <= REGISTRY_ACTIONS for action in actions):
            return
    raise problems.invalid("PolicyText", "Invalid registry policy provided")


def _is_iam_policy(text: str) -> bool:
    try:
        IAMPolicyDocumentValidator(text).validate()
    except MalformedPolicyDocument:
        return False
    return True
