"""Leads: signs in evidence that it was written by hand, since no builder, client or emulator writes it so.

A lead costs no point and proves nothing: it is a sentence for a person, who looks. So each rule asks only for what
holds of all honest work that the course knows of: the classic builder, BuildKit, the containerd store, Podman, Buildah,
Kaniko, crane, skopeo, ORAS, images that somebody else built years ago, reproducible builds (``SOURCE_DATE_EPOCH=0``),
mounted and reused layers, tags that an API moved. Where a tool is known that breaks a rule, the rule leaves its work
out, and says so. Nothing here can be made to raise: what cannot be looked at is a lead of its own.

Sources: https://github.com/opencontainers/image-spec/blob/main/config.md (``created``, ``history``, ``rootfs``);
https://go.dev/src/compress/gzip/gzip.go and https://go.dev/src/archive/tar/writer.go (what Docker's and BuildKit's
layers are packed with); ``emulators/`` (what a journal line is written for).
"""

from __future__ import annotations

import io
import json
import tarfile
import zlib
from bisect import bisect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import islice, pairwise
from typing import Any

from autograder.domain.services import EMULATORS
from autograder.evidence import emulator_state
from autograder.evidence.model import Evidence, Repository
from autograder.oci import manifests
from autograder.oci.layers import ZSTD, diff_ids
from autograder.oci.manifests import DOCKER_LAYER, IMAGE_CONFIGS, OCI_LAYER, ImageManifest, digest_of

MAX_LEADS = 8  # sentences that are kept of one submission: one is enough for a person to look
MAX_TAR = 4 << 20  # bytes of one layer's tar
MAX_TARS = 32 << 20  # bytes of all tars of a submission; honest ones of the sample class have at most 1.7 MB
MAX_TEXT = 16 << 20  # bytes of manifests and configs that are looked at; honest ones have 0.13 MB
MAX_LAYERS = 50_000  # that manifests name, the same one counted each time; honest ones have 100
MAX_SEEN = 100  # leads that are looked for
MAX_ENTRIES = 2_000  # of one tar
# Between two events on one machine, clocks are set: a computer that starts with another system's idea of local time is
# up to 14 hours off until it has asked the network.
CLOCK = timedelta(days=1)
PROMPT = timedelta(minutes=10)  # a state and its journal line are written one after the other, by one process
EPOCH = datetime(1971, 1, 1, tzinfo=UTC)  # what is said to be older has no time: tools write 1970 or the year 1
BUILDKIT = "buildkit.dockerfile"
CLASSIC = "/bin/sh -c"  # how commands begin in the history that the classic builder, Buildah and Podman write
STEPS = (CLASSIC, "COPY ", "ADD ", "RUN ", "WORKDIR ")
GZIP = b"\x1f\x8b"
MAX_LEAD = 400  # characters of one: names and numbers of a submission stand in it
GO_GZIP = 255  # the byte of a gzip header for the system: Go always says "unknown"
LAYERS = (OCI_LAYER, DOCKER_LAYER)  # media types of layers begin so
FILLED = {"architecture", "os", "config", "rootfs"}  # fields of the images that the kit itself fills a repository with
FILLED_LABEL = "course.image"


def found(evidence: Evidence) -> tuple[str, ...]:
    """The leads of a submission, in words that name where; the first :data:`MAX_LEADS`, each once."""
    seen: dict[str, None] = {}
    for lead in _Look(evidence).all():
        seen[lead] = None
        if len(seen) == MAX_SEEN:
            break
    more = (f"And {len(seen) - MAX_LEADS} more.",) if len(seen) > MAX_LEADS else ()
    return (*islice(seen, MAX_LEADS), *more)


def _moment(text: object) -> datetime | None:
    """A time with its zone, in UTC; None for anything else."""
    if not isinstance(text, str):
        return None
    try:
        found = datetime.fromisoformat(text)
        return found.astimezone(UTC) if found.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None


def _real(text: object) -> datetime | None:
    """A time that says when something was; None for none, and for one that stands for "no time"."""
    moment = _moment(text)
    return moment if moment is not None and moment > EPOCH else None


