"""Retention policies of three clouds: what would each do to which image, and why.

``preview("ecr", policy_text, images, now)`` evaluates a policy once; :mod:`autograder.domain.retention.inputs` reads
the images from what the clouds' own clients print.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from autograder.domain.retention import acr, acr_policy, artifact_registry, ecr, ecr_validate, gar_validate
from autograder.domain.retention.model import Action, Image, InvalidPolicy, PolicyError, Preview, Result, summary

__all__ = ["DIALECTS", "Action", "Image", "InvalidPolicy", "PolicyError", "Preview", "Result", "preview", "summary"]

DIALECTS = {"ecr": "Amazon ECR", "gar": "Google Artifact Registry", "acr": "Azure Container Registry"}

_EVALUATORS: dict[str, tuple[Callable[[str], Any], Callable[[Any, Sequence[Image], datetime], Preview]]] = {
    "ecr": (ecr_validate.parse, ecr.evaluate),
    "gar": (gar_validate.parse, artifact_registry.evaluate),
    "acr": (acr_policy.parse, acr.evaluate),
}


def preview(dialect: str, policy: str, images: Sequence[Image], now: datetime) -> Preview:
    """Evaluate the text of a policy once.

    Args:
        dialect: one of ``DIALECTS``.
        policy: ECR: a lifecycle policy; Artifact Registry: a cleanup policy file, or a repository's description; ACR:
            an ``acr purge`` command, or JSON (see :mod:`autograder.domain.retention.acr_policy`).
        images: the images, in the order in which they are listed.
        now: the aware time of the evaluation.

    Raises:
        InvalidPolicy: with every error of the policy.
        KeyError: the dialect is not known.
    """
    parse, evaluate = _EVALUATORS[dialect]
    return evaluate(parse(policy), images, now)
