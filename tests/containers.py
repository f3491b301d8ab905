"""Reading inside containers."""

from __future__ import annotations

from docker.models.containers import Container

TRIES = 5


def printed(container: Container, *command: str) -> bytes:
    """What a command prints that cannot print nothing. A busy engine may lose the output of one that ends at once."""
    for _ in range(TRIES):
        done = container.exec_run(list(command))
        assert done.exit_code == 0, done.output
        if done.output:
            return bytes(done.output)
    raise AssertionError(f"{command} printed nothing, {TRIES} times")
