"""Lab 01's checks: solved in both engines' forms, unusual but right ways, and each way to be wrong with its message."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from autograder.checks import api
from autograder.checks.api import Verdict
from autograder.checks.first_push import checks as first_push
from autograder.checks.first_push.data import DEFAULT_GREETING, PREDICTIONS
from autograder.checks.shared.images import listed
from autograder.checks.shared.seeded_random import SeededRandom, seed
from autograder.domain import references
from autograder.evidence.model import Answer, Case, CaseResult, Evidence, Problem, TaskRun
from autograder.labs import manifest

from .pushed import Form, Layer, Registry, sha256, text_layer

LAB = manifest.find("01-first-push")
P = LAB.drawn(seed(b"tests", "student", "ada", LAB.slug))
REPO, V1, V2, HELLO, TAG = P["repository"], P["v1"], P["v2"], P["hello"], P["hello_tag"]
BASE, WEIGHTS = [Layer("base", 31_700_000), Layer("workdir", 92)], Layer("weights", 8_404_417)


def labels(version: str, owner: str = P["team"]) -> dict[str, str]:
    return {"org.opencontainers.image.version": version, "course.owner": owner}


def code(text: str) -> Layer:
    return Layer(f"code {text}", 4_800 + len(text))


@dataclass
class World:
    """A student's state, to be changed by a test."""

    registry: Registry
    answers: dict[str, Any] = field(default_factory=dict)
    recorded_for: dict[str, dict[str, str]] = field(default_factory=dict)
    tasks: dict[str, TaskRun] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    probes: dict[str, Any] = field(default_factory=dict)
    origin: str = "live"

    def v1(self, version: str = V1, owner: str = P["team"], layers: list[Layer] | None = None) -> None:
        self.registry.push(REPO, V1, layers or [*BASE, WEIGHTS, code("one")], labels(version, owner))

    def v2(self, version: str = V2, owner: str = P["team"], layers: list[Layer] | None = None) -> None:
        self.registry.push(REPO, V2, layers or [*BASE, WEIGHTS, code("two!")], labels(version, owner))

    def hello(self, *layers: Layer) -> None:
        found = list(layers) or [text_layer({"greeting.txt": P["greeting"] + "\n"})]
        self.registry.push(HELLO, TAG, found, {"course.owner": P["team"]})

    def answer_all(self) -> None:
        """Every answer, right for the present state."""
        queue, score, runner_up = PREDICTIONS[P["message"]]
        first, second = self.registry.parsed(REPO, V1), self.registry.parsed(REPO, V2)
        sizes = {part["digest"]: part["size"] for part in (second["config"], *second["layers"])}
        for part in (first["config"], *first["layers"]):
            sizes.pop(part["digest"], None)
        self.answers = {
            "v1_digest": sha256(self.registry.text(REPO, V1)),
            "v2_bytes": sum(sizes.values()),
            "v2_reference": f"localhost:5001/{REPO}@{sha256(self.registry.text(REPO, V2))}",
            "prediction": {"queue": queue, "score": score, "version": V2, P["field"]: runner_up},
        }

    def evidence(self) -> Evidence:
        service = self.registry.service(REPO, HELLO, hello="all")
        held = service.repositories.get(HELLO)
        if held is not None:
            service.repositories[HELLO] = held.model_copy(update={"problems": self.problems})
        inputs = {name: tuple(ref.format_map(P) for ref in part.inputs) for name, part in LAB.answers.items()}
        made = Evidence.model_validate(
            {
                "kit_version": "0",
                "lab": LAB.slug,
                "lab_version": LAB.version,
                "student": "ada",
                "origin": self.origin,
                "collected_at": "2026-01-01T00:00:00+00:00",
                "parameters": P,
                "services": {"registry": service},
                "answer_inputs": inputs,
                "tasks": self.tasks,
                "probes": self.probes,
            }
        )
        current = {name: self.recorded_for.get(name, made.current_inputs(name)) for name in self.answers}
        recorded = {
            name: Answer(value=value, recorded_at="2026-01-01T00:00:00+00:00", inputs=current[name])
            for name, value in self.answers.items()
        }
        return made.model_copy(update={"answers": recorded})

    def verdicts(self) -> dict[str, Verdict]:
        found = api.run(LAB.declared_checks(), self.evidence(), LAB.points)
        return {verdict.check: verdict for verdict in found}

    def verdict(self, id: str) -> Verdict:
        return self.verdicts()[id]


