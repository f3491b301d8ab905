"""What one run of ``acr purge`` does: first tags, then, with ``--untagged``, the manifests that no tag holds.

The rules are in :mod:`autograder.domain.retention.acr_rules`. The answer is that of the command's own ``--dry-run``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from autograder.domain.regex import Regex, compile_regex
from autograder.domain.retention import acr_rules, graph
from autograder.domain.retention.acr_command import Purge, repository_regex
from autograder.domain.retention.durations import age_text
from autograder.domain.retention.model import Action, Image, Result

RULE = "purge"
LOCKED_INDEX = (
    "acr purge 0.19 skips a locked index before it notes what the index refers to, so nothing protects this image; "
    "the documentation does not say so"
)


@dataclass(slots=True)
class _Run:
    """The state of a run over one repository, by position of the image."""

    removed: dict[int, list[str]] = field(default_factory=dict)
    why_kept: dict[int, str] = field(default_factory=dict)
    expired: set[int] = field(default_factory=set)
    notes: dict[int, str] = field(default_factory=dict)


def evaluate(purge: Purge, images: Sequence[Image], now: datetime) -> list[Result]:
    """Run a valid command over the images of all repositories.

    An image whose repository is not known is taken to lie in every repository a filter names.
    """
    results: dict[int, Result] = {}
    by_filter = [(repository_regex(item), compile_regex(item.tag)) for item in purge.filters]
    for group in graph.by_repository(images):
        repository = [images[position] for position in group]
        name = repository[0].repository
        tags = [tag for whole_name, tag in by_filter if not name or whole_name.search(name)]
        if not tags and not (purge.untagged_only and not purge.filters):
            found = [_result(image, f"no --filter matches the repository {name}", None) for image in repository]
        else:
            found = _run(purge, tags, repository, now)
        for position, result in zip(group, found, strict=True):
            results[position] = result
    return [results[position] for position in range(len(images))]


def _run(purge: Purge, expressions: Sequence[Regex], images: Sequence[Image], now: datetime) -> list[Result]:
    run = _Run()
    if purge.untagged_only:
        run.why_kept = {
            p: "it has tags, and --untagged-only leaves those alone" for p, i in enumerate(images) if i.tags
        }
    else:
        _remove_tags(run, purge, expressions, images, now)
    if purge.untagged or purge.untagged_only:
        _remove_manifests(run, purge, images, now)
    results = [_describe(run, purge, position, image, now) for position, image in enumerate(images)]
    graph.settle_followers(results, graph.subjects(images), _follower)
    return results


def _remove_tags(run: _Run, purge: Purge, expressions: Sequence[Regex], images: Sequence[Image], now: datetime) -> None:
    """The first phase: matching tags that are old enough and not locked go, except the newest ``--keep``."""
    eligible: list[tuple[int, str]] = []
    for position, image in enumerate(images):
        for tag in image.tags:
            if not acr_rules.tag_matches(expressions, tag):
                run.why_kept.setdefault(position, f"its tag {tag} matches no --filter")
            elif not acr_rules.is_old(acr_rules.tag_time(image, tag), now, purge.ago):
                age = age_text(now, acr_rules.tag_time(image, tag))
                run.why_kept.setdefault(position, f"its tag {tag} is {age} old, and --ago is {purge.ago_text}")
            elif acr_rules.tag_is_locked(image, tag) and not purge.include_locked:
                run.why_kept.setdefault(position, f"its tag {tag} is locked")
            else:
                eligible.append((position, tag))
    eligible.sort(key=lambda item: (acr_rules.tag_time(images[item[0]], item[1]), item[0]), reverse=True)
    going = acr_rules.keep_newest_tags(eligible, purge.keep)
    for position, tag in going:
        run.removed.setdefault(position, []).append(tag)
    for position, tag in eligible:
        if tag not in run.removed.get(position, ()):
            why = f"its tag {tag} is among the {purge.keep} newest that --keep spares"
            run.why_kept.setdefault(position, why)


def _remove_manifests(run: _Run, purge: Purge, images: Sequence[Image], now: datetime) -> None:
    """The second phase: manifests that no tag holds and no index that stays refers to."""
    candidates, locked, staying = [], [], []
    for position, image in enumerate(images):
        if acr_rules.manifest_is_locked(image) and not purge.include_locked:
            run.why_kept.setdefault(position, "it is locked")
            locked.append(position)
        elif not acr_rules.loses_all_tags(image, len(run.removed.get(position, ()))):
            staying.append(position)
        elif not acr_rules.is_old(acr_rules.manifest_time(image), now, purge.ago):
            age = age_text(now, acr_rules.manifest_time(image))
            run.why_kept.setdefault(position, f"it was updated {age} ago, and --ago is {purge.ago_text or '0d'}")
            staying.append(position)
        elif acr_rules.refers_to_subject(image):
            run.why_kept.setdefault(position, "it refers to a subject, and goes when that goes")
            staying.append(position)
        else:
            candidates.append(position)
    protected = _descendants(staying, images)
    for position, index in protected.items():
        run.why_kept.setdefault(position, f"the index {index} refers to it and stays")
    candidates = [position for position in candidates if position not in protected]
    run.expired = set(acr_rules.keep_newest_manifests(candidates, images, purge.keep))
    spared = f"it is among the {purge.keep} newest untagged manifests that --keep spares"
    for position in candidates:
        if position not in run.expired:
            run.why_kept.setdefault(position, spared)
    below_locked, unknown = _descendants(locked, images), graph.has_unknown_children(images)
    for position in run.expired:
        if position in below_locked:
            run.notes[position] = LOCKED_INDEX
        elif unknown and not images[position].tags:
            run.notes[position] = graph.UNKNOWN_CHILDREN


def _descendants(starts: Sequence[int], images: Sequence[Image]) -> dict[int, str]:
    """What the given manifests refer to, over any number of levels, each with the name of an index that does."""
    where = {image.digest: position for position, image in enumerate(images)}
    found: dict[int, str] = {}
    pending = list(starts)
    while pending:
        image = images[pending.pop()]
        if not acr_rules.protects_children(image):
            continue
        name = graph.index_name([image])
        for digest in image.children or ():
            child = where.get(digest)
            if child is not None and child not in found:
                found[child] = name
                pending.append(child)
    return found


def _describe(run: _Run, purge: Purge, position: int, image: Image, now: datetime) -> Result:
    removed = tuple(run.removed.get(position, ()))
    tags = f"its tag{'s' if len(removed) > 1 else ''} {', '.join(removed)}"
    if position in run.expired:
        if removed:
            why = f"acr purge removes {tags}, and then the manifest, which no tag holds any more"
        else:
            why = f"it is untagged and was updated {age_text(now, acr_rules.manifest_time(image))} ago"
        note = run.notes.get(position, "")
        return Result(image.digest, Action.EXPIRE, RULE, why, bool(note), note, removed, image.repository)
    if not removed:
        why = run.why_kept.get(position, "it is untagged, and without --untagged acr purge only removes tags")
        return _result(image, why, None)
    if len(removed) < len(image.tags):
        why = f"acr purge removes {tags}, but the image stays: {run.why_kept[position]}"
    elif purge.untagged:
        why = f"acr purge removes {tags}, but the manifest stays: {run.why_kept[position]}"
    else:
        why = f"acr purge removes {tags}; the manifest stays, untagged, since --untagged is not set: no byte is freed"
    return Result(image.digest, Action.KEEP, RULE, why, tags_removed=removed, repository=image.repository)


def _follower(own: Result, subject: Result) -> Result:
    """A reference artifact goes with its subject: the registry removes it."""
    if subject.action is not Action.EXPIRE or own.action is Action.EXPIRE:
        return own
    why = f"it refers to {graph.short(subject.digest)}, which goes, and the registry removes it with that"
    return replace(
        own,
        action=Action.EXPIRE,
        rule=RULE,
        why=why,
        undecided=subject.undecided,
        note=subject.note,
        follows=subject.digest,
    )


def _result(image: Image, why: str, rule: str | None) -> Result:
    return Result(image.digest, Action.KEEP, rule, why, repository=image.repository)
