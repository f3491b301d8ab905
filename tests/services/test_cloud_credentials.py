"""The secrets of an installation's emulators: made once, and completed when the kit has a further service."""

from __future__ import annotations

import json

import pytest

from autograder import paths
from autograder.domain.services import EMULATORS
from autograder.errors import EnvironmentProblem
from autograder.services import cloud_credentials


def test_they_are_made_once_and_no_two_installations_share_any(home):
    assert cloud_credentials.find() is None
    first = cloud_credentials.load()
    assert cloud_credentials.load() == first == cloud_credentials.find()
    file = paths.state() / cloud_credentials.FILE
    file.unlink()
    second = cloud_credentials.load()
    assert (
        second["admin_secret"] != first["admin_secret"] and second["credentials"]["acr"] != first["credentials"]["acr"]
    )


def test_an_installation_of_an_earlier_version_gets_what_a_new_service_needs(home):
    first = cloud_credentials.load()
    file = paths.state() / cloud_credentials.FILE
    earlier = {**first, "credentials": {k: v for k, v in first["credentials"].items() if k != "acr"}}
    file.write_text(json.dumps(earlier), encoding="utf-8")
    now = cloud_credentials.load()
    assert set(now["credentials"]) == set(EMULATORS) and now["credentials"]["acr"]["admin_password"]
    assert now["credentials"]["dockerhub"] == first["credentials"]["dockerhub"], "logins go on"
    assert cloud_credentials.load() == now


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"schema": 1, "credentials": 7}', '{"schema": 99}'])
def test_a_file_of_another_form_is_told(home, content):
    cloud_credentials.load()
    (paths.state() / cloud_credentials.FILE).write_text(content, encoding="utf-8")
    with pytest.raises(EnvironmentProblem, match="cannot be understood"):
        cloud_credentials.load()
