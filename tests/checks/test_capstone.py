"""Lab 12's checks: right in several ways, and each way to be wrong with the message it must get."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from autograder.checks.api import Verdict
from autograder.checks.capstone import checks as capstone
from autograder.checks.capstone.data import PINS
from autograder.checks.shared.seeded_random import SeededRandom, seed
from autograder.evidence import emulator_state as shapes
from autograder.evidence.model import File, Service
from autograder.labs import manifest
from autograder.oci.manifests import digest_of
from tests.evidence import emulator_states as states

from .pushed import Layer, Registry
from .solved import evidence, failed, verdicts

LAB = manifest.find("12-multi-registry")
P: dict[str, Any] = {
    "team": "heron-1a2b3",
    "hub_repository": "student/heron-1a2b3-ml-model",
    "repository": "heron-1a2b3/ml-model",
    "project": "shop-1a2b3",
    "version": "3.4.0",
    "previous": "3.3.2",
    "revision": "4f2a91c07d3e",
    "old_builds": ["dev-40", "dev-41"],
    "new_build": "dev-49",
    "pin": "urllib3==1.26.4",
}
NAMES = capstone.names(P)
COMMIT = "sha-4f2a91c07d3e"
LABELS = {
    capstone.VERSION_LABEL: "3.4.0",
    capstone.REVISION_LABEL: "4f2a91c07d3e",
    capstone.OWNER_LABEL: "heron-1a2b3",
}
DEV = {"tagStatus": "tagged", "tagPatternList": ["dev-*"], "countType": "sinceImagePushed", "countUnit": "days"}
ECR_POLICY = {"rules": [{"rulePriority": 1, "selection": DEV | {"countNumber": 30}, "action": {"type": "expire"}}]}
GOOGLE_POLICY = [
    {
        "name": "old",
        "action": {"type": "Delete"},
        "condition": {"tagState": "tagged", "tagPrefixes": ["dev-"], "olderThan": "30d"},
    }
]
FINDING = {"id": "CVE-2021-33503", "package": "urllib3", "version": "1.26.4", "severity": "HIGH", "fixed": ["1.26.5"]}
EARLY, NOW, LATE = "2026-11-02T07:00:00+00:00", states.NOW, "2026-11-02T09:00:00+00:00"


class World:
    """What a student left: images in four registries, policies, a report, two recorded runs, the journal."""

    def __init__(self, form: Any = "docker20") -> None:
        self.registries = {service: Registry(form) for service in capstone.FOUR}
        self.ecr_policy: Any = ECR_POLICY
        self.google_policy: Any = GOOGLE_POLICY
        self.dry_run = False
        self.codes = [0, 0]
        self.idle: tuple[str, ...] = ()  # the registries that the script left alone
        self.scanned: str | None = EARLY
        self.after = 5
        self.lines: list[dict[str, Any]] | None = None  # of the journal, where a test has its own
        self.shut: Any = {"code": 1, "asked": 1, "pushed": []}
        self.answer: Any = None
        self.changed: Any = None  # what the second run changed
        self.row: dict[str, Any] = {"packages": {"urllib3": "2.8.0"}, "findings": [], "problems": []}
        for service in capstone.FOUR:
            self.push(service, "3.3.2", {capstone.VERSION_LABEL: "3.3.2"}, "old")
            self.push(service, "dev-49", {}, "dev")
            self.push(service, "3.4.0")
            self.tag(service, "3.4.0", COMMIT)
            self.tag(service, "3.4.0", "prod")
        self.report: dict[str, Any] | None = {
            "SchemaVersion": 2,
            "Metadata": {"ImageID": self.config("ecr", "3.4.0")},
            "Results": [{"Class": "lang-pkgs"}],
        }
        self.pushed_digest = self.digest("ecr", "3.4.0")

    def push(self, service: str, tag: str, labels: dict[str, str] | None = None, layer: str = "app") -> str:
        return self.registries[service].push(
            NAMES[service], tag, [Layer(layer, 100)], LABELS if labels is None else labels
        )

    def tag(self, service: str, old: str, new: str) -> None:
        self.registries[service].tag(NAMES[service], old, new)

    def untag(self, service: str, tag: str) -> None:
        del self.registries[service].tags[NAMES[service]][tag]

    def digest(self, service: str, tag: str) -> str:
        return self.registries[service].tags[NAMES[service]][tag]

    def config(self, service: str, tag: str) -> str:
        return str(self.registries[service].parsed(NAMES[service], tag)["config"]["digest"])

    def services(self) -> dict[str, Service]:
        found = {}
        for service, name in NAMES.items():
            held = self.registries[service].service(name).repositories[name].model_copy(update={"service": service})
            by_digest: dict[str, list[str]] = {digest: [] for digest in held.manifests}
            for tag, digest in held.tags.items():
                by_digest[digest].append(tag)
            settings = states.state(service)
            if service == "ecr":
                images = [states.ecr_image(*tags, digest=digest) for digest, tags in by_digest.items()]
                policy = {"lifecyclePolicy": self.ecr_policy}
                settings["repositories"] = {name: states.ecr_repository(name, *images, **policy)}
            else:
                images = [states.image(*tags, digest=digest) for digest, tags in by_digest.items()]
                settings["repositories"] = [states.repository(name, *images)]
            if service == "artifact-registry":
                settings["settings"] = [
                    {
                        "name": "shop-1a2b3/models",
                        "location": "us-central1",
                        "format": "DOCKER",
                        "mode": "STANDARD_REPOSITORY",
                        "immutableTags": False,
                        "createTime": NOW,
                        "cleanupPolicies": self.google_policy,
                        "cleanupPolicyDryRun": self.dry_run,
                        "packages": ["ml-model"],
                    }
                ]
            assert shapes.problem(service, settings) is None
            found[service] = Service(repositories={name: held}, settings=settings, catalog=(name,))
        return found

    def judge(self, probes: dict[str, Any] | None = None) -> dict[str, Verdict]:
        services = self.services()
        made = evidence(LAB, P, services=services)
        first = capstone.state(made)
        second = copy.deepcopy(first)
        if self.changed:
            self.changed(second)
        runs = self.answer or {
            "codes": self.codes,
            "first": first,
            "second": second,
            "scanned": self.scanned,
            "after": self.after,
            **({"shut": self.shut} if self.shut is not None else {}),
        }
        if probes is None:
            row = {"images": [self.row], "sboms": []}
            probes = {"rescan": {f"ecr/{NAMES['ecr']}": {self.digest("ecr", "3.4.0"): row}}}
        made = evidence(LAB, P, services=services, answers={"runs": runs}, probes=probes)
        text = json.dumps(self.report)
        files = {"report.json": File(size=len(text), sha256="0" * 64, text=text)} if self.report is not None else {}
        lines = [
            states.line(3, when=EARLY, repository=NAMES["ecr"], tag="3.4.0", digest=self.pushed_digest),
            states.line(9, when=NOW, repository=NAMES["ecr"], tag="3.4.0", digest=self.pushed_digest),
        ]
        if "ecr" in self.idle:
            lines.pop()
        released = {
            service: services[service].repositories[name].tags.get("3.4.0", "") for service, name in NAMES.items()
        }
        lines += [
            states.line(n, service=service, what="pull", repository=name, digest=released[service])
            for n, (service, name) in enumerate(NAMES.items(), 10)
            if service not in self.idle
        ]
        lines = lines if self.lines is None else self.lines
        return verdicts(LAB, made.model_copy(update={"files": files, "journal": tuple(lines)}))


def all_pass(world: World) -> None:
    judged = world.judge()
    assert {id: verdict.found for id, verdict in judged.items() if verdict.status != "passed"} == {}
    assert set(judged) == set(LAB.declared_checks())


# -- right ---


@pytest.mark.parametrize("form", ["docker20", "docker29"])
def test_everything_is_right_whichever_engine_pushed(form):
    all_pass(World(form))


def test_the_solution_s_policies_are_right():
    world = World()
    prod = {"tagStatus": "tagged", "tagPatternList": ["prod"], "countType": "imageCountMoreThan", "countNumber": 1}
    shield = {"rulePriority": 1, "selection": prod, "action": {"type": "expire"}}
    world.ecr_policy = {"rules": [shield, ECR_POLICY["rules"][0] | {"rulePriority": 2}]}
    keep = {"name": "k", "action": {"type": "Keep"}, "condition": {"tagState": "tagged", "tagPrefixes": ["prod"]}}
    world.google_policy = [keep, *GOOGLE_POLICY]
    all_pass(world)


def test_other_words_for_the_same_are_right_too():
    world = World()
    selection = {"tagStatus": "tagged", "tagPrefixList": ["dev-"], "countType": "sinceImagePushed"}
    selection |= {"countUnit": "days", "countNumber": 30}
    world.ecr_policy = {"rules": [{"rulePriority": 7, "selection": selection, "action": {"type": "expire"}}]}
    condition = {"tagState": "TAGGED", "tagPrefixes": ["dev-"], "olderThan": "2592000s"}
    world.google_policy = [{"name": "x", "action": {"type": "DELETE"}, "condition": condition}]
    all_pass(world)


def test_a_report_of_the_pushed_image_names_its_digest():
    world = World()
    assert world.report is not None
    world.report["Metadata"] = {"RepoDigests": [f"localhost:5003/x@{world.digest('ecr', '3.4.0')}"]}
    all_pass(world)


def test_with_the_containerd_store_an_image_s_id_is_its_digest():
    world = World("docker29")
    assert world.report is not None
    index = world.digest("ecr", "3.4.0")
    inside = json.loads(world.registries["ecr"].text(NAMES["ecr"], "3.4.0"))["manifests"]
    for id in (index, inside[0]["digest"]):
        world.report["Metadata"] = {"ImageID": id, "RepoDigests": [f"candidate@{id}"]}
        all_pass(world)
    world.report["Metadata"] = {"ImageID": inside[1]["digest"]}  # the attestation
    assert world.judge()["scan-report"].status == "failed"


def test_what_is_left_of_purged_tags_does_not_count():
    world = World()
    world.push("acr", "dev-40", {}, "old build")
    world.untag("acr", "dev-40")
    world.untag("dockerhub", "dev-49")
    all_pass(world)


# -- one digest, tags ---


def test_a_build_for_each_registry():
    world = World()
    world.push("acr", "3.4.0", layer="built again")
    judged = world.judge()
    one, other = world.digest("dockerhub", "3.4.0")[:19], world.digest("acr", "3.4.0")[:19]
    failed(judged["one-digest"], f"In the ACR emulator it is {other}…, in the Docker Hub emulator {one}….")
    assert "other three agree" in judged["one-digest"].next_step
    assert len(judged["one-digest"].table) == 5
    assert {judged[id].blocked_by for id in ("tags", "scan-report", "promoted")} == {"one-digest"}
    world.push("ecr", "3.4.0", layer="and again")
    assert "outside of the loop" in world.judge()["one-digest"].next_step


def test_one_image_with_an_attestation_here_and_without_there():
    world = World("docker29")
    world.registries["acr"].alone(NAMES["acr"], "3.4.0", "3.4.0")
    verdict = world.judge()["one-digest"]
    assert verdict.status == "failed" and "what differs is the attestation" in verdict.next_step
    world = World("docker29")
    world.registries["acr"].again(NAMES["acr"], "3.4.0", "3.4.0")
    assert "what differs is the attestation" in world.judge()["one-digest"].next_step
    world = World("docker29")
    world.registries["ecr"].alone(NAMES["ecr"], "3.4.0", "prod")
    verdict = world.judge()["promoted"]
    failed(verdict, "It points at the manifest for linux/amd64 inside the index, not at the index.")
    assert "leaves the attestation behind" in verdict.next_step


def test_one_registry_was_forgotten():
    world = World()
    world.untag("artifact-registry", "3.4.0")
    found = world.judge()["one-digest"]
    failed(found, "The repository has the tags 3.3.2, dev-49, prod and sha-4f2a91c07d3e.")


def test_the_commit_tag_is_missing_or_another_image():
    world = World()
    world.untag("dockerhub", COMMIT)
    failed(world.judge()["tags"], "The repository has the tags 3.3.2, 3.4.0, dev-49 and prod.")
    world = World()
    other = world.push("acr", COMMIT, layer="other")
    found = f"{COMMIT} points at {other[:19]}…, 3.4.0 at {world.digest('acr', '3.4.0')[:19]}…."
    failed(world.judge()["tags"], found)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({capstone.VERSION_LABEL: "3.4"}, "It is 3.4."),
        ({capstone.REVISION_LABEL: None}, "The image has no such label."),
        ({capstone.OWNER_LABEL: "ada"}, "It is ada."),
    ],
)
def test_labels(change, found):
    world = World()
    labels = {key: value for key, value in (LABELS | change).items() if value is not None}
    for service in capstone.FOUR:
        world.push(service, "3.4.0", labels)
        world.tag(service, "3.4.0", COMMIT)
    failed(world.judge()["tags"], found)


# -- the scan ---


def test_no_report():
    world = World()
    world.report = None
    verdict = world.judge()["scan-report"]
    failed(verdict, "There is no such file.")
    assert verdict.not_begun


def test_a_report_of_another_image():
    world = World()
    assert world.report is not None
    world.report["Metadata"] = {"ImageID": digest_of(b"x")}
    failed(world.judge()["scan-report"], f"It is of the image with the id {digest_of(b'x')[:19]}….")
    world.report["Metadata"] = {}
    failed(world.judge()["scan-report"], "It names no image.")
    world.report = {"version": "2.1.0", "runs": []}  # SARIF: the format is what is wrong, and no folder was scanned
    format_ = "not a report of Trivy as its --format json writes it"
    failed(world.judge()["scan-report"], f"It cannot: {format_}: it has no SchemaVersion, and 2 is known.")
    world.report = {"SchemaVersion": 1}
    failed(world.judge()["scan-report"], f"It cannot: {format_}: SchemaVersion is 1, and 2 is known.")


def test_a_report_of_a_folder():
    world = World()
    assert world.report is not None
    world.report["Results"] = []
    found = "It cannot: the report lists no packages: the scan saw none, or did not look for vulnerabilities."
    failed(world.judge()["scan-report"], found)


def test_a_forged_report_does_not_help():
    world = World()
    world.row["findings"] = [FINDING]
    failed(world.judge()["scan-report"], "urllib3 1.26.4 has CVE-2021-33503, fixed in 1.26.5.")


def test_a_report_from_before_the_repair():
    world = World()
    assert world.report is not None
    world.report["Results"][0]["Vulnerabilities"] = [
        {
            "VulnerabilityID": "CVE-2021-33503",
            "PkgName": "urllib3",
            "InstalledVersion": "1.26.4",
            "Severity": "HIGH",
            "FixedVersion": "1.26.5",
        }
    ]
    failed(world.judge()["scan-report"], "It lists CVE-2021-33503.")


def test_the_package_is_hidden_or_left_out():
    world = World()
    world.row["problems"] = ["package data was removed"]
    failed(world.judge()["scan-report"], "It does not: package data was removed.")
    world = World()
    world.row["packages"] = {}
    failed(world.judge()["scan-report"], "urllib3 is not in it.")


def test_a_scanner_that_fails_is_no_zero():
    assert World().judge({"rescan": {"fault": "no engine"}})["scan-report"].status == "not_graded"


# -- promotion ---


def test_production_was_not_moved():
    world = World()
    world.tag("acr", "3.3.2", "prod")
    failed(world.judge()["promoted"], "prod still points at 3.3.2.")


def test_production_was_built_again():
    world = World()
    world.push("ecr", "prod", layer="built for prod")
    failed(world.judge()["promoted"], "It points at another build of the same release.")


def test_the_old_version_was_moved():
    world = World()
    world.tag("dockerhub", "3.4.0", "3.3.2")
    digest = world.digest("dockerhub", "3.4.0")
    failed(world.judge()["promoted"], f"The tag points at {digest[:19]}…, which is another image.")


# -- clean-up ---


def test_no_policy_that_acts():
    world = World()
    world.ecr_policy = None
    failed(world.judge()["policies"], "There is none that acts.")
    world = World()
    world.dry_run = True
    failed(world.judge()["policies"], "There is none that acts.")


@pytest.mark.parametrize(
    ("selection", "found"),
    [
        (
            {"tagStatus": "any", "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 30},
            "a release of last year (0.9.0, sha-0badc0ffee12, 380 days) would go.",
        ),
        (DEV | {"countNumber": 14}, "a development build that is not old enough (dev-90, 29 days) would go."),
        (DEV | {"countNumber": 44}, "an old development build (dev-17, 31 days) would stay."),
        (DEV | {"countNumber": 30, "tagPatternList": ["dev*"]}, "the image of a tool (devkit-1.0, 200 days) would go."),
        (
            DEV | {"countNumber": 30, "tagPatternList": ["*-dev*"]},
            "an old development build (dev-17, 31 days) would stay.",
        ),
        (
            DEV | {"countNumber": 30, "tagPatternList": ["*dev*-*"]},
            "the image of a tool (devkit-1.0, 200 days) would go.",
        ),
        (
            {"tagStatus": "tagged", "tagPatternList": ["dev-*"], "countType": "imageCountMoreThan", "countNumber": 1},
            "a development build that is not old enough (dev-90, 29 days) would go.",
        ),
    ],
)
def test_a_policy_that_takes_the_wrong_images(selection, found):
    world = World()
    world.ecr_policy = {"rules": [{"rulePriority": 1, "selection": selection, "action": {"type": "expire"}}]}
    failed(world.judge()["policies"], f"In the ECR emulator {found}")


@pytest.mark.parametrize("policy", [5, "x", [5], {"rules": 3}, {"rules": [{}]}, [{"name": 5}], [[]], {"a": {}}])
def test_what_is_no_policy_is_said_to_be_none(policy):
    world = World()
    world.ecr_policy = policy
    verdict = world.judge()["policies"]
    assert verdict.status == "failed" and verdict.found.startswith("The policy is not valid: ")
    world = World()
    world.google_policy = policy if isinstance(policy, list) else [policy]
    verdict = world.judge()["policies"]
    assert verdict.status == "failed" and verdict.found.startswith("The policy is not valid: ")


def test_a_google_policy_that_takes_everything_old():
    world = World()
    world.google_policy = [{"name": "x", "action": {"type": "Delete"}, "condition": {"olderThan": "30d"}}]
    found = "a release of last year (0.9.0, sha-0badc0ffee12, 380 days) would go."
    failed(world.judge()["policies"], f"In the Artifact Registry emulator {found}")


def test_a_policy_that_takes_what_lost_its_tag_as_well():
    world = World()
    untagged = {"tagStatus": "untagged", "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 1}
    rule = {"rulePriority": 2, "selection": untagged, "action": {"type": "expire"}}
    world.ecr_policy = {"rules": [*ECR_POLICY["rules"], rule]}
    failed(world.judge()["policies"], "In the ECR emulator an image that lost its tag (60 days) would go.")


def test_a_script_that_only_says_that_all_is_done():
    world = World()
    world.idle = ("acr",)
    found = "In these runs the release was neither pushed to the ACR emulator nor asked for there."
    failed(world.judge()["second-run"], found)


@pytest.mark.parametrize("what", ["refuse", "delete", "expire", "lost", "configure"])
def test_what_is_neither_a_push_nor_a_pull_is_no_release(what):
    world = World()
    lines = heads(world, NOW, dockerhub=["pull", "push"], acr=["pull", "push"])
    lines = [line | {"what": what} if line["service"] == "acr" else line for line in lines]
    world.lines = [states.line(5), *lines]  # the journal reaches back to the runs
    found = "In these runs the release was neither pushed to the ACR emulator nor asked for there."
    failed(world.judge()["second-run"], found)


def test_a_journal_that_does_not_reach_back_to_the_runs_costs_nothing():
    world = World()
    world.after, world.idle = 1, capstone.FOUR
    assert world.judge()["second-run"].status == "passed"


def test_no_run_is_recorded():
    verdict = verdicts(LAB, evidence(LAB, P, services=World().services()))["second-run"]
    failed(verdict, "None are recorded.")
    assert verdict.next_step == "Run the cell with run_twice()."


def test_old_builds_are_left():
    world = World()
    world.push("acr", "dev-40", {}, "old build")
    verdict = world.judge()["cleaned"]
    failed(verdict, "dev-40 is still there.")
    assert "acr purge" in verdict.next_step
    world.push("ecr", "dev-41", {}, "old build")
    verdict = world.judge()["cleaned"]
    failed(verdict, "dev-41 is still there.")
    assert "overnight" in verdict.next_step


def test_todays_build_was_taken_too():
    world = World()
    world.untag("artifact-registry", "dev-49")
    failed(world.judge()["cleaned"], "dev-49 is not there.")


# -- the two runs ---


def test_a_run_that_failed():
    world = World()
    world.codes = [0, 1]
    failed(world.judge()["second-run"], "The runs ended with the exit codes [0, 1].")


def test_the_second_run_built_again():
    world = World()
    world.changed = lambda state: state["acr"].update({digest_of(b"new"): ["3.4.0"]})
    failed(world.judge()["second-run"], "After the second run the ACR emulator is not as after the first.")


def test_the_second_run_changed_a_policy():
    world = World()
    world.changed = lambda state: state["policies"].update(ecr=None)
    verdict = world.judge()["second-run"]
    failed(verdict, "After the second run the policies are not as after the first.")
    assert verdict.next_step.startswith("Set the same policies in every run")


def test_something_was_pushed_after_the_runs():
    world = World()
    state = capstone.state(evidence(LAB, P, services=world.services()))
    world.answer = {"codes": [0, 0], "first": state, "second": state, "scanned": EARLY, "after": 0}
    world.push("ecr", "3.4.0", layer="later")
    failed(world.judge()["second-run"], "It is another image now, or gone.")


# -- the run with a shut gate ---


@pytest.mark.parametrize(
    "shut",
    [
        {"code": 1, "asked": 1, "pushed": []},
        {"code": 1, "asked": 2, "pushed": []},  # once for each severity, say
        {"code": 0, "asked": 1, "pushed": []},  # it says so in words, and ends well
        {"code": 3, "asked": 1, "pushed": []},  # an exit code of its own
        {"code": -15, "asked": 1, "pushed": []},
        None,  # recorded by an earlier kit
    ],
)
def test_a_shut_gate_stopped_the_script(shut):
    world = World()
    world.shut = shut
    all_pass(world)


FOUR_PUSHES = [[service, "3.4.0"] for service in capstone.FOUR]


@pytest.mark.parametrize(
    ("asked", "code", "pushed", "found"),
    [
        (0, 0, FOUR_PUSHES, "It never asked the gate, and pushed 3.4.0 to the ACR emulator"),
        (0, 0, [["ecr", "3.4.0"]], "It never asked the gate, and pushed 3.4.0 to the ECR emulator."),
        (0, 0, [["ecr", "prod"]], "It never asked the gate, and pushed prod to the ECR emulator."),
        (0, 1, [["acr", COMMIT]], f"It never asked the gate, and pushed {COMMIT} to the ACR emulator."),
        (1, 0, FOUR_PUSHES, "The gate said no, and it pushed"),
        (1, 0, [["artifact-registry", "3.4.0"]], "The gate said no, and it pushed 3.4.0 to"),
        (1, 1, [["dockerhub", "3.4.0"]], "The gate said no, and it pushed 3.4.0 to"),  # pushes, then asks and stops
        (2, 1, [["ecr", "candidate"]], "The gate said no, and it pushed candidate to the ECR emulator all the same."),
        (1, -1, [["ecr", "3.4.0"]], "The gate said no, and it pushed"),
        (0, 0, [], "It did not ask the gate, and pushed nothing."),
        (0, 1, [], "It did not ask the gate, and pushed nothing. It ended with the exit code 1."),
        (0, -1, [], "It did not ask the gate, and pushed nothing. It ended with the exit code -1."),
    ],
)
def test_a_shut_gate_did_not_stop_the_script(asked, code, pushed, found):
    world = World()
    world.shut = {"code": code, "asked": asked, "pushed": pushed}
    verdict = world.judge()["second-run"]
    assert verdict.status == "failed" and verdict.found.startswith(found)
    assert "course.py gate" in verdict.expected


@pytest.mark.parametrize(
    "shut",
    [
        *(5, [], "no push", {}, {"code": 1}, {"code": 1, "asked": "yes", "pushed": []}),
        *({"code": None, "asked": 1, "pushed": []}, {"code": 1, "asked": 1, "pushed": "nothing"}),
        *({"code": 1, "asked": 1, "pushed": [["quay", "1"]]}, {"code": 1, "asked": 1, "pushed": [["ecr", 1]]}),
        *({"code": 1, "asked": 1, "pushed": ["ecr"]}, {"code": 1, "asked": 1, "pushed": [[["ecr"], "1"]]}),
    ],
)
def test_a_run_with_a_shut_gate_that_was_written_by_hand(shut):
    world = World()
    world.shut = shut
    failed(world.judge()["second-run"], "Something else was recorded.")


@pytest.mark.parametrize(
    "value",
    [
        "twice",
        {"codes": [0, 0]},
        {"codes": [0, 0], "first": {}, "second": {}, "scanned": None, "after": 0},
        {
            "codes": [0, 0],
            "first": {service: {"x": 5} for service in capstone.FOUR},
            "second": {service: {"x": 5} for service in capstone.FOUR},
            "scanned": None,
            "after": 0,
        },
        {"codes": [0, 0], "first": 1, "second": 1, "scanned": None, "after": 0},
        {
            "codes": [0, 0],
            "first": {service: {} for service in capstone.FOUR},
            "second": {service: {} for service in capstone.FOUR},
            "scanned": "noon",
            "after": 0,
        },
    ],
)
def test_an_answer_that_was_written_by_hand(value):
    world = World()
    world.answer = value
    failed(world.judge()["second-run"], "Something else was recorded.")


def test_scanned_after_the_push():
    world = World()
    world.scanned = LATE
    failed(world.judge()["order"], f"The first push was at {NOW}, the scan at {LATE}.")


def heads(world: World, when: str, **actions: list[str]) -> list[dict[str, Any]]:
    """Runs in which nothing was new to any registry, with the containerd image store: a HEAD in each, no more."""
    return [
        states.line(
            number,
            when=when,
            service=service,
            what="resolve",
            repository=name,
            tag="3.4.0",
            digest=world.digest(service, "3.4.0"),
            detail={"actions": actions[service]} if service in actions else {},
        )
        for number, (service, name) in enumerate(NAMES.items(), 10)
    ]


def test_pushes_without_news_are_heads():
    world = World()
    world.lines = heads(world, NOW, dockerhub=["pull", "push"], acr=["pull", "push"])
    all_judged = world.judge()
    assert (all_judged["second-run"].status, all_judged["order"].status) == ("passed", "passed")
    world.scanned = LATE
    failed(world.judge()["order"], f"The first push was at {NOW}, the scan at {LATE}.")


def test_a_look_is_no_push():
    world = World()
    world.scanned = LATE
    world.lines = [*heads(world, NOW, dockerhub=["pull"]), *heads(world, LATE, acr=["pull", "push"])]
    assert world.judge()["order"].status == "passed"
    world.lines = heads(world, NOW, dockerhub=["pull"])
    failed(world.judge()["order"], "The journal has no push of the release in that run.")


def test_the_order_cannot_be_told():
    world = World()
    world.scanned = None
    failed(world.judge()["order"], "The first run left no new report.json.")
    world = World()
    world.after = 9
    failed(world.judge()["order"], "The journal has no push of the release in that run.")


# -- parameters ---


def test_everybody_has_repositories_of_their_own():
    drawn = [capstone.parameters(SeededRandom(seed(b"key", "course", "12-multi-registry", f"s{n}"))) for n in range(50)]
    assert len({one["repository"] for one in drawn}) == 50
    assert {one["pin"] for one in drawn} == set(PINS)
    for one in drawn:
        assert one["version"] != one["previous"] and one["new_build"] not in one["old_builds"]
        assert 6 <= len(one["project"]) <= 30
