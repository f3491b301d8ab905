"""Amazon ECR repository policies: who may do what, by which statement, and what AWS says to a refusal."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any, Final

from autograder.domain.access_policy import (
    ACCOUNT,
    INVALID_POLICY_TEXT,
    NULL,
    OPERATORS,
    PRINCIPAL_ARN,
    SERVICE,
    Fault,
    InvalidPolicy,
    read_policy,
    wildcard,
)

EVALUATION: Final = "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html"
REFUSALS: Final = "https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html"

_KNOWN: Final = tomllib.loads(resources.files("autograder.domain").joinpath("ecr_actions.toml").read_text("utf-8"))
# All actions on a repository that AWS lists, and those that concern none: no repository policy can grant these.
ACTIONS: Final = tuple(f"ecr:{name}" for name in _KNOWN["repository"])
ACCOUNT_ACTIONS: Final = frozenset(f"ecr:{name}".lower() for name in _KNOWN["registry"])
# What holds for every request: ECR is asked over TLS alone, and never by AWS in someone's name.
# Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
ALWAYS: Final = {"aws:securetransport": "true", "aws:viaawsservice": "false"}
OF_THE_PRINCIPAL: Final = ("aws:principalarn", "aws:principalaccount")  # keys that follow from who asks
# Keys that no request can choose: they hold for all, or follow from who asks and which repository is meant.
GIVEN: Final = (
    *ALWAYS,
    *("aws:principaltype", "aws:principalisawsservice", "aws:requestedregion", "aws:resourceaccount"),
)
# Of aws:PrincipalType: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html#principaltable
_TYPES: Final = {"user": "User", "federated-user": "FederatedUser", "account": "Account"}

_RESOURCE: Final = re.compile(
    r"arn:(?P<partition>aws[a-z-]*):ecr:(?P<region>[a-z0-9-]+):(?P<account>[0-9]{12}):repository/.+"
)


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer to one request.

    Attributes:
        allowed: whether it may be done.
        why: the reason as one sentence, naming the statement that decides.
        message: AWS's refusal text; empty where it is allowed.
    """

    allowed: bool
    why: str
    message: str = ""


def allowed(
    policy: Mapping[str, Any] | str | None,
    principal: str,
    action: str,
    resource: str,
    *,
    identity_allows: bool | None = None,
    context: Mapping[str, str] | None = None,
) -> Decision:
    """Whether ``principal`` may do ``action`` on the repository ``resource``, by its policy.

    A matching Deny beats every Allow; without a matching Allow the answer is no.

    Args:
        policy: the repository policy as data or JSON text; None where the repository has none.
        principal: an ARN (user, role, assumed role, root), a 12-digit account or a service such as
            ``codebuild.amazonaws.com``.
        action: for example ``ecr:BatchGetImage``.
        resource: ARN of the repository.
        identity_allows: whether the principal's own IAM policies allow the action. None asks the repository policy
            alone. Otherwise AWS's rule applies: in the repository's own account either of the two is enough,
            for another account both must allow.
        context: further condition keys and their values, such as ``aws:SourceAccount``.

    Raises:
        InvalidPolicy: with every fault of the document.
        ValueError: where ``principal``, ``action`` or ``resource`` is none.

    Source: for the texts REFUSALS; for the logic EVALUATION ("Determining whether a request is allowed or denied
    within an account", "Cross-account policy evaluation logic")
    """
    owner = _owner(resource)
    if not re.fullmatch(r"ecr:[A-Za-z]+", action):
        raise ValueError(f"'{action}' is no ECR action, such as ecr:BatchGetImage")
    asker = _asker(principal, owner["partition"])
    statements = read_policy(policy) if policy is not None else []
    keys = _condition_keys(asker, owner, context or {})
    hits = [
        (name, statement)
        for name, statement in statements
        if _applies(statement, asker, action, resource, keys) and action.lower() not in ACCOUNT_ACTIONS
    ]
    denying = [name for name, statement in hits if statement["Effect"] == "Deny"]
    granting = [name for name, statement in hits if statement["Effect"] == "Allow"]
    refusal = f"User: {asker.arn} is not authorized to perform: {action} on resource: {resource}"
    if denying:
        return Decision(
            False,
            f"{denying[0]} denies it, and a Deny beats every Allow",
            f"{refusal} with an explicit deny in a resource-based policy",
        )
    return _without_deny(granting, refusal, action, identity_allows, asker.account == owner["account"])


