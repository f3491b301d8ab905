"""Lab 04's checks: right in several ways and both engines' forms, and each way to be wrong with its message."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from autograder import paths
from autograder.checks.api import Verdict
from autograder.checks.shared.seeded_random import SeededRandom, seed
from autograder.checks.tagging import checks as tagging
from autograder.checks.tagging.rules import Spec, visible_cases
from autograder.domain import tags as kit
from autograder.evidence.model import Evidence, Manifest, Problem, TaskRun
from autograder.labs import manifest, release, tasks
from autograder.labs.hidden import load_module
from autograder.quality import contract

from .pushed import Form, Layer, Registry, sha256, text_layer
from .solved import evidence, failed, source_of, verdicts

LAB = manifest.find("04-tagging")
TASK = "release_tags"
HIDDEN = load_module(paths.SOLUTIONS / LAB.slug / "hidden.py", "hidden_tagging_tests")
SPEC = Spec(
    digits=10,
    commit="git-",
    plus="_",
    major=True,
    newest="stable",
    candidate="line",
    branch="dev-",
    dash="-",
    length=20,
)
COMMITS = ["a1" * 20, "b2" * 20, "c3" * 20]
CREATED = ["2026-03-02T08:15:00Z", "2026-03-09T10:00:00Z", "2026-03-16T17:45:00Z"]
VERSIONS = ["3.10.0", "3.11.0-rc.2", "3.9.4"]
NEW, RC, OLD = VERSIONS
P: dict[str, Any] = {
    "team": "heron-1a2b",
    "repository": "heron-1a2b/ml-model",
    "releases": [
        {"version": version, "commit": commit, "created": created}
        for version, commit, created in zip(VERSIONS, COMMITS, CREATED, strict=True)
    ],
    "region_stays": "prod-eu",
    "region_back": "prod-us",
    "rules": SPEC.rules(),
    "_spec": SPEC.as_parameter(),
}
REPO = P["repository"]
TAGS = {
    NEW: [NEW, "git-a1a1a1a1a1", "3.10", "3", "stable"],
    RC: [RC, "git-b2b2b2b2b2", "3.11-rc"],
    OLD: [OLD, "git-c3c3c3c3c3", "3.9"],
}
CARD = text_layer({"model-card.txt": "a model"})
PREFIX = "org.opencontainers.image."


Changes = dict[str, str | None]


def labels(version: str, changes: Changes | None = None) -> dict[str, str]:
    number = VERSIONS.index(version)
    found = {"version": version, "revision": COMMITS[number], "created": CREATED[number]} | (changes or {})
    return {PREFIX + key: value for key, value in found.items() if value is not None}


@dataclass
class World:
    """A student's repository, to be changed by a test."""

    registry: Registry
    tested: Any = None
    parameters: dict[str, Any] = field(default_factory=lambda: dict(P))
    problems: tuple[Problem, ...] = ()
    probes: dict[str, Any] = field(default_factory=dict)
    origin: str = "live"

    def release(
        self, version: str, changes: Changes | None = None, *, tags: list[str] | None = None, layer: Layer = CARD
    ) -> None:
        first, *others = TAGS[version] if tags is None else tags
        self.registry.push(REPO, first, [layer], labels(version, changes))
        for tag in others:
            self.registry.tag(REPO, first, tag)

    def deploy(self) -> None:
        for tag, version in (
            ("staging", NEW), ("prod-eu", NEW), ("prod-eu-previous", OLD), ("prod-us", OLD), ("prod-us-previous", NEW)
        ):  # fmt: skip
            self.registry.tag(REPO, version, tag)
        self.tested = sha256(self.registry.text(REPO, "staging"))

    def point(self, tag: str, digest: str) -> None:
        self.registry.tags[REPO][tag] = digest

    def digest(self, tag: str) -> str:
        return self.registry.tags[REPO][tag]

    def remove(self, tag: str) -> None:
        del self.registry.tags[REPO][tag]

    def evidence(self) -> Evidence:
        service = self.registry.service(REPO, layers="all")
        held = service.repositories.get(REPO)
        if held is not None:
            service.repositories[REPO] = held.model_copy(update={"problems": self.problems})
        answers = {} if self.tested is None else {"tested": self.tested}
        return evidence(
            LAB,
            self.parameters,
            services={"registry": service},
            answers=answers,
            probes=self.probes,
            origin=self.origin,
        )

    def verdicts(self) -> dict[str, Verdict]:
        return verdicts(LAB, self.evidence())

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
    for version in VERSIONS:
        made.release(version)
    made.deploy()
    return made


