"""Lab 11's checks: indexes made by Buildx, by docker manifest and by hand; each way to be wrong has its message."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from autograder.checks.api import Verdict
from autograder.checks.multi_arch.checks import ABOUT, ORDERS, parameters
from autograder.checks.shared.seeded_random import SeededRandom, seed
from autograder.evidence.model import Evidence, Manifest, Repository, Service
from autograder.labs import manifest
from autograder.oci import manifests
from autograder.oci.manifests import digest_of
from autograder.quality import contract
from autograder.scanning.artifact import SBOM_TYPES
from tests.scanning.test_sbom import DOES_NOT_NAME_IT, NAMES_IT

from .pushed import text_layer
from .solved import evidence, failed, verdicts

LAB = manifest.find("11-multi-arch")
P = LAB.drawn(seed(b"tests", "student", "ada", LAB.slug))
NAME, TAG, LINES, PART = P["repository"], P["tag"], P["lines"], P["part"]
CYCLONEDX, SPDX = "application/vnd.cyclonedx+json", "application/spdx+json"
EMPTY = "application/vnd.oci.empty.v1+json"


def bom(*purls: str) -> bytes:
    return json.dumps(
        {"bomFormat": "CycloneDX", "specVersion": "1.6", "components": [{"purl": p} for p in purls]}
    ).encode()


def spdx(*purls: str) -> bytes:
    references = [{"externalRefs": [{"referenceType": "purl", "referenceLocator": purl}]} for purl in purls]
    return json.dumps({"spdxVersion": "SPDX-2.3", "packages": references}).encode()


@dataclass
class World:
    """The repository as a student's pushes leave it, and the answers."""

    docker: bool = False  # Docker's own media types in the place of the OCI's
    name: str = NAME
    tags: dict[str, str] = field(default_factory=dict)
    kept: dict[str, Manifest] = field(default_factory=dict)
    contents: dict[str, str] = field(default_factory=dict)
    answers: dict[str, Any] = field(default_factory=dict)
    origin: str = "live"
    probes: dict[str, Any] = field(default_factory=dict)

    def blob(self, data: bytes, kind: str) -> dict[str, Any]:
        self.contents[digest_of(data)] = base64.b64encode(data).decode()
        return {"mediaType": kind, "digest": digest_of(data), "size": len(data)}

    def put(self, document: dict[str, Any], tag: str | None = None) -> dict[str, Any]:
        text = json.dumps(document, indent=2)
        digest = digest_of(text.encode())
        self.kept[digest] = Manifest(media_type=document["mediaType"], text=text)
        if tag is not None:
            self.tags[tag] = digest
        return {"mediaType": document["mediaType"], "digest": digest, "size": len(text)}

    def image(self, architecture: str, text: str | None = None, tag: str | None = None, **more: str) -> dict[str, Any]:
        """Push an image; its entry for an index."""
        layer = text_layer({"platform.txt": LINES[architecture] + "\n" if text is None else text})
        assert layer.content is not None
        platform = {"architecture": architecture, "os": "linux"} | more
        config = {**platform, "config": {}, "rootfs": {"type": "layers", "diff_ids": []}}
        kinds = (manifests.OCI_MANIFEST, manifests.OCI_CONFIG)
        if self.docker:
            kinds = (manifests.DOCKER_MANIFEST, manifests.DOCKER_CONFIG)
        document = {
            "schemaVersion": 2,
            "mediaType": kinds[0],
            "config": self.blob(json.dumps(config).encode(), kinds[1]),
            "layers": [self.blob(layer.content, "application/vnd.oci.image.layer.v1.tar+gzip")],
        }
        return {**self.put(document, tag), "platform": platform}

    def attestation(self, image: dict[str, Any]) -> dict[str, Any]:
        """What BuildKit adds for an image."""
        layer = self.blob(b'{"about": "' + image["digest"].encode() + b'"}', "application/vnd.in-toto+json")
        nothing = {"architecture": "unknown", "os": "unknown"}
        config = {**nothing, "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]}}
        document = {
            "schemaVersion": 2,
            "mediaType": manifests.OCI_MANIFEST,
            "config": self.blob(json.dumps(config).encode(), manifests.OCI_CONFIG),
            "layers": [layer],
        }
        marks = {ABOUT: image["digest"], "vnd.docker.reference.type": "attestation-manifest"}
        return {**self.put(document), "platform": nothing, "annotations": marks}

    def index(self, *entries: dict[str, Any], tag: str = TAG) -> dict[str, Any]:
        kind = manifests.DOCKER_LIST if self.docker else manifests.OCI_INDEX
        return self.put({"schemaVersion": 2, "mediaType": kind, "manifests": list(entries)}, tag)

    def attach(
        self,
        subject: dict[str, Any] | None,
        content: bytes | None = None,
        kind: str = CYCLONEDX,
        *,
        tag: str | None = None,
        listed: bool = True,
    ) -> None:
        """An artifact beside an image, and the list of them that stands in for the referrers API."""
        content = bom(PART) if content is None else content
        document: dict[str, Any] = {
            "schemaVersion": 2,
            "mediaType": manifests.OCI_MANIFEST,
            "artifactType": kind,
            "config": self.blob(b"{}", EMPTY),
            "layers": [self.blob(content, kind)],
        }
        if subject is not None:
            document["subject"] = {key: subject[key] for key in ("mediaType", "digest", "size")}
        entry = self.put(document, tag) | {"artifactType": kind}
        if listed and subject is not None:
            self.list_notes(subject, entry)

    def list_notes(self, subject: dict[str, Any], *entries: dict[str, Any]) -> None:
        document = {"schemaVersion": 2, "mediaType": manifests.OCI_INDEX, "manifests": list(entries)}
        self.put(document, subject["digest"].replace(":", "-"))

    def answer_all(self) -> None:
        images = {"/".join(each["platform"].values()): each for each in P["entries"] if "annotations" not in each}
        about = {each["annotations"][ABOUT]: each["digest"] for each in P["entries"] if "annotations" in each}
        document = json.loads(self.kept[self.tags[TAG]].text)
        [arm64] = [one for one in document["manifests"] if one["platform"]["architecture"] == "arm64"]
        self.answers = {
            "arm64": arm64["digest"],
            "platforms": list(images),
            "attestation": about[images[P["asked_platform"]]["digest"]],
        }

    def evidence(self) -> Evidence:
        held = {}
        if self.kept:
            held[self.name] = Repository.model_validate(
                {
                    "service": "registry",
                    "name": self.name,
                    "layers": "all",
                    "tags": self.tags,
                    "manifests": self.kept,
                    "contents": self.contents,
                    "blobs": {digest: len(base64.b64decode(text)) for digest, text in self.contents.items()},
                }
            )
        services = {"registry": Service(repositories=held, catalog=tuple(held))}
        return evidence(LAB, P, services=services, answers=self.answers, probes=self.probes, origin=self.origin)

    def verdicts(self) -> dict[str, Verdict]:
        return verdicts(LAB, self.evidence())


def by_hand(w: World) -> None:
    """The lesson's way: two single images and an index of them."""
    index = w.index(w.image("amd64", tag=f"{TAG}-amd64"), w.image("arm64", tag=f"{TAG}-arm64"))
    w.attach(index)


def by_buildx(w: World) -> None:
    """OCI index with variant and attestations, none of the images tagged."""
    images = [w.image("amd64"), w.image("arm64", variant="v8")]
    w.attach(w.index(*images, *(w.attestation(image) for image in images)))


def by_docker_manifest(w: World) -> None:
    """Docker's manifest list, over what docker push of 20.10 sends."""
    w.docker = True
    entries = [w.image(name, tag=f"{TAG}-{name}") for name in ("arm64", "amd64")]
    w.attach(w.index(*entries))


def by_docker_29(w: World) -> None:
    """Each platform's tag an index with an attestation, whose entries are taken over."""
    entries = []
    for name in ("amd64", "arm64"):
        image = w.image(name)
        pair = [image, w.attestation(image)]
        w.index(*pair, tag=f"{TAG}-{name}")
        entries += pair
    w.attach(w.index(*entries))


def an_earlier_try_is_still_listed(w: World) -> None:
    """A subject of another size, and a note of another media type; the right one stands behind. amd64 is named v1."""
    index = w.index(w.image("amd64", variant="v1"), w.image("arm64"))
    w.attach(index | {"size": 7}, bom("pkg:PyPI/pip@24.0"), listed=False)
    w.attach(index, b"\xef\xbb\xbf" + bom(PART.replace("pkg:pypi", "pkg:PyPI")), listed=False)
    first, second = (digest for digest, kept in w.kept.items() if CYCLONEDX in kept.text)
    entries = [
        {"mediaType": manifests.OCI_MANIFEST, "digest": digest, "size": len(w.kept[digest].raw)}
        for digest in (first, second)
    ]
    w.list_notes(index, entries[1] | {"mediaType": CYCLONEDX}, *entries)


def one_more_platform(w: World) -> None:
    """A third platform, a second tag on the index, SPDX, and a signature listed before the SBOM."""
    further = w.image("amd64", text="something", os="windows")
    index = w.index(further, w.image("arm64"), w.image("amd64"))
    w.tags["latest"] = index["digest"]
    w.attach(index, b"{}", "application/vnd.dev.cosign.artifact.sig.v1+json", listed=False)
    signature = next(digest for digest, kept in w.kept.items() if "cosign" in kept.text)
    w.attach(index, spdx("pkg:pypi/pip@24.0", PART), SPDX, listed=False)
    [document] = [digest for digest, kept in w.kept.items() if SPDX in kept.text]
    entries = [
        {"mediaType": manifests.OCI_MANIFEST, "digest": digest, "size": len(w.kept[digest].raw)}
        for digest in (signature, document)
    ]
    w.list_notes(index, *entries)


RIGHT = (by_hand, by_buildx, by_docker_manifest, by_docker_29, an_earlier_try_is_still_listed, one_more_platform)


@pytest.mark.parametrize("way", RIGHT, ids=lambda way: way.__name__)
def test_right_by_any_way(way: Callable[[World], None]) -> None:
    world = World()
    way(world)
    world.answer_all()
    assert {id: v.found for id, v in world.verdicts().items() if v.status != "passed"} == {}
    assert sum(v.points or 0 for v in world.verdicts().values()) == LAB.total == 4


PIP = json.dumps("pkg:pypi/pip@24.0")


def with_part(document: dict[str, Any]) -> bytes:
    """A document of the reader's tests, which names pip, with the student's part instead."""
    return json.dumps(document).replace(PIP, json.dumps(PART)).encode()


@pytest.mark.parametrize(("kind", "document"), NAMES_IT)
def test_an_sbom_of_any_form_names_the_part(kind: str, document: dict[str, Any]) -> None:
    world = World()
    world.attach(world.index(world.image("amd64"), world.image("arm64")), with_part(document), SBOM_TYPES[kind])
    assert world.verdicts()["sbom"].status == "passed"


@pytest.mark.parametrize("document", DOES_NOT_NAME_IT)
def test_an_sbom_that_only_seems_to_name_the_part(document: dict[str, Any]) -> None:
    world = World()
    world.attach(world.index(world.image("amd64"), world.image("arm64")), with_part(document))
    verdict = world.verdicts()["sbom"]
    assert verdict.found == f"The SBOM does not name {PART}; it names no Python package."


def test_answers_in_other_words_pass() -> None:
    world = solved()
    world.answers["arm64"] = f" localhost:5001/{NAME}@{world.answers['arm64']}\n"
    world.answers["platforms"] = [*world.answers["platforms"][::-1], world.answers["platforms"][0]]
    assert {v.status for v in world.verdicts().values()} == {"passed"}


def solved(way: Callable[[World], None] = by_buildx) -> World:
    world = World()
    way(world)
    world.answer_all()
    return world


def test_nothing_done_fails_everywhere_with_a_message_that_helps() -> None:
    found = World().verdicts()
    failed(found["index"], "No such repository is there.")
    failed(found["attestations"], "No such answer is recorded.")
    assert {found[id].blocked_by for id in ("content", "read", "sbom")} == {"index"}
    assert sum(v.points or 0 for v in found.values()) == 0


def test_in_grading_the_round_trip_decides() -> None:
    world = solved()
    world.origin = "submission"
    assert world.verdicts()["content"].status == "not_graded"
    digest = world.tags[TAG]
    trip: dict[str, Any] = {"tags": {TAG: {"digest": digest, "pulled": True}}, "digests": {digest: True}, "error": None}
    world.probes = {"round-trip": {f"registry/{NAME}": trip}}
    assert {v.status for v in world.verdicts().values()} == {"passed"}
    trip["error"] = "The registry refused a manifest."
    failed(world.verdicts()["content"], "The registry refused a manifest.")


# Wrong indexes


def single_image(w: World) -> str:
    w.tags[TAG] = w.image("arm64")["digest"]
    return f"{TAG} points at a single image, for linux/arm64."


def only_one(w: World) -> str:
    w.index(w.image("amd64"))
    return "It lists linux/amd64; linux/arm64 is missing."


def one_and_its_attestation(w: World) -> str:
    image = w.image("arm64")
    w.index(image, w.attestation(image))
    return (
        "It lists linux/arm64; linux/amd64 is missing. What is unknown/unknown beside it is an attestation and serves "
        "no platform."
    )


def wrong_variant(w: World) -> str:
    w.index(w.image("amd64"), w.image("arm64") | {"platform": {"os": "linux", "architecture": "arm", "variant": "v7"}})
    return "It lists linux/amd64 and linux/arm/v7; linux/arm64 is missing."


def cached(w: World) -> str:
    image = w.image("amd64")
    w.index(image, image | {"platform": {"os": "linux", "architecture": "arm64"}})
    return "The entry for linux/arm64 leads to an image whose config says linux/amd64."


def from_the_cache(w: World) -> str:
    """Docker's old builder without --no-cache: the second build is the first one's image."""
    w.index(w.image("arm64"), w.image("arm64", text="again"))
    return "It lists linux/arm64 2 times; linux/amd64 is missing."


def an_attestation_for_an_image(w: World) -> str:
    image = w.image("amd64")
    note = {key: value for key, value in w.attestation(image).items() if key != "annotations"}
    w.index(image, note | {"platform": {"os": "linux", "architecture": "arm64"}})
    return "The entry for linux/arm64 leads to an image whose config says unknown/unknown."


def kernel_names(w: World) -> str:
    w.index(w.image("amd64"), w.image("arm64") | {"platform": {"os": "linux", "architecture": "aarch64"}})
    return "It lists linux/aarch64 and linux/amd64; linux/arm64 is missing."


def capitals(w: World) -> str:
    w.index(w.image("amd64") | {"platform": {"os": "Linux", "architecture": "amd64"}}, w.image("arm64"))
    return "It lists Linux/amd64 and linux/arm64; linux/amd64 is missing."


def no_platform(w: World) -> str:
    entries = [w.image("amd64"), w.image("arm64")]
    del entries[1]["platform"]
    w.index(*entries)
    return f"The entry {entries[1]['digest']} names no platform, so no client can choose it."


def twice(w: World) -> str:
    w.index(w.image("amd64"), w.image("arm64"), w.image("arm64", variant="v8"))
    return "It lists linux/arm64 2 times, so which one is run is left to the client."


def gone(w: World) -> str:
    entries = [w.image("amd64"), w.image("arm64")]
    w.index(*entries)
    del w.kept[entries[1]["digest"]]
    return f"The manifest for linux/arm64 ({entries[1]['digest']}) is not in the repository, or cannot be read."


def nested(w: World) -> str:
    image = w.image("arm64")
    inner = w.index(image, w.attestation(image), tag=f"{TAG}-arm64")
    w.index(w.image("amd64"), inner | {"platform": image["platform"]})
    return "The entry for linux/arm64 is an index itself, and clients look for an image there."


def wrong_size(w: World) -> str:
    entry = w.image("arm64")
    w.index(w.image("amd64"), entry | {"size": 7})
    kind = manifests.OCI_MANIFEST
    return (
        "The entry for linux/arm64 has another size or media type than the manifest: "
        f"7 bytes of {kind}, not {entry['size']} of {kind}."
    )


def no_config(w: World) -> str:
    entry = w.image("arm64")
    w.index(w.image("amd64"), entry)
    document = json.loads(w.kept[entry["digest"]].text)
    del w.contents[document["config"]["digest"]]
    return "The config of the image for linux/arm64 is missing or no JSON document."


def other_tag(w: World) -> str:
    w.index(w.image("amd64"), w.image("arm64"), tag="latest")
    return "The repository has the tag latest."


WRONG_INDEXES = (
    single_image, only_one, one_and_its_attestation, wrong_variant, cached, from_the_cache, an_attestation_for_an_image,
    kernel_names, capitals, no_platform, twice, gone, nested, wrong_size, no_config, other_tag,
)  # fmt: skip


@pytest.mark.parametrize("way", WRONG_INDEXES, ids=lambda way: way.__name__)
def test_a_wrong_index(way: Callable[[World], str]) -> None:
    world = World()
    message = way(world)
    failed(world.verdicts()["index"], message)


@pytest.mark.parametrize(
    ("way", "words"),
    [
        (cached, "wrong entry"),
        (from_the_cache, "--no-cache"),
        (an_attestation_for_an_image, "is an attestation"),
        (kernel_names, "as in me.lines"),
        (capitals, "write linux/amd64 in small letters"),
        (only_one, "missing image"),
    ],
    ids=lambda part: getattr(part, "__name__", ""),
)
def test_the_next_step_is_that_of_the_mistake(way: Callable[[World], str], words: str) -> None:
    world = World()
    way(world)
    assert words in world.verdicts()["index"].next_step


# Wrong files


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (LINES["amd64"], "It says what is meant for linux/amd64."),
        ("built for nobody yet", "It says: built for nobody yet"),
    ],
    ids=["the-other-line", "as-it-came"],
)
def test_a_wrong_file(text: str, message: str) -> None:
    world = World()
    world.index(world.image("amd64"), world.image("arm64", text=text))
    found = world.verdicts()
    assert found["index"].status == "passed"
    failed(found["content"], message)


