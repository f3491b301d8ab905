"""Recorded answers: answers.json in the lab's folder, written the moment the cell runs."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from pydantic import JsonValue

from autograder.errors import CourseError
from autograder.evidence import bounded_json
from autograder.evidence.bounded_json import Unfit
from autograder.evidence.model import Answer
from autograder.evidence.submission_zip import ANSWERS, ANSWERS_FILE, MAX_ANSWERS
from autograder.formats import Newer, Unreadable

FILE = ANSWERS_FILE
MAX_ANSWER = 64 * 1024  # characters of one answer's JSON


def plain(value: object, where: str = "the value") -> JsonValue:
    """``value`` as JSON data: None, bool, int, finite float, str, and lists, tuples and dicts of them.

    Raises:
        CourseError: it is something else; names the part.
    """
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            raise _unfit(where, "a text with bytes in it that are no Unicode") from None
        return str(value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, (int, float)):
        if isinstance(value, float) and not (value == value and abs(value) != float("inf")):
            raise _unfit(where, str(value))
        return value
    if isinstance(value, (list, tuple)):
        return [plain(part, f"{where}[{n}]") for n, part in enumerate(value)]
    if isinstance(value, Mapping):
        bad = [key for key in value if not isinstance(key, str)]
        if bad:
            raise _unfit(where, f"a key of type {type(bad[0]).__name__}")
        return {str(plain(key, f"a key of {where}")): plain(part, f"{where}[{key!r}]") for key, part in value.items()}
    raise _unfit(where, f"a {type(value).__name__}")


def _unfit(where: str, found: str) -> CourseError:
    return CourseError(
        expected="a text, a number, true or false, or a list or dict of those",
        found=f"{where} is {found}",
        next_step="Convert it first, for example with str(…), .decode() or list(…).",
    )


def read(folder: Path) -> dict[str, Answer]:
    """The answers recorded in a lab's folder; none when the file does not exist.

    Raises:
        CourseError: the file is damaged, or a newer kit wrote it.
    """
    file = folder / FILE
    try:
        return ANSWERS.parse(bounded_json.load(file.read_bytes(), MAX_ANSWERS))
    except FileNotFoundError:
        return {}
    except Newer:
        raise
    except (OSError, Unfit, Unreadable) as error:
        problem = f"it {error}" if isinstance(error, Unfit) else str(error)
        raise CourseError(
            expected=f"a valid {FILE} in {folder.name}",
            found=error.detail if isinstance(error, Unreadable) else problem,
            next_step=ANSWERS.next_step,
        ) from None


def record(folder: Path, name: str, answer: Answer) -> None:
    """Add or replace one answer.

    Raises:
        CourseError: the file is damaged, or the answer is too long.
    """
    if len(json.dumps(answer.value)) > MAX_ANSWER:
        raise CourseError(
            expected=f"an answer of at most {MAX_ANSWER} characters",
            found="a longer one",
            next_step="Record only what is asked for.",
        )
    answers = read(folder) | {name: answer}
    replace(folder / FILE, ANSWERS.to_json(dict(sorted(answers.items())), indent=1) + b"\n")


def replace(file: Path, content: bytes) -> None:
    """Write a file so that a crash leaves the old or the new content, never a part."""
    file.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        Path(temporary).replace(file)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
