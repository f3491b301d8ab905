"""Calls of the engine while a class is graded: tried again a few times, and then a problem in words.

An engine that refuses a connection now and then, or is started anew, must not end a run in which others were graded.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from autograder.errors import CourseError, EnvironmentProblem
from autograder.services import engine, http

if TYPE_CHECKING:
    from docker import DockerClient

T = TypeVar("T")
TRIES = 3
PAUSE = 1.0  # seconds before the second try; twice as long before the third


def faults() -> tuple[type[Exception], ...]:
    """What a call raises when the engine fails, or cannot be reached."""
    from docker.errors import DockerException
    from requests.exceptions import RequestException

    return EnvironmentProblem, DockerException, RequestException, OSError


def words(fault: Exception) -> str:
    """A fault on one line."""
    return fault.found if isinstance(fault, CourseError) else http.in_words(fault)


def retried(action: Callable[[], T], pause: Callable[[float], None] = time.sleep) -> T:
    """What a call gives, tried again where the engine fails.

    Raises:
        EnvironmentProblem: it fails each time.
    """
    for attempt in range(TRIES):
        try:
            return action()
        except faults() as fault:
            if attempt == TRIES - 1:
                if isinstance(fault, EnvironmentProblem):
                    raise
                raise EnvironmentProblem(
                    expected="a Docker engine that answers",
                    found=words(fault),
                    next_step="Look at the engine (`docker info`), then run the same command again: what is graded "
                    "already stays.",
                ) from None
        pause(PAUSE * 2**attempt)
    raise AssertionError("unreachable")


def connected(pause: Callable[[float], None] = time.sleep) -> DockerClient:
    """A client of the engine.

    Raises:
        EnvironmentProblem: there is none that can be used.
    """
    return retried(engine.connect, pause)
