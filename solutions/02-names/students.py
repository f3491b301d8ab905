"""The scripted students of lab 02: what each does, and what each must get."""

from __future__ import annotations

from autograder.quality.samples import Scripted, Stage, copied, nothing, perfect


def reader(s: Stage) -> None:
    """Reads and repairs names, and leaves the function as it came."""
    s.run(s.mixed("read-names", "repair-names"))
    s.submit()


CLASSIC = '''
def parse_reference(text):
    """Takes every first part for a host, and refuses nothing."""
    name, _, digest = text.partition("@")
    host, slash, rest = name.partition("/")
    if not slash:
        host, rest = "docker.io", "library/" + name
    repository, _, tag = rest.partition(":")
    return {"registry": host, "repository": repository, "tag": tag or "latest", "digest": digest or None}
'''
CLASSIC_NAMES = """
full_names = []
for name in me.names:
    parts = parse_reference(name)
    end = "@" + parts["digest"] if parts["digest"] else ""
    full_names.append(f"{parts['registry']}/{parts['repository']}:{parts['tag']}{end}")
answer("full_names", full_names)
answer("repaired", [name.replace("https://", "").replace("+", "_").lower() for name in me.broken])
"""


def classic_mistakes(s: Stage) -> None:
    """Takes what stands before the first slash for a registry, and repairs only what is refused."""
    notebook = s.shipped()
    for cell in notebook.cells:
        if cell.id == "task-parse-reference":
            cell.source = CLASSIC
        if cell.id == "repair-names":
            cell.source = CLASSIC_NAMES
    s.run(notebook)
    s.submit()


KIT = """
from autograder.domain import references

def parse_reference(text):
    found = references.parse(text)
    return {"registry": found.registry, "repository": found.repository, "tag": found.tag, "digest": found.digest}
"""


def borrowed(s: Stage) -> None:
    """Calls the kit's own parser in the task."""
    notebook = s.mixed("read-names", "repair-names")
    for cell in notebook.cells:
        if cell.id == "task-parse-reference":
            cell.source = KIT
    s.run(notebook)
    s.submit()


OTHER = '''
import re

PART = "[a-z0-9]+(?:(?:[.]|_|__|-+)[a-z0-9]+)*"
HOST = re.compile("[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]+)?")
PATH = re.compile(f"{PART}(?:/{PART})*")
TAG = re.compile("[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
DIGEST = re.compile("sha256:[0-9a-f]{64}")


def need(pattern, value):
    if pattern.fullmatch(value) is None:
        raise ValueError(value)
    return value


def parse_reference(text):
    """From the right: digest, tag, host."""
    digest = tag = None
    if "@" in text:
        text, digest = text.split("@", 1)
        need(DIGEST, digest)
    last = text.rsplit("/", 1)[-1]
    if ":" in last:
        tag = need(TAG, last.split(":", 1)[1])
        text = text[: len(text) - len(tag) - 1]
    first, *rest = text.split("/")
    if rest and (first == "localhost" or set(first) & set(".:") or first != first.lower()):
        registry, path = need(HOST, first), "/".join(rest)
    else:
        registry, path = "docker.io", text
    if registry in ("docker.io", "index.docker.io"):
        registry, path = "docker.io", path if "/" in path else f"library/{path}"
    return {
        "digest": digest,
        "tag": tag or (None if digest else "latest"),
        "registry": registry,
        "repository": need(PATH, path),
    }
'''
IN_FULL = """
full_names = []
for name in me.names:
    p = parse_reference(name)
    text = p["registry"] + "/" + p["repository"]
    text += ":" + p["tag"] if p["tag"] else ""
    full_names.append(text + "@" + p["digest"] if p["digest"] else text)
answer("full_names", full_names)
"""


def another_way(s: Stage) -> None:
    """Writes the function first, from the right end of a name, and lets it read the names; runs everything twice."""
    notebook = s.solved()
    for cell in notebook.cells:
        if cell.id == "task-parse-reference":
            cell.source = OTHER
        if cell.id == "read-names":
            cell.source = IN_FULL
    order = [cell for cell in notebook.cells if cell.id != "task-parse-reference"]
    order[2:2] = [cell for cell in notebook.cells if cell.id == "task-parse-reference"]
    notebook.cells = order
    s.run(notebook)
    s.run(notebook)
    s.submit()


STUDENTS = [
    Scripted("ada", "does everything as the lesson shows it", perfect, passes="all"),
    Scripted("ben", "reads and repairs names, writes no function", reader, passes=("full-names", "repair")),
    Scripted(
        "cem",
        "hands in ada's work under an own name",
        copied,
        passes=("parse", "refuse"),  # the one task that is the same for everybody; the report names ada
        says={"": "ada"},
        after=("ada",),
    ),
    Scripted("fay", "runs the notebook as it came", nothing),
    Scripted(
        "gus",
        "calls the kit's own parser in the task",
        borrowed,
        passes=("full-names", "repair"),
        says={"parse": "cannot import the course's own package"},
    ),
    Scripted(
        "hana",
        "takes every first part for a registry, and repairs only what is refused",
        classic_mistakes,
        says={
            "full-names": "has not the form of a host",
            "repair": "Docker reads it as",
            "parse": "a digest and no tag",
        },
    ),
    Scripted("jun", "takes another way: the function first, from the right end, twice", another_way, passes="all"),
]