def _is_near(moments: Sequence[datetime], moment: datetime) -> bool:
    """Whether one of the moments, which are in order, is near another."""
    after = bisect(moments, moment)
    return any(abs(one - moment) <= PROMPT for one in moments[max(0, after - 1) : after + 1])


def _is_after(later: datetime, earlier: datetime | None, by: timedelta = CLOCK) -> bool:
    return earlier is not None and later - earlier > by


class _Enough(Exception):
    """A submission holds more than is looked at, which no honest one comes near."""


@dataclass(frozen=True)
class _Layer:
    """What is known of a layer's blob: ``packed`` is the system in its gzip header, if it is gzip; of its tar, where it
    was unpacked, the digest, and the bytes behind its last entry."""

    is_archive: bool = True
    packed: int | None = None
    tar: str = ""
    padding: int = 0


@dataclass
class _Look:
    evidence: Evidence
    left: int = MAX_TARS
    text: int = MAX_TEXT
    named: int = MAX_LAYERS
    layers: dict[str, _Layer | None] = field(default_factory=dict)
    times: dict[tuple[str, str, str], datetime | None] = field(default_factory=dict)

    def all(self) -> Iterator[str]:
        for service, known in sorted(self.evidence.services.items()):
            for name, held in sorted(known.repositories.items()):
                yield from self._guarded(f"{service}/{name}", self._repository(held))
            if service in EMULATORS and known.settings:
                yield from self._guarded(service, self._cloud(service, known.settings))
        yield from self._guarded("the journal", self._journal())
        yield from self._guarded("the answers", self._answers())

    def _guarded(self, where: str, leads: Iterator[str]) -> Iterator[str]:
        """Leads about a part; that it is made so that it cannot be read is one, and no fault of the grader."""
        try:
            for lead in leads:
                said = f"{where}: {lead}"
                yield said if len(said) <= MAX_LEAD else f"{said[: MAX_LEAD - 1]}…"
        except MemoryError:  # whoever watches says what that means
            raise
        except _Enough:
            yield f"{where}: together with the rest it is more than is looked at, and than any honest submission has."
        except Exception as error:
            yield f"{where}: has a form that nothing writes ({type(error).__name__})."

    # -- images

    def _repository(self, held: Repository) -> Iterator[str]:
        configs: set[str] = set()
        for digest, manifest in held.manifests.items():
            self._read(len(manifest.text))
            image = held.parsed(digest)
            if not isinstance(image, ImageManifest) or image.config.media_type not in IMAGE_CONFIGS:
                continue
            if image.artifact_type is not None or not all(one.media_type.startswith(LAYERS) for one in image.layers):
                continue  # an artifact or a statement, whose config says nothing
            called = _called(held, digest)
            if manifest.media_type == manifests.DOCKER_MANIFEST:
                if "mediaType" not in json.loads(manifest.text):
                    yield f"the manifest of {called} has no mediaType, so no registry took it as Docker's."
                if image.config.media_type != manifests.DOCKER_CONFIG:
                    yield f"the manifest of {called} is Docker's, and its config OCI's: no client mixes them so."
            if image.config.digest in configs or image.config.digest not in held.contents:
                continue  # looked at, or not at hand, which is a problem of its own
            configs.add(image.config.digest)
            self._read(len(held.contents[image.config.digest]))
            config = held.config(image)
            if config is None:
                yield f"the config of {called} is not the JSON of an image, so nothing could have run or built it."
            else:
                yield from self._config(called, config, image)
                yield from self._layers(called, config, image, held)

    def _config(self, called: str, config: Mapping[str, Any], image: ImageManifest) -> Iterator[str]:
        if not all(isinstance(config.get(name), str) for name in ("architecture", "os")):
            yield f"the config of {called} does not say architecture and os, which every builder writes."
        if len(diff_ids(config)) != len(image.layers):
            yield (
                f"the config of {called} lists {len(diff_ids(config))} layers and the manifest {len(image.layers)}: no "
                "engine would have taken that."
            )
        listed = config.get("history")
        if listed is not None and not (isinstance(listed, list) and all(isinstance(entry, dict) for entry in listed)):
            yield f"the history of {called} is no list of entries."
            return
        history: Sequence[Mapping[str, Any]] = listed or ()
        if not history:
            labels = config.get("config", {}).get("Labels") if isinstance(config.get("config"), dict) else None
            is_filled = config.keys() == FILLED and isinstance(labels, dict) and FILLED_LABEL in labels
            if labels and not is_filled:
                yield f"the config of {called} has labels and no history: a builder that sets labels writes how."
        else:
            yield from _history(called, history, image)
        yield from self._times(called, config, history)

    def _times(self, called: str, config: Mapping[str, Any], history: Sequence[Mapping[str, Any]]) -> Iterator[str]:
        stated = [config.get("created"), *(entry.get("created") for entry in history)]
        if any(text is not None and _moment(text) is None for text in stated):
            yield f"the config of {called} has a time of creation that is none, which no engine reads."
        written = _real(self.evidence.collected_at)
        if any(_is_after(moment, written) for text in stated if (moment := _real(text))):
            yield f"the config of {called} was created after the submission was written."
        for before, after in pairwise(history):
            one, two = _real(before.get("created")), _real(after.get("created"))
            if _is_classic(before) and _is_classic(after) and one and _is_after(one, two):
                yield f"steps in the history of {called} run backwards in time."
                break
        if "container_config" not in config or not history or not _is_classic(history[-1]):
            return  # of the classic builder alone: others may be told a time
        if config.get("created") != history[-1].get("created"):
            yield f"the config of {called} is the classic builder's, which writes the last step's time as its own."
        elif _real(config.get("created")) and "." not in str(config.get("created")):
            yield f"the config of {called} is the classic builder's, and its time is a whole second."

    def _layers(self, called: str, config: Mapping[str, Any], image: ImageManifest, held: Repository) -> Iterator[str]:
        listed = diff_ids(config)
        if len(listed) != len(image.layers):
            return
        self.named -= len(listed)
        if self.named < 0:
            raise _Enough
        for layer, diff in zip(image.layers, listed, strict=True):
            known = self._layer(layer.digest, held)
            if known is not None and not known.is_archive:
                yield f"a layer of {called} ({layer.digest[:19]}…) is no archive, so no engine could have unpacked it."
            elif known is not None and known.tar not in ("", diff):
                yield (
                    f"a layer of {called} ({layer.digest[:19]}…) unpacks to other bytes than the config says: every "
                    "engine refuses that."
                )
        steps = [entry for entry in config.get("history") or () if not entry.get("empty_layer")]
        if not image.layers or len(steps) != len(image.layers) or not _is_step(steps[-1]):
            return
        top = self._layer(image.layers[-1].digest, held)  # the lower ones may be anybody's: of a base, or imported
        if top is not None and top.packed not in (None, GO_GZIP):
            yield f"the last layer of {called} was not compressed by any builder that writes such a history."
        if top is not None and top.padding > 2 * tarfile.BLOCKSIZE:
            yield f"the last layer of {called} ends as no builder that writes such a history ends a tar."

    def _read(self, size: int) -> None:
        self.text -= size
        if self.text < 0:
            raise _Enough

    def _layer(self, digest: str, held: Repository) -> _Layer | None:
        """What is known of a layer; None where it is not at hand, as large ones are not."""
        if digest in self.layers:
            return self.layers[digest]
        content = held.content(digest)
        made = None
        if content is not None and not _is_archive(content):
            made = _Layer(is_archive=False)
        elif content is not None:
            unpacked = _unpacked(content, min(MAX_TAR, self.left))
            self.left -= len(unpacked or b"")
            made = _Layer(packed=content[9] if content[:2] == GZIP and len(content) > 9 else None)
            if unpacked is not None:
                made = replace(made, tar=digest_of(unpacked), padding=_padding(unpacked))
        self.layers[digest] = made
        return made

    def _created(self, service: str, name: str, digest: str) -> datetime | None:
        """When an image says that it was built."""
        key = service, name, digest
        if key not in self.times:
            held = self.evidence.repository(service, name)
            self._read(len(held.manifests[digest].text) if held and digest in held.manifests else 0)
            image = held.parsed(digest) if held else None
            self.times[key] = None
            if held is not None and isinstance(image, ImageManifest):
                self._read(len(held.contents.get(image.config.digest, "")))
                self.times[key] = _real((held.config(image) or {}).get("created"))
        return self.times[key]

    # -- clouds

    @cached_property
    def is_whole(self) -> bool:
        """Whether the journal holds every line: of a long one only the newest travel."""
        lines = self.evidence.journal
        size = sum(len(json.dumps(line)) + 2 for line in lines)
        return len(lines) < emulator_state.MAX_LINES and size < emulator_state.MAX_JOURNAL - (256 << 10)

    def _cloud(self, service: str, settings: Mapping[str, Any]) -> Iterator[str]:
        lines: list[Mapping[str, Any]] = [line for line in self.evidence.journal if line["service"] == service]
        pushes = [line for line in lines if line["what"] == "push"]
        changed = {line["repository"] for line in lines if line["what"] == "backdate"}
        now = _moment(settings["now"])
        whole = self.is_whole
        if whole and service == "ecr":
            yield from _without_login(lines)
        last: dict[tuple[str, str], str] = {}  # the digest that a tag was pushed with last
        times: dict[tuple[str, str], list[datetime]] = {}
        for line in pushes:
            last[line["repository"], line["tag"]] = line["digest"]
            if moment := _moment(line["when"]):
                times.setdefault((line["repository"], line["digest"]), []).append(moment)
        known = {key: sorted(moments) for key, moments in times.items()}
        for repository, image in _images(service, settings):
            pushed = _moment(image["pushedAt" if service == "ecr" else "pushed"])
            called = f"{repository}@{image['digest'][:19]}…"
            if pushed and now and _is_after(pushed, now):
                yield f"{called} was pushed later than the cloud's own time."
            if not whole:
                continue
            for tag in image["tags"]:
                name = tag if isinstance(tag, str) else tag["name"]
                if (repository, name) not in last:
                    yield f"{repository}:{name} is there, and no line of the journal tells of its push."
                elif last[repository, name] != image["digest"]:
                    yield f"{repository}:{name} points elsewhere than the last push of the journal put it."
            told = known.get((repository, image["digest"]))
            if told and pushed and repository not in changed and not _is_near(told, pushed):
                yield f"{called} was pushed at another time than the journal tells."
        if service == "ecr":
            yield from _before_their_repository(settings)
        yield from self._built_later(service, settings, changed)

    def _built_later(self, service: str, settings: Mapping[str, Any], changed: set[str]) -> Iterator[str]:
        """Images that were pushed before they were built. The emulators' clock only gains on the real one."""
        for repository, image in _images(service, settings):
            pushed = _moment(image["pushedAt" if service == "ecr" else "pushed"])
            created = None if repository in changed else self._created(service, repository, image["digest"])
            if created and _is_after(created, pushed):
                yield f"{repository}@{image['digest'][:19]}… was pushed before it was built."

    def _journal(self) -> Iterator[str]:
        before = None
        numbers = set()
        for line in self.evidence.journal:
            if line["number"] in numbers:
                yield f"two lines have the number {line['number']}."
                break
            numbers.add(line["number"])
            moment = _moment(line["when"])
            if moment and before and _is_after(before, moment):
                yield f"time runs backwards at line {line['number']}."
                break
            before = moment
        for service, known in sorted(self.evidence.services.items()):
            now = _moment(known.settings.get("now"))
            times = [_moment(line["when"]) for line in self.evidence.journal if line["service"] == service]
            if now and any(moment and _is_after(moment, now) for moment in times):
                yield f"a line about {service} is later than its own time."

    # -- answers

    def _answers(self) -> Iterator[str]:
        written = _real(self.evidence.collected_at)
        for name, answer in sorted(self.evidence.answers.items()):
            recorded = _real(answer.recorded_at)
            if recorded is None:
                continue
            if _is_after(recorded, written):
                yield f"{name} was recorded after the submission was written."
            for reference, digest in answer.inputs.items():
                service, _, rest = reference.partition("/")
                created = self._created(service, rest.rpartition(":")[0], digest)
                if created and _is_after(created, recorded):
                    yield f"{name} is about {reference}, and was recorded before that image was built."


