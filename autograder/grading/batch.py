"""A whole class: find submissions, leave out what is graded already, judge the rest in parallel, keep each at once.

Nothing here schedules or queues: joblib does, in worker processes of this machine or on a Dask cluster. Each result
is on disk before the next is looked at, so a run that was killed goes on where it stopped.
"""

from __future__ import annotations

import contextlib
import hashlib
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autograder.errors import EnvironmentProblem
from autograder.evidence.submission_zip import Header, moment
from autograder.grading import (
    discover,
    intake,
    lateness,
    lms,
    pool,
    probes,
    receipts,
    regrade,
    rules,
    sandbox,
    store,
    workers,
)
from autograder.grading.archive import Archive
from autograder.grading.discover import Found
from autograder.grading.identity import Identity, Owners
from autograder.grading.judge import Outcome, sha256_of
from autograder.grading.lateness import Deadlines
from autograder.grading.lms import NOBODY, Entry, Lists, Name, People
from autograder.grading.people import Course
from autograder.grading.problems import Refused
from autograder.grading.receipts import Ledger, Receipt
from autograder.grading.report import Row, row_of, row_of_refused
from autograder.grading.strictjson import said
from autograder.grading.verdict_file import VerdictFile
from autograder.grading.workers import Candidate, Unit
from autograder.labs.manifest import Lab
from autograder.services import engine, http, installation, orphans
from autograder.services.orphans import Owner

if TYPE_CHECKING:
    from docker import DockerClient

Say = Callable[[str], None]
EARLIEST = datetime.min.replace(tzinfo=UTC)
MAX_TIMES = 5  # of a list, in one remark
MAX_LINES = 8  # of a list, in one message


@dataclass(frozen=True)
class Peeked:
    """A zip that can be graded, as far as its submission.json tells."""

    found: Found
    file: Path
    sha256: str
    header: Header
    lab: Lab


@dataclass(frozen=True)
class Receiving:
    """What is known of receipt in this run.

    Attributes:
        ledger: what was received so far; the run writes into it.
        lists: what the platform, or the instructor, says of submissions.
        at: when all of them were received, as the instructor says; None where nothing is said.
        now: the time of this run, the same for all of it.
    """

    ledger: Ledger = field(default_factory=Ledger)
    lists: Lists = field(default_factory=Lists)
    at: datetime | None = None
    now: datetime = field(default_factory=receipts.now)


@dataclass(frozen=True)
class Plan:
    """What a run will do.

    Attributes:
        units: to judge.
        settled: rows that are settled without judging.
        labs: slug -> lab in its newest version, of every unit.
        again: verdicts whose evidence holds and whose rules changed, each with its unit should evidence not do.
        remarks: SHA-256 of a zip that counts -> what its row says beside its verdict.
    """

    units: list[Unit]
    settled: list[Row]
    labs: dict[str, Lab]
    again: list[tuple[VerdictFile, Unit]] = field(default_factory=list)
    remarks: dict[str, list[str]] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """How many submissions there are to judge, now or again."""
        return len(self.units) + len(self.again)


def peek(found: Found, course: Course) -> Peeked | Outcome:
    """Look at a zip's submission.json; a refused outcome when it cannot be graded."""
    outcome = Outcome(found.name, "", status="refused")
    try:
        if found.file is not None:
            outcome.sha256 = sha256_of(found.file)
        if found.problem or found.file is None:
            outcome.header = _header_beside(found)
            raise Refused(found.problem)
        with Archive(found.file) as archive:
            outcome.header = intake.header_of(archive)
            lab = intake.admitted(outcome.header, course)
        return Peeked(found, found.file, outcome.sha256, outcome.header, lab)
    except Refused as reason:
        outcome.problems.append(str(reason))
    except OSError as error:
        outcome.problems.append(f"It cannot be read: {error.strerror or error}.")
    outcome.sha256 = outcome.sha256 or hashlib.sha256(found.name.encode("utf-8", "surrogateescape")).hexdigest()
    return outcome


