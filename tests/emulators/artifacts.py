"""An artifact about an image by the clients of the ORAS project: their Python SDK, and their command if it is there."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import oras.client
import oras.oci

from autograder.oci.manifests import OCI_INDEX, OCI_MANIFEST, digest_of

KIND = "application/spdx+json"
SBOM = b'{"spdxVersion": "SPDX-2.3"}'
COMMAND = shutil.which("oras")


@dataclass(frozen=True)
class Sdk:
    """The SDK, logged in to one repository.

    Args:
        backend: "token" where the registry gives out bearer tokens, "basic" where it wants the password itself.
    """

    address: str
    repository: str
    user: str
    password: str
    backend: str = "token"

    def client(self) -> Any:
        """A client that may push.

        Its token is that of its first request, and it asks for no other when that does not suffice; so the first one
        begins an upload.
        """
        made = oras.client.OrasClient(hostname=self.address, insecure=True, auth_backend=self.backend)
        made.auth.set_basic_auth(self.user, self.password)
        assert made.do_request(f"http://{self.address}/v2/{self.repository}/blobs/uploads/", "POST").status_code == 202
        return made

    def attach(self, tag: str, subject: str, folder: Path) -> str:
        """Push a file as an artifact about an image; returns the artifact's digest."""
        client, reference = self.client(), f"{self.address}/{self.repository}"
        size = len(self.raw(client, f"manifests/{subject}"))
        (folder / "sbom.spdx.json").write_bytes(SBOM)
        done = client.push(
            f"{reference}:{tag}",
            files=[f"{folder / 'sbom.spdx.json'}:{KIND}"],
            disable_path_validation=True,
            subject=oras.oci.Subject(OCI_MANIFEST, subject, size),
        )
        assert done.status_code == 201, done.text
        manifest = self.raw(client, f"manifests/{tag}")
        assert json.loads(manifest)["subject"] == {"mediaType": OCI_MANIFEST, "digest": subject, "size": size}
        (pulled,) = client.pull(f"{reference}@{digest_of(manifest)}", outdir=str(folder / "back"))
        assert Path(pulled).read_bytes() == SBOM
        return digest_of(manifest)

    def referrers(self, subject: str) -> list[str] | None:
        """What the referrers endpoint lists; None where there is none."""
        answer = self.client().do_request(f"http://{self.address}/v2/{self.repository}/referrers/{subject}", "GET")
        assert answer.status_code in (200, 404), answer.text
        return [entry["digest"] for entry in answer.json()["manifests"]] if answer.status_code == 200 else None

    def put_fallback(self, subject: str, artifact: str) -> str:
        """Write the fallback tag, which the SDK leaves to its caller; returns the tag.

        https://github.com/opencontainers/distribution-spec/blob/main/spec.md#referrers-tag-schema
        """
        client, tag = self.client(), subject.replace(":", "-")
        size = len(self.raw(client, f"manifests/{artifact}"))
        entry = {"mediaType": OCI_MANIFEST, "digest": artifact, "size": size, "artifactType": KIND}
        index = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry]}).encode()
        url = f"http://{self.address}/v2/{self.repository}/manifests/{tag}"
        assert client.do_request(url, "PUT", data=index, headers={"Content-Type": OCI_INDEX}).status_code == 201
        assert self.raw(client, f"manifests/{tag}", OCI_INDEX) == index
        return tag

    def raw(self, client: Any, path: str, accept: str = OCI_MANIFEST) -> bytes:
        """The bytes of a manifest."""
        url = f"http://{self.address}/v2/{self.repository}/{path}"
        answer = client.do_request(url, "GET", headers={"Accept": accept})
        assert answer.status_code == 200, answer.text
        return bytes(answer.content)

    def attach_by_command(self, subject: str, folder: Path) -> str:
        """The same by the ``oras`` command: attach, then discover, which reads endpoint or fallback tag; returns the
        artifact's digest."""
        assert COMMAND
        (folder / "sbom.spdx.json").write_bytes(SBOM)
        environment = {**os.environ, "DOCKER_CONFIG": str(folder)}
        image = f"{self.address}/{self.repository}@{subject}"

        def run(*words: str, text: str = "") -> str:
            done = subprocess.run(
                [str(COMMAND), *words],
                input=text,
                capture_output=True,
                text=True,
                cwd=folder,
                env=environment,
                timeout=60,
            )
            assert done.returncode == 0, done.stderr
            return done.stdout

        run("login", "--plain-http", "-u", self.user, "--password-stdin", self.address, text=self.password)
        run("attach", "--plain-http", "--artifact-type", KIND, image, f"sbom.spdx.json:{KIND}")
        found = json.loads(run("discover", "--plain-http", "--format", "json", image))
        (entry,) = found.get("referrers") or found["manifests"]
        return str(entry["digest"])
