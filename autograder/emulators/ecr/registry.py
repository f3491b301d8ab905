"""The emulator's state: moto's record made durable and kept in step with the store.

The record decides what exists and which tag points where; the store holds bytes by digest. A push writes the bytes
first and the record second, a deletion the record first and the bytes second, so at any moment a process may be killed:
what the record names has its bytes. The digests whose bytes may be left over are noted in ``touched.log`` beforehand
and looked at again at the next start.
"""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from autograder.emulators.ecr import problems, scanning, snapshot
from autograder.emulators.ecr.identity import ACCOUNT, REGION
from autograder.emulators.ecr.images import Facts, StoredImage
from autograder.emulators.ecr.layers import Uploads
from autograder.emulators.ecr.moto_fixes import ImageId, MotoBackend
from autograder.emulators.ecr.tokens import Tokens
from autograder.emulators.ecr.work_queue import Work, at_once
from autograder.emulators.interface import Context

SERVICE = "ecr"
MOST_DAYS = 3660  # of an age that an image is given
# Names in the state folder, as version 0.1.0 wrote them
MAYBE_ORPHANED = "touched.log"
PENDING_JOURNAL = "unsaid"
PULL_GRAIN = 60.0  # seconds; ECR itself refreshes the last pull time no more often than it likes (at least daily)


