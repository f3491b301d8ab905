"""Lab 12, the capstone: one digest in four registries, gated, promoted, and old builds gone by policy."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

from autograder.checks.api import Failure, check, expecting, require_answer
from autograder.checks.capstone.data import FLEET, TERMS, asked, fleet, fleet_digest
from autograder.checks.capstone.data import names as names
from autograder.checks.capstone.data import parameters as parameters
from autograder.checks.shared.compared import images, in_words, require_all
from autograder.checks.shared.images import SERVICES, image, listed
from autograder.checks.shared.pointers import LEFT_BEHIND, difference, images_of
from autograder.checks.shared.scanned import scanned
from autograder.domain import retention
from autograder.domain.advisories import gate
from autograder.domain.retention import artifact_registry, boundaries, ecr, ecr_validate, gar_validate
from autograder.evidence import emulator_state
from autograder.evidence.model import Evidence, Repository

FOUR = ("dockerhub", "ecr", "artifact-registry", "acr")
CLEANED = ("ecr", "artifact-registry", "acr")  # Docker Hub has no policy that deletes
REPORT = "report.json"
VERSION_LABEL, REVISION_LABEL = "org.opencontainers.image.version", "org.opencontainers.image.revision"
OWNER_LABEL = "course.owner"
EDGES_AT = datetime(2026, 11, 2, 8, tzinfo=UTC)  # ages are what counts; any moment does


@check(
    "one-digest",
    trust="proved",
    expected="The tag {version} points at one digest in all four registries.",
    why="A digest is computed from the manifest's bytes, so four equal digests are one image, whoever stores it.",
)
def one_digest(e: Evidence) -> None:
    """The release has the same digest in all four registries"""
    everywhere = _digests(e, e.text("version"))
    digests = {service: digest for service, (_, digest) in everywhere.items()}
    if len(set(digests.values())) > 1:
        [(common, times), *_] = Counter(digests.values()).most_common()
        other = next(service for service, digest in digests.items() if digest != common)
        like = next(service for service, digest in digests.items() if digest == common)
        raise Failure(
            f"In {SERVICES[other]} it is {digests[other][:19]}…, in {SERVICES[like]} {common[:19]}….",
            _one_image(everywhere[other], everywhere[like])
            or (
                f"The other three agree: push their image to {SERVICES[other]}, and build no other."
                if times == len(FOUR) - 1
                else "Build once, outside of the loop over the registries, and give that one image four names."
            ),
            table=[("registry", "digest"), *((SERVICES[service], digest) for service, digest in digests.items())],
        )


@check(
    "tags",
    trust="proved",
    needs=["one-digest"],
    why="The version is for people, the commit tag leads back to the source, and both are names of one image.",
)
def tags(e: Evidence) -> None:
    """The release has its two tags and its labels everywhere"""
    version, revision = e.text("version"), e.text("revision")
    commit = f"sha-{revision}"
    for service, (held, digest) in _digests(e, commit).items():
        if digest != held.tags[version]:
            raise Failure(
                f"{commit} points at {digest[:19]}…, {version} at {held.tags[version][:19]}….",
                "Both are tags of the image that you built once. Tag it twice and push both.",
                expected=f"{commit} and {version} point at one image in {SERVICES[service]}.",
            )
    held, built = image(e, "ecr", e.text("repository"), version)
    labels = held.labels(built)
    for key, wanted in {VERSION_LABEL: version, REVISION_LABEL: revision, OWNER_LABEL: e.text("team")}.items():
        if labels.get(key) != wanted:
            raise Failure(
                f"It is {labels[key]}." if key in labels else "The image has no such label.",
                "Labels are given when the image is built. Build again with it; then the image is another one, so its "
                "tags must move in all four.",
                expected=f"The image's label {key} is {wanted}.",
            )


@check(
    "scan-report",
    trust="recomputed",
    needs=["one-digest"],
    expected="Nothing of severity HIGH or CRITICAL that has a fix is in the image.",
    why="The report names the image by a hash, the gate lets it through, and a scan of what was pushed finds the same.",
)
def scan_report(e: Evidence) -> None:
    """What you pushed is what you scanned, and the gate lets it through"""
    version, report = e.text("version"), _report(e)
    held, built = image(e, "ecr", e.text("repository"), version)
    config, known = scanned_image(report)
    if not config and not known:  # perhaps it is no report of Trivy's at all; then that is the fault to name
        _findings(report)
    if not {config, *known} & {built.config.digest, held.tags[version], built.digest}:
        raise Failure(
            f"It is of the image with the id {config[:19]}…." if config else "It names no image.",
            "Scan the very image that you push. A build after the scan makes another image."
            if config
            else "Scan the image, not a folder, and let the scan itself write the report.",
            expected=f"The report is of the image {held.tags[version][:19]}… with the config "
            f"{built.config.digest[:19]}….",
        )
    listed_findings = _findings(report)
    again = scanned(e, "ecr", e.text("repository"), version)
    blocking = [finding for finding in again.findings if finding.counts]
    if blocking:
        worst = blocking[0]
        raise Failure(
            f"{worst.package} {worst.version} has {worst.id}, fixed in {listed(worst.fixed)}.",
            "Correct the pin in ml-model/requirements.txt, build and push again. Your gate should have stopped this "
            "image: does its exit code stop your script?",
        )
    # The day matters for exceptions alone, and none is allowed here.
    decision = gate.decide(listed_findings, gate.Policy(ignore_unfixed=True), date.min)
    if not decision.passed:
        raise Failure(
            f"It lists {listed(finding.id for finding in decision.blocking)}.",
            "The report is older than the repair. Run your script again, so that it scans again.",
            expected="The report passes the gate: nothing HIGH or CRITICAL that has a fix.",
        )
    if again.problems:
        raise Failure(
            f"It does not: {again.problems[0]}.",
            "Install from the wheels with install.py, and leave the package data as it is.",
            expected="The image shows a scanner all its packages.",
        )
    package, _, _ = e.text("pin").partition("==")
    if package.lower() not in again.packages:
        raise Failure(
            f"{package} is not in it.",
            "The service needs the package. Pin a repaired version; ml-model/wheels has one.",
            expected=f"{package} is in the image, in a version without that fault.",
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
    version, previous = e.text("version"), e.text("previous")
    for service, (held, digest) in _digests(e, "prod").items():
        wanted = held.tags[version]
        if digest == wanted:
            continue
        with expecting(f"prod points at {wanted[:19]}… in {SERVICES[service]}, as {version} does."):
            if digest == held.tags.get(previous):
                raise Failure(
                    f"prod still points at {previous}.",
                    "Promote in all four registries, each by the digest that was pushed.",
                )
            what, next_step = difference(held, digest, wanted) or (
                f"{digest[:19]}…",
                "Put the digest of the release under prod, without a build.",
            )
            raise Failure(f"It points at {what}.", next_step)
    for service, name in names(e.parameters).items():
        held, before = image(e, service, name, previous)
        if held.labels(before).get(VERSION_LABEL) != previous:
            raise Failure(
                f"The tag points at {held.tags[previous][:19]}…, which is another image.",
                "A version does not move. Reset the lab to have the old release back.",
                expected=f"{previous} is in {SERVICES[service]} what it was this morning.",
            )


@check(
    "policies",
    trust="recomputed",
    why="The policies were held against images that you never saw, just inside and just outside of every pattern, age "
    "and count that the task or a policy names: development builds go by age, and nothing else goes.",
)
def policies(e: Evidence) -> None:
    """ECR and Artifact Registry clean up by themselves, and take the right images"""
    for service, dialect in (("ecr", "ecr"), ("artifact-registry", "gar")):
        place, policy = SERVICES[service], _policy(e, service)
        with expecting(f"A policy in {place} that removes dev- builds older than 30 days, and nothing else."):
            if not policy:
                raise Failure(
                    "There is none that acts.",
                    "Set one on the repository. In Artifact Registry a policy in a dry run only writes a log: set it "
                    "with --no-dry-run.",
                )
            now = datetime.fromisoformat(str(e.settings(service)["now"]))
            try:
                outcome = retention.preview(dialect, json.dumps(policy), list(fleet(now)), now)
            except retention.InvalidPolicy as error:
                raise Failure(f"The policy is not valid: {error}.", "Correct and set it again.") from None
            by_digest = {result.digest: result.action for result in outcome.results}
            for number, (what, held, days, goes) in enumerate(FLEET):
                gone = by_digest[fleet_digest(number)] == retention.Action.EXPIRE
                if gone != goes:
                    raise Failure(
                        f"In {place} {what} ({', '.join([*held, f'{days} days'])}) would {'go' if gone else 'stay'}.",
                        "Look at the tags that the rule is for, and at its age. The preview shows it before anything "
                        "is deleted.",
                    )
            _require_at_the_edges(dialect, json.dumps(policy), place)


@check(
    "cleaned",
    trust="recomputed",
    why="Nobody picked these images by hand: each registry's own mechanism found them by tag and age.",
)
def cleaned(e: Evidence) -> None:
    """The old development builds are gone, and today's is there"""
    new = e.text("new_build")
    for service in CLEANED:
        name, place = names(e.parameters)[service], SERVICES[service]
        there = {
            tag for held in emulator_state.images(service, e.settings(service)).get(name, {}).values() for tag in held
        }
        with expecting(f"{place[0].upper()}{place[1:]} keeps {new} and has none of the older dev- builds."):
            left = [tag for tag in e.texts("old_builds") if tag in there]
            if left:
                raise Failure(
                    f"{listed(left)} {'is' if len(left) == 1 else 'are'} still there.",
                    "An acr purge runs when it is told to, with an age and a filter."
                    if service == "acr"
                    else "The policy is set and then runs overnight: let the clock go on by a day.",
                )
            if new not in there:
                raise Failure(
                    f"{new} is not there."
                    if there
                    else "There is no image at all: the state of this morning was not made.",
                    "Run shop.py for the state of this morning. If your clean-up took the build, reset the lab and "
                    "give the clean-up an age.",
                )