def test_no_file() -> None:
    world = World()
    amd64, arm64 = world.image("amd64"), world.image("arm64")
    document = json.loads(world.kept[amd64["digest"]].text)
    other = text_layer({"hello.txt": "hello"})
    assert other.content is not None
    document["layers"] = [world.blob(other.content, "application/vnd.oci.image.layer.v1.tar+gzip")]
    world.index(world.put(document) | {"platform": amd64["platform"]}, arm64)
    failed(world.verdicts()["content"], "There is no platform.txt; the image holds hello.txt.")


# Wrong answers


def entries_of(world: World) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(world.kept[world.tags[TAG]].text)["manifests"]
    return found


def test_wrong_digests_of_what_arm64_gets() -> None:
    world = solved()
    amd64, arm64, note, _ = entries_of(world)
    config = json.loads(world.kept[arm64["digest"]].text)["config"]["digest"]
    other = digest_of(b"something else")
    told = {
        world.tags[TAG]: f"{world.tags[TAG]} is the digest of the index itself.",
        amd64["digest"]: f"{amd64['digest']} is the manifest for linux/amd64.",
        note["digest"]: f"{note['digest']} is the attestation.",
        config: f"{config} is a config or layer of what is listed for linux/arm64/v8.",
        other: f"{other} is nothing that the index lists.",
        "arm64": "'arm64' is no digest.",
    }
    for given, message in told.items():
        world.answers["arm64"] = given
        failed(world.verdicts()["read"], message)


