"""An unsaved notebook is noticed, a saved one is not complained about."""

from __future__ import annotations

import json
import os

import pytest

from autograder.labs import kernel


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "01-one"
    made.mkdir()
    return made


def save(folder, *cells, at, name="01-one"):
    file = folder / f"{name}.ipynb"
    document = {"cells": [{"cell_type": "code", "source": source, "metadata": {}} for source in cells]}
    file.write_text(json.dumps(document), encoding="utf-8")
    os.utime(file, (at, at))
    return document


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    monkeypatch.setattr(kernel.time, "time", lambda: 1_000.0)


def test_cells_that_are_not_in_an_older_file(folder):
    document = save(folder, "x = 1", at=900)
    kernel.remember(folder, ["x = 1", "!docker push a", "y = 2"])
    (said,) = kernel.unsaved(folder, document)
    assert "2 cells you ran are not in the file" in said


def test_another_notebook_that_was_saved_later_hides_nothing(folder):
    document = save(folder, "x = 1", at=900)
    save(folder, "scratch", at=2_000, name="scratch")
    kernel.remember(folder, ["y = 2"])
    assert kernel.unsaved(folder, document)


def test_saved(folder):
    kernel.remember(folder, ["!docker push a  ", "x = 1\n"])
    assert not kernel.unsaved(folder, save(folder, "x = 1", "!docker push a", at=900))
    assert not kernel.unsaved(folder, save(folder, at=2_000))


@pytest.mark.parametrize("cell", [{"cell_type": "code", "source": [1]}, {"source": None}, 3])
def test_a_damaged_notebook_is_not_this_ones_business(folder, cell):
    save(folder, at=900)
    kernel.remember(folder, ["x"])
    assert kernel.unsaved(folder, {"cells": [cell]})


def test_nothing_was_run(folder):
    assert kernel.unsaved(folder, save(folder, at=900)) == []
