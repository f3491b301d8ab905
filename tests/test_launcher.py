"""The launcher: understood by every Python, and an environment that is whole, kept, made anew, brought up to date."""

from __future__ import annotations

import ast
import base64
import functools
import hashlib
import importlib.metadata
import json
import os
import re
import shutil
import ssl
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from autograder.launcher import environment as environments
from autograder.launcher import kept_help, packages
from autograder.launcher.environment import Environment, SetupProblem
from autograder.launcher.locks import exclusive
from autograder.launcher.main import FULL_COMMANDS, STUDENT_COMMANDS, level_for
from autograder.paths import ROOT

from .collect import tls


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


def test_the_launcher_fetches_the_uv_that_the_full_lock_holds():
    """Else uv would replace itself while it installs, which Windows refuses."""
    pinned = {
        name: re.findall(r"^(uv==\S+)", (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE)
        for name in ("requirements.txt", environments.UV_LOCK)
    }
    assert pinned["requirements.txt"] == pinned[environments.UV_LOCK] and len(pinned["requirements.txt"]) == 1


def test_every_command_has_its_lock():
    from autograder.cli import COMMANDS

    assert set(COMMANDS) == STUDENT_COMMANDS | FULL_COMMANDS and not STUDENT_COMMANDS & FULL_COMMANDS


def test_the_kept_help_is_what_the_commands_say_and_all_of_it():
    from autograder.cli import COMMANDS, helptext

    assert kept_help.FILE.read_bytes() == helptext.kept(), "run: python3 course.py release"
    assert set(COMMANDS) <= set(json.loads(kept_help.FILE.read_bytes()))


@pytest.mark.parametrize(
    ("arguments", "begins"),
    [
        (["--help"], "Usage: python3 course.py [OPTIONS] COMMAND [ARGS]..."),
        (["grade", "--help"], "Usage: python3 course.py grade [OPTIONS] [SUBMISSIONS]..."),
        (["grade", "submissions", "-h"], "Usage: python3 course.py grade [OPTIONS] [SUBMISSIONS]..."),
        (["retention", "preview", "--json", "--help"], "Usage: python3 course.py retention preview"),
        (["trivy", "--help"], "Usage: python3 course.py trivy [OPTIONS] COMMAND"),
        (["trivy", "image", "--help"], None),  # Trivy's own
        (["compose", "exec", "registry", "ls", "--help"], None),
        (["chek", "--help"], None),
        (["hint", "--", "--help"], None),
        (["grade", "submissions"], None),
        ([], None),
    ],
)
def test_help_is_known_without_any_package(arguments, begins):
    told = kept_help.asked_for(arguments)
    assert told is None if begins is None else told is not None and told.startswith(begins)


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [(["grade", "--help"], 0, "course.py grade [OPTIONS] [SUBMISSIONS]..."), ([], 2, "course.py [OPTIONS] COMMAND")],
)
def test_asking_for_help_in_a_fresh_clone_installs_nothing(tmp_path, arguments, status, says):
    shutil.copy(ROOT / "course.py", tmp_path)
    (tmp_path / "autograder").mkdir()
    for name in ("__init__.py", "paths.py"):
        shutil.copy(ROOT / "autograder" / name, tmp_path / "autograder")
    shutil.copytree(ROOT / "autograder" / "launcher", tmp_path / "autograder" / "launcher")
    call = [sys.executable, "-S", "-E", "course.py", *arguments]  # -S: not one package is in reach
    done = subprocess.run(call, cwd=tmp_path, capture_output=True, text=True, encoding="utf-8", check=False)
    assert done.returncode == status and says in (done.stderr if status else done.stdout)
    assert not (done.stdout if status else done.stderr)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["autograder", "course.py"], "no .venv"


# A tiny package index of our own, so that real pip, uv and venv run without a network.


