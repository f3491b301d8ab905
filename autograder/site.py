"""Builds the site: the lessons of the checkout, plus the pages that are made from labs, commands and front matter.

The configuration is the checkout's ``mkdocs.yml``; only its navigation and ``extra`` get more entries. A plain
``mkdocs build`` in the checkout works as well and leaves the made pages out.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import yaml

from autograder import __version__, paths
from autograder.content import lessons, markdown, pages, quizzes
from autograder.errors import CourseError, EnvironmentProblem

STAMP = ".course-site.json"  # in the built folder: what it was built from; also says that the folder is ours to empty
CONFIGURATION = "mkdocs.yml"
PLAIN_PART = "\nnav:\n"  # from this line on mkdocs.yml is plain YAML, and ours to extend
LESSONS_FOLDER = "lessons"
SELF_CHECK = "self-check.md"
BUILD_SECONDS = 900.0  # for what hangs: a build takes some ten, and longer on a machine that is busy
EPOCH = "1767225600"  # 2026-01-01: the date that a build carries, so that two builds are the same bytes
ZIP_FOLDER = "container-registries"  # the one folder in the copy for reading without a server
# Material's offline plugin loads a shim from a CDN unless one with this word in its name is there already.
SHIM = "assets/iframe-worker.js"


def build(out: Path | None = None, quiet: bool = True) -> Path:
    """Build the site, unless nothing that it is made from has changed since it was built there.

    Args:
        out: the folder to build into; ``site/`` below the home when None. Another folder must be new, empty or built
            by this function before, since what it holds is replaced.
        quiet: whether MkDocs keeps its progress to itself.

    Returns:
        The folder, ready to be served as it is.

    Raises:
        CourseError: ``out`` holds files that are not ours, or a lesson or lab is broken.
        EnvironmentProblem: MkDocs failed; its output is in the message.
        OSError: ``out`` cannot be made; that is told before anything is built.
    """
    target = (out or paths.home() / "site").resolve()
    _refuse_foreign(target, ours=out is None)
    stamp = {"inputs": fingerprint()}
    if _stamp(target) == stamp and (target / "index.html").is_file():
        return target
    target.mkdir(parents=True, exist_ok=True)
    staging = paths.home() / ".build"
    staging.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=staging, prefix="site-", ignore_cleanup_errors=True) as name:
        work = Path(name)
        stage(work)
        _mkdocs(work, quiet)
        (work / "site" / STAMP).write_text(json.dumps(stamp), encoding="utf-8", newline="\n")
        _replace(target, work / "site")
    return target


def pack(target: Path, quiet: bool = True) -> Path:
    """Write a zip of the site that opens from disk: unpack it and open ``index.html``; search works as well.

    Raises:
        CourseError: ``target`` is there and no zip, or a lesson or lab is broken.
        EnvironmentProblem: MkDocs failed; its output is in the message.
    """
    if target.exists() and not zipfile.is_zipfile(target):
        raise CourseError(
            expected="a new file, or a zip to be written anew",
            found=f"{target}, which is something else",
            next_step="Name another file; nothing was changed.",
        )
    staging = paths.home() / ".build"
    staging.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=staging, prefix="zip-", ignore_cleanup_errors=True) as name:
        work = Path(name)
        stage(work, offline=True)
        _mkdocs(work, quiet)
        made = work / "made.zip"
        with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
            for file in sorted(
                path for path in (work / "site").rglob("*") if path.is_file() and path.name != "404.html"
            ):
                inside = zipfile.ZipInfo(
                    f"{ZIP_FOLDER}/{file.relative_to(work / 'site').as_posix()}", (2026, 1, 1, 0, 0, 0)
                )
                inside.compress_type, inside.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
                archive.writestr(inside, file.read_bytes())
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(made, target)
    return target


def stage(folder: Path, offline: bool = False) -> Path:
    """Put everything that a builder needs into an empty folder: configuration, theme, lessons, made pages.

    Args:
        folder: an empty folder.
        offline: whether the site is to be opened from disk, without a server.

    Returns:
        The configuration. ``mkdocs build`` or ``zensical build``, run in ``folder``, builds it into ``folder/site``.

    Raises:
        CourseError: a lesson or a lab is broken.
    """
    shutil.copytree(paths.LESSONS, folder / LESSONS_FOLDER)
    shutil.copytree(paths.ROOT / "overrides", folder / "overrides")
    read = [lessons.load(path) for path in lessons.lesson_files()]
    labs = [pages.read_lab(lab) for lab in pages.lab_folders(paths.LABS)]
    asked = [(lesson, quizzes.parse(paths.LESSONS / f"{lesson.slug}.md")) for lesson in read]
    made = {
        "schedule.md": pages.schedule(read, labs),
        SELF_CHECK: pages.self_check(markdown.read(paths.LESSONS / SELF_CHECK), asked),
        "reference/commands.md": pages.commands(_help()),
    }
    if labs:
        made["labs/index.md"] = pages.labs_index(labs)
        made.update({lab.page: pages.lab_page(lab) for lab in labs})
    for name, text in made.items():
        page = folder / LESSONS_FOLDER / name
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(text, encoding="utf-8", newline="\n")
    for page in (folder / LESSONS_FOLDER).glob("*.md"):
        page.write_text(pages.unsearched(page.read_text(encoding="utf-8")), encoding="utf-8", newline="\n")
    configuration = folder / CONFIGURATION
    text = (paths.ROOT / CONFIGURATION).read_text(encoding="utf-8")
    configuration.write_text(extended(text, labs, offline), encoding="utf-8", newline="\n")
    return configuration


def extended(configuration: str, labs: list[pages.LabText], offline: bool = False) -> str:
    """``mkdocs.yml`` with the made pages in its navigation, and the labs in ``extra`` for the theme's links to them."""
    if offline:
        configuration = configuration.replace("\nplugins:\n", "\nplugins:\n  - offline\n")
    head, mark, tail = configuration.partition(PLAIN_PART)
    if not mark:
        raise CourseError(
            expected="mkdocs.yml to end with nav and extra",
            found="no nav",
            next_step="Put nav and extra at the end of mkdocs.yml.",
        )
    plain: dict[str, Any] = yaml.safe_load(mark + tail)
    start, *rest = plain["nav"]
    nav: list[Any] = [start, {"Schedule": "schedule.md"}]
    for entry in rest:
        for title, children in entry.items():
            if title == "Reference":
                if labs:
                    nav.append({"Labs": [{"All labs": "labs/index.md"}, *(lab.page for lab in labs)]})
                children = [*children, "reference/commands.md"]
            nav.append({title: children})
    plain["nav"] = nav
    plain["extra"]["labs"] = {
        lab.slug: {
            "title": lab.title,
            "minutes": lab.minutes,
            "points": f"{lab.points:g}",
            "url": _address(lab.page, offline),
        }
        for lab in labs
    }
    if offline:
        plain["extra"]["polyfills"] = [SHIM]
    return head + "\n" + yaml.safe_dump(plain, sort_keys=False, allow_unicode=True)


