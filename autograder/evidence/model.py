"""Evidence: what a student's state is, as immutable JSON data with a versioned schema. Checks see nothing else.

The same types are filled from live services (in the notebook) and from a submission (in grading), so a check
gives the same verdict in both, and again a year later. Services are named, ports never appear.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue

from autograder.formats import Format, Witness, is_absent
from autograder.oci import manifests
from autograder.oci.manifests import Descriptor, ImageIndex, ImageManifest

SCHEMA_VERSION = 1  # rises also when the same submission would give other evidence: then classes are graded anew

LayerPolicy = Literal["all", "above-base", "none"]


def storable(value: Any) -> Any:
    """JSON may name half a surrogate pair, which no UTF-8 file can hold; a question mark takes its place."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode(errors="replace").decode()
    if isinstance(value, dict):
        return {storable(key): storable(part) for key, part in value.items()}
    return [storable(part) for part in value] if isinstance(value, (list, tuple)) else value


# What a student's machine says: any JSON data, any text. One odd character must not keep the rest from being stored.
Plain = Annotated[JsonValue, AfterValidator(storable)]
Text = Annotated[str, AfterValidator(storable)]


class Frozen(BaseModel):
    """Base of every evidence type: no unknown fields, no assignment after construction."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")


class Manifest(Frozen):
    """The exact text of a manifest or index (always UTF-8 JSON) and the media type it is served with."""

    media_type: str
    text: str

    @property
    def raw(self) -> bytes:
        """The bytes whose SHA-256 is the digest."""
        return self.text.encode("utf-8")


class Problem(Frozen):
    """One fault found while verifying a snapshot: what is wrong and with which digest, tag or file."""

    kind: Literal[
        "tampered",
        "wrong-size",
        "missing-manifest",
        "missing-blob",
        "missing-layer",
        "dangling-tag",
        "malformed",
        "too-large",
    ]
    subject: Text
    detail: Text


class Repository(Frozen):
    """A snapshot of one repository.

    Attributes:
        service: the service's name (:data:`autograder.domain.services.NAMES`, or "private").
        name: the repository's name inside the service, without a host.
        layers: which layers travel with a submission (all; above-base: not those of a base that the kit knows; none).
        tags: tag -> digest of the manifest or index it points at.
        manifests: digest -> manifest, for every tag, every child of an index, and every manifest named by an answer.
        blobs: digest -> size in bytes of every config and layer that is there and whose digest was verified.
        contents: digest -> base64 of the content, for configs and other blobs of at most 256 KiB.
        base_layers: digests of the layers that belong to a base image that the kit knows and therefore need not travel;
            of a submission by an older kit, also those that it left out for another base.
        problems: what verification found; a check that relies on a faulty part fails, naming it.
    """

    service: str
    name: str
    layers: LayerPolicy = "none"
    tags: dict[str, str] = Field(default_factory=dict)
    manifests: dict[str, Manifest] = Field(default_factory=dict)
    blobs: dict[str, int] = Field(default_factory=dict)
    contents: dict[str, str] = Field(default_factory=dict)
    base_layers: tuple[Text, ...] = ()
    problems: tuple[Problem, ...] = ()

    def parsed(self, digest: str) -> ImageManifest | ImageIndex | None:
        """The manifest or index with that digest; None when it is not in the snapshot or not understood."""
        manifest = self.manifests.get(digest)
        if manifest is None:
            return None
        try:
            return manifests.parse(manifest.raw, manifest.media_type)
        except manifests.ManifestError:
            return None

    def image(self, reference: str, platform: str | None = None) -> ImageManifest | None:
        """The image behind a tag or digest.

        An index is followed to the child for ``platform`` ("linux/arm64"), or, without one, to its first child that
        is no attestation (:meth:`images`). None when nothing is there.
        """
        found = self.parsed(self.tags.get(reference, reference))
        if isinstance(found, ImageIndex):
            for child in self.images(found.digest):
                if platform is None or child.platform == platform or (child.platform or "").startswith(platform + "/"):
                    image = self.parsed(child.digest)
                    return image if isinstance(image, ImageManifest) else None
            return None
        return found

    def images(self, digest: str) -> tuple[Descriptor, ...]:
        """The children of an index that count as images; empty for what is no index.

        A child is no image when it is listed as an attestation, for the platform ``unknown/unknown`` that no engine
        asks for, and its manifest has nothing but statements. What the list alone says, any image can be called.
        """
        found = self.parsed(digest)
        listed = found.manifests if isinstance(found, ImageIndex) else ()
        nowhere = {child.digest for child in listed if child.platform == manifests.NO_PLATFORM}
        statements = {digest for digest in nowhere if self._is_statement(digest)}
        return tuple(
            child for child in listed if child.platform != manifests.NO_PLATFORM or child.digest not in statements
        )

    def _is_statement(self, digest: str) -> bool:
        held = self.parsed(digest)
        return isinstance(held, ImageManifest) and all(
            layer.media_type.startswith(manifests.STATEMENT) for layer in held.layers
        )

    def content(self, digest: str) -> bytes | None:
        """The bytes of a small blob; None when it is not in the snapshot."""
        text = self.contents.get(digest)
        return None if text is None else base64.b64decode(text)

    def config(self, image: ImageManifest) -> dict[str, Any] | None:
        """The image configuration (labels under ``config.Labels``, ``rootfs.diff_ids``, ``history``)."""
        content = self.content(image.config.digest)
        return None if content is None else manifests.json_object(content)

    def labels(self, image: ImageManifest) -> dict[str, str]:
        """The labels in the image configuration; empty when there are none."""
        config = (self.config(image) or {}).get("config")
        labels = config.get("Labels") if isinstance(config, dict) else None
        return {k: v for k, v in labels.items() if isinstance(v, str)} if isinstance(labels, dict) else {}


class Service(Frozen):
    """A service as it was found.

    Attributes:
        repositories: name -> snapshot, for the repositories that the lab declares (absent ones are left out).
        settings: what else the service knows, as the emulator reports it (visibility, mutability, policies, ...).
        catalog: names of all repositories, when the lab asks for them (to find a push that went to a wrong name).
        witness: reserved: whose machine asked the service.
    """

    repositories: dict[str, Repository] = Field(default_factory=dict)
    settings: dict[Text, Plain] = Field(default_factory=dict)
    catalog: tuple[Text, ...] = ()
    witness: Witness | None = Field(default=None, exclude_if=is_absent)


class Answer(Frozen):
    """A recorded answer.

    Attributes:
        value: the JSON value given.
        recorded_at: RFC 3339 time, for people; no check reads it.
        inputs: "SERVICE/REPOSITORY:TAG" -> digest at the moment of recording, for the tags the answer is about.
    """

    value: Plain
    recorded_at: Text
    inputs: dict[Text, Text] = Field(default_factory=dict)


class File(Frozen):
    """A file of the lab: size in bytes, SHA-256 (hex), and its text where it is UTF-8 and small enough."""

    size: int
    sha256: str
    text: str | None = None


class Case(Frozen):
    """One input of a code task and the result it must give.

    Attributes:
        kind: what sort of input this is, in words a student may read ("layers in another order").
        args: positional arguments, JSON values.
        expected: the JSON value the function must return, or ``{"raises": "ValueError"}`` with ``raises`` true.
        raises: the function must raise that kind of error instead of returning.
        hidden: drawn with the grading seed; a report names only its kind.
    """

    kind: str
    args: tuple[JsonValue, ...]
    expected: JsonValue
    raises: bool = False
    hidden: bool = False


class CaseResult(Frozen):
    """What the student's function did with one case.

    Attributes:
        status: returned a JSON value; raised; timeout; unusable (returned something that is no plain JSON data, e.g.
            an object equal to everything); not-run (an infrastructure fault).
        errors: for "raised", the names of the error's built-in classes, the most specific first.
        detail: the error's message, cut; shown for visible cases only.
    """

    case: Case
    status: Literal["returned", "raised", "timeout", "unusable", "not-run"]
    value: Plain = None
    errors: tuple[Text, ...] = ()
    detail: Text = ""

    @property
    def correct(self) -> bool:
        """Whether the outcome is the expected one. JSON equality: true is not 1, and 1.0 is 1."""
        if self.case.raises:
            wanted = self.case.expected.get("raises") if isinstance(self.case.expected, dict) else None
            return self.status == "raised" and wanted in self.errors
        return self.status == "returned" and same_json(self.value, self.case.expected)


class TaskRun(Frozen):
    """A code task, extracted and run.

    ``status``: ran (see ``results``); missing (no cell holds it; ``message`` names the cell to restore);
    ambiguous; broken (the cell itself fails: ``message`` is the error); empty (still the starter);
    fault (the sandbox failed: not graded).
    """

    function: str
    status: Literal["ran", "missing", "ambiguous", "broken", "empty", "fault"]
    message: Text = ""
    notes: tuple[Text, ...] = ()
    results: tuple[CaseResult, ...] = ()


class Engine(Frozen):
    """The engine as the student's machine described it. Claimed evidence."""

    version: Text
    api: Text
    operating_system: Text
    architecture: Text
    store: Literal["containerd", "graphdriver", "unknown"] = "unknown"


