"""JupyterLab on the student's folder: in the background, on loopback, with a configuration of the kit's own.

The user's own Jupyter configuration stays out, so that every student has the same JupyterLab; it asks no third party
for news, updates or extensions.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from autograder import paths
from autograder.errors import CourseError, EnvironmentProblem
from autograder.services import addresses, cloud_variables, http, ports, processes
from autograder.services.installation import Installation

SERVICE = "jupyter"
START_SECONDS = 300.0  # a first start compiles much, and the machine may be busy
STOP_SECONDS = 10.0

# What would bring another Python's library, and a file that every script of bash would read before it runs.
UNWANTED = ("PYTHONHOME", "BASH_ENV")

# Extensions of the instructors' tools, which the full environment holds: they have no place in a student's JupyterLab.
INSTRUCTORS = tuple(
    f"nbgrader.server_extensions.{name}"
    for name in ("formgrader", "validate_assignment", "assignment_list", "course_list")
)

# Run at the beginning of each kernel: addresses may have changed since the server began. No name stays behind.
KERNEL = "__import__('autograder.notebook.variables').notebook.variables.hand_out()\n"

# What goes between a kernel and those that talk to it is encrypted; without it, each kernel warns of eavesdroppers.
# https://jupyter-client.readthedocs.io/en/latest/api/jupyter_client.html#jupyter_client.KernelManager
ENCRYPTED = {"transport_encryption": "auto"}

# Settings of JupyterLab (its Settings Editor shows them); a student may change them.
LAB_SETTINGS: dict[str, dict[str, Any]] = {
    # The checks read the notebook from disk, so little of it should exist in the browser alone. Seconds.
    "@jupyterlab/docmanager-extension:plugin": {"autosaveInterval": 10},
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False},
}


def folder() -> Path:
    """Where configuration, run-time files and settings of this JupyterLab are."""
    return paths.state() / "jupyter"


def log() -> Path:
    """Its log."""
    return paths.state() / "logs" / "jupyter.log"


def server_config(installation: Installation, work: Path) -> dict[str, Any]:
    """The content of jupyter_server_config.json.

    https://jupyter-server.readthedocs.io/en/latest/other/full-config.html
    """
    return {
        "IdentityProvider": {"token": installation.token},
        "ServerApp": {
            "ip": ports.LOOPBACK,
            "port": installation.ports[SERVICE],
            "port_retries": 0,
            "open_browser": False,
            "root_dir": str(work),
            "allow_root": True,  # in a container or a virtual machine root is often the only user
            "terminals_enabled": True,
            "terminado_settings": _terminals(),
            "jpserver_extensions": dict.fromkeys(INSTRUCTORS, False),
        },
        "LabApp": {
            "news_url": None,
            "check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
            "extension_manager": "readonly",
        },
        "KernelManager": ENCRYPTED,
        "MultiKernelManager": {"default_kernel_name": "python3"},
        "KernelSpecManager": {"ensure_native_kernel": True},
    }


def _terminals() -> dict[str, Any]:
    """How a terminal of JupyterLab starts: by :mod:`autograder.services.terminal`, and as no login shell.

    On Debian and Ubuntu /etc/profile gives a login shell a path of its own, and then `course` would not be found.
    """
    return {"shell_command": [sys.executable, "-P", "-m", "autograder.services.terminal"]}


def write_config(installation: Installation) -> None:
    """Write the configuration; the file with the token is readable by its owner alone."""
    config = folder() / "config"
    (config / "labconfig").mkdir(parents=True, exist_ok=True)
    server = config / "jupyter_server_config.json"
    server.touch(mode=0o600)
    server.write_text(json.dumps(server_config(installation, paths.work()), indent=1), encoding="utf-8")
    (config / "labconfig" / "default_setting_overrides.json").write_text(json.dumps(LAB_SETTINGS), encoding="utf-8")
    startup = folder() / "ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True, exist_ok=True)
    (startup / "00-course.py").write_text(KERNEL, encoding="utf-8")
    disabled = {"disabledExtensions": {"@jupyter/nbgrader": True}}
    (config / "labconfig" / "page_config.json").write_text(json.dumps(disabled), encoding="utf-8")


def environment(base: dict[str, str] | None = None, more: Mapping[str, str] | None = None) -> dict[str, str]:
    """The variables of the server and of its kernels and terminals.

    The environment's programs come first on the path, no proxy stands between a cell and the kit's services, and
    settings of another Jupyter or IPython of the user do not leak in, nor accounts at AWS or logins of Docker.

    Args:
        base: variables to start from instead of this process's.
        more: what programs that cells call should know.
    """
    base = dict(os.environ) if base is None else base
    unwanted = {*UNWANTED, *cloud_variables.foreign(base)}
    variables = {
        key: value
        for key, value in base.items()
        if not key.startswith(("JUPYTER", "JPY_", "IPYTHON")) and key not in unwanted
    }
    variables |= cloud_variables.private()
    here = folder()
    variables.update(
        JUPYTER_CONFIG_DIR=str(here / "config"),
        JUPYTER_DATA_DIR=str(here / "data"),
        JUPYTER_RUNTIME_DIR=str(here / "runtime"),
        JUPYTER_PREFER_ENV_PATH="1",
        IPYTHONDIR=str(here / "ipython"),
    )
    variables.update(more or {})
    path = [str(Path(sys.executable).parent), variables.get("PATH", os.defpath), str(paths.programs())]
    variables["PATH"] = os.pathsep.join(path)
    if sys.prefix != sys.base_prefix:
        variables["VIRTUAL_ENV"] = sys.prefix
    if Path(sys.prefix) != paths.ROOT / ".venv":  # only that environment knows where the kit is
        variables["PYTHONPATH"] = os.pathsep.join([str(paths.ROOT), *filter(None, [variables.get("PYTHONPATH")])])
    return variables | addresses.without_proxy(variables)


def answers(installation: Installation) -> bool:
    """Whether this installation's JupyterLab answers: it alone knows the token."""
    port = installation.ports.get(SERVICE)
    return port is not None and _api(installation, "GET", "/api/status").status == 200


