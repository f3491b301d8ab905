"""Ways by which images get into a registry, for the tests of checks on a real one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import requests

from autograder.oci import manifests
from autograder.oci.manifests import digest_of

if TYPE_CHECKING:
    from docker import DockerClient


def push(engine: DockerClient, local: str, address: str, repository: str, tag: str) -> None:
    """``docker tag`` and ``docker push``, by the SDK."""
    target = f"{address}/{repository}"
    assert engine.images.get(local).tag(target, tag)
    for line in engine.images.push(target, tag, stream=True, decode=True):
        assert "error" not in line, line
    engine.images.remove(f"{target}:{tag}")


def as_docker_29(address: str, repository: str, tag: str) -> None:
    """Put in the tag's place what Docker 29 pushes: an OCI index over the image and an attestation."""
    base = f"http://{address}/v2/{repository}"

    def put_blob(content: bytes) -> dict[str, Any]:
        start = requests.post(f"{base}/blobs/uploads/", timeout=10).headers["Location"]
        sign = "&" if "?" in start else "?"
        done = requests.put(f"{start}{sign}digest={digest_of(content)}", data=content, timeout=10)
        assert done.status_code == 201, done.text
        return {"digest": digest_of(content), "size": len(content)}

    def put_manifest(document: dict[str, Any], reference: str | None = None) -> dict[str, Any]:
        content = json.dumps(document, indent=2).encode()
        done = requests.put(
            f"{base}/manifests/{reference or digest_of(content)}",
            data=content,
            headers={"Content-Type": document["mediaType"]},
            timeout=10,
        )
        assert done.status_code == 201, done.text
        return {"mediaType": document["mediaType"], "digest": digest_of(content), "size": len(content)}

    old = requests.get(f"{base}/manifests/{tag}", headers={"Accept": manifests.ACCEPT}, timeout=10).json()
    layer_type = "application/vnd.oci.image.layer.v1.tar+gzip"
    image = {
        "schemaVersion": 2,
        "mediaType": manifests.OCI_MANIFEST,
        "config": old["config"] | {"mediaType": manifests.OCI_CONFIG},
        "layers": [layer | {"mediaType": layer_type} for layer in old["layers"]],
    }
    pushed = put_manifest(image)
    statement = put_blob(b'{"_type":"https://in-toto.io/Statement/v0.1","subject":"' + tag.encode() + b'"}')
    config = {"architecture": "unknown", "os": "unknown", "config": {}, "rootfs": {"type": "layers", "diff_ids": []}}
    attestation = put_manifest(
        {
            "schemaVersion": 2,
            "mediaType": manifests.OCI_MANIFEST,
            "config": put_blob(json.dumps(config | {"tag": tag}).encode()) | {"mediaType": manifests.OCI_CONFIG},
            "layers": [statement | {"mediaType": "application/vnd.in-toto+json"}],
        }
    )
    marks = {"vnd.docker.reference.digest": pushed["digest"], "vnd.docker.reference.type": "attestation-manifest"}
    put_manifest(
        {
            "schemaVersion": 2,
            "mediaType": manifests.OCI_INDEX,
            "manifests": [
                pushed | {"platform": {"architecture": "amd64", "os": "linux"}},
                attestation | {"annotations": marks, "platform": {"architecture": "unknown", "os": "unknown"}},
            ],
        },
        tag,
    )
