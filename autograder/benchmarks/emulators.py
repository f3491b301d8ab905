"""Throughput through each cloud's backend against registry:2 direct, memory of the backends, and their start-up time.

A backend answers a pull with the store's file, so it costs it less processor time than a direct one costs registry:2
(0.4 against 1.0 s for a gigabyte, where all bytes passed through the process it was 1.5); a push costs both together
less than a direct one, because the backend joins Docker's small chunks. Processor time is told beside throughput, since
it hardly depends on what else the machine does.
"""

from __future__ import annotations

import base64
import http.client
import io
import json
import os
import re
import tarfile
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from unittest.mock import patch
from urllib.parse import quote, urlsplit

from autograder.domain import services
from autograder.oci.manifests import digest_of_pieces
from autograder.services import cloud_admin, cloud_credentials, clouds, engine, installation, registry, removal
from autograder.services import http as local
from autograder.services.installation import Installation
from autograder.services.ports import LOOPBACK

if TYPE_CHECKING:
    from docker import DockerClient

SIZE = 1 << 29  # bytes of the layer
DOCKER_SIZE = 100 << 20  # bytes of the layer that the engine moves
PIECE = 32 * 1024  # what Docker's daemon sends at a time
ROUNDS = 3
PULL_COST = 1.0  # s of processor time for a GB: what registry:2 itself takes
GOAL_SHARE, GOAL_MEMORY, GOAL_START = 0.9, 150_000_000, 2.0


@dataclass(frozen=True)
class Target:
    """Where a layer goes: an address, a repository, and the Authorization header for it."""

    name: str
    address: str
    repository: str
    authorization: Callable[[], str]


def run() -> list[dict[str, object]]:
    """Measure in a throw-away installation, which is removed afterwards.

    Returns:
        One row a backend with ``push_MBps`` and ``pull_MBps`` and their shares of the direct ones (best of three, in
        turns with the direct ones; a bare HTTP client that drops what it reads), the same with the engine as client,
        one row for the processor time of a gigabyte, one for ``peak_bytes`` of the process after all that, one for
        the seconds from starting the stopped container until every backend answers.

    Raises:
        EnvironmentProblem: there is no engine, or the emulators cannot be started.
    """
    with _installation() as (client, state):
        targets = _targets(state)
        content = _Layer(SIZE)
        best: dict[str, tuple[float, float]] = {}
        for _ in range(ROUNDS):
            for target in targets:
                push, pull = _push(target, content), _pull(target, content)
                before = best.get(target.name, (0.0, 0.0))
                best[target.name] = (max(before[0], push), max(before[1], pull))
        direct = best[targets[0].name]
        rows = [_row(name, SIZE, found, direct) for name, found in best.items()]
        cost = _cost(client, state, targets[-1], content)
        return [*rows, *_with_docker(client, state), cost, _memory(client, state), _start(client, state)]


def _row(name: str, size: int, found: tuple[float, float], direct: tuple[float, float]) -> dict[str, object]:
    shares = [ours / theirs for ours, theirs in zip(found, direct, strict=True)]
    return {
        "name": name,
        "layer_bytes": size,
        "push_MBps": round(found[0]),
        "pull_MBps": round(found[1]),
        "push_share": round(shares[0], 2),
        "pull_share": round(shares[1], 2),
        "goal": GOAL_SHARE,
    }


@contextmanager
def _installation() -> Iterator[tuple[DockerClient, Installation]]:
    with (
        tempfile.TemporaryDirectory() as home,
        patch.dict(os.environ, {"COURSE_HOME": home}),
        closing(engine.connect()) as client,
    ):
        with installation.change() as state:
            for service in services.NAMES:
                state.ports[service] = _free_port()
        try:
            registry.up(client, state, lambda line: None)
            clouds.up(client, state, lambda line: None)
            yield client, state
        finally:
            removal.remove(client, state)