def wheel(folder: Path, name: str, version: str) -> str:
    """Write a wheel with one module; returns its line for a lock, with its hash."""
    files = {
        f"{name}.py": f"version = {version!r}\n".encode(),
        f"{name}-{version}.dist-info/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode(),
        f"{name}-{version}.dist-info/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    return packed(folder, name, version, files)


def uv_wheel(folder: Path) -> str:
    """The uv of this environment as a wheel again; returns its line for a lock."""
    uv = importlib.metadata.distribution("uv")
    info = f"uv-{uv.version}.dist-info/"
    files = {}
    for path in uv.files or []:
        if path.parent.name in ("bin", "Scripts"):
            files[f"uv-{uv.version}.data/scripts/{path.name}"] = path.locate().read_bytes()
        elif str(path) in (f"{info}METADATA", f"{info}WHEEL") or (path.parts[0] == "uv" and path.suffix == ".py"):
            files[str(path)] = path.locate().read_bytes()
    return packed(folder, "uv", uv.version, files)


def packed(folder: Path, name: str, version: str, files: Mapping[str, bytes]) -> str:
    record = "".join(
        f"{path},sha256={base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b'=').decode()},{len(data)}\n"
        for path, data in files.items()
    )
    record += f"{name}-{version}.dist-info/RECORD,,\n"
    target = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(target, "w") as archive:
        for path, data in files.items():
            archive.writestr(path, data)
            archive.getinfo(path).external_attr = (0o100755 if "/scripts/" in path else 0o100644) << 16
        archive.writestr(f"{name}-{version}.dist-info/RECORD", record)
    return f"{name}=={version} --hash=sha256:{hashlib.sha256(target.read_bytes()).hexdigest()}\n"


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, dict[str, str]]]:
    """A checkout in a path with a space, with locks of two tiny packages; and the lines of all wheels there are."""
    root = tmp_path_factory.mktemp("base") / "a kit"
    wheels = root.parent / "some wheels"
    root.mkdir()
    wheels.mkdir()
    lines = {name: wheel(wheels, *name.split("-")) for name in ("alpha-1.0", "alpha-2.0", "beta-1.0", "gamma-1.0")}
    lines["uv"] = uv_wheel(wheels)
    (root / environments.UV_LOCK).write_text(lines["uv"], encoding="utf-8")
    (root / "requirements-student.txt").write_text(lines["alpha-1.0"] + lines["beta-1.0"], encoding="utf-8")
    (root / "requirements.txt").write_text("".join(lines[n] for n in ("alpha-1.0", "beta-1.0", "gamma-1.0")), "utf-8")
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(("PIP_", "UV_"))]:
            patch.delenv(name)
        patch.setenv("PIP_CONFIG_FILE", os.devnull)
        patch.setenv("PIP_NO_INDEX", "1")
        patch.setenv("PIP_FIND_LINKS", wheels.as_uri())
        patch.setenv("UV_CACHE_DIR", str(root.parent / "cache"))
        Environment(root).ensure("student")
        yield root, lines


