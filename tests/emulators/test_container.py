"""The container as a whole: many at once, large layers, stop and start, and being killed."""

from __future__ import annotations

import base64
import os
import re
import socket
import struct
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import boto3
import pytest

from autograder.domain.advisories import debian
from autograder.emulators.ecr.identity import PROFILES
from autograder.oci.manifests import OCI_MANIFEST
from autograder.scanning import grader, trivy_binary
from autograder.scanning.artifact import Pusher
from autograder.services import cloud_admin, cloud_credentials, clouds
from autograder.services import http as local
from autograder.services.installation import Installation
from tests.containers import printed
from tests.scanning.built import image
from tests.scanning.test_debian import SYSTEM

from .support import PLACES, Place

if TYPE_CHECKING:
    from docker import DockerClient

pytestmark = pytest.mark.engine
LARGE = 300 * 1024 * 1024  # bytes
MEMORY = 150_000_000  # bytes, the promise


def test_of_many_pushes_of_one_tag_one_wins_and_everyone_agrees(place: Place) -> None:
    name = f"{place.namespace}/p{uuid4().hex[:10]}"
    start = threading.Barrier(8)

    def push(number: int) -> str:
        client = place.http()
        client.send("GET", "/v2/", None, f"repository:{name}:pull,push")  # the token, ahead of the race
        start.wait()
        return client.push_image(name, "latest", f"{name} {number}")

    with ThreadPoolExecutor(8) as pool:
        digests = list(pool.map(push, range(8)))
    winner = place.http().digest(name, "latest")
    assert winner in digests
    found = cloud_admin.snapshot(place.service)
    (repository,) = (entry for entry in found["state"]["repositories"] if entry["name"] == name)
    assert {image["digest"] for image in repository["images"]} == set(digests), "the losers stay, untagged"
    assert [image["digest"] for image in repository["images"] if image["tags"]] == [winner]
    lines = [line["digest"] for line in found["journal"] if line["repository"] == name and line["what"] == "push"]
    assert lines[-1] == winner and set(lines) == set(digests), "the journal has the order in which it happened"


def test_an_immutable_tag_is_given_away_once_however_many_ask(running: Installation) -> None:
    place = PLACES["dockerhub"](f"localhost:{running.ports['dockerhub']}")
    name = f"student/i{uuid4().hex[:10]}"
    cloud_admin.call("dockerhub", "repository-create", name=name, private=False)
    cloud_admin.call("dockerhub", "repository-immutable", name=name, rules=[".*"])

    def push(number: int) -> int:
        client = place.http()
        body = client.send(
            "GET",
            f"/v2/{name}/manifests/{client.push_image(name, '', f'{name} {number}')}",
            None,
            f"repository:{name}:pull,push",
        ).body
        return client.push_manifest(name, "1.0", body).status

    with ThreadPoolExecutor(6) as pool:
        statuses = sorted(pool.map(push, range(6)))
    assert statuses == [201, 403, 403, 403, 403, 403]


