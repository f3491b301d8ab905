"""What a wrong digest is the digest of: the message that saves a student an hour."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator

from autograder.checks.api import Failure, expecting, shown
from autograder.evidence.model import Evidence, Repository
from autograder.oci.manifests import ImageIndex, ImageManifest, digest_of, is_digest


def require_digest(e: Evidence, held: Repository, tag: str, value: object) -> None:
    """The value is the digest that a tag points at.

    Raises:
        Failure: it is not; says what it is, where that can be told. The right digest is never shown.
    """
    if isinstance(value, str):
        value = value.strip()
    right = held.tags[tag]
    if value == right:
        return
    with expecting(f"The SHA-256 of the manifest that {tag} points at, over exactly the bytes the registry sends."):
        if not isinstance(value, str):
            raise Failure(f"You recorded {shown(value)}, which is no text.", 'Record a text of the form "sha256:…".')
        if not is_digest(value) and (is_digest("sha256:" + value.lower()) or is_digest(value.lower())):
            raise Failure(
                f"“{value}” lacks the form of a digest.",
                "A digest names its algorithm and has lower-case hexadecimal digits: sha256:…",
            )
        if not is_digest(value):
            raise Failure(
                f"“{value[:100]}” is no digest.",
                "A digest is the word sha256, a colon, and 64 lower-case hexadecimal digits.",
            )
        for meaning, next_step in _meanings(e, held, tag, value):
            raise Failure(f"{value} is {meaning}.", next_step)
        raise Failure(
            f"{value} is the digest of something else.",
            "Ask for the manifest with an Accept header that names the media types of manifests and indexes (without "
            "it the registry may send another form), and hash the body as it came: bytes, not text.",
        )


# Explaining a wrong digest is a courtesy; what no honest lab holds is not worth the time it would take.
MAX_REFORMATTED = 100_000  # characters of a manifest that is tried in other forms
MAX_EXPLAINED = 50  # manifests tried so


def _meanings(e: Evidence, held: Repository, tag: str, value: str) -> Iterator[tuple[str, str]]:
    """What a digest is, and what to do instead; the likeliest first."""
    target = held.parsed(held.tags[tag])
    if isinstance(target, ImageIndex):
        for child in target.manifests:
            if child.digest == value:
                what = "the attestation manifest" if child.is_attestation else f"the manifest for {child.platform}"
                yield f"{what} inside the index", f"{tag} points at the index itself. Hash the index."
    for number, (digest, manifest) in enumerate(held.manifests.items()):
        tags = [other for other, pointed in held.tags.items() if pointed == digest]
        name = f"the manifest of {tags[0]}" if tags else "a manifest in the repository"
        if digest == value:
            yield f"the digest of {name}", f"Read the manifest of {tag}."
        parsed = held.parsed(digest)
        if isinstance(parsed, ImageManifest):
            if parsed.config.digest == value:
                yield (
                    "the digest of an image's config (the image ID that many engines show)",
                    "The config is one of the things that the manifest lists. Hash the manifest.",
                )
            if value in {layer.digest for layer in parsed.layers}:
                yield "the digest of a layer", "A layer is one of the things the manifest lists. Hash the manifest."
        if len(manifest.text) > MAX_REFORMATTED or number >= MAX_EXPLAINED:
            continue
        for altered in _reformatted(manifest.text):
            if digest_of(altered) == value:
                yield (
                    f"the digest of {name} after its JSON was written anew or its line ends changed",
                    "Another blank gives another digest. Hash the body as the registry sent it, before any parsing.",
                )
    for other in e.services[held.service].repositories.values():
        if other.name != held.name and value in other.tags.values():
            yield f"a digest in {other.name}", f"Read the manifest in {held.name}."


def _reformatted(text: str) -> Iterator[bytes]:
    """The bytes people hash by mistake: the manifest parsed and written again, or with other line ends."""
    yield from (text.encode() + b"\n", text.strip().encode(), re.sub("\r?\n", "\r\n", text).encode())
    yield json.dumps(text).encode()
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return
    yield _bytes(repr(document))
    compact = (",", ":")
    for indent, keys, ascii_only, end in itertools.product(
        (None, 1, 2, 3, 4, "\t"), (False, True), (True, False), ("", "\n")
    ):
        for separators in (None, compact) if indent is None else (None,):
            written = json.dumps(
                document, indent=indent, sort_keys=keys, ensure_ascii=ascii_only, separators=separators
            )
            yield _bytes(written + end)
            if "\n" in written + end:
                yield _bytes(re.sub("\n", "\r\n", written + end))


def _bytes(text: str) -> bytes:
    """UTF-8; JSON may name half a surrogate pair, which must not stop a check."""
    return text.encode("utf-8", errors="surrogatepass")
