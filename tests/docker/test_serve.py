"""The model server over HTTP: what callers get, also for bad requests, and how it stops."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

pytestmark = pytest.mark.slow  # each starts programs

Running = tuple[str, "subprocess.Popen[str]"]


def ask(address: str, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, Any, Any]:
    connection = http.client.HTTPConnection(address, timeout=10)
    connection.request(method, path, body, headers)
    response = connection.getresponse()
    assert response.headers["Content-Type"] == "application/json"
    return response.status, json.loads(response.read()), response.headers


def test_health_and_version(server: Running, weights: Path) -> None:
    assert ask(server[0], "GET", "/health")[:2] == (200, {"status": "ok"})
    status, found, _ = ask(server[0], "GET", "/version?verbose")
    assert status == 200
    assert (found["name"], found["version"], found["revision"]) == ("ml-model", "1.2.3", "abc1234")
    assert found["weights"] == json.loads((weights / "model.json").read_text())["weights"]["digest"]
    assert found["code"].startswith("sha256:")


def test_the_server_predicts_what_the_module_predicts(server: Running, weights: Path, training: ModuleType) -> None:
    for text in ("Where is my parcel?", "Das Paket kam nie an: ÄÖÜ 😀 parcel", "refund " * 250):
        status, found, _ = ask(server[0], "POST", "/predict", json.dumps({"text": text}).encode())
        expected = training.model.predict(text, weights)
        assert (status, found) == (
            200,
            {"queue": expected["queue"], "score": expected["score"], "version": "1.2.3"},
        )


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        (b"", 400, "not JSON"),
        (b"{", 400, "not JSON"),
        (b"\xff\xfe\x00", 400, "not JSON"),
        (b"[" * 5000, 400, "not JSON"),
        (b'"text"', 400, '{"text"'),
        (b"{}", 400, '{"text"'),
        (b'{"text": 1}', 400, '{"text"'),
        (b'{"text": null}', 400, '{"text"'),
        (b'{"text": ""}', 422, "no word"),
        (b'{"text": "\\ud800"}', 422, "no word"),
        (json.dumps({"text": "word " * 401}).encode(), 422, "2005 characters"),
        (b'{"text": "' + b"x" * 20_000 + b'"}', 413, "16384 bytes"),
        (b"x" * 3_000_000, 413, "16384 bytes"),
    ],
)
def test_bad_bodies(server: Running, body: bytes, status: int, reason: str) -> None:
    try:
        found = ask(server[0], "POST", "/predict", body)
    except (BrokenPipeError, ConnectionResetError):
        assert len(body) > 2**20  # the server stops reading and answers; a caller that keeps writing may be cut off
        return
    assert found[0] == status
    assert reason in found[1]["error"]


def test_wrong_paths_and_methods(server: Running) -> None:
    assert ask(server[0], "GET", "/")[0] == 404
    assert ask(server[0], "GET", "/predict/")[0] == 404
    status, _, headers = ask(server[0], "GET", "/predict")
    assert (status, headers["Allow"]) == (405, "POST")
    status, _, headers = ask(server[0], "POST", "/health", b"")
    assert (status, headers["Allow"]) == (405, "GET")
    assert ask(server[0], "BREW", "/health")[0] == 501


@pytest.mark.parametrize("length", [None, "-1", "many", "1_0", "٣"])
def test_the_length_must_be_said(server: Running, length: str | None) -> None:
    host, port = server[0].split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        header = "" if length is None else f"Content-Length: {length}\r\n"
        connection.sendall(f"POST /predict HTTP/1.1\r\nHost: x\r\n{header}\r\n".encode())
        assert b" 411 " in connection.makefile("rb").readline()


def test_what_is_not_http_gets_an_answer_and_harms_nobody(server: Running) -> None:
    host, port = server[0].split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(b"\x16\x03\x01 hello \r\n\r\n")
        assert b"not a request" in connection.makefile("rb").read()
    assert ask(server[0], "GET", "/health")[0] == 200


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM; the image runs on Linux")
def test_it_stops_on_sigterm_and_logs_no_text(server: Running) -> None:
    address, process = server
    ask(address, "POST", "/predict", b'{"text": "my secret parcel"}')
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=20) == 0
    assert process.stdout is not None
    log = process.stdout.read().splitlines()
    assert log[-1] == "stopped"
    assert len(log) == 2 and "POST '/predict' 200" in log[0]
    assert "secret" not in log[0]


def test_health_check_command(server: Running) -> None:
    serve = Path(__file__).resolve().parents[2] / "docker" / "ml-model" / "app" / "serve.py"
    _, port = server[0].split(":")

    def check(port: str) -> int:
        return subprocess.run([sys.executable, str(serve), "--check"], env={**os.environ, "PORT": port}).returncode

    assert check(port) == 0
    server[1].kill()
    server[1].wait()
    assert check(port) == 1


def test_without_weights_it_does_not_start(tmp_path: Path) -> None:
    serve = Path(__file__).resolve().parents[2] / "docker" / "ml-model" / "app" / "serve.py"
    done = subprocess.run(
        [sys.executable, str(serve)],
        env={**os.environ, "WEIGHTS": str(tmp_path), "PORT": "0"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "model.json" in done.stderr
