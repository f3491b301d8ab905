"""A class in which some attack and one is honest, graded by the kit's own commands in a process that is watched.

The honest one is ada of the sample class. Each attacker has an id of their own and the personal values of jun, whose
sample is whole as well: so what a case changes in it is all that is wrong.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import psutil

from autograder.grading import people
from autograder.grading.people import Person
from autograder.labs import manifest, signing, students
from autograder.quality import lab_runs, samples

ROOT = Path(__file__).resolve().parents[2]
KINDS = (
    *("archives", "notebooks", "markdown", "YAML", "JSON", "policies", "patterns", "shell"),
    *("layers", "manifests", "names", "clocks", "tasks", "exports", "pages"),
)
HONEST, OTHER = "ada", "jun"
SECONDS = 20.0  # processor time of an attacker and an honest neighbour, with the start of Python and the gradebook
EACH = 1.0  # seconds for each further attacker of the same run
MEMORY = 600 << 20  # bytes of the whole tree of processes
GIVE_UP = 90.0  # seconds of processor time after which a run is ended
HANGS = 400.0  # wall seconds after which it hangs, on a busy machine too


class Files(dict[str, bytes]):
    """Name -> bytes of what a student hands in, and the student's id."""

    student: str = ""


Change = Callable[[Files], Any]  # changes the files in place, or gives the bytes of the whole zip


@dataclass(frozen=True)
class Case:
    """One hostile submission.

    Attributes:
        kind: archives, notebooks, markdown, YAML, JSON, policies, patterns, shell, layers, manifests, names, clocks,
            tasks, exports or pages.
        what: in a few words.
        lab: whose honest submission is changed.
        change: the change; gets name -> bytes of all files but submission.json, which is written afterwards.
        states: one of them is the row's status.
        words: each must stand in what the row or the verdicts say; of a tuple one is enough.
        header: fields of submission.json.
        file: name of the zip.
        engine: whether it needs one.
    """

    kind: str
    what: str
    lab: str
    change: Change
    states: tuple[str, ...] = ("graded",)
    words: Sequence[str | tuple[str, ...]] = ()
    header: Mapping[str, Any] = field(default_factory=dict)
    file: str = ""
    engine: bool = False

    @property
    def id(self) -> str:
        return f"{self.kind}: {self.what}"


@dataclass
class Run:
    """What became of a run.

    Attributes:
        rows: of `grade --json`.
        said: all that was printed, errors with it.
        ended: each command's name, exit status, wall seconds and processor seconds so far.
        seconds: wall time of all, the start of Python with it.
        memory: bytes of resident memory of the tree of processes, at the highest.
        over: whether it had to be ended.
    """

    home: Path
    folder: Path
    rows: list[dict[str, Any]]
    said: str
    ended: list[dict[str, Any]]
    seconds: float
    memory: int
    over: bool

    def row(self, student: str, file: str = "") -> dict[str, Any]:
        """The row of a student, or of a file, by the part of its name that is ASCII."""
        plain = "".join(itertools.takewhile(str.isascii, file)).removesuffix(".zip")
        found = [row for row in self.rows if row["student"] == student or (plain and plain in row["source"])]
        assert len(found) == 1, (student, found, self.said[-2000:])
        return found[0]

    def words(self, student: str, lab: str) -> str:
        """What the student's verdict file says; "" where there is none."""
        file = self.home / "class" / "verdicts" / student / f"{lab}.json"
        return file.read_text(encoding="utf-8") if file.is_file() else ""


@cache
def sample(lab: str, student: str) -> Mapping[str, bytes]:
    """Name -> bytes of an honest submission of the sample class."""
    with zipfile.ZipFile(samples.folder(manifest.find(lab)) / f"{lab}-{student}.zip") as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@cache
def values(lab: str) -> dict[str, dict[str, Any]]:
    return {student: found[lab] for student, found in samples.handed_out().items() if student in (HONEST, OTHER)}


