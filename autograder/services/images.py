"""The images that the labs stand on: pulled from Docker Hub where it answers, else built here under the same names.

A name moves every few weeks, so the Python base is pulled by the digest that this version of the kit pins
(:mod:`autograder.domain.bases`), and its layers need not travel with submissions. Docker Hub is asked once; what it
said is kept in the installation's state until ``course images --refresh``.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from autograder.domain import bases
from autograder.errors import EnvironmentProblem
from autograder.services import http, installation, machine_setup, offline_images
from autograder.services.local_build import build_local

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.images import Image

__all__ = ["BASES", "PYTHON_BASE", "REGISTRY", "Row", "build_local", "ensure", "refresh", "rows"]

REGISTRY = "registry:2"
PYTHON_BASE = "python:3.11-slim-bookworm"
# Name -> what it is for. The one list of images that the kit takes from elsewhere.
BASES = {
    REGISTRY: "the local registry, and the grader's throw-away ones",
    PYTHON_BASE: "base of the sample model and of the kit's own images",
}
ASK_SECONDS = 10.0  # how long Docker Hub may take to answer

HUB, PACKAGES, PRESENT = "Docker Hub", "built here from Debian packages", "already present"

Report = Callable[[str], None]


def _quiet(_: str) -> None:
    """Report nothing."""


@dataclass(frozen=True)
class Row:
    """A line of ``course images``.

    Attributes:
        name: the image's name.
        purpose: what it is for.
        present: whether the engine has it.
        id: its id in the engine, ``sha256:…``; "" when absent.
        digest: its digest on Docker Hub, when it was pulled from there.
        size: bytes in the engine.
        source: where it came from.
        when: time of the pull or build (ISO 8601, UTC), or "" when it was there before.
        pinned: the digest on Docker Hub that this version of the kit takes for the name; "" when it pins none.
        recipe: SHA-256 (hex) of the recipe that it was built from; "" when it was not built here.
        known: whether it is a base that the kit knows, so that its layers need not travel with a submission.
    """

    name: str
    purpose: str
    present: bool
    id: str = ""
    digest: str = ""
    size: int = 0
    source: str = ""
    when: str = ""
    pinned: str = ""
    recipe: str = ""
    known: bool = False


def find(client: DockerClient, tag: str) -> Image | None:
    """The engine's image of that name, or None."""
    from docker.errors import ImageNotFound

    try:
        return client.images.get(tag)
    except ImageNotFound:
        return None


def was_built_here(image: Image) -> bool:
    """Whether an image was built by the kit instead of pulled."""
    return image.labels.get(offline_images.OFFLINE_LABEL) == "true"


def ensure(client: DockerClient, tag: str, report: Report = _quiet) -> str:
    """Have one of :data:`BASES` in the engine.

    Args:
        client: the engine.
        tag: the image's name.
        report: called with one line for each step that takes time.

    Returns:
        The image's id, ``sha256:…``.

    Raises:
        EnvironmentProblem: it is absent and can be neither pulled nor built.
    """
    assert tag in BASES, tag
    image = find(client, tag)
    if image is None:
        return _fetch(client, tag, report)
    return str(image.id)


def refresh(client: DockerClient, report: Report = _quiet) -> None:
    """Ask Docker Hub again and take every image anew from where it says."""
    from docker.errors import APIError

    with installation.change() as state:
        state.images.pop("source", None)
    for tag in BASES:
        old = find(client, tag)
        new = _fetch(client, tag, report)
        if old is not None and old.id != new and not client.images.get(str(old.id)).tags:
            with contextlib.suppress(APIError):  # a container still uses it
                client.images.remove(str(old.id))


def _fetch(client: DockerClient, tag: str, report: Report) -> str:
    origin = source(client, report)
    digest = ""
    if origin == HUB:
        image = _pull(client, tag, report)
        id, digest = str(image.id), _hub_digest(image, tag)
    else:
        id = _build(client, tag, report)
    with installation.change() as state:
        taken = {"id": id, "source": origin, "when": _now()} | ({"digest": digest} if digest else {})
        state.images.setdefault("taken", {})[tag] = taken
    return id


def _build(client: DockerClient, tag: str, report: Report) -> str:
    with contextlib.suppress(EnvironmentProblem):  # where it cannot be had, the build says what to do
        machine_setup.ensure(["mmdebstrap"], report)
    return offline_images.build(client, offline_images.recipes()[tag], report)


def source(client: DockerClient, report: Report = _quiet) -> str:
    """Where images come from on this machine, :data:`HUB` or :data:`PACKAGES`: decided at the first need, then kept."""
    with installation.change() as state:
        if "source" not in state.images:
            report("asking Docker Hub")
            reason = ask_hub(client)
            state.images.update(source=PACKAGES if reason else HUB, decided=_now(), reason=reason or "it answered")
            if reason:
                report(f"Docker Hub cannot be used ({reason}); building from Debian packages instead")
        return str(state.images["source"])