def graded(world: World) -> World:
    """The same as a submission whose round trip went well."""
    tags = world.registry.tags[REPO]
    trip = {
        "tags": {tag: {"digest": digest, "pulled": True} for tag, digest in tags.items()},
        "digests": dict.fromkeys(tags.values(), True),
        "error": None,
    }
    world.origin, world.probes = "submission", {"round-trip": {f"registry/{REPO}": trip}}
    return world


STATE = [id for id in LAB.declared_checks() if id != "release-tags"]


# -- right -----------------------------------------------------------------------------------------------------------


def test_everything_done_passes(world: World) -> None:
    for found in (world.verdicts(), graded(world).verdicts()):
        assert {id: found[id].found for id in STATE} == dict.fromkeys(STATE, "")


def test_nothing_done_fails_with_a_message_that_helps() -> None:
    found = World(Registry("docker20")).verdicts()
    failed(found["labels"], "No such repository is there.")
    assert {found[id].blocked_by for id in ("tag-sets", "floating", "tested")} == {"labels"}
    assert {found[id].blocked_by for id in ("promotion", "rollback")} == {"tested"}


def other_order(world: World) -> None:
    """The releases pushed in another order; the floating tags are right all the same."""
    world.registry = Registry(world.registry.form)
    for version in (OLD, RC, NEW):
        world.release(version)
    world.deploy()


def by_copy(world: World) -> None:
    """Built under a name of the engine's, and copied into the repository by skopeo, byte for byte."""
    world.registry.copy(REPO, "scratch/copy")
    world.registry.manifests.pop(REPO)
    world.registry.copy("scratch/copy", REPO)


def more_than_asked(world: World) -> None:
    """Further labels, further tags that no rule forbids, another layer in each image, times with an offset."""
    world.registry = Registry(world.registry.form)
    for number, version in enumerate(VERSIONS):
        time = CREATED[number].replace("Z", "+00:00")
        world.release(version, layer=text_layer({"card": version}), changes={"created": time, "title": "ml-model"})
    world.registry.tag(REPO, NEW, "tested-on-friday")
    world.deploy()


def back_and_forth(world: World) -> None:
    """Tags moved wrongly, and put right again."""
    for tag in ("3", "3.10", "stable", "prod-eu", "prod-us"):
        right = world.digest(tag)
        world.point(tag, world.digest(RC))
        world.point(tag, right)


@pytest.mark.parametrize("way", [other_order, by_copy, more_than_asked, back_and_forth], ids=lambda way: way.__name__)
def test_another_way_is_right_as_well(world: World, way: Callable[[World], None]) -> None:
    way(world)
    found = graded(world).verdicts()
    assert {id: found[id].found for id in STATE} == dict.fromkeys(STATE, "")


def test_a_specification_without_a_major_tag_and_without_candidates(world: World) -> None:
    spec = Spec(**(SPEC.as_parameter() | {"major": False, "candidate": "nothing"}))
    world.parameters["_spec"] = spec.as_parameter()
    failed(world.verdict("floating"), "The repository has the tag 3.11-rc: a pre-release moves no tag of its line.")
    world.remove("3.11-rc")
    failed(world.verdict("floating"), "The repository has the tag 3: there is no tag for a major number alone.")
    world.remove("3")
    assert world.verdict("floating").status == "passed"


