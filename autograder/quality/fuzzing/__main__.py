"""``python -m autograder.quality.fuzzing MINUTES [TARGET …]``: exit status 1 where something was found."""

from __future__ import annotations

import sys

from autograder.quality.fuzzing import run

sys.exit(1 if run.run(float(sys.argv[1]), sys.argv[2:], lambda line: print(line, flush=True)) else 0)  # noqa: T201
