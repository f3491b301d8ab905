"""The owner's way to read: everything is there to be seen, nothing is changed by looking, and nobody else may."""

from __future__ import annotations

from uuid import uuid4

import pytest

from autograder.collect.emulators import EmulatorClient
from autograder.oci.client import Missing
from autograder.oci.manifests import OCI_INDEX, digest_of
from autograder.services import cloud_admin, cloud_credentials
from autograder.services import http as local

from .support import Place, index

pytestmark = pytest.mark.engine


def test_looking_leaves_no_trace(place: Place) -> None:
    name = f"{place.namespace}/o{uuid4().hex[:10]}"
    place.http().push_image(name, "1")
    digest = place.http().push_image(name, "1", "two")
    before = cloud_admin.snapshot(place.service)
    client = EmulatorClient(place.service)
    client.look()
    assert client.head(name, "1") == digest
    assert client.tags(name) == ["1"] and name in client.catalog()
    (old,) = client.untagged(name)
    for reference in ("1", old):
        manifest = client.manifest(name, reference)
        assert manifest.digest == client.head(name, reference)
    config = digest_of(b"".join(client.blob(name, _config(client, name))))
    assert config == _config(client, name)
    with pytest.raises(Missing):
        client.manifest(name, "2")
    after = cloud_admin.snapshot(place.service)
    assert (after["state"], after["journal"]) == (before["state"], before["journal"])


def _config(client: EmulatorClient, name: str) -> str:
    from autograder.oci import manifests

    found = manifests.parse(client.manifest(name, "1").content)
    assert isinstance(found, manifests.ImageManifest)
    return found.config.digest


@pytest.mark.parametrize("given", [None, "Bearer wrong", "Basic YTpi"])
def test_only_the_installations_secret_opens_it(place: Place, given: str | None) -> None:
    headers = {"Authorization": given} if given else {}
    answer = place.http().raw("GET", "/_course/v2/library/python/tags/list", None, headers)
    assert (answer.status, answer.code) == (401, "UNAUTHORIZED")


def test_it_is_for_reading_only(place: Place) -> None:
    name = f"{place.namespace}/o{uuid4().hex[:10]}"
    digest = place.http().push_image(name, "1")
    secret = (cloud_credentials.find() or {})["admin_secret"]
    for method, path in (
        ("PUT", f"{name}/manifests/2"),
        ("DELETE", f"{name}/manifests/{digest}"),
        ("POST", f"{name}/blobs/uploads/"),
    ):
        answer = place.http().raw(method, f"/_course/v2/{path}", b"", {"Authorization": f"Bearer {secret}"})
        assert answer.status == 405, (method, answer.status)
    assert local.ask(f"http://{place.address}/_course/v2/../health").status in (401, 404)


def test_a_lab_begins_anew(place: Place) -> None:
    """A repository goes with everything in it, also what an index protects; others stay."""
    name, other = (f"{place.namespace}/o{uuid4().hex[:10]}" for _ in range(2))
    http = place.http()
    http.push_image(other, "1")
    http.push_image(name, "1")
    child = http.send("GET", f"/v2/{name}/manifests/1", None, f"repository:{name}:pull,push")
    from autograder.emulators.interface import Manifest

    made = index(name, "both", Manifest(name, None, digest_of(child.body), child.headers["Content-Type"], child.body))
    assert http.push_manifest(name, "both", made.body, OCI_INDEX).status == 201
    if place.service == "acr":
        cloud_admin.call("acr", "repository-update", image=f"{name}:1", attributes={"deleteEnabled": False})
    assert cloud_admin.forget(place.service, name) and not cloud_admin.forget(place.service, name)
    assert http.digest(name, "1") is None and http.digest(other, "1")


def test_a_clients_own_look_is_a_line(place: Place) -> None:
    """By HEAD, whether it looks for itself or in order to push."""
    name = f"{place.namespace}/o{uuid4().hex[:10]}"
    http = place.http()
    digest = http.push_image(name, "1")
    known = len(cloud_admin.journal(place.service))
    http.digest(name, "1")
    http.digest(name, digest)
    http.send("HEAD", f"/v2/{name}/manifests/1", None, f"repository:{name}:pull,push")
    assert http.digest(name, "2") is None
    lines = cloud_admin.journal(place.service)[known:]
    seen = [(line["what"], line["tag"], line["digest"], line["detail"].get("actions")) for line in lines]
    assert seen == [
        ("resolve", "1", digest, ["pull"]),
        ("resolve", "", digest, ["pull"]),
        ("resolve", "1", digest, ["pull", "push"]),
    ]
