"""What clients rely on in the distribution API, asked of each backend and of a real registry:2: the answers must agree.

https://github.com/opencontainers/distribution-spec/blob/main/spec.md
Where a backend differs on purpose, a test of its own says so.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest

from autograder.oci.manifests import DOCKER_LIST, DOCKER_MANIFEST, OCI_CONFIG, OCI_INDEX, OCI_MANIFEST, digest_of
from autograder.services.installation import Installation

from .support import LAYER, Answer, Place, RegistryHttp, amazon

pytestmark = pytest.mark.engine
Steps = Callable[[RegistryHttp, str], Iterator[Any]]
ABSENT = digest_of(b"what nobody has pushed")


def scope(name: str) -> str:
    return f"repository:{name}:pull,push"


def told(answer: Answer, *headers: str) -> tuple[Any, ...]:
    """What must agree: the status, the error's code, and these headers."""
    failed = answer.status >= 400 and answer.body.startswith(b"{")
    return (answer.status, answer.code if failed else "", *(answer.headers.get(name) for name in headers))


def start(client: RegistryHttp, name: str, query: str = "") -> Answer:
    return client.send("POST", f"/v2/{name}/blobs/uploads/{query}", b"", scope(name))


def finish(client: RegistryHttp, name: str, place: str, digest: str, body: Any = b"", **headers: str) -> Answer:
    return client.send("PUT", f"{place}{'&' if '?' in place else '?'}digest={digest}", body, scope(name), **headers)


def monolithic_upload(client: RegistryHttp, name: str) -> Iterator[Any]:
    content = b"in one piece" * 1000
    begun = start(client, name)
    yield told(begun, "Range", "Content-Length"), bool(begun.headers["Docker-Upload-UUID"])
    done = finish(client, name, begun.headers["Location"], digest_of(content), content)
    yield told(done, "Docker-Content-Digest"), done.headers["Location"].endswith(f"/{name}/blobs/{digest_of(content)}")
    head = client.send("HEAD", f"/v2/{name}/blobs/{digest_of(content)}", None, scope(name))
    yield told(head, "Content-Length", "Docker-Content-Digest", "Content-Type", "Accept-Ranges"), head.body
    yield client.send("GET", f"/v2/{name}/blobs/{digest_of(content)}", None, scope(name)).body == content


def chunked_upload(client: RegistryHttp, name: str) -> Iterator[Any]:
    pieces = [b"a" * 70_000, b"b" * 300_000, b"c" * 5]
    place = start(client, name).headers["Location"]
    sent = 0
    for number, piece in enumerate(pieces):
        if number == 1:  # without a length: Docker's daemon sends all its layers like this
            part = client.send("PATCH", place, iter([piece[:1000], piece[1000:]]), scope(name))
        else:
            span = f"{sent}-{sent + len(piece) - 1}"
            part = client.send("PATCH", place, piece, scope(name), Content_Range=span)
        sent += len(piece)
        place = part.headers["Location"]
        yield told(part, "Range", "Content-Length")
    asked = client.send("GET", place, None, scope(name))
    yield told(asked, "Range")
    whole = b"".join(pieces)
    yield told(finish(client, name, asked.headers["Location"], digest_of(whole)), "Docker-Content-Digest")
    yield client.send("GET", f"/v2/{name}/blobs/{digest_of(whole)}", None, scope(name)).body == whole


def a_last_piece_in_the_closing_put(client: RegistryHttp, name: str) -> Iterator[Any]:
    place = client.send("PATCH", start(client, name).headers["Location"], b"first ", scope(name)).headers["Location"]
    whole = b"first last"
    yield told(finish(client, name, place, digest_of(whole), iter([b"la", b"st"])), "Docker-Content-Digest")