# -- labels ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"version": None}, "The image has no such label."),
        ({"version": "v3.10.0"}, "The label says v3.10.0."),
        ({"version": OLD}, f"The label says {OLD}: that belongs to the release {OLD}."),
        ({"revision": None}, "The image has no such label."),
        ({"revision": "a1a1a1a1a1"}, "The label says a1a1a1a1a1: a shortened commit id."),
        ({"revision": COMMITS[2]}, f"The label says {COMMITS[2]}: that belongs to the release {OLD}."),
        ({"revision": "HEAD"}, "The label says HEAD."),
        ({"created": None}, "The image has no such label."),
        ({"created": "2026-03-02 08:15"}, "“2026-03-02 08:15” is no time as RFC 3339 writes it."),
        ({"created": "2026-03-02T08:15:00"}, "“2026-03-02T08:15:00” is no time as RFC 3339 writes it."),
        ({"created": "2026-13-02T08:15:00Z"}, "The label says 2026-13-02T08:15:00Z."),
        ({"created": "2026-03-02T08:15:00+01:00"}, "The label says 2026-03-02T08:15:00+01:00."),
        ({"created": CREATED[1]}, f"The label says {CREATED[1]}: that belongs to the release {RC}."),
    ],
)
def test_a_wrong_label_is_told_what_it_says(world: World, changes: dict[str, str | None], found: str) -> None:
    world.release(NEW, changes)
    world.deploy()
    failed(world.verdict("labels"), found)


def test_annotations_are_not_labels(world: World) -> None:
    held = world.registry.manifests[REPO]
    world.release(NEW, {"revision": None})
    digest = world.digest(NEW)
    text = held[digest].text
    if world.registry.form == "docker29":
        return  # the annotation would be on a child; what counts is the same
    altered = text.replace(
        '"schemaVersion"', f'"annotations": {{"{PREFIX}revision": "{COMMITS[0]}"}}, "schemaVersion"', 1
    )
    held[sha256(altered)] = Manifest(media_type=held[digest].media_type, text=altered)
    world.point(NEW, sha256(altered))
    failed(
        world.verdict("labels"),
        "It stands in the manifest as an annotation. The image's config has no such label.",
    )


def test_one_image_under_two_version_tags(world: World) -> None:
    world.point(RC, world.digest(NEW))
    failed(
        world.verdict("labels"),
        f"{NEW} and {RC} point at the same manifest: one image with two version tags.",
    )


@pytest.mark.parametrize(
    ("tag", "found"),
    [
        ("v3.10.0", f"An image that says it is {NEW} is there, but under the tag v3.10.0."),
        ("latest", f"An image that says it is {NEW} is there, but under the tag latest."),
    ],
)
def test_a_release_under_another_tag_is_found(form: Form, tag: str, found: str) -> None:
    world = World(Registry(form))
    world.release(NEW, tags=[tag])
    failed(world.verdict("labels"), found)


def test_a_release_that_is_missing_is_named(form: Form) -> None:
    world = World(Registry(form))
    world.release(NEW)
    verdict = world.verdict("labels")
    failed(verdict, "The repository has the tags 3, 3.10, 3.10.0, git-a1a1a1a1a1 and stable.")
    assert verdict.expected == f"The tag {RC} in {REPO}."


def test_a_push_to_another_name_is_found(form: Form) -> None:
    world = World(Registry(form))
    world.registry.push("heron_1a2b/ml-model", NEW, [CARD], labels(NEW))
    failed(world.verdict("labels"), "It is not there, but heron_1a2b/ml-model is.")


def test_an_image_that_is_too_large_to_travel_is_told_now(world: World) -> None:
    detail = "sha256:ab has 90,000,000 bytes, and does not fit in a submission"
    world.problems = (Problem(kind="too-large", subject=REPO, detail=detail),)
    failed(world.verdict("labels"), f"{detail}.")


def test_another_content_that_comes_back_is_told(world: World) -> None:
    graded(world)
    world.probes["round-trip"][f"registry/{REPO}"]["tags"][NEW]["pulled"] = False
    failed(world.verdict("labels"), "What came back is not what the submission holds.")


