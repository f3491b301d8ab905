"""A repository of a running registry, read as if it were a layout: what the rescan in the notebook works on."""

from __future__ import annotations

import io
from typing import BinaryIO

from autograder.oci.client import RegistryClient


class RegistrySource:
    """The blobs of one repository (:class:`autograder.evidence.layout.LayoutSource`).

    Args:
        client: of the registry.
        name: the repository.
    """

    def __init__(self, client: RegistryClient, name: str) -> None:
        self._client, self._name = client, name

    def size(self, name: str) -> int | None:
        return self._client.blob_size(self._name, _digest(name))

    def open(self, name: str) -> BinaryIO:
        return io.BytesIO(b"".join(self._client.blob(self._name, _digest(name))))


def _digest(name: str) -> str:
    return name.removeprefix("blobs/").replace("/", ":", 1)