@pytest.fixture(params=["docker20", "docker29"])
def form(request: pytest.FixtureRequest) -> Form:
    found: Form = request.param
    return found


@pytest.fixture
def world(form: Form) -> World:
    """Everything done and right."""
    made = World(Registry(form))
    made.v1()
    made.v2()
    made.hello()
    made.answer_all()
    case = Case(kind="the code changed", args=(None, {}), expected=0)
    ran = TaskRun(function="bytes_to_push", status="ran", results=(CaseResult(case=case, status="returned", value=0),))
    made.tasks = {"bytes_to_push": ran}
    return made


def graded(world: World) -> World:
    """The same as a submission whose round trip went well."""
    digest = world.registry.tags[HELLO][TAG]
    trip = {"tags": {TAG: {"digest": digest, "pulled": True}}, "digests": {digest: True}, "error": None}
    world.origin, world.probes = "submission", {"round-trip": {f"registry/{HELLO}": trip}}
    return world


def failed(verdict: Verdict, found: str) -> None:
    assert (verdict.status, verdict.found) == ("failed", found)
    assert verdict.points == 0 and verdict.expected and verdict.next_step and verdict.blocked_by is None


# Right


def test_everything_done_passes(world: World) -> None:
    assert {id: (v.status, v.found) for id, v in world.verdicts().items()} == {id: ("passed", "") for id in LAB.points}
    assert {v.status for v in graded(world).verdicts().values()} == {"passed"}
    assert sum(v.points or 0 for v in world.verdicts().values()) == LAB.total == 6


def test_nothing_done_fails_everywhere_with_a_message_that_helps() -> None:
    verdicts = World(Registry("docker20")).verdicts()
    assert verdicts.pop("bytes-to-push").status == "not_graded"  # no notebook in this evidence
    for verdict in verdicts.values():
        assert verdict.status == "failed"
        assert verdict.expected and verdict.found and verdict.next_step
    failed(verdicts["first-push"], "No such repository is there.")


def skopeo(world: World) -> None:
    """Copied from another repository, byte for byte."""
    world.registry.copy(REPO, "scratch/copy")
    world.registry.manifests.pop(REPO)
    world.registry.copy("scratch/copy", REPO)


def other_order(world: World) -> None:
    """The second release pushed first, and further tags beside the two."""
    old = world.registry
    world.registry = Registry(old.form)
    world.v2()
    world.v1()
    world.hello()
    world.registry.tag(REPO, V2, "latest")
    world.answer_all()


def other_build_tool(world: World) -> None:
    """One layer for several base layers, more labels, weights and training data in one layer, code in two layers."""
    heavy = Layer("weights and data", 8_900_000)
    world.v1(layers=[Layer("all", 40_000_000), heavy, Layer("lib", 900), code("one")])
    world.v2(layers=[Layer("all", 40_000_000), heavy, Layer("lib", 900), code("two")])
    world.answer_all()


def by_tag_and_digest(world: World) -> None:
    digest = world.registry.tags[REPO][V2]
    world.answers["v2_reference"] = f" 127.0.0.1:5009/{REPO}:{V2}@{digest}\n"


def child_by_digest(world: World) -> None:
    """Pulled by the digest of the platform's manifest: it is the same image."""
    document = json.loads(world.registry.text(REPO, V2))
    if "manifests" in document:
        digest = document["manifests"][0]["digest"]
        world.answers["v2_reference"] = f"localhost:5001/{REPO}@{digest}"


def attestation_counted(world: World) -> None:
    """On an engine that pushes attestations, whoever counts their blobs is right as well."""
    document = json.loads(world.registry.text(REPO, V2))
    if "manifests" in document:
        extra = json.loads(world.registry.manifests[REPO][document["manifests"][1]["digest"]].text)
        world.answers["v2_bytes"] += extra["config"]["size"] + extra["layers"][0]["size"]


