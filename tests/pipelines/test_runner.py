"""GitHub's runner: what a step finds, and what it leaves for the next ones."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from autograder.domain.metadata_action import Run
from autograder.pipelines import github
from autograder.pipelines.github import Outcome

EVENT = Run("push", "refs/heads/main", "a" * 40, datetime(2026, 1, 1, tzinfo=UTC), {}, "main", "o/r")
BUILD = "docker build -t a ."
Steps = tuple[dict[str, Any] | str, ...]


def ran(*steps: dict[str, Any] | str, **job: Any) -> Outcome:
    """A job with a checkout and these steps; a text is a script."""
    given = [step if isinstance(step, dict) else {"run": step} for step in steps]
    jobs = {"j": {"runs-on": "ubuntu-24.04", "steps": [{"uses": "actions/checkout@v5"}, *given], **job}}
    return github.run({"on": "push", "jobs": jobs}, EVENT)


def if_so(text: str) -> str:
    """A build that runs only where a script of -e comes so far."""
    return f"{text}\n{BUILD}"


def output(text: str) -> dict[str, Any]:
    """A step with an output."""
    return {"id": "o", "run": text}


def told(text: str) -> dict[str, Any]:
    """A step that is given it as T."""
    return {"run": if_so(text), "env": {"T": "${{ steps.o.outputs.t }}"}}


def tool(does: str) -> str:
    """A program of one's own in ~/tools."""
    return f"""mkdir -p ~/tools
cat > ~/tools/tool <<'EOF'
#!/bin/bash
{does}
EOF
chmod +x ~/tools/tool"""


SAY = r"for n in one two; do mkdir $n; printf '#!/bin/sh\necho %s > said\n' $n > $n/say; chmod +x $n/say; done"
RIGHT: dict[str, Steps] = {
    # -- GITHUB_PATH
    "a script in a folder of the path": (tool(BUILD), 'echo "$HOME/tools" >> "$GITHUB_PATH"', "tool"),
    "a script that is checked out": ("mkdir ci; echo docker build . > ci/build.sh; chmod +x ci/*", "./ci/build.sh"),
    "the newest folder comes first": (
        SAY, r'printf "%s\n" "$PWD/one" "$PWD/two" >> "$GITHUB_PATH"', if_so("say; grep two said")
    ),
    "a folder that is named again": (
        SAY, r'printf "%s\n" "$PWD/one" "$PWD/two" "$PWD/one" >> "$GITHUB_PATH"', if_so("say; grep one said")
    ),
    "the path in the step's own words": (
        tool(BUILD), {"run": "tool", "env": {"PATH": "/home/runner/tools:/usr/bin:/bin"}}
    ),
    # -- the other files
    "a variable of several lines": (
        r"""{ echo 'TAGS<<EOF'; printf 'a=1\nb<<2\n'; echo EOF; echo LAST=x; } >> "$GITHUB_ENV" """,
        if_so(r"""[ "$TAGS" = "$(printf 'a=1\nb<<2')" ] && [ "$LAST" = x ]"""),
    ),
    "an output of several lines": (
        output(r"""D=$(openssl rand -hex 8); { echo "t<<$D"; printf 'one\ntwo\n'; echo "$D"; } >> $GITHUB_OUTPUT"""),
        told('[ "$(echo "$T" | wc -l)" -eq 2 ]'),
    ),
    "a value with signs of both forms": (output("echo 't=a<<b=c' >> $GITHUB_OUTPUT"), told('[ "$T" = "a<<b=c" ]')),
    "empty lines": (output(r"printf '\nt=1\n\n' >> $GITHUB_OUTPUT"), {"if": "steps.o.outputs.t == 1", "run": BUILD}),
    "a summary": (if_so('[ -f "$GITHUB_STEP_SUMMARY" ]; echo "## Built" >> "$GITHUB_STEP_SUMMARY"'),),
    "files of each step's own": ("echo A=1 >> $GITHUB_ENV", if_so('[ ! -s "$GITHUB_ENV" ] && [ "$A" = 1 ]')),
    "what a step that fails leaves": (
        {"run": "echo A=1 >> $GITHUB_ENV; exit 1", "continue-on-error": True}, if_so('[ "$A" = 1 ]')
    ),
    # -- folders and variables
    "the folder for temporary files": ('echo x > "$RUNNER_TEMP/f"', if_so('grep x "${{ runner.temp }}/f"')),
    "the workspace": (if_so('[ "$PWD" = "$GITHUB_WORKSPACE" ] && [ -f "$GITHUB_WORKSPACE/Dockerfile" ]'),),
    "every variable of the manual": (
        if_so("set -u; : $GITHUB_JOB $GITHUB_ACTION $GITHUB_TRIGGERING_ACTOR $GITHUB_GRAPHQL_URL $RUNNER_TOOL_CACHE"
              " $RUNNER_NAME $RUNNER_ENVIRONMENT $GITHUB_WORKFLOW_REF $GITHUB_RETENTION_DAYS"),
    ),
    "what no step can set": ({"run": if_so('[ "$GITHUB_SHA" = "${{ github.sha }}" ]'), "env": {"GITHUB_SHA": "x"}},),
    "the context env without the runner's": (if_so('[ -z "${{ env.GITHUB_SHA }}" ]'),),
    "a folder of its own": ("mkdir app", {"run": "docker build ..", "working-directory": "app"}),
    "an absolute folder": ({"run": f'cd "$GITHUB_WORKSPACE" && {BUILD}', "working-directory": "/tmp"},),
    # -- shells
    "options of bash": ({"run": if_so("false | true"), "shell": "bash -e {0}"},),
    "a path of bash": ({"run": if_so("[[ -n $HOME ]]"), "shell": "/usr/bin/bash --noprofile -euo pipefail {0}"},),
    "without -e": ({"run": if_so("false"), "shell": "bash {0}"},),
    "sh": ({"run": if_so("[ -n x ]"), "shell": "sh"},),
}  # fmt: skip


