"""Benchmarks that ``course bench`` runs; each module has ``run()``, which returns one row a measurement."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def workers_ended() -> Iterator[None]:
    """End joblib's worker processes behind the block: those that still wait for work when we exit, it complains of."""
    from joblib.externals.loky import get_reusable_executor

    try:
        yield
    finally:
        get_reusable_executor().shutdown(wait=True)
