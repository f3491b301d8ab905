"""Pipelines told from their files: scripts, commands, conditions, jobs; hostile texts are refused and no more."""

from __future__ import annotations

import subprocess
import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.domain.metadata_action import Run
from autograder.pipelines import conditions, github, gitlab, shell, tools
from autograder.pipelines.job_state import JobState, Record, Unsupported
from autograder.pipelines.script import follow

PIECES = (
    *("docker ", "login ", "push ", "build -t ", "trivy image ", "--exit-code 1 ", "a/b:c "),
    *("$X", "${X#v}", "${X:-$Y}"),
    *("'", '"', "`", "$(", ")", "(", "${", "}", "\\", "\n", ";", ";;", "&&", "||", "|", "<", ">>", "<<EOF\n", "EOF\n"),
    *("for x in ", "do ", "done ", "if ", "then ", "fi ", "case ", "esac ", "f() { ", "!", "set -e", "exit 1 "),
    *("#", "=", "⟨"),
)  # fmt: skip
SCRIPTS = st.one_of(st.text(max_size=80), st.lists(st.sampled_from(PIECES), max_size=30).map("".join))
SIGNS = (
    *("$A", "${B}", "==", "!=", "=~", "!~", "&&", "||", "(", ")", '"x"', "'", "null", " ", "\\", "$"),
    *("/v.*/", "/(a+)+/", "/[/"),
)
CONDITIONS = st.one_of(st.text(max_size=60), st.lists(st.sampled_from(SIGNS), max_size=20).map(" ".join))
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-9, 9)
    | st.sampled_from([*PIECES, "docker", "x", "", "${{ x", "${{ always() }}"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["script", "needs", "rules", "if", "stage", "image", "steps", "run", "uses", "with", "a", "b"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


def words(script: str, **variables: str) -> list[list[str]]:
    """The words of a script's commands."""
    return [list(command.words) for command in shell.commands(script, variables)]


# -- scripts ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("a b  c", [["a", "b", "c"]]),
        ("a 'b c' \"d $X\" $X", [["a", "b c", "d one two", "one", "two"]]),
        ("a \\\n  b # no\nc", [["a", "b"], ["c"]]),
        ("Y=3; a $Y ${Y}4 '$Y'", [["a", "3", "34", "$Y"]]),
        ("Y=3 a $X", [["a", "one", "two"]]),
        ("a ${V#v} ${V%.*} ${V##*.} ${N:-none} ${V:1:1} ${V:+set}", [["a", "1.2", "v1", "2", "none", "1", "set"]]),
        ("for x in 1 2; do a $x; done; b", [["a", "1"], ["a", "2"], ["b"]]),
        ("for x in $X\ndo\nfor y in p q; do a $x$y; done\ndone", [["a", x + y] for x in ("one", "two") for y in "pq"]),
        ("a > file 2>&1 < in", [["a"]]),
        ("cat <<EOF\ndocker push x\nEOF\nb", [["cat"], ["b"]]),
        ("a $(b c) `d`", [["a", "⟨$(b", "c)⟩", "⟨`d`⟩"]]),
        ("export Z=1\na $Z $QQ", [["a", "1", "⟨$QQ⟩"]]),
    ],
)  # fmt: skip
def test_words(script: str, expected: list[list[str]]) -> None:
    assert words(script, X="one two", V="v1.2") == expected


@pytest.mark.parametrize(
    ("script", "decides"),
    [
        ("a", ""),
        ("if true; then a; fi", "if"),
        ("while true; do a; done", "while"),
        ("case $X in x) a ;; esac", "case"),
        ("f() { a; }", "function"),
        ("! a", "!"),
        ("a &\nb", "&"),
        ("b &\na", ""),
        ("if true; then b; fi; a", ""),
    ],
)
def test_what_decides_about_a_command(script: str, decides: str) -> None:
    found = [command for command in shell.commands(script, {}) if "a" in command.words]
    assert [command.decides for command in found] == [decides]


@pytest.mark.parametrize(
    ("script", "fails"),
    [
        ("gate\nafter", True),
        ("gate || true\nafter", False),
        ("gate && after", True),
        ("set +e\ngate\nafter", False),
        ("gate | tee x\nafter", False),
        ("set -o pipefail\ngate | tee x\nafter", True),
        ("gate; exit 0", True),
        ("set +e; gate; exit 0", False),
        ("true || gate\nafter", False),
        ("after || exit 1", False),
        ("gate || exit 1", True),
        ("if ! x; then exit 1; fi\ngate\nafter", True),
        ("gate &\nafter", False),
    ],
)
def test_when_a_failure_ends_a_script(script: str, fails: bool) -> None:
    ran, failed = shell.ran(shell.commands(script, {}), lambda command: command.words[0] == "gate")
    assert failed is fails
    stopped = any(command.words[0] == "gate" for command in ran) and fails
    assert ("after" in {command.words[0] for command in ran}) is ("after" in script and not stopped)


@pytest.mark.parametrize(
    ("script", "pushed", "read"),
    [
        ("docker save a | gzip > a.tar.gz\ngunzip -c a.tar.gz | docker load\ndocker push a", ["a"], True),
        ("docker save a | gzip > a.tar.gz\ngunzip -c b.tar.gz | docker load\ndocker push a", ["a"], False),
        ("docker save a | zstd -o x > a.zst\nzstd -dc a.zst | docker load\ndocker push a", ["a"], True),
        ("echo $TAGS | xargs -n1 docker tag a\necho $TAGS | xargs -n 1 docker push", ["r/a:1", "r/a:2"], True),
        ("echo $TAGS | xargs -I{} docker tag a {}\necho $TAGS | xargs -I % docker push %", ["r/a:1", "r/a:2"], True),
    ],
)
def test_what_goes_through_a_pipe(script: str, pushed: list[str], read: bool) -> None:
    state = JobState(Record())
    follow(shell.commands(f"docker build -t a .\n{script}", {"TAGS": "r/a:1 r/a:2"}), state, "here", False)
    assert [push.image for push in state.record.pushes] == pushed
    assert ("file" not in {issue.kind for issue in state.record.issues}) is read
    assert "image" not in {issue.kind for issue in state.record.issues}


@given(SCRIPTS)
def test_any_script_is_read_or_refused(script: str) -> None:
    try:
        found = shell.commands(script, {"X": "v1 'x", "Y": "$X"})
    except shell.NotReadable:
        return
    state = JobState(Record())
    follow(found, state, "here", True)
    assert all(command.words for command in found)


@pytest.mark.parametrize(
    "text",
    [part * 5_000 for part in ("$(", '"${a:-', "( ", "a|", '"$(', "<<", "<<A\n", "a=")]
    + ["for x in a; do " * 500, '"' + "${a:-" * 5_000],
)
def test_no_script_takes_long(text: str) -> None:
    began = time.monotonic()
    with suppress(shell.NotReadable):
        shell.commands(text + "'", {})
    assert time.monotonic() - began < 5


def test_loops_in_loops_end() -> None:
    nine = "for x in 1 2 3 4 5 6 7 8 9; do "
    with pytest.raises(shell.NotReadable, match="commands"):
        shell.commands(nine * 6 + "a; " + "done; " * 6, {})


# -- commands --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("docker build -t a:1 --tag b:2 .", [("build", ("a:1", "b:2"), "")]),
        ("sudo docker image push a:1", [("push", ("a:1",), "")]),
        ("docker buildx build --push -t a:1 .", [("build", ("a:1",), ""), ("push", ("a:1",), "")]),
        ("docker save a:1 > x.tar", [("save", ("a:1",), "")]),
        ("docker login -u u --password-stdin h.io", [("login", (), "")]),
        ("docker login -u u -p p h.io", [("login", (), tools.PASSWORD)]),
        ("docker login h.io", [("login", (), "waits for somebody who types a password")]),
        ("trivy image --exit-code 1 a:1", [("scan", ("a:1",), "")]),
        ("trivy image --severity=HIGH,CRITICAL --exit-code=1 a:1", [("scan", ("a:1",), "")]),
        ("TRIVY_EXIT_CODE=1 trivy image a:1", [("scan", ("a:1",), "")]),
        ("trivy fs --exit-code 1 .", [("scan", (), "scans files (trivy fs), not the image")]),
        ("grype a:1 --fail-on high", [("scan", ("a:1",), "")]),
        ("grype a:1 --fail-on critical", [("scan", ("a:1",), "looks at CRITICAL only, not at HIGH and CRITICAL")]),
        ("crane copy a:1 b:2", [("push", ("b:2",), "")]),
        ("crane tag r.io/a:1 2", [("push", ("r.io/a:2",), "")]),
        ("skopeo copy docker://a:1 docker://b:2", [("push", ("b:2",), "")]),
        ("buildah push a:1 docker-archive:x.tar:a:1", [("save", ("a:1",), "")]),
        ("podman push a:1 docker://b:2", [("tag", ("b:2",), ""), ("push", ("b:2",), "")]),
        ("echo docker push a:1", []),
        ("ls", []),
    ],
)  # fmt: skip
def test_what_a_command_does(script: str, expected: list[tuple[str, tuple[str, ...], str]]) -> None:
    (command,) = shell.commands(script, {})
    assert [(e.kind, e.images, e.fault) for e in tools.effects(command, "here")] == expected


