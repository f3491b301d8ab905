"""The way in for the `course` command: ``/_course/…`` on each port, opened by this installation's secret only.

``GET /_course/health`` needs no secret and says whether the store answers. Everything else is ``POST`` with
``Authorization: Bearer SECRET`` and a JSON object: ``/_course/clock`` (``seconds``), ``/_course/journal``
(``service``, optional), ``/_course/snapshot/SERVICE`` (``journal``, optional),
``/_course/SERVICE/forget`` (``repository``) and ``/_course/SERVICE/OPERATION``.
"""

from __future__ import annotations

import hmac
import json
import threading
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import Any

from autograder.emulators.clock import EmulatorClock, stamp
from autograder.emulators.interface import Backend, Journal, RegistryError, StoreProblem
from autograder.emulators.registry.body import RequestBody
from autograder.emulators.registry.reply import Reply, error_reply, json_reply, store_unavailable
from autograder.emulators.registry.store import StoreClient

PATH = "/_course/"
BODY_LIMIT = 4 * 1024 * 1024
DAY = timedelta(days=1)
SCHEMA = 1  # of a snapshot
LONGEST = timedelta(days=3660)  # ten years; a night costs a few milliseconds


class Admin:
    """The WSGI application below ``/_course/``."""

    def __init__(
        self,
        backends: Mapping[str, Backend],
        journal: Journal,
        clock: EmulatorClock,
        store: StoreClient,
        secret: str,
    ) -> None:
        self._backends = backends
        self._journal = journal
        self._clock = clock
        self._store = store
        self._secret = secret
        self._night = threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        body = RequestBody(environ)
        path = str(environ["PATH_INFO"]).removeprefix(PATH)
        method = str(environ["REQUEST_METHOD"])
        try:
            content = body.whole(BODY_LIMIT)
            if path == "health":
                return self._health().send(start_response)
            self._check(method, str(environ.get("HTTP_AUTHORIZATION", "")))
            return json_reply(200, self._answer(path.split("/"), _arguments(content))).send(start_response)
        except RegistryError as error:
            return error_reply(error, method).send(start_response)
        except StoreProblem as problem:
            return error_reply(store_unavailable(problem), method).send(start_response)

    def _health(self) -> Reply:
        """503 while the store does not answer."""
        store = self._store.ready()
        return json_reply(200 if store else 503, {"ready": store, "services": sorted(self._backends)})

    def _check(self, method: str, authorization: str) -> None:
        if not hmac.compare_digest(authorization.encode(), f"Bearer {self._secret}".encode()):
            raise RegistryError(401, "UNAUTHORIZED", "this installation's secret is needed")
        if method != "POST":
            raise RegistryError(405, "UNSUPPORTED", "The operation is unsupported.", headers={"Allow": "POST"})

    def _answer(self, path: list[str], arguments: dict[str, Any]) -> object:
        try:
            if path == ["clock"]:
                return self._advance(**arguments)
            if path == ["journal"]:
                return self._journal.lines(**arguments)
            if len(path) == 2 and path[0] == "snapshot" and path[1] in self._backends:
                return self._snapshot(path[1], **arguments)
            if len(path) == 2 and path[0] in self._backends and path[1] == "forget":
                return {"gone": self._backends[path[0]].forget(**arguments)}
            if len(path) == 2 and path[0] in self._backends:
                return self._backends[path[0]].admin(path[1], arguments)
        except LookupError as error:
            raise RegistryError(404, "NOT_FOUND", f"no such operation: {error}") from error
        except (TypeError, ValueError) as error:
            raise RegistryError(400, "INVALID_ARGUMENT", str(error)) from error
        raise RegistryError(404, "NOT_FOUND", "no such operation")

    def _snapshot(self, service: str, journal: int | None = None) -> dict[str, Any]:
        """The whole state of one service, and its journal: every line, or the last ``journal`` ones."""
        return {
            "schema": SCHEMA,
            "service": service,
            "taken": stamp(self._clock.now()),
            "clockOffsetSeconds": self._clock.offset().total_seconds(),
            "state": self._backends[service].snapshot(),
            "journal": self._journal.lines(service, journal),
        }

    def _advance(self, seconds: float) -> dict[str, Any]:
        """Move the clock day by day, each day ending with what the clouds run overnight; ``seconds`` 0 only tells."""
        by = timedelta(seconds=seconds)
        if by > LONGEST:
            raise ValueError(f"at most {LONGEST.days} days at once")
        gone: list[dict[str, Any]] = []
        with self._night:
            if by:
                self._journal.record("clock", "owner", "advance", detail={"seconds": by.total_seconds()})
            while by != timedelta(0):
                step = min(by, DAY)
                self._clock.advance(step)
                by -= step
                for service, backend in self._backends.items():
                    gone += [{"service": service, **entry} for entry in backend.overnight()]
        return {"now": stamp(self._clock.now()), "offset": self._clock.offset().total_seconds(), "gone": gone}


def _arguments(content: bytes) -> dict[str, Any]:
    try:
        value = json.loads(content or b"{}")
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise RegistryError(400, "INVALID_ARGUMENT", "the request must be a JSON object")
    return value
