"""How a check is written and run: a decorated pure function of Evidence whose docstring is the title a student sees.

    @check(
        "both-tags",
        trust="proved",
        needs=["first-push"],
        expected="Two different images under {v1} and {v2}.",
        why="A second push under a new tag leaves the first where it was.",
    )
    def both_tags(e: Evidence) -> None:
        '''Both releases are in your repository, each under its own tag'''
        held = repository(e, "registry", e.text("repository"))
        if held.tags[e.text("v1")] == held.tags[e.text("v2")]:
            raise Failure("Both tags point at the same manifest.", "Change the code, build and push again.")

A lab's module is the list of its rules: the personal parameters, then one function per check, from the first task to
the last, and below them the helpers that tell one mistake from another.

**What a check says.** A verdict that failed has three sentences, and each has one place:

- *expected*: what the task asks for. It belongs to the check, so the decorator has it, once. Names in braces are the
  student's parameters (``{v1}``, ``{releases[2]}``); where that is not enough, it is a function of the Evidence. A
  check without one expects its title.
- *found* and *next_step*: what is there instead and what to do about it. They belong to one mistake, so
  ``raise Failure(found, next_step)`` has them, one for each way a student can go wrong.

Helpers raise :class:`Failure` in the same way: whatever leaves a check without an ``expected`` gets that of the check.
Where a part of a check expects something of its own, ``with expecting("…"):`` says so for all that is raised inside
(each entry of a loop, for instance), and ``Failure(…, expected="…")`` for one failure alone. The innermost one holds.

**What a check reads.** ``e.text("v1")``, ``e.texts("releases")`` and ``e.parameter("lines")`` are personal parameters,
``e.settings("ecr")`` what an emulator tells, ``e.repository(SERVICE, NAME)`` a snapshot. :func:`require_answer`,
:func:`require_cases` and :func:`require_probe` give what was recorded, judge a code task, and give what a probe found.

**How it ends.** A check that returns has passed. :class:`Failure` fails it; :class:`NotGraded` says that the
infrastructure, not the student, is at fault. A check whose prerequisite (``needs``) did not pass is not run: it fails,
blocked by it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Literal

from pydantic import Field, JsonValue

from autograder.evidence.model import Case, CaseResult, Evidence, Frozen, storable
from autograder.formats import Witness, is_absent

Trust = Literal["proved", "recomputed", "claimed"]
"""proved: follows from hashes of included content; recomputed: the grader ran or derived it; claimed: only the
student's machine saw it."""
Expectation = str | Callable[[Evidence], str]
"""What a check expects: a sentence in which ``{name}`` stands for a personal parameter, or a function that says it."""


class Failure(Exception):
    """The state is not what the task asks for.

    Args:
        found: what is there instead, a sentence.
        next_step: what to do about it.
        expected: only where it differs from what the check expects.
        table: rows that are shown below the message; the first is the header.
        not_begun: there is nothing yet that could be right or wrong.
    """

    def __init__(
        self,
        found: str,
        next_step: str,
        *,
        expected: str = "",
        table: Sequence[Sequence[str]] = (),
        not_begun: bool = False,
    ) -> None:
        super().__init__(found)
        self.expected, self.found, self.next_step, self.not_begun = expected, found, next_step, not_begun
        self.table = tuple(tuple(row) for row in table)


@contextmanager
def expecting(expected: str) -> Iterator[None]:
    """What a part of a check expects: of every :class:`Failure` inside that does not say it itself."""
    try:
        yield
    except Failure as failure:
        failure.expected = failure.expected or expected
        raise


class NotGraded(Exception):
    """The check could not be judged for a reason outside the student's work; never a zero."""


class NeedsReview(NotGraded):
    """A person has to look: the kit cannot say what something in the work does, and that is no fault of the student."""


class Verdict(Frozen):
    """The outcome of one check for one student.

    ``status`` is one of three; a check that was not run because its prerequisite did not pass is "failed" with
    ``blocked_by`` set. ``points`` of ``max_points``: all or nothing, None while not graded. ``why`` is the sentence
    that explains a passed check. ``witness`` is whose machine saw what the verdict rests on; None where an earlier kit
    wrote it. ``not_begun`` is True of a failed check whose task is still as it was handed out, else None. ``review`` is
    True where "not_graded" means that a person has to look, since no run of the grader can tell, else None.
    """

    check: str
    title: str
    status: Literal["passed", "failed", "not_graded"]
    points: float | None
    max_points: float
    trust: Trust
    expected: str = ""
    found: str = ""
    next_step: str = ""
    why: str = ""
    blocked_by: str | None = None
    table: tuple[tuple[str, ...], ...] = ()
    witness: Witness | None = Field(default=None, exclude_if=is_absent)
    not_begun: Literal[True] | None = Field(default=None, exclude_if=is_absent)
    review: Literal[True] | None = Field(default=None, exclude_if=is_absent)


