"""Lab 12, the capstone: one digest in four registries, gated, promoted, and old builds gone by policy."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from autograder.checks.api import Failure, check, require_answer
from autograder.checks.capstone.data import FLEET, fleet, fleet_digest
from autograder.checks.capstone.data import names as names
from autograder.checks.capstone.data import parameters as parameters
from autograder.checks.shared.images import SERVICES, image, listed
from autograder.checks.shared.pointers import LEFT_BEHIND, difference, images_of
from autograder.checks.shared.scanned import scanned
from autograder.domain import retention
from autograder.domain.advisories import gate
from autograder.evidence import emulator_state
from autograder.evidence.model import Evidence, Repository

FOUR = ("dockerhub", "ecr", "artifact-registry", "acr")
CLEANED = ("ecr", "artifact-registry", "acr")  # Docker Hub has no policy that deletes
REPORT = "report.json"
VERSION_LABEL, REVISION_LABEL = "org.opencontainers.image.version", "org.opencontainers.image.revision"
OWNER_LABEL = "course.owner"


def state(e: Evidence) -> dict[str, Any]:
    """What a run may not change any more: tags by digest in each registry, and the policies."""
    found: dict[str, Any] = {}
    for service, name in names(e.parameters).items():
        held = emulator_state.images(service, _settings(e, service)).get(name, {})
        found[service] = {digest: sorted(tags) for digest, tags in sorted(held.items())}
    return found | {"policies": {service: _policy(e, service) for service in ("ecr", "artifact-registry")}}


def _settings(e: Evidence, service: str) -> Mapping[str, Any]:
    found = e.services.get(service)
    return found.settings if found else {}


def _policy(e: Evidence, service: str) -> Any:
    """The retention policy of the repository; None without one, or where a dry run only writes a log."""
    if service == "ecr":
        held = _settings(e, service).get("repositories", {}).get(_text(e, "repository"), {})
        return held.get("lifecyclePolicy")
    wanted = f"{_text(e, 'project')}/models"
    for one in _settings(e, service).get("settings", ()):
        if one["name"] == wanted and not one["cleanupPolicyDryRun"]:
            return one["cleanupPolicies"] or None
    return None


def _text(e: Evidence, name: str) -> str:
    return str(e.parameters[name])


def _list(e: Evidence, name: str) -> list[str]:
    found = e.parameters[name]
    return [str(part) for part in found] if isinstance(found, list) else []


def _digests(e: Evidence, tag: str) -> dict[str, tuple[Repository, str]]:
    """The tag's digest in each of the four.

    Raises:
        Failure: it is missing somewhere, or not readable.
    """
    found = {}
    for service, name in names(e.parameters).items():
        held, _ = image(e, service, name, tag)
        found[service] = held, held.tags[tag]
    return found


@check(
    "one-digest",
    trust="proved",
    why="A digest is computed from the manifest's bytes, so four equal digests are one image, whoever stores it.",
)
def one_digest(e: Evidence) -> None:
    """The release has the same digest in all four registries"""
    version = _text(e, "version")
    found = _digests(e, version)
    digests = {service: digest for service, (_, digest) in found.items()}
    if len(set(digests.values())) > 1:
        [(common, times), *_] = Counter(digests.values()).most_common()
        other = next(service for service, digest in digests.items() if digest != common)
        like = next(service for service, digest in digests.items() if digest == common)
        raise Failure(
            expected=f"The tag {version} points at one digest in all four registries.",
            found=f"In {SERVICES[other]} it is {digests[other][:19]}…, in {SERVICES[like]} {common[:19]}….",
            next_step=_one_image(found[other], found[like])
            or (
                f"The other three agree: push their image to {SERVICES[other]}, and build no other."
                if times == len(FOUR) - 1
                else "Build once, outside of the loop over the registries, and give that one image four names."
            ),
            table=[("registry", "digest"), *((SERVICES[one], digest) for one, digest in digests.items())],
        )


def _one_image(one: tuple[Repository, str], other: tuple[Repository, str]) -> str:
    """What to do about two digests of one image, of which at least one is an index's; "" for two images."""
    if images_of(*one).isdisjoint(images_of(*other)):
        return ""
    return (
        f"It is one image: what differs is the attestation. {LEFT_BEHIND} And each build makes a new one, even from "
        "the cache. Push to all four what one build gave, before you remove or pull anything; or set "
        "BUILDX_NO_DEFAULT_ATTESTATIONS=1 for the build, and there is none."
    )


