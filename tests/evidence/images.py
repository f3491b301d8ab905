"""Small images in memory for tests: layouts as dictionaries, in Docker's and OCI's media types, single and as index."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from dataclasses import dataclass, field
from typing import Any

from autograder.evidence import layout
from autograder.oci import manifests
from autograder.oci.manifests import digest_of

DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
STATEMENT = "application/vnd.in-toto+json"
BUILDKIT = "buildkit.dockerfile.v0"
CREATED = "2024-11-05T08:15:02.123456789Z"


def tar(name: str, content: bytes) -> bytes:
    """A tar with one file, ended as Go ends one: with two blocks of zeros."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        entry = tarfile.TarInfo(name)
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
        end = archive.offset
    return buffer.getvalue()[:end] + bytes(2 * tarfile.BLOCKSIZE)


def gzipped(content: bytes) -> bytes:
    """Gzip with Go's header."""
    made = bytearray(gzip.compress(content, mtime=0))
    made[8:10] = b"\0\xff"
    return bytes(made)


def js(document: Any) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


@dataclass
class Layout:
    """Builds a layout; ``files`` is what :class:`MemorySource` reads."""

    files: dict[str, bytes] = field(default_factory=lambda: {"oci-layout": layout.LAYOUT_FILE})
    entries: list[dict[str, Any]] = field(default_factory=list)

    def blob(self, content: bytes) -> str:
        digest = digest_of(content)
        self.files[layout.blob_name(digest)] = content
        return digest

    def image(
        self,
        layers: list[bytes],
        *,
        oci: bool = True,
        labels: dict[str, str] | None = None,
        config: dict[str, Any] | None = None,
        layer_type: str = "",
    ) -> tuple[str, int, str]:
        """Digest, size and media type of a manifest over ``layers`` (their content is free text)."""
        layer_type = layer_type or (OCI_LAYER if oci else DOCKER_LAYER)
        document = {"architecture": "amd64", "os": "linux", "config": {"Labels": labels or {}}} | (config or {})
        document.setdefault("rootfs", {"type": "layers", "diff_ids": [digest_of(b"diff" + x) for x in layers]})
        kind = manifests.OCI_MANIFEST if oci else manifests.DOCKER_MANIFEST
        content = js(document)
        manifest = js(
            {
                "schemaVersion": 2,
                "mediaType": kind,
                "config": {
                    "mediaType": manifests.OCI_CONFIG if oci else manifests.DOCKER_CONFIG,
                    "digest": self.blob(content),
                    "size": len(content),
                },
                "layers": [{"mediaType": layer_type, "digest": self.blob(x), "size": len(x)} for x in layers],
            }
        )
        return self.blob(manifest), len(manifest), kind

    def built(self, *contents: bytes, labels: dict[str, str], created: str = CREATED) -> tuple[str, int, str]:
        """An image as BuildKit writes one, of a layer with one file for each of ``contents``."""
        tars = [tar(f"app/{number}", content) for number, content in enumerate(contents)]
        step = {"created": created, "created_by": "COPY . /app # buildkit", "comment": BUILDKIT}
        steps = [step for _ in tars]
        config = {"created": created, "history": steps, "config": {"Labels": labels}}
        config["rootfs"] = {"type": "layers", "diff_ids": [digest_of(each) for each in tars]}
        return self.image([gzipped(each) for each in tars], config=config)

    def index(self, *children: tuple[str, int, str], attested: bool = False) -> tuple[str, int, str]:
        """An index over images; with ``attested`` an attestation manifest each, as BuildKit adds."""
        listed: list[dict[str, Any]] = [
            {"mediaType": kind, "digest": digest, "size": size, "platform": {"os": "linux", "architecture": arch}}
            for (digest, size, kind), arch in zip(children, ("amd64", "arm64", "s390x"), strict=False)
        ]
        if attested:
            for digest, _, _ in children:
                extra = self.image([b'{"_type":"in-toto ' + digest.encode() + b'"}'], layer_type=STATEMENT)
                listed.append(
                    {
                        "mediaType": extra[2],
                        "digest": extra[0],
                        "size": extra[1],
                        "platform": {"os": "unknown", "architecture": "unknown"},
                        "annotations": {
                            "vnd.docker.reference.digest": digest,
                            "vnd.docker.reference.type": "attestation-manifest",
                        },
                    }
                )
        content = js({"schemaVersion": 2, "mediaType": manifests.OCI_INDEX, "manifests": listed})
        return self.blob(content), len(content), manifests.OCI_INDEX

    def tag(self, name: str, target: tuple[str, int, str]) -> None:
        digest, size, kind = target
        self.entries.append({"mediaType": kind, "digest": digest, "size": size, "annotations": {layout.REF_NAME: name}})

    def source(self) -> layout.MemorySource:
        files = dict(self.files)
        files["index.json"] = js({"schemaVersion": 2, "manifests": self.entries})
        return layout.MemorySource(files)

    def verify(self, layers: Any = "all", left_out: tuple[str, ...] = ()) -> Any:
        return layout.verify(self.source(), service="registry", name="team/app", layers=layers, left_out=left_out)
