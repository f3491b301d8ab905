"""Ports and the addresses that follow from them."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from pathlib import PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.errors import EnvironmentProblem
from autograder.paths import ROOT
from autograder.services import addresses, installation, ports
from autograder.services.installation import Installation


def state(**chosen: int) -> Installation:
    return Installation(id="a1b2c3d4", home="/h", token="t0ken", ports=chosen)


def test_defaults_are_taken_when_they_are_free():
    one = state()
    assert [ports.choose(one, name, lambda _: True) for name in ports.DEFAULTS] == list(ports.DEFAULTS.values())


def test_the_next_free_port_never_is_anothers_default():
    one = state()
    assert ports.choose(one, "registry", lambda port: port != 5001) == 5006
    assert ports.choose(one, "ecr", lambda port: port != 5003) == 5007
    assert one.ports == {"registry": 5006, "ecr": 5007}


def test_a_chosen_port_is_kept_whatever_listens_there():
    assert ports.choose(state(registry=5017), "registry", lambda _: False) == 5017


def test_no_free_port_is_an_error():
    with pytest.raises(EnvironmentProblem, match="every one is taken"):
        ports.choose(state(), "site", lambda _: False)


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_a_listener_makes_a_port_taken_and_its_program_is_named(host):
    with socket.socket() as listener:
        listener.bind((host, 0))
        listener.listen()
        port = listener.getsockname()[1]
        assert not ports.is_free(port)
        problem = ports.taken("registry", port)
        assert "(process " in problem.found and "course.py start --move registry" in problem.next_step
    assert ports.is_free(port)


def test_addresses_follow_from_the_ports():
    found = addresses.of_installation(state(registry=5001, jupyter=8890))
    assert found.of("registry") == "localhost:5001"
    assert found.jupyter == "http://localhost:8890/lab?token=t0ken" and found.site is None
    assert found.variables() == {"REGISTRY": "localhost:5001"} | found.for_trivy()
    with pytest.raises(EnvironmentProblem, match="never started"):
        found.of("ecr")
    with pytest.raises(EnvironmentProblem, match="no service of that name"):
        found.of("nonsense")


def test_trivy_is_told_of_the_courses_database_and_of_a_cache_of_its_own(home):
    found = addresses.of_installation(state(registry=5001)).for_trivy()
    assert found["TRIVY_DB_REPOSITORY"] == "localhost:5001/course/trivy-db:2"
    assert found["TRIVY_CACHE_DIR"] == str(home / ".course" / "trivy")
    assert addresses.of_installation(state(ecr=5003)).variables() == {"ECR": "localhost:5003"}


def test_load_reads_the_state(home):
    with installation.change() as one:
        one.ports["registry"] = 5099
    assert addresses.load().of("registry") == "localhost:5099"


def test_notebooks_get_addresses_without_slow_imports():
    program = (
        "import sys; from autograder.services import addresses; "
        "print([m for m in ('docker', 'requests', 'psutil', 'pydantic', 'click') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"


@given(st.text(st.characters(blacklist_characters="\0\n\r", blacklist_categories=["Cs"]), max_size=30))
def test_values_come_out_of_a_shell_as_they_went_in(value):
    shell = shutil.which("sh")
    text = addresses.as_text({"VALUE": value}, "bash")
    assert text.startswith("export VALUE=")
    if shell:  # the quoting itself is checked by the shell
        done = subprocess.run([shell, "-c", f'{text}\nprintf %s "$VALUE"'], capture_output=True, check=True)
        assert done.stdout == value.encode()


@pytest.mark.skipif(sys.platform == "win32", reason="a path of this machine's own")
@pytest.mark.parametrize("last", [False, True])
def test_a_folder_of_programs_is_found_first_or_last_and_is_added_once(tmp_path, last):
    folder = tmp_path / "it's mine" / "bin"
    folder.mkdir(parents=True)
    line = addresses.as_path(folder, "bash", last=last)
    done = subprocess.run(
        ["sh", "-c", f'{line}\n{line}\nprintf %s "$PATH"'],
        env={"PATH": os.defpath},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == (f"{os.defpath}:{folder}" if last else f"{folder}:{os.defpath}")


def test_a_folder_of_programs_on_windows():
    folder = PureWindowsPath(r"C:\Course O'Neil\Scripts")
    assert "/c/Course O'\"'\"'Neil/Scripts" in addresses.as_path(folder, "bash")
    assert r"$env:PATH = 'C:\Course O''Neil\Scripts;' + " in addresses.as_path(folder, "powershell")
    assert r"+= ';C:\Course O''Neil\Scripts'" in addresses.as_path(folder, "powershell", last=True)


def test_powershell_quotes_are_doubled():
    assert addresses.as_text({"A": "it's"}, "powershell") == "$env:A = 'it''s'"


@pytest.mark.parametrize("shell", ["bash", "fish", "powershell"])
def test_none_takes_a_variable_away(shell):
    line = addresses.as_text({"A": None}, shell)
    assert line == {"bash": "unset A", "fish": "set -eg A"}.get(
        shell, "Remove-Item Env:A -ErrorAction SilentlyContinue"
    )
    assert addresses.as_text({"A": None}, "json") == '{\n  "A": null\n}'


def test_localhost_is_spared_where_a_proxy_is_set():
    assert addresses.without_proxy({"NO_PROXY": "x"}) == {}
    found = addresses.without_proxy({"http_proxy": "http://p:1", "no_proxy": "corp,localhost"})
    assert found == {"NO_PROXY": "corp,localhost,127.0.0.1,::1", "no_proxy": "corp,localhost,127.0.0.1,::1"}