def test_an_answer_about_an_index_that_the_tag_has_left() -> None:
    world = solved()
    before = world.evidence()
    world.index(world.image("arm64", text="again"), world.image("amd64"))
    found = verdicts(LAB, world.evidence().model_copy(update={"answers": before.answers}))
    failed(found["read"], "That tag has been pushed again (or removed) since you recorded the answer.")
    assert found["attestations"].status == "passed"


def test_wrong_platforms() -> None:
    world = solved()
    right = world.answers["platforms"]
    for given, message in (
        ([*right, "unknown/unknown"], "unknown/unknown is among them."),
        (right[:2], "2 of 3 are there."),
        ([*right[:2], "linux/mips"], "No entry is for linux/mips."),
        (", ".join(right), f"You recorded {', '.join(right)!r}."),
        (3, "You recorded 3."),
    ):
        world.answers["platforms"] = given
        failed(world.verdicts()["attestations"], message)


def test_a_platform_without_its_variant() -> None:
    p = next(p for p in drawn(60) if any("variant" in each["platform"] for each in p["entries"]))
    names = ["/".join(list(each["platform"].values())[:2]) for each in p["entries"] if "annotations" not in each]
    found = verdicts(LAB, evidence(LAB, p, answers={"platforms": names}))
    failed(found["attestations"], "A platform lacks its variant.")