@check(
    "second-run",
    trust="claimed",
    expected="Both runs end well, and after the second everything is as after the first. With a shut gate nothing is "
    "pushed.",
    why="A script that may be run again without harm is one that you can run after it broke in the middle. And when "
    "the gate says no, it stops before a registry has seen the image.",
)
def second_run(e: Evidence) -> None:
    """Running the script a second time changes nothing, and a shut gate stops it"""
    runs = _runs(e)
    if runs["codes"] != [0, 0]:
        raise Failure(
            f"The runs ended with the exit codes {str(runs['codes'])[:40]}.",
            "Read the output of the run that failed: its last command is the one that stopped it.",
        )
    for place in (*FOUR, "policies"):
        first, second = runs["first"].get(place), runs["second"].get(place)
        if first != second or not first:
            raise Failure(
                f"After the second run {SERVICES.get(place, 'the policies')} "
                f"{'are' if place == 'policies' else 'is'} not as after the first."
                if first != second
                else f"Nothing was found in {SERVICES.get(place, 'the policies')} after the runs.",
                "Set the same policies in every run: no rule that names a day or a tag of this run, none that is added "
                "to those that are there, and none that only the first run sets."
                if place == "policies"
                else "A second build gives a second image unless it comes from the cache, and even then another digest "
                "if your builder adds attestations. Ask whether the release is in the registry already, and use it if "
                "it is.",
            )
    if "shut" in runs:  # earlier kits recorded no such run
        _require_stopped(runs["shut"])
    version = e.text("version")
    for service, name in names(e.parameters).items():
        held = e.repository(service, name)
        now = held.tags.get(version) if held else None
        if version not in (runs["second"][service].get(now) or ()):
            raise Failure(
                "It is another image now, or gone.",
                "Something was pushed after the runs. Run run_twice() again.",
                expected=f"{version} in {SERVICES[service]} is what the recorded runs left.",
            )
        if not _touched(e, runs["after"], service, name, now):
            raise Failure(
                f"In these runs the release was neither pushed to {SERVICES[service]} nor asked for there.",
                "Let release.py do the whole release. What is made by hand beside it, no second run repeats.",
            )


