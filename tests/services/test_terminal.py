"""Terminals of the course, in each shell, on top of start-up files that put other programs and accounts first."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from autograder import paths
from autograder.domain.services import NAMES
from autograder.quality.steps import in_ci
from autograder.services import cloud_credentials, installation, terminal

RC = """\
export PATH="$HOME/bin:$PATH" MINE=yes AWS_PROFILE=work AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE
export AWS_SECRET_ACCESS_KEY=real AWS_SESSION_TOKEN=real AWS_ENDPOINT_URL_ECR=https://api.ecr.us-east-1.amazonaws.com
export AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=true AWS_ENDPOINT_URL=https://real.example AWS_CONFIG_FILE=$HOME/.aws/config
export AWS_WEB_IDENTITY_TOKEN_FILE=/token AWS_ROLE_ARN=arn AWS_CONTAINER_CREDENTIALS_FULL_URI=http://169.254.170.2/
export DOCKER_CONFIG=$HOME/.docker DOCKER_AUTH_CONFIG='{"auths":{}}' REGISTRY=real.example
alias aws='aws --profile work'
alias ll='ls -l'
python() { echo a function; }
"""
FISH = """\
set -gx PATH $HOME/bin $PATH
set -gx MINE yes
set -Ux AWS_PROFILE work
set -Ux AWS_ENDPOINT_URL_STS https://real.example
set -gx AWS_ACCESS_KEY_ID AKIAIOSFODNN7EXAMPLE
set -gx AWS_SESSION_TOKEN real
set -gx AWS_CONFIG_FILE $HOME/.aws/config
set -gx DOCKER_CONFIG $HOME/.docker
set -gx REGISTRY real.example
alias aws 'command aws --profile work'
alias ll 'ls -l'
function python; echo a function; end
"""
WITHOUT_SETTINGS = ("", None, "admin", "us-east-1")  # what hides a universal variable of fish, or is not there
SHELLS = ("bash", "zsh", "fish", "dash")
pytestmark = [
    pytest.mark.slow,  # each starts programs
    pytest.mark.skipif(os.name != "posix", reason="terminals of POSIX systems"),
]


@pytest.fixture
def person(tmp_path: Path) -> Path:
    """A home folder whose start-up files put the person's own programs and accounts first."""
    home = tmp_path / "a person"
    (home / "bin").mkdir(parents=True)
    (home / ".config" / "fish").mkdir(parents=True)
    for name in terminal.COMMANDS:
        (home / "bin" / name).write_text("#!/bin/sh\necho the person\\'s own\n", encoding="utf-8")
        (home / "bin" / name).chmod(0o755)
    for name in (".bashrc", ".zshrc", ".shrc"):
        (home / name).write_text(RC, encoding="utf-8")
    (home / ".config" / "fish" / "config.fish").write_text(FISH, encoding="utf-8")
    return home


@pytest.fixture
def started(home: Path) -> Path:
    """An installation whose services have ports."""
    with installation.change() as state:
        state.ports |= dict.fromkeys(NAMES, 5003)
    cloud_credentials.load()
    return home


def program_of(shell: str) -> str:
    """A shell's path. In CI every shell must be there; elsewhere the unit tests run without those that are not."""
    program = shutil.which(shell)
    if program is None and not in_ci():
        pytest.skip(f"no {shell} here; the whole of `python3 course.py test` installs it on Debian and Ubuntu")
    assert program, f"no {shell}"
    return program


def typed(shell: str, person: Path, *lines: str, **environment: str) -> str:
    """What a terminal shows when lines are typed into it."""
    program = program_of(shell)
    from ptyprocess import PtyProcessUnicode  # not on Windows

    variables = {
        "HOME": str(person),
        "SHELL": program,
        "PATH": os.environ["PATH"],
        "ENV": str(person / ".shrc"),
        "PYTHONPATH": str(paths.ROOT),
        "COURSE_HOME": str(paths.home()),
        "TERM": "dumb",
        **environment,
    }
    call = [sys.executable, "-P", "-m", "autograder.services.terminal"]
    pty = PtyProcessUnicode.spawn(call, env=variables, cwd=str(person), dimensions=(50, 500))
    pty.write("".join(f"{line}\r" for line in (*lines, "exit")))
    shown = ""
    try:
        while True:
            shown += pty.read()
    except EOFError:
        pty.close()
        return shown


