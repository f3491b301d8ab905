"""Docker Hub's rules."""

from __future__ import annotations

import time
from typing import Any

import pytest
from werkzeug.test import Client

from autograder.domain.dockerhub import ANONYMOUS_PULLS as ANONYMOUS
from autograder.domain.dockerhub import PERSONAL_PULLS as PERSONAL
from autograder.domain.dockerhub import fingerprint
from autograder.emulators.hub.backend import IMMUTABLE, HubBackend
from autograder.emulators.hub.limits import PullLimits
from autograder.emulators.interface import Call, Caller, Kind, RegistryError
from autograder.emulators.locks import Locks
from autograder.emulators.registry import access_tokens
from autograder.emulators.registry.bearer import Identity
from autograder.emulators.registry.catalog import Catalog
from autograder.emulators.registry.proxy import Proxy
from autograder.emulators.registry.store import StoreClient

from .support import Bench, index, manifest

CREDENTIALS = {"accounts": {"student": "pw", "colleague": "pw2", "publisher": "pw3"}, "publisher": "publisher"}
STUDENT = Caller("student")


@pytest.fixture
def hub(bench: Bench) -> HubBackend:
    limits = PullLimits(bench.database, bench.clock, "publisher")
    catalog = Catalog(bench.database, "dockerhub", bench.clock)
    return HubBackend(bench.context("dockerhub", CREDENTIALS), catalog, limits)


def who(hub: HubBackend, user: str, password: str) -> Identity:
    identity = hub.identify(user, password)
    assert identity is not None
    return identity


def get(repository: str, reference: str, client: str = "10.0.0.1", method: str = "GET") -> Call:
    return Call(method=method, kind=Kind.MANIFEST, repository=repository, reference=reference, client=client)


def refusal(hub: HubBackend, operation: str, **arguments: Any) -> RegistryError:
    with pytest.raises(RegistryError) as caught:
        hub.admin(operation, arguments)
    return caught.value


def test_each_writes_into_their_own_namespace_only(hub: HubBackend) -> None:
    student = who(hub, "student", "pw")
    assert hub.rights(student, "student/app") == {"pull", "push", "delete"}
    for foreign in ("colleague/app", "library/python", "app", "student/a/b", "students/app", "student"):
        assert hub.rights(student, foreign) == set(), foreign


def test_library_is_the_publishers_and_everyones_to_pull(hub: HubBackend) -> None:
    assert hub.rights(who(hub, "publisher", "pw3"), "library/python") == {"pull", "push", "delete"}
    assert hub.rights(who(hub, "publisher", "pw3"), "student/app") == set()
    hub.commit_push(Caller("publisher"), manifest("library/python", "3.11"))
    assert hub.rights(None, "library/python") == {"pull"}
    assert hub.rights(who(hub, "student", "pw"), "library/python") == {"pull"}


def test_a_private_repository_does_not_exist_for_others(hub: HubBackend) -> None:
    hub.commit_push(STUDENT, manifest("student/app", "1"))
    other = who(hub, "colleague", "pw2")
    assert hub.rights(None, "student/app") == hub.rights(other, "student/app") == {"pull"}
    hub.admin("repository-privacy", {"name": "student/app", "private": True})
    assert hub.rights(None, "student/app") == hub.rights(other, "student/app") == set()
    assert hub.rights(None, "student/none") == set(), "the same answer"
    assert hub.rights(who(hub, "student", "pw"), "student/app") == {"pull", "push", "delete"}


def test_the_personal_plan_has_one_private_repository(hub: HubBackend) -> None:
    hub.admin("repository-create", {"name": "student/one", "private": True})
    assert refusal(hub, "repository-create", name="student/two", private=True).status == 402
    hub.admin("repository-create", {"name": "student/two", "private": False})
    assert "student/one" in refusal(hub, "repository-privacy", name="student/two", private=True).message
    hub.admin("repository-create", {"name": "colleague/one", "private": True})
    hub.admin("repository-privacy", {"name": "student/one", "private": True})  # it already is: no second one
    hub.admin("repository-delete", {"name": "student/one"})
    assert hub.admin("repository-privacy", {"name": "student/two", "private": True})["private"] is True


