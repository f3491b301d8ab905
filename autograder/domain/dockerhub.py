"""Docker Hub in numbers and names: who is called how, how many pulls an account has, how an answer names the puller."""

from __future__ import annotations

import hashlib
import re

# https://docs.docker.com/accounts/create-account/ : 4 to 30 characters, numbers and lower-case letters
USERNAME = re.compile(r"[a-z0-9]{4,30}\Z")
# https://docs.docker.com/docker-hub/usage/pulls/ : pulls in six hours, without a login and with a Personal account
ANONYMOUS_PULLS, PERSONAL_PULLS = 100, 200


def account_id(user: str) -> str:
    """What the header ``docker-ratelimit-source`` calls an account: at Docker Hub a UUID, here one made of the name."""
    digits = hashlib.sha256(user.encode()).hexdigest()[:32]
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def fingerprint(secret: str) -> str:
    """A short name for a secret that does not give it away: the first 12 hex digits of its SHA-256."""
    return hashlib.sha256(secret.encode()).hexdigest()[:12]
