"""The ``if:`` of jobs and steps: whether it lets them run.

Source: https://docs.github.com/actions/reference/workflows-and-actions/workflow-syntax#jobsjob_idif and, for what
happens where no status function is called,
https://docs.github.com/actions/reference/workflows-and-actions/expressions#status-check-functions
"""

from __future__ import annotations

from collections.abc import Mapping

from autograder.domain.github_actions.errors import WorkflowError
from autograder.domain.github_actions.evaluate import FINE, STATUS_FUNCTIONS, Known, Status, text_of, truthy, value_of
from autograder.domain.github_actions.expressions import Function, Node, parse, segments, walk
from autograder.domain.limits import Budget


def holds(
    condition: object, contexts: Mapping[str, Known], status: Status = FINE, budget: Budget | None = None
) -> bool:
    """Whether an ``if`` lets something run.

    Args:
        condition: its value; None where there is none.
        contexts: what its expressions can name.
        status: what became of everything before it. Without a call of a status function, ``success()`` is asked too.
        budget: what the run may still ask for; without it the condition is counted on its own.

    Raises:
        WorkflowError: where GitHub would refuse the condition.
        NotKnownHere: where it depends on something that only a run has.
    """
    budget = budget or Budget(error=WorkflowError)
    text = text_of(condition).strip()
    budget.spend(len(text))
    pieces = list(segments(text))
    expressions = [expression for _, expression in pieces if expression is not None]
    around = "".join(before for before, _ in pieces)
    if text and not expressions:  # the whole of it is an expression
        expressions, around = [text], ""
    trees = [parse(expression, contexts) for expression in expressions]
    if not status.success and not any(map(_asks_for_status, trees)):
        return False
    if around or not trees:  # a text around an expression makes a text that is not empty
        return True
    values = [value_of(tree, contexts, status, budget) for tree in trees]
    return truthy(values[0]) if len(values) == 1 else any(map(text_of, values))


def _asks_for_status(tree: Node) -> bool:
    return any(isinstance(node, Function) and node.name.lower() in STATUS_FUNCTIONS for node in walk(tree))
