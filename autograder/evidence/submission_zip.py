"""The kit's own files in a submission's zip, NN-slug-STUDENT.zip: their models, for writers and readers.

Beside them lie the notebook (notebook.ipynb), the lab's files (files/…), and a snapshot of each repository as an OCI
image layout (evidence/SERVICE/REPOSITORY/…, :mod:`autograder.evidence.layout`). evidence/journal.json is a list of the
lines that :mod:`autograder.evidence.emulator_state` describes, and has no number.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from autograder.domain import instants
from autograder.evidence.model import Answer, LayerPolicy
from autograder.formats import MAX_NUMBER, Format, JsonObject, Witness, is_absent

HEADER_FILE = "submission.json"
SIGNATURE_FILE = "submission.sig"
ANSWERS_FILE = "answers.json"
MAX_NOTEBOOK = 20 << 20  # bytes
MAX_ANSWERS = 4 << 20  # bytes
JOURNAL_FILE = "evidence/journal.json"


def service_file(service: str) -> str:
    """The file about a service."""
    return f"evidence/{service}.json"


def snapshot_folder(service: str, repository: str) -> str:
    """The folder with a repository's image layout."""
    return f"evidence/{service}/{repository}"


class Header(BaseModel):
    """submission.json: whose work it is, for which lab, and what else is in the zip.

    Attributes:
        lab_version: of the lab that the student worked on.
        written_at: RFC 3339, by the clock of the student's machine.
        engine: the engine, as :class:`autograder.evidence.model.Engine`; claimed, so of any form.
        images: image -> the reference it came from, as the student's machine says.
        files: name -> SHA-256 (hex) of every other file in the zip, but for the signature.
        parameters: the values of the personal parameters that the student saw; None from version 0.1.0.
        signature: reserved: over this document, by whoever wrote it; what signs its bytes is submission.sig.
        receipt: reserved: what the place that the work was handed in to gave for it.
        witness: reserved: whose machine saw the services.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    schema_: int = Field(default=1, alias="schema")
    lab: str = Field(max_length=100)
    lab_version: int = Field(le=MAX_NUMBER)
    student: str = Field(max_length=100)
    course: str = Field(max_length=100)
    kit_version: str = Field(max_length=40)
    written_at: str = Field(max_length=40)
    engine: JsonValue = None
    images: dict[str, str] = Field(default_factory=dict)
    notebook: str = Field(default="notebook.ipynb", max_length=200)
    files: dict[str, str] = Field(default_factory=dict)
    parameters: JsonObject | None = Field(default=None, exclude_if=is_absent)
    signature: JsonObject | None = Field(default=None, exclude_if=is_absent)
    receipt: JsonObject | None = Field(default=None, exclude_if=is_absent)
    witness: Witness | None = Field(default=None, exclude_if=is_absent)

    @property
    def moment(self) -> datetime:
        """When the student's machine says it was written."""
        return moment(self.written_at)

    def content(self) -> bytes:
        """The bytes of the file."""
        return json.dumps(self.model_dump(mode="json", by_alias=True), indent=1).encode()


def moment(written_at: str) -> datetime:
    """The time of a ``written_at``; the earliest there is when it says nothing usable."""
    found = instants.read(written_at)
    if found is None:
        return datetime.min.replace(tzinfo=UTC)
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found


HEADER: Format[Header] = Format(
    "the submission",
    HEADER_FILE,
    Header,
    next_step="Ask the student to submit again: `python3 course.py submit` writes it otherwise.",
)


class Signature(BaseModel):
    """submission.sig: by it, whoever has the student's student.toml signs the exact bytes of submission.json.

    Attributes:
        hmac_sha256: HMAC-SHA-256 in lower-case hex; its key is derived by :mod:`autograder.labs.signing`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    schema_: int = Field(default=1, alias="schema")
    hmac_sha256: str = Field(pattern="^[0-9a-f]{64}$")


SIGNATURE: Format[Signature] = Format(
    "the signature of a submission",
    SIGNATURE_FILE,
    Signature,
    next_step="Ask the student to submit again: `python3 course.py submit` writes it otherwise.",
)

ANSWERS: Format[dict[str, Answer]] = Format(
    "the recorded answers",
    f"work/NN-slug/{ANSWERS_FILE}, and in the zip",
    dict[str, Answer],
    next_step=f"Rename {ANSWERS_FILE} and run the cells that call answer(…) again.",
)


class RepositoryEntry(BaseModel):
    """A repository of a service: which layers travel, and the folder of its layout.

    ``base_layers``: by a kit that is older than 0.1.0: layers that it left out for a base.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    layers: LayerPolicy
    folder: str
    base_layers: tuple[str, ...] = Field(default=(), exclude_if=lambda value: not value)


class ServiceFile(BaseModel):
    """evidence/SERVICE.json: what a service said of itself. Reserved: ``witness``, whose machine asked it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    settings: JsonObject = Field(default_factory=dict)
    catalog: tuple[str, ...] = ()
    repositories: dict[str, RepositoryEntry] = Field(default_factory=dict)
    witness: Witness | None = Field(default=None, exclude_if=is_absent)

    def content(self) -> bytes:
        """The bytes of the file, on one line: of an emulator's settings, blanks would be the larger part."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True).encode()


SERVICE: Format[ServiceFile] = Format("what a service said of itself", "evidence/SERVICE.json", ServiceFile)