def ask_hub(client: DockerClient, seconds: float = ASK_SECONDS) -> str:
    """Ask Docker Hub for a manifest, through the engine (so with its proxies and mirrors); nothing is pulled.

    Returns:
        "" when it answered, else why not.
    """
    answer: list[str] = []

    def ask() -> None:
        from docker.errors import APIError
        from requests.exceptions import RequestException

        try:
            client.api.inspect_distribution(REGISTRY)  # type: ignore[no-untyped-call]
            answer.append("")
        except (APIError, RequestException) as error:
            answer.append(http.in_words(error))

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(seconds)
    return answer[0] if answer else f"no answer within {seconds:.0f} seconds"


def _pull(client: DockerClient, tag: str, report: Report) -> Image:
    """Pull an image, by the pinned digest where there is one, and give it its name."""
    from docker.errors import APIError, ImageNotFound, NotFound
    from requests.exceptions import RequestException

    repository, _, word = tag.partition(":")
    digest = bases.pinned(tag)
    try:
        if digest:
            report(f"{tag}: pulling {digest[:19]}… from Docker Hub, the one that this version of the course pins")
            try:
                image = _pulled(client, f"{repository}@{digest}")
                client.api.tag(image.id, repository, word, force=True)
                return client.images.get(tag)
            except NotFound:  # a mirror may hold names only
                report(f"{tag}: that one is not there; pulling what has the name today")
        else:
            report(f"{tag}: pulling from Docker Hub")
        return _pulled(client, tag)
    except (APIError, ImageNotFound, RequestException) as error:
        raise EnvironmentProblem(
            expected=f"Docker Hub to send {tag}, as it did answer before",
            found=http.in_words(error),
            next_step="Check the connection, then try again; or ask anew where images come from: "
            "python3 course.py images --refresh",
        ) from None


def _pulled(client: DockerClient, name: str) -> Image:
    """Pull a name to its end; the SDK's own pull does not look at an error in the middle.

    Raises:
        APIError: the registry or the engine refused; NotFound: there is no such image.
    """
    from docker.errors import APIError

    for line in client.api.pull(name, stream=True, decode=True):
        if "error" in line:
            raise APIError(str(line["error"]))
    return client.images.get(name)


def _hub_digest(image: Image, tag: str) -> str:
    """The digest that a pulled image has on Docker Hub: the pinned one where it is among its digests."""
    there = [
        d.partition("@")[2] for d in image.attrs.get("RepoDigests") or [] if d.startswith(tag.partition(":")[0] + "@")
    ]
    return bases.pinned(tag) if bases.pinned(tag) in there else next(iter(there), "")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def row(client: DockerClient, tag: str, taken: dict[str, Any]) -> Row:
    """What is known of one image."""
    image = find(client, tag)
    if image is None:
        return Row(tag, BASES[tag], present=False)
    record = taken.get(tag, {})
    known = record if record.get("id") == image.id else {}
    recipe = str(image.labels.get(offline_images.RECIPE_LABEL, "")) if was_built_here(image) else ""
    origin = known.get("source") or (PACKAGES if recipe else PRESENT)
    return Row(
        name=tag,
        purpose=BASES[tag],
        present=True,
        id=str(image.id),
        digest="" if recipe else str(known.get("digest") or _known_digest(image)),
        size=int(image.attrs.get("Size", 0)),
        source=str(origin),
        when=str(known.get("when", "")),
        pinned=bases.pinned(tag),
        recipe=recipe,
        known=is_known(image),
    )


def _known_digest(image: Image) -> str:
    """The digest of an image that was not pulled by the kit, where the kit's table has it.

    An engine's word for where a digest is from is not enough: with the containerd image store an image that was built
    here has one as well, under the same repository.
    """
    table = {digest for base in bases.load() for digest in (base.index, base.manifest) if digest}
    there = (digest.partition("@")[2] for digest in image.attrs.get("RepoDigests") or [])
    return next((digest for digest in there if digest in table), "")


def is_known(image: Image) -> bool:
    """Whether an image is a base of the kit's table, by its digest, its config's digest or its layers."""
    tars = tuple((image.attrs.get("RootFS") or {}).get("Layers") or ())
    by_id = any(image.id in (base.index, base.manifest, base.config) for base in bases.load())
    return by_id or bool(_known_digest(image)) or any(tars == base.diff_ids for base in bases.load() if tars)


def rows(client: DockerClient) -> list[Row]:
    """All images and where they come from."""
    state = installation.find()
    taken = state.images.get("taken", {}) if state else {}
    return [row(client, tag, taken) for tag in BASES]
