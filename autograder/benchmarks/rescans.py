"""How long the grader's rescan of an image takes, alone, several at once, and from the store; goal: 2 s each."""

from __future__ import annotations

import gzip
import io
import json
import statistics
import tarfile
import tempfile
import time
import zipfile
from pathlib import Path

from autograder.benchmarks import workers_ended
from autograder.domain.advisories import wheels as known
from autograder.evidence import layout
from autograder.evidence.layout import MemorySource, blob_name
from autograder.grading.batch import default_jobs
from autograder.oci.manifests import OCI_CONFIG, OCI_LAYER_GZIP, OCI_MANIFEST, descriptor, digest_of
from autograder.scanning import grader, wheels
from autograder.services import engine, images

GOAL_S = 2.0
IMAGES = 9  # for each figure; every one is another image, so that nothing comes from the store
SITE = "usr/local/lib/python3.11/site-packages"


def run() -> list[dict[str, object]]:
    """Rescan images with all planted packages, 8 MB of files above the base, as lab 09's are.

    Returns:
        rows with median and longest time in seconds, and for several at once the time a rescan of the whole.

    Raises:
        EnvironmentProblem: no engine, or the wheels cannot be had.
    """
    import joblib

    kept = wheels.fetch()
    jobs = default_jobs()
    with tempfile.TemporaryDirectory(prefix="course-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        tar = _packages(kept)
        _rescan(tar, 0, folder)  # the database is written, the layers of the scanner's container are warm
        alone = [_rescan(tar, number, folder) for number in range(1, IMAGES + 1)]
        stored = [_rescan(tar, number, folder) for number in range(1, IMAGES + 1)]
        with workers_ended(), joblib.Parallel(n_jobs=jobs) as pool:
            pool(joblib.delayed(_rescan)(tar, 100 + number, folder) for number in range(jobs))
            began = time.perf_counter()
            several = pool(joblib.delayed(_rescan)(tar, 200 + number, folder) for number in range(IMAGES))
            whole = time.perf_counter() - began
    return [
        _row("one after the other", alone),
        _row(f"{jobs} at once", several) | {"whole_s_each": round(whole / IMAGES, 2)},
        _row("from the store", stored),
    ]


def _row(what: str, times: list[float]) -> dict[str, object]:
    median = statistics.median(times)
    return {
        "what": what,
        "images": len(times),
        "median_s": round(median, 2),
        "longest_s": round(max(times), 2),
        "goal_s": GOAL_S,
        "met": median <= GOAL_S,
    }


def _packages(kept: Path) -> bytes:
    """A layer with every package of the lab in its old version."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as archive:
        for one in known.choices():
            with zipfile.ZipFile(kept / one.vulnerable.file) as wheel:
                for info in wheel.infolist():
                    entry = tarfile.TarInfo(f"{SITE}/{info.filename}")
                    entry.size = info.file_size
                    archive.addfile(entry, io.BytesIO(wheel.read(info)))
    return raw.getvalue()


def _rescan(tar: bytes, number: int, folder: Path) -> float:
    """Seconds of one rescan, the engine's client and the reading of the submission included."""
    source, digest = _image(tar, number)
    began = time.perf_counter()
    client = engine.connect()
    try:
        images.ensure(client, images.REGISTRY)
        held = layout.verify(source, service="registry", name="team/ml-model", layers="all")
        found = grader.rescanner(client, images.REGISTRY, folder).rescan(held, source, digest)
    finally:
        client.close()
    seconds = time.perf_counter() - began
    assert found[0].graded, "the old packages are found"
    return seconds


def _image(tar: bytes, number: int) -> tuple[MemorySource, str]:
    """An image of that layer, told from others by its config."""
    config = {"config": {"Labels": {"number": str(number)}}, "rootfs": {"type": "layers", "diff_ids": [digest_of(tar)]}}
    packed, described = gzip.compress(tar, 6, mtime=0), json.dumps(config).encode()
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": descriptor(OCI_CONFIG, described),
            "layers": [descriptor(OCI_LAYER_GZIP, packed)],
        }
    ).encode()
    entry = {"mediaType": OCI_MANIFEST, "digest": digest_of(manifest), "size": len(manifest)}
    index = {"schemaVersion": 2, "manifests": [{**entry, "annotations": {layout.REF_NAME: "1"}}]}
    files = {blob_name(digest_of(each)): each for each in (packed, described, manifest)}
    return MemorySource({**files, "index.json": json.dumps(index).encode()}), digest_of(manifest)
