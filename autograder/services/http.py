"""Requests to the kit's own services on this machine: never through a proxy, and with a time limit."""

from __future__ import annotations

import http.client
import re
import socket
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass

# What a connection that failed is told as; the first that fits.
WORDS: tuple[tuple[type[BaseException], str], ...] = (
    (ConnectionRefusedError, "the connection was refused"),
    (socket.gaierror, "no machine of that name is known"),
    (ssl.SSLCertVerificationError, "its certificate is not one that is trusted here"),
    (ssl.SSLError, "no TLS connection could be made"),
    (TimeoutError, "it did not answer in time"),
    (ConnectionError, "the connection broke off"),
    (http.client.HTTPException, "the connection broke off"),
)
_PYTHONS = re.compile(r"\b[A-Z]\w*(Error|Exception|Timeout|Pool|Disconnected|Read)\b|object at 0x")

_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True)
class Answer:
    """What came back: status 0 and the reason as text when nothing answered."""

    status: int
    text: str


def causes(error: BaseException) -> list[BaseException]:
    """An error and all that led to it: libraries bury the operating system's error in arguments and attributes."""
    seen: list[BaseException] = []
    waiting: list[object] = [error]
    while waiting:
        part = waiting.pop(0)
        if isinstance(part, BaseException) and part not in seen:
            seen.append(part)
            waiting += [*part.args, part.__cause__, part.__context__, getattr(part, "reason", None)]
    return seen


def in_words(error: BaseException) -> str:
    """Why a server or the engine gave no answer, for a person: no class names of Python, no addresses in memory."""
    told = getattr(error, "explanation", None)  # what the engine itself said
    if told or type(error).__module__.startswith("autograder."):  # the kit's own say it in words
        return str(told or error)
    found = causes(error)
    for kind, words in WORDS:
        if any(isinstance(part, kind) for part in found):
            return words
    system = next((part.strerror for part in found if isinstance(part, OSError) and part.strerror), None)
    text = str(system or error)
    return "the connection failed" if not text or _PYTHONS.search(text) else text


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