@dataclass(frozen=True)
class Check:
    """A check as declared: id, title, trust class, prerequisites, what it expects, and the sentence for who passes.

    ``witness`` is whose machine sees what it rests on: see :func:`autograder.labs.manifest.witness_of`.
    """

    id: str
    title: str
    trust: Trust
    needs: tuple[str, ...]
    expected: Expectation
    why: str
    function: Callable[[Evidence], None]
    witness: Witness = "student"

    def expectation(self, evidence: Evidence) -> str:
        """What is expected of this student, a sentence."""
        if callable(self.expected):
            return self.expected(evidence)
        return self.expected.format_map(evidence.parameters) or f"{self.title}."


def check(
    id: str, *, trust: Trust, needs: Sequence[str] = (), expected: Expectation = "", why: str = ""
) -> Callable[[Callable[[Evidence], None]], Check]:
    """Declare a check.

    Args:
        id: the stable id: of the notebook's locked cell, in lab.toml and in the gradebook.
        trust: the class of the evidence that the verdict rests on.
        needs: ids of checks that must pass before this one is run.
        expected: what the task asks for, one sentence; ``{name}`` is filled in from the student's parameters.
        why: one sentence on why it works, shown when the check passes.
    """

    def declare(function: Callable[[Evidence], None]) -> Check:
        title = (function.__doc__ or "").strip().splitlines()
        if not title:
            raise ValueError(f"check {id}: the docstring is the title a student sees, and there is none")
        return Check(id, title[0], trust, tuple(needs), expected, why, function)

    return declare


def checks_of(module: ModuleType) -> dict[str, Check]:
    """The checks of a lab's module by id, in the order they are written.

    Raises:
        ValueError: an id twice, or a prerequisite that is not declared before.
    """
    declared: dict[str, Check] = {}
    for value in vars(module).values():
        if isinstance(value, Check):
            if value.id in declared:
                raise ValueError(f"check {value.id} is declared twice in {module.__name__}")
            missing = [need for need in value.needs if need not in declared]
            if missing:
                raise ValueError(f"check {value.id} needs {', '.join(missing)}, not declared before it")
            declared[value.id] = value
    return declared


def run(
    checks: Mapping[str, Check],
    evidence: Evidence,
    points: Mapping[str, float],
    only: Sequence[str] | None = None,
    watch: Watch | None = None,
) -> list[Verdict]:
    """Judge evidence.

    Args:
        checks: all checks of the lab, in order.
        evidence: what was collected.
        points: points per check id (owned by lab.toml).
        only: ids to report (their prerequisites are run as well, but not reported); all when None.
        watch: told of each check.

    Returns:
        one verdict per reported check, in declared order. An unexpected error inside a check is a fault of the kit, so
        the verdict is "not_graded" with the error's text.
    """
    wanted = list(checks) if only is None else list(only)
    needed = set(wanted)
    for id in reversed(list(checks)):
        if id in needed:
            needed.update(checks[id].needs)
    done: dict[str, Verdict] = {}
    for id, declared in checks.items():
        if id in needed:
            known = watch.before(id) if watch is not None else None
            if isinstance(known, Verdict):
                done[id] = known
                continue
            done[id] = _bounded(_judge(declared, evidence, points.get(id, 0.0), done, over=known or ""))
            if watch is not None:
                watch.after(done[id])
    return [done[id] for id in checks if id in wanted]


MAX_TEXT = 20_000  # characters of one part of a verdict; the longest of the sample class has 600
MAX_CELL = 5_000  # of one cell of its table; the longest input of a visible case has 1,568
MAX_TABLE = 200  # rows


