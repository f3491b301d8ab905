"""lab.toml: the one owner of a lab's title, minutes, points, checks, hints, services, repositories and files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, model_validator

from autograder.checks.api import Check, checks_of
from autograder.checks.shared.seeded_random import SeededRandom
from autograder.errors import CourseError
from autograder.evidence.model import Case, LayerPolicy
from autograder.formats import Format, Newer, Unreadable, Witness
from autograder.labs import sources
from autograder.labs.sources import LabSource

ALL = "*"  # instead of a repository's name
Parameters = dict[str, Any]
"""A student's personal parameters: name -> a JSON value."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _VersionedPart(_Part):
    """A part that only some versions of the lab have: from ``since`` on, ``until`` one (both included) or for good."""

    since: int = Field(default=1, ge=1)
    until: int | None = Field(default=None, ge=1)

    def is_in(self, version: int) -> bool:
        """Whether a version of the lab has it."""
        return self.since <= version and (self.until is None or version <= self.until)


class RepositoryPart(_VersionedPart):
    """A repository that the lab's evidence holds.

    ``name`` may use parameters ("{team}/ml-model"); "*" stands for every repository of the service that no other
    entry names. ``pushed = false``: nothing has to be pushed there, so a submission does not miss it.
    """

    service: str
    name: str
    layers: LayerPolicy = "none"
    pushed: bool = True


class AnswerPart(_VersionedPart):
    """An answer: what is asked, and the tags it is about ("registry/{repository}:{v1}")."""

    asked: str
    inputs: tuple[str, ...] = ()


class TaskPart(_VersionedPart):
    """A code task: the function its cell must define, and the limit for one call in seconds.

    ``kinds`` are the kinds of its cases that came with a later version of the lab than the first: kind -> version.
    """

    function: str
    seconds: float = 2.0
    kinds: dict[str, int] = Field(default_factory=dict)


class StarterPart(_Part):
    """A folder of the kit that a student gets a copy of inside the lab ("docker/ml-model" as "ml-model")."""

    source: str
    to: str


class CheckPart(_VersionedPart):
    """Points, hints and what evidence a check rests on; the rest is declared in the lab's module.

    A check whose meaning changes is another check: the old one gets ``until``, the new one another id and ``since``.
    ``services`` (default: all of the lab's), ``tasks`` and ``probes`` (default: none) tell the notebook what to
    collect for it.
    """

    id: str
    services: tuple[str, ...] | None = None
    tasks: tuple[str, ...] = ()
    probes: tuple[str, ...] = ()
    points: float = Field(gt=0)
    core: bool = True
    by_hand: bool = False  # a written task: graded by a person in formgrader, so the lab's module has no check for it
    hints: tuple[str, str, str]


class VersionPart(_Part):
    """What an earlier version of the lab had that is another thing now: points by check, or the whole of a list.

    What is said of version N holds for the versions before it too, as far as nothing is said of them.
    """

    points: dict[str, Annotated[float, Field(gt=0)]] = Field(default_factory=dict)
    services: tuple[str, ...] | None = None
    files: tuple[str, ...] | None = None
    probes: tuple[str, ...] | None = None


