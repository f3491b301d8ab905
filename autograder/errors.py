"""The one error type that reaches a person: what was expected, what was found, what to do next."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """Exit statuses of every command."""

    OK = 0
    NO = 1  # the answer is no: a check failed, a policy is invalid
    USAGE = 2  # wrong usage or input
    ENVIRONMENT = 3  # no engine, port taken, disk full


class CourseError(Exception):
    """Something the person at the keyboard can act on.

    Attributes:
        expected: what the kit needed, as one sentence.
        found: what it met instead, as one sentence.
        next_step: what to do now, as one or more sentences.
        exit_code: the exit status a command ends with.
    """

    exit_code: Exit = Exit.USAGE

    def __init__(self, *, expected: str, found: str, next_step: str, exit_code: Exit | None = None) -> None:
        super().__init__(f"{found} (expected: {expected}; next: {next_step})")
        self.expected = expected
        self.found = found
        self.next_step = next_step
        if exit_code is not None:
            self.exit_code = exit_code


class EnvironmentProblem(CourseError):
    """The machine lacks something: no engine, a port taken, a full disk."""

    exit_code = Exit.ENVIRONMENT
