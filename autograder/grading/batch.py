"""A whole class: find submissions, leave out what is graded already, judge the rest in parallel, keep each at once.

Nothing here schedules or queues: joblib does, in threads that wait for child processes or on a Dask cluster. Each
result is on disk before the next is looked at, so a run that was killed goes on where it stopped.
"""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autograder.errors import CourseError, EnvironmentProblem
from autograder.evidence.submission_zip import HEADER_FILE, SIGNATURE_FILE, Header, moment
from autograder.grading import (
    discover,
    engine_calls,
    intake,
    lateness,
    lms,
    pool,
    probes,
    receipts,
    regrade,
    report,
    rules,
    sandbox,
    store,
    walled,
    workers,
)
from autograder.grading.archive import Archive
from autograder.grading.completed import completed, remarks_of
from autograder.grading.discover import Found
from autograder.grading.identity import Identity, Owners
from autograder.grading.intake import Signed
from autograder.grading.judge import Outcome, failure, sha256_of
from autograder.grading.lateness import Deadlines
from autograder.grading.lms import NOBODY, Entry, Lists, Name, People
from autograder.grading.people import Course
from autograder.grading.problems import FOR_INSTRUCTOR, FOR_STUDENT, Refused
from autograder.grading.progress import Progress
from autograder.grading.receipts import Ledger, Receipt, Standing
from autograder.grading.report import Row, row_of, row_of_refused
from autograder.grading.spending import Spending
from autograder.grading.strictjson import said, some
from autograder.grading.verdict_file import VerdictFile
from autograder.grading.walls import Calls, Crew, Open, Over
from autograder.grading.workers import Candidate, Unit
from autograder.labs.manifest import Lab
from autograder.services import engine, http, installation, orphans, scratch
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
    signed: Signed
    json_sha256: str  # of submission.json
    standing: Standing | None = None  # how it was let in; None before it is, and in the public course


@dataclass(frozen=True)
class Receiving:
    """What is known of receipt in this run.

    Attributes:
        ledger: what was received so far; the run writes into it.
        lists: what the platform, or the instructor, says of submissions.
        at: when all of them were received, as the instructor says; None where nothing is said.
        now: the time of this run, the same for all of it.
        named: SHA-256 of the zips that count although they are not signed, as the instructor says.
    """

    ledger: Ledger = field(default_factory=Ledger)
    lists: Lists = field(default_factory=Lists)
    at: datetime | None = None
    now: datetime = field(default_factory=receipts.now)
    named: Collection[str] = ()


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


def peek(
    found: Found, course: Course, walls: Calls | None = None, spending: Spending | None = None
) -> Peeked | Outcome:
    """Look at a zip's submission.json; a refused outcome when it cannot be graded.

    Args:
        found: where it is.
        course: the class.
        walls: in which it is read; this process where nothing is given.
        spending: what the run has spent on others so far.
    """
    outcome, spending = Outcome(found.name, "", status="refused"), spending or Spending()
    try:
        try:
            if refusal := spending.refusal(found):
                looked = Looked(_sum(found), problem=refusal)
            else:
                looked, work = walled.tried(walls or Open(), looked_at, found, course.key)
                spending.add(found, work)
        except Over as excess:
            spending.add(found, excess.work)
            looked = Looked(
                _sum(found), problem=f"{excess} {walled.ALONE if excess.is_of_the_machine else discover.AGAIN}"
            )
        outcome.sha256, outcome.header = looked.sha256, looked.header
        if looked.problem or looked.header is None or found.file is None:
            raise Refused(looked.problem)
        lab = intake.admitted(looked.header, course)
        return Peeked(found, found.file, looked.sha256, looked.header, lab, looked.signed, looked.json_sha256)
    except Refused as reason:
        outcome.problems.append(str(reason))
    outcome.sha256 = outcome.sha256 or hashlib.sha256(found.name.encode("utf-8", "surrogateescape")).hexdigest()
    return outcome


def _sum(found: Found) -> str:
    """The SHA-256 of a file that is not read otherwise, hex; empty where there is none, or none any more."""
    try:
        return sha256_of(found.file) if found.file is not None else ""
    except OSError:
        return ""


@dataclass(frozen=True)
class Looked:
    """What a zip's submission.json tells.

    Attributes:
        sha256: of the zip, hex; empty where there is no file.
        header: submission.json; None where it cannot be read.
        signed: who signed it.
        json_sha256: of its bytes.
        problem: why it cannot be graded; empty where it can.
    """

    sha256: str = ""
    header: Header | None = None
    signed: Signed = intake.UNSIGNED
    json_sha256: str = ""
    problem: str = ""