def _called(held: Repository, digest: str) -> str:
    """An image by a tag, or by its digest."""
    tags = sorted(tag for tag, target in held.tags.items() if target == digest)
    return tags[0] if tags else f"{digest[:19]}…"


def _text(entry: Mapping[str, Any], name: str) -> str:
    value = entry.get(name)
    return value if isinstance(value, str) else ""


def _is_classic(entry: Mapping[str, Any]) -> bool:
    return _text(entry, "created_by").startswith(CLASSIC) and not _text(entry, "comment").startswith(BUILDKIT)


def _is_step(entry: Mapping[str, Any]) -> bool:
    """Whether an entry of a history tells a step of a Dockerfile that makes a layer: all their builders are Go's."""
    return _text(entry, "created_by").startswith(STEPS)


def _history(called: str, history: Sequence[Mapping[str, Any]], image: ImageManifest) -> Iterator[str]:
    filled = sum(not entry.get("empty_layer") for entry in history)
    if filled != len(image.layers):
        there = len(image.layers)
        yield f"the history of {called} tells of {filled} layers, and there are {there}: every builder counts."
    says = any(_text(entry, name) for entry in history for name in ("created_by", "comment", "author"))
    timeless = all(_real(entry.get("created")) is None for entry in history)  # as crane writes for a layer of its own
    if not says and not timeless:
        yield f"the history of {called} says nowhere how a layer was made: every builder writes its commands."