def _header_beside(found: Found) -> Header | None:
    """What an unpacked submission says of itself; None where that is nothing that can be read."""
    if found.header is None:
        return None
    try:
        with found.header.open("rb") as file:
            content = file.read(intake.MAX_HEADER + 1)
        return intake.parsed_header(content)
    except (OSError, Refused):
        return None


class _Door:
    """Where submissions come in: each gets its lines in the ledger, and a refused one its owner, as far as is known."""

    def __init__(self, course: Course, receiving: Receiving) -> None:
        self.course, self.receiving = course, receiving
        self._people, self._slugs = People(course), course.labs.slugs()
        self.remarks: dict[str, list[str]] = {}

    def admitted(self, seen: Peeked | Outcome, found: Found) -> Peeked | Outcome:
        """A submission, refused where the platform says that somebody else handed it in than whom it names."""
        if isinstance(seen, Outcome):
            return seen
        submitter = lms.read_name(found.parts).submitter
        by = self._people.find(submitter) if submitter else ""
        if by in ("", seen.header.student):
            return seen
        outcome = Outcome(found.name, seen.sha256, status="refused")
        outcome.problems.append(
            f"{by} handed it in, by the platform's name, and it is the submission of {seen.header.student}. Ask both. "
            f"If it is to count, put it elsewhere as {seen.lab.slug}-{seen.header.student}.zip."
        )
        return outcome

    def receive(self, seen: Peeked | Outcome, found: Found) -> Receipt:
        """Note what is known of a submission's receipt; returns the best."""
        student, lab, name, entry = self._whose(seen, found)
        base = Receipt(
            sha256=seen.sha256,
            student=student,
            lab=lab,
            name=found.name,
            submitter=said(name.submitter, 100),
            received_at=self.receiving.now,
            known="lms name" if name.user else "first seen",
            attempt=name.attempt,
            late=name.late,
            refused=" ".join(seen.problems) if isinstance(seen, Outcome) else "",
        )
        ledger = self.receiving.ledger
        ledger.note(base)
        if self.receiving.at is not None:
            ledger.note(base.model_copy(update={"received_at": self.receiving.at, "known": "instructor"}))
        if entry is not None:
            update = {
                "received_at": entry.received_at,
                "known": "lms list" if entry.by_platform else "instructor",
                "attempt": name.attempt if entry.attempt is None else entry.attempt,
                "late": name.late if entry.late is None else entry.late,
            }
            ledger.note(base.model_copy(update=update))
        best = ledger.of(seen.sha256, base.name)
        assert best is not None
        return best

    def _whose(self, seen: Peeked | Outcome, found: Found) -> tuple[str, str, Name, Entry | None]:
        """Student and lab, and what the names and the lists say: by the content, else by a list, the platform's name of
        the person, the names of files."""
        by_file = ("", "")
        if isinstance(seen, Peeked):
            student, lab = seen.header.student, seen.lab.slug
        else:
            header, roster = seen.header, self.course.roster
            student = header.student if header is not None and header.student in (roster or ()) else ""
            by_file = self._people.in_file(found.parts[-1], self._slugs) if found.parts else by_file
            lab = header.lab if header is not None and header.lab in self._slugs else ""
            lab = lab or by_file[1] or lms.lab_of(found.parts, self._slugs)
        own = student or by_file[0]
        name = lms.read_name(found.parts, f"{lab}-{own}" if own and lab else "")
        entries = self.receiving.lists.find(found.parts, name, student, lab)
        entry = self._the_one([entry for entry in entries if entry.received_at], name, seen, found.name)
        if isinstance(seen, Outcome):
            listed = next((one for one in entries if one.student), None)
            if listed is not None:
                student, lab = listed.student, listed.lab or lab
            student = student or self._people.find(name.submitter) or ("" if name.submitter else by_file[0])
        return student, lab, name, entry

    def _the_one(self, entries: Sequence[Entry], name: Name, seen: Peeked | Outcome, label: str) -> Entry | None:
        """The entry about a submission; of several attempts the one that the file's name tells, or none, which is said.

        Several entries of one time are as good as one: a platform lists a group's work once a member.
        """
        times = {entry.received_at for entry in entries}
        if len(times) > 1:
            entries = [entry for entry in entries if name.attempt is not None and entry.attempt == name.attempt]
        if len({entry.received_at for entry in entries}) == 1:
            return entries[0]
        if times:
            told = ", ".join(sorted(str(time) for time in times)[:MAX_TIMES])
            self.remarks.setdefault(seen.sha256, []).append(
                f"The list has several times for {label}, and the name tells no attempt, so none is used: {told}."
            )
        return None

    def settle(self) -> None:
        """Attribute what was refused in earlier runs, and does not lie here any more, as the instructor's list says."""
        entries = [entry for entry in self.receiving.lists.unused() if entry.file and entry.student]
        for receipt in list(self.receiving.ledger.refused()) if entries else ():
            parts = tuple(receipt.name.replace(": ", "/").split("/"))
            for entry in entries:
                if entry.fits(parts):
                    update = {"student": entry.student, "lab": entry.lab or receipt.lab}
                    self.receiving.ledger.note(receipt.model_copy(update=update))
                    self.receiving.lists.use(entry)


def plan(
    found: Iterable[Found],
    course: Course,
    force: bool,
    receiving: Receiving | None = None,
    inline: bool = False,
) -> Plan:
    """Decide what there is to do.

    Of several submissions of one student for one lab the one that was received last counts; of several that were
    received at the same time the one with the greatest number of attempt, then the name that sorts last. One that was
    received before what is graded already is left out; ``force`` grades the newest given anyway.

    Args:
        found: what was handed in.
        course: the class.
        force: judge again even what is graded and unchanged.
        receiving: what is known of receipt; the ledger gains a line for whatever is new.
        inline: put the bytes into the units, for workers on other machines.
    """
    receiving = receiving or Receiving()
    door = _Door(course, receiving)
    settled: list[Row] = []
    groups: dict[tuple[str, str], list[Peeked]] = {}
    new: set[str] = set()  # of what nothing was known before this run
    found = list(found)
    receiving.lists.place(one.parts for one in found)
    for one in found:
        seen = door.admitted(peek(one, course), one)
        if not receiving.ledger.knows(seen.sha256):
            new.add(seen.sha256)
        receipt = door.receive(seen, one)
        if isinstance(seen, Peeked):
            groups.setdefault((seen.header.student, seen.lab.slug), []).append(seen)
        elif receipt.student != NOBODY:
            settled.append(row_of_refused(seen, student=receipt.student, lab=receipt.lab))
    door.settle()
    made = Plan([], settled, {})
    for (student, slug), group in sorted(groups.items()):
        before = store.read(student, slug)
        (newest, receipt), *others = _in_order(receiving.ledger, group, before, new)
        made.labs[slug] = newest.lab.at(newest.lab.newest)  # whichever version this student has
        remarks = made.remarks[newest.sha256] = door.remarks.get(newest.sha256, [])
        for other, other_receipt in others:
            if other.sha256 == newest.sha256:
                settled.append(row_of_refused(_outcome(other, "The same zip a second time."), "duplicate"))
                continue
            why = _why(newest, receipt, other, other_receipt, before, new)
            settled.append(row_of_refused(_outcome(other, f"{newest.found.name} counts: {why}."), "older"))
            if receipt.received_at == other_receipt.received_at:
                remarks.append(f"Counts and not {other.found.name}: {why}.")
        in_hand = receiving.ledger.in_hand(newest.sha256, student) or receipt
        told = (receipts.list_remark(receipt, in_hand), receipts.clock_remark(newest.header.moment, receipt))
        remarks += filter(None, told)
        _decide(made, before, newest, receipt, [other for other, _ in others], course, force, receiving, inline)
    return made


