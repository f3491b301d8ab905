"""Read one line with a JSON list of jobs, run each with the runner beside this file, write a JSON list of results.

One line instead of everything up to the end of the input, because not every engine connection (a Windows named pipe)
can close one direction only.
"""

import contextlib
import json
import os
import signal
import sys

sys.path.insert(0, "/sandbox")

import runner


class Alone(runner.Process):
    """A child that leaves nothing behind: when it is closed, everything else in the container ends with it.

    This program is process 1 of the container, so a signal to "everybody" reaches all but itself.
    """

    def close(self):
        end_all()  # before the pipes are closed, which waits for their other ends
        super().close()
        while os.getpid() == 1:
            end_all()
            try:
                os.waitpid(-1, 0)  # orphans are children of process 1
            except ChildProcessError:
                return


def end_all():
    """Kill every other process in the container."""
    if os.getpid() == 1:
        with contextlib.suppress(ProcessLookupError):
            os.kill(-1, signal.SIGKILL)


runner.Process = Alone
jobs = json.loads(sys.stdin.buffer.readline())
sys.stdout.write(json.dumps([runner.run(job) for job in jobs]) + "\n")
