"""Finding Trivy, refusing what an attacker released, and running it so that nothing around it has a say."""

from __future__ import annotations

import sys

import pytest

from autograder.errors import CourseError, EnvironmentProblem
from autograder.scanning import trivy
from autograder.scanning.trivy import Trivy

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="the emulator program is a shell script")


def stand_in(folder, text, name="trivy"):
    file = folder / name
    file.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    file.chmod(0o755)
    return file


@pytest.mark.parametrize("version", ["0.69.4", "0.69.5", "0.69.6", "0.69.4-dirty"])
def test_versions_of_an_attacker_are_refused(tmp_path, version):
    with pytest.raises(EnvironmentProblem, match="which an attacker published") as caught:
        trivy.refuse_compromised(Trivy(tmp_path / "trivy", version, "PATH"))
    assert "GHSA-69fq-xp46-6x23" in caught.value.found
    assert trivy.PINNED in caught.value.next_step


@pytest.mark.parametrize("version", ["0.69.3", "0.69.7", "0.76.0", "1.69.4"])
def test_other_versions_are_not(tmp_path, version):
    trivy.refuse_compromised(Trivy(tmp_path / "trivy", version, "PATH"))


@POSIX
def test_a_compromised_program_is_refused_without_running_it(tmp_path):
    ran = tmp_path / "ran"
    stand_in(
        tmp_path, f"touch {ran}\necho Version: 0.70.0\n# -X github.com/aquasecurity/trivy/pkg/version/app.ver=0.69.4"
    )
    with pytest.raises(EnvironmentProblem, match=r"0\.69\.4"):
        trivy.find(str(tmp_path))
    assert not ran.exists()


@POSIX
def test_a_compromised_program_that_only_says_its_version_is_refused(tmp_path):
    stand_in(tmp_path, "echo Version: v0.69.6")
    with pytest.raises(EnvironmentProblem, match=r"0\.69\.6"):
        trivy.find(str(tmp_path))


@POSIX
def test_the_one_on_path_is_taken_first(tmp_path):
    stand_in(tmp_path, "echo Version: 0.71.0")
    found = trivy.find(str(tmp_path))
    assert (found.version, found.origin) == ("0.71.0", "PATH")


@POSIX
@pytest.mark.parametrize("text", ["echo hello", "echo broken >&2; exit 7", "exit 7"])
def test_a_program_that_says_no_version_is_named(tmp_path, text):
    stand_in(tmp_path, text)
    with pytest.raises(EnvironmentProblem, match="to print a version"):
        trivy.find(str(tmp_path))


def test_no_trivy_at_all_says_how_to_install_it(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    with pytest.raises(EnvironmentProblem, match="no trivy on PATH") as caught:
        trivy.find(str(tmp_path))
    assert "never 0.69.4" in caught.value.next_step


def test_the_environment_of_a_run_is_clean(monkeypatch):
    for name in ("TRIVY_SEVERITY", "TRIVY_IGNOREFILE", "HTTPS_PROXY", "TRIVY_SKIP_DIRS"):
        monkeypatch.setenv(name, "x")
    assert not set(trivy.environment()) & {"TRIVY_SEVERITY", "TRIVY_IGNOREFILE", "HTTPS_PROXY", "TRIVY_SKIP_DIRS"}


@pytest.mark.parametrize("output", [b"", b"[]", b"{", b"[" * 100_000])
def test_what_is_no_report_is_refused(output):
    with pytest.raises(CourseError, match="bytes that are none"):
        trivy.report(output)


def test_an_empty_file_has_no_version(tmp_path):
    (tmp_path / "trivy").touch()
    assert trivy.embedded_version(tmp_path / "trivy") is None


@pytest.mark.engine
def test_a_real_program_names_its_version_in_its_bytes(program):
    assert trivy.embedded_version(program.path) == trivy.version_of(program.path) == program.version


@pytest.mark.engine
def test_a_failed_run_carries_the_programs_own_words(program, tmp_path):
    with pytest.raises(CourseError, match="FATAL"):
        trivy.Local(program).run(["image", *trivy.CLOSED, "--input", "/target"], target=tmp_path, cache=tmp_path)
