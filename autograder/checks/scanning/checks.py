"""Lab 09, scanning: count and rank what is found, repair it, gate, accept one finding, keep the list, compare."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from autograder.checks.api import Failure, NotGraded, check, require_answer, require_cases
from autograder.checks.first_push.data import BIRDS
from autograder.checks.scanning.cases import visible
from autograder.checks.shared.images import image, listed
from autograder.checks.shared.pointers import images_of
from autograder.checks.shared.scanned import Finding, Scanned, scanned
from autograder.checks.shared.seeded_random import SeededRandom
from autograder.domain import advisories
from autograder.domain.advisories import gate as gates
from autograder.domain.advisories.wheels import choices
from autograder.evidence.model import Case, Evidence, Repository
from autograder.oci.manifests import ImageIndex

SERVICE, ACCEPTED = "registry", "accepted.txt"
ORDER = ("CRITICAL", "HIGH", "MEDIUM", "LOW")
LONGEST = 90  # days that an exception may last
HEAVY = ("pygments",)  # its wheels have a megabyte each, and both images travel


def parameters(draw: SeededRandom) -> dict[str, Any]:
    """A team, two releases, and three old pins: two with a finding of HIGH or CRITICAL, one that has to stay."""
    team = f"{draw.choice('bird', BIRDS)}-{draw.hex('team', 4)}"
    major, minor = draw.integer("major", 1, 5), draw.integer("minor", 0, 9)
    planted = draw.sample("planted", [one for one in choices() if one.planted and one.package not in HEAVY], 2)
    kept = draw.choice("kept", [one for one in choices() if not one.planted])
    return {
        "team": team,
        "repository": f"{team}/ml-model",
        "before": f"{major}.{minor}.0",
        "after": f"{major}.{minor}.1",
        "pins": [one.vulnerable.pin for one in draw.shuffle("pins", [*planted, kept])],
        "kept": kept.vulnerable.pin,
    }


def visible_cases(values: Mapping[str, Any]) -> dict[str, list[Case]]:
    """The visible cases of the code task."""
    return {"gate": visible()}


def _text(e: Evidence, name: str) -> str:
    return str(e.parameters[name])


def _pins(e: Evidence) -> dict[str, str]:
    """Package -> the old version of it."""
    found: Any = e.parameters["pins"]
    return dict(str(pin).split("==") for pin in found)


def _before(e: Evidence) -> tuple[Finding, ...]:
    """The findings of the image as it was found, by the rescan.

    Raises:
        Failure: it is not there, or does not have the three old versions.
    """
    tag = _text(e, "before")
    again = scanned(e, SERVICE, _text(e, "repository"), tag)
    for package, version in _pins(e).items():
        if again.packages.get(package) != version:
            raise Failure(
                expected=f"The image {tag} with {package} {version}, as me.pins says.",
                found=f"It has {package} {again.packages[package]}."
                if package in again.packages
                else f"It has no {package}.",
                next_step="Write me.pins into ml-model/requirements.txt, build, and push under me.before again. "
                "The repaired image goes under me.after.",
            )
    _require_plain(again, tag)
    return tuple(one for one in again.findings if one.package in _pins(e))


def _require_plain(again: Scanned, tag: str) -> None:
    if again.problems:
        raise Failure(
            expected=f"The image {tag} shows a scanner all its packages.",
            found=f"It does not: {again.problems[0]}.",
            next_step="Build it from the lab's Dockerfile, and leave the package data as it is.",
        )


# -- count and rank --------------------------------------------------------------------------------------------------


@check(
    "counted",
    trust="recomputed",
    why="The same image and the same database give the same findings, for you, for your neighbour and for the grader.",
)
def counted(e: Evidence) -> None:
    """You know how many findings your three packages have, by severity"""
    right = Counter(one.severity for one in _before(e))
    given = require_answer(e, "counts", "The findings of your three packages, counted by severity")
    expected = "A dict with CRITICAL, HIGH, MEDIUM and LOW, and how many findings each has in your three packages."
    given = given if isinstance(given, dict) else {}
    numbers = {name: value for name, value in given.items() if isinstance(value, int) and not isinstance(value, bool)}
    if not numbers or len(numbers) < len(given):
        raise Failure(
            expected=expected, found="It is no dict of numbers.", next_step="Record a dict, as the cell does."
        )
    strange = sorted(set(numbers) - {*ORDER, "UNKNOWN"})
    if strange:
        raise Failure(
            expected=expected,
            found=f"It has {listed(strange)[:100]}, which is no severity.",
            next_step="Write the severities as Trivy does, in capitals.",
        )
    wrong = [severity for severity in ORDER if numbers.get(severity, 0) != right[severity]]
    if wrong:
        total = sum(numbers.values()) > right.total()
        raise Failure(
            expected=expected,
            found=f"The number for {listed(wrong)} is not what a scan of {_text(e, 'before')} finds.",
            next_step="You count more than there is: leave out Debian's packages and what the base brings."
            if total
            else "Count every finding, also several in one package, and all severities: --severity leaves some out.",
        )


@check(
    "ranked",
    trust="recomputed",
    why="A list by severity tells where an hour of work helps most; whoever begins at the top needs no meeting.",
)
def ranked(e: Evidence) -> None:
    """You put the findings into an order, the worst first"""
    right = sorted(_before(e), key=lambda one: (ORDER.index(one.severity), one.package, one.id))
    wanted = [one.id for one in right]
    given = require_answer(e, "ranking", "The ids of those findings, the worst first")
    expected = "A list of ids: by severity, then by package, then by id."
    ids = [str(part).strip() for part in given] if isinstance(given, list) else []
    if not isinstance(given, list) or sorted(ids) != sorted(wanted):
        missing, more = sorted(set(wanted) - set(ids)), sorted(set(ids) - set(wanted))
        next_step = "Take the ids from the report on me.before, each once."
        if more and not missing:
            next_step = "Leave out what is in Debian's packages: the list is about your three."
        elif missing and ids and not more:
            next_step = "Take every severity, and each finding of each of the three packages."
        found = (
            "It is no list." if not isinstance(given, list) else f"It has {len(ids)} ids where there are {len(wanted)}."
        )
        if isinstance(given, list) and (missing or more):
            found = f"Missing: {len(missing)} of {len(wanted)} ids; not asked for: {len(more)}."
        raise Failure(expected=expected, found=found, next_step=next_step)
    if ids != wanted:
        severity = {one.id: one.severity for one in right}
        place = next(n for n, (a, b) in enumerate(zip(ids, wanted, strict=True)) if a != b)
        raise Failure(
            expected=expected,
            found=f"All ids are there, but place {place + 1} has {ids[place]}, which belongs elsewhere.",
            next_step="The severities are in order. Of the same one, the package that is first in the alphabet comes "
            "first, then the lower id."
            if [severity[id] for id in ids] == [one.severity for one in right]
            else "CRITICAL comes before HIGH, MEDIUM and LOW. As texts they sort in another order.",
        )


# -- repair ----------------------------------------------------------------------------------------------------------


@check(
    "fixed",
    trust="recomputed",
    why="Nothing that is HIGH or CRITICAL and has a fix is left, and the layers that you pushed say so, not "
    "a report of yours.",
)
def fixed(e: Evidence) -> None:
    """The repaired image has nothing HIGH or CRITICAL that has a fix"""
    tag, kept = _text(e, "after"), _text(e, "kept")
    again = scanned(e, SERVICE, _text(e, "repository"), tag)
    left = [one for one in again.findings if one.counts]
    if left:
        one = left[0]
        raise Failure(
            expected=f"Nothing of HIGH or CRITICAL that has a fix is in {tag}.",
            found=f"{one.package} {one.version} has {one.id} ({one.severity}), fixed in {listed(one.fixed)}.",
            next_step="Pin a repaired version in ml-model/requirements.txt, build again and push it under me.after.",
        )
    _require_plain(again, tag)
    gone = sorted(set(_pins(e)) - set(again.packages))
    if gone:
        raise Failure(
            expected=f"The three packages are in {tag}, repaired.",
            found=f"{listed(gone)} {'is' if len(gone) == 1 else 'are'} not in it.",
            next_step="The service needs them. Pin a repaired version; ml-model/wheels has one.",
        )
    package, _, version = kept.partition("==")
    if again.packages[package] != version:
        raise Failure(
            expected=f"{package} stays at {version}, as me.kept says.",
            found=f"{tag} has {package} {again.packages[package]}.",
            next_step="Another team relies on that version until its next release. Put me.kept back, and build again.",
        )


@check(
    "gate",
    trust="recomputed",
    why="The gate lets through what it has seen to be good, and nothing else: an empty report is no good report.",
)
def gate(e: Evidence) -> None:
    """Your gate opens for good reports alone"""
    require_cases(e, "gate")


# -- accept, keep, compare -------------------------------------------------------------------------------------------


@check(
    "accepted",
    trust="recomputed",
    needs=["fixed"],
    why="One finding is let through, the reason stands beside it, and the line ends by itself.",
)
def accepted(e: Evidence) -> None:
    """One finding is accepted, with a reason and a date"""
    package, _, version = _text(e, "kept").partition("==")
    allowed = {one.id for one in advisories.affecting(package, version)}
    again = (
        f"One line in {ACCEPTED} for the finding in {package} {version}, with exp: and a date, and a reason above it."
    )
    file = e.files.get(ACCEPTED)
    if file is None or file.text is None:
        raise Failure(
            expected=again,
            found="There is no such file." if file is None else "It is no text, or far too large.",
            next_step=f"Write {ACCEPTED} in the lab's folder, next to the notebook."
            if file is None
            else f"Write {ACCEPTED} anew: one id, as text in UTF-8.",
        )
    try:
        lines = gates.ignores(file.text)
    except gates.GateInput as error:
        raise Failure(
            expected=again,
            found=f"{error}.",
            next_step="Correct that line, then ask `python3 course.py gate` about it.",
        ) from None
    strange = [one.id for one in lines if one.id not in allowed]
    if strange:
        raise Failure(
            expected=again,
            found=f"It accepts {listed(strange)}, {'which is' if len(strange) == 1 else 'which are'} not in {package}.",
            next_step="What can be repaired is repaired, not accepted. Only the finding in me.kept may stand there.",
        )
    if not lines:
        raise Failure(expected=again, found="It accepts nothing.", next_step="Scan me.after to see which id is left.")
    try:
        today = date.fromisoformat(e.collected_at[:10])
    except ValueError:
        raise NotGraded("The day of the evidence cannot be read.") from None
    for one in lines:
        assert one.until is not None  # a line without a date is refused above
        # The evidence has the day in UTC. East of it the student's day may be the next, west of it the one before.
        if not today - timedelta(days=1) <= one.until <= today + timedelta(days=LONGEST + 1):
            raise Failure(
                expected=f"The exception ends within {LONGEST} days.",
                found=f"It ended on {one.until}." if one.until < today else f"It lasts until {one.until}.",
                next_step="Write a date that is near enough for somebody to remember, and not over yet.",
            )


@check(
    "sbom",
    trust="recomputed",
    needs=["fixed"],
    why="Next month's vulnerability is looked up in this list, and the image need not be pulled for it.",
)
def sbom(e: Evidence) -> None:
    """An SBOM beside the repaired image names its packages"""
    tag = _text(e, "after")
    again = scanned(e, SERVICE, _text(e, "repository"), tag)
    expected = f"An SBOM that refers to {again.digest[:19]}…, which is {tag}, and names its packages."
    if not again.sboms:
        old = e.repository(SERVICE, _text(e, "repository"))
        other = old.tags.get(_text(e, "before")) if old else None
        elsewhere = bool(other) and other != again.digest and bool(_sboms_of(e, str(other)))
        raise Failure(
            expected=expected,
            found=f"The only one belongs to {_text(e, 'before')}." if elsewhere else "None refers to it.",
            next_step="Write the SBOM from the repaired image, and attach it to that name. After another push, "
            "attach one again: it belongs to a digest, not to a tag.",
        )
    problem = ""
    for one in again.sboms:
        problem = _wrong(one, {package: again.packages[package] for package in _pins(e)})
        if not problem:
            return
    raise Failure(
        expected=expected,
        found=problem,
        next_step="Write the SBOM anew from the image under me.after, and attach that.",
    )


def _sboms_of(e: Evidence, digest: str) -> Any:
    probe: Any = e.probes.get("rescan")
    return probe.get(f"{SERVICE}/{_text(e, 'repository')}", {}).get(digest, {}).get("sboms")


def _wrong(one: Mapping[str, Any], installed: Mapping[str, str]) -> str:
    """What is wrong with an SBOM; "" when it names what is installed."""
    if "error" in one:
        return f"The SBOM cannot be read: {one['error']}."
    for package, version in installed.items():
        named = one["packages"].get(package, [])
        if list(named) != [version]:
            return f"It names {package} {listed(named)}; the image has {version}." if named else f"It lacks {package}."
    return ""


@check(
    "compared",
    trust="claimed",  # that ECR scanned it, and what it found, is told by the emulator on the student's machine alone
    why="ECR's basic scan reads the system's packages only. What came through pip is not on its list, whatever it has.",
)
def compared(e: Evidence) -> None:
    """You scanned the same image in ECR, and know what that scan does not see"""
    name, tag = _text(e, "repository"), _text(e, "before")
    graded = {one.id for one in _before(e) if one.severity in ORDER[:2]}
    _, mine = image(e, SERVICE, name, tag)
    held, theirs = image(e, "ecr", name, tag)
    if mine.config.digest != theirs.config.digest:
        raise Failure(
            expected=f"The same image under {tag} in both registries.",
            found="ECR has another build.",
            next_step="Do not build again: give the image from before ECR's name, and push that.",
        )
    seen = _basic_scan(e, held, held.tags[tag])
    given = require_answer(e, "missed", "The ids of HIGH and CRITICAL that ECR's basic scan does not list")
    expected = "A list of the HIGH and CRITICAL ids in your three packages that ECR's scan does not list."
    if not isinstance(given, list):
        raise Failure(expected=expected, found="It is no list.", next_step="Record a list of ids.")
    ids, wanted = {str(part).strip() for part in given}, graded - seen
    if ids == wanted:
        return
    found = f"Of {len(wanted)} ids {len(wanted & ids)} {'is' if len(wanted & ids) == 1 else 'are'} there."
    if ids & seen:
        found = f"On ECR's list: {listed(ids & seen)}."
    elif ids - wanted:
        found = f"Not among them: {listed(ids - wanted)[:200]}."
    raise Failure(
        expected=expected,
        found=found,
        next_step="Take the ids of HIGH and CRITICAL from your ranking, without the names that ECR's findings have.",
    )


def _basic_scan(e: Evidence, held: Repository, digest: str) -> set[str]:
    """The ids that ECR's scan of an image found. Of an index, the images in it are scanned, each by its own digest.

    Raises:
        Failure: it was not scanned, or no scan has ended well.
    """
    service = e.services.get("ecr")
    known: Mapping[str, Any] = service.settings.get("repositories", {}) if service else {}  # type: ignore[assignment]
    images, status = images_of(held, digest) | {digest}, ""
    for one in known.get(held.name, {}).get("images", ()):
        scan = one["scan"]
        if one["digest"] in images and scan is not None:
            if scan["status"] == "COMPLETE":
                return {str(found.get("name")) for found in scan["findings"]}
            status = str(scan["status"])
    in_index = ""
    if isinstance(held.parsed(digest), ImageIndex):
        in_index = (
            " The tag points at an index, which lists the image and is none itself. If ECR says that it cannot be "
            "scanned, name the image in it by its own digest: imageDigest instead of imageTag."
        )
    raise Failure(
        expected=f"A scan of {held.name} in ECR that is complete.",
        found=f"The scan of that image is {status}." if status else "That image has none.",
        next_step=("Wait until it is complete." if status else "Start an image scan, and wait until it is complete.")
        + in_index,
    )
