"""Pipelines told from their files: scripts, commands, conditions, jobs; hostile texts are refused and no more."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.domain.metadata_action import Run
from autograder.pipelines import commands, conditions, github, gitlab, tools
from autograder.pipelines.job_state import Finding, Record, Unsupported
from autograder.pipelines.machine import Machine, RunState

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


EVERYTHING = (*commands.MODELS, "git", "zstd", "jq", "curl")


def machine(*there: str, finding: Finding | None = None) -> Machine:
    """A job's machine with an engine, a checkout and some programs."""
    made = Machine(
        RunState(finding=finding), commands.programs(frozenset(there or EVERYTHING)),
        place="here", folder="/w", home="/root", no_engine=None, commit="c" * 40,
    )  # fmt: skip
    made.check_out("/w")
    return made


def done(script: str, m: Machine | None = None, **variables: str) -> Machine:
    """A script that was run to its good end."""
    m = m or machine()
    ended = m.run(script, {"HOME": "/root", **variables}, "/w", "-e", "-o", "pipefail")
    assert ended.code == 0, ended
    return m


# -- scripts ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("script", "pushed", "read"),
    [
        ("docker save a | gzip > a.tar.gz\ngunzip -c a.tar.gz | docker load\ndocker push a", ["a"], True),
        ("docker save a | gzip > a.tar.gz\ndocker load -i a.tar.gz\ndocker push a", ["a"], True),
        ("docker save -o a.tar a\ngzip a.tar\ndocker load < a.tar.gz\ndocker push a", ["a"], True),
        ("docker save a | zstd -o x.zst\nzstd -dc x.zst | docker load\ndocker push a", ["a"], True),
        ("echo $TAGS | xargs -n1 docker tag a\necho $TAGS | xargs -n 1 docker push", ["r/a:1", "r/a:2"], True),
        (
            "echo $TAGS | xargs -I{} -n1 docker tag a {}\nfor t in $TAGS; do docker push $t; done",
            ["r/a:1", "r/a:2"],
            True,
        ),
    ],
)
def test_what_goes_through_a_pipe(script: str, pushed: list[str], read: bool) -> None:
    if "-I{}" in script:
        script = script.replace("echo $TAGS | xargs -I{} -n1", "printf '%s\\n' $TAGS | xargs -I{}")
    m = done(f"docker build -t a .\n{script}", TAGS="r/a:1 r/a:2")
    assert [push.name for push in m.record.pushes] == pushed
    assert {issue.kind for issue in m.record.issues} <= {"login"}
    assert all(push.image.id == m.record.builds[0][1].id for push in m.record.pushes)


@given(SCRIPTS)
def test_any_script_is_run_or_refused(script: str) -> None:
    m = machine("docker", "trivy")
    with suppress(Unsupported):
        m.run(script, {"X": "v1 'x", "Y": "$X"}, "/w", "-e")


# -- images have an identity -----------------------------------------------------------------------------------------

