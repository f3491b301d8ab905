"""The same as :mod:`child`, with Atheris' loop: guided by the branches of the kit's code that an input takes.

Atheris (https://github.com/google/atheris) is no dependency of the kit. Where it can be imported, :mod:`run` uses it.
"""

from __future__ import annotations

import os
import sys
import time
from random import Random
from typing import Any

import atheris  # type: ignore[import-not-found, import-untyped, unused-ignore]

with atheris.instrument_imports(include=["autograder"]):
    from autograder.quality.fuzzing import child, mutation
    from autograder.quality.fuzzing.targets import Target


def loop(target: Target, current: child.Current, corpus: list[bytes], seconds: float, random: Random) -> int:
    """Let Atheris choose the inputs, half of them by our own changes. It ends this process."""
    count, until = 0, time.monotonic() + seconds

    def one(data: bytes) -> None:
        nonlocal count
        count = child.run(target, current, data, count)
        if time.monotonic() > until:
            child.tell("end", inputs=count)
            os._exit(0)

    def change(data: bytes, size: int, seed: int) -> bytes:
        if random.random() < 0.5:
            return mutation.mutated(data or random.choice(corpus), corpus, random)[:size]
        made: Any = atheris.Mutate(data or random.choice(corpus)[:size], size)
        return bytes(made)

    options = [f"-max_len={mutation.MAX_INPUT}", "-timeout=0", "-rss_limit_mb=0", f"-seed={random.randrange(1, 2**31)}"]
    atheris.Setup([sys.argv[0], *options], one, custom_mutator=change)
    atheris.Fuzz()
    return count


if __name__ == "__main__":
    child.main(sys.argv[1:], loop)