@pytest.mark.parametrize("name", RIGHT)
def test_right(name: str) -> None:
    outcome = ran(*RIGHT[name])
    assert not outcome.failed and not outcome.record.issues and not outcome.record.unclear, outcome.record
    assert len(outcome.record.builds) == 1


WRONG: dict[str, tuple[Steps, str]] = {
    "a path at once": ((tool("true") + "; echo ~/tools >> $GITHUB_PATH; tool",), "tool: command not found"),
    "a folder that is in no path": ((tool("true"), "tool"), "tool: command not found"),
    "a file that may not be run": (("mkdir b; echo true > b/x; echo $PWD/b >> $GITHUB_PATH", "x"), "Permission denied"),
    "several lines in one output": (
        (output(r"""TAGS=$(printf 'a\nb'); echo "t=$TAGS" >> $GITHUB_OUTPUT"""),), "Invalid format 'b'"
    ),
    "several lines in one variable": ((r"printf 'A=1\ntwo\n' >> $GITHUB_ENV",), "Invalid format 'two'"),
    "an end that never comes": ((r"printf 'A<<EOF\none\n' >> $GITHUB_ENV",), "Matching delimiter not found 'EOF'"),
    "an end that is indented": ((r"printf 'A<<EOF\none\n  EOF\n' >> $GITHUB_ENV",), "delimiter not found 'EOF'"),
    "a delimiter of no name": (("echo '<<EOF' >> $GITHUB_OUTPUT",), "Invalid format '<<EOF'"),
    "a colon": ((output("echo 't: 1' >> $GITHUB_OUTPUT"),), "Invalid format 't: 1'"),
    "a folder that is not there": (({"run": BUILD, "working-directory": "app"},), "ends with exit code 1"),
    "a shell without its script": (({"run": BUILD, "shell": "bash -e"},), "Invalid shell option"),
    "a form of bash in sh": (({"run": "[[ -n x ]]", "shell": "sh"},), "dash does not know [["),
    "a pipe in bash": (({"run": "false | true", "shell": "bash"},), "ends with exit code 1"),
    "a variable that is unset": (({"run": "echo $NOBODY", "shell": "bash -u {0}"},), "NOBODY"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_wrong(name: str) -> None:
    steps, words = WRONG[name]
    outcome = ran(*steps)
    assert outcome.failed and not outcome.record.unclear
    assert words in outcome.record.issues[0].text


REVIEW: dict[str, tuple[Steps, str]] = {
    "python": (({"run": "import os\nos.system('docker push a')", "shell": "python"},), "is written for python"),
    "PowerShell": (({"run": BUILD, "shell": "pwsh"},), "is written for pwsh"),
    "another interpreter": (({"run": "docker push a", "shell": "ruby {0}"},), "is written for ruby"),
    "pipefail in a shell that may not have it": (
        ({"run": "set -euo pipefail", "shell": "sh"},), "sets pipefail in dash, and not every version has that"
    ),
    "a program of another language": (
        (r"printf '#!/usr/bin/env python3\nprint(1)\n' > x; chmod +x x; ./x",), "writes a program for python3"
    ),
    "a program in place of a known one": (
        (r"mkdir b; printf '#!/bin/sh\n' > b/docker; chmod +x b/docker; echo $PWD/b >> $GITHUB_PATH", BUILD),
        "runs /home/runner/work/r/r/b/docker, which the run wrote",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REVIEW)
def test_what_is_not_followed_waits_for_a_person(name: str) -> None:
    steps, words = REVIEW[name]
    assert any(words in text for text in ran(*steps).record.unclear)


def test_defaults_of_the_job_come_before_those_of_the_file() -> None:
    said = f"""[ "$(tr '\\n' ' ' < said)" = "$PWD/a $PWD/b " ] && {BUILD}"""
    outcome = ran(
        {"run": "mkdir -p a b", "working-directory": "."},
        "false | true; pwd >> ../said",
        {"run": "pwd >> ../said", "working-directory": "b"},
        {"run": said, "working-directory": "."},
        defaults={"run": {"working-directory": "a", "shell": "bash -e {0}"}},
    )
    assert not outcome.failed and len(outcome.record.builds) == 1
    job = {"runs-on": "ubuntu-24.04", "steps": [{"run": "false | true"}]}
    for shell, failed in (("bash -e {0}", False), ("bash", True)):
        assert (
            github.run({"on": "push", "defaults": {"run": {"shell": shell}}, "jobs": {"j": job}}, EVENT).failed
            is failed
        )


@pytest.mark.parametrize(
    ("image", "step", "words"),
    [
        ("docker:29.7.2", {"run": "[[ -n x ]] && A=(1)"}, "busybox does not know an array"),
        ("docker:29.7.2", {"run": "true", "shell": "bash"}, "bash: not found"),
        ("docker:29.7.2", {"run": "apk add bash", "shell": "sh"}, ""),
        ("python:3.12", {"run": "[[ -n x ]]"}, "dash does not know [["),
        ("python:3.12", {"run": "[[ -n x ]]", "shell": "bash"}, ""),
        ("fedora:44", {"run": "[[ -n x ]]"}, ""),
    ],
)
def test_a_container_has_the_shells_of_its_image(image: str, step: dict[str, Any], words: str) -> None:
    outcome = ran(step, container=image)
    assert words in outcome.record.issues[0].text if words else not outcome.failed
