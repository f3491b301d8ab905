"""The one error of intake: why a submission (or a part of it) cannot be used, in words a student understands."""

from __future__ import annotations


class Refused(Exception):
    """A submission, or one file of it, cannot be used; the message is one plain sentence that says why."""