# -- conditions ------------------------------------------------------------------------------------------------------

VARIABLES = {"A": "main", "T": "v1.2.3", "E": "", "P": "/^v/", "L": "a\nb"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$A", True),
        ("$E", False),
        ("$N", False),
        ("$N == null", True),
        ("$E == null", False),
        ('$E == ""', True),
        ("$A == 'main' && $T", True),
        ("$N || $A == $A", True),
        ("($N && $A) || $T", True),
        ("$A == $T && $N || $A", True),
        (r"$T =~ /^v\d+\.\d+\.\d+$/", True),
        ("$T !~ /^V/", True),
        ("$T =~ /^V/i", True),
        ("$N =~ /x/", False),
        ("$T =~ $P", True),
        (r"$T =~ /^(v(\d+\.?)+)+$/", True),  # takes no longer than another one
        (r"$T =~ /\Av\Q1.\E[[:digit:]]\.\pN\z/", True),
        ("$T =~ /^V.*(?-i:X)$/i", False),
        ("$L =~ /^b/", False),
        ("$L =~ /^b/m", True),
        ("$L =~ /a$/", False),
        ("$L =~ /a.b/", False),
        ("$L =~ /a.b/s", True),
    ],
)
def test_conditions(text: str, expected: bool) -> None:
    assert conditions.holds(text, VARIABLES) is expected


