"""Snapshots of a registry: what checks see now is what the grader will see in the submission."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from autograder.collect import registry
from autograder.collect.registry import snapshot
from autograder.errors import EnvironmentProblem
from autograder.evidence import layout
from autograder.oci import manifests
from autograder.oci.client import RegistryClient
from autograder.oci.manifests import digest_of
from tests.evidence.images import Layout, js

Answers = dict[str, tuple[int, str, bytes]]  # path -> status, media type, body


class Handler(BaseHTTPRequestHandler):
    answers: Answers

    def do_GET(self) -> None:
        status, kind, body = self.answers.get(self.path.partition("?")[0], (404, "application/json", b"{}"))
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    do_HEAD = do_GET

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def answers() -> Answers:
    return {}


@pytest.fixture
def client(answers: Answers) -> Iterator[RegistryClient]:
    handler = type("Own", (Handler,), {"answers": answers})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield RegistryClient(f"127.0.0.1:{server.server_port}")
        server.shutdown()


def serve(answers: Answers, made: Layout, **tags: tuple[str, int, str]) -> None:
    """The content of a layout, as a registry with a repository ``a/b`` answers."""
    answers["/v2/a/b/tags/list"] = (200, "application/json", js({"tags": list(tags)}))
    for name, content in made.files.items():
        if name.startswith("blobs/"):
            digest = name.removeprefix("blobs/").replace("/", ":")
            answers[f"/v2/a/b/blobs/{digest}"] = (200, "application/octet-stream", content)
    for tag, (digest, _, kind) in tags.items():
        for reference in (tag, digest):
            answers[f"/v2/a/b/manifests/{reference}"] = (200, kind, made.files[layout.blob_name(digest)])


def kinds(found: registry.Repository) -> list[str]:
    return sorted(problem.kind for problem in found.problems)


def test_a_snapshot_travels_and_verifies(client, answers, tmp_path):
    made = Layout()
    serve(answers, made, one=made.image([b"a", b"b"]), two=made.image([b"a" * 300_000]))
    taken = snapshot(client, "registry", "a/b", layers="all")
    registry.export(client, taken, tmp_path)
    again = layout.verify(layout.FolderSource(tmp_path), service="registry", name="a/b", layers="all")
    assert again == taken and not again.problems


def test_an_answer_that_names_a_config_or_a_layer_does_not_stop_the_snapshot(client, answers):
    """registry:2 finds the blob, cannot read it as a manifest, and says 500."""
    made = Layout()
    serve(answers, made, v1=made.image([b"x"]))
    known = manifests.parse(answers["/v2/a/b/manifests/v1"][2])
    also = {known.config.digest, known.layers[0].digest}
    for digest in also:
        answers[f"/v2/a/b/manifests/{digest}"] = (500, "application/json", b'{"errors":[{"code":"UNKNOWN"}]}')
    found = snapshot(client, "registry", "a/b", also=also)
    assert list(found.tags) == ["v1"] and len(found.manifests) == 1 and found.problems == ()
    assert not also & set(found.manifests)
    nowhere = "sha256:" + "0" * 64  # a registry in trouble is still told
    answers[f"/v2/a/b/manifests/{nowhere}"] = (500, "application/json", b"{}")
    with pytest.raises(EnvironmentProblem):
        snapshot(client, "registry", "a/b", also={nowhere})
    answers["/v2/a/b/manifests/v1"] = (500, "application/json", b"{}")
    with pytest.raises(EnvironmentProblem, match="500"):
        snapshot(client, "registry", "a/b")


def test_a_heavy_image_is_told_and_left_out_while_a_small_one_travels(client, answers, tmp_path, monkeypatch):
    monkeypatch.setattr(layout, "MAX_LAYERS", 2_000)
    made = Layout()
    serve(answers, made, heavy=made.image([b"x" * 3_000]), small=made.image([b"small"]))
    taken = snapshot(client, "registry", "a/b", layers="all")
    assert kinds(taken) == ["too-large"] and "3,000 bytes" in taken.problems[0].detail
    assert digest_of(b"small") in taken.blobs and digest_of(b"x" * 3_000) not in taken.blobs
    registry.export(client, taken, tmp_path)
    assert not (tmp_path / layout.blob_name(digest_of(b"x" * 3_000))).exists()
    again = layout.verify(layout.FolderSource(tmp_path), service="registry", name="a/b", layers="all")
    assert again.blobs == taken.blobs


def test_a_size_that_the_manifest_gets_wrong_is_told_now(client, answers):
    made = Layout()
    digest, size, kind = made.image([b"abc"])
    text = made.files[layout.blob_name(digest)].replace(b'"size":3', b'"size":4')
    serve(answers, made, one=(made.blob(text), size, kind))
    assert kinds(snapshot(client, "registry", "a/b", layers="all")) == ["wrong-size"]


def test_a_manifest_that_is_no_text_is_told(client, answers):
    made = Layout()
    serve(answers, made, bad=(made.blob(b"\xff"), 1, manifests.OCI_MANIFEST))
    assert kinds(snapshot(client, "registry", "a/b")) == ["malformed"]


def test_a_blob_that_vanished_meanwhile_is_the_environments_fault(client, answers, tmp_path):
    made = Layout()
    serve(answers, made, one=made.image([b"a" * 300_000]))
    taken = snapshot(client, "registry", "a/b", layers="all")
    del answers[f"/v2/a/b/blobs/{digest_of(b'a' * 300_000)}"]
    with pytest.raises(EnvironmentProblem):
        registry.export(client, taken, tmp_path)
