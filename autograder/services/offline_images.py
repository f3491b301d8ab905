"""Base images under the official names, built from Debian's packages where Docker Hub cannot be reached.

``docker/offline/recipes.toml`` says what goes in. ``mmdebstrap`` makes the file tree as a tar stream; it is filtered,
completed and stamped here, and the engine imports it. Nothing is downloaded but packages that apt verifies.
"""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import subprocess
import tarfile
import tempfile
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import IO, TYPE_CHECKING

from autograder import paths
from autograder.errors import CourseError, EnvironmentProblem

if TYPE_CHECKING:
    from docker import DockerClient

OFFLINE = paths.DOCKER / "offline"
OFFLINE_LABEL = "org.course.standin"
RECIPE_LABEL = "org.course.recipe"

Report = Callable[[str], None]


@dataclass(frozen=True)
class Recipe:
    """What one image consists of; the keys of ``recipes.toml``."""

    tag: str
    suite: str
    mirror: str  # "": mmdebstrap's own choice, which adds the suite's updates and security updates
    epoch: int
    variant: str
    packages: tuple[str, ...]
    keep: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    directories: tuple[str, ...] = ()
    files: dict[str, str] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    changes: tuple[str, ...] = ()

    def wanted(self, path: str) -> bool:
        """Whether a path of the packages' file tree (no leading ``./``) goes into the image."""
        if self.keep and not any(fnmatchcase(path, pattern) for pattern in self.keep):
            return False
        return not any(fnmatchcase(path, pattern) for pattern in self.drop)

    def fingerprint(self) -> str:
        """SHA-256 (hex) over the recipe and the files that it adds."""
        seen = hashlib.sha256(repr(self).encode())
        for name in sorted(self.files.values()):
            seen.update((OFFLINE / name).read_bytes())
        return seen.hexdigest()


def recipes(file: Path = OFFLINE / "recipes.toml") -> dict[str, Recipe]:
    """All recipes, by the image's name."""
    data = tomllib.loads(file.read_text(encoding="utf-8"))
    found = {}
    for tag, entry in data["images"].items():
        found[tag] = Recipe(
            tag=tag,
            suite=data["suite"],
            mirror=data.get("mirror", ""),
            epoch=data["source_date_epoch"],
            variant=entry["variant"],
            packages=tuple(entry["packages"]),
            keep=tuple(entry.get("keep", ())),
            drop=tuple(entry.get("drop", ())),
            directories=tuple(entry.get("directories", ())),
            files=entry.get("files", {}),
            links=entry.get("links", {}),
            changes=tuple(entry.get("changes", ())),
        )
    return found


def _added(recipe: Recipe) -> Iterator[tuple[tarfile.TarInfo, bytes]]:
    """The folders, links and files of the recipe as tar entries, in a fixed order."""
    for name in recipe.directories:
        entry = tarfile.TarInfo(name)
        entry.type, entry.mode = tarfile.DIRTYPE, 0o1777 if name == "tmp" else 0o755
        yield entry, b""
    for name, target in sorted(recipe.links.items()):
        entry = tarfile.TarInfo(name)
        entry.type, entry.linkname, entry.mode = tarfile.SYMTYPE, target, 0o777
        yield entry, b""
    for name, source in sorted(recipe.files.items()):
        content = (OFFLINE / source).read_bytes().replace(b"\r\n", b"\n")
        entry = tarfile.TarInfo(name)
        entry.size, entry.mode = len(content), 0o755 if name.endswith(".sh") else 0o644
        yield entry, content


def compose(recipe: Recipe, packages: IO[bytes], image: IO[bytes]) -> None:
    """Write the image's only layer: the wanted part of the packages' tar stream, then what the recipe adds.

    Owner names are dropped and times later than the recipe's are set back, so that the bytes depend on the packages
    alone.

    Raises:
        CourseError: a hard link is wanted whose target is not (the recipe's patterns contradict each other).
    """
    taken: set[str] = set()
    with (
        tarfile.open(fileobj=packages, mode="r|") as source,
        tarfile.open(fileobj=image, mode="w|", format=tarfile.PAX_FORMAT) as target,
    ):
        for entry in source:
            name = entry.name.removeprefix("./").rstrip("/")
            if name in ("", ".") or name in recipe.links or name in recipe.files or not recipe.wanted(name):
                continue
            entry.name = name
            if entry.islnk():
                entry.linkname = entry.linkname.removeprefix("./")
                _check_target(recipe, entry, taken)
            entry.uname = entry.gname = ""
            entry.mtime = min(int(entry.mtime), recipe.epoch)
            entry.pax_headers = {}
            target.addfile(entry, source.extractfile(entry) if entry.isfile() else None)
            taken.add(name)
        for entry, content in _added(recipe):
            entry.mtime = recipe.epoch
            target.addfile(entry, io.BytesIO(content))


