"""Which AWS CLI the lessons' blocks run with: version 2, where the machine has one that can be told an endpoint.

Lessons print what version 2 prints. The course's own environment brings version 1, which stands in where version 2 is
missing; its words differ in a prefix and an exit status (:mod:`autograder.content.expect`, ``exit=254,255``).
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

# The first version 2 that reads AWS_ENDPOINT_URL; an earlier one, such as Debian 12's 2.9, would call AWS itself.
# https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html#ss-endpoints-sdk-compat
SINCE = (2, 13)
_VERSION = re.compile(r"^aws-cli/(\d+)\.(\d+)\.")


def version2(path: str | None = None) -> str | None:
    """The first ``aws`` on the path that is version 2 and at least :data:`SINCE`; None where there is none.

    Args:
        path: folders in the form of PATH; by default this process's. The environment that runs us is passed over.
    """
    own = Path(sys.executable).parent
    for folder in (path if path is not None else os.environ.get("PATH", "")).split(os.pathsep):
        found = shutil.which("aws", path=folder) if folder and Path(folder) != own else None
        if found is not None and usable(_version_line(found)):
            return found
    return None


def usable(line: str) -> bool:
    """Whether ``aws --version`` names a version 2 that lessons can run with."""
    match = _VERSION.match(line)
    return match is not None and int(match[1]) == 2 and (int(match[1]), int(match[2])) >= SINCE


def offer(folder: Path, found: str) -> None:
    """Put a command ``aws`` that runs ``found`` into a folder, which then goes first on a path."""
    folder.mkdir(parents=True, exist_ok=True)
    command = folder / "aws"
    command.write_text(f'#!/bin/sh\nexec {shlex.quote(found)} "$@"\n', encoding="utf-8", newline="\n")
    command.chmod(0o755)


def _version_line(command: str) -> str:
    try:
        done = subprocess.run([command, "--version"], capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout
