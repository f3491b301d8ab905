"""Lab 03's checks: right ways that differ, and each way to be wrong with its message. No emulator is started here."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from autograder.checks.api import Verdict
from autograder.checks.shared.seeded_random import seed
from autograder.domain import dockerhub
from autograder.evidence import emulator_state
from autograder.evidence.model import Evidence, Service
from autograder.labs import manifest
from autograder.quality import contract

from ..evidence import emulator_states
from . import solved
from .pushed import Form, Layer, Registry
from .solved import failed

LAB = manifest.find("03-docker-hub")
P = LAB.drawn(seed(b"tests", "student", "ada", LAB.slug))
ME, REPO, INTERNAL, VERSION, MOVING = (P[name] for name in ("namespace", "repository", "internal", "version", "moving"))
LAPTOP, SERVER = P["laptop"], P["server"]
LAYERS = [Layer("base", 31_700_000), Layer("weights", 8_404_417), Layer("code", 4_800)]
LATER = "2026-12-02T08:00:00.000000Z"
MINE = dockerhub.fingerprint("dckr_pat_laptop")


def token(name: str, scope: str, secret: str, **more: Any) -> dict[str, Any]:
    return {
        "id": dockerhub.fingerprint(name)[:8],
        "name": name,
        "owner": ME,
        "scopes": [scope],
        "created": emulator_states.NOW,
        "expires": LATER,
        "expired": False,
        "fingerprint": dockerhub.fingerprint(secret),
    } | more


@dataclass
class World:
    """A student's state, to be changed by a test."""

    form: Form = "docker20"
    tokens: list[dict[str, Any]] = field(default_factory=list)
    revoked: list[dict[str, Any]] = field(default_factory=list)
    answers: dict[str, Any] = field(default_factory=dict)
    private: dict[str, bool] = field(default_factory=dict)
    settings: dict[str, Any] | None = None
    pulled: str | None = emulator_states.NOW

    def __post_init__(self) -> None:
        self.registry = Registry(self.form)
        self.push(REPO, VERSION)
        self.registry.tag(REPO, VERSION, MOVING)
        self.registry.copy(REPO, INTERNAL)
        del self.registry.tags[INTERNAL][MOVING]
        self.private = {REPO: False, INTERNAL: True}
        self.tokens = [token(SERVER, "repo:read", "dckr_pat_server")]
        self.revoked = [token(LAPTOP, "repo:write", "dckr_pat_laptop", revoked=emulator_states.NOW)]
        source = dockerhub.account_id(ME)
        self.answers = {
            "stored": MINE,
            "limits": {"limit": 200, "before": 197, "after": 196, "source": source},
            "refusal": "Error response from daemon: pull access denied for x, repository does not exist or may "
            "require 'docker login': denied: requested access to the resource is denied",
        }

    def push(self, name: str, tag: str, owner: str = P["team"], version: str = VERSION) -> None:
        self.registry.push(name, tag, LAYERS, {"org.opencontainers.image.version": version, "course.owner": owner})

    def state(self) -> dict[str, Any]:
        listed = []
        for name, held in self.registry.manifests.items():
            tags = self.registry.tags.get(name, {})
            images = [
                emulator_states.image(*(t for t, d in tags.items() if d == digest), digest=digest)
                | {"pulled": self.pulled if name == REPO else None}
                for digest in held
            ]
            listed.append(emulator_states.repository(name, *images, private=self.private.get(name, False)))
        found = {
            "now": emulator_states.NOW,
            "repositories": [*listed, emulator_states.repository("library/python")],
            "accounts": ["publisher", "student", ME],
            "tokens": self.tokens,
            "revoked": self.revoked,
        }
        emulator_state.ADAPTERS["dockerhub"].validate_python(found)  # what the emulator really gives has this form
        return found

    def evidence(self) -> Evidence:
        held = self.registry.service(REPO, INTERNAL)
        settings = self.state() if self.settings is None else self.settings
        service = Service(repositories=held.repositories, settings=settings, catalog=held.catalog)
        return solved.evidence(LAB, P, services={"dockerhub": service}, answers=self.answers)

    def verdicts(self) -> dict[str, Verdict]:
        return solved.verdicts(LAB, self.evidence())

    def verdict(self, id: str) -> Verdict:
        return self.verdicts()[id]


