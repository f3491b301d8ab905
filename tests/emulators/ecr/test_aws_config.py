"""The AWS configuration file with the lab's profiles, as AWS's own clients read it."""

from __future__ import annotations

from pathlib import Path

import pytest
from botocore.session import Session

from autograder.emulators.ecr import aws_config
from autograder.emulators.ecr.identity import PROFILES, REGION, new_credentials


@pytest.mark.parametrize("profile", [None, *PROFILES])
def test_every_profile_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, profile: str | None) -> None:
    profiles = new_credentials()["profiles"]
    file = tmp_path / "config"
    file.write_text(aws_config.text(profiles, "http://127.0.0.1:5003", REGION), encoding="utf-8")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(file))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    if profile:  # a profile that is asked for wins over keys in the environment
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "other")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "other")
    session = Session(profile=profile)
    wanted = profiles[profile or "admin"]
    found = session.get_credentials().get_frozen_credentials()
    assert (found.access_key, found.secret_key) == (wanted["access_key_id"], wanted["secret_access_key"])
    client = session.create_client("ecr")
    assert client.meta.endpoint_url == "http://127.0.0.1:5003" and client.meta.region_name == REGION
