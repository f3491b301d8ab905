"""The parsers: what each is called, how it is run on bytes, what it may raise, and honest inputs to begin from."""

from __future__ import annotations

import gzip
import io
import itertools
import json
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from autograder.checks.api import Verdict
from autograder.collect import certificates, passwords, safe_yaml
from autograder.domain import access, access_policy, access_requests, references, tags
from autograder.domain.advisories import gate, sbom
from autograder.domain.github_actions import javascript
from autograder.domain.github_actions.conditions import holds
from autograder.domain.github_actions.contexts import Gap, interpolate
from autograder.domain.github_actions.errors import NotKnownHere, WorkflowError
from autograder.domain.github_actions.run import Run
from autograder.domain.regex import compile_re2, compile_regex
from autograder.domain.retention import (
    acr,
    acr_policy,
    acr_purge,
    artifact_registry,
    boundaries,
    boundaries_acr,
    ecr,
    ecr_validate,
    gar_validate,
)
from autograder.domain.retention.acr_command import parse_purge
from autograder.domain.retention.model import Image, InvalidPolicy
from autograder.domain.services import EMULATORS
from autograder.errors import CourseError
from autograder.evidence import emulator_state, layout
from autograder.evidence.model import Case
from autograder.evidence.submission_zip import HEADER_FILE, moment
from autograder.grading import discover, intake, lateness, lms, people, spreadsheet, strictjson
from autograder.grading.archive import Archive
from autograder.grading.people import Course
from autograder.grading.problems import Refused
from autograder.grading.sanitize import clean_markdown, clean_notebook
from autograder.labs import manifest, students, tasks
from autograder.labs.overlay import Overlay
from autograder.oci import layers, manifests
from autograder.pipelines import commands, github, gitlab
from autograder.pipelines.job_state import Unsupported
from autograder.pipelines.machine import Machine, RunState
from autograder.quality import samples
from autograder.scanning import inventory
from autograder.services.compose import settings

NOW = datetime(2026, 12, 1, tzinfo=UTC)
MAX_SEED = 200_000  # bytes of an honest input: mutations of longer ones are too few a second


@dataclass(frozen=True)
class Target:
    """A parser.

    Attributes:
        name: short, unique.
        parse: what is run on an input.
        allowed: what it may raise: its own typed errors, which say in words what is wrong.
        corpus: gives honest inputs.
        seconds: of processor time that one input may take on a quiet machine.
    """

    name: str
    parse: Callable[[bytes], object]
    allowed: tuple[type[BaseException], ...]
    corpus: Callable[[], Iterable[bytes]]
    seconds: float = 3.0


def text(data: bytes) -> str:
    """An input as text, where the reader gets text that was decoded before."""
    return data.decode("utf-8", "replace")


# -- honest inputs ---------------------------------------------------------------------------------------------------


@cache
def _zips() -> tuple[bytes, ...]:
    """The smallest submissions of the sample class, at most two of a lab."""
    found = []
    for slug in manifest.slugs():
        files = sorted(samples.folder(manifest.find(slug)).glob("*.zip"), key=lambda file: file.stat().st_size)
        found += [file.read_bytes() for file in files[-2:] if file.stat().st_size < MAX_SEED]
    return tuple(found)


def members(*endings: str, most: int = 12) -> Callable[[], Iterator[bytes]]:
    """Files of sample submissions whose names end so."""

    def given() -> Iterator[bytes]:
        left = most
        for slug in manifest.slugs():
            for file in sorted(samples.folder(manifest.find(slug)).glob("*.zip")):
                with zipfile.ZipFile(file) as archive:
                    for entry in archive.infolist():
                        if entry.filename.endswith(endings) and entry.file_size < MAX_SEED and left:
                            left -= 1
                            yield archive.read(entry)

    return given


def lines(*given: str) -> Callable[[], Iterator[bytes]]:
    return lambda: (one.encode() for one in given)


def documents(*given: Any) -> Callable[[], Iterator[bytes]]:
    return lambda: (json.dumps(one).encode() for one in given)


# -- archives and whole submissions ----------------------------------------------------------------------------------


def _archive(data: bytes) -> object:
    with Archive(io.BytesIO(data)) as archive:
        return [len(archive.read(name, 1 << 20) or b"") for name in archive.names]


