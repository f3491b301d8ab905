"""Who may do what: identity-based policies of the lab's profiles, with a repository's own policy.

In the account of the registry either of the two may allow; a caller from another account needs both. An explicit deny
wins: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

from __future__ import annotations

from moto.core.exceptions import ServiceException

from autograder.services.standins.ecr.identity import Profile

READ_ONLY = (
    "ecr:BatchCheckLayerAvailability",
    "ecr:BatchGet*",
    "ecr:Describe*",
    "ecr:Get*",
    "ecr:List*",
)


def authorise(profile: Profile, action: str, resource: str, policy: str | None) -> None:
    """temporary"""
    if profile.name == "admin":
        return
    raise ServiceException(
        "AccessDeniedException",
        f"User: {profile.arn} is not authorized to perform: {action} on resource: {resource} because no identity-based policy allows the {action} action",
    )
