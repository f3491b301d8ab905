"""Worker processes of this machine, an item at a time; what takes its process down costs only the item that did it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def each(
    work: Callable[[T], R], items: Mapping[int, T], jobs: int, crashed: Callable[[T], R]
) -> Iterator[tuple[int, R]]:
    """Do each item in a worker process, in any order.

    Args:
        work: does one; it and what it gives travel between processes.
        items: number -> item.
        jobs: worker processes, two or more: one would be this process.
        crashed: what to give for an item that took its process down.

    Yields:
        the number of an item, and what ``work`` gave.
    """
    from joblib.externals.loky.process_executor import BrokenProcessPool

    remaining = dict(items)
    while remaining:
        try:
            for number, done in parallel(work, remaining, jobs):
                del remaining[number]
                yield number, done
        except BrokenProcessPool:
            for number in list(remaining)[: 4 * jobs]:  # whoever did it was among those handed out first
                item = remaining[number]
                try:
                    [(_, done)] = list(parallel(work, {number: item}, 2))
                except BrokenProcessPool:
                    done = crashed(item)
                del remaining[number]
                yield number, done


def parallel(work: Callable[[T], R], items: Mapping[int, T], jobs: int | None) -> Iterator[tuple[int, R]]:
    """Do each item where joblib's present backend says; ``jobs`` None: as many at once as that backend has workers."""
    import joblib

    pool = joblib.Parallel(n_jobs=jobs, return_as="generator_unordered", batch_size=1, pre_dispatch="2*n_jobs")
    yield from pool(joblib.delayed(_numbered)(work, number, item) for number, item in list(items.items()))


def _numbered(work: Callable[[T], R], number: int, item: T) -> tuple[int, R]:
    return number, work(item)
