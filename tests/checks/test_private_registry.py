"""Lab 05's checks: right ways that differ, and each way to be wrong with its message. No registry is started here."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from autograder.checks.api import Verdict
from autograder.checks.private_registry.data import BREAKS
from autograder.checks.shared import garbage_collection
from autograder.checks.shared.seeded_random import seed
from autograder.collect import settings_probe
from autograder.evidence.model import Evidence, File, Service
from autograder.labs import manifest
from autograder.quality import contract

from ..collect import tls
from . import solved
from .pushed import Form, Layer, Registry
from .solved import failed

LAB = manifest.find("05-private-registry")
P = LAB.drawn(seed(b"tests", "student", "ada", LAB.slug))
REPO, V1, V2 = P["repository"], P["v1"], P["v2"]
TOKENIZER = Layer("tokenizer", 300_291)
COMPOSE = tls.COMPOSE.replace("5443", str(P["port"])).replace("Images of heron-1a2b", P["realm"])
CERTIFICATE = tls.certificate([P["host"]], common_name=P["host"])
PASSWORDS = tls.line(P["user"], P["password"])
NAMES = {"compose": "compose.yaml", "crt": "certs/domain.crt", "key": "certs/domain.key", "htpasswd": "auth/htpasswd"}
GOOD = {
    "ended": False,
    "tls": None,
    "anonymous": 401,
    "challenge": f'Basic realm="{P["realm"]}"',
    "wrong": 401,
    "right": 200,
    "deleted": 202,
}
TOKENS = "That is the challenge of a registry with tokens, such as Docker Hub."
ERRORS = {
    "other-name": "curl: (60) SSL: no alternative certificate subject name matches target host name 'x'",
    "unknown-authority": "curl: (60) SSL certificate problem: self-signed certificate",
    "plain-http": "Client sent an HTTP request to an HTTPS server.",
    "no-deletion": '{"errors":[{"code":"UNSUPPORTED","message":"The operation is unsupported."}]}',
    "foreign-key": 'level=fatal msg="tls: private key does not match public key"',
    "other-hash": '{"errors":[{"code":"UNAUTHORIZED","message":"authentication required","detail":null}]}',
}


@pytest.fixture(autouse=True)
def no_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """The probe reads the files as ever; what a registry does with them is what a test says."""
    monkeypatch.setattr(settings_probe, "_run", lambda *_: World.run)


@dataclass
class World:
    """A student's state, to be changed by a test."""

    form: Form = "docker20"
    files: dict[str, str | None] = field(default_factory=dict)
    answers: dict[str, Any] = field(default_factory=dict)
    probes: dict[str, Any] | None = None
    service: Service | None = None
    when: str = (tls.NOW + timedelta(hours=1)).isoformat()
    run = GOOD

    def __post_init__(self) -> None:
        World.run = dict(GOOD)
        self.files = {"compose": COMPOSE, "crt": CERTIFICATE, "key": tls.key_pem(), "htpasswd": PASSWORDS}
        self.registry = Registry(self.form)
        self.push(V1)
        self.push(V2)
        texts = [self.registry.text(REPO, V1)]
        texts += [self.registry.manifests[REPO][c["digest"]].text for c in json.loads(texts[0]).get("manifests", ())]
        self.collect(V1)
        self.answers = {
            "challenge": GOOD["challenge"],
            "removed": texts if len(texts) > 1 else texts[0],
            "freed": self.bytes_of(texts),
            "errors": {name: ERRORS[name] for name in P["breaks"]},
        }

    def push(self, tag: str, owner: str = P["team"], version: str = "") -> None:
        labels = {"org.opencontainers.image.version": version or tag, "course.owner": owner}
        self.registry.push(REPO, tag, [TOKENIZER, Layer(f"weights {tag}", 200_270)], labels)

    def collect(self, tag: str) -> None:
        """Delete a release and all that only it has."""
        digest = self.registry.tags[REPO].pop(tag)
        children = json.loads(self.registry.manifests[REPO].pop(digest).text).get("manifests", ())
        for child in children:
            self.registry.manifests[REPO].pop(child["digest"])

    def bytes_of(self, texts: list[str]) -> int:
        parts = {part["digest"]: part["size"] for t in texts for part in self.parts(t)} | {t: len(t) for t in texts}
        return sum(size for digest, size in parts.items() if digest != TOKENIZER.digest)

    @staticmethod
    def parts(text: str) -> list[dict[str, Any]]:
        document = json.loads(text)
        return [document["config"], *document["layers"]] if "config" in document else []

    def evidence(self) -> Evidence:
        files = {
            NAMES[part]: File(size=len(text), sha256=hashlib.sha256(text.encode()).hexdigest(), text=text)
            for part, text in self.files.items()
            if text is not None
        }
        facts = settings_probe.probe(files, P)
        service = self.service or self.registry.service(REPO)
        made = solved.evidence(
            LAB,
            P,
            services={"private": service},
            answers=self.answers,
            probes={"settings": facts} if self.probes is None else self.probes,
        )
        return made.model_copy(update={"files": files, "collected_at": self.when})

    def verdicts(self) -> dict[str, Verdict]:
        return solved.verdicts(LAB, self.evidence())

    def verdict(self, id: str) -> Verdict:
        return self.verdicts()[id]


