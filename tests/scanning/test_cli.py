"""`course advisories` and `course gate` as a person types them."""

from __future__ import annotations

import base64
import json
import sys

import pytest
from click.testing import CliRunner

from autograder import cli
from autograder.cli import sbom, scan
from autograder.errors import CourseError
from autograder.oci.manifests import OCI_MANIFEST
from autograder.scanning import artifact, database, watched_gate
from autograder.scanning.artifact import Pusher
from tests.scanning.built import image
from tests.scanning.test_gate import DIGEST, LINE, document, found


def run(command, *arguments):
    done = CliRunner().invoke(command, [str(one) for one in arguments])
    if isinstance(done.exception, CourseError):
        raise done.exception
    return done


def test_list_prints_every_advisory_with_its_severity():
    done = run(scan.advisories, "list")
    assert done.exit_code == 0
    assert "CRITICAL joblib            CVE-2022-21797" in done.output
    assert "2 UNKNOWN" in done.output.splitlines()[-1]
    rows = json.loads(run(scan.advisories, "list", "--package", "PyJWT", "--json").output)
    assert [(row["id"], row["severity"], row["score"]) for row in rows] == [("CVE-2022-29217", "HIGH", 7.4)]


def test_build_writes_a_database(tmp_path):
    done = run(scan.advisories, "build", "--cache", tmp_path, "--json")
    assert json.loads(done.output)["digest"] == database.require(tmp_path).digest


@pytest.mark.parametrize("name", ["trivy-db", "course/trivy-db", "localhost:5001/"])
def test_push_wants_a_registry(name):
    with pytest.raises(CourseError, match="localhost:5001/course/trivy-db"):
        run(scan.advisories, "push", name)


@pytest.fixture
def report(tmp_path):
    file = tmp_path / "report.json"
    file.write_text(json.dumps(document(found())), encoding="utf-8")
    return file


def test_the_gates_exit_codes(report, tmp_path):
    assert run(scan.gate_command, report).exit_code == 1
    assert run(scan.gate_command, report, "--severity", "LOW").exit_code == 0
    ignore = tmp_path / ".trivyignore"
    ignore.write_text(LINE.format("2026-06-30"), encoding="utf-8")
    options = ("--ignorefile", ignore, "--today")
    assert run(scan.gate_command, report, *options, "2026-06-30").exit_code == 0
    late = run(scan.gate_command, report, *options, "2026-07-01")
    assert late.exit_code == 1
    assert "its exception has expired" in late.output
    told = json.loads(run(scan.gate_command, report, "--json", "--digest", DIGEST).output)
    assert told["passed"] is False
    assert told["blocking"][0]["id"] == "CVE-2022-21797"


@pytest.mark.parametrize(("severity", "status"), [("HIGH,CRITICAL", 1), ("LOW", None)])
def test_the_exit_status_reaches_the_shell(report, monkeypatch, severity, status):
    monkeypatch.setitem(cli.COMMANDS, "gate", ("autograder.cli.scan:gate_command", ""))
    monkeypatch.setattr(sys, "argv", ["course", "gate", str(report), "--severity", severity])
    code = None
    try:
        cli.main()
    except SystemExit as done:
        code = done.code
    assert code == status


@pytest.mark.parametrize("options", [("--today", "soon"), ("--severity", "BAD"), ("--digest", "sha256:x")])
def test_what_cannot_be_judged_is_wrong_input(report, options):
    with pytest.raises(CourseError) as caught:
        run(scan.gate_command, report, *options)
    assert caught.value.exit_code == 2


def test_a_missing_or_empty_report_never_opens_the_gate(tmp_path):
    empty = tmp_path / "empty.json"
    empty.touch()
    for file in (empty, tmp_path / "none.json", tmp_path):
        with pytest.raises(CourseError) as caught:
            run(scan.gate_command, file)
        assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("localhost:1/App", b"{}", "lower|upper"),
        ("localhost:1/x", b"{}", "neither CycloneDX"),
        ("localhost:1/x", None, "No such"),
    ],
)
def test_only_an_sbom_of_an_image_is_attached(tmp_path, name, content, words):
    file = tmp_path / "sbom.json"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(CourseError, match=words):
        run(sbom.sbom, "attach", name, file)


@pytest.mark.engine
def test_an_sbom_is_attached_to_its_image(registry, tmp_path, monkeypatch):
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    built = image({"a": b"1"})
    pusher = Pusher(registry, "sbom/app")
    for path, content in built.layout.files.items():
        if path.startswith("blobs/"):
            pusher.blob(content)
    pusher.manifest(built.layout.files[f"blobs/{built.digest.replace(':', '/')}"], OCI_MANIFEST, "1.0")
    file = tmp_path / "sbom.cdx.json"
    file.write_text('{"bomFormat": "CycloneDX"}', encoding="utf-8")
    told = json.loads(run(sbom.sbom, "attach", f"{registry}/sbom/app:1.0", file, "--json").output)
    assert told["artifactType"] == "application/vnd.cyclonedx+json"
    again = run(sbom.sbom, "attach", f"{registry}/sbom/app@{built.digest}", file).output
    assert told["digest"] in again and "oras attach --artifact-type application/vnd.cyclonedx+json" in again


def test_the_login_that_docker_kept_is_used(tmp_path, monkeypatch):
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    assert artifact.login("localhost:5001") is None
    auths = {"localhost:5001": {"auth": base64.b64encode(b"ada:secret").decode()}}
    (tmp_path / "config.json").write_text(json.dumps({"auths": auths}), encoding="utf-8")
    assert artifact.login("localhost:5001") == ("ada", "secret")
    (tmp_path / "config.json").write_text(json.dumps({"credsStore": "nowhere-to-be-found"}), encoding="utf-8")
    assert artifact.login("localhost:5001") is None


def test_a_run_can_shut_the_gate_and_never_open_it(report, tmp_path, monkeypatch):
    told, severe = tmp_path / "asked.txt", ("--severity", "LOW")
    assert run(scan.gate_command, report, *severe).exit_code == 0
    for name, value in watched_gate.shut(told).items():
        monkeypatch.setenv(name, value)
    shut = run(scan.gate_command, report, *severe)
    assert shut.exit_code == 1 and "the gate is shut" in shut.output and "In this run the gate says no" in shut.stderr
    assert json.loads(run(scan.gate_command, report, *severe, "--json").stdout)["passed"] is False
    assert run(scan.gate_command, report).exit_code == 1
    with pytest.raises(CourseError):
        run(scan.gate_command, tmp_path / "none.json")
    assert watched_gate.times_asked(told) == 4
    run(scan.gate_command, "--help")
    assert watched_gate.times_asked(told) == 4  # that is no question
    monkeypatch.setenv(watched_gate.SHUT, "0")
    assert run(scan.gate_command, report).exit_code == 1
