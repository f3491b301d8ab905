"""One test counts the bytes that leave this machine. What fetches something meanwhile takes turns with it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from autograder import paths
from autograder.launcher.locks import exclusive

# In the one folder of a checkout that is the same inside the reference engine.
REPORTS = paths.ROOT / "test-report"


@contextmanager
def turn() -> Iterator[None]:
    """Have the way to other machines for oneself, among all tests of this checkout, for as long as the block runs."""
    REPORTS.mkdir(exist_ok=True)
    with exclusive(REPORTS / "network.lock", _waiting):
        yield


def _waiting() -> None:
    sys.stderr.write("another test fetches something or counts what is fetched; waiting\n")