@check(
    "order",
    trust="claimed",
    needs=["second-run"],
    expected="In the recorded first run, the scan of the image comes before each push of it.",
    why="An image that is scanned after the push can be pulled before anyone knows what is in it.",
)
def order(e: Evidence) -> None:
    """The scan came before the first push"""
    runs = _runs(e)
    held = e.repository("ecr", e.text("repository"))
    digest = held.tags.get(e.text("version"), "") if held else ""
    if runs["scanned"] is None:
        raise Failure(
            "The first run left no new report.json.", "Let the script write the report, then run run_twice() again."
        )
    pushes: list[tuple[int, str]] = []
    for line in e.journal:
        number, when = line.get("number"), line.get("when")
        if _is_push(line) and line.get("digest") == digest and isinstance(number, int):
            pushes.append((number, str(when)))
    after = [when for number, when in pushes if number > runs["after"]]
    if not after:
        raise Failure(
            "The journal has no push of the release in that run.",
            "Let the script push each time; what is there already is not sent again. Then run_twice().",
        )
    if min(map(datetime.fromisoformat, after)) < datetime.fromisoformat(runs["scanned"]):
        raise Failure(
            f"The first push was at {min(after)}, the scan at {runs['scanned']}.",
            "Move scan and gate in front of the first docker push.",
        )