def _inbox(data: bytes) -> object:
    with tempfile.TemporaryDirectory(prefix="fuzz-") as place:
        box, scratch = Path(place) / "box", Path(place) / "scratch"
        box.mkdir()
        scratch.mkdir()
        (box / "all.zip").write_bytes(data)
        return [lms.read_name(found.parts) for found in discover.find([box], scratch)]


def _platform() -> Iterator[bytes]:
    for names in (
        ("Ada_1_assignsubmission_file/02-names-ada.zip", "Ben_2_assignsubmission_file/02-names-ben.zip"),
        ("ada_LATE_12_34_02-names-ada.zip", "ben_56_78_02-names-ben-1.zip"),
    ):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for name in names:
                archive.writestr(name, _zips()[0])
        yield buffer.getvalue()


@cache
def _given() -> dict[str, dict[str, Any]]:
    """The personal values of jun in the sample class."""
    return samples.handed_out()["jun"]


def _part(lab: str, name: str) -> Callable[[bytes], object]:
    """Reads a whole submission of jun's in which one file is the input, and looks at all that is made of it."""

    @cache
    def files() -> Mapping[str, bytes]:
        with zipfile.ZipFile(samples.folder(manifest.find(lab)) / f"{lab}-jun.zip") as archive:
            return {entry: archive.read(entry) for entry in archive.namelist()}

    @cache
    def course() -> Course:
        return Course(samples.COURSE, samples.KEY, None)

    def parse(data: bytes) -> object:
        content = {**files(), name: data}
        if name != HEADER_FILE:  # the file is as submission.json lists it, or it would count as missing
            samples.header(content)
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for entry, written in content.items():
                archive.writestr(entry, written)
        with Archive(buffer) as archive:
            submission = intake.read(archive, course())
        kept = json.dumps(submission.problems).encode(), clean_notebook(submission.notebook or {})
        for part in submission.lab.tasks.values():
            tasks.extract(submission.notebook or {}, next(iter(submission.lab.tasks)), part.function)
        given = _evidence(submission)
        from autograder.checks.api import run

        made = run(submission.lab.declared_checks(), given, submission.lab.points)
        broken = [
            one.found for one in made if one.status == "not_graded" and not one.review and "probe" not in one.found
        ]
        assert not any("went wrong" in one or "Error" in one for one in broken), broken
        return kept, [one.model_dump_json() for one in made], given.model_dump_json().encode()

    return parse


def _evidence(submission: intake.Submission) -> Any:
    from autograder.evidence.model import Evidence
    from autograder.labs import live

    lab = submission.lab
    return Evidence(
        kit_version="0",
        lab=lab.slug,
        lab_version=lab.version,
        student="jun",
        origin="submission",
        collected_at=submission.header.written_at,
        parameters=_given().get(lab.slug) or submission.parameters,
        services=submission.services,
        answers=submission.answers,
        answer_inputs=live.answer_inputs(lab, submission.parameters),
        files=submission.files,
        journal=submission.journal,
        engine=submission.engine,
        images=submission.images,
    )


def _member(lab: str, name: str) -> Callable[[], Iterator[bytes]]:
    def given() -> Iterator[bytes]:
        for file in sorted(samples.folder(manifest.find(lab)).glob("*.zip")):
            with zipfile.ZipFile(file) as archive:
                if name in archive.namelist():
                    yield archive.read(name)

    return given


def _parts() -> Iterator[Target]:
    parts = [
        ("02-names", "answers.json"),
        ("02-names", HEADER_FILE),
        ("02-names", "notebook.ipynb"),
        ("04-tagging", "answers.json"),
        ("06-ecr", "evidence/ecr.json"),
        ("06-ecr", "evidence/journal.json"),
        ("06-ecr", "answers.json"),
        ("07-google-azure", "evidence/acr.json"),
        ("07-google-azure", "evidence/artifact-registry.json"),
        ("07-google-azure", "answers.json"),
        ("08-lifecycle", "evidence/ecr.json"),
        ("08-lifecycle", "answers.json"),
        ("03-docker-hub", "evidence/dockerhub.json"),
        ("11-multi-arch", "evidence/registry.json"),
        ("12-multi-registry", "files/report.json"),
        ("12-multi-registry", "files/release.py"),
    ]
    for lab, name in parts:
        stem = name.rpartition("/")[2].partition(".")[0]
        yield Target(f"submission-{lab[:2]}-{stem}", _part(lab, name), (Refused,), _member(lab, name), 6.0)


# -- JSON, states, journals ------------------------------------------------------------------------------------------


