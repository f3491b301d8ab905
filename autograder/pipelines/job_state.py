"""What a run leaves behind, how much of it is followed, and the names of images."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, Literal

from autograder.domain import references
from autograder.domain.limits import NAMES, Budget

Lack = Literal["engine", "tls", "login", "image", "file", "builder", "checkout", "permissions", "shell", "script"]

# Larger files are not followed: each run of a file takes time, and a lab's checks ask for many.
MAX_JOBS: Final = 40
MAX_STEPS: Final = 60  # of all jobs together
MAX_VARIABLES: Final = 50  # in one place
MAX_ISSUES: Final = 40  # of a run that are kept
MAX_WORK: Final = 1_500  # of one run: variables, expressions, commands, rules, in every combination of a matrix
MAX_NAMES: Final = NAMES.most  # that a job holds, or a run pushes
MAX_LINES: Final = 400  # of a run that are kept
HUB: Final = "docker.io"


class Unsupported(ValueError):
    """A workflow or pipeline that cannot be followed; the text says why."""


class NotDecided(Unsupported):
    """What this machine did not get through in time, or a clock of ours cut short: that is no fault of the file."""


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
class Finding:
    """What scanners find in a run: one vulnerability, in one image.

    Attributes:
        image: the identity of the image that has it.
        severity: ``HIGH`` or ``CRITICAL``.
        packages: ``os`` or ``library``, the kind of package that has it.
    """

    image: str
    severity: str
    packages: str


@dataclass(frozen=True)
class Image:
    """An image, known by what it was made from.

    Attributes:
        id: 64 hexadecimal digits; two images with the same ones are the same.
        words: what it is, for messages.
        origin: its name in a registry, where this run did not build it.
        parts: the identities of the images of a list.
    """

    id: str
    words: str
    origin: str = ""
    parts: tuple[str, ...] = ()

    def holds(self, id: str) -> bool:
        """Whether it is an image, or a list with it."""
        return id == self.id or id in self.parts


@dataclass(frozen=True)
class Issue:
    """Why a step would fail: the kind of what is missing, and a sentence."""

    kind: Lack
    text: str


@dataclass(frozen=True)
class Push:
    """One name that is pushed.

    Attributes:
        name: the full name, as it was written.
        where: the step or command.
        image: what is pushed.
    """

    name: str
    where: str
    image: Image


@dataclass(frozen=True)
class Scan:
    """A scan of an image.

    Attributes:
        where: the step or command.
        target: what it was told to scan.
        image: what that is; None where it is nothing that this run has built.
        fault: why it stops nothing, or not everything that it should.
    """

    where: str
    target: str
    image: Image | None
    fault: str = ""


@dataclass
class Record:
    """What happened in a run.

    Attributes:
        pushes: in order.
        scans: in order.
        issues: what would fail.
        builds: places where an image is built, with the image.
        ignored: steps and jobs that a finding stopped, and after which the run went on as if it had not.
        unclear: what no table of ours holds, so that nobody can say here what it does.
        lines: what happened, one line each.
    """

    pushes: list[Push] = field(default_factory=list)
    scans: list[Scan] = field(default_factory=list)
    issues: list[Issue] = field(default_factory=list)
    builds: list[tuple[str, Image]] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
    unclear: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)

    def lacks(self, kind: Lack, text: str) -> None:
        """Note what is missing."""
        issue = Issue(kind, text)
        if len(self.issues) < MAX_ISSUES and issue not in self.issues:
            self.issues.append(issue)

    def doubt(self, text: str) -> None:
        """Note what nobody can say here."""
        if len(self.unclear) < MAX_ISSUES and text not in self.unclear:
            self.unclear.append(text)

    def tell(self, line: str) -> None:
        """Add a line to what happened."""
        if len(self.lines) < MAX_LINES:
            self.lines.append(line)


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
    return repository(name).partition("/")[0] if "/" in repository(name) else HUB
