"""ECR repository policies: a table of requests, every fault of a document, AWS's words, properties, broken rules."""

from __future__ import annotations

import json
import pickle
import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.domain import access, access_policy
from autograder.domain.access import InvalidPolicy, allowed, read_policy

OWN, OTHER, THIRD = "111122223333", "444455556666", "777788889999"
REPO = f"arn:aws:ecr:us-east-1:{OWN}:repository/ml-model"
CI = f"arn:aws:iam::{OWN}:role/ci"
CI_SESSION = f"arn:aws:sts::{OWN}:assumed-role/ci/run-17"
USER = f"arn:aws:iam::{OWN}:user/ada"
STRANGER = f"arn:aws:iam::{OTHER}:role/deploy"
PULL = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:BatchCheckLayerAvailability"]
PUSH = [*PULL, "ecr:InitiateLayerUpload", "ecr:UploadLayerPart", "ecr:CompleteLayerUpload", "ecr:PutImage"]


def statement(effect: str = "Allow", principal: Any = "*", action: Any = "ecr:*", **more: Any) -> dict[str, Any]:
    return {"Effect": effect, "Principal": principal, "Action": action} | more


def policy(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


LAB = policy(
    statement(Sid="CiPushes", principal={"AWS": CI}, action=PUSH),
    statement(Sid="OtherPulls", principal={"AWS": f"arn:aws:iam::{OTHER}:root"}, action=PULL),
)
DENY = policy(
    statement(principal={"AWS": [CI, f"arn:aws:iam::{OTHER}:root"]}, action="ecr:*"),
    statement("Deny", action=["ecr:Delete*", "ecr:BatchDelete*"], Sid="NoDeletes"),
)
BY_ACCOUNT = policy(
    statement(action=PULL, Condition={"StringEquals": {"aws:PrincipalAccount": [OWN, OTHER]}}, Sid="TwoAccounts")
)
NOT_OTHERS = policy(
    statement(action="ecr:BatchGet*"),
    statement("Deny", action="*", Condition={"StringNotEquals": {"aws:PrincipalAccount": OWN}}, Sid="OwnOnly"),
)
BUILD = policy(
    statement(
        principal={"Service": "codebuild.amazonaws.com"},
        action=PULL,
        Condition={"StringEquals": {"aws:SourceAccount": OWN}},
    )
)

# policy, principal, action, answer
TABLE: list[tuple[Any, str, str, bool]] = [
    (LAB, CI, "ecr:PutImage", True),
    (LAB, CI, "ecr:BatchGetImage", True),
    (LAB, CI, "ecr:DeleteRepository", False),
    (LAB, CI_SESSION, "ecr:PutImage", True),  # a session of the role
    (LAB, f"arn:aws:sts::{OWN}:assumed-role/cix/run", "ecr:PutImage", False),
    (LAB, f"arn:aws:sts::{OTHER}:assumed-role/ci/run", "ecr:PutImage", False),
    (LAB, f"arn:aws:iam::{OWN}:role/ci2", "ecr:PutImage", False),
    (LAB, USER, "ecr:PutImage", False),
    (LAB, OWN, "ecr:PutImage", False),  # the role is named, not the account
    (LAB, STRANGER, "ecr:BatchGetImage", True),  # root of an account stands for everyone in it
    (LAB, OTHER, "ecr:BatchGetImage", True),
    (LAB, STRANGER, "ecr:PutImage", False),
    (LAB, THIRD, "ecr:BatchGetImage", False),
    (LAB, CI, "ecr:GetAuthorizationToken", False),
    (policy(statement(action="*")), CI, "ecr:GetAuthorizationToken", False),  # concerns no repository
    (None, CI, "ecr:BatchGetImage", False),
    (DENY, CI, "ecr:PutImage", True),
    (DENY, CI, "ecr:DeleteRepository", False),
    (DENY, CI, "ecr:BatchDeleteImage", False),
    (DENY, OTHER, "ecr:DeleteLifecyclePolicy", False),
    (BY_ACCOUNT, CI, "ecr:BatchGetImage", True),
    (BY_ACCOUNT, STRANGER, "ecr:BatchGetImage", True),
    (BY_ACCOUNT, THIRD, "ecr:BatchGetImage", False),
    (BY_ACCOUNT, "codebuild.amazonaws.com", "ecr:BatchGetImage", False),  # a service has no account
    (NOT_OTHERS, CI, "ecr:BatchGetImage", True),
    (NOT_OTHERS, STRANGER, "ecr:BatchGetImage", False),
    (NOT_OTHERS, CI, "ecr:GetDownloadUrlForLayer", False),
    (policy(statement(principal={"AWS": OWN})), CI, "ecr:PutImage", True),
    (policy(statement(principal={"AWS": "*"})), THIRD, "ecr:PutImage", True),
    (policy(statement(principal={"AWS": f"arn:aws:iam::{OWN}:role/team/ci"})), CI_SESSION, "ecr:PutImage", True),
    (policy(statement(principal={"AWS": CI_SESSION})), CI_SESSION, "ecr:PutImage", True),
    (policy(statement(principal={"AWS": CI_SESSION})), CI, "ecr:PutImage", False),
    (policy(statement(principal={"AWS": "AROAEXAMPLEDELETED12"})), CI, "ecr:PutImage", False),
    (policy(statement(action="*")), CI, "ecr:PutImage", True),
    (policy(statement(action="ECR:putimage")), CI, "ecr:PutImage", True),  # actions ignore case
    (policy(statement(action="ecr:Put?mage")), CI, "ecr:PutImage", True),
    (policy(statement(action="ecr:Put")), CI, "ecr:PutImage", False),
    (policy(statement(action="ecr:*Image")), CI, "ecr:BatchGetImage", True),
    (policy(statement(Resource=REPO)), CI, "ecr:PutImage", True),
    (policy(statement(Resource=f"arn:aws:ecr:*:{OWN}:repository/ml-*")), CI, "ecr:PutImage", True),
    (policy(statement(Resource=REPO + "-2")), CI, "ecr:PutImage", False),
    (policy(statement(Condition={"StringLike": {"aws:PrincipalArn": "*:role/ci"}})), CI_SESSION, "ecr:PutImage", True),
    (policy(statement(Condition={"ArnLike": {"aws:PrincipalArn": "*:role/cd"}})), CI, "ecr:PutImage", False),
    (policy(statement(Condition={"ArnLike": {"aws:PrincipalArn": "*:role/ci"}})), CI, "ecr:PutImage", False),
    (policy(statement(Condition={"ArnLike": {"aws:PrincipalArn": "arn:*:iam::*:role/c?"}})), CI, "ecr:PutImage", True),
    (policy(statement(Condition={"ArnNotLike": {"aws:PrincipalArn": "*:role/ci"}})), CI, "ecr:PutImage", True),
    (
        policy(statement(Condition={"StringEquals": {"aws:PrincipalType": "AssumedRole"}})),
        CI_SESSION,
        "ecr:PutImage",
        True,
    ),
    (policy(statement(Condition={"StringEquals": {"aws:PrincipalType": "User"}})), USER, "ecr:PutImage", True),
    (policy(statement(Condition={"StringEquals": {"aws:ResourceAccount": OWN}})), USER, "ecr:PutImage", True),
    (policy(statement(Condition={"StringEquals": {"aws:RequestedRegion": "xx-east-9"}})), CI, "ecr:PutImage", False),
    (policy(statement(Condition={"Bool": {"aws:PrincipalIsAWSService": True}})), CI, "ecr:PutImage", False),
    (policy(statement(Condition={"Bool": {"aws:ViaAWSService": False}})), CI, "ecr:PutImage", True),
    (policy(statement(Condition={"StringEquals": {"aws:PrincipalAccount": int(OWN)}})), CI, "ecr:PutImage", True),
    (policy(statement(Condition={"StringEquals": {"aws:PrincipalAccount": [int(OWN)]}})), USER, "ecr:PutImage", True),
    (policy(statement(Condition={"StringNotLike": {"aws:PrincipalArn": "*:user/*"}})), USER, "ecr:PutImage", False),
    (policy(statement(Condition={"StringEquals": {"aws:SourceVpc": "vpc-1"}})), CI, "ecr:PutImage", False),
    (policy(statement(Condition={"StringEqualsIfExists": {"aws:SourceVpc": "vpc-1"}})), CI, "ecr:PutImage", True),
    (policy(statement(Condition={"StringNotEquals": {"aws:SourceVpc": "vpc-1"}})), CI, "ecr:PutImage", True),
    (
        policy(
            statement(
                Condition={
                    "StringEquals": {"aws:PrincipalAccount": OWN},
                    "StringLike": {"aws:PrincipalArn": "*:role/cd"},
                }
            )
        ),
        CI,
        "ecr:PutImage",
        False,
    ),
    (policy(statement("Deny")), CI, "ecr:PutImage", False),
    (policy(statement("Deny", principal={"AWS": OWN}), statement()), CI, "ecr:PutImage", False),
]


@pytest.mark.parametrize("row", range(len(TABLE)))
def test_table(row: int) -> None:
    document, principal, action, answer = TABLE[row]
    decision = allowed(document, principal, action, REPO)
    assert decision.allowed is answer
    assert decision.why
    assert bool(decision.message) is not answer


def test_a_service_needs_its_source_account() -> None:
    context = {"aws:sourceaccount": OWN}
    assert not allowed(BUILD, "codebuild.amazonaws.com", "ecr:BatchGetImage", REPO).allowed
    assert allowed(BUILD, "codebuild.amazonaws.com", "ecr:BatchGetImage", REPO, context=context).allowed
    assert not allowed(BUILD, "ecs.amazonaws.com", "ecr:BatchGetImage", REPO, context=context).allowed
    assert not allowed(BUILD, CI, "ecr:BatchGetImage", REPO, context=context).allowed


# Whether the policy grants, whether IAM allows, whether it is the same account -> the answer.
@pytest.mark.parametrize(
    ("granted", "identity", "same", "answer"),
    [
        (True, True, True, True),
        (True, False, True, True),  # in the account one of the two is enough
        (False, True, True, True),
        (False, False, True, False),
        (True, True, False, True),
        (True, False, False, False),  # across accounts both are needed
        (False, True, False, False),
        (False, False, False, False),
    ],
)
def test_together_with_the_principals_own_policies(granted: bool, identity: bool, same: bool, answer: bool) -> None:
    document = policy(statement(action="ecr:PutImage" if granted else "ecr:ListImages"))
    decision = allowed(document, CI if same else STRANGER, "ecr:PutImage", REPO, identity_allows=identity)
    assert decision.allowed is answer


def test_a_deny_beats_the_principals_own_policies() -> None:
    assert not allowed(DENY, CI, "ecr:DeleteRepository", REPO, identity_allows=True).allowed


def test_the_login_is_never_a_matter_of_the_repository() -> None:
    everything = policy(statement(action="*"))
    decision = allowed(everything, CI, "ecr:GetAuthorizationToken", REPO)
    assert not decision.allowed and "concerns no repository" in decision.why
    assert allowed(everything, CI, "ecr:GetAuthorizationToken", REPO, identity_allows=True).allowed


def test_awss_words() -> None:
    assert allowed(LAB, USER, "ecr:PutImage", REPO).message == (
        f"User: {USER} is not authorized to perform: ecr:PutImage on resource: {REPO} "
        "because no resource-based policy allows the ecr:PutImage action"
    )
    assert allowed(DENY, CI_SESSION, "ecr:DeleteRepository", REPO).message == (
        f"User: {CI_SESSION} is not authorized to perform: ecr:DeleteRepository on resource: {REPO} "
        "with an explicit deny in a resource-based policy"
    )
    assert allowed(None, USER, "ecr:PutImage", REPO, identity_allows=False).message == (
        f"User: {USER} is not authorized to perform: ecr:PutImage on resource: {REPO} "
        "because no identity-based policy allows the ecr:PutImage action"
    )
    assert allowed(None, OTHER, "ecr:PutImage", REPO).message.startswith(f"User: arn:aws:iam::{OTHER}:root is not")


def test_the_reason_names_the_statement() -> None:
    assert allowed(LAB, CI, "ecr:PutImage", REPO).why == "statement CiPushes allows it"
    assert allowed(DENY, CI, "ecr:PutImage", REPO).why == "statement 1 allows it"
    assert "statement NoDeletes denies it" in allowed(DENY, CI, "ecr:DeleteRepository", REPO).why


def test_a_policy_may_be_text_or_a_single_statement() -> None:
    assert allowed(json.dumps(LAB), CI, "ecr:PutImage", REPO).allowed
    assert allowed({"Statement": statement()}, CI, "ecr:PutImage", REPO).allowed


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ("{", ""),
        ("[]", ""),
        ({}, "Statement"),
        ({"Statement": []}, "Statement"),
        ({"Version": "2020-01-01", "Statement": [statement()]}, "Version"),
        ({"Statement": ["x"]}, "Statement[0]"),
        (policy(statement("allow")), "Statement[0].Effect"),
        (policy({"Effect": "Allow", "Action": "ecr:*"}), "Statement[0].Principal"),
        (policy({"Effect": "Allow", "Principal": "*"}), "Statement[0].Action"),
        (policy(statement(principal=CI)), "Statement[0].Principal"),
        (policy(statement(principal={"AWS": "123456789"})), "Statement[0].Principal.AWS"),
        (policy(statement(principal={"AWS": [CI, f"arn:aws:iam::{OWN}:role/*"]})), "Statement[0].Principal.AWS[1]"),
        (policy(statement(principal={"Service": "codebuild"})), "Statement[0].Principal.Service"),
        (policy(statement(principal={"Federated": "x"})), "Statement[0].Principal.Federated"),
        (policy(statement(action="s3:GetObject")), "Statement[0].Action"),
        (policy(statement(action=["ecr:*", 5])), "Statement[0].Action[1]"),
        (policy(statement(Resource="ml-model")), "Statement[0].Resource"),
        (policy(statement(NotAction="ecr:PutImage")), "Statement[0].NotAction"),
        (policy(statement(Principle="*")), "Statement[0].Principle"),
        (policy(statement(Condition=[])), "Statement[0].Condition"),
        (policy(statement(Condition={"IpAddress": {"a": "b"}})), "Statement[0].Condition.IpAddress"),
        (policy(statement(Condition={"StringEquals": {}})), "Statement[0].Condition.StringEquals"),
        (policy(statement(Condition={"StringEquals": {"a": None}})), "Statement[0].Condition.StringEquals.a"),
        (policy(statement(Condition={"StringEquals": {"a": [{}]}})), "Statement[0].Condition.StringEquals.a[0]"),
    ],
)
def test_each_fault_is_found_at_its_place(document: Any, path: str) -> None:
    with pytest.raises(InvalidPolicy) as refused:
        read_policy(document)
    assert path in [fault.path for fault in refused.value.faults]
    with pytest.raises(InvalidPolicy):
        allowed(document, CI, "ecr:PutImage", REPO)


