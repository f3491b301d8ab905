"""Steps: their seconds, and a word while one goes on."""

from __future__ import annotations

import time

import pytest

from autograder.services import http
from autograder.services.steps import Steps

pytestmark = pytest.mark.slow  # each starts programs


def test_steps_that_overlap_have_their_seconds_and_say_nothing_when_short():
    said: list[str] = []
    with Steps(said.append) as steps, steps.step("outer"):
        with steps.step("inner"):
            time.sleep(0.05)
        with steps.step("inner"):
            time.sleep(0.05)
    assert list(steps.seconds) == ["inner", "outer"] and said == []
    assert 0.1 <= steps.seconds["inner"] <= steps.seconds["outer"]


def test_what_takes_long_is_told_while_it_goes_on_and_when_it_is_done():
    said: list[str] = []
    with Steps(said.append, quiet=1.1) as steps, steps.step("images"):
        steps.say("a word")
        assert http.wait_until(lambda: len(said) > 2, 20)
    assert said[0] == "a word" and said[-1].startswith("images: done in ")
    assert all(line.startswith("still at it: images (") for line in said[1:-1])


def test_a_step_that_fails_has_its_seconds_too():
    with Steps(lambda _: None) as steps:
        with pytest.raises(ValueError, match="no"), steps.step("images"):
            raise ValueError("no")
        assert list(steps.seconds) == ["images"]
