"""Answers to a client: JSON, errors in the registry's form, and what the store said, passed on."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from autograder.services.standins import relay
from autograder.services.standins.interface import Call, Refusal, StoreProblem
from autograder.services.standins.store import Answer

# Docker's `manifest` command insists on it: "unsupported registry version" otherwise.
VERSION = {"Docker-Distribution-Api-Version": "registry/2.0"}
# What travels from the store to the client; everything else stays behind.
STRAIGHT = 1 << 20  # bytes of a body from which on it goes from socket to socket
FROM_STORE = (
    "accept-ranges",
    "content-length",
    "content-range",
    "content-type",
    "docker-content-digest",
    "docker-upload-uuid",
    "etag",
    "oci-chunk-min-length",
    "range",
)


class Passing:
    """The store's answer on its way to the client: in pieces, or straight from socket to socket if it is large."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        return self._answer.pieces()

    @property
    def straight(self) -> bool:
        """Whether :meth:`send_to` can be used and is worth the connection that it costs."""
        return relay.AVAILABLE and (self._answer.length or 0) >= STRAIGHT

    def send_to(self, client: socket.socket) -> None:
        """Send the whole body. Raises StoreProblem and OSError as ``Answer.send_to``."""
        self._answer.send_to(client)

    def close(self) -> None:
        """Let go of the store, whatever was sent; WSGI servers call it."""
        self._answer.close()


@dataclass
class Reply:
    """An answer to the client."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: Iterable[bytes] = ()

    def send(self, start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Hand it to the WSGI server."""
        start_response(f"{self.status} {HTTPStatus(self.status).phrase}", list({**VERSION, **self.headers}.items()))
        return self.body


def json_reply(status: int, value: object, headers: Mapping[str, str] | None = None) -> Reply:
    """An answer with a JSON body."""
    body = json.dumps(value).encode()
    framing = {"Content-Type": "application/json; charset=utf-8", "Content-Length": str(len(body))}
    return Reply(status, {**framing, **(headers or {})}, [body])


def error_reply(refusal: Refusal, method: str) -> Reply:
    """An error in the form of the distribution specification, "Error Codes"."""
    error: dict[str, object] = {"code": refusal.code, "message": refusal.message}
    if refusal.detail is not None:
        error["detail"] = refusal.detail
    reply = json_reply(refusal.status, {"errors": [error]}, refusal.headers)
    if method == "HEAD":
        reply.body = ()
    return reply


def unknown_name(repository: str) -> Refusal:
    """There is no such repository (distribution-spec, "Error Codes", code-7)."""
    return Refusal(404, "NAME_UNKNOWN", "repository name not known to registry", {"name": repository})


def store_refusal(problem: StoreProblem) -> Refusal:
    """What a client sees when the store is out of reach."""
    return Refusal(
        503, "UNAVAILABLE", "the store behind this registry does not answer; run `course start`", str(problem)
    )


def passed_on(call: Call, answer: Answer, more: Mapping[str, str]) -> Reply:
    """The store's answer with its body streaming."""
    headers = {key.title(): answer.headers[key] for key in FROM_STORE if key in answer.headers}
    if call.method == "HEAD" or answer.status in (204, 304):
        answer.close()
        return Reply(answer.status, {**headers, **more})
    if answer.headers.get("content-length", "0") == "0":
        answer.close()
        return Reply(answer.status, {"Content-Length": "0", **headers, **more})
    return Reply(answer.status, {**headers, **more}, Passing(answer))
