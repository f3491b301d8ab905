"""The form of the emulators' settings: what they write is accepted, and nothing else gets as far as a check."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from autograder.domain.services import EMULATORS
from autograder.evidence import emulator_state

from .emulator_states import DIGEST, line, state

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every part of JSON data."""
    found = [path]
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in parts:
        found += places(part, (*path, key))
    return found


@pytest.mark.parametrize("service", EMULATORS)
def test_a_state_is_accepted_and_lists_its_images(service):
    found = state(service)
    assert emulator_state.problem(service, found) is None
    assert emulator_state.images(service, found) == {"team/ml-model": {DIGEST: ("1.0",)}}
    assert emulator_state.images(service, {}) == {}


@pytest.mark.parametrize("service", EMULATORS)
@given(data=st.data())
def test_whatever_stands_in_a_state_is_refused_or_can_be_read(service, data):
    whole = copy.deepcopy({"s": state(service)})
    path = data.draw(st.sampled_from([place for place in places(whole) if place]))
    part = whole
    for key in path[:-1]:
        part = part[key]
    if data.draw(st.booleans()) and isinstance(part, dict) and len(path) > 1:
        del part[path[-1]]
    else:
        part[path[-1]] = data.draw(JSON)
    wrong = emulator_state.problem(service, whole["s"])
    if wrong is None:
        images = emulator_state.images(service, whole["s"])
        assert all(isinstance(tag, str) for found in images.values() for tags in found.values() for tag in tags)
    else:
        assert "\n" not in wrong and len(wrong) <= 300


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        (("now",), "yesterday", "now"),
        (("now",), "2026-11-02T08:00:00", "without a zone"),
        (("repositories", 0, "name"), "../../etc", "not a repository's name"),
        (("repositories", 0, "name"), "a/" * 200 + "a", "not a repository's name"),
        (("repositories", 0, "images", 0, "digest"), "sha256:0", "not a digest"),
        (("repositories", 0, "images", 0, "size"), "3", "size"),
        (("tokens",), None, "tokens"),
    ],
)
def test_a_wrong_part_is_named(path, value, says):
    found = state("dockerhub")
    part = found
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = value
    assert says in (emulator_state.problem("dockerhub", found) or "")


def test_the_journals_lines():
    assert emulator_state.problem_of_lines([line(1), line(2, tag="", extra=[1])]) is None
    for wrong in (None, {}, [1], [line(1) | {"number": "1"}], [line(1) | {"detail": None}], [line(1) | {"when": ""}]):
        assert emulator_state.problem_of_lines(wrong)


def test_of_many_wrong_entries_the_first_is_told_without_an_error_for_each():
    """A million errors would take gigabytes, out of a file of a few megabytes."""

    def errors(adapter: TypeAdapter[Any], value: object) -> int:
        with pytest.raises(ValidationError) as caught:
            adapter.validate_python(value)
        return caught.value.error_count()

    ecr = state("ecr")
    assert errors(emulator_state._LINES, [0] * 1000) == 1
    assert errors(emulator_state.ADAPTERS["ecr"], {**ecr, "repositories": {f"a{n}": 0 for n in range(20_000)}}) == 1
    assert errors(emulator_state.ADAPTERS["ecr"], {**ecr, "profiles": {f"a{n}": 0 for n in range(20_000)}}) == 1
    hub = state("dockerhub")
    assert errors(emulator_state.ADAPTERS["dockerhub"], {**hub, "accounts": [0] * 1000, "tokens": [0] * 1000}) == 2
    assert "more than 10000 entries" in str(
        emulator_state.problem("ecr", {**ecr, "repositories": {f"a{n}": 0 for n in range(20_000)}})
    )