@pytest.fixture
def world() -> World:
    """Everything done and right."""
    return World()


def passes(world: World) -> None:
    assert {id: (v.status, v.found) for id, v in world.verdicts().items()} == {id: ("passed", "") for id in LAB.points}


# Right


@pytest.mark.parametrize("form", ["docker20", "docker29"])
def test_everything_done_passes(form: Form) -> None:
    passes(World(form))
    assert LAB.total == 9 and LAB.minutes == 75


def test_a_star_a_list_of_settings_another_port_inside_and_a_folder_for_the_data(world: World) -> None:
    world.files["crt"] = tls.certificate([f"*.{P['team']}.test", "localhost"], addresses=["127.0.0.1"])
    world.files["compose"] = f"""
name: mine
services:
  images:
    image: docker.io/library/registry:2.8.3
    ports:
      - target: 443
        published: "{P["port"] + 7}"
        host_ip: 127.0.0.1
    environment:
      - REGISTRY_HTTP_ADDR=:443
      - REGISTRY_HTTP_TLS_CERTIFICATE=/keys/certs/domain.crt
      - REGISTRY_HTTP_TLS_KEY=/keys/certs/domain.key
      - REGISTRY_AUTH=htpasswd
      - REGISTRY_AUTH_HTPASSWD_PATH=/keys/auth/htpasswd
      - REGISTRY_AUTH_HTPASSWD_REALM={P["realm"]}
      - REGISTRY_STORAGE_DELETE_ENABLED=true
      - REGISTRY_LOG_LEVEL=debug
    volumes:
      - .:/keys:ro
      - ./data:/var/lib/registry
"""
    passes(world)


def test_an_authority_of_ones_own_a_second_user_apaches_prefix_and_any_free_port(world: World) -> None:
    own = tls.certificate([P["host"]], issuer=("My authority", "ec-authority"))
    world.files["crt"] = own + tls.certificate(["authority"], which="ec-authority", common_name="My authority", ca=True)
    world.files["htpasswd"] = "# the team\n" + PASSWORDS.replace("$2b$", "$2y$") + tls.line("second", "other")
    world.files["compose"] = COMPOSE.replace(f"127.0.0.1:{P['port']}:5000", "127.0.0.1::5000")
    passes(world)


def test_windows_line_ends_and_an_rsa_key(world: World) -> None:
    world.files |= {"crt": tls.certificate([P["host"]], which="rsa"), "key": tls.key_pem("rsa")}
    world.files = {part: (text or "").replace("\n", "\r\n") for part, text in world.files.items()}
    passes(world)


