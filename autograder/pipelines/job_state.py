"""What one job of a pipeline has while it runs: a daemon, logins, images and files; and what it lacks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Final, Literal

from autograder.domain import references
from autograder.domain.limits import NAMES, Budget
from autograder.pipelines.shell import is_known
from autograder.pipelines.tools import ALL_TAGS, HUB, Effect

Lack = Literal["engine", "tls", "login", "image", "file", "builder", "checkout", "permissions", "shell"]


# Larger files are not followed: each run of a file takes time, and a lab's checks ask for many.
MAX_JOBS: Final = 40
MAX_STEPS: Final = 60  # of all jobs together
MAX_VARIABLES: Final = 50  # in one place
MAX_ISSUES: Final = 40  # of a run that are kept
MAX_WORK: Final = 1_500  # of one run: variables, expressions, commands, rules, in every combination of a matrix


class Unsupported(ValueError):
    """A workflow or pipeline that cannot be followed; the text says why."""


@dataclass
class Work:
    """How much of a run was followed.

    Attributes:
        done: pieces of work.
        text: what its expressions, variables and scripts may still come to when they are written out.
    """

    done: int = 0
    text: Budget = field(default_factory=lambda: Budget(error=Unsupported))

    def add(self, more: int) -> None:
        """Count what comes next.

        Raises:
            Unsupported: it is too much.
        """
        self.done += more
        if self.done > MAX_WORK:
            raise Unsupported(
                f"its steps, their variables, commands, rules and patterns, in every combination of a matrix, are more "
                f"than {MAX_WORK} together, and so many are not followed"
            )


@dataclass(frozen=True)
class Issue:
    """Why a step would fail: the kind of what is missing, and a sentence."""

    kind: Lack
    text: str


@dataclass(frozen=True)
class Push:
    """One name that is pushed.

    Attributes:
        image: the full name, as it was written.
        where: the step or command.
        origin: the name of the image in a registry that it is a copy of; nothing where it was built in this run.
        decides: the word of a shell script that decides whether it happens.
    """

    image: str
    where: str
    origin: str = ""
    decides: str = ""


@dataclass
class Record:
    """What happened in a run.

    Attributes:
        pushes: in order.
        gates: scans of an image of this run that stop it on findings.
        weak: scans that do not, with the reason.
        issues: what would fail.
        builds: places where an image is built.
        ignored: steps and jobs that a gate stopped, and after which the run went on as if it had not.
    """

    pushes: list[Push] = field(default_factory=list)
    gates: list[str] = field(default_factory=list)
    weak: list[str] = field(default_factory=list)
    issues: list[Issue] = field(default_factory=list)
    builds: list[str] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)


@lru_cache(maxsize=4096)  # each push asks for all that is held
def canonical(name: str) -> str:
    """A name with all that Docker fills in; as it is where that cannot be told."""
    try:
        return references.parse(name).canonical()
    except references.InvalidReference:
        return name


@lru_cache(maxsize=4096)
def repository(name: str) -> str:
    """Registry and repository of a name."""
    try:
        found = references.parse(name)
    except references.InvalidReference:
        head, colon, tail = name.partition("@")[0].rpartition(":")
        return head if colon and "/" not in tail else name
    return f"{found.registry}/{found.repository}"


def host(name: str) -> str:
    """The registry of a name."""
    return repository(name).partition("/")[0] if "/" in name else HUB


def base(file: str) -> str:
    """A file's own name: jobs are not followed from folder to folder."""
    return PurePosixPath(file).name


