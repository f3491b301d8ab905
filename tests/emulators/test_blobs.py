"""A blob's way out: as the store's file where it is at hand, else in pieces; whole, in part, and to whom it may."""

from __future__ import annotations

import http.client
import os
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from werkzeug.test import Client

from autograder.emulators.backend import BaseBackend
from autograder.emulators.interface import Call, Caller, WSGIApp
from autograder.emulators.locks import Locks
from autograder.emulators.readonly import NoJournal
from autograder.emulators.registry import zero_copy
from autograder.emulators.registry.proxy import Proxy
from autograder.emulators.registry.store import StoreClient
from autograder.emulators.registry.zero_copy import BLOBS, BlobFiles
from autograder.emulators.server import BackendGateway, BackendServer
from autograder.oci.manifests import digest_of
from autograder.services import clouds
from autograder.services.installation import Installation
from tests.containers import printed

from .support import PLACES, Place, amazon

CONTENT = b"a layer" * 1000
DIGEST = digest_of(CONTENT)


def layout(tmp_path: Path, content: bytes = CONTENT) -> Path:
    """A store's folder with one blob."""
    place = tmp_path / BLOBS / "sha256" / DIGEST[7:9] / DIGEST[7:]
    place.mkdir(parents=True)
    (place / "data").write_bytes(content)
    return tmp_path


class FakeStore(BaseHTTPRequestHandler):
    """A registry that holds one blob in every repository."""

    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        if self._answer():
            self.wfile.write(CONTENT)

    def _answer(self) -> bool:
        there = self.path.endswith(DIGEST)
        self.send_response(200 if there else 404)
        self.send_header("Content-Length", str(len(CONTENT) if there else 0))
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Docker-Content-Digest", DIGEST)
        self.send_header("Etag", f'"{DIGEST}"')
        self.end_headers()
        return there

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def store() -> Iterator[StoreClient]:
    with ThreadingHTTPServer(("127.0.0.1", 0), FakeStore) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield StoreClient(f"http://127.0.0.1:{server.server_port}")
        server.shutdown()


class Open(BaseBackend):
    """Lets everybody read everything."""

    service, prefix = "dockerhub", "hub/"

    def __init__(self) -> None:
        pass

    def authenticate(self, call: Call) -> Caller:
        return Caller("")


Answered = tuple[int, dict[str, str], bytes]