def _state(service: str) -> Callable[[bytes], object]:
    def parse(data: bytes) -> object:
        found = strictjson.load(data, "x", 8 << 20)
        wrong = emulator_state.problem(service, found)
        return wrong or (emulator_state.names(service, found), emulator_state.images(service, found))

    return parse


def _states(service: str) -> Callable[[], Iterator[bytes]]:
    def given() -> Iterator[bytes]:
        for content in members(f"evidence/{service}.json")():
            yield json.dumps(json.loads(content)["settings"]).encode()

    return given


def _journal(data: bytes) -> object:
    return emulator_state.problem_of_lines(strictjson.load(data, "x", 4 << 20))


# -- images ----------------------------------------------------------------------------------------------------------


def _manifest(data: bytes) -> object:
    parsed = manifests.parse(data)
    digest = manifests.digest_of(data)
    files = {"oci-layout": layout.LAYOUT_FILE, layout.blob_name(digest): data}
    row = {"mediaType": parsed.media_type, "digest": digest, "size": len(data), "annotations": {layout.REF_NAME: "t"}}
    files["index.json"] = json.dumps({"schemaVersion": 2, "manifests": [row]}).encode()
    return _looked_at(layout.verify(layout.MemorySource(files), service="registry", name="a/b", layers="above-base"))


def _config(data: bytes) -> object:
    """A config as an image has it, with the image made right for it."""
    layer = b"x"
    row = {"mediaType": manifests.OCI_CONFIG, "digest": manifests.digest_of(data), "size": len(data)}
    own = {"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": manifests.digest_of(layer), "size": 1}
    document = {"schemaVersion": 2, "mediaType": manifests.OCI_MANIFEST, "config": row, "layers": [own]}
    content = json.dumps(document).encode()
    files = {layout.blob_name(manifests.digest_of(one)): one for one in (data, layer, content)}
    tag = {"mediaType": manifests.OCI_MANIFEST, "digest": manifests.digest_of(content), "size": len(content)}
    files |= {"oci-layout": layout.LAYOUT_FILE}
    files["index.json"] = json.dumps({"manifests": [tag | {"annotations": {layout.REF_NAME: "t"}}]}).encode()
    held = layout.verify(layout.MemorySource(files), service="registry", name="a/b", layers="all")
    layers.diff_ids(manifests.json_object(data))
    return _looked_at(held)


def _index(data: bytes) -> object:
    files = {"oci-layout": layout.LAYOUT_FILE, "index.json": data}
    return _looked_at(layout.verify(layout.MemorySource(files), service="registry", name="a/b", layers="all"))


def _looked_at(held: Any) -> object:
    found = []
    for tag in list(held.tags)[:50]:
        held.image(tag)
        found += held.images(held.tags[tag])
    for digest in list(held.manifests)[:50]:
        parsed = held.parsed(digest)
        if isinstance(parsed, manifests.ImageManifest):
            held.labels(parsed)
    return held.model_dump_json().encode(), len(found)


def _tar() -> Iterator[bytes]:
    for compress in (False, True):
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w") as archive:
            for name, content in (
                ("usr/lib/python3/dist-packages/x-1.dist-info/METADATA", b"Name: x\nVersion: 1\n\nwords"),
                ("var/lib/dpkg/status", b"Package: a\nStatus: install ok installed\nVersion: 1\n\n"),
                ("etc/os-release", b"ID=debian\nVERSION_ID=12\n"),
                ("a/.wh.b", b""),
                ("a/.wh..wh..opq", b""),
            ):
                entry = tarfile.TarInfo(name)
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))
            linked = tarfile.TarInfo("a/l")
            linked.type, linked.linkname = tarfile.SYMTYPE, "../etc/os-release"
            archive.addfile(linked)
        yield gzip.compress(out.getvalue(), mtime=0) if compress else out.getvalue()


def _layer(data: bytes) -> object:
    return layers.files(layers.unpack(data))


def _scanned_layer(data: bytes) -> object:
    content = inventory.unpack(data, "a layer")
    digest = manifests.digest_of(content)
    return inventory.take(inventory.merge([inventory.Layer(digest, digest, content)]))


# -- SBOMs, reports, accepted risks ----------------------------------------------------------------------------------

