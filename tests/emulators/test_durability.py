"""Killed at any point, then started: nothing acknowledged is lost, and names and store agree.

Two ways: SIGKILL to a real process at many moments of a stream of pushes, moves and deletions; and, exactly between any
two steps, by cutting the process's work off at its n-th step (a request to the store, a commit) and starting anew.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from werkzeug.test import Client

from autograder import paths
from autograder.emulators.assembly import Configuration, Emulators
from autograder.emulators.database import Database
from autograder.emulators.interface import Caller
from autograder.emulators.registry.bearer import Identity
from autograder.emulators.registry.store import StoreClient
from autograder.oci.manifests import ACCEPT, digest_of
from autograder.services import http as local

from .support import RegistryHttp, free_port, manifest

pytestmark = pytest.mark.engine
KILLS = 10
ACCOUNTS = {"student": "pw", "publisher": "pw2"}


def configuration(folder: Path, registry: str) -> dict[str, Any]:
    return {
        "state": str(folder / "state"),
        "store": f"http://{registry}",
        "ports": {"dockerhub": free_port(), "artifact-registry": free_port()},
        "admin_secret": "adm",
        "secret": "ab" * 32,
        "credentials": {"dockerhub": {"accounts": ACCOUNTS, "publisher": "publisher"}, "artifact-registry": {}},
    }


@contextmanager
def process(folder: Path, settings: dict[str, Any]) -> Iterator[subprocess.Popen[bytes]]:
    """The emulators as a process of their own; killed without a warning at the end."""
    file = folder / "configuration.json"
    file.write_text(json.dumps(settings))
    command = [sys.executable, "-m", "autograder.emulators", str(file)]
    with (folder / "log").open("ab") as log:
        running = subprocess.Popen(command, stderr=log, env={**os.environ, "PYTHONPATH": str(paths.ROOT)})
        try:
            url = f"http://127.0.0.1:{settings['ports']['dockerhub']}/_course/health"
            alive = lambda: running.poll() is None  # noqa: E731
            ready = local.wait_until(lambda: local.ask(url).status == 200, 60, alive)
            assert ready, (folder / "log").read_text()
            yield running
        finally:
            running.send_signal(signal.SIGKILL)
            running.wait()


class Pusher(threading.Thread):
    """Pushes, moves a tag and deletes without a pause; notes what was acknowledged, and what was under way."""

    def __init__(self, address: str, name: str) -> None:
        super().__init__(daemon=True)
        self.client, self.name = RegistryHttp(address, "student", "pw"), name
        self.tags: dict[str, str | None] = {}
        self.unsure: set[str] = set()
        self.number = 0
        self.error: Exception | None = None

    def run(self) -> None:
        try:
            while True:
                self.number += 1
                self.step(self.number)
        except Exception as error:  # the backend is gone, as a rule
            self.error = error

    def step(self, number: int) -> None:
        name, rights = self.name, f"repository:{self.name}:pull,push,delete"
        self.unsure = {f"v{number}", "latest"}
        digest = self.client.push_image(name, f"v{number}", f"{name} {number}")
        self.tags[f"v{number}"] = digest
        self.unsure = {"latest"}
        body = self.client.send("GET", f"/v2/{name}/manifests/{digest}", None, rights, Accept=ACCEPT).body
        assert self.client.push_manifest(name, "latest", body).status == 201
        self.tags["latest"] = digest
        old = f"v{number - 1}"
        if number % 3 == 0 and old in self.tags:
            self.unsure = {old}
            assert self.client.send("DELETE", f"/v2/{name}/manifests/{self.tags[old]}", None, rights).status == 202
            self.tags[old] = None
        self.unsure = set()


def whole(client: RegistryHttp, name: str, digest: str) -> bool:
    """Whether the image can be pulled: the manifest and every blob, with true digests."""
    rights = f"repository:{name}:pull,push,delete"
    body = client.send("GET", f"/v2/{name}/manifests/{digest}", None, rights, Accept=ACCEPT).body
    document = json.loads(body)
    parts = [document["config"], *document["layers"]]
    blobs = (client.send("GET", f"/v2/{name}/blobs/{part['digest']}", None, rights).body for part in parts)
    return digest_of(body) == digest and all(
        digest_of(blob) == part["digest"] for part, blob in zip(parts, blobs, strict=True)
    )


def test_sigkill_at_many_moments_loses_nothing_acknowledged(tmp_path: Path, registry: str) -> None:
    settings = configuration(tmp_path, registry)
    address, name = f"localhost:{settings['ports']['dockerhub']}", f"student/k{uuid4().hex[:8]}"
    promised: dict[str, str | None] = {}
    acknowledged = 0
    for kill in range(KILLS):
        with process(tmp_path, settings):
            pusher = Pusher(address, name)
            pusher.number = kill * 1000
            pusher.start()
            enough = local.wait_until(lambda: len(pusher.tags) > 2 + kill % 3, 60)  # noqa: B023
            time.sleep(kill * 0.007)  # not in step with anything
            assert enough and pusher.is_alive(), repr(pusher.error)
        pusher.join(30)
        acknowledged += len(pusher.tags)
        promised.update(pusher.tags)
        with process(tmp_path, settings):
            client = RegistryHttp(address, "student", "pw")
            for tag, digest in promised.items():
                found = client.digest(name, tag)
                if tag in pusher.unsure:
                    if found is not None:
                        assert whole(client, name, found), "half a push must never show"
                    promised[tag] = found
                else:
                    assert found == digest, f"kill {kill}: {tag}"
            for digest in {digest for digest in list(promised.values())[-6:] if digest}:
                assert whole(client, name, digest)
    assert acknowledged >= 3 * KILLS


class Cut(BaseException):
    """The process ends here; nothing catches it."""


@contextmanager
def cut_at(step: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """End the work before its n-th step: a request to the store, or a change of the database about to be committed."""
    seen: list[str] = []

    def counted(what: str) -> None:
        seen.append(what)
        if len(seen) == step:
            raise Cut

    send = StoreClient.send

    def cut_send(self: StoreClient, method: str, name: str, endpoint: str, **more: Any) -> Any:
        if method in ("PUT", "DELETE"):
            counted(f"store {method}")
        return send(self, method, name, endpoint, **more)

    transaction = Database.transaction

    @contextmanager
    def cut_transaction(self: Database) -> Iterator[sqlite3.Connection]:
        with transaction(self) as connection:
            yield connection
            if self._depth == 1:  # the outermost: now it would be committed
                counted("commit")

    with monkeypatch.context() as patch:
        patch.setattr(StoreClient, "send", cut_send)
        patch.setattr(Database, "transaction", cut_transaction)
        yield seen


def emulators(folder: Path, registry: str) -> Emulators:
    settings = configuration(folder, registry)
    file = folder / "configuration.json"
    file.write_text(json.dumps(settings))
    made = Emulators(Configuration.read(file))
    made.reconcile()
    return made


def test_a_push_or_deletion_cut_between_any_two_steps_leaves_names_and_store_in_agreement(
    tmp_path: Path, registry: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"student/c{uuid4().hex[:8]}"
    for operation in ("PUT", "DELETE"):
        step, cut = 0, True
        while cut:
            step += 1
            cut = False
            made = emulators(tmp_path, registry)
            web = Client(made.application("dockerhub"))
            bearer = _bearer(web, name)
            store = RegistryHttp(registry)
            body = _image(store, f"hub/{name}", f"{operation}{step}")
            path = f"/v2/{name}/manifests/{digest_of(body) if operation == 'DELETE' else 't'}"
            if operation == "DELETE":
                assert _put(web, f"/v2/{name}/manifests/t", body, bearer) == 201
            with cut_at(step, monkeypatch):
                try:
                    status = _put(web, path, body, bearer) if operation == "PUT" else _delete(web, path, bearer)
                except Cut:
                    cut = True
            made.database.close()
            again = emulators(tmp_path, registry)
            _agree(again, registry, name)
            tagged = again.backends["dockerhub"].index.resolve(name, "t") == digest_of(body)
            if not cut:
                assert status in (201, 202) and tagged == (operation == "PUT"), "what was acknowledged holds"
            again.database.close()
        assert step > 3, "store, names and journal are three steps"


def test_an_expiry_run_cut_at_any_step_is_finished_later_and_takes_nothing_else(
    tmp_path: Path, registry: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = [{"name": "old", "action": {"type": "Delete"}, "condition": {"tagState": "any", "olderThan": "30d"}}]
    made = emulators(tmp_path, registry)
    backend = made.backends["artifact-registry"]
    arguments = {"project": "ml-course-1", "location": "us-central1", "immutable_tags": False}
    backend.admin("repository-create", {"repository": "models", **arguments})
    backend.admin("cleanup-set", {"name": "ml-course-1/models", "policies": policy, "dry_run": False})
    name = f"ml-course-1/models/e{uuid4().hex[:8]}"
    owner = Caller("owner", {"identity": Identity("owner", {"role": "roles/artifactregistry.repoAdmin"})})
    made.database.close()
    step, cut = 0, True
    while cut:
        step += 1
        made = emulators(tmp_path, registry)
        backend, store = made.backends["artifact-registry"], RegistryHttp(registry)
        for age in (31, 0):
            for number in range(3):
                body = _image(store, f"gar/{name}", f"{step} {age} {number}")
                backend.context.store.put_manifest(name, digest_of(body), _TYPE, body)  # type: ignore[attr-defined]
                image = manifest(name, f"a{age}-{step}-{number}")
                backend.commit_push(owner, type(image)(name, image.tag, digest_of(body), _TYPE, body))
            made.clock.advance(timedelta(days=age))
        cut = False
        with cut_at(step, monkeypatch):
            try:
                backend.overnight()
            except Cut:
                cut = True
        made.database.close()
        again = emulators(tmp_path, registry)
        _agree(again, registry, name, "artifact-registry", "gar/")
        kept = again.backends["artifact-registry"].index.tags(name) or []
        assert {tag for tag in kept if tag.startswith(f"a0-{step}-")} == {f"a0-{step}-{n}" for n in range(3)}
        again.backends["artifact-registry"].overnight()
        kept = again.backends["artifact-registry"].index.tags(name) or []
        assert not [tag for tag in kept if tag.startswith(f"a31-{step}-")]
        _agree(again, registry, name, "artifact-registry", "gar/")
        again.database.close()
    assert step > 6, "three images, each with several steps"


_TYPE = "application/vnd.oci.image.manifest.v1+json"


def _image(store: RegistryHttp, name: str, text: str) -> bytes:
    """The blobs of an image in the store, and the manifest's bytes."""
    config, layer = json.dumps({"of": text}).encode(), text.encode() * 3
    parts = [
        {"mediaType": "application/octet-stream", "digest": store.push_blob(name, blob), "size": len(blob)}
        for blob in (config, layer)
    ]
    return json.dumps({"schemaVersion": 2, "mediaType": _TYPE, "config": parts[0], "layers": parts[1:]}).encode()


