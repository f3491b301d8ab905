"""Bytes from socket to socket: all of them, in order, and an end where one side goes away."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Iterator
from uuid import uuid4

import pytest

from autograder.services.standins import relay

from .support import Place

pytestmark = pytest.mark.skipif(not relay.AVAILABLE, reason="splice is Linux's; elsewhere pieces are read and written")
Ends = tuple[socket.socket, socket.socket, socket.socket, socket.socket]


@pytest.fixture
def ends() -> Iterator[Ends]:
    """Store's end, our end of the store, our end of the client, client's end; ours as the servers set them up."""
    store, source = _pair()
    target, client = _pair()
    for ours in (source, target):
        ours.settimeout(30)
    with store, source, target, client:
        yield store, source, target, client


def _pair() -> tuple[socket.socket, socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        one = socket.create_connection(server.getsockname())
        return one, server.accept()[0]


def test_everything_arrives_and_nothing_more_is_taken(ends: Ends) -> None:
    store, source, target, client = ends
    content = os.urandom(5_000_001)
    threading.Thread(target=store.sendall, args=(content + b"next",), daemon=True).start()
    moving = threading.Thread(target=relay.relay, args=(source.fileno(), target, len(content), 30.0))
    moving.start()
    received = bytearray()
    while len(received) < len(content):
        received += client.recv(1 << 16)
    moving.join()
    assert received == content and source.recv(9) == b"next"


def test_a_source_that_ends_early_or_falls_silent_is_told(ends: Ends) -> None:
    store, source, target, _ = ends
    store.sendall(b"abc")
    with pytest.raises(relay.Stopped, match="silent"):
        relay.relay(source.fileno(), target, 10, 0.05)
    store.close()
    with pytest.raises(relay.Stopped, match="7 bytes are missing"):
        relay.relay(source.fileno(), target, 7, 30)


@pytest.mark.parametrize("gone", [True, False])
def test_a_client_that_goes_or_takes_nothing_is_an_error_of_its_connection(ends: Ends, gone: bool) -> None:
    store, source, target, client = ends
    if gone:
        client.close()

    def send() -> None:
        with contextlib.suppress(OSError):
            store.sendall(bytes(1 << 26))

    sending = threading.Thread(target=send, daemon=True)
    sending.start()
    with pytest.raises(OSError):
        relay.relay(source.fileno(), target, 1 << 26, 0.2)
    source.close()
    sending.join()


@pytest.mark.engine
def test_a_large_blob_comes_back_whole_and_in_part(place: Place) -> None:
    name = f"{place.namespace}/r{uuid4().hex[:10]}"
    content = os.urandom(5_000_001)
    digest = place.http().push_blob(name, content)
    path, rights = f"/v2/{name}/blobs/{digest}", f"repository:{name}:pull"
    whole = place.http().send("GET", path, None, rights)
    assert whole.status == 200 and whole.body == content and whole.headers["Content-Length"] == str(len(content))
    part = place.http().send("GET", path, None, rights, Range="bytes=1000-3000999")
    assert part.status == 206 and part.body == content[1000:3_001_000]
    small = place.http().send("GET", path, None, rights, Range="bytes=0-9")
    assert small.status == 206 and small.body == content[:10]
