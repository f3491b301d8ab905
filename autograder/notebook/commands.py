"""Lines that begin with ``!``, run without a terminal, so that docker prints plain lines and not a redrawn screen.

JupyterLab cannot follow the cursor movements that ``docker push`` and ``docker build`` send to a terminal: what is left
of a push says "Preparing" for ever. Without a terminal the same commands print one line a step.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import Any


def install() -> None:
    """Take over ``!`` in this kernel; does nothing outside IPython."""
    ipython = sys.modules.get("IPython")  # a kernel has it; a command in a terminal need not wait for its import
    shell = None if ipython is None else ipython.get_ipython()
    if shell is not None and hasattr(shell, "kernel"):
        take_over(shell)


def take_over(shell: Any) -> None:
    """Make ``shell.system``, which ``!`` calls, run commands through pipes."""

    def system(command: str) -> None:
        # depth 1: names in braces are looked up where the line stands, as IPython's own method does
        shell.user_ns["_exit_code"] = run(shell.var_expand(command, depth=1))

    shell.system = system


def run(command: str) -> int:
    """Run a command line in the system's shell, print what it says as it comes, and return its exit status.

    Standard error is printed with the rest; nothing can be typed into the command. An interrupt ends the command.
    """
    own_group: dict[str, Any] = {} if sys.platform == "win32" else {"start_new_session": True}
    process = subprocess.Popen(
        command,
        shell=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
        **own_group,
    )
    assert process.stdout is not None
    with process:
        try:
            for line in process.stdout:
                sys.stdout.write(line)
                sys.stdout.flush()
            return process.wait()
        except KeyboardInterrupt:
            if sys.platform == "win32":
                process.terminate()
            else:
                os.killpg(process.pid, signal.SIGINT)
            raise
