"""The child behind the walls where no engine is: see :mod:`tests.hostile.without_engine`."""

from __future__ import annotations

from autograder.grading import child
from tests.hostile import without_engine


def main() -> None:
    """Take the doubles, then do what the kit's own child does."""
    without_engine.stand_in()
    child.main()
