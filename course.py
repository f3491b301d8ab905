"""Starts the course: python3 course.py COMMAND. Makes its environment in .venv on first use; see --help.

Every Python must understand this file, so that an old one can say what it is told here.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036
    sys.stderr.write(
        "The course needs Python 3.11 or newer and this is Python %d.%d; install a newer one "  # noqa: UP031
        "(https://www.python.org/downloads/) and run course.py with it.\n" % sys.version_info[:2]
    )
    sys.exit(3)

from autograder.launcher.main import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
