"""What lab 11-multi-arch drew in version 0.1.0; see the package."""

from __future__ import annotations

from typing import Any

from autograder.checks.frozen.words import BIRDS
from autograder.checks.shared.seeded_random import SeededRandom

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"

ARCHITECTURES = ("amd64", "arm64")
# https://docs.docker.com/build/metadata/attestations/attestation-storage/
KIND, ABOUT = "vnd.docker.reference.type", "vnd.docker.reference.digest"
PARTS = ("numpy", "onnxruntime", "pillow", "scikit-learn", "tokenizers", "xgboost")
# Images and attestations in turn: the attestation that is asked for never comes right behind its image.
ORDERS = ("iiiaaa", "iiaaia", "iaiaia", "iaaiia", "iaiaai")
FURTHER = ("linux/arm/v7", "linux/arm/v6", "linux/ppc64le", "linux/s390x")


def parameters(draw: SeededRandom) -> dict[str, Any]:
    """A team, its repository and tag, a line for each platform, another team's index, and a part for the SBOM."""
    team = f"{draw.choice('bird', BIRDS)}-{draw.hex('team', 4)}"
    entries, asked = _index_of_another_team(draw)
    version = (
        f"{draw.integer('part major', 1, 4)}.{draw.integer('part minor', 0, 19)}.{draw.integer('part patch', 0, 9)}"
    )
    return {
        "team": team,
        "repository": f"{team}/note",
        "tag": f"{draw.integer('major', 1, 4)}.{draw.integer('minor', 0, 9)}",
        "lines": {name: f"{team} on {name}, build {draw.hex(f'build {name}', 6)}" for name in ARCHITECTURES},
        "part": f"pkg:pypi/{draw.choice('part', PARTS)}@{version}",
        "asked_platform": asked,
        "entries": entries,
    }


def _index_of_another_team(draw: SeededRandom) -> tuple[list[dict[str, Any]], str]:
    """The entries of an index as BuildKit writes them, in an order by which no place tells what belongs together.

    Returns:
        the entries, and the platform whose attestation is asked for: neither the first nor the last of the notes, while
        its image is the first or the last of the images.
    """
    names = draw.shuffle("platforms", ["linux/amd64", "linux/arm64", draw.choice("third", FURTHER)])
    images = [_entry(draw, name, name) for name in names]
    asked = draw.choice("asked", (0, 2))
    notes = [
        _entry(draw, f"note {names[n]}", "unknown/unknown")
        | {"annotations": {KIND: "attestation-manifest", ABOUT: images[n]["digest"]}}
        for n in ((1, 0, 2) if asked == 0 else (0, 2, 1))
    ]
    waiting = {"i": iter(images), "a": iter(notes)}
    return [next(waiting[kind]) for kind in draw.choice("order", ORDERS)], names[asked]


def _entry(draw: SeededRandom, name: str, platform: str) -> dict[str, Any]:
    system, architecture, *variant = platform.split("/")
    return {
        "mediaType": OCI_MANIFEST,
        "digest": f"sha256:{draw.hex(f'digest {name}', 64)}",
        "size": draw.integer(f"size {name}", 480, 1900),
        "platform": {"os": system, "architecture": architecture} | ({"variant": variant[0]} if variant else {}),
    }