def test_wrong_attestations() -> None:
    world = solved()
    right, asked = world.answers["attestation"], P["asked_platform"]
    images = {each["digest"]: "/".join(each["platform"].values()) for each in P["entries"] if "annotations" not in each}
    for each in P["entries"]:
        if each["digest"] == right:
            continue
        what = f"the image for {images.get(each['digest'])}"
        if "annotations" in each:
            what = f"the attestation about {images[each['annotations'][ABOUT]]}"
        world.answers["attestation"] = each["digest"]
        failed(world.verdicts()["attestations"], f"{each['digest']} is {what}.")
    assert asked in images.values()
    world.answers["attestation"] = digest_of(b"x")
    failed(world.verdicts()["attestations"], f"{digest_of(b'x')} is in none of the entries.")


# Wrong notes


def nothing_attached(w: World, index: dict[str, Any]) -> str:
    return "Nothing refers to the index."


def on_one_image(w: World, index: dict[str, Any]) -> str:
    w.attach(entries_of(w)[1])
    return "An SBOM refers to the image for linux/arm64, not to the index."


def on_one_image_beside_a_signature(w: World, index: dict[str, Any]) -> str:
    w.attach(index, kind="application/vnd.dev.cosign.artifact.sig.v1+json")
    w.attach(entries_of(w)[0])
    return (
        "An SBOM refers to the image for linux/amd64, not to the index. What refers to the index is of the type "
        "application/vnd.dev.cosign.artifact.sig.v1+json, which is no SBOM's."
    )