def _free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def _targets(state: Installation) -> list[Target]:
    credentials = cloud_credentials.load()["credentials"]

    def address(service: str) -> str:
        return f"{LOOPBACK}:{state.ports[service]}"

    def bearer(service: str, repository: str, user: str, password: str) -> Callable[[], str]:
        return lambda: _bearer(address(service), repository, user, password)

    google = cloud_admin.call("artifact-registry", "token", account="bench@example.com")["token"]
    arguments = {"project": "bench-1", "location": "us-central1", "immutable_tags": False}
    cloud_admin.call("artifact-registry", "repository-create", repository="models", **arguments)
    azure = cloud_admin.call("acr", "login")
    student = credentials["dockerhub"]["accounts"]["student"]
    return [
        Target("registry:2, direct", address(registry.SERVICE), "bench/layer", lambda: ""),
        Target(
            "dockerhub", address("dockerhub"), "student/layer", bearer("dockerhub", "student/layer", "student", student)
        ),
        Target("ecr", address("ecr"), "layer", _ecr(state, credentials["ecr"])),
        Target(
            "artifact-registry",
            address("artifact-registry"),
            "bench-1/models/layer",
            bearer("artifact-registry", "bench-1/models/layer", "oauth2accesstoken", google),
        ),
        Target("acr", address("acr"), "layer", bearer("acr", "layer", azure["username"], azure["accessToken"])),
    ]


def _ecr(state: Installation, credentials: dict[str, Any]) -> Callable[[], str]:
    import boto3

    keys = credentials["profiles"]["admin"]
    client = boto3.client(
        "ecr",
        endpoint_url=f"http://{LOOPBACK}:{state.ports['ecr']}",
        region_name="us-east-1",
        aws_access_key_id=keys["access_key_id"],
        aws_secret_access_key=keys["secret_access_key"],
    )
    client.create_repository(repositoryName="layer")
    token = client.get_authorization_token()["authorizationData"][0]["authorizationToken"]
    return lambda: f"Basic {token}"


def _bearer(address: str, repository: str, user: str, password: str) -> str:
    """A fresh token by the flow that Docker uses; it lives five minutes, so one is asked for each transfer."""
    challenge = ""
    connection = http.client.HTTPConnection(address)
    with closing(connection):
        connection.request("GET", "/v2/")
        challenge = connection.getresponse().headers["Www-Authenticate"]
    told = dict(re.findall(r'(\w+)="([^"]*)"', challenge))
    url = f"{told['realm']}?service={quote(told['service'])}&scope=repository:{repository}:pull,push"
    basic = base64.b64encode(f"{user}:{password}".encode()).decode()
    request = urllib.request.Request(url, headers={"Authorization": f"Basic {basic}"})
    with urllib.request.urlopen(request) as answer:
        return f"Bearer {json.load(answer)['token']}"


