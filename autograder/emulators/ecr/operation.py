"""An operation of ECR's API as one record: what it is called, who may call it, what it locks, what it leaves behind.

What it takes (required parameters, their types and lengths) is in AWS's own description, against which every request
is checked before (:func:`autograder.emulators.ecr.validation.parameters`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from autograder.emulators.ecr.request import ApiRequest

# How the names of AWS's operations begin that change nothing.
READS = ("Describe", "Get", "List", "BatchGet", "BatchCheck")
Locks = Literal["record", "itself"]
Function = TypeVar("Function", bound=Callable[[ApiRequest], Any])


@dataclass(frozen=True)
class Operation:
    """One operation.

    Attributes:
        name: AWS's, for example ``PutImage``; its IAM action is ``ecr:PutImage``.
        run: answers a request: a dict in AWS's shape, or moto's answer. It refuses by raising ServiceException.
        locks: "record": it runs while the emulator's record is locked, a change also with the lock of the repository
            that it names; what it changed is saved before the answer goes out. "itself": it takes the locks it needs,
            and saves.
        journal: the word of the journal line that tells of a success; "" if there is none, or it writes its own.
        reader: whether AWS's managed policy AmazonEC2ContainerRegistryReadOnly allows it, and so the profile `reader`.
            https://docs.aws.amazon.com/AmazonECR/latest/userguide/security-iam-awsmanpol.html
        resource: what IAM is asked about where the request names no repository: "" for the registry, ``*`` for all
            repositories.
        any_account: whether it answers a caller from another account that names no registry.
        makes_repository: whether the repository it names need not exist.
        allowed_by: the IAM action that allows it where that is another one's.
    """

    name: str
    run: Callable[[ApiRequest], Any]
    locks: Locks
    journal: str
    reader: bool
    resource: str
    any_account: bool
    makes_repository: bool
    allowed_by: str

    @property
    def action(self) -> str:
        """The IAM action that allows it."""
        return self.allowed_by or f"ecr:{self.name}"

    @property
    def reads(self) -> bool:
        """Whether it changes nothing."""
        return reads(self.name)


OPERATIONS: dict[str, Operation] = {}


def reads(name: str) -> bool:
    """Whether an operation of AWS with this name changes nothing."""
    return name.startswith(READS)


def operation(
    *,
    locks: Locks = "record",
    journal: str = "",
    reader: bool = False,
    resource: str = "",
    any_account: bool = False,
    makes_repository: bool = False,
    allowed_by: str = "",
) -> Callable[[Function], Function]:
    """Declare that a function answers the operation it is named after: ``put_image`` answers ``PutImage``.

    The arguments are the attributes of :class:`Operation`.
    """

    def declare(function: Function) -> Function:
        name = "".join(word.capitalize() for word in function.__name__.split("_"))
        OPERATIONS[name] = Operation(
            name, function, locks, journal, reader, resource, any_account, makes_repository, allowed_by
        )
        return function

    return declare
