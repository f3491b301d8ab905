"""Amazon ECR repository policies: reading a document, and every fault in it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

POLICIES: Final = "https://docs.aws.amazon.com/AmazonECR/latest/userguide/repository-policies.html"
PRINCIPALS: Final = "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html"
GRAMMAR: Final = "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html"
CONDITIONS: Final = (
    "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html"
)

# What SetRepositoryPolicy answers to any document it does not take.
INVALID_POLICY_TEXT: Final = (
    "Invalid parameter at 'PolicyText' failed to satisfy constraint: 'Invalid repository policy provided'"
)
VERSIONS: Final = ("2008-10-17", "2012-10-17")
# Of policyText: https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_SetRepositoryPolicy.html
MAX_CHARACTERS: Final = 10_240

ACCOUNT: Final = re.compile(r"[0-9]{12}")
PRINCIPAL_ARN: Final = re.compile(
    r"arn:aws[a-z-]*:(?P<service>iam|sts)::(?P<account>[0-9]{12}):"
    r"(?P<kind>root|user|role|assumed-role|federated-user)(?:/(?P<name>[^*?]+))?"
)

SERVICE: Final = re.compile(r"[a-z0-9.-]+\.amazonaws\.com(?:\.cn)?")
_UNIQUE_ID: Final = re.compile(r"A[A-Z0-9]{15,}")  # what AWS puts in place of a principal that was deleted
_ELEMENTS: Final = ("Sid", "Effect", "Principal", "Action", "NotAction", "Resource", "NotResource", "Condition")
_NOT_EVALUATED: Final = ("NotPrincipal",)
_NOT_PRINCIPAL: Final = (
    "AWS knows it and advises against it, and the course does not evaluate it: name in Principal who is meant, or "
    "write a Deny whose Principal is * with a Condition on aws:PrincipalArn or aws:PrincipalAccount"
)
_NO_OPERATOR: Final = (
    "is no operator that the course evaluates (AWS may have it): those of String, Arn and Bool are, and Null"
)


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong in a policy document.

    Attributes:
        path: the place, ``Statement[0].Principal.AWS``.
        message: what is wrong with it.
    """

    path: str
    message: str


class InvalidPolicy(ValueError):
    """A document that ECR would not take as a repository policy, or that uses elements the course leaves out.

    Attributes:
        faults: every fault, in the order of the document.
    """

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("; ".join(f"{fault.path}: {fault.message}" for fault in faults))

    def __reduce__(self) -> tuple[type[InvalidPolicy], tuple[tuple[Fault, ...]]]:
        return InvalidPolicy, (self.faults,)  # so that it travels between processes


def wildcard(pattern: str, text: str) -> bool:
    """Whether ``text`` fits a pattern: ``*`` any characters, ``?`` one. Needs at most length times length steps."""
    at = place = 0
    star, resume = -1, 0
    while at < len(text):
        if place < len(pattern) and pattern[place] == "*":
            star, resume = place, at
            place += 1
        elif place < len(pattern) and pattern[place] in ("?", text[at]):
            at, place = at + 1, place + 1
        elif star >= 0:
            resume += 1
            at, place = resume, star + 1
        else:
            return False
    return not pattern[place:].strip("*")


def _equal_ignoring_case(pattern: str, value: str) -> bool:
    return pattern.lower() == value.lower()


def _arn_like(pattern: str, value: str) -> bool:
    """Whether an ARN fits a pattern: each of its six parts by itself, so a star ends at the colon.

    Source: CONDITIONS
    """
    parts, given = pattern.split(":", 5), value.split(":", 5)
    return len(parts) == len(given) == 6 and all(map(wildcard, parts, given))


# Whether a key is absent ("true") or there ("false"); it compares nothing. Source: CONDITIONS
NULL: Final = "Null"
# Operator -> (comparison, whether a match makes the condition hold). Source: CONDITIONS
OPERATORS: Final[dict[str, tuple[Callable[[str, str], bool], bool]]] = {
    "StringEquals": (str.__eq__, True),
    "StringNotEquals": (str.__eq__, False),
    "StringEqualsIgnoreCase": (_equal_ignoring_case, True),
    "StringNotEqualsIgnoreCase": (_equal_ignoring_case, False),
    "Bool": (_equal_ignoring_case, True),
    "StringLike": (wildcard, True),
    "StringNotLike": (wildcard, False),
    "ArnEquals": (_arn_like, True),
    "ArnNotEquals": (_arn_like, False),
    "ArnLike": (_arn_like, True),
    "ArnNotLike": (_arn_like, False),
}


