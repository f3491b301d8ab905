"""The "settings" probe: a throw-away ``registry:2`` with a student's settings, certificate and password file.

The same on a student's machine and in grading: facts about the files, and what a client sees of a registry that runs
with them. Only whitelisted settings reach it (:mod:`autograder.services.compose.settings`), never the file's image,
mounts or ports; its own copies of certificate, key and passwords lie under names of ours. What cannot harm is run even
when it is wrong, so that a check can tell what happens.
"""

from __future__ import annotations

import http.client
import json
import ssl
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from functools import lru_cache
from typing import Any

from pydantic import JsonValue

from autograder.collect import certificates, passwords
from autograder.errors import CourseError
from autograder.evidence.model import File
from autograder.oci.client import Refused, RegistryClient, Unreachable
from autograder.oci.manifests import DOCKER_CONFIG, DOCKER_MANIFEST, descriptor, digest_of
from autograder.services.compose import project, settings
from autograder.services.compose.settings import Settings
from autograder.services.ports import LOOPBACK
from autograder.services.throwaway import ProbeFault, ThrowAwayRegistry

NAME = "settings"
VERSION = 3  # raise it when the same files would give other facts
STORAGE = 64 << 20  # bytes of memory
SECONDS = 120.0  # for one answer of a registry that runs; one that has ended is noticed at once
ENDED = "ended"  # instead of an error of TLS
FOLDER = "/course"  # inside the throw-away registry
# The setting that names a file -> the lab's file.
FILES = {
    settings.CERTIFICATE: "certs/domain.crt",
    settings.KEY: "certs/domain.key",
    settings.PASSWORDS: "auth/htpasswd",
}
OWN = {name: f"{FOLDER}/{file}" for name, file in FILES.items()}
# Not handed on: where it keeps its data, what it calls itself, what it logs.
OURS = (
    *("REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY", "REGISTRY_HTTP_HOST", "REGISTRY_HTTP_SECRET"),
    *("REGISTRY_LOG_LEVEL", "REGISTRY_LOG_FORMATTER", "REGISTRY_LOG_ACCESSLOG_DISABLED", "OTEL_TRACES_EXPORTER"),
)
# Whether the dates are right is judged from the facts: a submission may be graded long after it was written.
NO_CHECK_TIME = 0x200000  # X509_V_FLAG_NO_CHECK_TIME, https://docs.openssl.org/3.0/man3/X509_VERIFY_PARAM_set_flags/

Start = Callable[..., ThrowAwayRegistry]


def probe(
    files: Mapping[str, File], parameters: Mapping[str, JsonValue], start: Start = ThrowAwayRegistry
) -> dict[str, JsonValue]:
    """The facts.

    Args:
        files: the lab's files.
        parameters: the student's, with ``host``, ``user`` and ``password``.
        start: starts the throw-away registry.

    Returns:
        ``compose`` (:func:`_compose`), ``certificate`` and ``key`` (:mod:`autograder.collect.certificates`),
        ``passwords`` (:mod:`autograder.collect.passwords`), each None when the file is not there, and ``run``
        (:func:`_run`), None when something that it needs is missing or unsafe to run.

    Raises:
        ProbeFault: the engine failed.
    """
    host, user, password = (str(parameters[name]) for name in ("host", "user", "password"))
    compose, found = _compose(files.get(settings.NAME))
    certificate_text, key_text, passwords_text = (_text(files, name) for name in FILES.values())
    certificate = None if certificate_text is None else certificates.certificate(certificate_text)
    key = None if key_text is None else certificates.key(key_text, certificate_text or "")
    users = None if passwords_text is None else passwords.read(passwords_text, user, password)
    run = None
    usable = all(facts is not None and "error" not in facts for facts in (certificate, key))
    if found is not None and usable and users is not None and passwords.harmless(users):
        texts = (certificate_text or "", key_text or "", passwords_text or "")
        handed_on = tuple(sorted(_handed_on(found).items()))
        run = dict(_run(handed_on, found.listens, found.stores, texts, host, (user, password), start))
    return {"compose": compose, "certificate": certificate, "key": key, "passwords": users, "run": run}


def _text(files: Mapping[str, File], name: str) -> str | None:
    file = files.get(name)
    return None if file is None else file.text if file.text is not None else "\0"  # no text: then no PEM either


def _compose(file: File | None) -> tuple[dict[str, Any] | None, Settings | None]:
    """What the compose file says.

    Returns:
        None without a file; ``problem`` (expected, found, next_step) for one that is not run; else ``image``,
        ``environment``, ``published`` (address, port, target, loopback), ``listens``, ``data`` ("named", "folder" or
        None: what was pushed goes with the container), ``stores`` (whether the registry may write there), ``files``
        (setting -> the file beside compose.yaml it leads to).
    """
    if file is None:
        return None, None
    try:
        found = settings.read("\0" if file.text is None else file.text.removeprefix("\ufeff"))
    except CourseError as error:
        problem = {"expected": error.expected, "found": error.found, "next_step": error.next_step}
        return {"problem": problem}, None
    data = found.data
    return {
        "image": found.image,
        "environment": found.environment,
        "published": [
            {"address": p.address, "port": p.port, "target": p.target, "loopback": p.loopback} for p in found.published
        ],
        "listens": found.listens,
        "data": None if data is None or not data.source else "named" if data.named else "folder",
        "stores": found.stores,
        "files": {name: found.file_at(found.environment[name]) for name in FILES if name in found.environment},
    }, found