class MaybeOrphaned:
    """An append-only list of manifests that may be orphans: their bytes in the store, and no record of them."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def add(self, repository: str, digest: str) -> None:
        """Note a manifest. Survives a killed process (no sync: after a power cut, bytes may be left over unnoticed)."""
        handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(handle, f"{repository} {digest}\n".encode())
        finally:
            os.close(handle)

    def entries(self) -> list[tuple[str, str]]:
        """Everything noted, each once; a line cut short by a kill was noted before anything happened."""
        try:
            text = self._path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return []
        lines = (line.split(" ") for line in text.splitlines())
        return list(dict.fromkeys((line[0], line[1]) for line in lines if len(line) == 2 and len(line[1]) == 71))

    def clear(self) -> None:
        self._path.unlink(missing_ok=True)


class Registry:
    """What the AWS API and ``/v2/`` share.

    Attributes:
        moto: moto's record, corrected.
        guard: held around every look at or change of the record; the innermost lock.
        offset_done: the clock's offset, in seconds, when the last night was over.
        pending_journal: journal lines that belong to the last saved state and may not have been written yet.
        maybe_orphaned: manifests whose bytes the store may have although the record does not name them.
    """

    def __init__(
        self,
        context: Context,
        scanner: scanning.Scanner | None = None,
        run_later: Callable[[Work], None] = at_once,
    ) -> None:
        self.context = context
        self.scanner = scanner or scanning.NoScanner()
        self._run_later = run_later
        self.tokens = Tokens(context.secret)
        self.guard = threading.RLock()
        self.moto = MotoBackend(REGION, ACCOUNT, self.now)
        self.uploads = Uploads(context.state / "uploads", ACCOUNT)
        self.maybe_orphaned = MaybeOrphaned(context.state / MAYBE_ORPHANED)
        self._path = context.state / "ecr.json"
        extra = snapshot.load(self._path, self.moto)
        self.offset_done = float(extra.get("offset_done", context.clock.offset().total_seconds()))
        self.pending_journal: list[dict[str, Any]] = list(extra.get(PENDING_JOURNAL, ()))

    def now(self) -> float:
        """The emulator's time, seconds since the epoch, to the millisecond that AWS prints."""
        return round(self.context.clock.now().timestamp(), 3)

    def save(self) -> None:
        """Make the record durable. Call with the guard held, after each change and before its answer."""
        extra = {"offset_done": self.offset_done, PENDING_JOURNAL: self.pending_journal}
        snapshot.save(self._path, snapshot.dump(self.moto, extra))

    def arn(self, repository: str) -> str:
        """A repository's ARN."""
        return f"arn:aws:ecr:{self.moto.region_name}:{self.moto.account_id}:repository/{repository}"

    def policy(self, arn: str) -> str | None:
        """The policy of the repository with that ARN; None if there is none."""
        with self.guard:
            repository = self.moto.repositories.get(arn.removeprefix(self.arn("")))
            return repository.policy if repository else None

    @contextmanager
    def changing(self) -> Iterator[MotoBackend]:
        """The record, to be changed; durable when the block ends."""
        with self.guard:
            yield self.moto
            self.save()

    # What the proxy asks (interface.ImageIndex). An archived image cannot be pulled, but keeps its tags.

    def tags(self, repository: str) -> list[str] | None:
        """All tags, or None if there is no such repository."""
        with self.guard:
            record = self.moto.repositories.get(repository)
            return None if record is None else sorted(tag for image in record.images for tag in image.image_tags)

    def resolve(self, repository: str, tag: str) -> str | None:
        """The digest a tag points at, or None."""
        with self.guard:
            image = self.image(repository, tag=tag)
            return image.digest if image else None

    def has(self, repository: str, digest: str) -> bool:
        """Whether the manifest exists, tagged or not."""
        return self.image(repository, digest) is not None

    def image(self, repository: str, digest: str | None = None, tag: str | None = None) -> StoredImage | None:
        """The image with that digest and tag (whichever are given), or None, also where the repository is gone."""
        with self.guard:
            return self.moto.image(repository, digest, tag) if repository in self.moto.repositories else None

    # Pushes, from either side

    def before_push(self, repository: str, tag: str | None, facts: Facts, *, again: bool) -> None:
        """Refuse or note. Call under the repository's lock, before the store gets the bytes."""
        with self.guard:
            self.moto.check_image(repository, tag, facts, again=again)
        self.maybe_orphaned.add(repository, facts.digest)

    def after_push(self, repository: str, tag: str | None, text: str, facts: Facts) -> StoredImage:
        """The store has the bytes: put the image on record, durably."""
        with self.changing() as moto:
            image = moto.record_image(repository, text, tag, facts)
            on_push = moto.find(repository).image_scanning_configuration.get("scanOnPush")
            due = on_push or moto.scan_frequency(repository)[0] != "MANUAL"
        if due and image.scan is None and facts.size is not None:
            self.scan(repository, image)
        return image

    def put_image(
        self, who: str, repository: str, manifest: str, tag: str | None, media_type: str | None, digest: str | None
    ) -> StoredImage:
        """PutImage: as strict as a push, and the image can be pulled afterwards."""
        with self.context.lock(repository):
            with self.guard:
                facts = self.moto.read_image(repository, manifest, media_type, digest)
            self.before_push(repository, tag, facts, again=False)
            missing = [part for part in facts.parts if self.context.store.blob_size(repository, part) is None]
            if missing:
                raise problems.layers_missing(missing, repository, ACCOUNT)
            self.context.store.put_manifest(repository, facts.digest, facts.media_type, manifest.encode("utf-8"))
            image = self.after_push(repository, tag, manifest, facts)
            self.journal(who, "push", repository, tag or "", facts.digest)
            return image

    # Deletions, from either side

    def delete_images(self, repository: str, image_ids: list[ImageId]) -> dict[str, Any]:
        """BatchDeleteImage, in the store too."""
        with self.context.lock(repository):
            with self.guard:
                before = {image.digest for image in self.moto.find(repository).images}
                answer = self.moto.batch_delete_image(repository, None, image_ids)
                gone = before - {image.digest for image in self.moto.find(repository).images}
                if answer["imageIds"]:
                    self.forget(repository, gone)
            self.erase(repository, gone)
        return answer

    def delete_repository(self, who: str, repository: str, force: bool) -> Any:
        """DeleteRepository, in the store too. Returns moto's object of what is gone."""
        with self.context.lock(repository):
            with self.guard:
                gone = self.moto.delete_repository(repository, None, force)
                digests = {image.digest for image in gone.images}
                self.forget(repository, digests)
            self.erase(repository, digests)
        self.journal(who, "delete", repository)
        return gone

    def forget(self, repository: str, digests: set[str]) -> None:
        """Save a record from which these images were struck. Call with the guard held."""
        for digest in digests:
            self.maybe_orphaned.add(repository, digest)
        self.save()

    def erase(self, repository: str, digests: set[str]) -> None:
        """Remove manifests that the record no longer names from the store."""
        for digest in sorted(digests):
            self.context.store.delete_manifest(repository, digest)

    def backdate(self, repository: str, days: Mapping[str, float]) -> int:
        """Let images be older than they are, and the repository as old as the oldest; returns how many were changed.

        Args:
            repository: its name.
            days: digest -> age in days by the emulator's clock; digests that are not there are passed over.
        """
        ages = {digest: float(age) for digest, age in days.items()}
        if not all(0 <= age <= MOST_DAYS for age in ages.values()):
            raise ValueError(f"an age is 0 to {MOST_DAYS} days")
        with self.changing() as moto:
            now, record = self.now(), moto.find(repository)
            changed = [image for image in record.images if image.digest in ages]
            for image in changed:
                image.image_pushed_at = round(now - ages[image.digest] * 86_400, 3)
            oldest = min((image.image_pushed_at for image in record.images), default=now)
            record.created_at = min(record.created_at, datetime.fromtimestamp(oldest, UTC))
        self.journal("owner", "backdate", repository, images=len(changed))
        return len(changed)

    # Pulls, scans, journal

    def pulled(self, repository: str, digest: str) -> None:
        """Note a pull."""
        with self.guard:
            image = self.image(repository, digest)
            if image is not None and self.now() - (image.last_recorded_pull_time or 0.0) >= PULL_GRAIN:
                image.last_recorded_pull_time = self.now()
                self.save()

    def scan(self, repository: str, image: StoredImage) -> None:
        """Begin a scan of an image; its outcome is on record when the scanner is done."""
        began = self.now()
        with self.changing():
            image.scan = scanning.begun(began)
        self._run_later(functools.partial(self._scan, repository, image.digest, began))

    def _scan(self, repository: str, digest: str, began: float) -> None:
        outcome = scanning.run(self.scanner, repository, digest, began)
        with self.guard:
            image = self.image(repository, digest)
            if image is not None:  # it may have been deleted meanwhile
                image.scan = outcome
                self.save()

    def _rescan(self) -> None:
        """Take up the scans that an ended process had begun."""
        with self.guard:
            unfinished = [
                (name, image.digest, image.scan["at"])
                for name, record in self.moto.repositories.items()
                for image in record.images
                if image.scan and image.scan["status"] == scanning.IN_PROGRESS
            ]
        for name, digest, began in unfinished:
            self._run_later(functools.partial(self._scan, name, digest, began))

    def journal(
        self, who: str, what: str, repository: str = "", tag: str = "", digest: str = "", **detail: Any
    ) -> None:
        self.context.journal.record(
            SERVICE, who, what, repository=repository, tag=tag, digest=digest, detail=detail or None
        )

    def reconcile(self) -> list[str]:
        """Make record and store agree after a start; returns what was repaired.

        Bytes that the record does not name are removed. An image whose bytes the store has lost (a volume that was
        deleted or restored from a copy) is struck off: it could not be pulled.
        """
        repaired = []
        for repository, digest in self.maybe_orphaned.entries():
            if not self.has(repository, digest) and self.context.store.delete_manifest(repository, digest):
                repaired.append(f"removed left-over bytes of {repository}@{digest}")
        for name, digest in self._lost():
            with self.changing() as moto:
                moto.remove_image(name, digest)
            self.journal("reconciliation", "lost", name, digest=digest)
            repaired.append(f"{name}@{digest} is no longer in the store and was struck off")
        self.maybe_orphaned.clear()
        self._rescan()
        return repaired

    def _lost(self) -> list[tuple[str, str]]:
        """Images on record whose manifest the store does not have."""
        with self.guard:
            recorded = [
                (name, image.digest) for name, record in self.moto.repositories.items() for image in record.images
            ]
        with ThreadPoolExecutor(8) as pool:
            manifests = pool.map(lambda image: self.context.store.get_manifest(*image), recorded)
            return [image for image, manifest in zip(recorded, manifests, strict=True) if manifest is None]
