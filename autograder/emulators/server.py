"""Serves every backend on a port of its own, in one process.

The WSGI server is cheroot (CherryPy's): of the maintained ones it streams a request body in either framing to the
application and an answer back without keeping them, works on all platforms, and has a bounded number of threads.
Waitress keeps a whole body before it calls the application; Werkzeug's own server closes each connection and says of
itself that it is for development.
"""

from __future__ import annotations

import io
import os
import socket
import sys
import threading
import time
from traceback import format_exc
from types import TracebackType

from cheroot.connections import ConnectionManager
from cheroot.server import HTTPConnection
from cheroot.wsgi import Gateway_10, Server

from autograder.emulators.assembly import Emulators
from autograder.emulators.interface import StoreProblem
from autograder.emulators.registry import zero_copy
from autograder.emulators.registry.body import ClientGone

THREADS = 24  # a port; Docker moves 5 layers up and 3 down at a time, each in a request of its own
SILENCE_SECONDS = 300  # a client that compresses a large layer sends nothing for a while
BACKLOG = 128
READ_BUFFER = 64 * 1024  # bytes


class _Reader(io.BufferedReader):
    """The C reader in place of cheroot's Python one: a layer costs a third of the processor time."""

    bytes_read = 0  # statistics that cheroot looks for and nobody wants

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        super().__init__(socket.SocketIO(sock, "r"), READ_BUFFER)

    def has_data(self) -> bool:
        """Whether something can be read without waiting; a broken connection counts, so that it is read and closed."""
        try:
            patience = self._socket.gettimeout()
            self._socket.settimeout(0)
            try:
                return bool(self.peek(1))
            finally:
                self._socket.settimeout(patience)
        except (OSError, ValueError):
            return True


class _Writer:
    """Sends at once, without a copy; cheroot's buffer copies every piece three times and never holds anything."""

    bytes_written = 0

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock

    def write(self, data: bytes) -> int:
        """Send all of it. Raises OSError when the client is gone or takes nothing for too long."""
        self._socket.sendall(data)
        return len(data)


class BackendConnection(HTTPConnection):
    """A connection with a fast reader and writer."""

    def __init__(self, server: Server, sock: socket.socket, makefile: object = None) -> None:
        super().__init__(server, sock)
        self.rfile = _Reader(sock)
        self.wfile = _Writer(sock)

    def close(self) -> None:
        """Close, whatever state it is in: what escapes here would end the whole server (cheroot, threadpool.py)."""
        try:
            super().close()
        except (OSError, ValueError):
            self.socket.close()


class BackendGateway(Gateway_10):
    """Lets the kernel send what is a file; everything else as cheroot does it."""

    def respond(self) -> None:
        """Answer the current request."""
        response = self.req.server.wsgi_app(self.env, self.start_response)
        try:
            if not zero_copy.send(response, self.req):
                for chunk in filter(None, response):
                    self.write(chunk)
        finally:
            self.req.ensure_headers_sent()
            if hasattr(response, "close"):
                response.close()


class BackendServer(Server):
    """One port. A connection costs a thread only while there is something to read on it."""

    _connections: ConnectionManager
    ConnectionClass = BackendConnection
    keep_alive_conn_limit = 500

    def process_conn(self, conn: HTTPConnection) -> None:
        """Clients open connections in reserve; a new one waits in the selector like an idle one."""
        if conn.last_used is None:
            self._connections.put(conn)
        else:
            super().process_conn(conn)

    def put_conn(self, conn: HTTPConnection) -> None:
        """Keep a connection for its next request. Nothing escapes, for the same reason as above."""
        try:
            super().put_conn(conn)
        except (OSError, ValueError, KeyError):
            conn.close()

    def error_log(self, msg: str = "", level: int = 20, traceback: bool = False) -> None:
        """One line when a client or the store went away in the middle; the whole story of anything else."""
        error = sys.exc_info()[1]
        if isinstance(error, ClientGone | StoreProblem | ConnectionError):
            sys.stderr.write(f"connection ended early: {error!r}\n")
            return
        sys.stderr.write(f"{msg}\n{format_exc() if traceback else ''}")


class Running:
    """The servers while they run; a context manager that stops them and closes the state."""

    def __init__(self, emulators: Emulators, ports: dict[str, int], host: str) -> None:
        self._emulator = emulators
        self._servers: dict[str, BackendServer] = {}
        self._stopping = False
        for service, port in ports.items():
            server = BackendServer(
                (host, port),
                emulators.application(service),
                numthreads=THREADS,
                server_name=service,
                request_queue_size=BACKLOG,
                timeout=SILENCE_SECONDS,
                shutdown_timeout=2,
            )
            server.gateway = BackendGateway
            server.prepare()
            self._servers[service] = server
            threading.Thread(target=self._serve, args=(server,), name=service, daemon=True).start()

    def _serve(self, server: BackendServer) -> None:
        """Serve until stopped. A server that ends by itself ends the process, and the engine starts it anew."""
        try:
            server.serve()
        finally:
            if not self._stopping:
                sys.stderr.write(f"the server of {server.server_name} ended by itself\n{format_exc()}")
                sys.stderr.flush()
                os._exit(70)

    @property
    def ports(self) -> dict[str, int]:
        """Service -> the port it listens on (useful when 0 was asked for)."""
        return {service: server.bind_addr[1] for service, server in self._servers.items()}

    def __enter__(self) -> Running:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping = True
        stoppers = [threading.Thread(target=server.stop) for server in self._servers.values()]
        for stopper in stoppers:
            stopper.start()
        for stopper in stoppers:
            stopper.join()
        self._emulator.close()


def reconcile(emulators: Emulators, seconds: float) -> list[str]:
    """Make state and store agree, waiting up to ``seconds`` for the store. Raises StoreProblem after that."""
    until = time.monotonic() + seconds
    while not emulators.store.ready() and time.monotonic() < until:
        time.sleep(0.05)
    return emulators.reconcile()