def answer_as_text(world: World) -> None:
    world.answers["prediction"] = json.dumps(world.answers["prediction"] | {"took_ms": 3})
    world.answers["v1_digest"] += "\n"
    world.answers["v2_bytes"] = float(world.answers["v2_bytes"])


def hello_otherwise(world: World) -> None:
    """A plain tar, a byte order mark and line ends of Windows, another path."""
    world.hello(text_layer({"./data/greeting.txt": "\ufeff" + P["greeting"] + "\r\n"}, packing="none"))


@pytest.mark.parametrize(
    "change",
    [
        skopeo,
        other_order,
        other_build_tool,
        by_tag_and_digest,
        child_by_digest,
        attestation_counted,
        answer_as_text,
        hello_otherwise,
    ],
    ids=lambda change: change.__name__,
)
def test_unusual_but_right(world: World, change: Callable[[World], None]) -> None:
    change(world)
    for run in (world, graded(world)):
        assert {v.found for v in run.verdicts().values() if v.status != "passed"} == set()


# Wrong: the first release


def test_pushed_under_a_name_without_the_team(form: Form) -> None:
    world = World(Registry(form))
    world.registry.push("ml-model", V1, [*BASE, WEIGHTS, code("one")], labels(V1))
    failed(world.verdict("first-push"), "It is not there, but ml-model is.")
    assert "decides where a push goes" in world.verdict("first-push").next_step


def test_pushed_to_docker_hub_or_nowhere(form: Form) -> None:
    world = World(Registry(form))
    world.registry.push("someone/else", "1", [*BASE], {})
    failed(world.verdict("first-push"), "No such repository is there.")
    assert "Docker Hub" in world.verdict("first-push").next_step


def test_no_snapshot_of_the_registry() -> None:
    evidence = World(Registry("docker20")).evidence().model_copy(update={"services": {}})
    [verdict] = api.run(LAB.declared_checks(), evidence, LAB.points, only=["first-push"])
    failed(verdict, "There is no snapshot of the local registry.")


def test_tag_missing(form: Form) -> None:
    world = World(Registry(form))
    world.v2()
    failed(world.verdict("first-push"), f"The repository has the tag {V2}.")


def test_tag_left_out(form: Form) -> None:
    world = World(Registry(form))
    world.registry.push(REPO, "latest", [*BASE, WEIGHTS, code("one")], labels(V1))
    failed(world.verdict("first-push"), "The repository has the tag latest.")
    assert "without a tag means latest" in world.verdict("first-push").next_step


def test_tag_with_a_v(form: Form) -> None:
    world = World(Registry(form))
    for tag in (f"v{V1}", f"v{V2}"):
        world.registry.push(REPO, tag, [*BASE, WEIGHTS, code("one")], labels(V1))
    failed(world.verdict("first-push"), f"The repository has the tags v{V1} and v{V2}.")
    assert f"v{V1} is not {V1}" in world.verdict("first-push").next_step


def test_v2_pushed_over_v1(world: World) -> None:
    world.v1(version=V2, layers=[*BASE, WEIGHTS, code("two!")])
    found = f"The image under {V1} says that it is {V2}: the second release was pushed over the first."
    failed(world.verdict("first-push"), found)


def test_built_without_arguments(world: World) -> None:
    world.v1(version="0.0.0")
    failed(
        world.verdict("first-push"), "The label says 0.0.0, the Dockerfile's default: the build was told no version."
    )
    world.v1(owner="nobody")
    found = "The label names nobody, the Dockerfile's default: the build was told no owner."
    failed(world.verdict("first-push"), found)


def test_a_neighbours_image(world: World) -> None:
    world.v1(owner="tern-0000")
    failed(world.verdict("first-push"), "The label names tern-0000.")


def test_labels_gone(world: World) -> None:
    world.registry.push(REPO, V1, [*BASE, WEIGHTS, code("one")], {"course.owner": P["team"]})
    failed(world.verdict("first-push"), "The image has no such label.")


def test_the_tag_points_at_nothing_readable(world: World) -> None:
    held = world.registry.manifests[REPO]
    digest = world.registry.tags[REPO][V1]
    held[digest] = held[digest].model_copy(update={"text": "{}"})
    failed(world.verdict("first-push"), f"What {V1} points at cannot be read.")