CYCLONEDX = {
    "bomFormat": "CycloneDX",
    "specVersion": "1.6",
    "version": 1,
    "components": [{"type": "library", "name": "x", "version": "1", "purl": "pkg:pypi/x@1?a=b#c", "components": []}],
}
MERGED = """x-all: &all {image: "registry:2", restart: always}
x-tls: &tls
  REGISTRY_HTTP_TLS_KEY: /certs/domain.key
services:
  registry:
    <<: *all
    environment: {<<: [*tls, {REGISTRY_AUTH: htpasswd}], REGISTRY_STORAGE_DELETE_ENABLED: True}
    ports: [{target: 5000, published: 5443, host_ip: 127.0.0.1, x-why: none}]
    volumes: [{type: volume, source: data, target: /var/lib/registry, read_only: no}, "./certs:/certs:ro,z"]
volumes:
  data: ~
"""
SPDX_3 = {
    "@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld",
    "@graph": [{"type": "software_Package", "name": "x", "software_packageUrl": "pkg:pypi/x@1"}],
}
SPDX = {
    "spdxVersion": "SPDX-2.3",
    "SPDXID": "SPDXRef-DOCUMENT",
    "packages": [
        {
            "name": "x",
            "versionInfo": "1",
            "externalRefs": [{"referenceType": "purl", "referenceLocator": "pkg:pypi/x@1"}],
        }
    ],
}
REPORT = {
    "SchemaVersion": 2,
    "ArtifactName": "x",
    "ArtifactType": "container_image",
    "Metadata": {"ImageID": "sha256:0"},
    "Results": [
        {
            "Target": "a",
            "Class": "lang-pkgs",
            "Type": "python-pkg",
            "Vulnerabilities": [
                {
                    "VulnerabilityID": "CVE-2026-1",
                    "PkgName": "x",
                    "InstalledVersion": "1",
                    "FixedVersion": "2",
                    "Severity": "HIGH",
                    "Status": "fixed",
                }
            ],
        }
    ],
}


def _report(data: bytes) -> object:
    return gate.findings(gate.report(text(data)))


# -- workflows and pipelines -----------------------------------------------------------------------------------------


def _workflow(data: bytes) -> object:
    document = safe_yaml.read(text(data))
    made = []
    for event, ref in (
        ("push", "refs/heads/main"),
        ("push", "refs/tags/v1.2.3"),
        ("pull_request", "refs/pull/3/merge"),
    ):
        run = Run(event, ref, "a" * 40, NOW, None, "main", "team/model")
        try:
            made.append(github.run(document, run).record)
        except Unsupported:
            continue
    return made, list(github.uses(document))


def _pipeline(data: bytes) -> object:
    document = safe_yaml.read(text(data))
    made = []
    for variables in ({"CI_COMMIT_BRANCH": "main", "CI_DEFAULT_BRANCH": "main"}, {"CI_COMMIT_TAG": "v1.2.3"}):
        try:
            made.append(gitlab.pipeline(document, variables).failed)
        except Unsupported:
            continue
    return made


CONTEXTS: Mapping[str, Any] = {
    "github": {"ref": "refs/heads/main", "event_name": "push", "sha": "a" * 40, "actor": "ada"},
    "env": {"A": "x" * 50},
    "steps": {"meta": {"outputs": {"tags": "a\nb"}}},
    "secrets": {"T": "x"},
}


def _expression(data: bytes) -> object:
    gaps: dict[str, Gap] = {}
    return interpolate(text(data), CONTEXTS, gaps), gaps


def _condition(data: bytes) -> object:
    return holds(text(data), CONTEXTS)


def _script(data: bytes) -> object:
    variables = {"A": "x" * 30, "TAGS": "a:1 b:2", "CI_COMMIT_TAG": "v1.2.3"}
    m = Machine(
        RunState(), commands.programs(frozenset(commands.MODELS)), place="here", folder="/w", home="/root",
        no_engine=None, commit="c" * 40,
    )  # fmt: skip
    return m.run(text(data), variables, "/w", "-e").code


# -- policies and patterns -------------------------------------------------------------------------------------------


TERMS = boundaries.Terms(patterns=("dev-*", "v1.*"), days=(7, 30), counts=((3, ("v1.*",)),))


@cache
def _images() -> tuple[Image, ...]:
    return tuple(
        Image(
            digest=f"sha256:{n:064d}",
            tags=(f"v1.{n}", f"dev-{n}")[: n % 3],
            pushed=NOW - timedelta(days=n),
            repository="a/b",
            children=(f"sha256:{n + 1:064d}",) if n % 7 == 0 else (),
        )
        for n in range(40)
    )