def run(root: Path, code: str) -> str:
    """What a program prints in the checkout's environment."""
    python = Environment(root).python
    return subprocess.run([str(python), "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def installer(root: Path, package: str) -> str:
    """Which program installed a package of the checkout's environment."""
    return run(root, f"import importlib.metadata as m; print(m.distribution({package!r}).read_text('INSTALLER'))")


def started(root: Path) -> subprocess.Popen[str]:
    """Another process that has the checkout's environment made."""
    program = (
        "import sys; from pathlib import Path; from autograder.launcher.environment import Environment; "
        "Environment(Path(sys.argv[1])).ensure('student')"
    )
    variables = {**os.environ, "PYTHONPATH": str(ROOT)}
    call = [sys.executable, "-c", program, str(root)]
    return subprocess.Popen(call, stderr=subprocess.PIPE, text=True, env=variables)


@pytest.mark.slow
def test_the_environment_holds_the_lock_and_the_kit(checkout):
    root, _ = checkout
    assert run(root, "import alpha, beta; print(alpha.version, beta.version)") == "1.0 1.0"
    assert installer(root, "alpha") == "uv" and installer(root, "uv") == "pip"
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
def test_a_copied_or_moved_checkout_gets_a_fresh_environment(checkout, tmp_path):
    root, _ = checkout
    moved = tmp_path / "moved kit"
    shutil.copytree(root, moved, symlinks=True)
    Environment(moved).ensure("student")
    assert str(moved) in run(moved, "import sys; print(sys.path)")
    assert str(root) not in run(moved, "import sys; print(sys.path, sys.prefix)")


@pytest.mark.slow
def test_a_killed_call_is_followed_by_two_at_once_of_which_one_makes_the_environment(checkout):
    root, _ = checkout
    environment = Environment(root)
    environment.marker.write_text(json.dumps({"root": str(root)}), encoding="utf-8")  # as if it had been killed before
    (environment._site_packages() / "beta.py").unlink()
    killed, uv = started(root), environment.scripts / "uv"
    born = uv.stat().st_ino
    until = time.monotonic() + 120
    while not uv.exists() or uv.stat().st_ino == born:  # emptied and made again as far as uv
        assert killed.poll() is None and time.monotonic() < until
        time.sleep(0.01)
    killed.kill()  # what it started goes on for a moment, and holds the lock
    calls = [started(root) for _ in range(2)]
    said = [call.communicate()[1] for call in (killed, *calls)][1:]
    assert [call.returncode for call in calls] == [0, 0], said
    assert sum("The environment is ready" in text for text in said) == 1
    assert any("Another call is making the environment" in text for text in said)
    assert run(root, "import alpha, beta; print(beta.version)") == "1.0"


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
    assert run(root, "import alpha, beta, pip; print(alpha.version, beta.version)") == "2.0 1.0"
    assert run(root, "import importlib.util as u; print(u.find_spec('gamma'))") == "None"
    assert environment.python.lstat().st_ctime_ns == born


class Quiet(SimpleHTTPRequestHandler):
    """A folder over HTTP, without a line a request."""

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.mark.slow
def test_uv_takes_the_index_and_the_authority_that_pip_is_configured_with(checkout, tmp_path, monkeypatch, capfd):
    root, lines = checkout
    folder = tmp_path / "simple" / "delta"
    folder.mkdir(parents=True)
    line = wheel(folder, "delta", "1.0")
    name, found = "delta-1.0-py3-none-any.whl", line.rpartition("sha256:")[2].strip()
    (folder / "index.html").write_text(f'<a href="{name}#sha256={found}">{name}</a>', encoding="utf-8")
    authority, begins = tmp_path / "ca.pem", datetime.now(UTC) - timedelta(days=1)
    made = tls.certificate([], which="rsa", common_name="a corporation", begins=begins, ca=True)
    authority.write_text(made, encoding="utf-8")
    made = tls.certificate(["localhost"], begins=begins, issuer=("a corporation", "rsa"))
    (tmp_path / "server.pem").write_text(tls.key_pem() + made, encoding="utf-8")
    secured = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    secured.load_cert_chain(tmp_path / "server.pem")
    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(tmp_path))) as server:
        server.socket = secured.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"https://localhost:{server.server_port}/simple"
        settings = f"[global]\nindex-url = {address}\ntimeout = 20\n[install]\ncert = {authority}\n"
        (tmp_path / "pip.conf").write_text(settings, encoding="utf-8")
        monkeypatch.delenv("PIP_NO_INDEX")
        monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
        for lock in environments.LOCKS.values():
            (root / lock).write_text(lines["alpha-2.0"] + line, encoding="utf-8")
        Environment(root).ensure("student")
        server.shutdown()
    assert installer(root, "delta") == "uv"
    assert "uv cannot" not in capfd.readouterr().err


@pytest.mark.slow
def test_where_uv_cannot_be_had_pip_installs(checkout, capfd):
    root, lines = checkout
    (root / environments.UV_LOCK).write_text(lines["uv"].replace("uv==", "uv==999."), encoding="utf-8")
    for lock in environments.LOCKS.values():
        (root / lock).write_text(lines["alpha-1.0"] + lines["beta-1.0"], encoding="utf-8")
    Environment(root).ensure("student")
    said = capfd.readouterr().err
    assert re.search(r"uv cannot install them \(.*No matching distribution found.*\)\.\nNow pip does", said)
    assert installer(root, "alpha") == "pip" and installer(root, "beta") == "pip"
    (root / environments.UV_LOCK).write_text(lines["uv"], encoding="utf-8")