def read_policy(policy: Mapping[str, Any] | str) -> list[tuple[str, Mapping[str, Any]]]:
    """The statements of a policy, each with the name that reasons give it: its Sid, else its place, from 1.

    What a condition compares with is text in them, also where the policy has a number, true or false.

    Raises:
        InvalidPolicy: with every fault of the document.

    Source: POLICIES, PRINCIPALS; of numbers, true and false GRAMMAR
    """
    document: Any = policy
    # As data it has lost its blanks: what is too long without them was too long with them.
    least = len(policy if isinstance(policy, str) else json.dumps(policy, separators=(",", ":"), ensure_ascii=False))
    if least > MAX_CHARACTERS:
        raise InvalidPolicy([Fault("$", f"a policy has at most {MAX_CHARACTERS:,} characters, this one {least:,}")])
    if isinstance(policy, str):
        try:
            document = json.loads(policy)
        except (ValueError, RecursionError) as wrong:
            raise InvalidPolicy([Fault("", f"the text is no JSON: {wrong}")]) from None
    if not isinstance(document, Mapping):
        raise InvalidPolicy([Fault("", "the document is no JSON object")])
    statements = document.get("Statement")
    statements = [statements] if isinstance(statements, Mapping) else statements
    statements = [*map(_with_texts, statements)] if isinstance(statements, list) else statements
    faults = []
    if document.get("Version", VERSIONS[0]) not in VERSIONS:
        faults.append(Fault("Version", f"must be one of {', '.join(VERSIONS)}"))
    if not isinstance(statements, list) or not statements:
        raise InvalidPolicy([*faults, Fault("Statement", "must hold at least one statement")])
    for i, statement in enumerate(statements):
        faults += _statement_faults(statement, f"Statement[{i}]")
    if faults:
        raise InvalidPolicy(faults)
    return [(f"statement {s['Sid']}" if s.get("Sid") else f"statement {i}", s) for i, s in enumerate(statements, 1)]


def _with_texts(statement: Any) -> Any:
    """A statement in which the values of conditions are texts, as AWS compares them; what is no statement as it is."""
    conditions = statement.get("Condition") if isinstance(statement, Mapping) else None
    if not isinstance(conditions, Mapping):
        return statement
    written = {
        operator: {key: _as_text(values) for key, values in pairs.items()} if isinstance(pairs, Mapping) else pairs
        for operator, pairs in conditions.items()
    }
    return {**statement, "Condition": written}


def _as_text(value: Any) -> Any:
    if isinstance(value, list):
        return [each if isinstance(each, list) else _as_text(each) for each in value]
    return json.dumps(value) if isinstance(value, bool | int | float) else value


def _statement_faults(statement: Any, path: str) -> list[Fault]:
    if not isinstance(statement, Mapping):
        return [Fault(path, "must be an object")]
    faults = [Fault(f"{path}.{key}", _NOT_PRINCIPAL) for key in _NOT_EVALUATED if key in statement]
    unknown = [key for key in statement if key not in (*_ELEMENTS, *_NOT_EVALUATED)]
    faults += [Fault(f"{path}.{key}", "is no element of a statement") for key in unknown]
    if statement.get("Effect") not in ("Allow", "Deny"):
        faults.append(Fault(f"{path}.Effect", "must be Allow or Deny"))
    if "Principal" in statement or "NotPrincipal" not in statement:
        faults += _principal_faults(statement.get("Principal"), f"{path}.Principal")
    for key, form, wanted in (
        ("Action", r"\*|(?i:ecr):[A-Za-z*?]+", "an ECR action or a pattern"),
        ("Resource", r"\*|arn:.+", "* or an ARN"),
    ):
        given = [name for name in (key, f"Not{key}") if name in statement]
        if len(given) == 2:
            faults.append(Fault(f"{path}.Not{key}", f"cannot stand beside {key}"))
        for name in given or ([key] if key == "Action" else []):
            faults += _texts_faults(statement.get(name), f"{path}.{name}", form, wanted)
    conditions = statement.get("Condition", {})
    if not isinstance(conditions, Mapping):
        return [*faults, Fault(f"{path}.Condition", "must be an object")]
    for operator, pairs in conditions.items():
        place = f"{path}.Condition.{operator}"
        if str(operator).removesuffix("IfExists") not in OPERATORS and operator != NULL:
            faults.append(Fault(place, _NO_OPERATOR))
        elif not isinstance(pairs, Mapping) or not pairs:
            faults.append(Fault(place, "must be an object of condition keys"))
        else:
            for key, values in pairs.items():
                faults += _texts_faults(values, f"{place}.{key}", r"[\s\S]*", "a text")
    return faults


def _principal_faults(principal: Any, path: str) -> list[Fault]:
    if principal == "*":
        return []
    if not isinstance(principal, Mapping) or not principal:
        return [Fault(path, 'must be "*" or an object with AWS or Service')]
    faults = [
        Fault(f"{path}.{key}", "is no kind of principal that the course evaluates: AWS and Service are")
        for key in principal
        if key not in ("AWS", "Service")
    ]
    if "AWS" in principal:
        form = rf"\*|{ACCOUNT.pattern}|{PRINCIPAL_ARN.pattern}|{_UNIQUE_ID.pattern}"
        faults += _texts_faults(principal["AWS"], f"{path}.AWS", form, "an ARN, a 12-digit account id or *")
    if "Service" in principal:
        faults += _texts_faults(
            principal["Service"], f"{path}.Service", SERVICE.pattern, "a service such as codebuild.amazonaws.com"
        )
    return faults


def _texts_faults(value: Any, path: str, form: str, wanted: str) -> list[Fault]:
    if isinstance(value, str):
        return [] if re.fullmatch(form, value) else [Fault(path, f"'{value}' is not {wanted}")]
    if not isinstance(value, list) or not value:
        return [Fault(path, f"must be {wanted}, or a list of them")]
    found = []
    for i, item in enumerate(value):
        if not isinstance(item, str) or not re.fullmatch(form, item):
            found.append(Fault(f"{path}[{i}]", f"'{item}' is not {wanted}"))
    return found
