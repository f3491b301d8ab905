"""The name by which the notebook of lab 08 imports ``fill``."""

from __future__ import annotations

from autograder.notebook.labs.lifecycle import fill

__all__ = ["fill"]