@pytest.mark.slow
def test_a_package_with_another_hash_is_refused_and_said_so(checkout, capfd):
    root, lines = checkout
    lock = root / "requirements-student.txt"
    before = lock.read_text(encoding="utf-8"), (root / "requirements.txt").read_text(encoding="utf-8")
    wrong = lines["gamma-1.0"].strip()[:-8] + "00000000\n"
    try:
        lock.write_text(before[0] + wrong, encoding="utf-8")
        (root / "requirements.txt").write_text(before[1] + wrong, encoding="utf-8")
        with pytest.raises(SetupProblem, match=r"not all packages could be installed: .*DO NOT MATCH THE HASHES"):
            Environment(root).ensure("student")
        assert "Hash mismatch for `gamma==1.0`" in capfd.readouterr().err, "uv refuses it as well"
    finally:
        lock.write_text(before[0], encoding="utf-8")
        (root / "requirements.txt").write_text(before[1], encoding="utf-8")


@pytest.mark.slow
def test_a_bare_environment_made_by_hand_is_used(checkout, tmp_path):
    _, lines = checkout
    for name in (*environments.LOCKS.values(), environments.UV_LOCK):
        (tmp_path / name).write_text(lines["uv" if name == environments.UV_LOCK else "alpha-1.0"], encoding="utf-8")
    options = ["--without-pip", "--system-site-packages"]  # with a pip all the same, and quicker than one of its own
    subprocess.run([sys.executable, "-m", "venv", *options, str(tmp_path / ".venv")], check=True)
    born = (tmp_path / ".venv" / "pyvenv.cfg").stat().st_ino
    Environment(tmp_path).ensure("student")
    assert (tmp_path / ".venv" / "pyvenv.cfg").stat().st_ino == born
    assert run(tmp_path, "import alpha; print(alpha.version)") == "1.0"


def somebodys(folder: Path) -> Path:
    """An environment with a package, as somebody else has it; returns a file in it."""
    site = folder / "lib" / "python3.11" / "site-packages"
    (site / "torch-2.0.dist-info").mkdir(parents=True)
    (folder / "pyvenv.cfg").write_text("home = /usr/bin\n", encoding="utf-8")
    (folder / ".lock").touch()  # uv leaves one in every environment
    kept = site / "torch.py"
    kept.write_text("x = 1\n", encoding="utf-8")
    return kept


@pytest.fixture
def no_installing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Environment, "_make", lambda *a: pytest.fail("nothing may be made or emptied"))


@pytest.mark.usefixtures("no_installing")
def test_what_a_link_leads_to_is_not_emptied(tmp_path):
    kept = somebodys(tmp_path / "mine")
    (tmp_path / "kit").mkdir()
    (tmp_path / "kit" / ".venv").symlink_to(tmp_path / "mine", target_is_directory=True)
    with pytest.raises(SetupProblem, match=r"\.venv is a link to .*/mine, which was not made by this copy"):
        Environment(tmp_path / "kit").ensure("student")
    assert kept.exists() and not (tmp_path / "mine" / environments.LOCK).exists()


@pytest.mark.usefixtures("no_installing")
def test_a_link_to_another_copys_environment_is_not_emptied(tmp_path):
    kept = somebodys(tmp_path / "other" / ".venv")
    Environment(tmp_path / "other")._mark(student="0" * 64)
    (tmp_path / "kit").mkdir()
    (tmp_path / "kit" / ".venv").symlink_to(tmp_path / "other" / ".venv", target_is_directory=True)
    with pytest.raises(SetupProblem, match=r"next: give it another name or remove it"):
        Environment(tmp_path / "kit").ensure("student")
    assert kept.exists()


@pytest.mark.usefixtures("no_installing")
@pytest.mark.parametrize("linked", [False, True], ids=["folder", "link"])
def test_a_file_or_a_link_to_nothing_is_no_environment(linked, tmp_path):
    if linked:
        (tmp_path / ".venv").symlink_to(tmp_path / "gone")
    else:
        (tmp_path / ".venv").touch()
    with pytest.raises(SetupProblem, match="was not made by this copy of the course"):
        Environment(tmp_path).ensure("student")


