"""The entry point: what an error of the file system looks like on the command line."""

from __future__ import annotations

import errno
import subprocess
import sys

import pytest

from autograder import cli
from autograder.errors import Exit
from autograder.paths import ROOT


def test_a_place_that_cannot_be_written_is_told_in_three_lines_before_anything_is_built(home, tmp_path):
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    target = tmp_path / "file" / "site"
    done = subprocess.run(
        [sys.executable, "-m", "autograder.cli", "site", "--out", str(target)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == int(Exit.USAGE) == 2
    assert [line.split(":")[0].strip() for line in done.stderr.splitlines()] == ["error", "expected", "next"]
    assert str(target) in done.stderr.replace("\\\\", "\\")
    assert not (home / ".build").exists()


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (PermissionError(errno.EACCES, "Permission denied", "/there"), 2, "'/there'"),
        (OSError(errno.ENOSPC, "No space left on device"), 3, "room on the disk"),
    ],
)
def test_the_exit_status_tells_a_full_disk_from_a_wrong_place(monkeypatch, capsys, error, status, said):
    def fail(**_):
        raise error

    monkeypatch.setattr(cli.course, "main", fail)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == status and said in capsys.readouterr().err


def test_an_error_that_is_about_no_file_stays_a_traceback(monkeypatch):
    def fail(**_):
        raise ConnectionRefusedError(errno.ECONNREFUSED, "refused")

    monkeypatch.setattr(cli.course, "main", fail)
    with pytest.raises(ConnectionRefusedError):
        cli.main()


def test_commands_of_a_student_start_without_what_only_kernels_and_the_engine_need():
    """Each costs 50 ms at its import."""
    program = (
        "import sys; from autograder.cli import machine, student; from autograder.labs import workspace; "
        "from autograder.notebook import cards; "
        "print([m for m in ('docker', 'IPython', 'nbformat', 'nbgrader', 'jupytext') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"
