"""The student's folder: labs copied to work/, brought back by reset, never overwritten without a copy."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from autograder import paths
from autograder.domain import limits
from autograder.errors import CourseError, EnvironmentProblem
from autograder.evidence import bounded_json
from autograder.evidence.bounded_json import Unfit
from autograder.evidence.submission_zip import MAX_NOTEBOOK
from autograder.formats import Format, Unreadable
from autograder.labs import answers, manifest, students
from autograder.labs.manifest import Lab
from autograder.labs.students import Student
from autograder.scanning import wheels
from autograder.services.compose import project as compose
from autograder.services.doctor import Problem

VERSION = "lab_version"  # in a notebook's metadata, of a lab that has more than one version
SHIPPED = ".shipped.json"  # in work/: path -> SHA-256 of each file as it was copied
COPIES = "copies"  # in work/: what reset and updates replaced
CACHES = {"__pycache__", ".ipynb_checkpoints", ".mypy_cache", ".ruff_cache", ".pytest_cache"}
KEPT_BY_KIT = ("lab.toml", "cases.json")  # read from the kit itself, so a student's folder holds no copy


def folder(lab: Lab) -> Path:
    """Where a student works on a lab."""
    return paths.work() / lab.slug


def starter_files(lab: Lab, failed: dict[Path, EnvironmentProblem] | None = None) -> dict[str, Path]:
    """Path inside the student's folder -> file of the kit, for everything a student gets.

    Args:
        lab: the lab.
        failed: starter folders that could not be made, with the reason: they are not tried again, and those that fail
            now are added. Without a network pip takes half a minute to give up.

    Raises:
        EnvironmentProblem: a starter folder cannot be made.
    """
    known = {} if failed is None else failed
    found: dict[str, Path] = {}
    for file in _files(lab.folder):
        name = file.relative_to(lab.folder).as_posix()
        if name not in KEPT_BY_KIT:
            found[name] = file
    for part in lab.starter:
        place = _starter(lab, part.source)
        if place in known:
            raise known[place]
        try:
            source = _made(place)
        except EnvironmentProblem as problem:
            known[place] = problem
            raise
        for file in _files(source):
            found[f"{part.to}/{file.relative_to(source).as_posix()}"] = file
    return found


def _starter(lab: Lab, source: str) -> Path:
    """A starter folder: beside the lab's own folders, or one that comes with the kit."""
    own = lab.source.root / source
    return own if own.is_dir() else paths.ROOT / source


def _files(source: Path) -> Iterator[Path]:
    for file in sorted(source.rglob("*")):
        if file.is_file() and not CACHES & set(file.relative_to(source).parts):
            yield file


def problems() -> list[Problem]:
    """What is wrong with work/ as far as no lab can go on; nothing before the first start."""
    found = []
    if (paths.work() / "student.toml").exists():
        try:
            students.current()
        except CourseError as error:
            found.append(Problem("student-file", f"work/student.toml: {error.found}", error.next_step.rstrip(".")))
    for slug in manifest.slugs():
        where = folder(manifest.find(slug))
        try:
            if where.is_dir():
                notebook(slug, where)
        except CourseError as error:
            found.append(Problem("notebook", f"work/{slug}/{slug}.ipynb: {error.found}", error.next_step.rstrip(".")))
    return found


def notebook(slug: str, where: Path) -> dict[str, Any]:
    """The notebook of a lab in the folder ``where``, as it is on disk.

    Raises:
        CourseError: not there, damaged, or more than the grader reads.
    """
    next_step = f"Bring it back with `python3 course.py reset {slug}`; your old folder is kept."
    try:
        content = (where / f"{slug}.ipynb").read_bytes()
        loaded = bounded_json.load(content, MAX_NOTEBOOK, limits.NOTEBOOK_PARTS)
        if isinstance(loaded, dict) and isinstance(loaded.get("cells"), list):
            return loaded
        found = "not a notebook"
    except FileNotFoundError:
        found = "no such file"
    except Unfit as problem:
        found = f"it {problem}"
        if not problem.is_damaged:
            next_step = "Clear the outputs (Kernel, Restart Kernel and Clear Outputs), save, then try again."
    except OSError as error:
        found = str(error)
    raise CourseError(
        expected=f"your notebook {slug}.ipynb in work/{slug}/",
        found=found,
        next_step=next_step,
    )


def worked_on(lab: Lab, where: Path, student: Student) -> Lab:
    """A lab in the version that a student works on: that of the notebook, or what was handed out, if that is newer.

    After an update of the kit a notebook that the student has changed stays as it is; so do the checks that belong to
    it and their points, until ``course reset`` brings the new notebook.

    Raises:
        CourseError: the lab has several versions, and the notebook is not there or damaged.
    """
    if lab.newest == 1:
        return lab
    told = notebook(lab.slug, where).get("metadata", {}).get(VERSION, 1)
    version = max(told if isinstance(told, int) else 1, student.versions.get(lab.slug, 1), 1)
    return lab.at(min(version, lab.newest))