@pytest.mark.parametrize("more", [0, 1, 60])
def test_what_du_says_counts_as_bytes(world: World, more: int) -> None:
    world.answers["freed"] = (world.answers["freed"] // 1024 + 1 + more) * 1024
    passes(world)


def test_the_header_as_a_whole_and_errors_of_other_programs(world: World) -> None:
    world.answers["challenge"] = f'WWW-Authenticate:  Basic  realm="{P["realm"]}"'
    others = {
        "other-name": "ssl.SSLCertVerificationError: Hostname mismatch, certificate is not valid for 'x'.",
        "unknown-authority": "x509: certificate signed by unknown authority",
        "plain-http": "HTTP/1.0 400 Bad Request",
        "no-deletion": "405",
        "foreign-key": "tls: private key does not match public key",
        "other-hash": "Error response from daemon: login attempt failed with status: 401 Unauthorized",
    }
    world.answers["errors"] = {name: others[name] for name in P["breaks"]} | {"more": "than asked"}
    passes(world)


def test_every_break_is_known_by_its_own_error_alone() -> None:
    for name in BREAKS:
        assert [id for id, found in BREAKS.items() if re.search(found.pattern, ERRORS[name].lower())] == [name]


# Wrong: the certificate


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        ({"crt": None}, "There is no certs/domain.crt."),
        ({"key": None}, "There is no certs/domain.key."),
        ({"crt": "nonsense"}, "certs/domain.crt cannot be used: it is no certificate in PEM form"),
        ({"key": tls.key_pem(passphrase=b"x")}, "certs/domain.key cannot be used: it is encrypted"),
        ({"crt": CERTIFICATE + tls.key_pem()}, "certs/domain.crt cannot be used: it holds a private key as well"),
        ({"crt": tls.certificate([], common_name=P["host"])}, f"{P['host']} is its common name (CN) alone, and"),
        ({"crt": tls.certificate([], common_name="x")}, "It has no DNS name in a subjectAltName."),
        (
            {"crt": tls.certificate(["localhost", "registry.test"])},
            "Its subjectAltName holds localhost and registry.test, and not",
        ),
        ({"crt": tls.certificate([f"{P['host']}:443"])}, f"Its subjectAltName holds {P['host']}:443."),
        ({"crt": tls.certificate(["*.test"])}, f"Its subjectAltName holds *.test, and not {P['host']}."),
        ({"crt": tls.certificate([P["host"]], begins=tls.NOW - timedelta(days=90))}, "It expired on 2025-11-02."),
        (
            {"crt": tls.certificate([P["host"]], begins=tls.NOW + timedelta(days=1))},
            "It is not valid before 2026-01-02T00:00",
        ),
        ({"key": tls.key_pem("ec-other")}, "The key does not belong to the certificate."),
        (
            {"crt": tls.certificate([P["host"]], which="ec-b", issuer=("CA", "ec")) + tls.certificate(["ca"])},
            "The key belongs to a later certificate in the file.",
        ),
    ],
)
def test_a_wrong_certificate(world: World, changed: dict[str, str | None], found: str) -> None:
    world.files |= changed
    verdict = world.verdict("certificate")
    assert verdict.status == "failed" and verdict.found.startswith(found), verdict.found
    assert verdict.expected and verdict.next_step
    assert world.verdict("runs").blocked_by == "certificate"


def test_a_submission_without_a_usable_time_is_not_judged_by_it(world: World) -> None:
    world.files["crt"] = tls.certificate([P["host"]], begins=datetime(2001, 1, 1, tzinfo=UTC))
    world.when = "yesterday"
    assert world.verdict("certificate").status == "passed"


# Wrong: the passwords


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (None, "There is no auth/htpasswd."),
        ("", f"It has no line for {P['user']}."),
        ("nonsense\n", "auth/htpasswd cannot be used: line 1 is not USER:HASH."),
        (tls.line("admin", P["password"]), f"It has no line for {P['user']}, but one for 'admin'."),
        (tls.line(f"{P['user']} ", P["password"]), f"It has no line for {P['user']}, but one for '{P['user']} '."),
        (f"{P['user']}:b'{PASSWORDS.strip().partition(':')[2]}'\n", "The hash is there as Python shows bytes"),
        (f"{P['user']}:{{SHA}}5en6G6MezRroT3XKqkdPOmY/BfQ=\n", f"Behind {P['user']} stands a SHA-1 hash."),
        (f"{P['user']}:$apr1$abc$def\n", f"Behind {P['user']} stands a MD5 hash."),
        (f"{P['user']}:letmein\n", f"Behind {P['user']} stands nothing that is a hash."),
        (f"{P['user']}:{P['password']}\n", "auth/htpasswd holds it."),
        (tls.line(P["user"], P["password"] + "\n"), "The hash is of another password."),
        (PASSWORDS.replace("$04$", "$16$"), f"The hash of {P['user']} has the cost 16: each login would take 16 times"),
    ],
)
def test_a_wrong_password_file(world: World, text: str | None, found: str) -> None:
    world.files["htpasswd"] = text
    verdict = world.verdict("passwords")
    assert verdict.status == "failed" and verdict.found.startswith(found), verdict.found
    assert verdict.expected and verdict.next_step


