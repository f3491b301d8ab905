"""The shared proxy for ``/v2/``: asks a backend, moves the bytes between client and store, tells the backend.

Blobs stream in both directions; only manifests (at most 4 MiB) are held in memory. What the distribution API asks for:
https://github.com/opencontainers/distribution-spec/blob/main/spec.md
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from autograder.emulators import routes
from autograder.emulators.interface import (
    Action,
    Backend,
    Call,
    Caller,
    Journal,
    Kind,
    Manifest,
    RegistryError,
    StoreProblem,
)
from autograder.emulators.registry.body import RequestBody
from autograder.emulators.registry.reply import (
    Reply,
    error_reply,
    json_reply,
    passed_on,
    store_unavailable,
    unknown_name,
)
from autograder.emulators.registry.store import StoreClient, store_error
from autograder.emulators.registry.zero_copy import BlobFiles
from autograder.oci import manifests
from autograder.oci.client import Answer

# What travels from the client to the store; everything else stays behind.
TO_STORE = ("content-type", "content-range", "range", "if-none-match", "if-range")
PAGE = 1000  # tags a page when the client names no number
ACTIONS = {"GET": Action.PULL, "HEAD": Action.PULL, "DELETE": Action.DELETE}


class Proxy:
    """The WSGI application for one backend's ``/v2/``."""

    def __init__(
        self,
        backend: Backend,
        store: StoreClient,
        journal: Journal,
        lock: Callable[[str], AbstractContextManager[object]],
        files: BlobFiles | None = None,
    ) -> None:
        self.backend = backend
        self._store = store
        self._files = files or BlobFiles(store, None)
        self._journal = journal
        self._lock = lock

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        body = RequestBody(environ)
        method = str(environ["REQUEST_METHOD"])
        try:
            reply = self._answer(environ, body)
        except RegistryError as error:
            reply = error_reply(error, method)
        except StoreProblem as problem:
            reply = error_reply(store_unavailable(problem), method)
        body.drop()
        return reply.send(start_response)

    def _answer(self, environ: dict[str, Any], body: RequestBody) -> Reply:
        call = routes.parse(environ)
        try:
            caller = self.backend.authenticate(call)
        except RegistryError as error:
            self._note_refusal(call, Caller(""), error)  # a token that has ended, for instance
            raise
        if call.kind is Kind.BASE:
            return json_reply(200, {})
        if call.kind is Kind.CATALOG:
            return self._page(call, "repositories", self.backend.catalog(caller), {})
        try:
            self.backend.authorise(caller, call, action_of(call))
            if call.kind is Kind.TAGS:
                return self._tags(call)
            if call.kind is Kind.MANIFEST:
                return self._manifest(call, caller, body)
            if call.kind is Kind.BLOB:
                return self._blob(call)
            if call.kind is Kind.UPLOAD:
                return self._upload(call, caller, body)
            return self._referrers(call, caller)
        except RegistryError as error:
            self._note_refusal(call, caller, error)
            raise

    def _referrers(self, call: Call, caller: Caller) -> Reply:
        descriptors = self.backend.referrers(caller, call.repository, call.reference)
        if descriptors is None:
            raise RegistryError(404, "UNSUPPORTED", "page not found")
        headers = {"Content-Type": manifests.OCI_INDEX}
        if "artifactType" in call.query:
            descriptors = [entry for entry in descriptors if entry.get("artifactType") == call.query["artifactType"]]
            headers["OCI-Filters-Applied"] = "artifactType"
        return json_reply(
            200, {"schemaVersion": 2, "mediaType": manifests.OCI_INDEX, "manifests": descriptors}, headers
        )

    # tags

    def _tags(self, call: Call) -> Reply:
        tags = self.backend.index.tags(call.repository)
        if tags is None:
            raise unknown_name(call.repository)
        return self._page(call, "tags", tags, {"name": call.repository})

    def _page(self, call: Call, key: str, names: list[str], more: dict[str, object]) -> Reply:
        """One page in lexical order, with a Link to the next (distribution-spec, "Listing Tags")."""
        wanted = call.query.get("n", str(PAGE))
        if not wanted.isascii() or not wanted.isdigit() or len(wanted) > 9:
            raise RegistryError(
                400, "PAGINATION_NUMBER_INVALID", "invalid number of results requested", {"n": wanted[:40]}
            )
        rest = sorted(name for name in names if name > call.query.get("last", ""))
        page = rest[: int(wanted)]
        headers = {}
        if page and len(rest) > len(page):
            path = f"/v2/{call.repository}/tags/list" if call.kind is Kind.TAGS else "/v2/_catalog"
            headers["Link"] = f'<{path}?{urlencode({"last": page[-1], "n": wanted})}>; rel="next"'
        return json_reply(200, {**more, key: page}, headers)

    # manifests

    def _manifest(self, call: Call, caller: Caller, body: RequestBody) -> Reply:
        if call.method == "PUT":
            return self._put_manifest(call, caller, body)
        if call.method == "DELETE":
            return self._delete_manifest(call, caller)
        return self._get_manifest(call, caller)

    def _digest_of(self, call: Call) -> str:
        index = self.backend.index
        if ":" in call.reference:
            if index.has(call.repository, call.reference):
                return call.reference
            detail: object = f"unknown manifest name={call.repository} revision={call.reference}"
        else:
            digest = index.resolve(call.repository, call.reference)
            if digest is not None:
                return digest
            detail = {"Tag": call.reference}
        raise RegistryError(404, "MANIFEST_UNKNOWN", "manifest unknown", detail)

    def _get_manifest(self, call: Call, caller: Caller) -> Reply:
        digest = self._digest_of(call)
        self.backend.check_pull(caller, call, digest)
        headers = {"Accept": manifests.ACCEPT}
        if "if-none-match" in call.headers:
            headers["If-None-Match"] = call.headers["if-none-match"]
        answer = self._ask(call, f"manifests/{digest}", headers=headers)
        if answer.status not in (200, 304):
            raise store_error(answer.status, answer.body(), self.backend.prefix)
        more = self.backend.commit_pull(caller, call, digest, answer.headers.get("content-type", ""))
        if answer.status == 200:
            if call.method == "GET":
                self._note(caller, "pull", call, digest)
            else:
                self._note(caller, "resolve", call, digest, actions(caller, call.repository))
        return passed_on(call, answer, more)

    def _put_manifest(self, call: Call, caller: Caller, body: RequestBody) -> Reply:
        content = body.whole(manifests.MAX_MANIFEST)
        digest = manifests.digest_of(content)
        by_digest = ":" in call.reference
        if by_digest and call.reference != digest:
            raise RegistryError(400, "DIGEST_INVALID", "provided digest did not match uploaded content")
        media_type = call.headers.get("content-type", "").partition(";")[0].strip()
        manifest = Manifest(call.repository, None if by_digest else call.reference, digest, media_type, content)
        with self._lock(call.repository):
            try:
                self.backend.check_push(caller, manifest)
            except RegistryError as error:
                error.digest = digest
                raise
            answer = self._ask(call, f"manifests/{digest}", headers={"Content-Type": media_type}, body=content)
            if answer.status != 201:
                raise store_error(answer.status, answer.body(), self.backend.prefix)
            answer.close()
            more = self.backend.commit_push(caller, manifest)
            self._note(caller, "push", call, digest)
        location = f"http://{call.host}/v2/{call.repository}/manifests/{digest}"
        headers = {"Location": location, "Docker-Content-Digest": digest, "Content-Length": "0"}
        return Reply(201, {**headers, **more})

    def _delete_manifest(self, call: Call, caller: Caller) -> Reply:
        with self._lock(call.repository):
            digest = self._digest_of(call)
            tag = None if ":" in call.reference else call.reference
            self.backend.check_delete(caller, call.repository, tag, digest)
            self.backend.commit_delete(caller, call.repository, tag, digest)
            if tag is None:  # the store may have lost it already: 404 is as good as 202
                self._ask(call, f"manifests/{digest}").close()
            self._note(caller, "delete", call, digest)
        return Reply(202, {"Content-Length": "0"})

    # blobs

    def _blob(self, call: Call) -> Reply:
        """A whole blob goes out as the store's file where that is at hand, anything else through this process."""
        if call.method == "GET" and not {"range", "if-none-match"} & set(call.headers):
            reply = self._files.reply(self.backend.prefix + call.repository, call.reference)
            if reply is not None:
                return reply
        return self._passed(call, self._ask(call, f"blobs/{call.reference}", headers=_sent(call)))

    def _upload(self, call: Call, caller: Caller, body: RequestBody) -> Reply:
        query = {key: call.query[key] for key in ("digest", "mount", "from", "_state") if key in call.query}
        # Without the right to pull the source, a mount would leak what is in it: then it is a plain upload (202).
        if not ("mount" in query and "from" in query and self.backend.may_pull(caller, query["from"])):
            query = {key: value for key, value in query.items() if key not in ("mount", "from")}
        else:
            query["from"] = self.backend.prefix + query["from"]
        headers = _sent(call)
        content: Iterator[bytes] | bytes | None = None
        if body.length:
            headers["Content-Length"] = str(body.length)
            content = body.pieces()
        elif body.length is None:
            content = body.pieces()
        elif call.method in ("POST", "PUT", "PATCH"):
            content = b""
        endpoint = f"blobs/uploads/{call.reference}"
        answer = self._ask(call, endpoint, query=query, headers=headers, body=content)
        if answer.status == 201 and "docker-content-digest" in answer.headers:
            self.backend.commit_blob(caller, call.repository, answer.headers["docker-content-digest"])
        return self._passed(call, answer)

    # the store

    def _ask(
        self,
        call: Call,
        endpoint: str,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: Iterable[bytes] | bytes | None = None,
    ) -> Answer:
        name = self.backend.prefix + call.repository
        return self._store.send(call.method, name, endpoint, query=query, headers=headers, body=body)

    def _passed(self, call: Call, answer: Answer) -> Reply:
        """The store's answer for the client: its errors without the prefix, its Location with the client's host."""
        if answer.status == 416:  # the store announces the whole blob here and sends a line of text
            answer.close()
            return Reply(416, {"Content-Range": answer.headers.get("content-range", ""), "Content-Length": "0"})
        if answer.status >= 400:
            if call.method == "HEAD":
                answer.close()
                return Reply(answer.status, {"Content-Type": "application/json; charset=utf-8"})
            raise store_error(answer.status, answer.body(), self.backend.prefix)
        more = {}
        if "location" in answer.headers:
            more["Location"] = self._location(call, answer.headers["location"])
        return passed_on(call, answer, more)

    def _location(self, call: Call, location: str) -> str:
        """The client's address for an upload or blob of the store. Raises StoreProblem for anything else."""
        parts = urlsplit(location)
        start = f"/v2/{self.backend.prefix}{call.repository}/blobs/"
        if not parts.path.startswith(start):
            raise StoreProblem(f"the store pointed elsewhere: {location}")
        state = [(key, value) for key, value in parse_qsl(parts.query) if key == "_state"]
        path = f"/v2/{call.repository}/blobs/{parts.path.removeprefix(start)}"
        return f"http://{call.host}{path}" + (f"?{urlencode(state)}" if state else "")

    # the journal

    def _note(self, caller: Caller, what: str, call: Call, digest: str, asked: Sequence[str] = ()) -> None:
        """Write a journal line about a manifest.

        ``resolve`` is a HEAD. It is all that containerd sends for a pull or a push of what the other side already has;
        ``asked``, the actions that its token grants, tells the one from the other.
        """
        tag = "" if ":" in call.reference else call.reference
        detail = {"actions": list(asked)} if asked else None
        self._journal.record(
            self.backend.service, caller.name, what, repository=call.repository, tag=tag, digest=digest, detail=detail
        )

    def _note_refusal(self, call: Call, caller: Caller, error: RegistryError) -> None:
        """Refused changes and pulls over the limit are worth a line; a challenge to log in is not.

        A push by containerd ends at the HEAD of its first blob, whose answer has no words: here they can be read.
        """
        change = call.method in ("PUT", "POST", "PATCH", "DELETE")
        change = change or (call.kind is Kind.BLOB and call.method == "HEAD" and error.status == 403)
        if error.status != 429 and (not change or (error.status == 401 and not caller.name)):
            return
        detail = {"method": call.method, "status": error.status, "code": error.code, "message": error.message}
        self._journal.record(
            self.backend.service,
            caller.name,
            "refuse",
            repository=call.repository,
            tag="" if ":" in call.reference or call.kind is not Kind.MANIFEST else call.reference,
            digest=error.digest,
            detail=detail,
        )


def action_of(call: Call) -> Action:
    """What a call wants to do. An upload is a push from its start to its end, reading its progress included."""
    if call.kind is Kind.UPLOAD:
        return Action.PUSH
    return ACTIONS.get(call.method, Action.PUSH)


def actions(caller: Caller, repository: str) -> list[str]:
    """What a caller's bearer token says about a repository; nothing for a login by password."""
    entries = [entry for entry in caller.claims.get("access", ()) if entry["name"] == repository]
    return sorted({str(action) for entry in entries for action in entry["actions"]})


def _sent(call: Call) -> dict[str, str]:
    return {key.title(): call.headers[key] for key in TO_STORE if key in call.headers}