class Evidence(Frozen):
    """Everything a check may look at.

    Attributes:
        parameters: the student's personal parameters, derived from the handed-out seed (by the grader again).
        origin: "live" in a notebook, "submission" in grading. A check may word a next step by it, never decide by it
            (except that what only a grader can recompute is absent when live).
        answer_inputs: answer name -> the tags it is about, as "SERVICE/REPOSITORY:TAG".
        probes: results that the grader recomputed, by name; live those that a notebook can compute as well.
        probe_versions: name of a probe -> its version that gave the result; 1 where none stands here.
        journal: claimed journal lines of the emulators.
        submission_sha256: of the zip that it was made from, hex; None live, and where an earlier kit made it.
    """

    schema_version: int = SCHEMA_VERSION
    kit_version: str
    lab: str
    lab_version: int
    student: str
    origin: Literal["live", "submission"]
    collected_at: Text
    parameters: dict[str, JsonValue] = Field(default_factory=dict)
    services: dict[str, Service] = Field(default_factory=dict)
    answers: dict[str, Answer] = Field(default_factory=dict)
    answer_inputs: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    files: dict[str, File] = Field(default_factory=dict)
    tasks: dict[str, TaskRun] = Field(default_factory=dict)
    probes: dict[str, JsonValue] = Field(default_factory=dict)
    probe_versions: dict[str, int] = Field(default_factory=dict, exclude_if=lambda versions: not versions)
    journal: tuple[dict[Text, Plain], ...] = ()
    engine: Engine | None = None
    images: dict[Text, Text] = Field(default_factory=dict)
    submission_sha256: str | None = Field(default=None, exclude_if=is_absent)

    def parameter(self, name: str) -> Any:
        """A personal parameter as it was drawn: JSON data, of the form that the lab's ``parameters`` gives it."""
        return self.parameters[name]

    def text(self, name: str) -> str:
        """A personal parameter as text."""
        return str(self.parameters[name])

    def texts(self, name: str) -> list[str]:
        """A personal parameter that is a list, each entry as text."""
        return [str(part) for part in self.parameter(name)]

    def settings(self, service: str) -> Mapping[str, Any]:
        """What an emulator tells of itself (:mod:`autograder.evidence.emulator_state`); empty when it is not there."""
        known = self.services.get(service)
        return known.settings if known else {}

    def repository(self, service: str, name: str) -> Repository | None:
        """The snapshot of a repository; None when the service or repository is not there."""
        known = self.services.get(service)
        return known.repositories.get(name) if known else None

    def current_inputs(self, answer: str) -> dict[str, str]:
        """The digests the tags of an answer point at now; a tag that does not exist is left out."""
        current = {}
        for reference in self.answer_inputs.get(answer, ()):
            service, _, rest = reference.partition("/")
            name, _, tag = rest.rpartition(":")
            repository = self.repository(service, name)
            if repository is not None and tag in repository.tags:
                current[reference] = repository.tags[tag]
        return current


EVIDENCE: Format[Evidence] = Format(
    "the stored evidence",
    "class/evidence/STUDENT/NN-slug.json.gz",
    Evidence,
    number=SCHEMA_VERSION,
    key="schema_version",
    next_step="Grade the submission again with --force.",
)


def same_json(left: JsonValue, right: JsonValue) -> bool:
    """JSON equality, without Python's True == 1; numbers compare by value, so 1 equals 1.0."""
    if isinstance(left, bool) or isinstance(right, bool):
        return isinstance(left, bool) and isinstance(right, bool) and left == right
    if isinstance(left, (int, float)) and isinstance(right, (int, float)):
        return left == right
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(same_json(a, b) for a, b in zip(left, right, strict=True))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same_json(left[k], right[k]) for k in left)
    return type(left) is type(right) and left == right
