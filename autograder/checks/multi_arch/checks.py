"""Lab 11, platforms and artifacts: an index for two platforms, attestations told from images, an SBOM as referrer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from autograder.checks.api import Failure, check, expecting, require_answer, shown
from autograder.checks.first_push.data import BIRDS
from autograder.checks.shared.images import image, listed, require_round_trip, text_files
from autograder.checks.shared.seeded_random import SeededRandom
from autograder.domain.advisories import sbom as documents
from autograder.evidence.model import Evidence, Manifest, Repository
from autograder.oci.manifests import OCI_MANIFEST, Descriptor, ImageIndex, ImageManifest, is_digest

SERVICE = "registry"
ARCHITECTURES = ("amd64", "arm64")
OLDEST = {"amd64": "v1", "arm64": "v8"}
FILE = "platform.txt"
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


@check(
    "index",
    trust="proved",
    expected="The index under {tag} lists one image for linux/amd64 and one for linux/arm64, each as its config says.",
    why="The tag points at a page of JSON that lists a manifest for each platform. A client takes the one that fits "
    "its machine, and from there on a pull is as it always was.",
)
def index(e: Evidence) -> None:
    """Your tag is an index with an image for amd64 and one for arm64"""
    held, index = _index(e)
    unnamed = [child.digest for child in index.platforms if child.platform is None]
    if unnamed:
        raise Failure(
            f"The entry {unnamed[0]} names no platform, so no client can choose it.",
            "Give each entry a platform with os and architecture, and put the index again.",
        )
    missing = [f"linux/{name}" for name in ARCHITECTURES if not _for(index, name)]
    if missing:
        counted = Counter(str(child.platform) for child in index.platforms)
        there = listed(f"{name} {count} times" if count > 1 else name for name, count in counted.items())
        notes = len(index.manifests) - len(index.platforms)
        beside = " What is unknown/unknown beside it is an attestation and serves no platform." if notes else ""
        raise Failure(
            f"It lists {there}; {' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing.{beside}",
            _to_have(missing[0], counted),
        )
    for name in ARCHITECTURES:
        entries = _for(index, name)
        if len(entries) > 1:
            raise Failure(
                f"It lists linux/{name} {len(entries)} times, so which one is run is left to the client.",
                "List each platform once, and put the index again.",
            )
        _require_child(held, entries[0], name)


@check(
    "content",
    trust="proved",
    needs=["index"],
    why="One name, two contents, and each platform has its own. A test on one of them says nothing about the other.",
)
def content(e: Evidence) -> None:
    """Each platform gets the file that was made for it"""
    held, index = _index(e)
    lines = e.parameter("lines")
    for name in ARCHITECTURES:
        [entry] = _for(index, name)
        child = held.parsed(entry.digest)
        assert isinstance(child, ImageManifest)
        with expecting(f"{FILE} in the image for linux/{name} says: {lines[name]}"):
            files = text_files(held, child)
            says = files.get(FILE)
            if says == lines[name]:
                continue
            others = {text: other for other, text in lines.items()}
            if says is None:
                what = f"There is no {FILE}; the image holds {listed(files) or 'no file'}."
            elif says in others:
                what = f"It says what is meant for linux/{others[says]}."
            else:
                what = f"It says: {says[:100]}"
            raise Failure(
                what,
                f"Write the line to note/{FILE} right before you build for linux/{name}, build without the cache, "
                "push, and put the index again.",
            )
    require_round_trip(e, held, e.text("tag"))


@check(
    "read",
    trust="proved",
    needs=["index"],
    expected="The digest of the manifest that {tag} offers for linux/arm64.",
    why="You deploy by the index's digest, which covers both. What a machine then runs has a digest of its own, and "
    "that is the one that a node or a scanner reports.",
)
def read(e: Evidence) -> None:
    """You know which manifest an arm64 machine takes"""
    asked = f"The digest of the manifest that {e.text('tag')} offers for linux/arm64"
    given = _digest_given(require_answer(e, "arm64", asked))
    held, index = _index(e)
    [right] = _for(index, "arm64")
    if given == right.digest:
        return
    next_step = "Find the entry whose platform has the architecture arm64, and take its digest."
    what = "is nothing that the index lists"
    if given == index.digest:
        what = "is the digest of the index itself"
    for entry in index.manifests:
        child = held.parsed(entry.digest)
        if given == entry.digest:
            what = "is the attestation" if entry.is_attestation else f"is the manifest for {entry.platform}"
        elif isinstance(child, ImageManifest) and given in {part.digest for part in child.references}:
            what = f"is a config or layer of what is listed for {entry.platform}"
            next_step = "An image's digest is that of its manifest, not of what the manifest lists. " + next_step
    raise Failure(f"{given} {what}.", next_step)


@check(
    "attestations",
    trust="recomputed",
    expected="The digest of the attestation about the image for {asked_platform}.",
    why="What an entry is stands in its annotations, not in its place. Scripts that count entries, or take the last "
    "one, go wrong on the first index with provenance.",
)
def attestations(e: Evidence) -> None:
    """You tell the platforms of an index from its attestations"""
    entries = e.parameter("entries")
    images = {"/".join(entry["platform"].values()): entry["digest"] for entry in entries if "annotations" not in entry}
    notes = {entry["annotations"][ABOUT]: entry["digest"] for entry in entries if "annotations" in entry}
    _require_platforms(require_answer(e, "platforms", "The platforms of me.entries"), set(images))
    asked = e.text("asked_platform")
    given = _digest_given(
        require_answer(e, "attestation", f"The digest of the attestation about the image for {asked}")
    )
    if given == notes[images[asked]]:
        return
    what = "is in none of the entries"
    for platform, digest in images.items():
        if given == digest:
            what = f"is the image for {platform}"
        if given == notes[digest]:
            what = f"is the attestation about {platform}"
    raise Failure(
        f"{given} {what}.",
        f"The annotation {ABOUT} of an attestation names the digest of its image; the place does not tell.",
    )


@check(
    "sbom",
    trust="proved",
    needs=["index"],
    expected="An SBOM that names {part}, whose subject is the index under {tag}, and which the tag sha256-… lists.",
    why="The SBOM points at the index, and the index did not change: what you tested keeps its digest, and whoever has "
    "the digest finds the list of parts.",
)
def sbom(e: Evidence) -> None:
    """An SBOM refers to your index"""
    held, index = _index(e)
    notes = _listed_notes(held, index)
    stored = held.manifests[index.digest]
    index_is = _of(stored, index.digest)
    refused = _listed_otherwise(held, index)
    about = [note for note in notes if note.subject and _said(note.subject) == index_is and note.digest not in refused]
    on_a_part = _on_a_part(held, index)
    if not about:
        _require_said_rightly(held, index, notes)
        raise Failure(
            f"The tag {_fallback(index.digest)} lists {'nothing' if not notes else 'what has another subject'}."
            + (f" {on_a_part}" if on_a_part else ""),
            "An artifact's subject is the descriptor of what it is about: media type, digest and size of the "
            "index. The list under that tag names the artifacts whose subject it is.",
        )
    boms = [note for note in about if _is_sbom(note)]
    if not boms:
        raise Failure(
            (f"{on_a_part} " if on_a_part else "")
            + f"What refers to the index is of the type {listed(map(_type_of, about))}, which is no SBOM's.",
            "The artifact type says what it is: application/vnd.cyclonedx+json or application/spdx+json, of SPDX 3 "
            "application/spdx3+json.",
        )
    reasons = [_wrong_with(held, note, e.text("part")) for note in boms]
    if all(reasons):
        raise Failure(
            str(reasons[-1]), "Put the part into the SBOM by its purl, as lesson 11 does, and attach the file again."
        )


# -- what the rules ask ----------------------------------------------------------------------------------------------


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


def _index(e: Evidence) -> tuple[Repository, ImageIndex]:
    """The index behind the tag.

    Raises:
        Failure: repository or tag are not there, or the tag points at a single image.
    """
    tag = e.text("tag")
    held, single = image(e, SERVICE, e.text("repository"), tag)
    index = held.parsed(held.tags[tag])
    if isinstance(index, ImageIndex):
        return held, index
    raise Failure(
        f"{tag} points at a single image, for {_says(held, single)}.",
        "Push each platform's image under a tag of its own, then put an index that lists both under "
        f"{tag}. A docker push to {tag} replaces the index by one image.",
        expected=f"{tag} points at an index with an image for linux/amd64 and one for linux/arm64.",
    )


def _says(held: Repository, manifest: ImageManifest) -> str:
    """The platform that an image's config names, without variant."""
    config = held.config(manifest) or {}
    return f"{config.get('os', 'no system')}/{config.get('architecture', 'no architecture')}"


