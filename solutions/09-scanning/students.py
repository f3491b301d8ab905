"""The scripted students of lab 09: what each does, and what each must get. What people grade by hand is not in it."""

from __future__ import annotations

import json
from typing import Any

from autograder.quality.samples import Scripted, Stage, copied, header, nothing, perfect, rewrite


def changed(s: Stage, id: str, *pairs: tuple[str, str]) -> Any:
    """The solved notebook with texts of a cell replaced; each must be there."""
    notebook = s.solved()
    replace(notebook, id, *pairs)
    return notebook


def replace(notebook: Any, id: str, *pairs: tuple[str, str]) -> None:
    """Replace texts of a cell; each must be there."""
    [cell] = [cell for cell in notebook.cells if cell.id == id]
    for old, new in pairs:
        assert old in cell.source, f"{old} is not in {id}"
        cell.source = cell.source.replace(old, new)


def core(s: Stage) -> None:
    """Does the core tasks, and writes the gate."""
    s.run(s.mixed("build", "count", "repair", "task-gate"))
    s.submit()


def hides(s: Stage) -> None:
    """Takes the packages' metadata away instead of repairing them, so that no scanner lists them."""
    docker = 'RUN ["python", "-c", "import glob, shutil; [shutil.rmtree(p) for p in glob.glob(\'/packages/*info\')]"]\n'
    lines = f"""
recipe = Path("Dockerfile").read_text()
Path("Hidden").write_text(recipe.replace("\\nFROM", "\\n" + {docker!r} + "\\nFROM", 2).replace({docker!r} + "\\nFROM ${{BASE}} AS", "FROM ${{BASE}} AS"))
"""  # noqa: E501
    notebook = changed(s, "repair", ("moved = [", lines + "moved = list(me.pins) or ["))
    replace(notebook, "repair", ("--file Dockerfile", "--file Hidden"))
    s.run(notebook)
    s.submit()


def accepts_all(s: Stage) -> None:
    """Repairs one package and writes every other finding into the ignore file."""
    notebook = changed(s, "accept", ('if one["PkgName"].lower() == kept', 'if result["Class"] == "lang-pkgs"'))
    replace(notebook, "repair", ("pin if pin == me.kept else", "pin if pin != max(set(me.pins) - {me.kept}) else"))
    s.run(notebook)
    s.submit()


def lax(s: Stage) -> None:
    """Writes a gate that counts what it finds, an exception without a date, and an SBOM of the old image."""
    notebook = changed(s, "accept", (" exp:{until}", ""))
    [cell] = [cell for cell in notebook.cells if cell.id == "task-gate"]
    cell.source = LAX
    replace(notebook, "list", ("{after}", "{before}"))
    s.run(notebook)
    s.submit()


LAX = '''
def gate(report, accepted, today):
    """Opens when nothing is counted."""
    import json

    try:
        document = json.loads(report)
    except ValueError:
        document = {}
    found = [one for result in document.get("Results", []) for one in result.get("Vulnerabilities") or []]
    ids = sorted({one["VulnerabilityID"] for one in found if one["Severity"] in ("HIGH", "CRITICAL")})
    return [1, ids] if ids else [0, []]
'''


def updates_everything(s: Stage) -> None:
    """Moves the package that has to stay; builds anew for ECR; counts Debian's findings, too."""
    notebook = changed(s, "repair", ("pin if pin == me.kept else ", ""))
    replace(notebook, "count", ('result["Class"] == "lang-pkgs" and one["PkgName"].lower() in mine', "True"))
    replace(
        notebook,
        "compare",
        (
            "!docker tag {before} {there}",
            "!docker build --quiet --file Dockerfile --label for=ecr --tag {there} ml-model",
        ),
    )
    s.run(notebook)
    s.submit()


def takes_out(s: Stage) -> None:
    """Does everything, and takes the repaired image's layer of packages out of the zip."""
    s.run(s.solved())
    folder = f"evidence/registry/{s.me['repository']}"

    def change(content: dict[str, bytes]) -> None:
        def blob(digest: str) -> str:
            return f"{folder}/blobs/{digest.replace(':', '/')}"

        entries = json.loads(content[f"{folder}/index.json"])["manifests"]
        name = "org.opencontainers.image.ref.name"
        [after] = [e["digest"] for e in entries if e.get("annotations", {}).get(name) == s.me["after"]]
        packages = json.loads(content[blob(after)])["layers"][-2]["digest"]  # the last one is the code
        del content[blob(packages)]
        header(content)

    rewrite(s.submit(), change)