@pytest.fixture(params=["docker20", "docker29"])
def world(request: pytest.FixtureRequest) -> World:
    """Everything done and right."""
    return World(request.param)


def passes(world: World) -> None:
    assert {id: (v.status, v.found) for id, v in world.verdicts().items()} == {id: ("passed", "") for id in LAB.points}


# Right


def test_everything_done_passes(world: World) -> None:
    passes(world)
    assert LAB.total == 8 and LAB.minutes == 35


def test_more_tags_headers_as_they_came_and_skopeos_words(world: World) -> None:
    world.registry.tag(REPO, VERSION, "latest")
    source = dockerhub.account_id(ME)
    world.answers["limits"] = {
        "limit": "200;w=21600", "before": "200;w=21600", "after": "199;w=21600", "source": f" {source} ", "window": 6,
    }  # fmt: skip
    world.answers["refusal"] = 'reading manifest: unauthorized: authentication required: "insufficient_scope"'
    passes(world)


def test_a_second_try_with_tokens_of_the_same_names(world: World) -> None:
    world.revoked.insert(
        0, token(LAPTOP, "repo:admin", "old", revoked=emulator_states.NOW, created="2026-11-01T08:00:00Z")
    )
    world.tokens.append(token(SERVER, "repo:read", "another", created=LATER))
    world.tokens.append(token("mine", "repo:admin", "x", owner="student", expires=""))
    passes(world)


def test_the_work_of_lessons_and_other_labs_does_not_matter(world: World) -> None:
    world.registry.push("student/ml-model", "1", [Layer("other", 5)], {})
    world.registry.push("colleague/app", "1", [Layer("another", 5)], {})
    passes(world)


def test_an_image_without_a_base_pushed_with_another_tool(world: World) -> None:
    made = World("docker29")
    made.registry.push(REPO, "sbom", [Layer("in-toto", 5)], {})
    passes(made)


# Wrong


@pytest.mark.parametrize(
    ("tokens", "found"),
    [
        ([], "Your account has no token."),
        ([token("laptop", "repo:write", "x")], "Your account has the token laptop."),
        ([token(LAPTOP, "repo:write", "x", owner="student")], f"A token {LAPTOP} exists, but of the account student."),
        (
            [token(LAPTOP, "repo:admin", "x")],
            f"The token {LAPTOP} may read, write and delete, more than a push needs.",
        ),
        ([token(LAPTOP, "repo:read", "x")], f"The token {LAPTOP} may read, so it cannot push."),
        ([token(LAPTOP, "repo:write", "x", expires="")], f"The token {LAPTOP} never ends."),
        ([token(LAPTOP, "repo:write", "x", expires="soon")], f"The token {LAPTOP} never ends."),
        ([token(LAPTOP, "repo:write", "x", expires="2026-12-02")], f"The token {LAPTOP} never ends."),
        (
            [token(LAPTOP, "repo:write", "x", expires="2029-11-01T08:00:00.000000Z")],
            f"The token {LAPTOP} ends 1,095 days after it was made, and who finds it has it for so long.",
        ),
    ],
)
def test_a_wrong_token(world: World, tokens: list[dict[str, Any]], found: str) -> None:
    world.tokens, world.revoked = tokens, []
    failed(world.verdict("token"), found)
    assert world.verdict("tags").status == "passed"  # what was pushed with it is judged by itself


def test_an_older_token_of_the_same_name_that_still_logs_in(world: World) -> None:
    wide = token(LAPTOP, "repo:admin", "x", created="2026-10-01T08:00:00.000000Z")
    world.tokens += [wide, token(LAPTOP, "repo:write", "y")]
    found = "may read, write and delete, more than a push needs."
    failed(world.verdict("token"), f"There are 2 tokens {LAPTOP}. The one with the id {wide['id']} {found}")