SAME = {
    "two names": "docker build -t a -t b .",
    "a tag": "docker build -t a .; docker tag a b",
    "a second build": "docker build -t a .; docker build --label x=y -t b .",
    "an archive": "docker build -t a .; docker save -o x a; docker tag a z; docker rmi a; docker load -i x;"
    " docker tag a b",
    "an id": 'ID=$(docker build -q .); docker tag "$ID" a; docker tag "$ID" b',
    "a file with the id": "docker build --iidfile id -t a .; docker tag $(cat id) b",
    "the same file by another name": "docker build -f ./Dockerfile -t a .; docker build -f Dockerfile -t b ./",
    "arguments in another order": "docker build --build-arg A=1 --build-arg B=2 -t a .;"
    " docker build --build-arg B=2 --build-arg A=1 -t b .",
    "a copy of the Dockerfile": "docker build -t a .; cp Dockerfile D; docker build -f D -t b .",
}
OTHERS = {
    "another Dockerfile": "docker build -t a .; echo FROM x > D; docker build -f D -t b .",
    "a Dockerfile that was changed": "docker build -t a .; echo RUN x >> Dockerfile; docker build -t b .",
    "another context": "mkdir c; echo FROM y > c/Dockerfile; docker build -t a .; docker build -t b c",
    "another target": "docker build -t a .; docker build --target test -t b .",
    "another argument": "docker build --build-arg A=1 -t a .; docker build --build-arg A=2 -t b .",
    "an argument of the environment": "A=1 docker build --build-arg A -t a .; A=2 docker build --build-arg A -t b .",
    "no cache": "docker build -t a .; docker build --no-cache -t b .",
    "a Dockerfile on standard input": "docker build -t a .; echo FROM x | docker build -t b -",
    "another commit": "docker build -t a .; git checkout HEAD~1; docker build -t b .",
    "one of two archives": "docker build -t a .; docker save -o 1 a; docker build --target t -t a .; "
    "docker save -o 2 a; docker tag a b; docker load -i 1",
}


@pytest.mark.parametrize("script", SAME.values(), ids=SAME)
def test_the_same_image(script: str) -> None:
    m = done(script)
    assert m.wanted("a", "").id == m.wanted("b", "").id and not m.record.issues


@pytest.mark.parametrize("script", OTHERS.values(), ids=OTHERS)
def test_another_image(script: str) -> None:
    m = done(script)
    assert m.wanted("a", "").id != m.wanted("b", "").id and not m.record.issues


LOGIN = "echo p | docker login -u u --password-stdin r.io\ndocker build -t a .\n"
WAYS_TO_PUSH = {
    "docker": "docker tag a r.io/a:1; docker push r.io/a:1",
    "all tags": "docker tag a r.io/a:1; docker push -a r.io/a",
    "buildx": "docker buildx build -t r.io/a:1 --push .",
    "an output": "docker buildx build --output type=image,name=r.io/a:1,push=true .",
    "crane of an archive": "docker save -o x a; crane push x r.io/a:1",
    "skopeo of an archive": "docker save -o x a; skopeo copy docker-archive:x docker://r.io/a:1",
    "skopeo of the engine": "skopeo copy docker-daemon:a:latest docker://r.io/a:1",
    "a layout": "docker buildx build --output type=oci,dest=x,tar=false -t a .;"
    " oras cp --from-oci-layout x:latest r.io/a:1",
    "a layout in a tar": "skopeo copy docker-daemon:a:latest oci:x:latest; tar cf x.tar x; docker load -i x.tar;"
    " crane push x r.io/a:1",
    "podman": "podman build -t p .; podman push p docker://r.io/a:1",
    "regctl": "docker tag a r.io/a:2; docker push r.io/a:2; regctl image copy --digest-tags r.io/a:2 r.io/a:1",
    "oras": "docker tag a r.io/a:2; docker push r.io/a:2; oras cp -r r.io/a:2 r.io/a:1",
    "kaniko": "executor --context dir://. --destination r.io/a:1",
    "a list": "docker tag a r.io/a:2; docker push r.io/a:2; docker buildx imagetools create -t r.io/a:1 r.io/a:2",
    "a digest": "docker tag a r.io/a:2; D=$(docker push r.io/a:2 | sed 's/.*digest: //; s/ size.*//');"
    " crane cp r.io/a@$D r.io/a:1",
}  # fmt: skip


@pytest.mark.parametrize("script", WAYS_TO_PUSH.values(), ids=WAYS_TO_PUSH)
def test_what_is_pushed_is_what_was_built(script: str) -> None:
    m = done(LOGIN + script)
    last = m.record.pushes[-1]
    assert (last.name, last.image.id) == ("r.io/a:1", m.record.builds[0][1].id)
    assert not m.record.issues and not m.record.unclear


