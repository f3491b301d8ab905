"""When a submission was received, and who says so: ``class/received.jsonl``, a ledger that only grows.

A submission's own ``written_at`` is what a student's clock said, so it decides nothing. What counts is when the work
was received, known in one of these ways, the most trusted first:

``lms list``
    the learning platform's list of submissions (``course grade --received FILE``);
``lms name``
    the name that the platform gave the file in its bulk download: it holds the attempt, and whether it was late;
``instructor``
    a time that the instructor gave (``course grade --received-at TIME``, or a list of one's own);
``first seen``
    when ``course grade`` saw the file for the first time. The time of the file itself is no better: a copy changes it.

Each line is a JSON object. A line is never changed; what is learned later is a further line, and a reader takes of each
zip the best.

The ledger also says what was let in, and how: with the student's signature, unsigned because it was received before the
class asked for signatures, or unsigned and named by the instructor. Kits of that earlier time wrote a line without a
word of signatures for everything that they let in. So a class needs no date of its upgrade, which clocks could shift:
what such a line, or a verdict, knows of one student was received before.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from pydantic_core import from_json

from autograder import paths
from autograder.domain import instants
from autograder.evidence.model import Text
from autograder.formats import Format, Newer, Unreadable, is_absent
from autograder.grading import jsonl

FILE = "received.jsonl"
Known = Literal["lms list", "lms name", "instructor", "first seen"]
Standing = Literal["signed", "before", "named", "taken back"]
"""How a submission was let in: signed; or unsigned, and received before the class asked for signatures, or named by the
instructor; or that the instructor has taken that back, so that it is not let in any more."""
TRUST: tuple[Known, ...] = ("lms list", "lms name", "instructor", "first seen")
CLOCK_TOLERANCE = 300.0  # seconds by which a machine's clock may be off without a remark


class Receipt(BaseModel):
    """A line of the ledger.

    Attributes:
        sha256: of the zip, hex; of the file where it is none.
        student: id of the student whose work it is; empty while nobody knows.
        lab: slug; empty while nobody knows.
        name: what the file is called.
        submitter: who handed it in, as the learning platform writes that; empty where it says nothing.
        received_at: when it was received.
        known: how that is known.
        attempt: the platform's number of the attempt.
        late: whether the platform says that it came late.
        refused: why it was refused; empty where it was not.
        signature: how it was let in, of a class with a key; None where it was refused, and from earlier kits.
        signed_sha256: of the submission.json that its student has signed; empty where nobody did.
        decided_at: when the instructor let it in, or took that back; None where nobody decided.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    schema_: int = Field(default=1, alias="schema")
    sha256: str
    student: str = ""
    lab: str = ""
    name: Text = ""
    submitter: Text = ""
    received_at: AwareDatetime
    known: Known
    attempt: int | None = None
    late: bool | None = None
    refused: Text = ""
    signature: Standing | None = Field(default=None, exclude_if=is_absent)
    signed_sha256: str = Field(default="", exclude_if=lambda value: not value)
    decided_at: AwareDatetime | None = Field(default=None, exclude_if=is_absent)

    @property
    def order(self) -> tuple[datetime, int, str]:
        """Of several submissions the one with the greatest order counts: by time, then attempt, then name."""
        return self.received_at, self.attempt or 0, self.name

    @property
    def is_certain(self) -> bool:
        """Whether the time is one of receipt, and not only the latest that it can have been."""
        return self.known in ("lms list", "instructor")


RECEIPTS: Format[Receipt] = Format(
    "a line of the list of what was received",
    f"class/{FILE}",
    Receipt,
    next_step=f"Put back a copy of class/{FILE}. Without it, everything counts as first seen when it is graded again.",
)
MAX_NAMES = 500  # of one zip; a group's zip comes once a member, and each walk over its names is short