def test_a_wrong_token_that_was_revoked_and_not_made_anew(world: World) -> None:
    world.tokens, world.revoked = [], [token(LAPTOP, "repo:read", "x", revoked=emulator_states.NOW)]
    failed(world.verdict("token"), f"No token {LAPTOP} is good, and the last one may read, so it cannot push.")
    assert world.verdict("token").next_step == "Make one that may write."


def test_a_server_s_token_of_another_account(world: World) -> None:
    world.tokens = [token(SERVER, "repo:read", "x", owner="student")]
    failed(world.verdict("revoked"), f"A token {SERVER} exists, but of the account student.")


def test_wrong_tags(world: World) -> None:
    del world.registry.tags[REPO][MOVING]
    failed(world.verdict("tags"), f"The tag {MOVING} is not there.")
    world.push(REPO, MOVING, version="0.0.0")
    failed(world.verdict("tags"), f"{VERSION} and {MOVING} point at two different images.")
    world.push(REPO, VERSION, owner="nobody")
    world.registry.tag(REPO, VERSION, MOVING)
    failed(world.verdict("tags"), "The label course.owner says nobody.")
    world.push(REPO, VERSION, version="0.0.0")
    world.registry.tag(REPO, VERSION, MOVING)
    failed(world.verdict("tags"), "The label org.opencontainers.image.version says 0.0.0.")


def test_a_private_public_repository(world: World) -> None:
    world.private[REPO] = True
    failed(world.verdict("tags"), "The repository is private.")


def test_a_push_under_another_name(world: World) -> None:
    world.registry.copy(REPO, "student/ml-model")
    failed(world.verdict("own-namespace"), "The same image is in student/ml-model.")
    for names in (world.registry.tags, world.registry.manifests):
        del names["student/ml-model"]
    world.registry.copy(REPO, f"{ME}/mlmodel")
    failed(world.verdict("own-namespace"), f"There is also {ME}/mlmodel.")
    for names in (world.registry.tags, world.registry.manifests):
        del names[REPO]
    assert f"{ME}/mlmodel" in world.verdict("tags").found


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("dckr_pat_laptop", "You recorded the secret itself."),
        ("ABC", "You recorded 'ABC'."),
        (None, "You recorded None."),
        ("0" * 12, "That is the fingerprint of no token."),
        (dockerhub.fingerprint("dckr_pat_laptop\n"), "That is the fingerprint of no token."),
        (dockerhub.fingerprint("dckr_pat_server"), f"That is the token {SERVER} of {ME}."),
    ],
)
def test_a_secret_that_was_not_found(world: World, value: Any, found: str) -> None:
    world.answers["stored"] = value
    failed(world.verdict("stored"), found)


GOOD = {"limit": 200, "before": 200, "after": 199, "source": dockerhub.account_id(ME)}


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (200, "You recorded 200."),
        ({"limit": 200, "before": 200}, "It lacks after and source."),
        (GOOD | {"before": "many"}, "before is 'many'."),
        (
            GOOD | {"limit": 100, "before": 100, "after": 99, "source": "172.18.0.1"},
            "That is the limit of an address without a login.",
        ),
        (
            GOOD | {"source": "172.18.0.1"},
            "The source 172.18.0.1 is an address: that is who is counted without a login.",
        ),
        (GOOD | {"limit": 21600}, "limit is 21600."),
        (
            GOOD | {"source": dockerhub.account_id("student")},
            f"The source {dockerhub.account_id('student')} is not your account.",
        ),
    ],
)
def test_a_wrong_limit(world: World, value: Any, found: str) -> None:
    world.answers["limits"] = value
    failed(world.verdict("limit"), found)
    assert world.verdict("counted").blocked_by == "limit"


def test_a_limit_without_any_pull(world: World) -> None:
    """Numbers alone are soon written down; the emulator knows whether anything was pulled."""
    world.pulled = None
    failed(world.verdict("limit"), "Nobody has pulled an image from there yet.")
    assert "with GET" in world.verdict("limit").next_step  # an engine that kept the manifest never pulls it again


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (GOOD | {"after": 200}, "Nothing was used between before and after."),
        (GOOD | {"after": 198}, "Two were used between before and after."),
        (GOOD | {"before": 199, "after": 200}, "before is 199 and after is 200."),
        (GOOD | {"before": 201, "after": 200}, "before is 201 and after is 200."),
    ],
)
def test_a_wrong_count(world: World, value: Any, found: str) -> None:
    world.answers["limits"] = value
    assert world.verdict("limit").status == "passed"
    failed(world.verdict("counted"), found)


