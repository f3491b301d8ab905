"""The grader's rescan: what is vulnerable in an image's own layers, found out anew, whatever the submission says.

Nothing of the submission is believed but bytes that match their digests. Trivy scans exactly the verified layers, in
a sandbox, from an empty folder: a .trivyignore, a trivy.yaml or a report in the submission or image has no say. What
Trivy lists is held against the files themselves (:mod:`autograder.scanning.inventory`), so that a package which some
rule of Trivy's leaves out is noticed, and judged by the advisories all the same.

Found out: a version that was written over (folder name, RECORD), metadata taken away or forged whole while the old
code stays (the course's own old wheels are recognised by content, wherever they lie), metadata planted where no package
manager puts any (it counts for nothing), layers that are missing, changed, padded, or other than the config says.
Not detectable: vulnerable code that is not byte for byte that of a known wheel and has no metadata, or forged ones that
agree among themselves; what the base image holds; what a container fetches when it runs.
"""

from __future__ import annotations

import json
import tempfile
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

from packaging.utils import canonicalize_name

from autograder.domain import advisories
from autograder.domain.advisories import Advisory, Severity
from autograder.domain.bases import Bases
from autograder.evidence.layout import LAYOUT_FILE, LayoutSource, blob_name
from autograder.evidence.model import Repository
from autograder.oci.manifests import (
    OCI_CONFIG,
    OCI_INDEX,
    OCI_LAYER,
    OCI_MANIFEST,
    ImageIndex,
    ImageManifest,
    digest_of,
)
from autograder.scanning import inventory, trivy
from autograder.scanning.database import Database
from autograder.scanning.inventory import ImageProblem, Layer

SCHEMA = 3  # of stored results: raise it when what is found could change
MAX_PROBLEMS = 200  # of one image that are kept
GRADED = (Severity.HIGH, Severity.CRITICAL)


class Runner(Protocol):
    """Runs Trivy on a folder; :class:`autograder.scanning.sandbox.Sandbox` is one."""

    def run(self, arguments: Sequence[str], *, target: Path, cache: Path) -> bytes:
        """Trivy's report."""


@dataclass(frozen=True)
class Finding:
    """One vulnerability in one package.

    Attributes:
        id: the CVE id.
        package: normalised name.
        version: installed version.
        severity: by the advisory's CVSS vector.
        fixed: versions that have the fix.
        path: of the package's metadata, without leading slash.
        seen_by: "trivy", "inventory" or "content": who found it.
    """

    id: str
    package: str
    version: str
    severity: str
    fixed: tuple[str, ...]
    path: str
    seen_by: str = "trivy"

    @property
    def counts(self) -> bool:
        """Whether it is graded: HIGH or CRITICAL, and there is a fix."""
        return self.severity in GRADED and bool(self.fixed)


@dataclass(frozen=True)
class Rescan:
    """What a rescan found.

    Attributes:
        image: digest of the scanned manifest.
        packages: name -> version of every installed package above the base.
        findings: vulnerabilities, the worst first.
        problems: what would mislead a scanner, in words for the student.
    """

    image: str
    packages: Mapping[str, str]
    findings: tuple[Finding, ...]
    problems: tuple[str, ...] = field(default=())

    @property
    def graded(self) -> tuple[Finding, ...]:
        """Findings that count."""
        return tuple(one for one in self.findings if one.counts)

    def json(self) -> dict[str, Any]:
        """As JSON data, for Evidence and the cache."""
        findings = [asdict(one) | {"fixed": list(one.fixed)} for one in self.findings]
        return asdict(self) | {"findings": findings, "problems": list(self.problems)}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Rescan:
        """The inverse of :meth:`json`.

        Raises:
            KeyError, TypeError: another shape.
        """
        findings = tuple(Finding(**{**one, "fixed": tuple(one["fixed"])}) for one in document["findings"])
        return cls(document["image"], dict(document["packages"]), findings, tuple(document["problems"]))


