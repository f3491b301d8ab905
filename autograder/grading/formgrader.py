"""A Jupyter server of its own for nbgrader's formgrader: on loopback, with a token, with nobody's private settings.

It has no notebook editor and no terminal: grading never needs to run a student's cells.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from autograder import paths
from autograder.errors import EnvironmentProblem
from autograder.services import http, installation, jupyter

READY_SECONDS = 300.0
EXTENSIONS = {"autograder.grading.formgrader_pages": True}  # which loads nbgrader's


def free_port() -> int:
    """A TCP port of loopback that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def settings(folder: Path) -> Path:
    """Write the server's whole configuration into ``folder``; the token goes by the environment, not by a file."""
    folder.mkdir(parents=True, exist_ok=True)
    config = {
        "ServerApp": {
            "ip": "127.0.0.1",
            "port_retries": 0,
            "open_browser": False,
            "allow_root": True,  # it answers nobody but the owner of the token, in a container's root account too
            "allow_origin": "",
            "root_dir": str(paths.classroom()),
            "jpserver_extensions": EXTENSIONS,
            "terminals_enabled": False,
        },
        "KernelManager": jupyter.ENCRYPTED,
    }
    file = folder / "jupyter_server_config.json"
    file.write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8", newline="\n")
    return file


def environment(folder: Path, token: str) -> dict[str, str]:
    """The server's environment: no settings but ours, neither the user's nor the machine's.

    Source: https://jupyter.readthedocs.io/en/stable/use/jupyter-directories.html
    """
    own = {name: value for name, value in os.environ.items() if not name.startswith(("JUPYTER_", "JUPYTERHUB_"))}
    return own | {
        "JUPYTER_NO_CONFIG": "1",
        "JUPYTER_DATA_DIR": str(folder / "data"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "PYTHONNOUSERSITE": "1",
        "IPYTHONDIR": str(folder / "ipython"),
        "JUPYTER_TOKEN": token,
        "COURSE_HOME": str(paths.home()),
        "PYTHONPATH": os.pathsep.join([str(paths.ROOT), *filter(None, [os.environ.get("PYTHONPATH", "")])]),
    }


def serve(port: int | None, ready: Callable[[str], None]) -> int:
    """Run the server until it is interrupted.

    Args:
        port: the port; a free one when None.
        ready: called once with the address (token included) when it answers.

    Returns:
        the server's exit status.

    Raises:
        EnvironmentProblem: it does not come up.
    """
    folder, token, number = paths.state() / "formgrader", secrets.token_urlsafe(24), port or free_port()
    log = folder / "server.log"
    file = settings(folder)
    command = [sys.executable, "-P", "-m", "jupyter_server", f"--config={file}", f"--port={number}"]
    with installation.locked("formgrader", wait=1.0), log.open("ab") as output:
        process = subprocess.Popen(
            command,
            cwd=paths.ROOT,
            env=environment(folder, token),
            stdout=output,
            stderr=output,
            stdin=subprocess.DEVNULL,
        )
        try:
            base = f"http://127.0.0.1:{number}"
            if not http.wait_until(lambda: process.poll() is not None or _answers(base), READY_SECONDS) or (
                process.poll() is not None
            ):
                raise EnvironmentProblem(
                    expected=f"a Jupyter server on port {number}",
                    found=f"it did not come up; its log is {log}",
                    next_step="Read the end of the log. If the port is taken, choose another one with --port.",
                )
            ready(f"{base}/formgrader?token={token}")
            return process.wait()
        except KeyboardInterrupt:
            return 0
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


def _answers(base: str) -> bool:
    return http.ask(f"{base}/api").status == 200
