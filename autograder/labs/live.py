"""Evidence from what is running now, for the student's own checks and for a submission."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from autograder import __version__
from autograder.checks.api import Check
from autograder.collect import private
from autograder.collect.emulators import EmulatorClient, Told, merged
from autograder.collect.registry import snapshot
from autograder.domain import bases
from autograder.domain.bases import Base
from autograder.domain.services import EMULATORS
from autograder.errors import CourseError, EnvironmentProblem
from autograder.evidence.emulator_state import MAX_REPOSITORIES
from autograder.evidence.model import Answer, Case, Evidence, File, LayerPolicy, Repository, Service, TaskRun
from autograder.formats import Format
from autograder.labs import answers, probing, tasks, workspace
from autograder.labs.manifest import Lab, Parameters
from autograder.labs.students import Student
from autograder.oci import manifests
from autograder.oci.client import RegistryClient
from autograder.services import addresses, base_configs, engine

MAX_FILE = 1 << 20  # bytes of one of the lab's files
Journal = tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class Wanted:
    """Which parts of the evidence are needed; a check in the notebook collects no more than it rests on."""

    services: frozenset[str]
    tasks: frozenset[str]
    probes: frozenset[str] = frozenset()

    @classmethod
    def everything(cls, lab: Lab) -> Wanted:
        """All services, tasks and probes of a lab."""
        return cls(frozenset(lab.services), frozenset(lab.tasks), frozenset(lab.probes))

    @classmethod
    def of(cls, lab: Lab, checks: Mapping[str, Check], ids: Iterable[str]) -> Wanted:
        """What the given checks and their prerequisites rest on, as lab.toml says (all, where it says nothing)."""
        parts = {part.id: part for part in lab.checks}
        needed, waiting = set(), list(ids)
        while waiting:
            id = waiting.pop()
            if id not in needed:
                needed.add(id)
                waiting += checks[id].needs
        services: set[str] = set()
        wanted_tasks: set[str] = set()
        probes: set[str] = set()
        for id in needed:
            services |= set(lab.services if parts[id].services is None else parts[id].services or ())
            wanted_tasks |= set(parts[id].tasks)
            probes |= set(parts[id].probes)
        return cls(frozenset(services), frozenset(wanted_tasks), frozenset(probes))


@dataclass
class Live:
    """Reads the running services for one student and lab.

    Attributes:
        lab: the lab.
        student: who works on it.
        folder: the lab's folder in work/.
        executed: cells that the kernel ran, newest last, when called from a notebook: a task's cell that was run but
            not saved yet is then taken from there.
    """

    lab: Lab
    student: Student
    folder: Path
    executed: tuple[str, ...] = ()
    clients: dict[str, RegistryClient] = field(default_factory=dict)
    _bases: tuple[Base, ...] | None = None

    def parameters(self) -> Parameters:
        """The student's personal parameters."""
        return self.student.parameters_of(self.lab)

    def client(self, service: str) -> RegistryClient:
        """A client of a service's registry."""
        if service == private.SERVICE:  # its settings may have changed since the last time
            return private.PrivateClient(self.folder, self.parameters())
        if service not in self.clients:
            emulator = service in EMULATORS
            self.clients[service] = (
                EmulatorClient(service) if emulator else RegistryClient(addresses.load().of(service))
            )
        return self.clients[service]

    def collect(self, wanted: Wanted | None = None, left_out: list[str] | None = None) -> Evidence:
        """Take the evidence.

        Args:
            wanted: of what; all of the lab where nothing is given.
            left_out: gets the services that do not answer, whose evidence is then empty; None: that is an error.

        Raises:
            CourseError: the notebook or answers.json is damaged.
            EnvironmentProblem: a service does not answer.
        """
        wanted = wanted or Wanted.everything(self.lab)
        parameters = self.parameters()
        journals: list[Journal] = []
        services = {name: self._service(name, parameters, journals, left_out) for name in sorted(wanted.services)}
        files = self.files()
        return Evidence(
            kit_version=__version__,
            lab=self.lab.slug,
            lab_version=self.lab.version,
            student=self.student.student,
            origin="live",
            collected_at=datetime.now(UTC).isoformat(timespec="seconds"),
            parameters=parameters,
            services=services,
            answers=answers.read(self.folder),
            answer_inputs=answer_inputs(self.lab, parameters),
            files=files,
            tasks={name: self.task(name, parameters) for name in sorted(wanted.tasks)},
            probes=self.probes(wanted.probes, services, files, parameters),
            journal=merged(journals),
        )

    def probes(
        self,
        names: Iterable[str],
        services: Mapping[str, Service],
        files: Mapping[str, File],
        parameters: Mapping[str, Any],
    ) -> dict[str, JsonValue]:
        """The results of those probes that a notebook can run itself."""
        context = probing.ProbeContext(self.lab, self.folder, services, files, parameters, self.client, self.bases)
        return {name: probing.run(name, context) for name in sorted(names) if name in probing.LIVE}

    def base_configs(self) -> list[bytes]:
        """Configs of known bases that this machine has, where they prove something; none without an engine."""
        if not any(part.layers == "above-base" for part in self.lab.repositories):
            return []
        _, client = engine.probe()
        if client is None:
            return []
        with closing(client):
            return base_configs.find(client)

    def bases(self) -> tuple[Base, ...]:
        """The bases whose layers need not travel, asked for once."""
        if self._bases is None:
            self._bases = bases.proved(self.base_configs())
        return self._bases

    def _service(
        self, name: str, parameters: Mapping[str, Any], journals: list[Journal], left_out: list[str] | None
    ) -> Service:
        try:
            return self.service(name, parameters, journals)
        except CourseError as problem:
            if name == private.SERVICE:
                return Service(settings={"problem": problem.found})
            if left_out is None or not isinstance(problem, EnvironmentProblem):
                raise
            left_out.append(name)
            return Service()

    def service(self, name: str, parameters: Mapping[str, Any], journals: list[Journal]) -> Service:
        """A service as it is now; an emulator's journal is added to ``journals``."""
        client = self.client(name)
        told = Told({}, ())
        if isinstance(client, EmulatorClient):
            told = client.look(self.lab.listed(name, parameters))
            journals.append(told.journal)
        catalog = self._catalog(client) if name in self.lab.catalog or self.lab.lists_all(name) else []
        recorded = self._digests_in_answers()
        found: dict[str, Repository] = {}
        for repository, layers in self._repositories(name, parameters, catalog).items():
            also = recorded | client.untagged(repository) if isinstance(client, EmulatorClient) else recorded
            known = self.bases() if layers == "above-base" else ()
            taken = snapshot(client, name, repository, layers=layers, bases=known, also=also)
            if taken is not None:
                found[repository] = taken
        asked = tuple(catalog) if name in self.lab.catalog else ()
        return Service(repositories=found, settings=told.settings, catalog=asked)

    def _catalog(self, client: RegistryClient) -> list[str]:
        """The student's repositories; the course's own is none of them."""
        return sorted(name for name in client.catalog() if name != addresses.TRIVY_DB)

    def _repositories(self, service: str, parameters: Mapping[str, Any], there: list[str]) -> dict[str, LayerPolicy]:
        wanted = self.lab.repositories_of(service, parameters, there)
        if len(wanted) > MAX_REPOSITORIES:
            raise CourseError(
                expected=f"at most {MAX_REPOSITORIES} repositories in {service}",
                found=str(len(wanted)),
                next_step="Delete those that you do not need any more, then try again.",
            )
        return wanted

    def _digests_in_answers(self) -> frozenset[str]:
        """Digests that answers name: their manifests travel even when no tag points at them any more."""
        recorded = answers.read(self.folder).values()
        texts = (a.value.strip() for a in recorded if isinstance(a.value, str))
        return frozenset(text for text in texts if manifests.is_digest(text))

    def files(self) -> dict[str, File]:
        """The lab's files that are there."""
        return {name: read_file(self.folder / name) for name in self.lab.files if (self.folder / name).is_file()}

    def notebook(self) -> dict[str, Any]:
        """The notebook as it is on disk.

        Raises:
            CourseError: not there or damaged.
        """
        return workspace.notebook(self.lab.slug, self.folder)

    def task(self, name: str, parameters: Mapping[str, Any]) -> TaskRun:
        """A code task, run on its visible cases in a fresh process."""
        part = self.lab.tasks[name]
        notebook = self.notebook()
        chosen = tasks.extract(notebook, name, part.function)
        newest = next((s.strip() for s in reversed(self.executed) if tasks.defines(s, part.function)), None)
        saved = {source.strip() for source, _ in tasks.sources(notebook)}
        if newest is not None and newest not in chosen.source and newest not in saved:
            note = (
                "This is the cell as you last ran it; the notebook on disk differs. "
                "Run the cell and save the notebook before you submit."
            )
            chosen = tasks.Extracted("found", newest, notes=(note,))
        slip = tasks.slip_in_last(self.executed, part.function)
        if slip:
            note = f"The cell that you ran last is not valid Python ({slip}). What was judged is the version before it."
            chosen = replace(chosen, notes=(*chosen.notes, note))
        return tasks.run_locally(chosen, part.function, visible_cases(self.lab, parameters).get(name, []), part.seconds)

    def inputs_of(self, answer: str) -> dict[str, str]:
        """The digests that the tags of an answer point at now: one request a tag, no snapshot."""
        current = {}
        for reference in answer_inputs(self.lab, self.parameters()).get(answer, ()):
            service, _, rest = reference.partition("/")
            name, _, tag = rest.rpartition(":")
            digest = self.client(service).head(name, tag)
            if digest is not None:
                current[reference] = digest
        return current

    def record(self, name: str, value: object) -> Answer:
        """Record an answer, with the state that it is about.

        Raises:
            CourseError: no such answer in this lab, or the value is not JSON data.
        """
        if name not in self.lab.answers:
            raise CourseError(
                expected="one of " + ", ".join(self.lab.answers),
                found=f"answer({name!r}, …)",
                next_step="Use the name that the task gives.",
            )
        answer = Answer(
            value=answers.plain(value),
            recorded_at=datetime.now(UTC).isoformat(timespec="seconds"),
            inputs=self.inputs_of(name),
        )
        answers.record(self.folder, name, answer)
        return answer