def _api(installation: Installation, method: str, path: str) -> http.Answer:
    return http.ask(
        addresses.url(installation.ports[SERVICE], path),
        method=method,
        headers={"Authorization": f"token {installation.token}"},
    )


def launch(installation: Installation) -> None:
    """Start JupyterLab unless it answers; :func:`wait` waits for it. The process is noted in ``installation``.

    Raises:
        EnvironmentProblem: its port is taken by another program.
    """
    if answers(installation):
        return
    given = dict[str, str]()
    with contextlib.suppress(CourseError):  # what the clouds' secrets lack is told where the clouds start
        given = cloud_variables.hand_out(installation)
    processes.end(installation.processes.get(SERVICE))  # one that hangs
    port = installation.ports[SERVICE]
    if not ports.is_free(port):
        raise ports.taken(SERVICE, port)
    write_config(installation)
    paths.work().mkdir(parents=True, exist_ok=True)
    installation.processes[SERVICE] = processes.spawn(
        [sys.executable, "-P", "-m", "jupyterlab"],
        log=log(),
        cwd=paths.work(),
        environment=environment(more=given),
    )


def wait(installation: Installation) -> None:
    """Wait until JupyterLab answers.

    Raises:
        EnvironmentProblem: it ended, or took too long; with the end of its log.
    """
    record = installation.processes.get(SERVICE)
    if not http.wait_until(lambda: answers(installation), START_SECONDS, lambda: processes.alive(record)):
        ended = "" if processes.alive(record) else "it ended; "
        raise EnvironmentProblem(
            expected=f"JupyterLab to answer on port {installation.ports[SERVICE]} within {START_SECONDS:.0f} seconds",
            found=f"{ended}its log ends: {processes.tail(log(), 4)}",
            next_step=f"Look into {log()}, then start again.",
        )


def stop(installation: Installation) -> bool:
    """End JupyterLab with its kernels: asked over its own API, and its process if that does not answer.

    Returns:
        Whether it was running.
    """
    record = installation.processes.pop(SERVICE, None)
    ran = processes.alive(record)
    if answers(installation):
        ran = True
        _api(installation, "POST", "/api/shutdown")
        processes.wait_gone(record, STOP_SECONDS)
        http.wait_until(lambda: not answers(installation), STOP_SECONDS)
    processes.end(record)
    return ran
