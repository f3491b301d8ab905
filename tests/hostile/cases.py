"""The table of hostile submissions: each is an honest one with a small change, and what its row must say."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import struct
import zipfile
from collections.abc import Callable
from typing import Any

from autograder.oci.manifests import OCI_INDEX, digest_of
from tests.evidence.images import Layout, js

from .classroom import Case, Files, packed, signed, submission
from .test_limits import sparse, tar

Document = Any

# -- small changes ---------------------------------------------------------------------------------------------------


def put(name: str, content: bytes | str) -> Callable[[Files], None]:
    """A file with another content."""
    data = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content

    def change(files: Files) -> None:
        files[name] = data

    return change


def edit(name: str, do: Callable[[Document], Any]) -> Callable[[Files], None]:
    """A JSON file that was changed in place; what ``do`` gives back, if anything, is the new document."""

    def change(files: Files) -> None:
        document = json.loads(files[name])
        made = do(document)
        files[name] = json.dumps(document if made is None else made).encode("utf-8", "surrogatepass")

    return change


def answer(name: str, value: Any) -> Callable[[Files], None]:
    def do(document: Document) -> None:
        document[name]["value"] = value

    return edit("answers.json", do)


def cell(document: Document, id: str = "", tag: str = "") -> dict[str, Any]:
    """A cell of a notebook, by nbgrader's id or by a tag."""
    found: dict[str, Any] = next(
        one
        for one in document["cells"]
        if (id and one["metadata"].get("nbgrader", {}).get("grade_id") == id) or tag in one["metadata"].get("tags", ())
    )
    return found


def source(id: str, text: str) -> Callable[[Files], None]:
    return edit("notebook.ipynb", lambda document: cell(document, id).update(source=text))


def cells(make: Callable[[Document], list[Any]]) -> Callable[[Files], None]:
    """A notebook with further cells at its end."""
    return edit("notebook.ipynb", lambda document: document["cells"].extend(make(document)))


def output(make: Callable[[], Any]) -> Callable[[Files], None]:
    """A notebook with a further code cell that has an output, which is made when it is needed."""
    cell = {"cell_type": "code", "execution_count": 1, "metadata": {}, "source": ""}
    return cells(lambda document: [{**cell, "outputs": [make()]}])


def task(text: str) -> Callable[[Files], None]:
    return edit("notebook.ipynb", lambda document: cell(document, tag="task:parse_reference").update(source=text))


def raw(name: str, content: bytes, method: int = zipfile.ZIP_DEFLATED) -> Callable[[Files], bytes]:
    """A zip with a further entry under a name that no tool of ours would write."""

    def change(files: Files) -> bytes:
        buffer = io.BytesIO(whole(files))
        with zipfile.ZipFile(buffer, "a", method) as archive:
            archive.writestr(zipfile.ZipInfo(name), content, method)
        return buffer.getvalue()

    return change