def _for(index: ImageIndex, architecture: str) -> list[Descriptor]:
    """The entries for a platform, also where its oldest variant is named: linux/arm64/v8 is linux/arm64.

    Source: normalizeArch in https://github.com/containerd/platforms/blob/main/database.go
    """
    wanted = f"linux/{architecture}"
    return [child for child in index.platforms if child.platform in (wanted, f"{wanted}/{OLDEST[architecture]}")]


def _to_have(missing: str, there: Mapping[str, int]) -> str:
    """What to do about a platform that an index lacks, by the platforms that it has."""
    if any(name.partition("/")[2] in ("x86_64", "aarch64") for name in there):
        return "The names are amd64 and arm64, as in me.lines: name the platform so when you build, and in the index."
    if any(name != missing and name.lower() == missing for name in there):
        return f"Clients compare letter by letter: write {missing} in small letters, and put the index again."
    if max(there.values(), default=0) > 1:
        return (
            f"Build again for {missing}, with --platform and --no-cache: the old builder takes what its cache has "
            "for another platform without a word. Look with docker image inspect, push, then make the index of both."
        )
    return "Build and push the missing image under a tag of its own, then make the index of both."


def _require_child(held: Repository, entry: Descriptor, architecture: str) -> None:
    """An entry is what its index says of it: there, of that size and type, an image, and for that platform.

    Raises:
        Failure: it is not.
    """
    platform, child = f"linux/{architecture}", held.parsed(entry.digest)
    if child is None:
        raise Failure(
            f"The manifest for {platform} ({entry.digest}) is not in the repository, or cannot be read.",
            "Push that image again to this repository, then put the index again.",
        )
    if isinstance(child, ImageIndex):
        raise Failure(
            f"The entry for {platform} is an index itself, and clients look for an image there.",
            "Your engine has pushed an index for each platform. Take the entries of these into yours.",
        )
    stored = held.manifests[entry.digest]
    if (len(stored.raw), stored.media_type) != (entry.size, entry.media_type):
        raise Failure(
            f"The entry for {platform} has another size or media type than the manifest: {entry.size} bytes of "
            f"{entry.media_type}, not {len(stored.raw)} of {stored.media_type}.",
            "Clients refuse such an entry. Take media type, digest and size from the registry's answer.",
        )
    if held.config(child) is None:
        raise Failure(
            f"The config of the image for {platform} is missing or no JSON document.",
            "Push that image again to this repository, then put the index again.",
        )
    says = _says(held, child)
    if says != platform:
        raise Failure(
            f"The entry for {platform} leads to an image whose config says {says}.",
            "unknown/unknown is an attestation. Take the entry of the image that it is about."
            if says == "unknown/unknown"
            else f"If the index has the wrong entry there, correct it. If the image was meant for {platform}, build it "
            "anew with --platform and --no-cache (the old builder takes a layer of another platform without a word), "
            "push it, and put the index again.",
        )


