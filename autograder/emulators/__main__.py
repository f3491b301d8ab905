"""``python -m autograder.emulators CONFIGURATION``: the process inside the services container."""

from __future__ import annotations

import signal
import sys
import threading
from pathlib import Path

from autograder.emulators.assembly import Configuration, Emulators
from autograder.emulators.interface import StoreProblem
from autograder.emulators.server import Running, reconcile

STORE_SECONDS = 60.0


def main() -> int:
    """Serve until SIGTERM or SIGINT. 0 after that, 1 if the store never answered."""
    configuration = Configuration.read(Path(sys.argv[1]))
    host = sys.argv[2] if len(sys.argv) > 2 else "127.0.0.1"
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    emulators = Emulators(configuration)
    try:
        for line in reconcile(emulators, STORE_SECONDS):
            sys.stderr.write(f"repaired: {line}\n")
    except StoreProblem as problem:
        sys.stderr.write(f"the store at {configuration.store} does not answer: {problem.found}\n")
        return 1
    with Running(emulators, configuration.ports, host) as running:
        ports = (f"{service} on port {port}" for service, port in running.ports.items())
        sys.stderr.write(f"serving {', '.join(ports)}\n")
        stop.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
