"""Evidence can always be stored, whatever a student's machine wrote."""

from __future__ import annotations

import pytest

from autograder.evidence.model import Answer, Case, CaseResult, Engine, Evidence, Repository, Service

HALF = "a\ud800é"  # half of a surrogate pair, as the JSON text "\\ud800" gives it

EMPTY = Evidence(kit_version="1", lab="x", lab_version=1, student="s", origin="live", collected_at="")


@pytest.mark.parametrize(
    "more",
    [
        {"answers": {"a": Answer(value=[{HALF: HALF}], recorded_at=HALF, inputs={HALF: HALF})}},
        {"services": {"registry": Service(settings={HALF: [HALF]}, catalog=(HALF,))}},
        {"engine": Engine(version=HALF, api=HALF, operating_system=HALF, architecture=HALF)},
        {"journal": ({HALF: HALF},)},
        {"images": {HALF: HALF}},
        {"collected_at": HALF},
    ],
)
def test_half_a_surrogate_pair_does_not_keep_evidence_from_being_stored(more):
    made = Evidence.model_validate(EMPTY.model_dump() | more)
    stored = made.model_dump_json()
    assert "a?é" in stored and Evidence.model_validate_json(stored) == made


def test_other_text_stays_as_it_is():
    for text in ("", "ascii", "é", "\N{GRINNING FACE}", "\x00"):
        assert Answer(value={text: [text]}, recorded_at="").value == {text: [text]}


def test_a_result_of_broken_text_is_stored_too():
    case = Case(kind="k", args=(), expected="x")
    assert not CaseResult.model_validate_json(
        CaseResult(case=case, status="returned", value=HALF).model_dump_json()
    ).correct


def test_what_checks_read_most():
    found = EMPTY.model_copy(
        update={
            "parameters": {"v1": 1.5, "releases": ["1.0", 2], "lines": {"a": [1]}},
            "services": {
                "ecr": Service(settings={"now": "2026"}, repositories={"a": Repository(service="ecr", name="a")})
            },
        }
    )
    assert (found.text("v1"), found.texts("releases"), found.parameter("lines")) == ("1.5", ["1.0", "2"], {"a": [1]})
    assert found.settings("ecr") == {"now": "2026"} and found.settings("acr") == {}
    assert (held := found.repository("ecr", "a")) is not None and held.name == "a"
    assert found.repository("ecr", "b") is found.repository("acr", "a") is None
