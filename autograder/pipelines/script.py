"""A script in a job: its commands act on the job's state, in the order in which a shell runs them."""

from __future__ import annotations

from autograder.domain.limits import Budget
from autograder.pipelines import shell, tools
from autograder.pipelines.job_state import JobState
from autograder.pipelines.shell import Command

SHOWN = 60  # characters of a command in a message


def _shown(command: Command) -> str:
    text = " ".join(command.words)
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"


def follow(found: list[Command], state: JobState, place: str, gates_fail: bool, budget: Budget | None = None) -> bool:
    """Let the commands of a script act; whether the script fails.

    Args:
        found: its commands.
        state: what the job has.
        place: the job or step, for messages.
        gates_fail: whether every gate finds something.
        budget: what the run may still come to, written out; without it the script is counted on its own.
    """
    acted: dict[int, list[tools.Effect]] = {}
    for command, plain in zip(found, shell.joined(found, budget), strict=True):
        acted[id(command)] = [effect for one in plain for effect in tools.effects(one, f"{place} ({_shown(one)})")]

    def fails(command: Command) -> bool:
        """Acts, and says whether a gate stops the script."""
        stopped = False
        for effect in acted[id(command)]:
            stopped = stopped or (gates_fail and state.is_gate(effect))
            state.apply(effect)
        return stopped

    return shell.ran(found, fails)[1]
