"""What must not be possible through a backend: reach the store, another's images, a file, or the helper commands."""

from __future__ import annotations

import http.client
import json
import socket
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from autograder import paths
from autograder.domain.services import EMULATORS
from autograder.emulators.interface import RegistryError
from autograder.errors import CourseError, EnvironmentProblem, Exit
from autograder.oci.manifests import digest_of
from autograder.services import addresses, cloud_admin, cloud_credentials, clouds
from autograder.services import http as local
from autograder.services.installation import Installation
from tests.containers import printed

from .support import PLACES, Place, RegistryHttp, amazon, amazon_login

if TYPE_CHECKING:
    from docker import DockerClient

pytestmark = pytest.mark.engine
PREFIXES = ("hub/", "gar/", "acr/", "ecr/")


@pytest.fixture(params=EMULATORS)
def address(request: pytest.FixtureRequest, running: Installation) -> str:
    """Each backend's address."""
    return f"localhost:{running.ports[request.param]}"


def fresh(place: Place) -> str:
    return f"{place.namespace}/i{uuid4().hex[:10]}"


def on_the_wire(address: str, request: bytes) -> bytes:
    """Send raw bytes and read until the backend closes or has answered once."""
    host, _, port = address.partition(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(request)
        connection.settimeout(5)
        seen = b""
        while b"\r\n\r\n" not in seen:
            piece = connection.recv(65536)
            if not piece:
                break
            seen += piece
        return seen


@pytest.mark.parametrize(
    "path",
    [
        "/v2/%2e%2e/%2e%2e/etc/passwd",
        "/v2/../../etc/passwd",
        "/v2/a%2f..%2f..%2fhub/manifests/1",
        "/v2/a/..%2f..%2fmanifests/1",
        "/v2/a/manifests/%2e%2e%2f%2e%2e",
        "/v2/a/blobs/..%2f..%2fsecret",
        "/v2/a/blobs/uploads/..%2f..%2f..%2fx",
        "/v2/a/blobs/uploads/%0d%0aHost:%20evil",
        "/v2/a%00b/manifests/1",
        "/v2/a/manifests/1%3fx=1",
        "/v2/a/manifests/1%23x",
        "//evil.example/v2/",
        "/v2//evil.example/manifests/1",
        "/v2/_course/../../x",
        "/_course/v2/../../../etc/passwd",
        "/_course/v2/a/blobs/..%2f..%2fsecret",
        "/layers/../../etc/passwd",
        "/layers/app@sha256:" + "0" * 64 + "?Expires=99999999999&Signature=0",
        "/moto-api/data.json",
        "/token/../../etc/passwd",
    ],
)
def test_no_path_gets_out(address: str, path: str) -> None:
    answer = on_the_wire(address, f"GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n".encode())
    status = int(answer.split()[1])
    assert 400 <= status < 500 and b"root:" not in answer


@pytest.mark.parametrize(
    "request_line",
    [b"GET http://evil.example/v2/ HTTP/1.1", b"CONNECT evil.example:80 HTTP/1.1", b"\x16\x03\x01\x02\x00\x01\x00\n"],
)
def test_no_request_makes_it_a_proxy(address: str, request_line: bytes) -> None:
    answer = on_the_wire(address, request_line + b"\r\nHost: evil.example\r\n\r\n")
    assert answer.startswith(b"HTTP/1."), "also for a TLS hello: a client then falls back to plain HTTP"
    assert int(answer.split()[1]) in (400, 405)


def test_nothing_of_the_store_shows(place: Place) -> None:
    client, name = place.http(), fresh(place)
    rights = f"repository:{name}:pull,push,delete"
    client.push_image(name, "1")
    begun = client.send("POST", f"/v2/{name}/blobs/uploads/", b"", rights)
    assert urlsplit(begun.headers["Location"]).netloc == place.address
    wrong = begun.headers["Location"] + f"&digest={digest_of(b'other')}"
    answers = [
        begun,
        client.send("PUT", wrong, b"content", rights),
        client.send("GET", f"/v2/{name}/blobs/{digest_of(b'none')}", None, rights),
        client.send("GET", f"/v2/{name}/manifests/none", None, rights),
        client.push_manifest(name, "x", b'{"schemaVersion": 2, "config": {}}'),
        client.send("GET", f"/v2/{name}/tags/list?n=1", None, rights + ",metadata_read"),
    ]
    for answer in answers:
        shown = str(answer.headers) + answer.body.decode()
        assert not any(f"{prefix}{place.namespace}" in shown for prefix in PREFIXES), shown
        assert "store" not in shown


@pytest.mark.parametrize("service", [*PLACES, "ecr"])
def test_an_upload_belongs_to_its_repository(running: Installation, service: str) -> None:
    at = f"localhost:{running.ports[service]}"
    one, two = (f"team/i{uuid4().hex[:10]}" for _ in range(2))
    if service == "ecr":
        client = amazon(at, one, two).http()
    else:
        place = PLACES[service](at)
        client, one, two = place.http(), fresh(place), fresh(place)
    begun = client.send("POST", f"/v2/{one}/blobs/uploads/", b"", f"repository:{one}:pull,push")
    moved = begun.headers["Location"].replace(one, two)
    for method, body in (("GET", None), ("PATCH", b"x"), ("PUT", b"x")):
        answer = client.send(method, moved, body, f"repository:{two}:pull,push")
        assert answer.status in (400, 404), (method, answer.status, answer.body)
    stateless = begun.headers["Location"].partition("?")[0]
    assert client.send("PATCH", stateless, b"x", f"repository:{one}:pull,push").status in (400, 404)


def test_a_mount_needs_the_right_to_pull_its_source(running: Installation) -> None:
    accounts = cloud_credentials.load()["credentials"]["dockerhub"]["accounts"]
    address = f"localhost:{running.ports['dockerhub']}"
    owner = RegistryHttp(address, "colleague", accounts["colleague"])
    secret, mine = f"colleague/s{uuid4().hex[:8]}", f"student/m{uuid4().hex[:8]}"
    cloud_admin.call("dockerhub", "repository-create", name=secret, private=True)
    try:
        digest = owner.push_blob(secret, b"a private layer " + uuid4().bytes)
        thief = RegistryHttp(address, "student", accounts["student"])
        scopes = f"repository:{mine}:pull,push repository:{secret}:pull"
        tried = thief.send("POST", f"/v2/{mine}/blobs/uploads/?mount={digest}&from={secret}", b"", scopes)
        assert tried.status == 202, "a plain upload, not a mount"
        assert thief.send("HEAD", f"/v2/{mine}/blobs/{digest}", None, scopes).status == 404
        assert thief.send("HEAD", f"/v2/{secret}/blobs/{digest}", None, scopes).status == 401
        own = f"colleague/m{uuid4().hex[:8]}"
        both = f"repository:{own}:pull,push repository:{secret}:pull"
        path = f"/v2/{own}/blobs/uploads/?mount={digest}&from={secret}"
        assert owner.send("POST", path, b"", both).status == 201
    finally:
        cloud_admin.call("dockerhub", "repository-delete", name=secret)


def test_one_clouds_images_are_not_anothers(running: Installation) -> None:
    hub, azure = (PLACES[name](f"localhost:{running.ports[name]}") for name in ("dockerhub", "acr"))
    name = f"student/x{uuid4().hex[:8]}"
    digest = hub.http().push_image(name, "1")
    assert azure.http().digest(name, "1") is None and azure.http().digest(name, digest) is None
    assert azure.http().digest(f"hub/{name}", "1") is None, "the store's own name"


def test_helper_commands_need_the_installations_secret(place: Place) -> None:
    url = f"http://{place.address}/_course/{place.service}/repository-list"
    assert local.ask(url, method="POST").status == 401
    assert local.ask(url, method="POST", headers={"Authorization": "Bearer wrong"}).status == 401
    secret = {"Authorization": f"Bearer {cloud_credentials.load()['admin_secret']}"}
    assert local.ask(url, method="GET", headers=secret).status == 405
    assert local.ask(url, method="POST", headers=secret).status == 200
    assert local.ask(url.replace("repository-list", "nonsense"), method="POST", headers=secret).status == 404
    health = local.ask(f"http://{place.address}/_course/health")
    assert json.loads(health.text) == {"ready": True, "services": sorted(EMULATORS)}


def test_wrong_arguments_of_a_helper_command_are_told(running: Installation) -> None:
    with pytest.raises(CourseError) as caught:
        cloud_admin.call("dockerhub", "token-create", owner="student")
    assert caught.value.exit_code is Exit.USAGE
    with pytest.raises(CourseError, match="no such operation"):
        cloud_admin.call("acr", "nonsense")
    with pytest.raises(CourseError, match="only moves forward"):
        cloud_admin.advance(-1)


def test_everything_is_on_loopback_and_the_store_on_no_port(engine: DockerClient, running: Installation) -> None:
    backends = engine.containers.get(running.object_name(clouds.BACKENDS))
    bound = [binding for bindings in backends.ports.values() for binding in bindings or []]
    assert len(bound) == 4 and {binding["HostIp"] for binding in bound} == {"127.0.0.1"}
    store = engine.containers.get(running.object_name(clouds.STORE))
    assert not any(store.ports.values())
    host = backends.attrs["HostConfig"]
    assert host["ReadonlyRootfs"] and host["CapDrop"] == ["ALL"] and not host["Privileged"]
    assert backends.attrs["Config"]["User"] == "10001:10001"


def test_secrets_are_the_owners_alone_and_differ_by_installation(
    running: Installation, home: object, engine: DockerClient
) -> None:
    other = cloud_credentials.load()  # of the fresh home of this test
    file = paths.state() / cloud_credentials.FILE
    assert file.stat().st_mode & 0o077 == 0
    backends = engine.containers.get(running.object_name(clouds.BACKENDS))
    theirs = json.loads(printed(backends, "cat", "/state/configuration.json"))
    assert theirs["admin_secret"] != other["admin_secret"] and theirs["secret"] != other["secret"]
    shown = json.dumps(engine.api.inspect_container(running.object_name(clouds.BACKENDS)))
    assert theirs["admin_secret"] not in shown and theirs["secret"] not in shown


def test_before_the_first_start_the_commands_say_so(home: object) -> None:
    with pytest.raises(EnvironmentProblem):
        cloud_admin.call("dockerhub", "repository-list")


def test_a_refused_upload_leaves_the_connection_usable(place: Place) -> None:
    """Docker sends layers before it reads an answer; the backend reads them to the end and keeps nothing."""
    connection = http.client.HTTPConnection(place.address, timeout=60)
    path = f"/v2/{fresh(place)}/blobs/uploads/11111111-1111-1111-1111-111111111111"
    for body in (b"x" * 3_000_000, iter([b"y" * 1_000_000] * 3)):
        chunked = not isinstance(body, bytes)
        headers = {"Transfer-Encoding": "chunked"} if chunked else {}
        connection.request("PATCH", path, body, headers, encode_chunked=chunked)
        answer = connection.getresponse()
        assert answer.status == 401 and answer.read()
    connection.request("GET", "/_course/health")
    assert connection.getresponse().status == 200
    connection.close()


def test_the_snapshot_holds_everything_but_secrets(place: Place, running: Installation) -> None:
    name = fresh(place)
    digest = place.http().push_image(name, "1")
    place.http().push_image(name, "1", "newer")
    found = cloud_admin.snapshot(place.service)
    assert (found["schema"], found["service"]) == (1, place.service)
    (repository,) = (entry for entry in found["state"]["repositories"] if entry["name"] == name)
    assert [(image["digest"] == digest, len(image["tags"])) for image in repository["images"]] == [
        (True, 0),
        (False, 1),
    ]
    pushes = [line for line in found["journal"] if line["repository"] == name and line["what"] == "push"]
    assert [line["tag"] for line in pushes] == ["1", "1"] and pushes[0]["digest"] == digest and pushes[0]["who"]
    text = json.dumps(found)
    secrets = cloud_credentials.load()
    for value in (secrets["admin_secret"], secrets["secret"], place.password):
        assert value not in text
    assert addresses.url(running.ports[place.service], "") not in text, "evidence names services, never ports"


def answers(http: RegistryHttp, repository: str, reference: str) -> list[tuple[int, str, str]]:
    """Status, challenge and words by HEAD and by GET, without the repository's own name."""
    found = []
    for method in ("HEAD", "GET"):
        path = f"/v2/{repository}/manifests/{reference}"
        try:
            answer = http.send(method, path, None, f"repository:{repository}:pull")
            challenge = answer.headers.get("WWW-Authenticate", "").replace(repository, "NAME")
            found.append((answer.status, challenge, answer.body.decode().replace(repository, "NAME")))
        except RegistryError as error:  # of the token
            found.append((error.status, "", error.message.replace(repository, "NAME")))
    return found


@pytest.mark.usefixtures("private_repository_free")
@pytest.mark.parametrize("reference", ["1", digest_of(b"{}")])
def test_what_may_not_be_read_looks_like_what_is_not_there(running: Installation, reference: str) -> None:
    """By HEAD as by GET, so that a client which only looks learns no more than one that reads."""
    hub = PLACES["dockerhub"](f"localhost:{running.ports['dockerhub']}")
    private = fresh(hub)
    cloud_admin.call("dockerhub", "repository-create", name=private, private=True)
    digest = hub.http().push_image(private, "1", private)
    for there in (reference, digest):
        stranger = answers(RegistryHttp(hub.address), private, there)
        assert stranger == answers(RegistryHttp(hub.address), f"{private}x", there)
        assert {status for status, _, _ in stranger} == {401}

    google = PLACES["artifact-registry"](f"localhost:{running.ports['artifact-registry']}")
    held = fresh(google)
    google.http().push_image(held, "1", held)
    stranger = answers(RegistryHttp(google.address), held, reference)
    assert stranger == answers(RegistryHttp(google.address), f"{held}x", reference)
    assert {status for status, _, _ in stranger} == {403}

    address, name = f"localhost:{running.ports['ecr']}", f"team/{uuid4().hex[:10]}"
    amazon(address, name).http().push_image(name, "1", name)
    role = amazon_login(address, "ci-role").http()
    there, missing = answers(role, name, reference), answers(role, f"{name}x", reference)
    assert there == missing and [status for status, _, _ in there] == [403, 403]
    assert "is not authorized to perform: ecr:BatchGetImage" in there[1][2], "GET has the words that HEAD cannot"
