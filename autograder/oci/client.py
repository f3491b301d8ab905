"""One client of the distribution API: whatever in the kit speaks ``/v2/`` to a registry does it through this one.

Collecting reads with it, scanning and the labs push with it, the grader's round trip does both, and the emulators'
proxy streams through it between a client and the store. So it holds no body unless it is asked to, keeps connections
for many threads, and gives a status as it came (:meth:`RegistryClient.send`); the other methods know what each endpoint
answers. It runs on urllib3 alone, which the emulators' image has.

Source of the protocol: https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md. Its sections are named
at the methods, its endpoints by their numbers there ("end-3").
"""

from __future__ import annotations

import base64
import contextlib
import json
import re
import ssl
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode, urljoin, urlsplit

import urllib3
from urllib3.exceptions import HTTPError, InsecureRequestWarning, ProtocolError
from urllib3.response import BaseHTTPResponse

from autograder.errors import EnvironmentProblem
from autograder.network_errors import in_words
from autograder.oci import manifests

PIECE = 256 * 1024  # bytes read and written at a time; memory in use is a few of these for each request under way
LIST_LIMIT = 64 << 20  # bytes of a list of names: registry:2 gives all tags at once, whatever it is asked for
PAGE = 1000  # names asked for at a time
MAX_PAGES = 1000  # of a list
CONNECT_SECONDS, SILENCE_SECONDS = 10.0, 120.0  # a port that is closed says so at once
MAX_REDIRECTS = 3
DOCTOR = "Run `python3 course.py doctor`."
WRITES = ("POST", "PUT", "PATCH")
# What a header's value may hold: https://www.rfc-editor.org/rfc/rfc9110#section-5.5
HEADER_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*\Z")
NUMBER = re.compile(r"[0-9]{1,18}\Z")  # of bytes


class Unreachable(EnvironmentProblem):
    """The registry does not answer, or the connection broke."""

    def __init__(self, found: str, address: str = "") -> None:
        super().__init__(
            expected=f"a registry that answers{f' at {address}' if address else ''}",
            found=found,
            next_step="Run `python3 course.py start`, then try again.",
        )


class Missing(Exception):
    """The registry answered 404 to a question or a deletion."""


class Refused(EnvironmentProblem):
    """The registry answered with another status than the endpoint has for success.

    Attributes:
        status: of the answer.
        body: of the answer, its first :data:`manifests.MAX_MANIFEST` bytes.
        error: the first of its errors: ``code``, ``message`` and, where there is one, ``detail``; else empty.
    """

    def __init__(
        self, address: str, method: str, path: str, status: int, body: bytes, found: str = "", next_step: str = ""
    ) -> None:
        writes = method in WRITES
        super().__init__(
            expected=f"{address} takes a push to {path}" if writes else f"{address} answers {method} {path}",
            found=found or f"HTTP {status} to {method}: {body[:200].decode(errors='replace')}",
            next_step=next_step
            or ("See whether the repository exists and whether you are logged in." if writes else DOCTOR),
        )
        self.status, self.body, self.error = status, body, first_error(body)


class Unsendable(Refused):
    """No request can say it: a media type with a line break, or a name that another path is made of. Nothing was sent.

    It counts as refused with the status 400, which is what a registry gives for a malformed name or header.
    """

    def __init__(self, address: str, method: str, path: str, found: str) -> None:
        mend = "See where the name, the tag or the media type comes from, and mend it there."
        super().__init__(address, method, path, 400, b"", found, mend)


def first_error(body: bytes) -> dict[str, Any]:
    """The first error in an answer's body ("Error Codes"); empty when it has another form."""
    with contextlib.suppress(ValueError, LookupError, AttributeError, TypeError, RecursionError):
        return dict(json.loads(body)["errors"][0])
    return {}


@dataclass(frozen=True)
class ServedManifest:
    """A manifest as a registry served it: the media type of its ``Content-Type``, and the exact bytes."""

    media_type: str
    content: bytes

    @property
    def digest(self) -> str:
        """Of the bytes, whatever the registry calls it."""
        return manifests.digest_of(self.content)