class Grants:
    """What a repository policy allows by itself, asked many times: it is read once.

    Args:
        policy: the policy as data or JSON text.
        resource: ARN of the repository.
        actions: what is asked about, such as :data:`ACTIONS`; those that concern no repository are never allowed.

    Raises:
        InvalidPolicy: with every fault of the document.
        ValueError: ``resource`` is none.
    """

    def __init__(self, policy: Mapping[str, Any] | str, resource: str, actions: Iterable[str]) -> None:
        self.statements = [statement for _, statement in read_policy(policy)]
        self._resource, self._owner = resource, _owner(resource)
        asked = [action for action in dict.fromkeys(actions) if action.lower() not in ACCOUNT_ACTIONS]
        self._acts = [frozenset(a for a in asked if _means_action(one, a)) for one in self.statements]

    def allowed(self, principal: str, context: Mapping[str, str] | None = None) -> frozenset[str]:
        """The actions that someone may do; the arguments are those of :func:`allowed`."""
        asker = _asker(principal, self._owner["partition"])
        keys = _condition_keys(asker, self._owner, context or {})
        granted, denied = set[str](), set[str]()
        for statement, acts in zip(self.statements, self._acts, strict=True):
            if acts and _concerns(statement, asker, self._resource, keys):
                (granted if statement["Effect"] == "Allow" else denied).update(acts)
        return frozenset(granted - denied)


def _owner(resource: str) -> re.Match[str]:
    owner = _RESOURCE.fullmatch(resource)
    if owner is None:
        raise ValueError(f"'{resource}' is no repository ARN (arn:aws:ecr:REGION:ACCOUNT:repository/NAME)")
    return owner


def _without_deny(
    granting: list[str], refusal: str, action: str, identity_allows: bool | None, same_account: bool
) -> Decision:
    no_resource = f"{refusal} because no resource-based policy allows the {action} action"
    no_identity = f"{refusal} because no identity-based policy allows the {action} action"
    if granting and (identity_allows is not False or same_account):
        return Decision(True, f"{granting[0]} allows it")
    if granting:
        return Decision(
            False,
            f"{granting[0]} allows it, but for a principal of another account its own IAM policy has to allow it too",
            no_identity,
        )
    if identity_allows and same_account:
        return Decision(True, "the principal's own IAM policy allows it, which is enough within the account")
    if action.lower() in ACCOUNT_ACTIONS:
        return Decision(
            False, f"{action} concerns no repository: only the principal's own IAM policy can allow it", no_identity
        )
    if identity_allows is False and same_account:
        return Decision(False, "no statement allows it, and no IAM policy of the principal does", no_identity)
    return Decision(False, "no statement allows it", no_resource)


@dataclass(frozen=True, slots=True)
class _Asker:
    arn: str
    account: str
    kind: str  # account, user, role, assumed-role, federated-user or service
    name: str


def _asker(principal: str, partition: str) -> _Asker:
    if ACCOUNT.fullmatch(principal):
        return _Asker(f"arn:{partition}:iam::{principal}:root", principal, "account", "")
    if found := PRINCIPAL_ARN.fullmatch(principal):
        kind = "account" if found["kind"] == "root" else found["kind"]
        return _Asker(principal, found["account"], kind, found["name"] or "")
    if SERVICE.fullmatch(principal):
        return _Asker(principal, "", "service", principal)
    raise ValueError(f"'{principal}' is no principal: an IAM or STS ARN, a 12-digit account id or a service name")