def test_every_fault_is_reported_at_once_and_survives_pickling() -> None:
    broken = policy(statement("Maybe", principal={"AWS": "1"}), statement(action="s3:*"))
    with pytest.raises(InvalidPolicy) as refused:
        read_policy(broken)
    assert len(refused.value.faults) == 3
    assert pickle.loads(pickle.dumps(refused.value)).faults == refused.value.faults


@pytest.mark.parametrize(
    ("principal", "action", "resource"),
    [
        ("ada", "ecr:PutImage", REPO),
        ("123456789", "ecr:PutImage", REPO),
        (CI, "PutImage", REPO),
        (CI, "s3:GetObject", REPO),
        (CI, "ecr:PutImage", "ml-model"),
        (CI, "ecr:PutImage", "arn:aws:ecr:us-east-1:123:repository/x"),
    ],
)
def test_a_request_that_is_none_is_refused(principal: str, action: str, resource: str) -> None:
    with pytest.raises(ValueError, match="is no "):
        allowed(LAB, principal, action, resource)


STATEMENTS = st.builds(
    statement,
    st.sampled_from(["Allow", "Allow", "Deny"]),
    st.sampled_from(["*", {"AWS": CI}, {"AWS": OTHER}, {"AWS": [USER, STRANGER]}, {"Service": "ecs.amazonaws.com"}]),
    st.sampled_from(["ecr:*", "ecr:PutImage", PULL, ["ecr:Batch*"], "*"]),
)
PRINCIPALS = st.sampled_from([CI, CI_SESSION, USER, STRANGER, OWN, OTHER, THIRD, "ecs.amazonaws.com"])
ACTIONS = st.sampled_from([*PUSH, "ecr:DeleteRepository", "ecr:BatchDeleteImage"])