def _address(page: str, offline: bool) -> str:
    return page.removesuffix(".md") + (".html" if offline else "/")


def fingerprint() -> str:
    """SHA-256 over everything that the site is made from: texts, theme, labs, code that makes pages, versions."""
    total = hashlib.sha256()
    for name in ("mkdocs", "mkdocs-material", "pymdown-extensions"):
        total.update(f"{name} {_version(name)}\n".encode())
    total.update(f"course {__version__}\n".encode())
    for path in _inputs():
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        total.update(f"{path.relative_to(paths.ROOT).as_posix()} {content}\n".encode())
    return total.hexdigest()


def _inputs() -> Iterator[Path]:
    yield paths.ROOT / CONFIGURATION
    for folder in (paths.LESSONS, paths.ROOT / "overrides"):
        yield from sorted(path for path in folder.rglob("*") if path.is_file())
    yield from sorted([*paths.LABS.glob("*/lab.toml"), *paths.LABS.glob("*/*.ipynb")])
    package = paths.ROOT / "autograder"
    yield from sorted([*(package / "cli").glob("*.py"), *(package / "content").glob("*.py"), package / "site.py"])


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "none"


def _help() -> list[dict[str, Any]]:
    """What the commands say about themselves; asked in a process of its own, as the command line lies above us."""
    done = subprocess.run(
        [sys.executable, "-P", "-m", "autograder.cli.helptext"],
        cwd=paths.ROOT,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        timeout=BUILD_SECONDS,
    )
    if done.returncode != 0:
        raise EnvironmentProblem(
            expected="the commands to describe themselves",
            found=done.stderr.strip().rpartition("\n")[2] or f"exit status {done.returncode}",
            next_step="Run `python -m autograder.cli.helptext` in the course's folder to see the whole error.",
        )
    described: list[dict[str, Any]] = json.loads(done.stdout)
    return described


def _mkdocs(folder: Path, quiet: bool) -> None:
    # Never with --quiet: it silences warnings before --strict counts them, so that nothing would fail any more.
    command = [sys.executable, "-P", "-m", "mkdocs", "build", "--strict"]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1", "SOURCE_DATE_EPOCH": EPOCH, "PYTHONUTF8": "1"}
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE if quiet else None,
        stderr=subprocess.PIPE if quiet else None,
        text=True,
        encoding="utf-8",
        errors="replace",
        check=False,
        timeout=BUILD_SECONDS,
    )
    if done.returncode != 0:
        raise EnvironmentProblem(
            expected="MkDocs to build the site without a warning",
            found=(done.stderr or done.stdout or "see the lines above").strip(),
            next_step="Correct what it names; `python3 course.py site --verbose` shows everything that MkDocs says.",
        )


def _stamp(target: Path) -> Any:
    try:
        return json.loads((target / STAMP).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _refuse_foreign(target: Path, *, ours: bool) -> None:
    if ours or not target.exists() or (target / STAMP).is_file():
        return
    if not target.is_dir() or any(target.iterdir()):
        raise CourseError(
            expected="a folder that is new, empty, or holds a site built before",
            found=f"{target} with other files in it",
            next_step="Name another folder with --out; nothing was changed.",
        )


def _replace(target: Path, fresh: Path) -> None:
    """Make ``target`` equal to ``fresh`` file by file, so that it can be served all the while; the stamp goes last."""
    target.mkdir(parents=True, exist_ok=True)
    (target / STAMP).unlink(missing_ok=True)
    wanted = {path.relative_to(fresh) for path in fresh.rglob("*") if path.is_file()}
    for name in sorted(wanted, key=lambda name: (name == Path(STAMP), name)):
        source, place = fresh / name, target / name
        if place.is_dir():
            shutil.rmtree(place)
        if not place.is_file() or place.read_bytes() != source.read_bytes():
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, place)
    for path in sorted(target.rglob("*"), reverse=True):
        if path.is_file() and path.relative_to(target) not in wanted:
            path.unlink()
        elif path.is_dir() and not any(path.iterdir()):
            path.rmdir()
