"""Lab 01, first push: two releases of ml-model in the local registry, told apart, measured, and pulled by digest."""

from __future__ import annotations

import json
from typing import Any

from autograder.checks.api import Failure, check, require_answer, require_cases, shown
from autograder.checks.first_push.data import (
    BIRDS,
    DEFAULT_GREETING,
    FIELDS,
    GREETINGS,
    PREDICTIONS,
    WEIGHTS_LAYER,
)
from autograder.checks.shared.digests import require_digest
from autograder.checks.shared.images import image, listed, require_round_trip, text_files
from autograder.checks.shared.seeded_random import SeededRandom
from autograder.checks.shared.sharing import blobs, blobs_of_tag, compressed_again, layer_sizes, layer_table
from autograder.domain import references
from autograder.evidence.model import Evidence, Repository
from autograder.oci.manifests import ImageIndex, ImageManifest, is_digest

SERVICE = "registry"
VERSION_LABEL = "org.opencontainers.image.version"
OWNER_LABEL = "course.owner"
# The classic builder takes the newest layers that fit from its cache, so one build without it stays in the way.
AFTER_NO_CACHE = (
    "After a build with --no-cache: remove the second release's container and image from the engine (docker rm --force "
    "and docker image rm), then build it again without --no-cache, and push."
)


def parameters(draw: SeededRandom) -> dict[str, Any]:
    """A team, its repositories, two releases, the new field, a message to route and a greeting."""
    team = f"{draw.choice('bird', BIRDS)}-{draw.hex('team', 4)}"
    major, minor = draw.integer("major", 1, 4), draw.integer("minor", 0, 8)
    return {
        "team": team,
        "repository": f"{team}/ml-model",
        "v1": f"{major}.{minor}.0",
        "v2": f"{major}.{minor + 1}.0",
        "field": draw.choice("field", FIELDS),
        "message": draw.choice("message", sorted(PREDICTIONS)),
        "container": f"{team}-server",
        "hello": f"{team}/hello",
        "hello_tag": f"{draw.integer('hello', 1, 9)}",
        "greeting": f"{draw.choice('greeting', GREETINGS)} from team {team}",
    }


@check(
    "first-push",
    trust="proved",
    expected="An image under the tag {v1} whose label org.opencontainers.image.version says {v1}.",
    why="The name said where to: registry, repository, tag. The push stored layers and config as blobs under their "
    "digests, and last a manifest that lists them, with your tag pointing at it.",
)
def first_push(e: Evidence) -> None:
    """The first release is in your repository and says what it is"""
    v1, v2 = e.text("v1"), e.text("v2")
    _, _, labels = _release(e, v1)
    _require_owner(e, labels, v1)
    version = labels.get(VERSION_LABEL)
    if version == v2:
        raise Failure(
            f"The image under {v1} says that it is {v2}: the second release was pushed over the first.",
            f"Build the first release again, with the code as it was, and push it as {v1}; then give the "
            f"second release its own tag {v2}.",
        )
    if version != v1:
        raise Failure(
            _says(version),
            "The version comes in when you build: look for ARG in the Dockerfile, build again, push again.",
        )


@check(
    "digest",
    trust="proved",
    needs=["first-push"],
    why="A digest is nothing but the SHA-256 of the manifest's bytes, so everyone who has it can check what they got. "
    "The manifest holds the digests of config and layers, so one digest covers the whole image.",
)
def digest(e: Evidence) -> None:
    """You computed the digest of the first release yourself"""
    value = require_answer(e, "v1_digest", f"The digest of {e.text('v1')}")
    held, _, _ = _release(e, e.text("v1"))
    require_digest(e, held, e.text("v1"), value)