OTHER = '''
import json as reader
import re


def gate(report, accepted, today):
    """Judges one thing after the other, and raises what is wrong to itself."""
    class Unclear(Exception):
        pass

    def demand(condition):
        if not condition:
            raise Unclear

    def listed():
        demand(type(document) is dict and document.get("SchemaVersion") == 2 and type(document.get("Results")) is list)
        packages = 0
        for result in document["Results"]:
            demand(type(result) is dict)
            if result.get("Class") not in {"os-pkgs", "lang-pkgs"}:
                continue
            packages += 1
            found = result.get("Vulnerabilities")
            demand(found is None or type(found) is list)
            for one in found or ():
                demand(type(one) is dict and type(one.get("VulnerabilityID")) is str)
                demand(one.get("Severity") in ["UNKNOWN", "LOW", "MEDIUM", "HIGH", "CRITICAL"])
                yield one
        demand(packages)

    fine = {id for id, day in re.findall(r"(?m)^[ \\t]*([^#\\s]+)[ \\t]+exp:([0-9-]{10})", accepted) if day >= today}
    try:
        document = reader.loads(report)
        ids = {one["VulnerabilityID"] for one in listed() if one["Severity"] in "HIGH CRITICAL" and one.get("FixedVersion")}
    except (Unclear, ValueError):
        return [2, []]
    return [int(bool(ids - fine)), sorted(ids - fine)]
'''  # noqa: E501


def another_way(s: Stage) -> None:
    """Another gate, OCI manifests by skopeo, an SPDX document, a scan on push in ECR; everything twice."""
    notebook = s.solved()
    [cell] = [cell for cell in notebook.cells if cell.id == "task-gate"]
    cell.source = OTHER
    copy = "!skopeo copy --quiet --dest-tls-verify=false --format oci docker-daemon:{after} docker://{after}"
    replace(notebook, "repair", ("!docker push --quiet {after}", copy))
    replace(notebook, "list", ("cyclonedx", "spdx-json"), ("sbom.cdx.json", "sbom.spdx.json"))
    replace(
        notebook,
        "compare",
        (
            "create_repository(repositoryName=me.repository)",
            'create_repository(repositoryName=me.repository, imageScanningConfiguration={"scanOnPush": True})',
        ),
    )
    s.run(notebook)
    s.run(notebook)
    s.submit()


STUDENTS = [
    Scripted("ada", "does everything as the lesson shows it", perfect, passes="all"),
    Scripted("ben", "does the core tasks and writes the gate", core, passes=("counted", "ranked", "fixed", "gate")),
    Scripted(
        "cem",
        "hands in ada's work under an own name",
        copied,
        passes=("gate",),  # the one task that is the same for everybody; the report names ada
        says={"": "ada"},
        after=("ada",),
    ),
    Scripted(
        "dina",
        "hides the old packages from the scanner instead of repairing them",
        hides,
        passes=("counted", "ranked", "gate", "compared"),
        says={"fixed": "has CVE-"},
    ),
    Scripted(
        "emil",
        "repairs one package and accepts the rest",
        accepts_all,
        passes=("counted", "ranked", "gate", "compared"),
        says={"fixed": "has CVE-"},
    ),
    Scripted("fay", "runs the notebook as it came", nothing),
    Scripted(
        "gus",
        "writes a gate that opens for empty reports, an exception without end, and an SBOM of the wrong image",
        lax,
        passes=("counted", "ranked", "fixed", "compared"),
        says={"gate": "blanks alone", "accepted": "no expiry date", "sbom": "The only one belongs to"},
    ),
    Scripted(
        "hana",
        "updates everything, counts everything, and builds again for ECR",
        updates_everything,
        passes=("gate",),
        says={"counted": "is not what a scan", "fixed": "has ", "compared": "another build"},
    ),
    Scripted(
        "ivo",
        "takes the layer of packages out of the submission",
        takes_out,
        passes=("counted", "ranked", "gate", "compared"),
        says={"fixed": "is missing"},
    ),
    Scripted("jun", "takes another way: skopeo, SPDX, scan on push, another gate, twice", another_way, passes="all"),
]
