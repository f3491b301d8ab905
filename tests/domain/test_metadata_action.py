"""The tag rules of docker/metadata-action: worked-out cases, documented tables, properties, broken rules."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.domain.metadata_action import (
    Context,
    Gap,
    Inputs,
    NotKnownHere,
    Preview,
    Repository,
    WorkflowError,
    context,
    outputs,
    preview,
    render,
    rules,
    tag_types,
)
from autograder.domain.metadata_action.tag_types import TAG_TYPES

DATA = json.loads(Path(__file__).with_name("metadata_cases.json").read_text(encoding="utf-8"))
CASES: dict[str, dict[str, Any]] = {case["name"]: DATA["defaults"] | case for case in DATA["cases"]}
SHA = DATA["defaults"]["sha"]
NOW = datetime(2020, 1, 10, 0, 30, tzinfo=UTC)


def run(case: Mapping[str, Any]) -> Preview:
    repo = case["repo"]
    known = Repository(
        repo.get("name", ""),
        repo.get("description") or "",
        repo.get("html_url", ""),
        repo.get("default_branch", ""),
        (repo.get("license") or {}).get("spdx_id", ""),
    )
    now = datetime.fromisoformat(case["now"])
    run = Context(case["event"], case["ref"], case["sha"], now, case["payload"], known, case["env"])
    return preview(Inputs(case["images"], case["tags"], case["flavor"], case["labels"]), run)


@pytest.mark.parametrize("name", CASES)
def test_case(name: str) -> None:
    case = CASES[name]
    if "error" in case["expected"]:
        with pytest.raises(WorkflowError):
            run(case)
        return
    found = run(case)
    assert list(found.tags) == case["expected"]["tags"]
    assert found.version == case["expected"]["version"]
    if "labels" in case["expected"]:
        assert list(found.labels.items()) == list(case["expected"]["labels"].items())
    assert not found.unknown


def tags(rules: str, ref: str, event: str = "push", **more: Any) -> list[str]:
    """Tag names of one image, in a repository whose default branch is main."""
    payload = {"repository": {"default_branch": "main"}} | more.pop("payload", {})
    run = Context(event, ref, SHA, NOW, payload, Repository("", "", "", "main", ""), more.pop("env", {}))
    return list(preview(Inputs("app", rules, **more), run).names)


# What the action's own README promises, event by event (section by section, as documented for 6.2).
USUAL = (
    "type=ref,event=branch\ntype=ref,event=pr\ntype=semver,pattern={{version}}\ntype=semver,pattern={{major}}.{{minor}}"
)
DOCUMENTED: list[tuple[str, str, str, list[str]]] = [
    ("", "pull_request", "refs/pull/2/merge", ["pr-2"]),
    ("", "push", "refs/heads/master", ["master"]),
    ("", "push", "refs/heads/releases/v1", ["releases-v1"]),
    ("", "push", "refs/tags/v1.2.3", ["v1.2.3", "latest"]),
    ("", "push", "refs/tags/v2.0.8-beta.67", ["v2.0.8-beta.67", "latest"]),
    ("", "workflow_dispatch", "refs/heads/master", ["master"]),
    (USUAL, "pull_request", "refs/pull/2/merge", ["pr-2"]),
    (USUAL, "push", "refs/heads/master", ["master"]),
    (USUAL, "push", "refs/tags/v1.2.3", ["1.2.3", "1.2", "latest"]),
    (USUAL, "push", "refs/tags/v2.0.8-beta.67", ["2.0.8-beta.67"]),
    ("type=schedule", "schedule", "refs/heads/main", ["nightly"]),
    ("type=schedule,pattern={{date 'YYYYMMDD'}}", "schedule", "refs/heads/main", ["20200110"]),
    (
        "type=schedule,pattern={{date 'YYYYMMDD-HHmmss' tz='Asia/Tokyo'}}",
        "schedule",
        "refs/heads/main",
        ["20200110-093000"],
    ),
    ("type=semver,pattern={{raw}}", "push", "refs/tags/v1.2.3", ["v1.2.3", "latest"]),
    ("type=semver,pattern=v{{major}}", "push", "refs/tags/v1.2.3", ["v1", "latest"]),
    ("type=semver,pattern={{patch}}", "push", "refs/tags/v1.2.3", ["3", "latest"]),
    ("type=semver,pattern={{raw}}", "push", "refs/tags/v2.0.8-beta.67", ["v2.0.8-beta.67"]),
    ("type=semver,pattern={{major}}.{{minor}}", "push", "refs/tags/v2.0.8-beta.67", ["2.0.8-beta.67"]),
    ("type=pep440,pattern={{version}}", "push", "refs/tags/v1.2.3", ["1.2.3", "latest"]),
    ("type=pep440,pattern={{raw}}", "push", "refs/tags/v1.2.3rc2", ["v1.2.3rc2"]),
    ("type=pep440,pattern={{major}}.{{minor}}", "push", "refs/tags/1.2.3rc2", ["1.2.3rc2"]),
    ("type=pep440,pattern={{major}}.{{minor}}", "push", "refs/tags/1.2.3post1", ["1.2.3.post1"]),
    ("type=pep440,pattern={{major}}.{{minor}}", "push", "refs/tags/1.2.3beta2", ["1.2.3b2"]),
    ("type=pep440,pattern={{major}}.{{minor}}", "push", "refs/tags/1.0dev4", ["1.0.dev4"]),
    (r"type=match,pattern=\d.\d.\d", "push", "refs/tags/v1.2.3", ["1.2.3", "latest"]),
    ("type=match,pattern=v(.*),group=1", "push", "refs/tags/v2.0.8-beta.67", ["2.0.8-beta.67", "latest"]),
    (r"type=match,pattern=v(\d.\d),group=1", "push", "refs/tags/v2.0.8-beta.67", ["2.0", "latest"]),
    (r"type=match,pattern=\d+", "push", "refs/tags/20200110-RC2", ["20200110", "latest"]),
    (r"type=match,pattern=p1/v(\d.\d.\d),group=1", "push", "refs/tags/p1/v1.2.3", ["1.2.3", "latest"]),
    ("type=ref,event=branch", "push", "refs/heads/my/branch", ["my-branch"]),
    ("type=sha", "push", "refs/heads/main", ["sha-860c190"]),
    ("type=raw,value=mytag-{{branch}}-{{sha}}", "push", "refs/heads/my/branch", ["mytag-my-branch-860c190"]),
]


@pytest.mark.parametrize(("rules", "event", "ref", "expected"), DOCUMENTED)
def test_documented(rules: str, event: str, ref: str, expected: list[str]) -> None:
    assert tags(rules, ref, event) == expected


def test_what_the_course_says_of_pushes_to_main() -> None:
    rules = USUAL + "\ntype=sha"
    assert tags(rules, "refs/heads/main") == ["main", "sha-860c190"]  # no latest
    assert tags(rules, "refs/tags/v1.2.3") == ["1.2.3", "1.2", "sha-860c190", "latest"]
    assert tags(rules, "refs/tags/v2.0.8-beta.67") == ["2.0.8-beta.67", "sha-860c190"]
    on_main = "\ntype=raw,value=latest,enable={{is_default_branch}}"
    assert tags(rules + on_main, "refs/heads/main") == ["main", "latest", "sha-860c190"]


def test_why_a_rule_gives_nothing() -> None:
    run = Context("push", "refs/heads/main", SHA, NOW, {}, Repository(default_branch="main"))
    found = preview(Inputs("app", USUAL + "\ntype=schedule\ntype=sha,enable=false\nx,value="), run)
    assert {outcome.rule: outcome.why for outcome in found.outcomes} == {
        "type=schedule": "no schedule event",
        "type=semver,pattern={{version}}": "no tag event, and no value attribute",
        "type=semver,pattern={{major}}.{{minor}}": "no tag event, and no value attribute",
        "type=ref,event=branch": "",
        "type=ref,event=pr": "no pull request event",
        "x,value=": "its value is empty",
        "type=sha,enable=false": "enable is false",
    }


def unknown(rules: str, run: Context, **more: str) -> list[str]:
    return [item.needs for item in preview(Inputs("app", rules, **more), run).unknown]


FULL = Repository("a", "b", "c", "main", "d")


@pytest.mark.parametrize(
    ("rules", "run", "needs"),
    [
        ("type=sha", Context("push", "refs/heads/main", None, NOW, {}, FULL), "the commit id"),
        ("x{{sha}}", Context("push", "refs/heads/main", None, NOW, {}, FULL), "the commit id"),
        ("type=edge", Context("push", "refs/heads/main", SHA, NOW, {}, Repository()), "the default branch"),
        (
            "a,enable={{is_default_branch}}",
            Context("push", "refs/heads/main", SHA, NOW, {}, Repository()),
            "the default branch",
        ),
        ("a{{base_ref}}", Context("pull_request", "refs/pull/2/merge", SHA, NOW, {}, FULL), "the base branch"),
        ("{{commit_date 'YYYY'}}", Context("push", "refs/heads/main", SHA, NOW, {}, FULL), "the time of the commit"),
        ("{{#a}}\n{{/a}}", Context("push", "refs/heads/main", SHA, NOW, {}, FULL), None),
        ("type=match,pattern=(?i:v)", Context("push", "refs/tags/v1", SHA, NOW, {}, FULL), "JavaScript's reading"),
        ("a{{> part}}", Context("push", "refs/heads/main", SHA, NOW, {}, FULL), "Handlebars partials"),
    ],
)
def test_what_cannot_be_known_is_said(rules: str, run: Context, needs: str | None) -> None:
    if needs is None:  # two lines are two rules; each of them is broken
        with pytest.raises(WorkflowError):
            unknown(rules, run)
        return
    assert any(needs in item for item in unknown(rules, run))


def test_a_tag_needs_no_default_branch_to_know_it_is_none() -> None:
    run = Context("push", "refs/tags/v1.0.0", SHA, NOW, {}, Repository("a", "b", "c", None, "d"))
    assert unknown("a,enable={{is_default_branch}}", run) == []


def test_pull_request_target_takes_the_number_from_the_event() -> None:
    run = Context("pull_request_target", "refs/heads/main", SHA, NOW, {"number": 7}, FULL)
    assert preview(Inputs("app", ""), run).names == ("pr-7",)
    with pytest.raises(NotKnownHere):
        preview(Inputs("app", ""), Context("pull_request_target", "refs/heads/main", SHA, NOW))


def test_unknown_labels_are_none_and_named() -> None:
    found = preview(Inputs("app", ""), Context("push", "refs/heads/main", None, NOW))
    missing = {key.rpartition(".")[2] for key, value in found.labels.items() if value is None}
    assert missing == {"title", "description", "url", "source", "revision", "licenses"}
    assert {item.where.rpartition(".")[2] for item in found.unknown} == missing


GAPS = {
    "\ue000": Gap("${{ secrets.USER }}", "secrets.USER"),
    "\ue001": Gap("${{ steps.v.outputs.v }}", "steps.v.outputs.v"),
}


def test_gaps_show_as_expressions_and_are_named() -> None:
    run = Context("push", "refs/tags/v1.0.0", SHA, NOW, {}, FULL)
    inputs = Inputs("\ue000/App\nname=b,enable=\ue001", "type=raw,\ue001\ntype=ref,event=tag", "", "x=\ue000", "", GAPS)
    found = preview(inputs, run)
    assert found.tags == ("${{ secrets.USER }}/app:v1.0.0", "${{ secrets.USER }}/app:latest")
    assert found.labels["x"] is None
    assert {item.where for item in found.unknown} == {
        "image ${{ secrets.USER }}/App",
        "image name=b,enable=${{ steps.v.outputs.v }}",
        "rule type=raw,${{ steps.v.outputs.v }}",
        "label x=${{ secrets.USER }}",
    }
    assert found.outcomes[1].why == "needs steps.v.outputs.v"


def test_an_unknown_rule_in_front_makes_the_version_uncertain() -> None:
    run = Context("push", "refs/tags/v1.0.0", SHA, NOW, {}, FULL)
    found = preview(Inputs("app", "a\ue000,priority=5000\ntype=ref,event=tag", gaps=GAPS), run)
    assert any(item.where.startswith("version") and "comes first" in item.needs for item in found.unknown)


def test_annotations_follow_their_own_input() -> None:
    run = Context("push", "refs/heads/main", SHA, NOW, {}, FULL)
    found = preview(Inputs("app", "", labels="a=1", annotations="b={{branch}}"), run)
    assert "b" not in found.labels and found.annotations["b"] == "main"
    assert found.annotations["org.opencontainers.image.version"] == "main"


# Each documented rule, broken: (module, name, broken value). At least one case must notice.
def broken_type(name: str, **fields: Any) -> tuple[Any, str, object]:
    """The table of tag types with one record changed."""
    return rules, "TAG_TYPES", TAG_TYPES | {name: replace(TAG_TYPES[name], **fields)}


def mutants() -> Iterator[tuple[str, Any, str, object]]:
    for kind, tag_type in TAG_TYPES.items():
        yield f"another priority of {kind}", *broken_type(kind, priority="50" if kind != "sha" else "1500")
        for name in tag_type.defaults:
            if (kind, name) in (("semver", "match"), ("pep440", "match")):
                continue  # only one value means "none"; the rule itself is broken below
            other = {name: "long" if name == "format" else "2"}
            yield f"another default of {kind} {name}", *broken_type(kind, defaults=tag_type.defaults | other)
        if tag_type.required:
            yield f"nothing required for {kind}", *broken_type(kind, required="")
        if tag_type.finish:
            yield f"{kind} is not finished", *broken_type(kind, finish=None)
        for choice in tag_type.choices:
            yield f"any {choice} of {kind}", *broken_type(kind, choices=without(tag_type.choices, choice))
        yield f"there is no {kind}", rules, "TAG_TYPES", without(TAG_TYPES, kind)
    for i in range(len(rules.DEFAULT_RULES)):
        yield (
            f"default rule {i} missing",
            outputs,
            "DEFAULT_RULES",
            rules.DEFAULT_RULES[:i] + rules.DEFAULT_RULES[i + 1 :],
        )
    yield "another length of the short commit id", context, "SHORT_SHA", 8
    yield "schedule is not the default branch", context, "DEFAULT_BRANCH_EVENTS", re.compile("issues")
    yield "create is not the default branch", context, "DEFAULT_BRANCH_EVENTS", re.compile("schedule")
    yield "nothing is escaped", render, "_ESCAPES", {}
    yield "each illegal sign is replaced", outputs, "sanitize_tag", lambda tag: re.sub(r"[^a-zA-Z0-9._-]", "-", tag)
    yield "nothing is replaced", outputs, "sanitize_tag", lambda tag: tag
    yield "dots are replaced", outputs, "sanitize_tag", lambda tag: re.sub(r"[^a-zA-Z0-9_-]+", "-", tag)
    yield "lowest priority first", outputs, "by_priority", lambda found: rules.by_priority(found)[::-1]
    yield "priorities do not count", outputs, "by_priority", list
    yield "pre-releases move the parts", tag_types, "is_single_name", lambda *_: True
    yield "pre-releases have no raw form", tag_types, "is_single_name", lambda *_: False
    yield "the head commit is never taken", outputs, "as_the_action_sees_it", lambda run: run
    original_match, original_version, original_pep = tag_types.match, tag_types.semver_values, tag_types.read_pep440
    yield (
        "the match attribute is ignored",
        tag_types,
        "_matched_part",
        lambda rule, text: (text.replace("/", "-"), None),
    )
    yield "slashes stay in versions", tag_types, "_matched_part", lambda rule, text: (text, None)
    yield "patterns ignore case", tag_types, "match", lambda pattern, flags, text: original_match(pattern, "i", text)
    yield (
        "semver takes two numbers",
        tag_types,
        "semver_values",
        lambda t: original_version(t) or original_version(t + ".0"),
    )
    yield "semver takes nothing", tag_types, "semver_values", lambda _: None
    yield "pep440 takes nothing", tag_types, "read_pep440", lambda _: None
    yield "pep440 takes no v", tag_types, "read_pep440", lambda t: None if t.startswith("v") else original_pep(t)
    yield "the base branch is unknown", context, "base_ref", lambda _: ""
    yield "every branch is the default", context, "is_default_branch", lambda _: True
    yield "no branch is the default", context, "is_default_branch", lambda _: False
    yield "flavor is ignored", outputs, "parse_flavor", lambda _: rules.Flavor()
    yield "images are ignored", outputs, "parse_images", lambda _: [rules.Image("name/app")]
    for kind, tag_type in TAG_TYPES.items():
        silent = replace(tag_type, value=lambda *_: tag_types.Skipped("broken"))
        yield f"{kind} gives nothing", tag_types, "TAG_TYPES", TAG_TYPES | {kind: silent}

        def flipped(rule: Any, run: Any, value: Any = tag_type.value) -> Any:
            result = value(rule, run)
            return replace(result, latest=not result.latest) if isinstance(result, tag_types.TagValue) else result

        other = replace(tag_type, value=flipped)
        yield f"{kind} decides the other way on latest", tag_types, "TAG_TYPES", TAG_TYPES | {kind: other}


def without(table: Mapping[str, Any], key: str) -> dict[str, Any]:
    """A table without one of its entries."""
    return {name: value for name, value in table.items() if name != key}


def notices() -> bool:
    for case in CASES.values():
        expected = case["expected"]
        try:
            found = run(case)
        except WorkflowError:
            if "error" not in expected:
                return True
            continue
        except KeyError:
            return True
        if "error" in expected or list(found.tags) != expected["tags"] or found.version != expected["version"]:
            return True
    return False


def test_without_a_mutation_nothing_is_noticed() -> None:
    assert not notices()


MUTANTS = {name: (module, attribute, value) for name, module, attribute, value in mutants()}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_broken_rule_is_noticed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module, attribute, value = MUTANTS[name]
    monkeypatch.setattr(module, attribute, value)
    assert notices()


TEXTS = st.text(alphabet="av1.-/{}#~'\"\\ ,=\n()[]*+?$|<>@!&éI", max_size=40)
REFS = st.sampled_from(
    ["refs/heads/main", "refs/heads/a/b", "refs/tags/v1.2.3", "refs/tags/x", "refs/pull/2/merge", "x"]
)
LINES = st.one_of(
    TEXTS,
    st.builds(
        lambda kind, key, value: f"type={kind},{key}={value}",
        st.sampled_from([*TAG_TYPES, "none"]),
        st.sampled_from(["pattern", "value", "match", "group", "event", "enable", "priority", "prefix", "format"]),
        TEXTS | st.sampled_from(["{{version}}", "branch", "{{date 'YYYY'}}", "{{#if a}}b{{/if}}", "(.*)", "short"]),
    ),
)


@given(TEXTS, st.lists(LINES, max_size=3), TEXTS | st.sampled_from(["latest=true", "prefix=x"]), TEXTS, REFS)
def test_no_input_crashes_and_every_name_is_clean(
    images: str, lines: list[str], flavor: str, labels: str, ref: str
) -> None:
    run = Context("push", ref, SHA, NOW, {"repository": {"default_branch": "main"}}, FULL)
    try:
        found = preview(Inputs(images, "\n".join(lines), flavor, labels), run)
    except WorkflowError as stopped:
        assert str(stopped)
        return
    except NotKnownHere as missing:
        assert missing.what
        return
    assert all(re.fullmatch(r"[a-zA-Z0-9._-]+", name) for name in found.names)
    assert found.version == (found.names[0] if found.names else None)
    assert len(found.tags) % max(1, len(found.names)) == 0


@given(
    st.lists(st.sampled_from(["a", "b", "type=sha", "type=ref,event=branch", "c,priority=700"]), min_size=1, max_size=6)
)
def test_the_order_of_rules_matters_only_within_a_priority(lines: list[str]) -> None:
    by_priority = sorted(lines, key=lambda line: -float(rules.parse_rule(line).attributes["priority"]))
    assert tags("\n".join(lines), "refs/heads/main") == tags("\n".join(by_priority), "refs/heads/main")


def test_the_domain_needs_nothing_but_the_standard_library() -> None:
    """A fresh interpreter that refuses everything else imports it all (it also runs in a browser)."""
    program = """
import sys, importlib.abc
class Refuse(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top not in sys.stdlib_module_names and top != "autograder" and top != "tzdata":
            raise ImportError(name)
sys.meta_path.insert(0, Refuse())
import autograder.domain.references, autograder.domain.clouds, autograder.domain.tags
import autograder.domain.access, autograder.domain.metadata_action
others = [n for n in sys.modules if n.startswith("autograder.") and not n.startswith("autograder.domain")]
assert not others, others
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("length", ["-Infinity", "-1", "0"])
def test_a_short_commit_id_of_no_length_is_empty(length: str) -> None:
    run = Context("push", "refs/heads/main", SHA, NOW, {}, FULL, {"DOCKER_METADATA_SHORT_SHA_LENGTH": length})
    assert context.short_sha(run) == ""


@pytest.mark.parametrize(
    ("name", "text"), [("1", "b"), ("01", ""), ("9" * 5_000, ""), ("\u0661", "")], ids=["1", "01", "large", "arabic"]
)
def test_an_index_of_a_template_is_one_of_javascript(name: str, text: str) -> None:
    assert render.text_of(render._own(["a", "b"], name)) == text
