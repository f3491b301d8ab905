"""Runs one target on input after input, in a process with limits: ``python -m …fuzzing.child``.

The parent watches a file that holds the present input and a number. Where the number stands still the input hangs;
where the process dies the input killed it. All else is told in lines of JSON on standard output.
"""

from __future__ import annotations

import base64
import contextlib
import json
import mmap
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from types import FrameType
from typing import Any

from autograder import paths
from autograder.quality.fuzzing import mutation, targets
from autograder.quality.fuzzing.targets import Target

MEMORY = 768 << 20  # bytes of address space that inputs may take beside what the process begins with
SHARED = mutation.MAX_INPUT + 64  # bytes of the file between parent and child: a counter, a length, the input
KEPT = 400  # inputs that reached something new, beside the honest ones
TRACED = 4  # one input of so many is traced, to see whether it reaches lines that no other did


class Current:
    """The file between parent and child."""

    def __init__(self, file: Path) -> None:
        if not file.exists():
            file.write_bytes(bytes(SHARED))
        with file.open("r+b") as opened:
            self._map = mmap.mmap(opened.fileno(), SHARED)

    def put(self, number: int, data: bytes) -> None:
        """Say what is run now."""
        self._map[8:16] = len(data).to_bytes(8, "big")
        self._map[16 : 16 + len(data)] = data
        self._map[0:8] = number.to_bytes(8, "big")

    @property
    def number(self) -> int:
        """How many inputs were begun."""
        return int.from_bytes(self._map[0:8], "big")

    @property
    def data(self) -> bytes:
        """The present input."""
        return bytes(self._map[16 : 16 + int.from_bytes(self._map[8:16], "big")])

    def close(self) -> None:
        """Let go of the file."""
        self._map.close()


def tell(kind: str, **facts: Any) -> None:
    """A line for the parent."""
    sys.stdout.write(json.dumps({"kind": kind} | facts) + "\n")
    sys.stdout.flush()


def judge(target: Target, data: bytes) -> tuple[str, str] | None:
    """Run a target once: the finding's signature and words, or None where all is well."""
    began = time.process_time()
    try:
        target.parse(data)
    except target.allowed:
        pass
    except Exception as error:
        return signature(error), "".join(traceback.format_exception(error, limit=-6))[-3_000:]
    seconds = time.process_time() - began
    if seconds > target.seconds:
        return "slow", f"{seconds:.1f} s of processor time, {target.seconds:.0f} s are allowed"
    return None


def signature(error: BaseException) -> str:
    """What tells one fault from another: the error's kind, and the last line of the kit that it went through."""
    place = ""
    for frame, line in traceback.walk_tb(error.__traceback__):
        file = Path(frame.f_code.co_filename)
        if file.is_relative_to(paths.ROOT / "autograder") and "fuzzing" not in file.parts:
            place = f" in {file.relative_to(paths.ROOT).as_posix()}:{line}"
    return f"{type(error).__name__}{place}"


def limited() -> None:
    """Bound this process's memory, where the system can."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        size = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (size + MEMORY, size + MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


class Lines:
    """Which lines of the kit were reached so far."""

    def __init__(self) -> None:
        self.seen: set[tuple[str, int]] = set()
        self._new = False

    def _global(self, frame: FrameType, event: str, argument: object) -> Callable[..., Any] | None:
        return self._local if "autograder" in frame.f_code.co_filename else None

    def _local(self, frame: FrameType, event: str, argument: object) -> Callable[..., Any]:
        at = frame.f_code.co_filename, frame.f_lineno
        if event == "line" and at not in self.seen:
            self.seen.add(at)
            self._new = True
        return self._local

    def is_new(self, call: Callable[[], object]) -> bool:
        """Whether a call reaches a line that none has reached before."""
        self._new = False
        sys.settrace(self._global)
        try:
            with contextlib.suppress(Exception):
                call()
        finally:
            sys.settrace(None)
        return self._new


def mutating(target: Target, current: Current, corpus: list[bytes], seconds: float, random: Random) -> int:
    """Our own loop: change inputs, keep those that reach new lines. Returns how many were run."""
    lines, honest, number = Lines(), len(corpus), 0
    until = time.monotonic() + seconds
    for data in corpus[:honest]:
        lines.is_new(lambda data=data: target.parse(data))  # type: ignore[misc]
    while time.monotonic() < until:
        data = mutation.mutated(random.choice(corpus), corpus, random)
        number = run(target, current, data, number)
        if number % TRACED == 0 and lines.is_new(lambda data=data: target.parse(data)):  # type: ignore[misc]
            corpus.append(data)
            if len(corpus) > honest + KEPT:
                del corpus[random.randrange(honest, len(corpus))]
    return number


def run(target: Target, current: Current, data: bytes, number: int) -> int:
    """Run one input under the parent's eyes; tells what it finds."""
    current.put(number + 1, data)
    found = judge(target, data)
    if found is not None:
        tell("finding", signature=found[0], words=found[1], data=base64.b64encode(data).decode("ascii"))
    return number + 1


Loop = Callable[[Target, Current, list[bytes], float, Random], int]


def main(words: Sequence[str], loop: Loop = mutating) -> None:
    """Run a target for some seconds.

    Args:
        words: the target's name, the file between parent and child, wall seconds, and the seed of what is drawn.
        loop: how inputs are found.
    """
    name, file, seconds, seed = words
    target = targets.find(name)
    corpus = [data for data in target.corpus() if len(data) <= mutation.MAX_INPUT]
    current = Current(Path(file))
    for data in corpus:  # what is loaded once is no work of an input
        with contextlib.suppress(Exception):
            target.parse(data)
    limited()
    tell("begin", corpus=len(corpus))
    tell("end", inputs=loop(target, current, corpus, float(seconds), Random(int(seed))))


if __name__ == "__main__":
    main(sys.argv[1:])
