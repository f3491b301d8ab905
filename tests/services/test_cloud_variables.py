"""What shells and notebooks are given."""

from __future__ import annotations

from autograder.domain.services import EMULATORS
from autograder.services import cloud_credentials, cloud_variables, installation


def test_before_the_first_start_there_is_nothing(home):
    with installation.change() as state:
        assert cloud_variables.of_clouds(state) == {}


def test_the_profiles_are_written_for_this_installation(home):
    with installation.change() as state:
        state.ports |= dict.fromkeys(EMULATORS, 5003)
    cloud_credentials.load()
    variables = cloud_variables.hand_out(state)
    assert set(cloud_variables.NAMES) <= set(variables) and variables["ECR"] == "localhost:5003"
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        assert variables[name].startswith(str(home)), "never the user's own ~/.aws"
    assert variables["AWS_ACCESS_KEY_ID"] in (home / ".course" / "aws-config").read_text(encoding="utf-8")


def test_variables_of_another_account_are_known_by_their_names():
    mine = ["PATH", "AWS_PROFILE", "AWS_ENDPOINT_URL_ECR", "AWS_NOT_KNOWN_YET", "DOCKER_AUTH_CONFIG", "DOCKER_HOST"]
    assert cloud_variables.foreign(mine) == [
        "AWS_ENDPOINT_URL_ECR",
        "AWS_NOT_KNOWN_YET",
        "AWS_PROFILE",
        "DOCKER_AUTH_CONFIG",
    ]


def test_the_persons_own_files_are_out_of_reach_before_the_first_start_too(home):
    found = cloud_variables.private()
    assert all(found[name].startswith(str(home)) for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"))
    assert found["DOCKER_CONFIG"].startswith(str(home)) and found["AWS_EC2_METADATA_DISABLED"] == "true"


def test_builds_have_no_attestations_unless_the_person_wants_them(monkeypatch):
    monkeypatch.delenv("BUILDX_NO_DEFAULT_ATTESTATIONS", raising=False)
    assert cloud_variables.builds() == {"BUILDX_NO_DEFAULT_ATTESTATIONS": "1"}
    monkeypatch.setenv("BUILDX_NO_DEFAULT_ATTESTATIONS", "")
    assert cloud_variables.builds() == {"BUILDX_NO_DEFAULT_ATTESTATIONS": "1"}
    monkeypatch.setenv("BUILDX_NO_DEFAULT_ATTESTATIONS", "0")
    assert cloud_variables.builds() == {"BUILDX_NO_DEFAULT_ATTESTATIONS": "0"}