def _bounded(verdict: Verdict) -> Verdict:
    """A verdict as it can be stored and shown: a check may quote what a student wrote, and that may be long."""
    parts = {name: getattr(verdict, name) for name in ("expected", "found", "next_step")}
    long = {name: text[: MAX_TEXT - 1] + "…" for name, text in parts.items() if len(text) > MAX_TEXT}
    table = verdict.table
    if len(table) > MAX_TABLE or any(len(cell) > MAX_CELL for row in table for cell in row):
        kept = [tuple(c if len(c) <= MAX_CELL else c[: MAX_CELL - 1] + "…" for c in row) for row in table[:MAX_TABLE]]
        return verdict.model_copy(update={**long, "table": tuple(kept)})
    return verdict.model_copy(update=long) if long else verdict


class Watch:
    """Whoever follows the judging check by check."""

    def before(self, id: str) -> Verdict | str | None:
        """What is known of a check already: its verdict, or why it may not be run; None when it is to be run."""

    def after(self, verdict: Verdict) -> None:
        """A check was judged."""


def _judge(declared: Check, evidence: Evidence, maximum: float, done: Mapping[str, Verdict], over: str = "") -> Verdict:
    def verdict(status: str, points: float | None, **parts: Any) -> Verdict:
        common = {"check": declared.id, "title": declared.title, "max_points": maximum, "trust": declared.trust}
        common["witness"] = declared.witness
        return Verdict.model_validate(common | {"status": status, "points": points} | storable(parts))

    for need in declared.needs:
        before = done[need]
        if before.status == "not_graded":
            return verdict(
                "not_graded",
                None,
                blocked_by=need,
                found=f"“{before.title}” could not be judged, and this check rests on it.",
                next_step=before.next_step,
            )
        if before.status == "failed":
            return verdict(
                "failed",
                0.0,
                blocked_by=need,
                expected=f"“{before.title}” passes first.",
                found="That check does not pass yet, so this one was not run.",
                next_step=f'Finish that task first: check("{need}").',
            )
    try:
        failure = _failure_of(declared, evidence) if not over else _too_much(declared, evidence, over)
    except MemoryError:  # of what a student wrote; whoever watches says what that means
        raise
    except NeedsReview as reason:
        return verdict("not_graded", None, found=str(reason), review=True)
    except NotGraded as reason:
        return verdict("not_graded", None, found=str(reason))
    except Exception as error:
        return verdict(
            "not_graded",
            None,
            found=f"The check itself failed: {type(error).__name__}: {error}",
            next_step="Report this with the lab's name; it costs no points.",
        )
    if failure is not None:
        said = {"expected": failure.expected, "found": failure.found, "next_step": failure.next_step}
        return verdict("failed", 0.0, **said, table=failure.table, not_begun=failure.not_begun or None)
    return verdict("passed", maximum, why=declared.why)


def _too_much(declared: Check, evidence: Evidence, words: str) -> Failure:
    """The failure of a check that was ended."""
    next_step = "Make what this check is about as small as the task asks for, then submit again."
    return Failure(words, next_step, expected=declared.expectation(evidence))


def _failure_of(declared: Check, evidence: Evidence) -> Failure | None:
    """How a check fails, with what it expects filled in; None when it passes."""
    try:
        declared.function(evidence)
    except Failure as failure:
        failure.expected = failure.expected or declared.expectation(evidence)
        return failure
    return None


def require_answer(evidence: Evidence, name: str, asked: str) -> JsonValue:
    """The value of a recorded answer that is still about the present state.

    Args:
        name: the answer's name.
        asked: what is asked for, in words ("the digest of v1").

    Raises:
        Failure: it was never recorded, or a tag that it is about has moved since.
    """
    answer = evidence.answers.get(name)
    if answer is None:
        raise Failure(
            "No such answer is recorded.",
            f'Run the cell that calls answer("{name}", …) with your value.',
            expected=f'{asked}, recorded with answer("{name}", …).',
            not_begun=True,
        )
    current = evidence.current_inputs(name)
    moved = [ref for ref, digest in answer.inputs.items() if current.get(ref) != digest]
    moved += [ref for ref in current if ref not in answer.inputs]
    if moved:
        raise Failure(
            "That tag has been pushed again (or removed) since you recorded the answer.",
            "Run the cells that compute and record the answer again.",
            expected=f"{asked}, recorded after the last push of {', '.join(sorted(set(moved)))}.",
        )
    return answer.value


