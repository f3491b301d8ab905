"""Push artifacts to a registry: Trivy's database as its OCI artifact, an SBOM as a referrer of its image.

Sources: https://github.com/opencontainers/distribution-spec/blob/main/spec.md (Push; Pushing Manifests with Subject;
Referrers Tag Schema for registries without the referrers API, as registry:2 is) and, for the database's media types,
https://github.com/aquasecurity/trivy/blob/main/pkg/db/db.go and pkg/oci/artifact.go.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import shutil
import tarfile
import warnings
from typing import Any

from autograder.errors import EnvironmentProblem
from autograder.oci.client import Missing, RegistryClient
from autograder.oci.manifests import EMPTY, OCI_INDEX, OCI_MANIFEST, descriptor, digest_of, json_object
from autograder.scanning.database import FILE, METADATA, SCHEMA, Database, build
from autograder.services import addresses

DB_CONFIG = "application/vnd.aquasec.trivy.config.v1+json"
DB_LAYER = "application/vnd.aquasec.trivy.db.layer.v1.tar+gzip"
TITLE = "org.opencontainers.image.title"  # Trivy insists on it: the name under which it stores the layer
# https://www.iana.org/assignments/media-types/application/spdx3+json : SPDX 3 has a type of its own
SBOM_TYPES = {
    "cyclonedx": "application/vnd.cyclonedx+json",
    "spdx-json": "application/spdx+json",
    "spdx3-json": "application/spdx3+json",
}


def _js(document: Any) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def database_layer(database: Database) -> bytes:
    """The database as a gzip-compressed tar; the same database gives the same bytes."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in ((FILE, database.db), (METADATA, database.metadata)):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o644
            archive.addfile(entry, io.BytesIO(content))
    return gzip.compress(raw.getvalue(), 9, mtime=0)


def database_artifact(database: Database) -> tuple[bytes, dict[str, bytes]]:
    """Manifest of the artifact, and its blobs by digest."""
    config, layer = b"{}", database_layer(database)
    manifest = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": descriptor(DB_CONFIG, config),
        "layers": [descriptor(DB_LAYER, layer, annotations={TITLE: "db.tar.gz"})],
    }
    return _js(manifest), {digest_of(config): config, digest_of(layer): layer}


def sbom_artifact(subject: dict[str, Any], sbom: bytes, kind: str) -> tuple[bytes, dict[str, bytes]]:
    """Manifest and blobs of an SBOM that refers to an image.

    Args:
        subject: descriptor of the image's manifest: mediaType, digest, size.
        sbom: the document as Trivy wrote it.
        kind: one of :data:`SBOM_TYPES`.
    """
    manifest = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": SBOM_TYPES[kind],
        "config": descriptor(EMPTY, b"{}"),
        "layers": [descriptor(SBOM_TYPES[kind], sbom, annotations={TITLE: f"sbom.{kind}.json"})],
        "subject": {key: subject[key] for key in ("mediaType", "digest", "size")},
    }
    return _js(manifest), {digest_of(b"{}"): b"{}", digest_of(sbom): sbom}


class Pusher:
    """Writes to one repository.

    Args:
        address: the registry, ``localhost:5001``.
        name: the repository.
        auth: user and password, or None.

    Every method raises :class:`EnvironmentProblem` when the registry does not answer, or refuses.
    """

    def __init__(self, address: str, name: str, auth: tuple[str, str] | None = None) -> None:
        self.name = name
        self._client = RegistryClient(address, auth)

    def blob(self, content: bytes) -> None:
        """Push a blob, unless it is there."""
        digest = digest_of(content)
        if self._client.blob_size(self.name, digest) is None:
            self._client.push_blob(self.name, digest, content)

    def manifest(self, content: bytes, media_type: str, reference: str | None = None) -> str:
        """Push a manifest under a tag, or under its digest; gives the digest."""
        digest = digest_of(content)
        self._client.push_manifest(self.name, reference or digest, media_type, content)
        return digest

    def artifact(self, manifest: bytes, blobs: dict[str, bytes], tag: str | None = None) -> str:
        """Push an artifact, blobs first; gives the manifest's digest."""
        for content in blobs.values():
            self.blob(content)
        return self.manifest(manifest, OCI_MANIFEST, tag)

    def database(self, database: Database) -> str:
        """Push the advisory database, under the tag that Trivy asks for (the schema's number)."""
        return self.artifact(*database_artifact(database), str(SCHEMA))

    def sbom(self, reference: str, sbom: bytes, kind: str) -> str:
        """Attach an SBOM to an image that is there; gives the digest of the SBOM's manifest."""
        try:
            image = self._client.manifest(self.name, reference)
        except Missing:
            raise EnvironmentProblem(
                expected=f"the image {reference} in {self.name} at {self._client.address}",
                found="HTTP 404 to GET: it is not there",
                next_step="See whether the repository exists and whether you are logged in.",
            ) from None
        manifest, blobs = sbom_artifact(descriptor(image.media_type, image.content), sbom, kind)
        digest = self.artifact(manifest, blobs)
        if self._client.referrers(self.name, image.digest) is None:
            self._list_referrer(image.digest, manifest, SBOM_TYPES[kind])
        return digest

    def _list_referrer(self, subject: str, manifest: bytes, artifact_type: str) -> None:
        """Keep the index that stands in for the referrers API, where the registry has none."""
        tag = subject.replace(":", "-", 1)
        entries: list[dict[str, Any]] = []
        with contextlib.suppress(Missing):
            entries = (json_object(self._client.manifest(self.name, tag).content) or {}).get("manifests") or []
        entry = descriptor(OCI_MANIFEST, manifest, artifactType=artifact_type)
        entries = [each for each in entries if each["digest"] != entry["digest"]] + [entry]
        index = _js({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries})
        self.manifest(index, OCI_INDEX, tag)


def login(address: str) -> tuple[str, str] | None:
    """User and password that ``docker login`` kept for a registry, or None."""
    from docker.auth import load_config
    from docker.errors import DockerException

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the SDK warns of a credential helper that is named and not there
            found = load_config().resolve_authconfig(registry=address)
    except DockerException:
        return None
    if not found or not found.get("username"):
        return None
    return found["username"], found.get("password", "")


def publish(address: str) -> str:
    """Have the course's advisory database in a registry, where ``course env`` says it is; gives its digest.

    Harmless when it is there. A cache of this installation that holds another database is emptied, so that the next
    scan takes the new one.

    Raises:
        EnvironmentProblem: the registry does not answer, or refuses.
    """
    made = build()
    digest = Pusher(address, addresses.TRIVY_DB).database(made)
    cached = addresses.trivy_cache() / "db"
    if (cached / FILE).is_file() and (cached / FILE).read_bytes() != made.db:
        shutil.rmtree(cached, ignore_errors=True)
    return digest