class _Layer:
    """Random bytes, a piece repeated: nothing on the way compresses, and the digest is known without a file."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._piece = os.urandom(PIECE)
        self.digest = digest_of_pieces(self)

    def __iter__(self) -> Iterator[bytes]:
        for _ in range(self.size // PIECE):
            yield self._piece


def _push(target: Target, layer: _Layer) -> float:
    """Upload in one PATCH without a length, as Docker does; MB/s until the layer is committed."""
    headers = {"Authorization": target.authorization()}
    started = time.perf_counter()
    place = _step(target, "POST", f"/v2/{target.repository}/blobs/uploads/", 202, headers)
    place = _step(target, "PATCH", place, 202, headers, iter(layer))
    _step(target, "PUT", f"{place}&digest={layer.digest}", 201, headers)
    return layer.size / (time.perf_counter() - started) / 1e6


def _pull(target: Target, layer: _Layer) -> float:
    """MB/s of a download that is read and dropped."""
    headers = {"Authorization": target.authorization()}
    buffer, received = bytearray(1 << 20), 0
    with closing(http.client.HTTPConnection(target.address, timeout=300)) as connection:
        started = time.perf_counter()
        connection.request("GET", f"/v2/{target.repository}/blobs/{layer.digest}", None, headers)
        response = connection.getresponse()
        while count := response.readinto(buffer):
            received += count
        seconds = time.perf_counter() - started
    if received != layer.size:
        raise RuntimeError(f"{target.name} sent {received} of {layer.size} bytes")
    return layer.size / seconds / 1e6


def _step(
    target: Target, method: str, place: str, expected: int, headers: dict[str, str], body: Iterator[bytes] | None = None
) -> str:
    """One request of an upload; returns where the next one goes."""
    parts = urlsplit(place)
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    framing = {"Transfer-Encoding": "chunked"} if body is not None else {"Content-Length": "0"}
    with closing(http.client.HTTPConnection(target.address, timeout=300)) as connection:
        connection.request(method, path, body, {**headers, **framing}, encode_chunked=body is not None)
        response = connection.getresponse()
        told = response.read()
        if response.status != expected:
            raise RuntimeError(f"{target.name} answered {method} with {response.status}: {told[:200]!r}")
        return response.headers["Location"] or ""


def _with_docker(client: DockerClient, state: Installation) -> list[dict[str, object]]:
    """What a student waits for: push and pull by the engine, which compresses, hashes and unpacks on the way."""
    accounts = cloud_credentials.load()["credentials"]["dockerhub"]["accounts"]
    places = {
        "docker, registry:2 direct": (state.ports[registry.SERVICE], None),
        "docker, dockerhub": (state.ports["dockerhub"], {"username": "student", "password": accounts["student"]}),
    }
    best: dict[str, tuple[float, float]] = {}
    for number in range(ROUNDS):
        for name, (port, login) in places.items():
            repository, tag = f"localhost:{port}/student/bench{number}", "1"
            client.images.build(fileobj=_context(), custom_context=True, tag=f"{repository}:{tag}", rm=True)
            try:
                push = _timed(lambda: list(client.images.push(repository, tag, auth_config=login, stream=True)))  # noqa: B023
            finally:
                client.images.remove(f"{repository}:{tag}", force=True)
            pull = _timed(lambda: client.images.pull(repository, tag, auth_config=login))  # noqa: B023
            client.images.remove(f"{repository}:{tag}", force=True)
            before = best.get(name, (0.0, 0.0))
            best[name] = (max(before[0], DOCKER_SIZE / push / 1e6), max(before[1], DOCKER_SIZE / pull / 1e6))
    direct = next(iter(best.values()))
    return [_row(name, DOCKER_SIZE, found, direct) for name, found in best.items()]


def _context() -> io.BytesIO:
    """A build context with fresh random bytes, so that no registry has the layer and nothing can be mounted."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in (
            ("Dockerfile", b'FROM scratch\nCOPY layer /\nCMD ["/none"]\n'),
            ("layer", os.urandom(DOCKER_SIZE)),
        ):
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    buffer.seek(0)
    return buffer


def _timed(step: Callable[[], object]) -> float:
    started = time.perf_counter()
    step()
    return time.perf_counter() - started


def _cost(client: DockerClient, state: Installation, target: Target, layer: _Layer) -> dict[str, object]:
    """Processor seconds of the backends for a gigabyte in each direction; hardly depends on what else runs."""
    container = client.containers.get(state.object_name(clouds.BACKENDS))

    def used() -> float:
        stats: Any = container.stats(stream=False)
        return float(stats["cpu_stats"]["cpu_usage"]["total_usage"]) / 1e9

    told: dict[str, object] = {"name": "processor time of the backends", "goal": PULL_COST}
    for name, step in (("push", _push), ("pull", _pull)):
        before = used()
        step(target, layer)
        told[f"{name}_s_per_GB"] = round((used() - before) / layer.size * 1e9, 2)
    return told


def _memory(client: DockerClient, state: Installation) -> dict[str, object]:
    """The most memory the process ever held in RAM."""
    container = client.containers.get(state.object_name(clouds.BACKENDS))
    status = bytes(container.exec_run(["cat", "/proc/1/status"]).output).decode()  # type: ignore[arg-type]
    peak = int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) * 1024  # type: ignore[index]
    return {"name": "memory of the backends", "peak_bytes": peak, "goal": GOAL_MEMORY, "within": peak < GOAL_MEMORY}


def _start(client: DockerClient, state: Installation) -> dict[str, object]:
    """Seconds from starting the stopped container until every backend answers, store included; best of three."""
    container = client.containers.get(state.object_name(clouds.BACKENDS))
    seconds = []
    for _ in range(ROUNDS):
        container.stop(timeout=10)
        started = time.perf_counter()
        container.start()
        if not local.wait_until(lambda: clouds.answers(state), 60.0):
            raise RuntimeError("the backends did not answer within 60 seconds")
        seconds.append(time.perf_counter() - started)
    best = min(seconds)
    return {"name": "start-up", "seconds": round(best, 2), "goal": GOAL_START, "within": best < GOAL_START}
