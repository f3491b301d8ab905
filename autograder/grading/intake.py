"""From a zip to a submission: who and what it is, its parts as evidence, and every flaw in plain words.

Nothing of a submission is executed or unpacked to disk. A flaw of one part costs what rests on that part; only a zip
that is not safe, not a submission, of an unknown lab or of somebody else's course is refused as a whole.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from autograder.domain import bases, limits
from autograder.domain.bases import Base
from autograder.domain.references import grammar
from autograder.domain.services import EMULATORS
from autograder.errors import CourseError
from autograder.evidence import bounded_json, emulator_state, layout, submission_zip
from autograder.evidence.model import Answer, Engine, File, LayerPolicy, Repository, Service
from autograder.evidence.submission_zip import (
    ANSWERS_FILE,
    HEADER_FILE,
    JOURNAL_FILE,
    MAX_ANSWERS,
    MAX_NOTEBOOK,
    SIGNATURE_FILE,
    Header,
)
from autograder.formats import Format, JsonObject, Unreadable
from autograder.grading import strictjson
from autograder.grading.archive import MAX_FILES, Archive, damage_is_refused
from autograder.grading.people import Course
from autograder.grading.problems import FOR_INSTRUCTOR, FOR_STUDENT, Refused
from autograder.grading.strictjson import MAX_LISTED, said, some
from autograder.labs import manifest, signing, students
from autograder.labs.manifest import Lab, Parameters
from autograder.oci.manifests import ImageManifest

MAX_HEADER = 8 << 20  # bytes: a hash of each of 30,000 files
HEADER_BYTES, FILE_BYTES = 1 << 20, 400  # of the rest of it, and of a file that the zip has; the sample class: 21,000
MAX_SIGNATURE = 4 << 10  # bytes; it has about a hundred
MAX_SERVICE = emulator_state.MAX_STATE + (2 << 20)
MAX_FILE = 1 << 20  # bytes of a lab's file whose text is kept
MAX_CLAIM = 400  # characters of a text that may show whose work it is
MAX_CLAIMS = 50_000
HASH = re.compile(r"[0-9a-f]{64}\Z")
CHANGED = "Changed after `python3 course.py submit` wrote the zip"
ABSENT = " is missing"
MISSING = f"Listed in {HEADER_FILE} but missing"
AGAIN = f"{FOR_STUDENT} hand in the zip as `python3 course.py submit` writes it, unchanged."


@dataclass(frozen=True)
class Submission:
    """A submission, read.

    Attributes:
        header: its submission.json.
        lab: the kit's own manifest of the lab.
        parameters: the student's personal parameters, as the class has them.
        notebook: the notebook as JSON data; None when missing or unreadable.
        problems: what is wrong or missing, one sentence each.
        notes: what a reader of the report should know, and costs nothing.
        bases: the base images that the kit knows, with what the submission proves about them.
        claims: texts that may show whose work it is: names of repositories, tags, labels, answers.
    """

    header: Header
    lab: Lab
    parameters: Parameters
    notebook: dict[str, Any] | None
    answers: dict[str, Answer]
    services: dict[str, Service]
    files: dict[str, File]
    journal: tuple[dict[str, Any], ...]
    engine: Engine | None
    images: dict[str, str]
    problems: tuple[str, ...]
    notes: tuple[str, ...]
    claims: frozenset[str]
    bases: tuple[Base, ...] = ()


def header_of(archive: Archive) -> Header:
    """Who a submission is from and for which lab.

    Raises:
        Refused: there is no valid submission.json.
    """
    return parsed_header(header_bytes(archive))


def header_bytes(archive: Archive) -> bytes:
    """The bytes of submission.json, which are signed.

    Raises:
        Refused: there is none, or it is too long or damaged.
    """
    content = archive.read(HEADER_FILE, min(MAX_HEADER, HEADER_BYTES + FILE_BYTES * len(archive.names)))
    if content is None:
        raise Refused(f"It holds no {HEADER_FILE}, so it was not written by `python3 course.py submit`.")
    return content


def parsed_header(content: bytes) -> Header:
    """The bytes of a submission.json.

    Raises:
        Refused: they are no valid one.
    """
    document = strictjson.load(content, HEADER_FILE, MAX_HEADER)
    if not isinstance(document, dict):
        raise Refused(f"{HEADER_FILE} is not an object.")
    try:
        header = submission_zip.HEADER.parse(document)
    except Unreadable as problem:
        raise Refused(f"{HEADER_FILE}: {said(problem.detail)}. {problem.next_step}") from None
    rest = bounded_json.parts_in(json.dumps(document | {"files": {}}).encode())
    for found, most, unit in (
        (rest, limits.HEADER_PARTS.most, limits.HEADER_PARTS.unit),
        (len(header.files), MAX_FILES, "files"),
    ):
        if found > most:
            raise Refused(f"{HEADER_FILE} has {found:,} {unit}; at most {most:,} are read. {AGAIN}")
    return header


@dataclass(frozen=True)
class Signed:
    """What the signature of a submission says.

    Attributes:
        by: student: whoever wrote it had the student's file; nobody: there is no signature; another: it does not fit.
        found: what is wrong with one that does not fit.
    """

    by: Literal["student", "nobody", "another"]
    found: str = ""


UNSIGNED = Signed("nobody")


def signed(archive: Archive, content: bytes, header: Header, key: bytes) -> Signed:
    """Who signed a submission.

    Args:
        archive: the zip.
        content: the bytes of its submission.json.
        header: what they say; its student is the one whose signature is wanted.
        key: the class's.
    """
    if archive.size(SIGNATURE_FILE) is None:
        return UNSIGNED
    try:
        written = archive.read(SIGNATURE_FILE, MAX_SIGNATURE) or b""
        signature = submission_zip.SIGNATURE.parse(strictjson.load(written, SIGNATURE_FILE, MAX_SIGNATURE))
    except Refused as reason:
        return Signed("another", str(reason).rstrip("."))
    except Unreadable as problem:
        return Signed("another", f"{SIGNATURE_FILE}: {said(problem.detail)}")
    if signing.fits(students.seed(key, header.student, header.lab), content, signature):
        return Signed("student")
    return Signed("another", f"{SIGNATURE_FILE} is of other bytes, or by another key")


def differing(file: Path, header: Header) -> tuple[str, ...]:
    """The files that a submission.json lists, and that the zip does not hold with the bytes of which it has the hash.

    Raises:
        Refused: the zip, or a file in it, is damaged.
    """
    with Archive(file) as archive:
        return tuple(
            name
            for name, value in sorted(header.files.items())
            if archive.size(name) is None or _sha256(archive, name) != value
        )


def is_of_absence(problem: str) -> bool:
    """Whether a problem says that something is not there at all."""
    return ABSENT in problem


def is_whole(problems: Iterable[str]) -> bool:
    """Whether nothing was missing of a submission, or changed, as far as its problems tell."""
    return not any(map(tells_of_change, problems))


def tells_of_change(problem: str) -> bool:
    """Whether a problem says that a file is missing, or another one than `submit` wrote."""
    return problem.startswith(MISSING) or CHANGED in problem


def admitted(header: Header, course: Course) -> Lab:
    """The lab of a submission that this course accepts, in the version that it is judged by.

    That is the version that the student worked on, as the submission says: but none that is older than the one that the
    class has handed out, or an old version could be claimed to escape a newer check.

    Raises:
        Refused: unknown lab, unknown student, another course, a version of the lab that this kit does not know yet, or
            the class's copy of what the student was handed out is damaged or lost.
    """
    if header.lab not in manifest.slugs():
        raise Refused(f"It is for the lab {said(header.lab)}, which this kit does not have.")
    if not students.ID.match(header.student):
        raise Refused(f"{said(header.student)} is not a student id.")
    if course.roster is not None and header.student not in course.roster:
        raise Refused(
            f"{header.student} is not on the roster. Add the student with `python3 course.py roster`, or ask whose it "
            "is."
        )
    if header.course != course.id:
        if header.course == students.PUBLIC_COURSE:
            raise Refused(
                f"It was made without the student.toml of this course ({course.id}): the work carries a self-learner's "
                "names. The student puts the file in work/ and does the lab again under the new names."
            )
        raise Refused(f"It was made for the course {said(header.course)}; this class is {course.id}.")
    if course.labs.omits(header.lab):
        raise Refused(f"It is for the lab {header.lab}, which this class leaves out (class/course.toml).")
    newest = course.lab(header.lab).newest
    if header.lab_version > newest:
        raise Refused(
            f"It was written with version {header.lab_version} of the lab {header.lab}, and this kit has version "
            f"{newest}. Update this kit to the students' version, then grade it again."
        )
    try:
        first = course.first_version(header.student, header.lab)
    except CourseError as error:  # of this student's file alone: the others are graded
        raise Refused(f"It cannot be graded: {error}") from None
    return course.lab(header.lab, max(header.lab_version, min(first, newest)))


def read(
    archive: Archive, course: Course, header: Header | None = None, at: Callable[[str], None] = lambda part: None
) -> Submission:
    """Read a whole submission.

    Args:
        archive: the zip.
        course: the class.
        header: what :func:`header_of` read of it; read now where nothing is given.
        at: told of each file before it is read.

    Raises:
        Refused: it cannot be graded at all.
    """
    return _Reader(archive, at).run(header or header_of(archive), course)


def parts(archive: Archive, header: Header, lab: Lab, parameters: Parameters) -> Submission:
    """The parts of a submission, by what the student's own machine knows of lab and parameters: no class is asked.

    Raises:
        Refused: it cannot be graded at all.
    """
    return _Reader(archive).parts(header, lab, parameters)


@dataclass
class _Reader:
    archive: Archive
    at: Callable[[str], None] = lambda part: None
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    claims: set[str] = field(default_factory=set)
    bases: tuple[Base, ...] = ()
    hashed: dict[str, str] = field(default_factory=dict)

    def run(self, header: Header, course: Course) -> Submission:
        lab = admitted(header, course)
        parameters = self._parameters(header, lab, course)
        if header.lab_version != lab.version:
            self.problems.append(
                f"It was written with version {header.lab_version} of the lab, and this class was handed out version "
                f"{lab.version}, by which it is judged. {FOR_STUDENT} update the kit (`git pull`), run "
                f"`python3 course.py start` and `python3 course.py reset {lab.slug}`, and submit again."
            )
        return self.parts(header, lab, parameters)

    def parts(self, header: Header, lab: Lab, parameters: Parameters) -> Submission:
        self.at("the hashes of its files")
        self._hashes(header)
        self.at(bases.CONFIGS)
        self.bases = bases.proved(self._base_configs())
        answers = self._answers()
        return Submission(
            header=header,
            lab=lab,
            parameters=parameters,
            notebook=self._notebook(header),
            answers=answers,
            services={name: self._service(lab, name, parameters) for name in lab.services},
            files={name: file for name, file in self._files(lab)},
            journal=self._journal(lab),
            engine=self._engine(header),
            images=dict(sorted(header.images.items())[:50]),
            problems=tuple(self.problems),
            notes=tuple(self.notes),
            bases=self.bases,
            claims=_claims(self.claims, answers),
        )

    def _parameters(self, header: Header, lab: Lab, course: Course) -> Parameters:
        """The personal parameters, as the class has them; a problem is noted where the student saw others."""
        own = course.parameters(header.student, lab)
        seen = header.parameters
        if seen is None or seen == own:
            return own
        if course.is_public:  # nobody handed anything out: this kit draws for new learners, 0.1.0 drew before
            drawn = lab.drawn(course.seed(header.student, lab.slug))
            if seen == drawn:
                return drawn
        names = sorted(name for name in own.keys() | seen.keys() if own.get(name, ...) != seen.get(name, ...))
        told = next((name for name in names if not name.startswith("_")), names[0])
        self.problems.append(
            f"The work was done with other personal values than this class has handed out: {said(told)} was "
            f"{said(repr(seen.get(told)), 60)} there and is {said(repr(own.get(told)), 60)} here"
            + (f", and {len(names) - 1} more differ" if len(names) > 1 else "")
            + f". It is judged by the class's. {FOR_STUDENT} put the student.toml that you were given into work/ (ask "
            "for it if you have none), do what rests on these values again, and submit again. "
            f"{FOR_INSTRUCTOR} send student.toml again; `python3 course.py roster` writes it to "
            f"class/handout-parameters/{header.student}/."
        )
        return own

    def _hashes(self, header: Header) -> None:
        """Leave out what is not as submission.json lists it: whatever rests on it misses it.

        A blob whose listed hash is its digest is not read for that: whoever reads it looks at the digest of its bytes.
        """
        known = {HEADER_FILE, SIGNATURE_FILE}
        listed = {name: value for name, value in header.files.items() if HASH.match(value) and name not in known}
        present = set(self.archive.names) - known
        missing = sorted(set(listed) - present)
        extra = sorted(present - set(listed))
        changed = [
            name
            for name in sorted(present & set(listed))
            if not name.endswith(f"/blobs/sha256/{listed[name]}") and self._hash(name) != listed[name]
        ]
        self.archive.leave_out([*extra, *changed])
        if missing:
            self.problems.append(f"{MISSING}: {some(missing)}. {AGAIN}")
        if changed:
            self.problems.append(f"{CHANGED}, so it counts as missing: {some(changed)}. {AGAIN}")
        if extra:
            self.problems.append(
                f"Not listed in {HEADER_FILE}, so not written by `python3 course.py submit` and not read: "
                f"{some(extra)}. {FOR_STUDENT} put what belongs to the work where the lab says, and submit again."
            )

    def _base_configs(self) -> list[bytes]:
        """Files that may be configs of known bases: what they prove, their digests say."""
        wanted = {bases.config_file(base.config) for base in bases.load() if base.config}
        sizes = {name: self.archive.size(name) for name in sorted(wanted & set(self.archive.names))}
        with damage_is_refused(bases.CONFIGS):
            return [
                self.archive.read(name, bases.MAX_CONFIG) or b""
                for name, size in sizes.items()
                if (size or 0) <= bases.MAX_CONFIG
            ]

    def _hash(self, name: str) -> str:
        if name not in self.hashed:
            self.hashed[name] = _sha256(self.archive, name)
        return self.hashed[name]

    def _json(self, name: str, limit: int, required: str = "", parts: limits.Limit = limits.JSON_PARTS) -> Any:
        """A JSON file; None, with a problem noted, when it is unusable (or missing although ``required`` by it)."""
        self.at(said(name))
        try:
            content = self.archive.read(name, limit)
            if content is None:
                if required:
                    self.problems.append(f"{said(name)}{ABSENT}: {required}.")
                return None
            return strictjson.load(content, said(name), limit, parts)
        except Refused as reason:
            self.problems.append(str(reason))
            return None

    def _notebook(self, header: Header) -> dict[str, Any] | None:
        why = "the code tasks and written answers are in it"
        found = self._json(header.notebook, MAX_NOTEBOOK, why, limits.NOTEBOOK_PARTS)
        if found is None:
            return None
        if not isinstance(found, dict) or not isinstance(found.get("cells"), list):
            self.problems.append("The notebook is not a Jupyter notebook of format 4.")
            return None
        return found

    def _answers(self) -> dict[str, Answer]:
        """The recorded answers, one by one: a damaged one costs no other."""
        found = self._json(ANSWERS_FILE, MAX_ANSWERS, required="no answer counts as recorded")
        if found is None or not self._is_known(submission_zip.ANSWERS, found, ANSWERS_FILE):
            return {}
        if not isinstance(found, dict):
            self.problems.append(f"{ANSWERS_FILE} is not an object.")
            return {}
        good: dict[str, Answer] = {}
        bad: list[str] = []
        form = submission_zip.ANSWERS
        number = {form.key: form.number_of(found)}
        for name, value in form.without_number(found).items():
            try:
                good |= form.parse({**number, name: value})
            except Unreadable:
                bad.append(name)
        if len(bad) == 1:
            self.problems.append(f"The answer {said(bad[0], 40)} in {ANSWERS_FILE} is not valid.")
        elif bad:
            self.problems.append(f"The answers {some(bad)} in {ANSWERS_FILE} are not valid.")
        return good

    def _is_known(self, form: Format[Any], document: object, name: str) -> bool:
        """Whether this kit reads that number of a format; a problem is noted where not."""
        try:
            form.number_of(document)
        except Unreadable as problem:
            self.problems.append(f"{name}: {said(problem.detail)}. {problem.next_step}")
            return False
        return True

    def _files(self, lab: Lab) -> Iterator[tuple[str, File]]:
        for name in lab.files:
            path = f"files/{name}"
            self.at(path)
            size = self.archive.size(path)
            if size is None:
                self.problems.append(f"The file {name}{ABSENT}.")
                continue
            text = None
            if size <= MAX_FILE:
                try:
                    text = (self.archive.read(path, MAX_FILE) or b"").decode("utf-8")
                except UnicodeDecodeError:
                    self.notes.append(f"The file {name} is not UTF-8 text.")
            yield name, File(size=size, sha256=self._hash(path), text=text)

    def _journal(self, lab: Lab) -> tuple[dict[str, Any], ...]:
        """The lines about the lab's emulators, in their order; none where one is not as the kit writes them."""
        found = self._json(JOURNAL_FILE, 2 * emulator_state.MAX_JOURNAL)  # blanks may have been added
        wrong = emulator_state.problem_of_lines(found) if found is not None else None
        if wrong is not None:
            self.problems.append(f"{JOURNAL_FILE} is not as the kit writes it: {said(wrong)}.")
        if wrong is not None or found is None:
            return ()
        lines = (line for line in found if line["service"] in lab.services)
        return tuple(sorted(lines, key=lambda line: int(line["number"]))[-emulator_state.MAX_LINES :])

    def _engine(self, header: Header) -> Engine | None:
        try:
            return Engine.model_validate(header.engine, extra="ignore") if header.engine else None
        except ValidationError:
            self.notes.append(f"{HEADER_FILE} describes the engine in a way that this kit does not know.")
            return None

    def _settings(self, service: str, document: Mapping[str, Any]) -> JsonObject:
        """An emulator's settings; none, with a problem noted, where they have another form than the kit writes."""
        if service not in EMULATORS:
            return {}
        settings = document.get("settings")
        wrong = emulator_state.problem(service, settings)
        if wrong is None and isinstance(settings, dict):
            return settings
        self.problems.append(
            f"{submission_zip.service_file(service)}: its settings are not as the kit writes them ({said(wrong)}), "
            "so none count."
        )
        return {}

    def _repositories(
        self,
        lab: Lab,
        service: str,
        parameters: Mapping[str, Any],
        listed: Mapping[str, Any],
        settings: Mapping[str, Any],
    ) -> dict[str, LayerPolicy]:
        """The repositories to read: name -> which layers must be there."""
        known = emulator_state.images(service, settings) if service in EMULATORS else listed
        there = [name for name in listed if name in known and _is_name(name)]
        if lab.lists_all(service) and len(there) > emulator_state.MAX_REPOSITORIES:
            self.problems.append(
                f"{submission_zip.service_file(service)} lists {len(there)} repositories; "
                f"{emulator_state.MAX_REPOSITORIES} of them are read."
            )
            there = there[: emulator_state.MAX_REPOSITORIES]
        wanted = lab.repositories_of(service, parameters, there)
        return {name: layers for name, layers in wanted.items() if name in listed and _is_name(name)}

    def _service(self, lab: Lab, service: str, parameters: Mapping[str, Any]) -> Service:
        """A service, part by part (:class:`autograder.evidence.submission_zip.ServiceFile`): a flaw costs its part."""
        name = submission_zip.service_file(service)
        document = self._json(name, MAX_SERVICE, required=f"nothing of {service} is proved")
        if not isinstance(document, dict) or not self._is_known(submission_zip.SERVICE, document, name):
            return Service()
        listed = document.get("repositories")
        listed = listed if isinstance(listed, dict) else {}
        self.claims |= set(listed)
        settings = self._settings(service, document)
        repositories: dict[str, Repository] = {}
        for name, layers in self._repositories(lab, service, parameters, listed, settings).items():
            entry = listed[name]
            self.at(submission_zip.snapshot_folder(service, name))
            left_out = entry.get("base_layers") if isinstance(entry, dict) else None  # by an older kit
            with damage_is_refused(submission_zip.snapshot_folder(service, name)):
                found = layout.verify(
                    self.archive.folder(submission_zip.snapshot_folder(service, name)),
                    service=service,
                    name=name,
                    layers=layers,
                    bases=self.bases,
                    left_out=[x for x in left_out if isinstance(x, str)][:200] if isinstance(left_out, list) else (),
                )
            repositories[name] = found
            self.claims |= set(found.tags)
            # each manifest once: an index would lead to the same child again, and a hostile one thousands of times
            images = (image for digest in found.manifests if isinstance(image := found.parsed(digest), ImageManifest))
            self.claims |= {text for image in images for text in found.labels(image).values()}
            for problem in found.problems[:MAX_LISTED]:
                then = f" {CHANGED}. {AGAIN}" if problem.kind == "tampered" else ""
                self.problems.append(f"{service}/{name}: {said(problem.subject)}: {said(problem.detail)} "
                                     f"({problem.kind}).{then}")  # fmt: skip
            if len(found.problems) > MAX_LISTED:
                self.problems.append(f"{service}/{name}: {len(found.problems) - MAX_LISTED} more problems.")
        catalog = document.get("catalog")
        return Service(
            repositories=repositories,
            settings=settings,
            catalog=tuple(sorted(x for x in catalog if isinstance(x, str))[:5000]) if isinstance(catalog, list) else (),
        )


