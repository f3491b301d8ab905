"""Run a code task's cell on inputs, in processes of its own. One file, standard library only.

The same file runs on a student's machine (a fresh process) and inside the grader's sandbox image, so what passes
here does not fail there for lack of state. It knows inputs, never expected results.

Reads one JSON job from standard input::

    {"source": "...", "function": "name", "cases": [[arg, ...], ...], "seconds": 2.0}

``seconds`` is for one case, in work and not by the clock on the wall: see :class:`Meter`.

It writes one JSON result to standard output::

    {"status": "ran" | "broken", "message": "...", "results": [{"status", "value", "errors", "detail"}, ...]}
"""

import builtins
import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

MAX_RESULT = 64 * 1024  # characters of one result's JSON
MAX_RESTARTS = 3  # processes lost to a time-out or crash before the remaining cases are given up
LOAD_SECONDS = 10.0  # for the cell itself
PATIENCE = (
    600.0  # seconds in all that a job's processes may wait for nothing that counts: a processor, a disk, a signal
)
LOOK = 0.1  # seconds from one look at a process to the next
UNSEEN = 5  # where nobody tells whether a process sleeps or waits for a processor: wall seconds that count as one
ASLEEP = frozenset("SIZX")  # first letters of the states in which a process waits for something, or has ended


def longest(seconds: float) -> float:
    """Seconds on the wall clock after which a limit of ``seconds`` is over, however busy the machine is."""
    return 60.0 + 10 * seconds


class Patience:
    """What is left of a job's :data:`PATIENCE`. Without it, a cell could stop itself in each of its cases."""

    def __init__(self) -> None:
        self.left = PATIENCE

    def until(self, seconds: float) -> float:
        """When a limit of ``seconds`` is over by the clock, as :func:`time.monotonic` counts."""
        return time.monotonic() + min(longest(seconds), seconds + self.left)

    def spend(self, seconds: float) -> None:
        """That long it was waited, and nothing of it counted."""
        self.left = max(0.0, self.left - max(0.0, seconds))


class Meter:
    """What a process and those that it started have cost since now, in seconds.

    The CPU time that they used counts, and the time in which all of them slept. Waiting for a processor, or for a disk,
    or being stopped costs nothing: on a machine that is busy the same cell gets the same verdict.

    Args:
        pid: the process; it leads its process group, and its session on Linux.
        handle: on Windows, the process's handle.
    """

    def __init__(self, pid: int, handle: Any = None) -> None:
        self.pid, self.handle, self.cost = pid, handle, 0.0
        self.used, self.then = self.look()[0] or 0.0, time.monotonic()
        self.pause = LOOK if os.path.isdir("/proc/self") or os.name == "nt" else 5 * LOOK  # `ps` is dear

    def look(self) -> tuple[float | None, bool | None]:
        """CPU seconds so far, and whether all are asleep; None for what the system does not tell."""
        try:
            if os.name == "nt":
                return windows_seconds(self.handle), None
            if os.path.isdir("/proc/self"):
                return linux_seconds(self.pid)
            return posix_seconds(self.pid)
        except (OSError, ValueError, IndexError, subprocess.SubprocessError):
            return None, None

    def add(self) -> float:
        """The cost until now. Who looks late, because this process had no processor, charges for one look only."""
        (used, asleep), now = self.look(), time.monotonic()
        passed = min(now - self.then, 2 * self.pause)
        slept = passed / UNSEEN if asleep is None else passed if asleep else 0.0
        used = self.used if used is None else used  # a look that failed is made up for by the next one
        self.cost += max(used - self.used, slept, 0.0)
        self.used, self.then = used, now
        return self.cost


def linux_seconds(session: int) -> tuple[float, bool]:
    """For :meth:`Meter.look`. Source: proc_pid_stat(5)."""
    ticks, asleep = 0, True
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as file:
                fields = file.read().rpartition(")")[2].split()
        except OSError:  # it has ended meanwhile
            continue
        if len(fields) > 14 and int(fields[3]) == session:
            ticks += sum(map(int, fields[11:15]))  # its own, and those of children that it has waited for
            asleep = asleep and fields[0] in ASLEEP
    return ticks / os.sysconf("SC_CLK_TCK"), asleep


