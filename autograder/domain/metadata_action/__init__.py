"""The tag rules of docker/metadata-action: what the step would give out, without running it.

Rules of version 6.0 to 6.2, read from https://github.com/docker/metadata-action (src/meta.ts, tag.ts, flavor.ts,
image.ts, context.ts). Bake files are left out.
"""

from __future__ import annotations

from autograder.domain.github_actions.contexts import Gap
from autograder.domain.github_actions.errors import NotKnownHere, WorkflowError
from autograder.domain.github_actions.run import Run
from autograder.domain.metadata_action.context import Context, Repository
from autograder.domain.metadata_action.outputs import Inputs, Outcome, Preview, Unknown, preview
from autograder.domain.metadata_action.steps import Step, StepPreview, metadata_steps, preview_step

__all__ = [
    "Context",
    "Gap",
    "Inputs",
    "NotKnownHere",
    "Outcome",
    "Preview",
    "Repository",
    "Run",
    "Step",
    "StepPreview",
    "Unknown",
    "WorkflowError",
    "metadata_steps",
    "preview",
    "preview_step",
]
