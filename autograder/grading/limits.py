"""What one submission may cost while it is found, read, judged and shown: one table, with the reasons and the headroom.

Two kinds of limits meet here. Counts and sizes belong to the readers and stand beside them
(:mod:`autograder.domain.limits`, :mod:`autograder.grading.archive`); they say early and by name what is too much. The
limits of this table are the walls (:mod:`autograder.grading.walls`): they end whatever the readers did not foresee.

What counts is computing time, since a busy machine makes everything slow and nothing wrong; the clock on the wall is
for what waits and never goes on. ``tests/grading/test_walls.py`` holds ``honest`` against samples of every lab.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class StepLimit:
    """The most that a step may cost.

    Attributes:
        work: seconds of computing, of the process and of what it starts.
        wall: seconds on the clock, for what hangs.
        honest: the most that honest work needs, in seconds of computing.
        does: what the step does, to follow "It was ended while".
        why: the reason for the limit.
    """

    work: float
    wall: float
    honest: float
    does: str
    why: str


FIND: Final = StepLimit(
    15.0, 120.0, 0.4, "a zip was searched for submissions", "A zip of a platform holds a whole class; counted anew for "
    "each zip inside it, whose unpacking takes about half a second for 100 MB.",
)  # fmt: skip
READ: Final = StepLimit(
    15.0, 60.0, 1.0, "it was read", "JSON, layers and their hashes: 0.02 s in the sample class; a zip of 100 MB, full "
    "of layers, takes about a second.",
)  # fmt: skip
PAGE: Final = StepLimit(
    5.0, 60.0, 0.01, "its notebook was made ready to be shown", "Every cell is cleaned of what could act in a browser.",
)  # fmt: skip
TASKS: Final = StepLimit(
    20.0, 1800.0, 0.1, "its code tasks were run", "The tasks themselves run in the sandbox, which has limits of its "
    "own; this is for what they give back. An engine may be slow, so the clock is patient.",
)  # fmt: skip
PROBE: Final = StepLimit(
    20.0, 1800.0, 2.0, "the grader tried it out", "Pushing to a registry and pulling back, scanning, linters: 0.1 s in "
    "the sample class, and about 2 s for 100 MB. Containers count for themselves. An engine may be slow, so the clock "
    "is patient.",
)  # fmt: skip
CHECK: Final = StepLimit(
    5.0, 60.0, 0.05, "a check judged it", "One check, of one submission; all of a class wait for it.",
)  # fmt: skip
WRITE: Final = StepLimit(
    10.0, 60.0, 0.05, "its evidence was packed", "What was read is kept, so that it can be judged again.",
)  # fmt: skip
REASONS: Final = StepLimit(
    10.0, 60.0, 0.2, "the reasons of its changes were looked for", "Each check is judged a few times more.",
)  # fmt: skip

STEPS: Final = {
    "find": FIND, "read": READ, "page": PAGE, "tasks": TASKS, "probe": PROBE, "check": CHECK, "write": WRITE,
    "reasons": REASONS,
}  # fmt: skip

TOTAL: Final = 40.0  # seconds of computing for all of a submission; the sample class needs at most 0.2
UPLOAD: Final = 60.0  # seconds of computing to look at all that one person handed in, beyond LOOK for each file
WHOLE_ZIP: Final = 600.0  # the same of all in one zip: whoever packs a zip chooses the names, and so whose they seem
LOOK: Final = 0.05  # seconds of computing to look at an honest zip, which takes a tenth of that; and for each 5 MB more
MEMORY: Final = 1 << 30  # bytes of the process and what it starts; judging the whole sample class takes 170 MB
LARGE: Final = 400 << 20  # bytes after which the process is replaced, when it is done: memory once taken stays taken
EVIDENCE: Final = 32 << 20  # bytes of evidence as it is kept, packed; the sample class has at most 0.5 MB
ANSWER: Final = 2 * EVIDENCE  # bytes of what a process may give back: evidence, verdicts, the notebook
