"""Every operation of the emulator. Each is one function in one of these modules, and nothing else names it.

What each takes and answers: https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_Operations.html
"""

from __future__ import annotations

from autograder.emulators.ecr.operation import OPERATIONS
from autograder.emulators.ecr.operations import archive, images, layers, lifecycle, registry, repositories, scanning

__all__ = ["OPERATIONS", "archive", "images", "layers", "lifecycle", "registry", "repositories", "scanning"]