def _ecr(data: bytes) -> object:
    rules = ecr_validate.parse(text(data))
    return ecr.evaluate(rules, _images(), NOW), boundaries.cases(TERMS, boundaries.of_ecr(rules), indexes=True)


def _artifact_registry(data: bytes) -> object:
    policy = gar_validate.parse(text(data))
    tried = boundaries.cases(TERMS, boundaries.of_gar(policy), behind=2, package="a/b")
    return artifact_registry.evaluate(policy, _images(), NOW), tried


def _acr(data: bytes) -> object:
    return acr.evaluate(acr_policy.parse(text(data)), _images(), NOW)


def _purge(data: bytes) -> object:
    purge = parse_purge(text(data))
    rule = parse_purge("acr purge --filter 'a/b:^dev-[0-9]+$' --ago 7d")
    return acr_purge.evaluate(purge, _images(), NOW), boundaries_acr.cases(rule, purge)


def _policy(data: bytes) -> object:
    resource = "arn:aws:ecr:eu-west-1:123456789012:repository/x"
    who = "arn:aws:iam::123456789012:user/a"
    statements = [statement for _, statement in access.read_policy(text(data))]
    asking, contexts = access_requests.principals(statements)[0], access_requests.contexts(statements)[0]
    grants = access.Grants(text(data), resource, access_requests.actions(statements))
    assert all(grants.allowed(arn, context) is not None for arn in asking for context in contexts)
    return [access.allowed(text(data), who, f"ecr:{action}", resource) for action in ("BatchGetImage", "PutImage")]


def _regex(compiled: Callable[[str], Any]) -> Callable[[bytes], object]:
    def parse(data: bytes) -> object:
        pattern, _, subject = text(data).partition("\n")
        regex = compiled(pattern[:1_000])
        return regex.search(subject[:2_000] or "aaaaaaaaaaaaaaaaaaaaaaaaaaab"), regex.search("v1.2.3")

    return parse


def _javascript(data: bytes) -> object:
    pattern, _, subject = text(data).partition("\n")
    return javascript.match(pattern[:1_000], "i", subject[:2_000] or "aaaaaaaaaaaaaaaaaaaaaaaaaaab")


POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Sid": "a",
            "Effect": "Allow",
            "Principal": {"AWS": "arn:aws:iam::123456789012:root"},
            "Action": ["ecr:Batch*", "ecr:PutImage"],
            "Condition": {"StringLike": {"aws:PrincipalArn": "arn:aws:iam::*:user/a*"}},
        }
    ],
}
LIFECYCLE = {
    "rules": [
        {
            "rulePriority": 1,
            "selection": {
                "tagStatus": "tagged",
                "tagPatternList": ["v*", "*-b"],
                "countType": "imageCountMoreThan",
                "countNumber": 3,
            },
            "action": {"type": "expire"},
        },
        {
            "rulePriority": 2,
            "selection": {
                "tagStatus": "untagged",
                "countType": "sinceImagePushed",
                "countUnit": "days",
                "countNumber": 14,
            },
            "action": {"type": "expire"},
        },
    ]
}
CLEANUP = [
    {"name": "a", "action": {"type": "Delete"}, "condition": {"tagState": "untagged", "olderThan": "30d"}},
    {"name": "b", "action": {"type": "Keep"}, "mostRecentVersions": {"packageNamePrefixes": ["a"], "keepCount": 5}},
]
REGEXES = (
    "^v[0-9]+$\nv1",
    "(a|b)*c{2,5}?\nabc",
    "[^a-z\\d]+|x\nX",
    "(?i)dev-.*\nDEV-1",
    "^(?!keep).*\nx",
    "\\p{L}+\\b\né",
)

# -- references, files of labs, pages, lists -------------------------------------------------------------------------


def _reference(data: bytes) -> object:
    found = references.parse(text(data))
    assert references.parse(found.canonical()) == found, "its full name is another"
    return found.familiar()


def _tag_rules(data: bytes) -> object:
    words = (text(data).split("\n") + [""] * 3)[:3]
    return tags.branch_slug(words[1]), tags.parse_version(words[0])


def _password_file(data: bytes) -> object:
    return passwords.read(text(data), "ada", "secret")


def _certificate(data: bytes) -> object:
    facts = certificates.certificate(text(data))
    key = certificates.key(text(data), text(data))
    return facts, key, None if "error" in facts else certificates.alone(text(data))