class Lab(_Part):
    """A lab's manifest, validated: the lab as its newest version has it, or through :meth:`at` an earlier one."""

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
    versions: dict[int, VersionPart] = Field(default_factory=dict)  # earlier ones, see VersionPart

    _source: LabSource = PrivateAttr()
    _whole: Lab | None = PrivateAttr(default=None)  # with the parts of all versions

    @model_validator(mode="after")
    def _agree(self) -> Lab:
        parts = (*self.repositories, *self.answers.values(), *self.tasks.values(), *self.checks)
        for part in parts:
            if part.since > self.version or (part.until is not None and not part.since <= part.until < self.version):
                raise ValueError(
                    f"since = {part.since}, until = {part.until}: a part came with a version of the lab up to "
                    f"{self.version}, and has gone with an earlier one"
                )
        if wrong := sorted(number for number in self.versions if not 1 <= number < self.version):
            raise ValueError(f"versions.{wrong[0]}: earlier versions are 1 to {self.version - 1}")
        for number, before in self.versions.items():
            if unknown := sorted(set(before.points) - {part.id for part in self.checks}):
                raise ValueError(f"versions.{number}.points.{unknown[0]}: there is no such check")
        return self

    def at(self, version: int) -> Lab:
        """The lab as a version of it is: with the parts, the checks and the points that this version has.

        Args:
            version: 1 to the newest.

        Raises:
            CourseError: there is no such version, or none yet.
        """
        whole = self._whole or self
        if version == self.version:
            return self
        if not 1 <= version <= whole.version:
            raise CourseError(
                expected=f"a version of {whole.slug} that this kit knows: 1 to {whole.version}",
                found=f"version {version}",
                next_step="Update the kit to one that has this version, then try again.",
            )
        before = [whole.versions[number] for number in sorted(whole.versions) if number >= version]
        points: dict[str, float] = {}
        lists: dict[str, tuple[str, ...]] = {}
        for earlier in reversed(before):
            points |= earlier.points
            lists |= {
                name: value for name in ("services", "files", "probes") if (value := getattr(earlier, name)) is not None
            }
        lab = whole._narrowed(version)
        checks = tuple(part.model_copy(update={"points": points.get(part.id, part.points)}) for part in lab.checks)
        lab = lab.model_copy(update={"checks": checks, **lists})
        lab._whole = whole
        return lab

    def _narrowed(self, version: int) -> Lab:
        """A manifest with all its parts, narrowed to those of a version."""
        return self.model_copy(
            update={
                "version": version,
                "repositories": tuple(part for part in self.repositories if part.is_in(version)),
                "answers": {name: part for name, part in self.answers.items() if part.is_in(version)},
                "tasks": {name: part for name, part in self.tasks.items() if part.is_in(version)},
                "checks": tuple(part for part in self.checks if part.is_in(version)),
            }
        )

    def ended(self) -> tuple[CheckPart, ...]:
        """The checks that earlier versions have and the newest has not."""
        whole = self._whole or self
        return tuple(part for part in whole.checks if not part.is_in(whole.version))

    def most_points(self) -> dict[str, float]:
        """The points of each check in that version which gives it the most; also of checks that have gone."""
        most: dict[str, float] = {}
        for lab in self.every_version():
            for id, points in lab.points.items():
                most[id] = max(points, most.get(id, 0.0))
        return most

    def every_version(self) -> Iterator[Lab]:
        """The lab in each of its versions, the first one first."""
        return (self.at(version) for version in range(1, self.newest + 1))

    @property
    def newest(self) -> int:
        """The newest version that there is."""
        return (self._whole or self).version

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
        """The lab with other points for some of its checks, in each of its versions."""
        lab = self.model_copy(update={"checks": _with_points(self.checks, points)})
        if self._whole is not None:
            before = {
                number: part.model_copy(
                    update={"points": {id: given for id, given in part.points.items() if id not in points}}
                )
                for number, part in self._whole.versions.items()
            }
            checks = _with_points(self._whole.checks, points)
            lab._whole = self._whole.model_copy(update={"checks": checks, "versions": before})
        return lab

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

    def cases_of(self, task: str, cases: Iterable[Case]) -> list[Case]:
        """Those cases of a task that this version of the lab has."""
        kinds = self.tasks[task].kinds
        return [case for case in cases if kinds.get(case.kind, 1) <= self.version]

    def code(self) -> ModuleType:
        """The lab's module of checks.

        Raises:
            CourseError: there is none.
        """
        return self._source.code(self.module)

    def declared_checks(self) -> dict[str, Check]:
        """The lab's checks by id, in order; what only other versions of the lab have is not among them."""
        gone = {part.id for part in (self._whole or self).checks if not part.is_in(self.version)}
        parts = {part.id: part for part in self.checks}
        found = {}
        for id, check in checks_of(self.code()).items():
            if id not in gone:
                witness = witness_of(self, parts[id], check) if id in parts else check.witness
                needs = tuple(need for need in check.needs if need not in gone)
                found[id] = replace(check, needs=needs, witness=witness)
        return found

    def drawn(self, seed: str) -> Parameters:
        """Personal parameters that this kit draws from a handed-out seed (64 hex digits), for somebody who has none.

        Whoever has some has them as values: :meth:`autograder.labs.students.Student.parameters_of` for a student,
        ``Course.parameters`` for the grader. Another kit may draw others from the same seed.
        """
        result: Parameters = self.code().parameters(SeededRandom(seed))
        return result


def witness_of(lab: Lab, part: CheckPart, check: Check) -> Witness:
    """Whose machine saw what a check rests on; this is the one place that says it.

    The grader's, where a recomputed check lists a task or a probe in lab.toml or says ``services = []``, so that what
    was handed in is itself what is judged; else the student's, since the kit collects there what services hold. Nothing
    is a class's yet: no class runs services. ``tests/labs/test_witness.py`` holds this against the samples.
    """
    services = lab.services if part.services is None else part.services
    if check.trust == "recomputed" and (part.tasks or part.probes or not services):
        return "grader"
    return "student"


def _with_points(checks: Iterable[CheckPart], points: Mapping[str, float]) -> tuple[CheckPart, ...]:
    return tuple(
        part.model_copy(update={"points": float(points[part.id])}) if part.id in points else part for part in checks
    )


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
    newest = lab._narrowed(lab.version)
    newest._whole = lab
    return newest


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
