"""Lab 08's fleet: fills the ECR emulator with the student's images, as old as they should be, in seconds."""

from __future__ import annotations

import base64
import json
import queue
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from autograder.checks.lifecycle import fleet as lifecycle_fleet
from autograder.checks.lifecycle import images as lifecycle_images
from autograder.checks.lifecycle.images import Built
from autograder.errors import CourseError, EnvironmentProblem
from autograder.notebook import variables
from autograder.notebook.cards import Card, Cards
from autograder.notebook.session import live
from autograder.scanning.artifact import Pusher
from autograder.services import cloud_admin

THREADS = 6
Part = TypeVar("Part")


def fill() -> Cards:
    """Make the repository anew: about 60 real images, aged by the emulator's clock, and the inherited policy.

    What was in the repository is removed first, so a second call brings the beginning back, whatever the clock says.
    """
    try:
        p = live().parameters()
        name, fleet = str(p["repository"]), lifecycle_images.fleet(p)
        cloud_admin.forget("ecr", name)
        auth = _repository(name, lifecycle_fleet.inherited(p))
        push(variables.value("ECR"), name, auth, fleet)
        cloud_admin.call("ecr", "backdate", repository=name, days=_ages(fleet))
    except CourseError as error:
        return Cards([Card.problem(error)])
    sizes = [part.size for built in fleet for part in built.manifests]
    text = f"{len(sizes)} images, {sum(sizes):,} bytes as ECR reports them; the inherited policy is on the repository"
    return Cards([Card("recorded", name, lines=(("", text),))])


def _repository(name: str, policy: dict[str, Any]) -> tuple[str, str]:
    """Create the repository with its policy, and give user and password for a push to it."""
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    variables.hand_out()  # the emulator's address and keys, in a terminal as in a kernel
    try:
        ecr = boto3.client("ecr")
        ecr.create_repository(repositoryName=name)
        ecr.put_lifecycle_policy(repositoryName=name, lifecyclePolicyText=json.dumps(policy, indent=2))
        token = ecr.get_authorization_token()["authorizationData"][0]["authorizationToken"]
    except (BotoCoreError, ClientError) as error:
        raise EnvironmentProblem(
            expected=f"the ECR emulator to create {name}",
            found=str(error),
            next_step="Run `python3 course.py start`, then try again.",
        ) from None
    user, _, password = base64.b64decode(token).decode().partition(":")
    return user, password


def push(address: str, name: str, auth: tuple[str, str], fleet: Iterable[Built]) -> None:
    """Push images over the registry's own API: blobs first, then manifests, an index after what it lists.

    Raises:
        EnvironmentProblem: the registry does not answer, or refuses.
    """
    pushers: queue.SimpleQueue[Pusher] = queue.SimpleQueue()  # one connection per thread
    for _ in range(THREADS):
        pushers.put(Pusher(address, name, auth))

    def each(action: Callable[[Pusher, Part], None], parts: Iterable[Part]) -> None:
        def push_part(part: Part) -> None:
            pusher = pushers.get()
            try:
                action(pusher, part)
            finally:
                pushers.put(pusher)

        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(push_part, parts))

    images = list(fleet)
    each(lambda pusher, content: pusher.blob(content), {blob for built in images for blob in built.blobs})
    each(_manifests, images)


def _manifests(pusher: Pusher, built: Built) -> None:
    """Push an image's manifests, an index after what it lists, under each of its tags."""
    first, *below = built.manifests
    for part in below:
        pusher.manifest(part.content, part.media_type)
    for tag in built.entry.tags or (None,):
        pusher.manifest(first.content, first.media_type, tag)


def _ages(fleet: Iterable[Built]) -> dict[str, float]:
    """Digest -> age in days; what is below an index was pushed a second before it."""
    second = 1 / 86_400
    return {
        digest: built.entry.days + (second if below else 0.0)
        for built in fleet
        for below, digest in enumerate(built.digests)
    }
