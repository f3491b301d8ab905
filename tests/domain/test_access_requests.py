"""Requests derived from repository policies: whatever a statement adds shows in one of them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from autograder.domain import access, access_requests
from autograder.domain.access import ACTIONS, Grants, InvalidPolicy, allowed
from autograder.emulators.ecr.operations import OPERATIONS

OWN, OTHER = "111122223333", "444455556666"
REPO = f"arn:aws:ecr:us-east-1:{OWN}:repository/team/ml-model"
ROLE = f"arn:aws:iam::{OWN}:role/ci"
BASE = {"Effect": "Allow", "Principal": {"AWS": ROLE}, "Action": ["ecr:PutImage", "ecr:BatchGetImage"]}


def policy(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def answers(asked: dict[str, Any], *both: dict[str, Any]) -> list[frozenset[str]]:
    """What a policy allows in the requests that some policies lead to."""
    statements = [one for document in both for one in document["Statement"]]
    grants = Grants(asked, REPO, access_requests.actions(statements))
    contexts = access_requests.contexts(statements)[0]
    return [grants.allowed(arn, c) for arn in access_requests.principals(statements)[0] for c in contexts]


ADDED = st.sampled_from(
    [
        {"AWS": f"arn:aws:iam::{OTHER}:root"}, {"AWS": OTHER}, {"AWS": [ROLE, f"arn:aws:iam::{OWN}:role/path/deploy"]},
        {"AWS": f"arn:aws:iam::{OWN}:user/ada"}, {"Service": "codebuild.amazonaws.com"}, {"AWS": "*"}, "*",
        {"AWS": f"arn:aws:sts::{OWN}:assumed-role/ci/one-run"}, {"AWS": f"arn:aws:iam::{OWN}:root"},
    ]
)  # fmt: skip
CONDITIONS = st.sampled_from(
    [
        {}, {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}, {"StringNotEquals": {"aws:SourceVpc": ["vpc-1", "vpc-2"]}},
        {"StringLike": {"aws:SourceVpce": "vpce-*"}, "Bool": {"aws:MultiFactorAuthPresent": "true"}},
        {"Null": {"aws:TokenIssueTime": "true"}}, {"Null": {"aws:TokenIssueTime": "false"}},
        {"ArnLike": {"aws:PrincipalArn": f"arn:aws:iam::{OWN}:role/c*"}},
        {"StringLike": {"aws:PrincipalAccount": "4444*"}},
        {"StringEqualsIfExists": {"ecr:ResourceTag/team": "a"}},
    ]
)  # fmt: skip


@settings(max_examples=80, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(principal=ADDED, action=st.sampled_from(ACTIONS), condition=CONDITIONS)
def test_an_added_statement_shows_in_a_derived_request(principal, action, condition):
    wide = principal in ("*", {"AWS": "*"})
    if wide and not condition:
        principal, wide = {"AWS": OTHER}, False
    added = policy(BASE, {"Effect": "Allow", "Principal": principal, "Action": action, "Condition": condition})
    before, after = answers(policy(BASE), added), answers(added, added)
    account = str(condition).find("4444") > 0
    if before == after:  # only where nobody is named whom the condition lets in, or the role may do it already
        assert action in BASE["Action"] or "aws:Principal" in str(condition) or wide, (before, after)
    elif wide and account:
        assert any(action in more - less for more, less in zip(after, before, strict=True))


@settings(max_examples=40, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(principal=ADDED, action=st.sampled_from(ACTIONS), condition=CONDITIONS)
def test_grants_are_what_allowed_says(principal, action, condition):
    document = policy(
        {"Effect": "Allow", "Principal": principal, "NotAction": "ecr:Delete*", "Condition": condition},
        {"Effect": "Deny", "Principal": "*", "Action": [action]},
    )
    grants = Grants(document, REPO, ACTIONS)
    for arn in access_requests.principals(grants.statements)[0]:
        for context in access_requests.contexts(grants.statements)[0]:
            for one in ("ecr:PutImage", "ecr:DeleteRepository", action):
                told = allowed(document, arn, one, REPO, context=context).allowed
                assert (one in grants.allowed(arn, context)) == told


def test_all_actions_of_the_emulator_are_on_awss_list():
    known = {action.lower() for action in ACTIONS} | access.ACCOUNT_ACTIONS
    asked = {operation.action for operation in OPERATIONS.values()}
    assert {action for action in asked if action.lower() not in known} == set()
    assert len(ACTIONS) > 30 and not {action.lower() for action in ACTIONS} & access.ACCOUNT_ACTIONS


V = {"aws:SourceVpc": "vpc-1"}


@pytest.mark.parametrize(
    ("statement", "action", "context", "answer"),
    [
        ({"NotAction": ["ecr:Delete*"]}, "ecr:PutImage", {}, True),
        ({"NotAction": ["ecr:Delete*"]}, "ecr:DeleteRepository", {}, False),
        ({"NotAction": "ecr:*"}, "ecr:PutImage", {}, False),
        ({"Action": "*", "NotResource": REPO}, "ecr:PutImage", {}, False),
        ({"Action": "*", "NotResource": f"{REPO}x"}, "ecr:PutImage", {}, True),
        ({"Action": "*", "Condition": {"Bool": {"aws:SecureTransport": "true"}}}, "ecr:PutImage", {}, True),
        ({"Action": "*", "Condition": {"Bool": {"aws:SecureTransport": "false"}}}, "ecr:PutImage", {}, False),
        ({"Action": "*", "Condition": {"Null": {"aws:SourceVpc": "true"}}}, "ecr:PutImage", {}, True),
        ({"Action": "*", "Condition": {"Null": {"aws:SourceVpc": "true"}}}, "ecr:PutImage", V, False),
        ({"Action": "*", "Condition": {"Null": {"aws:SourceVpc": "false"}}}, "ecr:PutImage", V, True),
    ],
)
def test_elements_and_operators(statement, action, context, answer):
    document = policy({"Effect": "Allow", "Principal": {"AWS": ROLE}, **statement})
    assert allowed(document, ROLE, action, REPO, context=context).allowed is answer


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ({"Action": "*", "NotAction": "ecr:*"}, "Statement[0].NotAction: cannot stand beside Action"),
        ({"Action": "*", "Resource": "*", "NotResource": "*"}, "Statement[0].NotResource: cannot stand beside"),
        ({}, "Statement[0].Action: must be an ECR action or a pattern, or a list of them"),
        ({"NotAction": "s3:*"}, "Statement[0].NotAction: 's3:*' is not an ECR action or a pattern"),
    ],
)  # fmt: skip
def test_faults(statement, fault):
    with pytest.raises(InvalidPolicy, match=fault.replace("[", r"\[").replace("*", r"\*")):
        access.read_policy(policy({"Effect": "Allow", "Principal": "*", **statement}))


def test_many_principals_and_conditions_are_cut():
    named = [{**BASE, "Principal": {"AWS": [f"arn:aws:iam::{n:012}:root" for n in range(100)]}}]
    found, cut = access_requests.principals(named)
    assert (len(found), cut) == (access_requests.MAX_PRINCIPALS, 200 - access_requests.MAX_PRINCIPALS)
    asked = [{**BASE, "Condition": {"StringEquals": {f"aws:RequestTag/{n}": "x" for n in range(60)}}}]
    assert (
        len(access_requests.contexts(asked)[0]) == access_requests.MAX_CONTEXTS and access_requests.contexts(asked)[1]
    )
