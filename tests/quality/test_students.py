"""The scripted students' changes fit the masters: a text that a script replaces is there. No lab is done here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest

from autograder.labs import manifest, students
from autograder.quality import samples
from autograder.quality.lab_runs import LabRun
from autograder.quality.samples import Scripted, Stage


class HandedIn(Exception):
    """The script has come to its submission."""


class Dry(Stage):
    """A stage on which notebooks are changed and nothing is run."""

    def run(self, notebook: Any) -> Any:
        return notebook

    def submit(self) -> Path:
        raise HandedIn


def scripts() -> Iterator[Any]:
    for slug in manifest.slugs():
        for one in samples.load(manifest.find(slug)):
            if not one.after:  # those take another's submission as it is
                yield pytest.param(slug, one, id=f"{slug}-{one.student}")


@pytest.mark.parametrize(("slug", "one"), list(scripts()))
def test_each_change_finds_what_it_replaces(slug: str, one: Scripted, tmp_path: Path) -> None:
    lab = manifest.find(slug)
    lab_run = MagicMock(spec=LabRun, student=students.issue(samples.KEY, samples.COURSE, one.student))
    lab_run.folder.return_value = tmp_path
    with pytest.raises(HandedIn):
        one.act(Dry(lab_run, lab, tmp_path))