@pytest.mark.parametrize(
    "text", ["", "$A ==", "$A $T", "($A", "$A)", "main", "$A =~ 'x'", "$A =~ /(/", "$A &", "(" * 499]
)
def test_conditions_that_are_refused(text: str) -> None:
    with pytest.raises(conditions.NotReadable):
        conditions.holds(text, VARIABLES)


@pytest.mark.parametrize("name", ["T", "N"])
@pytest.mark.parametrize(
    "pattern", ["(?!x)", "(?=x)", "(?<=x)", "(?<!x)", r"(x)\1", "(?P=x)", "x++", "(?>x)", r"\Z", "(?x)y", "x{1001}"]
)
def test_a_pattern_is_one_of_re2(name: str, pattern: str) -> None:
    """GitLab refuses the whole pipeline, whatever is matched: https://docs.gitlab.com/ci/jobs/job_rules/"""
    with pytest.raises(conditions.NotReadable, match="is not valid"):
        conditions.holds(f"${name} =~ /{pattern}/", VARIABLES)
    with pytest.raises(conditions.NotReadable, match="flags"):
        conditions.holds(f"${name} =~ /x/g", VARIABLES)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$A || $A =~ $BAD", True),
        ("$A || $N && $A =~ $BAD || $A =~ $LONG", True),
        ("$N && ($A =~ $BAD || $LONG =~ /x/)", False),
        ("$A && ($T || $A =~ $BAD) && $N", False),
        ("($N && $A =~ $BAD) || $A", True),
    ],
)
def test_a_condition_ends_where_its_answer_is_known(text: str, expected: bool) -> None:
    assert conditions.holds(text, {**VARIABLES, "BAD": "/(/", "LONG": "x" * 1_001}) is expected


