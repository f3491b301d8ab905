"""What one person handed in costs together: a zip may hold thousands, each of which may cost what one file may."""

from __future__ import annotations

from autograder.grading import discover, limits, lms
from autograder.grading.discover import Found
from autograder.grading.problems import FOR_INSTRUCTOR

MANY_MORE = 5e6  # bytes that take about limits.LOOK seconds to hash


class Spending:
    """What it has cost so far to look at all that one person handed in, in seconds of computing.

    What honest files need counts for nothing, so that a platform's download of a large class is never over the limit.
    Where nothing tells one person's files in a zip from another's, they count together. A zip has a limit as a whole,
    too: many persons' names in it may all be one person's, who packed it.
    """

    def __init__(self) -> None:
        self._spent: dict[tuple[str, ...], float] = {}

    def add(self, found: Found, work: float) -> None:
        """Note what a look has cost.

        Args:
            found: at what.
            work: seconds of computing.
        """
        try:
            size = found.file.stat().st_size if found.file is not None else 0
        except OSError:  # it was taken away meanwhile, which its row says
            size = 0
        more = work - limits.LOOK * (1 + size / MANY_MORE)
        if more > 0:
            for whose in {_handed_in_by(found), _place(found)}:
                self._spent[whose] = self._spent.get(whose, 0.0) + more

    def is_over(self, found: Found) -> bool:
        """Whether what was handed in with it has cost too much for it to be looked at."""
        return bool(self.refusal(found))

    def refusal(self, found: Found) -> str:
        """Why a file is not looked at, and what to do; empty where it is."""
        if self._spent.get(_handed_in_by(found), 0.0) > limits.UPLOAD:
            most, next_step = limits.UPLOAD, discover.AGAIN
        elif self._spent.get(_place(found), 0.0) > limits.WHOLE_ZIP:
            most, next_step = limits.WHOLE_ZIP, f"{FOR_INSTRUCTOR} unpack the zip around it, then grade again."
        else:
            return ""
        told = "It was not looked at: what was handed in with it took more than"
        return f"{told} {most:.0f} seconds of computing. {next_step}"


def _place(found: Found) -> tuple[str, ...]:
    """The zip in which it lies; of what lies in none, the file."""
    return ("in", *lms.zip_around(found.parts)) if lms.zip_around(found.parts) else (found.name,)


def _handed_in_by(found: Found) -> tuple[str, ...]:
    """What is the same of all that one person handed in: the zip around it, and in that the person's folder or name."""
    around = lms.zip_around(found.parts)
    return (*around, found.owner) if around else (found.name,)
