"""What JupyterLab opens as a terminal: the person's shell with their settings, and the course's on top of them.

Run as a program, it becomes that shell. The shell reads the person's own start-up file first and then one of the
kit's, because a file like ``.bashrc`` often puts another Python first on the path or names an AWS account. Addresses
are looked up now, so those of services that have moved since JupyterLab began are right.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from autograder import paths
from autograder.emulators.ecr import aws_config
from autograder.errors import CourseError
from autograder.services import addresses, cloud_variables, installation
from autograder.services.installation import Installation

# Commands that must be the kit's: aliases and functions of these names would hide them.
COMMANDS = ("python", "python3", "pip", "pip3", "aws", "course")
NO_SHELLS = ("nologin", "false")  # what an account has whose owner may not log in
POSIX = ("sh", "dash", "ash", "ksh", "mksh")
DOTS, FIRST = "COURSE_ZDOTDIR", "COURSE_ENV"  # the person's own ZDOTDIR and ENV, while ours take their place

ZSHENV = """\
ZDOTDIR=$COURSE_ZDOTDIR
[[ -f $ZDOTDIR/.zshenv ]] && . "$ZDOTDIR/.zshenv"
COURSE_ZDOTDIR=${{ZDOTDIR:-$HOME}}
ZDOTDIR={here}
"""
# /etc/zshrc of macOS has put the history beside our files by then.
ZSHRC = """\
[[ $HISTFILE == $ZDOTDIR/* ]] && HISTFILE=$COURSE_ZDOTDIR/.zsh_history
ZDOTDIR=$COURSE_ZDOTDIR
unset COURSE_ZDOTDIR
[[ -f $ZDOTDIR/.zshrc ]] && . "$ZDOTDIR/.zshrc"
[[ $ZDOTDIR == $HOME ]] && unset ZDOTDIR
"""
# A shell expands the value of ENV, like '$HOME/.shrc', before it reads the file; in $(…) a fault of it ends nothing.
SHRC = """\
ENV=$COURSE_ENV
unset COURSE_ENV
if [ -n "$ENV" ]; then
    _course=$(eval "printf %s \\"$ENV\\"")
    [ -f "$_course" ] && . "$_course"
else
    unset ENV
fi
"""
# A universal variable of fish can only be hidden by another value. An empty one counts as none for the AWS clients, but
# for the names of profiles and regions, which must be such that exist.
_UNIVERSAL = f"""\
for name in (set -Uxn | string match '{cloud_variables.FOREIGN_PREFIX}*')
    switch $name
        case '*PROFILE'
            set -gx $name {aws_config.DEFAULT}
        case '*REGION'
            set -gx $name {cloud_variables.REGION}
        case '*'
            set -gx $name ''
    end
end"""


@dataclass(frozen=True)
class Shell:
    """How a shell is started.

    Attributes:
        command: program and arguments.
        files: what it reads, name below :func:`folder` -> text.
        variables: what it needs to find them.
    """

    command: list[str]
    files: dict[str, str] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)


def folder() -> Path:
    """Where the start-up files are."""
    return paths.state() / "terminal"


def variables(
    state: Installation | None, environment: Mapping[str, str], *, write: bool = True
) -> dict[str, str | None]:
    """What a terminal is given: name -> value, None for what must go.

    Args:
        state: the installation; None before its first start.
        environment: the terminal's variables so far.
        write: also write the files that they name.

    Raises:
        OSError: a file cannot be written.
    """
    if state is None:
        ours = cloud_variables.private()
    else:
        ours = cloud_variables.hand_out(state) if write else cloud_variables.all_of(state)
    gone = {name: None for name in cloud_variables.foreign(environment) if name not in ours}
    return {**gone, **ours, **addresses.without_proxy(environment)}


def settings(state: Installation | None, environment: Mapping[str, str], shell: str) -> str:
    """The variables, and what makes the course's commands come first, as lines for a shell.

    Args:
        state: the installation; None before its first start.
        environment: the terminal's variables so far.
        shell: as :func:`addresses.as_text` knows them.
    """
    given = variables(state, environment)
    text = addresses.as_text(given, shell)
    if shell == "json":
        return text
    if shell == "fish":  # between what goes and what comes
        gone = {name: value for name, value in given.items() if value is None}
        come = {name: value for name, value in given.items() if value is not None}
        text = "\n".join([addresses.as_text(gone, shell), _UNIVERSAL, addresses.as_text(come, shell)])
    path = [addresses.as_path(programs(), shell), addresses.as_path(paths.programs(), shell, last=True)]
    return "\n".join([*_not_hidden(shell), text, *path])


def _not_hidden(shell: str) -> list[str]:
    """Lines that remove aliases and functions which would hide the course's commands."""
    names = " ".join(COMMANDS)
    if shell == "fish":
        return [f"functions --erase {names}"]
    if shell == "powershell":
        places = ",".join(f"{kind}:{name}" for name in COMMANDS for kind in ("Alias", "Function"))
        return [f"Remove-Item {places} -ErrorAction SilentlyContinue"]
    # The status of what is not there is no failure: it would end a script that has said `set -e`.
    return [f"unalias {names} 2>/dev/null || :", f"unset -f {names} 2>/dev/null || :"]


def programs() -> Path:
    """The folder with the course's own Python, ``course`` and ``aws``."""
    return Path(sys.executable).parent


def _after(text: str, shell: str) -> str:
    """``settings`` as they are applied after a start-up file of the person's, whatever accounts that may have named."""
    prefix, names = cloud_variables.FOREIGN_PREFIX, " ".join(cloud_variables.FOREIGN)
    if shell == "fish":
        return f"for name in (set -gxn | string match '{prefix}*') {names}; set -eg $name; end\n{text}\n"
    if shell == "powershell":
        places = ",".join(f"Env:{name}" for name in (f"{prefix}*", *cloud_variables.FOREIGN))
        return f"Remove-Item {places} -ErrorAction SilentlyContinue\n{text}\n"
    pattern = rf"s/^\({prefix}[A-Za-z0-9_]*\)=.*/\1/p"
    return (
        f"for _course in $(command env | command sed -n '{pattern}'); do unset \"$_course\"; done\n"
        f"unset _course {names}\n{text}\nhash -r 2>/dev/null || :\n"
    )


def shell_for(program: str, state: Installation | None, environment: Mapping[str, str]) -> Shell:
    """How a shell is started so that it applies the course's settings after the person's.

    A shell that is not known here is started as it is; it has the variables from its environment.

    Args:
        program: the shell, a name or a path.
        state: the installation; None before its first start.
        environment: the terminal's variables.
    """
    here, kind = folder(), PurePath(program.replace("\\", "/")).stem.lower()

    def after(shell: str) -> str:
        return _after(settings(state, environment, shell), shell)

    if kind == "bash":
        own = '[ -f "$HOME/.bashrc" ] && . "$HOME/.bashrc"\n'
        return Shell([program, "--rcfile", str(here / "bashrc")], {"bashrc": own + after("bash")})
    if kind == "zsh":  # the order of its files: https://zsh.sourceforge.io/Doc/Release/Files.html
        files = {"zsh/.zshenv": ZSHENV.format(here=shlex.quote(str(here / "zsh"))), "zsh/.zshrc": ZSHRC + after("bash")}
        found = {DOTS: environment.get("ZDOTDIR") or str(Path.home()), "ZDOTDIR": str(here / "zsh")}
        return Shell([program], files, found)
    if kind == "fish":
        command = f"source {addresses.quoted_for_fish(str(here / 'course.fish'))}"
        return Shell([program, "--init-command", command], {"course.fish": after("fish")})
    if kind in POSIX:  # ENV: https://pubs.opengroup.org/onlinepubs/9699919799/utilities/sh.html
        found = {FIRST: environment.get("ENV", ""), "ENV": str(here / "shrc")}
        return Shell([program], {"shrc": SHRC + after("bash")}, found)
    if kind in ("powershell", "pwsh"):  # read as text: a script's file may not be run where the policy is Restricted
        file = str(here / "course.ps1").replace("'", "''")
        command = f"Invoke-Expression (Get-Content -Raw -Encoding UTF8 -LiteralPath '{file}')"
        return Shell([program, "-NoLogo", "-NoExit", "-Command", command], {"course.ps1": after("powershell")})
    return Shell([program])


def program(environment: Mapping[str, str]) -> str:
    """The person's shell; where it is not there or lets nobody in, that of the account, else the system's: its path."""
    if sys.platform == "win32":
        return "powershell.exe"
    import pwd

    names = [environment.get("SHELL")]
    with contextlib.suppress(KeyError):
        names.append(pwd.getpwuid(os.getuid()).pw_shell)
    for name in (*names, "/bin/bash", "/bin/sh"):
        path = shutil.which(name, path=environment.get("PATH")) if name else None
        if path and PurePath(path).name not in NO_SHELLS:
            return path
    return "/bin/sh"


def main() -> int:
    """Become the shell; where a program cannot be replaced (Windows), run it and return its exit status."""
    chosen = program(os.environ)
    state, given, shell = None, variables(None, os.environ), Shell([chosen])
    try:
        state = installation.find()
        given = variables(state, os.environ, write=False)
    except CourseError as problem:  # what is the person's own stays out of reach all the same
        sys.stderr.write(f"{problem.found}. Next: {problem.next_step}\n")
        state = None
    try:
        variables(state, os.environ)
        shell = _written(shell_for(chosen, state, os.environ))
    except OSError as problem:  # such as a full disk; a terminal is what one needs then
        sys.stderr.write(
            f"This terminal's own files cannot be written: {problem}. It has the course's variables, but your own "
            f"start-up files may change them. Next: make room for {folder()}, then open another terminal\n"
        )
    whole = {**os.environ, **given, **shell.variables}
    environment = {name: value for name, value in whole.items() if value is not None}
    if os.name == "posix":
        os.execve(chosen, shell.command, {**environment, "SHELL": chosen})
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is for what runs in the shell
    return subprocess.call(shell.command, env=environment)


def _written(shell: Shell) -> Shell:
    """The shell, whose files are there now."""
    for name, text in shell.files.items():
        file = folder() / name
        file.parent.mkdir(parents=True, exist_ok=True)
        installation.write_private(file, text)
    return shell


if __name__ == "__main__":
    sys.exit(main())