def packed(files: Mapping[str, bytes]) -> bytes:
    """The bytes of a zip with these files."""
    import io

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def submission(lab: str, student: str, change: Change | None = None, header: Mapping[str, Any] | None = None) -> bytes:
    """The zip of an attacker (or of the honest neighbour), signed, with a submission.json that fits its files."""
    files = Files(sample(lab, HONEST if student == HONEST else OTHER))
    files.student = student
    document = json.loads(files.pop("submission.json"))
    del files["submission.sig"]
    made = change(files) if change else None
    if isinstance(made, bytes):
        return made
    document |= {"student": student}
    document["files"] = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    listed = document["files"] | dict((header or {}).get("files", {}))
    document |= dict(header or {}) | {"files": listed}
    written = json.dumps(document, indent=1).encode("utf-8", "surrogatepass")
    return packed(signed(student, lab, written) | files)


def signed(student: str, lab: str, header: bytes) -> dict[str, bytes]:
    """submission.json and submission.sig, by what a student was handed out."""
    seed = students.seed(samples.KEY, student, lab)
    return {"submission.json": header, "submission.sig": signing.sign(seed, header)}


def attackers(cases: Sequence[Case]) -> dict[str, Case]:
    """Id -> case."""
    return {f"m{number:02d}": case for number, case in enumerate(cases)}


def set_up(folder: Path, cases: Sequence[Case]) -> tuple[Path, Path]:
    """A class with its roster, and a box with what it handed in."""
    home, box = folder / "home", folder / "box"
    box.mkdir(parents=True)
    labs = sorted({case.lab for case in cases})
    given: dict[str, dict[str, Any]] = {HONEST: {}}
    for lab in labs:
        seen = values(lab)
        given[HONEST][lab] = seen[HONEST]
        for id in attackers(cases):
            given.setdefault(id, {})[lab] = seen[OTHER]
    people.write_course(home / "class" / people.COURSE_FILE, samples.COURSE, samples.KEY)
    with lab_runs.at(home):
        people.register([Person(id, id.title(), f"{id}@example.org") for id in given], given=given)
    for lab in labs:
        (box / f"{lab}-{HONEST}.zip").write_bytes(submission(lab, HONEST))
    for id, case in attackers(cases).items():
        made = submission(case.lab, id, case.change, case.header)
        (box / (case.file or f"{case.lab}-{id}.zip")).write_bytes(made)
    return home, box


EXPORTS = [["export", "--format", "csv", "-o", "all.csv"], ["export", "--format", "json", "-o", "all.json"]]


def grade(folder: Path, cases: Sequence[Case], *more: list[str], engine: bool = False) -> Run:
    """Grade a class, and run further commands in it."""
    home, box = set_up(folder, cases)
    scratch, out = folder / "scratch", folder / "out"
    scratch.mkdir()
    out.mkdir()
    commands = [["grade", "--json", "--jobs", "1", str(box)], *more]
    before = {file: file.read_bytes() for file in box.iterdir()}
    environment = os.environ | {
        "COURSE_HOME": str(home), "PYTHONPATH": str(ROOT), "TMPDIR": str(scratch), "COLUMNS": "200",
        "PYTHONIOENCODING": "utf-8",
    }  # fmt: skip
    words = [sys.executable, "-m", "tests.hostile.without_engine", "engine" if engine else "none"]
    began = time.monotonic()
    with (out / "said").open("wb") as said:
        child = subprocess.Popen(
            [*words, json.dumps(commands)], cwd=out, env=environment, stdin=subprocess.DEVNULL, stdout=said,
            stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        memory, over = _watched(child, began + HANGS)
    seconds = time.monotonic() - began
    text = (out / "said").read_text(encoding="utf-8", errors="replace")
    ended = [json.loads(line[1:]) for line in text.splitlines() if line.startswith('@{"command"')]
    assert {file: file.read_bytes() for file in box.iterdir()} == before, "what was handed in has changed"
    assert sorted(p.name for p in folder.iterdir()) == ["box", "home", "out", "scratch"]
    return Run(home, out, _rows(text), text, ended, seconds, memory, over)


def _rows(text: str) -> list[dict[str, Any]]:
    """What `grade --json` printed: the first list that stands at the beginning of a line."""
    for place in (n for n, line in enumerate(text.splitlines()) if line.startswith("[")):
        try:
            found, _ = json.JSONDecoder().raw_decode("\n".join(text.splitlines()[place:]))
        except ValueError:
            continue
        if isinstance(found, list):
            return found
    return []


def _watched(child: subprocess.Popen[bytes], until: float) -> tuple[int, bool]:
    """The most memory that a process and all below it held; and whether it had to be ended."""
    most, over = 0, False
    root = psutil.Process(child.pid)
    while child.poll() is None:
        most = max(most, _held(root))
        if time.monotonic() > until or most > 4 * MEMORY or _worked(root) > GIVE_UP:
            over = True
            for one in [*root.children(recursive=True), root]:
                with _gone():
                    one.kill()
        time.sleep(0.05)
    return most, over


def _worked(root: psutil.Process) -> float:
    """Seconds of processor time of a process and all below it, as far as they still run."""
    total = 0.0
    with _gone():
        for one in [root, *root.children(recursive=True)]:
            with _gone():
                used = one.cpu_times()
                total += used.user + used.system
    return total


def _held(root: psutil.Process) -> int:
    total = 0
    with _gone():
        for one in [root, *root.children(recursive=True)]:
            with _gone():
                total += one.memory_info().rss
    return total


def _gone() -> Any:
    import contextlib

    return contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied)