@given(st.lists(STATEMENTS, min_size=1, max_size=5), PRINCIPALS, ACTIONS, st.randoms())
def test_the_order_of_statements_never_matters(
    statements: list[dict[str, Any]], principal: str, action: str, order: Any
) -> None:
    before = allowed(policy(*statements), principal, action, REPO)
    order.shuffle(statements)
    after = allowed(policy(*statements), principal, action, REPO)
    assert (before.allowed, before.message) == (after.allowed, after.message)


@given(st.lists(STATEMENTS, min_size=1, max_size=5), PRINCIPALS, ACTIONS)
def test_a_deny_only_takes_away_and_an_allow_only_adds(
    statements: list[dict[str, Any]], principal: str, action: str
) -> None:
    plain = allowed(policy(*statements), principal, action, REPO).allowed
    assert not allowed(policy(*statements, statement("Deny")), principal, action, REPO).allowed
    assert allowed(policy(*statements, statement("Allow")), principal, action, REPO).allowed >= plain


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(["*", "Allow", "ecr:*", CI]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["Statement", "Effect", "Principal", "Action", "Condition", "AWS", "StringEquals", "x"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(JSON | st.text(max_size=20), PRINCIPALS, ACTIONS)
def test_no_document_crashes(document: Any, principal: str, action: str) -> None:
    for tried in (document, {"Statement": document}, {"Statement": [document]}):
        try:
            assert allowed(tried, principal, action, REPO).why
        except InvalidPolicy as refused:
            assert refused.faults


@given(st.text(alphabet="ab*?", max_size=8), st.text(alphabet="abc", max_size=8))
def test_wildcards(pattern: str, text: str) -> None:
    regex = "".join({"*": "[\\s\\S]*", "?": "[\\s\\S]"}.get(c, re.escape(c)) for c in pattern)
    assert access_policy.wildcard(pattern, text) is (re.fullmatch(regex, text) is not None)


def test_wildcards_stay_quick() -> None:
    assert not access_policy.wildcard("*a" * 200, "a" * 199 + "b")


def _always(answer: bool) -> Callable[..., bool]:
    return lambda *_: answer


# Each documented rule, broken: (module, name, broken value). At least one row of the table must notice.
MUTANTS: dict[str, tuple[Any, str, object]] = {
    "everyone is meant": (access, "_is_meant", _always(True)),
    "nobody is meant": (access, "_is_meant", _always(False)),
    "an account is only itself": (access, "_names", lambda value, asker: value in ("*", asker.arn, asker.account)),
    "sessions are not their role": (
        access,
        "_names",
        lambda value, asker: value in ("*", asker.arn, asker.account) or value.endswith(f"{asker.account}:root"),
    ),
    "patterns are plain": (access, "wildcard", lambda pattern, text: pattern == text),
    "patterns match all": (access, "wildcard", _always(True)),
    "conditions always hold": (access, "_holds", _always(True)),
    "conditions never hold": (access, "_holds", _always(False)),
    "the login can be granted": (access, "ACCOUNT_ACTIONS", ()),
    "negated operators are not": (
        access,
        "OPERATORS",
        {name: (compare, True) for name, (compare, _) in access_policy.OPERATORS.items()},
    ),
    "a session's role is unknown": (access, "_role_of", lambda asker: asker.arn),
}


def notices() -> bool:
    return any(allowed(document, who, what, REPO).allowed is not answer for document, who, what, answer in TABLE)


def test_without_a_mutation_nothing_is_noticed() -> None:
    assert not notices()


@pytest.mark.parametrize("name", MUTANTS)
def test_a_broken_rule_is_noticed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module, attribute, value = MUTANTS[name]
    monkeypatch.setattr(module, attribute, value)
    assert notices()
