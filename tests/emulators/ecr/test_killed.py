"""kill -9 of the emulator's process in the middle of pushes, deletions and nights, over a real registry."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from autograder import paths
from autograder.emulators.ecr.identity import new_credentials
from autograder.services import http as requests

from .test_clients import Basic

pytestmark = pytest.mark.engine


@dataclass
class Process:
    """The emulator as a process of its own, started again with the same state after each kill."""

    folder: Path
    store: str
    port: int
    credentials: dict[str, Any] = field(default_factory=new_credentials)
    secret: str = field(default_factory=lambda: secrets.token_hex(32))
    process: subprocess.Popen[bytes] | None = None
    log: str = ""

    def start(self) -> None:
        configuration = {
            "state": str(self.folder / "state"),
            "store": f"http://{self.store}",
            "ports": {"ecr": self.port},
            "admin_secret": "open",
            "secret": self.secret,
            "credentials": {"ecr": self.credentials},
        }
        file = self.folder / "configuration.json"
        file.write_text(json.dumps(configuration), encoding="utf-8")
        command = [sys.executable, "-m", "autograder.emulators", str(file)]
        errors = (self.folder / "log").open("ab")
        self.process = subprocess.Popen(command, cwd=paths.ROOT, stderr=errors)
        url = f"http://127.0.0.1:{self.port}/_course/health"
        assert requests.wait_until(lambda: requests.ask(url).status == 200, 60), (self.folder / "log").read_text()

    def kill(self) -> None:
        assert self.process is not None
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def client(self) -> Any:
        import boto3
        from botocore.config import Config

        keys = self.credentials["profiles"]["admin"]
        return boto3.client(
            "ecr",
            region_name="us-east-1",
            endpoint_url=f"http://127.0.0.1:{self.port}",
            aws_access_key_id=keys["access_key_id"],
            aws_secret_access_key=keys["secret_access_key"],
            config=Config(retries={"total_max_attempts": 1}),
        )

    def registry(self) -> Basic:
        data = self.client().get_authorization_token()["authorizationData"][0]
        return Basic(f"127.0.0.1:{self.port}", data["authorizationToken"])

    def advance(self, days: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port)
        body = json.dumps({"seconds": days * 86400})
        connection.request("POST", "/_course/clock", body, {"Authorization": "Bearer open"})
        assert connection.getresponse().status == 200


@pytest.fixture
def process(registry: str, tmp_path: Path) -> Iterator[Process]:
    with contextlib.closing(__import__("socket").socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    running = Process(tmp_path, registry, port)
    running.start()
    yield running
    if running.process is not None and running.process.poll() is None:
        running.kill()


def work(process: Process, name: str, acknowledged: dict[str, str], started: set[str], stop: threading.Event) -> None:
    """Push, move a tag, delete, until the process is gone. Only what was answered is acknowledged."""
    with contextlib.suppress(Exception):
        api, registry, number = process.client(), process.registry(), 0
        while not stop.is_set():
            number += 1
            for tag in (f"t{number}", "latest"):
                started.add(tag)
                digest = registry.push_image(name, tag, f"{name} {number} {secrets.token_hex(4)}")
                acknowledged[tag] = digest
                started.discard(tag)
            if number % 3 == 0:
                started.add(f"t{number}")
                api.batch_delete_image(repositoryName=name, imageIds=[{"imageTag": f"t{number}"}])
                del acknowledged[f"t{number}"]
                started.discard(f"t{number}")


def test_nothing_acknowledged_is_lost(process: Process) -> None:
    names = [f"killed/r{secrets.token_hex(4)}" for _ in range(3)]
    for name in names:
        process.client().create_repository(repositoryName=name)
    kept: dict[str, dict[str, str]] = {name: {} for name in names}
    for round_number in range(4):
        stop, open_ends = threading.Event(), {name: set[str]() for name in names}
        jobs = [threading.Thread(target=work, args=(process, n, kept[n], open_ends[n], stop)) for n in names]
        for job in jobs:
            job.start()
        before = promises(kept)
        enough = requests.wait_until(lambda: len(promises(kept) - before) > 3, 60)  # noqa: B023
        assert enough, "there must be something to lose"
        time.sleep(0.13 * round_number)  # not in step with anything
        process.kill()
        stop.set()
        for job in jobs:
            job.join()
        process.start()
        check(process, kept, open_ends)


def promises(kept: dict[str, dict[str, str]]) -> set[tuple[str, str, str]]:
    """What has been acknowledged and not deleted since: repository, tag, digest."""
    return {(name, tag, digest) for name, tags in kept.items() for tag, digest in list(tags.items())}


def check(process: Process, kept: dict[str, dict[str, str]], open_ends: dict[str, set[str]]) -> None:
    """API and /v2/ agree on every image, and every acknowledged tag is where it was put."""
    api, registry = process.client(), process.registry()
    for name, tags in kept.items():
        listed = api.list_images(repositoryName=name)["imageIds"]
        found = {each["imageTag"]: each["imageDigest"] for each in listed if "imageTag" in each}
        for tag, digest in tags.items():
            assert tag in open_ends[name] or found[tag] == digest
        assert set(found) - set(tags) <= open_ends[name], "what was deleted stays deleted"
        assert registry.send("GET", f"/v2/{name}/tags/list").json["tags"] == sorted(found)
        for each in listed:
            answer = registry.send("GET", f"/v2/{name}/manifests/{each['imageDigest']}")
            assert answer.status == 200
            for layer in json.loads(answer.body)["layers"]:
                assert registry.send("GET", f"/v2/{name}/blobs/{layer['digest']}").status == 200
        kept[name] = {tag: found[tag] for tag in found}


def test_a_night_is_finished_after_a_kill(process: Process) -> None:
    name = f"killed/r{secrets.token_hex(4)}"
    api, registry = process.client(), process.registry()
    api.create_repository(repositoryName=name)
    digests = [registry.push_image(name, f"t{number}", f"{name} {number}") for number in range(30)]
    selection = {"tagStatus": "any", "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 2}
    rule = {"rulePriority": 1, "selection": selection, "action": {"type": "expire"}}
    api.put_lifecycle_policy(repositoryName=name, lifecyclePolicyText=json.dumps({"rules": [rule]}, indent=2))

    def advance() -> None:
        with contextlib.suppress(Exception):
            process.advance(3)

    job = threading.Thread(target=advance)
    job.start()
    time.sleep(0.05)
    process.kill()
    job.join()
    process.start()
    process.advance(3)
    assert process.client().list_images(repositoryName=name)["imageIds"] == []
    token = process.registry()
    assert all(token.send("GET", f"/v2/{name}/manifests/{digest}").status == 404 for digest in digests)
    connection = http.client.HTTPConnection("127.0.0.1", process.port)
    connection.request("POST", "/_course/journal", json.dumps({"service": "ecr"}), {"Authorization": "Bearer open"})
    lines = json.loads(connection.getresponse().read())
    expired = [line["digest"] for line in lines if line["what"] == "expire" and line["repository"] == name]
    assert sorted(expired) == sorted(digests), "each is told once"
