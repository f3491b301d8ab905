"""Whole blobs sent by the kernel, from the store's own file to the client's connection: no byte passes this process.

Only this module knows how registry:2 lays out its folder and how the server holds its connections. Where the fast path
cannot be used, :meth:`BlobFiles.reply` returns None or :func:`send` False, and the caller takes the plain path: the
store's answer streams through this process, a piece at a time. The client gets the same answer either way.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from autograder.emulators.registry.reply import Reply, headers_of
from autograder.emulators.registry.store import StoreClient
from autograder.oci.client import PIECE

# https://github.com/distribution/distribution/blob/v2.8.3/registry/storage/paths.go
BLOBS = Path("docker/registry/v2/blobs")


class StoredBlob:
    """The body of an answer, in a file. A server that does not know this class iterates over it like any other body."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file

    def __iter__(self) -> Iterator[bytes]:
        while piece := self.file.read(PIECE):
            yield piece

    def close(self) -> None:
        """Close the file; WSGI servers call this."""
        self.file.close()


class BlobFiles:
    """The store's folder.

    Args:
        store: says whether a repository holds a blob, and how large it is.
        folder: to be read only; None where it is not on this machine.
    """

    def __init__(self, store: StoreClient, folder: Path | None) -> None:
        self._store = store
        self._folder = folder

    def reply(self, name: str, digest: str) -> Reply | None:
        """The answer to GET of a blob in the store's repository ``name``, with the file as its body.

        None where there is no such file: for a blob that is not there, and for one that only the store can give.
        Raises StoreProblem.
        """
        if self._folder is None:
            return None
        answer = self._store.send("HEAD", name, f"blobs/{digest}")
        answer.close()
        size = answer.headers.get("content-length", "")
        file = self._open(digest, int(size)) if answer.status == 200 and size.isdigit() else None
        return Reply(answer.status, headers_of(answer), StoredBlob(file)) if file else None

    def _open(self, digest: str, size: int) -> BinaryIO | None:
        """The file of a blob, if it is there and whole."""
        algorithm, _, hexadecimal = digest.partition(":")
        if self._folder is None or not hexadecimal.isalnum() or algorithm != "sha256":
            return None
        try:
            file = (self._folder / BLOBS / algorithm / hexadecimal[:2] / hexadecimal / "data").open("rb")
        except OSError:
            return None
        if os.fstat(file.fileno()).st_size != size:
            file.close()
            return None
        return file


def send(body: object, request: Any) -> bool:
    """Let the kernel send a body that is a file; False if this body or this server's connection is of another kind.

    Args:
        body: what the application answered.
        request: cheroot's ``HTTPRequest``.

    Raises OSError when the client is gone or takes nothing for too long.
    """
    connection = getattr(getattr(request, "conn", None), "socket", None)
    if not isinstance(body, StoredBlob) or not isinstance(connection, socket.socket):
        return False
    request.ensure_headers_sent()
    connection.sendfile(body.file)
    return True
