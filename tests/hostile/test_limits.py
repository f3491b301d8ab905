"""What a student wrote is read inside limits: each case ends soon, in little memory, and is refused in words.

An honest neighbour of each kind shows that the limit is not for them, and the table of limits is held against the
sample class.
"""

from __future__ import annotations

import hashlib
import io
import json
import struct
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from autograder.checks import api
from autograder.checks.ci_cd import data as lab10
from autograder.collect import safe_yaml
from autograder.domain import access, limits
from autograder.domain.advisories import gate
from autograder.domain.github_actions.run import Run
from autograder.domain.limits import Budget
from autograder.domain.retention import acr_command, acr_purge, ecr, ecr_validate
from autograder.domain.retention.model import Image
from autograder.evidence import layout
from autograder.evidence.layout import MemorySource
from autograder.evidence.model import Case, CaseResult, Evidence
from autograder.labs import manifest
from autograder.oci import layers
from autograder.oci.manifests import OCI_CONFIG, OCI_INDEX, OCI_MANIFEST, Descriptor, ImageManifest
from autograder.pipelines import github, gitlab, job_state
from autograder.scanning import inventory, rescan_probe

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="a child with limits needs fork and /proc"),
]

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SECONDS = 10.0  # of processor time: the slowest case takes a quarter of it on a quiet machine
MEMORY = 256 << 20  # bytes
SOLUTIONS = Path(__file__).resolve().parents[2] / "solutions"
WORDS = " ".join(f"w{number}" for number in range(3_000))


def within(function: Callable[..., Any], *arguments: Any) -> Any:
    """What a case gave back, in bounds of time and memory."""
    from .measured import measured  # here: it needs a system with fork

    found = measured(function, *arguments)
    assert found.seconds < SECONDS and found.memory < MEMORY, found
    return found


# -- workflows -------------------------------------------------------------------------------------------------------


def workflow(*steps: Mapping[str, Any], on: Any = "push") -> dict[str, Any]:
    return {"on": on if isinstance(on, Mapping) else {on: None}, "jobs": {"build": {"steps": list(steps)}}}


def run(data: Mapping[str, Any], ref: str = "refs/heads/main") -> str:
    """Why no run started, and what is pushed."""
    done = github.run(data, Run("push", ref, "a" * 40, NOW, None, "main", "team/model"))
    return f"{done.not_started} {[push.name for push in done.record.pushes]}"


def nested(call: str, depth: int, inner: str = f"'{'x' * 50}'") -> str:
    for _ in range(depth):
        inner = call.replace("…", inner)
    return inner


def metadata(*rules: str, images: str = "team/model") -> dict[str, Any]:
    given = {"images": images, "tags": "\n".join(rules)}
    return {"uses": "docker/metadata-action@v5", "id": "meta", "with": given}


def shown(expression: str) -> dict[str, Any]:
    return {"run": f"echo ${{{{ {expression} }}}}"}


