"""Runs commands of the kit in a process of their own where no engine is: what a class's computer does but containers.

``python -m tests.hostile.without_engine none '[["grade", "box"]]'`` runs each command as ``python3 course.py`` would.
Behind each it prints a line of JSON with the command's name, its exit status, its seconds, and the seconds of processor
time so far, those of its children with them. With ``engine`` for ``none`` the engine is used. Else tasks run in the
sandbox's own runner, as processes, and a registry agrees to all; nothing else is another than in `course grade`.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

from autograder.cli import main
from autograder.grading import engine_calls, probes, walls, workers
from autograder.grading.batch import Batch
from tests.grading.doubles import KindRegistry, LocalRunner, ready


class Tools:
    """A worker's tools where no engine is."""

    def __init__(self) -> None:
        self.client = None
        self.probes: dict[str, Any] = {}

    def get_sandbox(self) -> LocalRunner:
        return LocalRunner()

    def get_probe(self, name: str) -> Any:
        if name not in self.probes:
            self.probes[name] = KindRegistry() if name == "round-trip" else probes.PROBES[name].make()
        return self.probes[name]


def stand_in() -> None:
    """Judge without an engine: in this process, and in the children that it starts."""
    workers._kit = Tools()  # type: ignore[assignment]
    engine_calls.PAUSE = 0.0
    Batch.ready = ready  # type: ignore[assignment, method-assign]
    walls.CHILD = "tests.hostile.child_without_engine"


def run(commands: list[list[str]]) -> None:
    """Run the commands one after the other, and tell how each ended."""
    for words in commands:
        began, status = time.monotonic(), 0
        try:
            sys.argv = ["course", *words]
            main()
        except SystemExit as end:
            status = int(end.code or 0)
        sys.stdout.flush()
        told = {
            "command": words[0],
            "status": status,
            "seconds": time.monotonic() - began,
            "processor": sum(os.times()[:4]),
        }
        print("\n@" + json.dumps(told), flush=True)


if __name__ == "__main__":
    if sys.argv[1] != "engine":
        stand_in()
    run(json.loads(sys.argv[2]))
