"""The shell of a job: its scripts are run, in a virtual machine of files and variables, with our own models of tools.

``bashkit`` runs the scripts: bash over files in memory, without a process, a network or a file of this machine. What is
no part of a shell (docker, trivy …) is a function that is called with the real words and the real standard input.
``tests/pipelines/test_shell.py`` holds a table of forms against the machine's own bash and dash.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from time import monotonic as clock
from typing import Final
from weakref import ref

from bashkit import Bash, BuiltinContext, BuiltinResult, FileSystem

from autograder.pipelines.job_state import NotDecided, Unsupported

MAX_COMMANDS: Final = 2_000  # of one script, loops counted each time
MAX_LOOPS: Final = 2_000  # rounds of one loop
MAX_MEMORY: Final = 16 << 20  # bytes of files
MAX_SCRIPT: Final = 60_000  # characters
# On the clock, for what no count ends. How long a script takes depends on the machine too, so what the clock has ended,
# or may have, is judged by a person and is no fault of the script.
SECONDS: Final = 5.0
SHORT: Final = 1.0  # the shortest wait that a script may ask for itself (timeout 1 …)
_WAITS: Final = re.compile(r"\btimeout\s+(?:-\S+\s+)*[0-4](?:\.\d+)?s?\s|\bread\b[^\n;|&]*\s-[a-z]*t")
PATH: Final = "/usr/local/bin:/usr/bin:/bin"  # where a script's programs are, if nobody says more
SAID: Final = 300  # characters of what a script printed at its end, that a message quotes
_SCRIPT: Final = "/tmp/.course-script.sh"
_HINT: Final = re.compile(r"(command not found)\..*")  # what the library advises behind it
_FROM_STDIN: Final = re.compile(r"\b((?:ba|da)?sh)[ \t]+-s\b([^\n;&|)]*)")  # the library takes -s for a file's name
_FOLDER: Final = re.compile(r"\s-b[ \t]+(\S+)")  # what install scripts on standard input are told of their words
PLACED: Final = "course-"  # in front of a program that an install script has put into a folder
_LIMIT: Final = "resource limit exceeded: "
_TIMEOUT: Final = "execution timeout"


def unknown(what: str) -> str:
    """The sign for a value that only a run has."""
    return f"⟨{what}⟩"


def is_known(text: str) -> bool:
    """Whether a text holds no value that only a run has."""
    return "⟨" not in text


@dataclass(frozen=True)
class Call:
    """A command that is no part of the shell, as it is called.

    Attributes:
        name: the program.
        words: its arguments.
        stdin: what stands on its standard input.
        env: the variables that are exported to it.
        folder: its working directory.
    """

    name: str
    words: tuple[str, ...]
    stdin: str = ""
    env: Mapping[str, str] | None = None
    folder: str = "/"

    @property
    def text(self) -> str:
        """The command in one line."""
        return " ".join((self.name, *self.words))


@dataclass(frozen=True)
class Answer:
    """What a command prints, and its exit status."""

    out: str = ""
    code: int = 0
    error: str = ""


@dataclass(frozen=True)
class Ended:
    """How a script ended: its exit status, and the last line that it wrote to standard error."""

    code: int
    said: str


Program = Callable[[Call], Answer]


class Shell:
    """The virtual machine of one job: files that stay from step to step, and programs.

    Args:
        programs: name -> what is called for it. They replace commands of the shell with the same name.
        folder: where scripts start; it is made.
    """

    def __init__(self, programs: Mapping[str, Program], folder: str) -> None:
        self._problem: Exception | None = None
        self._bash = Bash(
            username="runner",
            custom_builtins={name: self._called(name, program) for name, program in programs.items()},
            max_commands=MAX_COMMANDS,
            max_loop_iterations=MAX_LOOPS,
            max_memory=MAX_MEMORY,
            timeout_seconds=SECONDS,
        )
        self.files: FileSystem = self._bash.fs()
        self.files.mkdir(folder, recursive=True)

    def _called(self, name: str, program: Program) -> Callable[[BuiltinContext], BuiltinResult]:
        known = ref(self)  # the library's objects are freed by counting alone, so nothing may refer back to them

        def call(context: BuiltinContext) -> BuiltinResult:
            shell = known()
            if shell is None:
                return BuiltinResult(exit_code=1)
            given = Call(name, tuple(context.argv), context.stdin or "", dict(context.env), context.cwd)
            answer = shell._answer(program, given, context.fs)
            return BuiltinResult(stdout=answer.out, stderr=answer.error, exit_code=answer.code)

        return call

    def _answer(self, program: Program, call: Call, files: FileSystem) -> Answer:
        outside, self.files = self.files, files  # while a script runs only its own handle may be used
        try:
            return program(call)
        except Exception as problem:  # told after the script, where it can be raised
            self._problem = self._problem or problem
            return Answer(code=1)
        finally:
            self.files = outside

    def run(self, script: str, variables: Mapping[str, str], folder: str, *options: str) -> Ended:
        """Run a script in a new shell, as a runner does: what it sets is gone afterwards, its files stay.

        Args:
            script: its text.
            variables: all that it finds in its environment.
            folder: where it starts.
            options: of the shell, such as ``-e``.

        Raises:
            Unsupported: it comes to more than the limits allow, or a program refused to go on.
            NotDecided: it took so long that a clock may have decided how it ended.
        """
        if len(script) + sum(map(len, variables.values())) > MAX_SCRIPT:
            raise Unsupported(f"a script, with its variables, has more than {MAX_SCRIPT:,} characters")
        plain = _FROM_STDIN.sub(_from_stdin, script.replace("\r\n", "\n"))
        self.files.write_file(_SCRIPT, plain.encode("utf-8", "replace"))
        given = [f"{name}={shlex.quote(value)}" for name, value in variables.items() if _NAME.fullmatch(name)]
        line = ["cd", shlex.quote(folder), "&&", f"PATH={PATH}", *given]
        began = clock()
        done = self._bash.execute_sync(" ".join([*line, "sh", *options, _SCRIPT]))
        taken = clock() - began
        if self._problem is not None:
            problem, self._problem = self._problem, None
            raise problem
        if taken >= SECONDS or (taken >= SHORT and _WAITS.search(plain)) or _TIMEOUT in (done.error or ""):
            raise NotDecided(f"a script did not end within {SECONDS:g} seconds on this machine, and is not followed")
        if done.error and done.error.startswith(_LIMIT):
            raise Unsupported(f"a script comes to too much: {done.error.removeprefix(_LIMIT)}")
        said = [line for line in done.stderr.strip().splitlines() if line.strip()]
        last = _HINT.sub(r"\1", said[-1].replace(f"{_SCRIPT}: ", "")) if said else ""
        return Ended(done.exit_code, last[:SAID])

    def read(self, path: str) -> str | None:
        """The text of a file; None where there is none."""
        try:
            return self.files.read_file(path).decode("utf-8", "replace")
        except Exception:  # the library says it in words only
            return None

    def write(self, path: str, text: str) -> None:
        """Write a file; its folder is made."""
        self.files.mkdir(path.rpartition("/")[0] or "/", recursive=True)
        self.files.write_file(path, text.encode())

    def is_folder(self, path: str) -> bool:
        """Whether there is such a folder."""
        try:
            return str(self.files.stat(path)["file_type"]) == "directory"
        except Exception:
            return False

    def tree(self, path: str, most: int) -> list[str]:
        """The files below a folder, or the file itself; no more than ``most``."""
        if not self.is_folder(path):
            return [path] if self.files.exists(path) else []
        found: list[str] = []
        waiting = [path]
        while waiting and len(found) < most:
            folder = waiting.pop()
            for entry in self.files.read_dir(folder):
                below = f"{folder.rstrip('/')}/{entry['name']}"
                if entry["metadata"]["file_type"] == "directory":
                    waiting.append(below)
                else:
                    found.append(below)
        return sorted(found)[:most]


def _from_stdin(found: re.Match[str]) -> str:
    folder = _FOLDER.search(found[2])
    return f"COURSE_TO={folder[1]} {found[1]}" if folder else found[1]


_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def joined(folder: str, path: str) -> str:
    """A path as it is from a folder, without ``.`` and ``..``."""
    parts: list[str] = []
    for part in (path if path.startswith("/") else f"{folder}/{path}").split("/"):
        if part == "..":
            parts[-1:] = []
        elif part not in ("", "."):
            parts.append(part)
    return "/" + "/".join(parts)


# What bash reads and other shells do not, in words -> the form. bashkit reads them all, so they are looked for in the
# text before a script runs in a shell that is not bash.
# Sources: https://pubs.opengroup.org/onlinepubs/9799919799/utilities/V3_chap02.html ,
# https://git.busybox.net/busybox/tree/shell/ash.c (with ASH_BASH_COMPAT, as Alpine and Debian build it); the tests hold
# each form against both shells
_STARTS: Final = r"(?:^|[;&|({!]|\b(?:do|then|else|if|elif|while|until)\b)[ \t]*"  # where a command may begin
BASH_ONLY: Final[Mapping[str, str]] = {
    "<<<": r"<<<",
    "an array": r"(?:^|[\s;(])(?:[A-Za-z_]\w*\+?=\(|(?:declare|typeset|mapfile|readarray)\b)|\bread\s+-\w*a\b",
    "NAME+=": rf"{_STARTS}[A-Za-z_]\w*\+=",
    "a change of case in ${…}": r"\$\{[A-Za-z_]\w*(?:\^\^?|,,?)",
    "${!NAME}": r"\$\{!|\$\{\w+@",
    "for ((…))": r"\bfor\s*\(\(",
    "((…))": rf"{_STARTS}\(\(",
    "brackets behind =~": r"\[\[\s[^\n\"\]]*=~[^\n\"\])]*\(|\bBASH_REMATCH\b",
    "a test with -v": r"(?:\[\[?|\btest)\s+(?:!\s+)?-v\s",
    "{1..3}": r"(?:^|[\s:=/])\{(?:\w+\.\.\w+|[\w./-]*(?:,[\w./-]*)+)\}",
    "|&": r"\|&",
    ";&": r";;?&",
    "printf -v": r"\bprintf\s+(?:-v\b|[\"']?[^\n;|&]*%q)",
    "shopt": rf"{_STARTS}(?:shopt|pushd|popd|coproc)\b",
}
# Options of GNU's programs that those of BusyBox do not have, which are all that Alpine brings along.
_NOT_IN_BUSYBOX: Final[Mapping[str, str]] = {
    "grep -P": rf"{_STARTS}grep\s+(?:-\w+\s+)*-\w*P",
    "a long option of its small programs": rf"{_STARTS}(?:grep|cut|head|wc|rm)\s[^\n;|&]*?(?<=\s)--[a-z]",
    "xargs -d": rf"{_STARTS}xargs\s+(?:-\w+\s+)*-\w*d",
    "find -printf": rf"{_STARTS}find\s[^\n;|&]*\s-printf\b",
    "date --iso-8601": rf"{_STARTS}date\s[^\n;|&)]*--iso-8601|\$\(date\s[^\n;|&)]*--iso-8601",
}
_GNU: Final = re.compile(r"\badd\b[^\n]*\b(?:coreutils|grep|findutils)\b")
NOT_IN_DASH: Final[Mapping[str, str]] = {
    **BASH_ONLY,
    "[[": rf"{_STARTS}\[\[\s",
    "== in a test": r"(?:^|[\s;(!])\[\s[^\n\]]*\s==\s",
    "&>": r"&>",
    "let": rf"{_STARTS}let\s",
    "++ in $((…))": r"\$\(\([^\n)]*(?:\+\+|--|\*\*)",
    "<(…)": r"(?:^|\s)[<>]\(",
    "trap … ERR": rf"{_STARTS}trap\s[^\n;]*\b(?:ERR|DEBUG|RETURN)\b",
    "${NAME:1}": r"\$\{[A-Za-z_]\w*:[0-9 ]",
    "${NAME/a/b}": r"\$\{[A-Za-z_]\w*/",
    "source": rf"{_STARTS}source\s",
    "function NAME": rf"{_STARTS}function\s",
}
# Of these it depends on the version: that of Ubuntu 24.04 and Debian 12 (0.5.12) has none, later ones have.
DEPENDS_IN_DASH: Final = re.compile(r"\bset\s[^\n;]*\bpipefail\b")
_QUOTED: Final = re.compile(r"'[^']*'|\\.|(?:^|(?<=\s))#[^\n]*", re.MULTILINE)
# dash's echo reads backslashes and has no -e, which it prints.
_DASH_ECHO: Final = """echo() { case $1 in -n) shift; printf '%b' "$*";; *) printf '%b\\n' "$*";; esac; }; """
_DOUBLE: Final = re.compile(r"(?<!\S)\[\[\s([^\n]*?)\s\]\](?=[\s;)]|$)", re.MULTILINE)
_PATTERN: Final = re.compile(r"""(=~\s*)(["'])([^"'\n]*)\2""")


@lru_cache(maxsize=256)
def adapted(script: str, kind: str) -> str:
    """A script as bash has to have it to do what another shell does with it.

    BusyBox's ``[[`` is its ``test``: it splits what no quotes hold, so that an empty variable is no word at all, and a
    pattern behind ``=~`` is one in quotes as well. Source: BASH_TEST2 in https://git.busybox.net/busybox/tree/shell/ash.c

    Args:
        script: the text.
        kind: as in :func:`not_posix`.
    """
    if kind == "dash":
        return _DASH_ECHO + script
    return _DOUBLE.sub(_single, script) if kind == "busybox" else script


def _single(found: re.Match[str]) -> str:
    words = found[1]
    if "=~" in words:
        return f"[[ {_PATTERN.sub(_unquoted, words)} ]]"
    if re.search(r"[*?<>(]|\[", words):  # a pattern, which test has not
        return found[0]
    return f"[ {words.replace(' && ', ' -a ').replace(' || ', ' -o ').replace(' == ', ' = ')} ]"


def _unquoted(found: re.Match[str]) -> str:
    return found[0] if " " in found[3] else found[1] + found[3]


@lru_cache(maxsize=256)
def not_posix(script: str, kind: str) -> str:
    """The first form of a script that its shell does not know; nothing where it knows them all.

    Args:
        script: the text.
        kind: ``bash``, ``busybox`` or ``dash``.
    """
    forms = {"busybox": BASH_ONLY, "dash": NOT_IN_DASH}.get(kind, {})
    if kind == "busybox" and not _GNU.search(script):
        forms = {**forms, **_NOT_IN_BUSYBOX}
    plain = _QUOTED.sub(" ", script[:MAX_SCRIPT])
    return next((name for name, form in forms.items() if re.search(form, plain, re.MULTILINE)), "")
