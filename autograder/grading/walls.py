"""The walls: what a student wrote is read in a child process, which is ended when it costs too much.

A process is the only thing that can be ended at any moment on every system, whatever it is doing. So each worker has
one child, which reads, runs and judges; the worker itself touches nothing but plain, bounded results. The child is used
again after honest work, which keeps this as fast as judging in the worker.

The parent watches computing time and memory (psutil, on every system). On POSIX the child also sets limits for itself
(``RLIMIT_CPU``, ``RLIMIT_AS``: https://man7.org/linux/man-pages/man2/getrlimit.2.html), a second wall that stands even
when the parent is gone. Pickles travel from the child to the parent: these walls are against work without end, and not
against a child that somebody took over (SECURITY.md).
"""

from __future__ import annotations

import contextlib
import json
import pickle
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Concatenate, Literal, ParamSpec, TypeVar

import psutil

from autograder.errors import EnvironmentProblem
from autograder.grading import limits
from autograder.grading.limits import StepLimit
from autograder.grading.progress import Progress
from autograder.services import bounded
from autograder.services.orphans import Owner

P = ParamSpec("P")
R = TypeVar("R")
Cause = Literal["time", "total", "memory", "answer", "clock", "ended"]

LOOK = 0.05  # seconds from one look at the child to the next; in them it may take about 100 MB
FAMILY = 20  # looks until what the child has started is looked for: that takes a walk over all processes
PAUSED = 5.0  # seconds between two looks after which time has stood still here
STARTS = 300.0  # seconds that a child may take to start, on a busy machine
# The program, by its name: it imports all that is read and judged there, which this module knows nothing of.
CHILD = "autograder.grading.child"
BOOT = "import importlib, json, sys; sys.path[:] = json.loads(sys.argv[1]); importlib.import_module(sys.argv[2]).main()"


class Over(Exception):
    """A child was ended.

    Attributes:
        step: in which step, as :meth:`Progress.step` was told.
        subject: the file or part that it was about; may be empty.
        cause: "time" or "memory": the step's limit was passed; "total": that of all steps together; "answer": what
            came of it is too much; "clock": it hung; "ended": it ended by itself.
        kept: what it had handed over, by name.
        work: seconds of computing in this call.
        detail: its last words, where it ended by itself.
    """

    def __init__(
        self, step: str, subject: str, cause: Cause, kept: Mapping[str, bytes], work: float = 0.0, detail: str = ""
    ) -> None:
        self.step, self.subject, self.cause = step, subject, cause
        self.kept, self.work, self.detail = kept, work, detail
        super().__init__(self.words)

    @property
    def is_of_the_machine(self) -> bool:
        """Whether it says nothing about the submission: the system may have ended the process, or have slept."""
        return self.cause in ("ended", "clock")

    @property
    def limit(self) -> StepLimit:
        """The limits of the step."""
        return limits.STEPS[self.step.partition(" ")[0]]

    @property
    def words(self) -> str:
        """What happened, in a sentence."""
        where = f"{self.limit.does}" + (f" ({self.subject})" if self.subject else "")
        match self.cause:
            case "time":
                return f"It was ended while {where}: that took more than {self.limit.work:.0f} seconds of computing."
            case "total":
                most = f"{limits.TOTAL:.0f} seconds of computing"
                return f"It was ended while {where}: all of it together took more than {most}."
            case "memory":
                return f"It was ended while {where}: that took more than {limits.MEMORY >> 20} MiB of memory."
            case "answer":
                return f"It was ended after {where}: what came of it has more than {limits.ANSWER >> 20} MiB."
            case "clock":
                return f"It was ended while {where}: nothing came of it for {self.limit.wall:.0f} seconds."
            case "ended":
                said = f" ({self.detail})" if self.detail else ""
                return f"The process ended by itself while {where}{said}."