def test_of_two_lines_for_the_user_the_last_counts(world: World) -> None:
    other = tls.line(P["user"], "another")
    world.files["htpasswd"] = other + PASSWORDS
    assert world.verdict("passwords").status == "passed"
    world.files["htpasswd"] = PASSWORDS + other
    found = f"It has 2 lines for {P['user']}, and the last one counts. The hash is of another password."
    failed(world.verdict("passwords"), found)


def test_a_password_in_the_settings(world: World) -> None:
    world.files["compose"] = f"# {P['user']} logs in with {P['password']}\n{COMPOSE}"
    failed(world.verdict("passwords"), "compose.yaml holds it.")


# Wrong: the settings


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        (None, None, "There is no compose.yaml."),
        ("services:", "services", "compose.yaml: line 2: mapping values are not allowed here."),
        (
            f'"127.0.0.1:{P["port"]}:5000"',
            f'"{P["port"]}:5000"',
            "It is published on every address of your machine (port",
        ),
        (f'"127.0.0.1:{P["port"]}:5000"', '"0.0.0.0::5000"', "It is published on 0.0.0.0: your network reaches it."),
        (f'    ports:\n      - "127.0.0.1:{P["port"]}:5000"\n', "", "It publishes no port, so nothing outside"),
        (":5000", ":443", "It publishes the container's port 443, and the registry listens on 5000 there."),
        ("      REGISTRY_AUTH: htpasswd\n", "", "REGISTRY_AUTH is not set, so nobody is asked for a login."),
        (P["realm"], "Registry", "REGISTRY_AUTH_HTPASSWD_REALM is 'Registry'."),
        (f"      REGISTRY_AUTH_HTPASSWD_REALM: {P['realm']}\n", "", "REGISTRY_AUTH_HTPASSWD_REALM is not set."),
        ('"true"', '"false"', "REGISTRY_STORAGE_DELETE_ENABLED is false."),
        ('      REGISTRY_STORAGE_DELETE_ENABLED: "true"\n', "", "REGISTRY_STORAGE_DELETE_ENABLED is not set."),
        ("      REGISTRY_HTTP_TLS_KEY: /certs/domain.key\n", "", "REGISTRY_HTTP_TLS_KEY is not set."),
        ("TLS_KEY: /certs/", "TLS_KEY: /ssl/", "REGISTRY_HTTP_TLS_KEY is /ssl/domain.key, and no file"),
        ("/certs/domain.crt", "/certs/registry.crt", "REGISTRY_HTTP_TLS_CERTIFICATE leads to certs/registry.crt, not"),
        ("      - registry-data:/var/lib/registry\n", "", "Nothing is mounted where the registry"),
        ("registry-data:/var/lib/registry", "/var/lib/registry", "Nothing is mounted where the registry"),
        ("registry:2", "registry", "compose.yaml: 'registry' does not say which version."),
        ("    restart: always", "    command: serve", "compose.yaml: it holds services.registry.command"),
        ("registry:2", "registry:3", "The image is registry:3."),
        ("registry:2", "registry:3.0.0", "The image is registry:3.0.0."),
        ("registry:2", "registry:2-alpine", "The image is registry:2-alpine."),
        ("registry:2", "docker.io/library/registry:20", "The image is docker.io/library/registry:20."),
        ('"127.0.0.1:', '"[::1]:', "It is published on ::1 (port"),
        ('"127.0.0.1:', '"127.0.0.2:', "It is published on 127.0.0.2 (port"),
        (
            f'"127.0.0.1:{P["port"]}:5000"',
            f'"127.0.0.1:{P["port"]}:5000"\n      - "[::1]:{P["port"]}:5000"',
            "It is published on ::1 (port",
        ),
        (
            f'"127.0.0.1:{P["port"]}:5000"',
            f"{{target: 5000, published: {P['port']}, host_ip: '::1'}}",
            "It is published on ::1 (port",
        ),
        (
            "/var/lib/registry\n",
            "/var/lib/registry:ro\n",
            "What is mounted where the registry keeps its data is read-o",
        ),
        (
            "registry-data:/var/lib/registry\n",
            "{type: volume, source: registry-data, target: /var/lib/registry, read_only: true}\n",
            "What is mounted where the registry keeps its data is read-only",
        ),
        (
            "registry-data:/var/lib/registry\n",
            "registry-data:/var/lib/registry\n      - ./data:/var/lib/registry/docker:ro\n",
            "What is mounted where the registry keeps its data is read-only",
        ),
        ("./certs:/certs", "/etc/ssl:/certs", "compose.yaml: it mounts '/etc/ssl' of this machine."),
    ],
)
def test_wrong_settings(world: World, old: str | None, new: str | None, found: str) -> None:
    world.files["compose"] = None if old is None else COMPOSE.replace(old, str(new))
    verdict = world.verdict("settings")
    assert verdict.status == "failed" and verdict.found.startswith(found), verdict.found
    assert verdict.expected and verdict.next_step
    assert world.verdict("certificate").status == "passed"  # judged by itself