@check(
    "both-tags",
    trust="proved",
    needs=["first-push"],
    expected="Two different images under {v1} and {v2}.",
    why="A second push under a new tag leaves the first where it was: tags are pointers, and the two manifests stand "
    "side by side.",
)
def both_tags(e: Evidence) -> None:
    """Both releases are in your repository, each under its own tag"""
    v1, v2 = e.text("v1"), e.text("v2")
    held, _, labels = _release(e, v2)
    if held.tags[v1] == held.tags[v2]:
        raise Failure(
            "Both tags point at the same manifest, so they name one and the same image.",
            f"A new tag on an old image makes no new release. Change the code, build {v2}, push it.",
        )
    _require_owner(e, labels, v2)
    if labels.get(VERSION_LABEL) != v2:
        raise Failure(
            _says(labels.get(VERSION_LABEL)),
            "Build the second release with its own version and push it again.",
            expected=f"An image under the tag {v2} whose label {VERSION_LABEL} says {v2}.",
        )


@check(
    "shared-layers",
    trust="proved",
    needs=["both-tags"],
    expected="The second release has the first one's base and weights layers, and a small layer of code of its own.",
    why="A layer is known by the digest of its content. Base and weights did not change, so their digests did not "
    "either, and the registry keeps them once for both releases.",
)
def shared_layers(e: Evidence) -> None:
    """The releases share base and weights and differ in the code only"""
    held, first, _ = _release(e, e.text("v1"))
    _, second, _ = _release(e, e.text("v2"))
    known = {layer.digest for layer in first.layers}
    new = [layer for layer in second.layers if layer.digest not in known]
    table = layer_table(first, second)
    if not new:
        raise Failure(
            "No layer of the second release is new: its code is the first one's.",
            "Either the change is not in the second image, or the first was built again after the change. "
            "Put the old code back, build and push the first; make the change, build and push the second.",
            table=table,
        )
    again = compressed_again(held, first, second)
    if again:
        raise Failure(
            f"{again} of the new layers hold the same files as before, but were compressed differently, so the "
            "registry stores them twice.",
            "Push both releases with the same tool and settings.",
            table=table,
        )
    if second.layers[0].digest not in known:
        raise Failure(
            "The releases stand on different base layers.",
            "Build both on this machine, one after the other, without --no-cache and without a new base in between. "
            + AFTER_NO_CACHE,
            table=table,
        )
    heavy = [layer for layer in new if layer.size >= WEIGHTS_LAYER[0]]
    if heavy:
        raise Failure(
            f"A new layer of the second release has {heavy[0].size:,} bytes: the weights travelled again.",
            "The weights need a layer of their own that comes before the code, and the second build must find the "
            "first one's layers in the build cache (no --no-cache, no second machine). " + AFTER_NO_CACHE,
            table=table,
        )
    if not any(WEIGHTS_LAYER[0] <= layer.size <= WEIGHTS_LAYER[1] for layer in second.layers):
        raise Failure(
            "No layer is as heavy as the weights (8 MiB), so they are not in the image.",
            "Make sure that ml-model/weights holds weights.bin before you build (train.py writes it).",
            table=table,
        )


@check(
    "bytes-to-push",
    trust="recomputed",
    why="A push asks for each blob by digest whether the registry has it, and sends only those it lacks. Names, order "
    "and media types play no part in that.",
)
def bytes_to_push(e: Evidence) -> None:
    """bytes_to_push tells what a push has to send"""
    require_cases(e, "bytes_to_push")


@check(
    "v2-bytes",
    trust="proved",
    needs=["both-tags"],
    expected="The sizes of config and layers of the second release that the first does not have, added up.",
    why="A push sends the blobs that the registry lacks and no others. That is why heavy files that seldom change "
    "get a layer of their own, before the code's.",
)
def v2_bytes(e: Evidence) -> None:
    """You know how many bytes the push of the second release sent"""
    value = require_answer(e, "v2_bytes", "The bytes of blobs that the push of the second release sent")
    held, first, _ = _release(e, e.text("v1"))
    _, second, _ = _release(e, e.text("v2"))
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise Failure(
            f"You recorded {shown(value)}, which is no number.", "Record the number of bytes, without a unit."
        )
    manifest = len(held.manifests[second.digest].raw)
    right = _added(blobs(first), blobs(second))
    # An engine that adds an attestation pushes its blobs as well: whoever counted those is right, too.
    attested = _added(blobs_of_tag(held, e.text("v1")), blobs_of_tag(held, e.text("v2")))
    if value in (right, attested):
        return
    meaning = _bytes_mistake(value, first, second, manifest)
    raise Failure(
        f"You recorded {value:,}" + (f": that is {meaning}." if meaning else "."),
        "Compare the two manifests blob by blob, by digest; take the manifests for a platform, not an index.",
    )


