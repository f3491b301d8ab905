"""What lab 10's checks of both files share: a file that can be read, what a run lacks, a gate that holds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from autograder.checks.api import Failure, NeedsReview, require_probe
from autograder.checks.ci_cd.data import Event
from autograder.evidence.model import Evidence
from autograder.pipelines.job_state import Finding, Image, NotDecided, Record, canonical, repository
from autograder.pipelines.shell import is_known

PROBE: Final = "pipelines"
WORKFLOW: Final = "github-build.yml"
PIPELINE: Final = "gitlab-ci.yml"
SHOWN_ROWS: Final = 8  # of a table


def facts_of(e: Evidence, name: str) -> Mapping[str, Any]:
    """What the probe says of a file that can be read.

    Raises:
        Failure: it is not there, or it cannot be read.
        NotGraded: the probe did not run.
    """
    facts: Mapping[str, Any] | None = require_probe(e, PROBE, "The files were not looked at.").get(name)
    if facts is None:
        raise Failure(
            "There is no such file.",
            "Run the first cell of the notebook again: it writes the inherited file where none is.",
            expected=f"The file {name} beside your notebook.",
            not_begun=True,
        )
    if "problem" in facts:
        raise Failure(
            facts["problem"],
            "Repair that place, save the file, and check again. Blanks at the beginning of a line decide "
            "what belongs to what; tabs are not allowed there.",
            expected=f"{name} as one valid YAML document.",
        )
    return facts


def require_schema(facts: Mapping[str, Any], name: str, whose: str) -> None:
    """The file is what its schema allows.

    Raises:
        Failure: it is not; a table names the places.
    """
    errors = facts["schema"]
    if errors:
        raise Failure(
            f"{len(errors)} place{'s' if len(errors) != 1 else ''} that {whose} schema does not allow.",
            "Look at the first place in the table. A key that is not known there is often misspelled, or "
            "stands one level too deep or too high.",
            expected=f"{name} as {whose} schema describes it.",
            table=[
                ("place", "what the schema says"),
                *((error["path"] or "top", error["message"]) for error in errors[:SHOWN_ROWS]),
            ],
        )


def readable(e: Evidence, name: str) -> Mapping[str, Any]:
    """The data of a file that its schema allows, for the checks that go through it."""
    facts = facts_of(e, name)
    if facts["schema"]:
        first = "workflow-valid" if name == WORKFLOW else "pipeline-valid"
        raise Failure(
            "The file is not valid by its schema yet.",
            f'Repair what check("{first}") says first.',
            expected=f"{name} in a form that can be followed.",
        )
    data: Mapping[str, Any] = facts["data"]
    return data


def refused(name: str, why: object) -> Failure | NeedsReview:
    """What a check says of a file that cannot be followed; a person looks where that is no fault of the file."""
    if isinstance(why, NotDecided):
        return NeedsReview(f"{name}: {why}. Whoever grades looks at it; it costs no points.")
    return Failure(
        f"It cannot: {str(why)[:400]}.",
        "Write that place more plainly, then check again.",
        expected=f"{name} in a form that can be followed from the file alone.",
    )


def require_no_issue(record: Record, event: Event) -> None:
    """Every step could run.

    Raises:
        Failure: the first that could not, with a next step for its kind.
    """
    if not record.issues:
        return
    issue = record.issues[0]
    raise Failure(
        sentence(issue.text),
        ADVICE[issue.kind],
        expected=f"Every step that runs for {event.words} has what it needs."
        if event.shown
        else "Every step that runs has what it needs, whatever starts the run.",
        table=[("what is missing", "where"), *((other.kind, other.text) for other in record.issues[:SHOWN_ROWS])]
        if len(record.issues) > 1
        else (),
    )


ADVICE: Mapping[str, str] = {
    "engine": "Give that job a daemon, or use a command that needs none (a copy inside the registry, for instance).",
    "tls": "Let client and daemon find the certificates: a folder under DOCKER_TLS_CERTDIR, stated once under "
    "variables, and neither another port nor an option that switches TLS off.",
    "login": "A login lasts for one job. Log in to that registry in the same job, before the push, with a password "
    "that comes through an input or a pipe.",
    "image": "Build it in this job, or load it from an archive that the job before handed on, under the same name.",
    "file": "Hand the archive on: the job that writes it keeps it as an artifact, and this job fetches it.",
    "builder": "Set Buildx up in the same job before the first build.",
    "checkout": "Check the repository out in the same job, before the build.",
    "permissions": "State the permissions that the job needs, under the job, and no more.",
    "script": "Read what the shell said. A command that is not found is not on this runner or in this image: install "
    "it in the same job, use an action or an image that brings it, or run it in a container.",
    "shell": 'Give the image as a mapping with a name and entrypoint: [""], so that GitLab can start a shell in it.',
}


Runs = Callable[[Finding], tuple[Record, bool]]
SEVERITIES: Final = (("HIGH", "os"), ("CRITICAL", "library"))
MAX_LINES: Final = 14  # of a run, in a table
MAX_IMAGES: Final = 4  # of one run, that are given a finding


def require_clear(record: Record, event: Event) -> None:
    """Everything in a run is in a table of ours.

    Raises:
        NeedsReview: something is not, and a person has to look.
    """
    if record.unclear:
        about = event.words if event.shown else "another event"
        named = "; ".join(record.unclear[:SHOWN_ROWS])
        raise NeedsReview(f"For {about}: {named}. Whoever grades looks at it; it costs no points.")


def require_gate(good: Record, runs: Runs, event: Event, image: str, commit: str) -> None:
    """What is pushed has been scanned: a HIGH or CRITICAL finding in it stops the push and ends the run.

    The run is made again for each image that is pushed (where none is, for each that is built) with a finding in it.

    Args:
        good: what happens where scanners find nothing.
        runs: makes the run with a finding: what happens, and whether it fails.
        event: what starts it.
        image: the name whose pushes count, without a tag; nothing for all.
        commit: the name that an earlier run gave to this commit's image: a copy of that was scanned there.

    Raises:
        Failure: it is pushed all the same, or the run does not fail; or it is nothing that this run has built.
    """
    counted = [push for push in good.pushes if not image or repository(push.name) == repository(image)]
    built = {one.id: one for _, one in good.builds}
    for push in counted:
        known = push.image.origin in (canonical(push.name), canonical(commit)) or any(map(push.image.holds, built))
        if not known:
            what = f"a copy of {push.image.origin}" if push.image.origin else push.image.words
            raise Failure(
                f"{sentence(push.where)} pushes {push.name}, {what}, which this run has not built.",
                "Push what was built and scanned in the same run.",
                expected=f"For {event.words}, what is pushed is what the gate has scanned.",
            )
    pushed = {id: one for id, one in built.items() if any(push.image.holds(id) for push in counted)}
    bad = [
        (one, severity, *runs(Finding(one.id, severity, packages)))
        for one in list((pushed or built).values())[:MAX_IMAGES]
        for severity, packages in SEVERITIES
    ]
    for one, severity, record, _ in bad:
        names = [
            push.name for push in record.pushes
            if (not image or repository(push.name) == repository(image)) and (push.image.holds(one.id) or not pushed)
        ]  # fmt: skip
        if names:
            _not_stopped(good, record, one, severity, names[0], event)
    if pushed:
        loose = [(one, severity, record) for one, severity, record, failed in bad if not failed]
    else:  # one of those that were built is enough
        kept = {one.id for one, _, _, failed in bad if not failed}
        loose = [] if {one.id for one, *_ in bad} - kept else [(o, s, r) for o, s, r, failed in bad if not failed]
    if loose:
        one, severity, record = loose[0]
        _not_ended(good, record, one, severity, event)


def _not_stopped(good: Record, bad: Record, image: Image, severity: str, name: str, event: Event) -> None:
    """Why an image with a finding is pushed."""
    if not bad.ignored:
        _no_gate(good, image, severity, event)
    raise Failure(
        f"For {event.words}, {name} is pushed all the same.",
        SWALLOWED
        if bad.ignored
        else "Put the gate between a build that stays in the runner and the push: in the same job before "
        "it, or in a job that the pushing job needs. Conditions such as always() undo that.",
        expected="When the gate finds something, nothing is pushed.",
        table=_lines(bad, severity),
    )


def _not_ended(good: Record, bad: Record, image: Image, severity: str, event: Event) -> None:
    """Why a run goes on."""
    if not bad.ignored:
        _no_gate(good, image, severity, event)
    raise Failure(
        f"{sentence(bad.ignored[0])} goes on as if nothing had been found."
        if bad.ignored
        else "It ends well all the same.",
        SWALLOWED,
        expected=f"For {event.words}, a run that fails when the gate finds something.",
        table=_lines(bad, severity),
    )


def _lines(record: Record, severity: str) -> list[tuple[str, str]]:
    """The end of a run as a table."""
    shown = record.lines[-MAX_LINES:]
    return [
        ("", f"the end of the run, with a {severity} finding"),
        *((str(n), line) for n, line in enumerate(shown, 1)),
    ]


def _no_gate(good: Record, image: Image, severity: str, event: Event) -> None:
    """Raises Failure where no scan of an image is a gate."""
    mine = [scan for scan in good.scans if scan.image is not None and scan.image.id == image.id]
    if any(not scan.fault for scan in mine):
        return
    faults = [scan for scan in (*mine, *good.scans) if scan.fault]
    others = [scan for scan in good.scans if scan.image is not None and scan.image.id != image.id]
    if others and not mine and others[0].image is not None:
        other = others[0].image.words
        found = f"{sentence(others[0].where)} scans {other}; pushed is {image.words}, which nothing scans."
    elif faults:
        found = f"{sentence(faults[0].where)} {faults[0].fault}."
    else:
        found = "Nothing scans the image."
    raise Failure(
        found,
        "Let a scanner look at the image that this run has built, at HIGH and CRITICAL at least, and end "
        "with an exit code that is not 0. Lesson 10, “A workflow that gates before it pushes”.",
        expected=f"For {event.words}, a scan that fails the run when the built image has a HIGH or CRITICAL finding.",
    )


def require_ran(record: Record, failed: bool, event: Event) -> None:
    """A run in which scanners find nothing ends well: of what comes after a step that fails nothing can be said.

    Raises:
        Failure: it fails; the message quotes the step.
    """
    if failed and record.issues:
        issue = record.issues[-1]
        raise Failure(
            f"For {event.words}, this ends the run before it is judged: {issue.text}"
            if event.shown
            else f"This ends a run of another event before it is judged: {issue.text}",
            ADVICE[issue.kind],
            expected="A run that ends well when the scanner finds nothing.",
        )


SWALLOWED: Final = (
    "The scanner's own exit code has to end its step, its job and the run. What forgives a failure undoes that: "
    "continue-on-error, allow_failure, a || or a pipe behind the scanner, a shell that was told to go on."
)


def require_known(record: Record) -> None:
    """Every name that is pushed can be told from the file and the event."""
    unclear = next((push for push in record.pushes if not is_known(push.name)), None)
    if unclear is None:
        return
    from_step = "⟨steps." in unclear.name or "⟨needs." in unclear.name
    raise Failure(
        f"{unclear.name[:200]} holds something that only a run has.",
        "No step gives that to this place: compare the id and the output, and take care that the step stands "
        "before it in the same job."
        if from_step
        else "Let the metadata step make the tags from the event, and push what it gives out; in a script, in a loop "
        "`for NAME in $TAGS`.",
        expected="Tags that can be told from the file and the event.",
    )


def sentence(text: str) -> str:
    """A text with a capital in front: places begin with "the step" or "the job"."""
    return text[:1].upper() + text[1:]


def listed(tags: Iterable[str]) -> str:
    """Texts in one line, shortened."""
    text = ", ".join(sorted(tags)) or "none"
    return text if len(text) <= 200 else text[:199] + "…"
