"""What the tests of the backends share: a frozen clock, a backend without HTTP, a small registry client, logins."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import re
import socket
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from autograder.emulators.clock import EmulatorClock
from autograder.emulators.database import Database
from autograder.emulators.interface import Context, Manifest, RegistryError
from autograder.emulators.journal import SqliteJournal
from autograder.oci.manifests import OCI_CONFIG, OCI_INDEX, OCI_MANIFEST, digest_of
from autograder.services import cloud_admin, cloud_credentials, ports

START = datetime(2026, 11, 2, 8, 0, tzinfo=UTC)
LAYER = "application/vnd.oci.image.layer.v1.tar"


class NoStore:
    """A store for rules that never reach it: it only remembers what it was told to forget."""

    def __init__(self) -> None:
        self.deleted: list[tuple[str, str]] = []

    def get_manifest(self, repository: str, digest: str) -> tuple[str, bytes] | None:
        raise AssertionError("no rule reads a manifest from the store")

    def put_manifest(self, repository: str, digest: str, media_type: str, body: bytes) -> None:
        raise AssertionError("no rule writes to the store")

    def delete_manifest(self, repository: str, digest: str) -> bool:
        self.deleted.append((repository, digest))
        return True

    def blob_size(self, repository: str, digest: str) -> int | None:
        raise AssertionError("no rule looks at blobs")

    def get_blob(self, repository: str, digest: str) -> Iterator[bytes] | None:
        raise AssertionError("no rule reads blobs")

    def put_blob(self, repository: str, digest: str, pieces: Iterable[bytes]) -> None:
        raise AssertionError("no rule writes blobs")


@dataclass
class Bench:
    """Everything a backend is given, over a folder; the real time stands still until :meth:`advance`."""

    folder: Path
    real: datetime = START
    store: NoStore = field(default_factory=NoStore)

    def __post_init__(self) -> None:
        self.clock = EmulatorClock(self.folder / "clock.json", lambda: self.real)
        self.database = Database(self.folder / "standins.sqlite3")
        self.journal = SqliteJournal(self.database, self.clock)
        self.locks: dict[str, AbstractContextManager[object]] = defaultdict(threading.RLock)

    def advance(self, **by: float) -> None:
        self.clock.advance(timedelta(**by))

    def context(self, service: str, credentials: Mapping[str, Any]) -> Context:
        state = self.folder / service
        state.mkdir(exist_ok=True)
        return Context(
            state=state,
            store=self.store,
            journal=self.journal,
            clock=self.clock,
            lock=self.locks.__getitem__,
            credentials=credentials,
            secret=b"s" * 32,
        )


def manifest(repository: str, tag: str | None, *layers: str, media_type: str = OCI_MANIFEST, **more: Any) -> Manifest:
    """An image manifest whose layers are made of the given texts (they exist nowhere)."""
    parts = [
        {"mediaType": LAYER, "digest": digest_of(layer.encode()), "size": len(layer)} for layer in layers or ("one",)
    ]
    config = {"mediaType": OCI_CONFIG, "digest": digest_of(b"{}"), "size": 2}
    document = {"schemaVersion": 2, "mediaType": media_type, "config": config, "layers": parts, **more}
    body = json.dumps(document).encode()
    return Manifest(repository, tag, digest_of(body), media_type, body)


def index(repository: str, tag: str | None, *children: Manifest) -> Manifest:
    """An index over manifests."""
    listed = [{"mediaType": child.media_type, "digest": child.digest, "size": len(child.body)} for child in children]
    body = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": listed}).encode()
    return Manifest(repository, tag, digest_of(body), OCI_INDEX, body)


WAIT = 0.3  # seconds that a request gets before it counts as waiting


class Meanwhile:
    """A request beside the test's own."""

    def __init__(self, job: Callable[[], Any]) -> None:
        self.error: Exception | None = None
        self.answer: Any = None
        self._job = job
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._thread.join(WAIT)

    def _run(self) -> None:
        try:
            self.answer = self._job()
        except Exception as error:
            self.error = error

    @property
    def waits(self) -> bool:
        return self._thread.is_alive()

    def end(self) -> Any:
        """Let it finish; its answer. What it raised goes on here."""
        self._thread.join(20)
        assert not self.waits, "it waits for ever"
        if self.error is not None:
            raise self.error
        return self.answer


