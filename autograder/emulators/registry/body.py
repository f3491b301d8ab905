"""The body of a request: read a piece at a time, in either framing, and never held in memory as a whole."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from autograder.emulators.interface import RegistryError
from autograder.oci.client import PIECE

CHUNK_SIZE = re.compile(rb"[0-9a-fA-F]{1,15}")
LINE = 16 * 1024  # bytes of a chunk's head or of a trailer


class ClientGone(Exception):
    """The client went away in the middle of its request; no one is left to answer."""


class RequestBody:
    """What the client sends after its headers.

    Attributes:
        length: the declared number of bytes; None when it comes in chunks.
    """

    def __init__(self, environ: dict[str, Any]) -> None:
        self._stream = environ["wsgi.input"]
        self._chunked = bool(environ.get("wsgi.input_terminated"))
        self.length: int | None = None if self._chunked else max(0, int(environ.get("CONTENT_LENGTH") or 0))
        self._left = self.length or 0
        self._ended = False

    def pieces(self) -> Iterator[bytes]:
        """The body. Raises ClientGone when it ends before it is complete."""
        try:
            yield from self._chunks() if self._chunked else self._known()
        except (OSError, ValueError) as error:  # a broken connection, a broken chunk
            raise ClientGone(str(error)) from error

    def _known(self) -> Iterator[bytes]:
        while self._left:
            piece = self._stream.read(min(PIECE, self._left))
            if not piece:
                raise ClientGone(f"{self._left} bytes are missing")
            self._left -= len(piece)
            yield piece

    def _chunks(self) -> Iterator[bytes]:
        """Chunks as they come, joined up to a piece.

        Read here and not by cheroot, which copies each several times and leaves the line after the last one unread:
        it would take that for the start of the next request. https://www.rfc-editor.org/rfc/rfc9112#section-7.1
        """
        pending, held = list[bytes](), 0
        while piece := self._part_of_chunk(PIECE - held):
            pending.append(piece)
            held += len(piece)
            if held >= PIECE:
                yield b"".join(pending)
                pending, held = [], 0
        if pending:
            yield b"".join(pending)

    def _part_of_chunk(self, most: int) -> bytes:
        """The next bytes of the body, at most so many; b"" after the last chunk."""
        reader = self._stream.rfile
        if self._left == 0 and not self._ended:
            line = reader.readline(LINE)
            size = line.strip().partition(b";")[0].strip()
            if not CHUNK_SIZE.fullmatch(size) or not line.endswith(b"\r\n"):
                raise ClientGone(f"not the head of a chunk: {line[:40]!r}")
            self._left = int(size, 16)
            if self._left == 0:
                self._ended = True
                while reader.readline(LINE) not in (b"\r\n", b""):  # trailers mean nothing to us
                    pass
        if self._ended:
            return b""
        piece: bytes = reader.read(min(most, self._left))
        if not piece:
            raise ClientGone(f"{self._left} bytes of a chunk are missing")
        self._left -= len(piece)
        if self._left == 0 and reader.readline(LINE) != b"\r\n":
            raise ClientGone("a chunk is longer than it said")
        return piece

    def whole(self, limit: int) -> bytes:
        """At most ``limit`` bytes. Raises RegistryError 413 when it is larger, ClientGone when it ends early."""
        content = bytearray()
        for piece in self.pieces():
            content += piece
            if len(content) > limit:
                raise RegistryError(413, "SIZE_INVALID", f"a manifest has at most {limit} bytes")
        return bytes(content)

    def drop(self) -> None:
        """Read the rest, so that a refused client gets to read the answer, and the connection can go on."""
        for _ in self.pieces():
            pass