# -- what the rules ask ----------------------------------------------------------------------------------------------


def state(e: Evidence) -> dict[str, Any]:
    """What a run may not change any more: tags by digest in each registry, and the policies."""
    tags_by_digest: dict[str, Any] = {}
    for service, name in names(e.parameters).items():
        held = emulator_state.images(service, e.settings(service)).get(name, {})
        tags_by_digest[service] = {digest: sorted(tags) for digest, tags in sorted(held.items())}
    return tags_by_digest | {"policies": {service: _policy(e, service) for service in ("ecr", "artifact-registry")}}


def pushed_since(e: Evidence, after: int) -> list[list[str]]:
    """Service and tag (or digest) of each push to the lab's repositories after a line of the journal."""
    return [
        [str(line["service"]), str(line.get("tag") or line.get("digest"))]
        for line in e.journal
        if isinstance(number := line.get("number"), int)
        and number > after
        and _is_push(line)
        and names(e.parameters).get(str(line.get("service"))) == line.get("repository")
    ]


def _policy(e: Evidence, service: str) -> Any:
    """The retention policy of the repository; None without one, or where a dry run only writes a log."""
    if service == "ecr":
        return e.settings(service).get("repositories", {}).get(e.text("repository"), {}).get("lifecyclePolicy")
    wanted = f"{e.text('project')}/models"
    for held in e.settings(service).get("settings", ()):
        if held["name"] == wanted and not held["cleanupPolicyDryRun"]:
            return held["cleanupPolicies"] or None
    return None


def _require_at_the_edges(dialect: str, policy: str, place: str) -> None:
    """Hold a valid policy against images just inside and outside of what it or the task names.

    Raises:
        Failure: it does something else than the task asks for.
        NotGraded: it names too much for all of them.
    """
    tried, evaluate = _tried(dialect, policy)
    for case in tried.cases:
        for position, result in enumerate(evaluate(images(case, EDGES_AT)).results):
            wanted, goes = asked(case[position]), result.action != retention.Action.KEEP
            if wanted is not None and goes != wanted:
                image_text = in_words(case, position)
                raise Failure(
                    f"In {place} {image_text}, would {'go' if goes else 'stay'}: {result.why.partition(';')[0][:200]}.",
                    "Compare it with the task: builds begin with dev-, go after 30 days, and nothing else goes. Which "
                    "entry of your policy says something else?",
                )
    require_all(tried)


def _tried(dialect: str, policy: str) -> tuple[boundaries.Cases, Callable[[Sequence[retention.Image]], Any]]:
    """The cases for a policy, and what it does with the images of one."""
    if dialect == "ecr":
        rules = ecr_validate.parse(policy)
        tried = boundaries.cases(TERMS, boundaries.of_ecr(rules))
        return tried, lambda held: ecr.evaluate(rules, held, EDGES_AT)
    cleanup = gar_validate.parse(policy)
    tried = boundaries.cases(TERMS, boundaries.of_gar(cleanup), package="ml-model")
    return tried, lambda held: artifact_registry.evaluate(cleanup, held, EDGES_AT)


def _digests(e: Evidence, tag: str) -> dict[str, tuple[Repository, str]]:
    """The tag's digest in each of the four.

    Raises:
        Failure: it is missing somewhere, or not readable.
    """
    digests = {}
    for service, name in names(e.parameters).items():
        held, _ = image(e, service, name, tag)
        digests[service] = held, held.tags[tag]
    return digests


def _one_image(this: tuple[Repository, str], other: tuple[Repository, str]) -> str:
    """What to do about two digests of one image, of which at least one is an index's; "" for two images."""
    if images_of(*this).isdisjoint(images_of(*other)):
        return ""
    return (
        f"It is one image: what differs is the attestation. {LEFT_BEHIND} And each build makes a new one, even from "
        "the cache. Push to all four what one build gave, before you remove or pull anything; or set "
        "BUILDX_NO_DEFAULT_ATTESTATIONS=1 for the build, and there is none."
    )


def _report(e: Evidence) -> dict[str, Any]:
    """The report that the student's script wrote.

    Raises:
        Failure: there is none that can be read.
    """
    file = e.files.get(REPORT)
    if file is None or file.text is None:
        raise Failure(
            "There is no such file." if file is None else "It is no text, or far too large.",
            f"Let your script scan with --format json and --output {REPORT}.",
            expected=f"Trivy's report as {REPORT} in the lab's folder, in JSON.",
            not_begun=file is None,
        )
    try:
        return gate.report(file.text)
    except gate.GateInput as error:
        raise _unreadable(error) from None