@check(
    "by-digest",
    trust="proved",
    needs=["both-tags"],
    expected="A reference of the form REGISTRY/{repository}@sha256:…, with the digest of {v2}.",
    why="A tag may point elsewhere tomorrow, a digest cannot: what you pull by digest is what was pushed, or the pull "
    "fails.",
)
def by_digest(e: Evidence) -> None:
    """You name the second release so that nobody can move it"""
    value = require_answer(e, "v2_reference", "The reference of the second release, by digest")
    held, _, _ = _release(e, e.text("v2"))
    name = e.text("repository")
    if not isinstance(value, str):
        raise Failure(f"You recorded {shown(value)}, which is no text.", "Record the reference.")
    parts = "Put together registry, repository, an @ and the digest, without http://."
    if is_digest(value.strip()):
        raise Failure("That is a digest alone: it says what, but not where.", parts)
    try:
        reference = references.parse(value.strip())
    except references.InvalidReference as error:
        raise Failure(f"That is no image reference: {error}", parts) from None
    if reference.digest is None:
        raise Failure(
            f"{value} names a tag, and a tag can be moved.", "Put an @ and the digest in the place of the tag."
        )
    if reference.repository != name:
        where = reference.repository
        raise Failure(f"It names the repository {where}.", f"The repository is {name}, after the registry's address.")
    if reference.registry == "docker.io":
        raise Failure("Without an address the name means Docker Hub.", "Begin with the registry's address.")
    target = held.parsed(held.tags[e.text("v2")])
    children = {child.digest for child in target.platforms} if isinstance(target, ImageIndex) else set()
    if reference.digest not in {held.tags[e.text("v2")], *children}:
        require_digest(e, held, e.text("v2"), reference.digest)


@check(
    "prediction",
    trust="recomputed",
    needs=["both-tags"],
    expected="What POST /predict of a container of {v2} answers to me.message: queue, score, version and {field}.",
    why="The image carries everything the model needs, so the container answers on any machine as it does on yours.",
)
def prediction(e: Evidence) -> None:
    """The second release, running, routes your message and has the new field"""
    value = require_answer(e, "prediction", "The server's answer to your message")
    field, v1, v2 = e.text("field"), e.text("v1"), e.text("v2")
    queue, score, runner_up = PREDICTIONS[e.text("message")]
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            raise Failure(f"“{value[:100]}” is not JSON.", "Record the body of the server's answer.") from None
    if not isinstance(value, dict):
        raise Failure(f"You recorded {shown(value)}.", "Record the whole JSON object that came back.")
    if "error" in value:
        raise Failure(f"The server refused: {shown(value['error'])}", 'Send {"text": me.message} as JSON.')
    missing = [key for key in ("queue", "score", "version", field) if key not in value]
    if missing and missing != [field]:  # the field alone says more, see below
        raise Failure(f"It lacks {listed(missing)}.", "Record the whole JSON object, as /predict sends it.")
    if value["version"] != v2:
        raise Failure(
            f"The release that answered calls itself {shown(value['version'])}.",
            f"Stop that container and run {v2}."
            if value["version"] == v1
            else f"A label alone tells the server nothing: look for ARG in the Dockerfile. Build {v2} with its "
            "MODEL_VERSION and push it again; then repeat what rests on its digest.",
        )
    if (value["queue"], value["score"]) != (queue, score):
        others = [text for text, (q, s, _) in PREDICTIONS.items() if (q, s) == (value["queue"], value["score"])]
        what = f"{shown(value['queue'])} with {shown(value['score'])} is not what the model says of this message."
        if others:
            what = f"That is the answer to another message (“{others[0]}”)."
        raise Failure(what, "Send me.message exactly as it is, and leave the model and its weights unchanged.")
    if field not in value:
        named = [key for key, queued in value.items() if queued == runner_up and key != "queue"]
        if named:
            raise Failure(f"The runner-up is there, but under the name {named[0]}.", f"Call the field {field}.")
        raise Failure(
            f"There is no field {field}: the running image has the old code.",
            "Change ml-model/app/answer.py, then build, push and run the second release again.",
        )
    if value[field] != runner_up:
        raise Failure(f"{field} is {shown(value[field])}.", "The field holds the queue that came second: runner_up.")


