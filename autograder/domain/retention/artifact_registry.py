"""What the cleanup policies of an Artifact Registry repository do to its images, in one run.

The rules are in :mod:`autograder.domain.retention.gar_rules`. Cost: each policy looks at each image once. Subjects are
not looked at: what happens to a reference artifact when its subject goes is not documented for cleanup policies. An
index keeps the images it refers to ("Manifest is still referenced by one or more parent images", recorded in
https://github.com/GoogleCloudPlatform/gcr-cleaner/issues/118).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from autograder.domain.retention import gar_rules, graph
from autograder.domain.retention.durations import age_text
from autograder.domain.retention.gar_rules import CleanupPolicy, RepositoryPolicy
from autograder.domain.retention.model import Action, Image, Preview, Result

NO_DELETE = "there is no Delete policy: a Keep policy alone deletes nothing"
DRY_RUN = "dry run is on: the deletions are only logged until you set --no-dry-run"
COUNT_OPEN = (
    "Google does not document whether the platform images of an index take up places in keepCount; "
    "if they do not, this image is kept"
)
PULL_OPEN = "the list holds no pull times, so moreStaleThan is measured from the upload"


def evaluate(policy: RepositoryPolicy, images: Sequence[Image], now: datetime) -> Preview:
    """Evaluate valid cleanup policies once.

    Args:
        policy: from :func:`autograder.domain.retention.gar_validate.parse`.
        images: the images; those of several packages stand in one list, and counts are per package.
        now: the aware time of the evaluation.
    """
    results: dict[int, Result] = {}
    for group in graph.by_repository(images):
        package = [images[position] for position in group]
        for position, result in zip(group, _decide(policy, package, now), strict=True):
            results[position] = result
    return Preview(
        tuple(results[position] for position in range(len(images))),
        dry_run=policy.dry_run,
        notes=tuple(_notes(policy, images)),
    )


def _decide(policy: RepositoryPolicy, images: Sequence[Image], now: datetime) -> list[Result]:
    """The results for the versions of one package."""
    keeps, deletes, count_open = _matches(policy, images, now)
    parents = graph.parents(images)
    content_unknown = graph.has_unknown_children(images)
    results = []
    for position, image in enumerate(images):
        keep, delete = keeps.get(position), deletes.get(position)
        holders = [images[parent] for parent in parents.get(position, ())]
        if delete is None or not gar_rules.keep_beats_delete(keep is not None, delete is not None):
            results.append(_kept(image, keep, delete))
        elif holders:  # the registry refuses: GOOGLE_MANIFEST_DANGLING_PARENT_IMAGE
            index = graph.index_name(holders)
            why = f"Delete policy {delete.name} matches, but the index {index} refers to this image: it has to go first"
            results.append(_result(image, Action.KEEP, None, why))
        elif gar_rules.tag_forbids_delete(policy, image):
            why = f"Delete policy {delete.name} matches, but in a repository with immutable tags tagged images stay"
            results.append(_result(image, Action.KEEP, None, why))
        else:
            note = ""
            if content_unknown and not image.tags:
                note = graph.UNKNOWN_CHILDREN
            elif position in count_open:
                note = COUNT_OPEN
            elif delete.condition and delete.condition.more_stale_than is not None and image.pulled is None:
                note = PULL_OPEN
            why = f"Delete policy {delete.name} matches, and no Keep policy does; {_facts(image, now)}"
            results.append(_result(image, Action.EXPIRE, delete.name, why, note))
    return results


def _matches(
    policy: RepositoryPolicy, images: Sequence[Image], now: datetime
) -> tuple[dict[int, CleanupPolicy], dict[int, CleanupPolicy], set[int]]:
    """Per image of a package the first matching Keep and Delete, and the images that counting children decides."""
    keeps: dict[int, CleanupPolicy] = {}
    deletes: dict[int, CleanupPolicy] = {}
    kept_without: set[int] = set()
    ranked = gar_rules.newest_first(images)
    unsure_places = graph.unsure_places(images)
    package = images[0].repository
    for item in policy.policies:
        matched = keeps if item.keeps else deletes
        if item.condition is not None:
            for position, image in enumerate(images):
                if gar_rules.meets(item.condition, image, now):
                    matched.setdefault(position, item)
        elif gar_rules.concerns_package(item, package):
            for position in gar_rules.most_recent(item, ranked):
                matched.setdefault(position, item)
            without = [position for position in ranked if position not in unsure_places]
            kept_without.update(gar_rules.most_recent(item, without))
    return keeps, deletes, kept_without - keeps.keys()


def _kept(image: Image, keep: CleanupPolicy | None, delete: CleanupPolicy | None) -> Result:
    if keep is not None and delete is not None:
        why = f"Keep policy {keep.name} beats Delete policy {delete.name}"
    elif keep is not None:
        why = f"Keep policy {keep.name} matches, and no Delete policy does"
    else:
        why = "no Delete policy matches this image"
    return _result(image, Action.KEEP, keep.name if keep else None, why)


def _facts(image: Image, now: datetime) -> str:
    return f"{'tagged' if image.tags else 'untagged'} and uploaded {age_text(now, image.pushed)} ago"


def _notes(policy: RepositoryPolicy, images: Sequence[Image]) -> list[str]:
    notes = [DRY_RUN] if policy.dry_run else []
    if all(item.keeps for item in policy.policies):
        notes.append(NO_DELETE)
    by_package = any(
        item.package_prefixes or (item.condition and item.condition.package_prefixes) for item in policy.policies
    )
    if by_package and any(not image.repository for image in images):
        notes.append("some images come without a package name, and package prefixes never match those")
    return notes


def _result(image: Image, action: Action, rule: str | None, why: str, note: str = "") -> Result:
    return Result(image.digest, action, rule, why, undecided=bool(note), note=note, repository=image.repository)