def _check_target(recipe: Recipe, entry: tarfile.TarInfo, taken: set[str]) -> None:
    if entry.linkname not in taken:
        raise CourseError(
            expected=f"the recipe of {recipe.tag} to keep the target of every hard link",
            found=f"{entry.name} is a hard link to {entry.linkname}, which the recipe leaves out",
            next_step="Correct keep/drop in docker/offline/recipes.toml.",
        )


def command(recipe: Recipe) -> list[str]:
    """The mmdebstrap call of a recipe; the tar goes to standard output."""
    call = ["mmdebstrap", "--quiet", "--format=tar", f"--variant={recipe.variant}"]
    call += [f"--include={','.join(recipe.packages)}"]
    for pattern in ("usr/share/man", "usr/share/locale", "usr/share/info"):  # never unpacked: saves time
        call.append(f"--dpkgopt=path-exclude=/{pattern}/*")
    hook = Path("/usr/share/mmdebstrap/hooks/maybe-merged-usr")
    if recipe.variant != "extract" and hook.is_dir():
        call.append(f"--hook-dir={hook}")
    sources = [recipe.mirror, f"deb {recipe.mirror} {recipe.suite}-updates main"] if recipe.mirror else []
    return [*call, recipe.suite, "-", *sources]


def build(client: DockerClient, recipe: Recipe, report: Report) -> str:
    """Build an image and tag it with the official name.

    Args:
        client: the engine that imports the image.
        recipe: what to build.
        report: called with one line for each step.

    Returns:
        The image's id, ``sha256:…``.

    Raises:
        EnvironmentProblem: mmdebstrap is missing or could not get the packages.
    """
    if shutil.which("mmdebstrap") is None:
        raise EnvironmentProblem(
            expected=f"Docker Hub in reach, or mmdebstrap to build {recipe.tag} from Debian's packages",
            found="Docker Hub does not answer and there is no mmdebstrap on this machine",
            next_step="Connect to the internet and run `python3 course.py start` again, or on Debian or Ubuntu: "
            "sudo apt-get install mmdebstrap debian-archive-keyring",
        )
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(recipe.epoch), "LC_ALL": "C.UTF-8"}
    with tempfile.TemporaryFile() as layer, tempfile.TemporaryFile() as log:
        report(f"{recipe.tag}: fetching and unpacking Debian packages (about a minute)")
        with subprocess.Popen(command(recipe), stdout=subprocess.PIPE, stderr=log, env=environment) as process:
            assert process.stdout is not None
            try:
                compose(recipe, process.stdout, layer)
                process.stdout.read()  # padding after the end mark, so that the writer never meets a closed pipe
            except tarfile.ReadError:
                pass  # no or a broken stream: the exit status and the log below tell why
            finally:
                process.stdout.close()
        if process.returncode:
            log.seek(0)
            lines = log.read().decode(errors="replace").strip().splitlines()
            raise EnvironmentProblem(
                expected=f"mmdebstrap to fetch the packages of {recipe.tag} from {recipe.mirror or 'a Debian mirror'}",
                found="it failed: " + (" / ".join(lines[-3:]) or f"exit status {process.returncode}"),
                next_step="Check that this machine reaches a Debian mirror (apt-get update), then start again.",
            )
        layer.seek(0)
        report(f"{recipe.tag}: importing into the engine")
        repository, _, tag = recipe.tag.partition(":")
        labels = (f"LABEL {OFFLINE_LABEL}=true", f"LABEL {RECIPE_LABEL}={recipe.fingerprint()}")
        client.api.import_image(src=layer, repository=repository, tag=tag, changes=[*recipe.changes, *labels])
    return str(client.images.get(recipe.tag).id)