def looked_at(progress: Progress, found: Found, key: bytes) -> tuple[Looked, float]:
    """Look at a zip's submission.json, and at its signature by the class's key; also gives seconds of computing."""
    began = time.process_time()
    looked = _looked_at(progress, found, key)
    return looked, time.process_time() - began


def _looked_at(progress: Progress, found: Found, key: bytes) -> Looked:
    progress.step("read", "submission.json")
    sha256 = ""
    try:
        sha256 = sha256_of(found.file) if found.file is not None else ""
        if found.problem or found.file is None:
            return Looked(sha256, _header_beside(found), problem=found.problem)
        with Archive(found.file) as archive:
            content = intake.header_bytes(archive)
            header = intake.parsed_header(content)
            signed = intake.signed(archive, content, header, key)
        return Looked(sha256, header, signed, hashlib.sha256(content).hexdigest())
    except Refused as reason:
        return Looked(sha256, problem=str(reason))
    except OSError as error:
        return Looked(sha256, problem=f"It cannot be read: {error.strerror or error}.")
    except MemoryError:
        raise
    except Exception as error:  # one zip's, and nobody else's
        return Looked(sha256, problem=failure(error)[0])


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
        """A submission, refused where the platform or the instructor's list says that somebody else handed it in than
        whom it names, and where nothing shows that this student wrote it."""
        if isinstance(seen, Outcome):
            return seen
        student = seen.header.student
        submitter = lms.read_name(found.parts).submitter
        by = self._people.find(submitter) if submitter else ""
        if by not in ("", student):
            told = "by the platform's name"
            next_step = f"If it is to count, put it elsewhere as {seen.lab.slug}-{student}.zip."
        else:
            listed = self.receiving.lists.whose(found.parts, seen.lab.slug)
            others = sorted({entry.student for entry in listed} - {student})
            if not others or student in {entry.student for entry in listed}:
                return self._signed(seen)
            if others == [NOBODY]:
                self.receiving.lists.use(*listed)
                self.remarks.setdefault(seen.sha256, []).append(
                    f"Your list says “{NOBODY}” of {found.name}, no submission; it is one, of {student}, and counts as "
                    "any other. If it is not to count, take it out of what you grade."
                )
                return self._signed(seen)
            by, told = some([other for other in others if other != NOBODY]), "as your list says"
            next_step = f"If it is to count, name {student} in the line about it, or take that line out."
        outcome = Outcome(found.name, seen.sha256, status="refused")
        outcome.problems.append(
            f"{by} handed it in, {told}, and it is the submission of {student}. {FOR_INSTRUCTOR} ask both. {next_step}"
        )
        return outcome

    def _signed(self, seen: Peeked) -> Peeked | Outcome:
        """A submission with how it was let in; refused where it was not."""
        if self.course.is_public:  # its key is no secret, so a signature would show nothing
            return seen
        standing = "signed" if seen.signed.by == "student" else self._unsigned(seen)
        if standing is not None:
            return replace(seen, standing=standing)
        return _outcome(seen, _not_signed(seen))

    def _unsigned(self, seen: Peeked) -> Standing | None:
        """How a submission without a fitting signature counts; None where it does not.

        One whose signature does not fit is another's or was changed, so that only the instructor can let it in.
        """
        student, known = seen.header.student, self.receiving.ledger.let_in(seen.sha256, seen.header.student)
        if seen.sha256 in self.receiving.named or known == "named":
            return "named"
        if seen.signed.by == "another" or known == "taken back":
            return None
        if known is None:  # version 0.1.0 kept no ledger, and the ledger may be lost
            graded = store.read(student, seen.lab.slug)
            known = "before" if graded is not None and graded.submission_sha256 == seen.sha256 else None
        return known

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
            signature=seen.standing if isinstance(seen, Peeked) else None,
            signed_sha256=seen.json_sha256 if isinstance(seen, Peeked) and seen.standing == "signed" else "",
        )
        ledger = self.receiving.ledger
        if base.signature == "named":
            decided = ledger.decided(seen.sha256, student)
            known = decided is not None and decided.signature == "named"
            at = decided.decided_at if decided is not None and known else self.receiving.now
            base = base.model_copy(update={"decided_at": at})
        told = base
        if self.receiving.at is not None:
            told = base.model_copy(update={"received_at": self.receiving.at, "known": "instructor"})
        is_listed = entry is not None or bool(self.receiving.lists.whose(found.parts, lab))
        if not is_listed and not ledger.has_room(seen.sha256, base.name):
            return told
        ledger.note(base)
        ledger.note(told)
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
            named, of_lab = self._people.in_file(found.parts[-1], self._slugs) if found.parts else by_file
            if named and (named, of_lab) != (student, lab):
                self.remarks.setdefault(seen.sha256, []).append(
                    f"The file is named for {named} and {of_lab}, and it is the submission of {student} for {lab}, "
                    "which is what counts."
                )
        else:
            header, roster = seen.header, self.course.roster
            student = header.student if header is not None and header.student in (roster or ()) else ""
            by_file = self._people.in_file(found.parts[-1], self._slugs) if found.parts else by_file
            lab = header.lab if header is not None and header.lab in self._slugs else ""
            lab = lab or by_file[1] or lms.lab_of(found.parts, self._slugs)
        own = student or by_file[0]
        name = lms.read_name(found.parts, f"{lab}-{own}" if own and lab else "")
        lists = self.receiving.lists
        entries = lists.find(found.parts, name, student, lab)
        if isinstance(seen, Peeked):
            entries = [entry for entry in entries if entry.student in ("", student)]
            lists.use(*(entry for entry in lists.whose(found.parts, lab) if entry.student == student))  # as it says
        entry = self._the_one([entry for entry in entries if entry.received_at], name, seen, found.name)
        if isinstance(seen, Outcome):
            listed = [one for one in entries if one.student]
            if not listed and not student:
                listed = lists.around(found.parts)
            if len({one.student for one in listed}) > 1:
                seen.problems.append(f"Your list names several students for it: {some([e.student for e in listed])}.")
            elif listed:
                student, lab = listed[0].student, listed[0].lab or lab
            lists.use(*listed)
            student = student or self._people.find(name.submitter) or ("" if name.submitter else by_file[0])
        return student, lab, name, entry

    def _the_one(self, entries: Sequence[Entry], name: Name, seen: Peeked | Outcome, label: str) -> Entry | None:
        """The entry about a submission; of several attempts the one that the file's name tells, or none, which is said.

        Several entries of one time are as good as one: a platform lists a group's work once a member.
        """
        times = {entry.received_at for entry in entries}
        self.receiving.lists.use(*entries)  # each is as good as the one, or in what is said here
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
        lists = self.receiving.lists
        entries = [entry for entry in lists.unused() if entry.file and entry.student and not lists.is_stranger(entry)]
        for receipt in list(self.receiving.ledger.refused()) if entries else ():
            name, around = receipt.name, lms.outer(receipt.name)
            for entry in entries:
                fits = entry.fits(name, lms.parts_of(name))
                if fits or (not receipt.student and around and entry.fits(around, lms.parts_of(around))):
                    update = {"student": entry.student, "lab": entry.lab or receipt.lab}
                    self.receiving.ledger.note(receipt.model_copy(update=update))
                    lists.use(entry)


