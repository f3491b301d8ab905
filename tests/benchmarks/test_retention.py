"""The benchmark of retention previews measures what it says, on small fleets here."""

from __future__ import annotations

import pytest

from autograder.benchmarks import retention
from autograder.domain.retention import Action


@pytest.mark.slow  # it collects garbage before each measurement, which takes long in a process as large as this
def test_each_row_names_what_was_measured(monkeypatch):
    monkeypatch.setattr(retention, "SIZES", (20, 40))
    monkeypatch.setattr(retention, "BUDGET", {40: 1.0})
    rows = retention.run()
    assert len(rows) == 8
    assert {row["images"] for row in rows} == {20, 40}
    for row in rows:
        assert row["seconds"] >= 0
        assert row["cpu_seconds"] >= 0
        assert row["peak_bytes"] > 0
        assert ("within_budget" in row) == (row["images"] == 40)


def test_the_fleet_is_the_same_every_time_and_the_policies_act_on_it():
    fleet = retention.fleet(2000)
    assert fleet == retention.fleet(2000)
    assert len({image.digest for image in fleet}) == 2000
    for _, _, evaluate in retention._subjects():
        outcome = evaluate(fleet)
        assert outcome.of(Action.EXPIRE)
        assert outcome.of(Action.KEEP)