def a_signature_on_one_image(w: World, index: dict[str, Any]) -> str:
    w.attach(entries_of(w)[0], kind="application/vnd.dev.cosign.artifact.sig.v1+json")
    return "Something refers to the image for linux/amd64, not to the index."


def on_one_image_and_listed_nowhere(w: World, index: dict[str, Any]) -> str:
    w.attach(entries_of(w)[0], tag="sbom", listed=False)
    return "An SBOM refers to the image for linux/amd64, not to the index."


def unlisted(w: World, index: dict[str, Any]) -> str:
    w.attach(index, tag="sbom", listed=False)
    return "The artifact under the tag sbom has the right subject, but no list leads to it."


def on_one_image_and_unlisted(w: World, index: dict[str, Any]) -> str:
    on_one_image(w, index)
    return unlisted(w, index)


def subject_of_another_size(w: World, index: dict[str, Any]) -> str:
    w.attach(index | {"size": 7})
    kind = index["mediaType"]
    return (
        f"A note says that its subject has 7 bytes of {kind}. The index has that digest, and is {index['size']} bytes "
        f"of {kind}."
    )


def listed_with(w: World, index: dict[str, Any], **other: Any) -> dict[str, Any]:
    """Attach the SBOM, and list it by a descriptor in which something is another; the right descriptor."""
    w.attach(index, listed=False)
    [digest] = [digest for digest, kept in w.kept.items() if CYCLONEDX in kept.text]
    entry = {"mediaType": manifests.OCI_MANIFEST, "digest": digest, "size": len(w.kept[digest].raw)}
    w.list_notes(index, entry | other)
    return entry