@check(
    "tags",
    trust="proved",
    needs=["one-digest"],
    why="The version is for people, the commit tag leads back to the source, and both are names of one image.",
)
def tags(e: Evidence) -> None:
    """The release has its two tags and its labels everywhere"""
    version, revision = _text(e, "version"), _text(e, "revision")
    commit = f"sha-{revision}"
    found = _digests(e, commit)
    for service, (held, digest) in found.items():
        if digest != held.tags[version]:
            raise Failure(
                expected=f"{commit} and {version} point at one image in {SERVICES[service]}.",
                found=f"{commit} points at {digest[:19]}…, {version} at {held.tags[version][:19]}….",
                next_step="Both are tags of the image that you built once. Tag it twice and push both.",
            )
    held, built = image(e, "ecr", _text(e, "repository"), version)
    labels = held.labels(built)
    for key, wanted in {VERSION_LABEL: version, REVISION_LABEL: revision, OWNER_LABEL: _text(e, "team")}.items():
        if labels.get(key) != wanted:
            raise Failure(
                expected=f"The image's label {key} is {wanted}.",
                found=f"It is {labels[key]}." if key in labels else "The image has no such label.",
                next_step="Labels are given when the image is built. Build again with it; then the image is another "
                "one, so its tags must move in all four.",
            )


def _report(e: Evidence) -> dict[str, Any]:
    file = e.files.get(REPORT)
    if file is None or file.text is None:
        raise Failure(
            expected=f"Trivy's report as {REPORT} in the lab's folder, in JSON.",
            found="There is no such file." if file is None else "It is no text, or far too large.",
            next_step=f"Let your script scan with --format json and --output {REPORT}.",
        )
    try:
        return gate.report(file.text)
    except gate.GateInput as error:
        raise _unreadable(error) from None


def _unreadable(error: gate.GateInput) -> Failure:
    return Failure(
        expected=f"A report of Trivy in {REPORT} that the gate can read.",
        found=f"It cannot: {error}.",
        next_step="Scan the image, not a folder, with --scanners vuln and --format json.",
    )


