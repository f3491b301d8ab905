"""An image reference: registry, repository, tag, digest; taken apart as Docker's own clients do it."""

from __future__ import annotations

from dataclasses import dataclass

from autograder.domain.references import grammar
from autograder.domain.references.faults import InvalidReference, find_fault


@dataclass(frozen=True, slots=True)
class Reference:
    """Where an image is: every part spelled out.

    Attributes:
        registry: host, with port if there is one; ``docker.io`` for Docker Hub.
        repository: path in the registry, with ``library/`` for Docker's official images.
        tag: the tag; ``latest`` where the text gave neither tag nor digest; None where it gave only a digest.
        digest: ``ALGORITHM:HEX`` or None. Beside a tag the digest decides, and the tag is decoration.
    """

    registry: str
    repository: str
    tag: str | None
    digest: str | None

    def canonical(self) -> str:
        """The full form, from which nothing is left to a default: ``docker.io/library/python:3.12``."""
        return f"{self.registry}/{self.repository}{self._suffix()}"

    def familiar(self) -> str:
        """The short form that Docker shows: without ``docker.io/`` and, for official images, ``library/``.

        For a Docker Hub name whose own first part looks like a host (``docker.io/localhost/app``) the short form
        reads back as that host: Docker's clients have the same flaw. Source: ``familiarizeName`` in
        https://github.com/distribution/reference/blob/main/normalize.go
        """
        if self.registry != grammar.DOCKER_HUB:
            return self.canonical()
        short = self.repository.removeprefix(grammar.OFFICIAL_NAMESPACE)
        return f"{self.repository if '/' in short else short}{self._suffix()}"

    def _suffix(self) -> str:
        tag = f":{self.tag}" if self.tag is not None else ""
        return f"{tag}@{self.digest}" if self.digest is not None else tag


def parse(text: str) -> Reference:
    """Take an image reference apart, by the grammar and host rule of Docker's clients.

    One difference from Docker is meant: a first part with a dot and an underscore (``my_host.com/app``) is refused
    here; Docker lets it pass with an empty host and fails later with "no Host in request URL".

    Raises:
        InvalidReference: with the position of the first wrong character and the rule it breaks.

    Source: https://github.com/distribution/reference (reference.go, normalize.go, regexp.go)
    """
    if grammar.IDENTIFIER.fullmatch(text):
        raise find_fault(text)
    host, rest = grammar.split_host(text)
    named, at, digest = rest.partition("@")
    path, colon, tag = named.partition(":")
    if (
        not grammar.HOST.fullmatch(host)
        or not grammar.PATH.fullmatch(path)
        or len(path) > grammar.PATH_LIMIT
        or (colon and not grammar.TAG.fullmatch(tag))
        or (at and not is_digest(digest))
    ):
        raise find_fault(text)
    if not colon and not at:
        tag = grammar.DEFAULT_TAG
    return Reference(host, path, tag or None, digest or None)


def is_digest(text: str) -> bool:
    """Whether ``text`` is a digest that Docker's clients accept: known algorithm, right length, lower-case digits.

    Source: https://github.com/opencontainers/go-digest/blob/master/digest.go
    """
    algorithm, _, digits = text.partition(":")
    return len(digits) == grammar.DIGEST_HEX_DIGITS.get(algorithm, -1) and all(c in "0123456789abcdef" for c in digits)


def is_tag(text: str) -> bool:
    """Whether ``text`` is a legal tag. Source: the OCI distribution specification, "Pulling manifests"."""
    return grammar.TAG.fullmatch(text) is not None


__all__ = ["InvalidReference", "Reference", "is_digest", "is_tag", "parse"]