@pytest.mark.parametrize("text", ["$A || $A =~ /(/", "$N && $A =~ /x/g", "$A || $A =~ 'x'"])
def test_a_pattern_is_checked_where_it_decides_nothing(text: str) -> None:
    with pytest.raises(conditions.NotReadable):
        conditions.holds(text, VARIABLES)


@pytest.mark.parametrize("text", ["$LONG =~ /x/", "$A =~ $PATTERN"])
def test_a_long_text_is_not_compared_with_a_pattern(text: str) -> None:
    with pytest.raises(conditions.NotReadable, match="more than 1000 characters"):
        conditions.holds(text, {"A": "a", "LONG": "x" * 1_001, "PATTERN": "/" + "x" * 1_000 + "/"})


@pytest.mark.parametrize("condition", ["$CI_COMMIT_TAG =~ $SEMVER || $CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH"])
def test_a_large_ordinary_pipeline_is_followed(condition: str) -> None:
    """40 jobs of five rules each: what is counted for a comparison leaves room for what people write."""
    semver = r"/^v?(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$/"
    rules = [*[{"if": "$CI_COMMIT_TAG !~ $SEMVER", "when": "never"}] * 4, {"if": condition}]
    jobs = {f"job{number}": {"script": ["true"], "rules": rules} for number in range(40)}
    data = {"variables": {"SEMVER": semver}, **jobs}
    assert len(gitlab.pipeline(data, {"CI_COMMIT_TAG": "v1.20.3-rc.1+build.20260101"}).ran) == 40


@given(CONDITIONS)
def test_any_condition_is_read_or_refused(text: str) -> None:
    with suppress(conditions.NotReadable):
        assert conditions.holds(text, VARIABLES) in (True, False)


@pytest.mark.parametrize(
    "pattern",
    ["(a+)+$", "(a*)*b", "(.*){5,}b", "a*a*a*a*a*a*b", "(a|aa)+$", "^(a*a*)*b", "((a{0,30}){30})b", "(.*.*)+b"],
)
def test_no_condition_takes_long(pattern: str) -> None:
    began = time.process_time()
    assert not conditions.holds(f"$LONG =~ /{pattern}/", {"LONG": "a" * 999 + "!"})
    assert time.process_time() - began < 1


@pytest.mark.parametrize("rule", ["match=(a+)+$,pattern={{version}}", "pattern={{version}},match=a*a*a*a*a*a*b"])
@pytest.mark.parametrize("kind", ["semver", "pep440"])
def test_no_match_of_a_metadata_rule_takes_long(kind: str, rule: str) -> None:
    assert_fast(f"type={kind},{rule},value={'a' * 999}!")


@pytest.mark.parametrize("pattern", ["(a+)+$", '"pattern=(a|aa)+$"', "/(a*)*b/i", "(?=(a+)+b)a", r"(a*)*\1b"])
def test_no_pattern_of_a_metadata_rule_takes_long(pattern: str) -> None:
    given = pattern if pattern.startswith('"') else f"pattern={pattern}"
    assert_fast(f"type=match,{given},value={'a' * 999}!")


