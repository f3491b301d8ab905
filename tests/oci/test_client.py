"""The client of the distribution API against a server that answers as it is told: requests, errors, connections."""

from __future__ import annotations

import base64
import contextlib
import json
import socket
import ssl
import threading
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.collect import settings_probe
from autograder.oci import client as oci
from autograder.oci.client import Missing, Refused, RegistryClient, Unreachable, Unsendable
from autograder.oci.manifests import ACCEPT, OCI_INDEX, OCI_MANIFEST, digest_of

from ..collect.tls import HOST, certificate, key_pem

CONTENT = b"a layer" * 1000
DIGEST = digest_of(CONTENT)


@dataclass
class Request:
    """What reached the server."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    port: int  # of the client: the connection that it came by


@dataclass
class Server:
    """Answers by (method, path with query): status, headers, body."""

    port: int = 0
    answers: dict[tuple[str, str], tuple[int, dict[str, str], bytes]] = field(default_factory=dict)
    seen: list[Request] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def say(self, method: str, path: str, status: int = 200, body: bytes = b"", **headers: str) -> None:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.answers[method, path] = (status, named, body)


@pytest.fixture
def server() -> Iterator[Server]:
    yield from serving(Server())


def serving(told: Server, context: ssl.SSLContext | None = None) -> Iterator[Server]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self._body()
            path = self.path
            told.seen.append(Request(self.command, path, dict(self.headers), body, self.client_address[1]))
            status, headers, content = told.answers.get((self.command, path), (404, {}, b"{}"))
            self.send_response(status)
            for name, value in {"Content-Length": str(len(content)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = answer

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding") == "chunked":
                found = b""
                while size := int(self.rfile.readline(), 16):
                    found += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
                return found
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        if context is not None:
            http.socket = context.wrap_socket(http.socket, server_side=True)
        told.port = http.server_port
        threading.Thread(target=http.serve_forever, args=(0.05,), daemon=True).start()
        yield told
        http.shutdown()


def errors(code: str, message: str) -> bytes:
    return json.dumps({"errors": [{"code": code, "message": message, "detail": {"name": "a/b"}}]}).encode()


# Pull


def test_a_manifest_comes_with_its_type_and_its_exact_bytes(server):
    content = b'{ "schemaVersion":2 }\n'
    server.say("GET", "/v2/a/b/manifests/1", body=content, Content_Type=f"{OCI_MANIFEST}; charset=utf-8")
    found = RegistryClient(server.address).manifest("a/b", "1")
    assert (found.media_type, found.content, found.digest) == (OCI_MANIFEST, content, digest_of(content))
    assert server.seen[0].headers["Accept"] == ACCEPT and "Authorization" not in server.seen[0].headers


def test_what_is_not_there_is_missing_and_a_question_whether_it_is_says_no(server):
    client = RegistryClient(server.address)
    for ask in (client.manifest, client.blob, client.delete):
        with pytest.raises(Missing):
            ask("a/b", DIGEST)
    assert client.head("a/b", "1") is None and client.blob_size("a/b", DIGEST) is None
    assert client.tags("a/b") == [] and client.referrers("a/b", DIGEST) is None
    with pytest.raises(Missing):
        client.catalog()
    with pytest.raises(Refused, match="HTTP 404 to PUT"):  # a push to what must be created first is refused
        client.push_manifest("a/b", "1", OCI_MANIFEST, b"{}")


def test_head_and_size_fetch_nothing(server):
    server.say("HEAD", "/v2/a/b/manifests/1", Docker_Content_Digest=DIGEST, Content_Length="7000")
    server.say("HEAD", f"/v2/a/b/blobs/{DIGEST}", Content_Length="7000")
    client = RegistryClient(server.address)
    assert client.head("a/b", "1") == DIGEST and client.blob_size("a/b", DIGEST) == 7000
    assert {request.method for request in server.seen} == {"HEAD"}


def test_a_blob_follows_redirects_and_the_login_stays_at_home(server):
    elsewhere = next(others := serving(Server()))
    elsewhere.say("GET", "/signed?x=1", body=CONTENT)
    server.say("GET", f"/v2/a/blobs/{DIGEST}", 307, Location="/v2/moved")
    server.say("GET", "/v2/moved", 307, Location=f"http://{elsewhere.address}/signed?x=1")
    client = RegistryClient(server.address, ("user", "secret"))
    assert b"".join(client.blob("a", DIGEST)) == CONTENT
    assert all("Authorization" in request.headers for request in server.seen) and len(server.seen) == 2
    assert "Authorization" not in elsewhere.seen[0].headers
    server.say("GET", "/v2/moved", 307, Location="/v2/moved")
    with pytest.raises(Refused, match="HTTP 307"):
        client.blob("a", DIGEST)
    assert next(others, None) is None


def test_a_blob_that_is_not_read_to_its_end_gives_its_connection_back(server):
    large = bytes(3 << 20)
    server.say("GET", f"/v2/a/blobs/{digest_of(large)}", body=large)
    client = RegistryClient(server.address)
    pieces = client.blob("a", digest_of(large))
    assert len(next(pieces)) == oci.PIECE
    pieces.close()  # 2.75 MiB are left, too much to read for nothing: the connection is closed
    assert b"".join(client.blob("a", digest_of(large))) == large
    assert b"".join(client.blob("a", digest_of(large))) == large
    assert len({request.port for request in server.seen}) == 2


def test_asking_for_a_large_blob_costs_no_connection(server):
    server.say("HEAD", f"/v2/a/blobs/{DIGEST}", Content_Length=str(1 << 30))
    client = RegistryClient(server.address)
    for _ in range(3):
        client.send("HEAD", "a", f"blobs/{DIGEST}").close()
    assert len(server.seen) == 3 and len({request.port for request in server.seen}) == 1


def test_threads_share_a_client_and_keep_its_connections(server):
    server.say("GET", f"/v2/a/blobs/{DIGEST}", body=CONTENT)
    client = RegistryClient(server.address, connections=4)
    found: list[bytes] = []

    def read() -> None:
        for _ in range(10):
            found.append(b"".join(client.blob("a", DIGEST)))

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [CONTENT] * 40 and len({request.port for request in server.seen}) <= 4


# Push


@pytest.mark.parametrize(
    "location", ["/v2/a/b/blobs/uploads/1?_state=x%3D", "http://{address}/v2/a/b/blobs/uploads/1?_state=x%3D"]
)
def test_a_blob_goes_where_the_registry_says(server, location):
    server.say("POST", "/v2/a/b/blobs/uploads/", 202, Location=location.format(address=server.address))
    place = f"/v2/a/b/blobs/uploads/1?_state=x%3D&digest={DIGEST.replace(':', '%3A')}"
    server.say("PUT", place, 201)
    client = RegistryClient(server.address, ("user", "pass:word"))
    client.push_blob("a/b", DIGEST, CONTENT)
    client.push_blob("a/b", DIGEST, iter([CONTENT[:10], CONTENT[10:]]), len(CONTENT))
    client.push_blob("a/b", DIGEST, iter([CONTENT[:10], CONTENT[10:]]))
    _, whole, _, sized, _, chunked = server.seen
    assert whole.body == sized.body == chunked.body == CONTENT
    assert whole.headers["Content-Length"] == sized.headers["Content-Length"] == str(len(CONTENT))
    assert chunked.headers["Transfer-Encoding"] == "chunked" and "Content-Length" not in chunked.headers
    basic = "Basic " + base64.b64encode(b"user:pass:word").decode()
    assert {request.headers["Authorization"] for request in server.seen} == {basic}
    server.say("POST", "/v2/a/b/blobs/uploads/", 202, Location="/uploads/2")
    server.say("PUT", f"/uploads/2?digest={DIGEST.replace(':', '%3A')}", 201)
    client.push_blob("a/b", DIGEST, b"")
    assert server.seen[-1].headers["Content-Length"] == "0"


def test_an_upload_elsewhere_gets_no_login(server):
    elsewhere = next(others := serving(Server()))
    elsewhere.say("PUT", f"/u?digest={DIGEST.replace(':', '%3A')}", 201)
    server.say("POST", "/v2/a/blobs/uploads/", 202, Location=f"http://{elsewhere.address}/u")
    RegistryClient(server.address, bearer="secret").push_blob("a", DIGEST, CONTENT)
    assert server.seen[0].headers["Authorization"] == "Bearer secret"
    assert elsewhere.seen[0].body == CONTENT and "Authorization" not in elsewhere.seen[0].headers
    assert next(others, None) is None


def test_an_upload_without_a_place_is_no_registrys(server):
    server.say("POST", "/v2/a/blobs/uploads/", 202)
    with pytest.raises(Unreachable, match="without a Location"):
        RegistryClient(server.address).push_blob("a", DIGEST, CONTENT)


def test_a_manifest_is_put_with_its_type(server):
    server.say("PUT", "/v2/a/b/manifests/1.0", 201)
    RegistryClient(server.address).push_manifest("a/b", "1.0", OCI_INDEX, b"{}")
    [put] = server.seen
    assert put.headers["Content-Type"] == OCI_INDEX and put.body == b"{}"


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (errors("DENIED", "not yours"), {"code": "DENIED", "message": "not yours", "detail": {"name": "a/b"}}),
        (b"<html>", {}),
        (b"", {}),
        (b'{"errors": []}', {}),
        (b'{"errors": [7]}', {}),
        (b"[" * 100_000, {}),
    ],
)
def test_a_refusal_has_the_registrys_words(server, body, error):
    server.say("PUT", "/v2/a/b/manifests/1", 403, body)
    server.say("GET", "/v2/a/b/manifests/1", 403, body)
    client = RegistryClient(server.address)
    with pytest.raises(Refused) as refused:
        client.push_manifest("a/b", "1", OCI_MANIFEST, b"{}")
    assert (refused.value.status, refused.value.body, refused.value.error) == (403, body, error)
    assert "takes a push to /v2/a/b/manifests/1" in refused.value.expected and "HTTP 403 to PUT" in refused.value.found
    assert "logged in" in refused.value.next_step
    with pytest.raises(Refused) as refused:
        client.manifest("a/b", "1")
    assert "course.py doctor" in refused.value.next_step


# Content discovery and management


def test_lists_are_read_page_by_page(server):
    server.say(
        "GET",
        "/v2/a/b/tags/list?n=1000",
        body=b'{"tags": ["1", "2"]}',
        Link='</v2/a/b/tags/list?n=2&last=2>; rel="next"',
    )
    server.say("GET", "/v2/a/b/tags/list?n=2&last=2", body=b'{"tags": ["3"]}', Link="<?n=2&last=3>; rel=next")
    server.say("GET", "/v2/a/b/tags/list?n=2&last=3", body=b'{"tags": null}')
    server.say("GET", "/v2/_catalog?n=1000", body=b'{"repositories": ["a/b"]}')
    client = RegistryClient(server.address)
    assert client.tags("a/b") == ["1", "2", "3"] and client.catalog() == ["a/b"]


@pytest.mark.parametrize(
    "body",
    [
        b"<html>",
        b"[]",
        b'{"repositories": 1}',
        b'{"repositories": "a/b"}',
        b'{"repositories": {"a": 1}}',
        b'{"repositories": ["a", 1]}',
        b"[" * 100_000,
    ],
)
def test_something_else_on_the_port_is_named(server, body):
    server.say("GET", "/v2/_catalog?n=1000", body=body)
    with pytest.raises(Unreachable, match="no list of names"):
        RegistryClient(server.address).catalog()


def test_a_list_that_does_not_end_is_given_up(server, monkeypatch):
    monkeypatch.setattr(oci, "MAX_PAGES", 5)
    server.say("GET", "/v2/a/tags/list?n=1000", body=b'{"tags": []}', Link="</v2/a/tags/list?n=1000>; rel=next")
    client = RegistryClient(server.address)
    with pytest.raises(Unreachable, match="more than 5 pages"):
        client.tags("a")
    assert len(server.seen) == 5
    monkeypatch.setattr(oci, "LIST_LIMIT", 20)  # a page is within it, two are not
    with pytest.raises(Unreachable, match="pages or 0 MiB"):
        client.tags("a")
    assert len(server.seen) == 7


@pytest.mark.parametrize("target", ["http://[", "http://[::1/v2/", "http://127.0.0.1:99999/", "file:///etc/hostname"])
def test_an_answer_that_leads_nowhere_is_named(server, target):
    client = RegistryClient(server.address)
    server.say("GET", "/v2/a/tags/list?n=1000", body=b'{"tags": []}', Link=f"<{target}>; rel=next")
    server.say("GET", f"/v2/a/blobs/{DIGEST}", 307, Location=target)
    server.say("POST", "/v2/a/blobs/uploads/", 202, Location=target)
    for ask in (
        lambda: client.tags("a"),
        lambda: client.blob("a", DIGEST),
        lambda: client.push_blob("a", DIGEST, CONTENT),
    ):
        with pytest.raises(Unreachable, match=r"leads to no address|no answer"):
            ask()


@pytest.mark.parametrize("length", ["many", "-1", "1.5", "7,7", "1_000", "9" * 5000])
def test_a_size_that_is_no_number_is_named(server, length):
    server.say("HEAD", f"/v2/a/blobs/{DIGEST}", Content_Length=length)
    with pytest.raises(Unreachable, match=r"no number of bytes|no answer"):
        RegistryClient(server.address).blob_size("a", DIGEST)


def test_a_deletion_is_accepted_or_told(server):
    server.say("DELETE", f"/v2/a/manifests/{DIGEST}", 202)
    client = RegistryClient(server.address)
    client.delete("a", DIGEST)
    server.say("DELETE", f"/v2/a/manifests/{DIGEST}", 405, errors("UNSUPPORTED", "The operation is unsupported."))
    with pytest.raises(Refused, match="405"):
        client.delete("a", DIGEST)


def test_referrers_where_the_registry_lists_them(server):
    listed = {"manifests": [{"digest": DIGEST}]}
    server.say("GET", f"/v2/a/referrers/{DIGEST}", body=json.dumps(listed).encode())
    client = RegistryClient(server.address)
    assert client.referrers("a", DIGEST) == [{"digest": DIGEST}]
    for wrong in (b'{"manifests": 7}', b'{"manifests": [7]}', b'{"manifests": {"digest": 1}}'):
        server.say("GET", f"/v2/a/referrers/{DIGEST}", body=wrong)
        with pytest.raises(Unreachable, match="no list of descriptors"):
            client.referrers("a", DIGEST)


# Requests


def test_every_status_of_a_plain_request_is_an_answer(server):
    client = RegistryClient(server.address)
    for status in (200, 201, 307, 401, 404, 429, 500):
        server.say("PATCH", "/v2/a/b/blobs/uploads/1?_state=a%2Fb", status, b"x", Location="/elsewhere")
        answer = client.send(
            "PATCH", "a/b", "blobs/uploads/1", query={"_state": "a/b"}, headers={"Range": "0-1"}, body=b"12"
        )
        assert (answer.status, answer.headers["location"], answer.body()) == (status, "/elsewhere", b"x")
        assert server.seen[-1].headers["Range"] == "0-1" and server.seen[-1].body == b"12"
    server.say("GET", "/v2/", 401)
    assert client.ping() == 401


def test_nothing_in_a_name_ends_the_path(server):
    RegistryClient(server.address).send("GET", "a?b#c d", "manifests/1?n=2").close()
    assert server.seen[0].path == "/v2/a%3Fb%23c%20d/manifests/1%3Fn%3D2"


@pytest.mark.parametrize(
    "media_type", ["text/plain\nX-Other: 1", "text/plain\r\n\r\n{}", "a\0b", "日本", "\ud800", "a\x7f"]
)
def test_a_media_type_that_no_header_can_hold_is_refused(server, media_type):
    with pytest.raises(Unsendable, match="cannot be sent") as refused:
        RegistryClient(server.address).push_manifest("a", "1", media_type, b"{}")
    assert isinstance(refused.value, Refused) and (refused.value.status, refused.value.error) == (400, {})
    assert "takes a push to /v2/a/manifests/1" in refused.value.expected and server.seen == []
    str(refused.value).encode()


@pytest.mark.parametrize(("name", "tag"), [("a", "\ud800"), ("\ud800", "1"), ("a", ".."), ("a", "."), ("a/../b", "1")])
def test_a_name_that_no_path_can_hold_is_refused(server, name, tag):
    client = RegistryClient(server.address)
    for ask in (
        client.manifest,
        client.head,
        client.delete,
        client.blob,
        lambda *what: client.push_manifest(*what, OCI_MANIFEST, b""),
    ):
        with pytest.raises(Unsendable, match="a name or tag") as refused:
            ask(name, tag)
        str(refused.value).encode()
    assert server.seen == []


@given(st.text(), st.text(), st.text())
def test_no_name_tag_or_type_raises_anything_untyped(name, tag, media_type):
    """Port 9 of this machine is closed, so what can be sent is not answered."""
    client = RegistryClient("127.0.0.1:9", connect_seconds=5)
    with pytest.raises((Unreachable, Unsendable)):
        client.push_manifest(name, tag, media_type, b"{}")


def test_another_root(server):
    server.say("GET", "/_course/v2/a/manifests/1", body=b"{}")
    assert RegistryClient(server.address, root="/_course/v2/", bearer="s").manifest("a", "1").content == b"{}"


def test_an_answer_that_is_too_large_or_breaks_off(server):
    server.say("GET", "/v2/a/manifests/large", body=bytes((4 << 20) + 1))
    client = RegistryClient(server.address)
    with pytest.raises(Unreachable, match="more than 4194304 bytes"):
        client.manifest("a", "large")
    server.say("GET", f"/v2/a/blobs/{DIGEST}", body=CONTENT, Content_Length=str(len(CONTENT) + 1), Connection="close")
    with pytest.raises(Unreachable, match="did not end: the connection broke off"):
        b"".join(client.blob("a", DIGEST))


def test_no_registry_at_all():
    with pytest.raises(Unreachable, match="no answer: the connection was refused") as error:
        RegistryClient("127.0.0.1:9", connect_seconds=5).ping()
    assert "127.0.0.1:9" in error.value.expected and "course.py start" in error.value.next_step


def test_settings_of_the_machine_play_no_part(server, monkeypatch, tmp_path):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login a password b\n", encoding="utf-8")
    monkeypatch.setenv("HOME", str(tmp_path))
    server.say("GET", "/v2/")
    assert RegistryClient(server.address).ping() == 200 and "Authorization" not in server.seen[0].headers


# TLS


@pytest.fixture
def secured(tmp_path) -> Iterator[tuple[Server, str]]:
    """A server with the lab's kind of certificate, and the certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    text = certificate()
    (tmp_path / "domain.crt").write_text(text, encoding="utf-8")
    (tmp_path / "domain.key").write_text(key_pem(), encoding="utf-8")
    context.load_cert_chain(tmp_path / "domain.crt", tmp_path / "domain.key")
    for told in serving(Server(), context):
        yield told, text


