"""What to say of logins where nothing arrived: a push without a login, or with one that has ended, leaves no image."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from autograder.evidence.model import Evidence

# How long a login lasts, as the clouds' documentation has it. ECR:
# https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_GetAuthorizationToken.html; Artifact Registry:
# https://cloud.google.com/artifact-registry/docs/docker/authentication; ACR:
# https://learn.microsoft.com/en-us/azure/container-registry/container-registry-authentication
LOGINS = {
    "dockerhub": "Docker Hub takes a push only with a login whose token may write",
    "ecr": "ECR takes a push only with a login, which ends after 12 hours",
    "artifact-registry": "Artifact Registry takes a push only with a login, which ends after an hour",
    "acr": "ACR takes a push only with a login, which ends after three hours",
    "private": "Your registry takes a push only with a login",
}
REFUSALS = ("UNAUTHORIZED", "DENIED")  # https://github.com/opencontainers/distribution-spec, "Error Codes"


def needed(service: str) -> str:
    """A sentence on the login that a push to a service needs, to follow another; "" where it needs none."""
    if service not in LOGINS:
        return ""
    clock = " on the emulators' clock" if "ends" in LOGINS[service] else ""
    return (
        f" {LOGINS[service]}{clock}. Where the push said unauthorized, denied, expired or no basic auth credentials, "
        "log in again, then push."
    )


def refused(e: Evidence, service: str, name: str) -> str:
    """The newest refusal for want of a login or a right, a sentence to follow another; "" where a push came after it.

    Args:
        e: what was collected.
        service: its name in lab.toml.
        name: the repository.
    """
    told = ""
    for line in e.journal:
        if line.get("service") != service:
            continue
        detail = line.get("detail")
        facts: Mapping[str, Any] = detail if isinstance(detail, Mapping) else {}
        at_login = facts.get("what") == "login"
        here = line.get("repository") == name and facts.get("code") in REFUSALS
        if line.get("what") == "refuse" and (at_login or here):
            told = " A login there was refused: unknown, or ended." if at_login else _words(facts)
        elif line.get("what") == "login" or (line.get("what") == "push" and line.get("repository") == name):
            told = ""
    return told


def _words(facts: Mapping[str, Any]) -> str:
    return f" The last push was refused: {str(facts.get('message') or 'without a word')[:200].rstrip('.')}."