@pytest.mark.usefixtures("no_installing")
def test_an_environment_of_somebody_elses_stays(tmp_path):
    kept = somebodys(tmp_path / ".venv")
    with pytest.raises(SetupProblem, match=r"\.venv is there, and it was not made by this copy"):
        Environment(tmp_path).ensure("student")
    assert kept.exists()


def test_what_the_launcher_may_replace(tmp_path):
    environment = Environment(tmp_path)
    environment._check_owner()  # nothing there
    kept = somebodys(environment.folder)
    environment._mark()  # ours, interrupted or from an older lock
    environment._check_owner()
    environment._mark(root="/elsewhere/the-same-copy-before-it-moved")
    environment._check_owner()
    environment.marker.unlink()
    (environment.folder / environments.LOCK).touch()  # killed before it had said whose it is
    environment._check_owner()
    (environment.folder / environments.LOCK).unlink()
    (kept.parent / "torch-2.0.dist-info").rename(kept.parent / "pip-24.0.dist-info")
    environment._check_owner()  # bare


@pytest.mark.parametrize("mine", [False, True], ids=["empty", "made from here"])
def test_a_link_to_a_place_for_the_environment_is_followed(mine, tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "kit").mkdir()
    environment = Environment(tmp_path / "kit")
    environment.folder.symlink_to(tmp_path / "disk", target_is_directory=True)
    if mine:
        somebodys(tmp_path / "disk")
        environment._mark()
    environment._check_owner()


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


PIP_CONFIG_LIST = r"""
:env:.find-links='/opt/wheels'
:env:.no-index='1'
download.index-url='https://not.this.example/simple'
global.cert='/etc/corporate.pem'
global.extra-index-url='\nhttps://one.example/simple\nhttps://me:p%40ss@two.example/simple'
global.find-links='/elsewhere'
global.index-url='https://old.example/simple'
install.index-url='https://new.example/simple'
install.proxy="http://proxy.example:3128/it's"
"""


def test_of_pips_settings_the_nearest_holds():
    assert packages.pip_settings(PIP_CONFIG_LIST) == {
        "cert": "/etc/corporate.pem",
        "extra-index-url": "\nhttps://one.example/simple\nhttps://me:p%40ss@two.example/simple",
        "find-links": "/opt/wheels",
        "index-url": "https://new.example/simple",
        "no-index": "1",
        "proxy": "http://proxy.example:3128/it's",
    }


@pytest.mark.parametrize(
    ("pip", "uv"),
    [
        ({"index-url": "https://new.example/simple"}, {"UV_DEFAULT_INDEX": "https://new.example/simple"}),
        (
            {"extra-index-url": "\nhttps://a.example\nhttps://b.example"},
            {"UV_INDEX": "https://a.example https://b.example"},
        ),
        ({"trusted-host": "a.example b.example:8080"}, {"UV_INSECURE_HOST": "a.example b.example:8080"}),
        ({"default-timeout": "180"}, {"UV_HTTP_TIMEOUT": "180"}),
        ({"default-timeout": "180", "timeout": "60"}, {"UV_HTTP_TIMEOUT": "60"}),
        ({"retries": "9"}, {"UV_HTTP_RETRIES": "9"}),
        ({"client-cert": "/me.pem"}, {"SSL_CLIENT_CERT": "/me.pem"}),
        ({"cert": "/ca.pem"}, {"SSL_CERT_FILE": "/ca.pem"}),
        ({"proxy": "http://proxy.example:3128"}, {"ALL_PROXY": "http://proxy.example:3128"}),
        ({"keyring-provider": "subprocess"}, {"UV_KEYRING_PROVIDER": "subprocess"}),
        ({"keyring-provider": "import"}, {}),
        ({"no-cache-dir": "true"}, {"UV_NO_CACHE": "1"}),
        ({"no-cache-dir": "false"}, {}),
    ],
)
def test_uv_gets_pips_settings(pip, uv):
    options, variables = packages.uv_settings(pip, {"SSL_CERT_FILE": "/before.pem"})
    assert options == []
    assert variables == {"SSL_CERT_FILE": "/before.pem", "UV_INDEX_STRATEGY": "unsafe-best-match"} | uv


