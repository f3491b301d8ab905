"""The model: which queue a customer's message belongs to. Integers only, so every machine gives the same answer.

A message becomes features (its words and the letter triples inside them), each feature picks a row of a frozen
pseudo-random table of signed bytes, the rows are added up, and a trained linear head scores each queue. Projecting
sparse features with a fixed random matrix keeps their inner products (Johnson and Lindenstrauss, 1984), so only the
head needs training, and the table is what makes the weights as heavy and as incompressible as real ones.
"""

from __future__ import annotations

import hashlib
import json
import re
import struct
import zlib
from functools import lru_cache
from operator import add, mul
from pathlib import Path
from typing import Any

BUCKETS = 2**15
DIMENSIONS = 256
TABLE_BYTES = BUCKETS * DIMENSIONS  # one signed byte a value: 8 MiB
WORD_WEIGHT = 2  # a whole word says more than one of its letter triples
MAX_TEXT = 2_000  # characters

WEIGHTS_FILE = "weights.bin"
METADATA_FILE = "model.json"

_COMMON = """a an and are at be but by can do does for from had has have i in is it me my of on or our that the this to
was we what when which will with you your"""
_COMMON_WORDS = frozenset(_COMMON.split())


def features(text: str) -> list[str]:
    """What the model sees of a message; empty when nothing but common words and signs is in it."""
    # Only ASCII letters and digits count: their lower case is the same in every version of Unicode.
    words = [word for word in re.findall(r"[a-z0-9]+", text.lower()) if word not in _COMMON_WORDS]
    found = [f"word:{word}" for word in words for _ in range(WORD_WEIGHT)]
    for word in words:
        framed = f"<{word}>"
        found += [f"part:{framed[at : at + 3]}" for at in range(len(framed) - 2)]
    return found


def vector(text: str, table: memoryview) -> list[int]:
    """The sum of the table's rows that the message's features pick.

    Args:
        text: the message.
        table: ``BUCKETS`` rows of ``DIMENSIONS`` signed bytes (format ``"b"``).
    """
    total = [0] * DIMENSIONS
    for feature in features(text):
        start = zlib.crc32(feature.encode("ascii")) % BUCKETS * DIMENSIONS
        total = list(map(add, total, table[start : start + DIMENSIONS]))
    return total


class Model:
    """Weights in memory, ready to answer."""

    def __init__(self, folder: Path) -> None:
        """Read ``weights.bin`` and ``model.json`` from a folder.

        Raises:
            FileNotFoundError: one of the files is missing.
            ValueError: the weights are not the ones that ``model.json`` describes.
        """
        self.metadata: dict[str, Any] = json.loads((folder / METADATA_FILE).read_text(encoding="utf-8"))
        weights = (folder / WEIGHTS_FILE).read_bytes()
        self.digest = "sha256:" + hashlib.sha256(weights).hexdigest()
        if self.digest != self.metadata["weights"]["digest"]:
            raise ValueError(
                f"{WEIGHTS_FILE} has the digest {self.digest}, "
                f"{METADATA_FILE} describes {self.metadata['weights']['digest']}"
            )
        self.queues: list[str] = self.metadata["queues"]
        self.table = memoryview(weights)[:TABLE_BYTES].cast("b")
        values = struct.unpack(f"<{len(self.queues) * DIMENSIONS}q", weights[TABLE_BYTES:])
        self.head = [values[at : at + DIMENSIONS] for at in range(0, len(values), DIMENSIONS)]

    def predict(self, text: str) -> dict[str, Any]:
        """The queue of a message.

        Returns:
            ``queue``; ``score``, how far it leads (0 = a tie with the next, 1 = all others tie for last), rounded to
            four decimals; ``runner_up``, the queue that came second.

        Raises:
            ValueError: the text is too long, or nothing in it tells one queue from another.
        """
        if len(text) > MAX_TEXT:
            raise ValueError(f"the text has {len(text)} characters, at most {MAX_TEXT} are allowed")
        if not features(text):
            raise ValueError("the text holds no word that the model can use")
        seen = vector(text, self.table)
        points = {queue: sum(map(mul, row, seen)) for queue, row in zip(self.queues, self.head, strict=True)}
        first, second, *_ = ranking = sorted(points, key=lambda queue: (-points[queue], queue))
        return {
            "queue": first,
            "score": _ratio(points[first] - points[second], points[first] - points[ranking[-1]]),
            "runner_up": second,
        }


def _ratio(part: int, whole: int) -> float:
    """``part / whole`` rounded half up to four decimals, in integers until the last step."""
    return (part * 20_000 + whole) // (2 * whole) / 10_000 if whole else 0.0


@lru_cache(maxsize=4)
def _load(folder: Path, _stamps: tuple[int, int]) -> Model:
    return Model(folder)


def predict(text: str, folder: Path) -> dict[str, Any]:
    """``Model(folder).predict(text)``, reading the files again only when they changed.

    Raises:
        FileNotFoundError, ValueError: as ``Model`` and ``Model.predict`` do.
    """
    stamps = (folder / WEIGHTS_FILE).stat().st_mtime_ns, (folder / METADATA_FILE).stat().st_mtime_ns
    return _load(folder.resolve(), stamps).predict(text)
