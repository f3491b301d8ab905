"""A run of a workflow, as far as it is known before it happens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Run:
    """What is known of the run that is previewed.

    Attributes:
        event_name: ``push``, ``pull_request``, ``schedule`` ...
        ref: full ref, ``refs/heads/main``.
        sha: full commit id; None where unknown.
        now: time of the run, with a time zone.
        payload: the event's document; None where it is not given.
        default_branch: name of the default branch; None where unknown.
        repository: ``OWNER/NAME``; None where unknown.
        github: further values of the ``github`` context.
        environment: environment variables of the runner.
        given: values by path, such as ``steps.version.outputs.tag``, that stand in for what only a run has.
    """

    event_name: str
    ref: str
    sha: str | None
    now: datetime
    payload: Mapping[str, Any] | None = None
    default_branch: str | None = None
    repository: str | None = None
    github: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    given: Mapping[str, str] = field(default_factory=dict)
