"""Reads and writes manifests and blobs of a registry without a login: the module of lesson 11, with Python alone."""

import hashlib
import json
import urllib.request

OCI = "application/vnd.oci.image."
DOCKER = "application/vnd.docker.distribution.manifest."
KINDS = f"{OCI}index.v1+json, {OCI}manifest.v1+json, {DOCKER}list.v2+json, {DOCKER}v2+json"

# The registry is on this machine, so no proxy has to see what is said to it.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def digest(data):
    """The digest of bytes."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def ask(method, url, data=None, **headers):
    """Body and headers of an answer; an error status raises urllib.error.HTTPError."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(url, data, named, method=method)
    with OPENER.open(request, timeout=30) as answer:
        return answer.read(), answer.headers


class Repository:
    """A repository by its address: Repository("localhost:5001/team/note")."""

    def __init__(self, address):
        host, _, name = address.partition("/")
        self.url = f"http://{host}/v2/{name}"

    def get(self, reference):
        """What a tag or digest points at, as a dict, and its descriptor: media type, digest, size."""
        data, headers = ask("GET", f"{self.url}/manifests/{reference}", Accept=KINDS)
        kind = headers["Content-Type"]
        return json.loads(data), {"mediaType": kind, "digest": digest(data), "size": len(data)}

    def blob(self, data, kind):
        """Store bytes; gives their descriptor."""
        _, headers = ask("POST", f"{self.url}/blobs/uploads/", b"")
        place = headers["Location"]
        place += ("&" if "?" in place else "?") + "digest=" + digest(data)
        ask("PUT", place, data, Content_Type="application/octet-stream")
        return {"mediaType": kind, "digest": digest(data), "size": len(data)}

    def put(self, document, tag=None):
        """Store a manifest or an index, with or without a tag; gives its descriptor."""
        data, kind = json.dumps(document, indent=2).encode(), document["mediaType"]
        ask("PUT", f"{self.url}/manifests/{tag or digest(data)}", data, Content_Type=kind)
        return {"mediaType": kind, "digest": digest(data), "size": len(data)}