def _is_older_than_the_ledger(before: VerdictFile | None, new: Collection[str]) -> bool:
    """Whether what was graded was graded by version 0.1.0, and this is the first time that its zip is seen since."""
    return before is not None and before.evidence is not None and before.submission_sha256 in new


def _in_order(
    ledger: Ledger, group: Sequence[Peeked], before: VerdictFile | None, new: Collection[str]
) -> list[tuple[Peeked, Receipt]]:
    """The submissions of one student for one lab with their receipts, that which counts first.

    Of what is known no better than that it was seen now, the zip that is graded already stays. Where version 0.1.0
    graded it, its rule decides once more, or an upgrade would change what counts: the time of writing.
    """
    known = [(peeked, _order(ledger, peeked)) for peeked in group]
    by_clock = _is_older_than_the_ledger(before, new)

    def order(pair: tuple[Peeked, Receipt]) -> tuple[datetime, datetime, int, bool, str]:
        peeked, receipt = pair
        clock = peeked.header.moment if by_clock and not receipt.is_certain else EARLIEST
        graded = before is not None and before.evidence is not None and peeked.sha256 == before.submission_sha256
        return receipt.received_at, clock, receipt.attempt or 0, graded and not receipt.is_certain, receipt.name

    return sorted(known, key=order, reverse=True)


def _why(
    newest: Peeked,
    receipt: Receipt,
    other: Peeked,
    other_receipt: Receipt,
    before: VerdictFile | None,
    new: Collection[str],
) -> str:
    """Which rule of :func:`_in_order` says that one submission counts and not the other, as the end of a sentence."""
    if receipt.received_at == other_receipt.received_at and not receipt.is_certain:
        if _is_older_than_the_ledger(before, new) and newest.header.moment != other.header.moment:
            return "by the time of writing, as version 0.1.0 decided, since it is not known when they were received"
        same_attempt = (receipt.attempt or 0) == (other_receipt.attempt or 0)
        if same_attempt and before is not None and newest.sha256 == before.submission_sha256:
            return "it is graded already, and they were first seen at the same time"
    return receipts.why_newer(receipt, other_receipt)


def _order(ledger: Ledger, peeked: Peeked) -> Receipt:
    """The receipt of a zip, under the name that it has here."""
    receipt = ledger.of(peeked.sha256, student=peeked.header.student)
    assert receipt is not None
    return receipt.model_copy(update={"name": peeked.found.name})


def _decide(
    made: Plan,
    before: VerdictFile | None,
    newest: Peeked,
    receipt: Receipt,
    others: list[Peeked],
    course: Course,
    force: bool,
    receiving: Receiving,
    inline: bool,
) -> None:
    """Put the newest submission of a student for a lab where it belongs: settled, to judge, or to judge again."""
    student, slug = newest.header.student, newest.lab.slug
    if before is not None and not force:
        if store.is_current(before, newest.sha256, newest.lab, course):
            made.settled.append(row_of(before, "unchanged"))
            return
        kept = _graded_receipt(receiving.ledger, before)
        if before.evidence and before.submission_sha256 != newest.sha256 and kept.order > receipt.order:
            reason = f"{before.source}, graded already, counts: {receipts.why_newer(kept, receipt)}."
            made.settled.append(row_of_refused(_outcome(newest, reason), "older"))
            return
        by_clock = moment(before.written_at) > newest.header.moment
        if before.evidence and before.submission_sha256 != newest.sha256 and by_clock and not receipt.is_certain:
            made.remarks[newest.sha256].append(
                f"It replaces {before.source}, being seen later here; by the student's clock it is the older one."
            )
    older = [p for p in others if p.sha256 != newest.sha256]
    unit = Unit(student, slug, tuple(_candidate(p, inline) for p in [newest, *older]))
    if before is not None and not force and store.holds(before, newest.sha256, newest.lab, course):
        made.again.append((before, unit))
    else:
        made.units.append(unit)


