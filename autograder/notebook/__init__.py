"""What a student's cell imports: ``from autograder.notebook import me, check, hint, answer, REGISTRY``.

Everything here shows a result instead of raising, and never writes to stderr.

Also the names of ``course env``: the services' addresses (``REGISTRY``, ``DOCKERHUB``, ``ECR``, ``ARTIFACT_REGISTRY``,
``ACR``, each ``localhost:PORT``) and what goes with them (``DOCKERHUB_USER``, ``DOCKERHUB_PASSWORD``, ``ACR_NAME`` and
the ``AWS_…`` variables). After the import they are environment variables of the kernel as well, so that
``!aws ecr describe-repositories``, ``!aws --profile ci-role …``, ``boto3.client("ecr")``,
``boto3.Session(profile_name="reader")`` and ``!course journal`` work in a cell as they stand.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from autograder.notebook import first_cell, variables
from autograder.notebook.session import answer, check, hint, me

if TYPE_CHECKING:
    REGISTRY: str
    TRIVY_DB_REPOSITORY: str
    DOCKERHUB: str
    DOCKERHUB_USER: str
    DOCKERHUB_PASSWORD: str
    ECR: str
    ARTIFACT_REGISTRY: str
    ACR: str
    ACR_NAME: str

__all__ = [
    "ACR",
    "ACR_NAME",
    "ARTIFACT_REGISTRY",
    "DOCKERHUB",
    "DOCKERHUB_PASSWORD",
    "DOCKERHUB_USER",
    "ECR",
    "REGISTRY",
    "TRIVY_DB_REPOSITORY",
    "answer",
    "check",
    "hint",
    "me",
]

variables.install()
first_cell.install()


def __getattr__(name: str) -> str:
    """Addresses and credentials come from the one table that the services use.

    Raises:
        AttributeError: no such name.
        EnvironmentProblem: its service was never started here.
    """
    if name in variables.NAMES:
        return variables.value(name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
