"""Layers through the API: upload in parts, availability, download links. Bytes go by way of a file, never of memory.

Source: https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_InitiateLayerUpload.html and its neighbours.
"""

from __future__ import annotations

import hashlib
import shutil
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from moto.core.exceptions import ServiceException
from moto.ecr.exceptions import InvalidLayerPartException, UploadNotFoundException

from autograder.emulators.interface import Store
from autograder.oci.manifests import ALGORITHM, DOCKER_LAYER, is_digest

SMALLEST_PART = 5 * 1024 * 1024  # bytes, of every part but the last
PART = 10 * 1024 * 1024  # bytes, what InitiateLayerUpload advises
PIECE = 1024 * 1024  # bytes
MOST_UPLOADS = 64  # at a time; the oldest is dropped, as ECR drops what is never completed


@dataclass
class Upload:
    """A layer on its way: where its bytes are, how many, their hash so far, and the sizes of its parts."""

    repository: str
    path: Path
    lock: threading.Lock = field(default_factory=threading.Lock)  # held by who adds to it or completes it
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
        self._guard = threading.Lock()  # around each change of the dict

    def start(self, repository: str) -> str:
        """The id of a new upload."""
        upload_id = str(uuid.uuid4())
        with self._guard:
            while len(self._uploads) >= MOST_UPLOADS:
                self._drop(next(iter(self._uploads)))
            self._uploads[upload_id] = Upload(repository, self._folder / upload_id)
        return upload_id

    def add(self, repository: str, upload_id: str, first: int, last: int, blob: bytes) -> int:
        """Append a part; returns the index of the last byte received.

        Raises:
            ServiceException: UploadNotFoundException, InvalidLayerPartException (parts come in order, without gaps).
        """
        with self._held(repository, upload_id) as upload:
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
        with self._held(repository, upload_id) as upload:
            digest = f"{ALGORITHM}{upload.hash.hexdigest()}"
            if not upload.size:
                text = "The specified layer upload does not contain any layer parts."
                raise ServiceException("EmptyUploadException", text)
            if any(size < SMALLEST_PART for size in upload.parts[:-1]):
                raise ServiceException("LayerPartTooSmallException", "Layer parts must be at least 5 MiB in size.")
            if digest not in digests:
                text = "The layer digest calculation performed by Amazon ECR upon receipt of the image layer does not "
                raise ServiceException("InvalidLayerException", text + "match the digest specified.")
            there = store.blob_size(repository, digest) is not None
            if not there:
                store.put_blob(repository, digest, _pieces(upload.path))
            with self._guard:
                self._drop(upload_id)
        if there:
            text = f"Layer with digest '{digest}' already exists in the repository with name '{repository}' in the "
            raise ServiceException("LayerAlreadyExistsException", text + f"registry with id '{self._account}'")
        return digest

    @contextmanager
    def _held(self, repository: str, upload_id: str) -> Iterator[Upload]:
        """The upload, and nobody else's meanwhile. Raises UploadNotFoundException, also if it was just completed."""
        upload = self._uploads.get(upload_id)
        if upload is not None and upload.repository == repository:
            with upload.lock:
                if upload_id in self._uploads:
                    yield upload
                    return
        raise UploadNotFoundException(upload_id, repository, self._account)

    def _drop(self, upload_id: str) -> None:
        """Forget an upload and its bytes; call with the guard held. One that was dropped for a newer one is gone."""
        upload = self._uploads.pop(upload_id, None)
        if upload is not None:
            upload.path.unlink(missing_ok=True)


def availability(store: Store, repository: str, digests: list[str]) -> dict[str, Any]:
    """What BatchCheckLayerAvailability answers."""
    layers: list[dict[str, Any]] = []
    failures: list[dict[str, Any]] = []
    for digest in digests:
        if not is_digest(digest):
            reason = f"Invalid layer digest '{digest}'"
            failures.append({"layerDigest": digest, "failureCode": "InvalidLayerDigest", "failureReason": reason})
            continue
        size = store.blob_size(repository, digest)
        if size is None:
            reason = f"Layer digest '{digest}' could not be found"
            failures.append({"layerDigest": digest, "failureCode": "MissingLayerDigest", "failureReason": reason})
        else:
            layer = {"layerDigest": digest, "layerAvailability": "AVAILABLE", "layerSize": size}
            layers.append({**layer, "mediaType": DOCKER_LAYER})
    return {"layers": layers, "failures": failures}


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as stream:
        while piece := stream.read(PIECE):
            yield piece
