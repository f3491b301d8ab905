"""The bbolt writer against its verifying reader: round trips, reproducibility, and every kind of damage."""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autograder.scanning import bolt, boltcheck
from autograder.scanning.boltcheck import BoltError

KEYS = st.binary(min_size=1, max_size=40)
# What matters of a long value is its length: a short one repeated is drawn a hundred times faster.
VALUES = st.builds(lambda part, size: (part * size)[:size], st.binary(min_size=1, max_size=4), st.integers(0, 9000))
BUCKETS = st.recursive(
    st.dictionaries(KEYS, st.binary(max_size=60), max_size=40),
    lambda inner: st.dictionaries(KEYS, inner | VALUES, max_size=12),
    max_leaves=12,
)
LARGE = {
    b"small": {b"k": b"v"},
    b"many": {f"key-{n:05}".encode(): b"x" * (n % 90) for n in range(5000)},
    b"nested": {f"package-{n}".encode(): {f"CVE-{m}".encode(): b"y" * 20 for m in range(n % 40)} for n in range(200)},
    b"empty": {},
    b"long": {b"value": b"z" * 50_000},
}


@cache
def large() -> bytes:
    """The large tree as it is written: every file that is damaged here is a copy of it."""
    return bolt.write(LARGE)


# Trees are large by nature: some that hypothesis draws are more than it takes, and it draws others instead.
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.data_too_large, HealthCheck.too_slow])
@given(st.dictionaries(KEYS, BUCKETS, max_size=6), st.sampled_from([1024, 4096, 16384]))
def test_what_is_written_is_read_back(tree, page_size):
    written = bolt.write(tree, page_size)
    assert boltcheck.read(written) == tree
    assert len(written) % page_size == 0


def test_a_large_tree_has_branches_and_is_read_back():
    written = large()
    assert boltcheck.read(written) == LARGE
    flags = {bolt.PAGE.unpack_from(written, at)[1] for at in range(2 * 4096, len(written), 4096)}
    assert bolt.BRANCH in flags


def test_the_order_of_insertion_does_not_matter():
    backwards = {key: dict(reversed(value.items())) for key, value in reversed(LARGE.items())}
    assert bolt.write(backwards) == large()


def test_long_keys_do_not_keep_a_tree_from_narrowing():
    tree = {b"b": {bytes([65 + n]) * 5000: b"v" for n in range(20)}}
    assert boltcheck.read(bolt.write(tree, 1024)) == tree


def test_the_checksum_is_fnv_1a():
    # http://www.isthe.com/chongo/tech/comp/fnv/ : the test vectors of the reference
    assert bolt.fnv1a(b"") == 0xCBF29CE484222325
    assert bolt.fnv1a(b"a") == 0xAF63DC4C8601EC8C
    assert bolt.fnv1a(b"foobar") == 0x85944171F73967E8


@pytest.mark.parametrize(
    ("tree", "words"),
    [({b"k": b"v"}, "top level"), ({b"": {}}, "key of 0"), ({b"b": {b"k" * 32769: b""}}, "key of 32769")],
)
def test_what_bbolt_cannot_hold_is_refused(tree, words):
    with pytest.raises(ValueError, match=words):
        bolt.write(tree)


def damaged(at: int, new: bytes) -> bytes:
    written = bytearray(large())
    written[at : at + len(new)] = new
    return bytes(written)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "meta page 0: the file ends before it"),
        (damaged(16, b"\0"), "meta page 0: this is not a bbolt file"),
        (damaged(4096 + 20, b"\3"), "meta page 1: version 3"),
        (damaged(16 + 56, b"\0\0"), "meta page 0: its checksum is"),
        (damaged(4096 + 16 + 40, b"\xff"), "meta page 1: its checksum is"),
        (damaged(3 * 4096, b"\x07"), "page 3 says that it is page 7"),
        (damaged(2 * 4096 + 8, b"\x02"), "should be the list of free pages"),
        (damaged(3 * 4096 + 8, b"\x40"), "should be a branch or a leaf"),
        (large()[:-4096], "the file ends too early"),
        (damaged(3 * 4096 + 10, b"\xff\xff"), "page 3: "),
        (damaged(3 * 4096 + 12, b"\xff\xff\xff"), "page 3 says that it spans"),
    ],
)
def test_damage_is_named(content, words):
    with pytest.raises(BoltError, match=words):
        boltcheck.read(content)


def test_keys_out_of_order_are_found():
    written = bolt.write({b"b": {b"first" * 300: b"1", b"second" * 300: b"2"}})
    swapped = written.replace(b"first" * 300, b"zzzzz" * 300)
    with pytest.raises(BoltError, match="keys must ascend"):
        boltcheck.read(swapped)


def test_a_page_that_is_used_twice_is_found():
    written = bytearray(bolt.write({b"a": {b"k": b"v" * 2000}, b"b": {b"k": b"w" * 2000}}))
    header = bolt.BUCKET.pack(4, 0)
    at = written.rindex(header)
    written[at : at + len(header)] = bolt.BUCKET.pack(3, 0)
    with pytest.raises(BoltError, match="page 3 is in use twice"):
        boltcheck.read(bytes(written))


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_no_damage_crashes_the_reader(data):
    written = bytearray(bolt.write({b"a": {b"k": b"v" * 3000}, b"b": {f"{n}".encode(): b"w" * 50 for n in range(60)}}))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(written) - 1))
        written[at] = data.draw(st.integers(0, 255))
    try:
        boltcheck.read(bytes(written))
    except BoltError as error:
        assert str(error)


def with_free(written: bytes, *free: int, extra: int = 0) -> bytes:
    """A file with a list of free pages and further pages at its end, its meta pages made to fit."""
    content = bytearray(written + b"\0" * 4096 * extra)
    bolt.PAGE.pack_into(content, 2 * 4096, 2, bolt.FREELIST, len(free), 0)
    for index, number in enumerate(free):
        at = 2 * 4096 + 16 + 8 * index
        content[at : at + 8] = number.to_bytes(8, "little")
    for start in (0, 4096):
        fields = list(bolt.META_BODY.unpack_from(content, start + 16))
        fields[7] = len(content) // 4096
        body = bolt.META_BODY.pack(*fields)
        content[start + 16 : start + 16 + len(body) + 8] = body + bolt.CHECKSUM.pack(bolt.fnv1a(body))
    return bytes(content)


SMALL = {b"b": {b"k": b"v"}}


def test_a_file_with_free_pages_is_sound():
    assert boltcheck.read(with_free(bolt.write(SMALL), 4, 5, extra=2)) == SMALL


@pytest.mark.parametrize(
    ("free", "extra", "words"),
    [
        ((), 1, "page 4 is neither in use nor free"),
        ((3,), 0, "page 3 is in use and in the list of free pages"),
        ((5, 4), 2, "not in order"),
        ((4, 9), 1, "names pages that are not there"),
    ],
)
def test_pages_that_are_lost_or_counted_twice_are_found(free, extra, words):
    with pytest.raises(BoltError, match=words):
        boltcheck.read(with_free(bolt.write(SMALL), *free, extra=extra))