def test_an_index_of_attestations_only() -> None:
    world = World(Registry("docker29"))
    world.v1()
    document = json.loads(world.registry.text(REPO, V1))
    del document["manifests"][0]
    held = world.registry.manifests[REPO]
    digest = world.registry.tags[REPO][V1]
    held[digest] = held[digest].model_copy(update={"text": json.dumps(document)})
    failed(world.verdict("first-push"), f"{V1} points at an index that holds no image for any platform.")


# Wrong: the digest


def test_answer_missing(world: World) -> None:
    del world.answers["v1_digest"]
    failed(world.verdict("digest"), "No such answer is recorded.")


def test_answer_older_than_the_push(world: World) -> None:
    world.recorded_for["v1_digest"] = {f"registry/{REPO}:{V1}": sha256("before")}
    failed(world.verdict("digest"), "That tag has been pushed again (or removed) since you recorded the answer.")


def digest_answer(world: World, value: Any) -> str:
    world.answers["v1_digest"] = value
    verdict = world.verdict("digest")
    assert verdict.status == "failed"
    assert world.registry.tags[REPO][V1] not in verdict.model_dump_json()  # no message gives the answer away
    return verdict.found.removeprefix(f"{value} is ")


def test_digest_of_the_config(world: World) -> None:
    value = world.registry.parsed(REPO, V1)["config"]["digest"]
    assert digest_answer(world, value) == "the digest of an image's config (the image ID that many engines show)."


def test_digest_of_a_layer(world: World) -> None:
    assert digest_answer(world, WEIGHTS.digest) == "the digest of a layer."


def test_digest_of_the_other_release(world: World) -> None:
    assert digest_answer(world, world.registry.tags[REPO][V2]) == f"the digest of the manifest of {V2}."


def test_digest_of_another_repository(world: World) -> None:
    assert digest_answer(world, world.registry.tags[HELLO][TAG]) == f"a digest in {HELLO}."


@pytest.mark.parametrize(
    "altered",
    [
        lambda text: json.dumps(json.loads(text), indent=2),
        lambda text: json.dumps(json.loads(text)),
        lambda text: json.dumps(json.loads(text), indent=4, sort_keys=True) + "\n",
        lambda text: json.dumps(json.loads(text), separators=(",", ":")),
        lambda text: str(json.loads(text)),
        lambda text: text + "\n",
        lambda text: text.replace("\n", "\r\n"),
    ],
)
def test_digest_of_json_written_anew(world: World, altered: Callable[[str], str]) -> None:
    value = sha256(altered(world.registry.text(REPO, V1)))
    if value == world.registry.tags[REPO][V1]:  # BuildKit's own form is what json.dumps makes with two blanks
        assert world.registry.form == "docker29" and world.verdict("digest").status == "passed"
        return
    name = f"the manifest of {V1}"
    wanted = f"the digest of {name} after its JSON was written anew or its line ends changed."
    assert digest_answer(world, value) == wanted


def test_digest_of_a_child_in_place_of_the_index() -> None:
    world = World(Registry("docker29"))
    world.v1()
    image, attestation = json.loads(world.registry.text(REPO, V1))["manifests"]
    assert digest_answer(world, image["digest"]) == "the manifest for linux/amd64 inside the index."
    assert digest_answer(world, attestation["digest"]) == "the attestation manifest inside the index."


def test_digest_of_something_unknown(world: World) -> None:
    assert digest_answer(world, sha256("what?")) == "the digest of something else."
    assert "Accept" in world.verdict("digest").next_step


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (7, "You recorded 7, which is no text."),
        (None, "You recorded None, which is no text."),
        ("latest", "“latest” is no digest."),
        ("", "“” is no digest."),
    ],
)
def test_no_digest_at_all(world: World, value: Any, found: str) -> None:
    assert digest_answer(world, value) == found


def test_digest_without_its_algorithm_or_in_capitals(world: World) -> None:
    right = world.registry.tags[REPO][V1]
    for value in (right[7:], right[7:].upper(), right[:7] + right[7:].upper(), right.upper()):
        world.answers["v1_digest"] = value
        failed(world.verdict("digest"), f"“{value}” lacks the form of a digest.")