@dataclass
class Ledger:
    """What was received so far.

    Attributes:
        lines: of the file, in their order.
    """

    lines: list[Receipt] = field(default_factory=list)
    _by_zip: dict[str, list[Receipt]] = field(default_factory=dict, repr=False)
    _by_name: dict[tuple[str, str], list[Receipt]] = field(default_factory=dict, repr=False)
    _names: dict[str, int] = field(default_factory=dict, repr=False)  # of a zip, how many
    _by_signed: dict[str, list[Receipt]] = field(default_factory=dict, repr=False)
    _originals: dict[tuple[str, str], str] = field(default_factory=dict, repr=False)
    _new: list[Receipt] = field(default_factory=list, repr=False)

    def __post_init__(self) -> None:
        for line in self.lines:
            self._index(line)

    def _index(self, line: Receipt) -> None:
        self._by_zip.setdefault(line.sha256, []).append(line)
        of_name = self._by_name.setdefault((line.sha256, line.name), [])
        if not of_name:
            self._names[line.sha256] = self._names.get(line.sha256, 0) + 1
        of_name.append(line)
        if line.signed_sha256:
            self._by_signed.setdefault(line.signed_sha256, []).append(line)

    def _lines(self, sha256: str, name: str | None, student: str | None) -> list[Receipt]:
        of_name = self._by_zip.get(sha256, ()) if name is None else self._by_name.get((sha256, name), ())
        return [line for line in of_name if student is None or line.student in ("", student)]

    def _current(self, sha256: str, name: str | None = None, student: str | None = None) -> list[Receipt]:
        """What is said of a zip now: of each name and way of knowing the last line, which corrects those before."""
        return list({(line.name, line.known): line for line in self._lines(sha256, name, student)}.values())

    def of(self, sha256: str, name: str | None = None, student: str | None = None) -> Receipt | None:
        """The best that is known of a zip; None where it was never received.

        Of bytes that came under several names the last receipt counts. Attempt, submitter and lateness come from
        whichever line knows them, the most trusted first.

        Args:
            sha256: of the zip, hex.
            name: only what came under this name.
            student: only what counts as this student's; somebody else may hand in the same bytes.
        """
        found = sorted(self._current(sha256, name, student), key=lambda line: TRUST.index(line.known))
        if not found:
            return None
        timed = [line for line in found if line.known != "lms name"] or found
        best = max(
            (line for line in timed if line.known == timed[0].known),
            key=lambda line: (line.received_at, line.attempt or 0),
        )
        last = self._lines(sha256, name, student)[-1]
        of_name = [best, *(line for line in found if line.name == best.name), *found]
        return best.model_copy(
            update={
                "attempt": next((line.attempt for line in of_name if line.attempt is not None), None),
                "late": next((line.late for line in of_name if line.late is not None), None),
                "submitter": next((line.submitter for line in of_name if line.submitter), ""),
                "student": last.student or best.student,
                "lab": last.lab or best.lab,
                "refused": last.refused,
            }
        )

    def in_hand(self, sha256: str, student: str | None = None) -> Receipt | None:
        """The earliest receipt of a zip among those that are known best: of bytes that came twice, the first counts.

        A file that was seen here was received before, so the first sight of it counts too.
        """
        best = self.of(sha256, student=student)
        if best is None:
            return None
        times = [
            line for line in self._current(sha256, student=student) if line.known == best.known or not line.is_certain
        ]
        first = min(times, key=lambda line: line.received_at)
        return best.model_copy(update={"received_at": first.received_at, "known": first.known})

    def knows(self, sha256: str) -> bool:
        """Whether anything is known of a zip."""
        return sha256 in self._by_zip

    def has_room(self, sha256: str, name: str) -> bool:
        """Whether a name is known for a zip, or another one may be: the same bytes need not be kept a thousand times.

        What is not kept is told in its row all the same, in each run that sees it.
        """
        return (sha256, name) in self._by_name or self._names.get(sha256, 0) < MAX_NAMES

    def let_in(self, sha256: str, student: str) -> Standing | None:
        """How an unsigned zip was let in earlier as a student's; None where it never was.

        A zip that was refused then, or counted as somebody else's, was not let in.
        """
        decided = self.decided(sha256, student)
        if decided is not None:
            return decided.signature
        lines = (line for line in self._by_zip.get(sha256, ()) if line.student == student and not line.refused)
        return "before" if any(lines) else None

    def decided(self, sha256: str, student: str) -> Receipt | None:
        """What the instructor decided last of an unsigned zip as a student's: let in, or taken back; None: nothing."""
        lines = [line for line in self._by_zip.get(sha256, ()) if line.student == student]
        return next((line for line in reversed(lines) if line.signature in ("named", "taken back")), None)

    def named(self) -> list[Receipt]:
        """What the instructor has let in without a signature, the last line of each zip and student."""
        keys = dict.fromkeys((line.sha256, line.student) for line in self.lines if line.signature == "named")
        decided = (self.decided(*key) for key in keys)
        return [line for line in decided if line is not None and line.signature == "named"]

    def is_signed(self, sha256: str) -> bool:
        """Whether a zip was let in with its student's signature."""
        return bool(self.signed_json(sha256))

    def signed_json(self, sha256: str) -> str:
        """SHA-256 of the submission.json of a zip, as its student has signed it; empty where nobody did."""
        return next((line.signed_sha256 for line in self._by_zip.get(sha256, ()) if line.signed_sha256), "")

    def original(self, sha256: str, student: str) -> str:
        """SHA-256 of the zip in which the same signed submission.json came first; the zip's own where it is the first.

        Whoever has a signed zip can pack it again, or pack a part of it. That is no later work.
        """
        key = self.signed_json(sha256), student
        if key not in self._originals:
            copies = list(dict.fromkeys(line.sha256 for line in self._by_signed.get(key[0], ())))
            times = {copy: found.received_at for copy in copies if (found := self.in_hand(copy, student))}
            self._originals[key] = min(times, key=times.__getitem__, default="")
        return self._originals[key] or sha256

    def refused(self) -> Iterator[Receipt]:
        """What was refused and is so still, in the order in which it was first seen: the best of each name."""
        for sha256, lines in self._by_zip.items():
            last = {line.student: line for line in lines}
            of_name = {line.name: line for line in lines}
            for name, line in of_name.items():
                if line.refused and last[line.student].refused:  # else the same bytes of the same student were taken
                    best = self.of(sha256, name)
                    assert best is not None
                    yield best

    def note(self, line: Receipt) -> None:
        """Keep a line that says something new; :meth:`write` writes it."""
        self._originals.clear()
        known = self._by_zip.get(line.sha256, [])
        if not line.is_certain:  # it was seen when it was seen first
            seen = next((one for one in known if not one.is_certain), None)
            line = line if seen is None else line.model_copy(update={"received_at": seen.received_at})
        same = self._by_name.get((line.sha256, line.name), [])
        current = self._current(line.sha256, line.name)
        is_known = line in current or (not line.is_certain and any(_says_no_more(line, one) for one in current))
        if is_known and same[-1].refused == line.refused == known[-1].refused:
            return
        self._index(line)
        self.lines.append(line)
        self._new.append(line)

    def refuse(self, sha256: str, reason: str) -> None:
        """Keep why a zip was refused when it was judged, or that it no longer is (no reason)."""
        best = self.of(sha256)
        if best is not None and best.refused != reason:
            name = self._by_zip[sha256][-1].name
            self.note(best.model_copy(update={"refused": reason, "name": name, "signature": None, "signed_sha256": ""}))

    def write(self) -> None:
        """Write the new lines at the end of the file."""
        new, self._new = self._new, []
        if new:
            _append(b"".join(RECEIPTS.to_json(line) + b"\n" for line in new))


