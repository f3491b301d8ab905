"""Images in memory for scanning tests: Python packages as a package manager leaves them, in real tar layers."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import tarfile
from dataclasses import dataclass
from datetime import date
from typing import Any

from autograder.domain.bases import Base
from autograder.evidence import layout
from autograder.evidence.model import Repository
from autograder.oci.manifests import digest_of
from tests.evidence.images import Layout

SITE = "usr/local/lib/python3.11/site-packages"
Files = dict[str, bytes]


def package(name: str, version: str, site: str = SITE, code: bytes = b"", module: str | None = None) -> Files:
    """An installed package: code, METADATA, and a RECORD that fits."""
    info = f"{name.replace('-', '_')}-{version}.dist-info"
    files = {
        f"{module or name}/__init__.py": code or f"# {name} {version}\n".encode(),
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode(),
        f"{info}/INSTALLER": b"pip\n",
    }
    rows = [
        f"{path},sha256={base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip('=')},{len(content)}"
        for path, content in files.items()
    ]
    files[f"{info}/RECORD"] = ("\n".join([*rows, f"{info}/RECORD,,"]) + "\n").encode()
    return {f"{site}/{path}": content for path, content in files.items()}


def base(*diff_ids: str, layers: tuple[str, ...] = ()) -> Base:
    """A base that is known by the digests of its layers as tars, or by those of its layers as they are."""
    return Base("python:3.11", "linux/amd64", "a test", date(2026, 1, 1), layers=layers, diff_ids=diff_ids)


def tar(files: Files) -> bytes:
    """A tar with these regular files."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as archive:
        for path, content in files.items():
            entry = tarfile.TarInfo(path)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return raw.getvalue()


@dataclass
class Built:
    """An image in a snapshot."""

    layout: Layout
    digest: str
    blobs: list[str]  # digests of its layers
    diff_ids: list[str]

    def snapshot(self, base: tuple[str, ...] = ()) -> tuple[Repository, layout.MemorySource]:
        """The verified repository and its files."""
        source = self.layout.source()
        policy: Any = "above-base" if base else "all"
        held = layout.verify(source, service="registry", name="team/app", layers=policy, left_out=base)
        return held, source


def image(*layers: Files | bytes, blobs: list[bytes] | None = None, diff_ids: list[str] | None = None) -> Built:
    """An image of layers (files, or the bytes of a tar); ``blobs`` and ``diff_ids`` put others in their place."""
    tars = [one if isinstance(one, bytes) else tar(one) for one in layers]
    packed = blobs if blobs is not None else [gzip.compress(one, mtime=0) for one in tars]
    ids = diff_ids if diff_ids is not None else [digest_of(one) for one in tars]
    made = Layout()
    target = made.image(packed, config={"rootfs": {"type": "layers", "diff_ids": ids}})
    made.tag("1.0", target)
    return Built(made, target[0], [digest_of(one) for one in packed], ids)