def require_probe(evidence: Evidence, name: str, missing: str) -> dict[str, Any]:
    """What a probe found.

    Args:
        evidence: what was collected.
        name: the probe's name.
        missing: what to say where it was not run.

    Raises:
        NotGraded: it was not run, or it failed for a reason of its own.
        Failure: what the student handed in was too much for it.
    """
    result = evidence.probes.get(name)
    if not isinstance(result, dict):
        raise NotGraded(missing)
    if "fault" in result:
        raise NotGraded(str(result["fault"]))
    if "limit" in result:
        raise Failure(str(result["limit"]), "Make it as small as the task asks for, then submit again.")
    return result


def require_cases(evidence: Evidence, task: str, *, raises: bool | None = None) -> None:
    """Every case of a code task, visible and hidden, has the right result.

    Args:
        evidence: what was collected.
        task: the task's name.
        raises: only the cases that must (or must not) raise an error; all when None.

    Raises:
        Failure: with a table of inputs and outputs for failed visible cases; hidden ones are named by kind only.
        NotGraded: the sandbox failed.
    """
    run = evidence.tasks.get(task)
    if run is None or run.status == "fault":
        raise NotGraded(run.message if run else f"The code task {task} was not run.")
    expected = f"{run.function}(…) gives the right result for every input."
    if run.status != "ran":
        next_steps = {
            "missing": "Restore the cell, then run the check again.",
            "ambiguous": "Keep one cell that defines it and delete the others.",
            "empty": f"Write {run.function}(…) in the task's cell.",
            "broken": "Repair the cell. It must be self-contained: import inside it what it needs.",
        }
        raise Failure(run.message, next_steps[run.status], expected=expected, not_begun=run.status == "empty")
    results = [result for result in run.results if raises in (None, result.case.raises)]
    if any(result.status == "not-run" for result in results):
        raise NotGraded(f"Some cases of {task} could not be run.")
    wrong = [result for result in results if not result.correct]
    if not wrong:
        return
    visible = [result for result in wrong if not result.case.hidden]
    hidden = sorted({result.case.kind for result in wrong if result.case.hidden})
    table = [("input", "expected", "yours"), *((_short(r.case.args), _expected(r.case), _outcome(r)) for r in visible)]
    found = f"{len(results) - len(wrong)} of {len(results)} inputs give the right result."
    if hidden:
        found += " Wrong for hidden inputs of this kind: " + "; ".join(hidden) + "."
    raise Failure(found, _after(results, visible), expected=expected, table=table if visible else ())


def _after(results: Sequence[CaseResult], visible: Sequence[CaseResult]) -> str:
    """What to do next about wrong results, of which ``visible`` can be shown."""
    if all(result.status == "returned" and result.value is None and not result.case.raises for result in results):
        return "Your function always gives back nothing (None). What print shows is not a result: return it."
    if any(_no_plain_data(result) for result in visible):
        return "Give back plain data: lists, dicts, texts, numbers, True, False and None. Of a set make a list."
    if visible and all(_reordered(result.value, result.case.expected) for result in visible):
        return "The entries are right, and their order is not: the task says in which one they come."
    if visible:
        return f"Work through the first wrong input ({visible[0].case.kind}) by hand and compare."
    return "Think of inputs of that kind and try your function on them."


def _no_plain_data(result: CaseResult) -> bool:
    return result.status == "unusable" and result.detail.startswith("type ")


def _reordered(value: object, expected: object) -> bool:
    """Whether both are lists with the same entries."""
    return (
        isinstance(value, list)
        and isinstance(expected, list)
        and sorted(map(repr, value)) == sorted(map(repr, expected))
    )


def shown(value: object, limit: int = 100) -> str:
    """A recorded value for a message, as Python writes it: whoever reads it typed None and True, not null and true."""
    text = repr(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _short(value: object, limit: int = MAX_CELL) -> str:
    if isinstance(value, tuple):  # arguments: a long one must not hide those after it
        return ", ".join(shown(part, (limit - 2 * len(value)) // len(value)) for part in value)
    return shown(value, limit)


def _expected(case: Case) -> str:
    return (
        f"raises {case.expected['raises']}"
        if case.raises and isinstance(case.expected, dict)
        else _short(case.expected)
    )


def _outcome(result: CaseResult) -> str:
    if result.status == "returned":
        return _short(result.value)
    if result.status == "raised":
        return f"raises {result.errors[0] if result.errors else 'an error'}: {result.detail}".rstrip(": ")
    if _no_plain_data(result):
        return f"no plain data ({result.detail})"
    return "no result in time" if result.status == "timeout" else f"no result ({result.detail})"
