"""The server's own parts: connections that broke at a bad moment must not end it."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from autograder.emulators.server import BackendConnection, BackendServer


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """The server's and the client's end of a TCP connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        server, _ = listener.accept()
        server.settimeout(5)
        with client, server:
            yield server, client


def connection(end: socket.socket) -> BackendConnection:
    owner = SimpleNamespace(peercreds_enabled=False, peercreds_resolve_enabled=False)
    return BackendConnection(owner, end)  # type: ignore[arg-type]


def reset(client: socket.socket) -> None:
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    time.sleep(0.05)  # it has arrived


def test_data_is_noticed_without_waiting(pair: tuple[socket.socket, socket.socket]) -> None:
    server, client = pair
    found = connection(server)
    assert not found.rfile.has_data() and server.gettimeout() == 5
    client.sendall(b"GET / HTTP/1.1\r\nrest")
    time.sleep(0.05)
    assert found.rfile.has_data() and found.rfile.readline() == b"GET / HTTP/1.1\r\n"
    assert found.rfile.has_data() and found.rfile.read(4) == b"rest" and not found.rfile.has_data()


def test_a_reset_connection_is_to_be_read_and_closes_quietly(pair: tuple[socket.socket, socket.socket]) -> None:
    server, client = pair
    found = connection(server)
    reset(client)
    assert found.rfile.has_data(), "reading it tells that it is broken"
    found.close()
    found.close()


def test_a_connection_that_broke_before_it_is_kept_is_closed(pair: tuple[socket.socket, socket.socket]) -> None:
    server, client = pair
    backend = BackendServer(("127.0.0.1", 0), lambda environ, start: [], numthreads=1)
    backend.prepare()
    try:
        found = connection(server)
        found.rfile.close()
        server.close()
        reset(client)
        backend.put_conn(found)
        assert backend.interrupt is None
    finally:
        backend.stop()


def test_everything_written_arrives(pair: tuple[socket.socket, socket.socket]) -> None:
    server, client = pair
    found = connection(server)
    content = b"x" * 100_000
    assert found.wfile.write(content) == len(content)
    received = b""
    while len(received) < len(content):
        received += client.recv(65536)
    assert received == content