def failed_uploads(client: RegistryHttp, name: str) -> Iterator[Any]:
    yield told(finish(client, name, start(client, name).headers["Location"], ABSENT, b"something else"))
    place = start(client, name).headers["Location"]
    yield told(client.send("DELETE", place, None, scope(name)))
    yield told(client.send("GET", place, None, scope(name)))
    yield told(client.send("PATCH", place, b"x", scope(name)))
    yield told(client.send("PATCH", start(client, name).headers["Location"], b"xy", scope(name), Content_Range="5-6"))


def ranges(client: RegistryHttp, name: str) -> Iterator[Any]:
    digest = client.push_blob(name, bytes(range(256)) * 100)
    for wanted in ("bytes=0-9", "bytes=100-", "bytes=25599-25599", "bytes=-5", "bytes=99999-", "bytes=0-1,4-5"):
        answer = client.send("GET", f"/v2/{name}/blobs/{digest}", None, scope(name), Range=wanted)
        body = answer.body if answer.status == 206 and "," not in wanted else None
        yield wanted, told(answer, "Content-Range"), body
    etag = client.send("HEAD", f"/v2/{name}/blobs/{digest}", None, scope(name)).headers["Etag"]
    yield etag, told(client.send("GET", f"/v2/{name}/blobs/{digest}", None, scope(name), If_None_Match=etag))


def mounts(client: RegistryHttp, name: str) -> Iterator[Any]:
    digest = client.push_blob(f"{name}-source", b"a shared layer")
    both = f"{scope(name)} repository:{name}-source:pull"
    path = f"/v2/{name}/blobs/uploads/?mount={digest}&from={name}-source"
    mounted = client.send("POST", path, b"", both)
    yield told(mounted, "Docker-Content-Digest"), mounted.headers["Location"].endswith(f"/{name}/blobs/{digest}")
    yield told(client.send("HEAD", f"/v2/{name}/blobs/{digest}", None, scope(name)))
    missing = client.send("POST", f"/v2/{name}/blobs/uploads/?mount={ABSENT}&from={name}-source", b"", both)
    yield told(missing), "Location" in missing.headers
    yield told(client.send("POST", f"/v2/{name}/blobs/uploads/?mount={ABSENT}&from={name}-never", b"", both))


def manifests_by_tag_and_digest(client: RegistryHttp, name: str) -> Iterator[Any]:
    digest = client.push_image(name, "1.0")
    accept = {"Accept": f"{OCI_MANIFEST}, {OCI_INDEX}, {DOCKER_MANIFEST}, {DOCKER_LIST}"}
    for reference in ("1.0", digest):
        for method in ("GET", "HEAD"):
            answer = client.send(method, f"/v2/{name}/manifests/{reference}", None, scope(name), **accept)
            headers = ("Content-Type", "Docker-Content-Digest", "Content-Length", "Etag")
            yield method, told(answer, *headers), digest_of(answer.body)
    etag = f'"{digest}"'
    again = client.send("GET", f"/v2/{name}/manifests/1.0", None, scope(name), If_None_Match=etag, **accept)
    yield told(again), again.body
    for missing in ("2.0", ABSENT):
        answer = client.send("GET", f"/v2/{name}/manifests/{missing}", None, scope(name), **accept)
        yield told(answer), answer.json["errors"][0]["message"]
        yield told(client.send("HEAD", f"/v2/{name}/manifests/{missing}", None, scope(name), **accept))