# Wrong: the second release


def test_the_same_image_under_both_tags(world: World) -> None:
    world.registry.tag(REPO, V1, V2)
    failed(world.verdict("both-tags"), "Both tags point at the same manifest, so they name one and the same image.")
    assert world.verdict("shared-layers").blocked_by == "both-tags"


def test_second_release_with_the_first_ones_version(world: World) -> None:
    world.v2(version=V1)
    failed(world.verdict("both-tags"), f"The label says {V1}.")


def test_second_release_missing(form: Form) -> None:
    world = World(Registry(form))
    world.v1()
    failed(world.verdict("both-tags"), f"The repository has the tag {V1}.")


def test_code_unchanged(world: World) -> None:
    world.v2(layers=[*BASE, WEIGHTS, code("one")])
    failed(world.verdict("shared-layers"), "No layer of the second release is new: its code is the first one's.")
    assert world.verdict("both-tags").status == "passed"


def test_weights_after_the_code(world: World) -> None:
    world.v2(layers=[*BASE, code("two"), Layer("weights, later", 8_404_500)])
    found = "A new layer of the second release has 8,404,500 bytes: the weights travelled again."
    failed(world.verdict("shared-layers"), found)
    assert "docker image rm" in world.verdict("shared-layers").next_step  # how to get out of a build with --no-cache
    world.answer_all()
    assert world.verdict("v2-bytes").status == "passed" and "travelled once" not in world.verdict("v2-bytes").why
    table = world.verdict("shared-layers").table
    assert table[0] == ("layer", "bytes", "in the first", "in the second")
    assert ("8,404,417", "yes", "no") in {row[1:] for row in table}


def test_weights_and_code_in_one_layer(world: World) -> None:
    for push, text in ((world.v1, "one"), (world.v2, "two")):
        push(layers=[*BASE, Layer(f"everything {text}", 8_409_000)])
    found = "A new layer of the second release has 8,409,000 bytes: the weights travelled again."
    failed(world.verdict("shared-layers"), found)


def test_another_base(world: World) -> None:
    world.v2(layers=[Layer("newer base", 31_800_000), Layer("workdir 2", 92), WEIGHTS, code("two")])
    failed(world.verdict("shared-layers"), "The releases stand on different base layers.")


def test_the_same_layers_compressed_differently(world: World) -> None:
    world.v2(layers=[*(replace(part, packed="zip 9") for part in (*BASE, WEIGHTS)), code("two")])
    found = (
        "3 of the new layers hold the same files as before, but were compressed differently, so the registry stores "
        "them twice."
    )
    failed(world.verdict("shared-layers"), found)


def test_no_weights_in_the_image(world: World) -> None:
    world.v1(layers=[*BASE, Layer("empty folder", 120), code("one")])
    world.v2(layers=[*BASE, Layer("empty folder", 120), code("two")])
    failed(world.verdict("shared-layers"), "No layer is as heavy as the weights (8 MiB), so they are not in the image.")


# Wrong: bytes, reference, prediction


def test_wrong_bytes(world: World) -> None:
    document = world.registry.parsed(REPO, V2)
    config, layers = document["config"]["size"], [part["size"] for part in document["layers"]]
    first = world.registry.parsed(REPO, V1)
    before = first["config"]["size"] + sum(part["size"] for part in first["layers"])
    right = world.answers["v2_bytes"]
    digest = world.registry.tags[REPO][V2]
    raw = json.loads(world.registry.text(REPO, V2))
    image = raw["manifests"][0]["digest"] if "manifests" in raw else digest
    manifest_size = len(world.registry.manifests[REPO][image].raw)
    meanings = {
        config + sum(layers): "that is the size of the whole second release. The registry already had most of it.",
        sum(layers): "that is the size of all its layers. The registry already had most of them.",
        before: "that is the size of the first release.",
        layers[-1]: "that is the new layers without the config. The config names the layers, so it is new as well.",
        config: "that is the config alone. A layer is new as well.",
        right + manifest_size: "that is right but for the manifest, which every push sends and which does not count "
        "here.",
        config + sum(layers) - before: "that is the difference of the two sizes. A blob that takes another's place is "
        "new.",
    }
    for value, meaning in meanings.items():
        world.answers["v2_bytes"] = value
        failed(world.verdict("v2-bytes"), f"You recorded {value:,}: {meaning}")
    world.answers["v2_bytes"] = 12_345_678
    failed(world.verdict("v2-bytes"), "You recorded 12,345,678.")


