"""Answers to a client: JSON, errors in the registry's form, and the store's own answers passed on."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from autograder.emulators.interface import Call, RegistryError, StoreProblem
from autograder.oci.client import Answer

# Docker's `manifest` command insists on it: "unsupported registry version" otherwise.
VERSION = {"Docker-Distribution-Api-Version": "registry/2.0"}
# What travels from the store to the client; everything else stays behind.
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


def error_reply(error: RegistryError, method: str) -> Reply:
    """An error in the form of the distribution specification, "Error Codes"."""
    entry: dict[str, object] = {"code": error.code, "message": error.message}
    if error.detail is not None:
        entry["detail"] = error.detail
    reply = json_reply(error.status, {"errors": [entry]}, error.headers)
    if method == "HEAD":
        reply.body = ()
    return reply


def unknown_name(repository: str) -> RegistryError:
    """There is no such repository (distribution-spec, "Error Codes", code-7)."""
    return RegistryError(404, "NAME_UNKNOWN", "repository name not known to registry", {"name": repository})


def store_unavailable(problem: StoreProblem) -> RegistryError:
    """What a client sees when the store is out of reach."""
    message = "the store behind this registry does not answer; run `python3 course.py start`"
    return RegistryError(503, "UNAVAILABLE", message, problem.found)


def headers_of(answer: Answer) -> dict[str, str]:
    """The headers of the store's answer that are passed on to the client."""
    return {key.title(): answer.headers[key] for key in FROM_STORE if key in answer.headers}


def passed_on(call: Call, answer: Answer, more: Mapping[str, str]) -> Reply:
    """The store's answer with its body streaming."""
    headers = headers_of(answer)
    if call.method == "HEAD" or answer.status in (204, 304):
        answer.close()
        return Reply(answer.status, {**headers, **more})
    if answer.headers.get("content-length", "0") == "0":
        answer.close()
        return Reply(answer.status, {"Content-Length": "0", **headers, **more})
    return Reply(answer.status, {**headers, **more}, answer.pieces())
