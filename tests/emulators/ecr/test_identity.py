"""Who calls: signatures are verified, tokens expire with the emulator's clock, every refusal is AWS's."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st
from moto.core.exceptions import ServiceException

from autograder.emulators.ecr.identity import PROFILES, Identities, Signed, new_credentials
from autograder.emulators.ecr.tokens import LIFETIME, Tokens
from autograder.emulators.interface import RegistryError
from autograder.services import cloud_credentials

from .emulator import Emulator, local_client

KEYS = new_credentials()
NOW = 1_800_000_000.0


def test_the_kit_makes_keys_for_the_same_profiles() -> None:
    assert tuple(PROFILES) == cloud_credentials.ECR_PROFILES
    assert KEYS["profiles"].keys() == PROFILES.keys()


@pytest.mark.parametrize("name", PROFILES)
def test_sts_tells_every_profile_who_it_is(emulator: Emulator, name: str) -> None:
    answer = emulator.client("sts", name).get_caller_identity()
    profile = PROFILES[name]
    assert (answer["Arn"], answer["Account"], answer["UserId"]) == (profile.arn, profile.account, profile.user_id)


def test_the_rest_of_sts_is_not_in_this_mock(emulator: Emulator) -> None:
    with pytest.raises(ClientError, match=r"NotInThisMock.*AssumeRole is not in this mock"):
        emulator.client("sts").assume_role(RoleArn="arn:aws:iam::123456789012:role/x", RoleSessionName="session")


@pytest.mark.parametrize("service", ["ecr", "sts"])
def test_wrong_keys_are_refused(emulator: Emulator, service: str) -> None:
    good = emulator.context.credentials["profiles"]["admin"]
    for keys, code in (
        ({**good, "secret_access_key": "wrong"}, "InvalidSignatureException"),
        ({**good, "access_key_id": "AKIAIOSFODNN7EXAMPLE"}, "UnrecognizedClientException"),
    ):
        client = local_client(emulator.backend.api, keys, service)
        call = client.describe_repositories if service == "ecr" else client.get_caller_identity
        with pytest.raises(ClientError) as caught:
            call()
        assert caught.value.response["Error"]["Code"] == code


def test_other_regions_and_services_are_not_in_this_mock(emulator: Emulator) -> None:
    keys = emulator.context.credentials["profiles"]["admin"]
    with pytest.raises(ClientError, match="region eu-west-1"):
        local_client(emulator.backend.api, keys, "ecr", region="eu-west-1").describe_repositories()
    with pytest.raises(ClientError, match="'ecs' is not in this mock"):
        local_client(emulator.backend.api, keys, "ecs").list_clusters()


def signed(**changes: Any) -> Signed:
    keys = KEYS["profiles"]["admin"]
    headers = {"X-Amz-Target": "x.DescribeRepositories", "Content-Type": "application/x-amz-json-1.1"}
    request = AWSRequest("POST", "http://localhost:5003/", data=b"{}", headers=headers)
    SigV4Auth(Credentials(keys["access_key_id"], keys["secret_access_key"]), "ecr", "us-east-1").add_auth(request)
    found = {name.lower(): value for name, value in request.headers.items()}
    found["host"] = "localhost:5003"
    fields: dict[str, Any] = {"method": "POST", "path": "/", "query": "", "headers": found, "body": b"{}"}
    fields["headers"] = {**found, **changes.pop("headers", {})}
    return Signed(**{**fields, **changes})


def test_a_signature_covers_the_whole_request() -> None:
    identities = Identities(KEYS)
    assert identities.caller(signed()) == (PROFILES["admin"], "ecr", "us-east-1")
    for change in (
        {"body": b'{"a": 1}'},
        {"method": "PUT"},
        {"path": "/other"},
        {"query": "a=b"},
        {"headers": {"host": "localhost:9"}},
        {"headers": {"x-amz-target": "x.DeleteRepository"}},
        {"headers": {"x-amz-date": "20200101T000000Z"}},
        {"headers": {"x-amz-content-sha256": "0" * 64}},
    ):
        with pytest.raises(ServiceException) as caught:
            identities.caller(signed(**change))
        assert caught.value.code == "InvalidSignatureException", change


@given(st.text(max_size=80))
def test_no_authorization_header_breaks_the_check(text: str) -> None:
    with pytest.raises(ServiceException):
        Identities(KEYS).caller(signed(headers={"authorization": text}))


# Tokens


def basic(password: str, user: str = "AWS") -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def test_a_token_is_good_for_twelve_hours_and_then_expired() -> None:
    tokens = Tokens(b"k" * 32)
    token, expires = tokens.issue("reader", NOW)
    assert expires == NOW + LIFETIME
    assert tokens.profile(basic(token), "h", expires - 1) == "reader"
    with pytest.raises(RegistryError) as caught:
        tokens.profile(basic(token), "h", expires)
    assert (caught.value.status, caught.value.code) == (403, "DENIED")
    assert caught.value.message == "Your authorization token has expired. Reauthenticate and try again."


def test_without_credentials_the_challenge_is_basic() -> None:
    for header in ("", "Bearer abc"):
        with pytest.raises(RegistryError) as caught:
            Tokens(b"k").profile(header, "localhost:5003", NOW)
        assert caught.value.status == 401 and caught.value.message == "Not Authorized"
        challenge = caught.value.headers["WWW-Authenticate"]
        assert challenge == 'Basic realm="http://localhost:5003/",service="ecr.amazonaws.com"'


@given(st.text(max_size=100))
def test_no_password_but_a_token_is_taken(password: str) -> None:
    with pytest.raises(RegistryError) as caught:
        Tokens(b"k").profile(basic(password), "h", NOW)
    assert caught.value.status == 400


@given(st.binary(max_size=60))
def test_no_basic_header_breaks_the_check(raw: bytes) -> None:
    with pytest.raises(RegistryError):
        Tokens(b"k").profile("Basic " + raw.decode("latin-1"), "h", NOW)


def test_a_token_cannot_be_changed_or_made_elsewhere() -> None:
    token, _ = Tokens(b"one").issue("reader", NOW)
    parts = json.loads(base64.b64decode(token))
    parts["payload"] = parts["payload"].replace("reader", "admin")
    forged = base64.b64encode(json.dumps(parts).encode()).decode()
    for key, password, user in ((b"one", forged, "AWS"), (b"two", token, "AWS"), (b"one", token, "admin")):
        with pytest.raises(RegistryError) as caught:
            Tokens(key).profile(basic(password, user), "h", NOW)
        assert caught.value.status == 400


def test_the_password_of_get_login_password_opens_v2(emulator: Emulator) -> None:
    data = emulator.client().get_authorization_token()["authorizationData"][0]
    header = {"authorization": f"Basic {data['authorizationToken']}"}
    from autograder.emulators.interface import Kind

    call = emulator.call("GET", Kind.BASE, headers=header)
    assert emulator.backend.authenticate(call).name == "admin"
    emulator.clock.advance(hours=12)
    with pytest.raises(RegistryError, match="expired"):
        emulator.backend.authenticate(call)
