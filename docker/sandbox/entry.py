"""Read one line with a JSON list of jobs, run each with the runner beside this file, write a JSON list of results.

One line instead of everything up to the end of the input, because not every engine connection (a Windows named pipe)
can close one direction only.
"""

import json
import sys

sys.path.insert(0, "/sandbox")

import runner  # noqa: E402

jobs = json.loads(sys.stdin.buffer.readline())
sys.stdout.write(json.dumps([runner.run(job) for job in jobs]) + "\n")