def plan(
    found: Iterable[Found],
    course: Course,
    force: bool,
    receiving: Receiving | None = None,
    inline: bool = False,
    walls: Calls | None = None,
) -> Plan:
    """Decide what there is to do.

    Of several submissions of one student for one lab the signed ones come before those that are not. Of these the one
    that was received last counts; of several that were
    received at the same time the one with the greatest number of attempt, then the name that sorts last. One that was
    received before what is graded already is left out; ``force`` grades the newest given anyway, but never an unsigned
    one in place of a signed one.

    Args:
        found: what was handed in.
        course: the class.
        force: judge again even what is graded and unchanged.
        receiving: what is known of receipt; the ledger gains a line for whatever is new.
        inline: put the bytes into the units, for workers on other machines.
        walls: in which each is read; this process where nothing is given.
    """
    receiving = receiving or Receiving()
    door = _Door(course, receiving)
    settled: list[Row] = []
    groups: dict[tuple[str, str], dict[str, Peeked]] = {}  # of each the zips, by SHA-256
    new: set[str] = set()  # of what nothing was known before this run
    found, spending = list(found), Spending()
    if course.roster is not None:
        receiving.lists.leave_out_strangers(course.roster)
    receiving.lists.place((one.name, one.parts) for one in found)
    for one in found:
        seen = door.admitted(peek(one, course, walls, spending), one)
        if not receiving.ledger.knows(seen.sha256):
            new.add(seen.sha256)
        receipt = door.receive(seen, one)
        if isinstance(seen, Peeked):
            of_lab = groups.setdefault((seen.header.student, seen.lab.slug), {})
            first = of_lab.setdefault(seen.sha256, seen)
            if first is not seen:  # the same bytes once more
                again, of_lab[seen.sha256] = sorted((first, seen), key=lambda one: one.found.name)
                settled.append(row_of_refused(_outcome(again, "The same zip a second time."), "duplicate"))
        elif receipt.student != NOBODY:
            settled.append(row_of_refused(seen, student=receipt.student, lab=receipt.lab))
    door.settle()
    settled[:] = [_where_signed_counts(row, groups, receiving.ledger) for row in settled]
    made = Plan([], settled, {})
    for (student, slug), zips in sorted(groups.items()):
        before, group = store.read(student, slug), list(zips.values())
        whole = _Wholeness(group, walls or Open())
        (newest, receipt), *others = _in_order(receiving.ledger, group, before, new, whole)
        made.labs[slug] = newest.lab.at(newest.lab.newest)  # whichever version this student has
        remarks = made.remarks[newest.sha256] = door.remarks.get(newest.sha256, [])
        for other, other_receipt in others:
            why = _why(newest, receipt, other, other_receipt, before, new, whole)
            settled.append(row_of_refused(_outcome(other, f"{newest.found.name} counts: {why}."), "older"))
            if receipt.received_at == other_receipt.received_at:
                remarks.append(f"Counts and not {other.found.name}: {why}.")
        remarks += remarks_of(receiving.ledger, receipt, newest.sha256, student, newest.header.moment)
        rest = [other for other, _ in others]
        _decide(made, before, newest, receipt, rest, course, force, receiving, inline, whole)
    return made