def scanned_image(report: Mapping[str, Any]) -> tuple[str, set[str]]:
    """What a report is about: the image's id, and the digests it was known by in repositories.

    The id is what the engine calls it: the digest of the config, or with the containerd image store the digest of the
    manifest or index.
    """
    metadata = report.get("Metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    known = metadata.get("RepoDigests")
    return str(metadata.get("ImageID", "")), {
        str(one).rpartition("@")[2] for one in (known if isinstance(known, list) else ())
    }


@check(
    "scan-report",
    trust="recomputed",
    needs=["one-digest"],
    why="The report names the image by a hash, the gate lets it through, and a scan of what was pushed finds the same.",
)
def scan_report(e: Evidence) -> None:
    """What you pushed is what you scanned, and the gate lets it through"""
    version, report = _text(e, "version"), _report(e)
    held, built = image(e, "ecr", _text(e, "repository"), version)
    config, known = scanned_image(report)
    if not {config, *known} & {built.config.digest, held.tags[version], built.digest}:
        raise Failure(
            expected=f"The report is of the image {held.tags[version][:19]}… with the config "
            f"{built.config.digest[:19]}….",
            found=f"It is of the image with the id {config[:19]}…." if config else "It names no image.",
            next_step="Scan the very image that you push. A build after the scan makes another image."
            if config
            else "Scan the image, not a folder, and let the scan itself write the report.",
        )
    try:
        listed_findings = gate.findings(report)
    except gate.GateInput as error:
        raise _unreadable(error) from None
    again = scanned(e, "ecr", _text(e, "repository"), version)
    blocking = [one for one in again.findings if one.counts]
    if blocking:
        one = blocking[0]
        raise Failure(
            expected="Nothing of severity HIGH or CRITICAL that has a fix is in the image.",
            found=f"{one.package} {one.version} has {one.id}, fixed in {listed(one.fixed)}.",
            next_step="Correct the pin in ml-model/requirements.txt, build and push again. Your gate should have "
            "stopped this image: does its exit code stop your script?",
        )
    # The day matters for exceptions alone, and none is allowed here.
    decision = gate.decide(listed_findings, gate.Policy(ignore_unfixed=True), date.min)
    if not decision.passed:
        raise Failure(
            expected="The report passes the gate: nothing HIGH or CRITICAL that has a fix.",
            found=f"It lists {listed(one.id for one in decision.blocking)}.",
            next_step="The report is older than the repair. Run your script again, so that it scans again.",
        )
    if again.problems:
        raise Failure(
            expected="The image shows a scanner all its packages.",
            found=f"It does not: {again.problems[0]}.",
            next_step="Install from the wheels with install.py, and leave the package data as it is.",
        )
    package, _, _ = _text(e, "pin").partition("==")
    if package.lower() not in again.packages:
        raise Failure(
            expected=f"{package} is in the image, in a version without that fault.",
            found=f"{package} is not in it.",
            next_step="The service needs the package. Pin a repaired version; ml-model/wheels has one.",
        )


@check(
    "promoted",
    trust="proved",
    needs=["one-digest"],
    why="No build lies between the test and production, so what runs is the image that was scanned; and the release "
    "before it is still there to go back to.",
)
def promoted(e: Evidence) -> None:
    """Production is the release's digest, and the one before is still there"""
    version, previous = _text(e, "version"), _text(e, "previous")
    for service, (held, digest) in _digests(e, "prod").items():
        wanted = held.tags[version]
        if digest != wanted:
            expected = f"prod points at {wanted[:19]}… in {SERVICES[service]}, as {version} does."
            if digest == held.tags.get(previous):
                raise Failure(
                    expected=expected,
                    found=f"prod still points at {previous}.",
                    next_step="Promote in all four registries, each by the digest that was pushed.",
                )
            what = difference(held, digest, wanted)
            raise Failure(
                expected=expected,
                found=f"It points at {what[0] if what else digest[:19] + '…'}.",
                next_step=what[1] if what else "Put the digest of the release under prod, without a build.",
            )
    for service, name in names(e.parameters).items():
        held, before = image(e, service, name, previous)
        if held.labels(before).get(VERSION_LABEL) != previous:
            raise Failure(
                expected=f"{previous} is in {SERVICES[service]} what it was this morning.",
                found=f"The tag points at {held.tags[previous][:19]}…, which is another image.",
                next_step="A version does not move. Reset the lab to have the old release back.",
            )


@check(
    "policies",
    trust="recomputed",
    why="The policies were held against images that you never saw: development builds go by age, releases stay.",
)
def policies(e: Evidence) -> None:
    """ECR and Artifact Registry clean up by themselves, and take the right images"""
    for service, dialect in (("ecr", "ecr"), ("artifact-registry", "gar")):
        place, found = SERVICES[service], _policy(e, service)
        expected = f"A policy in {place} that removes dev- builds older than 30 days, and nothing else."
        if not found:
            raise Failure(
                expected=expected,
                found="There is none that acts.",
                next_step="Set one on the repository. In Artifact Registry a policy in a dry run only writes a log: "
                "set it with --no-dry-run.",
            )
        now = datetime.fromisoformat(str(_settings(e, service)["now"]))
        try:
            outcome = retention.preview(dialect, json.dumps(found), list(fleet(now)), now)
        except retention.InvalidPolicy as error:
            raise Failure(
                expected=expected, found=f"The policy is not valid: {error}.", next_step="Correct and set it again."
            ) from None
        by_digest = {one.digest: one.action for one in outcome.results}
        for number, (what, held, days, goes) in enumerate(FLEET):
            gone = by_digest[fleet_digest(number)] == retention.Action.EXPIRE
            if gone != goes:
                raise Failure(
                    expected=expected,
                    found=f"In {place} {what} ({', '.join([*held, f'{days} days'])}) would {'go' if gone else 'stay'}.",
                    next_step="Look at the tags that the rule is for, and at its age. The preview shows it before "
                    "anything is deleted.",
                )


@check(
    "cleaned",
    trust="recomputed",
    why="Nobody picked these images by hand: each registry's own mechanism found them by tag and age.",
)
def cleaned(e: Evidence) -> None:
    """The old development builds are gone, and today's is there"""
    for service in CLEANED:
        name, place = names(e.parameters)[service], SERVICES[service]
        there = {
            tag for held in emulator_state.images(service, _settings(e, service)).get(name, {}).values() for tag in held
        }
        expected = f"{place[0].upper()}{place[1:]} keeps {_text(e, 'new_build')} and has none of the older dev- builds."
        left = [tag for tag in _list(e, "old_builds") if tag in there]
        if left:
            raise Failure(
                expected=expected,
                found=f"{listed(left)} {'is' if len(left) == 1 else 'are'} still there.",
                next_step="An acr purge runs when it is told to, with an age and a filter."
                if service == "acr"
                else "The policy is set and then runs overnight: let the clock go on by a day.",
            )
        if _text(e, "new_build") not in there:
            raise Failure(
                expected=expected,
                found=f"{_text(e, 'new_build')} is not there."
                if there
                else "There is no image at all: the state of this morning was not made.",
                next_step="Run shop.py for the state of this morning. If your clean-up took the build, reset the lab "
                "and give the clean-up an age.",
            )


def _runs(e: Evidence) -> dict[str, Any]:
    if "runs" not in e.answers:
        raise Failure(
            expected="Two runs of release.py, recorded by run_twice().",
            found="None are recorded.",
            next_step="Run the cell with run_twice().",
        )
    value = require_answer(e, "runs", "Two runs of release.py, recorded by run_twice()")
    if not isinstance(value, dict) or not _whole(value):
        raise Failure(
            expected="Two runs of release.py, recorded by run_twice().",
            found="Something else was recorded.",
            next_step="Run the cell with run_twice() again; it records what the check needs.",
        )
    return value


def _listing(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(tags, list) for tags in value.values())


def _whole(value: Mapping[str, Any]) -> bool:
    """Whether an answer has the form that the notebook records."""
    if not {"codes", "first", "second", "scanned", "after"} <= value.keys() or not isinstance(value["after"], int):
        return False
    after = [value["first"], value["second"]]
    if not all(isinstance(one, dict) and all(_listing(one.get(name)) for name in FOUR) for one in after):
        return False
    try:
        return value["scanned"] is None or datetime.fromisoformat(value["scanned"]).tzinfo is not None
    except (TypeError, ValueError):
        return False


@check(
    "second-run",
    trust="claimed",
    why="A script that may be run again without harm is one that you can run after it broke in the middle.",
)
def second_run(e: Evidence) -> None:
    """Running the script a second time changes nothing"""
    runs = _runs(e)
    expected = "Both runs end well, and after the second everything is as after the first."
    if runs["codes"] != [0, 0]:
        raise Failure(
            expected=expected,
            found=f"The runs ended with the exit codes {str(runs['codes'])[:40]}.",
            next_step="Read the output of the run that failed: its last command is the one that stopped it.",
        )
    for place in (*FOUR, "policies"):
        one, two = runs["first"].get(place), runs["second"].get(place)
        if one != two or not one:
            raise Failure(
                expected=expected,
                found=f"After the second run {SERVICES.get(place, 'the policies')} "
                f"{'are' if place == 'policies' else 'is'} not as after the first."
                if one != two
                else f"Nothing was found in {SERVICES.get(place, 'the policies')} after the runs.",
                next_step="A second build gives a second image unless it comes from the cache, and even then another "
                "digest if your builder adds attestations. Ask whether the release is in the registry already, and use "
                "it if it is.",
            )
    version = _text(e, "version")
    for service, name in names(e.parameters).items():
        held = e.repository(service, name)
        now = held.tags.get(version) if held else None
        if version not in (runs["second"][service].get(now) or ()):
            raise Failure(
                expected=f"{version} in {SERVICES[service]} is what the recorded runs left.",
                found="It is another image now, or gone.",
                next_step="Something was pushed after the runs. Run run_twice() again.",
            )
        if not _touched(e, runs["after"], service, name, now):
            raise Failure(
                expected=expected,
                found=f"In these runs the release was neither pushed to {SERVICES[service]} nor asked for there.",
                next_step="Let release.py do the whole release. What is made by hand beside it, no second run repeats.",
            )


def _touched(e: Evidence, after: int, service: str, name: str, digest: str | None) -> bool:
    """Whether an image was pushed, pulled or asked for since a line of the journal, also when that does not reach back.

    With the containerd image store, a push of what is there already and a pull of what is here are a HEAD alone.
    """
    numbers = [number for line in e.journal if isinstance(number := line.get("number"), int)]
    return min(numbers, default=0) > after + 1 or any(
        (line.get("service"), line.get("repository"), line.get("digest")) == (service, name, digest)
        and isinstance(number := line.get("number"), int)
        and number > after
        for line in e.journal
    )


def _is_push(line: Mapping[str, Any]) -> bool:
    """Whether a line of the journal is of a push: the manifest was sent, or a HEAD with a push's token found it there.

    ECR has no such tokens: a HEAD there may have been anything.
    """
    detail = line.get("detail")
    asked = detail.get("actions") if isinstance(detail, dict) else None
    return line.get("what") == "push" or (
        line.get("what") == "resolve" and isinstance(asked, list | tuple) and "push" in asked
    )


@check(
    "order",
    trust="claimed",
    needs=["second-run"],
    why="An image that is scanned after the push can be pulled before anyone knows what is in it.",
)
def order(e: Evidence) -> None:
    """The scan came before the first push"""
    runs = _runs(e)
    expected = "In the recorded first run, the scan of the image comes before each push of it."
    held = e.repository("ecr", _text(e, "repository"))
    digest = held.tags.get(_text(e, "version"), "") if held else ""
    if runs["scanned"] is None:
        raise Failure(
            expected=expected,
            found="The first run left no new report.json.",
            next_step="Let the script write the report, then run run_twice() again.",
        )
    pushes: list[tuple[int, str]] = []
    for line in e.journal:
        number, when = line.get("number"), line.get("when")
        if _is_push(line) and line.get("digest") == digest and isinstance(number, int):
            pushes.append((number, str(when)))
    after = [when for number, when in pushes if number > runs["after"]]
    if not after:
        raise Failure(
            expected=expected,
            found="The journal has no push of the release in that run.",
            next_step="Let the script push each time; what is there already is not sent again. Then run_twice().",
        )
    if min(map(datetime.fromisoformat, after)) < datetime.fromisoformat(runs["scanned"]):
        raise Failure(
            expected=expected,
            found=f"The first push was at {min(after)}, the scan at {runs['scanned']}.",
            next_step="Move scan and gate in front of the first docker push.",
        )
