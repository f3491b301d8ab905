"""Commands from a cell: plain lines, variables filled in, stderr among stdout, the exit status kept."""

from __future__ import annotations

import sys

from IPython.core.interactiveshell import InteractiveShell

from autograder.notebook import shell


def run(source):
    ipython = InteractiveShell()
    ipython.user_ns["python"] = sys.executable
    shell.install(ipython)
    ipython.run_cell(source)
    return ipython


def test_no_terminal_and_variables(capfd):
    ipython = run('name = "ada"\n!{python} -c "import sys; print(sys.stdout.isatty(), \'{name}\')"')
    assert capfd.readouterr().out.split() == ["False", "ada"]
    assert ipython.user_ns["_exit_code"] == 0


def test_stderr_is_shown_among_stdout_and_the_status_is_kept(capfd):
    ipython = run("!{python} -c \"import sys; sys.stderr.write('oops'); sys.exit(3)\"")
    told = capfd.readouterr()
    assert told.out == "oops" and told.err == ""
    assert ipython.user_ns["_exit_code"] == 3


def test_without_a_shell():
    shell.install(None)
