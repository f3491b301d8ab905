"""The parsers of what students write: seconds of what `course test --fuzz` does for minutes, and what it found."""

from __future__ import annotations

import json
import string
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autograder.quality.fuzzing import child, mutation, run, targets
from autograder.quality.fuzzing.targets import Target

TARGETS = {target.name: target for target in targets.every()}
FEW = settings(max_examples=25, suppress_health_check=list(HealthCheck), database=None, derandomize=True)

# -- grammars --------------------------------------------------------------------------------------------------------

CHARACTERS = string.printable + "éß\u0130\u202e\u2028\ud800\U0001f600"
WORDS = st.sampled_from(
    [
        "",
        "a",
        "v1.2.3",
        "latest",
        "*",
        "a*b*",
        "${{ github.ref }}",
        "$A",
        "sha256:" + "0" * 64,
        "\ud800",
        "\0",
        "=1",
        "<b>",
        "../x",
    ]
) | st.text(CHARACTERS, max_size=12)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | WORDS
JSON = st.recursive(
    LEAVES, lambda part: st.lists(part, max_size=4) | st.dictionaries(WORDS, part, max_size=4), max_leaves=12
)
RULE = st.fixed_dictionaries(
    {
        "rulePriority": st.integers(-1, 9) | LEAVES,
        "selection": st.dictionaries(
            st.sampled_from(
                [
                    "tagStatus",
                    "tagPatternList",
                    "tagPrefixList",
                    "countType",
                    "countUnit",
                    "countNumber",
                    "storageClass",
                ]
            ),
            st.sampled_from(["tagged", "untagged", "any", "imageCountMoreThan", "sinceImagePushed", "days"])
            | st.integers(-1, 10**12)
            | st.lists(WORDS, max_size=4)
            | JSON,
        ),
        "action": st.fixed_dictionaries({"type": st.sampled_from(["expire", "transition", "keep"]) | LEAVES}),
    }
)
REGEX = st.recursive(
    st.sampled_from(["a", ".", "[a-z]", "[^a]", "\\d", "\\b", "^", "$", "(?i)", "é", "\\x{61}"]),
    lambda part: (
        st.lists(part, min_size=1, max_size=3).map("".join)
        | st.builds("({}){}".format, part, st.sampled_from(["", "*", "+", "?", "{2,9}", "*?"]))
        | st.builds("(?{}{})".format, st.sampled_from([":", "=", "!", "<=", "<!", "P<n>", "<n>"]), part)
        | st.builds("{}|{}".format, part, part)
    ),
    max_leaves=10,
)
EXPRESSION = st.recursive(
    st.sampled_from(
        ["github.ref", "env.A", "'x'", "1e5", "0x1F", "null", "true", "steps.meta.outputs['tags']", "github.*", "''"]
    ),
    lambda part: (
        st.builds("({} {} {})".format, part, st.sampled_from(["==", "!=", "&&", "||", "<", ">="]), part)
        | st.builds(
            "{}({}, {})".format, st.sampled_from(["contains", "startsWith", "format", "join", "endsWith"]), part, part
        )
        | st.builds(
            "{}({})".format, st.sampled_from(["toJSON", "fromJSON", "!", "hashFiles", "success", "always"]), part
        )
        | st.builds("{}[{}]".format, part, part)
    ),
    max_leaves=8,
)
SHELL = st.recursive(
    st.sampled_from(
        ["docker push a:1", "echo $A", "A=$(x)", "x 2>&1 >f", "true", ": ${A:-b}", "echo ${A#*x}", "cd /", "set -eu"]
    ),
    lambda part: (
        st.builds("{}{}{}".format, part, st.sampled_from([" && ", " || ", "; ", "\n", " | ", " & "]), part)
        | st.builds("if {}; then {}; fi".format, part, part)
        | st.builds("for t in $TAGS; do {}; done".format, part)
        | st.builds("({})".format, part)
        | st.builds("cat <<E\n{}\nE\n".format, part)
    ),
    max_leaves=8,
)
MARKDOWN = st.lists(
    st.sampled_from(
        [
            "# a",
            "- b",
            "  - c",
            "> d",
            "`e`",
            "``",
            '[f](g "h")',
            "![i](j)",
            "[k]: l",
            "[k]",
            "<b onclick=x>",
            "</b>",
            "<script>",
            "$x$",
            "\\(y\\)",
            "***",
            "| a |",
            "|---|",
            "&lt;",
            "\\",
            "\n",
            "\n\n",
            "    ",
            "<!--",
            "-->",
            "<a href='javascript:x'>",
            "http://x",
        ]
    )
    | st.text(string.printable, max_size=5),
    max_size=25,
).map("".join)


def holds(target: Target, data: bytes) -> None:
    found = child.judge(target, data)
    assert found is None, (target.name, data[:2_000], found)


def text(made: str) -> bytes:
    return made.encode("utf-8", "replace")