@pytest.mark.parametrize("value", ["9 kB", True, None, [1], {"bytes": 1}])
def test_bytes_that_are_no_number(world: World, value: Any) -> None:
    world.answers["v2_bytes"] = value
    failed(world.verdict("v2-bytes"), f"You recorded {value!r}, which is no number.")


def test_wrong_references(world: World) -> None:
    first, second = world.registry.tags[REPO][V1], world.registry.tags[REPO][V2]
    config = world.registry.parsed(REPO, V2)["config"]["digest"]
    tagged = f"localhost:5001/{REPO}:{V2}"
    messages = {
        tagged: f"{tagged} names a tag, and a tag can be moved.",
        second: "That is a digest alone: it says what, but not where.",
        f"{REPO}@{second}": "Without an address the name means Docker Hub.",
        f"localhost:5001/{HELLO}@{second}": f"It names the repository {HELLO}.",
        f"localhost:5001/{REPO}@{first}": f"{first} is the digest of the manifest of {V1}.",
        f"localhost:5001/{REPO}@{config}": f"{config} is the digest of an image's config (the image ID that many "
        "engines show).",
    }
    for value, found in messages.items():
        world.answers["v2_reference"] = value
        failed(world.verdict("by-digest"), found)
    world.answers["v2_reference"] = f"http://localhost:5001/{REPO}@{second}"
    assert world.verdict("by-digest").found.startswith("That is no image reference: ")
    world.answers["v2_reference"] = ["x"]
    failed(world.verdict("by-digest"), "You recorded ['x'], which is no text.")


def test_wrong_predictions(world: World) -> None:
    right = dict(world.answers["prediction"])
    _, _, runner_up = PREDICTIONS[P["message"]]
    other = next(text for text in PREDICTIONS if text != P["message"])
    queue, score, _ = PREDICTIONS[other]
    without = {key: value for key, value in right.items() if key != P["field"]}
    messages: list[tuple[Any, str]] = [
        (right | {"version": V1}, f"The release that answered calls itself '{V1}'."),
        (right | {"version": "0.0.0"}, "The release that answered calls itself '0.0.0'."),
        (without, f"There is no field {P['field']}: the running image has the old code."),
        (without | {"second": runner_up}, "The runner-up is there, but under the name second."),
        (right | {P["field"]: "lost"}, f"{P['field']} is 'lost'."),
        (right | {"queue": queue, "score": score}, f"That is the answer to another message (“{other}”)."),
        (right | {"score": 2}, f"'{right['queue']}' with 2 is not what the model says of this message."),
        ({"error": "the body is not JSON"}, "The server refused: 'the body is not JSON'"),
        ({"queue": queue}, f"It lacks {listed(['score', 'version', P['field']])}."),
        ([1, 2], "You recorded [1, 2]."),
        ("<Response [200]>", "“<Response [200]>” is not JSON."),
    ]
    for value, found in messages:
        world.answers["prediction"] = value
        failed(world.verdict("prediction"), found)


def test_prediction_of_an_older_image(world: World) -> None:
    world.recorded_for["prediction"] = {f"registry/{REPO}:{V2}": sha256("before")}
    failed(world.verdict("prediction"), "That tag has been pushed again (or removed) since you recorded the answer.")


# Wrong: hello


def test_hello_missing(world: World) -> None:
    world.registry.manifests.pop(HELLO)
    world.registry.push("hello", TAG, [text_layer({"greeting.txt": P["greeting"]})], {})
    failed(world.verdict("hello"), "It is not there, but hello is.")