# -- tags ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tag", "instead", "found"),
    [
        ("git-a1a1a1a1a1", "git-a1a1a1a", "The tag is not there, but git-a1a1a1a is."),
        ("git-a1a1a1a1a1", "a1a1a1a1a1", "The tag is not there, but a1a1a1a1a1 is."),
        ("git-a1a1a1a1a1", "sha-a1a1a1a1a1", "The tag is not there, but sha-a1a1a1a1a1 is."),
        ("git-c3c3c3c3c3", "build-7", "There is no such tag."),
    ],
)
def test_a_commit_tag_by_other_rules(world: World, tag: str, instead: str, found: str) -> None:
    world.point(instead, world.digest(tag))
    world.remove(tag)
    failed(world.verdict("tag-sets"), found)


def test_a_commit_tag_on_another_release(world: World) -> None:
    world.point("git-a1a1a1a1a1", world.digest(OLD))
    failed(world.verdict("tag-sets"), f"git-a1a1a1a1a1 points at the image {OLD}.")


def test_a_commit_tag_on_a_second_build(world: World) -> None:
    world.registry.push(REPO, "git-a1a1a1a1a1", [text_layer({"model-card.txt": "rebuilt"})], labels(NEW))
    failed(world.verdict("tag-sets"), "git-a1a1a1a1a1 points at another build of the same release.")


def test_a_tag_on_something_else(world: World) -> None:
    world.registry.push(REPO, "git-a1a1a1a1a1", [text_layer({"x": "y"})], {})
    failed(world.verdict("tag-sets"), "git-a1a1a1a1a1 points at an image that is none of the three releases.")


def test_a_floating_tag_that_is_missing(world: World) -> None:
    world.remove("3.9")
    failed(world.verdict("floating"), "There is no such tag.")


def test_a_floating_tag_that_the_pre_release_moved(world: World) -> None:
    world.point("stable", world.digest(RC))
    failed(world.verdict("floating"), f"stable points at {RC}: a pre-release moved it.")


@pytest.mark.parametrize("tag", ["3", "stable"])
def test_a_floating_tag_that_the_last_release_moved(world: World, tag: str) -> None:
    world.point(tag, world.digest(OLD))
    failed(
        world.verdict("floating"),
        f"{tag} points at {OLD}: the fix of an older line moved it, because it was released last.",
    )


def test_a_candidates_tag_on_a_stable_release(world: World) -> None:
    world.point("3.11-rc", world.digest(NEW))
    failed(world.verdict("floating"), f"3.11-rc points at the image {NEW}.")


@pytest.mark.parametrize(
    ("tag", "why"),
    [
        ("latest", "the default name of clients is in no rule of yours"),
        ("3.11", "only a stable release moves it, and there is none yet"),
        ("next", "a pre-release does not move it"),
    ],
)
def test_a_floating_tag_that_is_in_no_rule(world: World, tag: str, why: str) -> None:
    world.point(tag, world.digest(NEW))
    failed(world.verdict("floating"), f"The repository has the tag {tag}: {why}.")


# -- promotion and rollback ------------------------------------------------------------------------------------------


def test_what_was_tested(world: World) -> None:
    digest = world.digest("staging")
    world.point("staging", world.digest(RC))
    failed(world.verdict("tested"), f"staging points at {RC}: that is a pre-release.")
    world.point("staging", world.digest(OLD))
    failed(world.verdict("tested"), f"staging points at {OLD}: that came out last, and is not the newest.")
    assert "number by number" in world.verdict("tested").next_step
    world.remove("staging")
    failed(world.verdict("tested"), "There is no such tag.")
    world.point("staging", digest)
    world.tested = None
    failed(world.verdict("tested"), "No such answer is recorded.")
    world.tested = world.registry.parsed(REPO, NEW)["config"]["digest"]
    failed(
        world.verdict("tested"),
        f"{world.tested} is the digest of an image's config (the image ID that many engines show).",
    )
    world.tested = world.digest(OLD)
    assert world.verdict("tested").found.startswith(f"{world.tested} is the digest of the manifest of 3.9")
    world.tested = "staging"
    failed(world.verdict("tested"), "“staging” is no digest.")


def test_a_promotion_that_was_not_made(world: World) -> None:
    world.point("prod-eu", world.digest(OLD))
    failed(world.verdict("promotion"), f"prod-eu still points at {OLD}: it was not promoted.")
    world.remove("prod-eu")
    failed(world.verdict("promotion"), "There is no such tag.")


