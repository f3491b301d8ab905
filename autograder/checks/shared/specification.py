"""A specification among the personal parameters of a lab: checks read it as data, students in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

PARAMETER = "_spec"


@dataclass(frozen=True)
class Specification:
    """What a lab's specification has beside its own fields, which are JSON values."""

    @classmethod
    def of(cls, parameters: Mapping[str, Any]) -> Self:
        """The student's, from all parameters of the lab. Raises KeyError where they hold none."""
        return cls(**parameters[PARAMETER])

    def as_parameter(self) -> dict[str, Any]:
        """As JSON data: the value of the parameter :data:`PARAMETER`."""
        return asdict(self)
