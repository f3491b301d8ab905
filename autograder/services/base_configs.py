"""The configs of official base images as the engine holds them, byte for byte.

An engine with a graph driver packs layers anew when it pushes an image, so a pushed layer of an official base has
another digest than on Docker Hub. The base's config, whose digest the kit knows, lists the digests that stay the same
(:func:`autograder.domain.bases.proved`). On the containerd image store pushed layers keep their digests, and an image's
id is none of its config: nothing is found there, and nothing is needed.
Source: https://docs.docker.com/engine/storage/containerd/
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autograder import paths
from autograder.domain import bases
from autograder.oci.manifests import digest_of

if TYPE_CHECKING:
    from docker import DockerClient


def find(client: DockerClient, known: bases.Bases | None = None) -> list[bytes]:
    """The configs of known bases in this engine.

    Args:
        client: the engine.
        known: the bases to look for; default: those of the kit's table.
    """
    found = []
    for base in bases.load() if known is None else known:
        if base.config and not base.diff_ids:
            content = _kept(base.config) or _of_engine(client, base.config)
            if content:
                found.append(content)
    return found


def _file(digest: str) -> Path:
    return paths.state() / "bases" / f"{digest.removeprefix('sha256:')}.json"


def _kept(digest: str) -> bytes:
    """A config that an earlier call took from the engine; nothing where the file is absent or was changed."""
    try:
        content = _file(digest).read_bytes()
    except OSError:
        return b""
    return content if digest_of(content) == digest else b""


def _of_engine(client: DockerClient, digest: str) -> bytes:
    """The config of an image with that id, out of what `docker save` writes; nothing where there is none."""
    from docker.errors import APIError, ImageNotFound

    try:
        stream: Any = client.images.get(digest).save()
        # Closed, since the rest of the answer is not read.
        with closing(stream), tarfile.open(fileobj=io.BufferedReader(_Stream(stream)), mode="r|") as archive:
            for entry in archive:
                if entry.isreg() and entry.size <= bases.MAX_CONFIG:
                    opened = archive.extractfile(entry)
                    content = opened.read() if opened else b""
                    if digest_of(content) == digest:
                        _keep(digest, content)
                        return content
    except (ImageNotFound, APIError, tarfile.TarError, OSError):  # requests' errors are OSErrors
        pass  # then the layers travel
    return b""


def _keep(digest: str, content: bytes) -> None:
    file = _file(digest)
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_suffix(".part")
    fresh.write_bytes(content)
    fresh.replace(file)


class _Stream(io.RawIOBase):
    """An iterator of bytes as the file that tarfile reads from."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces, self._rest = pieces, memoryview(b"")

    def readable(self) -> bool:
        """It is for nothing else."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill (a part of) a buffer; 0 at the end."""
        while not self._rest and (piece := next(self._pieces, None)) is not None:
            self._rest = memoryview(piece)
        size = min(len(buffer), len(self._rest))
        buffer[:size], self._rest = self._rest[:size], self._rest[size:]
        return size