def test_a_promotion_of_the_candidate(world: World) -> None:
    world.point("prod-eu", world.digest(RC))
    failed(world.verdict("promotion"), f"prod-eu points at the image {RC}.")


def test_a_promotion_by_a_second_build(world: World) -> None:
    world.registry.push(REPO, "prod-eu", [text_layer({"model-card.txt": "rebuilt"})], labels(NEW))
    failed(world.verdict("promotion"), "prod-eu points at another build of the same release.")


def test_a_promotion_that_put_an_index_around_the_image(world: World) -> None:
    """What buildx imagetools does with a single manifest, and what an unwary copy does with an index."""
    if world.registry.form == "docker29":
        child = world.registry.parsed(REPO, NEW)
        held = world.registry.manifests[REPO]
        digest = next(digest for digest, found in held.items() if json.loads(found.text) == child)
        world.point("prod-eu", digest)
        failed(
            world.verdict("promotion"),
            "prod-eu points at the manifest for linux/amd64 inside the index, not at the index.",
        )
    else:
        image = world.digest(NEW)
        world.point("prod-eu", world.registry._index(REPO, image, image))
        failed(world.verdict("promotion"), "prod-eu points at an index that a tool has put around the image.")


def test_a_promotion_through_an_engine_that_wrote_another_manifest(world: World) -> None:
    held = world.registry.manifests[REPO]
    text = held[world.digest(NEW)].text
    altered = text.replace("\n", "\r\n")
    held[sha256(altered)] = held[world.digest(NEW)].model_copy(update={"text": altered})
    world.point("prod-eu", sha256(altered))
    failed(world.verdict("promotion"), "prod-eu points at the same image under another manifest.")


def test_a_promotion_without_a_way_back(world: World) -> None:
    world.point("prod-eu-previous", world.digest(NEW))
    failed(
        world.verdict("promotion"),
        f"prod-eu-previous points at {NEW}, which is what runs now: the way back is lost.",
    )
    world.remove("prod-eu-previous")
    failed(world.verdict("promotion"), "There is no such tag.")


def test_a_rollback_that_was_not_made_or_not_noted(world: World) -> None:
    world.point("prod-us", world.digest(NEW))
    failed(world.verdict("rollback"), f"prod-us still points at {NEW}: it was not rolled back.")
    for spoil in (lambda: world.point("prod-us-previous", world.digest(NEW)), lambda: world.remove("prod-us-previous")):
        spoil()  # the note names something else, or is not there: then it leads nowhere
        assert f"it ran {OLD}" in world.verdict("rollback").next_step
    world.point("prod-us-previous", world.digest(OLD))
    world.point("prod-us", world.digest(OLD))
    world.point("prod-us-previous", world.digest(OLD))
    failed(world.verdict("rollback"), f"prod-us-previous points at {OLD}, which is what runs now.")
    world.remove("prod-us-previous")
    failed(world.verdict("rollback"), "There is no such tag.")


def test_a_rollback_by_a_second_build(world: World) -> None:
    world.registry.push(REPO, "prod-us", [text_layer({"model-card.txt": "rebuilt"})], labels(OLD))
    failed(world.verdict("rollback"), "prod-us points at another build of the same release.")


def test_a_rollback_of_the_wrong_region(world: World) -> None:
    for one, other in (("prod-eu", "prod-us"), ("prod-eu-previous", "prod-us-previous")):
        tags = world.registry.tags[REPO]
        tags[one], tags[other] = tags[other], tags[one]
    failed(world.verdict("promotion"), f"prod-eu still points at {OLD}: it was not promoted.")
    failed(world.verdict("rollback"), f"prod-us still points at {NEW}: it was not rolled back.")


# -- the code task ---------------------------------------------------------------------------------------------------


def judged(source: str, spec: Spec = SPEC) -> Verdict:
    values = P | {"_spec": spec.as_parameter()}
    done = run_task(source, values)
    return verdicts(LAB, evidence(LAB, values, runs={TASK: done}))["release-tags"]


