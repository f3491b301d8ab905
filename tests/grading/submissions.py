"""Submissions of the artificial lab: a whole one, and every way to spoil it."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from autograder.grading.people import Course
from autograder.labs import release, signing
from autograder.labs.manifest import Lab

from ..evidence.images import Layout, gzipped, js, tar

KIT = Path(__file__).with_name("kit")
CODE = b"code"  # the file in the upper layer
CODE_LAYER = gzipped(tar("app/1", CODE))
SOLVED = "def double(n):\n    return 2 * n\n"


@dataclass
class Student:
    """Somebody who does the lab; ``files`` is what :meth:`zip` packs, ready to be changed by a test."""

    id: str
    course: Course
    lab: Lab
    written_at: str = "2025-03-01T10:00:00+00:00"
    header: dict[str, Any] = field(default_factory=dict)
    signs: bool = True

    @property
    def parameters(self) -> dict[str, Any]:
        return self.lab.drawn(self.course.seed(self.id, self.lab.slug))

    def notebook(self, source: str = SOLVED, why: str = "Because it **moves**.") -> dict[str, Any]:
        """The student's notebook with the task's cell and the written answer filled in."""
        made: dict[str, Any] = json.loads(release.derived(self.lab))
        for cell in made["cells"]:
            if "task:double" in cell["metadata"].get("tags", []):
                cell["source"] = source
            if cell["metadata"].get("nbgrader", {}).get("grade_id") == "why":
                cell["source"] = why
        return made

    def layout(self, owner: str | None = None) -> Layout:
        """The repository's layout: one small image under the personal tag."""
        made = Layout()
        labels = {"course.owner": owner or self.parameters["team"]}
        image = made.built(b"base of " + self.id.encode(), CODE, labels=labels)
        made.tag(self.parameters["tag"], image)
        return made

    def files(self, source: str = SOLVED, layout: Layout | None = None, **notebook: str) -> dict[str, bytes]:
        """Everything but submission.json."""
        layout = layout or self.layout()
        repository = self.parameters["repository"]
        folder = f"evidence/registry/{repository}"
        reference = f"registry/{repository}:{self.parameters['tag']}"
        digest = layout.entries[0]["digest"]
        service = {
            "settings": {},
            "catalog": [repository],
            "repositories": {repository: {"layers": "all", "base_layers": [], "folder": folder}},
        }
        files = {
            "notebook.ipynb": js(self.notebook(source, **notebook)),
            "answers.json": js(
                {"digest": {"value": digest, "recorded_at": self.written_at, "inputs": {reference: digest}}}
            ),
            "files/settings.txt": b"colour = blue\n",
            "evidence/registry.json": js(service),
        }
        packed = dict(layout.files)
        packed["index.json"] = js({"schemaVersion": 2, "manifests": layout.entries})
        return files | {f"{folder}/{name}": content for name, content in packed.items()}

    def document(self, files: dict[str, bytes]) -> dict[str, Any]:
        """submission.json for files."""
        return {
            "schema": 1,
            "lab": self.lab.slug,
            "lab_version": self.lab.version,
            "student": self.id,
            "course": self.course.id,
            "kit_version": "0.1.0",
            "written_at": self.written_at,
            "engine": {
                "version": "28.0.0",
                "api": "1.48",
                "operating_system": "linux",
                "architecture": "amd64",
                "store": "containerd",
            },
            "images": {},
            "notebook": "notebook.ipynb",
            "files": {name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
        } | self.header

    def zip(self, folder: Path, files: dict[str, bytes] | None = None, name: str = "") -> Path:
        """Write the submission's zip."""
        folder.mkdir(parents=True, exist_ok=True)
        files = self.files() if files is None else files
        target = folder / (name or f"{self.lab.slug}-{self.id}.zip")
        target.write_bytes(packed(self.signed(files)))
        return target

    def signed(self, files: dict[str, bytes]) -> dict[str, bytes]:
        """The files with submission.json, signed by what this very student was handed out, whomever it names."""
        header = js(self.document(files))
        made = {"submission.json": header} | files
        if self.signs:
            made["submission.sig"] = signing.sign(self.course.seed(self.id, self.lab.slug), header)
        return made


def packed(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """The bytes of a zip."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content, method)
    return buffer.getvalue()
