"""The scripted students of lab 11: what each does, and what each must get."""

from __future__ import annotations

from typing import Any

from autograder.quality.samples import Scripted, Stage, copied, nothing, perfect


def _change(notebook: Any, cell_id: str, *pairs: tuple[str, str]) -> None:
    """Replace texts in a cell; each must be there."""
    for cell in notebook.cells:
        if cell.id == cell_id:
            for old, new in pairs:
                assert old in cell.source, f"{old} is not in {cell_id}"
                cell.source = cell.source.replace(old, new)


def _replace(notebook: Any, **sources: str) -> None:
    """New sources for cells, by id with underscores."""
    for cell in notebook.cells:
        cell.source = sources.get(cell.id.replace("-", "_"), cell.source)


def one_platform(s: Stage) -> None:
    """Builds twice without saying for which platform, and believes the tags."""
    notebook = s.solved()
    _change(notebook, "two-platforms", (" --platform linux/{architecture}", " --platform linux/amd64"))
    s.run(notebook)
    s.submit()


def by_place(s: Stage) -> None:
    """One file for both platforms; counts every entry, takes the last one, and attaches the SBOM to one image."""
    notebook = s.solved()
    _change(notebook, "two-platforms", ("write_text(line", 'write_text(me.lines["amd64"]'))
    _change(
        notebook,
        "tell-apart",
        ('if KIND not in each.get("annotations", {})', "if True"),
        ("about[images[me.asked_platform]]", 'me.entries[-1]["digest"]'),
    )
    _change(notebook, "attach-sbom", ("{found['digest']}", "{arm64}"))
    s.run(notebook)
    s.submit()


def made_again(s: Stage) -> None:
    """Does everything, then builds again: answers and SBOM are about an index that the tag has left."""
    notebook = s.solved()
    last = next(cell for cell in notebook.cells if cell.id == "attach-sbom")
    first = next(cell for cell in notebook.cells if cell.id == "two-platforms")
    last.source += "\n" + first.source  # another time of building, another digest
    s.run(notebook)
    s.submit()


BUILDX = """
import gzip, hashlib, io, tarfile

note = Repository(f"{REGISTRY}/{me.repository}")
images, notes = [], []
for architecture, line in me.lines.items():
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as archive:
        file = tarfile.TarInfo("platform.txt")
        file.size = len(line)
        archive.addfile(file, io.BytesIO(line.encode()))
    platform = {"architecture": architecture, "os": "linux"} | ({"variant": "v8"} if architecture == "arm64" else {})
    diff_id = "sha256:" + hashlib.sha256(raw.getvalue()).hexdigest()
    config = {**platform, "config": {}, "rootfs": {"type": "layers", "diff_ids": [diff_id]}}
    image = {
        "schemaVersion": 2,
        "mediaType": OCI + "manifest.v1+json",
        "config": note.blob(json.dumps(config).encode(), OCI + "config.v1+json"),
        "layers": [note.blob(gzip.compress(raw.getvalue(), mtime=0), OCI + "layer.v1.tar+gzip")],
    }
    images.append({**note.put(image), "platform": platform})
    statement = {"_type": "https://in-toto.io/Statement/v0.1", "subject": [], "predicate": {"for": architecture}}
    layer = note.blob(json.dumps(statement).encode(), "application/vnd.in-toto+json")
    nothing = {"architecture": "unknown", "os": "unknown"}
    config = {**nothing, "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]}}
    kept = image | {"config": note.blob(json.dumps(config).encode(), OCI + "config.v1+json"), "layers": [layer]}
    about = {
        "vnd.docker.reference.digest": images[-1]["digest"],
        "vnd.docker.reference.type": "attestation-manifest",
    }
    notes.append({**note.put(kept), "platform": nothing, "annotations": about})
index = {"schemaVersion": 2, "mediaType": OCI + "index.v1+json", "manifests": images + notes}
note.put(index, me.tag)
"""
BY_HAND = """
part, version = me.part.removeprefix("pkg:pypi/").split("@")
purl = {"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": me.part}
packages = [{"SPDXID": "SPDXRef-1", "name": part, "versionInfo": version, "externalRefs": [purl]}]
bom = {"spdxVersion": "SPDX-2.3", "SPDXID": "SPDXRef-DOCUMENT", "name": "note", "packages": packages}
kind = "application/spdx+json"
artifact = {
    "schemaVersion": 2,
    "mediaType": OCI + "manifest.v1+json",
    "artifactType": kind,
    "config": note.blob(b"{}", "application/vnd.oci.empty.v1+json"),
    "layers": [note.blob(json.dumps(bom).encode(), kind)],
    "subject": note.get(me.tag)[1],
}
entry = {**note.put(artifact), "artifactType": kind}
listed = {"schemaVersion": 2, "mediaType": OCI + "index.v1+json", "manifests": [entry]}
note.put(listed, artifact["subject"]["digest"].replace(":", "-"))
"""


def without_an_engine(s: Stage) -> None:
    """Makes by hand what Buildx pushes, attestations and variant included, and an SPDX document; everything twice."""
    notebook = s.solved()
    _replace(notebook, two_platforms=BUILDX, attach_sbom=BY_HAND)
    s.run(notebook)
    s.run(notebook)
    s.submit()


MANIFEST_LIST = """
import os

os.environ["DOCKER_CLI_EXPERIMENTAL"] = "enabled"
NAME = f"{REGISTRY}/{me.repository}:{me.tag}"
for architecture, line in me.lines.items():
    Path("note/platform.txt").write_text(line, encoding="utf-8")
    !docker build --quiet --no-cache --platform linux/{architecture} --tag {NAME}-{architecture} note
    !docker push --quiet {NAME}-{architecture}
!docker manifest create --insecure {NAME} {NAME}-amd64 {NAME}-arm64
!docker manifest push --insecure --purge {NAME}
note = Repository(f"{REGISTRY}/{me.repository}")
"""


def manifest_list(s: Stage) -> None:
    """Uses docker manifest, which makes a list of Docker's own media type; writes answers as whole references."""
    notebook = s.solved()
    _replace(notebook, two_platforms=MANIFEST_LIST)
    _change(notebook, "read-index", ("arm64 = next(", 'arm64 = f"{REGISTRY}/{me.repository}@" + next('))
    _change(notebook, "tell-apart", ("sorted(images)", "list(images)[::-1]"))
    s.run(notebook)
    s.submit()


STUDENTS = [
    Scripted("ada", "does everything as the lesson shows it", perfect, passes="all"),
    Scripted(
        "ben",
        "builds twice for one platform",
        one_platform,
        passes=("attestations",),
        says={"index": "config says linux/amd64"},
    ),
    Scripted("cem", "hands in ada's work under an own name", copied, says={"": "ada"}, after=("ada",)),
    Scripted("fay", "runs the notebook as it came", nothing),
    Scripted(
        "gus",
        "builds again after everything, and keeps the old answers",
        made_again,
        passes=("index", "content", "attestations"),
        says={"read": "pushed again", "sbom": "points at now"},
    ),
    Scripted(
        "hana",
        "goes by the place of an entry, and copies one file for both",
        by_place,
        passes=("index", "read"),
        says={"content": "meant for linux/amd64", "attestations": "unknown/unknown", "sbom": "linux/arm64"},
    ),
    Scripted(
        "ivo",
        "uses docker manifest, and gives whole references",
        manifest_list,
        passes="all",
    ),
    Scripted(
        "jun",
        "makes by hand what Buildx pushes, and an SPDX document, twice",
        without_an_engine,
        passes="all",
    ),
]