NOT_SIGNED = "It is not signed. "  # how _not_signed begins
SIGNED_COUNTS = (
    "It is not signed, and counts for nothing: what {student} has signed for this lab counts{which}. Nothing to do."
)
PACKED_AGAIN = "the other is the same submission, packed again"
NOT_WHOLE = (
    "the other is the same submission, but not whole: missing, or changed after `python3 course.py submit` wrote the "
    f"zip: {{files}}. {FOR_STUDENT} if the change is to count, run `python3 course.py submit {{lab}}` and hand that in"
)
TAKEN_BACK = "Not signed; the instructor let it in, and took that back on {}."
UNREADABLE = "files that cannot be read"
COPY_NAME = "Copy the name from the table (also in a zip: 'outer.zip: inner.zip'), in quotes, on one line."
SIGNED = "it has the student's signature, and the other has none"


def _not_signed(seen: Peeked) -> str:
    """Why nothing shows that a student wrote a submission, and what to do."""
    student, lab, name = seen.header.student, seen.lab.slug, seen.found.name
    wanted = (
        f"{SIGNATURE_FILE} with the signature of {student}, which `python3 course.py submit` writes by what this class "
        "has handed out"
    )
    again = f"`python3 course.py submit {lab}` again"
    if seen.signed.by == "nobody":
        return (
            f"It is not signed. Expected: {wanted}; found: none, as earlier kits wrote it. {FOR_STUDENT} update "
            f"the kit (`git pull`) and run {again}. {FOR_INSTRUCTOR} if you know that {student} wrote this one, add "
            f"it to the next run: `{report.GRADE_AGAIN}{report.unsigned(name)}`; that is remembered, and --take-back "
            "takes it back."
        )
    return (
        f"Its signature does not fit. Expected: {wanted}; found: {seen.signed.found}. Somebody else wrote it, or "
        f"{HEADER_FILE} was changed afterwards. {FOR_STUDENT} put the student.toml that you were handed out into work/ "
        f"and run {again}. {FOR_INSTRUCTOR} it lies in class/handout-parameters/{student}/."
    )


def _where_signed_counts(row: Row, groups: Mapping[tuple[str, str], Mapping[str, Peeked]], ledger: Ledger) -> Row:
    """A row of what is not signed, without advice that nobody needs where the same student's signed work counts."""
    if row.status != "refused" or not row.remarks or not row.remarks[0].startswith(NOT_SIGNED):
        return row
    now = [one.found.name for one in groups.get((row.student, row.lab), {}).values() if one.standing == "signed"]
    before = store.read(row.student, row.lab) if not now and row.lab else None
    if before is not None and ledger.is_signed(before.submission_sha256):
        now = [before.source]
    if not now:
        return row
    which = f" ({some(now, 1)})"
    return replace(row, remarks=(SIGNED_COUNTS.format(student=row.student, which=which), *row.remarks[1:]))


def _is_older_than_the_ledger(before: VerdictFile | None, new: Collection[str]) -> bool:
    """Whether what was graded was graded by version 0.1.0, and this is the first time that its zip is seen since."""
    return before is not None and before.evidence is not None and before.submission_sha256 in new