def _says_no_more(line: Receipt, known: Receipt) -> bool:
    """Whether an uncertain line adds nothing to one that is known."""
    same = (line.submitter or known.submitter, line.attempt or known.attempt, line.student or known.student)
    return (
        same == (known.submitter, known.attempt, known.student)
        and (line.lab or known.lab) == known.lab
        and line.late in (None, known.late)
        and line.signature in (None, known.signature)
        and TRUST.index(line.known) >= TRUST.index(known.known)
        and line.received_at >= known.received_at
    )


def _append(content: bytes) -> None:
    """Write lines at the end of the ledger."""
    jsonl.append(paths.classroom() / FILE, content)


def load() -> Ledger:
    """The ledger of the class; an empty one where nothing was received yet.

    A last line that is cut off, by a run that was killed, is passed over.

    Raises:
        Unreadable: another line is damaged; names it.
        Newer: a newer kit wrote it.
    """
    file = paths.classroom() / FILE
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        return Ledger()
    lines: list[Receipt] = []
    for number, line in enumerate(content.split(b"\n"), start=1):
        try:
            document = from_json(line)
        except ValueError:
            continue  # empty, or a killed run left it unfinished, and the next one ended the line
        try:
            lines.append(RECEIPTS.parse(document))
        except Newer:
            raise
        except Unreadable as problem:
            raise Unreadable(
                expected=problem.expected,
                detail=f"line {number} of class/{FILE}: {problem.detail}",
                next_step=problem.next_step,
            ) from None
    return Ledger(lines)


def now() -> datetime:
    """The time, in UTC, to the second."""
    return datetime.now(UTC).replace(microsecond=0)


def clock_remark(written: datetime, received: Receipt) -> str:
    """A sentence about a student's clock that is off; empty where nothing shows it.

    A submission cannot have been written after it was received. Nothing follows from it.
    """
    ahead = (written - received.received_at).total_seconds()
    if ahead <= CLOCK_TOLERANCE:
        return ""
    return (
        f"The student's clock is off: it says written at {instants.said(written)}, which is after "
        f"{said(received)}. Nothing is decided by it."
    )


def list_remark(best: Receipt, in_hand: Receipt) -> str:
    """A sentence about a time of receipt that cannot be, since the file was seen before; empty where there is none."""
    if not best.is_certain or in_hand.is_certain:
        return ""
    if (best.received_at - in_hand.received_at).total_seconds() <= CLOCK_TOLERANCE:
        return ""
    return (
        f"It cannot be {said(best)}: it was seen here at {instants.said(in_hand.received_at)} already. "
        "Look at the zone of that time; the first sight counts."
    )


def unsigned_remark(decided: Receipt | None) -> str:
    """A sentence about a zip that the instructor has let in without a signature; empty where nobody has."""
    if decided is None or decided.signature != "named":
        return ""
    on = f" on {decided.decided_at.date().isoformat()}" if decided.decided_at is not None else ""
    return f"Not signed; the instructor let it in{on} (--unsigned)."


def said(receipt: Receipt) -> str:
    """When it was received and how that is known, for people."""
    how = {
        "lms list": "received, by the platform's list",
        "lms name": "first seen here",
        "instructor": "received, by the instructor",
        "first seen": "first seen here",
    }[receipt.known]
    return f"{instants.said(receipt.received_at)} ({how})"


def why_newer(newest: Receipt, other: Receipt) -> str:
    """Which rule says that one submission counts and not the other, as the end of a sentence."""
    if newest.received_at != other.received_at:
        return f"received later: {said(newest)}, not {said(other)}"
    if (newest.attempt or 0) != (other.attempt or 0):
        return f"received at the same time, and a later attempt: {newest.attempt or 0}, not {other.attempt or 0}"
    return "received at the same time, and its name sorts last"
