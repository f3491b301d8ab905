"""Sign a submission: who has a student's student.toml can submit in that student's name, and nobody else.

The key is derived from the seed that the student was handed out for the lab, so student and class have it and nothing
new is handed out. What is signed is submission.json, byte for byte, which lists every other file with its hash.
"""

from __future__ import annotations

import hashlib
import hmac

from autograder.evidence.submission_zip import SIGNATURE, Signature

# Keeps the key apart from what else is drawn from a seed: no personal parameter has a name like this.
LABEL = b"registry-course: signature of submission.json, 1"


def sign(seed: str, content: bytes) -> bytes:
    """The bytes of submission.sig.

    Args:
        seed: the student's seed for the lab, as handed out.
        content: the bytes of submission.json.
    """
    return SIGNATURE.to_json(Signature(hmac_sha256=_hmac(seed, content))) + b"\n"


def fits(seed: str, content: bytes, signature: Signature) -> bool:
    """Whether a signature is that of ``content`` by whoever has ``seed``; takes the same time for every wrong one."""
    return hmac.compare_digest(_hmac(seed, content), signature.hmac_sha256)


def _hmac(seed: str, content: bytes) -> str:
    key = hmac.new(seed.encode(), LABEL, hashlib.sha256).digest()
    return hmac.new(key, content, hashlib.sha256).hexdigest()
