"""The scripted students of lab 01: what each does, and what each must get."""

from __future__ import annotations

import json
from typing import Any

from nbformat.v4 import new_code_cell, new_markdown_cell

from autograder.quality.samples import Scripted, Stage, copied, header, nothing, perfect, rewrite


def half(s: Stage) -> None:
    s.run(s.mixed("push-v1", "digest-of-v1", "push-v2"))
    s.submit()


def without_check_cells(s: Stage) -> None:
    """Does everything, then deletes the check cells and every tag and loses nbgrader's metadata."""
    notebook = s.solved()
    s.run(notebook)
    notebook.cells = [cell for cell in notebook.cells if not cell.source.startswith("check(")]
    for cell in notebook.cells:
        cell.metadata.clear()
    s.lab_run.save(s.lab, notebook)
    s.submit()


def split_and_duplicated(s: Stage) -> None:
    """Does everything, then splits the task's cell in its middle and copies cells about."""
    notebook = s.solved()
    s.run(notebook)
    cells: list[Any] = []
    for cell in notebook.cells:
        if cell.id == "task-bytes-to-push":
            lines = cell.source.splitlines()
            for n, part in enumerate((lines[:4], lines[4:])):
                cells.append(new_code_cell("\n".join(part), id=f"part-{n}", metadata=dict(cell.metadata)))
            continue
        cells.append(cell)
        if cell.source.startswith("check("):
            cells.append(new_code_cell(cell.source, id=f"{cell.id}-again", metadata=dict(cell.metadata)))
    notebook.cells = cells
    s.lab_run.save(s.lab, notebook)
    s.submit()


HOSTILE = """
import sys
import autograder.checks.api as api, autograder.notebook as notebook, autograder.notebook.session as session
from autograder.checks.api import Verdict

def always(checks, evidence, points, only=None):
    return [Verdict(check=i, title="mine", status="passed", points=100, max_points=100, trust="proved") for i in points]

api.run = session.api.run = always
check = session.check = notebook.check = lambda name: print("✓ Passed:", name)
print("everything passed", file=sys.stderr)

class Equal:
    def __eq__(self, other): return True
    def __hash__(self): return 0

def bytes_to_push(old_manifest, new_manifest):
    return Equal()
"""

SCRIPT = """# Read me
<script>fetch('/formgrader/api/grades').then(r => r.json()).then(g => fetch('/formgrader/api/grade/' + g[0].id,
{method: 'PUT', body: JSON.stringify({manual_score: 100})}))</script>
<img src=x onerror="document.title='owned'">
"""


def hostile(s: Stage) -> None:
    """Pushes the first release, then patches the checker, forges results and plants a script."""
    notebook = s.mixed("push-v1")
    for cell in notebook.cells:
        if "task:bytes_to_push" in cell.metadata.get("tags", []):
            cell.source = HOSTILE
    notebook.cells.insert(0, new_markdown_cell(SCRIPT, id="script"))
    s.run(notebook)
    (s.folder.parent / ".progress.json").write_text(
        json.dumps({s.lab.slug: dict.fromkeys(s.lab.points, "passed")}), encoding="utf-8"
    )
    zipped = s.submit()

    def forge(content: dict[str, bytes]) -> None:
        verdicts = {"schema": 1, "score": 6, "max_score": 6, "checks": {i: {"score": 6} for i in s.lab.points}}
        content["verdicts/verdict.json"] = json.dumps(verdicts).encode()
        header(content, score=6)

    rewrite(zipped, forge)


def classic_mistakes(s: Stage) -> None:
    """Hashes a pretty-printed manifest, counts the whole image for v2, and pulls by tag."""
    notebook = s.solved()
    for cell in notebook.cells:
        if cell.id == "digest-of-v1":
            cell.source = cell.source.replace(
                "hashlib.sha256(response.content)", "hashlib.sha256(json.dumps(response.json(), indent=2).encode())"
            )
        if cell.id == "task-bytes-to-push":
            cell.source = cell.source.replace(" if digest not in there", "")
        if cell.id == "pull-v2":
            cell.source += (
                '\nv2_reference = f"{REGISTRY}/{me.repository}:{me.v2}"\nanswer("v2_reference", v2_reference)'
            )
    s.run(notebook)
    s.submit()


def over_the_first(s: Stage) -> None:
    """Pushes the second release over the first one's tag."""
    notebook = s.mixed("push-v1", "digest-of-v1", "push-v2", "task-bytes-to-push", "push-hello")
    for cell in notebook.cells:
        if cell.id == "push-v2":
            cell.source += "\n!docker tag {REGISTRY}/{me.repository}:{me.v2} {REGISTRY}/{me.repository}:{me.v1}"
            cell.source += "\n!docker push {REGISTRY}/{me.repository}:{me.v1}"
    s.run(notebook)
    s.submit()


def another_way(s: Stage) -> None:
    """Does the tasks in another order, with skopeo and OCI media types, and reruns everything once."""
    notebook = s.solved()
    for cell in notebook.cells:
        if cell.id in ("push-v1", "push-v2", "push-hello"):
            cell.source = "\n".join(
                line.replace(
                    "!docker push {", "!skopeo copy --quiet --format oci --dest-tls-verify=false docker-daemon:{"
                ).replace(
                    "docker-daemon:{REGISTRY}/{me.hello}:{me.hello_tag}",
                    "docker-daemon:{REGISTRY}/{me.hello}:{me.hello_tag} docker://{REGISTRY}/{me.hello}:{me.hello_tag}",
                ).replace(
                    "docker-daemon:{REGISTRY}/{me.repository}:{me.v1}",
                    "docker-daemon:{REGISTRY}/{me.repository}:{me.v1} docker://{REGISTRY}/{me.repository}:{me.v1}",
                ).replace(
                    "docker-daemon:{REGISTRY}/{me.repository}:{me.v2}",
                    "docker-daemon:{REGISTRY}/{me.repository}:{me.v2} docker://{REGISTRY}/{me.repository}:{me.v2}",
                )
                for line in cell.source.splitlines()
            )  # fmt: skip
    order = [cell for cell in notebook.cells if cell.id != "push-hello"]
    order[4:4] = [cell for cell in notebook.cells if cell.id == "push-hello"]
    notebook.cells = order
    s.run(notebook)
    s.run(notebook)
    s.submit()


FIRST = ("first-push", "digest", "both-tags", "shared-layers")

STUDENTS = [
    Scripted("ada", "does everything as the lesson shows it", perfect, passes="all"),
    Scripted("ben", "stops after the second push", half, passes=FIRST),
    Scripted(
        "cem",
        "hands in ada's work under an own name",
        copied,
        passes=("bytes-to-push",),  # the one task that is the same for everybody; the report names ada
        says={"": "ada"},
        after=("ada",),
    ),
    Scripted("dina", "does everything, then deletes check cells and metadata", without_check_cells, passes="all"),
    Scripted("emil", "does everything, then splits and copies cells", split_and_duplicated, passes="all"),
    Scripted("fay", "runs the notebook as it came", nothing),
    Scripted("gus", "pushes once, then attacks the checker, the grader and the page", hostile, passes=("first-push",)),
    Scripted(
        "hana",
        "makes three classic mistakes",
        classic_mistakes,
        passes=("first-push", "both-tags", "shared-layers", "prediction", "hello"),
    ),
    Scripted("ivo", "pushes the second release over the first", over_the_first, passes=("bytes-to-push", "hello")),
    Scripted("jun", "takes another way: skopeo, OCI media types, another order, twice", another_way, passes="all"),
]