def _handed_on(found: Settings) -> dict[str, str]:
    """The settings of the throw-away registry."""
    return {name: OWN.get(name, value) for name, value in found.environment.items() if name not in OURS}


@lru_cache(maxsize=4)  # several checks of a notebook ask about the same files
def _run(
    environment: tuple[tuple[str, str], ...],
    port: int,
    stores: bool,
    texts: tuple[str, ...],
    host: str,
    login: tuple[str, str],
    start: Start,
) -> Mapping[str, JsonValue]:
    """What a client sees.

    Returns:
        ``ended`` with the registry's last words in ``said``; or ``tls`` (None when the handshake went well, else the
        error), and then ``anonymous``, ``wrong`` and ``right`` (status of /v2/ without login, with a wrong password,
        with the right one), ``challenge`` (the WWW-Authenticate header), ``stored`` (status of a push) and, when that
        was taken, ``deleted`` (status of a deletion).

    Raises:
        ProbeFault: the engine failed, or the registry stopped answering.
    """
    files = dict(zip(OWN.values(), (text.encode() for text in texts), strict=True))
    registry = start(storage=STORAGE, environment=dict(environment), files=files, port=port, read_only=not stores)
    try:
        certificate = texts[0]
        error = _handshake(registry.port, host, certificate, registry.ended) if registry.listens() else ENDED
        if error == ENDED:
            return {"ended": True, "said": project.fatal(registry.log())}
        seen: dict[str, JsonValue] = {"ended": False, "tls": error}
        if error:
            return seen

        def connect(user: tuple[str, str] | None) -> RegistryClient:
            tls = _context(certificate)
            return RegistryClient(f"{LOOPBACK}:{registry.port}", user, tls=tls, host=host, silence_seconds=SECONDS)

        seen |= _look(connect, login)
        if stores and seen.get("stored", 201) != 201:  # it could have written: that is no fault of the file
            raise ProbeFault(f"the throw-away registry took no image: HTTP {seen['stored']}")
        return seen
    finally:
        registry.stop()


def _context(certificate: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.verify_flags |= NO_CHECK_TIME | ssl.VERIFY_X509_PARTIAL_CHAIN  # the certificate itself is trusted
    context.hostname_checks_common_name = False
    context.load_verify_locations(cadata=certificates.alone(certificate))
    return context


class _Connection(http.client.HTTPSConnection):
    """To a port of this machine, asking for a name: what --resolve does for curl."""

    def __init__(self, port: int, host: str, context: ssl.SSLContext) -> None:
        super().__init__(LOOPBACK, port, timeout=SECONDS, context=context)
        self._name, self._checked = host, context

    def connect(self) -> None:
        http.client.HTTPConnection.connect(self)
        self.sock = self._checked.wrap_socket(self.sock, server_hostname=self._name)


def _handshake(port: int, host: str, certificate: str, ended: Callable[[], bool]) -> str | None:
    """The error of a client that trusts the certificate and wants the name; None when there is none.

    :data:`ENDED` when the registry has ended: it opens its port before it reads the certificate and the key, so it may
    take a connection and end at once.
    """
    until = time.monotonic() + SECONDS
    while True:  # the engine's proxy takes connections, and closes them, a moment before the registry does
        try:
            with closing(_Connection(port, host, _context(certificate))) as connection:
                connection.connect()
                return None
        except ssl.SSLEOFError as error:
            seen: OSError = error
        except ssl.SSLError as error:
            return str(getattr(error, "verify_message", None) or error.reason or error)[:300]
        except OSError as error:
            seen = error
        if ended():
            return ENDED
        if time.monotonic() > until:
            raise ProbeFault(f"the throw-away registry does not answer: {seen}")
        time.sleep(0.1)


def _look(connect: Callable[[tuple[str, str] | None], RegistryClient], login: tuple[str, str]) -> dict[str, JsonValue]:
    """What a client without a login, with a wrong password and with the right one sees: see :func:`_run`."""
    try:
        anonymous = connect(None).send("GET", "", "")
        anonymous.close()
        right = connect(login)
        found: dict[str, JsonValue] = {
            "anonymous": anonymous.status,
            "challenge": anonymous.headers.get("www-authenticate", "")[:300],
            "wrong": connect((login[0], login[1] + "-not")).ping(),
            "right": right.ping(),
        }
        if found["right"] == 200:
            found |= _push_and_delete(right)
        return found
    except Unreachable as error:
        raise ProbeFault(f"the throw-away registry stopped answering: {error.found}") from None


def _push_and_delete(client: RegistryClient) -> dict[str, JsonValue]:
    """``stored``: the status of a push. Where that is 201, ``deleted``: the status of a deletion of what was pushed."""
    name, config = "course/probe", b"{}"
    described = descriptor(DOCKER_CONFIG, config)
    manifest = {"schemaVersion": 2, "mediaType": DOCKER_MANIFEST, "config": described, "layers": []}
    content = json.dumps(manifest).encode()
    try:
        client.push_blob(name, described["digest"], config)
        client.push_manifest(name, "1", DOCKER_MANIFEST, content)
    except Refused as refused:
        return {"stored": refused.status}
    answer = client.send("DELETE", name, f"manifests/{digest_of(content)}")
    answer.close()
    return {"stored": 201, "deleted": answer.status}
