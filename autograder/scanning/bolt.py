"""Write a bbolt file, reproducibly: nested buckets in, bytes out. Trivy keeps its database in this format.

A bbolt file is a B+ tree of pages: two meta pages with checksums, a list of free pages, then leaf and branch pages
whose elements stand in ascending order of their keys. Everything is written in one pass, with no free page and full
leaves, so the same content always gives the same bytes.
Source of the format: https://github.com/etcd-io/bbolt/tree/main/internal/common (page.go, meta.go, bucket.go,
inode.go), and ``Bucket.inlineable`` in https://github.com/etcd-io/bbolt/blob/main/bucket.go.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

PAGE_SIZE = 4096
MAGIC, VERSION = 0xED0CDAED, 2
BRANCH, LEAF, META, FREELIST = 0x01, 0x02, 0x04, 0x10  # flags of a page
BUCKET_LEAF = 0x01  # flag of a leaf element whose value is a bucket
MAX_KEY = 32768  # bytes; bbolt's MaxKeySize
MAX_COUNT = 0xFFFF - 1  # elements of one page: its count has 16 bits, and the highest value is not used

PAGE = struct.Struct("<QHHL")  # id, flags, count, overflow
LEAF_ELEMENT = struct.Struct("<LLLL")  # flags, position, key size, value size
BRANCH_ELEMENT = struct.Struct("<LLQ")  # position, key size, page id
BUCKET = struct.Struct("<QQ")  # root page (0: the page follows, inline), sequence
META_BODY = struct.Struct("<LLLLQQQQQ")  # magic, version, page size, flags, root, sequence, freelist, high water, txid
CHECKSUM = struct.Struct("<Q")

Tree = Mapping[bytes, "bytes | Tree"]  # key -> value, or key -> a bucket of the same kind


def fnv1a(content: bytes) -> int:
    """The 64-bit FNV-1a hash, the checksum of a meta page. http://www.isthe.com/chongo/tech/comp/fnv/"""
    value = 0xCBF29CE484222325
    for byte in content:
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return value


@dataclass(frozen=True)
class _Element:
    """An element of a page: of a leaf (flags, value) or of a branch (the child's page id)."""

    key: bytes
    flags: int = 0
    value: bytes = b""
    child: int = 0

    @property
    def size(self) -> int:
        return LEAF_ELEMENT.size + len(self.key) + len(self.value)  # both kinds of element have 16 bytes


def write(tree: Tree, page_size: int = PAGE_SIZE) -> bytes:
    """A bbolt file with the given top-level buckets.

    Args:
        tree: name of a bucket -> its content; bbolt allows nothing but buckets at the top.
        page_size: bytes of a page, a power of two from 1,024 on.

    Raises:
        ValueError: a key is empty or too long, a top-level value is no bucket, or the page size is unusual.
    """
    if page_size < 1024 or page_size & (page_size - 1):
        raise ValueError(f"a page of {page_size} bytes")
    if any(not isinstance(value, Mapping) for value in tree.values()):
        raise ValueError("only buckets can stand at the top level")
    writer = _Writer(page_size)
    root = writer.bucket(tree)
    return writer.file(root)


class _Writer:
    """Collects pages; 0 and 1 are the meta pages, 2 the (empty) list of free pages."""

    def __init__(self, page_size: int) -> None:
        self.page_size = page_size
        self.pages: list[bytes] = []  # from page 3 on; a large one spans several numbers
        self.next = 3

    def bucket(self, tree: Tree) -> int:
        """Write a bucket's pages, children first, and return the id of its root."""
        return self._tree(self._elements(tree))

    def _elements(self, tree: Tree) -> list[_Element]:
        found = []
        for key in sorted(tree):
            if not 0 < len(key) <= MAX_KEY:
                raise ValueError(f"a key of {len(key)} bytes")
            value = tree[key]
            if isinstance(value, Mapping):
                found.append(_Element(key, BUCKET_LEAF, self._sub_bucket(value)))
            else:
                found.append(_Element(key, 0, value))
        return found

    def _sub_bucket(self, tree: Tree) -> bytes:
        """A nested bucket's value: small ones without buckets of their own are stored inline."""
        if not any(isinstance(value, Mapping) for value in tree.values()):
            elements = self._elements(tree)
            if PAGE.size + sum(element.size for element in elements) <= self.page_size // 4:
                return BUCKET.pack(0, 0) + _page(0, LEAF, elements, 0)
            return BUCKET.pack(self._tree(elements), 0)
        return BUCKET.pack(self.bucket(tree), 0)

    def _tree(self, elements: Sequence[_Element]) -> int:
        """Pages of a B+ tree over leaf elements; the id of its root."""
        flags = LEAF
        level = list(elements)
        while True:
            groups = self._groups(level)
            ids = [(group[0].key if group else b"", self._add(flags, group)) for group in groups]
            if len(ids) == 1:
                return ids[0][1]
            level = [_Element(key, child=number) for key, number in ids]
            flags = BRANCH

    def _groups(self, elements: Sequence[_Element]) -> list[list[_Element]]:
        """Elements as they go into pages: as many as fit, at least two a branch, so that a tree always narrows."""
        groups: list[list[_Element]] = [[]]
        used = PAGE.size
        for element in elements:
            least = 2 if element.child else 1
            full = used + element.size > self.page_size or len(groups[-1]) >= MAX_COUNT
            if full and len(groups[-1]) >= least:
                groups.append([])
                used = PAGE.size
            groups[-1].append(element)
            used += element.size
        return groups

    def _add(self, flags: int, elements: Sequence[_Element]) -> int:
        number = self.next
        size = PAGE.size + sum(element.size for element in elements)
        count = -(-size // self.page_size)
        page = _page(number, flags, elements, count - 1)
        self.pages.append(page.ljust(count * self.page_size, b"\0"))
        self.next += count
        return number

    def file(self, root: int) -> bytes:
        """The whole file: meta pages of transactions 0 and 1, the free list, and what was collected."""
        start = b""
        for number in (0, 1):
            body = META_BODY.pack(MAGIC, VERSION, self.page_size, 0, root, 0, 2, self.next, number)
            page = PAGE.pack(number, META, 0, 0) + body + CHECKSUM.pack(fnv1a(body))
            start += page.ljust(self.page_size, b"\0")
        start += PAGE.pack(2, FREELIST, 0, 0).ljust(self.page_size, b"\0")
        return start + b"".join(self.pages)


def _page(number: int, flags: int, elements: Sequence[_Element], overflow: int) -> bytes:
    """A page's bytes without padding: header, one fixed part an element, then keys and values."""
    heads, data = bytearray(), bytearray()
    for index, element in enumerate(elements):
        # The position counts from the element's own start.
        position = (len(elements) - index) * LEAF_ELEMENT.size + len(data)
        if flags == LEAF:
            heads += LEAF_ELEMENT.pack(element.flags, position, len(element.key), len(element.value))
        else:
            heads += BRANCH_ELEMENT.pack(position, len(element.key), element.child)
        data += element.key + element.value
    return PAGE.pack(number, flags, len(elements), overflow) + bytes(heads) + bytes(data)
