"""Puts the artificial lab in place of the kit's own in processes that tests start (this folder is on PYTHONPATH)."""

import os
from pathlib import Path

if os.environ.get("COURSE_TEST_KIT"):
    import autograder.checks
    from autograder import paths

    folder = Path(os.environ["COURSE_TEST_KIT"])
    paths.LABS, paths.SOLUTIONS = folder / "labs", folder / "solutions"
    autograder.checks.__path__.append(str(folder / "checks"))
