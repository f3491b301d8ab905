"""Layers: files come out, and nothing that is handed in harms."""

from __future__ import annotations

import gzip
import io
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.oci import layers
from autograder.oci.layers import LayerError


def tar(files: dict[str, bytes]) -> bytes:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return raw.getvalue()


names = st.text("abc.", min_size=1, max_size=8).map(lambda text: f"dir/{text}x")


@given(st.dictionaries(names, st.binary(max_size=2_000), max_size=5), st.booleans())
def test_what_goes_in_comes_out(files: dict[str, bytes], compressed: bool) -> None:
    content = tar(files)
    kept = {name: data for name, data in files.items() if not name.rpartition("/")[2].startswith(".wh.")}
    assert layers.files(gzip.compress(content) if compressed else content) == kept


@given(st.binary(max_size=3_000))
def test_any_bytes_give_files_or_a_reason(content: bytes) -> None:
    for blob in (content, b"\x1f\x8b" + content, gzip.compress(content), tar({"a": b"b"})[:700] + content):
        try:
            assert isinstance(layers.files(blob), dict)
        except LayerError as error:
            assert str(error)


def test_leading_slashes_and_dots_are_taken_off() -> None:
    assert layers.files(tar({"./a": b"1", "/b": b"2", "./dir/c": b"3"})) == {"a": b"1", "b": b"2", "dir/c": b"3"}


def test_links_devices_and_whiteouts_are_left_out() -> None:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as archive:
        for name, kind in (("link", tarfile.SYMTYPE), ("hard", tarfile.LNKTYPE), ("null", tarfile.CHRTYPE)):
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = kind, "/etc/passwd"
            archive.addfile(entry)
        archive.addfile(tarfile.TarInfo("etc/.wh.gone"))
    assert layers.files(raw.getvalue()) == {}


@pytest.mark.parametrize(
    ("blob", "reason"),
    [
        (gzip.compress(b"\0" * 50_000_000, 1), "unpacks to more than 4194304 bytes"),
        (b"\0" * 5_000_000, "more than 4194304 bytes"),
        (b"\x28\xb5\x2f\xfd and so on", "zstd"),
        (gzip.compress(tar({"a": b"x" * 5_000}))[:-20], "ends too early"),
        (b"\x1f\x8bnonsense", "damaged"),
        (tar({str(n): b"" for n in range(2_001)}), "more than 2000 entries"),
        (b"no tar at all" * 100, "not a tar"),
    ],
    ids=["bomb", "large", "zstd", "short", "damaged", "many", "no-tar"],
)
def test_bombs_and_damage_are_refused_with_the_reason(blob: bytes, reason: str) -> None:
    with pytest.raises(LayerError, match=reason):
        layers.files(blob)


def sparse(claimed: int) -> bytes:
    """A tar with one entry in PAX's sparse form 1.0 that claims ``claimed`` bytes and holds next to none."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT) as archive:
        entry = tarfile.TarInfo("huge")
        chunk = b"1\n0\n0\n".ljust(512, b"\0")
        entry.pax_headers = {
            "GNU.sparse.major": "1",
            "GNU.sparse.minor": "0",
            "GNU.sparse.name": "huge",
            "GNU.sparse.realsize": str(claimed),
        }
        entry.size = len(chunk)
        archive.addfile(entry, io.BytesIO(chunk))
    return raw.getvalue()


def test_a_sparse_file_is_never_unfolded() -> None:
    with pytest.raises(layers.LayerError, match="sparse"):
        layers.files(gzip.compress(sparse(8 << 30)))
