"""What lab 10's checks of both files share: a file that can be read, what a run lacks, a gate that holds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from autograder.checks.api import Failure, require_probe
from autograder.checks.ci_cd.data import Event
from autograder.evidence.model import Evidence
from autograder.pipelines.job_state import Record
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


def refused(name: str, why: object) -> Failure:
    """The failure of a file that cannot be followed."""
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
    "shell": 'Give the image as a mapping with a name and entrypoint: [""], so that GitLab can start a shell in it.',
}


def require_gate(record: Record, event: Event) -> None:
    """Something scans the built image, and fails the run when there is a finding.

    Raises:
        Failure: nothing does.
    """
    if record.gates:
        return
    raise Failure(
        f"{sentence(record.weak[0])}." if record.weak else "Nothing scans the image.",
        "Let a scanner look at the image that this run has built, at HIGH and CRITICAL at least, and end "
        "with an exit code that is not 0. Lesson 10, “A workflow that gates before it pushes”.",
        expected=f"For {event.words}, a scan that fails the run when the built image has a HIGH or CRITICAL finding.",
    )


def require_end(good: Record, bad: Record, failed: bool, event: Event) -> None:
    """A finding ends the run, whether something would be pushed or not.

    Args:
        good: what happens when the gates find nothing.
        bad: what happens when they find something.
        failed: whether the run fails then.
        event: what starts it.
    """
    if not good.gates or failed:
        return
    raise Failure(
        f"{sentence(bad.ignored[0])} goes on as if nothing had been found."
        if bad.ignored
        else "It ends well all the same.",
        SWALLOWED,
        expected=f"For {event.words}, a run that fails when the gate finds something.",
    )


SWALLOWED: Final = (
    "The scanner's own exit code has to end its step, its job and the run. What forgives a failure undoes that: "
    "continue-on-error, allow_failure, a || or a pipe behind the scanner, a shell that was told to go on."
)


def require_known(record: Record) -> None:
    """Every name that is pushed can be told from the file and the event."""
    unclear = next((push for push in record.pushes if not is_known(push.image)), None)
    if unclear is None:
        return
    from_step = "⟨steps." in unclear.image or "⟨needs." in unclear.image
    raise Failure(
        f"{unclear.image[:200]} holds something that only a run has.",
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