def test_uv_looks_into_the_folders_that_pip_looks_into(tmp_path):
    there = tmp_path / "some wheels"
    there.mkdir()
    named = f"{tmp_path} {there.as_uri()} {tmp_path / 'gone'} https://wheels.example/list.html"
    options, _ = packages.uv_settings({"find-links": named, "no-index": "yes"}, {})
    assert options == [
        f"--find-links={tmp_path}",
        f"--find-links={there.as_uri()}",
        "--find-links=https://wheels.example/list.html",
        "--no-index",
    ]
    extra = {"extra-index-url": f"{there.as_uri()} file:///gone/simple"}
    assert packages.uv_settings(extra, {})[1]["UV_INDEX"] == there.as_uri(), "pip passes over what is not there"


def test_of_uvs_own_settings_only_those_hold_that_change_nothing_of_the_result():
    given = {"PATH": "/bin", "UV_CACHE_DIR": "/c", "UV_INDEX": "https://x.example", "UV_NO_VERIFY_HASHES": "1"}
    given |= {"UV_TARGET": "/t", "https_proxy": "http://old.example", "SSL_CERT_DIR": "/certs"}
    _, variables = packages.uv_settings({"proxy": "http://new.example", "cert": "/ca.pem"}, given)
    assert variables == {
        "PATH": "/bin",
        "UV_CACHE_DIR": "/c",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "ALL_PROXY": "http://new.example",
        "SSL_CERT_FILE": "/ca.pem",
    }


@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_uv_trusts_the_authorities_that_pip_finds_among_the_variables(name, tmp_path):
    assert packages.uv_settings({}, {name: "/ca.pem"})[1]["SSL_CERT_FILE"] == "/ca.pem"
    assert packages.uv_settings({}, {name: str(tmp_path)})[1]["SSL_CERT_DIR"] == str(tmp_path)


def test_modules_are_compiled_at_once_only_where_python_writes_none_later():
    assert "UV_COMPILE_BYTECODE" not in packages.uv_settings({}, {})[1]
    assert packages.uv_settings({}, {"PYTHONDONTWRITEBYTECODE": "1"})[1]["UV_COMPILE_BYTECODE"] == "1"


def test_a_uv_that_does_not_start_is_a_reason_for_pip(tmp_path):
    (tmp_path / "uv").write_bytes(b"for another machine")
    (tmp_path / "uv").chmod(0o755)
    python = tmp_path / "python"
    python.symlink_to(sys.executable)
    assert "Exec format error" in packages.Installer(python, 2).sync(tmp_path / "lock.txt")


@pytest.mark.skipif(os.name == "nt", reason="Windows hands no lock on")
def test_a_program_that_outlives_the_launcher_holds_the_environment(tmp_path):
    """Else the next call would empty the folder into which an orphaned uv still writes."""
    program = "import subprocess as s; s.Popen(['sleep', '2'], close_fds=False, stdout=s.DEVNULL, stderr=s.DEVNULL)"
    with exclusive(tmp_path / "lock") as held:
        assert packages.Installer(Path(sys.executable), held)._run([sys.executable, "-c", program], os.environ) == ""
    with pytest.raises(TimeoutError), exclusive(tmp_path / "lock", seconds=0):
        pass
    with exclusive(tmp_path / "lock", seconds=60):
        pass


def test_the_newest_line_is_shown_where_a_line_can_move(monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    program = "print('Downloading ' + 'x' * 100, '', 'ERROR: no room', '  at all', sep='\\n'); raise SystemExit(1)"
    read, write = os.pipe()
    try:
        done = packages.Installer(Path(sys.executable), write)._run([sys.executable, "-c", program], os.environ)
    finally:
        os.close(read)
        os.close(write)
    assert done == "ERROR: no room / at all"
    shown = capsys.readouterr().err.split("\r\033[K")
    assert shown == ["", "  Downloading " + "x" * 64, "  ERROR: no room", "  at all", ""]