def run_task(source: str, values: dict[str, Any]) -> TaskRun:
    """Run on visible cases and on hidden ones of this specification."""
    part = LAB.tasks[TASK]
    cases = visible_cases(Spec.of(values)) + [
        case.model_copy(update={"hidden": True})
        for case in HIDDEN.cases(SeededRandom(seed(b"k", "grading", "ada", LAB.slug)), values)[TASK]
    ]
    return tasks.run_locally(tasks.Extracted("found", source), part.function, cases, part.seconds)


def by_the_book(version: Any, commit: Any, branch: Any, published: Any) -> Any:
    """Rule after rule, with integers."""
    import re

    commit_tag = "git-" + commit[:10]
    if version is None:
        slug = re.sub(r"[^a-z0-9]+", "-", branch.lower())[:20].strip("-")
        return sorted(["dev-" + slug, commit_tag])
    tags = [version.replace("+", "_"), commit_tag]
    if "+" in version:
        return sorted(tags)
    core, _, pre = version.partition("-")
    major, minor, patch = map(int, core.split("."))
    if pre:
        return sorted([*tags, f"{major}.{minor}-{pre.split('.')[0]}"])
    stable = [tuple(map(int, v.split("."))) for v in published if "-" not in v and "+" not in v]
    if all(v <= (major, minor, patch) for v in stable):
        tags.append("stable")
    if major and all(v <= (major, minor, patch) for v in stable if v[0] == major):
        tags.append(str(major))
    if all(v <= (major, minor, patch) for v in stable if v[:2] == (major, minor)):
        tags.append(f"{major}.{minor}")
    return sorted(tags)


def by_maximum(version: Any, commit: Any, branch: Any, published: Any) -> Any:
    """The newest of each group, found once; no regular expression."""
    tags = {f"git-{commit[:10]}"}
    if branch:
        signs = [sign if sign in "abcdefghijklmnopqrstuvwxyz0123456789" else " " for sign in branch.lower()]
        text = "".join(signs)
        slug = ("-" if text[0] == " " else "") + "-".join(text.split()) + ("-" if text[-1] == " " else "")
        return sorted(tags | {"dev-" + slug[:20].strip("-")})
    tags.add(version.replace("+", "_"))
    key = lambda text: [int(part) for part in text.split(".")]  # noqa: E731
    if not {"-", "+"} & set(version):
        line = [v for v in [*published, version] if not {"-", "+"} & set(v)]
        groups = {"stable": line}
        groups[".".join(version.split(".")[:2])] = [v for v in line if key(v)[:2] == key(version)[:2]]
        if not version.startswith("0."):
            groups[version.split(".")[0]] = [v for v in line if key(v)[0] == key(version)[0]]
        tags |= {tag for tag, group in groups.items() if key(max(group, key=key)) == key(version)}
    elif "+" not in version:
        numbers, name = version.split("-", 1)
        tags.add(numbers.rsplit(".", 1)[0] + "-" + name.partition(".")[0])
    return sorted(tags)


@pytest.mark.parametrize("function", [by_the_book, by_maximum], ids=lambda f: f.__name__)
def test_a_right_function_passes(function: Callable[..., Any]) -> None:
    assert judged(source_of(function, TASK)).found == ""


@pytest.mark.parametrize("number", range(6))
def test_the_labs_own_function_is_right_by_every_specification(number: int) -> None:
    spec = Spec.drawn(SeededRandom(seed(b"own", "student", str(number), LAB.slug)))
    [cell] = [cell for cell in release.source(LAB).cells if "task:release_tags" in cell.metadata.get("tags", [])]
    assert judged(cell.source.replace("me._spec", repr(spec.as_parameter())), spec).found == ""


