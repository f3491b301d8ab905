"""The body of a request, read a piece at a time whatever its framing, and never kept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from autograder.services.standins.interface import Refusal
from autograder.services.standins.store import PIECE


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
        self.length: int | None = None if self._chunked else int(environ.get("CONTENT_LENGTH") or 0)
        self._left = self.length
        self._done = self.length == 0

    def pieces(self) -> Iterator[bytes]:
        """The body. Raises ClientGone when it ends before it is complete."""
        while not self._done:
            try:
                piece = self._stream.read(PIECE if self._left is None else min(PIECE, self._left))
            except (OSError, ValueError) as error:  # a broken connection, a broken chunk
                raise ClientGone(str(error)) from error
            if self._left is not None:
                self._left -= len(piece)
                self._done = self._left == 0
            if not piece:
                self._end()
                return
            yield piece

    def whole(self, limit: int) -> bytes:
        """A body of at most ``limit`` bytes. Raises Refusal 413 when it is larger, ClientGone when it is cut short."""
        found = bytearray()
        for piece in self.pieces():
            found += piece
            if len(found) > limit:
                raise Refusal(413, "SIZE_INVALID", f"a manifest has at most {limit} bytes")
        return bytes(found)

    def drop(self) -> None:
        """Read the rest, so that a refused client gets to read the answer, and the connection can go on."""
        for _ in self.pieces():
            pass

    def _end(self) -> None:
        self._done = True
        if self._left:
            raise ClientGone(f"{self._left} bytes are missing")
        # cheroot leaves the line after the last chunk unread, and would take it for the start of a next request
        trailer = getattr(self._stream, "read_trailer_lines", None)
        if trailer is not None:
            try:
                list(trailer())
            except (OSError, ValueError) as error:
                raise ClientGone(str(error)) from error