EXTENSION = f"x-tls: &tls\n  REGISTRY_AUTH: htpasswd\n  REGISTRY_AUTH_HTPASSWD_REALM: {P['realm']}\n"


@pytest.mark.parametrize(
    "compose",
    [
        EXTENSION + COMPOSE.replace("    environment:\n", "    environment:\n      <<: *tls\n"),
        EXTENSION + COMPOSE.replace("      REGISTRY_AUTH: htpasswd\n", "      <<: *tls\n"),
        "x-any: &any {restart: always}\n" + COMPOSE.replace("restart: always", "<<: *any"),
        COMPOSE.replace("registry:2", "registry:2.8"),
        COMPOSE.replace("registry:2", "registry:2.8.3@sha256:" + "a" * 64),
        COMPOSE.replace('"true"', "true"),
        COMPOSE.replace(":/auth:ro", ":/auth:ro,Z"),
    ],
    ids=range(7),
)
def test_legal_forms_of_compose(world: World, compose: str) -> None:
    world.files["compose"] = compose
    passes(world)


def test_evidence_of_an_earlier_kit_says_nothing_of_writing(world: World) -> None:
    facts = world.evidence().probes["settings"]
    assert isinstance(facts, dict)
    del facts["compose"]["stores"]  # type: ignore[index, union-attr, arg-type]
    assert "stored" not in facts["run"]  # type: ignore[operator]
    world.probes = {"settings": facts}
    passes(world)


# Wrong: what a registry does with them


@pytest.mark.parametrize(
    ("seen", "found"),
    [
        ({"ended": True, "said": "open /x: no such file"}, "It ended at once and said: open /x: no such file"),
        ({"tls": "Hostname mismatch"}, "The TLS handshake failed: Hostname mismatch."),
        ({"anonymous": 200}, "Without a login it answers 200."),
        ({"wrong": 200}, "With a wrong password it answers 200."),
        ({"right": 401}, "With your password it answers 401."),
        ({"stored": 500}, "A push is answered with 500."),
        ({"deleted": 405}, "A deletion is answered with 405."),
    ],
)
def test_a_registry_that_does_something_else(world: World, seen: dict[str, Any], found: str) -> None:
    World.run = GOOD | seen
    failed(world.verdict("runs"), found)
    assert world.verdict("pushed").status == world.verdict("freed").status == "passed"  # its own state


@pytest.mark.parametrize("seen", [{}, {"ended": True, "said": "x"}, {"ended": False, "tls": "x"}])
def test_a_challenge_cannot_be_compared_before_a_registry_asks_for_a_login(world: World, seen: dict[str, Any]) -> None:
    World.run = seen
    assert world.verdict("challenge").found.startswith("A registry with your files asks for no login yet")
    world.files["htpasswd"] = None
    assert world.verdict("challenge").found.startswith("A registry with your files asks for no login yet")


@pytest.mark.parametrize("probes", [{}, {"settings": {"fault": "no engine"}}])
def test_a_probe_that_failed_is_never_a_zero(world: World, probes: dict[str, Any]) -> None:
    world.probes = probes
    verdicts = world.verdicts()
    judged = {"pushed", "freed", "breaks"}  # they rest on the student's registry and answers
    assert {verdicts[id].status for id in LAB.points if id not in judged} == {"not_graded"}
    assert {verdicts[id].status for id in judged} == {"passed"}


