"""The grader's door, as the student's machine asks it: what `submit` wrote is read by the code that will grade it.

So what is handed in is never refused for its form or its size, and the student sees at once what would not be read.
"""

from __future__ import annotations

from pathlib import Path

from autograder.errors import CourseError
from autograder.grading import intake, judge, limits
from autograder.grading.archive import Archive
from autograder.grading.problems import Refused
from autograder.labs.manifest import Lab, Parameters


def read_back(file: Path, lab: Lab, parameters: Parameters) -> list[str]:
    """Read a submission as the grader will.

    Args:
        file: the zip.
        lab: the lab, in the version that the student works on.
        parameters: the student's personal parameters.

    Returns:
        a sentence about each part that the grader would not read. What is simply not there is none of it.

    Raises:
        CourseError: the grader would refuse the whole.
    """
    try:
        with Archive(file) as archive:
            found = intake.parts(archive, intake.header_of(archive), lab, parameters)
        size = len(judge.packed(judge.evidence_of(found, {}, {}, "")))
        if size > limits.EVIDENCE:
            raise Refused(judge.too_much(size))
    except Refused as reason:
        raise CourseError(
            expected="a submission that the grader reads",
            found=str(reason),
            next_step=f"Take out what lab {lab.slug} does not ask for (long outputs, repositories, tags, files), then "
            "submit again. Nothing was written.",
        ) from None
    return [f"The grader will not read all of it: {one}" for one in found.problems if not intake.is_of_absence(one)]