def _digest_given(value: object) -> str:
    """A recorded digest; one that ends a reference is taken as well.

    Raises:
        Failure: it is none.
    """
    given = value.strip().rpartition("@")[2] if isinstance(value, str) else ""
    if is_digest(given):
        return given
    raise Failure(
        f"{shown(value)} is no digest.", "A digest is the word sha256, a colon, and 64 lower-case hexadecimal digits."
    )


def _require_platforms(value: object, right: set[str]) -> None:
    """The recorded platforms are the right ones.

    Raises:
        Failure: they are not.
    """
    with expecting('A list of platforms, each as a text like "linux/amd64", or with its variant: "linux/arm/v7".'):
        _compare_platforms(value, right)


def _compare_platforms(value: object, right: set[str]) -> None:
    if not isinstance(value, list) or not all(isinstance(part, str) for part in value):
        raise Failure(
            f"You recorded {shown(value)}.",
            "Record a list of texts: os, architecture and, where there is one, variant, joined by slashes.",
        )
    given = {str(part).strip() for part in value}
    if given == right:
        return
    if any("unknown" in part for part in given):
        what, next_step = "unknown/unknown is among them.", "Leave out the entries that are attestations."
    elif any(part.count("/") >= 2 and part.rpartition("/")[0] in given for part in right):
        what = "A platform lacks its variant."
        next_step = "Arm's 32-bit variants are different platforms: add the variant where an entry has one."
    elif given < right:
        what = f"{len(given)} of {len(right)} are there."
        next_step = "Go through all entries; each image has its platform."
    else:
        strange = listed(given - right)
        what, next_step = f"No entry is for {strange}.", "Write os, architecture and variant as the entries have them."
    raise Failure(what, next_step)


