"""Read a bbolt file and hold it to bbolt's rules: every page once, keys in order, checksums right.

The rules are those of bbolt's own ``Tx.Check`` (https://github.com/etcd-io/bbolt/blob/main/tx_check.go) and of its
reading of meta pages; stricter in one thing: bbolt opens a file when one of the two meta pages is valid, here both
must be. bbolt has no checksum over data pages; :mod:`autograder.scanning.database` compares the whole file for that.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from autograder.scanning.bolt import (
    BRANCH,
    BRANCH_ELEMENT,
    BUCKET,
    BUCKET_LEAF,
    CHECKSUM,
    FREELIST,
    LEAF,
    LEAF_ELEMENT,
    MAGIC,
    META,
    META_BODY,
    PAGE,
    VERSION,
    fnv1a,
)

MAX_DEPTH = 64  # of branches and nested buckets; a sound file of any size stays far below
Content = dict[bytes, "bytes | Content"]


class BoltError(ValueError):
    """The bytes are not a sound bbolt file; the message names the page and what is wrong with it."""


@dataclass(frozen=True)
class Meta:
    """What a meta page says."""

    page_size: int
    root: int
    freelist: int
    high_water: int
    txid: int


def read(content: bytes) -> Content:
    """Everything in a bbolt file: key -> value, or key -> the content of a bucket.

    Raises:
        BoltError: it breaks one of bbolt's rules; says which page.
    """
    return _Reader(content).run()


class _Reader:
    def __init__(self, content: bytes) -> None:
        self.content = content
        self.seen: set[int] = {0, 1}
        metas = [_meta(content, 0, 0)]
        self.page_size = metas[0].page_size
        metas.append(_meta(content, self.page_size, 1))
        if metas[0].page_size != metas[1].page_size:
            raise BoltError("the two meta pages give different page sizes")
        if metas[0].txid % 2 != 0 or metas[1].txid % 2 != 1:
            raise BoltError("the meta pages stand in the wrong order")
        self.meta = max(metas, key=lambda meta: meta.txid)
        if len(content) < self.meta.high_water * self.page_size:
            raise BoltError(
                f"the file ends too early: {len(content)} bytes, and page {self.meta.high_water - 1} is in use"
            )

    def run(self) -> Content:
        free = self._freelist(self.meta.freelist)
        found = self._page(self.meta.root, b"", 0)
        if any(not isinstance(value, dict) for value in found.values()):
            raise BoltError("a value that is no bucket stands at the top level")
        both = sorted(free & self.seen)
        if both:
            raise BoltError(f"page {both[0]} is in use and in the list of free pages")
        lost = sorted(set(range(self.meta.high_water)) - self.seen - free)
        if lost:
            raise BoltError(f"page {lost[0]} is neither in use nor free")
        return found

    def _take(self, number: int) -> tuple[int, int, bytes]:
        """Flags, count and bytes of a page that is met for the first time."""
        if not 2 <= number < self.meta.high_water:
            raise BoltError(f"page {number} is referred to, but the file has pages 2 to {self.meta.high_water - 1}")
        start = number * self.page_size
        own, flags, count, overflow = PAGE.unpack_from(self.content, start)
        if own != number:
            raise BoltError(f"page {number} says that it is page {own}")
        if number + overflow >= self.meta.high_water:
            raise BoltError(f"page {number} says that it spans {overflow + 1} pages, more than there are")
        pages = set(range(number, number + overflow + 1))
        if pages & self.seen:
            raise BoltError(f"page {min(pages & self.seen)} is in use twice")
        self.seen |= pages
        return flags, count, self.content[start : start + (overflow + 1) * self.page_size]

    def _freelist(self, number: int) -> set[int]:
        flags, count, page = self._take(number)
        if flags != FREELIST:
            raise BoltError(f"page {number} should be the list of free pages, and its flags are {flags:#x}")
        start = PAGE.size
        if count == 0xFFFF:  # then the first number is the count
            count, start = int.from_bytes(page[start : start + 8], "little"), start + 8
        if start + 8 * count > len(page):
            raise BoltError(f"page {number}: the list of free pages is longer than its page")
        free = [int.from_bytes(page[at : at + 8], "little") for at in range(start, start + 8 * count, 8)]
        if free != sorted(set(free)) or any(not 2 <= one < self.meta.high_water for one in free):
            raise BoltError(f"page {number}: the list of free pages is not in order or names pages that are not there")
        return set(free)

    def _page(self, number: int, least: bytes, depth: int, bound: bytes | None = None) -> Content:
        if depth > MAX_DEPTH:
            raise BoltError(f"page {number}: buckets or branches are nested more than {MAX_DEPTH} deep")
        flags, count, page = self._take(number)
        where = f"page {number}"
        if flags == LEAF:
            return self._leaf(page, count, where, least, bound, depth)
        if flags != BRANCH:
            raise BoltError(f"{where} should be a branch or a leaf, and its flags are {flags:#x}")
        if count == 0:
            raise BoltError(f"{where} is a branch without children")
        children: list[tuple[bytes, int]] = []
        for index in range(count):
            at = PAGE.size + index * BRANCH_ELEMENT.size
            if at + BRANCH_ELEMENT.size > len(page):
                raise BoltError(f"{where}: its elements are longer than the page")
            position, key_size, child = BRANCH_ELEMENT.unpack_from(page, at)
            children.append((_part(page, at + position, key_size, where), child))
        _in_order([key for key, _ in children], least, bound, where)
        found: Content = {}
        for index, (key, child) in enumerate(children):
            upper = children[index + 1][0] if index + 1 < len(children) else bound
            found |= self._page(child, key, depth + 1, upper)
        return found

    def _leaf(self, page: bytes, count: int, where: str, least: bytes, bound: bytes | None, depth: int) -> Content:
        found: Content = {}
        keys = []
        for index in range(count):
            at = PAGE.size + index * LEAF_ELEMENT.size
            if at + LEAF_ELEMENT.size > len(page):
                raise BoltError(f"{where}: its elements are longer than the page")
            flags, position, key_size, value_size = LEAF_ELEMENT.unpack_from(page, at)
            key = _part(page, at + position, key_size, where)
            value = _part(page, at + position + key_size, value_size, where)
            if not key:
                raise BoltError(f"{where}: an element has an empty key")
            if flags not in (0, BUCKET_LEAF):
                raise BoltError(f"{where}: the element {key!r} has the unknown flags {flags:#x}")
            keys.append(key)
            found[key] = self._bucket(value, f"the bucket {key!r} in {where}", depth + 1) if flags else value
        _in_order(keys, least, bound, where)
        return found

    def _bucket(self, value: bytes, where: str, depth: int) -> Content:
        if depth > MAX_DEPTH:
            raise BoltError(f"{where}: buckets or branches are nested more than {MAX_DEPTH} deep")
        if len(value) < BUCKET.size:
            raise BoltError(f"{where} is too short")
        root, _ = BUCKET.unpack_from(value)
        if root:
            return self._page(root, b"", depth)
        page = value[BUCKET.size :]
        if len(page) < PAGE.size:
            raise BoltError(f"{where} is inline, and too short")
        _, flags, count, overflow = PAGE.unpack_from(page)
        if flags != LEAF or overflow:
            raise BoltError(f"{where} is inline, but not one leaf page")
        return self._leaf(page, count, where, b"", None, depth)


def _meta(content: bytes, start: int, number: int) -> Meta:
    where = f"meta page {number}"
    if len(content) < start + PAGE.size + META_BODY.size + CHECKSUM.size:
        raise BoltError(f"{where}: the file ends before it")
    _, flags, _, _ = PAGE.unpack_from(content, start)
    body = content[start + PAGE.size : start + PAGE.size + META_BODY.size]
    magic, version, page_size, _, root, _, freelist, high_water, txid = META_BODY.unpack(body)
    if magic != MAGIC:
        raise BoltError(f"{where}: this is not a bbolt file (its magic number is {magic:#010x})")
    if version != VERSION:
        raise BoltError(f"{where}: version {version} of the format; {VERSION} is known here")
    (checksum,) = CHECKSUM.unpack_from(content, start + PAGE.size + META_BODY.size)
    if checksum != fnv1a(body):
        raise BoltError(f"{where}: its checksum is {checksum:016x}, and its content gives {fnv1a(body):016x}")
    if flags != META:
        raise BoltError(f"{where}: its flags are {flags:#x}")
    if page_size < 1024 or page_size & (page_size - 1):
        raise BoltError(f"{where}: a page size of {page_size} bytes")
    return Meta(page_size, root, freelist, high_water, txid)


def _part(page: bytes, start: int, size: int, where: str) -> bytes:
    if start + size > len(page):
        raise BoltError(f"{where}: an element reaches beyond the page")
    return page[start : start + size]


def _in_order(keys: list[bytes], least: bytes, bound: bytes | None, where: str) -> None:
    for left, right in itertools.pairwise(keys):
        if left >= right:
            raise BoltError(f"{where}: the key {right!r} stands after {left!r}, and keys must ascend")
    if keys and (keys[0] < least or (bound is not None and keys[-1] >= bound)):
        raise BoltError(f"{where}: its keys are outside the range that its branch gives")
