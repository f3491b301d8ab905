"""Have the images that most tests need in the engine before the tests begin: ``python -m autograder.quality.ready``.

Tests that run side by side would otherwise make them at the same time, and fetch packages while others count bytes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import closing

from autograder.errors import CourseError
from autograder.services import engine, images, services_image

Report = Callable[[str], None]


def ensure(report: Report) -> None:
    """Have the base images and the emulators' image, so far as they can be had: the tests say what they lack.

    Args:
        report: told a line for each step that takes time, and for what cannot be had.
    """
    bases(report)
    _, client = engine.probe()
    if client is None:
        return
    with closing(client):
        try:
            services_image.ensure(client, services_image.name(client, report), report)
        except CourseError as problem:
            report(f"   The engine gives no image of the emulators: {problem}")


def bases(report: Report) -> None:
    """Have the base images, so far as they can be had."""
    _, client = engine.probe()
    if client is None:
        return
    with closing(client):
        try:
            for tag in images.BASES:
                images.ensure(client, tag, report)
        except CourseError as problem:
            report(f"   The engine gives no base images: {problem}")


if __name__ == "__main__":
    ensure(lambda line: print(line, file=sys.stderr))  # noqa: T201
