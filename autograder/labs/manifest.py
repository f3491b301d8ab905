"""lab.toml: the one owner of a lab's title, minutes, points, checks, hints, services, repositories and files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr

from autograder.checks.api import Check, checks_of
from autograder.checks.shared.seeded_random import SeededRandom
from autograder.errors import CourseError
from autograder.evidence.model import LayerPolicy
from autograder.formats import Format, Newer, Unreadable
from autograder.labs import sources
from autograder.labs.sources import LabSource

ALL = "*"  # instead of a repository's name
Parameters = dict[str, Any]
"""A student's personal parameters: name -> a JSON value."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RepositoryPart(_Part):
    """A repository that the lab's evidence holds.

    ``name`` may use parameters ("{team}/ml-model"); "*" stands for every repository of the service that no other
    entry names. ``pushed = false``: nothing has to be pushed there, so a submission does not miss it.
    """

    service: str
    name: str
    layers: LayerPolicy = "none"
    pushed: bool = True


class AnswerPart(_Part):
    """An answer: what is asked, and the tags it is about ("registry/{repository}:{v1}")."""

    asked: str
    inputs: tuple[str, ...] = ()


class TaskPart(_Part):
    """A code task: the function its cell must define, and the limit for one call in seconds."""

    function: str
    seconds: float = 2.0


class StarterPart(_Part):
    """A folder of the kit that a student gets a copy of inside the lab ("docker/ml-model" as "ml-model")."""

    source: str
    to: str


class CheckPart(_Part):
    """Points, hints and what evidence a check rests on; the rest is declared in the lab's module.

    ``services`` (default: all of the lab's), ``tasks`` and ``probes`` (default: none) tell the notebook what to collect
    for it.
    """

    id: str
    services: tuple[str, ...] | None = None
    tasks: tuple[str, ...] = ()
    probes: tuple[str, ...] = ()
    points: float = Field(gt=0)
    core: bool = True
    by_hand: bool = False  # a written task: graded by a person in formgrader, so the lab's module has no check for it
    hints: tuple[str, str, str]


class Lab(_Part):
    """A lab's manifest, validated."""

    schema_: int = Field(alias="schema")
    slug: str = Field(pattern=r"^[0-9]{2}-[a-z0-9]+(-[a-z0-9]+)*$")
    version: int = Field(ge=1)
    title: str
    minutes: int = Field(gt=0)
    core_minutes: int = Field(default=0, ge=0)  # of its tasks on the course's core path; 0: it is not on it
    lesson: str
    module: str
    engine: bool = True
    services: tuple[str, ...] = ()
    catalog: tuple[str, ...] = ()
    repositories: tuple[RepositoryPart, ...] = ()
    acr_tokens: tuple[str, ...] = ()  # that the lab asks for ("{token}"): a reset deletes them
    hub_accounts: tuple[
        str, ...
    ] = ()  # of this lab alone on the Docker Hub emulator ("{namespace}"): a reset ends them
    answers: dict[str, AnswerPart] = Field(default_factory=dict)
    tasks: dict[str, TaskPart] = Field(default_factory=dict)
    files: tuple[str, ...] = ()
    starter: tuple[StarterPart, ...] = ()
    probes: tuple[str, ...] = ()
    checks: tuple[CheckPart, ...]

    _source: LabSource = PrivateAttr()

    @property
    def source(self) -> LabSource:
        """Where the lab's parts lie."""
        return self._source

    @property
    def points(self) -> dict[str, float]:
        """Points per check id."""
        return {check.id: check.points for check in self.checks}

    @property
    def total(self) -> float:
        """Points of the whole lab."""
        return sum(self.points.values())

    @property
    def by_hand(self) -> tuple[str, ...]:
        """Ids of what a person grades; the lab's module has no check for these."""
        return tuple(check.id for check in self.checks if check.by_hand)

    @property
    def folder(self) -> Path:
        """What a student gets."""
        return self._source.folder

    def with_points(self, points: Mapping[str, float]) -> Lab:
        """The lab with other points for some of its checks."""
        checks = tuple(
            part.model_copy(update={"points": float(points[part.id])}) if part.id in points else part
            for part in self.checks
        )
        return self.model_copy(update={"checks": checks})

    def listed(self, service: str, parameters: Mapping[str, Any]) -> dict[str, LayerPolicy]:
        """The repositories of a service that the lab names, without "*": name -> which layers travel."""
        parts = [part for part in self.repositories if part.service == service and part.name != ALL]
        return {part.name.format_map(parameters): part.layers for part in parts}

    def awaited(self, service: str, parameters: Mapping[str, Any]) -> list[str]:
        """The repositories of a service that a whole submission has."""
        parts = [part for part in self.repositories if part.service == service and part.name != ALL and part.pushed]
        return [part.name.format_map(parameters) for part in parts]

    def lists_all(self, service: str) -> bool:
        """Whether the lab is about every repository of a service."""
        return any(part.service == service and part.name == ALL for part in self.repositories)

    def repositories_of(
        self, service: str, parameters: Mapping[str, Any], there: Iterable[str]
    ) -> dict[str, LayerPolicy]:
        """The repositories of a service that the evidence holds: name -> which layers travel.

        Args:
            service: the service.
            parameters: the personal parameters.
            there: the repositories that the service has, which "*" stands for.
        """
        named = self.listed(service, parameters)
        for part in self.repositories:
            if part.service == service and part.name == ALL:
                named = {**dict.fromkeys(there, part.layers), **named}
        return named

    def code(self) -> ModuleType:
        """The lab's module of checks.

        Raises:
            CourseError: there is none.
        """
        return self._source.code(self.module)

    def declared_checks(self) -> dict[str, Check]:
        """The lab's checks by id, in order."""
        return checks_of(self.code())

    def parameters(self, seed: str) -> Parameters:
        """The personal parameters that belong to a handed-out seed (64 hex digits)."""
        result: Parameters = self.code().parameters(SeededRandom(seed))
        return result