def _sha256(archive: Archive, name: str) -> str:
    sha = hashlib.sha256()
    with damage_is_refused(name), archive.open(name) as file:
        while chunk := file.read(1 << 20):
            sha.update(chunk)
    return sha.hexdigest()


def _is_name(name: str) -> bool:
    """Whether a repository may be called so; no such name leaves its folder."""
    return len(name) <= grammar.PATH_LIMIT and grammar.PATH.fullmatch(name) is not None


def _claims(found: set[str], answers: Mapping[str, Answer]) -> frozenset[str]:
    """Texts that may show whose work it is; a personal one is a short name, and a submission has a few dozen texts.

    Raises:
        Refused: there are too many to compare. None may be left out: it could be the one that tells.
    """
    every = itertools.chain(found, _texts([answer.value for answer in answers.values()]))
    texts = frozenset(itertools.islice(dict.fromkeys(text for text in every if len(text) <= MAX_CLAIM), MAX_CLAIMS + 1))
    if len(texts) > MAX_CLAIMS:
        raise Refused(
            f"It names more than {MAX_CLAIMS:,} repositories, tags and labels, which no work for a lab does. {AGAIN}"
        )
    return texts


def _texts(value: Any) -> Iterator[str]:
    """All texts in JSON data (bounded in depth by the reader)."""
    waiting = [value]
    while waiting:
        part = waiting.pop()
        if isinstance(part, str):
            yield part
        elif isinstance(part, dict):
            waiting += part.values()
        elif isinstance(part, list):
            waiting += part