def assert_fast(rule: str) -> None:
    began = time.process_time()
    github.run({"on": "push", "jobs": {"j": {"steps": [metadata(rule)]}}}, PUSH)
    assert time.process_time() - began < 1


def metadata(rules: str) -> dict[str, Any]:
    """A metadata step."""
    return {"id": "m", "uses": "docker/metadata-action@v6", "with": {"images": "ghcr.io/o/r", "tags": rules}}


CUTS = [
    *("#*-", "##*-", "%-*", "%%-*", "#v", "##v?", "%[0-9]", "%%[!a-z]*", "#*", "##*", "%*", "%%*", "#x", "%.*", "%%.*"),
    *("##*[0-9]", "%-[a-z]?-*", "#?*?*?*-", "%%*-*.*-*"),
]


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("value", ["v1.2.3-rc-1", "a-b.c-d", "", "-", "main"])
def test_what_is_cut_from_a_variable_is_what_bash_cuts(cut: str, value: str) -> None:
    (command,) = shell.commands(f'a "${{V{cut}}}"', {"V": value})
    script = f'printf %s "${{V{cut}}}"'
    done = subprocess.run(["bash", "-c", script], env={"V": value}, capture_output=True, text=True, check=True)
    assert command.words[1] == done.stdout


@pytest.mark.parametrize("cut", ["%%*a*a*a*b", "##*b*a*a*", "%*a*a*", "#?*?*?*b"])
def test_cutting_takes_no_time(cut: str) -> None:
    began = time.process_time()
    shell.commands(f"a ${{V{cut}}}\n" * 50, {"V": "a" * 2_000})
    assert time.process_time() - began < 2
    assert not shell.is_known(shell.commands(f"a ${{V{cut}}}", {"V": "a" * 2_001})[0].words[1])


# -- files -----------------------------------------------------------------------------------------------------------

PUSH = Run("push", "refs/heads/main", "a" * 40, datetime(2026, 1, 1, tzinfo=UTC), {}, "main", "o/r", {"actor": "ada"})
GITLAB_MAIN = {"CI_COMMIT_BRANCH": "main", "CI_DEFAULT_BRANCH": "main", "CI_PIPELINE_SOURCE": "push"}


@settings(max_examples=150)
@given(VALUES, VALUES, VALUES)
def test_any_workflow_is_followed_or_refused(top: Any, job: Any, step: Any) -> None:
    data = {"on": "push", "env": top, "jobs": {"x": job, "y": {"runs-on": "ubuntu", "steps": [step, {"run": "a"}]}}}
    with suppress(Unsupported):
        assert isinstance(github.run(data, PUSH).record, Record)


@settings(max_examples=150)
@given(VALUES, VALUES, VALUES)
def test_any_pipeline_is_followed_or_refused(top: Any, job: Any, other: Any) -> None:
    data = {"variables": top, "x": job, "y": {"script": ["a"], "needs": other}}
    with suppress(Unsupported):
        assert isinstance(gitlab.pipeline(data, GITLAB_MAIN).record, Record)


def test_jobs_of_github_run_after_what_they_need_and_not_after_a_failure() -> None:
    gate = {"run": "docker build -t a .\ntrivy image --exit-code 1 a"}
    data = {
        "on": "push",
        "jobs": {
            "last": {"needs": "first", "steps": [{"run": "echo"}]},
            "told": {"needs": "first", "if": "failure()", "steps": [{"run": "echo"}]},
            "first": {"steps": [{"uses": "actions/checkout@v6"}, gate]},
        },
    }
    assert github.run(data, PUSH).jobs == ["first", "last"]
    assert github.run(data, PUSH, gates_fail=True).jobs == ["first", "told"]