def _in_order(
    ledger: Ledger, group: Sequence[Peeked], before: VerdictFile | None, new: Collection[str], wholeness: _Wholeness
) -> list[tuple[Peeked, Receipt]]:
    """The submissions of one student for one lab with their receipts, that which counts first.

    Of what is known no better than that it was seen now, the zip that is graded already stays. Where version 0.1.0
    graded it, its rule decides once more, or an upgrade would change what counts: the time of writing.

    Of zips with the same signed submission.json a whole one counts, and then the first: else whoever has one could take
    files out of it and hand that in.
    """
    known = [(peeked, _order(ledger, peeked)) for peeked in group]
    by_clock = _is_older_than_the_ledger(before, new)

    def order(pair: tuple[Peeked, Receipt]) -> tuple[bool, datetime, datetime, int, bool, bool, bool, str]:
        peeked, receipt = pair
        clock = peeked.header.moment if by_clock and not receipt.is_certain else EARLIEST
        graded = before is not None and before.evidence is not None and peeked.sha256 == before.submission_sha256
        stays = graded and not receipt.is_certain
        whole = not wholeness.flaws_of_copy(peeked)
        first = ledger.original(peeked.sha256, peeked.header.student) == peeked.sha256
        is_signed, attempt = peeked.standing == "signed", receipt.attempt or 0
        return is_signed, receipt.received_at, clock, attempt, whole, first, stays, receipt.name

    return sorted(known, key=order, reverse=True)


class _Wholeness:
    """Which files of a zip are missing or changed, found out once a zip: it takes the hashes of all of them."""

    def __init__(self, group: Sequence[Peeked], walls: Calls) -> None:
        self._walls = walls
        self._copies = Counter(one.json_sha256 for one in group)
        self._flaws: dict[str, tuple[str, ...]] = {}

    def flaws(self, peeked: Peeked) -> tuple[str, ...]:
        """Names of files that are missing, or not as its submission.json lists them."""
        if peeked.sha256 not in self._flaws:  # the same zip may have come many times
            try:
                self._flaws[peeked.sha256] = walled.tried(self._walls, differing, peeked.file, peeked.header)
            except (Over, OSError, Refused):
                self._flaws[peeked.sha256] = (UNREADABLE,)
        return self._flaws[peeked.sha256]

    def flaws_of_copy(self, peeked: Peeked) -> tuple[str, ...]:
        """The same of one of several zips with the same submission.json; of one that is alone nobody asks."""
        return self.flaws(peeked) if self._copies[peeked.json_sha256] > 1 else ()

    def said(self, peeked: Peeked) -> str:
        """What is to be said of a copy that does not count, as the end of a sentence."""
        flaws = self.flaws(peeked)
        if not flaws:
            return PACKED_AGAIN
        return NOT_WHOLE.format(files=some(flaws), lab=peeked.lab.slug)


def differing(progress: Progress, file: Path, header: Header) -> tuple[str, ...]:
    """The files that a zip does not hold as its submission.json lists them."""
    progress.step("read", "the hashes of its files")
    return intake.differing(file, header)


def _why(
    newest: Peeked,
    receipt: Receipt,
    other: Peeked,
    other_receipt: Receipt,
    before: VerdictFile | None,
    new: Collection[str],
    whole: _Wholeness,
) -> str:
    """Which rule of :func:`_in_order` says that one submission counts and not the other, as the end of a sentence."""
    if newest.standing == "signed" and other.standing != "signed":
        return SIGNED
    if newest.standing == other.standing == "signed" and newest.json_sha256 == other.json_sha256:
        return whole.said(other)
    if receipt.received_at == other_receipt.received_at and not receipt.is_certain:
        if _is_older_than_the_ledger(before, new) and newest.header.moment != other.header.moment:
            return "by the time of writing, as version 0.1.0 decided, since it is not known when they were received"
        same_attempt = (receipt.attempt or 0) == (other_receipt.attempt or 0)
        if same_attempt and before is not None and newest.sha256 == before.submission_sha256:
            return "it is graded already, and they were first seen at the same time"
    return receipts.why_newer(receipt, other_receipt)


