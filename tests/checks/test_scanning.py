"""Lab 09's checks: right in several ways, and each way to be wrong with the message it must get."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from autograder.checks.api import Verdict
from autograder.checks.scanning import checks as scanning
from autograder.checks.shared.seeded_random import SeededRandom, seed
from autograder.domain import advisories
from autograder.evidence.model import File
from autograder.labs import manifest
from autograder.oci import manifests
from tests.evidence import emulator_states as states

from .pushed import Layer, Registry
from .solved import evidence, failed, run, source_of, verdicts

LAB = manifest.find("09-scanning")
NAME = "heron-1a2b/ml-model"
P: dict[str, Any] = {
    "team": "heron-1a2b",
    "repository": NAME,
    "before": "2.4.0",
    "after": "2.4.1",
    "pins": ["urllib3==1.26.4", "idna==3.6", "joblib==1.1.0"],
    "kept": "idna==3.6",
}
OLD = {"urllib3": "1.26.4", "idna": "3.6", "joblib": "1.1.0"}
NEW = {"urllib3": "2.8.0", "idna": "3.6", "joblib": "1.5.2"}
RANKING = [
    "CVE-2022-21797",
    "CVE-2021-33503",
    "CVE-2024-3651",
    "CVE-2023-43804",
    "CVE-2023-45803",
    "CVE-2024-37891",
]
# The evidence of these tests is of 2026-01-01.
LINE = "# idna stays until the other team's release.\nCVE-2024-3651 exp:2026-03-01\n"
ZLIB = {"name": "CVE-2023-45853", "severity": "CRITICAL"}


def row(packages: dict[str, str]) -> dict[str, Any]:
    """What a rescan says of an image with these packages, by the course's advisories."""
    found = [
        {
            "id": one.id,
            "package": name,
            "version": version,
            "severity": one.severity.value,
            "fixed": list(one.fixed),
        }
        for name, version in packages.items()
        for one in advisories.affecting(name, version)
    ]
    return {"images": [{"packages": packages, "findings": found, "problems": []}], "sboms": []}


class World:
    """What a student left: two images, the rescan of them, an ignore file, an image in ECR with its scan, answers."""

    def __init__(self, form: Any = "docker20") -> None:
        self.registry, self.ecr = Registry(form), Registry(form)
        for registry in (self.registry, self.ecr):
            registry.push(NAME, "2.4.0", [Layer("old", 100)], {})
        self.registry.push(NAME, "2.4.1", [Layer("new", 100)], {})
        self.before, self.after = row(dict(OLD)), row(dict(NEW))
        self.after["sboms"] = [self.sbom(NEW)]
        self.accepted: str | File | None = LINE
        self.scan: dict[str, Any] | None = {"status": "COMPLETE", "findings": [ZLIB]}
        self.inside: dict[str, dict[str, Any] | None] = {}  # scans of what the index in ECR lists
        self.answers: dict[str, Any] = {
            "counts": {"CRITICAL": 1, "HIGH": 1, "MEDIUM": 4, "LOW": 0},
            "ranking": RANKING,
            "missed": RANKING[:2],
        }

    @staticmethod
    def sbom(packages: dict[str, str]) -> dict[str, Any]:
        named = {name: [version] for name, version in packages.items()} | {"pip": ["24.0"]}
        return {"digest": "sha256:" + "5" * 64, "subject": "", "kind": "cyclonedx", "packages": named}

    def judge(self, probes: dict[str, Any] | None = None) -> dict[str, Verdict]:
        mine = self.registry.service(NAME, layers="above-base")
        service = self.ecr.service(NAME)
        held = service.repositories[NAME].model_copy(update={"service": "ecr"})
        images = [states.ecr_image("2.4.0", digest=held.tags["2.4.0"], scan=self.scan)] if "2.4.0" in held.tags else []
        images += [states.ecr_image(digest=digest, scan=scan) for digest, scan in self.inside.items()]
        settings = states.state("ecr")
        settings["repositories"] = {NAME: states.ecr_repository(NAME, *images)}
        theirs = service.model_copy(update={"repositories": {NAME: held}, "settings": settings})
        tags = self.registry.tags[NAME]
        rows = {tags[tag]: found for tag, found in (("2.4.0", self.before), ("2.4.1", self.after)) if tag in tags}
        made = evidence(
            LAB,
            P,
            services={"registry": mine, "ecr": theirs},
            answers=self.answers,
            runs={"gate": SOLVED},
            probes={"rescan": {f"registry/{NAME}": rows}} if probes is None else probes,
        )
        file = self.accepted
        if isinstance(file, str):
            file = File(size=len(file), sha256="0" * 64, text=file)
        files = {"accepted.txt": file} if file is not None else {}
        return verdicts(LAB, made.model_copy(update={"files": files}))