LAB: Format[Lab] = Format(
    "the lab's manifest", "labs/NN-slug/lab.toml", Lab, by_hand=True, next_step="Correct that field."
)


def read(file: Path, source: LabSource | None = None) -> Lab:
    """Read and validate a lab.toml.

    Args:
        file: the lab.toml.
        source: where the lab's other parts lie; beside the file where nothing is said.

    Raises:
        CourseError: unreadable, not TOML, not a valid manifest (names the field), or for a newer kit.
    """
    try:
        lab = LAB.from_toml(file.read_bytes())
    except OSError as error:
        raise CourseError(
            expected=f"a readable manifest {file.name}", found=str(error), next_step="Restore the file."
        ) from None
    except Newer:
        raise
    except Unreadable as problem:
        raise CourseError(
            expected=f"a valid {file.parent.name}/{file.name}", found=problem.detail, next_step=LAB.next_step
        ) from None
    lab._source = source or sources.beside(file)
    return lab


def slugs() -> list[str]:
    """The slugs of all labs on the search path (:mod:`autograder.labs.sources`), in order."""
    return list(sources.every())


@cache
def _load(source: LabSource) -> Lab:
    lab = read(source.manifest, source)
    if lab.slug != source.slug:
        raise CourseError(
            expected=f'slug = "{source.slug}" in {source.manifest}: the name of its folder',
            found=f'slug = "{lab.slug}"',
            next_step="Correct that field, or rename the folder.",
        )
    return lab


def find(name: str) -> Lab:
    """The lab with that slug; its number ("01", "1") or an unambiguous beginning is enough.

    Raises:
        CourseError: no such lab, or several.
    """
    begins = f"{name:0>2}-" if name.isascii() and name.isdigit() else name
    known = sources.every()
    found = [slug for slug in known if slug == name] or [slug for slug in known if slug.startswith(begins)]
    if len(found) != 1 or not name:
        raise CourseError(
            expected="one of " + ", ".join(known),
            found=f"no lab is called {name!r}" if not found else f"{name!r} could be {', '.join(found)}",
            next_step="Give the name as listed.",
        )
    return _load(known[found[0]])
