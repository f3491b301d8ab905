"""The probe of pipelines: what schemas and zizmor say, whatever the environment; YAML that is refused."""

from __future__ import annotations

import hashlib
import sys
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.collect import pipeline_probe, safe_yaml
from autograder.collect.pipeline_probe import PIPELINE, WORKFLOW
from autograder.evidence.model import File
from autograder.services.throwaway import ProbeFault

CLEAN = """name: build
on:
  push:
permissions:
  contents: read
jobs:
  build:
    runs-on: ubuntu-24.04
    steps:
      - run: echo
"""
INJECTION = CLEAN.replace(
    "      - run: echo\n", "      - run: echo ${{ github.head_ref }} # zizmor: ignore[template-injection]\n"
)


def facts(name: str, text: str) -> Any:
    """What the probe says of one file; nothing is remembered from before."""
    pipeline_probe._facts.cache_clear()
    file = File(size=len(text), sha256=hashlib.sha256(text.encode()).hexdigest(), text=text)
    return pipeline_probe.probe({name: file})[name]


@pytest.fixture
def pipelines_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a CI system sets, and settings of zizmor and Python that would change what is said."""
    for name in ("CI", "GITHUB_ACTIONS", "FORCE_COLOR", "CLICOLOR_FORCE", "RUST_LOG", "PYTHONINSPECT"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("GH_TOKEN", "not a token")
    monkeypatch.setenv("ZIZMOR_CONFIG", "nowhere.yml")
    monkeypatch.setenv("PYTHONPATH", "nowhere")
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")


def test_a_merge_key_is_refused_at_github_and_read_at_gitlab() -> None:
    text = "x: &x {a: b}\nj:\n  <<: *x\n"
    assert facts(WORKFLOW, text)["problem"] == "Line 3: GitHub takes anchors and aliases, and no merge key (<<)."
    assert facts(PIPELINE, text)["data"]["j"] == {"a": "b"}


@pytest.mark.usefixtures("pipelines_environment")
@pytest.mark.slow  # it starts the tools that read such files, a second each
def test_a_clean_workflow() -> None:
    found = facts(WORKFLOW, CLEAN)
    assert (found["schema"], found["findings"]) == ([], [])
    assert found["data"]["on"] == {"push": None}


@pytest.mark.usefixtures("pipelines_environment")
@pytest.mark.slow  # it starts the tools that read such files, a second each
def test_a_finding_that_a_comment_silences_counts() -> None:
    (row,) = facts(WORKFLOW, INJECTION)["findings"]
    assert (row["rule"], row["severity"], row["line"]) == ("template-injection", "High", 10)
    assert row["path"].startswith("jobs.build.steps.0")
    assert not any("\x1b" in str(value) for value in row.values())


@pytest.mark.slow  # it starts the tools that read such files, a second each
@pytest.mark.parametrize(
    ("name", "text", "path", "message"),
    [
        (
            WORKFLOW,
            CLEAN.replace("    runs-on", "    timeout-minute: 3\n    runs-on"),
            "jobs.build",
            "'timeout-minute' was unexpected",
        ),
        (PIPELINE, "a:\n  script: [x]\n  artifacts:\n    path: [x]\n", "a.artifacts", "'path' was unexpected"),
    ],
)
def test_what_a_schema_does_not_allow(name: str, text: str, path: str, message: str) -> None:
    found = facts(name, text)
    assert any(error["path"] == path and message in error["message"] for error in found["schema"]), found["schema"]
    assert "findings" not in found


@pytest.mark.slow  # it starts the tools that read such files, a second each
def test_a_valid_pipeline_with_a_reference() -> None:
    found = facts(PIPELINE, ".a:\n  script: [x, y]\nb:\n  script:\n    - !reference [.a, script]\n    - z\n")
    assert found["schema"] == []
    assert found["data"]["b"]["script"] == [["x", "y"], "z"]


def test_files_that_are_not_there_or_no_text() -> None:
    empty = hashlib.sha256(b"").hexdigest()
    found = pipeline_probe.probe({WORKFLOW: File(size=9, sha256=empty, text=None)})
    assert found == {WORKFLOW: {"problem": "It is no UTF-8 text, or too large."}, PIPELINE: None}


def test_a_tool_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(ProbeFault, match="zizmor is not installed"):
        pipeline_probe._zizmor()


# -- YAML ------------------------------------------------------------------------------------------------------------

BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 10)
)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "It is empty."),
        ("[1]", "At its top it is no mapping."),
        ("a: 1\na: 2", "the key a is there twice"),
        ("a: 1\n---\nb: 2", "found another document"),
        ("a: [1", "Line"),
        ("a:\n\tb: 1", "Line 2"),
        ("a: " + "[" * 50 + "]" * 50, "nests more than"),
        (BOMB, "aliases make more than"),
        ("a: &a [*a]", "An alias stands inside what it names."),
        ("? [a]\n: b", "a key is no text"),
        ("a: !!python/object/apply:os.system [x]", "could not determine a constructor"),
        ("a: !reference [b, c]", "!reference names b, c, which is not there."),
        ("a: !reference [a]", "references make too many values"),
        ("a: x\n" * 20_000, "It has more than 64 KiB."),
        ("a: !!binary eA==", "type bytes"),
    ],
)
def test_yaml_that_is_refused(text: str, problem: str) -> None:
    began = time.monotonic()
    with pytest.raises(safe_yaml.Refused) as refusal:
        safe_yaml.read(text)
    assert problem in str(refusal.value)
    assert time.monotonic() - began < 5


def test_yaml_has_plain_types_alone() -> None:
    text = "on: yes\nn: 010\nd: 2026-01-01\nf: 1.5\nt: true\nz: ~\nm: &m {a: 1}\nk: {<<: *m, b: 0x1}\n1: x"
    assert safe_yaml.read(text) == {
        "on": "yes",
        "n": 10,
        "d": "2026-01-01",
        "f": 1.5,
        "t": True,
        "z": None,
        "m": {"a": 1},
        "k": {"a": 1, "b": "0x1"},
        "1": "x",
    }


PIECES = (
    "a: ",
    "- ",
    "\n",
    "  ",
    "&a ",
    "*a",
    "!reference [a]",
    "!!map ",
    "[",
    "]",
    "{",
    "}",
    "<<: *a",
    "? ",
    "|\n",
    "'",
    "\\",
    "#",
    "%",
)


@given(st.one_of(st.text(max_size=60), st.lists(st.sampled_from(PIECES), max_size=25).map("".join)))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        assert isinstance(safe_yaml.read(text), dict)
    except safe_yaml.Refused as refusal:
        assert str(refusal)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux bounds the memory of a program that runs already")
def test_an_expression_that_zizmor_would_write_out_takes_bounded_memory():
    """It writes constant expressions out, and took 2.4 GiB for this one."""
    nested = "format('{0}{0}{0}{0}{0}{0}{0}{0}{0}', " * 9 + "'xxxxxxxxxxxxxxxxxxxx'" + ")" * 9
    found = pipeline_probe._findings(CLEAN.replace("run: echo", "run: echo ${{ " + nested + " }}"))
    assert [row["rule"] for row in found] == ["unreadable"]
