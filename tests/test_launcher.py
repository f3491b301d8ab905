"""The launcher: understood by every Python, and an environment that is whole, kept, resumed and brought up to date."""

from __future__ import annotations

import ast
import base64
import hashlib
import os
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from autograder.launcher import environment as environments
from autograder.launcher import packages
from autograder.launcher.environment import Environment, SetupProblem
from autograder.launcher.main import FULL_COMMANDS, STUDENT_COMMANDS, level_for
from autograder.paths import ROOT


def test_every_python_understands_the_launcher_up_to_its_refusal():
    tree = ast.parse((ROOT / "course.py").read_text(encoding="utf-8"), feature_version=(3, 4))
    before = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    first = before[0]
    assert isinstance(first, ast.Import) and [name.name for name in first.names] == ["sys"]
    refusal = next(node for node in tree.body if isinstance(node, ast.If))
    assert all(node.lineno > refusal.lineno for node in before[1:])
    assert not any(isinstance(node, ast.JoinedStr | ast.AnnAssign) for node in ast.walk(tree))


def test_an_old_python_gets_one_sentence_and_status_3():
    code = (ROOT / "course.py").read_text(encoding="utf-8")
    program = f"import sys; sys.version_info = (3, 9, 2); exec({code!r}, {{'__name__': '__main__'}})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert "needs Python 3.11 or newer and this is Python 3.9;" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "level"),
    [
        ([], "student"),
        (["--help"], "student"),
        (["start", "--no-browser"], "student"),
        (["check", "01-first-push"], "student"),
        (["grade", "submissions"], "full"),
        (["test"], "full"),
        (["chek", "01-first-push"], "student"),  # a slip installs nothing
        (["--version"], "student"),
    ],
)
def test_a_command_needs_no_more_than_its_lock(arguments, level):
    assert level_for(arguments) == level


def test_the_full_lock_holds_every_pin_of_the_students():
    def pins(name: str) -> set[str]:
        lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
        return {line.partition(" ")[0] for line in lines if "==" in line and not line.startswith((" ", "#"))}

    assert pins("requirements-student.txt") <= pins("requirements.txt")


def test_every_command_has_its_lock():
    from autograder.cli import COMMANDS

    assert set(COMMANDS) == STUDENT_COMMANDS | FULL_COMMANDS and not STUDENT_COMMANDS & FULL_COMMANDS


# A tiny package index of our own, so that real pip and venv run without a network.


def wheel(folder: Path, name: str, version: str) -> str:
    """Write a wheel with one module; returns its line for a lock, with its hash."""
    files = {
        f"{name}.py": f"version = {version!r}\n".encode(),
        f"{name}-{version}.dist-info/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode(),
        f"{name}-{version}.dist-info/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(
        f"{path},sha256={base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b'=').decode()},{len(data)}\n"
        for path, data in files.items()
    )
    record += f"{name}-{version}.dist-info/RECORD,,\n"
    target = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(target, "w") as archive:
        for path, data in files.items():
            archive.writestr(path, data)
        archive.writestr(f"{name}-{version}.dist-info/RECORD", record)
    return f"{name}=={version} --hash=sha256:{hashlib.sha256(target.read_bytes()).hexdigest()}\n"


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, dict[str, str]]]:
    """A checkout in a path with a space, with locks of two tiny packages; and the lines of all wheels there are."""
    root = tmp_path_factory.mktemp("base") / "a kit"
    wheels = root.parent / "wheels"
    root.mkdir()
    wheels.mkdir()
    lines = {name: wheel(wheels, *name.split("-")) for name in ("alpha-1.0", "alpha-2.0", "beta-1.0", "gamma-1.0")}
    (root / "requirements-student.txt").write_text(lines["alpha-1.0"] + lines["beta-1.0"], encoding="utf-8")
    (root / "requirements.txt").write_text("".join(lines[n] for n in ("alpha-1.0", "beta-1.0", "gamma-1.0")), "utf-8")
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("PIP_")]:
            patch.delenv(name)
        patch.setenv("PIP_CONFIG_FILE", os.devnull)
        patch.setenv("PIP_NO_INDEX", "1")
        patch.setenv("PIP_FIND_LINKS", wheels.as_uri())
        Environment(root).ensure("student")
        yield root, lines


