"""Fuzz the parsers for some minutes: ``python3 course.py test --fuzz MINUTES``.

Each target runs in a process of its own with limits on time and memory. A finding is made shorter where that is cheap
and written to ``test-report/fuzz/TARGET/``: the input, and beside it what it did. Findings become cases in
``tests/quality/test_fuzzing.py`` when they are mended.
"""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from autograder import paths
from autograder.quality.fuzzing import child, targets
from autograder.quality.fuzzing.targets import Target

Report = Callable[[str], None]
FOLDER = "test-report/fuzz"
HANG = 20.0  # wall seconds after which an input that does not end is a finding
START = 100.0  # more of them before the first input: Python starts, and Atheris rewrites the kit's code
MOST = 20  # findings of one target that are kept: more are the same few faults
SHRINK = 6.0  # seconds spent on making one input shorter
LONGER = 5  # times as long for whatever ever failed
# What ever failed, so that the weekly run takes longer over it: 10 minutes where the others have 2.
EVER_FAILED = frozenset({"acr-policy", "acr-purge", "student.toml", "submission-06-ecr", "written-at"})


@dataclass
class Finding:
    """An input that a parser did not hold against.

    Attributes:
        signature: the error's kind and place, or slow, hang, died.
        words: the end of the trace, or what was measured.
    """

    target: str
    signature: str
    words: str
    data: bytes


@dataclass
class Result:
    """What became of a target."""

    target: str
    inputs: int = 0
    seconds: float = 0.0
    findings: dict[str, Finding] = field(default_factory=dict)


def fuzz(target: Target, seconds: float, seed: int = 0) -> Result:
    """Run one target for some wall seconds; children that hang or die are followed by others."""
    result, until, number = Result(target.name), time.monotonic() + seconds, 0
    began = time.monotonic()
    while (left := until - time.monotonic()) > 1 and len(result.findings) < MOST:
        with tempfile.TemporaryDirectory(prefix="fuzz-") as place:
            _one_child(target, left, seed + number, Path(place), result)
        number += 1
    result.seconds = time.monotonic() - began
    for finding in result.findings.values():
        if not finding.signature.startswith(("hang", "died", "slow")):
            finding.data = shorter(target, finding)
    return result


def _one_child(target: Target, seconds: float, seed: int, folder: Path, result: Result) -> None:
    current = child.Current(folder / "current")
    loop = "child" if importlib.util.find_spec("atheris") is None else "guided"
    words = [sys.executable, "-m", f"autograder.quality.fuzzing.{loop}", target.name, str(folder / "current")]
    with (folder / "said").open("wb") as said, (folder / "errors").open("wb") as errors:
        process = subprocess.Popen(
            [*words, str(seconds), str(seed)],
            cwd=paths.ROOT,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=errors,
        )
        last, since, hangs = -1, time.monotonic(), False
        while process.poll() is None:
            if current.number != last:
                last, since = current.number, time.monotonic()
            elif time.monotonic() - since > HANG + (START if last == 0 else 0):
                hangs = True
                process.kill()
            time.sleep(0.05)
    begun = ended = False
    for line in (folder / "said").read_text(encoding="utf-8", errors="replace").splitlines():
        if not line.startswith('{"kind"'):
            continue
        told = json.loads(line)
        begun, ended = begun or told["kind"] == "begin", ended or told["kind"] == "end"
        if told["kind"] == "finding":
            found = Finding(target.name, told["signature"], told["words"], base64.b64decode(told["data"]))
            known = result.findings.get(found.signature)
            if known is None or len(found.data) < len(known.data):
                result.findings[found.signature] = found
    result.inputs += current.number
    data, error = current.data, (folder / "errors").read_text(encoding="utf-8", errors="replace")[-2_000:]
    current.close()
    if hangs:
        result.findings.setdefault("hang", Finding(target.name, "hang", f"no end after {HANG:.0f} s", data))
    elif not ended and begun:
        words_ = f"the process ended with {process.returncode}\n{error}"
        result.findings.setdefault("died", Finding(target.name, "died", words_, data))
    elif not ended:
        result.findings.setdefault("died at its start", Finding(target.name, "died at its start", error, b""))


def shorter(target: Target, finding: Finding) -> bytes:
    """An input with the same signature, with parts cut out while that is cheap."""
    data, until = finding.data, time.monotonic() + SHRINK
    size = max(1, len(data) // 2)
    while size and time.monotonic() < until:
        at = 0
        while at < len(data) and time.monotonic() < until:
            tried = data[:at] + data[at + size :]
            found = child.judge(target, tried)
            if found is not None and found[0] == finding.signature:
                data = tried
            else:
                at += size
        size //= 2
    return data


def keep(finding: Finding, folder: Path) -> Path:
    """Write a finding's input, and what it did beside it."""
    place = folder / finding.target
    place.mkdir(parents=True, exist_ok=True)
    file = place / hashlib.sha256(finding.signature.encode() + finding.data).hexdigest()[:12]
    file.write_bytes(finding.data)
    file.with_suffix(".txt").write_text(f"{finding.signature}\n\n{finding.words}\n", encoding="utf-8", errors="replace")
    return file


def run(minutes: float, names: Sequence[str], say: Report, folder: Path | None = None, jobs: int = 2) -> int:
    """Fuzz targets, all where none is named; two at a time.

    Args:
        minutes: for each target; those that ever failed have five times as long.
        names: of targets.
        say: called with a line about each target.
        folder: where findings are written.
        jobs: targets at once.

    Returns:
        how many findings there are.
    """
    folder = folder or paths.ROOT / FOLDER
    chosen = [targets.find(name) for name in names] or targets.every()
    seed = int(time.time())
    say(f"Fuzzing {len(chosen)} parsers, {minutes:g} minutes each, {jobs} at a time, seed {seed}.")

    def one(target: Target) -> Result:
        return fuzz(target, minutes * 60 * (LONGER if target.name in EVER_FAILED else 1), seed)

    count = 0
    with ThreadPoolExecutor(jobs) as pool:
        for result in pool.map(one, chosen):
            say(f"{result.target}: {result.inputs:,} inputs in {result.seconds:.0f} s, {len(result.findings)} findings")
            for finding in result.findings.values():
                file = keep(finding, folder)
                say(f"   {finding.signature} ({len(finding.data)} bytes): {file.relative_to(folder.parent.parent)}")
                count += 1
    return count