def test_a_status_function_in_quotes_is_text() -> None:
    """What stands in quotes neither answers nor takes the default success() away."""
    fails = {"run": "docker build -t a .\ntrivy image --exit-code 1 a"}
    told = {"id": "told", "if": "contains('always()', 'always()')", "run": "docker login x.io\ndocker push x.io/a"}
    data = {"on": "push", "jobs": {"j": {"steps": [fails, told]}}}
    assert [push.image for push in github.run(data, PUSH).record.pushes] == ["x.io/a"]
    assert github.run(data, PUSH, gates_fail=True).record.pushes == []
    told["if"] = "github.actor != 'always()' && always()"
    assert [push.image for push in github.run(data, PUSH, gates_fail=True).record.pushes] == ["x.io/a"]


@pytest.mark.parametrize(
    ("step", "names"),
    [
        ({"run": "cat secrets.yaml; echo secrets['x']"}, []),
        ({"env": {"A": "${{ secrets.TOKEN }}"}}, ["TOKEN"]),
        ({"with": {"a": "x ${{ github.actor == 'secrets.NO' && Secrets['One'] }}"}}, ["One"]),
        ({"run": "${{ format('{0}', secrets.A) }} ${{ secrets.B }}"}, ["A", "B"]),
        ({"run": "${{ secrets[matrix.name] }}"}, ["*"]),
    ],
)
def test_secrets_are_what_expressions_ask_for(step: dict[str, Any], names: list[str]) -> None:
    assert list(github.secrets(step)) == names


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ({"on": "push", "jobs": {"a": {"needs": "b"}, "b": {"needs": "a"}}}, "wait for each other"),
        ({"on": "push", "jobs": {"a": {"needs": "b"}}}, "no such job"),
        ({"on": "push", "jobs": {"a": {"uses": "o/r/.github/workflows/x.yml@v1"}}}, "calls another workflow"),
        ({"on": "push", "jobs": {}}, "no job"),
        ({"on": "push", "jobs": {"a": {"steps": [{"run": "echo '"}]}}}, "never closed"),
        ({"on": {"push": {"branches": ["a" * 5_000]}}, "jobs": {"a": {}}}, "too large"),
        ({"on": "push", "jobs": {f"j{n}": {} for n in range(50)}}, "more than"),
        ({"on": "push", "jobs": {"a": {"steps": [{"run": "a"}] * 300}}}, "more than"),
        ({"on": "push", "env": {f"v{n}": "" for n in range(300)}, "jobs": {"a": {}}}, "more than"),
        (
            {
                "on": "push",
                "env": {f"v{n}": "${{ github.sha }}" * 9 for n in range(50)},
                "jobs": {"a": {"strategy": {"matrix": {"x": [*range(12)]}}, "steps": [{"run": "a"}] * 50}},
            },
            "every combination of a matrix",
        ),
        ({"on": "push", "jobs": {"a": {"steps": [{"run": "a\n" * 400}] * 5}}}, "so many are not followed"),
        (
            {"on": "push", "jobs": {"a": {"steps": [metadata(r"type=match,pattern=(a*)*\1b,value=a" * 200)]}}},
            "patterns",
        ),
    ],
)
def test_workflows_that_are_refused(data: dict[str, Any], why: str) -> None:
    with pytest.raises(Unsupported, match=why):
        github.run(data, PUSH)


def job(**keys: Any) -> dict[str, Any]:
    """A job of GitLab."""
    return {"script": ["true"], **keys}


