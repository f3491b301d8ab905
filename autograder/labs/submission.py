"""Write a submission: one zip with the notebook, the answers, the lab's files and the state of the services."""

from __future__ import annotations

import hashlib
import json
import shutil
import zipfile
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from autograder import __version__
from autograder.checks.api import Verdict, run
from autograder.collect import machine, registry
from autograder.domain import bases
from autograder.errors import CourseError
from autograder.evidence import submission_zip
from autograder.evidence.model import Evidence, Service
from autograder.evidence.submission_zip import Header, RepositoryEntry, ServiceFile
from autograder.labs import answers, kernel, release, signing
from autograder.labs.live import Live
from autograder.oci.manifests import IMAGE_CONFIGS, ImageManifest, digest_of
from autograder.services import scratch

MAX_SUBMISSION = 100_000_000  # bytes: what learning platforms take as one upload, with room to spare
LARGE = 10_000_000  # bytes from which on the reason for a submission's size is told
SMALL = 1_000_000  # bytes below which packing decides, and nobody need know more


@dataclass(frozen=True)
class Size:
    """How large a submission will be, before it is written.

    Attributes:
        total: bytes, roughly: what is small packs better than layers do, which are packed already.
        layers: bytes of it that are layers of images.
        with_base: whether layers of a base image are among them, since the kit does not know that base.
    """

    total: int
    layers: int
    with_base: bool

    def __str__(self) -> str:
        if self.total < SMALL:
            return "less than 1 MB"
        if self.total < LARGE:
            return megabytes(self.total)
        told = f"{megabytes(self.total)}, {megabytes(self.layers)} of which are layers of images"
        return f"{told}; the course does not know the base image, so that is in it too" if self.with_base else told


def megabytes(size: int) -> str:
    """A size in bytes, in words."""
    return f"{size / 1e6:.1f} MB" if size >= 100_000 else f"{size / 1e3:.0f} kB"


@dataclass(frozen=True)
class Written:
    """A submission on disk.

    Attributes:
        file: the zip.
        size: its size in bytes.
        verdicts: what the checks say now, on this machine (hidden cases are the grader's).
        missing: sentences about what is not there or not up to date; nothing is left out silently.
    """

    file: Path
    size: int
    verdicts: tuple[Verdict, ...]
    missing: tuple[str, ...]


def _quiet(_: str) -> None:
    """Report nothing."""


def _unread(_: Path) -> list[str]:
    """Say nothing of a zip."""
    return []


def write(
    live: Live,
    out: Path,
    report: Callable[[str], None] = _quiet,
    read_back: Callable[[Path], list[str]] = _unread,
    *,
    without_services: bool = False,
) -> Written:
    """Write ``NN-slug-STUDENT.zip`` into the folder ``out``.

    Args:
        live: the lab, its student, and the services.
        out: the folder; made when it is not there.
        report: called with one line about the size, before anything is written.
        read_back: reads the zip as the grader will, before it takes its name: gives sentences about what is not read.
        without_services: write it also where services do not answer, without what was pushed there.

    Raises:
        CourseError: the notebook is missing, damaged or too large, or the whole would be, or ``read_back`` raised it;
            or student.toml has no seed for the lab, with which the submission is signed.
        EnvironmentProblem: a service does not answer.
    """
    lab = live.lab
    seed = live.student.seed(lab.slug)
    live.notebook()  # a damaged notebook is an error here, not a surprise in grading
    notebook = (live.folder / f"{lab.slug}.ipynb").read_bytes()
    left_out: list[str] = []
    evidence = live.collect(left_out=left_out if without_services else None)
    verdicts = run(lab.declared_checks(), evidence, lab.points)
    missing = _missing(live, evidence, left_out)
    _check_size(size(live, evidence, len(notebook)), evidence, report)
    out.mkdir(parents=True, exist_ok=True)
    target = out / f"{lab.slug}-{live.student.student}.zip"
    with scratch.folder("submission-") as made:
        folder = made / "zip"
        folder.mkdir()
        header = _fill(folder, live, evidence, notebook, left_out)
        (folder / submission_zip.SIGNATURE_FILE).write_bytes(signing.sign(seed, header))
        partial = target.with_name(target.name + ".part")
        try:
            _zip(folder, partial)
            missing += read_back(partial)
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)
    return Written(target, target.stat().st_size, tuple(verdicts), tuple(missing))


def size(live: Live, evidence: Evidence, notebook: int) -> Size:
    """How large the submission will be: contents and layers as they are, the notebook (``notebook`` bytes) unpacked."""
    layers, with_base = 0, False
    for found in evidence.services.values():
        for held in found.repositories.values():
            seen: set[str] = set()
            for digest in held.manifests:
                image = held.parsed(digest)
                if not isinstance(image, ImageManifest):
                    continue
                own = [one for one in image.layers if one.digest in held.blobs and one.digest not in seen]
                seen |= {one.digest for one in own}
                layers += sum(one.size for one in own)
                if held.layers == "above-base" and image.config.media_type in IMAGE_CONFIGS:
                    with_base |= not bases.of_base(image, held.config(image), live.bases())
    rest = notebook + sum(file.size for file in evidence.files.values())
    return Size(rest + layers, layers, with_base)