def seen(shell: str, person: Path, **environment: str) -> dict[str, str]:
    """The variables of a program that is started in a terminal, and as ``python``, ``course``, ``aws``: where it is."""
    program = (
        "import json, os, shutil, sys; "
        'found = {name: shutil.which(name) for name in ("course", "aws", "python3")}; '
        'json.dump({**os.environ, **found, "python": sys.executable}, open("seen.json", "w"))'
    )
    (person / "look.py").write_text(program, encoding="utf-8")
    shown = typed(shell, person, "python look.py", "ll -d seen.json && echo al''ias-stays", "type aws", **environment)
    assert "alias-stays" in shown, shown
    assert "--profile" not in shown.split("type aws")[-1], "an alias hides the kit's aws"
    return dict(json.loads((person / "seen.json").read_text(encoding="utf-8")))


@pytest.mark.parametrize("shell", SHELLS)
def test_a_terminal_has_the_courses_settings_whatever_the_person_has_set(started, person, shell):
    found = seen(shell, person, AWS_CA_BUNDLE="/x", AWS_ROLE_ARN="arn", BUILDX_BUILDER="far")
    bin = Path(sys.executable).parent
    programs = {name: str(bin / name) for name in ("python", "python3", "course", "aws")}
    assert {name: found[name] for name in programs} == programs
    ours = terminal.variables(installation.load(), {})
    assert {name: found[name] for name in ours} == ours and found["REGISTRY"] == "localhost:5003"
    assert found["MINE"] == "yes" and found["HOME"] == str(person) and found["SHELL"].endswith(shell)
    others = {name for name in found if name.startswith("AWS_") and name not in ours}
    assert all(found[name] in WITHOUT_SETTINGS for name in others) and (shell == "fish" or not others)
    assert "BUILDX_BUILDER" not in found and "DOCKER_AUTH_CONFIG" not in found
    parts = found["PATH"].split(os.pathsep)
    assert (parts[0], parts[1], parts[-1]) == (str(bin), str(person / "bin"), str(paths.programs()))


@pytest.mark.parametrize("shell", SHELLS)
def test_before_the_first_start_no_account_of_the_persons_is_in_reach(home, person, shell):
    found = seen(shell, person)
    assert found["AWS_CONFIG_FILE"].startswith(str(home)) and found["DOCKER_CONFIG"].startswith(str(home))
    assert found["AWS_EC2_METADATA_DISABLED"] == "true" and not found.get("AWS_ACCESS_KEY_ID")


def test_a_broken_installation_says_so_and_opens_a_terminal(home, person):
    paths.state().mkdir()
    (paths.state() / installation.FILE).write_text("{", encoding="utf-8")
    shown = typed("bash", person, "echo $AWS_EC2_METADATA_DISABLED", AWS_PROFILE="work")
    assert "it cannot be understood" in shown and "\ntrue" in shown


@pytest.mark.parametrize("taken", ["terminal", "docker"])
def test_where_nothing_can_be_written_a_plain_terminal_with_the_variables_opens(started, person, taken):
    (paths.state() / taken).write_text("no folder", encoding="utf-8")  # as on a full disk: an OSError
    shown = typed("bash", person, 'echo "[$ECR $MINE]"', AWS_PROFILE="other")
    assert f"/{taken}" in shown and "cannot be written" in shown and "open another terminal" in shown
    assert "[localhost:5003 yes]" in shown


def test_the_shell_is_the_first_that_is_there_and_lets_one_in(tmp_path, monkeypatch):
    import pwd

    for name in ("nologin", "false", "mine"):
        (tmp_path / name).write_text("#!/bin/sh\n", encoding="utf-8")
        (tmp_path / name).chmod(0o755)
    (tmp_path / "not-executable").touch()
    of_account = [""]
    monkeypatch.setattr(pwd, "getpwuid", lambda _: SimpleNamespace(pw_shell=of_account[0]))
    none = [str(tmp_path / name) for name in ("nologin", "false", "missing", "not-executable")]
    last = next(shell for shell in ("/bin/bash", "/bin/sh") if Path(shell).exists())
    for shell in none:
        for of_account[0] in ("", *none):
            assert terminal.program({"SHELL": shell}) == last
        of_account[0] = str(tmp_path / "mine")
        assert terminal.program({"SHELL": shell}) == of_account[0]
    assert terminal.program({"SHELL": "sh", "PATH": "/bin"}) == "/bin/sh"
    assert terminal.program({}) == of_account[0]


def test_instead_of_a_shell_that_is_not_there_another_opens_as_it_must(started, person):
    shown = typed("zsh", person, 'echo "[$ECR $MINE $SHELL]"', SHELL="/gone/zsh")
    assert "[localhost:5003 yes /bin/bash]" in shown or "[localhost:5003 yes /bin/sh]" in shown