ONES = ",".join(["1"] * 4_000)
DOUBLED = "${{ steps.s%d.outputs.v }}${{ steps.s%d.outputs.v }}"
SCRIPT = "a script comes to too much"
IN_FILES = "a step leaves more than 20,000 characters in an environment file"
TOO_MUCH = "characters and steps, and so much is not followed"
WORKFLOWS: dict[str, tuple[list[dict[str, Any]], str]] = {
    "a list joined by a long text": (
        [{"env": {"S": "x" * 9_000}, **shown(f"join(fromJSON('[{ONES}]'), env.S)")}],
        TOO_MUCH,
    ),
    "format in format": ([shown(nested("format('{0}{0}{0}{0}{0}{0}{0}{0}{0}', …)", 9))], TOO_MUCH),
    "format in an if": (
        [{"if": nested("format('{0}{0}{0}{0}{0}{0}{0}{0}', …)", 9) + " == 'x'", "run": "true"}],
        TOO_MUCH,
    ),
    "JSON of JSON": ([shown(nested("toJSON(…)", 36))], TOO_MUCH),
    "a text sought in many": (
        [{"env": {"S": "x" * 20_000}, **shown(f"contains(fromJSON('[{ONES}]'), env.S)")}],
        TOO_MUCH,
    ),
    "an expression again and again": ([{"env": {"S": "x" * 5_000}, "run": "echo ${{ env.S }}" * 500}], TOO_MUCH),
    "outputs that each double the one before": (
        [{"id": "s0", "run": "echo v=xxxxxxxx >> $GITHUB_OUTPUT"}]
        + [{"id": f"s{n}", "run": f"echo v={DOUBLED % (n - 1, n - 1)} >> $GITHUB_OUTPUT"} for n in range(1, 40)],
        IN_FILES,
    ),
    "a variable of the job that doubles": (
        [{"run": "echo A=xxxxxxxx >> $GITHUB_ENV"}, *[{"run": "echo A=$A$A >> $GITHUB_ENV"}] * 40],
        IN_FILES,
    ),
    "a variable of the script that doubles": ([{"run": "A=xxxxxxxx\n" + "A=$A$A\n" * 40 + "echo $A"}], SCRIPT),
    "an exported one that doubles": ([{"run": "A=xxxxxxxx\n" + "export A=$A$A\n" * 40}], SCRIPT),
    "three loops of assignments": (
        [{"env": {"W": WORDS}, "run": "for a in $W; do for b in $W; do for c in $W; do X=$a; done; done; done"}],
        SCRIPT,
    ),
    "a thousand loops": ([{"env": {"W": WORDS}, "run": "for a in $W; do X=$a; done\n" * 400}], SCRIPT),
    "three loops of commands": (
        [{"env": {"W": WORDS}, "run": "for a in $W; do for b in $W; do for c in $W; do :; done; done; done"}],
        SCRIPT,
    ),
    "a pattern cut from a long value": (
        [{"env": {"V": "ab" * 950}, "run": "".join(f"echo ${{V#{'*b' * 90}c{n}}}\n" for n in range(400))}],
        "more than 60,000 characters",
    ),
    "thousands of variables": (
        [{"run": "; ".join(f"A{n}=1" for n in range(6_000)) + "; true" * 400}],
        SCRIPT,
    ),
    "thousands of images": (
        [{"run": f"docker build {' '.join(f'-t a:{n}' for n in range(5_000))} ."}],
        "more than 1,000 names of images",
    ),
    "images times tags": (
        [metadata(*[f"type=raw,value=t{n}" for n in range(700)], images=",".join(f"a/b{n}" for n in range(9_000)))],
        "more than 1,000 names of images",
    ),
    "a number without end": ([shown(f"fromJSON('{'1' * 5_000}')")], "Error parsing fromJson"),
}  # fmt: skip
HARMLESS: dict[str, tuple[list[dict[str, Any]], str]] = {
    "three loops of nothing": (
        [{"run": f"for a in {WORDS}; do for b in {WORDS}; do for c in {WORDS}; do\ndone; done; done"}],
        "refs/heads/main",
    ),
    "xargs with many words": ([{"run": f"echo {WORDS} | xargs -I% docker tag {'%' * 3_000}"}], "refs/heads/main"),
    "long numbers": (
        [shown(f"fromJSON('{'1' * 4_200}') == 1.5"), shown(f"format('{{0}}', fromJSON('-{'1' * 4_200}'))")],
        "refs/heads/main",
    ),
    "semver with (a+)+$": ([metadata("type=semver,pattern={{version}},match=(a+)+$")], f"refs/tags/{'a' * 60}!"),
    "pep440 with (a|aa)+$": ([metadata("type=pep440,pattern={{version}},match=(a|aa)+$")], f"refs/tags/{'a' * 60}!"),
    "match, its attributes the other way": ([metadata("pattern=(a+)+$,type=match")], f"refs/tags/{'a' * 60}!"),
    "stars between letters": ([metadata("type=match,pattern=a*a*a*a*a*a*b")], f"refs/tags/{'a' * 250}"),
    "priorities of thousands of digits": (
        [metadata(f"type=raw,value=a,priority=0x{'f' * 9_000}", f"type=raw,value=b,priority={'9' * 9_000}")],
        "refs/heads/main",
    ),
    "versions of thousands of digits": (
        [
            metadata(
                f"type=semver,pattern={{{{major}}}},value={'9' * 4_500}.1.1",
                f"type=pep440,pattern={{{{major}}}},value={'1' * 900}.2",
                f"type=pep440,pattern={{{{version}}}},value={'1' * 4_999}",
            )
        ],
        "refs/heads/main",
    ),
}


@pytest.mark.parametrize("case", WORKFLOWS)
def test_a_workflow_that_grows_is_refused(case: str) -> None:
    steps, words = WORKFLOWS[case]
    found = within(run, workflow(*steps))
    assert found.error.startswith("Unsupported:") and words in found.error, found


