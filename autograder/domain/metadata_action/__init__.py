"""The tag rules of docker/metadata-action: what the step would give out, without running it.

Rules of version 6.0 to 6.2, read from https://github.com/docker/metadata-action (src/meta.ts, tag.ts, flavor.ts,
image.ts, context.ts). Bake files are left out.
"""

from __future__ import annotations

from autograder.domain.metadata_action.context import Context, Repository
from autograder.domain.metadata_action.errors import MetadataError, NotKnownHere
from autograder.domain.metadata_action.outputs import Gap, Inputs, Outcome, Preview, Unknown, preview
from autograder.domain.metadata_action.workflow import Run, Step, StepPreview, metadata_steps, preview_step

__all__ = [
    "Context",
    "Gap",
    "Inputs",
    "MetadataError",
    "NotKnownHere",
    "Outcome",
    "Preview",
    "Repository",
    "Run",
    "Step",
    "StepPreview",
    "Unknown",
    "metadata_steps",
    "preview",
    "preview_step",
]
