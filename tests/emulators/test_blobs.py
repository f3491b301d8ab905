"""A blob's way out: as the store's file where it is at hand, else in pieces; whole, in part, and to whom it may."""

from __future__ import annotations

import io
import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from uuid import uuid4

import pytest

from autograder.emulators.registry.reply import StoredBlob
from autograder.emulators.registry.store import BLOBS, RegistryClient
from autograder.oci.manifests import digest_of
from autograder.services import clouds
from autograder.services.installation import Installation

from .support import PLACES, Place, amazon

CONTENT = b"a layer" * 1000
DIGEST = digest_of(CONTENT)


def folder(tmp_path: Path, content: bytes = CONTENT) -> Path:
    """A store's folder with one blob."""
    place = tmp_path / BLOBS / "sha256" / DIGEST[7:9] / DIGEST[7:]
    place.mkdir(parents=True)
    (place / "data").write_bytes(content)
    return tmp_path


def test_a_blob_is_found_by_digest_and_size(tmp_path: Path) -> None:
    client = RegistryClient("http://store:5000", folder(tmp_path))
    with client.open_blob(DIGEST, len(CONTENT)) or io.BytesIO() as found:
        assert found.read() == CONTENT
    assert client.open_blob(DIGEST, len(CONTENT) + 1) is None, "not all of it, or of another layout"
    assert client.open_blob(digest_of(b""), 0) is None


@pytest.mark.parametrize(
    "digest", ["sha256:../../../x", "sha256:", "sha512:" + "0" * 128, "../sha256:ab", "sha256:a/b"]
)
def test_no_digest_leads_out_of_the_folder(tmp_path: Path, digest: str) -> None:
    assert RegistryClient("http://store:5000", folder(tmp_path)).open_blob(digest, len(CONTENT)) is None


def test_without_the_folder_there_are_no_files() -> None:
    client = RegistryClient("http://store:5000")
    assert not client.has_files and client.open_blob(DIGEST, len(CONTENT)) is None


def test_a_server_that_knows_nothing_of_files_gets_pieces() -> None:
    body = StoredBlob(io.BytesIO(CONTENT * 100))
    assert b"".join(body) == CONTENT * 100
    body.close()


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
        client = RegistryClient(f"http://127.0.0.1:{server.server_port}")
        for _ in range(3):
            client.send("HEAD", "a", f"blobs/{DIGEST}").close()
        server.shutdown()
    assert len(seen) == 3 and len(set(seen)) == 1


@pytest.mark.engine
def test_the_store_keeps_its_blobs_where_the_fronts_look(place: Place, engine: object, running: Installation) -> None:
    """Else every blob would pass through the process again, and nobody would notice."""
    content = os.urandom(1000)
    digest = place.http().push_blob(f"{place.namespace}/b{uuid4().hex[:10]}", content)
    path = f"{clouds.FILES}/{(BLOBS / 'sha256' / digest[7:9] / digest[7:] / 'data').as_posix()}"
    backends = engine.containers.get(running.object_name(clouds.FRONTS))  # type: ignore[attr-defined]
    assert backends.exec_run(["cat", path]).output == content
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
