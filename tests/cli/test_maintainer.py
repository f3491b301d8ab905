"""``course test``: which tests run when somebody names some."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from autograder.cli import maintainer
from autograder.quality import steps


@pytest.mark.parametrize(
    ("given", "marks"),
    [
        (["--unit", "tests/oci"], ["-m", steps.WITHOUT_ENGINE]),
        (["--unit", "-q"], ["-m", steps.WITHOUT_ENGINE]),
        (["--unit", "-m", "slow", "tests/oci"], []),
        (["tests/oci"], []),
    ],
)
def test_unit_keeps_to_what_needs_no_engine_also_where_tests_are_named(given, marks, monkeypatch):
    """Tests that need one failed there, and those that would have run with one were run."""
    ran: list[list[str]] = []
    monkeypatch.setattr(steps.Steps, "run", lambda self, name, command: ran.append(list(command)) or 0)
    monkeypatch.setattr("autograder.services.machine_setup.ensure", lambda tools, say: None)
    assert CliRunner().invoke(maintainer.test, given).exit_code == 0
    named = [one for one in given if one != "--unit"]
    assert ran == [steps.pytest(*marks, *named)]
