"""Who may do what: the IAM policies of the lab's profiles, together with a repository's own policy.

The logic is :func:`autograder.domain.access.allowed`; here is only what each profile's own IAM policy allows.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Final

from moto.core.exceptions import ServiceException

from autograder.domain import access
from autograder.emulators.ecr import problems
from autograder.emulators.ecr.identity import Profile
from autograder.emulators.ecr.operations import OPERATIONS

# What each profile's own IAM policy allows, on every resource. The role has nothing but the token that everyone needs,
# so a repository's policy alone decides about it; the other account's user may do anything its own account can grant.
IDENTITY: Final[dict[str, tuple[str, ...]]] = {
    "admin": ("ecr:*",),
    "ci-role": ("ecr:GetAuthorizationToken",),
    "reader": tuple(operation.action for operation in OPERATIONS.values() if operation.reader),
    "other-account": ("ecr:*",),
}


def authorise(profile: Profile, action: str, resource: str, policy: str | None) -> None:
    """Refuse what AWS would refuse.

    Args:
        profile: who asks.
        action: for example ``ecr:PutImage``.
        resource: a repository's ARN, or ``*`` for what concerns no repository.
        policy: the repository's policy as text, or None.

    Raises:
        ServiceException: AccessDeniedException with AWS's text, or InvalidParameterException for a malformed ARN.
    """
    own = any(fnmatchcase(action, pattern) for pattern in IDENTITY[profile.name])
    if resource == "*":
        if not own:
            reason = f"because no identity-based policy allows the {action} action"
            raise _denied(f"User: {profile.arn} is not authorized to perform: {action} on resource: * {reason}")
        return
    try:
        decision = access.allowed(policy, profile.arn, action, resource, identity_allows=own)
    except ValueError:
        raise problems.invalid("resourceArn", "Invalid ARN") from None
    if not decision.allowed:
        raise _denied(decision.message)


def _denied(text: str) -> ServiceException:
    return ServiceException("AccessDeniedException", text)
