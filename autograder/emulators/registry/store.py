"""HTTP client of the store: the one unpublished registry whose bytes all backends share."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlencode, urlsplit

import urllib3
from urllib3.exceptions import HTTPError
from urllib3.response import BaseHTTPResponse

from autograder.emulators.interface import RegistryError, StoreProblem
from autograder.oci import manifests

PIECE = 256 * 1024  # bytes read and written at a time; memory in use is a few of these for each request under way
MANIFEST_LIMIT = 4 * 1024 * 1024  # as in the registry: maxManifestBodySize, registry/handlers/manifests.go (2.8)
CONNECT_SECONDS, SILENCE_SECONDS = 5.0, 300.0  # committing a layer of several GB is silent while it is hashed


@dataclass
class Answer:
    """The store's answer. Either read the body with :meth:`pieces` or drop it with :meth:`close`."""

    status: int
    headers: Mapping[str, str]
    _response: BaseHTTPResponse

    def pieces(self) -> Iterator[bytes]:
        """The body, a piece at a time. Raises StoreProblem when it ends early."""
        try:
            while piece := self._response.read(PIECE):
                yield piece
        except (HTTPError, OSError) as error:
            raise StoreProblem(str(error)) from error
        finally:
            self.close()

    def body(self, limit: int = MANIFEST_LIMIT) -> bytes:
        """A small body in whole. Raises StoreProblem when it is larger than ``limit`` bytes."""
        content = bytearray()
        for piece in self.pieces():
            content += piece
            if len(content) > limit:
                raise StoreProblem(f"an answer of more than {limit} bytes")
        return bytes(content)

    def close(self) -> None:
        """Give the connection back for reuse if little or nothing is left to read, else close it."""
        left = self._response.length_remaining  # none after HEAD, whatever is announced
        with contextlib.suppress(HTTPError, OSError):
            if self.status != 416 and left is not None and left < PIECE:
                self._response.drain_conn()
        if self._response.closed:
            self._response.release_conn()
        else:
            self._response.close()


class RegistryClient:
    """HTTP to the store, connections reused. Paths are built here from checked parts, never taken from a client.

    Args:
        address: ``http://HOST:PORT``.
    """

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        if parts.scheme != "http" or not parts.hostname or parts.path not in ("", "/"):
            raise ValueError(f"not the address of a store: {address}")
        self._pool = urllib3.HTTPConnectionPool(
            parts.hostname,
            parts.port or 80,
            maxsize=64,
            timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=SILENCE_SECONDS),
        )

    def send(
        self,
        method: str,
        name: str,
        endpoint: str,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: Iterable[bytes] | bytes | None = None,
    ) -> Answer:
        """One request, for example ``send("HEAD", "hub/a/b", "blobs/sha256:…")``. Redirects are not followed.

        A body that is no bytes is streamed: with the Content-Length of ``headers``, else in chunks.
        Raises StoreProblem when the store cannot be reached or the connection breaks.
        """
        path = f"/v2/{quote(name)}/{quote(endpoint, safe='/:')}" if name else "/v2/"
        if query:
            path += "?" + urlencode(query)
        sent = dict(headers or {})
        streamed = body is not None and not isinstance(body, bytes)
        try:
            response = self._pool.urlopen(
                method,
                path,
                body=body,
                headers=sent,
                retries=False,
                redirect=False,
                preload_content=False,
                decode_content=False,
                chunked=streamed and "Content-Length" not in sent,
            )
        except (HTTPError, OSError) as error:
            raise StoreProblem(str(error)) from error
        return Answer(response.status, {key.lower(): value for key, value in response.headers.items()}, response)

    def ready(self) -> bool:
        """Whether the store answers."""
        try:
            answer = self.send("GET", "", "")
        except StoreProblem:
            return False
        answer.close()
        return answer.status == 200


class PrefixedStore:
    """The store as one backend sees it: repositories below its prefix only."""

    def __init__(self, client: RegistryClient, prefix: str) -> None:
        self._client = client
        self._prefix = prefix

    def get_manifest(self, repository: str, digest: str) -> tuple[str, bytes] | None:
        """Media type and exact bytes, or None."""
        answer = self._send("GET", repository, f"manifests/{digest}", headers={"Accept": manifests.ACCEPT})
        if answer.status != 200:
            answer.close()
            return None
        return answer.headers["content-type"], answer.body()

    def put_manifest(self, repository: str, digest: str, media_type: str, body: bytes) -> None:
        """Write a manifest by digest. Raises RegistryError with the store's own error."""
        answer = self._send("PUT", repository, f"manifests/{digest}", headers={"Content-Type": media_type}, body=body)
        self._expect(answer, 201)

    def delete_manifest(self, repository: str, digest: str) -> bool:
        """Remove a manifest; False if it was not there."""
        answer = self._send("DELETE", repository, f"manifests/{digest}")
        answer.close()
        return answer.status == 202

    def blob_size(self, repository: str, digest: str) -> int | None:
        """Size in bytes of a blob that the repository holds, or None."""
        answer = self._send("HEAD", repository, f"blobs/{digest}")
        answer.close()
        return int(answer.headers["content-length"]) if answer.status == 200 else None

    def get_blob(self, repository: str, digest: str) -> Iterator[bytes] | None:
        """The blob in pieces, or None."""
        answer = self._send("GET", repository, f"blobs/{digest}")
        if answer.status != 200:
            answer.close()
            return None
        return answer.pieces()

    def put_blob(self, repository: str, digest: str, pieces: Iterable[bytes]) -> None:
        """Upload a blob in pieces; the store verifies the digest. Raises RegistryError if it does not fit."""
        started = self._send("POST", repository, "blobs/uploads/", headers={"Content-Length": "0"})
        self._expect(started, 202)
        location = urlsplit(started.headers["location"])
        upload = location.path.rpartition("/")[2]
        state = dict(part.partition("=")[::2] for part in location.query.split("&"))["_state"]
        answer = self._send(
            "PUT", repository, f"blobs/uploads/{upload}", query={"_state": state, "digest": digest}, body=pieces
        )
        self._expect(answer, 201)

    def _send(
        self,
        method: str,
        repository: str,
        endpoint: str,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: Iterable[bytes] | bytes | None = None,
    ) -> Answer:
        answer = self._client.send(method, self._prefix + repository, endpoint, query=query, headers=headers, body=body)
        if answer.status >= 500:
            answer.close()
            raise StoreProblem(f"the store answered {answer.status}")
        return answer

    def _expect(self, answer: Answer, status: int) -> None:
        """Raise the store's own error as a RegistryError unless the status is the expected one."""
        body = answer.body()
        if answer.status != status:
            raise store_error(answer.status, body, self._prefix)


def store_error(status: int, body: bytes, prefix: str) -> RegistryError:
    """The store's error as a RegistryError, with the store's prefix taken out of it."""
    first: dict[str, object] = {}
    with contextlib.suppress(ValueError, LookupError, AttributeError, TypeError):
        first = dict(json.loads(body.replace(prefix.encode(), b""))["errors"][0])
    return RegistryError(
        status, str(first.get("code", "UNKNOWN")), str(first.get("message", "unknown error")), first.get("detail")
    )