def test_a_script_that_only_a_clock_ends_is_for_a_person() -> None:
    """No count is over its limit here; on a faster machine it may end, so it is neither passed nor at fault."""
    found = within(run, workflow({"env": {"V": "ab" * 10_000}, "run": "echo ${V#*b*c}\n" * 400}))
    assert found.error == "" or found.error.startswith("NotDecided: a script did not end within 5 seconds"), found


@pytest.mark.parametrize("case", HARMLESS)
def test_a_workflow_that_only_looks_hard_is_followed(case: str) -> None:
    steps, ref = HARMLESS[case]
    assert within(run, workflow(*steps), ref).error == ""


def test_a_filter_of_branches_takes_linear_time() -> None:
    found = within(
        run, workflow({"run": "true"}, on={"push": {"branches": ["a*a*a*a*a*a*b"] * 500}}), f"refs/heads/{'a' * 250}"
    )
    assert "no pattern under branches takes" in found.value


def test_beside_them_honest_steps_are_followed() -> None:
    loop = 'for t in $TAGS; do docker tag local "$t"; docker push "$t"; done'
    steps = (
        {"uses": "actions/checkout@v4"},
        {"run": "docker login -u u --password-stdin <<< $P"},
        {"run": "docker build -t local ."},
        {"env": {"TAGS": "${{ join(fromJSON('[\"team/m:1\", \"team/m:2\"]'), ' ') }}"}, "run": loop},
    )
    assert "team/m:1" in run(workflow(*steps)) and "team/m:2" in run(workflow(*steps))


# -- GitLab ----------------------------------------------------------------------------------------------------------

GITLAB: dict[str, tuple[dict[str, Any], str]] = {
    "a rule with stars": (
        {"script": ["true"], "rules": [{"if": "$CI_COMMIT_BRANCH =~ /a*a*a*a*a*a*b/"}] * 300},
        "",
    ),
    "a script that doubles": ({"script": ["A=xxxxxxxx", *["A=$A$A"] * 40, "echo $A"]}, SCRIPT),
    "variables in variables": (
        {"script": ["true"], "variables": {"A": "x" * 9_000, **{f"B{n}": "$A" * 5_000 for n in range(10)}}},
        "with its variables filled in",
    ),
    "a path of variables": (
        {"script": ["true"], "variables": {"A": "x" * 9_000}, "image": "$A" * 5_000},
        "with its variables filled in",
    ),
    "many files and many patterns for them": (
        {
            "image": "docker:27",
            "services": ["docker:27-dind"],
            "variables": {"DOCKER_TLS_CERTDIR": "/c"},
            "script": ["docker build -t a .", "; ".join(f"docker save -o f{n}.tar a" for n in range(400))],
            "artifacts": {"paths": [f"{'x*' * 20}{n}.t" for n in range(1_000)]},
        },
        TOO_MUCH,
    ),
    "a job that extends thousands": ({"extends": [".base"] * 9_000, "script": ["true"]}, "more than 50 others"),
}


def pipeline(job: Mapping[str, Any]) -> bool:
    base = {f"key{number}": 1 for number in range(2_000)}
    return gitlab.pipeline({".base": base, "job": dict(job)}, {"CI_COMMIT_BRANCH": "a" * 250}).failed


@pytest.mark.parametrize("case", GITLAB)
def test_a_pipeline_that_grows_is_refused(case: str) -> None:
    job, words = GITLAB[case]
    found = within(pipeline, job)
    assert (found.error.startswith("Unsupported:") and words in found.error) if words else found.error == "", found


# -- policies, filters, accepted risks -------------------------------------------------------------------------------


def images(tag: str = "") -> list[Image]:
    return [Image(digest=f"sha256:{n:064d}", tags=(f"{tag}a{n}",), pushed=NOW, repository="x") for n in range(300)]


def lifecycle(patterns: int) -> int:
    selection = {"tagStatus": "tagged", "tagPatternList": [f"a*{n}" for n in range(patterns)]}
    selection |= {"countType": "imageCountMoreThan", "countNumber": 1}
    rules = [{"rulePriority": 1, "selection": selection, "action": {"type": "expire"}}]
    return len(ecr.evaluate(ecr_validate.parse_document({"rules": rules}), images(), NOW).results)


def test_a_lifecycle_policy_has_the_size_that_ecr_takes() -> None:
    found = within(lifecycle, 150_000)
    assert "a policy has at most 30720 characters" in found.error
    assert within(lifecycle, 3_000).value == 300


