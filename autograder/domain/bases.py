"""The base images that the kit itself knows, and which of an image's layers are one's.

The layers of a known base need not travel with a submission. Nothing that a student's machine says makes a layer a
base's: the data are in bases.toml, each entry with its source and date, and otherwise follow from digests alone.
Sources: https://github.com/opencontainers/image-spec/blob/main/config.md (``rootfs.diff_ids``) and manifest.md.
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from importlib import resources
from typing import Any

from autograder.oci.layers import diff_ids
from autograder.oci.manifests import DIGEST, ImageManifest, digest_of, json_object

CONFIGS = "evidence/bases"  # folder in a submission with configs of known bases
MAX_CONFIG = 256 << 10  # bytes of a base's config; official ones have about 10 kB


@dataclass(frozen=True)
class Base:
    """One platform of a base image; the keys of bases.toml, where each is explained.

    Attributes:
        name: what a Dockerfile calls it, ``python:3.11-slim-bookworm``.
        platform: ``linux/arm64/v8``.
        source: where the digests were read.
        date: of the image.
        index: digest that the name had on Docker Hub on that day; "" for an image that was never there.
        manifest: digest of the platform's manifest; "" as well.
        config: digest of its config; "" as well.
        layers: digests of the layers as Docker Hub has them, lowest first; empty when unknown.
        diff_ids: digests of the layers as tars, lowest first; empty when unknown.
    """

    name: str
    platform: str
    source: str
    date: date
    index: str = ""
    manifest: str = ""
    config: str = ""
    layers: tuple[str, ...] = ()
    diff_ids: tuple[str, ...] = ()


Bases = Collection[Base]


@cache
def load() -> tuple[Base, ...]:
    """The bases of bases.toml."""
    return parse(resources.files("autograder.domain").joinpath("bases.toml").read_text(encoding="utf-8"))


def parse(text: str) -> tuple[Base, ...]:
    """Read a table of bases.

    Raises:
        ValueError: an entry has a field that is none, a digest of another form, or nothing to know its layers by.
    """
    found = []
    for entry in tomllib.loads(text)["base"]:
        fields: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in entry.items()
        }
        try:
            base = Base(**fields)
        except TypeError as error:
            raise ValueError(f"bases.toml: {error}") from None
        single = [one for one in (base.index, base.manifest, base.config) if one]
        for digest in (*single, *base.layers, *base.diff_ids):
            if not DIGEST.fullmatch(digest):
                raise ValueError(f"bases.toml: {base.name}, {base.platform}: {digest!r} is no digest")
        if not base.layers and not base.diff_ids:
            raise ValueError(f"bases.toml: {base.name}, {base.platform}: neither layers nor diff_ids")
        found.append(base)
    return tuple(found)


def pinned(name: str, known: Bases | None = None) -> str:
    """The digest on Docker Hub that stands for a name in this version of the kit: the newest; "" when none is known."""
    dated = [
        (base.date, base.index) for base in (load() if known is None else known) if base.name == name and base.index
    ]
    return max(dated)[1] if dated else ""


def proved(configs: Iterable[bytes], known: Bases | None = None) -> tuple[Base, ...]:
    """The known bases, with the diff_ids of those whose config is at hand.

    An engine with a graph driver packs layers anew when it pushes them, so that their digests are no longer Docker
    Hub's; their diff_ids are. The config's digest is in the table, so whoever brings its bytes proves the diff_ids.

    Args:
        configs: contents that are said to be configs of known bases; whatever else they are is left out.
        known: the bases to complete; default: :func:`load`.
    """
    by_digest = {digest_of(content): content for content in configs}
    found = []
    for base in load() if known is None else known:
        content = by_digest.get(base.config)
        listed = diff_ids(json_object(content)) if content is not None and not base.diff_ids else ()
        found.append(replace(base, diff_ids=listed) if listed and len(listed) == len(base.layers) else base)
    return tuple(found)


def config_file(digest: str) -> str:
    """Where a submission holds the config of that digest."""
    return f"{CONFIGS}/{digest.removeprefix('sha256:')}.json"


def of_base(image: ImageManifest, config: Mapping[str, Any] | None, bases: Bases) -> tuple[str, ...]:
    """Digests of the layers, from the bottom up, that are a known base: all of its layers in their order, or none.

    Args:
        image: the manifest.
        config: its config. That it lists a base's diff_ids is enough: an engine refuses to unpack anything else under
            these, so an image that claims them for other layers cannot run.
        bases: the known bases; of several that fit, the tallest counts.
    """
    tars = diff_ids(config)
    if len(tars) != len(image.layers):
        return ()
    blobs = tuple(layer.digest for layer in image.layers)
    height = 0
    for base in bases:
        for own, there in ((base.diff_ids, tars), (base.layers, blobs)):
            if own and there[: len(own)] == own:
                height = max(height, len(own))
    return blobs[:height]