class Rescanner:
    """Rescans images with one Trivy and one database, and remembers results by the image's digest.

    Args:
        runner: how Trivy is run.
        cache: Trivy's cache folder; the database is in its ``db`` (:func:`autograder.scanning.database.write`).
        database: that database.
        program: which Trivy, for the key of stored results.
        store: folder for results, or None to remember nothing.
        marks: SHA-256 (hex) of a file -> (package, version) whose vulnerable code it is, see
            :func:`autograder.domain.advisories.wheels.marks`.
    """

    def __init__(
        self,
        runner: Runner,
        cache: Path,
        database: Database,
        program: str,
        store: Path | None = None,
        marks: Mapping[str, tuple[str, str]] | None = None,
        known: Sequence[Advisory] | None = None,
    ) -> None:
        self._runner, self._cache, self._database = runner, cache, database
        self._program, self._store, self._marks = program, store, dict(marks or {})
        self._known = tuple(advisories.load() if known is None else known)

    def rescan(
        self, repository: Repository, source: LayoutSource, digest: str, bases: Bases = ()
    ) -> tuple[Rescan, ...]:
        """Rescan an image, or every platform of an index (attestations are no images).

        Args:
            repository: the verified snapshot.
            source: where its blobs are.
            digest: of the manifest or index.
            bases: the known bases, from the kit (see :func:`inventory.layers`).

        Raises:
            ImageProblem: the image cannot be rescanned as it was handed in; the message is for the student.
            CourseError: Trivy or the engine failed.
        """
        parsed = repository.parsed(digest)
        if parsed is None:
            raise ImageProblem(f"the manifest {digest} is not in the submission")
        if isinstance(parsed, ImageManifest):
            return (self._image(repository, source, parsed, bases),)
        assert isinstance(parsed, ImageIndex)
        listed = dict.fromkeys(child.digest for child in repository.images(digest))
        children = [repository.parsed(child) for child in listed]
        if not children or any(not isinstance(child, ImageManifest) for child in children):
            raise ImageProblem(f"the index {digest} lists images that are not in the submission")
        return tuple(
            self._image(repository, source, child, bases) for child in children if isinstance(child, ImageManifest)
        )

    def _image(self, repository: Repository, source: LayoutSource, image: ImageManifest, bases: Bases) -> Rescan:
        # Verified before the store is asked: a known digest does not stand in for layers that did not come along.
        found = inventory.layers(image, repository.config(image), source, bases)
        key = self._key(image.digest, [layer.diff_id for layer in found])
        stored = self._stored(key)
        if stored is not None:
            return stored
        result = self._scan(image.digest, found)
        if self._store is not None:
            self._store.mkdir(parents=True, exist_ok=True)
            fresh = self._store / f"{key}.{uuid.uuid4().hex}"  # several workers may store the same
            fresh.write_text(json.dumps(result.json(), sort_keys=True), encoding="utf-8", newline="\n")
            fresh.replace(self._store / f"{key}.json")
        return result

    def _key(self, image: str, diff_ids: Sequence[str]) -> str:
        parts = [SCHEMA, image, list(diff_ids), self._database.digest, self._program, sorted(self._marks)]
        return digest_of(json.dumps(parts).encode()).removeprefix("sha256:")

    def _stored(self, key: str) -> Rescan | None:
        if self._store is None:
            return None
        try:
            return Rescan.from_json(json.loads((self._store / f"{key}.json").read_text(encoding="utf-8")))
        except (OSError, ValueError, KeyError, TypeError):
            return None  # absent, or half written by a killed process: scan again

    def _scan(self, digest: str, found: list[Layer]) -> Rescan:
        held = inventory.take(inventory.merge(found))
        report = scan_layers(self._runner, found, self._cache)
        findings = {(one.id, one.path): one for one in findings_of(report, self._known)}
        problems = list(held.problems)
        listed = {path for _, _, path in packages_of(report)}
        for package in held.packages:
            if package.path not in listed:
                problems.append(
                    f"/{package.path}: the scanner does not list {package.name}, although it is installed "
                    "(something in the image tells it to skip the package)"
                )
            for one in advisories.affecting(package.name, package.version, self._known):
                findings.setdefault((one.id, package.path), _finding(one, package.version, package.path, "inventory"))
        kept = list(findings.values())  # also of packages that lie elsewhere: a path may lead Python there
        for mark, path in self._marked(held):
            name, version = mark
            if any(one.package == name and one.version == version for one in kept):
                continue
            problems.append(f"/{path} is code of {name} {version}, whatever the metadata around it say")
            kept += [
                _finding(one, version, path, "content") for one in advisories.affecting(name, version, self._known)
            ]
        kept.sort(key=lambda one: (-Severity(one.severity).rank, one.package, one.id, one.path))
        versions = {package.name: package.version for package in held.packages}
        return Rescan(digest, versions, tuple(kept), tuple(problems[:MAX_PROBLEMS]))

    def _marked(self, held: inventory.Inventory) -> list[tuple[tuple[str, str], str]]:
        """The first file of each package and version whose code is known by its content."""
        seen: dict[tuple[str, str], str] = {}
        for path, entry in sorted(held.files.items()):
            mark = self._marks.get(entry.sha256)
            if mark is not None:
                seen.setdefault(mark, path)
        return sorted(seen.items())


