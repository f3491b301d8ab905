"""The site on this machine: a small server of its own for the built lessons, in the background on loopback.

Run as ``python -m autograder.services.site_server PORT FOLDER``; the installation's token comes in the variable
``COURSE_SITE_TOKEN``. Standard library only.
"""

from __future__ import annotations

import hmac
import os
import sys
import threading
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from autograder import paths
from autograder.errors import EnvironmentProblem
from autograder.services import addresses, http, ports, processes
from autograder.services.installation import Installation

SERVICE = "site"
OWN = "/.course/server"  # GET: is it ours? DELETE: end. Both with the token.
TOKEN_HEADER = "X-Course-Token"
TOKEN_VARIABLE = "COURSE_SITE_TOKEN"
START_SECONDS = 120.0
STOP_SECONDS = 5.0


class Handler(SimpleHTTPRequestHandler):
    """Files of the built site, plus :data:`OWN`."""

    server_version = "course"
    sys_version = ""
    protocol_version = "HTTP/1.1"
    token = ""

    def do_GET(self) -> None:
        """A page, or whether this server is ours."""
        if self._refused():
            return
        if self.path == OWN:
            self._plain(HTTPStatus.OK if self._is_ours() else HTTPStatus.FORBIDDEN)
        else:
            super().do_GET()

    def do_HEAD(self) -> None:
        """As GET, without the content."""
        if not self._refused():
            super().do_HEAD()

    def do_DELETE(self) -> None:
        """End the server."""
        if self._refused():
            return
        if self.path != OWN or not self._is_ours():
            self._plain(HTTPStatus.FORBIDDEN)
            return
        self._plain(HTTPStatus.OK)
        threading.Thread(target=self.server.shutdown).start()

    def _is_ours(self) -> bool:
        return bool(self.token) and hmac.compare_digest(self.headers.get(TOKEN_HEADER, ""), self.token)

    def _refused(self) -> bool:
        """Another name in Host would mean that a foreign page reaches us through its own name (DNS rebinding)."""
        host = self.headers.get("Host", "").rpartition(":")[0] or self.headers.get("Host", "")
        if host in ("localhost", ports.LOOPBACK):
            return False
        self._plain(HTTPStatus.MISDIRECTED_REQUEST)
        return True

    def _plain(self, status: HTTPStatus) -> None:
        body = f"{status.phrase}\n".encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def end_headers(self) -> None:
        """A rebuilt page is shown at once, and types are not guessed."""
        self.send_header("Cache-Control", "no-cache")
        self.send_header("X-Content-Type-Options", "nosniff")
        super().end_headers()

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """The site's own page for what is not there."""
        page = Path(self.directory) / "404.html"
        if code != HTTPStatus.NOT_FOUND or not page.is_file():
            super().send_error(code, message, explain)
            return
        body = page.read_bytes()
        self.send_response(code)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: a log of every page helps nobody here."""


class Server(ThreadingHTTPServer):
    """One thread a request; none of them keeps the server from ending."""

    daemon_threads = True
    allow_reuse_address = os.name == "posix"  # on Windows that would let two servers share a port


def serve(port: int, folder: Path, token: str) -> None:
    """Serve until asked to end."""
    handler = type("SiteHandler", (Handler,), {"token": token})
    with Server((ports.LOOPBACK, port), partial(handler, directory=str(folder))) as server:
        server.serve_forever(poll_interval=0.2)


def log() -> Path:
    """Its log: only what went wrong."""
    return paths.state() / "logs" / "site.log"


def folder() -> Path:
    """The built site."""
    return paths.home() / "site"


def _own(installation: Installation, method: str) -> int:
    port = installation.ports.get(SERVICE)
    if port is None:
        return 0
    return http.ask(addresses.url(port, OWN), method=method, headers={TOKEN_HEADER: installation.token}).status


def answers(installation: Installation) -> bool:
    """Whether this installation's site server answers."""
    return _own(installation, "GET") == HTTPStatus.OK


def launch(installation: Installation) -> None:
    """Start the server unless it answers; the process is noted in ``installation``.

    Raises:
        EnvironmentProblem: its port is taken by another program.
    """
    if answers(installation):
        return
    processes.end(installation.processes.get(SERVICE))
    port = installation.ports[SERVICE]
    if not ports.is_free(port):
        raise ports.taken(SERVICE, port)
    command = [sys.executable, "-P", "-m", "autograder.services.site_server", str(port), str(folder())]
    variables = {**os.environ, "PYTHONPATH": str(paths.ROOT), TOKEN_VARIABLE: installation.token}
    installation.processes[SERVICE] = processes.spawn(command, log=log(), cwd=paths.ROOT, environment=variables)


def wait(installation: Installation) -> None:
    """Wait until the server answers.

    Raises:
        EnvironmentProblem: it ended, or took too long; with the end of its log.
    """
    record = installation.processes.get(SERVICE)
    if not http.wait_until(lambda: answers(installation), START_SECONDS, lambda: processes.alive(record)):
        raise EnvironmentProblem(
            expected=f"the site to answer on port {installation.ports[SERVICE]} within {START_SECONDS:.0f} seconds",
            found=f"it does not; its log ends: {processes.tail(log(), 3) or '(empty)'}",
            next_step="Run `python3 course.py stop`, then start again.",
        )


def stop(installation: Installation) -> bool:
    """End the server.

    Returns:
        Whether it was running.
    """
    record = installation.processes.pop(SERVICE, None)
    ran = processes.alive(record)
    if answers(installation):
        ran = True
        _own(installation, "DELETE")
        processes.wait_gone(record, STOP_SECONDS)
    processes.end(record)
    return ran


if __name__ == "__main__":
    serve(int(sys.argv[1]), Path(sys.argv[2]), os.environ.pop(TOKEN_VARIABLE, ""))