def asked(statements: int) -> bool:
    one = {"Effect": "Allow", "Principal": "*", "Action": ["ecr:Batch*"]}
    repository = "arn:aws:ecr:eu-west-1:123456789012:repository/x"
    who = "arn:aws:iam::123456789012:user/a"
    policy = {"Statement": [one] * statements}
    return any([access.allowed(policy, who, "ecr:BatchGetImage", repository).allowed for _ in range(30)])


def test_a_repository_policy_has_the_size_that_ecr_takes() -> None:
    assert "a policy has at most 10,240 characters" in within(asked, 40_000).error
    assert within(asked, 100).value is True


def purged(*expressions: str) -> int:
    words = " ".join(f"--filter 'x:{expression}'" for expression in expressions)
    return len(acr_purge.evaluate(acr_command.parse_purge(f"acr purge --ago 1d {words}"), images("a" * 120), NOW))


@pytest.mark.parametrize(
    "expressions",
    [("(?=" * 45 + "a*" + ")" * 45,), ("((?=(a*)*b)a){900}c",), tuple(f"(a*)*b{n}" for n in range(250))],
    ids=["look-arounds in look-arounds", "a look-around repeated", "many filters"],
)
def test_filters_of_acr_purge_take_linear_time(expressions: tuple[str, ...]) -> None:
    assert within(purged, *expressions).value == 300


def accepted(text: str) -> int:
    return len(gate.ignores(text))


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("# because\n" + "".join(f"CVE-2026-{n} exp:2027-01-01\n" for n in range(60_000)), 60_000),
        ("# because\n" * 300_000 + "CVE-2026-1 exp:2027-01-01\n" * 1, 1),
        ("# because\n" * 30_000 + "".join(f"CVE-2026-{n} exp:2027-01-01\n" for n in range(30_000)), 30_000),
    ],
    ids=["many lines", "many comments", "both"],
)
def test_accepted_risks_are_read_in_one_pass(text: str, lines: int) -> None:
    assert within(accepted, text).value == lines


# -- layers ----------------------------------------------------------------------------------------------------------


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def tar(*names: str, content: bytes = b"x") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name in names:
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return out.getvalue()


def sparse(size: int) -> bytes:
    """A tar whose one entry claims a size and has 512 bytes, in GNU's format for sparse files."""
    entry = tarfile.TarInfo("s")
    entry.size, entry.type = 512, tarfile.GNUTYPE_SPARSE
    header = bytearray(entry.tobuf(tarfile.GNU_FORMAT))

    def number(value: int) -> bytes:
        return b"\x80" + value.to_bytes(11, "big")

    struct.pack_into("12s12s", header, 386, number(0), number(512))
    struct.pack_into("B12s", header, 482, 0, number(size))
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header) + b"x" * 512 + b"\0" * 10_240


def merged(content: bytes, times: int = 1) -> int:
    layer = inventory.Layer(digest_of(content), digest_of(content), content)
    return len(inventory.take(inventory.merge([layer] * times)).files)


def links(number: int, lines: int) -> bytes:
    """A tar with one METADATA of many lines, and links to it."""
    out, site = io.BytesIO(), "usr/lib/python3/site-packages"
    content = b"Name: x\nVersion: 1\n" + b"A: b\n" * lines
    with tarfile.open(fileobj=out, mode="w") as archive:
        first = tarfile.TarInfo(f"{site}/x-1.dist-info/METADATA")
        first.size = len(content)
        archive.addfile(first, io.BytesIO(content))
        for count in range(number):
            entry = tarfile.TarInfo(f"{site}/y{count}-1.dist-info/METADATA")
            entry.type, entry.linkname = tarfile.LNKTYPE, first.name
            archive.addfile(entry)
    return out.getvalue()


def test_metadata_of_many_lines_are_refused_and_of_many_packages_are_read() -> None:
    assert "more than 200,000 lines of headers" in within(merged, links(2_000, 300_000)).error
    assert within(merged, links(500, 60)).value == 501


FOLDERS = "/".join(f"d{n % 10}" for n in range(30_000))
TARS = {
    "a path of 500,000 parts": (tar("a/" * 500_000 + "f"), "a path of more than 4096 bytes"),
    "a package below 30,000 folders": (tar(f"usr/lib/python3/site-packages/{FOLDERS}/x-1.dist-info/METADATA"),
                                       "a path of more than 4096 bytes"),
    "a sparse file of 6 GiB": (sparse(6 << 30), "a sparse file"),
    "a sparse file of 1 TiB": (sparse(1 << 40), "a sparse file"),
}  # fmt: skip


