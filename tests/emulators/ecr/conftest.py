"""Fixtures of the ECR stand-in's tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from .emulator import Standin


@pytest.fixture
def standin(tmp_path: Path) -> Standin:
    """A fresh stand-in."""
    return Standin(tmp_path)


@pytest.fixture
def ecr(standin: Standin) -> Any:
    """boto3 as the admin, with a repository ``app``."""
    client = standin.client()
    client.create_repository(repositoryName="app")
    return client