def _findings(report: Mapping[str, Any]) -> tuple[gate.Found, ...]:
    """What a report lists.

    Raises:
        Failure: the gate cannot read it.
    """
    try:
        return gate.findings(report)
    except gate.GateInput as error:
        raise _unreadable(error) from None


def _unreadable(error: gate.GateInput) -> Failure:
    """The failure of a report that the gate cannot read."""
    return Failure(
        f"It cannot: {error}.",
        "Scan the image, not a folder, with --scanners vuln and --format json.",
        expected=f"A report of Trivy in {REPORT} that the gate can read.",
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
        str(name).rpartition("@")[2] for name in (known if isinstance(known, list) else ())
    }


def _runs(e: Evidence) -> dict[str, Any]:
    """The two recorded runs.

    Raises:
        Failure: they are not recorded, or not in the form that run_twice() gives them.
    """
    with expecting("Two runs of release.py, recorded by run_twice()."):
        if "runs" not in e.answers:
            raise Failure("None are recorded.", "Run the cell with run_twice().")
        value = require_answer(e, "runs", "Two runs of release.py, recorded by run_twice()")
        if not isinstance(value, dict) or not _whole(value):
            raise Failure(
                "Something else was recorded.", "Run the cell with run_twice() again; it records what the check needs."
            )
        return value


def _require_stopped(shut: Mapping[str, Any]) -> None:
    """In the run with a shut gate the script asked it, and pushed nothing.

    Raises:
        Failure: it did otherwise.
    """
    pushed, asked = [f"{tag} to {SERVICES[service]}" for service, tag in shut["pushed"]], shut["asked"]
    with expecting("With a shut gate release.py asks it (`python3 course.py gate`), hears no, and pushes nothing."):
        if pushed:
            raise Failure(
                f"The gate said no, and it pushed {listed(pushed, 2)} all the same."
                if asked
                else f"It never asked the gate, and pushed {listed(pushed, 2)}.",
                "Ask the gate before the first push, and stop when its exit code is not 0: shop.course does that by "
                "itself, without may_fail. A gate of your own, or what the gate printed, does not count.",
            )
        if not asked:
            code = f" It ended with the exit code {shut['code']}." if shut["code"] else ""
            raise Failure(
                f"It did not ask the gate, and pushed nothing.{code}",
                "Ask the gate about report.json each time. A script that leaves alone what is there already has to be "
                "seen without it: `python3 course.py reset 12-multi-registry`, then shop.py, then run_twice().",
            )


def _listing(value: Any) -> bool:
    """Whether a value tells the tags of digests."""
    return isinstance(value, dict) and all(isinstance(tags, list) for tags in value.values())


def _whole(value: Mapping[str, Any]) -> bool:
    """Whether an answer has the form that the notebook records."""
    if not {"codes", "first", "second", "scanned", "after"} <= value.keys() or not isinstance(value["after"], int):
        return False
    if "shut" in value and not _whole_shut(value["shut"]):
        return False
    after = [value["first"], value["second"]]
    if not all(isinstance(run, dict) and all(_listing(run.get(name)) for name in FOUR) for run in after):
        return False
    try:
        return value["scanned"] is None or datetime.fromisoformat(value["scanned"]).tzinfo is not None
    except (TypeError, ValueError):
        return False


def _whole_shut(value: Any) -> bool:
    """Whether what is recorded of the run with a shut gate has the form that the notebook gives it."""
    return (
        isinstance(value, dict)
        and isinstance(value.get("code"), int)
        and isinstance(value.get("asked"), int)
        and isinstance(value.get("pushed"), list)
        and all(
            isinstance(one, list) and len(one) == 2 and one[0] in FOUR and isinstance(one[1], str)
            for one in value["pushed"]
        )
    )


def _touched(e: Evidence, after: int, service: str, name: str, digest: str | None) -> bool:
    """Whether an image was pushed, pulled or asked for since a line of the journal, also when that does not reach back.

    With the containerd image store, a push of what is there already and a pull of what is here are a HEAD alone. What
    was refused, deleted or expired was neither.
    """
    numbers = [number for line in e.journal if isinstance(number := line.get("number"), int)]
    return min(numbers, default=0) > after + 1 or any(
        (line.get("service"), line.get("repository"), line.get("digest")) == (service, name, digest)
        and line.get("what") in ("push", "pull", "resolve")
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