def test_an_attestation_that_a_pull_left_behind() -> None:
    """The task before has the image removed and pulled, so an engine pushes the image alone: the same image."""
    world = World("docker29")
    world.registry.alone(REPO, VERSION, VERSION, INTERNAL)
    assert world.registry.tags[INTERNAL][VERSION] != world.registry.tags[REPO][VERSION]
    passes(world)
    world.registry.alone(REPO, VERSION, MOVING)
    passes(world)
    world.registry.again(REPO, VERSION, MOVING)  # built anew from the cache
    passes(world)
    world.push(REPO, "other", version="9")
    world.registry.alone(REPO, "other", VERSION, INTERNAL)
    failed(world.verdict("private"), "It holds another image.")
    world.registry.alone(REPO, "other", MOVING)
    failed(world.verdict("tags"), f"{VERSION} and {MOVING} point at two different images.")


@pytest.mark.parametrize("listed", [("other", VERSION), (VERSION, "other")])
def test_an_index_that_lists_the_image_beside_another_is_not_the_image(listed: tuple[str, str]) -> None:
    world = World("docker29")
    world.push(REPO, "other", version="9")
    world.registry.together(REPO, MOVING, *listed)
    failed(world.verdict("tags"), f"{VERSION} and {MOVING} point at two different images.")


def test_a_wrong_private_repository(world: World) -> None:
    world.private[INTERNAL] = False
    failed(world.verdict("private"), "The repository is public: a push without a repository makes a public one.")
    world.private[INTERNAL] = True
    world.push(INTERNAL, VERSION, version="9")
    failed(world.verdict("private"), "It holds another image.")
    world.registry.tags[INTERNAL].clear()
    assert "no tag" in world.verdict("private").found
    for names in (world.registry.tags, world.registry.manifests):
        del names[INTERNAL]
    failed(world.verdict("private"), "There is no such repository.")
    assert world.verdict("refused").blocked_by == "private"


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("no", "You recorded 'no'."),
        (None, "You recorded None."),
        (
            f"Error response from daemon: pull access denied for {INTERNAL}, repository does not exist or may require "
            "'docker login': denied: requested access to the resource is denied",
            "That pull went to the real Docker Hub.",
        ),
        (
            'Error response from daemon: Get "https://registry-1.docker.io/v2/": dial tcp: no such host',
            "That pull went to the real Docker Hub.",
        ),
        (
            "manifest for x not found: manifest unknown",
            "That is the answer to a tag that does not exist, to someone who may look.",
        ),
        (
            "Status: Downloaded newer image for x",
            "That pull went well, so you were still logged in, or the repository was public then.",
        ),
        ("toomanyrequests: You have reached your limit", "That is the pull limit."),
        (
            'Error response from daemon: Get "http://localhost:5002/v2/": unauthorized: incorrect username or password',
            "That is a login that failed, and no pull.",
        ),
        (
            "push access denied, repository does not exist or may require authorization: server message: "
            "insufficient_scope: authorization failed",
            "That is the refusal of a push.",
        ),
        (
            f"localhost:5002/{INTERNAL}: digest: sha256:{'0' * 64} size: 528",
            "That pull went well, so you were still logged in, or the repository was public then.",
        ),
        ("Image is up to date", "That pull went well, so you were still logged in, or the repository was public then."),
        ("Content-Length: 401", "You recorded 'Content-Length: 401'."),
        ("it took 401 ms", "You recorded 'it took 401 ms'."),
        ("dial tcp 127.0.0.1:5002: connect: connection refused", "You recorded 'dial tcp 127.0.0.1:5002: connect:"),
        ("", "You recorded ''."),
    ],
)
def test_a_wrong_refusal(world: World, value: str, found: str) -> None:
    world.answers["refusal"] = value
    verdict = world.verdict("refused")
    assert verdict.status == "failed" and verdict.found.startswith(found), verdict.found