def test_a_large_layer_passes_through_and_none_of_it_stays(
    place: Place, engine: DockerClient, running: Installation
) -> None:
    client, name = place.http(), f"{place.namespace}/l{uuid4().hex[:10]}"
    rights, piece = f"repository:{name}:pull,push", os.urandom(1 << 20)
    begun = client.send("POST", f"/v2/{name}/blobs/uploads/", b"", rights)
    sent = client.send("PATCH", begun.headers["Location"], iter([piece] * (LARGE // len(piece))), rights)
    assert sent.headers["Range"] == f"0-{LARGE - 1}"
    assert client.send("DELETE", sent.headers["Location"], None, rights).status == 204
    status = printed(engine.containers.get(running.object_name(clouds.BACKENDS)), "cat", "/proc/1/status")
    peak = re.search(rb"VmHWM:\s+(\d+) kB", status)
    assert peak is not None and int(peak[1]) * 1024 < MEMORY


def test_clients_that_vanish_do_not_take_the_emulator_with_them(place: Place, running: Installation) -> None:
    """Reset in every state: before a request, within it, within a body, after an answer, idle between two."""
    host, _, port = place.address.partition(":")
    rest = f" HTTP/1.1\r\nHost: {place.address}\r\n"
    head = f"GET /v2/{rest}"
    requests = [
        b"",
        b"GET /v2/ HT",
        f"{head}\r\n".encode(),
        f"{head}\r\n{head}".encode(),
        f"PATCH /v2/a/blobs/uploads/1{rest}Content-Length: 99\r\n\r\nx".encode(),
        f"PUT /v2/a/manifests/1{rest}Transfer-Encoding: chunked\r\n\r\n5\r\nab".encode(),
    ]
    for number in range(120):
        with socket.create_connection((host, int(port)), timeout=20) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # close with a reset
            connection.sendall(requests[number % len(requests)])
            if number % 3 == 0 and number % len(requests) in (2, 3):
                connection.recv(64)
            time.sleep(0.001 * (number % 4))
    assert place.http().send("GET", "/v2/").status == 200
    assert clouds.answers(running)


def test_stop_start_and_kill_keep_everything(engine: DockerClient, running: Installation) -> None:
    place = PLACES["acr"](f"localhost:{running.ports['acr']}")
    name = f"team/s{uuid4().hex[:10]}"
    digest = place.http().push_image(name, "1")
    before = cloud_admin.advance(3600)["now"]
    assert clouds.down(engine, running) and not clouds.down(engine, running)
    assert not clouds.answers(running)
    clouds.up(engine, running, lambda line: None)
    assert place.http().digest(name, "1") == digest
    for part in (clouds.BACKENDS, clouds.STORE):
        engine.containers.get(running.object_name(part)).kill()
    clouds.up(engine, running, lambda line: None)
    fresh = PLACES["acr"](place.address)
    assert fresh.http().digest(name, "1") == digest and cloud_admin.advance(0)["now"] >= before


def test_the_emulators_wait_for_a_store_that_comes_later(engine: DockerClient, running: Installation) -> None:
    store = engine.containers.get(running.object_name(clouds.STORE))
    store.stop(timeout=5)
    health = local.ask(f"http://127.0.0.1:{running.ports['acr']}/_course/health")
    assert health.status == 503
    place = PLACES["dockerhub"](f"localhost:{running.ports['dockerhub']}")
    answer = place.http().send(
        "GET", "/v2/library/python/blobs/sha256:" + "0" * 64, None, "repository:library/python:pull"
    )
    assert (answer.status, answer.code) == (503, "UNAVAILABLE") and "course.py start" in answer.body.decode()
    engine.containers.get(running.object_name(clouds.BACKENDS)).restart(timeout=5)
    store.start()
    assert local.wait_until(lambda: clouds.answers(running), 60)


def test_the_courses_base_images_are_in_the_library(running: Installation) -> None:
    place = PLACES["dockerhub"](f"localhost:{running.ports['dockerhub']}")
    anonymous = type(place.http())(place.address)
    for repository, tag in (("library/python", "3.11-slim-bookworm"), ("library/registry", "2")):
        assert anonymous.digest(repository, tag), repository


def test_the_lists_of_aws_profiles_agree() -> None:
    from autograder.services.cloud_credentials import ECR_PROFILES

    assert set(ECR_PROFILES) == set(PROFILES)


def test_ecr_scans_with_the_courses_trivy_and_database(
    engine: DockerClient, running: Installation, tmp_path: Path
) -> None:
    scanner = clouds.Scanner(trivy_binary.for_sandbox().path, tmp_path / "cache")
    grader.prepare(scanner.cache)
    tmp_path.chmod(0o755)
    clouds.up(engine, running, lambda line: None, scanner)
    keys = cloud_credentials.load()["credentials"]["ecr"]["profiles"]["admin"]
    ecr = boto3.client(
        "ecr",
        region_name="us-east-1",
        endpoint_url=f"http://127.0.0.1:{running.ports['ecr']}",
        aws_access_key_id=keys["access_key_id"],
        aws_secret_access_key=keys["secret_access_key"],
    )
    name = f"s{uuid4().hex[:10]}"
    ecr.create_repository(repositoryName=name, imageScanningConfiguration={"scanOnPush": True})
    token = ecr.get_authorization_token()["authorizationData"][0]["authorizationToken"]
    user, _, password = base64.b64decode(token).decode().partition(":")
    pusher = Pusher(f"localhost:{running.ports['ecr']}", name, (user, password))
    built = image(SYSTEM)
    for path, content in built.layout.files.items():
        if path.startswith("blobs/"):
            pusher.blob(content)
    pusher.manifest(built.layout.files[f"blobs/{built.digest.replace(':', '/')}"], OCI_MANIFEST, "1")
    asked: dict[str, Any] = {"repositoryName": name, "imageId": {"imageTag": "1"}}
    ecr.get_waiter("image_scan_complete").wait(**asked, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    found = ecr.describe_image_scan_findings(**asked)["imageScanFindings"]["findings"]
    assert {each["name"] for each in found} == {one.id for one in debian.load()}