def _order(ledger: Ledger, peeked: Peeked) -> Receipt:
    """The receipt of a zip, under the name that it has here: of what was only packed again, that of the first one."""
    student = peeked.header.student
    receipt = ledger.of(ledger.original(peeked.sha256, student), student=student)
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
    whole: _Wholeness,
) -> None:
    """Put the newest submission of a student for a lab where it belongs: settled, to judge, or to judge again."""
    student, slug = newest.header.student, newest.lab.slug
    ledger = receiving.ledger
    another = before is not None and before.evidence is not None and before.submission_sha256 != newest.sha256
    stays = _stays(before, newest, ledger, whole) if before is not None and another else ""
    if before is not None and stays:
        reason = f"{before.source}, graded already, counts: {stays}."
        made.settled.append(row_of_refused(_outcome(newest, reason), "older"))
        return
    if before is not None and not force:
        if store.is_current(before, newest.sha256, newest.lab, course):
            made.settled.append(row_of(before, "unchanged"))
            return
        kept = _graded_receipt(ledger, before)
        if another and kept.order > receipt.order and not _replaces(newest, before, ledger, whole):
            reason = f"{before.source}, graded already, counts: {receipts.why_newer(kept, receipt)}."
            made.settled.append(row_of_refused(_outcome(newest, reason), "older"))
            return
        by_clock = moment(before.written_at) > newest.header.moment
        if another and by_clock and not receipt.is_certain:
            made.remarks[newest.sha256].append(
                f"It replaces {before.source}, being seen later here; by the student's clock it is the older one."
            )
    older = [p for p in others if p.sha256 != newest.sha256]
    unit = Unit(student, slug, tuple(_candidate(p, inline) for p in [newest, *older]))
    if before is not None and not force and store.holds(before, newest.sha256, newest.lab, course):
        made.again.append((before, unit))
    else:
        made.units.append(unit)


def _stays(before: VerdictFile, newest: Peeked, ledger: Ledger, whole: _Wholeness) -> str:
    """Why what is graded stays, whenever another zip was received, as the end of a sentence; empty where it may go."""
    signed = ledger.signed_json(before.submission_sha256)
    if signed and newest.standing != "signed":
        return SIGNED
    if signed and signed == newest.json_sha256 and intake.is_whole(before.problems):
        return whole.said(newest)
    return ""