def manifest_pushes(client: RegistryHttp, name: str) -> Iterator[Any]:
    config, layer = client.push_blob(name, b"{}"), client.push_blob(name, b"layer")
    for kind in (OCI_MANIFEST, DOCKER_MANIFEST):
        document = {
            "schemaVersion": 2,
            "mediaType": kind,
            "config": {"mediaType": OCI_CONFIG, "digest": config, "size": 2},
            "layers": [{"mediaType": LAYER, "digest": layer, "size": 5}],
        }
        body = json.dumps(document).encode()
        done = client.push_manifest(name, "t", body, kind)
        yield told(done, "Docker-Content-Digest"), done.headers["Location"].endswith(f"/manifests/{digest_of(body)}")
        listing = {"mediaType": kind, "digest": digest_of(body), "size": len(body)}
        platform = {"platform": {"architecture": "amd64", "os": "linux"}}
        outer = OCI_INDEX if kind == OCI_MANIFEST else DOCKER_LIST
        both = json.dumps({"schemaVersion": 2, "mediaType": outer, "manifests": [{**listing, **platform}]}).encode()
        yield told(client.push_manifest(name, "multi", both, outer), "Docker-Content-Digest")
        yield told(client.push_manifest(name, digest_of(body), body, kind))
        yield told(client.push_manifest(name, ABSENT, body, kind))
        document["layers"] = [{"mediaType": LAYER, "digest": ABSENT, "size": 5}]
        broken = client.push_manifest(name, "t", json.dumps(document).encode(), kind)
        yield told(broken), [error["code"] for error in broken.json["errors"]]
        lost = json.dumps(
            {"schemaVersion": 2, "mediaType": outer, "manifests": [{**listing, "digest": ABSENT, **platform}]}
        )
        yield told(client.push_manifest(name, "multi", lost.encode(), outer))
    for nonsense in (b"", b"{", b"[]", b'{"schemaVersion": 2}'):  # null, too, but that breaks registry:2 (500)
        yield nonsense, told(client.push_manifest(name, "t", nonsense, OCI_MANIFEST))[0]


def tags(client: RegistryHttp, name: str) -> Iterator[Any]:
    yield told(client.send("GET", f"/v2/{name}/tags/list", None, scope(name) + ",metadata_read"))
    for tag in ("b", "a", "C"):
        client.push_image(name, tag)
    listed = client.send("GET", f"/v2/{name}/tags/list", None, scope(name) + ",metadata_read").json
    yield sorted(listed["tags"]), listed["name"] == name


def missing_blobs(client: RegistryHttp, name: str) -> Iterator[Any]:
    for method in ("GET", "HEAD"):
        yield told(client.send(method, f"/v2/{name}/blobs/{ABSENT}", None, scope(name)))


def deletion(client: RegistryHttp, name: str) -> Iterator[Any]:
    rights = f"repository:{name}:pull,push,delete"
    digest = client.push_image(name, "1")
    client.push_manifest(
        name, "2", client.send("GET", f"/v2/{name}/manifests/1", None, rights, Accept=OCI_MANIFEST).body
    )
    yield told(client.send("DELETE", f"/v2/{name}/manifests/{digest}", None, rights))
    for gone in ("1", "2", digest):
        yield told(client.send("GET", f"/v2/{name}/manifests/{gone}", None, rights, Accept=OCI_MANIFEST))
    yield told(client.send("DELETE", f"/v2/{name}/manifests/{digest}", None, rights))
    yield client.push_image(name, "1") == digest, "the same image comes back"
    yield told(client.send("GET", f"/v2/{name}/manifests/1", None, rights, Accept=OCI_MANIFEST))


def base(client: RegistryHttp, name: str) -> Iterator[Any]:
    answer = client.send("GET", "/v2/")
    yield told(answer, "Docker-Distribution-Api-Version"), answer.json
    referrers = client.send("GET", f"/v2/{name}/referrers/{ABSENT}", None, scope(name))
    yield referrers.status, "a client then uses the fallback tag"


SCENARIOS: list[Steps] = [
    base,
    monolithic_upload,
    chunked_upload,
    a_last_piece_in_the_closing_put,
    failed_uploads,
    ranges,
    mounts,
    manifests_by_tag_and_digest,
    manifest_pushes,
    tags,
    missing_blobs,
    deletion,
]


