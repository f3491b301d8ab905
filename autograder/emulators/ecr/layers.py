"""Layers through the API: upload in parts, availability, download links. Bytes go by way of a file, never of memory.

Source: https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_InitiateLayerUpload.html and its neighbours.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from moto.core.exceptions import ServiceException
from moto.ecr.exceptions import InvalidLayerPartException, UploadNotFoundException

from autograder.emulators.interface import Store

SMALLEST_PART = 5 * 1024 * 1024  # bytes, of every part but the last
PART = 10 * 1024 * 1024  # bytes, what InitiateLayerUpload advises
PIECE = 1024 * 1024  # bytes
MOST_UPLOADS = 64  # at a time; the oldest is dropped, as ECR drops what is never completed
DIGEST = re.compile(r"sha256:[a-f0-9]{64}")
MEDIA_TYPE = "application/vnd.docker.image.rootfs.diff.tar.gzip"


@dataclass
class Upload:
    """A layer on its way: where its bytes are, how many, their hash so far, and the sizes of its parts."""

    repository: str
    path: Path
    size: int = 0
    hash: Any = field(default_factory=hashlib.sha256)
    parts: list[int] = field(default_factory=list)


class Uploads:
    """Layer uploads under way. They do not outlive the process; a client then starts again, as after ECR's time-out.

    Args:
        folder: where the bytes lie meanwhile; emptied.
    """

    def __init__(self, folder: Path, account: str) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        self._folder = folder
        self._account = account
        self._uploads: dict[str, Upload] = {}

    def start(self, repository: str) -> str:
        """The id of a new upload."""
        while len(self._uploads) >= MOST_UPLOADS:
            self._drop(next(iter(self._uploads)))
        upload_id = str(uuid.uuid4())
        self._uploads[upload_id] = Upload(repository, self._folder / upload_id)
        return upload_id

    def add(self, repository: str, upload_id: str, first: int, last: int, blob: bytes) -> int:
        """Append a part; returns the index of the last byte received.

        Raises:
            ServiceException: UploadNotFoundException, InvalidLayerPartException (parts come in order, without gaps).
        """
        upload = self._find(repository, upload_id)
        if first != upload.size or last - first + 1 != len(blob):
            raise InvalidLayerPartException(self._account, repository, upload_id, upload.size - 1)
        with upload.path.open("ab") as stream:
            stream.write(blob)
        upload.hash.update(blob)
        upload.size += len(blob)
        upload.parts.append(len(blob))
        return upload.size - 1

    def complete(self, repository: str, upload_id: str, digests: list[str], store: Store) -> str:
        """Hand the layer to the store; returns its digest.

        Raises:
            ServiceException: UploadNotFoundException, EmptyUploadException, LayerPartTooSmallException,
                InvalidLayerException (the digest given is another), LayerAlreadyExistsException.
        """
        upload = self._find(repository, upload_id)
        digest = f"sha256:{upload.hash.hexdigest()}"
        if not upload.size:
            text = "The specified layer upload does not contain any layer parts."
            raise ServiceException("EmptyUploadException", text)
        if any(size < SMALLEST_PART for size in upload.parts[:-1]):
            raise ServiceException("LayerPartTooSmallException", "Layer parts must be at least 5 MiB in size.")
        if digest not in digests:
            text = "The layer digest calculation performed by Amazon ECR upon receipt of the image layer does not "
            raise ServiceException("InvalidLayerException", text + "match the digest specified.")
        if store.blob_size(repository, digest) is not None:
            self._drop(upload_id)
            text = f"Layer with digest '{digest}' already exists in the repository with name '{repository}' in the "
            raise ServiceException("LayerAlreadyExistsException", text + f"registry with id '{self._account}'")
        store.put_blob(repository, digest, _pieces(upload.path))
        self._drop(upload_id)
        return digest

    def _find(self, repository: str, upload_id: str) -> Upload:
        upload = self._uploads.get(upload_id)
        if upload is None or upload.repository != repository:
            raise UploadNotFoundException(upload_id, repository, self._account)
        return upload

    def _drop(self, upload_id: str) -> None:
        self._uploads.pop(upload_id).path.unlink(missing_ok=True)


def availability(store: Store, repository: str, digests: list[str]) -> dict[str, Any]:
    """What BatchCheckLayerAvailability answers."""
    layers: list[dict[str, Any]] = []
    failures: list[dict[str, Any]] = []
    for digest in digests:
        if not DIGEST.fullmatch(digest):
            reason = f"Invalid layer digest '{digest}'"
            failures.append({"layerDigest": digest, "failureCode": "InvalidLayerDigest", "failureReason": reason})
            continue
        size = store.blob_size(repository, digest)
        if size is None:
            reason = f"Layer digest '{digest}' could not be found"
            failures.append({"layerDigest": digest, "failureCode": "MissingLayerDigest", "failureReason": reason})
        else:
            found = {"layerDigest": digest, "layerAvailability": "AVAILABLE", "layerSize": size}
            layers.append({**found, "mediaType": MEDIA_TYPE})
    return {"layers": layers, "failures": failures}


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as stream:
        while piece := stream.read(PIECE):
            yield piece