def listed_by_the_size_of_the_file(w: World, index: dict[str, Any]) -> str:
    size = len(bom(PART))
    entry = listed_with(w, index, size=size)
    return (
        f"The tag {index['digest'].replace(':', '-')} lists a note as {size} bytes of {manifests.OCI_MANIFEST}. It is "
        f"{entry['size']} bytes of {manifests.OCI_MANIFEST}."
    )


def listed_by_the_type_of_the_file(w: World, index: dict[str, Any]) -> str:
    size = listed_with(w, index, mediaType=CYCLONEDX)["size"]
    return (
        f"The tag {index['digest'].replace(':', '-')} lists a note as {size} bytes of {CYCLONEDX}. It is {size} bytes "
        f"of {manifests.OCI_MANIFEST}."
    )


def without_subject(w: World, index: dict[str, Any]) -> str:
    w.attach(None, tag="sbom")
    return "The artifact under the tag sbom is an SBOM without a subject, so nothing says what it is about."


def of_an_older_index(w: World, index: dict[str, Any]) -> str:
    w.attach(index, tag="sbom")
    w.index(w.image("amd64"), w.image("arm64"), w.image("amd64", os="windows"))
    return f"The artifact under the tag sbom refers to {index['digest']}, which is not what {TAG} points at now."


