"""The token endpoint and the challenge, as Docker, containerd and skopeo use them."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from werkzeug.test import Client

from autograder.emulators.hub.backend import HubBackend
from autograder.emulators.hub.limits import PullLimits
from autograder.emulators.interface import Action, Call, Kind, RegistryError
from autograder.emulators.registry.bearer import parse_scopes
from autograder.emulators.registry.catalog import Catalog

from .support import Bench, manifest

CREDENTIALS = {"accounts": {"student": "pw", "colleague": "pw2", "publisher": "pw3"}, "publisher": "publisher"}


@pytest.fixture
def hub(bench: Bench) -> HubBackend:
    limits = PullLimits(bench.database, bench.clock, "publisher")
    catalog = Catalog(bench.database, "dockerhub", bench.clock)
    return HubBackend(bench.context("dockerhub", CREDENTIALS), catalog, limits)


@pytest.fixture
def web(hub: HubBackend) -> Client:
    assert hub.api is not None
    return Client(hub.api)


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def call(authorization: str = "", **more: Any) -> Call:
    headers = {"authorization": authorization} if authorization else {}
    return Call(**{"method": "GET", "kind": Kind.BASE, "host": "localhost:5002", "headers": headers, **more})


def token_for(web: Client, user: str, password: str, *scopes: str) -> str:
    query = {"service": "registry.docker.io", "scope": list(scopes)}
    answer = web.get("/token", query_string=query, headers=basic(user, password))
    assert answer.status_code == 200
    return "Bearer " + answer.json["token"]  # type: ignore[index]


def test_the_challenge_names_realm_service_and_scope(hub: HubBackend) -> None:
    with pytest.raises(RegistryError) as caught:
        hub.authenticate(call())
    assert caught.value.status == 401
    realm = 'Bearer realm="http://localhost:5002/token",service="registry.docker.io"'
    assert caught.value.headers == {"WWW-Authenticate": realm}
    with pytest.raises(RegistryError) as caught:
        hub.authenticate(call(kind=Kind.UPLOAD, method="POST", repository="a/b"))
    assert caught.value.headers["WWW-Authenticate"] == f'{realm},scope="repository:a/b:pull,push"'


def test_login_without_a_scope_gives_a_token_that_the_base_takes(hub: HubBackend, web: Client) -> None:
    answer = web.get("/token?account=student&client_id=docker&offline_token=true", headers=basic("student", "pw"))
    assert answer.json is not None
    assert answer.json["expires_in"] >= 60, "a shorter one breaks pushes"
    assert answer.json["token"] == answer.json["access_token"] and "refresh_token" not in answer.json
    assert hub.authenticate(call("Bearer " + answer.json["token"])).name == "student"
    assert hub.context.journal.lines()[-1]["what"] == "login"


@pytest.mark.parametrize(
    "headers",
    [
        basic("student", "no"),
        basic("nobody", "pw"),
        basic("student", ""),
        {"Authorization": "Basic ???"},
        {"Authorization": "Basic"},
    ],
)
def test_wrong_credentials_are_refused_with_dockers_text(web: Client, headers: dict[str, str]) -> None:
    answer = web.get("/token", headers=headers)
    assert answer.status_code == 401
    assert answer.json == {"errors": [{"code": "UNAUTHORIZED", "message": "incorrect username or password"}]}


def test_less_than_asked_is_granted_without_an_error(hub: HubBackend, web: Client) -> None:
    token = token_for(web, "student", "pw", "repository:colleague/app:pull,push", "repository:student/app:pull,push")
    caller = hub.authenticate(call(token))
    assert not hub.allows(caller, "colleague/app", "push") and hub.allows(caller, "student/app", "push")
    wanted = call(token, kind=Kind.MANIFEST, method="PUT", repository="colleague/app", reference="1")
    with pytest.raises(RegistryError) as caught:
        hub.authorise(caller, wanted, Action.PUSH)
    assert caught.value.status == 401 and 'error="insufficient_scope"' in caught.value.headers["WWW-Authenticate"]


def test_post_takes_a_password_and_scopes_joined_by_blanks(hub: HubBackend, web: Client) -> None:
    form = {
        "grant_type": "password",
        "username": "student",
        "password": "pw",
        "scope": "repository:student/a:pull,push repository:student/b:pull",
    }
    answer = web.post("/token", data=form)
    assert answer.json is not None
    caller = hub.authenticate(call("Bearer " + answer.json["access_token"]))
    assert hub.allows(caller, "student/a", "push") and hub.allows(caller, "student/b", "pull")
    assert not hub.allows(caller, "student/b", "push"), "it was not asked for"
    assert web.post("/token", data={**form, "password": "no"}).status_code == 401
    assert web.post("/token", data={"grant_type": "refresh_token", "refresh_token": "x"}).status_code == 401
    assert web.post("/token", data={"grant_type": "magic"}).status_code == 400


def test_a_token_dies_with_the_clock(bench: Bench, hub: HubBackend, web: Client) -> None:
    token = token_for(web, "student", "pw", "repository:student/a:pull")
    hub.authenticate(call(token))
    bench.advance(minutes=5)
    with pytest.raises(RegistryError):
        hub.authenticate(call(token))


def test_everything_else_is_not_found_and_large_requests_are_refused(web: Client) -> None:
    assert web.get("/elsewhere").status_code == 404
    assert web.delete("/token").status_code == 405
    assert web.post("/token", data=b"x" * 70_000).status_code == 413
    assert web.get("/token", headers={"Host": 'x" evil'}).status_code == 400


def test_scopes_are_read_leniently() -> None:
    found = parse_scopes(["repository:a/b:pull", "registry:catalog:* nonsense repository(plugin):c:push", "x:y:z"])
    assert [(scope.kind, scope.name, scope.actions) for scope in found] == [
        ("repository", "a/b", ("pull",)),
        ("registry", "catalog", ("*",)),
        ("repository", "c", ("push",)),
    ]


def test_anonymous_callers_get_a_token_for_what_is_public(hub: HubBackend, web: Client) -> None:
    hub.commit_push(hub.authenticate(call(token_for(web, "student", "pw"))), manifest("student/app", "1"))
    answer = web.get("/token?scope=repository:student/app:pull,push")
    assert answer.json is not None
    caller = hub.authenticate(call("Bearer " + answer.json["token"]))
    assert caller.name == "" and hub.may_pull(caller, "student/app") and not hub.allows(caller, "student/app", "push")