def posix_seconds(group: int) -> tuple[float, bool]:
    """The same where there is a ``ps`` (macOS): a line is group, state, and [[days-]hours:]minutes:seconds."""
    call, plain_numbers = ["ps", "-A", "-o", "pgid=,stat=,time="], {**os.environ, "LC_ALL": "C"}
    done = subprocess.run(call, env=plain_numbers, capture_output=True, text=True, timeout=60, check=True)
    total, asleep = 0.0, True
    for line in done.stdout.splitlines():
        number, state, clock = line.split()[:3]
        if int(number) == group:
            days, _, rest = clock.rpartition("-")
            seconds = 0.0
            for part in rest.split(":"):
                seconds = 60 * seconds + float(part)
            total += 86400 * int(days or 0) + seconds
            asleep = asleep and state[0] in ASLEEP
    return total, asleep


def windows_seconds(handle: Any) -> float:
    """CPU seconds of one process. Source: GetProcessTimes, in units of 100 nanoseconds."""
    import ctypes
    from ctypes import wintypes

    times = [wintypes.FILETIME() for _ in range(4)]  # creation, exit, kernel, user
    kernel32: Any = getattr(ctypes, "windll").kernel32  # noqa: B009  (mypy knows it on Windows alone)
    if not kernel32.GetProcessTimes(wintypes.HANDLE(int(handle)), *map(ctypes.byref, times)):
        raise OSError("GetProcessTimes")
    return sum((one.dwHighDateTime << 32) + one.dwLowDateTime for one in times[2:]) / 1e7


def plain(value: Any, depth: int = 0) -> Any:
    """A copy of ``value`` made of exact JSON types; a tuple becomes a list.

    Raises:
        TypeError: anything else, for example a subclass of str or an object that claims to equal everything.
    """
    if depth > 50:
        raise TypeError("nested more than 50 deep")
    kind = type(value)
    if kind is str:
        try:
            value.encode()
        except UnicodeEncodeError:
            raise TypeError("a text that is not valid Unicode") from None
        return value
    if value is None or kind is bool:
        return value
    if kind is int:
        if value.bit_length() > 4096:
            raise TypeError("an integer of more than 4096 bits")
        return value
    if kind is float:
        if value != value or value in (float("inf"), float("-inf")):
            raise TypeError("not a finite number")
        return value
    if kind in (list, tuple):
        return [plain(part, depth + 1) for part in value]
    if kind is dict:
        for key in value:
            if type(key) is not str:
                raise TypeError("a dict key of type " + type(key).__name__)
        return {plain(key, depth + 1): plain(part, depth + 1) for key, part in value.items()}
    raise TypeError("type " + kind.__name__)


def error_names(error: BaseException) -> list[str]:
    """Names of the built-in exception classes of an error, the most specific first."""
    return [c.__name__ for c in type(error).__mro__ if vars(builtins).get(c.__name__) is c and c is not object]


def call(function: Any, args: list[Any]) -> dict[str, Any]:
    """One case's result as plain data."""
    try:
        value = function(*args)
    except RecursionError:
        return {"status": "raised", "errors": ["RecursionError", "RuntimeError", "Exception"], "detail": ""}
    except Exception as error:
        try:
            detail = str(error)[:200].encode(errors="replace").decode()
        except Exception:
            detail = ""
        return {"status": "raised", "errors": error_names(error), "detail": detail}
    try:
        value = plain(value)
        if len(json.dumps(value)) > MAX_RESULT:
            raise TypeError("more than 64 KiB of JSON")
    except (TypeError, ValueError, RecursionError) as error:
        return {"status": "unusable", "detail": str(error)[:200]}
    return {"status": "returned", "value": value}


class NotHere:
    """Keeps the course's own package out: it holds answers, and the grader's sandbox does not have it."""

    @staticmethod
    def find_spec(name: str, path: Any = None, target: Any = None) -> None:
        if name.partition(".")[0] == "autograder":
            raise ModuleNotFoundError("a task cannot import the course's own package", name=name)


def fresh() -> dict[str, Any]:
    """The names of a cell before it has run: those of a module, since dataclasses look for the module of a class."""
    module = sys.modules["__task__"] = type(sys)("__task__")
    module.__dict__["__builtins__"] = builtins
    return module.__dict__


def child() -> None:
    """Load the cell, then answer one line a case. Results leave by a private copy of standard output."""
    lines = os.fdopen(os.dup(0), "rb")
    out = os.fdopen(os.dup(1), "w", encoding="utf-8", newline="\n")
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):  # what the cell prints or asks for goes nowhere
        os.dup2(null, fd)
    job = json.loads(lines.readline())
    sys.meta_path.insert(0, NotHere)
    namespace = fresh()

    def say(message: dict[str, Any]) -> None:
        out.write(json.dumps(message) + "\n")
        out.flush()

    try:
        exec(compile(job["source"], "<task>", "exec"), namespace)
        function = namespace.get(job["function"])
        if not callable(function):
            raise NameError(job["function"] + " is not a function after the cell has run")
    except SystemExit:
        say({"loaded": False, "message": "the cell ends the program (SystemExit)"})
        return
    except Exception as error:
        try:
            detail = str(error)[:300].encode(errors="replace").decode()
        except Exception:  # the cell's own class may say anything, or fail
            detail = ""
        say({"loaded": False, "message": f"{type(error).__name__[:100]}: {detail}"})
        return
    say({"loaded": True})
    for line in lines:
        say(call(function, json.loads(line)))


