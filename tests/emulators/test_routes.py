"""What may reach the store: names, references and parameters that fit their grammar, nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.emulators.interface import Kind, RegistryError
from autograder.emulators.routes import is_name, parse

DIGEST = "sha256:" + "a" * 64


def environ(path: str, method: str = "GET", query: str = "", host: str = "localhost:5002") -> dict[str, Any]:
    return {"REQUEST_METHOD": method, "PATH_INFO": path, "QUERY_STRING": query, "HTTP_HOST": host}


@pytest.mark.parametrize(
    ("path", "method", "kind", "name", "reference"),
    [
        ("/v2", "GET", Kind.BASE, "", ""),
        ("/v2/", "HEAD", Kind.BASE, "", ""),
        ("/v2/_catalog", "GET", Kind.CATALOG, "", ""),
        ("/v2/a/tags/list", "GET", Kind.TAGS, "a", ""),
        ("/v2/a/b/c/manifests/1.0", "PUT", Kind.MANIFEST, "a/b/c", "1.0"),
        (f"/v2/a/manifests/{DIGEST}", "DELETE", Kind.MANIFEST, "a", DIGEST),
        (f"/v2/a/blobs/{DIGEST}", "HEAD", Kind.BLOB, "a", DIGEST),
        ("/v2/a/blobs/uploads/", "POST", Kind.UPLOAD, "a", ""),
        ("/v2/a/blobs/uploads", "POST", Kind.UPLOAD, "a", ""),
        ("/v2/a/blobs/uploads/1f-2", "PATCH", Kind.UPLOAD, "a", "1f-2"),
        (f"/v2/a/referrers/{DIGEST}", "GET", Kind.REFERRERS, "a", DIGEST),
        ("/v2/blobs/uploads/manifests/1", "GET", Kind.MANIFEST, "blobs/uploads", "1"),
        ("/v2/manifests/manifests/manifests/x", "GET", Kind.MANIFEST, "manifests/manifests", "x"),
        ("/v2/a/tags/list/manifests/x", "GET", Kind.MANIFEST, "a/tags/list", "x"),
    ],
)
def test_endpoints(path: str, method: str, kind: Kind, name: str, reference: str) -> None:
    call = parse(environ(path, method))
    assert (call.kind, call.repository, call.reference, call.host) == (kind, name, reference, "localhost:5002")


@pytest.mark.parametrize(
    ("path", "method", "status", "code"),
    [
        ("/v2/../etc/passwd", "GET", 404, "UNSUPPORTED"),
        ("/v2/a/../../b/manifests/x", "GET", 400, "NAME_INVALID"),
        ("/v2/a%2Fb/manifests/x", "GET", 400, "NAME_INVALID"),
        ("/v2/a/./b/manifests/x", "GET", 400, "NAME_INVALID"),
        ("/v2//a/manifests/x", "GET", 400, "NAME_INVALID"),
        ("/v2/A/manifests/x", "GET", 400, "NAME_INVALID"),
        ("/v2/a\r\nHost: evil/manifests/x", "GET", 404, "UNSUPPORTED"),
        ("/v2/http://evil/manifests/x", "GET", 400, "NAME_INVALID"),
        (f"/v2/{'a' * 250}/manifests/x", "GET", 400, "NAME_INVALID"),
        ("/v2/a/manifests/..", "GET", 400, "TAG_INVALID"),
        ("/v2/a/manifests/-x", "GET", 400, "TAG_INVALID"),
        (f"/v2/a/manifests/{'a' * 129}", "GET", 400, "TAG_INVALID"),
        ("/v2/a/manifests/sha256:abc", "GET", 400, "DIGEST_INVALID"),
        ("/v2/a/manifests/sha512:" + "a" * 128, "GET", 400, "DIGEST_INVALID"),
        ("/v2/a/blobs/../../secret", "GET", 404, "UNSUPPORTED"),
        ("/v2/a/blobs/sha256:" + "A" * 64, "GET", 400, "DIGEST_INVALID"),
        ("/v2/a/blobs/uploads/../x", "PATCH", 404, "UNSUPPORTED"),
        ("/v2/a/blobs/uploads/..", "PATCH", 404, "BLOB_UPLOAD_UNKNOWN"),
        ("/v2/a/blobs/uploads/x?y", "PATCH", 404, "BLOB_UPLOAD_UNKNOWN"),
        ("/v2/a/blobs/uploads/", "PATCH", 404, "BLOB_UPLOAD_UNKNOWN"),
        ("/v2/a/blobs/uploads/1f", "POST", 404, "BLOB_UPLOAD_UNKNOWN"),
        ("/v2/a/tags/list", "DELETE", 405, "UNSUPPORTED"),
        (f"/v2/a/blobs/{DIGEST}", "DELETE", 405, "UNSUPPORTED"),
        ("/v2/a/manifests/x", "PATCH", 405, "UNSUPPORTED"),
        ("/v2/", "POST", 405, "UNSUPPORTED"),
        ("/v2/a", "GET", 404, "UNSUPPORTED"),
        ("/v2/_course/health", "GET", 404, "UNSUPPORTED"),
    ],
)
def test_what_does_not_fit_is_refused(path: str, method: str, status: int, code: str) -> None:
    with pytest.raises(RegistryError) as caught:
        parse(environ(path, method))
    assert (caught.value.status, caught.value.code) == (status, code)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("mount=http://evil&from=a", "DIGEST_INVALID"),
        (f"mount={DIGEST}&from=../../x", "NAME_INVALID"),
        (f"mount={DIGEST}&from=a%2F..%2Fb", "NAME_INVALID"),
        (f"mount={DIGEST}&from=", "NAME_INVALID"),
        ("digest=x", "DIGEST_INVALID"),
    ],
)
def test_parameters_are_checked(query: str, code: str) -> None:
    with pytest.raises(RegistryError) as caught:
        parse(environ("/v2/a/blobs/uploads/", "POST", query))
    assert caught.value.code == code


def test_unknown_parameters_stay_behind_and_the_first_value_counts() -> None:
    call = parse(environ("/v2/a/tags/list", query="n=2&n=3&last=b&evil=http://x&url=y"))
    assert call.query == {"n": "2", "last": "b"}
    with pytest.raises(RegistryError):
        parse(environ("/v2/a/blobs/uploads/1f", "PATCH", "_state=a/b"))


@pytest.mark.parametrize("host", ["", 'x" evil="1', "a b", "a/b", "evil\r\nX: y", "user@host", "a" * 300])
def test_a_malformed_host_never_gets_into_a_challenge(host: str) -> None:
    with pytest.raises(RegistryError, match="Host"):
        parse(environ("/v2/", host=host))


@given(st.text())
def test_whatever_passes_is_harmless_in_an_address(text: str) -> None:
    if is_name(text):
        assert text.isascii() and not {"..", "//", "%", "?", "#", "\\", " "} & {
            text[n : n + k] for n in range(len(text)) for k in (1, 2)
        }
        assert not text.startswith(("/", ".", "_")) and not text.endswith("/")


@given(st.from_regex(r"\A/v2/[a-z/.%:@A-Z]{0,40}\Z"), st.sampled_from(["GET", "PUT", "PATCH", "POST", "DELETE"]))
def test_any_path_is_parsed_or_refused(path: str, method: str) -> None:
    try:
        call = parse(environ(path, method))
    except RegistryError as error:
        assert error.status in (400, 404, 405)
    else:
        assert call.kind in (Kind.BASE, Kind.CATALOG) or is_name(call.repository)
