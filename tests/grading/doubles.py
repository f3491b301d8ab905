"""What stands in for the engine in tests that need none: the real runner as a process, and a registry that agrees."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from autograder.labs import tasks


class LocalRunner:
    """The sandbox's own runner program on this machine: only for cells that the tests themselves wrote."""

    def run(self, jobs: Any) -> list[Any]:
        command = [sys.executable, "-I", "-S", str(tasks.RUNNER)]
        return [
            json.loads(subprocess.run(command, input=json.dumps(job).encode(), capture_output=True, check=True).stdout)
            for job in jobs
        ]


class KindRegistry:
    """A probe whose registry takes everything and gives it back."""

    def run(self, namespace: str, repositories: Any) -> dict[str, Any]:
        return {
            name: {
                "tags": {tag: {"digest": digest, "pulled": True} for tag, digest in found.tags.items()},
                "digests": dict.fromkeys(found.manifests, True),
                "error": None,
            }
            for name, (found, _) in repositories.items()
        }

    def close(self) -> None:
        pass