def _notebook(data: bytes) -> object:
    document = strictjson.load(data, "x", 20 << 20)
    if not isinstance(document, dict) or not isinstance(document.get("cells"), list):
        return None
    cleaned = clean_notebook(document)
    assert clean_notebook(cleaned) == cleaned, "cleaning twice is not cleaning once"
    return tasks.extract(document, "parse_reference", "parse_reference"), json.dumps(cleaned).encode()


def _markdown(data: bytes) -> object:
    cleaned = clean_markdown(text(data))
    assert clean_markdown(cleaned) == cleaned, "cleaning twice is not cleaning once"
    return cleaned


def _page(data: bytes) -> object:
    """A verdict's words on the feedback page and in a cell of an export."""
    from autograder.grading import feedback

    words = strictjson.printable(text(data))
    verdict = Verdict(
        check="a",
        title=words,
        status="failed",
        points=0,
        max_points=1,
        trust="proved",
        expected=words,
        found=words,
        next_step=words,
    )
    graded = {"grade": True, "grade_id": "a", "points": 1.0, "score": 0.0, "comment": words, "solution": False}
    cell = {"cell_type": "code", "metadata": {"nbgrader": graded}, "source": words, "outputs": []}
    page = feedback.render(
        feedback.ShownAs(student=words, lab=words),
        _document(verdict, words),
        [cell],
        score=0,
        max_score=1,
        timing=[words],
    )
    assert "<script>alert" not in page.lower(), "words run"
    shown = spreadsheet.cell(text(data))
    assert not spreadsheet.is_formula(shown), "a formula in an export"
    return page


def _document(verdict: Verdict, words: str) -> Any:
    from autograder.grading.identity import Identity
    from autograder.grading.verdict_file import VerdictFile

    return VerdictFile.model_construct(
        student="x",
        lab="x",
        verdicts=(verdict,),
        problems=(words,),
        notes=(words,),
        identity=Identity(message=words),
        claimed=0.0,
        score=0.0,
        max_score=1.0,
        status="graded",
        written_at=words,
        source=words,
        manual=(),
        retries=0,
        checks={},
        graded_at=words,
        lab_version=1,
        kit_version="0",
    )


def _with_file(name: str, read: Callable[[Path], object]) -> Callable[[bytes], object]:
    def parse(data: bytes) -> object:
        with tempfile.TemporaryDirectory(prefix="fuzz-") as place:
            file = Path(place) / name
            file.write_bytes(data)
            return read(file)

    return parse


def _student() -> Iterator[bytes]:
    with tempfile.TemporaryDirectory(prefix="fuzz-") as place:
        file = Path(place) / "student.toml"
        students.write(students.issue(samples.KEY, samples.COURSE, "ada", ["02-names", "06-ecr"]), file)
        yield file.read_bytes()


def _roster(data: bytes) -> object:
    return people.parse_roster(data, "roster.csv")


def _deadlines(data: bytes) -> object:
    return lateness.parse(data, Overlay())


def _time(data: bytes) -> object:
    found = moment(text(data))
    return found < NOW, found.astimezone(UTC)


def _name(data: bytes) -> object:
    parts = tuple(text(data).split("/"))
    name = lms.read_name(parts, "02-names-ada")
    return name, lms.plain(parts[-1]), lms.lab_of(parts, manifest.slugs())


def _task(data: bytes) -> object:
    """A cell's source, and what its run gives back."""
    source = text(data)
    document = {"cells": [{"cell_type": "code", "metadata": {"tags": ["task:t"]}, "source": source}]}
    found = tasks.extract(document, "t", "double")
    return found, tasks.without_run(found, "double")


def _returned(data: bytes) -> object:
    """What the sandbox sends back, which a cell may have written itself."""
    try:
        answer = json.loads(data)
    except (ValueError, RecursionError):
        return None
    cases = [Case(kind="a", args=(1,), expected=2), Case(kind="b", args=(2,), expected=4, hidden=True)]
    run = tasks.collect(tasks.Extracted("found", "x"), "double", cases, answer)
    return run.model_dump_json().encode()


def _canvas() -> Iterator[bytes]:
    yield b"received_at,file\n2026-11-20T23:59+01:00,02-names-ada.zip\n"
    yield b"received_at;student;lab\n2026-11-20T23:59Z;ada;02-names\n"
    row = {
        "user_id": 1,
        "attempt": 2,
        "submitted_at": "2026-11-20T23:59:00Z",
        "late": False,
        "user": {"login_id": "ada"},
        "attachments": [{"id": 3, "filename": "02-names-ada.zip", "display_name": "x.zip"}],
    }
    yield json.dumps([row, row]).encode()