@pytest.mark.parametrize(
    "value",
    [
        f"Error response from daemon: pull access denied for localhost:5002/{INTERNAL}, repository does not exist or "
        "may require 'docker login': denied: requested access to the resource is denied",
        f'failed to resolve reference "localhost:5002/{INTERNAL}:1.0": pull access denied, repository does not exist '
        "or may require authorization: server message: insufficient_scope: authorization failed",
        '{"status":401}',
        'time="…" level=fatal msg="reading manifest 1.0: unauthorized: authentication required"',
        '{"errors":[{"code":"UNAUTHORIZED","message":"authentication required","detail":null}]}',
        {"status": 401, "body": "UNAUTHORIZED"},
        "HTTP/1.1 401 Unauthorized",
        "<Response [401]>",
    ],
)
def test_a_refusal_in_the_words_of_any_client(world: World, value: Any) -> None:
    world.answers["refusal"] = value
    assert world.verdict("refused").status == "passed"


@pytest.mark.parametrize(
    ("tokens", "revoked", "found"),
    [
        ([token(LAPTOP, "repo:write", "dckr_pat_laptop")], [], f"There is no token {SERVER}."),
        (
            [token(LAPTOP, "repo:write", "x")],
            [token(SERVER, "repo:read", "y", revoked=LATER)],
            f"{SERVER} was revoked.",
        ),
        ([token(LAPTOP, "repo:write", "x"), token(SERVER, "repo:write", "y")], [], f"{SERVER} may read and write."),
        (
            [token(LAPTOP, "repo:write", "x"), token(SERVER, "repo:public_read", "y")],
            [],
            f"{SERVER} may read public images.",
        ),
        ([token(LAPTOP, "repo:write", "x"), token(SERVER, "repo:read", "y", expires="")], [], f"{SERVER} never ends."),
        (
            [token(LAPTOP, "repo:write", "x"), token(SERVER, "repo:read", "y", expired=True)],
            [],
            f"{SERVER} has expired.",
        ),
        ([token(LAPTOP, "repo:write", "x"), token(SERVER, "repo:read", "y")], [], f"{LAPTOP} still logs in."),
        (
            [token(LAPTOP, "repo:write", "x", expired=True), token(SERVER, "repo:read", "y")],
            [],
            f"{LAPTOP} has expired, and was never revoked.",
        ),
        (
            [token(SERVER, "repo:read", "y")],
            [token("another", "repo:write", "x", revoked=LATER)],
            f"There never was a token {LAPTOP}, so none was taken back.",
        ),
    ],
)
def test_tokens_that_live_too_long(world: World, tokens: list[Any], revoked: list[Any], found: str) -> None:
    world.tokens, world.revoked = tokens, revoked
    failed(world.verdict("revoked"), found)


def test_a_submission_without_a_valid_state_gets_nothing_and_is_told(world: World) -> None:
    world.settings = {}
    assert {verdict.status for verdict in world.verdicts().values()} == {"failed"}
    failed(world.verdict("token"), "It is not there, or not in the form that the emulator gives it.")


def test_answers_that_were_never_given(world: World) -> None:
    world.answers = {}
    missing = {id for id, verdict in world.verdicts().items() if verdict.found == "No such answer is recorded."}
    assert missing == {"stored", "limit", "refused"}


# The lab


def test_parameters_are_names_that_docker_hub_takes() -> None:
    for student in map(str, range(40)):
        drawn = LAB.drawn(seed(b"x", "student", student, LAB.slug))
        assert dockerhub.USERNAME.match(drawn["namespace"]), drawn["namespace"]
        assert drawn["internal"] != drawn["repository"] and json.dumps(drawn).islower()


def test_what_only_the_students_machine_saw_is_worth_a_tenth_at_most() -> None:
    claimed = [id for id, declared in LAB.declared_checks().items() if declared.trust == "claimed"]
    assert claimed == ["counted", "refused"]
    assert sum(LAB.points[id] for id in claimed) <= LAB.total / 10


def test_the_lab_keeps_the_content_contract() -> None:
    assert [str(finding) for finding in contract.static(LAB)] == []
