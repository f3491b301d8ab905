"""Asks the emulators to do what a cloud's console or command would: the client of their ``/_course/`` address."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

from autograder.errors import CourseError, EnvironmentProblem, Exit
from autograder.services import addresses, cloud_credentials, http, installation

SECONDS = 600.0  # advancing the clock by years takes a while


def healthy(port: int) -> bool:
    """Whether the backend on a port answers and has its store behind it."""
    return http.ask(addresses.url(port, "/_course/health")).status == 200


def call(service: str, operation: str, **arguments: Any) -> Any:
    """One helper operation of a service.

    Raises:
        CourseError: the service refuses; ``found`` is its text.
        EnvironmentProblem: it does not answer.
    """
    return _post(service, f"{service}/{operation}", arguments)


def forget(service: str, repository: str) -> bool:
    """Remove a repository with everything in it, whatever rules and locks say. Returns whether it was there."""
    return bool(call(service, "forget", repository=repository)["gone"])


def snapshot(service: str, lines: int | None = None) -> dict[str, Any]:
    """Everything a service knows, without secrets, and its journal: every line, or the last so many."""
    return dict(_post(service, f"snapshot/{service}", {"journal": lines}))


def journal(service: str | None = None) -> list[dict[str, Any]]:
    """The journal, oldest line first."""
    return list(_post(service or "dockerhub", "journal", {"service": service}))


def advance(seconds: float) -> dict[str, Any]:
    """Move the emulators' clock; 0 only tells the time. Returns ``now``, ``offset`` (s) and ``gone``."""
    return dict(_post("dockerhub", "clock", {"seconds": seconds}))


def _post(service: str, path: str, arguments: dict[str, Any]) -> Any:
    state = installation.load()
    secrets = cloud_credentials.find()
    if service not in state.ports or secrets is None:
        raise _down(service, "it was never started here")
    request = urllib.request.Request(
        addresses.url(state.ports[service], f"/_course/{path}"),
        data=json.dumps(arguments).encode(),
        headers={"Authorization": f"Bearer {secrets['admin_secret']}", "Content-Type": "application/json"},
        method="POST",
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=SECONDS) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            raise _refused(service, path, error) from None
    except (OSError, ValueError) as error:
        raise _down(service, str(getattr(error, "reason", None) or error)) from None


def _refused(service: str, path: str, error: urllib.error.HTTPError) -> CourseError:
    try:
        text = str(json.load(error)["errors"][0]["message"])
    except (ValueError, LookupError, TypeError):
        text = f"HTTP {error.code}"
    if error.code >= 500:
        return _down(service, text)
    return CourseError(
        expected=f"the {service} emulator to do {path.rpartition('/')[2]}",
        found=text,
        next_step="Correct the command, then run it again.",
        exit_code=Exit.NO if error.code in (402, 403, 405, 409) else Exit.USAGE,
    )


def _down(service: str, found: str) -> EnvironmentProblem:
    return EnvironmentProblem(
        expected=f"the {service} emulator to answer", found=found, next_step="Run: python3 course.py start"
    )