WRONG = [
    ("commit[:10]", "commit[:7]", "the first release", "a branch of one word"),
    ("commit[:10]", "commit[:12]", "the first release", "a branch of one word"),
    ('"git-" + ', '"sha-" + ', "the first release", "a branch of one word"),
    ('"+", "_"', '"+", "-"', "build metadata", "build metadata with a dot in it"),
    (' and "+" not in v]', ']', "", "a stable release while a newer one has build metadata"),
    ("v <= (major, minor, patch) for v in stable", "str(v) <= str((major, minor, patch)) for v in stable",
     "a minor version of two digits", "a patch number of two digits"),
    ('"stable")', '"latest")', "the first release", "a patch number of two digits"),
    ("if major and all", "if all", "a version before 1.0.0", "version 0 beside version 1"),
    ("if v[0] == major", "if v", "", "a fix of an older major version"),
    ("if v[:2] == (major, minor)", "if v", "a fix of an older line", "a fix of an older major version"),
    ('if "+" in version:', 'if "+" in version and False:', "build metadata", "build metadata with a dot in it"),
    ("pre.split('.')[0]", "pre", "a pre-release", "a pre-release called alpha or beta"),
    ('    if pre:', '    if False:', "a pre-release", "a pre-release called alpha or beta"),
    ("branch.lower()", "branch", "a build of a branch", "capitals and several slashes in a branch"),
    ("[:20]", "[:63]", "", "a long branch"),
    ('.strip("-")', "", "", "a branch that is cut at a sign"),
    ("0-9]+", "0-9]", "", "runs of signs in a branch"),
    ("return sorted(tags)", "return tags", "the first release", "a patch number of two digits"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "visible", "hidden"), WRONG, ids=[w[1] or "no strip" for w in WRONG])
def test_a_wrong_rule_is_found_by_a_case_of_its_kind(old: str, new: str, visible: str, hidden: str) -> None:
    source = source_of(by_the_book, TASK)
    assert old in source
    verdict = judged(source.replace(old, new))
    assert verdict.status == "failed" and "inputs give the right result" in verdict.found
    assert hidden in verdict.found
    if visible:
        assert verdict.table[0] == ("input", "expected", "yours") and len(verdict.table) > 1


def test_the_kits_function_fails_by_every_specification() -> None:
    """Whatever it is told: it knows other rules than any student's."""
    for number in range(200):
        spec = Spec.drawn(SeededRandom(seed(b"kit", "student", str(number), LAB.slug)))
        for case in visible_cases(spec):
            version, commit, branch, published = case.args
            got = []
            for digits, plus in itertools.product((7, 12, spec.digits), ("_", "-")):
                found = kit.release_tags(
                    version, commit, branch=branch, published=published, sha_length=digits, plus=plus
                )  # type: ignore[arg-type]
                got += [sorted(found.all), sorted(found.fixed), sorted(found.moving)]
            assert case.expected not in got, (spec, case)


def test_calling_the_kits_function_is_refused() -> None:
    def borrowed(version: Any, commit: Any, branch: Any, published: Any) -> Any:
        from autograder.domain.tags import release_tags

        return sorted(release_tags(version, commit, branch=branch, published=published).all)

    verdict = judged(source_of(borrowed, TASK))
    assert "a task cannot import the course's own package" in str(verdict.table)


def test_me_is_not_there() -> None:
    def lazy(version: Any, commit: Any, branch: Any, published: Any) -> Any:
        return sorted([version, me.rules])  # type: ignore[name-defined]  # noqa: F821

    assert "name 'me' is not defined" in str(judged(source_of(lazy, TASK)).table)


def test_a_neighbours_function_fails() -> None:
    """In a class of 300: whoever has other rules has other results, on a visible case and on a hidden one."""
    specs = [Spec.drawn(SeededRandom(seed(b"class", "student", f"s{n}", LAB.slug))) for n in range(300)]
    assert len(set(specs)) >= 298
    grading = SeededRandom(seed(b"class", "grading", "s0", LAB.slug))
    cases = [case.args for case in HIDDEN.cases(grading, {"_spec": specs[0].as_parameter()})[TASK]]

    def results(spec: Spec) -> list[list[str]]:
        return [HIDDEN.release_tags(spec, *args) for args in cases]

    mine = results(specs[0])
    assert not [spec for spec in set(specs[1:]) - {specs[0]} if results(spec) == mine]
    for field_ in ("digits", "commit", "plus", "major", "newest", "candidate", "branch", "dash", "length"):
        values = {"digits": 16, "commit": "rev-", "plus": ".", "major": not specs[0].major, "newest": "release",
                  "candidate": "next", "branch": "wip-", "dash": "_", "length": 28}  # fmt: skip
        for value in (values[field_], {"candidate": "nothing", "dash": "."}.get(field_, values[field_])):
            other = Spec(**(specs[0].as_parameter() | {field_: value}))
            assert other == specs[0] or results(other) != mine, field_


