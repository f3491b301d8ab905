"""An emulator in this process: moto, a store in a folder, a clock that stands still until it is moved."""

from __future__ import annotations

import json
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from autograder.emulators.ecr.backend import EcrBackend
from autograder.emulators.ecr.identity import new_credentials
from autograder.emulators.interface import Call, Caller, Context, Kind, Manifest, RegistryError
from autograder.oci.manifests import OCI_CONFIG, OCI_INDEX, OCI_MANIFEST, digest_of

LAYER = "application/vnd.oci.image.layer.v1.tar"
START = datetime(2026, 11, 2, 8, 0, tzinfo=UTC)
ADMIN = Caller("admin")


class FolderStore:
    """A store whose content survives the process: one file per manifest and per blob."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def _path(self, kind: str, repository: str, digest: str) -> Path:
        return self.folder / f"{kind} {repository.replace('/', '+')} {digest.replace(':', '-')}"

    def manifests(self, repository: str) -> set[str]:
        start = f"manifest {repository.replace('/', '+')} sha256-"
        found = (path.name.removeprefix(start) for path in self.folder.glob(f"{start}*"))
        return {f"sha256:{digits}" for digits in found if len(digits) == 64}

    def get_manifest(self, repository: str, digest: str) -> tuple[str, bytes] | None:
        path = self._path("manifest", repository, digest)
        if not path.exists():
            return None
        media_type, _, body = path.read_bytes().partition(b"\n")
        return media_type.decode(), body

    def put_manifest(self, repository: str, digest: str, media_type: str, body: bytes) -> None:
        assert digest_of(body) == digest
        path = self._path("manifest", repository, digest)
        path.with_suffix(".new").write_bytes(media_type.encode() + b"\n" + body)
        path.with_suffix(".new").replace(path)

    def delete_manifest(self, repository: str, digest: str) -> bool:
        path = self._path("manifest", repository, digest)
        there = path.exists()
        path.unlink(missing_ok=True)
        return there

    def blob_size(self, repository: str, digest: str) -> int | None:
        path = self._path("blob", repository, digest)
        return path.stat().st_size if path.exists() else None

    def get_blob(self, repository: str, digest: str) -> Iterator[bytes] | None:
        path = self._path("blob", repository, digest)
        return iter([path.read_bytes()]) if path.exists() else None

    def put_blob(self, repository: str, digest: str, pieces: Iterable[bytes]) -> None:
        body = b"".join(pieces)
        if digest_of(body) != digest:
            raise RegistryError(400, "DIGEST_INVALID", "provided digest did not match uploaded content")
        self._path("blob", repository, digest).write_bytes(body)


class ListJournal:
    def __init__(self) -> None:
        self.kept: list[dict[str, Any]] = []

    def record(self, service: str, who: str, what: str, **more: Any) -> None:
        more["detail"] = dict(more.get("detail") or {})
        fields = {"repository": "", "tag": "", "digest": "", **more}
        self.kept.append({"service": service, "who": who, "what": what, **fields})

    def lines(self, service: str | None = None, last: int | None = None) -> list[dict[str, Any]]:
        return [line for line in self.kept if service in (None, line["service"])]


class StoppedClock:
    """Time that moves only when told to: ``advance`` like the course's clock, ``pass_time`` like real time."""

    def __init__(self) -> None:
        self.real = START
        self.ahead = timedelta(0)

    def now(self) -> datetime:
        return self.real + self.ahead

    def offset(self) -> timedelta:
        return self.ahead

    def advance(self, **duration: float) -> None:
        self.ahead += timedelta(**duration)

    def pass_time(self, **duration: float) -> None:
        self.real += timedelta(**duration)


def make_context(folder: Path, clock: Any = None, journal: Any = None) -> Context:
    state = folder / "state"
    state.mkdir(parents=True, exist_ok=True)
    locks: dict[str, threading.RLock] = defaultdict(threading.RLock)

    def lock(name: str) -> AbstractContextManager[object]:
        return locks[name]

    credentials = folder / "credentials.json"
    if not credentials.exists():
        credentials.write_text(json.dumps(new_credentials()), encoding="utf-8")
    return Context(
        state=state,
        store=FolderStore(folder / "store"),
        journal=journal or ListJournal(),
        clock=clock or StoppedClock(),
        lock=lock,
        credentials=json.loads(credentials.read_text(encoding="utf-8")),
        secret=b"s" * 32,
    )