@pytest.mark.parametrize("value", ["$HOME/.shrc", "${MY_RC:-$HOME/.shrc}", "${", "/nowhere"])
def test_the_persons_env_file_is_found_as_a_posix_shell_finds_it(started, person, value):
    shown = typed("dash", person, 'echo "[$ECR ${MINE:-no} $ENV $COURSE_ENV]"', ENV=value)
    mine = "yes" if value.endswith((".shrc", ".shrc}")) else "no"
    assert f"[localhost:5003 {mine} {value} ]" in shown


def test_a_universal_variable_of_fish_is_hidden_and_stays(started, person):
    seen("fish", person)
    kept = (person / ".config" / "fish" / "fish_variables").read_text(encoding="utf-8")
    assert "AWS_PROFILE:work" in kept


def test_zsh_finds_its_own_files_and_history_again(started, person):
    elsewhere = person / "zsh files"
    elsewhere.mkdir()
    (person / ".zshenv").write_text(f"export ZDOTDIR='{elsewhere}'\n", encoding="utf-8")
    (elsewhere / ".zshrc").write_text("export FROM=elsewhere\n", encoding="utf-8")
    shown = typed("zsh", person, 'echo "[$FROM $ZDOTDIR $COURSE_ZDOTDIR]"')
    assert f"[elsewhere {elsewhere} ]" in shown
    (person / ".zshenv").unlink()
    (person / ".zshrc").write_text("HISTFILE=${HISTFILE:-none}\n", encoding="utf-8")
    assert "[none ]" in typed("zsh", person, 'echo "[$HISTFILE $ZDOTDIR]"')


def test_another_shell_is_started_with_the_variables_alone(started, person):
    shell = terminal.shell_for("/usr/bin/elvish", installation.load(), {})
    assert shell == terminal.Shell(["/usr/bin/elvish"])


def test_powershell_reads_its_settings_as_text_after_the_profile(started):
    shell = terminal.shell_for("powershell.exe", installation.load(), {})
    assert shell.command[:4] == ["powershell.exe", "-NoLogo", "-NoExit", "-Command"]
    assert str(terminal.folder() / "course.ps1") in shell.command[4] and '"' not in shell.command[4]
    text = shell.files["course.ps1"]
    assert "Alias:aws" in text and "Env:AWS_*" in text and "$env:REGISTRY = 'localhost:5003'" in text
    assert text.index("Remove-Item") < text.index("$env:AWS_ENDPOINT_URL =") < text.index("$env:PATH =")


@pytest.mark.parametrize("shell", ["bash", "sh", "zsh", "fish"])
def test_course_env_does_the_same_for_a_terminal_that_is_open(started, person, shell):
    foreign = {"AWS_PROFILE": "work", "AWS_ENDPOINT_URL_ECR": "https://real.example", "DOCKER_AUTH_CONFIG": "{}"}
    environment = {**os.environ, **foreign, "HOME": str(person), "PATH": f"{person}/bin:{os.environ['PATH']}"}
    kind = "fish" if shell == "fish" else "bash"
    call = [sys.executable, "-P", "-m", "autograder.cli", "env", "--shell", kind]
    text = subprocess.run(
        call, env={**environment, "PYTHONPATH": str(paths.ROOT)}, capture_output=True, text=True, check=True
    ).stdout
    program = 'import json, os, sys; print(json.dumps({**os.environ, "python": sys.executable}))'
    done = subprocess.run(
        [program_of(shell), "-c", f"{text}\npython -c '{program}'"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout)
    assert found["python"] == sys.executable
    assert {name: found[name] for name in foreign if found.get(name) not in WITHOUT_SETTINGS} == {}
    assert found["AWS_ENDPOINT_URL"] == "http://127.0.0.1:5003"


@pytest.mark.parametrize("shell", ["bash", "sh", "zsh"])
def test_course_env_ends_no_script_that_ends_at_the_first_failure(started, shell):
    text = terminal.settings(installation.load(), {"AWS_PROFILE": "work"}, "bash")
    after = terminal._after(text, "bash")
    for lines in (text, after):
        call = [program_of(shell), "-euc", 'eval "$1"; echo "$ECR"', shell, lines]
        done = subprocess.run(call, capture_output=True, text=True, check=False, env={"PATH": os.environ["PATH"]})
        assert (done.returncode, done.stdout, done.stderr) == (0, "localhost:5003\n", "")


def test_as_json_null_stands_for_what_must_go(started):
    text = terminal.settings(installation.load(), {"AWS_PROFILE": "work", "PATH": "/bin"}, "json")
    found = json.loads(text)
    assert found["AWS_PROFILE"] is None and found["ECR"] == "localhost:5003" and "PATH" not in found
