"""The two ways a preview can end without a tag: the action itself would fail, or only GitHub could tell."""

from __future__ import annotations


class WorkflowError(ValueError):
    """The action would stop with an error; the message says at what."""


class NotKnownHere(Exception):
    """A value that only a run on GitHub has, or a construct that the preview does not evaluate.

    Attributes:
        what: what is missing, as a noun phrase that completes "needs ...".
    """

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


class PathNotKnown(NotKnownHere):
    """A path in a context, such as ``steps.build.outputs.tag``, that only a run has."""