def _replaces(newest: Peeked, before: VerdictFile, ledger: Ledger, whole: _Wholeness) -> bool:
    """Whether a zip replaces what is graded, whenever either was received: it is signed and the other is not, or it is
    the whole of the submission of which the other, graded already, was a part (:func:`_stays` has asked that)."""
    signed = ledger.signed_json(before.submission_sha256)
    if newest.standing != "signed" or not ledger.knows(before.submission_sha256):
        return False
    return not signed or (signed == newest.json_sha256 and not whole.flaws(newest))


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
        jobs: how many are judged at once.
        scheduler: address of a Dask scheduler, or None.
        force: judge again what is graded already.
        say: called with a line about what takes time before judging begins.
        lists: lists of submissions, of the learning platform or the instructor's own.
        at: when what is given was received, as the instructor says; None where nothing is said.
        known: files among what is given that are no submissions.
        crew: the walls in which what students wrote is read; closed when the run ends.
        unsigned: zips, folders of zips, and names as the table prints them, that count although they are not signed, as
            the instructor says.
        take_back: the same of what is to be let in no longer.
    """

    course: Course
    jobs: int
    scheduler: str | None = None
    force: bool = False
    say: Say = lambda line: None
    lists: Lists = field(default_factory=Lists)
    at: datetime | None = None
    known: Sequence[Path] = ()
    crew: Crew = field(default_factory=Crew)
    unsigned: Sequence[str | Path] = ()
    take_back: Sequence[str | Path] = ()

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
        with (
            installation.locked("grade", wait=1.0),
            scratch.folder("submissions-") as place,
            self.crew,
        ):
            deadlines = lateness.load(self.course)
            with self.crew.one() as walls:
                ledger, now = receipts.load(), receipts.now()
                more = [path for one in (*self.unsigned, *self.take_back) if (path := _path_of(one)) is not None]
                sources = [*given, *more]
                found = discover.find(sources, place, self.known, walls) if sources else []
                self._take_back(found, ledger, now)
                receiving = Receiving(ledger, self.lists, self.at, now, self._named(found))
                plan_ = plan(found, self.course, self.force, receiving, inline=bool(self.scheduler), walls=walls)
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
            with self.ready(plan_):
                judges = {slug: Owners(lab, self.course) for slug, lab in plan_.labs.items()}
                for unit, outcomes in self.results(plan_.units):
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

    def _named(self, found: Sequence[Found]) -> set[str]:
        """SHA-256 of the zips that the instructor names as unsigned and to be counted.

        Raises:
            CourseError: a name fits nothing, or several zips; or one person handed in several in one zip.
        """
        named: set[str] = set()
        for given in self.unsigned:
            meant = [one for one in _meant(given, found) if not one.problem]
            sums = {sha256_of(one.file): one.name for one in meant if one.file is not None}
            unclear = _several_of_one(meant) if _path_of(given) else list(sums.values())[1:] and list(sums.values())
            if not sums or unclear:
                raise CourseError(
                    expected="for --unsigned a zip, a folder of zips, or the name of one as the table prints it",
                    found=f"{said(given)} fits {some(unclear) if unclear else 'nothing that can be read'}",
                    next_step=f"{COPY_NAME} Each of several zips in one zip has to be named by itself.",
                )
            named |= sums.keys()
        return named

    def _take_back(self, found: Sequence[Found], ledger: Ledger, now: datetime) -> None:
        """Let in no longer what the instructor let in without a signature; a verdict that rests on it is put aside.

        Raises:
            CourseError: a name fits nothing that was let in so, or several.
        """
        for given in self.take_back:
            known, path = list(ledger.named()), _path_of(given)
            sums = {sha256_of(one.file) for one in _meant(given, found) if one.file is not None}
            lines = [line for line in known if line.sha256 in sums]
            if path is None:
                fits = [line for line in known if lms.is_named(str(given), line.name, lms.parts_of(line.name))]
                lines = [line for line in known if line.name == str(given)] or lines or fits
            if not lines or (path is None and len({line.sha256 for line in lines}) > 1):
                names = some([line.name for line in lines or known]) or "nothing"
                raise CourseError(
                    expected="for --take-back what was let in with --unsigned: a zip, or its name in the table",
                    found=f"{said(given)} {'fits several' if lines else 'is none of'}: {names}",
                    next_step=COPY_NAME,
                )
            for line in lines:
                update = {"signature": "taken back", "decided_at": now, "refused": TAKEN_BACK.format(now.date())}
                ledger.note(line.model_copy(update=update))
                graded = store.read(line.student, line.lab)
                if graded is not None and graded.submission_sha256 == line.sha256:
                    from autograder.grading import gradebook  # it loads nbgrader, which few runs need so early

                    gradebook.forget(self.course, line.student, line.lab)
                    store.set_aside(graded)
                self.say(f"Taken back: {line.name} ({line.student}, {line.lab}).")
            ledger.write()

    def _say_unused(self) -> None:
        """Name the lines of the instructor's own lists that fit nothing."""
        unused = self.lists.unused()
        if unused:
            lines = [said(self.lists.why_unused(entry), 200) for entry in unused[:MAX_LINES]]
            more = f" and {len(unused) - MAX_LINES} more" if len(unused) > MAX_LINES else ""
            self.say(
                f"Lines of your list that did nothing ({len(unused)}): {'; '.join(lines)}{more}. Each fits no file "
                "that was handed in, or several, or names another lab or a student who is not on the roster: compare "
                "it with the names in the table."
            )

    def _judged_again(self, plan_: Plan, keeper: regrade.Keeper) -> Iterator[Row]:
        """Judge stored evidence by the present rules; what that cannot settle becomes a unit.

        The evidence lies here, so this machine's processes do it, also where submissions go to a cluster.
        """
        units = {(before.student, before.lab): unit for before, unit in plan_.again}
        for before, row in regrade.again(
            [before for before, _ in plan_.again], self.course, self.jobs, keeper, self.crew
        ):
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
    def ready(self, plan_: Plan) -> Iterator[None]:
        """Clean up after earlier runs, have the images ready, and clean up after this one, however it ends."""
        labs = self._versions(plan_.units)
        needed = any(lab.tasks or lab.probes for lab in labs)
        if not needed or self.scheduler:
            _swept_where_an_engine_answers()
            yield
            return
        client = engine_calls.connected()
        try:
            engine_calls.answered(lambda: orphans.sweep(client))
            if any(lab.tasks for lab in labs):
                engine_calls.answered(lambda: sandbox.build(client, self.say))
            wanted = {name for lab in labs for name in lab.probes}
            engine_calls.answered(lambda: probes.prepare(wanted, client, self.say))
            self.crew.ended = _swept
            yield
        finally:
            owners = {orphans.owner(), *self.crew.owners}
            workers.close()
            self.crew.close()
            _sweep(client, owners)
            client.close()

    def _versions(self, units: Iterable[Unit]) -> list[Lab]:
        """The labs of units, in each version that one of their zips is judged by: they may differ in what they need."""
        zips = [candidate.header for unit in units for candidate in unit.candidates if candidate.header is not None]
        found = {(lab.slug, lab.version): lab for lab in (intake.admitted(header, self.course) for header in zips)}
        return list(found.values())

    def results(self, units: list[Unit]) -> Iterator[tuple[Unit, list[Outcome]]]:
        """Each unit as it is judged, with its outcomes."""
        if self.scheduler:
            yield from self._on_cluster(units, self.scheduler)
            return
        for number, outcomes in pool.each(self._work, dict(enumerate(units)), self.jobs):
            yield units[number], outcomes

    def _work(self, unit: Unit) -> list[Outcome]:
        with self.crew.one() as walls:
            return walled.work(unit, self.course.only(unit.student), walls)

    def _on_cluster(self, units: list[Unit], address: str) -> Iterator[tuple[Unit, list[Outcome]]]:
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
                for number, outcomes in pool.parallel(work, items, None):
                    yield units[number], outcomes
        finally:
            with contextlib.suppress(Exception):  # a worker that is gone has nothing left to close
                client.run(_close_elsewhere)
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


