"""Lines that begin with ``!`` in a notebook: run without a terminal, so that programs print plain lines.

IPython gives such a command a pseudo-terminal on POSIX systems. Docker then draws progress bars by moving the cursor,
which a notebook cannot show; through a pipe it prints one line an event, the same on every platform.
"""

from __future__ import annotations

import subprocess
import sys
from typing import Any


def install(shell: Any) -> None:
    """Make ``!command`` of an IPython shell use a pipe. Without a shell (None) nothing happens."""
    if shell is None:
        return

    def system(command: str) -> None:
        expanded = shell.var_expand(command, depth=1)
        process = subprocess.Popen(
            expanded, shell=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        assert process.stdout is not None
        try:
            for line in process.stdout:
                sys.stdout.write(line.decode("utf-8", errors="replace"))
                sys.stdout.flush()
            shell.user_ns["_exit_code"] = process.wait()
        except KeyboardInterrupt:
            process.terminate()
            shell.user_ns["_exit_code"] = process.wait()
            sys.stdout.write("interrupted\n")

    shell.system = system
