"""Puts the emulators together from one configuration: database, clock, journal, store, one application per backend."""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autograder.domain.services import BY_NAME
from autograder.emulators.acr.backend import AcrBackend
from autograder.emulators.admin import PATH as ADMIN_PATH
from autograder.emulators.admin import Admin
from autograder.emulators.artifact_registry.backend import ArtifactRegistryBackend
from autograder.emulators.clock import EmulatorClock
from autograder.emulators.database import Database
from autograder.emulators.ecr.backend import EcrBackend
from autograder.emulators.ecr.trivy import TrivyScanner
from autograder.emulators.ecr.work_queue import WorkQueue
from autograder.emulators.hub.backend import HubBackend
from autograder.emulators.hub.limits import PullLimits
from autograder.emulators.interface import Backend, Context, RegistryError, WSGIApp
from autograder.emulators.journal import SqliteJournal
from autograder.emulators.locks import Locks
from autograder.emulators.readonly import PATH as READING_PATH
from autograder.emulators.readonly import ROOT, NoJournal, OwnersView
from autograder.emulators.registry.body import ClientGone
from autograder.emulators.registry.catalog import Catalog
from autograder.emulators.registry.proxy import Proxy
from autograder.emulators.registry.reply import error_reply
from autograder.emulators.registry.store import PrefixedStore, StoreClient
from autograder.emulators.registry.zero_copy import BlobFiles


@dataclass(frozen=True)
class Configuration:
    """What an installation gives its emulators.

    Attributes:
        state: the folder for everything durable.
        store: the store's address, ``http://HOST:PORT``.
        ports: service -> port to listen on.
        admin_secret: opens ``/_course/``.
        secret: 32 bytes that sign tokens.
        credentials: service -> its accounts, passwords and keys.
        scanner: what ECR's scans are made with, a Trivy program and its cache folder; None: no scanner.
        files: the store's folder, readable; None where it is not at hand, and blobs then pass through the process.
    """

    state: Path
    store: str
    ports: dict[str, int]
    admin_secret: str
    secret: bytes
    credentials: dict[str, dict[str, Any]]
    scanner: tuple[Path, Path] | None = None
    files: Path | None = None

    @classmethod
    def read(cls, path: Path) -> Configuration:
        """Read a JSON file. Raises ValueError or KeyError when it is not a configuration."""
        data = json.loads(path.read_text(encoding="utf-8"))
        return cls(
            state=Path(data["state"]),
            store=data["store"],
            ports={service: int(port) for service, port in data["ports"].items()},
            admin_secret=data["admin_secret"],
            secret=bytes.fromhex(data["secret"]),
            credentials=data["credentials"],
            scanner=(Path(data["scanner"]["program"]), Path(data["scanner"]["cache"])) if data.get("scanner") else None,
            files=Path(data["files"]) if data.get("files") else None,
        )


class Emulators:
    """All backends of an installation over one store."""

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        configuration.state.mkdir(parents=True, exist_ok=True)
        self.database = Database(configuration.state / "standins.sqlite3")
        self.clock = EmulatorClock(configuration.state / "clock.json")
        self.journal = SqliteJournal(self.database, self.clock)
        self.store = StoreClient(configuration.store)
        self._files = BlobFiles(self.store, configuration.files)
        self._locks = Locks()
        makers: dict[str, Callable[[Context], Backend]] = {
            "dockerhub": self._hub,
            "ecr": self._ecr,
            "artifact-registry": self._artifact_registry,
            "acr": self._acr,
        }
        self.backends = {service: makers[service](self._context(service)) for service in configuration.ports}
        self.admin = Admin(self.backends, self.journal, self.clock, self.store, configuration.admin_secret)

    def _catalog(self, service: str) -> Catalog:
        return Catalog(self.database, service, self.clock)

    def _hub(self, context: Context) -> Backend:
        limits = PullLimits(self.database, self.clock, context.credentials["publisher"])
        return HubBackend(context, self._catalog("dockerhub"), limits)

    def _artifact_registry(self, context: Context) -> Backend:
        return ArtifactRegistryBackend(context, self._catalog("artifact-registry"))

    def _acr(self, context: Context) -> Backend:
        return AcrBackend(context, self._catalog("acr"))

    def _ecr(self, context: Context) -> Backend:
        if self._configuration.scanner is None:
            return EcrBackend(context)
        program, cache = self._configuration.scanner
        prefix = BY_NAME[EcrBackend.service].prefix
        return EcrBackend(context, TrivyScanner(program, cache, self._configuration.store, prefix), WorkQueue())

    def _context(self, service: str) -> Context:
        state = self._configuration.state / service
        state.mkdir(exist_ok=True)
        return Context(
            state=state,
            store=PrefixedStore(self.store, BY_NAME[service].prefix),
            journal=self.journal,
            clock=self.clock,
            lock=self._locks.of(service),
            credentials=self._configuration.credentials[service],
            secret=self._configuration.secret,
        )

    def reconcile(self) -> list[str]:
        """Make every backend agree with the store; raises StoreProblem if the store does not answer."""
        return [line for backend in self.backends.values() for line in backend.reconcile()]

    def application(self, service: str) -> WSGIApp:
        """Everything on one service's port."""
        backend = self.backends[service]
        proxy = Proxy(backend, self.store, self.journal, self._locks.of(service), self._files)
        view = OwnersView(backend, self._configuration.admin_secret)
        reading = Proxy(view, self.store, NoJournal(), self._locks.of(service), self._files)

        def serve(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
            path = str(environ.get("PATH_INFO", ""))
            if path.startswith(READING_PATH):
                return reading({**environ, "PATH_INFO": path.removeprefix(ROOT)}, start_response)
            if path.startswith(ADMIN_PATH):
                return self.admin(environ, start_response)
            if path not in backend.api_paths and (path == "/v2" or path.startswith("/v2/")):
                return proxy(environ, start_response)
            if backend.api is not None:
                return backend.api(environ, start_response)
            return error_reply(RegistryError(404, "UNSUPPORTED", "page not found"), "GET").send(start_response)

        def guarded(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
            """Answer an unexpected exception with 500 in the registry's form; its traceback goes to the log."""
            try:
                return serve(environ, start_response)
            except ClientGone:
                raise
            except Exception:
                sys.stderr.write(traceback.format_exc())
                fault = RegistryError(500, "UNKNOWN", f"the {service} emulator failed; its log says why")
                return error_reply(fault, str(environ["REQUEST_METHOD"])).send(start_response)

        return guarded

    def close(self) -> None:
        """Close the database."""
        self.database.close()
