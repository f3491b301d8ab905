"""Why a connection failed, in words for a person: for every client of the kit, also inside the emulators' image."""

from __future__ import annotations

import http.client
import re
import socket
import ssl

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