@pytest.mark.parametrize(
    ("layer", "found"),
    [
        (text_layer({"greeting.txt": DEFAULT_GREETING}), "It holds the greeting that came with the kit."),
        (text_layer({"greeting.txt": "{me.greeting}"}), "greeting.txt says “{me.greeting}”."),
        (text_layer({"hello.txt": "hi"}), "It holds hello.txt."),
        (text_layer({}), "It holds no file."),
        (
            text_layer({"greeting.txt": P["greeting"], "Dockerfile": "FROM scratch"}),
            "It also holds other files: Dockerfile.",
        ),
        (
            Layer("debian", 28_000_000),
            "It has a layer of 28,000,000 bytes, far more than the files that are asked for.",
        ),
    ],
)
def test_hello_with_something_else_in_it(world: World, layer: Layer, found: str) -> None:
    world.hello(layer)
    failed(world.verdict("hello"), found)


def test_hello_compressed_so_that_it_cannot_be_read(world: World) -> None:
    layer = text_layer({"greeting.txt": P["greeting"]}, packing="zstd")
    world.hello(layer)
    reason = "it is compressed with zstd, and only gzip and plain tar are read here"
    failed(world.verdict("hello"), f"The layer {layer.digest} cannot be read: {reason}.")


def test_hello_without_its_layer_in_the_submission(world: World) -> None:
    layer = text_layer({"greeting.txt": P["greeting"]})
    world.registry.contents.pop(layer.digest, None)
    world.hello()
    digest = world.registry.parsed(HELLO, TAG)["layers"][0]["digest"]
    del world.registry.contents[digest]
    world.problems = (Problem(kind="missing-layer", subject=digest, detail="not in the snapshot"),)
    failed(graded(world).verdict("hello"), f"The layer {digest} is missing or damaged.")


def test_hello_that_does_not_come_back(world: World) -> None:
    graded(world)
    trip = world.probes["round-trip"][f"registry/{HELLO}"]
    trip["error"] = "the registry refused the manifest: MANIFEST_INVALID"
    failed(world.verdict("hello"), "the registry refused the manifest: MANIFEST_INVALID")
    trip["error"], trip["digests"] = None, {}
    failed(world.verdict("hello"), "What came back is not what the submission holds.")


@pytest.mark.parametrize("probes", [{}, {"round-trip": {"fault": "no engine"}}, {"round-trip": {}}])
def test_a_fault_of_the_grader_costs_nothing(world: World, probes: dict[str, Any]) -> None:
    graded(world).probes = probes
    verdict = world.verdict("hello")
    assert (verdict.status, verdict.points) == ("not_graded", None)


def test_a_broken_neighbour_in_the_repository_is_named(world: World) -> None:
    graded(world).probes = {"round-trip": {}}
    world.problems = (Problem(kind="missing-layer", subject="sha256:ab", detail="not in the snapshot"),)
    failed(world.verdict("hello"), f"The snapshot of {HELLO} is not whole: sha256:ab (not in the snapshot).")


# What the checks stand on


def test_parameters_are_personal_and_well_formed() -> None:
    drawn = [first_push.parameters(SeededRandom(seed(b"k", "student", f"s{n}", LAB.slug))) for n in range(200)]
    assert len({found["repository"] for found in drawn}) == 200
    for found in drawn:
        assert found["v1"] != found["v2"]
        assert found["message"] in PREDICTIONS
        assert references.parse(f"localhost:5001/{found['repository']}:{found['v1']}").tag == found["v1"]


def test_hostile_answers_get_a_verdict(world: World) -> None:
    hostile: list[Any] = [
        "\ud800",
        "x" * 60_000,
        10**400,
        -1,
        1e308,
        {},
        [],
        [[]],
        {"version": {}},
        "sha256:" + "0" * 64,
    ]
    for name in LAB.answers:
        for value in hostile:
            world.answers = dict(world.answers) | {name: value}
            for verdict in world.verdicts().values():
                assert verdict.status in ("passed", "failed"), (name, value, verdict)
                assert len(verdict.found) < 1000


def test_hostile_manifests_get_a_verdict(world: World) -> None:
    held = world.registry.manifests[REPO]
    digest = world.registry.tags[REPO][V2]
    text = held[digest].text.replace('"schemaVersion"', '"x": "\\ud800", "schemaVersion"', 1)
    held[digest] = held[digest].model_copy(update={"text": text})
    world.answers["v1_digest"] = sha256("?")
    assert world.verdict("digest").found.endswith("is the digest of something else.")