@pytest.fixture
def get() -> Iterator[Callable[..., Answered]]:
    """Asks the emulators' server for a blob by way of an application: status, headers and body."""
    server = BackendServer(("127.0.0.1", 0), lambda environ, start: [], numthreads=1, shutdown_timeout=1)
    server.gateway = BackendGateway
    server.prepare()
    threading.Thread(target=server.serve, daemon=True).start()

    def ask(application: WSGIApp, digest: str = DIGEST) -> Answered:
        server.wsgi_app = application
        connection = http.client.HTTPConnection(*server.bind_addr, timeout=30)
        try:
            connection.request("GET", f"/v2/a/b/blobs/{digest}")
            answer = connection.getresponse()
            headers = {key: value for key, value in answer.getheaders() if key not in ("Date", "Server")}
            return answer.status, headers, answer.read()
        finally:
            connection.close()

    yield ask
    server.stop()


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The bodies that the kernel sent."""
    names: list[str] = []
    sendfile = socket.socket.sendfile

    def noted(own: socket.socket, file: Any, *more: Any) -> int:
        names.append(file.name)
        return sendfile(own, file, *more)

    monkeypatch.setattr(socket.socket, "sendfile", noted)
    return names


def test_both_ways_give_the_same_answer(
    tmp_path: Path,
    store: StoreClient,
    get: Callable[..., Answered],
    sent: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def proxy(folder: Path | None) -> Proxy:
        return Proxy(Open(), store, NoJournal(), Locks().of("dockerhub"), BlobFiles(store, folder))

    fast = get(proxy(layout(tmp_path / "whole")))
    assert fast[0] == 200 and fast[2] == CONTENT and fast[1]["Content-Length"] == str(len(CONTENT))
    assert fast[1]["Docker-Content-Digest"] == DIGEST and len(sent) == 1

    (tmp_path / "empty").mkdir()
    plain = {
        "the store's folder is elsewhere": proxy(None),
        "its layout is another": proxy(tmp_path / "empty"),
        "the file is not whole": proxy(layout(tmp_path / "cut", CONTENT[:-1])),
    }
    for reason, application in plain.items():
        assert get(application) == fast, reason
    monkeypatch.setattr(
        zero_copy, "socket", SimpleNamespace(socket=str)
    )  # the server holds its connections in another way
    assert get(proxy(tmp_path / "whole")) == fast
    answer = Client(proxy(tmp_path / "whole")).get(f"/v2/a/b/blobs/{DIGEST}")
    assert answer.data == CONTENT and answer.headers["Content-Length"] == str(len(CONTENT)), "another server"
    assert len(sent) == 1
    assert get(proxy(tmp_path / "whole"), digest_of(b"other"))[0] == 404


@pytest.mark.parametrize(
    "digest", ["sha256:../../../x", "sha256:", "sha512:" + "0" * 128, "../sha256:ab", "sha256:a/b", digest_of(b"")]
)
def test_no_digest_leads_to_another_file(tmp_path: Path, store: StoreClient, digest: str) -> None:
    assert BlobFiles(store, layout(tmp_path))._open(digest, len(CONTENT)) is None


def test_asking_for_a_large_blob_costs_no_connection() -> None:
    seen: list[int] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            seen.append(self.client_address[1])
            self.send_response(200)
            self.send_header("Content-Length", str(1 << 30))
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        client = StoreClient(f"http://127.0.0.1:{server.server_port}")
        for _ in range(3):
            client.send("HEAD", "a", f"blobs/{DIGEST}").close()
        server.shutdown()
    assert len(seen) == 3 and len(set(seen)) == 1


@pytest.mark.engine
def test_the_store_keeps_its_blobs_where_they_are_looked_for(
    place: Place, engine: object, running: Installation
) -> None:
    """Else every blob would pass through the process again, and nobody would notice."""
    content = os.urandom(1000)
    digest = place.http().push_blob(f"{place.namespace}/b{uuid4().hex[:10]}", content)
    path = f"{clouds.FILES}/{(BLOBS / 'sha256' / digest[7:9] / digest[7:] / 'data').as_posix()}"
    backends = engine.containers.get(running.object_name(clouds.BACKENDS))  # type: ignore[attr-defined]
    assert printed(backends, "cat", path) == content
    assert backends.exec_run(["touch", f"{clouds.FILES}/x"]).exit_code != 0, "to be read only"


@pytest.mark.engine
@pytest.mark.parametrize("service", [*PLACES, "ecr"])
def test_a_large_blob_comes_back_whole_and_in_part(running: Installation, service: str) -> None:
    address, name = f"localhost:{running.ports[service]}", f"team/b{uuid4().hex[:10]}"
    place = amazon(address, name) if service == "ecr" else PLACES[service](address)
    name = name if service == "ecr" else f"{place.namespace}/{name[5:]}"
    content = os.urandom(5_000_001)
    digest = place.http().push_blob(name, content)
    path, rights = f"/v2/{name}/blobs/{digest}", f"repository:{name}:pull"
    whole = place.http().send("GET", path, None, rights)
    assert whole.status == 200 and whole.body == content and whole.headers["Content-Length"] == str(len(content))
    assert whole.headers["Docker-Content-Digest"] == digest and whole.headers["Etag"] == f'"{digest}"'
    part = place.http().send("GET", path, None, rights, Range="bytes=1000-3000999")
    assert part.status == 206 and part.body == content[1000:3_001_000]
    known = place.http().send("GET", path, None, rights, If_None_Match=f'"{digest}"')
    assert known.status == 304 and not known.body


@pytest.mark.engine
def test_a_blob_of_another_repository_is_not_there(place: Place) -> None:
    one, two = (f"{place.namespace}/b{uuid4().hex[:10]}" for _ in range(2))
    digest = place.http().push_blob(one, os.urandom(100))
    place.http().push_image(two, "1")
    assert place.http().send("GET", f"/v2/{two}/blobs/{digest}", None, f"repository:{two}:pull").status == 404