def _fallback(digest: str) -> str:
    """The tag that lists what refers to a digest where a registry has no referrers API.

    Source: https://github.com/opencontainers/distribution-spec/blob/main/spec.md#unavailable-referrers-api
    """
    return digest.replace(":", "-", 1)


def _said(descriptor: Descriptor) -> tuple[str, str, int]:
    """What a descriptor says of its content."""
    return descriptor.media_type, descriptor.digest, descriptor.size


def _of(stored: Manifest, digest: str) -> tuple[str, str, int]:
    """What a descriptor has to say of a stored manifest."""
    return stored.media_type, digest, len(stored.raw)


def _listed_notes(held: Repository, index: ImageIndex) -> list[ImageManifest]:
    """What the tag that stands in for the referrers API lists.

    Raises:
        Failure: there is no such list; says where the note went instead, as far as that can be seen.
    """
    list_tag = _fallback(index.digest)
    if list_tag in held.tags:
        document = held.parsed(held.tags[list_tag])
        if not isinstance(document, ImageIndex):
            raise Failure(
                f"The tag {list_tag} points at the note itself, where clients look for a list of notes.",
                "Put an index there whose manifests are the notes' descriptors, with artifactType.",
            )
        return [note for child in document.manifests if isinstance(note := held.parsed(child.digest), ImageManifest)]
    raise Failure(*_elsewhere(held, index))


def _listed_otherwise(held: Repository, index: ImageIndex) -> dict[str, Descriptor]:
    """What the list says another size or media type of than it has, by digest; clients find it and refuse it."""
    document = held.parsed(held.tags[_fallback(index.digest)])
    entries = document.manifests if isinstance(document, ImageIndex) else ()
    stored = {entry.digest: held.manifests[entry.digest] for entry in entries if entry.digest in held.manifests}
    right = {
        entry.digest
        for entry in entries
        if entry.digest in stored and _said(entry) == _of(stored[entry.digest], entry.digest)
    }
    return {entry.digest: entry for entry in entries if entry.digest in stored and entry.digest not in right}


