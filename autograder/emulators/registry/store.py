"""The store: the one unpublished registry whose bytes all backends share.

The protocol is that of every registry (:mod:`autograder.oci.client`). What is the store's alone: each backend sees it
through a prefix of its own, and its errors are told without that.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from urllib.parse import urlsplit

from autograder.emulators.interface import RegistryError, StoreProblem
from autograder.oci.client import Missing, Refused, RegistryClient, Unreachable, first_error

CONNECTIONS = 64  # kept open
CONNECT_SECONDS, SILENCE_SECONDS = 5.0, 300.0  # committing a layer of several GB is silent while it is hashed


class StoreClient(RegistryClient):
    """The client of the store, for all backends and threads. Paths are built from checked parts, never a client's.

    Args:
        address: ``http://HOST:PORT``.
    """

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        if parts.scheme != "http" or not parts.hostname or parts.path not in ("", "/"):
            raise ValueError(f"not the address of a store: {address}")
        super().__init__(
            parts.netloc, connections=CONNECTIONS, connect_seconds=CONNECT_SECONDS, silence_seconds=SILENCE_SECONDS
        )

    def ready(self) -> bool:
        """Whether the store answers."""
        try:
            return self.ping() == 200
        except Unreachable:
            return False


class PrefixedStore:
    """The store as one backend sees it: repositories below its prefix only."""

    def __init__(self, client: StoreClient, prefix: str) -> None:
        self._client = client
        self._prefix = prefix

    def get_manifest(self, repository: str, digest: str) -> tuple[str, bytes] | None:
        """Media type and exact bytes, or None."""
        with self._read():
            found = self._client.manifest(self._prefix + repository, digest)
            return found.media_type, found.content
        return None

    def put_manifest(self, repository: str, digest: str, media_type: str, body: bytes) -> None:
        """Write a manifest by digest. Raises RegistryError with the store's own error."""
        with self._written():
            self._client.push_manifest(self._prefix + repository, digest, media_type, body)

    def delete_manifest(self, repository: str, digest: str) -> bool:
        """Remove a manifest; False if it was not there."""
        with self._read():
            self._client.delete(self._prefix + repository, digest)
            return True
        return False

    def blob_size(self, repository: str, digest: str) -> int | None:
        """Size in bytes of a blob that the repository holds, or None."""
        with self._read():
            return self._client.blob_size(self._prefix + repository, digest)
        return None

    def get_blob(self, repository: str, digest: str) -> Iterator[bytes] | None:
        """The blob in pieces, or None."""
        with self._read():
            return self._client.blob(self._prefix + repository, digest)
        return None

    def put_blob(self, repository: str, digest: str, pieces: Iterable[bytes]) -> None:
        """Upload a blob in pieces; the store verifies the digest. Raises RegistryError if it does not fit."""
        with self._written():
            self._client.push_blob(self._prefix + repository, digest, pieces)

    @contextlib.contextmanager
    def _read(self) -> Iterator[None]:
        """What is not there, or has a name that cannot be, ends the block. Raises StoreProblem for a fault."""
        try:
            yield
        except Missing:
            return
        except Refused as refused:
            _require_no_fault(refused)

    @contextlib.contextmanager
    def _written(self) -> Iterator[None]:
        """The store's refusal as a RegistryError. Raises StoreProblem for a fault."""
        try:
            yield
        except Refused as refused:
            _require_no_fault(refused)
            raise store_error(refused.status, refused.body, self._prefix) from None


def _require_no_fault(refused: Refused) -> None:
    if refused.status >= 500:
        raise StoreProblem(f"the store answered {refused.status}") from refused


def store_error(status: int, body: bytes, prefix: str) -> RegistryError:
    """The store's error as a RegistryError, with the store's prefix taken out of it."""
    error = first_error(body.replace(prefix.encode(), b""))
    return RegistryError(
        status, str(error.get("code", "UNKNOWN")), str(error.get("message", "unknown error")), error.get("detail")
    )