STRUCTURED = {
    "ecr-lifecycle": st.lists(RULE, max_size=4).map(lambda rules: json.dumps({"rules": rules}).encode()),
    "artifact-registry-cleanup": st.lists(JSON, max_size=3).map(lambda made: json.dumps(made).encode()),
    "repository-policy": JSON.map(lambda made: json.dumps({"Version": "2012-10-17", "Statement": made}).encode()),
    "state-ecr": JSON.map(lambda made: json.dumps({"repositories": made}).encode()),
    "scan-report": JSON.map(lambda made: json.dumps({"SchemaVersion": 2, "Results": made}).encode()),
    "task-answer": JSON.map(lambda made: json.dumps({"results": made}).encode()),
    "manifest": JSON.map(lambda made: json.dumps({"schemaVersion": 2, "layers": made, "config": made}).encode()),
    "regex": REGEX.map(text),
    "re2": REGEX.map(text),
    "javascript-regex": REGEX.map(text),
    "expression": EXPRESSION.map(lambda made: text(f"a ${{{{ {made} }}}}")),
    "condition": EXPRESSION.map(text),
    "shell": SHELL.map(text),
    "markdown": MARKDOWN.map(text),
    "page": MARKDOWN.map(text),
}


@pytest.mark.parametrize("name", STRUCTURED)
def test_what_a_grammar_makes_is_read_or_refused_in_words(name: str) -> None:
    @FEW
    @given(STRUCTURED[name])
    def check(data: bytes) -> None:
        holds(TARGETS[name], data)

    check()


# -- honest inputs and small changes ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in TARGETS if not name.startswith("submission-")])
def test_honest_inputs_and_small_changes_are_read_or_refused_in_words(name: str) -> None:
    target, random = TARGETS[name], Random(name)
    corpus = list(target.corpus())
    assert corpus and not child.judge(target, corpus[0])
    target.parse(corpus[0])  # an honest one is read
    for _ in range(6):
        holds(target, mutation.mutated(random.choice(corpus), corpus, random))


def test_every_parser_of_the_table_is_there_once() -> None:
    names = [target.name for target in targets.every()]
    assert len(set(names)) == len(names) >= 50
    assert set(names) >= run.EVER_FAILED
    assert [target.name for target in map(targets.find, names)] == names


def with_filters(filters: list[str]) -> bytes:
    """Lab 06's state of ECR with a scanning rule that has these filters."""
    state = json.loads(next(iter(TARGETS["submission-06-ecr"].corpus())))
    state["settings"]["scanning"]["rules"] = [{"scanFrequency": "SCAN_ON_PUSH", "repositoryFilters": filters}]
    return json.dumps(state).encode()


# What long runs have found, mended since.
FOUND = {
    "words of a command of 200,000 characters": (
        "acr-purge",
        b"acr purge --ago 7d --filter 'a:" + b"> " * 100_000 + b"'",
    ),
    "3,000 lists in lists": ("student.toml", b'"ns" = ' + b"[" * 3_000 + b"]" * 3_000),
    "a number of 5,000 digits": ("student.toml", b"schema = " + b"9" * 5_000),
    "a scanning rule whose filters are texts": ("submission-06-ecr", with_filters(["210987654321"])),
    "the same in a policy": ("acr-policy", json.dumps({"purge": f"acr purge --filter 'a:{'> ' * 100_000}'"}).encode()),
}


@pytest.mark.parametrize("case", FOUND)
def test_what_was_found_is_read_or_refused_in_words(case: str) -> None:
    name, data = FOUND[case]
    holds(TARGETS[name], data)


# -- the harness -----------------------------------------------------------------------------------------------------


def planted(data: bytes) -> None:
    if b"boom" in data:
        raise KeyError("boom")


def test_a_fault_is_found_named_and_made_shorter() -> None:
    target = Target("planted", planted, (), lambda: [b"x"])
    found = child.judge(target, b"aaaa boom bbbb")
    assert found is not None and found[0] == "KeyError" and "planted" in found[1]
    assert child.judge(target, b"bom") is None
    assert run.shorter(target, run.Finding("planted", found[0], found[1], b"aaaa boom bbbb")) == b"boom"


def test_what_is_allowed_or_slow_is_told_apart() -> None:
    allowed = Target("allowed", planted, (KeyError,), lambda: [b"x"])
    assert child.judge(allowed, b"boom") is None
    slow = Target("slow", lambda data: sum(range(2_000_000)), (), lambda: [b"x"], seconds=0.001)
    found = child.judge(slow, b"")
    assert found is not None and found[0] == "slow"


def test_a_change_is_another_input_of_bounded_size() -> None:
    random = Random(1)
    made = {mutation.mutated(b'{"a": [1, "b"]}', [b'{"a": [1, "b"]}'], random) for _ in range(200)}
    assert len(made) > 100 and max(map(len, made)) <= mutation.MAX_INPUT


@pytest.mark.slow
def test_a_run_says_what_it_did_and_keeps_what_it_found(tmp_path: Path) -> None:
    said: list[str] = []
    assert run.run(0.03, ["sbom", "accepted-risks"], said.append, tmp_path / "a" / "b") == 0, said
    assert "accepted-risks" in said[-1] and "0 findings" in said[-1] and " 0 inputs" not in said[-1]
    finding = run.Finding("x", "KeyError in y:1", "words", b"\xff")
    file = run.keep(finding, tmp_path)
    assert file.read_bytes() == b"\xff" and file.with_suffix(".txt").read_text().startswith("KeyError in y:1\n")


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in TARGETS if name.startswith("submission-")])
def test_a_submission_with_one_file_changed_is_judged(name: str) -> None:
    target, random = TARGETS[name], Random(name)
    corpus = list(target.corpus())
    target.parse(corpus[0])
    for _ in range(10):
        holds(target, mutation.mutated(random.choice(corpus), corpus, random))
