"""Registries in memory for the tests of checks: what Docker 20.10 and what Docker 29 leave behind after a push."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import tarfile
from dataclasses import dataclass, field
from typing import Any, Literal

from autograder.evidence.model import Manifest, Repository, Service
from autograder.oci import manifests
from autograder.oci.manifests import digest_of

Form = Literal["docker20", "docker29"]


@dataclass(frozen=True)
class Layer:
    """A layer by name; its content matters only where ``content`` is given.

    Attributes:
        name: decides the uncompressed content, so the diff id.
        size: bytes of the blob.
        content: the blob itself, for small layers that travel.
        packed: another value stands for another compression of the same content.
    """

    name: str
    size: int
    content: bytes | None = None
    packed: str = ""

    @property
    def digest(self) -> str:
        return digest_of(self.content if self.content is not None else f"{self.name}/{self.packed}".encode())


def text_layer(files: dict[str, str], *, packing: str = "gzip") -> Layer:
    """A layer that really holds text files."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as archive:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text.encode())
            archive.addfile(entry, io.BytesIO(text.encode()))
    content = raw.getvalue()
    if packing == "gzip":
        content = gzip.compress(content, mtime=0)
    if packing == "zstd":
        content = b"\x28\xb5\x2f\xfd" + content
    return Layer(repr(files), len(content), content)