@pytest.mark.parametrize("steps", SCENARIOS, ids=lambda steps: steps.__name__)
def test_an_emulator_answers_as_the_registry_does(place: Place, registry: str, steps: Steps) -> None:
    name = f"s{uuid4().hex[:10]}"
    real = list(steps(RegistryHttp(registry), f"team/{name}"))
    backend = list(steps(place.http(), f"{place.namespace}/{name}"))
    assert len(real) > 0
    for number, (expected, found) in enumerate(zip(real, backend, strict=True)):
        assert found == expected, f"answer {number} of {steps.__name__}"


# Where ECR answers otherwise on purpose: scenario and number of the answer -> what it says. Mounts are not among the
# scenarios for it, since nothing is mounted across its repositories (ecr/test_backend.py).
IN_ECR: dict[tuple[Steps, int], Any] = {
    (base, 1): (200, "a client then uses the fallback tag"),  # it has the endpoint
    (manifests_by_tag_and_digest, 5): ((404, "MANIFEST_UNKNOWN"), "Requested image not found"),
    (manifests_by_tag_and_digest, 7): ((404, "MANIFEST_UNKNOWN"), "Requested image not found"),
    (tags, 0): (200, ""),  # the repository was made first
}


@pytest.mark.parametrize("steps", [each for each in SCENARIOS if each is not mounts], ids=lambda steps: steps.__name__)
def test_ecr_answers_as_the_registry_does(running: Installation, registry: str, steps: Steps) -> None:
    name = f"team/s{uuid4().hex[:10]}"
    place = amazon(f"localhost:{running.ports['ecr']}", name)
    real = list(steps(RegistryHttp(registry), name))
    backend = list(steps(place.http(), name))
    for number, (expected, found) in enumerate(zip(real, backend, strict=True)):
        assert found == IN_ECR.get((steps, number), expected), f"answer {number} of {steps.__name__}"


def test_tags_come_in_pages_with_a_link(place: Place) -> None:
    """registry:2 ignores ``n``; the backends page as the specification says ("Listing Tags")."""
    client, name = place.http(), f"{place.namespace}/s{uuid4().hex[:10]}"
    for tag in ("e", "a", "c", "b", "d"):
        client.push_image(name, tag)
    seen: list[str] = []
    path: str | None = f"/v2/{name}/tags/list?n=2"
    while path:
        answer = client.send("GET", path, None, f"repository:{name}:pull,metadata_read")
        seen += answer.json["tags"]
        link = answer.headers.get("Link")
        path = link.partition("<")[2].partition(">")[0] if link else None
        assert link is None or (link.endswith('rel="next"') and "/hub/" not in link and "/gar/" not in link)
    assert seen == ["a", "b", "c", "d", "e"]
    pull = f"repository:{name}:pull,metadata_read"
    assert client.send("GET", f"/v2/{name}/tags/list?n=0", None, pull).json["tags"] == []
    assert client.send("GET", f"/v2/{name}/tags/list?last=c", None, pull).json["tags"] == ["d", "e"]
    assert client.send("GET", f"/v2/{name}/tags/list?n=-1", None, pull).status == 400


def test_a_manifest_comes_as_it_was_pushed_whatever_is_accepted(place: Place) -> None:
    """registry:2 answers a plain request for an OCI manifest with 404, or rewrites older ones; no cloud does."""
    client, name = place.http(), f"{place.namespace}/s{uuid4().hex[:10]}"
    digest = client.push_image(name, "1")
    answer = client.send("GET", f"/v2/{name}/manifests/1", None, f"repository:{name}:pull")
    assert (answer.status, digest_of(answer.body)) == (200, digest)


def test_a_tag_can_be_removed_alone(place: Place) -> None:
    """registry:2.8 cannot; the specification allows it ("Deleting tags"), and the clouds do it."""
    client, name = place.http(), f"{place.namespace}/s{uuid4().hex[:10]}"
    digest = client.push_image(name, "1")
    assert client.push_image(name, "2") == digest
    assert client.send("DELETE", f"/v2/{name}/manifests/1", None, f"repository:{name}:pull,delete").status == 202
    assert (client.digest(name, "1"), client.digest(name, "2")) == (None, digest)