def _path_of(given: str | Path) -> Path | None:
    """What is given on the command line, where that is on this disk; None where it is a name as the table prints it."""
    try:
        path = Path(given)
        return path if path.exists() else None
    except (OSError, ValueError):  # no path can be so long, or have such signs
        return None


def _meant(given: str | Path, found: Sequence[Found]) -> list[Found]:
    """What is meant by something on the command line: files at or below a path, else what has that name.

    What the table calls exactly so goes before what only ends so.
    """
    path, with_file = _path_of(given), [one for one in found if one.file is not None]
    if path is not None:
        around = path.absolute() if path.is_symlink() else path.resolve()
        return [one for one in with_file if one.place is not None and one.place.is_relative_to(around)]
    exact = [one for one in with_file if one.name == str(given)]
    return exact or [one for one in with_file if lms.is_named(str(given), one.name, one.parts)]


def _several_of_one(meant: Sequence[Found]) -> list[str]:
    """Names of zips in one zip that came from the same person: whoever packed them chose whose names they bear."""
    together: dict[tuple[Path | None, str], list[str]] = {}
    for one in meant:
        if lms.outer(one.name):
            whose = discover.whose(one.name.partition(lms.IN_ZIP)[2])
            together.setdefault((one.place, whose), []).append(one.name)
    return next((names for names in together.values() if len(names) > 1), [])


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
        return completed(row, self.ledger, self.deadlines, self.plan.remarks.get(row.sha256, ()))


def _by_present_rules(outcome: Outcome, present: str) -> None:
    """Take back what other rules judged than those of this run: two kinds of points in a class are none."""
    if outcome.judged_by is None or outcome.judged_by == present:
        return
    said = workers.OTHER_RULES.format(where=outcome.place, theirs=outcome.judged_by, ours=present)
    outcome.status, outcome.problems = "not_graded", [*outcome.problems, said]
    outcome.evidence, outcome.verdicts, outcome.judged_by = None, [], None


def _work_elsewhere(item: tuple[Unit, Course]) -> list[Outcome]:
    unit, course = item
    with _elsewhere.one() as walls:
        return walled.work(unit, course, walls)


def _close_elsewhere() -> None:
    global _elsewhere
    crew, _elsewhere = _elsewhere, _crew_elsewhere()
    workers.close()
    owners = crew.owners
    crew.close()
    for owner in owners:
        _swept(owner)


def _crew_elsewhere() -> Crew:
    crew = Crew()
    crew.ended = _swept
    return crew


def _swept(owner: Owner) -> None:
    """Remove the containers of a child that was ended."""
    with contextlib.suppress(EnvironmentProblem), contextlib.closing(engine_calls.connected()) as client:
        _sweep(client, {owner})


def _swept_where_an_engine_answers() -> None:
    """Remove the containers of runs that were killed, in a run that needs no engine itself."""
    _, client = engine.probe(timeout=3.0)  # it may hang, and nobody here waits for it
    if client is not None:
        with contextlib.closing(client):
            _sweep(client, set())


def _sweep(client: DockerClient, owners: set[Owner]) -> None:
    with contextlib.suppress(EnvironmentProblem):  # the next run sweeps again
        engine_calls.answered(lambda: orphans.sweep(client, owners))


_elsewhere = _crew_elsewhere()  # of a process that works for a cluster


def default_jobs() -> int:
    """Worker processes when nobody says: one more than there are processors, since a worker often waits."""
    import joblib

    return int(joblib.cpu_count()) + 1
