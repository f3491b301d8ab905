"""When a lab's version must rise: what each version asks for is kept, and ``course release`` compares.

``solutions/NN-slug/versions.json`` holds, for each version that was handed out, a digest of what it asks for and what
its checks give points for, and the names of its personal parameters. A change of these under the same number would
change points of students who have begun; so it needs a new number, and the old one must still say what it said.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from pydantic import BaseModel, ConfigDict

from autograder.checks.shared import seeded_random
from autograder.checks.shared.seeded_random import SeededRandom
from autograder.errors import CourseError
from autograder.formats import Format, Unreadable
from autograder.labs import hidden
from autograder.labs.answers import replace
from autograder.labs.live import visible_cases
from autograder.labs.manifest import Lab

FILE = "versions.json"
KEY = b"versions of labs"  # draws one student; kinds of cases do not depend on who it is


class VersionRecord(BaseModel):
    """What a version of a lab asks for.

    Attributes:
        digest: 16 hex digits of :func:`asked`.
        parameters: the names of the personal parameters.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    digest: str
    parameters: tuple[str, ...]


VERSIONS: Format[dict[str, VersionRecord]] = Format(
    "what each version of a lab asks for", f"solutions/NN-slug/{FILE}", dict[str, VersionRecord]
)


def asked(lab: Lab) -> dict[str, Any]:
    """What a version of a lab collects, asks and gives points for. Words, hints and minutes are not in it."""
    declared = lab.declared_checks()
    seed = seeded_random.seed(KEY, "student", "a", lab.slug)
    parameters = lab.drawn(seed)
    cases = visible_cases(lab, parameters)
    drawn = hidden.cases(lab, SeededRandom(seed), parameters)
    kinds = {
        name: sorted({case.kind for case in lab.cases_of(name, [*cases.get(name, []), *drawn.get(name, [])])})
        for name in lab.tasks
    }
    return {
        "services": sorted(lab.services),
        "catalog": sorted(lab.catalog),
        "files": sorted(lab.files),
        "probes": sorted(lab.probes),
        "repositories": sorted([part.service, part.name, part.layers, part.pushed] for part in lab.repositories),
        "answers": {name: list(part.inputs) for name, part in lab.answers.items()},
        "tasks": {name: [part.function, kinds[name]] for name, part in lab.tasks.items()},
        "checks": [
            [
                part.id,
                part.points,
                part.by_hand,
                sorted(declared[part.id].needs) if part.id in declared else [],
                declared[part.id].trust if part.id in declared else "",
            ]
            for part in lab.checks
        ],
    }


def record_of(lab: Lab) -> VersionRecord:
    """What is kept of a version of a lab."""
    content = json.dumps(asked(lab), sort_keys=True).encode()
    names = lab.drawn(seeded_random.seed(KEY, "student", "a", lab.slug))
    return VersionRecord(digest=hashlib.sha256(content).hexdigest()[:16], parameters=tuple(sorted(names)))


def read(lab: Lab) -> dict[int, VersionRecord]:
    """What is kept of a lab's versions; nothing where the lab has no such file yet.

    Raises:
        CourseError: the file is damaged.
    """
    file = lab.source.solution / FILE
    try:
        return {int(number): record for number, record in VERSIONS.from_json(file.read_bytes()).items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, Unreadable) as error:
        raise CourseError(
            expected=f"what each version of {lab.slug} asks for, in {file}",
            found=error.detail if isinstance(error, Unreadable) else str(error),
            next_step="Put back a copy of it.",
        ) from None


def problems(lab: Lab) -> list[str]:
    """Where a version of the lab is not what it was when it was handed out, a sentence with what to do each."""
    kept, found = read(lab), []
    for number in range(1, lab.newest + 1):
        if number not in kept:
            found.append(f"version {number} is not in {FILE}: run `python3 course.py release`.")
            continue
        now = record_of(lab.at(number))
        if now.digest != kept[number].digest and number == lab.newest:
            found.append(
                f"version {number} asks for something else than when it was handed out: raise `version` in lab.toml to "
                f"{number + 1}, and say there what is new (`since`), what has gone (`until`), and what the points were "
                f"([versions.{number}.points]). If nobody has version {number} yet, delete it from {FILE} and run "
                "`python3 course.py release`."
            )
        elif now.digest != kept[number].digest:
            found.append(
                f"version {number} does not ask for the same any more: what is new needs `since = {lab.newest}`, what "
                f"has gone `until`, and changed points their old value in [versions.{number}.points]."
            )
        if number == lab.newest and now.parameters != kept[number].parameters:
            changed = ", ".join(sorted(set(now.parameters) ^ set(kept[number].parameters)))
            found.append(
                f"version {number} has other personal parameters than it had ({changed}): students who have theirs "
                f"keep them, so raise `version` in lab.toml to {number + 1} and give checks that read new ones "
                f"`since = {number + 1}`."
            )
    return found


def write(lab: Lab) -> bool:
    """Keep what the newest version asks for; what is kept of a version already is never changed.

    Returns:
        whether the file changed.
    """
    kept = read(lab)
    new = {number: record_of(lab.at(number)) for number in range(1, lab.newest + 1) if number not in kept}
    if new:
        documents = {str(number): record for number, record in sorted((kept | new).items())}
        replace(lab.source.solution / FILE, VERSIONS.to_json(documents, indent=1) + b"\n")
    return bool(new)