# Ways of kaniko's own documentation, and of buildah's: each builds what `docker build .` builds.
SAME_BUILD = {
    "the default folder": "mkdir -p /workspace; cp -r . /workspace; executor --destination r.io/a:1",
    "a folder of GitLab": "executor -c /w -f /w/Dockerfile -d r.io/a:1 -v info",
    "a part of a folder": "mkdir app; cp -r Dockerfile .git app; rm Dockerfile;"
    " executor --context dir:///w --context-sub-path app --destination r.io/a:1",
    "a registry without TLS": "executor --insecure-registry r.io --skip-tls-verify-registry r.io -c . -d r.io/a:1",
    "zstd": "executor --compression zstd --compression-level 3 --force-build-metadata -c . -d r.io/a:1",
    "an old name": "executor --snapshotMode redo --customPlatform linux/amd64 -c . -d r.io/a:1",
    "a format": "buildah build --format docker --layers -t a . ; buildah push a r.io/a:1",
    "a cache": "buildah build --cache-from r.io/cache --cache-to r.io/cache --pull -t a .; buildah push a r.io/a:1",
    "labels of the base": "buildah build --inherit-labels=false --omit-history -t a .; buildah push a r.io/a:1",
    "annotations": "buildah build --created-annotation --identity-label -t a .; buildah push a r.io/a:1",
}


@pytest.mark.parametrize("script", SAME_BUILD.values(), ids=SAME_BUILD)
def test_options_of_builders(script: str) -> None:
    m = done(LOGIN + script)
    assert [push.name for push in m.record.pushes] == ["r.io/a:1"]
    assert not m.record.issues and not m.record.unclear
    if "mkdir" not in script:
        assert {image.id for _, image in m.record.builds} == {m.record.pushes[0].image.id}


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("executor -c . || true", "names neither --destination nor --no-push"),
        ("executor -c . -f Dockerfile.prod -d r.io/a", "builds from /w/Dockerfile.prod"),
        ("executor -d r.io/a", "has its Dockerfile at the top"),
        (
            "executor --context s3://bucket/context.tar.gz -d r.io/a",
            "s3://bucket/context.tar.gz, which is not followed",
        ),
    ],
)
def test_what_kaniko_does_not_build(script: str, words: str) -> None:
    m = done(LOGIN + script)
    assert any(words in text for text in (*(issue.text for issue in m.record.issues), *m.record.unclear))


# An option of one name that is a switch for one command and takes a value for another.
TWO_KINDS = {("docker", "pull")}


def test_every_table_of_options_says_where_it_is_from() -> None:
    kinds: dict[tuple[str, str], set[str]] = {}
    for command, table in tools.tables().items():
        assert re.search(r"\d+\.\d+\.\d+", table.seen), command
        assert table.source.startswith("github.com/") or table.source.endswith("--help"), command
        assert not table.takes & table.alone, command
        assert set(table.short.values()) <= table.takes | table.alone, command
        for name in table.takes | table.alone:
            kinds.setdefault((command.partition(" ")[0], name), set()).add("takes" if name in table.takes else "alone")
    assert {option for option, kind in kinds.items() if len(kind) > 1} == TWO_KINDS


# -- commands --------------------------------------------------------------------------------------------------------