def _condition_keys(asker: _Asker, owner: re.Match[str], context: Mapping[str, str]) -> dict[str, str]:
    keys = {
        **ALWAYS,
        "aws:principalarn": _role_of(asker),
        "aws:principalisawsservice": "true" if asker.kind == "service" else "false",
        "aws:requestedregion": owner["region"],
        "aws:resourceaccount": owner["account"],
    }
    if asker.account:
        keys["aws:principalaccount"] = asker.account
        keys["aws:principaltype"] = _TYPES.get(asker.kind, "AssumedRole")
    return keys | {key.lower(): value for key, value in context.items()}


def _role_of(asker: _Asker) -> str:
    """For a session the ARN of its role, as ``aws:PrincipalArn`` has it (a path is not in the session's ARN)."""
    if asker.kind != "assumed-role":
        return asker.arn
    return asker.arn.replace(":sts:", ":iam:").replace(":assumed-role/", ":role/").rpartition("/")[0]


def _applies(statement: Mapping[str, Any], asker: _Asker, action: str, resource: str, keys: Mapping[str, str]) -> bool:
    return _means_action(statement, action) and _concerns(statement, asker, resource, keys)


def _means_action(statement: Mapping[str, Any], action: str) -> bool:
    """Whether the Action element covers an action, or the NotAction element does not."""
    negated = "NotAction" in statement
    patterns = _list(statement["NotAction" if negated else "Action"])
    return any(wildcard(pattern.lower(), action.lower()) for pattern in patterns) != negated


def _concerns(statement: Mapping[str, Any], asker: _Asker, resource: str, keys: Mapping[str, str]) -> bool:
    """Whether all of a statement but its actions fits."""
    negated = "NotResource" in statement
    patterns = _list(statement["NotResource"] if negated else statement.get("Resource", "*"))
    return (
        _is_meant(statement["Principal"], asker)
        and any(wildcard(pattern, resource) for pattern in patterns) != negated
        and all(
            _holds(operator, key, _list(values), keys)
            for operator, pairs in statement.get("Condition", {}).items()
            for key, values in pairs.items()
        )
    )


def _is_meant(principal: Any, asker: _Asker) -> bool:
    """Whether a Principal element names the one who asks. An account stands for everyone in it.

    Source: PRINCIPALS in access_policy.py
    """
    if principal == "*":
        return True
    if asker.kind == "service":
        return asker.name in _list(principal.get("Service", []))
    return any(_names(value, asker) for value in _list(principal.get("AWS", [])))


def _names(value: str, asker: _Asker) -> bool:
    if value in ("*", asker.arn, asker.account):
        return True
    found = PRINCIPAL_ARN.fullmatch(value)
    if found is None or found["account"] != asker.account:
        return False
    if found["kind"] == "root":
        return True
    of_role = found["kind"] == "role" and asker.kind == "assumed-role"
    return of_role and found["name"].rpartition("/")[2] == asker.name.partition("/")[0]


def _holds(operator: str, key: str, values: list[str], keys: Mapping[str, str]) -> bool:
    """One condition. A missing key fails a positive operator and passes a negated one or ``...IfExists``.

    Source: CONDITIONS in access_policy.py
    """
    if operator == NULL:
        return any((text.lower() == "true") == (key.lower() not in keys) for text in values)
    compare, positive = OPERATORS[operator.removesuffix("IfExists")]
    value = keys.get(key.lower())
    if value is None:
        return operator.endswith("IfExists") or not positive
    return any(compare(pattern, value) for pattern in values) == positive


def _list(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


__all__ = [
    "ACTIONS",
    "INVALID_POLICY_TEXT",
    "Decision",
    "Fault",
    "Grants",
    "InvalidPolicy",
    "allowed",
    "read_policy",
]