def note_in_the_place_of_the_list(w: World, index: dict[str, Any]) -> str:
    tag = index["digest"].replace(":", "-")
    w.attach(index, tag=tag, listed=False)
    return f"The tag {tag} points at the note itself, where clients look for a list of notes."


def listed_about_something_else(w: World, index: dict[str, Any]) -> str:
    w.attach(entries_of(w)[0])
    w.tags[index["digest"].replace(":", "-")] = w.tags.pop(entries_of(w)[0]["digest"].replace(":", "-"))
    tag = index["digest"].replace(":", "-")
    other = "An SBOM refers to the image for linux/amd64, not to the index."
    return f"The tag {tag} lists what has another subject. {other}"


def empty_list(w: World, index: dict[str, Any]) -> str:
    w.list_notes(index)
    return f"The tag {index['digest'].replace(':', '-')} lists nothing."


def other_type(w: World, index: dict[str, Any]) -> str:
    w.attach(index, kind="application/vnd.example.note")
    return "What refers to the index is of the type application/vnd.example.note, which is no SBOM's."


def other_part(w: World, index: dict[str, Any]) -> str:
    w.attach(index, bom("pkg:pypi/left-pad@1.0"))
    return f"The SBOM does not name {PART}; it names left-pad 1.0."


def no_part(w: World, index: dict[str, Any]) -> str:
    w.attach(index, bom())
    return f"The SBOM does not name {PART}; it names no Python package."


def no_json(w: World, index: dict[str, Any]) -> str:
    w.attach(index, b"[]")
    return "What is attached is no SBOM: not a JSON object, or too large."


WRONG_NOTES = (
    nothing_attached, on_one_image, unlisted, on_one_image_and_unlisted, subject_of_another_size, without_subject,
    of_an_older_index, note_in_the_place_of_the_list, listed_about_something_else, empty_list, other_type, other_part,
    no_part, no_json,
    listed_by_the_size_of_the_file, listed_by_the_type_of_the_file,
    on_one_image_beside_a_signature, a_signature_on_one_image, on_one_image_and_listed_nowhere,
)  # fmt: skip


@pytest.mark.parametrize("way", WRONG_NOTES, ids=lambda way: way.__name__)
def test_a_wrong_note(way: Callable[[World, dict[str, Any]], str]) -> None:
    world = World()
    index = world.index(world.image("amd64"), world.image("arm64"))
    message = way(world, index)
    found = world.verdicts()
    assert found["index"].status == "passed"
    failed(found["sbom"], message)


# Parameters


def drawn(count: int) -> list[dict[str, Any]]:
    return [parameters(SeededRandom(seed(b"tests", "student", f"student {n}", LAB.slug))) for n in range(count)]


def test_no_place_tells_which_attestation_belongs_to_which_image() -> None:
    assert all(sorted(order) == ["a"] * 3 + ["i"] * 3 for order in ORDERS)
    for p in drawn(200):
        entries = p["entries"]
        images = [each for each in entries if "annotations" not in each]
        notes = [each for each in entries if "annotations" in each]
        [wanted] = [each for each in images if "/".join(each["platform"].values()) == p["asked_platform"]]
        [right] = [each for each in notes if each["annotations"][ABOUT] == wanted["digest"]]
        assert len({each["digest"] for each in entries}) == 6 and len(notes) == 3
        assert images.index(wanted) != notes.index(right) and right not in (notes[0], notes[-1])
        assert entries.index(right) != entries.index(wanted) + 1


def test_a_neighbours_work_earns_nothing() -> None:
    world = solved()
    other = LAB.drawn(seed(b"tests", "student", "ben", LAB.slug))
    found = verdicts(LAB, evidence(LAB, other, services=world.evidence().services, answers=world.answers))
    assert sum(v.points or 0 for v in found.values()) == 0


def test_the_lab_keeps_the_content_contract() -> None:
    assert [str(finding) for finding in contract.static(LAB)] == []
