"""What shells and notebooks are given."""

from __future__ import annotations

from autograder.services import cloud_credentials, cloud_variables, clouds, installation


def test_before_the_first_start_there_is_nothing(home):
    with installation.change() as state:
        assert cloud_variables.of_clouds(state) == {}


def test_the_profiles_are_written_for_this_installation(home):
    with installation.change() as state:
        state.ports |= dict.fromkeys(clouds.SERVICES, 5003)
    cloud_credentials.load()
    variables = cloud_variables.hand_out(state)
    assert set(cloud_variables.NAMES) <= set(variables) and variables["ECR"] == "localhost:5003"
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        assert variables[name].startswith(str(home)), "never the user's own ~/.aws"
    assert variables["AWS_ACCESS_KEY_ID"] in (home / ".course" / "aws-config").read_text(encoding="utf-8")


def test_another_aws_account_loses_its_effect():
    mine = {"AWS_SESSION_TOKEN": "t", "AWS_PROFILE": "work", "AWS_REGION": "eu-central-1", "PATH": "/bin"}
    assert cloud_variables.neutral(mine) == {"AWS_SESSION_TOKEN": "", "AWS_PROFILE": "admin", "AWS_REGION": "us-east-1"}
    assert cloud_variables.neutral({"PATH": "/bin", "AWS_PROFILE": ""}) == {}
