"""The artificial lab's class, also for hostile cases."""

from __future__ import annotations

from pathlib import Path

import pytest

from ..grading.conftest import ada, ben, course, empty_gradebook, kit, lab
from ..grading.doubles import grade_without_engine

__all__ = ["ada", "ben", "course", "empty_gradebook", "kit", "lab"]


@pytest.fixture
def box(tmp_path: Path) -> Path:
    """Where students hand in."""
    folder = tmp_path / "submissions"
    folder.mkdir()
    return folder


@pytest.fixture
def no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    grade_without_engine(monkeypatch)
