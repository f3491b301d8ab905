"""The data types of Evidence, their schema, and the verification of snapshots."""

from autograder.evidence.model import (
    SCHEMA_VERSION,
    Answer,
    Case,
    CaseResult,
    Engine,
    Evidence,
    File,
    LayerPolicy,
    Manifest,
    Problem,
    Repository,
    Service,
    TaskRun,
)

__all__ = [
    "SCHEMA_VERSION",
    "Answer",
    "Case",
    "CaseResult",
    "Engine",
    "Evidence",
    "File",
    "LayerPolicy",
    "Manifest",
    "Problem",
    "Repository",
    "Service",
    "TaskRun",
]