# -- gates -----------------------------------------------------------------------------------------------------------


def by_regular_expression(report, accepted, today):  # type: ignore[no-untyped-def]
    """Right, in other words."""
    import json
    import re

    lines = re.findall(r"(?m)^[ \t]*([^#\s]+)[ \t]+exp:(\d{4}-\d\d-\d\d)[ \t]*(?:#.*)?$", accepted)
    until = dict(sorted(lines, key=lambda line: line[1]))
    levels = ["UNKNOWN", "LOW", "MEDIUM", "HIGH", "CRITICAL"]
    blocking, packages = set(), 0
    try:
        document = json.loads(report)
        assert document["SchemaVersion"] == 2 and type(document["Results"]) is list
        for result in document["Results"]:
            if result.get("Class") in ("os-pkgs", "lang-pkgs"):
                packages += 1
                listed = result.get("Vulnerabilities")
                assert listed is None or type(listed) is list
                for one in listed or []:
                    id = one["VulnerabilityID"]
                    assert type(id) is str
                    if levels.index(one["Severity"]) > 2 and one.get("FixedVersion") and until.get(id, "") < today:
                        blocking.add(id)
        assert packages
    except (AssertionError, AttributeError, KeyError, TypeError, ValueError):
        return [2, []]
    return [1 if blocking else 0, sorted(blocking)]


def always_shut(report, accepted, today):  # type: ignore[no-untyped-def]
    """A constant."""
    return [1, []]


def always_unsure(report, accepted, today):  # type: ignore[no-untyped-def]
    """The other constant."""
    return [2, []]


def words_only(report, accepted, today):  # type: ignore[no-untyped-def]
    """Looks for words in the text, so that it opens for what is broken."""
    return [1, []] if "CRITICAL" in report or "HIGH" in report else [0, []]


def trusting(report, accepted, today):  # type: ignore[no-untyped-def]
    """Takes any word for a date, and anything empty for a list without findings."""
    import json

    lines = [line.partition("#")[0] for line in accepted.splitlines()]
    until = dict(line.split(" exp:") for line in lines if " exp:" in line)
    levels = ["UNKNOWN", "LOW", "MEDIUM", "HIGH", "CRITICAL"]
    try:
        document = json.loads(report)
        assert document["SchemaVersion"] == 2 and type(document["Results"]) is list
        results = [one for one in document["Results"] if one.get("Class") in ("os-pkgs", "lang-pkgs")]
        found = [one for result in results for one in result.get("Vulnerabilities") or []]
        graded = [(levels.index(one["Severity"]), one["VulnerabilityID"] + "", one) for one in found]
        assert results
    except (AssertionError, AttributeError, KeyError, TypeError, ValueError):
        return [2, []]
    ids = {id for level, id, one in graded if level > 2 and one.get("FixedVersion")}
    blocking = sorted(id for id in ids if until.get(id, "").strip() < today)
    return [1 if blocking else 0, blocking]


SOLVED = run(LAB, "gate", source_of(by_regular_expression, "gate"), P)


def of_gate(function: Any) -> Verdict:
    runs = {"gate": run(LAB, "gate", source_of(function, "gate"), P)}
    return verdicts(LAB, evidence(LAB, P, runs=runs))["gate"]


