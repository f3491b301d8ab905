"""moto's ECR state as one JSON file: complete, durable after each change, and read back without running anything.

Only the three classes listed here are ever made from the file, so it can carry data but no code (a pickle could). The
file is written beside its successor, synced and renamed: a killed process leaves the old state or the new one.
"""

from __future__ import annotations

import json
import os
from datetime import datetime
from pathlib import Path
from typing import Any

from moto.ecr.models import Repository
from moto.utilities.tagging_service import TaggingService

from autograder.emulators.ecr.images import StoredImage
from autograder.emulators.ecr.moto_fixes import MotoBackend
from autograder.emulators.json_store import sync_folder

SCHEMA = 1
CLASSES: dict[str, type] = {kind.__name__: kind for kind in (Repository, StoredImage, TaggingService)}
STATE = (
    "registry_policy",
    "registry_scanning_configuration",
    "replication_config",
    "repositories",
    "tagger",
)
REQUIRED = ("repositories", "tagger")  # in every version's file
VOLATILE = {"uploads": {}, "layers": {}, "uri": ""}  # per class attribute: what a new process starts with


class SnapshotProblem(Exception):
    """The state file is damaged or of another schema."""


def dump(moto: MotoBackend, extra: dict[str, Any]) -> str:
    """The state as JSON text. ``extra`` is stored beside it and must be JSON already.

    An image that has not changed is not encoded again: with many images that is most of the work.
    """
    state = {name: getattr(moto, name) for name in STATE if name != "repositories"}
    repositories = ",".join(f"{_text(name)}:{_repository(record)}" for name, record in moto.repositories.items())
    backend_text = f'{_text(state)[:-1]},"repositories":{{{repositories}}}}}'
    return f'{{"schema":{SCHEMA},"extra":{_text(extra)},"backend":{backend_text}}}'


def save(path: Path, text: str) -> None:
    """Replace the file durably."""
    temporary = path.with_name(path.name + ".new")
    with temporary.open("w", encoding="utf-8", newline="\n") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    temporary.replace(path)
    sync_folder(path.parent)


def load(path: Path, moto: MotoBackend) -> dict[str, Any]:
    """Fill the backend from the file; returns ``extra``. Nothing happens if there is no file.

    A setting that the file's version did not have stays as a new process begins with it.

    Raises:
        SnapshotProblem: the file is damaged or of another schema.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    try:
        document = json.loads(text, object_hook=_decode)
        if document["schema"] != SCHEMA:
            raise KeyError(document["schema"])
        state = document["backend"]
        for name in STATE:
            if name in state or name in REQUIRED:
                setattr(moto, name, state[name])
        return dict(document["extra"])
    except (ValueError, KeyError, TypeError) as error:
        raise SnapshotProblem(f"{path} was not written by this version of the emulator: {error!r}") from None


def _text(value: Any) -> str:
    return json.dumps(value, default=_encode, separators=(",", ":"))


def _repository(record: Any) -> str:
    """A repository with its images, in the same form as :func:`_encode` gives it."""
    attributes = {name: VOLATILE.get(name, part) for name, part in vars(record).items() if name != "images"}
    images = ",".join(_image(image) for image in record.images)
    return f'{{"$class":"Repository","attributes":{_text(attributes)[:-1]},"images":[{images}]}}}}'


def _image(image: StoredImage) -> str:
    if image.saved is None:
        image.__dict__["saved"] = _text(image)
    return str(image.saved)


def _encode(value: Any) -> dict[str, Any]:
    if isinstance(value, datetime):
        return {"$time": value.isoformat()}
    kind = type(value).__name__
    if CLASSES.get(kind) is not type(value):
        raise TypeError(f"{kind} has no place in the state file")
    attributes = {name: VOLATILE.get(name, part) for name, part in vars(value).items() if name != "saved"}
    return {"$class": kind, "attributes": attributes}


def _decode(value: dict[str, Any]) -> Any:
    if "$time" in value:
        return datetime.fromisoformat(value["$time"])
    if "$class" in value:
        kind = CLASSES[value["$class"]]
        made: Any = object.__new__(kind)
        vars(made).update(value["attributes"])
        return made
    return value
