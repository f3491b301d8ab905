"""How much a submission may ask of the readers: one table, with the reason for each limit and its headroom.

Sizes and counts that belong to one format or one cloud stand beside the code that reads it. Here is what several
readers share, and what no format limits: a few lines of a file can ask for any amount of text or work.
``tests/hostile/test_limits.py`` holds each limit against the largest honest file of the sample class.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Limit:
    """The most that is read or done.

    Attributes:
        most: the limit.
        unit: what is counted, as a message names it.
        honest: the largest number that honest work has reached, measured over the sample class.
        why: the reason for the limit.
    """

    most: int
    unit: str
    honest: int
    why: str


WRITTEN_OUT: Final = Limit(
    300_000,
    "characters and steps",
    3_000,
    "of one run of a workflow or pipeline: the values of its expressions and variables, and the texts of its scripts, "
    "each as often as it comes up. A check runs a file a few dozen times. What scripts may do is limited beside the "
    "shell (pipelines/shell.py).",
)
NAMES: Final = Limit(
    1_000,
    "names of images",
    10,
    "of one job or one step: a list of images times a list of tags, and each push asks for all that are held.",
)
ROWS: Final = Limit(
    60, "SBOMs", 2, "that refer to one image and are read: one is needed, and each can have megabytes of packages."
)
PACKAGES: Final = Limit(
    50_000, "packages", 10, "of all SBOMs of one image: they are stored with the evidence, every one of them."
)

JSON_PARTS: Final = Limit(
    1_000_000,
    "lists, objects and values",
    8_400,
    "of one JSON file: a byte of text can be eighty in memory, so they are counted before anything is built.",
)
HEADER_PARTS: Final = Limit(
    10_000,
    "lists, objects and values",
    600,
    "of a submission.json besides its list of files: the run keeps those of a whole class in memory. Personal values "
    "with fleets of images are most of it.",
)
NOTEBOOK_PARTS: Final = Limit(
    4_000_000,
    "lists, objects and values",
    8_400,
    "of a notebook: `submit` takes 20 MiB, and a plot's numbers in its outputs can be nearly all of that.",
)
CELLS: Final = Limit(
    1_000,
    "cells",
    40,
    "of a notebook are shown to a grader: a page has them all, and they are held against each other.",
)
MARKDOWN_CELL: Final = Limit(
    20_000, "characters", 2_000, "of a text cell that is shown formatted: formatters need time with the square of it."
)
MARKDOWN_LINES: Final = Limit(1_000, "lines", 60, "of a text cell that is shown formatted, for the same reason.")
MARKDOWN: Final = Limit(
    80_000,
    "characters",
    7_600,
    "of all text cells that are shown formatted: formgrader's server formats them while others wait, the worst text of "
    "that length in about six seconds.",
)
CODE_CELL: Final = Limit(
    100_000, "characters", 3_500, "of a code cell that is shown: to colour the worst ones takes a second."
)
NOTEBOOK_TEXT: Final = Limit(500_000, "characters", 15_000, "of all cells that are shown, for the same reason.")
TASK_SOURCES: Final = Limit(
    300_000,
    "characters",
    3_500,
    "of all cells that may be a code task, each parsed once: a copy or two is honest, hundreds are not.",
)
SANDBOX_SECONDS: Final = Limit(
    60,
    "seconds",
    1,
    "by the clock, of all code tasks of a submission, in every container and try: what hangs there holds up a run. "
    "While others keep what computes there waiting for a processor, three seconds count as one.",
)


class OverLimit(ValueError):
    """More was asked for than a limit allows; the text names the limit."""


class Budget:
    """What is left of a limit while a file is followed.

    Args:
        limit: the limit.
        error: what to raise when it is used up, with a text that names it.

    Attributes:
        spent: how much was used.
    """

    def __init__(self, limit: Limit = WRITTEN_OUT, error: type[ValueError] = OverLimit) -> None:
        self.limit, self.spent = limit, 0
        self._error = error

    def spend(self, more: int) -> None:
        """Count what comes next, before it is made.

        Raises:
            ValueError: of the kind that the budget was made with: it would be too much.
        """
        self.spent += more
        if self.spent > self.limit.most:
            raise self._error(
                f"written out, with its expressions, variables and loops, it has more than {self.limit.most:,} "
                f"{self.limit.unit}, and so much is not followed"
            )