def _graded_receipt(ledger: Ledger, document: VerdictFile) -> Receipt:
    """The last receipt of what was graded, under the name that it had then."""
    known = ledger.of(document.submission_sha256, student=document.student)
    found = known or lateness.seen_when_graded(document)
    return found.model_copy(update={"name": document.source})


def _candidate(peeked: Peeked, inline: bool) -> Candidate:
    content = peeked.file.read_bytes() if inline else peeked.file
    return Candidate(peeked.found.name, content, peeked.sha256, peeked.header)


def _outcome(peeked: Peeked, reason: str) -> Outcome:
    return Outcome(peeked.found.name, peeked.sha256, status="refused", header=peeked.header, problems=[reason])


@dataclass
class Batch:
    """One run of ``course grade``.

    Attributes:
        course: the class.
        jobs: worker processes; 1 judges in this process.
        scheduler: address of a Dask scheduler, or None.
        force: judge again what is graded already.
        say: called with a line about what takes time before judging begins.
        lists: lists of submissions, of the learning platform or the instructor's own.
        at: when what is given was received, as the instructor says; None where nothing is said.
        known: files among what is given that are no submissions.
    """

    course: Course
    jobs: int
    scheduler: str | None = None
    force: bool = False
    say: Say = lambda line: None
    lists: Lists = field(default_factory=Lists)
    at: datetime | None = None
    known: Sequence[Path] = ()

    def run(self, given: list[Path], begin: Callable[[Plan], None], done: Callable[[Row], None]) -> list[Row]:
        """Grade.

        Args:
            given: zips and folders.
            begin: called once, with the plan.
            done: called with each row as soon as its verdict is on disk.

        Returns:
            all rows.

        Raises:
            CourseError: no submissions, or another grading runs.
            EnvironmentProblem: an engine is needed and there is none.
        """
        with installation.locked("grade", wait=1.0), tempfile.TemporaryDirectory(prefix="submissions-") as scratch:
            deadlines = lateness.load(self.course)
            receiving = Receiving(receipts.load(), self.lists, self.at)
            found = discover.find(given, Path(scratch), self.known)
            plan_ = plan(found, self.course, self.force, receiving, inline=bool(self.scheduler))
            self._say_unused()
            receiving.ledger.write()  # before anything is judged: what was received is known, however this ends
            begin(plan_)
            finish = _Finish(plan_, receiving.ledger, deadlines)
            rows = [finish(row) for row in plan_.settled]
            keeper = regrade.Keeper()
            present = {slug: rules.fingerprint(lab) for slug, lab in plan_.labs.items()}
            for row in map(finish, self._judged_again(plan_, keeper)):
                rows.append(row)
                done(row)
            with self.ready(plan_) as owners:
                judges = {slug: Owners(lab, self.course) for slug, lab in plan_.labs.items()}
                for unit, owner, outcomes in self.results(plan_.units):
                    owners.add(owner)
                    for outcome in outcomes:
                        _by_present_rules(outcome, present[unit.lab])
                        if outcome.header is not None:
                            keeper.graded_again(outcome, intake.admitted(outcome.header, self.course))
                        receiving.ledger.refuse(outcome.sha256, _reason(outcome))
                    kept = self._keep(unit, outcomes, judges[unit.lab], receiving.ledger)
                    for row in map(finish, kept):
                        rows.append(row)
                        done(row)
                    receiving.ledger.write()
        return rows

    def _say_unused(self) -> None:
        """Name the lines of the instructor's own lists that fit nothing."""
        unused = [str(entry) for entry in self.lists.unused()]
        if unused:
            more = f" and {len(unused) - MAX_LINES} more" if len(unused) > MAX_LINES else ""
            self.say(f"Fits nothing that was handed in ({len(unused)}): {'; '.join(unused[:MAX_LINES])}{more}.")

    def _judged_again(self, plan_: Plan, keeper: regrade.Keeper) -> Iterator[Row]:
        """Judge stored evidence by the present rules; what that cannot settle becomes a unit.

        The evidence lies here, so this machine's processes do it, also where submissions go to a cluster.
        """
        units = {(before.student, before.lab): unit for before, unit in plan_.again}
        for before, row in regrade.again([before for before, _ in plan_.again], self.course, self.jobs, keeper):
            if row is None:
                plan_.units.append(units[before.student, before.lab])
            else:
                yield row

    def _keep(self, unit: Unit, outcomes: list[Outcome], owners: Owners, ledger: Ledger) -> Iterator[Row]:
        for outcome in outcomes:
            if outcome.header is None:
                yield row_of_refused(outcome, outcome.status)
                continue
            lab = intake.admitted(outcome.header, self.course)  # in the version of this very submission
            identity = owners.identify(unit.student, outcome.claims) if outcome.evidence else Identity()
            receipt = ledger.in_hand(outcome.sha256, outcome.student)
            received_at = receipt.received_at if receipt else None
            yield row_of(store.record(outcome, identity, self.course, lab, received_at), outcome.status)

    @contextlib.contextmanager
    def ready(self, plan_: Plan) -> Iterator[set[Owner]]:
        """Clean up after earlier runs, have the images ready, and clean up after this one, however it ends."""
        owners: set[Owner] = {orphans.owner()}
        labs = self._versions(plan_.units)
        needed = any(lab.tasks or lab.probes for lab in labs)
        if not needed or self.scheduler:
            yield owners
            return
        client = engine.connect()
        try:
            orphans.sweep(client)
            if any(lab.tasks for lab in labs):
                sandbox.build(client, self.say)
            probes.prepare({name for lab in labs for name in lab.probes}, client, self.say)
            yield owners
        finally:
            workers.close()
            _sweep(client, owners)
            client.close()

    def _versions(self, units: Iterable[Unit]) -> list[Lab]:
        """The labs of units, in each version that one of their zips is judged by: they may differ in what they need."""
        zips = [candidate.header for unit in units for candidate in unit.candidates if candidate.header is not None]
        found = {(lab.slug, lab.version): lab for lab in (intake.admitted(header, self.course) for header in zips)}
        return list(found.values())

    def results(self, units: list[Unit]) -> Iterator[tuple[Unit, Owner, list[Outcome]]]:
        """Each unit as it is judged: the unit, the process that did it, the outcomes."""
        if self.scheduler:
            yield from self._on_cluster(units, self.scheduler)
        elif self.jobs == 1 or len(units) <= 1:
            for unit in units:
                yield unit, *workers.work(unit, self.course.only(unit.student))
        else:
            yield from self._in_processes(units)

    def _in_processes(self, units: list[Unit]) -> Iterator[tuple[Unit, Owner, list[Outcome]]]:
        """Judge in worker processes. One that takes its process down is found out and costs nobody else anything."""
        work = partial(workers.work_elsewhere, course=self.course, master=orphans.owner())
        crashed = lambda unit: (orphans.owner(), [_crashed(unit)])  # noqa: E731  # it stays in this process
        for number, (owner, outcomes) in pool.each(work, dict(enumerate(units)), self.jobs, crashed):
            yield units[number], owner, outcomes

    def _on_cluster(self, units: list[Unit], address: str) -> Iterator[tuple[Unit, Owner, list[Outcome]]]:
        import joblib
        from distributed import Client

        try:
            client = Client(address, timeout="60s", set_as_default=True)
        except (OSError, TimeoutError, ValueError) as error:
            raise EnvironmentProblem(
                expected=f"a Dask scheduler at {address}",
                found=http.in_words(error),
                next_step="Start one with `dask scheduler`, and workers with `dask worker ADDRESS` in an environment "
                "with the kit and an engine; then try again.",
            ) from None
        try:
            self._compare_rules(client, sorted({unit.lab for unit in units}))
            work = _work_elsewhere  # each with its student's values: there is no class where it runs
            items = {number: (unit, self.course.only(unit.student)) for number, unit in enumerate(units)}
            with joblib.parallel_config(backend="dask", n_jobs=-1):
                for number, (owner, outcomes) in pool.parallel(work, items, None):
                    yield units[number], owner, outcomes
        finally:
            with contextlib.suppress(Exception):  # a worker that is gone has nothing left to close
                client.run(workers.close)
            client.close()

    def _compare_rules(self, client: Any, slugs: list[str]) -> None:
        """Before anything is graded: every worker judges as this process would.

        Raises:
            EnvironmentProblem: one does not; names each, and the labs.
        """
        ours = workers.rules_by_lab(self.course, slugs)
        answers = client.run(workers.rules_by_lab, self.course, slugs, on_error="return")
        odd = []
        for address, theirs in sorted(answers.items()):
            if not isinstance(theirs, dict):
                odd.append(f"{address} does not say which it has ({type(theirs).__name__}: {theirs})")
            elif theirs != ours:
                odd.append(f"{address} has other ones of {', '.join(s for s in slugs if theirs.get(s) != ours[s])}")
        if odd:
            raise EnvironmentProblem(
                expected="workers that judge by this kit's checks and by no others",
                found="; ".join(odd),
                next_step="Bring the kit on these machines to this version (and labs of your own), start their workers "
                "anew, then try again.",
            )


