"""Trains the model: ``python train.py --out weights`` writes weights.bin and model.json, the same bytes everywhere.

Standard library and integers only. The head is an averaged perceptron with a margin (Collins, 2002; Krauth and
Mézard, 1987), trained on the patterns of ``messages.toml`` and measured on the messages held out there.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import itertools
import json
import math
import os
import re
import struct
import sys
import tomllib
from collections.abc import Iterator
from operator import add, mul, sub
from pathlib import Path
from types import ModuleType
from typing import Any

HERE = Path(__file__).resolve().parent
MESSAGES = HERE / "messages.toml"
SEED = b"ml-model embedding table, 1"
PASSES = 15
FILLINGS = 10  # messages made from one pattern, at most
WRITTEN = 1_767_225_600  # seconds since 1970: the files' time is fixed, since a layer records it (2026-01-01 UTC)


def _load_model_code() -> ModuleType:
    """``app/model.py`` by its path: ``model`` is too common a name to look for on ``sys.path``."""
    spec = importlib.util.spec_from_file_location("ml_model_app_model", HERE / "app" / "model.py")
    if spec is None or spec.loader is None:
        raise ImportError(f"{HERE / 'app' / 'model.py'} cannot be loaded")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


model = _load_model_code()


def train(out: Path) -> dict[str, Any]:
    """Make sure that ``out`` holds the trained weights, and return their metadata.

    Idempotent: files that the present recipe wrote are left as they are (known by their digest), which takes
    milliseconds. Anything else is written anew, whole or not at all.

    Raises:
        OSError: the folder cannot be written.
    """
    data = tomllib.loads(MESSAGES.read_text(encoding="utf-8"))
    recipe = _recipe(data)
    if (present := _present(out, recipe)) is not None:
        return present
    queues = sorted(data["train"])
    messages = [(text, queue) for queue in queues for text in expand(data["train"][queue], data["slots"])]
    raw_table = hashlib.shake_256(SEED).digest(model.TABLE_BYTES)
    table = memoryview(raw_table).cast("b")
    head = fit([(model.vector(text, table), queues.index(queue)) for text, queue in messages], len(queues))
    weights = raw_table + struct.pack(f"<{len(queues) * model.DIMENSIONS}q", *itertools.chain(*head))

    held_out = [(model.vector(text, table), queues.index(queue)) for queue in queues for text in data["test"][queue]]
    right = sum(_best(head, seen) == queue for seen, queue in held_out)
    metadata = {
        "format": 1,
        "task": "route a customer's message to a queue",
        "queues": queues,
        "weights": {
            "file": model.WEIGHTS_FILE,
            "size": len(weights),
            "digest": "sha256:" + hashlib.sha256(weights).hexdigest(),
        },
        "training": {"messages": len(messages), "passes": PASSES, "recipe": recipe},
        "held_out": {
            "messages": len(held_out),
            "right": right,
            "accuracy": round(right / len(held_out), 4),
            "note": "written by the authors of the training messages: expect less on messages of other people",
        },
        "license": "MIT",
    }
    out.mkdir(parents=True, exist_ok=True)
    _write(out / model.WEIGHTS_FILE, weights)
    _write(out / model.METADATA_FILE, (json.dumps(metadata, indent=2) + "\n").encode("ascii"))
    return metadata


def expand(patterns: list[str], slots: dict[str, list[str]]) -> Iterator[str]:
    """Fill the slots of each pattern, spread evenly over the possible fillings, at most ``FILLINGS`` a pattern."""
    for pattern in patterns:
        names = re.findall(r"\{(\w+)\}", pattern)
        fillings = list(itertools.product(*(slots[name] for name in names)))
        for filling in fillings[:: max(1, len(fillings) // FILLINGS)][:FILLINGS]:
            yield pattern.format(**dict(zip(names, filling, strict=True)))


def fit(examples: list[tuple[list[int], int]], queues: int) -> list[list[int]]:
    """The averaged weights of a perceptron that wants the right queue ahead by the square of the message's length."""
    current = [[0] * model.DIMENSIONS for _ in range(queues)]
    average = [[0] * model.DIMENSIONS for _ in range(queues)]
    left = PASSES * len(examples)
    for at in _orders(len(examples)):
        seen, queue = examples[at]
        points = [sum(map(mul, row, seen)) for row in current]
        rival = max((other for other in range(queues) if other != queue), key=points.__getitem__)
        if points[queue] - points[rival] < sum(map(mul, seen, seen)):
            weighted = [value * left for value in seen]
            current[queue] = list(map(add, current[queue], seen))
            current[rival] = list(map(sub, current[rival], seen))
            average[queue] = list(map(add, average[queue], weighted))
            average[rival] = list(map(sub, average[rival], weighted))
        left -= 1
    return average


def _orders(count: int) -> Iterator[int]:
    """Every index once a pass, in big strides, so that neighbours are not of one queue."""
    stride = next(step for step in range(389, 389 + count + 1) if math.gcd(step, count) == 1)
    for _ in range(PASSES):
        yield from (at * stride % count for at in range(count))


def _best(head: list[list[int]], seen: list[int]) -> int:
    points = [sum(map(mul, row, seen)) for row in head]
    return max(range(len(points)), key=points.__getitem__)


def _recipe(data: dict[str, Any]) -> str:
    """A digest of everything that decides the weights; of parsed data, so that line endings do not matter."""
    known = [model.features("The Probe, of 2 features!"), model.BUCKETS, model.DIMENSIONS]
    parts = [data, SEED.decode("ascii"), PASSES, FILLINGS, known]
    return "sha256:" + hashlib.sha256(json.dumps(parts, sort_keys=True).encode("ascii")).hexdigest()


def _present(out: Path, recipe: str) -> dict[str, Any] | None:
    """The metadata of weights that are already there, whole and of this recipe; otherwise nothing."""
    try:
        metadata: dict[str, Any] = model.Model(out).metadata
        return metadata if metadata["training"]["recipe"] == recipe else None
    except (OSError, ValueError, KeyError, TypeError, struct.error):
        return None


def _write(path: Path, content: bytes) -> None:
    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(content)
    partial.chmod(0o644)  # readable for the image's user whatever the umask is
    os.utime(partial, (WRITTEN, WRITTEN))
    partial.replace(path)


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description="Train the model that ml-model serves.")
    parser.add_argument("--out", type=Path, default=HERE / "weights", help="folder for weights.bin and model.json")
    metadata = train(parser.parse_args().out)
    held_out = metadata["held_out"]
    print(f"weights {metadata['weights']['digest']} ({metadata['weights']['size'] / 2**20:.1f} MiB)")
    print(f"held out: {held_out['right']} of {held_out['messages']} messages right ({held_out['accuracy']:.1%})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