@pytest.mark.parametrize(
    ("data", "ran"),
    [
        ({"a": job(), "b": job(stage="build")}, ["b", "a"]),
        ({"a": job(rules=[{"if": "$CI_COMMIT_TAG"}]), "b": job()}, ["b"]),
        ({"a": job(rules=[{"if": "$CI_COMMIT_BRANCH", "when": "never"}, {}])}, []),
        ({"a": job(when="manual")}, []),
        ({"a": job(when="manual", rules=[{"if": "$CI_COMMIT_BRANCH"}])}, []),
        ({"a": job(rules=[{"if": "$CI_COMMIT_BRANCH", "when": "manual"}])}, []),
        ({"a": job(when="on_failure")}, []),
        ({".h": job(stage="deploy"), "a": {"extends": ".h"}}, ["a"]),
        ({"workflow": {"rules": [{"if": "$CI_COMMIT_TAG"}]}, "a": job()}, []),
        ({"variables": {"X": "$Y", "Y": "1"}, "a": job(rules=[{"if": "$X == '1'"}])}, ["a"]),
    ],
)
def test_which_jobs_of_gitlab_run(data: dict[str, Any], ran: list[str]) -> None:
    assert gitlab.pipeline(data, GITLAB_MAIN).ran == ran


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ({"include": "x.yml", "a": job()}, "includes"),
        ({"a": {"extends": "b"}}, "no such job"),
        ({"a": {"extends": "b"}, "b": {"extends": "a"}}, "extends itself"),
        ({"a": job(stage="nowhere")}, "not among stages"),
        ({"a": job(only=["main"])}, "only or except"),
        ({"a": job(needs=["b"]), "b": job(needs=["a"])}, "wait for each other"),
        ({"a": job(needs=["b"])}, "no such job"),
        ({"a": job(stage="build", needs=["b"]), "b": job()}, "later stage"),
        ({"a": job(rules=[{"if": "$A =="}])}, "missing"),
        ({"a": {"trigger": "x/y"}}, "another pipeline"),
        ({f"j{n}": job() for n in range(50)}, "more than"),
        ({"variables": {f"v{n}": "$A" for n in range(300)}, "a": job()}, "more than"),
        ({f"j{n}": job(rules=[{"if": "$N"}] * 100) for n in range(30)}, "more than"),
        ({"a": job(rules=[{"if": "$CI_COMMIT_BRANCH =~ /(?!m)/"}])}, "is not valid"),
    ],
)
def test_pipelines_that_are_refused(data: dict[str, Any], why: str) -> None:
    with pytest.raises(Unsupported, match=why):
        gitlab.pipeline(data, GITLAB_MAIN)


def test_jobs_that_extend_each_other_many_times_take_no_time() -> None:
    chain: dict[str, Any] = {f".a{n}": {"extends": [f".a{n + 1}"] * 50} for n in range(10)}
    data = {**chain, ".a10": job(stage="deploy"), "a": {"extends": ".a0"}}
    assert gitlab.pipeline(data, GITLAB_MAIN).jobs[0].data["stage"] == "deploy"
    with pytest.raises(Unsupported, match="extends itself"):
        gitlab.pipeline({**data, ".a10": {"extends": [".a5"] * 50}}, GITLAB_MAIN)


def test_a_run_that_a_gate_does_not_end_is_told() -> None:
    gate = "docker build -t a .\ntrivy image --exit-code 1 a"
    step = {"id": "s", "run": gate, "continue-on-error": True}
    for part in ({"steps": [step]}, {"continue-on-error": True, "steps": [{"run": gate}]}):
        found = github.run({"on": "push", "jobs": {"j": part}}, PUSH, gates_fail=True)
        assert not found.failed and len(found.record.ignored) == 1
    ended = github.run({"on": "push", "jobs": {"j": {"steps": [{"run": gate}]}}}, PUSH, gates_fail=True)
    assert ended.failed and not ended.record.ignored
    for more, failed in (({}, True), ({"allow_failure": True}, False)):
        done = gitlab.pipeline({"j": job(script=[gate], **more)}, GITLAB_MAIN, gates_fail=True)
        assert (done.failed, bool(done.record.ignored)) == (failed, not failed)


def test_variables_that_hold_each_other_do_not_grow_without_end() -> None:
    many = {f"V{n}": f"$V{n + 1}" * 50 for n in range(30)}
    with pytest.raises(Unsupported, match="too often"):
        gitlab.pipeline({"variables": many, "a": job()}, GITLAB_MAIN)