@pytest.mark.parametrize("case", TARS)
def test_a_layer_that_no_engine_writes_is_refused(case: str) -> None:
    content, words = TARS[case]
    found = within(merged, content)
    assert found.error.startswith("ImageProblem:") and words in found.error
    if "sparse" in case:
        assert within(layers.files, content).error.startswith("LayerError:")


def test_a_layer_that_is_stacked_again_and_again_takes_a_while_at_most() -> None:
    assert within(merged, tar(*(f"f{n}" for n in range(1_000))), 60).value == 1_000


def stacked(times: int) -> int:
    content = tar("f", content=b"x" * 30_000)
    layer = Descriptor("application/vnd.oci.image.layer.v1.tar", digest_of(content), len(content))
    image = ImageManifest(OCI_MANIFEST, digest_of(b""), layer, (layer,) * times)
    source = MemorySource({layout.blob_name(layer.digest): content})
    return len(inventory.layers(image, {"rootfs": {"diff_ids": [layer.digest] * times}}, source, ()))


def test_an_image_has_as_many_layers_as_an_engine_stacks() -> None:
    assert "an engine stacks at most 128" in within(stacked, 3_000).error
    assert within(stacked, 100).value == 100


# -- manifests -------------------------------------------------------------------------------------------------------


class Store:
    """A layout in memory that is being written."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}

    def put(self, media_type: str, document: Any) -> dict[str, Any]:
        content = document if isinstance(document, bytes) else json.dumps(document).encode()
        digest = digest_of(content)
        self.files[layout.blob_name(digest)] = content
        return {"mediaType": media_type, "digest": digest, "size": len(content)}

    def image(self, number: int = 0, listed: tuple[Any, ...] = (), **more: Any) -> dict[str, Any]:
        config = self.put(OCI_CONFIG, {"architecture": "amd64", "os": "linux", "number": number})
        return self.put(OCI_MANIFEST, {"mediaType": OCI_MANIFEST, "config": config, "layers": list(listed), **more})

    def index(self, *children: Mapping[str, Any], platform: str = "amd64") -> dict[str, Any]:
        system = "linux" if platform == "amd64" else platform
        listed = [{**child, "platform": {"os": system, "architecture": platform}} for child in children]
        return self.put(OCI_INDEX, {"mediaType": OCI_INDEX, "manifests": listed})

    def verified(self, tagged: Mapping[str, Mapping[str, Any]], *others: Mapping[str, Any]) -> Any:
        entries = [{**what, "annotations": {layout.REF_NAME: tag}} for tag, what in tagged.items()]
        self.files["index.json"] = json.dumps({"manifests": [*entries, *others]}).encode()
        return layout.verify(MemorySource(self.files), service="local", name="a/b", layers="above-base")


def tags_on_one() -> int:
    store = Store()
    image = store.image()
    return len(store.verified({f"t{n}": image for n in range(19_000)}).tags)


def index_of_many() -> int:
    store = Store()
    index = store.index(*[store.image()] * 15_000)
    held = store.verified({"t": index})
    return len(held.images(index["digest"])) if held.image("t") else 0


def index_of_attestations() -> int:
    store = Store()
    index = store.index(*[store.image(n) for n in range(9_000)], platform="unknown")
    held = store.verified({"t": index})
    held.image("t")
    return len(held.manifests)


def chain() -> int:
    store = Store()
    top = store.image()
    for _ in range(3_000):
        top = store.index(top)
    held = store.verified({"t": top})
    return len(held.manifests) if held.image("t") is None else 0


def layer_named_often() -> int:
    store = Store()
    layer = store.put("application/vnd.oci.image.layer.v1.tar", tar("f", content=b"x" * 100_000))
    return len(store.verified({"t": store.image(listed=(layer,) * 3_000)}).blobs)


@pytest.mark.parametrize(
    ("case", "count"),
    [
        (tags_on_one, 19_000),
        (index_of_many, 15_000),
        (index_of_attestations, 9_001),
        (chain, 3_001),
        (layer_named_often, 2),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_snapshots_of_many_parts_are_verified_soon(case: Callable[[], int], count: int) -> None:
    assert within(case).value == count


def sboms(references: int, packages: int, different: bool = False) -> list[Any]:
    store, media_type = Store(), "application/vnd.cyclonedx+json"
    image = store.image()

    def artifact(number: int) -> dict[str, Any]:
        urls = [{"purl": f"pkg:pypi/package-{n}@1.{number if different else 0}"} for n in range(packages)]
        document = store.put(media_type, {"bomFormat": "CycloneDX", "specVersion": "1.6", "components": urls})
        return store.image(number, (document,), subject=image, artifactType=media_type)

    held = store.verified({"t": image}, *[artifact(number) for number in range(references)])
    snapshot = rescan_probe.Snapshot(held, MemorySource(store.files))
    return [row.get("error") or len(row["packages"]) for row in rescan_probe._sboms(snapshot, {image["digest"]})]


def test_what_many_references_name_is_read_once() -> None:
    rows = within(sboms, 100, 5_000).value
    assert rows[:10] == [5_000] * 10 and "more than 50,000 packages together" in rows[10]
    assert "more than 60 SBOMs refer to the image" in rows[-1] and len(rows) == 61
    assert within(sboms, 5, 500, True).value == [500] * 5


# -- verdicts --------------------------------------------------------------------------------------------------------


def judged(slug: str, **found: Any) -> dict[str, str]:
    """Check -> status and words, of a lab with a probe's results and services."""
    lab = manifest.find(slug)
    drawn = lab.drawn("0" * 64)
    given = Evidence(
        kit_version="0", lab=slug, lab_version=lab.version, student="ada", origin="submission", collected_at="",
        parameters=drawn, **found,
    )  # fmt: skip
    made = api.run(lab.declared_checks(), given, lab.points)
    return {
        verdict.check: f"{verdict.status}: {verdict.expected} {verdict.found} {verdict.next_step}" for verdict in made
    }