@pytest.mark.parametrize(
    ("scope", "own", "private"),
    [
        ("repo:admin", {"pull", "push", "delete"}, {"pull", "push", "delete"}),
        ("repo:write", {"pull", "push"}, {"pull", "push"}),
        ("repo:read", {"pull"}, {"pull"}),
        ("repo:public_read", {"pull"}, set()),
    ],
)
def test_an_access_token_may_what_its_scope_says(hub: HubBackend, scope: str, own: set[str], private: set[str]) -> None:
    hub.commit_push(STUDENT, manifest("student/app", "1"))
    hub.admin("repository-create", {"name": "student/secret", "private": True})
    made = hub.admin("token-create", {"owner": "student", "name": "ci", "scope": scope, "days": None})
    identity = who(hub, "student", made["secret"])
    assert hub.rights(identity, "student/app") == own
    assert hub.rights(identity, "student/secret") == private
    assert hub.identify("colleague", made["secret"]) is None, "it is the student's"
    assert made["secret"] not in str(hub.snapshot()) and "secret" not in hub.admin("token-list", {})[0]


def test_access_tokens_expire_and_can_be_revoked(bench: Bench, hub: HubBackend) -> None:
    made = hub.admin("token-create", {"owner": "student", "name": "ci", "scope": "repo:read", "days": 1})
    kept = hub.admin("token-create", {"owner": "student", "name": "laptop", "scope": "repo:read", "days": None})
    hub.admin("token-revoke", {"token": "laptop"})
    assert hub.identify("student", kept["secret"]) is None
    assert hub.identify("student", made["secret"]) is not None
    bench.advance(days=1)
    assert hub.identify("student", made["secret"]) is None
    assert hub.admin("token-list", {})[0]["expired"] is True
    assert refusal(hub, "token-create", owner="nobody", name="x", scope="repo:read", days=1).status == 404
    assert refusal(hub, "token-create", owner="student", name="x", scope="all", days=1).status == 400
    assert refusal(hub, "token-revoke", token="laptop").status == 404


def test_immutable_tags_are_neither_moved_nor_deleted(hub: HubBackend) -> None:
    first = manifest("student/app", "1.0", "a")
    hub.commit_push(STUDENT, first)
    hub.commit_push(STUDENT, manifest("student/app", "latest", "a"))
    hub.admin("repository-immutable", {"name": "student/app", "rules": [r"^\d+\.\d+$"]})
    hub.check_push(STUDENT, first)  # the same image again changes nothing
    hub.check_push(STUDENT, manifest("student/app", "latest", "b"))
    hub.check_push(STUDENT, manifest("student/app", "2.0", "b"))
    with pytest.raises(RegistryError) as caught:
        hub.check_push(STUDENT, manifest("student/app", "1.0", "b"))
    assert (caught.value.status, caught.value.code, caught.value.message) == (403, "DENIED", IMMUTABLE)
    for tag in ("1.0", None):
        with pytest.raises(RegistryError, match="immutable"):
            hub.check_delete(STUDENT, "student/app", tag, first.digest)
    hub.check_delete(STUDENT, "student/app", "latest", first.digest)
    hub.admin("repository-immutable", {"name": "student/app", "rules": []})
    hub.check_push(STUDENT, manifest("student/app", "1.0", "b"))
    assert refusal(hub, "repository-immutable", name="student/app", rules=["("]).status == 400


@pytest.mark.parametrize(
    "rule",
    [
        "^v(?!0)",  # look-around, all four
        "^v(?=1)",
        "(?<=v)1$",
        "(?<!v)1$",
        r"^(v)\1",  # back-references
        "^(?P<a>v)(?P=a)",
        "v++",  # possessive
        "^(?>v)",  # atomic
        "^(?(1)v|w)",
        "v**",
        "v{1001}",  # more than 1000 repeats, also one in the other
        "(v{100}){11}",
        r"^v\Z",  # Python's words for RE2's \z and \x{…}
        r"\u0076",
        "(?x)v",
        "(?#comment)v",
        "(",
        "v)",
        "[",
        "[z-a]",
        "*v",
        "v\\",
        "\ud800",
    ],
)
def test_what_go_refuses_is_no_rule(hub: HubBackend, rule: str) -> None:
    """https://github.com/google/re2/wiki/Syntax"""
    hub.commit_push(STUDENT, manifest("student/app", "v1", "a"))
    refused = refusal(hub, "repository-immutable", name="student/app", rules=["^ok$", rule])
    assert refused.status == 400 and "is not a regular expression" in refused.message
    assert hub.names.attributes("student/app") == {}


