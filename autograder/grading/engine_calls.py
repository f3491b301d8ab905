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


def retried(
    action: Callable[[], T], fault: tuple[type[Exception], ...], pause: Callable[[float], None] = time.sleep
) -> tuple[T, int]:
    """What a call gives, tried again where the engine fails, and how often it had to be.

    Args:
        action: the call.
        fault: what it raises when the engine fails.
        pause: waits so many seconds.

    Raises:
        Exception: one of ``fault``, when it fails each time; whatever else it raises.
    """
    for attempt in range(TRIES - 1):
        try:
            return action(), attempt
        except fault:
            pause(PAUSE * 2**attempt)
    return action(), TRIES - 1


def answered(action: Callable[[], T], pause: Callable[[float], None] = time.sleep) -> T:
    """What a call of the engine gives, tried again where it fails.

    Raises:
        EnvironmentProblem: it fails each time.
    """
    try:
        return retried(action, faults(), pause)[0]
    except EnvironmentProblem:
        raise
    except faults() as fault:
        raise EnvironmentProblem(
            expected="a Docker engine that answers",
            found=words(fault),
            next_step="Look at the engine (`docker info`), then run the same command again: what is graded already "
            "stays.",
        ) from None


def connected(pause: Callable[[float], None] = time.sleep) -> DockerClient:
    """A client of the engine.

    Raises:
        EnvironmentProblem: there is none that can be used.
    """
    return answered(engine.connect, pause)