@dataclass
class JobState:
    """A job that runs.

    Attributes:
        record: what it adds to.
        no_engine: why it has no container engine, "engine" or "tls"; None where it has one.
        pushed: names that the run has pushed before: they can be pulled, scanned and copied.
        images: name -> origin (see :class:`Push`) of what the engine holds.
        files: archive -> the images in it.
    """

    record: Record
    no_engine: Issue | None = None
    pushed: set[str] = field(default_factory=set)
    images: dict[str, str] = field(default_factory=dict)
    files: dict[str, dict[str, str]] = field(default_factory=dict)
    hosts: set[str] = field(default_factory=set)

    def lacks(self, kind: Lack, text: str) -> None:
        """Note what is missing."""
        issue = Issue(kind, text)
        if len(self.record.issues) < MAX_ISSUES and issue not in self.record.issues:
            self.record.issues.append(issue)

    def is_gate(self, effect: Effect) -> bool:
        """Whether a scan judges an image of this run and stops it on findings."""
        return effect.kind == "scan" and not effect.fault and not effect.decides and self._knows(effect)

    def _knows(self, effect: Effect) -> bool:
        if effect.file:
            return base(effect.file) in self.files or not is_known(effect.file)
        return any(canonical(name) in self.images or canonical(name) in self.pushed for name in effect.images)

    def apply(self, effect: Effect) -> None:
        """Let an effect happen.

        Raises:
            Unsupported: the job holds or pushes more names than are followed.
        """
        if max(len(self.images), len(self.record.pushes)) + len(effect.images) > NAMES.most:
            raise Unsupported(f"{effect.where} comes to more than {NAMES.most:,} {NAMES.unit}")
        if effect.engine and self.no_engine:
            self.lacks(self.no_engine.kind, f"{effect.where} needs a Docker daemon: {self.no_engine.text}")
        handler = getattr(self, f"_{effect.kind}", None)
        if handler is not None:
            handler(effect)

    def _build(self, effect: Effect) -> None:
        self.record.builds.append(effect.where)
        if effect.loads:
            self.images |= {canonical(name): "" for name in effect.images}

    def _tag(self, effect: Effect) -> None:
        origin = self._held(effect, effect.source, "tags")
        self.images |= {canonical(name): origin for name in effect.images}

    def _held(self, effect: Effect, name: str, does: str) -> str:
        """The origin of an image that the engine should hold."""
        if canonical(name) not in self.images:
            self.lacks("image", f"{effect.where} {does} {name or 'nothing'}, which this job neither built nor loaded.")
        return self.images.get(canonical(name), "")

    def _pull(self, effect: Effect) -> None:
        self.images |= {canonical(name): canonical(name) for name in effect.images}

    def _load(self, effect: Effect) -> None:
        if base(effect.file) in self.files:
            self.images |= self.files[base(effect.file)]
        else:
            self.lacks(
                "file",
                f"{effect.where} reads {effect.file}, which no earlier step of this job wrote and no other job "
                "handed on to it.",
            )

    def _save(self, effect: Effect) -> None:
        self.files[base(effect.file)] = {canonical(name): self._held(effect, name, "saves") for name in effect.images}

    def _login(self, effect: Effect) -> None:
        if effect.fault:
            self.lacks("login", f"{effect.where} {effect.fault}.")
        self.hosts.add(HUB if effect.host in references_of_hub() else effect.host)

    def _scan(self, effect: Effect) -> None:
        if effect.decides:
            self.record.weak.append(f"{effect.where} stands inside the shell's {effect.decides}")
        elif effect.fault:
            self.record.weak.append(f"{effect.where} {effect.fault}")
        elif not self._knows(effect):
            target = effect.file or ", ".join(effect.images) or "nothing"
            self.record.weak.append(f"{effect.where} scans {target}, which this run has not built before")
        else:
            self.record.gates.append(effect.where)

    def _push(self, effect: Effect) -> None:
        names = list(self._all_tags(effect.images))
        if not names:
            self.lacks("image", f"{effect.where} pushes, and names no image.")
        for name in names:
            if host(name) not in self.hosts and is_known(host(name)):
                self.lacks("login", f"{effect.where} pushes to {host(name)}, and no step before it in its job logs in "
                           "there.")  # fmt: skip
            origin = canonical(effect.source) if effect.copies else ""
            if effect.copies and origin in self.pushed:
                origin = ""
            if not effect.copies and effect.source not in ("build", "file"):
                origin = self._held(effect, name, "pushes")
            self.record.pushes.append(Push(name, effect.where, origin, effect.decides))
            self.pushed.add(canonical(name))

    def _all_tags(self, names: Iterable[str]) -> Iterable[str]:
        for name in names:
            if name.endswith(f":{ALL_TAGS}"):
                prefix = repository(name.removesuffix(f":{ALL_TAGS}"))
                yield from (held for held in self.images if repository(held) == prefix)
            else:
                yield name


def references_of_hub() -> tuple[str, ...]:
    """Under what names Docker Hub is logged in to."""
    return (HUB, "index.docker.io", "https://index.docker.io/v1/", "registry-1.docker.io", "registry.hub.docker.com")
