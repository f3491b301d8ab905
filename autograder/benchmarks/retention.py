"""How long a retention preview takes and how much memory it needs, for 1,000, 10,000 and 100,000 images."""

from __future__ import annotations

import gc
import time
import tracemalloc
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from autograder.domain.retention import acr, acr_policy, artifact_registry, ecr, ecr_validate, gar_validate
from autograder.domain.retention.model import Image, Preview
from autograder.oci.manifests import DOCKER_LIST, DOCKER_MANIFEST

SIZES = (1_000, 10_000, 100_000)
RULES = 50
BUDGET = {10_000: 1.0}  # seconds of processor time, for the number of images of the promise
REPEATS = {100_000: 1}  # of the measurement of a size; of every other size three
YEAR = timedelta(days=365)
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


def run() -> list[dict[str, object]]:
    """Measure each dialect at each size.

    Returns:
        One row a measurement: ``name``, ``images``, ``rules``, ``seconds`` and ``cpu_seconds`` (best of three, of the
        largest size once; they differ on a busy machine), ``peak_bytes`` (of the evaluation alone, results included),
        ``bytes_per_image``, and ``budget_seconds`` with ``within_budget`` (by processor time) where there is a budget.
    """
    rows = []
    for size in SIZES:
        images = fleet(size)
        for name, rules, evaluate in _subjects():
            rows.append(_measure(f"retention {name}", rules, images, evaluate))
    return rows


def fleet(size: int) -> list[Image]:
    """Images as a busy repository holds them: releases, builds, indexes with two children each, untagged ones.

    Args:
        size: how many; the same images every time.
    """
    digests = ["sha256:" + sha256(str(number).encode()).hexdigest() for number in range(size)]
    images = []
    for number, digest in enumerate(digests):
        kind, tags, children = number % 10, (), ()  # type: tuple[int, tuple[str, ...], tuple[str, ...]]
        if kind in (0, 1, 2):
            tags = (f"team{number % 48:02}-{number:06}", f"sha-{digest[7:14]}{number}")
        elif kind in (3, 4):
            tags = (f"v1.{number}.0",)
        elif kind == 5 and number >= 2:
            tags, children = (f"multi-{number:06}",), (digests[number + 1 - 5], digests[number - 1 - 5])
        images.append(
            Image(
                digest,
                NOW - (size - number) * YEAR / size,
                tags,
                size=30_000_000,
                media_type=DOCKER_LIST if children else DOCKER_MANIFEST,
                children=children,
            )
        )
    return images


def lifecycle_policy(dense: bool) -> dict[str, object]:
    """A lifecycle policy of 50 rules: 48 with a pattern, one for untagged images, one for all.

    Args:
        dense: whether each pattern matches every tagged image (the worst case) instead of one team's.
    """
    rules: list[dict[str, object]] = []
    for number in range(RULES):
        selection: dict[str, object] = {
            "tagStatus": "tagged",
            "tagPatternList": ["*" if dense else f"team{number:02}-*"],
        }
        if number >= RULES - 2:
            selection = {"tagStatus": "untagged" if number == RULES - 2 else "any"}
        if number % 2:
            selection |= {"countType": "imageCountMoreThan", "countNumber": 10 + number}
        else:
            selection |= {"countType": "sinceImagePushed", "countUnit": "days", "countNumber": 10 + number}
        rules.append({"rulePriority": number + 1, "selection": selection, "action": {"type": "expire"}})
    return {"rules": rules}


def _subjects() -> list[tuple[str, int, Callable[[Sequence[Image]], Preview]]]:
    sparse = ecr_validate.parse_document(lifecycle_policy(dense=False))
    dense = ecr_validate.parse_document(lifecycle_policy(dense=True))
    cleanup = gar_validate.parse_document(
        [
            *(
                {
                    "name": f"old-{number}",
                    "action": {"type": "Delete"},
                    "condition": {"tagState": "tagged", "tagPrefixes": [f"team{number:02}-"], "olderThan": "30d"},
                }
                for number in range(8)
            ),
            {"name": "untagged", "action": {"type": "Delete"}, "condition": {"tagState": "untagged"}},
            {"name": "recent", "action": {"type": "Keep"}, "mostRecentVersions": {"keepCount": 100}},
        ]
    )
    purge = acr_policy.parse(
        "acr purge --filter '.*:^team[0-9]+-' --filter '.*:^sha-.*$' --ago 30d --untagged --keep 9"
    )
    return [
        ("ecr, rules of one team each", RULES, lambda images: ecr.evaluate(sparse, images, NOW)),
        ("ecr, rules that all see everything", RULES, lambda images: ecr.evaluate(dense, images, NOW)),
        ("gar", 10, lambda images: artifact_registry.evaluate(cleanup, images, NOW)),
        ("acr purge", 2, lambda images: acr.evaluate(purge, images, NOW)),
    ]


def _measure(
    name: str, rules: int, images: Sequence[Image], evaluate: Callable[[Sequence[Image]], Preview]
) -> dict[str, object]:
    seconds, cpu_seconds = [], []
    for _ in range(REPEATS.get(len(images), 3)):
        gc.collect()
        started, cpu_started = time.perf_counter(), time.process_time()
        evaluate(images)
        seconds.append(time.perf_counter() - started)
        cpu_seconds.append(time.process_time() - cpu_started)
    tracemalloc.start()
    try:
        kept = evaluate(images)  # held, so that the results count
        peak = tracemalloc.get_traced_memory()[1]
        assert len(kept.results) == len(images)
    finally:
        tracemalloc.stop()
    row: dict[str, object] = {
        "name": name,
        "images": len(images),
        "rules": rules,
        "seconds": round(min(seconds), 4),
        "cpu_seconds": round(min(cpu_seconds), 4),
        "peak_bytes": peak,
        "bytes_per_image": round(peak / len(images)),
    }
    if len(images) in BUDGET:
        row |= {"budget_seconds": BUDGET[len(images)], "within_budget": min(cpu_seconds) <= BUDGET[len(images)]}
    return row