def run(root: Path, code: str) -> str:
    """What a program prints in the checkout's environment."""
    python = Environment(root).python
    return subprocess.run([str(python), "-c", code], capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.slow
def test_the_environment_holds_the_lock_and_the_kit(checkout):
    root, _ = checkout
    assert run(root, "import alpha, beta; print(alpha.version, beta.version)") == "1.0 1.0"
    assert str(root) in run(root, "import sys; print(sys.path)")
    script = (root / ".venv" / "bin" / "course").read_text(encoding="utf-8")
    assert f"'{Environment(root).python}'" in script


@pytest.mark.slow
def test_a_ready_environment_is_left_alone(checkout, monkeypatch):
    root, _ = checkout
    monkeypatch.setattr(subprocess, "run", lambda *a, **k: pytest.fail("nothing may be run"))
    monkeypatch.setattr(subprocess, "Popen", lambda *a, **k: pytest.fail("nothing may be run"))
    Environment(root).ensure("student")


@pytest.mark.slow
def test_an_interrupted_installation_is_resumed(checkout, capfd):
    root, _ = checkout
    environment = Environment(root)
    site = environment._site_packages()
    environment.marker.unlink()
    (site / "beta.py").unlink()  # killed in the middle: metadata is there, a file is not
    environment.ensure("student")
    assert run(root, "import beta; print(beta.version)") == "1.0"
    assert environment.marker.exists()
    assert "The environment is ready" in capfd.readouterr().err


@pytest.mark.slow
def test_more_and_newer_packages_come_into_the_same_environment_and_old_ones_go(checkout):
    root, lines = checkout
    environment = Environment(root)
    born = environment.python.lstat().st_ctime_ns
    environment.ensure("full")
    assert run(root, "import gamma; print(gamma.version)") == "1.0"
    (root / "requirements.txt").write_text(lines["alpha-2.0"] + lines["beta-1.0"], encoding="utf-8")
    (root / "requirements-student.txt").write_text(lines["alpha-2.0"], encoding="utf-8")
    environment.ensure("student")  # once full, always full
    assert run(root, "import alpha, beta; print(alpha.version, beta.version)") == "2.0 1.0"
    assert run(root, "import importlib.util as u; print(u.find_spec('gamma'))") == "None"
    assert environment.python.lstat().st_ctime_ns == born


@pytest.mark.slow
def test_a_package_with_another_hash_is_refused_and_said_so(checkout):
    root, lines = checkout
    lock = root / "requirements-student.txt"
    before = lock.read_text(encoding="utf-8"), (root / "requirements.txt").read_text(encoding="utf-8")
    wrong = lines["gamma-1.0"].strip()[:-8] + "00000000\n"
    try:
        lock.write_text(before[0] + wrong, encoding="utf-8")
        (root / "requirements.txt").write_text(before[1] + wrong, encoding="utf-8")
        with pytest.raises(SetupProblem, match=r"not all packages could be installed: .*DO NOT MATCH THE HASHES"):
            Environment(root).ensure("student")
    finally:
        lock.write_text(before[0], encoding="utf-8")
        (root / "requirements.txt").write_text(before[1], encoding="utf-8")


@pytest.mark.slow
def test_two_calls_at_once_make_one_environment(checkout):
    root, _ = checkout
    Environment(root).marker.unlink(missing_ok=True)
    program = (
        "import sys; from pathlib import Path; from autograder.launcher.environment import Environment; "
        "Environment(Path(sys.argv[1])).ensure('student')"
    )
    variables = {**os.environ, "PYTHONPATH": str(ROOT)}
    calls = [
        subprocess.Popen([sys.executable, "-c", program, str(root)], stderr=subprocess.PIPE, text=True, env=variables)
        for _ in range(2)
    ]
    said = [call.communicate()[1] for call in calls]
    assert [call.returncode for call in calls] == [0, 0]
    assert sum("The environment is ready" in text for text in said) == 1
    assert sum("Another call is making the environment" in text for text in said) == 1


@pytest.mark.slow
def test_a_moved_checkout_gets_a_fresh_environment(checkout, tmp_path):
    root, _ = checkout
    moved = tmp_path / "moved kit"
    root.rename(moved)
    try:
        Environment(moved).ensure("student")
        assert str(moved) in run(moved, "import sys; print(sys.path)")
        assert str(root) not in run(moved, "import sys; print(sys.path, sys.prefix)")
    finally:
        moved.rename(root)


def test_without_venv_and_without_apt_it_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(environments.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(environments.apt, "available", lambda: False)
    (tmp_path / "requirements-student.txt").write_text("alpha==1.0\n", encoding="utf-8")
    (tmp_path / "requirements.txt").write_text("alpha==1.0\n", encoding="utf-8")
    with pytest.raises(SetupProblem, match="without the modules venv and ensurepip"):
        Environment(tmp_path).ensure("student")


def test_without_venv_on_debian_its_package_is_installed(tmp_path, monkeypatch):
    asked: list[list[str]] = []
    monkeypatch.setattr(environments.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(environments.apt, "available", lambda: True)

    def refuse(names: list[str], optional: list[str], report: object) -> None:
        asked.append(names)
        raise environments.apt.AptProblem("installing it needs root or sudo")

    monkeypatch.setattr(environments.apt, "install", refuse)
    (tmp_path / "requirements-student.txt").write_text("alpha==1.0\n", encoding="utf-8")
    (tmp_path / "requirements.txt").write_text("alpha==1.0\n", encoding="utf-8")
    with pytest.raises(SetupProblem, match=r"next: sudo apt-get install python3\.\d+-venv"):
        Environment(tmp_path).ensure("student")
    assert asked == [[f"python3.{sys.version_info.minor}-venv|python3-venv"]]


def test_a_package_counts_as_whole_only_with_all_its_files(tmp_path):
    folder = tmp_path / "alpha-1.0.dist-info"
    folder.mkdir()
    (tmp_path / "alpha.py").write_text("x = 1\n", encoding="utf-8")
    (folder / "METADATA").write_text("Name: alpha\n", encoding="utf-8")
    (folder / "RECORD").write_text("alpha.py,sha256=x,6\nalpha-1.0.dist-info/RECORD,,\n", encoding="utf-8")
    assert packages.drop_half_installed(tmp_path) == []
    (tmp_path / "alpha.py").write_text("x", encoding="utf-8")
    assert packages.drop_half_installed(tmp_path) == ["alpha-1.0.dist-info"]
    assert not folder.exists()


class Clock:
    """A clock that a test sets."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_estimate_follows_the_speed_so_far(tmp_path, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False)
    clock, said = Clock(), list[str]()
    progress = packages.Progress(100, said.append, tmp_path, clock)
    for number in range(50):
        clock.now += 1
        progress.see(f"Collecting package-{number}==1.0")
    assert said[0] == "  fetching 5 of about 100: package-4 (about 2 minutes more)"
    assert said[-1] == "  fetching 50 of about 100: package-49 (about 50 s more)" and len(said) == 10
    progress.see("Installing collected packages: a, b")
    for number in range(10):
        (tmp_path / f"package_{number}-1.0.dist-info").mkdir()
    clock.now += 60
    progress.look()
    progress.close()
    assert said[10] == "  unpacking and compiling"
    assert said[-1] == "  unpacked 10 of about 50 (about 4 minutes more)"


def test_the_clock_of_the_progress_ends_where_pip_cannot_be_started(tmp_path):
    before = threading.active_count()
    with pytest.raises(OSError):
        packages.install(tmp_path / "no-python", tmp_path / "lock.txt", 1, lambda line: None)
    assert threading.active_count() == before


def test_the_moving_line_is_written_by_one_at_a_time(monkeypatch):
    inside, together = list[str](), list[int]()
    progress = packages.Progress(100, lambda line: None)

    def move(text: str) -> None:
        inside.append(text)
        time.sleep(0.05)
        together.append(len(inside))
        inside.remove(text)

    progress.moving = True
    monkeypatch.setattr(progress, "_move", move)
    writers = [threading.Thread(target=progress.see, args=(f"Collecting package-{number}",)) for number in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    progress.close()
    assert together == [1, 1, 1, 1], "three lines, and the last that clears"