# -- what the checks stand on ----------------------------------------------------------------------------------------


def test_the_table_of_visible_cases_agrees_with_the_graders_rules() -> None:
    for number in range(100):
        spec = Spec.drawn(SeededRandom(seed(b"table", "student", str(number), LAB.slug)))
        for case in visible_cases(spec):
            version, commit, branch, published = case.args
            assert case.expected == HIDDEN.release_tags(spec, version, commit, branch, published), case


def test_the_three_releases_agree_with_the_graders_rules() -> None:
    """The checks say in a table what the rules give."""
    keys = {"version": "version", "commit": "revision", "created": "created"}
    for number in range(100):
        values = LAB.drawn(seed(b"three", "student", str(number), LAB.slug))
        spec = Spec.of(values)
        published: list[str] = []
        where: dict[str, str] = {}
        for entry in values["releases"]:
            for tag in HIDDEN.release_tags(spec, entry["version"], entry["commit"], None, published):
                where[tag] = entry["version"]
            published.append(entry["version"])
        world = World(Registry("docker20"), parameters=values)
        for entry in values["releases"]:
            world.registry.push(
                values["repository"], entry["version"], [CARD],
                {f"{PREFIX}{keys[name]}": text for name, text in entry.items()},
            )  # fmt: skip
        for tag, version in where.items():
            world.registry.tag(values["repository"], version, tag)
        found = verdicts(
            LAB,
            evidence(LAB, values, services={"registry": world.registry.service(values["repository"], layers="all")}),
        )
        assert [found[id].found for id in ("labels", "tag-sets", "floating")] == ["", "", ""]


def test_parameters_are_personal_and_each_a_trap() -> None:
    drawn = [tagging.parameters(SeededRandom(seed(b"k", "student", f"s{n}", LAB.slug))) for n in range(200)]
    assert len({found["repository"] for found in drawn}) == 200
    for found in drawn:
        new, candidate, old = (release["version"] for release in found["releases"])
        assert old > new, "as a text, the older line sorts last"
        assert kit.parse_version(old).numbers < kit.parse_version(new).numbers
        assert not kit.parse_version(candidate).stable
        times = [release["created"] for release in found["releases"]]
        assert times == sorted(times) and len({release["commit"] for release in found["releases"]}) == 3
        assert found["region_stays"] != found["region_back"]


@pytest.mark.parametrize("student", ["ada", "b", "c"])
def test_hidden_cases_are_of_many_kinds(student: str) -> None:
    cases = contract.hidden_cases(LAB, student)[TASK]
    assert len({case.kind for case in cases}) == len(cases) > 25


def test_points_and_the_core_path() -> None:
    assert LAB.total == 10 and LAB.minutes == 45 and LAB.by_hand == ("policy",) and LAB.points["policy"] == 2
    assert [part.id for part in LAB.checks if not part.core] == ["release-tags", "rollback", "policy"]
    assert "policy" not in LAB.declared_checks()


def test_hostile_content_gets_a_verdict(world: World) -> None:
    for value in ("\ud800", "x" * 60_000, 10**400, {}, [], None, True, "sha256:" + "0" * 64):
        world.tested = value
        assert world.verdict("tested").status == "failed"
    held = world.registry.manifests[REPO]
    for tag, text in (("3", "{}"), ("stable", "[]"), ("git-a1a1a1a1a1", '{"manifests": 1}')):
        held[sha256(text)] = Manifest(media_type="application/vnd.oci.image.manifest.v1+json", text=text)
        world.point(tag, sha256(text))
    assert {v.status for id, v in world.verdicts().items() if id in ("tag-sets", "floating")} == {"failed"}
