"""Layers: uploaded in parts, looked for, and links to download them."""

from __future__ import annotations

import base64
from typing import Any

from autograder.emulators.ecr import layers, problems
from autograder.emulators.ecr.operation import operation
from autograder.emulators.ecr.request import ApiRequest
from autograder.oci.manifests import is_digest


@operation(locks="itself")
def initiate_layer_upload(request: ApiRequest) -> dict[str, Any]:
    upload_id = request.registry.uploads.start(request.repository().name)
    return {"uploadId": upload_id, "partSize": layers.PART}


@operation(locks="itself")
def upload_layer_part(request: ApiRequest) -> dict[str, Any]:
    repository, upload_id = request.repository(), request.get("uploadId")
    blob = base64.b64decode(request.get("layerPartBlob"))
    first, last = request.get("partFirstByte"), request.get("partLastByte")
    received = request.registry.uploads.add(repository.name, upload_id, first, last, blob)
    return {**_upload(repository, upload_id), "lastByteReceived": received}


@operation(locks="itself")
def complete_layer_upload(request: ApiRequest) -> dict[str, Any]:
    repository, upload_id = request.repository(), request.get("uploadId")
    uploads, store = request.registry.uploads, request.registry.context.store
    digest = uploads.complete(repository.name, upload_id, request.get("layerDigests"), store)
    return {**_upload(repository, upload_id), "layerDigest": digest}


@operation(locks="itself", reader=True)
def batch_check_layer_availability(request: ApiRequest) -> dict[str, Any]:
    store = request.registry.context.store
    return layers.availability(store, request.repository().name, request.get("layerDigests"))


@operation(locks="itself", reader=True)
def get_download_url_for_layer(request: ApiRequest) -> dict[str, Any]:
    repository, digest = request.repository(), request.get("layerDigest")
    store = request.registry.context.store
    if not is_digest(digest) or store.blob_size(repository.name, digest) is None:
        raise problems.layer_missing(digest, repository.name, repository.registry_id)
    link = request.registry.tokens.link(repository.name, digest, request.registry.now())
    return {"downloadUrl": f"http://{request.host}{link}", "layerDigest": digest}


def _upload(repository: Any, upload_id: str) -> dict[str, Any]:
    """What the answers about an upload have in common."""
    return {"registryId": repository.registry_id, "repositoryName": repository.name, "uploadId": upload_id}
