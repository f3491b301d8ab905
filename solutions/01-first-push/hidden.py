"""Hidden cases of lab 01: manifests drawn with the grading seed."""

from __future__ import annotations

from typing import Any

from autograder.checks.shared.seeded_random import SeededRandom
from autograder.evidence.model import Case

OCI = "application/vnd.oci.image."
DOCKER = "application/vnd.docker."
# The empty JSON object: config of every artifact that needs none.
# https://github.com/opencontainers/image-spec/blob/main/manifest.md#guidance-for-an-empty-descriptor
EMPTY = {
    "mediaType": "application/vnd.oci.empty.v1+json",
    "digest": "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
    "size": 2,
}


def blob(draw: SeededRandom, name: str, *, docker: bool = False, config: bool = False) -> dict[str, Any]:
    """A descriptor with a drawn digest and size."""
    if docker:
        kind = DOCKER + ("container.image.v1+json" if config else "image.rootfs.diff.tar.gzip")
    else:
        kind = OCI + ("config.v1+json" if config else "layer.v1.tar+gzip")
    size = draw.integer(f"{name} size", 900, 9_000) if config else draw.integer(f"{name} size", 120, 60_000_000)
    return {"mediaType": kind, "digest": f"sha256:{draw.hex(name, 64)}", "size": size}


def manifest(config: dict[str, Any], *layers: dict[str, Any]) -> dict[str, Any]:
    """A manifest in the media type of its config."""
    docker = config["mediaType"].startswith(DOCKER)
    kind = DOCKER + "distribution.manifest.v2+json" if docker else OCI + "manifest.v1+json"
    return {"schemaVersion": 2, "mediaType": kind, "config": config, "layers": list(layers)}


# Kinds of cases that came with a later version of the lab than the first.
SINCE = dict.fromkeys(
    (
        "two new layers of the same size",
        "the layers as they were, and another config",
        "a new layer whose digest begins like a known one",
        "a new layer that is packed in another way",
        "an old image without layers",
        "a layer that was the config before",
    ),
    2,
)


def cases(draw: SeededRandom, parameters: dict[str, Any]) -> dict[str, list[Case]]:
    """Cases of ``bytes_to_push``; each kind is a way to be wrong that the visible ones leave open."""

    def case(kind: str, old: Any, new: Any, *sent: dict[str, Any]) -> Case:
        return Case(kind=kind, args=(old, new), expected=sum(part["size"] for part in sent))

    docker = draw.integer("form", 0, 1) == 1
    c1, c2 = (blob(draw, name, docker=docker, config=True) for name in ("config 1", "config 2"))
    base, weights, code, other, extra = (
        blob(draw, name, docker=docker) for name in ("base", "weights", "code", "other", "extra")
    )
    twin = {**other, "size": code["size"]}
    same = {**extra, "size": other["size"]}
    alike = {**other, "digest": code["digest"][:-20] + draw.hex("end", 20)}
    packed = {**other, "mediaType": f"{OCI}layer.v1.tar{draw.choice('packed', ('', '+zstd'))}"}
    in_docker, in_oci = (
        [{**part, "mediaType": kind} for part in (base, weights)]
        for kind in (DOCKER + "image.rootfs.diff.tar.gzip", OCI + "layer.v1.tar+gzip")
    )
    d1 = blob(draw, "config 3", docker=True, config=True)
    o1 = blob(draw, "config 4", config=True)
    old = manifest(c1, base, weights, code)
    found = [
        case("layers in another order", old, manifest(c2, base, code, weights), c2),
        case("two new layers", old, manifest(c2, base, weights, other, extra), c2, other, extra),
        case("a new layer that is listed twice", old, manifest(c2, base, other, weights, other), c2, other),
        case("a known layer that is listed twice", old, manifest(c2, base, base, weights, code), c2),
        case("a new layer as large as the old one", old, manifest(c2, base, weights, twin), c2, twin),
        case("fewer layers than before", old, manifest(c2, base), c2),
        case("no layer at all", old, manifest(c2), c2),
        case("the same image in another form of manifest", manifest(d1, *in_docker), manifest(o1, *in_oci), o1),
        case("nothing in common", old, manifest(c2, other, extra), c2, other, extra),
        case("a first push that lists a layer twice", None, manifest(c1, base, weights, base), c1, base, weights),
        case("artifacts that share the empty config", manifest(EMPTY, weights), manifest(EMPTY, other), other),
        case("an artifact whose config is also its layer", None, manifest(EMPTY, EMPTY), EMPTY),
        case("two new layers of the same size", old, manifest(c2, base, other, same), c2, other, same),
        case("the layers as they were, and another config", old, manifest(c2, base, weights, code), c2),
        case("a new layer whose digest begins like a known one", old, manifest(c1, base, weights, alike), alike),
        case("a new layer that is packed in another way", old, manifest(c2, base, weights, packed), c2, packed),
        case("an old image without layers", manifest(c1), manifest(c1, base, weights), base, weights),
        case("a layer that was the config before", manifest(EMPTY, weights), manifest(c2, base, EMPTY), c2, base),
    ]  # fmt: skip
    return {"bytes_to_push": draw.shuffle("order", found)}