class Emulator:
    """The backend for tests: pushes as the proxy does, and boto3 clients that talk to the API in process."""

    def __init__(self, folder: Path, **backend: Any) -> None:
        self.folder = folder
        self.context = make_context(folder)
        self.clock: StoppedClock = self.context.clock  # type: ignore[assignment]
        self.backend = EcrBackend(self.context, **backend)
        self.backend.reconcile()

    @property
    def store(self) -> FolderStore:
        return self.context.store  # type: ignore[return-value]

    def restart(self) -> list[str]:
        self.context = make_context(self.folder, self.clock, self.context.journal)
        self.backend = EcrBackend(self.context)
        return self.backend.reconcile()

    def layer(self, repository: str, content: bytes) -> dict[str, Any]:
        self.store.put_blob(repository, digest_of(content), [content])
        return {"mediaType": LAYER, "digest": digest_of(content), "size": len(content)}

    def manifest(self, repository: str, seed: str, **more: Any) -> bytes:
        """The bytes of an image manifest whose config and layer the repository holds."""
        config = {**self.layer(repository, f'{{"seed": "{seed}"}}'.encode()), "mediaType": OCI_CONFIG}
        layers = [self.layer(repository, f"layer of {seed}".encode())]
        document = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": layers, **more}
        return json.dumps(document).encode()

    def index(self, *children: bytes) -> bytes:
        entries = [{"mediaType": OCI_MANIFEST, "digest": digest_of(each), "size": len(each)} for each in children]
        return json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}).encode()

    def push(self, repository: str, tag: str | None, body: bytes) -> str:
        """What the proxy does for PUT /v2/…/manifests/…; returns the digest."""
        media_type = json.loads(body)["mediaType"]
        manifest = Manifest(repository, tag, digest_of(body), media_type, body)
        with self.context.lock(repository):
            self.backend.check_push(ADMIN, manifest)
            self.store.put_manifest(repository, manifest.digest, media_type, body)
            self.backend.commit_push(ADMIN, manifest)
        return manifest.digest

    def push_new(self, repository: str, tag: str | None, seed: str) -> str:
        return self.push(repository, tag, self.manifest(repository, seed))

    def client(self, service: str = "ecr", profile: str = "admin", **more: Any) -> Any:
        return local_client(self.backend.api, self.context.credentials["profiles"][profile], service, **more)

    def call(self, method: str, kind: Kind, repository: str = "", reference: str = "", **more: Any) -> Call:
        return Call(method, kind, repository, reference, host="localhost:5003", **more)


@cache
def session() -> Any:
    """One session for all clients: each new one reads AWS's models again, and moto forgets the default one."""
    import boto3
    import moto  # noqa: F401  # it hooks into the sessions that are made after its import

    return boto3.Session()


def local_client(app: Any, keys: dict[str, str], service: str, host: str = "localhost:5003", **more: Any) -> Any:
    """A boto3 client whose requests go straight into a WSGI application."""
    from botocore.awsrequest import AWSResponse
    from botocore.config import Config
    from werkzeug.test import Client

    class Raw:
        def __init__(self, content: bytes) -> None:
            self._content: bytes | None = content

        def stream(self, **_: Any) -> Iterator[bytes]:
            if self._content is not None:
                yield self._content
            self._content = None

    http = Client(app)

    def send(request: Any, **_: Any) -> AWSResponse:
        headers = {key: value.decode() if isinstance(value, bytes) else value for key, value in request.headers.items()}
        headers["Host"] = host
        body = request.body if isinstance(request.body, bytes) else (request.body or "").encode()
        answer = http.open("/", method=request.method, headers=headers, data=body, base_url=f"http://{host}")
        return AWSResponse(request.url, answer.status_code, dict(answer.headers), Raw(answer.data))

    client = session().client(
        service,
        region_name=more.pop("region", "us-east-1"),
        endpoint_url=f"http://{host}",
        aws_access_key_id=keys["access_key_id"],
        aws_secret_access_key=keys["secret_access_key"],
        config=Config(retries={"total_max_attempts": 1}, **more),
    )
    client.meta.events.register("before-send.*", send)
    return client


def refusal(call: Callable[..., Any], **arguments: Any) -> str:
    """The error code a boto3 call fails with."""
    from botocore.exceptions import ClientError

    try:
        answer = call(**arguments)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    raise AssertionError(f"not refused: {answer}")
