"""Requests to the kit's own services on this machine: never through a proxy, and with a time limit."""

from __future__ import annotations

import http.client
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from autograder.network_errors import causes as causes  # for the engine's errors, too
from autograder.network_errors import in_words as in_words

_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True)
class Answer:
    """What came back: status 0 and the reason as text when nothing answered."""

    status: int
    text: str


def ask(url: str, *, method: str = "GET", headers: Mapping[str, str] | None = None, timeout: float = 5.0) -> Answer:
    """One request; an error status is an answer like any other.

    Args:
        url: where to.
        method: the HTTP method.
        headers: the request's headers.
        timeout: seconds for each step of it.
    """
    request = urllib.request.Request(url, method=method, headers=dict(headers or {}))
    try:
        with _OPENER.open(request, timeout=timeout) as answer:
            return Answer(answer.status, answer.read().decode("utf-8", errors="replace"))
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, error.read().decode("utf-8", errors="replace"))
    except (OSError, http.client.HTTPException) as error:
        return Answer(0, in_words(error))


def wait_until(ready: Callable[[], bool], seconds: float, alive: Callable[[], bool] = lambda: True) -> bool:
    """Poll until ``ready`` says yes, ``seconds`` are over, or ``alive`` says that there is nothing to wait for."""
    until, pause = time.monotonic() + seconds, 0.02
    while True:
        if ready():
            return True
        if time.monotonic() > until or not alive():
            return ready()
        time.sleep(pause)
        pause = min(pause * 1.5, 0.3)