SCANS = {
    "trivy image --exit-code 1 a": "",
    "trivy image --severity=HIGH,CRITICAL --exit-code=1 a": "",
    "trivy image --severity HIGH --severity CRITICAL --exit-code 1 a": "",
    "trivy image -s HIGH -s CRITICAL --skip-check-update --exit-code 1 a": "",
    "trivy --quiet image --no-progress --ignore-unfixed --exit-code 1 --timeout 10m a": "",
    "TRIVY_EXIT_CODE=1 TRIVY_SEVERITY=HIGH,CRITICAL trivy i a": "",
    "docker save -o x a; trivy image --input x --exit-code 1": "",
    "grype a --fail-on high": "",
    "grype -f medium docker:a": "",
    "docker save -o x.tar a; grype docker-archive:x.tar -f high": "",
    "docker run --rm -v /var/run/docker.sock:/var/run/docker.sock aquasec/trivy:0.74.0 image --exit-code 1 a": "",
    "docker save -o x a; docker run --rm -v $PWD:/in aquasec/trivy:0.74.0 image --input /in/x --exit-code 1": "",
    "docker save -o x.tar a; docker run --mount type=bind,src=$PWD,dst=/i anchore/grype:v0.104.0 /i/x.tar -f high": "",
    "trivy image a": "no exit code",
    "trivy image --exit-code 0 a": "no exit code",
    "trivy image --exit-code 1 --severity CRITICAL a": "looks at CRITICAL only",
    "trivy image --exit-code 1 --scanners secret,misconfig a": "not for vulnerabilities",
    "trivy image --exit-code 1 --pkg-types os a": "of the kind os only",
    "trivy image --exit-code 1 --ignore-status fixed a": "the status fixed",
    "trivy fs --exit-code 1 .": "scans files",
    "trivy image --exit-code 1 python:3.12": "has not built before",
    "grype a": "no exit code",
    "grype a --fail-on critical": "looks at CRITICAL only",
    "grype dir:. -f high": "scans files",
}  # fmt: skip


@pytest.mark.parametrize("script", SCANS)
def test_what_a_scan_is_worth(script: str) -> None:
    (scan,) = done(f"docker build -t a .\n{script}").record.scans
    assert SCANS[script] in scan.fault and bool(scan.fault) is bool(SCANS[script])


@pytest.mark.parametrize("script", SCANS)
@pytest.mark.parametrize(("severity", "packages"), [("HIGH", "os"), ("CRITICAL", "library")])
def test_a_gate_ends_a_script_that_meets_a_finding(script: str, severity: str, packages: str) -> None:
    built = done("docker build -t a .").record.builds[0][1].id
    m = machine(finding=Finding(built, severity, packages))
    ended = m.run(f"docker build -t a .\n{script}\ndocker push a", {"HOME": "/root"}, "/w", "-e")
    if not SCANS[script]:
        assert ended.code and not m.record.pushes


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("docker login -u u -p p r.io", "gives the password on the command line"),
        ("docker login r.io", "waits for somebody who types"),
        ("docker login -u u --password-stdin r.io < /dev/null", "gets no password"),
        ("echo p | docker login --password-stdin r.io", "names no user"),
        ("docker build -t a .; docker push r.io/a", "which this job neither built nor loaded"),
        ("docker build -t r.io/a .; docker push r.io/a", "no step before it in its job logs in there"),
        ("docker build -t a . && skopeo copy --dest-creds u:p docker-daemon:a docker://r.io/a", "on the command line"),
        ("skopeo copy --src-creds u:p docker://r.io/b docker-archive:x", "on the command line"),
        ("docker load -i x || true", "reads x, which no earlier step"),
        ("docker build -f sub/Dockerfile .", "has its Dockerfile at the top"),
        ("docker build sub", "has its Dockerfile at the top"),
        ("docker build -t a .; docker run aquasec/trivy:0.74.0 image --exit-code 1 a || true", "cannot see the engine"),
    ],
)
def test_what_a_script_lacks(script: str, words: str) -> None:
    assert words in " ".join(issue.text for issue in done(script).record.issues)


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("docker push --nice a || true", "the option --nice, which is not in the table of docker push"),
        ("trivy image --exit-on-monday 1 a || true", "the option --exit-on-monday"),
        ("docker frobnicate", "a command of docker that is not followed"),
        ("docker compose push", "what a Compose file says"),
        ("docker buildx bake", "a bake file"),
        ("crane mutate a --tag b", "changes an image in the registry"),
        ("buildah commit x a", "step by step"),
    ],
)
def test_what_no_table_holds_is_named(script: str, words: str) -> None:
    assert words in " ".join(done(script).record.unclear)


