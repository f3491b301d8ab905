"""What ``course doctor`` says of Trivy: where it is, which version, and whether that version may run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from autograder.errors import EnvironmentProblem
from autograder.scanning import trivy, trivy_cli
from autograder.services.doctor import Problem


@dataclass(frozen=True)
class Scanner:
    """The Trivy that `course trivy` would run.

    Attributes:
        version: "0.76.0".
        origin: "PATH", "the pinned wheel" or "the container image".
        path: of the program; None for the image.
    """

    version: str
    origin: str
    path: Path | None = None

    def __str__(self) -> str:
        return f"Trivy {self.version} from {self.origin}"


def look(path: str | None = None) -> tuple[Scanner, list[Problem]]:
    """The scanner, and what is wrong with any Trivy that is on this machine.

    Args:
        path: a PATH to look in instead of the environment's.
    """
    found: list[Scanner] = []
    problems: list[Problem] = []
    for place, origin in trivy.candidates(path):
        try:
            version = trivy.version_of(place)
            found.append(Scanner(version, origin, place))
            trivy.refuse_compromised(trivy.Trivy(place, version, origin))
        except EnvironmentProblem as problem:
            code = "trivy-compromised" if found and found[-1].path == place else "trivy-broken"
            problems.append(Problem(code, problem.found, problem.next_step))
    return (found or [Scanner(trivy_cli.IMAGE_VERSION, "the container image")])[0], problems
