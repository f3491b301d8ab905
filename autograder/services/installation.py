"""What this installation knows about itself (id, ports, background processes), kept in ``.course/state.json``.

Everything here is standard library and quick to import, because notebooks and every warm command read it.
"""

from __future__ import annotations

import json
import os
import secrets
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from autograder import paths
from autograder.errors import EnvironmentProblem
from autograder.launcher.locks import exclusive

SCHEMA = 1
FILE = "state.json"


@dataclass
class Installation:
    """The content of ``state.json``.

    Attributes:
        id: short random name; part of the name of every Docker object of this installation.
        home: the folder it belongs to; a copied folder is noticed by it and becomes an installation of its own.
        token: secret of the local JupyterLab and site server.
        ports: service -> TCP port on 127.0.0.1, chosen once.
        processes: background process -> what identifies it (see :mod:`autograder.services.processes`).
        wanted: services that a start was to bring up and no stop has taken down since.
        images: where images come from (see :mod:`autograder.services.images`).
    """

    id: str
    home: str
    token: str
    ports: dict[str, int] = field(default_factory=dict)
    processes: dict[str, dict[str, float | str]] = field(default_factory=dict)
    wanted: list[str] = field(default_factory=list)
    images: dict[str, Any] = field(default_factory=dict)
    schema: int = SCHEMA

    def object_name(self, service: str) -> str:
        """The name of the container and of the volume of a service."""
        return f"course-{self.id}-{service}"


def _read(file: Path) -> Installation | None:
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise EnvironmentProblem(
            expected=f"{file} can be read",
            found=str(error),
            next_step="Give yourself the rights to that folder, then try again.",
        ) from None
    try:
        data = json.loads(text)
        if isinstance(data["schema"], int) and data["schema"] > SCHEMA:
            raise EnvironmentProblem(
                expected=f"{file} in a form that this kit knows",
                found=f"it has the schema {data['schema']}; this kit reads {SCHEMA}",
                next_step="A newer kit wrote it: update this one to that version or a later one, then try again.",
            )
        if data["schema"] != SCHEMA:
            raise ValueError(f"its schema is {data['schema']}, this kit's is {SCHEMA}")
        known = {part.name for part in fields(Installation)}  # a later kit of the same schema may say more
        return Installation(**{name: value for name, value in data.items() if name in known})
    except (ValueError, TypeError, KeyError) as error:
        raise EnvironmentProblem(
            expected=f"{file} as the kit wrote it",
            found=f"it cannot be understood: {error}",
            next_step="Put back a copy of that file if you have one; otherwise move it away and start again. "
            "What you pushed stays in its Docker volume (docker volume ls), under the old installation's id.",
        ) from None


def find() -> Installation | None:
    """This installation's state, or None before the first start.

    Raises:
        EnvironmentProblem: the file is there but cannot be read.
    """
    return _read(paths.state() / FILE)


def load() -> Installation:
    """This installation's state.

    Raises:
        EnvironmentProblem: nothing was started here yet, or the file cannot be read.
    """
    found = find()
    if found is None:
        raise EnvironmentProblem(
            expected="an installation that was started once",
            found=f"no {FILE} in {paths.state()}",
            next_step="Run: python3 course.py start",
        )
    return found


def save(installation: Installation) -> None:
    """Write the state in one step, readable by its owner alone (it holds a token)."""
    paths.state().mkdir(parents=True, exist_ok=True)
    write_private(paths.state() / FILE, json.dumps(asdict(installation), indent=1, sort_keys=True))


def write_private(file: Path, text: str) -> None:
    """Write a file in one step, readable by its owner alone; its folder is there."""
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=f"{file.stem}-", suffix=".tmp")  # of its owner alone
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        _replace(Path(name), file)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _replace(source: Path, target: Path) -> None:
    """Rename; on Windows again while another process has the target open for reading."""
    for attempt in range(20):
        try:
            source.replace(target)
            return
        except PermissionError:
            if sys.platform != "win32" or attempt == 19:
                raise
            time.sleep(0.05)


@contextmanager
def locked(name: str = "state", wait: float = 30.0, report: Callable[[str], None] = lambda _: None) -> Iterator[None]:
    """Hold a lock of this installation; the operating system lets go of it when the process ends, however it ends.

    Args:
        name: which lock; the file ``.course/NAME.lock`` stands for it.
        wait: seconds to wait for another process.
        report: told once when there is another process to wait for.

    Raises:
        EnvironmentProblem: another process still holds it after ``wait`` seconds.
    """
    paths.state().mkdir(parents=True, exist_ok=True)
    file = paths.state() / f"{name}.lock"
    with ExitStack() as held:
        try:
            held.enter_context(exclusive(file, lambda: report("waiting for another command"), wait))
        except TimeoutError:
            raise EnvironmentProblem(
                expected="one command at a time that changes this installation",
                found=f"another one has been running for more than {wait:.0f} seconds ({file})",
                next_step="Wait until it is done (or end it), then try again.",
            ) from None
        yield


@contextmanager
def change() -> Iterator[Installation]:
    """Change the state: read (or made for the first time), handed out, written back when the block ends well."""
    with locked():
        installation = find()
        home = str(paths.home())
        if installation is None or _copied(installation, home):
            installation = Installation(id=secrets.token_hex(4), home=home, token=secrets.token_urlsafe(24))
        installation.home = home
        yield installation
        save(installation)


def _copied(installation: Installation, home: str) -> bool:
    """Whether the folder is a copy of one that still is an installation of the same id (not one that was moved)."""
    if installation.home == home:
        return False
    try:
        other = _read(Path(installation.home) / paths.state().name / FILE)
    except EnvironmentProblem:
        return False
    return other is not None and other.id == installation.id