def answer_inputs(lab: Lab, parameters: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Answer name -> the tags it is about, with the parameters filled in."""
    return {name: tuple(ref.format_map(parameters) for ref in part.inputs) for name, part in lab.answers.items()}


CASES: Format[dict[str, list[Case]]] = Format(
    "the visible cases", "labs/NN-slug/cases.json", dict[str, list[Case]], by_hand=True, next_step="Correct that field."
)


def visible_cases(lab: Lab, parameters: Mapping[str, Any]) -> dict[str, list[Case]]:
    """The visible cases of each task: cases.json, and those that the lab's module makes from the parameters."""
    found: dict[str, list[Case]] = {}
    file = lab.source.cases
    if file.is_file():
        found = CASES.from_json(file.read_bytes())
    personal = getattr(lab.code(), "visible_cases", None)
    if personal is not None:
        for name, cases in personal(dict(parameters)).items():
            found.setdefault(name, []).extend(cases)
    return {name: lab.cases_of(name, cases) if name in lab.tasks else cases for name, cases in found.items()}


def read_file(file: Path) -> File:
    """A file as evidence; its text only where it is UTF-8 and at most 1 MiB."""
    size = file.stat().st_size
    sha, content = hashlib.sha256(), bytearray()
    with file.open("rb") as opened:
        while chunk := opened.read(1 << 20):
            sha.update(chunk)
            if size <= MAX_FILE:
                content += chunk
    try:
        text = content.decode("utf-8") if size <= MAX_FILE else None
    except UnicodeDecodeError:
        text = None
    return File(size=size, sha256=sha.hexdigest(), text=text)
