"""Read a cloud's emulator as Evidence: its state and journal as it tells them, its images by the owner's way to read.

Looking changes nothing: no pull is counted, no pull time noted, no line written (``emulators/readonly.py``).
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from autograder.errors import CourseError
from autograder.evidence import emulator_state
from autograder.oci.client import Missing, RegistryClient, ServedManifest
from autograder.services import addresses, cloud_admin, cloud_credentials

ROOT = "/_course/v2/"


@dataclass(frozen=True)
class Told:
    """What an emulator said of itself at one moment.

    Attributes:
        settings: its state and ``now``, its time; of the form that :mod:`autograder.evidence.emulator_state` describes.
        journal: its newest journal lines, oldest first.
    """

    settings: dict[str, Any]
    journal: tuple[dict[str, Any], ...]


class EmulatorClient(RegistryClient):
    """Reads one emulator's images, tagged or not, as of the last :meth:`look`.

    Args:
        service: one of :data:`autograder.domain.services.EMULATORS`.

    Raises:
        EnvironmentProblem: it was never started here.
    """

    def __init__(self, service: str) -> None:
        secrets = cloud_credentials.find() or {}
        super().__init__(addresses.load().of(service), root=ROOT, bearer=secrets.get("admin_secret", ""))
        self.service = service
        self.images: dict[str, dict[str, tuple[str, ...]]] = {}  # repository -> digest -> tags
        self._manifests: dict[tuple[str, str], ServedManifest] = {}  # what a digest names never changes

    def look(self, listed: Collection[str] = ()) -> Told:
        """Ask for the state.

        Args:
            listed: repositories that the lab is about; findings of scans of others are left out.

        Raises:
            EnvironmentProblem: it does not answer.
            CourseError: its state does not fit into a submission.
        """
        told = cloud_admin.snapshot(self.service, emulator_state.MAX_LINES)
        settings = {**told["state"], "now": told["taken"]}
        self.images = emulator_state.images(self.service, settings)
        if self.service == "ecr":
            _without_scans(settings, [name for name in self.images if name not in listed])
        size = len(json.dumps(settings))
        if size > emulator_state.MAX_STATE:
            raise CourseError(
                expected=f"a state of {self.service} of at most {emulator_state.MAX_STATE >> 20} MiB",
                found=f"{size / (1 << 20):.1f} MiB in {len(self.images)} repositories",
                next_step="Delete repositories or images there that you do not need any more, then try again.",
            )
        return Told(settings, newest(told["journal"]))

    def catalog(self) -> list[str]:
        """Names of all repositories."""
        return sorted(self.images)

    def tags(self, name: str) -> list[str]:
        """All tags of a repository; empty when it does not exist (or holds no tag)."""
        return sorted(tag for tags in self.images.get(name, {}).values() for tag in tags)

    def untagged(self, name: str) -> set[str]:
        """Digests of all manifests of a repository without a tag."""
        return {digest for digest, tags in self.images.get(name, {}).items() if not tags}

    def manifest(self, name: str, reference: str) -> ServedManifest:
        """The exact manifest that a tag or digest points at.

        Raises:
            Missing: it is not there.
        """
        known = self.images.get(name, {})
        digest = next((digest for digest, tags in known.items() if reference == digest or reference in tags), None)
        if digest is None:
            raise Missing(f"{name}/manifests/{reference}")
        if (name, digest) not in self._manifests:
            self._manifests[name, digest] = super().manifest(name, digest)
        return self._manifests[name, digest]


def _without_scans(settings: dict[str, Any], names: list[str]) -> None:
    """A scan's findings are by far the largest part of ECR's state, and those of another lab's images mean nothing."""
    repositories: Mapping[str, Any] = settings["repositories"]
    settings["repositories"] = dict(repositories)
    for name in names:
        images = [{**image, "scan": None} for image in repositories[name]["images"]]
        settings["repositories"][name] = {**repositories[name], "images": images}


def newest(lines: list[dict[str, Any]]) -> tuple[dict[str, Any], ...]:
    """The newest journal lines, oldest first, as many as fit into a submission."""
    kept: list[dict[str, Any]] = []
    left = emulator_state.MAX_JOURNAL
    for line in reversed(lines[-emulator_state.MAX_LINES :]):
        left -= len(json.dumps(line)) + 2
        if left < 0:
            break
        kept.append(line)
    return tuple(reversed(kept))


def merged(journals: list[tuple[dict[str, Any], ...]]) -> tuple[dict[str, Any], ...]:
    """The journals of several emulators as one, in the order in which things happened."""
    return newest(sorted((line for journal in journals for line in journal), key=lambda line: int(line["number"])))