# Wrong: the answers


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (401, "You recorded 401."),
        (P["realm"], "That is the realm alone."),
        ('{"errors":[{"code":"UNAUTHORIZED"}]}', "That is the body of the answer."),
        ('Bearer realm="https://auth.docker.io/token"', TOKENS),
        ('Basic realm="Registry"', 'You recorded “Basic realm="Registry"”.'),
        ("HTTP/2 401", "You recorded “HTTP/2 401”."),
        ("Basic", "That is the kind of login alone."),
    ],
)
def test_a_wrong_challenge(world: World, value: Any, found: str) -> None:
    world.answers["challenge"] = value
    failed(world.verdict("challenge"), found)


def test_a_challenge_without_its_quotation_marks(world: World) -> None:
    world.answers["challenge"] = f"Basic realm={P['realm']}"
    assert "quotation marks" in world.verdict("challenge").next_step


def test_a_key_with_a_passphrase_is_made_anew_with_its_certificate(world: World) -> None:
    """A new key alone would not fit the certificate."""
    world.files["key"] = tls.key_pem(passphrase=b"x")
    assert world.verdict("certificate").next_step == (
        "Make certificate and key anew, in one go and without a passphrase."
    )


def test_a_registry_that_does_not_run_is_told(world: World) -> None:
    world.service = Service(settings={"problem": "no answer: the connection was refused"})
    failed(world.verdict("pushed"), "It could not be read: no answer: the connection was refused.")
    assert world.verdict("freed").blocked_by == "pushed" and world.verdict("runs").status == "passed"


def test_wrong_pushes(world: World) -> None:
    world.registry.tags[REPO].clear()
    assert "no tag" in world.verdict("pushed").found
    world.push(V2, owner="nobody")
    failed(world.verdict("pushed"), "The label says nobody.")
    world.push(V2, version="0.0.0")
    failed(world.verdict("pushed"), "The label says 0.0.0.")
    world.service = Service(catalog=("ml-model",))
    assert "ml-model is" in world.verdict("pushed").found


def test_the_first_release_is_still_there(world: World) -> None:
    world.push(V1)
    failed(world.verdict("freed"), f"{V1} is still there.")


def parts(world: World) -> tuple[str, int, int]:
    text = str(world.answers["removed"])
    return text, len(text), json.loads(text)["config"]["size"]


@pytest.mark.parametrize(
    ("count", "found"),
    [
        (lambda t, m, c: 0, "nothing. Deleting frees nothing yet; collecting does."),
        (lambda t, m, c: m + c + 500_561, "the whole release. The layer that the second release lists as well stayed."),
        (lambda t, m, c: c + 500_561, "the whole release. The layer that the second release lists as well stayed."),
        (lambda t, m, c: 500_561, "all its layers. The one that the second release lists as well stayed."),
        (lambda t, m, c: 200_270, "its own layer alone. Config and manifest are blobs, too."),
        (lambda t, m, c: c + 200_270, "right but for the manifest, which is a blob, too."),
        (lambda t, m, c: 3, "how many blobs went, not their bytes."),
        (lambda t, m, c: 248, "a number of kibibytes, it seems. Bytes are asked for."),
    ],
)
def test_miscounted_bytes(world: World, count: Any, found: str) -> None:
    world.answers["freed"] = count(*parts(world))
    failed(world.verdict("freed"), f"You recorded {world.answers['freed']:,}: that is {found}")


@pytest.mark.parametrize(
    ("removed", "found"),
    [
        ({"layers": []}, "You recorded {'layers': []}."),
        ("sha256:" + "0" * 64, "That is a digest."),
        ("hello", "That is no manifest: "),
        ([], "You recorded []."),
    ],
)
def test_no_manifest_was_kept(world: World, removed: Any, found: str) -> None:
    world.answers["removed"] = removed
    assert world.verdict("freed").found.startswith(found)


def test_the_manifest_of_the_release_that_stays_or_one_written_anew(world: World) -> None:
    text = world.answers["removed"]
    world.answers["removed"] = world.registry.text(REPO, V2)
    assert world.verdict("freed").found == f"That manifest is still in your registry: it is that of {V2}."
    world.answers["removed"] = json.dumps(json.loads(text))
    assert "json.dumps" in world.verdict("freed").found