def when_called(patch: pytest.MonkeyPatch, owner: object, name: str, job: Callable[[], Any]) -> list[Meanwhile]:
    """Begin ``job`` the next time that a method is called, before it does anything."""
    method, begun = getattr(owner, name), list[Meanwhile]()

    def called(*arguments: Any, **named: Any) -> Any:
        if not begun and threading.current_thread() is threading.main_thread():
            begun.append(Meanwhile(job))
        return method(*arguments, **named)

    patch.setattr(owner, name, called)
    return begun


@dataclass
class Answer:
    """What came back over HTTP."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The first error's code."""
        return str(self.json["errors"][0]["code"])


class RegistryHttp:
    """A registry client of a few lines: what curl would send, and nothing that a library would hide.

    Args:
        address: ``localhost:PORT``.
        user, password: for the bearer flow; without them requests go out as they are.
    """

    def __init__(self, address: str, user: str = "", password: str = "") -> None:
        self.address = address
        self.user, self.password = user, password
        self._tokens: dict[str, str] = {}
        self._challenge: str | None = None

    def raw(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Answer:
        """One request on a fresh connection, no login."""
        parts = urlsplit(path)
        if parts.netloc:
            assert parts.netloc == self.address, f"sent elsewhere: {path}"
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        connection = http.client.HTTPConnection(self.address, timeout=60)
        try:
            chunked = body is not None and not isinstance(body, bytes) and "Content-Length" not in (headers or {})
            framing = {"Transfer-Encoding": "chunked"} if chunked else {}
            connection.request(method, target, body, {**(headers or {}), **framing}, encode_chunked=chunked)
            response = connection.getresponse()
            try:
                content = response.read()
            except http.client.IncompleteRead as cut:  # registry:2 announces too much in a 416
                content = cut.partial
            return Answer(response.status, response.headers, content)
        finally:
            connection.close()

    def send(self, method: str, path: str, body: Any = None, scope: str = "", **headers: str) -> Answer:
        """One request, with a token for ``scope`` where the registry asks for one."""
        sent = {key.replace("_", "-"): value for key, value in headers.items()}
        if self._challenge is None:
            self._challenge = self.raw("GET", "/v2/").headers.get("Www-Authenticate", "")
        if self._challenge:
            if scope not in self._tokens:
                self._tokens[scope] = self.login(self._challenge, scope)
            sent["Authorization"] = self._tokens[scope]
        return self.raw(method, path, body, sent)

    def login(self, challenge: str, scope: str = "") -> str:
        """The Authorization header for a challenge."""
        kind, _, rest = challenge.partition(" ")
        credentials = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        if kind == "Basic":
            return f"Basic {credentials}"
        told = dict(re.findall(r'(\w+)="([^"]*)"', rest))
        asked = scope or told.get("scope", "")
        query = urlencode([("service", told["service"]), *(("scope", one) for one in asked.split())])
        headers = {"Authorization": f"Basic {credentials}"} if self.user else {}
        answer = self.raw("GET", f"{told['realm']}?{query}", None, headers)
        if answer.status != 200:
            raise RegistryError(answer.status, answer.code, str(answer.json["errors"][0]["message"]))
        return f"Bearer {answer.json['token']}"

    # whole steps

    def push_blob(self, repository: str, content: bytes) -> str:
        """Upload a blob in one piece; returns its digest."""
        scope = f"repository:{repository}:pull,push"
        started = self.send("POST", f"/v2/{repository}/blobs/uploads/", b"", scope)
        assert started.status == 202, (started.status, started.body)
        digest = digest_of(content)
        place = started.headers["Location"]
        done = self.send("PUT", f"{place}{'&' if '?' in place else '?'}digest={digest}", content, scope)
        assert done.status == 201, (done.status, done.body)
        return digest

    def push_manifest(self, repository: str, reference: str, body: bytes, media_type: str = OCI_MANIFEST) -> Answer:
        """Put a manifest; the caller looks at the answer."""
        scope = f"repository:{repository}:pull,push"
        path = f"/v2/{repository}/manifests/{reference}"
        return self.send("PUT", path, body, scope, Content_Type=media_type)

    def push_image(self, repository: str, tag: str, text: str = "one", **more: Any) -> str:
        """A whole image of one layer made of ``text``; returns the manifest's digest."""
        config = json.dumps({"architecture": "amd64", "os": "linux", "created_by": text}).encode()
        layer = hashlib.sha256(text.encode()).digest() * 8
        document = {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": {
                "mediaType": OCI_CONFIG,
                "digest": self.push_blob(repository, config),
                "size": len(config),
            },
            "layers": [{"mediaType": LAYER, "digest": self.push_blob(repository, layer), "size": len(layer)}],
            **more,
        }
        body = json.dumps(document).encode()
        answer = self.push_manifest(repository, tag or digest_of(body), body)
        assert answer.status == 201, (answer.status, answer.body)
        return digest_of(body)

    def digest(self, repository: str, reference: str) -> str | None:
        """What a reference points at, by HEAD; None if it is not there."""
        answer = self.send("HEAD", f"/v2/{repository}/manifests/{reference}", None, f"repository:{repository}:pull")
        return answer.headers["Docker-Content-Digest"] if answer.status == 200 else None