@pytest.mark.parametrize(
    ("rule", "covered", "free"),
    [
        (r"^v\d+$", "v12", "v1.2"),
        (r"\Av\z", "v", "v1"),
        (r"^\Qv1.2\E$", "v1.2", "v112"),
        (r"^[[:digit:]]+$", "12", "1a"),
        (r"^\pL+$", "abc", "ab1"),
        (r"^(?P<major>\d+)\.(?:x|y)$", "1.x", "1.z"),
        (r"^(?i)V(?-i:rc)$", "vrc", "vRC"),
        (r"^\x{76}\061$", "v1", "v2"),
        (r"(?U)v.*", "xv", "x"),
        (r"\b1\b", "a-1-b", "a-11-b"),
        ("", "anything", None),
    ],
)
def test_rules_mean_what_go_means(hub: HubBackend, rule: str, covered: str, free: str | None) -> None:
    hub.commit_push(STUDENT, manifest("student/app", "v1", "a"))
    hub.admin("repository-immutable", {"name": "student/app", "rules": [rule]})
    assert hub.is_immutable("student/app", covered)
    assert free is None or not hub.is_immutable("student/app", free)


def test_a_rule_holds_no_comma(hub: HubBackend) -> None:
    """https://docs.docker.com/reference/api/hub/latest/schemas/immutable_tags_verify_request.md"""
    hub.commit_push(STUDENT, manifest("student/app", "v1", "a"))
    refused = refusal(hub, "repository-immutable", name="student/app", rules=[r"^v\d{1,3}$"])
    assert refused.status == 400 and "comma" in refused.message


def test_a_rule_takes_no_longer_for_a_tag_that_is_made_for_it(hub: HubBackend) -> None:
    hub.commit_push(STUDENT, manifest("student/app", "v1", "a"))
    hub.admin("repository-immutable", {"name": "student/app", "rules": ["^(a|a)*(a|a)*(a*)*b$"]})
    began = time.monotonic()
    assert not hub.is_immutable("student/app", "a" * 128)
    assert time.monotonic() - began < 1


def test_a_rule_from_before_still_protects(hub: HubBackend) -> None:
    """Version 0.1.0 stored rules that Docker Hub would not have taken."""
    hub.commit_push(STUDENT, manifest("student/app", "v1", "a"))
    hub.names.change_attributes("student/app", {"immutable": ["^v(?!0)", r"^w{1,3}$"]})
    assert hub.is_immutable("student/app", "v1") and not hub.is_immutable("student/app", "v0")
    assert hub.is_immutable("student/app", "ww") and hub.snapshot()["repositories"]


@pytest.mark.parametrize("rule", ["(a{900}){5}", "(?=a)" + "(a{900}){5}", "a" * 1_001, "("], ids=lambda rule: rule[:20])
def test_a_rule_from_before_that_is_not_evaluated_now_protects_every_tag(hub: HubBackend, rule: str) -> None:
    first = manifest("student/app", "v1", "a")
    hub.commit_push(STUDENT, first)
    hub.names.change_attributes("student/app", {"immutable": [rule]})
    with pytest.raises(RegistryError, match="immutability"):
        hub.check_push(STUDENT, manifest("student/app", "v1", "b"))
    with pytest.raises(RegistryError, match="immutable"):
        hub.check_delete(STUDENT, "student/app", "v1", first.digest)


