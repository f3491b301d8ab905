"""The benchmark of the environment prints figures only."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from autograder.benchmarks import environment
from autograder.cli.maintainer import bench


def test_figures_are_all_that_is_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    def ensure(made: environment.launcher.Environment, level: str) -> None:
        sys.stderr.write("The environment is ready (3 s).\n")
        (made.folder / "bin").mkdir(parents=True)
        (made.folder / "bin" / "trivy").write_bytes(bytes(2_000_000))

    monkeypatch.setattr(environment.launcher.Environment, "ensure", ensure)
    monkeypatch.setattr(environment, "_warm", lambda command: 80)
    monkeypatch.setattr(environment.sys, "prefix", str(Path(__file__).parent))
    done = CliRunner().invoke(bench, ["environment"])
    title, *rows = done.output.strip().splitlines()
    assert title.startswith("environment: Size on disk")
    assert rows[:2] == ["  what: student environment  MB: 2  seconds: 0", "  what: of which trivy  MB: 2"]
    assert rows[-2] == "  what: the same without the launcher  ms: 80"
    assert rows[-1].startswith("  in all: 0 s, processor time without containers ") and len(rows) == 6
