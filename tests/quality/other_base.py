"""A submission as it would be had the student's machine had another Python base: every digest follows from the new one.

Only digests and what hangs on them change: layers, configs, manifests, indexes, artifacts, and texts that name one.
"""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from typing import Any

from autograder.oci.manifests import digest_of

Content = dict[str, bytes]


@dataclass(frozen=True)
class OtherBase:
    """A base: its layers as tars, lowest first, and the platform's architecture."""

    tars: tuple[bytes, ...]
    architecture: str = "amd64"

    @property
    def diff_ids(self) -> list[str]:
        return [digest_of(tar) for tar in self.tars]

    @property
    def blobs(self) -> dict[str, bytes]:
        """Digest -> layer, as a registry has it."""
        packed = [gzip.compress(tar, mtime=0) for tar in self.tars]
        return {digest_of(blob): blob for blob in packed}


def moved(content: Content, old: str, base: OtherBase) -> Content:
    """The files of a submission, moved from the base whose only layer is ``old`` (a diff_id) to another one.

    Args:
        content: name -> bytes, as in the zip.
        old: diff_id of the base that the images stand on now.
        base: the base to put in its place.
    """
    return _Move(content, old, base).run()


class _Move:
    def __init__(self, content: Content, old: str, base: OtherBase) -> None:
        self.content, self.old, self.base = dict(content), old, base
        self.digests: dict[str, str] = {}  # old digest -> new one
        self.sizes: dict[str, int] = {}  # new digest -> size
        self.configs: set[str] = set()  # new digests of configs of images that stand on the base

    def run(self) -> Content:
        blobs = {name.rpartition("/")[2]: data for name, data in self.content.items() if "/blobs/" in name}
        for hexdigest, data in blobs.items():
            document = _json(data)
            if isinstance(document, dict) and self.old in (document.get("rootfs") or {}).get("diff_ids", [None])[:1]:
                document["architecture"] = self.base.architecture
                self.configs.add(self._becomes(f"sha256:{hexdigest}", self._walk(document)))
        while self._manifests(blobs):
            pass
        changed: Content = {}
        for name, data in self.content.items():
            folder, blob, hexdigest = name.rpartition("/blobs/sha256/")
            if blob:
                new = self.digests.get(f"sha256:{hexdigest}")
                name = f"{folder}{blob}{new.removeprefix('sha256:')}" if new else name
                changed[name] = self.written[new] if new else data
            elif name.endswith(".json") or name.endswith(".ipynb"):
                changed[name] = _dump(self._walk(_json(data), whole=False)) if _json(data) is not None else data
            else:
                changed[name] = data
        self._add_layers(changed)
        return changed

    @property
    def written(self) -> dict[str, bytes]:
        return self.__dict__.setdefault("_written", {})

    def _becomes(self, old: str, document: Any) -> str:
        data = _dump(document)
        new = digest_of(data)
        self.digests[old], self.sizes[new], self.written[new] = new, len(data), data
        return new

    def _manifests(self, blobs: dict[str, bytes]) -> bool:
        """Write manifests anew whose parts have changed; whether one was."""
        found = False
        for hexdigest, data in blobs.items():
            document = _json(data)
            if f"sha256:{hexdigest}" in self.digests or not isinstance(document, dict):
                continue
            if not {"manifests", "layers", "config"} & set(document) or "rootfs" in document:
                continue
            parts = [document.get("config"), document.get("subject"), *document.get("manifests", [])]
            if not any(isinstance(part, dict) and part.get("digest") in self.digests for part in parts):
                continue
            config = self.digests.get((document.get("config") or {}).get("digest"))
            if config in self.configs:
                layers = document["layers"]
                kind = layers[0]["mediaType"]
                own = [{"mediaType": kind, "digest": d, "size": len(b)} for d, b in self.base.blobs.items()]
                document["layers"] = own + layers[1:]
            self._becomes(f"sha256:{hexdigest}", self._walk(document))
            found = True
        return found

    def _walk(self, value: Any, whole: bool = True) -> Any:
        """JSON data with every digest that changed, and the size beside it; the old base's diff_id is spliced."""
        if isinstance(value, str):
            if value == self.old:
                return self.base.diff_ids[-1]
            for old, new in self.digests.items():
                if old[7:] in value:
                    value = value.replace(old, new).replace(old[7:], new[7:])
            return value
        if isinstance(value, list):
            spliced: list[Any] = []
            for part in value:
                spliced += self.base.diff_ids if part == self.old else [self._walk(part, whole)]
            return spliced
        if isinstance(value, dict):
            walked = {self._walk(key): self._walk(part, whole) for key, part in value.items()}
            if walked.get("digest") in self.sizes and isinstance(walked.get("size"), int) and "mediaType" in walked:
                walked["size"] = self.sizes[walked["digest"]]
            return walked
        return value

    def _add_layers(self, changed: Content) -> None:
        """Put the base's layers into every snapshot that holds layers above the base, and its claim away."""
        for name in [name for name in changed if name.startswith("evidence/") and name.count("/") == 1]:
            document = _json(changed[name])
            for one in (document.get("repositories") or {}).values() if isinstance(document, dict) else ():
                if one.get("layers") == "above-base":
                    one["base_layers"] = []
                    for digest, blob in self.base.blobs.items():
                        changed[f"{one['folder']}/blobs/{digest.replace(':', '/')}"] = blob
            changed[name] = _dump(document)


def _json(data: bytes) -> Any:
    try:
        return json.loads(data)
    except ValueError:
        return None


def _dump(document: Any) -> bytes:
    return json.dumps(document, ensure_ascii=False).encode()