def test_another_gate_is_right_too():
    assert of_gate(by_regular_expression).status == "passed"


@pytest.mark.parametrize("function", [always_shut, always_unsure, words_only])
def test_no_guess_passes_the_gate(function):
    verdict = of_gate(function)
    assert verdict.status == "failed" and "Wrong for hidden inputs of this kind" in verdict.found


def test_a_gate_that_opens_for_what_is_broken_is_told_so():
    assert "blanks alone" in of_gate(words_only).found


def test_a_gate_that_takes_words_for_a_date_is_told_so():
    found = of_gate(trusting).found
    assert "a finding list that is an empty object" in found and "an exception with a word for a date" in found


# -- right -----------------------------------------------------------------------------------------------------------


def all_pass(world: World) -> None:
    judged = world.judge()
    assert {id: verdict.found for id, verdict in judged.items() if verdict.status != "passed"} == {}
    assert set(judged) == set(LAB.declared_checks())


@pytest.mark.parametrize("form", ["docker20", "docker29"])
def test_everything_is_right_whichever_engine_pushed(form):
    all_pass(World(form))


def test_the_first_fixed_versions_are_right_too():
    world = World()
    packages = {"urllib3": "1.26.5", "idna": "3.6", "joblib": "1.2.0"}
    world.after = row(packages)
    world.after["sboms"] = [{"error": "not JSON", "kind": "cyclonedx"}, world.sbom(packages)]
    all_pass(world)


def test_other_words_for_the_same_are_right_too():
    world = World()
    world.accepted = "\n# Owner: platform.\n\n# Names are constants.\nCVE-2024-3651   exp:2026-04-01  # other team\n"
    world.answers["counts"] = {"CRITICAL": 1, "HIGH": 1, "MEDIUM": 4}
    world.answers["missed"] = [f" {id} " for id in RANKING[1::-1]]
    all_pass(world)


def test_a_file_that_begins_with_a_byte_order_mark_is_read():
    world = World()
    world.accepted = "\ufeff" + LINE
    all_pass(world)


def test_parameters_are_personal_and_solvable():
    drawn = [LAB.drawn(seed(b"k" * 16, "student", f"s{n}", LAB.slug)) for n in range(40)]
    assert len({tuple(sorted(one["pins"])) for one in drawn}) > 20
    for one in drawn:
        assert one["kept"] in one["pins"] and len(one["pins"]) == 3
        rated = {pin: {a.severity.value for a in advisories.affecting(*pin.split("=="))} for pin in one["pins"]}
        assert not rated[one["kept"]] & {"HIGH", "CRITICAL"} and rated[one["kept"]]
        assert all(rated[pin] & {"HIGH", "CRITICAL"} for pin in one["pins"] if pin != one["kept"])
    assert scanning.parameters(SeededRandom("a")) == scanning.parameters(SeededRandom("a"))


# -- wrong -----------------------------------------------------------------------------------------------------------


def test_a_report_with_debian_s_packages_counted_in():
    world = World()
    world.answers["counts"] = {"CRITICAL": 2, "HIGH": 1, "MEDIUM": 4, "LOW": 9}
    verdict = world.judge()["counted"]
    failed(verdict, "The number for CRITICAL and LOW is not what a scan of 2.4.0 finds.")
    assert "Debian" in verdict.next_step


def test_findings_left_out():
    world = World()
    world.answers["counts"] = {"CRITICAL": 1, "HIGH": 1, "MEDIUM": 0, "LOW": 0}
    verdict = world.judge()["counted"]
    failed(verdict, "The number for MEDIUM is not what a scan of 2.4.0 finds.")
    assert "--severity" in verdict.next_step


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ([1, 1, 4, 0], "It is no dict of numbers."),
        ({"HIGH": True}, "It is no dict of numbers."),
        ({"high": 1}, "It has high, which is no severity."),
    ],
)
def test_counts_in_another_form(given, found):
    world = World()
    world.answers["counts"] = given
    failed(world.judge()["counted"], found)


