"""What labs bring to their notebooks: found under the lab's name, and under the names that notebooks import."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

from autograder.labs import manifest
from autograder.notebook import labs


def test_each_module_has_the_name_of_a_labs_package():
    modules = {file.stem for file in Path(labs.__path__[0]).glob("*.py")} - {"__init__"}
    assert modules and modules <= {manifest.find(slug).module for slug in manifest.slugs()}


@pytest.mark.parametrize(
    ("slug", "handed_out", "name"),
    [("08-lifecycle", "fleet", "fill"), ("12-multi-registry", "capstone", "run_twice")],
)
def test_a_notebook_of_the_first_version_still_finds_it(slug, handed_out, name):
    lab = manifest.find(slug)
    text = (lab.folder / f"{slug}.ipynb").read_text(encoding="utf-8")
    assert f"from autograder.notebook.{handed_out} import {name}" in text
    old, new = import_module(f"autograder.notebook.{handed_out}"), import_module(f"{labs.__name__}.{lab.module}")
    assert getattr(old, name) is getattr(new, name)