@dataclass
class Answer:
    """What a registry said. Read the body with :meth:`pieces` or drop it with :meth:`close`; do one of them.

    Attributes:
        status: the HTTP status.
        headers: by their names in lower case.
        url: what was asked for.
    """

    status: int
    headers: Mapping[str, str]
    url: str
    _response: BaseHTTPResponse

    def pieces(self) -> Iterator[bytes]:
        """The body, a piece at a time. Raises :class:`Unreachable` when it ends early."""
        try:
            while piece := self._response.read(PIECE):
                yield piece
        except (HTTPError, OSError) as error:
            raise Unreachable(f"the answer did not end: {in_words(error)}", urlsplit(self.url).netloc) from error
        finally:
            self.close()

    def body(self, limit: int = manifests.MAX_MANIFEST) -> bytes:
        """A small body in whole. Raises :class:`Unreachable` when it is larger than ``limit`` bytes."""
        found = bytearray()
        for piece in self.pieces():
            found += piece
            if len(found) > limit:
                raise Unreachable(f"an answer of more than {limit} bytes", urlsplit(self.url).netloc)
        return bytes(found)

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
    """A client of one registry; many threads may share it. Nothing of the machine's settings (proxies, netrc) is used.

    Args:
        address: ``localhost:5001``, without scheme.
        auth: user name and password for Basic authentication, or None.
        root: where the API is; elsewhere only in the clouds' emulators.
        bearer: a token that every request carries instead, or "".
        tls: speak TLS, verified by this context; None: plain HTTP.
        host: the name to ask for where it is not the address's: what ``--resolve`` does for curl.
        connections: that are kept open.
        connect_seconds: to connect.
        silence_seconds: without a byte.

    Every method raises :class:`Unreachable` when the registry does not answer, and :class:`Refused` when it answers
    with a status that the endpoint does not have for success, or :class:`Unsendable` where no request could be made.
    """

    def __init__(
        self,
        address: str,
        auth: tuple[str, str] | None = None,
        *,
        root: str = "/v2/",
        bearer: str = "",
        tls: ssl.SSLContext | None = None,
        host: str = "",
        connections: int = 8,
        connect_seconds: float = CONNECT_SECONDS,
        silence_seconds: float = SILENCE_SECONDS,
    ) -> None:
        self.address = address
        self._root, self._host = root, host
        self._origin = f"{'https' if tls else 'http'}://{address}"
        self._headers = {"Host": host} if host else {}
        if auth is not None:
            self._headers["Authorization"] = "Basic " + base64.b64encode(":".join(auth).encode()).decode()
        elif bearer:
            self._headers["Authorization"] = f"Bearer {bearer}"
        self._unverified = tls is not None and tls.verify_mode is ssl.CERT_NONE
        secured: dict[str, Any] = {"ssl_context": tls, "server_hostname": host or None} if tls else {}
        self._pool = urllib3.PoolManager(
            maxsize=connections,
            timeout=urllib3.Timeout(connect=connect_seconds, read=silence_seconds),
            **secured,
        )

    # Requests

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
        """One request, for example ``send("HEAD", "a/b", "blobs/sha256:…")``. Whatever the status, it is an answer.

        A body that is no bytes is streamed: with the Content-Length of ``headers``, else in chunks. Redirects are not
        followed. The path is made here of name and endpoint, and no sign of theirs ends it.
        """
        try:
            path = "/".join(filter(None, (quote(name), quote(endpoint, safe="/:"))))
            asked = f"?{urlencode(query)}" if query else ""
        except UnicodeEncodeError:  # half of a surrogate pair
            raise self._unsendable(method, name, endpoint, "a name or tag that is no text") from None
        if any(part in (".", "..") for part in path.split("/")):  # a client or server would take them as a way
            raise self._unsendable(method, name, endpoint, "a name or tag with a part . or ..")
        for value in (headers or {}).values():
            if not HEADER_VALUE.match(value):
                raise self._unsendable(method, name, endpoint, f"a header that cannot be sent: {value[:200]!r}")
        return self._open(method, f"{self._origin}{self._root}{path}{asked}", headers, body)

    def _unsendable(self, method: str, name: str, endpoint: str, found: str) -> Unsendable:
        path = f"{self._root}{name}/{endpoint}".encode("ascii", "backslashreplace").decode()
        return Unsendable(self.address, method, path, found)

    def _open(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None = None,
        body: Iterable[bytes] | bytes | None = None,
    ) -> Answer:
        own = self._headers if url.startswith(f"{self._origin}/") else {}  # no login for anybody else
        sent = {**own, **(headers or {})}
        streamed = body is not None and not isinstance(body, bytes)

        def ask() -> BaseHTTPResponse:
            with self._without_warning():
                return self._pool.urlopen(
                    method,
                    url,
                    redirect=False,
                    body=body,
                    headers=sent,
                    retries=False,
                    preload_content=False,
                    decode_content=False,
                    chunked=streamed and "Content-Length" not in sent,
                )

        try:
            try:
                response = ask()
            except ProtocolError:
                # The other side may close a connection that is kept open at the very moment it is used again; what
                # changes nothing may be asked once more (RFC 9110, section 9.2.2). No time-out is one of these.
                if method not in ("GET", "HEAD"):
                    raise
                response = ask()
        except (HTTPError, OSError) as error:
            raise Unreachable(f"no answer: {in_words(error)}", self.address) from error
        return Answer(response.status, {key.lower(): value for key, value in response.headers.items()}, url, response)

    @contextlib.contextmanager
    def _without_warning(self) -> Iterator[None]:
        """Who gave a context that verifies nothing knows it."""
        if not self._unverified:
            yield
            return
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", InsecureRequestWarning)
            yield

    def _ask(self, method: str, name: str, endpoint: str, status: int = 200, **options: Any) -> Answer:
        return self._expect(self.send(method, name, endpoint, **options), method, status)

    def _expect(self, answer: Answer, method: str, status: int) -> Answer:
        if answer.status == status:
            return answer
        path = urlsplit(answer.url).path
        if answer.status == 404 and method not in WRITES:
            answer.close()
            raise Missing(path)
        raise Refused(self.address, method, path, answer.status, answer.body())

    def _elsewhere(self, answer: Answer) -> str:
        """Where a Location leads; it may be absolute or relative ("Pushing a blob monolithically")."""
        if "location" not in answer.headers:
            raise Unreachable(f"HTTP {answer.status} without a Location", self.address)
        return self._led(answer, answer.headers["location"])

    def _led(self, answer: Answer, target: str) -> str:
        """The address that a Location or a Link gives. Raises :class:`Unreachable` where it is none."""
        try:
            url = urljoin(answer.url, target)
            parts = urlsplit(url)
        except ValueError:
            raise Unreachable(f"an answer that leads to no address: {target[:200]!r}", self.address) from None
        if self._host and parts.hostname == self._host:  # the registry knows itself by the name that was asked for
            return self._origin + parts._replace(scheme="", netloc="").geturl()
        return url

    # Pull

    def ping(self) -> int:
        """The status of ``GET /v2/`` ("Determining Support", end-1): 200 or, before a login, 401."""
        answer = self.send("GET", "", "")
        answer.close()
        return answer.status

    def manifest(self, name: str, reference: str) -> ServedManifest:
        """The exact manifest that a tag or digest points at ("Pulling manifests", end-3). Raises :class:`Missing`."""
        answer = self._ask("GET", name, f"manifests/{reference}", headers={"Accept": manifests.ACCEPT})
        kind = answer.headers.get("content-type", "").partition(";")[0].strip()
        return ServedManifest(kind, answer.body())

    def head(self, name: str, reference: str) -> str | None:
        """The digest a tag points at, without fetching the manifest; None when it is not there (end-3)."""
        try:
            answer = self._ask("HEAD", name, f"manifests/{reference}", headers={"Accept": manifests.ACCEPT})
        except Missing:
            return None
        answer.close()
        return answer.headers.get("docker-content-digest")

    def blob_size(self, name: str, digest: str) -> int | None:
        """Size in bytes of a blob; None when the repository has none of that digest ("Pulling blobs", end-2).

        Raises :class:`Unreachable` when what answers says no number.
        """
        try:
            answer = self._blob("HEAD", name, digest)
        except Missing:
            return None
        answer.close()
        length = answer.headers.get("content-length", "0").strip()
        if not NUMBER.match(length):
            raise Unreachable(f"a size that is no number of bytes: {length[:100]!r}", self.address)
        return int(length)

    def blob(self, name: str, digest: str) -> Iterator[bytes]:
        """The bytes of a blob, in pieces (end-2). Raises :class:`Missing` before the first."""
        return self._blob("GET", name, digest).pieces()

    def _blob(self, method: str, name: str, digest: str) -> Answer:
        answer = self.send(method, name, f"blobs/{digest}")
        for _ in range(MAX_REDIRECTS):
            if answer.status not in (301, 302, 303, 307, 308):
                break
            answer.close()
            answer = self._open(method, self._elsewhere(answer))
        return self._expect(answer, method, 200)

    # Push

    def push_blob(self, name: str, digest: str, content: Iterable[bytes] | bytes, size: int | None = None) -> None:
        """Upload a blob in one piece, which the registry verifies ("Pushing a blob monolithically", end-4a and end-6).

        Args:
            name: the repository.
            digest: of the content.
            content: bytes, or pieces that are streamed.
            size: bytes of the pieces; None: not known, so that they travel in chunks.
        """
        begun = self._ask("POST", name, "blobs/uploads/", 202, body=b"")
        begun.close()
        place = self._elsewhere(begun)
        url = f"{place}{'&' if '?' in place else '?'}{urlencode({'digest': digest})}"
        headers = {"Content-Type": "application/octet-stream"}
        if size is not None:
            headers["Content-Length"] = str(size)
        self._expect(self._open("PUT", url, headers, content), "PUT", 201).close()

    def push_manifest(self, name: str, reference: str, media_type: str, content: bytes) -> None:
        """Put a manifest under a tag or its digest; everything that it names is there ("Pushing Manifests", end-7)."""
        headers = {"Content-Type": media_type}
        self._ask("PUT", name, f"manifests/{reference}", 201, headers=headers, body=content).close()

    # Content discovery and management

    def tags(self, name: str) -> list[str]:
        """All tags of a repository; empty when it does not exist or holds no tag ("Listing Tags", end-8b)."""
        try:
            return self._pages(name, "tags/list", "tags")
        except Missing:
            return []

    def catalog(self) -> list[str]:
        """Names of all repositories. The specification has no such endpoint; registry:2 has:
        https://distribution.github.io/distribution/spec/api/#listing-repositories
        """
        return self._pages("", "_catalog", "repositories")

    def _pages(self, name: str, endpoint: str, key: str) -> list[str]:
        """All names of a list. Raises :class:`Unreachable` when it is none, or does not end."""
        found: list[str] = []
        size = 0
        answer = self._ask("GET", name, endpoint, query={"n": str(PAGE)})
        for page in range(1, MAX_PAGES + 1):
            body = answer.body(LIST_LIMIT)
            size += len(body)
            try:
                names = json.loads(body).get(key) or []
            except (ValueError, AttributeError, RecursionError):
                names = None
            if not isinstance(names, list) or not all(isinstance(each, str) for each in names):
                raise Unreachable(f"an answer to /v2/{endpoint} that is no list of names", self.address)
            found += names
            link = re.match(r'<([^>]+)>;\s*rel="?next"?', answer.headers.get("link", ""))
            if link is None:
                return found
            if size > LIST_LIMIT or page == MAX_PAGES:
                break
            answer = self._expect(self._open("GET", self._led(answer, link[1])), "GET", 200)
        raise Unreachable(
            f"a list at /v2/{endpoint} of more than {MAX_PAGES} pages or {LIST_LIMIT >> 20} MiB", self.address
        )

    def referrers(self, name: str, digest: str) -> list[dict[str, Any]] | None:
        """Descriptors of the artifacts about a manifest ("Listing Referrers", end-12a); None where the registry has no
        such endpoint, as registry:2 has none. Raises :class:`Unreachable` when it answers with something else."""
        try:
            answer = self._ask("GET", name, f"referrers/{digest}")
        except Missing:
            return None
        listed = (manifests.json_object(answer.body()) or {}).get("manifests") or []
        if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
            raise Unreachable(f"an answer to /v2/{name}/referrers that is no list of descriptors", self.address)
        return listed

    def delete(self, name: str, digest: str) -> None:
        """Delete a manifest; every tag that points at it goes with it ("Deleting Manifests", end-9). Raises
        :class:`Missing`."""
        self._ask("DELETE", name, f"manifests/{digest}", 202).close()
