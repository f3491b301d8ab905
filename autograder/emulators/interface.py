"""The contract between the shared proxy and a cloud's backend: the calls a backend gets and the tools it is given.

A backend never talks HTTP to a client and never touches blob bytes. For each request to ``/v2/`` the proxy asks it, in
this order: who is this (:meth:`Backend.authenticate`), may they (:meth:`Backend.authorise`), and for manifests a
*check* before and a *commit* after the store has acted. A check or a commit refuses by raising :class:`RegistryError`.
The answer goes out only after the commit has returned, so what was acknowledged is durable.

Tags live in the backend's :class:`ImageIndex`, never in the store: the proxy writes and reads manifests of the store by
digest only. So a tag is moved, made immutable or removed in one place, API and ``/v2/`` answer from the same data, and
a process killed between the two writes leaves at worst bytes that no one was told about.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from autograder.oci.client import Unreachable

WSGIApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
Headers = Mapping[str, str]


class Action(StrEnum):
    """What a request wants to do with a repository; the words of the token specification.

    https://distribution.github.io/distribution/spec/auth/scope/
    """

    PULL = "pull"
    PUSH = "push"
    DELETE = "delete"


class Kind(StrEnum):
    """The endpoints of the distribution API (https://github.com/opencontainers/distribution-spec, "Endpoints")."""

    BASE = "base"  # /v2/
    CATALOG = "catalog"  # /v2/_catalog
    TAGS = "tags"  # /v2/NAME/tags/list
    MANIFEST = "manifest"  # /v2/NAME/manifests/REFERENCE
    BLOB = "blob"  # /v2/NAME/blobs/DIGEST
    UPLOAD = "upload"  # /v2/NAME/blobs/uploads/[ID]
    REFERRERS = "referrers"  # /v2/NAME/referrers/DIGEST


class RegistryError(Exception):
    """An answer other than success, in the cloud's own words.

    Attributes:
        status: the HTTP status.
        code: the distribution error code, for example ``DENIED``.
        message: the cloud's text; Docker prints it after the code in lower case.
        detail: the JSON value of ``detail``; left out of the answer when None.
        headers: further headers, for example ``WWW-Authenticate``.
        digest: of the manifest that was refused, for the journal; "" where there is none.
    """

    def __init__(
        self, status: int, code: str, message: str, detail: object = None, headers: Headers | None = None
    ) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.detail = detail
        self.headers = dict(headers or {})
        self.digest = ""


@dataclass(frozen=True)
class Call:
    """One request to ``/v2/``, already parsed and validated.

    Attributes:
        method: GET, HEAD, POST, PUT, PATCH or DELETE.
        kind: the endpoint.
        repository: the name as the client wrote it, without the store's prefix; "" for BASE and CATALOG.
        reference: tag, digest or upload id, by kind; "" if there is none.
        query: the query's parameters, first value each.
        headers: the request's headers, names in lower case.
        host: the address the client used, from the Host header, for example ``localhost:5003``.
        client: the client's network address.
    """

    method: str
    kind: Kind
    repository: str = ""
    reference: str = ""
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Headers = field(default_factory=dict)
    host: str = ""
    client: str = ""


@dataclass(frozen=True)
class Caller:
    """Who asks. ``name`` is "" for an anonymous caller; ``claims`` is whatever the backend's authenticate knows."""

    name: str
    claims: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Manifest:
    """A manifest as it travels: the exact bytes, so that ``digest`` is sha256 of ``body``.

    Attributes:
        repository: the client's name of the repository, without the store's prefix.
        tag: the tag it is pushed under; None when it is pushed by digest.
        digest: ``sha256:…`` of ``body``.
        media_type: the Content-Type it was pushed with.
        body: the bytes.
    """

    repository: str
    tag: str | None
    digest: str
    media_type: str
    body: bytes


class ImageIndex(Protocol):
    """Which manifests exist in a backend's repositories and which tags point at them."""

    def tags(self, repository: str) -> list[str] | None:
        """All tags, or None if there is no such repository."""

    def resolve(self, repository: str, tag: str) -> str | None:
        """The digest a tag points at, or None."""

    def has(self, repository: str, digest: str) -> bool:
        """Whether the manifest exists, tagged or not."""


class Store(Protocol):
    """The unpublished registry, seen through one backend's prefix. Repository names are the client's.

    Every method raises :class:`StoreProblem` when the store does not answer or answers with a fault.
    """

    def get_manifest(self, repository: str, digest: str) -> tuple[str, bytes] | None:
        """Media type and exact bytes, or None."""

    def put_manifest(self, repository: str, digest: str, media_type: str, body: bytes) -> None:
        """Write a manifest by digest. Raises :class:`RegistryError` with the store's error (a missing blob, say)."""

    def delete_manifest(self, repository: str, digest: str) -> bool:
        """Remove a manifest; False if it was not there."""

    def blob_size(self, repository: str, digest: str) -> int | None:
        """Size in bytes of a blob that the repository holds, or None."""

    def get_blob(self, repository: str, digest: str) -> Iterator[bytes] | None:
        """The blob in pieces, or None."""

    def put_blob(self, repository: str, digest: str, pieces: Iterable[bytes]) -> None:
        """Upload a blob in pieces; the store verifies the digest. Raises :class:`RegistryError` if it does not fit."""


StoreProblem = Unreachable
"""The store does not answer, or not as a store. The proxy turns it into 503 with a text that says what to do."""


class Journal(Protocol):
    """The append-only record of what happened."""

    def record(
        self,
        service: str,
        who: str,
        what: str,
        *,
        repository: str = "",
        tag: str = "",
        digest: str = "",
        detail: Mapping[str, object] | None = None,
    ) -> None:
        """Append one durable line, stamped with the emulators' clock.

        ``what`` is a word: push, pull, resolve (a manifest's HEAD), delete, expire, login, refuse, create, configure, …
        """

    def lines(self, service: str | None = None, last: int | None = None) -> list[dict[str, Any]]:
        """All lines or the last so many, oldest first: number, when (ISO 8601 UTC), service, who, what, repository,
        tag, digest, detail."""


class Clock(Protocol):
    """The emulators' time: real time plus an offset that only grows."""

    def now(self) -> datetime:
        """The emulators' time, UTC, aware."""

    def offset(self) -> timedelta:
        """How far it is ahead of real time."""


@dataclass(frozen=True)
class Context:
    """What a backend is given when it is made.

    Attributes:
        state: a folder of the backend's own for durable files; it exists. Write with ``json_store.write_json``.
        store: the store through this backend's prefix.
        journal: the shared journal.
        clock: the shared clock.
        lock: a context manager, one re-entrant lock per repository: ``with context.lock(name):``. The proxy holds it
            around check, store and commit of a manifest's push and deletion. Whatever else changes images or what is
            allowed to change them takes it too, before it looks at them. ``lock("")`` is for what concerns no single
            repository. Never take two; a lock of the backend's own is taken last.
        credentials: this installation's secrets for this service (generated, never in the repository).
        secret: 32 bytes of this installation, for signing.
    """

    state: Path
    store: Store
    journal: Journal
    clock: Clock
    lock: Callable[[str], AbstractContextManager[object]]
    credentials: Mapping[str, Any]
    secret: bytes


class Backend(Protocol):
    """A cloud's rules. ``backend.BaseBackend`` has a default for every method; override what the cloud says."""

    service: str  # one of `domain.services.EMULATORS`
    index: ImageIndex
    api: WSGIApp | None  # everything outside /v2/ (token endpoints, a cloud's API); None: 404
    api_paths: tuple[str, ...]  # paths that are the api's although they begin with /v2/ (a token endpoint)

    @property
    def prefix(self) -> str:
        """Where its repositories live in the store, with a slash at the end: ``ecr/``."""

    def authenticate(self, call: Call) -> Caller:
        """Who is calling. Raises :class:`RegistryError` 401 with the cloud's ``WWW-Authenticate``."""

    def authorise(self, caller: Caller, call: Call, action: Action) -> None:
        """Raise :class:`RegistryError` if the caller may not. Called for everything but BASE and CATALOG, before any
        other hook; also the place to refuse a repository that must be created first."""

    def may_pull(self, caller: Caller, repository: str) -> bool:
        """Whether a blob may be mounted from there. Without the right the mount becomes a plain upload."""

    def check_push(self, caller: Caller, manifest: Manifest) -> None:
        """Before the store has it, under the repository's lock: immutability, locks, quotas."""

    def commit_push(self, caller: Caller, manifest: Manifest) -> Headers:
        """The store has it: make it (and its tag) exist, durably. Returns further headers of the answer.

        Also called when the very same manifest and tag are pushed again.
        """

    def check_pull(self, caller: Caller, call: Call, digest: str) -> None:
        """Before a manifest is read (GET and HEAD; see ``call.method``): pull limits."""

    def commit_pull(self, caller: Caller, call: Call, digest: str, media_type: str) -> Headers:
        """The store has answered: count, note the pull time. Returns further headers of the answer."""

    def check_delete(self, caller: Caller, repository: str, tag: str | None, digest: str) -> None:
        """Before a deletion, under the repository's lock. ``tag`` is given when the client deletes by tag."""

    def commit_delete(self, caller: Caller, repository: str, tag: str | None, digest: str) -> None:
        """Make the tag (or the manifest and all its tags) not exist, durably. With ``tag`` None the proxy then removes
        the manifest from the store."""

    def commit_blob(self, caller: Caller, repository: str, digest: str) -> None:
        """A blob was uploaded or mounted."""

    def referrers(self, caller: Caller, repository: str, digest: str) -> list[dict[str, Any]] | None:
        """Descriptors of the artifacts about an image; None where the service has no such endpoint (404), so that
        clients use the fallback tag (distribution-spec, "Listing Referrers")."""

    def catalog(self, caller: Caller) -> list[str]:
        """Names for ``/v2/_catalog``; raise :class:`RegistryError` where the cloud has none."""

    def reconcile(self) -> list[str]:
        """Called once before the first request: make index and store agree. Returns a line per repair."""

    def overnight(self) -> list[dict[str, Any]]:
        """Run once what the cloud runs by itself; called after each day that the clock is advanced, and at the end.

        Returns what went, for the person who asked.
        """

    def snapshot(self) -> dict[str, Any]:
        """Everything `collect` needs, JSON-serialisable, without secrets: settings, repositories, images, policies."""

    def forget(self, repository: str) -> bool:
        """Remove a repository with everything in it, whatever the rules say: a lab begins anew. Whether it was there.

        A service that has settings under a part of the name (Artifact Registry) takes that part, too.
        """

    def admin(self, operation: str, arguments: dict[str, Any]) -> Any:
        """A helper command of `course`. Raises :class:`RegistryError` with a text for the person.

        Raises LookupError for an operation it does not know.
        """
