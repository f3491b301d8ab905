"""Names of teams, as version 0.1.0 had them."""

from __future__ import annotations

BIRDS = (
    "avocet", "bittern", "curlew", "dipper", "dunlin", "egret", "fulmar", "gannet", "godwit", "heron", "ibis",
    "jackdaw", "kestrel", "kittiwake", "lapwing", "merlin", "nuthatch", "osprey", "petrel", "plover", "redshank",
    "siskin", "tern", "whimbrel",
)  # fmt: skip