@check(
    "hello",
    trust="recomputed",
    expected="An image {hello}:{hello_tag} FROM scratch whose one file, greeting.txt, holds “{greeting}”.",
    why="An image is a manifest, a config and layers, and a registry stores any content: one text file is an image, "
    "with no operating system in it.",
)
def hello(e: Evidence) -> None:
    """hello carries your greeting and nothing else, and comes back by tag and by digest"""
    name, tag, greeting = e.text("hello"), e.text("hello_tag"), e.text("greeting")
    held, manifest = image(e, SERVICE, name, tag)
    texts = text_files(held, manifest)
    if list(texts.values()) != [greeting]:
        raise Failure(*_wrong_greeting(texts, greeting))
    require_round_trip(e, held, tag)


# -- what the rules ask ----------------------------------------------------------------------------------------------


def _release(e: Evidence, version: str) -> tuple[Repository, ImageManifest, dict[str, str]]:
    """The repository, and the image of a release with its labels."""
    held, manifest = image(e, SERVICE, e.text("repository"), version)
    return held, manifest, held.labels(manifest)


def _says(version: str | None) -> str:
    if version == "0.0.0":
        return "The label says 0.0.0, the Dockerfile's default: the build was told no version."
    return "The image has no such label." if version is None else f"The label says {version}."


def _require_owner(e: Evidence, labels: dict[str, str], tag: str) -> None:
    team, owner = e.text("team"), labels.get(OWNER_LABEL)
    if owner == team:
        return
    what = f"The label names {owner}." if owner else "The image has no such label."
    if owner == "nobody":
        what = "The label names nobody, the Dockerfile's default: the build was told no owner."
    raise Failure(
        what,
        "The owner comes in when you build: look for ARG in the Dockerfile, build again, push again.",
        expected=f"An image under the tag {tag} whose label {OWNER_LABEL} names your team, {team}.",
    )


def _bytes_mistake(value: float, first: ImageManifest, second: ImageManifest, manifest: int) -> str:
    """What a wrong number of bytes is the number of; empty where that cannot be told."""
    before, after = blobs(first), blobs(second)
    whole, new_layers = sum(after.values()), _added(before, layer_sizes(second))
    mistakes = (
        (whole, "the size of the whole second release. The registry already had most of it"),
        (sum(layer_sizes(second).values()), "the size of all its layers. The registry already had most of them"),
        (sum(before.values()), "the size of the first release"),
        (new_layers, "the new layers without the config. The config names the layers, so it is new as well"),
        (second.config.size, "the config alone. A layer is new as well"),
        (
            _added(before, after) + manifest,
            "right but for the manifest, which every push sends and which does not count here",
        ),
        (whole - sum(before.values()), "the difference of the two sizes. A blob that takes another's place is new"),
    )
    return next((text for number, text in mistakes if number == value), "")


def _added(before: dict[str, int], after: dict[str, int]) -> int:
    """Bytes of the blobs that came with the second image."""
    return sum(size for key, size in after.items() if key not in before)


def _wrong_greeting(texts: dict[str, str], greeting: str) -> tuple[str, str]:
    if greeting in texts.values():
        return f"It also holds other files: {listed(texts.keys() - {'greeting.txt'})}.", "Copy greeting.txt only."
    if not texts:
        return "It holds no file.", "Build the folder hello with its Dockerfile."
    if "greeting.txt" not in texts:
        return f"It holds {listed(texts)}.", "Build the folder hello: its Dockerfile copies greeting.txt."
    if texts["greeting.txt"] == DEFAULT_GREETING:
        return (
            "It holds the greeting that came with the kit.",
            "Write me.greeting to hello/greeting.txt, build and push again.",
        )
    return f"greeting.txt says “{texts['greeting.txt'][:100]}”.", "Write me.greeting to hello/greeting.txt, push again."