def _reason(outcome: Outcome) -> str:
    """Why a submission was refused; empty where it was not."""
    return " ".join(outcome.problems) if outcome.status == "refused" else ""


@dataclass(frozen=True)
class _Finish:
    """Completes the row of a submission that counts with what is known of its receipt."""

    plan: Plan
    ledger: Ledger
    deadlines: Deadlines

    def __call__(self, row: Row) -> Row:
        if row.is_passed_over or row.status == "refused" or row.max_score is None:
            return row
        found = lateness.judged(
            self.ledger.in_hand(row.sha256, row.student),
            self.deadlines.of(row.lab, row.student),
            row.max_score,
            row.max_score,
        )
        remarks = [*self.plan.remarks.get(row.sha256, ()), *([found.remark] if found.remark else [])]
        return replace(row, remarks=(*remarks, *row.remarks), doubt=found.doubt)


def _by_present_rules(outcome: Outcome, present: str) -> None:
    """Take back what other rules judged than those of this run: two kinds of points in a class are none."""
    if outcome.judged_by is None or outcome.judged_by == present:
        return
    said = workers.OTHER_RULES.format(where=outcome.place, theirs=outcome.judged_by, ours=present)
    outcome.status, outcome.problems = "not_graded", [*outcome.problems, said]
    outcome.evidence, outcome.verdicts, outcome.judged_by = None, [], None


def _work_elsewhere(item: tuple[Unit, Course]) -> tuple[Owner, list[Outcome]]:
    unit, course = item
    return workers.work_elsewhere(unit, course, None)


def _crashed(unit: Unit) -> Outcome:
    newest = unit.candidates[0]
    outcome = Outcome(newest.name, newest.sha256, header=newest.header)
    outcome.problems.append("The grading process ended while it read this submission (out of memory?). Try it alone.")
    return outcome


def _sweep(client: DockerClient, owners: set[Owner]) -> None:
    from docker.errors import DockerException
    from requests.exceptions import RequestException

    with contextlib.suppress(DockerException, RequestException, OSError):  # the next run sweeps again
        orphans.sweep(client, owners)


def default_jobs() -> int:
    """Worker processes when nobody says: one more than there are processors, since a worker often waits."""
    import joblib

    return int(joblib.cpu_count()) + 1