@pytest.mark.parametrize(
    ("given", "found", "next_step"),
    [
        (RANKING[::-1], "All ids are there, but place 1 has CVE-2024-37891, which belongs elsewhere.", "As texts"),
        (
            [*RANKING[:2], *RANKING[:1:-1]],
            "All ids are there, but place 3 has CVE-2024-37891, which belongs elsewhere.",
            "alphabet",
        ),
        (RANKING[:2], "Missing: 4 of 6 ids; not asked for: 0.", "every severity"),
        ([*RANKING, ZLIB["name"]], "Missing: 0 of 6 ids; not asked for: 1.", "Debian"),
        ([*RANKING[:5], ZLIB["name"]], "Missing: 1 of 6 ids; not asked for: 1.", "report on me.before"),
        ([*RANKING, RANKING[0]], "It has 7 ids where there are 6.", "each once"),
        ("CVE-2022-21797", "It is no list.", "report on me.before"),
    ],
)
def test_rankings_that_are_wrong(given, found, next_step):
    world = World()
    world.answers["ranking"] = given
    failed(world.judge()["ranked"], found)
    assert next_step in world.judge()["ranked"].next_step


def test_the_repaired_image_under_the_old_tag():
    world = World()
    world.before = row(dict(NEW))
    failed(world.judge()["counted"], "It has urllib3 2.8.0.")


def test_one_package_left_as_it_was():
    world = World()
    world.after = row(NEW | {"joblib": "1.1.0"})
    verdict = world.judge()
    failed(verdict["fixed"], "joblib 1.1.0 has CVE-2022-21797 (CRITICAL), fixed in 1.2.0.")
    assert verdict["sbom"].blocked_by == "fixed" and verdict["accepted"].blocked_by == "fixed"


def test_a_layer_that_did_not_come_along():
    world = World()
    world.after = {"error": "the layer sha256:abc is missing"}
    failed(world.judge()["fixed"], "It cannot: the layer sha256:abc is missing.")


def test_packages_hidden_or_removed():
    world = World()
    world.after["images"][0]["problems"] = ["/app/x is code of joblib 1.1.0"]
    failed(world.judge()["fixed"], "It does not: /app/x is code of joblib 1.1.0.")
    world.after = row({name: version for name, version in NEW.items() if name != "joblib"})
    failed(world.judge()["fixed"], "joblib is not in it.")


def test_the_package_that_stays_was_moved():
    world = World()
    world.after = row(NEW | {"idna": "3.20"})
    failed(world.judge()["fixed"], "2.4.1 has idna 3.20.")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (None, "There is no such file."),
        ("", "It accepts nothing."),
        ("# why\nCVE-2024-3651\n", "line 2 of the ignore file: CVE-2024-3651 has no expiry date (exp:YYYY-MM-DD)."),
        (
            "CVE-2024-3651 exp:2026-03-01\n",
            "line 1 of the ignore file: CVE-2024-3651 has no reason in a comment above it.",
        ),
        (
            "CVE-2024-3651 exp:2026-03-01 # other team\n",
            "line 1 of the ignore file: CVE-2024-3651 has no reason in a comment above it, and what stands behind it "
            "on the line is not asked for.",
        ),
        (
            "CVE-2024-3651 exp:2026-03-01\n# other team\n",
            "line 1 of the ignore file: CVE-2024-3651 has no reason in a comment above it.",
        ),
        (LINE + "# also\nCVE-2022-21797 exp:2026-03-01\n", "It accepts CVE-2022-21797, which is not in idna."),
        (LINE.replace("2026-03", "2027-03"), "It lasts until 2027-03-01."),
        (LINE.replace("2026-03-01", "2026-04-03"), "It lasts until 2026-04-03."),
        (LINE.replace("2026-03-01", "2025-12-30"), "It ended on 2025-12-30."),
    ],
)
def test_exceptions_that_are_wrong(text, found):
    world = World()
    world.accepted = text
    verdict = world.judge()["accepted"]
    failed(verdict, found)
    assert bool(verdict.not_begun) is (text is None)


