"""Serves the model over HTTP: GET /health, GET /version, POST /predict with {"text": "..."}.

Standard library only. The environment says where and what: ``PORT`` (8080; 0 = any free one), ``WEIGHTS`` (the folder
``weights`` beside this file), ``MODEL_VERSION`` and ``REVISION`` (set by the image). ``serve.py --check`` asks a
running server for its health and exits with 0 or 1: the image's HEALTHCHECK, since a slim image has no curl.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import signal
import sys
import threading
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from answer import answer
from model import Model

HERE = Path(__file__).resolve().parent
MAX_BODY = 16 * 1024  # bytes; a message has at most 2,000 characters
MAX_DROPPED = 2**20  # bytes of a refused body that are read, so that the caller sees the answer and not a reset
READ_SECONDS = 5.0  # a caller that stops sending loses its thread after this time


class Refused(Exception):
    """A request that gets a 4xx answer with its reason."""

    def __init__(self, status: HTTPStatus, reason: str, **headers: str) -> None:
        super().__init__(reason)
        self.status, self.reason, self.headers = status, reason, headers


class Server(ThreadingHTTPServer):
    """An HTTP server that holds one model and waits for answers under way when it is closed."""

    daemon_threads = False

    def __init__(self, address: tuple[str, int], model: Model, version: str, revision: str) -> None:
        self.model, self.version, self.revision, self.code = model, version, revision, code_digest(HERE)
        super().__init__(address, Handler)


class Handler(BaseHTTPRequestHandler):
    """One request. Every answer is JSON, errors too: ``{"error": "..."}``."""

    server: Server
    server_version = "ml-model"
    sys_version = ""
    error_content_type = "application/json"
    error_message_format = '{"error": "not a request that this server understands"}\n'
    timeout = READ_SECONDS

    def do_GET(self) -> None:
        self._answer()

    do_POST = do_PUT = do_DELETE = do_PATCH = do_GET

    def _answer(self) -> None:
        started = time.perf_counter()
        headers: dict[str, str] = {}
        try:
            status, body = HTTPStatus.OK, self._route()
        except Refused as refused:
            status, body, headers = refused.status, {"error": refused.reason}, refused.headers
        except TimeoutError:
            status, body = HTTPStatus.REQUEST_TIMEOUT, {"error": "the body did not arrive in time"}
        content = json.dumps(body).encode("utf-8") + b"\n"
        self.send_response_only(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)
        # One line a request, without the text: what customers write does not belong in logs.
        took = (time.perf_counter() - started) * 1000
        print(f"{self.log_date_time_string()} {self.command} {self.path!r} {status.value} {took:.1f} ms", flush=True)

    def _route(self) -> dict[str, Any]:
        path = self.path.partition("?")[0]
        routes = {
            "/health": ("GET", self._health),
            "/version": ("GET", self._version),
            "/predict": ("POST", self._predict),
        }
        if path not in routes:
            raise Refused(HTTPStatus.NOT_FOUND, f"no such path; there are {', '.join(routes)}")
        method, handle = routes[path]
        if self.command != method:
            raise Refused(HTTPStatus.METHOD_NOT_ALLOWED, f"{path} answers {method} only", Allow=method)
        return handle()

    def _health(self) -> dict[str, Any]:
        return {"status": "ok"}

    def _version(self) -> dict[str, Any]:
        server = self.server
        return {
            "name": "ml-model",
            "version": server.version,
            "revision": server.revision,
            "code": server.code,
            "weights": server.model.digest,
            "accuracy": server.model.metadata["held_out"]["accuracy"],
        }

    def _predict(self) -> dict[str, Any]:
        try:
            body = json.loads(self._body())
        except (ValueError, RecursionError) as error:
            raise Refused(HTTPStatus.BAD_REQUEST, "the body is not JSON") from error
        if not isinstance(body, dict) or not isinstance(body.get("text"), str):
            raise Refused(HTTPStatus.BAD_REQUEST, 'the body must be {"text": "a message"}')
        try:
            return answer(self.server.model.predict(body["text"]), self.server.version)
        except ValueError as error:
            raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, str(error)) from error

    def _body(self) -> bytes:
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit()):
            raise Refused(HTTPStatus.LENGTH_REQUIRED, "say in Content-Length how many bytes the body has")
        if len(length) > 9 or int(length) > MAX_BODY:
            self.rfile.read(min(int(length[:10]), MAX_DROPPED))
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body may have at most {MAX_BODY} bytes")
        return self.rfile.read(int(length))

    def log_message(self, format: str, *args: Any) -> None:
        """Malformed requests come here; they get one line as well."""
        print(f"{self.log_date_time_string()} {format % args!r}", flush=True)


def code_digest(folder: Path) -> str:
    """SHA-256 over the serving code: two servers with the same digest run the same code."""
    total = hashlib.sha256()
    for path in sorted(folder.glob("*.py")):
        total.update(path.name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return "sha256:" + total.hexdigest()


def healthy(port: int) -> bool:
    """Whether the server on this machine answers GET /health with 200."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def main(arguments: list[str]) -> int:
    """Serve until SIGTERM or Ctrl-C, or check a running server."""
    port = int(os.environ.get("PORT", "8080"))
    if arguments == ["--check"]:
        return 0 if healthy(port) else 1
    model = Model(Path(os.environ.get("WEIGHTS", HERE / "weights")))
    version, revision = os.environ.get("MODEL_VERSION", "0.0.0"), os.environ.get("REVISION", "unknown")
    server = Server(("0.0.0.0", port), model, version, revision)

    def stop(_signal: int, _frame: object) -> None:
        # shutdown() waits for the loop that this handler has interrupted, so it needs a thread of its own.
        threading.Thread(target=server.shutdown).start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    print(f"ml-model {version} with weights {model.digest} listens on port {server.server_port}", flush=True)
    server.serve_forever(poll_interval=0.2)
    server.server_close()
    print("stopped", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