def trusting(text: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | settings_probe.NO_CHECK_TIME
    context.load_verify_locations(cadata=text)
    return context


def test_tls_is_verified_for_the_name_that_is_asked_for(secured):
    told, text = secured
    told.say("GET", "/v2/", 401)
    client = RegistryClient(told.address, tls=trusting(text), host=HOST)
    assert client.ping() == 401 and told.seen[0].headers["Host"] == HOST
    with pytest.raises(Unreachable, match="its certificate is not one that is trusted here"):
        RegistryClient(told.address, tls=trusting(text), host="other.example").ping()
    with pytest.raises(Unreachable, match="its certificate is not one that is trusted here"):
        RegistryClient(told.address, tls=ssl.create_default_context(), host=HOST).ping()


def test_a_place_under_the_registrys_own_name_is_at_its_address(secured):
    told, text = secured
    told.say("POST", "/v2/a/blobs/uploads/", 202, Location=f"https://{HOST}/v2/a/blobs/uploads/1?_state=x")
    told.say("PUT", f"/v2/a/blobs/uploads/1?_state=x&digest={DIGEST.replace(':', '%3A')}", 201)
    RegistryClient(told.address, ("u", "p"), tls=trusting(text), host=HOST).push_blob("a", DIGEST, CONTENT)
    assert told.seen[1].body == CONTENT and told.seen[1].headers["Host"] == HOST
    assert "Authorization" in told.seen[1].headers


def test_a_context_that_verifies_nothing_warns_of_nothing(secured):
    told, _ = secured
    told.say("GET", "/v2/")
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert RegistryClient(told.address, tls=context).ping() == 200


@dataclass
class Hasty:
    """A server that answers one request a connection, and ends the connection at the next one instead of answering."""

    answered: int = 1  # requests that get an answer on each connection
    port: int = 0
    seen: list[str] = field(default_factory=list)  # the methods, in order

    def serve(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:  # the test is over
                return
            with connection, connection.makefile("rb") as sent:
                for number in range(self.answered + 1):
                    head = []
                    while (line := sent.readline()) not in (b"\r\n", b""):
                        head.append(line)
                    if not head:
                        break
                    self.seen.append(head[0].split()[0].decode())
                    if number == self.answered:
                        break
                    connection.sendall(
                        b"HTTP/1.1 200 OK\r\nDocker-Content-Digest: sha256:a\r\nContent-Length: 0\r\n\r\n"
                    )


@pytest.fixture
def hasty() -> Iterator[Hasty]:
    server = Hasty()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server.port = listener.getsockname()[1]
        thread = threading.Thread(target=server.serve, args=(listener,), daemon=True)
        thread.start()
        yield server
        with contextlib.suppress(OSError):  # not every system has this for a socket that listens
            listener.shutdown(socket.SHUT_RDWR)


def test_a_kept_connection_that_is_closed_when_it_is_used_again_is_no_error(hasty):
    """A student's answer was not recorded for this once."""
    client = RegistryClient(f"127.0.0.1:{hasty.port}")
    assert [client.head("a", "v1") for _ in range(3)] == ["sha256:a"] * 3
    assert len(hasty.seen) == 5  # the second and third were sent twice


def test_what_changes_something_is_not_sent_twice(hasty):
    client = RegistryClient(f"127.0.0.1:{hasty.port}")
    client.head("a", "v1")
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        with pytest.raises(Unreachable):
            client.send(method, "a", "blobs/uploads/")
        client.head("a", "v1")
        client.head("a", "v1")
    assert [method for method in hasty.seen if method != "HEAD"] == ["POST", "PUT", "PATCH", "DELETE"]


def test_who_never_answers_is_asked_twice_at_most(hasty):
    hasty.answered = 0
    with pytest.raises(Unreachable, match="no answer"):
        RegistryClient(f"127.0.0.1:{hasty.port}").head("a", "v1")
    assert hasty.seen == ["HEAD", "HEAD"]