@pytest.mark.parametrize("day", ["2025-12-31", "2026-04-02"])
def test_the_day_of_a_student_in_another_time_zone_counts(day):
    world = World()
    world.accepted = LINE.replace("2026-03-01", day)
    all_pass(world)


def test_an_exception_file_that_is_no_text():
    world = World()
    world.accepted = File(size=9, sha256="0" * 64)
    verdict = world.judge()["accepted"]
    failed(verdict, "It is no text, or far too large.")
    assert "UTF-8" in verdict.next_step


def test_sboms_that_are_wrong():
    world = World()
    world.after["sboms"] = []
    failed(world.judge()["sbom"], "None refers to it.")
    world.before["sboms"] = [world.sbom(OLD)]
    failed(world.judge()["sbom"], "The only one belongs to 2.4.0.")
    world.after["sboms"] = [world.sbom(OLD)]
    failed(world.judge()["sbom"], "It names urllib3 1.26.4; the image has 2.8.0.")
    less = copy.deepcopy(world.sbom(NEW))
    del less["packages"]["joblib"]
    world.after["sboms"] = [less]
    failed(world.judge()["sbom"], "It lacks joblib.")


def test_an_sbom_of_another_digest_is_named():
    world = World()
    world.after["sboms"] = []
    gone = "sha256:" + "7" * 64
    subject = {"mediaType": manifests.OCI_MANIFEST, "digest": gone, "size": 7}
    document = world.registry.parsed(NAME, "2.4.1") | {"subject": subject, "mediaType": manifests.OCI_MANIFEST}
    world.registry._keep(NAME, manifests.OCI_MANIFEST, document)
    failed(world.judge()["sbom"], f"The one that is there refers to {gone[:19]}…, which has no tag (any more).")
    document["subject"]["digest"] = world.registry.tags[NAME]["2.4.0"]
    world = World()
    world.after["sboms"] = []
    world.registry._keep(NAME, manifests.OCI_MANIFEST, document)
    assert "which is 2.4.0." in world.judge()["sbom"].found


def test_of_an_index_ecr_scans_the_image_in_it():
    world = World("docker29")
    image, note = (each["digest"] for each in json.loads(world.ecr.text(NAME, "2.4.0"))["manifests"])
    world.inside, world.scan = {image: world.scan, note: None}, None
    assert world.judge()["compared"].status == "passed"
    world.inside = {image: None, note: {"status": "COMPLETE", "findings": []}}
    verdict = world.judge()["compared"]
    failed(verdict, "That image has none.")
    assert "imageDigest instead of imageTag" in verdict.next_step
    world.scan = {"status": "FAILED", "findings": []}  # the index itself, which is no image
    failed(world.judge()["compared"], "The scan of that image is FAILED.")


def test_ecr_has_another_build_or_no_scan():
    world = World()
    world.scan = None
    failed(world.judge()["compared"], "That image has none.")
    world.scan = {"status": "IN_PROGRESS", "findings": []}
    failed(world.judge()["compared"], "The scan of that image is IN_PROGRESS.")
    world.ecr.push(NAME, "2.4.0", [Layer("again", 100)], {})
    failed(world.judge()["compared"], "ECR has another build.")


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (RANKING[:1], "Of 2 ids 1 is there."),
        ([*RANKING[:2], ZLIB["name"]], "On ECR's list: CVE-2023-45853."),
        (RANKING[:3], "Not among them: CVE-2024-3651."),
        ({}, "It is no list."),
    ],
)
def test_comparisons_that_are_wrong(given, found):
    world = World()
    world.answers["missed"] = given
    failed(world.judge()["compared"], found)


def test_a_scanner_that_failed_costs_no_points():
    judged = World().judge(probes={"rescan": {"fault": "no engine"}})
    assert {judged[id].status for id in ("counted", "ranked", "fixed", "compared", "sbom")} == {"not_graded"}
