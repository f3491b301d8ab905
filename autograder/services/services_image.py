"""Builds the image of the clouds' emulators: wheels fetched and unpacked here, so that the build needs no network."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from autograder import paths
from autograder.errors import EnvironmentProblem
from autograder.services import claims, images
from autograder.services.installation import Installation
from autograder.services.local_build import context_hash

if TYPE_CHECKING:
    from docker import DockerClient

SOURCE = paths.DOCKER / "services"
NAME = "registry-course-services"
PYTHON = "3.11"  # of images.PYTHON_BASE
# The engine's word for its architecture -> the word in a wheel's name
MACHINES = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "aarch64", "arm64": "aarch64"}
GLIBC = ("2_28", "2_17", "2014")  # wheels for older C libraries fit too
# Everything of the kit that runs inside; nothing else of it goes into the image.
KIT = ("__init__.py", "errors.py", "network_errors.py", "oci", "domain", "emulators")
# boto's descriptions of all of AWS are 100 MB; the ECR emulator reads these.
AWS_SERVICES = ("ecr", "iam", "sts")


def ensure(client: DockerClient, tag: str, report: images.Report) -> None:
    """Have the image of that :func:`name` in the engine.

    Raises:
        EnvironmentProblem: the wheels cannot be fetched, or the build failed.
    """
    if images.find(client, tag) is None:
        with tempfile.TemporaryDirectory(prefix="course-services-") as folder:
            context = Path(folder)
            assemble(context, wheels(_machine(client), report))
            images.build_local(client, tag, context, base=images.PYTHON_BASE, report=report)


def name(client: DockerClient, report: images.Report) -> str:
    """The image's name, with a tag that stands for its content; its base is made where it is absent.

    Raises:
        EnvironmentProblem: the base cannot be had.
    """
    base = images.ensure(client, images.PYTHON_BASE, report)
    return f"{NAME}:{_content(_machine(client), base)}"


def fetch(client: DockerClient, report: images.Report) -> None:
    """Fetch the wheels, unless the image or they are there: this may be done while its base is still being made.

    Raises:
        EnvironmentProblem: as :func:`wheels`.
    """
    base = images.find(client, images.PYTHON_BASE)
    machine = _machine(client)
    if base is None or images.find(client, f"{NAME}:{_content(machine, str(base.id))}") is None:
        wheels(machine, report)


def forget(client: DockerClient, tag: str, state: Installation) -> bool:
    """Remove an image that this installation ran on before, unless another installation or any container uses it.

    What other installations made is not looked for: only they know whether they need it again.

    Returns:
        Whether it was removed.
    """
    from docker.errors import APIError

    if not tag.startswith(f"{NAME}:") or tag in claims.images_of_others(client, state):
        return False
    with contextlib.suppress(APIError):  # gone already, or used meanwhile
        client.images.remove(tag)
        return True
    return False


def _machine(client: DockerClient) -> str:
    told = str(client.info().get("Architecture", ""))
    if told not in MACHINES:
        raise EnvironmentProblem(
            expected=f"an engine on {' or '.join(sorted(set(MACHINES.values())))}",
            found=f"this one runs on {told}",
            next_step="Use a machine with one of these processors.",
        )
    return MACHINES[told]


def _content(machine: str, base: str) -> str:
    """Twelve hex digits that stand for everything that goes into the image; ``base`` is its base's id."""
    seen = hashlib.sha256(f"{machine} {base}".encode())
    for file in (SOURCE / "Dockerfile", SOURCE / "requirements.txt"):
        seen.update(file.read_bytes())
    with tempfile.TemporaryDirectory() as folder:
        _copy_kit(Path(folder))
        seen.update(context_hash(Path(folder)).encode())
    return seen.hexdigest()[:12]


def assemble(context: Path, wheel_folder: Path) -> None:
    """Write the build context: the Dockerfile, ``site`` (the wheels' content) and ``kit`` (our own code)."""
    shutil.copy(SOURCE / "Dockerfile", context / "Dockerfile")
    _copy_kit(context / "kit")
    site = context / "site"
    for wheel in sorted(wheel_folder.glob("*.whl")):
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(site, [name for name in archive.namelist() if _wanted(name)])


def _wanted(name: str) -> bool:
    parts = name.split("/")
    if parts[:2] == ["botocore", "data"] and len(parts) > 3:
        return parts[2] in AWS_SERVICES
    return ".data" not in parts[0]  # scripts and headers of a wheel


def _copy_kit(target: Path) -> None:
    package = paths.ROOT / "autograder"
    for name in KIT:
        for file in _sources(package / name):
            place = target / "autograder" / file.relative_to(package)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, place)


def _sources(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
    else:
        yield from (file for file in sorted(path.rglob("*")) if file.suffix in (".py", ".json", ".toml"))


def wheels(machine: str, report: images.Report) -> Path:
    """The folder with the wheels of ``docker/services/requirements.txt``, fetched once.

    Raises:
        EnvironmentProblem: the package index cannot be reached, or a hash does not fit.
    """
    lock = SOURCE / "requirements.txt"
    mark = hashlib.sha256(lock.read_bytes()).hexdigest()[:12]
    folder = paths.state() / "wheels" / f"{mark}-{machine}"
    if folder.is_dir():
        return folder
    report("fetching the packages of the clouds' emulators (about 25 MB, once)")
    fresh = folder.with_name(folder.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    command = [sys.executable, "-P", "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--only-binary=:all:", "--require-hashes", "--implementation=cp", f"--python-version={PYTHON}"]
    command += [f"--abi={abi}" for abi in (f"cp{PYTHON.replace('.', '')}", "abi3", "none")]
    command += [f"--platform=manylinux{glibc if glibc == '2014' else f'_{glibc}'}_{machine}" for glibc in GLIBC]
    command += ["--platform=any", f"--requirement={lock}", f"--dest={fresh}"]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", errors="replace")
    if done.returncode:
        shutil.rmtree(fresh, ignore_errors=True)
        lines = [line for line in done.stderr.strip().splitlines() if line.strip()]
        raise EnvironmentProblem(
            expected="pip to fetch the packages that docker/services/requirements.txt pins",
            found=" / ".join(lines[-3:]) or f"pip ended with status {done.returncode}",
            next_step="Check the connection to the package index, then start again.",
        )
    fresh.replace(folder)
    return folder