class Process:
    """One child, fed case by case; a reader thread makes time-outs work on every platform."""

    def __init__(self, job: dict[str, Any], patience: Patience | None = None) -> None:
        self.patience = patience or Patience()
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(Path(__file__).resolve()), "--child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=os.name == "posix",  # so that what the cell starts can be ended with it
        )
        self.reader: threading.Thread | None = None
        assert self.process.stdin is not None and self.process.stdout is not None
        self.stdin, self.stdout = self.process.stdin, self.process.stdout
        self.send({"source": job["source"], "function": job["function"]})

    def send(self, message: Any) -> None:
        with contextlib.suppress(OSError):  # the child died; receive() reports it
            self.stdin.write(json.dumps(message).encode() + b"\n")
            self.stdin.flush()

    def receive(self, seconds: float) -> Any:
        """The next message; None after ``seconds`` of work; False when the child died or wrote no valid line."""
        box: list[bytes] = []

        def read() -> None:
            try:
                box.append(self.stdout.readline(MAX_RESULT * 8))
            except (OSError, ValueError):
                box.append(b"")

        self.reader = threading.Thread(target=read, daemon=True)
        self.reader.start()
        self._wait(self.reader, seconds)
        if not box:
            return None
        try:
            message = json.loads(box[0])
            return message if isinstance(message, dict) else False
        except (ValueError, RecursionError):
            return False

    def _wait(self, reader: threading.Thread, seconds: float) -> None:
        """Until the reader has something, or the work that the limit allows is done."""
        reader.join(min(seconds, LOOK))
        if not reader.is_alive():
            return
        meter = Meter(self.process.pid, getattr(self.process, "_handle", None))  # made late: most answers come at once
        began, until = time.monotonic(), self.patience.until(seconds)
        while reader.is_alive() and meter.cost < seconds and time.monotonic() < until:
            reader.join(meter.pause)
            meter.add()
        self.patience.spend(time.monotonic() - began - meter.cost)

    def close(self) -> None:
        if os.name == "posix":
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
        self.process.kill()
        self.process.wait()
        with contextlib.suppress(OSError):
            self.stdin.close()
        if self.reader is not None:
            self.reader.join(1.0)
            if self.reader.is_alive():  # a process that got away holds the pipe; closing would wait for it
                return
        with contextlib.suppress(OSError):
            self.stdout.close()


def start(job: dict[str, Any], patience: Patience | None = None) -> tuple[Process | None, str]:
    """A child that has loaded the cell, or the reason why there is none."""
    process = Process(job, patience)
    answer = process.receive(LOAD_SECONDS)
    if answer and answer.get("loaded") is True:
        return process, ""
    process.close()
    if answer is None:
        return None, f"the cell did not finish within {LOAD_SECONDS:g} s"
    if not answer:
        return None, "the cell ended its process"
    return None, str(answer.get("message"))[:400]


def run(job: dict[str, Any]) -> dict[str, Any]:
    """The result for a job; see the module's docstring for both."""
    seconds = float(job["seconds"])
    patience = Patience()
    process, message = start(job, patience)
    if process is None:
        return {"status": "broken", "message": message, "results": []}
    results: list[dict[str, Any]] = []
    restarts = 0
    for args in job["cases"]:
        if process is None:
            results.append({"status": "timeout"})
            continue
        process.send(args)
        answer = process.receive(seconds)
        if answer and answer.get("status") in ("returned", "raised", "unusable"):
            results.append(answer)
            continue
        results.append(
            {"status": "timeout"} if answer is None else {"status": "unusable", "detail": "the process ended"}
        )
        process.close()
        restarts += 1
        process = start(job, patience)[0] if restarts < MAX_RESTARTS else None
    if process is not None:
        process.close()
    return {"status": "ran", "message": "", "results": results}


def main() -> None:
    if sys.argv[1:] == ["--child"]:
        child()
        return
    job = json.loads(sys.stdin.buffer.read())
    sys.stdout.write(json.dumps(run(job)))


if __name__ == "__main__":
    main()
