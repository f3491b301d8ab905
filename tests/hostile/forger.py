"""A forger: writes whole submissions of labs 01 and 07, consistent to the last digest, and never starts an engine.

What a forger takes care of is a set of words (:data:`CARES`), so that tests can say what each care is worth: the naive
one writes what the checks ask for and nothing else.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from autograder.checks.first_push.data import PREDICTIONS
from autograder.checks.google_azure import checks as google_azure
from autograder.evidence import layout
from autograder.grading.people import Course
from autograder.labs import manifest
from autograder.labs.manifest import Lab
from autograder.oci import manifests
from autograder.oci.manifests import digest_of

from ..evidence.images import BUILDKIT, gzipped, js, tar
from ..grading.submissions import packed

HISTORY = "history"  # each layer with the command of a Dockerfile that made it, and a time
LAYERS = "layers"  # layers that are archives, and unpack to what the config lists
PACKING = "packing"  # the bytes by which Go's archives differ from Python's
JOURNAL = "journal"  # a line in the clouds' journal for each push
TIMES = "times"  # one order of time: built, pushed, answered, submitted
CARES = frozenset({HISTORY, LAYERS, PACKING, JOURNAL, TIMES})
WRITTEN = datetime.fromisoformat("2026-11-20T18:00:00+00:00")
STRAY = timedelta(days=40)  # between the times that a forger makes up without looking at the others


@dataclass
class Forger:
    """Writes submissions in the name of a student, who has the student's own values.

    Attributes:
        course: a class, or the public course.
        student: whose submission it is.
        cares: what it takes care of.
    """

    course: Course
    student: str = "mallory"
    cares: frozenset[str] = frozenset()
    files: dict[str, bytes] = field(default_factory=dict)

    def first_push(self) -> bytes:
        """The zip for lab 01, all that no code task judges."""
        lab = manifest.find("01-first-push")
        me = self.course.parameters(self.student, lab)
        name, v1, v2, hello = me["repository"], me["v1"], me["v2"], me["hello"]
        labels = {"course.owner": me["team"]}
        shared = [b"base", bytes(9_000_000)]
        built = {
            version: self.image(
                name, [*shared, version.encode()], labels | {"org.opencontainers.image.version": version}
            )
            for version in (v1, v2)
        }
        greeting = self.image(hello, [me["greeting"].encode()], {}, file="greeting.txt")
        self.layout("registry", name, built, layers=False)
        self.layout("registry", hello, {me["hello_tag"]: greeting})
        self.service("registry", {name: "none", hello: "all"}, {}, [name, hello])
        digests = {version: digest_of(self.manifest_of[version]) for version in (v1, v2)}
        queue, score, second = PREDICTIONS[me["message"]]
        inputs = {version: {f"registry/{name}:{version}": digests[version]} for version in (v1, v2)}
        self.answers(
            v1_digest=(digests[v1], inputs[v1]),
            v2_bytes=(self.new_bytes(v1, v2), inputs[v1] | inputs[v2]),
            v2_reference=(f"localhost:5006/{name}@{digests[v2]}", inputs[v2]),
            prediction=({"queue": queue, "score": score, "version": v2, me["field"]: second}, inputs[v2]),
        )
        return self.zip(lab)

    def google_azure(self) -> bytes:
        """The zip for lab 07."""
        lab = manifest.find("07-google-azure")
        me = self.course.parameters(self.student, lab)
        google, azure, version = f"{me['project']}/models/ml-model", me["repository"], me["version"]
        image = self.image(azure, [b"hello"], {"course.owner": me["team"]})
        for service, name in (("artifact-registry", google), ("acr", azure)):
            self.layout(service, name, {version: image})
        pushed = WRITTEN - timedelta(hours=1)
        now, when = self.said(WRITTEN), self.said(pushed)
        digest = digest_of(image)

        def held(name: str, **attributes: Any) -> dict[str, Any]:
            tag = {"name": version, "created": when, "changed": when, "attributes": attributes}
            one = {"digest": digest, "mediaType": manifests.OCI_MANIFEST, "size": 100, "children": [], "subject": None,
                   "pushed": when, "changed": when, "pulled": None, "attributes": {}, "tags": [tag]}  # fmt: skip
            return {"name": name, "attributes": {}, "images": [one]}

        common = {"location": me["location"], "format": "DOCKER", "mode": "STANDARD_REPOSITORY", "createTime": when,
                  "cleanupPolicyDryRun": False, "packages": []}  # fmt: skip
        builds = {"tagState": "tagged", "tagPrefixes": [me["prefix"]], "olderThan": f"{me['days']}d"}
        untagged = {"tagState": "untagged", "olderThan": f"{me['untagged_days']}d"}
        candidates = {"tagState": "tagged", "tagPrefixes": ["candidate-"]}
        policies = [
            {"name": "a", "action": {"type": "Delete"}, "condition": builds},
            {"name": "b", "action": {"type": "Delete"}, "condition": untagged},
            {"name": "c", "action": {"type": "Keep"}, "condition": candidates},
            {"name": "d", "action": {"type": "Keep"}, "mostRecentVersions": {"keepCount": me["newest"]}},
        ]
        settings = [
            {"name": f"{me['project']}/models", "immutableTags": True, "cleanupPolicies": []} | common,
            {"name": f"{me['project']}/dev", "immutableTags": False, "cleanupPolicies": policies} | common,
        ]
        state = {"now": now, "repositories": [held(google)], "settings": settings, "keys": []}
        self.service("artifact-registry", {google: "all"}, state, [google])
        token = {"name": me["token"], "scopeMap": "map", "actions": [f"repositories/{azure}/content/read"],
                 "created": when, "expires": self.said(pushed + timedelta(days=30)), "expired": False}  # fmt: skip
        registry = {"name": "mlregistry", "adminUserEnabled": False, "anonymousPullEnabled": False,
                    "retentionPolicy": {"status": "disabled", "days": 7, "lastUpdatedTime": None}}  # fmt: skip
        self.service("acr", {azure: "all"}, {"now": now, "repositories": [held(azure, writeEnabled=False)],
                     "settings": registry, "scopeMaps": [], "tokens": [token]}, [azure])  # fmt: skip
        if JOURNAL in self.cares:
            lines = [
                {"number": number, "when": self.said(pushed + timedelta(seconds=number)), "service": service,
                 "who": "owner", "what": "push", "repository": name, "tag": version, "digest": digest, "detail": {}}
                for number, (service, name) in enumerate((("artifact-registry", google), ("acr", azure)), 1)
            ]  # fmt: skip
            self.files["evidence/journal.json"] = js(lines)
        news = [google_azure.migrated(old, me["new_repository"]) for old in me["old_names"]]
        purge = f"acr purge --filter '{azure}:^{me['prefix']}[0-9]+$' --ago {me['days']}d --untagged"
        self.answers(new_names=(news, {}), purge=(purge, {}))
        return self.zip(lab)

    # -- parts

    def __post_init__(self) -> None:
        self.manifest_of: dict[str, bytes] = {}
        self.blobs: dict[str, bytes] = {}

    def said(self, moment: datetime) -> str:
        return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def layer(self, name: str, content: bytes) -> tuple[bytes, str]:
        """A layer and its diff_id."""
        if LAYERS not in self.cares:
            return content, digest_of(b"made up" + content)
        if PACKING in self.cares:
            unpacked = tar(name, content)
            return gzipped(unpacked), digest_of(unpacked)
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
        return gzip.compress(buffer.getvalue(), mtime=0), digest_of(buffer.getvalue())

    def image(self, name: str, contents: list[bytes], labels: dict[str, str], file: str = "app/file") -> bytes:
        """The manifest of an image; its blobs are kept. A text file has to be in an archive: a check reads it."""
        cares = self.cares
        if file == "greeting.txt":
            self.cares = cares | {LAYERS}
        made = []
        for content in contents:
            heavy = content[:8_500_000] if len(content) > 1_000_000 else None
            made.append((heavy, digest_of(b"weights")) if heavy else self.layer(file, content))
        self.cares = cares
        created = self.said(WRITTEN - timedelta(hours=2) if TIMES in cares else WRITTEN + STRAY)
        config: dict[str, Any] = {"architecture": "amd64", "os": "linux", "config": {"Labels": labels},
                                  "rootfs": {"type": "layers", "diff_ids": [diff for _, diff in made]}}  # fmt: skip
        if HISTORY in cares:
            step = {"created": created, "created_by": "COPY . /app # buildkit", "comment": BUILDKIT}
            config |= {"created": created, "history": [step for _ in made]}
        parts = [js(config), *(blob for blob, _ in made)]
        self.blobs |= {digest_of(blob): blob for blob in parts}
        types = [manifests.OCI_CONFIG, *([manifests.OCI_LAYER_GZIP] * len(made))]
        described = [manifests.descriptor(kind, blob) for kind, blob in zip(types, parts, strict=True)]
        return js(
            {"schemaVersion": 2, "mediaType": manifests.OCI_MANIFEST, "config": described[0], "layers": described[1:]}
        )

    def layout(self, service: str, name: str, tagged: dict[str, bytes], layers: bool = True) -> None:
        folder = f"evidence/{service}/{name}"
        self.manifest_of |= tagged
        self.files[f"{folder}/oci-layout"] = layout.LAYOUT_FILE
        entries = [
            manifests.descriptor(manifests.OCI_MANIFEST, raw, annotations={layout.REF_NAME: tag})
            for tag, raw in tagged.items()
        ]
        self.files[f"{folder}/index.json"] = js({"schemaVersion": 2, "manifests": entries})
        for raw in tagged.values():
            listed = json.loads(raw)
            for blob in (
                raw,
                *(self.blobs[one["digest"]] for one in [listed["config"], *(listed["layers"] if layers else ())]),
            ):
                self.files[f"{folder}/{layout.blob_name(digest_of(blob))}"] = blob

    def service(self, name: str, repositories: dict[str, str], settings: dict[str, Any], catalog: list[str]) -> None:
        entries = {each: {"layers": kind, "folder": f"evidence/{name}/{each}"} for each, kind in repositories.items()}
        self.files[f"evidence/{name}.json"] = js({"settings": settings, "catalog": catalog, "repositories": entries})

    def answers(self, **given: tuple[Any, dict[str, str]]) -> None:
        at = self.said(WRITTEN - timedelta(minutes=5) if TIMES in self.cares else WRITTEN - STRAY)
        recorded = {
            key: {"value": value, "recorded_at": at, "inputs": inputs} for key, (value, inputs) in given.items()
        }
        self.files["answers.json"] = js(recorded)

    def new_bytes(self, first: str, second: str) -> int:
        one, two = (json.loads(self.manifest_of[tag]) for tag in (first, second))
        known = {part["digest"] for part in (one["config"], *one["layers"])}
        return sum(part["size"] for part in (two["config"], *two["layers"]) if part["digest"] not in known)

    def zip(self, lab: Lab) -> bytes:
        files = self.files | {"notebook.ipynb": js({"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5})}
        header = {
            "schema": 1, "lab": lab.slug, "lab_version": lab.version, "student": self.student, "course": self.course.id,
            "kit_version": "0.1.0", "written_at": WRITTEN.isoformat(),
            "files": {name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
        }  # fmt: skip
        return packed({"submission.json": js(header)} | files)
