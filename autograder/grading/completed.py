"""The row of a submission that counts, completed with what is known of its receipt: the same in every command."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from autograder.evidence.submission_zip import moment
from autograder.grading import lateness, receipts
from autograder.grading.lateness import Deadlines
from autograder.grading.receipts import Ledger, Receipt
from autograder.grading.report import Row
from autograder.grading.verdict_file import VerdictFile


def completed(row: Row, ledger: Ledger, deadlines: Deadlines, remarks: Iterable[str] = ()) -> Row:
    """A row with its doubt about lateness, and remarks about its receipt before its own.

    Args:
        row: as its verdict gives it; what does not count is left as it is.
        ledger: of what was received.
        deadlines: of the class.
        remarks: about its receipt, as :func:`remarks_of` gives them, and why it counts.
    """
    if row.is_passed_over or row.status == "refused" or row.max_score is None:
        return row
    found = lateness.judged(
        ledger.in_hand(row.sha256, row.student),
        deadlines.of(row.lab, row.student),
        row.max_score,
        row.max_score,
    )
    return replace(row, remarks=(*remarks, *([found.remark] if found.remark else []), *row.remarks), doubt=found.doubt)


def remarks_of(ledger: Ledger, receipt: Receipt, sha256: str, student: str, written: datetime) -> list[str]:
    """What a row says of a receipt: that it was let in unsigned, a time that cannot be, a clock that is off.

    Args:
        ledger: of what was received.
        receipt: of what counts.
        sha256: of its zip.
        student: whose it is.
        written: when, by the student's clock.
    """
    told = (
        receipts.unsigned_remark(ledger.decided(sha256, student)),
        receipts.list_remark(receipt, ledger.in_hand(sha256, student) or receipt),
        receipts.clock_remark(written, receipt),
    )
    return [remark for remark in told if remark]


def completed_again(row: Row, document: VerdictFile | None, ledger: Ledger, deadlines: Deadlines) -> Row:
    """The same for what was graded in an earlier run.

    Args:
        row: as its verdict gives it.
        document: the verdict; None where there is none.
        ledger: of what was received.
        deadlines: of the class.
    """
    receipt = ledger.of(row.sha256, student=row.student) if document is not None else None
    if receipt is None or document is None:
        return completed(row, ledger, deadlines)
    written = moment(document.written_at)
    return completed(row, ledger, deadlines, remarks_of(ledger, receipt, row.sha256, row.student, written))
