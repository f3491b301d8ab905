"""The settings probe: what a real throw-away registry does with right settings, with wrong and with hostile ones."""

from __future__ import annotations

import hashlib
import socket
from typing import Any

import pytest

from autograder.collect import settings_probe
from autograder.evidence.model import File
from autograder.services import orphans
from autograder.services.throwaway import ProbeFault, ThrowAwayRegistry

from .tls import COMPOSE, HOST, certificate, key_pem, line

ME = {"host": HOST, "user": "ci", "password": "secret"}


def file(text: str) -> File:
    return File(size=len(text), sha256=hashlib.sha256(text.encode()).hexdigest(), text=text)


def files(**changed: str | None) -> dict[str, File]:
    """Everything right, with parts replaced (None: not there): compose, crt, key, htpasswd."""
    made: dict[str, str | None] = {
        "compose": COMPOSE,
        "crt": certificate(),
        "key": key_pem(),
        "htpasswd": line("ci", "secret"),
    }
    names = {
        "compose": "compose.yaml",
        "crt": "certs/domain.crt",
        "key": "certs/domain.key",
        "htpasswd": "auth/htpasswd",
    }
    return {names[part]: file(text) for part, text in (made | changed).items() if text is not None}


class NeverStarted:
    """Notes that somebody wanted to start a registry."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, **settings: Any) -> ThrowAwayRegistry:
        self.asked += 1
        raise ProbeFault("no engine")


def facts(**changed: str | None) -> dict[str, Any]:
    """The facts of files that must not be run."""
    start = NeverStarted()
    found: dict[str, Any] = settings_probe.probe(files(**changed), ME, start)
    assert found["run"] is None and start.asked == 0
    return found


def test_nothing_is_there_yet():
    nothing = settings_probe.probe({}, ME, NeverStarted())
    assert nothing == {"compose": None, "certificate": None, "key": None, "passwords": None, "run": None}
    assert facts(compose=None)["certificate"]["names"] == [HOST] and facts(key=None)["key"] is None
    assert facts(crt=None)["key"]["fits"] is False and facts(htpasswd=None)["passwords"] is None


@pytest.mark.parametrize(
    "compose",
    [
        COMPOSE.replace("    restart: always\n", "    privileged: true\n"),
        COMPOSE.replace("    restart: always\n", "    command: [sh, -c, 'cat /etc/shadow']\n"),
        COMPOSE.replace("registry:2", "evil/miner:1"),
        COMPOSE.replace("./certs:/certs:ro", "/:/host"),
        COMPOSE.replace("./certs:/certs:ro", "/var/run/docker.sock:/docker.sock"),
        COMPOSE.replace('REGISTRY_STORAGE_DELETE_ENABLED: "true"', "REGISTRY_STORAGE_S3_BUCKET: x"),
        COMPOSE.replace('REGISTRY_STORAGE_DELETE_ENABLED: "true"', "REGISTRY_PROXY_REMOTEURL: http://169.254.169.254"),
        COMPOSE.replace(
            'REGISTRY_STORAGE_DELETE_ENABLED: "true"', "REGISTRY_NOTIFICATIONS_ENDPOINTS: '[{url: http://x}]'"
        ),
        COMPOSE.replace("restart: always", "network_mode: host"),
        "a: &a [x, x]\nb: &b [*a, *a]\n",
        "x" * 100_000,
        "\0",
    ],
    ids=range(12),
)
def test_a_hostile_compose_file_is_told_and_never_run(compose):
    problem = facts(compose=compose)["compose"]["problem"]
    assert problem["expected"] and problem["found"].startswith("compose.yaml") and problem["next_step"]


def test_files_that_could_cost_the_grader_are_never_run():
    hashed = line("ci", "secret").replace("$04$", "$31$")
    assert facts(htpasswd=hashed)["passwords"]["users"]["ci"] == {"scheme": "bcrypt", "cost": 31}
    assert facts(htpasswd=line("other", "x").replace("$04$", "$13$") + line("ci", "secret"))["run"] is None
    assert "more than" in facts(htpasswd="u:x\n" * 10_000)["passwords"]["error"]
    assert "more than" in facts(crt=certificate() * 40)["certificate"]["error"]
    assert "encrypted" in facts(key=key_pem(passphrase=b"x"))["key"]["error"]


def test_a_file_that_is_no_text_has_an_error():
    broken = files() | {"certs/domain.crt": File(size=9, sha256="", text=None)}
    found = settings_probe.probe(broken, ME, NeverStarted())
    assert "error" in found["certificate"] and found["run"] is None


def test_an_engine_that_fails_is_a_fault_and_not_remembered():
    start = NeverStarted()
    for _ in range(2):
        with pytest.raises(ProbeFault):
            settings_probe.probe(files(), ME, start)
    assert start.asked == 2


def test_the_registry_gets_names_of_ours_for_the_files_and_nothing_of_the_machine():
    seen: dict[str, Any] = {}

    def start(**settings: Any) -> ThrowAwayRegistry:
        seen.update(settings)
        raise ProbeFault("enough")

    more = (
        "      REGISTRY_HTTP_HOST: https://elsewhere.test\n      REGISTRY_LOG_LEVEL: debug\n"
        "      REGISTRY_HTTP_SECRET: abc\n      REGISTRY_HTTP_ADDR: :443\n"
    )
    text = COMPOSE.replace("/certs/domain.crt", "/entrypoint.sh").replace(
        "    environment:\n", "    environment:\n" + more
    )
    with pytest.raises(ProbeFault):
        settings_probe.probe(files(compose=text), ME, start)
    assert seen["port"] == 443 and seen["read_only"] is False and set(seen["files"]) == {
        "/course/certs/domain.crt", "/course/certs/domain.key", "/course/auth/htpasswd",
    }  # fmt: skip
    assert seen["environment"] == {
        "REGISTRY_AUTH": "htpasswd",
        "REGISTRY_AUTH_HTPASSWD_REALM": "Images of heron-1a2b",
        "REGISTRY_AUTH_HTPASSWD_PATH": "/course/auth/htpasswd",
        "REGISTRY_HTTP_TLS_CERTIFICATE": "/course/certs/domain.crt",
        "REGISTRY_HTTP_TLS_KEY": "/course/certs/domain.key",
        "REGISTRY_STORAGE_DELETE_ENABLED": "true",
        "REGISTRY_HTTP_ADDR": ":443",
    }


# With a real registry

GOOD = {
    "ended": False,
    "tls": None,
    "anonymous": 401,
    "challenge": 'Basic realm="Images of heron-1a2b"',
    "wrong": 401,
    "right": 200,
    "stored": 201,
    "deleted": 202,
}


def run(**changed: str | None) -> dict[str, Any]:
    found: Any = settings_probe.probe(files(**changed), ME)["run"]
    return dict(found)


@pytest.mark.engine
@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"crt": certificate(which="rsa"), "key": key_pem("rsa")},
        {
            "crt": certificate(which="ed25519", days=1),
            "key": key_pem("ed25519"),
        },  # over long ago; judged elsewhere
        {"crt": certificate(issuer=("CA", "ec-ca")) + certificate(["ca"], which="ec-ca", common_name="CA", ca=True)},
        {"compose": COMPOSE.replace("    environment:\n", "    environment:\n      REGISTRY_HTTP_ADDR: 0.0.0.0:443\n")},
        {"htpasswd": "# team\r\n" + line("ci", "secret").replace("$2b$", "$2y$").replace("\n", "\r\n")},
        {
            "compose": COMPOSE.replace(
                "    environment:\n", "    environment:\n      REGISTRY_HTTP_TLS_MINIMUMTLS: tls1.3\n"
            )
        },
    ],
    ids=["as the lesson", "RSA", "expired Ed25519", "an authority of one's own", "port 443", "Windows", "TLS 1.3"],
)
def test_right_settings_in_many_forms(changed):
    assert run(**changed) == GOOD


@pytest.mark.engine
def test_a_registry_that_cannot_write_takes_no_push():
    seen = run(compose=COMPOSE.replace("registry-data:/var/lib/registry", "registry-data:/var/lib/registry:ro"))
    assert seen["right"] == 200 and seen["stored"] >= 500 and "deleted" not in seen


class ListensThenEnds:
    """Took a connection, then ended: nothing answers on its port any more."""

    def __init__(self, **settings: Any) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]

    def listens(self) -> bool:
        return True

    def ended(self) -> bool:
        return True

    def log(self) -> str:
        return 'level=fatal msg="tls: private key does not match public key"'

    def stop(self) -> None:
        pass


def test_a_registry_that_ends_after_it_took_a_connection_has_ended():
    start: Any = ListensThenEnds
    seen: Any = settings_probe.probe(files(), ME, start)["run"]
    assert seen["ended"] is True and "private key does not match public key" in seen["said"]


@pytest.mark.engine
def test_wrong_settings_show():
    assert "mismatch" in run(crt=certificate(["other.test"]))["tls"].lower()
    assert run(crt=certificate([]))["tls"]  # the common name alone does not count
    ended = run(key=key_pem("ec-other"))
    assert ended["ended"] and "private key does not match public key" in ended["said"]
    assert run(htpasswd="ci:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n")["right"] == 401
    assert run(htpasswd=line("ci", "other"))["right"] == 401
    assert run(htpasswd="")["right"] == 401
    assert run(compose=COMPOSE.replace('ENABLED: "true"', 'ENABLED: "false"'))["deleted"] == 405
    assert run(compose=COMPOSE.replace('      REGISTRY_STORAGE_DELETE_ENABLED: "true"\n', ""))["deleted"] in (202, 405)
    open_door = "\n".join(text for text in COMPOSE.splitlines() if "AUTH" not in text)
    assert run(compose=open_door)["anonymous"] == 200
    plain = "\n".join(text for text in COMPOSE.splitlines() if "TLS" not in text)
    assert run(compose=plain)["tls"]
    assert "realm" in run(compose="\n".join(t for t in COMPOSE.splitlines() if "REALM" not in t))["said"]


@pytest.mark.engine
def test_nothing_stays_behind(engine):
    run()
    label = {"label": f"{orphans.OWNER_LABEL}={orphans.owner().name}"}
    assert [c for c in engine.api.containers(all=True, filters=label) if "5000/tcp" not in str(c)] == []


def test_a_certificate_with_words_around_it_is_trusted_too():
    """`openssl x509 -text` prints the subject before the certificate, in whatever letters it has."""
    context = settings_probe._context(f"O = Übungen\n{certificate()}")
    assert context.cert_store_stats()["x509"] == 1