def whole(files: Files, **fields: Any) -> bytes:
    """The zip of files as they are, with a signed submission.json of lab 02."""
    document = {
        "schema": 1,
        "lab": "02-names",
        "lab_version": 1,
        "student": files.student,
        "course": "sample-class",
        "kit_version": "0.1.0",
        "written_at": "2026-11-26T12:00:00+00:00",
        "files": {name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
    } | {name.removesuffix("_"): value for name, value in fields.items()}
    return packed(signed(files.student, "02-names", json.dumps(document).encode()) | files)


def entries(number: int) -> Callable[[Files], bytes]:
    return lambda files: packed({"submission.json": b"{}"} | {f"f{n}": b"" for n in range(number)})


def claims(size: int) -> Callable[[Files], bytes]:
    """A zip whose last entry says that it has ``size`` bytes."""

    def change(files: Files) -> bytes:
        made = bytearray(whole(files))
        place = made.rindex(b"PK\x01\x02")
        struct.pack_into("<I", made, place + 24, size)
        return bytes(made)

    return change


def method_of(number: int) -> Callable[[Files], bytes]:
    def change(files: Files) -> bytes:
        made = bytearray(whole(files))
        struct.pack_into("<H", made, made.rindex(b"PK\x01\x02") + 10, number)
        return bytes(made)

    return change


def link(files: Files) -> bytes:
    buffer = io.BytesIO(whole(files))
    with zipfile.ZipFile(buffer, "a") as archive:
        entry = zipfile.ZipInfo("files/x")
        entry.external_attr = 0o120777 << 16
        archive.writestr(entry, "/etc/passwd")
    return buffer.getvalue()


def twice(files: Files) -> bytes:
    return raw("answers.json", b"{}")(files)


def repository(service: str, make: Callable[[Layout], Any], **more: bytes) -> Callable[[Files], None]:
    """Another image layout in place of the one repository of a service; ``make`` may give the bytes of index.json."""

    def change(files: Files) -> None:
        place = next(iter(json.loads(files[f"evidence/{service}.json"])["repositories"].values()))["folder"]
        for name in [name for name in files if name.startswith(f"{place}/")]:
            del files[name]
        made = Layout()
        index = make(made)
        if not isinstance(index, bytes):
            index = js({"schemaVersion": 2, "manifests": made.entries})
        for name, content in (made.files | {"index.json": index}).items():
            files[f"{place}/{name}"] = content

    return change


def settings(service: str, do: Callable[[Document, dict[str, Any]], Any]) -> Callable[[Files], None]:
    """An emulator's settings, changed; ``do`` gets them and the first repository in them."""

    def change(document: Document) -> None:
        found = document["settings"]
        held = found["repositories"]
        do(found, next(iter(held.values())) if isinstance(held, dict) else held[0])

    return edit(f"evidence/{service}.json", change)


def build(text: str) -> Callable[[Files], None]:
    return put("files/github-build.yml", text)


def step(line: str) -> Callable[[Files], None]:
    """A further step at the end of the honest workflow."""

    def change(files: Files) -> None:
        files["files/github-build.yml"] += ("\n" + line + "\n").encode()

    return change


def steps(script: str) -> Callable[[Files], None]:
    lines = "\n".join("          " + line for line in script.splitlines())
    return step(f"      - run: |\n{lines}")


def gitlab(script: list[str], **more: Any) -> Callable[[Files], None]:
    """A further job in the honest pipeline."""

    def change(files: Files) -> None:
        job = json.dumps({"image": "docker:27", "stage": "test", "script": script} | more)
        files["files/gitlab-ci.yml"] += f"\nfurther: {job}\n".encode()

    return change


def meta(rules: str) -> Callable[[Files], None]:
    """Another list of rules in the honest metadata step."""

    def change(files: Files) -> None:
        text = files["files/github-build.yml"].decode()
        head, _, tail = text.partition("tags: |\n")
        kept = tail.splitlines()
        rest = next(n for n, line in enumerate(kept) if not line.startswith("            "))
        written = "\n".join(f"            {rule}" for rule in rules.splitlines())
        files["files/github-build.yml"] = "\n".join([head + "tags: |", written, *kept[rest:], ""]).encode()

    return change


WRONG = ("graded",)  # judged: the check that rests on it fails
REFUSED = ("refused",)
EITHER = ("graded", "refused")
DEEP = "[" * 5_000 + "]" * 5_000
HTML = "<script>alert(1)</script><img src=x onerror=alert(1)>"

CASES = [
    # -- archives
    Case(
        "archives",
        "a name that leaves its folder",
        "02-names",
        raw("../../out.txt", b"x"),
        REFUSED,
        ["leaves its folder"],
    ),
    Case("archives", "an absolute path", "02-names", raw("/tmp/out.txt", b"x"), REFUSED, ["absolute path"]),
    Case("archives", "a link to a file of the machine", "02-names", link, REFUSED, ["a link or a device"]),
    Case("archives", "two files of one name", "02-names", twice, REFUSED, ["answers.json", "same name"]),
    Case(
        "archives",
        "zeros that unpack a thousandfold",
        "02-names",
        put("files/x", b"\0" * (64 << 20)),
        REFUSED,
        ["zip bomb"],
    ),
    Case("archives", "31,000 files", "02-names", entries(31_000), REFUSED, ["at most 30000"]),
    Case("archives", "a claim of 4 GiB", "02-names", claims(0xFFFFFFF0), REFUSED, ["at most 256 MiB"]),
    Case("archives", "half a zip", "02-names", lambda files: whole(files)[:900], REFUSED, ["not a zip file"]),
    Case("archives", "another method of packing", "02-names", method_of(99), REFUSED, ["unusual way"]),
    # -- notebooks
    Case("notebooks", "5,000 cells", "02-names", cells(lambda d: [d["cells"][0]] * 5_000), EITHER),
    Case(
        "notebooks",
        "cells that are no objects",
        "02-names",
        edit("notebook.ipynb", lambda d: d.update(cells=[1, None, "x", [], {}])),
        EITHER,
    ),
    Case(
        "notebooks",
        "a notebook that is a list",
        "02-names",
        put("notebook.ipynb", "[1]"),
        EITHER,
        ["not a Jupyter notebook"],
    ),
    Case("notebooks", "a source of 4,000,000 characters in the task", "02-names", task("x = 1\n" * 600_000), EITHER),
    Case("notebooks", "a source of nested brackets in the task", "02-names", task("x = " + "(" * 90_000), EITHER),
    Case(
        "notebooks",
        "a source with a NUL in the task",
        "02-names",
        task("def parse_reference(x):\n    return 1\0"),
        EITHER,
    ),
    Case(
        "notebooks",
        "metadata of odd types",
        "02-names",
        edit("notebook.ipynb", lambda d: d.update(metadata=[1], nbformat="x", nbformat_minor=-1)),
        EITHER,
    ),
    # -- markdown
    Case("markdown", "words that run in a written answer", "04-tagging", source("policy", HTML * 200), WRONG),
    Case(
        "markdown",
        "lists in lists, 500 deep",
        "04-tagging",
        source("policy", "\n".join("  " * n + "- x" for n in range(500))),
        WRONG,
    ),
    Case("markdown", "3,000 tags that are not closed", "04-tagging", source("policy", "<div>" * 3_000), WRONG),
    Case("markdown", "200,000 stars", "04-tagging", source("policy", "*" * 200_000), WRONG),
    Case(
        "markdown",
        "formulas and links that run",
        "04-tagging",
        source("policy", "$\\href{javascript:alert(1)}{x}$ [x](javascript:alert(1)) " * 300),
        WRONG,
    ),
    # -- YAML
    Case(
        "YAML",
        "aliases of aliases",
        "10-ci-cd",
        build(
            "\n".join(["a0: &a0 [x]", *(f"a{n}: &a{n} [" + ", ".join([f"*a{n - 1}"] * 9) + "]" for n in range(1, 30))])
        ),
        WRONG,
        ["github-build.yml"],
    ),
    Case(
        "YAML",
        "an object of Python",
        "10-ci-cd",
        build("on: !!python/object/apply:os.system ['touch /tmp/out']\n"),
        WRONG,
        ["github-build.yml"],
    ),
    Case("YAML", "5,000 lists in lists", "10-ci-cd", build(f"on: {DEEP}\n"), WRONG, ["github-build.yml"]),
    Case("YAML", "a file of a megabyte", "10-ci-cd", build("# x\n" * 250_000), WRONG),
    Case("YAML", "a key that is an object", "10-ci-cd", build("? {a: [b]}\n: c\non: push\njobs: {}\n"), WRONG),
    Case(
        "YAML",
        "a second document and a directive",
        "10-ci-cd",
        build("%TAG ! tag:x,2026:\n---\non: push\n---\non: pull_request\n"),
        WRONG,
    ),
    # -- JSON
    Case(
        "JSON",
        "answers 5,000 deep",
        "02-names",
        put("answers.json", DEEP),
        WRONG,
        ["answers.json", "nested too deeply"],
    ),
    Case(
        "JSON",
        "a number of 10,000 digits",
        "02-names",
        put("answers.json", '{"a": {"value": ' + "9" * 10_000 + "}}"),
        WRONG,
        ["answers.json"],
    ),
    Case(
        "JSON",
        "NaN for an answer",
        "02-names",
        put("answers.json", '{"full_names": {"value": NaN}}'),
        WRONG,
        ["answers.json", "not a JSON number"],
    ),
    Case("JSON", "half a character for an answer", "02-names", answer("full_names", ["\ud800"] * 8), WRONG),
    Case(
        "JSON",
        "a header that is no object",
        "02-names",
        lambda files: packed({"submission.json": b"[]"} | files),
        REFUSED,
        ["submission.json is not an object"],
    ),
    Case(
        "JSON",
        "a header whose files are a list",
        "02-names",
        lambda files: whole(files, files_=[]),
        REFUSED,
        ["submission.json"],
    ),
    Case(
        "policies",
        "a lifecycle policy of 3,000 rules",
        "08-lifecycle",
        settings("ecr", lambda s, r: r.update(lifecyclePolicy={"rules": r["lifecyclePolicy"]["rules"] * 1_500})),
        WRONG,
        ["policy"],
    ),
    Case(
        "policies",
        "a lifecycle policy that is a number",
        "08-lifecycle",
        settings("ecr", lambda s, r: r.update(lifecyclePolicy=7)),
        EITHER,
    ),
    Case(
        "policies",
        "a count of 4,000 digits",
        "08-lifecycle",
        settings("ecr", lambda s, r: r["lifecyclePolicy"]["rules"][0]["selection"].update(countNumber=10**4_000)),
        EITHER,
    ),
    Case(
        "policies",
        "a repository policy of 5,000 statements",
        "06-ecr",
        settings(
            "ecr",
            lambda s, r: r.update(
                policy={
                    "Version": "2012-10-17",
                    "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "ecr:*"}] * 5_000,
                }
            ),
        ),
        EITHER,
    ),
    Case(
        "policies",
        "cleanup policies without sense",
        "07-google-azure",
        settings(
            "artifact-registry",
            lambda s, r: s["settings"][0].update(
                cleanupPolicies=[
                    {"name": "x", "action": {"type": "KEEP"}, "condition": {"olderThan": "9" * 5_000 + "s"}}
                ]
            ),
        ),
        EITHER,
    ),
    # -- patterns
    Case(
        "patterns", "a semver rule with (a+)+$", "10-ci-cd", meta("type=semver,pattern={{version}},match=(a+)+$"), WRONG
    ),
    Case(
        "patterns",
        "a branch filter of stars",
        "10-ci-cd",
        build(
            "on: {push: {branches: ["
            + ", ".join(["a*a*a*a*a*a*a*b"] * 300)
            + "]}}\njobs: {x: {runs-on: ubuntu-24.04, steps: [{run: 'true'}]}}\n"
        ),
        WRONG,
    ),
    Case(
        "patterns",
        "a rule of GitLab with stars",
        "10-ci-cd",
        gitlab(["true"], rules=[{"if": "$CI_COMMIT_BRANCH =~ /(a*)*a*a*a*b/"}] * 200),
        WRONG,
    ),
    Case(
        "patterns",
        "look-arounds in a filter of acr purge",
        "07-google-azure",
        answer("purge", "acr purge --ago 1d --filter 'x:" + "(?=" * 45 + "a*" + ")" * 45 + "'"),
        WRONG,
    ),
    Case(
        "patterns",
        "3,000 patterns of tags",
        "08-lifecycle",
        settings(
            "ecr",
            lambda s, r: r["lifecyclePolicy"]["rules"].append(
                {
                    "rulePriority": 90,
                    "selection": {
                        "tagStatus": "tagged",
                        "tagPatternList": [f"*a*b*c*{n}" for n in range(3_000)],
                        "countType": "imageCountMoreThan",
                        "countNumber": 1,
                    },
                    "action": {"type": "expire"},
                }
            ),
        ),
        EITHER,
        ["policy"],
    ),
    # -- shell
    Case(
        "shell",
        "a variable that doubles forty times",
        "10-ci-cd",
        steps("A=xxxxxxxx\n" + "A=$A$A\n" * 40 + "echo $A"),
        WRONG,
        ["github-build.yml", "comes to too much"],
    ),
    Case(
        "shell",
        "three loops over 900 words",
        "10-ci-cd",
        steps(
            "for a in "
            + " ".join(f"w{n}" for n in range(900))
            + "; do for b in $a $a; do for c in $b; do :; done; done; done"
        ),
        WRONG,
        ["github-build.yml"],
    ),
    Case("shell", "quotes and parentheses that stay open", "10-ci-cd", steps('echo "$(' * 2_000), WRONG),
    Case("shell", "a pipeline of 5,000 commands", "10-ci-cd", gitlab([" | ".join(["cat"] * 5_000)]), WRONG),
    # -- layers
    Case(
        "layers",
        "a layer that is no archive",
        "06-ecr",
        repository("ecr", lambda m: m.tag("1.0", m.image([b"no archive"] * 3))),
        WRONG,
    ),
    Case(
        "layers",
        "one layer, 3,000 times",
        "06-ecr",
        repository("ecr", lambda m: m.tag("1.0", m.image([b"x" * 5_000] * 3_000))),
        WRONG,
    ),
    Case(
        "layers",
        "a layer whose content is another",
        "06-ecr",
        repository(
            "ecr",
            lambda m: (
                [
                    m.tag("1.0", m.image([b"x" * 50])),
                    m.files.update({name: b"y" for name in m.files if m.files[name] == b"x" * 50}),
                ]
            ),
        ),
        WRONG,
    ),
    Case(
        "layers",
        "a layer that is missing",
        "06-ecr",
        repository(
            "ecr",
            lambda m: (
                [
                    m.tag("1.0", m.image([b"x" * 50])),
                    [m.files.pop(name) for name in list(m.files) if m.files[name] == b"x" * 50],
                ]
            ),
        ),
        WRONG,
    ),
    # -- manifests
    Case(
        "manifests",
        "19,000 tags on one",
        "11-multi-arch",
        repository("registry", lambda m: [m.tag(f"t{n}", image) for image in [m.image([b"x"])] for n in range(19_000)]),
        WRONG,
    ),
    Case(
        "manifests",
        "an index that names itself many times",
        "11-multi-arch",
        repository("registry", lambda m: m.tag("1.0", m.index(*[m.image([b"x"])] * 3))),
        WRONG,
    ),
    Case(
        "manifests",
        "a chain of 1,000 indexes",
        "11-multi-arch",
        repository("registry", lambda m: chain(m, 1_000)),
        WRONG,
    ),
    Case(
        "manifests", "an index.json 5,000 deep", "11-multi-arch", repository("registry", lambda m: DEEP.encode()), WRONG
    ),
    Case(
        "manifests",
        "sizes of 4,000 digits",
        "11-multi-arch",
        repository(
            "registry",
            lambda m: (
                b'{"schemaVersion": 2, "manifests": [{"mediaType": "x", "digest": "sha256:'
                + b"0" * 64
                + b'", "size": '
                + b"9" * 4_000
                + b"}]}"
            ),
        ),
        WRONG,
    ),
    # -- names
    Case(
        "names",
        "a lab that does not exist",
        "02-names",
        lambda files: whole(files, lab="../../etc"),
        REFUSED,
        ["does not have"],
    ),
    Case(
        "names",
        "a student of another class",
        "02-names",
        lambda files: whole(files, student="zoe"),
        REFUSED,
        ["not on the roster"],
        file="02-names-zoe.zip",
    ),
    Case(
        "names",
        "a student's id with a path",
        "02-names",
        lambda files: whole(files, student="../ada"),
        REFUSED,
        ["not a student id"],
    ),
    Case(
        "names",
        "a notebook somewhere else",
        "02-names",
        lambda files: None,
        EITHER,
        header={"notebook": "../../class/key"},
    ),
    Case(
        "names",
        "a file name with control characters",
        "02-names",
        raw("files/\x1b[2J.txt", b"x"),
        REFUSED,
        ["control or invisible"],
    ),
    Case(
        "names",
        "30,000 repositories in the catalog",
        "11-multi-arch",
        edit("evidence/registry.json", lambda d: d.update(catalog=[f"r{n}" for n in range(30_000)])),
        WRONG,
    ),
    # -- clocks
    Case("clocks", "a time that is none", "02-names", lambda files: None, EITHER, header={"written_at": "yesterday"}),
    Case(
        "clocks",
        "a year of six digits",
        "02-names",
        lambda files: None,
        EITHER,
        header={"written_at": "+275760-09-13T00:00:00Z"},
    ),
    Case(
        "clocks",
        "without a zone, before all others",
        "02-names",
        lambda files: None,
        EITHER,
        header={"written_at": "0001-01-01T00:00:00"},
    ),
    Case(
        "clocks",
        "the last second of all",
        "02-names",
        lambda files: None,
        EITHER,
        header={"written_at": "9999-12-31T23:59:59Z"},
    ),
    Case(
        "clocks",
        "answers recorded at no time",
        "02-names",
        edit("answers.json", lambda d: {k: v | {"recorded_at": "9999-99-99T99:99:99"} for k, v in d.items()}),
        EITHER,
    ),
    # -- exports
    Case(
        "exports",
        "a formula as the kit's version",
        "02-names",
        lambda files: None,
        EITHER,
        header={"kit_version": "=HYPERLINK(1)"},
    ),
    Case("exports", "a formula in an answer", "02-names", answer("full_names", ["=cmd|' /C calc'!A0"] * 8), WRONG),
    Case(
        "exports",
        "a formula as a file's name",
        "02-names",
        lambda files: None,
        EITHER,
        header={"files": {"=1+1": "0" * 64}},
        words=["missing"],
    ),
    # -- pages
    Case("pages", "HTML in an answer", "02-names", answer("full_names", [HTML] * 8), WRONG),
    Case(
        "pages",
        "HTML as a file's name in the header",
        "02-names",
        lambda files: None,
        EITHER,
        header={"files": {HTML: "0" * 64}},
        words=["missing"],
    ),
    Case(
        "pages",
        "an output of HTML",
        "02-names",
        output(
            lambda: {
                "output_type": "display_data",
                "metadata": {},
                "data": {
                    "text/html": HTML,
                    "image/svg+xml": f"<svg onload=alert(1)>{HTML}</svg>",
                    "application/javascript": "alert(1)",
                },
            }
        ),
        WRONG,
    ),
]


def chain(made: Layout, length: int) -> None:
    top = made.image([b"x"])
    for _ in range(length):
        top = made.index(top)
    made.tag("1.0", top)


def many(made: Layout, number: int) -> tuple[str, int, str]:
    """An index that lists one image again and again."""
    digest, size, kind = made.image([b"x"])
    row = {"mediaType": kind, "digest": digest, "size": size, "platform": {"os": "linux", "architecture": "amd64"}}
    content = js({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [row] * number})
    return made.blob(content), len(content), OCI_INDEX


def layer(make: Callable[[], bytes], packed: bool = False) -> Callable[[Files], None]:
    """The honest index, whose images have one layer more, and their digests made right again."""

    def change(files: Files) -> None:
        content = gzip.compress(make(), mtime=0) if packed else make()
        kind = "application/vnd.oci.image.layer.v1.tar" + ("+gzip" if packed else "")
        place = next(iter(json.loads(files["evidence/registry.json"])["repositories"].values()))["folder"]
        blobs = f"{place}/blobs/sha256/"
        new: dict[str, tuple[str, int]] = {}

        def store(document: bytes) -> tuple[str, int]:
            digest = digest_of(document)
            files[blobs + digest.removeprefix("sha256:")] = document
            return digest, len(document)

        further = dict(zip(("digest", "size"), store(content), strict=True)) | {"mediaType": kind}
        images, indexes = [], []
        for name in [name for name in files if name.startswith(blobs)]:
            try:
                document = json.loads(files[name])
            except ValueError:
                continue
            if isinstance(document, dict) and "layers" in document:
                images.append((name, document))
            elif isinstance(document, dict) and "manifests" in document:
                indexes.append((name, document))
        for name, document in images:
            if any("in-toto" in one["mediaType"] or "cyclonedx" in one["mediaType"] for one in document["layers"]):
                continue
            document["layers"].append(further)
            new["sha256:" + name.removeprefix(blobs)] = store(js(document))
        for name, document in indexes:
            for row in document["manifests"]:
                row["digest"], row["size"] = new.get(row["digest"], (row["digest"], row["size"]))
            new["sha256:" + name.removeprefix(blobs)] = store(js(document))
        top = json.loads(files[f"{place}/index.json"])
        for row in top["manifests"]:
            row["digest"], row["size"] = new.get(row["digest"], (row["digest"], row["size"]))
        files[f"{place}/index.json"] = js(top)

    return change


def nested(files: Files, name: bytes) -> bytes:
    """A platform's zip, which holds the submission under a name in bytes of no known code."""
    plain = "?" * len(name)
    made = packed({plain: submission("02-names", files.student)})
    return made.replace(plain.encode(), name)


TASKS = [
    Case(
        "tasks",
        "a loop without end",
        "02-names",
        task("def parse_reference(x):\n    while True:\n        pass\n"),
        WRONG,
        ["seconds"],
        engine=True,
    ),
    Case(
        "tasks",
        "memory without end",
        "02-names",
        task("def parse_reference(x):\n    a = [0]\n    while True:\n        a += a\n"),
        WRONG,
        engine=True,
    ),
    Case(
        "tasks",
        "processes without end",
        "02-names",
        task("import os\ndef parse_reference(x):\n    while True:\n        os.fork()\n"),
        WRONG,
        engine=True,
    ),
    Case(
        "tasks",
        "a file of the machine",
        "02-names",
        task("def parse_reference(x):\n    return open('/work/class/key').read()\n"),
        WRONG,
        engine=True,
    ),
    Case(
        "tasks",
        "output without end",
        "02-names",
        task("import sys\ndef parse_reference(x):\n    while True:\n        sys.stdout.write('x' * 100000)\n"),
        WRONG,
        engine=True,
    ),
]


# Harder ones: what costs time or memory where a reader is not bounded.
HARD = [
    Case(
        "policies",
        "a command of acr purge of 3,000,000 characters",
        "07-google-azure",
        answer("purge", "acr purge --ago 1d --filter 'x:" + "> " * 1_500_000 + "'"),
        WRONG,
        ["at most 2000"],
    ),
    Case(
        "shell",
        "format in format in a step",
        "10-ci-cd",
        step(
            "      - run: echo ${{ "
            + "format('{0}{0}{0}{0}{0}{0}{0}{0}{0}', " * 9
            + "'xxxxxxxxxxxxxxxxxxxx'"
            + ")" * 9
            + " }}"
        ),
        WRONG,
        ["github-build.yml"],
    ),
    Case("markdown", "reference brackets", "04-tagging", source("policy", "[" * 200_000), WRONG),
    Case("markdown", "quotes in quotes", "04-tagging", source("policy", "> " * 20_000 + "x"), WRONG),
    Case(
        "markdown",
        "a table of 3,000 columns",
        "04-tagging",
        source(
            "policy",
            "|".join("a" * 3_000) + "\n" + "|".join(["-"] * 3_000) + "\n" + ("|".join("b" * 3_000) + "\n") * 60,
        ),
        WRONG,
    ),
    Case(
        "notebooks", "150 cells of one name", "02-names", cells(lambda d: [dict(cell(d, "read-names"))] * 150), EITHER
    ),
    Case(
        "notebooks",
        "20,000 cells of one name",
        "02-names",
        cells(lambda d: [dict(cell(d, "read-names"))] * 20_000),
        EITHER,
    ),
    Case(
        "notebooks",
        "200,000 attachments",
        "02-names",
        cells(
            lambda d: [
                {
                    "cell_type": "markdown",
                    "metadata": {},
                    "source": "x",
                    "attachments": {f"a{n}.png": {"image/png": "AA=="} for n in range(200_000)},
                }
            ]
        ),
        EITHER,
    ),
    Case(
        "notebooks",
        "half characters in names and sources",
        "02-names",
        cells(
            lambda d: [
                {
                    "cell_type": "markdown",
                    "metadata": {
                        "nbgrader": {
                            "grade_id": "\ud800",
                            "grade": False,
                            "solution": False,
                            "locked": False,
                            "schema_version": 3,
                        }
                    },
                    "source": "\udfff",
                }
            ]
        ),
        EITHER,
    ),
    Case(
        "JSON",
        "2,000,000 lists in a service's state",
        "06-ecr",
        put("evidence/ecr.json", '{"settings": {"x": [' + "[]," * 2_000_000 + "[]]}}"),
        EITHER,
        ["evidence/ecr.json"],
    ),
    Case(
        "JSON",
        "1,300,000 lists in an answer",
        "02-names",
        put(
            "answers.json", '{"full_names": {"value": [' + "[]," * 1_300_000 + '[]], "recorded_at": "", "inputs": {}}}'
        ),
        EITHER,
    ),
    Case(
        "JSON",
        "a header of 400,000 files",
        "02-names",
        lambda files: None,
        EITHER,
        header={"files": {f"f{n}": "" for n in range(400_000)}},
    ),
    Case(
        "policies",
        "40,000 statements",
        "06-ecr",
        settings(
            "ecr",
            lambda s, r: r.update(
                policy={"Statement": [{"Effect": "Allow", "Principal": "*", "Action": ["ecr:Batch*"]}] * 40_000}
            ),
        ),
        EITHER,
        ["policy", "evidence/ecr.json"][:1],
    ),
    Case(
        "policies",
        "150,000 patterns of tags",
        "08-lifecycle",
        settings(
            "ecr",
            lambda s, r: r["lifecyclePolicy"]["rules"][0].update(
                selection={
                    "tagStatus": "tagged",
                    "tagPatternList": [f"a*{n}" for n in range(150_000)],
                    "countType": "imageCountMoreThan",
                    "countNumber": 1,
                }
            ),
        ),
        EITHER,
        ["policy"],
    ),
    Case(
        "patterns",
        "a match rule, its attributes the other way",
        "10-ci-cd",
        meta("pattern=(a+)+$,type=match\n" * 60),
        WRONG,
    ),
    Case("patterns", "pep440 with (a|aa)+$", "10-ci-cd", meta("type=pep440,pattern={{version}},match=(a|aa)+$"), WRONG),
    Case(
        "shell",
        "a pattern cut from a long value",
        "10-ci-cd",
        steps("V=" + "ab" * 9_000 + "\n" + "echo ${V#*b*c}\n" * 200),
        WRONG,
    ),
    Case(
        "shell",
        "three loops over 3,000 words",
        "10-ci-cd",
        steps(
            "W='"
            + " ".join(f"w{n}" for n in range(3_000))
            + "'\nfor a in $W; do for b in $W; do for c in $W; do X=$a; done; done; done"
        ),
        WRONG,
        ["github-build.yml", "comes to too much"],
    ),
    Case(
        "shell",
        "a list of 4,000 joined by 9,000 characters",
        "10-ci-cd",
        step(
            "      - {env: {S: "
            + "x" * 9_000
            + "}, run: \"echo ${{ join(fromJSON('["
            + ",".join("1" * 4_000)
            + "]'), env.S) }}\"}"
        ),
        WRONG,
        ["github-build.yml"],
    ),
    Case(
        "shell",
        "outputs that each double the one before",
        "10-ci-cd",
        step(
            "      - {id: s0, run: echo v=xxxxxxxx >> $GITHUB_OUTPUT}\n"
            + "\n".join(
                f"      - {{id: s{n}, run: 'echo v={f'${{{{ steps.s{n - 1}.outputs.v }}}}' * 2} >> $GITHUB_OUTPUT'}}"
                for n in range(1, 40)
            )
        ),
        WRONG,
        ["github-build.yml"],
    ),
    Case(
        "YAML",
        "200,000 keys",
        "10-ci-cd",
        build("on: push\njobs: {" + ", ".join(f"j{n}: 1" for n in range(90_000)) + "}\n"),
        WRONG,
        ["github-build.yml"],
    ),
    Case(
        "YAML",
        "3,000 jobs that each have a schema error",
        "10-ci-cd",
        build(
            "on: push\njobs:\n"
            + "".join(f"  j{n}: {{runs-on: x, steps: [{{run: a, uses: b, x: {n}}}], y: 1}}\n" for n in range(3_000))
        ),
        WRONG,
    ),
    Case(
        "YAML",
        "a list in a key of the pipeline",
        "10-ci-cd",
        put("files/gitlab-ci.yml", "x: " + "{a: " * 900 + "1" + "}" * 900 + "\n"),
        WRONG,
        ["gitlab-ci.yml"],
    ),
    Case(
        "manifests",
        "an index of 20,000 entries",
        "11-multi-arch",
        repository("registry", lambda m: m.tag("1.0", many(m, 20_000))),
        WRONG,
    ),
    Case(
        "manifests",
        "a chain of 3,000 indexes",
        "11-multi-arch",
        repository("registry", lambda m: chain(m, 3_000)),
        WRONG,
    ),
    Case(
        "manifests",
        "9,000 manifests",
        "11-multi-arch",
        repository("registry", lambda m: [m.tag(f"t{n}", m.image([b"%d" % n])) for n in range(9_000)]),
        WRONG,
    ),
    Case("layers", "a path of 500,000 parts", "11-multi-arch", layer(lambda: tar("a/" * 500_000 + "f")), WRONG),
    Case("layers", "a sparse file of 1 TiB", "11-multi-arch", layer(lambda: sparse(1 << 40)), WRONG),
    Case(
        "layers",
        "gzip that unpacks a thousandfold",
        "11-multi-arch",
        layer(lambda: tar("f", content=b"\0" * (90 << 20)), packed=True),
        WRONG,
    ),
    Case(
        "names",
        "a zip whose name is not UTF-8",
        "02-names",
        lambda files: None,
        ("graded",),
        file=os.fsdecode(b"02-names-m92\xff.zip"),
    ),
    Case(
        "names",
        "a platform's zip with a name that is not UTF-8",
        "02-names",
        lambda files: nested(files, b"\xff\xfe_1_assignsubmission_file/x.zip"),
        ("graded",),
        file="all of them.zip",
    ),
    Case(
        "clocks",
        "the last second of all, west of it",
        "02-names",
        lambda files: None,
        EITHER,
        header={"written_at": "9999-12-31T23:59:59-12:00"},
    ),
    Case(
        "clocks",
        "the first second, east of it",
        "02-names",
        lambda files: None,
        EITHER,
        header={"written_at": "0001-01-01T00:00:00+14:00"},
    ),
    Case(
        "clocks",
        "a zone with seconds",
        "02-names",
        lambda files: None,
        EITHER,
        header={"written_at": "2026-11-26T12:00:00+00:00:30"},
    ),
    Case(
        "clocks",
        "an emulator's clock at the end of time",
        "06-ecr",
        settings(
            "ecr",
            lambda s, r: [
                s.update(now="9999-12-31T23:59:59-12:00", time="9999-12-31T23:59:59-12:00"),
                r.update(createdAt="0001-01-01T00:00:00+14:00"),
            ],
        ),
        EITHER,
    ),
    Case(
        "exports",
        "half a character in the kit's version",
        "02-names",
        lambda files: None,
        EITHER,
        header={"kit_version": "\ud800"},
    ),
    Case(
        "exports",
        "800,000 characters of problems",
        "02-names",
        lambda files: None,
        EITHER,
        header={"files": {"x" * 4_000 + str(n): "0" * 64 for n in range(200)}},
        words=["missing"],
    ),
    Case(
        "JSON",
        "a submission.json of 6 MB, in a zip of a few files",
        "02-names",
        lambda files: None,
        REFUSED,
        header={"files": {"x" * 30_000 + str(n): "0" * 64 for n in range(200)}},
        words=["submission.json has 60", "bytes; at most 10"],
    ),
    Case("pages", "answers of 3,000,000 characters", "02-names", answer("full_names", ["<" * 400_000] * 8), WRONG),
    Case(
        "pages",
        "an output of 15,000,000 characters",
        "02-names",
        output(lambda: {"output_type": "stream", "name": "stdout", "text": "\x1b[31m<" * 2_000_000}),
        EITHER,
    ),
    Case("pages", "half a character in a source", "04-tagging", source("policy", "\ud800 <b>"), WRONG),
    Case("notebooks", "a million signs in the task", "02-names", task("x = " + "-" * 1_000_000 + "1"), WRONG),
    Case("notebooks", "attributes of attributes in the task", "02-names", task("x = a" + ".b" * 300_000), WRONG),
    Case("notebooks", "300,000 additions in the task", "02-names", task("x = 1" + "+1" * 300_000), WRONG),
    Case(
        "notebooks",
        "3,000 cells of the task",
        "02-names",
        cells(lambda d: [dict(cell(d, tag="task:parse_reference"))] * 3_000),
        EITHER,
    ),
    Case(
        "JSON",
        "8,000 images in an emulator's state",
        "06-ecr",
        settings(
            "ecr",
            lambda s, r: r.update(
                images=[{**r["images"][0], "digest": f"sha256:{n:064x}", "tags": [f"t{n}"]} for n in range(8_000)]
            ),
        ),
        EITHER,
    ),
    Case(
        "JSON",
        "4,000 lines of a journal about nothing",
        "06-ecr",
        edit(
            "evidence/journal.json", lambda d: [{**d[0], "number": n, "detail": {"x": [[]] * 20}} for n in range(4_000)]
        ),
        EITHER,
    ),
    Case(
        "YAML",
        "an expression of 200,000 characters",
        "10-ci-cd",
        step("      - run: echo ${{ " + " || ".join(["github.ref"] * 15_000) + " }}"),
        WRONG,
    ),
    Case(
        "names",
        "a refused zip whose name is not UTF-8",
        "02-names",
        lambda files: b"no zip",
        REFUSED,
        ["not a zip file"],
        file=os.fsdecode(b"02-names-m90\xff.zip"),
    ),
    Case(
        "names",
        "a file of another kind whose name is not UTF-8",
        "02-names",
        lambda files: b"words",
        REFUSED,
        ["file of another kind"],
        file=os.fsdecode(b"02-names-m91\xff.txt"),
    ),
]
# What would cost the others of its run most, if it did not hold: each has a run of its own.
WALLS = [
    Case("markdown", "blanks after a link", "04-tagging", source("policy", "[x](" + " " * 400_000 + "x"), WRONG),
    Case(
        "markdown",
        "runs of back-ticks",
        "04-tagging",
        source("policy", " ".join("`" * n for n in range(1, 1_500))),
        WRONG,
    ),
    Case(
        "notebooks",
        "6,500,000 empty lists",
        "02-names",
        put("notebook.ipynb", '{"cells": [' + "[]," * 6_500_000 + "[]]}"),
        EITHER,
    ),
]
A_RUN = 14  # cases that are graded in one run, so that none hides behind the others' time


def runs() -> dict[str, list[Case]]:
    """Name -> the cases of a run: those of one lab, some at a time."""
    found: dict[str, list[Case]] = {}
    for lab in sorted({case.lab for case in [*CASES, *HARD]}):
        mine = [case for case in [*CASES, *HARD] if case.lab == lab]
        for begin in range(0, len(mine), A_RUN):
            found[f"{lab}, {begin // A_RUN + 1}"] = mine[begin : begin + A_RUN]
    return found