def test_a_rule_has_a_length_that_can_be_evaluated(hub: HubBackend) -> None:
    hub.commit_push(STUDENT, manifest("student/app", "v1", "a"))
    began = time.process_time()
    refused = refusal(hub, "repository-immutable", name="student/app", rules=["[" + "[:" * 20_000])
    assert refused.status == 400 and "longer than 1000 characters" in refused.message
    assert time.process_time() - began < 1


def test_pulls_are_counted_by_account_or_address_and_refused_with_hubs_texts(bench: Bench, hub: HubBackend) -> None:
    image = manifest("student/app", "1")
    hub.commit_push(STUDENT, image)
    anonymous = Caller("")
    for _ in range(ANONYMOUS):
        hub.check_pull(anonymous, get("student/app", "1"), image.digest)
        headers = hub.commit_pull(anonymous, get("student/app", "1"), image.digest, image.media_type)
    assert headers["ratelimit-limit"] == "100;w=21600" and headers["ratelimit-remaining"] == "0;w=21600"
    assert headers["docker-ratelimit-source"] == "10.0.0.1"
    with pytest.raises(RegistryError) as caught:
        hub.check_pull(anonymous, get("student/app", "1"), image.digest)
    assert (caught.value.status, caught.value.code) == (429, "TOOMANYREQUESTS")
    assert caught.value.message.startswith("You have reached your unauthenticated pull rate limit.")
    hub.check_pull(anonymous, get("student/app", "1", "10.0.0.2"), image.digest)
    hub.check_pull(STUDENT, get("student/app", "1"), image.digest)
    told = hub.commit_pull(STUDENT, get("student/app", "1"), image.digest, image.media_type)
    assert told["ratelimit-limit"] == f"{PERSONAL};w=21600" and told["ratelimit-remaining"] == "199;w=21600"
    bench.advance(hours=6)
    hub.check_pull(anonymous, get("student/app", "1"), image.digest)


def test_asking_is_free_and_an_index_counts_by_its_platforms(hub: HubBackend) -> None:
    one = manifest("student/app", None, "1")
    both = index("student/app", "multi", one)
    hub.commit_push(STUDENT, one)
    hub.commit_push(STUDENT, both)
    anonymous = Caller("")
    free = hub.commit_pull(anonymous, get("student/app", "multi", method="HEAD"), both.digest, both.media_type)
    assert free["ratelimit-remaining"] == "100;w=21600"
    free = hub.commit_pull(anonymous, get("student/app", "multi"), both.digest, both.media_type)
    assert free["ratelimit-remaining"] == "100;w=21600"
    paid = hub.commit_pull(anonymous, get("student/app", one.digest), one.digest, one.media_type)
    assert paid["ratelimit-remaining"] == "99;w=21600"
    assert hub.commit_pull(Caller("publisher"), get("student/app", "multi"), both.digest, both.media_type) == {}


def test_counts_survive_the_process(bench: Bench, hub: HubBackend) -> None:
    image = manifest("student/app", "1")
    hub.commit_push(STUDENT, image)
    hub.commit_pull(Caller(""), get("student/app", "1"), image.digest, image.media_type)
    again = PullLimits(bench.database, bench.clock, "publisher")
    assert again.headers("", "10.0.0.1")["ratelimit-remaining"] == "99;w=21600"


def test_names_in_commands_are_checked(hub: HubBackend) -> None:
    for wrong in ("app", "nobody/app", "student/a/b", "student/"):
        assert refusal(hub, "repository-create", name=wrong, private=False).status in (400, 404), wrong
    assert refusal(hub, "repository-privacy", name="student/none", private=True).status == 404
    with pytest.raises(LookupError):
        hub.admin("nonsense", {})


