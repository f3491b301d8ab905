"""Azure Container Registry's rules."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from werkzeug.test import Client

from autograder.emulators.acr.backend import DISALLOWED, EVERYTHING, AcrBackend
from autograder.emulators.acr.settings import NOBODY
from autograder.emulators.interface import Action, Call, Caller, Kind, RegistryError
from autograder.emulators.registry.bearer import Identity
from autograder.emulators.registry.catalog import Catalog
from autograder.oci.manifests import DOCKER_MANIFEST

from .support import START, Bench, manifest

CREDENTIALS = {"registry": "mlregistry", "admin_password": "apw", "entra_token": "ent", "host": "localhost:5005"}
OWNER = Caller("owner", {"identity": Identity("owner", {"kind": "entra"}), "host": "localhost:5005"})


@pytest.fixture
def acr(bench: Bench) -> AcrBackend:
    return AcrBackend(bench.context("acr", CREDENTIALS), Catalog(bench.database, "acr", bench.clock))


@pytest.fixture
def web(acr: AcrBackend) -> Client:
    assert acr.api is not None
    return Client(acr.api)


def do(acr: AcrBackend, operation: str, **arguments: Any) -> Any:
    return acr.admin(operation, arguments)


def refused(acr: AcrBackend, operation: str, **arguments: Any) -> RegistryError:
    with pytest.raises(RegistryError) as caught:
        acr.admin(operation, arguments)
    return caught.value


def token(acr: AcrBackend, name: str, *entries: list[str], days: float | None = None) -> Identity:
    made = do(acr, "token-create", name=name, scope_map=None, repositories=list(entries), days=days)
    identity = acr.identify(name, made["password"])
    assert identity is not None
    return identity


def call(kind: Kind, repository: str = "", method: str = "GET", reference: str = "1") -> Call:
    return Call(method=method, kind=kind, repository=repository, reference=reference, host="localhost:5005")


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def test_an_entra_token_is_exchanged_and_the_zero_guid_logs_in(bench: Bench, acr: AcrBackend, web: Client) -> None:
    answer = web.post("/oauth2/exchange", data={"grant_type": "access_token", "access_token": "ent"})
    assert answer.json is not None
    refresh = answer.json["refresh_token"]
    assert acr.identify(NOBODY, refresh) == Identity("owner", {"kind": "entra"})
    login = web.get("/oauth2/token?offline_token=true&service=localhost:5005", headers=basic(NOBODY, refresh))
    assert login.json is not None and acr.identify_refresh(login.json["refresh_token"]) is not None, "identitytoken"
    form = {"grant_type": "refresh_token", "refresh_token": refresh, "scope": "repository:a:pull,push"}
    granted = web.post("/oauth2/token", data=form)
    assert granted.json is not None
    caller = acr.authenticate(Call("GET", Kind.BASE, headers={"authorization": "Bearer " + granted.json["token"]}))
    assert acr.allows(caller, "a", "push")
    for wrong in ({"access_token": "x"}, {"access_token": "ent", "grant_type": "password"}, {}):
        assert web.post("/oauth2/exchange", data={"grant_type": "access_token", **wrong}).status_code == 401
    assert web.get("/oauth2/exchange").status_code == 401
    bench.advance(hours=3)
    assert acr.identify(NOBODY, refresh) is None and web.post("/oauth2/token", data=form).status_code == 401


def test_without_a_login_there_is_no_token(acr: AcrBackend, web: Client) -> None:
    answer = web.get("/oauth2/token?scope=repository:a:pull")
    assert answer.status_code == 401 and "https://aka.ms/acr/authorization" in answer.text
    do(acr, "update", admin_enabled=None, anonymous_pull_enabled=True)
    acr.commit_push(OWNER, manifest("a", "1"))
    assert web.get("/oauth2/token?scope=repository:a:pull").status_code == 200
    assert acr.rights(None, "a") == {"pull", "metadata_read"}


def test_the_admin_user_is_off_until_it_is_turned_on(acr: AcrBackend) -> None:
    assert acr.identify("mlregistry", "apw") is None
    assert refused(acr, "credential").status == 403
    do(acr, "update", admin_enabled=True, anonymous_pull_enabled=None)
    identity = acr.identify("mlregistry", "apw")
    assert identity is not None and acr.rights(identity, "anything") == EVERYTHING
    assert acr.identify("mlregistry", "no") is None and acr.identify("other", "apw") is None
    assert do(acr, "credential") == {"username": "mlregistry", "password": "apw"}


def test_a_token_may_what_its_scope_map_says_where_it_says_it(acr: AcrBackend) -> None:
    reader = token(acr, "reader", ["team/app", "content/read"])
    assert acr.rights(reader, "team/app") == {"pull"}
    assert acr.rights(reader, "team/app2") == acr.rights(reader, "team") == set()
    wide = token(acr, "writer", ["team/*", "content/read", "content/write", "metadata/read"])
    assert acr.rights(wide, "team/a/b") == {"pull", "push", "metadata_read"}
    assert acr.rights(wide, "teams/a") == set()
    do(acr, "scope-map-create", name="cleaners", actions=["repositories/old/content/delete"])
    made = do(acr, "token-create", name="cleaner", scope_map="cleaners", repositories=[], days=None)
    assert acr.rights(acr.identify("cleaner", made["password"]), "old") == {"delete"}
    made = do(acr, "token-create", name="pullall", scope_map="_repositories_pull", repositories=[], days=None)
    assert acr.rights(acr.identify("pullall", made["password"]), "any/thing") == {"pull"}


def test_tokens_expire_are_deleted_and_follow_their_scope_map(bench: Bench, acr: AcrBackend) -> None:
    identity = token(acr, "reader", ["a", "content/read"], days=1)
    do(acr, "scope-map-create", name="reader-scope-map", actions=["repositories/b/content/read"])
    assert acr.rights(identity, "a") == set() and acr.rights(identity, "b") == {"pull"}
    do(acr, "token-delete", name="reader")
    assert acr.rights(identity, "b") == set(), "also for a bearer token that is still good"
    made = do(acr, "token-create", name="short", scope_map="_repositories_pull", repositories=[], days=1)
    bench.advance(days=1)
    assert acr.identify("short", made["password"]) is None
    assert made["password"] not in json.dumps(acr.snapshot())


@pytest.mark.parametrize(
    "arguments",
    [
        {"name": "x"},
        {"name": "reader one"},
        {"scope_map": "missing"},
        {"scope_map": None, "repositories": []},
        {"scope_map": "_repositories_pull", "repositories": [["a", "content/read"]]},
        {"scope_map": None, "repositories": [["a", "content/all"]]},
        {"scope_map": None, "repositories": [["A!", "content/read"]]},
    ],
)
def test_what_is_no_token_is_refused(acr: AcrBackend, arguments: dict[str, Any]) -> None:
    given = {"name": "reader", "scope_map": "_repositories_pull", "repositories": [], "days": None, **arguments}
    assert refused(acr, "token-create", **given).status in (400, 404)
    assert do(acr, "token-list") == []


def test_listing_tags_takes_metadata_read(acr: AcrBackend) -> None:
    acr.commit_push(OWNER, manifest("a", "1"))
    for entries, allowed in ((["content/read"], False), (["content/read", "metadata/read"], True)):
        identity = token(acr, f"token{len(entries)}", ["a", *entries])
        claims = {"access": [{"type": "repository", "name": "a", "actions": ["pull"]}], "facts": identity.facts}
        caller = Caller(identity.name, claims)
        acr.authorise(caller, call(Kind.MANIFEST, "a"), Action.PULL)
        if allowed:
            acr.authorise(caller, call(Kind.TAGS, "a"), Action.PULL)
        else:
            with pytest.raises(RegistryError) as caught:
                acr.authorise(caller, call(Kind.TAGS, "a"), Action.PULL)
            assert caught.value.status == 401


def test_the_catalog_is_for_who_may_do_everything(acr: AcrBackend) -> None:
    acr.commit_push(OWNER, manifest("a", "1"))
    assert acr.catalog(OWNER) == ["a"]
    whole = {"access": [{"type": "registry", "name": "catalog", "actions": ["*"]}], "host": "localhost:5005"}
    assert acr.catalog(Caller("owner", whole)) == ["a"]
    identity = token(acr, "reader", ["a", "content/read"])
    with pytest.raises(RegistryError) as caught:
        acr.catalog(Caller("reader", {"identity": identity, "host": "localhost:5005"}))
    assert 'scope="registry:catalog:*"' in caught.value.headers["WWW-Authenticate"]


def locked(acr: AcrBackend, image: str, **attributes: bool) -> None:
    do(acr, "repository-update", image=image, attributes=attributes)


def test_a_locked_tag_cannot_be_moved_or_deleted_but_another_tag_can(acr: AcrBackend) -> None:
    first = manifest("a", "1.0", "x")
    acr.commit_push(OWNER, first)
    acr.commit_push(OWNER, manifest("a", "latest", "x"))
    locked(acr, "a:1.0", writeEnabled=False)
    with pytest.raises(RegistryError) as caught:
        acr.check_push(OWNER, manifest("a", "1.0", "y"))
    assert (caught.value.code, caught.value.message) == ("REGISTRY_DISALLOWED_OPERATION", DISALLOWED)
    acr.check_push(OWNER, manifest("a", "latest", "y"))
    for tag in ("1.0", None):
        with pytest.raises(RegistryError):
            acr.check_delete(OWNER, "a", tag, first.digest)
    acr.check_delete(OWNER, "a", "latest", first.digest)
    assert refused(acr, "repository-delete", image="a").code == "REGISTRY_DISALLOWED_OPERATION"
    assert do(acr, "repository-show", image="a:1.0")["changeableAttributes"]["writeEnabled"] is False
    locked(acr, "a:1.0", writeEnabled=True)
    acr.check_push(OWNER, manifest("a", "1.0", "y"))


def test_locks_on_manifest_and_repository(acr: AcrBackend) -> None:
    image = manifest("a", "1", "x")
    acr.commit_push(OWNER, image)
    locked(acr, f"a@{image.digest}", deleteEnabled=False)
    with pytest.raises(RegistryError):
        acr.check_delete(OWNER, "a", None, image.digest)
    locked(acr, f"a@{image.digest}", deleteEnabled=True)
    locked(acr, "a", writeEnabled=False)
    with pytest.raises(RegistryError):
        acr.check_push(OWNER, manifest("a", "2", "y"))
    locked(acr, "a", writeEnabled=True, readEnabled=False)
    with pytest.raises(RegistryError):
        acr.check_pull(OWNER, call(Kind.MANIFEST, "a"), image.digest)
    locked(acr, "a", readEnabled=True)
    acr.check_pull(OWNER, call(Kind.MANIFEST, "a"), image.digest)
    assert refused(acr, "repository-update", image="a", attributes={}).status == 400
    assert refused(acr, "repository-update", image="a:2", attributes={"readEnabled": False}).status == 404


def test_metadata_is_shaped_as_az_prints_it(bench: Bench, acr: AcrBackend) -> None:
    image = manifest("a", "1", "xyz")
    acr.commit_push(OWNER, image)
    bench.advance(hours=1)
    acr.commit_push(OWNER, manifest("a", "2", "xyz"))
    (listed,) = do(acr, "manifest-list", repository="a")
    assert (listed["digest"], listed["tags"], listed["imageSize"]) == (image.digest, ["1", "2"], 5)
    assert listed["createdTime"] == "2026-11-02T08:00:00.000000Z" < listed["lastUpdateTime"]
    assert do(acr, "repository-show", image="a") == {
        "imageName": "a",
        "manifestCount": 1,
        "tagCount": 2,
        "changeableAttributes": dict.fromkeys(("deleteEnabled", "writeEnabled", "readEnabled", "listEnabled"), True),
    }
    assert do(acr, "repository-untag", image="a:2")["digest"] == image.digest
    assert acr.names.tags("a") == ["1"]
    do(acr, "repository-delete", image="a:1")
    assert acr.names.tags("a") == [] and bench.store.deleted == [("a", image.digest)]


def test_purge_is_evaluated_by_the_course_and_spares_what_is_locked(bench: Bench, acr: AcrBackend) -> None:
    for tag in ("dev-1", "dev-2", "1.0"):
        acr.commit_push(OWNER, manifest("a", tag, tag))
    locked(acr, "a:dev-2", writeEnabled=False)
    bench.advance(days=31)
    command = "acr purge --filter 'a:^dev-' --ago 30d --untagged"
    dry = do(acr, "run", cmd=f"{command} --dry-run")
    assert dry["dryRun"] and dry["gone"] == [] and len(dry["listed"]) == 1
    assert acr.names.tags("a") == ["1.0", "dev-1", "dev-2"]
    done = do(acr, "run", cmd=command)
    assert len(done["gone"]) == 1 and acr.names.tags("a") == ["1.0", "dev-2"]
    (line,) = (line for line in bench.journal.lines() if line["what"] == "expire")
    assert (line["who"], line["detail"]["tags"]) == ("acr purge", ["dev-1"])
    assert refused(acr, "run", cmd="acr purge --ago 30d").status == 400


def test_the_retention_policy_sees_docker_media_types_that_lost_their_tag_after_it_was_enabled(
    bench: Bench, acr: AcrBackend
) -> None:
    assert acr.overnight() == []
    do(acr, "retention-update", status="enabled", days=7)
    for kind in (DOCKER_MANIFEST, "application/vnd.oci.image.manifest.v1+json"):
        acr.commit_push(OWNER, manifest("a", "latest", kind, media_type=kind))
        bench.advance(hours=1)
    acr.commit_push(OWNER, manifest("a", "latest", "last"))
    bench.advance(days=8)
    gone = acr.overnight()
    assert [entry["rule"] for entry in gone] == ["retentionPolicy"] and len(acr.names.records("a")) == 2
    assert bench.store.deleted[0][1] == gone[0]["digest"]
    do(acr, "retention-update", status="disabled", days=7)
    assert do(acr, "show")["retentionPolicy"]["status"] == "disabled" and bench.clock.now() > START
    assert refused(acr, "retention-update", status="enabled", days=366).status == 400


def test_settings_survive_the_process(bench: Bench, acr: AcrBackend) -> None:
    do(acr, "update", admin_enabled=True, anonymous_pull_enabled=True)
    do(acr, "scope-map-create", name="cleaners", actions=["repositories/old/content/delete"])
    again = AcrBackend(acr.context, Catalog(bench.database, "acr", bench.clock))
    assert again.snapshot() == acr.snapshot()
    assert refused(again, "scope-map-create", name="_mine_", actions=[]).status == 400