@dataclass
class Registry:
    """A registry that is pushed to in one engine's form."""

    form: Form
    tags: dict[str, dict[str, str]] = field(default_factory=dict)
    manifests: dict[str, dict[str, Manifest]] = field(default_factory=dict)
    contents: dict[str, str] = field(default_factory=dict)

    def push(self, name: str, tag: str, layers: list[Layer], labels: dict[str, str], **config: Any) -> str:
        """Push an image as the engine would; the digest that the tag then points at."""
        digest = self._image(name, layers, labels, config)
        if self.form == "docker29":
            attestation = self._image(name, [Layer(f"in-toto {digest}", 1_100)], {}, {}, unknown=True)
            digest = self._index(name, digest, attestation)
        self.tags.setdefault(name, {})[tag] = digest
        return digest

    def tag(self, name: str, old: str, new: str) -> None:
        """A second tag on the same manifest."""
        self.tags[name][new] = self.tags[name][old]

    def again(self, name: str, old: str, new: str) -> None:
        """A build of an image that is taken from the cache as a whole: the same image, with another attestation."""
        image = json.loads(self.text(name, old))["manifests"][0]["digest"]
        attestation = self._image(name, [Layer(f"in-toto {image} {new}", 1_100)], {}, {}, unknown=True)
        self.tags[name][new] = self._index(name, image, attestation)

    def together(self, name: str, new: str, *old: str) -> None:
        """An index over the images of some tags, the first for amd64 and the others listed as attestations."""
        first, *others = (json.loads(self.text(name, tag))["manifests"][0]["digest"] for tag in old)
        for other in others:
            self.tags[name][new] = self._index(name, first, other)

    def alone(self, name: str, old: str, new: str, to: str | None = None) -> None:
        """``docker pull``, ``tag`` and ``push`` of an index: the attestation stays behind, and the image goes alone."""
        image = json.loads(self.text(name, old))["manifests"][0]["digest"]
        to = to or name
        self.manifests.setdefault(to, {})[image] = self.manifests[name][image]
        self.tags.setdefault(to, {})[new] = image

    def copy(self, name: str, to: str) -> None:
        """A repository under another name, as ``skopeo copy`` makes it: byte for byte."""
        self.tags[to], self.manifests[to] = dict(self.tags[name]), dict(self.manifests[name])

    def parsed(self, name: str, tag: str) -> dict[str, Any]:
        """The manifest of a tag's image, as JSON data."""
        document = json.loads(self.manifests[name][self.tags[name][tag]].text)
        if "manifests" in document:
            document = json.loads(self.manifests[name][document["manifests"][0]["digest"]].text)
        assert isinstance(document, dict)
        return document

    def text(self, name: str, tag: str) -> str:
        """The exact text of what a tag points at."""
        return self.manifests[name][self.tags[name][tag]].text

    def service(self, *names: str, layers: str = "none", **policies: str) -> Service:
        """The registry as evidence of these repositories."""
        found = {}
        for name in names:
            if name in self.manifests:
                found[name] = Repository.model_validate(
                    {
                        "service": "registry",
                        "name": name,
                        "layers": policies.get(name.rpartition("/")[2].replace("-", "_"), layers),
                        "tags": self.tags.get(name, {}),
                        "manifests": self.manifests[name],
                        "contents": self.contents,
                        "blobs": {digest: len(base64.b64decode(text)) for digest, text in self.contents.items()},
                    }
                )
        return Service(repositories=found, catalog=tuple(sorted(self.manifests)))

    def _keep(self, name: str, kind: str, document: dict[str, Any]) -> str:
        # docker push of 20.10 indents a manifest by three blanks, BuildKit by two
        text = json.dumps(document, indent=3 if self.form == "docker20" else 2)
        digest = digest_of(text.encode())
        self.manifests.setdefault(name, {})[digest] = Manifest(media_type=kind, text=text)
        return digest

    def _image(
        self, name: str, layers: list[Layer], labels: dict[str, str], config: dict[str, Any], unknown: bool = False
    ) -> str:
        docker = self.form == "docker20"
        kind = manifests.DOCKER_MANIFEST if docker else manifests.OCI_MANIFEST
        layer_kind = "docker.image.rootfs.diff.tar.gzip" if docker else "oci.image.layer.v1.tar+gzip"
        if unknown:
            layer_kind = "in-toto+json"
        architecture = "unknown" if unknown else "amd64"
        content = json.dumps(
            {
                "architecture": architecture,
                "os": "unknown" if unknown else "linux",
                "config": {"Labels": labels},
                "rootfs": {"type": "layers", "diff_ids": [digest_of(part.name.encode()) for part in layers]},
            }
            | config
        ).encode()
        self.contents[digest_of(content)] = base64.b64encode(content).decode()
        for part in layers:
            if part.content is not None:
                self.contents[part.digest] = base64.b64encode(part.content).decode()
        return self._keep(
            name,
            kind,
            {
                "schemaVersion": 2,
                "mediaType": kind,
                "config": {
                    "mediaType": manifests.DOCKER_CONFIG if docker else manifests.OCI_CONFIG,
                    "size": len(content),
                    "digest": digest_of(content),
                },
                "layers": [
                    {"mediaType": f"application/vnd.{layer_kind}", "size": part.size, "digest": part.digest}
                    for part in layers
                ],
            },
        )

    def _index(self, name: str, image: str, attestation: str) -> str:
        def child(digest: str, platform: dict[str, str], **annotations: str) -> dict[str, Any]:
            size = len(self.manifests[name][digest].raw)
            entry = {"mediaType": manifests.OCI_MANIFEST, "digest": digest, "size": size}
            return entry | ({"annotations": annotations} if annotations else {}) | {"platform": platform}

        marks = {"vnd.docker.reference.digest": image, "vnd.docker.reference.type": "attestation-manifest"}
        return self._keep(
            name,
            manifests.OCI_INDEX,
            {
                "schemaVersion": 2,
                "mediaType": manifests.OCI_INDEX,
                "manifests": [
                    child(image, {"architecture": "amd64", "os": "linux"}),
                    child(attestation, {"architecture": "unknown", "os": "unknown"}, **marks),
                ],
            },
        )


def sha256(text: str | bytes) -> str:
    """The digest of a text, as a student computes it."""
    return "sha256:" + hashlib.sha256(text.encode() if isinstance(text, str) else text).hexdigest()