PROJECT, LOCATION = "ml-course-1", "models"


@dataclass(frozen=True)
class Place:
    """A backend with a login that may push below ``namespace``."""

    service: str
    address: str
    namespace: str
    user: str
    password: str

    def http(self) -> RegistryHttp:
        return RegistryHttp(self.address, self.user, self.password)


def _hub(address: str) -> Place:
    accounts = cloud_credentials.load()["credentials"]["dockerhub"]["accounts"]
    return Place("dockerhub", address, "student", "student", accounts["student"])


def _google(address: str) -> Place:
    if not cloud_admin.call("artifact-registry", "repository-list"):
        arguments = {"location": "us-central1", "immutable_tags": False}
        cloud_admin.call("artifact-registry", "repository-create", project=PROJECT, repository=LOCATION, **arguments)
    token = cloud_admin.call("artifact-registry", "token", account="student@example.com")["token"]
    return Place("artifact-registry", address, f"{PROJECT}/{LOCATION}", "oauth2accesstoken", token)


def _azure(address: str) -> Place:
    made = cloud_admin.call("acr", "login")
    return Place("acr", address, "team", made["username"], made["accessToken"])


def amazon_api(address: str, profile: str = "admin") -> Any:
    """boto3's client of the ECR emulator."""
    import boto3

    keys = cloud_credentials.load()["credentials"]["ecr"]["profiles"][profile]
    named = {"aws_access_key_id": keys["access_key_id"], "aws_secret_access_key": keys["secret_access_key"]}
    return boto3.client("ecr", region_name="us-east-1", endpoint_url=f"http://{address}", **named)


def amazon(address: str, *repositories: str) -> Place:
    """The ECR emulator, where repositories are made first."""
    client = amazon_api(address)
    for name in repositories:
        client.create_repository(repositoryName=name)
    return amazon_login(address)


def amazon_login(address: str, profile: str = "admin") -> Place:
    """The ECR emulator with the authorization token of a profile."""
    token = amazon_api(address, profile).get_authorization_token()["authorizationData"][0]["authorizationToken"]
    return Place("ecr", address, "team", *base64.b64decode(token).decode().split(":", 1))


PLACES: dict[str, Callable[[str], Place]] = {"dockerhub": _hub, "artifact-registry": _google, "acr": _azure}


def free_port() -> int:
    """A port that nothing listens on right now."""
    with socket.socket() as probe:
        probe.bind((ports.LOOPBACK, 0))
        return int(probe.getsockname()[1])