def _check_size(size: Size, evidence: Evidence, report: Callable[[str], None]) -> None:
    """Say how large it becomes; refuse what no learning platform takes.

    Raises:
        CourseError: more than :data:`MAX_SUBMISSION`.
    """
    report(f"The submission will be {'' if size.total < SMALL else 'about '}{size}.")
    if size.total <= MAX_SUBMISSION:
        return
    tags = sorted(
        f"{held.name}:{tag}"
        for found in evidence.services.values()
        for held in found.repositories.values()
        if held.layers != "none"
        for tag in held.tags
    )
    raise CourseError(
        expected=f"a submission of at most {megabytes(MAX_SUBMISSION)}",
        found=f"about {size}, in {', '.join(tags[:6])}{' …' if len(tags) > 6 else ''}",
        next_step="Build on the small base that the lab names, and have it from the course: `python3 course.py images` "
        "shows which, `python3 course.py images --refresh` gets it. Delete tags that the lab does not ask for, or "
        "reset the lab and push its images again. Nothing was written.",
    )


def _missing(live: Live, evidence: Evidence, left_out: Collection[str]) -> list[str]:
    lab, said = live.lab, []
    if left_out:
        said.append(
            f"What you pushed to {', '.join(left_out)} is not in it, since these do not answer; it gives no points. "
            f"Next: python3 course.py start --services-only, then python3 course.py submit {lab.slug}."
        )
    if live.student.overlay.omits(lab.slug):
        said.append("Your class leaves this lab out; it gives no points.")
    for service in sorted({*lab.services} - {*left_out}):
        for name in lab.awaited(service, evidence.parameters):
            if evidence.repository(service, name) is None:
                said.append(f"Nothing is pushed to {name} ({service}).")
    for found in evidence.services.values():
        for held in found.repositories.values():
            said += [f"{held.name}: {fault.detail}." for fault in held.problems if fault.kind == "too-large"]
    for name, answer in lab.answers.items():
        if name not in evidence.answers:
            said.append(f"The answer {name} ({answer.asked}) is not recorded.")
        elif evidence.current_inputs(name) != evidence.answers[name].inputs:
            said.append(f"The answer {name} was recorded before the last push of what it is about.")
    for name, task in evidence.tasks.items():
        if task.status != "ran":
            said.append(f"The code task {name}: {task.message}")
    said += [f"The file {name} is not there." for name in lab.files if name not in evidence.files]
    said += [f"The written answer {id} is empty." for id in lab.by_hand if not _is_written(live.notebook(), id)]
    said += kernel.unsaved(live.folder, live.notebook())
    return said


def _is_written(notebook: dict[str, Any], id: str) -> bool:
    """Whether the cell of a written answer is there and holds more than what it came with."""
    for cell in notebook["cells"]:
        metadata = cell.get("metadata") if isinstance(cell, dict) else None
        graded = metadata.get("nbgrader") if isinstance(metadata, dict) else None
        if isinstance(graded, dict) and graded.get("grade_id") == id:
            source = cell.get("source")
            text = "".join(map(str, source)) if isinstance(source, list) else str(source or "")
            if text.strip() not in ("", release.TEXT_STUB):
                return True
    return False


def _fill(folder: Path, live: Live, evidence: Evidence, notebook: bytes, left_out: Collection[str]) -> bytes:
    """Put everything but the signature into the folder; returns the bytes of submission.json."""
    (folder / "notebook.ipynb").write_bytes(notebook)
    recorded = live.folder / answers.FILE
    (folder / answers.FILE).write_bytes(recorded.read_bytes() if recorded.is_file() else b"{}\n")
    for name in evidence.files:
        target = folder / "files" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(live.folder / name, target)
    for service, found in evidence.services.items():
        if service in left_out:  # no file: an empty one would say that there is nothing
            continue
        target = folder / submission_zip.service_file(service)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(_service_file(service, found).content())
        for name, repository in found.repositories.items():
            registry.export(live.client(service), repository, folder / submission_zip.snapshot_folder(service, name))
    if any(
        repository.base_layers for found in evidence.services.values() for repository in found.repositories.values()
    ):
        for config in live.base_configs():
            target = folder / bases.config_file(digest_of(config))
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(config)
    if evidence.journal:
        (folder / submission_zip.JOURNAL_FILE).write_text(json.dumps(list(evidence.journal)), encoding="utf-8")
    files = {
        file.relative_to(folder).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }
    engine, images = machine.describe()
    header = Header(
        lab=live.lab.slug,
        lab_version=live.lab.version,
        student=live.student.student,
        course=live.student.course,
        kit_version=__version__,
        written_at=datetime.now(UTC).isoformat(timespec="seconds"),
        engine=engine.model_dump() if engine else None,
        images=images,
        files=files,
        parameters=dict(evidence.parameters),
    )
    content = header.content()
    (folder / submission_zip.HEADER_FILE).write_bytes(content)
    return content


def _service_file(service: str, found: Service) -> ServiceFile:
    """What a service said of itself, as its file in the zip."""
    entries = {
        name: RepositoryEntry(layers=held.layers, folder=submission_zip.snapshot_folder(service, name))
        for name, held in found.repositories.items()
    }
    return ServiceFile(settings=found.settings, catalog=tuple(sorted(found.catalog)), repositories=entries)


def _zip(folder: Path, target: Path) -> None:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        names = sorted(file for file in folder.rglob("*") if file.is_file())
        for file in names:  # layers are compressed already
            kind = zipfile.ZIP_STORED if "blobs" in file.parts else zipfile.ZIP_DEFLATED
            archive.write(file, file.relative_to(folder).as_posix(), compress_type=kind)
