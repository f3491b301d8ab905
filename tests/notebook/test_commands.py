"""Lines that begin with ``!`` in a notebook: plain output, names filled in, exit status kept."""

from __future__ import annotations

import sys

import pytest
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook

import autograder.notebook.commands as commands
from autograder import paths

PYTHON = f'"{sys.executable}"'


def test_output_comes_as_plain_lines_with_the_exit_status(capsys: pytest.CaptureFixture[str]) -> None:
    program = "import sys; print('out', sys.stdout.isatty()); sys.stdout.flush(); sys.exit('err')"
    assert commands.run(f'{PYTHON} -c "{program}"') == 1
    found = capsys.readouterr()
    assert found.out.splitlines() == ["out False", "err"]
    assert found.err == ""


def test_nothing_can_be_asked_of_the_person(capsys: pytest.CaptureFixture[str]) -> None:
    assert commands.run(f'{PYTHON} -c "import sys; print(repr(sys.stdin.read()))"') == 0
    assert capsys.readouterr().out.strip() == "''"


def test_bytes_that_are_no_text_do_no_harm(capsys: pytest.CaptureFixture[str]) -> None:
    assert commands.run(f'{PYTHON} -c "import sys; sys.stdout.buffer.write(bytes([255, 10]))"') == 0
    assert capsys.readouterr().out == "\ufffd\n"


def test_outside_a_kernel_nothing_changes() -> None:
    commands.install()


def test_in_a_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(paths.ROOT))
    cells = [
        "import autograder.notebook.commands as commands; commands.install()",
        "import sys\nclass Me:\n    v1 = 'a b'\nme = Me()\nprogram = 'import sys; print(sys.argv[1:])'",
        '!"{sys.executable}" -c "{program}" {me.v1}',
        '!"{sys.executable}" -c "raise SystemExit(7)"',
        "print(_exit_code)",
        'def inside(name):\n    !"{sys.executable}" -c "{program}" {name}\ninside("local")',
        'lines = !"{sys.executable}" -c "{program}" kept\nprint(list(lines))',
    ]
    notebook = new_notebook(cells=[new_code_cell(source) for source in cells])
    NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
    outputs = ["".join(part.get("text", "") for part in cell.outputs).strip() for cell in notebook.cells]
    assert outputs[2] == "['a', 'b']", outputs
    assert outputs[4:] == ["7", "['local']", """["['kept']"]"""], outputs
    assert not [part for cell in notebook.cells for part in cell.outputs if part.get("name") == "stderr"]