POLICY_ERRORS = (InvalidPolicy, access_policy.InvalidPolicy)


def every() -> list[Target]:
    """All targets, from zip to page."""
    return [
        Target("archive", _archive, (Refused,), _zips, 6.0),
        Target("inbox", _inbox, (CourseError,), _platform, 6.0),
        Target("header", intake.parsed_header, (Refused,), members(HEADER_FILE)),
        Target("strict-json", lambda data: strictjson.load(data, "x", 8 << 20), (Refused,), members("answers.json")),
        *(Target(f"state-{one}", _state(one), (Refused,), _states(one)) for one in EMULATORS),
        Target("journal", _journal, (Refused,), members("journal.json")),
        *_parts(),
        Target(
            "manifest",
            _manifest,
            (manifests.ManifestError,),
            documents(
                {
                    "schemaVersion": 2,
                    "mediaType": manifests.OCI_MANIFEST,
                    "config": {"mediaType": manifests.OCI_CONFIG, "digest": "sha256:" + "0" * 64, "size": 2},
                    "layers": [{"mediaType": "x", "digest": "sha256:" + "1" * 64, "size": 1}],
                    "subject": {"mediaType": "x", "digest": "sha256:" + "2" * 64, "size": 1},
                    "annotations": {"a": "b"},
                },
                {
                    "schemaVersion": 2,
                    "mediaType": manifests.OCI_INDEX,
                    "manifests": [
                        {
                            "mediaType": manifests.OCI_MANIFEST,
                            "digest": "sha256:" + "0" * 64,
                            "size": 2,
                            "platform": {"os": "linux", "architecture": "amd64"},
                        }
                    ],
                },
            ),
        ),
        Target(
            "config",
            _config,
            (),
            documents(
                {
                    "architecture": "amd64",
                    "os": "linux",
                    "created": "2026-01-01T00:00:00Z",
                    "config": {"Labels": {"a": "b"}, "Env": ["A=b"]},
                    "rootfs": {"type": "layers", "diff_ids": ["sha256:" + "0" * 64]},
                    "history": [{"created": "2026-01-01T00:00:00Z", "created_by": "x", "empty_layer": True}],
                }
            ),
        ),
        Target("index.json", _index, (), members("index.json")),
        Target("layer", _layer, (layers.LayerError,), _tar),
        Target("scanned-layer", _scanned_layer, (inventory.ImageProblem,), _tar),
        Target("sbom", lambda data: sbom.read(text(data)), (sbom.SbomError,), documents(CYCLONEDX, SPDX, SPDX_3)),
        Target("scan-report", _report, (gate.GateInput,), documents(REPORT)),
        Target("accepted-risks", lambda data: gate.ignores(text(data)), (gate.GateInput,), members("accepted.txt")),
        Target("workflow", _workflow, (safe_yaml.Refused, Unsupported), members("github-build.yml"), 6.0),
        Target("gitlab", _pipeline, (safe_yaml.Refused, Unsupported), members("gitlab-ci.yml"), 6.0),
        Target(
            "expression",
            _expression,
            (WorkflowError, NotKnownHere),
            lines(
                "a ${{ github.ref }} b",
                "${{ format('{0}-{1}', github.sha, env.A) }}",
                "${{ fromJSON('[1, 2]')[0] == 1.5 }}",
                "${{ join(fromJSON('[\"a\"]'), ', ') && !contains(env.A, 'x') || '' }}",
                "${{ toJSON(github) }}",
            ),
        ),
        Target(
            "condition",
            _condition,
            (WorkflowError, NotKnownHere),
            lines(
                "github.event_name != 'pull_request'", "always() && startsWith(github.ref, 'refs/tags/')", "success()"
            ),
        ),
        Target(
            "shell",
            _script,
            (Unsupported,),
            lines(
                'docker build -t "$A" . && docker push a:1',
                "for t in $TAGS; do docker tag x $t; done",
                "A=${CI_COMMIT_TAG#v}\necho $A",
                'if [ -n "$A" ]; then\n  echo a | tee b\nfi',
                "cat <<EOF\n$A\nEOF\n",
                "echo ${A%%x*} $(date) `id` 'x' $((1+1)) > f 2>&1",
            ),
        ),
        Target(
            "compose",
            lambda data: settings.read(text(data)),
            (CourseError,),
            lambda: itertools.chain(members("compose.yaml")(), lines(MERGED)()),
        ),
        Target("ecr-lifecycle", _ecr, POLICY_ERRORS, documents(LIFECYCLE)),
        Target("artifact-registry-cleanup", _artifact_registry, POLICY_ERRORS, documents(CLEANUP)),
        Target(
            "acr-policy",
            _acr,
            POLICY_ERRORS,
            documents(
                {"purge": "acr purge --filter 'a:.*' --ago 7d"}, {"retentionPolicy": {"days": 7, "status": "enabled"}}
            ),
        ),
        Target(
            "acr-purge",
            _purge,
            POLICY_ERRORS,
            lines(
                "acr purge --filter 'a/b:^v[0-9.]+$' --ago 7d --untagged --keep 3",
                'acr purge --filter "a.*:.*" --ago 1d2h --dry-run',
            ),
        ),
        Target("repository-policy", _policy, POLICY_ERRORS, documents(POLICY)),
        Target("regex", _regex(compile_regex), (ValueError,), lines(*REGEXES)),
        Target("re2", _regex(compile_re2), (ValueError,), lines(*REGEXES)),
        Target("javascript-regex", _javascript, (WorkflowError, NotKnownHere), lines(*REGEXES)),
        Target(
            "reference",
            _reference,
            (references.InvalidReference,),
            lines(
                "ghcr.io/a/b:1.2", "localhost:5000/x@sha256:" + "0" * 64, "ubuntu", "a__b/c-d.e:t_1", "[::1]:5000/x:1"
            ),
        ),
        Target(
            "versions-and-branches",
            _tag_rules,
            (tags.TagError,),
            lines("1.2.3-rc.1+b\nfeature/Ünder", "2026.12.0\nmain"),
        ),
        Target("htpasswd", _password_file, (), members("htpasswd")),
        Target("certificate", _certificate, (), members("domain.crt")),
        Target("notebook", _notebook, (Refused,), members("notebook.ipynb", most=4), 6.0),
        Target(
            "markdown",
            _markdown,
            (),
            lines(
                '# a\n\n- b\n  - [c](https://x.org "t") `d` ![e](f.png)\n\n> g\n\n| a | b |\n|---|---|\n| 1 | 2 |\n',
                "<b onclick=x>a</b> <img src=x onerror=y> &lt; $x^2$ \\(y\\)",
                "[a]: http://b\n[a] ``c`` ***d*** ~~e~~\n\n```py\nf\n```",
            ),
        ),
        Target(
            "page",
            _page,
            (),
            lines("a <b>c</b>", "=1+1", "<script>alert(1)</script>", "\x1b[2J\u202e", "{{ 1 }} {% x %}"),
        ),
        Target("student.toml", _with_file("student.toml", students.read), (CourseError,), _student),
        Target(
            "received-list",
            _with_file("list.csv", lambda file: list(lms.read_list(file, None))),
            (CourseError,),
            _canvas,
        ),
        Target("roster", _roster, (CourseError,), lines("id,name,email\nada,Ada,ada@example.org\n", "id\nada\nben\n")),
        Target("deadlines", _deadlines, (CourseError,), lines("lab,due\n02-names,2026-11-20T23:59+01:00\n")),
        Target("written-at", _time, (), lines("2026-11-26T12:00:00+00:00", "2026-11-26T12:00:00Z", "2026-11-26")),
        Target(
            "file-name",
            _name,
            (),
            lines("Ada Lovelace_12_assignsubmission_file_/02-names-ada.zip", "ada_LATE_1_2_02-names-ada-1.zip"),
        ),
        Target(
            "task-source",
            _task,
            (),
            lines(
                "def double(n):\n    return 2 * n\n", "import re\n%time x\n!ls\nclass A:\n    double = lambda n: n\n"
            ),
        ),
        Target(
            "task-answer",
            _returned,
            (),
            documents(
                {"results": [{"status": "returned", "value": 2}, {"status": "raised", "message": "x"}], "notes": []},
                {"broken": "x"},
            ),
        ),
    ]


def find(name: str) -> Target:
    """A target by its name.

    Raises:
        CourseError: there is none.
    """
    for target in every():
        if target.name == name:
            return target
    raise CourseError(
        expected="the name of a parser",
        found=name,
        next_step=f"Choose one of {', '.join(target.name for target in every())}.",
    )