def test_an_account_that_signed_up_logs_in_with_tokens_alone_and_can_be_forgotten(
    bench: Bench, hub: HubBackend
) -> None:
    assert hub.admin("account-create", {"name": "heron1a2b"}) == {"name": "heron1a2b", "created": True}
    assert hub.admin("account-create", {"name": "heron1a2b"}) == {"name": "heron1a2b", "created": False}
    assert "heron1a2b" in hub.admin("account-list", {}) and hub.identify("heron1a2b", "") is None
    made = hub.admin("token-create", {"owner": "heron1a2b", "name": "laptop", "scope": "repo:write", "days": 30})
    identity = who(hub, "heron1a2b", made["secret"])
    assert hub.rights(identity, "heron1a2b/app") == {"pull", "push"} and hub.rights(identity, "student/app") == set()
    hub.commit_push(Caller("heron1a2b"), manifest("heron1a2b/app", "1"))
    hub.commit_push(STUDENT, manifest("student/app", "1"))
    assert hub.admin("repository-create", {"name": "heron1a2b/own", "private": True})["private"] is True
    assert hub.admin("account-forget", {"name": "heron1a2b"}) == {"name": "heron1a2b", "gone": True}
    assert hub.admin("account-forget", {"name": "heron1a2b"}) == {"name": "heron1a2b", "gone": False}
    assert hub.admin("account-forget", {"name": "student"})["gone"] is False, "one that the installation came with"
    assert hub.identify("heron1a2b", made["secret"]) is None
    assert [entry["name"] for entry in hub.admin("repository-list", {})] == ["student/app"]
    assert hub.snapshot()["revoked"] == [] and "heron1a2b" not in hub.snapshot()["accounts"]


@pytest.mark.parametrize("name", ["abc", "Heron", "heron-1", "x" * 31, "library", ""])
def test_a_docker_id_has_a_form(hub: HubBackend, name: str) -> None:
    assert refusal(hub, "account-create", name=name).status in (400, 409)


def test_accounts_and_revoked_tokens_outlive_a_restart(bench: Bench, hub: HubBackend) -> None:
    hub.admin("account-create", {"name": "heron"})
    made = hub.admin("token-create", {"owner": "heron", "name": "laptop", "scope": "repo:write", "days": 30})
    hub.admin("token-revoke", {"token": "laptop"})
    catalog = Catalog(bench.database, "dockerhub", bench.clock)
    limits = PullLimits(bench.database, bench.clock, "publisher")
    again = HubBackend(bench.context("dockerhub", CREDENTIALS), catalog, limits)
    [gone] = again.snapshot()["revoked"]
    assert (
        gone["fingerprint"] == fingerprint(made["secret"])
        and gone["revoked"]
        and "heron" in again.snapshot()["accounts"]
    )
    assert again.identify("heron", made["secret"]) is None and again.admin("token-list", {}) == []
    assert refusal(again, "token-revoke", token="laptop").status == 404
    again.admin("token-create", {"owner": "heron", "name": "laptop", "scope": "repo:write", "days": 30})
    assert again.admin("token-revoke", {"token": "laptop"})["name"] == "laptop"


def test_only_the_last_revoked_tokens_are_remembered(hub: HubBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access_tokens, "REMEMBERED", 10)
    for n in range(15):
        hub.admin("token-create", {"owner": "student", "name": f"t{n}", "scope": "repo:read", "days": 1})
        hub.admin("token-revoke", {"token": f"t{n}"})
    names = [entry["name"] for entry in hub.snapshot()["revoked"]]
    assert names == [f"t{n}" for n in range(5, 15)]


def test_the_journal_tells_which_image_was_refused_under_which_tag(hub: HubBackend, bench: Bench) -> None:
    class Everybody(HubBackend):
        authenticate = staticmethod(lambda call: Caller("student"))
        authorise = staticmethod(lambda caller, call, action: None)

    hub.__class__ = Everybody
    hub.commit_push(STUDENT, manifest("student/app", "1.0", "a"))
    hub.admin("repository-immutable", {"name": "student/app", "rules": [r"^\d+\.\d+$"]})
    other = manifest("student/app", "1.0", "b")
    proxy = Proxy(hub, StoreClient("http://127.0.0.1:1"), bench.journal, Locks().of("dockerhub"))
    answer = Client(proxy).put("/v2/student/app/manifests/1.0", data=other.body, content_type=other.media_type)
    line = bench.journal.lines()[-1]
    assert answer.status_code == 403
    assert (line["what"], line["tag"], line["digest"]) == ("refuse", "1.0", other.digest)