def _require_said_rightly(held: Repository, index: ImageIndex, notes: list[ImageManifest]) -> None:
    """What a note says of the index, and what the list says of a note, is so.

    Raises:
        Failure: a media type or a size is another one.
    """
    stored = held.manifests[index.digest]
    for note in notes:
        subject = note.subject
        if subject is not None and subject.digest == index.digest and _said(subject) != _of(stored, index.digest):
            raise Failure(
                f"A note says that its subject has {subject.size} bytes of {subject.media_type}. The index has that "
                f"digest, and is {len(stored.raw)} bytes of {stored.media_type}.",
                "Take media type, digest and size of the index from the registry's answer, and attach the SBOM again.",
            )
    for entry in _listed_otherwise(held, index).values():
        its = held.manifests[entry.digest]
        raise Failure(
            f"The tag {_fallback(index.digest)} lists a note as {entry.size} bytes of {entry.media_type}. It is "
            f"{len(its.raw)} bytes of {its.media_type}.",
            "Clients refuse what is not as the list says. Its entries are descriptors of the notes' manifests, not of "
            "what these contain: take media type, digest and size from the registry's answer.",
        )


def _elsewhere(held: Repository, index: ImageIndex) -> tuple[str, str]:
    """Where the SBOM went instead, as far as that can be seen, and what to do."""
    next_step = "Attach the SBOM to the digest of the index, with `python3 course.py sbom attach` or `oras attach`."
    notes = []
    for digest in held.manifests:
        own = [other for other, pointed in held.tags.items() if pointed == digest]
        if isinstance(note := held.parsed(digest), ImageManifest):
            notes.append((own, f"The artifact under the tag {own[0]}" if own else f"The artifact {digest}", note))
    for _, what, note in notes:
        if note.subject is not None and note.subject.digest == index.digest:
            return (
                f"{what} has the right subject, but no list leads to it.",
                "This registry has no referrers API, so the client keeps the list: an index under the tag "
                f"{_fallback(index.digest)}.",
            )
    on_a_part = _on_a_part(held, index)
    if on_a_part:
        return on_a_part, next_step
    for own, what, note in notes:
        if note.subject is not None:
            return (
                f"{what} refers to {note.subject.digest}, which is not what {_tag_of(held, index)} points at now.",
                "A new index has a new digest, and notes do not follow. " + next_step,
            )
        if own and _is_sbom(note):
            return f"{what} is an SBOM without a subject, so nothing says what it is about.", next_step
    return "Nothing refers to the index.", next_step


def _on_a_part(held: Repository, index: ImageIndex) -> str:
    """What refers to an image inside the index, in a sentence; "" where nothing does.

    Clients that are given a platform, or a digest from `docker push` of one, attach to that image.
    """
    notes = [note for digest in held.manifests if isinstance(note := held.parsed(digest), ImageManifest)]
    for child in index.manifests:
        on_it = [note for note in notes if note.subject is not None and note.subject.digest == child.digest]
        if on_it or _fallback(child.digest) in held.tags:
            what = "An SBOM" if any(map(_is_sbom, on_it)) else "Something"
            part = "an attestation in it" if child.is_attestation else f"the image for {child.platform}"
            return f"{what} refers to {part}, not to the index."
    return ""


def _tag_of(held: Repository, index: ImageIndex) -> str:
    return next((tag for tag, digest in held.tags.items() if digest == index.digest), "the tag")


def _type_of(note: ImageManifest) -> str:
    """An artifact's type: the field of that name, or else its config's media type (image-spec 1.1, manifest)."""
    return note.artifact_type or note.config.media_type


def _is_sbom(note: ImageManifest) -> bool:
    return any(word in _type_of(note) for word in ("cyclonedx", "spdx"))


def _wrong_with(held: Repository, note: ImageManifest, part: str) -> str | None:
    """Why an artifact is no SBOM that names a part; None when it is one."""
    name, version = part.removeprefix("pkg:pypi/").split("@")
    wrong = "The artifact has no layer, so there is no SBOM in it."
    for layer in note.layers:
        text = (held.content(layer.digest) or b"").decode("utf-8", errors="replace")
        try:
            packages = documents.read(text).packages
        except documents.SbomError as error:
            wrong = f"What is attached is no SBOM: {error}."
            continue
        if version in packages.get(name, ()):
            return None
        named = listed(f"{each} {' and '.join(versions)}" for each, versions in packages.items())
        wrong = f"The SBOM does not name {part}; it names {named or 'no Python package'}."
    return wrong