def test_the_verdict_names_the_limit_the_file_and_what_to_do() -> None:
    steps, _ = WORKFLOWS["a variable of the script that doubles"]
    job, _ = GITLAB["a script that doubles"]
    facts = {"schema": [], "findings": [], "zizmor": []}
    probe = {
        "github-build.yml": facts | {"data": workflow(*steps)},
        "gitlab-ci.yml": facts | {"data": {"job": dict(job)}},
    }
    said = within(judged_pipelines, probe).value
    for check, file in (("workflow-runs", "github-build.yml"), ("pipeline-runs", "gitlab-ci.yml")):
        assert said[check].startswith("failed: ") and file in said[check], said[check]
        assert "a script comes to too much" in said[check] and "Write that place more plainly" in said[check]


def judged_pipelines(probe: dict[str, Any]) -> dict[str, str]:
    return judged("10-ci-cd", probes={"pipelines": probe})


# -- what a task gives back ------------------------------------------------------------------------------------------


def test_half_a_character_in_a_result_is_stored() -> None:
    case = Case(kind="any", args=(), expected="x")
    told = CaseResult(case=case, status="returned", value={"\ud800": ["\udfff"]})
    assert json.loads(told.model_dump_json())["value"] == {"?": ["?"]} and not told.correct


# -- the table -------------------------------------------------------------------------------------------------------


def test_limits_have_headroom_over_the_sample_class(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten times at least, and the table says truly how much honest work needs."""
    budgets: list[Budget] = []

    class Kept(Budget):
        def __init__(self, *arguments: Any, **named: Any) -> None:
            super().__init__(*arguments, **named)
            budgets.append(self)

    monkeypatch.setattr(job_state, "Budget", Kept)
    lab = manifest.find("10-ci-cd")
    drawn = lab.drawn("0" * 64)
    files = [zipfile.Path(zip) / "files" for zip in sorted((SOLUTIONS / lab.slug / "samples").glob("*.zip"))]
    followed = 0
    for folder in files:
        for event in lab10.events(drawn):
            for name in ("github-build.yml", "gitlab-ci.yml"):
                try:
                    data = safe_yaml.read((folder / name).read_text(encoding="utf-8"))
                    if name.startswith("github"):
                        github.run(data, event.run(drawn["repository"]))
                    else:
                        gitlab.pipeline(data, event.variables(drawn["team"], drawn["model"]))
                    followed += 1
                except (safe_yaml.Refused, job_state.Unsupported, FileNotFoundError, KeyError):
                    continue
    most = max(budget.spent for budget in budgets)
    assert followed > 30
    assert most <= limits.WRITTEN_OUT.honest, most
    for limit in (limits.WRITTEN_OUT, limits.NAMES, limits.ROWS, limits.PACKAGES):
        assert limit.most >= 8 * limit.honest and limit.why