def _made(source: Path) -> Path:
    """A starter folder, with the files that a script of its own makes (the model's weights) in place.

    The folder is built in the installation's state, so the checkout stays clean.

    Raises:
        EnvironmentProblem: the script failed, or the wheels of the scanning variant cannot be had.
    """
    if source == wheels.CONTEXT:
        return wheels.starter(_made(source.with_name("ml-model")))
    script = source / "train.py"
    if not script.is_file():
        return source
    sources = [file for file in _files(source) if "weights" not in file.relative_to(source).parts[:-1]]
    stamp = hashlib.sha256(b"".join(_sha(file).encode() for file in sources)).hexdigest()[:16]
    built = paths.state() / "built" / f"{source.name}-{stamp}"
    if (built / ".complete").is_file():
        return built / "content"
    shutil.rmtree(built, ignore_errors=True)
    content = built / "content"
    for file in sources:
        target = content / file.relative_to(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)
    done = subprocess.run(
        [sys.executable, "train.py"], cwd=content, capture_output=True, text=True, encoding="utf-8", check=False
    )
    if done.returncode:
        raise EnvironmentProblem(
            expected=f"{source.name}/train.py makes the model's weights",
            found=(done.stderr or done.stdout).strip()[-300:],
            next_step="Report this; the script needs nothing but Python.",
        )
    (built / ".complete").touch()
    return content


def _sha(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


SHIPPED_FILES: Format[dict[str, str]] = Format("what was copied to work/", f"work/{SHIPPED}", dict[str, str])


def _shipped() -> dict[str, str]:
    """Path -> SHA-256 (hex) of each file as it was copied; empty where the file cannot be understood."""
    try:
        return SHIPPED_FILES.from_json((paths.work() / SHIPPED).read_bytes())
    except (OSError, Unreadable):
        return {}


def prepare() -> list[str]:
    """Make work/ ready: student.toml, and a folder for each lab.

    A file that is not there is copied once; one that the student deleted stays away. A file that a newer kit changed is
    replaced only when the student never touched it; otherwise the student's file stays.

    Returns:
        Sentences about files that were kept or updated, for the person at the keyboard.
    """
    students.ensure()
    shipped, said = _shipped(), []
    failed: dict[Path, EnvironmentProblem] = {}
    for slug in manifest.slugs():
        lab = manifest.find(slug)
        new_folder = not folder(lab).exists()
        try:
            files = starter_files(lab, failed)
        except EnvironmentProblem as problem:  # one lab's files must not keep the others from starting
            said.append(f"{slug} is not ready: {problem.found}. {problem.next_step}")
            continue
        for name, source in files.items():
            key, target, new = f"{slug}/{name}", folder(lab) / name, _sha(source)
            old = shipped.get(key)
            if not target.exists():
                if old is None or new_folder:
                    _copy(source, target)
                    shipped[key] = new
            elif old != new:
                mine = _sha(target)
                if mine == new:
                    shipped[key] = new
                elif mine == old:
                    _copy(source, target)
                    shipped[key] = new
                    said.append(f"{key}: updated to this kit's version.")
                else:
                    said.append(
                        f"{key}: you changed it, so it stays; `python3 course.py reset {slug}` brings the new one."
                    )
    answers.replace(paths.work() / SHIPPED, json.dumps(shipped, indent=0, sort_keys=True).encode())
    return said


def _copy(source: Path, target: Path) -> None:
    """Copy whole or not at all: a part of a file would pass for the student's own version of it ever after."""
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.part")
    shutil.copyfile(source, partial)
    partial.replace(target)


def reset(lab: Lab) -> Path | None:
    """Bring a lab back to its beginning. What was in the folder is moved to work/copies/.

    The folder itself stays where it is: a notebook's kernel that still runs works in it, and would write into the copy
    otherwise (on Windows it could not be moved at all). What was started from the folder with a compose file is
    removed, with its volumes.

    Returns:
        Where the copy is; None when there was no folder yet.
    """
    old, kept = folder(lab), None
    if old.exists():
        compose.clear(old)
        stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
        kept = paths.work() / COPIES / f"{lab.slug}-{stamp}"
        for n in range(2, 1000):
            if not kept.exists():
                break
            kept = kept.with_name(f"{lab.slug}-{stamp}-{n}")
        _move_content(old, kept)
    shipped = {key: sha for key, sha in _shipped().items() if not key.startswith(f"{lab.slug}/")}
    answers.replace(paths.work() / SHIPPED, json.dumps(shipped, indent=0, sort_keys=True).encode())
    prepare()
    return kept


def _move_content(old: Path, new: Path) -> None:
    """Move everything in a folder into a new one, or nothing.

    Raises:
        CourseError: something cannot be moved.
    """
    new.mkdir(parents=True)
    moved: list[Path] = []
    try:
        for part in list(old.iterdir()):
            part.rename(new / part.name)
            moved.append(part)
    except OSError as error:
        for part in moved:
            (new / part.name).rename(part)
        new.rmdir()
        raise CourseError(
            expected=f"what is in work/{old.name} can be moved to work/{COPIES}/",
            found=str(error),
            next_step="Close what has files of that folder open, then try again.",
        ) from None