def _padding(tar: bytes) -> int:
    """Bytes behind the last entry of a tar. Go ends one with two blocks of zeros, other programs fill up more."""
    try:
        with tarfile.open(fileobj=io.BytesIO(tar), mode="r:") as archive:
            for number, _ in enumerate(archive):
                if number >= MAX_ENTRIES:
                    return 0
            rest = tar[archive.offset :]
    except (tarfile.TarError, EOFError, OSError, ValueError, OverflowError):
        return 0
    return len(rest) if not rest.strip(b"\0") else 0


def _is_archive(content: bytes) -> bool:
    """Whether bytes begin as a layer does: gzip, zstd, or a tar's first header, which an empty tar has as zeros."""
    if content[:2] == GZIP or content[:4] == ZSTD:
        return True
    head = content[: tarfile.BLOCKSIZE]
    if not head.strip(b"\0"):
        return len(head) in (0, tarfile.BLOCKSIZE)
    try:
        tarfile.TarInfo.frombuf(head, "utf-8", "surrogateescape")
    except (tarfile.TarError, ValueError):
        return False
    return True


def _unpacked(content: bytes, limit: int) -> bytes | None:
    """The tar in a layer's blob, of one gzip member or several (eStargz has one a file); None where that is not it."""
    if content[:2] != GZIP:
        return content if len(content) <= limit and content[257:262] == b"ustar" else None
    tar = bytearray()
    rest = content
    try:
        while rest:
            engine = zlib.decompressobj(wbits=31)
            tar += engine.decompress(rest, limit + 1 - len(tar))
            if len(tar) > limit or not engine.eof:
                return None
            rest = engine.unused_data
    except zlib.error:
        return None
    return bytes(tar)


def _images(service: str, settings: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Repository and image, of all that a cloud tells of."""
    listed = settings["repositories"]
    pairs = listed.items() if service == "ecr" else ((one["name"], one) for one in listed)
    for name, repository in pairs:
        for image in repository["images"]:
            yield name, image


def _without_login(lines: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Pushes to ECR without a token of it: there is no other password, and each that is given leaves a line."""
    for line in lines:
        if line["what"] == "login":
            return
        if line["what"] == "push":
            yield f"{line['repository']} was pushed to, and no line before it tells of GetAuthorizationToken."
            return


def _before_their_repository(settings: Mapping[str, Any]) -> Iterator[str]:
    for name, repository in settings["repositories"].items():
        made = _moment(repository["createdAt"])
        times = [_moment(image["pushedAt"]) for image in repository["images"]]
        if made and any(pushed and _is_after(made, pushed, timedelta(hours=1)) for pushed in times):
            yield f"{name} was created after an image was pushed to it."
