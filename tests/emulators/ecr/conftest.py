"""Fixtures of the ECR emulator's tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from .emulator import Emulator


@pytest.fixture
def emulator(tmp_path: Path) -> Emulator:
    """A fresh emulator."""
    return Emulator(tmp_path)


@pytest.fixture
def ecr(emulator: Emulator) -> Any:
    """boto3 as the admin, with a repository ``app``."""
    client = emulator.client()
    client.create_repository(repositoryName="app")
    return client
