"""Layers: their digests as an image's config lists them, and what is in one (a small tar, with hard limits).

Sources: https://github.com/opencontainers/image-spec/blob/main/layer.md and config.md (``rootfs.diff_ids``).
"""

from __future__ import annotations

import io
import tarfile
import zlib
from collections.abc import Mapping
from typing import Any

MAX_UNPACKED = 4 << 20  # bytes: a tar that grows beyond this is refused, whatever it claims
MAX_ENTRIES = 2_000
ZSTD = b"\x28\xb5\x2f\xfd"


class LayerError(ValueError):
    """The bytes are not a layer that can be read here; the message says why."""


def diff_ids(config: Mapping[str, Any] | None) -> tuple[str, ...]:
    """Digests of an image's layers as tars, from the base up, as its config lists them; empty when it lists none."""
    rootfs = (config or {}).get("rootfs")
    listed = rootfs.get("diff_ids") if isinstance(rootfs, dict) else None
    if not isinstance(listed, list) or not all(isinstance(each, str) for each in listed):
        return ()
    return tuple(listed)


def unpack(content: bytes, limit: int = MAX_UNPACKED) -> bytes:
    """The tar inside a layer's blob.

    Args:
        content: the blob, gzip or plain tar.
        limit: bytes that the tar may have.

    Raises:
        LayerError: damaged, too large, or compressed in another way.
    """
    if content.startswith(ZSTD):
        raise LayerError("it is compressed with zstd, and only gzip and plain tar are read here")
    if not content.startswith(b"\x1f\x8b"):
        if len(content) > limit:
            raise LayerError(f"it has more than {limit} bytes")
        return content
    engine = zlib.decompressobj(wbits=31)
    try:
        tar = engine.decompress(content, limit + 1)
    except zlib.error as error:
        raise LayerError(f"its gzip data is damaged ({error})") from None
    if len(tar) > limit:
        raise LayerError(f"it unpacks to more than {limit} bytes")
    if not engine.eof:
        raise LayerError("its gzip data ends too early")
    return tar


def files(content: bytes, limit: int = MAX_UNPACKED) -> dict[str, bytes]:
    """The regular files of a layer: path without leading slash -> content. Whiteouts and links are left out.

    Raises:
        LayerError: as :func:`unpack`, or the tar is damaged.
    """
    found: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(unpack(content, limit)), mode="r:") as archive:
            for number, entry in enumerate(archive):
                if number >= MAX_ENTRIES:
                    raise LayerError(f"it holds more than {MAX_ENTRIES} entries")
                path = entry.name.removeprefix("./").lstrip("/")
                if entry.issparse() or entry.size > limit:  # a few bytes can claim a file of any size
                    raise LayerError(f"{path} is sparse or larger than {limit} bytes")
                if not entry.isreg() or path.rpartition("/")[2].startswith(".wh."):
                    continue
                opened = archive.extractfile(entry)
                found[path] = opened.read() if opened else b""
    except (tarfile.TarError, EOFError, OSError, ValueError, OverflowError) as error:
        if isinstance(error, LayerError):
            raise
        raise LayerError(f"it is not a tar archive ({error})") from None
    return found
