"""The database as an OCI artifact in a real registry, from which Trivy takes it; an SBOM as a referrer."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import time

import pytest
import requests

from autograder.errors import EnvironmentProblem
from autograder.oci.manifests import OCI_MANIFEST, digest_of
from autograder.scanning import artifact, database, trivy
from autograder.services import addresses, engine, images
from autograder.services.addresses import Addresses
from tests.scanning.built import image, package


def test_the_artifact_is_reproducible_and_holds_the_database():
    made = database.build()
    manifest, blobs = artifact.database_artifact(made)
    assert artifact.database_artifact(database.build()) == (manifest, blobs)
    (layer,) = json.loads(manifest)["layers"]
    assert layer["mediaType"] == "application/vnd.aquasec.trivy.db.layer.v1.tar+gzip"
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(blobs[layer["digest"]]))) as archive:
        assert {one.name: archive.extractfile(one).read() for one in archive} == {
            "trivy.db": made.db,
            "metadata.json": made.metadata,
        }


def test_a_silent_registry_is_named():
    with pytest.raises(EnvironmentProblem, match="no answer"):
        artifact.Pusher("127.0.0.1:9", "trivy-db").database(database.build())


@pytest.fixture(scope="module")
def registry():
    """Address of a throw-away registry."""
    client = engine.connect()
    images.ensure(client, images.REGISTRY)
    made = client.containers.run(images.REGISTRY, detach=True, ports={"5000/tcp": ("127.0.0.1", None)},
                                 labels={"course.test": "scanning-registry"}, tmpfs={"/var/lib/registry": ""},
                                 environment={"OTEL_TRACES_EXPORTER": "none",
                                              "REGISTRY_STORAGE_DELETE_ENABLED": "true"})  # fmt: skip
    try:
        made.reload()
        address = f"localhost:{made.ports['5000/tcp'][0]['HostPort']}"
        for _ in range(300):
            try:
                if requests.get(f"http://{address}/v2/", timeout=2).ok:
                    break
            except requests.ConnectionError:
                time.sleep(0.1)
        yield address
    finally:
        made.remove(force=True, v=True)
        client.close()


@pytest.mark.engine
def test_trivy_takes_the_database_from_the_registry(registry, program, tmp_path):
    made = database.build()
    pusher = artifact.Pusher(registry, "course/trivy-db")
    assert pusher.database(made) == pusher.database(made)
    cache, empty = tmp_path / "cache", tmp_path / "empty"
    empty.mkdir()
    trivy.run(program, ["image", "--quiet", "--download-db-only", "--db-repository", f"{registry}/course/trivy-db:2"],
              cwd=empty, cache=cache)  # fmt: skip
    assert database.require(cache).db == made.db


@pytest.mark.engine
def test_a_published_database_is_what_the_courses_variables_name(registry, program, home, tmp_path):
    address = Addresses({"registry": registry}, None, None)
    cached = addresses.trivy_cache() / "db" / "trivy.db"
    cached.parent.mkdir(parents=True)
    cached.write_bytes(b"of an older kit")
    first = artifact.publish(registry)
    assert not cached.exists()
    manifests = f"http://{registry}/v2/{addresses.TRIVY_DB}/manifests"
    assert requests.delete(f"{manifests}/{first}", timeout=5).status_code == 202
    assert artifact.publish(registry) == artifact.publish(registry) == first
    trivy.run(program, ["image", "--quiet", "--download-db-only"], cwd=tmp_path, cache=addresses.trivy_cache(),
              extra=address.for_trivy())  # fmt: skip
    assert database.require(addresses.trivy_cache())
    assert artifact.publish(registry) == first
    assert cached.exists()
    assert addresses.TRIVY_DB in requests.get(f"http://{registry}/v2/_catalog", timeout=5).json()["repositories"]


@pytest.mark.engine
def test_an_sbom_is_found_by_the_digest_of_its_image(registry):
    built = image(package("joblib", "1.1.0"))
    pusher = artifact.Pusher(registry, "team/app")
    for name, content in built.layout.files.items():
        if name.startswith("blobs/"):
            pusher.blob(content)
    manifest = built.layout.files[f"blobs/{built.digest.replace(':', '/')}"]
    kind = json.loads(manifest).get("mediaType", OCI_MANIFEST)
    assert pusher.manifest(manifest, kind, "1.0") == built.digest
    first = pusher.sbom("1.0", b'{"bomFormat": "CycloneDX"}', "cyclonedx")
    second = pusher.sbom(built.digest, b'{"spdxVersion": "SPDX-2.3"}', "spdx-json")
    assert pusher.sbom("1.0", b'{"bomFormat": "CycloneDX"}', "cyclonedx") == first
    # https://github.com/opencontainers/distribution-spec/blob/main/spec.md#referrers-tag-schema
    listed = requests.get(f"http://{registry}/v2/team/app/manifests/{built.digest.replace(':', '-')}", timeout=5,
                          headers={"Accept": "application/vnd.oci.image.index.v1+json"}).json()  # fmt: skip
    assert {one["digest"]: one["artifactType"] for one in listed["manifests"]} == {
        first: "application/vnd.cyclonedx+json",
        second: "application/spdx+json",
    }
    got = requests.get(f"http://{registry}/v2/team/app/manifests/{first}", timeout=5, headers={"Accept": OCI_MANIFEST})
    assert got.json()["subject"]["digest"] == built.digest
    assert digest_of(got.content) == first
