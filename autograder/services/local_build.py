"""Images from the kit's own Dockerfiles: built without network, and only when their context has changed."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from autograder.errors import EnvironmentProblem

if TYPE_CHECKING:
    from docker import DockerClient

CONTEXT_LABEL = "org.course.context"
SKIPPED = frozenset({"__pycache__", ".DS_Store"})


def context_hash(context: Path, base: str = "", arguments: dict[str, str] | None = None) -> str:
    """SHA-256 (hex) over a build context: paths, executable bits and contents, the base image's id, the arguments."""
    seen = hashlib.sha256(f"{base}\n{sorted((arguments or {}).items())}\n".encode())
    for file in sorted(context.rglob("*"), key=lambda path: path.relative_to(context).as_posix()):
        if SKIPPED & set(file.relative_to(context).parts) or not file.is_file():
            continue
        executable = os.name == "posix" and bool(file.stat().st_mode & stat.S_IXUSR)
        content = file.read_bytes()
        seen.update(f"{file.relative_to(context).as_posix()}\0{int(executable)}\0{len(content)}\0".encode() + content)
    return seen.hexdigest()


def build_local(
    client: DockerClient,
    tag: str,
    context: Path,
    *,
    base: str | None = None,
    arguments: dict[str, str] | None = None,
    report: Callable[[str], None] | None = None,
) -> str:
    """Build an image from a folder with a Dockerfile, unless the engine has it from the same content.

    The build has no network (the engine's own builder does it; no BuildKit is needed).

    Args:
        client: the engine.
        tag: the image's name.
        context: the folder.
        base: name of the image it is built on; a new base makes a new build. It must be in the engine.
        arguments: values for the Dockerfile's ARGs.
        report: called with one line before a build.

    Returns:
        The image's id, ``sha256:…``.

    Raises:
        EnvironmentProblem: the build failed; ``found`` holds the end of its log.
    """
    from docker.errors import APIError, BuildError, ImageNotFound

    base_id = str(client.images.get(base).id) if base else ""
    wanted = context_hash(context, base_id, arguments)
    try:
        image = client.images.get(tag)
        if image.labels.get(CONTEXT_LABEL) == wanted:
            return str(image.id)
    except ImageNotFound:
        pass
    if report:
        report(f"{tag}: building")
    try:
        built, _ = client.images.build(
            path=str(context),
            tag=tag,
            buildargs=arguments or {},
            labels={CONTEXT_LABEL: wanted},
            network_mode="none",
            rm=True,
            forcerm=True,
        )
    except BuildError as error:
        log = [str(line.get("stream") or line.get("error") or "").strip() for line in error.build_log]
        raise _failed(tag, " / ".join([line for line in log if line][-4:]) or str(error)) from None
    except APIError as error:
        raise _failed(tag, str(error.explanation or error)) from None
    return str(built.id)


def _failed(tag: str, found: str) -> EnvironmentProblem:
    return EnvironmentProblem(
        expected=f"the engine to build {tag}",
        found=found,
        next_step="Run `python3 course.py doctor`; if it finds nothing, report this message.",
    )