class Open:
    """No walls: calls in this process. For tests, and to measure what the walls cost."""

    def __init__(self) -> None:
        self.owners: set[Owner] = set()  # nobody but this process starts containers

    def call(
        self,
        function: Callable[Concatenate[Progress, P], R],
        over: Mapping[str, str],
        kept: Mapping[str, bytes],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """Call a function of a module with its progress first.

        Args:
            function: what to call.
            over: steps that are not to be tried again, with the reason.
            kept: what earlier tries handed over.
            args: its arguments; inside walls they and the result travel between processes.
            kwargs: its arguments by name.

        Raises:
            Over: it was ended, or asks for more memory than there is.
            Exception: what the function raised.
        """
        try:
            return function(Progress(over, kept), *args, **kwargs)
        except MemoryError:
            raise Over("read", "", "memory", {}) from None

    def close(self) -> None:
        """End what was started, here nothing; harmless to repeat."""


@dataclass
class _Spent:
    """Where the child stands."""

    step: str = "read"
    subject: str = ""
    began: float = field(default_factory=time.monotonic)
    work: float = 0.0  # of the child, when the step began
    total: float = 0.0  # of the child, when the call began
    last: float = 0.0  # of the child, when it was last looked at
    family: float = 0.0  # seconds of computing by what it has started, at the last look


class Walls:
    """A child process that is started at the first need, used again, and replaced when it was ended.

    Args:
        ended: called with the child as the owner of containers, when it had to be ended.
    """

    def __init__(self, ended: Callable[[Owner], None] = lambda owner: None) -> None:
        self._child: _Child | None = None
        self._is_closed = False
        self._ended = ended
        self.owners: set[Owner] = set()

    def start(self) -> None:
        """Start the child without waiting for it.

        Raises:
            RuntimeError: they were closed.
        """
        if self._is_closed:
            raise RuntimeError("the run has ended")
        if self._child is None:
            self._child = _Child()
            if self._is_closed:  # meanwhile, by another thread
                self.close()
                raise RuntimeError("the run has ended")

    def call(
        self,
        function: Callable[Concatenate[Progress, P], R],
        over: Mapping[str, str],
        kept: Mapping[str, bytes],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """As :meth:`Open.call`, in the child."""
        self.start()
        child = self._child
        assert child is not None
        have = dict(kept)
        try:
            child.ready()
            child.forget_words()
            child.send(("call", function, dict(over), dict(kept), args, kwargs))
            value: R = self._watched(child, have)
            return value
        except BaseException as error:
            if not isinstance(error, _Raised):
                self._end(child)
            raise error.error if isinstance(error, _Raised) else error from None

    def _watched(self, child: _Child, have: dict[str, bytes]) -> Any:
        spent = _Spent()
        last = time.monotonic()
        looks = 0
        if child.owner is not None:
            self.owners.add(child.owner)
        with contextlib.suppress(psutil.Error):  # it is gone, which is told next
            spent.work = spent.total = child.work()
        while True:
            match child.receive(LOOK):
                case "step", name, subject, work:
                    if name != spent.step:  # the parts of a step share its limit
                        spent.work, spent.began, spent.family = work, time.monotonic(), 0.0
                    spent.step, spent.subject = name, subject
                case "keep", name, content:
                    have[name] = content
                case "done", value, size:
                    if size > limits.LARGE:
                        self._end(child)
                    return value
                case "raised", error:
                    raise _Raised(error)
                case ("memory",):
                    raise self._over(child, spent, "memory", have)
                case ("answer",):
                    raise self._over(child, spent, "answer", have)
                case ("ended",):
                    raise self._over(child, spent, child.cause(), have, child.last_words())
            now = time.monotonic()
            if now - last >= LOOK:
                if now - last > PAUSED:  # this process slept, and perhaps the machine
                    spent.began += now - last
                last, looks = now, looks + 1
                cause = self._excess(child, spent, looks)
                if cause is not None:
                    raise self._over(child, spent, cause, have)

    def _excess(self, child: _Child, spent: _Spent, looks: int) -> Cause | None:
        limit = limits.STEPS[spent.step.partition(" ")[0]]
        try:
            work, memory = child.work(), child.memory()
            spent.last = work
        except psutil.Error:
            return None  # it is gone, which is told next
        if looks % FAMILY == 0:
            spent.family, more = child.family()
            memory += more
        if memory > limits.MEMORY:
            return "memory"
        if work + spent.family - spent.work > limit.work:
            return "time"
        if work - spent.total > limits.TOTAL and not spent.step.startswith("find"):  # many submissions
            return "total"
        return "clock" if time.monotonic() - spent.began > limit.wall else None

    def _over(self, child: _Child, spent: _Spent, cause: Cause, have: Mapping[str, bytes], detail: str = "") -> Over:
        with contextlib.suppress(psutil.Error):
            spent.last = child.work()
        return Over(spent.step, spent.subject, cause, have, max(0.0, spent.last - spent.total), detail)

    def _end(self, child: _Child) -> None:
        self._child = None
        child.end()
        if child.owner is not None:
            self._ended(child.owner)

    def close(self) -> None:
        """End the child, which removes what it has started; nothing is called any more."""
        self._is_closed = True
        child, self._child = self._child, None
        if child is not None:
            child.close()


Calls = Open | Walls
Make = Callable[[Callable[[Owner], None]], Calls]
default: Make = Walls  # what a run takes where nothing else is said


class Crew:
    """The walls of a run: one for each call that is made at the same time, used again from call to call.

    Args:
        make: makes one, given what to do about the containers of a child that was ended.

    Attributes:
        ended: called with a child, as the owner of containers, that had to be ended.
    """

    def __init__(self, make: Make | None = None) -> None:
        self._make = make or default
        self._idle: queue.LifoQueue[Calls] = queue.LifoQueue()
        self._all: list[Calls] = []
        self._is_closed = False
        self.ended: Callable[[Owner], None] = lambda owner: None

    @contextlib.contextmanager
    def one(self) -> Iterator[Calls]:
        """Walls that nobody else uses meanwhile. May be asked for from any thread.

        Raises:
            RuntimeError: the run has ended; what a thread of it still wants to do is for nobody.
        """
        if self._is_closed:
            raise RuntimeError("the run has ended")
        try:
            walls = self._idle.get_nowait()
        except queue.Empty:
            walls = self._make(lambda owner: self.ended(owner))
            self._all.append(walls)
        idle = self._idle
        try:
            yield walls
        finally:
            idle.put(walls)  # not among those of a later run, where this one has ended meanwhile

    @property
    def owners(self) -> set[Owner]:
        """Every child that was ever started, as the owner of containers."""
        return set().union(*(walls.owners for walls in self._all))

    def close(self) -> None:
        """End every child; harmless to repeat. Used with ``with``, it may be used so again."""
        self._is_closed = True
        everyone, self._all = self._all, []
        self._idle = queue.LifoQueue()
        for walls in everyone:
            walls.close()

    def __enter__(self) -> Crew:
        self._is_closed = False
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


class _Raised(Exception):
    def __init__(self, error: BaseException) -> None:
        self.error = error


class _Child:
    """The parent's side of a child."""

    def __init__(self) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  # closed with the child
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", BOOT, json.dumps(sys.path), CHILD],  # -P: nothing from where it is started
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            bufsize=-1,
            **_apart(),
        )
        self._seen = psutil.Process(self._process.pid)
        self._inbox: queue.SimpleQueue[tuple[Any, ...]] = queue.SimpleQueue()
        self.owner: Owner | None = None  # as the child itself says, once it has started
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        stream = self._process.stdout
        assert stream is not None
        try:
            while True:
                self._inbox.put(pickle.load(stream))
        except Exception:  # the end of the pipe, in the middle of a message or between two
            self._inbox.put(("ended",))

    def ready(self) -> None:
        """Wait until it has started.

        Raises:
            EnvironmentProblem: it does not.
        """
        if self.owner is not None:
            return
        match self.receive(STARTS):
            case "ready", owner:
                self.owner = owner
            case _:
                raise EnvironmentProblem(
                    expected="a second Python process of this environment, in which submissions are read",
                    found=f"it does not start: {self.last_words() or f'nothing for {STARTS:.0f} s'}",
                    next_step="Run `python3 course.py doctor`, then the same command again.",
                )

    def forget_words(self) -> None:
        """What it wrote in an earlier call says nothing about the next."""
        with contextlib.suppress(OSError, ValueError):
            self._errors.seek(0)
            self._errors.truncate()

    def send(self, message: tuple[Any, ...]) -> None:
        stream = self._process.stdin
        assert stream is not None
        with contextlib.suppress(OSError):  # it is gone, which the inbox tells
            pickle.dump(message, stream, pickle.HIGHEST_PROTOCOL)
            stream.flush()

    def receive(self, seconds: float) -> tuple[Any, ...] | None:
        """The next message; None when none has come."""
        try:
            return self._inbox.get(timeout=seconds)
        except queue.Empty:
            return None

    def work(self) -> float:
        """Seconds of computing so far."""
        used = self._seen.cpu_times()
        return float(used.user + used.system)

    def memory(self) -> int:
        """Bytes of memory."""
        return int(self._seen.memory_info().rss)

    def family(self) -> tuple[float, int]:
        """Seconds of computing, and bytes, of what it has started and what runs now."""
        work, memory = 0.0, 0
        with contextlib.suppress(psutil.Error):
            for one in self._seen.children(recursive=True):
                with contextlib.suppress(psutil.Error):
                    used = one.cpu_times()
                    work, memory = work + used.user + used.system, memory + one.memory_info().rss
        return work, memory

    def cause(self) -> Cause:
        """Why it ended by itself: by its own limits, or for another reason."""
        try:
            status = self._process.wait(10.0)
        except subprocess.TimeoutExpired:
            return "ended"
        return "time" if status == -getattr(signal, "SIGXCPU", 0) and status else "ended"

    def last_words(self) -> str:
        """The last line that it wrote, or its exit status."""
        status = self._process.poll()
        with contextlib.suppress(OSError, ValueError):
            self._errors.seek(0)
            lines = self._errors.read()[-2000:].decode("utf-8", "replace").strip().splitlines()
            if lines:
                return lines[-1][:200]
        return "" if status is None else f"exit status {status}"

    def end(self) -> None:
        """End it at once, with all that it has started."""
        bounded.end(self._process)
        self._let_go()

    def close(self) -> None:
        """Let it end by itself; if it does not, end it."""
        stream = self._process.stdin
        assert stream is not None
        with contextlib.suppress(OSError):
            stream.close()
        try:
            self._process.wait(20.0)
        except subprocess.TimeoutExpired:
            bounded.end(self._process)
        self._let_go()

    def _let_go(self) -> None:
        for stream in (self._process.stdin, self._errors):
            with contextlib.suppress(OSError):
                if stream is not None:
                    stream.close()


def _apart() -> dict[str, Any]:
    """Ctrl-C in a terminal is for the parent, which ends the child."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"start_new_session": True}
