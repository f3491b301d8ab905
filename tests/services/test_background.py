"""Background processes, the site's server and JupyterLab: started, recognised, brought back, ended with grace."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import websocket

from autograder import paths
from autograder.errors import EnvironmentProblem
from autograder.services import http, installation, jupyter, processes, site_server
from autograder.services.installation import Installation


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def state(home: Path) -> Iterator[Installation]:
    """An installation with ports of its own; whatever was started is ended."""
    with installation.change() as found:
        found.ports.update(site=free_port(), jupyter=free_port())
    (home / "site").mkdir()
    (home / "site" / "index.html").write_text("<p>lessons", encoding="utf-8")
    (home / "site" / "404.html").write_text("<p>not here", encoding="utf-8")
    yield found
    for record in found.processes.values():
        processes.end(record)


def sleeper(home: Path) -> processes.Record:
    return processes.spawn(
        [sys.executable, "-c", "import time; print('here', flush=True); time.sleep(600)"],
        log=home / "logs" / "sleeper.log",
        cwd=home,
        environment=os.environ,
    )


def test_a_process_is_known_by_its_start_too(home):
    record = sleeper(home)
    another = {"pid": record["pid"], "created": float(record["created"]) - 100}  # as version 0.1.0 wrote it down
    try:
        assert processes.alive(record)
        assert not processes.alive(another) and not processes.alive({**another, "start": "another boot:100"})
        processes.end(another)  # another program's: left alone
        assert processes.alive(record)
    finally:
        processes.end(record)
    assert not processes.alive(record)
    processes.end(record)
    assert not processes.alive(None) and not processes.alive({})


@pytest.mark.skipif(os.name != "posix", reason="sessions are POSIX")
def test_it_has_a_session_of_its_own_and_its_output_goes_to_the_log(home):
    record = sleeper(home)
    try:
        assert os.getsid(int(record["pid"])) == int(record["pid"])
        log = home / "logs" / "sleeper.log"
        assert http.wait_until(lambda: processes.tail(log) == "here", 10)
    finally:
        processes.end(record)


def test_a_long_log_is_cut_before_more_is_written(tmp_path):
    log = tmp_path / "x.log"
    log.write_bytes(b"a" * 5_000_000 + b"end")
    processes._cut(log)
    assert log.stat().st_size == 1 << 20 and log.read_bytes().endswith(b"end")


def test_the_site_is_served_to_this_machine_alone(state):
    site_server.launch(state)
    site_server.wait(state)
    port = state.ports["site"]
    base = f"http://127.0.0.1:{port}"
    assert http.ask(base + "/").text == "<p>lessons"
    missing = http.ask(base + "/nothing/")
    assert (missing.status, missing.text) == (404, "<p>not here")
    assert http.ask(base + "/", headers={"Host": "evil.example"}).status == 421
    assert http.ask(base + "/../state.json").status == 404
    assert http.ask(base + "/", method="DELETE").status == 403
    assert http.ask(base + site_server.OWN, method="DELETE").status == 403
    assert http.ask(base + site_server.OWN, method="DELETE", headers={site_server.TOKEN_HEADER: "x"}).status == 403
    assert site_server.answers(state)
    assert site_server.stop(state) is True
    assert not site_server.answers(state) and site_server.stop(state) is False


def test_a_killed_site_server_comes_back_on_its_port(state):
    site_server.launch(state)
    site_server.wait(state)
    first = dict(state.processes["site"])
    site_server.launch(state)  # twice is harmless
    assert state.processes["site"] == first
    os.kill(int(first["pid"]), 9)
    assert http.wait_until(lambda: not processes.alive(first), 5)
    site_server.launch(state)
    site_server.wait(state)
    assert state.processes["site"]["pid"] != first["pid"]
    site_server.stop(state)


def test_a_foreign_server_on_the_port_is_not_taken_for_ours(state, monkeypatch):
    monkeypatch.setitem(http.ask.__kwdefaults__, "timeout", 0.5)  # it takes the connection and says nothing
    with socket.socket() as foreign:
        foreign.bind(("127.0.0.1", state.ports["site"]))
        foreign.listen()
        with pytest.raises(EnvironmentProblem, match="listens on it"):
            site_server.launch(state)


def test_a_server_without_a_token_obeys_nobody(home):
    command = [sys.executable, "-m", "autograder.services.site_server", str(port := free_port()), str(home)]
    variables = {key: value for key, value in os.environ.items() if key != site_server.TOKEN_VARIABLE}
    with subprocess.Popen(command, cwd=paths.ROOT, env=variables) as server:
        assert http.wait_until(lambda: http.ask(f"http://127.0.0.1:{port}/").status == 200, 20)
        own = f"http://127.0.0.1:{port}{site_server.OWN}"
        assert http.ask(own, method="DELETE", headers={site_server.TOKEN_HEADER: ""}).status == 403
        server.kill()


def test_jupyters_configuration_asks_nobody_and_holds_the_token(state):
    config = jupyter.server_config(state, paths.work())
    assert config["IdentityProvider"]["token"] == state.token
    assert config["ServerApp"]["ip"] == "127.0.0.1" and config["ServerApp"]["port_retries"] == 0
    assert config["LabApp"]["news_url"] is None and config["LabApp"]["extension_manager"] == "readonly"
    assert jupyter.LAB_SETTINGS["@jupyterlab/docmanager-extension:plugin"]["autosaveInterval"] == 10


def test_settings_of_another_jupyter_do_not_leak_in(home):
    base = {"PATH": "/bin", "JUPYTER_PATH": "/u", "JUPYTER_CONFIG_DIR": "/u", "IPYTHONDIR": "/u", "HOME": "/u"}
    found = jupyter.environment({**base, "http_proxy": "http://p:1"})
    assert "JUPYTER_PATH" not in found and found["HOME"] == "/u"
    assert all(found[name].startswith(str(home)) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "IPYTHONDIR"))
    assert found["PATH"].split(os.pathsep)[0] == str(Path(sys.executable).parent)
    assert "localhost" in found["NO_PROXY"]


@pytest.mark.slow
def test_jupyterlab_answers_with_our_settings_and_comes_back_after_a_kill(state, home):
    jupyter.launch(state)
    jupyter.wait(state)
    port, record = state.ports["jupyter"], dict(state.processes["jupyter"])
    base, token = f"http://127.0.0.1:{port}", {"Authorization": f"token {state.token}"}

    assert http.ask(base + "/api/contents").status == 403
    settings = http.ask(base + "/lab/api/settings/@jupyterlab/docmanager-extension:plugin", headers=token, timeout=20)
    assert json.loads(settings.text)["schema"]["properties"]["autosaveInterval"]["default"] == 10
    page = http.ask(base + "/lab", headers=token, timeout=20).text
    assert '"news": {"disabled": true}' in page and '"@jupyter/nbgrader"' in page

    os.kill(int(record["pid"]), 9)
    assert http.wait_until(lambda: not processes.alive(record), 5)
    began = state.token
    jupyter.launch(state)
    jupyter.wait(state)
    assert (state.ports["jupyter"], state.token) == (port, began)

    terminal = http.ask(base + "/api/terminals", method="POST", headers=token, timeout=20)
    assert terminal.status == 200
    name, seen = json.loads(terminal.text)["name"], Path(state.home) / "seen"
    address = f"ws://127.0.0.1:{port}/terminals/websocket/{name}?token={state.token}"
    with contextlib.closing(websocket.create_connection(address, timeout=20, http_no_proxy=["*"])) as typed:
        typed.send(json.dumps(["stdin", f"command -v course > '{seen}'\r"]))
        assert http.wait_until(lambda: seen.is_file() and seen.read_text() != "", 20), "course is not on the path"
    started = time.monotonic()
    assert jupyter.stop(state) is True and jupyter.stop(state) is False
    assert not jupyter.answers(state) and time.monotonic() - started < 60


def test_a_jupyterlab_that_ended_says_what_its_log_says(state):
    record = processes.spawn([sys.executable, "-c", "print('no such option')"], **place(state))
    assert http.wait_until(lambda: not processes.alive(record), 10)
    state.processes["jupyter"] = record
    with pytest.raises(EnvironmentProblem, match="it ended; its log ends: no such option"):
        jupyter.wait(state)


def place(state: Installation) -> dict[str, object]:
    return {"log": jupyter.log(), "cwd": Path(state.home), "environment": os.environ}


def test_cells_find_the_kit(home):
    paths.work().mkdir()
    program = "import autograder.notebook, sys; print(sys.prefix)"
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=paths.work(),
        env=jupyter.environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == sys.prefix
