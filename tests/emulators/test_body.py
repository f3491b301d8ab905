"""Bodies of requests: both framings, any split, cut short, malformed, too large, refused half-way."""

from __future__ import annotations

import io
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.emulators.interface import RegistryError
from autograder.emulators.registry.body import ClientGone, RequestBody
from autograder.oci.client import PIECE


def known(content: bytes, declared: int | None = None) -> RequestBody:
    length = len(content) if declared is None else declared
    return RequestBody({"wsgi.input": io.BytesIO(content), "CONTENT_LENGTH": str(length)})


def chunked(raw: bytes) -> tuple[RequestBody, io.BytesIO]:
    reader = io.BytesIO(raw)
    environ: dict[str, Any] = {"wsgi.input": SimpleNamespace(rfile=reader), "wsgi.input_terminated": True}
    return RequestBody(environ), reader


def encode(chunks: list[bytes], trailer: bytes = b"") -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n" + trailer + b"\r\n"


@given(st.lists(st.binary(min_size=1, max_size=40)), st.sampled_from([b"", b"X: y\r\n"]), st.binary(max_size=20))
def test_chunks_arrive_whole_and_nothing_beyond_is_read(chunks: list[bytes], trailer: bytes, rest: bytes) -> None:
    body, reader = chunked(encode(chunks, trailer) + rest)
    assert b"".join(body.pieces()) == b"".join(chunks)
    assert reader.read() == rest, "the next request on the connection"
    assert list(body.pieces()) == []


def test_pieces_are_bounded_whatever_the_chunks() -> None:
    for chunks in ([b"x" * (3 * PIECE)], [b"y" * 1000] * 2000):
        body, _ = chunked(encode(chunks))
        sizes = [len(piece) for piece in body.pieces()]
        assert max(sizes) <= PIECE and sum(sizes) == sum(map(len, chunks)) and sizes[0] == PIECE
    assert [len(piece) for piece in known(b"z" * (PIECE + 1)).pieces()] == [PIECE, 1]


def test_what_is_left_can_be_dropped_in_the_middle_of_a_chunk() -> None:
    body, reader = chunked(encode([b"x" * (PIECE * 2 + 7), b"end"]) + b"NEXT")
    assert len(next(body.pieces())) == PIECE
    body.drop()
    assert reader.read() == b"NEXT"
    short = known(b"y" * (PIECE + 5) + b"NEXT", PIECE + 5)
    next(short.pieces())
    short.drop()
    assert list(short.pieces()) == []


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"5\r\nabc",
        b"5\r\nabcde",
        b"5\r\nabcdeXX",
        b"5\r\nabcde\r\n",
        b"-5\r\nabcde\r\n0\r\n\r\n",
        b"0x5\r\nabcde\r\n0\r\n\r\n",
        b"5_0\r\nabcde\r\n0\r\n\r\n",
        b"\r\n\r\n",
        b"zz\r\n",
        b"f" * 16 + b"\r\n",
        b"5\nabcde\n0\n\n",
    ],
)
def test_a_cut_or_malformed_body_is_never_taken_for_a_whole_one(raw: bytes) -> None:
    body, _ = chunked(raw)
    with pytest.raises(ClientGone):
        list(body.pieces())


def test_a_body_shorter_than_declared_is_no_body() -> None:
    with pytest.raises(ClientGone, match="2 bytes"):
        list(known(b"abc", 5).pieces())
    assert list(known(b"abc", 0).pieces()) == [] and list(known(b"abc", -5).pieces()) == []


def test_a_manifest_has_a_limit_in_both_framings() -> None:
    assert known(b"x" * 10).whole(10) == b"x" * 10
    for body in (known(b"x" * 11), chunked(encode([b"x" * 6, b"y" * 5]))[0]):
        with pytest.raises(RegistryError) as caught:
            body.whole(10)
        assert caught.value.status == 413