def test_an_index_without_its_children() -> None:
    world = World("docker29")
    world.answers["removed"] = world.answers["removed"][0]
    assert world.verdict("freed").found.startswith("That is an index.")


@pytest.mark.parametrize("value", ["much", True, None])
def test_freed_is_a_number(world: World, value: Any) -> None:
    world.answers["freed"] = value
    assert world.verdict("freed").found == f"You recorded {value!r}."


def test_answers_that_were_never_given(world: World) -> None:
    world.answers = {}
    verdicts = world.verdicts()
    assert {id for id, v in verdicts.items() if v.found == "No such answer is recorded."} == {
        "challenge",
        "freed",
        "breaks",
    }


STATUSES = (
    "400",
    "HTTP/1.1 400 Bad Request",
    "<Response [400]>",
    "HTTP 400.",
    "curl: (22) error: 400",
    "status=400,",
    '{"status":400}',
)
NO_STATUSES = (
    *("", "it did not work", "HTTP/1.1 200 OK", "Content-Length: 400", "400 ms", "400 bytes", "it took 0.400 s"),
    *("localhost:400", "1400", "4000", "10:400:20", "curl: (7) Failed to connect: Connection refused", "400 KiB"),
)


@pytest.mark.parametrize("name", ["plain-http", "no-deletion", "other-hash"])
def test_a_status_and_a_number_that_is_none(name: str) -> None:
    number = {"plain-http": "400", "no-deletion": "405", "other-hash": "401"}[name]
    for text in STATUSES:
        assert re.search(BREAKS[name].pattern, text.replace("400", number).lower()), text
    for text in NO_STATUSES:
        assert not re.search(BREAKS[name].pattern, text.replace("400", number).lower()), text


@pytest.mark.parametrize("name", BREAKS)
def test_an_error_of_another_break_or_the_task_itself_shows_nothing(name: str) -> None:
    """Of what can be told apart: a wrong hash and a missing login are both answered with 401."""
    texts = [error for other, error in ERRORS.items() if other != name]
    texts += [known.task.format(other="other.heron.test") for known in BREAKS.values()]
    texts += [
        "200",
        "HTTP/2 200",
        "connection reset by peer",
        "i/o timeout",
        "no such host",
        "x509: certificate has expired",
    ]
    for text in texts:
        assert not re.search(BREAKS[name].pattern, text.lower()), text


def test_wrong_errors(world: World) -> None:
    first, second, third = P["breaks"]
    world.answers["errors"] = "all"
    failed(world.verdict("breaks"), "You recorded 'all'.")
    world.answers["errors"] = {first: ERRORS[first]}
    failed(world.verdict("breaks"), f"{second} is missing.")
    world.answers["errors"] = {first: ERRORS[second], second: "it did not work", third: ""}
    verdict = world.verdict("breaks")
    assert [row[2] for row in verdict.table[1:]] == [
        f"this one means: {BREAKS[second].means}", "none of the errors that this break gives", "nothing recorded",
    ]  # fmt: skip
    world.answers["errors"] = {first: ERRORS[first], second: ERRORS[second], third: {"not": "a text"}}
    failed(world.verdict("breaks"), f"The error of {third} reads otherwise.")


# The lab


def test_parameters_are_usable_names() -> None:
    seen = set()
    for student in map(str, range(60)):
        drawn = LAB.drawn(seed(b"x", "student", student, LAB.slug))
        assert 5000 < drawn["port"] < drawn["spare_port"] < 6000 and len(drawn["breaks"]) == 3
        seen |= set(drawn["breaks"])
        assert all("{" not in text for text in drawn["breaks"].values())
    assert seen == set(BREAKS)


def test_what_du_may_add_hides_no_shared_layer() -> None:
    assert TOKENIZER.size // 2 > garbage_collection.DU_SLACK


def test_the_lab_keeps_the_content_contract() -> None:
    assert [str(finding) for finding in contract.static(LAB)] == []


def test_what_only_the_students_machine_saw_is_worth_a_tenth_at_most() -> None:
    claimed = [id for id, declared in LAB.declared_checks().items() if declared.trust == "claimed"]
    assert claimed == ["freed", "breaks"]
    assert sum(LAB.points[id] for id in claimed) <= LAB.total / 10
