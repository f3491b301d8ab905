"""What of an emulator's state and journal travels, and how much of it."""

from __future__ import annotations

import json

import pytest

from autograder.collect import emulators
from autograder.collect.emulators import EmulatorClient
from autograder.errors import CourseError
from autograder.evidence import emulator_state
from autograder.oci.client import Missing, RegistryClient, ServedManifest
from tests.evidence.emulator_states import DIGEST, NOW, ecr_image, ecr_repository, line, state

SCAN = {"status": "COMPLETE", "findings": [{"name": "CVE-2026-1"}]}


@pytest.fixture
def client(monkeypatch):
    told = {"state": state("ecr"), "taken": NOW, "journal": []}
    del told["state"]["now"]
    told["state"]["repositories"] |= {
        "mine": ecr_repository("mine", ecr_image("1", scan=SCAN), ecr_image(digest="sha256:" + "a" * 64)),
        "other": ecr_repository("other", ecr_image("1", scan=SCAN)),
    }
    monkeypatch.setattr(emulators.cloud_admin, "snapshot", lambda service, lines: told)
    monkeypatch.setattr(emulators.cloud_credentials, "find", lambda: {"admin_secret": "s"})
    monkeypatch.setattr(
        emulators.addresses, "load", lambda: emulators.addresses.Addresses({"ecr": "localhost:1"}, "", "")
    )
    made = EmulatorClient("ecr")
    made.said = told
    return made


def test_findings_of_other_labs_images_stay_at_home(client):
    found = client.look(["mine"]).settings
    assert found["now"] == NOW and emulator_state.problem("ecr", found) is None
    scans = {name: [image["scan"] for image in r["images"]] for name, r in found["repositories"].items()}
    assert scans == {"mine": [SCAN, None], "other": [None], "team/ml-model": [None]}
    assert client.said["state"]["repositories"]["other"]["images"][0]["scan"] == SCAN


def test_what_the_api_names_is_known_and_nothing_else_is_asked_for(client, monkeypatch):
    asked = []
    monkeypatch.setattr(
        RegistryClient, "manifest", lambda self, name, ref: asked.append(ref) or ServedManifest("", b"")
    )
    client.look()
    assert client.catalog() == ["mine", "other", "team/ml-model"] and client.tags("mine") == ["1"]
    assert client.tags("nothing") == [] and client.untagged("mine") == {"sha256:" + "a" * 64}
    for reference in ("1", DIGEST, "1"):
        client.manifest("mine", reference)
    for name, reference in (("mine", "2"), ("nothing", "1"), ("mine", "sha256:" + "b" * 64)):
        with pytest.raises(Missing):
            client.manifest(name, reference)
    assert asked == [DIGEST]


def test_a_state_that_fits_into_no_submission_is_told_with_what_to_do(client, monkeypatch):
    monkeypatch.setattr(emulator_state, "MAX_STATE", 1000)
    with pytest.raises(CourseError, match="3 repositories") as refused:
        client.look()
    assert "Delete" in refused.value.next_step


def test_of_a_long_journal_the_newest_lines_travel(monkeypatch):
    lines = [line(number) for number in range(1, 11)]
    monkeypatch.setattr(emulator_state, "MAX_LINES", 5)
    assert [each["number"] for each in emulators.newest(lines)] == [6, 7, 8, 9, 10]
    monkeypatch.setattr(emulator_state, "MAX_JOURNAL", 3 * (len(json.dumps(line(9))) + 2) + 20)
    assert [each["number"] for each in emulators.newest(lines)] == [8, 9, 10]


def test_journals_of_several_services_are_in_the_order_of_what_happened():
    found = emulators.merged([(line(1), line(4)), (line(2), line(3))])
    assert [each["number"] for each in found] == [1, 2, 3, 4]
