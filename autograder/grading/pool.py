"""Several items at once: in threads of this process, each of which waits for a child, or on a cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def each(work: Callable[[T], R], items: Mapping[int, T], jobs: int) -> Iterator[tuple[int, R]]:
    """Do each item, ``jobs`` of them at once, in any order.

    Args:
        work: does one. It only waits: what costs time happens in a child process (:mod:`autograder.grading.walls`).
        items: number -> item.
        jobs: how many at once; with 1 everything happens in this thread.

    Yields:
        the number of an item, and what ``work`` gave.
    """
    import joblib

    if jobs == 1 or len(items) <= 1:
        yield from ((number, work(item)) for number, item in list(items.items()))
        return
    with joblib.parallel_config(backend="threading"):
        yield from parallel(work, items, jobs)


def parallel(work: Callable[[T], R], items: Mapping[int, T], jobs: int | None) -> Iterator[tuple[int, R]]:
    """Do each item where joblib's present backend says; ``jobs`` None: as many at once as that backend has workers."""
    import joblib

    pool = joblib.Parallel(n_jobs=jobs, return_as="generator_unordered", batch_size=1, pre_dispatch="2*n_jobs")
    yield from pool(joblib.delayed(_numbered)(work, number, item) for number, item in list(items.items()))


def _numbered(work: Callable[[T], R], number: int, item: T) -> tuple[int, R]:
    return number, work(item)