def _bearer(web: Client, name: str) -> dict[str, str]:
    import base64

    basic = {"Authorization": "Basic " + base64.b64encode(b"student:pw").decode()}
    answer = web.get(f"/token?scope=repository:{name}:pull,push,delete", headers=basic)
    assert answer.json is not None
    return {"Authorization": f"Bearer {answer.json['token']}"}


def _put(web: Client, path: str, body: bytes, headers: dict[str, str]) -> int:
    return web.put(path, data=body, headers={**headers, "Content-Type": _TYPE}).status_code


def _delete(web: Client, path: str, headers: dict[str, str]) -> int:
    return web.delete(path, headers=headers).status_code


def _agree(made: Emulators, registry: str, name: str, service: str = "dockerhub", prefix: str = "hub/") -> None:
    """Every manifest that the names know is in the store; what was removed is not; a second look finds nothing."""
    store, backend = RegistryHttp(registry), made.backends[service]
    known = [
        image for entry in backend.snapshot()["repositories"] if entry["name"] == name for image in entry["images"]
    ]
    for image in known:
        assert store.send("HEAD", f"/v2/{prefix}{name}/manifests/{image['digest']}", None, Accept=ACCEPT).status == 200
    gone = {
        line["digest"]
        for line in made.journal.lines(service)
        if line["what"] in ("delete", "expire") and line["repository"] == name
    } - {image["digest"] for image in known}
    for digest in gone:
        assert store.send("HEAD", f"/v2/{prefix}{name}/manifests/{digest}", None, Accept=ACCEPT).status == 404
    assert backend.reconcile() == []