def test_a_login_may_stand_in_a_file() -> None:
    text = 'mkdir -p ~/.docker; cat > ~/.docker/config.json <<EOF\n{"auths": {"https://r.io": {"auth": "eA=="}}}\nEOF\n'
    assert not done(f"{text}docker build -t r.io/a .; docker push r.io/a").record.issues


def test_what_is_not_there_is_not_found() -> None:
    for script, there in (("trivy image a", ("docker",)), ("jq . x", ("docker",)), ("docker ps", ("trivy",))):
        ended = machine(*there).run(script, {}, "/w", "-e")
        assert ended.code == 127 and "not found" in ended.said


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


SOCKET = "/var/run/docker.sock:/var/run/docker.sock"
GATE = f"docker build -t a .\ndocker run -v {SOCKET} aquasec/trivy:0.74.0 image --exit-code 1 a"
GITLAB_DOCKER: dict[str, Any] = {
    "image": "docker:29.7.2", "services": ["docker:29.7.2-dind"], "variables": {"DOCKER_TLS_CERTDIR": "/certs"},
}  # fmt: skip


def with_finding(data: dict[str, Any], followed: Callable[..., Any], *about: Any) -> Any:
    """A run in which the image that it builds has a finding."""
    built = followed(data, *about).record.builds[0][1].id
    return followed(data, *about, finding=Finding(built, "HIGH", "os"))


def test_jobs_of_github_run_after_what_they_need_and_not_after_a_failure() -> None:
    gate = {"run": GATE}
    data = {
        "on": "push",
        "jobs": {
            "last": {"needs": "first", "steps": [{"run": "echo"}]},
            "told": {"needs": "first", "if": "failure()", "steps": [{"run": "echo"}]},
            "first": {"steps": [{"uses": "actions/checkout@v6"}, gate]},
        },
    }
    assert github.run(data, PUSH).jobs == ["first", "last"]
    assert with_finding(data, github.run, PUSH).jobs == ["first", "told"]


def test_a_status_function_in_quotes_is_text() -> None:
    """What stands in quotes neither answers nor takes the default success() away."""
    fails = {"run": GATE}
    told = {"id": "told", "if": "contains('always()', 'always()')", "run": "docker login x.io\ndocker push x.io/a"}
    data = {"on": "push", "jobs": {"j": {"runs-on": "ubuntu-24.04", "steps": [fails, told]}}}
    assert [push.name for push in github.run(data, PUSH).record.pushes] == ["x.io/a"]
    assert with_finding(data, github.run, PUSH).record.pushes == []
    told["if"] = "github.actor != 'always()' && always()"
    assert [push.name for push in with_finding(data, github.run, PUSH).record.pushes] == ["x.io/a"]


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
    gate = GATE
    step = {"id": "s", "run": gate, "continue-on-error": True}
    for part in ({"steps": [step]}, {"continue-on-error": True, "steps": [{"run": gate}]}):
        found = with_finding({"on": "push", "jobs": {"j": part}}, github.run, PUSH)
        assert not found.failed and len(found.record.ignored) == 1
    ended = with_finding({"on": "push", "jobs": {"j": {"steps": [{"run": gate}]}}}, github.run, PUSH)
    assert ended.failed and not ended.record.ignored
    for more, failed in (({}, True), ({"allow_failure": True}, False)):
        ran = with_finding({"j": job(script=[gate], **GITLAB_DOCKER, **more)}, gitlab.pipeline, GITLAB_MAIN)
        assert (ran.failed, bool(ran.record.ignored)) == (failed, not failed)


def test_variables_that_hold_each_other_do_not_grow_without_end() -> None:
    many = {f"V{n}": f"$V{n + 1}" * 50 for n in range(30)}
    with pytest.raises(Unsupported, match="too often"):
        gitlab.pipeline({"variables": many, "a": job()}, GITLAB_MAIN)
