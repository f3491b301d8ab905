"""A reset removes what was pushed for the lab, and nothing else."""

from __future__ import annotations

import json

import pytest
import requests

from autograder.labs import manifest, pushed
from autograder.oci import manifests
from autograder.oci.client import RegistryClient
from autograder.oci.manifests import digest_of
from autograder.services import addresses
from tests.checks import routes

pytestmark = pytest.mark.engine
LAB = manifest.find("01-first-push")


def push(address: str, name: str, tags: tuple[str, ...], text: str) -> None:
    """An artifact without layers, under several tags."""
    base = f"http://{address}/v2/{name}"
    content = json.dumps({"text": text}).encode()
    place = requests.post(f"{base}/blobs/uploads/", timeout=10).headers["Location"]
    done = requests.put(f"{place}&digest={digest_of(content)}", data=content, timeout=10)
    assert done.status_code == 201, done.text
    config = {"mediaType": manifests.OCI_CONFIG, "digest": digest_of(content), "size": len(content)}
    document = {"schemaVersion": 2, "mediaType": manifests.OCI_MANIFEST, "config": config, "layers": []}
    for tag in tags:
        kind = {"Content-Type": manifests.OCI_MANIFEST}
        put = requests.put(f"{base}/manifests/{tag}", json=document, headers=kind, timeout=10)
        assert put.status_code == 201, put.text


def test_the_labs_repositories_are_emptied_and_can_be_filled_again(registry, monkeypatch):
    monkeypatch.setattr(addresses, "load", lambda: addresses.Addresses({"registry": registry}, None, None))
    values = {"repository": "reset-test/ml-model", "hello": "reset-test/hello"}
    client = RegistryClient(registry)
    for _ in range(2):
        push(registry, "reset-test/ml-model", ("1.0.0", "1.0", "prod"), "one")
        push(registry, "reset-test/ml-model", ("2.0.0",), "two")
        push(registry, "reset-test/other", ("1.0.0",), "one")
        assert sorted(client.tags("reset-test/ml-model")) == ["1.0", "1.0.0", "2.0.0", "prod"]
        assert pushed.remove(LAB, values) == ["reset-test/ml-model"]
        assert client.tags("reset-test/ml-model") == [] and client.tags("reset-test/other") == ["1.0.0"]
    assert pushed.remove(LAB, values) == []


def test_what_an_index_lists_goes_with_it(registry, monkeypatch):
    monkeypatch.setattr(addresses, "load", lambda: addresses.Addresses({"registry": registry}, None, None))
    name = "reset-test/index"
    client = RegistryClient(registry)
    push(registry, name, ("1.0.0",), "one")
    routes.as_docker_29(registry, name, "1.0.0")
    found = client.manifest(name, "1.0.0")
    index = manifests.parse(found.content, found.media_type)
    assert isinstance(index, manifests.ImageIndex) and len(index.manifests) == 2
    assert pushed.remove(LAB, {"repository": name, "hello": "reset-test/hello"}) == [name]
    for digest in (index.digest, *(child.digest for child in index.manifests)):
        assert client.head(name, digest) is None