def _finding(one: Advisory, version: str, path: str, seen_by: str) -> Finding:
    return Finding(one.id, one.package, version, one.severity.value, one.fixed, path, seen_by)


def write_layout(folder: Path, found: Sequence[Layer]) -> None:
    """An OCI image layout of verified layers, unpacked, with a config of our own: what Trivy scans."""
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {},
        "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in found]},
    }
    blobs = {layer.diff_id: layer.tar for layer in found}

    def blob(document: Any, media_type: str) -> dict[str, Any]:
        content = json.dumps(document, separators=(",", ":")).encode()
        blobs[digest_of(content)] = content
        return {"mediaType": media_type, "digest": digest_of(content), "size": len(content)}

    manifest = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": blob(config, OCI_CONFIG),
        "layers": [{"mediaType": OCI_LAYER, "digest": one.diff_id, "size": len(one.tar)} for one in found],
    }
    index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [blob(manifest, OCI_MANIFEST)]}
    (folder / "blobs" / "sha256").mkdir(parents=True)
    for digest, content in blobs.items():
        (folder / blob_name(digest)).write_bytes(content)
    (folder / "index.json").write_text(json.dumps(index), encoding="utf-8")
    (folder / "oci-layout").write_bytes(LAYOUT_FILE)


def scan_layers(runner: Runner, found: Sequence[Layer], cache: Path, options: Sequence[str] = ()) -> dict[str, Any]:
    """Trivy's report on layers; an image of base layers alone has none and gives an empty one."""
    if not found:
        return {"Results": []}
    with tempfile.TemporaryDirectory(prefix="course-image-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        write_layout(folder, found)
        arguments = ["image", *trivy.CLOSED, *options, "--input", "/target"]
        return trivy.report(runner.run(arguments, target=folder, cache=cache))


def packages_of(report: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """(name, version, path of its metadata) of the Python packages in a report."""
    return [
        (str(each.get("Name", "")), str(each.get("Version", "")), str(each.get("FilePath", "")))
        for result in _results(report, "python-pkg")
        for each in result.get("Packages") or []
    ]


def findings_of(report: Mapping[str, Any], known: Sequence[Advisory]) -> list[Finding]:
    """The vulnerabilities in a report, with the severity of our advisory rather than the report's word."""
    meaning = {one.id: one for one in known}
    found = []
    for result in _results(report, "python-pkg"):
        for each in result.get("Vulnerabilities") or []:
            one = meaning.get(str(each.get("VulnerabilityID")))
            if one is not None:
                fixed = tuple(part for part in str(each.get("FixedVersion") or "").split(", ") if part)
                name = canonicalize_name(str(each.get("PkgName")))
                found.append(
                    Finding(
                        one.id, name, str(each.get("InstalledVersion")), one.severity.value, fixed,
                        str(each.get("PkgPath", "")),
                    )
                )  # fmt: skip
    return found


def _results(report: Mapping[str, Any], kind: str) -> list[Mapping[str, Any]]:
    results = report.get("Results")
    return [one for one in results or [] if isinstance(one, dict) and one.get("Type") == kind]
