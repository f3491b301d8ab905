"""Finding what a student pushed, and saying precisely why it is not there. Used by the checks of several labs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from autograder.checks.api import Failure, NotGraded, expecting, require_probe
from autograder.checks.shared import logins
from autograder.domain import services
from autograder.evidence import emulator_state
from autograder.evidence.model import Evidence, Repository
from autograder.oci import layers
from autograder.oci.manifests import ImageIndex, ImageManifest

# How messages name a service.
SERVICES = {service.name: service.words for service in services.SERVICES} | {"private": "your private registry"}


def repository(e: Evidence, service: str, name: str) -> Repository:
    """The snapshot of a repository.

    Raises:
        Failure: nothing is there; names repositories that look as if they were meant.
    """
    held = e.repository(service, name)
    if held is not None:
        return held
    place, known = SERVICES.get(service, service), e.services.get(service)
    with expecting(f"A repository {name} in {place}."):
        if known is None:
            raise Failure(
                f"There is no snapshot of {place}.",
                "Run `python3 course.py start`; for a submission, submit again while the services run.",
            )
        if name in emulator_state.names(service, known.settings):
            raise Failure(
                "The repository is there, and holds no image." + logins.refused(e, service, name),
                "Push the image under that name." + logins.needed(service),
                expected=f"A repository {name} in {place}, with an image.",
            )
        near = lookalikes(name, known.catalog)
        if near:
            raise Failure(
                f"It is not there, but {listed(near)} {'is' if len(near) == 1 else 'are'}.",
                "The name of an image decides where a push goes. Give the image the name that is asked for, registry "
                "first, and push that name.",
            )
        raise Failure(
            "No such repository is there." + logins.refused(e, service, name),
            "Push the image under a name that begins with the registry's address. "
            "Without an address Docker takes the name for one on Docker Hub." + logins.needed(service),
        )


def lookalikes(name: str, catalog: Iterable[str]) -> list[str]:
    """Repositories that were probably meant: same last part, same first part, or the same letters otherwise."""
    first, last = name.partition("/")[0], name.rpartition("/")[2]

    def bare(text: str) -> str:
        return "".join(sign for sign in text.lower() if sign.isalnum())

    def alike(other: str) -> bool:
        parts = other.split("/")
        if bare(other) == bare(name) or other == first:
            return True
        return parts[-1] == last and (len(parts) == 1 or first in parts[:-1] or bare(parts[0]) == bare(first))

    return sorted(other for other in catalog if other != name and alike(other))


def tagged(e: Evidence, service: str, name: str, tag: str) -> Repository:
    """The snapshot of a repository that has a tag.

    Raises:
        Failure: repository or tag are not there; says what was probably meant.
    """
    held = repository(e, service, name)
    if tag not in held.tags:
        faults = [fault.detail for fault in held.problems if fault.subject == tag]
        if faults:
            found = f"The tag is listed, but it {faults[0]}."
        elif held.tags:
            found = f"The repository has {'the tag' if len(held.tags) == 1 else 'the tags'} {listed(held.tags)}."
        else:
            found = "The repository has no tag at all."
        found += logins.refused(e, service, name)
        next_step = "Push the image under that tag." + logins.needed(service)
        if f"v{tag}" in held.tags:
            next_step = f"A tag is compared letter by letter: v{tag} is not {tag}. Push the image under {tag}."
        elif set(held.tags) == {"latest"}:
            next_step = "A name without a tag means latest. Name the image with its tag when you build or tag it."
        raise Failure(found, next_step, expected=f"The tag {tag} in {name}.")
    return held


def image(e: Evidence, service: str, name: str, tag: str) -> tuple[Repository, ImageManifest]:
    """The image behind a tag; an index is followed to its first platform.

    Raises:
        Failure: repository, tag or manifest are not there or not readable.
    """
    held = tagged(e, service, name, tag)
    manifest = held.image(tag)
    if manifest is None:
        digest = held.tags[tag]
        what = held.parsed(digest)
        faults = [f"{fault.subject}: {fault.detail}" for fault in held.problems]
        listed_first = held.images(digest)[:1]
        found = f"What {tag} points at cannot be read" + (f" ({'; '.join(faults)})." if faults else ".")
        if isinstance(what, ImageIndex) and not listed_first:
            found = f"{tag} points at an index that holds no image for any platform."
        elif not faults:
            for child in listed_first:
                found = (
                    f"{tag} points at an index. What it lists for {child.platform}, {child.digest}, is not in the "
                    "repository, or cannot be read."
                )
        raise Failure(found, "Push the image again.", expected=f"The tag {tag} in {name}.")
    if held.config(manifest) is None:
        raise Failure(
            f"The config {manifest.config.digest} is missing or no JSON document.",
            "Push the image again.",
            expected=f"The image {name}:{tag} with its config.",
        )
    return held, manifest


def text_files(held: Repository, manifest: ImageManifest) -> dict[str, str]:
    """The files of a small image: path -> text without blanks around it; later layers win.

    Raises:
        Failure: a layer is missing, too large to be in the evidence, or unreadable.
    """
    files: dict[str, bytes] = {}
    for layer in manifest.layers:
        content = held.content(layer.digest)
        if content is None and any(fault.subject == layer.digest for fault in held.problems):
            raise Failure(
                f"The layer {layer.digest} is missing or damaged.", "Push the image again, then submit again."
            )
        if content is None:
            raise Failure(
                f"It has a layer of {layer.size:,} bytes, far more than the files that are asked for.",
                "Begin the Dockerfile with FROM scratch and copy only what is asked for.",
            )
        try:
            files |= layers.files(content)
        except layers.LayerError as error:
            raise Failure(
                f"The layer {layer.digest} cannot be read: {error}.",
                "Push it as a plain or gzip-compressed tar, as docker push does.",
            ) from None
    return {path: data.decode("utf-8-sig", errors="replace").strip() for path, data in files.items()}


def require_round_trip(e: Evidence, held: Repository, tag: str) -> None:
    """In grading: the grader loaded the snapshot into a registry of its own and pulled it back, by tag and digest.

    Raises:
        NotGraded: the probe was not run, or failed for a reason of its own.
        Failure: the snapshot is not whole, the registry refused it, or other content came back.
    """
    if e.origin != "submission":
        return
    where, digest = f"{held.service}/{held.name}", held.tags[tag]
    probe = require_probe(e, "round-trip", "The round trip was not run.")
    with expecting(f"A registry of the grader's accepts {held.name}, and gives it back by tag and by digest."):
        if where not in probe and held.problems:
            faults = listed(f"{fault.subject} ({fault.detail})" for fault in held.problems)
            raise Failure(
                f"The snapshot of {held.name} is not whole: {faults}.",
                "Push the image again and remove what is broken, then submit again.",
            )
        result: Any = probe.get(where)
        if not isinstance(result, dict):
            raise NotGraded(f"The round trip left out {where}.")
        pulled = result.get("tags", {}).get(tag, {})
        good = pulled.get("pulled") is True and pulled.get("digest") == digest and result.get("digests", {}).get(digest)
        if result.get("error") or good is not True:
            raise Failure(
                str(result.get("error") or "What came back is not what the submission holds."),
                "Push the image again, then submit again.",
            )


def listed(names: Iterable[str], limit: int = 6) -> str:
    """Names for a sentence: ``a, b and 3 more``."""
    known = sorted(names)
    if len(known) > limit:
        return ", ".join(known[:limit]) + f" and {len(known) - limit} more"
    return " and ".join(filter(None, [", ".join(known[:-1]), known[-1]])) if known else ""
