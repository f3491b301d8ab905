"""Takes a request to ``/v2/`` apart; what does not fit the grammar is refused here and never reaches the store.

Everything the proxy later puts into an address of the store comes out of this module: names, tags, digests and upload
ids that match their grammar in full, and the few query parameters that the distribution API knows. So no encoded slash,
``..``, second host or line break can travel on.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl

from autograder.domain.references import grammar
from autograder.emulators.interface import Call, Kind, RegistryError

METHODS = {
    Kind.BASE: ("GET", "HEAD"),
    Kind.CATALOG: ("GET",),
    Kind.TAGS: ("GET",),
    Kind.MANIFEST: ("GET", "HEAD", "PUT", "DELETE"),
    Kind.BLOB: ("GET", "HEAD"),
    Kind.UPLOAD: ("GET", "HEAD", "POST", "PATCH", "PUT", "DELETE"),
    Kind.REFERRERS: ("GET",),
}

# Longest suffix first: a repository may itself be called "a/blobs" or "a/tags/list/b".
ENDPOINTS = (
    (Kind.UPLOAD, re.compile(r"(?P<name>.+)/blobs/uploads/?(?P<reference>[^/]*)")),
    (Kind.TAGS, re.compile(r"(?P<name>.+)/tags/list(?P<reference>)")),
    (Kind.MANIFEST, re.compile(r"(?P<name>.+)/manifests/(?P<reference>[^/]+)")),
    (Kind.BLOB, re.compile(r"(?P<name>.+)/blobs/(?P<reference>[^/]+)")),
    (Kind.REFERRERS, re.compile(r"(?P<name>.+)/referrers/(?P<reference>[^/]+)")),
)
QUERY = ("n", "last", "digest", "mount", "from", "_state", "artifactType")
UPLOAD_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9=_.-]{0,255}")
STATE = re.compile(r"[A-Za-z0-9=_-]{1,4096}")
HOST = re.compile(r"[A-Za-z0-9.-]{1,253}(?::[0-9]{1,5})?|\[[0-9a-fA-F:]+\](?::[0-9]{1,5})?")
# Names that mean something in the path of the API itself.
RESERVED = frozenset({"_catalog", "_course"})


def parse(environ: dict[str, Any]) -> Call:
    """The call that a WSGI request stands for.

    Raises:
        RegistryError: NAME_INVALID, TAG_INVALID, DIGEST_INVALID or UNSUPPORTED in the words of the distribution
            specification; 404 for a path that is no endpoint.
    """
    method = str(environ["REQUEST_METHOD"])
    path = str(environ.get("PATH_INFO", ""))
    host = str(environ.get("HTTP_HOST", ""))
    if not HOST.fullmatch(host):
        raise RegistryError(400, "UNSUPPORTED", "the Host header is missing or malformed")
    kind, name, reference = _endpoint(path)
    if method not in METHODS[kind]:
        raise RegistryError(
            405, "UNSUPPORTED", "The operation is unsupported.", headers={"Allow": ", ".join(METHODS[kind])}
        )
    if kind not in (Kind.BASE, Kind.CATALOG):
        check_name(name)
    _check_reference(kind, method, reference)
    return Call(
        method=method,
        kind=kind,
        repository=name,
        reference=reference,
        query=_query(str(environ.get("QUERY_STRING", ""))),
        headers=_headers(environ),
        host=host,
        client=str(environ.get("REMOTE_ADDR", "")),
    )


def check_name(name: str) -> None:
    """Raise RegistryError NAME_INVALID unless ``name`` is a repository name."""
    if not is_name(name):
        raise RegistryError(400, "NAME_INVALID", "invalid repository name", {"name": name[:300]})


def is_name(name: str) -> bool:
    """Whether the text is a repository name that also fits into the store behind its prefix."""
    return grammar.PATH.fullmatch(name) is not None and len(name) <= grammar.PATH_LIMIT - 8


def is_tag(text: str) -> bool:
    """Whether the text is a tag."""
    return grammar.TAG.fullmatch(text) is not None


def is_digest(text: str) -> bool:
    """Whether the text is a digest with a registered algorithm and the right number of digits."""
    algorithm, _, digits = text.partition(":")
    return re.fullmatch(f"[0-9a-f]{{{grammar.DIGEST_HEX_DIGITS.get(algorithm, 1)}}}", digits) is not None and (
        algorithm in grammar.DIGEST_HEX_DIGITS
    )


def _endpoint(path: str) -> tuple[Kind, str, str]:
    if path in ("/v2", "/v2/"):
        return Kind.BASE, "", ""
    rest = path.removeprefix("/v2/")
    if rest == "_catalog":
        return Kind.CATALOG, "", ""
    for kind, pattern in ENDPOINTS:
        match = pattern.fullmatch(rest)
        if match:
            return kind, match["name"], match["reference"]
    raise RegistryError(404, "UNSUPPORTED", "page not found")


def _check_reference(kind: Kind, method: str, reference: str) -> None:
    if kind is Kind.MANIFEST:
        if ":" in reference and not (is_digest(reference) and reference.startswith("sha256:")):
            raise RegistryError(400, "DIGEST_INVALID", "provided digest did not match uploaded content")
        if ":" not in reference and not is_tag(reference):
            raise RegistryError(400, "TAG_INVALID", "manifest tag did not match URI")
    elif kind in (Kind.BLOB, Kind.REFERRERS):
        if not is_digest(reference):
            raise RegistryError(400, "DIGEST_INVALID", "provided digest did not match uploaded content")
    elif kind is Kind.UPLOAD:
        if (method == "POST") != (reference == ""):
            raise RegistryError(404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry")
        if reference and not UPLOAD_ID.fullmatch(reference):
            raise RegistryError(404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry")


def _query(text: str) -> dict[str, str]:
    """The parameters the API knows, first value each, each checked against its grammar."""
    query: dict[str, str] = {}
    for key, value in parse_qsl(text, keep_blank_values=True, max_num_fields=100):
        if key in QUERY:
            query.setdefault(key, value)
    for key in ("digest", "mount"):
        if key in query and not is_digest(query[key]):
            raise RegistryError(400, "DIGEST_INVALID", "provided digest did not match uploaded content")
    if "from" in query:
        check_name(query["from"])
    if "_state" in query and not STATE.fullmatch(query["_state"]):
        raise RegistryError(404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry")
    return query


def _headers(environ: dict[str, Any]) -> dict[str, str]:
    headers = {
        key[5:].replace("_", "-").lower(): str(value) for key, value in environ.items() if key.startswith("HTTP_")
    }
    for key in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        if environ.get(key):
            headers[key.replace("_", "-").lower()] = str(environ[key])
    return headers
