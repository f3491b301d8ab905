"""Lab 09, scanning: count and rank what is found, repair it, gate, accept one finding, keep the list, compare."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from autograder.checks.api import Failure, check, expecting, require_answer, require_cases
from autograder.checks.first_push.data import BIRDS
from autograder.checks.scanning.cases import visible
from autograder.checks.shared.images import image, listed
from autograder.checks.shared.pointers import images_of
from autograder.checks.shared.scanned import Finding, Scanned, scanned
from autograder.checks.shared.seeded_random import SeededRandom
from autograder.domain import advisories, instants
from autograder.domain.advisories import gate as gates
from autograder.domain.advisories.wheels import choices
from autograder.evidence.model import Case, Evidence, Repository
from autograder.oci.manifests import ImageIndex, ImageManifest

SERVICE, ACCEPTED = "registry", "accepted.txt"
ORDER = ("CRITICAL", "HIGH", "MEDIUM", "LOW")
LONGEST = 90  # days that an exception may last
HEAVY = ("pygments",)  # its wheels have a megabyte each, and both images travel


def parameters(draw: SeededRandom) -> dict[str, Any]:
    """A team, two releases, and three old pins: two with a finding of HIGH or CRITICAL, one that has to stay."""
    team = f"{draw.choice('bird', BIRDS)}-{draw.hex('team', 4)}"
    major, minor = draw.integer("major", 1, 5), draw.integer("minor", 0, 9)
    planted = draw.sample(
        "planted", [choice for choice in choices() if choice.planted and choice.package not in HEAVY], 2
    )
    kept = draw.choice("kept", [choice for choice in choices() if not choice.planted])
    return {
        "team": team,
        "repository": f"{team}/ml-model",
        "before": f"{major}.{minor}.0",
        "after": f"{major}.{minor}.1",
        "pins": [choice.vulnerable.pin for choice in draw.shuffle("pins", [*planted, kept])],
        "kept": kept.vulnerable.pin,
    }


def visible_cases(values: Mapping[str, Any]) -> dict[str, list[Case]]:
    """The visible cases of the code task."""
    return {"gate": visible()}


@check(
    "counted",
    trust="recomputed",
    expected="A dict with CRITICAL, HIGH, MEDIUM and LOW, and how many findings each has in your three packages.",
    why="The same image and the same database give the same findings, for you, for your neighbour and for the grader.",
)
def counted(e: Evidence) -> None:
    """You know how many findings your three packages have, by severity"""
    right = Counter(finding.severity for finding in _before(e))
    given = require_answer(e, "counts", "The findings of your three packages, counted by severity")
    given = given if isinstance(given, dict) else {}
    numbers = {name: value for name, value in given.items() if isinstance(value, int) and not isinstance(value, bool)}
    if not numbers or len(numbers) < len(given):
        raise Failure("It is no dict of numbers.", "Record a dict, as the cell does.")
    strange = sorted(set(numbers) - {*ORDER, "UNKNOWN"})
    if strange:
        raise Failure(
            f"It has {listed(strange)[:100]}, which is no severity.", "Write the severities as Trivy does, in capitals."
        )
    wrong = [severity for severity in ORDER if numbers.get(severity, 0) != right[severity]]
    if wrong:
        total = sum(numbers.values()) > right.total()
        raise Failure(
            f"The number for {listed(wrong)} is not what a scan of {e.text('before')} finds.",
            "You count more than there is: leave out Debian's packages and what the base brings."
            if total
            else "Count every finding, also several in one package, and all severities: --severity leaves some out.",
        )


@check(
    "ranked",
    trust="recomputed",
    expected="A list of ids: by severity, then by package, then by id.",
    why="A list by severity tells where an hour of work helps most; whoever begins at the top needs no meeting.",
)
def ranked(e: Evidence) -> None:
    """You put the findings into an order, the worst first"""
    right = sorted(_before(e), key=lambda finding: (ORDER.index(finding.severity), finding.package, finding.id))
    wanted = [finding.id for finding in right]
    given = require_answer(e, "ranking", "The ids of those findings, the worst first")
    ids = [str(part).strip() for part in given] if isinstance(given, list) else []
    if not isinstance(given, list) or sorted(ids) != sorted(wanted):
        missing, more = sorted(set(wanted) - set(ids)), sorted(set(ids) - set(wanted))
        next_step = "Take the ids from the report on me.before, each once."
        if more and not missing:
            next_step = "Leave out what is in Debian's packages: the list is about your three."
        elif missing and ids and not more:
            next_step = "Take every severity, and each finding of each of the three packages."
        what = f"It has {len(ids)} ids where there are {len(wanted)}."
        if not isinstance(given, list):
            what = "It is no list."
        elif missing or more:
            what = f"Missing: {len(missing)} of {len(wanted)} ids; not asked for: {len(more)}."
        raise Failure(what, next_step)
    if ids != wanted:
        severity = {finding.id: finding.severity for finding in right}
        place = next(n for n, (a, b) in enumerate(zip(ids, wanted, strict=True)) if a != b)
        raise Failure(
            f"All ids are there, but place {place + 1} has {ids[place]}, which belongs elsewhere.",
            "The severities are in order. Of the same one, the package that is first in the alphabet comes first, "
            "then the lower id."
            if [severity[id] for id in ids] == [finding.severity for finding in right]
            else "CRITICAL comes before HIGH, MEDIUM and LOW. As texts they sort in another order.",
        )


@check(
    "fixed",
    trust="recomputed",
    expected="Nothing of HIGH or CRITICAL that has a fix is in {after}.",
    why="Nothing that is HIGH or CRITICAL and has a fix is left, and the layers that you pushed say so, not "
    "a report of yours.",
)
def fixed(e: Evidence) -> None:
    """The repaired image has nothing HIGH or CRITICAL that has a fix"""
    tag, kept = e.text("after"), e.text("kept")
    again = scanned(e, SERVICE, e.text("repository"), tag)
    left = [finding for finding in again.findings if finding.counts]
    if left:
        worst = left[0]
        raise Failure(
            f"{worst.package} {worst.version} has {worst.id} ({worst.severity}), fixed in {listed(worst.fixed)}.",
            "Pin a repaired version in ml-model/requirements.txt, build again and push it under me.after.",
        )
    _require_plain(again, tag)
    gone = sorted(set(_pins(e)) - set(again.packages))
    if gone:
        raise Failure(
            f"{listed(gone)} {'is' if len(gone) == 1 else 'are'} not in it.",
            "The service needs them. Pin a repaired version; ml-model/wheels has one.",
            expected=f"The three packages are in {tag}, repaired.",
        )
    package, _, version = kept.partition("==")
    if again.packages[package] != version:
        raise Failure(
            f"{tag} has {package} {again.packages[package]}.",
            "Another team relies on that version until its next release. Put me.kept back, and build again.",
            expected=f"{package} stays at {version}, as me.kept says.",
        )


@check(
    "gate",
    trust="recomputed",
    why="The gate lets through what it has seen to be good, and nothing else: an empty report is no good report.",
)
def gate(e: Evidence) -> None:
    """Your gate opens for good reports alone"""
    require_cases(e, "gate")


@check(
    "accepted",
    trust="recomputed",
    needs=["fixed"],
    expected="One line in accepted.txt for the finding in {kept}, with exp: and a date, and a reason above it.",
    why="One finding is let through, the reason stands beside it, and the line ends by itself.",
)
def accepted(e: Evidence) -> None:
    """One finding is accepted, with a reason and a date"""
    package, _, version = e.text("kept").partition("==")
    allowed = {line.id for line in advisories.affecting(package, version)}
    file = e.files.get(ACCEPTED)
    if file is None or file.text is None:
        raise Failure(
            "There is no such file." if file is None else "It is no text, or far too large.",
            f"Write {ACCEPTED} in the lab's folder, next to the notebook."
            if file is None
            else f"Write {ACCEPTED} anew: one id, as text in UTF-8.",
            not_begun=file is None,
        )
    try:
        lines = gates.ignores(file.text)
    except gates.GateInput as error:
        raise Failure(f"{error}.", "Correct that line, then ask `python3 course.py gate` about it.") from None
    strange = [line.id for line in lines if line.id not in allowed]
    if strange:
        raise Failure(
            f"It accepts {listed(strange)}, {'which is' if len(strange) == 1 else 'which are'} not in {package}.",
            "What can be repaired is repaired, not accepted. Only the finding in me.kept may stand there.",
        )
    if not lines:
        raise Failure("It accepts nothing.", "Scan me.after to see which id is left.")
    collected = instants.read(e.collected_at)
    if collected is None:
        raise Failure(
            f"The submission says that it was written at {e.collected_at[:60]}, which is no time.",
            "Set the clock of your machine, then run `python3 course.py submit` again.",
        )
    today = collected.date()
    for line in lines:
        assert line.until is not None  # a line without a date is refused above
        # The evidence has the day in UTC. East of it the student's day may be the next, west of it the one before.
        if not today - timedelta(days=1) <= line.until <= today + timedelta(days=LONGEST + 1):
            raise Failure(
                f"It ended on {line.until}." if line.until < today else f"It lasts until {line.until}.",
                "Write a date that is near enough for somebody to remember, and not over yet.",
                expected=f"The exception ends within {LONGEST} days.",
            )


@check(
    "sbom",
    trust="recomputed",
    needs=["fixed"],
    why="Next month's vulnerability is looked up in this list, and the image need not be pulled for it.",
)
def sbom(e: Evidence) -> None:
    """An SBOM beside the repaired image names its packages"""
    tag = e.text("after")
    again = scanned(e, SERVICE, e.text("repository"), tag)
    with expecting(f"An SBOM that refers to {again.digest[:19]}…, which is {tag}, and names its packages."):
        if not again.sboms:
            old = e.repository(SERVICE, e.text("repository"))
            other = old.tags.get(e.text("before")) if old else None
            elsewhere = bool(other) and other != again.digest and bool(_sboms_of(e, str(other)))
            raise Failure(
                f"The only one belongs to {e.text('before')}."
                if elsewhere
                else _refers_elsewhere(e, again.digest) or "None refers to it.",
                "Write the SBOM from the repaired image, and attach it to that name. After another push, attach one "
                "again: it belongs to a digest, not to a tag.",
            )
        installed = {package: again.packages[package] for package in _pins(e)}
        problems = [_wrong(statement, installed) for statement in again.sboms]
        if all(problems):
            raise Failure(problems[-1], "Write the SBOM anew from the image under me.after, and attach that.")


@check(
    "compared",
    trust="claimed",  # that ECR scanned it, and what it found, is told by the emulator on the student's machine alone
    expected="A list of the HIGH and CRITICAL ids in your three packages that ECR's scan does not list.",
    why="ECR's basic scan reads the system's packages only. What came through pip is not on its list, whatever it has.",
)
def compared(e: Evidence) -> None:
    """You scanned the same image in ECR, and know what that scan does not see"""
    name, tag = e.text("repository"), e.text("before")
    graded = {finding.id for finding in _before(e) if finding.severity in ORDER[:2]}
    _, mine = image(e, SERVICE, name, tag)
    held, theirs = image(e, "ecr", name, tag)
    if mine.config.digest != theirs.config.digest:
        raise Failure(
            "ECR has another build.",
            "Do not build again: give the image from before ECR's name, and push that.",
            expected=f"The same image under {tag} in both registries.",
        )
    seen = _basic_scan(e, held, held.tags[tag])
    given = require_answer(e, "missed", "The ids of HIGH and CRITICAL that ECR's basic scan does not list")
    if not isinstance(given, list):
        raise Failure("It is no list.", "Record a list of ids.")
    ids, wanted = {str(part).strip() for part in given}, graded - seen
    if ids == wanted:
        return
    what = f"Of {len(wanted)} ids {len(wanted & ids)} {'is' if len(wanted & ids) == 1 else 'are'} there."
    if ids & seen:
        what = f"On ECR's list: {listed(ids & seen)}."
    elif ids - wanted:
        what = f"Not among them: {listed(ids - wanted)[:200]}."
    raise Failure(
        what, "Take the ids of HIGH and CRITICAL from your ranking, without the names that ECR's findings have."
    )


# -- what the rules ask ----------------------------------------------------------------------------------------------


def _pins(e: Evidence) -> dict[str, str]:
    """Package -> the old version of it."""
    return dict(pin.split("==") for pin in e.texts("pins"))


def _before(e: Evidence) -> tuple[Finding, ...]:
    """The findings of the image as it was found, by the rescan.

    Raises:
        Failure: it is not there, or does not have the three old versions.
    """
    tag = e.text("before")
    again = scanned(e, SERVICE, e.text("repository"), tag)
    for package, version in _pins(e).items():
        if again.packages.get(package) != version:
            raise Failure(
                f"It has {package} {again.packages[package]}."
                if package in again.packages
                else f"It has no {package}.",
                "Write me.pins into ml-model/requirements.txt, build, and push under me.before again. "
                "The repaired image goes under me.after.",
                expected=f"The image {tag} with {package} {version}, as me.pins says.",
            )
    _require_plain(again, tag)
    return tuple(finding for finding in again.findings if finding.package in _pins(e))


def _require_plain(again: Scanned, tag: str) -> None:
    if again.problems:
        raise Failure(
            f"It does not: {again.problems[0]}.",
            "Build it from the lab's Dockerfile, and leave the package data as it is.",
            expected=f"The image {tag} shows a scanner all its packages.",
        )


def _sboms_of(e: Evidence, digest: str) -> Any:
    probe: Any = e.probes.get("rescan")
    return probe.get(f"{SERVICE}/{e.text('repository')}", {}).get(digest, {}).get("sboms")


def _refers_elsewhere(e: Evidence, digest: str) -> str:
    """What an SBOM refers to that is not the image, in a sentence; "" where there is none."""
    held = e.repository(SERVICE, e.text("repository"))
    if held is None:
        return ""
    for stored in held.manifests:
        note = held.parsed(stored)
        if isinstance(note, ImageManifest) and note.subject is not None and note.subject.digest != digest:
            about = note.subject.digest
            tags = [tag for tag, pointed in held.tags.items() if pointed == about]
            which = f"is {tags[0]}" if tags else "has no tag (any more)"
            return f"The one that is there refers to {about[:19]}…, which {which}."
    return ""


def _wrong(statement: Mapping[str, Any], installed: Mapping[str, str]) -> str:
    """What is wrong with an SBOM; "" when it names what is installed."""
    if "error" in statement:
        return f"The SBOM cannot be read: {statement['error']}."
    for package, version in installed.items():
        named = statement["packages"].get(package, [])
        if list(named) != [version]:
            return f"It names {package} {listed(named)}; the image has {version}." if named else f"It lacks {package}."
    return ""


def _basic_scan(e: Evidence, held: Repository, digest: str) -> set[str]:
    """The ids that ECR's scan of an image found. Of an index, the images in it are scanned, each by its own digest.

    Raises:
        Failure: it was not scanned, or no scan has ended well.
    """
    known = e.settings("ecr").get("repositories", {}).get(held.name, {})
    images, status = images_of(held, digest) | {digest}, ""
    for told in known.get("images", ()):
        scan = told["scan"]
        if told["digest"] in images and scan is not None:
            if scan["status"] == "COMPLETE":
                return {str(finding.get("name")) for finding in scan["findings"]}
            status = str(scan["status"])
    in_index = ""
    if isinstance(held.parsed(digest), ImageIndex):
        in_index = (
            " The tag points at an index, which lists the image and is none itself. If ECR says that it cannot be "
            "scanned, name the image in it by its own digest: imageDigest instead of imageTag."
        )
    raise Failure(
        f"The scan of that image is {status}." if status else "That image has none.",
        ("Wait until it is complete." if status else "Start an image scan, and wait until it is complete.") + in_index,
        expected=f"A scan of {held.name} in ECR that is complete.",
    )
