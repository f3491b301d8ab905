"""The scripted students of lab 12: what each does, and what each must get."""

from __future__ import annotations

from typing import Any

from autograder.quality.samples import Scripted, Stage, copied, nothing, perfect


def changed(s: Stage, *pairs: tuple[str, str], cell: str = "script") -> Any:
    """The solved notebook with texts of a cell replaced; each must be there."""
    notebook = s.solved()
    for one in notebook.cells:
        if one.id == cell:
            for old, new in pairs:
                assert old in one.source, f"{old} is not in {cell}"
                one.source = one.source.replace(old, new)
    return notebook


def up_to_the_push(s: Stage) -> None:
    """Builds, scans and pushes, and comes no further."""
    s.run(changed(s, ("\npromote(push())\nclean()\n", "\npush()\n")))
    s.submit()


def old_habits(s: Stage) -> None:
    """Builds for each registry anew, ignores the gate, and lets Artifact Registry's policy in its dry run."""
    notebook = changed(
        s,
        ("    there = f\"{IMAGES['ecr']}:{me.version}\"\n", '    there = "localhost:1/nowhere:1"\n'),
        ("    for name in IMAGES.values():\n        for tag in (me", BUILD_EACH),
        ('    if len(digests) != 1:\n        sys.exit(f"not one digest: {digests}")\n', ""),
        ('shop.course("gate", "report.json", "--ignore-unfixed")', ""),
        ("promote(push())", "push()"),
        (', "--no-dry-run")', ")"),
    )
    s.run(notebook)
    s.submit()


BUILD_EACH = """    for number, name in enumerate(IMAGES.values()):
        Path("ml-model/app/place.py").write_text(f"NUMBER = {number}")
        build()
        for tag in (me"""


def gate_left_out(s: Stage) -> None:
    """Keeps the old pin and leaves the gate out."""
    notebook = changed(s, ('shop.course("gate", "report.json", "--ignore-unfixed")', ""))
    for one in notebook.cells:
        if one.id == "pin":
            one.source = 'Path("ml-model/requirements.txt").write_text(me.pin + "\\n")'
    s.run(notebook)
    s.submit()


def scans_last(s: Stage) -> None:
    """Scans after everything was pushed and promoted."""
    words = (
        '"trivy", "image", "--quiet", "--scanners", "vuln", "--format", "json", "--output", "report.json", candidate'
    )
    scan = f"shop.course({words})\n"
    gate = 'shop.course("gate", "report.json", "--ignore-unfixed")\n'
    s.run(changed(s, (scan + gate, ""), ("\nclean()\n", "\nclean()\n" + scan + gate)))
    s.submit()


SKOPEO = """
def promote(digest):
    options = ["--src-tls-verify=false", "--dest-tls-verify=false"]
    for name in IMAGES.values():
        shop.run("skopeo", "copy", "--quiet", *options, f"docker://{name}@{digest}", f"docker://{name}:prod")


def old_promote(digest):
"""


def another_way(s: Stage) -> None:
    """Promotes with skopeo, scans what is in the engine by its id, and takes old builds by a wider pattern."""
    notebook = changed(
        s,
        ("def promote(digest):\n", SKOPEO.lstrip()),
        ('"tagPatternList": ["dev-*"]', '"tagPrefixList": ["dev-"]'),
        ("--ago 30d", "--ago 30d --untagged"),
    )
    s.run(notebook)
    s.submit()


STUDENTS = [
    Scripted("ada", "does everything as asked, with docker", perfect, passes="all"),
    Scripted(
        "ben",
        "comes as far as the push",
        up_to_the_push,
        passes=("one-digest", "tags", "scan-report", "second-run", "order"),
        says={"promoted": "prod still points at", "policies": "There is none that acts", "cleaned": "are still there"},
    ),
    Scripted("cem", "hands in ada's work under an own name", copied, says={"": "ada"}, after=("ada",)),
    Scripted(
        "dina",
        "keeps the old pin and leaves the gate out",
        gate_left_out,
        passes=("one-digest", "tags", "promoted", "policies", "cleaned"),
        says={"scan-report": "fixed in", "second-run": "It never asked the gate, and pushed"},
    ),
    Scripted("fay", "runs the notebook as it came", nothing),
    Scripted(
        "hana",
        "builds for each registry anew and never leaves the dry run",
        old_habits,
        says={
            "one-digest": "it is sha256:",
            "policies": "There is none that acts",
            "second-run": "It never asked the gate, and pushed",
        },
    ),
    Scripted(
        "ivo",
        "scans when everything is pushed",
        scans_last,
        passes=("one-digest", "tags", "scan-report", "promoted", "policies", "cleaned"),
        says={"second-run": "The gate said no, and it pushed"},
    ),
    Scripted("jun", "takes another way: skopeo, and a prefix instead of a pattern", another_way, passes="all"),
]
