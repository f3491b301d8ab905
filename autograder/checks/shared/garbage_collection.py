"""What a garbage collection gives back: the blobs that only the deleted image had; and how people miscount them."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import JsonValue

from autograder.checks.api import Failure, expecting, shown
from autograder.checks.shared.images import listed
from autograder.evidence.model import Repository
from autograder.oci import manifests
from autograder.oci.manifests import Descriptor, ImageIndex, ImageManifest, ManifestError

# `du` counts blocks of 4 KiB and folders: with a dozen files it may be that much above the bytes.
DU_SLACK = 96 * 1024


def removed_texts(value: JsonValue, tag: str, held: Repository) -> list[str]:
    """The recorded manifest of a deleted image, as text; of an index, with its children behind it.

    Args:
        value: the answer: a text, or a list of texts.
        tag: the tag that the image had.
        held: what the repository holds now.

    Raises:
        Failure: it is no manifest, or one that is still there.
    """
    with expecting(f"The text of the manifest of {tag}, as the registry sent it before you deleted it."):
        return _manifest_texts([value] if isinstance(value, str) else value, tag, held)


def _manifest_texts(texts: JsonValue, tag: str, held: Repository) -> list[str]:
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
        raise Failure(f"You recorded {shown(texts)}.", "Record the text, not the JSON object read from it.")
    good: list[str] = []
    for text in map(str, texts):
        if manifests.is_digest(text.strip()):
            raise Failure("That is a digest.", "The digest says which manifest; its text says which blobs it listed.")
        try:
            manifests.parse(text.encode())
        except ManifestError as error:
            raise Failure(f"That is no manifest: {error}.", "Record what /manifests/ answers, unchanged.") from None
        if "\n" not in text and '": ' in text:  # nothing written in Go looks like that
            raise Failure(
                "That is the manifest as Python's json.dumps writes it: the blanks are not the registry's.",
                "Its length counts, so record the text of the answer, not what was read from it and written anew.",
            )
        good.append(text)
    children = {child.digest for child in _children(good[0])}
    if children - {manifests.digest_of(text.encode()) for text in good[1:]}:
        raise Failure(
            "That is an index. Its children list the layers, and they were manifests of their own.",
            "Record a list: the index's text first, then the text of each of its children.",
        )
    if manifests.digest_of(good[0].encode()) in held.manifests:
        raise Failure(
            f"That manifest is still in your registry: it is that of {listed(held.tags)}.",
            f"Push {tag} once more, record its manifest, delete it and collect again.",
        )
    return good


def require_bytes(value: JsonValue, tag: str, removed: Sequence[str], held: Repository) -> None:
    """The recorded number is what the collector deleted, in bytes, or what `du` says of it.

    Args:
        value: the answer.
        tag: the tag that the deleted image had.
        removed: its manifest's text; of an index, with its children behind it.
        held: what the repository holds now.

    Raises:
        Failure: it is not; names the mistake where it is a known one.
    """
    expected = f"The bytes of the blobs that {tag} had for itself, its manifest among them: what the collector deleted."
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise Failure(f"You recorded {shown(value)}.", "Record the number, without a unit.", expected=expected)
    kept = {digest for manifest in held.manifests.values() for digest in _parts(manifest.text)} | set(held.manifests)
    own = {digest: size for text in removed for digest, size in _blobs(text).items()}
    right = sum(size for digest, size in own.items() if digest not in kept)
    if value == right or (value % 1024 == 0 and right <= value <= right + DU_SLACK):
        return
    meaning = _mistake(value, right, own, kept, removed)
    raise Failure(
        f"You recorded {value:,}" + (f": that is {meaning}." if meaning else "."),
        "Take the digests that the collector says it deletes, and add up their sizes: the manifest lists those of "
        "config and layers, and its own is the length of its text.",
        expected=expected,
    )


def _children(text: str) -> tuple[Descriptor, ...]:
    """What an index lists; nothing for an image."""
    parsed = manifests.parse(text.encode())
    return parsed.manifests if isinstance(parsed, ImageIndex) else ()


def _parts(text: str, *, layers_only: bool = False) -> dict[str, int]:
    """Digest -> size of what an image's manifest lists; nothing of an index."""
    try:
        parsed = manifests.parse(text.encode())
    except ManifestError:
        return {}
    if not isinstance(parsed, ImageManifest):
        return {}
    return {part.digest: part.size for part in (parsed.layers if layers_only else parsed.references)}


def _blobs(text: str) -> dict[str, int]:
    """The same with the manifest itself, which is a blob as well."""
    raw = text.encode()
    return _parts(text) | {manifests.digest_of(raw): len(raw)}


def _mistake(value: float, right: int, own: dict[str, int], kept: set[str], removed: Sequence[str]) -> str:
    manifest = sum(len(text.encode()) for text in removed)
    layers = {digest: size for text in removed for digest, size in _parts(text, layers_only=True).items()}
    whole = "the whole release. The layer that the second release lists as well stayed"
    known = (
        (0, "nothing. Deleting frees nothing yet; collecting does"),
        (sum(own.values()), whole),
        (sum(own.values()) - manifest, whole),
        (sum(layers.values()), "all its layers. The one that the second release lists as well stayed"),
        (sum(n for digest, n in layers.items() if digest not in kept), "its own layer alone. Config and manifest are "
         "blobs, too"),
        (right - manifest, "right but for the manifest, which is a blob, too"),
        (len([digest for digest in own if digest not in kept]), "how many blobs went, not their bytes"),
    )  # fmt: skip
    for number, meaning in known:
        if number == value:
            return meaning
    kibibytes = right // 1024 <= value <= (right + DU_SLACK) // 1024 + 1
    return "a number of kibibytes, it seems. Bytes are asked for" if kibibytes else ""