FOR_A_PERSON = ("shell: a pattern cut from a long value",)  # what only a clock ends is nobody's fault
FAILED = ("The grader failed", "Traceback (most recent call last)")


def holds(run: Run, student: str, case: Case) -> None:
    """A hostile row says what was wrong, in the project's words."""
    row = run.row(student, case.file)
    told = json.dumps(row, ensure_ascii=False) + run.words(student, case.lab)
    for word in FAILED:
        assert word not in told, (word, row)
    assert row["status"] in case.states, row
    if row["status"] == "graded":
        verdicts = json.loads(run.words(student, case.lab))["verdicts"]
        silent = [one for one in verdicts if one["status"] == "failed" and not (one["found"] and one["next_step"])]
        assert not silent and {one["check"] for one in verdicts if one["status"] == "failed"} == set(row["failed"])
        for_a_person = {one["check"] for one in verdicts if one["status"] == "not_graded" and one.get("review")}
        judged = [one for one in verdicts if one["check"] not in for_a_person]
        assert all(one["status"] in ("passed", "failed", "manual") for one in judged), verdicts
        assert not for_a_person or case.id in FOR_A_PERSON, (for_a_person, row)
    else:
        assert row["remarks"] and row["remarks"][0].rstrip().endswith((".", "?", ")")), row
    for word in case.words:
        choice = (word,) if isinstance(word, str) else word
        assert any(one in told for one in choice), (choice, row, run.words(student, case.lab)[:4000])


def neighbour(run: Run, lab: str) -> None:
    """Whoever is honest has all points."""
    assert not run.over, f"still running after {run.seconds:.0f} s, or {run.memory >> 20} MiB: {run.said[-1500:]}"
    row = next(row for row in run.rows if row["student"] == HONEST and row["lab"] == lab)
    intended = next(one for one in samples.load(manifest.find(lab)) if one.student == HONEST)
    assert (row["status"], row["score"]) == ("graded", intended.points(manifest.find(lab))), row


def in_bounds(run: Run, attackers: int = 1) -> None:
    """The whole run ended in time, in little memory, and left nothing behind."""
    assert not run.over, run.said[-1500:]
    assert run.ended, run.said[-1500:]
    grading = run.ended[0]["processor"]
    assert grading < SECONDS + EACH * (attackers - 1), f"{grading:.1f} s"
    assert run.memory < MEMORY, f"{run.memory >> 20} MiB"
    scratch = run.folder.parent / "scratch"
    assert [p.name for p in scratch.iterdir() if not p.name.startswith("pytest")] == []
    assert {p.name for p in run.home.iterdir()} <= {"class", ".course"}
